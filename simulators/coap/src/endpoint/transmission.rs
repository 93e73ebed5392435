//! Messages on their way: ids, copies, repetition, and what expires.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::Duration;

use twinproof_kernel::Time;

use super::{Address, Endpoint, Event, Exchange, Failure, RequestId, SendError, Turn, UsedUp};
use crate::{Packet, Parameters, Token, Type};

#[derive(Debug)]
pub(super) struct Expiries<P> {
    pub(super) seen_con: VecDeque<(Time, (P, u16))>,
    pub(super) seen_non: VecDeque<(Time, (P, u16))>,
    pub(super) acknowledgements: VecDeque<(Time, (P, u16))>,
    pub(super) peers: VecDeque<(Time, P)>,
    pub(super) assemblies: VecDeque<(Time, (P, u64))>,
    pub(super) bodies: VecDeque<(Time, (P, u64))>,
}

/// What is known of a peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) first_id: u16,
    pub(super) issued: u64,
    /// When each run of [`RUN`] message ids was last used up.
    pub(super) used_up: Option<UsedUp>,
    pub(super) outstanding: u32,
    /// Message ids that wait for one of the outstanding messages.
    pub(super) waiting: VecDeque<u16>,
    /// The newest non-confirmable messages, which a Reset may name.
    pub(super) recent: VecDeque<(u16, Purpose)>,
    pub(super) touched: Time,
}

impl Peer {
    pub(super) const fn new(first_id: u16, now: Time) -> Self {
        Self {
            first_id,
            issued: 0,
            used_up: None,
            outstanding: 0,
            waiting: VecDeque::new(),
            recent: VecDeque::new(),
            touched: now,
        }
    }

    fn is_idle(&self) -> bool {
        self.outstanding == 0 && self.waiting.is_empty()
    }
}

/// Message ids are watched in runs: when the last of a run was used says when the first of it may be
/// used again.
pub(super) const RUN: u64 = 1024;
pub(super) const RUNS: usize = 64;

/// How many non-confirmable messages to one peer a Reset may name.
pub(super) const RECENT: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Request(Token),
    Response,
    Notification(Token),
    Ping(Token),
}

#[derive(Debug)]
pub(super) struct Seen {
    pub(super) expires: Time,
    pub(super) stage: Stage,
    /// What a copy is answered with.
    pub(super) reply: Option<Box<[u8]>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Open,
    Acknowledged,
    Answered,
}

#[derive(Debug)]
pub(super) struct Sent {
    pub(super) datagram: Vec<u8>,
    pub(super) purpose: Purpose,
    pub(super) repeated: u32,
    pub(super) timeout: Duration,
    /// None while the message waits for its turn.
    pub(super) deadline: Option<Time>,
}

/// A timer; what it belongs to says when it is really due.
#[derive(Debug)]
pub(super) struct Due<P> {
    pub(super) at: Time,
    pub(super) started: u64,
    pub(super) timer: Timer<P>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Timer<P> {
    Sent(P, u16),
    Request(P, Token),
}

impl<P> PartialEq for Due<P> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<P> Eq for Due<P> {}

impl<P> PartialOrd for Due<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> Ord for Due<P> {
    /// The earliest is the greatest, as the heap wants it; of two at once, the one started first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.started).cmp(&(self.at, self.started))
    }
}

impl<P: Address> Endpoint<P> {
    /// What a copy of this message is answered with: nothing if it was not here, or had no answer.
    pub fn answered_with(&self, peer: P, message_id: u16) -> Option<&[u8]> {
        self.seen.get(&(peer, message_id))?.reply.as_deref()
    }

    /// Forgets that a message was here: the next with its id is none of its copies.
    pub fn forget_message(&mut self, peer: P, message_id: u16) {
        self.seen.remove(&(peer, message_id));
    }

    /// The token of the request of ours that is under way to a peer with this message id.
    pub fn token_of(&self, peer: P, message_id: u16) -> Option<Token> {
        match self.sent.get(&(peer, message_id))?.purpose {
            Purpose::Request(token) => Some(token),
            Purpose::Notification(_) | Purpose::Ping(_) | Purpose::Response => None,
        }
    }

    /// Whether this message has been here before; then it gets the answer that it got.
    pub(super) fn is_copy(&self, turn: &mut Turn<'_, P>, from: P, packet: &Packet<'_>) -> bool {
        match self
            .seen
            .get(&(from, packet.message_id()))
            .filter(|seen| seen.expires > turn.now)
        {
            Some(seen) => {
                if let Some(reply) = &seen.reply {
                    turn.send(from, reply);
                }
                true
            }
            None => false,
        }
    }

    pub(super) fn remember(
        &mut self,
        turn: &mut Turn<'_, P>,
        exchange: &Exchange<P>,
        stage: Stage,
        reply: Option<Box<[u8]>>,
    ) {
        let key = (exchange.peer, exchange.message_id);
        let expires = match exchange.ty {
            Type::Con => turn.now + turn.parameters.exchange_lifetime(),
            _ => turn.now + turn.parameters.non_lifetime(),
        };
        match exchange.ty {
            Type::Con => self.expiries.seen_con.push_back((expires, key)),
            _ => self.expiries.seen_non.push_back((expires, key)),
        }
        if stage == Stage::Open && exchange.ty == Type::Con {
            let at = turn.now + turn.parameters.acknowledge_after;
            self.expiries.acknowledgements.push_back((at, key));
        }
        self.seen.insert(
            key,
            Seen {
                expires,
                stage,
                reply,
            },
        );
    }

    /// Sends the confirmable message in `scratch`, at once or when it is its turn. `before` is how
    /// often, and after what wait, the message that it takes the place of was repeated.
    pub(super) fn transmit(
        &mut self,
        turn: &mut Turn<'_, P>,
        key: (P, u16),
        purpose: Purpose,
        before: Option<(u32, Duration)>,
    ) {
        let first = first_wait(&mut self.random, turn.parameters);
        let (repeated, timeout) = before.unwrap_or((0, first));
        let mut deadline = None;
        if let Some(peer) = self.peers.get_mut(&key.0) {
            let free = peer.outstanding < turn.parameters.nstart.max(1);
            if free && peer.waiting.is_empty() {
                peer.outstanding += 1;
                deadline = Some(turn.now + timeout);
            } else {
                peer.waiting.push_back(key.1);
            }
        }
        let mut datagram = std::mem::take(&mut self.spare);
        datagram.extend_from_slice(&self.scratch);
        let sent = Sent {
            datagram,
            purpose,
            repeated,
            timeout,
            deadline,
        };
        self.sent.insert(key, sent);
        match deadline {
            Some(deadline) => {
                turn.send(key.0, &self.scratch);
                self.start(deadline, Timer::Sent(key.0, key.1));
            }
            None => self.send_waiting(turn, key.0),
        }
    }

    /// Sends what waits for a peer, as far as NSTART allows.
    pub(super) fn send_waiting(&mut self, turn: &mut Turn<'_, P>, address: P) {
        loop {
            let Some(peer) = self.peers.get_mut(&address) else {
                return;
            };
            if peer.outstanding >= turn.parameters.nstart.max(1) {
                return;
            }
            let Some(id) = peer.waiting.pop_front() else {
                return;
            };
            let Some(sent) = self.sent.get_mut(&(address, id)) else {
                continue;
            };
            peer.outstanding += 1;
            let deadline = turn.now + sent.timeout;
            sent.deadline = Some(deadline);
            turn.send(address, &sent.datagram);
            self.start(deadline, Timer::Sent(address, id));
        }
    }

    /// Stops repeating a message, and lets the next one go. Says what the message was for.
    pub(super) fn finish(&mut self, turn: &mut Turn<'_, P>, key: (P, u16)) -> Option<Purpose> {
        let mut sent = self.sent.remove(&key)?;
        if self.spare.capacity() == 0 {
            sent.datagram.clear();
            self.spare = sent.datagram;
        }
        if sent.deadline.is_some() {
            if let Some(peer) = self.peers.get_mut(&key.0) {
                peer.outstanding = peer.outstanding.saturating_sub(1);
            }
            self.send_waiting(turn, key.0);
        }
        Some(sent.purpose)
    }

    /// A confirmable message was not acknowledged in time: repeats it, sends the state that has taken
    /// its place, or gives up.
    pub(super) fn repeat(
        &mut self,
        turn: &mut Turn<'_, P>,
        key: (P, u16),
    ) -> Option<Event<'static, P>> {
        let sent = self.sent.get_mut(&key)?;
        let peer = key.0;
        if sent.repeated >= turn.parameters.max_retransmit {
            let purpose = sent.purpose;
            self.finish(turn, key);
            let why = Failure::Timeout;
            return match purpose {
                Purpose::Request(token) => Some(self.fail(peer, token, why)),
                Purpose::Notification(token) => self
                    .observations
                    .remove(&(peer, token))
                    .map(|_| Event::Unobserved { peer, token, why }),
                Purpose::Ping(token) => Some(Event::Failed {
                    request: RequestId { peer, token },
                    why,
                }),
                Purpose::Response => None,
            };
        }
        sent.repeated += 1;
        sent.timeout *= turn.parameters.growth;
        if let Purpose::Notification(token) = sent.purpose {
            let before = Some((sent.repeated, sent.timeout));
            let observation = self.observations.get_mut(&(peer, token));
            if let Some((_, next)) = observation.and_then(|observation| observation.next.take()) {
                self.sent.remove(&key);
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.outstanding = peer.outstanding.saturating_sub(1);
                }
                let name = (peer, token);
                // What cannot be sent now is as good as lost on the way.
                let _ = self.send_notification(turn, name, Type::Con, next, before);
                return None;
            }
        }
        let deadline = turn.now + sent.timeout;
        sent.deadline = Some(deadline);
        turn.send(peer, &sent.datagram);
        self.start(deadline, Timer::Sent(peer, key.1));
        None
    }

    pub(super) fn send_non(
        &mut self,
        turn: &mut Turn<'_, P>,
        (peer, id): (P, u16),
        purpose: Purpose,
    ) {
        if let Some(known) = self.peers.get_mut(&peer) {
            if known.recent.len() == RECENT {
                known.recent.pop_front();
            }
            known.recent.push_back((id, purpose));
        }
        turn.send(peer, &self.scratch);
    }

    /// The next message id for a peer. Ids go up by one; after 65536 the first may be used again only
    /// when it was last used a lifetime ago (RFC 7252 §4.4).
    pub(super) fn next_id(&mut self, turn: &mut Turn<'_, P>, address: P) -> Result<u16, SendError> {
        let lifetime = || turn.parameters.exchange_lifetime();
        let known = self.peers.get(&address);
        if known.is_none() {
            let forgets = turn.now + lifetime();
            self.expiries.peers.push_back((forgets, address));
        }
        // Who is looked at late is forgotten on time all the same.
        if known.is_none_or(|peer| peer.is_idle() && peer.touched + lifetime() <= turn.now) {
            let peer = Peer::new(first_id(&mut self.random), turn.now);
            self.peers.insert(address, peer);
        }
        let peer = self.peers.get_mut(&address).ok_or(SendError::Unknown)?;
        peer.touched = turn.now;
        let run = run_of(peer.issued);
        if peer.issued > u64::from(u16::MAX)
            && peer.issued.is_multiple_of(RUN)
            && let Some(used_up) = &peer.used_up
        {
            let until = used_up.0[run] + lifetime();
            if until > turn.now {
                return Err(SendError::MessageIds { until });
            }
        }
        let id = peer.first_id.wrapping_add(peer.issued as u16);
        peer.issued += 1;
        if peer.issued.is_multiple_of(RUN) {
            peer.used_up.get_or_insert_with(UsedUp::none).0[run] = turn.now;
        }
        Ok(id)
    }

    pub(super) fn start(&mut self, at: Time, timer: Timer<P>) {
        self.started += 1;
        self.timers.push(Due {
            at,
            started: self.started,
            timer,
        });
    }

    /// Makes the first timer, and the first acknowledgement, one that is really due when it says.
    pub(super) fn settle(&mut self) {
        while let Some(due) = self.timers.peek() {
            let really = match due.timer {
                Timer::Sent(peer, id) => self.sent.get(&(peer, id)).and_then(|sent| sent.deadline),
                Timer::Request(peer, token) => self
                    .requests
                    .get(&(peer, token))
                    .and_then(|pending| pending.deadline),
            };
            match really {
                Some(at) if at == due.at => break,
                // A timer was started when the deadline was set, so this one has been replaced.
                _ => self.timers.pop(),
            };
        }
        while let Some((_, key)) = self.expiries.acknowledgements.front() {
            match self.seen.get(key) {
                Some(seen) if seen.stage == Stage::Open => break,
                _ => self.expiries.acknowledgements.pop_front(),
            };
        }
    }

    /// Forgets what has outlived its time. What was touched since it was queued is queued again.
    pub(super) fn forget_old(&mut self, turn: &Turn<'_, P>) {
        let (parameters, now) = (turn.parameters, turn.now);
        let Expiries {
            seen_con,
            seen_non,
            peers,
            assemblies,
            bodies,
            ..
        } = &mut self.expiries;
        for queue in [seen_con, seen_non] {
            forget(queue, now, |key| {
                let expires = self.seen.get(key)?.expires;
                if expires <= now {
                    self.seen.remove(key);
                }
                None
            });
        }
        let lifetime = || parameters.exchange_lifetime();
        forget(peers, now, |key| {
            let peer = self.peers.get(key)?;
            let until = if peer.is_idle() {
                peer.touched + lifetime()
            } else {
                now + lifetime()
            };
            if until > now {
                return Some(until);
            }
            self.peers.remove(key);
            None
        });
        forget(assemblies, now, |key| {
            if self.assemblies.get(key)?.touched + lifetime() <= now {
                self.assemblies.remove(key);
            }
            None
        });
        forget(bodies, now, |key| {
            if self.bodies.get(key)?.stored + lifetime() <= now {
                self.bodies.remove(key);
            }
            None
        });
    }
}

/// Which run the message id is of that was taken after so many.
pub(super) const fn run_of(issued: u64) -> usize {
    (issued / RUN) as usize % RUNS
}

/// Where the message ids for a peer begin.
pub(super) fn first_id(random: &mut fastrand::Rng) -> u16 {
    random.u16(..)
}

/// How long a confirmable message waits before it is repeated the first time (RFC 7252 §4.2).
pub(super) fn first_wait(random: &mut fastrand::Rng, parameters: &Parameters) -> Duration {
    let spread = (parameters.ack_random_factor - 1.0).max(0.0) * random.f64();
    let micros = parameters.ack_timeout.as_micros() as f64;
    Duration::from_micros((micros * (1.0 + spread)) as u64)
}

/// Hands the keys whose time has come to `again`, which says when to look at one again, if ever.
pub(super) fn forget<K: Copy>(
    queue: &mut VecDeque<(Time, K)>,
    now: Time,
    mut again: impl FnMut(&K) -> Option<Time>,
) {
    while queue.front().is_some_and(|(at, _)| *at <= now) {
        let Some((_, key)) = queue.pop_front() else {
            return;
        };
        if let Some(at) = again(&key) {
            queue.push_back((at, key));
        }
    }
}

pub(super) fn empty(ty: Type, message_id: u16) -> [u8; 4] {
    let [high, low] = message_id.to_be_bytes();
    [0x40 | (ty as u8) << 4, 0, high, low]
}

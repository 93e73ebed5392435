use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_kernel::{Time, Way};

use crate::credentials::{Credentials, Identity};
use crate::record::{ContentType, HandshakeType, Header, records};
use crate::session::{Backend, Ended, Established, Fate, Forgery, Session, Signal};
use crate::trick::{Leaving, Performing, Tap, Trick};

/// What a transport allows itself and others.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How often a handshake of ours is begun in all before it is given up.
    pub attempts: u32,
    /// How many unfinished associations that peers began are held; the oldest goes first.
    pub unfinished: usize,
    /// How much data waits for the end of a handshake of ours, in octets.
    pub waiting: usize,
    /// How long a flight of ours waits for its answer before it is sent again.
    pub flight: Duration,
    /// How long a handshake may take, ours or a peer's.
    pub handshake: Duration,
    /// How long a peer that refused is left alone before data makes us begin anew.
    pub pause: Duration,
}

impl Default for Limits {
    /// 3 attempts of 4.5 s with flights of one second, 64 unfinished associations, 16 KiB that wait, one second
    /// of pause.
    fn default() -> Self {
        Self {
            attempts: 3,
            unfinished: 64,
            waiting: 16 * 1024,
            flight: Duration::from_secs(1),
            handshake: Duration::from_millis(4_500),
            pause: Duration::from_secs(1),
        }
    }
}

/// What a transport has to say, in order.
#[derive(Debug)]
pub enum Event {
    /// This datagram is to leave.
    Transmit {
        /// To this peer.
        to: SocketAddr,
        /// Its octets.
        datagram: Vec<u8>,
    },
    /// Data came over an association.
    Received {
        /// From this peer.
        from: SocketAddr,
        /// The data.
        data: Vec<u8>,
    },
    /// Data cannot be sent.
    Unsent {
        /// To this peer.
        to: SocketAddr,
        /// In words.
        why: String,
    },
    /// An association has come to a turn.
    Association {
        /// With this peer.
        peer: SocketAddr,
        /// Which.
        progress: Progress,
    },
    /// A handshake of ours is to begin anew from a port that it has not had: when there is one, the answer is
    /// [`Transport::begin_anew`].
    Renew {
        /// With this peer.
        peer: SocketAddr,
    },
    /// A datagram came that begins with no record.
    Foreign {
        /// From here.
        from: SocketAddr,
        /// Its octets.
        datagram: Vec<u8>,
    },
    /// A record has left, or has come and this became of it.
    Record {
        /// Which way.
        way: Way,
        /// To or from this peer.
        peer: SocketAddr,
        /// What can be read of it by anybody.
        header: Header,
        /// What became of it, if it came.
        fate: Option<Fate>,
    },
}

/// A turn of an association.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Progress {
    /// A handshake has begun.
    Begun {
        /// Whether it is ours, which is to say that we are the client.
        ours: bool,
        /// How often it has, this time included.
        attempt: u32,
    },
    /// The handshake has come to its end.
    Established(Established),
    /// It has ended.
    Ended {
        /// How.
        how: Ended,
        /// Whether it will be begun anew.
        again: bool,
    },
}

struct Peer {
    session: Box<dyn Session>,
    /// What the peer began while it had an association.
    next: Option<Box<dyn Session>>,
    ours: bool,
    established: bool,
    attempt: u32,
    /// When its handshake began, in the order of all.
    begun: u64,
    waiting: VecDeque<Vec<u8>>,
    /// How the attempt before ended that says most.
    before: Option<Ended>,
}

/// A handshake that waits for a fresh port.
struct Renewing {
    attempt: u32,
    waiting: VecDeque<Vec<u8>>,
    before: Ended,
}

/// What stands behind one socket: an association per peer.
pub struct Transport {
    backend: Arc<dyn Backend>,
    limits: Limits,
    credentials: BTreeMap<SocketAddr, Arc<Credentials>>,
    peers: BTreeMap<SocketAddr, Peer>,
    /// Peers with a handshake that has not come to its end.
    unfinished: BTreeSet<SocketAddr>,
    /// Handshakes that wait for a fresh port.
    renewing: BTreeMap<SocketAddr, Renewing>,
    /// Who said no, and until when it is left alone.
    refused: BTreeMap<SocketAddr, (Time, String)>,
    begun: u64,
    tap: Option<Box<dyn Tap>>,
    tricks: Performing,
    events: VecDeque<Event>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("peers", &self.peers.keys())
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// One without associations.
    pub fn new(backend: Arc<dyn Backend>, limits: Limits) -> Self {
        Self {
            backend,
            limits,
            credentials: BTreeMap::new(),
            peers: BTreeMap::new(),
            unfinished: BTreeSet::new(),
            renewing: BTreeMap::new(),
            refused: BTreeMap::new(),
            begun: 0,
            tap: None,
            tricks: Performing::default(),
            events: VecDeque::new(),
        }
    }

    /// Data to this peer makes us begin a handshake with these credentials, from now on.
    pub fn introduce(&mut self, peer: SocketAddr, credentials: Credentials) {
        self.credentials.insert(peer, Arc::new(credentials));
        self.refused.remove(&peer);
    }

    /// With which credentials a handshake with this peer would be begun.
    pub fn introduced(&self, peer: SocketAddr) -> Option<&Credentials> {
        self.credentials.get(&peer).map(|own| &**own)
    }

    /// From now on this sees all records, instead of any other that did.
    pub fn tap(&mut self, tap: Box<dyn Tap>) {
        self.tap = Some(tap);
    }

    /// Does this to the next record with data, unless somebody sees all records.
    pub fn perform(&mut self, trick: Trick) {
        self.tricks.add(trick, None);
    }

    /// Does this to the next record with exactly this data, whatever else leaves before it and whatever
    /// else is to be done; unless somebody sees all records.
    pub fn perform_on(&mut self, trick: Trick, data: &[u8]) {
        self.tricks.add(trick, Some(data));
    }

    /// Takes what has happened, oldest first.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Who a peer is that has an association.
    pub fn identity(&self, peer: SocketAddr) -> Option<&Identity> {
        self.peers.get(&peer)?.session.peer()
    }

    /// How many associations there are, unfinished ones included.
    pub fn associations(&self) -> usize {
        self.peers.len()
    }

    /// When the transport is to be woken, if at all.
    pub fn next_deadline(&self) -> Option<Time> {
        let unfinished = self
            .unfinished
            .iter()
            .filter_map(|peer| self.peers.get(peer));
        unfinished
            .flat_map(|peer| [Some(&peer.session), peer.next.as_ref()])
            .flatten()
            .filter_map(|session| session.next_deadline())
            .min()
    }

    /// The moment that was named has come.
    pub fn wake(&mut self, now: Time) {
        for at in self.unfinished.clone() {
            if let Some(peer) = self.peers.get_mut(&at) {
                let due = |session: &dyn Session| session.next_deadline().is_some_and(|t| t <= now);
                if due(&*peer.session) {
                    peer.session.wake(now);
                }
                if let Some(next) = &mut peer.next
                    && due(&**next)
                {
                    next.wake(now);
                }
            }
            self.settle(now, at, None);
        }
    }

    /// Begins a handshake with a peer that has no association, without anything to say.
    pub fn connect(&mut self, now: Time, to: SocketAddr) {
        if !self.peers.contains_key(&to) && !self.renewing.contains_key(&to) {
            self.refused.remove(&to);
            self.begin(now, to, 1, VecDeque::new());
        }
    }

    /// Sends data to a peer: over its association, or over one that is begun for it.
    pub fn send(&mut self, now: Time, to: SocketAddr, data: &[u8]) {
        if let Some(renewing) = self.renewing.get_mut(&to) {
            enqueue(&mut renewing.waiting, data, self.limits.waiting);
            return;
        }
        if let Some(peer) = self.peers.get_mut(&to) {
            if !peer.established {
                enqueue(&mut peer.waiting, data, self.limits.waiting);
                return;
            }
            if let Err(why) = peer.session.send(now, data) {
                self.events.push_back(Event::Unsent { to, why });
            }
            self.settle(now, to, Some(data));
            return;
        }
        if let Some((until, why)) = self.refused.get(&to) {
            if now < *until {
                let why = format!("the last handshake ended: {why}");
                self.events.push_back(Event::Unsent { to, why });
                return;
            }
            self.refused.remove(&to);
        }
        self.begin(now, to, 1, VecDeque::from([data.to_vec()]));
    }

    /// The socket has the port now that [`Event::Renew`] asked for.
    pub fn begin_anew(&mut self, now: Time, peer: SocketAddr) {
        if let Some(renewing) = self.renewing.remove(&peer) {
            self.begin(now, peer, renewing.attempt, renewing.waiting);
            if let Some(peer) = self.peers.get_mut(&peer) {
                peer.before = Some(renewing.before);
            }
        }
    }

    fn begin(&mut self, now: Time, to: SocketAddr, attempt: u32, waiting: VecDeque<Vec<u8>>) {
        let begun = match self.credentials.get(&to) {
            Some(credentials) => self.backend.connect(now, credentials),
            None => Err("there is no association, and no credentials to begin one with".to_owned()),
        };
        match begun {
            Ok(session) => {
                self.enter(to, session, true, attempt, waiting);
                self.settle(now, to, None);
            }
            Err(why) => self.events.push_back(Event::Unsent { to, why }),
        }
    }

    fn enter(
        &mut self,
        at: SocketAddr,
        session: Box<dyn Session>,
        ours: bool,
        attempt: u32,
        waiting: VecDeque<Vec<u8>>,
    ) {
        self.begun += 1;
        let peer = Peer {
            session,
            next: None,
            ours,
            established: false,
            attempt,
            begun: self.begun,
            waiting,
            before: None,
        };
        self.peers.insert(at, peer);
        self.unfinished.insert(at);
        self.turn(at, Progress::Begun { ours, attempt });
    }

    fn turn(&mut self, peer: SocketAddr, progress: Progress) {
        self.events.push_back(Event::Association { peer, progress });
    }

    /// Takes a datagram.
    pub fn receive(&mut self, now: Time, from: SocketAddr, datagram: &[u8]) {
        if let Some(tap) = &mut self.tap {
            let (found, _) = records(datagram);
            if found.is_empty() {
                return self.take(now, from, datagram);
            }
            let arriving: Vec<_> = found
                .into_iter()
                .flat_map(|record| tap.arriving(from, record))
                .collect();
            for record in arriving {
                self.take(now, from, &record);
            }
        } else {
            self.take(now, from, datagram);
        }
    }

    fn take(&mut self, now: Time, from: SocketAddr, datagram: &[u8]) {
        let (found, _) = records(datagram);
        let Some(first) = found.first() else {
            let datagram = datagram.to_vec();
            self.events.push_back(Event::Foreign { from, datagram });
            return;
        };
        let hello =
            first.epoch() == 0 && first.handshake_type() == Some(HandshakeType::CLIENT_HELLO);
        let shakes = matches!(
            first.content_type(),
            ContentType::Handshake | ContentType::ChangeCipherSpec
        );
        match self.peers.get_mut(&from) {
            Some(peer)
                if peer.established && !peer.ours && (hello || shakes && peer.next.is_some()) =>
            {
                // RFC 6347 §4.2.8: who begins anew keeps what it had until it has shown who it is.
                if peer.next.is_none() {
                    peer.next = self.backend.accept(now);
                    self.unfinished.insert(from);
                }
                if let Some(next) = &mut peer.next {
                    next.push(now, datagram);
                }
            }
            Some(peer) => peer.session.push(now, datagram),
            None => match self.backend.accept(now).filter(|_| hello) {
                Some(mut session) => {
                    session.push(now, datagram);
                    self.make_room();
                    self.enter(from, session, false, 1, VecDeque::new());
                }
                None => {
                    // Whoever has no association can only begin one.
                    for record in found {
                        self.events.push_back(Event::Record {
                            way: Way::In,
                            peer: from,
                            header: record.header(),
                            fate: Some(Fate::Ignored),
                        });
                    }
                }
            },
        }
        self.settle(now, from, None);
    }

    /// Drops the oldest unfinished association that a peer began, if there are too many.
    fn make_room(&mut self) {
        let theirs = |at: &&SocketAddr| {
            self.peers
                .get(at)
                .is_some_and(|p| !p.ours && !p.established)
        };
        let theirs: Vec<_> = self.unfinished.iter().filter(theirs).copied().collect();
        if theirs.len() < self.limits.unfinished {
            return;
        }
        let oldest = theirs
            .into_iter()
            .min_by_key(|at| self.peers.get(at).map(|peer| peer.begun));
        if let Some(oldest) = oldest {
            self.peers.remove(&oldest);
            self.unfinished.remove(&oldest);
            let (how, again) = (Ended::Displaced, false);
            self.turn(oldest, Progress::Ended { how, again });
        }
    }

    /// Says goodbye to a peer, if there is an association.
    pub fn close(&mut self, now: Time, peer: SocketAddr) {
        if let Some(found) = self.peers.get_mut(&peer) {
            found.session.close(now);
            self.settle(now, peer, None);
        }
    }

    /// Sends a record that no association would make of itself, if there is an association with keys.
    pub fn forge(&mut self, peer: SocketAddr, forgery: &Forgery) -> bool {
        let found = self.peers.get_mut(&peer);
        let Some(record) = found.and_then(|found| found.session.forge(forgery)) else {
            return false;
        };
        self.leave(peer, record);
        true
    }

    /// Takes what the sessions of a peer have to say. `data` is what is being sent.
    fn settle(&mut self, now: Time, at: SocketAddr, data: Option<&[u8]>) {
        while let Some(signal) = self.peers.get_mut(&at).and_then(|p| p.session.pull()) {
            match signal {
                Signal::Established(established) => {
                    self.establish(now, at, established);
                }
                Signal::Ended(how) => self.end(now, at, how),
                signal => self.signal(at, signal, data),
            }
        }
        while let Some(signal) = self
            .peers
            .get_mut(&at)
            .and_then(|p| p.next.as_mut()?.pull())
        {
            match signal {
                Signal::Established(established) => {
                    let Some(peer) = self.peers.get_mut(&at) else {
                        return;
                    };
                    if let Some(next) = peer.next.take() {
                        peer.session = next;
                    }
                    let (how, again) = (Ended::Superseded, false);
                    self.turn(at, Progress::Ended { how, again });
                    self.establish(now, at, established);
                    // What the new one has still to say comes in its turn.
                    self.settle(now, at, None);
                }
                Signal::Ended(how) => {
                    if let Some(peer) = self.peers.get_mut(&at) {
                        peer.next = None;
                    }
                    self.unfinished.remove(&at);
                    self.turn(at, Progress::Ended { how, again: false });
                }
                signal => self.signal(at, signal, None),
            }
        }
    }

    fn establish(&mut self, now: Time, at: SocketAddr, established: Established) {
        self.unfinished.remove(&at);
        self.turn(at, Progress::Established(established));
        let Some(peer) = self.peers.get_mut(&at) else {
            return;
        };
        peer.established = true;
        for data in std::mem::take(&mut peer.waiting) {
            self.send(now, at, &data);
        }
    }

    fn end(&mut self, now: Time, at: SocketAddr, how: Ended) {
        self.unfinished.remove(&at);
        let Some(peer) = self.peers.remove(&at) else {
            return;
        };
        let unfinished = peer.ours && !peer.established;
        let again = unfinished && how.is_worth_another() && peer.attempt < self.limits.attempts;
        let how = match peer.before {
            Some(before) if unfinished && before.says_more_than(&how) => before,
            _ => how,
        };
        if again {
            let renewing = Renewing {
                attempt: peer.attempt + 1,
                waiting: peer.waiting,
                before: how.clone(),
            };
            self.renewing.insert(at, renewing);
        } else if unfinished {
            let until = now + self.limits.pause;
            self.refused.insert(at, (until, how.to_string()));
        }
        self.turn(at, Progress::Ended { how, again });
        if again {
            self.events.push_back(Event::Renew { peer: at });
        }
    }

    fn signal(&mut self, at: SocketAddr, signal: Signal, data: Option<&[u8]>) {
        match signal {
            Signal::Transmit(datagram) => self.let_leave(at, datagram, data),
            Signal::Data(data) => self.events.push_back(Event::Received { from: at, data }),
            Signal::Record(header, fate) => self.events.push_back(Event::Record {
                way: Way::In,
                peer: at,
                header,
                fate: Some(fate),
            }),
            Signal::Established(_) | Signal::Ended(_) => {}
        }
    }

    fn let_leave(&mut self, to: SocketAddr, datagram: Vec<u8>, data: Option<&[u8]>) {
        if self.tap.is_none() && self.tricks.is_over() {
            return self.leave(to, datagram);
        }
        let mut tap = self.tap.take();
        let mut tricks = std::mem::take(&mut self.tricks);
        for record in records(&datagram).0 {
            let leaving = Leaving {
                peer: to,
                record,
                data: data.filter(|_| record.content_type() == ContentType::ApplicationData),
            };
            let mut session = self.peers.get_mut(&to).map(|peer| &mut peer.session);
            let mut forge = |forgery: &Forgery| session.as_mut()?.forge(forgery);
            let left = match &mut tap {
                Some(tap) => tap.leaving(leaving, &mut forge),
                None => tricks.leaving(leaving, &mut forge),
            };
            for datagram in left {
                self.leave(to, datagram);
            }
        }
        (self.tap, self.tricks) = (tap, tricks);
    }

    fn leave(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        for record in records(&datagram).0 {
            self.events.push_back(Event::Record {
                way: Way::Out,
                peer: to,
                header: record.header(),
                fate: None,
            });
        }
        self.events.push_back(Event::Transmit { to, datagram });
    }
}

/// Lets data wait, unless too much waits already: then what came last is lost, as on any link.
fn enqueue(waiting: &mut VecDeque<Vec<u8>>, data: &[u8], limit: usize) {
    let octets: usize = waiting.iter().map(Vec::len).sum();
    // The same message again has waited long enough to be sent again by who wants it sent.
    if octets + data.len() <= limit && !waiting.iter().any(|other| other == data) {
        waiting.push_back(data.to_vec());
    }
}

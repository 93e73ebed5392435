//! The message layer: everything between a datagram and a request that wants an answer.
//!
//! An [`Endpoint`] is both client and server on one address, as an LwM2M endpoint is. It is given
//! datagrams and, in a [`Turn`], the time and a way to send; it hands over requests and responses as
//! [`Event`]s. It keeps message ids and tokens, repeats confirmable messages, answers a
//! copy of a request with the answer that the first one got, puts bodies together from blocks and
//! takes them apart, and keeps observations on both sides.
//!
//! What an exchange costs does not depend on how many peers there are: what is known of a peer is
//! found by hash, timers are in a heap of those that run, and what expires after a fixed time waits in
//! queues.
//!
//! ```
//! use twinproof_coap::endpoint::{Endpoint, Event, Turn};
//! use twinproof_coap::{Code, Message, Parameters, Type};
//! use twinproof_kernel::{Seed, Time};
//!
//! let parameters = &Parameters::default();
//! let (mut client, mut server) = (Endpoint::new(Seed::new(1)), Endpoint::new(Seed::new(2)));
//! let mut sent: Vec<u8> = Vec::new();
//! let now = Time::ZERO;
//!
//! let get = Message::new(Code::GET).path("/3/0/0");
//! let mut turn = Turn { parameters, now, send: &mut |_, datagram| sent = datagram.into() };
//! let asked = client.request(&mut turn, "server", Type::Con, get)?;
//!
//! let datagram = std::mem::take(&mut sent);
//! let mut turn = Turn { parameters, now, send: &mut |_, datagram| sent = datagram.into() };
//! let event = server.receive(&mut turn, "client", &datagram);
//! let Some(Event::Request { exchange, packet, .. }) = event else { panic!() };
//! assert!(packet.path_is(&["3", "0", "0"]));
//! server.respond(&mut turn, &exchange, Message::new(Code::CONTENT).payload("Example"))?;
//!
//! let datagram = std::mem::take(&mut sent);
//! let mut turn = Turn { parameters, now, send: &mut |_, datagram| sent = datagram.into() };
//! let event = client.receive(&mut turn, "server", &datagram);
//! let Some(Event::Response { request, body, .. }) = event else { panic!() };
//! assert_eq!((request, &body[..]), (asked, &b"Example"[..]));
//! # Ok::<(), twinproof_coap::endpoint::SendError>(())
//! ```

use std::borrow::Cow;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use twinproof_kernel::{Seed, Time};

use crate::few::Few;
use crate::message::Message;
use crate::transfer::{Assembly, BlockFault};
use crate::{
    Block, Class, Code, Header, OptionNumber, Packet, Parameters, ParseError, Token, Type,
    WriteError, Writer,
};

mod client;
mod rest;
mod server;
mod transmission;

use client::Pending;
use server::{Body, Observation};
use transmission::{Due, Expiries, Peer, Purpose, Seen, Sent, Timer, empty};

pub use rest::{Asked, Heard, Resting, UsedUp};

/// What peers are told apart by: an address, a session.
pub trait Address: Copy + Eq + Hash {}

impl<P: Copy + Eq + Hash> Address for P {}

/// The moment at which an endpoint acts: when it is, by which numbers it goes, and where its datagrams
/// go to.
pub struct Turn<'t, P> {
    /// The numbers.
    pub parameters: &'t Parameters,
    /// The time.
    pub now: Time,
    /// Sends a datagram to a peer.
    pub send: &'t mut dyn FnMut(P, &[u8]),
}

impl<P> Turn<'_, P> {
    fn send(&mut self, to: P, datagram: &[u8]) {
        (self.send)(to, datagram);
    }
}

/// A request of ours, until it is answered or, if it observes, until the observation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId<P> {
    /// Whom we asked.
    pub peer: P,
    /// The token of the request.
    pub token: Token,
}

/// A request of a peer, with what its answer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange<P> {
    /// Who asks.
    pub peer: P,
    /// Whether the request was confirmable.
    pub ty: Type,
    /// The message id of the request, or of its last block.
    pub message_id: u16,
    /// The token of the request. With the peer, the name of an observation.
    pub token: Token,
    /// Whether the request asks to observe.
    pub observe: bool,
    block1: Option<Block>,
    block2: Option<Block>,
    key: u64,
}

/// What a datagram, or the passing of time, comes to.
#[derive(Debug)]
pub enum Event<'d, P> {
    /// A peer asks; [`Endpoint::respond`] answers.
    Request {
        /// What the answer needs.
        exchange: Exchange<P>,
        /// The request, or its last block.
        packet: Packet<'d>,
        /// The whole body.
        body: Cow<'d, [u8]>,
    },
    /// The answer to a request of ours.
    Response {
        /// The request.
        request: RequestId<P>,
        /// The response, or its last block.
        packet: Packet<'d>,
        /// The whole body.
        body: Cow<'d, [u8]>,
        /// Whether notifications will follow.
        observing: bool,
        /// How long the peer asks us to wait: Max-Age of a 5.03 or 4.29, 60 s if it says none.
        retry_after: Option<Duration>,
    },
    /// What we observe has changed.
    Notification {
        /// The request that observes.
        request: RequestId<P>,
        /// The notification, or its last block.
        packet: Packet<'d>,
        /// The whole body.
        body: Cow<'d, [u8]>,
        /// The sequence number.
        sequence: u32,
    },
    /// The peer has our request; its answer will come by itself.
    Acknowledged {
        /// The request.
        request: RequestId<P>,
    },
    /// A peer has a confirmable notification of ours.
    Confirmed {
        /// Who observes.
        peer: P,
        /// The token of the observation.
        token: Token,
        /// Whether a newer state waited for that, and is now on its way.
        again: bool,
    },
    /// There will be no answer.
    Failed {
        /// The request.
        request: RequestId<P>,
        /// Why not.
        why: Failure,
    },
    /// A peer observes no more, because it said so by a Reset or does not acknowledge. An Observe=1
    /// comes as a [`Event::Request`].
    Unobserved {
        /// Who observed.
        peer: P,
        /// The token of the observation.
        token: Token,
        /// Reset or timeout.
        why: Failure,
    },
    /// The answer to a ping.
    Pong {
        /// The ping.
        request: RequestId<P>,
    },
    /// The datagram came to nothing.
    Ignored {
        /// Who sent it.
        peer: P,
        /// Why.
        why: Ignored,
    },
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The peer answered with a Reset.
    Reset,
    /// No acknowledgement, or no response, in time.
    Timeout,
    /// The blocks of the response make no body.
    Blocks(BlockFault),
    /// The request for the next block could not be sent.
    Send(SendError),
}

/// Why a datagram came to nothing. What had to be sent in answer has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Not a message. Answered by a Reset if it was confirmable.
    Malformed(ParseError),
    /// A copy of a message that we have had. Answered like the first.
    Duplicate,
    /// An acknowledgement, Reset or response to nothing that we know of. A confirmable response and a
    /// notification are answered by a Reset.
    Unmatched,
    /// A notification that is older than the last one.
    Stale {
        /// The sequence number of the newest notification.
        newest: u32,
        /// The sequence number of this one.
        got: u32,
    },
    /// A critical option that is not understood or not well-formed. A confirmable request is answered
    /// by 4.02, a confirmable response by a Reset.
    BadOption(OptionNumber),
    /// A block of a request, answered as blocks are.
    Block(Code),
}

/// Why something was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The exchange has its answer.
    Answered,
    /// Every message id is in use with this peer.
    MessageIds {
        /// When the first is free again.
        until: Time,
    },
    /// Requests are CON or NON and have a request code, responses have a response code.
    Kind {
        /// The type.
        ty: Type,
        /// The code.
        code: Code,
    },
    /// Every token of the length that the parameters say is in use with this peer.
    Tokens,
    /// The body has more blocks than there are numbers.
    TooLarge,
    /// There is no such request or observation.
    Unknown,
    /// The message cannot be written.
    Write(WriteError),
}

impl From<WriteError> for SendError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("the exchange has its answer"),
            Self::MessageIds { until } => {
                write!(f, "every message id is in use with this peer until {until}")
            }
            Self::Kind { ty, code } => write!(f, "{ty} {code} is not for this purpose"),
            Self::Tokens => f.write_str("every token is in use with this peer"),
            Self::TooLarge => f.write_str("the body has more blocks than there are numbers"),
            Self::Unknown => f.write_str("no such request or observation"),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

/// Whether a notification is newer than another (RFC 7641 §3.4): each is a sequence number of 24 bits
/// and when it arrived.
pub fn is_newer((new, now): (u32, Time), (old, then): (u32, Time)) -> bool {
    const HALF: u32 = 1 << 23;
    (old < new && new - old < HALF)
        || (old > new && old - new > HALF)
        || now > then + Duration::from_secs(128)
}

/// The message layer of one address.
#[derive(Debug)]
pub struct Endpoint<P> {
    random: fastrand::Rng,
    peers: Few<P, Peer>,
    /// Requests and responses received, by message id.
    seen: Few<(P, u16), Seen>,
    /// Confirmable messages of ours that are not acknowledged.
    sent: Few<(P, u16), Sent>,
    /// Requests of ours that are not answered, or observe.
    requests: Few<(P, Token), Pending>,
    /// Observations of ours by peers.
    observations: Few<(P, Token), Observation>,
    /// Bodies on their way to us and from us, by what their blocks have in common.
    assemblies: Few<(P, u64), Assembly>,
    bodies: Few<(P, u64), Body>,
    timers: BinaryHeap<Due<P>>,
    /// What expires after a fixed time, oldest first.
    expiries: Expiries<P>,
    started: u64,
    scratch: Vec<u8>,
    /// The memory of a datagram that was sent.
    spare: Vec<u8>,
}

impl<P: Address> Endpoint<P> {
    /// An endpoint that knows no one. Message ids, tokens and waits follow from the seed.
    pub fn new(seed: Seed) -> Self {
        Self {
            random: seed.rng(),
            peers: Few::default(),
            seen: Few::default(),
            sent: Few::default(),
            requests: Few::default(),
            observations: Few::default(),
            assemblies: Few::default(),
            bodies: Few::default(),
            timers: BinaryHeap::new(),
            expiries: Expiries {
                seen_con: VecDeque::new(),
                seen_non: VecDeque::new(),
                acknowledgements: VecDeque::new(),
                peers: VecDeque::new(),
                assemblies: VecDeque::new(),
                bodies: VecDeque::new(),
            },
            started: 0,
            scratch: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// When [`expire`](Self::expire) has something to do, if ever.
    pub fn next_deadline(&self) -> Option<Time> {
        let timer = self.timers.peek().map(|due| due.at);
        let acknowledgement = self.expiries.acknowledgements.front().map(|(at, _)| *at);
        [timer, acknowledgement].into_iter().flatten().min()
    }

    /// Whether nothing confirmable is under way, and nothing waits for its turn (RFC 7252 §4.7). Looks at
    /// every peer: for parties that have few.
    pub fn is_at_rest(&self) -> bool {
        let mut peers = self.peers.values();
        peers.all(|peer| peer.outstanding == 0 && peer.waiting.is_empty())
    }

    /// When all that is known of peers will have outlived its time if nothing happens until then, so
    /// that a fresh endpoint behaves no differently; never while requests, observations or messages
    /// that are under way have to be remembered. `lifetime` is [`Parameters::exchange_lifetime`], which is not
    /// computed for each. Looks at every peer: for parties that have few.
    pub fn forgets_at(&self, lifetime: Duration) -> Option<Time> {
        if !(self.sent.is_empty() && self.requests.is_empty() && self.observations.is_empty()) {
            return None;
        }
        if let Some((_, peer)) = self.peers.only()
            && self.seen.is_empty()
            && self.bodies.is_empty()
            && self.assemblies.is_empty()
        {
            return Some(peer.touched + lifetime);
        }
        let seen = self.seen.values().map(|seen| seen.expires);
        let peers = self.peers.values().map(|peer| peer.touched + lifetime);
        let bodies = self.bodies.values().map(|body| body.stored + lifetime);
        let assemblies = self.assemblies.values().map(|a| a.touched + lifetime);
        let all = seen.chain(peers).chain(bodies).chain(assemblies);
        Some(all.max().unwrap_or(Time::ZERO))
    }

    /// Sends a response that answers nothing we know of, with a token and options of the caller's
    /// choice: a notification out of turn, or of an observation that never was. A confirmable one is
    /// repeated as any other.
    ///
    /// # Errors
    ///
    /// When the type or code is none of a response, ids have run out, or the message cannot be
    /// written.
    pub fn emit(
        &mut self,
        turn: &mut Turn<'_, P>,
        peer: P,
        (ty, token): (Type, Token),
        message: &Message,
    ) -> Result<(), SendError> {
        self.forget_old(turn);
        let code = message.code();
        if !code.is_response() || !matches!(ty, Type::Con | Type::Non) {
            return Err(SendError::Kind { ty, code });
        }
        let id = self.next_id(turn, peer)?;
        self.scratch.clear();
        let head = (ty, id, token.as_bytes());
        message.write(&mut self.scratch, head, &[], |_| true, message.body())?;
        match ty {
            Type::Con => self.transmit(turn, (peer, id), Purpose::Notification(token), None),
            _ => self.send_non(turn, (peer, id), Purpose::Notification(token)),
        }
        self.settle();
        Ok(())
    }

    /// Takes a datagram.
    pub fn receive<'d>(
        &mut self,
        turn: &mut Turn<'_, P>,
        from: P,
        datagram: &'d [u8],
    ) -> Option<Event<'d, P>> {
        self.forget_old(turn);
        let event = self.take(turn, from, datagram);
        self.settle();
        event
    }

    /// Does what is due: repeats messages, acknowledges requests whose answer takes long, gives up. To
    /// be called until it returns nothing.
    pub fn expire(&mut self, turn: &mut Turn<'_, P>) -> Option<Event<'static, P>> {
        self.forget_old(turn);
        while let Some(&(at, key)) = self.expiries.acknowledgements.front() {
            if at > turn.now {
                break;
            }
            self.expiries.acknowledgements.pop_front();
            self.acknowledge_key(turn, key);
        }
        let mut event = None;
        while event.is_none() {
            self.settle();
            match self.timers.peek() {
                Some(due) if due.at <= turn.now => {}
                _ => break,
            }
            let Some(due) = self.timers.pop() else { break };
            event = match due.timer {
                Timer::Sent(peer, id) => self.repeat(turn, (peer, id)),
                Timer::Request(peer, token) => {
                    // It may still wait for its turn to be sent, or be repeated.
                    if let Some(pending) = self.requests.get(&(peer, token)) {
                        let key = (peer, pending.message_id);
                        self.finish(turn, key);
                    }
                    Some(self.fail(peer, token, Failure::Timeout))
                }
            };
        }
        self.settle();
        event
    }

    /// Sends an empty confirmable message, which a living peer answers with a Reset.
    ///
    /// # Errors
    ///
    /// When message ids have run out.
    pub fn ping(&mut self, turn: &mut Turn<'_, P>, peer: P) -> Result<RequestId<P>, SendError> {
        let id = self.next_id(turn, peer)?;
        let token = Token::from_u64(id.into());
        self.scratch.clear();
        Writer::new(&mut self.scratch, Type::Con, Code::EMPTY, id, &[]).finish()?;
        self.transmit(turn, (peer, id), Purpose::Ping(token), None);
        self.settle();
        Ok(RequestId { peer, token })
    }

    fn take<'d>(
        &mut self,
        turn: &mut Turn<'_, P>,
        from: P,
        datagram: &'d [u8],
    ) -> Option<Event<'d, P>> {
        let packet = match Packet::parse(datagram) {
            Ok(packet) => packet,
            Err(error) => {
                // RFC 7252 §3 and §4.2: silence for another version, a Reset for what else is wrong
                // with a confirmable message, silence for the other types.
                match Header::peek(datagram) {
                    Some(header) if header.version == 1 && header.ty == Type::Con => {
                        turn.send(from, &empty(Type::Rst, header.message_id));
                    }
                    _ => {}
                }
                return Some(Event::Ignored {
                    peer: from,
                    why: Ignored::Malformed(error),
                });
            }
        };
        match (packet.ty(), packet.code().class()) {
            (Type::Con, Class::Empty) => {
                turn.send(from, &empty(Type::Rst, packet.message_id()));
                None
            }
            (Type::Ack, _) => self.take_acknowledgement(turn, from, packet),
            (Type::Rst, _) => self.take_reset(turn, from, packet),
            (_, Class::Request) => self.take_request(turn, from, packet),
            _ => self.take_response(turn, from, packet),
        }
    }

    fn take_acknowledgement<'d>(
        &mut self,
        turn: &mut Turn<'_, P>,
        from: P,
        packet: Packet<'d>,
    ) -> Option<Event<'d, P>> {
        let unmatched = Some(Event::Ignored {
            peer: from,
            why: Ignored::Unmatched,
        });
        let key = (from, packet.message_id());
        let Some(sent) = self.sent.get(&key).filter(|sent| sent.deadline.is_some()) else {
            return unmatched;
        };
        let purpose = sent.purpose;
        if packet.code() == Code::EMPTY {
            self.finish(turn, key);
            return match purpose {
                Purpose::Request(token) => {
                    let request = self.request_of(from, token);
                    Some(Event::Acknowledged { request })
                }
                Purpose::Notification(token) => self.confirmed(turn, (from, token)),
                Purpose::Response => None,
                Purpose::Ping(_) => unmatched,
            };
        }
        // A piggybacked response has the id and the token of the request (RFC 7252 §5.3.2).
        if purpose != Purpose::Request(packet.token()) {
            return unmatched;
        }
        if let Some(bad) = packet.bad_critical_option(&turn.parameters.known) {
            return Some(Event::Ignored {
                peer: from,
                why: Ignored::BadOption(bad),
            });
        }
        self.finish(turn, key);
        self.match_response(turn, from, packet)
    }

    fn take_reset<'d>(
        &mut self,
        turn: &mut Turn<'_, P>,
        from: P,
        packet: Packet<'d>,
    ) -> Option<Event<'d, P>> {
        let id = packet.message_id();
        let under_way = self
            .sent
            .get(&(from, id))
            .is_some_and(|sent| sent.deadline.is_some());
        let confirmable = under_way.then(|| self.finish(turn, (from, id))).flatten();
        let purpose = confirmable.or_else(|| {
            let recent = &mut self.peers.get_mut(&from)?.recent;
            let place = recent.iter().position(|(other, _)| *other == id)?;
            recent.remove(place).map(|(_, purpose)| purpose)
        });
        match purpose {
            Some(Purpose::Request(token)) if self.requests.contains_key(&(from, token)) => {
                Some(self.fail(from, token, Failure::Reset))
            }
            Some(Purpose::Notification(token)) => {
                self.observations
                    .remove(&(from, token))
                    .map(|_| Event::Unobserved {
                        peer: from,
                        token,
                        why: Failure::Reset,
                    })
            }
            Some(Purpose::Ping(token)) => Some(Event::Pong {
                request: RequestId { peer: from, token },
            }),
            Some(Purpose::Response) => None,
            Some(Purpose::Request(_)) | None => Some(Event::Ignored {
                peer: from,
                why: Ignored::Unmatched,
            }),
        }
    }
}

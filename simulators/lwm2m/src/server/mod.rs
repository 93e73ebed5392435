//! A server: what an LwM2M server does at the interfaces to its clients, and for its application.
//!
//! Clients register, update and leave ([`Asked`]); an application asks for
//! [`Operation`]s, which are this role's orders, and hears of [`Event`]s. All decisions are
//! [`rules`].

mod clients;
mod compose;
mod hear;
mod operate;
mod register;
mod report;
pub mod rules;
pub mod tester;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use twinproof_coap::endpoint::{self, Endpoint, Exchange, Failure, RequestId, Turn};
use twinproof_coap::{Header, Message, Parameters};
use twinproof_kernel::{CallId, Input, Outbox, Role, Seed, Time};

use crate::model::Registry;
use crate::upper::{Answer, Event, Operation, Reply, What};
use crate::wire::Version;
use clients::Clients;
use operate::Call;
use register::Lists;
use report::Watch;
use rules::{AnswerFacts, Asked, Rules, SentFacts, Standard};

/// The definitions that we bring, read once.
static BUILTIN: LazyLock<Arc<Registry>> = LazyLock::new(|| Arc::new(Registry::builtin()));

/// How a server is set up.
#[derive(Clone)]
pub struct Shared {
    /// The newest version of the enabler that it supports.
    pub version: Version,
    /// The object definitions that it knows.
    pub registry: Arc<Registry>,
    /// The segments of a location in front of the last, which tells registrations apart.
    pub location: Vec<String>,
    /// Whether requests of clients are acknowledged first and answered by themselves.
    pub separate: bool,
    /// Whether an application that asks for something of a client that sleeps waits for that; else it is told at once that it
    /// is kept.
    pub waits: bool,
    /// How long a client in queue mode listens after it was heard.
    pub awake: Duration,
    /// How many events are kept for the application; the oldest are forgotten first.
    pub remembers: usize,
    /// The endpoints that have credentials, by what they show themselves as over secured associations.
    pub credentials: BTreeMap<Vec<u8>, String>,
    /// The numbers of the message layer.
    pub parameters: Parameters,
    /// Its decisions.
    pub rules: Arc<dyn Rules>,
}

impl Shared {
    /// A server for versions of the enabler up to this one, as the texts want it.
    pub fn new(version: Version) -> Self {
        let parameters = Parameters::default();
        Self {
            version,
            registry: Arc::clone(&BUILTIN),
            location: vec!["rd".to_owned()],
            separate: false,
            waits: false,
            awake: parameters.max_transmit_wait(),
            remembers: 10_000,
            credentials: BTreeMap::new(),
            parameters,
            rules: Arc::new(Standard),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("version", &self.version)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

/// The server's core.
#[derive(Debug)]
pub struct Server {
    at: SocketAddr,
    /// Who was heard elsewhere than there, and where.
    elsewhere: HashMap<SocketAddr, SocketAddr>,
    /// As whom those have shown themselves who come over secured associations.
    shown: HashMap<SocketAddr, Box<[u8]>>,
    seed: Seed,
    /// How many registrations there were; numbers follow from it and the seed.
    registered: u64,
    layer: Endpoint<SocketAddr>,
    /// Sender and message id of the last request.
    last: Option<(SocketAddr, u16)>,
    clients: Clients,
    lists: Lists,
    /// Where the client is that registered last.
    newest: Option<SocketAddr>,
    /// Requests of ours that are not answered.
    calls: HashMap<RequestId<SocketAddr>, Call>,
    /// Requests of a tester that are not answered.
    asked: HashMap<RequestId<SocketAddr>, CallId>,
    /// Requests of ours that observe, and what.
    observing: HashMap<RequestId<SocketAddr>, Watch>,
    /// What became of operations that were kept.
    results: BTreeMap<u64, Option<Answer>>,
    tickets: u64,
    events: VecDeque<Event>,
    /// How many events there were before those.
    forgotten: u64,
}

/// The moment at which a server acts.
struct Moment<'a> {
    shared: &'a Shared,
    now: Time,
    out: &'a mut Outbox<Answer>,
}

impl Server {
    /// A server without registrations, with its own address and what its random choices follow from.
    pub fn new(at: SocketAddr, seed: Seed) -> Self {
        Self {
            at,
            elsewhere: HashMap::new(),
            shown: HashMap::new(),
            seed,
            registered: 0,
            layer: Endpoint::new(seed.derive("messages")),
            last: None,
            clients: Clients::default(),
            lists: Lists::default(),
            newest: None,
            calls: HashMap::new(),
            asked: HashMap::new(),
            observing: HashMap::new(),
            results: BTreeMap::new(),
            tickets: 0,
            events: VecDeque::new(),
            forgotten: 0,
        }
    }

    /// Where a registered endpoint is.
    pub fn address_of(&self, endpoint: &str) -> Option<SocketAddr> {
        let number = self.clients.named(endpoint)?;
        Some(self.clients.get(number)?.address)
    }

    /// Lets the message layer act, now.
    fn with_layer<T>(
        &mut self,
        moment: &mut Moment<'_>,
        act: impl FnOnce(&mut Endpoint<SocketAddr>, &mut Turn<'_, SocketAddr>) -> T,
    ) -> T {
        let (own, elsewhere) = (self.at, &self.elsewhere);
        let (out, rules) = (&mut *moment.out, &moment.shared.rules);
        let mut send = |to, bytes: &[u8]| {
            let facts = Header::peek(bytes).map(|header| SentFacts {
                ty: header.ty,
                code: header.code,
            });
            if facts.is_some_and(|facts| !rules.sends(facts)) {
                return;
            }
            let at = elsewhere.get(&to).copied().unwrap_or(own);
            out.datagram(at, to, |buffer| buffer.extend_from_slice(bytes));
        };
        let mut turn = Turn {
            parameters: &moment.shared.parameters,
            now: moment.now,
            send: &mut send,
        };
        act(&mut self.layer, &mut turn)
    }

    /// Where a peer is answered: where it was heard last.
    fn place_for(&self, peer: SocketAddr) -> SocketAddr {
        self.elsewhere.get(&peer).copied().unwrap_or(self.at)
    }

    /// Notes where a peer is heard.
    fn hears_at(&mut self, at: SocketAddr, peer: SocketAddr) {
        if at != self.at {
            self.elsewhere.insert(peer, at);
        } else if !self.elsewhere.is_empty() {
            self.elsewhere.remove(&peer);
            self.shown.remove(&peer);
        }
    }

    fn take(&mut self, moment: &mut Moment<'_>, event: endpoint::Event<'_, SocketAddr>) {
        match event {
            endpoint::Event::Request {
                exchange,
                packet,
                body,
            } => self.serve(moment, &exchange, &packet, &body),
            endpoint::Event::Response {
                request,
                packet,
                body,
                observing,
                ..
            } => match self.asked.remove(&request) {
                None => self.answered(moment, request, (&packet, &body), observing),
                Some(call) => {
                    let code = packet.code();
                    moment.out.answer(call, Answer::Reply(Reply::of(code)));
                }
            },
            endpoint::Event::Notification {
                request,
                packet,
                body,
                sequence,
            } => self.notified_anew(moment, request, (&packet, &body), sequence),
            endpoint::Event::Failed { request, why } => {
                let answer = match why {
                    Failure::Timeout => Answer::Timeout,
                    Failure::Reset => Answer::Refused("the client answered with a Reset".into()),
                    Failure::Blocks(fault) => {
                        Answer::Refused(format!("the client's answer is broken: {fault}"))
                    }
                    Failure::Send(error) => Answer::Refused(error.to_string()),
                };
                if let Some(call) = self.asked.remove(&request) {
                    return moment.out.answer(call, answer);
                }
                self.unanswered(moment, request, answer);
            }
            endpoint::Event::Acknowledged { .. }
            | endpoint::Event::Confirmed { .. }
            | endpoint::Event::Ignored { .. }
            | endpoint::Event::Pong { .. }
            | endpoint::Event::Unobserved { .. } => {}
        }
    }

    /// Answers a client.
    fn answer(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        asked: Asked,
        message: Message,
    ) {
        let shared = moment.shared;
        let message = shared.rules.answers(message, AnswerFacts { asked });
        // What cannot be sent now is as good as lost on the way; the request will be repeated.
        let _ = self.with_layer(moment, |layer, turn| {
            if shared.separate {
                layer.acknowledge(turn, exchange);
            }
            layer.respond(turn, exchange, message)
        });
    }

    /// Tells the application.
    fn tell(&mut self, shared: &Shared, endpoint: &str, what: What) {
        self.events.push_back(Event {
            endpoint: endpoint.to_owned(),
            what,
        });
        while self.events.len() > shared.remembers {
            self.events.pop_front();
            self.forgotten += 1;
        }
    }

    /// Ends what has lived its time.
    fn expire(&mut self, moment: &mut Moment<'_>) {
        while let Some(number) = self.clients.ended(moment.now) {
            self.leave(moment, number, What::Expired);
        }
    }
}

impl Role for Server {
    type Shared = Shared;
    type Order = Operation;
    type Answer = Answer;

    fn handle(
        &mut self,
        shared: &Shared,
        now: Time,
        input: Input<'_, Operation>,
        out: &mut Outbox<Answer>,
    ) {
        let moment = &mut Moment { shared, now, out };
        self.expire(moment);
        match input {
            Input::Associated { at, peer, identity } => {
                self.hears_at(at, peer);
                match identity {
                    Some(identity) => self.shown.insert(peer, identity.into()),
                    None => self.shown.remove(&peer),
                };
            }
            Input::Datagram { at, from, bytes } => {
                self.hears_at(at, from);
                self.hear(moment, from, bytes);
            }
            Input::Order { call, order } => self.operate(moment, call, order),
            Input::Wake => {
                while let Some(event) = self.with_layer(moment, |layer, turn| layer.expire(turn)) {
                    self.take(moment, event);
                }
            }
            Input::Persisted(_)
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Restored(_) => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        let ends = self.clients.next_look();
        self.layer.next_deadline().into_iter().chain(ends).min()
    }
}

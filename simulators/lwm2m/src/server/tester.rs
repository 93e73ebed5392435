//! A server in the hands of a tester: what a client meets that is judged.
//!
//! It is the [server](super) itself, and does two things more: it sends requests that no server would
//! send, and answers its clients as a tester wants it, which need not be lawful.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_coap::{Code, Header, Message, Packet, option};
use twinproof_kernel::{CallId, Input, Outbox, Role, Seed, Time};

use super::rules::{AnswerFacts, Asked, LocationFacts, RenewFacts, Rules, Standard};
use super::{Moment, Server, Shared};
use crate::device::Request;
use crate::upper::{Answer, Client, Event, Operation, What};
use crate::wire::{Version, serial};

/// What a tester can ask of its server.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Send the client that was heard last any request, legal for LwM2M or not; answered when that is.
    Ask(Request),
    /// Answer clients like this from now on.
    Behave(Manner),
    /// Do what an application wants.
    Operate(Operation),
    /// Send the client that was heard last any datagram at all. Answered at once.
    SendRaw {
        /// The octets.
        bytes: Vec<u8>,
    },
}

/// How a tester's server answers clients. The default is as the enabler wants it.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct Manner {
    /// What comes of registrations.
    pub registrations: Reaction,
    /// What comes of updates, and of those who leave.
    pub updates: Reaction,
}

/// What comes of a client's request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// What the enabler wants.
    #[default]
    Proper,
    /// It is refused.
    Refuse {
        /// With this code.
        #[serde(with = "serial::code")]
        code: Code,
        /// How long the client is asked to wait, if it is.
        later: Option<Duration>,
    },
    /// It is lost.
    Silence,
}

/// How a tester's servers are set up that support versions of the enabler up to this one.
pub fn set_up(version: Version) -> Shared {
    set_up_with(Shared::new(version), Manner::default())
}

fn set_up_with(shared: Shared, manner: Manner) -> Shared {
    Shared {
        rules: Arc::new(Scripted(manner)),
        ..shared
    }
}

/// The decisions of a tester's server.
struct Scripted(Manner);

impl Rules for Scripted {
    fn refuses_name(&self, name: Option<&str>) -> Option<Code> {
        match self.0.registrations {
            Reaction::Refuse { code, .. } => Some(code),
            Reaction::Proper | Reaction::Silence => Standard.refuses_name(name),
        }
    }

    fn refuses_location(&self, facts: LocationFacts) -> Option<Code> {
        match self.0.updates {
            Reaction::Refuse { code, .. } => Some(code),
            Reaction::Proper | Reaction::Silence => Standard.refuses_location(facts),
        }
    }

    /// A scenario says itself what is observed.
    fn renews(&self, _facts: RenewFacts) -> bool {
        false
    }

    fn answers(&self, message: Message, facts: AnswerFacts) -> Message {
        let reaction = match facts.asked {
            Asked::Register => self.0.registrations,
            Asked::Update | Asked::Deregister => self.0.updates,
            Asked::Other | Asked::Send => Reaction::Proper,
        };
        match reaction {
            Reaction::Refuse {
                code,
                later: Some(later),
            } if message.code() == code => {
                let seconds = u32::try_from(later.as_secs()).unwrap_or(u32::MAX);
                message.uint(option::MAX_AGE, seconds)
            }
            _ => message,
        }
    }
}

/// The server's core.
#[derive(Debug)]
pub struct Tester {
    server: Server,
    manner: Manner,
    /// How it is set up since it behaves otherwise.
    own: Option<Box<Shared>>,
    /// Who was heard last.
    heard: Option<SocketAddr>,
}

impl Tester {
    /// A server without registrations, with its own address and what its random choices follow from.
    pub fn new(at: SocketAddr, seed: Seed) -> Self {
        Self {
            server: Server::new(at, seed),
            manner: Manner::default(),
            own: None,
            heard: None,
        }
    }

    /// Where the client is that was heard last.
    pub fn heard(&self) -> Option<SocketAddr> {
        self.heard
    }

    /// What has happened, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.server.events.iter()
    }

    /// The name of the client that registered last.
    pub fn newest(&self) -> Option<&str> {
        let registered = |event: &&Event| event.what == What::Registered;
        let mut events = self.server.events.iter().rev();
        Some(&events.find(registered)?.endpoint)
    }

    /// What that client has said of itself, if it is still registered.
    pub fn client(&self) -> Option<Client> {
        let clients = &self.server.clients;
        let registration = clients.get(clients.named(self.newest()?)?)?;
        Some(registration.shown(&[]))
    }

    fn obey(&mut self, moment: &mut Moment<'_>, call: CallId, order: Order) {
        match (order, self.heard) {
            (Order::Behave(manner), _) => {
                let shared = set_up_with(moment.shared.clone(), manner.clone());
                self.own = Some(Box::new(shared));
                self.manner = manner;
            }
            (Order::Operate(operation), _) => return self.server.operate(moment, call, operation),
            (Order::Ask(request), Some(to)) => {
                return self.server.ask(moment, call, (to, &request));
            }
            (Order::SendRaw { bytes }, Some(to)) => {
                let at = self.server.at;
                moment
                    .out
                    .datagram(at, to, |buffer| buffer.extend_from_slice(&bytes));
            }
            (Order::Ask(_) | Order::SendRaw { .. }, None) => {
                let why = Answer::Refused("no client was heard".to_owned());
                return moment.out.answer(call, why);
            }
        }
        moment.out.answer(call, Answer::Done);
    }

    /// Whether a datagram is lost.
    fn loses(&self, bytes: &[u8]) -> bool {
        let Ok(packet) = Packet::parse(bytes) else {
            return false;
        };
        let asks = matches!(packet.code(), Code::POST | Code::DELETE);
        let mut path = packet.path();
        let reaction = match (path.next(), path.next()) {
            (Some(Ok("rd")), None) => self.manner.registrations,
            (Some(Ok("rd")), Some(_)) => self.manner.updates,
            _ => Reaction::Proper,
        };
        asks && reaction == Reaction::Silence
    }
}

impl Server {
    /// Sends any request on behalf of a tester, who waits for its answer.
    fn ask(
        &mut self,
        moment: &mut Moment<'_>,
        call: CallId,
        (to, request): (SocketAddr, &Request),
    ) {
        let (ty, message) = request.message(&request.path, &request.query);
        let sent = self.with_layer(moment, |layer, turn| layer.request(turn, to, ty, message));
        match sent {
            Ok(request) => drop(self.asked.insert(request, call)),
            Err(error) => moment.out.answer(call, Answer::Refused(error.to_string())),
        }
    }
}

impl Role for Tester {
    type Shared = Shared;
    type Order = Order;
    type Answer = Answer;

    fn handle(
        &mut self,
        shared: &Shared,
        now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Answer>,
    ) {
        let own = self.own.take();
        let shared = own.as_deref().unwrap_or(shared);
        match input {
            Input::Order { call, order } => {
                let moment = &mut Moment { shared, now, out };
                self.server.expire(moment);
                self.obey(moment, call, order);
            }
            Input::Datagram { at, from, bytes } => {
                if Header::peek(bytes).is_some() {
                    self.heard = Some(from);
                }
                if !self.loses(bytes) {
                    let input = Input::Datagram { at, from, bytes };
                    self.server.handle(shared, now, input, out);
                }
            }
            Input::Wake => self.server.handle(shared, now, Input::Wake, out),
            Input::Associated { .. }
            | Input::Persisted(_)
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Restored(_) => {}
        }
        if self.own.is_none() {
            self.own = own;
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.server.next_deadline()
    }
}

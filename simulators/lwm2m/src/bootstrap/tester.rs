//! A bootstrap server in the hands of a tester: what a client meets that is judged.
//!
//! It confirms requests for bootstrap and does nothing more by itself: each operation is an order, lawful
//! or not, in any order, and an end comes only if the tester wants one.

use std::collections::HashMap;
use std::net::SocketAddr;

use twinproof_coap::endpoint::{Endpoint, Event, Exchange, Failure, RequestId, Turn};
use twinproof_coap::{Code, ContentFormat, Header, Message, Packet, Parameters, option};
use twinproof_kernel::{CallId, Input, Outbox, Role, Seed, Time};

use super::BOOTSTRAP;
use crate::device::Request;
use crate::server::tester::Reaction;
use crate::upper::{Answer, Reply};

/// Where clients ask for all their accounts in one answer (LwM2M 1.2).
const PACK: &str = "bspack";

/// What a tester can ask of its bootstrap server.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Send the client that was heard last any request, lawful or not; answered when that is.
    Ask(Request),
    /// Answer requests for bootstrap like this from now on. Answered at once.
    Behave(Reaction),
}

/// The bootstrap server's core.
#[derive(Debug)]
pub struct Tester {
    at: SocketAddr,
    layer: Endpoint<SocketAddr>,
    parameters: Parameters,
    reaction: Reaction,
    /// The tester's requests that are not answered.
    calls: HashMap<RequestId<SocketAddr>, CallId>,
    heard: Option<SocketAddr>,
    asked: usize,
    prefers: Option<ContentFormat>,
}

/// The moment at which it acts.
struct Moment<'a> {
    now: Time,
    out: &'a mut Outbox<Answer>,
}

impl Tester {
    /// One whom nobody has asked for anything, with its own address and what its random choices follow
    /// from.
    pub fn new(at: SocketAddr, seed: Seed) -> Self {
        Self {
            at,
            layer: Endpoint::new(seed.derive("messages")),
            parameters: Parameters::default(),
            reaction: Reaction::Proper,
            calls: HashMap::new(),
            heard: None,
            asked: 0,
            prefers: None,
        }
    }

    /// How often it was asked for bootstrap, copies aside.
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// In which format the client wants to be written to, if it has said so.
    pub fn prefers(&self) -> Option<ContentFormat> {
        self.prefers
    }

    /// Lets the message layer act, now.
    fn with_layer<T>(
        &mut self,
        moment: &mut Moment<'_>,
        act: impl FnOnce(&mut Endpoint<SocketAddr>, &mut Turn<'_, SocketAddr>) -> T,
    ) -> T {
        let (at, out) = (self.at, &mut *moment.out);
        let mut send = |to, bytes: &[u8]| {
            out.datagram(at, to, |buffer| buffer.extend_from_slice(bytes));
        };
        let mut turn = Turn {
            parameters: &self.parameters,
            now: moment.now,
            send: &mut send,
        };
        act(&mut self.layer, &mut turn)
    }

    fn obey(&mut self, moment: &mut Moment<'_>, call: CallId, order: Order) {
        let answer = match (order, self.heard) {
            (Order::Behave(reaction), _) => {
                self.reaction = reaction;
                Answer::Done
            }
            (Order::Ask(_), None) => Answer::Refused("no client was heard".to_owned()),
            (Order::Ask(request), Some(to)) => {
                let (ty, message) = request.message(&request.path, &request.query);
                let sent =
                    self.with_layer(moment, |layer, turn| layer.request(turn, to, ty, message));
                match sent {
                    Ok(request) => {
                        self.calls.insert(request, call);
                        return;
                    }
                    Err(error) => Answer::Refused(error.to_string()),
                }
            }
        };
        moment.out.answer(call, answer);
    }

    fn take(&mut self, moment: &mut Moment<'_>, event: Event<'_, SocketAddr>) {
        match event {
            Event::Request {
                exchange, packet, ..
            } => self.serve(moment, &exchange, &packet),
            Event::Response {
                request,
                packet,
                body,
                ..
            } => {
                let listed = packet.content_format() == Ok(Some(ContentFormat::LINK_FORMAT));
                let links = listed.then(|| String::from_utf8_lossy(&body).into_owned());
                let reply = Reply {
                    links,
                    ..Reply::of(packet.code())
                };
                self.answered(moment, request, Answer::Reply(reply));
            }
            Event::Failed { request, why } => {
                let answer = match why {
                    Failure::Timeout => Answer::Timeout,
                    Failure::Reset => Answer::Refused("the client answered with a Reset".into()),
                    Failure::Blocks(fault) => {
                        Answer::Refused(format!("the client's answer is broken: {fault}"))
                    }
                    Failure::Send(error) => Answer::Refused(error.to_string()),
                };
                self.answered(moment, request, answer);
            }
            Event::Acknowledged { .. }
            | Event::Confirmed { .. }
            | Event::Ignored { .. }
            | Event::Notification { .. }
            | Event::Pong { .. }
            | Event::Unobserved { .. } => {}
        }
    }

    fn answered(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
        answer: Answer,
    ) {
        if let Some(call) = self.calls.remove(&request) {
            moment.out.answer(call, answer);
        }
    }

    /// Answers a client.
    fn serve(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        packet: &Packet<'_>,
    ) {
        let message = match packet.code() {
            Code::POST if packet.path_is(&[BOOTSTRAP]) => {
                self.asked += 1;
                let said = packet.query("pct").and_then(|said| said.parse().ok());
                self.prefers = said.map(ContentFormat);
                self.reacted()
            }
            // Who is told that packs are not known asks in the other way.
            Code::GET if packet.path_is(&[PACK]) => Message::new(Code::NOT_IMPLEMENTED),
            _ => Message::new(Code::NOT_FOUND),
        };
        // What cannot be sent now is as good as lost on the way; the request will be repeated.
        let _ = self.with_layer(moment, |layer, turn| layer.respond(turn, exchange, message));
    }

    fn reacted(&self) -> Message {
        match self.reaction {
            Reaction::Proper | Reaction::Silence => Message::new(Code::CHANGED),
            Reaction::Refuse { code, later } => {
                let seconds = later.map(|later| u32::try_from(later.as_secs()).unwrap_or(u32::MAX));
                let message = Message::new(code);
                match seconds {
                    Some(seconds) => message.uint(option::MAX_AGE, seconds),
                    None => message,
                }
            }
        }
    }

    /// Whether a datagram is lost.
    fn loses(&self, bytes: &[u8]) -> bool {
        let asks = |packet: Packet<'_>| packet.path_is(&[BOOTSTRAP]) || packet.path_is(&[PACK]);
        self.reaction == Reaction::Silence && Packet::parse(bytes).is_ok_and(asks)
    }
}

impl Role for Tester {
    type Shared = ();
    type Order = Order;
    type Answer = Answer;

    fn handle(&mut self, (): &(), now: Time, input: Input<'_, Order>, out: &mut Outbox<Answer>) {
        let moment = &mut Moment { now, out };
        match input {
            Input::Order { call, order } => self.obey(moment, call, order),
            Input::Datagram { from, bytes, .. } => {
                if Header::peek(bytes).is_some() {
                    self.heard = Some(from);
                }
                if self.loses(bytes) {
                    return;
                }
                let event = self.with_layer(moment, |layer, turn| layer.receive(turn, from, bytes));
                if let Some(event) = event {
                    self.take(moment, event);
                }
            }
            Input::Wake => {
                while let Some(event) = self.with_layer(moment, |layer, turn| layer.expire(turn)) {
                    self.take(moment, event);
                }
            }
            Input::Associated { .. }
            | Input::Persisted(_)
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Restored(_) => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.layer.next_deadline()
    }
}

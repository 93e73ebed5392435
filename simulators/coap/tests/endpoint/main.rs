//! The message layer, two endpoints and a clock that only the test moves.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use twinproof_coap::endpoint::{
    Endpoint, Event, Exchange, Failure, Ignored, RequestId, SendError, Turn, is_newer,
};
use twinproof_coap::{
    Block, BlockFault, Code, Message, OptionNumber, Packet, Parameters, ParseFault, Raw, Token,
    Type, Writer, option,
};
use twinproof_kernel::{Seed, Time};

mod blocks;
mod cost;
mod fates;
mod faults;
mod observation;
mod transmission;

const SECOND: Duration = Duration::from_secs(1);

/// One endpoint, its clock, and what it has sent.
struct Party {
    endpoint: Endpoint<u8>,
    parameters: Parameters,
    now: Time,
    sent: VecDeque<(u8, Vec<u8>)>,
}

/// The peer of every party here.
const PEER: u8 = 1;

impl Party {
    fn new(seed: u64) -> Self {
        Self {
            endpoint: Endpoint::new(Seed::new(seed)),
            parameters: Parameters::default(),
            now: Time::ZERO,
            sent: VecDeque::new(),
        }
    }

    fn receive<'d>(&mut self, datagram: &'d [u8]) -> Option<Event<'d, u8>> {
        self.receive_from(PEER, datagram)
    }

    /// Lets the endpoint act, now, and keeps what it sends.
    fn act<T>(&mut self, act: impl FnOnce(&mut Endpoint<u8>, &mut Turn<'_, u8>) -> T) -> T {
        let sent = &mut self.sent;
        let mut send = |to, datagram: &[u8]| sent.push_back((to, datagram.to_vec()));
        let (parameters, now) = (&self.parameters, self.now);
        act(
            &mut self.endpoint,
            &mut Turn {
                parameters,
                now,
                send: &mut send,
            },
        )
    }

    fn receive_from<'d>(&mut self, from: u8, datagram: &'d [u8]) -> Option<Event<'d, u8>> {
        self.act(|endpoint, turn| endpoint.receive(turn, from, datagram))
    }

    fn expire(&mut self) -> Option<Event<'static, u8>> {
        self.act(|endpoint, turn| endpoint.expire(turn))
    }

    /// Moves the clock, deadline by deadline, and gathers what happens.
    fn wait(&mut self, time: Duration) -> Vec<(Time, String)> {
        let end = self.now + time;
        let mut log = Vec::new();
        while let Some(deadline) = self.endpoint.next_deadline().filter(|at| *at <= end) {
            assert!(deadline >= self.now, "a deadline in the past");
            self.now = deadline;
            while let Some(event) = self.expire() {
                log.push((self.now, format!("{event:?}")));
            }
            log.extend(self.flush().into_iter().map(|line| (self.now, line)));
        }
        self.now = end;
        log
    }

    fn request(&mut self, ty: Type, message: Message) -> Result<RequestId<u8>, SendError> {
        self.act(|endpoint, turn| endpoint.request(turn, PEER, ty, message))
    }

    fn respond(&mut self, exchange: &Exchange<u8>, message: Message) -> Result<(), SendError> {
        self.act(|endpoint, turn| endpoint.respond(turn, exchange, message))
    }

    fn respond_observed(&mut self, exchange: &Exchange<u8>, message: Message) {
        self.act(|endpoint, turn| endpoint.respond_observed(turn, exchange, message))
            .unwrap();
    }

    fn notify(&mut self, token: Token, ty: Type, message: Message) -> Result<(), SendError> {
        self.act(|endpoint, turn| endpoint.notify(turn, PEER, token, ty, message))
    }

    fn take(&mut self) -> Vec<u8> {
        self.sent.pop_front().expect("a datagram has been sent").1
    }

    /// Everything that has been sent, one line each.
    fn flush(&mut self) -> Vec<String> {
        self.sent
            .drain(..)
            .map(|(_, datagram)| match Packet::parse(&datagram) {
                Ok(packet) => packet.to_string(),
                Err(error) => panic!("sent what is no message: {error}"),
            })
            .collect()
    }

    /// Takes a request and gives what its answer needs.
    fn asked(&mut self, datagram: &[u8]) -> Exchange<u8> {
        match self.receive(datagram) {
            Some(Event::Request { exchange, .. }) => exchange,
            other => panic!("expected a request, got {other:?}"),
        }
    }
}

fn datagram(ty: Type, code: Code, id: u16, token: &[u8], message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    let options = twinproof_coap::option::TABLE
        .iter()
        .map(|definition| definition.number);
    let options = options.chain([OptionNumber(9999), OptionNumber(9998)]);
    options
        .flat_map(|number| message.values(number).map(move |value| (number, value)))
        .fold(
            Writer::new(&mut bytes, ty, code, id, token),
            |writer, (number, value)| writer.option(number, value),
        )
        .payload(message.body())
        .unwrap();
    bytes
}

fn con(id: u16, message: &Message) -> Vec<u8> {
    datagram(Type::Con, message.code(), id, &[7], message)
}

fn content(text: &str) -> Message {
    Message::new(Code::CONTENT).payload(text)
}

fn get() -> Message {
    Message::new(Code::GET).path("/3/0")
}

fn ignored(event: Option<Event<'_, u8>>) -> Ignored {
    match event {
        Some(Event::Ignored { why, .. }) => why,
        other => panic!("expected to be ignored, got {other:?}"),
    }
}

//! A gateway that a tester plays for a server that is judged: it comes when it is told to.

use std::convert::Infallible;

use twinproof_dm::syncml::{Command, Message};
use twinproof_dm::{Encoding, Limits};
use twinproof_kernel::http::Response;
use twinproof_kernel::{Input, Outbox, Output, Role, Time};

use crate::gateway::{Gateway, Shared};

/// What a tester asks of the gateway.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Begin a session with the first of its servers, with nothing to report.
    Come,
    /// Notice that a device has gone, and record that.
    Lose {
        /// The device.
        device: String,
    },
}

/// It is done, or under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done;

/// The gateway, and the tester's hand in it.
#[derive(Debug)]
pub struct Tended {
    gateway: Gateway,
    told: u64,
}

impl Tended {
    /// The same gateway with such a hand.
    #[must_use]
    pub fn new(gateway: Gateway) -> Self {
        Self { gateway, told: 0 }
    }

    /// The gateway.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// How many commands its servers have sent it so far.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.told
    }

    fn pass_on(
        &mut self,
        (shared, now): (&Shared, Time),
        input: Input<'_, Infallible>,
        out: &mut Outbox<Done>,
    ) {
        let mut inner = Outbox::default();
        self.gateway.handle(shared, now, input, &mut inner);
        for output in inner.drain() {
            match output {
                Output::Answer { answer, .. } => match answer {},
                // Its devices speak DM: no datagram is theirs. Nor does it start again.
                Output::Datagram { .. } | Output::Persist { .. } | Output::Trust { .. } => {}
                Output::Request { exchange, request } => {
                    out.push(Output::Request { exchange, request });
                }
                Output::Respond { exchange, response } => out.respond(exchange, response),
            }
        }
    }
}

impl Role for Tended {
    type Shared = Shared;
    type Order = Order;
    type Answer = Done;

    fn handle(
        &mut self,
        shared: &Shared,
        now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Done>,
    ) {
        let ground = (shared, now);
        match input {
            Input::Order { call, order } => {
                match order {
                    Order::Come => self.gateway.comes(),
                    Order::Lose { device } => self.gateway.loses(shared, now, &device),
                }
                self.pass_on(ground, Input::Wake, out);
                out.answer(call, Done);
            }
            Input::Request { exchange, request } => {
                self.pass_on(ground, Input::Request { exchange, request }, out);
            }
            Input::Response { exchange, outcome } => {
                self.told += outcome.map_or(0, commands);
                self.pass_on(ground, Input::Response { exchange, outcome }, out);
            }
            Input::Wake => self.pass_on(ground, Input::Wake, out),
            Input::Associated { .. }
            | Input::Datagram { .. }
            | Input::Persisted(_)
            | Input::Restored(_) => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.gateway.next_deadline()
    }
}

/// How many commands a message has that was answered with, if it is one.
fn commands(response: &Response) -> u64 {
    let kind = response.headers.first("Content-Type").unwrap_or_default();
    let read = Encoding::from_content_type(kind)
        .and_then(|encoding| encoding.read(&response.body, &Limits::default()).ok())
        .and_then(|element| Message::from_element(element).ok());
    let all = read
        .map(|parsed| parsed.message.commands)
        .unwrap_or_default();
    let is_told = |command: &&Command| !matches!(command, Command::Status(_) | Command::Results(_));
    all.iter().filter(is_told).count() as u64
}

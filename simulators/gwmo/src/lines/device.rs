//! A device that speaks in lines.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_kernel::{Input, Outbox, Role, Time};

use super::{Ask, Line, Why};

/// How long it waits for a welcome before it says once more that it is there.
const AGAIN: Duration = Duration::from_secs(1);

/// What a tester asks of the device.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Say to a gateway that it is there, until that answers.
    Attach {
        /// Where the gateway is.
        gateway: SocketAddr,
        /// What it shows, if not its key.
        key: Option<String>,
    },
    /// Answer like this from now on.
    Behave(Temper),
    /// Send the gateway what is no line.
    Blurt {
        /// So many.
        datagrams: usize,
    },
    /// Say good-bye.
    Leave,
}

/// How a device answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Temper {
    /// It does what it is asked.
    #[default]
    Obeys,
    /// It does nothing, and says so.
    Refuses,
    /// It says nothing.
    Silent,
}

/// What a device answers a tester.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done, or under way.
    Done,
}

/// The device's core.
#[derive(Clone, Debug)]
pub struct Simple {
    id: String,
    key: String,
    at: SocketAddr,
    gateway: Option<SocketAddr>,
    shows: Option<String>,
    /// When it says once more that it is there.
    again: Option<Time>,
    welcome: Option<bool>,
    temper: Temper,
    values: BTreeMap<String, String>,
    actions: Vec<String>,
    started: Vec<String>,
    /// What it has answered, and whom: who asks again gets it again.
    answered: BTreeMap<(SocketAddr, u64), Line>,
}

impl Simple {
    /// Who made all of them.
    pub const MAKER: &str = "Twinproof";

    /// What all of them are.
    pub const MODEL: &str = "lines";

    /// A device with this name and key, at this address of its own.
    #[must_use]
    pub fn new(id: &str, key: &str, at: SocketAddr) -> Self {
        Self {
            id: id.to_owned(),
            key: key.to_owned(),
            at,
            gateway: None,
            shows: None,
            again: None,
            welcome: None,
            temper: Temper::default(),
            values: BTreeMap::new(),
            actions: Vec::new(),
            started: Vec::new(),
            answered: BTreeMap::new(),
        }
    }

    /// The same with something that can be read and changed.
    #[must_use]
    pub fn with_value(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with something that can be started.
    #[must_use]
    pub fn with_action(mut self, name: &str) -> Self {
        self.actions.push(name.to_owned());
        self
    }

    /// Whether the gateway wants it; none as long as it has not said.
    #[must_use]
    pub fn is_welcome(&self) -> Option<bool> {
        self.welcome
    }

    /// What was started, in this order.
    #[must_use]
    pub fn started(&self) -> &[String] {
        &self.started
    }

    fn say(&self, line: &Line, out: &mut Outbox<Answer>) {
        if let Some(gateway) = self.gateway {
            out.datagram(self.at, gateway, |buffer| buffer.extend(line.to_octets()));
        }
    }

    fn hello(&mut self, now: Time, out: &mut Outbox<Answer>) {
        let hello = Line::Hello {
            device: self.id.clone(),
            key: self.shows.clone().unwrap_or_else(|| self.key.clone()),
            maker: Self::MAKER.to_owned(),
            model: Self::MODEL.to_owned(),
        };
        self.again = Some(now + AGAIN);
        self.say(&hello, out);
    }

    fn obey(&mut self, order: Order, now: Time, out: &mut Outbox<Answer>) {
        match order {
            Order::Attach { gateway, key } => {
                self.gateway = Some(gateway);
                self.shows = key;
                self.welcome = None;
                // A gateway that starts again counts from the start.
                self.answered.clear();
                self.hello(now, out);
            }
            Order::Behave(temper) => self.temper = temper,
            Order::Blurt { datagrams } => {
                for number in 0..datagrams {
                    if let Some(gateway) = self.gateway {
                        let noise = format!("{{\"say\":\"ask\",\"number\":{number},\n\u{7}");
                        out.datagram(self.at, gateway, |buffer| buffer.extend(noise.bytes()));
                    }
                }
            }
            Order::Leave => {
                let device = self.id.clone();
                self.say(&Line::Bye { device }, out);
                self.welcome = None;
                self.again = None;
            }
        }
    }

    fn asked(&mut self, number: u64, what: Ask) -> Line {
        if self.temper == Temper::Refuses {
            let why = Why::Forbidden;
            return Line::Failed { number, why };
        }
        let unknown = Line::Failed {
            number,
            why: Why::Unknown,
        };
        match what {
            Ask::Get { of } => match self.values.get(&of).cloned() {
                None => unknown,
                value => Line::Did { number, value },
            },
            Ask::Set { of, to } => match self.values.get_mut(&of) {
                None => unknown,
                Some(value) => {
                    *value = to;
                    let value = None;
                    Line::Did { number, value }
                }
            },
            Ask::Do { of } if self.actions.contains(&of) => {
                self.started.push(of);
                let value = None;
                Line::Did { number, value }
            }
            Ask::Do { .. } => unknown,
        }
    }
}

impl Role for Simple {
    type Shared = ();
    type Order = Order;
    type Answer = Answer;

    fn handle(&mut self, (): &(), now: Time, input: Input<'_, Order>, out: &mut Outbox<Answer>) {
        match input {
            Input::Order { call, order } => {
                self.obey(order, now, out);
                out.answer(call, Answer::Done);
            }
            Input::Datagram { from, bytes, .. } => match Line::parse(bytes) {
                Ok(Line::Welcome {}) => (self.welcome, self.again) = (Some(true), None),
                Ok(Line::Refused {}) => (self.welcome, self.again) = (Some(false), None),
                Ok(Line::Ask { number, what }) if self.temper != Temper::Silent => {
                    let answer = match self.answered.get(&(from, number)) {
                        Some(answer) => answer.clone(),
                        None => self.asked(number, what),
                    };
                    out.datagram(self.at, from, |buffer| buffer.extend(answer.to_octets()));
                    self.answered.insert((from, number), answer);
                }
                _ => {}
            },
            Input::Wake if self.again.is_some_and(|at| at <= now) => self.hello(now, out),
            Input::Associated { .. }
            | Input::Persisted(_)
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Restored(_)
            | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.again
    }
}

//! What a tester can ask of a device, and what it answers.

use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::{Code, ContentFormat, Message, OptionNumber, Type, option};

use crate::wire::serial;
use crate::wire::{Entry, Path, Value};

/// Which of its servers an order is about: its place in the configuration, from 0.
pub type ServerIndex = usize;

/// The bootstrap server, in the place of one of the servers.
pub const BOOTSTRAP: ServerIndex = usize::MAX;

/// What a tester can ask of a device.
///
/// Orders that send a request are answered when its answer, or its lack, is there, and so are those
/// that send a notification that has to be [confirmed](NotifyWith::Confirmed); all others at once.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Behave like this from now on.
    Behave(Behaviour),
    /// Ask for bootstrap, whatever the device would do by itself.
    Bootstrap,
    /// Put a smart card into the device, or take it out: the accounts that are on it. The device looks
    /// when it starts, registers or updates.
    Card(Vec<Entry>),
    /// Add an object instance, as if a user had plugged something in; registered servers are told.
    Create {
        /// The instance.
        path: Path,
        /// The resources below it.
        values: Vec<Entry>,
    },
    /// Remove an object instance; registered servers are told.
    Delete {
        /// The instance.
        path: Path,
    },
    /// De-register.
    Deregister {
        /// Where.
        server: ServerIndex,
    },
    /// Go on from another address, as behind a NAT that has forgotten; nobody is told.
    Move {
        /// The new address of the device.
        to: SocketAddr,
    },
    /// Send a notification, due or not.
    Notify(Notify),
    /// Register.
    Register(Register),
    /// Send any CoAP request, legal for LwM2M or not.
    Request(Request),
    /// Send values unasked (LwM2M 1.1).
    Send {
        /// Where to.
        server: ServerIndex,
        /// What.
        paths: Vec<Path>,
    },
    /// Send any datagram at all. Answered at once.
    SendRaw {
        /// Where to.
        server: ServerIndex,
        /// The octets.
        bytes: Vec<u8>,
    },
    /// Lose power, and come up again: nobody is told, and what was written stays written.
    PowerCycle,
    /// Do what a device does that was switched on: use its accounts, or ask for bootstrap.
    Start,
    /// Change a value; observations and servers are served as the enabler wants it.
    Set {
        /// Which.
        path: Path,
        /// To what.
        value: Value,
    },
    /// Update the registration.
    Update(Update),
}

/// A registration; by default what device and enabler say.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct Register {
    /// Where.
    pub server: ServerIndex,
    /// The arguments of the query, instead of the device's own.
    pub query: Option<Vec<String>>,
    /// The payload, instead of the device's own list of objects.
    pub objects: Option<String>,
    /// Whether Content-Format is left out.
    pub without_format: bool,
}

/// An update of a registration; by default without parameters.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct Update {
    /// Where.
    pub server: ServerIndex,
    /// The arguments of the query: `lt=60`.
    pub query: Vec<String>,
    /// The payload: a list of objects.
    pub objects: Option<String>,
    /// The location to update, instead of the device's own: `/rd/1`.
    pub location: Option<String>,
}

/// A notification that a tester makes.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Notify {
    /// Where to.
    pub server: ServerIndex,
    /// Whose observation: the newest that the server has of this path.
    pub path: Path,
    /// What is different about it.
    pub with: NotifyWith,
}

/// What a notification that a tester makes is like.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyWith {
    /// This value, which the device has from now on; confirmable, with the next sequence number. Answered
    /// when the server has it, or will not have it.
    Confirmed(Value),
    /// The same, but no sooner after the notification before it than the server wants (`pmin`); meanwhile there may be a newer
    /// value, which is then sent for both.
    Due(Value),
    /// This code and no value: it ends the observation.
    #[serde(with = "serial::code")]
    Error(Code),
    /// This token, whether anybody observes with it or not.
    Token {
        /// The token, 0 to 8 bytes.
        token: Vec<u8>,
        /// The sequence number.
        sequence: u32,
        /// The value.
        value: Value,
        /// Whether it is to be acknowledged.
        confirmable: bool,
    },
    /// This sequence number and value, outside of the device's own count.
    Sequence {
        /// The sequence number; 24 bits.
        sequence: u32,
        /// The value.
        value: Value,
        /// Whether it is to be acknowledged.
        confirmable: bool,
    },
    /// The present value; the next sequence number.
    Value {
        /// Whether it is to be acknowledged.
        confirmable: bool,
    },
}

/// Any CoAP request.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Request {
    /// Where to.
    pub server: ServerIndex,
    /// The method.
    #[serde(with = "serial::code")]
    pub method: Code,
    /// The path; `{location}` stands for where the device is registered.
    pub path: String,
    /// The arguments of the query; `{endpoint}` stands for the device's name.
    #[serde(default)]
    pub query: Vec<String>,
    /// Content-Format.
    #[serde(default, with = "serial::format")]
    pub format: Option<ContentFormat>,
    /// Further options: number and value.
    #[serde(default)]
    pub options: Vec<(u16, Vec<u8>)>,
    /// The body.
    #[serde(default)]
    pub payload: Vec<u8>,
    /// Whether it is to be acknowledged.
    #[serde(default = "yes")]
    pub confirmable: bool,
}

const fn yes() -> bool {
    true
}

impl Request {
    /// A confirmable request without query and body to the first server.
    pub fn new(method: Code, path: impl Into<String>) -> Self {
        Self {
            server: 0,
            method,
            path: path.into(),
            query: Vec::new(),
            format: None,
            options: Vec::new(),
            payload: Vec::new(),
            confirmable: true,
        }
    }

    /// Adds an argument to the query.
    #[must_use]
    pub fn with(mut self, argument: impl Into<String>) -> Self {
        self.query.push(argument.into());
        self
    }

    /// The message to this path with these arguments, and its type.
    pub(crate) fn message(&self, path: &str, query: &[String]) -> (Type, Message) {
        let mut message = Message::new(self.method)
            .path(path)
            .payload(self.payload.clone());
        for argument in query {
            message = message.query(argument);
        }
        if let Some(format) = self.format {
            message = message.content_format(format);
        }
        for (number, value) in &self.options {
            message = message.option(OptionNumber(*number), value);
        }
        let ty = match self.confirmable {
            true => Type::Con,
            false => Type::Non,
        };
        (ty, message)
    }

    /// Asks for the answer in this format.
    #[must_use]
    pub fn accepting(mut self, format: ContentFormat) -> Self {
        let [high, low] = format.0.to_be_bytes();
        let value = if high == 0 {
            vec![low]
        } else {
            vec![high, low]
        };
        self.options.push((option::ACCEPT.0, value));
        self
    }

    /// Sets the body and its format.
    #[must_use]
    pub fn with_body(mut self, format: ContentFormat, payload: impl Into<Vec<u8>>) -> Self {
        self.format = Some(format);
        self.payload = payload.into();
        self
    }
}

/// How a device behaves that need not be a good one. The default is as the enabler wants it.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct Behaviour {
    /// Whether the device updates its registrations by itself, before their life time ends and when
    /// something has changed, and registers again when a server no longer knows it.
    pub keeps_registered: bool,
    /// Whether it hears and says nothing: everything that arrives is lost, and nothing is sent but for
    /// orders.
    pub silent: bool,
    /// How it answers the requests of servers.
    pub answers: Answers,
    /// How long answers take.
    pub delay: Duration,
    /// Whether an answer that takes its time is announced by an empty acknowledgement; without one,
    /// the request is repeated meanwhile.
    pub announces: bool,
    /// How many of the next answers are lost on their way.
    pub loses: u32,
    /// Whether each answer comes a first time with another token and as a fault of the device.
    pub strays: bool,
    /// The content format of answers to requests that ask for none.
    #[serde(with = "serial::format")]
    pub format: Option<ContentFormat>,
    /// Whether notifications are confirmable.
    pub confirms: bool,
    /// The requests that are refused.
    pub refuses: Option<Refuses>,
}

/// Requests that are refused, and nothing is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Refuses {
    /// Their method.
    #[serde(with = "serial::code")]
    pub method: Code,
    /// The code of the answer.
    #[serde(with = "serial::code")]
    pub with: Code,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            keeps_registered: true,
            silent: false,
            answers: Answers::Proper,
            delay: Duration::ZERO,
            announces: true,
            loses: 0,
            strays: false,
            format: None,
            confirms: false,
            refuses: None,
        }
    }
}

/// How a device answers the requests of servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// Always with this code, and nothing is done.
    #[serde(with = "serial::code")]
    Always(Code),
    /// Not at all, though the request is acknowledged.
    Never,
    /// As the enabler wants it.
    Proper,
    /// With a Reset, and nothing is done.
    Reset,
}

/// What a device answers to an order.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// It cannot be done, and why: there is no such registration, observation or value.
    Impossible(String),
    /// The server did not answer within the times of the protocol.
    NoAnswer,
    /// The server sent a Reset.
    Reset,
    /// The server answered.
    Response(Response),
}

impl Answer {
    /// The response, if there is one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Response(response) => Some(response),
            _ => None,
        }
    }
}

/// How a server answered.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Response {
    /// The code.
    #[serde(with = "serial::code")]
    pub code: Code,
    /// The segments of the location, if any.
    #[serde(default)]
    pub location: Vec<String>,
    /// How long the server asks to wait.
    #[serde(default)]
    pub retry_after: Option<Duration>,
    /// The body.
    #[serde(default)]
    pub payload: Vec<u8>,
}

/// What can be seen of a device from outside; a stage waits for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// Its registration at each server, in the order of the servers.
    pub registrations: Vec<Registration>,
    /// The requests of servers that it has got, oldest first; copies are not among them.
    pub asked: Vec<Asked>,
    /// The observations of servers, oldest first.
    pub observed: Vec<Observed>,
    /// What became of bootstraps.
    pub bootstraps: Bootstraps,
}

/// How often a device was bootstrapped.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bootstraps {
    /// How often a bootstrap has begun: the device has asked, or was written to unasked.
    pub begun: u32,
    /// How often one came to nothing.
    pub failed: u32,
    /// How often one was finished.
    pub finished: u32,
}

/// What a device thinks of its registration.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Registration {
    /// The location; empty if it is not registered.
    pub location: String,
    /// How often it was registered.
    pub registered: u32,
    /// How often the registration was updated.
    pub updated: u32,
}

/// A request of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    /// Which server.
    pub server: ServerIndex,
    /// The method.
    pub method: Code,
    /// The path as it was asked for, with the alternate path.
    pub path: String,
    /// The arguments of the query.
    pub query: Vec<String>,
    /// Observe, if it is there.
    pub observe: Option<u32>,
    /// Content-Format.
    pub format: Option<ContentFormat>,
    /// Accept.
    pub accept: Option<ContentFormat>,
    /// The token.
    pub token: Vec<u8>,
    /// The body.
    pub payload: Vec<u8>,
    /// How it was answered; none while it is not.
    pub answered: Option<Code>,
}

/// An observation of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Observed {
    /// Which server.
    pub server: ServerIndex,
    /// What is observed; several paths for a composite observation.
    pub paths: Vec<Path>,
    /// The token.
    pub token: Vec<u8>,
    /// How many notifications were sent.
    pub notified: u32,
}

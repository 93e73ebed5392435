//! The parties on a link in memory without faults, and a clock that only the test moves.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::endpoint::{Endpoint, Event, RequestId, Turn};
use twinproof_coap::{Code, ContentFormat, Message, Packet, Parameters, Type};
use twinproof_kernel::{CallId, Input, Outbox, Output, Role, Seed, Time};
use twinproof_lwm2m::bootstrap::{self, BootstrapServer};
use twinproof_lwm2m::device::{self, Device, Order};
use twinproof_lwm2m::server::{self, Server};
use twinproof_lwm2m::wire::{Entry, Path, Value, Version};

pub(crate) const BOOTSTRAP: &str = "127.0.0.1:5783";
pub(crate) const SERVER: &str = "127.0.0.1:5683";
pub(crate) const TESTER: &str = "127.0.0.1:5999";
const DEVICE: &str = "127.0.0.2:5700";

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn path(text: &str) -> Path {
    text.parse().unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a tester sees of one answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Came {
    pub(crate) code: Code,
    pub(crate) body: Vec<u8>,
}

/// A bootstrap server, a server, one device, and a tester who is only a message layer: what is sent to
/// its address, and what it sends from any.
pub(crate) struct World {
    pub(crate) boot: BootstrapServer,
    pub(crate) boots: bootstrap::Shared,
    pub(crate) server: Server,
    serves: server::Shared,
    pub(crate) device: Device,
    pub(crate) shared: device::Shared,
    /// Speaks for the address of the bootstrap server, where that is set.
    pub(crate) tester: Endpoint<SocketAddr>,
    /// The tester stands at this address.
    pub(crate) stands: SocketAddr,
    /// With what the tester answers a request for bootstrap; nothing if it is none.
    pub(crate) confirms: Option<Code>,
    pub(crate) now: Time,
    posted: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// All requests, as they read: who sent them, and what.
    pub(crate) requests: Vec<String>,
    pub(crate) answers: Vec<device::Answer>,
    pub(crate) told: Vec<bootstrap::Answer>,
    came: Vec<(RequestId<SocketAddr>, Came)>,
    /// The device has gone: nothing reaches it.
    pub(crate) gone: bool,
}

impl World {
    pub(crate) fn new(version: Version) -> Self {
        Self {
            boot: BootstrapServer::new(address(BOOTSTRAP), Seed::new(1)),
            boots: bootstrap::Shared::new(version),
            server: Server::new(address(SERVER), Seed::new(2)),
            serves: server::Shared::new(version),
            device: Device::new("dev", address(DEVICE), Seed::new(3)),
            shared: device::Shared::unprovisioned(version, 1, address(BOOTSTRAP)),
            tester: Endpoint::new(Seed::new(4)),
            stands: address(TESTER),
            confirms: None,
            now: Time::ZERO,
            posted: VecDeque::new(),
            requests: Vec::new(),
            answers: Vec::new(),
            told: Vec::new(),
            came: Vec::new(),
            gone: false,
        }
    }

    /// The same, where the tester is the bootstrap server.
    pub(crate) fn tested(version: Version) -> Self {
        Self {
            stands: address(BOOTSTRAP),
            confirms: Some(Code::CHANGED),
            ..Self::new(version)
        }
    }

    fn post<A>(&mut self, out: &mut Outbox<A>) -> Vec<A> {
        let bytes = out.bytes().to_vec();
        let mut answers = Vec::new();
        for output in out.drain() {
            match output {
                Output::Answer { answer, .. } => answers.push(answer),
                Output::Datagram { at, to, range } => {
                    self.posted.push_back((at, to, bytes[range].to_vec()));
                }
                _ => {}
            }
        }
        answers
    }

    fn tell_device(&mut self, input: Input<'_, Order>) {
        let mut out = Outbox::default();
        self.device.handle(&self.shared, self.now, input, &mut out);
        let answers = self.post(&mut out);
        self.answers.extend(answers);
    }

    fn tell_boot(&mut self, input: Input<'_, bootstrap::Order>) {
        let mut out = Outbox::default();
        self.boot.handle(&self.boots, self.now, input, &mut out);
        let told = self.post(&mut out);
        self.told.extend(told);
    }

    pub(crate) fn order(&mut self, order: Order) {
        let call = CallId(0);
        self.tell_device(Input::Order { call, order });
        self.deliver();
    }

    pub(crate) fn boot_order(&mut self, order: bootstrap::Order) {
        let call = CallId(0);
        self.tell_boot(Input::Order { call, order });
        self.deliver();
    }

    /// Delivers all that is under way.
    pub(crate) fn deliver(&mut self) {
        while let Some((from, to, bytes)) = self.posted.pop_front() {
            if let Ok(packet) = Packet::parse(&bytes)
                && packet.code().is_request()
            {
                let who = match from {
                    from if from == address(DEVICE) => "device",
                    _ => "server",
                };
                self.requests.push(format!("{who}: {packet}"));
            }
            if to == self.stands {
                self.hear(from, &bytes);
            } else if to == address(DEVICE) && !self.gone {
                let bytes = &bytes;
                self.tell_device(Input::Datagram {
                    at: to,
                    from,
                    bytes,
                });
            } else if to == address(BOOTSTRAP) {
                let bytes = &bytes;
                self.tell_boot(Input::Datagram {
                    at: to,
                    from,
                    bytes,
                });
            } else if to == address(SERVER) {
                let mut out = Outbox::default();
                let bytes = &bytes;
                let input = Input::Datagram {
                    at: to,
                    from,
                    bytes,
                };
                self.server.handle(&self.serves, self.now, input, &mut out);
                self.post(&mut out);
            }
        }
    }

    fn hear(&mut self, from: SocketAddr, bytes: &[u8]) {
        let at = self.stands;
        let mut sent = Vec::new();
        let mut send = |to, bytes: &[u8]| sent.push((at, to, bytes.to_vec()));
        let parameters = Parameters::default();
        let mut turn = Turn {
            parameters: &parameters,
            now: self.now,
            send: &mut send,
        };
        match self.tester.receive(&mut turn, from, bytes) {
            Some(Event::Request { exchange, .. }) => {
                if let Some(code) = self.confirms {
                    let answer = Message::new(code);
                    self.tester.respond(&mut turn, &exchange, answer).unwrap();
                }
            }
            Some(Event::Response {
                request,
                packet,
                body,
                ..
            }) => {
                let came = Came {
                    code: packet.code(),
                    body: body.into_owned(),
                };
                self.came.push((request, came));
            }
            _ => {}
        }
        self.posted.extend(sent);
    }

    /// The tester asks the device for something; what it answers.
    pub(crate) fn ask(&mut self, message: Message) -> Came {
        let at = self.stands;
        let mut sent = Vec::new();
        let mut send = |to, bytes: &[u8]| sent.push((at, to, bytes.to_vec()));
        let parameters = Parameters::default();
        let mut turn = Turn {
            parameters: &parameters,
            now: self.now,
            send: &mut send,
        };
        let asked = self
            .tester
            .request(&mut turn, address(DEVICE), Type::Con, message);
        let asked = asked.unwrap();
        self.posted.extend(sent);
        self.deliver();
        let place = self.came.iter().position(|(request, _)| *request == asked);
        self.came.remove(place.expect("an answer")).1
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let due = [
                self.device.next_deadline().map(|at| (at, 0)),
                self.boot.next_deadline().map(|at| (at, 1)),
                self.server.next_deadline().map(|at| (at, 2)),
            ];
            let Some((at, who)) = due.into_iter().flatten().min().filter(|(at, _)| *at <= end)
            else {
                break;
            };
            self.now = self.now.max(at);
            match who {
                0 => self.tell_device(Input::Wake),
                1 => self.tell_boot(Input::Wake),
                _ => {
                    let mut out = Outbox::default();
                    let input = Input::Wake;
                    self.server.handle(&self.serves, self.now, input, &mut out);
                    self.post(&mut out);
                }
            }
            self.deliver();
        }
        self.now = end;
    }

    /// The device's requests for bootstrap and registration, in order.
    pub(crate) fn begun(&self) -> Vec<&str> {
        let kinds = self.requests.iter().filter_map(|request| {
            let request = request.strip_prefix("device: ")?;
            let kinds = [("/bs", "bootstrap"), ("/rd", "register")];
            kinds
                .into_iter()
                .find_map(|(path, kind)| request.contains(path).then_some(kind))
        });
        kinds.collect()
    }
}

/// A write of these values.
pub(crate) fn write(to: &str, values: &[Entry]) -> Message {
    use twinproof_lwm2m::wire::{Direction, encode};
    let format = ContentFormat::LWM2M_TLV;
    let payload = encode(format, Direction::Write, path(to), values).unwrap();
    Message::new(Code::PUT)
        .path(to)
        .content_format(format)
        .payload(payload)
}

pub(crate) fn finish() -> Message {
    Message::new(Code::POST).path("/bs")
}

pub(crate) fn text(at: &str, value: &str) -> Entry {
    Entry::new(path(at), Value::String(value.to_owned()))
}

pub(crate) fn integer(at: &str, value: i64) -> Entry {
    Entry::new(path(at), Value::Integer(value))
}

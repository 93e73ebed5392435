//! Devices against the server, on a link in memory that may lose, double and overtake.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::Code;
use twinproof_kernel::{CallId, Identity, Input, Outbox, Output, Rests, Role, Seed, Time};
use twinproof_lwm2m::device::{self, Behaviour, Device, Order, Register, Update};
use twinproof_lwm2m::server::{self, Server};
use twinproof_lwm2m::upper::{Answer, Client, Operation, What, WriteMode};
use twinproof_lwm2m::wire::{Entry, Path, Value, Version};

pub(crate) const SERVER: &str = "127.0.0.1:5683";
pub(crate) const LATENCY: Duration = Duration::from_millis(20);

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn path(text: &str) -> Path {
    text.parse().unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a link does to its datagrams, out of a hundred.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u32,
    pub(crate) doubled: u32,
    pub(crate) delayed: u32,
}

/// When it arrives, in which order, from, to, octets.
type Posted = (Time, u64, SocketAddr, SocketAddr, Vec<u8>);

/// A server, its devices, and the link between them.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) set_up: server::Shared,
    pub(crate) devices: Vec<(SocketAddr, Device)>,
    pub(crate) shared: device::Shared,
    pub(crate) now: Time,
    under_way: BinaryHeap<Reverse<Posted>>,
    sent: u64,
    pub(crate) faults: Faults,
    pub(crate) luck: Box<dyn FnMut(u32) -> u32>,
    calls: u64,
    told: Vec<(u64, Answer)>,
    heard: Vec<(u64, device::Answer)>,
    /// Whether a device is packed after each of its events, where it can be, and how often it was.
    pub(crate) packs: Option<usize>,
    /// Who is packed, and when they want to be woken.
    resting: BTreeMap<usize, Option<Time>>,
    /// What was posted: when, from, to, octets.
    pub(crate) said: Vec<(Time, SocketAddr, SocketAddr, Vec<u8>)>,
}

impl World {
    pub(crate) fn new(version: Version, lifetime: u32) -> Self {
        let mut random = Seed::new(11).rng();
        Self {
            server: Server::new(address(SERVER), Seed::new(2)),
            set_up: server::Shared::new(version),
            devices: Vec::new(),
            shared: device::Shared::new(version, lifetime, &[address(SERVER)]),
            now: Time::ZERO,
            under_way: BinaryHeap::new(),
            sent: 0,
            faults: Faults::default(),
            luck: Box::new(move |below| random.u32(..below)),
            calls: 0,
            told: Vec::new(),
            heard: Vec::new(),
            packs: None,
            resting: BTreeMap::new(),
            said: Vec::new(),
        }
    }

    /// A world with one device, `dev`, that is registered.
    pub(crate) fn registered(version: Version, lifetime: u32) -> Self {
        let mut world = Self::new(version, lifetime);
        world.add("dev");
        let answer = world.device(0, Order::Register(Register::default()));
        assert_eq!(code(&answer), Code::CREATED, "{answer:?}");
        world
    }

    pub(crate) fn add(&mut self, endpoint: &str) -> usize {
        let number = self.devices.len();
        let at = SocketAddr::from(([127, 0, 1, number as u8 + 1], 5683));
        let device = Device::new(endpoint, at, Seed::new(100).derive(endpoint));
        self.devices.push((at, device));
        number
    }

    pub(crate) fn post(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.said.push((self.now, from, to, bytes.clone()));
        let Faults {
            lost,
            doubled,
            delayed,
        } = self.faults;
        if (self.luck)(100) < lost {
            return;
        }
        let copies = 1 + u32::from((self.luck)(100) < doubled);
        for _ in 0..copies {
            let late = match (self.luck)(100) < delayed {
                true => Duration::from_millis((self.luck)(3_000).into()),
                false => Duration::ZERO,
            };
            self.sent += 1;
            let item = (
                self.now + LATENCY + late,
                self.sent,
                from,
                to,
                bytes.clone(),
            );
            self.under_way.push(Reverse(item));
        }
    }

    pub(crate) fn serve(&mut self, input: Input<'_, Operation>) {
        let mut out = Outbox::default();
        self.server.handle(&self.set_up, self.now, input, &mut out);
        let bytes = out.bytes().to_vec();
        for output in out.drain() {
            match output {
                Output::Answer { call, answer } => self.told.push((call.0, answer)),
                Output::Datagram { at, to, range } => self.post(at, to, bytes[range].to_vec()),
                _ => {}
            }
        }
    }

    pub(crate) fn tell(&mut self, number: usize, input: Input<'_, Order>) {
        let mut out = Outbox::default();
        let (_, device) = &mut self.devices[number];
        device.handle(&self.shared, self.now, input, &mut out);
        self.pack(number);
        let bytes = out.bytes().to_vec();
        for output in out.drain() {
            match output {
                Output::Answer { call, answer } => self.heard.push((call.0, answer)),
                Output::Datagram { at, to, range } => self.post(at, to, bytes[range].to_vec()),
                _ => {}
            }
        }
    }

    fn pack(&mut self, number: usize) {
        let (Some(count), (at, device)) = (&mut self.packs, &mut self.devices[number]) else {
            return;
        };
        let name = device.endpoint().to_owned();
        let who = Identity {
            name: &name,
            at: *at,
            seed: Seed::new(100).derive(&name),
        };
        self.resting.remove(&number);
        if let Some(packed) = device.pack(&self.shared, *at) {
            let (due, before) = (Device::wakes_at(&packed), device.next_deadline());
            // What it was, but for the packed, must not show through.
            device.refill(&self.shared, packed, who);
            assert_eq!(device.next_deadline(), before);
            // Nobody is woken only to forget.
            assert!(due == before || due.is_none_or(|due| before.is_some_and(|at| at < due)));
            self.resting.insert(number, due);
            *count += 1;
        }
    }

    fn due(&self, number: usize) -> Option<Time> {
        match self.resting.get(&number) {
            Some(due) => *due,
            None => self.devices[number].1.next_deadline(),
        }
    }

    /// Does what is due next, if that is before `end`.
    pub(crate) fn step(&mut self, end: Time) -> bool {
        let arrival = self.under_way.peek().map(|Reverse(item)| item.0);
        let server = self.server.next_deadline();
        let numbers = 0..self.devices.len();
        let device = numbers.filter_map(|number| self.due(number)).min();
        let Some(at) = [arrival, server, device]
            .into_iter()
            .flatten()
            .min()
            .filter(|at| *at <= end)
        else {
            self.now = end;
            return false;
        };
        self.now = self.now.max(at);
        if arrival == Some(at) {
            let Some(Reverse((_, _, from, to, bytes))) = self.under_way.pop() else {
                return false;
            };
            let bytes = &bytes;
            if to == address(SERVER) {
                self.serve(Input::Datagram {
                    at: to,
                    from,
                    bytes,
                });
            } else if let Some(number) = self.devices.iter().position(|(at, _)| *at == to) {
                self.tell(
                    number,
                    Input::Datagram {
                        at: to,
                        from,
                        bytes,
                    },
                );
            }
        } else if server == Some(at) {
            self.serve(Input::Wake);
        } else {
            for number in 0..self.devices.len() {
                if self.due(number).is_some_and(|due| due <= self.now) {
                    self.tell(number, Input::Wake);
                }
            }
        }
        true
    }

    pub(crate) fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
    }

    pub(crate) fn device(&mut self, number: usize, order: Order) -> device::Answer {
        self.calls += 1;
        let call = self.calls;
        self.tell(
            number,
            Input::Order {
                call: CallId(call),
                order,
            },
        );
        let end = self.now + seconds(400);
        loop {
            if let Some(at) = self.heard.iter().position(|(c, _)| *c == call) {
                return self.heard.remove(at).1;
            }
            assert!(self.step(end), "the device comes to no end");
        }
    }

    pub(crate) fn operate(&mut self, operation: Operation) -> Answer {
        self.calls += 1;
        let call = self.calls;
        let order = operation;
        self.serve(Input::Order {
            call: CallId(call),
            order,
        });
        let end = self.now + seconds(400);
        loop {
            if let Some(at) = self.told.iter().position(|(c, _)| *c == call) {
                return self.told.remove(at).1;
            }
            assert!(self.step(end), "the server comes to no end");
        }
    }

    pub(crate) fn register(&mut self, query: &[&str], objects: &str) -> Code {
        let query = query.iter().map(|&argument| argument.to_owned()).collect();
        let how = Register {
            query: Some(query),
            objects: Some(objects.to_owned()),
            ..Register::default()
        };
        code(&self.device(0, Order::Register(how)))
    }

    pub(crate) fn update(&mut self, number: usize, query: &[&str], objects: Option<&str>) -> Code {
        let how = Update {
            query: query.iter().map(|&argument| argument.to_owned()).collect(),
            objects: objects.map(str::to_owned),
            ..Update::default()
        };
        code(&self.device(number, Order::Update(how)))
    }

    pub(crate) fn clients(&mut self) -> Vec<Client> {
        match self.operate(Operation::Clients) {
            Answer::Clients(clients) => clients,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn read(&mut self, at: &str) -> Answer {
        self.operate(Operation::Read {
            endpoint: "dev".to_owned(),
            path: path(at),
            accept: None,
        })
    }

    pub(crate) fn write(&mut self, at: &str, mode: WriteMode, values: Vec<Entry>) -> Code {
        let answer = self.operate(Operation::Write {
            endpoint: "dev".to_owned(),
            path: path(at),
            mode,
            values,
            format: None,
        });
        reply(&answer).0
    }

    pub(crate) fn set(&mut self, at: &str, value: Value) {
        let order = Order::Set {
            path: path(at),
            value,
        };
        assert_eq!(self.device(0, order), device::Answer::Done);
    }

    pub(crate) fn observe(&mut self, at: &str) -> Answer {
        self.operate(Operation::Observe {
            endpoint: "dev".to_owned(),
            path: path(at),
            accept: None,
        })
    }

    /// The values of this path that the application was told, oldest first.
    pub(crate) fn news(&mut self, at: &str) -> Vec<Value> {
        let Answer::Events { events, .. } = self.operate(Operation::Events { after: 0 }) else {
            panic!("the server tells what happened")
        };
        let told = events.into_iter().filter_map(|event| match event.what {
            What::Notified { values, .. } => Some(values),
            _ => None,
        });
        told.flatten()
            .filter(|entry| entry.path == path(at))
            .filter_map(|entry| entry.value)
            .collect()
    }

    pub(crate) fn behave(&mut self, behaviour: Behaviour) {
        self.device(0, Order::Behave(behaviour));
    }
}

pub(crate) fn code(answer: &device::Answer) -> Code {
    answer
        .response()
        .unwrap_or_else(|| panic!("{answer:?}"))
        .code
}

pub(crate) fn reply(answer: &Answer) -> (Code, Vec<Entry>) {
    match answer {
        Answer::Reply(reply) => (reply.code, reply.values.clone()),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn value(answer: &Answer) -> Value {
    match &reply(answer).1[..] {
        [
            Entry {
                value: Some(value), ..
            },
        ] => value.clone(),
        other => panic!("{other:?}"),
    }
}

//! Devices that speak another protocol: what servers want of them is said in theirs, and what they say is
//! said to servers as any client of DM would have said it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::Code;
use twinproof_dm::upper::{Act, Value};
use twinproof_kernel::{CallId, Input, Outbox, Output, Seed, Time};
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::upper::{Answer, Operation, What, WriteMode};
use twinproof_lwm2m::wire::{Entry, Path, Value as Resource};

use super::rules::{About, Foreign, Heard, Newcomer};
use super::{Gateway, Mapped, Mode, Moment, Protocol};
use crate::aggregate::Said;
use crate::lines::{Ask, Line, Why};

/// How long an answer is waited for before it is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// How often it is asked again.
const TRIES: u8 = 5;

/// What the events of the LwM2M server are asked for with.
const EVENTS: CallId = CallId(0);

/// The side towards devices of other protocols.
#[derive(Debug, Default)]
pub(super) struct Adapter {
    /// Where it hears devices that speak in lines.
    lines: Option<SocketAddr>,
    lwm2m: Option<Server>,
    /// How many events of that server were heard.
    known: u64,
    /// Where devices are that speak in lines.
    peers: BTreeMap<String, SocketAddr>,
    /// What devices are to do, one after the other.
    queues: BTreeMap<String, VecDeque<(CallId, Act)>>,
    /// What has come of sequences that are not at their end.
    so_far: BTreeMap<CallId, Said>,
    /// What was asked in lines, and of whom.
    asked: BTreeMap<u64, Asking>,
    numbers: u64,
    /// How much came that could not be read.
    garbage: usize,
}

#[derive(Clone, Debug)]
struct Asking {
    device: String,
    call: CallId,
    octets: Vec<u8>,
    left: u8,
    again: Time,
}

/// Something said in another protocol.
enum Spoken {
    Line(Ask),
    Lwm2m(Operation),
}

impl Adapter {
    pub(super) fn new(lines: Option<SocketAddr>, lwm2m: Option<SocketAddr>, seed: Seed) -> Self {
        Self {
            lines,
            lwm2m: lwm2m.map(|at| Server::new(at, seed.derive("lwm2m"))),
            ..Self::default()
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        use twinproof_kernel::Role as _;
        let lines = self.asked.values().map(|asking| asking.again).min();
        let lwm2m = self.lwm2m.as_ref().and_then(Server::next_deadline);
        [lines, lwm2m].into_iter().flatten().min()
    }
}

impl Gateway {
    /// A device of another protocol is to do something.
    pub(super) fn adapt(&mut self, moment: &mut Moment<'_>, id: &str, call: CallId, act: Act) {
        let queue = self.adapter.queues.entry(id.to_owned()).or_default();
        let waits = !queue.is_empty();
        let mut each = Vec::new();
        flatten(act, &mut each);
        queue.extend(each.into_iter().map(|act| (call, act)));
        if !waits {
            self.ask(moment, id);
        }
    }

    /// Some of what it is to do is not wanted any more. Goes on with the rest.
    pub(super) fn withdraw(
        &mut self,
        moment: &mut Moment<'_>,
        id: &str,
        of: impl Fn(CallId) -> bool,
    ) {
        self.south.withdraw(id, &of);
        let Some(queue) = self.adapter.queues.get_mut(id) else {
            return;
        };
        let asked = queue.front().map(|(call, _)| *call);
        queue.retain(|(call, _)| !of(*call));
        self.adapter.so_far.retain(|call, _| !of(*call));
        // Who is asked for it is not asked any more.
        if let Some(asked) = asked.filter(|call| of(*call)) {
            self.adapter.asked.retain(|_, asking| asking.call != asked);
            self.ask(moment, id);
        }
    }

    /// Asks a device for what waits longest.
    fn ask(&mut self, moment: &mut Moment<'_>, id: &str) {
        let queue = self.adapter.queues.get(id);
        let Some((call, act)) = queue.and_then(|queue| queue.front()).cloned() else {
            return;
        };
        match self.translate(moment, id, act) {
            Err(said) => self.done(moment, id, call, said, Vec::new()),
            Ok(Spoken::Lwm2m(order)) => self.lwm2m(moment, Input::Order { call, order }),
            Ok(Spoken::Line(what)) => {
                self.adapter.numbers += 1;
                let number = self.adapter.numbers;
                let octets = Line::Ask { number, what }.to_octets();
                let asking = Asking {
                    device: id.to_owned(),
                    call,
                    octets,
                    left: TRIES,
                    again: moment.now,
                };
                self.adapter.asked.insert(number, asking);
                self.repeat(moment);
            }
        }
    }

    /// What an act is in the protocol of a device.
    fn translate(&self, moment: &Moment<'_>, id: &str, act: Act) -> Result<Spoken, Foreign> {
        let device = self.devices.get(id).ok_or(Foreign::Unmapped)?;
        let adapted = device.adapted.as_ref().ok_or(Foreign::Unmapped)?;
        if !moment.shared.rules.speaks(adapted.protocol) {
            return Err(Foreign::Silent);
        }
        let (uri, wanted) = match act {
            Act::Get { uri } => (uri, None),
            Act::Exec { uri, .. } => (uri, Some(None)),
            Act::Replace(put) => {
                let value = match put.value {
                    Some(Value::Text(text)) => text,
                    _ => return Err(Foreign::Untranslatable),
                };
                let value = moment.shared.rules.writes(value);
                (put.uri, Some(Some(value)))
            }
            _ => return Err(Foreign::Untranslatable),
        };
        let mapped = adapted.nodes.iter().find(|mapped| mapped.node == uri);
        let Mapped { is, .. } = mapped.ok_or(Foreign::Unmapped)?;
        let of = is.clone();
        match adapted.protocol {
            Protocol::Lines => Ok(Spoken::Line(match wanted {
                None => Ask::Get { of },
                Some(None) => Ask::Do { of },
                Some(Some(to)) => Ask::Set { of, to },
            })),
            Protocol::Lwm2m => {
                let path: Path = of.parse().map_err(|_| Foreign::Unmapped)?;
                let endpoint = id.to_owned();
                Ok(Spoken::Lwm2m(match wanted {
                    None => Operation::Read {
                        endpoint,
                        path,
                        accept: None,
                    },
                    Some(None) => Operation::Execute {
                        endpoint,
                        path,
                        arguments: String::new(),
                    },
                    Some(Some(value)) => Operation::Write {
                        endpoint,
                        path,
                        mode: WriteMode::Replace,
                        values: vec![Entry::new(path, Resource::String(value))],
                        format: None,
                    },
                }))
            }
        }
    }

    /// What a device has made of what it was asked.
    fn done(
        &mut self,
        moment: &mut Moment<'_>,
        id: &str,
        call: CallId,
        said: Foreign,
        values: Vec<String>,
    ) {
        let queue = self.adapter.queues.get_mut(id);
        let Some(queue) = queue.filter(|queue| queue.front().is_some_and(|(own, _)| *own == call))
        else {
            return;
        };
        queue.pop_front();
        // A sequence is as many asks, and one answer: what failed first is its code.
        let goes_on = queue.iter().any(|(own, _)| *own == call);
        let status = moment.shared.rules.translates(said);
        let so_far = self.adapter.so_far.entry(call).or_insert(Said {
            status,
            values: Vec::new(),
        });
        if (200..300).contains(&so_far.status) {
            so_far.status = status;
        }
        so_far.values.extend(values);
        if !goes_on && let Some(said) = self.adapter.so_far.remove(&call) {
            self.said(call, said);
        }
        match said {
            Foreign::Silent => {
                self.give_up(moment, id, status);
                self.left(moment, id);
            }
            _ => self.ask(moment, id),
        }
    }

    /// A datagram of a device.
    pub(super) fn spoken(
        &mut self,
        moment: &mut Moment<'_>,
        (at, from): (SocketAddr, SocketAddr),
        bytes: &[u8],
    ) {
        if self.adapter.lines != Some(at) {
            return self.lwm2m(moment, Input::Datagram { at, from, bytes });
        }
        let line = Line::parse(bytes);
        let facts = Heard {
            readable: line.is_ok(),
            garbage: self.adapter.garbage,
        };
        self.adapter.garbage += usize::from(line.is_err());
        if !moment.shared.rules.listens(facts) {
            return;
        }
        let of = |device: &Gateway, number: u64| {
            let asking = device.adapter.asked.get(&number)?;
            let own = device.adapter.peers.get(&asking.device) == Some(&from);
            own.then(|| asking.clone())
        };
        match line {
            Ok(Line::Hello {
                device,
                key,
                maker,
                model,
            }) => {
                let known = self.devices.get(&device);
                let adapted = known.and_then(|known| known.adapted.as_ref());
                let adapted = adapted.filter(|adapted| adapted.protocol == Protocol::Lines);
                let facts = Newcomer {
                    known: adapted.is_some(),
                    proven: adapted.is_some_and(|adapted| adapted.key == key),
                };
                let admitted = moment.shared.rules.admits(facts);
                let answer = match admitted {
                    true => Line::Welcome {},
                    false => Line::Refused {},
                };
                if admitted {
                    self.adapter.peers.insert(device.clone(), from);
                    if let Some(known) = self.devices.get_mut(&device) {
                        known.said = Some(About {
                            maker: Some(maker),
                            model: Some(model),
                        });
                    }
                    self.arrived(moment, &device);
                    // What it was asked before, it may not have heard.
                    let asked = self.adapter.asked.values_mut();
                    for asking in asked.filter(|asking| asking.device == device) {
                        (asking.left, asking.again) = (TRIES, moment.now);
                    }
                }
                moment
                    .out
                    .datagram(at, from, |buffer| buffer.extend(answer.to_octets()));
                self.repeat(moment);
            }
            Ok(Line::Bye { device }) if self.adapter.peers.get(&device) == Some(&from) => {
                self.adapter.peers.remove(&device);
                let code = moment.shared.rules.silent(false);
                self.give_up(moment, &device, code);
                self.left(moment, &device);
            }
            Ok(Line::Did { number, value }) => {
                if let Some(asking) = of(self, number) {
                    self.adapter.asked.remove(&number);
                    let values = value.into_iter().collect();
                    self.done(moment, &asking.device, asking.call, Foreign::Done, values);
                }
            }
            Ok(Line::Failed { number, why }) => {
                if let Some(asking) = of(self, number) {
                    self.adapter.asked.remove(&number);
                    let said = match why {
                        Why::Broken => Foreign::Broken,
                        Why::Forbidden => Foreign::Forbidden,
                        Why::Unknown => Foreign::Unknown,
                    };
                    self.done(moment, &asking.device, asking.call, said, Vec::new());
                }
            }
            Ok(Line::Ask { .. } | Line::Bye { .. } | Line::Refused {} | Line::Welcome {})
            | Err(_) => {}
        }
    }

    /// Asks again in lines where no answer has come, until that makes no sense.
    pub(super) fn repeat(&mut self, moment: &mut Moment<'_>) {
        let mut silent = Vec::new();
        let Some(at) = self.adapter.lines else {
            return;
        };
        for (number, asking) in &mut self.adapter.asked {
            if asking.again > moment.now {
                continue;
            }
            let peer = self.adapter.peers.get(&asking.device);
            match peer.filter(|_| asking.left > 0) {
                Some(to) => {
                    asking.left -= 1;
                    asking.again = moment.now + AGAIN;
                    let octets = &asking.octets;
                    moment
                        .out
                        .datagram(at, *to, |buffer| buffer.extend_from_slice(octets));
                }
                None => silent.push(*number),
            }
        }
        for number in silent {
            if let Some(asking) = self.adapter.asked.remove(&number) {
                self.done(
                    moment,
                    &asking.device,
                    asking.call,
                    Foreign::Silent,
                    Vec::new(),
                );
            }
        }
    }

    /// An input of the LwM2M server, and what comes of it.
    pub(super) fn lwm2m(&mut self, moment: &mut Moment<'_>, input: Input<'_, Operation>) {
        use twinproof_kernel::Role as _;
        let Some(mut server) = self.adapter.lwm2m.take() else {
            return;
        };
        let shared = &moment.shared.lwm2m;
        let mut out = Outbox::default();
        server.handle(shared, moment.now, input, &mut out);
        let order = Operation::Events {
            after: self.adapter.known,
        };
        let call = EVENTS;
        server.handle(shared, moment.now, Input::Order { call, order }, &mut out);
        self.adapter.lwm2m = Some(server);
        let mut answers = Vec::new();
        let (outputs, bytes) = out.take();
        for output in outputs {
            match output {
                Output::Answer { call, answer } => answers.push((call, answer)),
                Output::Datagram { at, to, range } => {
                    let octets = bytes.get(range).unwrap_or_default();
                    moment
                        .out
                        .datagram(at, to, |buffer| buffer.extend_from_slice(octets));
                }
                Output::Persist { .. }
                | Output::Request { .. }
                | Output::Respond { .. }
                | Output::Trust { .. } => {}
            }
        }
        for (call, answer) in answers {
            match answer {
                Answer::Events { events, known } if call == EVENTS => {
                    self.adapter.known = known;
                    for event in events {
                        self.happened(moment, &event.endpoint, &event.what);
                    }
                }
                answer => {
                    let mut queues = self.adapter.queues.iter();
                    let own = queues.find(|(_, queue)| {
                        let front = queue.front();
                        front.is_some_and(|(waiting, _)| *waiting == call)
                    });
                    if let Some(id) = own.map(|(id, _)| id.clone()) {
                        let (said, values) = heard(answer);
                        self.done(moment, &id, call, said, values);
                    }
                }
            }
        }
    }

    /// What the LwM2M server tells of a client.
    fn happened(&mut self, moment: &mut Moment<'_>, endpoint: &str, what: &What) {
        let known = self.devices.get(endpoint);
        let adapted = known.and_then(|known| known.adapted.as_ref());
        if adapted.is_none_or(|adapted| adapted.protocol != Protocol::Lwm2m) {
            return;
        }
        match what {
            What::Registered if moment.shared.rules.speaks(Protocol::Lwm2m) => {
                self.arrived(moment, endpoint);
            }
            What::Deregistered | What::Expired => self.left(moment, endpoint),
            _ => {}
        }
    }

    /// How the gateway works for a device.
    pub(super) fn mode_of(&self, moment: &Moment<'_>, id: &str) -> Option<Mode> {
        let device = self.devices.get(id)?;
        Some(moment.shared.rules.works(device.mode))
    }
}

/// What an act is made of, where it is a sequence.
fn flatten(act: Act, each: &mut Vec<Act>) {
    match act {
        Act::Sequence(acts) => acts.into_iter().for_each(|act| flatten(act, each)),
        act => each.push(act),
    }
}

/// What an answer in LwM2M means, and the values in it.
fn heard(answer: Answer) -> (Foreign, Vec<String>) {
    match answer {
        Answer::Reply(reply) if reply.code.is_success() => {
            let values = reply.values.into_iter().filter_map(|entry| entry.value);
            let values = values.map(|value| match value {
                Resource::String(text) => text,
                other => other.to_string(),
            });
            (Foreign::Done, values.collect())
        }
        Answer::Reply(reply) => {
            let said = match reply.code {
                Code::NOT_FOUND => Foreign::Unknown,
                Code::METHOD_NOT_ALLOWED | Code::UNAUTHORIZED | Code::FORBIDDEN => {
                    Foreign::Forbidden
                }
                _ => Foreign::Broken,
            };
            (said, Vec::new())
        }
        Answer::Timeout | Answer::Kept { .. } => (Foreign::Silent, Vec::new()),
        _ => (Foreign::Broken, Vec::new()),
    }
}

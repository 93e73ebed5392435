//! What a server says to some of the devices is judged message by message while all of them go on: a server that is fast
//! and wrong does not pass.
//!
//! A jury sees the datagrams of the devices that it watches as they leave and arrive, and what the server's operator is told
//! of these devices. It fails a server only for what no loss, no repetition and no overtaking on the way can explain; what
//! they can, it leaves alone.

mod requests;
mod rule;
#[cfg(test)]
mod tests;
mod told;
mod witness;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use twinproof_coap::{Class, Code, Header, Packet, Type, option};
use twinproof_kernel::Time;

use crate::devices::Devices;
use crate::workload::Workload;
use requests::Kind;
use witness::{Registration, Witness};

pub use rule::{Broken, Judgement, Rule};

/// How many requests of a device are remembered; an answer to an older one is left alone.
const REMEMBERED: usize = 4_096;

/// For so long after a message began a copy of it, or an answer, may be on its way (RFC 7252 §4.8.2).
pub(crate) const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);

/// How long a registration lives that does not say (TS LwM2M 1.0 §5.3.1), in seconds.
const DAY: u64 = 86_400;

/// Of so many reports one comes twice.
const TWICE: u64 = 8;

/// For how long at least what the operator is told may be on its way.
const LEAST: Duration = Duration::from_secs(1);

/// Watches devices.
#[derive(Debug)]
pub struct Jury {
    /// Says who is watched; nobody if there is none.
    workload: Option<Workload>,
    devices: HashMap<u32, Witness>,
    /// Knows what devices say.
    traffic: Devices,
    /// Whom devices ask.
    server: Option<SocketAddr>,
    requests: u64,
    answers: u64,
    reports: u64,
    told: u64,
    reads: u64,
    /// The operator is told nothing of what happens.
    is_deaf: bool,
    /// When the operator was last told a report.
    told_at: Time,
    /// The last moment of which anything is known.
    now: Time,
    /// For how long what the operator is told may be on its way.
    patience: Duration,
    /// Datagrams with reports that were seen, to repeat some of them.
    seen: u64,
    broken: BTreeMap<Rule, Broken>,
}

impl Jury {
    /// A jury for the devices of a workload, of which it watches as many as that says, evenly spread.
    pub fn new(workload: &Workload) -> Self {
        Self {
            workload: Some(workload.clone()),
            traffic: Devices::of(workload),
            patience: workload.drain.duration().max(LEAST),
            ..Self::absent()
        }
    }

    /// A jury that watches nobody.
    pub fn absent() -> Self {
        Self {
            workload: None,
            devices: HashMap::new(),
            traffic: Devices::default(),
            server: None,
            requests: 0,
            answers: 0,
            reports: 0,
            told: 0,
            reads: 0,
            is_deaf: false,
            told_at: Time::ZERO,
            now: Time::ZERO,
            patience: LEAST,
            seen: 0,
            broken: BTreeMap::new(),
        }
    }

    /// What it has to say.
    pub fn judgement(&self) -> Judgement {
        Judgement {
            devices: self.devices.len() as u64,
            requests: self.requests,
            answers: self.answers,
            reports: self.reports,
            told: (self.reports > 0 && !self.is_deaf).then_some(self.told),
            reads: self.reads,
            broken: self.broken.values().cloned().chain(self.untold()).collect(),
        }
    }

    fn address(&self, member: u32) -> SocketAddr {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let workload = self.workload.as_ref();
        workload.map_or(nowhere, |workload| workload.devices.address(member))
    }

    /// Where a device is, as people say it.
    fn place(&self, member: u32) -> String {
        self.said(self.address(member))
    }

    fn said(&self, at: SocketAddr) -> String {
        let has_ports = self
            .workload
            .as_ref()
            .is_some_and(|workload| workload.devices.ports.is_some());
        match has_ports {
            true => at.to_string(),
            false => at.ip().to_string(),
        }
    }

    /// Whether a datagram that a device has just sent comes twice, as it may on any network: so it is for some reports of
    /// devices that are watched.
    pub(crate) fn repeats(&mut self, (at, bytes): (SocketAddr, &[u8])) -> bool {
        let Some(member) = self.watched(at) else {
            return false;
        };
        let reports = Header::peek(bytes)
            .is_some_and(|header| header.ty == Type::Con && header.code.class() == Class::Response);
        self.seen += u64::from(reports);
        let repeats = reports && self.seen.is_multiple_of(TWICE);
        if repeats
            && let Some(witness) = self.devices.get_mut(&member)
            && let Some(last) = witness.requests.newest_mut()
        {
            last.is_repeated = true;
        }
        repeats
    }

    /// The device at an address, if it is watched.
    fn watched(&self, at: SocketAddr) -> Option<u32> {
        let workload = self.workload.as_ref()?;
        let member = workload.devices.at(at)?;
        workload.watches(member).then_some(member)
    }

    /// A device sends a datagram: from, to, octets.
    pub fn sent(&mut self, (at, to, bytes): (SocketAddr, SocketAddr, &[u8]), now: Time) {
        self.now = self.now.max(now);
        let Some(member) = self.watched(at) else {
            return;
        };
        let Ok(packet) = Packet::parse(bytes) else {
            return;
        };
        // What a device reports in a message of its own is acknowledged as its requests are.
        if matches!(packet.ty(), Type::Con | Type::Non) {
            let asks = packet.code().class() == Class::Request;
            self.server = self.server.or(asks.then_some(to));
            let witness = self.devices.entry(member).or_default();
            let is_new = witness.asks(&packet, bytes, now);
            self.requests += u64::from(is_new && asks);
        }
    }

    /// A datagram arrives at a device: at, from, octets.
    pub fn heard(&mut self, (at, from, bytes): (SocketAddr, SocketAddr, &[u8]), now: Time) {
        // What somebody else says, the server does not answer for: it may be late for who had this port before.
        if self.server.is_some_and(|server| server != from) {
            return;
        }
        let Some(member) = self.watched(at) else {
            return;
        };
        let Ok(packet) = Packet::parse(bytes) else {
            return;
        };
        if packet.code().class() == Class::Request {
            if matches!(packet.code(), Code::POST | Code::PUT) {
                self.devices.entry(member).or_default().is_written = true;
            }
            if packet.observe() == Ok(Some(0)) {
                let witness = self.devices.entry(member).or_default();
                witness.is_observed_anew = true;
                witness.tokens.insert(packet.token_bytes().to_vec());
            }
            return;
        }
        let witness = self.devices.entry(member).or_default();
        let Some(place) = witness.asked(&packet) else {
            // What was asked long ago is not remembered; what resets belongs to what the device has answered.
            // Nothing is asked anew with an id that is remembered, so that a confirmation of it is of what is known.
            let is_known = packet.ty() == Type::Ack
                && witness
                    .requests
                    .with_id(packet.message_id())
                    .next()
                    .is_some();
            if (is_known || !witness.requests.forgot()) && packet.ty() != Type::Rst {
                let (expected, got, asked) = self.strange(member, &packet);
                self.breaks(
                    Rule::OwnAnswers,
                    (at, now),
                    (expected, got),
                    (&asked, bytes),
                );
            }
            return;
        };
        if packet.code() == Code::EMPTY {
            return;
        }
        // The pieces of a long list are not the end of it.
        let open = witness
            .requests
            .get(place)
            .filter(|request| !request.is_answered());
        let Some(request) = open.filter(|_| packet.code() != Code::CONTINUE) else {
            return;
        };
        let asked = request.bytes.clone();
        witness.requests.answer(place);
        self.answers += 1;
        if let Some((rule, expected, got)) = self.answered(member, place, &packet, now) {
            self.breaks(rule, (at, now), (expected, got), (&asked, bytes));
        }
    }

    /// What is wrong with an answer to a request.
    fn answered(
        &mut self,
        member: u32,
        place: usize,
        packet: &Packet<'_>,
        now: Time,
    ) -> Option<(Rule, String, String)> {
        let witness = self.devices.get_mut(&member)?;
        let request = witness.requests.get(place)?;
        let (kind, code, sent) = (request.kind, packet.code(), request.at);
        let is_sure = !request.is_repeated && !request.is_crossed;
        let (rule, expected) = match kind {
            Kind::Register => (Rule::RegistrationAnswered, Code::CREATED),
            Kind::Send => (Rule::SendConfirmed, Code::CHANGED),
            Kind::Update => (Rule::UpdateConfirmed, Code::CHANGED),
            Kind::Other => return None,
        };
        if code.is_success() && code != expected {
            let got = format!("{code}");
            return Some((rule, format!("{expected}, or a refusal"), got));
        }
        match kind {
            Kind::Register if code.is_success() => {
                let parsed = Packet::parse(&request.bytes).ok()?;
                let lifetime = lifetime(&parsed).unwrap_or(Duration::from_secs(DAY));
                let location: Vec<String> = packet
                    .strings(option::LOCATION_PATH)
                    .map_while(Result::ok)
                    .map(str::to_owned)
                    .collect();
                if location.is_empty() {
                    let expected = "2.01 with the location of the registration".to_owned();
                    return Some((rule, expected, "2.01 without one".to_owned()));
                }
                let registration = Registration {
                    location,
                    until: sent + lifetime,
                    lifetime,
                };
                let shared = self.other_at(member, &registration.location, now);
                let said = format!("/{}", registration.location.join("/"));
                let witness = self.devices.get_mut(&member)?;
                // Of two registrations that crossed each other nobody knows which is the last.
                witness.registration = is_sure.then_some(registration);
                let other = shared.filter(|_| is_sure)?;
                Some((
                    Rule::OwnLocation,
                    "a location that no other registration has".to_owned(),
                    format!("{said}, which is that of the device at {other}"),
                ))
            }
            Kind::Update if code.is_success() => {
                let parsed = Packet::parse(&request.bytes).ok()?;
                let said = lifetime(&parsed);
                if let Some(registration) = witness.registration.as_mut().filter(|_| is_sure) {
                    registration.lifetime = said.unwrap_or(registration.lifetime);
                    registration.until = sent + registration.lifetime;
                }
                None
            }
            // It goes to where the registration is, or it would be no update.
            Kind::Update if code == Code::NOT_FOUND => {
                let registration = witness.registration.as_ref().filter(|_| is_sure)?;
                (now < registration.until).then(|| {
                    let ends = registration.until.since(now).as_secs();
                    (
                        Rule::RegistrationKept,
                        format!("{expected}: the registration lives for {ends} s more"),
                        "4.04, as if the device were not registered".to_owned(),
                    )
                })
            }
            Kind::Other | Kind::Register | Kind::Send | Kind::Update => None,
        }
    }

    /// The address of another device that is surely registered at a location.
    fn other_at(&self, member: u32, location: &[String], now: Time) -> Option<String> {
        let mut others = self.devices.iter().filter(|(other, _)| **other != member);
        let found = others.find(|(_, witness)| {
            let registration = witness.registration.as_ref();
            let lives = registration.is_some_and(|one| one.location == location && now < one.until);
            // One that registers anew has perhaps another location by now.
            lives && !witness.requests.is_registering()
        });
        found.map(|(other, _)| self.place(*other))
    }

    /// What is said of a message that belongs to nothing that its device asked.
    fn strange(&self, member: u32, packet: &Packet<'_>) -> (String, String, Vec<u8>) {
        let expected = "an answer with the token of one of its requests, and its message id if it acknowledges";
        let same_id = self.devices.get(&member).and_then(|witness| {
            let mut requests = witness.requests.iter().rev();
            requests.find(|request| request.id == packet.message_id())
        });
        let of_other = self.devices.iter().find(|(other, witness)| {
            **other != member
                && !packet.token_bytes().is_empty()
                && witness
                    .requests
                    .iter()
                    .any(|request| request.token == packet.token_bytes())
        });
        let mut got = packet.to_string();
        if let Some((other, _)) = of_other {
            let place = self.place(*other);
            got += &format!(", whose token is that of a request of the device at {place}");
        } else if same_id.is_some() {
            got += ", whose token is that of no request of this device";
        }
        let asked = same_id.map(|request| request.bytes.clone());
        (expected.to_owned(), got, asked.unwrap_or_default())
    }

    fn breaks(
        &mut self,
        rule: Rule,
        (at, now): (SocketAddr, Time),
        (expected, got): (String, String),
        (asked, answer): (&[u8], &[u8]),
    ) {
        let found = self.found(rule, (at, now), (expected, got), (asked, answer));
        self.broken.entry(rule).or_insert(found).times += 1;
    }

    fn found(
        &self,
        rule: Rule,
        (at, now): (SocketAddr, Time),
        (expected, got): (String, String),
        (asked, answer): (&[u8], &[u8]),
    ) -> Broken {
        Broken::new(
            rule,
            (self.said(at), now.since(Time::ZERO)),
            (expected, got),
            (asked, answer),
        )
    }
}

fn lifetime(packet: &Packet<'_>) -> Option<Duration> {
    let seconds = packet.query("lt")?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

//! What a server says to some of the devices is judged message by message while all of them go on: a server that is fast
//! and wrong does not pass.
//!
//! A jury sees the datagrams of the devices that it watches as they leave and arrive, and nothing else. It fails a server
//! only for what no loss, no repetition and no overtaking on the way can explain; what they can, it leaves alone.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use twinproof_coap::{Class, Code, Packet, Type, option};
use twinproof_kernel::Time;

use crate::workload::Workload;

/// How many requests of a device are remembered; an answer to an older one is left alone.
const REMEMBERED: usize = 4_096;

/// How long a registration lives that does not say (TS LwM2M 1.0 §5.3.1), in seconds.
const DAY: u64 = 86_400;

/// What has to hold of what a server says.
#[derive(
    Clone,
    Copy,
    Debug,
    Eq,
    Ord,
    PartialEq,
    PartialOrd,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// What a device is answered belongs to what it asked.
    OwnAnswers,
    /// A registration has a location that no other registration has.
    OwnLocation,
    /// A registration that is taken is confirmed with its location.
    RegistrationAnswered,
    /// A registration stays as long as its life time, whatever others do.
    RegistrationKept,
    /// Values that are taken are confirmed as such.
    SendConfirmed,
    /// An update that is taken is confirmed as such.
    UpdateConfirmed,
}

impl Rule {
    /// The requirement that it follows from.
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::OwnAnswers => "LW-SRV-02",
            Self::OwnLocation => "LW-IF2-09",
            Self::RegistrationAnswered => "LW-SRV-01",
            Self::RegistrationKept => "LW-IF2-14",
            Self::SendConfirmed => "LW-IF4-15",
            Self::UpdateConfirmed => "LW-IF2-04",
        }
    }

    /// Where it stands.
    pub const fn basis(self) -> &'static str {
        match self {
            Self::OwnAnswers => "RFC 7252 §4.2, §5.2.1, §5.3.2",
            Self::OwnLocation | Self::RegistrationAnswered => "TS LwM2M 1.0 §5.3.1",
            Self::RegistrationKept => "TS LwM2M 1.0 §5.3, §5.3.1, §5.3.2",
            Self::SendConfirmed => "TS LwM2M 1.1.1 §6.4.6",
            Self::UpdateConfirmed => "TS LwM2M 1.0 §5.3.2",
        }
    }

    /// It in a sentence.
    pub const fn says(self) -> &'static str {
        match self {
            Self::OwnAnswers => "what a device is answered belongs to what it asked",
            Self::OwnLocation => "a registration has a location that no other registration has",
            Self::RegistrationAnswered => {
                "a registration that is taken is confirmed with its location"
            }
            Self::RegistrationKept => {
                "a registration stays as long as its life time, whatever others do"
            }
            Self::SendConfirmed => "values that are taken are confirmed as such",
            Self::UpdateConfirmed => "an update that is taken is confirmed as such",
        }
    }
}

/// A rule that was broken, and the first time that it was.
#[derive(
    Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Broken {
    /// Which.
    pub rule: Rule,
    /// The requirement that it follows from.
    pub requirement: String,
    /// Where it stands.
    pub basis: String,
    /// How often it was.
    pub times: u64,
    /// The address of the device.
    #[schemars(with = "String")]
    pub device: IpAddr,
    /// When, in microseconds since the devices began.
    pub at_us: u64,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub got: String,
    /// What the device had said, in hexadecimal digits; nothing if it had said nothing that this belongs to.
    pub asked: String,
    /// What it was told, in hexadecimal digits.
    pub answer: String,
}

/// What a jury has to say.
#[derive(
    Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Judgement {
    /// How many devices were watched.
    pub devices: u64,
    /// How many of their requests were seen.
    pub requests: u64,
    /// How many of those were seen to be answered.
    pub answers: u64,
    /// What was broken, the first time of each.
    pub broken: Vec<Broken>,
}

/// Watches devices.
#[derive(Debug)]
pub struct Jury {
    first: Ipv4Addr,
    count: u32,
    /// Each so-manieth device is watched; 0 if none is.
    every: u32,
    devices: HashMap<u32, Witness>,
    requests: u64,
    answers: u64,
    broken: BTreeMap<Rule, Broken>,
}

/// What was seen of a device.
#[derive(Debug, Default)]
struct Witness {
    requests: VecDeque<Request>,
    /// Whether requests were forgotten.
    forgot: bool,
    registration: Option<Registration>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Registration {
    location: Vec<String>,
    /// So long does it live at least.
    until: Time,
    lifetime: Duration,
}

#[derive(Debug)]
struct Request {
    id: u16,
    token: Vec<u8>,
    kind: Kind,
    bytes: Vec<u8>,
    at: Time,
    is_answered: bool,
    /// It was sent once more, so that nobody knows which of both is answered.
    is_repeated: bool,
    /// A registration was under way while it was, so that nobody knows which of both came first.
    is_crossed: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Other,
    Register,
    Send,
    Update,
}

impl Jury {
    /// A jury for the devices of a workload, of which it watches as many as that says, evenly spread.
    pub fn new(workload: &Workload) -> Self {
        let (count, judged) = (workload.devices.count, workload.judged);
        Self {
            first: workload.devices.first,
            count,
            every: match judged {
                0 => 0,
                judged => (count / judged).max(1),
            },
            devices: HashMap::new(),
            requests: 0,
            answers: 0,
            broken: BTreeMap::new(),
        }
    }

    /// A jury that watches nobody.
    pub fn absent() -> Self {
        Self {
            first: Ipv4Addr::UNSPECIFIED,
            count: 0,
            every: 0,
            devices: HashMap::new(),
            requests: 0,
            answers: 0,
            broken: BTreeMap::new(),
        }
    }

    /// What it has to say.
    pub fn judgement(&self) -> Judgement {
        Judgement {
            devices: self.devices.len() as u64,
            requests: self.requests,
            answers: self.answers,
            broken: self.broken.values().cloned().collect(),
        }
    }

    /// The device at an address, if it is watched.
    fn watched(&self, at: SocketAddr) -> Option<u32> {
        let IpAddr::V4(ip) = at.ip() else {
            return None;
        };
        let member = u32::from(ip).checked_sub(u32::from(self.first))?;
        let is_one = self.every > 0 && member < self.count && member.is_multiple_of(self.every);
        is_one.then_some(member)
    }

    /// A device sends a datagram: from, to, octets.
    pub fn sent(&mut self, (at, _, bytes): (SocketAddr, SocketAddr, &[u8]), now: Time) {
        let Some(member) = self.watched(at) else {
            return;
        };
        let Ok(packet) = Packet::parse(bytes) else {
            return;
        };
        // What a device reports in a message of its own is acknowledged as its requests are.
        if matches!(packet.ty(), Type::Con | Type::Non) {
            let witness = self.devices.entry(member).or_default();
            let is_new = witness.asks(&packet, bytes, now);
            self.requests += u64::from(is_new && packet.code().class() == Class::Request);
        }
    }

    /// A datagram arrives at a device: at, from, octets.
    pub fn heard(&mut self, (at, _, bytes): (SocketAddr, SocketAddr, &[u8]), now: Time) {
        let Some(member) = self.watched(at) else {
            return;
        };
        let Ok(packet) = Packet::parse(bytes) else {
            return;
        };
        if packet.code().class() == Class::Request {
            return;
        }
        let witness = self.devices.entry(member).or_default();
        let Some(place) = witness.asked(&packet) else {
            // What was asked long ago is not remembered; what resets belongs to what the device has answered.
            if !witness.forgot && packet.ty() != Type::Rst {
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
        let request = &mut witness.requests[place];
        // The pieces of a long list are not the end of it.
        if request.is_answered || packet.code() == Code::CONTINUE {
            return;
        }
        request.is_answered = true;
        self.answers += 1;
        let asked = request.bytes.clone();
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
        let request = &witness.requests[place];
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
    fn other_at(&self, member: u32, location: &[String], now: Time) -> Option<Ipv4Addr> {
        let mut others = self.devices.iter().filter(|(other, _)| **other != member);
        let found = others.find(|(_, witness)| {
            let registration = witness.registration.as_ref();
            let lives = registration.is_some_and(|one| one.location == location && now < one.until);
            // One that registers anew has perhaps another location by now.
            lives && !witness.is_registering()
        });
        found.map(|(other, _)| Ipv4Addr::from(u32::from(self.first) + other))
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
            let ip = Ipv4Addr::from(u32::from(self.first) + other);
            got += &format!(", whose token is that of a request of the device at {ip}");
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
        let broken = self.broken.entry(rule).or_insert_with(|| Broken {
            rule,
            requirement: rule.requirement().to_owned(),
            basis: rule.basis().to_owned(),
            times: 0,
            device: at.ip(),
            at_us: u64::try_from(now.since(Time::ZERO).as_micros()).unwrap_or(u64::MAX),
            expected,
            got,
            asked: hex(asked),
            answer: hex(answer),
        });
        broken.times += 1;
    }
}

impl Witness {
    /// Whether this is a new request, and not one that is repeated.
    fn asks(&mut self, packet: &Packet<'_>, bytes: &[u8], now: Time) -> bool {
        let same = |request: &&mut Request| {
            request.id == packet.message_id() && request.token == packet.token_bytes()
        };
        if let Some(request) = self.requests.iter_mut().rev().find(same) {
            request.is_repeated = true;
            return false;
        }
        let kind = self.kind(packet);
        let registering = self.is_registering();
        if kind == Kind::Register {
            for request in self
                .requests
                .iter_mut()
                .filter(|request| !request.is_answered)
            {
                request.is_crossed = true;
            }
        }
        if self.requests.len() == REMEMBERED {
            self.requests.pop_front();
            self.forgot = true;
        }
        self.requests.push_back(Request {
            id: packet.message_id(),
            token: packet.token_bytes().to_vec(),
            kind,
            bytes: bytes.to_vec(),
            at: now,
            is_answered: false,
            is_repeated: false,
            is_crossed: registering,
        });
        true
    }

    fn kind(&self, packet: &Packet<'_>) -> Kind {
        let at_home = || {
            self.registration.as_ref().is_some_and(|registration| {
                let path = packet.path().map_while(Result::ok);
                path.eq(registration.location.iter().map(String::as_str))
            })
        };
        match packet.code() {
            Code::POST if packet.path_is(&["rd"]) => Kind::Register,
            Code::POST if packet.path_is(&["dp"]) => Kind::Send,
            Code::POST if at_home() => Kind::Update,
            _ => Kind::Other,
        }
    }

    /// Whether a registration is under way, or was and nobody knows what became of it.
    fn is_registering(&self) -> bool {
        let mut requests = self.requests.iter();
        requests.any(|request| request.kind == Kind::Register && !request.is_answered)
    }

    /// The request that a message belongs to.
    fn asked(&self, packet: &Packet<'_>) -> Option<usize> {
        let acknowledges = matches!(packet.ty(), Type::Ack | Type::Rst);
        let belongs = |request: &Request| {
            let id = request.id == packet.message_id();
            let token = request.token == packet.token_bytes();
            match packet.code() {
                Code::EMPTY => id,
                _ => token && (id || !acknowledges),
            }
        };
        self.requests.iter().rposition(belongs)
    }
}

fn lifetime(packet: &Packet<'_>) -> Option<Duration> {
    let seconds = packet.query("lt")?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

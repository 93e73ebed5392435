//! What a server says to some of the devices is judged message by message while all of them go on: a server that is fast
//! and wrong does not pass.
//!
//! A jury sees the datagrams of the devices that it watches as they leave and arrive, and what the server's operator is told
//! of these devices. It fails a server only for what no loss, no repetition and no overtaking on the way can explain; what
//! they can, it leaves alone.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use twinproof_coap::{Class, Code, Header, Packet, Type, option};
use twinproof_kernel::Time;

use crate::devices::{name_in, report_in, reported};
use crate::generator::{Overheard, name as device_name};
use crate::workload::Workload;

/// How many requests of a device are remembered; an answer to an older one is left alone.
const REMEMBERED: usize = 4_096;

/// How long a registration lives that does not say (TS LwM2M 1.0 §5.3.1), in seconds.
const DAY: u64 = 86_400;

/// Of so many reports one comes twice.
const TWICE: u64 = 8;

/// For how long at least what the operator is told may be on its way.
const LEAST: Duration = Duration::from_secs(1);

/// How many times longer it may be while anything is told at all.
const SLOW: u32 = 6;

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
    /// A command that a device has answered is not told again.
    CommandToldOnce,
    /// What a device is answered belongs to what it asked.
    OwnAnswers,
    /// A device is told the commands that are meant for it, and no others.
    OwnCommands,
    /// A registration has a location that no other registration has.
    OwnLocation,
    /// What the operator is told that a device has reported, that device has.
    OwnReports,
    /// What the operator is told that was read of a device, that device has.
    OwnValues,
    /// A registration that is taken is confirmed with its location.
    RegistrationAnswered,
    /// A registration stays as long as its life time, whatever others do.
    RegistrationKept,
    /// A report that is confirmed reaches the operator, or a newer one does.
    ReportTold,
    /// A report that comes twice is told once.
    ReportToldOnce,
    /// Reports are told in the order in which they were made.
    ReportsInOrder,
    /// Values that are taken are confirmed as such.
    SendConfirmed,
    /// An update that is taken is confirmed as such.
    UpdateConfirmed,
}

impl Rule {
    /// The requirement that it follows from.
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::CommandToldOnce | Self::OwnCommands => "DM-SRV-04",
            Self::OwnAnswers => "LW-SRV-02",
            Self::OwnLocation => "LW-IF2-09",
            Self::OwnReports => "LW-REL-05",
            Self::OwnValues => "LW-REL-03",
            Self::RegistrationAnswered => "LW-SRV-01",
            Self::RegistrationKept => "LW-IF2-14",
            Self::ReportTold => "LW-IF4-03",
            Self::ReportToldOnce => "LW-IF4-05",
            Self::ReportsInOrder => "LW-IF4-04",
            Self::SendConfirmed => "LW-IF4-15",
            Self::UpdateConfirmed => "LW-IF2-04",
        }
    }

    /// Where it stands.
    pub const fn basis(self) -> &'static str {
        match self {
            Self::CommandToldOnce | Self::OwnCommands => "TS DM Protocol 1.2 §Package 4",
            Self::OwnAnswers => "RFC 7252 §4.2, §5.2.1, §5.3.2",
            Self::OwnLocation | Self::RegistrationAnswered => "TS LwM2M 1.0 §5.3.1",
            Self::RegistrationKept => "TS LwM2M 1.0 §5.3, §5.3.1, §5.3.2",
            Self::OwnReports | Self::ReportTold => "TS LwM2M 1.0 §5.5.2",
            Self::OwnValues => "TS LwM2M 1.0 §5.4.1; RFC 7252 §5.3.2",
            Self::ReportToldOnce => "RFC 7252 §4.2, §4.5; RFC 7641 §3.5",
            Self::ReportsInOrder => "RFC 7641 §3.4",
            Self::SendConfirmed => "TS LwM2M 1.1.1 §6.4.6",
            Self::UpdateConfirmed => "TS LwM2M 1.0 §5.3.2",
        }
    }

    /// It in a sentence.
    pub const fn says(self) -> &'static str {
        match self {
            Self::CommandToldOnce => "a command that a device has answered is not told again",
            Self::OwnCommands => {
                "a device is told the commands that are meant for it, and no others"
            }
            Self::OwnAnswers => "what a device is answered belongs to what it asked",
            Self::OwnLocation => "a registration has a location that no other registration has",
            Self::OwnReports => {
                "what the operator is told that a device has reported, that device has"
            }
            Self::OwnValues => {
                "what the operator is told that was read of a device, that device has"
            }
            Self::ReportTold => {
                "a report that is confirmed reaches the operator, or a newer one does"
            }
            Self::ReportToldOnce => "a report that comes twice is told once",
            Self::ReportsInOrder => "reports are told in the order in which they were made",
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
    /// The address of the device, or its name where devices have no addresses of their own.
    pub device: String,
    /// When, in microseconds since the devices began.
    pub at_us: u64,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub got: String,
    /// What the device had said, in hexadecimal digits; nothing if it had said nothing that this belongs to, or the operator
    /// was told.
    pub asked: String,
    /// What it was told, in hexadecimal digits; nothing if the operator was.
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
    /// How many reports they made.
    #[serde(default)]
    pub reports: u64,
    /// How many of those the operator was told; none if there are none, or nobody hears what it is told.
    #[serde(default)]
    pub told: Option<u64>,
    /// How often the operator was told what was read of them.
    #[serde(default)]
    pub reads: u64,
    /// What was broken, the first time of each.
    pub broken: Vec<Broken>,
}

/// Watches devices.
#[derive(Debug)]
pub struct Jury {
    first: Ipv4Addr,
    /// Says who is watched; nobody if there is none.
    workload: Option<Workload>,
    devices: HashMap<u32, Witness>,
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

/// What was seen of a device.
#[derive(Debug, Default)]
struct Witness {
    requests: VecDeque<Request>,
    /// Whether requests were forgotten.
    forgot: bool,
    registration: Option<Registration>,
    /// The numbers of the reports that it made, and whether older ones were forgotten.
    reports: VecDeque<u64>,
    forgot_reports: bool,
    /// The newest report that the operator was told.
    told: Option<u64>,
    /// The newest report that was confirmed.
    confirmed: Option<u64>,
    /// The oldest report that was confirmed and is not told, nor a newer one, and since when.
    owed: Option<(u64, Time)>,
    /// It was observed anew since the operator was last told anything.
    is_observed_anew: bool,
    /// With which tokens it was observed.
    tokens: BTreeSet<Vec<u8>>,
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
        Self {
            first: workload.devices.first,
            workload: Some(workload.clone()),
            patience: workload.drain.duration().max(LEAST),
            ..Self::absent()
        }
    }

    /// A jury that watches nobody.
    pub fn absent() -> Self {
        Self {
            first: Ipv4Addr::UNSPECIFIED,
            workload: None,
            devices: HashMap::new(),
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

    /// A report that was confirmed long ago, and neither that nor anything newer was told.
    fn untold(&self) -> Option<Broken> {
        if self.is_deaf {
            return None;
        }
        // Who tells something is perhaps only slow.
        let silent = self.told_at + self.patience < self.now;
        let patience = match silent {
            true => self.patience,
            false => self.patience * SLOW,
        };
        let owed = self.devices.iter().filter_map(|(member, witness)| {
            let (number, at) = witness.owed?;
            (at + patience < self.now).then_some((at, *member, number))
        });
        let owed: Vec<_> = owed.collect();
        let (at, member, number) = *owed.iter().min()?;
        let told = self.devices.get(&member).and_then(|witness| witness.told);
        let got = told.map_or("nothing".to_owned(), |told| {
            format!("{} at last", reported(told))
        });
        let broken = self.found(
            Rule::ReportTold,
            (self.address(member), at),
            (
                format!(
                    "{}, which was confirmed, or a newer value",
                    reported(number)
                ),
                got,
            ),
            (&[], &[]),
        );
        Some(Broken {
            times: owed.len() as u64,
            ..broken
        })
    }

    fn address(&self, member: u32) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::from(u32::from(self.first) + member), 0))
    }

    /// Whether a datagram that a device has just sent comes twice, as it may on any network: so it is for some reports of
    /// devices that are watched.
    pub(crate) fn repeats(&mut self, (at, bytes): (IpAddr, &[u8])) -> bool {
        let Some(member) = self.watched(SocketAddr::new(at, 0)) else {
            return false;
        };
        let reports = Header::peek(bytes)
            .is_some_and(|header| header.ty == Type::Con && header.code.class() == Class::Response);
        self.seen += u64::from(reports);
        let repeats = reports && self.seen.is_multiple_of(TWICE);
        if repeats
            && let Some(witness) = self.devices.get_mut(&member)
            && let Some(last) = witness.requests.back_mut()
        {
            last.is_repeated = true;
        }
        repeats
    }

    /// Something is known that is in no datagram of a device.
    pub(crate) fn overhears(&mut self, overheard: Overheard, now: Time) {
        self.now = self.now.max(now);
        match overheard {
            Overheard::Confirmed { member, number } => {
                let witness = self.devices.entry(member).or_default();
                witness.confirmed = witness.confirmed.max(Some(number));
                if witness.told < Some(number) {
                    witness.owed.get_or_insert((number, now));
                }
            }
            Overheard::Deaf => self.is_deaf = true,
            Overheard::Read { member, values } => {
                self.reads += 1;
                let name = device_name(member);
                if let Some(got) = name_in(&values).filter(|got| *got != name) {
                    let got = format!("{got:?}");
                    let at = (self.address(member), now);
                    self.breaks(Rule::OwnValues, at, (format!("{name:?}"), got), (&[], &[]));
                }
            }
            Overheard::Reports { member, number } => {
                self.reports += 1;
                let witness = self.devices.entry(member).or_default();
                if witness.reports.len() == REMEMBERED {
                    witness.reports.pop_front();
                    witness.forgot_reports = true;
                }
                witness.reports.push_back(number);
            }
            Overheard::Told { member, values } => {
                if let Some(number) = report_in(&values) {
                    self.told(member, number, now);
                }
            }
        }
    }

    /// The operator is told that a device has made the report with this number.
    fn told(&mut self, member: u32, number: u64, now: Time) {
        self.told += 1;
        self.told_at = now;
        let witness = self.devices.entry(member).or_default();
        let before = witness.told;
        let anew = std::mem::take(&mut witness.is_observed_anew);
        let is_own = witness.reports.contains(&number);
        if is_own {
            witness.told = before.max(Some(number));
            // What is confirmed and newer than that is owed from now on.
            let newest = witness.confirmed.filter(|newest| *newest > number);
            let paid = witness.owed.is_some_and(|(owed, _)| owed <= number);
            if paid {
                witness.owed = newest.map(|newest| (newest, now));
            }
        }
        let forgot = witness.forgot_reports;
        // Who observes twice is told twice, and nobody knows which of both comes first.
        let several = witness.tokens.len() > 1;
        let value = reported(number);
        let at = (self.address(member), now);
        let broken = match before {
            _ if !is_own && forgot => None,
            _ if !is_own => {
                let mut others = self.devices.iter();
                let other = others.find(|(_, other)| other.reports.contains(&number));
                let whose = other.map_or("it never was".to_owned(), |(other, _)| {
                    format!("it was by the device at {}", self.address(*other).ip())
                });
                let got = format!("{value}, as if it were reported by this one; {whose}");
                let expected = "a value that the device has reported".to_owned();
                Some((Rule::OwnReports, expected, got))
            }
            Some(_) if several => None,
            // A server that observes anew is told the present value anew.
            Some(before) if before == number && !anew => {
                let expected = format!("a value after {value}, which was told before");
                Some((Rule::ReportToldOnce, expected, format!("{value} again")))
            }
            Some(before) if before > number => {
                let expected = format!("a value after {}", reported(before));
                Some((
                    Rule::ReportsInOrder,
                    expected,
                    format!("{value}, which is older"),
                ))
            }
            _ => None,
        };
        if let Some((rule, expected, got)) = broken {
            self.breaks(rule, at, (expected, got), (&[], &[]));
        }
    }

    /// The device at an address, if it is watched.
    fn watched(&self, at: SocketAddr) -> Option<u32> {
        let IpAddr::V4(ip) = at.ip() else {
            return None;
        };
        let member = u32::from(ip).checked_sub(u32::from(self.first))?;
        let workload = self.workload.as_ref()?;
        workload.watches(member).then_some(member)
    }

    /// A device sends a datagram: from, to, octets.
    pub fn sent(&mut self, (at, _, bytes): (SocketAddr, SocketAddr, &[u8]), now: Time) {
        self.now = self.now.max(now);
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
            (at.ip().to_string(), now.since(Time::ZERO)),
            (expected, got),
            (asked, answer),
        )
    }
}

impl Broken {
    /// A rule that is broken for the first time: towards whom and when, what should have come and what came, and
    /// what was said before that and then.
    pub(crate) fn new(
        rule: Rule,
        (device, at): (String, Duration),
        (expected, got): (String, String),
        (asked, answer): (&[u8], &[u8]),
    ) -> Self {
        Self {
            rule,
            requirement: rule.requirement().to_owned(),
            basis: rule.basis().to_owned(),
            times: 0,
            device,
            at_us: u64::try_from(at.as_micros()).unwrap_or(u64::MAX),
            expected,
            got,
            asked: hex(asked),
            answer: hex(answer),
        }
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
        if packet.code() == Code::DELETE && self.is_home(packet) {
            // Wherever it was, another may be now.
            self.registration = None;
        }
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
        match packet.code() {
            Code::POST if packet.path_is(&["rd"]) => Kind::Register,
            Code::POST if packet.path_is(&["dp"]) => Kind::Send,
            Code::POST if self.is_home(packet) => Kind::Update,
            _ => Kind::Other,
        }
    }

    /// Whether a message goes to where the registration is.
    fn is_home(&self, packet: &Packet<'_>) -> bool {
        self.registration.as_ref().is_some_and(|registration| {
            let path = packet.path().map_while(Result::ok);
            path.eq(registration.location.iter().map(String::as_str))
        })
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

#[cfg(test)]
mod tests {
    use twinproof_lwm2m::wire::{Entry, Path, Value};

    use super::*;

    struct Trial {
        jury: Jury,
        now: Time,
    }

    impl Trial {
        fn new() -> Self {
            let text = "name = \"jury\"\ndrain = \"1s\"\njudged = 9\n[devices]\ncount = 9\n[mix]\nnotify = 1\n\
                        [[stages]]\nrate = 1\nfor = \"1s\"";
            Self {
                jury: Jury::new(&Workload::read(text).unwrap()),
                now: Time::ZERO,
            }
        }

        fn reports(&mut self, member: u32, number: u64) {
            let now = self.now;
            self.jury
                .overhears(Overheard::Reports { member, number }, now);
            self.jury
                .overhears(Overheard::Confirmed { member, number }, now);
        }

        fn told(&mut self, member: u32, number: u64) {
            let path = Path::new(&[3, 0, 10]).unwrap();
            let values = vec![Entry::new(path, Value::Integer(reported(number)))];
            self.jury
                .overhears(Overheard::Told { member, values }, self.now);
        }

        fn read(&mut self, member: u32, name: &str) {
            let path = Path::new(&[3, 0, 2]).unwrap();
            let values = vec![Entry::new(path, Value::String(name.to_owned()))];
            self.jury
                .overhears(Overheard::Read { member, values }, self.now);
        }

        fn observed(&mut self, member: u32, token: u8) {
            let at = self.jury.address(member);
            // A confirmable GET with an empty Observe.
            let bytes = [0x41, 1, 0, 7, token, 0x60];
            self.jury.heard((at, at, &bytes), self.now);
        }

        fn passes(&mut self, seconds: u64) {
            self.now = self.now + Duration::from_secs(seconds);
            // Something or other happens.
            let at = self.jury.address(8);
            self.jury.sent((at, at, &[]), self.now);
        }

        fn broken(&self) -> Vec<Rule> {
            let judged = self.jury.judgement();
            judged.broken.iter().map(|broken| broken.rule).collect()
        }
    }

    #[test]
    fn reports_that_are_told_as_they_were_made_break_nothing() {
        let mut trial = Trial::new();
        trial.reports(1, 5);
        trial.reports(2, 6);
        trial.told(2, 6);
        trial.told(1, 5);
        // Of two that came close together only the newer one is told.
        trial.reports(1, 7);
        trial.reports(1, 8);
        trial.told(1, 8);
        // The present value is told anew where it is observed anew.
        trial.observed(1, 9);
        trial.told(1, 8);
        // Who observes twice is told twice.
        trial.reports(1, 9);
        trial.observed(1, 10);
        trial.told(1, 9);
        trial.told(1, 9);
        trial.told(1, 8);
        trial.read(1, "dev-1");
        trial.passes(60);
        assert_eq!(trial.broken(), [], "{:?}", trial.jury.judgement());
        // Who is told nothing by anybody cannot say what is missing.
        trial.reports(3, 10);
        trial.jury.overhears(Overheard::Deaf, trial.now);
        trial.passes(60);
        assert_eq!(trial.broken(), []);
        assert_eq!(trial.jury.judgement().told, None);
    }

    #[test]
    fn each_rule_about_what_is_told_sees_what_breaks_it() {
        type Fault = fn(&mut Trial);
        let faults: [(Rule, Fault); 7] = [
            (Rule::ReportToldOnce, |trial| trial.told(1, 5)),
            (Rule::ReportsInOrder, |trial| {
                trial.reports(1, 7);
                trial.told(1, 7);
                trial.told(1, 5);
            }),
            (Rule::OwnReports, |trial| {
                trial.reports(2, 6);
                trial.told(2, 6);
                trial.told(1, 6);
            }),
            (Rule::OwnReports, |trial| trial.told(1, 4_711)),
            (Rule::OwnValues, |trial| trial.read(1, "dev-2")),
            (Rule::ReportTold, |trial| {
                trial.reports(1, 7);
                trial.passes(2);
            }),
            // Of this one alone nothing is told, and much of another.
            (Rule::ReportTold, |trial| {
                trial.reports(1, 7);
                for number in 8..16 {
                    trial.reports(2, number);
                    trial.told(2, number);
                    trial.passes(1);
                }
            }),
        ];
        for (rule, fault) in faults {
            let mut trial = Trial::new();
            trial.reports(1, 5);
            trial.told(1, 5);
            assert_eq!(trial.broken(), []);
            fault(&mut trial);
            assert_eq!(trial.broken(), [rule], "{:?}", trial.jury.judgement());
            assert_eq!(trial.jury.judgement().broken[0].times, 1);
        }
    }

    #[test]
    fn some_reports_come_twice() {
        let mut trial = Trial::new();
        let at = trial.jury.address(1);
        // A confirmable 2.05 with a token.
        let bytes = [0x41, 0x45, 0, 7, 9];
        let repeats = (0..32).filter(|_| trial.jury.repeats((at.ip(), &bytes)));
        assert_eq!(repeats.count(), 4);
        let stranger = [127, 2, 0, 1].into();
        assert!((0..32).all(|_| !trial.jury.repeats((stranger, &bytes))));
    }
}

//! What is asked of a system, and how often.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use twinproof_judge::profile::Span;

use crate::clocks::Every;
use crate::parts::Part;
use crate::payload::Payload;
use crate::shard::Shard;
use crate::sleep::Queue;
use crate::threshold::Threshold;

/// A workload: who takes part, what they do, and when.
///
/// ```
/// use twinproof_load::Workload;
///
/// let workload = Workload::read(r#"
///     name = "a small storm"
///     warm_up = "1s"
///     thresholds = ["register.p99<50ms"]
///
///     [devices]
///     count = 1000
///
///     [mix]
///     register = 1
///
///     [[stages]]
///     from = 10
///     rate = 500
///     for = "10s"
/// "#)?;
/// assert_eq!(workload.thresholds.len(), 1);
/// # Ok::<(), twinproof_load::Unusable>(())
/// ```
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// What people call it.
    pub name: String,
    /// What all random choices follow from.
    #[serde(default)]
    pub seed: u64,
    /// How operations are spread over time.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// How long it goes on before anything is measured.
    #[serde(default = "none")]
    pub warm_up: Span,
    /// How long answers are waited for at the end.
    #[serde(default = "five_seconds")]
    pub drain: Span,
    /// What has to hold, such as `register.p99<50ms`.
    #[serde(default)]
    pub thresholds: Vec<Threshold>,
    /// Who takes part; said in each of its parts, if it has some.
    #[serde(default = "nobody", skip_serializing_if = "Devices::is_nobody")]
    pub devices: Devices,
    /// How many devices are watched message by message, and what the server says to them judged; 0 for none.
    #[serde(default = "watched")]
    pub judged: u32,
    /// How often each operation occurs, as a share of the sum; said in each of its parts, if it has some.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mix: BTreeMap<Operation, u32>,
    /// Instead: how often each device does what, on a clock of its own. Stages have no rates then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub every: BTreeMap<Operation, Every>,
    /// What values devices report, answer reads with and send; else short ones, each in the format in which it is shortest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// When the generator itself has failed.
    #[serde(default)]
    pub generator: Limits,
    /// How the rate goes, one stage after the other; said in each of its parts, if it has some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// Instead: what devices of several enablers do at the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

fn nobody() -> Devices {
    Devices::new(0)
}

fn none() -> Span {
    Span::from_secs(0)
}

/// How many devices are watched where nobody says how many.
pub const WATCHED: u32 = 64;

const fn watched() -> u32 {
    WATCHED
}

fn five_seconds() -> Span {
    Span::from_secs(5)
}

/// How operations are spread over time.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Eq,
    PartialEq,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// So many are under way at any time: the next begins when one is answered. Who answers slowly is asked less
    /// often, so that latencies come out better than users would see them.
    Closed(u32),
    /// At equal distances.
    #[default]
    Even,
    /// At random, as from many who know nothing of each other.
    Poisson,
}

/// Who takes part.
#[derive(
    Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Devices {
    /// How many devices there are.
    pub count: u32,
    /// The life time of their registrations.
    #[serde(default = "a_day")]
    pub lifetime: Span,
    /// The address of the first, of IPv4 or of IPv6; the others follow. All have the same port.
    #[serde(default = "first")]
    #[schemars(with = "String")]
    pub first: IpAddr,
    /// How many of them are in a group of their gateway, where they are behind one; the last group may have fewer.
    #[serde(default = "hundred", skip_serializing_if = "is_hundred")]
    pub group: u32,
    /// Instead: all have that address, and each a port of its own, counted from this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<u16>,
    /// Whether they sleep (queue mode): they hear for so long after they have spoken, and nothing until they speak again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// Whether devices behind DTLS say goodbye before they shake hands anew. Else they have lost what they had, as after a cut of
    /// their power, and the server is to take their new handshake all the same (RFC 6347 §4.2.8).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub goodbye: bool,
}

impl Devices {
    /// So many, and for the rest what a workload has that does not say.
    pub fn new(count: u32) -> Self {
        Self {
            count,
            lifetime: a_day(),
            first: first(),
            group: GROUP,
            ports: None,
            queue: None,
            goodbye: false,
        }
    }

    /// Whether nothing is said of them.
    pub(crate) fn is_nobody(&self) -> bool {
        *self == nobody()
    }
}

/// How many devices are in a group where nobody says how many.
const GROUP: u32 = 100;

const fn hundred() -> u32 {
    GROUP
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands it over like that"
)]
const fn is_hundred(group: &u32) -> bool {
    *group == GROUP
}

fn a_day() -> Span {
    Span::from_secs(86_400)
}

const fn first() -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 1, 0, 1))
}

/// What a device does.
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
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// It holds a session with its DM server, from its first package to the last of the server.
    #[serde(rename = "dm-session")]
    DmSession,
    /// It is told what its gateway was asked to have all devices of a group do, and the report on all of them comes to the
    /// server.
    Fanout,
    /// It does in a fan-out what is wanted of it, and its gateway has taken that: a part of `fanout`, measured for each device.
    #[serde(rename = "fanout-device")]
    FanoutDevice,
    /// It loses its association with the server, and shakes hands anew (DTLS).
    Handshake,
    /// It reports a new value of what the server observes, and wants that confirmed.
    Notify,
    /// It is read by the server, whose operator asks for that and gets the value.
    Read,
    /// It registers; one that is registered does so anew.
    Register,
    /// It sends a value unasked (LwM2M 1.1).
    Send,
    /// It is a primary and a secondary device, which are twinned, switched off and on, and taken apart again.
    Twinning,
    /// It updates its registration.
    Update,
}

impl Operation {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 10] = [
        Self::DmSession,
        Self::Fanout,
        Self::FanoutDevice,
        Self::Handshake,
        Self::Notify,
        Self::Read,
        Self::Register,
        Self::Send,
        Self::Twinning,
        Self::Update,
    ];

    /// Its name, as workloads, thresholds and reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DmSession => "dm-session",
            Self::Fanout => "fanout",
            Self::FanoutDevice => "fanout-device",
            Self::Handshake => "handshake",
            Self::Notify => "notify",
            Self::Read => "read",
            Self::Register => "register",
            Self::Send => "send",
            Self::Twinning => "twinning",
            Self::Update => "update",
        }
    }

    /// Whose devices do it.
    pub const fn enabler(self) -> Enabler {
        match self {
            Self::DmSession => Enabler::Dm,
            Self::Fanout | Self::FanoutDevice => Enabler::Gwmo,
            Self::Handshake
            | Self::Notify
            | Self::Read
            | Self::Register
            | Self::Send
            | Self::Update => Enabler::Lwm2m,
            Self::Twinning => Enabler::Twinning,
        }
    }

    /// Whether only a registered device can do it.
    pub const fn needs_registration(self) -> bool {
        match self {
            Self::DmSession
            | Self::Fanout
            | Self::FanoutDevice
            | Self::Handshake
            | Self::Register
            | Self::Twinning => false,
            Self::Notify | Self::Read | Self::Send | Self::Update => true,
        }
    }

    /// What is measured beside it, for each device that takes part in it.
    pub const fn part(self) -> Option<Self> {
        match self {
            Self::Fanout => Some(Self::FanoutDevice),
            _ => None,
        }
    }

    /// Whether it is no operation by itself, but what is measured beside another.
    pub fn is_part(self) -> bool {
        Self::ALL.iter().any(|one| one.part() == Some(self))
    }

    /// Whether only devices that come over DTLS can do it.
    pub const fn needs_dtls(self) -> bool {
        matches!(self, Self::Handshake)
    }

    /// Whether somebody has to make the server act: before the first stage or each time.
    pub const fn needs_operator(self) -> bool {
        matches!(self, Self::Notify | Self::Read)
    }
}

/// An enabler that is put under load.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Enabler {
    /// Device management, over HTTP.
    Dm,
    /// Gateways, over HTTP.
    Gwmo,
    /// LwM2M, over CoAP.
    Lwm2m,
    /// The Twinning API, over HTTP.
    Twinning,
}

impl Enabler {
    /// Its name, as profiles and arguments write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dm => "dm",
            Self::Gwmo => "gwmo",
            Self::Lwm2m => "lwm2m",
            Self::Twinning => "twinning",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When the generator itself has failed, so that a run says nothing about the system.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How late an operation may begin.
    pub late: Span,
    /// Which share of the operations of a second may begin later.
    pub late_share: f64,
    /// For which share of a second it may have had work and no processor.
    pub starved_share: f64,
    /// How much memory it may take, in megabytes; as much as there is if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            late: "10ms".parse().unwrap_or_else(|_| none()),
            late_share: 0.01,
            starved_share: 0.2,
            memory_mb: None,
        }
    }
}

/// A part of a workload, in which the rate stays or changes evenly.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Operations per second at its beginning; as at its end if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Operations per second at its end; means nothing to closed arrivals.
    #[serde(default)]
    pub rate: f64,
    /// How long it takes.
    #[serde(rename = "for")]
    pub span: Span,
}

impl Stage {
    pub(crate) fn has_rate(&self) -> bool {
        self.from.is_some() || self.rate != 0.0
    }
}

fn millis(span: Duration) -> Span {
    Span::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Why a workload cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unusable(pub(crate) String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

/// The highest rate and the longest run that nobody has to ask for twice.
const MOST_RATE: f64 = 10_000_000.0;
const MOST_HOURS: u64 = 24 * 7;

impl Workload {
    /// Reads a workload from a TOML text.
    ///
    /// # Errors
    ///
    /// When it is none, or asks for what cannot be done; says what was expected and where.
    pub fn read(text: &str) -> Result<Self, Unusable> {
        let workload: Self =
            toml::from_str(text).map_err(|error| Unusable(format!("not a workload: {error}")))?;
        workload.check()?;
        Ok(workload)
    }

    /// Whether it can be used at all.
    ///
    /// # Errors
    ///
    /// When it asks for what cannot be done; says what was expected.
    pub fn check(&self) -> Result<(), Unusable> {
        let unusable = |why: String| Err(Unusable(why));
        if !self.parts.is_empty() {
            return self.check_parts();
        }
        if self.devices.count == 0 {
            return unusable("devices.count: expected at least 1 device".to_owned());
        }
        if let Err(why) = self
            .devices
            .check_first()
            .and_then(|()| self.devices.check_ports())
        {
            return unusable(why);
        }
        self.check_every().map_err(Unusable)?;
        if self.every.is_empty() && self.mix.values().all(|share| *share == 0) {
            let own = Operation::ALL.iter().filter(|one| !one.is_part());
            let names: Vec<_> = own.map(|one| one.name()).collect();
            let names = names.join(", ");
            return unusable(format!(
                "mix: expected a share above 0 of at least one of {names}"
            ));
        }
        let mut named = self.mix.keys().chain(self.every.keys());
        if let Some(part) = named.find(|one| one.is_part()) {
            return unusable(format!(
                "mix: {part} is measured beside another operation, and none by itself"
            ));
        }
        if self.devices.group == 0 {
            return unusable("devices.group: expected at least 1 device".to_owned());
        }
        let mut enablers = self.operations().map(Operation::enabler);
        let first = self.enabler();
        if let Some(other) = enablers.find(|enabler| *enabler != first) {
            return unusable(format!(
                "mix: expected what devices of one kind do, got operations of {} and of {}",
                first.name(),
                other.name()
            ));
        }
        self.devices.check_queue(first).map_err(Unusable)?;
        let payload = self.payload.map_or(Ok(()), |payload| payload.check(self));
        payload.map_err(Unusable)?;
        if self.arrivals == Arrivals::Closed(0) {
            return unusable("arrivals.closed: expected at least 1 under way".to_owned());
        }
        let closed = self.is_closed();
        let total: u64 = self
            .stages
            .iter()
            .map(|stage| stage.span.duration().as_secs())
            .sum();
        if total > MOST_HOURS * 3_600 {
            return unusable(format!(
                "stages: expected at most {MOST_HOURS} h in all, got {total} s"
            ));
        }
        let sane = |rate: f64| (0.0..=MOST_RATE).contains(&rate);
        for (number, stage) in (1..).zip(&self.stages) {
            let rates = [stage.from.unwrap_or(stage.rate), stage.rate];
            if !rates.into_iter().all(sane) {
                return unusable(format!(
                    "stages, the {number}.: expected rates from 0 to {MOST_RATE} per second, got {rates:?}"
                ));
            }
        }
        let works = |stage: &Stage| {
            let busy = closed
                || !self.every.is_empty()
                || stage.rate > 0.0
                || stage.from.unwrap_or(0.0) > 0.0;
            busy && !stage.span.duration().is_zero()
        };
        if !self.stages.iter().any(works) {
            return unusable(
                "stages: expected one with a rate above 0 that takes some time".to_owned(),
            );
        }
        let span = self.span();
        if self.warm_up.duration() >= span {
            return unusable(format!(
                "warm_up: expected less than the {span:?} that the stages take, got {}",
                self.warm_up
            ));
        }
        let known: BTreeSet<_> = self.operations().collect();
        for threshold in &self.thresholds {
            // Whether devices shake hands is up to the server.
            let is_known = known.contains(&threshold.operation)
                || threshold.operation.needs_dtls() && first == Enabler::Lwm2m;
            if !is_known {
                return unusable(format!(
                    "thresholds: {threshold} is about {}, which the mix does not have",
                    threshold.operation
                ));
            }
        }
        Ok(())
    }

    /// Whether a device is watched message by message.
    pub fn watches(&self, member: u32) -> bool {
        let every = self
            .devices
            .count
            .checked_div(self.judged)
            .map(|n| n.max(1));
        every.is_some_and(|every| member < self.devices.count && member.is_multiple_of(every))
    }

    /// Whose devices take part.
    pub fn enabler(&self) -> Enabler {
        let first = self.operations().next();
        first.map_or(Enabler::Lwm2m, Operation::enabler)
    }

    /// The first of what is asked of devices, or of what has to hold, that only those can do who come over DTLS.
    pub fn needs_dtls(&self) -> Option<Operation> {
        let bounds = self.thresholds.iter().map(|threshold| threshold.operation);
        self.operations().chain(bounds).find(|one| one.needs_dtls())
    }

    /// Whether somebody has to make the server act.
    pub fn needs_operator(&self) -> bool {
        self.operations().any(Operation::needs_operator)
    }

    /// It with another number of devices, and rates that go with it.
    #[must_use]
    pub fn with_devices(mut self, count: u32) -> Self {
        if !self.parts.is_empty() {
            return self.with_devices_of_parts(count);
        }
        let scale = f64::from(count) / f64::from(self.devices.count.max(1));
        self.devices.count = count;
        for stage in &mut self.stages {
            stage.rate *= scale;
            stage.from = stage.from.map(|from| from * scale);
        }
        self
    }

    /// It with stages that take so long in all: the last goes on for longer, or those at the end are left out or end sooner.
    #[must_use]
    pub fn with_span(mut self, span: Span) -> Self {
        if !self.parts.is_empty() {
            return self.with_span_of_parts(span);
        }
        let mut left = span.duration();
        let mut stages = Vec::new();
        let last = self.stages.len().saturating_sub(1);
        for (number, stage) in self.stages.into_iter().enumerate() {
            let takes = stage.span.duration();
            if left.is_zero() {
                break;
            }
            stages.push(if takes > left {
                let whole = takes.as_secs_f64();
                let from = stage.from.unwrap_or(stage.rate);
                Stage {
                    rate: from + (stage.rate - from) * left.as_secs_f64() / whole,
                    span: millis(left),
                    ..stage
                }
            } else if number == last && stage.from.is_none() {
                Stage {
                    span: millis(left),
                    ..stage
                }
            } else {
                stage
            });
            left = left.saturating_sub(takes);
            if number == last && !left.is_zero() && stages[number].from.is_some() {
                // A ramp does not go on; what it leads to does.
                let rate = stages[number].rate;
                stages.push(Stage {
                    from: None,
                    rate,
                    span: millis(left),
                });
            }
        }
        self.stages = stages;
        self
    }

    /// Whether it can be shared so.
    ///
    /// # Errors
    ///
    /// When a share would have nothing to do; says what was expected.
    pub fn check_shard(&self, shard: Shard) -> Result<(), String> {
        if !self.parts.is_empty() {
            return Err(format!(
                "--shard {shard}: the several parts of a workload are carried out by one process: expected no shards, or a \
                 workload for each part"
            ));
        }
        if shard != Shard::WHOLE && self.enabler() == Enabler::Gwmo {
            return Err(format!(
                "--shard {shard}: a gateway has one server above it, which is one process; expected no shards"
            ));
        }
        let mut shared = vec![("devices.count", self.devices.count)];
        if let Arrivals::Closed(most) = self.arrivals {
            shared.push(("arrivals.closed", most));
        }
        let few = shared.into_iter().find(|(_, count)| *count < shard.of);
        few.map_or(Ok(()), |(what, count)| {
            Err(format!(
                "--shard {shard}: {what} is {count}, which {} shards cannot share; expected at most {count} of them",
                shard.of
            ))
        })
    }

    /// The operations that occur, each with what is measured beside it.
    pub fn operations(&self) -> impl Iterator<Item = Operation> {
        let mixes = std::iter::once(&self.mix).chain(self.parts.iter().map(|part| &part.mix));
        let occurs = mixes.flatten().filter(|(_, share)| **share > 0);
        let clocks = std::iter::once(&self.every).chain(self.parts.iter().map(|part| &part.every));
        let named = occurs
            .map(|(operation, _)| operation)
            .chain(clocks.flat_map(BTreeMap::keys));
        named.flat_map(|operation| std::iter::once(*operation).chain(operation.part()))
    }

    /// Whether answers decide when operations begin.
    pub const fn is_closed(&self) -> bool {
        matches!(self.arrivals, Arrivals::Closed(_))
    }

    /// It as a TOML text, alike for what means the same.
    pub fn text(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// SHA-256 over [`text`](Self::text), in hexadecimal digits.
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(self.text());
        digest.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(span: &str) -> Vec<(f64, f64, String)> {
        let text = r#"
            name = "stages"
            [devices]
            count = 10
            [mix]
            register = 1
            [[stages]]
            rate = 10
            for = "10s"
            [[stages]]
            from = 10
            rate = 30
            for = "10s"
        "#;
        let workload = Workload::read(text).unwrap();
        let workload = workload.with_span(span.parse().unwrap()).with_devices(20);
        assert_eq!(workload.devices.count, 20);
        let said = workload.stages.into_iter().map(|stage| {
            let from = stage.from.unwrap_or(stage.rate);
            (from, stage.rate, stage.span.to_string())
        });
        said.collect()
    }

    #[test]
    fn stages_take_as_long_as_they_are_to_and_rates_go_with_devices() {
        let hold = (20.0, 20.0, "10s".to_owned());
        assert_eq!(stages("5s"), [(20.0, 20.0, "5s".to_owned())]);
        assert_eq!(stages("10s"), std::slice::from_ref(&hold));
        let half = (20.0, 40.0, "5s".to_owned());
        assert_eq!(stages("15s"), [hold.clone(), half]);
        let ramp = (20.0, 60.0, "10s".to_owned());
        assert_eq!(stages("20s"), [hold.clone(), ramp.clone()]);
        let on = (60.0, 60.0, "70s".to_owned());
        assert_eq!(stages("90s"), [hold, ramp, on]);
    }
}

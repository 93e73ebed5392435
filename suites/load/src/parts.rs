//! A workload of several parts: devices of several enablers at the same time, each with operations and stages of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use twinproof_judge::profile::Span;

use crate::clocks::Every;
use crate::payload::Payload;
use crate::workload::{Arrivals, Devices, Enabler, Operation, Stage, Unusable, Workload};

/// What the devices of one enabler do beside those of others.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// How its operations are spread over time, if otherwise than those of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,
    /// Who takes part.
    pub devices: Devices,
    /// How many of its devices are watched message by message, if not as many as of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<u32>,
    /// How often each operation occurs, as a share of the sum.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mix: BTreeMap<Operation, u32>,
    /// Instead: how often each device does what, on a clock of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub every: BTreeMap<Operation, Every>,
    /// What values devices report, answer reads with and send, if not short ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// How the rate goes, one stage after the other.
    pub stages: Vec<Stage>,
}

impl Workload {
    /// The workloads of its parts, in their order, each with the thresholds that are about it; or it alone if it has none.
    pub fn each(&self) -> Vec<Self> {
        if self.parts.is_empty() {
            return vec![self.clone()];
        }
        let parts = (0_u64..).zip(&self.parts);
        parts
            .map(|(number, part)| self.alone(number, part))
            .collect()
    }

    fn alone(&self, number: u64, part: &Part) -> Self {
        let alone = Self {
            // Else what happens at random would happen at the same moments everywhere; TOML has no numbers beyond that.
            seed: self.seed.wrapping_add(number) & i64::MAX.unsigned_abs(),
            arrivals: part.arrivals.unwrap_or(self.arrivals),
            devices: part.devices.clone(),
            judged: part.judged.unwrap_or(self.judged),
            mix: part.mix.clone(),
            every: part.every.clone(),
            payload: part.payload,
            stages: part.stages.clone(),
            parts: Vec::new(),
            ..self.clone()
        };
        let enabler = alone.enabler();
        let bounds = self.thresholds.iter();
        let own = bounds.filter(|bound| bound.operation.enabler() == enabler);
        Self {
            thresholds: own.cloned().collect(),
            ..alone
        }
    }

    /// How many devices take part in all.
    pub fn count(&self) -> u32 {
        let counts = self.parts.iter().map(|part| part.devices.count);
        counts.fold(self.devices.count, u32::saturating_add)
    }

    /// How long its stages take.
    pub fn span(&self) -> Duration {
        let own = std::iter::once(&self.stages);
        let all = own.chain(self.parts.iter().map(|part| &part.stages));
        let spans = all.map(|stages| stages.iter().map(|stage| stage.span.duration()).sum());
        spans.max().unwrap_or_default()
    }

    /// Whether all of its parts can be used, and together.
    pub(crate) fn check_parts(&self) -> Result<(), Unusable> {
        let unusable = |why: String| Err(Unusable(why));
        let does = !self.mix.is_empty() || !self.every.is_empty() || self.payload.is_some();
        if !self.devices.is_nobody() || does || !self.stages.is_empty() {
            return unusable(
                "parts: expected [devices], [mix] and [[stages]] either in each of them or without any, got both"
                    .to_owned(),
            );
        }
        let mut known: BTreeMap<Enabler, usize> = BTreeMap::new();
        let each = self.each();
        for (number, part) in (1..).zip(&each) {
            // Before it is said that a threshold is about what the other of both does.
            let enabler = part.enabler();
            let does = part.operations().next().is_some();
            if does && let Some(other) = known.insert(enabler, number) {
                return unusable(format!(
                    "parts, the {number}.: expected operations of another enabler than those of the {other}., got some of {}; \
                     what devices of one enabler do is one mix",
                    enabler.name()
                ));
            }
            part.check()
                .map_err(|Unusable(why)| Unusable(format!("parts, the {number}.: {why}")))?;
            let (span, first) = (part.span(), each[0].span());
            if span != first {
                return unusable(format!(
                    "parts, the {number}.: expected stages that take {first:?} in all as those of the 1. do, got {span:?}; a \
                     stage with the rate 0 is one, too"
                ));
            }
        }
        let mut bounds = self.thresholds.iter();
        let strange = bounds.find(|bound| !known.contains_key(&bound.operation.enabler()));
        strange.map_or(Ok(()), |bound| {
            unusable(format!(
                "thresholds: {bound} is about {}, which no part has",
                bound.operation
            ))
        })
    }

    /// It with so many devices in all: as large a share of them in each part as before, and rates that go with it.
    pub(crate) fn with_devices_of_parts(mut self, count: u32) -> Self {
        let (all, mut before, mut until) = (u64::from(self.count().max(1)), 0_u64, 0_u64);
        let each = self.each();
        for (part, alone) in self.parts.iter_mut().zip(each) {
            until += u64::from(part.devices.count);
            // What is rounded off at one is not lost to the next.
            let now = u64::from(count) * until / all;
            let own = alone.with_devices(u32::try_from(now - before).unwrap_or(u32::MAX));
            (part.devices, part.stages) = (own.devices, own.stages);
            before = now;
        }
        self
    }

    /// It with stages that take so long in all, in each part.
    pub(crate) fn with_span_of_parts(mut self, span: Span) -> Self {
        let each = self.each();
        for (part, alone) in self.parts.iter_mut().zip(each) {
            part.stages = alone.with_span(span).stages;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOWN: &str = r#"
        name = "a small town"
        seed = 7
        warm_up = "1s"
        thresholds = ["register.p99<50ms", "twinning.p99<1s"]

        [[parts]]
        arrivals = "poisson"
        devices = { count = 90, lifetime = "1h" }
        mix = { register = 1, update = 3 }
        stages = [{ rate = 9, for = "4s" }, { from = 9, rate = 18, for = "6s" }]

        [[parts]]
        devices = { count = 10 }
        judged = 3
        mix = { twinning = 1 }
        stages = [{ rate = 2, for = "10s" }]
    "#;

    fn refused(from: &str, to: &str) -> String {
        assert!(TOWN.contains(from), "{from}");
        let read = Workload::read(&TOWN.replacen(from, to, 1));
        read.unwrap_err().to_string()
    }

    #[test]
    fn each_part_is_a_workload_with_the_thresholds_that_are_about_it() {
        let town = Workload::read(TOWN).unwrap();
        assert_eq!(Workload::read(&town.text()), Ok(town.clone()));
        assert_eq!(town.count(), 100);
        assert_eq!(town.span(), Duration::from_secs(10));
        let names: Vec<_> = town.operations().map(Operation::name).collect();
        assert_eq!(names, ["register", "update", "twinning"]);
        let [devices, pairs] = &town.each()[..] else {
            panic!("two parts");
        };
        let bounds = |one: &Workload| {
            let bounds = one.thresholds.iter().map(ToString::to_string);
            bounds.collect::<Vec<_>>()
        };
        assert_eq!(bounds(devices), ["register.p99<50ms"]);
        assert_eq!(bounds(pairs), ["twinning.p99<1s"]);
        assert_eq!(devices.arrivals, Arrivals::Poisson);
        assert_eq!((pairs.arrivals, pairs.judged), (Arrivals::Even, 3));
        assert_eq!(devices.warm_up, pairs.warm_up);
        // What is random in one says nothing of what is in the other.
        assert_ne!(devices.seed, pairs.seed);
        assert_ne!(pairs.text(), "");
        assert_eq!(devices.each(), std::slice::from_ref(devices));
    }

    #[test]
    fn a_number_of_devices_goes_to_the_parts_by_their_shares() {
        let town = Workload::read(TOWN).unwrap().with_devices(205);
        let counts: Vec<u32> = town.parts.iter().map(|part| part.devices.count).collect();
        assert_eq!(counts, [184, 21]);
        let rate = |part: &Part| part.stages[0].rate / f64::from(part.devices.count);
        assert!((rate(&town.parts[0]) - 0.1).abs() < 1e-9);
        assert!((rate(&town.parts[1]) - 0.2).abs() < 1e-9);
        let none = Workload::read(TOWN).unwrap().with_devices(1).check();
        let why = none.unwrap_err().to_string();
        assert!(why.starts_with("parts, the 1.: devices.count"), "{why}");
    }

    #[test]
    fn all_parts_take_as_long_as_is_wanted() {
        let town = Workload::read(TOWN).unwrap();
        for span in ["3s", "10s", "90s"] {
            let span: Span = span.parse().unwrap();
            let town = town.clone().with_span(span);
            assert_eq!(town.check(), Ok(()));
            let each: Vec<_> = town.each().iter().map(Workload::span).collect();
            assert_eq!(each, [span.duration(); 2]);
        }
    }

    #[test]
    fn parts_that_cannot_go_together_are_refused() {
        for (from, to, says) in [
            (
                "twinning = 1",
                "send = 1",
                "another enabler than those of the 1.",
            ),
            (
                "rate = 2, for = \"10s\"",
                "rate = 2, for = \"9s\"",
                "take 10s in all",
            ),
            ("count = 10", "count = 0", "parts, the 2.: devices.count"),
            ("update = 3", "twinning = 3", "parts, the 1.: mix: expected"),
            ("twinning.p99", "dm-session.p99", "which no part has"),
            (
                "register.p99",
                "send.p99",
                "parts, the 1.: thresholds: send.p99",
            ),
            ("name", "mix = { send = 1 }\nname", "got both"),
            ("judged", "jugded", "not a workload"),
        ] {
            let why = refused(from, to);
            assert!(why.contains(says), "{why}");
        }
        let town = Workload::read(TOWN).unwrap();
        let half = "0/2".parse().unwrap();
        let why = town.check_shard(half).unwrap_err();
        assert!(why.contains("several parts"), "{why}");
    }
}

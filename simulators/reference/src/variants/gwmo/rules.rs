//! Decisions that the texts allow as well.

use std::collections::BTreeSet;

use twinproof_dm::syncml::Alert;
use twinproof_dm::upper::Act;
use twinproof_gwmo::aggregate::Entry;
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::rules::Tally;
use twinproof_gwmo::gateway::rules::decide::{Rules, Standard};

use crate::variants::Reads;

/// A reading of the texts that the built-in gateway does not follow by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reading {
    /// That a fan-out has ended is told before its results.
    EndFirst,
    /// That a fan-out has ended is not told but by its results (GW-D4).
    EndUntold,
    /// The entries of a report stand in another order.
    EntriesBackwards,
    /// Whatever a device refused, its entry as a whole has one code for all failures.
    FailureIs500,
    /// Each alert has a session of its own.
    OneByOne,
    /// A fan-out is a success, since each of its entries has a code of its own (GW-D25).
    OverallIs200,
    /// A record is called as its device.
    RecordsByDevice,
    /// A device that says nothing gets the code of a request that has timed out.
    SilenceIs408,
    /// Devices are told several things as a sequence.
    TellsInSequence,
    /// The types of alerts stand behind the kind of name that they are.
    TypesWithKind,
    /// The types of alerts are of the next version.
    TypesOf11,
}

impl Reads for Reading {
    fn rules(self) -> &'static [&'static str] {
        match self {
            Self::EndFirst | Self::EndUntold => &["concludes"],
            Self::EntriesBackwards => &["gathers"],
            Self::FailureIs500 => &["sums_up"],
            Self::OneByOne => &["joins"],
            Self::OverallIs200 => &["overall"],
            Self::RecordsByDevice => &["labels"],
            Self::SilenceIs408 => &["silent"],
            Self::TellsInSequence => &["tells"],
            Self::TypesOf11 | Self::TypesWithKind => &["spells"],
        }
    }
}

/// Rules that follow some readings and otherwise the standard.
#[derive(Clone, Debug, Default)]
pub struct Lawful {
    readings: BTreeSet<Reading>,
}

impl Lawful {
    /// Follows a reading from now on.
    pub fn read(&mut self, reading: Reading) {
        self.readings.insert(reading);
    }

    fn reads(&self, reading: Reading) -> bool {
        self.readings.contains(&reading)
    }
}

impl Rules for Lawful {
    fn tells(&self, acts: Vec<Act>) -> Vec<Act> {
        match self.reads(Reading::TellsInSequence) && acts.len() > 1 {
            true => vec![Act::Sequence(acts)],
            false => acts,
        }
    }

    fn silent(&self, reached: bool) -> u16 {
        match self.reads(Reading::SilenceIs408) {
            true => 408,
            false => Standard.silent(reached),
        }
    }

    fn sums_up(&self, codes: Vec<u16>) -> u16 {
        match Standard.sums_up(codes) {
            failed if failed >= 300 && self.reads(Reading::FailureIs500) => 500,
            code => code,
        }
    }

    fn gathers(&self, entries: Vec<Entry>) -> Vec<Entry> {
        match self.reads(Reading::EntriesBackwards) {
            true => entries.into_iter().rev().collect(),
            false => entries,
        }
    }

    fn overall(&self, tally: Tally) -> u16 {
        match self.reads(Reading::OverallIs200) {
            true => 200,
            false => Standard.overall(tally),
        }
    }

    fn concludes(&self, alerts: Vec<Alert>) -> Vec<Alert> {
        let mut alerts = alerts;
        if self.reads(Reading::EndFirst) {
            alerts.reverse();
        }
        if self.reads(Reading::EndUntold) {
            let end = Report::Completed.text();
            let is_end = |alert: &Alert| {
                let mut metas = alert.items.iter().filter_map(|item| item.meta.as_ref());
                metas.any(|meta| meta.media_type.as_ref() == Some(&end))
            };
            alerts.retain(|alert| !is_end(alert));
        }
        alerts
    }

    fn joins(&self, waiting: usize) -> usize {
        match self.reads(Reading::OneByOne) {
            true => 1,
            false => waiting,
        }
    }

    fn spells(&self, kind: String) -> String {
        let newer = self.reads(Reading::TypesOf11);
        let kind = match kind.strip_suffix(":1.0") {
            Some(name) if newer => format!("{name}:1.1"),
            _ => kind,
        };
        match self.reads(Reading::TypesWithKind) {
            true => format!("Reversed-Domain-Name: {kind}"),
            false => kind,
        }
    }

    fn labels(&self, number: usize, device: String) -> String {
        match self.reads(Reading::RecordsByDevice) {
            true => device,
            false => Standard.labels(number, device),
        }
    }
}

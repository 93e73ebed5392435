//! What a fan-out is reported with. The form is free; that a device is missing, or a failure hidden, is wrong
//! in any form.

use serde::{Deserialize, Serialize};
use twinproof_gwmo::aggregate::{Aggregate, Entry};
use twinproof_gwmo::alert::Report;

use super::super::dm::talk::Talk;
use super::{Found, NAMES, heard};

/// What is expected of one device.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Expected {
    /// The device.
    pub device: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a device.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did all, and gave these values.
    Did(Vec<String>),
    /// It said no, with this code.
    Refused(u16),
    /// It could not be reached, or said nothing.
    Silent,
}

pub(super) fn words(devices: &[Expected]) -> String {
    let each = devices.iter().map(|expected| {
        let device = &expected.device;
        match &expected.outcome {
            Outcome::Did(values) => format!("{device}: a success with {}", values.join(", ")),
            Outcome::Refused(code) => format!("{device}: {code}"),
            Outcome::Silent => format!("{device}: a failure"),
        }
    });
    each.collect::<Vec<_>>().join("; ")
}

pub(super) fn aggregated(
    talks: &[Talk],
    expected: String,
    correlator: &str,
    devices: &[Expected],
) -> Found {
    let mut reports = heard(talks);
    reports.retain(|heard| heard.report == Report::Results);
    let numbers: Vec<u64> = reports.iter().map(|heard| heard.number).collect();
    if reports.is_empty() {
        // Which alerts belong to version 1.0 is not settled.
        return Found::inconclusive(expected, "no report of results").under(&["GW-D4"]);
    }
    reports.retain(|heard| heard.correlator.as_deref() == Some(correlator));
    let report = match reports.as_slice() {
        [report] => report,
        [] => {
            return Found::decide(false, expected, "reports about something else")
                .shown_by(numbers);
        }
        many => {
            let got = format!("{} reports about it", many.len());
            return Found::decide(false, expected, got).shown_by(numbers);
        }
    };
    let numbers = [report.number];
    let aggregate = match Aggregate::parse(&report.value) {
        Ok(aggregate) => aggregate,
        Err(why) => {
            let got = format!("a form of report that this version does not read: {why}");
            return Found::inconclusive(expected, got).shown_by(numbers);
        }
    };
    let mut wrong = Vec::new();
    for expected in devices {
        let own = aggregate
            .entries
            .iter()
            .filter(|entry| entry.device == expected.device);
        match own.collect::<Vec<_>>().as_slice() {
            [] => wrong.push(format!("nothing of {}", expected.device)),
            [entry] if fits(entry, &expected.outcome) => {}
            [entry] => {
                let values = entry.commands.iter().flat_map(|said| &said.values);
                let values: Vec<&str> = values.map(String::as_str).collect();
                wrong.push(format!("{}: {} {values:?}", entry.device, entry.status));
            }
            many => wrong.push(format!("{} {} times", expected.device, many.len())),
        }
    }
    let is_known = |entry: &&Entry| devices.iter().any(|known| known.device == entry.device);
    let others = aggregate.entries.iter().filter(|entry| !is_known(entry));
    wrong.extend(others.map(|entry| format!("{}, which was not aimed at", entry.device)));
    let got = match wrong.is_empty() {
        true => "all of it".to_owned(),
        false => wrong.join("; "),
    };
    Found::decide(wrong.is_empty(), expected, got)
        .shown_by(numbers)
        .relying_on(&[NAMES])
}

fn fits(entry: &Entry, outcome: &Outcome) -> bool {
    let mut codes = entry.commands.iter().map(|said| said.status);
    match outcome {
        Outcome::Did(values) => {
            let given: Vec<&String> = entry
                .commands
                .iter()
                .flat_map(|said| &said.values)
                .collect();
            entry.is_success() && values.iter().all(|value| given.contains(&value))
        }
        Outcome::Refused(code) => {
            !entry.is_success() && (entry.status == *code || codes.any(|said| said == *code))
        }
        Outcome::Silent => entry.status >= 400,
    }
}

//! What a fan-out is reported with. The form is free; that a device is missing, or a failure hidden, is wrong
//! in any form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinproof_evidence::Verdict;
use twinproof_gwmo::aggregate::{Aggregate, Entry, Said};
use twinproof_gwmo::alert::Report;

use super::super::dm::talk::Talk;
use super::inventory::values;
use super::{Found, NAMES, RESULTS, heard};

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

/// So many devices are named in words; more are counted.
const NAMED_AT_MOST: usize = 10;

pub(super) fn words(devices: &[Expected]) -> String {
    if devices.len() > NAMED_AT_MOST {
        let count = |kind: fn(&Outcome) -> bool| {
            devices
                .iter()
                .filter(|expected| kind(&expected.outcome))
                .count()
        };
        return format!(
            "{} devices once each: {} that did it, {} that refused, {} that could not be reached",
            devices.len(),
            count(|outcome| matches!(outcome, Outcome::Did(_))),
            count(|outcome| matches!(outcome, Outcome::Refused(_))),
            count(|outcome| matches!(outcome, Outcome::Silent)),
        );
    }
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

/// Where a system has the results of a fan-out in its tree.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Kept {
    /// Where they are.
    pub at: String,
    /// In each: the leaf with the device.
    pub device: String,
    /// The leaf with its code.
    pub status: String,
    /// The leaf with what it gave, a value in a line.
    pub data: String,
}

pub(super) fn aggregated(
    talks: &[Talk],
    expected: String,
    correlator: &str,
    (devices, kept): (&[Expected], Option<&Kept>),
) -> Found {
    let mut reports = heard(talks);
    reports.retain(|heard| heard.report == Report::Results);
    let mut numbers: Vec<u64> = reports.iter().map(|heard| heard.number).collect();
    if reports.is_empty() {
        // Which alerts belong to version 1.0 is not settled.
        return Found::inconclusive(expected, "no report of results").under(&["GW-D4"]);
    }
    reports.retain(|heard| heard.correlator.as_deref() == Some(correlator));
    if reports.is_empty() {
        return Found::decide(false, expected, "reports about something else").shown_by(numbers);
    }
    numbers = reports.iter().map(|heard| heard.number).collect();
    let times = reports.len();
    let entries = match kept {
        Some(kept) => fetched(talks, kept),
        None => {
            // What is said again word by word says nothing more.
            let mut values: Vec<&str> = reports.iter().map(|heard| &*heard.value).collect();
            values.dedup();
            let parts = values.into_iter().map(Aggregate::parse);
            let parts = parts.collect::<Result<Vec<_>, _>>();
            parts.map(|parts| parts.into_iter().flat_map(|part| part.entries).collect())
        }
    };
    let entries: Vec<Entry> = match entries {
        Ok(entries) => entries,
        Err(why) => {
            let got = format!("results that this version does not read (gwmo.results): {why}");
            return Found::inconclusive(expected, got).shown_by(numbers);
        }
    };
    let mut wrong = Vec::new();
    let mut loose = Vec::new();
    let mut of: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in &entries {
        of.entry(&entry.device).or_default().push(entry);
    }
    for expected in devices {
        let own = of.remove(expected.device.as_str());
        match own.unwrap_or_default().as_slice() {
            [] => wrong.push(format!("nothing of {}", expected.device)),
            [entry] => match fits(entry, &expected.outcome) {
                Fit::Right => {}
                Fit::Loose => loose.push(shown(entry)),
                Fit::Wrong => wrong.push(shown(entry)),
            },
            many => wrong.push(format!("{} {} times", expected.device, many.len())),
        }
    }
    let others = of.into_keys();
    wrong.extend(others.map(|device| format!("{device}, which was not aimed at")));
    let mut got = Vec::new();
    got.extend((times > 1).then(|| format!("{times} reports")));
    let settled = wrong.is_empty() && loose.is_empty();
    got.extend(settled.then(|| "all of it".to_owned()));
    let all = wrong.len() + loose.len();
    got.extend(wrong.iter().cloned().chain(loose).take(NAMED_AT_MOST));
    got.extend((all > NAMED_AT_MOST).then(|| format!("and {} more", all - NAMED_AT_MOST)));
    let found = Found::decide(settled && times == 1, expected, got.join("; "))
        .shown_by(numbers)
        .relying_on(&[NAMES, RESULTS]);
    match wrong.is_empty() && found.verdict == Verdict::Fail {
        // Whether parts of it may be told one after another is nowhere said, nor whether each device's own
        // code has to be in it.
        true => found.under(&["GW-D25"]),
        false => found,
    }
}

/// The results as they were read in the tree.
fn fetched(talks: &[Talk], kept: &Kept) -> Result<Vec<Entry>, String> {
    let read: BTreeMap<String, String> = values(talks).into_iter().collect();
    let leaf = format!("/{}", kept.device);
    let above = format!("{}/", kept.at);
    let entries = read.iter().filter_map(|(uri, device)| {
        let at = uri.strip_suffix(&leaf)?;
        at.starts_with(&above).then_some((at, device))
    });
    let entries = entries.map(|(at, device)| {
        let leaf = |name: &str| read.get(&format!("{at}/{name}")).map(String::as_str);
        let status = leaf(&kept.status).unwrap_or_default();
        let status = status
            .parse()
            .map_err(|_| format!("expected a code at {at}/{}, got {status:?}", kept.status))?;
        let values = leaf(&kept.data).unwrap_or_default().lines();
        Ok(Entry {
            device: device.clone(),
            status,
            commands: vec![Said {
                status,
                values: values.map(str::to_owned).collect(),
            }],
        })
    });
    entries.collect()
}

/// How far an entry is what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Right,
    /// It has the failure and another code.
    Loose,
    Wrong,
}

fn shown(entry: &Entry) -> String {
    let values = entry.commands.iter().flat_map(|said| &said.values);
    let values: Vec<&str> = values.map(String::as_str).collect();
    format!("{}: {} {values:?}", entry.device, entry.status)
}

fn fits(entry: &Entry, outcome: &Outcome) -> Fit {
    let mut codes = entry.commands.iter().map(|said| said.status);
    let failed = entry.status >= 400;
    match outcome {
        Outcome::Did(values) => {
            let said = entry.commands.iter().flat_map(|said| &said.values);
            let given: Vec<&String> = said.collect();
            match entry.is_success() && values.iter().all(|value| given.contains(&value)) {
                true => Fit::Right,
                false => Fit::Wrong,
            }
        }
        Outcome::Refused(code) => match failed {
            true if entry.status == *code || codes.any(|said| said == *code) => Fit::Right,
            true => Fit::Loose,
            false => Fit::Wrong,
        },
        Outcome::Silent => match failed {
            true => Fit::Right,
            false => Fit::Wrong,
        },
    }
}

//! What a gateway's inventory says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinproof_dm::syncml::{Command, Data};
use twinproof_evidence::Verdict;

use super::super::dm::talk::Talk;
use super::{Found, NAMES, Session, said};
use crate::scene::Scene;

/// What is expected of a device in the inventory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Listed {
    /// The device.
    pub device: String,
    /// Its status; none if it has no record. An empty one is any.
    pub status: Option<String>,
    /// What else its record says: leaves below it, and their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub says: Vec<(String, String)>,
}

pub(super) fn words(devices: &[Listed]) -> String {
    let each = devices.iter().map(|listed| match &listed.status {
        Some(status) => {
            let status = match status.is_empty() {
                true => "whatever its status",
                false => status,
            };
            let says = listed
                .says
                .iter()
                .map(|(leaf, value)| format!(", {leaf} {value}"));
            format!(
                "one record of {}, {status}{}",
                listed.device,
                says.collect::<String>()
            )
        }
        None => format!("no record of {}", listed.device),
    });
    each.collect::<Vec<_>>().join("; ")
}

/// What was read of the system under test: addresses and values.
pub(super) fn values(talks: &[Talk]) -> Vec<(String, String)> {
    let own = said(talks).filter(|said| said.by_sut);
    let commands = own.flat_map(|said| &said.message().commands);
    let mut values = Vec::new();
    for command in commands {
        let Command::Results(results) = command else {
            continue;
        };
        for item in &results.items {
            let at = item.source.as_ref().map(|source| source.uri.clone());
            let value = item.data.as_ref().and_then(Data::as_text);
            let value = value.unwrap_or_default().to_owned();
            values.push((at.unwrap_or_default(), value));
        }
    }
    values
}

pub(super) fn summed(
    talks: &[Talk],
    expected: String,
    (records, device, status): (&str, &str, &str),
    ([total, attached], means): ([&str; 2], &str),
    devices: &[Listed],
) -> Found {
    let listed = listed(talks, expected, (records, device, status), devices);
    if listed.verdict != Verdict::Pass {
        return listed;
    }
    let read = values(talks);
    let number = |uri: &str| {
        let found = read.iter().rfind(|(at, _)| at == uri);
        found.and_then(|(_, value)| value.parse::<usize>().ok())
    };
    // Each record once, as it was read last.
    let mut statuses = BTreeMap::new();
    let leaf = format!("/{status}");
    for (uri, value) in &read {
        if let Some(record) = uri.strip_suffix(leaf.as_str())
            && record.starts_with(records)
        {
            statuses.insert(record, value.as_str());
        }
    }
    let there = statuses.values().filter(|status| **status == means).count();
    let said = [number(total), number(attached)];
    let right = said == [Some(statuses.len()), Some(there)];
    let shown = said.map(|number| number.map_or("none".to_owned(), |number| number.to_string()));
    let got = format!(
        "a summary of {} devices, {} of them attached, and records of {}, {there} of them attached",
        shown[0],
        shown[1],
        statuses.len()
    );
    Found::decide(right, listed.expected, got).relying_on(&[NAMES])
}

pub(super) fn listed(
    talks: &[Talk],
    expected: String,
    (records, device, status): (&str, &str, &str),
    devices: &[Listed],
) -> Found {
    let read = values(talks);
    let of = |record: &str, leaf: &str| {
        let at = format!("{record}/{leaf}");
        let found = read.iter().find(|(uri, _)| *uri == at);
        found.map(|(_, value)| value.as_str())
    };
    let leaf = format!("/{device}");
    let found = read.iter().filter_map(|(uri, value)| {
        let record = uri.strip_suffix(leaf.as_str())?;
        let is_one = record.starts_with(records);
        is_one.then(|| {
            (
                value.as_str(),
                record,
                of(record, status).unwrap_or_default(),
            )
        })
    });
    let found: Vec<(&str, &str, &str)> = found.collect();
    let right = devices.iter().all(|listed| {
        let own = found.iter().filter(|(device, ..)| *device == listed.device);
        let own: Vec<_> = own.map(|(_, record, status)| (*record, *status)).collect();
        match (&listed.status, own.as_slice()) {
            (Some(status), [(record, shown)]) => {
                let mut says = listed.says.iter();
                (status.is_empty() || status == shown)
                    && says.all(|(leaf, value)| of(record, leaf) == Some(value))
            }
            (None, []) => true,
            _ => false,
        }
    });
    let got = found.iter().map(|(device, record, status)| {
        let named = devices.iter().find(|listed| listed.device == *device);
        let says = named.into_iter().flat_map(|listed| &listed.says);
        let says = says.map(|(leaf, _)| {
            let value = of(record, leaf).unwrap_or("nothing");
            format!(", {leaf} {value}")
        });
        format!("{device}, {status}{}", says.collect::<String>())
    });
    let got = match got.collect::<Vec<_>>() {
        none if none.is_empty() => "no records".to_owned(),
        some => some.join("; "),
    };
    Found::decide(right, expected, got).relying_on(&[NAMES])
}

/// The first message of a device that a server took, in what was said in this span.
pub(super) fn met(scene: &Scene, session: &Session, device: &str) -> Option<u64> {
    let upto = session.upto.unwrap_or(u64::MAX);
    let mut now = scene.exchanges.values();
    let found = now.find(|exchange| {
        let between = exchange.from == device && exchange.to == session.party;
        let is_now = exchange.number > session.after && exchange.number <= upto;
        between && is_now && exchange.response.as_ref().is_some_and(|r| r.is_success())
    });
    found.map(|exchange| exchange.number)
}

pub(super) fn located(
    talks: &[Talk],
    expected: String,
    records: &str,
    ((leaf, device), (place, at)): (&(String, String), &(String, String)),
    met: Option<u64>,
) -> Found {
    let read = values(talks);
    let suffix = format!("/{leaf}");
    let record = read.iter().find_map(|(uri, value)| {
        let record = uri.strip_suffix(suffix.as_str())?;
        (record.starts_with(records) && value == device).then_some(record)
    });
    let Some(record) = record else {
        return Found::decide(false, expected, "no record of it").relying_on(&[NAMES]);
    };
    let wanted = format!("{record}/{place}");
    let shown = read.iter().find(|(uri, _)| *uri == wanted);
    let Some((_, shown)) = shown.filter(|(_, value)| !value.is_empty()) else {
        // A gateway need not know where a device is that goes its own ways.
        return Found::inconclusive(expected, "a record without an address (gwmo.names)");
    };
    match (shown.contains(at.as_str()), met) {
        (true, None) => Found::inconclusive(expected, "it did not come from there"),
        // However the address is written, it led there.
        (_, Some(met)) => Found::decide(true, expected, shown.clone()).shown_by([met]),
        (false, None) => Found::decide(false, expected, shown.clone()).relying_on(&[NAMES]),
    }
}

//! What a gateway's inventory says.

use serde::{Deserialize, Serialize};
use twinproof_dm::syncml::{Command, Data};

use super::super::dm::talk::Talk;
use super::{Found, NAMES, said};

/// What is expected of a device in the inventory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Listed {
    /// The device.
    pub device: String,
    /// Its status; none if it has no record.
    pub status: Option<String>,
}

pub(super) fn words(devices: &[Listed]) -> String {
    let each = devices.iter().map(|listed| match &listed.status {
        Some(status) => format!("one record of {}, {status}", listed.device),
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
        is_one.then(|| (value.as_str(), of(record, status).unwrap_or_default()))
    });
    let found: Vec<(&str, &str)> = found.collect();
    let right = devices.iter().all(|listed| {
        let own = found.iter().filter(|(device, _)| *device == listed.device);
        let statuses: Vec<&str> = own.map(|(_, status)| *status).collect();
        match &listed.status {
            Some(status) => statuses == [status.as_str()],
            None => statuses.is_empty(),
        }
    });
    let got = found
        .iter()
        .map(|(device, status)| format!("{device}, {status}"));
    let got = match got.collect::<Vec<_>>() {
        none if none.is_empty() => "no records".to_owned(),
        some => some.join("; "),
    };
    Found::decide(right, expected, got).relying_on(&[NAMES])
}

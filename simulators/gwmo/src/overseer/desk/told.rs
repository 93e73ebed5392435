//! What an application is told of what has come of its wishes.

use std::collections::BTreeMap;

use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper::{Errand, Event, Outcome, Reading, Told, Value};

use super::{Attended, Running};
use crate::aggregate::{Entry, Said};
use crate::overseer::rules::Known;

impl Attended<'_> {
    /// Nothing comes of what was wanted of devices.
    pub(super) fn fail(&mut self, running: &Running, code: u16) {
        let devices = match &running.errand {
            Errand::Change { devices, .. }
            | Errand::Distribute { devices, .. }
            | Errand::Read { devices, .. } => devices.clone(),
            _ => Vec::new(),
        };
        let entries = devices.into_iter().map(|device| Entry {
            device,
            status: code,
            commands: Vec::new(),
        });
        self.tell(&running.errand, entries.collect());
    }

    /// Tells the application what a gateway knows of a device, as if that had said it.
    pub(super) fn tell_about(
        &mut self,
        device: &str,
        records: BTreeMap<String, BTreeMap<String, String>>,
    ) {
        let leaf = &self.shared.names.record_device;
        let own = |record: &BTreeMap<String, String>| record.get(leaf.as_str()).cloned();
        let others = records.values().filter_map(own);
        let others = others.filter(|other| other != device).collect();
        let of = self.shared.rules.reads_of(device.to_owned(), others);
        let mut known = records.into_values();
        let found = known.find(|record| own(record).as_ref() == Some(&of));
        let code = if found.is_some() { 200 } else { 404 };
        let results = found.into_iter().flatten().map(|(uri, value)| Reading {
            uri,
            format: None,
            media_type: None,
            value: Some(Value::Text(value)),
        });
        let outcome = Outcome {
            statuses: vec![Told {
                command: "Get".to_owned(),
                code,
                items: Vec::new(),
            }],
            results: results.collect(),
        };
        let device = device.to_owned();
        self.desk.told.push(Event::Did { device, outcome });
    }

    /// Tells the application of each device what became of it, as if it had been asked itself.
    pub(super) fn tell(&mut self, errand: &Errand, entries: Vec<Entry>) {
        let (command, uri) = match errand {
            Errand::Read { uri, .. } | Errand::ReadGroup { uri, .. } => ("Get", uri.as_str()),
            Errand::Change { uri, .. } => ("Replace", uri.as_str()),
            _ => ("Exec", ""),
        };
        self.desk.told.extend(entries.into_iter().map(|entry| {
            let values = entry.commands.into_iter().flat_map(|said| said.values);
            let results = values.map(|value| Reading {
                uri: uri.to_owned(),
                format: None,
                media_type: None,
                value: Some(Value::Text(value)),
            });
            Event::Did {
                device: entry.device,
                outcome: Outcome {
                    statuses: vec![Told {
                        command: command.to_owned(),
                        code: entry.status,
                        items: Vec::new(),
                    }],
                    results: results.collect(),
                },
            }
        }));
    }

    /// The results of a fan-out, as they were read at this place.
    pub(super) fn entries<'r>(
        &self,
        at: &NodeUri,
        read: impl Iterator<Item = &'r Reading>,
    ) -> Vec<Entry> {
        let names = &self.shared.names;
        instances(at, read)
            .into_values()
            .filter_map(|leaves| {
                let device = leaves.get(names.result_device.as_str())?.clone();
                let status = leaves.get(names.result_status.as_str());
                let data = leaves.get(names.result_data.as_str());
                let status = status.and_then(|status| status.parse().ok())?;
                let values = data.filter(|data| !data.is_empty());
                let values = values.into_iter().flat_map(|data| data.lines());
                Some(Entry {
                    device,
                    status,
                    commands: vec![Said {
                        status,
                        values: values.map(str::to_owned).collect(),
                    }],
                })
            })
            .collect()
    }

    /// The devices that a gateway knows, as its records were read at this place.
    pub(super) fn known<'r>(
        &self,
        at: &NodeUri,
        read: impl Iterator<Item = &'r Reading>,
    ) -> Vec<Known> {
        let names = &self.shared.names;
        let known = instances(at, read).into_values().filter_map(|leaves| {
            let status = leaves.get(names.record_status.as_str());
            Some(Known {
                device: leaves.get(names.record_device.as_str())?.clone(),
                attached: status == Some(&names.status_attached),
                address: leaves.get(names.record_address.as_str()).cloned(),
            })
        });
        known.collect()
    }
}

/// The text that was read.
pub(super) fn words(reading: &Reading) -> Option<String> {
    match reading.value.as_ref()? {
        Value::Text(text) => Some(text.clone()),
        Value::Octets(octets) => Some(String::from_utf8_lossy(octets).into_owned()),
    }
}

/// The leaves that were read below a place, by the instance that they are of and by their paths in it.
pub(super) fn instances<'r>(
    at: &NodeUri,
    read: impl Iterator<Item = &'r Reading>,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for reading in read {
        let (Some(value), Ok(uri)) = (words(reading), reading.uri.parse::<NodeUri>()) else {
            continue;
        };
        if !uri.is_within(at) {
            continue;
        }
        if let Some((instance, path)) = uri.names()[at.names().len()..].split_first() {
            let leaves = all.entry(instance.to_string()).or_default();
            leaves.insert(path.join("/"), value);
        }
    }
    all
}

//! The accounts that a device was given, and what is wrong with them (TS 1.0.2 §5.2.2, §5.2.6).

use std::collections::{BTreeMap, BTreeSet};

use twinproof_coap::Code;
use twinproof_lwm2m::wire::{self, Direction, Path, Value};

use super::operation::Operation;
use crate::checks::lwm2m::management::REGISTRY;

/// The modes of security that are known (TS 1.0.2 Appendix E.1, TS 1.1.1): with keys or without.
const MODES: std::ops::RangeInclusive<i64> = 0..=4;

/// The letters of a binding (TS 1.0.2 §5.3.1.1, and those of later versions).
const BINDINGS: &str = "UQSTNMH";

/// The schemes of a server's address.
const SCHEMES: [&str; 9] = [
    "coap://",
    "coaps://",
    "coap+tcp://",
    "coaps+tcp://",
    "tel:",
    "mqtt://",
    "mqtts://",
    "http://",
    "https://",
];

/// Whether a value is an identity or a secret: of the Security object, or of the OSCORE object.
pub(super) fn is_secret(path: &Path) -> bool {
    let ids = path.ids();
    matches!(
        (ids.first(), ids.get(2)),
        (Some(0), Some(3 | 5)) | (Some(21), Some(0..=2))
    )
}

/// What a device that had nothing was given.
pub(super) struct Given {
    pub(super) values: BTreeMap<Path, Value>,
    /// What the device took and cannot be read.
    unreadable: Vec<String>,
}

impl Given {
    /// What these operations leave, as far as the device took them.
    pub(super) fn by(operations: &[Operation]) -> Self {
        let mut given = Self {
            values: BTreeMap::new(),
            unreadable: Vec::new(),
        };
        for operation in operations.iter().filter(|operation| operation.is_taken()) {
            match (operation.code, operation.path) {
                (Code::DELETE, Some(path)) => given.values.retain(|at, _| !at.is_within(path)),
                (Code::PUT, Some(path)) => given.write(path, operation),
                _ => {}
            }
        }
        given
    }

    fn write(&mut self, path: Path, operation: &Operation) {
        let kinds = |path: Path| REGISTRY.kind(path);
        let format = operation.format;
        let read = format
            .map(|format| wire::decode(format, Direction::Write, path, &operation.body, &kinds));
        let entries = match read {
            Some(Ok(entries)) => entries,
            Some(Err(error)) => {
                self.unreadable
                    .push(format!("{path} cannot be read: {error}"));
                return;
            }
            None => {
                self.unreadable
                    .push(format!("{path} has no content format"));
                return;
            }
        };
        let depth = path.depth().max(2);
        let places: BTreeSet<Path> = entries
            .iter()
            .map(|entry| entry.path.prefix(depth))
            .collect();
        self.values
            .retain(|at, _| !places.iter().any(|place| at.is_within(*place)));
        for entry in entries {
            if let Some(value) = entry.value {
                self.values.insert(entry.path, value);
            }
        }
    }

    fn instances(&self, object: u16) -> BTreeSet<Path> {
        let paths = self
            .values
            .keys()
            .filter(|path| path.object() == Some(object));
        paths.map(|path| path.prefix(2)).collect()
    }

    fn value(&self, instance: Path, resource: u16) -> Option<&Value> {
        self.values.get(&instance.child(resource)?)
    }

    fn number(&self, instance: Path, resource: u16) -> Option<i64> {
        let number = self.value(instance, resource)?.number();
        number.map(|number| number as i64)
    }

    /// The instances of the Security object that are for servers, not for bootstrap servers.
    fn accounts(&self) -> Vec<Path> {
        let bootstrap = |path: &Path| self.value(*path, 1) == Some(&Value::Boolean(true));
        let instances = self.instances(0).into_iter();
        instances.filter(|path| !bootstrap(path)).collect()
    }

    /// What it comes to, in words, and without keys.
    pub(super) fn told(&self) -> String {
        let accounts = self.accounts();
        let lines = accounts.iter().map(|path| {
            let ssid = self.number(*path, 10).unwrap_or_default();
            let uri = self.value(*path, 0).map(ToString::to_string);
            format!("{path} for server {ssid} at {}", uri.unwrap_or_default())
        });
        lines.collect::<Vec<_>>().join("; ")
    }
}

/// What is wrong with the accounts that a device was given.
pub(super) fn faults(given: &Given) -> Vec<String> {
    let mut faults = given.unreadable.clone();
    let accounts = given.accounts();
    if accounts.is_empty() {
        faults.push("no instance of the Security object for a server".to_owned());
    }
    let servers = given.instances(1);
    let mut seen = BTreeSet::new();
    for account in &accounts {
        faults.extend(security_faults(given, *account));
        let Some(ssid) = given.number(*account, 10) else {
            faults.push(format!("{account} has no Short Server ID"));
            continue;
        };
        if !(1..=65_534).contains(&ssid) {
            faults.push(format!("{account} has {ssid} as Short Server ID"));
        }
        if !seen.insert(ssid) {
            faults.push(format!("{account} is a second one for server {ssid}"));
        }
        let own = servers
            .iter()
            .filter(|path| given.number(**path, 0) == Some(ssid));
        match own.count() {
            1 => {}
            0 => faults.push(format!(
                "no instance of the Server object for server {ssid}"
            )),
            n => faults.push(format!(
                "{n} instances of the Server object for server {ssid}"
            )),
        }
    }
    for server in servers {
        faults.extend(server_faults(given, server));
        let ssid = given.number(server, 0);
        if ssid.is_some_and(|ssid| !seen.contains(&ssid)) {
            faults.push(format!(
                "{server} is for a server without Security instance"
            ));
        }
    }
    faults
}

fn security_faults(given: &Given, account: Path) -> Vec<String> {
    let mut faults = Vec::new();
    match given.value(account, 0) {
        Some(Value::String(uri)) => {
            // Schemes may be written in capitals (RFC 3986 §3.1).
            let lower = uri.to_ascii_lowercase();
            let rest = SCHEMES.iter().find_map(|scheme| lower.strip_prefix(scheme));
            if rest.is_none_or(|rest| rest.trim_start_matches(['/', ':']).is_empty()) {
                faults.push(format!("{account} leads to {uri:?}"));
            }
        }
        _ => faults.push(format!("{account} has no address of a server")),
    }
    if given.value(account, 1).is_none() {
        faults.push(format!(
            "{account} does not say whether it is for a bootstrap server"
        ));
    }
    let filled = |resource| matches!(given.value(account, resource), Some(Value::Opaque(key)) if !key.is_empty());
    // With a shared key, whose it is and the key; with certificates or raw keys, those of both sides.
    let needed: &[u16] = match given.number(account, 2) {
        Some(0) => &[3, 5],
        Some(1 | 2) => &[3, 4, 5],
        Some(mode) if MODES.contains(&mode) => &[],
        Some(mode) => {
            faults.push(format!("{account} has the security mode {mode}"));
            &[]
        }
        None => {
            faults.push(format!("{account} has no security mode"));
            &[]
        }
    };
    let missing = needed.iter().filter(|resource| !filled(**resource));
    faults.extend(missing.map(|resource| format!("{account}/{resource} is not there or empty")));
    faults
}

fn server_faults(given: &Given, server: Path) -> Vec<String> {
    let missing = [0, 1, 6, 7].into_iter();
    let missing = missing.filter(|resource| given.value(server, *resource).is_none());
    let mut faults: Vec<String> = missing
        .map(|resource| format!("{server}/{resource} is not there"))
        .collect();
    if let Some(Value::String(binding)) = given.value(server, 7) {
        let known = !binding.is_empty() && binding.chars().all(|letter| BINDINGS.contains(letter));
        if !known {
            faults.push(format!("{server} has the binding {binding:?}"));
        }
    }
    faults
}

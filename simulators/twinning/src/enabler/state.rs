//! What an enabler remembers, and how it is written to its store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinproof_kernel::{Change, Records, Time};

use crate::message::{Role, Status};

/// One side of a relationship.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Side {
    /// Its id in URLs.
    pub id: String,
    /// The device that owns it.
    pub owner: String,
    /// The owner's address as it is shown.
    pub address: String,
    /// The owner's part.
    pub role: Role,
    /// The relationship's name.
    pub name: Option<String>,
    /// As this side sees it.
    pub status: Status,
    /// The peer's address, once activated.
    pub other: Option<String>,
    /// The id of the peer's side, once activated.
    pub other_id: Option<String>,
    /// The code that the owner was given.
    pub code: Option<String>,
    /// OAuth authorization code, on the secondary's side.
    pub auth_code: Option<String>,
}

/// A generated activation code.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Code {
    /// The id of the side that waits for its use.
    pub side: String,
    /// When it was generated.
    pub since: Time,
    /// Whether a device has activated with it.
    pub used: bool,
}

/// Everything an enabler remembers. Changes are collected until [`State::take_changes`].
#[derive(Debug, Default)]
pub struct State {
    sides: BTreeMap<String, Side>,
    codes: BTreeMap<String, Code>,
    serial: u64,
    changes: Vec<Change>,
    noted: usize,
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("state has string keys only")
}

impl State {
    /// The state that a store holds; records of other kinds are ignored.
    pub fn restore(records: &Records) -> Self {
        let mut state = Self::default();
        for (key, value) in records {
            match key.split_once('/') {
                Some(("side", id)) => {
                    if let Ok(side) = serde_json::from_slice(value) {
                        state.sides.insert(id.to_owned(), side);
                    }
                }
                Some(("code", code)) => {
                    if let Ok(entry) = serde_json::from_slice(value) {
                        state.codes.insert(code.to_owned(), entry);
                    }
                }
                Some(("meta", "serial")) => {
                    state.serial = serde_json::from_slice(value).unwrap_or_default()
                }
                _ => {}
            }
        }
        state
    }

    /// The next serial number; none is ever given twice, restarts included.
    pub fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.changes
            .push(Change::Put("meta/serial".to_owned(), json(&self.serial)));
        self.serial
    }

    /// The id of a new side.
    pub fn next_id(&mut self) -> String {
        // Padded, so that the order of the keys is the order of creation.
        format!("tw{:06}", self.next_serial())
    }

    /// Writes a side.
    pub fn put_side(&mut self, side: Side) {
        self.changes
            .push(Change::Put(format!("side/{}", side.id), json(&side)));
        self.sides.insert(side.id.clone(), side);
    }

    /// Removes a side.
    pub fn remove_side(&mut self, id: &str) {
        if self.sides.remove(id).is_some() {
            self.changes.push(Change::Delete(format!("side/{id}")));
        }
    }

    /// Whether there was ever a side with this id.
    pub fn existed(&self, id: &str) -> bool {
        id.strip_prefix("tw")
            .and_then(|serial| serial.parse().ok())
            .is_some_and(|serial: u64| serial > 0 && serial <= self.serial)
    }

    /// All sides, oldest first.
    pub fn sides(&self) -> impl Iterator<Item = &Side> {
        self.sides.values()
    }

    /// The side with this id.
    pub fn side(&self, id: &str) -> Option<&Side> {
        self.sides.get(id)
    }

    /// All sides of a device, oldest first.
    pub fn sides_of<'a>(&'a self, owner: &'a str) -> impl Iterator<Item = &'a Side> {
        self.sides().filter(move |side| side.owner == owner)
    }

    /// Writes a code.
    pub fn put_code(&mut self, code: &str, entry: Code) {
        self.changes
            .push(Change::Put(format!("code/{code}"), json(&entry)));
        self.codes.insert(code.to_owned(), entry);
    }

    /// What is known of a code.
    pub fn code(&self, code: &str) -> Option<&Code> {
        self.codes.get(code)
    }

    /// Lets `outlives` say of each kind of record that was changed since the last call whether the
    /// change reaches the store.
    pub fn note(&mut self, outlives: impl Fn(&str) -> bool) {
        let fresh = self.changes.split_off(self.noted);
        self.changes.extend(fresh.into_iter().filter(|change| {
            let (Change::Delete(key) | Change::Put(key, _)) = change;
            outlives(key.split('/').next().unwrap_or_default())
        }));
        self.noted = self.changes.len();
    }

    /// What was changed since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.noted = 0;
        std::mem::take(&mut self.changes)
    }
}

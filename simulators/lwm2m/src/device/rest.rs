//! A device at rest: what is kept of one that is registered or waits to be, holds the values that it began
//! with, is observed by nobody and has had no exchange for as long as a message has to be remembered.

use std::net::SocketAddr;
use std::num::NonZeroU64;

use twinproof_kernel::{Identity, Rests, Time};

use super::observe::Report;
use super::registration::{Account, State};
use super::{Aside, Device};

/// How long a location may be that needs no memory of its own, in octets.
const SHORT: usize = 22;

/// What is kept of a device at rest; 64 octets, and its location where that is long.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    location: Location,
    /// One more than the microseconds of the moment at which it does the next thing by itself.
    due: Option<NonZeroU64>,
    spoke: Time,
    lifetime: u32,
    attempts: u32,
    registered: u32,
    updated: u32,
    generation: u32,
    state: State,
}

const _: () = assert!(size_of::<Packed>() <= 64);

#[derive(Clone, Debug)]
enum Location {
    Long(Box<str>),
    Short(u8, [u8; SHORT]),
}

impl Default for Location {
    fn default() -> Self {
        Self::Short(0, [0; SHORT])
    }
}

impl From<&str> for Location {
    fn from(text: &str) -> Self {
        let mut octets = [0; SHORT];
        match octets.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short(text.len() as u8, octets)
            }
            None => Self::Long(text.into()),
        }
    }
}

impl From<Location> for Box<str> {
    fn from(location: Location) -> Self {
        match location {
            Location::Long(text) => text,
            Location::Short(length, octets) => {
                let text = octets.get(..length.into()).unwrap_or_default();
                String::from_utf8_lossy(text).into()
            }
        }
    }
}

impl Rests for Device {
    type Packed = Packed;

    fn pack(&self, at: SocketAddr) -> Option<Packed> {
        let busy = self.live.is_some() || self.boots.is_some() || self.dirty;
        let differs = self.changes.is_some() || self.provision.is_some() || self.at != at;
        if busy || differs || !self.aside.as_deref().is_none_or(Aside::is_plain) {
            return None;
        }
        let account = match self.accounts.as_slice() {
            [] => &Account::default(),
            [account] => account,
            _ => return None,
        };
        let told = |report: &Report| report.watches.is_empty() && report.attributes.is_empty();
        if !account.report.as_deref().is_none_or(told) {
            return None;
        }
        let due = account.due.map(|at| at.as_micros().saturating_add(1));
        Some(Packed {
            location: (&*account.location).into(),
            due: due.and_then(NonZeroU64::new),
            spoke: account.spoke,
            lifetime: account.lifetime,
            attempts: account.attempts,
            registered: account.registered,
            updated: account.updated,
            generation: self.generation,
            state: account.state,
        })
    }

    fn unpack(packed: Packed, who: Identity<'_>) -> Self {
        let due = Self::wakes_at(&packed);
        let mut device = Self::new(who.name, who.at, who.seed);
        device.generation = packed.generation;
        device.accounts.push(Account {
            state: packed.state,
            location: packed.location.into(),
            lifetime: packed.lifetime,
            due,
            attempts: packed.attempts,
            registered: packed.registered,
            updated: packed.updated,
            spoke: packed.spoke,
            report: None,
        });
        device
    }

    fn wakes_at(packed: &Packed) -> Option<Time> {
        packed.due.map(|due| Time::from_micros(due.get() - 1))
    }
}

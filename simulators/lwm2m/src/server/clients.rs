//! Who is registered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::endpoint::RequestId;
use twinproof_kernel::Time;

use super::operate::Held;
use crate::upper::Client;
use crate::wire::Version;
use crate::wire::links::ObjectList;

/// A registration.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) endpoint: Box<str>,
    pub(super) address: SocketAddr,
    pub(super) lifetime: Duration,
    pub(super) version: Version,
    pub(super) binding: Box<str>,
    pub(super) queue_mode: bool,
    pub(super) sms: Option<Box<str>>,
    pub(super) list: ObjectList,
    pub(super) registered: Time,
    pub(super) updated: Time,
    /// When it ends; kept by [`Clients`].
    ends: Option<Time>,
    /// When the client was last heard.
    pub(super) heard: Time,
    /// It did not answer since.
    pub(super) silent: bool,
    /// How many operations it has to answer.
    pub(super) under_way: usize,
    /// Operations that wait for it.
    pub(super) waiting: VecDeque<Held>,
    /// Requests of ours that observe it, oldest first.
    pub(super) observations: Vec<RequestId<SocketAddr>>,
}

/// What a registration says of a client.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) endpoint: Box<str>,
    pub(super) lifetime: Duration,
    pub(super) version: Version,
    pub(super) binding: Box<str>,
    pub(super) queue_mode: bool,
    pub(super) sms: Option<Box<str>>,
    pub(super) list: ObjectList,
}

impl Registration {
    pub(super) fn new(terms: Terms, address: SocketAddr, now: Time) -> Self {
        Self {
            endpoint: terms.endpoint,
            address,
            lifetime: terms.lifetime,
            version: terms.version,
            binding: terms.binding,
            queue_mode: terms.queue_mode,
            sms: terms.sms,
            list: terms.list,
            registered: now,
            updated: now,
            ends: None,
            heard: now,
            silent: false,
            under_way: 0,
            waiting: VecDeque::new(),
            observations: Vec::new(),
        }
    }

    pub(super) fn shown(&self, location: &[String]) -> Client {
        Client {
            endpoint: self.endpoint.to_string(),
            location: Some(location.iter().fold(String::new(), |all, s| all + "/" + s)),
            address: Some(self.address),
            lifetime: Some(self.lifetime.as_secs()),
            version: Some(self.version.to_string()),
            binding: Some(self.binding.to_string()),
            queue_mode: Some(self.queue_mode),
            sms: self.sms.as_deref().map(str::to_owned),
            objects: Some(self.list.items.iter().map(|item| item.path).collect()),
            root: Some(self.list.root.clone()),
        }
    }
}

/// All registrations, found by number, name, address and end.
#[derive(Debug, Default)]
pub(super) struct Clients {
    by_number: BTreeMap<u64, Registration>,
    by_name: BTreeMap<Box<str>, BTreeSet<u64>>,
    by_address: BTreeMap<SocketAddr, u64>,
    ends: BTreeSet<(Time, u64)>,
}

impl Clients {
    pub(super) fn get(&self, number: u64) -> Option<&Registration> {
        self.by_number.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Registration> {
        self.by_number.get_mut(&number)
    }

    /// The newest registration of this name.
    pub(super) fn named(&self, endpoint: &str) -> Option<u64> {
        let numbers = self.by_name.get(endpoint)?;
        let made = |number: &&u64| self.by_number.get(number).map(|r| r.registered);
        numbers.iter().max_by_key(made).copied()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// The registration that was made first; looks at each.
    pub(super) fn oldest(&self) -> Option<u64> {
        let all = self.by_number.iter();
        let oldest = all.min_by_key(|(_, registration)| registration.registered);
        oldest.map(|(number, _)| *number)
    }

    pub(super) fn at(&self, address: SocketAddr) -> Option<u64> {
        self.by_address.get(&address).copied()
    }

    /// Somebody at the same host and another port.
    pub(super) fn neighbour(&self, address: SocketAddr) -> Option<u64> {
        let port = |port| SocketAddr::new(address.ip(), port);
        let mut there = self.by_address.range(port(0)..=port(u16::MAX));
        let other = there.find(|(other, _)| **other != address);
        other.map(|(_, number)| *number)
    }

    /// Everybody, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Registration)> {
        let numbers = self.by_name.values().flatten();
        numbers.filter_map(|number| Some((*number, self.by_number.get(number)?)))
    }

    pub(super) fn insert(&mut self, number: u64, registration: Registration) {
        let names = self.by_name.entry(registration.endpoint.clone());
        names.or_default().insert(number);
        self.by_address.insert(registration.address, number);
        self.by_number.insert(number, registration);
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Registration> {
        let registration = self.by_number.remove(&number)?;
        if let Some(numbers) = self.by_name.get_mut(&registration.endpoint) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_name.remove(&registration.endpoint);
            }
        }
        if self.by_address.get(&registration.address) == Some(&number) {
            self.by_address.remove(&registration.address);
        }
        if let Some(at) = registration.ends {
            self.ends.remove(&(at, number));
        }
        Some(registration)
    }

    /// Notes where a client is now.
    pub(super) fn move_to(&mut self, number: u64, address: SocketAddr) {
        let Some(registration) = self.by_number.get_mut(&number) else {
            return;
        };
        let old = std::mem::replace(&mut registration.address, address);
        if self.by_address.get(&old) == Some(&number) {
            self.by_address.remove(&old);
        }
        self.by_address.insert(address, number);
    }

    /// Notes when a registration ends.
    pub(super) fn set_end(&mut self, number: u64, at: Option<Time>) {
        let Some(registration) = self.by_number.get_mut(&number) else {
            return;
        };
        if let Some(old) = std::mem::replace(&mut registration.ends, at) {
            self.ends.remove(&(old, number));
        }
        self.ends.extend(at.map(|at| (at, number)));
    }

    /// When the next registration ends.
    pub(super) fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// A registration that has ended by now.
    pub(super) fn ended(&self, now: Time) -> Option<u64> {
        let (at, number) = self.ends.first()?;
        (*at <= now).then_some(*number)
    }
}

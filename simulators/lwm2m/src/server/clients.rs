//! Who is registered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use twinproof_coap::endpoint::RequestId;
use twinproof_kernel::Time;
use twinproof_kernel::hash::HashMap;

use super::operate::Held;
use crate::upper::Client;
use crate::wire::Version;
use crate::wire::links::ObjectList;

/// A registration.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) endpoint: Box<str>,
    pub(super) address: SocketAddr,
    /// As whom its client had shown itself, if it had.
    pub(super) shown: Option<Box<[u8]>>,
    pub(super) lifetime: Duration,
    pub(super) version: Version,
    pub(super) binding: Box<str>,
    pub(super) queue_mode: bool,
    pub(super) sms: Option<Box<str>>,
    pub(super) list: Arc<ObjectList>,
    pub(super) registered: Time,
    pub(super) updated: Time,
    /// When it ends; kept by [`Clients`].
    ends: Option<Time>,
    /// When [`Clients`] looks whether it has ended: never later than that.
    looked_at: Option<Time>,
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
    pub(super) list: Arc<ObjectList>,
}

impl Registration {
    pub(super) fn new(terms: Terms, address: SocketAddr, now: Time) -> Self {
        Self {
            endpoint: terms.endpoint,
            address,
            shown: None,
            lifetime: terms.lifetime,
            version: terms.version,
            binding: terms.binding,
            queue_mode: terms.queue_mode,
            sms: terms.sms,
            list: terms.list,
            registered: now,
            updated: now,
            ends: None,
            looked_at: None,
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

/// All registrations, found by number, name, address and end. What an update touches is found by
/// hash, and an end that is put off costs nothing until its old time comes: the price of an exchange
/// does not grow with the number of clients.
#[derive(Debug, Default)]
pub(super) struct Clients {
    by_number: HashMap<u64, Registration>,
    by_name: BTreeMap<Box<str>, BTreeSet<u64>>,
    by_address: HashMap<SocketAddr, u64>,
    by_host: HashMap<IpAddr, BTreeSet<u16>>,
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
        let oldest = all.min_by_key(|(number, registration)| (registration.registered, **number));
        oldest.map(|(number, _)| *number)
    }

    pub(super) fn at(&self, address: SocketAddr) -> Option<u64> {
        self.by_address.get(&address).copied()
    }

    /// Somebody at the same host and another port.
    pub(super) fn neighbour(&self, address: SocketAddr) -> Option<u64> {
        let mut ports = self.by_host.get(&address.ip())?.iter();
        let other = *ports.find(|port| **port != address.port())?;
        self.at(SocketAddr::new(address.ip(), other))
    }

    /// Everybody, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Registration)> {
        let numbers = self.by_name.values().flatten();
        numbers.filter_map(|number| Some((*number, self.by_number.get(number)?)))
    }

    pub(super) fn insert(&mut self, number: u64, registration: Registration) {
        let names = self.by_name.entry(registration.endpoint.clone());
        names.or_default().insert(number);
        self.settle(registration.address, number);
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
        self.unsettle(registration.address, number);
        if let Some(at) = registration.looked_at {
            self.ends.remove(&(at, number));
        }
        Some(registration)
    }

    fn settle(&mut self, address: SocketAddr, number: u64) {
        self.by_address.insert(address, number);
        let ports = self.by_host.entry(address.ip()).or_default();
        ports.insert(address.port());
    }

    fn unsettle(&mut self, address: SocketAddr, number: u64) {
        if self.by_address.get(&address) != Some(&number) {
            return;
        }
        self.by_address.remove(&address);
        if let Some(ports) = self.by_host.get_mut(&address.ip()) {
            ports.remove(&address.port());
            if ports.is_empty() {
                self.by_host.remove(&address.ip());
            }
        }
    }

    /// Notes where a client is now.
    pub(super) fn move_to(&mut self, number: u64, address: SocketAddr) {
        let Some(registration) = self.by_number.get_mut(&number) else {
            return;
        };
        let old = std::mem::replace(&mut registration.address, address);
        if old != address {
            self.unsettle(old, number);
        }
        if old != address || self.at(address) != Some(number) {
            self.settle(address, number);
        }
    }

    /// Notes when a registration ends.
    pub(super) fn set_end(&mut self, number: u64, at: Option<Time>) {
        let Some(registration) = self.by_number.get_mut(&number) else {
            return;
        };
        registration.ends = at;
        let looked_at = registration.looked_at;
        if looked_at
            .zip(at)
            .is_some_and(|(looked_at, at)| looked_at <= at)
        {
            return;
        }
        registration.looked_at = at;
        if let Some(old) = looked_at {
            self.ends.remove(&(old, number));
        }
        self.ends.extend(at.map(|at| (at, number)));
    }

    /// When to look for registrations that have ended: at the next end, or before.
    pub(super) fn next_look(&self) -> Option<Time> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// A registration that has ended by now.
    pub(super) fn ended(&mut self, now: Time) -> Option<u64> {
        loop {
            let (looked_at, number) = *self.ends.first()?;
            if looked_at > now {
                return None;
            }
            let registration = self.by_number.get_mut(&number)?;
            let ends = registration.ends?;
            if ends <= now {
                return Some(number);
            }
            registration.looked_at = Some(ends);
            self.ends.remove(&(looked_at, number));
            self.ends.insert((ends, number));
        }
    }
}

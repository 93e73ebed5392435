//! What a bootstrap server asks of a device (TS 1.0.2 §5.2.7): its operations need no rights, and
//! reach what other servers do not.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use twinproof_coap::endpoint::Exchange;
use twinproof_coap::{Code, ContentFormat, Message, Packet};

use super::manage::definition;
use super::registration::is_told;
use super::rules::{BootstrapFacts, EndFacts, GoOnFacts, OutliveFacts, PlaceFacts};
use super::{Device, Done, Effect, Moment, Shared, path_of};
use crate::wire::links::{Item, ObjectList};
use crate::wire::{Entry, Path, Value, Version};

impl Device {
    /// Does what a bootstrap server asks; the error is the code of the refusal.
    pub(super) fn provisioned(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        packet: &Packet<'_>,
        body: &[u8],
    ) -> Result<Done, Code> {
        let shared = moment.shared;
        let provision = self.provision.as_ref();
        let facts = BootstrapFacts {
            asked: provision.is_some_and(|provision| provision.session.is_some()),
            tried: provision.is_some_and(|provision| provision.tried),
            version: shared.version,
        };
        if let Some(code) = shared.rules.refuses_bootstrap(facts) {
            return Err(code);
        }
        self.open(moment, exchange.peer);
        let format = packet.content_format().map_err(|_| Code::BAD_REQUEST)?;
        let accept = packet.accept().map_err(|_| Code::BAD_REQUEST)?;
        if packet.path_is(&["bs"]) {
            return match packet.code() {
                Code::POST => self.end_bootstrap(shared),
                _ => Err(Code::METHOD_NOT_ALLOWED),
            };
        }
        let segments: Result<Vec<&str>, _> = packet.path().collect();
        let segments = segments.map_err(|_| Code::BAD_REQUEST)?;
        let path = match segments.as_slice() {
            [] => Path::ROOT,
            some => Path::from_segments(some.iter().copied()).map_err(|_| Code::NOT_FOUND)?,
        };
        match packet.code() {
            Code::GET if accept == Some(ContentFormat::LINK_FORMAT) => {
                let list = self.discovered(shared, path)?;
                let message =
                    Message::new(Code::CONTENT).content_format(ContentFormat::LINK_FORMAT);
                Ok(Done::plain(message.payload(list.to_string())))
            }
            Code::GET => self.bootstrap_read(shared, path, accept),
            Code::PUT => self.bootstrap_write(shared, path, format, body),
            Code::DELETE => self.bootstrap_delete(shared, path),
            _ => Err(Code::METHOD_NOT_ALLOWED),
        }
    }

    /// Creates or replaces, whatever is there (TS §5.2.7.4).
    fn bootstrap_write(
        &mut self,
        shared: &Shared,
        path: Path,
        format: Option<ContentFormat>,
        body: &[u8],
    ) -> Result<Done, Code> {
        if !(1..=3).contains(&path.depth()) {
            return Err(Code::BAD_REQUEST);
        }
        definition(shared, path.prefix(1)).map_err(|_| Code::BAD_REQUEST)?;
        let format = format.ok_or(Code::BAD_REQUEST)?;
        let mut entries = self.decode(shared, format, path, body)?;
        if entries.iter().any(|entry| !entry.path.is_within(path)) {
            return Err(Code::BAD_REQUEST);
        }
        let mut instances: BTreeSet<Path> =
            entries.iter().map(|entry| entry.path.prefix(2)).collect();
        if path.depth() >= 2 {
            instances.insert(path.prefix(2));
        }
        if instances.iter().any(|instance| instance.depth() < 2) {
            return Err(Code::BAD_REQUEST);
        }
        // Resources that a device does not have are passed over.
        let known = |entry: &Entry| {
            let found = definition(shared, entry.path).ok();
            found.and_then(|(_, resource)| resource).is_some()
        };
        let before = entries.len();
        entries.retain(known);
        let tree = self.tree(shared);
        let facts = PlaceFacts {
            exists: instances.iter().any(|place| tree.has_instance(*place)),
            unknown: entries.len() < before,
            several: instances.len() > 1,
        };
        if let Some(code) = shared.rules.refuses_write(facts) {
            return Err(code);
        }
        for entry in &entries {
            let (_, resource) = definition(shared, entry.path)?;
            let (Some(resource), Some(value)) = (resource, &entry.value) else {
                continue;
            };
            let depth = if resource.multiple { 4 } else { 3 };
            if entry.path.depth() != depth || !shared.rules.takes(resource.allows(value)) {
                return Err(Code::BAD_REQUEST);
            }
        }
        let old = self.bootstrap_account(shared).map(|own| own.instance);
        let replaced: Vec<Path> = match path.depth() {
            3 => vec![path],
            _ => instances.iter().copied().collect(),
        };
        let gone: Vec<Path> = replaced
            .iter()
            .flat_map(|place| self.tree(shared).values(*place))
            .map(|(path, _)| path)
            .collect();
        let changes = self.change();
        for path in gone {
            changes.remove(path);
        }
        for &instance in &instances {
            changes.add_instance(instance);
        }
        let mut bootstrap = None;
        for entry in entries {
            if let Some(value) = entry.value {
                if let ([0, _, 1], Value::Boolean(true)) = (entry.path.ids(), &value) {
                    bootstrap = Some(entry.path.prefix(2));
                }
                changes.set(entry.path, value);
            }
        }
        // There is one account of a bootstrap server at most: a new one takes its place.
        if let (Some(new), Some(old)) = (bootstrap, old)
            && new != old
        {
            changes.remove_instance(old);
        }
        let facts = GoOnFacts {
            ended: false,
            refused: false,
            accounts: self.whole_accounts(shared),
        };
        Ok(went(shared, facts, Code::CHANGED))
    }

    /// Deletes what is within a path, but for what the device keeps (TS §5.2.7.5).
    fn bootstrap_delete(&mut self, shared: &Shared, path: Path) -> Result<Done, Code> {
        if path.depth() > 2 {
            return Err(Code::BAD_REQUEST);
        }
        let own = self.bootstrap_account(shared).map(|own| own.instance);
        let within = self.tree(shared).instances(path);
        let (kept, gone): (Vec<Path>, Vec<Path>) = within.into_iter().partition(|instance| {
            shared.rules.outlives(OutliveFacts {
                object: instance.object().unwrap_or_default(),
                bootstrap_account: Some(*instance) == own,
            })
        });
        if path.depth() == 2 && kept.contains(&path) {
            return Err(Code::BAD_REQUEST);
        }
        let changes = self.change();
        for instance in gone {
            changes.remove_instance(instance);
        }
        Ok(Done::plain(Message::new(Code::DELETED)))
    }

    /// Reads the accounts without their keys, and the rights (TS 1.1.1 §6.1.7.4).
    fn bootstrap_read(
        &self,
        shared: &Shared,
        path: Path,
        accept: Option<ContentFormat>,
    ) -> Result<Done, Code> {
        if shared.version == Version::V1_0 || path.depth() > 2 {
            return Err(Code::METHOD_NOT_ALLOWED);
        }
        if !matches!(path.object(), Some(1 | 2)) {
            return Err(Code::UNAUTHORIZED);
        }
        self.exists(shared, path)?;
        let instances = self.tree(shared).instances(path).into_iter();
        let entries: Vec<Entry> = instances
            .flat_map(|instance| self.visible(shared, instance))
            .collect();
        self.told(shared, path, &entries, accept).map(Done::plain)
    }

    /// What there is, with the accounts that belong to each other (TS §5.2.7.3).
    fn discovered(&self, shared: &Shared, path: Path) -> Result<ObjectList, Code> {
        if path.depth() > 1 {
            return Err(Code::BAD_REQUEST);
        }
        let tree = self.tree(shared);
        let objects: Vec<u16> = match path.object() {
            None => tree.objects().into_iter().collect(),
            Some(object) if tree.has_object(object) => vec![object],
            Some(_) => return Err(Code::NOT_FOUND),
        };
        let mut list = ObjectList {
            lwm2m: Some(shared.version),
            ..ObjectList::default()
        };
        for object in objects {
            let at = path_of(&[object]);
            let instances = tree.instances(at);
            let version = shared.definition(object).map(|object| object.version);
            let version = version.filter(|version| is_told(shared.version, object, *version));
            if instances.is_empty() || version.is_some() {
                list.items.push(Item {
                    version,
                    ..Item::new(at)
                });
            }
            for instance in instances {
                let value = |resource| tree.value(instance.child(resource)?);
                let number = |resource| value(resource).and_then(|value| value.number());
                let bootstrap = object == 0 && value(1) == Some(Value::Boolean(true));
                let ssid = match object {
                    0 if !bootstrap => number(10),
                    1 => number(0),
                    _ => None,
                };
                let uri = match value(0) {
                    Some(Value::String(uri)) if object == 0 && !bootstrap => Some(uri),
                    _ => None,
                };
                list.items.push(Item {
                    ssid: ssid.map(|ssid| ssid as u16),
                    uri,
                    ..Item::new(instance)
                });
            }
        }
        Ok(shared.rules.shows(list))
    }

    fn end_bootstrap(&mut self, shared: &Shared) -> Result<Done, Code> {
        let accounts = self.whole_accounts(shared);
        let refused = shared.rules.refuses_end(EndFacts { accounts });
        let facts = GoOnFacts {
            ended: true,
            refused: refused.is_some(),
            accounts,
        };
        Ok(went(shared, facts, refused.unwrap_or(Code::CHANGED)))
    }

    /// How many accounts of servers are whole: an instance of the Security object with all that it
    /// needs, and one of the Server object for the same server with all that is mandatory.
    fn whole_accounts(&self, shared: &Shared) -> usize {
        let tree = self.tree(shared);
        let number = |instance: Path, resource| {
            let path = instance.child(resource)?;
            tree.number(path).map(|number| number as i64)
        };
        let is_whole = |server: &Path| {
            let Ok((object, _)) = definition(shared, *server) else {
                return false;
            };
            object
                .resources
                .values()
                .filter(|resource| resource.mandatory && !resource.operations.execute)
                .all(|resource| {
                    let path = server.child(resource.id);
                    path.is_some_and(|path| tree.value(path).is_some())
                })
        };
        let servers = tree.instances(path_of(&[1]));
        let security = tree.instances(path_of(&[0])).into_iter();
        let whole = security.filter(|instance| {
            let value = |resource| tree.value(instance.child(resource)?);
            let filled =
                |resource| matches!(value(resource), Some(Value::Opaque(key)) if !key.is_empty());
            let secured = match number(*instance, 2) {
                Some(3) => true,
                Some(_) => filled(3) && filled(5),
                None => false,
            };
            let ssid = number(*instance, 10).filter(|ssid| (1..=65_534).contains(ssid));
            let same = |server: &&Path| ssid.is_some() && number(**server, 0) == ssid;
            value(1) == Some(Value::Boolean(false))
                && matches!(value(0), Some(Value::String(_)))
                && secured
                && servers.iter().filter(same).any(is_whole)
        });
        whole.count()
    }
}

/// What becomes of an operation of a bootstrap that is answered with this code.
fn went(shared: &Shared, facts: GoOnFacts, code: Code) -> Done {
    let goes_on = shared.rules.goes_on(facts);
    Done {
        effects: Vec::from_iter(goes_on.then_some(Effect::Bootstrapped)),
        ..Done::plain(Message::new(code))
    }
}

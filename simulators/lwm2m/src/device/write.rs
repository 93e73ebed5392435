//! Writing, creating and deleting (TS 1.0.2 §5.4.3, §5.4.6, §5.4.7).

use std::collections::BTreeSet;

use twinproof_coap::{Code, ContentFormat, Message, option};

use super::contents::blank;
use super::manage::{CREATE, DELETE, WRITE, definition};
use super::registration::Account;
use super::rules::{CreateFacts, DeleteFacts, UnnamedFacts};
use super::{Device, Done, Effect, Shared, path_of};
use crate::upper::WriteMode;
use crate::wire::{Entry, Path, Value, tlv};

impl Device {
    /// Writes to an instance or below it: all of it or nothing.
    pub(super) fn write(
        &mut self,
        shared: &Shared,
        account: usize,
        path: Path,
        mode: WriteMode,
        entries: &[Entry],
    ) -> Result<Vec<Effect>, Code> {
        self.may_write(shared, account, path, entries)?;
        self.apply(shared, path, mode, entries);
        Ok(self.consequences(shared, entries))
    }

    /// Writes to several paths: all of it or nothing (TS 1.1.1 §6.3.9).
    pub(super) fn write_composite(
        &mut self,
        shared: &Shared,
        account: usize,
        entries: &[Entry],
    ) -> Result<Vec<Effect>, Code> {
        for entry in entries {
            if entry
                .path
                .object()
                .is_some_and(|object| !shared.rules.is_reachable(object))
            {
                return Err(Code::UNAUTHORIZED);
            }
            self.exists(shared, entry.path.prefix(2))?;
            self.may_write(
                shared,
                account,
                entry.path.prefix(2),
                std::slice::from_ref(entry),
            )?;
        }
        let instances: BTreeSet<Path> = entries.iter().map(|entry| entry.path.prefix(2)).collect();
        for instance in instances {
            let own = entries
                .iter()
                .filter(|entry| entry.path.is_within(instance))
                .cloned();
            self.apply(
                shared,
                instance,
                WriteMode::Update,
                &own.collect::<Vec<_>>(),
            );
        }
        Ok(self.consequences(shared, entries))
    }

    fn may_write(
        &self,
        shared: &Shared,
        account: usize,
        path: Path,
        entries: &[Entry],
    ) -> Result<(), Code> {
        if path.has_value() {
            let (_, resource) = definition(shared, path)?;
            resource.ok_or(Code::NOT_FOUND)?;
        }
        if !self.granted(shared, account, WRITE, path.prefix(2)) {
            return Err(Code::UNAUTHORIZED);
        }
        for entry in entries {
            if !entry.path.is_within(path) {
                return Err(Code::BAD_REQUEST);
            }
            let (_, resource) = definition(shared, entry.path)?;
            let resource = resource.ok_or(Code::NOT_FOUND)?;
            if !shared.rules.is_writable(resource.operations) {
                return Err(Code::METHOD_NOT_ALLOWED);
            }
            if let Some(value) = &entry.value {
                let depth = if resource.multiple { 4 } else { 3 };
                if entry.path.depth() != depth || !shared.rules.takes(resource.allows(value)) {
                    return Err(Code::BAD_REQUEST);
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, shared: &Shared, path: Path, mode: WriteMode, entries: &[Entry]) {
        let named: BTreeSet<Path> = entries.iter().map(|entry| entry.path.prefix(3)).collect();
        let mut gone: Vec<Path> = Vec::new();
        if let (2, Ok((object, _))) = (path.depth(), definition(shared, path)) {
            for resource in object.resources.values() {
                let Some(at) = path.child(resource.id) else {
                    continue;
                };
                let writable = shared.rules.is_writable(resource.operations);
                let facts = UnnamedFacts {
                    mode,
                    mandatory: resource.mandatory,
                };
                if writable && !named.contains(&at) && shared.rules.removes_unnamed(facts) {
                    gone.extend(
                        self.tree(shared)
                            .values(at)
                            .into_iter()
                            .map(|(path, _)| path),
                    );
                }
            }
        }
        // A multiple resource that is replaced loses the instances that are not named.
        let whole = path.depth() < 4 && mode == WriteMode::Replace;
        for &resource in named.iter().filter(|_| whole) {
            gone.extend(
                self.tree(shared)
                    .values(resource)
                    .into_iter()
                    .map(|(path, _)| path),
            );
        }
        let changes = self.change();
        for path in gone {
            changes.remove(path);
        }
        for entry in entries {
            if let Some(value) = &entry.value {
                changes.set(entry.path, value.clone());
            }
        }
        self.take_firmware(shared, entries);
    }

    /// What servers are told after a Write: life time and binding, if they have changed.
    fn consequences(&self, shared: &Shared, entries: &[Entry]) -> Vec<Effect> {
        let mut effects = Vec::new();
        for account in 0..self.servers(shared).len() {
            let Some(own) = self.account_of(shared, account) else {
                continue;
            };
            let mut query = Vec::new();
            for entry in entries.iter().filter(|entry| entry.path.prefix(2) == own) {
                match (entry.path.resource(), &entry.value) {
                    (Some(1), Some(value)) => {
                        let told = self.accounts.get(account).map(Account::told_lifetime);
                        let changed = value.number() != told.map(f64::from);
                        if shared.rules.tells_lifetime(changed) {
                            query.push(format!("lt={value}"));
                        }
                    }
                    (Some(7), Some(Value::String(binding))) => query.push(format!("b={binding}")),
                    _ => {}
                }
            }
            if !query.is_empty() {
                effects.push(Effect::Update {
                    account: Some(account),
                    query,
                    list: false,
                });
            }
        }
        effects
    }

    pub(super) fn create(
        &mut self,
        shared: &Shared,
        account: usize,
        path: Path,
        format: Option<ContentFormat>,
        body: &[u8],
    ) -> Result<Done, Code> {
        let format = format.ok_or(Code::BAD_REQUEST)?;
        self.exists(shared, path)?;
        let (definition, _) = definition(shared, path)?;
        if !self.granted(shared, account, CREATE, path) {
            return Err(Code::UNAUTHORIZED);
        }
        let free = || {
            let tree = self.tree(shared);
            let mut ids = (0..=Path::MAX_ID).filter_map(|id| path.child(id));
            ids.find(|instance| !tree.has_instance(*instance))
                .ok_or(Code::BAD_REQUEST)
        };
        let is_tlv = format.current() == ContentFormat::LWM2M_TLV;
        let unnamed = is_tlv && !tlv::names_instances(body);
        let base = if unnamed { free()? } else { path };
        let entries = self.decode(shared, format, base, body)?;
        let instances: BTreeSet<Path> = entries.iter().map(|entry| entry.path.prefix(2)).collect();
        let instance = match (instances.len(), instances.first()) {
            (0, _) if unnamed => base,
            (1, Some(&instance)) if instance.depth() == 2 && instance.is_within(path) => instance,
            _ => return Err(Code::BAD_REQUEST),
        };
        let mut values: Vec<Entry> = Vec::new();
        for entry in entries {
            let resource = entry
                .path
                .resource()
                .and_then(|id| definition.resources.get(&id));
            match (resource, &entry.value) {
                (None, Some(_)) => return Err(Code::NOT_FOUND),
                (Some(resource), Some(value)) if resource.operations.write => {
                    if !shared.rules.takes(resource.allows(value)) {
                        return Err(Code::BAD_REQUEST);
                    }
                    values.push(entry);
                }
                // What only the device itself may set is the device's to choose.
                _ => {}
            }
        }
        let missing = |id: u16| !values.iter().any(|entry| entry.path.resource() == Some(id));
        let mut mandatory = definition
            .resources
            .values()
            .filter(|resource| resource.mandatory);
        let complete = !mandatory.any(|resource| resource.operations.write && missing(resource.id));
        let facts = CreateFacts {
            multiple: definition.multiple,
            exists: self.tree(shared).has_instance(instance),
            complete,
        };
        if let Some(code) = shared.rules.refuses_instance(facts) {
            return Err(code);
        }
        let own = definition.resources.values().filter(|resource| {
            resource.mandatory && !resource.operations.write && !resource.multiple
        });
        let filled =
            own.filter_map(|resource| Some((instance.child(resource.id)?, blank(resource.kind?))));
        let filled: Vec<(Path, Value)> = filled.collect();
        let ssid = self
            .servers(shared)
            .get(account)
            .map_or(0, |server| server.ssid);
        let controls = self.tree(shared).instances(path_of(&[2]));
        let changes = self.change();
        changes.add_instance(instance);
        for (path, value) in filled {
            changes.set(path, value);
        }
        for entry in values {
            if let Some(value) = entry.value {
                changes.set(entry.path, value);
            }
        }
        if let Some(last) = controls.last().and_then(|path| path.instance()) {
            let control = [
                (0, path.object()),
                (1, instance.instance()),
                (3, Some(ssid)),
            ];
            let at = path_of(&[2, last + 1]);
            changes.add_instance(at);
            for (resource, value) in control {
                if let (Some(path), Some(value)) = (at.child(resource), value) {
                    changes.set(path, Value::Integer(value.into()));
                }
            }
        }
        let mut message = Message::new(Code::CREATED);
        if unnamed {
            for id in instance.ids() {
                message = message.option(option::LOCATION_PATH, id.to_string().as_bytes());
            }
        }
        Ok(Done {
            effects: vec![told_to_all()],
            ..Done::plain(message)
        })
    }

    pub(super) fn delete(
        &mut self,
        shared: &Shared,
        account: usize,
        path: Path,
    ) -> Result<Done, Code> {
        if path.depth() != 2 {
            return Err(Code::METHOD_NOT_ALLOWED);
        }
        self.exists(shared, path)?;
        if !self.granted(shared, account, DELETE, path) {
            return Err(Code::UNAUTHORIZED);
        }
        let (definition, _) = definition(shared, path)?;
        let facts = DeleteFacts {
            multiple: definition.multiple,
            server: definition.id == 1,
        };
        if !shared.rules.is_deletable(facts) {
            return Err(Code::METHOD_NOT_ALLOWED);
        }
        let control = self.control_of(shared, path);
        let changes = self.change();
        changes.remove_instance(path);
        // What is gone has no owner (TS §7.3.1).
        if let Some(control) = control {
            changes.remove_instance(control);
        }
        Ok(Done {
            effects: vec![told_to_all()],
            ..Done::plain(Message::new(Code::DELETED))
        })
    }
}

/// All servers get the new list of instances.
pub(super) fn told_to_all() -> Effect {
    Effect::Update {
        account: None,
        query: Vec::new(),
        list: true,
    }
}

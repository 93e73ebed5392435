//! What a device holds: objects, instances and values. Most of it is common to all devices of a run;
//! a device keeps only what has become different.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::Filling;
use crate::wire::{Kind, ObjectLink, Path, Value, Version};

/// What the devices of a run begin with.
///
/// `{endpoint}` in a string stands for the name of the device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    objects: BTreeSet<u16>,
    instances: BTreeSet<Path>,
    values: BTreeMap<Path, Value>,
    fillings: BTreeMap<Path, Filling>,
}

impl Contents {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a device for tests holds that speaks this version and has servers with these Short Server
    /// IDs: objects 1, 3, 4, 5, 6, 7 and two instances of [`TEST_OBJECT`](crate::model::TEST_OBJECT).
    pub fn standard(version: Version, lifetime: u32, queue_mode: bool, ssids: &[u16]) -> Self {
        let mut contents = Self::new();
        let binding = match (queue_mode, version > Version::V1_0) {
            (true, false) => "UQ",
            _ => "U",
        };
        for (instance, &ssid) in (0u16..).zip(ssids) {
            contents.put([1, instance, 0], Value::Integer(ssid.into()));
            contents.put([1, instance, 1], Value::Integer(lifetime.into()));
            contents.put([1, instance, 5], Value::Integer(86_400));
            contents.put([1, instance, 6], Value::Boolean(false));
            contents.put([1, instance, 7], text(binding));
            if version > Version::V1_0 {
                // Absent or true would silence Send.
                contents.put([1, instance, 23], Value::Boolean(false));
            }
        }
        contents.put([3, 0, 0], text("Twinproof"));
        contents.put([3, 0, 1], text("simulated"));
        contents.put([3, 0, 2], text("{endpoint}"));
        contents.put([3, 0, 3], text("1.0"));
        for (instance, (source, voltage, current)) in (0..).zip([(1, 3_800, 125), (5, 5_000, 900)])
        {
            contents.put([3, 0, 6, instance], Value::Integer(source));
            contents.put([3, 0, 7, instance], Value::Integer(voltage));
            contents.put([3, 0, 8, instance], Value::Integer(current));
        }
        contents.put([3, 0, 9], Value::Integer(95));
        contents.put([3, 0, 10], Value::Integer(15));
        contents.put([3, 0, 11, 0], Value::Integer(0));
        contents.put([3, 0, 13], Value::Time(1_367_491_215));
        contents.put([3, 0, 14], text("+02:00"));
        contents.put([3, 0, 15], text("Europe/Paris"));
        contents.put([3, 0, 16], text(binding));
        contents.put([4, 0, 0], Value::Integer(21));
        contents.put([4, 0, 1, 0], Value::Integer(21));
        contents.put([4, 0, 1, 1], Value::Integer(41));
        contents.put([4, 0, 2], Value::Integer(-61));
        contents.put([4, 0, 4, 0], text("192.0.2.7"));
        contents.put([4, 0, 4, 1], text("2001:db8::7"));
        contents.put([5, 0, 1], text(""));
        contents.put([5, 0, 3], Value::Integer(0));
        contents.put([5, 0, 5], Value::Integer(0));
        contents.put([5, 0, 6], text("none"));
        contents.put([5, 0, 7], text("1.0"));
        contents.put([5, 0, 9], Value::Integer(1));
        contents.put([6, 0, 0], Value::Float(43.5723));
        contents.put([6, 0, 1], Value::Float(153.2176));
        contents.put([6, 0, 5], Value::Time(1_367_491_215));
        for resource in 0..4 {
            contents.put([7, 0, resource], Value::Integer(0));
        }
        contents.put([7, 0, 8], Value::Integer(0));
        for instance in 0..2 {
            contents.put_test_object(instance, version);
        }
        contents
    }

    fn put_test_object(&mut self, instance: u16, version: Version) {
        let object = crate::model::TEST_OBJECT;
        let first = instance == 0;
        self.put([object, instance, 20], Value::Integer(0));
        self.put([object, instance, 23], text(""));
        self.put(
            [object, instance, 1],
            Value::Integer(if first { 42 } else { 43 }),
        );
        self.put([object, instance, 4000], Value::Integer(4000));
        if !first {
            return;
        }
        self.put([object, 0, 0], text("text"));
        self.put([object, 0, 3], Value::Float(-18.5));
        self.put([object, 0, 4], Value::Boolean(true));
        self.put([object, 0, 5], Value::Opaque(vec![0x00, 0xff, 0x7f]));
        self.put([object, 0, 6], Value::Time(1_367_491_215));
        let link = ObjectLink {
            object: 3,
            instance: 0,
        };
        self.put([object, 0, 7], Value::ObjectLink(link));
        self.put([object, 0, 10, 0], text("one"));
        self.put([object, 0, 10, 7], text("eight"));
        self.put([object, 0, 11, 0], Value::Integer(-1));
        self.put([object, 0, 11, 300], Value::Integer(70_000));
        self.put([object, 0, 24], Value::Integer(0));
        if version > Version::V1_0 {
            self.put([object, 0, 2], Value::Unsigned(u64::MAX));
            self.put([object, 0, 8], Value::CoreLink("</3/0/1>".to_owned()));
        }
    }

    /// Adds the account of a bootstrap server, without protection: an instance of the Security object
    /// (TS 1.0.2 Appendix E.1). A device waits `hold_off` seconds before it asks for bootstrap.
    pub fn set_bootstrap_server(&mut self, instance: u16, address: SocketAddr, hold_off: u32) {
        self.put([0, instance, 0], text(&format!("coap://{address}")));
        self.put([0, instance, 1], Value::Boolean(true));
        self.put([0, instance, 2], Value::Integer(3));
        for resource in 3..6 {
            self.put([0, instance, resource], Value::Opaque(Vec::new()));
        }
        self.put([0, instance, 11], Value::Integer(hold_off.into()));
    }

    /// Adds a row of access control for an instance: its owner, and the rights of servers (TS 1.0.2
    /// §7.3, Appendix E.3), each by its Short Server ID and as the sum of 1 (to read), 2 (to write), 4 (to
    /// execute), 8 (to delete) and 16 (to create).
    pub fn set_rights(&mut self, instance: Path, owner: u16, rights: &[(u16, i64)]) {
        let (Some(object), Some(id)) = (instance.object(), instance.instance()) else {
            return;
        };
        let rows = self
            .instances
            .iter()
            .filter(|path| path.object() == Some(2));
        let row = rows
            .filter_map(Path::instance)
            .max()
            .map_or(0, |last| last + 1);
        self.put([2, row, 0], Value::Integer(object.into()));
        self.put([2, row, 1], Value::Integer(id.into()));
        for &(ssid, bits) in rights {
            self.put([2, row, 2, ssid], Value::Integer(bits));
        }
        self.put([2, row, 3], Value::Integer(owner.into()));
    }

    /// Adds an object without instances.
    pub fn add_object(&mut self, object: u16) {
        self.objects.insert(object);
    }

    /// Adds an instance, and its object.
    pub fn add_instance(&mut self, path: Path) {
        self.objects.extend(path.object());
        self.instances.insert(path.prefix(2));
    }

    /// Sets a value, and adds its object and instance. What is at no resource is left out.
    pub fn set(&mut self, path: Path, value: Value) {
        if path.has_value() {
            self.add_instance(path);
            self.values.insert(path, value);
        }
    }

    /// Sets a value that is said at length. So are all numbers that devices hold there later, and they are short
    /// in memory.
    pub fn fill(&mut self, path: Path, held: Value, filling: Filling) {
        self.set(path, held);
        self.fillings.insert(path, filling);
    }

    /// How what is held there is said, if that is at length.
    pub(super) fn filling(&self, path: Path) -> Option<&Filling> {
        self.fillings.get(&path)
    }

    /// What is said of a number that is held there.
    pub(super) fn said(&self, path: Path, number: i64) -> Value {
        match self.filling(path) {
            Some(filling) => filling.said(&number.to_string()),
            None => Value::Integer(number),
        }
    }

    /// The number that is held there where this is said of it.
    pub(super) fn held(&self, path: Path, said: &Value) -> Option<i64> {
        match said {
            Value::Integer(number) => Some(*number),
            said => {
                let number = Filling::held(said)?.parse().ok()?;
                (self.said(path, number) == *said).then_some(number)
            }
        }
    }

    /// Removes an object with all that is in it.
    pub fn remove_object(&mut self, object: u16) {
        self.objects.remove(&object);
        self.instances.retain(|path| path.object() != Some(object));
        self.values.retain(|path, _| path.object() != Some(object));
    }

    fn put<const N: usize>(&mut self, ids: [u16; N], value: Value) {
        if let Some(path) = Path::new(&ids) {
            self.set(path, value);
        }
    }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// What has become different at one device.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Changes {
    added: BTreeSet<Path>,
    removed: BTreeSet<Path>,
    values: BTreeMap<Path, Option<Value>>,
}

impl Changes {
    pub(super) fn set(&mut self, path: Path, value: Value) {
        self.values.insert(path, Some(value));
    }

    pub(super) fn remove(&mut self, path: Path) {
        self.values.insert(path, None);
    }

    /// The only value that is different, if nothing else is.
    pub(super) fn only(&self) -> Option<(Path, &Value)> {
        let mut values = self.values.iter();
        let (path, value) = values.next()?;
        let is_all = values.next().is_none() && self.added.is_empty() && self.removed.is_empty();
        is_all.then_some((*path, value.as_ref()?))
    }

    pub(super) fn add_instance(&mut self, path: Path) {
        self.added.insert(path);
    }

    pub(super) fn remove_instance(&mut self, path: Path) {
        self.added.remove(&path);
        self.removed.insert(path);
        self.values.retain(|other, _| !other.is_within(path));
    }
}

/// What one device holds now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree<'a> {
    pub(super) base: &'a Contents,
    pub(super) changes: Option<&'a Changes>,
    pub(super) endpoint: &'a str,
}

impl Tree<'_> {
    /// The objects, in ascending order.
    pub(super) fn objects(&self) -> BTreeSet<u16> {
        let added = self.changes.into_iter().flat_map(|changes| &changes.added);
        let added = added.filter_map(Path::object);
        self.base.objects.iter().copied().chain(added).collect()
    }

    pub(super) fn has_object(&self, object: u16) -> bool {
        self.base.objects.contains(&object) || self.objects().contains(&object)
    }

    /// The instances of an object, or of all, in ascending order.
    pub(super) fn instances(&self, within: Path) -> BTreeSet<Path> {
        let added = self.changes.into_iter().flat_map(|changes| &changes.added);
        let all = self.base.instances.iter().chain(added).copied();
        all.filter(|path| path.is_within(within) && self.has_instance(*path))
            .collect()
    }

    pub(super) fn has_instance(&self, path: Path) -> bool {
        let (added, removed) = self.changes.map_or((false, false), |changes| {
            (
                changes.added.contains(&path),
                changes.removed.contains(&path),
            )
        });
        added || (!removed && self.base.instances.contains(&path))
    }

    /// The value at exactly this path.
    pub(super) fn value(&self, path: Path) -> Option<Value> {
        let raw = self.raw(path)?;
        match (self.base.filling(path), raw) {
            (Some(_), Value::Integer(number)) => Some(self.base.said(path, *number)),
            // What a server writes is said as it is.
            (Some(filling), Value::String(_)) if self.base.values.get(&path) == Some(raw) => {
                match self.named(raw) {
                    Value::String(held) => Some(filling.said(&held)),
                    other => Some(other),
                }
            }
            _ => Some(self.named(raw)),
        }
    }

    /// The number at exactly this path, if there is one.
    pub(super) fn number(&self, path: Path) -> Option<f64> {
        self.raw(path).and_then(Value::number)
    }

    /// All values at and below a path, in order.
    pub(super) fn values(&self, within: Path) -> Vec<(Path, Value)> {
        let below = |path: &Path| path.is_within(within);
        let own = self
            .changes
            .into_iter()
            .flat_map(|changes| changes.values.range(within..));
        let base = self.base.values.range(within..).map(|(path, _)| *path);
        let paths: BTreeSet<Path> = base
            .take_while(below)
            .chain(own.map(|(path, _)| *path).take_while(below))
            .collect();
        let values = paths.into_iter().map(|path| (path, self.value(path)));
        values
            .filter_map(|(path, value)| Some((path, value?)))
            .collect()
    }

    fn raw(&self, path: Path) -> Option<&Value> {
        if let Some(changes) = self.changes {
            if let Some(value) = changes.values.get(&path) {
                return value.as_ref();
            }
            if changes.removed.contains(&path.prefix(2)) {
                return None;
            }
        }
        self.base.values.get(&path)
    }

    fn named(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text.contains("{endpoint}") => {
                Value::String(text.replace("{endpoint}", self.endpoint))
            }
            value => value.clone(),
        }
    }
}

/// What a resource that a device has to fill in by itself begins with.
pub(super) fn blank(kind: Kind) -> Value {
    match kind {
        Kind::String => Value::String(String::new()),
        Kind::Integer => Value::Integer(0),
        Kind::Unsigned => Value::Unsigned(0),
        Kind::Float => Value::Float(0.0),
        Kind::Boolean => Value::Boolean(false),
        Kind::Opaque => Value::Opaque(Vec::new()),
        Kind::Time => Value::Time(0),
        Kind::ObjectLink => Value::ObjectLink(ObjectLink::NULL),
        Kind::CoreLink => Value::CoreLink(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    fn tree<'a>(base: &'a Contents, changes: Option<&'a Changes>) -> Tree<'a> {
        Tree {
            base,
            changes,
            endpoint: "x",
        }
    }

    #[test]
    fn a_device_keeps_only_what_differs() {
        let base = Contents::standard(Version::V1_0, 60, false, &[1]);
        let mut changes = Changes::default();
        assert_eq!(tree(&base, None).value(path("/3/0/2")), Some(text("x")));
        assert_eq!(tree(&base, None).values(path("/3/0/7")).len(), 2);

        changes.set(path("/3/0/9"), Value::Integer(20));
        changes.remove(path("/3/0/7/1"));
        changes.remove_instance(path("/26241/1"));
        changes.add_instance(path("/26241/2"));
        changes.set(path("/26241/2/1"), Value::Integer(1));
        let changed = tree(&base, Some(&changes));
        assert_eq!(changed.value(path("/3/0/9")), Some(Value::Integer(20)));
        assert_eq!(changed.values(path("/3/0/7")).len(), 1);
        assert_eq!(changed.value(path("/26241/1/1")), None);
        let instances: Vec<String> = changed
            .instances(path("/26241"))
            .iter()
            .map(Path::to_string)
            .collect();
        assert_eq!(instances, ["/26241/0", "/26241/2"]);
        changes.remove_instance(path("/26241/2"));
        let changed = tree(&base, Some(&changes));
        assert!(changed.values(path("/26241/2")).is_empty());
        assert!(!changed.has_instance(path("/26241/2")));
    }
}

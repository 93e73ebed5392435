//! What a device is given, and in which steps.

use crate::wire::{Entry, Path, Value};

/// What a device is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration {
    /// What is deleted, where anything is: `/` is everything but what a device keeps.
    pub deletes: Vec<Path>,
    /// The values that are written: those of accounts, and perhaps of their rights.
    pub values: Vec<Entry>,
}

/// A server that a device is to register with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// The instance of the Security and of the Server object.
    pub instance: u16,
    /// The Short Server ID, 1 to 65534.
    pub ssid: u16,
    /// Where the server is: `coap://192.0.2.1:5683`.
    pub uri: String,
    /// The life time of registrations, s.
    pub lifetime: u32,
    /// How it is reached: `U`.
    pub binding: String,
    /// How messages are protected.
    pub credentials: Credentials,
}

/// How the messages of an account are protected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Credentials {
    /// Not at all.
    None,
    /// By a key that both know.
    Psk {
        /// Whose key it is, at most 128 bytes.
        identity: Vec<u8>,
        /// The key, at most 64 bytes.
        key: Vec<u8>,
    },
}

impl Configuration {
    /// These accounts, in the place of all that were there.
    pub fn of(accounts: &[Account]) -> Self {
        Self {
            deletes: vec![Path::ROOT],
            values: accounts.iter().flat_map(Account::values).collect(),
        }
    }
}

impl Account {
    /// An account without protection whose instance has this number, with a life time of a day.
    pub fn open(instance: u16, ssid: u16, uri: impl Into<String>) -> Self {
        Self {
            instance,
            ssid,
            uri: uri.into(),
            lifetime: 86_400,
            binding: "U".to_owned(),
            credentials: Credentials::None,
        }
    }

    /// The values of the Security and the Server object.
    pub fn values(&self) -> Vec<Entry> {
        let (mode, identity, key) = match &self.credentials {
            Credentials::None => (3, Vec::new(), Vec::new()),
            Credentials::Psk { identity, key } => (0, identity.clone(), key.clone()),
        };
        let values: [(u16, u16, Value); 12] = [
            (0, 0, Value::String(self.uri.clone())),
            (0, 1, Value::Boolean(false)),
            (0, 2, Value::Integer(mode)),
            (0, 3, Value::Opaque(identity)),
            (0, 4, Value::Opaque(Vec::new())),
            (0, 5, Value::Opaque(key)),
            (0, 10, Value::Integer(self.ssid.into())),
            (1, 0, Value::Integer(self.ssid.into())),
            (1, 1, Value::Integer(self.lifetime.into())),
            (1, 6, Value::Boolean(false)),
            (1, 7, Value::String(self.binding.clone())),
            (1, 5, Value::Integer(86_400)),
        ];
        let at = |object, resource| Path::new(&[object, self.instance, resource]);
        values
            .into_iter()
            .filter_map(|(object, resource, value)| Some(Entry::new(at(object, resource)?, value)))
            .collect()
    }
}

/// How a server goes about it, where it is free to choose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Manner {
    /// Deletes what the configuration says before anything is written.
    pub deletes: bool,
    /// Looks at what is there before the end.
    pub discovers: bool,
    /// Writes whole objects, not instance by instance.
    pub whole_objects: bool,
    /// Writes the Server object before the Security object.
    pub servers_first: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            deletes: true,
            discovers: false,
            whole_objects: false,
            servers_first: false,
        }
    }
}

/// One operation of a bootstrap.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Delete what is there.
    Delete(Path),
    /// Look at what is there.
    Discover(Path),
    /// Say that it is over.
    Finish,
    /// Write the values below a path.
    Write(Path),
}

impl Manner {
    /// The steps to a configuration.
    pub fn steps(self, configuration: &Configuration) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.deletes {
            steps.extend(configuration.deletes.iter().copied().map(Step::Delete));
        }
        let depth = if self.whole_objects { 1 } else { 2 };
        let mut places: Vec<Path> = Vec::new();
        for entry in &configuration.values {
            let place = entry.path.prefix(depth);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places.sort_by_key(|place| match (place.object(), self.servers_first) {
            (Some(0), true) => (1, place.ids().to_vec()),
            (Some(1), true) => (0, place.ids().to_vec()),
            _ => (place.object().unwrap_or_default(), place.ids().to_vec()),
        });
        steps.extend(places.into_iter().map(Step::Write));
        if self.discovers {
            steps.push(Step::Discover(Path::ROOT));
        }
        steps.push(Step::Finish);
        steps
    }
}

//! Under which identity a device shows itself, and with which key.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use twinproof_dtls::{Credentials, Guests};
use twinproof_judge::profile::Fleet;

use crate::generator::name;

/// How long a key is that is derived, in octets.
const DERIVED: usize = 16;

/// The identities and the keys of all devices, as the profile of a server says.
#[derive(Clone)]
pub struct Keyring {
    /// With `{endpoint}` or `{number}` in it.
    identity: String,
    keys: Keys,
}

#[derive(Clone)]
enum Keys {
    Alike(Vec<u8>),
    Derived(Vec<u8>),
    Table(Vec<(Vec<u8>, Vec<u8>)>),
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// As this section says.
    ///
    /// # Errors
    ///
    /// When it says too little, or what it names cannot be read.
    pub fn of(section: &Fleet) -> Result<Self, String> {
        let identity = section.identity.clone();
        if let Some(table) = section.lines()? {
            let keys = Keys::Table(table);
            return Ok(Self { identity, keys });
        }
        if !identity.contains("{endpoint}") && !identity.contains("{number}") {
            return Err(format!(
                "lwm2m.fleet.identity: expected {{endpoint}} or {{number}} in it, so that every device has its own, got \
                 {identity:?}"
            ));
        }
        let key = section.octets()?;
        let keys = match section.derived {
            true => Keys::Derived(key),
            false => Keys::Alike(key),
        };
        Ok(Self { identity, keys })
    }

    /// Whether there are keys for so many devices.
    ///
    /// # Errors
    ///
    /// When a table ends before.
    pub fn check(&self, devices: u32) -> Result<(), String> {
        match &self.keys {
            Keys::Table(table) if (table.len() as u64) < u64::from(devices) => Err(format!(
                "lwm2m.fleet.table: {devices} devices need as many keys, and it has {}",
                table.len()
            )),
            Keys::Alike(_) | Keys::Derived(_) | Keys::Table(_) => Ok(()),
        }
    }

    /// The identity and the key of the device with this number; none if a table ends before.
    fn of_device(&self, number: u32) -> Option<(Vec<u8>, Vec<u8>)> {
        let identity = || {
            let identity = self.identity.replace("{endpoint}", &name(number));
            identity
                .replace("{number}", &number.to_string())
                .into_bytes()
        };
        match &self.keys {
            Keys::Alike(key) => Some((identity(), key.clone())),
            Keys::Derived(key) => {
                let identity = identity();
                let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
                mac.update(&identity);
                let own = mac.finalize().into_bytes()[..DERIVED].to_vec();
                Some((identity, own))
            }
            Keys::Table(table) => table.get(number as usize).cloned(),
        }
    }

    /// What the device with this number shows to a server; none if a table ends before.
    pub(crate) fn credentials(&self, number: u32) -> Option<Credentials> {
        let (identity, key) = self.of_device(number)?;
        Some(Credentials::Psk { identity, key })
    }

    /// The identities of so many devices, each with its endpoint name.
    pub(crate) fn endpoints(&self, devices: u32) -> impl Iterator<Item = (Vec<u8>, String)> {
        (0..devices).filter_map(|number| Some((self.of_device(number)?.0, name(number))))
    }

    /// So many devices, for a server that lets them in.
    pub(crate) fn guests(&self, devices: u32) -> Guests {
        let all = (0..devices).filter_map(|number| self.of_device(number));
        all.fold(Guests::default(), |guests, (identity, key)| {
            guests.with_psk(&identity, &key)
        })
    }
}

/// A section with a key that nobody has seen before, from which the keys of devices are derived.
pub fn fresh_keys() -> Fleet {
    let digits = std::iter::repeat_with(|| format!("{:02x}", fastrand::u8(..)));
    Fleet {
        key: Some(digits.take(DERIVED).collect()),
        derived: true,
        ..Fleet::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn psk(ring: &Keyring, number: u32) -> (String, String) {
        let (identity, key) = ring.of_device(number).unwrap();
        let key = key.iter().map(|octet| format!("{octet:02x}")).collect();
        (String::from_utf8(identity).unwrap(), key)
    }

    #[test]
    fn keys_are_alike_or_derived_or_stand_in_a_table() {
        let key = "000102030405060708090a0b0c0d0e0f";
        let mut section = Fleet {
            key: Some(key.to_owned()),
            ..Fleet::default()
        };
        let alike = Keyring::of(&section).unwrap();
        assert_eq!(psk(&alike, 7), ("dev-7".to_owned(), key.to_owned()));
        section.derived = true;
        section.identity = "urn:x:{number}".to_owned();
        let derived = Keyring::of(&section).unwrap();
        // printf urn:x:7 | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102030405060708090a0b0c0d0e0f
        let expected = "b9589cdccd2879a95cc91c6e2fe37437";
        assert_eq!(
            psk(&derived, 7),
            ("urn:x:7".to_owned(), expected.to_owned())
        );
        section.identity = "all".to_owned();
        let why = Keyring::of(&section).unwrap_err();
        assert!(why.contains("{endpoint}"), "{why}");
        assert!(Keyring::of(&Fleet::default()).is_err());
        let table = Keyring {
            identity: String::new(),
            keys: Keys::Table(vec![(b"a".to_vec(), vec![1])]),
        };
        assert_eq!(psk(&table, 0), ("a".to_owned(), "01".to_owned()));
        assert!(table.check(1).is_ok() && table.credentials(1).is_none());
        assert!(table.check(2).unwrap_err().contains("it has 1"));
    }
}

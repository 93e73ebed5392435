//! Who a peer is: credentials, challenges, and the digest over a message (DM Security 1.2).
//!
//! A nonce is always its octets, never the base64 text that carries it. Implementations are known
//! that digest the text; their digests come out wrong here, as they should.

mod header;

use md5::{Digest, Md5};

use crate::base64;
use crate::syncml::{Chal, Cred, Data, Format, Meta};

pub use header::{MacForm, MacHeader};

/// The nonce that both sides fall back to when theirs have drifted apart (DM Security 1.2).
pub const ZERO_NONCE: [u8; 4] = [0; 4];

/// Schemes of authentication at the level of messages, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Name and password in base64.
    Basic,
    /// MD5 over name, password and nonce.
    Md5,
    /// MD5 over name, password, nonce and message, in a header of the transport.
    Mac,
}

impl Scheme {
    /// All of them, weakest first.
    pub const ALL: [Self; 3] = [Self::Basic, Self::Md5, Self::Mac];

    /// What `Type` says in the `Meta` of a `Cred` or a `Chal`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Basic => "syncml:auth-basic",
            Self::Md5 => "syncml:auth-md5",
            Self::Mac => "syncml:auth-MAC",
        }
    }

    /// The scheme that a `Type` names.
    #[must_use]
    pub fn from_media_type(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scheme| scheme.media_type() == text)
    }

    /// Whether a challenge for it carries a nonce.
    #[must_use]
    pub fn takes_nonce(self) -> bool {
        self != Self::Basic
    }
}

/// What all digests of one account start from: `B64(MD5(name ":" password))`.
///
/// It stands for the password, so it does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key of an account.
    #[must_use]
    pub fn new(name: &str, password: &[u8]) -> Self {
        let digest = Md5::new()
            .chain_update(name)
            .chain_update(b":")
            .chain_update(password)
            .finalize();
        Self(base64::encode(&digest))
    }

    /// Its text, for who has to know it again where it must not stand.
    #[must_use]
    pub fn exposed(&self) -> &str {
        &self.0
    }

    /// The digest of a `Cred`: `MD5(key ":" nonce)`.
    #[must_use]
    pub fn digest(&self, nonce: &[u8]) -> [u8; 16] {
        Md5::new()
            .chain_update(&self.0)
            .chain_update(b":")
            .chain_update(nonce)
            .finalize()
            .into()
    }

    /// The digest over a message or a trigger, exactly as it is sent:
    /// `MD5(key ":" nonce ":" B64(MD5(octets)))`.
    #[must_use]
    pub fn mac(&self, nonce: &[u8], octets: &[u8]) -> [u8; 16] {
        Md5::new()
            .chain_update(&self.0)
            .chain_update(b":")
            .chain_update(nonce)
            .chain_update(b":")
            .chain_update(base64::encode(&Md5::digest(octets)))
            .finalize()
            .into()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Cred {
    /// Name and password.
    #[must_use]
    pub fn basic(name: &str, password: &[u8]) -> Self {
        let mut both = format!("{name}:").into_bytes();
        both.extend(password);
        Self::of(Scheme::Basic, &both)
    }

    /// A digest for the nonce that the peer gave.
    #[must_use]
    pub fn md5(key: &Key, nonce: &[u8]) -> Self {
        Self::of(Scheme::Md5, &key.digest(nonce))
    }

    fn of(scheme: Scheme, octets: &[u8]) -> Self {
        Self {
            meta: Some(Meta::described(Format::B64, scheme.media_type())),
            data: Data::base64(octets),
        }
    }

    /// The scheme that it says it is of; without a type it is basic.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        match self
            .meta
            .as_ref()
            .and_then(|meta| meta.media_type.as_deref())
        {
            Some(text) => Scheme::from_media_type(text),
            None => Some(Scheme::Basic),
        }
    }

    /// Name and password of a basic credential, without looking at its type.
    #[must_use]
    pub fn name_and_password(&self) -> Option<(String, Vec<u8>)> {
        let octets = self.data.to_octets()?;
        let colon = octets.iter().position(|&octet| octet == b':')?;
        let name = String::from_utf8(octets[..colon].to_vec()).ok()?;
        Some((name, octets[colon + 1..].to_vec()))
    }

    /// Whether it is the digest of this account for this nonce.
    #[must_use]
    pub fn is_md5_of(&self, key: &Key, nonce: &[u8]) -> bool {
        let octets = self.data.to_octets();
        self.scheme() == Some(Scheme::Md5)
            && octets.is_some_and(|octets| *octets == key.digest(nonce))
    }
}

impl Chal {
    /// A challenge. The nonce is for digests; a basic challenge leaves it out.
    #[must_use]
    pub fn new(scheme: Scheme, nonce: &[u8]) -> Self {
        Self {
            meta: Meta {
                next_nonce: scheme.takes_nonce().then(|| nonce.to_vec()),
                ..Meta::described(Format::B64, scheme.media_type())
            },
        }
    }

    /// The scheme that it asks for.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        Scheme::from_media_type(self.meta.media_type.as_deref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_digests() {
        let key = Key::new("Bruce2", b"OhBehave");
        assert_eq!(key.0, "PtEdr8lBQ45IbT1bZIkrOQ==");
        assert_eq!(format!("{key:?}"), "Key(…)");
        let data = |cred: Cred| cred.data.as_text().unwrap().to_owned();
        assert_eq!(
            data(Cred::basic("Bruce2", b"OhBehave")),
            "QnJ1Y2UyOk9oQmVoYXZl"
        );
        assert_eq!(data(Cred::md5(&key, b"Nonce")), "Zz6EivR3yeaaENcRN6lpAQ==");
        assert_eq!(
            data(Cred::md5(&key, &ZERO_NONCE)),
            "cnPI6nO9RgujiHU0y58kNA=="
        );
        assert_eq!(
            base64::encode(&key.mac(b"Nonce", b"<SyncML/>")),
            "urdCeS3JUmjFgi8SX3webw=="
        );
    }

    #[test]
    fn credentials_are_checked() {
        let key = Key::new("Bruce2", b"OhBehave");
        let cred = Cred::md5(&key, b"Nonce");
        assert_eq!(cred.scheme(), Some(Scheme::Md5));
        assert!(cred.is_md5_of(&key, b"Nonce"));
        assert!(!cred.is_md5_of(&key, b"nonce"));
        assert!(!cred.is_md5_of(&Key::new("Bruce2", b"ohbehave"), b"Nonce"));
        let raw = Cred {
            data: Data::Octets(key.digest(b"Nonce").to_vec()),
            ..cred
        };
        assert!(raw.is_md5_of(&key, b"Nonce"));

        let basic = Cred::basic("u", b"p:q");
        assert!(!basic.is_md5_of(&key, b"Nonce"));
        assert_eq!(
            basic.name_and_password(),
            Some(("u".into(), b"p:q".to_vec()))
        );
        assert_eq!(raw.name_and_password(), None);
    }

    #[test]
    fn a_challenge_carries_a_nonce_where_it_is_of_use() {
        assert_eq!(Chal::new(Scheme::Basic, b"n").meta.next_nonce, None);
        let chal = Chal::new(Scheme::Mac, b"n");
        assert_eq!(chal.scheme(), Some(Scheme::Mac));
        assert_eq!(chal.meta.next_nonce.as_deref(), Some(b"n".as_slice()));
    }
}

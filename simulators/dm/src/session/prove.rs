//! Who is who: what an end shows, what it asks of its peer, and when it believes it
//! (DM Security 1.2).

use crate::auth::{Key, MacHeader, Scheme, ZERO_NONCE};
use crate::syncml::{Chal, Cred, Header, StatusCode};

/// How one end proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The scheme.
    pub scheme: Scheme,
    /// The user name.
    pub name: String,
    /// The password.
    pub secret: Vec<u8>,
    /// The octets that the next digest is made with.
    pub nonce: Vec<u8>,
}

/// What is known of a peer's proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofFacts {
    /// The scheme that is asked for; none if no proof is.
    pub wanted: Option<Scheme>,
    /// Whether it was believed earlier in the session, for all of the session.
    pub believed: bool,
    /// Whether it shows anything.
    pub given: bool,
    /// Whether what it shows is of the scheme and right.
    pub right: bool,
    /// Whether it is not, and would be right for the nonce of resynchronisation.
    pub zero: bool,
}

impl ProofFacts {
    /// What is known where no proof is asked for.
    pub const NONE: Self = Self {
        wanted: None,
        believed: false,
        given: false,
        right: false,
        zero: false,
    };

    /// The status of a header (DM Security 1.2): a proof for the session is shown once, a digest over
    /// the message with every message.
    #[must_use]
    pub fn verdict(self) -> StatusCode {
        match (self.wanted, self.believed, self.given, self.right) {
            (None, ..) => StatusCode::OK,
            (Some(Scheme::Basic | Scheme::Md5), true, false, _) => StatusCode::OK,
            (Some(Scheme::Mac), _, true, true) => StatusCode::OK,
            (Some(_), _, true, true) => StatusCode::AUTHENTICATED,
            (Some(_), _, false, _) => StatusCode::MISSING_CREDENTIALS,
            (Some(_), _, true, false) => StatusCode::INVALID_CREDENTIALS,
        }
    }
}

impl Proof {
    fn key(&self) -> Key {
        Key::new(&self.name, &self.secret)
    }

    /// The `Cred` of a header; none for digests over messages, which go beside the message.
    #[must_use]
    pub fn cred(&self) -> Option<Cred> {
        match self.scheme {
            Scheme::Basic => Some(Cred::basic(&self.name, &self.secret)),
            Scheme::Md5 => Some(Cred::md5(&self.key(), &self.nonce)),
            Scheme::Mac => None,
        }
    }

    /// The value of `x-syncml-hmac` for a message; none for other schemes.
    #[must_use]
    pub fn mac(&self, octets: &[u8]) -> Option<String> {
        let mac = || MacHeader::new(&self.name, self.key().mac(&self.nonce, octets)).to_string();
        (self.scheme == Scheme::Mac).then(mac)
    }

    /// Whether a peer shows anything, and whether it is this proof. Octets are those that it sent.
    #[must_use]
    pub fn check(&self, header: &Header, mac: Option<&str>, octets: &[u8]) -> (bool, bool) {
        let given = header.cred.is_some() || mac.is_some();
        let right = match self.scheme {
            Scheme::Basic => header.cred.as_ref().is_some_and(|cred| {
                let own = (self.name.clone(), self.secret.clone());
                cred.scheme() == Some(Scheme::Basic) && cred.name_and_password() == Some(own)
            }),
            Scheme::Md5 => {
                let cred = header.cred.as_ref();
                cred.is_some_and(|cred| cred.is_md5_of(&self.key(), &self.nonce))
            }
            Scheme::Mac => mac.is_some_and(|text| {
                MacHeader::parse(text).is_ok_and(|mac| {
                    mac.user_name == self.name && mac.mac == self.key().mac(&self.nonce, octets)
                })
            }),
        };
        (given, right)
    }

    /// What is known of what a peer shows, who was believed earlier in the session or not. Octets are those that it
    /// sent.
    #[must_use]
    pub fn facts(
        &self,
        believed: bool,
        header: &Header,
        mac: Option<&str>,
        octets: &[u8],
    ) -> ProofFacts {
        let (given, right) = self.check(header, mac, octets);
        let resynchronised = || Self {
            nonce: ZERO_NONCE.to_vec(),
            ..self.clone()
        };
        ProofFacts {
            wanted: Some(self.scheme),
            believed,
            given,
            right,
            zero: given && !right && resynchronised().check(header, mac, octets).1,
        }
    }

    /// What asks a peer for this proof, with the nonce to use.
    #[must_use]
    pub fn challenge(&self) -> Chal {
        Chal::new(self.scheme, &self.nonce)
    }

    /// The octets that a signed trigger carries in front.
    #[must_use]
    pub fn key_of_triggers(&self, server: &str) -> Key {
        Key::new(server, &self.secret)
    }
}

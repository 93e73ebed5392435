//! What protects a bootstrap: a MAC over the document as it is sent (DM Bootstrap 1.2).
//!
//! `HMAC-SHA1(key, document)`, in hexadecimal digits. What the key is depends on the [`Method`].

use std::fmt;

use hmac::{Hmac, Mac};
use sha1::Sha1;

use crate::error::{Basis, Error, Fault, shown};
use crate::media;

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// The identity of the subscriber in the network (IMSI or ESN).
    NetworkId,
    /// A number that the user is told and types in.
    UserPin,
    /// Both.
    UserPinNetworkId,
}

/// The two kinds of bootstrap. They make their keys in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// A client provisioning document (OMA ProvBoot 1.1).
    ClientProvisioning,
    /// A DM message (DM Security 1.2).
    Message,
}

impl Profile {
    /// How the identity of the subscriber goes into a key, and how sure we are.
    ///
    /// For client provisioning, implementations on both sides pack it. For a message the text does
    /// not settle it: a tester tries both and says which one a device took.
    #[must_use]
    pub fn key_form(self) -> (KeyForm, Basis) {
        match self {
            Self::ClientProvisioning => (KeyForm::SemiOctets, Basis::Peer),
            Self::Message => (KeyForm::Digits, Basis::Assumed),
        }
    }
}

/// Ways to write the identity of the subscriber into a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyForm {
    /// One octet for each digit.
    Digits,
    /// As the SIM keeps it (GSM 11.11): two digits in an octet, the first in the low half, after a
    /// half octet that says whether their number is odd (9) or even (1); `F` fills up.
    SemiOctets,
}

impl KeyForm {
    fn encoded(self, id: &str) -> Vec<u8> {
        match self {
            Self::Digits => id.as_bytes().to_vec(),
            Self::SemiOctets => {
                let parity = if id.len().is_multiple_of(2) { 1 } else { 9 };
                let digits = id.bytes().map(|digit| digit & 0x0F);
                let halves: Vec<u8> = std::iter::once(parity).chain(digits).collect();
                let octet = |pair: &[u8]| match *pair {
                    [low, high] => high << 4 | low,
                    [low, ..] => 0xF0 | low,
                    [] => 0xFF,
                };
                halves.chunks(2).map(octet).collect()
            }
        }
    }
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NetworkId, Self::UserPin, Self::UserPinNetworkId];

    /// The word in `SEC` of a DM message.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NetworkId => "NETWORKID",
            Self::UserPin => "USERPIN",
            Self::UserPinNetworkId => "USERPIN_NETWORKID",
        }
    }

    /// The number in `SEC` of a client provisioning document, as peers use it ([`Basis::Peer`]).
    /// Number 3 is [`pin_with_mac`], which needs no `MAC`.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::NetworkId => 0,
            Self::UserPin => 1,
            Self::UserPinNetworkId => 2,
        }
    }

    /// The key. What the method does not need is not looked at.
    #[must_use]
    pub fn key(self, profile: Profile, network_id: &str, pin: &str, form: KeyForm) -> Vec<u8> {
        let network_id = form.encoded(network_id);
        let pin = pin.as_bytes();
        match (self, profile) {
            (Self::NetworkId, _) => network_id,
            (Self::UserPin, _) => pin.to_vec(),
            (Self::UserPinNetworkId, Profile::ClientProvisioning) => [&network_id, pin].concat(),
            (Self::UserPinNetworkId, Profile::Message) => [pin, b":", &network_id].concat(),
        }
    }
}

/// The PIN of method 3 of client provisioning (USERPINMAC): the digits of `pin` and as many more
/// that are made from the MAC with `pin` as its key, one from each octet, the rest of its division by
/// ten. As a peer does it ([`Basis::Peer`]).
///
/// The user types all of them; a device takes them apart in the middle and compares. The MAC has 20
/// octets, so a longer `pin` gets no more than 20 digits.
#[must_use]
pub fn pin_with_mac(pin: &str, document: &[u8]) -> String {
    let digits = mac(pin.as_bytes(), document)
        .map(|octet| char::from(b'0' + octet % 10))
        .into_iter();
    pin.chars().chain(digits.take(pin.len())).collect()
}

/// The MAC over a document, octet by octet as it is sent.
#[must_use]
pub fn mac(key: &[u8], document: &[u8]) -> [u8; 20] {
    let keyed = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
    keyed.chain_update(document).finalize().into_bytes().into()
}

/// The parameters `SEC` and `MAC` of a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// `SEC`.
    pub method: Method,
    /// `MAC`.
    pub mac: [u8; 20],
}

/// Number of the parameter `SEC` in WSP, as peers have it ([`Basis::Peer`]).
pub const WSP_SEC: u8 = 0x11;
/// Number of the parameter `MAC` in WSP, as peers have it ([`Basis::Peer`]).
pub const WSP_MAC: u8 = 0x12;

impl Protection {
    /// Protects a document.
    #[must_use]
    pub fn new(method: Method, key: &[u8], document: &[u8]) -> Self {
        Self {
            method,
            mac: mac(key, document),
        }
    }

    /// Whether a key fits.
    #[must_use]
    pub fn is_by(&self, key: &[u8], document: &[u8]) -> bool {
        self.mac == mac(key, document)
    }

    /// The parameters, as a document of this kind has them: with the word of the method, or with its
    /// number.
    #[must_use]
    pub fn of(&self, profile: Profile) -> String {
        match profile {
            Profile::Message => self.to_string(),
            Profile::ClientProvisioning => {
                let mac = crate::hex::encode(&self.mac);
                format!("SEC={}; MAC={mac}", self.method.number())
            }
        }
    }

    /// Reads a media type with or without parameters, and gives its name and the protection. Client
    /// provisioning has a number for the method; its word is taken as well.
    ///
    /// # Errors
    ///
    /// [`Fault::Missing`] when only one of `SEC` and `MAC` is there, [`Fault::Unsupported`] for
    /// another method, [`Fault::Value`] when the MAC is not 40 hexadecimal digits.
    pub fn parse(content_type: &str) -> Result<(&str, Option<Self>), Error> {
        let mut parts = content_type.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let (mut method, mut mac) = (None, None);
        for part in parts {
            let Some((parameter, value)) = part.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            match parameter.trim().to_ascii_uppercase().as_str() {
                "SEC" => method = Some(value),
                "MAC" => mac = Some(value),
                _ => {}
            }
        }
        let (method, mac) = match (method, mac) {
            (None, None) => return Ok((name, None)),
            (Some(method), Some(mac)) => (method, mac),
            (None, Some(_)) => return Err(missing("SEC", content_type)),
            (Some(_), None) => return Err(missing("MAC", content_type)),
        };
        let by_number = name.eq_ignore_ascii_case(media::PROVISIONING);
        let known = Method::ALL
            .into_iter()
            .find(|m| m.as_str() == method || by_number && m.number().to_string() == method);
        let method = known.ok_or_else(|| {
            let words = Method::ALL.map(Method::as_str).join(", ");
            Error::new(Fault::Unsupported, 0, words, shown(method))
        })?;
        let digest = crate::hex::decode(mac).and_then(|octets| octets.try_into().ok());
        let mac = digest
            .ok_or_else(|| Error::new(Fault::Value, 0, "40 hexadecimal digits", shown(mac)))?;
        Ok((name, Some(Self { method, mac })))
    }

    /// The media type `number` with the parameters, as the value of a WSP content type.
    #[must_use]
    pub fn to_wsp(&self, number: u8) -> Vec<u8> {
        let mut out = vec![
            number | 0x80,
            WSP_SEC | 0x80,
            self.method.number() | 0x80,
            WSP_MAC | 0x80,
        ];
        out.extend(crate::hex::encode(&self.mac).into_bytes());
        out.push(0);
        out
    }

    /// Reads what [`to_wsp`](Self::to_wsp) writes: the number of the media type and the protection.
    ///
    /// # Errors
    ///
    /// [`Fault::Unsupported`] for any other layout, [`Fault::Value`] for a method or a MAC that is
    /// none.
    pub fn from_wsp(octets: &[u8]) -> Result<(u8, Self), Error> {
        const SEC: u8 = WSP_SEC | 0x80;
        const MAC: u8 = WSP_MAC | 0x80;
        let [
            number @ 0x80..=0xFF,
            SEC,
            method @ 0x80..=0xFF,
            MAC,
            digits @ ..,
            0,
        ] = octets
        else {
            return Err(Error::new(
                Fault::Unsupported,
                0,
                "a media type with SEC and MAC",
                format!("{octets:02X?}"),
            ));
        };
        let known = Method::ALL
            .into_iter()
            .find(|m| m.number() == method & 0x7F);
        let digest = str::from_utf8(digits).ok().and_then(crate::hex::decode);
        let digest = digest.and_then(|octets| octets.try_into().ok());
        match (known, digest) {
            (Some(method), Some(mac)) => Ok((number & 0x7F, Self { method, mac })),
            (None, _) => Err(Error::new(
                Fault::Value,
                2,
                "a method from 0 to 2",
                format!("{}", method & 0x7F),
            )),
            (_, None) => Err(Error::new(
                Fault::Value,
                4,
                "40 hexadecimal digits",
                shown(&String::from_utf8_lossy(digits)),
            )),
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mac = crate::hex::encode(&self.mac);
        write!(f, "SEC={}; MAC={mac}", self.method.as_str())
    }
}

fn missing(parameter: &str, content_type: &str) -> Error {
    Error::new(
        Fault::Missing,
        content_type.len(),
        format!("a parameter {parameter}"),
        "none",
    )
}

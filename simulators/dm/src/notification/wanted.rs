//! What a notification of DM 1.3 asks for beside a session, and how that is written in its body.
//!
//! Which option has which tag, and what its octets mean, is data: the encoding is not public, and a
//! system may have another one than the table that is [assumed](super::options::ASSUMED).

use serde::{Deserialize, Serialize};

use super::options::{self, Kind, Opt, Value};
use crate::auth::Scheme;
use crate::error::Error;

/// The tags of the options, and what their octets stand for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Codes {
    /// Tag: until when the notification counts, in seconds since 1970, four octets.
    pub expiration: u8,
    /// Tag: the reason as text.
    pub reason: u8,
    /// Tag: the kind of authentication that is wanted, one octet.
    pub authentication: u8,
    /// The octet for name and password.
    pub basic: u8,
    /// The octet for a digest.
    pub md5: u8,
    /// The octet for a digest over each message.
    pub hmac: u8,
    /// Tag: the transport that is wanted, one octet.
    pub transport: u8,
    /// The octet for HTTP.
    pub http: u8,
    /// The octet for OBEX.
    pub obex: u8,
    /// Tag: the address of a node that the first package is to have; once for each node.
    pub node: u8,
}

impl Default for Codes {
    fn default() -> Self {
        Self {
            expiration: 1,
            reason: 3,
            transport: 4,
            http: 1,
            obex: 3,
            authentication: 5,
            basic: 1,
            md5: 2,
            hmac: 3,
            node: 7,
        }
    }
}

/// What a notification asks for beside a session.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Wanted {
    /// Until when it counts, in seconds since 1970; for ever if it does not say.
    pub expires: Option<u32>,
    /// Why the server wants a session.
    pub reason: Option<String>,
    /// How the client is to prove who it is: the octet.
    pub authentication: Option<u8>,
    /// By which transport the client is to come: the octet.
    pub transport: Option<u8>,
    /// The nodes that the first package is to have.
    pub nodes: Vec<String>,
}

impl Codes {
    /// The octet for a scheme.
    #[must_use]
    pub const fn of_scheme(&self, scheme: Scheme) -> u8 {
        match scheme {
            Scheme::Basic => self.basic,
            Scheme::Md5 => self.md5,
            Scheme::Mac => self.hmac,
        }
    }

    /// The scheme that an octet stands for.
    #[must_use]
    pub fn scheme(&self, octet: u8) -> Option<Scheme> {
        let mut all = Scheme::ALL.into_iter();
        all.find(|scheme| self.of_scheme(*scheme) == octet)
    }

    fn kind(&self, tag: u8) -> Option<Kind> {
        let kinds = [
            (self.expiration, Kind::Seconds),
            (self.reason, Kind::Text),
            (self.authentication, Kind::Octet),
            (self.transport, Kind::Octet),
            (self.node, Kind::Text),
        ];
        let mut kinds = kinds.into_iter();
        kinds.find_map(|(known, kind)| (known == tag).then_some(kind))
    }
}

impl Wanted {
    /// What a body asks for. What is not written as the table has it is left out: a body may be a vendor's.
    #[must_use]
    pub fn read(codes: &Codes, body: &[u8]) -> Self {
        let mut wanted = Self::default();
        let mut rest = body;
        while let [tag, length, tail @ ..] = rest {
            let Some((value, after)) = tail.split_at_checked(usize::from(*length)) else {
                break;
            };
            let value = options::decoded(codes.kind(*tag), value);
            match value {
                Some(Value::Seconds(seconds)) => wanted.expires = Some(seconds),
                Some(Value::Text(text)) if *tag == codes.reason => wanted.reason = Some(text),
                Some(Value::Text(text)) => wanted.nodes.push(text),
                Some(Value::Octet(octet)) if *tag == codes.transport => {
                    wanted.transport = Some(octet);
                }
                Some(Value::Octet(octet)) => wanted.authentication = Some(octet),
                Some(Value::Numbers(_) | Value::Unknown(_)) | None => {}
            }
            rest = after;
        }
        wanted
    }

    /// The body that asks for it; nothing if it asks for nothing.
    ///
    /// # Errors
    ///
    /// [`Fault::Value`](crate::error::Fault::Value) when a text is longer than 255 octets.
    pub fn write(&self, codes: &Codes) -> Result<Vec<u8>, Error> {
        let octet = |tag, octet: Option<u8>| Some((tag, Value::Octet(octet?)));
        let single = [
            self.expires
                .map(|at| (codes.expiration, Value::Seconds(at))),
            self.reason
                .clone()
                .map(|text| (codes.reason, Value::Text(text))),
            octet(codes.transport, self.transport),
            octet(codes.authentication, self.authentication),
        ];
        let nodes = self.nodes.iter();
        let nodes = nodes.map(|uri| (codes.node, Value::Text(uri.clone())));
        let all = single.into_iter().flatten().chain(nodes);
        let all: Vec<Opt> = all.map(|(tag, value)| Opt { tag, value }).collect();
        options::write(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_as_it_was_written() {
        let wanted = Wanted {
            expires: Some(0x6000_0000),
            reason: Some("new settings".into()),
            authentication: Some(3),
            transport: Some(1),
            nodes: vec!["./DevDetail/FwV".into(), "./DevDetail/HwV".into()],
        };
        let codes = Codes::default();
        let body = wanted.write(&codes).unwrap();
        assert_eq!(Wanted::read(&codes, &body), wanted);
        // The table that is assumed reads the same.
        assert_eq!(options::read(options::ASSUMED, &body).unwrap().len(), 6);
        // With other tags nothing of it is understood.
        let other = Codes {
            expiration: 101,
            reason: 103,
            transport: 104,
            authentication: 105,
            node: 107,
            ..codes
        };
        assert_eq!(Wanted::read(&other, &body), Wanted::default());
    }

    #[test]
    fn what_is_broken_is_left_out_and_the_rest_stands() {
        let codes = Codes::default();
        let mut body = vec![3, 2, 0xFF, 0xFE, 1, 4, 0, 0, 0, 9];
        assert_eq!(Wanted::read(&codes, &body).expires, Some(9));
        body.extend([3, 200, b'x']);
        let wanted = Wanted::read(&codes, &body);
        assert_eq!((wanted.expires, wanted.reason), (Some(9), None));
        assert_eq!(Wanted::read(&codes, b"a"), Wanted::default());
    }

    #[test]
    fn octets_stand_for_schemes() {
        let codes = Codes::default();
        for scheme in Scheme::ALL {
            assert_eq!(codes.scheme(codes.of_scheme(scheme)), Some(scheme));
        }
        assert_eq!(codes.scheme(9), None);
    }
}

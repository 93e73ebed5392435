use std::fmt;

use serde::{Deserialize, Serialize};

/// An alert (RFC 5246 §7.2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Alert {
    /// Whether it ends the association.
    pub fatal: bool,
    /// The description's number.
    pub description: u8,
}

/// Numbers and names of alert descriptions (RFC 5246 §7.2, RFC 4279 §6).
const NAMES: [(u8, &str); 19] = [
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (22, "record_overflow"),
    (40, "handshake_failure"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (110, "unsupported_extension"),
    (115, "unknown_psk_identity"),
];

impl Alert {
    /// The sender has nothing more to say.
    pub const CLOSE_NOTIFY: Self = Self {
        fatal: false,
        description: 0,
    };
    /// What it was to verify or decrypt in the handshake could not be.
    pub const DECRYPT_ERROR: Self = Self::fatal(51);
    /// The identity of a pre-shared key is not known.
    pub const UNKNOWN_PSK_IDENTITY: Self = Self::fatal(115);

    /// One that ends the association.
    pub const fn fatal(description: u8) -> Self {
        Self {
            fatal: true,
            description,
        }
    }

    /// Reads a record's plaintext.
    pub fn parse(body: &[u8]) -> Option<Self> {
        match *body {
            [level @ (1 | 2), description] => Some(Self {
                fatal: level == 2,
                description,
            }),
            _ => None,
        }
    }

    /// A record's plaintext.
    pub const fn octets(self) -> [u8; 2] {
        [if self.fatal { 2 } else { 1 }, self.description]
    }

    /// The description's name, if it has one.
    pub fn name(self) -> Option<&'static str> {
        let named = NAMES.iter().find(|(number, _)| *number == self.description);
        named.map(|(_, name)| *name)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "alert {}", self.description),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Alert, NAMES};

    #[test]
    fn octets_and_names() {
        let alert = Alert::UNKNOWN_PSK_IDENTITY;
        assert_eq!(alert.octets(), [2, 115]);
        assert_eq!(Alert::parse(&[2, 115]), Some(alert));
        assert_eq!(Alert::parse(&[1, 0]), Some(Alert::CLOSE_NOTIFY));
        assert_eq!(alert.to_string(), "unknown_psk_identity");
        assert_eq!(Alert::fatal(200).to_string(), "alert 200");
        for broken in [&[][..], &[2], &[3, 0], &[2, 0, 0]] {
            assert_eq!(Alert::parse(broken), None);
        }
        assert!(NAMES.is_sorted_by_key(|(number, _)| *number));
    }
}

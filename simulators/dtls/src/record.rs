use std::fmt;

use serde::{Deserialize, Serialize};

/// How long a record's header is.
pub(crate) const HEADER: usize = 13;

/// The largest sequence number of an epoch: 48 bits.
pub(crate) const LAST_SEQUENCE: u64 = (1 << 48) - 1;

/// DTLS 1.2 as it stands in headers.
pub(crate) const VERSION: [u8; 2] = [0xfe, 0xfd];

/// What a record holds (RFC 5246 §6.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ContentType {
    /// From the next epoch on, what was agreed holds.
    ChangeCipherSpec,
    /// An [`Alert`](crate::Alert).
    Alert,
    /// A part of the handshake.
    Handshake,
    /// What the association is for.
    ApplicationData,
    /// None that DTLS 1.2 without extensions has.
    Other(u8),
}

impl ContentType {
    /// The type of this number.
    pub const fn new(number: u8) -> Self {
        match number {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            other => Self::Other(other),
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::ApplicationData => 23,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChangeCipherSpec => f.write_str("change_cipher_spec"),
            Self::Alert => f.write_str("alert"),
            Self::Handshake => f.write_str("handshake"),
            Self::ApplicationData => f.write_str("application_data"),
            Self::Other(number) => write!(f, "content type {number}"),
        }
    }
}

/// What a message of the handshake is (RFC 5246 §7.4, RFC 6347 §4.3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HandshakeType(pub u8);

impl HandshakeType {
    /// A client begins.
    pub const CLIENT_HELLO: Self = Self(1);
    /// A server chooses.
    pub const SERVER_HELLO: Self = Self(2);
    /// A server wants to see its cookie again.
    pub const HELLO_VERIFY_REQUEST: Self = Self(3);
    /// What all that was said amounts to, under the new keys.
    pub const FINISHED: Self = Self(20);

    /// Its name, if it has one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "HelloRequest",
            1 => "ClientHello",
            2 => "ServerHello",
            3 => "HelloVerifyRequest",
            11 => "Certificate",
            12 => "ServerKeyExchange",
            13 => "CertificateRequest",
            14 => "ServerHelloDone",
            15 => "CertificateVerify",
            16 => "ClientKeyExchange",
            20 => "Finished",
            _ => return None,
        })
    }
}

impl fmt::Display for HandshakeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "handshake message {}", self.0),
        }
    }
}

/// What can be read of a record by anybody.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Header {
    /// The number of the [`ContentType`].
    pub content_type: u8,
    /// How often keys have changed.
    pub epoch: u16,
    /// The number within the epoch.
    pub sequence: u64,
    /// How many octets follow the header.
    pub length: u16,
}

impl Header {
    /// Its octets.
    pub(crate) fn octets(&self) -> [u8; HEADER] {
        let mut octets = [0; HEADER];
        octets[0] = self.content_type;
        octets[1..3].copy_from_slice(&VERSION);
        octets[3..11].copy_from_slice(&number(self.epoch, self.sequence));
        octets[11..].copy_from_slice(&self.length.to_be_bytes());
        octets
    }
}

/// Epoch and sequence number as they stand in headers, in what is authenticated, and in nonces.
pub(crate) fn number(epoch: u16, sequence: u64) -> [u8; 8] {
    (u64::from(epoch) << 48 | sequence & LAST_SEQUENCE).to_be_bytes()
}

/// A record as it stands in a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecordView<'a> {
    octets: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// The record that begins here, and what follows it; none if it is cut short or of another protocol.
    pub fn first(octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let head = octets.get(..HEADER)?;
        // DTLS 1.0 stands in the first flights of some.
        if !matches!(head[1..3], [0xfe, 0xfd | 0xff]) {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([head[11], head[12]]));
        let (octets, rest) = octets.split_at_checked(HEADER + length)?;
        Some((Self { octets }, rest))
    }

    /// All of it.
    pub const fn octets(self) -> &'a [u8] {
        self.octets
    }

    /// What follows the header.
    pub fn body(self) -> &'a [u8] {
        &self.octets[HEADER..]
    }

    /// What it holds.
    pub const fn content_type(self) -> ContentType {
        ContentType::new(self.octets[0])
    }

    /// How often keys have changed.
    pub const fn epoch(self) -> u16 {
        u16::from_be_bytes([self.octets[3], self.octets[4]])
    }

    /// The number within the epoch.
    pub fn sequence(self) -> u64 {
        let digits = self.octets[5..11].iter();
        digits.fold(0, |number, octet| number << 8 | u64::from(*octet))
    }

    /// What can be read of it by anybody.
    pub fn header(self) -> Header {
        Header {
            content_type: self.octets[0],
            epoch: self.epoch(),
            sequence: self.sequence(),
            length: u16::try_from(self.body().len()).unwrap_or(u16::MAX),
        }
    }

    /// Which message of the handshake this is or begins; that under keys can only be the last.
    pub fn handshake_type(self) -> Option<HandshakeType> {
        match (self.content_type(), self.epoch()) {
            (ContentType::Handshake, 0) => self.body().first().copied().map(HandshakeType),
            (ContentType::Handshake, _) => Some(HandshakeType::FINISHED),
            _ => None,
        }
    }

    /// The suite that a server chose, if this record is its ServerHello.
    pub fn chosen_suite(self) -> Option<u16> {
        if self.epoch() != 0 || self.handshake_type() != Some(HandshakeType::SERVER_HELLO) {
            return None;
        }
        // The message's header, version and random come before the session's name.
        let rest = self.body().get(12 + 2 + 32..)?;
        let (length, rest) = rest.split_first()?;
        let suite = rest.get(usize::from(*length)..)?.get(..2)?;
        Some(u16::from_be_bytes([suite[0], suite[1]]))
    }
}

/// The records of a datagram, and what is left where no further one begins.
pub fn records(datagram: &[u8]) -> (Vec<RecordView<'_>>, &[u8]) {
    let (mut found, mut rest) = (Vec::new(), datagram);
    while let Some((record, further)) = RecordView::first(rest) {
        found.push(record);
        rest = further;
    }
    (found, rest)
}

#[cfg(test)]
mod tests {
    use super::{ContentType, HandshakeType, Header, RecordView, records};

    #[test]
    fn headers_round_trip() {
        let header = Header {
            content_type: 23,
            epoch: 1,
            sequence: 0x0102_0304_0506,
            length: 2,
        };
        let mut octets = header.octets().to_vec();
        assert_eq!(octets, [23, 0xfe, 0xfd, 0, 1, 1, 2, 3, 4, 5, 6, 0, 2]);
        octets.extend([7, 8, 9]);
        let (record, rest) = RecordView::first(&octets).unwrap();
        assert_eq!((record.header(), record.body()), (header, &[7, 8][..]));
        assert_eq!(record.content_type(), ContentType::ApplicationData);
        assert_eq!(rest, [9]);
    }

    #[test]
    fn what_is_cut_short_or_foreign_is_no_record() {
        let header = Header {
            content_type: 22,
            epoch: 0,
            sequence: 0,
            length: 1,
        };
        let mut octets = header.octets().to_vec();
        octets.push(1);
        assert_eq!(
            records(&octets).0[0].handshake_type(),
            Some(HandshakeType::CLIENT_HELLO)
        );
        for length in 0..octets.len() {
            assert_eq!(records(&octets[..length]).0.len(), 0);
        }
        octets[1] = 3;
        assert_eq!(records(&octets), (Vec::new(), &octets[..]));
    }

    #[test]
    fn the_chosen_suite_is_read_behind_the_sessions_name() {
        let mut body = vec![2, 0, 0, 41, 0, 0, 0, 0, 0, 0, 0, 41, 0xfe, 0xfd];
        body.extend([0; 32]);
        body.extend([3, 1, 2, 3, 0xc0, 0xa8, 0]);
        let header = Header {
            content_type: 22,
            epoch: 0,
            sequence: 1,
            length: body.len() as u16,
        };
        let octets = [&header.octets()[..], &body].concat();
        assert_eq!(records(&octets).0[0].chosen_suite(), Some(0xc0a8));
        let cut = Header {
            length: 50,
            ..header
        };
        let octets = [&cut.octets()[..], &body[..50]].concat();
        assert_eq!(records(&octets).0[0].chosen_suite(), None);
    }
}

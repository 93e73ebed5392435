//! What clients begin with, and how servers answer that: read and written octet by octet, so that a prober can
//! offer what no client would, and a server can answer as none should.

use crate::alert::Alert;
use crate::record::{ContentType, HandshakeType, RecordView, VERSION, records};

/// DTLS 1.0 as it stands in hellos (RFC 4347).
pub const DTLS_1_0: [u8; 2] = [0xfe, 0xff];

/// DTLS 1.2 as it stands in hellos (RFC 6347).
pub const DTLS_1_2: [u8; 2] = VERSION;

/// `extended_master_secret`, without anything in it (RFC 7627 §5.1).
const EXTENDED_MASTER_SECRET: [u8; 4] = [0, 23, 0, 0];

/// The head of a handshake message: type, length, number, and the place of its only fragment.
const HEAD: usize = 12;

/// What a client begins with, as a prober writes it: one extension, extended master secrets, and one way of
/// compression, none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hello {
    /// The newest version that is offered.
    pub version: [u8; 2],
    /// The suites that are offered.
    pub suites: Vec<u16>,
    /// The server's cookie; none the first time.
    pub cookie: Vec<u8>,
    /// What is drawn by lot.
    pub random: [u8; 32],
}

impl Hello {
    /// It as a datagram of one record.
    pub fn datagram(&self) -> Vec<u8> {
        let mut body = self.version.to_vec();
        body.extend(self.random);
        // No session is named.
        body.push(0);
        body.push(self.cookie.len() as u8);
        body.extend(&self.cookie);
        body.extend((2 * self.suites.len() as u16).to_be_bytes());
        body.extend(self.suites.iter().flat_map(|suite| suite.to_be_bytes()));
        body.extend([1, 0]);
        body.extend((EXTENDED_MASTER_SECRET.len() as u16).to_be_bytes());
        body.extend(EXTENDED_MASTER_SECRET);
        let number = u16::from(!self.cookie.is_empty());
        // The first record of a client is often of the oldest version.
        record(number.into(), &message(HandshakeType::CLIENT_HELLO, number, &body))
    }
}

/// A client's hello as a server reads it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Heard {
    pub(crate) version: [u8; 2],
    pub(crate) suites: Vec<u16>,
    pub(crate) cookie: Vec<u8>,
    pub(crate) extensions: Vec<u16>,
    pub(crate) number: u16,
}

impl Heard {
    /// Reads a record; none if it holds no whole hello of a client.
    pub(crate) fn read(record: RecordView<'_>) -> Option<Self> {
        if record.handshake_type() != Some(HandshakeType::CLIENT_HELLO) || record.epoch() > 0 {
            return None;
        }
        let (number, mut rest) = body(record.body())?;
        let version = *take(&mut rest, 2)?.first_chunk()?;
        take(&mut rest, 32)?;
        counted(&mut rest, 1)?;
        let cookie = counted(&mut rest, 1)?.to_vec();
        let suites = pairs(counted(&mut rest, 2)?);
        counted(&mut rest, 1)?;
        let mut extensions = Vec::new();
        if !rest.is_empty() {
            let mut own = counted(&mut rest, 2)?;
            while !own.is_empty() {
                extensions.extend(pairs(take(&mut own, 2)?));
                counted(&mut own, 2)?;
            }
        }
        Some(Self {
            version,
            suites,
            cookie,
            extensions,
            number,
        })
    }

    /// The flight of a server that has chosen a suite: its hello, and that this is all.
    pub(crate) fn chosen(&self, suite: u16) -> Vec<u8> {
        let mut body = self.version.to_vec();
        body.extend([0; 32]);
        body.push(0);
        body.extend(suite.to_be_bytes());
        body.push(0);
        let hello = message(HandshakeType::SERVER_HELLO, self.number, &body);
        let done = message(SERVER_HELLO_DONE, self.number + 1, &[]);
        [record(1, &hello), record(2, &done)].concat()
    }
}

/// The end of a server's flight.
const SERVER_HELLO_DONE: HandshakeType = HandshakeType(14);

/// What a server says to a hello.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// It says why it does not go on.
    Alert(Alert),
    /// It has chosen a suite.
    Chosen {
        /// The version that is spoken.
        version: [u8; 2],
        /// The suite.
        suite: u16,
    },
    /// It wants to see its cookie again.
    Cookie(Vec<u8>),
}

impl Reply {
    /// What a datagram of a server holds, in its order; what answers no hello is passed over.
    pub fn all(datagram: &[u8]) -> Vec<Self> {
        let found = records(datagram).0.into_iter();
        found.filter_map(Self::read).collect()
    }

    fn read(record: RecordView<'_>) -> Option<Self> {
        match (record.content_type(), record.handshake_type()) {
            (ContentType::Alert, _) if record.epoch() == 0 => {
                Alert::parse(record.body()).map(Self::Alert)
            }
            (_, Some(HandshakeType::HELLO_VERIFY_REQUEST)) => {
                let (_, mut rest) = body(record.body())?;
                take(&mut rest, 2)?;
                counted(&mut rest, 1).map(|cookie| Self::Cookie(cookie.to_vec()))
            }
            (_, Some(HandshakeType::SERVER_HELLO)) => {
                let (_, mut rest) = body(record.body())?;
                let version = *take(&mut rest, 2)?.first_chunk()?;
                take(&mut rest, 32)?;
                counted(&mut rest, 1)?;
                let suite = take(&mut rest, 2)?;
                Some(Self::Chosen {
                    version,
                    suite: u16::from_be_bytes(*suite.first_chunk()?),
                })
            }
            _ => None,
        }
    }
}

/// A record in the clear with this number.
fn record(sequence: u64, message: &[u8]) -> Vec<u8> {
    let head = crate::record::Header {
        content_type: ContentType::Handshake.number(),
        epoch: 0,
        sequence,
        length: message.len() as u16,
    };
    [&head.octets()[..], message].concat()
}

/// A message of the handshake in one piece.
fn message(kind: HandshakeType, number: u16, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    let mut message = vec![kind.0];
    message.extend(&length[1..]);
    message.extend(number.to_be_bytes());
    message.extend([0; 3]);
    message.extend(&length[1..]);
    message.extend(body);
    message
}

/// The number and the body of a message that is in one piece.
fn body(message: &[u8]) -> Option<(u16, &[u8])> {
    let (head, rest) = message.split_at_checked(HEAD)?;
    let length = |at: usize| u32::from_be_bytes([0, head[at], head[at + 1], head[at + 2]]);
    let whole = length(6) == 0 && length(1) == length(9);
    let body = rest.get(..length(1) as usize).filter(|_| whole)?;
    Some((u16::from_be_bytes([head[4], head[5]]), body))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

/// What stands behind its own length, which is this many octets long.
fn counted<'a>(rest: &mut &'a [u8], octets: usize) -> Option<&'a [u8]> {
    let length = take(rest, octets)?.iter();
    let length = length.fold(0, |length, octet| length << 8 | usize::from(*octet));
    take(rest, length)
}

fn pairs(octets: &[u8]) -> Vec<u16> {
    let pairs = octets.chunks_exact(2);
    pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

#[cfg(test)]
mod tests {
    use super::{DTLS_1_2, Heard, Hello, Reply};
    use crate::record::records;

    fn hello(cookie: &[u8]) -> Hello {
        Hello {
            version: DTLS_1_2,
            suites: vec![0xc0a8, 0x00ff],
            cookie: cookie.to_vec(),
            random: [7; 32],
        }
    }

    #[test]
    fn what_a_prober_writes_a_server_reads() {
        for cookie in [&[][..], &[1, 2, 3]] {
            let datagram = hello(cookie).datagram();
            let (found, rest) = records(&datagram);
            assert_eq!((found.len(), rest.len()), (1, 0));
            let heard = Heard::read(found[0]).unwrap();
            assert_eq!(heard.suites, [0xc0a8, 0x00ff]);
            assert_eq!(heard.cookie, cookie);
            assert_eq!(heard.extensions, [23]);
            assert_eq!(heard.version, DTLS_1_2);
            for length in 0..datagram.len() {
                let cut = &datagram[..length];
                assert!(records(cut).0.into_iter().all(|one| Heard::read(one).is_none()));
            }
        }
    }

    #[test]
    fn what_a_server_has_chosen_a_prober_reads() {
        let datagram = hello(&[]).datagram();
        let heard = Heard::read(records(&datagram).0[0]).unwrap();
        let chosen = Reply::Chosen {
            version: DTLS_1_2,
            suite: 0x002c,
        };
        assert_eq!(Reply::all(&heard.chosen(0x002c)), [chosen]);
        assert_eq!(Reply::all(&datagram), []);
    }
}

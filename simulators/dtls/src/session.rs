use std::fmt;

use serde::{Deserialize, Serialize};
use twinproof_kernel::Time;

use crate::alert::Alert;
use crate::credentials::{Credentials, Identity};
use crate::record::{HandshakeType, Header};

/// What makes associations. All that a socket's associations have in common is in it: whom it lets in,
/// its randomness, a library's configuration.
pub trait Backend: Send + Sync {
    /// Begins a handshake as a client.
    ///
    /// # Errors
    ///
    /// The credentials are of no use; the words say why.
    fn connect(&self, now: Time, credentials: &Credentials) -> Result<Box<dyn Session>, String>;

    /// Waits for a client's handshake; none if nobody is let in.
    fn accept(&self, now: Time) -> Option<Box<dyn Session>>;
}

/// One association with one peer, from its first flight on.
pub trait Session: Send {
    /// Takes a datagram of the peer's.
    fn push(&mut self, now: Time, datagram: &[u8]);

    /// Takes what has happened since, oldest first.
    fn pull(&mut self) -> Option<Signal>;

    /// When it is to be woken, if at all.
    fn next_deadline(&self) -> Option<Time>;

    /// The moment that was named has come.
    fn wake(&mut self, now: Time);

    /// Sends data.
    ///
    /// # Errors
    ///
    /// The handshake has not come to its end, the association has ended, or the data is too long for a
    /// record.
    fn send(&mut self, now: Time, data: &[u8]) -> Result<(), String>;

    /// Who the peer is, once the handshake has come to its end.
    fn peer(&self) -> Option<&Identity>;

    /// Says that there is nothing more to say.
    fn close(&mut self, now: Time);

    /// Makes a record that no association would make of itself; none before there are keys.
    fn forge(&mut self, forgery: &Forgery) -> Option<Vec<u8>>;
}

/// What an association has to say.
#[derive(Debug)]
pub enum Signal {
    /// This datagram is to leave.
    Transmit(Vec<u8>),
    /// The handshake has come to its end.
    Established(Established),
    /// The peer sent data.
    Data(Vec<u8>),
    /// A record came, and this became of it.
    Record(Header, Fate),
    /// It has ended.
    Ended(Ended),
}

/// What a handshake led to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Established {
    /// Who the peer is.
    pub peer: Identity,
    /// The suite's number.
    pub suite: u16,
    /// The secrets as a line of a key log (NSS's format).
    pub key_log: String,
}

/// What became of a record that came.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was taken.
    Taken,
    /// One with its number had come before.
    Replayed,
    /// It was not sealed with the association's keys, or something on the way changed it.
    Unauthentic,
    /// It belongs to another epoch.
    OfAnotherEpoch,
    /// It came before its time and there was no room to keep it, or nothing that it could mean.
    Ignored,
}

impl Fate {
    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Replayed => "replayed",
            Self::Unauthentic => "unauthentic",
            Self::OfAnotherEpoch => "of another epoch",
            Self::Ignored => "ignored",
        }
    }
}

/// How an association ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The peer said in an alert that it does not go on.
    Refused(Alert),
    /// We did not go on, because of what the peer showed.
    Rejected(Rejection),
    /// Our last flight was not answered. What the last message was that came, if any.
    Silent(Option<u8>),
    /// The peer went on answering, and our handshake did not come to its end: our own fault.
    Stuck,
    /// Our side failed: our own fault.
    Broken(String),
    /// The peer said that it has nothing more to say.
    Closed,
    /// We said so.
    Left,
    /// The peer has begun anew.
    Superseded,
    /// It was dropped unfinished, to make room for others.
    Displaced,
}

impl Ended {
    /// Whether this says nothing at all of the peer.
    pub const fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Stuck | Self::Broken(_) | Self::Left | Self::Displaced
        )
    }

    /// In one word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Rejected(_) => "rejected",
            Self::Silent(_) => "silent",
            Self::Stuck => "stuck",
            Self::Broken(_) => "broken",
            Self::Closed => "closed",
            Self::Left => "left",
            Self::Superseded => "superseded",
            Self::Displaced => "displaced",
        }
    }

    /// Whether a second attempt could end otherwise.
    pub const fn is_worth_another(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::Stuck | Self::Broken(_))
    }

    /// Whether several attempts ended as this one rather than as a later one did: a fault of ours in one of them
    /// may be why the peer was silent in the next, and who has answered once is there.
    pub(crate) const fn says_more_than(&self, later: &Self) -> bool {
        matches!(
            (self, later),
            (Self::Stuck | Self::Broken(_), Self::Silent(_))
                | (Self::Silent(Some(_)), Self::Silent(None))
        )
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(alert) => write!(f, "the peer refused with {alert}"),
            Self::Rejected(why) => write!(f, "we refused, because {why}"),
            Self::Silent(None) => f.write_str("the peer never answered"),
            Self::Silent(Some(last)) => {
                write!(f, "the peer was silent after its {}", HandshakeType(*last))
            }
            Self::Stuck => f.write_str("our handshake got stuck (our own fault)"),
            Self::Broken(why) => write!(f, "our side failed (our own fault): {why}"),
            Self::Closed => f.write_str("the peer closed it"),
            Self::Left => f.write_str("we closed it"),
            Self::Superseded => f.write_str("the peer began anew"),
            Self::Displaced => f.write_str("we dropped it to make room (our own doing)"),
        }
    }
}

/// Why we did not go on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// Nobody is let in under this identity.
    UnknownIdentity(Vec<u8>),
    /// The peer does not have the key.
    WrongKey,
    /// What our alert said, and the words of the library.
    Alert(Alert, String),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIdentity(identity) => {
                write!(f, "nobody is known as \"{}\"", identity.escape_ascii())
            }
            Self::WrongKey => f.write_str("the peer does not have the key"),
            Self::Alert(alert, why) => write!(f, "of {alert}: {why}"),
        }
    }
}

/// A record that no association would make of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forgery {
    /// The number of its content type.
    pub content_type: u8,
    /// Its epoch; 0 is not sealed.
    pub epoch: u16,
    /// Its number; the next one if none. No number that is given here is used up.
    pub sequence: Option<u64>,
    /// What it holds.
    pub plain: Vec<u8>,
}

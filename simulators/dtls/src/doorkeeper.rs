//! What a server decides when somebody comes, and of what comes.

use std::fmt::Debug;

/// The decisions of a server; each default is what the texts ask for.
pub trait Doorkeeper: Debug + Send + Sync {
    /// The key of who begins a handshake under an identity, if there is one.
    fn key(&self, facts: KeyFacts<'_>) -> Option<Vec<u8>> {
        facts.own.map(<[u8]>::to_vec)
    }

    /// Whether the data of a record is taken (RFC 6347 §4.1.2.6, §4.1.2.7).
    fn takes(&self, facts: RecordFacts) -> bool {
        facts.authentic && !facts.came_before && facts.protected
    }
}

/// Who begins a handshake.
#[derive(Clone, Copy, Debug)]
pub struct KeyFacts<'a> {
    /// The identity that it claims.
    pub identity: &'a [u8],
    /// The key of that identity, if it is known.
    pub own: Option<&'a [u8]>,
    /// The key of the first of all identities, in their order.
    pub first: Option<&'a [u8]>,
    /// How often a key was asked for under this identity before.
    pub before: usize,
}

/// A record with data that has come over an association.
#[derive(Clone, Copy, Debug)]
pub struct RecordFacts {
    /// It was sealed with the keys of the association, and nothing has changed it on the way.
    pub authentic: bool,
    /// One with its number came before, or it is older than is remembered.
    pub came_before: bool,
    /// It is of the epoch that has keys.
    pub protected: bool,
}

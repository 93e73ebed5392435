//! Checks on DM clients, servers and bootstrap servers, a file per role.

pub mod bootstrap;
pub mod client;
pub mod either;
pub mod server;
pub(super) mod talk;

use serde::{Deserialize, Serialize};

use super::Found;
use crate::scene::Scene;

pub use client::{bootstrapped, features, manners, rights, wishes};
pub use server::records;
pub use talk::{message, reading};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "theme", rename_all = "kebab-case")]
pub enum Check {
    /// What a bootstrap server hands out.
    Bootstrap(bootstrap::Check),
    /// What a client makes of a bootstrap.
    Bootstrapped(bootstrapped::Check),
    /// What a client says and does.
    Client(client::Check),
    /// What holds for clients and servers alike.
    Either(either::Check),
    /// What a client says of what it has.
    Feature(features::Check),
    /// What a client makes of what is out of the way.
    Manner(manners::Check),
    /// What the operator of a server is told.
    Record(records::Check),
    /// What lists say.
    Rights(rights::Check),
    /// What a server says and does.
    Server(server::Check),
    /// What a client makes of what notifications ask for.
    Wish(wishes::Check),
}

impl From<bootstrap::Check> for Check {
    fn from(check: bootstrap::Check) -> Self {
        Self::Bootstrap(check)
    }
}

impl From<bootstrapped::Check> for Check {
    fn from(check: bootstrapped::Check) -> Self {
        Self::Bootstrapped(check)
    }
}

impl From<client::Check> for Check {
    fn from(check: client::Check) -> Self {
        Self::Client(check)
    }
}

impl From<server::Check> for Check {
    fn from(check: server::Check) -> Self {
        Self::Server(check)
    }
}

impl From<either::Check> for Check {
    fn from(check: either::Check) -> Self {
        Self::Either(check)
    }
}

impl From<manners::Check> for Check {
    fn from(check: manners::Check) -> Self {
        Self::Manner(check)
    }
}

impl From<records::Check> for Check {
    fn from(check: records::Check) -> Self {
        Self::Record(check)
    }
}

impl From<features::Check> for Check {
    fn from(check: features::Check) -> Self {
        Self::Feature(check)
    }
}

impl From<rights::Check> for Check {
    fn from(check: rights::Check) -> Self {
        Self::Rights(check)
    }
}

impl From<wishes::Check> for Check {
    fn from(check: wishes::Check) -> Self {
        Self::Wish(check)
    }
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Bootstrap(check) => check.look(scene),
            Self::Bootstrapped(check) => check.look(scene),
            Self::Client(check) => check.look(scene),
            Self::Either(check) => check.look(scene),
            Self::Feature(check) => check.look(scene),
            Self::Manner(check) => check.look(scene),
            Self::Record(check) => check.look(scene),
            Self::Rights(check) => check.look(scene),
            Self::Server(check) => check.look(scene),
            Self::Wish(check) => check.look(scene),
        }
    }
}

/// The session that a check looks at: between the system under test and a simulated party, from a
/// number of the ledger on, which does not count.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Session {
    /// The simulated party.
    pub party: String,
    /// The last number before it.
    pub after: u64,
    /// The last number that belongs to it; all that follow if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upto: Option<u64>,
}

//! What a gateway decides.

use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::syncml::StatusCode;
use twinproof_dm::upper::Act;

use crate::aggregate::Entry;

/// What is known when a device has shown who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// It has a record.
    pub recorded: bool,
    /// The record says that it is attached.
    pub attached: bool,
    /// Servers want to be told of new devices.
    pub reports: bool,
}

/// What becomes of the record of a device that has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It says so.
    Detached,
    /// There is none any more.
    Erased,
    /// It stays as it was.
    Kept,
}

/// What a notification is judged by that names a device in the header of its push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relayed {
    /// The device is one of the gateway's.
    pub known: bool,
    /// It can be reached.
    pub attached: bool,
    /// The gateway has an account of the server that it names.
    pub server: bool,
    /// Its digest is right for that account.
    pub signed: bool,
}

/// What makes a device a target of a fan-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aimed {
    /// The fan-out names it, or its group has it.
    pub named: bool,
    /// It is one of the gateway's.
    pub known: bool,
    /// It was aimed at before in the same fan-out.
    pub already: bool,
}

/// What is known when a server wants an image to be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The gateway is set to keep images.
    pub keeps: bool,
    /// It has what is at that place.
    pub held: bool,
}

/// What a gateway does with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetching {
    /// It fetches it.
    Fetch,
    /// It takes what it has.
    Hold,
    /// It does nothing.
    Refuse,
}

/// How many devices, and how many of them failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub total: usize,
    /// Those that did not do all.
    pub failed: usize,
}

twinproof_kernel::rules! {
    /// The decisions of a gateway.
    pub mod decide {
        use super::Act;
        use super::Aimed;
        use super::Arrival;
        use super::Entry;
        use super::Fetching;
        use super::Leaving;
        use super::ProofFacts;
        use super::Relayed;
        use super::StatusCode;
        use super::Tally;
        use super::Wanted;

        /// What a device is told of what it shows of itself.
        fn believes(&self, facts: ProofFacts) -> StatusCode {
            facts.verdict()
        }

        /// Whether a device that is to be told something is woken.
        fn wakes(&self, attached: bool) -> bool {
            attached
        }

        /// Whether a setting holds again after a restart.
        fn restores(&self, written: bool) -> bool {
            written
        }

        /// Whether a device gets a record.
        fn records(&self, facts: Arrival) -> bool {
            !facts.recorded
        }

        /// Whether servers are told that a device is there: new is what has no record yet.
        fn reports(&self, facts: Arrival) -> bool {
            facts.reports && !facts.recorded
        }

        /// What becomes of the record of a device that cannot be reached any more.
        fn leaves(&self, attached: bool) -> Leaving {
            match attached {
                true => Leaving::Detached,
                false => Leaving::Kept,
            }
        }

        /// Whether a notification goes on to the device that it names.
        fn relays(&self, facts: Relayed) -> bool {
            facts.known && facts.attached && facts.server && facts.signed
        }

        /// What is relayed.
        fn carries(&self, body: Vec<u8>) -> Vec<u8> {
            body
        }

        /// Whether a fan-out reaches a device.
        fn aims(&self, facts: Aimed) -> bool {
            facts.named && facts.known && !facts.already
        }

        /// Whether a fan-out begins that is under way already, or is not.
        fn begins(&self, running: bool) -> bool {
            !running
        }

        /// What each device is told.
        fn tells(&self, acts: Vec<Act>) -> Vec<Act> {
            acts
        }

        /// The code for a device that cannot be reached, or did not answer in time.
        fn silent(&self, reached: bool) -> u16 {
            match reached {
                true => 504,
                false => 503,
            }
        }

        /// The code of a device, from those of its commands: the first that is no success.
        fn sums_up(&self, codes: Vec<u16>) -> u16 {
            codes.into_iter().find(|code| !(200..300).contains(code)).unwrap_or(200)
        }

        /// The entries of a report, from those that there are.
        fn gathers(&self, entries: Vec<Entry>) -> Vec<Entry> {
            entries
        }

        /// The code of a whole fan-out.
        fn overall(&self, tally: Tally) -> u16 {
            match tally.failed {
                0 => 200,
                _ => 500,
            }
        }

        /// What a report says that it is about.
        fn quotes(&self, correlator: Option<String>) -> Option<String> {
            correlator
        }

        /// What becomes of an image that a server wants the gateway to have.
        fn fetches(&self, facts: Wanted) -> Fetching {
            match facts {
                Wanted { keeps: false, .. } => Fetching::Refuse,
                Wanted { held: true, .. } => Fetching::Hold,
                _ => Fetching::Fetch,
            }
        }

        /// What devices get of an image.
        fn serves(&self, octets: Vec<u8>) -> Vec<u8> {
            octets
        }
    }
}

/// The southern side decides as the gateway does.
pub(super) struct Below(pub(super) std::sync::Arc<dyn decide::Rules>);

impl twinproof_dm::server::rules::decide::Rules for Below {
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        self.0.believes(facts)
    }
}

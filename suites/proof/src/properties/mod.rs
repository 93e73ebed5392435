//! Random command sequences against any Twinning enabler, with a pure model beside it.
//!
//! What the system accepts, the model is told; what it must accept or must refuse, the model knows.
//! After each command the devices look at what they have, and the invariants have to hold for it. A
//! sequence that breaks one is shrunk to the shortest, and written down as a scenario.

mod abroad;
mod command;
mod deeds;
mod drive;
mod expected;
mod gherkin;
pub mod hunt;
mod invariants;
mod model;
mod news;
mod races;
mod script;
mod search;
mod seen;

use std::ops::RangeInclusive;
use std::path::Path;

use serde::{Deserialize, Serialize};
use twinproof_conformance::Target;
use twinproof_stage::Kind;

pub use command::{Command, Way};
pub use invariants::{ALL, Invariant};
pub use search::search;

/// How many commands a sequence has unless somebody wants another number.
pub const LENGTHS: RangeInclusive<usize> = 1..=40;

/// What to run.
pub struct Options {
    /// The system.
    pub target: Target,
    /// The stage.
    pub kind: Kind,
    /// How many sequences.
    pub cases: u32,
    /// How many commands a sequence has.
    pub lengths: RangeInclusive<usize>,
    /// The seed.
    pub seed: u64,
    /// Only a violation of this invariant counts.
    pub only: Option<String>,
    /// Sequences that failed before, which are tried first.
    pub known: Vec<Vec<Command>>,
}

impl Options {
    /// A search on the virtual stage with sequences of the usual lengths.
    pub fn new(target: Target, cases: u32, seed: u64) -> Self {
        Self {
            target,
            kind: Kind::Virtual,
            cases,
            lengths: LENGTHS,
            seed,
            only: None,
            known: Vec::new(),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Found {
    /// How many sequences were tried, without those of shrinking.
    pub cases: usize,
    /// How many commands were performed, with those of shrinking.
    pub commands: usize,
    /// Sequences that the transport broke; they say nothing.
    pub transport: usize,
    /// What the first of those met.
    pub transport_broke: Option<String>,
    /// Sequences that ended at an invariant that was not asked for; they say little.
    pub ended_by_others: usize,
    /// The invariants that could not be checked, and what the profile lacks.
    pub not_checked: Vec<(String, String)>,
    /// The shortest sequence that breaks an invariant, if one was found.
    pub failure: Option<Failure>,
}

impl Found {
    /// Whether a sequence was performed to its end, or an invariant was seen broken: without either,
    /// nothing was found out.
    pub fn says_something(&self, known: usize) -> bool {
        self.failure.is_some() || self.transport + self.ended_by_others < self.cases + known
    }
}

/// A sequence that breaks an invariant.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Failure {
    /// The invariant.
    pub invariant: String,
    /// What was seen.
    pub seen: String,
    /// The commands, the last of them being the one after which it was seen.
    pub commands: Vec<Command>,
    /// What the last command and the readings behind it looked like, a message each.
    #[serde(default)]
    pub exchange: Vec<String>,
    /// The sequence as a feature with one scenario, or why the suite has no words for it.
    #[serde(default = "no_feature")]
    pub feature: Result<String, String>,
}

fn no_feature() -> Result<String, String> {
    Err("it was kept by a version that wrote no scenarios".to_owned())
}

impl Failure {
    /// Whether the invariant is but a recommendation.
    pub fn is_advice(&self) -> bool {
        invariants::is_advice(&self.invariant)
    }

    /// Reads the sequences that were kept under `path`; none if there is no such file.
    ///
    /// # Errors
    ///
    /// The file cannot be read or holds something else.
    pub fn load(path: &Path) -> Result<Vec<Self>, String> {
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| {
                format!(
                    "{}: {e}; it is no file of this version, move it away to begin anew",
                    path.display()
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// Keeps a sequence under `path`, beside those that are there.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub fn keep(&self, path: &Path) -> Result<(), String> {
        let mut kept = Self::load(path)?;
        if !kept.iter().any(|other| other.commands == self.commands) {
            kept.push(self.clone());
        }
        let text = serde_json::to_string_pretty(&kept).map_err(|e| e.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

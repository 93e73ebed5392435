//! The built-in system in other lawful shapes.
//!
//! A dimension is something that the texts leave open, with its lawful values; the first is what the
//! built-in system does by itself. Variants combine them so that any two values of two dimensions
//! meet in at least one variant.

mod pairs;
mod rules;
mod table;

use std::sync::Arc;
use std::time::Duration;

use twinproof_twinning::enabler::rules::{Refused, Rules, Said};
use twinproof_twinning::knobs::Knobs;

use crate::twinning::{CODE_LIFETIME, MAX_SECONDARIES, OPERATOR};

pub use pairs::all_pairs;
pub use rules::{Lawful, Reading};
pub use table::TWINNING;

/// Something that the texts leave open.
pub struct Dimension {
    /// Its name.
    pub name: &'static str,
    /// What leaves it open: a section of the digest, or rulings of the ambiguity register.
    pub source: &'static str,
    /// Its lawful values, the built-in system's own first.
    pub values: &'static [Value],
}

/// A lawful value.
pub struct Value {
    /// Its name.
    pub name: &'static str,
    /// How it shows.
    pub choice: Choice,
}

/// What makes a system have a value.
pub enum Choice {
    /// Nothing: the built-in system has it.
    Own,
    /// A reading of the texts.
    Reads(Reading),
    /// Other terms for refusals.
    Says(&'static [(Refused, Said)]),
    /// Another shape.
    Shapes(fn(&mut Shape)),
}

impl Choice {
    /// The rules that decide otherwise for it.
    pub const fn rules(&self) -> &'static [&'static str] {
        match self {
            Self::Own | Self::Shapes(_) => &[],
            Self::Reads(reading) => reading.rules(),
            Self::Says(_) => &["said"],
        }
    }
}

/// What a variant is made of, and what its profile has to say of it.
#[derive(Clone)]
pub struct Shape {
    /// The interface's shapes.
    pub knobs: Knobs,
    /// What stands in front of the APIs' own segments.
    pub base_path: &'static str,
    /// The operator's identity (MCC-MNC).
    pub mno_id: &'static str,
    /// How long an activation code lives.
    pub code_lifetime: Duration,
    /// How many secondaries one primary may have.
    pub max_secondaries: usize,
    /// Whether subscribers have voice mail.
    pub voice_mail: bool,
    /// Whether relationships may cross networks.
    pub partners: bool,
    /// Whether notification channels are offered.
    pub channels: bool,
    /// Whether a secondary keeps the token that it was provisioned with.
    pub keeps_token: bool,
    lawful: Lawful,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            knobs: Knobs::default(),
            base_path: "/exampleAPI",
            mno_id: OPERATOR,
            code_lifetime: CODE_LIFETIME,
            max_secondaries: MAX_SECONDARIES,
            voice_mail: true,
            partners: true,
            channels: true,
            keeps_token: false,
            lawful: Lawful::default(),
        }
    }
}

impl Shape {
    /// The shape that has this value of each dimension; what is left out is the first.
    pub fn of(dimensions: &[Dimension], row: &[usize]) -> Self {
        let mut shape = Self::default();
        let chosen = dimensions.iter().zip(row);
        for value in chosen.filter_map(|(dimension, number)| dimension.values.get(*number)) {
            match value.choice {
                Choice::Own => {}
                Choice::Reads(reading) => shape.lawful.read(reading),
                Choice::Says(terms) => shape.lawful.say(terms),
                Choice::Shapes(apply) => apply(&mut shape),
            }
        }
        shape
    }

    /// The rules by which this system decides.
    pub fn rules(&self) -> Arc<dyn Rules> {
        Arc::new(self.lawful.clone().with(self.knobs.clone()))
    }

    fn read(&mut self, reading: Reading) {
        self.lawful.read(reading);
    }
}

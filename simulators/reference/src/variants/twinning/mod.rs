//! The built-in Twinning system in other lawful shapes.

mod rules;
mod table;

use std::sync::Arc;
use std::time::Duration;

use twinproof_twinning::enabler::rules::{Refused, Rules, Said};
use twinproof_twinning::knobs::Knobs;

use super::Dimension;
use crate::twinning::{CODE_LIFETIME, MAX_SECONDARIES, OPERATOR};

pub use rules::{Lawful, Reading};

/// What makes a system have a value.
pub enum Choice {
    /// A reading of the texts.
    Reads(Reading),
    /// Other terms for refusals.
    Says(&'static [(Refused, Said)]),
    /// Another shape.
    Shapes(fn(&mut Shape)),
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

impl super::Shape for Shape {
    type Choice = Choice;

    const DIMENSIONS: &'static [Dimension<Choice>] = table::DIMENSIONS;

    fn choose(&mut self, choice: &Choice) {
        match choice {
            Choice::Reads(reading) => self.read(*reading),
            Choice::Says(terms) => self.lawful.say(terms),
            Choice::Shapes(apply) => apply(self),
        }
    }

    fn rules_of(choice: &Choice) -> &'static [&'static str] {
        match choice {
            Choice::Reads(reading) => reading.rules(),
            Choice::Says(_) => &["said"],
            Choice::Shapes(_) => &[],
        }
    }

    fn knobs(&self) -> serde_json::Value {
        serde_json::to_value(&self.knobs).unwrap_or_default()
    }
}

impl Shape {
    /// The rules by which this system decides.
    pub fn rules(&self) -> Arc<dyn Rules> {
        Arc::new(self.lawful.clone().with(self.knobs.clone()))
    }

    fn read(&mut self, reading: Reading) {
        self.lawful.read(reading);
    }
}

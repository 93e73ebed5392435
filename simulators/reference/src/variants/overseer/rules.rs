//! Decisions that the texts allow as well.

use std::collections::BTreeSet;

use twinproof_gwmo::overseer::rules::decide::{Rules, Standard};

use crate::variants::Reads;

/// A reading of the texts that the built-in server does not follow by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reading {
    /// It brings gateways the octets of images.
    BringsImages,
    /// It puts notifications into gateways' objects.
    HandsIn,
    /// It names each of several devices in a fan-out.
    NamesEach,
    /// It asks one thing of a gateway in a session.
    OneASession,
}

impl Reads for Reading {
    fn rules(self) -> &'static [&'static str] {
        match self {
            Self::BringsImages => &["brings"],
            Self::HandsIn => &["hands_in"],
            Self::NamesEach => &["groups"],
            Self::OneASession => &["adds"],
        }
    }
}

/// Rules that follow some readings and otherwise the standard.
#[derive(Clone, Debug, Default)]
pub struct Lawful {
    readings: BTreeSet<Reading>,
}

impl Lawful {
    /// Follows a reading from now on.
    pub fn read(&mut self, reading: Reading) {
        self.readings.insert(reading);
    }

    fn reads(&self, reading: Reading) -> bool {
        self.readings.contains(&reading)
    }
}

impl Rules for Lawful {
    fn adds(&self, busy: bool) -> bool {
        !(busy && self.reads(Reading::OneASession))
    }

    fn brings(&self, gets: bool) -> bool {
        Standard.brings(gets) || self.reads(Reading::BringsImages)
    }

    fn groups(&self, several: bool) -> bool {
        Standard.groups(several) && !self.reads(Reading::NamesEach)
    }

    fn hands_in(&self, takes: bool) -> bool {
        Standard.hands_in(takes) || self.reads(Reading::HandsIn)
    }
}

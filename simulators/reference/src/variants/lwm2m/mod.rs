//! The built-in LwM2M server in other lawful shapes.

mod rules;
mod table;

use std::sync::Arc;

use twinproof_coap::Parameters;
use twinproof_lwm2m::wire::Version;

use super::Dimension;
use crate::lwm2m::VERSION;

pub use rules::{Lawful, Reading};

/// What makes a server have a value.
pub type Choice = super::Choice<Shape>;

/// What a variant is made of, and what its profile has to say of it.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The newest version of the enabler that it supports.
    pub version: Version,
    /// The segments of a location in front of the last.
    pub location: &'static [&'static str],
    /// Whether requests of clients are acknowledged first and answered by themselves.
    pub separate: bool,
    /// The numbers of the message layer.
    pub parameters: Parameters,
    lawful: Lawful,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            version: VERSION,
            location: &["rd"],
            separate: false,
            parameters: Parameters::default(),
            lawful: Lawful::default(),
        }
    }
}

impl super::Readable for Shape {
    type Reading = Reading;

    const DIMENSIONS: &'static [Dimension<Choice>] = table::DIMENSIONS;

    fn read(&mut self, reading: Reading) {
        self.lawful.read(reading);
    }
}

impl Shape {
    /// The rules by which this server decides.
    pub fn rules(&self) -> Arc<Lawful> {
        Arc::new(self.lawful.clone())
    }
}

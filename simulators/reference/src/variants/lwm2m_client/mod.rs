//! The built-in LwM2M client in other lawful shapes.

mod rules;
mod table;

use std::sync::Arc;
use std::time::Duration;

use twinproof_coap::{ContentFormat, Parameters};
use twinproof_lwm2m::wire::Version;

use super::Dimension;
use crate::lwm2m::VERSION;

pub use rules::{Lawful, Reading};

/// What makes a client have a value.
pub type Choice = super::Choice<Shape>;

/// What a variant is made of, and what its profile has to say of it.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The version of the enabler that it speaks.
    pub version: Version,
    /// The alternate path; empty if there is none.
    pub root: &'static str,
    /// How long it takes to answer; what takes time is acknowledged first.
    pub takes: Duration,
    /// How long a reboot takes.
    pub boot: Duration,
    /// The instance of the Security object in which its account of a bootstrap server is.
    pub bootstrap_instance: u16,
    /// How long it waits before it asks for bootstrap, s.
    pub hold_off: u32,
    /// The format in which it says that it wants its accounts, if it does.
    pub prefers: Option<ContentFormat>,
    /// The numbers of the message layer.
    pub parameters: Parameters,
    lawful: Lawful,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            version: VERSION,
            root: "",
            takes: Duration::ZERO,
            boot: Duration::from_secs(1),
            bootstrap_instance: 0,
            hold_off: 0,
            prefers: None,
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
    /// The rules by which this client decides.
    pub fn rules(&self) -> Arc<Lawful> {
        Arc::new(self.lawful.clone())
    }
}

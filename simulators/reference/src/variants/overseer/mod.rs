//! The built-in server above gateways in other lawful shapes.

mod rules;
mod table;

use std::sync::Arc;

use super::Dimension;

pub use rules::{Lawful, Reading};

/// What makes a server have a value.
pub type Choice = super::Choice<Shape>;

/// What a variant is made of.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    lawful: Lawful,
}

impl super::Readable for Shape {
    type Reading = Reading;

    const DIMENSIONS: &'static [Dimension<Choice>] = table::DIMENSIONS;

    fn read(&mut self, reading: Reading) {
        self.lawful.read(reading);
    }
}

impl Shape {
    /// The rules by which this server decides what it does with gateways.
    pub fn rules(&self) -> Arc<Lawful> {
        Arc::new(self.lawful.clone())
    }
}

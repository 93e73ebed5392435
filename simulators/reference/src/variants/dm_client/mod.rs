//! The built-in DM client in other lawful shapes.

mod rules;
mod table;

use std::sync::Arc;

use twinproof_dm::Encoding;
use twinproof_dm::auth::Scheme;
use twinproof_dm::client::Shared;
use twinproof_dm::wbxml::Form;

use super::Dimension;

pub use rules::{Lawful, Reading};

/// What makes a client have a value.
pub type Choice = super::Choice<Shape>;

/// What a variant is made of, and what its profile has to say of it.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How both sides prove who they are.
    pub scheme: Scheme,
    stale: bool,
    /// The encoding of its messages.
    pub encoding: Encoding,
    /// What it says in `VerProto`.
    pub version: &'static str,
    /// How it writes WBXML.
    pub wbxml: Form,
    /// The octets of a message that it can take, if it says so.
    pub takes: Option<u64>,
    /// How many commands it puts into a message.
    pub commands: Option<usize>,
    /// Whether it takes and sends large objects in parts.
    pub large_objects: bool,
    /// Whether it has `Atomic`.
    pub atomic: bool,
    /// Whether it creates the parents of a node that is added.
    pub parents: bool,
    /// Whether somebody sits in front of it.
    pub user: bool,
    /// Whether a notification may make it fall back to the nonce of resynchronisation.
    pub resynchronises: bool,
    lawful: Lawful,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            scheme: Scheme::Md5,
            stale: false,
            encoding: Encoding::Wbxml,
            version: "DM/1.2",
            wbxml: Form::default(),
            takes: None,
            commands: None,
            large_objects: true,
            atomic: true,
            parents: true,
            user: true,
            resynchronises: true,
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
    /// The rules by which this client decides, in sessions and about its tree.
    pub fn rules(&self) -> Arc<Lawful> {
        Arc::new(self.lawful.clone().writing(self.wbxml))
    }

    /// Whether both begin with nonces that the other does not know. Without digests nobody tells one, and that of
    /// notifications is a secret like any other.
    pub fn is_stale(&self) -> bool {
        self.stale && self.scheme != Scheme::Basic
    }

    /// Sets a client up as this shape says.
    pub fn apply(&self, shared: &mut Shared) {
        self.version.clone_into(&mut shared.ver_proto);
        shared.encoding = self.encoding;
        shared.wbxml = self.wbxml;
        shared.max_message = self.takes;
        shared.max_commands = self.commands;
        shared.large_objects = self.large_objects;
        shared.atomic = self.atomic;
        shared.user = self.user;
        shared.resynchronises = self.resynchronises;
    }
}

//! The built-in gateway in other lawful shapes.

mod rules;
mod table;

use std::sync::Arc;

use twinproof_dm::auth::Scheme;
use twinproof_dm::provisioning::protection::{KeyForm, Method, Profile};
use twinproof_dm::{Encoding, wbxml};
use twinproof_gwmo::aggregate::Results;
use twinproof_gwmo::gateway::NAMED;
use twinproof_gwmo::objects::Names;

use super::Dimension;

pub use rules::{Lawful, Reading};

/// What makes a gateway have a value.
pub type Choice = super::Choice<Shape>;

/// What a variant is made of, and what its profile has to say of it.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What it says in `VerProto`, on both sides.
    pub ver_proto: &'static str,
    /// The encoding of what it says to its servers.
    pub encoding: Encoding,
    /// How it writes WBXML.
    pub wbxml: wbxml::Form,
    /// The octets of a message that it takes from its servers, if it says so.
    pub max_above: Option<u64>,
    /// The same for its devices.
    pub max_below: Option<u64>,
    /// How it and its server prove to each other who they are.
    pub scheme_above: Scheme,
    /// The same for its devices.
    pub scheme_below: Scheme,
    /// What the nodes of its objects are called.
    pub names: Names,
    /// What names a device in the header of a push.
    pub named: &'static str,
    /// What a push is answered with that was taken.
    pub pushed: u16,
    /// Where it has the results of fan-outs.
    pub results: Results,
    /// The octets of an image that it gets at a time.
    pub image_part: Option<u64>,
    /// Of which kind a bootstrap is that it brings, and how an identity goes into its key.
    pub bootstrap: (Profile, Option<KeyForm>),
    /// By what that is protected.
    pub protection: Method,
    lawful: Lawful,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            ver_proto: "DM/1.2",
            encoding: Encoding::Wbxml,
            wbxml: wbxml::Form::default(),
            max_above: None,
            max_below: None,
            scheme_above: Scheme::Md5,
            scheme_below: Scheme::Md5,
            names: Names::default(),
            named: NAMED,
            pushed: 204,
            results: Results::Reported,
            image_part: None,
            bootstrap: (Profile::Message, Some(KeyForm::Digits)),
            protection: Method::NetworkId,
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

    fn knobs(&self) -> serde_json::Value {
        serde_json::json!({
            "named": self.named,
            "names": self.names,
            "results": self.results,
        })
    }
}

impl Shape {
    /// The rules by which this gateway decides.
    pub fn rules(&self) -> Arc<Lawful> {
        Arc::new(self.lawful.clone())
    }
}

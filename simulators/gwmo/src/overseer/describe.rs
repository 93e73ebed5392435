//! How what a server wants of a gateway is written into the gateway's objects.

use std::collections::BTreeSet;

use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper::{Act, Put, Value};

use crate::objects::below;

/// Nodes that are added, each after those above it.
#[derive(Default)]
pub(super) struct Description {
    acts: Vec<Act>,
    made: BTreeSet<String>,
}

impl Description {
    /// With an instance of an object.
    pub(super) fn of(at: &NodeUri) -> Self {
        let mut description = Self::default();
        description.interior(at);
        description
    }

    fn interior(&mut self, at: &NodeUri) {
        if self.made.insert(at.to_string()) {
            self.acts.push(Act::Add(Put {
                uri: at.to_string(),
                format: Some("node".to_owned()),
                ..Put::default()
            }));
        }
    }

    /// The same with a leaf below it, and what stands between.
    pub(super) fn leaf(mut self, at: &NodeUri, path: &str, (format, value): (&str, &str)) -> Self {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        for end in 1..names.len() {
            self.interior(&below(at, &names[..end].join("/")));
        }
        let put = text(&below(at, path), format, value);
        self.acts.push(Act::Add(put));
        self
    }

    /// The same with a leaf of octets.
    pub(super) fn octets(mut self, at: &NodeUri, path: &str, octets: Vec<u8>) -> Self {
        self.acts.push(Act::Add(Put {
            uri: below(at, path).to_string(),
            format: Some("bin".to_owned()),
            media_type: None,
            value: Some(Value::Octets(octets)),
        }));
        self
    }

    /// All of it, one after the other.
    pub(super) fn into_act(self) -> Act {
        Act::Sequence(self.acts)
    }
}

/// A text for a node.
pub(super) fn text(at: &NodeUri, format: &str, value: &str) -> Put {
    Put {
        uri: at.to_string(),
        format: Some(format.to_owned()),
        media_type: None,
        value: Some(Value::Text(value.to_owned())),
    }
}

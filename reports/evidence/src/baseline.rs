//! What is known not to pass: the list as it is written down, and what came of it in a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an entry accepts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Accepted {
    /// A fail.
    Fail,
    /// Anything but our own error, sometimes; a pass is no surprise either.
    Flaky,
    /// Something that cannot be found out.
    Inconclusive,
}

/// One thing that is known not to pass.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What is accepted.
    pub verdict: Accepted,
    /// The scenario; if none is named, any that this check is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Only this check, if named: whatever else does not pass is not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The requirement that is not met.
    pub requirement: String,
    /// A sentence that says why it is accepted.
    pub why: String,
}

/// The list.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Its entries.
    #[serde(default, rename = "accept")]
    pub entries: Vec<Entry>,
}

/// What came of a list in a run. What it accepts stands with each scenario.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Gate {
    /// How many entries the list has.
    pub entries: usize,
    /// The entries that the run has shown to be out of date.
    pub stale: Vec<Stale>,
}

/// An entry that is out of date.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Stale {
    /// The entry.
    pub entry: Entry,
    /// What the run shows instead.
    pub now: String,
}

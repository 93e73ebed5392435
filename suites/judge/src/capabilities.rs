//! What systems can be able to do: the table by which a report says of each what is claimed, exercised
//! and seen.

use std::fmt;

use serde::Deserialize;
use serde::de::Error as _;
use twinproof_coap::Code;
use twinproof_lwm2m::wire::Version;

use crate::profile::OperationName;

/// How files of capabilities are named.
pub(crate) const FILES: &str = "-capabilities.toml";

/// The capabilities of one enabler.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// The enabler.
    pub enabler: String,
    /// The role whose capabilities they are.
    pub role: String,
    /// The requirement that becomes a warning where a claim and the exchanges contradict each other.
    pub requirement: String,
    /// Each, in the order of the report.
    pub capability: Vec<Capability>,
}

/// One thing that a system can be able to do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capability {
    /// By which a profile claims it.
    pub id: String,
    /// What it is one of: `operation`, `format`.
    pub group: String,
    /// Its title.
    pub title: String,
    /// The version of the enabler that introduced it.
    pub since: Option<Since>,
    /// It is that version itself.
    pub version: bool,
    /// What an operator asks for to exercise it.
    pub operations: Vec<OperationName>,
    /// The purposes whose claims speak of it.
    pub purposes: Vec<String>,
    /// It is claimed by whoever lists this path among its own resources.
    pub link: Option<String>,
    /// Requests that claim it.
    pub says: Vec<Use>,
    /// Exchanges that exercise it, and show it where they succeed.
    pub uses: Vec<Use>,
    /// Exchanges that exercise it and show nothing yet.
    pub tries: Vec<Use>,
    /// It is shown by an operation that the operator is told has to wait.
    pub kept: bool,
}

/// A version as the table writes it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Since(pub Version);

/// An exchange between the system and a device. What is not said is not looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Who asks.
    pub by: By,
    /// The method.
    #[serde(default)]
    pub method: Option<Method>,
    /// The path; `{location}` is that of any registration of the scenario.
    #[serde(default)]
    pub path: Option<String>,
    /// How many segments the path has.
    #[serde(default)]
    pub depth: Option<usize>,
    /// An argument of the query.
    #[serde(default)]
    pub query: Option<String>,
    /// A letter of the binding in the query; who says no binding says `U`.
    #[serde(default)]
    pub binding: Option<char>,
    /// What it says of observing.
    #[serde(default)]
    pub observe: Option<Observe>,
    /// The content format that it asks for.
    #[serde(default)]
    pub accept: Option<u16>,
    /// A content format that it does not ask for.
    #[serde(default)]
    pub accept_not: Option<u16>,
    /// The content format of what it brings.
    #[serde(default)]
    pub format: Option<u16>,
    /// Whether it brings something.
    #[serde(default)]
    pub payload: Option<bool>,
    /// It is a block of what is longer.
    #[serde(default)]
    pub block1: bool,
    /// It asks for a further block of an answer.
    #[serde(default)]
    pub block2: bool,
    /// The content format of the answer.
    #[serde(default)]
    pub answer_format: Option<u16>,
    /// The answer is the first block of what is longer.
    #[serde(default)]
    pub answer_in_blocks: bool,
    /// The code of the answer if it succeeds, or how that begins: `2`.
    #[serde(default)]
    pub answer: Option<String>,
    /// What the operator is told if it succeeds.
    #[serde(default)]
    pub told: Option<Told>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A simulated device.
    Device,
    /// The system under test.
    Server,
}

/// What a request says of observing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Observe {
    /// Nothing.
    None,
    /// It begins an observation.
    Begin,
    /// It ends one.
    End,
}

/// What an operator is told.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// What the device answered, with what was in it.
    Reply,
}

/// A method as the table writes it: `GET`, `iPATCH`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Method(pub Code);

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let mut methods = Code::TABLE.iter().filter(|(code, _)| code.is_request());
        let found = methods.find(|(_, text)| *text == name);
        found
            .map(|(code, _)| Self(*code))
            .ok_or_else(|| D::Error::custom(format!("expected a method such as GET, got {name:?}")))
    }
}

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Capabilities {
    /// What is wrong with the table, if anything: an id that stands twice or is none, or something that
    /// no exchange could ever show.
    pub(crate) fn fault(&self) -> Option<String> {
        let mut ids: Vec<&str> = self.capability.iter().map(|c| c.id.as_str()).collect();
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Some(format!("capability {} stands twice", pair[0]));
        }
        let shown = |c: &&Capability| !c.id.is_empty() && (c.kept || !c.uses.is_empty());
        let idle = self.capability.iter().find(|c| !shown(c))?;
        Some(format!("nothing could show capability {:?}", idle.id))
    }
}

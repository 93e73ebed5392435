//! The events of a run.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::baseline::Baseline;

/// One event, as a line of the ledger.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Record {
    /// Microseconds since the stage of the scene opened; of the run, where there is no scene.
    pub at: u64,
    /// The scenario and attempt that this belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<Scene>,
    /// What happened.
    pub what: What,
}

/// One attempt at one scenario.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Scene {
    /// The scenario's id.
    pub scenario: String,
    /// 1, and more where a broken transport made the runner try again, or `--repeat` asked for it.
    pub attempt: u32,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// The run began. Everything that judging needs besides the events is here.
    RunStarted(Box<RunStarted>),
    /// A scenario began.
    SceneStarted(SceneStarted),
    /// A step began.
    StepStarted {
        /// Its place in the scenario, from 0, background included.
        step: usize,
    },
    /// The tester ordered an actor to do something.
    Ordered {
        /// Who.
        actor: String,
        /// What.
        order: serde_json::Value,
    },
    /// A hook was pulled.
    Hooked {
        /// What was asked for.
        hook: String,
        /// Why it did not work.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// An HTTP request.
    Request {
        /// Pairs it with its response, unique in the scene, from 1.
        exchange: u64,
        /// Who sent it.
        from: String,
        /// Who received it.
        to: String,
        /// The method.
        method: String,
        /// The URL, absolute.
        url: String,
        /// Header fields in order.
        headers: Vec<(String, String)>,
        /// The body.
        body: Body,
    },
    /// An HTTP response.
    Response {
        /// The exchange.
        exchange: u64,
        /// The status code.
        status: u16,
        /// Header fields in order.
        headers: Vec<(String, String)>,
        /// The body.
        body: Body,
    },
    /// An HTTP request that got no response.
    NoResponse {
        /// The exchange.
        exchange: u64,
        /// Why.
        fault: String,
    },
    /// A datagram.
    Datagram {
        /// Its number, unique in the scene; counted with those of HTTP exchanges.
        #[serde(default)]
        exchange: u64,
        /// Who sent it.
        from: String,
        /// Who received it.
        to: String,
        /// Whether it went over a secured association, and this is what was sealed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        secured: bool,
        /// Its octets.
        bytes: Body,
    },
    /// A datagram that is no record of DTLS, and came to where only those are taken: nobody took it.
    Unsealed {
        /// Its number, unique in the scene; counted with those of exchanges and datagrams.
        exchange: u64,
        /// Who sent it.
        from: String,
        /// Who received it.
        to: String,
        /// Its octets.
        bytes: Body,
    },
    /// A record of a secured association, as anybody on the way could see it.
    Sealed {
        /// Its number, unique in the scene; counted with those of exchanges and datagrams.
        exchange: u64,
        /// Who sent it.
        from: String,
        /// Who received it.
        to: String,
        /// What it holds, in the words of RFC 5246.
        content: String,
        /// How often keys had changed.
        epoch: u16,
        /// Its number in the epoch.
        sequence: u64,
        /// How many octets followed its header.
        length: u16,
        /// What became of it, where it came to a simulated party.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fate: Option<String>,
    },
    /// A secured association of a simulated party came to a turn.
    Association {
        /// Its number, unique in the scene; counted with those of exchanges and datagrams.
        exchange: u64,
        /// Whose association it is.
        party: String,
        /// With whom.
        peer: String,
        /// Whether it is of a stream (TLS), and not of datagrams.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stream: bool,
        /// Which turn.
        turn: Turn,
    },
    /// An upper tester made the system act, and this came of it.
    Operated {
        /// Its number, unique in the scene; counted with those of HTTP exchanges.
        exchange: u64,
        /// What it was asked to do.
        operation: serde_json::Value,
        /// What it says came of it.
        answer: serde_json::Value,
    },
    /// A wait ended.
    WaitEnded {
        /// What was waited for.
        wait: String,
        /// Whether it came.
        came: bool,
        /// How long the wait was at most, in microseconds.
        limit: u64,
    },
    /// Something that a check needs and no message shows.
    Noted {
        /// Its name.
        name: String,
        /// Its value.
        value: serde_json::Value,
    },
    /// A Then step asks for a judgement on everything up to here.
    Checked {
        /// The check's name and arguments.
        check: serde_json::Value,
    },
    /// A step could not go on.
    Halted {
        /// Why.
        reason: Halt,
    },
    /// A step ended.
    StepEnded {
        /// Its place in the scenario.
        step: usize,
    },
    /// A scenario ended; callbacks may still arrive.
    SceneEnded,
    /// The run ended in order. A ledger without it was cut.
    RunEnded {
        /// Whether somebody stopped it.
        interrupted: bool,
    },
}

/// How a stream ended that was not secured where TLS is spoken: its first octet was no record's.
pub const CLEAR: &str = "clear";

/// How an association ended for somebody who spoke once something else was shown than what it had agreed to.
pub const LATE: &str = "late";

/// A turn of a secured association.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "turn", rename_all = "snake_case")]
pub enum Turn {
    /// A handshake has begun.
    Begun {
        /// Whether the party began it.
        ours: bool,
        /// How often it has, this time included.
        attempt: u32,
    },
    /// The handshake of a stream (TLS) has come to its end, and who began it has found nothing wrong.
    Agreed,
    /// The handshake has come to its end.
    Established {
        /// Who the peer showed itself to be.
        identity: String,
        /// The number of the suite, as in the register of IANA.
        suite: u16,
    },
    /// It has ended.
    Ended {
        /// How: `refused`, `rejected`, `silent`, `stuck`, `broken`, `closed`, `left`, `superseded`, `displaced`,
        /// [`CLEAR`] or [`LATE`].
        how: String,
        /// In words.
        words: String,
        /// Whether it is the tester's own fault or doing, and so says nothing of the peer.
        ours: bool,
        /// The alert that the peer sent, by its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alert: Option<String>,
        /// Whether it will be begun anew.
        again: bool,
    },
}

/// Why a step could not go on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum Halt {
    /// What the scenario needs could not be established.
    Inconclusive {
        /// In words.
        why: String,
    },
    /// The transport broke before the system could show anything.
    Transport {
        /// In words.
        why: String,
    },
    /// The tester itself broke.
    Error {
        /// In words.
        why: String,
    },
}

impl Halt {
    /// The words.
    pub fn why(&self) -> &str {
        match self {
            Self::Inconclusive { why } | Self::Transport { why } | Self::Error { why } => why,
        }
    }
}

/// The circumstances of a run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RunStarted {
    /// The version of the ledger's format.
    pub schema_version: u32,
    /// The tool's name and version.
    pub tool: (String, String),
    /// Digest of all features and requirement files.
    pub suite_sha256: String,
    /// The profile, with secrets replaced.
    pub profile: serde_json::Value,
    /// Digest of the profile as it was read.
    pub profile_sha256: String,
    /// The knobs and claims that the profile states itself, as dotted keys.
    pub declared: Vec<String>,
    /// The run's seed.
    pub seed: u64,
    /// `live` or `virtual`.
    pub stage: String,
    /// When the run began, RFC 3339; a fixed date on the virtual stage.
    pub started: String,
    /// The enablers that are judged.
    pub enablers: Vec<String>,
    /// Whether filters left scenarios out.
    pub filtered: bool,
    /// How often each scenario was to be performed.
    #[serde(default = "RunStarted::once")]
    pub repeat: u32,
    /// How many scenarios of the whole suite judge a requirement, by its label: of those that are about a role of the
    /// system.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub judged_by: BTreeMap<String, usize>,
    /// The scenarios that were selected.
    pub selected: Vec<String>,
    /// What they are, by id: what a run did not come to is still known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plan: BTreeMap<String, SceneStarted>,
    /// What is accepted not to pass, if the run was weighed against a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// The command that repeats a scenario, but for `--scenario` and `--seed`.
    #[serde(default = "RunStarted::default_again")]
    pub again: String,
    /// No run writes this: it is there where the record is told in the words of another suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retold: Option<Retold>,
}

/// How the suite of a run differs from the one in whose words its record is told.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Retold {
    /// Digest of the features and requirement files that the run used.
    pub suite_sha256: String,
    /// The scenarios that it did not have.
    pub unrecorded: Vec<String>,
    /// The scenarios of the run that are gone.
    pub gone: Vec<String>,
}

impl RunStarted {
    const fn once() -> u32 {
        1
    }

    fn default_again() -> String {
        "twinproof run".to_owned()
    }
}

/// A scenario as it was when it ran.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SceneStarted {
    /// The feature file below `features/`.
    pub feature: String,
    /// The scenario's line.
    pub line: usize,
    /// The scenario's title.
    pub title: String,
    /// All tags, without `@`.
    pub tags: Vec<String>,
    /// The requirements that its tags name.
    pub requirements: Vec<String>,
    /// Its steps, background included.
    pub steps: Vec<Step>,
    /// Whether this attempt stands for the one before, which the transport broke.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retry: bool,
}

/// One step.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Step {
    /// `Given`, `When`, `Then`: what the step is, not what it is written with.
    pub kind: String,
    /// Its text.
    pub text: String,
    /// Its line.
    pub line: usize,
}

/// A body: text where it is text, base64 where not, and only its head where it is long.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Body {
    /// The octets as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The octets in base64, where they are no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// How many octets there were on the wire.
    pub length: u64,
    /// Digest of what was read, where that is less than there was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The pseudonyms of the secrets for which there are stars, where the octets are no text.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub concealed: BTreeSet<String>,
}

impl Body {
    /// A body of which `octets` were read and which had `length` on the wire.
    pub fn new(octets: &[u8], length: u64) -> Self {
        let mut body = Self {
            length,
            ..Self::default()
        };
        match std::str::from_utf8(octets) {
            Ok(text) => body.text = Some(text.to_owned()),
            Err(_) => body.base64 = Some(base64::engine::general_purpose::STANDARD.encode(octets)),
        }
        if (octets.len() as u64) < length {
            body.sha256 = Some(hex(&Sha256::digest(octets)));
        }
        body
    }

    /// The octets that were read.
    pub fn octets(&self) -> Vec<u8> {
        match (&self.text, &self.base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(base64)) => base64::engine::general_purpose::STANDARD
                .decode(base64)
                .unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }
}

/// The digest of a text, in lower-case hexadecimal.
pub fn sha256(octets: &[u8]) -> String {
    hex(&Sha256::digest(octets))
}

/// Lower-case hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

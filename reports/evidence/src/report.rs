//! The report: what the ledger means. Formats print it; none of them judges.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Gate;
use crate::record::{Body, Step};
use crate::{ExitCode, Verdict};

/// The version of this structure. It grows by new fields only; a change of meaning raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// A judged run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`] of the tool that judged.
    pub schema_version: u32,
    /// What judged.
    pub tool: Tool,
    /// What was judged.
    pub sut: Sut,
    /// Digest of the features and requirements that it was judged by.
    pub suite_sha256: String,
    /// The run's seed.
    pub seed: u64,
    /// How often each scenario was to be performed.
    #[serde(default = "Report::once")]
    pub repeat: u32,
    /// `live` (sockets) or `virtual` (one clock, no sockets).
    pub stage: String,
    /// When the run began, RFC 3339. A fixed date on the virtual stage.
    pub started: String,
    /// How long it took, in milliseconds of the stage's clock.
    pub duration_ms: u64,
    /// What every reader has to know before the first verdict.
    pub notices: Vec<String>,
    /// The documents that it was judged against.
    pub documents: Vec<Document>,
    /// Counts.
    pub summary: Summary,
    /// Every requirement of the documents, also those that nothing judges.
    pub requirements: Vec<Requirement>,
    /// Every scenario that was selected.
    pub scenarios: Vec<Scenario>,
    /// What the public texts leave open, and how far this run settled it.
    pub knobs: Vec<Knob>,
    /// What the system claims to be able to do, what of it was exercised, and what was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// What came of the baseline that this run was weighed against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Gate>,
    /// What an earlier judgement of the same record said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejudged: Option<Rejudged>,
}

/// What moved when a record was judged again.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Rejudged {
    /// What judged before.
    pub tool: Tool,
    /// Digest of the features and requirements that it judged by.
    pub suite_sha256: String,
    /// What it said, and what is said now.
    pub changes: Vec<Change>,
}

/// How a requirement, a scenario or a check moved from one report to another.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Change {
    /// The requirement or scenario.
    pub id: String,
    /// The step of the scenario and its check; none where it is the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// What the older report says; none if it does not know it.
    pub before: Option<Verdict>,
    /// What the newer report says; none if it does not know it.
    pub after: Option<Verdict>,
    /// Why the newer report says so.
    pub reason: String,
}

/// The tool.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Tool {
    /// `twinproof`
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The system under test.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Sut {
    /// As the profile calls it.
    pub name: String,
    /// As the profile says.
    pub version: String,
    /// Digest of the profile.
    pub profile_sha256: String,
}

/// A source document.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Document {
    /// Its short name, as verdicts cite it.
    pub id: String,
    /// Its enabler.
    pub enabler: String,
    /// Its title.
    pub title: String,
    /// Its reference at OMA.
    pub reference: String,
}

/// Counts of verdicts.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub struct Count {
    /// All.
    pub total: usize,
    /// [`Verdict::Pass`]
    pub pass: usize,
    /// [`Verdict::Fail`]
    pub fail: usize,
    /// [`Verdict::Warning`]
    pub warning: usize,
    /// [`Verdict::Inconclusive`]
    pub inconclusive: usize,
    /// [`Verdict::NotApplicable`]
    pub not_applicable: usize,
    /// [`Verdict::Inspect`]
    pub inspect: usize,
    /// [`Verdict::Untested`]
    pub untested: usize,
    /// [`Verdict::Error`]
    pub error: usize,
}

impl FromIterator<Verdict> for Count {
    fn from_iter<I: IntoIterator<Item = Verdict>>(verdicts: I) -> Self {
        let mut count = Self::default();
        for verdict in verdicts {
            count.total += 1;
            *count.of_mut(verdict) += 1;
        }
        count
    }
}

impl Count {
    /// How many there are of one verdict.
    pub fn of(&self, verdict: Verdict) -> usize {
        *self.clone().of_mut(verdict)
    }

    fn of_mut(&mut self, verdict: Verdict) -> &mut usize {
        match verdict {
            Verdict::Error => &mut self.error,
            Verdict::Fail => &mut self.fail,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::Inspect => &mut self.inspect,
            Verdict::NotApplicable => &mut self.not_applicable,
            Verdict::Pass => &mut self.pass,
            Verdict::Untested => &mut self.untested,
            Verdict::Warning => &mut self.warning,
        }
    }
}

/// All counts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Summary {
    /// Of the requirements of the judged enablers.
    pub requirements: Count,
    /// Of the scenarios.
    pub scenarios: Count,
    /// Whether the system under test ever answered.
    pub contact: bool,
    /// What came instead, where the system never gave a successful answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_contact: Option<String>,
    /// Whether filters left scenarios out.
    pub filtered: bool,
    /// The binding requirements that the profile does not claim, by their labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disclaimed: Vec<String>,
    /// Why the record is not whole, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
}

/// A requirement and what is said of it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Requirement {
    /// Its label.
    pub id: String,
    /// The short name of its document.
    pub document: String,
    /// Its enabler.
    pub enabler: String,
    /// The section that it stands in.
    pub section: String,
    /// `SHALL`, `SHOULD` and so on.
    pub level: String,
    /// `active`, `deleted` or `future`.
    pub status: String,
    /// Its title in our words.
    pub title: String,
    /// What is said of it.
    pub verdict: Verdict,
    /// Why, in one sentence; empty for a pass.
    pub reason: String,
    /// The clause and the rulings that the verdict rests on.
    pub basis: String,
    /// The ids of the scenarios that judge it.
    pub scenarios: Vec<String>,
    /// How many of the scenarios that judge it were performed.
    #[serde(default)]
    pub scenarios_ran: usize,
    /// How many scenarios of the whole suite judge it. Where fewer ran, the verdict speaks of those.
    #[serde(default)]
    pub scenarios_total: usize,
    /// What proves its verdicts, where that was tried with the suite of this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// What proves that the verdicts on a requirement mean something.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Proof {
    /// The deliberately broken systems that break it and that it failed for, by name: it is proven
    /// able to fail where there is one.
    pub mutants: Vec<String>,
    /// In how many lawful systems all its scenarios came to a verdict, none of which was a fail.
    pub variants: usize,
    /// How many lawful systems were tried. 0: there are none yet for its enabler.
    pub variants_total: usize,
}

impl Requirement {
    /// Whether it was judged, and by only some of the scenarios that judge it.
    pub const fn is_partly_judged(&self) -> bool {
        self.scenarios_ran > 0 && self.scenarios_ran < self.scenarios_total
    }
}

/// `able to fail (3 broken systems), tolerant (44 of 46 lawful ones)`
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mutants.len() {
            0 => write!(f, "not seen to fail (no broken system)")?,
            1 => write!(f, "able to fail (1 broken system)")?,
            n => write!(f, "able to fail ({n} broken systems)")?,
        }
        let (variants, total) = (self.variants, self.variants_total);
        match (variants, total) {
            (_, 0) => write!(f, ", tolerance not tried"),
            (0, _) => write!(f, ", not seen tolerant (of {total} lawful ones)"),
            _ => write!(f, ", tolerant ({variants} of {total} lawful ones)"),
        }
    }
}

/// A scenario and what came of it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Scenario {
    /// Its id.
    pub id: String,
    /// Its feature file below `features/`.
    pub feature: String,
    /// Its line there.
    pub line: usize,
    /// Its title.
    pub title: String,
    /// The requirements that it judges.
    pub requirements: Vec<String>,
    /// All its tags.
    pub tags: Vec<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, in one sentence; empty for a pass.
    pub reason: String,
    /// Why the baseline accepts that it does not pass; empty if it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// The command that repeats it.
    pub again: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What came of each attempt, in order; empty where there was but one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Attempt>,
    /// How long the attempt that decided took, in microseconds of the stage's clock.
    pub took_us: u64,
    /// Its steps.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub steps: Vec<Step>,
    /// What its checks found, in order.
    pub findings: Vec<Finding>,
    /// Every message of the attempt that decided, in order.
    pub exchanges: Vec<Exchange>,
}

/// One of several attempts at a scenario.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, in one sentence; empty for a pass.
    pub reason: String,
    /// Whether it counts. One that the transport broke does not, if another was made in its place.
    pub counts: bool,
}

/// What one check found.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Finding {
    /// The check's name.
    pub check: String,
    /// The step that asked for it, from 0.
    pub step: usize,
    /// What it says.
    pub verdict: Verdict,
    /// The clause and the rulings that this rests on.
    pub basis: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
    /// The exchanges that show it.
    pub evidence: Vec<u64>,
}

/// A message and its answer.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Exchange {
    /// Its number in the scenario, from 1.
    pub exchange: u64,
    /// The step during which it began; none for callbacks that came later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// When it began, in microseconds of the stage's clock.
    pub at: u64,
    /// How long it took, in microseconds; none without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_us: Option<u64>,
    /// Who began it.
    pub from: String,
    /// Who was asked.
    pub to: String,
    /// The first line of what was sent: method and URL, or a datagram's decoded head.
    pub line: String,
    /// Header fields of what was sent.
    pub headers: Vec<(String, String)>,
    /// Body of what was sent.
    #[schemars(with = "serde_json::Value")]
    pub body: Body,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Why there is no answer, where one was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// What came back.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[schemars(with = "serde_json::Value")]
    pub body: Body,
}

/// Something that the public texts leave open.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Knob {
    /// Its dotted key in the profile.
    pub name: String,
    /// Where its value comes from.
    pub source: Provenance,
}

/// Where a knob's value comes from. Only an assumed one turns a fail into inconclusive.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// From our default; nothing in this run confirmed it.
    Assumed,
    /// A positive exchange of this run used it.
    Observed,
    /// The profile states it.
    Declared,
}

/// Something that a system can be able to do: what is claimed, what was exercised, and what was seen.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Capability {
    /// Its id, by which a profile can claim it.
    pub id: String,
    /// Its enabler.
    pub enabler: String,
    /// What it is one of: `operation`, `format`.
    pub group: String,
    /// Its title.
    pub title: String,
    /// Whether it is claimed.
    pub claimed: Claimed,
    /// By whom or what, in words; empty where nothing is said.
    pub claimed_by: String,
    /// The ids of the scenarios that exercised it.
    pub exercised: Vec<String>,
    /// The ids of the scenarios that showed it.
    pub seen: Vec<String>,
    /// Where it was shown first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_by: Option<Place>,
    /// How the claim and the exchanges contradict each other, if they do. It is a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contradiction: Option<Contradiction>,
}

/// Whether something is claimed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Claimed {
    /// It is disclaimed.
    No,
    /// Neither.
    NotSaid,
    /// It is claimed.
    Yes,
}

/// How a claim and the exchanges contradict each other, in words.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Contradiction {
    /// It is claimed, and every attempt says that it is not there.
    Over(String),
    /// It is disclaimed, and there.
    Under(String),
}

/// An exchange of a scenario.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Place {
    /// The scenario.
    pub scenario: String,
    /// The number of the exchange.
    pub exchange: u64,
    /// It in words.
    pub words: String,
}

impl Claimed {
    /// In one word, or a dash.
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::NotSaid => "not said",
            Self::Yes => "yes",
        }
    }
}

impl Contradiction {
    /// In words.
    pub fn words(&self) -> &str {
        match self {
            Self::Over(words) | Self::Under(words) => words,
        }
    }

    /// What it is called.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Over(_) => "over-claimed",
            Self::Under(_) => "under-claimed",
        }
    }
}

impl Scenario {
    /// Whether attempts that count came to different verdicts.
    pub fn is_flaky(&self) -> bool {
        let mut counted = self.tried.iter().filter(|tried| tried.counts);
        let first = counted.next().map(|tried| tried.verdict);
        counted.any(|tried| Some(tried.verdict) != first)
    }
}

impl Report {
    const fn once() -> u32 {
        1
    }

    /// How a process ends that has nothing else to say: 1 > 70 > 3 > 5 > 0. What a baseline accepts
    /// does not count.
    pub fn exit_code(&self) -> ExitCode {
        let any = |verdict| {
            let scenarios = self.scenarios.iter().filter(|s| s.verdict == verdict);
            let requirements = self.requirements.iter().filter(|r| r.verdict == verdict);
            scenarios.clone().any(|s| s.accepted.is_empty())
                || requirements.clone().any(|r| !self.is_accepted(r))
        };
        if any(Verdict::Fail) {
            ExitCode::Fails
        } else if any(Verdict::Error) {
            ExitCode::OurFault
        } else if any(Verdict::Inconclusive) || !self.summary.contact || self.summary.cut.is_some()
        {
            ExitCode::Incomplete
        } else if self.baseline.as_ref().is_some_and(|b| !b.stale.is_empty()) {
            ExitCode::StaleBaseline
        } else {
            ExitCode::Conformant
        }
    }

    /// Whether the baseline accepts everything that a requirement does not pass for.
    pub fn is_accepted(&self, requirement: &Requirement) -> bool {
        let mut causes = self
            .scenarios
            .iter()
            .filter(|s| s.verdict == requirement.verdict && requirement.scenarios.contains(&s.id))
            .peekable();
        causes.peek().is_some() && causes.all(|scenario| !scenario.accepted.is_empty())
    }
}

//! One deliberately broken system after another: which invariant is seen broken, and how soon.
//!
//! Whether a mutant breaks an invariant is written down beside its name, as is the reason where it
//! breaks none. What a search finds is compared with that: nothing found where something was expected
//! is a gap in the search, and the reverse is an invariant that says more than the texts.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::Tool;
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{Features, judge};
use twinproof_reference::mutants::{self, Mutant};
use twinproof_stage::Kind;
use twinproof_twinning::enabler::rules::{Rules, Standard};

use super::expected::{EXPECTED, Expected};
use super::{Options, search};
use crate::builtin::TwinningSystem;

/// How many sequences a mutant may take.
pub const CASES: u32 = 256;

/// What was found of one mutant.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The mutant's name.
    pub mutant: String,
    /// The invariant that was seen broken.
    pub invariant: Option<String>,
    /// How many sequences that took, the one that broke it included; all if none did.
    pub cases: usize,
    /// How many commands the shortest sequence has that breaks it.
    pub commands: Option<usize>,
    /// What was seen.
    pub seen: Option<String>,
    /// The invariants of which one was to be seen broken; none if none was.
    pub expected: Vec<String>,
    /// Why none was, if so.
    pub why_none: Option<String>,
    /// Whether what was found is what was expected.
    pub as_expected: bool,
    /// The scenario that was written of it, or why there is none.
    pub scenario: Option<Scenario>,
}

/// A scenario that was written of a sequence, and what came of running it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// The mutant does not pass it and the clean system does, in these words.
    Confirmed(String),
    /// It does not tell the two apart; what came of it, and its words.
    Misses(String, String),
    /// The suite has no words for it, for this reason.
    None(String),
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Hunt {
    /// How many sequences were tried at most of each mutant.
    pub cases: u32,
    /// The seed.
    pub seed: u64,
    /// How many mutants break an invariant that was expected.
    pub found: usize,
    /// How many break none, as expected.
    pub break_none: usize,
    /// How many did not do what was expected of them.
    pub unexpected: usize,
    /// How many scenarios told the mutant from the clean system.
    pub scenarios: usize,
    /// A row per mutant.
    pub mutants: Vec<Row>,
}

impl Hunt {
    /// Whether every mutant did what was expected, and no scenario missed what it was written of.
    pub fn is_proof(&self) -> bool {
        let misses = |row: &Row| matches!(row.scenario, Some(Scenario::Misses(..)));
        self.unexpected == 0 && !self.mutants.iter().any(misses)
    }
}

/// Searches the mutants that `chosen` wants, each on its own.
///
/// # Errors
///
/// A mutant about which nothing is expected, or a scenario of ours that the suite refuses.
pub fn hunt(
    cases: u32,
    seed: u64,
    chosen: &dyn Fn(&Mutant) -> bool,
    on_mutant: &dyn Fn(&Row),
) -> Result<Hunt, String> {
    let mut hunt = Hunt {
        cases,
        seed,
        found: 0,
        break_none: 0,
        unexpected: 0,
        scenarios: 0,
        mutants: Vec::new(),
    };
    for mutant in mutants::twinning().filter(|mutant| chosen(mutant)) {
        let row = look_at(mutant, cases, seed)?;
        match (row.as_expected, &row.invariant) {
            (false, _) => hunt.unexpected += 1,
            (true, Some(_)) => hunt.found += 1,
            (true, None) => hunt.break_none += 1,
        }
        if matches!(row.scenario, Some(Scenario::Confirmed(_))) {
            hunt.scenarios += 1;
        }
        on_mutant(&row);
        hunt.mutants.push(row);
    }
    Ok(hunt)
}

fn look_at(mutant: &Mutant, cases: u32, seed: u64) -> Result<Row, String> {
    let expected = EXPECTED.iter().find(|(name, _)| *name == mutant.name);
    let (_, expected) = expected.ok_or_else(|| {
        format!(
            "nobody has written down whether {} breaks an invariant: give it a line in {}",
            mutant.name, "suites/proof/src/properties/expected.rs"
        )
    })?;
    let system = |rules: Arc<dyn Rules>| Target::BuiltIn(Arc::new(TwinningSystem::new(rules)));
    let found = search(&Options::new(system((mutant.rules)()), cases, seed))?;
    let failure = found.failure;
    let invariant = failure.as_ref().map(|failure| failure.invariant.clone());
    let as_expected = match (expected, &invariant) {
        (Expected::Breaks(ids), Some(id)) => ids.contains(&id.as_str()),
        (Expected::None(_), None) => true,
        _ => false,
    };
    let scenario = match failure.as_ref().map(|failure| &failure.feature) {
        None => None,
        Some(Err(why)) => Some(Scenario::None(why.clone())),
        Some(Ok(feature)) => {
            let clean = verdict(feature, system(Arc::new(Standard)))?;
            let broken = verdict(feature, system((mutant.rules)()))?;
            // A lawful refusal may come for another reason than the scenario thinks of.
            let told = clean <= Verdict::Warning
                && matches!(broken, Verdict::Fail | Verdict::Warning)
                && broken > clean;
            Some(match told {
                true => Scenario::Confirmed(feature.clone()),
                false => Scenario::Misses(
                    format!("the clean system: {clean}, the mutant: {broken}"),
                    feature.clone(),
                ),
            })
        }
    };
    Ok(Row {
        mutant: mutant.name.to_owned(),
        invariant,
        cases: found.cases,
        commands: failure.as_ref().map(|failure| failure.commands.len()),
        seen: failure.map(|failure| failure.seen),
        expected: match expected {
            Expected::Breaks(ids) => ids.iter().map(|id| (*id).to_owned()).collect(),
            Expected::None(_) => Vec::new(),
        },
        why_none: match expected {
            Expected::Breaks(_) => None,
            Expected::None(why) => Some((*why).to_owned()),
        },
        as_expected,
        scenario,
    })
}

/// What the suite says of a system in the scenarios of this feature.
///
/// # Errors
///
/// The suite has no step for something in it.
pub fn verdict(feature: &str, target: Target) -> Result<Verdict, String> {
    let file = (
        "twinning/found.feature".to_owned(),
        feature.as_bytes().to_vec(),
    );
    let features = Features::of_files([file]);
    let catalogue = Catalogue::load(&features).map_err(|e| e.to_string())?;
    let suite = Suite::load(&features, &catalogue).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        format!("{}\n{feature}", errors.join("\n"))
    })?;
    let ledger = Ledger::in_memory();
    let run = Run::new(target, Kind::Virtual, Arc::new(suite), ledger.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(perform(&run));
    let tool = Tool {
        name: run.tool.0,
        version: run.tool.1,
    };
    let events = ledger.read_back().map_err(|e| e.to_string())?;
    let report = judge(&events, &catalogue, tool)?;
    let scenario = report.scenarios.first();
    scenario
        .map(|scenario| scenario.verdict)
        .ok_or_else(|| format!("nothing was judged\n{feature}"))
}

/// The counts.
impl fmt::Display for Hunt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} mutants: {} found within {} sequences, {} break nothing that sequences can see, {} \
             otherwise than expected; {} scenarios confirmed",
            self.mutants.len(),
            self.found,
            self.cases,
            self.break_none,
            self.unexpected,
            self.scenarios
        )
    }
}

/// Its invariant, the number of sequences and of commands, and what is otherwise than expected.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mutant, cases, .. } = self;
        match (&self.invariant, self.commands) {
            (Some(id), Some(commands)) => {
                write!(
                    f,
                    "{mutant:32} {id:4} {cases:4} sequences, {commands:2} commands"
                )?;
            }
            _ => write!(f, "{mutant:32} none {cases:4} sequences")?,
        }
        match (&self.scenario, &self.why_none) {
            (Some(Scenario::Confirmed(_)), _) => write!(f, ", a scenario tells it")?,
            (Some(Scenario::Misses(why, _)), _) => {
                write!(f, ", its scenario does not tell it: {why}")?
            }
            (Some(Scenario::None(why)), _) => write!(f, ", no scenario: {why}")?,
            (None, Some(why)) => write!(f, ": {why}")?,
            (None, None) => {}
        }
        if self.as_expected {
            return Ok(());
        }
        match &self.expected[..] {
            [] => write!(
                f,
                "\n    should break none; {}",
                self.seen.as_deref().unwrap_or_default()
            ),
            ids => write!(
                f,
                "\n    should break {}; {}",
                ids.join(" or "),
                self.seen.as_deref().unwrap_or("nothing was seen broken")
            ),
        }
    }
}

//! The kill matrix: one deliberately broken system after another.
//!
//! The clean system runs first and puts each question to all mutants as well. A mutant then runs only
//! the scenarios in which it would have decided otherwise; in no other could it be noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use twinproof_conformance::BuiltIn;
use twinproof_dm::bootstrap::rules::decide as dm_bootstrap;
use twinproof_dm::client::rules::decide as dm_sessions;
use twinproof_dm::server::rules::decide as dm_server;
use twinproof_dm::store::rules::decide as dm_trees;
use twinproof_evidence::Verdict;
use twinproof_evidence::report::{Finding, Report};
use twinproof_gwmo::gateway::rules::decide as gateway;
use twinproof_gwmo::overseer::rules::decide as overseer;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::proofs::{self, Failing};
use twinproof_kernel::Seed;
use twinproof_lwm2m::{bootstrap, device, server};
use twinproof_reference::mutants::{self, Mutant};
use twinproof_stage::Kind;
use twinproof_twinning::enabler;

use crate::bench::{Bench, each};
use crate::bootstrap::Lwm2mBootstrap;
use crate::builtin::TwinningSystem;
use crate::dm::{DmClient, DmServer};
use crate::dm_bootstrap::DmBootstrapServer;
use crate::gwmo::GatewaySystem;
use crate::lwm2m::{Lwm2mClient, Lwm2mSystem};

/// A check of one scenario: the scenario's id, the number of the step and the check's name.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct CheckId {
    /// The scenario.
    pub scenario: String,
    /// The step, from 0.
    pub step: usize,
    /// The check.
    pub check: String,
}

impl CheckId {
    fn new(scenario: &str, finding: &Finding) -> Self {
        Self {
            scenario: scenario.to_owned(),
            step: finding.step,
            check: finding.check.clone(),
        }
    }
}

/// What became of a mutant.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Every check that names it failed.
    Killed,
    /// No check failed.
    Survived,
    /// Checks failed, but not all of those that should have.
    WrongReason,
}

/// One row of the matrix.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The mutant's name.
    pub mutant: String,
    /// What it does wrong.
    pub does: String,
    /// The requirement that it breaks.
    pub breaks: String,
    /// The further requirements that it cannot but break.
    pub also: Vec<String>,
    /// What became of it.
    pub fate: Fate,
    /// The checks that should have failed and did not, as `scenario check`.
    pub missed: Vec<String>,
    /// All checks that failed.
    pub failed: Vec<CheckId>,
    /// The requirements that failed.
    pub requirements: Vec<String>,
    /// Those that the mutant breaks and whose verdict said so.
    pub proves: Vec<String>,
    /// The checks that failed although nothing relates their scenario to the broken requirement.
    pub collateral: Vec<CheckId>,
    /// How many scenarios it ran.
    pub scenarios: usize,
}

/// Counts of mutants.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Summary {
    /// All.
    pub total: usize,
    /// [`Fate::Killed`]
    pub killed: usize,
    /// [`Fate::Survived`]
    pub survived: usize,
    /// [`Fate::WrongReason`]
    pub wrong_reason: usize,
    /// Those with a check that failed without cause.
    pub collateral: usize,
}

/// Counts of checks.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Checks {
    /// All that the clean run made.
    pub total: usize,
    /// Those that at least one mutant made fail.
    pub proven: usize,
}

/// The matrix.
#[derive(Clone, Debug, Serialize)]
pub struct Matrix {
    /// Whose requirements.
    pub enabler: String,
    /// Counts of mutants.
    pub summary: Summary,
    /// Counts of checks.
    pub checks: Checks,
    /// A row per mutant.
    pub mutants: Vec<Row>,
    /// The checks that no mutant made fail.
    pub unproven: Vec<CheckId>,
    /// The requirements that a scenario judges beside others and never says no to: it would let them pass along.
    pub carried_along: Vec<Carried>,
}

/// A requirement, and a scenario that judges it and fails with none of the mutants that break it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Carried {
    /// The scenario.
    pub scenario: String,
    /// The requirement.
    pub requirement: String,
}

impl Matrix {
    /// Whether all mutants are killed for their reason, every check is proven able to fail, and no requirement
    /// passes along with others.
    pub fn is_proof(&self) -> bool {
        let s = &self.summary;
        let proven = self.checks.proven == self.checks.total && self.carried_along.is_empty();
        s.killed == s.total && s.collateral == 0 && proven
    }

    /// What scenarios that judge several requirements never say no to.
    fn carried_along(&self, bench: &Bench) -> Vec<Carried> {
        let purposes = bench.catalogue.requirements.iter();
        let clauses: BTreeSet<_> = purposes
            .filter_map(|r| Some(&r.purpose.as_ref()?.clause))
            .collect();
        let says_no = |scenario: &str, requirement: &String| {
            self.mutants.iter().any(|row| {
                let broken = row.breaks == *requirement || row.also.contains(requirement);
                broken && row.failed.iter().any(|check| check.scenario == scenario)
            })
        };
        let mut carried = Vec::new();
        for entry in bench.suite.entries() {
            // A clause is judged by its purposes, and is no promise of its own.
            let mut judged = entry.described.requirements.clone();
            judged.retain(|id| !clauses.contains(id));
            if entry.enabler == self.enabler && judged.len() > 1 {
                judged.retain(|id| !says_no(&entry.id, id));
                carried.extend(judged.into_iter().map(|requirement| Carried {
                    scenario: entry.id.clone(),
                    requirement,
                }));
            }
        }
        carried
    }

    /// This one and that of another role of the same enabler as one.
    fn with(mut self, other: Self) -> Self {
        let (own, more) = (&mut self.summary, other.summary);
        own.total += more.total;
        own.killed += more.killed;
        own.survived += more.survived;
        own.wrong_reason += more.wrong_reason;
        own.collateral += more.collateral;
        self.checks.total += other.checks.total;
        self.checks.proven += other.checks.proven;
        self.mutants.extend(other.mutants);
        self.unproven.extend(other.unproven);
        self
    }

    /// This one and that of other rules of the same role as one: a check is proven by either.
    fn beside(mut self, other: Self) -> Self {
        self.unproven.retain(|check| other.unproven.contains(check));
        let unproven = std::mem::take(&mut self.unproven);
        let total = self.checks.total;
        let other = Self {
            checks: Checks::default(),
            unproven,
            ..other
        };
        let mut whole = self.with(other);
        whole.checks = Checks {
            total,
            proven: total - whole.unproven.len(),
        };
        whole
    }

    /// What it proves of each requirement, for reports.
    pub fn failing(&self) -> Failing {
        let mut mutants = BTreeMap::<String, Vec<String>>::new();
        // First those that are there for the requirement, then those that cannot but break it too.
        for own in [true, false] {
            for row in &self.mutants {
                for requirement in &row.proves {
                    if (row.breaks == *requirement) == own {
                        let proving = mutants.entry(requirement.clone()).or_default();
                        proving.push(row.mutant.clone());
                    }
                }
            }
        }
        Failing {
            suite: proofs::digest(&FEATURES, &self.enabler),
            mutants,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Killed => "killed",
            Self::Survived => "survived",
            Self::WrongReason => "wrong reason",
        })
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.scenario, self.step, self.check)
    }
}

/// A line per mutant with the requirements in whose scenarios a check said no, those in brackets that
/// it does not name; then what spoils the proof, and the counts.
impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&Row) -> &str| {
            let widths = self.mutants.iter().map(|row| text(row).chars().count());
            widths.max().unwrap_or_default()
        };
        let (names, broken) = (width(|row| &row.mutant), width(|row| &row.breaks));
        for row in &self.mutants {
            let (mutant, breaks, fate) = (&row.mutant, &row.breaks, row.fate);
            write!(f, "{mutant:names$}  {breaks:broken$}  {fate:12}")?;
            for requirement in &row.requirements {
                match requirement == breaks || row.also.contains(requirement) {
                    true => write!(f, " {requirement}")?,
                    false => write!(f, " ({requirement})")?,
                }
            }
            writeln!(f)?;
            for missed in &row.missed {
                writeln!(f, "    should have failed: {missed}")?;
            }
            for check in &row.collateral {
                writeln!(f, "    failed without cause: {check}")?;
            }
        }
        for check in &self.unproven {
            writeln!(f, "no mutant makes this fail: {check}")?;
        }
        for Carried {
            scenario,
            requirement,
        } in &self.carried_along
        {
            writeln!(
                f,
                "no mutant of {requirement} is noticed in a scenario that judges it beside others: {scenario}"
            )?;
        }
        let (s, c) = (&self.summary, &self.checks);
        write!(
            f,
            "{} mutants: {} killed, {} survived, {} for the wrong reason, {} with collateral; {} of {} checks proven",
            s.total, s.killed, s.survived, s.wrong_reason, s.collateral, c.proven, c.total
        )
    }
}

/// What to run.
#[derive(Clone)]
pub struct Options {
    /// Whose mutants.
    pub enabler: String,
    /// Only mutants of this name.
    pub only: Option<String>,
    /// All scenarios for every mutant, not only those that can notice it.
    pub full: bool,
    /// The stage.
    pub kind: Kind,
    /// The seed.
    pub seed: u64,
    /// How many mutants at the same time.
    pub jobs: usize,
}

/// The scenarios that can notice a mutant.
type Noticed = BTreeMap<&'static str, BTreeSet<String>>;

/// A built-in system that can be broken, by rules that are an `R`.
trait Breakable<R: ?Sized + 'static>: BuiltIn + Sized + 'static {
    /// Its enabler.
    const ENABLER: &'static str;

    /// The role that it plays.
    const ROLE: &'static str;

    /// The clean system, which compares itself with mutants.
    fn beside_mutants(mutants: &[&Mutant<R>]) -> Self;

    /// A mutant.
    fn broken(rules: Arc<R>) -> Self;

    /// The mutants that would have decided otherwise in the scenario with this seed.
    fn noticed(&self, seed: Seed) -> Vec<&'static str>;
}

macro_rules! breakable {
    ($system:ident, $enabler:literal, $role:literal, $($rules:ident)::+, $watched:ident, $made:expr) => {
        impl Breakable<dyn $($rules)::+::Rules> for $system {
            const ENABLER: &'static str = $enabler;

            const ROLE: &'static str = $role;

            fn beside_mutants(mutants: &[&Mutant<dyn $($rules)::+::Rules>]) -> Self {
                use $($rules)::+::{Rival, Standard};
                let rivals = mutants.iter().map(|mutant| Rival {
                    name: mutant.name,
                    overrides: mutant.rules_broken,
                    rules: (mutant.rules)(),
                });
                let mut system = $made(Arc::new(Standard));
                system.$watched = system.$watched.beside(rivals.collect());
                system
            }

            fn broken(rules: Arc<dyn $($rules)::+::Rules>) -> Self {
                $made(rules)
            }

            fn noticed(&self, seed: Seed) -> Vec<&'static str> {
                self.$watched.differing(seed)
            }
        }
    };
    ($system:ident, $enabler:literal, $role:literal, $core:ident) => {
        breakable!($system, $enabler, $role, $core::rules, rules, Self::new);
    };
}

breakable!(TwinningSystem, "twinning", "twinning-enabler", enabler);
breakable!(Lwm2mSystem, "lwm2m", "lwm2m-server", server);
breakable!(Lwm2mClient, "lwm2m", "lwm2m-client", device);
breakable!(Lwm2mBootstrap, "lwm2m", "lwm2m-bootstrap-server", bootstrap);
breakable!(DmClient, "dm", "dm-client", dm_sessions, rules, |rules| {
    Self::new(rules, Arc::new(dm_trees::Standard))
});
breakable!(DmClient, "dm", "dm-client", dm_trees, tree_rules, |rules| {
    Self::new(Arc::new(dm_sessions::Standard), rules)
});
breakable!(DmServer, "dm", "dm-server", dm_server, rules, Self::new);
breakable!(
    DmServer,
    "gwmo",
    "dm-server",
    overseer,
    overseeing,
    Self::overseeing
);
breakable!(
    DmBootstrapServer,
    "dm",
    "dm-bootstrap-server",
    dm_bootstrap,
    rules,
    Self::new
);
breakable!(
    GatewaySystem,
    "gwmo",
    "dm-gateway",
    gateway,
    rules,
    Self::new
);

/// Runs the clean system and returns its report and, per mutant, the scenarios in which it would have
/// decided otherwise.
fn clean_run<R: ?Sized + 'static, S: Breakable<R>>(
    bench: &Bench,
    chosen: &[&Mutant<R>],
) -> Result<(Report, Noticed), String> {
    let system = Arc::new(S::beside_mutants(chosen));
    let selected = bench.scenarios(S::ENABLER, S::ROLE);
    let hosted: Arc<dyn BuiltIn> = Arc::<S>::clone(&system);
    let report = bench.run(hosted, selected.clone())?;
    let mut noticed = Noticed::new();
    for id in selected {
        for mutant in system.noticed(bench.scenario_seed(&id)) {
            noticed.entry(mutant).or_default().insert(id.clone());
        }
    }
    Ok((report, noticed))
}

/// Runs the clean system and all mutants.
///
/// # Errors
///
/// The features or the catalogue are broken, the clean system does not pass, or there is no such mutant.
pub fn matrix(options: Options, on_mutant: &(dyn Fn(&Row) + Sync)) -> Result<Matrix, String> {
    let only = options.only.clone();
    let bench = Bench::load(options.kind.clone(), options.seed)?;
    let parts: Vec<Option<Matrix>> = match options.enabler.as_str() {
        "dm" => {
            let sessions = matrix_of::<dyn dm_sessions::Rules, DmClient>(
                mutants::dm_client(),
                options.clone(),
                on_mutant,
            )?;
            let trees = matrix_of::<dyn dm_trees::Rules, DmClient>(
                mutants::dm_tree(),
                options.clone(),
                on_mutant,
            )?;
            let client = match (sessions, trees) {
                (Some(sessions), Some(trees)) => Some(sessions.beside(trees)),
                (sessions, trees) => sessions.or(trees),
            };
            let server = matrix_of::<dyn dm_server::Rules, DmServer>(
                mutants::dm_server(),
                options.clone(),
                on_mutant,
            )?;
            let bootstrap =
                matrix_of::<_, DmBootstrapServer>(mutants::dm_bootstrap(), options, on_mutant)?;
            vec![client, server, bootstrap]
        }
        "gwmo" => vec![
            matrix_of::<_, GatewaySystem>(mutants::gateway(), options.clone(), on_mutant)?,
            matrix_of::<dyn overseer::Rules, DmServer>(mutants::overseer(), options, on_mutant)?,
        ],
        Lwm2mSystem::ENABLER => vec![
            matrix_of::<_, Lwm2mSystem>(mutants::lwm2m(), options.clone(), on_mutant)?,
            matrix_of::<_, Lwm2mClient>(mutants::lwm2m_client(), options.clone(), on_mutant)?,
            matrix_of::<_, Lwm2mBootstrap>(mutants::lwm2m_bootstrap(), options, on_mutant)?,
        ],
        _ => vec![matrix_of::<_, TwinningSystem>(
            mutants::twinning(),
            options,
            on_mutant,
        )?],
    };
    let whole = parts.into_iter().flatten().reduce(Matrix::with);
    let mut whole = whole.ok_or_else(|| {
        let name = only.as_deref().unwrap_or_default();
        format!("there is no mutant {name}; `twinproof mutants --list` names them all")
    })?;
    match only {
        // What one mutant leaves unproven is for the others to prove.
        Some(_) => whole.unproven.clear(),
        None => whole.carried_along = whole.carried_along(&bench),
    }
    Ok(whole)
}

fn matrix_of<R: ?Sized + 'static, S: Breakable<R>>(
    mutants: impl Iterator<Item = &'static Mutant<R>>,
    options: Options,
    on_mutant: &(dyn Fn(&Row) + Sync),
) -> Result<Option<Matrix>, String> {
    let bench = Bench::load(options.kind, options.seed)?;
    let chosen: Vec<&Mutant<R>> = mutants
        .filter(|mutant| {
            options
                .only
                .as_deref()
                .is_none_or(|name| name == mutant.name)
        })
        .collect();
    if options.only.is_some() && chosen.is_empty() {
        return Ok(None);
    }
    for mutant in &chosen {
        let mut named = mutant
            .also
            .iter()
            .flat_map(|(ids, _)| *ids)
            .chain([&mutant.breaks]);
        if let Some(id) = named.find(|id| bench.catalogue.requirement(id).is_none()) {
            return Err(format!(
                "the mutant {} names {id:?}, which is no requirement of the catalogue",
                mutant.name
            ));
        }
    }
    let (clean, noticed) = clean_run::<R, S>(&bench, &chosen)?;
    if let Some(broken) = clean
        .scenarios
        .iter()
        .find(|s| s.verdict >= Verdict::Inconclusive)
    {
        return Err(format!(
            "the clean system is {} in {}: {}",
            broken.verdict, broken.id, broken.reason
        ));
    }
    let all: BTreeSet<String> = clean.scenarios.iter().map(|s| s.id.clone()).collect();
    let rows = each(&chosen, options.jobs, |mutant| {
        let scenarios = match options.full {
            true => all.clone(),
            false => noticed.get(mutant.name).cloned().unwrap_or_default(),
        };
        let row = judge_mutant::<R, S>(&bench, mutant, &scenarios, &clean)?;
        on_mutant(&row);
        Ok(row)
    })?;
    Ok(Some(summarize(S::ENABLER, rows, &clean)))
}

fn summarize(enabler: &str, rows: Vec<Row>, clean: &Report) -> Matrix {
    let proven: BTreeSet<&CheckId> = rows.iter().flat_map(|row| &row.failed).collect();
    let made: BTreeSet<CheckId> = clean
        .scenarios
        .iter()
        .flat_map(|scenario| {
            scenario
                .findings
                .iter()
                .map(|finding| CheckId::new(&scenario.id, finding))
        })
        .collect();
    let unproven: Vec<CheckId> = made
        .iter()
        .filter(|check| !proven.contains(check))
        .cloned()
        .collect();
    let count = |fate| rows.iter().filter(|row| row.fate == fate).count();
    Matrix {
        enabler: enabler.to_owned(),
        summary: Summary {
            total: rows.len(),
            killed: count(Fate::Killed),
            survived: count(Fate::Survived),
            wrong_reason: count(Fate::WrongReason),
            collateral: rows.iter().filter(|row| !row.collateral.is_empty()).count(),
        },
        checks: Checks {
            total: made.len(),
            proven: made.len() - unproven.len(),
        },
        mutants: rows,
        unproven,
        carried_along: Vec::new(),
    }
}

/// Whether a finding says no: a check that is but a recommendation says it with a warning.
fn says_no(finding: &Finding, clean: Option<&Finding>) -> bool {
    let was = clean.map_or(Verdict::Pass, |finding| finding.verdict);
    matches!(finding.verdict, Verdict::Fail | Verdict::Warning) && finding.verdict > was
}

fn judge_mutant<R: ?Sized + 'static, S: Breakable<R>>(
    bench: &Bench,
    mutant: &Mutant<R>,
    scenarios: &BTreeSet<String>,
    clean: &Report,
) -> Result<Row, String> {
    let system = Arc::new(S::broken((mutant.rules)()));
    let report = bench.run(system, scenarios.iter().cloned().collect())?;
    let mut failed = Vec::new();
    let mut collateral = Vec::new();
    let broken = |id: &str| {
        let mut also = mutant.also.iter();
        also.any(|(also, _)| also.contains(&id)) || is_related(&bench.catalogue, mutant.breaks, id)
    };
    for scenario in &report.scenarios {
        let before = clean.scenarios.iter().find(|s| s.id == scenario.id);
        let related = scenario.requirements.iter().any(|id| broken(id));
        for (number, finding) in scenario.findings.iter().enumerate() {
            if says_no(finding, before.and_then(|s| s.findings.get(number))) {
                let check = CheckId::new(&scenario.id, finding);
                if !related && finding.verdict == Verdict::Fail {
                    collateral.push(check.clone());
                }
                failed.push(check);
            }
        }
    }
    let missed: Vec<String> = mutant
        .caught_by
        .iter()
        .filter(|(scenario, check)| {
            !failed
                .iter()
                .any(|f| f.scenario == *scenario && f.check == *check)
        })
        .map(|(scenario, check)| format!("{scenario} {check}"))
        .collect();
    let fate = match (failed.is_empty(), missed.is_empty()) {
        (true, _) => Fate::Survived,
        (false, true) => Fate::Killed,
        (false, false) => Fate::WrongReason,
    };
    let requirements = report
        .scenarios
        .iter()
        .filter(|s| s.verdict == Verdict::Fail)
        .flat_map(|s| s.requirements.iter().cloned())
        .collect::<BTreeSet<_>>();
    let pairs = report.requirements.iter().zip(&clean.requirements);
    let proves = pairs
        .filter(|(now, _)| matches!(now.verdict, Verdict::Fail | Verdict::Warning))
        .filter(|(now, clean)| clean.verdict < now.verdict)
        .filter(|(now, _)| broken(&now.id))
        .map(|(now, _)| now.id.clone())
        .collect();
    Ok(Row {
        mutant: mutant.name.to_owned(),
        does: mutant.does.to_owned(),
        breaks: mutant.breaks.to_owned(),
        also: mutant
            .also
            .iter()
            .flat_map(|(ids, _)| *ids)
            .map(|id| (*id).to_owned())
            .collect(),
        fate,
        missed,
        failed,
        requirements: requirements.into_iter().collect(),
        proves,
        collateral,
        scenarios: scenarios.len(),
    })
}

fn is_related(catalogue: &Catalogue, broken: &str, other: &str) -> bool {
    let names = |a: &str, b: &str| {
        catalogue
            .requirement(a)
            .is_some_and(|r| r.overlaps.iter().any(|overlap| overlap.with == b))
    };
    broken == other || names(broken, other) || names(other, broken)
}

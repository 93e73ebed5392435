//! The tolerance of the verdicts: one lawful system after another, none of which may fail.

mod met;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use serde::Serialize;
use twinproof_conformance::{BuiltIn, Part};
use twinproof_dm::client::rules::decide as dm_sessions;
use twinproof_dm::server::rules as dm_server;
use twinproof_dm::store::rules::decide as dm_trees;
use twinproof_evidence::Verdict;
use twinproof_evidence::report::{Report, Scenario};
use twinproof_gwmo::gateway;
use twinproof_gwmo::overseer::rules::decide as overseeing;
use twinproof_judge::FEATURES;
use twinproof_judge::profile::Declared;
use twinproof_judge::proofs::{self, Tolerant};
use twinproof_kernel::Seed;
use twinproof_lwm2m::{device, server};
use twinproof_reference::variants::{
    Dimension, Shape, all_pairs, dm, dm_client, gwmo, lwm2m, lwm2m_client, overseer, twinning,
};
use twinproof_stage::{Halted, Kind, Stage};
use twinproof_twinning::enabler;

use crate::bench::{Bench, each};
use crate::builtin::TwinningSystem;
use crate::dm::{DmClient, DmServer};
use crate::gwmo::GatewaySystem;
use crate::lwm2m::{Lwm2mClient, Lwm2mSystem};

use met::{Differences, Met, Other, differences, is_decided, knobs, others};

/// A value that a variant has.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Trait {
    /// The dimension.
    pub dimension: String,
    /// The value.
    pub value: String,
    /// What leaves it open.
    pub source: String,
}

/// A verdict that a lawful system must not get.
#[derive(Clone, Debug, Serialize)]
pub struct FalseFail {
    /// The scenario.
    pub scenario: String,
    /// The step, from 0; nothing if no check said it.
    pub step: Option<usize>,
    /// The check; empty if none said it.
    pub check: String,
    /// Fail or error.
    pub verdict: Verdict,
    /// What the check rests on.
    pub basis: String,
    /// What it expected.
    pub expected: String,
    /// What came.
    pub got: String,
}

/// One variant.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The variant's name.
    pub variant: String,
    /// In what it differs from the built-in system.
    pub shape: Vec<Trait>,
    /// How many scenarios it ran.
    pub scenarios: usize,
    /// The requirements that those judge.
    pub judged: Vec<String>,
    /// What fell on it without cause.
    pub false_fails: Vec<FalseFail>,
    /// The scenarios that could not be decided, each with its reason.
    pub inconclusive: Vec<(String, String)>,
    /// The requirements all of whose scenarios came to a verdict, none to a fail.
    pub decided: Vec<String>,
}

/// A lawful value, and how far verdicts met it.
#[derive(Clone, Debug, Serialize)]
pub struct Meeting {
    /// The dimension.
    pub dimension: String,
    /// The value.
    pub value: String,
    /// What leaves it open.
    pub source: String,
    /// How many variants have it.
    pub variants: usize,
    /// In how many of them it made a difference in a scenario that came to a verdict.
    pub met: usize,
}

/// Counts.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Summary {
    /// All variants.
    pub total: usize,
    /// All verdicts that they must not get.
    pub false_fails: usize,
    /// All lawful values.
    pub values: usize,
    /// Those that a verdict met.
    pub values_met: usize,
    /// How many knobs of the profile had another value that a verdict met.
    pub knobs_covered: usize,
}

/// What became of all variants.
#[derive(Clone, Debug, Serialize)]
pub struct Tolerance {
    /// Whose requirements.
    pub enabler: String,
    /// Counts.
    pub summary: Summary,
    /// Whether any two values stood together, so that the figures of values and knobs mean something.
    pub whole: bool,
    /// The knobs of which verdicts met but the usual value.
    pub knobs_uncovered: Vec<String>,
    /// All lawful values.
    pub values: Vec<Meeting>,
    /// Requirement → how many variants ran scenarios of it.
    pub judged: BTreeMap<String, usize>,
    /// Requirement → in how many variants all its scenarios came to a verdict, none to a fail.
    pub requirements: BTreeMap<String, usize>,
    /// A row per variant.
    pub variants: Vec<Row>,
}

impl Tolerance {
    /// Whether no variant got a verdict that it must not get.
    pub const fn is_proof(&self) -> bool {
        self.summary.false_fails == 0
    }

    /// What it proves of each requirement, for reports.
    pub fn tolerant(&self) -> Tolerant {
        let mut judged = self.judged.clone();
        judged.retain(|_, count| *count < self.summary.total);
        Tolerant {
            suite: proofs::digest(&FEATURES, &self.enabler),
            variants: self.summary.total,
            judged,
            decided: self.requirements.clone(),
        }
    }

    /// This one and that of another role of the same enabler as one.
    fn with(mut self, other: Self) -> Self {
        let (own, more) = (&mut self.summary, other.summary);
        own.total += more.total;
        own.false_fails += more.false_fails;
        own.values += more.values;
        own.values_met += more.values_met;
        own.knobs_covered += more.knobs_covered;
        self.knobs_uncovered.extend(other.knobs_uncovered);
        self.values.extend(other.values);
        for (counts, more) in [
            (&mut self.judged, other.judged),
            (&mut self.requirements, other.requirements),
        ] {
            for (id, count) in more {
                *counts.entry(id).or_default() += count;
            }
        }
        self.variants.extend(other.variants);
        self
    }

    /// The values that no verdict met, in a whole proof.
    pub fn values_unmet(&self) -> impl Iterator<Item = &Meeting> {
        self.values.iter().filter(|v| self.whole && v.met == 0)
    }
}

/// A line per variant; below it, where it got a verdict without cause, its shape and that verdict; then
/// the counts.
impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.variants {
            writeln!(
                f,
                "{}  differs in {:2}  {:3} scenarios, {:2} undecided  {:2} requirements decided  {}",
                row.variant,
                row.shape.len(),
                row.scenarios,
                row.inconclusive.len(),
                row.decided.len(),
                match row.false_fails.len() {
                    0 => "no false fail".to_owned(),
                    count => format!("{count} without cause"),
                }
            )?;
            if row.false_fails.is_empty() {
                continue;
            }
            for one in &row.shape {
                writeln!(f, "  {}: {} ({})", one.dimension, one.value, one.source)?;
            }
            for fail in &row.false_fails {
                writeln!(f, "  {} {} {}", fail.verdict, fail.scenario, fail.check)?;
                writeln!(f, "     expected  {}", fail.expected)?;
                writeln!(f, "     got       {}", fail.got)?;
                writeln!(f, "     basis     {}", fail.basis)?;
            }
        }
        let Summary {
            total,
            false_fails,
            values,
            values_met,
            knobs_covered,
        } = self.summary;
        for value in self.values_unmet() {
            writeln!(
                f,
                "no verdict met  {}: {} ({})",
                value.dimension, value.value, value.source
            )?;
        }
        write!(f, "{total} variants: {false_fails} false fails")?;
        if self.whole {
            write!(f, " · {values_met} of {values} lawful values met")?;
            let knobs = knobs_covered + self.knobs_uncovered.len();
            if knobs > 0 {
                write!(f, " · {knobs_covered} of {knobs} knobs covered")?;
            }
        }
        Ok(())
    }
}

/// How many variants to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// Enough for each value to be in one of them.
    EachValue,
    /// Enough for any two values to meet in one of them.
    EachPair,
}

/// What to run.
#[derive(Clone)]
pub struct Options {
    /// Whose variants.
    pub enabler: String,
    /// Only the variant of this name.
    pub only: Option<String>,
    /// How many.
    pub extent: Extent,
    /// The stage.
    pub kind: Kind,
    /// The seed.
    pub seed: u64,
    /// How many variants at the same time.
    pub jobs: usize,
}

struct Variant {
    name: String,
    values: Vec<usize>,
}

/// A built-in system that has other lawful shapes.
trait Variable: BuiltIn + Sized + 'static {
    /// Its enabler.
    const ENABLER: &'static str;

    /// The role that it plays.
    const ROLE: &'static str;

    /// What its variants are called, before their number.
    const NAME: &'static str;

    type Shape: Shape;

    fn shaped(shape: Self::Shape) -> Self;

    /// The same, and it remembers in which scenarios the others would have decided otherwise.
    fn beside_others(self, others: Vec<Other<Self::Shape>>) -> Self;

    /// The dimensions of those that would have, in the scenario with this seed.
    fn differing_in(&self, seed: Seed) -> Vec<&'static str>;
}

macro_rules! variable {
    ($system:ident, $enabler:literal, $role:literal, $name:literal, $shapes:ident, $($rules:ident)::+) => {
        impl Variable for $system {
            const ENABLER: &'static str = $enabler;

            const ROLE: &'static str = $role;

            const NAME: &'static str = $name;

            type Shape = $shapes::Shape;

            fn shaped(shape: Self::Shape) -> Self {
                Self::shaped(shape)
            }

            fn beside_others(mut self, others: Vec<Other<Self::Shape>>) -> Self {
                let rivals = others.into_iter().map(|other| $($rules)::+::Rival {
                    name: other.name,
                    overrides: other.overrides,
                    rules: other.shape.rules(),
                });
                self.rules = self.rules.beside(rivals.collect());
                self
            }

            fn differing_in(&self, seed: Seed) -> Vec<&'static str> {
                self.rules.differing(seed)
            }
        }
    };
}

variable!(
    TwinningSystem,
    "twinning",
    "twinning-enabler",
    "variant",
    twinning,
    enabler::rules
);
variable!(
    Lwm2mSystem,
    "lwm2m",
    "lwm2m-server",
    "variant",
    lwm2m,
    server::rules
);
variable!(
    Lwm2mClient,
    "lwm2m",
    "lwm2m-client",
    "client",
    lwm2m_client,
    device::rules
);
variable!(
    GatewaySystem,
    "gwmo",
    "dm-gateway",
    "gateway",
    gwmo,
    gateway::rules::decide
);
variable!(
    DmServer,
    "dm",
    "dm-server",
    "variant",
    dm,
    dm_server::decide
);

/// The DM server, in what it does with gateways.
struct Overseen(DmServer);

impl BuiltIn for Overseen {
    fn profile(&self) -> &Declared {
        self.0.profile()
    }

    fn enter<'a>(
        &'a self,
        stage: &'a mut Stage,
        seed: Seed,
        part: Part<'a>,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>> {
        self.0.enter(stage, seed, part)
    }
}

impl Variable for Overseen {
    const ENABLER: &'static str = GatewaySystem::ENABLER;

    const ROLE: &'static str = DmServer::ROLE;

    const NAME: &'static str = "server";

    type Shape = overseer::Shape;

    fn shaped(shape: Self::Shape) -> Self {
        Self(DmServer::overseeing(shape.rules()))
    }

    fn beside_others(mut self, others: Vec<Other<Self::Shape>>) -> Self {
        let rivals = others.into_iter().map(|other| overseeing::Rival {
            name: other.name,
            overrides: other.overrides,
            rules: other.shape.rules(),
        });
        self.0.overseeing = self.0.overseeing.beside(rivals.collect());
        self
    }

    fn differing_in(&self, seed: Seed) -> Vec<&'static str> {
        self.0.overseeing.differing(seed)
    }
}

/// It decides by two sets of rules, each of which is asked for what it knows.
impl Variable for DmClient {
    const ENABLER: &'static str = "dm";

    const ROLE: &'static str = "dm-client";

    const NAME: &'static str = "client";

    type Shape = dm_client::Shape;

    fn shaped(shape: Self::Shape) -> Self {
        Self::shaped(shape)
    }

    fn beside_others(mut self, others: Vec<Other<Self::Shape>>) -> Self {
        let sessions = others.iter().map(|other| dm_sessions::Rival {
            name: other.name,
            overrides: other.overrides,
            rules: other.shape.rules(),
        });
        self.rules = self.rules.beside(sessions.collect());
        let trees = others.iter().map(|other| dm_trees::Rival {
            name: other.name,
            overrides: other.overrides,
            rules: other.shape.rules(),
        });
        self.tree_rules = self.tree_rules.beside(trees.collect());
        self
    }

    fn differing_in(&self, seed: Seed) -> Vec<&'static str> {
        let mut differing = self.rules.differing(seed);
        differing.extend(self.tree_rules.differing(seed));
        differing
    }
}

/// Runs all variants of a built-in system.
///
/// # Errors
///
/// The features or the catalogue are broken, or there is no such variant.
pub fn tolerance(
    options: Options,
    on_variant: &(dyn Fn(&Row) + Sync),
) -> Result<Tolerance, String> {
    let only = options.only.clone();
    let parts = match options.enabler.as_str() {
        Lwm2mSystem::ENABLER => vec![
            tolerance_of::<Lwm2mSystem>(options.clone(), on_variant)?,
            tolerance_of::<Lwm2mClient>(options, on_variant)?,
        ],
        GatewaySystem::ENABLER => vec![
            tolerance_of::<GatewaySystem>(options.clone(), on_variant)?,
            tolerance_of::<Overseen>(options, on_variant)?,
        ],
        DmServer::ENABLER => vec![
            tolerance_of::<DmServer>(options.clone(), on_variant)?,
            tolerance_of::<DmClient>(options, on_variant)?,
        ],
        _ => vec![tolerance_of::<TwinningSystem>(options, on_variant)?],
    };
    let whole = parts.into_iter().flatten().reduce(Tolerance::with);
    whole.ok_or_else(|| {
        let name = only.unwrap_or_default();
        format!("there is no variant {name}; they are called variant-01, client-01, gateway-01, server-01 and so on")
    })
}

fn tolerance_of<V: Variable>(
    options: Options,
    on_variant: &(dyn Fn(&Row) + Sync),
) -> Result<Option<Tolerance>, String> {
    let bench = Bench::load(options.kind, options.seed)?;
    let scenarios = bench.scenarios(V::ENABLER, V::ROLE);
    let mut variants = variants::<V>(options.extent);
    variants.retain(|v| options.only.as_ref().is_none_or(|name| *name == v.name));
    if variants.is_empty() {
        return Ok(None);
    }
    let whole = options.only.is_none() && options.extent == Extent::EachPair;
    let differences = match whole {
        true => differences::<V>(&bench, &scenarios, options.jobs)?,
        false => Differences::new(),
    };
    let judged = each(&variants, options.jobs, |variant| {
        let system = V::shaped(V::Shape::of(&variant.values));
        let system = Arc::new(match whole {
            true => system.beside_others(others(&variant.values)),
            false => system,
        });
        let hosted: Arc<dyn BuiltIn> = Arc::<V>::clone(&system);
        let report = bench.run(hosted, scenarios.clone())?;
        let row = judged::<V::Shape>(variant, &report);
        on_variant(&row);
        let met = Met::of(&variant.values, &report, &*system, &bench, &differences);
        Ok((row, met))
    })?;
    Ok(Some(summarize::<V>(&variants, judged, whole)))
}

/// The names of all variants of an enabler.
pub fn names(enabler: &str, extent: Extent) -> Vec<String> {
    let variants = match enabler {
        Lwm2mSystem::ENABLER => {
            let mut all = variants::<Lwm2mSystem>(extent);
            all.extend(variants::<Lwm2mClient>(extent));
            all
        }
        GatewaySystem::ENABLER => {
            let mut all = variants::<GatewaySystem>(extent);
            all.extend(variants::<Overseen>(extent));
            all
        }
        DmServer::ENABLER => {
            let mut all = variants::<DmServer>(extent);
            all.extend(variants::<DmClient>(extent));
            all
        }
        _ => variants::<TwinningSystem>(extent),
    };
    variants.into_iter().map(|v| v.name).collect()
}

fn variants<V: Variable>(extent: Extent) -> Vec<Variant> {
    let dimensions: &[Dimension<_>] = V::Shape::DIMENSIONS;
    let sizes: Vec<usize> = dimensions.iter().map(|d| d.values.len()).collect();
    let rows = match extent {
        Extent::EachValue => each_value(&sizes),
        Extent::EachPair => all_pairs(&sizes),
    };
    rows.into_iter()
        .enumerate()
        .map(|(number, values)| Variant {
            name: format!("{}-{:02}", V::NAME, number + 1),
            values,
        })
        .collect()
}

/// Rows of one value per dimension, so that each value is in at least one.
fn each_value(sizes: &[usize]) -> Vec<Vec<usize>> {
    let rows = sizes.iter().copied().max();
    (0..rows.unwrap_or_default())
        .map(|row| {
            // Each dimension starts elsewhere, so that no row is the built-in system itself.
            let shifted = sizes.iter().enumerate();
            shifted.map(|(at, size)| (row + at) % size).collect()
        })
        .collect()
}

fn traits<S: Shape>(values: &[usize]) -> impl Iterator<Item = (usize, Trait)> + '_ {
    S::DIMENSIONS
        .iter()
        .zip(values)
        .filter_map(|(dimension, number)| {
            let value = dimension.values.get(*number)?;
            let one = Trait {
                dimension: dimension.name.to_owned(),
                value: value.name.to_owned(),
                source: dimension.source.to_owned(),
            };
            Some((*number, one))
        })
}

fn judged<S: Shape>(variant: &Variant, report: &Report) -> Row {
    let mut false_fails = Vec::new();
    for scenario in &report.scenarios {
        let wrong = |verdict: Verdict| matches!(verdict, Verdict::Fail | Verdict::Error);
        let before = false_fails.len();
        let findings = scenario.findings.iter().filter(|f| wrong(f.verdict));
        false_fails.extend(findings.map(|finding| FalseFail {
            scenario: scenario.id.clone(),
            step: Some(finding.step),
            check: finding.check.clone(),
            verdict: finding.verdict,
            basis: finding.basis.clone(),
            expected: finding.expected.clone(),
            got: finding.got.clone(),
        }));
        // An error of the run itself has no finding.
        if wrong(scenario.verdict) && false_fails.len() == before {
            false_fails.push(FalseFail {
                scenario: scenario.id.clone(),
                step: None,
                check: String::new(),
                verdict: scenario.verdict,
                basis: String::new(),
                expected: "a scenario that can be performed".to_owned(),
                got: scenario.reason.clone(),
            });
        }
    }
    let undecided = |s: &&Scenario| s.verdict == Verdict::Inconclusive;
    Row {
        variant: variant.name.clone(),
        shape: traits::<S>(&variant.values)
            .filter_map(|(number, one)| (number > 0).then_some(one))
            .collect(),
        scenarios: report.scenarios.len(),
        judged: report
            .requirements
            .iter()
            .filter(|r| is_judged(&r.id, report))
            .map(|r| r.id.clone())
            .collect(),
        false_fails,
        inconclusive: report
            .scenarios
            .iter()
            .filter(undecided)
            .map(|s| (s.id.clone(), s.reason.clone()))
            .collect(),
        decided: report
            .requirements
            .iter()
            .filter(|r| is_settled(&r.id, report))
            .map(|r| r.id.clone())
            .collect(),
    }
}

/// Whether scenarios judge a requirement.
fn is_judged(requirement: &str, report: &Report) -> bool {
    let mut judging = report.scenarios.iter();
    judging.any(|s| s.requirements.iter().any(|id| id == requirement))
}

/// Whether scenarios judge a requirement, all of those that apply came to a verdict, and none to a fail.
fn is_settled(requirement: &str, report: &Report) -> bool {
    let judging = report.scenarios.iter();
    let mut applying = judging
        .filter(|s| s.requirements.iter().any(|id| id == requirement))
        .filter(|s| s.verdict != Verdict::NotApplicable)
        .peekable();
    let settled = |s: &Scenario| is_decided(s) || s.verdict == Verdict::Inspect;
    applying.peek().is_some() && applying.all(|s| settled(s) && s.verdict != Verdict::Fail)
}

fn summarize<V: Variable>(variants: &[Variant], judged: Vec<(Row, Met)>, whole: bool) -> Tolerance {
    let (rows, met): (Vec<Row>, Vec<Met>) = judged.into_iter().unzip();
    let dimensions = V::Shape::DIMENSIONS.iter().enumerate();
    let places = dimensions.flat_map(|(at, dimension)| {
        let values = dimension.values.iter().enumerate();
        values.map(move |(number, value)| (at, number, dimension, value))
    });
    let values: Vec<Meeting> = places
        .map(|(at, number, dimension, value)| Meeting {
            dimension: dimension.name.to_owned(),
            value: value.name.to_owned(),
            source: dimension.source.to_owned(),
            variants: variants.iter().filter(|v| v.values[at] == number).count(),
            met: met
                .iter()
                .filter(|met| met.places.contains(&(at, number)))
                .count(),
        })
        .collect();
    let covered: BTreeSet<&String> = met.iter().flat_map(|met| &met.knobs).collect();
    let keys = knobs(&V::Shape::default()).into_iter().map(|(key, _)| key);
    let count = |of: fn(&Row) -> &[String]| {
        let mut counts = BTreeMap::new();
        for id in rows.iter().flat_map(of) {
            *counts.entry(id.clone()).or_default() += 1;
        }
        counts
    };
    Tolerance {
        enabler: V::ENABLER.to_owned(),
        summary: Summary {
            total: rows.len(),
            false_fails: rows.iter().map(|row| row.false_fails.len()).sum(),
            values: values.len(),
            values_met: values.iter().filter(|value| value.met > 0).count(),
            knobs_covered: covered.len(),
        },
        whole,
        knobs_uncovered: keys.filter(|key| !covered.contains(key)).collect(),
        values,
        judged: count(|row| &row.judged),
        requirements: count(|row| &row.decided),
        variants: rows,
    }
}

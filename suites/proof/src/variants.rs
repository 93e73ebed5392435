//! The tolerance of the verdicts: one lawful system after another, none of which may fail.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;
use twinproof_evidence::Verdict;
use twinproof_evidence::report::Report;
use twinproof_reference::variants::{Dimension, Shape, TWINNING, all_pairs};
use twinproof_stage::Kind;
use twinproof_twinning::knobs::Knobs;

use crate::bench::{Bench, each};
use crate::builtin::TwinningSystem;

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
    /// What fell on it without cause.
    pub false_fails: Vec<FalseFail>,
    /// The scenarios that could not be decided, each with its reason.
    pub inconclusive: Vec<(String, String)>,
    /// The requirements that this variant passes.
    pub passed: Vec<String>,
}

/// Counts.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Summary {
    /// All variants.
    pub total: usize,
    /// All verdicts that they must not get.
    pub false_fails: usize,
    /// How many knobs of the profile had more than one value.
    pub knobs_covered: usize,
}

/// What became of all variants.
#[derive(Clone, Debug, Serialize)]
pub struct Tolerance {
    /// Counts.
    pub summary: Summary,
    /// The knobs that had one value only.
    pub knobs_uncovered: Vec<String>,
    /// The values that no variant had.
    pub values_uncovered: Vec<Trait>,
    /// A row per variant.
    pub variants: Vec<Row>,
}

impl Tolerance {
    /// Whether no variant got a verdict that it must not get.
    pub const fn is_proof(&self) -> bool {
        self.summary.false_fails == 0
    }
}

/// A line per variant; below it, where it got a verdict without cause, its shape and that verdict; then
/// the counts.
impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.variants {
            writeln!(
                f,
                "{}  differs in {:2}  {:3} scenarios, {:2} undecided  {:2} requirements pass  {}",
                row.variant,
                row.shape.len(),
                row.scenarios,
                row.inconclusive.len(),
                row.passed.len(),
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
            knobs_covered,
        } = self.summary;
        let knobs = knobs_covered + self.knobs_uncovered.len();
        write!(
            f,
            "{total} variants: {false_fails} false fails · {knobs_covered} of {knobs} knobs covered"
        )
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

/// Runs all variants of the built-in Twinning system.
///
/// # Errors
///
/// The features or the catalogue are broken, or there is no such variant.
pub fn tolerance(
    options: Options,
    on_variant: &(dyn Fn(&Row) + Sync),
) -> Result<Tolerance, String> {
    let bench = Bench::load(options.kind, options.seed)?;
    let scenarios = bench.scenarios("twinning");
    let mut variants = variants(options.extent);
    variants.retain(|v| options.only.as_ref().is_none_or(|name| *name == v.name));
    if let (Some(name), true) = (&options.only, variants.is_empty()) {
        return Err(format!(
            "there is no variant {name}; they are called variant-01, variant-02 and so on"
        ));
    }
    let rows = each(&variants, options.jobs, |variant| {
        let system = TwinningSystem::shaped(Shape::of(TWINNING, &variant.values));
        let report = bench.run(Arc::new(system), scenarios.clone())?;
        let row = judged(variant, &report);
        on_variant(&row);
        Ok(row)
    })?;
    Ok(summarize(&variants, rows))
}

/// The names of all variants.
pub fn names(extent: Extent) -> Vec<String> {
    variants(extent).into_iter().map(|v| v.name).collect()
}

fn variants(extent: Extent) -> Vec<Variant> {
    let rows = match extent {
        Extent::EachValue => each_value(TWINNING),
        Extent::EachPair => {
            let sizes: Vec<usize> = TWINNING.iter().map(|d| d.values.len()).collect();
            all_pairs(&sizes)
        }
    };
    rows.into_iter()
        .enumerate()
        .map(|(number, values)| Variant {
            name: format!("variant-{:02}", number + 1),
            values,
        })
        .collect()
}

/// Rows of one value per dimension, so that each value is in at least one.
fn each_value(dimensions: &[Dimension]) -> Vec<Vec<usize>> {
    let rows = dimensions.iter().map(|d| d.values.len()).max();
    (0..rows.unwrap_or_default())
        .map(|row| {
            // Each dimension starts elsewhere, so that no row is the built-in system itself.
            let shifted = dimensions.iter().enumerate();
            shifted.map(|(at, d)| (row + at) % d.values.len()).collect()
        })
        .collect()
}

fn traits(values: &[usize]) -> impl Iterator<Item = (usize, Trait)> + '_ {
    TWINNING
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

fn judged(variant: &Variant, report: &Report) -> Row {
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
    let undecided = |s: &&twinproof_evidence::report::Scenario| s.verdict == Verdict::Inconclusive;
    Row {
        variant: variant.name.clone(),
        shape: traits(&variant.values)
            .filter_map(|(number, one)| (number > 0).then_some(one))
            .collect(),
        scenarios: report.scenarios.len(),
        false_fails,
        inconclusive: report
            .scenarios
            .iter()
            .filter(undecided)
            .map(|s| (s.id.clone(), s.reason.clone()))
            .collect(),
        passed: report
            .requirements
            .iter()
            .filter(|r| r.verdict == Verdict::Pass)
            .map(|r| r.id.clone())
            .collect(),
    }
}

fn summarize(variants: &[Variant], rows: Vec<Row>) -> Tolerance {
    let own = leaves(&Knobs::default());
    let mut covered = BTreeSet::new();
    for variant in variants {
        let leaves = leaves(&Shape::of(TWINNING, &variant.values).knobs);
        covered.extend(leaves.difference(&own).map(|(key, _)| key.clone()));
    }
    let keys: BTreeSet<String> = own.into_iter().map(|(key, _)| key).collect();
    let values_uncovered = TWINNING
        .iter()
        .enumerate()
        .flat_map(|(at, dimension)| {
            dimension
                .values
                .iter()
                .enumerate()
                .filter_map(move |(number, value)| {
                    let had = variants.iter().any(|v| v.values.get(at) == Some(&number));
                    (!had).then(|| Trait {
                        dimension: dimension.name.to_owned(),
                        value: value.name.to_owned(),
                        source: dimension.source.to_owned(),
                    })
                })
        })
        .collect();
    Tolerance {
        summary: Summary {
            total: rows.len(),
            false_fails: rows.iter().map(|row| row.false_fails.len()).sum(),
            knobs_covered: covered.len(),
        },
        knobs_uncovered: keys.difference(&covered).cloned().collect(),
        values_uncovered,
        variants: rows,
    }
}

/// The knobs by their dotted keys, each with its value.
fn leaves(knobs: &Knobs) -> BTreeSet<(String, String)> {
    fn collect(prefix: &str, value: &Json, into: &mut BTreeSet<(String, String)>) {
        match value {
            Json::Object(fields) => {
                for (name, value) in fields {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    collect(&format!("{prefix}{dot}{name}"), value, into);
                }
            }
            other => {
                into.insert((prefix.to_owned(), other.to_string()));
            }
        }
    }
    let mut leaves = BTreeSet::new();
    if let Ok(value) = serde_json::to_value(knobs) {
        collect("", &value, &mut leaves);
    }
    leaves
}

//! Which lawful values the verdicts have met.
//!
//! That a variant has a value says little: its scenarios may never come near it, or another value may
//! keep them from an end. A value is met where a scenario came to a verdict and the value made a
//! difference in it. For decisions, the same system with another value is asked beside it. A value
//! that shapes the system is tried by itself first, to see which scenarios go otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::What;
use twinproof_evidence::report::{Report, Scenario};
use twinproof_reference::variants::{Dimension, Shape};

use super::Variable;
use crate::bench::{Bench, each};

/// A dimension and one of its values, by their numbers.
pub(super) type Place = (usize, usize);

/// The scenarios in which a value that shapes the system makes a difference.
pub(super) type Differences = BTreeMap<Place, BTreeSet<String>>;

/// Whether a dimension is settled by decisions alone.
fn decides<S: Shape>(dimension: &Dimension<S::Choice>) -> bool {
    let mut choices = dimension.values.iter().filter_map(|v| v.choice.as_ref());
    !choices.any(|choice| S::rules_of(choice).is_empty())
}

/// A system with another value of one dimension.
pub(super) struct Other<S> {
    /// The dimension's name.
    pub(super) name: &'static str,
    /// The rules in which it can decide otherwise.
    pub(super) overrides: &'static [&'static str],
    pub(super) shape: S,
}

/// The same system with another value, for each dimension that is settled by decisions.
pub(super) fn others<S: Shape>(row: &[usize]) -> Vec<Other<S>> {
    let deciding = S::DIMENSIONS.iter().enumerate();
    let deciding = deciding.filter(|(_, dimension)| decides::<S>(dimension));
    deciding
        .flat_map(|(at, dimension)| {
            // What is not the built-in system's own shows against that; its own against any other.
            let others = match row.get(at) {
                Some(0) => 1..dimension.values.len(),
                _ => 0..1,
            };
            others.map(move |other| {
                let unusual = dimension.values[row[at].max(other)].choice.as_ref();
                let mut row = row.to_vec();
                row[at] = other;
                Other {
                    name: dimension.name,
                    overrides: unusual.map_or(&[], S::rules_of),
                    shape: S::of(&row),
                }
            })
        })
        .collect()
}

/// Tries each value that shapes the system by itself.
pub(super) fn differences<V: Variable>(
    bench: &Bench,
    scenarios: &[String],
    jobs: usize,
) -> Result<Differences, String> {
    let dimensions = V::Shape::DIMENSIONS;
    let own = vec![0; dimensions.len()];
    let run = |row: &[usize]| {
        let system = V::shaped(V::Shape::of(row));
        let events = bench.record(Arc::new(system), scenarios.to_vec())?;
        Ok::<_, String>(by_scenario(events))
    };
    let clean = run(&own)?;
    let places: Vec<Place> = dimensions
        .iter()
        .enumerate()
        .filter(|(_, dimension)| !decides::<V::Shape>(dimension))
        .flat_map(|(at, dimension)| (1..dimension.values.len()).map(move |number| (at, number)))
        .collect();
    let differing = each(&places, jobs, |&(at, number)| {
        let mut row = own.clone();
        row[at] = number;
        let other = run(&row)?;
        let differing = clean
            .iter()
            .filter(|(id, records)| other.get(*id) != Some(records));
        Ok(differing.map(|(id, _)| id.clone()).collect::<BTreeSet<_>>())
    })?;
    let mut differences = Differences::new();
    for (place, differing) in places.into_iter().zip(differing) {
        let usual = differences.entry((place.0, 0)).or_default();
        usual.extend(differing.iter().cloned());
        differences.insert(place, differing);
    }
    Ok(differences)
}

/// What was recorded in each scenario.
fn by_scenario(events: Events) -> BTreeMap<String, Vec<(u64, What)>> {
    let mut scenarios: BTreeMap<String, Vec<(u64, What)>> = BTreeMap::new();
    for record in events.records {
        if let Some(scene) = record.scene {
            let records = scenarios.entry(scene.scenario).or_default();
            records.push((record.at, record.what));
        }
    }
    scenarios
}

/// What a variant's verdicts have met.
#[derive(Default)]
pub(super) struct Met {
    pub(super) places: BTreeSet<Place>,
    /// The dotted keys of the knobs that had another value than the built-in system's.
    pub(super) knobs: BTreeSet<String>,
}

impl Met {
    pub(super) fn of<V: Variable>(
        row: &[usize],
        report: &Report,
        system: &V,
        bench: &Bench,
        differences: &Differences,
    ) -> Self {
        let mut met = Self::default();
        let decided: Vec<&Scenario> = report.scenarios.iter().filter(|s| is_decided(s)).collect();
        for scenario in &decided {
            let shown = system.differing_in(bench.scenario_seed(&scenario.id));
            for (at, dimension) in V::Shape::DIMENSIONS.iter().enumerate() {
                let place = (at, row[at]);
                let shapes = differences.get(&place);
                if shown.contains(&dimension.name)
                    || shapes.is_some_and(|ids| ids.contains(&scenario.id))
                {
                    met.places.insert(place);
                }
            }
        }
        for place in met.places.iter().filter(|(_, number)| *number > 0) {
            let mut alone = vec![0; row.len()];
            alone[place.0] = place.1;
            let other = knobs(&V::Shape::of(&alone));
            for (key, value) in other.difference(&knobs(&V::Shape::default())) {
                // What elements are called shows word by word, all else as a whole.
                let shows = match WORDS.iter().any(|group| key.starts_with(group)) {
                    true => decided.iter().any(|scenario| says(scenario, value)),
                    false => true,
                };
                if shows {
                    met.knobs.insert(key.clone());
                }
            }
        }
        met
    }
}

/// Whether checks came to a verdict.
pub(super) fn is_decided(scenario: &Scenario) -> bool {
    matches!(
        scenario.verdict,
        Verdict::Pass | Verdict::Fail | Verdict::Warning
    )
}

/// The groups of knobs that are words on the wire.
const WORDS: [&str; 3] = ["literals.", "names.", "paths."];

/// Whether a word stands by itself in a message of a scenario.
fn says(scenario: &Scenario, word: &str) -> bool {
    let word = word.trim_matches('"');
    scenario.exchanges.iter().any(|exchange| {
        let answer = exchange.answer.as_ref();
        let bodies = [Some(&exchange.body), answer.map(|answer| &answer.body)];
        let mut texts = bodies.into_iter().flatten().filter_map(|b| b.text.as_ref());
        has_word(&exchange.line, word) || texts.any(|text| has_word(text, word))
    })
}

fn has_word(text: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        // A path begins with its own solidus.
        let joined = part(before.chars().next_back()) && part(word.chars().next());
        !joined && !part(after.chars().next())
    })
}

/// The knobs by their dotted keys, each with its value.
pub(super) fn knobs(shape: &impl Shape) -> BTreeSet<(String, String)> {
    fn collect(prefix: &str, value: &Json, into: &mut BTreeSet<(String, String)>) {
        match value {
            Json::Null => {}
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
    collect("", &shape.knobs(), &mut leaves);
    leaves
}

#[cfg(test)]
mod tests {
    use twinproof_reference::variants::{Shape as _, twinning};

    use super::{has_word, others};

    #[test]
    fn a_word_stands_by_itself() {
        assert!(has_word(r#"{"state":"Active"}"#, "state"));
        assert!(has_word("<state>x</state>", "state"));
        assert!(!has_word(r#"{"states":1}"#, "state"));
        assert!(!has_word(r#"{"estate":1}"#, "state"));
        assert!(has_word(
            "GET http://a/v2/tel/relationships",
            "/relationships"
        ));
        assert!(!has_word(
            "GET http://a/relationships-list",
            "/relationship"
        ));
    }

    #[test]
    fn what_is_unusual_is_compared_with_what_is_usual_only() {
        let dimensions = twinning::Shape::DIMENSIONS.len();
        let other = |value| others::<twinning::Shape>(&vec![value; dimensions]).len();
        let (usual, unusual) = (other(0), other(1));
        assert!(unusual < usual, "{unusual} {usual}");
    }
}

//! What a client says of the optional features that it has, held against what it does.

use serde::{Deserialize, Serialize};
use twinproof_dm::features::{Feature, Features, Flag};
use twinproof_dm::syncml::StatusCode;

use super::super::Session;
use super::super::talk::{Talk, in_parts, node, words};
use super::tree::{read, text};
use crate::checks::Found;
use crate::scene::Scene;

/// How a feature was tried.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Attempt {
    /// The session.
    pub session: Session,
    /// The name of the command.
    pub command: String,
    /// Its target, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// What the client says of a feature is what it does when a server tries it.
    Truthful {
        /// The session in which it was asked.
        session: Session,
        /// The feature.
        feature: Feature,
        /// Where it says so.
        flag: Flag,
        /// How the feature was tried.
        attempt: Attempt,
    },
}

/// What a client says of a feature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Word {
    Has,
    Lacks,
}

/// What came of trying it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Came {
    /// It could not be done for another reason.
    Open,
    Refused,
    Worked,
}

/// The knobs that say where the client says so; none where a public text does.
fn knobs(feature: Feature, flag: &Flag) -> &'static [&'static str] {
    match feature {
        Feature::Inbox => &["dm.client.features.inbox"],
        Feature::LargeObjects if flag.node == Features::LARGE_OBJECTS => &[],
        Feature::LargeObjects => &["dm.client.features.large_objects"],
        Feature::Lists => &["dm.client.features.lists"],
        Feature::Tnds => &["dm.client.features.tnds"],
        Feature::UserInteraction => &["dm.client.features.user_interaction"],
    }
}

/// What a code says of a feature that was tried.
fn came(feature: Feature, code: StatusCode) -> Came {
    match (feature, code) {
        // What is in an inbox nobody reads; that it is there, shows in the refusal.
        (Feature::Inbox, StatusCode::COMMAND_NOT_ALLOWED) => Came::Worked,
        (_, code) if code.is_success() => Came::Worked,
        (Feature::LargeObjects, StatusCode::ENTITY_TOO_LARGE | StatusCode::SIZE_TOO_BIG)
        | (_, StatusCode::DEVICE_FULL | StatusCode::PERMISSION_DENIED) => Came::Open,
        _ => Came::Refused,
    }
}

impl Check {
    pub(in crate::checks::dm) fn look(&self, scene: &Scene) -> Found {
        let Self::Truthful {
            session,
            feature,
            flag,
            attempt,
        } = self;
        let expected = format!("{} or another value at {}", quoted(flag), flag.node);
        let mut word = None;
        let asked = session.with(scene, expected, |talk, expected| {
            let (found, said) = said(talk, expected, flag);
            word = said;
            found
        });
        let found = match word {
            None => asked,
            Some(word) => {
                let expected = match word {
                    Word::Has => format!("what {} at {} promises", quoted(flag), flag.node),
                    Word::Lacks => {
                        format!("a refusal, as {} does not say {}", flag.node, quoted(flag))
                    }
                };
                let found = attempt.session.with(scene, expected, |talk, expected| {
                    kept(talk, expected, (*feature, word), attempt)
                });
                found.shown_by(asked.evidence)
            }
        };
        found.relying_on(knobs(*feature, flag))
    }
}

fn quoted(flag: &Flag) -> String {
    format!("{:?}", flag.value)
}

/// What the client says of a feature, or why it says nothing.
fn said(talk: &Talk, expected: String, flag: &Flag) -> (Found, Option<Word>) {
    let Some((asked, numbers, items)) = read(talk, &flag.node) else {
        return (
            Found::inconclusive(expected, "the server never asked"),
            None,
        );
    };
    let mut of_node = items.into_iter().filter(|item| {
        let source = item.source.as_ref();
        source.is_some_and(|source| node(&source.uri) == node(&flag.node))
    });
    if let Some(value) = of_node.find_map(text) {
        let word = match flag.claims(value) {
            true => Word::Has,
            false => Word::Lacks,
        };
        let found = Found::decide(true, expected, format!("{value:?}"));
        let numbers = std::iter::once(asked).chain(numbers);
        return (found.shown_by(numbers), Some(word));
    }
    let codes = talk.codes_of("Get", Some(&flag.node));
    let got = format!("{} and no value", words(&codes));
    let found = match codes.contains(&StatusCode::PERMISSION_DENIED) {
        true => Found::inconclusive(expected, got),
        // Whether each product has to say it is one reading.
        false => Found::decide(false, expected, got).under(&["DM-D15"]),
    };
    (found.shown_by([asked]), None)
}

/// Whether the client does what it says.
fn kept(
    talk: &Talk,
    expected: String,
    (feature, word): (Feature, Word),
    attempt: &Attempt,
) -> Found {
    let name = attempt.command.as_str();
    let Some((said, command)) = talk.command(name, attempt.uri.as_deref()) else {
        return Found::inconclusive(expected, format!("the server never sent the {name}"));
    };
    let told: Vec<_> = talk.statuses_of(said, command.cmd_id()).collect();
    let codes: Vec<StatusCode> = told.iter().map(|(_, status)| status.code).collect();
    let numbers = std::iter::once(said.number).chain(told.iter().map(|(said, _)| said.number));
    let numbers: Vec<u64> = numbers.collect();
    let Some(code) = codes.last() else {
        return Found::decide(false, expected, format!("no status to {name}")).shown_by(numbers);
    };
    let got = format!("{} to {name}", words(&codes));
    let other = feature != Feature::LargeObjects && in_parts(command);
    if other && *code == StatusCode::FEATURE_NOT_SUPPORTED {
        let got = format!("{got} in parts, which the client need not take");
        return Found::inconclusive(expected, got).shown_by(numbers);
    }
    let found = match (word, came(feature, *code)) {
        (Word::Has, Came::Worked) | (Word::Lacks, Came::Refused | Came::Open) => {
            Found::decide(true, expected, got)
        }
        (Word::Has, Came::Open) => Found::inconclusive(expected, got),
        (Word::Has, Came::Refused) => Found::decide(false, expected, got),
        // Whoever has more than it says leads nobody into a failure.
        (Word::Lacks, Came::Worked) => Found::decide(false, expected, got).advisory(),
    };
    found.shown_by(numbers)
}

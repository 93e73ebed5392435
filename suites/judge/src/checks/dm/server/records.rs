//! What the operator of a server is told of its devices.

use serde::{Deserialize, Serialize};
use twinproof_dm::features::Flag;
use twinproof_dm::syncml::{Command, Data, StatusCode};
use twinproof_dm::upper::{Answer, Event, Outcome, Value};

use super::super::Session;
use super::super::talk::{Talk, in_parts, item_at, node, words};
use crate::checks::Found;
use crate::scene::Scene;

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A device that said that it takes nothing in parts got nothing in parts.
    NothingInParts {
        /// The session in which it said so.
        asked: Session,
        /// The later one.
        session: Session,
        /// Where it said so.
        flag: Flag,
    },
    /// What a device said to a reading is what the operator was told of that device, and no other value is.
    Recorded {
        /// The session in which the device said it.
        session: Session,
        /// What the device calls itself.
        device: String,
        /// What was read.
        uri: String,
        /// The number under which the operator was told.
        number: u64,
    },
}

impl Check {
    pub(in crate::checks::dm) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::NothingInParts {
                asked,
                session,
                flag,
            } => {
                let expected = "nothing in parts, as the device takes nothing in parts";
                let denied = asked
                    .talks(scene)
                    .iter()
                    .find_map(|talk| denied(talk, flag));
                let Some(denied) = denied else {
                    let got = format!("the server did not read {}", flag.node);
                    return Found::inconclusive(expected, got);
                };
                // Whether a server has to heed it is one reading of a document that lets it find out.
                session
                    .with(scene, expected, nothing_in_parts)
                    .shown_by([denied])
                    .under(&["DM-D15"])
            }
            Self::Recorded {
                session,
                device,
                uri,
                number,
            } => {
                let expected = format!("what {device} said to the reading of {uri}");
                session.with(scene, expected, |talk, expected| {
                    recorded(scene, talk, expected, (device, uri, *number))
                })
            }
        }
    }
}

/// The exchange in which a device that was believed said that it does not have a feature.
fn denied(talk: &Talk, flag: &Flag) -> Option<u64> {
    let theirs = talk.said.iter().filter(|said| !said.by_sut);
    let mut believed = theirs.filter(|said| talk.believed(said));
    let found = believed.find(|said| {
        let value = item_at(said, &flag.node).and_then(|item| item.data.as_ref()?.as_text());
        value.is_some_and(|value| !flag.claims(value))
    });
    found.map(|said| said.number)
}

fn nothing_in_parts(talk: &Talk, expected: String) -> Found {
    let mut ours = talk.said.iter().filter(|said| said.by_sut);
    match ours.find(|said| said.commands().into_iter().any(in_parts)) {
        Some(said) => {
            let got = format!("a part in message {}", said.id());
            Found::decide(false, expected, got).shown_by([said.number])
        }
        None => Found::decide(true, expected, "so it is"),
    }
}

/// What was said to a reading, or told of one: codes and values.
type Word = (Vec<StatusCode>, Vec<String>);

fn recorded(
    scene: &Scene,
    talk: &Talk,
    expected: String,
    (device, uri, number): (&str, &str, u64),
) -> Found {
    let Some((codes, values)) = said(talk, uri) else {
        let got = format!("the server never asked for {uri}, or was not answered");
        return Found::inconclusive(expected, got);
    };
    let expected = format!("{expected}: {}", in_words(&codes, &values));
    let answer = scene.handled.get(&number).map(|(_, answer)| answer.clone());
    let answer = answer.and_then(|answer| serde_json::from_value::<Answer>(answer).ok());
    let Some(Answer::Events(events)) = answer else {
        return Found::inconclusive(expected, "the operator was told nothing");
    };
    let outcomes = events.iter().filter_map(|event| match event {
        Event::Did {
            device: who,
            outcome,
        } if who == device => Some(outcome),
        _ => None,
    });
    let told: Vec<Word> = outcomes.map(|outcome| word(outcome, uri)).collect();
    let has = |(given, read): &Word| {
        codes.iter().all(|code| given.contains(code)) && values.iter().all(|v| read.contains(v))
    };
    let mut others = told.iter().flat_map(|(_, read)| read);
    let other = others.find(|value| !values.contains(value));
    let holds = other.is_none() && told.iter().any(has);
    let got = match (holds, other, told.as_slice()) {
        (true, ..) => "it".to_owned(),
        (false, Some(other), _) => format!("{other:?}, which it did not say"),
        (false, None, []) => "nothing of that device".to_owned(),
        (false, None, told) => {
            let all: Vec<String> = told.iter().map(|(c, v)| in_words(c, v)).collect();
            all.join("; ")
        }
    };
    Found::decide(holds, expected, got).shown_by(talk.numbers())
}

/// What the device said to the last reading of a node, where it was believed.
fn said(talk: &Talk, uri: &str) -> Option<Word> {
    let ours = talk.said.iter().filter(|said| said.by_sut);
    let mut all = ours.flat_map(|said| said.commands().into_iter().map(move |c| (said, c)));
    let (asked, command) = all.rfind(|(_, command)| {
        let mut targets = command.items().iter().filter_map(|i| i.target.as_ref());
        command.name() == "Get" && targets.any(|target| node(&target.uri) == node(uri))
    })?;
    let given = talk.statuses_of(asked, command.cmd_id());
    let codes: Vec<StatusCode> = given
        .filter(|(said, _)| talk.believed(said))
        .map(|(_, status)| status.code)
        .collect();
    let theirs = talk.said.iter().filter(|said| !said.by_sut);
    let theirs = theirs.filter(|said| talk.believed(said));
    let results = theirs
        .flat_map(|said| &said.message().commands)
        .filter_map(|c| match c {
            Command::Results(results) => Some(results),
            _ => None,
        });
    let values = results
        .filter(|results| {
            let of_message = results.msg_ref.as_deref().is_none_or(|id| id == asked.id());
            of_message && results.cmd_ref == command.cmd_id()
        })
        .flat_map(|results| &results.items)
        .filter_map(|item| item.data.as_ref().and_then(Data::as_text))
        .map(str::to_owned)
        .collect();
    (!codes.is_empty()).then_some((codes, values))
}

/// What the operator was told: all codes, and what was read at a node.
fn word(outcome: &Outcome, uri: &str) -> Word {
    let codes = outcome.statuses.iter().map(|told| StatusCode(told.code));
    let of_node = outcome
        .results
        .iter()
        .filter(|read| node(&read.uri) == node(uri));
    let values = of_node.filter_map(|read| match &read.value {
        Some(Value::Text(text)) => Some(text.clone()),
        Some(Value::Octets(octets)) => Some(String::from_utf8_lossy(octets).into_owned()),
        None => None,
    });
    (codes.collect(), values.collect())
}

fn in_words(codes: &[StatusCode], values: &[String]) -> String {
    match values {
        [] => words(codes),
        values => format!("{} and {values:?}", words(codes)),
    }
}

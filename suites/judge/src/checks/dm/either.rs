//! What holds for clients and servers alike.

use serde::{Deserialize, Serialize};
use twinproof_dm::syncml::StatusCode;

use super::Session;
use super::talk::{Talk, words};
use crate::checks::Found;
use crate::scene::Scene;

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// Who shows credentials was believed, after a challenge perhaps.
    Proven {
        /// The session.
        session: Session,
    },
    /// Who was believed for a message (200) shows who it is in the next one, too.
    ProvenEach {
        /// The session.
        session: Session,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Proven { session } => {
                let expected = "credentials that the other side believes";
                session.with(scene, expected, proven)
            }
            Self::ProvenEach { session } => {
                let expected =
                    "credentials with each message, as none is believed for more than itself";
                session.with(scene, expected, proven_each)
            }
        }
    }
}

fn proven(talk: &Talk, expected: String) -> Found {
    let ours = talk.said.iter().filter(|said| said.by_sut);
    let judged: Vec<(u64, StatusCode)> = ours
        .filter_map(|said| Some((said.number, talk.verdicts_on(said).first().copied()?)))
        .collect();
    let numbers = judged.iter().map(|(number, _)| *number);
    let codes: Vec<StatusCode> = judged.iter().map(|(_, code)| *code).collect();
    if codes.is_empty() {
        return Found::inconclusive(expected, "nobody said whether it was believed");
    }
    let believed = codes.iter().any(|code| code.is_success());
    Found::decide(believed, expected, words(&codes)).shown_by(numbers)
}

fn proven_each(talk: &Talk, expected: String) -> Found {
    let ours = talk.said.iter().filter(|said| said.by_sut);
    let judged: Vec<(u64, StatusCode)> = ours
        .filter_map(|said| Some((said.number, talk.verdicts_on(said).first().copied()?)))
        .collect();
    let first = judged.iter().position(|(_, code)| *code == StatusCode::OK);
    let Some((_, later)) = first.and_then(|first| judged[first..].split_first()) else {
        return Found::inconclusive(expected, "no message was believed");
    };
    if later.is_empty() {
        return Found::inconclusive(
            expected,
            "nothing was said after a message that was believed",
        );
    }
    match later.iter().find(|(_, code)| !code.is_success()) {
        Some((number, code)) => {
            Found::decide(false, expected, code.to_string()).shown_by([*number])
        }
        None => {
            let got = format!("{} more that were believed", later.len());
            let numbers = later.iter().map(|(number, _)| *number);
            Found::decide(true, expected, got).shown_by(numbers)
        }
    }
}

//! Checks on a Twinning enabler.

use serde::{Deserialize, Serialize};
use twinproof_twinning::message::{RequestError, TwinningList};

use super::{Context, Found};
use crate::scene::{Exchange, Scene};

/// A check and its arguments. Exchanges are named by their numbers in the scene.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The user's list of twinnings has exactly this many entries.
    ListCounts {
        /// The exchange that read the list.
        exchange: u64,
        /// How many entries.
        entries: usize,
    },
    /// The exchange was refused for this reason.
    Refused {
        /// The exchange.
        exchange: u64,
        /// Why it should be refused.
        because: Situation,
    },
    /// What was read before is read again.
    Unchanged {
        /// The exchanges that read it before.
        before: Vec<u64>,
        /// The exchanges that read it after, in the same order.
        after: Vec<u64>,
    },
}

/// Why an enabler refuses (digest §8).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Situation {
    /// The activation code is missing, wrong, used or expired.
    CodeNotValid,
}

/// How a situation shows: a row of the digest's error table.
struct Row {
    situation: Situation,
    says: &'static str,
    status: u16,
    ids: &'static [&'static str],
    also: &'static [u16],
}

const ERRORS: &[Row] = &[Row {
    situation: Situation::CodeNotValid,
    says: "the activation code is not valid",
    status: 400,
    ids: &["SVC0002", "SVC2004"],
    also: &[403, 404, 409, 410],
}];

impl Situation {
    fn row(self) -> &'static Row {
        ERRORS
            .iter()
            .find(|row| row.situation == self)
            .expect("every situation has a row")
    }
}

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        match self {
            Self::ListCounts { exchange, entries } => with(scene, *exchange, |seen| {
                let expected = match entries {
                    0 => "no twinnings in the list".to_owned(),
                    n => format!("{n} twinnings in the list"),
                };
                let list = seen
                    .document()
                    .and_then(|d| TwinningList::of_document(&d, context.knobs).ok_or(d.root));
                match list {
                    Ok(list) => {
                        let count = list.twinnings.len();
                        Found::decide(count == *entries, expected, format!("{count} in the list"))
                    }
                    Err(_) => Found::decide(false, expected, seen.outcome()),
                }
                .relying_on(&[
                    "twinning.knobs.paths.twinnings",
                    "twinning.knobs.names.twinning_list",
                ])
            }),
            Self::Refused { exchange, because } => {
                with(scene, *exchange, |seen| refused(seen, because.row()))
            }
            Self::Unchanged { before, after } => unchanged(scene, before, after),
        }
    }
}

fn with(scene: &Scene, number: u64, look: impl FnOnce(&Exchange) -> Found) -> Found {
    match scene.exchanges.get(&number) {
        Some(exchange) if exchange.response.is_some() => look(exchange).shown_by([number]),
        Some(exchange) => Found::inconclusive("a response", exchange.outcome()).shown_by([number]),
        None => Found::inconclusive(format!("exchange {number}"), "it was not recorded"),
    }
}

fn refused(seen: &Exchange, row: &Row) -> Found {
    let expected = format!(
        "a refusal because {}: {} {}",
        row.says,
        row.status,
        row.ids.join(" or ")
    );
    let status = seen.status().unwrap_or_default();
    let lawful = status == row.status || row.also.contains(&status);
    let error = seen
        .document()
        .ok()
        .and_then(|d| RequestError::of_document(&d));
    Found::decide(lawful && error.is_some(), expected, seen.outcome())
}

fn unchanged(scene: &Scene, before: &[u64], after: &[u64]) -> Found {
    let expected = "the same as was read before";
    for (old, new) in before.iter().zip(after) {
        let (Some(old), Some(new)) = (scene.exchanges.get(old), scene.exchanges.get(new)) else {
            return Found::inconclusive(expected, "it was not recorded");
        };
        let evidence = [old.number, new.number];
        match (old.document(), new.document()) {
            (Ok(was), Ok(is)) if was == is => {}
            (Ok(_), Ok(_)) => {
                return Found::decide(false, expected, format!("{} changed", new.url))
                    .shown_by(evidence);
            }
            (Ok(_), Err(_)) => {
                return Found::decide(false, expected, new.outcome()).shown_by(evidence);
            }
            (Err(why), _) => return Found::inconclusive(expected, why).shown_by(evidence),
        }
    }
    Found::decide(true, expected, "the same").shown_by(before.iter().chain(after).copied())
}

//! How a request was answered.

use serde::{Deserialize, Serialize};
use twinproof_evidence::Verdict;
use twinproof_twinning::device::created;
use twinproof_twinning::url::{resolve, same};

use super::errors::Situation;
use super::{incomparable, served, with};
use crate::checks::{Context, Found};
use crate::scene::Scene;

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The exchange succeeded.
    Accepted {
        /// The exchange.
        exchange: u64,
    },
    /// A resource was created, and the answer says where.
    Created {
        /// The exchange.
        exchange: u64,
    },
    /// The exchange was refused for this reason.
    Refused {
        /// The exchange.
        exchange: u64,
        /// Why it should be refused.
        because: Situation,
    },
    /// Either the exchange was refused, or it succeeded; a fault of the server is neither.
    Decided {
        /// The exchange.
        exchange: u64,
    },
    /// An activation under a name was accepted, or the name was refused openly (ruling TW-C22).
    NameTaken {
        /// The exchange.
        exchange: u64,
    },
    /// Of several exchanges at the same time exactly one succeeded; the others were refused.
    OneAccepted {
        /// The exchanges.
        exchanges: Vec<u64>,
        /// Why the others should be refused.
        because: Situation,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        match self {
            Self::Accepted { exchange } => served(scene, *exchange, |seen| {
                let accepted = seen.response.as_ref().is_some_and(|r| r.is_success());
                Found::decide(accepted, "success", seen.outcome())
            }),
            Self::Created { exchange } => served(scene, *exchange, |seen| {
                let expected = "201 with the new resource's address";
                let Some(response) = seen.response.as_ref().filter(|r| r.is_success()) else {
                    return Found::decide(false, expected, seen.outcome());
                };
                let named = response.headers.first("Location");
                let itself = seen.document().ok().and_then(|document| {
                    let url = document.tree.child_text(&context.knobs.names.resource_url);
                    url.map(str::to_owned)
                });
                if created(&seen.url, response, context.knobs).is_none() {
                    return Found::decide(false, expected, "no address of the new resource")
                        .relying_on(&["twinning.knobs.names.resource_url"]);
                }
                let agree = match (named, &itself) {
                    (Some(named), Some(itself)) => {
                        same(&resolve(&seen.url, named), &resolve(&seen.url, itself))
                    }
                    _ => true,
                };
                let got = format!(
                    "{}, Location {}, own address {}",
                    seen.outcome(),
                    named.unwrap_or("none"),
                    itself.as_deref().unwrap_or("none")
                );
                Found::decide(response.status == 201 && named.is_some() && agree, expected, got)
                    .by("creation in the sibling APIs: 201, Location equal to the resource's own address")
                    .under(&["TW-C17"])
            }),
            Self::Refused { exchange, because } => {
                with(scene, *exchange, |seen| because.judge(seen))
            }
            Self::Decided { exchange } => served(scene, *exchange, |seen| {
                let status = seen.status().unwrap_or_default();
                // A fault is no decision, and no text forbids it: what it left behind is judged by
                // itself.
                Found::decide(
                    (200..300).contains(&status) || (400..500).contains(&status),
                    "success or a refusal, but no fault of the server",
                    seen.outcome(),
                )
                .by("RFC 9110 §15.6: the fault is not the client's")
                .advisory()
            }),
            Self::NameTaken { exchange } => served(scene, *exchange, |seen| {
                let expected = "the activation, under the name that the user chose";
                let status = seen.status().unwrap_or_default();
                let found = Found::decide((200..300).contains(&status), expected, seen.outcome());
                match status {
                    400 | 403 | 409 | 422 => found.under(&["TW-C22"]),
                    _ => found,
                }
            }),
            Self::OneAccepted { exchanges, because } => one_accepted(scene, exchanges, *because),
        }
    }
}

fn one_accepted(scene: &Scene, exchanges: &[u64], because: Situation) -> Found {
    let expected = "exactly one success; the others refused";
    if let Some(why) = incomparable(scene, exchanges) {
        return Found::inconclusive(expected, why).shown_by(exchanges.iter().copied());
    }
    let seen: Vec<_> = exchanges
        .iter()
        .filter_map(|number| scene.exchanges.get(number))
        .collect();
    let got: Vec<_> = seen.iter().map(|exchange| exchange.outcome()).collect();
    let (won, lost): (Vec<_>, Vec<_>) = seen
        .iter()
        .copied()
        .partition(|exchange| exchange.response.as_ref().is_some_and(|r| r.is_success()));
    let found = match won.len() {
        1 => lost
            .iter()
            .map(|exchange| because.judge(exchange))
            .filter(|found| found.verdict != Verdict::Pass)
            .max_by_key(|found| found.verdict)
            .unwrap_or_else(|| Found::decide(true, expected, got.join("; "))),
        // Nobody won: the text does not promise that a race has a winner.
        0 => Found::decide(false, expected, got.join("; ")).advisory(),
        _ => Found::decide(false, expected, got.join("; ")),
    };
    found.shown_by(exchanges.iter().copied())
}

//! What a list of twinnings holds.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twinproof_twinning::address;
use twinproof_twinning::message::{Status, Twinning};

use super::{list, named, or_none, served, with};
use crate::checks::{Context, Found};
use crate::scene::Scene;

/// A check and its arguments.
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
    /// The list holds exactly these twinnings, each under an address of its own.
    ListShows {
        /// The exchange that read the list.
        exchange: u64,
        /// The partners and the statuses.
        entries: Vec<Entry>,
    },
    /// The entries can be told apart: each has its partner's telephone number and a name of its own.
    ListTellsApart {
        /// The exchange that read the list.
        exchange: u64,
    },
    /// No entry of the list has this status.
    ListHasNone {
        /// The exchange that read the list.
        exchange: u64,
        /// The status.
        status: Status,
    },
    /// The list holds nothing but the device's own request for a code, which may be left out
    /// (ruling TW-C39).
    ListHoldsOwnRequest {
        /// The exchange that read the list.
        exchange: u64,
    },
    /// The list holds no more than the answer to a request said: nothing if it was refused, at most
    /// one pending twinning if it was not.
    ListHasNoMoreThanTold {
        /// The exchange that read the list.
        exchange: u64,
        /// The request.
        answer: u64,
    },
    /// The list has at most one entry that is not pending: a code that nobody used is no twinning
    /// (ruling TW-C27).
    ListHasAtMostOne {
        /// The exchange that read the list.
        exchange: u64,
    },
}

/// A twinning in a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// The partner's address.
    pub partner: String,
    /// The status.
    pub status: Status,
}

const KNOBS: &[&str] = &[
    "twinning.knobs.paths.twinnings",
    "twinning.knobs.names.twinning_list",
    "twinning.knobs.names.twinning",
];

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        match self {
            Self::ListCounts { exchange, entries } => served(scene, *exchange, |seen| {
                let expected = match entries {
                    0 => "no twinnings in the list".to_owned(),
                    1 => "one twinning in the list".to_owned(),
                    n => format!("{n} twinnings in the list"),
                };
                match list(seen, context) {
                    Ok(list) => {
                        let count = list.twinnings.len();
                        Found::decide(count == *entries, expected, format!("{count} in the list"))
                    }
                    Err(got) => Found::decide(false, expected, got),
                }
                .relying_on(KNOBS)
            }),
            Self::ListHasAtMostOne { exchange } => served(scene, *exchange, |seen| {
                let expected = "at most one twinning that is not pending";
                match list(seen, context) {
                    Ok(list) => {
                        let pending = Some(Status::Pending);
                        let statuses = list.twinnings.iter().map(|t| t.status(context.knobs));
                        let count = statuses.filter(|status| *status != pending).count();
                        Found::decide(count <= 1, expected, format!("{count} in the list"))
                    }
                    Err(got) => Found::decide(false, expected, got).relying_on(KNOBS),
                }
            }),
            Self::ListHasNoMoreThanTold { exchange, answer } => with(scene, *answer, |answered| {
                let told = answered.status().is_some_and(|status| status / 100 == 2);
                served(scene, *exchange, |seen| match list(seen, context) {
                    Ok(list) => no_more_than(told, &list.twinnings, context),
                    Err(got) => Found::decide(false, "a list of twinnings", got),
                })
            })
            .relying_on(KNOBS),
            Self::ListHoldsOwnRequest { exchange } => served(scene, *exchange, |seen| {
                let expected = "the device's own request for a code and nothing else";
                match list(seen, context) {
                    Ok(list) => {
                        let count = list.twinnings.len();
                        let found =
                            Found::decide(count == 1, expected, format!("{count} in the list"));
                        match count {
                            0 => found.under(&["TW-C39"]),
                            _ => found,
                        }
                    }
                    Err(got) => Found::decide(false, expected, got),
                }
                .relying_on(KNOBS)
            }),
            Self::ListHasNone { exchange, status } => served(scene, *exchange, |seen| {
                let expected = format!("no twinning that is {}", named(*status));
                match list(seen, context) {
                    Ok(list) => {
                        let statuses = list.twinnings.iter().map(|t| t.status(context.knobs));
                        let count = statuses.filter(|s| *s == Some(*status)).count();
                        Found::decide(count == 0, expected, format!("{count} in the list"))
                    }
                    Err(got) => Found::decide(false, expected, got).relying_on(KNOBS),
                }
            }),
            Self::ListShows { exchange, entries } => served(scene, *exchange, |seen| {
                let mut wanted: Vec<_> = entries
                    .iter()
                    .map(|entry| format!("{} {}", entry.partner, named(entry.status)))
                    .collect();
                wanted.sort();
                let expected = format!("exactly these in the list: {}", wanted.join(", "));
                match list(seen, context) {
                    Ok(list) => shows(&list.twinnings, entries, expected, context),
                    Err(got) => Found::decide(false, expected, got).relying_on(KNOBS),
                }
            }),
            Self::ListTellsApart { exchange } => served(scene, *exchange, |seen| {
                let expected = "a telephone number and a name of its own for each device";
                match list(seen, context) {
                    Ok(list) => tells_apart(&list.twinnings, expected),
                    Err(got) => Found::decide(false, expected, got).relying_on(KNOBS),
                }
                .under(&["TW-C22"])
                .advisory()
            }),
        }
    }
}

fn shows(
    twinnings: &[Twinning],
    entries: &[Entry],
    expected: String,
    context: &Context<'_>,
) -> Found {
    let got: Vec<_> = twinnings
        .iter()
        .map(|t| {
            format!(
                "{} {}",
                or_none(t.other_address()),
                or_none(t.status.as_deref())
            )
        })
        .collect();
    let got = got.join(", ");
    let mut left: Vec<&Twinning> = twinnings.iter().collect();
    let complete = entries.iter().all(|entry| {
        let place = left.iter().position(|t| {
            t.other_address()
                .is_some_and(|partner| context.same_device(partner, &entry.partner))
                && t.status(context.knobs) == Some(entry.status)
        });
        place.map(|place| left.remove(place)).is_some()
    });
    let urls: BTreeSet<_> = twinnings.iter().map(|t| &t.resource_url).collect();
    let holds = complete && left.is_empty() && urls.len() == twinnings.len();
    let found = Found::decide(holds, expected, got);
    // A device that is shown under an address of another kind may be any of them.
    let unknown = |t: &Twinning| {
        let mut wanted = entries.iter().map(|entry| entry.partner.as_str());
        let shown = t.other_address().unwrap_or_default();
        wanted.all(|wanted| address::is_of_another_kind(shown, wanted))
    };
    let found = match !entries.is_empty() && twinnings.iter().any(unknown) {
        true => found.under(&["TW-C45"]),
        false => found,
    };
    let readable = |t: &Twinning| t.other_address().is_some() && t.status(context.knobs).is_some();
    if twinnings.iter().all(readable) {
        return found;
    }
    found.relying_on(&[
        "twinning.knobs.names.other_device",
        "twinning.knobs.names.address",
        "twinning.knobs.names.twinning_status",
        "twinning.knobs.literals",
    ])
}

fn no_more_than(told: bool, twinnings: &[Twinning], context: &Context<'_>) -> Found {
    let expected = match told {
        true => "at most the one pending twinning that the answer speaks of",
        false => "no twinning, since the request was refused",
    };
    let pending = |t: &&Twinning| t.status(context.knobs) == Some(Status::Pending);
    let waiting = twinnings.iter().filter(pending).count();
    let (all, more) = (twinnings.len(), waiting > usize::from(told));
    let found = Found::decide(
        waiting == all && !more,
        expected,
        format!("{all} in the list"),
    );
    // A request that waits for nobody twins nobody: untidy, and forbidden by no text.
    match waiting == all {
        true => found.advisory(),
        false => found,
    }
}

fn tells_apart(twinnings: &[Twinning], expected: &str) -> Found {
    let names: BTreeSet<_> = twinnings
        .iter()
        .filter_map(|t| t.name.as_deref())
        .filter(|name| !name.trim().is_empty())
        .collect();
    let numbers = twinnings
        .iter()
        .filter(|t| {
            t.other_address()
                .is_some_and(|a| a.trim().to_ascii_lowercase().starts_with("tel:"))
        })
        .count();
    let got = format!(
        "{numbers} telephone numbers and {} different names for {} devices",
        names.len(),
        twinnings.len()
    );
    let holds = names.len() == twinnings.len() && numbers == twinnings.len();
    Found::decide(holds, expected, got)
}

//! What lists say: which nodes a server sees, who has which right and goes first, and where objects are.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twinproof_dm::syncml::{Item, StatusCode};
use twinproof_dm::tree::acl::{Acl, Right, Who};
use twinproof_evidence::Verdict;

use super::super::Session;
use super::super::talk::{Talk, node, words};
use super::tree::{read, shows, told};
use crate::checks::Found;
use crate::scene::Scene;

/// What a list is to have, and what not: addresses, each with what stands below it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sight {
    /// What it is to have.
    pub own: String,
    /// What it is not to have.
    pub other: String,
}

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A list of nodes has what the server may see, and nothing that it may not see.
    Listed {
        /// The session.
        session: Session,
        /// What was asked for.
        uri: String,
        /// What it is to have, and what not.
        sight: Sight,
    },
    /// A question where an object is was answered by these places, and by no other.
    Places {
        /// The session.
        session: Session,
        /// What was asked for.
        uri: String,
        /// The places.
        places: Vec<String>,
    },
    /// Of two servers that may change a node, the one that goes first had its way: it was let, and what is read
    /// after both is what it wrote.
    Prevails {
        /// The session in which the one changed it that goes first.
        changed: Session,
        /// The session in which it is read after both.
        session: Session,
        /// The node.
        uri: String,
        /// What the one wrote that goes first.
        value: String,
    },
    /// A server that gave itself another rank was refused, as no server sets its own.
    RankKept {
        /// The session.
        session: Session,
        /// Where the rank stands.
        uri: String,
    },
    /// A list of rights grants the same to the same, in whichever order.
    SameRights {
        /// The session.
        session: Session,
        /// What was asked for.
        uri: String,
        /// What it is to grant.
        list: String,
    },
}

/// The knob by which servers are ranked.
const PRIORITIES: &str = "dm.client.priorities";

/// The knob by which objects are searched for.
const SEARCH: &str = "dm.client.search";

impl Check {
    pub(in crate::checks::dm) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Listed {
                session,
                uri,
                sight,
            } => {
                let expected = format!("{} and nothing of {}", sight.own, sight.other);
                session.with(scene, expected, |talk, expected| {
                    listed(talk, expected, uri, sight)
                })
            }
            Self::Places {
                session,
                uri,
                places: meant,
            } => {
                let expected = match meant.is_empty() {
                    true => "no place".to_owned(),
                    false => meant.join(", "),
                };
                let found = session.with(scene, expected, |talk, expected| {
                    places(talk, expected, uri, meant)
                });
                // That every client can search is one reading.
                found.relying_on(&[SEARCH])
            }
            Self::Prevails {
                changed,
                session,
                uri,
                value,
            } => {
                let expected = format!("{value:?} at {uri}, as the one wrote that goes first");
                let let_in = changed.with(scene, expected.clone(), |talk, expected| {
                    let asked = ("Replace", Some(uri.as_str()));
                    told(talk, expected, asked, (&[StatusCode::OK], &[]))
                });
                let found = match let_in.verdict {
                    Verdict::Pass => session.with(scene, expected, |talk, expected| {
                        shows(talk, expected, uri, Some(value))
                    }),
                    _ => let_in,
                };
                found.relying_on(&[PRIORITIES])
            }
            Self::RankKept { session, uri } => {
                let expected = format!("405 or 425 to Replace of {uri}");
                let found = session.with(scene, expected, |talk, expected| {
                    let refusals = [
                        StatusCode::COMMAND_NOT_ALLOWED,
                        StatusCode::PERMISSION_DENIED,
                    ];
                    told(talk, expected, ("Replace", Some(uri)), (&refusals, &[]))
                });
                found.relying_on(&[PRIORITIES])
            }
            Self::SameRights { session, uri, list } => {
                let expected = format!("the list {list:?}");
                session.with(scene, expected, |talk, expected| {
                    same_rights(talk, expected, uri, list)
                })
            }
        }
    }
}

fn sources(items: &[&Item]) -> BTreeSet<String> {
    let all = items.iter().filter_map(|item| item.source.as_ref());
    all.map(|source| absolute(&source.uri)).collect()
}

/// An address from the root on, in whichever way it was written.
fn absolute(uri: &str) -> String {
    format!("./{}", node(uri))
}

fn is_within(uri: &str, above: &str) -> bool {
    let below = uri.strip_prefix(above);
    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

fn listed(talk: &Talk, expected: String, uri: &str, sight: &Sight) -> Found {
    let Some((asked, numbers, items)) = read(talk, uri) else {
        return Found::inconclusive(expected, "the server never asked");
    };
    let codes = talk.codes_of("Get", Some(uri));
    if codes.contains(&StatusCode::FEATURE_NOT_SUPPORTED) {
        let got = "the client has no lists of nodes (406), which it need not have";
        return Found::not_applicable(expected, got).shown_by([asked]);
    }
    let found = sources(&items);
    let has = |above: &str| found.iter().find(|uri| is_within(uri, above));
    let got = match (has(&sight.own), has(&sight.other)) {
        (_, Some(other)) => format!("{other} among them"),
        (None, None) => format!("nothing of its own, and {}", words(&codes)),
        (Some(_), None) => "so it is".to_owned(),
    };
    let holds = has(&sight.own).is_some() && has(&sight.other).is_none();
    Found::decide(holds, expected, got).shown_by(std::iter::once(asked).chain(numbers))
}

fn places(talk: &Talk, expected: String, uri: &str, meant: &[String]) -> Found {
    let Some((asked, numbers, items)) = read(talk, uri) else {
        return Found::inconclusive(expected, "the server never asked");
    };
    let codes = talk.codes_of("Get", Some(uri));
    let found = sources(&items);
    let meant: BTreeSet<String> = meant.iter().map(|uri| absolute(uri)).collect();
    let answers = match meant.is_empty() {
        true => [StatusCode::OK, StatusCode::NOT_FOUND].as_slice(),
        false => [StatusCode::OK].as_slice(),
    };
    let is_answer = !codes.is_empty() && codes.iter().all(|code| answers.contains(code));
    let all: Vec<&str> = found.iter().map(String::as_str).collect();
    let got = match all.is_empty() {
        true => format!("{} and no place", words(&codes)),
        false => format!("{} and {}", words(&codes), all.join(", ")),
    };
    Found::decide(is_answer && found == meant, expected, got)
        .shown_by(std::iter::once(asked).chain(numbers))
}

/// Who has which right.
fn grants(list: &Acl) -> BTreeSet<(Right, String)> {
    let entries = list.entries().iter();
    let all = entries.flat_map(|(right, who)| who.iter().map(move |who| (*right, who)));
    all.map(|(right, who)| match who {
        Who::Everyone => (right, "*".to_owned()),
        Who::Server(id) => (right, id.clone()),
    })
    .collect()
}

fn same_rights(talk: &Talk, expected: String, uri: &str, list: &str) -> Found {
    let Some((asked, numbers, items)) = read(talk, uri) else {
        return Found::inconclusive(expected, "the server never read it");
    };
    let text = items.first().and_then(|item| item.data.as_ref()?.as_text());
    let Some(text) = text else {
        let got = format!("nothing, and {}", words(&talk.codes_of("Get", Some(uri))));
        return Found::decide(false, expected, got).shown_by([asked]);
    };
    let (got, meant) = (text.parse::<Acl>(), list.parse::<Acl>());
    let holds = matches!((got, meant), (Ok(got), Ok(meant)) if grants(&got) == grants(&meant));
    Found::decide(holds, expected, format!("{text:?}"))
        .shown_by(std::iter::once(asked).chain(numbers))
}

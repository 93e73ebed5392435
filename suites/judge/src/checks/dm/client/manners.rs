//! What a client makes of what is out of the way: commands that there are not, nodes without a parent, and parts of
//! its tree that it is to give as documents.

use serde::{Deserialize, Serialize};
use twinproof_dm::Limits;
use twinproof_dm::syncml::{Data, StatusCode};
use twinproof_dm::tree::NodeUri;
use twinproof_dm::tree::tnds::{Node, Tnds};

use super::super::Session;
use super::super::talk::{Talk, item_at, words};
use super::tree::{read, shows, told};
use crate::checks::Found;
use crate::scene::Scene;

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A part of the tree was given as a document with these values.
    Exported {
        /// The session.
        session: Session,
        /// What was read.
        list: String,
        /// The names of leaves, and their values.
        values: Vec<(String, String)>,
    },
    /// Addresses that are longer than the client says that it can take are refused as such.
    TooLong {
        /// The session in which it said so.
        asked: Session,
        /// The later one.
        session: Session,
        /// What was added there; nothing if it named no limit within reach.
        tried: Vec<String>,
    },
    /// A value of a format that there is not is refused by name.
    UnknownFormat {
        /// The session.
        session: Session,
        /// Where it was added.
        uri: String,
    },
    /// A command that DM does not have is not confirmed.
    Unconfirmed {
        /// The session.
        session: Session,
    },
    /// A node without a parent was added with it, or nothing was added.
    Whole {
        /// The session in which it was added.
        added: Session,
        /// The one in which both were read.
        session: Session,
        /// The parent.
        above: String,
        /// The node.
        uri: String,
        /// Its value.
        value: String,
    },
}

impl Check {
    pub(in crate::checks::dm) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Exported {
                session,
                list,
                values,
            } => {
                let all = values
                    .iter()
                    .map(|(name, value)| format!("{value:?} as {name}"));
                let all: Vec<_> = all.collect();
                let expected = format!("a document with {} in {list}", all.join(" and "));
                session.with(scene, expected, |talk, expected| {
                    exported(talk, expected, list, values)
                })
            }
            Self::TooLong {
                asked,
                session,
                tried,
            } => {
                let expected = "414 to each address that is longer than the client can take";
                let mut limits = [None, None];
                let read = asked.with(scene, expected, |talk, expected| {
                    limits = LIMITS.map(|uri| limit(talk, uri));
                    Found::not_applicable(expected, "the client names no limit of addresses")
                });
                match (tried.is_empty(), limits) {
                    (_, [None, None]) => read,
                    (true, _) => Found::inconclusive(expected, "only limits that are out of reach")
                        .shown_by(read.evidence),
                    (false, _) => session
                        .with(scene, expected, |talk, expected| {
                            too_long(talk, expected, tried, limits)
                        })
                        .shown_by(read.evidence),
                }
            }
            Self::UnknownFormat { session, uri } => {
                let expected = format!("415 to the Add at {uri}, whose format there is not");
                session.with(scene, expected, |talk, expected| {
                    let codes = [StatusCode::UNSUPPORTED_TYPE_OR_FORMAT];
                    // What a client makes of a format that it does not know is not said in so many words.
                    told(talk, expected, ("Add", Some(uri)), (&codes, &[])).under(&["DM-D28"])
                })
            }
            Self::Unconfirmed { session } => {
                let expected = "400, 406 or another refusal of the command";
                session.with(scene, expected, unconfirmed)
            }
            Self::Whole {
                added,
                session,
                above,
                uri,
                value,
            } => {
                let expected = format!("a status of the Add of {uri}");
                let mut codes = Vec::new();
                let answered = added.with(scene, expected, |talk, expected| {
                    codes = talk.codes_of("Add", Some(uri));
                    Found::decide(!codes.is_empty(), expected, words(&codes))
                });
                if codes.is_empty() {
                    return answered;
                }
                let found = match codes.iter().all(|code| code.is_success()) {
                    true => {
                        let expected = format!("{value:?} at {uri}, as it was added");
                        session.with(scene, expected, |talk, expected| {
                            shows(talk, expected, uri, Some(value))
                        })
                    }
                    false => {
                        let expected = format!("404 to Get of {above}, as nothing was added");
                        session.with(scene, expected, |talk, expected| {
                            let codes = [StatusCode::NOT_FOUND];
                            let open = [StatusCode::PERMISSION_DENIED];
                            told(talk, expected, ("Get", Some(above)), (&codes, &open))
                        })
                    }
                };
                found.shown_by(answered.evidence)
            }
        }
    }
}

/// Where a client says how long an address, and a name in it, may be.
pub const LIMITS: [&str; 2] = ["./DevDetail/URI/MaxTotLen", "./DevDetail/URI/MaxSegLen"];

/// A limit that the client named; none is written as zero.
fn limit(talk: &Talk, uri: &str) -> Option<usize> {
    let ours = talk.said.iter().filter(|said| said.by_sut);
    let value = ours
        .filter_map(|said| item_at(said, uri)?.data.as_ref()?.as_text())
        .next_back()?;
    value.trim().parse().ok().filter(|limit| *limit > 0)
}

fn too_long(
    talk: &Talk,
    expected: String,
    tried: &[String],
    [total, segment]: [Option<usize>; 2],
) -> Found {
    let exceeds = |uri: &String| {
        let name = uri.rsplit('/').next().unwrap_or_default();
        total.is_some_and(|most| uri.len() > most) || segment.is_some_and(|most| name.len() > most)
    };
    if !tried.iter().all(exceeds) {
        return Found::inconclusive(expected, "an address that is within the limits");
    }
    let mut all: Vec<Found> = Vec::new();
    for uri in tried {
        let codes = [StatusCode::URI_TOO_LONG];
        let expected = expected.clone();
        all.push(told(talk, expected, ("Add", Some(uri)), (&codes, &[])));
    }
    let worst = all.into_iter().max_by_key(|found| found.verdict);
    worst.unwrap_or_else(|| Found::inconclusive(expected, "nothing was tried"))
}

fn unconfirmed(talk: &Talk, expected: String) -> Found {
    let theirs = talk.said.iter().filter(|said| !said.by_sut);
    let mut sent = theirs.flat_map(|said| said.parsed.refused.iter().map(move |r| (said, r)));
    let found = sent.find_map(|(said, refused)| Some((said, refused, refused.cmd_id.as_deref()?)));
    let Some((said, refused, id)) = found else {
        return Found::inconclusive(expected, "the server sent no such command");
    };
    let given: Vec<_> = talk.statuses_of(said, id).collect();
    let codes: Vec<StatusCode> = given.iter().map(|(_, status)| status.code).collect();
    let got = format!("{} to {}", words(&codes), refused.name);
    let numbers = given.iter().map(|(said, _)| said.number);
    let numbers: Vec<u64> = std::iter::once(said.number).chain(numbers).collect();
    let confirmed = codes.iter().any(|code| code.is_success());
    let found = Found::decide(!confirmed && !codes.is_empty(), expected, got).shown_by(numbers);
    match confirmed {
        true => found,
        // Who ends the session over it does nothing wrong that a text names.
        false => found.advisory(),
    }
}

fn exported(talk: &Talk, expected: String, list: &str, values: &[(String, String)]) -> Found {
    if talk.command("Get", Some(list)).is_none() {
        return Found::inconclusive(expected, format!("the server never read {list}"));
    }
    let codes = talk.codes_of("Get", Some(list));
    let (asked, numbers, items) = read(talk, list).unwrap_or_default();
    let numbers: Vec<u64> = std::iter::once(asked).chain(numbers).collect();
    if codes.contains(&StatusCode::FEATURE_NOT_SUPPORTED) {
        let got = format!("{} to Get of {list}", words(&codes));
        // That documents are no option binds each product on one reading only.
        return Found::decide(false, expected, got)
            .shown_by(numbers)
            .under(&["DM-D15"]);
    }
    let data = items.iter().find_map(|item| item.data.as_ref());
    let Some(data) = data else {
        let got = format!("{} and no document", words(&codes));
        return Found::decide(false, expected, got).shown_by(numbers);
    };
    let tree = match Tnds::from_data(data, &Limits::default()) {
        Ok(tree) => tree,
        Err(error) => {
            let got = format!("a document that cannot be read: {error}");
            return Found::decide(false, expected, got).shown_by(numbers);
        }
    };
    let mut nodes = Vec::new();
    collect(&tree.nodes, &mut nodes);
    let missing: Vec<String> = values
        .iter()
        .filter(|(name, value)| {
            let fits = |node: &&Node| {
                let text = node.value.as_ref().and_then(Data::as_text);
                named(node) == Some(name) && text == Some(value)
            };
            !nodes.iter().copied().any(|node| fits(&node))
        })
        .map(|(name, value)| format!("no {value:?} as {name}"))
        .collect();
    let got = match missing.is_empty() {
        true => "so it is".to_owned(),
        false => format!("{} of {} nodes", missing.join(", "), nodes.len()),
    };
    Found::decide(missing.is_empty(), expected, got).shown_by(numbers)
}

fn collect<'n>(some: &'n [Node], all: &mut Vec<&'n Node>) {
    for node in some {
        all.push(node);
        collect(&node.children, all);
    }
}

/// The name of a node, which may stand in its path.
fn named(node: &Node) -> Option<&str> {
    let path = || node.path.as_ref().and_then(NodeUri::name);
    node.name.as_deref().or_else(path)
}

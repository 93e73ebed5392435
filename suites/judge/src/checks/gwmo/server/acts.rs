//! What servers have gateways do, and devices by way of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twinproof_dm::Limits;
use twinproof_dm::syncml::{Command, Data, Item, StatusCode};
use twinproof_dm::tree::tnds::{Node, Tnds};
use twinproof_evidence::Verdict;

use super::super::super::dm::Session;
use super::super::super::dm::talk::{Talk, node};
use super::super::{Found, believed};
use super::{NAMES, Seen, Times};
use crate::scene::Scene;

/// What is said of what is not there, or is there for something else.
const ABSENT: [StatusCode; 3] = [
    StatusCode::NOT_FOUND,
    StatusCode::COMMAND_NOT_ALLOWED,
    StatusCode::FEATURE_NOT_SUPPORTED,
];

/// What the gateway was asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Asked {
    /// What was said to it.
    pub session: Session,
    /// Its objects: what a server wants elsewhere it has not looked for.
    pub objects: Vec<String>,
}

impl Asked {
    /// What the server has asked for below these objects and the gateway, which is the tester's, does not have: the first
    /// of it, and where that was said.
    fn in_vain(&self, scene: &Scene) -> Option<(String, u64)> {
        let talks = self.session.talks(scene);
        let within = |uri: &str| {
            let mut rests = self.objects.iter().filter_map(|object| below(object, uri));
            rests.any(|rest| !rest.is_empty())
        };
        talks.iter().find_map(|talk| {
            let own = talk.said.iter().filter(|said| said.by_sut);
            let mut all = own.flat_map(|said| {
                let commands = said.commands().into_iter();
                commands.map(move |command| (said, command))
            });
            all.find_map(|(said, command)| {
                let mut statuses = talk.statuses_of(said, command.cmd_id());
                statuses.find(|(_, status)| ABSENT.contains(&status.code))?;
                let targets = command
                    .items()
                    .iter()
                    .filter_map(|item| item.target.as_ref());
                let mut targets = targets.map(|target| target.uri.as_str());
                let uri = targets.find(|uri| within(uri))?;
                Some((uri.to_owned(), said.number))
            })
        })
    }

    /// The same, if what is missing may be for want of that: how a gateway shows what its devices have no text says,
    /// and the tester's does not in its own tree.
    pub(super) fn excuses(&self, scene: &Scene, found: Found) -> Found {
        match (found.verdict, self.in_vain(scene)) {
            (Verdict::Fail, Some((uri, number))) => {
                let why = format!(
                    "{uri} was asked for, which the tester's gateway does not have: what is wanted of devices it does \
                     by fan-outs (dm.server.gateways.names)"
                );
                Found::inconclusive(found.expected, why).shown_by([number])
            }
            _ => found,
        }
    }
}

pub(super) fn manages(
    talks: &[Talk],
    (name, uri, values): (&str, &str, Option<&[String]>),
    times: Times,
) -> Found {
    let with = values.map_or(String::new(), |values| {
        format!(" with {}", values.join(" or "))
    });
    let expected = format!("{name} of {uri}{with}, {}", times.words());
    let told = told_of(talks, name, uri);
    let other = told
        .iter()
        .find(|(_, text)| values.is_some_and(|values| !values.contains(text)));
    let got = match other {
        Some((_, text)) => format!("{text:?}"),
        None => format!("{} times", told.len()),
    };
    let holds = other.is_none() && times.fits(told.len());
    let numbers: Vec<u64> = match told.is_empty() {
        true => talks.iter().flat_map(Talk::numbers).collect(),
        false => told.iter().map(|(number, _)| *number).collect(),
    };
    Found::decide(holds, expected, got)
        .shown_by(numbers)
        .relying_on(&[NAMES])
}

/// Where a device was told to do something with a node, and with which value.
pub(super) fn told_of(talks: &[Talk], name: &str, uri: &str) -> Vec<(u64, String)> {
    let mut told = Vec::new();
    // What a device did not believe was not done, and may be said again.
    for said in believed(talks) {
        for command in said.commands().into_iter().filter(|c| c.name() == name) {
            for item in command.items() {
                let target = item.target.as_ref().map(|target| target.uri.as_str());
                let Some(target) = target else {
                    continue;
                };
                let leaf = uri.rsplit('/').next().unwrap_or(uri);
                if covers(target, uri) {
                    let text = item.data.as_ref().and_then(Data::as_text);
                    told.push((said.number, text.unwrap_or_default().to_owned()));
                } else if below(target, uri).is_some_and(|rest| !rest.is_empty()) {
                    told.extend(leaf_of(item, leaf).map(|text| (said.number, text)));
                }
            }
        }
    }
    told
}

/// The value of a leaf in what is written as a whole tree; empty if it has none there.
fn leaf_of(item: &Item, leaf: &str) -> Option<String> {
    let tree = Tnds::from_data(item.data.as_ref()?, &Limits::default()).ok()?;
    let mut open: Vec<&Node> = tree.nodes.iter().collect();
    while let Some(node) = open.pop() {
        if node.name.as_deref() == Some(leaf) {
            let text = node.value.as_ref().and_then(Data::as_text);
            return Some(text.unwrap_or_default().to_owned());
        }
        open.extend(&node.children);
    }
    None
}

/// Whether what is said of a node is about another: that is it, or is below it and all that is below is asked for.
fn covers(target: &str, uri: &str) -> bool {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let lists = query.starts_with("list=");
    let rest = below(path, uri);
    rest.is_some_and(|rest| lists || rest.is_empty() && query.is_empty())
}

/// The way to a node from another that is above it, or is it.
fn below<'u>(above: &str, uri: &'u str) -> Option<&'u str> {
    let rest = node(uri).strip_prefix(node(above).trim_end_matches('/'))?;
    match rest.strip_prefix('/') {
        Some(rest) => Some(rest),
        None => rest.is_empty().then_some(rest),
    }
}

/// The exchanges in which something was written at a node.
pub(super) fn written(talks: &[Talk], uri: &str) -> Vec<u64> {
    let mut written = Vec::new();
    for said in believed(talks) {
        for command in said.commands() {
            let (Command::Replace(request) | Command::Add(request)) = command else {
                continue;
            };
            let own = request.items.iter().filter(|item| {
                let target = item.target.as_ref();
                target.is_some_and(|target| node(&target.uri) == node(uri))
            });
            written.extend(own.map(|_| said.number));
        }
    }
    written
}

pub(super) fn starts(
    talks: &[Talk],
    all: &str,
    (start, writing): (&str, Option<&str>),
    times: usize,
) -> Result<Seen, String> {
    let (mut started, mut brought) = (Vec::new(), BTreeSet::new());
    for talk in talks {
        let own = talk.said.iter().filter(|said| said.by_sut);
        for said in own.filter(|said| talk.believed(said)) {
            for command in said.commands() {
                let mut statuses = talk.statuses_of(said, command.cmd_id());
                if !statuses.any(|(_, status)| status.code.is_success()) {
                    continue;
                }
                // What comes in parts is there with the last.
                for item in command.items().iter().filter(|item| !item.more_data) {
                    let target = item.target.as_ref().map_or("", |target| &target.uri);
                    let Some(within) = below(all, target) else {
                        continue;
                    };
                    let (place, leaf) = within.split_once('/').unwrap_or((within, ""));
                    let begins = match (command.name(), writing) {
                        ("Exec", _) => leaf == start,
                        // What is written twice at one place is one.
                        ("Add" | "Replace", Some(writing)) => {
                            let whole = leaf.is_empty() && leaf_of(item, writing).is_some();
                            (leaf == writing || whole) && brought.insert(place.to_owned())
                        }
                        _ => false,
                    };
                    started.extend(begins.then_some(said.number));
                }
            }
        }
    }
    Ok((
        started.len() == times,
        format!("{} of them", started.len()),
        started,
    ))
}

#[cfg(test)]
mod tests {
    use twinproof_dm::syncml::{Data, Item};

    use super::{covers, leaf_of};

    #[test]
    fn a_node_is_asked_for_with_all_that_is_below_another() {
        let uri = "./Vendor/Open/Value";
        for target in [
            "Vendor/Open/Value",
            "./Vendor/Open?list=TNDS",
            "./Vendor/Open/Value?list=StructData",
        ] {
            assert!(covers(target, uri), "{target}");
        }
        for target in [
            "./Vendor/Open",
            "./Vendor/Op?list=TNDS",
            "./Vendor/Open/Value?prop=Size",
            "./Vendor/Open/Value/X",
        ] {
            assert!(!covers(target, uri), "{target}");
        }
    }

    #[test]
    fn a_leaf_is_found_in_a_whole_tree() {
        let tree = "<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>I1</NodeName><Node><NodeName>Data</NodeName>\
                    <Value>octets</Value></Node></Node></MgmtTree>";
        let item = |text: &str| Item {
            data: Some(Data::Text(text.to_owned())),
            ..Item::default()
        };
        assert_eq!(leaf_of(&item(tree), "Data").as_deref(), Some("octets"));
        assert_eq!(leaf_of(&item(tree), "Source"), None);
        assert_eq!(leaf_of(&item("Data"), "Data"), None);
    }
}

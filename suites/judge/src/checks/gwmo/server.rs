//! Checks on servers that have a gateway below them, which the tester plays, and so are the devices behind it.
//!
//! What a server wants of a device is seen where it counts: in what the gateway, which is ours, says to the device.

mod acts;
mod notified;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use twinproof_dm::syncml::{AlertCode, Command, StatusCode};
use twinproof_dm::upper::{self, Answer, Event, Value};
use twinproof_gwmo::alert::Report;

use super::super::dm::Session;
use super::super::dm::talk::{Talk, words};
use super::{Expected, Found, Outcome};
use crate::scene::Scene;
pub use acts::Asked;
use acts::{manages, starts, told_of, written};
use notified::{avoids, brought, notifies};

/// The knob by which nodes are found.
const NAMES: &str = "dm.server.gateways.names";

/// The knob by which the results of a fan-out are found.
const RESULTS: &str = "dm.server.gateways.results";

/// The knob by which a device is named in the header of a push.
const NAMED: &str = "dm.server.gateways.named";

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The server said nothing to a device that is behind the gateway.
    Avoids {
        /// The device, and when.
        session: Session,
    },
    /// The operator was told what the gateway says of a device, and the device itself was not asked.
    Describes {
        /// The device, by the name under which it has entered, and when.
        session: Session,
        /// The name of the gateway.
        gateway: String,
        /// The address of what the device would say of itself.
        uri: String,
        /// The device.
        device: String,
        /// What the gateway says of it.
        says: Vec<String>,
        /// What it says of others.
        others: Vec<String>,
        /// The number under which it was told.
        number: u64,
    },
    /// Of devices that have gone, nothing was wanted.
    Forgoes {
        /// What was said to the gateway.
        session: Session,
        /// The devices.
        devices: Vec<String>,
    },
    /// The gateway has a group of some devices, or has one no more.
    Groups {
        /// What was said to the gateway.
        session: Session,
        /// The members of the group that it is to have.
        there: Option<Vec<String>>,
        /// Those of a group that it is not to have any more.
        gone: Option<Vec<String>>,
        /// The node of that group.
        known: Option<String>,
        /// The members of each group that it has in its tree, which is the tester's, by its node.
        has: BTreeMap<String, Vec<String>>,
    },
    /// The operator was told of each of these devices what became of it.
    Learns {
        /// What was said to the gateway.
        asked: Asked,
        /// The devices.
        devices: Vec<Expected>,
        /// The number under which it was told.
        number: u64,
    },
    /// The operator was told of these devices of a gateway, each once or alike, and which of them are there.
    Lists {
        /// The gateway.
        gateway: String,
        /// Each, and whether it is there.
        devices: Vec<(String, bool)>,
        /// The number under which it was told.
        number: u64,
    },
    /// By way of the gateway a device was told something.
    Manages {
        /// The device, and when.
        session: Session,
        /// The name of the gateway.
        gateway: String,
        /// Its objects.
        objects: Vec<String>,
        /// The name of the command.
        command: String,
        /// The address of the node.
        uri: String,
        /// How often.
        times: Times,
        /// The values of which one goes with it, if it matters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        values: Option<Vec<String>>,
    },
    /// A device was brought a notification of the server by the gateway; or the gateway was, with a digest that is
    /// right.
    Notifies {
        /// The gateway, and when.
        session: Session,
        /// The device.
        device: String,
        /// What the header of the push says for the device.
        named: String,
        /// The identifier of the server.
        server_id: String,
        /// The session that it announces.
        id: u16,
    },
    /// A setting of the gateway is as it was wanted.
    Sets {
        /// What was said to the gateway.
        session: Session,
        /// Its address.
        uri: String,
        /// The value that it is to have.
        value: String,
        /// The value that it has in the tree of the gateway, which is the tester's.
        has: Option<String>,
    },
    /// Things of a kind were started, so many times. What the gateway refused was not.
    Starts {
        /// What was said to the gateway.
        session: Session,
        /// Where what is started is described, each in a place of its own.
        below: String,
        /// What is executed there.
        start: String,
        /// What does the same if it is written there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        writing: Option<String>,
        /// How often.
        times: usize,
    },
    /// Each report of this kind was taken.
    Takes {
        /// What was said to the gateway.
        session: Session,
        /// What was reported.
        report: Report,
    },
}

/// How often something is wanted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Times {
    /// Not at all.
    Never,
    /// Once.
    Once,
    /// Once, or more often: that does no harm.
    Some,
}

impl Times {
    fn fits(self, count: usize) -> bool {
        match self {
            Self::Never => count == 0,
            Self::Once => count == 1,
            Self::Some => count > 0,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Once => "once",
            Self::Some => "at least once",
        }
    }
}

impl Check {
    pub(in crate::checks) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Avoids { session } => avoids(scene, session),
            Self::Describes {
                session,
                gateway,
                uri,
                device,
                says,
                others,
                number,
            } => {
                let talks = session.talks_with(scene, gateway);
                let asked = told_of(&talks, "Get", uri);
                match asked.first() {
                    Some((number, _)) => {
                        let expected = "what the gateway says, and not what the device does";
                        let why = "the server had the device itself read, so that nothing is known of what the \
                                   gateway was asked";
                        Found::inconclusive(expected, why).shown_by([*number])
                    }
                    None => describes(scene, device, (says, others), *number),
                }
            }
            Self::Forgoes { session, devices } => with(
                session,
                scene,
                "nothing wanted of a device that has gone",
                |talks| forgoes(talks, devices),
            ),
            Self::Groups {
                session,
                there,
                gone,
                known,
                has,
            } => {
                let expected = match (there, gone) {
                    (Some(there), None) => in_words([there]),
                    (Some(there), Some(gone)) => {
                        let [there, gone] = [there, gone].map(|of| in_words([of]));
                        format!("{there} and no {gone}")
                    }
                    (None, Some(gone)) => format!("no {}", in_words([gone])),
                    (None, None) => "any groups".to_owned(),
                };
                let all = has;
                with(session, scene, expected, |_| {
                    let has = |of: &Vec<String>| all.values().any(|has| alike(has, of));
                    let has_all = there.iter().all(has);
                    // What is left of it is no group only without members, or as the group that is wanted now.
                    let node = known.as_ref().and_then(|node| all.get(node));
                    let rest = node.filter(|rest| !rest.is_empty());
                    let is_wanted =
                        |rest: &[String]| there.as_ref().is_some_and(|of| alike(rest, of));
                    let has_left = gone.iter().any(has)
                        || gone.is_some() && rest.is_some_and(|rest| !is_wanted(rest));
                    Ok((has_all && !has_left, in_words(all.values()), Vec::new()))
                })
            }
            Self::Learns {
                asked,
                devices,
                number,
            } => asked.excuses(scene, learns(scene, devices, *number)),
            Self::Lists {
                gateway,
                devices,
                number,
            } => lists(scene, (gateway, devices), *number),
            Self::Manages {
                session,
                gateway,
                objects,
                command,
                uri,
                times,
                values,
            } => {
                let asked = Asked {
                    session: Session {
                        party: gateway.clone(),
                        ..session.clone()
                    },
                    objects: objects.clone(),
                };
                let found = manages(
                    &session.talks_with(scene, gateway),
                    (command, uri, values.as_deref()),
                    *times,
                );
                asked.excuses(scene, found)
            }
            Self::Notifies {
                session,
                device,
                named,
                server_id,
                id,
            } => match brought(scene, session, device, (server_id, *id)) {
                Some(found) => found,
                None => notifies(scene, session, (named, server_id), *id),
            },
            Self::Sets {
                session,
                uri,
                value,
                has,
            } => with(session, scene, format!("{value} at {uri}"), |talks| {
                let has = has.as_deref().unwrap_or("nothing");
                Ok((has == value, has.to_owned(), written(talks, uri)))
            }),
            Self::Starts {
                session,
                below,
                start,
                writing,
                times,
            } => with(
                session,
                scene,
                format!("{times} starts below {below}"),
                |talks| starts(talks, below, (start, writing.as_deref()), *times),
            ),
            Self::Takes { session, report } => {
                let codes = [StatusCode::OK, StatusCode(202)];
                let expected = format!("{} to {}", words(&codes), report.text());
                let found = with(session, scene, expected, |talks| {
                    takes(talks, *report, &codes)
                });
                match report {
                    Report::Attached => found,
                    // They are of the TS 1.1: a server of 1.0 may ask for what came of it instead.
                    _ => found.advisory(),
                }
            }
        }
    }
}

/// What was seen: whether it holds, in words, and the exchanges.
type Seen = (bool, String, Vec<u64>);

/// Looks at what was said to the gateway, where the server said anything.
fn with(
    session: &Session,
    scene: &Scene,
    expected: impl Into<String>,
    look: impl FnOnce(&[Talk]) -> Result<Seen, String>,
) -> Found {
    let (talks, expected) = (session.talks(scene), expected.into());
    if !super::said(&talks).any(|said| said.by_sut) {
        return Found::inconclusive(expected, "no message of the server to the gateway");
    }
    let all = talks.iter().flat_map(Talk::numbers);
    match look(&talks) {
        Err(why) => Found::inconclusive(expected, why).shown_by(all),
        Ok((holds, got, numbers)) => {
            let found = Found::decide(holds, expected, got).relying_on(&[NAMES]);
            match numbers.is_empty() {
                true => found.shown_by(all),
                false => found.shown_by(numbers),
            }
        }
    }
}

/// Groups in words.
fn in_words<'a>(groups: impl IntoIterator<Item = &'a Vec<String>>) -> String {
    let word = |group: &Vec<String>| format!("a group of {}", group.join(" and "));
    let words: Vec<_> = groups.into_iter().map(word).collect();
    match words.is_empty() {
        true => "no group".to_owned(),
        false => words.join(", "),
    }
}

/// Whether groups have the same members, in whichever order.
pub fn alike(one: &[String], other: &[String]) -> bool {
    let [one, other] = [one, other].map(|of| of.iter().collect::<BTreeSet<_>>());
    one == other
}

fn describes(
    scene: &Scene,
    device: &str,
    (says, others): (&[String], &[String]),
    number: u64,
) -> Found {
    let expected = format!("{} of {device}", says.join(" and "));
    let Some(events) = told(scene, number) else {
        return Found::inconclusive(expected, "the operator was told nothing");
    };
    let mut read: BTreeSet<String> = BTreeSet::new();
    for event in &events {
        match event {
            Event::Did {
                device: of,
                outcome,
            } if of == device => {
                read.extend(values(outcome).map(str::to_owned));
            }
            _ => {}
        }
    }
    let holds = says.iter().all(|value| read.contains(value))
        && !others.iter().any(|value| read.contains(value));
    let got = match read.is_empty() {
        true => "nothing".to_owned(),
        false => Vec::from_iter(read).join(", "),
    };
    Found::decide(holds, expected, got)
        .shown_by([number])
        .relying_on(&[NAMES])
}

/// That a gateway is not asked in vain no text demands.
fn forgoes(talks: &[Talk], devices: &[String]) -> Result<Seen, String> {
    let mut named = Vec::new();
    for said in super::believed(talks) {
        for command in said.commands() {
            let texts = command
                .items()
                .iter()
                .filter_map(|item| item.data.as_ref()?.as_text());
            let texts: Vec<&str> = texts.collect();
            let gone = devices
                .iter()
                .find(|device| texts.contains(&device.as_str()));
            named.extend(gone.map(|device| (device.clone(), said.number)));
        }
    }
    let got = match named.first() {
        None => "so it is".to_owned(),
        Some((device, _)) => format!("something of {device}"),
    };
    let numbers = named.iter().map(|(_, number)| *number).collect();
    Ok((named.is_empty(), got, numbers))
}

/// What the operator was told under a number.
fn told(scene: &Scene, number: u64) -> Option<Vec<Event>> {
    let (_, answer) = scene.handled.get(&number)?;
    match serde_json::from_value(answer.clone()).ok()? {
        Answer::Events(events) => Some(events),
        _ => None,
    }
}

fn learns(scene: &Scene, devices: &[Expected], number: u64) -> Found {
    let expected = super::aggregate::words(devices);
    let Some(events) = told(scene, number) else {
        return Found::inconclusive(expected, "the operator was told nothing");
    };
    let wrong = devices.iter().find_map(|wanted| {
        let own: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Did { device, outcome } if *device == wanted.device => Some(outcome),
                _ => None,
            })
            .collect();
        let right = own.iter().any(|told| fits(told, &wanted.outcome))
            && !own.iter().any(|told| belies(told, &wanted.outcome));
        let got = || match own.as_slice() {
            [] => format!("nothing of {}", wanted.device),
            own => {
                let codes = own.iter().flat_map(|outcome| &outcome.statuses);
                let codes: Vec<StatusCode> = codes.map(|told| StatusCode(told.code)).collect();
                format!(
                    "{} of {}, and not what it said",
                    words(&codes),
                    wanted.device
                )
            }
        };
        (!right).then(got)
    });
    let holds = wrong.is_none();
    Found::decide(holds, expected, wrong.unwrap_or_else(|| "that".to_owned()))
        .shown_by([number])
        .relying_on(&[NAMES, RESULTS])
}

/// What the operator was told that a device has said.
fn values(told: &upper::Outcome) -> impl Iterator<Item = &str> {
    let read = told.results.iter();
    read.filter_map(|read| match &read.value {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    })
}

/// Whether the operator was told what became of a device.
fn fits(told: &upper::Outcome, outcome: &Outcome) -> bool {
    let mut codes = told.statuses.iter().map(|told| told.code);
    match outcome {
        Outcome::Did(wanted) => {
            let done = !told.statuses.is_empty() && codes.all(|code| (200..300).contains(&code));
            done && wanted
                .iter()
                .all(|value| values(told).any(|read| read == value))
        }
        Outcome::Refused(code) => codes.any(|told| told == *code),
        Outcome::Silent => codes.any(|code| code >= 400),
    }
}

/// Whether it was told what cannot be, whatever else it was told.
fn belies(told: &upper::Outcome, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Did(wanted) => {
            let failed = told.statuses.iter().any(|told| told.code >= 400);
            failed || values(told).any(|read| !wanted.iter().any(|value| value == read))
        }
        Outcome::Refused(_) | Outcome::Silent => values(told).next().is_some(),
    }
}

fn lists(scene: &Scene, (gateway, devices): (&str, &[(String, bool)]), number: u64) -> Found {
    let words_of = |all: &BTreeSet<(String, bool, String)>| {
        let word = |(device, there, of): &(String, bool, String)| {
            let how = if *there { "there" } else { "not there" };
            format!("{device} of {of}: {how}")
        };
        match all.is_empty() {
            true => "none".to_owned(),
            false => all.iter().map(word).collect::<Vec<_>>().join(", "),
        }
    };
    let wanted = devices.iter().cloned();
    let wanted = wanted.map(|(device, there)| (device, there, gateway.to_owned()));
    let wanted = wanted.collect();
    let expected = words_of(&wanted);
    let Some(events) = told(scene, number) else {
        return Found::inconclusive(expected, "the operator was told nothing");
    };
    let listed = events.into_iter().filter_map(|event| match event {
        Event::Listed {
            gateway: of,
            device,
            attached,
        } => Some((device, attached, of)),
        _ => None,
    });
    // What other gateways have is their affair, unless it is of these devices.
    let own = |(device, _, of): &(String, bool, String)| {
        *of == gateway || devices.iter().any(|(known, _)| known == device)
    };
    let listed = listed.filter(own).collect();
    Found::decide(listed == wanted, expected, words_of(&listed))
        .shown_by([number])
        .relying_on(&[NAMES])
}

fn takes(talks: &[Talk], report: Report, codes: &[StatusCode]) -> Result<Seen, String> {
    let (mut numbers, mut given) = (Vec::new(), Vec::new());
    for talk in talks {
        let theirs = talk
            .said
            .iter()
            .filter(|said| !said.by_sut && talk.believed(said));
        for said in theirs {
            for command in said.commands() {
                let Command::Alert(alert) = command else {
                    continue;
                };
                let mut kinds = alert.items.iter().filter_map(|item| {
                    let meta = item.meta.as_ref()?;
                    Report::of(meta.media_type.as_deref()?)
                });
                if alert.code == AlertCode::GENERIC && kinds.any(|kind| kind == report) {
                    numbers.push(said.number);
                    let own = talk.statuses_of(said, &alert.cmd_id);
                    given.extend(own.map(|(_, status)| status.code));
                }
            }
        }
    }
    if numbers.is_empty() {
        return Err("the server believed no such report".to_owned());
    }
    let unknown = [
        StatusCode::FEATURE_NOT_SUPPORTED,
        StatusCode::UNSUPPORTED_TYPE_OR_FORMAT,
    ];
    if !given.is_empty() && given.iter().all(|code| unknown.contains(code)) {
        let why =
            "the server does not know the type of the report as the tester's gateway writes it";
        return Err(why.to_owned());
    }
    let holds = !given.is_empty() && given.iter().all(|code| codes.contains(code));
    Ok((holds, words(&given), numbers))
}

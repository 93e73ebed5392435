//! What a client does at the interface to its servers, which the tester plays.

mod reports;
mod servers;

use serde::{Deserialize, Serialize};
use twinproof_coap::{Code, ContentFormat, Packet, option};
use twinproof_lwm2m::wire::links::ObjectList;
use twinproof_lwm2m::wire::{Direction, Entry, Path};

use super::blocks;
use super::management::read;
use super::{Act, came};
use crate::checks::Found;
use crate::datagram::registers;
use crate::scene::{Datagram, SUT, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A discovery was answered with these attributes of a path, and with no others.
    Attached {
        /// The discovery.
        act: Act,
        /// What has them: `/3/0`.
        path: String,
        /// The attributes: `pmin=2`.
        attributes: Vec<String>,
    },
    /// What nobody answers is repeated after ever longer gaps, and there is no storm.
    BacksOff {
        /// Which server.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
    /// A discovery was answered with a list that has this path.
    Discovered {
        /// The discovery.
        act: Act,
        /// What has to be in the list: `/3/0`.
        path: String,
    },
    /// These values were reported of a resource, one after the other, and no others.
    Exactly {
        /// The beginning of the observation.
        observed: Act,
        /// What came after that does not count.
        upto: u64,
        /// The resource.
        path: String,
        /// The values as they are written in text.
        values: Vec<String>,
    },
    /// The server was not answered before it had confirmed the registration.
    Held {
        /// What the server asked for.
        act: Act,
    },
    /// The client has said its name, and that its device is there once.
    Introduced {
        /// To which server.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
    /// These values, which could not be reported when they were there, were reported later, or none was.
    Kept {
        /// The beginning of the observation.
        observed: Act,
        /// What came before that does not count.
        after: u64,
        /// The resource.
        path: String,
        /// The values as they are written in text.
        values: Vec<String>,
        /// Whether they were to be kept.
        kept: bool,
    },
    /// The client no longer reports what was observed, but for what was under way.
    NoMore {
        /// The beginning of the observation.
        observed: Act,
        /// Its end.
        ended: Act,
        /// Whether it was to end with a Reset to a report.
        by_reset: bool,
    },
    /// A request that came twice was done once.
    Once {
        /// The server that was told of it.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
    /// Two servers that read the Server object are shown one instance each, and not the same.
    OwnAccount {
        /// What the one read.
        act: Act,
        /// What the other read.
        other: Act,
    },
    /// The client did not ask for a registration more than once a second.
    Patient {
        /// Which server.
        server: String,
        /// What came before that does not count.
        after: u64,
        /// How long it was watched, s.
        seconds: u64,
    },
    /// The client has registered once more.
    RegisteredAgain {
        /// With which server.
        server: String,
        /// What came before that does not count.
        after: u64,
        /// Whether it had to find out first, by an update, that it is not known any more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        forgotten: bool,
    },
    /// The client reports to a server, though another one has ended its observation.
    ReportsOn {
        /// The beginning of the observation.
        observed: Act,
        /// The end of the other's.
        ended: Act,
    },
    /// A value was read, and it is this one.
    Shows {
        /// The reading.
        act: Act,
        /// Where the value is.
        path: String,
        /// The value as it is written in text.
        value: String,
    },
    /// Reports came, and were neither closer nor further apart than was asked for.
    Spaced {
        /// The beginning of the observation.
        observed: Act,
        /// What came after that does not count.
        upto: u64,
        /// The least interval, s.
        least: u64,
        /// The greatest interval, s.
        most: u64,
    },
    /// What was read twice is the same.
    Unchanged {
        /// The first reading.
        before: Act,
        /// The second one.
        after: Act,
        /// That it changed is but our own judgement.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        advisory: bool,
    },
    /// The client has not listed an object.
    Unlisted {
        /// To which server.
        server: String,
        /// What came before that does not count.
        after: u64,
        /// The object.
        object: u16,
    },
    /// The client has updated its registration.
    Updated {
        /// With which server.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Attached {
                act,
                path,
                attributes,
            } => servers::attached(scene, act, (path, attributes)),
            Self::BacksOff { server, after } => backs_off(scene, (server, *after)),
            Self::Discovered { act, path } => discovered(scene, act, path),
            Self::Exactly {
                observed,
                upto,
                path,
                values,
            } => reports::exactly(scene, observed, *upto, (path, values)),
            Self::Held { act } => act.with(scene, |request, answer| {
                let held = answer.is_none_or(|packet| !packet.code().is_success());
                let expected = "an error or silence until the registration is confirmed";
                let got = came(request, answer.as_ref());
                // The text binds the server to wait; what the client has to do follows from it only.
                Found::decide(held, expected, got).advisory()
            }),
            Self::Introduced { server, after } => introduced(scene, (server, *after)),
            Self::Kept {
                observed,
                after,
                path,
                values,
                kept,
            } => reports::kept(scene, observed, *after, (path, values), *kept),
            Self::NoMore {
                observed,
                ended,
                by_reset,
            } => reports::no_more(scene, observed, ended, *by_reset),
            Self::Once { server, after } => {
                let updates = updates(scene, (server, *after));
                let expected = "one update of the registration";
                let got = format!("{} of them", updates.len());
                let found = match updates.len() {
                    0 => Found::inconclusive(expected, got),
                    // RFC 7252 §4.5 only recommends that a message is processed once.
                    count => Found::decide(count == 1, expected, got).advisory(),
                };
                found.shown_by(numbers(&updates)).by("RFC 7252 §4.5")
            }
            Self::OwnAccount { act, other } => servers::own_account(scene, act, other),
            Self::Patient {
                server,
                after,
                seconds,
            } => patient(scene, (server, *after), *seconds),
            Self::RegisteredAgain {
                server,
                after,
                forgotten,
            } => {
                let again = registrations(scene, (server, *after));
                let got = match again.len() {
                    0 => "none".to_owned(),
                    count => format!("{count} of them"),
                };
                let numbers = again.iter().map(|one| one.datagram.number);
                let expected = "a new registration";
                if *forgotten && again.is_empty() && updates(scene, (server, *after)).is_empty() {
                    let got =
                        "no update, by which the client could have learnt that it is forgotten";
                    return Found::inconclusive(expected, got);
                }
                let found = Found::decide(!again.is_empty(), expected, got).shown_by(numbers);
                match forgotten {
                    // Only a test case says what a client does then.
                    true => found.advisory(),
                    false => found,
                }
            }
            Self::ReportsOn { observed, ended } => reports::goes_on(scene, observed, ended),
            Self::Shows { act, path, value } => shows(scene, act, (path, value)),
            Self::Spaced {
                observed,
                upto,
                least,
                most,
            } => reports::spaced(scene, observed, *upto, (*least, *most)),
            Self::Unchanged {
                before,
                after,
                advisory,
            } => {
                let found = unchanged(scene, before, after);
                match advisory {
                    true => found.advisory(),
                    false => found,
                }
            }
            Self::Unlisted {
                server,
                after,
                object,
            } => unlisted(scene, (server, *after), *object),
            Self::Updated { server, after } => {
                let mut updates = updates(scene, (server, *after));
                updates.retain(|update| {
                    let answer = scene.answer(update).and_then(Datagram::packet);
                    answer.is_none_or(|answer| !answer.code().is_error())
                });
                let got = format!("{} of them", updates.len());
                let expected = "an update of the registration";
                Found::decide(!updates.is_empty(), expected, got).shown_by(numbers(&updates))
            }
        }
    }
}

/// A registration as a client asked for it.
pub(super) struct Registration<'s> {
    pub(super) datagram: &'s Datagram,
    pub(super) packet: Packet<'s>,
}

/// The registrations that the client asked a server for after a number, without copies.
pub(super) fn registrations<'s>(
    scene: &'s Scene,
    (server, after): (&str, u64),
) -> Vec<Registration<'s>> {
    let mut found: Vec<Registration<'s>> = Vec::new();
    for datagram in &scene.datagrams {
        if datagram.number <= after || datagram.from != SUT || datagram.to != server {
            continue;
        }
        let Some(packet) = datagram.packet().filter(begins) else {
            continue;
        };
        let copy = found
            .iter()
            .any(|one| one.packet.message_id() == packet.message_id());
        if !copy {
            found.push(Registration { datagram, packet });
        }
    }
    found
}

/// Whether a client asks for a registration, and that is no later block of one.
fn begins(packet: &Packet<'_>) -> bool {
    let block = packet.block(option::BLOCK1).ok().flatten();
    registers(packet) && block.is_none_or(|block| block.num() == 0)
}

impl Registration<'_> {
    /// The list of objects in it, of which later blocks may bring the rest.
    fn list(&self, scene: &Scene) -> Result<ObjectList, String> {
        let mut body = self.packet.payload().to_vec();
        let mut next = 1;
        for datagram in &scene.datagrams {
            let later = datagram.number > self.datagram.number
                && (&datagram.from, &datagram.to) == (&self.datagram.from, &self.datagram.to);
            let Some(packet) = datagram.packet().filter(|p| later && registers(p)) else {
                continue;
            };
            match packet.block(option::BLOCK1).ok().flatten() {
                Some(block) if block.num() == next => {
                    body.extend_from_slice(packet.payload());
                    next += 1;
                }
                _ => {}
            }
        }
        ObjectList::parse(&body).map_err(|error| error.to_string())
    }
}

fn introduced(scene: &Scene, at: (&str, u64)) -> Found {
    let expected = "a registration with an endpoint name and with /3/0 in its list, once";
    let Some(registration) = registrations(scene, at).into_iter().next() else {
        return Found::inconclusive(expected, "the client asked for no registration");
    };
    let name = registration.packet.query("ep");
    let said = match name {
        Some("") | None => "no endpoint name".to_owned(),
        Some(name) => format!("ep={name}"),
    };
    let number = registration.datagram.number;
    let list = match registration.list(scene) {
        Ok(list) => list,
        Err(why) => {
            let got = format!("{said}, and a list that cannot be read: {why}");
            return Found::decide(false, expected, got).shown_by([number]);
        }
    };
    let devices = list
        .items
        .iter()
        .filter(|item| item.path.object() == Some(3));
    let instances = devices.clone().filter(|item| item.path.ids().len() == 2);
    let (instances, whole) = (instances.count(), devices.count());
    let named = name.is_some_and(|name| !name.is_empty());
    let got = match (instances, whole) {
        (0, 0) => format!("{said}, and a list without the device"),
        (0, _) => format!("{said}, and a list with /3, but without its instance"),
        (count, _) => format!("{said}, and a list with {count} of /3/0"),
    };
    let found = Found::decide(named && instances == 1, expected, got).shown_by([number]);
    match named && instances == 0 && whole > 0 {
        // That an object is there without saying so of its only instance misleads nobody.
        true => found.advisory(),
        false => found,
    }
}

fn unlisted(scene: &Scene, at: (&str, u64), object: u16) -> Found {
    let expected = format!("a list of objects without /{object}");
    let Some(registration) = registrations(scene, at).into_iter().next() else {
        return Found::inconclusive(expected, "the client asked for no registration");
    };
    let number = registration.datagram.number;
    match registration.list(scene) {
        Ok(list) => {
            let there = list.items.iter().map(|item| item.path);
            let there = there.filter(|path| path.object() == Some(object));
            let there: Vec<String> = there.map(|path| path.to_string()).collect();
            let got = match there.as_slice() {
                [] => "none of it".to_owned(),
                some => some.join(", "),
            };
            Found::decide(there.is_empty(), expected, got)
        }
        Err(why) => Found::inconclusive(expected, format!("a list that cannot be read: {why}")),
    }
    .shown_by([number])
}

fn numbers<'s>(datagrams: &[&'s Datagram]) -> impl Iterator<Item = u64> + use<'s> {
    let numbers: Vec<_> = datagrams.iter().map(|datagram| datagram.number).collect();
    numbers.into_iter()
}

/// The updates of its registration that the client sent a server after a number, without copies.
fn updates<'s>(scene: &'s Scene, (server, after): (&str, u64)) -> Vec<&'s Datagram> {
    let mut found: Vec<(u16, &Datagram)> = Vec::new();
    for datagram in &scene.datagrams {
        let mine = datagram.number > after && datagram.from == SUT && datagram.to == server;
        let Some(packet) = datagram.packet().filter(|_| mine) else {
            continue;
        };
        let located = packet.path().count() > 1 && packet.path().next() == Some(Ok("rd"));
        let known = found.iter().any(|(id, _)| *id == packet.message_id());
        if packet.code() == Code::POST && located && !known {
            found.push((packet.message_id(), datagram));
        }
    }
    found.into_iter().map(|(_, datagram)| datagram).collect()
}

/// How often the client asked for a registration, copies included.
fn patient(scene: &Scene, (server, after): (&str, u64), seconds: u64) -> Found {
    let sent = scene.datagrams.iter().filter(|datagram| {
        datagram.number > after
            && (datagram.from == SUT && datagram.to == server)
            && datagram.packet().is_some_and(|packet| begins(&packet))
    });
    let sent: Vec<&Datagram> = sent.collect();
    let expected = "one attempt or more, but no more than one in a second";
    let got = format!("{} in {seconds} s", sent.len());
    let found = match sent.len() as u64 {
        0 => Found::inconclusive(expected, got),
        // No text says how soon is too soon.
        count => Found::decide(count <= seconds, expected, got).advisory(),
    };
    found.shown_by(numbers(&sent))
}

/// What a clock may be off by, µs.
const SLACK: u64 = 500_000;

/// How many messages in which time are a storm, whatever the times of a client are, µs.
const STORM: (usize, u64) = (8, 10_000_000);

fn backs_off(scene: &Scene, (server, after): (&str, u64)) -> Found {
    let expected = "each registration repeated after gaps that double";
    let sent = scene.datagrams.iter().filter_map(|datagram| {
        let mine = datagram.number > after && datagram.from == SUT && datagram.to == server;
        let packet = datagram.packet().filter(|packet| mine && begins(packet))?;
        Some((packet.message_id(), datagram))
    });
    let sent: Vec<(u16, &Datagram)> = sent.collect();
    let Some(&(first, _)) = sent.first() else {
        return Found::inconclusive(expected, "no registration");
    };
    let mut copies = sent.iter().filter(|(id, _)| *id == first);
    let times: Vec<u64> = copies.by_ref().map(|(_, datagram)| datagram.at).collect();
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let said = gaps
        .iter()
        .map(|gap| format!("{}.{} s", gap / 1_000_000, gap / 100_000 % 10));
    let got = match gaps.as_slice() {
        [] => format!("{} registrations, and the first not repeated", sent.len()),
        _ => format!(
            "{} messages, the first repeated after {}",
            sent.len(),
            said.collect::<Vec<_>>().join(", ")
        ),
    };
    let doubles = gaps
        .windows(2)
        .all(|pair| 2 * (pair[1] + SLACK) >= 3 * pair[0]);
    let (many, span) = STORM;
    let storm = sent
        .windows(many)
        .any(|some| some[many - 1].1.at - some[0].1.at < span);
    let found = Found::decide(doubles && !storm, expected, got);
    let found = found.shown_by(sent.iter().map(|(_, datagram)| datagram.number));
    match doubles {
        // No text says how many messages are too many.
        true => found.advisory(),
        false => found.by("RFC 7252 §4.2"),
    }
}

fn discovered(scene: &Scene, act: &Act, path: &str) -> Found {
    act.with(scene, |request, answer| {
        let expected = format!("2.05 with a list of links that has {path} or what is below it");
        let Some(packet) = answer else {
            return Found::decide(false, expected, came(request, None));
        };
        let got = came(request, Some(&packet));
        if packet.code() != Code::CONTENT {
            return Found::decide(false, expected, got);
        }
        let format = packet.content_format().ok().flatten();
        if format != Some(ContentFormat::LINK_FORMAT) {
            let got = format!("{got}, and not in link-format");
            return Found::decide(false, expected, got);
        }
        let wanted: Option<Path> = path.parse().ok();
        let is_there = |path: Path| {
            wanted.is_some_and(|wanted| {
                path.depth() >= wanted.depth() && path.prefix(wanted.depth()) == wanted
            })
        };
        let body = blocks::answered(scene, request, &packet);
        match ObjectList::parse(&body) {
            Ok(list) => {
                let mut items = list.items.iter();
                let listed = items.any(|item| is_there(item.path));
                let payload = String::from_utf8_lossy(&body);
                Found::decide(listed, expected, format!("{got}: {payload}"))
            }
            Err(error) => Found::decide(false, expected, format!("{got}: {error}")),
        }
    })
}

/// What an answer says of values, or why it says nothing.
fn values(
    scene: &Scene,
    request: &Datagram,
    answer: Option<Packet<'_>>,
) -> Result<Vec<Entry>, String> {
    let got = came(request, answer.as_ref());
    let Some(packet) = answer.filter(|packet| packet.code() == Code::CONTENT) else {
        return Err(got);
    };
    // An alternate path is no part of what was asked for.
    let asked = request.packet();
    let segments = asked
        .iter()
        .flat_map(|request| request.path().map_while(Result::ok));
    let number = |segment: &&str| segment.bytes().all(|byte| byte.is_ascii_digit());
    let path = segments
        .skip_while(|segment| !number(segment))
        .fold(String::new(), |path, segment| path + "/" + segment);
    let body = blocks::answered(scene, request, &packet);
    let read = read((&packet, &body), &path, Direction::Report);
    read.map_err(|why| format!("{got}, which cannot be read: {why}"))
}

fn shows(scene: &Scene, act: &Act, (path, value): (&str, &str)) -> Found {
    let expected = format!("2.05 with {path} = {value}");
    let path: Option<Path> = path.parse().ok();
    act.with(scene, |request, answer| {
        match values(scene, request, answer) {
            Ok(entries) => {
                let entry = entries.iter().find(|entry| Some(entry.path) == path);
                let shown = entry.and_then(|entry| entry.value.as_ref());
                let shown = shown.map_or("no such value".to_owned(), ToString::to_string);
                Found::decide(shown == value, expected, shown)
            }
            Err(got) => Found::decide(false, expected, got),
        }
    })
}

fn unchanged(scene: &Scene, before: &Act, after: &Act) -> Found {
    let read = |act: &Act| {
        let mut entries = Err("no such request".to_owned());
        let seen = act.with(scene, |request, answer| {
            entries = values(scene, request, answer);
            Found::decide(true, "", "")
        });
        (entries, seen.evidence)
    };
    let ((first, mut evidence), (second, more)) = (read(before), read(after));
    evidence.extend(more);
    let written = |entries: &[Entry]| {
        let said = entries.iter().map(|entry| {
            let value = entry.value.as_ref();
            format!(
                "{} {}",
                entry.path,
                value.map_or_else(String::new, ToString::to_string)
            )
        });
        said.collect::<Vec<_>>().join(", ")
    };
    let found = match (first, second) {
        (Err(why), _) => Found::inconclusive("what was there before", why),
        (Ok(first), Err(why)) => {
            Found::inconclusive(format!("what is there after {}", written(&first)), why)
        }
        (Ok(first), Ok(second)) => {
            let (was, is) = (written(&first), written(&second));
            Found::decide(was == is, format!("still {was}"), is)
        }
    };
    found.shown_by(evidence)
}

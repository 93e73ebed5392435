//! What a client says and does in a session, in which the tester plays its server.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twinproof_dm::syncml::{AlertCode, Command, Data, Item, Results, StatusCode};
use twinproof_evidence::Verdict;

use super::Session;
use super::talk::{Said, Talk, words};
use crate::checks::Found;
use crate::scene::{SUT, Scene};

/// The leaves of the device information that each client has (DM Standardized Objects 1.2).
const INFORMATION: [&str; 5] = ["DevId", "Man", "Mod", "DmV", "Lang"];

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A notification with this session's number is followed by one session of it, which says that the
    /// server wanted it.
    Announced {
        /// What came since.
        session: Session,
        /// `SessionID`.
        id: String,
        /// That it did not come by a way that is known to be the right one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        carrier: bool,
    },
    /// Each message of the server got one status for its header, and each command one, or one per item;
    /// no status is about anything else.
    Answered {
        /// The session.
        session: Session,
    },
    /// A challenge was answered in the same session, by all that a first package has.
    BeganAgain {
        /// The session.
        session: Session,
    },
    /// The commands of each message are numbered, each with a number of its own.
    Numbered {
        /// The session.
        session: Session,
    },
    /// The first message says why there is a session and who the device is, and its package is closed.
    Opened {
        /// The session.
        session: Session,
    },
    /// The server believed the client in the end.
    Proven {
        /// The session.
        session: Session,
    },
    /// What was read comes after the status of the reading.
    ReadInOrder {
        /// The session.
        session: Session,
        /// What was read.
        uri: String,
    },
    /// A node was read, and it has this value; any but an empty one if none is given.
    Shows {
        /// The session.
        session: Session,
        /// What was read.
        uri: String,
        /// The value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// No session of this number followed, and one of the other did.
    Ignored {
        /// What came since.
        session: Session,
        /// `SessionID` of what was to be ignored.
        id: String,
        /// `SessionID` of what was not.
        other: String,
    },
    /// The message after one that says where to go on went there.
    Redirected {
        /// The session.
        session: Session,
        /// What the server said.
        url: String,
    },
    /// A command was answered with one of these codes.
    Told {
        /// The session.
        session: Session,
        /// The name of the command.
        command: String,
        /// Its target, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uri: Option<String>,
        /// The codes.
        codes: Vec<u16>,
    },
    /// The server was refused and challenged, and nothing that it wanted was done.
    Unmoved {
        /// The session.
        session: Session,
        /// The codes of which one has to stand for the header of its first message.
        codes: Vec<u16>,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Announced {
                session,
                id,
                carrier,
            } => {
                let expected = format!("one session {id}, which begins with the alert 1200");
                let found = announced(&session.talk(scene), expected, id);
                match carrier {
                    // By which way a notification comes is for the systems to agree on.
                    true => found.under(&["DM-D15"]),
                    false if found.verdict == Verdict::Fail && found.got == NO_SESSION => {
                        Found::inconclusive(found.expected, found.got)
                    }
                    false => found,
                }
            }
            Self::Answered { session } => {
                let expected = "one status for the header of each message of the server and for each \
                                command in it, and no status of anything else";
                session.with(scene, expected, answered)
            }
            Self::BeganAgain { session } => {
                let expected = "after the challenge, the next message of the same session, with the \
                                status of the challenging header, the alert, the device information \
                                and credentials";
                session.with(scene, expected, began_again)
            }
            Self::Numbered { session } => {
                let expected =
                    "a number for each command, which no other command of the message has";
                session.with(scene, expected, numbered)
            }
            Self::Opened { session } => {
                let expected = format!(
                    "a first message with MsgID 1, one alert 1200 or 1201 and the device information \
                     ({}), and an end of the package",
                    INFORMATION.join(", ")
                );
                session.with(scene, expected, opened)
            }
            Self::Proven { session } => {
                let expected = "credentials that the server accepts at last";
                session.with(scene, expected, proven)
            }
            Self::ReadInOrder { session, uri } => {
                let expected = format!("the status of the reading of {uri} before what was read");
                session.with(scene, expected, |talk, expected| {
                    in_order(talk, expected, uri)
                })
            }
            Self::Shows {
                session,
                uri,
                value,
            } => {
                let expected = match value {
                    Some(value) => format!("{value:?} at {uri}"),
                    None => format!("a value at {uri}"),
                };
                session.with(scene, expected, |talk, expected| {
                    shows(talk, expected, uri, value.as_deref())
                })
            }
            Self::Ignored { session, id, other } => {
                let expected = format!("no session {id}, and a session {other} after it");
                ignored(&session.talk(scene), expected, id, other)
            }
            Self::Redirected { session, url } => {
                let expected = format!("the next message at {url}");
                session.with(scene, expected, |talk, expected| {
                    redirected(scene, talk, expected, url)
                })
            }
            Self::Told {
                session,
                command,
                uri,
                codes,
            } => {
                let codes: Vec<_> = codes.iter().copied().map(StatusCode).collect();
                let aim = uri
                    .as_deref()
                    .map_or(String::new(), |uri| format!(" of {uri}"));
                let expected = format!("{} to {command}{aim}", words(&codes));
                session.with(scene, expected, |talk, expected| {
                    told(talk, expected, (command, uri.as_deref()), &codes)
                })
            }
            Self::Unmoved { session, codes } => {
                let codes: Vec<_> = codes.iter().copied().map(StatusCode).collect();
                let expected = format!(
                    "a challenge with {} for the header of the server's first message, and nothing done",
                    words(&codes)
                );
                session.with(scene, expected, |talk, expected| {
                    unmoved(talk, expected, &codes)
                })
            }
        }
    }
}

fn opened(talk: &Talk, expected: String) -> Found {
    let Some(first) = talk.said.iter().find(|said| said.by_sut) else {
        return Found::inconclusive(expected, "no message of the client");
    };
    let mut wrong = Vec::new();
    let header = &first.message().header;
    if header.msg_id != "1" {
        wrong.push(format!("MsgID {}", header.msg_id));
    }
    wrong.extend(incomplete(first));
    let closed = talk
        .said
        .iter()
        .any(|said| said.by_sut && said.message().is_final);
    if !closed {
        wrong.push("no Final".to_owned());
    }
    let got = match wrong.is_empty() {
        true => "all of it".to_owned(),
        false => wrong.join(", "),
    };
    Found::decide(wrong.is_empty(), expected, got).shown_by([first.number])
}

/// What a message lacks that begins a session.
fn incomplete(said: &Said) -> Vec<String> {
    let mut wrong = Vec::new();
    let commands = &said.message().commands;
    let begins = |command: &&Command| {
        let codes = [AlertCode::SERVER_INITIATED, AlertCode::CLIENT_INITIATED];
        matches!(command, Command::Alert(alert) if codes.contains(&alert.code))
    };
    match commands.iter().filter(begins).count() {
        1 => {}
        0 => wrong.push("no alert that begins a session".to_owned()),
        many => wrong.push(format!("{many} alerts that begin a session")),
    }
    let replaced = commands.iter().filter(|c| c.name() == "Replace");
    let told: BTreeSet<&str> = replaced
        .flat_map(Command::items)
        .filter_map(|item| item.source.as_ref())
        .map(|source| source.uri.trim_start_matches("./"))
        .collect();
    for name in INFORMATION {
        if !told.contains(format!("DevInfo/{name}").as_str()) {
            wrong.push(format!("no {name}"));
        }
    }
    wrong
}

fn text(item: &Item) -> Option<&str> {
    item.data.as_ref().and_then(Data::as_text)
}

fn numbered(talk: &Talk, expected: String) -> Found {
    for said in talk.said.iter().filter(|said| said.by_sut) {
        let mut seen = BTreeSet::new();
        for command in &said.message().commands {
            let id = command.cmd_id();
            if id.is_empty() || id == "0" || !seen.insert(id) {
                let got = format!("a {} with the number {id:?}", command.name());
                return Found::decide(false, expected, got).shown_by([said.number]);
            }
        }
    }
    Found::decide(true, expected, "so it is in each message")
}

fn answered(talk: &Talk, expected: String) -> Found {
    let no = |said: &Said, got: String| {
        let (expected, number) = (expected.clone(), said.number);
        Found::decide(false, expected, got).shown_by([number])
    };
    for (place, said) in talk.said.iter().enumerate() {
        if said.by_sut {
            for status in said.statuses() {
                let theirs = talk.said[..place].iter().filter(|other| !other.by_sut);
                let mut meant = theirs.filter(|other| other.id() == status.msg_ref);
                let known = meant.any(|other| {
                    let mut commands = other.commands().into_iter();
                    status.cmd_ref == "0" && status.cmd == "SyncHdr"
                        || commands.any(|c| c.cmd_id() == status.cmd_ref && c.name() == status.cmd)
                });
                if !known {
                    let (cmd, msg, id) = (&status.cmd, &status.msg_ref, &status.cmd_ref);
                    return no(said, format!("a status of {cmd} {id} in message {msg}"));
                }
            }
            continue;
        }
        let commands = said.commands();
        let heard = talk.said[place..].iter().any(|later| later.by_sut);
        if !heard && commands.is_empty() {
            continue;
        }
        let headers = talk.verdicts_on(said).len();
        if headers != 1 {
            let got = format!("{headers} statuses for the header of message {}", said.id());
            return no(said, got);
        }
        for command in commands {
            let found = talk.statuses_of(said, command.cmd_id()).count();
            let most = command.items().len().max(1);
            if found == 0 || found > most {
                let (name, id) = (command.name(), command.cmd_id());
                return no(said, format!("{found} statuses for {name} {id}"));
            }
        }
    }
    Found::decide(true, expected, "so it is")
}

fn told(
    talk: &Talk,
    expected: String,
    (name, uri): (&str, Option<&str>),
    codes: &[StatusCode],
) -> Found {
    let Some((said, command)) = talk.command(name, uri) else {
        return Found::inconclusive(expected, format!("the server never sent the {name}"));
    };
    if let Some(number) = lacks_atomic(talk, said) {
        let got = "the client has no Atomic (406), which it need not have";
        return Found::not_applicable(expected, got).shown_by([number]);
    }
    let given: Vec<_> = talk.statuses_of(said, command.cmd_id()).collect();
    let got: Vec<StatusCode> = given.iter().map(|(_, status)| status.code).collect();
    let holds = !got.is_empty() && got.iter().all(|code| codes.contains(code));
    let numbers = given.iter().map(|(said, _)| said.number);
    Found::decide(holds, expected, words(&got))
        .shown_by(std::iter::once(said.number).chain(numbers))
}

/// The message in which the client says that it has no `Atomic`, where a message has one.
fn lacks_atomic(talk: &Talk, asked: &Said) -> Option<u64> {
    let blocks = asked.commands().into_iter();
    let mut blocks = blocks.filter(|command| matches!(command, Command::Atomic(_)));
    blocks.find_map(|block| {
        let mut given = talk.statuses_of(asked, block.cmd_id());
        let lacks = given.find(|(_, s)| s.code == StatusCode::FEATURE_NOT_SUPPORTED);
        lacks.map(|(said, _)| said.number)
    })
}

/// What is said where nothing followed.
const NO_SESSION: &str = "no session of that number";

/// The first messages of the client's sessions of this number.
fn begun<'t>(talk: &'t Talk, id: &str) -> Vec<&'t Said> {
    let mine = talk.said.iter().filter(|said| said.by_sut);
    let begins = mine.filter(|said| said.id() == "1");
    begins
        .filter(|said| said.message().header.session_id == id)
        .collect()
}

fn announced(talk: &Talk, expected: String, id: &str) -> Found {
    let begun = begun(talk, id);
    let numbers: Vec<u64> = begun.iter().map(|said| said.number).collect();
    let wanted = |said: &Said| {
        let mut commands = said.message().commands.iter();
        commands.any(|c| matches!(c, Command::Alert(a) if a.code == AlertCode::SERVER_INITIATED))
    };
    match begun.as_slice() {
        [] => Found::decide(false, expected, NO_SESSION).shown_by(talk.numbers()),
        [one] if wanted(one) => Found::decide(true, expected, "so it is").shown_by(numbers),
        [_] => Found::decide(false, expected, "one without that alert").shown_by(numbers),
        many => {
            Found::decide(false, expected, format!("{} sessions", many.len())).shown_by(numbers)
        }
    }
}

fn ignored(talk: &Talk, expected: String, id: &str, other: &str) -> Found {
    let wrong: Vec<u64> = begun(talk, id).iter().map(|said| said.number).collect();
    let right: Vec<u64> = begun(talk, other).iter().map(|said| said.number).collect();
    match (wrong.is_empty(), right.is_empty()) {
        (false, _) => Found::decide(false, expected, format!("a session {id}")).shown_by(wrong),
        (true, true) => Found::inconclusive(expected, format!("no session {other} either")),
        (true, false) => Found::decide(true, expected, "so it is").shown_by(right),
    }
}

fn redirected(scene: &Scene, talk: &Talk, expected: String, url: &str) -> Found {
    let told = talk.said.iter().find(|said| {
        let resp_uri = said.message().header.resp_uri.as_deref();
        !said.by_sut && resp_uri == Some(url)
    });
    let Some(told) = told else {
        return Found::inconclusive(expected, "the server never said so");
    };
    let mut later = scene.exchanges.range(told.number + 1..);
    let next = later.find(|(_, exchange)| exchange.from == SUT);
    match next {
        None => Found::decide(false, expected, "no message").shown_by([told.number]),
        Some((number, exchange)) => {
            let holds = exchange.url == url;
            Found::decide(holds, expected, exchange.url.clone()).shown_by([told.number, *number])
        }
    }
}

/// Results: the message that they are in, and their place there.
type Placed<'t> = (&'t Said, usize, &'t Results);

/// The results of the last reading of a node, with the messages that they are in and their places.
fn results<'t>(talk: &'t Talk, uri: &str) -> Option<(&'t Said, Vec<Placed<'t>>)> {
    let (asked, command) = talk.command("Get", Some(uri))?;
    let ours = talk.said.iter().filter(|said| said.by_sut);
    let all = ours.flat_map(|said| {
        let commands = said.message().commands.iter().enumerate();
        commands.filter_map(move |(place, c)| match c {
            Command::Results(results) => Some((said, place, results)),
            _ => None,
        })
    });
    let found = all.filter(|(_, _, results)| {
        let of_message = results.msg_ref.as_deref().is_none_or(|id| id == asked.id());
        of_message && results.cmd_ref == command.cmd_id()
    });
    Some((asked, found.collect()))
}

fn shows(talk: &Talk, expected: String, uri: &str, value: Option<&str>) -> Found {
    let Some((asked, found)) = results(talk, uri) else {
        return Found::inconclusive(expected, format!("the server never read {uri}"));
    };
    let items = found.iter().flat_map(|(_, _, results)| &results.items);
    let node = |uri: &str| uri.trim_start_matches("./").to_owned();
    let of_node = items.filter(|item| {
        let source = item.source.as_ref();
        source.is_some_and(|source| node(&source.uri) == node(uri))
    });
    let values: Vec<&str> = of_node.filter_map(text).collect();
    let holds = match (value, values.as_slice()) {
        (Some(value), [one]) => *one == value,
        (None, [one]) => !one.is_empty(),
        _ => false,
    };
    let got = match values.as_slice() {
        [] => "no value".to_owned(),
        values => format!("{values:?}"),
    };
    let numbers = found.iter().map(|(said, _, _)| said.number);
    Found::decide(holds, expected, got).shown_by(std::iter::once(asked.number).chain(numbers))
}

fn in_order(talk: &Talk, expected: String, uri: &str) -> Found {
    let Some((asked, found)) = results(talk, uri) else {
        return Found::inconclusive(expected, format!("the server never read {uri}"));
    };
    let Some((said, place, results)) = found.first() else {
        return Found::inconclusive(expected, "no results came");
    };
    let commands = said.message().commands.iter().take(*place);
    let mut before = talk
        .said
        .iter()
        .filter(|s| s.by_sut && s.number < said.number)
        .flat_map(Said::statuses)
        .chain(commands.filter_map(|command| match command {
            Command::Status(status) => Some(&**status),
            _ => None,
        }));
    let holds = before.any(|s| s.msg_ref == asked.id() && s.cmd_ref == results.cmd_ref);
    let got = match holds {
        true => "so it is",
        false => "the results came first",
    };
    Found::decide(holds, expected, got).shown_by([said.number])
}

/// The first message of the server that wants something, and the client's next.
fn wanted(talk: &Talk) -> Option<(&Said, &Said)> {
    let place = talk
        .said
        .iter()
        .position(|said| !said.by_sut && !said.commands().is_empty())?;
    let next = talk.said[place..].iter().find(|said| said.by_sut)?;
    Some((&talk.said[place], next))
}

fn unmoved(talk: &Talk, expected: String, codes: &[StatusCode]) -> Found {
    let Some((asked, answer)) = wanted(talk) else {
        return Found::inconclusive(expected, "the client did not answer what the server wanted");
    };
    let evidence = [asked.number, answer.number];
    let verdicts = talk.verdicts_on(asked);
    let challenged = talk
        .statuses_of(asked, "0")
        .any(|(_, status)| status.chal.is_some());
    let done = talk
        .said
        .iter()
        .filter(|said| said.by_sut)
        .flat_map(|said| &said.message().commands)
        .any(|command| matches!(command, Command::Results(_)));
    let believed = asked.commands().into_iter().any(|command| {
        let mut given = talk.statuses_of(asked, command.cmd_id());
        given.any(|(_, status)| status.code.is_success())
    });
    let refused = !verdicts.is_empty() && verdicts.iter().all(|code| codes.contains(code));
    let mut got = words(&verdicts);
    for (is, word) in [
        (!challenged, "no challenge"),
        (done, "results"),
        (believed, "a command done"),
    ] {
        if is {
            got = format!("{got}, {word}");
        }
    }
    let holds = refused && challenged && !done && !believed;
    Found::decide(holds, expected, got).shown_by(evidence)
}

/// The first message of the client that the server challenged, and the challenge.
fn challenged(talk: &Talk) -> Option<usize> {
    talk.said.iter().position(|said| {
        !said.by_sut
            && said.statuses().any(|status| {
                let refuses = [
                    StatusCode::INVALID_CREDENTIALS,
                    StatusCode::MISSING_CREDENTIALS,
                ];
                status.cmd_ref == "0" && refuses.contains(&status.code) && status.chal.is_some()
            })
    })
}

fn began_again(talk: &Talk, expected: String) -> Found {
    let Some(place) = challenged(talk) else {
        return Found::inconclusive(expected, "the server never challenged the client");
    };
    let challenge = &talk.said[place];
    let before = talk.said[..place].iter().rfind(|said| said.by_sut);
    let next = talk.said[place..].iter().find(|said| said.by_sut);
    let (Some(before), Some(next)) = (before, next) else {
        return Found::decide(false, expected, "nothing").shown_by([challenge.number]);
    };
    let (old, new) = (&before.message().header, &next.message().header);
    let number = |id: &str| id.parse::<u64>().ok();
    let mut wrong = incomplete(next);
    if old.session_id != new.session_id {
        wrong.push(format!("session {}", new.session_id));
    }
    if number(&new.msg_id) != number(&old.msg_id).map(|id| id + 1) {
        wrong.push(format!("MsgID {}", new.msg_id));
    }
    if new.cred.is_none() && !is_by_header(talk) {
        wrong.push("no credentials".to_owned());
    }
    let answers = next
        .statuses()
        .any(|status| status.cmd_ref == "0" && status.msg_ref == challenge.id());
    if !answers {
        wrong.push("no status of the challenging header".to_owned());
    }
    let got = match wrong.is_empty() {
        true => "all of it".to_owned(),
        false => wrong.join(", "),
    };
    Found::decide(wrong.is_empty(), expected, got).shown_by([challenge.number, next.number])
}

/// Whether the challenge asks for a digest that goes beside the message.
fn is_by_header(talk: &Talk) -> bool {
    let mut chals = talk
        .said
        .iter()
        .filter(|said| !said.by_sut)
        .flat_map(Said::statuses)
        .filter_map(|status| status.chal.as_ref());
    chals.any(|chal| chal.scheme() == Some(twinproof_dm::auth::Scheme::Mac))
}

fn proven(talk: &Talk, expected: String) -> Found {
    let mut last = talk
        .said
        .iter()
        .filter(|said| said.by_sut)
        .filter_map(|said| {
            let verdict = talk.verdicts_on(said).first().copied();
            Some((said, verdict?))
        });
    match last.next_back() {
        None => Found::inconclusive(expected, "the server said nothing of the client's header"),
        Some((said, code)) => {
            Found::decide(code.is_success(), expected, code.to_string()).shown_by([said.number])
        }
    }
}

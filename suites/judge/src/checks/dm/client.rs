//! What a client says and does in a session, in which the tester plays its server.

pub mod bootstrapped;
pub mod features;
mod large;
pub mod manners;
mod notified;
mod opening;
pub mod rights;
mod tree;
pub mod wishes;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twinproof_dm::syncml::{AlertCode, Command, Item, StatusCode};
use twinproof_evidence::Verdict;

use super::Session;
use super::talk::{Said, Talk, begun, words};
use crate::checks::Found;
use crate::scene::{SUT, Scene};
use large::{fits, holds_open, interrupted, lists, offered, takes_parts};
use notified::{NO_SESSION, announced, ignored};
use opening::{began_again, gives_up, opened, proven, proven_at_once, silent, unversed};
use tree::{in_order, names, property, shows, told, unread};

/// The leaves of the device information that each client has (DM Standardized Objects 1.2).
pub const INFORMATION: [&str; 5] = ["DevId", "Man", "Mod", "DmV", "Lang"];

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
        /// `SessionID` of one that was announced later, whose session shows that no other of the first is
        /// still to come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sibling: Option<String>,
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
    /// The last question to the user was answered by this.
    Entered {
        /// The session.
        session: Session,
        /// What the user entered, or the numbers of what the user chose.
        values: Vec<String>,
    },
    /// A client that is never believed shows its credentials no more often than this in a session.
    GivesUp {
        /// The session.
        session: Session,
        /// How often.
        most: usize,
    },
    /// Once the server has said what it takes, no message of the client is larger.
    Fits {
        /// The session.
        session: Session,
        /// What it takes, octets.
        size: usize,
    },
    /// No package of the client is closed while one of the server is open.
    HoldsOpen {
        /// The session.
        session: Session,
    },
    /// What came between the parts of a large object is answered by saying that the object has no end (1225).
    Interrupted {
        /// The session.
        session: Session,
    },
    /// A list has a node, with this value.
    Lists {
        /// The session.
        session: Session,
        /// What was read.
        list: String,
        /// The node.
        uri: String,
        /// The value.
        value: String,
    },
    /// After what was said before, the client begins a session and says something.
    LivesOn {
        /// That session.
        session: Session,
        /// Whether the client was told to begin it.
        told: bool,
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
    /// What was read of a leaf is what this property of it can be.
    Property {
        /// The session.
        session: Session,
        /// The leaf.
        uri: String,
        /// The name of the property.
        property: String,
    },
    /// What stands below an interior node was read: these names, and others perhaps. If none is given: no name.
    Names {
        /// The session.
        session: Session,
        /// The node.
        uri: String,
        /// The names.
        names: Vec<String>,
    },
    /// A command was carried out that a client need not have, or it was answered like one that it does not have.
    Offered {
        /// The session.
        session: Session,
        /// The name of the command.
        command: String,
        /// Its target.
        uri: String,
        /// The codes that say that the client does not have it.
        lacking: Vec<u16>,
        /// Codes that leave it open.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        open: Vec<u16>,
    },
    /// Each part of a large object but the last was taken as one (213).
    TakesParts {
        /// The session.
        session: Session,
        /// Where it was to go.
        uri: String,
        /// Codes that leave it open.
        open: Vec<u16>,
    },
    /// What was read comes after the status of the reading.
    ReadInOrder {
        /// The session.
        session: Session,
        /// What was read.
        uri: String,
    },
    /// A node was read, and it has this value. If none is given: the value that the first message has of it,
    /// or any but an empty one.
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
        /// Codes that leave it open.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        open: Vec<u16>,
    },
    /// A reading brought nothing.
    Unread {
        /// The session.
        session: Session,
        /// What was to be read.
        uri: String,
    },
    /// What the client reports says what it is about.
    Reported {
        /// The session.
        session: Session,
    },
    /// Nothing was done that a message of an unknown version wants.
    Unversed {
        /// The session.
        session: Session,
    },
    /// The server believed the client's first message.
    ProvenAtOnce {
        /// The sessions since.
        session: Session,
        /// `SessionID`.
        id: String,
    },
    /// After the server has ended the session (1223), the client says nothing in it.
    Silent {
        /// The session.
        session: Session,
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
                sibling,
            } => {
                let expected = format!("one session {id}, which begins with the alert 1200");
                let found = announced(&session.talks(scene), expected, id, sibling.as_deref());
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
            Self::Entered { session, values } => {
                let expected = format!("{} as the user's answer", quoted(values));
                session.with(scene, expected, |talk, expected| {
                    entered(talk, expected, values)
                })
            }
            Self::Fits { session, size } => {
                let expected = format!("messages of at most {size} octets");
                session.with(scene, expected, |talk, expected| {
                    fits(scene, talk, expected, *size)
                })
            }
            Self::GivesUp { session, most } => {
                let expected = format!("credentials at most {most} times");
                session.with(scene, expected, |talk, expected| {
                    gives_up(talk, expected, *most)
                })
            }
            Self::Names {
                session,
                uri,
                names: meant,
            } => {
                let expected = match meant.is_empty() {
                    true => format!("no name below {uri}"),
                    false => format!("{} below {uri}", meant.join(", ")),
                };
                session.with(scene, expected, |talk, expected| {
                    names(talk, expected, uri, meant)
                })
            }
            Self::Reported { session } => {
                let expected =
                    "a generic alert (1226), each item of which has the type of what it is about";
                session.with(scene, expected, reported)
            }
            Self::Unversed { session } => {
                let expected = "505 or 513 for the header, and nothing done";
                session.with(scene, expected, unversed)
            }
            Self::HoldsOpen { session } => {
                let expected = "an open package as the answer to each open one of the server";
                session.with(scene, expected, holds_open)
            }
            Self::Interrupted { session } => {
                let expected = "the alert 1225 in the answer to what came between the parts";
                session.with(scene, expected, interrupted)
            }
            Self::Lists {
                session,
                list,
                uri,
                value,
            } => {
                let expected = format!("{uri} with {value:?} in {list}");
                session.with(scene, expected, |talk, expected| {
                    lists(talk, expected, list, (uri, value))
                })
            }
            Self::Offered {
                session,
                command,
                uri,
                lacking,
                open,
            } => {
                let [lacking, open] = [lacking, open]
                    .map(|codes| codes.iter().copied().map(StatusCode).collect::<Vec<_>>());
                let expected = format!("200 to {command} of {uri}, or that there is none");
                session.with(scene, expected, |talk, expected| {
                    let asked = (command.as_str(), Some(uri.as_str()));
                    offered(talk, expected, asked, (&lacking, &open))
                })
            }
            Self::TakesParts { session, uri, open } => {
                let open: Vec<_> = open.iter().copied().map(StatusCode).collect();
                let expected = format!("213 to each part of {uri} but the last");
                session.with(scene, expected, |talk, expected| {
                    takes_parts(talk, expected, uri, &open)
                })
            }
            Self::LivesOn { session, told } => {
                let expected = "a session of the client".to_owned();
                match begun(&session.talks(scene)) {
                    Some(number) => Found::decide(true, expected, "one").shown_by([number]),
                    None if *told => {
                        let got = "none, though it was told to begin one";
                        Found::decide(false, expected, got).shown_by(session.before(scene))
                    }
                    None => {
                        let got = "none, and nobody could tell it to begin one (dm.client.start)";
                        Found::inconclusive(expected, got)
                    }
                }
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
            Self::Property {
                session,
                uri,
                property: name,
            } => {
                let expected = match name.as_str() {
                    "ACL" => "a list of rights, or an empty one".to_owned(),
                    "Format" => "the name of a format".to_owned(),
                    "Name" => "the last part of the address".to_owned(),
                    _ => "a media type".to_owned(),
                };
                let expected = format!("{expected} as {name} of {uri}");
                session.with(scene, expected, |talk, expected| {
                    property(talk, expected, uri, name)
                })
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
                ignored(&session.talks(scene), expected, id, other)
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
                open,
            } => {
                let codes: Vec<_> = codes.iter().copied().map(StatusCode).collect();
                let open: Vec<_> = open.iter().copied().map(StatusCode).collect();
                let aim = uri
                    .as_deref()
                    .map_or(String::new(), |uri| format!(" of {uri}"));
                let expected = format!("{} to {command}{aim}", words(&codes));
                session.with(scene, expected, |talk, expected| {
                    told(talk, expected, (command, uri.as_deref()), (&codes, &open))
                })
            }
            Self::Unread { session, uri } => {
                let expected = format!("no results of the reading of {uri}");
                session.with(scene, expected, |talk, expected| {
                    unread(talk, expected, uri)
                })
            }
            Self::ProvenAtOnce { session, id } => {
                let expected = format!(
                    "credentials with the nonce that both are sure to share in the first message of session {id}"
                );
                proven_at_once(&session.talks(scene), expected, id)
            }
            Self::Silent { session } => {
                let expected = "nothing of the client after the alert 1223";
                session.with(scene, expected, silent)
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

fn quoted(values: &[impl AsRef<str>]) -> String {
    let all: Vec<_> = values.iter().map(|v| format!("{:?}", v.as_ref())).collect();
    all.join(" and ")
}

fn entered(talk: &Talk, expected: String, values: &[String]) -> Found {
    let Some((asked, command)) = talk.command("Alert", None) else {
        return Found::inconclusive(expected, "the server asked nothing");
    };
    let mut told = talk.statuses_of(asked, command.cmd_id());
    let Some((said, status)) = told.next() else {
        return Found::decide(false, expected, "no status").shown_by([asked.number]);
    };
    if status.code == StatusCode::FEATURE_NOT_SUPPORTED {
        let got = "the client does not ask its user that (406)";
        return Found::inconclusive(expected, got).shown_by([said.number]);
    }
    let items = status.items.iter();
    let mut all: Vec<&str> = items
        .filter_map(|item| item.data.as_ref()?.as_text())
        .collect();
    let got = match all.as_slice() {
        [] => "nothing".to_owned(),
        all => quoted(all),
    };
    // In which order choices are told is not said.
    all.sort_unstable();
    Found::decide(all == values, expected, got).shown_by([asked.number, said.number])
}

fn reported(talk: &Talk, expected: String) -> Found {
    let ours = talk.said.iter().filter(|said| said.by_sut);
    let alerts: Vec<_> = ours
        .flat_map(|said| said.message().commands.iter().map(move |c| (said, c)))
        .filter_map(|(said, command)| match command {
            Command::Alert(alert) if alert.code == AlertCode::GENERIC => Some((said, alert)),
            _ => None,
        })
        .collect();
    if alerts.is_empty() {
        return Found::inconclusive(expected, "no generic alert (dm.client.report)");
    }
    let typed = |item: &Item| {
        let kind = item
            .meta
            .as_ref()
            .and_then(|meta| meta.media_type.as_deref());
        kind.is_some_and(|kind| !kind.trim().is_empty())
    };
    let numbers = alerts.iter().map(|(said, _)| said.number);
    let numbers: Vec<u64> = numbers.collect();
    let wrong = alerts.iter().find_map(|(_, alert)| {
        let untyped = alert.items.iter().filter(|item| !typed(item)).count();
        match (alert.items.len(), untyped) {
            (0, _) => Some("one without an item".to_owned()),
            (_, 0) => None,
            (all, untyped) => Some(format!("{untyped} of {all} items without a type")),
        }
    });
    let holds = wrong.is_none();
    let got = wrong.unwrap_or_else(|| "so it is".to_owned());
    Found::decide(holds, expected, got).shown_by(numbers)
}

/// Whether each command of the system under test has a number that no other of its message has.
pub(super) fn numbered(talk: &Talk, expected: String) -> Found {
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

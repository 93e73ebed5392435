//! What a client makes of a bootstrap, and of the addresses of bootstrap servers.

use serde::{Deserialize, Serialize};
use twinproof_evidence::Verdict;
use twinproof_evidence::record::Turn;

use super::super::Session;
use super::super::talk::{Talk, begun};
use super::opening::proven;
use crate::checks::Found;
use crate::scene::{Exchange, SUT, Scene};

/// What a fail rests on, of all that no public text says.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// How an address is pushed.
    Address,
    /// How a bootstrap demands a session.
    Connect,
    /// The switch of discovery.
    Discovery,
    /// Where addresses of bootstrap servers stand.
    Object,
    /// The switch of pushes, and how an address is pushed.
    Push,
    /// Nothing of that.
    Text,
}

impl Basis {
    const fn knobs(self) -> &'static [&'static str] {
        match self {
            Self::Address => &["dm.client.bootstrap.names.address_type"],
            Self::Connect => &["dm.client.bootstrap.names.connect"],
            Self::Discovery => &[
                "dm.client.bootstrap.names.object",
                "dm.client.bootstrap.names.discovery",
            ],
            Self::Object => &[
                "dm.client.bootstrap.names.object",
                "dm.client.bootstrap.names.servers",
                "dm.client.bootstrap.names.url",
            ],
            Self::Push => &[
                "dm.client.bootstrap.names.object",
                "dm.client.bootstrap.names.push",
                "dm.client.bootstrap.names.address_type",
            ],
            Self::Text => &[],
        }
    }
}

/// A document of a bootstrap server that the tester plays.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fetch {
    /// The simulated bootstrap server.
    pub party: String,
    /// The path of the document.
    pub path: String,
    /// The last number before it was to be fetched.
    pub after: u64,
}

/// A check and its arguments. A [`Session`] is what was said to a server that the client had no account of, from when
/// the account was to be brought.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// Asked again for a document that it has, the client names the document that it has, if it names one.
    AskedAgain {
        /// The second fetch.
        fetch: Fetch,
        /// The entity tag of the document.
        tag: String,
    },
    /// The client says nothing to a server, because somebody showed it a bad certificate on the way there, and comes
    /// to another one, where everything is as it has to be.
    Distrusted {
        /// What was said to the server.
        session: Session,
        /// Who showed the certificate: the server itself, or who gave the client the account of it.
        by: String,
        /// What it was, in words.
        shown: String,
        /// What was said to the other server.
        other: Session,
    },
    /// The client fetched a document.
    Fetched {
        /// The fetch.
        fetch: Fetch,
        /// What a fail rests on.
        basis: Basis,
    },
    /// The client came to the server of the account that it was given, and the server believed it.
    Joined {
        /// What was said to that server.
        session: Session,
        /// Whether the client was told to begin a session, or has to begin one by itself.
        told: bool,
        /// What a fail rests on.
        basis: Basis,
    },
    /// The client did not fetch one document, and fetched another that was to be fetched after it.
    NotFetched {
        /// What was not to be fetched.
        fetch: Fetch,
        /// What was.
        other: Fetch,
        /// What a fail rests on.
        basis: Basis,
    },
    /// The client did not come to the server of an account that it had to refuse, and came to that of one that was
    /// brought after it.
    Refused {
        /// What was said to the one server.
        session: Session,
        /// What was said to the other.
        other: Session,
    },
}

impl Check {
    pub(in crate::checks::dm) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::AskedAgain { fetch, tag } => {
                let expected = format!("a question whether {} has changed from {tag}", fetch.path);
                asked_again(fetch.first(scene), expected, tag)
            }
            Self::Distrusted {
                session,
                by,
                shown,
                other,
            } => {
                let found = distrusted(session, (by, shown), other, scene);
                // Whether a client in a device is one that may go on is open only where it speaks to who shows it.
                match *by == session.party {
                    true => found.under(&["DM-D27"]),
                    false => found.shown_by(brought(session, scene)),
                }
            }
            Self::Fetched { fetch, basis } => {
                let expected = format!("a GET of {}", fetch.path);
                let found = match fetch.first(scene) {
                    Some(exchange) => {
                        Found::decide(true, expected, "so it is").shown_by([exchange.number])
                    }
                    None => Found::decide(false, expected, "none").shown_by(fetch.before(scene)),
                };
                found.relying_on(basis.knobs())
            }
            Self::Joined {
                session,
                told,
                basis,
            } => {
                let expected =
                    "a session with the server of the account, which believes the client";
                let talks = session.talks(scene);
                joined(&talks, expected.to_owned(), *told)
                    .shown_by(brought(session, scene))
                    .relying_on(basis.knobs())
            }
            Self::NotFetched {
                fetch,
                other,
                basis,
            } => {
                let (path, next) = (&fetch.path, &other.path);
                let expected = format!("no GET of {path}, and one of {next} after it");
                let found = match (fetch.first(scene), other.first(scene)) {
                    (Some(exchange), _) => {
                        let got = format!("a GET of {path}");
                        Found::decide(false, expected, got).shown_by([exchange.number])
                    }
                    (None, None) => Found::inconclusive(expected, "neither"),
                    (None, Some(exchange)) => {
                        Found::decide(true, expected, "so it is").shown_by([exchange.number])
                    }
                };
                found.relying_on(basis.knobs())
            }
            Self::Refused { session, other } => {
                let expected =
                    "no session with the server of what was to be refused, and one with \
                                the server of what came after it"
                        .to_owned();
                let (wrong, right) = (session.talks(scene), other.talks(scene));
                match (begun(&wrong), begun(&right)) {
                    (Some(number), _) => {
                        let got = "a session with the server of what was to be refused";
                        Found::decide(false, expected, got).shown_by([number])
                    }
                    (None, None) => Found::inconclusive(expected, "neither"),
                    (None, Some(number)) => {
                        Found::decide(true, expected, "so it is").shown_by([number])
                    }
                }
                .shown_by(brought(session, scene))
            }
        }
    }
}

impl Fetch {
    /// The first time that the system under test asked for it.
    fn first<'s>(&self, scene: &'s Scene) -> Option<&'s Exchange> {
        let mut later = scene.exchanges.range(self.after + 1..);
        let found = later.find(|(_, exchange)| {
            exchange.from == SUT
                && exchange.to == self.party
                && exchange.method == "GET"
                && exchange.url.ends_with(&self.path)
        });
        found.map(|(_, exchange)| exchange)
    }

    /// The last exchange before it was to be fetched.
    fn before(&self, scene: &Scene) -> Option<u64> {
        let mut before = scene.exchanges.range(..=self.after);
        before.next_back().map(|(number, _)| *number)
    }
}

/// The exchanges that were to bring the account: pushes, and what was fetched.
fn brought(session: &Session, scene: &Scene) -> Vec<u64> {
    let upto = session.upto.unwrap_or(u64::MAX);
    let span = scene.exchanges.range(session.after + 1..=upto);
    let is = |exchange: &Exchange| exchange.to == SUT || exchange.method == "GET";
    let numbers = span.filter(|(_, exchange)| is(exchange));
    numbers.map(|(number, _)| *number).collect()
}

fn joined(talks: &[Talk], expected: String, told: bool) -> Found {
    if begun(talks).is_none() {
        return match told {
            true => Found::decide(false, expected, "no session"),
            false => {
                let got = "none, and nobody could tell the client to begin one (dm.client.start)";
                Found::inconclusive(expected, got)
            }
        };
    }
    let mut found: Vec<Found> = talks
        .iter()
        .map(|talk| proven(talk, expected.clone()))
        .collect();
    let place = found
        .iter()
        .position(|found| found.verdict == Verdict::Pass)
        .unwrap_or_default();
    found.swap_remove(place)
}

fn distrusted(
    session: &Session,
    (by, shown): (&str, &str),
    other: &Session,
    scene: &Scene,
) -> Found {
    let party = &session.party;
    let expected = format!(
        "nothing said to the {party}, as the {by} shows {shown}, and a session with the {}",
        other.party
    );
    let mut later = scene.exchanges.range(session.after + 1..);
    let said = later.find(|(_, exchange)| exchange.from == SUT && exchange.to == *party);
    let mut turns = scene.associations.iter();
    let met = turns.find(|turn| {
        let begun = matches!(turn.turn, Turn::Begun { .. });
        turn.stream && begun && turn.party == by && turn.number > session.after
    });
    let right = other.talks(scene);
    match (said, met, begun(&right)) {
        (Some((number, exchange)), _, _) => {
            let got = format!("{} {}", exchange.method, exchange.url);
            Found::decide(false, expected, got).shown_by([*number])
        }
        (None, None, _) => {
            let got = format!("the client never came to the {by}, and saw no certificate");
            Found::inconclusive(expected, got)
        }
        (None, Some(turn), None) => {
            let got = "neither; does the client trust the tester's authority, know TLS 1.2, and take \
                       such an account?";
            Found::inconclusive(expected, got).shown_by([turn.number])
        }
        (None, Some(turn), Some(number)) => {
            Found::decide(true, expected, "so it is").shown_by([turn.number, number])
        }
    }
}

fn asked_again(exchange: Option<&Exchange>, expected: String, tag: &str) -> Found {
    let Some(exchange) = exchange else {
        return Found::inconclusive(expected, "it was not asked for again");
    };
    let mut headers = exchange.headers.iter();
    let given = headers.find(|(name, _)| name.eq_ignore_ascii_case("If-None-Match"));
    let found = match given {
        Some((_, given)) => {
            let mut named = given.split(',').map(str::trim);
            let holds = named.any(|named| named.trim_start_matches("W/") == tag);
            Found::decide(holds, expected, given.clone())
        }
        // RD DM 1.3, B.1, lets a client look whether there is a new one.
        None => Found::not_applicable(expected, "all of it was asked for, which is free"),
    };
    found.shown_by([exchange.number])
}

//! Checks on gateways: what they say to their server, and what happens meanwhile on the side of their
//! devices.

mod accounts;
mod aggregate;
mod foreign;
mod fresh;
mod inventory;
mod secrecy;
pub mod server;
mod sides;

use serde::{Deserialize, Serialize};
use twinproof_dm::syncml::{Command, Data, StatusCode};
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::Protocol;

use super::Found;
use super::dm::Session;
use super::dm::talk::{Said, Talk, words};
use crate::scene::Scene;

pub use aggregate::{Expected, Kept, Outcome};
pub use foreign::Wanted;
pub use inventory::Listed;

/// The knob by which nodes are found.
const NAMES: &str = "gwmo.names";

/// The knob by which the results of a fan-out are found.
const RESULTS: &str = "gwmo.results";

/// The knob by which a device is named in the header of a push.
const NAMED: &str = "gwmo.named";

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A device of another protocol was asked for these things, in this order, once, and in its own.
    Adapted {
        /// What came to the device.
        session: Session,
        /// What it speaks.
        protocol: Protocol,
        /// What it was to be asked for.
        wanted: Vec<Wanted>,
    },
    /// A fan-out was reported once, with each of its devices once, and no other.
    Aggregated {
        /// What was said to the server meanwhile.
        session: Session,
        /// What the start of the fan-out said that reports are about.
        correlator: String,
        /// The devices.
        devices: Vec<Expected>,
        /// Where the results were read, if they are in the tree.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<Kept>,
    },
    /// A command of the server was answered with one of these codes.
    Answered {
        /// The session.
        session: Session,
        /// The element name of the command.
        command: String,
        /// Its target.
        uri: String,
        /// The codes.
        codes: Vec<u16>,
    },
    /// A command for a group of devices takes one authentication towards the server, and each of them is told it.
    AuthenticatedOnce {
        /// What was said to the server, from when the command was to be given on.
        session: Session,
        /// The devices.
        devices: Vec<String>,
    },
    /// A device without an account was brought one, protected by its key.
    Bootstrapped {
        /// What came to the device.
        session: Session,
        /// Whose account: the identifier of the server.
        server_id: String,
    },
    /// These octets were brought to a device, once, and nothing else.
    Brought {
        /// What came to the device.
        session: Session,
        /// The octets, in Base64.
        octets: String,
    },
    /// A device was told these commands, in this order, once.
    Carried {
        /// What was said to the device.
        session: Session,
        /// The node that this is about: what else a gateway says to its devices is its own business.
        uri: String,
        /// The commands: element names, and the value that goes with each.
        commands: Vec<(String, Option<String>)>,
    },
    /// No secret that a gateway shares with those above it is in what devices are told, nor who they are.
    Confined {
        /// What came to each device.
        sessions: Vec<Session>,
        /// The secrets, by the pseudonyms that they have in records.
        #[serde(default)]
        secrets: Vec<String>,
        /// What would tell who is above: identifiers and addresses.
        above: Vec<String>,
    },
    /// A value was read, and is another one than this; or what would have led to it was refused at once.
    Denied {
        /// The session.
        session: Session,
        /// What was started: the target of an `Exec`.
        #[serde(default)]
        start: String,
        /// What was read.
        uri: String,
        /// The value.
        value: String,
    },
    /// A device was not told of those whom it does not know.
    Discreet {
        /// What came to the device.
        session: Session,
        /// What would tell it: identifiers and addresses.
        of: Vec<String>,
    },
    /// Nothing is said to a server that shows a bad certificate, and something to the same with a good one.
    Distrusted {
        /// What was said to the server that shows the bad one.
        session: Session,
        /// What it was, in words.
        shown: String,
        /// What was said to it once it showed the good one.
        other: Session,
    },
    /// Several devices need something, and somebody was asked for it so often.
    Economical {
        /// Who, and when.
        session: Session,
        /// How often.
        times: usize,
    },
    /// Somebody was asked so often for what it has.
    Fetched {
        /// Who, and when.
        session: Session,
        /// How often.
        times: usize,
    },
    /// The inventory has these devices, each once.
    Listed {
        /// The session in which it was read.
        session: Session,
        /// Where records are.
        records: String,
        /// The leaf with the device.
        device: String,
        /// The leaf with its status.
        status: String,
        /// The devices.
        devices: Vec<Listed>,
    },
    /// The record of a device says where it is, and who is told so reaches it there.
    Located {
        /// The session in which the record was read.
        session: Session,
        /// Where records are.
        records: String,
        /// The leaf with the device, and the device.
        device: (String, String),
        /// The leaf with the address, and the host and the port that it leads to.
        address: (String, String),
        /// Whose session with the server began there: the name of the device.
        reached: String,
    },
    /// A device was brought a notification with the octets that the server sent.
    Relayed {
        /// What came to the device.
        session: Session,
        /// Who sent it.
        server: String,
    },
    /// The server was told something so often.
    Reported {
        /// What was said to the server.
        session: Session,
        /// What.
        report: Report,
        /// How often.
        times: usize,
        /// Of a device that was announced before: whether it is new again is nowhere said.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// What is said to a server over TLS is said there alone, and nothing of it in the clear.
    Secured {
        /// What was said to the server.
        session: Session,
        /// What tells it apart.
        of: String,
    },
    /// What a device fetched is what the origin has.
    Served {
        /// Who fetched it, and when.
        session: Session,
        /// Who has it.
        origin: String,
    },
    /// A device has sessions with somebody alone, and is believed there.
    Settled {
        /// The device, and when.
        session: Session,
        /// With whom.
        with: String,
    },
    /// A device and the server were told things by the system under test, and nothing passed between the two.
    Shielded {
        /// What came to the device, and from it.
        session: Session,
        /// The server.
        server: String,
        /// How the server calls itself, where devices know the system under test by another name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server_id: Option<String>,
    },
    /// All that was said to the server was said by one account.
    OneAccount {
        /// What was said to the server.
        session: Session,
    },
    /// A value was read, and is this.
    Shows {
        /// The session.
        session: Session,
        /// What was read.
        uri: String,
        /// The value.
        value: String,
    },
    /// Nothing came to a device.
    Spared {
        /// What came to it.
        session: Session,
    },
    /// Nothing came to a device of a notification that was not to be passed on, and that which was.
    Unrelayed {
        /// What came to it.
        session: Session,
        /// Who sent last the one that was.
        #[serde(default)]
        server: String,
    },
    /// The server was told what a device has said, and in nothing that it was told is what that was changed into later.
    Unsaid {
        /// What was said to the server.
        session: Session,
        /// What the device has said.
        said: String,
        /// What it was changed into.
        text: String,
    },
    /// The summary of the inventory says what its records say, and those are of these devices at least.
    Summed {
        /// The session in which it was read.
        session: Session,
        /// Where the number of devices is.
        total: String,
        /// Where the number of attached ones is.
        attached: String,
        /// What stands in the record of an attached one.
        means: String,
        /// Where records are.
        records: String,
        /// The leaf with the device.
        device: String,
        /// The leaf with its status.
        status: String,
        /// The devices.
        devices: Vec<Listed>,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Adapted {
                session,
                protocol,
                wanted,
            } => foreign::adapted(scene, session, *protocol, wanted),
            Self::Aggregated {
                session,
                correlator,
                devices,
                kept,
            } => {
                let expected = format!(
                    "one report about {correlator} with {}",
                    aggregate::words(devices)
                );
                with(session, scene, expected, |talk, expected| {
                    aggregate::aggregated(talk, expected, correlator, (devices, kept.as_ref()))
                })
            }
            Self::Answered {
                session,
                command,
                uri,
                codes,
            } => {
                let codes: Vec<StatusCode> = codes.iter().copied().map(StatusCode).collect();
                let expected = format!("{} for {command} {uri}", words(&codes));
                with(session, scene, expected, |talks, expected| {
                    let each = talks.iter();
                    let got: Vec<_> = each
                        .flat_map(|talk| talk.codes_of(command, Some(uri)))
                        .collect();
                    let right = !got.is_empty() && got.iter().all(|code| codes.contains(code));
                    Found::decide(right, expected, words(&got)).relying_on(&[NAMES])
                })
            }
            Self::AuthenticatedOnce { session, devices } => {
                secrecy::authenticated_once(scene, session, devices)
            }
            Self::Bootstrapped { session, server_id } => {
                fresh::bootstrapped(scene, session, server_id)
            }
            Self::Brought { session, octets } => sides::brought(scene, session, octets),
            Self::Carried {
                session,
                uri,
                commands,
            } => sides::carried(&session.talks(scene), uri, commands),
            Self::Confined {
                sessions,
                secrets,
                above,
            } => secrecy::confined(scene, sessions, secrets, above),
            Self::Denied {
                session,
                start,
                uri,
                value,
            } => {
                let expected = format!("another value than {value:?} at {uri}");
                with(session, scene, expected, |talks, expected| {
                    let each = talks.iter();
                    let codes = each.flat_map(|talk| talk.codes_of("Exec", Some(start)));
                    if let Some(refused) = codes.into_iter().find(|code| code.0 >= 400) {
                        let got = format!("{} for Exec {start}", refused.0);
                        return Found::decide(true, expected, got);
                    }
                    let shown = inventory::values(talks);
                    match shown.iter().rfind(|(at, _)| at == uri) {
                        // What is not there says nothing.
                        None => Found::inconclusive(expected, "nothing (gwmo.names)"),
                        Some((_, got)) => Found::decide(got != value, expected, format!("{got:?}"))
                            .relying_on(&[NAMES]),
                    }
                })
            }
            Self::Discreet { session, of } => sides::discreet(scene, session, of),
            Self::Distrusted {
                session,
                shown,
                other,
            } => secrecy::distrusted(scene, session, shown, other),
            Self::Economical { session, times } => {
                sides::fetched(scene, session, *times).under(&["GW-D26"])
            }
            Self::Fetched { session, times } => sides::fetched(scene, session, *times),
            Self::Listed {
                session,
                records,
                device,
                status,
                devices,
            } => {
                let expected = inventory::words(devices);
                with(session, scene, expected, |talk, expected| {
                    inventory::listed(talk, expected, (records, device, status), devices)
                })
            }
            Self::Located {
                session,
                records,
                device,
                address,
                reached,
            } => {
                let expected = format!("{} at {}, and reached there", device.1, address.1);
                let met = inventory::met(scene, session, reached);
                with(session, scene, expected, |talks, expected| {
                    inventory::located(talks, expected, records, (device, address), met)
                })
            }
            Self::OneAccount { session } => {
                let expected = "one account for all that the gateway says".to_owned();
                with(session, scene, expected, accounts::one_account)
            }
            Self::Relayed { session, server } => sides::relayed(scene, session, server),
            Self::Reported {
                session,
                report,
                times,
                again,
            } => {
                let expected = format!("{times} reports of the type {}", report.text());
                let found = with(session, scene, expected, |talk, expected| {
                    reported(talk, expected, *report, *times)
                });
                match again {
                    true => found.under(&["GW-D22"]),
                    false => found,
                }
            }
            Self::Secured { session, of } => secrecy::secured(scene, session, of),
            Self::Served { session, origin } => sides::served(scene, session, origin),
            Self::Settled { session, with } => fresh::settled(scene, session, with),
            Self::Shielded {
                session,
                server,
                server_id,
            } => sides::shielded(scene, session, server, server_id.as_deref()),
            Self::Shows {
                session,
                uri,
                value,
            } => {
                let expected = format!("{value:?} at {uri}");
                with(session, scene, expected, |talk, expected| {
                    let shown = inventory::values(talk);
                    let got = shown.iter().rfind(|(at, _)| at == uri);
                    let words = got.map_or("nothing".to_owned(), |(_, value)| format!("{value:?}"));
                    Found::decide(got.is_some_and(|(_, got)| got == value), expected, words)
                        .relying_on(&[NAMES])
                })
            }
            Self::Spared { session } => sides::spared(scene, session),
            // That a gateway looks at them is said in an informative use case.
            Self::Unsaid {
                session,
                said,
                text,
            } => {
                let expected = format!("results with {said:?}, and none with {text:?}");
                with(session, scene, expected, |talks, expected| {
                    unsaid(talks, expected, (said, text))
                })
            }
            Self::Unrelayed { session, server } => {
                sides::unrelayed(scene, session, server).under(&["GW-D21"])
            }
            Self::Summed {
                session,
                total,
                attached,
                means,
                records,
                device,
                status,
                devices,
            } => {
                let expected = format!(
                    "a summary of its records, and {}",
                    inventory::words(devices)
                );
                with(session, scene, expected, |talks, expected| {
                    let leaves = (records.as_str(), device.as_str(), status.as_str());
                    let numbers = [total.as_str(), attached.as_str()];
                    inventory::summed(talks, expected, leaves, (numbers, means), devices)
                })
            }
        }
    }
}

/// Looks at what was said, where the system under test said anything. What answers a notification is no message.
fn with(
    session: &Session,
    scene: &Scene,
    expected: String,
    look: impl FnOnce(&[Talk], String) -> Found,
) -> Found {
    let talks = session.talks(scene);
    if !said(&talks).any(|said| said.by_sut) {
        return Found::inconclusive(expected, "no message of the system under test");
    }
    let found = look(&talks, expected);
    match found.evidence.is_empty() {
        true => found.shown_by(talks.iter().flat_map(Talk::numbers)),
        false => found,
    }
}

/// What the system under test reported in messages whose header the server accepted: the exchange, what,
/// about which `Exec`, and the value.
struct Heard {
    number: u64,
    report: Report,
    correlator: Option<String>,
    value: String,
}

/// All messages of some sessions.
fn said(talks: &[Talk]) -> impl Iterator<Item = &Said> {
    talks.iter().flat_map(|talk| &talk.said)
}

/// What the system under test said and was believed.
fn believed(talks: &[Talk]) -> impl Iterator<Item = &Said> {
    talks.iter().flat_map(|talk| {
        let own = talk.said.iter().filter(|said| said.by_sut);
        own.filter(|said| talk.believed(said))
    })
}

fn heard(talks: &[Talk]) -> Vec<Heard> {
    let mut heard = Vec::new();
    for said in believed(talks) {
        for command in &said.message().commands {
            let Command::Alert(alert) = command else {
                continue;
            };
            for item in &alert.items {
                let kind = item
                    .meta
                    .as_ref()
                    .and_then(|meta| meta.media_type.as_deref());
                let Some(report) = kind.and_then(Report::of) else {
                    continue;
                };
                heard.push(Heard {
                    number: said.number,
                    report,
                    correlator: alert.correlator.clone(),
                    value: item
                        .data
                        .as_ref()
                        .and_then(Data::as_text)
                        .unwrap_or_default()
                        .to_owned(),
                });
            }
        }
    }
    heard
}

fn unsaid(talks: &[Talk], expected: String, (said, text): (&str, &str)) -> Found {
    let mut reports = heard(talks);
    reports.retain(|heard| heard.report == Report::Results);
    let numbers: Vec<u64> = reports.iter().map(|heard| heard.number).collect();
    let read = inventory::values(talks);
    let told = reports.iter().map(|heard| heard.value.as_str());
    let told = told.chain(read.iter().map(|(_, value)| value.as_str()));
    let found = |text: &str| told.clone().find(|value| value.contains(text));
    match (found(text), found(said)) {
        (Some(value), _) => Found::decide(false, expected, format!("{value:?}")).shown_by(numbers),
        (None, Some(_)) => Found::decide(true, expected, "so it is").shown_by(numbers),
        // Who tells nothing that devices say has told nothing that was changed, either.
        (None, None) => {
            Found::inconclusive(expected, "neither the one nor the other").shown_by(numbers)
        }
    }
}

fn reported(talks: &[Talk], expected: String, report: Report, times: usize) -> Found {
    let mut all = heard(talks);
    all.retain(|heard| heard.report == report);
    let numbers: Vec<u64> = all.iter().map(|heard| heard.number).collect();
    Found::decide(
        all.len() == times,
        expected,
        format!("{} of them", all.len()),
    )
    .shown_by(numbers)
    .relying_on(&[NAMES])
}

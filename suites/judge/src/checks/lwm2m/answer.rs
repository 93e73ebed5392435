//! How a device was answered.

use serde::{Deserialize, Serialize};
use twinproof_coap::{Code, Packet, option};
use twinproof_evidence::Verdict;

use super::{Act, came, coded};
use crate::checks::Found;
use crate::scene::{Datagram, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A registration was confirmed, and the answer says where it is.
    Registered {
        /// The registration.
        act: Act,
    },
    /// A registration was confirmed by the server that stands at this address, which a person knows.
    Placed {
        /// The registration.
        act: Act,
        /// The server's address, as the profile says it.
        server: String,
    },
    /// A registration that does not say its life time was confirmed; that it is refused is disputable.
    DefaultTaken {
        /// The registration.
        act: Act,
    },
    /// The request was answered with this code of success.
    Confirmed {
        /// The request.
        act: Act,
        /// The code: `2.04`.
        code: String,
    },
    /// The request was refused with this code, which the text names. Another error, or silence, is not
    /// what it says; whether that is wrong is disputable.
    RefusedWith {
        /// The request.
        act: Act,
        /// The code: `4.04`.
        code: String,
    },
    /// Who was registered is still known: of these parties, each whose registration was confirmed has its
    /// update confirmed, and each other was told to come later.
    StillKnown {
        /// The parties.
        parties: Vec<String>,
        /// Their registrations: the last number before them, and the last that belongs to them.
        registered: (u64, u64),
        /// Their updates, likewise.
        updated: (u64, u64),
    },
    /// The request, of somebody whom the client knows, was refused with an error. That silence is none is our
    /// own judgement.
    Denied {
        /// The request.
        act: Act,
    },
    /// The request was refused: by any error, or by silence.
    Refused {
        /// The request.
        act: Act,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Registered { act } => act.with(scene, |request, answer| {
                let expected = "2.01 Created with the location of the registration";
                registered(expected.to_owned(), request, answer)
            }),
            // Whose domain that is, and which part it plays there, the person says.
            Self::Placed { act, server } => act.with(scene, |request, answer| {
                let expected = format!("2.01 Created with a location, from the server at {server}");
                registered(expected, request, answer).advisory()
            }),
            Self::DefaultTaken { act } => act.with(scene, |request, answer| {
                let expected = "2.01 Created, since a life time that is not said is a day";
                let code = answer.map(|packet| packet.code());
                let got = came(request, answer.as_ref());
                let found = Found::decide(code == Some(Code::CREATED), expected, got);
                match code {
                    Some(Code::BAD_REQUEST) => Found {
                        verdict: Verdict::Warning,
                        ..found
                    },
                    _ => found,
                }
            }),
            Self::Confirmed { act, code } => act.with(scene, |request, answer| {
                let right = answer.is_some_and(|packet| Some(packet.code()) == coded(code));
                Found::decide(right, code.as_str(), came(request, answer.as_ref()))
            }),
            Self::RefusedWith { act, code } => act.with(scene, |request, answer| {
                let got = came(request, answer.as_ref());
                let Some(packet) = answer else {
                    return Found::decide(false, code.as_str(), got).under(&["LW-D10"]);
                };
                let right = Some(packet.code()) == coded(code);
                let found = Found::decide(right, code.as_str(), got);
                match packet.code().is_error() && !right {
                    true => found.under(&["LW-D10"]),
                    false => found,
                }
            }),
            Self::StillKnown {
                parties,
                registered,
                updated,
            } => still_known(scene, parties, (*registered, *updated)),
            Self::Denied { act } => act.with(scene, |request, answer| {
                let class = answer.map(|packet| packet.code().class_digit());
                let got = came(request, answer.as_ref());
                let found = Found::decide(class == Some(4), "an error of the client's (4.xx)", got);
                match class {
                    Some(2 | 3) => found,
                    _ => found.under(&["LW-D10"]),
                }
            }),
            Self::Refused { act } => act.with(scene, |request, answer| {
                let refused = answer.is_none_or(|packet| packet.code().is_error());
                let found = Found::decide(
                    refused,
                    "an error or silence",
                    came(request, answer.as_ref()),
                );
                match (refused, answer) {
                    // A fault of the server is no refusal that a device can learn from.
                    (true, Some(packet)) if packet.code().class_digit() == 5 => Found {
                        verdict: Verdict::Warning,
                        ..found
                    },
                    _ => found,
                }
            }),
        }
    }
}

fn registered(expected: String, request: &Datagram, answer: Option<Packet<'_>>) -> Found {
    let Some(packet) = answer else {
        return Found::decide(false, expected, came(request, None));
    };
    let located = packet.value(option::LOCATION_PATH).is_some();
    let mut got = came(request, Some(&packet));
    if !located {
        got.push_str(", without a location");
    }
    Found::decide(packet.code() == Code::CREATED && located, expected, got)
}

fn still_known(
    scene: &Scene,
    parties: &[String],
    (registered, updated): ((u64, u64), (u64, u64)),
) -> Found {
    let expected = "each registration confirmed and kept, or refused with 5.03 or 4.29";
    let answer = |party: &str, (after, upto)| {
        let request = scene.request(party, (after, upto))?;
        let answer = scene.answer(request);
        Some((
            request,
            answer
                .and_then(Datagram::packet)
                .map(|packet| packet.code()),
        ))
    };
    let (mut kept, mut later) = (0, 0);
    let mut wrong = Vec::new();
    for party in parties {
        let Some((request, code)) = answer(party, registered) else {
            return Found::broken(expected, format!("no registration of {party} was recorded"));
        };
        match code {
            Some(Code::CREATED) => {}
            Some(Code::SERVICE_UNAVAILABLE | Code::TOO_MANY_REQUESTS) => {
                later += 1;
                continue;
            }
            _ => {
                wrong.push(request.number);
                continue;
            }
        }
        match answer(party, updated) {
            Some((_, Some(Code::CHANGED))) => kept += 1,
            Some((request, _)) => wrong.push(request.number),
            None => wrong.push(request.number),
        }
    }
    let count = parties.len();
    let got = format!(
        "{kept} of {count} kept, {later} told to come later, {} lost",
        wrong.len()
    );
    Found::decide(wrong.is_empty() && kept > 0, expected, got).shown_by(wrong)
}

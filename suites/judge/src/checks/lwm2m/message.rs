//! How the message layer takes what it is given: broken datagrams, copies, and the question whether
//! anybody is there.

use serde::{Deserialize, Serialize};
use twinproof_coap::{Class, Code, Header, Type, option};
use twinproof_lwm2m::upper::Answer;

use super::Act;
use crate::checks::Found;
use crate::scene::{Datagram, SUT, Scene};

/// A check and its arguments. An act is a datagram that the device sent octet by octet.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A copy was answered as what it is a copy of, and with nothing else. Only recommended, and lawfully
    /// relaxed where doing it again does no harm (RFC 7252 §4.5).
    Alike {
        /// The copy.
        act: Act,
    },
    /// Each of several requests was answered with a success, in whatever order they came. That one is
    /// refused aloud may be disputed; silence may not.
    EachTaken {
        /// The requests.
        act: Act,
    },
    /// Nothing came back: what has another version, or is no confirmable message, is ignored in silence.
    /// A Reset for what is too short to have a message id is wrong in one reading only.
    Ignored {
        /// The datagram.
        act: Act,
    },
    /// A Reset came back: to what says nothing, there is no other answer.
    Ponged {
        /// The question, which may have been asked several times.
        act: Act,
    },
    /// A Reset came back, and the datagram was not taken for a message. Silence, or an error, is not
    /// what the text says; whether that is wrong is disputable.
    Reset {
        /// The datagram.
        act: Act,
    },
    /// The operation came to an error.
    Untold {
        /// The operation.
        operated: u64,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Alike { act } => with(act, scene, |sent| alike(scene, sent[0])),
            Self::EachTaken { act } => with(act, scene, |sent| each_taken(scene, sent)),
            Self::Ignored { act } => with(act, scene, |sent| {
                let came = replies(scene, sent[0]);
                let found = Found::decide(came.is_empty(), "silence", told(&came));
                let found = found.shown_by(numbers(&came));
                // To reject by a Reset is lawful; what has no message id has none that matches.
                let nameless = Header::peek(&sent[0].bytes).is_none();
                match nameless && !came.is_empty() && came.iter().all(|reply| is_reset(reply)) {
                    true => found.under(&["LW-D34"]),
                    false => found,
                }
            }),
            Self::Ponged { act } => with(act, scene, |sent| {
                let came: Vec<_> = sent.iter().flat_map(|one| replies(scene, one)).collect();
                let resets = came.iter().filter(|reply| is_reset(reply)).count();
                let holds = resets > 0 && resets == came.len();
                Found::decide(holds, "a Reset", told(&came)).shown_by(numbers(&came))
            }),
            Self::Reset { act } => with(act, scene, |sent| rejected(scene, sent[0])),
            Self::Untold { operated } => {
                let Some(seen) = scene.operated.get(operated) else {
                    let expected = format!("operation {operated}");
                    return Found::broken(expected, "it was not recorded");
                };
                let failed = match &seen.answer {
                    Answer::Refused(_) | Answer::Timeout => true,
                    Answer::Reply(reply) => reply.code.is_error(),
                    Answer::Unsupported(why) => {
                        return Found::inconclusive("an error", why.as_str()).shown_by([*operated]);
                    }
                    _ => false,
                };
                let got = format!("{:?}", seen.answer);
                Found::decide(failed, "an error", got).shown_by([*operated])
            }
        }
    }
}

/// Looks at what the device sent in an act.
fn with(act: &Act, scene: &Scene, look: impl FnOnce(&[&Datagram]) -> Found) -> Found {
    let within = scene.datagrams.iter().filter(|datagram| {
        (act.after + 1..=act.upto).contains(&datagram.number)
            && datagram.from == act.party
            && datagram.to == SUT
    });
    let sent: Vec<_> = within.collect();
    let Some(first) = sent.first().map(|datagram| datagram.number) else {
        let expected = format!("a datagram of {}", act.party);
        return Found::broken(expected, "none was recorded");
    };
    // Who never says anything may not be there at all.
    if !scene.datagrams.iter().any(|datagram| datagram.from == SUT) {
        let expected = "an answer of any kind in this scenario";
        return Found::inconclusive(expected, "nothing at all").shown_by([first]);
    }
    let found = look(&sent);
    let evidence = std::iter::once(first).chain(found.evidence.clone());
    Found {
        evidence: evidence.collect(),
        ..found
    }
}

/// What came back for a datagram: under its message id, or under its token, as far as it has one.
fn replies<'s>(scene: &'s Scene, sent: &Datagram) -> Vec<&'s Datagram> {
    let header = Header::peek(&sent.bytes);
    let token = sent.bytes.get(4..).unwrap_or_default();
    let length = header.map_or(0, |header| usize::from(header.token_length));
    let token = &token[..length.min(token.len())];
    // Under which the party asked otherwise: what comes for those is no reply to this.
    let mut ids = Vec::new();
    for datagram in &scene.datagrams {
        let other = datagram.number != sent.number && datagram.from == sent.from;
        if other && let Some(header) = Header::peek(&datagram.bytes) {
            ids.push(header.message_id);
        }
    }
    let belongs = |datagram: &&Datagram| {
        if datagram.number < sent.number || datagram.from != SUT || datagram.to != sent.from {
            return false;
        }
        let Some(came) = Header::peek(&datagram.bytes) else {
            return true;
        };
        match came.ty {
            Type::Ack | Type::Rst => match header {
                Some(header) => came.message_id == header.message_id,
                None => !ids.contains(&came.message_id),
            },
            // A server that cuts a token short may answer under the rest.
            Type::Con | Type::Non => datagram.packet().is_some_and(|packet| {
                let own = packet.token_bytes();
                packet.code().class() == Class::Response
                    && !own.is_empty()
                    && token.starts_with(own)
            }),
        }
    };
    scene.datagrams.iter().filter(belongs).collect()
}

fn rejected(scene: &Scene, sent: &Datagram) -> Found {
    let came = replies(scene, sent);
    let expected = "a Reset";
    let found = |holds| Found::decide(holds, expected, told(&came)).shown_by(numbers(&came));
    let taken = |reply: &&Datagram| {
        let header = Header::peek(&reply.bytes);
        header.is_some_and(|header| header.code.is_success())
    };
    if came.iter().any(taken) {
        return found(false);
    }
    match came.iter().any(|reply| is_reset(reply)) {
        true => found(true),
        false => found(false).under(&["LW-D10"]),
    }
}

fn each_taken(scene: &Scene, sent: &[&Datagram]) -> Found {
    let came: Vec<_> = sent.iter().map(|one| replies(scene, one)).collect();
    let succeeds = |reply: &&Datagram| {
        let header = Header::peek(&reply.bytes);
        header.is_some_and(|header| header.code.is_success())
    };
    let taken = came.iter().filter(|came| came.iter().any(succeeds)).count();
    let silent = came.iter().filter(|came| came.is_empty()).count();
    let expected = format!("{} answers of success", sent.len());
    let got = came.concat();
    let got = format!("{taken} of success, {silent} missing: {}", told(&got));
    let evidence = came.iter().flatten().map(|reply| reply.number);
    let found = Found::decide(taken == sent.len(), expected, got).shown_by(evidence);
    match (taken == sent.len(), silent) {
        (true, _) => found,
        (false, 0) => found.under(&["LW-D10"]),
        // A confirmable message is acknowledged or rejected, whatever came before it.
        (false, _) => found.by("RFC 7252 §4.2"),
    }
}

fn alike(scene: &Scene, copy: &Datagram) -> Found {
    let same = |datagram: &&Datagram| {
        datagram.number < copy.number && datagram.from == copy.from && datagram.bytes == copy.bytes
    };
    let Some(first) = scene.datagrams.iter().find(same) else {
        return Found::broken("what this is a copy of", "nothing like it was sent before");
    };
    let (before, after): (Vec<_>, Vec<_>) = replies(scene, first)
        .into_iter()
        .partition(|reply| reply.number < copy.number);
    let answers: Vec<_> = before.iter().map(|reply| said(reply)).collect();
    let expected = format!("again: {}", told(&before));
    let holds = !after.is_empty() && after.iter().all(|reply| answers.contains(&said(reply)));
    Found::decide(holds, expected, told(&after))
        .advisory()
        .shown_by(numbers(&after))
}

/// What an answer says, whatever it is called on its way.
fn said(reply: &Datagram) -> Option<(Code, Vec<Vec<u8>>, Vec<u8>)> {
    let packet = reply.packet()?;
    let location = packet.values(option::LOCATION_PATH);
    let location = location.map(<[u8]>::to_vec).collect();
    Some((packet.code(), location, packet.payload().to_vec()))
}

fn is_reset(reply: &Datagram) -> bool {
    Header::peek(&reply.bytes).is_some_and(|header| header.ty == Type::Rst)
}

/// What came, in words: for a finding's `got`.
fn told(came: &[&Datagram]) -> String {
    let lines = came.iter().map(|reply| match reply.packet() {
        Some(packet) => packet.to_string(),
        None => "no CoAP message".to_owned(),
    });
    let lines: Vec<_> = lines.collect();
    match lines.as_slice() {
        [] => "nothing".to_owned(),
        lines => lines.join("; "),
    }
}

fn numbers<'s>(came: &[&'s Datagram]) -> impl Iterator<Item = u64> + use<'s> {
    let numbers: Vec<_> = came.iter().map(|reply| reply.number).collect();
    numbers.into_iter()
}

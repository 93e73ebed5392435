//! What becomes of operations on a device that sleeps (queue mode).

use serde::{Deserialize, Serialize};
use twinproof_coap::{Class, Packet, option};
use twinproof_lwm2m::upper::Answer;

use crate::checks::Found;
use crate::scene::{Datagram, SUT, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The operator was told that operations wait, and nothing was sent to the device.
    Pending {
        /// The operations.
        operated: Vec<u64>,
        /// The device.
        party: String,
        /// The last number before the first of them.
        after: u64,
    },
    /// What waited was asked for, each when the one before was answered.
    InTurn {
        /// The device.
        party: String,
        /// The last number before the device showed itself.
        after: u64,
        /// How many operations waited.
        waited: usize,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Pending {
                operated,
                party,
                after,
            } => pending(scene, operated, (party, *after)),
            Self::InTurn {
                party,
                after,
                waited,
            } => in_turn(scene, (party, *after), *waited),
        }
    }
}

/// The requests to a device after a number, without copies and requests for further blocks.
fn requests<'s>(scene: &'s Scene, party: &str, after: u64) -> Vec<(&'s Datagram, Packet<'s>)> {
    let datagrams = scene.datagrams.iter();
    let sent = datagrams.filter(|d| d.number > after && d.from == SUT && d.to == party);
    let packets = sent.filter_map(|datagram| Some((datagram, datagram.packet()?)));
    packets
        .filter(|(datagram, packet)| {
            let block = packet.block(option::BLOCK2).ok().flatten();
            packet.code().class() == Class::Request
                && block.is_none_or(|block| block.num() == 0)
                && !scene.is_copy(datagram)
        })
        .collect()
}

fn pending(scene: &Scene, operated: &[u64], (party, after): (&str, u64)) -> Found {
    let expected = "operations that wait, and nothing that reaches the device";
    let last = operated.last().copied().unwrap_or_default();
    let mut sent = requests(scene, party, after);
    sent.retain(|(datagram, _)| datagram.number < last);
    if let Some((datagram, packet)) = sent.first() {
        let got = format!("{packet} while the device sleeps");
        return Found::decide(false, expected, got).shown_by([datagram.number]);
    }
    let mut refused = None;
    for number in operated {
        let Some(operated) = scene.operated.get(number) else {
            return Found::broken(format!("operation {number}"), "it was not recorded");
        };
        let got = format!("{:?}", operated.answer);
        match &operated.answer {
            Answer::Kept { .. } => {}
            Answer::Unsupported(_) => return Found::inconclusive(expected, got),
            // That the operator is told is enough for some.
            Answer::Refused(_) | Answer::Timeout => refused = Some((*number, got)),
            _ => return Found::decide(false, expected, got).shown_by([*number]),
        }
    }
    match refused {
        Some((number, got)) => Found::decide(false, expected, got)
            .under(&["LW-D33"])
            .shown_by([number]),
        None => Found::decide(true, expected, "all wait").shown_by(operated.iter().copied()),
    }
}

fn in_turn(scene: &Scene, (party, after): (&str, u64), waited: usize) -> Found {
    let expected = format!("{waited} requests, each when the one before was answered");
    if waited == 0 {
        return Found::not_applicable(expected, "the server kept no operation for the device");
    }
    let asked = requests(scene, party, after);
    let numbers: Vec<u64> = asked.iter().map(|(datagram, _)| datagram.number).collect();
    let got = format!("{} requests", asked.len());
    if asked.len() < waited {
        return Found::decide(false, expected, got).shown_by(numbers);
    }
    for pair in asked.windows(2) {
        let [(first, packet), (second, _)] = pair else {
            continue;
        };
        let between = scene.datagrams.iter().filter(|datagram| {
            let between = datagram.number > first.number && datagram.number < second.number;
            between && datagram.from == party && datagram.to == SUT
        });
        let mut said = between.filter_map(Datagram::packet);
        let answered = said.clone().any(|said| {
            said.code().class() == Class::Response && said.token_bytes() == packet.token_bytes()
        });
        if answered {
            continue;
        }
        let acknowledged = said.any(|said| said.message_id() == packet.message_id());
        let got = format!("{packet}, and the next before it was answered");
        let found = Found::decide(false, expected, got).shown_by(numbers);
        // Until it is acknowledged, no other may be sent (RFC 7252 §4.7); after that, it is disputable.
        return match acknowledged {
            true => found.under(&["LW-D33"]),
            false => found.by("RFC 7252 §4.7"),
        };
    }
    Found::decide(true, expected, got).shown_by(numbers)
}

//! Checks on an LwM2M server, a file per theme.

pub mod answer;
mod blocks;
pub mod management;
pub mod message;
pub mod operator;
pub mod queue;
pub mod reporting;

use serde::{Deserialize, Serialize};
use twinproof_coap::{Code, Packet};

use super::Found;
use crate::scene::{Datagram, SUT, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "theme", rename_all = "kebab-case")]
pub enum Check {
    /// How a device was answered.
    Answer(answer::Check),
    /// What becomes of an operator's wish.
    Management(management::Check),
    /// How the message layer takes what it is given.
    Message(message::Check),
    /// What an operator is told.
    Operator(operator::Check),
    /// What becomes of operations on a device that sleeps.
    Queue(queue::Check),
    /// What becomes of the reports of devices.
    Reporting(reporting::Check),
}

impl From<answer::Check> for Check {
    fn from(check: answer::Check) -> Self {
        Self::Answer(check)
    }
}

impl From<management::Check> for Check {
    fn from(check: management::Check) -> Self {
        Self::Management(check)
    }
}

impl From<message::Check> for Check {
    fn from(check: message::Check) -> Self {
        Self::Message(check)
    }
}

impl From<operator::Check> for Check {
    fn from(check: operator::Check) -> Self {
        Self::Operator(check)
    }
}

impl From<queue::Check> for Check {
    fn from(check: queue::Check) -> Self {
        Self::Queue(check)
    }
}

impl From<reporting::Check> for Check {
    fn from(check: reporting::Check) -> Self {
        Self::Reporting(check)
    }
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Answer(check) => check.look(scene),
            Self::Management(check) => check.look(scene),
            Self::Message(check) => check.look(scene),
            Self::Operator(check) => check.look(scene),
            Self::Queue(check) => check.look(scene),
            Self::Reporting(check) => check.look(scene),
        }
    }
}

/// What a device asked for in one act: the first request that it sent between two numbers of the
/// ledger, the first of which does not count and the last does.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Act {
    /// The device.
    pub party: String,
    /// The last number before it.
    pub after: u64,
    /// The last number that belongs to it.
    pub upto: u64,
}

impl Act {
    /// Looks at the request and its answer.
    fn with(
        &self,
        scene: &Scene,
        look: impl FnOnce(&Datagram, Option<Packet<'_>>) -> Found,
    ) -> Found {
        let Some(request) = scene.request(&self.party, (self.after, self.upto)) else {
            let expected = format!("a request of {}", self.party);
            return Found::broken(expected, "none was recorded");
        };
        // Who never says anything may not be there at all.
        if !scene.datagrams.iter().any(|datagram| datagram.from == SUT) {
            let expected = "an answer of any kind in this scenario";
            return Found::inconclusive(expected, came(request, None)).shown_by([request.number]);
        }
        let answer = scene.answer(request);
        let packet = answer.and_then(Datagram::packet);
        let numbers = [Some(request.number), answer.map(|answer| answer.number)];
        look(request, packet).shown_by(numbers.into_iter().flatten())
    }
}

/// What came, in words: for a finding's `got`.
fn came(request: &Datagram, answer: Option<&Packet<'_>>) -> String {
    let line = request
        .packet()
        .map_or_else(String::new, |packet| packet.to_string());
    match answer {
        Some(answer) => format!("{} to {line}", answer.code()),
        None => format!("no answer to {line}"),
    }
}

/// A code as `2.05`.
fn coded(text: &str) -> Option<Code> {
    twinproof_lwm2m::wire::serial::code::parse(text)
}

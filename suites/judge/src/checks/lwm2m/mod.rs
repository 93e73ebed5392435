//! Checks on LwM2M servers and clients, a file per theme.

pub mod answer;
mod blocks;
pub mod bootstrap;
pub mod bootstrapped;
pub mod client;
pub mod management;
pub mod message;
pub mod operator;
pub mod queue;
pub mod reporting;
pub mod secured;

use serde::{Deserialize, Serialize};
use twinproof_coap::{Code, Packet};
use twinproof_evidence::Verdict;

use super::Found;
use crate::scene::{Datagram, Operated, SUT, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "theme", rename_all = "kebab-case")]
pub enum Check {
    /// How a device was answered.
    Answer(answer::Check),
    /// What a bootstrap server does.
    Bootstrap(bootstrap::Check),
    /// What a client does that is bootstrapped.
    Bootstrapped(bootstrapped::Check),
    /// What a client does at its servers.
    Client(client::Check),
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
    /// What secured associations are worth.
    Secured(secured::Check),
}

impl From<answer::Check> for Check {
    fn from(check: answer::Check) -> Self {
        Self::Answer(check)
    }
}

impl From<bootstrap::Check> for Check {
    fn from(check: bootstrap::Check) -> Self {
        Self::Bootstrap(check)
    }
}

impl From<bootstrapped::Check> for Check {
    fn from(check: bootstrapped::Check) -> Self {
        Self::Bootstrapped(check)
    }
}

impl From<client::Check> for Check {
    fn from(check: client::Check) -> Self {
        Self::Client(check)
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

impl From<secured::Check> for Check {
    fn from(check: secured::Check) -> Self {
        Self::Secured(check)
    }
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        let found = match self {
            Self::Answer(check) => return check.look(scene),
            Self::Bootstrap(check) => return check.look(scene),
            Self::Bootstrapped(check) => return check.look(scene),
            Self::Client(check) => return check.look(scene),
            Self::Management(check) => check.look(scene),
            Self::Message(check) => return check.look(scene),
            Self::Secured(check) => return check.look(scene),
            Self::Operator(check) => check.look(scene),
            Self::Queue(check) => check.look(scene),
            Self::Reporting(check) => check.look(scene),
        };
        if found.verdict != Verdict::Fail {
            return found;
        }
        let mut operated = found.evidence.iter().filter_map(|n| scene.operated.get(n));
        match operated.any(|operated| self.is_too_late(scene, operated)) {
            true => {
                let got = "the registration had ended before the upper tester was done";
                Found::inconclusive(found.expected, got).shown_by(found.evidence)
            }
            false => found,
        }
    }

    /// Whether an operation came to its end when its device's registration had lived its time: upper
    /// testers may have to wait for each other.
    fn is_too_late(&self, scene: &Scene, operated: &Operated) -> bool {
        let endpoint = match self {
            Self::Operator(operator::Check::Shown { client, .. }) => Some(client.endpoint.as_str()),
            // Who is gone is what they look for.
            Self::Operator(_) => None,
            _ => operated.operation.endpoint(),
        };
        endpoint
            .and_then(|endpoint| lives_until(scene, endpoint, operated.number))
            .is_some_and(|end| operated.at > end)
    }
}

/// When the registration of an endpoint ends, by what it said before a number.
fn lives_until(scene: &Scene, endpoint: &str, before: u64) -> Option<u64> {
    let (mut party, mut lifetime, mut end) = (None, 0, None);
    for datagram in scene
        .datagrams
        .iter()
        .filter(|d| d.number < before && d.to == SUT)
    {
        let Some(packet) = datagram.packet().filter(|p| p.code() == Code::POST) else {
            continue;
        };
        let said = packet.query("lt").and_then(|lt| lt.parse::<u64>().ok());
        if packet.query("ep") == Some(endpoint) {
            party = Some(&datagram.from);
            lifetime = said.unwrap_or(DAY);
        } else if party == Some(&datagram.from) {
            lifetime = said.unwrap_or(lifetime);
        } else {
            continue;
        }
        end = Some(
            datagram
                .at
                .saturating_add(lifetime.saturating_mul(1_000_000)),
        );
    }
    end
}

/// The life time of who says none, in seconds.
const DAY: u64 = 86_400;

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

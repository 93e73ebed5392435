//! What becomes of the reports of devices (TS LwM2M 1.0 §5.5, RFC 7641).

use std::fmt;

use serde::{Deserialize, Serialize};
use twinproof_coap::{Class, Code, Packet, Type};
use twinproof_evidence::Verdict;
use twinproof_lwm2m::upper::{Answer, What};
use twinproof_lwm2m::wire::{Direction, Path};

use super::management::{path_of, read};
use crate::checks::Found;
use crate::scene::{Datagram, SUT, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The first confirmable report of a party after a number, and each copy of it, is acknowledged.
    Acknowledged {
        /// The device.
        party: String,
        /// The last number before it.
        after: u64,
    },
    /// The first confirmable report of a party after a number is answered by a Reset; silence is a
    /// warning.
    Rejected {
        /// The device.
        party: String,
        /// The last number before it.
        after: u64,
        /// It came after an error that was reported.
        #[serde(default)]
        after_error: bool,
    },
    /// Of the reports that devices sent, the operator sees these, each once and in this order, and no
    /// other.
    Reported {
        /// The events that were asked for.
        operated: u64,
        /// The device whose reports are looked at.
        endpoint: String,
        /// What is to be seen.
        seen: Vec<Report>,
        /// What was sent and is not to be seen.
        hidden: Vec<Report>,
        /// It came after an error that was reported.
        #[serde(default)]
        after_error: bool,
        /// The device sent it of its own accord.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unasked: bool,
    },
    /// The device was told that an observation is over: by a request with the token of the observation,
    /// or by a Reset to a report. That it is told nothing, and its reports not taken, is a warning.
    Stopped {
        /// The device.
        party: String,
        /// What was observed.
        path: Path,
        /// What was observed at once with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<Path>,
        /// The last number before it was to end.
        after: u64,
    },
    /// What was observed is observed once more, or the operator was told that it no longer is.
    Renewed {
        /// The device.
        party: String,
        /// What was observed.
        path: Path,
        /// The last number before the device registered anew.
        after: u64,
        /// The events that were asked for after that.
        operated: u64,
        /// Whose events.
        endpoint: String,
    },
}

/// A value that a device reported.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Report {
    /// What has the value.
    pub path: Path,
    /// The value, in words.
    pub value: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.value)
    }
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Acknowledged { party, after } => acknowledged(scene, party, *after),
            Self::Rejected {
                party,
                after,
                after_error,
            } => rejected(scene, party, *after).under(rulings(*after_error)),
            Self::Reported {
                operated,
                endpoint,
                seen,
                hidden,
                after_error,
                unasked,
            } => {
                let of = (endpoint.as_str(), *unasked);
                reported(scene, *operated, of, (seen, hidden), *after_error)
            }
            Self::Stopped {
                party,
                path,
                also,
                after,
            } => {
                let paths: Vec<Path> = [*path].into_iter().chain(also.iter().copied()).collect();
                stopped(scene, (party, &paths), *after)
            }
            Self::Renewed {
                party,
                path,
                after,
                operated,
                endpoint,
            } => renewed(scene, (party, endpoint), *path, (*after, *operated)),
        }
    }
}

/// Whether an observer goes on listening after an error is disputable.
const fn rulings(after_error: bool) -> &'static [&'static str] {
    match after_error {
        true => &["LW-D31"],
        false => &[],
    }
}

/// The confirmable reports of a party after a number: the first, and its copies.
fn confirmable<'s>(scene: &'s Scene, party: &str, after: u64) -> Vec<(&'s Datagram, Packet<'s>)> {
    let datagrams = scene.datagrams.iter();
    let sent = datagrams.filter(|d| d.number > after && d.from == party && d.to == SUT);
    let packets = sent.filter_map(|datagram| Some((datagram, datagram.packet()?)));
    let mut reports = packets
        .filter(|(_, packet)| packet.ty() == Type::Con && packet.code().class() == Class::Response);
    let Some(first) = reports.next() else {
        return Vec::new();
    };
    let id = first.1.message_id();
    let copies = reports.filter(|(_, packet)| packet.message_id() == id);
    [first].into_iter().chain(copies).collect()
}

/// The empty messages with which a party was answered, for a message id.
fn replies<'s>(scene: &'s Scene, party: &str, id: u16) -> Vec<(&'s Datagram, Type)> {
    let datagrams = scene.datagrams.iter();
    let said = datagrams.filter(|d| d.from == SUT && d.to == party);
    said.filter_map(|datagram| {
        let packet = datagram.packet()?;
        let fits = packet.code() == Code::EMPTY && packet.message_id() == id;
        fits.then_some((datagram, packet.ty()))
    })
    .collect()
}

fn acknowledged(scene: &Scene, party: &str, after: u64) -> Found {
    let reports = confirmable(scene, party, after);
    let Some((_, first)) = reports.first() else {
        return Found::broken("a confirmable report", "none was recorded");
    };
    let said = replies(scene, party, first.message_id());
    let numbers = reports.iter().map(|(datagram, _)| datagram.number);
    let numbers: Vec<u64> = numbers.chain(said.iter().map(|(d, _)| d.number)).collect();
    let of = |ty| said.iter().filter(|(_, said)| *said == ty).count();
    let (acks, resets) = (of(Type::Ack), of(Type::Rst));
    let expected = format!("{} acknowledgements", reports.len());
    let got = format!("{acks} acknowledgements, {resets} resets");
    // A copy of the report that our own link lost leaves no acknowledgement behind, and no copy of an
    // acknowledgement is missed.
    let seen = acks.saturating_add(usize::try_from(scene.lost).unwrap_or(usize::MAX));
    let holds = acks > 0 && seen >= reports.len() && resets == 0;
    let found = Found::decide(holds, expected, got);
    let found = found.shown_by(numbers);
    // That a copy is acknowledged again is a recommendation (RFC 7252 §4.5).
    match acks > 0 && resets == 0 {
        true => found.advisory(),
        false => found,
    }
}

fn rejected(scene: &Scene, party: &str, after: u64) -> Found {
    let reports = confirmable(scene, party, after);
    let Some((report, packet)) = reports.first() else {
        return Found::broken("a confirmable report", "none was recorded");
    };
    let said = replies(scene, party, packet.message_id());
    let got = match said.first() {
        Some((_, ty)) => format!("{ty} to {packet}"),
        None => format!("nothing to {packet}"),
    };
    let holds = matches!(said.as_slice(), [(_, Type::Rst), ..]);
    let numbers = said.iter().map(|(datagram, _)| datagram.number);
    let found = Found::decide(holds, "a reset", got);
    let found = found.shown_by([report.number].into_iter().chain(numbers));
    // It must not be acknowledged; that it is rejected is a recommendation (RFC 7641 §3.5).
    match said.is_empty() {
        true => found.advisory(),
        false => found,
    }
}

fn reported(
    scene: &Scene,
    operated: u64,
    (endpoint, unasked): (&str, bool),
    (seen, hidden): (&[Report], &[Report]),
    after_error: bool,
) -> Found {
    let list = |reports: &[Report]| match reports {
        [] => "none".to_owned(),
        reports => reports
            .iter()
            .map(Report::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let expected = format!("of the reports of {endpoint}: {}", list(seen));
    let Some(asked) = scene.operated.get(&operated) else {
        return Found::broken(expected, format!("operation {operated} was not recorded"));
    };
    let Answer::Events { events, .. } = &asked.answer else {
        let got = format!("{:?}", asked.answer);
        return Found::inconclusive(expected, got).shown_by([operated]);
    };
    let own = events.iter().filter(|event| event.endpoint == endpoint);
    let values = own.filter_map(|event| match &event.what {
        What::Notified { values, .. } if !unasked => Some(values),
        What::Sent { values } if unasked => Some(values),
        _ => None,
    });
    // What was observed may be shown before the first report, too; that is no report.
    let sent: Vec<&str> = seen
        .iter()
        .chain(hidden)
        .map(|report| report.value.as_str())
        .collect();
    let got: Vec<Report> = values
        .flatten()
        .filter_map(|entry| {
            let value = entry.value.as_ref()?.to_string();
            let path = entry.path;
            sent.contains(&value.as_str())
                .then_some(Report { path, value })
        })
        .collect();
    let found = Found::decide(got == seen, expected, list(&got)).shown_by([operated]);
    // That one is shown which is not to be seen may be disputable; that one is lost is not.
    let mut due = got;
    due.retain(|report| !hidden.iter().any(|hidden| hidden.value == report.value));
    match due == seen {
        true => found.under(rulings(after_error)),
        false => found,
    }
}

/// Requests of the system to a party that have Observe, each with its value: for one path, or for
/// several at once.
fn observing<'s>(
    scene: &'s Scene,
    party: &str,
    paths: &[Path],
) -> impl Iterator<Item = (&'s Datagram, Packet<'s>, u32)> {
    let (party, mut paths) = (party.to_owned(), paths.to_vec());
    paths.sort_unstable();
    scene.datagrams.iter().filter_map(move |datagram| {
        let packet = datagram.packet()?;
        let observe = packet.observe().ok().flatten()?;
        let fits = datagram.from == SUT
            && datagram.to == party
            && match paths.as_slice() {
                [path] => packet.code() == Code::GET && path_of(&packet) == path.to_string(),
                paths => packet.code() == Code::FETCH && listed(&packet) == paths,
            };
        fits.then_some((datagram, packet, observe))
    })
}

/// The paths that a request for several names, sorted.
fn listed(packet: &Packet<'_>) -> Vec<Path> {
    let named = read((packet, packet.payload()), "", Direction::Write);
    let mut paths: Vec<Path> = named.iter().flatten().map(|entry| entry.path).collect();
    paths.sort_unstable();
    paths
}

fn stopped(scene: &Scene, (party, paths): (&str, &[Path]), after: u64) -> Found {
    let expected = "a request that ends the observation, or a reset to a report of it";
    let begun = observing(scene, party, paths);
    let Some((begun, asked, _)) = begun
        .filter(|(datagram, _, observe)| *observe == 0 && datagram.number <= after)
        .last()
    else {
        let all: Vec<String> = paths.iter().map(Path::to_string).collect();
        let got = format!("{} was never observed", all.join(" with "));
        return Found::inconclusive(expected, got);
    };
    let token = asked.token_bytes();
    let mut ended = observing(scene, party, paths).filter(|(d, packet, observe)| {
        *observe == 1 && d.number > after && packet.token_bytes() == token
    });
    if let Some((datagram, packet, _)) = ended.next() {
        let found = Found::decide(true, expected, packet.to_string());
        return found.shown_by([begun.number, datagram.number]);
    }
    let datagrams = scene.datagrams.iter();
    let reports = datagrams
        .filter(|d| d.number > after && d.from == party && d.to == SUT)
        .filter_map(|d| Some((d, d.packet()?)))
        .filter(|(_, p)| p.token_bytes() == token && p.code().class() == Class::Response);
    let mut numbers = vec![begun.number];
    let mut is_taken = false;
    for (report, packet) in reports {
        let said = replies(scene, party, packet.message_id());
        numbers.push(report.number);
        is_taken |= said.iter().any(|(_, ty)| *ty == Type::Ack);
        if let Some((reset, _)) = said.iter().find(|(_, ty)| *ty == Type::Rst) {
            numbers.push(reset.number);
            let got = format!("a reset to {packet}");
            return Found::decide(true, expected, got).shown_by(numbers);
        }
    }
    let found = Found::decide(false, expected, "neither").shown_by(numbers);
    // A device whose reports nobody takes stops by itself (RFC 7641 §4.5).
    match is_taken {
        true => found,
        false => found.advisory(),
    }
}

fn renewed(
    scene: &Scene,
    (party, endpoint): (&str, &str),
    path: Path,
    (after, operated): (u64, u64),
) -> Found {
    let expected = format!("{path} observed anew, or the operator told that it no longer is");
    let anew =
        observing(scene, party, &[path]).find(|(d, _, observe)| *observe == 0 && d.number > after);
    if let Some((datagram, packet, _)) = anew {
        return Found::decide(true, expected, packet.to_string()).shown_by([datagram.number]);
    }
    let told = match scene.operated.get(&operated).map(|asked| &asked.answer) {
        Some(Answer::Events { events, .. }) => events.iter().any(|event| {
            let over =
                matches!(&event.what, What::ObservationEnded { paths } if paths.contains(&path));
            event.endpoint == endpoint && over
        }),
        _ => false,
    };
    let got = if told {
        "the operator was told"
    } else {
        "neither"
    };
    let found = Found::decide(told, expected, got).shown_by([operated]);
    match found.verdict {
        Verdict::Fail => found.under(&["LW-D30"]),
        _ => found,
    }
}

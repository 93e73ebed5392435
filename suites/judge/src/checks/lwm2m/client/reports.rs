//! What a client reports of what is observed.

use twinproof_coap::{Class, Code, Header, Type};
use twinproof_lwm2m::wire::{Direction, Path};

use super::super::management::read;
use super::super::{Act, came};
use crate::checks::Found;
use crate::scene::{Datagram, SUT, Scene};

/// How far from an interval a report may be without anybody noticing, µs: a clock that counts whole
/// seconds, and the way.
const EARLY: u64 = 500_000;
const LATE: u64 = 2_000_000;

/// How long a report may have been under way when the client was told to stop, µs. A client that stops
/// because the next report is rejected, and not because it was told to, is later than that.
const UNDER_WAY: u64 = 500_000;

/// The first answer to a request that observes, and the reports after it, without copies.
fn reports<'s>(scene: &'s Scene, observed: &Act) -> Option<(&'s Datagram, Vec<&'s Datagram>)> {
    let request = scene.request(&observed.party, (observed.after, observed.upto))?;
    let answer = scene.answer(request)?;
    answer.packet()?.observe().ok().flatten()?;
    let token = request.packet()?.token();
    let mut ids = vec![answer.packet()?.message_id()];
    let mut found = Vec::new();
    for datagram in scene.datagrams.iter().filter(|d| d.number > answer.number) {
        let mine = datagram.from == SUT && datagram.to == request.from;
        let Some(packet) = datagram.packet().filter(|_| mine) else {
            continue;
        };
        let reports = packet.code().class() == Class::Response
            && packet.ty() != Type::Ack
            && packet.token() == token
            && packet.observe().ok().flatten().is_some();
        if reports && !ids.contains(&packet.message_id()) {
            ids.push(packet.message_id());
            found.push(datagram);
        }
    }
    Some((answer, found))
}

/// Whether the numbers of two reports leave no room for one between them that was lost. Many clients
/// count their reports by one; of who does not, nothing is known.
fn follows(before: &Datagram, after: &Datagram) -> bool {
    let number = |datagram: &Datagram| datagram.packet()?.observe().ok().flatten();
    let pair = number(before).zip(number(after));
    pair.is_some_and(|(before, after)| after == (before + 1) & 0xff_ffff)
}

/// Every client can be observed (TS 1.0.2 §5.5.1).
pub(super) fn observed(scene: &Scene, act: &Act) -> Found {
    let expected = "2.05 with a number of the observation";
    let found = act.with(scene, |request, answer| {
        let got = came(request, answer.as_ref());
        match answer.filter(|packet| packet.code() == Code::CONTENT) {
            None => Found::decide(false, expected, got),
            Some(packet) if packet.observe().ok().flatten().is_some() => {
                Found::decide(true, expected, got)
            }
            // Who has no room for another observer may say so in this way (RFC 7641 §4.1).
            Some(_) => {
                let got = format!("{got}, and no observation");
                Found::decide(false, expected, got).advisory()
            }
        }
    });
    found.by("TS LwM2M 1.0 §5.5.1")
}

pub(super) fn spaced(scene: &Scene, observed: &Act, upto: u64, (least, most): (u64, u64)) -> Found {
    let expected = format!("reports at least {least} s and at most {most} s apart");
    let Some((answer, mut reports)) = reports(scene, observed) else {
        return Found::inconclusive(expected, "the observation was not confirmed");
    };
    reports.retain(|report| report.number <= upto);
    let evidence = std::iter::once(answer.number).chain(reports.iter().map(|r| r.number));
    let evidence: Vec<u64> = evidence.collect();
    let times = std::iter::once(answer.at).chain(reports.iter().map(|report| report.at));
    let times: Vec<u64> = times.collect();
    let gaps = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    let gaps: Vec<u64> = gaps.collect();
    let said = gaps
        .iter()
        .map(|gap| format!("{}.{} s", gap / 1_000_000, gap / 100_000 % 10));
    let got = match gaps.as_slice() {
        [] => "no report at all".to_owned(),
        _ => format!("gaps of {}", said.collect::<Vec<_>>().join(", ")),
    };
    let close = gaps.iter().any(|gap| gap + EARLY < least * 1_000_000);
    let all: Vec<&Datagram> = std::iter::once(answer).chain(reports).collect();
    let far = gaps.iter().zip(all.windows(2));
    let far = far.filter(|(gap, _)| **gap > most * 1_000_000 + LATE);
    let far: Vec<bool> = far.map(|(_, pair)| follows(pair[0], pair[1])).collect();
    let lost = !close && !far.is_empty() && far.iter().all(|follows| !follows);
    let found = match (lost, gaps.as_slice()) {
        (true, _) => Found::inconclusive(expected, format!("{got}: reports may have been lost")),
        // That it goes on is what one report alone does not show.
        (false, [_]) if !close && far.is_empty() => {
            Found::inconclusive(expected, format!("{got}, and no further report"))
        }
        (false, _) => Found::decide(!gaps.is_empty() && !close && far.is_empty(), expected, got),
    };
    found.shown_by(evidence)
}

pub(super) fn no_more(scene: &Scene, observed: &Act, ended: &Act, by_reset: bool) -> Found {
    let expected = "no report any more, but for one that was under way";
    let Some((_, reports)) = reports(scene, observed) else {
        return Found::inconclusive(expected, "the observation was not confirmed");
    };
    let before = reports.iter().filter(|report| report.number <= ended.after);
    if before.count() == 0 {
        return Found::inconclusive(expected, "no report had come before that could have ended");
    }
    let resets = |datagram: &&Datagram| {
        datagram.number > ended.after
            && (datagram.from == ended.party && datagram.to == SUT)
            && Header::peek(&datagram.bytes).is_some_and(|header| header.ty == Type::Rst)
    };
    let end = match by_reset {
        true => scene.datagrams.iter().find(resets),
        false => confirmed_end(scene, ended),
    };
    let Some(end) = end else {
        return Found::inconclusive(expected, "nothing came that could have ended it");
    };
    let more: Vec<u64> = reports
        .iter()
        .filter(|report| report.at > end.at + UNDER_WAY)
        .map(|report| report.number)
        .collect();
    let got = format!("{} more", more.len());
    let found = match more.len() {
        // A Reset may be lost, and the next report is rejected as well (RFC 7641 §3.6).
        1 if by_reset => Found::inconclusive(expected, got),
        count => Found::decide(count == 0, expected, got),
    };
    found.shown_by([end.number]).shown_by(more)
}

/// What a client says to the end of an observation: under the token of the reports, but none of them.
fn confirmed_end<'s>(scene: &'s Scene, ended: &Act) -> Option<&'s Datagram> {
    let request = scene.request(&ended.party, (ended.after, ended.upto))?;
    let asked = request.packet()?;
    scene.datagrams.iter().find(|datagram| {
        let back = datagram.number > request.number
            && (datagram.from == SUT && datagram.to == request.from);
        let packet = datagram.packet().filter(|_| back);
        packet.is_some_and(|packet| {
            let answers =
                packet.code().class() == Class::Response && packet.token() == asked.token();
            let acknowledges =
                packet.ty() == Type::Ack && packet.message_id() == asked.message_id();
            answers && (acknowledges || packet.observe() == Ok(None))
        })
    })
}

pub(super) fn goes_on(scene: &Scene, observed: &Act, ended: &Act) -> Found {
    let expected = "reports after the other server has ended its observation";
    let Some((_, reports)) = reports(scene, observed) else {
        return Found::inconclusive(expected, "the observation was not confirmed");
    };
    let Some(end) = confirmed_end(scene, ended) else {
        return Found::inconclusive(expected, "the other server did not end its observation");
    };
    let (before, after): (Vec<&Datagram>, Vec<&Datagram>) = reports
        .iter()
        .partition(|report| report.at <= end.at + UNDER_WAY);
    let got = format!("{} before, {} after", before.len(), after.len());
    if before.is_empty() {
        return Found::inconclusive(expected, got);
    }
    let found = Found::decide(!after.is_empty(), expected, got);
    let after = after.iter().map(|report| report.number);
    found.shown_by([end.number]).shown_by(after)
}

pub(super) fn exactly(
    scene: &Scene,
    observed: &Act,
    upto: u64,
    (path, values): (&str, &[String]),
) -> Found {
    let expected = format!("reports of {path} = {}", values.join(", "));
    let Some((answer, mut reports)) = reports(scene, observed) else {
        return Found::inconclusive(expected, "the observation was not confirmed");
    };
    reports.retain(|report| report.number <= upto);
    let told = told(&reports, path);
    let got = match told.as_slice() {
        [] => "no report at all".to_owned(),
        _ => told.join(", "),
    };
    let all: Vec<&Datagram> = std::iter::once(answer)
        .chain(reports.iter().copied())
        .collect();
    let mut wanted = values.iter();
    let only_fewer = told != values && told.iter().all(|value| wanted.any(|v| v == value));
    // Of the last one nobody can tell by a number behind it whether it was sent.
    let lost = only_fewer
        && !told.is_empty()
        && (told.last() != values.last() || all.windows(2).any(|pair| !follows(pair[0], pair[1])));
    // Clients need not know the attributes that were asked for; this one has confirmed them.
    let evidence = reports.iter().map(|report| report.number);
    let found = match lost {
        true => Found::inconclusive(expected, format!("{got}: reports may have been lost")),
        false => Found::decide(told == values, expected, got),
    };
    found.shown_by([answer.number]).shown_by(evidence)
}

/// What reports say of a resource.
fn told(reports: &[&Datagram], path: &str) -> Vec<String> {
    let at: Option<Path> = path.parse().ok();
    let value = |report: &Datagram| {
        let packet = report.packet()?;
        let entries = read((&packet, packet.payload()), path, Direction::Report).ok()?;
        let entry = entries.into_iter().find(|entry| Some(entry.path) == at)?;
        Some(entry.value?.number()?.to_string())
    };
    let told = reports.iter().map(|report| value(report));
    told.map(|value| value.unwrap_or_else(|| "what cannot be read".to_owned()))
        .collect()
}

pub(super) fn kept(
    scene: &Scene,
    observed: &Act,
    after: u64,
    (path, values): (&str, &[String]),
    kept: bool,
) -> Found {
    let said = values.join(", ");
    let expected = match kept {
        true => format!("reports of {path} = {said}, which were to be kept"),
        false => format!("no report of {path} = {said}, which were to be dropped"),
    };
    let Some((_, mut reports)) = reports(scene, observed) else {
        return Found::inconclusive(expected, "the observation was not confirmed");
    };
    if reports.iter().all(|report| report.number > after) {
        return Found::inconclusive(expected, "no change was reported while there was a network");
    }
    reports.retain(|report| report.number > after);
    let told = told(&reports, path);
    let got = match told.as_slice() {
        [] => "no report since".to_owned(),
        _ => format!("since then {}", told.join(", ")),
    };
    let holds = values.iter().all(|value| told.contains(value) == kept);
    Found::decide(holds, expected, got).shown_by(reports.iter().map(|report| report.number))
}

//! What happens on the side of a gateway's devices, and at the origin of its images.

use twinproof_gwmo::gateway::TARGET_FIELD;

use super::super::dm::talk::Talk;
use super::{Found, NAMED, NAMES, Session, believed};
use crate::scene::{Exchange, SUT, Scene};

/// What the system under test wanted of a simulated party.
fn wanted<'s>(scene: &'s Scene, session: &'s Session) -> impl Iterator<Item = &'s Exchange> {
    let upto = session.upto.unwrap_or(u64::MAX);
    scene.exchanges.values().filter(move |exchange| {
        let here = exchange.from == SUT && exchange.to == session.party;
        here && exchange.number > session.after && exchange.number <= upto
    })
}

pub(super) fn carried(talks: &[Talk], commands: &[(String, String)]) -> Found {
    let shown = |all: &[(String, String)]| {
        let each = all.iter().map(|(name, uri)| format!("{name} {uri}"));
        match each.collect::<Vec<_>>() {
            none if none.is_empty() => "nothing".to_owned(),
            some => some.join(", "),
        }
    };
    let mut told = Vec::new();
    // What a device did not believe was not done, and may be said again.
    for said in believed(talks) {
        for command in said.commands() {
            for item in command.items() {
                let uri = item.target.as_ref().map(|target| target.uri.clone());
                told.extend(uri.map(|uri| (command.name().to_owned(), uri)));
            }
        }
    }
    Found::decide(told == commands, shown(commands), shown(&told))
        .shown_by(talks.iter().flat_map(Talk::numbers))
        .relying_on(&[NAMES])
}

pub(super) fn fetched(scene: &Scene, session: &Session, times: usize) -> Found {
    let asked: Vec<&Exchange> = wanted(scene, session)
        .filter(|e| e.method == "GET")
        .collect();
    let numbers: Vec<u64> = asked.iter().map(|exchange| exchange.number).collect();
    let expected = format!("{times} requests to {}", session.party);
    Found::decide(
        asked.len() == times,
        expected,
        format!("{} of them", asked.len()),
    )
    .shown_by(numbers)
    .relying_on(&[NAMES])
}

pub(super) fn relayed(scene: &Scene, session: &Session, server: &str) -> Found {
    let expected = "a notification with the octets that the server sent";
    let pushed = scene.exchanges.values().rfind(|exchange| {
        let here = exchange.from == server && exchange.to == SUT;
        let mut fields = exchange.headers.iter();
        here && exchange.number > session.after
            && fields.any(|(name, _)| name.eq_ignore_ascii_case(TARGET_FIELD))
    });
    let Some(pushed) = pushed else {
        return Found::inconclusive(expected, "the server sent none");
    };
    let came: Vec<&Exchange> = wanted(scene, session).collect();
    let octets = pushed.body.octets();
    let right = came
        .iter()
        .filter(|exchange| exchange.body.octets() == octets)
        .count();
    let got = match (came.len(), right) {
        (0, _) => "nothing".to_owned(),
        (1, 1) => "those".to_owned(),
        (all, right) => format!("{all}, {right} of them with those octets"),
    };
    let numbers = came.iter().map(|exchange| exchange.number);
    Found::decide(came.len() == 1 && right == 1, expected, got)
        .shown_by(numbers.chain([pushed.number]))
        .relying_on(&[NAMED])
}

pub(super) fn served(scene: &Scene, session: &Session, origin: &str) -> Found {
    let expected = format!("the octets of {origin}");
    let answer = |from: &str, to: &str| {
        let mut found = scene.exchanges.values().filter(|exchange| {
            (exchange.from.as_str(), exchange.to.as_str()) == (from, to) && exchange.method == "GET"
        });
        let exchange = found.next_back()?;
        let response = exchange.response.as_ref().filter(|r| r.is_success())?;
        Some((exchange.number, response.body.clone()))
    };
    let Some((fetch, has)) = answer(SUT, origin) else {
        return Found::decide(false, expected, "the gateway did not fetch them");
    };
    match answer(&session.party, SUT) {
        Some((number, got)) if got == has => {
            Found::decide(true, expected, "those").shown_by([fetch, number])
        }
        Some((number, got)) => {
            let words = format!("{} octets, and not those {}", got.len(), has.len());
            Found::decide(false, expected, words).shown_by([fetch, number])
        }
        None => Found::decide(false, expected, "no success").shown_by([fetch]),
    }
}

pub(super) fn spared(scene: &Scene, session: &Session) -> Found {
    let came: Vec<u64> = wanted(scene, session)
        .map(|exchange| exchange.number)
        .collect();
    let expected = format!("nothing for {}", session.party);
    let got = format!("{} requests", came.len());
    Found::decide(came.is_empty(), expected, got)
        .shown_by(came)
        .relying_on(&[NAMES])
}

//! Devices without an account: what the gateway brings them, and with whom they have sessions then.

use twinproof_dm::syncml::Command;

use super::super::dm::bootstrap::{is_complete, pushed};
use super::super::dm::talk::message;
use super::{Found, NAMES, Session};
use crate::scene::{Exchange, Scene};

fn now<'s>(scene: &'s Scene, session: &'s Session) -> impl Iterator<Item = &'s Exchange> {
    let upto = session.upto.unwrap_or(u64::MAX);
    let exchanges = scene.exchanges.values();
    exchanges.filter(move |exchange| exchange.number > session.after && exchange.number <= upto)
}

pub(super) fn bootstrapped(scene: &Scene, session: &Session, server_id: &str) -> Found {
    let expected = format!(
        "a bootstrap for {} with an account of {server_id} and a MAC by its key",
        session.party
    );
    let came = now(scene, session).filter(|exchange| exchange.to == session.party);
    let came: Vec<_> = came
        .filter_map(|exchange| Some((exchange.number, pushed(exchange)?)))
        .collect();
    let numbers: Vec<u64> = came.iter().map(|(number, _)| *number).collect();
    // What is said last is what it was brought for certain.
    let Some((_, accounts)) = came.last() else {
        return Found::decide(false, expected, "no bootstrap").relying_on(&[NAMES]);
    };
    let found = accounts.iter().find(|known| known.server_id == server_id);
    let facts = session.facts(scene);
    let got = match (found, facts) {
        (None, _) => {
            let whose: Vec<&str> = accounts.iter().map(|known| &*known.server_id).collect();
            Err(format!("an account of {}", whose.join(", ")))
        }
        (Some(account), _) if !is_complete(account) => {
            Err("an account without credentials".to_owned())
        }
        (Some(_), None) => {
            return Found::inconclusive(expected, "nobody looked at its MAC").shown_by(numbers);
        }
        (Some(_), Some(facts)) if facts.fits_others => {
            Err("a MAC with a key of another device".to_owned())
        }
        (Some(_), Some(facts)) if facts.fits.is_empty() => {
            Err("no MAC that the device's key makes".to_owned())
        }
        (Some(_), Some(facts)) => Ok(format!(
            "so it is, with the identity as {}",
            facts.fits.join(" or ")
        )),
    };
    let (right, got) = match got {
        Ok(got) => (true, got),
        Err(got) => (false, got),
    };
    Found::decide(right, expected, got)
        .shown_by(numbers)
        .relying_on(&[NAMES])
}

/// Judges with whom a device has sessions: whoever it sends messages to, and whether it was believed there.
pub(super) fn settled(scene: &Scene, session: &Session, with: &str) -> Found {
    let expected = format!("sessions of {} with {with} alone", session.party);
    let sent = now(scene, session).filter(|exchange| exchange.from == session.party);
    let sent: Vec<&Exchange> = sent.filter(|exchange| exchange.method == "POST").collect();
    let numbers: Vec<u64> = sent.iter().map(|exchange| exchange.number).collect();
    let elsewhere = sent.iter().find(|exchange| exchange.to != with);
    let believed = sent.iter().any(|exchange| believes(exchange));
    let (right, got) = match (elsewhere, believed) {
        (Some(exchange), _) => (false, format!("one with {}", exchange.to)),
        (None, true) => (true, "so it is".to_owned()),
        (None, false) if sent.is_empty() => (false, "none".to_owned()),
        (None, false) => (false, "none in which it was believed".to_owned()),
    };
    Found::decide(right, expected, got)
        .shown_by(numbers)
        .relying_on(&[NAMES])
}

/// Whether the answer to a message says that its header was believed.
fn believes(exchange: &Exchange) -> bool {
    let answer = exchange.response.as_ref().and_then(|response| {
        let kind = response.headers.first("Content-Type").unwrap_or_default();
        message(kind, &response.body).ok()
    });
    answer.is_some_and(|answer| {
        let mut commands = answer.message.commands.iter();
        commands.any(|command| {
            matches!(command, Command::Status(s) if s.cmd_ref == "0" && s.code.is_success())
        })
    })
}

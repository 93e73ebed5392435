//! What servers say past their gateways, and what they have gateways bring devices.

use twinproof_dm::media::{DM_NOTIFICATION, NOTIFICATION};
use twinproof_dm::notification::Received;
use twinproof_gwmo::gateway::TARGET_FIELD;

use super::super::super::dm::Session;
use super::super::Found;
use super::NAMED;
use crate::scene::{Exchange, SUT, Scene};

pub(super) fn avoids(scene: &Scene, session: &Session) -> Found {
    let upto = session.upto.unwrap_or(u64::MAX);
    let came = scene.exchanges.values().filter(|exchange| {
        let here = exchange.from == SUT && exchange.to == session.party;
        here && exchange.number > session.after && exchange.number <= upto
    });
    let came: Vec<u64> = came.map(|exchange| exchange.number).collect();
    let expected = format!("nothing of the server for {}", session.party);
    let got = format!("{} requests", came.len());
    Found::decide(came.is_empty(), expected, got).shown_by(came)
}

/// A notification of the server that the gateway brought to a device, by whichever way it came to the gateway.
pub(super) fn brought(
    scene: &Scene,
    session: &Session,
    device: &str,
    (server_id, id): (&str, u16),
) -> Option<Found> {
    let upto = session.upto.unwrap_or(u64::MAX);
    let mut came = scene.exchanges.values().filter(|exchange| {
        let there = exchange.from == session.party && exchange.to == device;
        there && exchange.number > session.after && exchange.number <= upto
    });
    let found = came.find(|exchange| {
        let trigger = Received::parse(&exchange.body.octets()).map(|received| received.trigger);
        trigger.is_ok_and(|of| of.server_id == server_id && of.session_id.get() == id)
    })?;
    let expected = format!("a notification of {server_id}, which announces the session {id:X}");
    Some(Found::decide(true, expected, "one").shown_by([found.number]))
}

pub(super) fn notifies(
    scene: &Scene,
    session: &Session,
    (named, server_id): (&str, &str),
    id: u16,
) -> Found {
    let expected =
        format!("a notification of {server_id} for {named}, which announces the session {id:X}");
    let upto = session.upto.unwrap_or(u64::MAX);
    let came = scene.exchanges.values().filter(|exchange| {
        let here = exchange.from == SUT && exchange.to == session.party;
        here && exchange.number > session.after && exchange.number <= upto
    });
    let pushed: Vec<&Exchange> = came
        .filter(|exchange| is_notification(field(exchange, "Content-Type").unwrap_or_default()))
        .collect();
    let Some(last) = pushed.last() else {
        return Found::decide(false, expected, "none for the gateway");
    };
    let trigger = Received::parse(&last.body.octets()).map(|received| received.trigger);
    let got = match trigger {
        Err(error) => format!("no notification: {error}"),
        Ok(trigger) if trigger.server_id != server_id => {
            format!("one of {}", trigger.server_id)
        }
        Ok(trigger) if trigger.session_id.get() != id => {
            format!("one that announces {:X}", trigger.session_id)
        }
        Ok(_) => match field(last, TARGET_FIELD) {
            None => format!("one without {TARGET_FIELD}"),
            Some(other) if other != named => format!("one for {other}"),
            Some(_) => {
                // The gateway is ours: it takes what bears a digest that is right by its own account.
                let taken = last.response.as_ref().is_some_and(|r| r.is_success());
                let got = match taken {
                    true => "one",
                    false => "one whose digest is not right by the account of the gateway",
                };
                return Found::decide(taken, expected, got)
                    .shown_by([last.number])
                    .under(&["GW-D3"]);
            }
        },
    };
    Found::decide(false, expected, got)
        .shown_by([last.number])
        .relying_on(&[NAMED])
}

fn field<'e>(exchange: &'e Exchange, name: &str) -> Option<&'e str> {
    let mut fields = exchange.headers.iter();
    let found = fields.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

fn is_notification(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    [NOTIFICATION, DM_NOTIFICATION]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known))
}

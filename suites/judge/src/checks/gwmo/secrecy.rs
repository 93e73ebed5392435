//! What a gateway says to whom over TLS, and how often it shows who it is.

use twinproof_dm::syncml::AlertCode;
use twinproof_evidence::record::{CLEAR, LATE, Turn};

use super::super::dm::talk::{Talk, begun};
use super::sides::{named_in, told};
use super::{Found, NAMES, Session, believed, heard};
use crate::scene::{Association, Exchange, SUT, Scene};

fn is_in(session: &Session, number: u64) -> bool {
    number > session.after && session.upto.is_none_or(|upto| number <= upto)
}

/// The turns of streams that the system under test began with a party.
fn turns<'s>(scene: &'s Scene, session: &'s Session) -> impl Iterator<Item = &'s Association> {
    let turns = scene.associations.iter();
    turns.filter(|turn| turn.stream && turn.party == session.party && is_in(session, turn.number))
}

pub(super) fn distrusted(scene: &Scene, session: &Session, shown: &str, other: &Session) -> Found {
    let party = &session.party;
    let expected = format!(
        "nothing said to the {party} that shows {shown}, and a session once it shows a good one"
    );
    let said = scene.exchanges.values().find(|exchange| {
        exchange.from == SUT && exchange.to == *party && is_in(session, exchange.number)
    });
    if let Some(exchange) = said {
        let got = format!("{} {}", exchange.method, exchange.url);
        // Whether who verifies may go on all the same is open.
        return Found::decide(false, expected, got)
            .shown_by([exchange.number])
            .under(&["DM-D27"]);
    }
    // Who has agreed to it and speaks once another one is shown, has believed it all the same.
    let late = scene.associations.iter().find(|met| {
        let is_own = met.stream && met.party == *party && met.number > session.after;
        let is_late = |how: &str, words: &str| how == LATE && words.contains(shown);
        is_own && matches!(&met.turn, Turn::Ended { how, words, .. } if is_late(how, words))
    });
    if let Some(late) = late {
        let got = format!("something said behind {shown}, once another one was shown");
        return Found::decide(false, expected, got)
            .shown_by([late.number])
            .under(&["DM-D27"]);
    }
    let met = turns(scene, session).find(|turn| matches!(turn.turn, Turn::Begun { .. }));
    match (met, begun(&other.talks(scene))) {
        (None, _) => {
            let got = "the gateway did not come, and saw no certificate";
            Found::inconclusive(expected, got)
        }
        (Some(turn), None) => {
            let got = "neither; does the gateway trust the tester's authority, and know TLS 1.2?";
            Found::inconclusive(expected, got).shown_by([turn.number])
        }
        (Some(turn), Some(number)) => Found::decide(true, expected, "so it is")
            .shown_by([turn.number, number])
            .under(&["DM-D27"]),
    }
}

pub(super) fn secured(scene: &Scene, session: &Session, of: &str) -> Found {
    let party = &session.party;
    let expected = format!("a session with the {party} over TLS, and nothing of it elsewhere");
    let is_clear =
        |turn: &&Association| matches!(&turn.turn, Turn::Ended { how, .. } if how == CLEAR);
    if let Some(turn) = turns(scene, session).find(is_clear) {
        let got = format!("HTTP in the clear to the {party}");
        return Found::decide(false, expected, got).shown_by([turn.number]);
    }
    let tells = |octets: &[u8]| {
        let mut windows = octets.windows(of.len().max(1));
        windows.any(|window| window == of.as_bytes())
    };
    let leaks = |exchange: &&Exchange| {
        let ends = [&exchange.from, &exchange.to];
        let is_own = ends.iter().any(|end| *end == SUT) && !ends.contains(&party);
        let answer = exchange.response.as_ref();
        is_own
            && is_in(session, exchange.number)
            && (tells(&exchange.body.octets()) || answer.is_some_and(|r| tells(&r.body)))
    };
    if let Some(exchange) = scene.exchanges.values().find(leaks) {
        let got = format!("it is between {} and {}, too", exchange.from, exchange.to);
        return Found::decide(false, expected, got).shown_by([exchange.number]);
    }
    let talks = session.talks(scene);
    let own = believed(&talks).next().map(|said| said.number);
    let agreed = turns(scene, session).find(|turn| turn.turn == Turn::Agreed);
    match (agreed, own) {
        (Some(turn), Some(number)) => {
            Found::decide(true, expected, "so it is").shown_by([turn.number, number])
        }
        _ => Found::inconclusive(
            expected,
            "no session; does the gateway trust the tester's authority, and know TLS 1.2?",
        ),
    }
}

pub(super) fn confined(
    scene: &Scene,
    sessions: &[Session],
    secrets: &[String],
    above: &[String],
) -> Found {
    let parties: Vec<&str> = sessions.iter().map(|session| &*session.party).collect();
    let parties = parties.join(", ");
    let expected = format!("no secret in what the gateway says to {parties}");
    if secrets.is_empty() {
        let got = "none is known that the gateway shares with its server and with no device";
        return Found::inconclusive(expected, got);
    }
    let secret_in = |piece: &Vec<u8>| {
        let has = |word: &[u8]| piece.windows(word.len()).any(|window| window == word);
        secrets.iter().find(|secret| has(secret.as_bytes()))
    };
    let each = sessions
        .iter()
        .map(|session| (session, told(scene, session)));
    let each: Vec<_> = each.collect();
    if let Some((session, _)) = each.iter().find(|(_, told)| told.is_empty()) {
        let got = format!("the gateway said nothing to {}", session.party);
        return Found::inconclusive(expected, got);
    }
    let pieces = each.iter().flat_map(|(session, told)| {
        told.iter()
            .map(|(number, pieces)| (&session.party, *number, pieces))
    });
    let leaking = pieces.clone().find_map(|(party, number, pieces)| {
        let secret = pieces.iter().find_map(secret_in)?;
        Some((secret, party, number))
    });
    if let Some((secret, party, number)) = leaking {
        let got = format!("{secret} in what it says to {party}");
        return Found::decide(false, expected, got).shown_by([number]);
    }
    let naming = pieces.clone().find_map(|(party, number, pieces)| {
        let name = pieces.iter().find_map(|piece| named_in(piece, above))?;
        Some((name, party, number))
    });
    if let Some((name, party, number)) = naming {
        // Who is above is no secret; that a device is not told, no text of confidentiality demands.
        let got = format!("none, and {name} in what it says to {party}");
        return Found::decide(false, expected, got)
            .shown_by([number])
            .advisory();
    }
    let numbers = pieces.map(|(_, number, _)| number);
    Found::decide(true, expected, "none").shown_by(numbers)
}

pub(super) fn authenticated_once(scene: &Scene, session: &Session, devices: &[String]) -> Found {
    let expected = format!("one authentication for a command to {}", devices.join(", "));
    let talks = session.talks(scene);
    if talks.is_empty() {
        return Found::inconclusive(expected, "no session with the server");
    }
    for device in devices {
        let of_device = Session {
            party: device.clone(),
            ..session.clone()
        };
        let told = of_device.talks(scene);
        if !believed(&told).any(|said| !said.commands().is_empty()) {
            let got = format!("nothing for {device}");
            return Found::decide(false, expected, got)
                .shown_by(talks.iter().flat_map(Talk::numbers))
                .relying_on(&[NAMES]);
        }
    }
    // What is reported afterwards is said in sessions of its own, as many as it takes; and who is called comes.
    let unasked = talks.iter().filter(|talk| {
        let opening = talk.opening();
        let is_own = opening.is_some_and(|said| said.alerts(&[AlertCode::CLIENT_INITIATED]));
        let talk = std::slice::from_ref(*talk);
        is_own && believed(talk).next().is_some() && heard(talk).is_empty()
    });
    let times = 1 + unasked.count();
    Found::decide(times <= 1, expected, format!("{times} of them"))
        .shown_by(talks.iter().flat_map(Talk::numbers))
        .under(&["GW-D19"])
}

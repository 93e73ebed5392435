//! How a session begins: what a first message says, and what follows a challenge.

use std::collections::BTreeMap;

use twinproof_dm::syncml::{self, AlertCode, Command, Data, StatusCode};

use super::super::talk::{Said, Talk, node, words};
use super::INFORMATION;
use crate::checks::Found;

pub(super) fn opened(talk: &Talk, expected: String) -> Found {
    let Some(first) = talk.opening() else {
        return Found::inconclusive(expected, "no message of the client");
    };
    let header = &first.message().header;
    let mut wrong = Vec::new();
    if header.msg_id != "1" {
        wrong.push(format!("MsgID {}", header.msg_id));
    }
    if header.ver_dtd != syncml::VER_DTD {
        wrong.push(format!("VerDTD {}", header.ver_dtd));
    }
    if !header.ver_proto.starts_with("DM/1.") {
        wrong.push(format!("VerProto {}", header.ver_proto));
    }
    wrong.extend(incomplete(first));
    let closed = talk
        .said
        .iter()
        .any(|said| said.by_sut && said.message().is_final);
    if !closed {
        wrong.push("no Final".to_owned());
    }
    if !wrong.is_empty() {
        return Found::decide(false, expected, wrong.join(", ")).shown_by([first.number]);
    }
    // No text that was read says that both have to be the same, or who may have woken the client.
    let mut odd = Vec::new();
    let id = information(first).remove("DevId").unwrap_or_default();
    if id != header.source.uri {
        odd.push(format!("DevId {id:?} from {:?}", header.source.uri));
    }
    if first.alerts(&[AlertCode::SERVER_INITIATED]) {
        odd.push("the alert 1200, and the server notified nobody".to_owned());
    }
    let got = match odd.is_empty() {
        true => "all of it".to_owned(),
        false => odd.join(", "),
    };
    Found::decide(odd.is_empty(), expected, got)
        .shown_by([first.number])
        .advisory()
}

/// What a message says of the device, by the names of leaves.
pub(super) fn information(said: &Said) -> BTreeMap<&str, &str> {
    let replaced = said.message().commands.iter();
    let items = replaced
        .filter(|command| command.name() == "Replace")
        .flat_map(Command::items);
    let told = items.filter_map(|item| {
        let uri = &item.source.as_ref()?.uri;
        let value = item.data.as_ref().and_then(Data::as_text);
        Some((
            node(uri).strip_prefix("DevInfo/")?,
            value.unwrap_or_default(),
        ))
    });
    told.collect()
}

/// What a message lacks that begins a session.
fn incomplete(said: &Said) -> Vec<String> {
    let mut wrong = Vec::new();
    let commands = &said.message().commands;
    let begins = |command: &&Command| {
        let codes = [AlertCode::SERVER_INITIATED, AlertCode::CLIENT_INITIATED];
        matches!(command, Command::Alert(alert) if codes.contains(&alert.code))
    };
    match commands.iter().filter(begins).count() {
        1 => {}
        0 => wrong.push("no alert that begins a session".to_owned()),
        many => wrong.push(format!("{many} alerts that begin a session")),
    }
    let told = information(said);
    for name in INFORMATION {
        match told.get(name) {
            None => wrong.push(format!("no {name}")),
            Some(value) if value.trim().is_empty() => wrong.push(format!("no value of {name}")),
            Some(_) => {}
        }
    }
    wrong
}

/// The first message of the client that the server challenged, and the challenge.
fn challenged(talk: &Talk) -> Option<usize> {
    talk.said.iter().position(|said| {
        !said.by_sut
            && said.statuses().any(|status| {
                let refuses = [
                    StatusCode::INVALID_CREDENTIALS,
                    StatusCode::MISSING_CREDENTIALS,
                ];
                status.cmd_ref == "0" && refuses.contains(&status.code) && status.chal.is_some()
            })
    })
}

pub(super) fn began_again(talk: &Talk, expected: String) -> Found {
    let Some(place) = challenged(talk) else {
        return Found::inconclusive(expected, "the server never challenged the client");
    };
    let challenge = &talk.said[place];
    let before = talk.said[..place].iter().rfind(|said| said.by_sut);
    let next = talk.said[place..].iter().find(|said| said.by_sut);
    let (Some(before), Some(next)) = (before, next) else {
        return Found::decide(false, expected, "nothing").shown_by([challenge.number]);
    };
    let (old, new) = (&before.message().header, &next.message().header);
    let number = |id: &str| id.parse::<u64>().ok();
    let mut wrong = incomplete(next);
    if old.session_id != new.session_id {
        wrong.push(format!("session {}", new.session_id));
    }
    if number(&new.msg_id) != number(&old.msg_id).map(|id| id + 1) {
        wrong.push(format!("MsgID {}", new.msg_id));
    }
    if new.cred.is_none() && !is_by_header(talk) {
        wrong.push("no credentials".to_owned());
    }
    let answers = next
        .statuses()
        .any(|status| status.cmd_ref == "0" && status.msg_ref == challenge.id());
    if !answers {
        wrong.push("no status of the challenging header".to_owned());
    }
    let got = match wrong.is_empty() {
        true => "all of it".to_owned(),
        false => wrong.join(", "),
    };
    Found::decide(wrong.is_empty(), expected, got).shown_by([challenge.number, next.number])
}

/// Whether the challenge asks for a digest that goes beside the message.
fn is_by_header(talk: &Talk) -> bool {
    let mut chals = talk
        .said
        .iter()
        .filter(|said| !said.by_sut)
        .flat_map(Said::statuses)
        .filter_map(|status| status.chal.as_ref());
    chals.any(|chal| chal.scheme() == Some(twinproof_dm::auth::Scheme::Mac))
}

pub(super) fn proven(talk: &Talk, expected: String) -> Found {
    let mut last = talk
        .said
        .iter()
        .filter(|said| said.by_sut)
        .filter_map(|said| {
            let verdict = talk.verdicts_on(said).first().copied();
            Some((said, verdict?))
        });
    match last.next_back() {
        None => Found::inconclusive(expected, "the server said nothing of the client's header"),
        Some((said, code)) => {
            Found::decide(code.is_success(), expected, code.to_string()).shown_by([said.number])
        }
    }
}

pub(super) fn proven_at_once(talks: &[Talk], expected: String, id: &str) -> Found {
    let opened = talks.iter().find_map(|talk| {
        let first = talk.opening().filter(|said| said.by_sut)?;
        (first.message().header.session_id == id).then_some((talk, first))
    });
    let Some((talk, first)) = opened else {
        // Whoever does not find the nonce that it shares with a server leaves its notifications alone.
        let got = "no session: a client need not know that nonce";
        return Found::inconclusive(expected, got);
    };
    match talk.verdicts_on(first).first() {
        None => Found::inconclusive(expected, "the server said nothing of the client's header"),
        Some(code) => {
            Found::decide(code.is_success(), expected, code.to_string()).shown_by([first.number])
        }
    }
}

pub(super) fn silent(talk: &Talk, expected: String) -> Found {
    // Who does not believe the server yet says so, whatever the server says.
    let heard = |said: &Said| talk.verdicts_on(said).iter().all(|code| code.is_success());
    let Some(place) = talk
        .said
        .iter()
        .position(|said| !said.by_sut && said.alerts(&[AlertCode::SESSION_ABORT]) && heard(said))
    else {
        return Found::inconclusive(expected, "the server did not end the session");
    };
    match talk.said[place..].iter().find(|said| said.by_sut) {
        None => Found::decide(true, expected, "nothing").shown_by([talk.said[place].number]),
        Some(said) => {
            let got = format!("message {}", said.id());
            Found::decide(false, expected, got).shown_by([talk.said[place].number, said.number])
        }
    }
}

/// Whether a client that is never believed stops showing who it is. No text sets the number.
pub(super) fn gives_up(talk: &Talk, expected: String, most: usize) -> Found {
    let ours: Vec<&Said> = talk.said.iter().filter(|said| said.by_sut).collect();
    if ours.iter().any(|said| talk.believed(said)) {
        return Found::inconclusive(expected, "the server believed the client");
    }
    if challenged(talk).is_none() {
        return Found::inconclusive(expected, "the server never challenged the client");
    }
    let numbers = ours.iter().map(|said| said.number);
    let got = format!("{} messages", ours.len());
    Found::decide(ours.len() <= most, expected, got)
        .shown_by(numbers)
        .advisory()
}

/// Whether nothing was done that a message of an unknown version wants. Which code says that it is unknown is
/// guidance.
pub(super) fn unversed(talk: &Talk, expected: String) -> Found {
    let theirs = talk.said.iter().filter(|said| !said.by_sut);
    let Some(asked) = theirs.into_iter().find(|said| !said.commands().is_empty()) else {
        return Found::inconclusive(expected, "the server wanted nothing");
    };
    let ours = || talk.said.iter().filter(|said| said.by_sut);
    let done = asked.commands().into_iter().any(|command| {
        let mut given = talk.statuses_of(asked, command.cmd_id());
        given.any(|(_, status)| status.code.is_success())
    });
    let mut all = ours().flat_map(|said| &said.message().commands);
    let read = all.any(|command| matches!(command, Command::Results(_)));
    let codes = talk.verdicts_on(asked);
    let got = words(&codes);
    if done || read {
        let got = format!("{got} for the header, and what was wanted was done");
        return Found::decide(false, expected, got).shown_by([asked.number]);
    }
    let versions = [
        StatusCode::DTD_VERSION_NOT_SUPPORTED,
        StatusCode::PROTOCOL_VERSION_NOT_SUPPORTED,
    ];
    // Who ends the session has done nothing either.
    let holds = codes.iter().all(|code| versions.contains(code));
    Found::decide(holds, expected, got)
        .shown_by([asked.number])
        .advisory()
}

//! What a client makes of notifications.

use twinproof_dm::syncml::AlertCode;

use super::super::talk::{Said, Talk};
use crate::checks::Found;

/// What is said where nothing followed.
pub(super) const NO_SESSION: &str = "no session of that number";

/// The first messages of the sessions that say that a server wanted them.
pub(super) fn wanted(talks: &[Talk]) -> Vec<&Said> {
    let first = talks.iter().filter_map(Talk::opening);
    first
        .filter(|said| said.by_sut && said.alerts(&[AlertCode::SERVER_INITIATED]))
        .collect()
}

pub(super) fn id(said: &Said) -> &str {
    &said.message().header.session_id
}

/// The same session in another way of writing its number: `meant` is as it has to be.
fn means(said: &Said, meant: &str) -> bool {
    let number = u64::from_str_radix(meant, 16).ok();
    let hexadecimal = u64::from_str_radix(id(said), 16).ok();
    number.is_some() && [hexadecimal, id(said).parse().ok()].contains(&number)
}

pub(super) fn numbers(all: &[&Said]) -> Vec<u64> {
    all.iter().map(|said| said.number).collect()
}

/// One session of this number. That no other follows is shown by the session of a sibling that was announced
/// after it, where there is one.
pub(super) fn announced(
    talks: &[Talk],
    expected: String,
    meant: &str,
    sibling: Option<&str>,
) -> Found {
    let first: Vec<&Said> = talks.iter().filter_map(Talk::opening).collect();
    let (of_number, others): (Vec<&Said>, Vec<&Said>) =
        first.iter().copied().partition(|said| id(said) == meant);
    let otherwise: Vec<&Said> = others
        .into_iter()
        .filter(|said| means(said, meant))
        .collect();
    match of_number.as_slice() {
        [] => match otherwise.first() {
            Some(said) if said.alerts(&[AlertCode::SERVER_INITIATED]) => {
                let got = format!("a session {}", id(said));
                Found::decide(false, expected, got).shown_by(numbers(&otherwise))
            }
            _ => {
                let all = talks.iter().flat_map(Talk::numbers);
                Found::decide(false, expected, NO_SESSION).shown_by(all)
            }
        },
        [one] if !one.alerts(&[AlertCode::SERVER_INITIATED]) => {
            Found::decide(false, expected, "one without that alert").shown_by([one.number])
        }
        [one] => {
            let followed = sibling.is_none_or(|sibling| {
                let mut after = first.iter().skip_while(|said| said.number <= one.number);
                after.any(|said| id(said) == sibling)
            });
            match followed {
                true => Found::decide(true, expected, "so it is").shown_by([one.number]),
                false => {
                    let got = "one, and no session of the notification after it, which would show \
                               that none of the first is still to come";
                    Found::inconclusive(expected, got).shown_by([one.number])
                }
            }
        }
        many => {
            let got = format!("{} sessions", many.len());
            Found::decide(false, expected, got).shown_by(numbers(many))
        }
    }
}

/// No session of this number, however it is written, and no other that a server wanted but the good one's.
pub(super) fn ignored(talks: &[Talk], expected: String, forged: &str, good: &str) -> Found {
    let wanted = wanted(talks);
    let (right, rest): (Vec<&Said>, Vec<&Said>) =
        wanted.into_iter().partition(|said| means(said, good));
    let wrong: Vec<&Said> = rest
        .into_iter()
        .filter(|said| means(said, forged))
        .collect();
    match (wrong.first(), right.is_empty()) {
        (Some(said), _) => {
            let got = format!("a session {}", id(said));
            Found::decide(false, expected, got).shown_by(numbers(&wrong))
        }
        (None, true) => Found::inconclusive(expected, format!("no session {good} either")),
        (None, false) => Found::decide(true, expected, "so it is").shown_by(numbers(&right)),
    }
}

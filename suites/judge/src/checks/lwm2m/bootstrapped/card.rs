//! What a client does with a smart card.

use super::super::client::{registrations, updates};
use crate::checks::Found;
use crate::scene::Scene;

pub(super) fn came_first(scene: &Scene, (server, than): (&str, &str), after: u64) -> Found {
    let expected = format!("a registration with the {server}, and none with the {than} before it");
    let first = |server| {
        let mut all = registrations(scene, (server, after)).into_iter();
        all.next().map(|one| one.datagram.number)
    };
    let (card, own) = (first(server), first(than));
    let shown = card.into_iter().chain(own);
    let found = match (card, own) {
        (None, None) => return Found::inconclusive(expected, "no registration"),
        (None, Some(_)) => Found::decide(false, expected, format!("one with the {than} alone")),
        // Which of several accounts comes first is open; what the card brought has been used.
        (Some(card), Some(own)) if own < card => {
            Found::decide(false, expected, format!("one with the {than} first")).advisory()
        }
        (Some(_), _) => Found::decide(true, expected, format!("one with the {server}")),
    };
    found.shown_by(shown)
}

pub(super) fn dropped(scene: &Scene, at: (&str, u64)) -> Found {
    let expected = "no update of the registration that the card has brought";
    if !super::is_there(scene, at.1) {
        return Found::inconclusive(expected, "the client said nothing any more");
    }
    let all = updates(scene, at);
    let got = match all.len() {
        0 => "none".to_owned(),
        count => format!("{count} of them"),
    };
    let numbers: Vec<u64> = all.iter().map(|update| update.number).collect();
    Found::decide(all.is_empty(), expected, got).shown_by(numbers)
}

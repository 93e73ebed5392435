//! Large objects, and what a client need not have.

use twinproof_dm::syncml::{AlertCode, Command, StatusCode};

use super::super::talk::{Said, Talk, node, words};
use super::tree::{read, text};
use crate::checks::Found;
use crate::scene::{SUT, Scene};

pub(super) fn fits(scene: &Scene, talk: &Talk, expected: String, size: usize) -> Found {
    let Some(told) = talk.said.iter().position(|said| {
        let meta = said.message().header.meta.as_ref();
        !said.by_sut && meta.is_some_and(|meta| meta.max_msg_size.is_some())
    }) else {
        return Found::inconclusive(expected, "the server never said what it takes");
    };
    let later = talk.said[told..].iter().filter(|said| said.by_sut);
    let sizes = later.filter_map(|said| {
        let exchange = scene.exchanges.get(&said.number)?;
        let length = exchange.body.octets().len();
        (exchange.from == SUT).then_some((said.number, length))
    });
    match sizes.max_by_key(|(_, length)| *length) {
        None => Found::inconclusive(expected, "the client said nothing after that"),
        Some((number, length)) => {
            let got = format!("{length} octets");
            Found::decide(length <= size, expected, got).shown_by([number])
        }
    }
}

pub(super) fn lists(
    talk: &Talk,
    expected: String,
    list: &str,
    (uri, value): (&str, &str),
) -> Found {
    let Some((asked, numbers, items)) = read(talk, list) else {
        return Found::inconclusive(expected, format!("the server never read {list}"));
    };
    let of_node: Vec<_> = items
        .iter()
        .filter(|item| {
            let source = item.source.as_ref();
            source.is_some_and(|source| node(&source.uri) == node(uri))
        })
        .collect();
    let (holds, got) = match of_node.as_slice() {
        [] => (false, format!("{} other nodes", items.len())),
        [item] => {
            let text = text(item);
            let got = text.map_or("no value".to_owned(), |text| format!("{text:?}"));
            (text == Some(value), got)
        }
        many => (false, format!("it {} times", many.len())),
    };
    Found::decide(holds, expected, got).shown_by(std::iter::once(asked).chain(numbers))
}

pub(super) fn offered(
    talk: &Talk,
    expected: String,
    (name, uri): (&str, Option<&str>),
    (lacking, open): (&[StatusCode], &[StatusCode]),
) -> Found {
    let Some((said, command)) = talk.command(name, uri) else {
        return Found::inconclusive(expected, format!("the server never sent the {name}"));
    };
    let given: Vec<_> = talk.statuses_of(said, command.cmd_id()).collect();
    let got: Vec<StatusCode> = given.iter().map(|(_, status)| status.code).collect();
    let numbers = given.iter().map(|(said, _)| said.number);
    let numbers: Vec<u64> = std::iter::once(said.number).chain(numbers).collect();
    let all = |codes: &[StatusCode]| !got.is_empty() && got.iter().all(|c| codes.contains(c));
    if all(lacking) {
        let got = format!(
            "{}: the client has none, and need not have one",
            words(&got)
        );
        return Found::not_applicable(expected, got).shown_by(numbers);
    }
    if all(open) {
        let got = format!("{}, which leaves it open", words(&got));
        return Found::inconclusive(expected, got).shown_by(numbers);
    }
    Found::decide(all(&[StatusCode::OK]), expected, words(&got)).shown_by(numbers)
}

pub(super) fn takes_parts(talk: &Talk, expected: String, uri: &str, open: &[StatusCode]) -> Found {
    let mut numbers = Vec::new();
    let mut codes = Vec::new();
    for said in talk.said.iter().filter(|said| !said.by_sut) {
        for command in said.commands() {
            let is_part = matches!(command, Command::Add(request) if request.items.iter().any(|item| {
                let target = item.target.as_ref();
                item.more_data && target.is_some_and(|target| target.uri == uri)
            }));
            if is_part && talk.believed(said) {
                numbers.push(said.number);
                let given = talk.statuses_of(said, command.cmd_id());
                let given: Vec<_> = given.map(|(_, status)| status.code).collect();
                codes.push(given);
            }
        }
    }
    let Some(first) = codes.first() else {
        return Found::inconclusive(expected, "the server sent no part");
    };
    if !first.is_empty() && first.iter().all(|code| open.contains(code)) {
        let got = format!("{}, which leaves it open", words(first));
        return Found::inconclusive(expected, got).shown_by(numbers);
    }
    let taken = [StatusCode::CHUNK_ACCEPTED];
    let other = codes.iter().find(|given| given.as_slice() != taken);
    let got = match other {
        None => format!("{} parts, each taken", codes.len()),
        Some(given) => words(given),
    };
    Found::decide(other.is_none(), expected, got).shown_by(numbers)
}

pub(super) fn holds_open(talk: &Talk, expected: String) -> Found {
    let mut numbers = Vec::new();
    for (place, said) in talk.said.iter().enumerate() {
        if said.by_sut || said.message().is_final || !talk.believed(said) {
            continue;
        }
        let Some(answer) = talk.said[place..].iter().find(|said| said.by_sut) else {
            continue;
        };
        numbers.push(answer.number);
        if answer.message().is_final {
            let got = format!("message {} closes its package", answer.id());
            return Found::decide(false, expected, got).shown_by([said.number, answer.number]);
        }
    }
    match numbers.len() {
        0 => Found::inconclusive(expected, "the server left no package open"),
        count => Found::decide(true, expected, format!("{count} open packages")).shown_by(numbers),
    }
}

pub(super) fn interrupted(talk: &Talk, expected: String) -> Found {
    let parted = |said: &Said| {
        let mut items = said.message().commands.iter().flat_map(Command::items);
        items.any(|item| item.more_data)
    };
    let mut theirs = talk
        .said
        .iter()
        .enumerate()
        .filter(|(_, said)| !said.by_sut && talk.believed(said));
    let part = theirs.find(|(_, said)| parted(said));
    let (Some(_), Some((place, other))) = (part, theirs.next()) else {
        return Found::inconclusive(expected, "nothing came between the parts");
    };
    if parted(other) {
        return Found::inconclusive(expected, "nothing came between the parts");
    }
    match talk.said[place..].iter().find(|said| said.by_sut) {
        None => Found::decide(false, expected, "no answer").shown_by([other.number]),
        Some(answer) => {
            let says = answer.alerts(&[AlertCode::NO_END_OF_DATA]);
            let got = if says { "it" } else { "an answer without it" };
            Found::decide(says, expected, got).shown_by([answer.number])
        }
    }
}

//! What a client does with its tree, as it says itself.

use twinproof_dm::syncml::{Command, Data, Item, Results, StatusCode};
use twinproof_dm::tree::acl::Acl;

use super::super::talk::{Said, Talk, in_parts, node, words};
use super::opening::information;
use crate::checks::Found;

pub(super) fn text(item: &Item) -> Option<&str> {
    item.data.as_ref().and_then(Data::as_text)
}

/// Whether a command got one of the codes; those that are `open` leave it undecided.
pub(super) fn told(
    talk: &Talk,
    expected: String,
    (name, uri): (&str, Option<&str>),
    (codes, open): (&[StatusCode], &[StatusCode]),
) -> Found {
    let Some((said, command)) = talk.command(name, uri) else {
        return Found::inconclusive(expected, format!("the server never sent the {name}"));
    };
    if let Some(number) = lacks_atomic(talk, said) {
        let got = "the client has no Atomic (406), which it need not have";
        return Found::not_applicable(expected, got).shown_by([number]);
    }
    let given: Vec<_> = talk.statuses_of(said, command.cmd_id()).collect();
    let got: Vec<StatusCode> = given.iter().map(|(_, status)| status.code).collect();
    let numbers = given.iter().map(|(said, _)| said.number);
    let numbers: Vec<u64> = std::iter::once(said.number).chain(numbers).collect();
    if !got.is_empty() && got.iter().all(|code| open.contains(code)) {
        let got = format!("{}, which leaves it open", words(&got));
        return Found::inconclusive(expected, got).shown_by(numbers);
    }
    if in_parts(command) && got == [StatusCode::FEATURE_NOT_SUPPORTED] {
        let got = "the client takes nothing in parts (406), which it need not";
        return Found::not_applicable(expected, got).shown_by(numbers);
    }
    let holds = !got.is_empty() && got.iter().all(|code| codes.contains(code));
    Found::decide(holds, expected, words(&got)).shown_by(numbers)
}

/// The message in which the client says that it has no `Atomic`, where a message has one.
fn lacks_atomic(talk: &Talk, asked: &Said) -> Option<u64> {
    let blocks = asked.commands().into_iter();
    let mut blocks = blocks.filter(|command| matches!(command, Command::Atomic(_)));
    blocks.find_map(|block| {
        let mut given = talk.statuses_of(asked, block.cmd_id());
        let lacks = given.find(|(_, s)| s.code == StatusCode::FEATURE_NOT_SUPPORTED);
        lacks.map(|(said, _)| said.number)
    })
}

/// Results: the message that they are in, and their place there.
type Placed<'t> = (&'t Said, usize, &'t Results);

/// The results of the last reading of a node, with the messages that they are in and their places.
fn results<'t>(talk: &'t Talk, uri: &str) -> Option<(&'t Said, Vec<Placed<'t>>)> {
    let (asked, command) = talk.command("Get", Some(uri))?;
    let ours = talk.said.iter().filter(|said| said.by_sut);
    let all = ours.flat_map(|said| {
        let commands = said.message().commands.iter().enumerate();
        commands.filter_map(move |(place, c)| match c {
            Command::Results(results) => Some((said, place, results)),
            _ => None,
        })
    });
    let found = all.filter(|(_, _, results)| {
        let of_message = results.msg_ref.as_deref().is_none_or(|id| id == asked.id());
        of_message && results.cmd_ref == command.cmd_id()
    });
    Some((asked, found.collect()))
}

/// What was read: the message that asked for it, those that brought it, and the items.
pub(super) type Read<'t> = (u64, Vec<u64>, Vec<&'t Item>);

pub(super) fn read<'t>(talk: &'t Talk, uri: &str) -> Option<Read<'t>> {
    let (asked, found) = results(talk, uri)?;
    let numbers = found.iter().map(|(said, _, _)| said.number).collect();
    let items = found.iter().flat_map(|(_, _, results)| &results.items);
    Some((asked.number, numbers, items.collect()))
}

/// Whether a node has a value: the one given, or that of the first message if it has one, or any.
pub(super) fn shows(talk: &Talk, expected: String, uri: &str, value: Option<&str>) -> Found {
    let Some((asked, numbers, items)) = read(talk, uri) else {
        return Found::inconclusive(expected, format!("the server never read {uri}"));
    };
    let of_node = items.into_iter().filter(|item| {
        let source = item.source.as_ref();
        source.is_some_and(|source| node(&source.uri) == node(uri))
    });
    let values = joined(of_node);
    let said = talk.opening().and_then(|first| {
        let name = node(uri).strip_prefix("DevInfo/")?;
        information(first).remove(name)
    });
    let holds = match (value.or(said), values.as_slice()) {
        (Some(value), [one]) => one == value,
        (None, [one]) => !one.is_empty(),
        _ => false,
    };
    let got = match values.as_slice() {
        [] => "no value".to_owned(),
        values => format!("{values:?}"),
    };
    Found::decide(holds, expected, got).shown_by(std::iter::once(asked).chain(numbers))
}

/// The texts of items, those of one large object as one.
fn joined<'t>(items: impl Iterator<Item = &'t Item>) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    let mut open = false;
    for item in items {
        let Some(text) = text(item) else {
            continue;
        };
        match values.last_mut() {
            Some(last) if open => last.push_str(text),
            _ => values.push(text.to_owned()),
        }
        open = item.more_data;
    }
    values
}

/// The formats that a node can have (DM TND 1.2).
const FORMATS: [&str; 11] = [
    "b64", "bin", "bool", "chr", "date", "float", "int", "node", "null", "time", "xml",
];

/// Whether what was read of a leaf is what that property can be.
pub(super) fn property(talk: &Talk, expected: String, leaf: &str, name: &str) -> Found {
    let Some((asked, numbers, items)) = read(talk, &format!("{leaf}?prop={name}")) else {
        return Found::inconclusive(expected, "the server never read it");
    };
    let [item] = items.as_slice() else {
        let got = format!("{} items", items.len());
        return Found::decide(false, expected, got).shown_by([asked]);
    };
    // An empty one may come without data.
    let value = match &item.data {
        None => Some(""),
        Some(data) => data.as_text(),
    };
    let holds = value.is_some_and(|value| match name {
        "ACL" => value.is_empty() || value.parse::<Acl>().is_ok(),
        "Format" => FORMATS.contains(&value),
        "Name" => Some(value) == leaf.rsplit('/').next(),
        // The octet that ends a string in C is none of a media type.
        _ => value.contains('/') && !value.contains(char::is_control),
    });
    let got = value.map_or("what is no text".to_owned(), |value| format!("{value:?}"));
    Found::decide(holds, expected, got).shown_by(std::iter::once(asked).chain(numbers))
}

/// Whether nothing came of a reading.
pub(super) fn unread(talk: &Talk, expected: String, uri: &str) -> Found {
    let Some((asked, found)) = results(talk, uri) else {
        return Found::inconclusive(expected, format!("the server never read {uri}"));
    };
    if let Some(number) = lacks_atomic(talk, asked) {
        let got = "the client has no Atomic (406), which it need not have";
        return Found::not_applicable(expected, got).shown_by([number]);
    }
    let numbers = found.iter().map(|(said, _, _)| said.number);
    let got = match found.len() {
        0 => "so it is".to_owned(),
        many => format!("{many} results"),
    };
    Found::decide(found.is_empty(), expected, got)
        .shown_by(std::iter::once(asked.number).chain(numbers))
}

pub(super) fn in_order(talk: &Talk, expected: String, uri: &str) -> Found {
    let Some((asked, found)) = results(talk, uri) else {
        return Found::inconclusive(expected, format!("the server never read {uri}"));
    };
    let Some((said, place, results)) = found.first() else {
        return Found::inconclusive(expected, "no results came");
    };
    let commands = said.message().commands.iter().take(*place);
    let mut before = talk
        .said
        .iter()
        .filter(|s| s.by_sut && s.number < said.number)
        .flat_map(Said::statuses)
        .chain(commands.filter_map(|command| match command {
            Command::Status(status) => Some(&**status),
            _ => None,
        }));
    let holds = before.any(|s| s.msg_ref == asked.id() && s.cmd_ref == results.cmd_ref);
    let got = match holds {
        true => "so it is",
        false => "the results came first",
    };
    Found::decide(holds, expected, got).shown_by([said.number])
}

/// Whether what was read of an interior node is the names of what stands below it, with a slash between.
pub(super) fn names(talk: &Talk, expected: String, uri: &str, meant: &[String]) -> Found {
    let Some((asked, numbers, items)) = read(talk, uri) else {
        return Found::inconclusive(expected, format!("the server never read {uri}"));
    };
    let codes = talk.codes_of("Get", Some(uri));
    let evidence = || std::iter::once(asked).chain(numbers.iter().copied());
    if codes.contains(&StatusCode::PERMISSION_DENIED) {
        let got = format!("{}, which leaves it open", words(&codes));
        return Found::inconclusive(expected, got).shown_by(evidence());
    }
    let values = joined(items.into_iter());
    // What is empty may come without results.
    let value = match values.as_slice() {
        [] if codes == [StatusCode::OK] => Some(""),
        [one] => Some(one.as_str()),
        _ => None,
    };
    let found: Vec<&str> = value
        .into_iter()
        .flat_map(|value| value.split('/'))
        .filter(|name| !name.is_empty())
        .collect();
    let holds = codes == [StatusCode::OK]
        && value.is_some()
        && meant.iter().all(|name| found.contains(&name.as_str()))
        && (!meant.is_empty() || found.is_empty());
    let got = format!("{} and {values:?}", words(&codes));
    Found::decide(holds, expected, got).shown_by(evidence())
}

//! What a client answers who reads and discovers.

use twinproof_coap::{Code, ContentFormat, Packet};
use twinproof_lwm2m::wire::links::ObjectList;
use twinproof_lwm2m::wire::{Direction, Entry, Path, Value, WireError};

use super::super::management::read;
use super::super::{Act, blocks, came};
use crate::checks::Found;
use crate::scene::{Datagram, Scene};

/// Where a device says how it can be reached, and the letters with which it does (TS 1.0.2 §5.3.1.1, and those
/// of later versions).
const BINDING: &str = "/3/0/16";
const LETTERS: &str = "UQSTNMH";

/// A list of links that a client answered with: below the alternate path under which it was asked, or without
/// it, which is open (OMA #534).
pub(super) fn links(request: &Datagram, body: &[u8]) -> Result<ObjectList, WireError> {
    let asked = request.packet();
    let segments = asked.iter().flat_map(|packet| packet.path());
    let segments = segments.map_while(Result::ok);
    let root = segments
        .take_while(|segment| !is_number(segment))
        .fold(String::new(), |root, segment| root + "/" + segment);
    let text = String::from_utf8_lossy(body);
    let list = ObjectList::parse(body)?;
    match root.is_empty() || !list.root.is_empty() {
        true => Ok(list),
        false => ObjectList::parse(text.replace(&format!("<{root}/"), "</").as_bytes()),
    }
}

fn is_number(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn discovered(
    scene: &Scene,
    act: &Act,
    within: &str,
    (has, mandatory): (&str, &[String]),
) -> Found {
    act.with(scene, |request, answer| {
        let expected =
            format!("2.05 with a list of links that has {has}, and nothing outside {within}");
        let Some(packet) = answer else {
            return Found::decide(false, expected, came(request, None));
        };
        let got = came(request, Some(&packet));
        if packet.code() != Code::CONTENT {
            return Found::decide(false, expected, got);
        }
        let format = packet.content_format().ok().flatten();
        if format != Some(ContentFormat::LINK_FORMAT) {
            let got = format!("{got}, and not in link-format");
            return Found::decide(false, expected, got);
        }
        let body = blocks::answered(scene, request, &packet);
        let list = match links(request, &body) {
            Ok(list) => list,
            Err(error) => return Found::decide(false, expected, format!("{got}: {error}")),
        };
        let listed = |path: &str| list.items.iter().any(|item| item.path.to_string() == path);
        let within = within.parse().unwrap_or(Path::ROOT);
        let outside = list.items.iter().find(|item| !item.path.is_within(within));
        let got = format!("{got}: {}", String::from_utf8_lossy(&body));
        if outside.is_some() || !listed(has) {
            return Found::decide(false, expected, got);
        }
        let missing: Vec<&str> = mandatory
            .iter()
            .map(String::as_str)
            .filter(|path| !listed(path))
            .collect();
        match missing.as_slice() {
            [] => Found::decide(true, expected, got),
            // Whether it is there, and not listed, nobody has seen.
            missing => {
                let expected = format!("{expected}, and what every device has");
                let got = format!("{got}, without {}", missing.join(" and "));
                Found::decide(false, expected, got).advisory()
            }
        }
    })
}

/// What an answer says of values, or why it says nothing.
pub(super) fn values(
    scene: &Scene,
    request: &Datagram,
    answer: Option<Packet<'_>>,
) -> Result<Vec<Entry>, String> {
    let got = came(request, answer.as_ref());
    let Some(packet) = answer.filter(|packet| packet.code() == Code::CONTENT) else {
        return Err(got);
    };
    // An alternate path is no part of what was asked for.
    let asked = request.packet();
    let segments = asked
        .iter()
        .flat_map(|request| request.path().map_while(Result::ok));
    let path = segments
        .skip_while(|segment| !is_number(segment))
        .fold(String::new(), |path, segment| path + "/" + segment);
    let body = blocks::answered(scene, request, &packet);
    let read = read((&packet, &body), &path, Direction::Report);
    read.map_err(|why| format!("{got}, which cannot be read: {why}"))
}

/// A value was read: it is there, and says what it can say.
pub(super) fn legible(scene: &Scene, act: &Act, path: &str) -> Found {
    let expected = match path {
        BINDING => format!("2.05 with {path}, which holds letters of a binding"),
        path => format!("2.05 with {path}"),
    };
    let at: Option<Path> = path.parse().ok();
    act.with(scene, |request, answer| {
        let entries = match values(scene, request, answer) {
            Ok(entries) => entries,
            Err(got) => return Found::decide(false, expected, got),
        };
        let own = entries
            .iter()
            .filter(|entry| at.is_some_and(|at| entry.path.is_within(at)));
        let own: Vec<&Value> = own.filter_map(|entry| entry.value.as_ref()).collect();
        let got: Vec<String> = own.iter().map(ToString::to_string).collect();
        let got = match got.as_slice() {
            [] => format!("2.05 without {path}"),
            got => format!("{path} = {}", got.join(", ")),
        };
        let says = |value: &&Value| match value {
            Value::String(binding) if path == BINDING => {
                !binding.is_empty() && binding.chars().all(|letter| LETTERS.contains(letter))
            }
            _ => path != BINDING,
        };
        Found::decide(!own.is_empty() && own.iter().all(says), expected, got)
    })
}

pub(super) fn shows(scene: &Scene, act: &Act, (path, value): (&str, &str)) -> Found {
    let expected = format!("2.05 with {path} = {value}");
    let path: Option<Path> = path.parse().ok();
    act.with(scene, |request, answer| {
        match values(scene, request, answer) {
            Ok(entries) => {
                let entry = entries.iter().find(|entry| Some(entry.path) == path);
                let shown = entry.and_then(|entry| entry.value.as_ref());
                let shown = shown.map_or("no such value".to_owned(), ToString::to_string);
                Found::decide(shown == value, expected, shown)
            }
            Err(got) => Found::decide(false, expected, got),
        }
    })
}

pub(super) fn unchanged(scene: &Scene, before: &Act, after: &Act) -> Found {
    let read = |act: &Act| {
        let mut entries = Err("no such request".to_owned());
        let seen = act.with(scene, |request, answer| {
            entries = values(scene, request, answer);
            Found::decide(true, "", "")
        });
        (entries, seen.evidence)
    };
    let ((first, mut evidence), (second, more)) = (read(before), read(after));
    evidence.extend(more);
    let written = |entries: &[Entry]| {
        let said = entries.iter().map(|entry| {
            let value = entry.value.as_ref();
            format!(
                "{} {}",
                entry.path,
                value.map_or_else(String::new, ToString::to_string)
            )
        });
        said.collect::<Vec<_>>().join(", ")
    };
    let found = match (first, second) {
        (Err(why), _) => Found::inconclusive("what was there before", why),
        (Ok(first), Err(why)) => {
            Found::inconclusive(format!("what is there after {}", written(&first)), why)
        }
        (Ok(first), Ok(second)) => {
            let (was, is) = (written(&first), written(&second));
            Found::decide(was == is, format!("still {was}"), is)
        }
    };
    found.shown_by(evidence)
}

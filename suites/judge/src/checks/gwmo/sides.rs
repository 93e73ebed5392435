//! What happens on the side of a gateway's devices, and at the origin of its images.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twinproof_dm::notification::Received;
use twinproof_dm::syncml::Data;
use twinproof_gwmo::gateway::TARGET_FIELD;

use super::super::dm::talk::{Talk, node};
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

pub(super) fn carried(talks: &[Talk], uri: &str, commands: &[(String, Option<String>)]) -> Found {
    let shown = |all: &[(String, Option<String>)]| {
        let each = all.iter().map(|(name, value)| match value {
            Some(value) => format!("{name} {uri} with {value:?}"),
            None => format!("{name} {uri}"),
        });
        match each.collect::<Vec<_>>() {
            none if none.is_empty() => format!("nothing of {uri}"),
            some => some.join(", "),
        }
    };
    let mut told = Vec::new();
    // What a device did not believe was not done, and may be said again.
    for said in believed(talks) {
        for command in said.commands() {
            let own = command.items().iter().filter(|item| {
                let target = item.target.as_ref();
                target.is_some_and(|target| node(&target.uri) == node(uri))
            });
            told.extend(own.map(|item| {
                let value = item.data.as_ref().and_then(Data::as_text);
                let value = value.filter(|value| !value.is_empty());
                (command.name().to_owned(), value.map(str::to_owned))
            }));
        }
    }
    Found::decide(told == commands, shown(commands), shown(&told))
        .shown_by(talks.iter().flat_map(Talk::numbers))
        .relying_on(&[NAMES])
}

pub(super) fn fetched(scene: &Scene, session: &Session, times: usize) -> Found {
    let asked: Vec<&Exchange> = wanted(scene, session)
        .filter(|e| e.method == "GET" && begins(e))
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

/// Whether a request wants something from its first octet on: what is fetched in parts is fetched once.
fn begins(exchange: &Exchange) -> bool {
    let mut fields = exchange.headers.iter();
    let range = fields.find(|(name, _)| name.eq_ignore_ascii_case("Range"));
    range.is_none_or(|(_, range)| range.starts_with("bytes=0-"))
}

/// What a server has pushed last to the gateway for a device.
fn pushed<'s>(scene: &'s Scene, session: &Session, server: &str) -> Option<&'s Exchange> {
    scene.exchanges.values().rfind(|exchange| {
        let here = exchange.from == server && exchange.to == SUT;
        let mut fields = exchange.headers.iter();
        here && exchange.number > session.after
            && fields.any(|(name, _)| name.eq_ignore_ascii_case(TARGET_FIELD))
    })
}

pub(super) fn unrelayed(scene: &Scene, session: &Session, server: &str) -> Found {
    let expected = "the notification that was to be passed on, and nothing else";
    let Some(pushed) = pushed(scene, session, server) else {
        return Found::inconclusive(expected, "the server sent none that was");
    };
    let octets = pushed.body.octets();
    let came = wanted(scene, session).partition(|exchange| exchange.body.octets() == octets);
    let (right, others): (Vec<&Exchange>, Vec<&Exchange>) = came;
    let numbers = |all: &[&Exchange]| {
        all.iter()
            .map(|exchange| exchange.number)
            .collect::<Vec<_>>()
    };
    match (others.as_slice(), right.as_slice()) {
        ([], []) => {
            // Who passes nothing on has not told the one from the other.
            let got = "nothing, not even that one";
            Found::inconclusive(expected, got).shown_by([pushed.number])
        }
        ([], right) => Found::decide(true, expected, "so it is")
            .shown_by(numbers(right))
            .relying_on(&[NAMED]),
        (others, _) => {
            let got = format!("{} others", others.len());
            Found::decide(false, expected, got).shown_by(numbers(others))
        }
    }
}

pub(super) fn relayed(scene: &Scene, session: &Session, server: &str) -> Found {
    let expected = "a notification with the octets that the server sent";
    let Some(pushed) = pushed(scene, session, server) else {
        return Found::inconclusive(expected, "the server sent none");
    };
    let octets = pushed.body.octets();
    let whose = |octets: &[u8]| Received::parse(octets).ok().map(|r| r.trigger.server_id);
    let server_id = whose(&octets);
    // What the gateway has to say to the device itself is its own business.
    let own = |exchange: &&Exchange| {
        let other = whose(&exchange.body.octets());
        other.is_none() || other == server_id
    };
    let came: Vec<&Exchange> = wanted(scene, session).filter(own).collect();
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

pub(super) fn brought(scene: &Scene, session: &Session, octets: &str) -> Found {
    let expected = format!("what the server has put in, once for {}", session.party);
    let came: Vec<&Exchange> = wanted(scene, session).collect();
    let right = came
        .iter()
        .filter(|exchange| STANDARD.encode(exchange.body.octets()) == octets);
    let got = match (came.len(), right.count()) {
        (0, _) => "nothing".to_owned(),
        (1, 1) => "that".to_owned(),
        (all, right) => format!("{all} requests, {right} of them with it"),
    };
    let numbers = came.iter().map(|exchange| exchange.number);
    Found::decide(got == "that", expected, got)
        .shown_by(numbers)
        .relying_on(&[NAMES])
}

pub(super) fn served(scene: &Scene, session: &Session, origin: &str) -> Found {
    let expected = format!("the octets of {origin}");
    let answer = |from: &str, to: &str| {
        let found = scene.exchanges.values().filter(|exchange| {
            (exchange.from.as_str(), exchange.to.as_str()) == (from, to) && exchange.method == "GET"
        });
        let found: Vec<&Exchange> = found.collect();
        let first = found.iter().rposition(|exchange| begins(exchange))?;
        let mut octets = Vec::new();
        for exchange in &found[first..] {
            let response = exchange.response.as_ref().filter(|r| r.is_success())?;
            octets.extend_from_slice(&response.body);
        }
        Some((found[first].number, octets))
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

/// What the gateway says to somebody: the number of the exchange, and each piece of it. That is its requests, and its
/// answers to what others ask; and the pseudonyms of what was concealed where that cannot be seen in them.
pub(super) fn told(scene: &Scene, session: &Session) -> Vec<(u64, Vec<Vec<u8>>)> {
    let upto = session.upto.unwrap_or(u64::MAX);
    let mut told = Vec::new();
    for exchange in scene.exchanges.values() {
        if exchange.number <= session.after || exchange.number > upto {
            continue;
        }
        let (headers, body): (Vec<String>, _) = match (exchange.from.as_str(), exchange.to.as_str())
        {
            (SUT, to) if to == session.party => {
                let headers = exchange.headers.iter().map(|(_, value)| value.clone());
                (headers.collect(), &exchange.body)
            }
            (from, SUT) if from == session.party => {
                match (&exchange.response, &exchange.response_body) {
                    (Some(response), Some(body)) => {
                        let headers = response.headers.iter().map(|(_, value)| value.to_owned());
                        (headers.collect(), body)
                    }
                    _ => continue,
                }
            }
            _ => continue,
        };
        let concealed = body.concealed.iter().cloned();
        let texts = headers.into_iter().chain(concealed).map(String::into_bytes);
        told.push((exchange.number, texts.chain([body.octets()]).collect()));
    }
    told
}

/// The first of these names that octets have, in capitals or not, and not as a part of another name.
pub(super) fn named_in<'n>(octets: &[u8], names: &'n [String]) -> Option<&'n String> {
    let mut known = names.iter().filter(|name| !name.is_empty());
    let goes_on = |octet: Option<&u8>| {
        octet.is_some_and(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(octet))
    };
    known.find(|name| {
        let mut windows = octets.windows(name.len()).enumerate();
        windows.any(|(at, window)| {
            let before = at.checked_sub(1).and_then(|at| octets.get(at));
            window.eq_ignore_ascii_case(name.as_bytes())
                && !goes_on(before)
                && !goes_on(octets.get(at + name.len()))
        })
    })
}

pub(super) fn discreet(scene: &Scene, session: &Session, of: &[String]) -> Found {
    let expected = format!("no word of {}", of.join(", "));
    let told = told(scene, session);
    for (number, pieces) in &told {
        if let Some(name) = pieces.iter().find_map(|piece| named_in(piece, of)) {
            // That a device is not told who is above the gateway, no text demands.
            let got = format!("{name} in what the gateway says to {}", session.party);
            return Found::decide(false, expected, got)
                .shown_by([*number])
                .advisory();
        }
    }
    match told.is_empty() {
        true => Found::inconclusive(expected, "the gateway said nothing to the device"),
        false => {
            let numbers = told.iter().map(|(number, _)| *number);
            Found::decide(true, expected, "none").shown_by(numbers)
        }
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

/// Judges that a device and a server are kept apart. A request that the network turned away has no response.
pub(super) fn shielded(
    scene: &Scene,
    session: &Session,
    server: &str,
    server_id: Option<&str>,
) -> Found {
    let device = session.party.as_str();
    let expected = format!("nothing between {device} and {server}, and what is for {device}");
    let upto = session.upto.unwrap_or(u64::MAX);
    let now = scene
        .exchanges
        .values()
        .filter(|exchange| (exchange.number > session.after) && exchange.number <= upto);
    let between = |exchange: &Exchange, one: &str, other: &str| {
        let ends = (exchange.from.as_str(), exchange.to.as_str());
        ends == (one, other) || ends == (other, one)
    };
    let (mut met, mut spoken) = (Vec::new(), Vec::new());
    for exchange in now {
        let turned_away = exchange.to == device && exchange.response.is_none();
        if between(exchange, device, server) && !turned_away {
            met.push(exchange);
        } else if between(exchange, device, SUT) {
            spoken.push(exchange);
        }
    }
    if spoken.is_empty() {
        return Found::inconclusive(expected, format!("nothing for {device}"));
    }
    if !met.is_empty() {
        let got = format!("{} requests between them", met.len());
        let numbers = met.iter().map(|exchange| exchange.number);
        return Found::decide(false, expected, got).shown_by(numbers);
    }
    let names = |octets: &[u8]| {
        server_id.is_some_and(|id| {
            let mut windows = octets.windows(id.len().max(1));
            !id.is_empty() && windows.any(|window| window == id.as_bytes())
        })
    };
    let naming = spoken.iter().filter(|exchange| match exchange.from == SUT {
        true => names(&exchange.body.octets()),
        false => exchange.response.as_ref().is_some_and(|r| names(&r.body)),
    });
    let naming: Vec<u64> = naming.map(|exchange| exchange.number).collect();
    if !naming.is_empty() {
        // That a device is not told who is above the gateway, no text demands.
        let got = format!("nothing between them, and {server} named to {device}");
        return Found::decide(false, expected, got)
            .shown_by(naming)
            .advisory();
    }
    let numbers = spoken.iter().map(|exchange| exchange.number);
    Found::decide(true, expected, "just that").shown_by(numbers)
}

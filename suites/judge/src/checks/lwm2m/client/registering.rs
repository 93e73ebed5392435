//! How a client registers with its servers, and keeps its registrations.

use twinproof_coap::{Class, Code, ContentFormat, Packet, option};
use twinproof_lwm2m::wire::links::ObjectList;

use crate::checks::Found;
use crate::datagram::registers;
use crate::scene::{Datagram, SUT, Scene};

/// A registration as a client asked for it.
pub(in crate::checks::lwm2m) struct Registration<'s> {
    pub(in crate::checks::lwm2m) datagram: &'s Datagram,
    pub(in crate::checks::lwm2m) packet: Packet<'s>,
}

/// The registrations that the client asked a server for after a number, without copies.
pub(in crate::checks::lwm2m) fn registrations<'s>(
    scene: &'s Scene,
    (server, after): (&str, u64),
) -> Vec<Registration<'s>> {
    let mut found: Vec<Registration<'s>> = Vec::new();
    for datagram in &scene.datagrams {
        if datagram.number <= after || datagram.from != SUT || datagram.to != server {
            continue;
        }
        let Some(packet) = datagram.packet().filter(begins) else {
            continue;
        };
        if !scene.is_copy(datagram) {
            found.push(Registration { datagram, packet });
        }
    }
    found
}

/// Whether a client asks for a registration, and that is no later block of one.
fn begins(packet: &Packet<'_>) -> bool {
    let block = packet.block(option::BLOCK1).ok().flatten();
    registers(packet) && block.is_none_or(|block| block.num() == 0)
}

impl Registration<'_> {
    /// The list of objects in it, of which later blocks may bring the rest.
    fn list(&self, scene: &Scene) -> Result<ObjectList, String> {
        let mut body = self.packet.payload().to_vec();
        let mut next = 1;
        for datagram in &scene.datagrams {
            let later = datagram.number > self.datagram.number
                && (&datagram.from, &datagram.to) == (&self.datagram.from, &self.datagram.to);
            let Some(packet) = datagram.packet().filter(|p| later && registers(p)) else {
                continue;
            };
            match packet.block(option::BLOCK1).ok().flatten() {
                Some(block) if block.num() == next => {
                    body.extend_from_slice(packet.payload());
                    next += 1;
                }
                _ => {}
            }
        }
        ObjectList::parse(&body).map_err(|error| error.to_string())
    }
}

/// What a server of the client, which the tester plays, answered it; none if that was lost.
fn reply<'s>(scene: &'s Scene, request: &Datagram) -> Option<Packet<'s>> {
    let asked = request.packet()?;
    scene.datagrams.iter().find_map(|datagram| {
        let back = datagram.number > request.number
            && (&datagram.from, &datagram.to) == (&request.to, &request.from);
        datagram.packet().filter(|packet| {
            let answers = packet.code().class() == Class::Response;
            back && answers && packet.token_bytes() == asked.token_bytes()
        })
    })
}

impl Registration<'_> {
    /// What its server made of it: of its last block, if it came in blocks.
    fn outcome(&self, scene: &Scene) -> Option<Code> {
        let code = reply(scene, self.datagram)?.code();
        if code != Code::CONTINUE {
            return Some(code);
        }
        let later = scene.datagrams.iter().filter(|datagram| {
            datagram.number > self.datagram.number
                && (&datagram.from, &datagram.to) == (&self.datagram.from, &self.datagram.to)
                && datagram.packet().is_some_and(|packet| registers(&packet))
        });
        let mut codes = later.filter_map(|datagram| Some(reply(scene, datagram)?.code()));
        codes.find(|code| *code != Code::CONTINUE)
    }
}

pub(super) fn introduced(scene: &Scene, at: (&str, u64)) -> Found {
    let expected = "a confirmed registration with an endpoint name, the version of the enabler, and /3/0 \
                    in its list, once";
    let all = registrations(scene, at);
    let confirmed = all
        .iter()
        .find(|one| one.outcome(scene) == Some(Code::CREATED));
    let Some(registration) = confirmed.or(all.first()) else {
        return Found::inconclusive(expected, "the client asked for no registration");
    };
    let name = registration.packet.query("ep");
    let mut said = match name {
        Some("") | None => "no endpoint name".to_owned(),
        Some(name) => format!("ep={name}"),
    };
    let versioned = registration.packet.query("lwm2m").is_some();
    if !versioned {
        said.push_str(", no version of the enabler");
    }
    let number = registration.datagram.number;
    let list = match registration.list(scene) {
        Ok(list) => list,
        Err(why) => {
            let got = format!("{said}, and a list that cannot be read: {why}");
            return Found::decide(false, expected, got).shown_by([number]);
        }
    };
    let devices = list
        .items
        .iter()
        .filter(|item| item.path.object() == Some(3));
    let instances = devices.clone().filter(|item| item.path.ids().len() == 2);
    let (instances, whole) = (instances.count(), devices.count());
    let named = name.is_some_and(|name| !name.is_empty());
    let got = match (instances, whole) {
        (0, 0) => format!("{said}, and a list without the device"),
        (0, _) => format!("{said}, and a list with /3, but without its instance"),
        (count, _) => format!("{said}, and a list with {count} of /3/0"),
    };
    let holds = named && versioned && instances == 1;
    if holds && confirmed.is_none() {
        let outcome = match registration.outcome(scene) {
            Some(code) => format!("{got}, and its server refused it with {code}"),
            None => format!("{got}, and no answer to it was recorded"),
        };
        return Found::inconclusive(expected, outcome).shown_by([number]);
    }
    let format = registration.packet.content_format().ok().flatten();
    if holds && format != Some(ContentFormat::LINK_FORMAT) {
        // Nobody who reads it takes it for anything else.
        let got = format!("{got}, which is not said to be in link-format");
        return Found::decide(false, expected, got)
            .advisory()
            .shown_by([number]);
    }
    let found = Found::decide(holds, expected, got).shown_by([number]);
    match named && versioned && instances == 0 && whole > 0 {
        // That an object is there without saying so of its only instance misleads nobody.
        true => found.advisory(),
        false => found,
    }
}

pub(super) fn unlisted(scene: &Scene, at: (&str, u64), object: u16) -> Found {
    let expected = format!("a list of objects without /{object}");
    let Some(registration) = registrations(scene, at).into_iter().next() else {
        return Found::inconclusive(expected, "the client asked for no registration");
    };
    let number = registration.datagram.number;
    match registration.list(scene) {
        Ok(list) => {
            let there = list.items.iter().map(|item| item.path);
            let there = there.filter(|path| path.object() == Some(object));
            let there: Vec<String> = there.map(|path| path.to_string()).collect();
            let got = match there.as_slice() {
                [] => "none of it".to_owned(),
                some => some.join(", "),
            };
            Found::decide(there.is_empty(), expected, got)
        }
        Err(why) => Found::inconclusive(expected, format!("a list that cannot be read: {why}")),
    }
    .shown_by([number])
}

/// The client has registered once more, and its server took that.
pub(super) fn again(
    scene: &Scene,
    at: (&str, u64),
    forgotten: bool,
    refused_by: Option<&str>,
) -> Found {
    let again = registrations(scene, at);
    let expected = "a new registration that its server confirms";
    if let Some(first) = refused_by {
        let mut before = registrations(scene, (first, at.1)).into_iter();
        if !before.any(|one| one.outcome(scene) == Some(Code::FORBIDDEN)) {
            let got = format!("the client was refused nothing by its {first}");
            return Found::inconclusive(expected, got);
        }
    }
    if forgotten && again.is_empty() && updates(scene, at).is_empty() {
        let got = "no update, by which the client could have learnt that it is forgotten";
        return Found::inconclusive(expected, got);
    }
    let outcomes: Vec<Option<Code>> = again.iter().map(|one| one.outcome(scene)).collect();
    let confirmed = outcomes.contains(&Some(Code::CREATED));
    let numbers: Vec<u64> = again.iter().map(|one| one.datagram.number).collect();
    let got = match (again.len(), outcomes.last().copied().flatten()) {
        (0, _) => "none".to_owned(),
        (count, _) if confirmed => format!("{count} of them"),
        (_, Some(Code::PRECONDITION_FAILED)) => {
            let got = "one for a version of the enabler that the profile does not claim";
            return Found::inconclusive(expected, got).shown_by(numbers);
        }
        (_, Some(code)) => format!("one that its server had to refuse with {code}"),
        (_, None) => {
            let got = "one, and no answer to it was recorded";
            return Found::inconclusive(expected, got).shown_by(numbers);
        }
    };
    let found = Found::decide(confirmed, expected, got).shown_by(numbers);
    match forgotten {
        // Only a test case says what a client does then.
        true => found.advisory(),
        false => found,
    }
}

/// The client has updated its registration, and its server took that; with this life time, where one was
/// written.
pub(super) fn updated(scene: &Scene, at: (&str, u64), lifetime: Option<u32>) -> Found {
    let mut all = updates(scene, at);
    all.retain(|update| reply(scene, update).is_none_or(|answer| !answer.code().is_error()));
    let Some(lifetime) = lifetime else {
        let got = format!("{} of them", all.len());
        let expected = "an update of the registration that its server confirms";
        return Found::decide(!all.is_empty(), expected, got).shown_by(numbers(&all));
    };
    let expected = format!("an update of the registration with lt={lifetime}");
    let says = |packet: &Packet<'_>| {
        let said = packet.query("lt").and_then(|lt| lt.parse().ok());
        said == Some(lifetime)
    };
    let told = all.iter().filter_map(|update| update.packet());
    let told = told.filter(says).count();
    let mut anew = registrations(scene, at).into_iter();
    let got = match told {
        0 => format!("{} updates, none with that life time", all.len()),
        told => format!("{told} of them"),
    };
    let found = Found::decide(told > 0, expected, got).shown_by(numbers(&all));
    let found = found.by("TS LwM2M 1.0 §5.3.2");
    match anew.any(|one| says(&one.packet)) {
        // Its server knows the life time in another way.
        true => found.advisory(),
        false => found,
    }
}

/// A request that came twice was done once.
pub(super) fn once(scene: &Scene, at: (&str, u64)) -> Found {
    let updates = updates(scene, at);
    let expected = "one update of the registration";
    let got = format!("{} of them", updates.len());
    let found = match updates.len() {
        0 => Found::inconclusive(expected, got),
        // RFC 7252 §4.5 only recommends that a message is processed once.
        count => Found::decide(count == 1, expected, got).advisory(),
    };
    found.shown_by(numbers(&updates)).by("RFC 7252 §4.5")
}

fn numbers<'s>(datagrams: &[&'s Datagram]) -> impl Iterator<Item = u64> + use<'s> {
    let numbers: Vec<_> = datagrams.iter().map(|datagram| datagram.number).collect();
    numbers.into_iter()
}

/// The updates of its registration that the client sent a server after a number, without copies.
pub(in crate::checks::lwm2m) fn updates<'s>(
    scene: &'s Scene,
    (server, after): (&str, u64),
) -> Vec<&'s Datagram> {
    let sent = scene.datagrams.iter().filter(|datagram| {
        let mine = datagram.number > after && datagram.from == SUT && datagram.to == server;
        let updates = |packet: Packet<'_>| {
            let located = packet.path().count() > 1 && packet.path().next() == Some(Ok("rd"));
            packet.code() == Code::POST && located
        };
        mine && datagram.packet().is_some_and(updates) && !scene.is_copy(datagram)
    });
    sent.collect()
}

/// How often the client asked for a registration: copies count, unless it is asked to wait longer than it
/// was watched.
pub(super) fn patient(
    scene: &Scene,
    (server, after): (&str, u64),
    seconds: u64,
    put_off: bool,
) -> Found {
    let sent = scene.datagrams.iter().filter(|datagram| {
        datagram.number > after
            && (datagram.from == SUT && datagram.to == server)
            && datagram.packet().is_some_and(|packet| begins(&packet))
    });
    let sent: Vec<&Datagram> = match put_off {
        true => {
            let all = registrations(scene, (server, after)).into_iter();
            all.map(|one| one.datagram).collect()
        }
        false => sent.collect(),
    };
    let (expected, most) = match put_off {
        true => ("one attempt, since the server asks to wait longer", 1),
        false => (
            "one attempt or more, but no more than one in a second",
            seconds,
        ),
    };
    let got = format!("{} in {seconds} s", sent.len());
    let found = match sent.len() as u64 {
        0 => Found::inconclusive(expected, got),
        // No text says how soon is too soon.
        count => Found::decide(count <= most, expected, got).advisory(),
    };
    found.shown_by(numbers(&sent))
}

/// What a clock may be off by, µs.
const SLACK: u64 = 500_000;

/// How many messages in which time are a storm, whatever the times of a client are, µs.
const STORM: (usize, u64) = (8, 10_000_000);

pub(super) fn backs_off(scene: &Scene, (server, after): (&str, u64)) -> Found {
    let expected = "each registration repeated after gaps that double";
    let sent = scene.datagrams.iter().filter_map(|datagram| {
        let mine = datagram.number > after && datagram.from == SUT && datagram.to == server;
        let packet = datagram.packet().filter(|packet| mine && begins(packet))?;
        Some((packet.message_id(), datagram))
    });
    let sent: Vec<(u16, &Datagram)> = sent.collect();
    let Some(&(first, _)) = sent.first() else {
        return Found::inconclusive(expected, "no registration");
    };
    let mut copies = sent.iter().filter(|(id, _)| *id == first);
    let times: Vec<u64> = copies.by_ref().map(|(_, datagram)| datagram.at).collect();
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let said = gaps
        .iter()
        .map(|gap| format!("{}.{} s", gap / 1_000_000, gap / 100_000 % 10));
    let got = match gaps.as_slice() {
        [] => format!("{} registrations, and the first not repeated", sent.len()),
        _ => format!(
            "{} messages, the first repeated after {}",
            sent.len(),
            said.collect::<Vec<_>>().join(", ")
        ),
    };
    let doubles = gaps
        .windows(2)
        .all(|pair| 2 * (pair[1] + SLACK) >= 3 * pair[0]);
    let (many, span) = STORM;
    let storm = sent
        .windows(many)
        .any(|some| some[many - 1].1.at - some[0].1.at < span);
    let found = Found::decide(doubles && !storm, expected, got);
    let found = found.shown_by(sent.iter().map(|(_, datagram)| datagram.number));
    match doubles {
        // No text says how many messages are too many.
        true => found.advisory(),
        false => found.by("RFC 7252 §4.2"),
    }
}

/// How often a message is sent at most that nobody answers (RFC 7252 §4.8: MAX_RETRANSMIT, and once before).
const MOST: usize = 5;

pub(super) fn gives_up(scene: &Scene, (server, after): (&str, u64)) -> Found {
    let expected = format!("no registration sent more than {MOST} times");
    let all = registrations(scene, (server, after));
    let copies = all.iter().map(|one| {
        let id = one.packet.message_id();
        let sent = scene.datagrams.iter().filter(|datagram| {
            let mine = datagram.number > after && datagram.from == SUT && datagram.to == server;
            let packet = datagram.packet().filter(|packet| mine && begins(packet));
            packet.is_some_and(|packet| packet.message_id() == id)
        });
        sent.map(|datagram| datagram.number).collect::<Vec<u64>>()
    });
    let Some(most) = copies.max_by_key(Vec::len) else {
        return Found::inconclusive(expected, "no registration");
    };
    let got = format!(
        "{} registrations, one of them sent {} times",
        all.len(),
        most.len()
    );
    // Who has reason to may choose other numbers (RFC 7252 §4.8.1).
    let found = Found::decide(most.len() <= MOST, expected, got).advisory();
    found.by("RFC 7252 §4.2, §4.8").shown_by(most)
}

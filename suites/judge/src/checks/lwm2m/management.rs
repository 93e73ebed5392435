//! What becomes of an operator's wish: what reaches the device, and what comes back.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use coap_lite::link_format::LinkFormatParser;
use serde::{Deserialize, Serialize};
use twinproof_coap::{Class, Code, ContentFormat, Packet, option};
use twinproof_lwm2m::model::Registry;
use twinproof_lwm2m::upper::{Answer, Reply};
use twinproof_lwm2m::wire::{self, Direction, Entry, Path, Value};

use super::{blocks, coded};
use crate::checks::Found;
use crate::scene::{Datagram, Operated, SUT, Scene};

/// The definitions of the objects that simulated devices have.
pub(super) static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The device was asked once, and for this.
    Carried {
        /// The operation.
        wish: Wish,
        /// What the device should have been asked.
        asked: Asked,
    },
    /// The operator is told what the device answered, and nothing else.
    Told {
        /// The operation.
        wish: Wish,
        /// What the device has to answer for that to mean anything: `2.05`.
        code: String,
        /// The server need not know the type of what it shows.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        untyped: bool,
    },
    /// The operation reached this device, and no other.
    Reached {
        /// The operation.
        wish: Wish,
        /// Somebody else tried to lead it away.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        led_away: bool,
    },
    /// The device was sent a long value in blocks that fit together.
    InBlocks {
        /// The operation.
        wish: Wish,
        /// Where it is written.
        path: Path,
        /// How many octets of the [pattern](octets) it has.
        octets: usize,
    },
}

/// An operation on a device.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Wish {
    /// Its number in the scene.
    pub operated: u64,
    /// The last number before it.
    pub after: u64,
    /// The device.
    pub party: String,
    /// The path, where the device is asked for others as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// A long value: octets of which no two blocks are alike.
pub fn octets(count: usize) -> Vec<u8> {
    let of = |at: usize| u8::try_from((at * 31 + at / 251) % 256).unwrap_or_default();
    (0..count).map(of).collect()
}

/// What a device is asked.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Asked {
    /// The method's code: `0.01`.
    pub method: String,
    /// The path.
    pub path: String,
    /// Observe, where it has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observe: Option<u32>,
    /// The arguments of the query, in any order.
    pub query: Vec<String>,
    /// The content format that is asked for, where it has to be.
    pub accept: Option<u16>,
    /// The values that are written, as `path value`, in any order.
    pub values: Vec<String>,
    /// The arguments of an execution.
    pub text: Option<String>,
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        let (Self::Carried { wish, .. }
        | Self::Told { wish, .. }
        | Self::Reached { wish, .. }
        | Self::InBlocks { wish, .. }) = self;
        let Some(operated) = scene.operated.get(&wish.operated) else {
            let expected = format!("operation {}", wish.operated);
            return Found::broken(expected, "it was not recorded");
        };
        let requests = wish.requests(scene);
        let numbers = requests.iter().map(|request| request.number);
        let shown: Vec<u64> = numbers.chain([wish.operated]).collect();
        let found = match self {
            Self::Carried { asked, .. } => carried(scene, wish, &requests, asked),
            Self::Told { code, untyped, .. } => {
                told(scene, &requests, operated, (code.as_str(), *untyped))
            }
            Self::Reached { led_away, .. } => reached(scene, wish, *led_away),
            Self::InBlocks { path, octets, .. } => blocks::in_blocks(scene, wish, *path, *octets),
        };
        found.shown_by(shown)
    }
}

impl Wish {
    /// The requests that reached the device for it, without repetitions and requests for further blocks.
    fn requests<'s>(&self, scene: &'s Scene) -> Vec<&'s Datagram> {
        let mut seen = Vec::new();
        let mut requests = Vec::new();
        for datagram in &scene.datagrams {
            let within = datagram.number > self.after && datagram.number < self.operated;
            let Some(packet) = datagram
                .packet()
                .filter(|_| within && datagram.from == SUT && datagram.to == self.party)
            else {
                continue;
            };
            let further = [option::BLOCK1, option::BLOCK2].iter().any(|number| {
                let block = packet.block(*number).ok().flatten();
                block.is_some_and(|block| block.num() > 0)
            });
            let elsewhere = self
                .path
                .as_ref()
                .is_some_and(|path| path_of(&packet) != *path);
            let name = (packet.message_id(), packet.token());
            let counts = packet.code().class() == Class::Request && !further && !elsewhere;
            if counts && !seen.contains(&name) {
                seen.push(name);
                requests.push(datagram);
            }
        }
        requests
    }
}

fn carried(scene: &Scene, wish: &Wish, requests: &[&Datagram], asked: &Asked) -> Found {
    let expected = serde_json::to_string(asked).unwrap_or_default();
    let [request] = requests else {
        let lines: Vec<String> = requests
            .iter()
            .filter_map(|r| r.packet())
            .map(|p| p.to_string())
            .collect();
        let got = match lines.as_slice() {
            [] => "no request".to_owned(),
            lines => format!("{} requests: {}", lines.len(), lines.join("; ")),
        };
        return Found::decide(false, format!("one request: {expected}"), got);
    };
    let Some(packet) = request.packet() else {
        return Found::broken(expected, "a request that cannot be read");
    };
    // However little it is, it may come in blocks.
    let body = blocks::body(scene, wish, &packet);
    let mut got = packet.to_string();
    if body != packet.payload() {
        got = format!("{got}, {} octets in blocks", body.len());
    }
    Found::decide(
        is_asked(&packet, &body, asked),
        format!("one request: {expected}"),
        got,
    )
}

fn is_asked(packet: &Packet<'_>, body: &[u8], asked: &Asked) -> bool {
    let sorted = |mut list: Vec<String>| {
        list.sort_unstable();
        list
    };
    let query = packet
        .queries()
        .filter_map(Result::ok)
        .map(str::to_owned)
        .collect();
    let accept = packet.accept().ok().flatten().map(|format| format.0);
    let written = match asked.values.as_slice() {
        [] => true,
        values => read((packet, body), &path_of(packet), Direction::Write).is_ok_and(|entries| {
            let got = entries.iter().map(described).collect();
            sorted(got) == sorted(values.to_vec())
        }),
    };
    let text = match &asked.text {
        Some(text) => body == text.as_bytes(),
        // What is no write and no execution has nothing to say.
        None => !asked.values.is_empty() || body.is_empty(),
    };
    Some(packet.code()) == coded(&asked.method)
        && path_of(packet) == asked.path
        && sorted(query) == sorted(asked.query.clone())
        && (asked.observe.is_none() || packet.observe() == Ok(asked.observe))
        && (asked.accept.is_none() || asked.accept == accept)
        && written
        && text
}

/// The path that a request asks for.
pub(super) fn path_of(packet: &Packet<'_>) -> String {
    let segments = packet.path().map_while(Result::ok);
    segments.fold(String::new(), |path, segment| path + "/" + segment)
}

/// The values in a message with this body.
pub(super) fn read(
    (packet, body): (&Packet<'_>, &[u8]),
    path: &str,
    direction: Direction,
) -> Result<Vec<Entry>, String> {
    let format = packet.content_format().map_err(|error| error.to_string())?;
    let format = format.unwrap_or(ContentFormat::TEXT);
    // What is asked for several places at once is asked of the root, whose path has no segments.
    let path: Path = match path {
        "" => Path::ROOT,
        path => path.parse().map_err(|error| format!("{error}"))?,
    };
    let kinds = |path: Path| REGISTRY.kind(path);
    let entries = wire::decode(format, direction, path, body, &kinds);
    entries.map_err(|error| error.to_string())
}

fn described(entry: &Entry) -> String {
    match &entry.value {
        Some(value) => format!("{} {value}", entry.path),
        None => entry.path.to_string(),
    }
}

fn told(
    scene: &Scene,
    requests: &[&Datagram],
    operated: &Operated,
    (code, untyped): (&str, bool),
) -> Found {
    let expected = "what the device answered";
    let [request] = requests else {
        let got = format!("{} requests reached the device", requests.len());
        return Found::inconclusive(expected, got);
    };
    let Some((request, (said, body))) = request.packet().zip(said(scene, request)) else {
        return Found::inconclusive(expected, "the device did not answer");
    };
    if Some(said.code()) != coded(code) {
        let expected = format!("an answer {code} of the device");
        return Found::inconclusive(expected, said.to_string());
    }
    let expected = format!("what the device answered: {said}");
    let got = serde_json::to_string(&operated.answer).unwrap_or_default();
    let reply = match &operated.answer {
        Answer::Reply(reply) => reply,
        // An operator interface may put an error into its own words.
        Answer::Refused(_) if said.code().is_error() => return Found::decide(true, expected, got),
        // What was asked for has come; some operator interfaces do not say what became of what they kept.
        Answer::Kept { .. } => return Found::not_applicable(expected, got),
        _ => return Found::decide(false, expected, got),
    };
    let agrees = agrees(reply, &request, (&said, &body))
        || untyped && reply.code == said.code() && agrees_in_words(reply, &body);
    Found::decide(agrees, expected, got)
}

/// A target and its attributes.
type Link = (String, BTreeSet<(String, String)>);

/// What links say, whatever the order and the quotes: an operator interface may show them as it likes.
fn links(payload: &[u8]) -> Option<BTreeSet<Link>> {
    let text = std::str::from_utf8(payload).ok()?;
    let links = LinkFormatParser::new(text).map(|link| {
        let (target, attributes) = link.ok()?;
        let attributes =
            attributes.map(|(key, value)| (key.to_owned(), value.to_cow().into_owned()));
        Some((target.to_owned(), attributes.collect()))
    });
    links.collect()
}

fn reached(scene: &Scene, wish: &Wish, led_away: bool) -> Found {
    let expected = format!("a request to {}, and to nobody else", wish.party);
    let within = scene
        .datagrams
        .iter()
        .filter(|d| d.number > wish.after && d.number < wish.operated && d.from == SUT);
    let asked = within.filter(|datagram| {
        let packet = datagram.packet();
        let is_request = packet.is_some_and(|packet| packet.code().class() == Class::Request);
        is_request && !scene.is_copy(datagram)
    });
    let mut parties: Vec<&str> = asked.map(|datagram| datagram.to.as_str()).collect();
    parties.sort_unstable();
    parties.dedup();
    let got = match parties.as_slice() {
        [] => "no request".to_owned(),
        parties => format!("requests to {}", parties.join(", ")),
    };
    let found = Found::decide(parties == [wish.party.as_str()], expected, got);
    match led_away {
        true => found.under(&["LW-D32"]),
        false => found,
    }
}

/// What the device answered to a request, with its whole body.
fn said<'s>(scene: &'s Scene, request: &Datagram) -> Option<(Packet<'s>, Vec<u8>)> {
    let asked = request.packet()?;
    let after = scene.datagrams.iter();
    let after = after.filter(|datagram| datagram.number >= request.number);
    // A long value is asked for with a token per block.
    let blocks = after
        .clone()
        .filter(|d| d.from == SUT && d.to == request.to);
    let blocks = blocks.filter_map(Datagram::packet).filter(|packet| {
        packet.code() == asked.code()
            && path_of(packet) == path_of(&asked)
            && packet.value(option::BLOCK1).is_some()
    });
    let tokens: Vec<_> = blocks.map(|packet| packet.token()).collect();
    let answers = after.filter(|d| d.from == request.to && d.to == SUT);
    let mut packets = answers.filter_map(Datagram::packet);
    let first = packets.find(|packet| {
        packet.code().class() == Class::Response
            && packet.code() != Code::CONTINUE
            && (packet.token() == asked.token() || tokens.contains(&packet.token()))
    })?;
    let mut body = first.payload().to_vec();
    let block = |packet: &Packet<'_>| packet.block(option::BLOCK2).ok().flatten();
    let mut more = block(&first).is_some_and(|block| block.more());
    for packet in packets {
        if !more {
            break;
        }
        let next = block(&packet).filter(|_| packet.code() == first.code());
        if let Some(next) = next.filter(|next| next.num() as usize * next.size() == body.len()) {
            body.extend_from_slice(packet.payload());
            more = next.more();
        }
    }
    Some((first, body))
}

fn agrees(reply: &Reply, request: &Packet<'_>, (said, body): (&Packet<'_>, &[u8])) -> bool {
    if reply.code != said.code() {
        return false;
    }
    if said.code() != Code::CONTENT {
        return true;
    }
    if said.content_format() == Ok(Some(ContentFormat::LINK_FORMAT)) {
        let told = reply.links.as_deref().map(str::as_bytes).and_then(links);
        return told.is_some() && told == links(body);
    }
    let sorted = |entries: &[Entry]| {
        let mut entries: Vec<String> = entries.iter().map(described).collect();
        entries.sort_unstable();
        entries
    };
    read((said, body), &path_of(request), Direction::Report)
        .is_ok_and(|entries| sorted(&entries) == sorted(&reply.values))
}

/// Whether a single value is shown as the device put it into words, or as bare octets.
fn agrees_in_words(reply: &Reply, body: &[u8]) -> bool {
    let [entry] = reply.values.as_slice() else {
        return false;
    };
    match &entry.value {
        Some(Value::String(text)) => text.as_bytes() == body,
        Some(Value::Opaque(octets)) => octets == body,
        Some(other) => other.to_string().as_bytes() == body,
        None => false,
    }
}

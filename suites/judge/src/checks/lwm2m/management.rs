//! What becomes of an operator's wish: what reaches the device, and what comes back.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use coap_lite::link_format::LinkFormatParser;
use serde::{Deserialize, Serialize};
use twinproof_coap::{Class, Code, ContentFormat, Packet, option};
use twinproof_lwm2m::model::Registry;
use twinproof_lwm2m::upper::{Answer, Reply};
use twinproof_lwm2m::wire::{self, Direction, Entry, Path};

use super::coded;
use crate::checks::Found;
use crate::scene::{Datagram, Operated, SUT, Scene};

/// The definitions of the objects that simulated devices have.
static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

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
        let (Self::Carried { wish, .. } | Self::Told { wish, .. }) = self;
        let Some(operated) = scene.operated.get(&wish.operated) else {
            let expected = format!("operation {}", wish.operated);
            return Found::broken(expected, "it was not recorded");
        };
        let requests = wish.requests(scene);
        let numbers = requests.iter().map(|request| request.number);
        let shown: Vec<u64> = numbers.chain([wish.operated]).collect();
        let found = match self {
            Self::Carried { asked, .. } => carried(&requests, asked),
            Self::Told { code, .. } => told(scene, &requests, operated, code),
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
            let further = packet.block(option::BLOCK2).ok().flatten();
            let further = further.is_some_and(|block| block.num() > 0);
            let name = (packet.message_id(), packet.token());
            if packet.code().class() == Class::Request && !further && !seen.contains(&name) {
                seen.push(name);
                requests.push(datagram);
            }
        }
        requests
    }
}

fn carried(requests: &[&Datagram], asked: &Asked) -> Found {
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
    let got = packet.to_string();
    Found::decide(
        is_asked(&packet, asked),
        format!("one request: {expected}"),
        got,
    )
}

fn is_asked(packet: &Packet<'_>, asked: &Asked) -> bool {
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
        values => values_of(packet).is_ok_and(|entries| {
            let got = entries.iter().map(described).collect();
            sorted(got) == sorted(values.to_vec())
        }),
    };
    let text = match &asked.text {
        Some(text) => packet.payload() == text.as_bytes(),
        // What is no write and no execution has nothing to say.
        None => !asked.values.is_empty() || packet.payload().is_empty(),
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

/// The values in a message that is written to its path.
fn values_of(packet: &Packet<'_>) -> Result<Vec<Entry>, String> {
    read(packet, &path_of(packet), Direction::Write)
}

fn read(packet: &Packet<'_>, path: &str, direction: Direction) -> Result<Vec<Entry>, String> {
    let format = packet.content_format().map_err(|error| error.to_string())?;
    let format = format.unwrap_or(ContentFormat::TEXT);
    let path: Path = path.parse().map_err(|error| format!("{error}"))?;
    let kinds = |path: Path| REGISTRY.kind(path);
    let entries = wire::decode(format, direction, path, packet.payload(), &kinds);
    entries.map_err(|error| error.to_string())
}

fn described(entry: &Entry) -> String {
    match &entry.value {
        Some(value) => format!("{} {value}", entry.path),
        None => entry.path.to_string(),
    }
}

fn told(scene: &Scene, requests: &[&Datagram], operated: &Operated, code: &str) -> Found {
    let expected = "what the device answered";
    let [request] = requests else {
        let got = format!("{} requests reached the device", requests.len());
        return Found::inconclusive(expected, got);
    };
    let Some((request, said)) = request.packet().zip(said(scene, request)) else {
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
        _ => return Found::decide(false, expected, got),
    };
    Found::decide(agrees(reply, &request, &said), expected, got)
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

/// What the device answered to a request.
fn said<'s>(scene: &'s Scene, request: &Datagram) -> Option<Packet<'s>> {
    let asked = request.packet()?;
    let answers = scene.datagrams.iter().filter(|datagram| {
        datagram.number > request.number && datagram.from == request.to && datagram.to == SUT
    });
    let mut packets = answers.filter_map(Datagram::packet);
    packets.find(|packet| {
        packet.code().class() == Class::Response && packet.token_bytes() == asked.token_bytes()
    })
}

fn agrees(reply: &Reply, request: &Packet<'_>, said: &Packet<'_>) -> bool {
    if reply.code != said.code() {
        return false;
    }
    if said.code() != Code::CONTENT {
        return true;
    }
    if said.content_format() == Ok(Some(ContentFormat::LINK_FORMAT)) {
        let told = reply.links.as_deref().map(str::as_bytes).and_then(links);
        return told.is_some() && told == links(said.payload());
    }
    let sorted = |entries: &[Entry]| {
        let mut entries: Vec<String> = entries.iter().map(described).collect();
        entries.sort_unstable();
        entries
    };
    read(said, &path_of(request), Direction::Report)
        .is_ok_and(|entries| sorted(&entries) == sorted(&reply.values))
}

//! Datagrams of a scene, read as CoAP: by our own reader, and a second time by another.

use std::sync::LazyLock;

use twinproof_coap::option::{self, Format};
use twinproof_coap::{Class, Code, ContentFormat, Packet, Type};
use twinproof_evidence::record::Body;
use twinproof_evidence::report;
use twinproof_lwm2m::model::Registry;
use twinproof_lwm2m::wire::{self, Direction, Entry, Path};

use crate::scene::{SUT, Scene};

/// A datagram.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Its number.
    pub number: u64,
    /// The step during which it was sent; none if it came after the last.
    pub step: Option<usize>,
    /// When.
    pub at: u64,
    /// Who sent it.
    pub from: String,
    /// Who received it.
    pub to: String,
    /// Its octets.
    pub bytes: Vec<u8>,
}

impl Datagram {
    /// It as a message, if it is one.
    pub fn packet(&self) -> Option<Packet<'_>> {
        Packet::parse(&self.bytes).ok()
    }

    /// Whether it shows that the system is one: it confirms a registration and says where that is, asks
    /// for one or for bootstrap, or writes an account.
    pub fn is_contact(&self) -> bool {
        let confirms = |packet: &Packet<'_>| {
            packet.code() == Code::CREATED && packet.value(option::LOCATION_PATH).is_some()
        };
        self.from == SUT
            && self.packet().is_some_and(|packet| {
                let asks = registers(&packet) || asks_for_bootstrap(&packet);
                asks || confirms(&packet) || provisions(&packet)
            })
    }

    /// How coap-lite reads it otherwise than we do. What we refuse is no message, whatever coap-lite
    /// makes of it.
    pub fn disagreement(&self) -> Option<String> {
        let ours = self.packet()?;
        let Ok(theirs) = coap_lite::Packet::from_bytes(&self.bytes) else {
            return Some(format!("coap-lite does not read {ours}"));
        };
        let options: Vec<(u16, &[u8])> = ours
            .options()
            .map(|option| (option.number.0, option.value))
            .collect();
        let others: Vec<(u16, &[u8])> = theirs
            .options()
            .flat_map(|(&number, values)| values.iter().map(move |v| (number, v.as_slice())))
            .collect();
        let same = theirs.header.message_id == ours.message_id()
            && u8::from(theirs.header.code) == ours.code().byte()
            && theirs.get_token() == ours.token_bytes()
            && theirs.payload == ours.payload()
            && others == options;
        (!same).then(|| format!("coap-lite reads {ours} otherwise"))
    }

    /// It in a report: its head as one line, what it is made of down to the values in its payload, and
    /// its payload.
    pub(crate) fn shown(&self, scene: &Scene) -> report::Exchange {
        let packet = self.packet();
        let (line, headers) = match &packet {
            Some(packet) => {
                let mut parts = tree(packet);
                parts.extend(self.values(packet, scene));
                (packet.to_string(), parts)
            }
            None => (foreign(&self.bytes), Vec::new()),
        };
        let payload = packet.map_or(self.bytes.as_slice(), |packet| packet.payload());
        report::Exchange {
            exchange: self.number,
            step: self.step,
            at: self.at,
            took_us: None,
            from: self.from.clone(),
            to: self.to.clone(),
            line,
            headers,
            body: Body::new(payload, payload.len() as u64),
            answer: None,
            fault: None,
        }
    }
}

/// What is no CoAP message as one line: the first of SIP, else how much it is.
fn foreign(bytes: &[u8]) -> String {
    let line = bytes.split(|octet| *octet == b'\r').next();
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    match line.filter(|line| line.contains("SIP/2.0")) {
        Some(line) => line.chars().take(120).collect(),
        None => format!("{} octets that are no CoAP message", bytes.len()),
    }
}

impl Datagram {
    /// The path that a request of LwM2M is about.
    pub(crate) fn path(&self) -> Option<Path> {
        let packet = self.packet()?;
        let segments = packet.path().map_while(Result::ok);
        let path = segments.fold(String::new(), |path, segment| path + "/" + segment);
        path.parse().ok()
    }

    /// What a request of LwM2M writes; nothing if that cannot be read.
    pub(crate) fn written(&self) -> Vec<Entry> {
        let (Some(packet), Some(base)) = (self.packet(), self.path()) else {
            return Vec::new();
        };
        let Some(format) = packet.content_format().ok().flatten() else {
            return Vec::new();
        };
        let kinds = |path: Path| REGISTRY.kind(path);
        let read = wire::decode(format, Direction::Write, base, packet.payload(), &kinds);
        read.unwrap_or_default()
    }

    /// The values in the payload by their paths, where it has them in a format of the enabler.
    fn values(&self, packet: &Packet<'_>, scene: &Scene) -> Vec<(String, String)> {
        let piece = [option::BLOCK1, option::BLOCK2].iter().any(|number| {
            let block = packet.block(*number).ok().flatten();
            block.is_some_and(|block| block.more() || block.num() > 0)
        });
        let format = packet.content_format().ok().flatten();
        let Some(format) = format.filter(|format| STRUCTURED.contains(&format.current()) && !piece)
        else {
            return Vec::new();
        };
        // Without a payload, nothing is to be read; an answer is about what was asked for.
        if packet.payload().is_empty() {
            return Vec::new();
        }
        let asked = match packet.code().class() {
            Class::Request => None,
            _ => scene.datagrams.iter().rev().find(|other| {
                other.number < self.number
                    && (other.from == self.to && other.to == self.from)
                    && other.packet().is_some_and(|other| {
                        other.code().class() == Class::Request
                            && other.token_bytes() == packet.token_bytes()
                    })
            }),
        };
        let about = asked.and_then(Self::packet).unwrap_or(*packet);
        let segments = about.path().map_while(Result::ok);
        let path = segments.fold(String::new(), |path, segment| path + "/" + segment);
        let base = path.parse().unwrap_or(Path::ROOT);
        let direction = match self.from == SUT && packet.code().class() == Class::Request {
            true => Direction::Write,
            false => Direction::Report,
        };
        let kinds = |path: Path| REGISTRY.kind(path);
        match wire::decode(format, direction, base, packet.payload(), &kinds) {
            Ok(entries) => {
                let value = |entry: &Entry| {
                    let value = entry.value.as_ref();
                    value.map_or_else(String::new, ToString::to_string)
                };
                let parts = entries.iter().map(|e| (e.path.to_string(), value(e)));
                parts.collect()
            }
            Err(error) => vec![("Payload".to_owned(), format!("cannot be read: {error}"))],
        }
    }
}

/// Whether a message writes to the Security or the Server object, as bootstrap servers do.
fn provisions(packet: &Packet<'_>) -> bool {
    let first = packet.path().next().and_then(Result::ok);
    packet.code() == Code::PUT && matches!(first, Some("0" | "1")) && !packet.payload().is_empty()
}

/// Whether a message asks for bootstrap, with what comes step by step or in one answer.
pub(crate) fn asks_for_bootstrap(packet: &Packet<'_>) -> bool {
    (packet.code() == Code::POST && packet.path_is(&["bs"]))
        || (packet.code() == Code::GET && packet.path_is(&["bspack"]))
}

/// Whether a message asks for a registration.
pub(crate) fn registers(packet: &Packet<'_>) -> bool {
    packet.code() == Code::POST && packet.path_is(&["rd"])
}

/// The formats of the enabler that hold values by their paths. Others can be read as they are.
const STRUCTURED: [ContentFormat; 6] = [
    ContentFormat::CBOR,
    ContentFormat::LWM2M_CBOR,
    ContentFormat::LWM2M_JSON,
    ContentFormat::LWM2M_TLV,
    ContentFormat::SENML_CBOR,
    ContentFormat::SENML_JSON,
];

/// The definitions of the objects that simulated devices have.
static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

/// What a message is made of, by name.
fn tree(packet: &Packet<'_>) -> Vec<(String, String)> {
    let mut parts = vec![
        ("Type".to_owned(), packet.ty().to_string()),
        ("Code".to_owned(), packet.code().to_string()),
        ("Message ID".to_owned(), packet.message_id().to_string()),
        ("Token".to_owned(), packet.token().to_string()),
    ];
    for option in packet.options() {
        let known = option::TABLE
            .iter()
            .find(|known| known.number == option.number);
        let name = known.map_or_else(
            || format!("Option {}", option.number.0),
            |k| k.name.to_owned(),
        );
        let hex = || {
            option
                .value
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        };
        let number = || {
            option
                .value
                .iter()
                .fold(0_u64, |n, byte| n << 8 | u64::from(*byte))
        };
        let value = match known.map(|known| known.format) {
            Some(Format::String) => String::from_utf8_lossy(option.value).into_owned(),
            Some(Format::Uint) if option.value.len() <= 8 => number().to_string(),
            _ => hex(),
        };
        parts.push((name, value));
    }
    parts
}

/// How long a message may come again, in microseconds: EXCHANGE_LIFETIME (RFC 7252 §4.8.2).
const COMES_AGAIN: u64 = 247_000_000;

impl Scene {
    /// Whether a datagram came before: it was sent again, or something on the way doubled it. It may come
    /// late, when something else has long begun.
    pub(crate) fn is_copy(&self, datagram: &Datagram) -> bool {
        let earlier = self.datagrams.iter();
        let mut earlier = earlier.take_while(|other| other.number < datagram.number);
        earlier.any(|other| {
            other.from == datagram.from
                && other.to == datagram.to
                && other.bytes == datagram.bytes
                && datagram.at.saturating_sub(other.at) <= COMES_AGAIN
        })
    }

    /// The first request that this party sent to the system under test between two numbers, the first
    /// of which does not count and the last does.
    pub(crate) fn request(&self, party: &str, (after, upto): (u64, u64)) -> Option<&Datagram> {
        let mut within = self.datagrams.iter();
        within.find(|datagram| {
            datagram.number > after
                && datagram.number <= upto
                && datagram.from == party
                && datagram.to == SUT
                && datagram
                    .packet()
                    .is_some_and(|p| p.code().class() == Class::Request)
        })
    }

    /// The answer to a request: of the system, to the same party, with the same token. A request in
    /// blocks has several answers; the last that is no invitation to go on counts.
    pub(crate) fn answer(&self, request: &Datagram) -> Option<&Datagram> {
        let asked = request.packet()?;
        let same = |datagram: &&Datagram| {
            let fits = |packet: Packet<'_>| {
                let alike = packet.ty() != Type::Ack || self.was_asked(request, &packet);
                packet.code().class() == Class::Response
                    && packet.code() != Code::CONTINUE
                    && packet.token_bytes() == asked.token_bytes()
                    && alike
            };
            datagram.number > request.number
                && datagram.from == SUT
                && datagram.to == request.from
                && datagram.packet().is_some_and(fits)
        };
        self.datagrams.iter().find(same)
    }

    /// Whether an acknowledgement answers the request, or one of its later blocks.
    fn was_asked(&self, request: &Datagram, answer: &Packet<'_>) -> bool {
        let mut sent = self.datagrams.iter().filter(|datagram| {
            datagram.number >= request.number && datagram.from == request.from && datagram.to == SUT
        });
        sent.any(|datagram| {
            let packet = datagram.packet();
            packet.is_some_and(|packet| {
                packet.message_id() == answer.message_id()
                    && packet.token_bytes() == answer.token_bytes()
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use twinproof_coap::{Code, ContentFormat, Type, Writer, option};
    use twinproof_evidence::record::{Body, Record, SceneStarted, What};

    use super::foreign;
    use crate::scene::{SUT, Scene};

    /// A scene of datagrams between the system and a device, oldest first.
    fn scene(datagrams: Vec<(bool, Vec<u8>)>) -> Scene {
        let started = What::SceneStarted(SceneStarted {
            feature: "x".to_owned(),
            line: 1,
            title: "x".to_owned(),
            tags: Vec::new(),
            requirements: Vec::new(),
            steps: Vec::new(),
            retry: false,
        });
        let sent = (1..).zip(datagrams).map(|(exchange, (by_sut, bytes))| {
            let (from, to) = match by_sut {
                true => (SUT, "device"),
                false => ("device", SUT),
            };
            What::Datagram {
                exchange,
                from: from.to_owned(),
                to: to.to_owned(),
                bytes: Body::new(&bytes, bytes.len() as u64),
                secured: false,
            }
        });
        let records = std::iter::once(started).chain(sent).map(|what| Record {
            at: 0,
            scene: None,
            what,
        });
        Scene::new("x", 1, records.collect()).unwrap()
    }

    fn message(code: Code, path: &[&str], (format, payload): (ContentFormat, &[u8])) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Type::Con, code, 7, b"tok");
        for segment in path {
            writer = writer.option(option::URI_PATH, segment.as_bytes());
        }
        match payload {
            [] => writer.finish(),
            payload => writer.content_format(format).payload(payload),
        }
        .unwrap();
        bytes
    }

    /// What the last datagram of a scene shows of its values.
    fn values(scene: &Scene) -> Vec<(String, String)> {
        let shown = scene.datagrams.last().unwrap().shown(scene);
        let parts = shown.headers.into_iter();
        parts
            .filter(|(name, _)| name.starts_with('/') || name == "Payload")
            .collect()
    }

    #[test]
    fn values_are_shown_by_their_paths_below_what_was_asked_for() {
        // Resource 9 is 95, and of the multiple resource 6 the instances are 1 and 5 (TLV).
        let tlv = (
            ContentFormat::LWM2M_TLV,
            &[0xc1, 9, 95, 0x86, 6, 0x41, 0, 1, 0x41, 1, 5][..],
        );
        let none = (ContentFormat::TEXT, &[][..]);
        let read = message(Code::GET, &["3", "0"], none);
        let answered = message(Code::CONTENT, &[], tlv);
        let shown = [("/3/0/9", "95"), ("/3/0/6/0", "1"), ("/3/0/6/1", "5")];
        let shown = shown.map(|(path, value)| (path.to_owned(), value.to_owned()));
        assert_eq!(values(&scene(vec![(true, read), (false, answered)])), shown);
        // A write says itself what it is about.
        let written = message(Code::PUT, &["3", "0"], tlv);
        assert_eq!(values(&scene(vec![(true, written)])), shown);
        // JSON names its paths.
        let senml = (
            ContentFormat::SENML_JSON,
            &br#"[{"bn":"/3/0/","n":"9","v":95}]"#[..],
        );
        let answered = message(Code::CONTENT, &[], senml);
        let read = message(Code::GET, &["3", "0", "9"], none);
        assert_eq!(
            values(&scene(vec![(true, read), (false, answered)])),
            shown[..1]
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_and_what_has_no_values_has_none() {
        let broken = (ContentFormat::LWM2M_TLV, &[0xc8, 9][..]);
        let written = message(Code::PUT, &["3", "0"], broken);
        let said = values(&scene(vec![(true, written)]));
        assert!(
            matches!(said.as_slice(), [(name, why)] if name == "Payload" && why.starts_with("cannot be read: ")),
            "{said:?}"
        );
        let text = (ContentFormat::TEXT, &b"95"[..]);
        let written = message(Code::PUT, &["3", "0", "9"], text);
        assert_eq!(values(&scene(vec![(true, written)])), []);
    }

    #[test]
    fn what_is_no_coap_is_told_by_what_it_is() {
        let sip = b"MESSAGE sip:dm@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1\r\n\r\n\x01";
        assert_eq!(foreign(sip), "MESSAGE sip:dm@127.0.0.1 SIP/2.0");
        assert_eq!(
            foreign(b"\x01\x06\xff"),
            "3 octets that are no CoAP message"
        );
    }
}

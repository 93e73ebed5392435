//! Payloads, object definitions, attributes and paths.

use std::sync::LazyLock;

use twinproof_coap::ContentFormat;
use twinproof_lwm2m::model::Registry;
use twinproof_lwm2m::wire::attributes::Attributes;
use twinproof_lwm2m::wire::{
    self, DecodeError, Direction, Entry, Kind, ObjectLink, Path, Value, Version, arguments, text,
};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

/// What a payload can be for; its first octet chooses.
const BASES: [&str; 8] = [
    "/",
    "/3",
    "/3/0",
    "/3/0/9",
    "/26241",
    "/26241/0",
    "/26241/0/1",
    "/26241/0/11/2",
];

/// The formats that carry any number of values.
const MANY: [ContentFormat; 5] = [
    ContentFormat::LWM2M_TLV,
    ContentFormat::LWM2M_JSON,
    ContentFormat::SENML_JSON,
    ContentFormat::SENML_CBOR,
    ContentFormat::LWM2M_CBOR,
];

fn kind(path: Path) -> Option<Kind> {
    REGISTRY.kind(path)
}

/// TLV.
pub fn tlv(octets: &[u8]) {
    payload(ContentFormat::LWM2M_TLV, octets);
}

/// The JSON of LwM2M 1.0.
pub fn json(octets: &[u8]) {
    payload(ContentFormat::LWM2M_JSON, octets);
}

/// SenML JSON.
pub fn senml_json(octets: &[u8]) {
    payload(ContentFormat::SENML_JSON, octets);
}

/// SenML CBOR.
pub fn senml_cbor(octets: &[u8]) {
    payload(ContentFormat::SENML_CBOR, octets);
}

/// The CBOR of LwM2M 1.2.
pub fn lwm2m_cbor(octets: &[u8]) {
    payload(ContentFormat::LWM2M_CBOR, octets);
}

/// The formats of single values: text, bytes, CBOR.
pub fn single(octets: &[u8]) {
    payload(ContentFormat::TEXT, octets);
    payload(ContentFormat::OCTET_STREAM, octets);
    payload(ContentFormat::CBOR, octets);
}

/// What is read lies within the path of the request, once each, of the type that the model says, and
/// no larger than what came; it is read again as the same from what is written of it, in this format
/// and, where the model knows the types, in every other.
fn payload(format: ContentFormat, octets: &[u8]) {
    let Some((head, payload)) = octets.split_first() else {
        return;
    };
    let base: Path = BASES[usize::from(head & 7)].parse().expect("a path");
    let direction = match head >> 7 {
        0 => Direction::Report,
        _ => Direction::Write,
    };
    let entries = match wire::decode(format, direction, base, payload, &kind) {
        Ok(entries) => entries,
        Err(DecodeError::Payload(error)) => {
            assert!(error.at <= payload.len(), "{format} at {base}: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    plausible(base, payload.len(), &entries);
    again(format, direction, base, &entries);
    let known =
        |entry: &Entry| entry.time.is_none() && entry.value.is_some() && kind(entry.path).is_some();
    let finite = |entry: &Entry| !matches!(entry.value, Some(Value::Float(f)) if !f.is_finite());
    if base != Path::ROOT && !entries.is_empty() && entries.iter().all(known) {
        for other in MANY {
            let written = again(other, direction, base, &entries);
            let json = matches!(other, ContentFormat::LWM2M_JSON | ContentFormat::SENML_JSON);
            assert!(
                written || json && !entries.iter().all(finite),
                "{other} cannot say what {format} said at {base}: {entries:?}"
            );
        }
    }
}

fn plausible(base: Path, length: usize, entries: &[Entry]) {
    assert!(entries.len() <= length.max(1), "{entries:?}");
    let mut size = 0;
    let mut seen = Vec::new();
    for entry in entries {
        assert!(
            entry.path.is_within(base),
            "{} is not in {base}",
            entry.path
        );
        assert!(entry.time.is_none_or(f64::is_finite), "{entry:?}");
        seen.push((entry.path, entry.time.map(f64::to_bits)));
        let Some(value) = &entry.value else { continue };
        assert!(entry.path.has_value(), "a value at {}", entry.path);
        assert!(
            kind(entry.path).is_none_or(|kind| kind == value.kind()),
            "{entry:?}"
        );
        size += match value {
            Value::String(text) | Value::CoreLink(text) => text.len(),
            Value::Opaque(octets) => octets.len(),
            _ => 0,
        };
    }
    assert!(size <= length, "{size} octets of values from {length}");
    seen.sort_unstable();
    assert!(
        seen.windows(2).all(|pair| pair[0] != pair[1]),
        "{entries:?}"
    );
}

/// Writes and reads again; says whether it could be written.
fn again(format: ContentFormat, direction: Direction, base: Path, entries: &[Entry]) -> bool {
    let Ok(written) = wire::encode(format, direction, base, entries) else {
        return false;
    };
    let read = wire::decode(format, direction, base, &written, &kind);
    let read = read.unwrap_or_else(|error| panic!("{format} at {base}: {error}: {entries:?}"));
    assert!(
        alike(entries, &read),
        "{format} at {base}: {entries:?} came back as {read:?}"
    );
    let twice = wire::encode(format, direction, base, &read);
    assert_eq!(
        twice.as_ref(),
        Ok(&written),
        "{format} at {base}: {entries:?}"
    );
    true
}

/// Whether the entries are the same but for their order.
fn alike(some: &[Entry], others: &[Entry]) -> bool {
    let sorted = |entries: &[Entry]| {
        let mut entries = entries.to_vec();
        entries.sort_by_key(|entry| (entry.path, entry.time.map(f64::to_bits)));
        entries
    };
    let (some, others) = (sorted(some), sorted(others));
    some.len() == others.len()
        && some
            .iter()
            .zip(&others)
            .all(|(one, other)| same(one, other))
}

fn same(one: &Entry, other: &Entry) -> bool {
    let value = match (&one.value, &other.value) {
        (Some(one), Some(other)) if one.kind() != other.kind() => {
            // Where nobody says the type, 3.0 and 3 are the same number.
            kind_is_open(one) && kind_is_open(other) && one.number() == other.number()
        }
        (Some(Value::Float(one)), Some(Value::Float(other))) => {
            one == other || one.is_nan() && other.is_nan()
        }
        (one, other) => one == other,
    };
    (one.path, one.time) == (other.path, other.time) && value
}

fn kind_is_open(value: &Value) -> bool {
    matches!(value.kind(), Kind::Integer | Kind::Unsigned | Kind::Float)
}

/// Object definitions: nothing of a file that is refused is taken, and a file is taken twice alike.
pub fn model(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else {
        return;
    };
    let mut registry = Registry::default();
    let empty = format!("{registry:?}");
    match registry.load(text) {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(format!("{registry:?}"), empty, "{error}");
        }
        Ok(()) => {
            let once = format!("{registry:?}");
            registry
                .load(text)
                .expect("what was taken once is taken again");
            assert_eq!(format!("{registry:?}"), once);
        }
    }
}

/// The first line is a path, the others are the arguments of a Write-Attributes; every line is also
/// read as whatever else is written in one line.
pub fn attributes(octets: &[u8]) {
    if let Ok(list) = arguments::parse(octets) {
        assert_eq!(arguments::write(&list).as_bytes(), octets);
    }
    let Ok(text) = str::from_utf8(octets) else {
        return;
    };
    text.lines().for_each(line);
    let mut lines = text.lines();
    let Ok(path) = lines.next().unwrap_or_default().parse::<Path>() else {
        return;
    };
    let mut attributes = Attributes::NONE;
    if attributes.apply(path, lines).is_err() {
        assert!(attributes.is_empty(), "a refused query changes nothing");
        return;
    }
    let arguments: Vec<String> = attributes.arguments().collect();
    let mut again = Attributes::NONE;
    let applied = again.apply(path, arguments.iter().map(String::as_str));
    assert_eq!(applied, Ok(()), "{arguments:?}");
    assert_eq!(again, attributes);
    assert_eq!(attributes.contradiction(), None);
}

fn line(line: &str) {
    if let Ok(path) = line.parse::<Path>() {
        assert_eq!(path.to_string().parse(), Ok(path));
        assert!(path.is_within(path.parent()));
        assert_eq!(Path::new(path.ids()), Some(path));
        let segments = path.ids().iter().map(u16::to_string).collect::<Vec<_>>();
        let segments = segments.iter().map(String::as_str);
        assert_eq!(Path::from_segments(segments), Ok(path));
    }
    if let Ok(version) = line.parse::<Version>() {
        assert_eq!(version.to_string().parse(), Ok(version));
    }
    if let Ok(link) = line.parse::<ObjectLink>() {
        assert_eq!(link.to_string().parse(), Ok(link));
    }
    for (kind, _) in Kind::TABLE {
        let Ok(value) = text::parse(*kind, line) else {
            continue;
        };
        assert_eq!(value.kind(), *kind);
        let path = Path::new(&[1, 0, 1]).expect("a path");
        let written = text::encode(path, &[Entry::new(path, value.clone())]).expect("a value");
        let written = String::from_utf8(written).expect("text");
        assert_eq!(
            text::parse(*kind, &written),
            Ok(value),
            "{line} as {written}"
        );
    }
}

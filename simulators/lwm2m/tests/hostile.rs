//! No octets make a codec panic, and what it reads it can write and read again. A fixed number of cases
//! from a small corpus; `TWINPROOF_FUZZ` multiplies it.

use twinproof_coap::{ContentFormat, Packet, Raw};
use twinproof_kernel::Seed;
use twinproof_lwm2m::model::Registry;
use twinproof_lwm2m::wire::links::ObjectList;
use twinproof_lwm2m::wire::{self, Direction, Path};

/// How many cases each codec gets.
const CASES: usize = 5_000;

/// What is changed: a payload of each kind, and a message.
const CORPUS: [&[u8]; 9] = [
    b"\xc8\x00\x14Open Mobile Alliance\x86\x06\x41\x00\x01\x41\x01\x05\xc1\x09\x64\xc4\x0d\x51\x82\x42\x8f",
    b"\x08\x00\x0f\xc1\x00\x01\xc4\x01\x00\x01\x51\x80\xc1\x06\x01\xc1\x07\x55",
    br#"{"bn":"/3/0/","e":[{"n":"0","sv":"X"},{"n":"6/0","v":1},{"n":"9","v":-1.5e3}]}"#,
    br#"[{"bn":"/3/0/","n":"0","vs":"X"},{"n":"6/0","v":1},{"n":"7","vlo":"10:3"},{"n":"8","vd":"AAE"}]"#,
    b"\x84\xa3\x21\x65/1/0/\x00\x610\x02\x01\xa2\x00\x611\x02\x1a\x00\x01\x51\x80\xa2\x00\x616\x04\xf4\xa2\x00\x617\x03\x61U",
    b"\xa1\x01\xa1\x00\xa4\x00\x01\x01\x1a\x00\x01\x51\x80\x06\xf4\x07\x61U",
    b"\xc1\x1a\x51\x82\x42\x8f",
    br#"</>;rt="oma.lwm2m";ct="110 112",</1/0>,</3/0>;ver="1.1",</5>"#,
    b"\x42\x02\x00\x01\xa1\xb2\xb2rd\x11\x28\x38ep=sim-1\x05lt=60\x09lwm2m=1.0\x03b=U\xff</1/0>,</3/0>",
];

const FORMATS: [ContentFormat; 9] = [
    ContentFormat::TEXT,
    ContentFormat::OCTET_STREAM,
    ContentFormat::CBOR,
    ContentFormat::SENML_JSON,
    ContentFormat::SENML_CBOR,
    ContentFormat::SENML_ETCH_CBOR,
    ContentFormat::LWM2M_TLV,
    ContentFormat::LWM2M_JSON,
    ContentFormat::LWM2M_CBOR,
];

fn cases() -> usize {
    let times = std::env::var("TWINPROOF_FUZZ").ok();
    CASES * times.and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Does something with octets that are near to one of the corpus.
fn with_octets(name: &str, mut act: impl FnMut(&[u8])) {
    let mut random = Seed::new(7).derive(name).rng();
    for _ in 0..cases() {
        let mut octets = CORPUS[random.usize(..CORPUS.len())].to_vec();
        for _ in 0..random.usize(..5) {
            if octets.is_empty() {
                break;
            }
            let at = random.usize(..octets.len());
            match random.u8(..5) {
                0 => octets[at] = random.u8(..),
                1 => octets[at] ^= 1 << random.u8(..8),
                2 => octets.truncate(at),
                3 => octets.insert(at, random.u8(..)),
                _ => {
                    let piece = octets[at..].to_vec();
                    octets.extend(piece);
                }
            }
        }
        act(&octets);
    }
}

#[test]
fn payloads() {
    let registry = Registry::builtin();
    let kinds = |path: Path| registry.kind(path);
    let mut read = 0;
    for format in FORMATS {
        for base in ["/", "/3", "/3/0", "/3/0/9"] {
            let base: Path = base.parse().unwrap();
            for direction in [Direction::Report, Direction::Write] {
                with_octets(&format!("{format} {base}"), |octets| {
                    let Ok(entries) = wire::decode(format, direction, base, octets, &kinds) else {
                        return;
                    };
                    read += 1;
                    // Not everything that can be read in one shape can be written in it.
                    let Ok(written) = wire::encode(format, direction, base, &entries) else {
                        return;
                    };
                    let again = wire::decode(format, direction, base, &written, &kinds);
                    assert!(
                        again.is_ok(),
                        "{format} at {base}: {octets:02x?}: {again:?}"
                    );
                });
            }
        }
    }
    assert!(
        read > cases() / 10,
        "{read} of the payloads were read at all"
    );
}

#[test]
fn lists_of_objects() {
    let mut read = 0;
    with_octets("lists", |octets| {
        read += usize::from(ObjectList::parse(octets).is_ok())
    });
    assert!(read > 0);
}

#[test]
fn messages() {
    let mut read = 0;
    with_octets("messages", |octets| {
        assert_eq!(Raw::dissect(octets).to_bytes(), octets);
        if let Ok(packet) = Packet::parse(octets) {
            read += 1;
            assert!(!packet.to_string().is_empty());
            assert!(packet.options().count() <= octets.len());
        }
    });
    assert!(read > 0);
}

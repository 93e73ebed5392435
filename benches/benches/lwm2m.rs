//! LwM2M: packets by their types, a registration, a notification, the payloads of object 3, and what an
//! exchange costs among few peers and among many.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![expect(clippy::print_stdout, reason = "a ratio is to be read")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use twinproof_coap::endpoint::{Endpoint, Event, Turn};
use twinproof_coap::{Code, ContentFormat, Message, Packet, Parameters, Type, Writer, option};
use twinproof_kernel::{Input, Outbox, Role as _, Seed, Time};
use twinproof_lwm2m::model::Registry;
use twinproof_lwm2m::server::{Server, Shared};
use twinproof_lwm2m::wire::{self, Direction, Path, Version};

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5683);

/// Object 3 as the specification's example has it.
const DEVICE: &[u8] = br#"{"bn":"/3/0/","e":[{"n":"0","sv":"Open Mobile Alliance"},
    {"n":"1","sv":"Lightweight M2M Client"},{"n":"2","sv":"345000123"},{"n":"3","sv":"1.0"},
    {"n":"6/0","v":1},{"n":"6/1","v":5},{"n":"7/0","v":3800},{"n":"7/1","v":5000},{"n":"8/0","v":125},
    {"n":"8/1","v":900},{"n":"9","v":100},{"n":"10","v":15},{"n":"11/0","v":0},
    {"n":"13","v":1367491215},{"n":"14","sv":"+02:00"},{"n":"16","sv":"U"}]}"#;

/// A peer by its number.
fn peer(number: u32) -> SocketAddr {
    let [a, b, c, _] = number.to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, a, b, c), 1_024 + (number & 0xff) as u16))
}

fn register(buffer: &mut Vec<u8>, id: u16, endpoint: &str) {
    buffer.clear();
    Writer::new(buffer, Type::Con, Code::POST, id, b"\xab\x12")
        .path("/rd")
        .content_format(ContentFormat::LINK_FORMAT)
        .query(&format!("ep={endpoint}"))
        .query("lt=86400")
        .query("lwm2m=1.0")
        .payload(b"</1/0>,</3/0>")
        .unwrap();
}

fn packets(c: &mut Criterion) {
    let kinds: [(&str, Type, Code, &[u8]); 5] = [
        ("request", Type::Con, Code::GET, b""),
        ("answer", Type::Ack, Code::CONTENT, b"example"),
        ("notification", Type::Non, Code::CONTENT, b"95"),
        ("acknowledgement", Type::Ack, Code::EMPTY, b""),
        ("reset", Type::Rst, Code::EMPTY, b""),
    ];
    for (name, ty, code, payload) in kinds {
        let write = |buffer: &mut Vec<u8>| {
            buffer.clear();
            let token: &[u8] = if code == Code::EMPTY {
                b""
            } else {
                b"\x01\x02"
            };
            let mut writer = Writer::new(buffer, ty, code, 7, token);
            if name == "notification" {
                writer = writer.option(option::OBSERVE, &[5]);
            }
            match code.is_request() {
                true => writer.path("/3/0/9").payload(payload),
                false => writer.payload(payload),
            }
            .unwrap();
        };
        let mut buffer = Vec::new();
        c.bench_function(&format!("coap/{name}/write"), |b| {
            b.iter(|| write(black_box(&mut buffer)));
        });
        write(&mut buffer);
        c.bench_function(&format!("coap/{name}/parse"), |b| {
            b.iter(|| black_box(Packet::parse(black_box(&buffer)).unwrap().options().count()));
        });
    }
}

fn payloads(c: &mut Criterion) {
    let registry = Registry::builtin();
    let kinds = |path: Path| registry.kind(path);
    let base: Path = "/3/0".parse().unwrap();
    let json = ContentFormat::LWM2M_JSON;
    let entries = wire::decode(json, Direction::Report, base, DEVICE, &kinds).unwrap();
    let formats = [
        ("tlv", ContentFormat::LWM2M_TLV),
        ("senml-json", ContentFormat::SENML_JSON),
        ("senml-cbor", ContentFormat::SENML_CBOR),
        ("json", json),
    ];
    for (name, format) in formats {
        let payload = wire::encode(format, Direction::Report, base, &entries).unwrap();
        c.bench_function(&format!("lwm2m/{name}/encode object 3"), |b| {
            b.iter(|| wire::encode(format, Direction::Report, base, black_box(&entries)));
        });
        c.bench_function(&format!("lwm2m/{name}/decode object 3"), |b| {
            b.iter(|| wire::decode(format, Direction::Report, base, black_box(&payload), &kinds));
        });
    }
}

fn registration(c: &mut Criterion) {
    let shared = Shared::new(Version::V1_0);
    let mut server = Server::new(SERVER, Seed::new(1));
    let (mut out, mut buffer) = (Outbox::default(), Vec::new());
    let (mut id, mut now) = (0_u16, Time::ZERO);
    c.bench_function("lwm2m/registration", |b| {
        b.iter(|| {
            id = id.wrapping_add(1);
            // Fast enough that nothing is forgotten, slow enough that no id comes again too soon.
            now = now + Duration::from_millis(5);
            register(&mut buffer, id, "urn:dev:os:0023C7-000001");
            let (at, from) = (SERVER, peer(1));
            let bytes = &buffer;
            server.handle(&shared, now, Input::Datagram { at, from, bytes }, &mut out);
            black_box(out.bytes().len());
            out.clear();
        });
    });
}

fn notification(c: &mut Criterion) {
    let parameters = Parameters::default();
    let (mut device, mut server) = (Endpoint::new(Seed::new(1)), Endpoint::new(Seed::new(2)));
    let mut sent: Vec<u8> = Vec::new();
    let mut now = Time::ZERO;
    macro_rules! turn {
        () => {
            &mut Turn {
                parameters: &parameters,
                now,
                send: &mut |_, datagram: &[u8]| sent = datagram.into(),
            }
        };
    }
    let observe = Message::new(Code::GET)
        .path("/3/0/9")
        .option(option::OBSERVE, &[]);
    server
        .request(turn!(), "device", Type::Con, observe)
        .unwrap();
    let asked = std::mem::take(&mut sent);
    let Some(Event::Request { exchange, .. }) = device.receive(turn!(), "server", &asked) else {
        panic!("the observation did not arrive")
    };
    let value = || Message::new(Code::CONTENT).payload("95");
    device
        .respond_observed(turn!(), &exchange, value())
        .unwrap();
    let answer = std::mem::take(&mut sent);
    server.receive(turn!(), "device", &answer);
    c.bench_function("coap/notification, both ends", |b| {
        b.iter(|| {
            now = now + Duration::from_millis(5);
            let told = device.notify(turn!(), "server", exchange.token, Type::Non, value());
            black_box(told.is_ok());
            let datagram = std::mem::take(&mut sent);
            black_box(server.receive(turn!(), "device", &datagram).is_some());
        });
    });
}

/// A server with this many registered clients, and what one update of any of them takes.
fn exchange_among(peers: u32, exchanges: u32) -> Duration {
    let shared = Shared::new(Version::V1_0);
    let mut server = Server::new(SERVER, Seed::new(1));
    let (mut out, mut buffer) = (Outbox::default(), Vec::new());
    let mut locations = Vec::new();
    let mut hear = |now, from, bytes: &[u8]| {
        let input = Input::Datagram {
            at: SERVER,
            from,
            bytes,
        };
        server.handle(&shared, now, input, &mut out);
        let answer = out.bytes().to_vec();
        out.clear();
        answer
    };
    for number in 0..peers {
        register(&mut buffer, 1, &format!("dev-{number}"));
        let answer = hear(Time::ZERO, peer(number), &buffer);
        let packet = Packet::parse(&answer).unwrap();
        assert_eq!(packet.code(), Code::CREATED);
        let segments = packet.values(option::LOCATION_PATH);
        let location = segments.fold(String::new(), |path, segment| {
            path + "/" + &String::from_utf8_lossy(segment)
        });
        locations.push(location);
    }
    let now = Time::ZERO + Duration::from_secs(1);
    // A prime step visits peers far from each other, as their updates would come.
    let visited = (0..exchanges).map(|n| (n.wrapping_mul(7_919)) % peers);
    let updates: Vec<(u32, Vec<u8>)> = visited
        .enumerate()
        .map(|(n, number)| {
            let mut update = Vec::new();
            let id = 2 + (n as u32 / peers) as u16;
            Writer::new(&mut update, Type::Con, Code::POST, id, b"\xcd\x34")
                .path(&locations[number as usize])
                .finish()
                .unwrap();
            (number, update)
        })
        .collect();
    let began = Instant::now();
    for (number, update) in &updates {
        black_box(hear(now, peer(*number), update));
    }
    began.elapsed() / exchanges
}

/// The cost of an exchange has no term that grows with the number of peers; cache misses are allowed.
fn peers(c: &mut Criterion) {
    // Of several, the fastest: what else the machine does makes them only slower.
    let fastest = |peers| (0..3).map(|_| exchange_among(peers, 20_000)).min();
    let (few, many) = (fastest(64), fastest(100_000));
    if let (Some(few), Some(many)) = (few, many) {
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!("an exchange: {few:?} among 64 peers, {many:?} among 100000: {ratio:.2} times");
    }
    c.bench_function("lwm2m/update among 64", |b| {
        b.iter_custom(|times| exchange_among(64, times.clamp(1, 100_000) as u32) * times as u32);
    });
}

criterion_group!(
    benches,
    packets,
    payloads,
    registration,
    notification,
    peers
);
criterion_main!(benches);

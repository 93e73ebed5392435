//! CoAP packets: reading and writing.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use twinproof_coap::{Code, ContentFormat, Packet, Type, Writer};

fn write(buffer: &mut Vec<u8>) {
    buffer.clear();
    Writer::new(buffer, Type::Con, Code::POST, 1, b"\xab\x12")
        .path("/rd")
        .content_format(ContentFormat::LINK_FORMAT)
        .query("ep=urn:dev:os:0023C7-000001")
        .query("lt=86400")
        .query("lwm2m=1.0")
        .query("b=U")
        .payload(b"</1/0>,</2>,</3/0>,</4/0>,</5/0>,</6/0>,</7/0>")
        .unwrap();
}

fn registration(c: &mut Criterion) {
    let mut buffer = Vec::new();
    c.bench_function("coap/register/write", |b| {
        b.iter(|| write(black_box(&mut buffer)))
    });
    write(&mut buffer);
    c.bench_function("coap/register/parse", |b| {
        b.iter(|| {
            let packet = Packet::parse(black_box(&buffer)).unwrap();
            black_box((packet.path_is(&["rd"]), packet.query("ep").map(str::len)))
        });
    });
}

criterion_group!(benches, registration);
criterion_main!(benches);

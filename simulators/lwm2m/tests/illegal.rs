//! Payloads that are wrong: each is refused at its place, and the error says what should be there.

use twinproof_coap::ContentFormat as F;
use twinproof_lwm2m::model::Registry;
use twinproof_lwm2m::wire::{self, DecodeError, Direction, Entry, Path, Value};

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

fn refusal(format: F, direction: Direction, base: &str, payload: &[u8]) -> String {
    let registry = Registry::builtin();
    match wire::decode(format, direction, path(base), payload, &|path| {
        registry.kind(path)
    }) {
        Err(error) => error.to_string(),
        Ok(entries) => panic!("{format:?} at {base} was read: {entries:?}"),
    }
}

fn check(format: F, cases: &[(&str, &[u8], &str)]) {
    for (base, payload, error) in cases {
        assert_eq!(refusal(format, Direction::Write, base, payload), *error);
    }
}

#[test]
fn tlv() {
    check(
        F::LWM2M_TLV,
        &[
            (
                "/3/0",
                &[0xc1],
                "at byte 1: expected 1 bytes of id, got the end after 0",
            ),
            (
                "/3/0",
                &[0xe1, 0],
                "at byte 2: expected 2 bytes of id, got the end after 1",
            ),
            (
                "/3/0",
                &[0xc8, 0],
                "at byte 2: expected 1 bytes of length, got the end after 0",
            ),
            (
                "/3/0",
                &[0xc2, 9, 1],
                "at byte 3: expected 2 bytes of value, got the end after 1",
            ),
            (
                "/3/0",
                &[0xe0, 0xff, 0xff],
                "at byte 1: expected an id from 0 to 65534, got 65535",
            ),
            (
                "/3/0",
                &[0xc3, 9, 1, 2, 3],
                "at byte 2: expected Integer of 1, 2, 4 or 8 bytes, got 3 bytes",
            ),
            (
                "/3/0",
                &[0xc0, 9],
                "at byte 2: expected Integer of 1, 2, 4 or 8 bytes, got 0 bytes",
            ),
            (
                "/1/0",
                &[0xc1, 6, 2],
                "at byte 2: expected Boolean 0 or 1, got 2",
            ),
            (
                "/1/0",
                &[0xc2, 6, 0, 1],
                "at byte 2: expected Boolean of 1 byte, got 2 bytes",
            ),
            (
                "/6/0",
                &[0xc2, 0, 1, 1],
                "at byte 2: expected Float of 4 or 8 bytes, got 2 bytes",
            ),
            (
                "/3/0",
                &[0xc2, 0, b'a', 0xff],
                "at byte 3: expected String in UTF-8, got another byte",
            ),
            (
                "/3/0/22",
                &[0x83, 22, 0x41, 0, 1],
                "at byte 4: expected Objlnk of 4 bytes, got 1 bytes",
            ),
            (
                "/3",
                &[0xc1, 9, 1],
                "at byte 0: expected an object instance, got a resource",
            ),
            (
                "/3/0",
                &[0x41, 0, 1],
                "at byte 0: expected an object instance, a resource or a multiple resource, got a resource instance",
            ),
            (
                "/3/0",
                &[0x83, 6, 0xc1, 0, 1],
                "at byte 2: expected a resource instance, got a resource",
            ),
            (
                "/3/0",
                &[0x01, 1, 0xc0],
                "at byte 0: expected /3/0, got an object instance 1",
            ),
            (
                "/3/0/9",
                &[0xc1, 10, 1],
                "at byte 0: expected /3/0/9, got a resource 10",
            ),
            ("/3/0/9", &[], "at byte 0: expected a resource, got nothing"),
            (
                "/3/0",
                &[0xc1, 9, 1, 0xc1, 9, 2],
                "at byte 3: expected each path once, got /3/0/9 beside /3/0/9",
            ),
            (
                "/3/0",
                &[0xc1, 6, 1, 0x83, 6, 0x41, 0, 1],
                "at byte 5: expected a resource or its instances, not both, got /3/0/6/0 beside /3/0/6",
            ),
            (
                "/",
                &[0xc1, 9, 1],
                "at byte 0: expected a path that TLV can be for, got a resource",
            ),
        ],
    );
}

#[test]
fn text() {
    check(
        F::TEXT,
        &[
            (
                "/3/0",
                b"x",
                "at byte 0: expected a format of many values, got a payload of one value for /3/0",
            ),
            (
                "/3/0/9",
                b"+5",
                "at byte 0: expected a decimal integer, got `+5`",
            ),
            (
                "/3/0/9",
                b"5.0",
                "at byte 0: expected a decimal integer, got `5.0`",
            ),
            (
                "/3/0/9",
                b" 5",
                "at byte 0: expected a decimal integer, got ` 5`",
            ),
            (
                "/3/0/9",
                b"",
                "at byte 0: expected a decimal integer, got ``",
            ),
            (
                "/3/0/9",
                b"9223372036854775808",
                "at byte 0: expected a decimal integer, got `9223372036854775808`",
            ),
            (
                "/1/0/17",
                b"-1",
                "at byte 0: expected a decimal unsigned integer, got `-1`",
            ),
            (
                "/6/0/0",
                b"inf",
                "at byte 0: expected a decimal number, got `inf`",
            ),
            (
                "/6/0/0",
                b"1.",
                "at byte 0: expected a decimal number, got `1.`",
            ),
            (
                "/6/0/0",
                b"1e999",
                "at byte 0: expected a decimal number, got `1e999`",
            ),
            ("/1/0/6", b"true", "at byte 0: expected 0 or 1, got `true`"),
            (
                "/3/0/22/0",
                b"3/0",
                "at byte 0: expected an object link such as 3:0, got `3/0`",
            ),
            (
                "/3/0/22/0",
                b"3:65536",
                "at byte 0: expected an object link such as 3:0, got `3:65536`",
            ),
            (
                "/3/0/0",
                b"a\xff",
                "at byte 1: expected UTF-8, got another byte",
            ),
        ],
    );
    assert!(refusal(F::TEXT, Direction::Write, "/5/0/0", b"?").contains("expected Base64"));
    check(
        F::OCTET_STREAM,
        &[(
            "/3/0/0",
            b"x",
            "at byte 0: expected a value of type String, got bytes",
        )],
    );
}

#[test]
fn senml_json() {
    check(
        F::SENML_JSON,
        &[
            ("/3/0", b"{}", "at byte 0: expected an array, got `{}`"),
            ("/3/0", b"[1]", "at byte 1: expected an object, got `1`"),
            (
                "/3/0",
                br#"[{"n":"/3/0/9","v":"5"}]"#,
                "at byte 19: expected a number, got `\"5\"`",
            ),
            (
                "/3/0",
                br#"[{"n":"/3/0/9","vs":"5"}]"#,
                "at byte 20: expected a value of type Integer, got text",
            ),
            (
                "/3/0",
                br#"[{"n":"/3/0/9","v":5.5}]"#,
                "at byte 19: expected a value of type Integer, got a number with a fraction",
            ),
            (
                "/3/0",
                br#"[{"n":"/3/0/9","v":5,"vs":"5"}]"#,
                "at byte 26: expected one value, got another in `vs`",
            ),
            (
                "/3/0",
                br#"[{"n":"/3/0/9","n":"/3/0/9","v":5}]"#,
                "at byte 19: expected each name once, got `n` again",
            ),
            (
                "/3/0",
                br#"[{"n":"/3/0/9","v":9223372036854775808}]"#,
                "at byte 19: expected an Integer of 64 bits, got 9223372036854775808",
            ),
            (
                "/3/0",
                br#"[{"n":"9","v":5}]"#,
                "at byte 1: expected a path (at byte 0 of the path: expected `/`), got `9`",
            ),
            (
                "/3/0",
                br#"[{"bn":"/3/0/","v":5}]"#,
                "at byte 1: expected a path (at byte 5 of the path: expected a decimal digit), got `/3/0/`",
            ),
            (
                "/3/0",
                br#"[{"bn":"/3/0/","n":"9","v":5},{"bn":"/1/0/","n":"1","v":5}]"#,
                "at byte 30: expected a path within /3/0, got /1/0/1",
            ),
            (
                "/3/0",
                br#"[{"n":"/3/0","v":5}]"#,
                "at byte 17: expected a resource, where values are, got a value at /3/0",
            ),
            (
                "/3/0",
                br#"[{"n":"/3/0/9","v":5,"bv":1}]"#,
                "at byte 26: expected a label of LwM2M, got `bv`",
            ),
            (
                "/3/0",
                br#"[{"n":"/3/0/9","v":5,"x_":1}]"#,
                "at byte 26: expected a label that we understand, got `x_`",
            ),
            (
                "/3/0",
                br#"[{"n":"/3/0/9","v":5},{"n":"/3/0/9","v":6}]"#,
                "at byte 22: expected each path once, got /3/0/9 beside /3/0/9",
            ),
        ],
    );
    for (payload, at) in [
        (&br#"[{"n":"/3/0/9","v":5}"#[..], 20),
        (br#"[{"n":"/3/0/9","v":}]"#, 19),
        (br#"[{"n":"/3/0/9","v":5}] x"#, 23),
        (b"[\xff]", 1),
    ] {
        let error = refusal(F::SENML_JSON, Direction::Write, "/3/0", payload);
        assert!(error.starts_with(&format!("at byte {at}: ")), "{error}");
    }
    let error = refusal(
        F::SENML_JSON,
        Direction::Write,
        "/5/0",
        br#"[{"n":"/5/0/0","vd":"AP8="}]"#,
    );
    assert!(
        error.starts_with("at byte 20: expected Base64 for URLs without padding"),
        "{error}"
    );
}

#[test]
fn lwm2m_json() {
    check(
        F::LWM2M_JSON,
        &[
            ("/3/0", b"[]", "at byte 0: expected an object, got `[]`"),
            (
                "/3/0",
                br#"{"bn":"/3/0/"}"#,
                "at byte 14: expected `e`, got the end",
            ),
            (
                "/3/0",
                br#"{"bn":"/3/0/","e":[{"n":"9","v":1,"sv":"1"}]}"#,
                "at byte 39: expected one value, got another in `sv`",
            ),
            (
                "/3/0",
                br#"{"bn":"/1/0/","e":[{"n":"1","v":1}]}"#,
                "at byte 19: expected a path within /3/0, got /1/0/1",
            ),
            (
                "/1/0",
                br#"{"bn":"/1/0/","e":[{"n":"6","v":1}]}"#,
                "at byte 32: expected a value of type Boolean, got a whole number",
            ),
        ],
    );
}

#[test]
fn cbor() {
    check(
        F::CBOR,
        &[
            (
                "/3/0/9",
                &[0x18],
                "at byte 1: expected a value, got end of input bytes",
            ),
            (
                "/3/0/9",
                &[0x01, 0x02],
                "at byte 1: expected the end, got 1 more bytes",
            ),
            (
                "/3/0/9",
                &[0xf5],
                "at byte 0: expected a value of type Integer, got a boolean",
            ),
            (
                "/3/0/9",
                &[0x80],
                "at byte 0: expected a single value, got CBOR array",
            ),
            (
                "/1/0/17",
                &[0x20],
                "at byte 0: expected an Unsigned Integer of 64 bits, got -1",
            ),
            (
                "/3/0/13",
                &[0xc1, 0x61, b'x'],
                "at byte 0: expected a number behind tag 1, got another item",
            ),
            (
                "/3/0/13",
                &[0xc2, 0x41, 1],
                "at byte 0: expected no tag, tag 1 or tag 4, got tag 2",
            ),
            (
                "/3/0",
                &[0x01],
                "at byte 0: expected a format of many values, got a payload of one value for /3/0",
            ),
        ],
    );
}

#[test]
fn senml_cbor() {
    check(
        F::SENML_CBOR,
        &[
            (
                "/3/0",
                &[0xa0],
                "at byte 0: expected an array, got unexpected type map at position 0: expected array",
            ),
            (
                "/3/0",
                b"\x81\xa2\x00\x66/3/0/9\x03\x05",
                "at byte 11: expected text in label 3, got another item",
            ),
            (
                "/3/0",
                b"\x81\xa2\x00\x66/3/0/9\x02\x61a",
                "at byte 11: expected a number in label 2, got another item",
            ),
            (
                "/3/0",
                b"\x81\xa3\x00\x66/3/0/9\x02\x05\x04\xf5",
                "at byte 13: expected one value, got another",
            ),
            (
                "/3/0",
                b"\x81\xa3\x00\x66/3/0/9\x02\x05\x02\x06",
                "at byte 12: expected each label once, got label 2 again",
            ),
            (
                "/3/0",
                b"\x81\xa2\x00\x66/3/0/9\x24\x05",
                "at byte 10: expected a label of LwM2M, got label -5",
            ),
            (
                "/3/0",
                b"\x81\xa2\x00\x66/3/0/9\x02\x05\x00",
                "at byte 12: expected the end, got 1 more bytes",
            ),
        ],
    );
    // A header that promises 2^64 - 1 records costs nothing.
    let hostile = [0x9b, 255, 255, 255, 255, 255, 255, 255, 255];
    assert!(refusal(F::SENML_CBOR, Direction::Write, "/3/0", &hostile).starts_with("at byte 9:"));
}

#[test]
fn lwm2m_cbor() {
    check(
        F::LWM2M_CBOR,
        &[
            (
                "/3/0",
                &[0xa1, 0x61, b'9', 5],
                "at byte 1: expected an id from 0 to 65534, got no child of /3/0",
            ),
            (
                "/3/0",
                &[0xa1, 0x19, 0xff, 0xff, 5],
                "at byte 1: expected an id from 0 to 65534, got no child of /3/0",
            ),
            (
                "/3",
                &[0xa1, 0, 5],
                "at byte 1: expected a map at /3/0, got a single value",
            ),
            (
                "/3/0",
                &[0xa1, 0x80, 5],
                "at byte 1: expected an id, got an empty array",
            ),
            (
                "/3/0",
                &[0xa1, 6, 0xa1, 0, 0xa1, 0, 1],
                "at byte 4: expected a value, since nothing is below a resource instance, got a map",
            ),
            (
                "/3/0",
                &[0xa2, 9, 5, 9, 6],
                "at byte 4: expected each path once, got /3/0/9 beside /3/0/9",
            ),
            (
                "/3/0",
                &[0x05],
                "at byte 0: expected a map for /3/0, got a single value",
            ),
        ],
    );
    assert_eq!(
        refusal(
            F::LWM2M_CBOR,
            Direction::Report,
            "/3/0",
            &[0xa1, 0x83, 1, 0, 1, 5]
        ),
        "at byte 5: expected a path within /3/0, got /1/0/1"
    );
    // A map within a map within a map ends at four levels, however deep the payload goes.
    let deep = [0xa1, 0].repeat(10_000);
    assert!(refusal(F::LWM2M_CBOR, Direction::Report, "/", &deep).contains("resource instance"));
}

#[test]
fn hostile_payloads_cost_no_more_than_their_length() {
    let registry = Registry::builtin();
    let read = |format, payload: &[u8]| {
        wire::decode(format, Direction::Write, path("/3/0"), payload, &|path| {
            registry.kind(path)
        })
    };
    // A label that is passed over, with an array within an array a hundred thousand times.
    let deep = [&b"\x81\xa1\x18\x63"[..], &vec![0x81; 100_000], &[0]].concat();
    assert!(
        read(F::SENML_CBOR, &deep).is_err(),
        "a record without a name"
    );
    let deep = [&b"[{\"x\":"[..], &vec![b'['; 100_000]].concat();
    assert!(read(F::SENML_JSON, &deep).is_err());
    // A hundred thousand labels in one record.
    let wide: Vec<String> = (0..100_000).map(|label| format!("\"{label}\":0")).collect();
    let wide = format!("[{{\"n\":\"/3/0/9\",\"v\":5,{}}}]", wide.join(","));
    assert_eq!(
        read(F::SENML_JSON, wide.as_bytes()).map(|entries| entries.len()),
        Ok(1)
    );
    let labels = (100_000..200_000_u32).flat_map(|label| {
        let [a, b, c, d] = label.to_be_bytes();
        [0x1a, a, b, c, d, 0]
    });
    let head = b"\x81\xbf\x00\x66/3/0/9\x02\x05";
    let wide: Vec<u8> = head.iter().copied().chain(labels).chain([0xff]).collect();
    assert_eq!(
        read(F::SENML_CBOR, &wide).map(|entries| entries.len()),
        Ok(1)
    );
}

#[test]
fn formats_that_carry_no_values() {
    let registry = Registry::builtin();
    let read = wire::decode(F::LINK_FORMAT, Direction::Write, path("/3/0"), b"", &|p| {
        registry.kind(p)
    });
    assert_eq!(read, Err(DecodeError::Format(F::LINK_FORMAT)));
    assert!(wire::encode(F(9999), Direction::Write, path("/3/0"), &[]).is_err());
}

#[test]
fn what_a_format_cannot_carry_is_not_written() {
    let entry = |text: &str, value: Value| Entry::new(path(text), value);
    let fails = |format, base: &str, entries: &[Entry]| {
        wire::encode(format, Direction::Report, path(base), entries)
            .unwrap_err()
            .to_string()
    };
    let five = || entry("/3/0/9", Value::Integer(5));
    assert_eq!(
        fails(F::TEXT, "/3/0", &[five()]),
        "cannot encode /3/0/9: expected one value at the path of the request"
    );
    assert_eq!(
        fails(F::TEXT, "/3/0/9", &[five(), five()]),
        "cannot encode /3/0/9: expected exactly one value"
    );
    assert_eq!(
        fails(F::OCTET_STREAM, "/3/0/9", &[five()]),
        "cannot encode /3/0/9: expected an opaque value"
    );
    for format in [
        F::LWM2M_TLV,
        F::LWM2M_JSON,
        F::SENML_JSON,
        F::SENML_CBOR,
        F::LWM2M_CBOR,
    ] {
        assert_eq!(
            fails(format, "/1/0", &[five()]),
            "cannot encode /3/0/9: expected a path within that of the request"
        );
        let misplaced = [entry("/3/0", Value::Integer(5))];
        assert_eq!(
            fails(format, "/3/0", &misplaced),
            "cannot encode /3/0: expected a resource, where values are"
        );
    }
    for format in [F::LWM2M_TLV, F::LWM2M_CBOR] {
        let both = [
            entry("/3/0/6", Value::Integer(5)),
            entry("/3/0/6/0", Value::Integer(5)),
        ];
        assert_eq!(
            fails(format, "/3/0", &both),
            "cannot encode /3/0/6: expected a resource or its instances, not both"
        );
    }
    for format in [F::TEXT, F::LWM2M_JSON, F::SENML_JSON] {
        let infinite = [entry("/6/0/0", Value::Float(f64::INFINITY))];
        assert_eq!(
            fails(format, "/6/0/0", &infinite),
            "cannot encode /6/0/0: expected a number that is finite"
        );
    }
}

//! Known payloads: their bytes, what they say, and that they are written byte for byte.

use twinproof_coap::ContentFormat;
use twinproof_lwm2m::model::Registry;
use twinproof_lwm2m::wire::{self, Direction, Entry, ObjectLink, Path, Value, tlv};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

fn string(text: &str) -> Value {
    Value::String(text.into())
}

/// Entries below `base`, by relative path.
fn entries(base: &str, values: &[(&str, Value)]) -> Vec<Entry> {
    let base = if base == "/" { "" } else { base };
    values
        .iter()
        .map(|(name, value)| Entry::new(path(&format!("{base}/{name}")), value.clone()))
        .collect()
}

fn server() -> Vec<Entry> {
    entries(
        "/1/0",
        &[
            ("0", Value::Integer(1)),
            ("1", Value::Integer(86_400)),
            ("6", Value::Boolean(false)),
            ("7", string("U")),
        ],
    )
}

/// Reads `payload` as the entries, and writes the entries as the payload.
fn both(format: ContentFormat, direction: Direction, base: &str, payload: &[u8], said: &[Entry]) {
    let registry = Registry::builtin();
    let base = path(base);
    let read = wire::decode(format, direction, base, payload, &|path| {
        registry.kind(path)
    });
    assert_eq!(read.as_deref(), Ok(said), "{format:?} at {base}");
    let written = wire::encode(format, direction, base, said);
    assert_eq!(written.as_deref(), Ok(payload), "{format:?} at {base}");
}

fn reads(format: ContentFormat, direction: Direction, base: &str, payload: &[u8], said: &[Entry]) {
    let registry = Registry::builtin();
    let read = wire::decode(format, direction, path(base), payload, &|path| {
        registry.kind(path)
    });
    assert_eq!(read.as_deref(), Ok(said), "{format:?} at {base}");
}

#[test]
fn senml_cbor_of_a_server_instance() {
    let payload = hex("84a321652f312f302f0061300201a2006131021a00015180a200613604f4a2006137036155");
    both(
        ContentFormat::SENML_CBOR,
        Direction::Report,
        "/1/0",
        &payload,
        &server(),
    );
}

#[test]
fn senml_cbor_of_a_composite_write() {
    let payload = hex("83a321612f0065312f302f32021865a20065312f302f3604f5a20066332f302f31330200");
    let said = entries(
        "/",
        &[
            ("1/0/2", Value::Integer(101)),
            ("1/0/6", Value::Boolean(true)),
            ("3/0/13", Value::Time(0)),
        ],
    );
    both(
        ContentFormat::SENML_CBOR,
        Direction::Write,
        "/",
        &payload,
        &said,
    );
}

#[test]
fn senml_cbor_of_a_composite_path_list() {
    let payload = hex("83a100672f332f302f3136a100692f332f302f31312f30a100642f312f30");
    let said = ["/3/0/16", "/3/0/11/0", "/1/0"].map(|text| Entry::bare(path(text)));
    reads(
        ContentFormat::SENML_CBOR,
        Direction::Report,
        "/",
        &payload,
        &said,
    );
    reads(
        ContentFormat::SENML_ETCH_CBOR,
        Direction::Report,
        "/",
        &payload,
        &said,
    );
    assert_eq!(wire::senml_cbor::encode(None, &said), Ok(payload));
    let json = wire::senml_json::encode(None, &said).unwrap();
    assert_eq!(json, br#"[{"n":"/3/0/16"},{"n":"/3/0/11/0"},{"n":"/1/0"}]"#);
    reads(
        ContentFormat::SENML_JSON,
        Direction::Report,
        "/",
        &json,
        &said,
    );
    let root = br#"[{"n":"/"}]"#;
    reads(
        ContentFormat::SENML_JSON,
        Direction::Report,
        "/",
        root,
        &[Entry::bare(Path::ROOT)],
    );
}

#[test]
fn lwm2m_cbor_with_nested_maps_and_with_key_arrays() {
    let nested = hex("a101a100a40001011a0001518006f4076155");
    both(
        ContentFormat::LWM2M_CBOR,
        Direction::Report,
        "/1/0",
        &nested,
        &server(),
    );
    let merged = hex("a1820100a40001011a0001518006f4076155");
    reads(
        ContentFormat::LWM2M_CBOR,
        Direction::Report,
        "/1/0",
        &merged,
        &server(),
    );
    let indefinite = hex("bf01bf00bf0001011a0001518006f4076155ffffff");
    reads(
        ContentFormat::LWM2M_CBOR,
        Direction::Report,
        "/1/0",
        &indefinite,
        &server(),
    );
    let one = entries("/1/0", &[("1", Value::Integer(86_400))]);
    let key = hex("a1830100011a00015180");
    reads(
        ContentFormat::LWM2M_CBOR,
        Direction::Report,
        "/1/0/1",
        &key,
        &one,
    );

    let said = entries(
        "/1/0",
        &[("2", Value::Integer(101)), ("3", Value::Integer(1010))],
    );
    let body = hex("a2021865031903f2");
    both(
        ContentFormat::LWM2M_CBOR,
        Direction::Write,
        "/1/0",
        &body,
        &said,
    );
}

#[test]
fn cbor_of_single_values() {
    for (base, payload, value) in [
        ("/1/0/2", "1865", Value::Integer(101)),
        ("/1/0/6", "f5", Value::Boolean(true)),
        ("/3/0/13", "c11a5182428f", Value::Time(1_367_491_215)),
        (
            "/3/0/22/0",
            "6431303a33",
            Value::ObjectLink(ObjectLink {
                object: 10,
                instance: 3,
            }),
        ),
    ] {
        let said = [Entry::new(path(base), value)];
        both(
            ContentFormat::CBOR,
            Direction::Report,
            base,
            &hex(payload),
            &said,
        );
    }
    // A time without tag, a float that came as an integer, half precision, a decimal fraction.
    for (base, payload, value) in [
        ("/3/0/13", "1a5182428f", Value::Time(1_367_491_215)),
        ("/6/0/0", "05", Value::Float(5.0)),
        ("/6/0/0", "f94500", Value::Float(5.0)),
        ("/6/0/0", "c4820019abcd", Value::Float(43_981.0)),
        ("/6/0/0", "c48221196ab3", Value::Float(273.15)),
        ("/3/0/0", "7f61416142ff", string("AB")),
    ] {
        let said = [Entry::new(path(base), value)];
        reads(
            ContentFormat::CBOR,
            Direction::Report,
            base,
            &hex(payload),
            &said,
        );
    }
}

#[test]
fn tlv_of_a_security_instance() {
    let payload =
        hex("c80014636f61703a2f2f31302e302e302e313a35363833c10100c10203c003c004c005c20a007b");
    // The printed vector writes the Short Server ID in two bytes where one would do.
    let said = entries(
        "/0/0",
        &[
            ("0", string("coap://10.0.0.1:5683")),
            ("1", Value::Boolean(false)),
            ("2", Value::Integer(3)),
            ("3", Value::Opaque(vec![])),
            ("4", Value::Opaque(vec![])),
            ("5", Value::Opaque(vec![])),
            ("10", Value::Integer(123)),
        ],
    );
    reads(
        ContentFormat::LWM2M_TLV,
        Direction::Write,
        "/0/0",
        &payload,
        &said,
    );
    let shortest =
        hex("c80014636f61703a2f2f31302e302e302e313a35363833c10100c10203c003c004c005c10a7b");
    both(
        ContentFormat::LWM2M_TLV,
        Direction::Write,
        "/0/0",
        &shortest,
        &said,
    );
}

#[test]
fn tlv_of_single_resources() {
    let link = Value::ObjectLink(ObjectLink {
        object: 66,
        instance: 1,
    });
    let kind = |value: &Value| value.kind();
    for (base, payload, value) in [
        ("/20/0/4011", "e50fab302c313030", string("0,100")),
        ("/9/0/22", "c41600420001", link),
        ("/6/0/0", "c400c1940000", Value::Float(-18.5)),
        ("/6/0/0", "c800084045c941205bc01a", Value::Float(43.5723)),
        ("/9/0/2", "c102fb", Value::Integer(-5)),
    ] {
        let kind = kind(&value);
        let said = [Entry::new(path(base), value)];
        let read = tlv::decode(path(base), &hex(payload), &|_| Some(kind));
        assert_eq!(read.as_deref(), Ok(said.as_slice()));
        assert_eq!(tlv::encode(path(base), &said), Ok(hex(payload)));
    }
}

#[test]
fn tlv_of_an_access_control_instance() {
    let said = entries(
        "/2/0",
        &[
            ("0", Value::Integer(1)),
            ("1", Value::Integer(0)),
            ("2/127", Value::Integer(7)),
            ("3", Value::Integer(127)),
        ],
    );
    let payload = hex("c10001c101008302417f07c1037f");
    both(
        ContentFormat::LWM2M_TLV,
        Direction::Report,
        "/2/0",
        &payload,
        &said,
    );
}

#[test]
fn tlv_of_an_object() {
    let mut said = server();
    said[2].value = Some(Value::Boolean(true));
    let payload = hex("08000fc10001c40100015180c10601c10755");
    both(
        ContentFormat::LWM2M_TLV,
        Direction::Report,
        "/1",
        &payload,
        &said,
    );
    // An instance may be read with its wrapper or without.
    reads(
        ContentFormat::LWM2M_TLV,
        Direction::Report,
        "/1/0",
        &payload,
        &said,
    );
    reads(
        ContentFormat::LWM2M_TLV,
        Direction::Report,
        "/1/0",
        &payload[3..],
        &said,
    );
}

#[test]
fn tlv_of_the_test_cases() {
    let said = entries(
        "/1/0",
        &[
            ("2", Value::Integer(101)),
            ("3", Value::Integer(1010)),
            ("5", Value::Integer(2000)),
            ("6", Value::Boolean(true)),
            ("7", string("U")),
        ],
    );
    let payload = hex("c10265 c20303f2 c20507d0 c10601 c10755");
    both(
        ContentFormat::LWM2M_TLV,
        Direction::Write,
        "/1/0",
        &payload,
        &said,
    );

    let said = entries(
        "/3/0",
        &[
            ("13", Value::Time(1_367_491_215)),
            ("14", string("+02:00")),
            ("15", string("Europe/Paris")),
        ],
    );
    let payload = hex("c40d5182428f c60e2b30323a3030 c80f0c4575726f70652f5061726973");
    both(
        ContentFormat::LWM2M_TLV,
        Direction::Write,
        "/3/0",
        &payload,
        &said,
    );

    let said = [Entry::new(path("/12/0/14"), Value::Integer(2))];
    let read = tlv::decode(path("/12/0/14"), &hex("c10e02"), &|_| {
        said[0].value.as_ref().map(Value::kind)
    });
    assert_eq!(read.as_deref(), Ok(said.as_slice()));

    let said = entries(
        "/16/1",
        &[
            ("0/0", string("Host Device ID #2")),
            ("0/1", string("Host Device Model #2")),
        ],
    );
    let payload = hex(
        "08012e88002b480011486f737420446576696365204944202332480114486f737420446576696365204d6f64656c202332",
    );
    assert_eq!(payload.len(), 49);
    let read = tlv::decode(path("/16"), &payload, &|_| Some(wire::Kind::String));
    assert_eq!(read.as_deref(), Ok(said.as_slice()));
    assert_eq!(tlv::encode(path("/16"), &said), Ok(payload));
    // As it is printed, with a length field that cannot hold the length, it is no TLV.
    let printed = hex(
        "08012d80002b480011486f737420446576696365204944202332480114486f737420446576696365204d6f64656c202332",
    );
    assert!(tlv::decode(path("/16"), &printed, &|_| Some(wire::Kind::String)).is_err());
}

#[test]
fn the_example_device_in_every_format() {
    let said = entries(
        "/3/0",
        &[
            ("0", string("Open Mobile Alliance")),
            ("1", string("Lightweight M2M Client")),
            ("2", string("345000123")),
            ("3", string("1.0")),
            ("6/0", Value::Integer(1)),
            ("6/1", Value::Integer(5)),
            ("7/0", Value::Integer(3800)),
            ("7/1", Value::Integer(5000)),
            ("8/0", Value::Integer(125)),
            ("8/1", Value::Integer(900)),
            ("9", Value::Integer(100)),
            ("10", Value::Integer(15)),
            ("11/0", Value::Integer(0)),
            ("13", Value::Time(1_367_491_215)),
            ("14", string("+02:00")),
            ("16", string("U")),
        ],
    );
    let payload = hex(
        "c800144f70656e204d6f62696c6520416c6c69616e6365c801164c69676874776569676874204d324d20436c69656e74c80209333435303030313233c303312e30860641000141010588070842000ed842011388870841007d42010384c10964c10a0f830b410000c40d5182428fc60e2b30323a3030c11055",
    );
    assert_eq!(payload.len(), 121);
    both(
        ContentFormat::LWM2M_TLV,
        Direction::Report,
        "/3/0",
        &payload,
        &said,
    );

    let json = br#"{"bn":"/3/0/","e":[{"n":"0","sv":"Open Mobile Alliance"},{"n":"1","sv":"Lightweight M2M Client"},{"n":"2","sv":"345000123"},{"n":"3","sv":"1.0"},{"n":"6/0","v":1},{"n":"6/1","v":5},{"n":"7/0","v":3800},{"n":"7/1","v":5000},{"n":"8/0","v":125},{"n":"8/1","v":900},{"n":"9","v":100},{"n":"10","v":15},{"n":"11/0","v":0},{"n":"13","v":1367491215},{"n":"14","sv":"+02:00"},{"n":"16","sv":"U"}]}"#;
    both(
        ContentFormat::LWM2M_JSON,
        Direction::Report,
        "/3/0",
        json,
        &said,
    );
    both(ContentFormat(1543), Direction::Report, "/3/0", json, &said);

    let registry = Registry::builtin();
    let kinds = |path| registry.kind(path);
    for format in [
        ContentFormat::SENML_JSON,
        ContentFormat::SENML_CBOR,
        ContentFormat::LWM2M_CBOR,
    ] {
        let base = path("/3/0");
        let payload = wire::encode(format, Direction::Report, base, &said).unwrap();
        let read = wire::decode(format, Direction::Report, base, &payload, &kinds);
        assert_eq!(read.as_deref(), Ok(said.as_slice()), "{format:?}");
    }
}

#[test]
fn text_and_opaque_of_single_values() {
    for (base, payload, value) in [
        ("/3/0/9", "95", Value::Integer(95)),
        ("/3/0/9", "-95", Value::Integer(-95)),
        ("/6/0/0", "-18.5", Value::Float(-18.5)),
        ("/1/0/6", "1", Value::Boolean(true)),
        ("/3/0/13", "1367491215", Value::Time(1_367_491_215)),
        ("/3/0/0", "", string("")),
        ("/5/0/0", "AP8=", Value::Opaque(vec![0, 255])),
        (
            "/3/0/22/0",
            "65535:65535",
            Value::ObjectLink(ObjectLink::NULL),
        ),
        ("/1/0/17", "18446744073709551615", Value::Unsigned(u64::MAX)),
        ("/26241/0/8", "</3/0>", Value::CoreLink("</3/0>".into())),
    ] {
        let said = [Entry::new(path(base), value)];
        both(
            ContentFormat::TEXT,
            Direction::Report,
            base,
            payload.as_bytes(),
            &said,
        );
        both(
            ContentFormat(1541),
            Direction::Report,
            base,
            payload.as_bytes(),
            &said,
        );
    }
    let said = [Entry::new(path("/5/0/0"), Value::Opaque(vec![0, 255]))];
    both(
        ContentFormat::OCTET_STREAM,
        Direction::Write,
        "/5/0/0",
        &[0, 255],
        &said,
    );
    both(
        ContentFormat(1544),
        Direction::Write,
        "/5/0/0",
        &[0, 255],
        &said,
    );
}

#[test]
fn history_in_senml_and_json() {
    let said: Vec<Entry> = [(1_700_000_000.0, 21.5), (1_700_000_060.0, 22.0)]
        .map(|(time, value)| Entry {
            path: path("/6/0/2"),
            time: Some(time),
            value: Some(Value::Float(value)),
        })
        .into();
    let payload = br#"[{"bn":"/6/0/","n":"2","bt":1700000000,"v":21.5},{"n":"2","t":60,"v":22}]"#;
    reads(
        ContentFormat::SENML_JSON,
        Direction::Report,
        "/6/0",
        payload,
        &said,
    );
    let payload = br#"{"bn":"/6/0/2","bt":1.7e9,"e":[{"v":21.5},{"t":60,"v":22}]}"#;
    reads(
        ContentFormat::LWM2M_JSON,
        Direction::Report,
        "/6/0/2",
        payload,
        &said,
    );

    let registry = Registry::builtin();
    let kinds = |path| registry.kind(path);
    for format in [
        ContentFormat::SENML_JSON,
        ContentFormat::SENML_CBOR,
        ContentFormat::LWM2M_JSON,
    ] {
        let written = wire::encode(format, Direction::Report, path("/6/0/2"), &said).unwrap();
        let read = wire::decode(format, Direction::Report, path("/6/0/2"), &written, &kinds);
        assert_eq!(read.as_deref(), Ok(said.as_slice()), "{format:?}");
    }
    for format in [ContentFormat::LWM2M_TLV, ContentFormat::LWM2M_CBOR] {
        assert!(wire::encode(format, Direction::Report, path("/6/0/2"), &said).is_err());
    }
}

#[test]
fn json_names_without_a_base_are_relative_to_the_request() {
    let said = entries("/3/0", &[("9", Value::Integer(95))]);
    for payload in [
        r#"{"e":[{"n":"9","v":95}]}"#,
        r#"{"bn":"","e":[{"n":"/3/0/9","v":95}]}"#,
    ] {
        reads(
            ContentFormat::LWM2M_JSON,
            Direction::Report,
            "/3/0",
            payload.as_bytes(),
            &said,
        );
    }
    let payload = br#"{"e":[{"n":"","v":95}]}"#;
    reads(
        ContentFormat::LWM2M_JSON,
        Direction::Report,
        "/3/0/9",
        payload,
        &said,
    );
}

#[test]
fn what_the_model_does_not_know_is_read_as_what_it_looks_like() {
    let unknown = |format, payload: &[u8]| {
        wire::decode(format, Direction::Report, path("/4711/0"), payload, &|_| {
            None
        })
        .unwrap()
        .into_iter()
        .map(|entry| entry.value.unwrap())
        .collect::<Vec<_>>()
    };
    assert_eq!(
        unknown(ContentFormat::LWM2M_TLV, &hex("c10264")),
        [Value::Opaque(vec![100])]
    );
    assert_eq!(
        unknown(
            ContentFormat::SENML_JSON,
            br#"[{"bn":"/4711/0/","n":"0","v":1},{"n":"1","v":1.5},{"n":"2","vs":"x"},{"n":"3","vb":true},{"n":"4","vd":"AP8"},{"n":"5","vlo":"3:0"},{"n":"6","v":18446744073709551615}]"#
        ),
        [
            Value::Integer(1),
            Value::Float(1.5),
            string("x"),
            Value::Boolean(true),
            Value::Opaque(vec![0, 255]),
            Value::ObjectLink(ObjectLink { object: 3, instance: 0 }),
            Value::Unsigned(u64::MAX),
        ]
    );
}

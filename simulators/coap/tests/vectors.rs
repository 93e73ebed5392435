//! Known messages: their bytes, how they read, and how they are written.

use twinproof_coap::{
    Block, Code, ContentFormat, Header, Packet, ParseError, ParseFault, Raw, RawOption, Slice,
    Token, Type, ValueFault, WriteError, Writer, option,
};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// Bytes and reading of the messages that an LwM2M device and its servers exchange.
const MESSAGES: &[(&str, &str)] = &[
    (
        "42020001a1b2b2726411283865703d73696d2d31056c743d3630096c776d326d3d312e3003623d55ff3c2f312f303e2c3c2f332f303e",
        "CON POST /rd?ep=sim-1&lt=60&lwm2m=1.0&b=U MID=1 T=a1b2 Content-Format=link-format 13 B \"</1/0>,</3/0>\"",
    ),
    (
        "62410001a1b28272640435613366",
        "ACK 2.01 Created → /rd/5a3f MID=1 T=a1b2",
    ),
    (
        "42020002a1b2b272640435613366466c743d313230",
        "CON POST /rd/5a3f?lt=120 MID=2 T=a1b2",
    ),
    (
        "42040003a1b2b272640435613366",
        "CON DELETE /rd/5a3f MID=3 T=a1b2",
    ),
    (
        "4101010001b1330130622d16",
        "CON GET /3/0 MID=256 T=01 Accept=tlv",
    ),
    (
        "410101010260513301300139",
        "CON GET /3/0/9 MID=257 T=02 Observe=0",
    ),
    (
        "5145020002610560ff3935",
        "NON 2.05 Content MID=512 T=02 Observe=5 Content-Format=text 2 B \"95\"",
    ),
    (
        "41010102026101513301300139",
        "CON GET /3/0/9 MID=258 T=02 Observe=1",
    ),
    ("70000200", "RST (empty) MID=512"),
    (
        "4103010303b1330130013746706d696e3d3507706d61783d3135",
        "CON PUT /3/0/7?pmin=5&pmax=15 MID=259 T=03",
    ),
    ("4102010404b13101300138", "CON POST /1/0/8 MID=260 T=04"),
    (
        "4102001005b262734865703d73696d2d31",
        "CON POST /bs?ep=sim-1 MID=16 T=05",
    ),
    ("4102001106b26273", "CON POST /bs MID=17 T=06"),
    (
        "4101010507b1336128",
        "CON GET /3 MID=261 T=07 Accept=link-format",
    ),
];

#[test]
fn known_messages_read_as_people_would_write_them() {
    for (bytes, reading) in MESSAGES {
        let datagram = hex(bytes);
        assert_eq!(Packet::parse(&datagram).unwrap().to_string(), *reading);
    }
}

#[test]
fn known_messages_are_written_byte_for_byte() {
    for (bytes, _) in MESSAGES {
        let datagram = hex(bytes);
        let packet = Packet::parse(&datagram).unwrap();
        let mut written = Vec::new();
        let writer = Writer::new(
            &mut written,
            packet.ty(),
            packet.code(),
            packet.message_id(),
            packet.token_bytes(),
        );
        let len = packet
            .options()
            .fold(writer, |writer, option| {
                writer.option(option.number, option.value)
            })
            .payload(packet.payload())
            .unwrap();
        assert_eq!(len, datagram.len());
        assert_eq!(written, datagram);
    }
}

#[test]
fn the_register_vector_comes_from_its_parts() {
    let mut datagram = Vec::new();
    Writer::new(&mut datagram, Type::Con, Code::POST, 1, &[0xa1, 0xb2])
        .path("rd")
        .content_format(ContentFormat::LINK_FORMAT)
        .query("ep=sim-1")
        .query("lt=60")
        .query("lwm2m=1.0")
        .query("b=U")
        .payload(b"</1/0>,</3/0>")
        .unwrap();
    assert_eq!(datagram, hex(MESSAGES[0].0));
}

#[test]
fn accessors_of_a_message() {
    let datagram = hex(MESSAGES[0].0);
    let packet = Packet::parse(&datagram).unwrap();
    assert_eq!(packet.token(), Token::new(&[0xa1, 0xb2]).unwrap());
    assert!(packet.path_is(&["rd"]));
    assert!(!packet.path_is(&["rd", "x"]));
    assert!(!packet.path_is(&[]));
    assert_eq!(packet.path().collect::<Result<Vec<_>, _>>(), Ok(vec!["rd"]));
    assert_eq!(packet.queries().flatten().count(), 4);
    assert_eq!(packet.query("lwm2m"), Some("1.0"));
    assert_eq!(packet.query("l"), None);
    assert_eq!(
        packet.content_format(),
        Ok(Some(ContentFormat::LINK_FORMAT))
    );
    assert_eq!(packet.accept(), Ok(None));
    assert_eq!(packet.observe(), Ok(None));

    let block = Block::new(65_536, true, 64).unwrap();
    let mut datagram = Vec::new();
    Writer::new(&mut datagram, Type::Non, Code::PUT, 9, &[])
        .query("Q")
        .block(option::BLOCK1, block)
        .payload(&[0; 64])
        .unwrap();
    let packet = Packet::parse(&datagram).unwrap();
    assert_eq!(packet.block(option::BLOCK1), Ok(Some(block)));
    assert_eq!(packet.block(option::BLOCK2), Ok(None));
    assert_eq!(packet.query("Q"), Some(""));
    assert!(packet.path_is(&[]));
    assert_eq!(
        packet.to_string(),
        format!(
            "NON PUT /?Q MID=9 Block1=65536/1/64 64 B {}",
            "00".repeat(64)
        )
    );
}

#[test]
fn one_empty_segment_is_the_root_and_two_are_not() {
    for (segments, root) in [(0, true), (1, true), (2, false)] {
        let mut datagram = Vec::new();
        Writer::new(&mut datagram, Type::Con, Code::GET, 9, &[])
            .segments(option::URI_PATH, (0..segments).map(|_| ""))
            .finish()
            .unwrap();
        assert_eq!(
            Packet::parse(&datagram).unwrap().path_is(&[]),
            root,
            "{segments}"
        );
    }
}

#[test]
fn every_fault_has_its_name_and_place() {
    use ParseFault as F;
    for (bytes, at, fault) in [
        ("", 0, F::TooShort { got: 0 }),
        ("400100", 3, F::TooShort { got: 3 }),
        ("80010001", 0, F::Version { got: 2 }),
        ("00010001", 0, F::Version { got: 0 }),
        ("49010001000000000000000000", 0, F::TokenLength { got: 9 }),
        (
            "4f010001000000000000000000000000000000",
            0,
            F::TokenLength { got: 15 },
        ),
        (
            "44010001aabb",
            6,
            F::TokenTruncated {
                expected: 4,
                got: 2,
            },
        ),
        (
            "40200001",
            1,
            F::ReservedClass {
                got: Code::new(1, 0),
            },
        ),
        (
            "40c10001",
            1,
            F::ReservedClass {
                got: Code::new(6, 1),
            },
        ),
        ("40e20001", 1, F::ReservedClass { got: Code::PING }),
        (
            "50000001",
            1,
            F::Combination {
                ty: Type::Non,
                code: Code::EMPTY,
            },
        ),
        (
            "60010001",
            1,
            F::Combination {
                ty: Type::Ack,
                code: Code::GET,
            },
        ),
        (
            "70450001",
            1,
            F::Combination {
                ty: Type::Rst,
                code: Code::CONTENT,
            },
        ),
        ("41000001aa", 4, F::EmptyWithExtras { got: 1 }),
        ("41000001", 4, F::EmptyWithExtras { got: 0 }),
        ("40000001ff00", 4, F::EmptyWithExtras { got: 2 }),
        ("60000001b133", 4, F::EmptyWithExtras { got: 2 }),
        ("40010001f0", 4, F::ReservedDelta),
        (
            "40010001bf",
            4,
            F::ReservedLength {
                number: option::URI_PATH,
            },
        ),
        (
            "40010001d0",
            5,
            F::ExtensionTruncated {
                expected: 1,
                got: 0,
            },
        ),
        (
            "40010001e000",
            6,
            F::ExtensionTruncated {
                expected: 2,
                got: 1,
            },
        ),
        (
            "40010001bd",
            5,
            F::ExtensionTruncated {
                expected: 1,
                got: 0,
            },
        ),
        (
            "40010001dd00",
            6,
            F::ExtensionTruncated {
                expected: 1,
                got: 0,
            },
        ),
        (
            "40010001b33300",
            7,
            F::ValueTruncated {
                number: option::URI_PATH,
                expected: 3,
                got: 2,
            },
        ),
        ("40010001e0ffff", 4, F::NumberTooLarge { got: 269 + 65_535 }),
        (
            "40010001b0e0feff",
            5,
            F::NumberTooLarge {
                got: 11 + 269 + 0xfeff,
            },
        ),
        ("40010001ff", 4, F::MarkerWithoutPayload),
        ("40010001b133ff", 6, F::MarkerWithoutPayload),
    ] {
        let datagram = hex(bytes);
        assert_eq!(
            Packet::parse(&datagram),
            Err(ParseError { at, fault }),
            "{bytes}"
        );
    }
    // The largest number there is.
    assert!(Packet::parse(&hex("40010001e0fef2")).is_ok());
}

#[test]
fn faults_say_expected_and_got() {
    let say = |bytes| Packet::parse(&hex(bytes)).unwrap_err().to_string();
    assert_eq!(say("80010001"), "at byte 0: version 2, expected 1");
    assert_eq!(
        say("4901000100"),
        "at byte 0: token length 9, expected 0 to 8"
    );
    assert_eq!(
        say("40010001b33300"),
        "at byte 7: value of option Uri-Path has 3 bytes but ends after 2"
    );
    assert_eq!(
        say("40010001ff"),
        "at byte 4: payload marker, expected at least one byte of payload behind it"
    );
    assert_eq!(
        say("50000001"),
        "at byte 1: NON must not carry code 0.00 Empty"
    );
}

#[test]
fn the_header_of_a_malformed_message_can_be_read() {
    let header = Header::peek(&hex("4901abcd")).unwrap();
    assert_eq!(
        (header.ty, header.message_id, header.token_length),
        (Type::Con, 0xabcd, 9)
    );
    assert_eq!(Header::peek(&[0x40, 1, 0]), None);
}

#[test]
fn values_are_judged_when_they_are_read() {
    // Content-Format of three bytes, Observe of four, a path that is not UTF-8, a reserved block size.
    let raw = Raw {
        version: 1,
        code: Code::GET.byte(),
        ..Raw::default()
    }
    .option(option::OBSERVE, &[0; 4])
    .option(option::URI_PATH, b"a\xff")
    .option(option::CONTENT_FORMAT, &[0, 0, 40])
    .option(option::BLOCK2, &[7]);
    let datagram = raw.to_bytes();
    let packet = Packet::parse(&datagram).unwrap();
    let fault = |result: Result<_, twinproof_coap::ValueError>| result.unwrap_err().fault;
    assert_eq!(
        fault(packet.observe().map(|_| ())),
        ValueFault::Length {
            expected: 3,
            got: 4
        }
    );
    assert_eq!(
        fault(packet.content_format().map(|_| ())),
        ValueFault::Length {
            expected: 2,
            got: 3
        }
    );
    assert_eq!(
        fault(packet.path().next().unwrap().map(|_| ())),
        ValueFault::Utf8 { at: 1 }
    );
    assert_eq!(
        packet.block(option::BLOCK2).unwrap_err().to_string(),
        "Block2: size exponent 7 is reserved, expected 0 to 6"
    );
}

#[test]
fn numbers_with_leading_zeros_are_read_and_never_written() {
    let raw = Raw {
        version: 1,
        code: Code::GET.byte(),
        ..Raw::default()
    }
    .option(option::ACCEPT, &[0, 40]);
    let datagram = raw.to_bytes();
    assert_eq!(
        Packet::parse(&datagram).unwrap().accept(),
        Ok(Some(ContentFormat::LINK_FORMAT))
    );

    for (value, length) in [
        (0, 0),
        (1, 1),
        (255, 1),
        (256, 2),
        (65_536, 3),
        (1 << 24, 4),
    ] {
        let mut datagram = Vec::new();
        Writer::new(&mut datagram, Type::Con, Code::GET, 0, &[])
            .uint(option::MAX_AGE, value)
            .finish()
            .unwrap();
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!(packet.value(option::MAX_AGE).unwrap().len(), length);
        assert_eq!(packet.uint(option::MAX_AGE), Ok(Some(value)));
    }
}

#[test]
fn critical_options_that_are_unknown_misshapen_or_repeated_are_found() {
    let known = [option::URI_PATH, option::ACCEPT, option::URI_HOST];
    let bad = |options: &[(u16, &[u8])]| {
        let raw = options.iter().fold(
            Raw {
                version: 1,
                code: Code::GET.byte(),
                ..Raw::default()
            },
            |raw, &(number, value)| raw.option(twinproof_coap::OptionNumber(number), value),
        );
        let datagram = raw.to_bytes();
        Packet::parse(&datagram)
            .unwrap()
            .bad_critical_option(&known)
            .map(|number| number.0)
    };
    assert_eq!(bad(&[(11, b"3"), (11, b"0"), (17, &[40])]), None);
    assert_eq!(bad(&[(11, b"3"), (9999, b"")]), Some(9999));
    assert_eq!(bad(&[(9998, b"")]), None, "elective");
    assert_eq!(bad(&[(3, b"")]), Some(3), "Uri-Host has at least one byte");
    assert_eq!(
        bad(&[(17, &[40]), (17, &[41])]),
        Some(17),
        "Accept is not repeatable"
    );
    assert_eq!(bad(&[(11, b"\xff")]), Some(11), "a path is UTF-8");
    assert_eq!(bad(&[(14, &[0; 5])]), None, "Max-Age is elective");
}

#[test]
fn the_writer_writes_no_illegal_message() {
    let mut sink = b"before".to_vec();
    let mut check =
        |expected: WriteError, write: fn(Writer<'_, Vec<u8>>) -> Result<usize, WriteError>| {
            let writer = Writer::new(&mut sink, Type::Con, Code::GET, 1, &[1]);
            assert_eq!(write(writer), Err(expected));
            assert_eq!(sink, b"before", "{expected}");
        };
    check(
        WriteError::Order {
            after: option::URI_PATH,
            got: option::OBSERVE,
        },
        |w| w.path("/3").observe(0).finish(),
    );
    check(
        WriteError::ValueLength {
            number: option::CONTENT_FORMAT,
            min: 0,
            max: 2,
            got: 3,
        },
        |w| w.uint(option::CONTENT_FORMAT, 65_536).finish(),
    );
    check(
        WriteError::ValueLength {
            number: option::URI_PATH,
            min: 0,
            max: 255,
            got: 256,
        },
        |w| w.path(&"a".repeat(256)).finish(),
    );
    check(
        WriteError::ValueLength {
            number: twinproof_coap::OptionNumber(65_000),
            min: 0,
            max: 65_804,
            got: 65_805,
        },
        |w| {
            w.option(twinproof_coap::OptionNumber(65_000), &vec![0; 65_805])
                .finish()
        },
    );
    check(
        WriteError::Repeated {
            number: option::OBSERVE,
        },
        |w| w.observe(0).observe(1).finish(),
    );
    check(
        WriteError::DotSegment {
            number: option::URI_PATH,
        },
        |w| w.path("/a/../b").finish(),
    );
    check(WriteError::Full, |w| w.payload(&vec![0; 65_507]));
    check(WriteError::Full, |w| w.limit(1280).payload(&[0; 1280]));

    let header = |ty, code, token: &[u8]| Writer::new(&mut Vec::new(), ty, code, 1, token).finish();
    assert_eq!(
        header(Type::Con, Code::GET, &[0; 9]),
        Err(WriteError::TokenLength { got: 9 })
    );
    assert_eq!(
        header(Type::Ack, Code::GET, &[]),
        Err(WriteError::Combination {
            ty: Type::Ack,
            code: Code::GET
        })
    );
    assert_eq!(
        header(Type::Con, Code::CSM, &[]),
        Err(WriteError::ReservedClass { got: Code::CSM })
    );
    assert_eq!(
        header(Type::Rst, Code::EMPTY, &[1]),
        Err(WriteError::EmptyWithExtras)
    );
    assert_eq!(
        Writer::new(&mut Vec::new(), Type::Con, Code::EMPTY, 1, &[]).payload(b"x"),
        Err(WriteError::EmptyWithExtras)
    );
    assert_eq!(header(Type::Rst, Code::EMPTY, &[]), Ok(4));
}

#[test]
fn an_observe_counter_runs_on_past_24_bits() {
    let mut datagram = Vec::new();
    Writer::new(&mut datagram, Type::Non, Code::CONTENT, 1, &[])
        .observe(1 << 24 | 3)
        .finish()
        .unwrap();
    assert_eq!(Packet::parse(&datagram).unwrap().observe(), Ok(Some(3)));
}

#[test]
fn many_messages_share_a_buffer_and_a_full_one_is_left_as_it_was() {
    let mut room = [0; 10];
    let mut slice = Slice::new(&mut room);
    assert_eq!(
        Writer::new(&mut slice, Type::Con, Code::EMPTY, 1, &[]).finish(),
        Ok(4)
    );
    assert_eq!(
        Writer::new(&mut slice, Type::Rst, Code::EMPTY, 2, &[]).finish(),
        Ok(4)
    );
    assert_eq!(
        Writer::new(&mut slice, Type::Con, Code::EMPTY, 3, &[]).finish(),
        Err(WriteError::Full)
    );
    assert_eq!(slice.written(), hex("4000000170000002"));
}

#[test]
fn legal_messages_are_broken_one_thing_at_a_time() {
    let legal = Raw::dissect(&hex(MESSAGES[4].0));
    type Break = fn(&mut Raw);
    let breaks: [(Break, ParseFault); 8] = [
        (|raw| raw.version = 2, ParseFault::Version { got: 2 }),
        (
            |raw| raw.token_length = 12,
            ParseFault::TokenLength { got: 12 },
        ),
        (
            |raw| raw.code = 0x20,
            ParseFault::ReservedClass {
                got: Code::new(1, 0),
            },
        ),
        (|raw| raw.marker = true, ParseFault::MarkerWithoutPayload),
        (
            |raw| raw.cut = Some(raw.to_bytes().len() - 1),
            ParseFault::ValueTruncated {
                number: option::ACCEPT,
                expected: 2,
                got: 1,
            },
        ),
        (
            |raw| {
                raw.options.push(RawOption {
                    delta: 15,
                    ..RawOption::default()
                })
            },
            ParseFault::ReservedDelta,
        ),
        (|raw| raw.code = 0, ParseFault::EmptyWithExtras { got: 8 }),
        (
            |raw| {
                raw.options.push(RawOption {
                    delta: 14,
                    delta_extension: vec![0xff, 0xff],
                    ..RawOption::default()
                });
            },
            ParseFault::NumberTooLarge {
                got: 17 + 269 + 65_535,
            },
        ),
    ];
    for (change, fault) in breaks {
        let mut raw = legal.clone();
        change(&mut raw);
        assert_eq!(Packet::parse(&raw.to_bytes()).unwrap_err().fault, fault);
    }
}

#[test]
fn raw_options_are_appended_by_number() {
    let raw = Raw {
        version: 1,
        code: 1,
        ..Raw::default()
    }
    .option(option::URI_PATH, b"3")
    .option(option::ACCEPT, &[40])
    .option(twinproof_coap::OptionNumber(9999), &[0; 300]);
    let datagram = raw.to_bytes();
    let packet = Packet::parse(&datagram).unwrap();
    let numbers: Vec<u16> = packet.options().map(|option| option.number.0).collect();
    assert_eq!(numbers, [11, 17, 9999]);
    assert_eq!(
        packet
            .value(twinproof_coap::OptionNumber(9999))
            .unwrap()
            .len(),
        300
    );
}

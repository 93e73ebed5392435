//! A value is the same value in every format, and no payload makes a reader panic.

use std::sync::LazyLock;

use proptest::prelude::*;
use twinproof_coap::ContentFormat as F;
use twinproof_lwm2m::model::{Registry, TEST_OBJECT};
use twinproof_lwm2m::wire::attributes::{Attribute, Attributes, TABLE};
use twinproof_lwm2m::wire::links::{Item, ObjectList};
use twinproof_lwm2m::wire::{
    self, Direction, Entry, Kind, ObjectLink, Path, Value, Version, arguments, text, tlv,
};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

const MANY: [F; 5] = [
    F::LWM2M_TLV,
    F::LWM2M_JSON,
    F::SENML_JSON,
    F::SENML_CBOR,
    F::LWM2M_CBOR,
];
const SINGLE: [F; 2] = [F::TEXT, F::CBOR];

fn kind(path: Path) -> Option<Kind> {
    REGISTRY.kind(path)
}

fn values(kind: Kind) -> BoxedStrategy<Value> {
    let whole = prop_oneof![any::<i64>(), -300_i64..300, Just(i64::MIN), Just(i64::MAX)];
    match kind {
        Kind::String => ".{0,20}".prop_map(Value::String).boxed(),
        Kind::CoreLink => "</[0-9]{1,3}>(;[a-z]=\"[ -!#-~]{0,5}\")?"
            .prop_map(Value::CoreLink)
            .boxed(),
        Kind::Integer => whole.prop_map(Value::Integer).boxed(),
        Kind::Time => whole.prop_map(Value::Time).boxed(),
        Kind::Unsigned => prop_oneof![any::<u64>(), 0..300_u64]
            .prop_map(Value::Unsigned)
            .boxed(),
        Kind::Float => {
            use prop::num::{f32, f64};
            let wide = f64::NORMAL | f64::SUBNORMAL | f64::ZERO;
            let narrow = f32::NORMAL | f32::SUBNORMAL | f32::ZERO;
            prop_oneof![
                wide,
                narrow.prop_map(f64::from),
                (-9..9_i32).prop_map(f64::from)
            ]
            .prop_map(Value::Float)
            .boxed()
        }
        Kind::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Kind::Opaque => prop_oneof![
            9 => prop::collection::vec(any::<u8>(), 0..300),
            1 => prop::collection::vec(any::<u8>(), 65_530..65_545),
        ]
        .prop_map(Value::Opaque)
        .boxed(),
        Kind::ObjectLink => any::<(u16, u16)>()
            .prop_map(|(object, instance)| Value::ObjectLink(ObjectLink { object, instance }))
            .boxed(),
    }
}

/// Some resources of the test object, multiple ones with some instances.
fn instance(id: u16) -> impl Strategy<Value = Vec<Entry>> {
    let object = REGISTRY.object(TEST_OBJECT).unwrap();
    let resources: Vec<_> = object
        .resources
        .values()
        .filter(|r| r.kind.is_some())
        .collect();
    let count = resources.len();
    prop::sample::subsequence(resources, 0..=count).prop_flat_map(move |resources| {
        let each = resources.into_iter().map(move |resource| {
            let path = Path::new(&[TEST_OBJECT, id, resource.id]).unwrap();
            let value = values(resource.kind.unwrap());
            if resource.multiple {
                prop::collection::btree_map(
                    prop_oneof![0..3_u16, 250..260_u16, Just(65_534)],
                    value,
                    1..4,
                )
                .prop_map(move |values| {
                    let entry = |(id, value)| Entry::new(path.child(id).unwrap(), value);
                    values.into_iter().map(entry).collect::<Vec<_>>()
                })
                .boxed()
            } else {
                value
                    .prop_map(move |value| vec![Entry::new(path, value)])
                    .boxed()
            }
        });
        each.collect::<Vec<_>>()
            .prop_map(|entries| entries.concat())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_instance_is_the_same_in_every_format(entries in instance(7), write in any::<bool>()) {
        let direction = if write { Direction::Write } else { Direction::Report };
        for base in [&[TEST_OBJECT, 7][..], &[TEST_OBJECT]] {
            let base = Path::new(base).unwrap();
            for format in MANY {
                let payload = wire::encode(format, direction, base, &entries).unwrap();
                let read = wire::decode(format, direction, base, &payload, &kind);
                prop_assert_eq!(read.as_ref(), Ok(&entries), "{:?} at {}", format, base);
            }
        }
    }

    #[test]
    fn two_instances_are_the_same_in_every_format(one in instance(1), other in instance(300)) {
        let base = Path::new(&[TEST_OBJECT]).unwrap();
        let entries = [one, other].concat();
        for format in MANY {
            let payload = wire::encode(format, Direction::Report, base, &entries).unwrap();
            let read = wire::decode(format, Direction::Report, base, &payload, &kind);
            prop_assert_eq!(read.as_ref(), Ok(&entries), "{:?}", format);
        }
    }

    #[test]
    fn a_resource_is_the_same_in_every_format(entries in instance(0)) {
        for entry in &entries {
            for base in [entry.path, entry.path.prefix(3)] {
                let said = entries.iter().filter(|e| e.path.is_within(base)).cloned();
                let said: Vec<Entry> = said.collect();
                let single = base == entry.path;
                for format in MANY.into_iter().chain(SINGLE.into_iter().filter(|_| single)) {
                    let payload = wire::encode(format, Direction::Write, base, &said).unwrap();
                    let read = wire::decode(format, Direction::Write, base, &payload, &kind);
                    prop_assert_eq!(read.as_ref(), Ok(&said), "{:?} at {}", format, base);
                }
            }
        }
    }

    #[test]
    fn no_payload_makes_a_reader_panic(
        payload in prop::collection::vec(any::<u8>(), 0..64),
        base in prop_oneof![
            Just("/"), Just("/26241"), Just("/26241/0"), Just("/26241/0/1"), Just("/26241/0/11/2"),
        ],
    ) {
        let base: Path = base.parse().unwrap();
        for format in MANY.into_iter().chain(SINGLE).chain([F::OCTET_STREAM]) {
            for direction in [Direction::Write, Direction::Report] {
                if let Err(wire::DecodeError::Payload(error)) =
                    wire::decode(format, direction, base, &payload, &kind)
                {
                    prop_assert!(error.at <= payload.len(), "{:?}: {}", format, error);
                }
            }
        }
        let _ = (ObjectList::parse(&payload), arguments::parse(&payload));
    }

    #[test]
    fn no_broken_payload_makes_a_reader_panic(
        entries in instance(0),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let base = Path::new(&[TEST_OBJECT, 0]).unwrap();
        for format in MANY {
            let mut payload = wire::encode(format, Direction::Report, base, &entries).unwrap();
            for (index, byte) in &changes {
                if !payload.is_empty() {
                    let index = index.index(payload.len());
                    payload[index] = *byte;
                }
            }
            for payload in [&payload[..], &payload[..cut.index(payload.len() + 1)]] {
                if let Err(wire::DecodeError::Payload(error)) =
                    wire::decode(format, Direction::Report, base, payload, &kind)
                {
                    prop_assert!(error.at <= payload.len(), "{:?}: {}", format, error);
                }
            }
        }
    }

    #[test]
    fn tlv_takes_the_fewest_bytes(id in 0..65_535_u16, length in prop_oneof![0..300_usize, 65_530..65_540_usize]) {
        let value = vec![7; length];
        let mut payload = Vec::new();
        tlv::write(&mut payload, tlv::TlvKind::Resource, id, &value);
        let wide = usize::from(id > 255);
        let size = match length { 0..8 => 0, 8..256 => 1, 256..65_536 => 2, _ => 3 };
        prop_assert_eq!(payload.len(), 2 + wide + size + length);
        let read: Vec<_> = tlv::Tlvs::new(&payload, 0).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!((read[0].id, read[0].value), (id, &value[..]));
    }

    #[test]
    fn text_of_any_kind_is_a_value_or_an_error(line in "[ -~]{0,12}") {
        for (kind, _) in Kind::TABLE {
            if let Ok(value) = text::parse(*kind, &line) {
                prop_assert_eq!(value.kind(), *kind);
            }
        }
    }

    #[test]
    fn object_lists_are_read_back(
        root in prop_oneof![Just(""), Just("/lwm2m"), Just("/a/b")],
        formats in prop::collection::vec(any::<u16>().prop_map(F), 0..4),
        items in prop::collection::vec(items(), 0..8),
        lwm2m in prop::option::of((0..3_u8, 0..20_u8)),
    ) {
        let lwm2m = lwm2m.map(|(major, minor)| Version { major, minor });
        let list = ObjectList { lwm2m, root: root.to_owned(), formats, items };
        prop_assert_eq!(ObjectList::parse(list.to_string().as_bytes()), Ok(list));
    }
}

fn items() -> impl Strategy<Value = Item> {
    let path = prop::collection::vec(0..65_535_u16, 1..4);
    let value = prop_oneof![Just(None), Just(Some(0.0)), Just(Some(1.0))];
    let attributes = prop::collection::vec(value, TABLE.len()).prop_map(|values| {
        let mut attributes = Attributes::NONE;
        for (row, value) in TABLE.iter().zip(values) {
            attributes.set(row.attribute, value);
        }
        attributes
    });
    (
        path,
        prop::option::of((0..9_u8, 0..9_u8)),
        prop::option::of(any::<u16>()),
        prop::option::of(any::<u16>()),
        prop::option::of("[ -~]{0,20}"),
        attributes,
    )
        .prop_map(|(path, version, dim, ssid, uri, attributes)| Item {
            path: Path::new(&path).unwrap(),
            version: version.map(|(major, minor)| Version { major, minor }),
            dim,
            ssid,
            uri,
            attributes,
        })
}

#[test]
fn empty_things_keep_their_place() {
    let bare = |text: &str| Entry::bare(text.parse().unwrap());
    let base: Path = "/26241".parse().unwrap();
    let said = [bare("/26241/3"), bare("/26241/4/10")];
    for format in [F::LWM2M_TLV, F::LWM2M_CBOR] {
        let payload = wire::encode(format, Direction::Report, base, &said).unwrap();
        let read = wire::decode(format, Direction::Report, base, &payload, &kind);
        assert_eq!(read.as_deref(), Ok(&said[..]), "{format:?}");
    }
}

#[test]
fn a_create_may_leave_the_instance_to_the_client() {
    let payload = [0xc1, 1, 5];
    assert!(!tlv::names_instances(&payload));
    let chosen = Path::new(&[TEST_OBJECT, 9]).unwrap();
    let read = tlv::decode(chosen, &payload, &kind).unwrap();
    assert_eq!(
        read,
        [Entry::new(chosen.child(1).unwrap(), Value::Integer(5))]
    );
    assert!(tlv::names_instances(&[0x03, 9, 0xc1, 1, 5]));
    assert!(!tlv::names_instances(&[]));
}

#[test]
fn attributes_of_a_link_have_names_of_the_table() {
    let list = ObjectList::parse(b"</3/0/9>;edge=1;con=0;hqmax=7;epmin=1;epmax=2").unwrap();
    let value = |attribute| list.items[0].attributes.value(attribute);
    assert_eq!(value(Attribute::Edge), Some(1.0));
    assert_eq!(value(Attribute::Con), Some(0.0));
    assert_eq!(value(Attribute::Hqmax), Some(7.0));
    assert_eq!(
        (value(Attribute::Epmin), value(Attribute::Epmax)),
        (Some(1.0), Some(2.0))
    );
}

#[test]
fn what_is_empty_holds_nothing() {
    let cases: [(F, &str, &[u8]); 4] = [
        // An instance without resources, and a resource of it.
        (F::LWM2M_TLV, "/26241", &[0x00, 0, 0x03, 0, 0xc1, 1, 5]),
        (F::LWM2M_TLV, "/26241", &[0x03, 0, 0xc1, 1, 5, 0x00, 0]),
        // A multiple resource twice, once with an instance.
        (F::LWM2M_TLV, "/26241/0", &[0x80, 11, 0x83, 11, 0x41, 0, 5]),
        (F::LWM2M_CBOR, "/26241/0", &[0xa2, 11, 0xa0, 11, 0xa1, 0, 5]),
    ];
    for (format, base, payload) in cases {
        let base = base.parse().unwrap();
        let read = wire::decode(format, Direction::Write, base, payload, &kind);
        let Err(wire::DecodeError::Payload(error)) = read else {
            panic!("{payload:02x?} is {read:?}");
        };
        assert!(error.expected.contains("which is empty"), "{error}");
    }
}

#[test]
fn a_resource_instance_is_there_if_it_is_written() {
    let base = "/26241/0/11/2".parse().unwrap();
    let error = tlv::decode(base, &[0x80, 11], &kind).unwrap_err();
    assert_eq!((error.at, &*error.expected), (2, "a resource instance"));
}

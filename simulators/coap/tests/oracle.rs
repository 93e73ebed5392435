//! coap-lite reads everything a second time. Where the two readings differ, the difference is one of
//! [`known`], with its reason; any other is our fault or a discovery.

use coap_lite::{CoapOption, MessageClass, Packet as Other};
use proptest::prelude::*;
use twinproof_coap::link::{self, Links};
use twinproof_coap::{Code, OptionNumber, Packet, ParseFault, Raw, Type, Writer};

/// Why coap-lite accepts what we refuse.
fn known(fault: ParseFault) -> Option<&'static str> {
    match fault {
        ParseFault::Version { .. } => Some("it leaves the version to its caller"),
        ParseFault::ReservedClass { .. } => Some("it keeps reserved codes"),
        ParseFault::Combination { .. } => Some("it does not relate type and code"),
        ParseFault::EmptyWithExtras { .. } => Some("it reads an empty message like any other"),
        ParseFault::MarkerWithoutPayload => Some("it takes a bare marker for no payload"),
        ParseFault::TooShort { .. }
        | ParseFault::TokenLength { .. }
        | ParseFault::TokenTruncated { .. }
        | ParseFault::ReservedDelta
        | ParseFault::ReservedLength { .. }
        | ParseFault::ExtensionTruncated { .. }
        | ParseFault::NumberTooLarge { .. }
        | ParseFault::ValueTruncated { .. } => None,
    }
}

fn agree(datagram: &[u8]) -> Result<(), TestCaseError> {
    match (Packet::parse(datagram), Other::from_bytes(datagram)) {
        (Ok(ours), Ok(theirs)) => {
            prop_assert_eq!(theirs.header.get_version(), 1);
            prop_assert_eq!(theirs.header.message_id, ours.message_id());
            prop_assert_eq!(u8::from(theirs.header.code), ours.code().byte());
            prop_assert_eq!(theirs.get_token(), ours.token_bytes());
            prop_assert_eq!(&theirs.payload, ours.payload());
            let mine: Vec<(u16, &[u8])> = ours
                .options()
                .map(|option| (option.number.0, option.value))
                .collect();
            let other: Vec<(u16, &[u8])> = theirs
                .options()
                .flat_map(|(&number, values)| values.iter().map(move |v| (number, v.as_slice())))
                .collect();
            prop_assert_eq!(mine, other);
        }
        (Err(_), Err(_)) => {}
        (Err(error), Ok(_)) => prop_assert!(known(error.fault).is_some(), "{error}"),
        (Ok(packet), Err(error)) => prop_assert!(false, "only they refuse {packet}: {error:?}"),
    }
    Ok(())
}

/// A legal message: type, code, id, token, options (any number, any value), payload.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let types = prop_oneof![Just(Type::Con), Just(Type::Non), Just(Type::Ack)];
    let codes = prop_oneof![(0_u8..1, 1_u8..32), (2_u8..6, 0_u8..32)];
    let option = (
        prop_oneof![
            2 => 1_u16..400,
            1 => any::<u16>(),
        ],
        prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..20),
            1 => prop::collection::vec(any::<u8>(), 250..300),
        ],
    );
    (
        types,
        codes,
        any::<u16>(),
        prop::collection::vec(any::<u8>(), 0..=8),
        prop::collection::vec(option, 0..8),
        prop::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|(ty, (class, detail), id, token, mut options, payload)| {
            let code = Code::new(class, detail);
            let ty = if ty.may_carry(code) { ty } else { Type::Con };
            options.sort_by_key(|option| option.0);
            let raw = Raw {
                version: 1,
                ty: ty as u8,
                token_length: token.len() as u8,
                code: code.byte(),
                message_id: id,
                token,
                marker: !payload.is_empty(),
                payload,
                ..Raw::default()
            };
            let raw = options.iter().fold(raw, |raw, (number, value)| {
                raw.option(OptionNumber(*number), value)
            });
            raw.to_bytes()
        })
}

/// A legal message with some bytes changed, or an end cut off.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (
        messages(),
        prop::collection::vec(change, 0..4),
        any::<prop::sample::Index>(),
        any::<bool>(),
    )
        .prop_map(|(mut bytes, changes, cut, whole)| {
            for (index, byte) in changes {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            if !whole {
                bytes.truncate(cut.index(bytes.len() + 1));
            }
            bytes
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn legal_messages_are_read_alike(datagram in messages()) {
        prop_assert!(Packet::parse(&datagram).is_ok());
        agree(&datagram)?;
    }

    #[test]
    fn broken_messages_are_read_alike(datagram in broken()) {
        agree(&datagram)?;
    }

    #[test]
    fn any_bytes_are_read_alike(datagram in prop::collection::vec(any::<u8>(), 0..64)) {
        agree(&datagram)?;
    }

    #[test]
    fn what_is_read_is_written_byte_for_byte(datagram in messages()) {
        let packet = Packet::parse(&datagram).unwrap();
        let mut written = Vec::new();
        let writer = Writer::new(
            &mut written, packet.ty(), packet.code(), packet.message_id(), packet.token_bytes(),
        );
        let result = packet
            .options()
            .fold(writer, |writer, option| writer.option(option.number, option.value))
            .payload(packet.payload());
        // A generated value need not have the length that is registered for its number, and then the
        // writer has to refuse it.
        match result {
            Ok(_) => prop_assert_eq!(written, datagram),
            Err(error) => {
                prop_assert!(written.is_empty());
                prop_assert!(matches!(
                    error,
                    twinproof_coap::WriteError::ValueLength { .. }
                        | twinproof_coap::WriteError::Repeated { .. }
                ), "{error}");
            }
        }
    }

    #[test]
    fn any_datagram_survives_being_taken_apart(datagram in prop_oneof![
        broken(), prop::collection::vec(any::<u8>(), 0..64),
    ]) {
        prop_assert_eq!(Raw::dissect(&datagram).to_bytes(), datagram);
    }

    #[test]
    fn what_can_be_read_can_be_shown(datagram in broken()) {
        match Packet::parse(&datagram) {
            Ok(packet) => {
                prop_assert!(!packet.to_string().contains(char::is_control));
                let _ = packet.bad_critical_option(&[]);
                for definition in twinproof_coap::option::TABLE {
                    let _ = (packet.uint(definition.number), packet.block(definition.number));
                }
            }
            Err(error) => prop_assert!(error.at <= datagram.len()),
        }
    }

    #[test]
    fn written_link_lists_are_read_alike(links in prop::collection::vec(
        ("/[a-z0-9/.]{0,12}", prop::collection::vec(("[a-z]{1,6}", "[ -~]{0,12}"), 0..4)), 0..6,
    )) {
        let mut list = String::new();
        for (target, attributes) in &links {
            link::write_link(&mut list, target);
            for (name, value) in attributes {
                link::write_attribute(&mut list, name, value);
            }
        }
        let ours: Vec<_> = Links::new(&list)
            .map(|link| {
                let link = link.unwrap();
                let attributes: Vec<_> = link
                    .attributes()
                    .map(|attribute| (attribute.name.to_owned(), attribute.value().into_owned()))
                    .collect();
                (link.target.to_owned(), attributes)
            })
            .collect();
        prop_assert_eq!(&ours, &links);
        let theirs: Vec<_> = coap_lite::link_format::LinkFormatParser::new(&list)
            .map(|link| {
                let (target, attributes) = link.unwrap();
                let attributes: Vec<_> = attributes
                    .map(|(name, value)| (name.to_owned(), value.to_string()))
                    .collect();
                (target.to_owned(), attributes)
            })
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn any_text_is_a_link_list_or_an_error_with_its_place(text in "[</>;,=\" a\\\\1é]{0,40}") {
        for link in Links::new(&text) {
            match link {
                Ok(link) => for attribute in link.attributes() { let _ = attribute.value(); },
                Err(error) => prop_assert!(error.at <= text.len()),
            }
        }
    }
}

/// The faults of coap-lite that its users have to make up for; none of them is ours. When one of
/// the first halves fails, coap-lite has mended it.
mod faults {
    use super::*;

    #[test]
    fn a_bare_marker_is_accepted_there_and_refused_here() {
        let datagram = [0x40, 1, 0, 1, 0xff];
        assert!(Other::from_bytes(&datagram).is_ok());
        assert_eq!(
            Packet::parse(&datagram).unwrap_err().fault,
            ParseFault::MarkerWithoutPayload
        );
    }

    #[test]
    fn version_2_is_accepted_there_and_refused_here() {
        let datagram = [0x80, 1, 0, 1];
        assert!(Other::from_bytes(&datagram).is_ok());
        assert!(Packet::parse(&datagram).is_err());
    }

    #[test]
    fn an_empty_message_loses_its_payload_there_and_cannot_be_written_here() {
        let mut theirs = Other::new();
        theirs.header.code = MessageClass::Empty;
        theirs.payload = b"lost".to_vec();
        assert!(!theirs.to_bytes().unwrap().ends_with(b"lost"));
        let mut ours = Vec::new();
        assert!(
            Writer::new(&mut ours, Type::Con, Code::EMPTY, 0, &[])
                .payload(b"x")
                .is_err()
        );
    }

    #[test]
    fn a_token_of_nine_bytes_is_written_there_and_refused_here() {
        let mut theirs = Other::new();
        theirs.set_token(vec![0; 9]);
        assert_eq!(theirs.to_bytes().unwrap()[0] & 0x0f, 9);
        assert!(
            Writer::new(&mut Vec::new(), Type::Con, Code::GET, 0, &[0; 9])
                .finish()
                .is_err()
        );
        // At sixteen bytes coap-lite panics; here it is the same error.
        assert!(
            Writer::new(&mut Vec::new(), Type::Con, Code::GET, 0, &[0; 16])
                .finish()
                .is_err()
        );
    }

    #[test]
    fn observe_of_four_bytes_is_written_there_and_wraps_here() {
        let mut theirs = Other::new();
        theirs.set_observe_value(1 << 24);
        assert_eq!(
            theirs.get_first_option(CoapOption::Observe).unwrap().len(),
            4
        );
        let mut ours = Vec::new();
        Writer::new(&mut ours, Type::Con, Code::GET, 0, &[])
            .observe(1 << 24)
            .finish()
            .unwrap();
        assert_eq!(Packet::parse(&ours).unwrap().observe(), Ok(Some(0)));
    }

    #[test]
    fn block_65536_is_an_error_there_and_a_block_here() {
        assert!(coap_lite::block_handler::BlockValue::new(65_536, true, 16).is_err());
        assert!(twinproof_coap::Block::new(65_536, true, 16).is_ok());
    }

    #[test]
    fn an_unknown_content_format_is_lost_there_and_a_number_here() {
        let datagram = [0x40, 2, 0, 1, 0xc2, 0xff, 0xfe];
        assert_eq!(
            Other::from_bytes(&datagram).unwrap().get_content_format(),
            None
        );
        let format = Packet::parse(&datagram)
            .unwrap()
            .content_format()
            .unwrap()
            .unwrap();
        assert_eq!(format.0, 0xfffe);
    }

    #[test]
    fn a_value_of_65536_bytes_is_refused_there_and_read_here() {
        // The extension is added to 269 in 16 bits. It takes jumbograms or TCP to meet this.
        let raw = Raw {
            version: 1,
            code: 1,
            ..Raw::default()
        };
        let datagram = raw.option(OptionNumber(2049), &[7; 65_536]).to_bytes();
        assert!(Other::from_bytes(&datagram).is_err());
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!(packet.options().next().unwrap().value.len(), 65_536);
    }

    #[test]
    fn a_target_that_does_not_end_is_a_link_there_and_an_error_here() {
        assert!(coap_lite::link_format::LinkFormatParser::new("</1").all(|link| link.is_ok()));
        assert!(Links::new("</1").any(|link| link.is_err()));
    }
}

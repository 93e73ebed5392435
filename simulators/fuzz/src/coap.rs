//! Packets and link lists.

use coap_lite::Packet as Other;
use coap_lite::link_format::LinkFormatParser;
use twinproof_coap::link::{self, Links};
use twinproof_coap::{Header, Message, Packet, ParseFault, Raw, Type, WriteError, Writer, option};
use twinproof_lwm2m::wire::links::ObjectList;

/// A datagram: taken apart and put together it is the same; a message is written as it was read, and
/// coap-lite reads the same in it.
pub fn packet(datagram: &[u8]) {
    assert_eq!(Raw::dissect(datagram).to_bytes(), datagram);
    let other = Other::from_bytes(datagram);
    let packet = match Packet::parse(datagram) {
        Err(error) => {
            assert!(error.at <= datagram.len());
            assert!(other.is_err() || is_lenient(error.fault), "{error}");
            return;
        }
        Ok(packet) => packet,
    };
    let other = other.expect("what is a message to us is one to coap-lite");
    assert_eq!(other.header.message_id, packet.message_id());
    assert_eq!(u8::from(other.header.code), packet.code().byte());
    assert_eq!(other.get_token(), packet.token_bytes());
    assert_eq!(other.payload, packet.payload());
    let options = packet
        .options()
        .map(|option| (option.number.0, option.value));
    let others = other
        .options()
        .flat_map(|(&number, values)| values.iter().map(move |value| (number, value.as_slice())));
    assert!(options.eq(others), "{packet}");

    let header = Header::peek(datagram).expect("a message has a header");
    assert_eq!(
        (header.ty, header.code, header.message_id),
        (packet.ty(), packet.code(), packet.message_id())
    );
    assert!(!packet.to_string().contains(char::is_control));
    assert!(packet.options().count() <= datagram.len());
    assert!(
        packet.options().is_sorted_by_key(|option| option.number),
        "{packet}"
    );
    let _ = packet.bad_critical_option(&[]);
    for definition in option::TABLE {
        let _ = (
            packet.uint(definition.number),
            packet.block(definition.number),
        );
    }
    written_again(&packet);
    let message = Message::of(&packet);
    assert_eq!(message.body(), packet.payload());
    let mut numbers: Vec<_> = packet.options().map(|option| option.number).collect();
    numbers.dedup();
    for number in numbers.into_iter().take(64) {
        assert!(message.values(number).eq(packet.values(number)));
    }
}

/// Whether coap-lite takes what we refuse.
fn is_lenient(fault: ParseFault) -> bool {
    matches!(
        fault,
        ParseFault::Version { .. }
            | ParseFault::ReservedClass { .. }
            | ParseFault::Combination { .. }
            | ParseFault::EmptyWithExtras { .. }
            | ParseFault::MarkerWithoutPayload
    )
}

/// The writer gives the same octets, unless they were not the shortest form, and refuses only what
/// is not as registered. What it writes is a message with the same options.
fn written_again(packet: &Packet<'_>) {
    let mut written = Vec::new();
    let (ty, code) = (packet.ty(), packet.code());
    let writer = Writer::new(
        &mut written,
        ty,
        code,
        packet.message_id(),
        packet.token_bytes(),
    );
    let result = packet
        .options()
        .fold(writer, |writer, option| {
            writer.option(option.number, option.value)
        })
        .payload(packet.payload());
    match result {
        Ok(_) => {
            let again = Packet::parse(&written).expect("what is written is a message");
            assert!(again.options().eq(packet.options()));
            assert_eq!(again.payload(), packet.payload());
            assert!(written.len() <= packet.datagram().len());
        }
        Err(error) => {
            let as_registered = matches!(
                error,
                WriteError::ValueLength { .. }
                    | WriteError::Repeated { .. }
                    | WriteError::DotSegment { .. }
            );
            let empty = ty != Type::Con && code.byte() == 0;
            assert!(as_registered || empty, "{error} in {packet}");
        }
    }
}

/// A link list: what is read is written and read again as the same, here and by coap-lite; and as a
/// list of objects.
pub fn link_format(octets: &[u8]) {
    objects(octets);
    let Ok(text) = str::from_utf8(octets) else {
        return;
    };
    let mut list = String::new();
    let mut said = Vec::new();
    for link in Links::new(text) {
        let link = match link {
            Ok(link) => link,
            Err(error) => {
                assert!(error.at <= text.len());
                return;
            }
        };
        link::write_link(&mut list, link.target);
        let mut attributes = Vec::new();
        for attribute in link.attributes() {
            let value = attribute.value();
            link::write_attribute(&mut list, attribute.name, &value);
            attributes.push((attribute.name.to_owned(), value.into_owned()));
        }
        said.push((link.target.to_owned(), attributes));
    }
    let again: Vec<_> = Links::new(&list)
        .map(|link| {
            let link = link.expect("what is written is a list");
            let attributes: Vec<_> = link
                .attributes()
                .map(|attribute| (attribute.name.to_owned(), attribute.value().into_owned()))
                .collect();
            (link.target.to_owned(), attributes)
        })
        .collect();
    assert_eq!(again, said, "{list}");
    let others: Vec<_> = LinkFormatParser::new(&list)
        .map(|link| {
            let (target, attributes) = link.expect("what is a list to us is one to coap-lite");
            let attributes: Vec<_> = attributes
                .map(|(name, value)| (name.to_owned(), value.to_string()))
                .collect();
            (target.to_owned(), attributes)
        })
        .collect();
    assert_eq!(others, said, "{list}");
}

fn objects(octets: &[u8]) {
    match ObjectList::parse(octets) {
        Err(error) => assert!(error.at <= octets.len(), "{error}"),
        Ok(list) => {
            assert!(list.items.len() <= octets.len());
            let written = list.to_string();
            let again = ObjectList::parse(written.as_bytes());
            assert_eq!(again.as_ref(), Ok(&list), "{written}");
        }
    }
}

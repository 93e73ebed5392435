//! OMA DM: documents in both forms, messages, triggers.

use twinproof_dm::document::Element;
use twinproof_dm::notification::{RawTrigger, Received, options, push::Push};
use twinproof_dm::syncml::Message;
use twinproof_dm::wbxml::{self, Form, SYNCML};
use twinproof_dm::{Encoding, Limits, xml};

const LIMITS: Limits = Limits {
    octets: 1 << 16,
    depth: 32,
    nodes: 1 << 12,
    text: 1 << 16,
};

/// A document in WBXML.
pub fn wbxml(octets: &[u8]) {
    if let Ok(document) = wbxml::read(octets, Some(&SYNCML), &LIMITS) {
        document_again(&document.root);
    }
}

/// A document in XML.
pub fn xml(octets: &[u8]) {
    if let Ok(root) = xml::read(octets, &LIMITS) {
        document_again(&root);
    }
}

/// What could be read, and can be written, is read as the same; a message is the same message.
fn document_again(root: &Element) {
    let limits = Limits::default();
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let Ok(written) = encoding.write(root, &Form::default()) else {
            continue;
        };
        let again = encoding.read(&written, &limits);
        assert_eq!(again.as_ref(), Ok(root), "{encoding:?}: {written:02x?}");
    }
    if let Ok(parsed) = Message::from_element(root) {
        let element = parsed.message.to_element();
        let again = Message::from_element(&element).expect("a message that was written");
        assert_eq!(again.message, parsed.message);
        assert!(again.deviations.is_empty(), "{:?}", again.deviations);
        assert!(again.refused.is_empty(), "{:?}", again.refused);
    }
}

/// A package 0, its options, and the push that brings it.
pub fn trigger(octets: &[u8]) {
    if let Ok(raw) = RawTrigger::parse(octets) {
        assert_eq!(raw.to_octets(), octets);
    }
    if let Ok(received) = Received::parse(octets) {
        let raw = received.trigger.to_raw(received.digest).expect("a trigger");
        let again = raw.to_octets();
        let again = Received::parse(&again).expect("a trigger that was written");
        assert_eq!(again.trigger, received.trigger);
        assert_eq!(again.digest, received.digest);
    }
    if let Ok(push) = Push::parse(octets) {
        let Ok(written) = push.to_octets() else {
            return;
        };
        assert_eq!(Push::parse(&written).as_ref(), Ok(&push));
    }
    if let Ok(list) = options::read(options::ASSUMED, octets) {
        let written = options::write(&list).expect("options that were read");
        assert_eq!(written, octets);
    }
}

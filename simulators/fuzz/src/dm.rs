//! OMA DM: documents in both forms, messages, triggers.

use twinproof_dm::document::Element;
use twinproof_dm::notification::{RawTrigger, Received, options, push::Push};
use twinproof_dm::provisioning::protection::Protection;
use twinproof_dm::provisioning::{accounts, document};
use twinproof_dm::syncml::Message;
use twinproof_dm::tree::tnds::Tnds;
use twinproof_dm::wbxml::{self, DMDDF, Form, PROV, SYNCML};
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
    if let Ok(parsed) = Message::from_element(root.clone()) {
        let element = parsed.message.to_element();
        let again = Message::from_element(element).expect("a message that was written");
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

/// A client provisioning document in either form, and what protects it.
pub fn provisioning(octets: &[u8]) {
    for root in either(octets, &PROV) {
        let Ok(read) = accounts(&root) else {
            continue;
        };
        let written = document(&read);
        let again = accounts(&written).expect("accounts that were written");
        assert_eq!(again, read);
        document_again(&written);
    }
    if let Ok((number, protection)) = Protection::from_wsp(octets) {
        let again = Protection::from_wsp(&protection.to_wsp(number));
        assert_eq!(again, Ok((number, protection)));
    }
    let Ok(text) = str::from_utf8(octets) else {
        return;
    };
    if let Ok((name, Some(protection))) = Protection::parse(text) {
        let written = format!("{name}; {protection}");
        assert_eq!(Protection::parse(&written), Ok((name, Some(protection))));
    }
}

/// A serialised tree in either form.
pub fn tnds(octets: &[u8]) {
    for root in either(octets, &DMDDF) {
        let Ok(read) = Tnds::from_element(&root) else {
            continue;
        };
        let again = Tnds::from_element(&read.to_element()).expect("a tree that was written");
        assert_eq!(again, read);
    }
}

/// The document, as WBXML and as XML.
fn either(octets: &[u8], language: &'static wbxml::Language) -> impl Iterator<Item = Element> {
    let binary = wbxml::read(octets, Some(language), &LIMITS);
    let text = xml::read(octets, &LIMITS).ok();
    binary
        .ok()
        .map(|document| document.root)
        .into_iter()
        .chain(text)
}

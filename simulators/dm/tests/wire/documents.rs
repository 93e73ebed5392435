//! The tree, and its two encodings: golden octets and round trips.

use proptest::prelude::*;
use twinproof_dm::document::{Content, Element, namespace};
use twinproof_dm::wbxml::{self, Choice, Form, PublicId, Strings, Trees, Version};
use twinproof_dm::{Fault, Limits, xml};

use crate::golden::{CHALLENGE, M1, W7, digits, hex};
use crate::trees;

const LIMITS: Limits = Limits {
    octets: 1 << 20,
    depth: 64,
    nodes: 10_000,
    text: 1 << 20,
};

fn forms() -> impl Strategy<Value = Form> {
    use proptest::sample::select;
    (
        select(vec![Version::V1_1, Version::V1_2, Version::V1_3]),
        select(vec![PublicId::Number, PublicId::Text]),
        select(vec![Strings::Inline, Strings::Table]),
        select(vec![Trees::Inline, Trees::Nested]),
    )
        .prop_map(|(version, public_id, strings, trees)| Form {
            version,
            public_id,
            strings,
            trees,
        })
}

proptest! {
    #[test]
    fn xml_gives_back_what_was_written(tree in trees::element()) {
        let text = xml::write(&tree).unwrap();
        prop_assert_eq!(xml::read(text.as_bytes(), &LIMITS).unwrap(), tree);
    }

    #[test]
    fn wbxml_gives_back_what_was_written(tree in trees::element(), form in forms()) {
        let octets = wbxml::write(&tree, &form).unwrap();
        prop_assert_eq!(wbxml::read(&octets, None, &LIMITS).unwrap().root, tree);
    }

    #[test]
    fn provisioning_survives_both_encodings(tree in trees::provisioning(), form in forms()) {
        let octets = wbxml::write(&tree, &form).unwrap();
        prop_assert_eq!(&wbxml::read(&octets, None, &LIMITS).unwrap().root, &tree);
        let text = xml::write(&tree).unwrap();
        prop_assert_eq!(xml::read(text.as_bytes(), &LIMITS).unwrap(), tree);
    }

    #[test]
    fn raw_octets_survive_wbxml(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let tree = Element::new(namespace::SYNCML, "Cred")
            .with(Element::new(namespace::SYNCML, "Data").with_octets(octets));
        let written = wbxml::write(&tree, &Form::default()).unwrap();
        prop_assert_eq!(&wbxml::read(&written, None, &LIMITS).unwrap().root, &tree);
        prop_assert!(xml::write(&tree).is_err());
    }
}

#[test]
fn m1_is_read_and_written_octet_by_octet() {
    let octets = hex(M1);
    assert_eq!(octets.len(), 97);
    let document = wbxml::read(&octets, None, &LIMITS).unwrap();
    assert_eq!(document.version, 2);
    assert_eq!(document.charset, 106);
    assert_eq!(*document.language, wbxml::SYNCML);
    assert_eq!(
        xml::fragment(&document.root).unwrap(),
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>http://s/dm</LocURI></Target>\
         <Source><LocURI>IMEI:1</LocURI></Source><Meta><MaxMsgSize xmlns=\"syncml:metinf\">5000\
         </MaxMsgSize></Meta></SyncHdr><SyncBody><Alert><CmdID>1</CmdID><Data>1201</Data></Alert>\
         <Final/></SyncBody></SyncML>"
    );
    let written = wbxml::write(&document.root, &Form::default()).unwrap();
    assert_eq!(digits(&written), digits(&octets));
}

#[test]
fn challenge_and_w7_are_read_and_written_octet_by_octet() {
    for golden in [CHALLENGE, W7] {
        let octets = hex(golden);
        let document = wbxml::read(&octets, None, &LIMITS).unwrap();
        let written = wbxml::write(&document.root, &Form::default()).unwrap();
        assert_eq!(digits(&written), digits(&octets));
    }
}

#[test]
fn w7_says_what_it_should() {
    let document = wbxml::read(&hex(W7), None, &LIMITS).unwrap();
    assert_eq!(
        xml::fragment(&document.root).unwrap(),
        "<wap-provisioningdoc version=\"1.0\"><characteristic type=\"APPLICATION\">\
         <parm name=\"APPID\" value=\"w7\"/><parm name=\"PROVIDER-ID\" value=\"S1\"/>\
         <characteristic type=\"APPADDR\"><parm name=\"ADDR\" value=\"http://s/dm\"/></characteristic>\
         <characteristic type=\"APPAUTH\"><parm name=\"AAUTHLEVEL\" value=\"CLIENT\"/>\
         <parm name=\"AAUTHTYPE\" value=\"DIGEST\"/><parm name=\"AAUTHSECRET\" value=\"p\"/>\
         </characteristic></characteristic></wap-provisioningdoc>"
    );
}

fn message_with_tree() -> Element {
    let ddf = |name| Element::new(namespace::DMDDF, name);
    Element::new(namespace::SYNCML, "SyncML").with(
        Element::new(namespace::SYNCML, "Data").with(
            ddf("MgmtTree")
                .with(ddf("VerDTD").with_text("1.2"))
                .with(ddf("Node").with(ddf("NodeName").with_text("a"))),
        ),
    )
}

#[test]
fn a_nested_tree_begins_as_libwbxml_writes_it() {
    let tree = message_with_tree();
    let form = Form {
        trees: Trees::Nested,
        ..Form::default()
    };
    let octets = wbxml::write(&tree, &form).unwrap();
    let nested = "6a1b2d2f2f4f4d412f2f4454442d444d2d44444620312e322f2f454e00000260 77";
    assert!(digits(&octets).contains(&digits(&hex(nested))));
    let document = wbxml::read(&octets, None, &LIMITS).unwrap();
    assert_eq!(document.root, tree);
    assert_eq!(document.notes[0].choice, Choice::NestedTree);
    let name = document
        .root
        .child("Data")
        .and_then(|d| d.child("MgmtTree"));
    let node = name.and_then(|t| t.child("Node")).unwrap();
    let (code, content) = (0x24, 0x40);
    assert_eq!(octets[node.offset], code | content);
}

#[test]
fn a_nameless_namespace_attribute_is_noted_and_left_out() {
    let mut octets = hex("02a4016a00 ed040003");
    octets.extend(b"SYNCML:SYNCML1.2\0");
    octets.extend(hex("01 12 01"));
    let document = wbxml::read(&octets, None, &LIMITS).unwrap();
    assert_eq!(
        document.root,
        Element::new(namespace::SYNCML, "SyncML").with(Element::new(namespace::SYNCML, "Final"))
    );
    assert_eq!(document.notes[0].choice, Choice::NamelessNamespace);
}

#[test]
fn an_unknown_language_is_what_the_caller_assumes() {
    let tree = message_with_tree();
    let form = Form {
        public_id: PublicId::Unknown,
        ..Form::default()
    };
    let octets = wbxml::write(&tree, &form).unwrap();
    let document = wbxml::read(&octets, Some(&wbxml::SYNCML), &LIMITS).unwrap();
    assert_eq!(document.root, tree);
    assert!(wbxml::read(&octets, None, &LIMITS).is_err());
}

#[test]
fn layout_is_dropped_and_values_are_kept() {
    let text = "\u{FEFF}<?xml version='1.0'?>\n<!DOCTYPE SyncML PUBLIC '-//SYNCML//DTD SyncML \
                1.2//EN' 'x'>\n<s:SyncML xmlns:s='SYNCML:SYNCML1.2'>\n  <!-- c --><s:Data> \n</s:Data>\n\
                <s:Data>a&amp;<![CDATA[<b>]]>&#x63;</s:Data></s:SyncML>\n";
    let root = xml::read(text.as_bytes(), &LIMITS).unwrap();
    assert!(root.is(namespace::SYNCML, "SyncML"));
    let values: Vec<_> = root.children().map(Element::text).collect();
    assert_eq!(values, [" \n", "a&<b>c"]);
    assert!(matches!(root.content[0], Content::Element(_)));
    let data = root.child("Data").unwrap();
    assert_eq!(&text[data.offset..data.offset + 7], "<s:Data");
}

#[test]
fn a_namespace_is_read_like_any_value_of_an_attribute() {
    let text = "<SyncML xmlns='SYNCML&#58;SYNCML1.2'><a:b xmlns:a='x&lt;y&amp;z'/></SyncML>";
    let root = xml::read(text.as_bytes(), &LIMITS).unwrap();
    let tree = Element::new(namespace::SYNCML, "SyncML").with(Element::new("x<y&z", "b"));
    assert_eq!(root, tree);
    let written = xml::write(&tree).unwrap();
    assert_eq!(xml::read(written.as_bytes(), &LIMITS).unwrap(), tree);
}

#[test]
fn a_value_of_an_attribute_has_no_tags() {
    for text in ["<a b='<'/>", "<a xmlns='x<y'/>"] {
        let error = xml::read(text.as_bytes(), &LIMITS).unwrap_err();
        assert_eq!(error.fault, Fault::Syntax, "{text}");
    }
}

#[test]
fn an_attribute_comes_once_in_wbxml_too() {
    // <characteristic name="x" name="y"/>, in client provisioning.
    let octets = hex("03 0b 6a 00 86 07 03 78 00 07 03 79 00 01");
    let error = wbxml::read(&octets, None, &LIMITS).unwrap_err();
    assert_eq!((error.fault, error.offset), (Fault::Syntax, 9));
}

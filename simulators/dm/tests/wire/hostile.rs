//! Input that wants to hurt: nothing panics, nothing grows, and the error says where.

use proptest::prelude::*;
use twinproof_dm::auth::MacHeader;
use twinproof_dm::document::{Element, namespace};
use twinproof_dm::provisioning::protection::Protection;
use twinproof_dm::provisioning::{self, accounts};
use twinproof_dm::syncml::Message;
use twinproof_dm::syncml::alert::{UiOptions, bare_type};
use twinproof_dm::tree::acl::Acl;
use twinproof_dm::tree::ddf::Description;
use twinproof_dm::tree::tnds::{Placement, Tnds};
use twinproof_dm::tree::{Address, NodeUri};
use twinproof_dm::{Encoding, Error, Fault, Limits, wbxml, xml};

use crate::golden::{CHALLENGE, M1, W7, hex};
use crate::messages::message;
use crate::trees;

const LIMITS: Limits = Limits {
    octets: 64 * 1024,
    depth: 16,
    nodes: 1000,
    text: 64 * 1024,
};

fn xml_error(text: &str) -> Error {
    xml::read(text.as_bytes(), &LIMITS).expect_err("must be refused")
}

fn wbxml_error(digits: &str) -> Error {
    wbxml::read(&hex(digits), None, &LIMITS).expect_err("must be refused")
}

#[test]
fn entities_are_not_expanded() {
    let bomb = "<!DOCTYPE a [<!ENTITY l 'lol'><!ENTITY m '&l;&l;&l;'>]><a>&m;</a>";
    assert_eq!(xml_error(bomb).fault, Fault::Unsupported);
    let parameter = "<!DOCTYPE a [ %x; ]><a/>";
    assert_eq!(xml_error(parameter).fault, Fault::Unsupported);
    let undeclared = xml_error("<a>&m;</a>");
    assert_eq!(undeclared.fault, Fault::Unsupported);
    assert_eq!(
        undeclared.to_string(),
        "expected one of the five predefined entities, got \"m\" at offset 3"
    );
    assert_eq!(xml_error("<a b='&m;'/>").fault, Fault::Syntax);
    assert_eq!(xml_error("<a>&#0;</a>").fault, Fault::Syntax);
    assert_eq!(xml_error("<a>&#1;</a>").fault, Fault::Syntax);
}

#[test]
fn xml_that_is_not_well_formed_is_refused_with_its_place() {
    for (text, offset) in [
        ("", 0),
        ("x", 0),
        ("<a><b></a>", 6),
        ("<a/><b/>", 4),
        ("<a/>x", 4),
        ("<p:a/>", 0),
        ("<a b='1' b='2'/>", 0),
        ("<a><1/></a>", 3),
        ("<a>b]]>c</a>", 4),
    ] {
        let error = xml_error(text);
        assert_eq!(error.offset, offset, "{text}: {error}");
    }
    assert_eq!(xml_error("<a>").fault, Fault::Truncated);
    let latin = xml::read(b"<a>\xE9</a>", &LIMITS).expect_err("must be refused");
    assert_eq!((latin.fault, latin.offset), (Fault::Unsupported, 3));
    let declared = xml_error("<?xml version='1.0' encoding='ISO-8859-1'?><a/>");
    assert_eq!(declared.fault, Fault::Unsupported);
}

#[test]
fn nesting_size_and_number_are_limited_in_xml() {
    let deep = "<a>".repeat(17);
    assert_eq!(xml_error(&deep).fault, Fault::Limit);
    assert_eq!(xml_error(&deep).offset, 16 * 3);
    let many = format!("<a>{}</a>", "<b/>".repeat(2000));
    assert_eq!(xml_error(&many).fault, Fault::Limit);
    let long = format!("<a>{}</a>", " ".repeat(70_000));
    assert_eq!(xml_error(&long).fault, Fault::Limit);
    let namespace = format!("<a xmlns='{}'>{}</a>", "n".repeat(900), "<b/>".repeat(100));
    assert_eq!(xml_error(&namespace).fault, Fault::Limit);
    let prefixes: String = (0..17).map(|n| format!(" xmlns:p{n}='x'")).collect();
    let error = xml_error(&format!("<a><b{prefixes}/></a>"));
    assert_eq!((error.fault, error.offset), (Fault::Limit, 3));
}

#[test]
fn lengths_and_indices_are_checked() {
    for (what, digits, fault, offset) in [
        ("nothing", "", Fault::Truncated, 0),
        ("version 2.0", "10a4016a0000", Fault::Unsupported, 0),
        ("language", "02ffff7f6a00", Fault::Unsupported, 1),
        ("number without end", "02ffffffffffff", Fault::Value, 1),
        ("number over 32 bits", "0290808080 00 6a00", Fault::Value, 1),
        (
            "string table past the end",
            "02a4016a8fffffff7f",
            Fault::Truncated,
            9,
        ),
        ("public text index", "020005 6a 02 4100", Fault::Syntax, 1),
        ("string index", "02a4016a02 4100 6d8302", Fault::Syntax, 9),
        ("literal index", "02a4016a00 4405", Fault::Syntax, 6),
        (
            "string without NUL",
            "02a4016a00 6d0341",
            Fault::Truncated,
            7,
        ),
        (
            "table without NUL",
            "02a4016a0141 6d8300",
            Fault::Truncated,
            5,
        ),
        (
            "opaque past the end",
            "02a4016a00 6dc30541",
            Fault::Truncated,
            8,
        ),
        (
            "opaque of 4 GiB",
            "02a4016a00 6dc38fffffff7f41",
            Fault::Truncated,
            12,
        ),
        (
            "opaque before the root",
            "02a4016a00 c30141",
            Fault::Syntax,
            5,
        ),
        (
            "text before the root",
            "02a4016a00 034100",
            Fault::Syntax,
            5,
        ),
        ("end before the root", "02a4016a00 01", Fault::Syntax, 5),
        ("unknown page", "02a4016a00 0007", Fault::Unsupported, 6),
        ("unknown tag", "02a4016a00 70", Fault::Unsupported, 5),
        (
            "unknown attribute",
            "02a4016a00 ad05",
            Fault::Unsupported,
            6,
        ),
        (
            "value before attribute",
            "02a4016a00 ad034100",
            Fault::Syntax,
            6,
        ),
        ("extension", "02a4016a00 6dc0", Fault::Unsupported, 6),
        ("surrogate", "02a4016a00 6d0283b000", Fault::Value, 6),
        ("no end", "02a4016a00 6d12", Fault::Truncated, 7),
        ("more after the end", "02a4016a00 2d00", Fault::Syntax, 6),
        (
            "character set",
            "02a4018f7700 6d034100",
            Fault::Unsupported,
            8,
        ),
        ("not UTF-8", "02a4016a00 6d0341ff00", Fault::Syntax, 8),
    ] {
        let error = wbxml_error(digits);
        assert_eq!(
            (error.fault, error.offset),
            (fault, offset),
            "{what}: {error}"
        );
    }
}

#[test]
fn nesting_and_repetition_are_limited_in_wbxml() {
    let deep = format!("02a4016a00{}", "54".repeat(17));
    assert_eq!(wbxml_error(&deep).fault, Fault::Limit);

    // One long entry of the string table, quoted again and again.
    let mut octets = hex("02a4016a8808");
    octets.extend([b'a'; 1031]);
    octets.push(0);
    octets.push(0x6D);
    octets.extend([0x83, 0].repeat(500));
    octets.push(0x01);
    let error = wbxml::read(&octets, None, &LIMITS).expect_err("must be refused");
    assert_eq!(error.fault, Fault::Limit);

    let deep_in_nested = format!("02a4016a00 6d4f c319 0201 6a00 0002 60{}", "64".repeat(18));
    assert_eq!(wbxml_error(&deep_in_nested).fault, Fault::Limit);
}

#[test]
fn data_that_is_no_nested_document_stays_what_it_is() {
    for data in ["", "02", "02016a00", "0201 6a00 0002 2001", "0201 6a00 2d"] {
        let data = hex(data);
        let mut octets = hex("02a4016a00 4fc3");
        octets.push(u8::try_from(data.len()).unwrap());
        octets.extend(&data);
        octets.push(0x01);
        let document = wbxml::read(&octets, None, &LIMITS).unwrap();
        assert_eq!(
            document.root.content,
            [twinproof_dm::document::Content::Octets(data)]
        );
    }
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let seeds = vec![hex(M1), hex(CHALLENGE), hex(W7)];
    (
        proptest::sample::select(seeds),
        proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(mut octets, changes, end)| {
            for (index, octet) in changes {
                let index = index.index(octets.len());
                octets[index] = octet;
            }
            octets.truncate(end.index(octets.len()) + 1);
            octets
        })
}

/// Everything that takes a tree takes this one, and what comes out can be written again.
fn interpret(root: &Element) {
    if let Ok(parsed) = Message::from_element(root.clone()) {
        let again = Message::from_element(parsed.message.to_element()).unwrap();
        assert_eq!(again.message, parsed.message);
    }
    if let Ok(accounts) = accounts(root) {
        assert_eq!(
            provisioning::accounts(&provisioning::document(&accounts)),
            Ok(accounts)
        );
    }
    if let Ok(tree) = Tnds::from_element(root) {
        assert_eq!(Tnds::from_element(&tree.to_element()), Ok(tree.clone()));
        let _ = tree.states(&NodeUri::root(), Placement::Below);
    }
    let _ = Description::from_element(root);
    let _ = wbxml::write(root, &wbxml::Form::default());
    let _ = xml::write(root);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = wbxml::read(&octets, Some(&wbxml::PROV), &LIMITS);
        let _ = xml::read(&octets, &LIMITS);
    }

    #[test]
    fn damaged_messages_are_read_or_refused(octets in mutated()) {
        match wbxml::read(&octets, None, &LIMITS) {
            Ok(document) => interpret(&document.root),
            Err(error) => prop_assert!(error.offset <= octets.len(), "{}", error),
        }
    }

    #[test]
    fn messages_with_pieces_torn_out_are_read_or_refused(
        message in message(),
        cut in any::<[prop::sample::Index; 2]>(),
    ) {
        let text = xml::write(&message.to_element()).unwrap();
        let [from, to] = cut.map(|index| text.floor_char_boundary(index.index(text.len())));
        let torn = format!("{}{}", &text[..from.min(to)], &text[from.max(to)..]);
        if let Ok(root) = xml::read(torn.as_bytes(), &LIMITS) {
            interpret(&root);
        }
    }

    #[test]
    fn misplaced_elements_are_read_or_refused(root in trees::element()) {
        interpret(&root);
        let message = Element::new(namespace::SYNCML, "SyncML")
            .with(Element::new(namespace::SYNCML, "SyncHdr"))
            .with(Element::new(namespace::SYNCML, "SyncBody").with(root.clone()));
        interpret(&message);
        interpret(&Element::new(namespace::DMDDF, "MgmtTree").with(root));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[./?=&+*%A-Za-z0-9\\PC-]{0,40}") {
        let _ = text.parse::<Acl>();
        let _ = text.parse::<Address>();
        let _ = MacHeader::parse(&text);
        let _ = Protection::parse(&text);
        let _ = UiOptions::parse(&text);
        let _ = bare_type(&text);
        let _ = Encoding::from_content_type(&text);
    }

    #[test]
    fn any_markup_is_read_or_refused(text in "[<>/a-c&;#x0-9='\" !\\[\\]-]{0,60}") {
        if let Err(error) = xml::read(text.as_bytes(), &LIMITS) {
            prop_assert!(error.offset <= text.len(), "{}", error);
        }
    }
}

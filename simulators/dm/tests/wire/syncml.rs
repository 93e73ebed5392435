//! Messages: typed values against the tree and both encodings.

use proptest::prelude::*;
use twinproof_dm::document::{Content, Element, namespace};
use twinproof_dm::syncml::grammar::Rule;
use twinproof_dm::syncml::{
    Alert, AlertCode, Chal, Command, Data, DeviationKind, Format, Header, Item, Location, Message,
    Meta, Request, Status, StatusCode,
};
use twinproof_dm::wbxml::{self, Form, Strings, Trees};
use twinproof_dm::{Fault, Limits, xml};

use crate::golden::{CHALLENGE, M1, hex};
use crate::messages::message;

fn read_xml(text: &str) -> Element {
    xml::read(text.as_bytes(), &Limits::default()).unwrap()
}

fn in_body(commands: &str) -> Element {
    read_xml(&format!(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>s</LocURI></Target>\
         <Source><LocURI>c</LocURI></Source></SyncHdr><SyncBody>{commands}<Final/></SyncBody></SyncML>"
    ))
}

/// Turns round the children of every element that the grammar orders, blocks excepted: in them the
/// order is the meaning.
fn reversed(element: &Element) -> Element {
    let mut out = element.clone();
    for content in &mut out.content {
        if let Content::Element(child) = content {
            *child = reversed(child);
        }
    }
    let repeats = ["SyncBody", "Atomic", "Sequence", "Data"];
    if Rule::of(&out.name).is_some() && !repeats.contains(&&*out.name) {
        out.content.sort_by_key(|content| match content {
            // Stable, so what may repeat keeps its order.
            Content::Element(child) => std::cmp::Reverse(
                Rule::of(&element.name).and_then(|rule| rule.position(&child.name)),
            ),
            Content::Octets(_) | Content::Text(_) => std::cmp::Reverse(None),
        });
    }
    out
}

proptest! {
    #[test]
    fn one_message_is_one_value_in_both_encodings(message in message()) {
        let tree = message.to_element();
        let text = xml::write(&tree).unwrap();
        let from_xml = Message::from_element(read_xml(&text)).unwrap();
        prop_assert_eq!(&from_xml.message, &message);
        prop_assert!(from_xml.deviations.is_empty(), "{:?}", from_xml.deviations);
        prop_assert!(from_xml.refused.is_empty(), "{:?}", from_xml.refused);

        let nested = Form { trees: Trees::Nested, strings: Strings::Table, ..Form::default() };
        for form in [Form::default(), nested] {
            let octets = wbxml::write(&tree, &form).unwrap();
            let root = wbxml::read(&octets, None, &Limits::default()).unwrap().root;
            let from_wbxml = Message::from_element(root).unwrap();
            prop_assert_eq!(&from_wbxml.message, &message);
            prop_assert!(from_wbxml.deviations.is_empty(), "{:?}", from_wbxml.deviations);
        }
    }

    #[test]
    fn any_order_is_read_and_reported(message in message()) {
        let parsed = Message::from_element(reversed(&message.to_element())).unwrap();
        prop_assert_eq!(&parsed.message, &message);
        prop_assert!(!parsed.deviations.is_empty());
        for deviation in parsed.deviations {
            prop_assert_eq!(deviation.kind, DeviationKind::Order, "{}", deviation);
        }
    }
}

#[test]
fn m1_is_package_1() {
    let root = wbxml::read(&hex(M1), None, &Limits::default())
        .unwrap()
        .root;
    let parsed = Message::from_element(root).unwrap();
    assert_eq!(parsed.deviations, []);
    assert_eq!(
        parsed.message,
        Message {
            header: Header {
                ver_dtd: "1.2".into(),
                ver_proto: "DM/1.2".into(),
                session_id: "1".into(),
                msg_id: "1".into(),
                target: Location::new("http://s/dm"),
                source: Location::new("IMEI:1"),
                meta: Some(Meta {
                    max_msg_size: Some(5000),
                    ..Meta::default()
                }),
                ..Header::default()
            },
            commands: vec![Command::Alert(Alert::new("1", AlertCode::CLIENT_INITIATED))],
            is_final: true,
        }
    );
}

#[test]
fn the_challenge_names_the_nonce() {
    let root = wbxml::read(&hex(CHALLENGE), None, &Limits::default())
        .unwrap()
        .root;
    let parsed = Message::from_element(root).unwrap();
    assert_eq!(
        parsed.message.commands,
        [Command::from(Status {
            chal: Some(Chal {
                meta: Meta {
                    next_nonce: Some(b"Nonce".to_vec()),
                    ..Meta::described(Format::B64, "syncml:auth-md5")
                }
            }),
            ..Status::of_header("1", "1", StatusCode::INVALID_CREDENTIALS)
        })]
    );
}

#[test]
fn a_nonce_is_octets_however_it_travels() {
    let chal = |nonce: Element| {
        let syncml = |name| Element::new(namespace::SYNCML, name);
        let mut root = in_body("");
        let status = syncml("Status")
            .with(syncml("CmdID").with_text("1"))
            .with(syncml("MsgRef").with_text("1"))
            .with(syncml("CmdRef").with_text("0"))
            .with(syncml("Cmd").with_text("SyncHdr"))
            .with(syncml("Chal").with(syncml("Meta").with(nonce)))
            .with(syncml("Data").with_text("401"));
        for content in &mut root.content {
            if let Content::Element(body) = content
                && body.name == "SyncBody"
            {
                body.content.insert(0, Content::Element(status.clone()));
            }
        }
        let parsed = Message::from_element(root).unwrap();
        let [Command::Status(status)] = parsed.message.commands.as_slice() else {
            panic!("{:?}", parsed.refused);
        };
        let nonce = status.chal.clone().unwrap().meta.next_nonce.unwrap();
        (nonce, parsed.deviations)
    };
    let nonce = || Element::new(namespace::METINF, "NextNonce");
    let opaque = chal(nonce().with_octets(*b"Nonce"));
    assert_eq!(opaque, (b"Nonce".to_vec(), vec![]));
    let base64 = chal(nonce().with_text("Tm9u\r\nY2U"));
    assert_eq!(base64, (b"Nonce".to_vec(), vec![]));
    let (octets, deviations) = chal(nonce().with_text("not-base64!"));
    assert_eq!(octets, b"not-base64!");
    assert_eq!(deviations[0].kind, DeviationKind::NotBase64);
}

#[test]
fn what_dm_does_not_use_is_reported_and_passed_over() {
    let root = in_body(
        "<Get><CmdID>1</CmdID><NoResp/><Lang>en</Lang><Item><Target><LocURI>.</LocURI></Target>\
         <Extra/></Item></Get><Get><CmdID>2</CmdID><Item/><CmdID>3</CmdID>\
         <Meta><Format>chr</Format></Meta></Get>",
    );
    let parsed = Message::from_element(root).unwrap();
    assert_eq!(
        parsed.message.commands,
        [
            Command::Get(Request::new("1", Item::at("."))),
            Command::Get(Request {
                meta: Some(Meta {
                    format: Some(Format::Chr),
                    ..Meta::default()
                }),
                ..Request::new("2", Item::default())
            }),
        ]
    );
    let said: Vec<_> = parsed
        .deviations
        .iter()
        .map(|d| (d.kind, &*d.parent, &*d.child))
        .collect();
    assert_eq!(
        said,
        [
            (DeviationKind::NotInDm, "Get", "NoResp"),
            (DeviationKind::NotInDm, "Get", "Lang"),
            (DeviationKind::Unknown, "Item", "Extra"),
            (DeviationKind::Order, "Get", "CmdID"),
            (DeviationKind::Repeated, "Get", "CmdID"),
            (DeviationKind::Order, "Get", "Meta"),
            (DeviationKind::Namespace, "Meta", "Format"),
        ]
    );
    assert!(
        parsed.deviations[0]
            .to_string()
            .starts_with("<NoResp> in <Get> is not used by DM at")
    );
}

#[test]
fn a_wrong_namespace_is_said_once() {
    let text = xml::write(&in_body(
        "<Get><CmdID>1</CmdID><Meta><Format>chr</Format><Type>a/b</Type></Meta><Item/></Get>",
    ));
    let text = text.unwrap().replace(" xmlns=\"SYNCML:SYNCML1.2\"", "");
    let parsed = Message::from_element(read_xml(&text)).unwrap();
    let said: Vec<_> = parsed
        .deviations
        .iter()
        .map(|d| (d.kind, &*d.child))
        .collect();
    assert_eq!(
        said,
        [
            (DeviationKind::Namespace, "SyncML"),
            (DeviationKind::Namespace, "Format"),
        ]
    );
}

#[test]
fn a_command_that_cannot_be_read_does_not_hide_the_others() {
    let root = in_body(
        "<Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Get><CmdID>2</CmdID></Get>\
         <Put><CmdID>3</CmdID></Put><Alert><CmdID>4</CmdID><Data>x</Data></Alert>\
         <Atomic><CmdID>5</CmdID><Put/></Atomic><Status><CmdRef>0</CmdRef></Status>",
    );
    let parsed = Message::from_element(root).unwrap();
    assert_eq!(parsed.message.commands.len(), 1);
    let refused: Vec<_> = parsed
        .refused
        .iter()
        .map(|r| (&*r.name, r.cmd_id.as_deref(), r.error.fault, r.position))
        .collect();
    assert_eq!(
        refused,
        [
            ("Get", Some("2"), Fault::Missing, 1),
            ("Put", Some("3"), Fault::Unsupported, 1),
            ("Alert", Some("4"), Fault::Value, 1),
            ("Atomic", Some("5"), Fault::Unsupported, 1),
            ("Status", None, Fault::Missing, 1),
        ]
    );
    let said = parsed.refused[2].error.to_string();
    assert!(
        said.starts_with("expected an alert code in <Data>, got \"x\" at offset"),
        "{said}"
    );
}

#[test]
fn a_message_without_header_or_of_another_kind_is_an_error() {
    for (text, fault) in [
        ("<SyncML xmlns='SYNCML:SYNCML1.2'/>", Fault::Missing),
        ("<MgmtTree xmlns='syncml:dmddf1.2'/>", Fault::Value),
        (
            "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr/><SyncBody/></SyncML>",
            Fault::Missing,
        ),
    ] {
        let error = Message::from_element(read_xml(text)).unwrap_err();
        assert_eq!(error.fault, fault, "{error}");
    }
}

#[test]
fn data_keeps_its_form() {
    let data = |root: Element| {
        let parsed = Message::from_element(root).unwrap();
        parsed.message.commands[0].items()[0].data.clone()
    };
    let one = |data: &str| in_body(&format!("<Add><CmdID>1</CmdID><Item>{data}</Item></Add>"));
    assert_eq!(data(one("")), None);
    assert_eq!(data(one("<Data/>")), Some(Data::Text(String::new())));
    let base64 = data(one("<Data>AAEC</Data>")).unwrap();
    assert_eq!(base64.as_text(), Some("AAEC"));
    assert_eq!(base64.to_octets().unwrap(), [0, 1, 2].as_slice());
    let markup = data(one("<Data><MgmtTree xmlns='syncml:dmddf1.2'/></Data>")).unwrap();
    assert!(
        markup
            .as_element()
            .unwrap()
            .is(namespace::DMDDF, "MgmtTree")
    );
    let escaped = data(one("<Data><![CDATA[<MgmtTree/>]]></Data>")).unwrap();
    assert_eq!(escaped.as_text(), Some("<MgmtTree/>"));
}

#[test]
fn blocks_are_read_to_a_limit_and_refused_below_it() {
    let limits = Limits {
        depth: u8::MAX,
        ..Limits::default()
    };
    for (depth, refused) in [(32, 0), (33, 1), (usize::from(u8::MAX) - 4, 1)] {
        let text = format!(
            "{}<Get><CmdID>1</CmdID><Item/></Get>{}",
            "<Sequence><CmdID>1</CmdID>".repeat(depth),
            "</Sequence>".repeat(depth)
        );
        let text = xml::write(&in_body("")).unwrap().replace("<Final/>", &text);
        let root = xml::read(text.as_bytes(), &limits).unwrap();
        let parsed = Message::from_element(root.clone()).unwrap();
        assert_eq!(parsed.refused.len(), refused, "{depth}");
        assert_eq!(xml::write(&root).unwrap(), text);
    }
}

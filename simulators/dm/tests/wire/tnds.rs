//! Serialised trees.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use twinproof_dm::document::Element;
use twinproof_dm::syncml::{Data, Format};
use twinproof_dm::tree::tnds::{Placement, State, Tnds};
use twinproof_dm::tree::{NodeType, NodeUri, Property, RtProperties, Selector};
use twinproof_dm::tree::{Part, acl::Acl};
use twinproof_dm::wbxml::{self, Form};
use twinproof_dm::{Error, Fault, Limits, xml};

use crate::trees::text;

fn uri(text: &str) -> NodeUri {
    text.parse().unwrap()
}

fn read(text: &str) -> Element {
    xml::read(text.as_bytes(), &Limits::default()).unwrap()
}

const ACCOUNT: &str = "<MgmtTree xmlns='syncml:dmddf1.2'>
  <VerDTD>1.2</VerDTD><Man>M</Man>
  <Node>
    <NodeName>Mail</NodeName>
    <RTProperties>
      <ACL>Get=*&amp;Replace=S</ACL>
      <Format><node/></Format>
      <Type><DDFName>urn:x:mail</DDFName></Type>
    </RTProperties>
    <Node>
      <NodeName>Server</NodeName>
      <RTProperties><Format>chr</Format><Type> text/plain </Type><VerNo>7</VerNo></RTProperties>
      <Value> mail.example </Value>
    </Node>
  </Node>
  <Node><NodeName>Port</NodeName><Path>./Mail</Path><Value>25</Value></Node>
</MgmtTree>";

fn tnds(text: &str) -> Tnds {
    Tnds::from_element(&read(text)).unwrap()
}

fn addresses(tree: &Tnds, target: &str, placement: Placement) -> Result<Vec<String>, Error> {
    let states = tree.states(&uri(target), placement)?;
    Ok(states.iter().map(|state| state.uri.to_string()).collect())
}

#[test]
fn nodes_go_where_the_target_and_their_paths_say() {
    let tree = tnds(ACCOUNT);
    assert_eq!(
        addresses(&tree, "./Op", Placement::Below).unwrap(),
        ["./Op/Mail", "./Op/Mail/Port", "./Op/Mail/Server"]
    );
    assert_eq!(
        addresses(&tree, "./Op/Mail", Placement::At).unwrap(),
        ["./Op/Mail", "./Op/Mail/Mail/Port", "./Op/Mail/Server"]
    );
    let error = addresses(&tree, "./Op", Placement::At).unwrap_err();
    assert_eq!(error.fault, Fault::Value);
    assert_eq!(
        error.to_string(),
        "expected the name at the end of ./Op, got \"Mail\" at offset 0"
    );

    let nameless = tnds(
        "<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName/><Node><NodeName>A</NodeName></Node></Node>\
         </MgmtTree>",
    );
    for placement in [Placement::At, Placement::Below] {
        let found = addresses(&nameless, "./Inbox/new", placement).unwrap();
        assert_eq!(found, ["./Inbox/new", "./Inbox/new/A"]);
    }
}

#[test]
fn what_is_said_of_a_node_is_read() {
    let tree = tnds(ACCOUNT);
    let states = tree.states(&uri("./Op"), Placement::Below).unwrap();
    let mail = &states[0].properties;
    assert!(
        mail.acl
            .as_ref()
            .unwrap()
            .allows(twinproof_dm::tree::acl::Right::Replace, "S")
    );
    assert_eq!(mail.format, Some(Format::Node));
    assert_eq!(mail.node_type, Some(NodeType::Object("urn:x:mail".into())));
    assert_eq!(
        states[2],
        State {
            uri: uri("./Op/Mail/Server"),
            properties: RtProperties {
                format: Some(Format::Chr),
                node_type: Some(NodeType::Mime("text/plain".into())),
                ver_no: Some(7),
                ..RtProperties::default()
            },
            value: Some(Data::Text(" mail.example ".into())),
        }
    );
}

#[test]
fn what_is_wrong_is_said() {
    let tree = |inside: &str| {
        let text = format!("<MgmtTree><VerDTD>1.2</VerDTD>{inside}</MgmtTree>");
        Tnds::from_element(&read(&text)).map_err(|error| (error.fault, error.offset))
    };
    let node = |inside: &str| tree(&format!("<Node><NodeName>a</NodeName>{inside}</Node>"));
    assert_eq!(tree(""), Err((Fault::Missing, 0)));
    assert_eq!(node("<Path>/a</Path>"), Err((Fault::Syntax, 58)));
    let properties = |inside| node(&format!("<RTProperties>{inside}</RTProperties>"));
    assert_eq!(properties("<ACL>Get</ACL>"), Err((Fault::Syntax, 72)));
    assert_eq!(properties("<Size>x</Size>"), Err((Fault::Value, 72)));
    assert_eq!(properties("<VerNo>65536</VerNo>"), Err((Fault::Value, 72)));
    let other = Tnds::from_element(&read("<SyncML/>")).unwrap_err();
    assert_eq!(other.fault, Fault::Value);
    let version = Tnds::from_element(&read("<MgmtTree><Node/></MgmtTree>")).unwrap_err();
    assert_eq!(version.fault, Fault::Missing);

    let twice =
        tree("<Node><NodeName>a</NodeName></Node><Node><NodeName>a</NodeName></Node>").unwrap();
    assert_eq!(
        addresses(&twice, ".", Placement::Below).unwrap_err().fault,
        Fault::Value
    );
    let nameless = node("<Node/>").unwrap();
    assert_eq!(
        addresses(&nameless, ".", Placement::Below)
            .unwrap_err()
            .fault,
        Fault::Value
    );
}

#[test]
fn every_form_of_data_is_read() {
    let tree = tnds(ACCOUNT);
    let element = tree.to_element();
    let limits = Limits::default();
    let text = xml::fragment(&element).unwrap();
    let binary = wbxml::write(&element, &Form::default()).unwrap();
    for data in [
        Data::element(element),
        Data::Text(text.clone()),
        Data::Octets(text.into_bytes()),
        Data::Octets(binary),
    ] {
        assert_eq!(Tnds::from_data(&data, &limits).unwrap(), tree);
    }
    for data in [
        Data::Markup(Vec::new()),
        Data::Text(String::new()),
        Data::Octets(Vec::new()),
        Data::Octets(vec![3]),
    ] {
        assert!(Tnds::from_data(&data, &limits).is_err(), "{data:?}");
    }
}

#[test]
fn a_selector_leaves_parts_out() {
    let states = tnds(ACCOUNT)
        .states(&uri("./Op"), Placement::Below)
        .unwrap();
    let top = uri("./Op/Mail");
    let only = |parts: &[Part]| {
        let selector = Selector::Only(parts.to_vec());
        let tree = Tnds::of_states(&top, &states, &selector);
        tree.states(&top, Placement::At).unwrap()
    };
    let acls = only(&[Part::Property(Property::Acl)]);
    assert!(acls.iter().all(|state| state.value.is_none()));
    assert!(acls[0].properties.acl.is_some() && acls[0].properties.format.is_none());
    let values = only(&[Part::Value]);
    assert_eq!(values[1].value, Some(Data::Text("25".into())));
    assert!(
        values
            .iter()
            .all(|state| state.properties == RtProperties::default())
    );
}

fn properties() -> impl Strategy<Value = RtProperties> {
    let acl = "Get=[*]|Add=A[+]B&Get=[*]".prop_map(|list| list.parse::<Acl>().unwrap());
    let node_type = prop_oneof![
        "urn:[a-z]{1,5}".prop_map(NodeType::Object),
        "[a-z]{1,5}/[a-z]{1,5}".prop_map(NodeType::Mime),
    ];
    let format = "chr|int|node|b64".prop_map(|word| Format::from(&*word));
    (
        option::of(acl),
        option::of(format),
        option::of("[a-z]{1,4}"),
        option::of(any::<u64>()),
        option::of("[a-z]{1,4}"),
        option::of("[0-9]{8}T[0-9]{6}Z"),
        option::of(node_type),
        option::of(any::<u16>()),
    )
        .prop_map(
            |(acl, format, name, size, title, tstamp, node_type, ver_no)| RtProperties {
                acl,
                format,
                name,
                size,
                title,
                tstamp,
                node_type,
                ver_no,
            },
        )
}

fn states() -> impl Strategy<Value = Vec<State>> {
    let name = "[a-c]|[x-z] [%?]";
    let value = option::of(text().prop_map(Data::Text));
    btree_map(vec(name, 0..4), (properties(), value), 1..12).prop_map(|nodes| {
        let top = uri("./Top/x");
        let state = |(path, (properties, value)): (Vec<String>, _)| State {
            uri: path
                .iter()
                .fold(top.clone(), |uri, name| uri.child(name.as_str())),
            properties,
            value,
        };
        nodes.into_iter().map(state).collect()
    })
}

proptest! {
    #[test]
    fn states_survive_both_encodings(states in states()) {
        let top = uri("./Top/x");
        let tree = Tnds::of_states(&top, &states, &Selector::Unspecified);
        let element = tree.to_element();

        let text = xml::write(&element).unwrap();
        let from_xml = Tnds::from_element(&read(&text)).unwrap();
        prop_assert_eq!(&from_xml, &tree);
        let octets = wbxml::write(&element, &Form::default()).unwrap();
        let root = wbxml::read(&octets, None, &Limits::default()).unwrap().root;
        prop_assert_eq!(&Tnds::from_element(&root).unwrap(), &tree);

        prop_assert_eq!(from_xml.states(&top, Placement::At).unwrap(), states);
    }
}

#[test]
fn the_deepest_tree_that_limits_allow_is_read_and_written() {
    let depth = usize::from(u8::MAX) - 2;
    let text = format!(
        "<MgmtTree><VerDTD>1.2</VerDTD>{}{}</MgmtTree>",
        "<Node><NodeName>a</NodeName>".repeat(depth),
        "</Node>".repeat(depth)
    );
    let limits = Limits {
        depth: u8::MAX,
        ..Limits::default()
    };
    let tree = Tnds::from_element(&xml::read(text.as_bytes(), &limits).unwrap()).unwrap();
    let states = tree.states(&NodeUri::root(), Placement::Below).unwrap();
    assert_eq!(states.len(), depth);
    let top = uri("./a");
    let again = Tnds::of_states(&top, &states, &Selector::Unspecified);
    assert_eq!(again.to_element(), tree.to_element());
}

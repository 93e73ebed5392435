//! Commands on single nodes.

use std::collections::BTreeSet;

use twinproof_dm::syncml::Item;
use twinproof_dm::tree::acl::Kind;
use twinproof_dm::{Encoding, tree::UriLimits};

use super::*;

/// A tree in which server S may do everything.
pub(super) fn free() -> Tree {
    let mut tree = tree();
    tree.install(&[twinproof_dm::tree::tnds::State {
        uri: NodeUri::root(),
        properties: twinproof_dm::tree::RtProperties {
            acl: Some("Add=*&Get=*&Replace=S&Delete=S&Exec=S".parse().unwrap()),
            format: Some(Format::Node),
            ..Default::default()
        },
        value: None,
    }]);
    tree
}

#[test]
fn reading() {
    let mut tree = free();
    assert_eq!(get(&tree, "S", "./DevInfo/Man").unwrap(), "Twinproof");
    assert_eq!(
        get(&tree, "S", "./DevInfo").unwrap(),
        "DevId/DmV/Lang/Man/Mod"
    );
    assert_eq!(get(&tree, "S", "./Vendor/Open").unwrap(), "");
    assert_eq!(get(&tree, "S", "./DevInfo/None").unwrap_err(), 404);
    assert_eq!(get(&tree, "S", "./Inbox").unwrap_err(), 405);
    tree.set(&uri("DMAcc/a/AppAuth/1/AAuthSecret"), "secret");
    assert_eq!(
        get(&tree, "S", "./DMAcc/a/AppAuth/1/AAuthSecret").unwrap_err(),
        405
    );
    let found = tree.get(hand("S"), &address("./DevInfo")).unwrap();
    let item: Item = found.entries[0].to_item(Encoding::Xml);
    let meta = item.meta.unwrap();
    assert_eq!(meta.format, Some(Format::Node));
    assert_eq!(
        meta.media_type.as_deref(),
        Some("urn:oma:mo:oma-dm-devinfo:1.0")
    );
    let found = tree.get(hand("S"), &address("./DevInfo/Man")).unwrap();
    assert_eq!(found.entries[0].to_item(Encoding::Xml).meta, None);
}

#[test]
fn adding() {
    let mut tree = free();
    let at = "./Vendor/Open/a";
    assert_eq!(add(&mut tree, "S", at, "1"), 200);
    assert_eq!(add(&mut tree, "S", at, "1"), 418);
    assert_eq!(add(&mut tree, "S", "./Vendor/Open/a/b", "1"), 405);
    assert_eq!(add(&mut tree, "S", "./Vendor/Open/c/d", "1"), 200);
    assert_eq!(
        tree.node(&uri("./Vendor/Open/c")).unwrap().kind(),
        Kind::Interior
    );
    assert_eq!(add(&mut tree, "S", "./DevInfo/Foo", "1"), 405);
    assert_eq!(add(&mut tree, "S", "./Vendor/Open/x?prop=ACL", "1"), 405);
    assert_eq!(add(&mut tree, "S", "./DMAcc/a/Unknown", "1"), 405);
    assert!(
        tree.node(&uri("DMAcc/a")).is_none(),
        "nothing is left of what failed"
    );
    assert_eq!(add(&mut tree, "S", "./DMAcc/a/ServerID", "A"), 200);
    let account = tree.node(&uri("DMAcc/a")).unwrap();
    assert_eq!(
        account.node_type.as_ref().unwrap().as_str(),
        "urn:oma:mo:oma-dm-dmacc:1.0"
    );
    let nothing = Given::default();
    assert_eq!(
        code(tree.add(hand("S"), &address("./Vendor/Open/n"), nothing)),
        412
    );
}

#[test]
fn a_parent_that_cannot_be_created_is_named() {
    let mut tree = free();
    let data = Data::Text(String::new());
    let given = Given {
        data: Some(&data),
        ..Given::default()
    };
    let refusal = tree
        .add(hand("S"), &address("./DevInfo/Foo/Bar"), given)
        .unwrap_err();
    assert_eq!(
        (refusal.code.0, refusal.node),
        (405, Some(uri("./DevInfo/Foo")))
    );
    let mut profile = Profile::builtin();
    profile.implicit_parents = false;
    let mut tree = Tree::new(Arc::new(profile));
    assert_eq!(add(&mut tree, "S", "./a/b", "x"), 404);
}

#[test]
fn formats_are_held() {
    let mut tree = free();
    let int = |text: &str| (Format::Int, Data::Text(text.to_owned()));
    let mut at = 0;
    let mut try_add = |tree: &mut Tree, (format, data): (Format, Data)| {
        at += 1;
        let given = Given {
            format: Some(&format),
            data: Some(&data),
            ..Given::default()
        };
        code(tree.add(hand("S"), &address(&format!("./Vendor/Open/{at}")), given))
    };
    assert_eq!(try_add(&mut tree, int("-5")), 200);
    assert_eq!(try_add(&mut tree, int("five")), 415);
    assert_eq!(try_add(&mut tree, int("2147483648")), 415);
    assert_eq!(
        try_add(&mut tree, (Format::Bool, Data::Text("yes".into()))),
        415
    );
    assert_eq!(
        try_add(&mut tree, (Format::B64, Data::Text("AAEC".into()))),
        200
    );
    assert_eq!(
        try_add(&mut tree, (Format::B64, Data::Text("?".into()))),
        415
    );
    let node = tree.node(&uri("./Vendor/Open/5")).unwrap();
    assert_eq!(
        (node.value(), &node.format),
        ([0, 1, 2].as_slice(), &Format::Bin)
    );
    assert_eq!(replace(&mut tree, "S", "./Vendor/Open/1", "6"), 200);
    assert_eq!(replace(&mut tree, "S", "./Vendor/Open/1", "six"), 415);
    assert_eq!(tree.text(&uri("./Vendor/Open/1")), Some("6"));
}

#[test]
fn replacing_and_deleting() {
    let mut tree = free();
    assert_eq!(replace(&mut tree, "S", "./Vendor/Open/a", "1"), 404);
    assert_eq!(replace(&mut tree, "S", "./Vendor/Open", "1"), 405);
    assert_eq!(replace(&mut tree, "S", "./DevInfo/Man", "1"), 405);
    add(&mut tree, "S", "./Vendor/Open/a/b", "1");
    assert_eq!(replace(&mut tree, "S", "./Vendor/Open/a/b", "2"), 200);
    assert_eq!(tree.text(&uri("./Vendor/Open/a/b")), Some("2"));
    assert_eq!(delete(&mut tree, "S", "."), 405);
    assert_eq!(delete(&mut tree, "S", "./DevInfo"), 405);
    assert_eq!(delete(&mut tree, "S", "./DevInfo/Man"), 405);
    assert_eq!(delete(&mut tree, "S", "./Vendor/Open/x"), 404);
    assert_eq!(delete(&mut tree, "T", "./Vendor/Open/a"), 425);
    assert_eq!(delete(&mut tree, "S", "./Vendor/Open/a"), 200);
    assert!(tree.node(&uri("./Vendor/Open/a/b")).is_none());
}

#[test]
fn copying_and_executing() {
    let mut tree = free();
    add(&mut tree, "S", "./Vendor/Open/a", "1");
    let copy = |tree: &mut Tree, from: &str, to: &str| {
        code(tree.copy(hand("S"), &address(from), &address(to)))
    };
    assert_eq!(copy(&mut tree, "./Vendor/Open/a", "./Vendor/Open/b"), 200);
    replace(&mut tree, "S", "./Vendor/Open/a", "2");
    assert_eq!(tree.text(&uri("./Vendor/Open/b")), Some("1"));
    assert_eq!(copy(&mut tree, "./Vendor/Open/a", "./Vendor/Open/b"), 200);
    assert_eq!(tree.text(&uri("./Vendor/Open/b")), Some("2"));
    assert_eq!(copy(&mut tree, "./Vendor/Open", "./Vendor/Open/c"), 403);
    assert_eq!(copy(&mut tree, "./Vendor/Open/x", "./Vendor/Open/c"), 403);
    assert_eq!(
        code(tree.may_exec(hand("S"), &address("./Vendor/Open/a"))),
        405
    );
    assert_eq!(
        code(tree.may_exec(hand("S"), &address("./Vendor/Open/x"))),
        404
    );
}

#[test]
fn properties() {
    let mut tree = free();
    tree.set_stamp(Some("20260102T030405Z".into()));
    add(&mut tree, "S", "./Vendor/Open/a", "één");
    for (property, value) in [
        ("ACL", ""),
        ("Format", "chr"),
        ("Name", "a"),
        ("Size", "5"),
        ("Title", ""),
        ("TStamp", "20260102T030405Z"),
        ("Type", "text/plain"),
        ("VerNo", "0"),
    ] {
        let at = format!("./Vendor/Open/a?prop={property}");
        assert_eq!(get(&tree, "S", &at).unwrap(), value, "{property}");
    }
    assert_eq!(
        replace(&mut tree, "S", "./Vendor/Open/a?prop=Title", "A"),
        200
    );
    assert_eq!(get(&tree, "S", "./Vendor/Open/a?prop=VerNo").unwrap(), "1");
    assert_eq!(
        replace(
            &mut tree,
            "S",
            "./Vendor/Open/a?prop=Title",
            &"x".repeat(256)
        ),
        413
    );
    for property in ["Format", "Size", "TStamp", "Type", "VerNo"] {
        let at = format!("./Vendor/Open/a?prop={property}");
        assert_eq!(replace(&mut tree, "S", &at, "1"), 405, "{property}");
    }
    assert_eq!(
        replace(&mut tree, "S", "./Vendor/Open/a?prop=Name", "b"),
        200
    );
    assert_eq!(tree.text(&uri("./Vendor/Open/b")), Some("één"));
    add(&mut tree, "S", "./Vendor/Open/c", "c");
    assert_eq!(
        replace(&mut tree, "S", "./Vendor/Open/c?prop=Name", "b"),
        418
    );
    assert_eq!(replace(&mut tree, "S", "./DevInfo?prop=Name", "b"), 405);
    let mut profile = Profile::builtin();
    profile.properties = BTreeSet::new();
    let tree = Tree::new(Arc::new(profile));
    assert_eq!(
        get(&tree, "S", "./DevInfo/Man?prop=Title").unwrap_err(),
        406
    );
    assert_eq!(
        get(&tree, "S", "./DevInfo/Man?prop=Type").unwrap(),
        "text/plain"
    );
}

#[test]
fn limits_of_addresses() {
    let mut profile = Profile::builtin();
    profile.limits = UriLimits {
        max_depth: 3,
        max_total_len: 30,
        max_segment_len: 8,
    };
    let mut tree = Tree::new(Arc::new(profile));
    assert_eq!(add(&mut tree, "S", "./a/b/c/d", "x"), 414);
    assert_eq!(add(&mut tree, "S", "./a/123456789", "x"), 414);
    assert_eq!(add(&mut tree, "S", "./a/12345678", "x"), 200);
    assert_eq!(get(&tree, "S", "./a/b/c/d").unwrap_err(), 414);
}

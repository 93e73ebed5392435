//! Access control lists in a tree: the fixture of DM TND 1.2, creation, delegation, departure.

use twinproof_dm::store::Tree;
use twinproof_dm::store::rules::AclFacts;
use twinproof_dm::store::rules::decide::Rules;
use twinproof_dm::tree::acl::Acls;

use super::*;

/// The fixture: what the device has before any server came.
fn fixture() -> Tree {
    let mut tree = tree();
    for (at, value, list) in [
        ("NodeA/Node1", Some("one"), "Get=*"),
        ("NodeA", None, "Get=C&Replace=C"),
        ("NodeB/Node2", Some("two"), ""),
        ("NodeB/Node3/Node4", Some("four"), ""),
        ("NodeB/Node3/Node5", Some("five"), "Get=A&Replace=A&Get=B"),
        ("NodeB/Node3", None, "Get=B&Replace=B&Delete=B"),
        ("NodeB", None, "Get=A&Replace=A"),
    ] {
        let at = uri(at);
        if let Some(value) = value {
            tree.set(&at, value);
        }
        tree.install(&[twinproof_dm::tree::tnds::State {
            uri: at,
            properties: twinproof_dm::tree::RtProperties {
                acl: Some(list.parse().unwrap()),
                format: value.is_none().then_some(Format::Node),
                ..Default::default()
            },
            value: value.map(|value| Data::Text(value.to_owned())),
        }]);
    }
    tree
}

#[test]
fn the_fixture_holds_for_commands() {
    let tree = fixture();
    for server in ["A", "B", "C", "D"] {
        assert_eq!(get(&tree, server, "NodeA/Node1").unwrap(), "one");
        assert_eq!(replace(&mut tree.clone(), server, "NodeA/Node1", "x"), 425);
        assert_eq!(delete(&mut tree.clone(), server, "NodeA/Node1"), 425);
        let changes = replace(&mut tree.clone(), server, "NodeA/Node1?prop=ACL", "Get=A");
        assert_eq!(changes, if server == "C" { 200 } else { 425 });
    }
    assert_eq!(get(&tree, "C", "NodeA/Node1?prop=ACL").unwrap(), "Get=*");
    assert_eq!(get(&tree, "B", "NodeB/Node3/Node4?prop=ACL").unwrap(), "");
    assert_eq!(
        replace(&mut tree.clone(), "A", "NodeB/Node3/Node5", "5"),
        200
    );
    assert_eq!(
        replace(&mut tree.clone(), "B", "NodeB/Node3/Node5", "5"),
        425
    );
    assert_eq!(get(&tree, "B", "NodeB/Node3/Node5").unwrap(), "five");
    assert_eq!(get(&tree, "A", "NodeB/Node3/Node4").unwrap_err(), 425);
    // Two steps: C takes the list of the leaf through its parent, then the leaf is C's.
    let mut two = tree.clone();
    assert_eq!(
        replace(&mut two, "C", "NodeA/Node1?prop=ACL", "Replace=C"),
        200
    );
    assert_eq!(replace(&mut two, "C", "NodeA/Node1", "mine"), 200);
}

#[test]
fn a_list_that_is_inherited_is_told_from_1_3_on() {
    let mut profile = Profile::builtin();
    profile.minor = 3;
    let mut tree = Tree::new(Arc::new(profile));
    tree.set(&uri("X/Y"), "y");
    let found = tree.get(hand("S"), &address("X/Y?prop=ACL")).unwrap();
    assert_eq!(found.code.0, 217);
    assert_eq!(found.entries[0].told, Told::Text("Add=*&Get=*".to_owned()));
    let found = tree.get(hand("S"), &address(".?prop=ACL")).unwrap();
    assert_eq!(found.code.0, 200);
}

#[test]
fn a_server_can_manage_what_it_created() {
    let mut tree = tree();
    assert_eq!(add_node(&mut tree, "S", "./New"), 200);
    assert_eq!(
        tree.own(&uri("New")).unwrap().to_string(),
        "Add=S&Delete=S&Replace=S"
    );
    assert_eq!(get(&tree, "S", "./New").unwrap_err(), 425);
    // Below, S may replace the parent, so nothing is set.
    assert_eq!(add_node(&mut tree, "S", "./New/Below"), 200);
    assert!(tree.own(&uri("New/Below")).unwrap().is_empty());
    assert_eq!(add(&mut tree, "T", "./New/Foreign", "x"), 425);
    // A leaf below the root stays without a list, and so out of S's hands.
    assert_eq!(add(&mut tree, "S", "./leaf", "x"), 200);
    assert_eq!(replace(&mut tree, "S", "./leaf", "y"), 425);
    // A parent that is created on the way is S's too.
    assert_eq!(add(&mut tree, "S", "./a/b", "x"), 200);
    assert_eq!(
        tree.own(&uri("a")).unwrap().to_string(),
        "Add=S&Delete=S&Replace=S"
    );
}

#[test]
fn illegal_lists_are_not_stored() {
    let mut tree = tree();
    add_node(&mut tree, "S", "./New");
    let before = tree.clone();
    for list in ["Get", "Get=", "Copy=*", "Get=a b", "Get=*&"] {
        assert_eq!(
            replace(&mut tree, "S", "./New?prop=ACL", list),
            400,
            "{list}"
        );
    }
    assert_eq!(tree, before);
    assert_eq!(replace(&mut tree, "S", ".?prop=ACL", "Get=*"), 425);
    assert_eq!(replace(&mut tree, "S", "./New?prop=ACL", ""), 200);
}

#[test]
fn rights_go_with_the_account() {
    let mut tree = tree();
    tree.set(&uri("DMAcc/a/ServerID"), "A");
    tree.install(&[twinproof_dm::tree::tnds::State {
        uri: uri("DMAcc/a"),
        properties: twinproof_dm::tree::RtProperties {
            acl: Some("Get=A&Replace=A&Delete=A".parse().unwrap()),
            format: Some(Format::Node),
            node_type: Some(twinproof_dm::tree::NodeType::Object(
                twinproof_dm::tree::objects::DMACC.to_owned(),
            )),
            ..Default::default()
        },
        value: None,
    }]);
    tree.set(&uri("X"), "x");
    let node = tree.clone();
    tree.install(&[twinproof_dm::tree::tnds::State {
        uri: uri("X"),
        properties: twinproof_dm::tree::RtProperties {
            acl: Some("Get=A+B&Replace=A".parse().unwrap()),
            ..Default::default()
        },
        value: Some(Data::Text("x".to_owned())),
    }]);
    assert_eq!(delete(&mut tree, "A", "DMAcc/a"), 200);
    assert_eq!(tree.own(&uri("X")).unwrap().to_string(), "Get=B");
    assert_eq!(get(&node, "A", "DMAcc/a/ServerID").unwrap(), "A");
}

/// Lists that are looked at node by node, as if nothing were inherited.
struct NoInheritance;

impl Rules for NoInheritance {
    fn grants(&self, facts: AclFacts<'_>) -> bool {
        let own = facts.lists.last();
        own.is_some_and(|list| list.allows(facts.right, facts.server))
    }
}

#[test]
fn the_fixture_sees_lists_that_are_not_inherited() {
    let tree = fixture();
    let read = tree.get(under("B", &NoInheritance), &address("NodeB/Node3/Node4"));
    assert_eq!(read.unwrap_err().0, 425);
    assert!(tree.get(hand("B"), &address("NodeB/Node3/Node4")).is_ok());
}

/// Who goes first among servers with the same right, and who may say so.
#[test]
fn a_server_gives_way_to_one_that_ranks_above_it() {
    let mut tree = Tree::new(Arc::new(Profile::bootstrapped()));
    tree.set(&uri("Vendor/Open/V"), "v");
    tree.install(&[twinproof_dm::tree::tnds::State {
        uri: uri("Vendor/Open"),
        properties: twinproof_dm::tree::RtProperties {
            acl: Some("Get=*&Replace=A+B".parse().unwrap()),
            ..Default::default()
        },
        value: None,
    }]);
    let writes = |tree: &Tree| {
        ["A", "B"].map(|server| replace(&mut tree.clone(), server, "Vendor/Open/V", "w"))
    };
    assert_eq!(writes(&tree), [200, 200]);
    tree.set(&uri("Priorities/B"), "7");
    assert_eq!(writes(&tree), [425, 200], "who has no rank comes last");
    tree.set(&uri("Priorities/A"), "7");
    assert_eq!(writes(&tree), [200, 200], "at a tie nobody gives way");
    tree.set(&uri("Priorities/A"), "1");
    assert_eq!(writes(&tree), [200, 425]);
    assert_eq!(get(&tree, "B", "Vendor/Open/V").unwrap(), "v");
    assert_eq!(replace(&mut tree, "B", "Priorities/B", "1"), 425);
}

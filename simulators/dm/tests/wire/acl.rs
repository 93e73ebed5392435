//! Access control lists: the fixture, and a naive model that shares no code with the crate.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use twinproof_dm::Fault;
use twinproof_dm::tree::NodeUri;
use twinproof_dm::tree::acl::{Acl, Acls, Kind, Right};

fn uri(text: &str) -> NodeUri {
    text.parse().unwrap()
}

fn acl(text: &str) -> Acl {
    text.parse().unwrap()
}

fn fixture() -> BTreeMap<NodeUri, Acl> {
    [
        (".", "Add=*&Get=*"),
        ("NodeA", "Get=C&Replace=C"),
        ("NodeA/Node1", "Get=*"),
        ("NodeB", "Get=A&Replace=A"),
        ("NodeB/Node2", ""),
        ("NodeB/Node3", "Get=B&Replace=B&Delete=B"),
        ("NodeB/Node3/Node4", ""),
        ("NodeB/Node3/Node5", "Get=A&Replace=A&Get=B"),
    ]
    .map(|(node, list)| (uri(node), acl(list)))
    .into()
}

#[test]
fn the_fixture_holds() {
    let tree = fixture();
    let everyone = ["A", "B", "C", "D"];
    let who = |node: &str, right| -> Vec<_> {
        let may = |server: &&str| tree.allows(&uri(node), right, server);
        everyone.into_iter().filter(may).collect()
    };
    assert_eq!(who("NodeA/Node1", Right::Get), everyone);
    assert_eq!(who("NodeA/Node1", Right::Delete), [""; 0]);
    assert_eq!(who("NodeA/Node1", Right::Replace), [""; 0]);
    assert_eq!(who("NodeB/Node2", Right::Replace), ["A"]);
    assert_eq!(who("NodeB/Node3/Node4", Right::Delete), ["B"]);
    assert_eq!(who("NodeB/Node3/Node5", Right::Replace), ["A"]);
    assert_eq!(who("NodeB/Node3/Node5", Right::Get), ["A", "B"]);
    assert_eq!(who(".", Right::Add), everyone);
    assert_eq!(who("NodeA", Right::Add), [""; 0]);

    let changers: Vec<_> = everyone
        .into_iter()
        .filter(|server| tree.allows_acl_change(&uri("NodeA/Node1"), Kind::Leaf, server))
        .collect();
    assert_eq!(changers, ["C"]);
    let own = |node: &str| tree.own(&uri(node)).unwrap().to_string();
    assert_eq!(own("NodeA/Node1"), "Get=*");
    assert_eq!(own("NodeB/Node3/Node4"), "");
    assert_eq!(own("NodeB/Node3/Node5"), "Get=A&Replace=A&Get=B");
}

#[test]
fn the_right_on_a_leaf_does_not_reach_its_list() {
    let tree = fixture();
    let node5 = uri("NodeB/Node3/Node5");
    assert!(tree.allows(&node5, Right::Replace, "A"));
    assert!(!tree.allows_acl_change(&node5, Kind::Leaf, "A"));
    assert!(tree.allows_acl_change(&node5, Kind::Leaf, "B"));
    assert!(tree.allows_acl_change(&node5, Kind::Interior, "A"));
    assert!(!tree.allows_acl_change(&uri("."), Kind::Interior, "A"));
}

#[test]
fn a_creator_can_manage_what_it_could_not_otherwise() {
    let tree = fixture();
    let list =
        |parent: &str, kind, server| tree.of_new_node(&uri(parent), kind, server).to_string();
    assert_eq!(list(".", Kind::Interior, "S"), "Add=S&Delete=S&Replace=S");
    assert_eq!(list(".", Kind::Leaf, "S"), "");
    assert_eq!(list("NodeB", Kind::Interior, "A"), "");
    let account = Acl::of_bootstrapped_account("S");
    assert_eq!(account.to_string(), "Get=S&Replace=S&Delete=S");
}

#[test]
fn a_tree_without_lists_has_that_of_the_root() {
    let tree = BTreeMap::new();
    assert_eq!(tree.effective(&uri("./A/B")).to_string(), "Add=*&Get=*");
}

#[test]
fn an_account_that_goes_leaves_nothing_behind() {
    let list = acl("Add=S+T&Get=*&Replace=S");
    assert_eq!(list.without("S", false).to_string(), "Add=T&Get=*");
    assert_eq!(list.without("S", true).to_string(), "Add=T&Get=*&Replace=*");
    assert_eq!(list.without("U", false), list);
}

#[test]
fn broken_lists_are_refused_with_their_place() {
    for (text, offset) in [
        ("Get", 0),
        ("Get=", 4),
        ("get=*", 0),
        ("Copy=*", 0),
        ("Get=*&", 6),
        ("Get=A&Put=B", 6),
        ("Get=A++B", 6),
        ("Get=A+*B", 6),
        ("Get=A B", 4),
        ("Get=A&Replace=B=C", 14),
    ] {
        let error = text.parse::<Acl>().unwrap_err();
        assert_eq!(
            (error.fault, error.offset),
            (Fault::Syntax, offset),
            "{text}"
        );
    }
}

/// The rules once more, on strings and lists only.
mod naive {
    type Node = (Vec<usize>, String);

    fn inherited(nodes: &[Node], path: &[usize]) -> String {
        let own = nodes.iter().find(|(at, _)| at == path);
        match (own, path) {
            (Some((_, list)), _) if !list.is_empty() => list.clone(),
            (_, []) => "Add=*&Get=*".to_owned(),
            (_, [above @ .., _]) => inherited(nodes, above),
        }
    }

    pub(super) fn allows(nodes: &[Node], path: &[usize], right: &str, server: &str) -> bool {
        let list = inherited(nodes, path);
        let mut granted = list
            .split('&')
            .filter_map(|entry| entry.strip_prefix(right));
        granted.any(|who| {
            let who: Vec<&str> = who[1..].split('+').collect();
            who.contains(&"*") || who.contains(&server)
        })
    }
}

fn list() -> impl Strategy<Value = String> {
    let right = proptest::sample::select(Right::ALL.map(Right::as_str).to_vec());
    let who = vec(proptest::sample::select(vec!["A", "B", "C", "*"]), 1..3);
    let entry = (right, who).prop_map(|(right, who)| format!("{right}={}", who.join("+")));
    vec(entry, 0..4).prop_map(|entries| entries.join("&"))
}

proptest! {
    #[test]
    fn the_model_agrees(
        nodes in vec((vec(0..3_usize, 0..4), list()), 0..12),
        asked in vec(0..3_usize, 0..5),
    ) {
        let address = |path: &[usize]| {
            path.iter().fold(NodeUri::root(), |uri, step| uri.child(step.to_string()))
        };
        let mut nodes = nodes;
        nodes.sort();
        nodes.dedup_by(|a, b| a.0 == b.0);
        let tree: BTreeMap<_, _> =
            nodes.iter().map(|(path, list)| (address(path), acl(list))).collect();
        for right in Right::ALL {
            for server in ["A", "B", "C", "D"] {
                prop_assert_eq!(
                    tree.allows(&address(&asked), right, server),
                    naive::allows(&nodes, &asked, right.as_str(), server),
                    "{} {}", right.as_str(), server
                );
            }
        }
    }

    #[test]
    fn lists_are_written_as_they_were_read(list in list()) {
        prop_assert_eq!(acl(&list).to_string(), list);
    }
}

//! Random commands of three servers against a model written from the text: a flat table of paths, with
//! rights looked up by walking strings. It shares no code with the tree.

use std::collections::BTreeMap;

use proptest::prelude::*;
use twinproof_dm::tree::tnds::State;
use twinproof_dm::tree::{NodeType, RtProperties};

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Row {
    /// Rights as `(command, servers)`; none inherits.
    list: Vec<(String, Vec<String>)>,
    value: Option<String>,
}

type Table = BTreeMap<String, Row>;

fn parsed(list: &str) -> Vec<(String, Vec<String>)> {
    let entries = list.split('&').filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (command, who) = entry.split_once('=').unwrap();
            (
                command.to_owned(),
                who.split('+').map(str::to_owned).collect(),
            )
        })
        .collect()
}

fn above(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

fn allowed(table: &Table, path: &str, command: &str, server: &str) -> bool {
    let mut at = path;
    loop {
        if let Some(row) = table.get(at).filter(|row| !row.list.is_empty()) {
            return row.list.iter().any(|(granted, who)| {
                granted == command && who.iter().any(|id| id == "*" || id == server)
            });
        }
        at = above(at).expect("the root has a list");
    }
}

#[derive(Clone, Debug)]
enum Move {
    Add(String, Option<String>),
    Delete(String),
    Get(String),
    List(String, String),
    Rename(String, String),
    Replace(String, String),
}

fn exists_as(table: &Table, path: &str, leaf: bool) -> bool {
    table
        .get(path)
        .is_some_and(|row| row.value.is_some() == leaf)
}

/// What the text says becomes of a move, and what it says the answer is.
fn expected(table: &mut Table, server: &str, step: &Move) -> u16 {
    let may = |table: &Table, path: &str, command| allowed(table, path, command, server);
    match step {
        Move::Get(path) if !table.contains_key(path) => 404,
        Move::Get(path) => {
            if may(table, path, "Get") {
                200
            } else {
                425
            }
        }
        Move::Replace(path, value) => {
            if !table.contains_key(path) {
                return 404;
            }
            if !may(table, path, "Replace") {
                return 425;
            }
            if !exists_as(table, path, true) {
                return 405;
            }
            table.get_mut(path).unwrap().value = Some(value.clone());
            200
        }
        Move::Delete(path) => {
            if !table.contains_key(path) {
                return 404;
            }
            if !may(table, path, "Delete") {
                return 425;
            }
            let below = format!("{path}/");
            table.retain(|other, _| other != path && !other.starts_with(&below));
            200
        }
        Move::List(path, list) => {
            let Some(row) = table.get(path) else {
                return 404;
            };
            let on_node = row.value.is_none() && may(table, path, "Replace");
            if !on_node && !may(table, above(path).unwrap(), "Replace") {
                return 425;
            }
            table.get_mut(path).unwrap().list = parsed(list);
            200
        }
        Move::Rename(path, name) => {
            if !table.contains_key(path) {
                return 404;
            }
            if !may(table, path, "Replace") {
                return 425;
            }
            let fresh = format!("{}/{name}", above(path).unwrap());
            if fresh == *path {
                return 200;
            }
            if table.contains_key(&fresh) {
                return 418;
            }
            let below = format!("{path}/");
            let moved: Vec<_> = table
                .keys()
                .filter(|k| *k == path || k.starts_with(&below))
                .cloned()
                .collect();
            for old in moved {
                let row = table.remove(&old).unwrap();
                table.insert(format!("{fresh}{}", &old[path.len()..]), row);
            }
            200
        }
        Move::Add(path, value) => {
            if table.contains_key(path) {
                return 418;
            }
            // Parents on the way are nodes like any other: all are created or none.
            let before = table.clone();
            let parts: Vec<_> = path
                .match_indices('/')
                .map(|(at, _)| &path[..at])
                .skip(1)
                .collect();
            let all = parts
                .into_iter()
                .map(|part| (part, None))
                .chain([(path.as_str(), value.clone())]);
            for (part, value) in all {
                if table.contains_key(part) && part != path {
                    continue;
                }
                let parent = above(part).unwrap();
                let code = if exists_as(table, parent, true) {
                    405
                } else if !may(table, parent, "Add") {
                    425
                } else {
                    200
                };
                if code != 200 {
                    *table = before;
                    return code;
                }
                let owns = value.is_none() && !may(table, parent, "Replace");
                let list = match owns {
                    true => parsed(&format!("Add={server}&Delete={server}&Replace={server}")),
                    false => Vec::new(),
                };
                table.insert(part.to_owned(), Row { list, value });
            }
            200
        }
    }
}

fn played(tree: &mut Tree, server: &str, step: &Move) -> u16 {
    match step {
        Move::Add(path, Some(value)) => add(tree, server, path, value),
        Move::Add(path, None) => add_node(tree, server, path),
        Move::Delete(path) => delete(tree, server, path),
        Move::Get(path) => tree
            .get(hand(server), &address(path))
            .map_or_else(|code| code.0, |found| found.code.0),
        Move::List(path, list) => replace(tree, server, &format!("{path}?prop=ACL"), list),
        Move::Rename(path, name) => replace(tree, server, &format!("{path}?prop=Name"), name),
        Move::Replace(path, value) => replace(tree, server, path, value),
    }
}

/// The tree as a table, without what every device has.
fn table_of(tree: &Tree) -> Table {
    let own = ["DevInfo", "DevDetail", "DMAcc", "Inbox", "Vendor"];
    let mut table = Table::new();
    for uri in tree.uris(&NodeUri::root()) {
        if uri
            .names()
            .first()
            .is_some_and(|name| own.contains(&&**name))
        {
            continue;
        }
        let node = tree.node(&uri).unwrap();
        let leaf = node.format != Format::Node;
        table.insert(
            uri.to_string(),
            Row {
                list: parsed(&node.acl.to_string()),
                value: leaf.then(|| String::from_utf8(node.value().to_vec()).unwrap()),
            },
        );
    }
    table
}

/// The type of objects that are in the tree from the start.
const KIND: &str = "urn:oma:mo:twinproof-test:";

fn object(at: &str) -> State {
    let kind = NodeType::Object(format!("{KIND}1.0"));
    State {
        uri: uri(at),
        properties: RtProperties {
            node_type: Some(kind),
            ..RtProperties::default()
        },
        value: None,
    }
}

/// Where those are, as one finds them who looks at all nodes.
fn objects_of(tree: &Tree) -> Vec<NodeUri> {
    let mut all = tree.uris(&NodeUri::root());
    all.retain(|uri| {
        let kind = tree.node(uri).and_then(|node| node.node_type.as_ref());
        matches!(kind, Some(NodeType::Object(id)) if id.starts_with(KIND))
    });
    all
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["a", "b", "c"], 1..4)
        .prop_map(|names| format!("./{}", names.join("/")))
}

fn list() -> impl Strategy<Value = String> {
    let entry = (
        prop_oneof!["Add", "Delete", "Get", "Replace"],
        proptest::collection::vec(prop_oneof!["A", "B", "C", "\\*"], 1..3),
    );
    proptest::collection::vec(entry, 0..4).prop_map(|entries| {
        let entries = entries
            .iter()
            .map(|(right, who)| format!("{right}={}", who.join("+")));
        entries.collect::<Vec<_>>().join("&")
    })
}

fn step() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (path(), proptest::option::of("[x-z]{0,2}")).prop_map(|(p, v)| Move::Add(p, v)),
        1 => path().prop_map(Move::Delete),
        1 => path().prop_map(Move::Get),
        2 => (path(), list()).prop_map(|(p, l)| Move::List(p, l)),
        1 => (path(), "[a-c]").prop_map(|(p, n)| Move::Rename(p, n)),
        2 => (path(), "[x-z]{0,2}").prop_map(|(p, v)| Move::Replace(p, v)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_tree_is_what_the_text_says(
        steps in proptest::collection::vec((prop_oneof!["A", "B", "C"], step()), 1..30),
    ) {
        let mut tree = tree();
        for top in ["./a", "./a/b/c", "./b"] {
            tree.install(&[object(top)]);
        }
        let mut table = table_of(&tree);
        for (server, step) in steps {
            let code = expected(&mut table, &server, &step);
            prop_assert_eq!(played(&mut tree, &server, &step), code, "{} {:?}", server, step);
            prop_assert_eq!(&table_of(&tree), &table, "{} {:?}", server, step);
            prop_assert_eq!(tree.objects(KIND), objects_of(&tree), "{} {:?}", server, step);
        }
    }
}

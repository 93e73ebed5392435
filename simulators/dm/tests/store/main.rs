//! The management tree of a device, tested as a server sees it.

mod lists;
mod model;
mod operations;
mod transport;

use std::sync::Arc;

use twinproof_dm::store::rules::decide::{Rules, Standard};
use twinproof_dm::store::{Given, Hand, Profile, Told, Tree};
use twinproof_dm::syncml::{Data, Format};
use twinproof_dm::tree::{Address, NodeUri};

fn uri(text: &str) -> NodeUri {
    text.parse().unwrap()
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn tree() -> Tree {
    Tree::new(Arc::new(Profile::builtin()))
}

fn hand(server: &str) -> Hand<'_> {
    Hand {
        server,
        rules: &Standard,
    }
}

fn under<'a>(server: &'a str, rules: &'a dyn Rules) -> Hand<'a> {
    Hand { server, rules }
}

/// What a command came to, as a status code.
fn code<T>(result: Result<T, twinproof_dm::store::Refusal>) -> u16 {
    result.map_or_else(|refusal| refusal.code.0, |_| 200)
}

fn get(tree: &Tree, by: &str, at: &str) -> Result<String, u16> {
    let found = tree.get(hand(by), &address(at)).map_err(|code| code.0)?;
    match &found.entries[0].told {
        Told::Text(text) => Ok(text.clone()),
        other => panic!("{at}: {other:?}"),
    }
}

fn add(tree: &mut Tree, by: &str, at: &str, value: &str) -> u16 {
    let data = Data::Text(value.to_owned());
    let given = Given {
        data: Some(&data),
        ..Given::default()
    };
    code(tree.add(hand(by), &address(at), given))
}

fn add_node(tree: &mut Tree, by: &str, at: &str) -> u16 {
    let given = Given {
        format: Some(&Format::Node),
        ..Given::default()
    };
    code(tree.add(hand(by), &address(at), given))
}

fn replace(tree: &mut Tree, by: &str, at: &str, value: &str) -> u16 {
    let data = Data::Text(value.to_owned());
    let given = Given {
        data: Some(&data),
        ..Given::default()
    };
    code(tree.replace(hand(by), &address(at), given))
}

fn delete(tree: &mut Tree, by: &str, at: &str) -> u16 {
    code(tree.delete(hand(by), &address(at)))
}

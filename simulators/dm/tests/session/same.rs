//! Neither encoding nor message sizes change what a session does.

use proptest::prelude::*;

use super::*;

fn uri() -> impl Strategy<Value = String> {
    proptest::collection::vec("[abc]", 1..3)
        .prop_map(|names| format!("./Vendor/Open/{}", names.join("/")))
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-zé<&]{0,900}".prop_map(Value::Text),
        proptest::collection::vec(any::<u8>(), 0..600).prop_map(Value::Octets),
    ]
}

fn put_of() -> impl Strategy<Value = Put> {
    (uri(), value()).prop_map(|(uri, value)| Put {
        uri,
        value: Some(value),
        ..Put::default()
    })
}

fn simple() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => put_of().prop_map(Act::Add),
        2 => put_of().prop_map(Act::Replace),
        1 => uri().prop_map(|uri| Act::Delete { uri }),
        1 => (uri(), uri()).prop_map(|(from, to)| Act::Copy { from, to }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => simple(),
        2 => uri().prop_map(|uri| Act::Get { uri }),
        1 => uri().prop_map(|uri| Act::Get { uri: format!("{uri}?prop=ACL") }),
    ]
}

fn played(acts: &[Act], encoding: Encoding, size: Option<u64>) -> (Tree, Vec<Outcome>) {
    let mut world = World::new(encoding, Scheme::Md5);
    world.clients.max_message = size;
    world.servers.max_message = size;
    let calls: Vec<_> = acts.iter().map(|act| world.queue(act.clone())).collect();
    assert_eq!(world.session().how, End::Complete);
    let outcomes = calls.into_iter().map(|call| world.outcome(call)).collect();
    let mut tree = world.client.tree().clone();
    // Nonces are random, and how many were drawn is no matter of the tree.
    for name in ["1", "2"] {
        tree.set(
            &format!("./DMAcc/s/AppAuth/{name}/AAuthData")
                .parse()
                .unwrap(),
            "",
        );
    }
    (tree, outcomes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_same_tree_and_the_same_answers(
        acts in proptest::collection::vec(act(), 1..10),
        size in 1400..3000_u64,
    ) {
        let (tree, outcomes) = played(&acts, Encoding::Xml, None);
        for (encoding, size) in [
            (Encoding::Wbxml, None),
            (Encoding::Xml, Some(size)),
            (Encoding::Wbxml, Some(size)),
        ] {
            let (other, others) = played(&acts, encoding, size);
            prop_assert!(other == tree, "{:?} {:?}", encoding, size);
            prop_assert_eq!(&others, &outcomes, "{:?} {:?}", encoding, size);
        }
    }
}

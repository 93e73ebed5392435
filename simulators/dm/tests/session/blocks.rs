//! `Atomic` and `Sequence`.

use proptest::prelude::*;
use twinproof_dm::client::rules::decide::Rules;

use super::*;

#[test]
fn what_may_not_stand_in_an_atomic() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    let add = || Act::Add(put("./Vendor/Open/a", "1"));
    let reading = world.queue(Act::Atomic(vec![add(), get("./DevInfo")]));
    let nested = world.queue(Act::Atomic(vec![add(), Act::Atomic(vec![add()])]));
    let fine = world.queue(Act::Atomic(vec![
        add(),
        Act::Replace(put("./Vendor/Open/a", "2")),
    ]));
    world.session();
    assert_eq!(world.codes(reading), [507, 216, 500]);
    assert_eq!(world.codes(nested), [507, 216, 500, 215]);
    assert_eq!(world.codes(fine), [200, 200, 200]);
    assert_eq!(world.value("./Vendor/Open/a").as_deref(), Some("2"));
}

#[test]
fn a_client_without_atomic_says_so() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    world.clients.atomic = false;
    let call = world.queue(Act::Atomic(vec![Act::Add(put("./Vendor/Open/a", "1"))]));
    world.session();
    assert_eq!(world.codes(call), [406, 215]);
    assert_eq!(world.value("./Vendor/Open/a"), None);
}

struct LeavesTraces;

impl Rules for LeavesTraces {
    fn rolls_back(&self, _failed: bool) -> bool {
        false
    }
}

#[test]
fn a_client_that_does_not_roll_back_is_seen() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    world.clients.rules = Arc::new(LeavesTraces);
    let acts = vec![
        Act::Add(put("./Vendor/Open/a", "1")),
        Act::Replace(put("./Vendor/Open/b", "1")),
    ];
    let call = world.queue(Act::Atomic(acts));
    world.session();
    assert_ne!(world.codes(call), [507, 216, 404]);
    assert!(world.value("./Vendor/Open/a").is_some());
}

/// A block, its acts on a handful of leaves.
fn block() -> impl Strategy<Value = (bool, Vec<(u8, u8)>)> {
    (
        any::<bool>(),
        proptest::collection::vec((0..3_u8, 0..3_u8), 1..6),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Blocks against a model of three leaves: a list of options that is copied before each block.
    #[test]
    fn blocks_are_what_the_text_says(blocks in proptest::collection::vec(block(), 1..5)) {
        let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
        let mut model: [Option<String>; 3] = Default::default();
        let mut expected = Vec::new();
        for (number, (atomic, steps)) in blocks.iter().enumerate() {
            let before = model.clone();
            let mut codes = vec![200];
            let mut failed = false;
            let mut acts = Vec::new();
            for &(what, leaf) in steps {
                let uri = format!("./Vendor/Open/{leaf}");
                let value = format!("{number}");
                acts.push(match what {
                    0 => Act::Add(put(&uri, &value)),
                    1 => Act::Replace(put(&uri, &value)),
                    _ => Act::Delete { uri },
                });
                if failed && *atomic {
                    codes.push(215);
                    continue;
                }
                let place = &mut model[usize::from(leaf)];
                let code = match (what, &place) {
                    (0, Some(_)) => 418,
                    (1 | 2, None) => 404,
                    (2, _) => { *place = None; 200 }
                    _ => { *place = Some(value); 200 }
                };
                failed |= code != 200;
                codes.push(code);
            }
            if failed && *atomic {
                model = before;
                let told = codes.iter().skip(1).map(|&code| if code == 200 { 216 } else { code });
                codes = std::iter::once(507).chain(told).collect();
            }
            let act = if *atomic { Act::Atomic(acts) } else { Act::Sequence(acts) };
            expected.push((world.queue(act), codes));
        }
        world.session();
        for (call, codes) in expected {
            prop_assert_eq!(world.codes(call), codes);
        }
        for (leaf, value) in model.iter().enumerate() {
            prop_assert_eq!(&world.value(&format!("./Vendor/Open/{leaf}")), value);
        }
    }
}

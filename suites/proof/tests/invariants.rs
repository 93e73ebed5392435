//! The invariants hold for the built-in system and not for a broken one.

use std::sync::Arc;

use twinproof_conformance::Target;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_proof::properties::{Options, search};
use twinproof_reference::mutants;
use twinproof_stage::Kind;
use twinproof_twinning::enabler::rules::{Rules, Standard};

fn options(rules: Arc<dyn Rules>, cases: u32) -> Options {
    Options {
        target: Target::BuiltIn(Arc::new(TwinningSystem::new(rules))),
        kind: Kind::Virtual,
        cases,
        length: 40,
        seed: 7,
        only: None,
        known: Vec::new(),
    }
}

#[test]
fn the_clean_system_keeps_every_invariant() {
    let found = search(&options(Arc::new(Standard), 100)).unwrap();
    assert!(found.failure.is_none(), "{:#?}", found.failure);
    assert_eq!((found.cases, found.transport), (100, 0));
}

#[test]
fn a_reusable_code_is_found_and_shrunk_to_what_matters() {
    let mutant = mutants::twinning()
        .find(|m| m.name == "code-reusable")
        .unwrap();
    let failure = search(&options((mutant.rules)(), 256))
        .unwrap()
        .failure
        .unwrap();
    // One after the other, or both at the same time.
    let known = ["I5", "I31"].contains(&failure.invariant.as_str());
    assert!(known && !failure.exchange.is_empty(), "{failure:#?}");
    assert!(failure.commands.len() <= 4, "{failure:#?}");
}

#[test]
fn one_seed_finds_the_same_however_many_lanes_there_are() {
    let mutant = mutants::twinning()
        .find(|m| m.name == "two-primaries")
        .unwrap();
    let found = || {
        let found = search(&options((mutant.rules)(), 256)).unwrap();
        (found.cases, found.commands, found.failure.unwrap().commands)
    };
    assert_eq!(found(), found());
}

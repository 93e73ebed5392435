//! The GwMO scenarios against the built-in gateway, on both stages.

mod common;
#[path = "common/threads.rs"]
mod threads;

use std::sync::Arc;
use std::time::Duration;

use common::judged_twice;
use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_proof::gwmo::GatewaySystem;
use twinproof_stage::{Kind, Network};

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn all_pass(system: GatewaySystem, kind: Kind, seed: u64) {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let target = Target::BuiltIn(Arc::new(system));
    let run = Run {
        seed,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    runtime(1).block_on(perform(&run));
    let report = judged_twice(&ledger.read_back().unwrap());
    assert_eq!(report.scenarios.len(), 61);
    for scenario in &report.scenarios {
        let (id, reason) = (&scenario.id, &scenario.reason);
        assert_eq!(scenario.verdict, Verdict::Pass, "{id}: {reason}");
    }
    assert!(report.summary.contact);
}

/// With so many devices that each of their fates is there; a thousand are for builds that are not for tests.
fn few() -> GatewaySystem {
    GatewaySystem::standard().with_many(30)
}

/// Its objects stand under other names with each seed.
#[test]
fn the_built_in_gateway_passes_in_memory_with_every_seed() {
    for seed in 1..=4 {
        all_pass(few(), Kind::Virtual, seed);
    }
}

#[test]
fn the_built_in_gateway_passes_over_sockets() {
    let live = Kind::Live(Network::new(PATIENCE).unwrap());
    all_pass(few(), live, 7);
}

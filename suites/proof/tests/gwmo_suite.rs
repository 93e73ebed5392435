//! The GwMO scenarios against the built-in gateway, on both stages.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::judged_twice;
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

fn all_pass(kind: Kind, seed: u64) {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let target = Target::BuiltIn(Arc::new(GatewaySystem::standard()));
    let run = Run {
        seed,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(perform(&run));
    let report = judged_twice(&ledger.read_back().unwrap());
    assert_eq!(report.scenarios.len(), 14);
    for scenario in &report.scenarios {
        let (id, reason) = (&scenario.id, &scenario.reason);
        assert_eq!(scenario.verdict, Verdict::Pass, "{id}: {reason}");
    }
    assert!(report.summary.contact);
}

/// Its objects stand under other names with each seed.
#[test]
fn the_built_in_gateway_passes_in_memory_with_every_seed() {
    for seed in 1..=20 {
        all_pass(Kind::Virtual, seed);
    }
}

#[test]
fn the_built_in_gateway_passes_over_sockets() {
    all_pass(Kind::Live(Network::new(PATIENCE).unwrap()), 7);
}

//! All LwM2M scenarios against the built-in server, on both stages.

use std::sync::Arc;

use twinproof_conformance::suite::Suite;
use twinproof_conformance::{BuiltIn as _, Run, Target, network, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::{Report, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};
use twinproof_proof::whole::WholeSystem;
use twinproof_stage::Kind;

fn run(kind: Kind) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let target = Target::BuiltIn(Arc::new(WholeSystem::new()));
    let ledger = Ledger::in_memory();
    let mut run = Run {
        seed: 7,
        jobs: 8,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    run.selected.retain(|id| id.starts_with("lwm2m/"));
    assert!(!run.selected.is_empty());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(perform(&run));
    let tool = Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    };
    judge(&ledger.read_back().unwrap(), &catalogue, tool).unwrap()
}

fn all_pass(report: &Report) {
    for scenario in &report.scenarios {
        let id = &scenario.id;
        assert_eq!(scenario.verdict, Verdict::Pass, "{id}: {}", scenario.reason);
        assert!(!scenario.exchanges.is_empty(), "{id}");
    }
    assert!(report.summary.contact);
}

#[test]
fn the_built_in_server_passes_every_scenario() {
    let report = run(Kind::Virtual);
    all_pass(&report);
    let registration = &report.scenarios[0].exchanges[0];
    assert!(
        registration.line.starts_with("CON POST /rd?ep="),
        "{registration:?}"
    );
    // What no scenario judges yet is told, and none of it is green.
    let untested = report
        .requirements
        .iter()
        .filter(|r| r.id.starts_with("LW-"));
    let count = |verdict| untested.clone().filter(|r| r.verdict == verdict).count();
    assert!(count(Verdict::Untested) > 0 && count(Verdict::Pass) > 0);
}

#[test]
fn the_built_in_server_passes_every_scenario_over_udp() {
    let profile = WholeSystem::new().profile().profile.clone();
    all_pass(&run(Kind::Live(network(&profile).unwrap())));
}

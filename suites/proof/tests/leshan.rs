//! The profile that is ready for Leshan's API, against a server that speaks it: every verdict is the one
//! that a hand inside the server gets.

#[path = "common/threads.rs"]
mod threads;

use std::collections::BTreeMap;
use std::sync::Arc;

use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, network, perform};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Record, What};
use twinproof_evidence::report::{Report, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};
use twinproof_proof::serve::ServedLwm2m;
use twinproof_proof::whole::WholeSystem;
use twinproof_stage::{Kind, UPPER_TESTER};

/// Performs all scenarios of the enabler, and judges the record.
async fn judged(target: Target) -> (Report, Vec<Record>) {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let kind = Kind::Live(network(&target.profile().profile).unwrap());
    let mut run = Run {
        seed: 7,
        jobs: 8,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    run.selected.retain(|id| id.starts_with("lwm2m/"));
    perform(&run).await;
    let tool = Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    };
    let records = ledger.read_back().unwrap();
    (judge(&records, &catalogue, tool).unwrap(), records.records)
}

fn verdicts(report: &Report) -> BTreeMap<String, String> {
    let scenarios = report.scenarios.iter();
    let said = scenarios.map(|s| (s.id.clone(), format!("{:?} {}", s.verdict, s.reason)));
    said.collect()
}

#[test]
fn over_the_api_every_verdict_is_that_of_a_hand_inside() {
    runtime(2).block_on(async {
        let any = "127.0.0.1:0".parse().unwrap();
        let served = ServedLwm2m::start((any, any), 7).await.unwrap();
        let target = Target::External(Arc::new(served.profile().clone()));
        let (over_api, records) = tokio::select! {
            judged = judged(target) => judged,
            never = served.attend() => match never {},
        };
        let built_in = Target::BuiltIn(Arc::new(WholeSystem::new()));
        let (inside, _) = judged(built_in).await;
        let (mut over_api, mut by_hand) = (verdicts(&over_api), verdicts(&inside));
        // What is served has no secured place.
        over_api.retain(|id, _| !id.starts_with("lwm2m/security/"));
        // The whole built-in system has more roles than a server.
        by_hand.retain(|id, _| over_api.contains_key(id));
        assert!(over_api.len() > 50, "{}", over_api.len());
        assert_eq!(over_api, by_hand);
        // Whatever was asked of the API is on record, under its name.
        let to_tester = |record: &&Record| matches!(&record.what, What::Request { to, .. } if to == UPPER_TESTER);
        let asked = records.iter().filter(to_tester).count();
        // What has happened, and what became of something, is heard and not asked for.
        let operated = |record: &&Record| match &record.what {
            What::Operated { operation, .. } => {
                operation.get("events").is_none() && operation.get("result").is_none()
            }
            _ => false,
        };
        let operations = records.iter().filter(operated).count();
        assert!(operations > 10 && asked >= operations, "{asked} < {operations}");
    });
}

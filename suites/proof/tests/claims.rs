//! What the built-in LwM2M server claims, and what is seen of it; and of servers that claim too much or
//! too little.

mod common;

use std::sync::Arc;

use common::judged_twice;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::{Claimed, Contradiction, Report};
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_lwm2m::server::rules::{Rules, Standard};
use twinproof_proof::lwm2m::Lwm2mSystem;
use twinproof_reference::mutants;
use twinproof_stage::Kind;

/// Runs the scenarios below folders against a server with these rules.
fn judged(rules: Arc<dyn Rules>, folders: &[&str]) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let target = Target::BuiltIn(Arc::new(Lwm2mSystem::new(rules)));
    let mut run = Run {
        seed: 7,
        jobs: 8,
        ..Run::new(target, Kind::Virtual, Arc::new(suite), ledger.clone())
    };
    let below = |id: &String| folders.iter().any(|folder| id.starts_with(folder));
    run.selected.retain(below);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(perform(&run));
    judged_twice(&ledger.read_back().unwrap())
}

fn broken(name: &str, folders: &[&str]) -> Report {
    let mutant = mutants::lwm2m().find(|mutant| mutant.name == name).unwrap();
    judged((mutant.rules)(), folders)
}

/// The ids of what claims and exchanges contradict, and how.
fn contradictions(report: &Report) -> Vec<(&str, &'static str)> {
    let rows = report.capabilities.iter();
    rows.filter_map(|row| Some((row.id.as_str(), row.contradiction.as_ref()?.name())))
        .collect()
}

fn of_claims(report: &Report) -> Verdict {
    let mut requirements = report.requirements.iter();
    requirements.find(|r| r.id == "LW-SRV-06").unwrap().verdict
}

#[test]
fn what_the_built_in_server_claims_is_seen() {
    let report = judged(Arc::new(Standard), &["lwm2m/"]);
    assert_eq!(contradictions(&report), []);
    assert_eq!(of_claims(&report), Verdict::Pass);
    let unseen = report.capabilities.iter().filter(|row| row.seen.is_empty());
    let unseen: Vec<_> = unseen.map(|row| (row.id.as_str(), row.claimed)).collect();
    // A version that it does not have, other transports, and formats that no device of 1.1 answers in.
    let (no, not_said) = (Claimed::No, Claimed::NotSaid);
    let expected = [
        ("version-1.2", no),
        ("tlv", not_said),
        ("cbor", not_said),
        ("lwm2m-cbor", no),
        ("tcp", no),
        ("sms", no),
    ];
    assert_eq!(unseen, expected);
    // The version is tried all the same; what was not tried is not seen for that.
    let exercised = |id: &str| {
        let mut rows = report.capabilities.iter();
        rows.find(|row| row.id == id)
            .map(|row| row.exercised.clone())
    };
    let tried = vec!["lwm2m/server/newer-version-refused".to_owned()];
    assert_eq!(exercised("version-1.2"), Some(tried));
    assert_eq!(exercised("tlv"), Some(Vec::new()));
}

#[test]
fn who_refuses_what_it_claims_over_claims() {
    let report = broken(
        "sends-refused",
        &["lwm2m/send/", "lwm2m/management/registers"],
    );
    assert_eq!(contradictions(&report), [("send", "over-claimed")]);
    let send = report.capabilities.iter().find(|row| row.id == "send");
    let Some(Contradiction::Over(words)) = &send.unwrap().contradiction else {
        panic!("{send:?}");
    };
    assert!(
        words.contains("lwm2m.capabilities.send") && words.contains("4.05 Method Not Allowed"),
        "{words}"
    );
    assert_eq!(of_claims(&report), Verdict::Warning);
}

#[test]
fn who_does_what_it_disclaims_under_claims() {
    let folders = ["lwm2m/server/newer", "lwm2m/management/registers"];
    let report = broken("any-version", &folders);
    assert_eq!(contradictions(&report), [("version-1.2", "under-claimed")]);
    assert_eq!(of_claims(&report), Verdict::Warning);
}

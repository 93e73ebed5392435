//! A gateway that runs elsewhere keeps what it knows from one scenario to the next: that fails none that is right,
//! and hides none that is wrong.
#![cfg(target_os = "linux")]
#![expect(
    clippy::print_stdout,
    reason = "the runner of scenarios owns the panic hook: what an assertion looks at is printed before"
)]

mod common;
#[path = "common/threads.rs"]
mod threads;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::judged_twice;
use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, network, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::Report;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::profile::{Declared, Gwmo};
use twinproof_proof::gwmo::GatewaySystem;
use twinproof_proof::serve::ServedGwmo;
use twinproof_reference::mutants;
use twinproof_stage::{Kind, Network};

/// What is left by it matters to the others.
const BEFORE: &str = "gwmo/inventory/summary";

/// What these scenarios say of a gateway that is served with this profile, in a run each; and what the ledgers of
/// all have.
fn judged(
    system: &GatewaySystem,
    runs: &[&[&str]],
    otherwise: impl Fn(&mut Gwmo),
) -> Vec<(Report, String)> {
    runtime(2).block_on(async {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let served = ServedGwmo::start_as(system, (any, any, any), 7).await;
        let served = served.unwrap();
        let mut declared = served.profile().clone();
        declared.profile.pace.settle = "300ms".parse().unwrap();
        let section = declared.profile.gwmo.as_mut().unwrap();
        section.patience = "8s".parse().unwrap();
        otherwise(section);
        let catalogue = Catalogue::load(&FEATURES).unwrap();
        let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
        let suite = Arc::new(suite);
        let mut reports = Vec::new();
        for only in runs {
            let ledger = Ledger::in_memory();
            let kind = Kind::Live(free(&declared).await);
            let target = Target::External(Arc::new(declared.clone()));
            let mut run = Run::new(target, kind, Arc::clone(&suite), ledger.clone());
            run.selected
                .retain(|id| only.iter().any(|wanted| id.starts_with(wanted)));
            tokio::select! {
                _ = perform(&run) => {}
                never = served.attend() => match never {},
            }
            let record = ledger.read_back().unwrap();
            let text = serde_json::to_string(&record.records).unwrap();
            reports.push((judged_twice(&record), text));
        }
        reports
    })
}

/// The network of a profile, as soon as the run before has left its addresses.
async fn free(declared: &Declared) -> Network {
    let begun = Instant::now();
    loop {
        match network(&declared.profile) {
            Ok(network) => return network,
            Err(why) => assert!(begun.elapsed() < Duration::from_secs(10), "{why}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn of(report: &Report, verdict: Verdict) -> Vec<String> {
    let scenarios = report.scenarios.iter();
    let scenarios = scenarios.filter(|scenario| scenario.verdict == verdict);
    let words = scenarios.map(|scenario| format!("{}: {}", scenario.id, scenario.reason));
    let words: Vec<String> = words.collect();
    println!("{verdict:?}: {words:#?}");
    words
}

/// Neither does a second run, which knows no nonce of the first.
#[test]
fn a_gateway_that_is_set_back_passes_whatever_was_before() {
    let runs: [&[&str]; 2] = [
        &["gwmo/inventory/", "gwmo/modes/relayed", "gwmo/groups/"],
        &["gwmo/modes/relayed", BEFORE],
    ];
    for (report, ledger) in judged(&GatewaySystem::standard().with_many(30), &runs, |_| {}) {
        let passed = of(&report, Verdict::Pass).len();
        assert_eq!(passed, report.scenarios.len(), "{:?}", report.scenarios);
        for secret in ["password-of-hidden", "password-for-hidden"] {
            assert!(!ledger.contains(secret), "{secret} is in the ledger");
        }
    }
}

/// Of what it knows already, it is not new: that is inconclusive, and nothing fails.
#[test]
fn a_gateway_that_nobody_sets_back_fails_for_nothing_that_was_left() {
    let all: &[&str] = &[
        "gwmo/inventory/",
        "gwmo/groups/",
        "gwmo/images/",
        "gwmo/security/",
    ];
    let served = judged(
        &GatewaySystem::standard().with_many(30),
        &[all, all],
        |section| {
            section.reset = None;
        },
    );
    for (report, _) in &served {
        assert_eq!(of(report, Verdict::Fail), [""; 0]);
        assert_eq!(of(report, Verdict::Error), [""; 0]);
        let unclear = of(report, Verdict::Inconclusive);
        // On a machine with too much to do a gateway does not come to an end either, and that is no verdict on it.
        let late = "did not come to an end within";
        let other = |words: &&String| !words.contains("gwmo.reset") && !words.contains(late);
        assert_eq!(unclear.iter().find(other), None);
        assert!(
            of(report, Verdict::Pass).len() > unclear.len(),
            "{unclear:?}"
        );
    }
}

#[test]
fn a_broken_gateway_fails_elsewhere_too() {
    for name in [
        "gateway-forgets-settings",
        "gateway-believes-what-is-shown",
        "gateway-records-nobody",
    ] {
        let mutant = mutants::gateway()
            .find(|mutant| mutant.name == name)
            .unwrap();
        let (scenario, _) = mutant.caught_by[0];
        let system = GatewaySystem::new((mutant.rules)());
        let served = judged(&system, &[&[BEFORE, scenario]], |_| {});
        let failed = of(&served[0].0, Verdict::Fail);
        assert!(
            failed.iter().any(|words| words.starts_with(scenario)),
            "{name}: {failed:?}"
        );
    }
}

//! All LwM2M scenarios against the built-in server, on both stages.

use std::sync::Arc;
use std::time::Duration;

use twinproof_conformance::suite::Suite;
use twinproof_conformance::{BuiltIn as _, Run, Target, network, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::{Report, Tool};
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::profile::Declared;
use twinproof_judge::{FEATURES, judge};
use twinproof_kernel::Seed;
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::server::rules::Standard;
use twinproof_proof::whole::WholeSystem;
use twinproof_reference::lwm2m::set_up;
use twinproof_reference::variants::lwm2m::Shape;
use twinproof_stage::{Kind, Network, Pace, Recorder, Stage};

fn run(kind: Kind) -> Report {
    judged(
        Target::BuiltIn(Arc::new(WholeSystem::new())),
        kind,
        "lwm2m/",
    )
}

/// Runs the scenarios below a folder and judges the record.
fn judged(target: Target, kind: Kind, folder: &str) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let mut run = Run {
        seed: 7,
        jobs: 8,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    run.selected.retain(|id| id.starts_with(folder));
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

/// The built-in server on a stage of its own, as one that runs elsewhere, and a profile of it.
async fn elsewhere() -> (Stage, Declared) {
    let timeout = Duration::from_secs(30);
    let recorder = Recorder::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
        Vec::new()
    });
    let pace = Pace {
        timeout,
        settle: Duration::from_millis(300),
    };
    let kind = Kind::Live(Network::new(timeout).unwrap());
    let mut stage = Stage::open(kind, recorder, pace);
    let at = stage.bind("server").await.unwrap();
    let shared = Arc::new(set_up(&Shape::default(), Arc::new(Standard)));
    stage.host_role("server", move || {
        (Server::new(at, Seed::new(5)), Arc::clone(&shared))
    });
    let text = format!(
        "[sut]\nname = \"s\"\nrole = \"lwm2m-server\"\n[pace]\nsettle = \"300ms\"\n\
         [lwm2m]\nserver = \"coap://localhost:{}\"\n",
        at.port()
    );
    (stage, Declared::parse(&text).unwrap())
}

#[test]
fn a_server_that_runs_elsewhere_is_judged_by_its_address() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (_stage, declared) = runtime.block_on(elsewhere());
    let kind = || Kind::Live(network(&declared.profile).unwrap());
    let target = Target::External(Arc::new(declared.clone()));
    all_pass(&judged(target.clone(), kind(), "lwm2m/server/"));
    // Nobody makes it act, and the report names who is missing.
    let report = judged(target, kind(), "lwm2m/management/read-a-resource");
    let scenario = &report.scenarios[0];
    assert_eq!(scenario.verdict, Verdict::Inconclusive);
    assert!(
        scenario.reason.contains("lwm2m.upper_tester"),
        "{}",
        scenario.reason
    );
}

#[test]
fn where_nobody_listens_there_is_no_contact() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "[sut]\nname = \"s\"\nrole = \"lwm2m-server\"\n[lwm2m]\nserver = \"coap://{}\"\n",
        free.local_addr().unwrap()
    );
    let declared = Declared::parse(&text).unwrap();
    let stop = "lwm2m/server/registration-answered";
    // Silence lasts as long as the protocol repeats itself: on the virtual stage, no time at all.
    let report = judged(Target::External(Arc::new(declared)), Kind::Virtual, stop);
    let scenario = &report.scenarios[0];
    assert_eq!(
        scenario.verdict,
        Verdict::Inconclusive,
        "{}",
        scenario.reason
    );
    assert!(!report.summary.contact);
    let words = report.summary.no_contact.unwrap();
    assert!(
        words.contains("got no answer") && words.contains("POST /rd"),
        "{words}"
    );
}

//! All LwM2M scenarios against the built-in server, on both stages.

mod common;
#[path = "common/threads.rs"]
mod threads;

use std::sync::Arc;
use std::time::Duration;

use common::judged_twice;
use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{BuiltIn, Run, Target, network, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::{Report, Scenario};
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::profile::Declared;
use twinproof_kernel::Seed;
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::server::rules::Standard;
use twinproof_lwm2m::{bootstrap, device};
use twinproof_proof::bootstrap::Lwm2mBootstrap;
use twinproof_proof::lwm2m::{Lwm2mClient, Lwm2mSystem};
use twinproof_proof::whole::WholeSystem;
use twinproof_reference::lwm2m::set_up;
use twinproof_reference::mutants;
use twinproof_reference::variants::lwm2m::Shape;
use twinproof_stage::{Kind, Network, Pace, Recorder, Stage};

/// The tag of what the built-in system is too new for.
const OLDER: &str = "if:lwm2m.version=1.0";

fn run(kind: Kind, seed: u64) -> Report {
    let target = Target::BuiltIn(Arc::new(WholeSystem::new()));
    judged_with(seed, target, kind, "lwm2m/")
}

fn judged(target: Target, kind: Kind, folder: &str) -> Report {
    judged_with(7, target, kind, folder)
}

/// Runs the scenarios below a folder and judges the record.
fn judged_with(seed: u64, target: Target, kind: Kind, folder: &str) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let mut run = Run {
        seed,
        jobs: 8,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    run.selected.retain(|id| id.starts_with(folder));
    assert!(!run.selected.is_empty());
    runtime(1).block_on(perform(&run));
    judged_twice(&ledger.read_back().unwrap())
}

fn all_pass(report: &Report) {
    for scenario in &report.scenarios {
        let id = &scenario.id;
        let is = |wanted: &str| scenario.tags.iter().any(|tag| tag == wanted);
        if is(OLDER) {
            assert_eq!(scenario.verdict, Verdict::NotApplicable, "{id}");
            continue;
        }
        let expected = match is("inspect") {
            true => Verdict::Inspect,
            false => Verdict::Pass,
        };
        assert_eq!(scenario.verdict, expected, "{id}: {}", scenario.reason);
        assert!(!scenario.exchanges.is_empty(), "{id}");
        // What is told of a secured place is worth nothing of a plain one.
        assert!(!is("secured") || is_sealed(scenario), "{id}");
    }
    assert!(report.summary.contact);
}

#[test]
fn the_built_in_server_passes_every_scenario() {
    let report = run(Kind::Virtual, 7);
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
    all_pass(&run(Kind::Live(network(&profile).unwrap()), 7));
}

/// As many devices as the largest scenario has.
const DEVICES: usize = 51;

/// The scenario had a session, and who reads the report sees it.
fn is_sealed(scenario: &Scenario) -> bool {
    let mut lines = scenario.exchanges.iter();
    lines.any(|one| one.line.starts_with("DTLS: a session"))
}

fn all_sealed(report: &Report) {
    for scenario in &report.scenarios {
        let judged = scenario.verdict != Verdict::NotApplicable;
        assert!(!judged || is_sealed(scenario), "{}", scenario.id);
    }
}

/// On both stages.
fn passes_over_dtls(system: &dyn Fn() -> Arc<dyn BuiltIn>) {
    let profile = WholeSystem::new().profile().profile.clone();
    for kind in [Kind::Virtual, Kind::Live(network(&profile).unwrap())] {
        let report = judged(Target::BuiltIn(system()), kind, "lwm2m/");
        all_pass(&report);
        all_sealed(&report);
    }
}

#[test]
fn the_built_in_server_passes_every_scenario_over_dtls() {
    passes_over_dtls(&|| Arc::new(Lwm2mSystem::new(Arc::new(Standard)).secured(DEVICES)));
}

#[test]
fn the_built_in_client_passes_every_scenario_over_dtls() {
    passes_over_dtls(&|| Arc::new(Lwm2mClient::new(Arc::new(device::rules::Standard)).secured()));
}

#[test]
fn the_built_in_bootstrap_server_passes_every_scenario_over_dtls() {
    passes_over_dtls(&|| {
        Arc::new(Lwm2mBootstrap::new(Arc::new(bootstrap::rules::Standard)).secured())
    });
}

#[test]
fn ten_broken_servers_are_judged_again_as_they_were() {
    let all = mutants::lwm2m().count();
    // From all parts of the list.
    let ten: Vec<_> = mutants::lwm2m().step_by(all / 10).take(10).collect();
    assert_eq!(ten.len(), 10);
    for mutant in ten {
        let system = Lwm2mSystem::new((mutant.rules)());
        let report = judged(Target::BuiltIn(Arc::new(system)), Kind::Virtual, "lwm2m/");
        let says_no = |verdict| matches!(verdict, Verdict::Fail | Verdict::Warning);
        let noticed = report.scenarios.iter().any(|s| says_no(s.verdict));
        assert!(noticed, "{}", mutant.name);
    }
}

#[test]
fn what_takes_a_bootstrap_does_not_apply_to_clients_that_know_none() {
    let text = "[sut]\nname = \"s\"\nrole = \"lwm2m-client\"\n[lwm2m]\nversion = \"1.1\"\n\
                [lwm2m.client]\npatience = \"1s\"\n";
    let target = Target::External(Arc::new(Declared::parse(text).unwrap()));
    let report = judged(target, Kind::Virtual, "lwm2m/client-bootstrap/");
    let takes = "if:lwm2m.client.bootstraps";
    for scenario in &report.scenarios {
        let expected = match scenario.tags.iter().any(|tag| tag == takes) {
            true => Verdict::NotApplicable,
            false => Verdict::Inconclusive,
        };
        let (id, reason) = (&scenario.id, &scenario.reason);
        assert_eq!(scenario.verdict, expected, "{id}: {reason}");
    }
}

#[test]
fn ten_seeds_change_no_verdict() {
    let usual = run(Kind::Virtual, 7);
    let verdicts = |report: &Report| -> Vec<(String, Verdict)> {
        let scenarios = report.scenarios.iter();
        scenarios.map(|s| (s.id.clone(), s.verdict)).collect()
    };
    for seed in 100..110 {
        let other = run(Kind::Virtual, seed);
        assert_eq!(verdicts(&other), verdicts(&usual), "seed {seed}");
    }
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
    let runtime = runtime(2);
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

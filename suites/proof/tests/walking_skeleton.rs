//! One requirement through every room, on both stages; and one datagram the same way.

#[path = "common/threads.rs"]
mod threads;

use std::sync::Arc;
use std::time::Duration;

use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::{self, Ledger};
use twinproof_evidence::record::What;
use twinproof_evidence::report::{Report, Tool};
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};
use twinproof_kernel::Seed;
use twinproof_lwm2m::device::{self, Device};
use twinproof_lwm2m::server::{self, Server};
use twinproof_lwm2m::wire::Version;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_reference::mutants::{self, Mutant};
use twinproof_stage::{Kind, Network, Pace, Recorder, Seat, Stage};
use twinproof_twinning::enabler::rules::{Rules, Standard};

const SCENARIO: &str = "twinning/enabler/code-works-once";

fn run_on(kind: Kind, rules: Arc<dyn Rules>, ledger: Ledger) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Arc::new(Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}")));
    let target = Target::BuiltIn(Arc::new(TwinningSystem::new(rules)));
    let run = Run {
        suite_sha256: FEATURES.sha256(),
        selected: vec![SCENARIO.to_owned()],
        filtered: true,
        seed: 7,
        ..Run::new(target, kind, suite, ledger.clone())
    };
    runtime(1).block_on(perform(&run));
    judge(&ledger.read_back().unwrap(), &catalogue, tool()).unwrap()
}

fn tool() -> Tool {
    Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    }
}

fn live() -> Kind {
    Kind::Live(Network::new(Duration::from_secs(5)).unwrap())
}

fn verdict(report: &Report) -> Verdict {
    report
        .requirements
        .iter()
        .find(|r| r.id == "HLF-TE-005")
        .unwrap()
        .verdict
}

#[test]
fn the_clean_system_passes_on_both_stages() {
    for kind in [Kind::Virtual, live()] {
        let report = run_on(kind, Arc::new(Standard), Ledger::in_memory());
        assert_eq!(verdict(&report), Verdict::Pass, "{:#?}", report.scenarios);
        assert_eq!(report.scenarios[0].findings.len(), 3);
    }
}

fn code_reusable() -> &'static Mutant {
    mutants::twinning()
        .find(|mutant| mutant.name == "code-reusable")
        .unwrap()
}

#[test]
fn the_mutant_fails_for_its_reason_on_both_stages() {
    let mutant = code_reusable();
    for kind in [Kind::Virtual, live()] {
        let report = run_on(kind, (mutant.rules)(), Ledger::in_memory());
        assert_eq!(verdict(&report), Verdict::Fail, "{}", mutant.name);
        let here = mutant
            .caught_by
            .iter()
            .filter(|(scenario, _)| *scenario == SCENARIO);
        for (scenario, check) in here {
            let scenario = report.scenarios.iter().find(|s| s.id == *scenario).unwrap();
            let finding = scenario
                .findings
                .iter()
                .find(|f| f.check == *check)
                .unwrap();
            assert_eq!(
                finding.verdict,
                Verdict::Fail,
                "{} {check}: {finding:#?}",
                mutant.name
            );
        }
    }
}

#[test]
fn a_ledger_judged_again_says_the_same_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(ledger::FILE_NAME);
    for rules in [
        Arc::new(Standard) as Arc<dyn Rules>,
        (code_reusable().rules)(),
    ] {
        let report = run_on(Kind::Virtual, rules, Ledger::create(&path).unwrap());
        let again = judge(
            &ledger::read(&path).unwrap(),
            &Catalogue::load(&FEATURES).unwrap(),
            tool(),
        )
        .unwrap();
        let text = |report: &Report| serde_json::to_string_pretty(report).unwrap();
        assert_eq!(text(&report), text(&again));
    }
}

#[test]
fn no_secret_reaches_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(ledger::FILE_NAME);
    run_on(
        Kind::Virtual,
        Arc::new(Standard),
        Ledger::create(&path).unwrap(),
    );
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("‹code#1›") && text.contains("Bearer ‹token#1›"),
        "{text}"
    );
    assert!(!text.contains("built-in-token"), "{text}");
}

#[test]
fn a_registration_takes_the_same_way() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for kind in [Kind::Virtual, live()] {
        let ledger = Ledger::in_memory();
        let recorder = Recorder::new(ledger.clone(), None, Secrets::default(), |_, _| Vec::new());
        let pace = Pace {
            timeout: Duration::from_secs(5),
            settle: Duration::from_secs(1),
        };
        let answer = runtime.block_on(async {
            let mut stage = Stage::open(kind, recorder, pace);
            let server = stage.bind("sut").await.unwrap();
            let set_up = Arc::new(server::Shared::new(Version::V1_0));
            let seat = move || Seat::new(Server::new(server, Seed::new(7)), Arc::clone(&set_up));
            stage.host("sut", Box::new(seat));
            let at = stage.bind("device").await.unwrap();
            let shared = device::Shared::new(Version::V1_0, 60, &[server]);
            let role = Device::new("urn:dev:1", at, Seed::new(7));
            let device = stage.enter("device", role, Arc::new(shared));
            stage
                .act(
                    &device,
                    device::Order::Register(device::Register::default()),
                )
                .await
                .unwrap()
                .answer
        });
        let response = answer.response().unwrap();
        assert_eq!(response.location.len(), 2, "{answer:?}");
        let events = ledger.read_back().unwrap();
        let datagrams: Vec<_> = events
            .records
            .iter()
            .filter_map(|record| match &record.what {
                What::Datagram { from, to, .. } => Some((from.as_str(), to.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(datagrams, [("device", "sut"), ("sut", "device")]);
    }
}

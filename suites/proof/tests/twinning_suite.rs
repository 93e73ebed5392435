//! All Twinning scenarios against the built-in system.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::{Report, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};
use twinproof_proof::builtin::TwinningSystem;
use twinproof_stage::{Kind, Network};
use twinproof_twinning::enabler::rules::Standard;

/// Scenarios that the built-in system meets with a warning, and why it does.
const WARNED: &[(&str, &str)] = &[];

fn run(kind: Kind, jobs: usize) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let selected = suite
        .entries()
        .iter()
        .filter(|entry| entry.enabler == "twinning")
        .map(|entry| entry.id.clone())
        .collect();
    let target = Target::BuiltIn(Arc::new(TwinningSystem::new(Arc::new(Standard))));
    let ledger = Ledger::in_memory();
    let run = Run {
        suite_sha256: FEATURES.sha256(),
        selected,
        seed: 7,
        jobs,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
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

#[test]
fn the_built_in_system_passes_every_scenario() {
    all_pass(&run(Kind::Virtual, 4));
}

#[test]
fn the_built_in_system_passes_every_scenario_over_http() {
    let network = Network::new(Duration::from_secs(5)).unwrap();
    all_pass(&run(Kind::Live(network), 16));
}

fn all_pass(report: &Report) {
    let mut odd = String::new();
    for scenario in &report.scenarios {
        let by_design = WARNED.iter().any(|(id, _)| *id == scenario.id);
        let wanted = if by_design {
            Verdict::Warning
        } else if scenario.tags.iter().any(|tag| tag == "inspect") {
            Verdict::Inspect
        } else {
            Verdict::Pass
        };
        if scenario.verdict != wanted {
            let (id, verdict, reason) = (&scenario.id, scenario.verdict, &scenario.reason);
            let _ = writeln!(odd, "{verdict:?} {id}\n    {reason}");
            for finding in scenario
                .findings
                .iter()
                .filter(|f| f.verdict != Verdict::Pass)
            {
                let _ = writeln!(
                    odd,
                    "    {} at {:?}: expected {}; got {}",
                    finding.check,
                    scenario.steps.get(finding.step).map(|step| &step.text),
                    finding.expected,
                    finding.got
                );
            }
        }
    }
    assert!(odd.is_empty(), "\n{odd}");
    assert!(!report.scenarios.is_empty());
}

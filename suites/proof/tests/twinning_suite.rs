//! All Twinning scenarios against the built-in system, and again without it.

mod common;
#[path = "common/threads.rs"]
mod threads;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use common::judged_twice;
use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::{Events, Ledger};
use twinproof_evidence::record::What;
use twinproof_evidence::report::Report;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_reference::mutants;
use twinproof_stage::{Kind, Network};
use twinproof_twinning::enabler::rules::Standard;

/// Scenarios that the built-in system meets with a warning, and why it does.
const WARNED: &[(&str, &str)] = &[];

/// What those steps have in their words that bring something about and leave no trace on record.
const TRACELESS: &[(&str, &str)] = &[
    (
        "another operator that is a partner",
        "it speaks when it is spoken to",
    ),
    ("device that speaks ", "it shows with its first request"),
    (
        "enough time passes for news to arrive",
        "what arrives is on record, and that nothing does is what is judged",
    ),
    (
        "of the primary device's newer wish has passed",
        "times stand in the record by themselves",
    ),
    (
        "tries whatever code",
        "a request that was refused gives no code to try",
    ),
];

/// The Given and When steps that left nothing on record and are not known to do so.
fn idle(events: &Events) -> BTreeSet<String> {
    let mut under_way = BTreeMap::new();
    let mut idle = BTreeSet::new();
    let mut described = BTreeMap::new();
    for record in &events.records {
        let Some(scene) = &record.scene else { continue };
        match &record.what {
            What::SceneStarted(started) => {
                described.insert(scene.clone(), started.clone());
            }
            What::StepStarted { step } => {
                under_way.insert(scene.clone(), *step);
            }
            What::StepEnded { step } if under_way.remove(scene) == Some(*step) => {
                let step = &described[scene].steps[*step];
                if step.kind != "Then" {
                    idle.insert(step.text.clone());
                }
            }
            // Anything at all.
            _ => {
                under_way.remove(scene);
            }
        }
    }
    idle.retain(|text| TRACELESS.iter().all(|(words, _)| !text.contains(words)));
    idle
}

/// Runs all scenarios, judges the record, and sees to it that an archived copy of it says the same.
fn run(kind: Kind, jobs: usize, system: TwinningSystem) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let selected = suite
        .entries()
        .iter()
        .filter(|entry| entry.enabler == "twinning")
        .map(|entry| entry.id.clone())
        .collect();
    let target = Target::BuiltIn(Arc::new(system));
    let ledger = Ledger::in_memory();
    let run = Run {
        suite_sha256: FEATURES.sha256(),
        selected,
        seed: 7,
        jobs,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    runtime(1).block_on(perform(&run));
    let events = ledger.read_back().unwrap();
    assert_eq!(idle(&events), BTreeSet::new(), "these steps did nothing");
    judged_twice(&events)
}

fn clean() -> TwinningSystem {
    TwinningSystem::new(Arc::new(Standard))
}

#[test]
fn the_built_in_system_passes_every_scenario() {
    all_pass(&run(Kind::Virtual, 4, clean()));
}

#[test]
fn the_built_in_system_passes_every_scenario_over_http() {
    let network = Network::new(Duration::from_secs(5)).unwrap();
    all_pass(&run(Kind::Live(network), 16, clean()));
}

#[test]
fn ten_broken_systems_are_judged_again_as_they_were() {
    let all = mutants::twinning().count();
    // From all parts of the list.
    let ten: Vec<_> = mutants::twinning().step_by(all / 10).take(10).collect();
    assert_eq!(ten.len(), 10);
    for mutant in ten {
        let report = run(Kind::Virtual, 8, TwinningSystem::new((mutant.rules)()));
        let says_no = |verdict| matches!(verdict, Verdict::Fail | Verdict::Warning);
        let noticed = report.scenarios.iter().any(|s| says_no(s.verdict));
        assert!(noticed, "{}", mutant.name);
    }
}

/// What the built-in system does not offer.
const NOT_OFFERED: [&str; 1] = ["twinning/common/client-with-websocket"];

fn all_pass(report: &Report) {
    let mut odd = String::new();
    for scenario in &report.scenarios {
        let by_design = WARNED.iter().any(|(id, _)| *id == scenario.id);
        let wanted = if by_design {
            Verdict::Warning
        } else if NOT_OFFERED.contains(&scenario.id.as_str()) {
            Verdict::NotApplicable
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

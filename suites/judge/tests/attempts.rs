//! Several attempts at one scenario become one verdict.

use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::{Body, Halt, Record, RunStarted, Scene, SceneStarted, What};
use twinproof_evidence::report::{Report, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};

const ID: &str = "twinning/enabler/code-works-once";

fn run_started() -> What {
    What::RunStarted(Box::new(RunStarted {
        schema_version: 1,
        tool: ("twinproof".to_owned(), "test".to_owned()),
        suite_sha256: String::new(),
        profile: serde_json::json!({ "sut": { "name": "s", "role": "twinning-enabler" } }),
        profile_sha256: String::new(),
        declared: Vec::new(),
        seed: 7,
        stage: "virtual".to_owned(),
        started: String::new(),
        enablers: vec!["twinning".to_owned()],
        filtered: true,
        repeat: 1,
        judged_by: std::collections::BTreeMap::new(),
        selected: vec![ID.to_owned()],
        plan: std::collections::BTreeMap::new(),
        baseline: None,
        again: "twinproof run --sut my.toml".to_owned(),
        retold: None,
    }))
}

fn attempt(number: u32, retry: bool, halt: Halt) -> Vec<Record> {
    let started = SceneStarted {
        feature: "twinning/enabler.feature".to_owned(),
        line: 5,
        title: "An activation code works once".to_owned(),
        tags: Vec::new(),
        requirements: vec!["HLF-TE-005".to_owned()],
        steps: Vec::new(),
        retry,
    };
    [
        What::SceneStarted(started),
        What::Halted { reason: halt },
        What::SceneEnded,
    ]
    .into_iter()
    .map(|what| Record {
        at: u64::from(number),
        scene: Some(Scene {
            scenario: ID.to_owned(),
            attempt: number,
        }),
        what,
    })
    .collect()
}

fn judged(attempts: &[(bool, Halt)], interrupted: bool) -> Report {
    let attempts = (1..).zip(attempts);
    let records =
        attempts.flat_map(|(number, (retry, halt))| attempt(number, *retry, halt.clone()));
    judged_records(records, interrupted)
}

fn judged_records(attempts: impl Iterator<Item = Record>, interrupted: bool) -> Report {
    let alone = |what| Record {
        at: 0,
        scene: None,
        what,
    };
    let mut records = vec![alone(run_started())];
    records.extend(attempts);
    records.push(alone(What::RunEnded { interrupted }));
    let tool = Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    };
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    judge(&Events { records, cut: None }, &catalogue, tool).unwrap()
}

fn broken() -> Halt {
    Halt::Transport {
        why: "cable".to_owned(),
    }
}

fn open() -> Halt {
    Halt::Inconclusive {
        why: "no hook".to_owned(),
    }
}

fn ours() -> Halt {
    Halt::Error {
        why: "bug".to_owned(),
    }
}

#[test]
fn the_attempt_in_place_of_a_broken_one_counts_alone() {
    let report = judged(
        &[(false, broken()), (true, broken()), (true, ours())],
        false,
    );
    let scenario = &report.scenarios[0];
    assert_eq!(
        (scenario.verdict, scenario.attempts),
        (Verdict::Error, 3),
        "{}",
        scenario.reason
    );
    assert!(!scenario.reason.contains("flaky"), "{}", scenario.reason);
    let counts: Vec<_> = scenario.tried.iter().map(|t| t.counts).collect();
    assert_eq!(counts, [false, false, true]);
    assert!(
        scenario.tried[0].reason.contains("cable"),
        "{:?}",
        scenario.tried
    );
}

#[test]
fn a_failure_that_the_transport_broke_off_is_not_tried_away() {
    let answered = |status| {
        let headers = Vec::new();
        let check = serde_json::json!({ "twinning": {
            "theme": "answer", "check": "accepted", "exchange": 1,
        } });
        vec![
            What::Request {
                exchange: 1,
                from: "primary".to_owned(),
                to: "sut".to_owned(),
                method: "GET".to_owned(),
                url: "http://s.example/".to_owned(),
                headers: Vec::new(),
                body: Body::default(),
            },
            What::Response {
                exchange: 1,
                status,
                headers,
                body: Body::default(),
            },
            What::Checked { check },
        ]
    };
    for (status, verdict, counts) in [
        (403, Verdict::Fail, [true, true]),
        (200, Verdict::Inconclusive, [false, true]),
    ] {
        let mut first = attempt(1, false, broken());
        let scene = first[0].scene.clone();
        let before = answered(status).into_iter().map(|what| Record {
            at: 1,
            scene: scene.clone(),
            what,
        });
        first.splice(1..1, before);
        let report = judged_records(first.into_iter().chain(attempt(2, true, open())), false);
        let scenario = &report.scenarios[0];
        assert_eq!(scenario.verdict, verdict, "{}", scenario.reason);
        let counted: Vec<_> = scenario.tried.iter().map(|t| t.counts).collect();
        assert_eq!(counted, counts);
    }
}

#[test]
fn repeats_that_differ_are_called_flaky_and_the_gravest_decides() {
    let report = judged(&[(false, open()), (false, ours()), (false, open())], false);
    let scenario = &report.scenarios[0];
    assert_eq!(scenario.verdict, Verdict::Error);
    assert!(
        scenario
            .reason
            .starts_with("flaky over 3 attempts (1 error, 2 inconclusive): bug"),
        "{}",
        scenario.reason
    );
}

#[test]
fn a_repeat_does_not_wipe_out_a_broken_attempt() {
    let report = judged(&[(false, broken()), (false, open())], false);
    assert!(report.scenarios[0].tried.iter().all(|t| t.counts));
}

#[test]
fn one_attempt_is_no_history() {
    let report = judged(&[(false, open())], false);
    let scenario = &report.scenarios[0];
    assert!(scenario.tried.is_empty());
    assert_eq!(
        scenario.again,
        format!("twinproof run --sut my.toml --scenario {ID} --seed 7")
    );
    assert_eq!(report.summary.cut, None);
}

#[test]
fn a_stopped_run_is_incomplete() {
    let report = judged(&[(false, open())], true);
    assert_eq!(
        report.summary.cut.as_deref(),
        Some("the run was stopped before its end")
    );
}

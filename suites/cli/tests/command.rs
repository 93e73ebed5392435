//! What a run does, leaves, and ends with.

mod common;

use std::fs;

use common::{own, report, scrubbed, twinproof, wrong_features};
use serde_json::Value;

#[test]
fn the_built_in_system_is_judged_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let ran = own(dir.path(), &["run", "--stage", "virtual"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    insta::assert_snapshot!("run", scrubbed(&ran));
    let report = report(&dir.path().join("twinproof-report"));
    for (pointer, expected) in [
        ("/schema_version", Value::from(1)),
        ("/tool/name", "twinproof".into()),
        ("/seed", 7.into()),
        ("/started", "1970-01-01T00:00:00Z".into()),
        ("/summary/requirements/pass", 1.into()),
        ("/summary/scenarios/pass", 1.into()),
        ("/summary/scenarios/total", 1.into()),
        ("/scenarios/0/id", "twinning/own/code-works-once".into()),
        ("/scenarios/0/feature", "twinning/own.feature".into()),
        ("/scenarios/0/requirements/0", "HLF-TE-005".into()),
        ("/scenarios/0/verdict", "pass".into()),
    ] {
        assert_eq!(report.pointer(pointer), Some(&expected), "{pointer}");
    }
    for pointer in [
        "/tool/version",
        "/sut/name",
        "/sut/version",
        "/sut/profile_sha256",
        "/suite_sha256",
        "/duration_ms",
        "/scenarios/0/reason",
        "/scenarios/0/findings/0/basis",
        "/scenarios/0/exchanges/0/line",
    ] {
        assert!(report.pointer(pointer).is_some(), "{pointer}");
    }
    for count in [
        "total",
        "pass",
        "fail",
        "warning",
        "inconclusive",
        "not_applicable",
        "inspect",
        "untested",
        "error",
    ] {
        assert!(report["summary"]["requirements"][count].is_u64(), "{count}");
    }
    let requirements = report["requirements"].as_array().unwrap();
    assert_eq!(
        report["summary"]["requirements"]["total"],
        requirements.len()
    );
    for field in [
        "id",
        "document",
        "level",
        "status",
        "verdict",
        "reason",
        "basis",
        "scenarios",
    ] {
        assert!(
            requirements.iter().all(|r| r.get(field).is_some()),
            "{field}"
        );
    }
    let matrix = own(dir.path(), &["matrix", "--requirement", "HLF-TE-005"]);
    insta::assert_snapshot!("matrix", scrubbed(&matrix));
}

#[test]
fn one_seed_gives_one_report_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let text = |to: &str, jobs: &str| {
        let run = [
            "run", "--stage", "virtual", "--seed", "3", "--report", to, "--jobs", jobs,
        ];
        let ran = twinproof(dir.path(), &run);
        assert!(matches!(ran.code, Some(0 | 1 | 3)), "{}", ran.stderr);
        fs::read_to_string(dir.path().join(to).join("report.json")).unwrap()
    };
    let first = text("a", "8");
    assert!(first == text("b", "8"), "two runs differ");
    assert!(first == text("c", "1"), "the number of jobs shows");
}

#[test]
fn live_and_virtual_agree() {
    let dir = tempfile::tempdir().unwrap();
    for stage in ["live", "virtual"] {
        assert_eq!(
            own(dir.path(), &["run", "--stage", stage, "--report", stage]).code,
            Some(0)
        );
    }
    let verdicts = |stage: &str| {
        let report = report(&dir.path().join(stage));
        (
            report["summary"]["requirements"].clone(),
            report["scenarios"][0]["findings"].clone(),
        )
    };
    let (live, live_findings) = verdicts("live");
    let (virt, virtual_findings) = verdicts("virtual");
    assert_eq!(live, virt);
    assert_eq!(
        live_findings.as_array().unwrap().len(),
        virtual_findings.as_array().unwrap().len()
    );
    assert_ne!(report(&dir.path().join("live"))["duration_ms"], 0);
}

#[test]
fn repeats_are_all_told() {
    let dir = tempfile::tempdir().unwrap();
    let ran = own(dir.path(), &["run", "--stage", "virtual", "--repeat", "3"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let report = report(&dir.path().join("twinproof-report"));
    assert_eq!(report["scenarios"][0]["attempts"], 3);
    assert_eq!(report["scenarios"][0]["tried"].as_array().unwrap().len(), 3);
    // Each time is a step of the progress, and all three are what there is to do.
    assert_eq!(ran.stderr, "twinning 1/3\ntwinning 2/3\ntwinning 3/3\n");
    assert!(
        ran.stdout.contains("1 scenario, 3 times each"),
        "{}",
        ran.stdout
    );
}

#[test]
fn quiet_says_the_answer_and_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let ran = own(dir.path(), &["run", "--stage", "virtual", "--quiet"]);
    assert_eq!(ran.stderr, "");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(
        lines[0].starts_with("Conforms as far as it was judged: "),
        "{}",
        ran.stdout
    );
    assert_eq!(lines.last(), Some(&"report: twinproof-report/report.html"));
    assert!(!ran.stdout.contains("HLF-TE-005"), "{}", ran.stdout);
    assert!(dir.path().join("twinproof-report/report.html").is_file());

    wrong_features(dir.path());
    let run = [
        "run",
        "--stage",
        "virtual",
        "--quiet",
        "--features",
        "wrong",
    ];
    let ran = twinproof(dir.path(), &run);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("Does not conform: "),
        "{}",
        ran.stdout
    );
    let troubles = ran
        .stdout
        .lines()
        .filter(|l| l.contains("  fail   "))
        .count();
    assert_eq!(troubles, 1, "{}", ran.stdout);
}

#[test]
fn a_failure_ends_a_hasty_run() {
    let dir = tempfile::tempdir().unwrap();
    wrong_features(dir.path());
    let run = [
        "run",
        "--stage",
        "virtual",
        "--jobs",
        "1",
        "--features",
        "wrong",
    ];
    assert_eq!(twinproof(dir.path(), &run).code, Some(1));
    let attempts = || {
        let report = report(&dir.path().join("twinproof-report"));
        let scenarios = report["scenarios"].as_array().unwrap();
        scenarios
            .iter()
            .map(|s| (s["id"].clone(), s["attempts"].clone()))
            .map(|(id, n)| format!("{} {n}", id.as_str().unwrap().rsplit('/').next().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(attempts(), ["first 1", "second 1", "third 1"]);
    let hasty = twinproof(dir.path(), &[&run[..], &["--fail-fast"]].concat());
    assert_eq!(hasty.code, Some(1), "{}", hasty.stderr);
    // A pass stops nothing, a failure does.
    assert_eq!(attempts(), ["first 1", "second 1", "third 0"]);
}

#[test]
fn a_rerun_takes_what_is_open() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        own(dir.path(), &["run", "--stage", "virtual", "--seed", "9"]).code,
        Some(0)
    );
    let again = [
        "run",
        "--stage",
        "virtual",
        "--rerun",
        "twinproof-report",
        "--report",
        "again",
    ];
    let ran = own(dir.path(), &again);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let path = dir.path().join("twinproof-report/report.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut edited: Value = serde_json::from_str(&text).unwrap();
    edited["scenarios"][0]["verdict"] = "inconclusive".into();
    fs::write(&path, edited.to_string()).unwrap();
    assert_eq!(own(dir.path(), &again).code, Some(0));
    let report = report(&dir.path().join("again"));
    assert_eq!(
        (&report["seed"], &report["summary"]["filtered"]),
        (&9.into(), &true.into())
    );
}

#[test]
fn an_old_report_does_not_outlive_the_run_that_replaces_it() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        own(dir.path(), &["run", "--stage", "virtual"]).code,
        Some(0)
    );
    let reports = dir.path().join("twinproof-report");
    fs::create_dir(reports.join("events.jsonl.d")).unwrap();
    fs::remove_file(reports.join("events.jsonl")).unwrap();
    fs::create_dir(reports.join("events.jsonl")).unwrap();
    let ran = own(dir.path(), &["run", "--stage", "virtual"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("choose another place with --report"),
        "{}",
        ran.stderr
    );
    assert!(!reports.join("report.json").exists());
}

//! What every command does, says, and ends with.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, own_features, report, twinproof, wrong_features};
use serde_json::Value;

fn own(dir: &Path, args: &[&str]) -> Ran {
    let features = own_features();
    let mut all: Vec<&str> = args.to_vec();
    all.extend(["--features", &features]);
    twinproof(dir, &all)
}

fn scrubbed(ran: &Ran) -> String {
    let text = format!(
        "code {}\n--- stdout\n{}--- stderr\n{}",
        ran.code.unwrap_or(-1),
        ran.stdout,
        ran.stderr
    );
    text.replace(&own_features(), "FEATURES")
}

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
fn nothing_selected_is_4_and_says_what_is_near() {
    let dir = tempfile::tempdir().unwrap();
    for (args, says) in [
        (
            &["--scenario", "twinning/own/code-work-once"][..],
            "did you mean twinning/own/code-works-once?",
        ),
        (&["--requirement", "HLF-TE-05"], "did you mean HLF-TE-005?"),
        (&["--tag", "nightly"], "no scenario has the tag nightly"),
        (
            &["--requirement", "HLF-PD-001"],
            "no scenario matches all filters",
        ),
        (&["--enabler", "dm"], "no scenario matches all filters"),
    ] {
        let ran = own(dir.path(), &[&["run", "--stage", "virtual"], args].concat());
        assert_eq!(ran.code, Some(4), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
        assert!(
            !dir.path().join("twinproof-report").exists(),
            "nothing was run"
        );
    }
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
fn what_is_wrong_with_features_is_2() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("mine/twinning");
    fs::create_dir_all(&folder).unwrap();
    let scenario = |tags: &str, step: &str| {
        format!("Feature: mine\n\n  {tags}\n  Scenario: mine\n    Given {step}\n")
    };
    let good = "a secondary device that holds a fresh activation code";
    for (text, says) in [
        (
            scenario("@HLF-TE-005 @id:a", "a unicorn"),
            "mine.feature:5: no step is defined for \"a unicorn\"",
        ),
        (
            scenario("@HLF-XX-999 @id:a", good),
            "@HLF-XX-999 names no requirement",
        ),
        (scenario("@HLF-TE-005", good), "has no @id: tag"),
        ("Feature mine".to_owned(), "mine.feature:"),
        (
            format!(
                "Feature: mine\n\n  Rule: hides\n    @HLF-TE-005 @id:a\n    Scenario: mine\n      Given {good}\n"
            ),
            "the rule \"hides\" would hide its scenarios",
        ),
    ] {
        fs::write(folder.join("mine.feature"), &text).unwrap();
        for command in ["check", "run", "list"] {
            let ran = twinproof(dir.path(), &[command, "--features", "mine"]);
            assert_eq!(ran.code, Some(2), "{command} {text}: {}", ran.stderr);
            assert!(
                ran.stderr.contains(says),
                "{command} {text}: {}",
                ran.stderr
            );
        }
    }
    let ran = twinproof(dir.path(), &["run", "--features", "nowhere"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn a_wrong_profile_is_shown_at_the_spot() {
    let dir = tempfile::tempdir().unwrap();
    let profile = |pace: &str| {
        format!(
            "[sut]\nname = \"s\"\nrole = \"twinning-enabler\"\n\n[pace]\n{pace}\n\n[twinning]\nbase_url = \"http://127.0.0.1:1\"\n"
        )
    };
    for (name, text) in [
        ("unknown key", profile("tiemout = \"5s\"")),
        ("wrong type", profile("timeout = 5")),
        ("bad duration", profile("timeout = \"5 parsecs\"")),
        ("no TOML", profile("timeout =")),
    ] {
        fs::write(dir.path().join("sut.toml"), text).unwrap();
        let ran = twinproof(dir.path(), &["run", "--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(2), "{name}");
        assert!(ran.stderr.contains("sut.toml:6:"), "{name}: {}", ran.stderr);
        insta::assert_snapshot!(name.replace(' ', "_"), scrubbed(&ran));
    }
    let ran = twinproof(dir.path(), &["run", "--sut", "missing.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("missing.toml") && ran.stderr.contains("twinproof init"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_missing_credential_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[sut]\nname = \"s\"\nrole = \"twinning-enabler\"\n[twinning]\nbase_url = \"http://127.0.0.1:1\"\n\
        [[twinning.subscriber]]\naddress = \"tel:+12025550100\"\ntoken_env = \"TOKEN_0100\"\n";
    fs::write(dir.path().join("sut.toml"), text).unwrap();
    let ran = twinproof(dir.path(), &["run", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("$TOKEN_0100") && ran.stderr.contains("tel:+12025550100"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_init_prints_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let ran = twinproof(
        dir.path(),
        &["init", "--base-url", "https://enabler.example/api/"],
    );
    assert_eq!(ran.code, Some(0));
    let (settled, _) = ran.stdout.split_once("# What the public texts").unwrap();
    insta::assert_snapshot!("init", settled);
    fs::write(dir.path().join("sut.toml"), &ran.stdout).unwrap();
    let checked = own(dir.path(), &["check", "--sut", "sut.toml"]);
    // As a run would end: its tokens are not there.
    assert_eq!(checked.code, Some(2), "{}", checked.stderr);
    assert!(
        checked.stdout.contains("subscribers  5 provisioned"),
        "{}",
        checked.stdout
    );
    assert!(
        checked.stdout.contains("$TOKEN_0100 is not set"),
        "{}",
        checked.stdout
    );
    // Every default that it shows is one that is read, under the name that it shows.
    let uncommented: String = ran
        .stdout
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            // A proxy and a name of the server's exclude each other.
            Some(rest) if rest.contains(" = ") && !rest.starts_with("proxy") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(dir.path().join("all.toml"), uncommented).unwrap();
    let checked = own(dir.path(), &["check", "--sut", "all.toml"]);
    assert_eq!(checked.stderr, "", "it is read");
    assert!(
        checked.stdout.contains("subscribers  5"),
        "{}",
        checked.stdout
    );
    assert_eq!(
        twinproof(dir.path(), &["init", "--base-url", "enabler"]).code,
        Some(2)
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

#[test]
fn words_for_people() {
    let dir = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(
        "explain",
        scrubbed(&own(dir.path(), &["explain", "hlf-te-005"]))
    );
    insta::assert_snapshot!(
        "list",
        scrubbed(&own(dir.path(), &["list", "--requirement", "HLF-TE-005"]))
    );
    let checked = own(dir.path(), &["check"]);
    assert!(
        checked
            .stdout
            .starts_with("features     1 scenario in 1 file:"),
        "{}",
        checked.stdout
    );
    insta::assert_snapshot!("help", scrubbed(&twinproof(dir.path(), &["--help"])));
    insta::assert_snapshot!(
        "help_run",
        scrubbed(&twinproof(dir.path(), &["run", "--help"]))
    );
    let unknown = own(dir.path(), &["explain", "HLF-TE-05"]);
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.stderr.contains("did you mean HLF-TE-005?"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn usage_errors_are_2() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["walk"][..],
        &["run", "--repeat", "0"],
        &["run", "--jobs", "0"],
        &["run", "--enabler", "toaster"],
        &["run", "--stage", "virtual", "--sut", "sut.toml"],
        &["schema"],
        &["judge", "nowhere"],
        &[],
    ] {
        assert_eq!(twinproof(dir.path(), args).code, Some(2), "{args:?}");
    }
}

#[test]
fn a_profile_that_makes_no_sense_is_refused_at_its_spot() {
    let dir = tempfile::tempdir().unwrap();
    let profile = |role: &str, base: &str, rest: &str| {
        format!(
            "[sut]\nname = \"x\"\nrole = \"{role}\"\n\n[twinning]\nbase_url = \"{base}\"\n{rest}"
        )
    };
    let (role, base) = ("twinning-enabler", "http://127.0.0.1:1");
    let twice = "[[twinning.subscriber]]\naddress = \"tel:+1\"\n".repeat(2);
    let claim = "[twinning.claims]\n\"HLF-SD-02\" = false\n";
    for (text, said) in [
        (
            profile("enabler", base, ""),
            "sut.toml:3:9: sut.role: unknown role",
        ),
        (
            profile(role, "127.0.0.1:1", ""),
            "sut.toml:6:13: twinning.base_url: expected a URL",
        ),
        (
            profile(role, base, &twice),
            "twinning.subscriber: this address stands twice",
        ),
        (
            profile(role, base, claim),
            "sut.toml:8:2: twinning.claims: the catalogue has no requirement",
        ),
    ] {
        std::fs::write(dir.path().join("sut.toml"), &text).unwrap();
        let ran = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(2), "{text}");
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
}

#[test]
fn schemas_describe_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    for (format, key) in [("report", "summary"), ("profile", "sut")] {
        let ran = twinproof(dir.path(), &["schema", format]);
        assert_eq!(ran.code, Some(0));
        let schema: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(schema["properties"].get(key).is_some(), "{format}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_is_no_error() {
    use std::process::Stdio;
    let dir = tempfile::tempdir().unwrap();
    let mut child = common::command(dir.path(), &["schema", "report"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

//! An archived run is judged again: by the same suite, by another one, and after somebody touched it.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, own_features, report, twinproof};

fn own(dir: &Path, args: &[&str]) -> Ran {
    let features = own_features();
    twinproof(dir, &[args, &["--features", &features]].concat())
}

const CODE: &str = "Given a secondary device that holds a fresh activation code\n";
const ACTIVATES: &str = "When a primary device activates with that code\n";
const ACCEPTED: &str = "Then the enabler accepts the activation\n";
const REFUSED: &str = "Then the enabler refuses the activation because the code is not valid\n";
const ON: &str = "Then the answer says that the twinning is on\n";

/// Writes a suite of these scenarios into `dir`: ids and steps.
fn write_suite(dir: &Path, scenarios: &[(&str, &[&str])]) {
    let text: String = scenarios
        .iter()
        .map(|(id, steps)| {
            let steps = steps.concat();
            format!("@HLF-TE-005 @id:{id}\nScenario: The {id}\n{steps}\n")
        })
        .collect();
    let folder = dir.join("twinning");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("mine.feature"),
        format!("Feature: mine\n\n{text}"),
    )
    .unwrap();
}

fn read(dir: &Path, report: &str) -> String {
    fs::read_to_string(dir.join(report).join("report.json")).unwrap()
}

#[test]
fn another_suite_says_what_the_record_does_not_hold() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let run_with: &[(&str, &[&str])] = &[
        ("asks-more", &[CODE, ACTIVATES, ACCEPTED]),
        ("asks-less", &[CODE, ACTIVATES, ACCEPTED, REFUSED]),
        ("does-other", &[CODE, ACTIVATES, ACCEPTED]),
        ("gone", &[CODE, ACTIVATES, ACCEPTED]),
        ("stays", &[CODE, ACTIVATES, ACCEPTED]),
    ];
    write_suite(&dir.join("then"), run_with);
    let run = ["run", "--stage", "virtual", "--features", "then"];
    let ran = twinproof(dir, &run);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);

    write_suite(
        &dir.join("now"),
        &[
            ("asks-more", &[CODE, ACTIVATES, ACCEPTED, ON]),
            ("asks-less", &[CODE, ACTIVATES, ACCEPTED]),
            ("does-other", &[CODE, ACTIVATES, ACTIVATES, ACCEPTED]),
            ("new", &[CODE, ACTIVATES, ACCEPTED]),
            ("stays", &[CODE, ACTIVATES, ACCEPTED]),
        ],
    );
    let judge = [
        "judge",
        "twinproof-report",
        "--features",
        "now",
        "--report",
        "now-report",
    ];
    let judged = twinproof(dir, &judge);
    assert_eq!(judged.code, Some(3), "{}", judged.stderr);
    let said: String = judged
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for says in [
        "HLF-TE-005: fail → inconclusive",
        "twinning/mine/asks-less: fail → pass",
        "twinning/mine/asks-less “the enabler refuses the activation because the code is not valid” \
         twinning/refused: fail → –: the suite does not ask for it",
        "twinning/mine/asks-more: pass → inconclusive: expected a record of",
        "“the answer says that the twinning is on” not-recorded: – → inconclusive",
        "twinning/mine/does-other: pass → inconclusive: not recorded: the suite has",
        "twinning/mine/gone: pass → –",
        "twinning/mine/new: – → untested: not recorded",
    ] {
        assert!(said.contains(says), "{says}\n{}", judged.stdout);
    }
    let moved = report(&dir.join("now-report"));
    let scenarios = moved["scenarios"].as_array().unwrap().iter();
    let verdicts: Vec<_> = scenarios
        .map(|s| {
            format!(
                "{} {}",
                s["id"].as_str().unwrap(),
                s["verdict"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            "twinning/mine/asks-more inconclusive",
            "twinning/mine/asks-less pass",
            "twinning/mine/does-other inconclusive",
            "twinning/mine/new untested",
            "twinning/mine/stays pass",
        ]
    );
    let before = report(&dir.join("twinproof-report"));
    assert_eq!(moved["rejudged"]["suite_sha256"], before["suite_sha256"]);
    assert_ne!(moved["suite_sha256"], before["suite_sha256"]);
    assert_eq!(moved["rejudged"]["changes"].as_array().unwrap().len(), 8);
    let notices = moved["notices"].to_string();
    assert!(notices.contains("gone: twinning/mine/gone."), "{notices}");
    for page in ["report.md", "report.html"] {
        let text = fs::read_to_string(dir.join("now-report").join(page)).unwrap();
        assert!(
            text.contains("Judged again") && text.contains("asks-less"),
            "{page}"
        );
    }

    // In place, it says so as often as it is judged; and the suite of the run brings back what was said.
    let in_place = ["judge", "twinproof-report", "--features", "now", "--quiet"];
    for _ in 0..2 {
        assert_eq!(twinproof(dir, &in_place).code, Some(3));
        assert!(read(dir, "twinproof-report") == read(dir, "now-report"));
    }
    let back = twinproof(dir, &["judge", "twinproof-report", "--features", "then"]);
    assert_eq!(back.code, Some(1), "{}", back.stderr);
    let back = report(&dir.join("twinproof-report"));
    assert_eq!(back["scenarios"], before["scenarios"]);
    assert_eq!(back["requirements"], before["requirements"]);

    // Without the folder, the built-in suite is meant, and that is none of this run's.
    let foreign = twinproof(dir, &["judge", "twinproof-report"]);
    assert_eq!(foreign.code, Some(2), "{}", foreign.stdout);
    assert!(foreign.stderr.contains("--features"), "{}", foreign.stderr);
}

#[test]
fn what_only_moved_in_its_file_is_judged_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut scenarios: Vec<(&str, &[&str])> = vec![
        ("one", &[CODE, ACTIVATES, ACCEPTED]),
        ("other", &[CODE, ACTIVATES, ACCEPTED, ON]),
    ];
    write_suite(&dir.join("mine"), &scenarios);
    let run = ["run", "--stage", "virtual", "--features", "mine"];
    let ran = twinproof(dir, &run);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    scenarios.reverse();
    write_suite(&dir.join("mine"), &scenarios);
    let judge = [
        "judge",
        "twinproof-report",
        "--features",
        "mine",
        "--report",
        "again",
    ];
    let judged = twinproof(dir, &judge);
    assert_eq!(judged.code, Some(0), "{}", judged.stdout);
    assert!(!judged.stdout.contains("since then"), "{}", judged.stdout);
    let again = report(&dir.join("again"));
    assert_eq!(again.get("rejudged"), None);
    assert_eq!(again["scenarios"][0]["id"], "twinning/mine/other");
}

#[test]
fn what_was_accepted_is_accepted_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    common::wrong_features(dir);
    let run = ["run", "--stage", "virtual", "--features", "wrong"];
    let first = twinproof(
        dir,
        &[&run[..], &["--write-baseline", "known.toml"]].concat(),
    );
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    let ran = twinproof(dir, &[&run[..], &["--baseline", "known.toml"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // What was accepted stands in the record, not in a file that may have changed since.
    fs::remove_file(dir.join("known.toml")).unwrap();
    let judge = [
        "judge",
        "twinproof-report",
        "--features",
        "wrong",
        "--report",
        "again",
    ];
    let again = twinproof(dir, &judge);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(read(dir, "twinproof-report") == read(dir, "again"));
}

#[test]
fn a_ledger_is_judged_again_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        own(dir.path(), &["run", "--stage", "virtual"]).code,
        Some(0)
    );
    let reports = dir.path().join("twinproof-report");
    let first = fs::read_to_string(reports.join("report.json")).unwrap();
    let ran = own(
        dir.path(),
        &["judge", "twinproof-report", "--report", "again"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(first == fs::read_to_string(dir.path().join("again/report.json")).unwrap());

    let ledger = reports.join("events.jsonl");
    let whole = fs::read_to_string(&ledger).unwrap();
    // The first record has the profile, which is long.
    let begun = whole.find('\n').unwrap();
    fs::write(&ledger, &whole[..begun.midpoint(whole.len())]).unwrap();
    let shortened = own(dir.path(), &["judge", "twinproof-report"]);
    assert_eq!(shortened.code, Some(2), "{}", shortened.stderr);
    assert!(
        shortened
            .stderr
            .contains("events.jsonl was edited after the run"),
        "{}",
        shortened.stderr
    );
    // A crash leaves no manifest.
    fs::remove_file(reports.join("manifest.json")).unwrap();
    let cut = own(
        dir.path(),
        &["judge", "twinproof-report", "--report", "cut"],
    );
    assert_eq!(cut.code, Some(3), "{}", cut.stderr);
    let judged = report(&dir.path().join("cut"));
    assert!(
        judged["summary"]["cut"].is_string(),
        "{}",
        judged["summary"]
    );
    assert_eq!(judged["summary"]["requirements"]["pass"], 0);
    assert!(cut.stderr.contains("has no manifest"), "{}", cut.stderr);
    assert!(judged["notices"].to_string().contains("has no manifest"));

    fs::write(&ledger, whole.replacen("\"status\":4", "\"status\":2", 1)).unwrap();
    let edited = own(
        dir.path(),
        &["judge", "twinproof-report", "--report", "edited"],
    );
    assert_eq!(edited.code, Some(2), "{}", edited.stderr);
    assert!(edited.stderr.contains("was edited"), "{}", edited.stderr);
    assert!(!dir.path().join("edited").exists());

    fs::write(&ledger, "").unwrap();
    let empty = own(dir.path(), &["judge", "twinproof-report"]);
    assert_eq!(empty.code, Some(2), "{}", empty.stderr);
}

#[test]
fn a_report_directory_that_was_edited_is_refused_with_the_name_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let ran = own(dir.path(), &["run", "--stage", "virtual"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let reports = dir.path().join("twinproof-report");
    // Somebody's own file beside ours is none of our business.
    fs::write(reports.join("notes.txt"), "mine").unwrap();
    // Judged in place, it stays whole.
    for _ in 0..2 {
        let again = own(dir.path(), &["judge", "twinproof-report"]);
        assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""));
    }
    for name in [
        "events.jsonl",
        "report.json",
        "junit.xml",
        "report.html",
        "report.md",
    ] {
        let original = fs::read(reports.join(name)).unwrap();
        fs::write(reports.join(name), [&original[..], b"\n"].concat()).unwrap();
        let refused = own(
            dir.path(),
            &["judge", "twinproof-report", "--report", "out"],
        );
        assert_eq!(refused.code, Some(2), "{name}: {}", refused.stderr);
        let says = format!("twinproof-report/{name} was edited after the run");
        assert!(refused.stderr.contains(&says), "{}", refused.stderr);
        assert!(!dir.path().join("out").exists());
        fs::write(reports.join(name), original).unwrap();
    }
    // Without a manifest it says so every time: judging does not vouch for what it found.
    fs::remove_file(reports.join("manifest.json")).unwrap();
    for _ in 0..2 {
        let again = own(dir.path(), &["judge", "twinproof-report"]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert!(again.stderr.contains("has no manifest"), "{}", again.stderr);
    }
}

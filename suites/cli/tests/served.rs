//! The built-in system alone: judged like any other, restarted, cleaned, and stopped.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Serving, post, report, serve, twinproof, url_of};

#[test]
fn what_is_served_is_judged_like_any_other_system() {
    let dir = tempfile::tempdir().unwrap();
    let (_serving, profile) = serve(dir.path());
    fs::write(dir.path().join("served.toml"), &profile).unwrap();
    for _ in 0..2 {
        let features = common::own_features();
        let ran = twinproof(
            dir.path(),
            &["run", "--sut", "served.toml", "--features", &features],
        );
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    }
    let judged = report(&dir.path().join("twinproof-report"));
    assert_eq!(judged["scenarios"][0]["verdict"], "pass");
    let again = judged["scenarios"][0]["again"].as_str().unwrap();
    assert!(
        again.contains(" --sut served.toml ") && again.ends_with("--seed 7"),
        "{again}"
    );
    let ledger = fs::read_to_string(dir.path().join("twinproof-report/events.jsonl")).unwrap();
    assert!(
        !ledger.contains("built-in-token"),
        "a secret is in the ledger"
    );

    assert!(post(&url_of(&profile, "restart")).contains("restart: done"));
    assert!(post(&url_of(&profile, "clock").replace("{seconds}", "5")).starts_with("HTTP/1.1 200"));
    assert!(post(&url_of(&profile, "clock").replace("{seconds}", "x")).starts_with("HTTP/1.1 400"));
    assert!(
        post(&url_of(&profile, "restart").replace("restart", "reboot")).starts_with("HTTP/1.1 404")
    );
    let cleaned = twinproof(dir.path(), &["clean", "--sut", "served.toml"]);
    assert_eq!(
        cleaned.code,
        Some(0),
        "{}{}",
        cleaned.stdout,
        cleaned.stderr
    );
    assert!(
        cleaned.stdout.contains("12 of 12 subscribers are clean"),
        "{}",
        cleaned.stdout
    );
}

/// Runs the profiles of these numbers at the same time, and returns the verdicts of each.
fn together(dir: &Path, numbers: &[u32], filters: &[&str]) -> Vec<String> {
    let running = numbers.iter().map(|number| {
        let sut = format!("served/sut-{number}.toml");
        let to = format!("report-{number}");
        let mut args = vec!["run", "--quiet", "--sut", &sut, "--report", &to];
        args.extend(filters);
        let quiet = common::command(dir, &args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        (*number, quiet.unwrap())
    });
    let running: Vec<_> = running.collect();
    running
        .into_iter()
        .map(|(number, mut child)| {
            assert_eq!(child.wait().unwrap().code(), Some(0), "run {number}");
            let judged = report(&dir.join(format!("report-{number}")));
            let scenarios = judged["scenarios"].as_array().unwrap();
            let verdicts = scenarios
                .iter()
                .map(|s| format!("{} {}", s["id"], s["verdict"]));
            verdicts.collect::<Vec<_>>().join("\n")
        })
        .collect()
}

/// Successive runs and two at the same time, against one system that is never started anew: equal
/// verdicts each time, and nothing left behind.
fn share_a_system(rounds: usize, filters: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let serving = common::command(
        dir.path(),
        &["serve", "--runs", "2", "--profiles", "served"],
    )
    .stdout(Stdio::null())
    .spawn();
    let _serving = Serving(serving.unwrap());
    let (began, last) = (Instant::now(), dir.path().join("served/sut-2.toml"));
    while !fs::read_to_string(&last).is_ok_and(|text| text.contains("built-in-secret-0023")) {
        assert!(began.elapsed() < Duration::from_secs(60), "not served");
        std::thread::sleep(Duration::from_millis(20));
    }
    let profile = fs::read_to_string(&last).unwrap();
    common::nothing_is_left(&profile);
    let alone = together(dir.path(), &[1], filters).remove(0);
    for round in 0..rounds {
        let numbers: &[u32] = if round + 1 == rounds { &[1, 2] } else { &[1] };
        for verdicts in together(dir.path(), numbers, filters) {
            assert_eq!(verdicts, alone);
        }
        common::nothing_is_left(&profile);
        for number in numbers {
            let ledger = dir.path().join(format!("report-{number}/events.jsonl"));
            let ledger = fs::read_to_string(ledger).unwrap();
            assert!(
                !ledger.contains("quarantined"),
                "a device could not be cleaned"
            );
        }
    }
}

#[test]
fn runs_share_a_system_and_leave_nothing_behind() {
    share_a_system(
        1,
        &[
            "--scenario",
            "twinning/enabler",
            "--scenario",
            "twinning/inter-operator",
        ],
    );
}

#[test]
#[ignore = "takes minutes: cargo test --release -p twinproof --test served -- --ignored"]
fn twenty_runs_and_two_at_the_same_time_share_a_system() {
    share_a_system(20, &[]);
}

#[test]
fn a_stopped_run_judges_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, began) = (
        common::command(dir.path(), &["run", "--repeat", "200", "--jobs", "1"])
            .spawn()
            .unwrap(),
        Instant::now(),
    );
    let ledger = dir.path().join("twinproof-report/events.jsonl");
    while fs::metadata(&ledger).map_or(0, |m| m.len()) < 50_000 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "no event in time"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.unwrap().success());
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{text}");
    assert!(text.contains("once more to stop at once"), "{text}");
    let judged = report(&dir.path().join("twinproof-report"));
    assert_eq!(
        judged["summary"]["cut"],
        "the run was stopped before its end"
    );
}

#[test]
fn a_stopped_run_leaves_nothing_at_a_system_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let (_serving, profile) = serve(dir.path());
    fs::write(dir.path().join("served.toml"), &profile).unwrap();
    let mut child = common::command(
        dir.path(),
        &["run", "--sut", "served.toml", "--repeat", "50", "--quiet"],
    )
    .stdout(Stdio::null())
    .spawn()
    .unwrap();
    let began = Instant::now();
    // In the midst of a twinning: only what is cleaned up is gone at the end.
    while common::held(&profile)["side"] < 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "no twinning");
    }
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.unwrap().success());
    let mut text = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{text}");
    common::nothing_is_left(&profile);
    let reports = dir.path().join("twinproof-report");
    for file in ["junit.xml", "report.html", "report.md", "events.jsonl"] {
        assert!(reports.join(file).is_file(), "{file}");
    }
    let cut = &report(&reports)["summary"]["cut"];
    assert_eq!(cut, "the run was stopped before its end");
}

#[test]
fn a_killed_run_leaves_a_ledger_that_can_be_judged() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = common::command(dir.path(), &["run", "--repeat", "200", "--jobs", "1"])
        .spawn()
        .unwrap();
    let began = Instant::now();
    let ledger = dir.path().join("twinproof-report/events.jsonl");
    while fs::metadata(&ledger).map_or(0, |m| m.len()) < 50_000 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "no event in time"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = twinproof(dir.path(), &["judge", "twinproof-report"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let judged = report(&dir.path().join("twinproof-report"));
    assert!(judged["summary"]["cut"].is_string());
    assert!(judged["summary"]["scenarios"]["total"].as_u64().unwrap() > 0);
}

#[test]
fn random_commands_find_nothing_wrong_with_what_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let (_serving, profile) = serve(dir.path());
    fs::write(dir.path().join("served.toml"), &profile).unwrap();
    let properties = ["properties", "--sut", "served.toml", "--cases", "4"];
    // What is left by the first run must not be in the way of the second.
    for _ in 0..2 {
        let ran = twinproof(dir.path(), &properties);
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
        assert!(
            ran.stdout.contains("no invariant was seen broken"),
            "{}",
            ran.stdout
        );
        assert!(!ran.stdout.contains("not checked"), "{}", ran.stdout);
    }
}

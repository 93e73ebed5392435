//! The built-in system alone: judged like any other, restarted, cleaned, and stopped.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{report, twinproof};

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `serve` and returns it with its profile.
fn serve(dir: &Path) -> (Serving, String) {
    let mut child = common::command(dir, &["serve"]).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let serving = Serving(child);
    let mut profile = String::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.unwrap();
        profile.push_str(&line);
        profile.push('\n');
        // The last subscriber is the last thing that is printed.
        if line.starts_with("client_secret = \"")
            && profile.matches("[[twinning.subscriber]]").count() == 12
        {
            break;
        }
    }
    (serving, profile)
}

fn post(url: &str) -> String {
    call("POST", url)
}

fn call(method: &str, url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap());
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn url_of(profile: &str, what: &str) -> String {
    let line = profile
        .lines()
        .find(|line| line.starts_with("url = ") && line.contains(what));
    line.unwrap()
        .trim_start_matches("url = ")
        .trim_matches('"')
        .to_owned()
}

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
    let state = url_of(&fs::read_to_string(&last).unwrap(), "restart").replace("restart", "state");
    let held = || {
        let answer = call("GET", &state);
        answer.lines().last().unwrap_or_default().to_owned()
    };
    let at_first = held();
    assert!(at_first.contains("\"side\":0"), "{at_first}");
    let alone = together(dir.path(), &[1], filters).remove(0);
    for round in 0..rounds {
        let numbers: &[u32] = if round + 1 == rounds { &[1, 2] } else { &[1] };
        for verdicts in together(dir.path(), numbers, filters) {
            assert_eq!(verdicts, alone);
        }
        // What is still on its way to a partner that has gone is given up in time.
        let ended = Instant::now();
        while held() != at_first {
            assert!(
                ended.elapsed() < Duration::from_secs(60),
                "left behind: {}",
                held()
            );
            std::thread::sleep(Duration::from_millis(100));
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

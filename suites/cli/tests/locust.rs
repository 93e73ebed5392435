//! Devices that a stock Locust master lets join and leave. `TWINPROOF_LOCUST` names a Python that has Locust, or `python3`
//! has it; else the tests against it say that they were skipped.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a test that was skipped says so")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use common::served::Served;
use common::{command, twinproof};
use serde_json::Value;

/// The Python that has it, if one has.
fn python() -> Option<String> {
    let python = std::env::var("TWINPROOF_LOCUST").unwrap_or_else(|_| "python3".to_owned());
    let status = Command::new(&python)
        .args(["-c", "import locust"])
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Some(python),
        _ => {
            eprintln!("skipped: {python} has no locust");
            None
        }
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What somebody does who looks at the master's web view: stops after a while, and quits once all workers have stopped. (A
/// master whose time is over waits but half a second for the last words of its workers.)
const STOPS: &str = r#"
import gevent
import os
from locust import events


@events.test_start.add_listener
def stops_and_quits(environment, **_):
    def later():
        gevent.sleep(float(os.environ["SECONDS"]))
        environment.runner.stop()
        environment.runner.quit()

    gevent.spawn(later)
"#;

/// A master for two workers that stops after so many seconds, and where workers find it.
fn master(dir: &Path, python: &str, seconds: &str, args: &[&str]) -> (Child, String) {
    let locustfile = twinproof(dir, &["worker", "--locustfile"]);
    assert_eq!(locustfile.code, Some(0));
    fs::write(dir.join("locustfile.py"), locustfile.stdout + STOPS).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let always = [
        "-m",
        "locust",
        "-f",
        "locustfile.py",
        "--master",
        "--headless",
        "--master-bind-host",
        "127.0.0.1",
        "--master-bind-port",
        &port,
        "--expect-workers",
        "2",
        "--only-summary",
        "--json-file",
        "stats",
    ];
    let child = Command::new(python)
        .args(always)
        .args(args)
        .env("SECONDS", seconds)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(dir.join("master.log")).unwrap())
        .spawn()
        .unwrap();
    (child, format!("127.0.0.1:{port}"))
}

/// A worker whose generator is not blamed for what else the machine does.
fn worker(dir: &Path, at: &str, args: &[&str]) -> (Child, BufReader<ChildStderr>) {
    let always = [
        "worker",
        "--locust",
        at,
        "--sut",
        "sut.toml",
        "--devices",
        "80",
    ];
    let mut child = command(dir, &[&always[..], &["--each", "10/s"], args].concat())
        .spawn()
        .unwrap();
    let says = BufReader::new(child.stderr.take().unwrap());
    (child, says)
}

/// What a worker says next of what it told the master: how many operations, and how many that failed.
fn told(says: &mut BufReader<ChildStderr>) -> Option<(u64, u64)> {
    loop {
        let mut line = String::new();
        if says.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if line.starts_with("the master was told of ") {
            let mut numbers = line.split(' ').filter_map(|word| word.parse().ok());
            return Some((numbers.next().unwrap(), numbers.next().unwrap()));
        }
    }
}

/// What a report counts of updates: those that are over, and those that failed.
fn counted(report: &Value) -> (u64, u64) {
    let update = &report["operations"]["update"];
    let refused = update["refused"].as_object().unwrap();
    let refused: u64 = refused.values().filter_map(Value::as_u64).sum();
    let failed = update["lost"].as_u64().unwrap() + refused;
    (update["answered"].as_u64().unwrap() + failed, failed)
}

/// What the master counts of them.
fn master_counts(dir: &Path) -> (Value, (u64, u64)) {
    let stats = json(&dir.join("stats.json"));
    let entries = stats.as_array().unwrap();
    assert_eq!(entries.len(), 1, "{stats}");
    let entry = entries[0].clone();
    assert_eq!(
        (&entry["name"], &entry["method"]),
        (&"update".into(), &"LwM2M".into())
    );
    let count = |name: &str| entry[name].as_u64().unwrap();
    let counts = (count("num_requests"), count("num_failures"));
    (entry, counts)
}

#[test]
fn what_a_master_shows_is_what_the_histograms_of_its_workers_hold() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _served = Served::lwm2m(dir, &[]);
    let (mut master, at) = master(dir, &python, "6", &["-u", "30", "-r", "15"]);
    let workers = [("0/2", "a"), ("1/2", "b")].map(|(shard, report)| {
        let (child, mut says) = worker(dir, &at, &["--shard", shard, "--report", report]);
        // Nobody is to wait until it is read.
        let reader = std::thread::spawn(move || while told(&mut says).is_some() {});
        (child, reader)
    });
    for (child, reader) in workers {
        let ended = child.wait_with_output().unwrap();
        reader.join().unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        // A generator that had no processor says so.
        assert!(matches!(ended.status.code(), Some(0 | 3)), "{said}");
        assert!(said.contains("steered from outside for "), "{said}");
    }
    let log = || fs::read_to_string(dir.join("master.log")).unwrap();
    assert!(master.wait().unwrap().success(), "{}", log());

    let ran = twinproof(dir, &["bench", "merge", "a", "b", "--report", "all"]);
    assert!(
        matches!(ran.code, Some(0 | 3)),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let whole = json(&dir.join("all/load.json"));
    let (entry, counts) = master_counts(dir);
    assert_eq!(counts, counted(&whole), "{}", log());
    assert!(counts.0 > 500, "{counts:?}");
    assert_eq!(whole["counts"]["joined"], 30);
    assert_eq!(whole["judged"]["broken"], Value::Array(Vec::new()));
    let update = &whole["operations"]["update"];
    let mean = update["mean_us"].as_f64().unwrap() / 1e3;
    let total = entry["total_response_time"].as_f64().unwrap();
    let shown = total / counts.0 as f64;
    assert!(
        (shown - mean).abs() <= 0.001 + mean * 0.001,
        "{shown} is not {mean}"
    );
    let longest = update["max_us"].as_f64().unwrap() / 1e3;
    let shown = entry["max_response_time"].as_f64().unwrap();
    assert!(
        (shown - longest).abs() <= 0.001 + longest * 0.001,
        "{shown} is not {longest}"
    );
    // Its percentiles are those of ours, to the millisecond or two digits.
    let mut times: Vec<(f64, u64)> = entry["response_times"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(ms, count)| (ms.parse().unwrap(), count.as_u64().unwrap()))
        .collect();
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(times.iter().map(|(_, count)| count).sum::<u64>(), counts.0);
    for (name, part) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95)] {
        let mut left = (counts.0 as f64 * part).ceil() as u64;
        let found = times.iter().find(|(_, count)| {
            left = left.saturating_sub(*count);
            left == 0
        });
        let shown = found.unwrap().0;
        let ours = update["percentiles_us"][name].as_f64().unwrap() / 1e3;
        assert!(
            (shown - ours).abs() <= 1.0 + ours * 0.06,
            "{name}: {shown} is not {ours}"
        );
    }
}

#[test]
fn the_devices_of_a_worker_that_dies_are_taken_over_by_another() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _served = Served::lwm2m(dir, &[]);
    let args = ["-u", "30", "-r", "30", "--enable-rebalancing"];
    let (mut master, at) = master(dir, &python, "17", &args);
    let (mut dies, mut says) = worker(dir, &at, &["--workers", "2", "--report", "dies"]);
    let (lives, mut other) = worker(dir, &at, &["--workers", "2", "--report", "lives"]);
    let reader = std::thread::spawn(move || while told(&mut other).is_some() {});
    told(&mut says).unwrap();
    let mut last = told(&mut says).unwrap();
    // Three seconds lie between two words to the master, and this is after one of them.
    std::thread::sleep(Duration::from_secs(1));
    dies.kill().unwrap();
    dies.wait().unwrap();
    // On a machine with much else to do it may have been some words later.
    while let Some(more) = told(&mut says) {
        last = more;
    }
    let ended = lives.wait_with_output().unwrap();
    reader.join().unwrap();
    let log = || fs::read_to_string(dir.join("master.log")).unwrap();
    assert!(master.wait().unwrap().success(), "{}", log());
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(matches!(ended.status.code(), Some(0 | 3)), "{said}");
    assert!(!dir.join("dies/load.json").exists());

    let report = json(&dir.join("lives/load.json"));
    assert_eq!(report["counts"]["joined"], 30, "{}", log());
    let steps = report["steered"]["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["devices"], 30, "{steps:?}");
    let (_, counts) = master_counts(dir);
    let ours = counted(&report);
    assert_eq!(counts, (ours.0 + last.0, ours.1 + last.1), "{}", log());
}

#[test]
fn a_worker_says_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    for (args, says) in [
        (&["worker"][..], "--locust"),
        (&["worker", "--locust", "127.0.0.1:1"], "--sut"),
        (
            &["worker", "--locustfile", "--shard", "0/2", "--workers", "3"],
            "--workers",
        ),
    ] {
        let ran = twinproof(dir.path(), args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
    }
    let ran = twinproof(dir.path(), &["worker", "--locustfile"]);
    assert!(ran.stdout.contains("class Device(User)"), "{}", ran.stdout);
}

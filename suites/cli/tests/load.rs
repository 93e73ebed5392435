//! What stands around a run under load: whether a fleet fits, the highest rate, one server against another.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use common::served::Served;
use common::{Ran, command, twinproof};
use serde_json::{Value, json};

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_plan_says_what_is_needed_or_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let ran = twinproof(dir.path(), &["bench", "plan", "--devices", "1000"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for says in [
        "127.1.0.1 to 127.1.3.232",
        "at rest (",
        "renew registrations once in 24h",
        "it fits",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
    let prefix = ["bench", "plan", "--devices", "1000", "--first"];
    let ran = twinproof(dir.path(), &[&prefix[..], &["2001:db8::1"]].concat());
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let says = "2001:db8::1 to 2001:db8::3e8: a prefix of 118 bits or fewer";
    assert!(ran.stdout.contains(says), "{}", ran.stdout);
    let ran = twinproof(dir.path(), &[&prefix[..], &["::1"]].concat());
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    let says = "missing    addresses: 1000 are needed and there are 1 from ::1 on; of IPv6";
    assert!(ran.stdout.contains(says), "{}", ran.stdout);
    let ran = twinproof(
        dir.path(),
        &[
            "bench",
            "plan",
            "--devices",
            "20000000",
            "--rate",
            "100000000/s",
        ],
    );
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    for says in [
        "missing    addresses: 20000000 are needed and there are 16711678",
        "missing    rate: ",
        " machines like this one have",
        "it does not fit",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
}

#[test]
fn a_search_ends_with_a_rate_or_says_what_is_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let quick = ["--devices", "50", "--trial", "300ms", "--warm-up", "0s"];
    let bears = [
        "bench",
        "search",
        "update",
        "--from",
        "100/s",
        "--most",
        "200/s",
        "--threshold",
        "update.p50<60s",
    ];
    let ran = twinproof(dir.path(), &[&bears[..], &quick].concat());
    let searched = json(&dir.path().join("twinproof-load/search.json"));
    // A machine with much else to do is in the way itself, and says so.
    match searched["found"]["limit"].as_str() {
        Some("most") => {
            assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
            assert!(
                ran.stdout.contains("200.0/s, three times: "),
                "{}",
                ran.stdout
            );
            assert_eq!(
                json(&dir.path().join("twinproof-load/load.json"))["verdict"],
                "passed"
            );
        }
        limit => assert_eq!(limit, Some("generator"), "{searched}"),
    }
    let never = [
        "bench",
        "search",
        "update",
        "--from",
        "4/s",
        "--threshold",
        "update.max<1us",
    ];
    let ran = twinproof(dir.path(), &[&never[..], &quick].concat());
    assert!(
        matches!(ran.code, Some(1 | 3)),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(ran.stdout.contains("no rate is found: "), "{}", ran.stdout);
}

#[test]
fn servers_are_compared_by_turns_and_what_was_recorded_can_be_compared_again() {
    let dir = tempfile::tempdir().unwrap();
    let ran = twinproof(
        dir.path(),
        &[
            "bench",
            "compare",
            "built-in",
            "built-in",
            "--devices",
            "30",
            "--closed",
            "4",
            "--duration",
            "300ms",
            "--warm-up",
            "0s",
        ],
    );
    // By chance one in twenty finds something, and a machine with much else to do spoils a run.
    assert!(
        matches!(ran.code, Some(0 | 1 | 3)),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let turns: Vec<&str> = ran
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("run ")?.get(..6))
        .collect();
    assert_eq!(turns.len(), 10, "{}", ran.stdout);
    assert_eq!(turns[..4], ["1 of A", "1 of B", "2 of B", "2 of A"]);

    // The same runs, of which those of B are made half as slow again.
    let runs = dir.path().join("twinproof-load");
    for (number, side) in (1..=5_u32).flat_map(|number| [(number, "a"), (number, "b")]) {
        let path = runs.join(side).join(number.to_string()).join("load.json");
        let mut report = json(&path);
        let times = match side {
            "a" => 1_000 + number,
            _ => 1_500 + number,
        };
        report["verdict"] = json!("passed");
        report["system"] = Value::Null;
        let measured = &mut report["operations"]["update"];
        measured["percentiles_us"] = json!({ "p50": times });
        measured["rate"] = Value::Null;
        fs::write(&path, report.to_string()).unwrap();
    }
    let again = ["bench", "compare", "twinproof-load/a", "twinproof-load/b"];
    let ran = twinproof(dir.path(), &[&again[..], &["--report", "told"]].concat());
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    for says in [
        "update.p50",
        "B does worse",
        "Mann-Whitney",
        "p 0.0079: worse",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
    let told = json(&dir.path().join("told/compare.json"));
    assert_eq!(told["metrics"][0]["finding"], "worse");
    assert_eq!(told["runs"], 5);

    // All of A before all of B: what differs may be the hour.
    for number in 1..=5 {
        let path = runs.join("a").join(number.to_string()).join("load.json");
        let mut report = json(&path);
        report["began"] = json!(number);
        fs::write(&path, report.to_string()).unwrap();
    }
    let ran = twinproof(dir.path(), &again);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("did not take turns"), "{}", ran.stdout);
}

/// More than a server keeps that forgets the oldest, and all of them watched.
const CROWD: &str = r#"
name = "a crowd"
drain = "60s"
judged = 400
[devices]
count = 400
[mix]
register = 1
update = 3
[generator]
late = "1h"
starved_share = 1.0
[[stages]]
rate = 1000
for = "2s"
"#;

fn judged(dir: &Path, mutant: &[&str]) -> (Ran, Value) {
    let served = Served::lwm2m(dir, mutant);
    fs::write(dir.join("crowd.toml"), CROWD).unwrap();
    let pid = served.0.id().to_string();
    let ran = twinproof(
        dir,
        &[
            "fleet",
            "crowd.toml",
            "--sut",
            "sut.toml",
            "--sut-pid",
            &pid,
        ],
    );
    let report = json(&dir.join("twinproof-load/load.json"));
    (ran, report)
}

#[test]
fn a_server_that_is_fast_and_right_passes() {
    let dir = tempfile::tempdir().unwrap();
    let (ran, report) = judged(dir.path(), &[]);
    assert_eq!(report["judged"]["broken"], json!([]), "{}", ran.stdout);
    assert_eq!(report["judged"]["devices"], 400);
    assert!(report["judged"]["answers"].as_u64().unwrap() >= 2_000);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("watched 400 devices: "),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_server_that_is_fast_and_wrong_fails() {
    for (mutant, rule, requirement) in [
        ("room-for-thirty-two", "registration-kept", "LW-IF2-14"),
        ("location-missing", "registration-answered", "LW-SRV-01"),
        ("update-answered-otherwise", "update-confirmed", "LW-IF2-04"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (ran, report) = judged(dir.path(), &["--mutant", mutant]);
        assert_eq!(ran.code, Some(1), "{mutant}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(report["verdict"], "wrong", "{mutant}");
        let broken = report["judged"]["broken"].as_array().unwrap();
        let found = broken.iter().find(|one| one["rule"] == rule);
        let found = found.unwrap_or_else(|| panic!("{mutant}: {broken:?}"));
        assert_eq!(found["requirement"], requirement);
        assert!(ran.stdout.contains(requirement), "{}", ran.stdout);
    }
}

/// What devices report and what is read of them, in turns.
const OPERATED: &str = r#"
name = "operated"
drain = "5s"
judged = 20
[devices]
count = 20
[mix]
notify = 1
read = 1
[generator]
late = "1h"
starved_share = 1.0
[[stages]]
rate = 20
for = "3s"
"#;

#[test]
fn a_server_that_runs_elsewhere_is_made_to_act_by_its_upper_tester() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("operated.toml"), OPERATED).unwrap();
    let serve = ["serve", "--enabler", "lwm2m", "--profiles", "."];
    let served = Served::of(command(dir.path(), &serve), "twinproof run --sut ");
    let ran = twinproof(
        dir.path(),
        &["fleet", "operated.toml", "--sut", "sut-1.toml"],
    );
    drop(served);
    let report = json(&dir.path().join("twinproof-load/load.json"));
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(report["counts"]["prepared"], 20);
    let of = |operation: &str, what: &str| report["operations"][operation][what].as_u64();
    let [notify, read] = ["notify", "read"].map(|one| of(one, "answered"));
    assert_eq!(notify.unwrap() + read.unwrap(), 60, "{report}");
    assert_eq!(report["judged"]["reads"].as_u64(), read);
    assert!(report["judged"]["told"].as_u64().unwrap() > 0, "{report}");

    // Nobody is there who could make this one act.
    let profile = "[sut]\nname = \"x\"\nrole = \"lwm2m-server\"\n\n[lwm2m]\nserver = \"coap://127.0.0.1:5683\"\n";
    fs::write(dir.path().join("mute.toml"), profile).unwrap();
    let ran = twinproof(dir.path(), &["bench", "read", "--sut", "mute.toml"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("lwm2m.upper_tester"), "{}", ran.stderr);
}

#[test]
fn workloads_that_are_shipped_are_listed_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let ran = twinproof(dir.path(), &["fleet", "--presets"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for name in [
        "steady",
        "reconnect-storm",
        "notification-storm",
        "readings",
        "mixed",
        "fan-out-storm",
        "twinning-pairs",
        "meters",
        "soak",
    ] {
        let mut lines = ran.stdout.lines();
        assert!(lines.any(|line| line.starts_with(name)), "{}", ran.stdout);
    }
    let ran = twinproof(dir.path(), &["fleet", "steadi"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("or one of steady, "), "{}", ran.stderr);
    let few = ["fleet", "steady", "--devices", "100", "--for", "6s"];
    let ran = twinproof(dir.path(), &few);
    let report = json(&dir.path().join("twinproof-load/load.json"));
    assert_eq!(
        report["workload"]["stages"],
        json!([{ "rate": 5.0, "for": "6s" }])
    );
    assert_eq!(
        report["counts"]["prepared"], 100,
        "{}{}",
        ran.stdout, ran.stderr
    );
}

#[test]
#[cfg(unix)]
fn who_is_stopped_says_what_there_was() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "bench",
        "update",
        "--devices",
        "20",
        "--rate",
        "50/s",
        "--duration",
        "1h",
    ];
    let mut child = command(dir.path(), &args).spawn().unwrap();
    // It says how it goes every few seconds, and then there is something to report.
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains(" begun, "), "{line}");
    let id = child.id().to_string();
    let told = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(told.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("stopped before its end"), "{said}");
    let report = json(&dir.path().join("twinproof-load/load.json"));
    assert!(report["operations"]["update"]["answered"].as_u64().unwrap() > 0);
}

#[test]
fn shards_are_carried_out_apart_and_judged_together() {
    let dir = tempfile::tempdir().unwrap();
    let _served = Served::lwm2m(dir.path(), &[]);
    // At once, since what did not go on at the same time is not one load.
    let bound = "thresholds = [\"update.rate>=400/s\"]\ndrain";
    fs::write(dir.path().join("crowd.toml"), CROWD.replace("drain", bound)).unwrap();
    let shard = |number: &str, report: &str| {
        let args = ["fleet", "crowd.toml", "--sut", "sut.toml", "--shard"];
        let args = [&args[..], &[number, "--report", report]].concat();
        command(dir.path(), &args).spawn().unwrap()
    };
    let both = [shard("0/2", "a"), shard("1/2", "b")];
    for child in both {
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{said}");
        assert!(said.contains("/2: 200 of 400 devices"), "{said}");
        assert!(said.contains("a part: "), "{said}");
    }
    let ran = twinproof(dir.path(), &["bench", "merge", "a", "--report", "all"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("shard 1/2 is missing"),
        "{}",
        ran.stderr
    );

    // Where one was not given a processor for a while, they began apart, and that is what is to be said.
    let merge = ["bench", "merge", "b", "a", "--report", "all"];
    let ran = twinproof(dir.path(), &merge);
    let (whole, a, b) = (
        json(&dir.path().join("all/load.json")),
        json(&dir.path().join("a/load.json")),
        json(&dir.path().join("b/load.json")),
    );
    let began = |report: &Value| report["began"].as_u64().unwrap();
    match began(&a).abs_diff(began(&b)) {
        0..=200 => {
            assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
            assert_eq!(whole["verdict"], "passed");
        }
        _ => {
            assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
            assert_eq!(whole["verdict"], "invalid");
        }
    }
    assert_eq!(whole["shard"], Value::Null);
    let begun = |operation: &str| whole["operations"][operation]["begun"].as_u64().unwrap();
    assert_eq!(begun("register") + begun("update"), 2_000);
    assert_eq!(whole["counts"]["prepared"], 400);
    assert!(whole["judged"]["devices"].as_u64() == Some(400), "{whole}");
    // Of one machine, no shard has what the whole is judged by.
    assert!(whole["thresholds"][0]["got"].as_f64().unwrap() >= 400.0);
    let ran = twinproof(dir.path(), &["bench", "update", "--shard", "0/2"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert!(ran.stderr.contains("--sut"), "{}", ran.stderr);
}

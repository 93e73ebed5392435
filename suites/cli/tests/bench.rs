//! `twinproof bench` and `twinproof fleet`, as a person runs them. Limits on the generator are lifted where a verdict is
//! looked at, since a machine that has much else to do makes a run invalid, which is another matter.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use common::{Ran, load_report, twinproof};

const WORKLOAD: &str = r#"
name = "a small storm"
drain = "60s"
thresholds = ["BOUND"]
[devices]
count = 200
[mix]
register = 1
update = 3
[generator]
late = "1h"
starved_share = 1.0
[[stages]]
from = 0
rate = 200
for = "2s"
"#;

fn fleet(dir: &Path, bound: &str, more: &[&str]) -> Ran {
    fs::write(dir.join("storm.toml"), WORKLOAD.replace("BOUND", bound)).unwrap();
    twinproof(dir, &[&["fleet", "storm.toml"], more].concat())
}

#[test]
fn a_fleet_is_answered_by_the_built_in_server_in_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let ran = fleet(dir.path(), "update.p50<1h", &[]);
    assert_eq!(
        ran.code,
        Some(2),
        "an hour is no unit of a bound: {}",
        ran.stderr
    );
    let ran = fleet(dir.path(), "update.p50<3600s", &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for says in [
        "a small storm against 127.0.0.1:",
        "200 devices",
        "passed: every threshold holds",
        "the server ",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
    let report = load_report(dir.path());
    assert_eq!(report["verdict"], "passed");
    let answered = |operation: &str| {
        report["operations"][operation]["answered"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(answered("register") + answered("update"), 200);
    assert!(answered("update") > answered("register"));
    assert_eq!(report["counts"]["prepared"], 200);
    assert!(report["system"]["cpu"].as_f64().unwrap() >= 0.0);
    let csv = fs::read_to_string(dir.path().join("twinproof-load/load.csv")).unwrap();
    assert!(csv.lines().count() >= 3, "{csv}");
    let log = fs::read_to_string(dir.path().join("twinproof-load/load.hlog")).unwrap();
    assert!(log.contains("Tag=register,"), "{log}");
}

#[test]
fn a_bound_that_does_not_hold_is_1() {
    let dir = tempfile::tempdir().unwrap();
    let ran = fleet(
        dir.path(),
        "update.p50<1us",
        &["--report", "twinproof-load"],
    );
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout
            .contains("threshold update.p50<1us does not hold: "),
        "{}",
        ran.stdout
    );
    assert_eq!(load_report(dir.path())["verdict"], "failed");
}

#[test]
fn too_few_samples_and_nobody_there_are_3() {
    let dir = tempfile::tempdir().unwrap();
    let ran = fleet(dir.path(), "register.p99.9<3600s", &[]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("too few samples"), "{}", ran.stdout);

    // Somebody who says nothing.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let profile = format!(
        "[sut]\nname = \"silent\"\nrole = \"lwm2m-server\"\n\n[lwm2m]\nserver = \"coap://{}\"\n",
        silent.local_addr().unwrap()
    );
    fs::write(dir.path().join("sut.toml"), profile).unwrap();
    let workload = WORKLOAD
        .replace("60s", "0s")
        .replace("update = 3", "update = 0");
    fs::write(
        dir.path().join("silent.toml"),
        workload.replace("\"BOUND\"", ""),
    )
    .unwrap();
    let ran = twinproof(dir.path(), &["fleet", "silent.toml", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("no contact: "), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_asked_for_is_2_and_nothing_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let profile = "[sut]\nname = \"far\"\nrole = \"lwm2m-server\"\n\n[lwm2m]\nserver = \"coap://192.0.2.7\"\n";
    fs::write(dir.path().join("far.toml"), profile).unwrap();
    for (args, says) in [
        (
            &["bench", "registration", "--threshold", "register.p98x<1s"][..],
            "no metric is called \"p98x\"",
        ),
        (
            &["bench", "registration", "--threshold", "update.p99<1s"],
            "which the mix does not have",
        ),
        (
            &["bench", "registration", "--rate", "fast"],
            "such as 5000/s",
        ),
        (
            &["bench", "registration", "--rate", "5", "--closed", "5"],
            "cannot be used with",
        ),
        (&["bench", "update", "--duration", "1000h"], "at most 168 h"),
        (
            &["bench", "update", "--sut", "far.toml"],
            "--target-consent 192.0.2.7",
        ),
        (
            &[
                "bench",
                "update",
                "--sut",
                "far.toml",
                "--target-consent",
                "192.0.2.7",
            ],
            "cannot be reached",
        ),
        (&["fleet", "nowhere.toml"], "nowhere.toml"),
    ] {
        let ran = twinproof(dir.path(), args);
        assert_eq!(ran.code, Some(2), "{args:?} {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{args:?} {}", ran.stderr);
    }
    assert!(!dir.path().join("twinproof-load").exists());
}

#[test]
fn a_rate_is_kept_whatever_the_answers_do() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "bench",
        "registration",
        "--devices",
        "300",
        "--rate",
        "300/s",
        "--duration",
        "2s",
        "--warm-up",
        "0s",
    ];
    let ran = twinproof(dir.path(), &args);
    assert!(
        matches!(ran.code, Some(0 | 3)),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let report = load_report(dir.path());
    assert_eq!(report["operations"]["register"]["begun"], 600);
    assert_eq!(report["workload"]["stages"][0]["rate"], 300.0);
    let verdict = report["verdict"].as_str().unwrap();
    assert!(["measured", "invalid"].contains(&verdict), "{verdict}");
}

#[test]
fn what_the_generator_costs_is_said_beside_what_anybody_pays() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "bench",
        "floor",
        "--devices",
        "50",
        "--rounds",
        "2",
        "--round",
        "200ms",
    ];
    let ran = twinproof(dir.path(), &args);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for says in [
        "update of 50 devices",
        "round 2  a bare loop ",
        " of the generator's time",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
    let mixed = [&args[..], &["--operation", "mixed"]].concat();
    let ran = twinproof(dir.path(), &mixed);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for says in [
        "mixed of 50 devices",
        "notify alone: ",
        "register alone: ",
        "update alone: ",
        " of the generator's time",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
    let ran = twinproof(
        dir.path(),
        &[&args[..], &["--operation", "twinning"]].concat(),
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for says in [
        "an exchange over HTTP of 50 devices",
        "round 2  a bare loop ",
        "the client alone",
        " of the client's time",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
}

/// A server that takes all registrations, and answers one update in three; until its socket has gone quiet.
fn hard_of_hearing() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    socket.set_read_timeout(Some(QUIET)).unwrap();
    std::thread::spawn(move || {
        let mut octets = [0; 2_048];
        while let Ok((length, from)) = socket.recv_from(&mut octets) {
            let asked = &octets[..length];
            let token = usize::from(asked[0] & 0x0f);
            let registers = asked.windows(3).any(|three| three == b"ep=");
            if !registers && asked[3] % 3 != 0 {
                continue;
            }
            let code = if registers { 0x41 } else { 0x44 };
            let mut answer = vec![0x60 | token as u8, code, asked[2], asked[3]];
            answer.extend_from_slice(&asked[4..4 + token]);
            if registers {
                let std::net::IpAddr::V4(ip) = from.ip() else {
                    continue;
                };
                let place = format!("{:x}", u32::from(ip));
                answer.extend_from_slice(b"\x82rd");
                answer.push(place.len() as u8);
                answer.extend_from_slice(place.as_bytes());
            }
            drop(socket.send_to(&answer, from));
        }
    });
    address
}

const QUIET: Duration = Duration::from_secs(60);

#[test]
fn a_load_of_which_most_was_lost_is_no_answer_unless_a_threshold_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let profile = format!(
        "[sut]\nname = \"deaf\"\nrole = \"lwm2m-server\"\n\n[lwm2m]\nserver = \"coap://{}\"\n",
        hard_of_hearing()
    );
    fs::write(dir.join("sut.toml"), profile).unwrap();
    for (thresholds, code, verdict, says) in [
        ("", 3, "unanswered", "not answered: less than half"),
        ("\"register.loss<50%\"", 3, "unanswered", "not answered: "),
        ("\"update.loss<95%\"", 0, "passed", "every threshold holds"),
        ("\"update.loss<5%\"", 1, "failed", "does not hold"),
    ] {
        let text = WORKLOAD
            .replace("\"BOUND\"", thresholds)
            .replace("60s", "1s");
        fs::write(dir.join("load.toml"), text).unwrap();
        let ran = twinproof(dir, &["fleet", "load.toml", "--sut", "sut.toml"]);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(code), "{thresholds}: {said}");
        assert!(said.contains(says), "{thresholds}: {said}");
        assert_eq!(load_report(dir)["verdict"], verdict, "{said}");
        let page = fs::read_to_string(dir.join("twinproof-load/load.html")).unwrap();
        let is_said = page.contains("less than half of what was begun");
        assert_eq!(is_said, verdict == "unanswered");
    }
}

//! Load over HTTP, as a person runs it. Limits on the generator are lifted, since a machine that has much else to do makes
//! a run invalid, which is another matter.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::served::Served;
use common::{Ran, command, load_report, twinproof};
use serde_json::Value;

const WORKLOAD: &str = r#"
name = "some sessions"
drain = "60s"
thresholds = ["dm-session.refused<0.1%", "dm-session.loss<0.1%"]
[devices]
count = 8
[mix]
dm-session = 1
[generator]
late = "1h"
starved_share = 1.0
[[stages]]
rate = 10
for = "4s"
"#;

fn sessions(dir: &Path, more: &[&str]) -> Ran {
    fs::write(dir.join("sessions.toml"), WORKLOAD).unwrap();
    twinproof(dir, &[&["fleet", "sessions.toml"], more].concat())
}

#[test]
fn devices_hold_sessions_with_the_built_in_dm_server() {
    let dir = tempfile::tempdir().unwrap();
    let ran = sessions(dir.path(), &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("nothing wrong"), "{}", ran.stdout);
    let report = load_report(dir.path());
    assert_eq!(report["verdict"], "passed");
    assert_eq!(report["counts"]["prepared"], 8);
    assert_eq!(
        report["operations"]["dm-session"]["answered"], 40,
        "{report}"
    );
    // A session has two messages at least of the device and of the server: it is asked for something.
    assert!(report["counts"]["sent"].as_u64() >= Some(80), "{report}");
    assert_eq!(report["judged"]["devices"], 8);
    assert_eq!(report["judged"]["requests"], report["counts"]["sent"]);
    assert!(report["system"]["cpu"].as_f64() > Some(0.0));
}

#[test]
fn a_dm_server_that_tells_a_command_twice_or_to_another_is_wrong_however_fast() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = |served: &Served, profile: &str, rule: &str| {
        fs::write(dir.path().join("sut.toml"), profile).unwrap();
        let ran = sessions(dir.path(), &["--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
        let report = load_report(dir.path());
        assert_eq!(report["verdict"], "wrong");
        let broken = report["judged"]["broken"].as_array().unwrap();
        let found = broken.iter().find(|broken| broken["rule"] == rule);
        assert_eq!(found.unwrap()["requirement"], "DM-SRV-04", "{report}");
        assert!(!served.1.is_empty());
    };
    for mutant in ["dm-server-remembers", "dm-server-repeats-itself"] {
        let served = Served::web(dir.path(), "dm", &["--mutant", mutant]);
        wrong(&served, &served.1, "command-told-once");
    }
    // Whatever is wanted of any device, this one tells the first.
    let served = Served::web(dir.path(), "dm", &[]);
    let (device, first) = ("{device}", "urn:uuid:twinproof-0");
    let mixes_up = served.1.replace(device, first);
    // By the header of pushes devices are still told apart.
    let mixes_up = mixes_up.replace(
        &format!("named = \"{first}\""),
        &format!("named = \"{device}\""),
    );
    assert_ne!(mixes_up, served.1);
    wrong(&served, &mixes_up, "own-commands");
}

#[test]
fn what_a_dm_server_does_not_do_is_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::web(dir.path(), "dm", &[]);
    fs::write(dir.path().join("sut.toml"), &served.1).unwrap();
    let ran = sessions(dir.path(), &["--sut", "sut.toml", "--devices", "9"]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("expected at most 8"), "{}", ran.stderr);

    // Devices that the server does not believe.
    let strangers = served.1.replace("password-of-device", "password-of-nobody");
    fs::write(dir.path().join("sut.toml"), strangers).unwrap();
    let ran = sessions(dir.path(), &["--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("× the device is not believed"),
        "{}",
        ran.stdout
    );

    // A server that forgets what its operator wants.
    let forgets = served.1.replace("/dm\"", "/dm/\"");
    let forgets = forgets.replace("/control/plan", "/control/state");
    fs::write(dir.path().join("sut.toml"), forgets).unwrap();
    let ran = sessions(dir.path(), &["--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(load_report(dir.path())["verdict"], "no_contact");

    let lwm2m =
        "[sut]\nname = \"x\"\nrole = \"lwm2m-server\"\n\n[lwm2m]\nserver = \"coap://127.0.0.1\"\n";
    fs::write(dir.path().join("sut.toml"), lwm2m).unwrap();
    let ran = sessions(dir.path(), &["--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains("expected [dm.server]"),
        "{}",
        ran.stderr
    );
}

const PAIRS: &str = r#"
name = "some pairs"
drain = "60s"
thresholds = ["twinning.refused<0.1%", "twinning.loss<0.1%"]
[devices]
count = 8
[mix]
twinning = 1
[generator]
late = "1h"
starved_share = 1.0
[[stages]]
rate = 10
for = "2s"
"#;

fn pairs(dir: &Path, more: &[&str]) -> (Ran, Value) {
    fs::write(dir.join("pairs.toml"), PAIRS).unwrap();
    let ran = twinproof(dir, &[&["fleet", "pairs.toml"], more].concat());
    let report = fs::read_to_string(dir.join("twinproof-load/load.json"));
    let report = report.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    (ran, report)
}

#[test]
fn pairs_are_twinned_at_the_built_in_enabler_and_taken_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (ran, report) = pairs(dir.path(), &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("nothing wrong"), "{}", ran.stdout);
    assert_eq!(report["verdict"], "passed");
    assert_eq!(report["counts"]["prepared"], 8);
    assert_eq!(report["operations"]["twinning"]["answered"], 20, "{report}");
    assert_eq!(report["judged"]["devices"], 8);
    // A code, an activation, the code again, a token, two switches, three readings, the end, and a look whether it is.
    assert!(
        report["counts"]["sent"].as_u64() >= Some(20 * 11),
        "{report}"
    );
    // Nothing is left that would be in the way of the next.
    let served = Served::web(dir.path(), "twinning", &[]);
    fs::write(dir.path().join("sut.toml"), &served.1).unwrap();
    for _ in 0..2 {
        let (ran, _) = pairs(dir.path(), &["--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    }
    let (ran, _) = pairs(dir.path(), &["--sut", "sut.toml", "--devices", "9"]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("expected at most 8"), "{}", ran.stderr);
}

#[test]
fn an_enabler_that_mixes_pairs_up_is_wrong_however_fast() {
    for (mutant, rule, requirement) in [
        ("code-reusable", "code-used-once", "HLF-TE-005"),
        ("code-always-the-same", "own-twin", "CR-N1"),
        ("primary-starts-off", "switched-by-own", "CR-N6"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let served = Served::web(dir.path(), "twinning", &["--mutant", mutant]);
        fs::write(dir.path().join("sut.toml"), &served.1).unwrap();
        // All pairs at once, so that there is something to mix up.
        let all = PAIRS.replace(
            "drain = \"60s\"",
            "arrivals = { closed = 8 }\ndrain = \"5s\"",
        );
        fs::write(dir.path().join("all.toml"), all).unwrap();
        let args = ["fleet", "all.toml", "--sut", "sut.toml", "--for", "1s"];
        let (ran, report) = (twinproof(dir.path(), &args), load_report(dir.path()));
        assert_eq!(ran.code, Some(1), "{mutant}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(report["verdict"], "wrong", "{mutant}");
        let broken = report["judged"]["broken"].as_array().unwrap();
        let found = broken.iter().find(|broken| broken["rule"] == rule);
        assert_eq!(found.unwrap()["requirement"], requirement, "{report}");
    }
}

#[test]
fn an_enabler_that_ends_nothing_answers_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::web(dir.path(), "twinning", &["--mutant", "nothing-ends"]);
    fs::write(dir.path().join("sut.toml"), &served.1).unwrap();
    fs::write(dir.path().join("pairs.toml"), PAIRS.replace("60s", "1s")).unwrap();
    let args = ["fleet", "pairs.toml", "--sut", "sut.toml"];
    let ran = twinproof(dir.path(), &args);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(load_report(dir.path())["verdict"], "no_contact");
    // Nor does it begin anew with those who are twinned already.
    let ran = twinproof(dir.path(), &args);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("could not be made ready"),
        "{}",
        ran.stdout
    );
}

/// What is told at an address, with its head.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn a_run_tells_how_it_goes_and_what_the_system_takes() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("sessions.toml"), WORKLOAD).unwrap();
    // Long enough to be asked by who seldom gets a processor.
    let long = ["fleet", "sessions.toml", "--for", "10s"];
    let args = [&long[..], &["--metrics", "127.0.0.1:0"]].concat();
    let mut command = command(dir.path(), &args);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut lines = BufReader::new(running.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let address = line.strip_prefix("metrics: http://").unwrap();
    let address = address.strip_suffix("/metrics").unwrap().to_owned();
    let began = Instant::now();
    let seen = loop {
        let said = get(&address, "/metrics");
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(
            head.contains("application/openmetrics-text; version=1.0.0"),
            "{head}"
        );
        assert!(body.ends_with("\n# EOF\n"), "{body}");
        let ended =
            "twinproof_operations_ended_total{operation=\"dm-session\",outcome=\"answered\"} ";
        let count = body.lines().find_map(|line| line.strip_prefix(ended));
        let count: f64 = count.unwrap().parse().unwrap();
        if count > 0.0 {
            break count;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{body}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(get(&address, "/").starts_with("HTTP/1.1 404 "));
    assert!(running.wait().unwrap().success());
    let report = load_report(dir.path());
    assert!(report["operations"]["dm-session"]["answered"].as_f64() >= Some(seen));
    let seconds = report["system"]["seconds"].as_array().unwrap();
    assert!(seconds.len() >= 2, "{report}");
    let numbers: Vec<_> = seconds.iter().map(|one| one["second"].as_u64()).collect();
    assert!(numbers.is_sorted() && numbers[0].is_some(), "{report}");
    for second in seconds {
        assert!(second["memory"].as_u64() > Some(1 << 20), "{second}");
        assert!(second["processors"].as_f64() < Some(8.0), "{second}");
    }
    let page = fs::read_to_string(dir.path().join("twinproof-load/load.html")).unwrap();
    assert!(page.contains("Memory that the system had"));
}

#[test]
fn a_system_that_tells_what_it_takes_is_asked_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::web(dir.path(), "dm", &[]);
    fs::write(dir.path().join("sut.toml"), &served.1).unwrap();
    let tells = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metrics", tells.local_addr().unwrap());
    std::thread::spawn(move || {
        let began = Instant::now();
        for stream in tells.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 1_024]));
            // Half a processor.
            let cpu = began.elapsed().as_secs_f64() / 2.0;
            let body = format!(
                "process_cpu_seconds_total {cpu}\nprocess_resident_memory_bytes 12345678\n"
            );
            drop(write!(stream, "HTTP/1.0 200 OK\r\n\r\n{body}"));
        }
    });
    let scrape = ["--sut", "sut.toml", "--scrape", &url];
    let ran = sessions(dir.path(), &scrape);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let report = load_report(dir.path());
    let seconds = report["system"]["seconds"].as_array().unwrap();
    assert_eq!(seconds[0]["memory"], 12_345_678, "{report}");
    for processors in seconds.iter().filter_map(|one| one["processors"].as_f64()) {
        assert!((0.1..2.0).contains(&processors), "{report}");
    }
    assert!(report["system"]["cpu"].as_f64() > Some(0.2), "{report}");

    for (args, says) in [
        (
            &["--scrape", "http://127.0.0.1:1/"][..],
            "--scrape http://127.0.0.1:1/: ",
        ),
        (&["--scrape", "https://127.0.0.1/"], "begins with http://"),
        (
            &["--scrape", "http://192.0.2.7/"],
            "--target-consent 192.0.2.7",
        ),
        (&["--metrics", "0.0.0.0:0"], "--metrics-consent 0.0.0.0"),
        (&["--metrics", "nowhere"], "such as 127.0.0.1:9464"),
    ] {
        let ran = sessions(dir.path(), &[&["--sut", "sut.toml"], args].concat());
        assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
}

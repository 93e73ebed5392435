//! What a user is told when something outside the suite is wrong: the address, the machine, the
//! credentials, the claims.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use common::{Ran, own_features, report, twinproof};

fn profile(dir: &Path, base_url: &str, more: &str) {
    let subscribers: String = (0..3)
        .map(|n| format!("[[twinning.subscriber]]\naddress = \"tel:+1202555010{n}\"\ntoken = \"secret-{n}\"\n"))
        .collect();
    let text = format!(
        "[sut]\nname = \"s\"\nrole = \"twinning-enabler\"\n[twinning]\nbase_url = \"{base_url}\"\n{subscribers}{more}"
    );
    fs::write(dir.join("sut.toml"), text).unwrap();
}

fn run(dir: &Path, more: &[&str]) -> Ran {
    let features = own_features();
    let args = [&["run", "--features", &features][..], more].concat();
    twinproof(dir, &args)
}

#[test]
fn a_wrong_base_path_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/wrong", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Requests of this test fit into one read; what does not is no matter for a 404.
            let _ = stream.read(&mut [0; 8192]);
            let _ = stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    let dir = tempfile::tempdir().unwrap();
    profile(dir.path(), &base, "");
    let ran = run(dir.path(), &["--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let judged = report(&dir.path().join("twinproof-report"));
    let instead = judged["summary"]["no_contact"].as_str().unwrap();
    assert!(
        instead.contains("came back with 404, for example ")
            && instead.contains(&format!("{base}/twinning/v1/"))
            && instead.contains("base_url"),
        "{instead}"
    );
    let reason = judged["scenarios"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("the secondary device could not ask for an activation code")
            && reason.contains("answered with 404")
            && reason.contains("twinning.knobs.paths.twinnings = \"/twinnings\""),
        "{reason}"
    );
    assert!(!ran.stdout.contains("cleaned up"), "{}", ran.stdout);
}

#[test]
fn a_closed_port_is_told_with_its_address_and_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let dir = tempfile::tempdir().unwrap();
    profile(dir.path(), &base, "");
    let ran = run(dir.path(), &["--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let told = ran.stdout.replace('\n', " ").to_lowercase();
    for says in [base.as_str(), "refused", "is the system running"] {
        assert!(told.contains(says), "{says}: {}", ran.stdout);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_no_verdict_and_no_fault_of_the_system() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("full")).unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("full/events.jsonl")).unwrap();
    let ran = run(dir.path(), &["--stage", "virtual", "--report", "full"]);
    assert_eq!(ran.code, Some(70), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr
            .contains("the evidence could not be written: full/events.jsonl"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("report it"), "{}", ran.stderr);
}

#[test]
fn verdicts_are_printed_even_if_no_report_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let taken = dir.path().join("twinproof-report/report.html");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // In the midst of the run somebody takes the place of a report.
            let _ = fs::create_dir(&taken);
            drop(stream);
        }
    });
    profile(dir.path(), &base, "");
    let ran = run(dir.path(), &["--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(70), "{}", ran.stderr);
    assert!(ran.stdout.contains("1 scenario"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("report.html"), "{}", ran.stdout);
    for says in [
        "the verdicts stand",
        "twinproof-report/report.html",
        "`twinproof judge`",
    ] {
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    // A system that fails does so all the same.
    common::wrong_features(dir.path());
    let place = ["run", "--stage", "virtual", "--features", "wrong"];
    assert_eq!(
        twinproof(dir.path(), &place).code,
        Some(2),
        "a place is taken before the run"
    );
    fs::remove_dir(dir.path().join("twinproof-report/report.html")).unwrap();
    assert_eq!(twinproof(dir.path(), &place).code, Some(1));
    fs::create_dir_all(dir.path().join("other/report.md/taken")).unwrap();
    let judge = ["judge", "twinproof-report", "--report", "other"];
    let again = twinproof(dir.path(), &[&judge[..], &["--features", "wrong"]].concat());
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert!(again.stderr.contains("other/report.md"), "{}", again.stderr);
    assert!(again.stdout.contains("HLF-TE-005"), "{}", again.stdout);
}

#[test]
fn what_binds_and_is_not_claimed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let claims = "[twinning.claims]\n\"HLF-PD-003\" = false\n\"HLF-SD-002\" = false\n";
    profile(dir.path(), "http://127.0.0.1:9", claims);
    let checked = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
    let line = checked.stdout.lines().find(|l| l.starts_with("claims"));
    let line = line.unwrap_or_default();
    assert!(line.ends_with(": HLF-PD-003"), "{}", checked.stdout);
    // Some scenarios need more than three subscribers.
    assert_eq!(checked.code, Some(3), "{}", checked.stdout);
    let ran = run(dir.path(), &["--sut", "sut.toml", "--quiet"]);
    let told = ran.stdout.replace('\n', " ");
    assert!(
        told.contains("does not claim what binds it: HLF-PD-003."),
        "{}",
        ran.stdout
    );
}

#[test]
fn an_empty_variable_holds_no_token() {
    let dir = tempfile::tempdir().unwrap();
    profile(
        dir.path(),
        "http://127.0.0.1:9",
        "[[twinning.subscriber]]\naddress = \"tel:+1\"\ntoken_env = \"TOKEN_0100\"\n",
    );
    for command in ["check", "run"] {
        let output = common::command(dir.path(), &[command, "--sut", "sut.toml"])
            .env("TOKEN_0100", "")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{command}");
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(told.contains("$TOKEN_0100 is empty"), "{command}: {told}");
    }
}

#[test]
fn a_part_of_the_scenarios_is_called_a_part() {
    let dir = tempfile::tempdir().unwrap();
    let one = [
        "run",
        "--stage",
        "virtual",
        "--scenario",
        "twinning/enabler/code-works-once",
    ];
    let ran = twinproof(dir.path(), &one);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        !ran.stdout.to_lowercase().contains("conform"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains(" (1 of "), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("requirements untested: left out by the filters, or judged by no scenario"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("of simulated time"), "{}", ran.stdout);
    let judged = report(&dir.path().join("twinproof-report"));
    let requirements = judged["requirements"].as_array().unwrap();
    let judged = requirements
        .iter()
        .find(|r| r["id"] == "HLF-TE-005")
        .unwrap();
    assert_eq!(judged["scenarios_ran"], 1);
    assert!(judged["scenarios_total"].as_u64() > Some(1), "{judged}");
}

//! A gateway in a process of its own, which the run only knows by its profile.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{report, serve_beside, twinproof};

/// What a run of all may take here, where it takes a quarter of that.
const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn a_served_gateway_passes_all_that_its_profile_claims() {
    let dir = tempfile::tempdir().unwrap();
    let _serving = serve_beside(dir.path(), "gwmo", &[]);
    let place = dir.path().join("served/sut-1.toml");
    let profile = fs::read_to_string(&place).unwrap();
    let quick = profile.replace("settle = \"2s\"", "settle = \"300ms\"");
    assert_ne!(profile, quick);
    fs::write(&place, quick).unwrap();

    let sut = ["--sut", "served/sut-1.toml"];
    let checked = twinproof(dir.path(), &[&["check"], &sut[..]].concat());
    assert_eq!(
        checked.code,
        Some(0),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
    let begun = Instant::now();
    let ran = twinproof(
        dir.path(),
        &[&["run", "--enabler", "gwmo"], &sut[..]].concat(),
    );
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let judged = report(&dir.path().join("twinproof-report"));
    let scenarios = judged["scenarios"].as_array().unwrap();
    assert_eq!(scenarios.len(), 66);
    for scenario in scenarios {
        assert_eq!(scenario["verdict"], "pass", "{scenario}");
    }
    for file in ["events.jsonl", "report.json"] {
        let text = fs::read_to_string(dir.path().join("twinproof-report").join(file)).unwrap();
        assert!(
            !text.contains("password-of-hidden"),
            "a secret is in {file}"
        );
    }
}

#[test]
fn a_served_gateway_whose_nodes_are_not_called_as_declared_fails() {
    let dir = tempfile::tempdir().unwrap();
    let _serving = serve_beside(dir.path(), "gwmo", &[]);
    let place = dir.path().join("served/sut-1.toml");
    let profile = fs::read_to_string(&place).unwrap();
    let quick = profile.replace("settle = \"2s\"", "settle = \"300ms\"");
    let wrong = quick.replace("record_device = \"DeviceID\"", "record_device = \"Nobody\"");
    assert_ne!(wrong, quick);
    fs::write(&place, wrong).unwrap();
    let sut = ["run", "--enabler", "gwmo", "--sut", "served/sut-1.toml"];
    let chosen = ["--scenario", "gwmo/inventory/one-device"];
    let ran = twinproof(dir.path(), &[&sut[..], &chosen[..]].concat());
    let judged = report(&dir.path().join("twinproof-report"));
    assert_eq!(judged["scenarios"][0]["verdict"], "fail", "{}", ran.stdout);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
}

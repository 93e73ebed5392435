//! A bootstrap server of one's own: a profile is begun, and a served bootstrap server judged by it.
#![cfg(unix)]

mod common;

use std::fs;

use common::{report, serve_beside, twinproof};

/// What stands behind a key of a profile, the first time.
fn value<'t>(text: &'t str, key: &str) -> &'t str {
    let begin = format!("{key} = \"");
    let mut lines = text.lines().map(str::trim_start);
    let line = lines.find_map(|line| line.strip_prefix(&begin));
    line.and_then(|line| line.strip_suffix('"')).unwrap()
}

#[test]
fn a_served_bootstrap_server_is_judged_by_a_profile_that_is_begun_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let role = ["--enabler", "lwm2m", "--role", "lwm2m-bootstrap-server"];
    let _serving = serve_beside(dir.path(), "lwm2m", &role[2..]);
    let served = fs::read_to_string(dir.path().join("served/sut-1.toml")).unwrap();
    let endpoint = &served[served.find("[[lwm2m.bootstrap.endpoint]]").unwrap()..];
    let (bootstrap, led) = (value(&served, "server"), value(endpoint, "server"));
    assert_ne!(bootstrap, led);

    let args = [&["init"], &role[..], &["--base-url", bootstrap]].concat();
    let begun = twinproof(dir.path(), &args);
    assert_eq!(begun.code, Some(0), "{}", begun.stderr);
    let own = begun.stdout.lines().map(|line| match line {
        line if line.starts_with("name = \"twinproof-") => format!("{line}\nserver = \"{led}\"\n"),
        line => format!("{line}\n"),
    });
    let own: String = own.collect();
    fs::write(dir.path().join("my-bootstrap.toml"), own).unwrap();
    for command in ["check", "run"] {
        let ran = twinproof(dir.path(), &[command, "--sut", "my-bootstrap.toml"]);
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    }
    let judged = report(&dir.path().join("twinproof-report"));
    let scenarios = judged["scenarios"].as_array().unwrap();
    for scenario in scenarios {
        // It has no keys to be told.
        let secured = scenario["reason"] == "the profile declares no lwm2m.bootstrap.security";
        let verdict = if secured { "not_applicable" } else { "pass" };
        assert_eq!(scenario["verdict"], verdict, "{scenario}");
    }
    let passed = scenarios.iter().filter(|one| one["verdict"] == "pass");
    assert!(passed.count() > 5, "{scenarios:?}");
}

#[test]
fn a_client_that_never_shows_up_is_told_from_one_that_fails() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[sut]\nname = \"x\"\nversion = \"1\"\nrole = \"lwm2m-client\"\n[pace]\nsettle = \"50ms\"\n\
                [lwm2m.client]\npatience = \"100ms\"\n";
    fs::write(dir.path().join("sut.toml"), text).unwrap();
    let scenario = "lwm2m/client/one-endpoint";
    let args = ["run", "--sut", "sut.toml", "--scenario", scenario];
    let ran = twinproof(dir.path(), &args);
    assert_eq!(ran.code, Some(3), "{}\n{}", ran.stdout, ran.stderr);
    let words = "Nothing was heard of the client.";
    assert!(ran.stdout.contains(words), "{}", ran.stdout);
}

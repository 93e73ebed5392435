//! Devices in number that come over DTLS, each with a key of its own.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::Path;

use common::served::Served;
use common::{Ran, twinproof};
use serde_json::Value;

/// A workload of 40 devices that is not spoiled by a machine with much else to do.
fn workload(dir: &Path, mix: &str) {
    let text = format!(
        "name = \"sealed\"\ndrain = \"60s\"\njudged = 40\n[devices]\ncount = 40\n[mix]\n{mix}\n[generator]\n\
         late = \"1h\"\nstarved_share = 1.0\n[[stages]]\nrate = 100\nfor = \"2s\"\n"
    );
    fs::write(dir.join("load.toml"), text).unwrap();
}

fn report(dir: &Path) -> Value {
    let text = fs::read_to_string(dir.join("twinproof-load/load.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn said(ran: &Ran) -> String {
    format!("{}{}", ran.stdout, ran.stderr)
}

#[test]
fn devices_register_over_associations_of_their_own_and_the_handshakes_are_measured() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    workload(dir, "register = 1");
    let _served = Served::secured(dir, "40", &[]);
    let ran = twinproof(dir, &["fleet", "load.toml", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(0), "{}", said(&ran));
    let report = report(dir);
    let register = &report["operations"]["register"];
    assert_eq!(register["answered"], 200, "{}", said(&ran));
    // One for each device: what comes after goes over the association that is there.
    let handshake = &report["operations"]["handshake"];
    assert_eq!(
        (&handshake["begun"], &handshake["answered"]),
        (&40.into(), &40.into())
    );
    assert!(handshake["max_us"].as_u64() > Some(0));
    let dtls = &report["dtls"];
    assert_eq!(
        (&dtls["handshakes"], &dtls["open"]),
        (&40.into(), &40.into())
    );
    // Six records of a handshake, and one for each registration.
    assert!(dtls["records_out"].as_u64() >= Some(40 * 4 + 200), "{dtls}");
    assert!(dtls["records_in"].as_u64() >= Some(40 * 4 + 200), "{dtls}");
    assert_eq!(report["judged"]["answers"], 200);
    assert_eq!(report["judged"]["broken"], Value::Array(Vec::new()));
}

#[test]
fn devices_of_the_built_in_server_lose_associations_and_are_still_registered() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    workload(dir, "update = 1\nhandshake = 1\nread = 1\nnotify = 1");
    let ran = twinproof(dir, &["fleet", "load.toml", "--dtls"]);
    assert_eq!(ran.code, Some(0), "{}", said(&ran));
    let report = report(dir);
    let answered = |operation: &str| {
        let one = &report["operations"][operation];
        assert_eq!(one["begun"], one["answered"], "{operation}: {}", said(&ran));
        one["answered"].as_u64().unwrap()
    };
    let all = ["handshake", "notify", "read", "update"].map(answered);
    assert_eq!(all.iter().sum::<u64>(), 200);
    // Those before the first stage, and those that were asked for.
    assert_eq!(report["dtls"]["handshakes"], 40 + all[0]);
    assert_eq!(report["judged"]["broken"], Value::Array(Vec::new()));
}

#[test]
fn a_server_that_is_wrong_is_seen_through_dtls() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    workload(dir, "register = 1");
    let _served = Served::secured(dir, "40", &["--mutant", "location-missing"]);
    let ran = twinproof(dir, &["fleet", "load.toml", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(1), "{}", said(&ran));
    let report = report(dir);
    assert_eq!(report["verdict"], "wrong");
    assert_eq!(
        report["judged"]["broken"][0]["rule"],
        "registration-answered"
    );
}

#[test]
fn who_has_another_identity_is_let_in_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    workload(dir, "register = 1");
    let served = Served::secured(dir, "40", &[]);
    let other = served.1.replace("{endpoint}", "other-{number}");
    fs::write(dir.join("sut.toml"), other).unwrap();
    let ran = twinproof(dir, &["fleet", "load.toml", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(3), "{}", said(&ran));
    let report = report(dir);
    assert_eq!(report["verdict"], "no_contact");
    assert_eq!(report["dtls"]["handshakes"], 0);
    let failed = report["dtls"]["failed"].to_string();
    assert!(failed.contains("unknown_psk_identity"), "{failed}");
}

#[test]
fn what_is_missing_for_dtls_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    workload(dir, "register = 1");
    let profile =
        "[sut]\nname = \"x\"\nrole = \"lwm2m-server\"\n[lwm2m]\nserver = \"coaps://127.0.0.1:1\"\n";
    let refused = |fleet: &str, args: &[&str], says: &str| {
        fs::write(dir.join("sut.toml"), format!("{profile}{fleet}")).unwrap();
        let ran = twinproof(dir, args);
        assert_eq!(ran.code, Some(2), "{}", said(&ran));
        assert!(ran.stderr.contains(says), "{says}: {}", said(&ran));
    };
    let fleet = ["fleet", "load.toml", "--sut", "sut.toml"];
    let key = "[lwm2m.fleet]\nkey = \"00\"\n";
    refused("[lwm2m.fleet]\n", &fleet, "neither key nor key_env");
    refused(&format!("{key}identity = \"all\"\n"), &fleet, "{endpoint}");
    fs::write(dir.join("keys"), "a:00\n").unwrap();
    refused("[lwm2m.fleet]\ntable = \"keys\"\n", &fleet, "it has 1");
    refused(key, &["bench", "handshake"], "--dtls");
    refused(key, &["bench", "twinning", "--dtls"], "over HTTP");
}

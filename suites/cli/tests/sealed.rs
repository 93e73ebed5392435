//! Devices in number that come over DTLS, each with a key of its own.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a test that was skipped says so")]

mod common;

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::served::Served;
use common::{Ran, load_report, twinproof};
use serde_json::Value;

/// A workload of 40 devices that is not spoiled by a machine with much else to do.
fn workload(dir: &Path, mix: &str) {
    let text = format!(
        "name = \"sealed\"\ndrain = \"60s\"\njudged = 40\n[devices]\ncount = 40\n[mix]\n{mix}\n[generator]\n\
         late = \"1h\"\nstarved_share = 1.0\n[[stages]]\nrate = 100\nfor = \"2s\"\n"
    );
    fs::write(dir.join("load.toml"), text).unwrap();
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
    let report = load_report(dir);
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
    let report = load_report(dir);
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
    let report = load_report(dir);
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
    let text = fs::read_to_string(dir.join("load.toml")).unwrap();
    fs::write(dir.join("load.toml"), text.replace("60s", "2s")).unwrap();
    let served = Served::secured(dir, "40", &[]);
    let other = served.1.replace("{endpoint}", "other-{number}");
    fs::write(dir.join("sut.toml"), other).unwrap();
    let ran = twinproof(dir, &["fleet", "load.toml", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(3), "{}", said(&ran));
    let report = load_report(dir);
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

#[test]
fn searches_and_comparisons_go_over_associations_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let quick = ["--devices", "20", "--warm-up", "0s"];
    let search = ["bench", "search", "update", "--dtls", "--trial", "300ms"];
    let rates = ["--from", "50/s", "--most", "100/s"];
    let bound = ["--threshold", "update.p50<60s"];
    let ran = twinproof(dir, &[&search[..], &rates, &bound, &quick].concat());
    let found = fs::read_to_string(dir.join("twinproof-load/search.json")).unwrap();
    let found: Value = serde_json::from_str(&found).unwrap();
    // A machine with much else to do is in the way itself, and says so.
    match found["found"]["limit"].as_str() {
        Some("most") => assert_eq!(ran.code, Some(0), "{}", said(&ran)),
        limit => assert_eq!(limit, Some("generator"), "{}", said(&ran)),
    }
    assert_eq!(load_report(dir)["dtls"]["handshakes"], 20);

    let _served = Served::secured(dir, "20", &[]);
    let compare = ["bench", "compare", "sut.toml", "sut.toml"];
    let closed = ["--closed", "4", "--duration", "300ms", "--report", "told"];
    let ran = twinproof(dir, &[&compare[..], &closed, &quick].concat());
    // By chance one in twenty finds something, and a machine with much else to do spoils a run.
    assert!(matches!(ran.code, Some(0 | 1 | 3)), "{}", said(&ran));
    for side in ["a", "b"] {
        for number in 1..=5 {
            let path = dir.join("told").join(side).join(number.to_string());
            let report = fs::read_to_string(path.join("load.json")).unwrap();
            let report: Value = serde_json::from_str(&report).unwrap();
            assert_eq!(report["dtls"]["handshakes"], 20, "{}", said(&ran));
            assert!(report["operations"]["update"]["answered"].as_u64() > Some(0));
        }
    }
}

/// Ends with the test.
struct Foreign(Child);

impl Drop for Foreign {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The resource directory of libcoap with OpenSSL takes registrations at the port behind the one that it is given.
#[test]
fn devices_shake_hands_with_a_server_of_somebody_else() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let port = || {
        let (one, next) = (UdpSocket::bind("127.0.0.1:0").unwrap(), 1);
        let port = one.local_addr().unwrap().port();
        let is_free = UdpSocket::bind(("127.0.0.1", port.saturating_add(next))).is_ok();
        is_free.then_some(port)
    };
    let port = std::iter::repeat_with(port)
        .take(100)
        .flatten()
        .next()
        .unwrap();
    let started = Command::new("coap-rd-openssl")
        .args([
            "-A",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-k",
            "0123456789abcdef",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = started else {
        eprintln!("skipped: coap-rd-openssl is not there (Debian: libcoap3-bin)");
        return;
    };
    let _foreign = Foreign(child);
    let profile = format!(
        "[sut]\nname = \"libcoap\"\nrole = \"lwm2m-server\"\n[lwm2m]\nserver = \"coaps://127.0.0.1:{}\"\n\
         [lwm2m.fleet]\nidentity = \"urn:{{endpoint}}\"\nkey = \"30313233343536373839616263646566\"\n",
        port + 1
    );
    fs::write(dir.join("sut.toml"), profile).unwrap();
    let text = "name = \"libcoap\"\ndrain = \"60s\"\njudged = 0\n[devices]\ncount = 40\ngoodbye = true\n[mix]\nhandshake = 1\n\
                register = 1\n[generator]\nlate = \"1h\"\nstarved_share = 1.0\n[[stages]]\nrate = 40\nfor = \"3s\"\n";
    fs::write(dir.join("load.toml"), text).unwrap();
    let ran = twinproof(dir, &["fleet", "load.toml", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(0), "{}", said(&ran));
    let report = load_report(dir);
    for operation in ["handshake", "register"] {
        let one = &report["operations"][operation];
        assert!(one["answered"].as_u64() >= Some(40), "{}", said(&ran));
        assert_eq!(one["begun"], one["answered"], "{operation}: {}", said(&ran));
    }
}

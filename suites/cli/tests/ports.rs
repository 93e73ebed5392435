//! Devices in number that have one address, and each a port of its own.
#![cfg(target_os = "linux")]

mod common;

use std::fs;

use common::served::Served;
use common::{load_report, twinproof};
use serde_json::Value;

const WORKLOAD: &str = r#"
name = "ports"
drain = "60s"
judged = 300
[devices]
count = 300
first = "127.79.0.1"
ports = 21000
[mix]
update = 2
read = 1
notify = 1
[generator]
late = "1h"
starved_share = 1.0
[[stages]]
rate = 300
for = "2s"
"#;

#[test]
fn every_device_is_answered_at_its_own_port_in_the_clear_and_over_dtls() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("load.toml"), WORKLOAD).unwrap();
    for way in [
        &["fleet", "load.toml"][..],
        &["fleet", "load.toml", "--dtls"],
    ] {
        let ran = twinproof(dir, way);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        let report = load_report(dir);
        let answered = |operation: &str| {
            let one = &report["operations"][operation];
            assert_eq!(one["begun"], one["answered"], "{operation}: {}", ran.stdout);
            one["answered"].as_u64().unwrap()
        };
        let all = ["notify", "read", "update"].map(answered);
        assert_eq!(all.iter().sum::<u64>(), 600);
        assert_eq!(report["counts"]["prepared"], 300);
        assert_eq!(report["counts"]["stray"], 0);
        assert_eq!(report["judged"]["devices"], 300);
        assert_eq!(report["judged"]["broken"], Value::Array(Vec::new()));
    }
}

#[test]
fn a_server_that_is_wrong_is_seen_by_devices_that_differ_in_their_ports() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let text = WORKLOAD
        .replace("21000", "22000")
        .replace("read = 1\nnotify = 1\n", "");
    fs::write(dir.join("load.toml"), text).unwrap();
    let _served = Served::lwm2m(dir, &["--mutant", "update-answered-otherwise"]);
    let ran = twinproof(dir, &["fleet", "load.toml", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    let broken = &load_report(dir)["judged"]["broken"][0];
    assert_eq!(broken["rule"], "update-confirmed");
    let device = broken["device"].as_str().unwrap();
    assert!(device.starts_with("127.79.0.1:22"), "{device}");
}

#[test]
fn how_many_ports_there_are_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let refused = |args: &[&str], says: &str| {
        let ran = twinproof(dir, args);
        assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    };
    let bench = ["bench", "update", "--ports"];
    refused(
        &[&bench[..], &["60000"]].concat(),
        "there are 5536 from 60000 on",
    );
    let taken = std::net::UdpSocket::bind("127.79.0.2:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let one = ["--first", "127.79.0.2", "--devices", "1"];
    refused(&[&bench[..], &[&port], &one].concat(), "nobody else has");
    let plan = |more: &[&str]| {
        let ran = twinproof(dir, &[&["bench", "plan", "--ports", "1024"], more].concat());
        (ran.code, ran.stdout)
    };
    let (code, said) = plan(&["--devices", "500", "--dtls"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("the ports 1024 to 1523 of 127.1.0.1"),
        "{said}"
    );
    assert!(
        said.contains("for the association of each device"),
        "{said}"
    );
    let (code, said) = plan(&["--devices", "70000"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("missing    devices.ports: 70000"), "{said}");
}

#[test]
fn the_loopback_of_ipv6_has_devices_by_their_ports() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let workload = WORKLOAD
        .replace("127.79.0.1", "::1")
        .replace("21000", "21400");
    fs::write(dir.join("load.toml"), workload).unwrap();
    for way in [
        &["fleet", "load.toml"][..],
        &["fleet", "load.toml", "--dtls"],
    ] {
        let ran = twinproof(dir, way);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        let report = load_report(dir);
        assert_eq!(report["counts"]["prepared"], 300);
        for operation in ["notify", "read", "update"] {
            let one = &report["operations"][operation];
            assert_eq!(one["begun"], one["answered"], "{operation}: {}", ran.stdout);
        }
        assert_eq!(report["judged"]["devices"], 300);
        assert_eq!(report["judged"]["broken"], Value::Array(Vec::new()));
    }
    // Without ports there is one address, and so one device.
    let alone = ["bench", "update", "--first", "::1", "--devices"];
    let one = ["1", "--rate", "10", "--duration", "1s", "--warm-up", "0s"];
    let ran = twinproof(dir, &[&alone[..], &one].concat());
    assert!(ran.stdout.contains("10 answered"), "{}", ran.stdout);
    let ran = twinproof(dir, &[&alone[..], &["2"]].concat());
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("there are 1"), "{}", ran.stderr);
    // A server of one kind and devices of the other do not meet.
    let _served = Served::lwm2m(dir, &["--v6"]);
    let ran = twinproof(dir, &["bench", "update", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("--first"), "{}", ran.stderr);
}

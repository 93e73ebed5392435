//! Devices with addresses of a block of IPv4 or a prefix of IPv6 that is routed to their machine, over a network that is none
//! of loopback: two network namespaces and a cable between them. Who may not make those is told that the test was skipped.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a test that was skipped says so")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::served::Served;
use common::{command, load_report};
use serde_json::Value;

/// Where devices and their server are.
struct Places {
    /// What tells one test from another.
    name: &'static str,
    /// Of `ip`, which kind of addresses they are.
    kind: &'static str,
    /// The ends of the cable, and how long their prefix is.
    devices: &'static str,
    server: &'static str,
    length: u8,
    /// What is routed to the devices, and the first address of it that one has.
    block: &'static str,
    first: &'static str,
}

const OF_IPV4: Places = Places {
    name: "4",
    kind: "-4",
    devices: "10.250.0.1",
    server: "10.250.0.2",
    length: 30,
    block: "10.64.0.0/16",
    first: "10.64.0.1",
};

const OF_IPV6: Places = Places {
    name: "6",
    kind: "-6",
    devices: "fd00:250::1",
    server: "fd00:250::2",
    length: 64,
    block: "fd00:64::/64",
    first: "fd00:64::ff00",
};

/// The namespaces of the devices and of the server.
struct Network {
    devices: String,
    server: String,
}

impl Network {
    fn new(places: &Places) -> Option<Self> {
        let id = format!("{}-{}", places.name, std::process::id());
        let (devices, server) = (format!("tp-d{id}"), format!("tp-s{id}"));
        if let Err(why) = ip(&format!("netns add {devices}")) {
            eprintln!("skipped: no network namespace can be made here: {why}");
            return None;
        }
        let network = Self { devices, server };
        let (d, s) = (&network.devices, &network.server);
        let Places {
            kind,
            devices,
            server,
            length,
            block,
            ..
        } = places;
        // Nobody else is on the cable whose address could be the same.
        let at_once = if *kind == "-6" { " nodad" } else { "" };
        for order in [
            format!("netns add {s}"),
            format!("link add veth-d netns {d} type veth peer name veth-s netns {s}"),
            format!("-n {d} addr add {devices}/{length} dev veth-d{at_once}"),
            format!("-n {s} addr add {server}/{length} dev veth-s{at_once}"),
            format!("-n {d} link set veth-d up"),
            format!("-n {s} link set veth-s up"),
            format!("-n {d} link set lo up"),
            format!("-n {s} link set lo up"),
            format!("-n {s} {kind} route add {block} via {devices}"),
            format!("-n {d} {kind} route add local {block} dev lo"),
        ] {
            if let Err(why) = ip(&order) {
                eprintln!("skipped: ip {order}: {why}");
                return None;
            }
        }
        Some(network)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in [&self.devices, &self.server] {
            drop(ip(&format!("netns del {name}")));
        }
    }
}

fn ip(order: &str) -> Result<(), String> {
    let done = Command::new("ip").args(order.split(' ')).output();
    let done = done.map_err(|why| format!("ip: {why}"))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
    }
}

/// The command, in a namespace.
fn within(namespace: &str, dir: &Path, args: &[&str]) -> Command {
    let plain = command(dir, args);
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", namespace])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(dir)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

const WORKLOAD: &str = r#"
name = "routed"
drain = "60s"
[devices]
count = 600
first = "FIRST"
[mix]
update = 1
[generator]
late = "1h"
starved_share = 1.0
[[stages]]
rate = 600
for = "1s"
"#;

#[test]
fn every_device_of_a_routed_block_is_answered_at_its_own_address() {
    answers_each(&OF_IPV4, "10.250.0.2:5683");
}

#[test]
fn every_device_of_a_routed_prefix_is_answered_at_its_own_address() {
    answers_each(&OF_IPV6, "[fd00:250::2]:5683");
}

fn answers_each(places: &Places, place: &str) {
    let Some(network) = Network::new(places) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let workload = WORKLOAD.replace("FIRST", places.first);
    fs::write(dir.join("routed.toml"), workload).unwrap();
    let serve = ["serve", "--enabler", "lwm2m", "--listen", place];
    let url = format!("coap://{place}");
    let ready = format!("server = \"{url}\"");
    let _server = Served::of(within(&network.server, dir, &serve), &ready);
    let profile = format!(
        "[sut]\nname = \"served\"\nrole = \"lwm2m-server\"\n\n[lwm2m]\nserver = \"{url}\"\n"
    );
    fs::write(dir.join("sut.toml"), profile).unwrap();
    let load = ["fleet", "routed.toml", "--sut", "sut.toml"];
    let asked = within(&network.devices, dir, &load).output().unwrap();
    assert_eq!(
        asked.status.code(),
        Some(2),
        "nobody has said that it agrees"
    );
    let load = [&load[..], &["--target-consent", places.server]].concat();
    let report = answers(&network, dir, &load);
    assert_eq!(report["operations"]["update"]["answered"], 600);
}

/// What is reported of a load of 600 devices, each of which is answered whenever it asks.
fn answers(network: &Network, dir: &Path, load: &[&str]) -> Value {
    let ran = within(&network.devices, dir, load).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(
        ran.status.code(),
        Some(0),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let report = load_report(dir);
    for measured in report["operations"].as_object().unwrap().values() {
        assert_eq!(measured["begun"], measured["answered"], "{said}");
    }
    assert_eq!(report["counts"]["prepared"], 600);
    assert_eq!(report["counts"]["stray"], 0);
    assert_eq!(report["judged"]["broken"], Value::Array(Vec::new()));
    report
}

#[test]
fn devices_of_a_prefix_are_observed_and_read_and_come_over_dtls() {
    let Some(network) = Network::new(&OF_IPV6) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let workload = WORKLOAD.replace("FIRST", OF_IPV6.first);
    let mix = "update = 1\nread = 1\nnotify = 1";
    fs::write(dir.join("mix.toml"), workload.replace("update = 1", mix)).unwrap();
    for way in [&["fleet", "mix.toml"][..], &["fleet", "mix.toml", "--dtls"]] {
        let report = answers(&network, dir, way);
        for operation in ["notify", "read", "update"] {
            assert!(report["operations"][operation]["answered"].as_u64() > Some(100));
        }
        assert!(report["target"].as_str().unwrap().starts_with("[::1]:"));
    }
    // What is not routed here is nobody's to send from.
    let workload = WORKLOAD.replace("FIRST", "fd00:65::1");
    fs::write(dir.join("strange.toml"), workload).unwrap();
    let mut strange = within(&network.devices, dir, &["fleet", "strange.toml"]);
    let ran = strange.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("fd00:65::1 is not"), "{said}");
}

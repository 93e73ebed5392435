//! Devices with addresses of a block that is routed to their machine, over a network that is none of loopback: two network
//! namespaces and a cable between them. Who may not make those is told that the test was skipped.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a test that was skipped says so")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use common::command;
use serde_json::Value;

/// The namespaces of the devices and of the server.
struct Network {
    devices: String,
    server: String,
}

impl Network {
    /// With the devices at 10.250.0.1 and a block of theirs routed there, and the server at 10.250.0.2.
    fn new() -> Option<Self> {
        let id = std::process::id();
        let (devices, server) = (format!("tp-d{id}"), format!("tp-s{id}"));
        if let Err(why) = ip(&format!("netns add {devices}")) {
            eprintln!("skipped: no network namespace can be made here: {why}");
            return None;
        }
        let network = Self { devices, server };
        let (d, s) = (&network.devices, &network.server);
        for order in [
            format!("netns add {s}"),
            format!("link add veth-d netns {d} type veth peer name veth-s netns {s}"),
            format!("-n {d} addr add 10.250.0.1/30 dev veth-d"),
            format!("-n {s} addr add 10.250.0.2/30 dev veth-s"),
            format!("-n {d} link set veth-d up"),
            format!("-n {s} link set veth-s up"),
            format!("-n {d} link set lo up"),
            format!("-n {s} link set lo up"),
            format!("-n {s} route add 10.64.0.0/16 via 10.250.0.1"),
            format!("-n {d} route add local 10.64.0.0/16 dev lo"),
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
fn within(namespace: &str, dir: &std::path::Path, args: &[&str]) -> Command {
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

/// Ends with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

const WORKLOAD: &str = r#"
name = "routed"
drain = "60s"
[devices]
count = 600
first = "10.64.0.1"
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
    let Some(network) = Network::new() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("routed.toml"), WORKLOAD).unwrap();
    let serve = ["serve", "--enabler", "lwm2m", "--listen", "10.250.0.2:5683"];
    let mut server = Served(within(&network.server, dir, &serve).spawn().unwrap());
    let mut profile = String::new();
    let mut said = BufReader::new(server.0.stdout.take().unwrap());
    while !profile.contains("coap://10.250.0.2:5683") {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "{profile}");
        profile += &line;
    }
    let profile = "[sut]\nname = \"served\"\nrole = \"lwm2m-server\"\n\n[lwm2m]\nserver = \"coap://10.250.0.2:5683\"\n";
    fs::write(dir.join("sut.toml"), profile).unwrap();
    let load = ["fleet", "routed.toml", "--sut", "sut.toml"];
    let asked = within(&network.devices, dir, &load).output().unwrap();
    assert_eq!(
        asked.status.code(),
        Some(2),
        "nobody has said that it agrees"
    );
    let load = [&load[..], &["--target-consent", "10.250.0.2"]].concat();
    let ran = within(&network.devices, dir, &load).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(
        ran.status.code(),
        Some(0),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let report = fs::read_to_string(dir.join("twinproof-load/load.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let update = &report["operations"]["update"];
    assert_eq!(
        (&update["answered"], &update["lost"]),
        (&600.into(), &0.into()),
        "{said}"
    );
    assert_eq!(report["counts"]["prepared"], 600);
    assert_eq!(report["counts"]["stray"], 0);
    assert_eq!(report["judged"]["broken"], Value::Array(Vec::new()));
}

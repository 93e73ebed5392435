//! `run --pcap`: captures that tshark reads without a complaint. Without tshark (Debian: tshark) the test of
//! its eyes says so and does nothing.

#![expect(
    clippy::print_stderr,
    reason = "a test that could not be done has to say so"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::twinproof;

/// From which severity on tshark complains: a warning.
const COMPLAINS: &str = "_ws.expert.severity >= 0x600000";

/// Runs the LwM2M scenarios and returns their captures.
fn captures(dir: &Path) -> Vec<PathBuf> {
    let ran = twinproof(
        dir,
        &[
            "run",
            "--enabler",
            "lwm2m",
            "--stage",
            "virtual",
            "--quiet",
            "--pcap",
            "--report",
            "r",
        ],
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let entries = fs::read_dir(dir.join("r/pcap")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn each_scenario_has_one_and_the_next_run_leaves_none_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let captured = captures(dir.path());
    let name = "lwm2m.server.registration-answered.1.pcapng";
    assert!(captured.len() > 40, "{captured:?}");
    assert!(
        captured.iter().any(|path| path.ends_with(name)),
        "{captured:?}"
    );
    let again = twinproof(
        dir.path(),
        &[
            "run",
            "--scenario",
            "lwm2m/server/registration-answered",
            "--stage",
            "virtual",
            "--quiet",
            "--report",
            "r",
        ],
    );
    assert_eq!(again.code, Some(0), "{}{}", again.stdout, again.stderr);
    assert_eq!(fs::read_dir(dir.path().join("r/pcap")).unwrap().count(), 0);
}

/// What tshark tells of the packets in a capture that this filter finds.
fn tshark(capture: &Path, filter: &str) -> String {
    let output = Command::new("tshark")
        // Where the virtual stage puts what has no port of its own.
        .args(["-d", "udp.port==49152,coap", "-n", "-Y", filter, "-r"])
        .arg(capture)
        .args(["-T", "fields", "-e", "frame.number", "-e", "frame.comment"])
        .args(["-e", "_ws.col.Info", "-e", "_ws.expert.message"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {errors}", capture.display());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn tshark_decodes_what_we_send_without_a_complaint() {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("skipped: tshark is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // Sections may follow each other in a file, so tshark has to be started only once for all of them.
    let (mut sound, mut broken) = (Vec::new(), Vec::new());
    for capture in captures(dir.path()) {
        let name = capture.file_name().unwrap().to_string_lossy().into_owned();
        // Where broken datagrams are sent on purpose, tshark sees that they are broken.
        let on_purpose = [
            "lwm2m.message.",
            "lwm2m.client.critical-option.",
            "lwm2m.client-bootstrap.broken.",
        ];
        let all = match on_purpose.iter().any(|begin| name.starts_with(begin)) {
            true => &mut broken,
            false => &mut sound,
        };
        all.extend(fs::read(&capture).unwrap());
    }
    let place = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let sound = place("sound.pcapng", &sound);
    let packets = tshark(&sound, "coap").lines().count();
    assert!(packets > 100, "{packets} packets");
    let complaints = tshark(&sound, &format!("{COMPLAINS} || !coap"));
    assert!(complaints.is_empty(), "{complaints}");
    let broken = place("broken.pcapng", &broken);
    assert!(!tshark(&broken, COMPLAINS).is_empty());
}

#[test]
fn the_secrets_of_sessions_are_written_down_for_who_asks_for_it_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = "lwm2m/security/who-has-the-key";
    let args = [
        "run",
        "--scenario",
        scenario,
        "--stage",
        "virtual",
        "--quiet",
    ];
    let args = [&args[..], &["--key-log", "keys.log", "--report", "r"]].concat();
    let ran = twinproof(dir.path(), &args);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("warning: keys.log"), "{}", ran.stderr);
    let lines = fs::read_to_string(dir.path().join("keys.log")).unwrap();
    let secrets: Vec<&str> = lines
        .lines()
        .filter_map(|line| line.split(' ').nth(2))
        .collect();
    assert!(!secrets.is_empty(), "{lines}");
    let session = "DTLS: a session as \\\"twinproof-secured-1\\\" (pre-shared key)";
    let report = fs::read_to_string(dir.path().join("r/report.json")).unwrap();
    assert!(report.contains(session), "who reads the report sees it");
    for entry in fs::read_dir(dir.path().join("r")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let told = secrets.iter().any(|secret| text.contains(secret));
        let key = text.contains("0102030405060708090a0b0c0d0e0f10");
        assert!(!told && !key, "{}", path.display());
    }
}

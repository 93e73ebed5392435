//! The built-in LwM2M server behind lines and patterns: every verdict is that of a hand inside.
#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{report, twinproof};

/// What a run of all LwM2M may take here, where it takes half a minute.
const LIMIT: Duration = Duration::from_secs(300);

fn verdicts(dir: &Path) -> BTreeMap<String, String> {
    let report = report(dir);
    let scenarios = report["scenarios"].as_array().unwrap().iter();
    let said = scenarios.map(|scenario| {
        let text = |key: &str| scenario[key].as_str().unwrap_or_default().to_owned();
        (
            text("id"),
            format!("{} {}", text("verdict"), text("reason")),
        )
    });
    said.collect()
}

#[test]
fn over_lines_every_verdict_is_that_of_a_hand_inside() {
    let dir = tempfile::tempdir().unwrap();
    // An address of the loopback that nobody else has: the profile has to know it before the server is.
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let host = Ipv4Addr::new(127, 77, high, low);
    let args = [
        "init",
        "--enabler",
        "lwm2m",
        "--base-url",
        &format!("coap://{host}"),
        "--upper-tester",
        "twinproof",
    ];
    let begun = twinproof(dir.path(), &args);
    assert_eq!(begun.code, Some(0), "{}", begun.stderr);
    let text = begun
        .stdout
        .replace(
            "command = [\"twinproof\"",
            &format!("command = ['{}'", env!("CARGO_BIN_EXE_twinproof")),
        )
        .replace(
            "\"--listen\", \"127.0.0.1:5683\"",
            &format!("\"--listen\", \"{host}:5683\", \"--control\", \"{host}:8089\""),
        )
        .replace(
            "[lwm2m]\n",
            &format!(
                "[lwm2m]\nversion = \"1.1\"\ngrace = \"2s\"\nadvance_clock = \
                 {{ method = \"POST\", url = \"http://{host}:8089/control/clock?seconds={{seconds}}\" }}\n"
            ),
        );
    fs::write(dir.path().join("sut.toml"), text).unwrap();
    let over = twinproof(
        dir.path(),
        &["run", "--sut", "sut.toml", "--report", "over", "--quiet"],
    );
    assert_eq!(over.code, Some(0), "{}\n{}", over.stdout, over.stderr);
    let inside = twinproof(
        dir.path(),
        &["run", "--enabler", "lwm2m", "--report", "in", "--quiet"],
    );
    assert_eq!(inside.code, Some(0), "{}", inside.stdout);
    let mut over_lines = verdicts(&dir.path().join("over"));
    // What is served has no secured place.
    over_lines.retain(|id, _| !id.starts_with("lwm2m/security/"));
    let mut by_hand = verdicts(&dir.path().join("in"));
    // The whole built-in system has more roles than a server.
    by_hand.retain(|id, _| over_lines.contains_key(id));
    assert!(over_lines.len() > 50, "{}", over_lines.len());
    assert_eq!(over_lines, by_hand);
    assert!(over.took < LIMIT, "{:?}", over.took);
}

#[test]
fn what_is_no_operation_is_told_what_is_and_the_end_of_the_input_is_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["serve", "--enabler", "lwm2m", "--lines"];
    let mut child = common::command(dir.path(), &args)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"read /3/0/9\n\n\"clients\"\n").unwrap();
    drop(stdin);
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success());
    let said = String::from_utf8(ended.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].starts_with("serving coap://127.0.0.1:"), "{said}");
    assert!(
        lines[1].starts_with("{\"error\":\"expected an operation such as"),
        "{said}"
    );
    assert_eq!(lines[2], "{\"clients\":[]}");
    let ran = twinproof(dir.path(), &["serve", "--lines"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("expected --enabler lwm2m"),
        "{}",
        ran.stderr
    );
}

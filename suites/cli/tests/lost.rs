//! Answers that are lost or broken on their way: what a system did all the same is found and removed,
//! the scenario that it hit has a clear verdict, and the run goes on.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::proxy::{Fate, Words, between, reach_through};
use common::{report, serve, twinproof};

fn nothing_is_left_of(words: Words, scenario: &str) {
    for late in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (_serving, profile) = serve(dir.path());
        let fate = match late {
            false => Fate::LosesTheAnswer,
            true => Fate::ComesLate,
        };
        let (proxy, met) = between(words, usize::MAX, fate);
        reach_through(&proxy, &profile, &dir.path().join("sut.toml"));
        let run = ["run", "--sut", "sut.toml", "--scenario", scenario];
        let ran = twinproof(dir.path(), &run);
        assert!(met.load(Ordering::SeqCst) > 0, "{}", ran.stderr);
        let judged = report(&dir.path().join("twinproof-report"));
        assert_ne!(judged["scenarios"][0]["verdict"], "pass", "{}", ran.stdout);
        common::nothing_is_left(&profile);
        assert!(!ran.stdout.contains("cleaned up"), "{}", ran.stdout);
    }
}

#[test]
fn a_code_whose_answer_was_lost_is_taken_back() {
    nothing_is_left_of(
        &["POST ", "\"role\":\"Secondary\""],
        "twinning/enabler/code-works-once",
    );
}

#[test]
fn an_activation_whose_answer_was_lost_is_taken_back() {
    nothing_is_left_of(
        &["POST ", "\"role\":\"Primary\""],
        "twinning/enabler/code-works-once",
    );
}

#[test]
fn an_activation_across_operators_whose_answer_was_lost_is_taken_back() {
    nothing_is_left_of(
        &["PUT ", "\"twinningStatus\":\"On\"", "\"authCode\""],
        "twinning/inter-operator/news-for-abroad",
    );
}

#[test]
fn a_code_that_another_operator_asked_for_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let (_serving, profile) = serve(dir.path());
    fs::write(dir.path().join("sut.toml"), &profile).unwrap();
    let folder = dir.path().join("asked/twinning");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("mine.feature"),
        "Feature: mine\n\n@HLF-IC-003 @id:asked\nScenario: It asks and does no more\n\
         Given another operator that is a partner\n\
         And a primary device without twinnings\n\
         When the other operator asks for an activation code\n\
         Then the answer holds a code of the enabler's own operator\n",
    )
    .unwrap();
    let run = ["run", "--sut", "sut.toml", "--features", "asked"];
    let ran = twinproof(dir.path(), &run);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    common::nothing_is_left(&profile);
}

/// The answer to the activation of the first of two scenarios is broken.
fn one_scenario_is_hit(what: &str, says: &str, answer: fn(&mut TcpStream) -> std::io::Result<()>) {
    let dir = tempfile::tempdir().unwrap();
    let (_serving, profile) = serve(dir.path());
    let activation = &["POST ", "\"role\":\"Primary\""];
    let (proxy, _) = between(activation, 1, Fate::AnsweredBy(answer));
    reach_through(&proxy, &profile, &dir.path().join("sut.toml"));
    let scenarios = ["code-works-once", "code-works-once-for-the-same-device"];
    let scenarios = scenarios.map(|id| format!("twinning/enabler/{id}"));
    let mut run = vec!["run", "--sut", "sut.toml", "--jobs", "1"];
    run.extend(scenarios.iter().flat_map(|id| ["--scenario", id]));
    let ran = twinproof(dir.path(), &run);
    assert_eq!(ran.code, Some(3), "{what}: {}{}", ran.stdout, ran.stderr);
    assert!(ran.took < Duration::from_secs(60), "{what}: {:?}", ran.took);
    assert!(ran.peak_kib < 256 * 1024, "{what}: {} KiB", ran.peak_kib);
    let judged = report(&dir.path().join("twinproof-report"));
    let verdicts = judged["scenarios"].as_array().unwrap().iter();
    let (hit, others): (Vec<_>, Vec<_>) = verdicts.partition(|s| s["verdict"] == "inconclusive");
    assert_eq!(hit.len(), 1, "{what}: {}", ran.stdout);
    assert!(others.iter().all(|s| s["verdict"] == "pass"), "{what}");
    let reason = hit[0]["reason"].as_str().unwrap();
    assert!(reason.contains(says), "{what}: {reason}");
    common::nothing_is_left(&profile);
}

fn whole(stream: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}

const CREATED: &str = "201 Created\r\nContent-Type: application/json";

#[test]
fn a_gigabyte_hits_one_scenario() {
    one_scenario_is_hit("gigabyte", "is larger than 1048576 octets", |stream| {
        write!(
            stream,
            "HTTP/1.1 {CREATED}\r\nContent-Length: 1000000000\r\n\r\n"
        )?;
        let block = vec![b' '; 1 << 20];
        while stream.write_all(&block).is_ok() {}
        Ok(())
    });
}

#[test]
fn a_slow_drip_hits_one_scenario() {
    one_scenario_is_hit("slow drip", "no complete response in time", |stream| {
        write!(
            stream,
            "HTTP/1.1 {CREATED}\r\nContent-Length: 100000\r\n\r\n"
        )?;
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    });
}

#[test]
fn a_head_without_end_hits_one_scenario() {
    one_scenario_is_hit("endless head", "connection broken", |stream| {
        write!(stream, "HTTP/1.1 {CREATED}\r\n")?;
        while stream.write_all(b"X-More: and more and more\r\n").is_ok() {}
        Ok(())
    });
}

#[test]
fn truncated_json_hits_one_scenario() {
    one_scenario_is_hit(
        "truncated JSON",
        "the answer to the activation cannot be read: not ",
        |stream| whole(stream, CREATED, b"{\"twinning\":{\"role\":\"Prim"),
    );
}

#[test]
fn invalid_utf_8_hits_one_scenario() {
    one_scenario_is_hit(
        "invalid UTF-8",
        "the answer to the activation cannot be read: not ",
        |stream| whole(stream, CREATED, b"{\"twinning\":{\"role\":\"\xff\xfe\"}}"),
    );
}

#[test]
fn an_entity_expansion_hits_one_scenario() {
    one_scenario_is_hit(
        "entity expansion",
        "the answer to the activation cannot be read: not ",
        |stream| {
            let mut bomb = String::from("<?xml version=\"1.0\"?><!DOCTYPE t [<!ENTITY a0 \"ha\">");
            for n in 1..30 {
                bomb.push_str(&format!("<!ENTITY a{n} \"&a{0};&a{0};\">", n - 1));
            }
            bomb.push_str("]><twinning><resourceURL>&a29;</resourceURL></twinning>");
            let head = "201 Created\r\nContent-Type: application/xml";
            whole(stream, head, bomb.as_bytes())
        },
    );
}

#[test]
fn a_nesting_without_end_hits_one_scenario() {
    one_scenario_is_hit(
        "nesting",
        "the answer to the activation cannot be read: not ",
        |stream| whole(stream, CREATED, "[".repeat(1_000_000).as_bytes()),
    );
    one_scenario_is_hit(
        "nesting",
        "the answer to the activation cannot be read: not ",
        |stream| {
            let head = "201 Created\r\nContent-Type: application/xml";
            whole(stream, head, "<a>".repeat(300_000).as_bytes())
        },
    );
}

#[test]
fn a_redirect_loop_hits_one_scenario() {
    one_scenario_is_hit("redirect", "answered with 302", |stream| {
        whole(stream, "302 Found\r\nLocation: /again", b"")
    });
}

#[test]
fn a_wrong_length_hits_one_scenario() {
    one_scenario_is_hit("too short", "connection broken", |stream| {
        write!(
            stream,
            "HTTP/1.1 {CREATED}\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n{{}}"
        )
    });
    one_scenario_is_hit(
        "too long",
        "the answer to the activation cannot be read: not ",
        |stream| {
            write!(
                stream,
                "HTTP/1.1 {CREATED}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}{{}}"
            )
        },
    );
}

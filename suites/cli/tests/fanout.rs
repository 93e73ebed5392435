//! Gateways under load, as a person runs it: fan-outs to groups of hidden devices. Limits on the generator are lifted, since
//! a machine that has much else to do makes a run invalid, which is another matter.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::Path;

use common::served::Served;
use common::{Ran, load_report, twinproof};
use serde_json::{Value, json};

const WORKLOAD: &str = r#"
name = "some fan-outs"
drain = "60s"
thresholds = ["fanout.refused<0.1%", "fanout.loss<0.1%", "fanout-device.loss<0.1%"]
[devices]
count = 8
group = 4
[mix]
fanout = 1
[generator]
late = "1h"
starved_share = 1.0
[[stages]]
rate = 4
for = "3s"
"#;

fn fan_outs(dir: &Path, more: &[&str]) -> (Ran, Value) {
    fs::write(dir.join("fanouts.toml"), WORKLOAD).unwrap();
    let ran = twinproof(dir, &[&["fleet", "fanouts.toml"], more].concat());
    let report = fs::read_to_string(dir.join("twinproof-load/load.json"));
    let report = report.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    (ran, report)
}

#[test]
fn a_gateway_fans_out_to_groups_of_devices_and_nothing_is_left_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (ran, report) = fan_outs(dir.path(), &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("nothing wrong"), "{}", ran.stdout);
    assert_eq!(report["verdict"], "passed");
    assert_eq!(report["counts"]["prepared"], 8);
    assert_eq!(report["operations"]["fanout"]["answered"], 12, "{report}");
    assert_eq!(report["operations"]["fanout-device"]["answered"], 48);
    // All of them, and one that is in no group.
    assert_eq!(report["judged"]["devices"], 9);
    assert!(report["system"]["cpu"].as_f64() > Some(0.0));

    // A gateway that goes on knows neither groups nor fan-outs of before.
    let served = Served::web(dir.path(), "gwmo", &[]);
    fs::write(dir.path().join("sut.toml"), &served.1).unwrap();
    for _ in 0..2 {
        let (ran, report) = fan_outs(dir.path(), &["--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        assert_eq!(report["operations"]["fanout"]["answered"], 12, "{report}");
    }
}

#[test]
fn a_gateway_that_mixes_devices_up_is_wrong_however_fast() {
    for (mutant, rule, requirement) in [
        ("gateway-tells-twice", "fanned-out-once", "GwMO-FORA-001"),
        ("gateway-tells-everybody", "members-alone", "GwMO-Group-001"),
        ("gateway-drops-the-last", "one-result-each", "GwMO-FORA-002"),
        ("gateway-counts-twice", "one-result-each", "GwMO-FORA-002"),
        ("gateway-loses-values", "own-results", "GwMO-FORA-002"),
        ("gateway-swaps-answers", "own-results", "GwMO-FORA-002"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let served = Served::web(dir.path(), "gwmo", &["--mutant", mutant]);
        fs::write(dir.path().join("sut.toml"), &served.1).unwrap();
        let args = ["--sut", "sut.toml", "--for", "1s"];
        let (ran, report) = fan_outs(dir.path(), &args);
        assert_eq!(ran.code, Some(1), "{mutant}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(report["verdict"], "wrong", "{mutant}");
        let broken = report["judged"]["broken"].as_array().unwrap();
        let found = broken.iter().find(|one| one["rule"] == rule);
        let found = found.unwrap_or_else(|| panic!("{mutant}: {broken:?}"));
        assert_eq!(found["requirement"], requirement, "{mutant}");
    }
}

#[test]
fn what_a_gateway_does_not_do_is_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    // It takes what is wanted, and has nobody come.
    let served = Served::web(dir.path(), "gwmo", &["--mutant", "gateway-wakes-nobody"]);
    fs::write(dir.path().join("sut.toml"), &served.1).unwrap();
    let impatient = WORKLOAD.replace("drain = \"60s\"", "drain = \"3s\"");
    fs::write(dir.path().join("impatient.toml"), impatient).unwrap();
    let args = [
        "fleet",
        "impatient.toml",
        "--sut",
        "sut.toml",
        "--for",
        "1s",
    ];
    let ran = twinproof(dir.path(), &args);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    let report = load_report(dir.path());
    assert_eq!(report["verdict"], "no_contact");
    assert_eq!(report["judged"]["broken"], json!([]));
    assert_eq!(report["operations"]["fanout"]["lost"], 4, "{report}");
}

#[test]
fn what_cannot_be_carried_out_is_said_before() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::web(dir.path(), "gwmo", &[]);
    fs::write(dir.path().join("sut.toml"), &served.1).unwrap();
    let few = served.1.split("[gwmo.many]").next().unwrap();
    fs::write(dir.path().join("few.toml"), few).unwrap();
    for (more, says) in [
        (&["--sut", "sut.toml", "--devices", "10"][..], "at most 9"),
        (&["--sut", "sut.toml", "--shard", "0/2"], "one server above"),
        (&["--sut", "few.toml"], "[gwmo.many]"),
    ] {
        let (ran, _) = fan_outs(dir.path(), more);
        assert_eq!(ran.code, Some(2), "{more:?}: {}", ran.stdout);
        assert!(ran.stderr.contains(says), "{more:?}: {}", ran.stderr);
    }
    let bench = ["bench", "mixed", "--share", "fanout-device=1"];
    let ran = twinproof(dir.path(), &bench);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    let both = ["bench", "mixed", "--share", "fanout=1", "--share", "read=1"];
    let ran = twinproof(dir.path(), &both);
    assert!(
        ran.stderr.contains("of gwmo and of lwm2m"),
        "{}",
        ran.stderr
    );
}

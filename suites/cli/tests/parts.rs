//! A workload of several parts, as a person runs it: devices of several enablers at the same time. Limits on the generator are
//! lifted, since a machine that has much else to do makes a run invalid, which is another matter.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::served::Served;
use common::{Ran, load_report, twinproof};
use serde_json::Value;

const LWM2M: &str = r#"
[[parts]]
devices = { count = 40 }
mix = { register = 1, update = 3 }
stages = [{ rate = 40, for = "3s" }]
"#;

const TWINNING: &str = r#"
[[parts]]
devices = { count = 8 }
mix = { twinning = 1 }
stages = [{ rate = 4, for = "3s" }]
"#;

const DM: &str = r#"
[[parts]]
devices = { count = 8 }
mix = { dm-session = 1 }
stages = [{ rate = 4, for = "3s" }]
"#;

const GWMO: &str = r#"
[[parts]]
devices = { count = 8, group = 4 }
mix = { fanout = 1 }
stages = [{ rate = 2, for = "3s" }]
"#;

/// Limits that nothing reaches.
const LIFTED: &str = "late = \"1h\"\nstarved_share = 1.0";

fn fleet(dir: &Path, (bounds, limits): (&str, &str), parts: &[&str], more: &[&str]) -> Ran {
    let parts = parts.concat();
    let text = format!(
        "name = \"several\"\ndrain = \"60s\"\nthresholds = [{bounds}]\n[generator]\n{limits}\n{parts}"
    );
    fs::write(dir.join("several.toml"), text).unwrap();
    twinproof(dir, &[&["fleet", "several.toml"], more].concat())
}

/// What there is of a part.
fn part<'r>(report: &'r Value, operation: &str) -> &'r Value {
    let mut parts = report["parts"].as_array().unwrap().iter();
    let found = parts.find(|part| part["operations"].get(operation).is_some());
    found.unwrap()
}

/// A profile of two systems: what another says beside what the first does.
fn both(one: &Served, other: &Served) -> String {
    let (_, section) = other.1.split_once("[lwm2m]").unwrap();
    format!("{}\n[lwm2m]{section}", one.1)
}

#[test]
fn devices_of_four_enablers_go_on_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let bounds = "\"register.loss<1%\", \"twinning.refused<1%\", \"dm-session.loss<1%\", \"fanout-device.loss<1%\"";
    let lwm2m = LWM2M.replace("update", "notify");
    let all = [&*lwm2m, TWINNING, DM, GWMO];
    let ran = fleet(dir.path(), (bounds, LIFTED), &all, &["--for", "4s"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let report = load_report(dir.path());
    assert_eq!(report["verdict"], "passed");
    let answered = |operation: &str| report["operations"][operation]["answered"].as_u64();
    // Which of 160 are registrations is up to chance.
    let registered = answered("register").unwrap();
    for (operation, count) in [
        ("register", registered),
        ("notify", 160 - registered),
        ("twinning", 16),
        ("dm-session", 16),
        ("fanout", 8),
        ("fanout-device", 32),
    ] {
        let measured = &report["operations"][operation];
        assert_eq!(measured["answered"], count, "{operation}: {report}");
        assert_eq!(&part(&report, operation)["operations"][operation], measured);
    }
    let parts = report["parts"].as_array().unwrap();
    let sum = |of: &str, what: &str| -> u64 {
        let each = parts.iter().map(|part| part[of][what].as_u64().unwrap());
        each.sum()
    };
    for (of, what) in [
        ("counts", "sent"),
        ("counts", "prepared"),
        ("judged", "answers"),
        ("judged", "reports"),
    ] {
        assert_eq!(report[of][what], sum(of, what), "{what}");
    }
    assert_eq!(
        report["judged"]["told"],
        part(&report, "notify")["judged"]["told"]
    );
    assert_eq!(report["thresholds"].as_array().unwrap().len(), 4);
    assert!(report["system"]["cpu"].as_f64() > Some(0.0));

    // One after the other they would have begun seconds apart, and the seconds of one would be none of another.
    let began = || parts.iter().map(|part| part["began"].as_u64().unwrap());
    let apart = began().max().unwrap() - began().min().unwrap();
    assert!(apart < 1_000, "{apart} ms");
    for second in 0..4 {
        let begun = |one: &Value| one["seconds"][second]["begun"].as_u64().unwrap();
        assert!(
            parts.iter().all(|part| begun(part) > 0),
            "{second}: {report}"
        );
        assert_eq!(begun(&report), parts.iter().map(begun).sum::<u64>());
    }
    let log = fs::read_to_string(dir.path().join("twinproof-load/load.hlog")).unwrap();
    for tag in ["register", "twinning", "dm-session", "fanout-device"] {
        assert!(log.contains(&format!("Tag={tag},")), "{tag}");
    }
    let page = fs::read_to_string(dir.path().join("twinproof-load/load.html")).unwrap();
    assert!(page.contains("id=\"parts\""));
    for name in ["lwm2m", "twinning", "dm", "gwmo"] {
        assert!(
            ran.stdout.contains(&format!("part {name}: ")),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn what_is_wrong_in_one_part_is_wrong_with_all() {
    let dir = tempfile::tempdir().unwrap();
    let lwm2m = Served::lwm2m(dir.path(), &[]);
    let dm = Served::web(dir.path(), "dm", &["--mutant", "dm-server-repeats-itself"]);
    fs::write(dir.path().join("sut.toml"), both(&dm, &lwm2m)).unwrap();
    let pid = dm.0.id().to_string();
    let ran = fleet(
        dir.path(),
        ("\"register.loss<1%\", \"dm-session.loss<1%\"", LIFTED),
        &[LWM2M, DM],
        &["--sut", "sut.toml", "--sut-pid", &pid],
    );
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    let report = load_report(dir.path());
    assert_eq!(report["verdict"], "wrong");
    assert_eq!(part(&report, "register")["verdict"], "passed");
    assert_eq!(part(&report, "dm-session")["verdict"], "wrong");
    assert_eq!(report["judged"]["broken"][0]["rule"], "command-told-once");
    // One process that somebody names is looked at once, and is none of a part.
    assert!(report["system"]["cpu"].as_f64() > Some(0.0));
    assert_eq!(part(&report, "dm-session")["system"], Value::Null);
}

#[test]
fn a_threshold_is_held_against_the_part_that_it_is_about() {
    let dir = tempfile::tempdir().unwrap();
    for bound in ["register.max<1us", "twinning.max<1us"] {
        let bounds = format!("\"{bound}\", \"update.loss<1%\"");
        let ran = fleet(dir.path(), (&bounds, LIFTED), &[LWM2M, TWINNING], &[]);
        assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
        let report = load_report(dir.path());
        assert_eq!(report["verdict"], "failed");
        let operation = bound.split('.').next().unwrap();
        assert_eq!(part(&report, operation)["verdict"], "failed");
    }
}

#[test]
fn a_generator_that_is_late_in_one_part_is_named_and_makes_all_invalid() {
    let dir = tempfile::tempdir().unwrap();
    // Who waits for answers is never late, and whoever does not is later than not at all.
    let waits = LWM2M.replace("devices", "arrivals = { closed = 2 }\ndevices");
    let limits = "late = \"0s\"\nlate_share = 0.0\nstarved_share = 1.0";
    let ran = fleet(
        dir.path(),
        ("\"register.max<1us\"", limits),
        &[&waits, TWINNING],
        &[],
    );
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    let report = load_report(dir.path());
    assert_eq!(report["verdict"], "invalid");
    let problems = report["generator"]["problems"].as_array().unwrap();
    assert!(!problems.is_empty());
    for problem in problems {
        let says = problem["says"].as_str().unwrap();
        assert!(says.starts_with("twinning: "), "{says}");
    }
    assert_eq!(part(&report, "register")["verdict"], "failed");
}

#[test]
fn where_one_part_cannot_begin_none_does() {
    let dir = tempfile::tempdir().unwrap();
    let lwm2m = Served::lwm2m(dir.path(), &[]);
    let dm = Served::web(dir.path(), "dm", &[]);
    // Nobody takes what the server is to ask its devices for.
    let nowhere = both(&dm, &lwm2m).replace("/control/plan", "/nowhere/plan");
    assert!(nowhere.contains("/nowhere/plan"));
    fs::write(dir.path().join("sut.toml"), nowhere).unwrap();
    let long = |part: &str| part.replace("3s", "300s");
    let (devices, sessions) = (long(LWM2M), long(DM));
    let ran = fleet(
        dir.path(),
        ("", LIFTED),
        &[&devices, &sessions],
        &["--sut", "sut.toml"],
    );
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.took < Duration::from_secs(60), "{:?}", ran.took);
    let report = load_report(dir.path());
    assert_eq!(report["verdict"], "no_contact");
    assert_eq!(report["stopped"], false);
    assert_eq!(
        part(&report, "register")["operations"]["register"]["begun"],
        0
    );
    for says in ["generator: dm: ", "no contact: in a part"] {
        assert!(ran.stdout.contains(says), "{}", ran.stdout);
    }
}

#[test]
fn what_another_part_was_answered_is_no_contact_of_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let lwm2m = Served::lwm2m(dir.path(), &[]);
    let dm = Served::web(dir.path(), "dm", &[]);
    // Its devices are not believed; nothing is lost of what is refused.
    let strangers = both(&dm, &lwm2m).replace("password-of-device", "password-of-nobody");
    fs::write(dir.path().join("sut.toml"), strangers).unwrap();
    let bounds = "\"register.loss<1%\", \"dm-session.loss<1%\"";
    let ran = fleet(
        dir.path(),
        (bounds, LIFTED),
        &[LWM2M, DM],
        &["--sut", "sut.toml"],
    );
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    let report = load_report(dir.path());
    assert_eq!(report["verdict"], "no_contact");
    assert_eq!(part(&report, "register")["verdict"], "passed");
}

#[test]
fn what_cannot_be_done_with_parts_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let lwm2m = Served::lwm2m(dir.path(), &[]);
    let says = |ran: &Ran, says: &str| {
        assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    };
    let parts = [LWM2M, TWINNING];
    let sut = ["--sut", "sut.toml"];
    let shard = [&sut[..], &["--shard", "0/2"]].concat();
    says(
        &fleet(dir.path(), ("", LIFTED), &parts, &shard),
        "several parts",
    );
    says(
        &fleet(dir.path(), ("", LIFTED), &parts, &sut),
        "expected [twinning]",
    );
    let few = ["--devices", "1"];
    says(
        &fleet(dir.path(), ("", LIFTED), &parts, &few),
        "parts, the 1.: devices.count",
    );
    let compare = [
        "bench",
        "compare",
        "built-in",
        "built-in",
        "--workload",
        "several.toml",
    ];
    says(&twinproof(dir.path(), &compare), "for `fleet` alone");
    assert!(!lwm2m.1.is_empty());
}

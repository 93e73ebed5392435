//! What people read who explain, list, choose, or mistype.

mod common;

use std::fs;

use common::{own, scrubbed, twinproof};
use serde_json::Value;

#[test]
fn nothing_selected_is_4_and_says_what_is_near() {
    let dir = tempfile::tempdir().unwrap();
    for (args, says) in [
        (
            &["--scenario", "twinning/own/code-work-once"][..],
            "did you mean twinning/own/code-works-once?",
        ),
        (&["--requirement", "HLF-TE-05"], "did you mean HLF-TE-005?"),
        (&["--requirement", "TE-005"], "did you mean HLF-TE-005?"),
        (
            &["--requirement", "HLF-XX-999"],
            "there is no requirement HLF-XX-999; `twinproof list` names them",
        ),
        (&["--tag", "nightly"], "no scenario has the tag nightly"),
        (
            &["--requirement", "HLF-PD-001"],
            "HLF-PD-001 is in the catalogue, and no scenario judges it; `twinproof explain HLF-PD-001`",
        ),
        (
            &["--requirement", "GwMO-AMoDe-001", "--enabler", "gwmo"],
            "have no scenarios for gwmo yet; the catalogue has 30 requirements of it",
        ),
    ] {
        let ran = own(dir.path(), &[&["run", "--stage", "virtual"], args].concat());
        assert_eq!(ran.code, Some(4), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
        assert!(
            !dir.path().join("twinproof-report").exists(),
            "nothing was run"
        );
    }
}

#[test]
fn what_is_wrong_with_features_is_2() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("mine/twinning");
    fs::create_dir_all(&folder).unwrap();
    let scenario = |tags: &str, step: &str| {
        format!("Feature: mine\n\n  {tags}\n  Scenario: mine\n    Given {step}\n")
    };
    let good = "a secondary device that holds a fresh activation code";
    for (text, says) in [
        (
            scenario("@HLF-TE-005 @id:a", "a unicorn"),
            "mine.feature:5: no step is defined for \"a unicorn\"",
        ),
        (
            scenario("@HLF-XX-999 @id:a", good),
            "@HLF-XX-999 names no requirement",
        ),
        (scenario("@HLF-TE-005", good), "has no @id: tag"),
        ("Feature mine".to_owned(), "mine.feature:"),
        (
            format!(
                "Feature: mine\n\n  Rule: hides\n    @HLF-TE-005 @id:a\n    Scenario: mine\n      Given {good}\n"
            ),
            "the rule \"hides\" would hide its scenarios",
        ),
    ] {
        fs::write(folder.join("mine.feature"), &text).unwrap();
        for command in ["check", "run", "list"] {
            let ran = twinproof(dir.path(), &[command, "--features", "mine"]);
            assert_eq!(ran.code, Some(2), "{command} {text}: {}", ran.stderr);
            assert!(
                ran.stderr.contains(says),
                "{command} {text}: {}",
                ran.stderr
            );
        }
    }
    let ran = twinproof(dir.path(), &["run", "--features", "nowhere"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn words_for_people() {
    let dir = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(
        "explain",
        scrubbed(&own(dir.path(), &["explain", "hlf-te-005"]))
    );
    insta::assert_snapshot!(
        "list",
        scrubbed(&own(dir.path(), &["list", "--requirement", "HLF-TE-005"]))
    );
    let checked = own(dir.path(), &["check"]);
    assert!(
        checked
            .stdout
            .starts_with("features     1 scenario in 1 file:"),
        "{}",
        checked.stdout
    );
    insta::assert_snapshot!("help", scrubbed(&twinproof(dir.path(), &["--help"])));
    insta::assert_snapshot!(
        "help_run",
        scrubbed(&twinproof(dir.path(), &["run", "--help"]))
    );
    let unknown = own(dir.path(), &["explain", "HLF-TE-05"]);
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.stderr.contains("did you mean HLF-TE-005?"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn usage_errors_are_2() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["walk"][..],
        &["run", "--repeat", "0"],
        &["run", "--jobs", "0"],
        &["run", "--enabler", "toaster"],
        &["run", "--stage", "virtual", "--sut", "sut.toml"],
        &["schema"],
        &["judge", "nowhere"],
        &[],
    ] {
        assert_eq!(twinproof(dir.path(), args).code, Some(2), "{args:?}");
    }
}

#[test]
fn schemas_describe_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    for (format, key) in [
        ("report", "summary"),
        ("profile", "sut"),
        ("load", "verdict"),
    ] {
        let ran = twinproof(dir.path(), &["schema", format]);
        assert_eq!(ran.code, Some(0));
        let schema: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(schema["properties"].get(key).is_some(), "{format}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_is_no_error() {
    use std::process::Stdio;
    let dir = tempfile::tempdir().unwrap();
    let mut child = common::command(dir.path(), &["schema", "report"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Requirements of three enablers are in the catalogue, and no scenario judges them.
#[test]
fn an_enabler_without_scenarios_is_4_and_says_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let (code, source) = (Some(4), "the catalogue has ");
    for enabler in ["lwm2m", "dm", "gwmo"] {
        let list = ["list", "--enabler", enabler];
        let listed = twinproof(dir.path(), &list);
        assert_eq!(listed.code, Some(0), "{}", listed.stderr);
        if !listed.stdout.contains(" · 0 scenarios") {
            // It has scenarios by now, and this is no test of it any more.
            continue;
        }
        assert!(
            listed.stdout.contains("no scenario judges them yet"),
            "{}",
            listed.stdout
        );
        for command in ["run", "check", "init"] {
            let ran = twinproof(dir.path(), &[command, "--enabler", enabler]);
            assert_eq!(ran.code, code, "{command}: {}", ran.stderr);
            let begins =
                format!("nothing selected: this version has no scenarios for {enabler} yet");
            let listing = format!("`twinproof list --enabler {enabler}` shows them");
            for says in [begins.as_str(), source, &listing] {
                assert!(ran.stderr.contains(says), "{command}: {}", ran.stderr);
            }
            assert_eq!(ran.stdout, "");
        }
        let mutants = twinproof(dir.path(), &["mutants", "--enabler", enabler]);
        assert_eq!(mutants.code, code, "{}", mutants.stderr);
        let matrix = twinproof(dir.path(), &["matrix", "--enabler", enabler]);
        assert_eq!(matrix.code, Some(0), "{}", matrix.stderr);
        assert!(!dir.path().join("twinproof-report").exists());
    }
}

#[test]
fn a_scenario_is_explained_by_what_it_sends_and_judges() {
    let dir = tempfile::tempdir().unwrap();
    let ran = own(dir.path(), &["explain", "twinning/own/code-works-once"]);
    insta::assert_snapshot!("explain_scenario", scrubbed(&ran));
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );

    // Every scenario that there is can be explained; this one has the system for itself.
    let listed = twinproof(dir.path(), &["list", "--tag", "exclusive"]);
    let id = listed
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("      "))
        .unwrap();
    let ran = twinproof(dir.path(), &["explain", id]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("@exclusive"), "{}", ran.stdout);
}

#[test]
fn a_ruling_is_explained_and_a_slip_of_the_pen_is_met_with_names() {
    let dir = tempfile::tempdir().unwrap();
    let ran = twinproof(dir.path(), &["explain", "tw-c23"]);
    insta::assert_snapshot!("explain_ruling", scrubbed(&ran));
    for (typed, says) in [
        (
            "NOPE",
            "there is no requirement, scenario or ruling NOPE; names look like HLF-TE-005, ",
        ),
        ("te-005", "ruling te-005; did you mean HLF-TE-005?\n"),
        ("TW-C23.", "did you mean TW-C23?\n"),
        ("code-works-once", "did you mean twinning/"),
        (
            "HLF-SD",
            "did you mean HLF-SD-001, HLF-SD-002 or HLF-SD-003?\n",
        ),
    ] {
        let ran = twinproof(dir.path(), &["explain", typed]);
        assert_eq!(ran.code, Some(2), "{typed}");
        assert!(ran.stderr.contains(says), "{typed}: {}", ran.stderr);
    }
}

#[test]
fn a_number_that_is_none_is_told_what_is_expected() {
    let dir = tempfile::tempdir().unwrap();
    for (args, says) in [
        (
            ["run", "--jobs", "0"],
            "'--jobs <N>': expected a whole number from 1 to 65535",
        ),
        (
            ["run", "--jobs", "many"],
            "'--jobs <N>': expected a whole number from 1 to 65535",
        ),
        (
            ["run", "--seed", "x"],
            "'--seed <N>': expected a whole number from 0 to ",
        ),
        (
            ["run", "--seed", "-1"],
            "'--seed <N>': expected a whole number from 0 to ",
        ),
        (
            ["run", "--repeat", "0"],
            "'--repeat <N>': expected a whole number from 1 to ",
        ),
        (
            ["properties", "--cases", "1.5"],
            "'--cases <N>': expected a whole number from 1 to ",
        ),
        (
            ["serve", "--listen", "localhost:80"],
            "expected an IP address and a port, such as ",
        ),
    ] {
        let ran = twinproof(dir.path(), &args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
    }
}

#[cfg(unix)]
#[test]
fn help_calls_the_command_by_its_name_whatever_the_file_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("tp-4.2");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_twinproof"), &other).unwrap();
    for (args, says) in [
        (&["--help"][..], "Usage: twinproof <COMMAND>"),
        (&["run", "--help"], "Usage: twinproof run [OPTIONS]"),
        (&["diff"], "Usage: twinproof diff <BEFORE> <AFTER>"),
        (&["help", "judge"], "Usage: twinproof judge "),
    ] {
        let output = std::process::Command::new(&other)
            .args(args)
            .output()
            .unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(told.contains(says), "{args:?}: {told}");
        assert!(!told.contains("tp-4.2"), "{args:?}: {told}");
    }
}

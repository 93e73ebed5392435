//! The commands that prove: what they find, print, keep and end with.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, twinproof};
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

fn profile(dir: &Path, base_url: &str, subscribers: usize) {
    let subscribers: String = (0..subscribers)
        .map(|n| format!("[[twinning.subscriber]]\naddress = \"tel:+1202555010{n}\"\ntoken = \"secret-{n}\"\n"))
        .collect();
    let profile = format!(
        "[sut]\nname = \"s\"\nrole = \"twinning-enabler\"\n[pace]\ntimeout = \"1s\"\nsettle = \"100ms\"\n\
         [twinning]\nbase_url = \"{base_url}\"\n{subscribers}"
    );
    fs::write(dir.join("sut.toml"), profile).unwrap();
}

fn properties(dir: &Path, more: &[&str]) -> Ran {
    twinproof(dir, &[&["properties", "--cases", "5"], more].concat())
}

#[test]
fn one_mutant_is_judged() {
    let dir = tempfile::tempdir().unwrap();
    let mutants = |more: &[&str]| twinproof(dir.path(), &[&["mutants"], more].concat());
    let ran = mutants(&["--mutant", "code-reusable", "--report", "proof"]);
    let text = fs::read_to_string(dir.path().join("proof/mutants.json")).unwrap();
    let matrix: Value = serde_json::from_str(&text).unwrap();
    let summary = &matrix["summary"];
    assert_eq!(summary["total"], 1, "{summary}");
    assert!(
        matrix["mutants"][0]["failed"]
            .as_array()
            .is_some_and(|f| !f.is_empty())
    );
    assert!(matrix["checks"]["proven"].as_u64() < matrix["checks"]["total"].as_u64());
    // It is killed for its reason and nothing else fails, or the command says so.
    let proof = summary["killed"] == 1 && summary["collateral"] == 0;
    assert_eq!(
        ran.code,
        Some(i32::from(!proof)),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(ran.stdout.starts_with("code-reusable  "), "{}", ran.stdout);
    assert!(
        ran.stdout.ends_with("matrix: proof/mutants.json\n"),
        "{}",
        ran.stdout
    );

    let listed = mutants(&["--list"]);
    assert!(
        listed
            .stdout
            .lines()
            .any(|l| l.starts_with("code-reusable ")),
        "{}",
        listed.stdout
    );
    let unknown = mutants(&["--mutant", "code-reusabel"]);
    assert_eq!(unknown.code, Some(4), "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("did you mean code-reusable?"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn mutants_are_killed_over_sockets_too() {
    let dir = tempfile::tempdir().unwrap();
    for mutant in ["code-reusable", "any-version"] {
        let ran = twinproof(dir.path(), &["mutants", "--real", "--mutant", mutant]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(" killed "), "{}", ran.stdout);
    }
}

#[test]
fn what_is_no_proof_of_all_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        [
            "mutants",
            "--mutant",
            "code-reusable",
            "--write",
            "kept.toml",
        ],
        [
            "variants",
            "--variant",
            "variant-02",
            "--write",
            "kept.toml",
        ],
    ] {
        let ran = twinproof(dir.path(), &args);
        assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
        assert!(!dir.path().join("kept.toml").exists());
    }
}

#[test]
fn one_variant_is_judged() {
    let dir = tempfile::tempdir().unwrap();
    let variants = |more: &[&str]| twinproof(dir.path(), &[&["variants"], more].concat());
    let ran = variants(&["--variant", "variant-02", "--report", "proof"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let text = fs::read_to_string(dir.path().join("proof/variants.json")).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    let summary = &found["summary"];
    assert_eq!(summary["total"], 1, "{summary}");
    assert_eq!(summary["false_fails"], 0, "{summary}");
    // Of the figures that one variant cannot give, nothing is said.
    assert_eq!(found["whole"], false);
    assert!(!ran.stdout.contains("knobs covered"), "{}", ran.stdout);
    // A variant in which nothing came to a verdict would prove no tolerance.
    assert!(
        found["variants"][0]["decided"]
            .as_array()
            .is_some_and(|decided| !decided.is_empty())
    );
    assert!(ran.stdout.starts_with("variant-02  "), "{}", ran.stdout);
    assert!(
        ran.stdout.ends_with("variants: proof/variants.json\n"),
        "{}",
        ran.stdout
    );
    let unknown = variants(&["--variant", "variant-00"]);
    assert_eq!(unknown.code, Some(4), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("variant-01"), "{}", unknown.stderr);
}

#[test]
fn the_built_in_system_keeps_its_invariants() {
    let dir = tempfile::tempdir().unwrap();
    for stage in ["virtual", "live"] {
        let ran = properties(dir.path(), &["--stage", stage]);
        assert_eq!(ran.code, Some(0), "{stage}: {}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stdout.starts_with("5 sequences with "),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.ends_with("no invariant was seen broken\n"),
            "{}",
            ran.stdout
        );
    }
    assert!(
        !dir.path().join("twinproof-report").exists(),
        "nothing is kept"
    );
}

#[test]
fn a_broken_invariant_is_told_kept_and_tried_again() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        let nobody = ResponseTemplate::new(200).set_body_raw("{}", "application/json");
        Mock::given(any()).respond_with(nobody).mount(&server).await;
        server
    });
    let dir = tempfile::tempdir().unwrap();
    profile(dir.path(), &server.uri(), 5);
    let args = ["--sut", "sut.toml", "--report", "kept"];
    let ran = properties(dir.path(), &args);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    let kept: Value =
        serde_json::from_str(&fs::read_to_string(dir.path().join("kept/properties.json")).unwrap())
            .unwrap();
    assert_eq!(kept.as_array().unwrap().len(), 1, "{kept}");
    let id = kept[0]["invariant"].as_str().unwrap();
    assert!(
        ran.stdout.starts_with(&format!("{id}  fail   ")),
        "{}",
        ran.stdout
    );
    let again = "again  twinproof properties --sut sut.toml --cases 5 --seed 7 --report kept";
    for says in [
        "\n    1  ",
        again,
        "I26  not checked: the profile has no twinning.restart",
    ] {
        assert!(ran.stdout.contains(says), "{}", ran.stdout);
    }
    let again = properties(dir.path(), &args);
    assert_eq!(again.code, Some(1), "{}{}", again.stdout, again.stderr);
    assert!(
        again.stdout.contains("1 kept before and 0 sequences"),
        "{}",
        again.stdout
    );

    // A sequence that ends at another invariant proves nothing of the one that was asked for.
    let other = properties(dir.path(), &["--sut", "sut.toml", "--invariant", "I12"]);
    assert_eq!(other.code, Some(3), "{}{}", other.stdout, other.stderr);
    assert!(
        other.stdout.contains("nothing was found out"),
        "{}",
        other.stdout
    );
}

#[test]
fn nobody_there_is_no_broken_invariant() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing listens on the discard port of a machine that runs tests.
    for (base_url, subscribers, says) in [
        (
            "http://127.0.0.1:9",
            5,
            "5 sequences were broken by the transport",
        ),
        (
            "http://127.0.0.1:9",
            2,
            "5 subscribers are needed, the profile has 2",
        ),
    ] {
        profile(dir.path(), base_url, subscribers);
        let ran = properties(dir.path(), &["--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(says), "{}", ran.stdout);
        assert!(
            ran.stdout.contains("nothing was found out"),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn an_invariant_that_cannot_be_checked_is_not_green() {
    let dir = tempfile::tempdir().unwrap();
    profile(dir.path(), "http://127.0.0.1:9", 5);
    let ran = properties(dir.path(), &["--sut", "sut.toml", "--invariant", "I26"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    let unknown = properties(dir.path(), &["--invariant", "I99"]);
    assert_eq!(unknown.code, Some(4), "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("there is no invariant I99"),
        "{}",
        unknown.stderr
    );
    let listed = properties(dir.path(), &["--list"]);
    assert!(
        listed
            .stdout
            .contains("I26  a restart changes nothing (needs twinning.restart)"),
        "{}",
        listed.stdout
    );
    fs::create_dir(dir.path().join("kept")).unwrap();
    fs::write(dir.path().join("kept/properties.json"), "[{}]").unwrap();
    let broken = properties(dir.path(), &["--report", "kept"]);
    assert_eq!(broken.code, Some(2), "{}", broken.stderr);
    assert!(
        broken
            .stderr
            .contains("kept/properties.json: missing field"),
        "{}",
        broken.stderr
    );
}

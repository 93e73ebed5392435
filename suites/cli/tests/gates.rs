//! What a pipeline gates on: the difference to an older run, and a list of what is accepted.

mod common;

use std::fs;

use common::{report, right_features, twinproof, wrong_features};

const RUN: [&str; 5] = ["run", "--stage", "virtual", "--features", "wrong"];

#[test]
fn two_runs_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let run = |to: &str| {
        let args = [&RUN[..], &["--report", to]].concat();
        assert_eq!(
            twinproof(dir.path(), &args).code.map(|c| c > 3),
            Some(false)
        );
    };
    right_features(dir.path());
    run("right");
    wrong_features(dir.path());
    run("wrong");
    let diff = |a: &str, b: &str| twinproof(dir.path(), &["diff", a, b]);

    let same = diff("right", "right/report.json");
    assert_eq!(
        (same.code, same.stdout.as_str()),
        (Some(0), "no difference\n")
    );
    let worse = diff("right", "wrong");
    assert_eq!(worse.code, Some(1), "{}", worse.stderr);
    for says in [
        "circumstances\n  suite: ",
        "newly failing (2)",
        "  twinning/mine/second  pass → fail",
    ] {
        assert!(worse.stdout.contains(says), "{}", worse.stdout);
    }
    let better = diff("wrong", "right");
    assert_eq!(better.code, Some(0), "{}", better.stderr);
    assert!(
        better.stdout.contains("twinning/mine/second  fail → pass"),
        "{}",
        better.stdout
    );

    // What was found out there and is not known here is as much of a loss.
    let part = [
        &RUN[..],
        &["--report", "part", "--scenario", "twinning/mine/first"],
    ]
    .concat();
    right_features(dir.path());
    assert_eq!(twinproof(dir.path(), &part).code, Some(0));
    let lost = diff("right", "part");
    assert_eq!(lost.code, Some(1), "{}", lost.stdout);
    for says in [
        "circumstances\n  scenarios: all → filtered\n",
        "removed (2)\n  twinning/mine/second  pass → –\n",
    ] {
        assert!(lost.stdout.contains(says), "{}", lost.stdout);
    }
    let more = diff("part", "right");
    assert!(more.stdout.contains("added (2)\n"), "{}", more.stdout);

    let none = diff("right", "nowhere");
    assert_eq!(none.code, Some(2));
    assert!(
        none.stderr.contains("expected a report at nowhere"),
        "{}",
        none.stderr
    );
}

#[test]
fn a_baseline_accepts_what_it_lists_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    wrong_features(dir.path());
    let run = |more: &[&str]| twinproof(dir.path(), &[&RUN[..], more].concat());

    let first = run(&["--write-baseline", "known.toml"]);
    assert_eq!(
        first.code,
        Some(1),
        "what is written down is not accepted yet: {}",
        first.stderr
    );
    assert!(
        first.stderr.contains("known.toml accepts 2 scenarios"),
        "{}",
        first.stderr
    );
    let again = run(&["--write-baseline", "known.toml"]);
    assert_eq!(again.code, Some(2));
    assert!(
        again.stderr.contains("known.toml is there already"),
        "{}",
        again.stderr
    );

    let accepted = run(&["--baseline", "known.toml"]);
    assert_eq!(accepted.code, Some(0), "{}", accepted.stderr);
    assert!(
        accepted.stdout.contains("\nAccepted: "),
        "{}",
        accepted.stdout
    );
    assert!(!accepted.stdout.contains("onform"), "{}", accepted.stdout);
    assert!(
        accepted.stdout.contains("accepted  to be explained: "),
        "{}",
        accepted.stdout
    );
    let counted = report(&dir.path().join("twinproof-report"));
    assert_eq!(
        counted["summary"]["scenarios"]["inconclusive"], 1,
        "it stays counted"
    );

    let known = fs::read_to_string(dir.path().join("known.toml")).unwrap();
    let entries: Vec<_> = known.split("[[accept]]").collect();
    let [head, second, third] = entries[..] else {
        panic!("{known}")
    };
    assert!(second.contains("twinning/mine/second") && third.contains("twinning/mine/third"));
    let with = |entry: &str| {
        fs::write(
            dir.path().join("part.toml"),
            format!("{head}[[accept]]{entry}"),
        )
        .unwrap();
        run(&["--baseline", "part.toml"])
    };
    let unlisted = with(third);
    assert_eq!(unlisted.code, Some(1), "{}", unlisted.stderr);
    assert!(
        unlisted.stdout.contains("\nDoes not conform: "),
        "{}",
        unlisted.stdout
    );
    let open = with(second);
    assert_eq!(open.code, Some(3), "{}", open.stderr);
    assert!(!open.stdout.contains("Accepted"), "{}", open.stdout);

    right_features(dir.path());
    let stale = run(&["--baseline", "known.toml"]);
    assert_eq!(stale.code, Some(5), "{}", stale.stderr);
    assert!(
        stale
            .stdout
            .contains("The baseline says that twinning/mine/second fails"),
        "{}",
        stale.stdout
    );
}

#[test]
fn what_is_accepted_does_not_end_a_hasty_run() {
    let dir = tempfile::tempdir().unwrap();
    wrong_features(dir.path());
    let run = |more: &[&str]| {
        let ran = twinproof(dir.path(), &[&RUN[..], &["--jobs", "1"], more].concat());
        let report = report(&dir.path().join("twinproof-report"));
        let scenarios = report["scenarios"].as_array().unwrap().iter();
        let attempts: Vec<_> = scenarios.map(|s| s["attempts"].as_u64().unwrap()).collect();
        (ran.code, attempts)
    };
    assert_eq!(
        run(&["--write-baseline", "known.toml"]),
        (Some(1), vec![1, 1, 1])
    );
    let hasty = ["--fail-fast", "--baseline", "known.toml"];
    assert_eq!(run(&hasty), (Some(0), vec![1, 1, 1]));
    // Of the same failure, what is not listed ends it.
    let known = fs::read_to_string(dir.path().join("known.toml")).unwrap();
    let unlisted = known.replace("twinning/mine/second", "twinning/mine/first");
    fs::write(dir.path().join("known.toml"), unlisted).unwrap();
    assert_eq!(run(&hasty), (Some(1), vec![1, 1, 0]));
}

#[test]
fn what_is_wrong_with_a_baseline_is_2() {
    let dir = tempfile::tempdir().unwrap();
    wrong_features(dir.path());
    let entry = |why: &str| {
        format!(
            "[[accept]]\nverdict = \"fail\"\nscenario = \"s\"\nrequirement = \"r\"\nwhy = \"{why}\"\n"
        )
    };
    for (text, says) in [
        (entry(" "), "has no `why`"),
        (
            entry("known").replace("\"fail\"", "\"pass\""),
            "unknown variant `pass`",
        ),
        (
            entry("known").replace("scenario", "scenery"),
            "unknown field `scenery`",
        ),
    ] {
        fs::write(dir.path().join("known.toml"), text).unwrap();
        let ran = twinproof(
            dir.path(),
            &[&RUN[..], &["--baseline", "known.toml"]].concat(),
        );
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("the baseline known.toml is wrong"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    let missing = twinproof(
        dir.path(),
        &[&RUN[..], &["--baseline", "missing.toml"]].concat(),
    );
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.stderr.contains("--write-baseline missing.toml"),
        "{}",
        missing.stderr
    );
    assert!(
        !dir.path().join("twinproof-report").exists(),
        "nothing was run"
    );
}

#[test]
fn a_system_that_never_answers_gives_no_baseline() {
    let dir = tempfile::tempdir().unwrap();
    wrong_features(dir.path());
    let subscribers: String = (0..4)
        .map(|n| format!("[[twinning.subscriber]]\naddress = \"tel:+1202555010{n}\"\ntoken = \"secret-{n}\"\n"))
        .collect();
    // Nothing listens on the discard port of a machine that runs tests.
    let profile = format!(
        "[sut]\nname = \"s\"\nrole = \"twinning-enabler\"\n[twinning]\nbase_url = \"http://127.0.0.1:9\"\n{subscribers}"
    );
    fs::write(dir.path().join("sut.toml"), profile).unwrap();
    let args = [
        "run",
        "--sut",
        "sut.toml",
        "--features",
        "wrong",
        "--write-baseline",
        "known.toml",
    ];
    let ran = twinproof(dir.path(), &args);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("known.toml was not written"),
        "{}",
        ran.stderr
    );
    assert!(!dir.path().join("known.toml").exists());
}

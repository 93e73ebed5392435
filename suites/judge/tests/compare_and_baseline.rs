//! Reports against reports, and reports against a baseline.

use twinproof_evidence::report::{Report, Scenario};
use twinproof_evidence::{ExitCode, Verdict};
use twinproof_judge::baseline::{Accepted, Baseline, Entry};
use twinproof_judge::compare::Difference;

fn report(scenarios: &[(&str, Verdict)]) -> Report {
    let scenario = |(id, verdict): &(&str, Verdict)| Scenario {
        id: (*id).to_owned(),
        feature: String::new(),
        line: 1,
        title: String::new(),
        requirements: vec!["R-1".to_owned()],
        tags: Vec::new(),
        verdict: *verdict,
        reason: String::new(),
        again: String::new(),
        attempts: 1,
        tried: Vec::new(),
        took_us: 0,
        steps: Vec::new(),
        findings: Vec::new(),
        exchanges: Vec::new(),
    };
    let scenarios: Vec<_> = scenarios.iter().map(scenario).collect();
    let json = serde_json::json!({
        "schema_version": 1,
        "tool": { "name": "twinproof", "version": "0" },
        "sut": { "name": "s", "version": "1", "profile_sha256": "" },
        "suite_sha256": "", "seed": 1, "stage": "virtual", "started": "", "duration_ms": 0,
        "notices": [], "documents": [], "requirements": [], "knobs": [],
        "summary": {
            "requirements": twinproof_evidence::report::Count::default(),
            "scenarios": scenarios.iter().map(|s| s.verdict).collect::<twinproof_evidence::report::Count>(),
            "contact": true, "filtered": false,
        },
        "scenarios": scenarios,
    });
    serde_json::from_value(json).unwrap()
}

fn entry(verdict: Accepted, scenario: &str) -> Entry {
    Entry {
        verdict,
        scenario: scenario.to_owned(),
        check: None,
        requirement: "R-1".to_owned(),
        why: "known".to_owned(),
    }
}

#[test]
fn only_what_got_worse_is_a_regression() {
    use Verdict::{Fail, Inconclusive, Pass};
    let cases = [
        (&[("a", Pass)][..], &[("a", Fail)][..], true),
        (&[("a", Fail)], &[("a", Fail)], false),
        (&[("a", Fail)], &[("a", Pass)], false),
        (&[("a", Pass)], &[("a", Inconclusive)], false),
        (&[], &[("a", Fail)], true),
        (&[("a", Pass)], &[], false),
    ];
    for (before, after, regression) in cases {
        let difference = Difference::between(&report(before), &report(after));
        assert_eq!(
            difference.is_regression(),
            regression,
            "{before:?} {after:?}"
        );
    }
}

#[test]
fn circumstances_come_first() {
    let (before, mut after) = (
        report(&[("a", Verdict::Pass)]),
        report(&[("a", Verdict::Fail)]),
    );
    after.sut.version = "2".to_owned();
    let text = Difference::between(&before, &after).to_string();
    assert_eq!(
        text,
        "circumstances\n  version: 1 → 2\nnewly failing (1)\n  a  pass → fail\n"
    );
}

#[test]
fn the_baseline_gates_on_what_is_new() {
    use Verdict::{Fail, Inconclusive, Pass};
    let cases = [
        (vec![], &[("a", Fail)][..], ExitCode::Fails),
        (
            vec![entry(Accepted::Fail, "a")],
            &[("a", Fail)],
            ExitCode::Conformant,
        ),
        (
            vec![entry(Accepted::Fail, "a")],
            &[("a", Pass)],
            ExitCode::StaleBaseline,
        ),
        (
            vec![entry(Accepted::Flaky, "a")],
            &[("a", Pass)],
            ExitCode::Conformant,
        ),
        (
            vec![entry(Accepted::Inconclusive, "a")],
            &[("a", Inconclusive)],
            ExitCode::Conformant,
        ),
        (
            vec![entry(Accepted::Inconclusive, "a")],
            &[("a", Fail)],
            ExitCode::Fails,
        ),
        (vec![], &[("a", Inconclusive)], ExitCode::Incomplete),
        (
            vec![entry(Accepted::Fail, "gone")],
            &[("a", Pass)],
            ExitCode::StaleBaseline,
        ),
        (
            vec![entry(Accepted::Fail, "b")],
            &[("a", Fail), ("b", Pass)],
            ExitCode::Fails,
        ),
    ];
    for (entries, scenarios, code) in cases {
        let report = report(scenarios);
        let baseline = Baseline { entries };
        assert_eq!(
            baseline.weigh(&report).exit_code(&report),
            code,
            "{baseline:?} {scenarios:?}"
        );
    }
}

#[test]
fn a_written_baseline_is_read_again_and_accepts_its_report() {
    let report = report(&[
        ("a", Verdict::Fail),
        ("b", Verdict::Inconclusive),
        ("c", Verdict::Pass),
    ]);
    let baseline = Baseline::parse(&Baseline::of_report(&report).text()).unwrap();
    assert_eq!(
        baseline.weigh(&report).exit_code(&report),
        ExitCode::Conformant
    );
    let silent = Baseline {
        entries: vec![Entry {
            why: " ".to_owned(),
            ..entry(Accepted::Fail, "a")
        }],
    };
    assert!(Baseline::parse(&silent.text()).unwrap_err().contains("why"));
}

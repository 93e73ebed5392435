//! Reports against reports.

mod common;

use common::report;
use twinproof_evidence::Verdict;
use twinproof_judge::compare::Difference;

#[test]
fn only_what_got_worse_is_a_regression() {
    use Verdict::{Error, Fail, Inconclusive, Inspect, NotApplicable, Pass, Untested, Warning};
    let cases = [
        (&[("a", Pass)][..], &[("a", Fail)][..], true),
        (&[("a", Inconclusive)], &[("a", Fail)], true),
        (&[("a", Fail)], &[("a", Fail)], false),
        (&[("a", Fail)], &[("a", Pass)], false),
        (&[("a", Pass)], &[("a", Warning)], false),
        (&[("a", Warning)], &[("a", Inspect)], false),
        // What was good and is not known any more is no better than what got worse.
        (&[("a", Pass)], &[("a", Inconclusive)], true),
        (&[("a", Pass)], &[("a", Untested)], true),
        (&[("a", Pass)], &[("a", NotApplicable)], true),
        (&[("a", Warning)], &[("a", Error)], true),
        (&[("a", Inspect)], &[("a", Inconclusive)], true),
        (&[("a", Pass)], &[], true),
        // What was bad or not known has nothing to lose.
        (&[("a", Fail)], &[("a", Inconclusive)], false),
        (&[("a", Fail)], &[], false),
        (&[("a", Untested)], &[("a", Inconclusive)], false),
        (&[("a", Inconclusive)], &[], false),
        (&[], &[("a", Fail)], true),
        (&[], &[("a", Inconclusive)], false),
        (&[], &[("a", Pass)], false),
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
fn each_change_stands_in_one_group() {
    use Verdict::{Fail, Inconclusive, NotApplicable, Pass, Warning};
    let before = [
        ("fails", Pass),
        ("gone", Pass),
        ("passes", Inconclusive),
        ("same", Fail),
        ("unknown", Pass),
        ("warns", Fail),
    ];
    let after = [
        ("fails", Fail),
        ("new", NotApplicable),
        ("passes", Pass),
        ("same", Fail),
        ("unknown", Inconclusive),
        ("warns", Warning),
    ];
    let text = Difference::between(&report(&before), &report(&after)).to_string();
    assert_eq!(
        text,
        "newly failing (1)\n  fails  pass → fail\n\
         newly passing (1)\n  passes  inconclusive → pass\n\
         no longer judged (1)\n  unknown  pass → inconclusive\n\
         changed (1)\n  warns  fail → warning\n\
         added (1)\n  new  – → not applicable\n\
         removed (1)\n  gone  pass → –\n"
    );
}

#[test]
fn requirements_are_compared_as_scenarios_are() {
    let of = |requirements: &[(&str, Verdict)]| {
        let mut report = report(&[]);
        let requirement = |(id, verdict): &(&str, Verdict)| {
            serde_json::from_value(serde_json::json!({
                "id": id, "document": "d", "enabler": "e", "section": "1", "level": "SHALL",
                "status": "active", "title": "", "verdict": verdict, "reason": "", "basis": "",
                "scenarios": [],
            }))
        };
        report.requirements = requirements
            .iter()
            .map(|r| requirement(r).unwrap())
            .collect();
        report
    };
    use Verdict::{Fail, Pass, Untested};
    let before = of(&[("R-1", Pass), ("R-2", Untested), ("R-3", Pass)]);
    let after = of(&[("R-1", Fail), ("R-3", Untested), ("R-4", Pass)]);
    let difference = Difference::between(&before, &after);
    assert!(difference.is_regression());
    assert_eq!(
        difference.to_string(),
        "newly failing (1)\n  R-1  pass → fail\n\
         no longer judged (1)\n  R-3  pass → untested\n\
         added (1)\n  R-4  – → pass\n\
         removed (1)\n  R-2  untested → –\n"
    );
}

#[test]
fn circumstances_come_first() {
    let (before, mut after) = (
        report(&[("a", Verdict::Pass)]),
        report(&[("a", Verdict::Fail)]),
    );
    after.sut.version = "2".to_owned();
    after.sut.profile_sha256 = "fedcba9876543210".repeat(4);
    after.suite_sha256 = "0123456789abcdef".repeat(4);
    after.repeat = 3;
    after.summary.filtered = true;
    let text = Difference::between(&before, &after).to_string();
    assert_eq!(
        text,
        "circumstances\n  version: 1 → 2\n  profile: (none) → fedcba987654\n  suite: (none) → 0123456789ab\n  repeat: 1 → 3\n  \
         scenarios: all → filtered\nnewly failing (1)\n  a  pass → fail\n"
    );
}

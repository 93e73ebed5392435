//! Reports against reports.

mod common;

use common::report;
use twinproof_evidence::Verdict;
use twinproof_judge::compare::Difference;

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

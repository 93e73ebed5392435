//! Reports against a baseline.

mod common;

use Verdict::{Error, Fail, Inconclusive, Inspect, NotApplicable, Pass, Warning};
use common::{report, report_of, scenario, tried, with_findings};
use twinproof_evidence::baseline::{Accepted, Baseline, Entry};
use twinproof_evidence::report::Report;
use twinproof_evidence::{ExitCode, Verdict};
use twinproof_judge::baseline::{of_report, parse, text, weigh};

fn entry(verdict: Accepted, scenario: &str) -> Entry {
    Entry {
        verdict,
        scenario: Some(scenario.to_owned()),
        check: None,
        requirement: "R-1".to_owned(),
        why: format!("{scenario} is known"),
    }
}

fn check(verdict: Accepted, check: &str) -> Entry {
    Entry {
        scenario: None,
        check: Some(check.to_owned()),
        ..entry(verdict, check)
    }
}

fn weighed(entries: &[Entry], mut report: Report) -> Report {
    let baseline = Baseline {
        entries: entries.to_vec(),
    };
    weigh(&baseline, &mut report);
    report
}

fn code(entries: &[Entry], report: Report) -> ExitCode {
    weighed(entries, report).exit_code()
}

#[test]
fn the_process_ends_for_what_is_new_or_does_not_happen_any_more() {
    use ExitCode::{Conformant, Fails, Incomplete, OurFault, StaleBaseline};
    let cases = [
        (vec![], &[("a", Fail)][..], Fails),
        (vec![entry(Accepted::Fail, "a")], &[("a", Fail)], Conformant),
        (
            vec![entry(Accepted::Fail, "a")],
            &[("a", Pass)],
            StaleBaseline,
        ),
        (
            vec![entry(Accepted::Fail, "a")],
            &[("a", Warning)],
            StaleBaseline,
        ),
        (
            vec![entry(Accepted::Fail, "a")],
            &[("a", Inspect)],
            StaleBaseline,
        ),
        (
            vec![entry(Accepted::Fail, "a")],
            &[("a", NotApplicable)],
            StaleBaseline,
        ),
        // That it cannot be found out is another matter than that it fails.
        (
            vec![entry(Accepted::Fail, "a")],
            &[("a", Inconclusive)],
            Incomplete,
        ),
        (
            vec![entry(Accepted::Inconclusive, "a")],
            &[("a", Inconclusive)],
            Conformant,
        ),
        (
            vec![entry(Accepted::Inconclusive, "a")],
            &[("a", Fail)],
            Fails,
        ),
        (
            vec![entry(Accepted::Inconclusive, "a")],
            &[("a", Pass)],
            StaleBaseline,
        ),
        (
            vec![entry(Accepted::Flaky, "a")],
            &[("a", Pass)],
            Conformant,
        ),
        (
            vec![entry(Accepted::Flaky, "a")],
            &[("a", Fail)],
            Conformant,
        ),
        (
            vec![entry(Accepted::Flaky, "a")],
            &[("a", Inconclusive)],
            Conformant,
        ),
        (vec![], &[("a", Inconclusive)], Incomplete),
        // Nobody accepts our own faults.
        (vec![entry(Accepted::Flaky, "a")], &[("a", Error)], OurFault),
        (
            vec![entry(Accepted::Fail, "gone")],
            &[("a", Pass)],
            StaleBaseline,
        ),
        (
            vec![entry(Accepted::Flaky, "gone")],
            &[("a", Pass)],
            StaleBaseline,
        ),
        (
            vec![entry(Accepted::Fail, "b")],
            &[("a", Fail), ("b", Pass)],
            Fails,
        ),
    ];
    for (entries, scenarios, expected) in cases {
        let came = code(&entries, report(scenarios));
        assert_eq!(came, expected, "{entries:?} {scenarios:?}");
    }
}

#[test]
fn no_list_excuses_silence_or_a_cut_record() {
    let list = [entry(Accepted::Inconclusive, "a")];
    let open = || report(&[("a", Inconclusive)]);
    assert_eq!(code(&list, open()), ExitCode::Conformant);
    let mut silent = open();
    silent.summary.contact = false;
    assert_eq!(code(&list, silent), ExitCode::Incomplete);
    let mut cut = open();
    cut.summary.cut = Some("line 7 was not written to its end".to_owned());
    assert_eq!(code(&list, cut), ExitCode::Incomplete);
}

#[test]
fn the_reason_stands_with_the_scenario_and_its_verdict_stays() {
    let known = [
        entry(Accepted::Fail, "a"),
        entry(Accepted::Inconclusive, "b"),
    ];
    let report = weighed(
        &known,
        report(&[("a", Fail), ("b", Inconclusive), ("c", Pass)]),
    );
    let said: Vec<_> = report
        .scenarios
        .iter()
        .map(|s| s.accepted.join(""))
        .collect();
    assert_eq!(said, ["a is known", "b is known", ""]);
    let verdicts: Vec<_> = report.scenarios.iter().map(|s| s.verdict).collect();
    assert_eq!(verdicts, [Fail, Inconclusive, Pass]);
    assert_eq!(report.summary.scenarios.inconclusive, 1);
}

#[test]
fn an_entry_for_a_check_accepts_nothing_else() {
    let failing = |findings: &[(&str, Verdict)]| {
        report_of(vec![with_findings(scenario("a", Fail), findings)])
    };
    let (x, y) = (check(Accepted::Fail, "x"), check(Accepted::Fail, "y"));
    let cases = [
        (
            vec![x.clone()],
            &[("x", Fail), ("z", Pass)][..],
            ExitCode::Conformant,
        ),
        (
            vec![x.clone()],
            &[("x", Fail), ("y", Fail)],
            ExitCode::Fails,
        ),
        (
            vec![x.clone(), y.clone()],
            &[("x", Fail), ("y", Fail)],
            ExitCode::Conformant,
        ),
        (
            vec![x.clone()],
            &[("x", Pass), ("y", Fail)],
            ExitCode::Fails,
        ),
        // It failed for something that no finding shows.
        (vec![x.clone()], &[], ExitCode::Fails),
    ];
    for (entries, findings, expected) in cases {
        let came = code(&entries, failing(findings));
        assert_eq!(came, expected, "{entries:?} {findings:?}");
    }
    let both = weighed(&[x.clone(), y], failing(&[("x", Fail), ("y", Pass)]));
    assert_eq!(both.exit_code(), ExitCode::StaleBaseline);
    let stale = &both.baseline.unwrap().stale;
    assert_eq!(stale.len(), 1);
    assert_eq!(stale[0].now, "y finds nothing wrong");
    // What came after the accepted check was not judged, so nobody has accepted it.
    let mut halted = with_findings(scenario("a", Fail), &[("x", Fail)]);
    let mut then = halted.steps[1].clone();
    then.text = "a second one".to_owned();
    halted.steps.push(then);
    assert_eq!(code(&[x], report_of(vec![halted])), ExitCode::Fails);
}

#[test]
fn an_entry_for_another_requirement_accepts_nothing_and_is_out_of_date() {
    let wrong = Entry {
        requirement: "R-2".to_owned(),
        ..entry(Accepted::Fail, "a")
    };
    let report = weighed(&[wrong], report(&[("a", Fail)]));
    assert_eq!(report.exit_code(), ExitCode::Fails);
    let stale = &report.baseline.unwrap().stale;
    assert_eq!(stale[0].now, "a does not judge R-2");
}

#[test]
fn a_filtered_run_contradicts_nothing_that_it_left_out() {
    let list = [
        entry(Accepted::Fail, "left-out"),
        check(Accepted::Fail, "x"),
    ];
    let mut part = report(&[("a", Pass)]);
    part.summary.filtered = true;
    assert_eq!(code(&list, part), ExitCode::Conformant);
    assert_eq!(code(&list, report(&[("a", Pass)])), ExitCode::StaleBaseline);
}

#[test]
fn a_written_list_is_read_again_and_accepts_its_report() {
    let flaky = tried(scenario("flaky", Fail), &[(Pass, true), (Fail, true)]);
    // An attempt that the transport broke does not make it flaky.
    let retried = tried(
        scenario("retried", Fail),
        &[(Inconclusive, false), (Fail, true)],
    );
    let report = report_of(vec![
        scenario("a", Fail),
        scenario("b", Inconclusive),
        scenario("c", Pass),
        flaky,
        retried,
        tried(
            scenario("open", Inconclusive),
            &[(Inconclusive, true), (Pass, true)],
        ),
    ]);
    let baseline = parse(&text(&of_report(&report))).unwrap();
    let kinds: Vec<_> = baseline.entries.iter().map(|e| e.verdict).collect();
    use Accepted::{Flaky, Inconclusive as Open};
    assert_eq!(kinds, [Accepted::Fail, Open, Flaky, Accepted::Fail, Flaky]);
    assert_eq!(code(&baseline.entries, report), ExitCode::Conformant);
}

#[test]
fn a_list_that_says_too_little_is_refused() {
    let list = |entry: Entry| {
        parse(&text(&Baseline {
            entries: vec![entry],
        }))
    };
    let silent = Entry {
        why: " ".to_owned(),
        ..entry(Accepted::Fail, "a")
    };
    assert!(list(silent).unwrap_err().contains("no `why`"));
    let all = Entry {
        scenario: None,
        ..entry(Accepted::Fail, "a")
    };
    assert!(list(all).unwrap_err().contains("accept everything"));
    assert!(list(check(Accepted::Fail, "x")).is_ok());
}

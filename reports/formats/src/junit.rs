//! `junit.xml` for continuous integration.
//!
//! One suite per requirement group (feature file), one case per scenario. Requirements that no
//! scenario speaks for follow, one suite per document, so that the file has the full denominator; and
//! a suite `run` asks whether the system answered and the record is whole.
//!
//! JUnit knows four outcomes where we know eight verdicts; [`MAPPING`] is the translation. Its rule:
//! a pipeline that reads nothing but this file is red whenever the exit code is not 0, and what was
//! not judged is never a passed case. So an inconclusive scenario is an `error` of type
//! `inconclusive`. `warning` and `inspect` leave the exit code at 0: such a *scenario* was performed
//! and nothing in it failed; it passes, with the property `verdict` and the reason in `system-out`. A
//! *requirement* that only a person can judge was not performed, so it is skipped. What a baseline
//! accepts is skipped as well, whatever it is: it did not pass, and it stops nobody.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use twinproof_evidence::Verdict;
use twinproof_evidence::report::{Report, Requirement, Scenario};

use crate::text;

/// What JUnit can say of a case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// `<error type="…">`
    Error,
    /// `<failure type="…">`
    Failure,
    /// No child element.
    Pass,
    /// `<skipped>`
    Skipped,
}

impl Outcome {
    /// As a table prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Failure => "failure",
            Self::Pass => "pass",
            Self::Skipped => "skipped",
        }
    }
}

/// How a verdict is said in JUnit.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Our verdict.
    pub verdict: Verdict,
    /// The outcome of a scenario's case. Its `type` is the verdict's name.
    pub scenario: Outcome,
    /// The outcome of a requirement's case, which exists where no scenario speaks for it.
    pub requirement: Outcome,
    /// Why so.
    pub because: &'static str,
}

/// The translation of verdicts, gravest first.
pub const MAPPING: [Row; 8] = [
    Row {
        verdict: Verdict::Fail,
        scenario: Outcome::Failure,
        requirement: Outcome::Failure,
        because: "the system breaks the requirement",
    },
    Row {
        verdict: Verdict::Error,
        scenario: Outcome::Error,
        requirement: Outcome::Error,
        because: "the tester broke; nothing is known",
    },
    Row {
        verdict: Verdict::Inconclusive,
        scenario: Outcome::Error,
        requirement: Outcome::Error,
        because: "nothing is known, and a pipeline must not take that for green",
    },
    Row {
        verdict: Verdict::Inspect,
        scenario: Outcome::Pass,
        requirement: Outcome::Skipped,
        because: "nothing failed; what a person has to look at is in system-out",
    },
    Row {
        verdict: Verdict::Warning,
        scenario: Outcome::Pass,
        requirement: Outcome::Pass,
        because: "nothing mandatory failed; the warning is in system-out",
    },
    Row {
        verdict: Verdict::Pass,
        scenario: Outcome::Pass,
        requirement: Outcome::Pass,
        because: "the system does what the requirement says",
    },
    Row {
        verdict: Verdict::NotApplicable,
        scenario: Outcome::Skipped,
        requirement: Outcome::Skipped,
        because: "not claimed, or withdrawn by the document",
    },
    Row {
        verdict: Verdict::Untested,
        scenario: Outcome::Skipped,
        requirement: Outcome::Skipped,
        because: "nothing of this run judges it",
    },
];

/// The report as JUnit XML.
pub fn render(report: &Report) -> String {
    let mut junit = quick_junit::Report::new(format!(
        "{} {}: {} {}",
        report.tool.name, report.tool.version, report.sut.name, report.sut.version
    ));
    junit.timestamp = report.started.parse().ok();
    junit.time = Some(Duration::from_millis(report.duration_ms));
    junit.add_test_suite(run(report));
    let mut groups: Vec<(String, Vec<&Scenario>)> = Vec::new();
    for scenario in &report.scenarios {
        let name = text::group(scenario);
        match groups.iter_mut().find(|(group, _)| *group == name) {
            Some((_, scenarios)) => scenarios.push(scenario),
            None => groups.push((name, vec![scenario])),
        }
    }
    for (name, scenarios) in groups {
        let mut suite = TestSuite::new(name);
        suite.timestamp = junit.timestamp;
        suite.time = Some(Duration::from_micros(
            scenarios.iter().map(|scenario| scenario.took_us).sum(),
        ));
        suite.add_test_cases(scenarios.into_iter().map(scenario_case));
        junit.add_test_suite(suite);
    }
    for document in &report.documents {
        let mut suite = TestSuite::new(format!("{}: requirements without a scenario", document.id));
        suite.add_test_cases(
            report
                .requirements
                .iter()
                .filter(|r| r.document == document.id && !spoken_for(r, report))
                .map(requirement_case),
        );
        if suite.tests > 0 {
            junit.add_test_suite(suite);
        }
    }
    junit
        .to_string()
        .expect("writing XML to memory does not fail")
}

/// Whether a scenario's case already says what the requirement's would.
fn spoken_for(requirement: &Requirement, report: &Report) -> bool {
    report
        .scenarios
        .iter()
        .filter(|scenario| requirement.scenarios.contains(&scenario.id))
        .any(|scenario| scenario.verdict >= requirement.verdict)
}

/// The suite that is red when the run as a whole says nothing.
fn run(report: &Report) -> TestSuite {
    let mut suite = TestSuite::new("run");
    let facts = [
        ("sut", format!("{} {}", report.sut.name, report.sut.version)),
        ("profile_sha256", report.sut.profile_sha256.clone()),
        ("suite_sha256", report.suite_sha256.clone()),
        ("seed", report.seed.to_string()),
        ("stage", report.stage.clone()),
        ("filtered", report.summary.filtered.to_string()),
    ];
    suite.add_properties(facts.iter().map(|(name, value)| (*name, value.as_str())));
    suite.add_properties(report.notices.iter().map(|text| ("notice", text.as_str())));
    let verdict_unless = |fault: Option<String>| match fault {
        None => TestCaseStatus::success(),
        Some(fault) => status(Outcome::Error, Verdict::Inconclusive, &fault, &fault),
    };
    let silence = "the system under test gave no successful answer in the whole run";
    let contact = verdict_unless((!report.summary.contact).then(|| silence.to_owned()));
    let whole = verdict_unless(report.summary.cut.clone());
    let mut facts = vec![
        ("the system under test answers", contact),
        ("the record is whole", whole),
    ];
    if report.baseline.is_some() {
        let stale: Vec<_> = text::stale(report).collect();
        let stale = verdict_unless((!stale.is_empty()).then(|| stale.join("\n")));
        facts.push(("the baseline lists only what happens", stale));
    }
    for (name, status) in facts {
        let mut case = TestCase::new(name, status);
        case.set_classname("run");
        suite.add_test_case(case);
    }
    suite
}

fn scenario_case(scenario: &Scenario) -> TestCase {
    let mut described = String::new();
    for finding in &scenario.findings {
        if finding.verdict == Verdict::Pass {
            continue;
        }
        described.push_str(&format!(
            "{}: {}\n  expected  {}\n  got       {}\n  basis     {}\n",
            finding.check,
            finding.verdict,
            text::line(&finding.expected, LIMIT),
            text::line(&finding.got, LIMIT),
            finding.basis,
        ));
        let evidence = text::evidence(&finding.evidence);
        if !evidence.is_empty() {
            described.push_str(&format!("  evidence  {evidence}\n"));
        }
    }
    if described.is_empty() && !scenario.reason.is_empty() {
        described.push_str(&format!("{}\n", text::line(&scenario.reason, LIMIT)));
    }
    for attempt in text::attempts(scenario) {
        described.push_str(&format!("attempt {attempt}\n"));
    }
    if scenario.verdict != Verdict::Pass {
        described.push_str(&format!("again: {}\n", scenario.again));
    }
    let (outcome, message) = match scenario.accepted.join(" ") {
        why if why.is_empty() => (row(scenario.verdict).scenario, scenario.reason.clone()),
        why => (Outcome::Skipped, format!("accepted by the baseline: {why}")),
    };
    let mut case = TestCase::new(
        text::title(scenario),
        status(outcome, scenario.verdict, &message, &described),
    );
    case.set_classname(scenario.id.replace('/', "."));
    case.set_time(Duration::from_micros(scenario.took_us));
    case.add_property(("verdict", scenario.verdict.name()));
    case.add_property(("scenario", scenario.id.as_str()));
    let accepted = scenario.accepted.iter();
    case.add_properties(accepted.map(|why| ("accepted", why.as_str())));
    case.add_properties(
        scenario
            .requirements
            .iter()
            .map(|id| ("requirement", id.as_str())),
    );
    case.add_property(("attempts", scenario.attempts.to_string().as_str()));
    if outcome == Outcome::Pass && !described.is_empty() {
        case.set_system_out(described);
    }
    case
}

fn requirement_case(requirement: &Requirement) -> TestCase {
    let outcome = row(requirement.verdict).requirement;
    let mut case = TestCase::new(
        format!("{} {}", requirement.id, requirement.title),
        status(
            outcome,
            requirement.verdict,
            &requirement.reason,
            &requirement.basis,
        ),
    );
    case.set_classname(requirement.document.as_str());
    case.add_property(("verdict", requirement.verdict.name()));
    case.add_property(("requirement", requirement.id.as_str()));
    if outcome == Outcome::Pass && requirement.verdict != Verdict::Pass {
        case.set_system_out(requirement.reason.as_str());
    }
    case
}

/// How much of one text a case carries, in octets.
const LIMIT: usize = 4096;

fn row(verdict: Verdict) -> &'static Row {
    MAPPING
        .iter()
        .find(|row| row.verdict == verdict)
        .expect("the table has every verdict")
}

fn status(outcome: Outcome, verdict: Verdict, message: &str, description: &str) -> TestCaseStatus {
    let mut status = match outcome {
        Outcome::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Failure => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Pass => return TestCaseStatus::success(),
        Outcome::Skipped => TestCaseStatus::skipped(),
    };
    status.set_type(verdict.name());
    status.set_message(text::line(message, LIMIT));
    status.set_description(description);
    status
}

//! An old record in the words of another suite.

use std::collections::BTreeMap;

use serde_json::json;
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::{Body, Record, RunStarted, Scene, SceneStarted, Step, What};
use twinproof_evidence::report::{Report, Scenario, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::compare::rejudged;
use twinproof_judge::{FEATURES, Words, judge, retell};

const ONE: &str = "twinning/x/one";
const TWO: &str = "twinning/x/two";
const LIST: &str = r#"{"twinningList":{"twinning":[]}}"#;

/// Steps by their words, of which the first is the kind: `When it lists`.
fn scenario(requirement: &str, steps: &[&str]) -> SceneStarted {
    let step = |(text, line): (&&str, usize)| {
        let (kind, text) = text.split_once(' ').unwrap();
        Step {
            kind: kind.to_owned(),
            text: text.to_owned(),
            line,
        }
    };
    SceneStarted {
        feature: "twinning/x.feature".to_owned(),
        line: 1,
        title: String::new(),
        tags: Vec::new(),
        requirements: vec![requirement.to_owned()],
        steps: steps.iter().zip(2..).map(step).collect(),
        retry: false,
    }
}

/// Every step sends a request that succeeds, but one of these words. A Then has it judged that it did.
fn performed(id: &str, started: &SceneStarted) -> Vec<Record> {
    let mut events = vec![What::SceneStarted(started.clone())];
    for (step, exchange) in (0..started.steps.len()).zip(1..) {
        let Step { kind, text, .. } = &started.steps[step];
        let json = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        let status = if text.contains("fails") { 500 } else { 200 };
        events.push(What::StepStarted { step });
        events.push(What::Request {
            exchange,
            from: "primary".to_owned(),
            to: "sut".to_owned(),
            method: "GET".to_owned(),
            url: "http://s.example/".to_owned(),
            headers: json.clone(),
            body: Body::default(),
        });
        events.push(What::Response {
            exchange,
            status,
            headers: json,
            body: Body::new(LIST.as_bytes(), LIST.len() as u64),
        });
        if kind == "Then" && !text.contains("nothing") {
            let check = json!({ "twinning": {
                "theme": "answer", "check": "accepted", "exchange": exchange,
            } });
            events.push(What::Checked { check });
        }
        events.push(What::StepEnded { step });
    }
    events.push(What::SceneEnded);
    let scene = Scene {
        scenario: id.to_owned(),
        attempt: 1,
    };
    let record = |what| Record {
        at: 1,
        scene: Some(scene.clone()),
        what,
    };
    events.into_iter().map(record).collect()
}

fn run(scenarios: &[(&str, SceneStarted)], filtered: bool) -> Events {
    let started = RunStarted {
        schema_version: 1,
        tool: ("twinproof".to_owned(), "test".to_owned()),
        suite_sha256: "of the run".to_owned(),
        profile: json!({
            "sut": { "name": "s", "role": "twinning-enabler" },
            "twinning": { "base_url": "http://s.example", "claims": { "HLF-SD-002": false } },
        }),
        profile_sha256: String::new(),
        declared: Vec::new(),
        seed: 7,
        stage: "virtual".to_owned(),
        started: String::new(),
        enablers: vec!["twinning".to_owned()],
        filtered,
        repeat: 1,
        judged_by: BTreeMap::new(),
        selected: scenarios.iter().map(|(id, _)| (*id).to_owned()).collect(),
        plan: BTreeMap::new(),
        baseline: None,
        again: String::new(),
        retold: None,
    };
    let alone = |what| Record {
        at: 0,
        scene: None,
        what,
    };
    let mut records = vec![alone(What::RunStarted(Box::new(started)))];
    records.extend(scenarios.iter().flat_map(|(id, s)| performed(id, s)));
    records.push(alone(What::RunEnded { interrupted: false }));
    Events { records, cut: None }
}

fn told(events: &Events, suite: &[(&str, SceneStarted)]) -> Result<Report, String> {
    let words = Words {
        sha256: "of the judge",
        scenarios: suite.iter().map(|(id, s)| (*id, s)).collect(),
    };
    Ok(judged(&retell(events.clone(), &words)?))
}

fn judged(events: &Events) -> Report {
    let tool = Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    };
    judge(events, &Catalogue::load(&FEATURES).unwrap(), tool).unwrap()
}

const STEPS: [&str; 5] = [
    "Given a list",
    "When it is read",
    "Then it is short",
    "Then it is new",
    "Then it is mine",
];

/// What is said of a run of [`STEPS`] where the suite has these steps now.
fn told_with(steps: &[&str]) -> Scenario {
    let events = run(&[(ONE, scenario("HLF-TE-005", &STEPS))], false);
    let report = told(&events, &[(ONE, scenario("HLF-TE-005", steps))]).unwrap();
    assert_eq!(report.suite_sha256, "of the judge");
    report.scenarios.into_iter().next().unwrap()
}

fn findings(scenario: &Scenario) -> Vec<(usize, &str, Verdict)> {
    let findings = scenario.findings.iter();
    findings
        .map(|f| (f.step, f.check.as_str(), f.verdict))
        .collect()
}

const ACCEPTED: &str = "twinning/accepted";

#[test]
fn the_suite_of_the_run_changes_nothing() {
    let events = run(&[(ONE, scenario("HLF-TE-005", &STEPS))], false);
    let words = Words {
        sha256: "of the run",
        scenarios: Vec::new(),
    };
    assert_eq!(
        retell(events.clone(), &words).unwrap().records,
        events.records
    );
}

#[test]
fn a_scenario_that_only_moved_in_its_file_is_judged_as_before() {
    let moved = told_with(&STEPS);
    assert_eq!(moved.verdict, Verdict::Pass, "{}", moved.reason);
    let expected = [2, 3, 4].map(|step| (step, ACCEPTED, Verdict::Pass));
    assert_eq!(findings(&moved), expected);
}

#[test]
fn a_then_that_is_gone_is_not_judged() {
    let kept = [STEPS[0], STEPS[1], STEPS[2], STEPS[4]];
    let scenario = told_with(&kept);
    assert_eq!(scenario.verdict, Verdict::Pass, "{}", scenario.reason);
    let expected = [2, 3].map(|step| (step, ACCEPTED, Verdict::Pass));
    assert_eq!(findings(&scenario), expected);
    // What it read is on record all the same, and no step of the scenario did it.
    let steps: Vec<_> = scenario.exchanges.iter().map(|e| e.step).collect();
    assert_eq!(steps, [Some(0), Some(1), Some(2), None, Some(3)]);
}

#[test]
fn a_then_that_was_added_is_inconclusive_and_so_is_its_requirement() {
    let steps = [
        STEPS[0],
        STEPS[1],
        STEPS[2],
        "Then it is round",
        STEPS[3],
        STEPS[4],
    ];
    let events = run(&[(ONE, scenario("HLF-TE-005", &STEPS))], false);
    let report = told(&events, &[(ONE, scenario("HLF-TE-005", &steps))]).unwrap();
    let scenario = &report.scenarios[0];
    assert_eq!(scenario.verdict, Verdict::Inconclusive);
    assert_eq!(
        scenario.reason,
        "expected a record of “it is round”; got not recorded: the scenario did not have this step \
         when it ran"
    );
    let mut expected = vec![2, 4, 5]
        .into_iter()
        .map(|step| (step, ACCEPTED, Verdict::Pass));
    let mut wanted: Vec<_> = expected.by_ref().collect();
    wanted.push((3, "not-recorded", Verdict::Inconclusive));
    assert_eq!(findings(scenario), wanted);
    let requirement = report.requirements.iter().find(|r| r.id == "HLF-TE-005");
    assert_eq!(requirement.unwrap().verdict, Verdict::Inconclusive);
}

#[test]
fn another_given_or_when_leaves_nothing_of_the_record() {
    for steps in [
        ["Given another list", STEPS[1], STEPS[2], STEPS[3], STEPS[4]],
        [STEPS[0], "When it is written", STEPS[2], STEPS[3], STEPS[4]],
        [STEPS[0], STEPS[1], STEPS[2], STEPS[3], "When it is read"],
    ] {
        let scenario = told_with(&steps);
        assert_eq!(scenario.verdict, Verdict::Inconclusive);
        assert!(
            scenario.reason.starts_with("not recorded: the suite has "),
            "{}",
            scenario.reason
        );
        assert_eq!(findings(&scenario), []);
    }
}

#[test]
fn a_fail_stays_one_whatever_else_is_asked() {
    let steps = ["When it is read", "Then it fails"];
    let events = run(&[(ONE, scenario("HLF-TE-005", &steps))], false);
    let more = [steps[0], steps[1], "Then it is round"];
    let report = told(&events, &[(ONE, scenario("HLF-TE-005", &more))]).unwrap();
    assert_eq!(report.scenarios[0].verdict, Verdict::Fail);
    // A scenario that says now that it judges something else does so by the same record.
    let report = told(&events, &[(ONE, scenario("HLF-PD-001", &steps))]).unwrap();
    let of = |id: &str| {
        report
            .requirements
            .iter()
            .find(|r| r.id == id)
            .unwrap()
            .verdict
    };
    assert_eq!(
        (of("HLF-PD-001"), of("HLF-TE-005")),
        (Verdict::Fail, Verdict::Untested)
    );
}

#[test]
fn a_scenario_that_is_gone_is_named_and_a_new_one_is_untested() {
    let (one, two) = (
        scenario("HLF-TE-005", &STEPS),
        scenario("HLF-TE-005", &STEPS),
    );
    let disclaimed = ("twinning/x/disclaimed", scenario("HLF-SD-002", &STEPS));
    let foreign = ("dm/x/foreign", scenario("HLF-TE-005", &STEPS));
    let events = run(
        &[(ONE, one.clone()), ("twinning/x/gone", one.clone())],
        false,
    );
    let suite = [(TWO, two), disclaimed, foreign, (ONE, one)];
    let report = told(&events, &suite).unwrap();
    let verdicts: Vec<_> = report
        .scenarios
        .iter()
        .map(|s| (s.id.as_str(), s.verdict))
        .collect();
    assert_eq!(verdicts, [(TWO, Verdict::Untested), (ONE, Verdict::Pass)]);
    assert_eq!(report.scenarios[0].steps.len(), STEPS.len());
    let requirement = report
        .requirements
        .iter()
        .find(|r| r.id == "HLF-TE-005")
        .unwrap();
    assert_eq!(requirement.verdict, Verdict::Pass);
    assert!(requirement.is_partly_judged(), "{requirement:?}");
    let notices = report.notices.join("\n");
    for says in [
        "Scenarios that the run did not have: twinning/x/two.",
        "Scenarios that are gone: twinning/x/gone.",
    ] {
        assert!(notices.contains(says), "{notices}");
    }
    // What filters left out was there.
    let filtered = Events {
        records: run(&[(ONE, suite[3].1.clone())], true).records,
        cut: None,
    };
    assert_eq!(told(&filtered, &suite).unwrap().scenarios.len(), 1);
}

#[test]
fn a_suite_that_shares_no_scenario_is_the_wrong_one() {
    let events = run(&[(ONE, scenario("HLF-TE-005", &STEPS))], false);
    let why = told(&events, &[(TWO, scenario("HLF-TE-005", &STEPS))]).unwrap_err();
    assert!(why.contains("--features"), "{why}");
}

#[test]
fn what_moved_is_said_of_the_whole_and_of_its_parts() {
    let events = run(&[(ONE, scenario("HLF-TE-005", &STEPS))], false);
    let before = judged(&events);
    assert_eq!(rejudged(&before, &judged(&events)), None);

    let steps = [STEPS[0], STEPS[1], STEPS[2], STEPS[4], "Then it is round"];
    let after = told(&events, &[(ONE, scenario("HLF-TE-005", &steps))]).unwrap();
    let moved = rejudged(&before, &after).unwrap();
    assert_eq!(moved.suite_sha256, "of the run");
    let changes: Vec<_> = moved
        .changes
        .iter()
        .map(|c| (c.id.as_str(), c.part.as_deref(), c.before, c.after))
        .collect();
    let (pass, open) = (Some(Verdict::Pass), Some(Verdict::Inconclusive));
    assert_eq!(
        changes,
        [
            ("HLF-TE-005", None, pass, open),
            (ONE, None, pass, open),
            (ONE, Some("“it is new” twinning/accepted"), pass, None),
            (ONE, Some("“it is round” not-recorded"), None, open),
        ]
    );
    // Judged once more, nothing moves, and what was said stands.
    let mut shown = after.clone();
    shown.rejudged = Some(moved.clone());
    assert_eq!(rejudged(&shown, &after), Some(moved));
    // Of a scenario of which nothing is left, its parts say nothing more.
    let other = told(
        &events,
        &[(ONE, scenario("HLF-TE-005", &["When it is written"]))],
    )
    .unwrap();
    assert_eq!(rejudged(&before, &other).unwrap().changes.len(), 2);
}

#[test]
fn a_step_that_judges_and_finds_nothing_is_our_error() {
    let idle = [
        "When it is read",
        "Then it is short",
        "Then nothing is looked at",
    ];
    let report = judged(&run(&[(ONE, scenario("HLF-TE-005", &idle))], false));
    let scenario = &report.scenarios[0];
    assert_eq!(
        (scenario.verdict, scenario.reason.as_str()),
        (
            Verdict::Error,
            "this step judged nothing: nothing is looked at"
        )
    );
}

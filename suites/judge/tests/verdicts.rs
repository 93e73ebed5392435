//! What turns a finding into a verdict: knobs, levels, claims, contact, and what is missing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::{Body, Halt, Record, RunStarted, Scene, SceneStarted, What};
use twinproof_evidence::report::{Provenance, Report, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};

const LIST: &str = r#"{"twinningList":{"twinning":[{"role":"Primary","twinningStatus":"On"}]}}"#;
const COLLECTION: &str = "http://s.example/api/twinning/v1/tel%3A%2B1/twinnings";

/// A scenario in the making.
#[derive(Clone)]
struct Script {
    id: &'static str,
    requirement: &'static str,
    tags: Vec<&'static str>,
    events: Vec<What>,
}

impl Script {
    fn new(id: &'static str) -> Self {
        Self {
            id,
            requirement: "HLF-TE-005",
            tags: Vec::new(),
            events: Vec::new(),
        }
    }

    fn get(self, number: u64, url: &str, status: u16, body: &str) -> Self {
        self.exchange(number, ("GET", url, ""), status, body)
    }

    fn exchange(
        mut self,
        exchange: u64,
        (method, url, sent): (&str, &str, &str),
        status: u16,
        body: &str,
    ) -> Self {
        let json = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        let octets = |text: &str| Body::new(text.as_bytes(), text.len() as u64);
        self.events.push(What::Request {
            exchange,
            from: "primary".to_owned(),
            to: "sut".to_owned(),
            method: method.to_owned(),
            url: url.to_owned(),
            headers: json.clone(),
            body: octets(sent),
        });
        self.events.push(What::Response {
            exchange,
            status,
            headers: json,
            body: octets(body),
        });
        self
    }

    /// Asks whether the list that this exchange read has so many entries.
    fn counts(mut self, exchange: u64, entries: usize) -> Self {
        let check = json!({ "twinning": {
            "theme": "list", "check": "list-counts", "exchange": exchange, "entries": entries,
        } });
        self.events.push(What::Checked { check });
        self
    }

    /// Asks whether the list that this exchange read holds the reader's own request; that it does not is disputable.
    fn holds_own_request(mut self, exchange: u64) -> Self {
        let check = json!({ "twinning": {
            "theme": "list", "check": "list-holds-own-request", "exchange": exchange,
        } });
        self.events.push(What::Checked { check });
        self
    }

    fn records(&self) -> Vec<Record> {
        let started = SceneStarted {
            feature: "twinning/x.feature".to_owned(),
            line: 1,
            title: String::new(),
            tags: self.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            requirements: vec![self.requirement.to_owned()],
            steps: Vec::new(),
            retry: false,
        };
        std::iter::once(What::SceneStarted(started))
            .chain(self.events.iter().cloned())
            .chain([What::SceneEnded])
            .map(|what| Record {
                at: 1,
                scene: Some(Scene {
                    scenario: self.id.to_owned(),
                    attempt: 1,
                }),
                what,
            })
            .collect()
    }
}

fn started(scripts: &[Script], declared: &[&str], claims: &[(&str, bool)]) -> RunStarted {
    let claims: BTreeMap<_, _> = claims.iter().copied().collect();
    RunStarted {
        schema_version: 1,
        tool: ("twinproof".to_owned(), "test".to_owned()),
        suite_sha256: String::new(),
        profile: json!({
            "sut": { "name": "s", "role": "twinning-enabler" },
            "twinning": { "base_url": "http://s.example/api", "claims": claims },
        }),
        profile_sha256: String::new(),
        declared: declared.iter().map(|key| (*key).to_owned()).collect(),
        seed: 7,
        stage: "virtual".to_owned(),
        started: String::new(),
        enablers: vec!["twinning".to_owned()],
        filtered: true,
        repeat: 1,
        judged_by: BTreeMap::new(),
        selected: scripts.iter().map(|s| s.id.to_owned()).collect(),
        plan: BTreeMap::new(),
        baseline: None,
        again: "twinproof run".to_owned(),
        retold: None,
    }
}

fn judge_all(started: RunStarted, scenes: Vec<Record>) -> Report {
    let alone = |what| Record {
        at: 0,
        scene: None,
        what,
    };
    let mut records = vec![alone(What::RunStarted(Box::new(started)))];
    records.extend(scenes);
    records.push(alone(What::RunEnded { interrupted: false }));
    let tool = Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    };
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    judge(&Events { records, cut: None }, &catalogue, tool).unwrap()
}

fn judged(scripts: &[Script], declared: &[&str], claims: &[(&str, bool)]) -> Report {
    let scenes = scripts.iter().flat_map(Script::records).collect();
    judge_all(started(scripts, declared, claims), scenes)
}

fn verdict(report: &Report, requirement: &str) -> Verdict {
    let found = report.requirements.iter().find(|r| r.id == requirement);
    found.unwrap().verdict
}

/// Reads a list that should be there and is not.
fn missing_list() -> Script {
    let other = r#"{"resourceReference":{"resourceURL":"x"}}"#;
    Script::new("twinning/x/missing")
        .get(1, "http://s.example/api/hello", 200, other)
        .get(2, COLLECTION, 404, "{}")
        .counts(2, 0)
}

#[test]
fn an_assumed_knob_fails_nobody() {
    let report = judged(&[missing_list()], &[], &[]);
    assert_eq!(
        report.scenarios[0].verdict,
        Verdict::Inconclusive,
        "{report:#?}"
    );
    assert!(
        report.scenarios[0].reason.contains("only assumed"),
        "{report:#?}"
    );
}

#[test]
fn a_declared_or_observed_knob_does() {
    let declared = judged(&[missing_list()], &["twinning.knobs"], &[]);
    assert_eq!(declared.scenarios[0].verdict, Verdict::Fail);
    // Another scenario of the run read a list at the same place.
    let shown = Script::new("twinning/x/shown")
        .get(1, COLLECTION, 200, LIST)
        .counts(1, 1);
    let observed = judged(&[missing_list(), shown], &[], &[]);
    assert_eq!(
        observed.scenarios[0].verdict,
        Verdict::Fail,
        "{observed:#?}"
    );
    let knobs: Vec<_> = observed.knobs.iter().map(|knob| knob.source).collect();
    assert!(!knobs.is_empty() && knobs.iter().all(|source| *source == Provenance::Observed));
}

#[test]
fn what_is_only_assumed_is_no_warning_either() {
    let empty = || {
        Script::new("twinning/x/empty")
            .get(1, COLLECTION, 200, r#"{"twinningList":{}}"#)
            .holds_own_request(1)
    };
    let assumed = judged(&[empty()], &[], &[]);
    let [finding] = assumed.scenarios[0].findings.as_slice() else {
        panic!("{assumed:#?}");
    };
    assert_eq!(finding.verdict, Verdict::Inconclusive, "{finding:?}");
    assert!(finding.got.contains("only assumed"), "{finding:?}");
    assert!(finding.basis.contains("ruling TW-C39"), "{finding:?}");
    let declared = judged(&[empty()], &["twinning.knobs"], &[]);
    assert_eq!(declared.scenarios[0].findings[0].verdict, Verdict::Warning);
}

#[test]
fn what_has_nothing_to_compare_with_differs_from_nothing() {
    let comparing = |theme: &str, check: &str, exchanges: &[u64]| {
        let mut script = Script::new("twinning/x/alone").get(1, COLLECTION, 200, LIST);
        script.events.push(What::Request {
            exchange: 2,
            from: "primary".to_owned(),
            to: "sut".to_owned(),
            method: "GET".to_owned(),
            url: COLLECTION.to_owned(),
            headers: Vec::new(),
            body: Body::default(),
        });
        let mut arguments = json!({ "theme": theme, "check": check, "exchanges": exchanges });
        if check == "one-accepted" {
            arguments["because"] = json!("code-not-valid");
        }
        script.events.push(What::Checked {
            check: json!({ "twinning": arguments }),
        });
        let report = judged(&[script], &["twinning.knobs"], &[]);
        let finding = report.scenarios[0].findings[0].clone();
        (finding.check, finding.verdict)
    };
    for (theme, check) in [
        ("answer", "one-accepted"),
        ("authorization", "auth-codes-differ"),
        ("code", "codes-differ"),
    ] {
        // None, one, and two of which one was not answered.
        for exchanges in [&[][..], &[1], &[1, 2]] {
            let found = comparing(theme, check, exchanges);
            assert_eq!(found, (format!("twinning/{check}"), Verdict::Inconclusive));
        }
    }
}

#[test]
fn a_group_of_knobs_is_known_as_well_as_its_least_known_member() {
    let odd = r#"{"twinning":{"role":"Primary","twinningStatus":"Perhaps"}}"#;
    let mut script = Script::new("twinning/x/odd").get(1, "http://s.example/api/t/1", 200, odd);
    let check = json!({ "twinning": {
        "theme": "view", "check": "shows-status", "exchange": 1, "status": "On",
    } });
    script.events.push(What::Checked { check });
    let mut declared = vec![
        "twinning.knobs.names.twinning_status",
        "twinning.knobs.literals.primary",
        "twinning.knobs.literals.secondary",
        "twinning.knobs.literals.pending",
        "twinning.knobs.literals.on",
    ];
    let report = judged(&[script.clone()], &declared, &[]);
    assert_eq!(report.scenarios[0].verdict, Verdict::Inconclusive);
    declared.push("twinning.knobs.literals.off");
    let report = judged(&[script], &declared, &[]);
    assert_eq!(report.scenarios[0].verdict, Verdict::Fail, "{report:#?}");
}

#[test]
fn a_run_of_another_suite_is_told_that_it_is_not_proven() {
    let script = Script::new("twinning/x/a").get(1, COLLECTION, 200, LIST);
    let of_suite = |suite: String| {
        let mut run = started(std::slice::from_ref(&script), &[], &[]);
        run.suite_sha256 = suite;
        judge_all(run, script.records())
    };
    let says = |report: &Report| {
        let mut notices = report.notices.iter();
        notices.any(|notice| notice.contains("twinning are not proven for this suite"))
    };
    let proven = |report: &Report| report.requirements.iter().any(|r| r.proof.is_some());
    let other = of_suite("of another suite".to_owned());
    assert!(says(&other) && !proven(&other), "{:#?}", other.notices);
    let own = of_suite(FEATURES.sha256());
    assert_ne!(says(&own), proven(&own), "{:#?}", own.notices);
}

#[test]
fn a_refusal_or_an_echo_shows_no_knob() {
    let refused = Script::new("twinning/x/refused").get(1, COLLECTION, 403, LIST);
    let echoed =
        Script::new("twinning/x/echoed").exchange(1, ("POST", COLLECTION, LIST), 201, LIST);
    for other in [refused, echoed] {
        let report = judged(&[missing_list(), other], &[], &[]);
        assert_eq!(
            report.scenarios[0].verdict,
            Verdict::Inconclusive,
            "{report:#?}"
        );
    }
}

#[test]
fn an_echo_is_no_contact() {
    let echo = Script::new("twinning/x/echo")
        .exchange(1, ("PUT", COLLECTION, LIST), 200, LIST)
        .counts(1, 1);
    let report = judged(&[echo], &["twinning.knobs"], &[]);
    assert!(!report.summary.contact);
    assert_eq!(report.scenarios[0].verdict, Verdict::Inconclusive);
}

#[test]
fn a_recommendation_is_binding_for_who_claims_it() {
    for (tags, claims, expected) in [
        (&[][..], &[][..], Verdict::Warning),
        (&["advice"], &[], Verdict::Warning),
        (&[], &[("OAU-001", true)], Verdict::Fail),
        (&["advice"], &[("OAU-001", true)], Verdict::Fail),
        (&[], &[("OAU-001", false)], Verdict::NotApplicable),
    ] {
        let mut script = Script::new("twinning/x/a")
            .get(1, COLLECTION, 200, LIST)
            .counts(1, 5);
        script.requirement = "OAU-001";
        script.tags = tags.to_vec();
        let report = judged(&[script], &["twinning.knobs"], claims);
        assert_eq!(verdict(&report, "OAU-001"), expected, "{tags:?} {claims:?}");
        assert_eq!(report.scenarios[0].verdict, expected, "{tags:?} {claims:?}");
    }
}

#[test]
fn a_duty_that_is_not_claimed_is_named_to_every_reader() {
    let script = Script::new("twinning/x/a")
        .get(1, COLLECTION, 200, LIST)
        .counts(1, 5);
    let report = judged(&[script], &["twinning.knobs"], &[("HLF-TE-005", false)]);
    assert_eq!(verdict(&report, "HLF-TE-005"), Verdict::NotApplicable);
    let named = report
        .notices
        .iter()
        .any(|notice| notice.contains("HLF-TE-005"));
    assert!(named, "{:#?}", report.notices);
}

#[test]
fn a_scenario_that_never_began_keeps_its_requirement_from_passing() {
    let good = Script::new("twinning/x/good")
        .get(1, COLLECTION, 200, LIST)
        .counts(1, 1);
    let never = Script::new("twinning/x/never");
    let mut run = started(&[good.clone(), never.clone()], &["twinning.knobs"], &[]);
    let What::SceneStarted(described) = never.records()[0].what.clone() else {
        panic!("it begins with its start");
    };
    run.plan.insert(never.id.to_owned(), described);
    let report = judge_all(run, good.records());
    assert_eq!(report.scenarios[0].verdict, Verdict::Pass);
    assert_eq!(verdict(&report, "HLF-TE-005"), Verdict::Inconclusive);
}

#[test]
fn what_the_tester_cleans_up_is_no_part_of_the_scenario() {
    let mut script = Script::new("twinning/x/a")
        .get(1, COLLECTION, 200, LIST)
        .counts(1, 1);
    script = script.exchange(2, ("DELETE", COLLECTION, ""), 500, "");
    if let Some(What::Request { from, .. }) = script.events.iter_mut().rev().nth(1) {
        "clean-up".clone_into(from);
    }
    let report = judged(&[script], &["twinning.knobs"], &[]);
    assert_eq!(report.scenarios[0].exchanges.len(), 1);
}

/// What one check of a generated scenario comes to.
#[derive(Clone, Copy, Debug)]
enum Part {
    Pass,
    Fail,
    Inconclusive,
    Halted,
    Error,
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        Just(Part::Pass),
        Just(Part::Fail),
        Just(Part::Inconclusive),
        Just(Part::Halted),
        Just(Part::Error),
    ]
}

fn script_of(parts: &[Part]) -> Script {
    let mut script = Script::new("twinning/x/a")
        .get(1, COLLECTION, 200, LIST)
        .counts(1, 1);
    for part in parts {
        script = match part {
            Part::Pass => script.counts(1, 1),
            Part::Fail => script.counts(1, 2),
            // There is no such exchange.
            Part::Inconclusive => script.counts(99, 1),
            Part::Halted | Part::Error => {
                let why = "x".to_owned();
                let reason = match part {
                    Part::Error => Halt::Error { why },
                    _ => Halt::Inconclusive { why },
                };
                script.events.push(What::Halted { reason });
                script
            }
        };
    }
    script
}

/// The gravest, by the order of the house.
fn gravest(parts: &[Part]) -> Verdict {
    let halted = parts
        .iter()
        .find(|p| matches!(p, Part::Halted | Part::Error));
    let has = |wanted: fn(&Part) -> bool| parts.iter().any(wanted);
    if has(|p| matches!(p, Part::Fail)) {
        Verdict::Fail
    } else if matches!(halted, Some(Part::Error)) {
        Verdict::Error
    } else if halted.is_some() || has(|p| matches!(p, Part::Inconclusive)) {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_gravest_decides(parts in prop::collection::vec(part(), 0..5)) {
        let report = judged(&[script_of(&parts)], &["twinning.knobs"], &[]);
        prop_assert_eq!(report.scenarios[0].verdict, gravest(&parts));
    }

    #[test]
    fn scenarios_under_way_at_the_same_time_do_not_matter(
        parts in prop::collection::vec(prop::collection::vec(part(), 0..3), 3),
        picks in prop::collection::vec(0..3_usize, 0..40),
    ) {
        let mut scripts: Vec<_> = parts.iter().map(|parts| script_of(parts)).collect();
        for (script, id) in scripts.iter_mut().zip(["twinning/x/a", "twinning/x/b", "twinning/x/c"]) {
            script.id = id;
        }
        let one_by_one = judged(&scripts, &["twinning.knobs"], &[]);
        let mut queues: Vec<_> = scripts.iter().map(|s| s.records().into_iter()).collect();
        let mut mixed: Vec<Record> = picks.iter().filter_map(|pick| queues[*pick].next()).collect();
        mixed.extend(queues.into_iter().flatten());
        let run = started(&scripts, &["twinning.knobs"], &[]);
        prop_assert_eq!(judge_all(run, mixed), one_by_one.clone());
        let worst = parts.iter().map(|parts| gravest(parts)).max();
        prop_assert_eq!(Some(verdict(&one_by_one, "HLF-TE-005")), worst);
    }
}

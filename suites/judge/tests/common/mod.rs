//! Reports in the making.
#![allow(dead_code, reason = "each test file uses its part")]

use twinproof_evidence::Verdict;
use twinproof_evidence::record::Step;
use twinproof_evidence::report::{Attempt, Count, Finding, Report, Scenario};

/// A scenario that judges R-1 and has one Then step.
pub fn scenario(id: &str, verdict: Verdict) -> Scenario {
    let step = |kind: &str, line| Step {
        kind: kind.to_owned(),
        text: format!("{kind} of {id}"),
        line,
    };
    Scenario {
        id: id.to_owned(),
        feature: String::new(),
        line: 1,
        title: String::new(),
        requirements: vec!["R-1".to_owned()],
        tags: Vec::new(),
        verdict,
        reason: String::new(),
        accepted: Vec::new(),
        again: String::new(),
        attempts: 1,
        tried: Vec::new(),
        took_us: 0,
        steps: vec![step("Given", 1), step("Then", 2)],
        findings: Vec::new(),
        exchanges: Vec::new(),
    }
}

/// The same with what its Then step found.
pub fn with_findings(mut scenario: Scenario, findings: &[(&str, Verdict)]) -> Scenario {
    let finding = |(check, verdict): &(&str, Verdict)| Finding {
        check: (*check).to_owned(),
        step: 1,
        verdict: *verdict,
        basis: String::new(),
        expected: "one thing".to_owned(),
        got: "another".to_owned(),
        evidence: Vec::new(),
    };
    scenario.findings = findings.iter().map(finding).collect();
    scenario
}

/// The same after these attempts, of which those marked false do not count.
pub fn tried(mut scenario: Scenario, attempts: &[(Verdict, bool)]) -> Scenario {
    let attempt = |(number, (verdict, counts)): (u32, &(Verdict, bool))| Attempt {
        attempt: number,
        verdict: *verdict,
        reason: String::new(),
        counts: *counts,
    };
    scenario.tried = (1..).zip(attempts).map(attempt).collect();
    scenario
}

/// A report of these scenarios.
pub fn report_of(scenarios: Vec<Scenario>) -> Report {
    let count: Count = scenarios.iter().map(|s| s.verdict).collect();
    let json = serde_json::json!({
        "schema_version": 1,
        "tool": { "name": "twinproof", "version": "0" },
        "sut": { "name": "s", "version": "1", "profile_sha256": "" },
        "suite_sha256": "", "seed": 1, "stage": "virtual", "started": "", "duration_ms": 0,
        "notices": [], "documents": [], "requirements": [], "knobs": [],
        "summary": {
            "requirements": Count::default(), "scenarios": count,
            "contact": true, "filtered": false,
        },
        "scenarios": scenarios,
    });
    serde_json::from_value(json).unwrap()
}

/// A report of scenarios with these verdicts.
pub fn report(scenarios: &[(&str, Verdict)]) -> Report {
    let scenarios = scenarios.iter().map(|(id, verdict)| scenario(id, *verdict));
    report_of(scenarios.collect())
}

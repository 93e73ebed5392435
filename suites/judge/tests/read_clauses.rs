//! A failure rests on a clause that was read: the same finding fails under one purpose and warns under another.

use std::collections::BTreeMap;

use serde_json::json;
use twinproof_coap::{Code, Type, Writer, option};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::{Body, Record, RunStarted, Scene, SceneStarted, What};
use twinproof_evidence::report::{Finding, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};

fn datagram(exchange: u64, from: &str, to: &str, (ty, code): (Type, Code)) -> What {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, ty, code, exchange as u16, &[1]);
    if code == Code::CREATED {
        writer = writer.option(option::LOCATION_PATH, b"rd");
    }
    writer.finish().unwrap();
    What::Datagram {
        exchange,
        from: from.to_owned(),
        to: to.to_owned(),
        secured: false,
        bytes: Body::new(&bytes, bytes.len() as u64),
    }
}

/// What is found under this purpose where an update is confirmed with the wrong code.
fn found_under(purpose: &str) -> Finding {
    let id = "lwm2m/x/y";
    let started = SceneStarted {
        feature: "lwm2m/x.feature".to_owned(),
        line: 1,
        title: String::new(),
        tags: Vec::new(),
        requirements: vec![purpose.to_owned()],
        steps: Vec::new(),
        retry: false,
    };
    let check = json!({ "lwm2m": {
        "theme": "answer", "check": "confirmed", "code": "2.04",
        "act": { "party": "device", "after": 0, "upto": 2 },
    } });
    let created = (Type::Non, Code::CREATED);
    let scene = [
        What::SceneStarted(started),
        datagram(1, "device", "sut", (Type::Non, Code::POST)),
        datagram(2, "sut", "device", created),
        What::Checked { check },
        What::SceneEnded,
    ];
    let run = RunStarted {
        schema_version: 1,
        tool: ("twinproof".to_owned(), "test".to_owned()),
        suite_sha256: String::new(),
        profile: json!({
            "sut": { "name": "s", "role": "lwm2m-server" },
            "lwm2m": { "server": "coap://127.0.0.1:5683", "version": "1.1" },
        }),
        profile_sha256: String::new(),
        declared: Vec::new(),
        seed: 7,
        stage: "virtual".to_owned(),
        started: String::new(),
        enablers: vec!["lwm2m".to_owned()],
        filtered: true,
        repeat: 1,
        judged_by: BTreeMap::new(),
        selected: vec![id.to_owned()],
        plan: BTreeMap::new(),
        baseline: None,
        again: "twinproof run".to_owned(),
        retold: None,
    };
    let alone = |what| Record {
        at: 0,
        scene: None,
        what,
    };
    let mut records = vec![alone(What::RunStarted(Box::new(run)))];
    records.extend(scene.into_iter().map(|what| Record {
        at: 1,
        scene: Some(Scene {
            scenario: id.to_owned(),
            attempt: 1,
        }),
        what,
    }));
    records.push(alone(What::RunEnded { interrupted: false }));
    let tool = Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    };
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let report = judge(&Events { records, cut: None }, &catalogue, tool).unwrap();
    report.scenarios[0].findings[0].clone()
}

#[test]
fn what_rests_on_a_clause_that_was_read_fails() {
    let found = found_under("LW-IF2-04");
    assert_eq!(found.verdict, Verdict::Fail, "{found:?}");
    assert_eq!(found.basis, "TS LwM2M 1.0 §5.3, §5.3.2");
    // One clause that was read is enough, and the other says what it is.
    let found = found_under("LW-IF3-13");
    assert_eq!(found.verdict, Verdict::Fail, "{found:?}");
    assert_eq!(found.basis, "TS LwM2M 1.0 §5.3.1.1, §8.3 [inference]");
}

#[test]
fn what_rests_on_no_clause_that_was_read_fails_nobody() {
    let found = found_under("LW-IF4-15");
    assert_eq!(found.verdict, Verdict::Warning, "{found:?}");
    assert_eq!(
        found.basis,
        "TS LwM2M Core 1.1 §6.4.6 [inference]; ruling LW-D25"
    );
}

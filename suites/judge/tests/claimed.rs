//! What is claimed, exercised and seen, from records that are made by hand.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use twinproof_coap::{Code, Type, Writer, option};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::{Body, Record, RunStarted, Scene, SceneStarted, What};
use twinproof_evidence::report::{Capability, Claimed, Contradiction, Report, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};

const ID: &str = "lwm2m/x/y";

/// A request of a device and its answer, if there is one.
fn exchange(
    number: u64,
    (path, query): (&str, &str),
    (format, answer): (Option<u16>, Option<Code>),
) -> Vec<What> {
    let datagram = |exchange, from: &str, to: &str, bytes: &[u8]| What::Datagram {
        exchange,
        from: from.to_owned(),
        to: to.to_owned(),
        bytes: Body::new(bytes, bytes.len() as u64),
        secured: false,
    };
    let (id, token) = (number as u16, [number as u8]);
    let mut asked = Vec::new();
    let mut writer = Writer::new(&mut asked, Type::Con, Code::POST, id, &token).path(path);
    if let Some(format) = format {
        writer = writer.content_format(twinproof_coap::ContentFormat(format));
    }
    if !query.is_empty() {
        writer = writer.query(query);
    }
    writer.payload(b"x").unwrap();
    let mut all = vec![datagram(number, "device", "sut", &asked)];
    if let Some(code) = answer {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Type::Ack, code, id, &token);
        if code == Code::CREATED {
            writer = writer.option(option::LOCATION_PATH, b"rd");
        }
        writer.finish().unwrap();
        all.push(datagram(number + 1, "sut", "device", &bytes));
    }
    all
}

/// The report of a run with this section of a profile, in which this happened.
fn judged(section: &Value, exchanges: Vec<Vec<What>>, check: Value) -> Report {
    let started = SceneStarted {
        feature: "lwm2m/x.feature".to_owned(),
        line: 1,
        title: String::new(),
        tags: Vec::new(),
        requirements: vec!["LW-SRV-06".to_owned()],
        steps: Vec::new(),
        retry: false,
    };
    let mut profile = json!({ "sut": { "name": "s", "role": "lwm2m-server" } });
    profile["lwm2m"] = section.clone();
    profile["lwm2m"]["server"] = json!("coap://127.0.0.1:5683");
    let run = RunStarted {
        schema_version: 1,
        tool: ("twinproof".to_owned(), "test".to_owned()),
        suite_sha256: String::new(),
        profile,
        profile_sha256: String::new(),
        declared: Vec::new(),
        seed: 7,
        stage: "virtual".to_owned(),
        started: String::new(),
        enablers: vec!["lwm2m".to_owned()],
        filtered: true,
        repeat: 1,
        judged_by: BTreeMap::new(),
        selected: vec![ID.to_owned()],
        plan: BTreeMap::new(),
        baseline: None,
        again: "twinproof run".to_owned(),
        retold: None,
    };
    let happened = [What::SceneStarted(started)].into_iter();
    let happened = happened.chain(exchanges.into_iter().flatten());
    let happened = happened.chain([What::Checked { check }, What::SceneEnded]);
    let scene = Scene {
        scenario: ID.to_owned(),
        attempt: 1,
    };
    let of = |scene, what| Record { at: 1, scene, what };
    let mut records = vec![of(None, What::RunStarted(Box::new(run)))];
    records.extend(happened.map(|what| of(Some(scene.clone()), what)));
    records.push(of(None, What::RunEnded { interrupted: false }));
    let tool = Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    };
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    judge(&Events { records, cut: None }, &catalogue, tool).unwrap()
}

/// A check that the registration of exchange 1 meets if it was confirmed.
fn registered() -> Value {
    json!({ "lwm2m": {
        "theme": "answer", "check": "registered",
        "act": { "party": "device", "after": 0, "upto": 2 },
    } })
}

/// A check that what was sent with exchange 3 meets if it was confirmed.
fn confirmed() -> Value {
    json!({ "lwm2m": {
        "theme": "answer", "check": "confirmed", "code": "2.04",
        "act": { "party": "device", "after": 2, "upto": 4 },
    } })
}

fn row<'a>(report: &'a Report, id: &str) -> &'a Capability {
    let mut rows = report.capabilities.iter();
    rows.find(|row| row.id == id).unwrap()
}

fn speaks(version: &str) -> Value {
    json!({ "version": version })
}

const CREATED: (Option<u16>, Option<Code>) = (Some(40), Some(Code::CREATED));

#[test]
fn of_a_silent_server_nothing_is_seen() {
    let asked = vec![
        exchange(1, ("/rd", "lwm2m=1.1"), (Some(40), None)),
        exchange(3, ("/dp", ""), (Some(112), None)),
    ];
    let report = judged(&speaks("1.1"), asked, registered());
    assert!(!report.capabilities.is_empty());
    for row in &report.capabilities {
        assert!(row.seen.is_empty(), "{row:?}");
        assert_eq!(row.shown_by, None, "{row:?}");
    }
    // What was tried is told all the same, and what was not is not.
    assert_eq!(row(&report, "register").exercised, [ID]);
    assert_eq!(row(&report, "send").exercised, [ID]);
    assert!(row(&report, "read").exercised.is_empty());
    assert!(!report.summary.contact);
}

#[test]
fn what_is_confirmed_is_seen_and_where() {
    let done = vec![exchange(1, ("/rd", "lwm2m=1.1"), CREATED)];
    let report = judged(&speaks("1.1"), done, registered());
    for id in ["version-1.1", "register", "udp"] {
        let row = row(&report, id);
        assert_eq!(row.seen, [ID], "{id}");
        let place = row.shown_by.as_ref().unwrap();
        assert_eq!((place.scenario.as_str(), place.exchange), (ID, 1), "{id}");
    }
    let claimed = |id: &str| row(&report, id).claimed;
    assert_eq!(claimed("version-1.1"), Claimed::Yes);
    assert_eq!(claimed("version-1.2"), Claimed::No);
    assert_eq!(claimed("version-1.0"), Claimed::NotSaid);
    assert!(row(&report, "update").seen.is_empty());
    assert!(
        report
            .capabilities
            .iter()
            .all(|r| r.contradiction.is_none())
    );
    assert_eq!(requirement(&report), Verdict::Pass);
}

fn requirement(report: &Report) -> Verdict {
    let mut all = report.requirements.iter();
    all.find(|r| r.id == "LW-SRV-06").unwrap().verdict
}

#[test]
fn what_is_disclaimed_and_there_is_a_warning() {
    let done = || {
        vec![
            exchange(1, ("/rd", "lwm2m=1.0"), CREATED),
            exchange(3, ("/dp", ""), (Some(112), Some(Code::CHANGED))),
        ]
    };
    let report = judged(&speaks("1.0"), done(), registered());
    let send = row(&report, "send");
    assert_eq!((send.claimed, send.seen.len()), (Claimed::No, 1));
    let Some(Contradiction::Under(words)) = &send.contradiction else {
        panic!("{send:?}");
    };
    assert!(
        words.starts_with("the profile claims version 1.0, and yet: 2.04 Changed to CON POST /dp"),
        "{words}"
    );
    assert!(words.ends_with("(lwm2m/x/y exchange 3)"), "{words}");
    assert_eq!(requirement(&report), Verdict::Warning);
    // The profile's own word is the last one.
    let own = json!({ "version": "1.0", "capabilities": { "send": true, "senml-cbor": true } });
    let report = judged(&own, done(), registered());
    assert_eq!(row(&report, "send").contradiction, None);
    assert_eq!(requirement(&report), Verdict::Pass);
}

#[test]
fn what_is_claimed_and_refused_whenever_it_is_tried_is_a_warning() {
    let own = json!({ "version": "1.1", "claims": { "LW-IF4-15": true } });
    let refused = || {
        vec![
            exchange(1, ("/rd", "lwm2m=1.1"), CREATED),
            exchange(3, ("/dp", ""), (Some(112), Some(Code::NOT_FOUND))),
        ]
    };
    let report = judged(&own, refused(), confirmed());
    let Some(Contradiction::Over(words)) = &row(&report, "send").contradiction else {
        panic!("{:?}", row(&report, "send"));
    };
    assert!(
        words.starts_with("the profile says true to lwm2m.claims.LW-IF4-15, and yet whenever")
            && words.contains("4.04 Not Found to CON POST /dp"),
        "{words}"
    );
    // Where the refusal is what a scenario is about, it says nothing against the claim.
    let report = judged(&own, refused(), registered());
    assert_eq!(row(&report, "send").contradiction, None);
    // Once is enough to show that it can.
    let mut once = refused();
    once.push(exchange(5, ("/dp", ""), (Some(112), Some(Code::CHANGED))));
    let report = judged(&own, once, confirmed());
    assert_eq!(row(&report, "send").contradiction, None);
    // Who claims nothing over-claims nothing.
    let report = judged(&speaks("1.1"), refused(), confirmed());
    assert_eq!(row(&report, "send").contradiction, None);
}

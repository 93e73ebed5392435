//! Which messages a check on DM takes for the session that it looks at.

use serde_json::{Value, json};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::{Body, Record, RunStarted, Scene, SceneStarted, What};
use twinproof_evidence::report::{Finding, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};

const GET: &str =
    "<Get><CmdID>4</CmdID><Item><Target><LocURI>./DevInfo/DevId</LocURI></Target></Item></Get>";

/// A status for a command of a message.
fn status(msg: u64, cmd: u64, name: &str, code: u64) -> String {
    format!(
        "<Status><CmdID>{}</CmdID><MsgRef>{msg}</MsgRef><CmdRef>{cmd}</CmdRef><Cmd>{name}</Cmd>\
         <Data>{code}</Data></Status>",
        cmd + 1
    )
}

/// A message of a session, with this in its body.
fn message(session: &str, number: u64, body: &str) -> String {
    format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>{session}</SessionID><MsgID>{number}</MsgID><Target><LocURI>a</LocURI></Target>\
         <Source><LocURI>b</LocURI></Source></SyncHdr><SyncBody>{body}<Final/></SyncBody></SyncML>"
    )
}

/// The client's messages and the tester's answers, in this order, and what is found of the reading.
fn found(said: &[(String, String)]) -> Finding {
    let told = json!({
        "check": "told", "command": "Get", "uri": "./DevInfo/DevId", "codes": [200],
    });
    found_by(told, said)
}

/// The same of another check.
fn found_by(mut check: Value, said: &[(String, String)]) -> Finding {
    let headers = || {
        let media_type = "application/vnd.syncml.dm+xml".to_owned();
        vec![("Content-Type".to_owned(), media_type)]
    };
    let octets = |text: &str| Body::new(text.as_bytes(), text.len() as u64);
    let started = SceneStarted {
        feature: "dm/tree.feature".to_owned(),
        line: 1,
        title: String::new(),
        tags: Vec::new(),
        requirements: vec!["DM-CLI-03".to_owned()],
        steps: Vec::new(),
        retry: false,
    };
    let mut events = vec![What::SceneStarted(started)];
    for (exchange, (asks, answers)) in (1..).zip(said) {
        events.push(What::Request {
            exchange,
            from: "sut".to_owned(),
            to: "peer".to_owned(),
            method: "POST".to_owned(),
            url: "http://127.0.0.1:8090/dm".to_owned(),
            headers: headers(),
            body: octets(asks),
        });
        events.push(What::Response {
            exchange,
            status: 200,
            headers: headers(),
            body: octets(answers),
        });
    }
    check["theme"] = json!("client");
    check["session"] = json!({ "party": "peer", "after": 0 });
    let check = json!({ "dm": check });
    events.extend([What::Checked { check }, What::SceneEnded]);
    let run = RunStarted {
        schema_version: 1,
        tool: ("twinproof".to_owned(), "test".to_owned()),
        suite_sha256: String::new(),
        profile: json!({ "sut": { "name": "s", "role": "dm-client" } }),
        profile_sha256: String::new(),
        declared: Vec::new(),
        seed: 7,
        stage: "virtual".to_owned(),
        started: String::new(),
        enablers: vec!["dm".to_owned()],
        filtered: true,
        repeat: 1,
        judged_by: [].into(),
        selected: vec!["dm/tree/read".to_owned()],
        plan: [].into(),
        baseline: None,
        again: "twinproof run".to_owned(),
        retold: None,
    };
    let scene = Scene {
        scenario: "dm/tree/read".to_owned(),
        attempt: 1,
    };
    let record = |scene: Option<&Scene>, what| Record {
        at: 1,
        scene: scene.cloned(),
        what,
    };
    let mut records = vec![record(None, What::RunStarted(Box::new(run)))];
    records.extend(events.into_iter().map(|what| record(Some(&scene), what)));
    records.push(record(None, What::RunEnded { interrupted: false }));
    let tool = Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    };
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let report = judge(&Events { records, cut: None }, &catalogue, tool).unwrap();
    report.scenarios[0].findings[0].clone()
}

fn opening() -> (String, String) {
    let begins = "<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>";
    let wants = format!("{}{GET}", status(1, 0, "SyncHdr", 212));
    (message("9", 1, begins), message("9", 1, &wants))
}

fn read() -> (String, String) {
    let done = status(1, 0, "SyncHdr", 212) + &status(1, 4, "Get", 200);
    let end = status(2, 0, "SyncHdr", 200);
    (message("9", 2, &done), message("9", 2, &end))
}

#[test]
fn what_comes_late_of_an_earlier_session_is_not_the_one_that_is_judged() {
    let late = status(2, 0, "SyncHdr", 212);
    let refused = status(3, 0, "SyncHdr", 407);
    let late = (message("8", 3, &late), message("8", 1, &refused));
    for said in [
        vec![late.clone(), opening(), read()],
        vec![opening(), late.clone(), read()],
    ] {
        let finding = found(&said);
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:?}");
        assert!(finding.got.contains("200"), "{finding:?}");
    }
    // Where nothing else was said, that is what there is to judge.
    let finding = found(&[late]);
    assert_eq!(finding.verdict, Verdict::Inconclusive, "{finding:?}");
    assert!(finding.got.contains("never sent the Get"), "{finding:?}");
}

#[test]
fn a_message_that_cannot_be_read_is_of_the_session_that_waits_for_it() {
    let (mut asks, answers) = read();
    asks = asks.replace("<Final/>", "\0<Final/>");
    let finding = found(&[opening(), (asks.clone(), String::new())]);
    assert_eq!(finding.verdict, Verdict::Fail, "{finding:?}");
    assert!(finding.got.contains("cannot be read"), "{finding:?}");
    assert_eq!(finding.evidence, [2]);
    // A session that is over waits for nothing.
    let finding = found(&[opening(), (read().0, answers), (asks, String::new())]);
    assert_eq!(finding.verdict, Verdict::Pass, "{finding:?}");
}

#[test]
fn a_media_type_has_no_control_characters() {
    let (begins, wants) = opening();
    let opening = (begins, wants.replace("/DevId<", "/DevId?prop=Type<"));
    for (value, verdict) in [
        ("text/plain", Verdict::Pass),
        ("text/plain;charset=UTF-8", Verdict::Pass),
        ("text/plain&#9;", Verdict::Fail),
        ("text", Verdict::Fail),
    ] {
        let results = format!(
            "<Results><CmdID>6</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source>\
             <LocURI>./DevInfo/DevId?prop=Type</LocURI></Source><Data>{value}</Data></Item></Results>"
        );
        let (asks, answers) = read();
        let asks = asks.replace("<Final/>", &format!("{results}<Final/>"));
        let check = json!({ "check": "property", "uri": "./DevInfo/DevId", "property": "Type" });
        let finding = found_by(check, &[opening.clone(), (asks, answers)]);
        assert_eq!(finding.verdict, verdict, "{value}: {finding:?}");
    }
}

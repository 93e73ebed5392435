//! What a server posts: to where it was told, in any number, understood or not. Against a double.

mod common;

use std::time::Duration;

use common::{attended, described, operates};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Record, What};
use twinproof_lwm2m::upper::{Answer, Event, Operation, What as Told};
use twinproof_stage::{Stage, UPPER_TESTER};
use twinproof_upper::Hands;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// An API that takes subscriptions, and what it is told where to post.
const HOOKS: &str = "[lwm2m.upper_tester.http.webhook]\n\
     event = '''\nif .method != \"POST\" then empty\n\
     elif .body.many then .body.ep as $ep | range(.body.many) | {endpoint: $ep, what: \"updated\"}\n\
     elif .path == \"/reg\" then {endpoint: .body.ep, what: \"registered\"}\n\
     elif .body.task then {result: .body.task, path: .body.res, answer: {code: \"2.05\", values: [{value: .body.val}]}}\n\
     else {endpoint: .body.ep, what: \"notified\", path: .body.res, values: [{value: .body.val}]} end'''\n\
     subscribe = { method = \"POST\", url = \"/hooks\", body = \"{to: .webhook}\", answer = \"{hook: .body.id}\" }\n\
     unsubscribe = { method = \"DELETE\", url = \"/hooks/{hook}\" }\n";

/// A double of such an API.
async fn api() -> MockServer {
    let api = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/hooks"))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({ "id": 7 })))
        .expect(1)
        .mount(&api)
        .await;
    Mock::given(method("DELETE"))
        .and(path("/hooks/7"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&api)
        .await;
    api
}

/// Where the API was told to post.
async fn told(api: &MockServer) -> String {
    let requests = api.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    body["to"].as_str().unwrap().to_owned()
}

/// Posts something as a server would; the status of the answer.
async fn post(base: &str, (verb, at): (&str, &str), body: &str) -> u16 {
    let authority = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let length = body.len();
    let request = format!(
        "{verb} {at} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {}\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n{body}",
        std::env::var("CARGO_PKG_NAME").unwrap()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// What was heard when there is that much of it: what is posted is heard a moment later.
async fn heard(stage: &mut Stage, count: usize) -> Vec<Event> {
    loop {
        let answer = operates(stage, Operation::Events { after: 0 }).await;
        let Answer::Events { events, .. } = answer.unwrap() else {
            panic!("no events");
        };
        if events.len() >= count {
            return events;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Why nothing can be said any more.
async fn unheard(stage: &mut Stage) -> String {
    loop {
        match operates(stage, Operation::Events { after: 0 }).await {
            Err(why) => return why,
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

#[tokio::test]
async fn what_is_posted_is_heard_and_on_record() {
    let api = api().await;
    let secret = "secrets = { pass = \"CARGO_PKG_NAME\" }\n";
    let tester = described(&api.uri(), &format!("{secret}{HOOKS}"));
    let (ledger, hands) = (Ledger::in_memory(), Hands::new(false));
    let mut stage = attended(&tester, &hands, &ledger).await.unwrap();
    let to = told(&api).await;
    assert!(to.starts_with("http://127.0.0.1:"), "{to}");
    // A server may look first whether anybody is there.
    assert_eq!(post(&to, ("GET", "/"), "").await, 200);
    assert_eq!(post(&to, ("POST", "/reg"), r#"{"ep":"dev 1"}"#).await, 200);
    let notified = r#"{"ep":"dev 1","res":"/3/0/9","val":95}"#;
    assert_eq!(post(&to, ("POST", "/"), notified).await, 200);
    let events = heard(&mut stage, 2).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].what, Told::Registered);
    assert!(
        matches!(&events[1].what, Told::Notified { values, .. } if values.len() == 1),
        "{events:?}"
    );
    stage.dismiss().await;
    let records = ledger.read_back().unwrap().records;
    let posted = |record: &&Record| matches!(&record.what, What::Request { from, to, .. } if from == "sut" && to == UPPER_TESTER);
    assert_eq!(records.iter().filter(posted).count(), 3);
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains(&std::env::var("CARGO_PKG_NAME").unwrap()));
}

#[tokio::test]
async fn what_nobody_can_read_and_what_is_too_much_leave_nothing_to_say() {
    for (body, says) in [
        ("no JSON", "the event program"),
        (
            r#"{"ep":"dev 1","res":"nowhere","val":1}"#,
            "expected a path",
        ),
        (
            r#"{"ep":"dev 1","many":10001}"#,
            "more than 10000 things in one scenario",
        ),
    ] {
        let api = api().await;
        let tester = described(&api.uri(), HOOKS);
        let (ledger, hands) = (Ledger::in_memory(), Hands::new(false));
        let mut stage = attended(&tester, &hands, &ledger).await.unwrap();
        let to = told(&api).await;
        assert_eq!(post(&to, ("POST", "/"), body).await, 200);
        post(&to, ("POST", "/reg"), r#"{"ep":"dev 1"}"#).await;
        let why = unheard(&mut stage).await;
        assert!(
            why.contains("lwm2m.upper_tester") && why.contains(says),
            "{body}: {why}"
        );
        stage.dismiss().await;
    }
}

#[tokio::test]
async fn a_subscription_that_is_refused_is_no_fault_of_the_server() {
    let api = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(403).set_body_json(json!({})))
        .expect(2)
        .mount(&api)
        .await;
    let hooks = HOOKS.replace(
        "answer = \"{hook: .body.id}\"",
        "answer = '{broken: \"no\"}'",
    );
    for hooks in [
        hooks.as_str(),
        &hooks.replace(", answer = '{broken: \"no\"}'", ""),
    ] {
        let tester = described(&api.uri(), hooks);
        let (ledger, hands) = (Ledger::in_memory(), Hands::new(false));
        let attended = attended(&tester, &hands, &ledger).await;
        let why = attended.err().unwrap_or_default();
        assert!(why.contains("cannot be told where to post"), "{why}");
    }
    api.verify().await;
}

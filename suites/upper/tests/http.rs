//! What an API does besides answering: logins, polling, redirects, faults. On a live stage, against a double.

mod common;

use common::{READ, attended, described, operates, read};
use serde_json::json;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Record, What};
use twinproof_judge::profile::UpperTester;
use twinproof_lwm2m::upper::Answer;
use twinproof_stage::UPPER_TESTER;
use twinproof_upper::Hands;
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Has a new scenario read; what came of it, or why it is inconclusive.
async fn reads(tester: &UpperTester, hands: &Hands, ledger: &Ledger) -> Result<Answer, String> {
    let mut stage = attended(tester, hands, ledger).await?;
    operates(&mut stage, read()).await
}

fn value(answer: &Answer) -> String {
    match answer {
        Answer::Reply(reply) => reply.values[0].value.clone().unwrap().to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_kept_secret_and_renewed_when_it_is_refused() {
    let api = MockServer::start().await;
    let login = |token: &str| {
        Mock::given(method("POST"))
            .and(path("/login"))
            .and(body_string("{\"password\":\"open sesame\"}"))
            .respond_with(
                ResponseTemplate::new(200).set_body_json(json!({ "access_token": token })),
            )
            .up_to_n_times(1)
    };
    login("first-token").expect(1).mount(&api).await;
    login("second-token").expect(1).mount(&api).await;
    let answer = |token: &str, status: u16| {
        Mock::given(method("GET"))
            .and(path("/dev/dev%201/3/0/9"))
            .and(header("Authorization", format!("Bearer {token}").as_str()))
            .respond_with(ResponseTemplate::new(status).set_body_json(json!({ "value": "95" })))
    };
    answer("first-token", 200)
        .up_to_n_times(2)
        .mount(&api)
        .await;
    answer("first-token", 401).mount(&api).await;
    answer("second-token", 200).mount(&api).await;
    // What names the variable is in no other test; PATH would do, but is no secret.
    let variable = "CARGO_PKG_NAME";
    let password = std::env::var(variable).unwrap();
    let tester = described(
        &api.uri(),
        &format!(
            "headers = {{ Authorization = \"Bearer {{token}}\" }}\nsecrets = {{ pass = \"{variable}\" }}\n\
             [lwm2m.upper_tester.http.login]\nurl = \"{}/login\"\n\
             body = '{{password: (if .pass == \"{password}\" then \"open sesame\" else \"\" end)}}'\n\
             token = \".body.access_token\"\n{READ}",
            api.uri()
        ),
    );
    let (hands, ledger) = (Hands::new(false), Ledger::in_memory());
    for _ in 0..3 {
        let answer = reads(&tester, &hands, &ledger).await.unwrap();
        assert_eq!(value(&answer), "95");
    }
    let records = serde_json::to_string(&ledger.read_back().unwrap().records).unwrap();
    for secret in ["first-token", "second-token", password.as_str()] {
        assert!(!records.contains(secret), "{secret} is in the ledger");
    }
    assert!(
        records.contains("‹token#1›") && records.contains(UPPER_TESTER),
        "{records}"
    );
}

#[tokio::test]
async fn what_is_not_done_is_asked_for_again() {
    let api = MockServer::start().await;
    Mock::given(path("/dev/dev%201/3/0/9"))
        .respond_with(ResponseTemplate::new(202).set_body_json(json!({ "task": 7 })))
        .expect(1)
        .mount(&api)
        .await;
    Mock::given(path("/tasks/7"))
        .respond_with(ResponseTemplate::new(202).set_body_json(json!({ "task": 7 })))
        .up_to_n_times(3)
        .mount(&api)
        .await;
    Mock::given(path("/tasks/7"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "value": 95 })))
        .mount(&api)
        .await;
    let poll = "[lwm2m.upper_tester.http.operations.read.poll]\nurl = \"/tasks/{poll}\"\n";
    let tester = described(&api.uri(), &format!("{READ}{poll}"));
    let ledger = Ledger::in_memory();
    let answer = reads(&tester, &Hands::new(false), &ledger).await.unwrap();
    assert_eq!(value(&answer), "95");
    let records = ledger.read_back().unwrap().records;
    let asked = |record: &&Record| matches!(record.what, What::Request { .. });
    assert_eq!(records.iter().filter(asked).count(), 5);
}

#[tokio::test]
async fn a_broken_api_is_no_fault_of_the_server() {
    let elsewhere = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&elsewhere)
        .await;
    for (status, says) in [
        (500, "HTTP 500"),
        (404, "HTTP 404"),
        (302, "redirects are not followed"),
        (401, "the credentials are not taken"),
        (200, "the answer program gave"),
    ] {
        let api = MockServer::start().await;
        Mock::given(path("/dev/dev%201/3/0/9"))
            .respond_with(
                ResponseTemplate::new(status)
                    .insert_header("Location", elsewhere.uri().as_str())
                    .set_body_json(json!({ "value": "much" })),
            )
            .mount(&api)
            .await;
        let tester = described(&api.uri(), READ);
        let ledger = Ledger::in_memory();
        let why = reads(&tester, &Hands::new(false), &ledger)
            .await
            .unwrap_err();
        assert!(
            why.contains("the upper tester (lwm2m.upper_tester): read: ") && why.contains(says),
            "{status}: {why}"
        );
    }
    // Nobody listens there at all.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let tester = described(&base, READ);
    let why = reads(&tester, &Hands::new(false), &Ledger::in_memory())
        .await
        .unwrap_err();
    assert!(why.contains(&base), "{why}");
}

#[tokio::test]
async fn what_is_not_offered_is_inconclusive_by_name() {
    let api = MockServer::start().await;
    let tester = described(&api.uri(), "");
    let why = reads(&tester, &Hands::new(false), &Ledger::in_memory())
        .await
        .unwrap_err();
    assert!(why.contains("it does not offer read"), "{why}");
    let manual = UpperTester::Manual(toml::from_str("patience = \"1s\"").unwrap());
    let why = reads(&manual, &Hands::new(false), &Ledger::in_memory())
        .await
        .unwrap_err();
    assert!(why.contains("--non-interactive"), "{why}");
}

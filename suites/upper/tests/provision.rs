//! Clients that a server has to know before they register: made known, and forgotten. Against a double.

mod common;

use common::{attended, described};
use serde_json::json;
use twinproof_evidence::ledger::Ledger;
use twinproof_upper::Hands;
use wiremock::matchers::{body_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn who_was_made_known_is_forgotten_with_the_secret_concealed() {
    let api = MockServer::start().await;
    // What names the variable is in no other test; PATH would do, but is no secret.
    let variable = "CARGO_PKG_NAME";
    let key = std::env::var(variable).unwrap();
    for endpoint in ["dev 1", "dev 2"] {
        Mock::given(method("PUT"))
            .and(path(format!("/known/{}", endpoint.replace(' ', "%20"))))
            .and(body_json(json!({ "endpoint": endpoint, "key": key })))
            .respond_with(ResponseTemplate::new(201))
            .expect(1)
            .mount(&api)
            .await;
        // That it cannot be undone hinders nobody.
        Mock::given(method("DELETE"))
            .and(path(format!("/known/{}", endpoint.replace(' ', "%20"))))
            .respond_with(ResponseTemplate::new(404))
            .expect(1)
            .mount(&api)
            .await;
    }
    let tester = described(
        &api.uri(),
        &format!(
            "secrets = {{ key = \"{variable}\" }}\n\
             [lwm2m.upper_tester.http.provision]\nmethod = \"PUT\"\nurl = \"/known/{{endpoint}}\"\n\
             body = \"{{endpoint, key}}\"\n\
             [lwm2m.upper_tester.http.forget]\nmethod = \"DELETE\"\nurl = \"/known/{{endpoint}}\"\n"
        ),
    );
    let ledger = Ledger::in_memory();
    let hands = Hands::new(false);
    let mut stage = attended(&tester, &hands, &ledger).await.unwrap();
    for endpoint in ["dev 1", "dev 2"] {
        stage.provision(endpoint).await.unwrap();
    }
    stage.dismiss().await;
    // Who is forgotten is not forgotten twice.
    stage.dismiss().await;
    let records = serde_json::to_string(&ledger.read_back().unwrap().records).unwrap();
    assert!(!records.contains(&key) && records.contains("‹secret#1›"));
}

#[tokio::test]
async fn who_cannot_be_made_known_is_no_fault_of_the_server_and_is_not_forgotten() {
    for (status, body, answer, says) in [
        (409, json!({}), "", "expected 2xx, got HTTP 409"),
        (500, json!({}), "", "HTTP 500"),
        (
            200,
            json!({ "error": "no more licences" }),
            "answer = \"{broken: .body.error}\"\n",
            "no more licences",
        ),
        (
            200,
            json!({}),
            "answer = '{code: \"2.01\"}'\n",
            "expected {done: true}",
        ),
    ] {
        let api = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/known"))
            .respond_with(ResponseTemplate::new(status).set_body_json(body))
            .expect(1)
            .mount(&api)
            .await;
        Mock::given(method("DELETE"))
            .respond_with(ResponseTemplate::new(200))
            .expect(0)
            .mount(&api)
            .await;
        let tester = described(
            &api.uri(),
            &format!(
                "[lwm2m.upper_tester.http.provision]\nmethod = \"POST\"\nurl = \"/known\"\n{answer}\
                 [lwm2m.upper_tester.http.forget]\nmethod = \"DELETE\"\nurl = \"/known/{{endpoint}}\"\n"
            ),
        );
        let (ledger, hands) = (Ledger::in_memory(), Hands::new(false));
        let mut stage = attended(&tester, &hands, &ledger).await.unwrap();
        let halted = stage.provision("dev 1").await.unwrap_err();
        let why = halted.to_string();
        assert!(
            why.contains("dev 1 cannot be made known: ") && why.contains(says),
            "{status}: {why}"
        );
        assert!(stage.halted().is_some());
        stage.dismiss().await;
    }
}

#[tokio::test]
async fn what_is_there_already_can_be_called_known() {
    let api = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(409))
        .expect(1)
        .mount(&api)
        .await;
    let tester = described(
        &api.uri(),
        "[lwm2m.upper_tester.http.provision]\nmethod = \"POST\"\nurl = \"/known\"\n\
         answer = 'if .status == 409 then {done: true} else {broken: \"HTTP \\(.status)\"} end'\n",
    );
    let (ledger, hands) = (Ledger::in_memory(), Hands::new(false));
    let mut stage = attended(&tester, &hands, &ledger).await.unwrap();
    stage.provision("dev 1").await.unwrap();
    stage.dismiss().await;
}

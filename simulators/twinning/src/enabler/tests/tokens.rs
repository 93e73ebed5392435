use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use twinproof_kernel::http::{Request, Response};

use super::bench::{Bench, address};
use crate::url::encode_segment;

fn ask(bench: &mut Bench, n: usize, path: &str, form: &str) -> (Response, Value) {
    let basic = STANDARD.encode(format!("client-{n}:secret-{n}"));
    let request = Request::new("POST", path)
        .with("Authorization", format!("Basic {basic}"))
        .with_body(
            "application/x-www-form-urlencoded",
            form.as_bytes().to_vec(),
        );
    let response = bench.send(&request);
    let body = serde_json::from_slice(&response.body).unwrap_or_default();
    (response, body)
}

fn token(bench: &mut Bench, n: usize, form: &str) -> (u16, Value) {
    let (response, body) = ask(bench, n, "/autho4api/v1/token", form);
    (response.status, body)
}

fn with_token(bench: &mut Bench, method: &str, url: &str, token: &str, body: &str) -> u16 {
    let path = url.strip_prefix("http://a.test").unwrap_or(url);
    let request = Request::new(method, path)
        .with("Authorization", format!("Bearer {token}"))
        .with_body("application/json", body.as_bytes().to_vec());
    bench.send(&request).status
}

fn inbox(n: usize) -> String {
    format!(
        "/exampleAPI/messaging/v1/{}/inbox",
        encode_segment(&address(n))
    )
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap().to_owned()
}

const OWN: &str = "grant_type=client_credentials";
const OFF: &str = r#"{"twinning":{"twinningStatus":"Off"}}"#;

#[test]
fn a_secondary_needs_its_twinning_token_to_change_its_side() {
    let mut bench = Bench::new();
    assert_eq!(token(&mut bench, 1, OWN).0, 400);
    let (_, s) = bench.twin(0, 1);
    assert_eq!(with_token(&mut bench, "PUT", &s, "token-1", OFF), 403);
    assert_eq!(with_token(&mut bench, "GET", &s, "token-1", ""), 200);
    let (status, body) = token(&mut bench, 1, OWN);
    assert_eq!(
        (status, text(&body, "token_type").as_str()),
        (200, "Bearer")
    );
    let own = text(&body, "access_token");
    assert_eq!(with_token(&mut bench, "PUT", &s, &own, OFF), 200);
    bench.restart();
    assert_eq!(with_token(&mut bench, "DELETE", &s, &own, ""), 204);
    assert_eq!(
        with_token(&mut bench, "GET", &Bench::collection(1), &own, ""),
        401
    );
    let (_, again) = bench.twin(2, 1);
    assert_eq!(with_token(&mut bench, "GET", &again, &own, ""), 401);
}

#[test]
fn a_scope_opens_its_operation_only() {
    let mut bench = Bench::new();
    let (_, s) = bench.twin(0, 1);
    let (status, body) = token(
        &mut bench,
        1,
        "grant_type=client_credentials&scope=oma_rest_twinning.read",
    );
    assert_eq!(status, 200);
    let reading = text(&body, "access_token");
    assert_eq!(with_token(&mut bench, "GET", &s, &reading, ""), 200);
    assert_eq!(with_token(&mut bench, "PUT", &s, &reading, OFF), 403);
    let (status, body) = token(&mut bench, 1, "grant_type=client_credentials&scope=colour");
    assert_eq!(
        (status, text(&body, "error").as_str()),
        (400, "invalid_scope")
    );
    bench.pass(Duration::from_secs(3_600));
    assert_eq!(with_token(&mut bench, "GET", &s, &reading, ""), 401);
}

#[test]
fn an_authorization_code_opens_the_primarys_network_once() {
    let mut bench = Bench::new();
    let (p, s) = bench.twin(0, 1);
    assert_eq!(bench.read(0, &p).auth_code, None);
    let code = bench.read(1, &s).auth_code.unwrap();
    let form = format!("grant_type=authorization_code&code={code}");
    assert_eq!(
        text(&token(&mut bench, 2, &form).1, "error"),
        "invalid_grant"
    );
    let (response, body) = ask(&mut bench, 1, "/autho4api/v1/token", &form);
    assert_eq!(response.status, 200);
    assert_eq!(response.headers.first("Cache-Control"), Some("no-store"));
    let access = text(&body, "access_token");
    let renew = format!(
        "grant_type=refresh_token&refresh_token={}",
        text(&body, "refresh_token")
    );
    assert_eq!(with_token(&mut bench, "GET", &inbox(0), &access, ""), 200);
    assert_eq!(with_token(&mut bench, "GET", &inbox(2), &access, ""), 403);
    assert_eq!(with_token(&mut bench, "GET", &s, &access, ""), 403);
    let (status, renewed) = token(&mut bench, 1, &renew);
    assert_eq!(status, 200);
    assert_eq!(
        with_token(
            &mut bench,
            "GET",
            &inbox(0),
            &text(&renewed, "access_token"),
            ""
        ),
        200
    );
    // A second use is refused and takes back what the first gave.
    assert_eq!(token(&mut bench, 1, &form).0, 400);
    assert_eq!(with_token(&mut bench, "GET", &inbox(0), &access, ""), 401);
    assert_eq!(token(&mut bench, 1, &renew).0, 400);
}

#[test]
fn nothing_of_a_relationship_opens_anything_after_its_end() {
    let mut bench = Bench::new();
    let (p, s) = bench.twin(0, 1);
    let code = bench.read(1, &s).auth_code.unwrap();
    let form = format!("grant_type=authorization_code&code={code}");
    let (_, body) = token(&mut bench, 1, &form);
    let renew = format!(
        "grant_type=refresh_token&refresh_token={}",
        text(&body, "refresh_token")
    );
    bench.call(0, "DELETE", &p, "");
    let access = text(&body, "access_token");
    assert_eq!(with_token(&mut bench, "GET", &inbox(0), &access, ""), 401);
    assert_eq!(token(&mut bench, 1, &renew).0, 400);
    let (_, s) = bench.twin(0, 1);
    assert_ne!(bench.read(1, &s).auth_code.unwrap(), code);
}

#[test]
fn an_old_authorization_code_and_a_revoked_token_are_refused() {
    let mut bench = Bench::new();
    let (_, s) = bench.twin(0, 1);
    let own = text(&token(&mut bench, 1, OWN).1, "access_token");
    let form = format!("token={own}");
    assert_eq!(
        ask(&mut bench, 1, "/autho4api/v1/revoke", &form).0.status,
        200
    );
    assert_eq!(with_token(&mut bench, "GET", &s, &own, ""), 401);
    let code = bench.read(1, &s).auth_code.unwrap();
    bench.pass(Duration::from_secs(600));
    let form = format!("grant_type=authorization_code&code={code}");
    assert_eq!(token(&mut bench, 1, &form).0, 400);
}

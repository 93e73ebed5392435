use std::time::Duration;

use twinproof_kernel::ExchangeId;
use twinproof_kernel::http::{Fault, Request, Response};

use super::bench::{Bench, PARTNER_TIMEOUT, address, code_of, twinning, url_of};
use crate::knobs::Knobs;
use crate::message::Twinning;
use crate::tree::{Document, Format};

const THEIRS: &str = "http://b.test/twinning/v1/tel%3A%2B1/twinnings/x1";
const S: &str = "tel:+12025550199";
const DONE: Response = Response::new(204);

fn sent(request: &Request) -> Twinning {
    let document = Document::read(Format::Json, &request.body).unwrap();
    Twinning::of_document(&document, &Knobs::default()).unwrap()
}

fn json(status: u16, body: String) -> Response {
    Response::new(status).with_body("application/json", body.into_bytes())
}

fn begin(bench: &mut Bench, n: usize, body: &str) -> ExchangeId {
    let path = Bench::collection(n).split_off("http://a.test".len());
    let request = Request::new("POST", path)
        .with("Authorization", format!("Bearer token-{n}"))
        .with_body("application/json", body.as_bytes().to_vec());
    bench.begin(&request)
}

fn activation(code: &str, mno: &str) -> String {
    format!(
        r#"{{"twinning":{{"role":"Primary","activationCode":{{"code":"{code}","mnoId":"{mno}"}}}}}}"#
    )
}

/// The partner asks for a code for its secondary.
fn code_for_partner(bench: &mut Bench) -> String {
    let body = format!(
        r#"{{"twinning":{{"role":"Secondary","link":{{"rel":"Twinning","href":"{THEIRS}"}}}}}}"#
    );
    let url = format!(
        "/exampleAPI/twinning/v1/{}/twinnings",
        crate::url::encode_segment(S)
    );
    let response = bench.send(&Bench::partner("POST", &url, &body));
    assert_eq!(response.status, 201);
    assert_eq!(
        twinning(&response)
            .activation_code
            .unwrap()
            .mno_id
            .as_deref(),
        Some("001-01")
    );
    code_of(&twinning(&response))
}

/// Our primary and the partner's secondary become a relationship; returns the primary's URL.
fn across(bench: &mut Bench) -> String {
    let code = code_for_partner(bench);
    let exchange = begin(bench, 0, &activation(&code, "001-01"));
    let put = bench.serve(Ok(&DONE));
    assert_eq!((put.method.as_str(), put.url.as_str()), ("PUT", THEIRS));
    assert_eq!(
        put.headers.first("Authorization"),
        Some("Bearer partner-out")
    );
    let told = sent(&put);
    assert_eq!(told.other_address(), Some(address(0).as_str()));
    assert_eq!(told.status.as_deref(), Some("On"));
    assert!(told.auth_code.is_some());
    let answer = bench.answer(exchange).unwrap();
    assert_eq!(answer.status, 201);
    let url = url_of(&twinning(&answer));
    assert_eq!(told.link.as_deref(), Some(url.as_str()));
    url
}

#[test]
fn a_code_of_ours_is_used_for_a_partners_secondary() {
    let mut bench = Bench::new();
    let p = across(&mut bench);
    let primary = bench.read(0, &p);
    assert_eq!(primary.other_address(), Some(S));
    assert_eq!(primary.auth_code, None);
    assert_eq!(bench.list(0).len(), 1);
}

#[test]
fn toggles_travel_once_and_never_back() {
    let mut bench = Bench::new();
    let p = across(&mut bench);
    bench.toggle(0, &p, "Off");
    let put = bench.serve(Err(&Fault::TimedOut));
    assert_eq!(sent(&put).status.as_deref(), Some("Off"));
    bench.toggle(0, &p, "Off");
    assert!(bench.sent.is_empty());
    // Also over a restart: the partner hears in the end.
    bench.restart();
    assert_eq!(sent(&bench.serve(Ok(&DONE))).status.as_deref(), Some("Off"));
    bench.pass(Duration::from_secs(600));
    assert!(bench.sent.is_empty());
    let on = r#"{"twinning":{"role":"Primary","twinningStatus":"On"}}"#;
    assert_eq!(bench.send(&Bench::partner("PUT", &p, on)).status, 200);
    assert_eq!(bench.read(0, &p).status.as_deref(), Some("On"));
    assert!(bench.sent.is_empty());
}

#[test]
fn an_end_is_told_until_it_is_heard_and_heard_without_an_answer() {
    let mut bench = Bench::new();
    let p = across(&mut bench);
    bench.call(0, "DELETE", &p, "");
    let gone = bench.serve(Ok(&Response::new(503)));
    assert_eq!(
        (gone.method.as_str(), gone.url.as_str()),
        ("DELETE", THEIRS)
    );
    bench.restart();
    bench.serve(Ok(&Response::new(404)));
    bench.restart();
    assert!(bench.sent.is_empty());
    let p = across(&mut bench);
    assert_eq!(bench.send(&Bench::partner("DELETE", &p, "")).status, 204);
    assert!(bench.sent.is_empty());
    assert!(bench.list(0).is_empty());
}

#[test]
fn a_partner_touches_only_what_it_shares() {
    let mut bench = Bench::new();
    let (p, s) = bench.twin(0, 1);
    let off = r#"{"twinning":{"twinningStatus":"Off"}}"#;
    for url in [&p, &s] {
        assert_eq!(bench.send(&Bench::partner("PUT", url, off)).status, 403);
        assert_eq!(bench.send(&Bench::partner("DELETE", url, "")).status, 403);
        assert_eq!(bench.send(&Bench::partner("GET", url, "")).status, 403);
    }
    let list = Bench::partner("GET", &Bench::collection(0), "");
    assert_eq!(bench.send(&list).status, 403);
    assert_eq!(bench.read(0, &p).status.as_deref(), Some("On"));
    bench.toggle(0, &p, "Off");
    assert!(bench.sent.is_empty());
}

#[test]
fn a_code_is_asked_of_the_named_operator() {
    let mut bench = Bench::new();
    let named = r#"{"twinning":{"role":"Secondary","activationCode":{"mnoId":"001-02"}}}"#;
    for failure in [Ok(&Response::new(503)), Err(&Fault::TimedOut)] {
        let exchange = begin(&mut bench, 1, named);
        assert_eq!(bench.answer(exchange), None);
        bench.serve(failure);
        assert_eq!(bench.answer(exchange).unwrap().status, 400);
        assert!(bench.list(1).is_empty());
    }
    let exchange = begin(&mut bench, 1, named);
    let code =
        r#"{"twinning":{"role":"Secondary","activationCode":{"code":"7654321","mnoId":"001-02"}}}"#;
    let request = bench.serve(Ok(&json(201, code.to_owned())));
    assert!(request.url.starts_with("http://b.test/twinning/v1/"));
    let pending = twinning(&bench.answer(exchange).unwrap());
    assert_eq!(code_of(&pending), "7654321");
    assert_eq!(sent(&request).link, pending.resource_url);
    // The partner writes the activation's data.
    let url = url_of(&pending);
    let data = format!(
        r#"{{"twinning":{{"role":"Secondary","otherDevice":{{"address":"{S}"}},"twinningStatus":"On","authCode":"theirs","link":{{"rel":"Twinning","href":"{THEIRS}"}}}}}}"#
    );
    assert_eq!(bench.send(&Bench::partner("PUT", &url, &data)).status, 200);
    let secondary = bench.read(1, &url);
    assert_eq!(secondary.status.as_deref(), Some("On"));
    assert_eq!(secondary.other_address(), Some(S));
    assert_eq!(secondary.auth_code.as_deref(), Some("theirs"));
    assert!(bench.sent.is_empty());
}

#[test]
fn a_code_of_the_partner_is_used_by_our_primary() {
    let mut bench = Bench::new();
    let exchange = begin(&mut bench, 0, &activation("1", "999-99"));
    assert_eq!(bench.answer(exchange).unwrap().status, 400);
    for refusal in [Ok(&Response::new(403)), Err(&Fault::TimedOut)] {
        let exchange = begin(&mut bench, 0, &activation("7654321", "001-02"));
        bench.serve(refusal);
        assert_eq!(bench.answer(exchange).unwrap().status, 400);
        assert!(bench.list(0).is_empty() && bench.sent.is_empty());
    }
    let exchange = begin(&mut bench, 0, &activation("7654321", "001-02"));
    let accepted = format!(
        r#"{{"twinning":{{"role":"Primary","otherDevice":{{"address":"{S}"}},"resourceURL":"{THEIRS}"}}}}"#
    );
    let request = bench.serve(Ok(&json(201, accepted)));
    assert_eq!(sent(&request).other_address(), Some(address(0).as_str()));
    assert_eq!(bench.answer(exchange), None);
    let put = bench.serve(Ok(&DONE));
    assert_eq!((put.method.as_str(), put.url.as_str()), ("PUT", THEIRS));
    assert_eq!(bench.answer(exchange).unwrap().status, 201);
    assert_eq!(bench.list(0)[0].other_address(), Some(S));
}

#[test]
fn a_code_of_ours_is_used_by_the_partners_primary() {
    let mut bench = Bench::new();
    let pending = bench.code(1);
    let (code, url) = (code_of(&pending), url_of(&pending));
    let body = format!(
        r#"{{"twinning":{{"role":"Primary","activationCode":{{"code":"{code}"}},"link":{{"rel":"Twinning","href":"{THEIRS}"}},"otherDevice":{{"address":"{S}"}}}}}}"#
    );
    let to = format!(
        "/exampleAPI/twinning/v1/{}/twinnings",
        crate::url::encode_segment(S)
    );
    let accepted = bench.send(&Bench::partner("POST", &to, &body));
    assert_eq!(accepted.status, 201);
    assert_eq!(twinning(&accepted).resource_url.as_ref(), Some(&url));
    assert_eq!(
        twinning(&accepted).other_address(),
        Some(address(1).as_str())
    );
    assert_eq!(bench.read(1, &url).status.as_deref(), Some("Pending"));
    assert_eq!(bench.send(&Bench::partner("POST", &to, &body)).status, 400);
    let data = format!(
        r#"{{"twinning":{{"otherDevice":{{"address":"{S}"}},"twinningStatus":"On","authCode":"theirs"}}}}"#
    );
    assert_eq!(bench.send(&Bench::partner("PUT", &url, &data)).status, 200);
    assert_eq!(bench.read(1, &url).status.as_deref(), Some("On"));
}

#[test]
fn two_primaries_race_for_a_code_and_one_wins() {
    let mut bench = Bench::new();
    let code = code_for_partner(&mut bench);
    let first = begin(&mut bench, 0, &activation(&code, "001-01"));
    let second = begin(&mut bench, 2, &activation(&code, "001-01"));
    assert_eq!(bench.answer(second).unwrap().status, 400);
    bench.serve(Ok(&DONE));
    assert_eq!(bench.answer(first).unwrap().status, 201);
}

#[test]
fn a_partner_that_refuses_leaves_nothing_behind() {
    let mut bench = Bench::new();
    let code = code_for_partner(&mut bench);
    let third = begin(&mut bench, 3, &activation(&code, "001-01"));
    bench.serve(Ok(&Response::new(404)));
    assert_eq!(bench.answer(third).unwrap().status, 400);
    assert!(bench.list(3).is_empty());
}

#[test]
fn an_activation_whose_answer_is_lost_is_taken_back() {
    for stopped in [false, true] {
        let mut bench = Bench::new();
        let code = code_for_partner(&mut bench);
        let exchange = begin(&mut bench, 0, &activation(&code, "001-01"));
        if stopped {
            assert_eq!(bench.sent.remove(0).1.method, "PUT");
            bench.restart();
        } else {
            assert_eq!(bench.serve(Err(&Fault::TimedOut)).method, "PUT");
            assert_eq!(bench.answer(exchange).unwrap().status, 400);
        }
        let gone = bench.serve(Err(&Fault::TimedOut));
        assert_eq!(
            (gone.method.as_str(), gone.url.as_str()),
            ("DELETE", THEIRS)
        );
        bench.now = bench.next_deadline().unwrap();
        bench.pass(Duration::ZERO);
        assert_eq!(bench.serve(Ok(&DONE)).method, "DELETE");
        bench.restart();
        assert!(bench.sent.is_empty());
        assert!(bench.list(0).is_empty());
        assert_eq!(bench.activate(0, &code).status, 400, "a code works once");
        assert!(bench.sent.is_empty());
    }
}

#[test]
fn what_was_refused_or_done_is_not_taken_back() {
    let mut bench = Bench::new();
    let code = code_for_partner(&mut bench);
    begin(&mut bench, 0, &activation(&code, "001-01"));
    bench.serve(Ok(&Response::new(503)));
    bench.restart();
    assert!(bench.sent.is_empty());
    across(&mut bench);
    bench.restart();
    assert!(bench.sent.is_empty());
    assert_eq!(bench.list(0).len(), 1);
}

#[test]
fn what_a_partner_makes_too_late_is_ended_there() {
    let named = r#"{"twinning":{"role":"Secondary","activationCode":{"mnoId":"001-02"}}}"#;
    for body in [named, &activation("123456", "001-02")] {
        let mut bench = Bench::new();
        begin(&mut bench, 0, body);
        bench.pass(PARTNER_TIMEOUT);
        let made = format!(
            r#"{{"twinning":{{"activationCode":{{"code":"1"}},"otherDevice":{{"address":"{S}"}},"resourceURL":"{THEIRS}"}}}}"#
        );
        assert_eq!(bench.serve(Ok(&json(201, made.clone()))).method, "POST");
        assert!(bench.list(0).is_empty());
        let gone = bench.serve(Ok(&DONE));
        assert_eq!(
            (gone.method.as_str(), gone.url.as_str()),
            ("DELETE", THEIRS)
        );
        bench.restart();
        assert!(bench.sent.is_empty());
        // In time it stays.
        begin(&mut bench, 0, body);
        bench.serve(Ok(&json(201, made)));
        assert!(bench.sent.iter().all(|(_, r)| r.method != "DELETE"));
    }
}

#[test]
fn a_silent_partner_costs_nobody_the_answer() {
    let named = r#"{"twinning":{"role":"Secondary","activationCode":{"mnoId":"001-02"}}}"#;
    let own = {
        let mut bench = Bench::new();
        code_for_partner(&mut bench)
    };
    for (body, theirs) in [
        (named.to_owned(), false),
        (activation("123456", "001-02"), false),
        (activation(&own, "001-01"), true),
    ] {
        let mut bench = Bench::new();
        if theirs {
            assert_eq!(code_for_partner(&mut bench), own);
        }
        let exchange = begin(&mut bench, 0, &body);
        assert_eq!(bench.next_deadline(), Some(bench.now + PARTNER_TIMEOUT));
        bench.pass(PARTNER_TIMEOUT - Duration::from_millis(1));
        assert!(bench.answer(exchange).is_none(), "{body}");
        bench.pass(Duration::from_millis(1));
        let answer = bench.answer(exchange).expect("an answer in time");
        assert_eq!(answer.status, 400, "{body}");
        assert!(bench.list(0).is_empty(), "{body}");
        assert_eq!(bench.next_deadline(), None);
        // What the partner says too late finds nobody.
        bench.serve(Ok(&json(
            201,
            r#"{"twinning":{"activationCode":{"code":"1"}}}"#.to_owned(),
        )));
        assert!(bench.list(0).is_empty(), "{body}");
    }
}

use std::time::Duration;

use twinproof_kernel::http::Request;

use super::bench::{Bench, address, code_of, document, refusal, twinning, url_of};

fn is(status: u16, id: &str) -> (u16, String) {
    (status, id.to_owned())
}

#[test]
fn an_activation_binds_both_sides() {
    let mut bench = Bench::new();
    let (p, s) = bench.twin(0, 1);
    let (primary, secondary) = (bench.read(0, &p), bench.read(1, &s));
    assert_eq!(primary.other_address(), Some(address(1).as_str()));
    assert_eq!(secondary.other_address(), Some(address(0).as_str()));
    assert_eq!(primary.status.as_deref(), Some("On"));
    assert_eq!(secondary.status.as_deref(), Some("On"));
    assert_eq!(secondary.activation_code, None);
    assert_eq!(primary.name, secondary.name);
    assert!(primary.name.is_some_and(|name| !name.is_empty()));
}

#[test]
fn a_code_dies_of_age_and_by_a_newer_one() {
    let mut bench = Bench::new();
    let first = bench.code(1);
    let second = bench.code(1);
    assert_ne!(code_of(&first), code_of(&second));
    assert_eq!(
        refusal(&bench.activate(0, &code_of(&first))),
        is(400, "SVC0002")
    );
    bench.pass(Duration::from_secs(300));
    assert_eq!(
        refusal(&bench.activate(0, &code_of(&second))),
        is(400, "SVC0002")
    );
    let third = bench.code(1);
    bench.pass(Duration::from_micros(299_999_999));
    assert_eq!(bench.activate(0, &code_of(&third)).status, 201);
    assert_eq!(
        refusal(&bench.activate(2, &code_of(&third))),
        is(400, "SVC0002")
    );
}

#[test]
fn roles_do_not_mix() {
    let mut bench = Bench::new();
    let early = bench.code(0);
    bench.twin(0, 1);
    let other = bench.code(2);
    for n in [0, 1] {
        let body = r#"{"twinning":{"role":"Secondary"}}"#;
        let refused = bench.call(n, "POST", &Bench::collection(n), body);
        assert_eq!(refusal(&refused), is(403, "POL1037"));
    }
    assert_eq!(
        refusal(&bench.activate(1, &code_of(&other))),
        is(403, "POL1037")
    );
    // A primary does not become a secondary by a code from before.
    assert_eq!(
        refusal(&bench.activate(3, &code_of(&early))),
        is(403, "POL1037")
    );
    assert_eq!(bench.activate(3, &code_of(&other)).status, 201);
}

#[test]
fn a_primary_has_as_many_secondaries_as_policy_allows() {
    let mut bench = Bench::new();
    for s in 1..4 {
        bench.twin(0, s);
    }
    let pending = bench.code(4);
    assert_eq!(
        refusal(&bench.activate(0, &code_of(&pending))),
        is(403, "POL2008")
    );
    assert_eq!(bench.list(0).len(), 3);
    assert_eq!(
        bench.read(4, &url_of(&pending)).status.as_deref(),
        Some("Pending")
    );
}

#[test]
fn a_toggle_reaches_both_sides_and_ends_nothing() {
    let mut bench = Bench::new();
    let (p, s) = bench.twin(0, 1);
    for status in ["Off", "Off", "On"] {
        assert_eq!(bench.toggle(0, &p, status).status, 200);
        assert_eq!(bench.read(1, &s).status.as_deref(), Some(status));
        assert_eq!(bench.read(0, &p).status.as_deref(), Some(status));
    }
    let part = format!("{p}/twinningStatus");
    let light = bench.call(0, "PUT", &part, r#"{"twinningStatus":"Off"}"#);
    assert_eq!(light.status, 200);
    assert_eq!(document(&light).tree.text(), Some("Off"));
    assert_eq!(bench.read(1, &s).status.as_deref(), Some("Off"));
}

#[test]
fn what_belongs_to_the_server_is_not_updated() {
    let mut bench = Bench::new();
    let (p, _) = bench.twin(0, 1);
    let pending = url_of(&bench.code(2));
    for (n, url, body, expected) in [
        (
            0,
            &p,
            r#"{"twinning":{"twinningStatus":"Paused"}}"#,
            is(400, "SVC0003"),
        ),
        (
            0,
            &p,
            r#"{"twinning":{"twinningStatus":"Pending"}}"#,
            is(403, "POL1038"),
        ),
        (
            2,
            &pending,
            r#"{"twinning":{"twinningStatus":"On"}}"#,
            is(403, "POL1038"),
        ),
        (
            0,
            &p,
            r#"{"twinning":{"twinningStatus":"On","ownAddress":"tel:+1"}}"#,
            is(403, "POL1038"),
        ),
        (
            0,
            &p,
            r#"{"twinning":{"twinningStatus":"On","role":"Secondary"}}"#,
            is(403, "POL1038"),
        ),
        (0, &p, r#"{"twinning":{}}"#, is(400, "SVC2006")),
        (0, &p, "{", is(400, "SVC0002")),
    ] {
        let before = bench.read(n, url);
        assert_eq!(
            refusal(&bench.call(n, "PUT", url, body)),
            expected,
            "{body}"
        );
        assert_eq!(bench.read(n, url), before);
    }
    let unknown = r#"{"twinning":{"twinningStatus":"Off","colour":"red"}}"#;
    assert_eq!(bench.call(0, "PUT", &p, unknown).status, 200);
}

#[test]
fn deactivation_ends_both_sides_and_frees_both_devices() {
    let mut bench = Bench::new();
    let (p, s) = bench.twin(0, 1);
    let (_, kept) = bench.twin(0, 2);
    assert_eq!(bench.call(0, "DELETE", &p, "").status, 204);
    assert_eq!(
        refusal(&bench.call(0, "DELETE", &p, "")),
        is(404, "SVC2008")
    );
    assert_eq!(bench.call(1, "GET", &s, "").status, 404);
    assert_eq!(bench.list(0).len(), 1);
    assert_eq!(bench.read(2, &kept).status.as_deref(), Some("On"));
    let (again, _) = bench.twin(3, 1);
    assert_ne!(again, p);
}

#[test]
fn the_door_is_kept() {
    let mut bench = Bench::new();
    let (p, _) = bench.twin(0, 1);
    let path = p.strip_prefix("http://a.test").unwrap();
    let get = |authorization: Option<&str>, path: &str| {
        let request = Request::new("GET", path);
        match authorization {
            Some(value) => request.with("Authorization", value),
            None => request,
        }
    };
    for (authorization, status) in [
        (None, 401),
        (Some("Bearer nonsense"), 401),
        (Some("Bearer expired-0"), 401),
        (Some("Bearer unscoped-0"), 403),
        (Some("Bearer token-1"), 403),
        (Some("bearer token-0"), 200),
    ] {
        let response = bench.send(&get(authorization, path));
        assert_eq!(response.status, status, "{authorization:?}");
        let challenged = response.headers.first("WWW-Authenticate").is_some();
        assert_eq!(
            challenged,
            status == 401 || authorization == Some("Bearer unscoped-0")
        );
    }
    let own = "/exampleAPI/twinning/v1/acr%3Aauth/twinnings";
    assert_eq!(bench.send(&get(Some("Bearer token-0"), own)).status, 200);
    assert_eq!(bench.send(&get(None, own)).status, 401);
    let newer = path.replace("/v1/", "/v99/");
    assert_eq!(bench.send(&get(Some("Bearer token-0"), &newer)).status, 404);
    let foreign_id = path.replace("0100", "0101");
    assert_eq!(
        bench.send(&get(Some("Bearer token-1"), &foreign_id)).status,
        404
    );
}

#[test]
fn undefined_verbs_are_told_which_are_defined() {
    let mut bench = Bench::new();
    let (p, _) = bench.twin(0, 1);
    for (url, method, allow) in [
        (Bench::collection(0), "DELETE", "GET, POST"),
        (p.clone(), "POST", "GET, PUT, DELETE"),
        (format!("{p}/name"), "DELETE", "GET, PUT"),
    ] {
        let response = bench.call(0, method, &url, "");
        assert_eq!(response.status, 405);
        assert_eq!(response.headers.first("Allow"), Some(allow));
    }
}

#[test]
fn formats_are_negotiated() {
    let mut bench = Bench::new();
    let (p, _) = bench.twin(0, 1);
    let path = p.strip_prefix("http://a.test").unwrap();
    for (query, accept, expected) in [
        ("", "application/xml", (200, "application/xml")),
        (
            "?resFormat=JSON",
            "application/xml",
            (200, "application/json"),
        ),
        ("", "*/*", (200, "application/json")),
        ("", "image/png", (406, "application/json")),
    ] {
        let request = Request::new("GET", format!("{path}{query}"))
            .with("Authorization", "Bearer token-0")
            .with("Accept", accept);
        let response = bench.send(&request);
        let format = response.headers.first("Content-Type").unwrap();
        assert_eq!((response.status, format), expected, "{query} {accept}");
    }
    let text = Request::new("PUT", path)
        .with("Authorization", "Bearer token-0")
        .with_body("text/plain", b"Off".to_vec());
    assert_eq!(refusal(&bench.send(&text)), is(415, "POL0011"));
}

#[test]
fn names_are_the_primarys_and_differ() {
    let mut bench = Bench::new();
    let (first, s) = bench.twin(0, 1);
    let (second, _) = bench.twin(0, 2);
    let rename = |name: &str| format!(r#"{{"name":"{name}"}}"#);
    let part = format!("{first}/name");
    assert_eq!(bench.call(0, "PUT", &part, &rename("Uhr ⌚")).status, 200);
    assert_eq!(bench.read(0, &first).name.as_deref(), Some("Uhr ⌚"));
    let other = format!("{second}/name");
    assert_eq!(
        refusal(&bench.call(0, "PUT", &other, &rename("Uhr ⌚"))),
        is(400, "SVC0002")
    );
    // The secondary's own token does not help it to another name.
    let token = bench.twinning_token(1);
    let path = s.strip_prefix("http://a.test").unwrap();
    let request = Request::new("PUT", format!("{path}/name"))
        .with("Authorization", format!("Bearer {token}"))
        .with_body("application/json", rename("x").into_bytes());
    assert_eq!(refusal(&bench.send(&request)), is(403, "POL1038"));
}

#[test]
fn clients_values_for_the_servers_elements_are_not_kept() {
    let mut bench = Bench::new();
    let body = r#"{"twinning":{"role":"Secondary","twinningStatus":"On","ownAddress":"tel:+1",
        "otherDevice":{"address":"tel:+2"},"authCode":"x","activationCode":{"code":"111111"}}}"#;
    let twinning = twinning(&bench.call(1, "POST", &Bench::collection(1), body));
    assert_eq!(twinning.status.as_deref(), Some("Pending"));
    assert_eq!(twinning.own_address, Some(address(1)));
    assert_eq!(twinning.other_device, None);
    assert_eq!(twinning.auth_code, None);
    assert_ne!(code_of(&twinning), "111111");
}

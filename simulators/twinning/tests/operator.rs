//! The other operator by itself: its core is driven without a stage.

use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role as _, Seed, Time};
use twinproof_twinning::device::read_body;
use twinproof_twinning::knobs::Knobs;
use twinproof_twinning::message::{ActivationCode, OtherDevice, Status, Twinning, repeats};
use twinproof_twinning::operator::{Agreement, Answer, Behaviour, Errand, Operator, Order, Pass};
use twinproof_twinning::tree::Format;

const OWN: &str = "tel:+12025550199";
const THEIR_RESOURCE: &str = "http://sut.test/twinning/v1/tel%3A%2B12025550100/twinnings/tw1";

fn agreement() -> Agreement {
    Agreement {
        base_url: "http://peer.test".to_owned(),
        mno_id: "001-02".to_owned(),
        partner: "http://sut.test".to_owned(),
        token: "peer-presents".to_owned(),
        expects_token: "sut-presents".to_owned(),
        knobs: Knobs::default(),
    }
}

fn order(operator: &mut Operator, order: Order) -> Vec<Output<Answer>> {
    let mut out = Outbox::default();
    let input = Input::Order {
        call: CallId(1),
        order,
    };
    operator.handle(&agreement(), Time::ZERO, input, &mut out);
    out.drain().collect()
}

fn ask(operator: &mut Operator, request: &Request) -> Option<Response> {
    let mut out = Outbox::default();
    let input = Input::Request {
        exchange: ExchangeId(1),
        request,
    };
    operator.handle(&agreement(), Time::ZERO, input, &mut out);
    out.drain().find_map(|output| match output {
        Output::Respond { response, .. } => Some(response),
        _ => None,
    })
}

fn request(method: &str, path: &str, token: &str, twinning: &Twinning) -> Request {
    let knobs = Knobs::default();
    let body = twinning
        .document(&knobs)
        .write(Format::Json, knobs.json, &repeats(&knobs.names));
    Request::new(method, path)
        .with("Authorization", format!("Bearer {token}"))
        .with_body("application/json", body)
}

fn issue(operator: &mut Operator) -> ActivationCode {
    match order(
        operator,
        Order::Issue {
            device: OWN.to_owned(),
        },
    )
    .remove(0)
    {
        Output::Answer {
            answer: Answer::Issued(code),
            ..
        } => code,
        other => panic!("{other:?}"),
    }
}

fn activation(code: &ActivationCode, token: &str) -> Request {
    let asked = Twinning {
        role: Some("Primary".to_owned()),
        activation_code: Some(code.clone()),
        other_device: Some(OtherDevice {
            address: Some("tel:+12025550100".to_owned()),
            ..OtherDevice::default()
        }),
        link: Some(THEIR_RESOURCE.to_owned()),
        ..Twinning::default()
    };
    request(
        "POST",
        "/twinning/v1/tel%3A%2B12025550100/twinnings",
        token,
        &asked,
    )
}

fn twinning_of(response: &Response) -> Twinning {
    Twinning::of_document(&read_body(response).unwrap(), &Knobs::default()).unwrap()
}

#[test]
fn an_activation_with_its_code_is_served_once_and_completed_by_put() {
    let mut operator = Operator::new(Seed::new(7));
    let code = issue(&mut operator);
    let response = ask(&mut operator, &activation(&code, "sut-presents")).unwrap();
    assert_eq!(response.status, 201);
    let answered = twinning_of(&response);
    assert_eq!(answered.other_address(), Some(OWN));
    let url = answered.resource_url.unwrap();
    let path = url.strip_prefix("http://peer.test").unwrap();
    assert_eq!(
        ask(&mut operator, &activation(&code, "sut-presents"))
            .unwrap()
            .status,
        400
    );

    let written = Twinning {
        status: Some("On".to_owned()),
        auth_code: Some("one-shot".to_owned()),
        ..Twinning::default()
    };
    let response = ask(
        &mut operator,
        &request("PUT", path, "sut-presents", &written),
    )
    .unwrap();
    assert_eq!(response.status, 200);
    let side = operator.side_of(OWN).unwrap();
    assert_eq!(
        (side.status, side.auth_code.as_deref()),
        (Status::On, Some("one-shot"))
    );
    assert_eq!(side.theirs.as_deref(), Some(THEIR_RESOURCE));

    let ended = request("DELETE", path, "sut-presents", &Twinning::default());
    assert_eq!(ask(&mut operator, &ended).unwrap().status, 204);
    assert_eq!(ask(&mut operator, &ended).unwrap().status, 404);
    assert_eq!(operator.received().len(), 5);
}

#[test]
fn only_the_partner_is_served() {
    let mut operator = Operator::new(Seed::new(7));
    let code = issue(&mut operator);
    let response = ask(&mut operator, &activation(&code, "somebody-else")).unwrap();
    assert_eq!(response.status, 401);
    assert_eq!(operator.side_of(OWN).unwrap().other, None);
}

#[test]
fn misbehaviour_is_an_order_and_ends_by_one() {
    let mut operator = Operator::new(Seed::new(7));
    let code = issue(&mut operator);
    let asked = activation(&code, "sut-presents");
    for (behaviour, status) in [
        (Behaviour::Unavailable, Some(503)),
        (Behaviour::Refusing(403), Some(403)),
        (Behaviour::Silent, None),
        (Behaviour::Correct, Some(201)),
    ] {
        order(&mut operator, Order::Behave(behaviour));
        let got = ask(&mut operator, &asked).map(|response| response.status);
        assert_eq!(got, status, "{behaviour:?}");
        assert_eq!(operator.received().last().unwrap().status, status);
    }
}

#[test]
fn a_toggle_goes_to_the_partners_half_with_the_token_that_was_ordered() {
    let mut operator = Operator::new(Seed::new(7));
    let toggle = |pass| Order::Send {
        errand: Errand::Toggle {
            device: OWN.to_owned(),
            status: Status::Off,
        },
        pass,
    };
    let nothing = order(&mut operator, toggle(Pass::Own)).remove(0);
    assert!(matches!(
        nothing,
        Output::Answer {
            answer: Answer::NoRelationship,
            ..
        }
    ));
    let code = issue(&mut operator);
    ask(&mut operator, &activation(&code, "sut-presents")).unwrap();
    for (pass, own) in [(Pass::Own, true), (Pass::Forged, false)] {
        let Output::Request { request, .. } = order(&mut operator, toggle(pass)).remove(0) else {
            panic!("no request");
        };
        assert_eq!(
            (request.method.as_str(), request.url.as_str()),
            ("PUT", THEIR_RESOURCE)
        );
        let token = request.headers.first("Authorization").unwrap();
        assert_eq!(token == "Bearer peer-presents", own, "{token}");
    }
}

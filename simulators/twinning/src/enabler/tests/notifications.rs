use std::time::Duration;

use twinproof_kernel::http::{Fault, Response};

use super::bench::{BASE, Bench, address};
use crate::tree::{Document, Format};
use crate::url::encode_segment;

fn subscribe(bench: &mut Bench, n: usize, more: &str) -> Response {
    let url = format!(
        "{BASE}/twinning/v1/{}/subscriptions",
        encode_segment(&address(n))
    );
    let body = format!(
        r#"{{"twinningSubscription":{{"callbackReference":{{"notifyURL":"http://app.test/cb","callbackData":"k7","notificationFormat":"JSON"}}{more}}}}}"#
    );
    bench.call(n, "POST", &url, &body)
}

fn location(response: &Response) -> String {
    assert_eq!(response.status, 201);
    response.headers.first("Location").unwrap().to_owned()
}

const DONE: Response = Response::new(204);

#[test]
fn the_other_side_hears_of_an_effective_toggle() {
    let mut bench = Bench::new();
    let (p, s) = bench.twin(0, 1);
    let (other, _) = bench.twin(0, 2);
    for n in [0, 1, 2, 3] {
        subscribe(&mut bench, n, "");
    }
    bench.toggle(0, &p, "On");
    bench.toggle(0, &p, "Paused");
    assert!(bench.sent.is_empty());
    bench.toggle(0, &p, "Off");
    let request = bench.serve(Ok(&DONE));
    let told = Document::read(Format::Json, &request.body).unwrap();
    assert_eq!(told.root, "twinningNotification");
    assert_eq!(told.tree.child_text("callbackData"), Some("k7"));
    let twinning = told.tree.child("twinning").unwrap();
    assert_eq!(twinning.child_text("resourceURL"), Some(s.as_str()));
    assert_eq!(twinning.child_text("twinningStatus"), Some("Off"));
    assert!(told.tree.child("link").is_some());
    assert!(bench.sent.is_empty());
    assert_eq!(bench.read(0, &other).status.as_deref(), Some("On"));
}

#[test]
fn a_subscription_ends_by_its_client_by_time_and_by_a_lost_receiver() {
    let mut bench = Bench::new();
    let (p, _) = bench.twin(0, 1);
    let url = location(&subscribe(&mut bench, 1, ""));
    bench.restart();
    assert_eq!(bench.call(1, "DELETE", &url, "").status, 204);
    assert_eq!(bench.call(1, "DELETE", &url, "").status, 404);
    bench.toggle(0, &p, "Off");
    assert!(bench.sent.is_empty());

    let short = subscribe(&mut bench, 1, r#","duration":60"#);
    bench.pass(Duration::from_secs(59));
    bench.toggle(0, &p, "On");
    bench.serve(Ok(&DONE));
    bench.pass(Duration::from_secs(1));
    bench.toggle(0, &p, "Off");
    assert!(bench.sent.is_empty());
    assert_eq!(bench.call(1, "GET", &location(&short), "").status, 404);

    let lost = location(&subscribe(&mut bench, 1, ""));
    bench.toggle(0, &p, "On");
    bench.serve(Ok(&Response::new(404)));
    assert_eq!(bench.call(1, "GET", &lost, "").status, 404);
}

#[test]
fn a_busy_receiver_is_tried_again() {
    let mut bench = Bench::new();
    let (p, _) = bench.twin(0, 1);
    let url = location(&subscribe(&mut bench, 1, ""));
    bench.toggle(0, &p, "Off");
    bench.serve(Ok(&Response::new(503)));
    bench.now = bench.next_deadline().unwrap();
    bench.pass(Duration::ZERO);
    bench.serve(Err(&Fault::TimedOut));
    // Whoever has unsubscribed meanwhile is left alone.
    bench.call(1, "DELETE", &url, "");
    bench.pass(Duration::from_secs(60));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.next_deadline(), None);
}

#[test]
fn what_is_on_its_way_survives_a_restart() {
    let mut bench = Bench::new();
    let (p, _) = bench.twin(0, 1);
    let url = location(&subscribe(&mut bench, 1, ""));
    bench.toggle(0, &p, "Off");
    bench.toggle(0, &p, "On");
    // The second waits for its next try when the enabler is stopped.
    let first = bench.sent.remove(0).1;
    let second = bench.serve(Ok(&Response::new(503)));
    bench.restart();
    for lost in [first, second] {
        let again = bench.serve(Ok(&DONE));
        assert_eq!((again.url, again.body), (lost.url, lost.body));
        assert_eq!(
            again.headers.first("Content-Type"),
            lost.headers.first("Content-Type")
        );
    }
    bench.restart();
    assert!(bench.sent.is_empty(), "what was heard is not told again");

    bench.toggle(0, &p, "Off");
    bench.call(1, "DELETE", &url, "");
    bench.sent.clear();
    bench.restart();
    assert!(
        bench.sent.is_empty(),
        "whoever has unsubscribed is left alone"
    );
    bench.restart();
    assert!(bench.sent.is_empty());
}

#[test]
fn a_correlator_stands_for_one_subscription_of_one_client() {
    let mut bench = Bench::new();
    let first = location(&subscribe(&mut bench, 1, r#","clientCorrelator":"c""#));
    bench.restart();
    let again = location(&subscribe(&mut bench, 1, r#","clientCorrelator":"c""#));
    assert_eq!(first, again);
    let theirs = location(&subscribe(&mut bench, 2, r#","clientCorrelator":"c""#));
    assert_ne!(first, theirs);
    assert_ne!(location(&subscribe(&mut bench, 1, "")), first);
}

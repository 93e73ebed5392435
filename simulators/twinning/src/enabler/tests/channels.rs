use std::time::Duration;

use twinproof_kernel::http::{Request, Response};

use super::bench::{BASE, Bench, address, document, refusal};
use crate::url::encode_segment;

fn url(part: &str) -> String {
    format!(
        "{BASE}/notificationchannel/v1/{}/channels{part}",
        encode_segment(&address(1))
    )
}

fn open(bench: &mut Bench, kind: &str) -> Response {
    let body =
        format!(r#"{{"notificationChannel":{{"channelType":"{kind}","clientCorrelator":"c"}}}}"#);
    bench.call(1, "POST", &url(""), &body)
}

fn poll(to: &str) -> Request {
    Request::new("POST", to.strip_prefix("http://a.test").unwrap())
        .with("Authorization", "Bearer token-1")
        .with_body(
            "application/json",
            br#"{"longPollingRequestParameters":null}"#.to_vec(),
        )
}

#[test]
fn a_channel_holds_what_happens_until_it_is_fetched() {
    let mut bench = Bench::new();
    let (p, _) = bench.twin(0, 1);
    assert_eq!(
        refusal(&open(&mut bench, "OMAPush")),
        (403, "POL1023".to_owned())
    );
    let opened = open(&mut bench, "LongPolling");
    assert_eq!(opened.status, 201);
    let same = open(&mut bench, "LongPolling");
    assert_eq!(
        same.headers.first("Location"),
        opened.headers.first("Location")
    );
    let channel = document(&opened).tree;
    let callback = channel.child_text("callbackURL").unwrap();
    let fetch = channel
        .child("channelData")
        .unwrap()
        .child_text("channelURL")
        .unwrap();
    let subscriptions = format!(
        "{BASE}/twinning/v1/{}/subscriptions",
        encode_segment(&address(1))
    );
    let body = format!(
        r#"{{"twinningSubscription":{{"callbackReference":{{"notifyURL":"{callback}"}}}}}}"#
    );
    assert_eq!(bench.call(1, "POST", &subscriptions, &body).status, 201);

    // What happened before the poll is there at once, also over a restart; once only.
    bench.toggle(0, &p, "Off");
    bench.restart();
    let got = document(&bench.send(&poll(fetch)));
    assert_eq!(got.tree.children("twinningNotification").count(), 1);
    let waiting = bench.begin(&poll(fetch));
    assert_eq!(bench.answer(waiting), None);
    bench.pass(Duration::from_secs(1));
    let empty = bench.answer(waiting).unwrap();
    assert_eq!(
        (empty.status, document(&empty).tree.entries().len()),
        (200, 0)
    );

    // A poll that waits is answered when something happens; a second one takes its place.
    let first = bench.begin(&poll(fetch));
    let second = bench.begin(&poll(fetch));
    assert_eq!(
        refusal(&bench.answer(first).unwrap()),
        (409, "SVC1012".to_owned())
    );
    bench.toggle(0, &p, "On");
    let got = document(&bench.answer(second).unwrap());
    assert_eq!(got.tree.children("twinningNotification").count(), 1);
    assert!(bench.sent.is_empty());

    // A channel that is given up lets its poll go.
    let last = bench.begin(&poll(fetch));
    let resource = opened.headers.first("Location").unwrap();
    assert_eq!(bench.call(1, "DELETE", resource, "").status, 204);
    assert_eq!(bench.answer(last).unwrap().status, 404);
}

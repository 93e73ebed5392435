//! A device without an account: it fetches its bootstrap, or gets it pushed, and keeps what came.

use std::collections::BTreeMap;

use serde::Serialize;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Time};

/// One fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Order {
    /// Where from.
    pub url: String,
    /// The `ETag` of the document that the device has.
    pub tag: Option<String>,
    /// The `Last-Modified` of the document that the device has.
    pub modified: Option<String>,
}

/// What came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// The HTTP status; none of what was pushed.
    pub status: Option<u16>,
    /// `ETag`.
    pub tag: Option<String>,
    /// `Last-Modified`.
    pub modified: Option<String>,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The core of such a device. It answers an order with what came, or why nothing did.
#[derive(Clone, Debug, Default)]
pub struct Novice {
    exchanges: u64,
    calls: BTreeMap<ExchangeId, CallId>,
    pushed: Vec<Came>,
}

impl Novice {
    /// What was pushed to it, in order.
    #[must_use]
    pub fn pushed(&self) -> &[Came] {
        &self.pushed
    }
}

fn came(headers: &twinproof_kernel::http::Headers, body: &[u8]) -> Came {
    let text = |name: &str| headers.first(name).map(str::to_owned);
    Came {
        status: None,
        tag: text("ETag"),
        modified: text("Last-Modified"),
        content_type: text("Content-Type").unwrap_or_default(),
        body: body.to_vec(),
    }
}

impl Role for Novice {
    type Shared = ();
    type Order = Order;
    type Answer = Result<Came, Fault>;

    fn handle(
        &mut self,
        (): &(),
        _now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Self::Answer>,
    ) {
        match input {
            Input::Order { call, order } => {
                self.exchanges += 1;
                let exchange = ExchangeId(self.exchanges);
                self.calls.insert(exchange, call);
                let mut request = Request::new("GET", order.url);
                for (name, value) in [
                    ("If-None-Match", order.tag),
                    ("If-Modified-Since", order.modified),
                ] {
                    if let Some(value) = value {
                        request = request.with(name, value);
                    }
                }
                out.push(Output::Request { exchange, request });
            }
            Input::Response { exchange, outcome } => {
                if let Some(call) = self.calls.remove(&exchange) {
                    let answer = outcome.map_err(Clone::clone).map(|response| Came {
                        status: Some(response.status),
                        ..came(&response.headers, &response.body)
                    });
                    out.answer(call, answer);
                }
            }
            Input::Request { exchange, request } => {
                let status = if request.method == "POST" { 204 } else { 405 };
                if request.method == "POST" {
                    self.pushed.push(came(&request.headers, &request.body));
                }
                out.respond(exchange, Response::new(status));
            }
            Input::Associated { .. }
            | Input::Datagram { .. }
            | Input::Persisted(_)
            | Input::Restored(_)
            | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

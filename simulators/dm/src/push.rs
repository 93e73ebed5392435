//! Who brings a trigger to a device: by HTTP Push, or as a datagram of another carrier.
//!
//! That a device takes it as the body of a POST, with the header field that names the application, is
//! [`Basis::Assumed`](crate::Basis::Assumed): the binding of DM 1.3 is not public.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use twinproof_kernel::http::Request;
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Time};

/// The header field that names the application.
pub const APPLICATION_FIELD: &str = "X-Wap-Application-Id";

/// The application: the DM client.
pub const APPLICATION: &str = "x-wap-application:syncml.dm";

/// One push.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Order {
    /// Where to.
    pub url: String,
    /// The media type of what is pushed.
    pub content_type: String,
    /// Its octets.
    pub body: Vec<u8>,
}

/// The core of who pushes. It answers an order with the HTTP status, if there was one.
#[derive(Clone, Debug, Default)]
pub struct Initiator {
    exchanges: u64,
    calls: BTreeMap<ExchangeId, CallId>,
}

impl Role for Initiator {
    type Shared = ();
    type Order = Order;
    type Answer = Option<u16>;

    fn handle(
        &mut self,
        (): &(),
        _now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Option<u16>>,
    ) {
        match input {
            Input::Order { call, order } => {
                self.exchanges += 1;
                let exchange = ExchangeId(self.exchanges);
                self.calls.insert(exchange, call);
                let request = Request::new("POST", order.url)
                    .with(APPLICATION_FIELD, APPLICATION)
                    .with_body(&order.content_type, order.body);
                out.push(Output::Request { exchange, request });
            }
            Input::Response { exchange, outcome } => {
                if let Some(call) = self.calls.remove(&exchange) {
                    out.answer(call, outcome.ok().map(|response| response.status));
                }
            }
            Input::Associated { .. }
            | Input::Datagram { .. }
            | Input::Persisted(_)
            | Input::Request { .. }
            | Input::Restored(_)
            | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

/// One push in a datagram.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Parcel {
    /// From where.
    pub at: SocketAddr,
    /// Where to.
    pub to: SocketAddr,
    /// Its octets.
    pub octets: Vec<u8>,
}

/// The core of who pushes in datagrams. It answers an order when the datagram is on its way.
#[derive(Clone, Debug, Default)]
pub struct Courier {
    answers: Vec<Vec<u8>>,
}

impl Courier {
    /// What came back, in order.
    #[must_use]
    pub fn answers(&self) -> &[Vec<u8>] {
        &self.answers
    }
}

impl Role for Courier {
    type Shared = ();
    type Order = Parcel;
    type Answer = ();

    fn handle(&mut self, (): &(), _now: Time, input: Input<'_, Parcel>, out: &mut Outbox<()>) {
        match input {
            Input::Order { call, order } => {
                out.datagram(order.at, order.to, |out| out.extend(order.octets));
                out.answer(call, ());
            }
            Input::Datagram { bytes, .. } => self.answers.push(bytes.to_vec()),
            Input::Associated { .. }
            | Input::Persisted(_)
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Restored(_)
            | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

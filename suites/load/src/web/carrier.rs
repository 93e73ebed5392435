//! What carries the requests of members, and counts them.

use std::cell::Cell;

use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_stage::Network;

/// Carries requests, and counts them.
pub(super) struct Carrier {
    network: Network,
    sent: Cell<u64>,
    received: Cell<u64>,
}

impl Carrier {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            network: network.clone(),
            sent: Cell::default(),
            received: Cell::default(),
        }
    }

    /// Sends a request, and waits for its response.
    pub(super) async fn fetch(&self, request: Request) -> Result<Response, Fault> {
        self.sent.set(self.sent.get() + 1);
        let outcome = self.network.fetch(request).await;
        let received = u64::from(outcome.is_ok());
        self.received.set(self.received.get() + received);
        outcome
    }

    /// How many requests were sent, and how many responses came.
    pub(super) fn carried(&self) -> (u64, u64) {
        (self.sent.get(), self.received.get())
    }
}

/// Why there was no response, without what differs from one to the next.
pub(super) const fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Unreachable(_) => "no connection",
        Fault::TimedOut => "no response in time",
        Fault::Broken(_) => "connection broken",
        Fault::NotSent(_) => "nothing to send it with",
    }
}

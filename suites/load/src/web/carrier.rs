//! What carries the requests of members, and counts them.

use std::cell::Cell;
use std::time::Duration;

use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_stage::Network;

use super::straight::{Straight, place};

/// Carries requests, and counts them.
pub(super) struct Carrier {
    network: Network,
    /// What goes in the clear, where nothing is to stand in between.
    straight: Option<Straight>,
    sent: Cell<u64>,
    received: Cell<u64>,
}

impl Carrier {
    /// One that goes straight to who is spoken to in the clear, if `straight` says how long an exchange may take there, and
    /// over a network to all others.
    pub(super) fn new(network: &Network, straight: Option<Duration>) -> Self {
        Self {
            network: network.clone(),
            straight: straight.map(Straight::new),
            sent: Cell::default(),
            received: Cell::default(),
        }
    }

    /// Sends a request, and waits for its response.
    pub(super) async fn fetch(&self, request: Request) -> Result<Response, Fault> {
        self.sent.set(self.sent.get() + 1);
        let outcome = match (&self.straight, place(&request.url)) {
            (Some(straight), Some(place)) => straight.fetch(place, &request).await,
            _ => self.network.fetch(request).await,
        };
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

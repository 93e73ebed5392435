//! What is due, and when.

use std::net::SocketAddr;

use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{ExchangeId, Time, WriteId};

use super::Shown;

pub(super) enum Event {
    Datagram {
        to: usize,
        at: SocketAddr,
        from: SocketAddr,
        bytes: Vec<u8>,
        /// By whom, where it is recorded only as it arrives.
        arrives_from: Option<String>,
        /// It has come out of an association.
        opened: bool,
    },
    /// A datagram leaves a secured place after it was held back.
    Leave {
        at: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Persisted {
        place: usize,
        write: WriteId,
    },
    Request {
        to: usize,
        exchange: ExchangeId,
        request: Request,
    },
    Response {
        exchange: ExchangeId,
        outcome: Result<Response, Fault>,
    },
    Wake {
        place: usize,
    },
    /// The transport of a secured place is due.
    WakeSecured {
        at: SocketAddr,
    },
    /// Somebody says something who has shaken hands before, where this was shown.
    Says {
        place: usize,
        exchange: ExchangeId,
        request: Request,
        shown: Shown,
    },
}

pub(super) struct Due {
    pub(super) at: Time,
    pub(super) order: u64,
    pub(super) event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

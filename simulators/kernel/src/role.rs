use std::convert::Infallible;
use std::net::SocketAddr;

use crate::Time;
use crate::http::{Fault, Request, Response};

/// Pairs a request with its response. A role counts its own requests; a stage counts those that it
/// hands to a role.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExchangeId(pub u64);

/// Pairs an order with its answer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallId(pub u64);

/// Pairs a write to the store with its completion.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WriteId(pub u64);

/// What a store holds: keys and values in the order of the keys.
pub type Records = std::collections::BTreeMap<String, Vec<u8>>;

/// One change to a role's store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// Removes the record under this key, if there is one.
    Delete(String),
    /// Writes the record under this key.
    Put(String, Vec<u8>),
}

/// What happens to a role.
#[derive(Debug)]
pub enum Input<'a, O> {
    /// Who is at `peer`, whose datagrams come to `at` over a secured association: said when the association
    /// is there, before its first datagram, and again when it is there no more.
    Associated {
        /// The role's own address.
        at: SocketAddr,
        /// The peer's address.
        peer: SocketAddr,
        /// As whom it has shown itself, in the octets of what it showed; none if it is nobody any more.
        identity: Option<&'a [u8]>,
    },
    /// A datagram arrived at `at`.
    Datagram {
        /// The role's own address.
        at: SocketAddr,
        /// The sender's address.
        from: SocketAddr,
        /// The datagram's octets.
        bytes: &'a [u8],
    },
    /// The tester asks the role to do something; answered by [`Output::Answer`].
    Order {
        /// Pairs the answer with this order.
        call: CallId,
        /// What to do.
        order: O,
    },
    /// A write is durable.
    Persisted(WriteId),
    /// An HTTP request arrived; answered by [`Output::Respond`].
    Request {
        /// Pairs the response with this request.
        exchange: ExchangeId,
        /// The request; its URL is path and query.
        request: &'a Request,
    },
    /// The response to a request of the role's own, or why there is none.
    Response {
        /// The exchange that the role chose.
        exchange: ExchangeId,
        /// What came.
        outcome: Result<&'a Response, &'a Fault>,
    },
    /// The first input after a start: what the store holds.
    Restored(&'a Records),
    /// The moment that [`Role::next_deadline`] named has come.
    Wake,
}

impl<'a> Input<'a, Infallible> {
    /// The same for a role that takes any kind of order: this is none.
    pub fn of_any_order<O>(self) -> Input<'a, O> {
        match self {
            Self::Associated { at, peer, identity } => Input::Associated { at, peer, identity },
            Self::Datagram { at, from, bytes } => Input::Datagram { at, from, bytes },
            Self::Order { order, .. } => match order {},
            Self::Persisted(write) => Input::Persisted(write),
            Self::Request { exchange, request } => Input::Request { exchange, request },
            Self::Response { exchange, outcome } => Input::Response { exchange, outcome },
            Self::Restored(records) => Input::Restored(records),
            Self::Wake => Input::Wake,
        }
    }
}

/// What a role wants done.
#[derive(Debug)]
pub enum Output<A> {
    /// The answer to an order.
    Answer {
        /// The order's call.
        call: CallId,
        /// What became of it.
        answer: A,
    },
    /// Send a datagram; its octets are [`Outbox::bytes`]`[range]`.
    Datagram {
        /// The role's own address.
        at: SocketAddr,
        /// Where to.
        to: SocketAddr,
        /// Where in the outbox the octets are.
        range: std::ops::Range<usize>,
    },
    /// Write to the store and say when it is durable.
    Persist {
        /// Comes back in [`Input::Persisted`].
        write: WriteId,
        /// All or none of them.
        changes: Vec<Change>,
    },
    /// Send an HTTP request.
    Request {
        /// Comes back in [`Input::Response`].
        exchange: ExchangeId,
        /// The request, with an absolute URL.
        request: Request,
    },
    /// Respond to an HTTP request.
    Respond {
        /// The exchange of the request.
        exchange: ExchangeId,
        /// The response.
        response: Response,
    },
    /// Meet a peer over an association that is begun with this key, or over none; what there was of one with
    /// another key is at its end. Places that are not secured have nothing to do.
    Trust {
        /// The role's own address.
        at: SocketAddr,
        /// Whom.
        peer: SocketAddr,
        /// With what, if with anything.
        own: Option<PreSharedKey>,
    },
}

/// A key that two have, and the identity under which they know it.
#[derive(Clone, Eq, PartialEq)]
pub struct PreSharedKey {
    /// The identity.
    pub identity: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for PreSharedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PreSharedKey({})", self.identity.escape_ascii())
    }
}

/// Where a role leaves its outputs. The driver empties and reuses it.
#[derive(Debug)]
pub struct Outbox<A> {
    outputs: Vec<Output<A>>,
    bytes: Vec<u8>,
}

impl<A> Default for Outbox<A> {
    fn default() -> Self {
        Self {
            outputs: Vec::new(),
            bytes: Vec::new(),
        }
    }
}

impl<A> Outbox<A> {
    /// Leaves an output.
    pub fn push(&mut self, output: Output<A>) {
        self.outputs.push(output);
    }

    /// Answers an order.
    pub fn answer(&mut self, call: CallId, answer: A) {
        self.push(Output::Answer { call, answer });
    }

    /// Responds to an HTTP request.
    pub fn respond(&mut self, exchange: ExchangeId, response: Response) {
        self.push(Output::Respond { exchange, response });
    }

    /// Sends a datagram that `write` appends to the outbox's buffer.
    pub fn datagram(&mut self, at: SocketAddr, to: SocketAddr, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let range = start..self.bytes.len();
        self.push(Output::Datagram { at, to, range });
    }

    /// Sends a datagram that `write` appends to the outbox's buffer, unless it says that there is none.
    pub fn try_datagram<T>(
        &mut self,
        at: SocketAddr,
        to: SocketAddr,
        write: impl FnOnce(&mut Vec<u8>) -> Option<T>,
    ) -> Option<T> {
        let start = self.bytes.len();
        let Some(written) = write(&mut self.bytes) else {
            self.bytes.truncate(start);
            return None;
        };
        let range = start..self.bytes.len();
        self.push(Output::Datagram { at, to, range });
        Some(written)
    }

    /// The octets of the datagrams that wait here.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the outputs in order; the octets stay until [`Outbox::clear`].
    pub fn drain(&mut self) -> std::vec::Drain<'_, Output<A>> {
        self.outputs.drain(..)
    }

    /// Takes the outputs in order, beside the octets of their datagrams, which stay until [`Outbox::clear`].
    pub fn take(&mut self) -> (std::vec::Drain<'_, Output<A>>, &[u8]) {
        (self.outputs.drain(..), &self.bytes)
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.outputs.clear();
        self.bytes.clear();
    }
}

/// A simulated party: a state machine without sockets, clock or randomness of its own.
pub trait Role {
    /// What many roles of a kind have in common.
    type Shared;
    /// What a tester can ask of it.
    type Order;
    /// What it answers.
    type Answer;

    /// Takes one input at the time `now` and leaves what is to be done in `out`.
    fn handle(
        &mut self,
        shared: &Self::Shared,
        now: Time,
        input: Input<'_, Self::Order>,
        out: &mut Outbox<Self::Answer>,
    );

    /// When the role wants to be woken, if at all.
    fn next_deadline(&self) -> Option<Time>;
}

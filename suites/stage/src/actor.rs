//! Roles with their types erased, so that one stage holds them all.

use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{
    CallId, Change, ExchangeId, Input, Outbox, Output, PreSharedKey, Role, Time, WriteId,
};

/// What happens to an actor, but for orders, which are typed.
pub type Stimulus<'a> = Input<'a, Infallible>;

/// What an actor wants done.
pub enum Effect {
    Answered(CallId),
    Datagram {
        at: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Persist {
        write: WriteId,
        changes: Vec<Change>,
    },
    Request {
        exchange: ExchangeId,
        request: Request,
    },
    Respond {
        exchange: ExchangeId,
        response: Response,
    },
    Trust {
        at: SocketAddr,
        peer: SocketAddr,
        own: Option<PreSharedKey>,
    },
}

/// A role whose types are erased. Made by [`Seat::new`].
pub trait Actor: Any + Send {
    /// Takes one input and appends what is to be done.
    #[doc(hidden)]
    fn stimulate(&mut self, now: Time, stimulus: Stimulus<'_>, effects: &mut Vec<Effect>);
    /// When the role wants to be woken.
    #[doc(hidden)]
    fn next_deadline(&self) -> Option<Time>;
    /// For orders, which are typed.
    #[doc(hidden)]
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// Makes an actor anew, as a start of its process would.
pub type Factory = Box<dyn Fn() -> Box<dyn Actor> + Send>;

/// A role in its place: with what it shares and the answers that wait to be fetched.
pub struct Seat<R: Role> {
    role: R,
    shared: Arc<R::Shared>,
    outbox: Outbox<R::Answer>,
    answers: BTreeMap<CallId, R::Answer>,
}

impl<R> Seat<R>
where
    R: Role + Send + 'static,
    R::Shared: Send + Sync,
    R::Order: 'static,
    R::Answer: Send,
{
    /// Seats a role.
    #[expect(clippy::new_ret_no_self, reason = "a seat is only ever used erased")]
    pub fn new(role: R, shared: Arc<R::Shared>) -> Box<dyn Actor> {
        Box::new(Self {
            role,
            shared,
            outbox: Outbox::default(),
            answers: BTreeMap::new(),
        })
    }

    /// The seat of an actor that was seated as this role.
    pub(crate) fn of(actor: &mut dyn Actor) -> &mut Self {
        actor
            .as_any_mut()
            .downcast_mut()
            .expect("a handle is made with the seat that it names")
    }

    pub(crate) fn order(
        &mut self,
        now: Time,
        call: CallId,
        order: R::Order,
        effects: &mut Vec<Effect>,
    ) {
        self.input(now, Input::Order { call, order }, effects);
    }

    pub(crate) fn role(&self) -> &R {
        &self.role
    }

    pub(crate) fn take_answer(&mut self, call: CallId) -> Option<R::Answer> {
        self.answers.remove(&call)
    }

    fn input(&mut self, now: Time, input: Input<'_, R::Order>, effects: &mut Vec<Effect>) {
        self.role.handle(&self.shared, now, input, &mut self.outbox);
        let bytes = self.outbox.bytes().to_vec();
        for output in self.outbox.drain() {
            effects.push(match output {
                Output::Answer { call, answer } => {
                    self.answers.insert(call, answer);
                    Effect::Answered(call)
                }
                Output::Datagram { at, to, range } => Effect::Datagram {
                    at,
                    to,
                    bytes: bytes[range].to_vec(),
                },
                Output::Persist { write, changes } => Effect::Persist { write, changes },
                Output::Request { exchange, request } => Effect::Request { exchange, request },
                Output::Respond { exchange, response } => Effect::Respond { exchange, response },
                Output::Trust { at, peer, own } => Effect::Trust { at, peer, own },
            });
        }
        self.outbox.clear();
    }
}

impl<R> Actor for Seat<R>
where
    R: Role + Send + 'static,
    R::Shared: Send + Sync,
    R::Order: 'static,
    R::Answer: Send,
{
    fn stimulate(&mut self, now: Time, stimulus: Stimulus<'_>, effects: &mut Vec<Effect>) {
        self.input(now, stimulus.of_any_order(), effects);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.role.next_deadline()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

//! Requests of the enabler's own: sent, answered, and tried again.

use std::time::Duration;

use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{ExchangeId, Time};

use super::partners::{Asking, Match};
use super::rules::RetryFacts;
use super::state::{Delivery, Parting, Remote, Side, Subscription};
use super::{Enabler, Later, Ready, Turn};
use crate::message::Status;

/// What a request of the enabler's own is for.
pub(super) enum Errand {
    /// A partner is asked for a code.
    AskCode(Later, Box<Side>, String),
    /// A partner is asked to activate a secondary of its own.
    AskActivation(Later, Box<Asking>),
    /// A partner is told the data of an activation.
    Introduce(Later, Box<Match>),
    /// A subscriber is told what this [`Delivery`] says.
    Notify(String),
    /// A partner is told that a relationship has ended.
    Part(String),
    /// A partner is told the status of a side that it has.
    Propagate(String, Status),
}

impl Errand {
    /// The partner that was asked for something that would be its to end.
    fn asked(&self) -> Option<&str> {
        match self {
            Self::AskActivation(_, asking) => Some(&asking.mno),
            Self::AskCode(_, _, mno) => Some(mno),
            Self::Introduce(..) | Self::Notify(_) | Self::Part(_) | Self::Propagate(..) => None,
        }
    }
}

/// A request under way or about to be tried again.
pub(super) struct Sending {
    errand: Errand,
    request: Request,
    attempt: u32,
    /// When it is given up: a client waits for its answer.
    until: Option<Time>,
}

impl Enabler {
    pub(super) fn send(&mut self, errand: Errand, request: Request) {
        self.send_again(Sending {
            errand,
            request,
            attempt: 1,
            until: None,
        });
    }

    /// Sends what a client waits for: a partner that says nothing must not cost the client its answer.
    pub(super) fn send_awaited(&mut self, turn: Turn<'_>, errand: Errand, request: Request) {
        self.send_again(Sending {
            errand,
            request,
            attempt: 1,
            until: Some(turn.now + turn.config.partner_timeout),
        });
    }

    /// Sends a request once a while has passed.
    pub(super) fn send_after(
        &mut self,
        turn: Turn<'_>,
        wait: Duration,
        errand: Errand,
        request: Request,
    ) {
        if wait.is_zero() {
            return self.send(errand, request);
        }
        let sending = Sending {
            errand,
            request,
            attempt: 1,
            until: None,
        };
        self.waiting.push((turn.now + wait, sending));
    }

    /// How many requests of its own it has sent since it started, or will send.
    pub(super) fn requests(&self) -> u64 {
        self.exchanges + self.waiting.len() as u64
    }

    fn send_again(&mut self, sending: Sending) {
        self.exchanges += 1;
        // Answers to requests from before a restart find nobody.
        let exchange = ExchangeId((self.state.starts() << 32) | self.exchanges);
        self.ready
            .push(Ready::Send(exchange, sending.request.clone()));
        self.in_flight.insert(exchange, sending);
    }

    /// Takes the outcome of a request.
    pub(super) fn conclude(
        &mut self,
        turn: Turn<'_>,
        exchange: ExchangeId,
        outcome: Result<&Response, &Fault>,
    ) {
        let Some(sending) = self.in_flight.remove(&exchange) else {
            self.take_back_late(turn, exchange, outcome.ok());
            return;
        };
        let status = outcome.ok().map(|response| response.status);
        match sending.errand {
            Errand::AskCode(later, side, mno) => {
                self.code_came(turn, later, *side, &mno, outcome.ok());
            }
            Errand::AskActivation(later, asking) => {
                self.activation_came(turn, later, *asking, outcome.ok());
            }
            Errand::Introduce(later, matched) => {
                self.introduced(turn, later, *matched, status);
            }
            Errand::Notify(ref key) => {
                let key = key.clone();
                if status == Some(404) {
                    self.end_subscription_of(&key);
                }
                if !self.retry(turn, sending, outcome) {
                    self.state.remove::<Delivery>(&key);
                }
            }
            Errand::Part(ref key) => {
                let key = key.clone();
                if !self.retry(turn, sending, outcome) {
                    self.state.remove::<Parting>(&key);
                }
            }
            Errand::Propagate(ref id, told) => {
                let id = id.clone();
                if !self.retry(turn, sending, outcome) {
                    self.told(turn, &id, told);
                }
            }
        }
    }

    /// Plans another try, unless the answer is final.
    fn retry(
        &mut self,
        turn: Turn<'_>,
        sending: Sending,
        outcome: Result<&Response, &Fault>,
    ) -> bool {
        let wait = self.rules.retry_after(RetryFacts {
            attempt: sending.attempt,
            status: outcome.ok().map(|response| response.status),
        });
        if let Some(wait) = wait {
            let again = Sending {
                attempt: sending.attempt + 1,
                ..sending
            };
            self.waiting.push((turn.now + wait, again));
        }
        wait.is_some()
    }

    /// Nobody is there any more whom a subscriber could be told from.
    fn end_subscription_of(&mut self, delivery: &str) {
        let Some(delivery) = self.state.get::<Delivery>(delivery) else {
            return;
        };
        let id = delivery.subscription.clone();
        if let Some(subscription) = self.state.get::<Subscription>(&id) {
            let cancelled = Subscription {
                cancelled: true,
                ..subscription.clone()
            };
            self.state.put(&id, cancelled);
        }
    }

    /// A partner has heard of a status; if it is not the current one any more, it hears again.
    fn told(&mut self, turn: Turn<'_>, id: &str, told: Status) {
        let Some(side) = self.state.side(id).cloned() else {
            return;
        };
        if side.status != told {
            self.propagate(turn, id);
        } else if let Some(remote) = side.remote.clone() {
            self.state.put_side(Side {
                remote: Some(Remote {
                    stale: false,
                    ..remote
                }),
                ..side
            });
        }
    }

    /// Gives up requests whose partner has not answered in time.
    pub(super) fn give_up(&mut self, turn: Turn<'_>) {
        let overdue = |sending: &Sending| sending.until.is_some_and(|until| until <= turn.now);
        let exchanges: Vec<ExchangeId> = self
            .in_flight
            .iter()
            .filter(|(_, sending)| overdue(sending))
            .map(|(exchange, _)| *exchange)
            .collect();
        for exchange in exchanges {
            let asked = self.in_flight.get(&exchange);
            if let Some(mno) = asked.and_then(|sending| sending.errand.asked()) {
                let mno = mno.to_owned();
                self.given_up.insert(exchange, mno);
            }
            self.conclude(turn, exchange, Err(&Fault::TimedOut));
        }
    }

    /// When the next request is tried again or given up.
    pub(super) fn errand_deadline(&self) -> Option<Time> {
        let tries = self.waiting.iter().map(|(at, _)| *at);
        let ends = self.in_flight.values().filter_map(|sending| sending.until);
        tries.chain(ends).min()
    }

    /// Tries again what is due.
    pub(super) fn wake(&mut self, turn: Turn<'_>) {
        let (due, later) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(at, _)| *at <= turn.now);
        self.waiting = later;
        for (_, sending) in Vec::from_iter::<Vec<(_, Sending)>>(due) {
            match &sending.errand {
                Errand::Notify(key) if !self.is_due(turn, key) => {
                    let key = key.clone();
                    self.state.remove::<Delivery>(&key);
                }
                // The status may have changed meanwhile.
                Errand::Propagate(id, _) => {
                    let id = id.clone();
                    self.propagate_again(turn, &id, sending.attempt);
                }
                _ => self.send_again(sending),
            }
        }
    }

    fn propagate_again(&mut self, turn: Turn<'_>, id: &str, attempt: u32) {
        if let Some((errand, request)) = self.propagation(turn, id) {
            self.send_again(Sending {
                errand,
                request,
                attempt,
                until: None,
            });
        }
    }

    /// What partners and subscribers have yet to hear is sent again after a restart.
    pub(super) fn resume(&mut self, turn: Turn<'_>) {
        let stale: Vec<String> = self
            .state
            .sides()
            .filter(|side| side.remote.as_ref().is_some_and(|remote| remote.stale))
            .map(|side| side.id.clone())
            .collect();
        for id in stale {
            self.propagate(turn, &id);
        }
        let partings: Vec<(String, Parting)> = self
            .state
            .all::<Parting>()
            .map(|(key, parting)| (key.clone(), parting.clone()))
            .collect();
        for (key, parting) in partings {
            // Nobody knows whether the partner did what it was asked when the enabler was stopped.
            self.state.remove::<Side>(&key);
            self.send_parting(turn, key, &parting);
        }
        self.deliver_again(turn);
    }
}

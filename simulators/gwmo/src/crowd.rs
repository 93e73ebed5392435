//! Hidden devices in number, behind one address: clients of DM that are told apart by the first part of the
//! path of what comes for them.
//!
//! They are the devices of [`hidden`](crate::hidden) with less to order about, so that a thousand of them cost
//! no more than a thousand sessions. Nobody sits in front of them.

use std::collections::{BTreeMap, VecDeque};

use twinproof_dm::client::{self, Client, End};
use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Time};

/// What a device does with a notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// It comes.
    #[default]
    Comes,
    /// It takes it, and does not come.
    Deaf,
    /// It is not there to take it.
    Gone,
}

/// What a tester asks of the devices.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Each begins a session with the server of this account. Answered once all have ended.
    Come {
        /// The server.
        server: String,
    },
    /// From now on each does this with notifications; those that are not named go on as before.
    Behave(Vec<Manner>),
}

/// What the devices answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// So many of their sessions have come to a good end, of so many.
    Came(usize, usize),
    /// It is done.
    Done,
}

/// How the devices of a crowd are set up.
#[derive(Clone, Debug)]
pub struct Shared {
    /// As clients.
    pub client: client::Shared,
    /// How many requests of theirs may be under way at the same time; the others wait.
    pub at_once: usize,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            client: client::Shared {
                max_messages: 100,
                user: false,
                ..client::Shared::default()
            },
            at_once: 32,
        }
    }
}

#[derive(Clone, Debug)]
struct Member {
    client: Client,
    manner: Manner,
    /// How many of its sessions have been counted.
    counted: usize,
}

/// The devices.
#[derive(Clone, Debug)]
pub struct Crowd {
    members: Vec<Member>,
    exchanges: u64,
    /// Of whom a request under way is.
    under_way: BTreeMap<ExchangeId, (usize, ExchangeId)>,
    waiting: VecDeque<(usize, ExchangeId, Request)>,
    /// Who waits for sessions: after how many have ended in all, and how many had ended well before.
    call: Option<(CallId, usize, usize)>,
    ended: usize,
    complete: usize,
}

impl Crowd {
    /// Devices that come when they are notified, in the order of their numbers.
    #[must_use]
    pub fn new(clients: impl IntoIterator<Item = Client>) -> Self {
        let members = clients.into_iter().map(|client| Member {
            client,
            manner: Manner::default(),
            counted: 0,
        });
        Self {
            members: members.collect(),
            exchanges: 0,
            under_way: BTreeMap::new(),
            waiting: VecDeque::new(),
            call: None,
            ended: 0,
            complete: 0,
        }
    }

    /// The device with this number, from 0.
    #[must_use]
    pub fn member(&self, number: usize) -> Option<&Client> {
        self.members.get(number).map(|member| &member.client)
    }

    /// How many sessions have ended.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.ended
    }

    /// The path at which a device takes notifications.
    #[must_use]
    pub fn push_path(number: usize) -> String {
        format!("/{number}/push")
    }

    fn pass_on(
        &mut self,
        (shared, now): (&Shared, Time),
        number: usize,
        input: Input<'_, client::Order>,
        out: &mut Outbox<Answer>,
    ) {
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        let mut inner = Outbox::default();
        member.client.handle(&shared.client, now, input, &mut inner);
        let news = &member.client.ended()[member.counted..];
        self.ended += news.len();
        self.complete += news.iter().filter(|e| e.how == End::Complete).count();
        member.counted += news.len();
        for output in inner.drain() {
            match output {
                Output::Request { exchange, request } => {
                    self.waiting.push_back((number, exchange, request));
                }
                Output::Respond { exchange, response } => out.respond(exchange, response),
                Output::Answer { .. }
                | Output::Datagram { .. }
                | Output::Persist { .. }
                | Output::Trust { .. } => {}
            }
        }
    }

    /// Sends what waits, as far as it may.
    fn send(&mut self, at_once: usize, out: &mut Outbox<Answer>) {
        while self.under_way.len() < at_once.max(1)
            && let Some((number, inner, request)) = self.waiting.pop_front()
        {
            self.exchanges += 1;
            let exchange = ExchangeId(self.exchanges);
            self.under_way.insert(exchange, (number, inner));
            out.push(Output::Request { exchange, request });
        }
        if let Some((call, until, before)) = self.call
            && self.ended >= until
        {
            self.call = None;
            let complete = self.complete - before;
            out.answer(call, Answer::Came(complete, self.members.len()));
        }
    }
}

impl Role for Crowd {
    type Shared = Shared;
    type Order = Order;
    type Answer = Answer;

    fn handle(
        &mut self,
        shared: &Shared,
        now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Answer>,
    ) {
        let ground = (shared, now);
        match input {
            Input::Order { call, order } => match order {
                Order::Behave(manners) => {
                    for (member, manner) in self.members.iter_mut().zip(manners) {
                        member.manner = manner;
                    }
                    out.answer(call, Answer::Done);
                }
                Order::Come { server } => {
                    self.call = Some((call, self.ended + self.members.len(), self.complete));
                    for number in 0..self.members.len() {
                        let server = server.clone();
                        let order = client::Order::Start { server };
                        self.pass_on(ground, number, Input::Order { call, order }, out);
                    }
                }
            },
            Input::Request { exchange, request } => {
                let mut parts = request.url.trim_start_matches('/').split('/');
                let number = parts.next().and_then(|part| part.parse().ok());
                let number: usize = number.unwrap_or(usize::MAX);
                match self.members.get(number).map(|member| member.manner) {
                    Some(Manner::Comes) => {
                        self.pass_on(ground, number, Input::Request { exchange, request }, out);
                    }
                    Some(Manner::Deaf) => out.respond(exchange, Response::new(204)),
                    Some(Manner::Gone) => out.respond(exchange, Response::new(503)),
                    None => out.respond(exchange, Response::new(404)),
                }
            }
            Input::Response { exchange, outcome } => {
                if let Some((number, exchange)) = self.under_way.remove(&exchange) {
                    self.pass_on(ground, number, Input::Response { exchange, outcome }, out);
                }
            }
            Input::Wake
            | Input::Associated { .. }
            | Input::Datagram { .. }
            | Input::Persisted(_)
            | Input::Restored(_) => {}
        }
        self.send(shared.at_once, out);
    }

    /// Clients wait for nothing but answers and users.
    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

//! A DM server that has gateways below it: it manages devices that it does not reach.
//!
//! An application says what it wants of which devices behind which gateway ([`Errand`]). Where the gateway has the
//! objects that this takes, the server finds out by their types, in the gateway's next session.

mod describe;
mod desk;
pub mod rules;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use twinproof_dm::push::{APPLICATION, APPLICATION_FIELD};
use twinproof_dm::server::{self, Server};
use twinproof_dm::upper::{Answer, Errand, Operation};
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Seed, Time};

use crate::gateway::{NAMED, TARGET_FIELD};
use crate::objects::Names;
use desk::{Attended, Desk, OWN};
use rules::Ways;
use rules::decide::{Rules, Standard};

/// How such a server is set up.
#[derive(Clone)]
pub struct Shared {
    /// As a server of devices that it reaches.
    pub server: server::Shared,
    /// What the nodes of gateways' objects are called.
    pub names: Names,
    /// What [`TARGET_FIELD`] says for a device: `{device}` stands for what it calls itself.
    pub named: String,
    /// After how long fan-outs end, whoever is missing.
    pub deadline: Duration,
    /// Its decisions.
    pub rules: Arc<dyn Rules>,
}

impl Shared {
    /// Such a server as the text wants it, which is this one for devices that it reaches.
    #[must_use]
    pub fn above(server: server::Shared) -> Self {
        Self {
            server,
            names: Names::default(),
            named: NAMED.to_owned(),
            deadline: Duration::from_secs(30),
            rules: Arc::new(Standard),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// The server's core.
#[derive(Clone, Debug)]
pub struct Overseer {
    server: Server,
    desk: Desk,
    exchanges: u64,
    /// Images that are being got, with the gateway and what is wanted there.
    getting: BTreeMap<ExchangeId, (String, Errand)>,
}

impl Overseer {
    /// What manages gateways by this server, whose devices they are.
    #[must_use]
    pub fn new(server: Server, seed: Seed) -> Self {
        Self {
            server,
            desk: Desk::new(seed),
            exchanges: 0,
            getting: BTreeMap::new(),
        }
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    fn obey(
        &mut self,
        (shared, now): (&Shared, Time),
        (gateway, errand): (&str, Errand),
        out: &mut Outbox<Answer>,
    ) -> Answer {
        if !self.server.knows(gateway) {
            return Answer::Refused(format!("expected a known gateway, got {gateway}"));
        }
        if let Errand::Wake {
            device,
            session,
            push,
        } = errand
        {
            return self.wake((shared, now), (gateway, &device), (session, push), out);
        }
        if let Errand::Distribute { source, .. } = &errand
            && shared.rules.brings(true)
        {
            let exchange = self.request(Request::new("GET", source.clone()), out);
            self.getting.insert(exchange, (gateway.to_owned(), errand));
            return Answer::Done;
        }
        self.begin(shared, gateway, errand);
        Answer::Done
    }

    fn begin(&mut self, shared: &Shared, gateway: &str, errand: Errand) {
        let desk = &mut self.desk;
        Attended { desk, shared }.begin(gateway, errand);
    }

    /// An image has come that a gateway is to be brought.
    fn got(&mut self, shared: &Shared, exchange: ExchangeId, outcome: Result<&Response, &Fault>) {
        let Some((gateway, errand)) = self.getting.remove(&exchange) else {
            return;
        };
        if let (Ok(response), Errand::Distribute { source, .. }) = (outcome, &errand)
            && response.is_success()
        {
            self.desk.carry(source, response.body.clone());
        }
        self.begin(shared, &gateway, errand);
    }

    /// Notifies a device that is behind a gateway.
    fn wake(
        &mut self,
        (shared, now): (&Shared, Time),
        (gateway, device): (&str, &str),
        (session, push): (u16, String),
        out: &mut Outbox<Answer>,
    ) -> Answer {
        let order = Operation::Trigger {
            device: gateway.to_owned(),
            ui_mode: 1,
            session,
        };
        let call = self.desk.call();
        let mut inner = Outbox::default();
        let input = Input::Order { call, order };
        self.server.handle(&shared.server, now, input, &mut inner);
        let made = inner.drain().find_map(|output| match output {
            Output::Answer { answer, .. } => Some(answer),
            _ => None,
        });
        let (content_type, body) = match made {
            Some(Answer::Trigger { content_type, body }) => (content_type, body),
            Some(refused) => return refused,
            None => return Answer::Refused("expected a notification, got none".to_owned()),
        };
        if shared.rules.hands_in(true) {
            self.desk.carry(device, shared.rules.carries(body));
            let device = device.to_owned();
            let errand = Errand::Wake {
                device,
                session,
                push,
            };
            self.begin(shared, gateway, errand);
            return Answer::Done;
        }
        let to = shared.rules.sends(Ways {
            gateway: push,
            device: self.desk.address_of(device),
        });
        let named = shared.rules.heads(shared.named.replace(NAMED, device));
        let mut request = Request::new("POST", to).with(APPLICATION_FIELD, APPLICATION);
        if let Some(named) = named {
            request = request.with(TARGET_FIELD, named);
        }
        let request = request.with_body(&content_type, shared.rules.carries(body));
        self.request(request, out);
        Answer::Done
    }

    fn request(&mut self, request: Request, out: &mut Outbox<Answer>) -> ExchangeId {
        self.exchanges += 1;
        let exchange = ExchangeId(self.exchanges);
        out.push(Output::Request { exchange, request });
        exchange
    }

    fn heard(
        &mut self,
        shared: &Shared,
        (exchange, request): (ExchangeId, &Request),
        out: &mut Outbox<Answer>,
    ) {
        let mut inner = Outbox::default();
        let desk = &mut self.desk;
        let mut above = Attended { desk, shared };
        let asked = (exchange, request);
        self.server
            .converses(&shared.server, asked, &mut inner, &mut above);
        for output in inner.drain() {
            match output {
                Output::Answer {
                    call: CallId(OWN..),
                    ..
                } => {}
                other => out.push(other),
            }
        }
        for address in self.desk.take_visits() {
            self.request(Request::new("GET", address), out);
        }
        for event in self.desk.take_told() {
            self.server.note(event);
        }
    }
}

impl Role for Overseer {
    type Shared = Shared;
    type Order = Operation;
    type Answer = Answer;

    fn handle(
        &mut self,
        shared: &Shared,
        now: Time,
        input: Input<'_, Operation>,
        out: &mut Outbox<Answer>,
    ) {
        match input {
            Input::Order {
                call,
                order: Operation::Behind { gateway, errand },
            } => {
                let answer = self.obey((shared, now), (&gateway, errand), out);
                out.answer(call, answer);
            }
            // A gateway may report something although nothing is wanted of it.
            Input::Request { exchange, request } => self.heard(shared, (exchange, request), out),
            // What became of a notification is seen in the session that it announces.
            Input::Response { exchange, outcome } => self.got(shared, exchange, outcome),
            other => self.server.handle(&shared.server, now, other, out),
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.server.next_deadline()
    }
}

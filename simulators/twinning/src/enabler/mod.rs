//! A Twinning enabler of one operator.

mod access;
mod config;
mod facts;
mod format;
mod refusal;
mod route;
pub mod rules;
mod state;
#[cfg(test)]
mod tests;
mod tokens;
mod twinnings;

use std::collections::BTreeMap;
use std::sync::Arc;

use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{ExchangeId, Input, Outbox, Output, Role as Party, Seed, Time, WriteId};

use crate::message::repeats;
use crate::tree::{Document, Format};
use refusal::Refusal;
use route::Route;
use rules::{Resource, ResponseFacts, Rules, StoreFacts};
use state::State;

pub use config::{Config, Partner, Subscriber};
pub use route::{REVOKE_PATH, TOKEN_PATH};

/// One request that is being served.
#[derive(Clone, Copy)]
struct Turn<'a> {
    config: &'a Config,
    now: Time,
    request: &'a Request,
}

/// What a request is answered with.
struct Answer {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: Body,
}

enum Body {
    Document(Document),
    Json(serde_json::Value),
    Nothing,
}

impl Answer {
    fn new(status: u16) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body: Body::Nothing,
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    fn with_body(mut self, body: Document) -> Self {
        self.body = Body::Document(body);
        self
    }

    fn with_json(mut self, body: serde_json::Value) -> Self {
        self.body = Body::Json(body);
        self
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: refusal.status,
            body: Body::Document(refusal.document()),
            fields: refusal.fields,
        }
    }
}

type Served = Result<Answer, Refusal>;

/// What waits until everything that was decided with it is durable.
enum Ready {
    Respond(ExchangeId, Response),
}

/// The enabler's core.
pub struct Enabler {
    rules: Arc<dyn Rules>,
    seed: Seed,
    state: State,
    writes: u64,
    ready: Vec<Ready>,
    held: BTreeMap<WriteId, Vec<Ready>>,
}

impl Enabler {
    /// An enabler that has nothing in its store yet.
    pub fn new(rules: Arc<dyn Rules>, seed: Seed) -> Self {
        Self {
            rules,
            seed,
            state: State::default(),
            writes: 0,
            ready: Vec::new(),
            held: BTreeMap::new(),
        }
    }

    fn serve(&mut self, turn: Turn<'_>) -> Response {
        let format = self.response_format(turn);
        let route = self.route(turn);
        let resource = route.as_ref().ok().map(|route| route.resource);
        let served = match format {
            Ok(_) => route.and_then(|route| self.perform(turn, &route)),
            Err(_) => Err(Refusal::not_acceptable(
                turn.request.headers.first("Accept").unwrap_or_default(),
            )),
        };
        let method = &turn.request.method;
        self.state.note(|kind| {
            self.rules.is_stored(StoreFacts {
                kind,
                resource,
                method,
            })
        });
        let answer = served.unwrap_or_else(Answer::from);
        let format = format.unwrap_or_else(|default| default);
        let response = render(answer, format, turn.config);
        self.rules
            .sent(response, ResponseFacts { method, resource })
    }

    fn perform(&mut self, turn: Turn<'_>, route: &Route) -> Served {
        self.check_verb(turn, route)?;
        if matches!(
            route.resource,
            Resource::Inbox | Resource::Revoke | Resource::Token
        ) {
            return self.perform_authorization(turn, route);
        }
        let visit = self.admit(turn, route)?;
        self.perform_twinning(turn, route, &visit)
    }

    /// Lets go what was decided, at once or when it is durable.
    fn finish(&mut self, out: &mut Outbox<std::convert::Infallible>) {
        let changes = self.state.take_changes();
        let ready = std::mem::take(&mut self.ready);
        if changes.is_empty() {
            release(ready, out);
        } else {
            self.writes += 1;
            let write = WriteId(self.writes);
            self.held.insert(write, ready);
            out.push(Output::Persist { write, changes });
        }
    }
}

fn release(ready: Vec<Ready>, out: &mut Outbox<std::convert::Infallible>) {
    for item in ready {
        match item {
            Ready::Respond(exchange, response) => out.respond(exchange, response),
        }
    }
}

fn render(answer: Answer, format: Format, config: &Config) -> Response {
    let knobs = &config.knobs;
    let mut response = Response::new(answer.status);
    match answer.body {
        Body::Document(document) => {
            let body = document.write(format, knobs.json, &repeats(&knobs.names));
            response = response.with_body(format.media_type(), body);
        }
        Body::Json(value) => {
            let body = value.to_string().into_bytes();
            response = response.with_body(Format::Json.media_type(), body);
        }
        Body::Nothing => {}
    }
    for (name, value) in answer.fields {
        response.headers.add(name, value);
    }
    response
}

impl Party for Enabler {
    type Shared = Config;
    type Order = std::convert::Infallible;
    type Answer = std::convert::Infallible;

    fn handle(
        &mut self,
        config: &Config,
        now: Time,
        input: Input<'_, Self::Order>,
        out: &mut Outbox<Self::Answer>,
    ) {
        match input {
            Input::Request { exchange, request } => {
                let turn = Turn {
                    config,
                    now,
                    request,
                };
                let response = self.serve(turn);
                self.ready.push(Ready::Respond(exchange, response));
            }
            Input::Persisted(write) => {
                release(self.held.remove(&write).unwrap_or_default(), out);
            }
            Input::Restored(records) => self.state = State::restore(records),
            Input::Order { order, .. } => match order {},
            Input::Datagram { .. } | Input::Response { .. } | Input::Wake => {}
        }
        self.finish(out);
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

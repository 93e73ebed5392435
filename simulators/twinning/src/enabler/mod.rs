//! A Twinning enabler of one operator.

mod access;
mod activation;
mod channels;
mod config;
mod errands;
mod facts;
mod format;
mod guests;
mod partners;
mod refusal;
mod route;
pub mod rules;
mod state;
mod subscriptions;
#[cfg(test)]
mod tests;
mod tokens;
mod twinnings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{ExchangeId, Input, Outbox, Output, Role as Party, Seed, Time, WriteId};

use crate::message::repeats;
use crate::tree::{Document, Format};
use channels::Poll;
use errands::Sending;
use refusal::Refusal;
use route::Route;
use rules::{KeptFacts, RefusalFacts, Resource, ResponseFacts, Rules, StoreFacts};
use state::State;

pub use config::{Config, Partner, Subscriber};
pub use route::{REVOKE_PATH, TOKEN_PATH};
pub use state::census;

/// One request that is being served.
#[derive(Clone, Copy)]
struct Turn<'a> {
    config: &'a Config,
    now: Time,
    request: &'a Request,
    exchange: ExchangeId,
    format: Format,
}

impl Turn<'_> {
    fn later(&self) -> Later {
        Later {
            exchange: self.exchange,
            format: self.format,
        }
    }
}

/// A request that is answered when something else has come to its end.
#[derive(Clone, Copy)]
struct Later {
    exchange: ExchangeId,
    format: Format,
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
            status: refusal.form.status,
            body: match refusal.form.with_body {
                true => Body::Document(refusal.document()),
                false => Body::Nothing,
            },
            fields: refusal.fields,
        }
    }
}

type Served = Result<Answer, Refusal>;

/// The answer, or none yet: it follows by [`Enabler::reply`].
type Performed = Result<Option<Answer>, Refusal>;

/// What waits until everything that was decided with it is durable.
enum Ready {
    Respond(ExchangeId, Response),
    Send(ExchangeId, Request),
}

/// The enabler's core.
pub struct Enabler {
    rules: Arc<dyn Rules>,
    seed: Seed,
    state: State,
    writes: u64,
    exchanges: u64,
    ready: Vec<Ready>,
    held: BTreeMap<WriteId, Vec<Ready>>,
    in_flight: BTreeMap<ExchangeId, Sending>,
    waiting: Vec<(Time, Sending)>,
    /// Requests that nobody waits for any more, and the partners that may still answer them.
    given_up: BTreeMap<ExchangeId, String>,
    deliveries: u64,
    /// By channel.
    polls: BTreeMap<String, Poll>,
    /// Codes that are being used: their partner has yet to answer.
    reserved: BTreeSet<String>,
}

impl Enabler {
    /// An enabler that has nothing in its store yet.
    pub fn new(rules: Arc<dyn Rules>, seed: Seed) -> Self {
        Self {
            rules,
            seed,
            state: State::default(),
            writes: 0,
            exchanges: 0,
            ready: Vec::new(),
            held: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            waiting: Vec::new(),
            given_up: BTreeMap::new(),
            deliveries: 0,
            polls: BTreeMap::new(),
            reserved: BTreeSet::new(),
        }
    }

    fn serve(&mut self, turn: Turn<'_>) {
        let format = self.response_format(turn);
        let turn = Turn {
            format: format.unwrap_or_else(|default| default),
            ..turn
        };
        self.end_stale_requests(turn);
        let route = self.route(turn);
        let resource = route.as_ref().ok().map(|route| route.resource);
        let about = route.as_ref().ok().and_then(|route| route.id.clone());
        let performed = match format {
            Ok(_) => route.and_then(|route| self.perform(turn, &route)),
            Err(_) => Err(Refusal::not_acceptable(
                turn.request.headers.first("Accept").unwrap_or_default(),
            )),
        };
        self.keep_statuses(turn, about.as_deref(), performed.is_err());
        self.note(resource, &turn.request.method);
        if let Some(served) = performed.transpose() {
            self.respond(turn, turn.later(), served, resource);
        }
    }

    /// Answers a request that had to wait for a partner.
    fn reply(&mut self, turn: Turn<'_>, later: Later, served: Served) {
        self.note(Some(Resource::Twinnings), "POST");
        self.respond(turn, later, served, Some(Resource::Twinnings));
    }

    fn respond(
        &mut self,
        turn: Turn<'_>,
        later: Later,
        served: Served,
        resource: Option<Resource>,
    ) {
        let answer = served.unwrap_or_else(|refusal| {
            let facts = RefusalFacts {
                because: refusal.because,
                usual: refusal.form,
            };
            let said = self.rules.said(facts);
            Answer::from(refusal.said(said))
        });
        let response = render(answer, later.format, turn.config);
        let method = match turn.request.method.as_str() {
            // Only creations and polls wait.
            "" => "POST",
            method => method,
        };
        let response = self.rules.sent(
            response,
            ResponseFacts {
                method,
                resource,
                request: turn.request,
            },
        );
        self.ready.push(Ready::Respond(later.exchange, response));
    }

    /// Lets the twinnings that a request must not touch have the status that they keep.
    fn keep_statuses(&mut self, turn: Turn<'_>, about: Option<&str>, refused: bool) {
        if !refused && about.is_none() {
            return;
        }
        let touched = |side: &state::Side| {
            !refused
                && about.is_some_and(|id| side.id == id || side.other_id.as_deref() == Some(id))
        };
        let kept = |side: &state::Side| {
            self.rules.status_kept(KeptFacts {
                method: &turn.request.method,
                refused,
                status: side.status,
            })
        };
        let lost: Vec<_> = self
            .state
            .sides()
            .filter(|side| !touched(side) && kept(side) != side.status)
            .map(|side| state::Side {
                status: kept(side),
                ..side.clone()
            })
            .collect();
        for side in lost {
            self.state.put_side(side);
        }
    }

    fn note(&mut self, resource: Option<Resource>, method: &str) {
        self.state.note(|kind| {
            self.rules.is_stored(StoreFacts {
                kind,
                resource,
                method,
            })
        });
    }

    fn perform(&mut self, turn: Turn<'_>, route: &Route) -> Performed {
        self.check_verb(turn, route)?;
        match route.resource {
            Resource::Inbox | Resource::Revoke | Resource::Token => {
                return self.perform_authorization(turn, route).map(Some);
            }
            _ => {}
        }
        let visit = self.admit(turn, route)?;
        match route.resource {
            Resource::Channel | Resource::ChannelLifetime | Resource::Channels | Resource::Poll => {
                self.perform_channel(turn, route, &visit)
            }
            Resource::Subscription | Resource::Subscriptions => {
                self.perform_subscription(turn, route, &visit).map(Some)
            }
            _ => self.perform_twinning(turn, route, &visit),
        }
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
            Ready::Send(exchange, request) => out.push(Output::Request { exchange, request }),
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
        let nothing = Request::default();
        let idle = Turn {
            config,
            now,
            request: &nothing,
            exchange: ExchangeId(0),
            format: config.knobs.format.into(),
        };
        match input {
            Input::Request { exchange, request } => {
                let format = config.knobs.format.into();
                self.serve(Turn {
                    config,
                    now,
                    request,
                    exchange,
                    format,
                });
            }
            Input::Response { exchange, outcome } => self.conclude(idle, exchange, outcome),
            Input::Wake => {
                self.give_up(idle);
                self.wake(idle);
                self.end_polls(idle);
            }
            Input::Persisted(write) => {
                release(self.held.remove(&write).unwrap_or_default(), out);
            }
            Input::Restored(records) => {
                self.state = State::restore(records);
                // Completions of writes from before the restart find nobody.
                self.writes = self.state.starts() << 32;
                self.resume(idle);
            }
            Input::Order { order, .. } => match order {},
            Input::Associated { .. } | Input::Datagram { .. } => {}
        }
        self.finish(out);
    }

    fn next_deadline(&self) -> Option<Time> {
        let deadlines = self.errand_deadline().into_iter();
        deadlines.chain(self.poll_deadline()).min()
    }
}

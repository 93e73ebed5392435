//! A device with a Twinning application: primary or secondary, as the tester orders.

pub mod notify;
mod order;
mod request;

use std::borrow::Borrow;
use std::collections::BTreeMap;

use twinproof_kernel::http::{Fault, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role as Party, Time};

use crate::knobs::Knobs;
use crate::message::Twinning;
use crate::tree::{Document, Format, Unreadable};
use crate::url::resolve;

pub use order::{Credential, Grant, Order, Raw};

/// How devices reach the system: common to all devices of a run.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where the enabler is reached, without the API's own segments.
    pub base_url: String,
    /// Where tokens are requested, if an authorization server is known.
    pub token_url: Option<String>,
    /// Where tokens are revoked, if that is offered.
    pub revoke_url: Option<String>,
    /// Base URL of the notification channel API, without the API's own segments, if there is one.
    pub notification_channel: Option<String>,
    /// The interface's shapes.
    pub knobs: Knobs,
}

/// What became of an order: the system's response, or why there was none.
pub type Answer = Result<Response, Fault>;

/// What a device heard in answer to a request, and what it read of that.
#[derive(Debug)]
pub struct Heard {
    /// The order that the request was for.
    pub call: CallId,
    /// What became of the order.
    pub answer: Answer,
    /// The body of the answer, where the device had to read it and could.
    pub document: Option<Document>,
}

/// What a device was provisioned with.
#[derive(Clone, Debug, Default)]
pub struct Provision {
    /// Its address.
    pub address: String,
    /// The access token that it starts with.
    pub token: String,
    /// Its application's identity and secret at the authorization server.
    pub client: Option<(String, String)>,
}

/// What a device remembers of a twinning of its own: what a PUT of the whole has to say again.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Known {
    role: Option<String>,
    name: Option<String>,
}

/// What an exchange that is under way is for.
#[derive(Debug)]
enum Purpose {
    Create,
    Notify(notify::Purpose),
    Other,
    Token { network: bool },
}

/// The device's core.
#[derive(Debug)]
pub struct Device {
    provision: Provision,
    format: Format,
    twinning_token: Option<String>,
    network_token: Option<String>,
    refresh_token: Option<String>,
    resource: Option<String>,
    known: BTreeMap<String, Known>,
    inbox: notify::Inbox,
    exchanges: u64,
    waiting: Vec<Waiting>,
}

/// An exchange that is under way.
#[derive(Debug)]
struct Waiting {
    exchange: ExchangeId,
    call: CallId,
    purpose: Purpose,
    /// What was asked: an answer may speak of addresses from there.
    url: String,
}

impl Device {
    /// A device with what it was provisioned with and the format that it speaks.
    pub fn new(provision: Provision, format: Format) -> Self {
        Self {
            provision,
            format,
            twinning_token: None,
            network_token: None,
            refresh_token: None,
            resource: None,
            known: BTreeMap::new(),
            inbox: notify::Inbox::default(),
            exchanges: 0,
            waiting: Vec::new(),
        }
    }

    /// The URL of its newest twinning, if it has one.
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// Takes what came of a request, as [`Party::handle`] does, from a driver that has it for itself and wants to know what the
    /// device has read of it. None if the device waits for no such thing.
    pub fn takes(
        &mut self,
        access: &Access,
        exchange: ExchangeId,
        answer: Answer,
    ) -> Option<Heard> {
        let mut waiting = self.waiting.iter();
        let at = waiting.position(|waiting| waiting.exchange == exchange)?;
        let waited = self.waiting.swap_remove(at);
        let response = answer.as_ref().ok();
        let document = response.and_then(|response| self.learn(&access.knobs, &waited, response));
        Some(Heard {
            call: waited.call,
            answer,
            document,
        })
    }

    /// Learns from a response, and says what it has read of it.
    fn learn(&mut self, knobs: &Knobs, waited: &Waiting, response: &Response) -> Option<Document> {
        let Waiting { purpose, url, .. } = waited;
        if !response.is_success() {
            return None;
        }
        match purpose {
            Purpose::Create | Purpose::Other => {}
            Purpose::Notify(purpose) => {
                self.inbox.learn(purpose, url, response, knobs);
                return None;
            }
            Purpose::Token { network } => {
                self.keep_tokens(*network, response);
                return None;
            }
        }
        let document = read_body(response).ok();
        if matches!(purpose, Purpose::Create) {
            self.resource =
                named(url, response, || document.as_ref(), knobs).or(self.resource.take());
            // A device is secondary once at a time: a token for an earlier twinning is of the past.
            self.twinning_token = None;
        }
        let seen = document.as_ref();
        if let Some(twinning) = seen.and_then(|seen| Twinning::of_document(seen, knobs))
            && let Some(itself) = twinning.resource_url
        {
            let known = Known {
                role: twinning.role,
                name: twinning.name,
            };
            self.known.insert(resolve(url, &itself), known);
        }
        document
    }

    fn keep_tokens(&mut self, network: bool, response: &Response) {
        let Ok(answer) = serde_json::from_slice::<serde_json::Value>(&response.body) else {
            return;
        };
        let token = |name: &str| answer.get(name)?.as_str().map(str::to_owned);
        if network {
            self.network_token = token("access_token").or(self.network_token.take());
            self.refresh_token = token("refresh_token").or(self.refresh_token.take());
        } else {
            self.twinning_token = token("access_token").or(self.twinning_token.take());
        }
    }
}

/// The absolute URL of what the response to a request for `asked` says was created: its Location, or
/// else what its body calls itself.
pub fn created(asked: &str, response: &Response, knobs: &Knobs) -> Option<String> {
    named(asked, response, || read_body(response).ok(), knobs)
}

/// The same, of a body that is read only if it has to be.
fn named<D: Borrow<Document>>(
    asked: &str,
    response: &Response,
    body: impl FnOnce() -> Option<D>,
    knobs: &Knobs,
) -> Option<String> {
    let named = response.headers.first("Location").map(str::to_owned);
    let named = named.or_else(|| {
        let document = body()?;
        let url = document
            .borrow()
            .tree
            .child_text(&knobs.names.resource_url)?;
        Some(url.to_owned())
    })?;
    Some(resolve(asked, &named)).filter(|url| !url.is_empty())
}

/// Reads a response's body by the media type that it names.
///
/// # Errors
///
/// No media type of this API, or a body that is not of it.
pub fn read_body(response: &Response) -> Result<Document, Unreadable> {
    let named = response.headers.first("Content-Type").unwrap_or_default();
    let format = Format::of_media_type(named).ok_or_else(|| Unreadable {
        format: Format::Json,
        why: format!("Content-Type {named:?} is neither application/json nor application/xml"),
    })?;
    Document::read(format, &response.body)
}

impl Party for Device {
    type Shared = Access;
    type Order = Order;
    type Answer = Answer;

    fn handle(
        &mut self,
        access: &Access,
        _now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Answer>,
    ) {
        match input {
            Input::Order {
                call,
                order: Order::Notify(notify::Order::AnswerWith(status)),
            } => {
                self.inbox.answer_with(status);
                out.answer(call, Ok(Response::new(status)));
            }
            Input::Order { call, order } => match self.request(access, &order) {
                Ok((purpose, request)) => {
                    self.exchanges += 1;
                    let exchange = ExchangeId(self.exchanges);
                    let url = request.url.clone();
                    self.waiting.push(Waiting {
                        exchange,
                        call,
                        purpose,
                        url,
                    });
                    out.push(Output::Request { exchange, request });
                }
                Err(why) => out.answer(call, Err(Fault::NotSent(why))),
            },
            Input::Response { exchange, outcome } => {
                let answer = outcome.cloned().map_err(Clone::clone);
                if let Some(heard) = self.takes(access, exchange, answer) {
                    out.answer(heard.call, heard.answer);
                }
            }
            Input::Request { exchange, request } => {
                out.respond(exchange, self.inbox.receive(request, &access.knobs));
            }
            Input::Associated { .. }
            | Input::Datagram { .. }
            | Input::Persisted(_)
            | Input::Restored(_)
            | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

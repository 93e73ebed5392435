//! The server above a gateway: what it has the gateway do, one session after the other, and what it is reported.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use twinproof_dm::server::{self, Enrolment};
use twinproof_dm::syncml::{AlertCode, Command, Message};
use twinproof_dm::upper::{Act, Event, Outcome as Did, Put, Value};
use twinproof_dm::{Encoding, Limits};
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::manager::{Answer, Manager, Order};
use twinproof_judge::profile::Gwmo;
use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role as _, Seed, Time};
use twinproof_stage::Visit;

use super::super::carrier::Carrier;
use crate::measure::Outcome;

/// How many octets a report may have: that on a hundred thousand devices has some twelve million.
pub(super) const ROOM: usize = 1 << 26;

/// How long nobody looks whether a gateway is to be notified again, at most.
const GLANCE: Duration = Duration::from_millis(250);

/// The numbers with which sessions are announced begin somewhere here: gateways know those again that they were told before.
const ANNOUNCED: std::ops::Range<u16> = 0x100..0xf000;

/// What is read of messages that report on many devices.
pub(super) const LARGE: Limits = Limits {
    octets: ROOM,
    depth: 64,
    nodes: ROOM,
    text: ROOM,
};

/// Something that a gateway reports.
pub(super) struct Heard {
    pub(super) report: Report,
    /// Which fan-out it is about.
    pub(super) correlator: String,
    pub(super) value: String,
    /// The value goes on in the next message.
    pub(super) more: bool,
}

/// The server.
pub(super) struct Above {
    manager: RefCell<Manager>,
    shared: server::Shared,
    /// What the gateway calls itself, and where it takes notifications.
    device: String,
    push: String,
    patience: Duration,
    carrier: Rc<Carrier>,
    began: Instant,
    calls: Cell<u64>,
    waiting: RefCell<BTreeMap<CallId, oneshot::Sender<Answer>>>,
    /// How many of its events were looked at.
    seen: Cell<usize>,
}

impl Above {
    /// The server at this URL of the gateway that a profile describes.
    pub(super) fn new(gateway: &Gwmo, url: &str, carrier: &Rc<Carrier>, seed: Seed) -> Self {
        let account = &gateway.account;
        let enrolment = Enrolment {
            device: account.device.clone(),
            client: account.proof_of_device(),
            server: account.proof_of_server(),
        };
        let manager = Manager::new(&account.server_id, url, seed, vec![enrolment])
            .announcing_after(seed.derive("announced").rng().u16(ANNOUNCED));
        Self {
            manager: RefCell::new(manager),
            shared: server::Shared {
                max_object: ROOM as u64,
                limits: LARGE,
                ..server::Shared::default()
            },
            device: account.device.clone(),
            push: gateway.push.clone(),
            patience: gateway.patience.duration(),
            carrier: Rc::clone(carrier),
            began: Instant::now(),
            calls: Cell::default(),
            waiting: RefCell::default(),
            seen: Cell::default(),
        }
    }

    /// Takes what the gateway sends, and tells what it reports.
    pub(super) async fn attend(
        self: Rc<Self>,
        mut visits: mpsc::UnboundedReceiver<Visit>,
        tell: impl Fn(Heard),
    ) {
        loop {
            let visit = tokio::select! {
                visit = visits.recv() => visit,
                () = tokio::time::sleep(GLANCE) => {
                    self.look();
                    continue;
                }
            };
            let Some(visit) = visit else { return };
            let heard = heard(&visit.request);
            let response = self.feed(Input::Request {
                exchange: ExchangeId(0),
                request: &visit.request,
            });
            visit.respond(response.unwrap_or_else(|| Response::new(503)));
            self.hurry();
            heard.into_iter().for_each(&tell);
        }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.began.elapsed()
    }

    /// Notifies the gateway again where that is due.
    fn look(self: &Rc<Self>) {
        let due = self.manager.borrow().next_deadline();
        if due.is_some_and(|at| at <= self.now()) {
            self.feed(Input::Wake);
        }
    }

    /// A session that has ended may have used up the nonce of a notification that was on its way.
    fn hurry(self: &Rc<Self>) {
        let ended = {
            let manager = self.manager.borrow();
            let events = manager.events();
            let news = &events[self.seen.replace(events.len())..];
            let ended = news
                .iter()
                .any(|event| matches!(event, Event::Ended { .. }));
            ended && !manager.is_idle()
        };
        if ended {
            self.manager.borrow_mut().hurry();
            self.look();
        }
    }

    fn feed(self: &Rc<Self>, input: Input<'_, Order>) -> Option<Response> {
        let mut out = Outbox::default();
        let now = self.now();
        self.manager
            .borrow_mut()
            .handle(&self.shared, now, input, &mut out);
        let mut responded = None;
        for output in out.drain() {
            match output {
                Output::Answer { call, answer } => {
                    if let Some(waiting) = self.waiting.borrow_mut().remove(&call) {
                        // Who has no patience any more does not wait.
                        drop(waiting.send(answer));
                    }
                }
                Output::Request { exchange, request } => {
                    tokio::task::spawn_local(Rc::clone(self).carry(exchange, request));
                }
                Output::Respond { response, .. } => responded = Some(response),
                Output::Datagram { .. } | Output::Persist { .. } | Output::Trust { .. } => {}
            }
        }
        responded
    }

    async fn carry(self: Rc<Self>, exchange: ExchangeId, request: Request) {
        let outcome = self.carrier.fetch(request).await;
        let outcome = outcome.as_ref();
        self.feed(Input::Response { exchange, outcome });
    }

    /// Has the gateway do things in a session; with what became of each.
    pub(super) async fn manage(self: &Rc<Self>, acts: Vec<Act>) -> Result<Vec<Did>, Outcome> {
        self.calls.set(self.calls.get() + 1);
        let call = CallId(self.calls.get());
        let (sender, answer) = oneshot::channel();
        self.waiting.borrow_mut().insert(call, sender);
        let order = Order::Manage {
            device: self.device.clone(),
            push: self.push.clone(),
            acts,
        };
        self.feed(Input::Order { call, order });
        match tokio::time::timeout(self.patience, answer).await {
            Ok(Ok(Answer::Done(outcomes))) => Ok(outcomes),
            Ok(Ok(Answer::Refused(why))) => Err(Outcome::Refused(why)),
            Ok(Ok(Answer::Composed(_) | Answer::Pushed(_)) | Err(_)) => Err(Outcome::Impossible(
                "nobody answers for the server".to_owned(),
            )),
            Err(_) => {
                self.waiting.borrow_mut().remove(&call);
                Err(Outcome::Lost)
            }
        }
    }

    /// The same, where nothing can go on unless the gateway does all of it.
    pub(super) async fn manage_well(
        self: &Rc<Self>,
        acts: Vec<Act>,
        step: &str,
    ) -> Result<Vec<Did>, Outcome> {
        let outcomes = self.manage(acts).await?;
        let told = outcomes.iter().flat_map(|outcome| &outcome.statuses);
        let mut refused = told.filter(|told| !(200..300).contains(&told.code));
        match refused.next() {
            Some(told) => Err(Outcome::Refused(format!(
                "{step}: status {} of {}",
                told.code, told.command
            ))),
            None => Ok(outcomes),
        }
    }

    /// What was read of a gateway, one text for each thing that was asked for; nothing where it gave none.
    pub(super) async fn read(self: &Rc<Self>, uris: Vec<String>) -> Result<Vec<String>, Outcome> {
        let gets = uris.into_iter().map(|uri| Act::Get { uri });
        let outcomes = self.manage(gets.collect()).await?;
        Ok(outcomes.iter().map(text_of).collect())
    }
}

/// The first text that was read.
fn text_of(outcome: &Did) -> String {
    let value = outcome.results.first().and_then(|read| read.value.clone());
    match value {
        Some(Value::Text(text)) => text,
        Some(Value::Octets(octets)) => String::from_utf8_lossy(&octets).into_owned(),
        None => String::new(),
    }
}

/// What a message reports.
fn heard(request: &Request) -> Vec<Heard> {
    let kind = request.headers.first("Content-Type").unwrap_or_default();
    let element = Encoding::from_content_type(kind)
        .and_then(|encoding| encoding.read(&request.body, &LARGE).ok());
    let message = element.and_then(|element| Message::from_element(element).ok());
    let commands = message.map(|parsed| parsed.message.commands);
    let mut all = Vec::new();
    for command in commands.into_iter().flatten() {
        let Command::Alert(alert) = command else {
            continue;
        };
        if alert.code != AlertCode::GENERIC {
            continue;
        }
        for item in alert.items {
            let kind = item
                .meta
                .as_ref()
                .and_then(|meta| meta.media_type.as_deref());
            let value = item.data.as_ref().and_then(|data| data.as_text());
            if let (Some(report), Some(correlator)) = (kind.and_then(Report::of), &alert.correlator)
            {
                all.push(Heard {
                    report,
                    correlator: correlator.clone(),
                    value: value.unwrap_or_default().to_owned(),
                    more: item.more_data,
                });
            }
        }
    }
    all
}

/// A node that is to have a value.
pub(super) fn leaf(uri: String, format: Option<&str>, value: &str) -> Put {
    Put {
        uri,
        format: format.map(str::to_owned),
        media_type: None,
        value: Some(Value::Text(value.to_owned())),
    }
}

/// A node that is to have others below it.
pub(super) fn interior(uri: String) -> Act {
    Act::Add(Put {
        uri,
        format: Some("node".to_owned()),
        ..Put::default()
    })
}

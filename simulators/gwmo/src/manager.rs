//! The server above a gateway, as a tester plays it: it has a gateway come and do things, and hears what
//! the gateway reports.

use std::collections::BTreeMap;
use std::time::Duration;

use twinproof_dm::auth::ZERO_NONCE;
use twinproof_dm::push::{APPLICATION, APPLICATION_FIELD};
use twinproof_dm::server::{self, Enrolment, Nonces, Server};
use twinproof_dm::upper::{Act, Answer as Upper, Event, Operation, Outcome};
use twinproof_kernel::http::Request;
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Seed, Time};

use crate::alert::Report;
use crate::gateway::TARGET_FIELD;

/// What a tester asks of the server.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Have a device come by a notification, and do these things in one session. Answered once it has.
    Manage {
        /// The device: a gateway, as a rule.
        device: String,
        /// Where it takes notifications.
        push: String,
        /// What to do.
        acts: Vec<Act>,
    },
    /// The same, answered at once.
    Plan {
        /// The device.
        device: String,
        /// Where it takes notifications.
        push: String,
        /// What to do.
        acts: Vec<Act>,
    },
    /// Know no nonce of a device any more, as a server that was set up anew: what is left is the one that both are
    /// sure to share.
    Forget {
        /// The device.
        device: String,
    },
    /// Show a device a wrong secret from now on, and have it do these things once it comes. Answered at once.
    Pretend {
        /// The device.
        device: String,
        /// What to do.
        acts: Vec<Act>,
    },
    /// Show it the right one again; what it has not done for the wrong one it is not to do any more.
    Admit {
        /// The device.
        device: String,
    },
    /// Make a notification for a device, and push it to nobody.
    Compose {
        /// The device.
        device: String,
        /// The session that it announces.
        session: u16,
    },
    /// Push a notification for a device to where something else takes it. Answered with the HTTP status.
    Notify {
        /// The device.
        device: String,
        /// Where to.
        push: String,
        /// The device that the header of the push names, if it names one.
        named: Option<String>,
        /// The session that it announces.
        session: u16,
        /// Whether its digest is wrong.
        forged: bool,
    },
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The octets of a notification.
    Composed(Vec<u8>),
    /// What became of each thing, in their order.
    Done(Vec<Outcome>),
    /// What the push was answered with; none if it was not.
    Pushed(Option<u16>),
    /// It cannot be done.
    Refused(String),
}

/// What a gateway has reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Who.
    pub device: String,
    /// What.
    pub report: Report,
    /// Which `Exec` it is about.
    pub correlator: Option<String>,
    /// What it says; empty if that is no text.
    pub value: String,
}

/// Things that are being done.
#[derive(Clone, Debug)]
struct Job {
    /// Who waits for it, if anybody does.
    call: Option<CallId>,
    device: String,
    push: String,
    /// When the device is notified again: a notification is lost whose nonce another session has used up.
    again: Time,
    /// What it was notified with last, unless that was the nonce of resynchronisation.
    nonce: Option<Vec<u8>>,
    outcomes: Vec<Option<Outcome>>,
}

/// The server's core.
#[derive(Clone, Debug)]
pub struct Manager {
    server: Server,
    /// The session that was announced last.
    announced: u16,
    calls: u64,
    /// Which thing of which job a call is.
    parts: BTreeMap<CallId, (u64, usize)>,
    jobs: BTreeMap<u64, Job>,
    exchanges: u64,
    /// Who waits for the answer to a push: a job that needs it, or an order.
    pushes: BTreeMap<ExchangeId, Waiting>,
    /// What was asked with a wrong secret.
    pretended: Vec<CallId>,
}

#[derive(Clone, Copy, Debug)]
enum Waiting {
    Job(u64),
    Order(CallId),
}

/// How long a device that was notified is waited for before it is notified again.
const AGAIN: Duration = Duration::from_secs(3);

/// The first session that is announced.
const FIRST: u16 = 0x100;

impl Manager {
    /// A server with this identifier and address, which knows these devices.
    #[must_use]
    pub fn new(id: &str, url: &str, seed: Seed, devices: Vec<Enrolment>) -> Self {
        Self {
            server: Server::new(id, url, seed, devices),
            announced: FIRST,
            calls: 0,
            parts: BTreeMap::new(),
            jobs: BTreeMap::new(),
            exchanges: 0,
            pushes: BTreeMap::new(),
            pretended: Vec::new(),
        }
    }

    /// The same that has announced sessions up to this number already: devices may remember them.
    #[must_use]
    pub fn announcing_after(mut self, session: u16) -> Self {
        self.announced = session.max(FIRST);
        self
    }

    /// The same that takes up again what it shared with a device.
    #[must_use]
    pub fn recalling(mut self, device: &str, nonces: Nonces) -> Self {
        self.server.recall(device, nonces);
        self
    }

    /// Whether nothing is being done.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The session that it announced last.
    #[must_use]
    pub fn announced(&self) -> u16 {
        self.announced
    }

    /// The nonces that it shares with a device.
    #[must_use]
    pub fn nonces(&self, device: &str) -> Option<Nonces> {
        self.server.nonces(device)
    }

    /// What has happened so far.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        self.server.events()
    }

    /// What gateways have reported so far.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        let told = self.server.events().iter().flat_map(|event| match event {
            Event::Alerted {
                device,
                types,
                correlator,
                values,
                ..
            } => {
                let reports = types.iter().zip(values);
                let reports =
                    reports.filter_map(|(text, value)| Some((Report::of(text)?, value.clone())));
                let told = reports.map(|(report, value)| Told {
                    device: device.clone(),
                    report,
                    correlator: correlator.clone(),
                    value,
                });
                told.collect()
            }
            _ => Vec::new(),
        });
        told.collect()
    }

    /// Those that have not come although a session has used up the nonce that they were notified with are notified again
    /// with the next [`Input::Wake`], and not only when that was long ago.
    pub fn hurry(&mut self) {
        let server = &self.server;
        for job in self.jobs.values_mut() {
            let known = server.nonces(&job.device).map(|nonces| nonces.server);
            if job.nonce.is_some() && job.nonce != known {
                job.again = Time::ZERO;
            }
        }
    }

    /// An operation of the server's; the answers to all that have one.
    fn operate(
        &mut self,
        shared: &server::Shared,
        now: Time,
        input: Input<'_, Operation>,
        out: &mut Outbox<Answer>,
    ) -> Vec<(CallId, Upper)> {
        let mut inner = Outbox::default();
        self.server.handle(shared, now, input, &mut inner);
        let mut answers = Vec::new();
        for output in inner.drain() {
            match output {
                Output::Answer { call, answer } => answers.push((call, answer)),
                Output::Respond { exchange, response } => out.respond(exchange, response),
                Output::Datagram { .. }
                | Output::Persist { .. }
                | Output::Request { .. }
                | Output::Trust { .. } => {}
            }
        }
        answers
    }

    fn call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    /// A notification, by its media type and its octets; or why there is none.
    fn compose(
        &mut self,
        (shared, now): (&server::Shared, Time),
        (device, session): (&str, u16),
        out: &mut Outbox<Answer>,
    ) -> Result<(String, Vec<u8>), String> {
        let order = Operation::Trigger {
            device: device.to_owned(),
            ui_mode: 1,
            session,
        };
        let call = self.call();
        let answers = self.operate(shared, now, Input::Order { call, order }, out);
        let trigger = answers.into_iter().find_map(|(_, answer)| match answer {
            Upper::Trigger { content_type, body } => Some(Ok((content_type, body))),
            Upper::Refused(why) => Some(Err(why)),
            _ => None,
        });
        trigger.unwrap_or_else(|| Err("expected a notification, got none".to_owned()))
    }

    /// Pushes a notification; or says why there is none.
    fn notify(
        &mut self,
        (shared, now): (&server::Shared, Time),
        (device, push, named): (&str, &str, Option<&str>),
        (session, forged): (u16, bool),
        out: &mut Outbox<Answer>,
    ) -> Result<ExchangeId, String> {
        let (content_type, mut body) = self.compose((shared, now), (device, session), out)?;
        if let (true, Some(first)) = (forged, body.first_mut()) {
            *first ^= 1;
        }
        self.exchanges += 1;
        let exchange = ExchangeId(self.exchanges);
        let mut request = Request::new("POST", push).with(APPLICATION_FIELD, APPLICATION);
        if let Some(named) = named {
            request = request.with(TARGET_FIELD, named);
        }
        let request = request.with_body(&content_type, body);
        out.push(Output::Request { exchange, request });
        Ok(exchange)
    }

    fn manage(
        &mut self,
        (shared, now): (&server::Shared, Time),
        (job, device, push): (CallId, &str, &str),
        (call, acts): (Option<CallId>, Vec<Act>),
        out: &mut Outbox<Answer>,
    ) {
        let job = job.0;
        let outcomes = vec![None; acts.len()];
        let waiting = Job {
            call,
            device: device.to_owned(),
            push: push.to_owned(),
            again: now + AGAIN,
            nonce: self.nonces(device).map(|nonces| nonces.server),
            outcomes,
        };
        self.jobs.insert(job, waiting);
        for (number, act) in acts.into_iter().enumerate() {
            let part = self.call();
            self.parts.insert(part, (job, number));
            let device = device.to_owned();
            let order = Operation::Do { device, act };
            let answers = self.operate(shared, now, Input::Order { call: part, order }, out);
            self.hear(answers, out);
        }
        self.fetch((shared, now), (job, device, push), out);
    }

    /// Has the device of a job come.
    fn fetch(
        &mut self,
        ground: (&server::Shared, Time),
        (job, device, push): (u64, &str, &str),
        out: &mut Outbox<Answer>,
    ) {
        self.announced = self.announced.checked_add(1).unwrap_or(FIRST);
        let announced = (self.announced, false);
        match self.notify(ground, (device, push, None), announced, out) {
            Ok(exchange) => {
                self.pushes.insert(exchange, Waiting::Job(job));
            }
            Err(why) => self.fail(job, why, out),
        }
    }

    /// Notifies again where nothing has come. If no session has brought another nonce meanwhile, the device may
    /// have forgotten this one, and every other time it is the one that both are sure to share.
    fn remind(&mut self, (shared, now): (&server::Shared, Time), out: &mut Outbox<Answer>) {
        let server = &self.server;
        let late = self.jobs.iter_mut().filter(|(_, job)| job.again <= now);
        let late = late.map(|(number, job)| {
            job.again = now + AGAIN;
            let known = server.nonces(&job.device).map(|nonces| nonces.server);
            let is_in_vain = job.nonce.is_some() && job.nonce == known;
            job.nonce = known.filter(|_| !is_in_vain);
            (*number, (job.device.clone(), job.push.clone()), is_in_vain)
        });
        for (job, (device, push), zero) in late.collect::<Vec<_>>() {
            self.server.resynchronise(&device, zero);
            self.fetch((shared, now), (job, &device, &push), out);
        }
    }

    /// Answers those whose jobs are done.
    fn hear(&mut self, answers: Vec<(CallId, Upper)>, out: &mut Outbox<Answer>) {
        for (call, answer) in answers {
            let Some((number, at)) = self.parts.remove(&call) else {
                continue;
            };
            match answer {
                Upper::Did(outcome) => {
                    let Some(job) = self.jobs.get_mut(&number) else {
                        continue;
                    };
                    if let Some(place) = job.outcomes.get_mut(at) {
                        *place = Some(outcome);
                    }
                    if job.outcomes.iter().all(Option::is_some)
                        && let Some(job) = self.jobs.remove(&number)
                    {
                        let outcomes = job.outcomes.into_iter().flatten().collect();
                        if let Some(call) = job.call {
                            out.answer(call, Answer::Done(outcomes));
                        }
                    }
                }
                other => self.fail(
                    number,
                    format!("expected it to be done, got {other:?}"),
                    out,
                ),
            }
        }
    }

    fn fail(&mut self, job: u64, why: String, out: &mut Outbox<Answer>) {
        let call = self.jobs.remove(&job).and_then(|job| job.call);
        if let Some(call) = call {
            out.answer(call, Answer::Refused(why));
        }
    }
}

impl Role for Manager {
    type Shared = server::Shared;
    type Order = Order;
    type Answer = Answer;

    fn handle(
        &mut self,
        shared: &server::Shared,
        now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Answer>,
    ) {
        let ground = (shared, now);
        match input {
            Input::Order { call, order } => match order {
                Order::Manage { device, push, acts } => {
                    self.manage(ground, (call, &device, &push), (Some(call), acts), out);
                }
                Order::Plan { device, push, acts } => {
                    self.manage(ground, (call, &device, &push), (None, acts), out);
                    out.answer(call, Answer::Done(Vec::new()));
                }
                Order::Forget { device } => {
                    let [client, server] = [ZERO_NONCE.to_vec(), ZERO_NONCE.to_vec()];
                    self.server.recall(&device, Nonces { client, server });
                    out.answer(call, Answer::Done(Vec::new()));
                }
                Order::Pretend { device, acts } => {
                    self.server.change_secret(&device);
                    for act in acts {
                        let part = self.call();
                        self.pretended.push(part);
                        let device = device.clone();
                        let order = Operation::Do { device, act };
                        self.operate(shared, now, Input::Order { call: part, order }, out);
                    }
                    out.answer(call, Answer::Done(Vec::new()));
                }
                Order::Admit { device } => {
                    self.server.change_secret(&device);
                    let pretended = std::mem::take(&mut self.pretended);
                    self.server
                        .withdraw(&device, |call| pretended.contains(&call));
                    out.answer(call, Answer::Done(Vec::new()));
                }
                Order::Compose { device, session } => {
                    let answer = match self.compose(ground, (&device, session), out) {
                        Ok((_, octets)) => Answer::Composed(octets),
                        Err(why) => Answer::Refused(why),
                    };
                    out.answer(call, answer);
                }
                Order::Notify {
                    device,
                    push,
                    named,
                    session,
                    forged,
                } => {
                    let whom = (device.as_str(), push.as_str(), named.as_deref());
                    match self.notify(ground, whom, (session, forged), out) {
                        Ok(exchange) => {
                            self.pushes.insert(exchange, Waiting::Order(call));
                        }
                        Err(why) => out.answer(call, Answer::Refused(why)),
                    }
                }
            },
            Input::Request { exchange, request } => {
                let input = Input::Request { exchange, request };
                let answers = self.operate(shared, now, input, out);
                self.hear(answers, out);
            }
            Input::Response { exchange, outcome } => {
                let status = outcome.ok().map(|response| response.status);
                match self.pushes.remove(&exchange) {
                    Some(Waiting::Order(call)) => out.answer(call, Answer::Pushed(status)),
                    // Who was woken comes, or does not: whoever asked knows how long to wait.
                    Some(Waiting::Job(_)) if outcome.is_ok_and(|r| r.is_success()) => {}
                    Some(Waiting::Job(job)) => {
                        let got = status.map_or("no answer".to_owned(), |code| code.to_string());
                        let why = format!("expected a success for the notification, got {got}");
                        self.fail(job, why, out);
                    }
                    None => {}
                }
            }
            Input::Wake => self.remind(ground, out),
            Input::Associated { .. }
            | Input::Datagram { .. }
            | Input::Persisted(_)
            | Input::Restored(_) => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.jobs.values().map(|job| job.again).min()
    }
}

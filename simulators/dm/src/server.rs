//! A server: what a DM server does in sessions with its clients, and for its application.
//!
//! An application asks for [`Operation`]s, which are this role's orders; each waits in the queue of its
//! device until a session has carried it out. A session lasts until the queue is empty.

pub mod rules;
mod session;
mod whole;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use twinproof_kernel::hash::HashMap;
use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Role, Seed, Time};

use crate::auth::ZERO_NONCE;
use crate::carrier::sip::Message as Push;
use crate::notification::wanted::{Codes, Wanted};
use crate::notification::{Initiator, Trigger, UiMode};
use crate::session::prove::Proof;
use crate::syncml::{Alert, StatusCode};
use crate::upper::{Act, Answer, Event, Operation, Outcome};
use crate::{Limits, media, wbxml};
use rules::decide::{Rules, Standard};
use session::Session;

/// How a server is set up.
#[derive(Clone)]
pub struct Shared {
    /// What it says in `VerProto`.
    pub ver_proto: String,
    /// How it writes WBXML.
    pub wbxml: wbxml::Form,
    /// The octets of a message that it can take, if it says so.
    pub max_message: Option<u64>,
    /// The octets of a message that it sends at most, whatever a device takes.
    pub sends: Option<usize>,
    /// How many commands it puts into a message; none means any number.
    pub max_commands: Option<usize>,
    /// Whether each item of a command gets a status of its own.
    pub each_item: bool,
    /// What is behind its address where it wants the next message of a session, if that is another one.
    pub next: Option<String>,
    /// The octets of an object that it can take.
    pub max_object: u64,
    /// Where it sends pushes by SIP from, if it does.
    pub sip: Option<SocketAddr>,
    /// How it writes what notifications ask for beside a session.
    pub codes: Codes,
    /// What it reads of a message.
    pub limits: Limits,
    /// Its decisions.
    pub rules: Arc<dyn Rules>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            ver_proto: "DM/1.2".to_owned(),
            wbxml: wbxml::Form::default(),
            max_message: None,
            sends: None,
            max_commands: None,
            each_item: false,
            next: None,
            max_object: 1 << 20,
            sip: None,
            codes: Codes::default(),
            limits: Limits::default(),
            rules: Arc::new(Standard),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("ver_proto", &self.ver_proto)
            .finish_non_exhaustive()
    }
}

/// A device that a server may manage.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// What the device calls itself in headers.
    pub device: String,
    /// How the device proves who it is.
    pub client: Option<Proof>,
    /// How the server does.
    pub server: Option<Proof>,
}

/// The nonces that a server and a device have agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nonces {
    /// What the device's next proof is made with.
    pub client: Vec<u8>,
    /// What the server's is, and its notifications.
    pub server: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Device {
    client: Option<Proof>,
    server: Option<Proof>,
    /// Notifications are made with the nonce of resynchronisation until a session begins.
    resynchronises: bool,
    /// What it is to do, oldest first.
    queue: VecDeque<Job>,
    /// What it is to do once more, in another session.
    kept: VecDeque<Job>,
    session: Option<Session>,
    /// Whether it said that it takes nothing in parts.
    whole_only: bool,
}

/// An act, and what is known of it.
#[derive(Clone, Debug)]
struct Job {
    /// The call to answer; none once it is, or if nobody waits.
    call: Option<CallId>,
    act: Act,
    outcome: Outcome,
    /// Nobody wants it any more: it is not told in another session.
    withdrawn: bool,
}

impl Job {
    fn new(call: Option<CallId>, act: Act) -> Self {
        Self {
            call,
            act,
            outcome: Outcome::default(),
            withdrawn: false,
        }
    }
}

/// The server's core.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its identifier in accounts.
    id: String,
    /// Where it is: an absolute URL.
    url: String,
    seed: Seed,
    devices: HashMap<String, Box<Device>>,
    events: Vec<Event>,
    /// What devices say of themselves, by the names of the leaves below `./DevInfo`.
    about: HashMap<String, BTreeMap<String, String>>,
    /// How many numbers were drawn.
    drawn: u64,
    /// How many times something came that is no message.
    unread: u32,
}

/// What stands above a server and goes on within a session, by what a device says in it.
pub trait Application {
    /// The answer to a report of a device, where that is not the server's own affair.
    fn takes(&mut self, alert: &Alert) -> Option<StatusCode> {
        let _ = alert;
        None
    }

    /// What a device is to do next, by what has happened since its last message, and by what it has done for whom.
    fn next(
        &mut self,
        device: &str,
        news: &[Event],
        done: &[(CallId, Outcome)],
    ) -> Vec<(CallId, Act)>;
}

/// Nothing stands above: what is wanted is in the queues.
struct Nobody;

impl Application for Nobody {
    fn next(&mut self, _: &str, _: &[Event], _: &[(CallId, Outcome)]) -> Vec<(CallId, Act)> {
        Vec::new()
    }
}

struct Moment<'a> {
    shared: &'a Shared,
    out: &'a mut Outbox<Answer>,
    above: &'a mut dyn Application,
}

impl Device {
    /// What was told and did not come about is told anew, unless nobody wants it any more.
    fn start_over(&mut self) {
        self.queue.retain(|job| !job.withdrawn);
        for job in &mut self.queue {
            job.outcome = Outcome::default();
        }
    }
}

impl Server {
    /// A server that knows these devices.
    #[must_use]
    pub fn new(id: &str, url: &str, seed: Seed, devices: Vec<Enrolment>) -> Self {
        let known = devices.into_iter().map(|enrolment| {
            let device = Device {
                client: enrolment.client,
                server: enrolment.server,
                resynchronises: false,
                queue: VecDeque::new(),
                kept: VecDeque::new(),
                session: None,
                whole_only: false,
            };
            (enrolment.device, Box::new(device))
        });
        Self {
            id: id.to_owned(),
            url: url.to_owned(),
            seed,
            devices: known.collect(),
            events: Vec::new(),
            about: HashMap::default(),
            drawn: 0,
            unread: 0,
        }
    }

    /// What devices in sessions are still to do, but for the one that is spoken to.
    fn in_sessions(&self) -> impl Iterator<Item = &Act> {
        let others = self.devices.values();
        let others = others.filter(|device| device.session.is_some());
        others.flat_map(|device| &device.queue).map(|job| &job.act)
    }

    /// A device in a session, but for the one that is spoken to.
    fn another_in_session(&self) -> Option<String> {
        let mut all = self.devices.iter();
        let found = all.find(|(_, device)| device.session.is_some());
        found.map(|(id, _)| id.clone())
    }

    /// Whether a device has nothing more to do.
    #[must_use]
    pub fn is_idle(&self, device: &str) -> bool {
        self.devices
            .get(device)
            .is_none_or(|device| device.queue.is_empty())
    }

    /// Takes back what a device was to do for some calls. What it was told already it is not told again in
    /// another session; calls that wait for the rest get no answer.
    pub fn withdraw(&mut self, device: &str, of: impl Fn(CallId) -> bool) {
        if let Some(device) = self.devices.get_mut(device) {
            let told = device.session.as_ref().map_or(0, Session::taken);
            let mut places = 0..;
            device.queue.retain_mut(|job| {
                job.withdrawn |= job.call.is_some_and(&of);
                let is_told = places.next().is_some_and(|at: usize| at < told);
                is_told || !job.withdrawn
            });
        }
    }

    /// What a device has said of itself when it began a session: a leaf below `./DevInfo`.
    #[must_use]
    pub fn about(&self, device: &str, leaf: &str) -> Option<&str> {
        let said = self.about.get(device)?.get(leaf)?;
        Some(said)
    }

    /// The nonces that it shares with a device, as far as it knows.
    #[must_use]
    pub fn nonces(&self, device: &str) -> Option<Nonces> {
        let device = self.devices.get(device)?;
        let nonce = |proof: &Option<Proof>| proof.as_ref().map(|proof| proof.nonce.clone());
        Some(Nonces {
            client: nonce(&device.client).unwrap_or_default(),
            server: nonce(&device.server).unwrap_or_default(),
        })
    }

    /// Takes up again what it shared with a device.
    pub fn recall(&mut self, device: &str, nonces: Nonces) {
        if let Some(device) = self.devices.get_mut(device) {
            let sides = [
                (&mut device.client, nonces.client),
                (&mut device.server, nonces.server),
            ];
            for (proof, nonce) in sides {
                if let Some(proof) = proof {
                    proof.nonce = nonce;
                }
            }
        }
    }

    /// Whether notifications to a device are made with the nonce that both are sure to share, until a session
    /// begins: for a device that may have forgotten the others (DM Security 1.2).
    pub fn resynchronise(&mut self, device: &str, on: bool) {
        if let Some(device) = self.devices.get_mut(device) {
            device.resynchronises = on;
        }
    }

    /// Shows a device another secret than it did, or after that the same as before once more.
    pub fn change_secret(&mut self, device: &str) {
        let device = self.devices.get_mut(device);
        if let Some(proof) = device.and_then(|device| device.server.as_mut()) {
            // What is text stays text.
            proof.secret.iter_mut().for_each(|octet| *octet ^= 1);
        }
    }

    /// Whether it knows a device.
    #[must_use]
    pub fn knows(&self, device: &str) -> bool {
        self.devices.contains_key(device)
    }

    /// Notes something that has happened, and that it does not see itself.
    pub fn note(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Answers a message as [`Role::handle`] does; the application above may go on with the device at once.
    pub fn converses(
        &mut self,
        shared: &Shared,
        (exchange, request): (ExchangeId, &Request),
        out: &mut Outbox<Answer>,
        above: &mut dyn Application,
    ) {
        let mut moment = Moment { shared, out, above };
        let response = match self.heard(&mut moment, request) {
            Ok(response) => response,
            Err(status) => Response::new(status),
        };
        moment.out.respond(exchange, response);
    }

    /// What has happened so far.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    fn obey(&mut self, moment: &mut Moment<'_>, call: CallId, operation: Operation) {
        let unknown =
            |device: &str| Answer::Refused(format!("expected a known device, got {device}"));
        let answer = match operation {
            Operation::Abort { device } => match self.devices.get_mut(&device) {
                None => unknown(&device),
                Some(known) => match &mut known.session {
                    None => Answer::Refused(format!("expected a session with {device}, got none")),
                    Some(session) => {
                        session.abort();
                        Answer::Done
                    }
                },
            },
            Operation::Behind { gateway, .. } => {
                let why = format!("expected a server that knows of gateways for {gateway}");
                Answer::Refused(why)
            }
            Operation::Devices => {
                let mut devices: Vec<String> = self.devices.keys().cloned().collect();
                devices.sort_unstable();
                Answer::Devices(devices)
            }
            Operation::Do { device, act } => match self.devices.get_mut(&device) {
                None => unknown(&device),
                Some(known) => {
                    known.queue.push_back(Job::new(Some(call), act));
                    return;
                }
            },
            Operation::Plan { device, act } => match self.devices.get_mut(&device) {
                None => unknown(&device),
                Some(known) => {
                    known.queue.push_back(Job::new(None, act));
                    Answer::Done
                }
            },
            Operation::Events { after } => {
                Answer::Events(self.events.get(after..).unwrap_or_default().to_vec())
            }
            Operation::Trigger {
                device,
                ui_mode,
                session,
            } => match self.devices.get(&device) {
                None => unknown(&device),
                Some(known) => self.trigger(moment.shared, known, (ui_mode, session), None),
            },
            Operation::Send {
                device,
                ui_mode,
                session,
                to,
            } => {
                let made = match self.devices.get(&device) {
                    None => unknown(&device),
                    Some(known) => self.trigger(moment.shared, known, (ui_mode, session), None),
                };
                match made {
                    Answer::Trigger { content_type, body } => {
                        self.send(moment, to, (&content_type, body))
                    }
                    refused => refused,
                }
            }
            Operation::Notify {
                device,
                ui_mode,
                session,
                wanted,
            } => match self.devices.get(&device) {
                None => unknown(&device),
                Some(known) => self.trigger(moment.shared, known, (ui_mode, session), Some(wanted)),
            },
        };
        moment.out.answer(call, answer);
    }

    fn trigger(
        &self,
        shared: &Shared,
        device: &Device,
        (ui_mode, session): (u8, u16),
        wanted: Option<Wanted>,
    ) -> Answer {
        let rules = &*shared.rules;
        let wanted = wanted.map(|wanted| rules.asks(wanted).write(&shared.codes));
        let body = match wanted.transpose() {
            Ok(body) => body.unwrap_or_default(),
            Err(error) => return Answer::Refused(error.to_string()),
        };
        let Some(session_id) = NonZeroU16::new(session) else {
            return Answer::Refused("expected a session from 1 on, got 0".to_owned());
        };
        let Some(proof) = &device.server else {
            return Answer::Refused("expected credentials of the server, got none".to_owned());
        };
        let trigger = rules.announces(Trigger {
            ui_mode: match ui_mode {
                1 => UiMode::Background,
                2 => UiMode::Informative,
                3 => UiMode::UserInteraction,
                _ => UiMode::Unspecified,
            },
            initiator: Initiator::Server,
            session_id,
            server_id: self.id.clone(),
            body,
        });
        let nonce = match device.resynchronises {
            true => &ZERO_NONCE[..],
            false => &proof.nonce,
        };
        match trigger.sign(&proof.key_of_triggers(&self.id), nonce) {
            Ok(body) => Answer::Trigger {
                content_type: media::NOTIFICATION.to_owned(),
                body: rules.wakes(body),
            },
            Err(error) => Answer::Refused(error.to_string()),
        }
    }

    fn send(
        &mut self,
        moment: &mut Moment<'_>,
        to: SocketAddr,
        (content_type, body): (&str, Vec<u8>),
    ) -> Answer {
        let Some(at) = moment.shared.sip else {
            return Answer::Refused(
                "expected a place that it sends by SIP from, got none".to_owned(),
            );
        };
        let push = Push {
            unique: crate::hex::encode(&self.nonce()),
            ..Push::to_client(&to.to_string(), &at.to_string(), content_type, body)
        };
        let push = moment.shared.rules.brings(push);
        let write = |out: &mut Vec<u8>| out.extend(push.to_octets());
        moment.out.datagram(at, to, write);
        Answer::Done
    }

    /// Sixteen octets that nobody has seen.
    fn nonce(&mut self) -> Vec<u8> {
        self.drawn += 1;
        let mut rng = self
            .seed
            .derive("nonce")
            .derive(&self.drawn.to_string())
            .rng();
        std::iter::repeat_with(|| rng.u8(..)).take(16).collect()
    }
}

impl Role for Server {
    type Shared = Shared;
    type Order = Operation;
    type Answer = Answer;

    fn handle(
        &mut self,
        shared: &Shared,
        _now: Time,
        input: Input<'_, Operation>,
        out: &mut Outbox<Answer>,
    ) {
        let above = &mut Nobody;
        match input {
            Input::Order { call, order } => {
                self.obey(&mut Moment { shared, out, above }, call, order);
            }
            Input::Request { exchange, request } => {
                self.converses(shared, (exchange, request), out, above);
            }
            Input::Associated { .. }
            | Input::Datagram { .. }
            | Input::Persisted(_)
            | Input::Response { .. }
            | Input::Restored(_)
            | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

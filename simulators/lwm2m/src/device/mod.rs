//! A device: what an LwM2M client does at the interfaces to its servers.
//!
//! The core is small, because there are many: what devices have in common is in [`Shared`], what has
//! become different is kept by difference, and the message layer of a device that has been quiet for
//! as long as anything has to be remembered is put away.

mod bootstrap;
mod contents;
mod execute;
mod filling;
mod manage;
mod obey;
mod observe;
mod order;
mod provision;
mod registration;
mod rest;
pub mod rules;
mod seal;
mod usual;
mod write;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use twinproof_coap::endpoint::{Endpoint, Event, Exchange, RequestId, Turn};
use twinproof_coap::{
    Class, Code, ContentFormat, Header, Message, Packet, Parameters, Token, Type, option,
};
use twinproof_kernel::{CallId, Input, Outbox, Role, Seed, Time};

use crate::model::{Object, Registry};
use crate::wire::{Path, Version};
use bootstrap::Provision;
use contents::{Changes, Tree};
use registration::{Account, Purpose};
use rules::{AnswerFacts, AwakeFacts, CopyFacts, Rules, SenderFacts, SentFacts, Standard};

pub use contents::Contents;
pub use filling::Filling;
pub use order::{
    Answer, Answers, Asked, BOOTSTRAP, Behaviour, Bootstraps, Notify, NotifyWith, Observed, Order,
    Refuses, Register, Registration, Request, Response, ServerIndex, Shown, Update,
};
pub use registration::Drafts;
pub use rest::Packed;
pub use usual::Usual;

/// The definitions that we bring, read once.
static BUILTIN: LazyLock<Arc<Registry>> = LazyLock::new(|| Arc::new(Registry::builtin()));

/// What decides for devices by the standard.
static STANDARD: LazyLock<Arc<Standard>> = LazyLock::new(|| Arc::new(Standard));

/// What the devices of a run have in common.
#[derive(Clone)]
pub struct Shared {
    /// The version of the enabler that they speak.
    pub version: Version,
    /// The object definitions that they know.
    pub registry: Arc<Registry>,
    /// What they hold when they start.
    pub contents: Contents,
    /// Their servers.
    pub servers: Vec<Server>,
    /// Whether they sleep: they listen for [`awake`](Self::awake) after they have spoken.
    pub queue_mode: bool,
    /// How long they listen in queue mode.
    pub awake: Duration,
    /// Their number for SMS.
    pub sms: Option<String>,
    /// The alternate path without slash at its end, empty if there is none: `/lwm2m`.
    pub root: String,
    /// The format in which they want to be written to in a bootstrap, if they say so (LwM2M 1.1).
    pub prefers: Option<ContentFormat>,
    /// The format in which they answer and report where their server asks for none and it can be: else single values as they
    /// are, and others as their version must.
    pub speaks: Option<ContentFormat>,
    /// How long a reboot takes.
    pub boot: Duration,
    /// How long they take to answer their servers; what takes time is acknowledged first.
    pub takes: Duration,
    /// The numbers of the message layer.
    pub parameters: Parameters,
    /// Their decisions.
    pub rules: Arc<dyn Rules>,
    /// Whether they remember what they were asked, for [`Device::shown`].
    pub remembers: bool,
    /// What those say who have changed nothing, where it was put together: [`for_many`](Self::for_many).
    pub drafts: Option<Arc<Drafts>>,
    /// If they are packed after each event as in a fleet, and taken up again: how often.
    pub packs: Option<Arc<AtomicU64>>,
}

/// A server, as its devices have it configured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Server {
    /// The Short Server ID; the instance of object 1 with this ID is the server's account.
    pub ssid: u16,
    /// Where it is.
    pub address: SocketAddr,
}

impl Shared {
    /// Devices that speak this version, with the standard contents, life time in seconds and servers
    /// with the Short Server IDs 1, 2, …
    pub fn new(version: Version, lifetime: u32, servers: &[SocketAddr]) -> Self {
        let servers: Vec<Server> = (1..)
            .zip(servers)
            .map(|(ssid, &address)| Server { ssid, address })
            .collect();
        let ssids: Vec<u16> = servers.iter().map(|server| server.ssid).collect();
        let parameters = Parameters::default();
        Self {
            version,
            registry: Arc::clone(&BUILTIN),
            contents: Contents::standard(version, lifetime, false, &ssids),
            servers,
            queue_mode: false,
            awake: parameters.max_transmit_wait(),
            sms: None,
            root: String::new(),
            prefers: None,
            speaks: None,
            boot: Duration::from_secs(1),
            takes: Duration::ZERO,
            parameters,
            rules: STANDARD.clone(),
            remembers: true,
            drafts: None,
            packs: None,
        }
    }

    /// The same for so many devices that what they all say alike is put together now and once: the decisions about
    /// it are not asked again. Whoever changes anything afterwards has to call it again.
    #[must_use]
    pub fn for_many(mut self) -> Self {
        self.drafts = None;
        self.drafts = Some(Arc::new(Drafts::new(&self)));
        self
    }

    /// Devices without accounts, but for that of a bootstrap server, in this instance of the Security
    /// object.
    pub fn unprovisioned(version: Version, instance: u16, bootstrap: SocketAddr) -> Self {
        let mut shared = Self::new(version, 86_400, &[]);
        shared.contents.set_bootstrap_server(instance, bootstrap, 0);
        shared
    }

    /// The same devices in queue mode.
    #[must_use]
    pub fn sleeping(mut self, lifetime: u32) -> Self {
        let ssids: Vec<u16> = self.servers.iter().map(|server| server.ssid).collect();
        self.queue_mode = true;
        self.contents = Contents::standard(self.version, lifetime, true, &ssids);
        self
    }

    fn exchange_lifetime(&self) -> Duration {
        match &self.drafts {
            Some(drafts) => drafts.exchange_lifetime,
            None => self.parameters.exchange_lifetime(),
        }
    }

    fn max_transmit_wait(&self) -> Duration {
        match &self.drafts {
            Some(drafts) => drafts.max_transmit_wait,
            None => self.parameters.max_transmit_wait(),
        }
    }

    fn definition(&self, object: u16) -> Option<&Object> {
        self.registry.for_enabler(object, self.version)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("version", &self.version)
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

/// The device's core.
#[derive(Debug)]
pub struct Device {
    endpoint: String,
    at: SocketAddr,
    seed: Seed,
    /// How often the message layer was put away.
    generation: u32,
    /// Whether a value has changed since observations were looked at.
    dirty: bool,
    accounts: Vec<Account>,
    changes: Option<Box<Changes>>,
    live: Option<Box<Live>>,
    /// The memory of one that is put away.
    spare: Option<Box<Live>>,
    aside: Option<Box<Aside>>,
    /// What it has only if it is bootstrapped.
    provision: Option<Box<Provision>>,
    /// When a reboot is over.
    boots: Option<Time>,
}

/// What a device has only while it speaks with somebody.
#[derive(Debug)]
struct Live {
    layer: Endpoint<SocketAddr>,
    calls: Vec<Call>,
    late: Vec<Late>,
    tells: Vec<Tell>,
    forgets: Option<Time>,
}

impl Live {
    /// One in which nothing is under way, where another was or in memory of its own.
    fn within(other: Option<Box<Self>>, set: impl FnOnce(&mut Endpoint<SocketAddr>)) -> Box<Self> {
        let mut live = other.unwrap_or_else(|| {
            Box::new(Self {
                layer: Endpoint::new(Seed::new(0)),
                calls: Vec::new(),
                late: Vec::new(),
                tells: Vec::new(),
                forgets: None,
            })
        });
        live.calls.clear();
        live.late.clear();
        live.tells.clear();
        live.forgets = None;
        set(&mut live.layer);
        live
    }

    /// Whether no request of ours waits for its answer, and none of another for ours.
    fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.late.is_empty() && self.tells.is_empty()
    }
}

/// A request of ours that is not answered.
#[derive(Debug)]
struct Call {
    request: RequestId<SocketAddr>,
    account: usize,
    purpose: Purpose,
    order: Option<CallId>,
}

/// An answer that takes its time.
#[derive(Debug)]
struct Late {
    at: Time,
    exchange: Exchange<SocketAddr>,
    message: Message,
    observed: bool,
    account: usize,
    /// What follows once it is given.
    effects: Vec<Effect>,
}

/// A notification that a tester wants to know confirmed.
#[derive(Debug)]
struct Tell {
    token: Token,
    order: CallId,
    /// Whether it waits until the one before it is confirmed.
    waits: bool,
    /// Whether the server wants it later, and it is not sent.
    held: bool,
}

/// What only a device has that a tester orders about.
#[derive(Debug, Default)]
struct Aside {
    behaviour: Behaviour,
    /// The numbers of the message layer, where the behaviour needs others.
    parameters: Option<Parameters>,
    asked: Vec<Asked>,
}

impl Aside {
    /// Whether nothing is in it that a device without it would not have.
    fn is_plain(&self) -> bool {
        self.behaviour == Behaviour::default() && self.parameters.is_none() && self.asked.is_empty()
    }
}

/// The moment at which a device acts.
struct Moment<'a> {
    shared: &'a Shared,
    now: Time,
    out: &'a mut Outbox<Answer>,
}

impl Device {
    /// A device with its endpoint name, its own address, and what its random choices follow from.
    pub fn new(endpoint: impl Into<String>, at: SocketAddr, seed: Seed) -> Self {
        Self {
            endpoint: endpoint.into(),
            at,
            seed,
            generation: 0,
            dirty: false,
            accounts: Vec::new(),
            changes: None,
            live: None,
            spare: None,
            aside: None,
            provision: None,
            boots: None,
        }
    }

    /// Its endpoint name.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What can be seen of it.
    pub fn shown(&self) -> Shown {
        Shown {
            registrations: self.accounts.iter().map(Account::shown).collect(),
            asked: self
                .aside
                .as_ref()
                .map(|aside| aside.asked.clone())
                .unwrap_or_default(),
            observed: self.observed(),
            bootstraps: self.bootstraps(),
        }
    }

    /// Whether the fate of every confirmable message that it has sent, or has to send, is known.
    pub fn is_at_rest(&self) -> bool {
        self.live
            .as_ref()
            .is_none_or(|live| live.layer.is_at_rest())
    }

    /// Where the servers are with which its accounts let it register, in the order of their instances.
    pub fn led_to(&self) -> Vec<SocketAddr> {
        let servers = self.provision.iter().flat_map(|own| &own.servers).flatten();
        servers.map(|server| server.address).collect()
    }

    fn behaviour(&self) -> Behaviour {
        self.aside
            .as_ref()
            .map(|aside| aside.behaviour.clone())
            .unwrap_or_default()
    }

    fn is_silent(&self) -> bool {
        self.aside
            .as_ref()
            .is_some_and(|aside| aside.behaviour.silent)
    }

    fn tree<'a>(&'a self, shared: &'a Shared) -> Tree<'a> {
        Tree {
            base: &shared.contents,
            changes: self.changes.as_deref(),
            endpoint: &self.endpoint,
        }
    }

    fn change(&mut self) -> &mut Changes {
        self.dirty = true;
        self.changes.get_or_insert_default()
    }

    /// Lets the message layer act, now; it sends from the device's address.
    fn with_layer<T>(
        &mut self,
        moment: &mut Moment<'_>,
        act: impl FnOnce(&mut Endpoint<SocketAddr>, &mut Turn<'_, SocketAddr>) -> T,
    ) -> T {
        let (seed, generation, at) = (self.seed, self.generation, self.at);
        let spare = &mut self.spare;
        let live = self.live.get_or_insert_with(|| {
            let seed = seed.derive(&generation.to_string());
            Live::within(spare.take(), |layer| layer.reset(seed))
        });
        let aside = self.aside.as_deref_mut();
        let (own, mut behaviour) = match aside {
            Some(aside) => (aside.parameters.as_ref(), Some(&mut aside.behaviour)),
            None => (None, None),
        };
        let (out, rules) = (&mut *moment.out, &moment.shared.rules);
        let mut send = |to, bytes: &[u8]| {
            let facts = Header::peek(bytes).map(|header| SentFacts {
                ty: header.ty,
                code: header.code,
            });
            if facts.is_some_and(|facts| !rules.sends(facts)) {
                return;
            }
            let answers = |header: Header| header.code.class() == Class::Response;
            if let Some(behaviour) = behaviour.as_deref_mut()
                && Header::peek(bytes).is_some_and(answers)
            {
                if behaviour.loses > 0 {
                    behaviour.loses -= 1;
                    return;
                }
                if behaviour.strays {
                    let stray = obey::stray(bytes);
                    out.datagram(at, to, |buffer| buffer.extend_from_slice(&stray));
                }
            }
            out.datagram(at, to, |buffer| buffer.extend_from_slice(bytes));
        };
        let usual = own.unwrap_or(&moment.shared.parameters);
        let growth = rules.growth(usual.growth);
        let max_retransmit = rules.repeats(usual.max_retransmit);
        let same = (growth, max_retransmit) == (usual.growth, usual.max_retransmit);
        let other = (!same).then(|| Parameters {
            growth,
            max_retransmit,
            ..usual.clone()
        });
        let mut turn = Turn {
            parameters: other.as_ref().unwrap_or(usual),
            now: moment.now,
            send: &mut send,
        };
        act(&mut live.layer, &mut turn)
    }

    /// A datagram arrives.
    fn hear(&mut self, moment: &mut Moment<'_>, from: SocketAddr, bytes: &[u8]) {
        if self.is_silent() || self.boots.is_some() {
            return;
        }
        let shared = moment.shared;
        let account = self.account_at(shared, from);
        let state = account.and_then(|account| self.accounts.get(account));
        let header = Header::peek(bytes);
        let asks = header.is_some_and(|header| header.code.class() == Class::Request);
        if let Some(state) = state {
            let facts = AwakeFacts {
                queue_mode: shared.queue_mode,
                since: moment.now.since(state.spoke),
                window: shared.awake,
            };
            // Whoever waits for an answer listens, and so does who does not know what became of a message.
            let waits = self
                .live
                .as_ref()
                .is_some_and(|live| !live.calls.is_empty() || !live.layer.is_at_rest());
            if !waits && !shared.rules.is_awake(facts) {
                return;
            }
        }
        let bootstraps = self.is_bootstrapped_by(shared, from);
        let facts = SenderFacts {
            known: bootstraps || account.is_some(),
            registered: bootstraps || state.is_some_and(|state| !state.location.is_empty()),
        };
        if asks && !shared.rules.is_heard(facts) {
            return;
        }
        let rejects = self.behaviour().answers == Answers::Reset
            || !shared.rules.is_served(facts) && shared.rules.turns_away(facts).is_none();
        if let (true, true, Some(header)) = (asks, rejects, header) {
            let [high, low] = header.message_id.to_be_bytes();
            let at = self.at;
            moment.out.datagram(at, from, |buffer| {
                buffer.extend_from_slice(&[0x70, 0, high, low])
            });
            return;
        }
        if let Some(state) = account.and_then(|account| self.accounts.get_mut(account)) {
            state.spoke = moment.now;
        }
        let read = shared.rules.reads(bytes);
        let bytes = read.as_deref().unwrap_or(bytes);
        if let (true, Some(header)) = (asks, header) {
            self.look_for_copy(shared, from, header.message_id);
        }
        let event = self.with_layer(moment, |layer, turn| layer.receive(turn, from, bytes));
        if let Some(event) = event {
            self.take(moment, event);
        }
    }

    /// What is taken for no copy is done again; all else is left to the message layer.
    fn look_for_copy(&mut self, shared: &Shared, from: SocketAddr, id: u16) {
        let Some(live) = &mut self.live else {
            return;
        };
        let facts = CopyFacts {
            same_id: true,
            same_sender: true,
        };
        if live.layer.answered_with(from, id).is_some() && !shared.rules.is_copy(facts) {
            live.layer.forget_message(from, id);
        }
    }

    fn take(&mut self, moment: &mut Moment<'_>, event: Event<'_, SocketAddr>) {
        match event {
            Event::Request {
                exchange,
                packet,
                body,
            } => {
                self.serve(moment, exchange, &packet, &body);
            }
            Event::Response {
                request,
                packet,
                body,
                retry_after,
                ..
            } => {
                let location = packet.strings(option::LOCATION_PATH).map_while(Result::ok);
                let response = Response {
                    code: packet.code(),
                    location: location.map(str::to_owned).collect(),
                    retry_after,
                    payload: body.into_owned(),
                };
                self.answered(moment, request, Answer::Response(response));
            }
            Event::Failed { request, why } => {
                let answer = match why {
                    twinproof_coap::endpoint::Failure::Reset => Answer::Reset,
                    _ => Answer::NoAnswer,
                };
                self.answered(moment, request, answer);
            }
            Event::Confirmed { token, again, .. } => self.confirmed(moment, token, again),
            Event::Unobserved { peer, token, why } => {
                let answer = match why {
                    twinproof_coap::endpoint::Failure::Reset => Answer::Reset,
                    _ => Answer::NoAnswer,
                };
                self.untold(moment, |tell| tell.token == token, &answer);
                self.unobserved(moment.shared, peer, token);
            }
            Event::Acknowledged { .. }
            | Event::Ignored { .. }
            | Event::Notification { .. }
            | Event::Pong { .. } => {}
        }
    }

    /// Answers a server's request as the device behaves.
    fn serve(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: Exchange<SocketAddr>,
        packet: &Packet<'_>,
        body: &[u8],
    ) {
        let account = match self.is_bootstrapped_by(moment.shared, exchange.peer) {
            true => Some(BOOTSTRAP),
            false => self.account_at(moment.shared, exchange.peer),
        };
        let location = account.and_then(|account| Some(&self.accounts.get(account)?.location));
        let facts = SenderFacts {
            known: account.is_some(),
            registered: account == Some(BOOTSTRAP) || location.is_some_and(|at| !at.is_empty()),
        };
        if !moment.shared.rules.is_served(facts) {
            if let Some(code) = moment.shared.rules.turns_away(facts) {
                self.reply(moment, &exchange, Message::new(code), false);
            }
            return;
        }
        let account = account.unwrap_or(0);
        let behaviour = self.behaviour();
        let (message, observed, effects) = match behaviour.answers {
            Answers::Never => {
                self.remember(moment.shared, account, packet, body, None);
                self.with_layer(moment, |layer, turn| layer.acknowledge(turn, &exchange));
                return;
            }
            Answers::Always(code) => (Message::new(code), false, Vec::new()),
            Answers::Proper | Answers::Reset => {
                let refused = behaviour.refuses.filter(|one| one.method == packet.code());
                let done = match refused {
                    Some(refused) => Err(refused.with),
                    None if account == BOOTSTRAP => {
                        self.provisioned(moment, &exchange, packet, body)
                    }
                    None => self.manage(moment, account, &exchange, packet, body),
                };
                match done {
                    Ok(done) => (done.message, done.observed, done.effects),
                    Err(code) => (Message::new(code), false, Vec::new()),
                }
            }
        };
        let segments = packet.path().map_while(Result::ok);
        let path = segments.fold(String::new(), |path, segment| path + "/" + segment);
        let path = path.strip_prefix(moment.shared.root.as_str());
        let facts = AnswerFacts {
            method: packet.code(),
            path: path
                .and_then(|path| path.parse().ok())
                .unwrap_or(Path::ROOT),
            format: packet.content_format().ok().flatten(),
            accept: packet.accept().ok().flatten(),
            observes: packet.observe().is_ok_and(|observe| observe.is_some()),
        };
        let message = moment.shared.rules.answers(message, facts);
        self.remember(moment.shared, account, packet, body, Some(message.code()));
        let delay = behaviour.delay.max(moment.shared.takes);
        if delay.is_zero() {
            self.reply(moment, &exchange, message, observed);
            for effect in effects {
                self.effect(moment, account, effect);
            }
            return;
        }
        if behaviour.announces {
            self.with_layer(moment, |layer, turn| layer.acknowledge(turn, &exchange));
        }
        if let Some(live) = &mut self.live {
            live.late.push(Late {
                at: moment.now + delay,
                exchange,
                message,
                observed,
                account,
                effects,
            });
        }
    }

    fn reply(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        message: Message,
        observed: bool,
    ) {
        // What cannot be sent now is as good as lost on the way; the request will be repeated.
        let _ = self.with_layer(moment, |layer, turn| match observed {
            true => layer.respond_observed(turn, exchange, message),
            false => layer.respond(turn, exchange, message),
        });
    }

    fn remember(
        &mut self,
        shared: &Shared,
        server: ServerIndex,
        packet: &Packet<'_>,
        body: &[u8],
        answered: Option<Code>,
    ) {
        if !shared.remembers {
            return;
        }
        let segments = packet.path().map_while(Result::ok);
        let format = |format: Result<Option<ContentFormat>, _>| format.ok().flatten();
        let asked = Asked {
            server,
            method: packet.code(),
            path: segments.fold(String::new(), |path, segment| path + "/" + segment),
            query: packet
                .queries()
                .map_while(Result::ok)
                .map(str::to_owned)
                .collect(),
            observe: packet.observe().ok().flatten(),
            format: format(packet.content_format()),
            accept: format(packet.accept()),
            token: packet.token_bytes().to_vec(),
            payload: body.to_vec(),
            answered,
        };
        self.aside.get_or_insert_default().asked.push(asked);
    }

    /// Does what is due, and puts away what is no longer needed.
    fn settle(&mut self, moment: &mut Moment<'_>) {
        self.boot(moment);
        self.send_late(moment);
        self.keep_bootstrapping(moment);
        self.keep_registered(moment);
        self.report(moment);
        self.end_tells(moment);
        let Some(live) = &mut self.live else {
            return;
        };
        live.forgets = None;
        if live.is_idle() {
            live.forgets = live.layer.forgets_at(moment.shared.exchange_lifetime());
        }
        drop(self.put_away(moment));
    }

    /// Puts the message layer away once it has outlived all that it has to remember.
    fn put_away(&mut self, moment: &Moment<'_>) -> Option<Box<Live>> {
        let forgets = self.live.as_ref().and_then(|live| live.forgets);
        forgets.filter(|at| *at <= moment.now)?;
        self.generation += 1;
        self.live.take()
    }

    fn send_late(&mut self, moment: &mut Moment<'_>) {
        let Some(live) = &mut self.live else {
            return;
        };
        let due: Vec<Late> = live
            .late
            .extract_if(.., |late| late.at <= moment.now)
            .collect();
        for late in due {
            self.reply(moment, &late.exchange, late.message, late.observed);
            for effect in late.effects {
                self.effect(moment, late.account, effect);
            }
        }
    }

    fn boot(&mut self, moment: &mut Moment<'_>) {
        if self.boots.is_none_or(|at| at > moment.now) {
            return;
        }
        self.boots = None;
        if !moment.shared.rules.keeps_written(self.changes.is_some()) {
            self.changes = None;
        }
        self.finish_firmware(moment.shared);
        if moment.shared.rules.comes_up(true) {
            self.start(moment);
        }
    }
}

impl Role for Device {
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
        let accounts = self.servers(shared).len();
        self.accounts.resize_with(accounts, Account::default);
        let moment = &mut Moment { shared, now, out };
        // Who was packed has not been woken for that, and needs the memory again if there is something else to do.
        let old = self.put_away(moment);
        if !matches!(input, Input::Wake) && old.is_some() {
            self.spare = old;
        }
        match input {
            Input::Datagram { from, bytes, .. } => self.hear(moment, from, bytes),
            Input::Order { call, order } => self.obey(moment, call, order),
            Input::Wake => {
                while self.live.is_some()
                    && let Some(event) = self.with_layer(moment, |layer, turn| layer.expire(turn))
                {
                    self.take(moment, event);
                }
            }
            Input::Associated {
                peer,
                identity: None,
                ..
            } => self.is_unassociated(moment, peer),
            Input::Associated { .. }
            | Input::Persisted(_)
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Restored(_) => {}
        }
        self.settle(moment);
        if let Some(packs) = &shared.packs {
            self.rest_a_while(shared, packs);
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        let mut next = self.boots;
        let mut sooner = |at: Option<Time>| {
            if let Some(at) = at
                && next.is_none_or(|next| at < next)
            {
                next = Some(at);
            }
        };
        if let Some(live) = &self.live {
            live.late.iter().for_each(|late| sooner(Some(late.at)));
            sooner(live.layer.next_deadline());
            sooner(live.forgets);
        }
        let silent = self.is_silent();
        let provision = self.provision.iter();
        provision
            .flat_map(|provision| provision.deadline(silent))
            .for_each(|at| sooner(Some(at)));
        if !silent {
            for account in &self.accounts {
                sooner(account.deadline());
                let watches = account.report.iter().flat_map(|report| &report.watches);
                watches.for_each(|watch| sooner(watch.due));
            }
        }
        next
    }
}

/// What a request comes to.
struct Done {
    message: Message,
    observed: bool,
    effects: Vec<Effect>,
}

impl Done {
    fn plain(message: Message) -> Self {
        Self {
            message,
            observed: false,
            effects: Vec::new(),
        }
    }
}

/// What follows a request once it is answered.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Effect {
    /// Ask for bootstrap.
    Bootstrap,
    /// Go on with the accounts that it was given.
    Bootstrapped,
    /// De-register and stay away for a while.
    Disable(Duration),
    /// Start anew.
    Reboot,
    /// Tell a server, or all, with these arguments, and with the list of objects or without.
    Update {
        account: Option<usize>,
        query: Vec<String>,
        list: bool,
    },
}

const NON_OR_CON: [Type; 2] = [Type::Non, Type::Con];

fn path_of(ids: &[u16]) -> Path {
    Path::new(ids).unwrap_or(Path::ROOT)
}

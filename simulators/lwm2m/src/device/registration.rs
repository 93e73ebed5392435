//! The registration interface (TS 1.0.2 §5.3).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use twinproof_coap::endpoint::RequestId;
use twinproof_coap::{Code, ContentFormat, Message, Type};
use twinproof_kernel::{CallId, Seed, Time};

use super::observe::Report;
use super::rules::{LifetimeFacts, RegisterFacts, RetryFacts};
use super::usual::Draft;
use super::{
    Answer, BOOTSTRAP, Call, Device, Effect, Moment, Register, Registration, Response, Shared,
    Update,
};
use crate::wire::links::{Item, ObjectList};
use crate::wire::{Path, Value, Version};

/// How often a device tries again, and how long it waits the first time, where its account does not say.
pub(super) const RETRIES: u32 = 5;
pub(super) const PAUSE: Duration = Duration::from_secs(60);

/// Where a device is that is nowhere.
pub(super) const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What devices say that have changed nothing of what they began with, put together once and not by each anew.
#[derive(Debug)]
pub struct Drafts {
    /// The list of objects and instances.
    list: String,
    /// The instance of the Server object for each server.
    accounts: Vec<Option<Path>>,
    /// What follows from the numbers of the message layer.
    pub(super) exchange_lifetime: Duration,
    pub(super) max_transmit_wait: Duration,
    /// The registration, where all that it follows from is known already.
    pub(super) registration: Option<Draft>,
}

/// What a device knows of one of its servers.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) state: State,
    /// `/rd/1`; empty if the device is not registered.
    pub(super) location: String,
    /// The life time that the server was told, s.
    pub(super) lifetime: u32,
    /// When the device does the next thing by itself.
    pub(super) due: Option<Time>,
    pub(super) attempts: u32,
    pub(super) registered: u32,
    pub(super) updated: u32,
    /// When a message last went either way.
    pub(super) spoke: Time,
    pub(super) report: Option<Box<Report>>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum State {
    /// It waits for an order, for the end of a disablement or for another attempt.
    #[default]
    Idle,
    /// It has sent a registration.
    Registering,
    /// It is registered.
    Registered,
}

/// What a request of ours is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// It asks for bootstrap.
    Bootstrap,
    Deregister,
    Other,
    /// With the life time that it says, s.
    Register(u32),
    /// With the life time that it says, if it does, and whether it is for the device's own location.
    Update(Option<u32>, bool),
}

impl Drafts {
    pub(super) fn new(shared: &Shared) -> Self {
        let anybody = Device::new("", NOWHERE, Seed::new(0));
        let accounts = 0..shared.servers.len();
        let list = anybody.list(shared);
        Self {
            registration: Draft::new(shared, &anybody, &list),
            list,
            accounts: accounts
                .map(|account| anybody.account_of(shared, account))
                .collect(),
            exchange_lifetime: shared.parameters.exchange_lifetime(),
            max_transmit_wait: shared.max_transmit_wait(),
        }
    }
}

impl Account {
    pub(super) fn deadline(&self) -> Option<Time> {
        self.due
    }

    /// Whether it is not registered and nothing more is done about it.
    pub(super) fn has_failed(&self) -> bool {
        self.state == State::Idle && self.attempts > 0 && self.due.is_none()
    }

    /// The life time that the server was told, s.
    pub(super) fn told_lifetime(&self) -> u32 {
        self.lifetime
    }

    pub(super) fn shown(&self) -> Registration {
        Registration {
            location: self.location.clone(),
            registered: self.registered,
            updated: self.updated,
        }
    }
}

impl Device {
    /// What was put together of the contents that it began with, if it still has them.
    fn drafts<'s>(&self, shared: &'s Shared) -> Option<&'s Drafts> {
        let plain = self.changes.is_none() && self.provision.is_none();
        shared.drafts.as_deref().filter(|_| plain)
    }

    /// The instance of the Server object for a server.
    pub(super) fn account_of(&self, shared: &Shared, account: usize) -> Option<Path> {
        if let Some(drafts) = self.drafts(shared) {
            return drafts.accounts.get(account).copied().flatten();
        }
        let ssid = f64::from(self.servers(shared).get(account)?.ssid);
        let tree = self.tree(shared);
        let instances = tree.instances(super::path_of(&[1]));
        instances
            .into_iter()
            .find(|path| path.child(0).and_then(|id| tree.number(id)) == Some(ssid))
    }

    pub(super) fn setting(&self, shared: &Shared, account: usize, resource: u16) -> Option<Value> {
        let path = self.account_of(shared, account)?.child(resource)?;
        self.tree(shared).value(path)
    }

    pub(super) fn lifetime(&self, shared: &Shared, account: usize) -> u32 {
        let lifetime = self
            .setting(shared, account, 1)
            .and_then(|value| value.number());
        lifetime.map_or(86_400, |seconds| seconds as u32)
    }

    pub(super) fn binding(&self, shared: &Shared, account: usize) -> String {
        match self.setting(shared, account, 7) {
            Some(Value::String(binding)) => binding,
            _ => "U".to_owned(),
        }
    }

    /// The list of objects and instances as a registration says it.
    pub(super) fn list(&self, shared: &Shared) -> String {
        if let Some(drafts) = self.drafts(shared) {
            return drafts.list.clone();
        }
        let tree = self.tree(shared);
        let mut list = ObjectList {
            root: shared.root.clone(),
            ..ObjectList::default()
        };
        for object in tree.objects() {
            if !shared.rules.is_listed(object) {
                continue;
            }
            let path = super::path_of(&[object]);
            let instances = tree.instances(path);
            let version = shared
                .definition(object)
                .map(|definition| definition.version);
            let told = version.filter(|version| is_told(shared.version, object, *version));
            if instances.is_empty() || told.is_some() {
                list.items.push(Item {
                    version: told,
                    ..Item::new(path)
                });
            }
            list.items.extend(instances.into_iter().map(Item::new));
        }
        shared.rules.list(list).to_string()
    }

    pub(super) fn register(
        &mut self,
        moment: &mut Moment<'_>,
        order: Option<CallId>,
        how: Register,
    ) {
        let shared = moment.shared;
        let (Some(server), lifetime) = (
            self.servers(shared).get(how.server).copied(),
            self.lifetime(shared, how.server),
        ) else {
            return impossible(moment, order, no_server(how.server));
        };
        let binding = self.binding(shared, how.server);
        let query = how.query.unwrap_or_else(|| {
            shared.rules.parameters(RegisterFacts {
                endpoint: &self.endpoint,
                lifetime,
                version: shared.version,
                binding: &binding,
                queue_mode: shared.queue_mode,
                sms: shared.sms.as_deref(),
            })
        });
        let said = said_lifetime(&query).unwrap_or(lifetime);
        let objects = how.objects.unwrap_or_else(|| self.list(shared));
        let mut message = Message::new(Code::POST).path("/rd").payload(objects);
        if !how.without_format {
            message = message.content_format(ContentFormat::LINK_FORMAT);
        }
        message = query
            .iter()
            .fold(message, |message, argument| message.query(argument));
        let account = &mut self.accounts[how.server];
        account.state = State::Registering;
        account.due = None;
        let to = server.address;
        self.ask(
            moment,
            (how.server, to, Type::Con),
            message,
            Purpose::Register(said),
            order,
        );
    }

    pub(super) fn update(&mut self, moment: &mut Moment<'_>, order: Option<CallId>, how: Update) {
        let Some(server) = self.servers(moment.shared).get(how.server).copied() else {
            return impossible(moment, order, no_server(how.server));
        };
        let account = &mut self.accounts[how.server];
        let own = how.location.is_none();
        let location = how.location.as_deref().unwrap_or(&account.location);
        if location.is_empty() {
            return impossible(moment, order, "the device is not registered".to_owned());
        }
        let mut message = Message::new(Code::POST).path(location);
        if own {
            account.due = None;
        }
        if let Some(objects) = how.objects {
            message = message
                .content_format(ContentFormat::LINK_FORMAT)
                .payload(objects);
        }
        let said = said_lifetime(&how.query);
        message = how
            .query
            .iter()
            .fold(message, |message, argument| message.query(argument));
        let to = server.address;
        self.ask(
            moment,
            (how.server, to, Type::Con),
            message,
            Purpose::Update(said, own),
            order,
        );
    }

    pub(super) fn deregister(
        &mut self,
        moment: &mut Moment<'_>,
        order: Option<CallId>,
        account: usize,
    ) {
        let Some(server) = self.servers(moment.shared).get(account).copied() else {
            return impossible(moment, order, no_server(account));
        };
        let state = &mut self.accounts[account];
        if state.location.is_empty() {
            return impossible(moment, order, "the device is not registered".to_owned());
        }
        let message = Message::new(Code::DELETE).path(&state.location);
        state.due = None;
        let to = server.address;
        self.ask(
            moment,
            (account, to, Type::Con),
            message,
            Purpose::Deregister,
            order,
        );
    }

    /// Sends a request of the device's own.
    pub(super) fn ask(
        &mut self,
        moment: &mut Moment<'_>,
        (account, to, ty): (usize, SocketAddr, Type),
        message: Message,
        purpose: Purpose,
        order: Option<CallId>,
    ) {
        if let Some(state) = self.accounts.get_mut(account) {
            state.spoke = moment.now;
        }
        let sent = self.with_layer(moment, |layer, turn| layer.request(turn, to, ty, message));
        match (sent, &mut self.live) {
            (Ok(request), Some(live)) => live.calls.push(Call {
                request,
                account,
                purpose,
                order,
            }),
            (Ok(_), None) => {}
            (Err(error), _) => impossible(moment, order, error.to_string()),
        }
    }

    /// A request of the device's own has its answer, or will have none.
    pub(super) fn answered(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
        answer: Answer,
    ) {
        let Some(live) = &mut self.live else {
            return;
        };
        let Some(place) = live.calls.iter().position(|call| call.request == request) else {
            return;
        };
        let call = live.calls.remove(place);
        match call.purpose {
            Purpose::Bootstrap => self.bootstrap_answered(moment, answer.response()),
            Purpose::Register(lifetime) => {
                self.registered(moment, call.account, lifetime, answer.response());
            }
            Purpose::Update(lifetime, true) => {
                self.updated(moment, call.account, lifetime, answer.response());
            }
            Purpose::Deregister => self.deregistered(moment, call.account, answer.response()),
            Purpose::Other | Purpose::Update(_, false) => {}
        }
        if let Some(order) = call.order {
            moment.out.answer(order, answer);
        }
    }

    fn registered(
        &mut self,
        moment: &mut Moment<'_>,
        account: usize,
        lifetime: u32,
        response: Option<&Response>,
    ) {
        let after = update_after(moment.shared, lifetime);
        let keeps = self.behaviour().keeps_registered;
        let state = &mut self.accounts[account];
        if let Some(response) = response.filter(|response| response.code == Code::CREATED) {
            state.location.clear();
            for segment in &response.location {
                state.location.push('/');
                state.location.push_str(segment);
            }
            state.state = State::Registered;
            state.lifetime = lifetime;
            state.attempts = 0;
            state.registered += 1;
            state.due = Some(moment.now + after).filter(|_| keeps);
            // A server observes anew after a registration (TS §5.3.1).
            self.end_observations(moment.shared, account);
            return;
        }
        state.state = if state.location.is_empty() {
            State::Idle
        } else {
            State::Registered
        };
        let attempts = state.attempts;
        state.attempts += 1;
        let (most, pause) = self.patience(moment.shared, account);
        let wait = moment.shared.rules.retry_after(RetryFacts {
            attempts,
            code: response.map(|response| response.code),
            asked: response.and_then(|response| response.retry_after),
            most,
            pause,
        });
        let state = &mut self.accounts[account];
        state.due = wait.filter(|_| keeps).map(|wait| moment.now + wait);
        self.fall_back(moment);
    }

    /// How often the device tries again to register with a server, and how long it waits the first time
    /// (TS 1.1.1 Appendix, Server object: Communication Retry Count and Timer).
    fn patience(&self, shared: &Shared, account: usize) -> (u32, Duration) {
        let number = |resource| {
            let value = self.setting(shared, account, resource)?;
            value.number()
        };
        let most = number(17).map_or(RETRIES, |count| count as u32);
        let pause = number(18).map_or(PAUSE, |pause| Duration::from_secs(pause as u64));
        (most, pause)
    }

    fn updated(
        &mut self,
        moment: &mut Moment<'_>,
        account: usize,
        lifetime: Option<u32>,
        response: Option<&Response>,
    ) {
        let keeps = self.behaviour().keeps_registered;
        let state = &mut self.accounts[account];
        match response {
            Some(response) if response.code == Code::CHANGED => {
                state.lifetime = lifetime.unwrap_or(state.lifetime);
                state.updated += 1;
                let lifetime = state.lifetime;
                let after = update_after(moment.shared, lifetime);
                self.accounts[account].due = Some(moment.now + after).filter(|_| keeps);
            }
            Some(response) if moment.shared.rules.registers_again(response.code) => {
                state.location.clear();
                state.state = State::Idle;
                if keeps {
                    let again = Register {
                        server: account,
                        ..Register::default()
                    };
                    self.register(moment, None, again);
                }
            }
            other => {
                let asked = other.and_then(|response| response.retry_after);
                let wait = asked.unwrap_or(Duration::from_secs(60));
                state.due = Some(moment.now + wait).filter(|_| keeps);
            }
        }
    }

    fn deregistered(
        &mut self,
        moment: &mut Moment<'_>,
        account: usize,
        response: Option<&Response>,
    ) {
        // A server that does not answer finds out when the life time is over.
        if response.is_none_or(|response| response.code.is_success()) {
            let away = self.accounts[account].due;
            self.leave(moment.shared, account);
            self.accounts[account].due = away.filter(|at| *at > moment.now);
        }
    }

    /// Forgets a registration, without a word.
    pub(super) fn leave(&mut self, shared: &Shared, account: usize) {
        self.end_observations(shared, account);
        let state = &mut self.accounts[account];
        state.location.clear();
        state.state = State::Idle;
        state.due = None;
    }

    /// Updates and registers when it is time to.
    pub(super) fn keep_registered(&mut self, moment: &mut Moment<'_>) {
        if self.is_silent() || self.boots.is_some() {
            return;
        }
        let is_due = |account: &Account| account.due.is_some_and(|at| at <= moment.now);
        if self.accounts.iter().any(is_due) {
            self.look_at_card(moment);
        }
        for account in 0..self.accounts.len() {
            let state = &mut self.accounts[account];
            if state.due.is_none_or(|at| at > moment.now) {
                continue;
            }
            state.due = None;
            match state.state {
                State::Idle => {
                    let again = Register {
                        server: account,
                        ..Register::default()
                    };
                    self.register(moment, None, again);
                }
                State::Registered => {
                    self.update(
                        moment,
                        None,
                        Update {
                            server: account,
                            ..Update::default()
                        },
                    );
                }
                State::Registering => {}
            }
        }
    }

    /// Does what follows a request once it is answered.
    pub(super) fn effect(&mut self, moment: &mut Moment<'_>, account: usize, effect: Effect) {
        match effect {
            Effect::Bootstrap => self.ask_for_bootstrap(moment, None),
            Effect::Bootstrapped => self.take_accounts(moment),
            Effect::Disable(away) => {
                self.deregister(moment, None, account);
                self.accounts[account].due = Some(moment.now + away);
            }
            Effect::Reboot => {
                for account in 0..self.accounts.len() {
                    self.leave(moment.shared, account);
                    self.accounts[account].report = None;
                }
                // What was answered stays answered: a repeated Execute must not start the device anew.
                if let Some(live) = &mut self.live {
                    live.late.clear();
                    for call in live.calls.drain(..) {
                        if let Some(order) = call.order {
                            moment.out.answer(order, Answer::NoAnswer);
                        }
                    }
                }
                self.boots = Some(moment.now + moment.shared.boot);
            }
            Effect::Update {
                account,
                query,
                list,
            } => {
                if !self.behaviour().keeps_registered || self.look_at_card(moment) {
                    return;
                }
                let objects = list.then(|| self.list(moment.shared));
                for server in account.map_or(0..self.accounts.len(), |one| one..one + 1) {
                    if self.accounts[server].state == State::Registered {
                        let (query, objects) = (query.clone(), objects.clone());
                        let update = Update {
                            server,
                            query,
                            objects,
                            location: None,
                        };
                        self.update(moment, None, update);
                    }
                }
            }
        }
    }
}

/// Answers an order that cannot be carried out.
pub(super) fn impossible(moment: &mut Moment<'_>, order: Option<CallId>, why: String) {
    if let Some(order) = order {
        moment.out.answer(order, Answer::Impossible(why));
    }
}

/// Why an order for a server cannot be carried out that is not there.
pub(super) fn no_server(server: usize) -> String {
    match server {
        BOOTSTRAP => "the device has no account of a bootstrap server".to_owned(),
        server => format!("there is no server {server}"),
    }
}

/// How long after an answer the next update is sent, where the server was told this life time, s.
pub(super) fn update_after(shared: &Shared, lifetime: u32) -> Duration {
    shared.rules.update_after(LifetimeFacts {
        lifetime: Duration::from_secs(lifetime.into()),
        transmit_wait: shared.max_transmit_wait(),
    })
}

pub(super) fn said_lifetime(query: &[String]) -> Option<u32> {
    query
        .iter()
        .find_map(|argument| argument.strip_prefix("lt=")?.parse().ok())
}

/// Whether the version of an object has to be said: when it is not the one that belongs to the version
/// of the enabler by itself (TS 1.1.1 §7.2.2: 1.0 for all, and for the enabler's own objects those of
/// its version).
pub(super) fn is_told(enabler: Version, object: u16, version: Version) -> bool {
    version != Version::V1_0 && (enabler == Version::V1_0 || object > 7)
}

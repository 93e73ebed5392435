//! The bootstrap interface (TS 1.0.2 §5.2), and where a device's accounts come from: its factory, its
//! smart card, or a bootstrap server.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::{Code, Message, Type};
use twinproof_kernel::{CallId, Time};

use super::contents::Changes;
use super::registration::{Account, PAUSE, Purpose, RETRIES, State, impossible, no_server};
use super::rules::{AskFacts, FallBackFacts, RetryFacts, SilenceFacts};
use super::{
    Answer, BOOTSTRAP, Bootstraps, Call, Device, Moment, Register, Response, Server, ServerIndex,
    Shared, path_of,
};
use crate::wire::{Entry, Path, Value};

/// The ports of CoAP and of CoAP over DTLS, where an account names none (RFC 7252 §6).
const PORTS: [(&str, u16); 2] = [("coap://", 5683), ("coaps://", 5684)];

/// What a device has only if it is bootstrapped, or has a smart card.
#[derive(Debug, Default)]
pub(super) struct Provision {
    /// The servers of its accounts, instead of those that devices have in common.
    pub(super) servers: Option<Vec<Server>>,
    /// The bootstrap that is under way.
    pub(super) session: Option<Session>,
    /// When it asks for bootstrap.
    asks: Option<Time>,
    /// How often it asked in vain.
    attempts: u32,
    /// It has tried its card and its factory accounts.
    pub(super) tried: bool,
    /// What is on the card in its slot.
    card: Vec<Entry>,
    /// What it has read of a card.
    read: Vec<Entry>,
    pub(super) count: Bootstraps,
}

/// A bootstrap under way.
#[derive(Debug)]
pub(super) struct Session {
    peer: SocketAddr,
    /// What was different at the device before.
    before: Option<Box<Changes>>,
    /// When anything was last heard.
    heard: Time,
    /// When the silence is long.
    ends: Time,
}

/// The account of a bootstrap server.
pub(super) struct BootstrapAccount {
    /// The instance of the Security object.
    pub(super) instance: Path,
    address: SocketAddr,
    hold_off: Duration,
}

impl Provision {
    /// When something is due; who is silent does nothing by itself.
    pub(super) fn deadline(&self, silent: bool) -> Option<Time> {
        let ends = self.session.as_ref().map(|session| session.ends);
        self.asks.filter(|_| !silent).into_iter().chain(ends).min()
    }
}

impl Device {
    /// Its servers: those of the accounts that it was given, or those that devices have in common.
    pub(super) fn servers<'a>(&'a self, shared: &'a Shared) -> &'a [Server] {
        let own = self.provision.as_ref().and_then(|p| p.servers.as_deref());
        own.unwrap_or(&shared.servers)
    }

    /// The server at an address.
    pub(super) fn account_at(&self, shared: &Shared, at: SocketAddr) -> Option<usize> {
        let mut servers = self.servers(shared).iter();
        servers.position(|server| server.address == at)
    }

    /// The address of a server, or of the bootstrap server.
    pub(super) fn address_of(&self, shared: &Shared, server: ServerIndex) -> Option<SocketAddr> {
        match server {
            BOOTSTRAP => self.bootstrap_account(shared).map(|own| own.address),
            server => self
                .servers(shared)
                .get(server)
                .map(|server| server.address),
        }
    }

    /// The account of the bootstrap server, if there is one that can be used.
    pub(super) fn bootstrap_account(&self, shared: &Shared) -> Option<BootstrapAccount> {
        let tree = self.tree(shared);
        let instances = tree.instances(path_of(&[0]));
        instances.into_iter().find_map(|instance| {
            let value = |resource| tree.value(instance.child(resource)?);
            let (Some(Value::Boolean(true)), Some(Value::String(uri))) = (value(1), value(0))
            else {
                return None;
            };
            let hold_off = value(11).and_then(|time| time.number());
            Some(BootstrapAccount {
                instance,
                address: address_in(&uri)?,
                hold_off: Duration::from_secs(hold_off.unwrap_or_default() as u64),
            })
        })
    }

    /// Whether who is at an address speaks as a bootstrap server.
    pub(super) fn is_bootstrapped_by(&self, shared: &Shared, at: SocketAddr) -> bool {
        let session = self.provision.as_ref().and_then(|p| p.session.as_ref());
        match session {
            Some(session) if session.peer == at => true,
            _ => {
                let account = self.account_at(shared, at).is_none();
                account && self.address_of(shared, BOOTSTRAP) == Some(at)
            }
        }
    }

    pub(super) fn bootstraps(&self) -> Bootstraps {
        self.provision
            .as_ref()
            .map(|provision| provision.count)
            .unwrap_or_default()
    }

    /// Does what a device does that was switched on (TS §5.2.4): the card, then its accounts, and if
    /// it has none, it asks for bootstrap.
    pub(super) fn start(&mut self, moment: &mut Moment<'_>) {
        self.read_card(moment);
        let bootstrap_account = self.bootstrap_account(moment.shared).is_some();
        if bootstrap_account {
            self.provision.get_or_insert_default().tried = true;
        }
        let accounts = self.accounts.len();
        let facts = FallBackFacts {
            accounts,
            failed: 0,
            bootstrap_account,
        };
        if moment.shared.rules.bootstraps(facts) {
            return self.plan_bootstrap(moment, Duration::ZERO);
        }
        for server in (0..accounts).filter(|server| moment.shared.rules.registers_with(*server)) {
            let how = Register {
                server,
                ..Register::default()
            };
            self.register(moment, None, how);
        }
    }

    /// A registration has failed: when all have, for good, the device asks for bootstrap.
    pub(super) fn fall_back(&mut self, moment: &mut Moment<'_>) {
        if !self.behaviour().keeps_registered {
            return;
        }
        let failed = self.accounts.iter().filter(|account| account.has_failed());
        let facts = FallBackFacts {
            accounts: self.accounts.len(),
            failed: failed.count(),
            bootstrap_account: self.bootstrap_account(moment.shared).is_some(),
        };
        if moment.shared.rules.bootstraps(facts) {
            self.plan_bootstrap(moment, Duration::ZERO);
        }
    }

    /// Asks for bootstrap after the time that its account says, or after `wait` if that is longer.
    fn plan_bootstrap(&mut self, moment: &mut Moment<'_>, wait: Duration) {
        let Some(account) = self.bootstrap_account(moment.shared) else {
            return;
        };
        let hold_off = moment.shared.rules.holds_off(account.hold_off);
        let provision = self.provision.get_or_insert_default();
        if provision.session.is_none() {
            provision.asks = Some(moment.now + hold_off.max(wait));
        }
    }

    /// Asks for bootstrap, now.
    pub(super) fn ask_for_bootstrap(&mut self, moment: &mut Moment<'_>, order: Option<CallId>) {
        let shared = moment.shared;
        let Some(account) = self.bootstrap_account(shared) else {
            return impossible(moment, order, no_server(BOOTSTRAP));
        };
        self.open(moment, account.address);
        let query = shared.rules.asks_with(AskFacts {
            endpoint: &self.endpoint,
            prefers: shared.prefers,
        });
        let message = Message::new(Code::POST).path("/bs");
        let message = query
            .iter()
            .fold(message, |message, argument| message.query(argument));
        let to = (BOOTSTRAP, account.address, Type::Con);
        self.ask(moment, to, message, Purpose::Bootstrap, order);
    }

    /// Opens a bootstrap, unless one is under way.
    pub(super) fn open(&mut self, moment: &Moment<'_>, peer: SocketAddr) {
        let before = self.changes.clone();
        let provision = self.provision.get_or_insert_default();
        provision.asks = None;
        if provision.session.is_some() {
            return self.heard_of_bootstrap(moment);
        }
        provision.count.begun += 1;
        provision.session = Some(Session {
            peer,
            before,
            heard: moment.now,
            ends: moment.now + moment.shared.parameters.exchange_lifetime(),
        });
    }

    pub(super) fn heard_of_bootstrap(&mut self, moment: &Moment<'_>) {
        let session = self.provision.as_mut().and_then(|p| p.session.as_mut());
        if let Some(session) = session {
            session.heard = moment.now;
            session.ends = moment.now + moment.shared.parameters.exchange_lifetime();
        }
    }

    /// The request for bootstrap has its answer, or will have none.
    pub(super) fn bootstrap_answered(
        &mut self,
        moment: &mut Moment<'_>,
        response: Option<&Response>,
    ) {
        match response {
            Some(response) if response.code.is_success() => self.heard_of_bootstrap(moment),
            response => self.bootstrap_failed(moment, response),
        }
    }

    fn bootstrap_failed(&mut self, moment: &mut Moment<'_>, response: Option<&Response>) {
        let Some(provision) = &mut self.provision else {
            return;
        };
        let Some(session) = provision.session.take() else {
            return;
        };
        provision.count.failed += 1;
        let facts = RetryFacts {
            attempts: provision.attempts,
            code: response.map(|response| response.code),
            asked: response.and_then(|response| response.retry_after),
            most: RETRIES,
            pause: PAUSE,
        };
        provision.attempts += 1;
        if moment.shared.rules.undoes(true) {
            self.changes = session.before;
            self.dirty = true;
        }
        if !self.behaviour().keeps_registered {
            return;
        }
        if !self.accounts.is_empty() {
            return self.register_with_all(moment);
        }
        if let Some(wait) = moment.shared.rules.retry_after(facts) {
            self.plan_bootstrap(moment, wait);
        }
    }

    /// Does what is due in a bootstrap.
    pub(super) fn keep_bootstrapping(&mut self, moment: &mut Moment<'_>) {
        if self.boots.is_some() {
            return;
        }
        let silent = self.is_silent();
        let Some(provision) = &mut self.provision else {
            return;
        };
        if provision.asks.is_some_and(|at| at <= moment.now) && !silent {
            provision.asks = None;
            return self.ask_for_bootstrap(moment, None);
        }
        let limit = moment.shared.parameters.exchange_lifetime();
        if let Some(session) = &mut provision.session
            && session.ends <= moment.now
        {
            session.ends = moment.now + limit;
            let facts = SilenceFacts {
                silent: moment.now.since(session.heard),
                limit,
            };
            if moment.shared.rules.gives_up(facts) {
                self.bootstrap_failed(moment, None);
            }
        }
    }

    /// A bootstrap is finished: goes on with the accounts that are there now.
    pub(super) fn take_accounts(&mut self, moment: &mut Moment<'_>) {
        let provision = self.provision.get_or_insert_default();
        provision.session = None;
        provision.attempts = 0;
        provision.tried = true;
        provision.count.finished += 1;
        let servers = self.servers_in(moment.shared, &[]);
        self.change_servers(moment, Some(servers));
        self.trust_accounts(moment);
        if self.behaviour().keeps_registered {
            self.register_with_all(moment);
        }
    }

    fn register_with_all(&mut self, moment: &mut Moment<'_>) {
        for server in 0..self.accounts.len() {
            let wanted = moment.shared.rules.registers_with(server);
            if wanted && self.accounts[server].state == State::Idle {
                let how = Register {
                    server,
                    ..Register::default()
                };
                self.register(moment, None, how);
            }
        }
    }

    /// The servers of the accounts that the device holds; of those instances only, if any are named.
    fn servers_in(&self, shared: &Shared, only: &[Path]) -> Vec<Server> {
        let tree = self.tree(shared);
        let instances = tree.instances(path_of(&[0])).into_iter();
        let wanted = |path: &Path| only.is_empty() || only.contains(path);
        let servers = instances.filter(wanted).filter_map(|instance| {
            let value = |resource| tree.value(instance.child(resource)?);
            let (Value::String(uri), ssid) = (value(0)?, value(10)?.number()?) else {
                return None;
            };
            let bootstrap = value(1) == Some(Value::Boolean(true));
            Some(Server {
                ssid: ssid as u16,
                address: address_in(&uri)?,
            })
            .filter(|_| !bootstrap)
        });
        servers.collect()
    }

    /// Has other servers from now on; those that were there before keep what is known of them.
    fn change_servers(&mut self, moment: &mut Moment<'_>, servers: Option<Vec<Server>>) {
        let before = self.servers(moment.shared).to_vec();
        let after = servers.as_ref().unwrap_or(&moment.shared.servers);
        for (account, server) in before.iter().enumerate() {
            if !after.contains(server) {
                self.leave(moment.shared, account);
            }
        }
        self.provision.get_or_insert_default().servers = servers;
        let now = self.servers(moment.shared).to_vec();
        let mut old = std::mem::take(&mut self.accounts);
        self.accounts = now
            .iter()
            .map(|server| match before.iter().position(|b| b == server) {
                Some(place) => std::mem::take(&mut old[place]),
                None => Account::default(),
            })
            .collect();
        // Requests to servers that have another place now would be taken for those of others.
        if let Some(live) = &mut self.live {
            let moved = |call: &mut Call| call.account != BOOTSTRAP && before != now;
            for call in live.calls.extract_if(.., moved) {
                if let Some(order) = call.order {
                    moment.out.answer(order, Answer::NoAnswer);
                }
            }
        }
    }

    /// A card is put into the slot, or taken out.
    pub(super) fn insert_card(&mut self, values: Vec<Entry>) {
        self.provision.get_or_insert_default().card = values;
    }

    /// Looks whether the card is still the one that was read (TS Appendix G): its accounts are there as
    /// long as it is.
    /// Says whether it is not.
    pub(super) fn read_card(&mut self, moment: &mut Moment<'_>) -> bool {
        let Some(provision) = &mut self.provision else {
            return false;
        };
        let had = !provision.read.is_empty();
        if provision.card == provision.read || had && !moment.shared.rules.drops_card(true) {
            return false;
        }
        let card = provision.card.clone();
        let gone = std::mem::replace(&mut provision.read, card.clone());
        let instances = |entries: &[Entry]| -> BTreeSet<Path> {
            entries.iter().map(|entry| entry.path.prefix(2)).collect()
        };
        let uses = moment.shared.rules.uses_card(!card.is_empty());
        let changes = self.change();
        for instance in instances(&gone) {
            changes.remove_instance(instance);
        }
        if uses {
            for instance in instances(&card) {
                changes.add_instance(instance);
            }
            for Entry { path, value, .. } in &card {
                if let Some(value) = value {
                    changes.set(*path, value.clone());
                }
            }
        }
        let own: Vec<Path> = instances(&card).into_iter().collect();
        let servers = uses.then(|| self.servers_in(moment.shared, &own));
        self.change_servers(moment, servers);
        self.trust_accounts(moment);
        true
    }

    /// Goes on with what is left, or has come, if the card is not the one that was read.
    pub(super) fn look_at_card(&mut self, moment: &mut Moment<'_>) -> bool {
        let changed = self.read_card(moment);
        if changed && self.behaviour().keeps_registered {
            self.register_with_all(moment);
            self.fall_back(moment);
        }
        changed
    }
}

/// The address in the URI of an account: an IP address, with a port or without.
pub(super) fn address_in(uri: &str) -> Option<SocketAddr> {
    PORTS.iter().find_map(|(scheme, port)| {
        let authority = uri.strip_prefix(scheme)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let address = authority.parse().ok();
        address.or_else(|| format!("{authority}:{port}").parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn an_account_names_an_address_and_perhaps_a_port() {
        for (uri, address) in [
            ("coap://127.0.0.1:7", Some("127.0.0.1:7")),
            ("coap://127.0.0.1", Some("127.0.0.1:5683")),
            ("coaps://[::1]/", Some("[::1]:5684")),
            ("http://127.0.0.1", None),
            ("coap://server.example", None),
        ] {
            let address = address.map(|address| address.parse().unwrap());
            assert_eq!(address_in(uri), address, "{uri}");
        }
    }
}

//! The registration interface (TS 1.0.2 §5.3), and what clients send unasked.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_coap::endpoint::Exchange;
use twinproof_coap::{Code, ContentFormat, Message, Packet, option};

use super::clients::{Registration, Terms};
use super::rules::{
    Asked, BindingFacts, CrowdFacts, LifeFacts, ListFacts, LocationFacts, MoveFacts, PeerFacts,
    RenewFacts, ReplaceFacts, Rules, SendFacts, ToldFacts, VersionFacts,
};
use super::{Moment, Server, Shared};
use crate::upper::{Answer, What};
use crate::wire::links::ObjectList;
use crate::wire::{Path, Version};

/// Where clients register.
const REGISTER: [&str; 1] = ["rd"];
/// Where clients send values unasked, from LwM2M 1.1 on.
const SEND: [&str; 1] = ["dp"];

impl Server {
    /// Does what a client asks.
    pub(super) fn serve(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        packet: &Packet<'_>,
        body: &[u8],
    ) {
        let segments: Vec<&str> = packet.path().map_while(Result::ok).collect();
        let whole = packet.path().count() == segments.len();
        let sends = moment.shared.version > Version::V1_0 && segments == SEND;
        let number = self.number_of(moment, &segments);
        match (packet.code(), number) {
            _ if !whole => self.reply(moment, exchange, Asked::Other, Code::BAD_REQUEST),
            (Code::POST, _) if segments == REGISTER => {
                self.register(moment, exchange, packet, body);
            }
            (Code::POST, _) if sends => self.take_values(moment, exchange, packet, body),
            (_, _) if sends || segments == REGISTER => {
                self.reply(moment, exchange, Asked::Other, Code::METHOD_NOT_ALLOWED);
            }
            (Code::POST, Some(number)) => self.update(moment, exchange, packet, (number, body)),
            (Code::DELETE, Some(number)) => self.deregister(moment, exchange, number),
            (_, Some(number)) => {
                let known = self.clients.get(number).is_some();
                let code = if known {
                    Code::METHOD_NOT_ALLOWED
                } else {
                    Code::NOT_FOUND
                };
                self.reply(moment, exchange, Asked::Other, code);
            }
            (_, None) => self.reply(moment, exchange, Asked::Other, Code::NOT_FOUND),
        }
    }

    fn reply(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        asked: Asked,
        code: Code,
    ) {
        self.answer(moment, exchange, asked, Message::new(code));
    }

    /// The number of the registration that a path would be the location of.
    fn number_of(&self, moment: &Moment<'_>, segments: &[&str]) -> Option<u64> {
        let (last, first) = segments.split_last()?;
        let number = u64::from_str_radix(last, 16).ok()?;
        (first == moment.shared.location.as_slice() && is_name(last)).then_some(number)
    }

    pub(super) fn location(&self, moment: &Moment<'_>, number: u64) -> Vec<String> {
        let first = moment.shared.location.iter().cloned();
        first.chain([name(number)]).collect()
    }

    fn register(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        packet: &Packet<'_>,
        body: &[u8],
    ) {
        let terms = match self.terms(moment, packet, body) {
            Ok(terms) => terms,
            Err(code) => return self.reply(moment, exchange, Asked::Register, code),
        };
        let rules = &moment.shared.rules;
        let facts = self.peer_facts(moment.shared, exchange.peer, &terms.endpoint);
        if let Some(code) = rules.refuses_peer(facts) {
            return self.reply(moment, exchange, Asked::Register, code);
        }
        let beside = [
            self.clients.named(&terms.endpoint),
            self.clients.at(exchange.peer),
            self.clients.neighbour(exchange.peer),
        ];
        let replaced = beside.into_iter().flatten().find(|number| {
            let old = self.clients.get(*number);
            old.is_some_and(|old| {
                rules.replaces(ReplaceFacts {
                    same_name: old.endpoint == terms.endpoint,
                    same_address: old.address == exchange.peer,
                    same_host: old.address.ip() == exchange.peer.ip(),
                })
            })
        });
        let number = self.fresh_number();
        let mut registration = Registration::new(terms, exchange.peer, moment.now);
        registration.shown = self.shown.get(&exchange.peer).cloned();
        if let Some(old) = replaced.and_then(|old| self.clients.remove(old)) {
            registration.waiting = old.waiting;
            registration.observations = old.observations;
        }
        let endpoint = registration.endpoint.clone();
        self.clients.insert(number, registration);
        self.newest = Some(exchange.peer);
        let registered = self.clients.len();
        if moment.shared.rules.makes_room(CrowdFacts { registered })
            && let Some(oldest) = self.clients.oldest()
        {
            self.clients.remove(oldest);
        }
        self.live_on(moment, number);
        let location = self.location(moment, number);
        let message = location
            .iter()
            .fold(Message::new(Code::CREATED), |message, segment| {
                message.option(option::LOCATION_PATH, segment.as_bytes())
            });
        self.answer(moment, exchange, Asked::Register, message);
        self.tell(moment.shared, &endpoint, What::Registered);
        let registers = RenewFacts {
            registers: true,
            moves: false,
        };
        self.renew(moment, number, registers);
        self.heard(moment, number);
    }

    /// What a registration says, or the code of its refusal.
    fn terms(
        &mut self,
        moment: &Moment<'_>,
        packet: &Packet<'_>,
        body: &[u8],
    ) -> Result<Terms, Code> {
        let rules = &moment.shared.rules;
        let query = Query::of(packet);
        let name = query.endpoint;
        if let Some(code) = rules.refuses_name(name) {
            return Err(code);
        }
        let version = rules.version(VersionFacts {
            said: query.version,
            own: moment.shared.version,
        })?;
        let binding = query.binding;
        let queue_mode = rules.queue_mode(BindingFacts {
            binding,
            queue_argument: version > Version::V1_0 && query.sleeps,
            version,
        })?;
        Ok(Terms {
            endpoint: name.unwrap_or_default().into(),
            lifetime: rules.lifetime(query.lifetime)?,
            version,
            binding: binding.unwrap_or("U").into(),
            queue_mode,
            sms: query.sms.map(Box::from),
            list: self.lists.read(rules, packet, body)?,
        })
    }

    /// Who asks to be registered under a name.
    fn peer_facts(&self, shared: &Shared, peer: SocketAddr, endpoint: &str) -> PeerFacts {
        let shown = self.shown.get(&peer);
        let named = |name: &String| name == endpoint;
        let own = shown
            .and_then(|shown| shared.credentials.get(&**shown))
            .is_some_and(named);
        PeerFacts {
            shown: shown.is_some(),
            own,
            // Among many it takes long to look for whose nobody has been shown to be.
            has_credentials: own || shared.credentials.values().any(named),
        }
    }

    fn fresh_number(&mut self) -> u64 {
        loop {
            self.registered += 1;
            let seed = self.seed.derive(&self.registered.to_string());
            let number = u64::from(seed.rng().u32(..));
            if self.clients.get(number).is_none() {
                return number;
            }
        }
    }

    /// Notes when a registration ends from now on.
    fn live_on(&mut self, moment: &Moment<'_>, number: u64) {
        let Some(registration) = self.clients.get(number) else {
            return;
        };
        let ends = moment.shared.rules.ends(LifeFacts {
            registered: registration.registered,
            updated: registration.updated,
            lifetime: registration.lifetime,
        });
        self.clients.set_end(number, ends);
    }

    fn update(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        packet: &Packet<'_>,
        (number, body): (u64, &[u8]),
    ) {
        let facts = self.location_facts(exchange, number);
        let said = match moment.shared.rules.refuses_location(facts) {
            Some(code) => Err(code),
            None => self.said(moment, packet, (number, body)),
        };
        let said = match said {
            Ok(said) => said,
            Err(code) => return self.reply(moment, exchange, Asked::Update, code),
        };
        let rules = &moment.shared.rules;
        let mut moves = false;
        if let Some(registration) = self.clients.get_mut(number) {
            registration.lifetime = rules.lifetime_after(registration.lifetime, said.lifetime);
            registration.list = rules.list_after(std::mem::take(&mut registration.list), said.list);
            if let Some(binding) = said.binding {
                registration.binding = binding;
            }
            registration.queue_mode = said.queue_mode.unwrap_or(registration.queue_mode);
            registration.sms = said.sms.or(registration.sms.take());
            registration.updated = moment.now;
            let address = rules.address_after(MoveFacts {
                old: registration.address,
                from: exchange.peer,
            });
            moves = address != registration.address;
            self.clients.move_to(number, address);
        }
        self.live_on(moment, number);
        self.answer(moment, exchange, Asked::Update, Message::new(Code::CHANGED));
        if let Some(endpoint) = self.clients.get(number).map(|r| r.endpoint.clone()) {
            self.tell(moment.shared, &endpoint, What::Updated);
            let registers = false;
            self.renew(moment, number, RenewFacts { registers, moves });
            self.heard(moment, number);
        }
    }

    /// What an update says.
    fn said(
        &mut self,
        moment: &Moment<'_>,
        packet: &Packet<'_>,
        (number, body): (u64, &[u8]),
    ) -> Result<Said, Code> {
        let rules = &moment.shared.rules;
        let known = self.clients.get(number);
        let version = known.map_or(moment.shared.version, |registration| registration.version);
        let query = Query::of(packet);
        let binding = query.binding;
        let queue_argument = version > Version::V1_0 && query.sleeps;
        let queue_mode = rules.queue_mode(BindingFacts {
            binding,
            queue_argument,
            version,
        })?;
        let lifetime = query.lifetime;
        let list = match body {
            [] => None,
            body => Some(self.lists.read(&moment.shared.rules, packet, body)?),
        };
        Ok(Said {
            lifetime: lifetime
                .map(|said| rules.lifetime(Some(said)))
                .transpose()?,
            binding: binding.map(Box::from),
            queue_mode: (binding.is_some() || queue_argument).then_some(queue_mode),
            sms: query.sms.map(Box::from),
            list,
        })
    }

    fn location_facts(&self, exchange: &Exchange<SocketAddr>, number: u64) -> LocationFacts {
        let registration = self.clients.get(number);
        let there = self.clients.at(exchange.peer);
        let there = there.and_then(|number| self.clients.get(number));
        let shown = self.shown.get(&exchange.peer);
        LocationFacts {
            known: registration.is_some(),
            of_another_identity: registration
                .is_some_and(|r| r.shown.is_some() && r.shown.as_ref() != shown),
            same_address: registration.is_some_and(|r| r.address == exchange.peer),
            from_another: registration
                .zip(there)
                .is_some_and(|(own, other)| own.endpoint != other.endpoint),
        }
    }

    fn deregister(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        number: u64,
    ) {
        let facts = self.location_facts(exchange, number);
        let rules = &moment.shared.rules;
        if let Some(code) = rules.refuses_location(facts) {
            return self.reply(moment, exchange, Asked::Deregister, code);
        }
        if rules.removes(facts) {
            self.leave(moment, number, What::Deregistered);
        }
        self.reply(moment, exchange, Asked::Deregister, Code::DELETED);
    }

    /// Ends a registration and all that hangs on it.
    pub(super) fn leave(&mut self, moment: &mut Moment<'_>, number: u64, why: What) {
        let Some(registration) = self.clients.remove(number) else {
            return;
        };
        let left = ToldFacts { registered: false };
        if !moment.shared.rules.observes_on(left) {
            for request in registration.observations {
                self.forget(moment, request);
            }
        }
        for held in registration.waiting {
            let why = format!("{} has left", registration.endpoint);
            self.finish(moment, held.target, held.kind, Answer::Refused(why));
        }
        self.tell(moment.shared, &registration.endpoint, why);
    }

    /// Takes values that a client sends unasked (TS 1.1.1 §6.4.6).
    fn take_values(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        packet: &Packet<'_>,
        body: &[u8],
    ) {
        let number = self.clients.at(exchange.peer);
        let client = number.and_then(|number| self.clients.get(number));
        let format = packet.content_format().ok().flatten();
        let values = client.zip(format).and_then(|(client, format)| {
            let said = (&*client.list, client.version);
            moment.shared.read(said, Path::ROOT, format, body).ok()
        });
        let listed = |client: &Registration| {
            let mut values = values.iter().flatten();
            values.all(|entry| {
                let object = entry.path.object();
                client
                    .list
                    .items
                    .iter()
                    .any(|item| item.path.object() == object)
            })
        };
        let facts = SendFacts {
            format,
            registered: client.is_some(),
            readable: values.is_some(),
            listed: client.is_some_and(listed),
        };
        let endpoint = client.map(|client| client.endpoint.clone());
        if let Some(code) = moment.shared.rules.refuses_values(facts) {
            return self.reply(moment, exchange, Asked::Send, code);
        }
        self.reply(moment, exchange, Asked::Send, Code::CHANGED);
        if let (Some(number), Some(endpoint), Some(values)) = (number, endpoint, values) {
            if moment.shared.rules.is_told(ToldFacts { registered: true }) {
                self.tell(moment.shared, &endpoint, What::Sent { values });
            }
            self.heard(moment, number);
        }
    }
}

/// The lists of objects that were read last: most clients say what others do, and it takes longer to read than all else that
/// is done for them.
#[derive(Default)]
pub(super) struct Lists {
    /// Who has read them.
    by: Option<Arc<dyn Rules>>,
    /// The newest first.
    read: VecDeque<Listed>,
}

struct Listed {
    format: Option<ContentFormat>,
    body: Box<[u8]>,
    list: Arc<ObjectList>,
}

/// How many are known.
const KNOWN: usize = 4;

impl Lists {
    fn read(
        &mut self,
        rules: &Arc<dyn Rules>,
        packet: &Packet<'_>,
        body: &[u8],
    ) -> Result<Arc<ObjectList>, Code> {
        let format = packet.content_format().map_err(|_| Code::BAD_REQUEST)?;
        if !self.by.as_ref().is_some_and(|by| Arc::ptr_eq(by, rules)) {
            self.read.clear();
            self.by = Some(Arc::clone(rules));
        }
        let same = |known: &&Listed| (known.format, &*known.body) == (format, body);
        if let Some(known) = self.read.iter().find(same) {
            return Ok(Arc::clone(&known.list));
        }
        let list = Arc::new(rules.list(ListFacts { format, body })?);
        self.read.truncate(KNOWN - 1);
        self.read.push_front(Listed {
            format,
            body: body.into(),
            list: Arc::clone(&list),
        });
        Ok(list)
    }
}

impl fmt::Debug for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lists")
            .field("known", &self.read.len())
            .finish_non_exhaustive()
    }
}

/// What an update says.
struct Said {
    lifetime: Option<Duration>,
    binding: Option<Box<str>>,
    queue_mode: Option<bool>,
    sms: Option<Box<str>>,
    list: Option<Arc<ObjectList>>,
}

/// The arguments of a query, of each the first; empty where it has no value. What is no text is passed over.
#[derive(Default)]
struct Query<'p> {
    endpoint: Option<&'p str>,
    lifetime: Option<&'p str>,
    version: Option<&'p str>,
    binding: Option<&'p str>,
    sms: Option<&'p str>,
    /// Whether there is an argument `Q` anywhere.
    sleeps: bool,
}

impl<'p> Query<'p> {
    fn of(packet: &Packet<'p>) -> Self {
        let mut query = Self::default();
        for argument in packet.queries().flatten() {
            query.sleeps |= argument == "Q";
            let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
            let place = match name {
                "b" => &mut query.binding,
                "ep" => &mut query.endpoint,
                "lt" => &mut query.lifetime,
                "lwm2m" => &mut query.version,
                "sms" => &mut query.sms,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        query
    }
}

/// The last segment of a location.
fn name(number: u64) -> String {
    format!("{number:08x}")
}

/// Whether a hexadecimal number is written as the last segment of a location is.
fn is_name(segment: &str) -> bool {
    let is_digit = |octet: u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
    let is_whole = segment.len() == 8 || segment.len() > 8 && !segment.starts_with('0');
    is_whole && segment.bytes().all(is_digit)
}

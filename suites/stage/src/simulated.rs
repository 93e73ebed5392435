//! The virtual stage: one event queue and one clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use twinproof_dtls::{Credentials, Transport};
use twinproof_evidence::record::Turn;
use twinproof_kernel::hook::Hook;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Link, Records, Role, Seed, Time, Way, WriteId};

use crate::actor::{Actor, Effect, Factory, Seat, Stimulus};
use crate::certificates::{Authority, Certificate};
use crate::recorder::{Recorder, authority};
use crate::secure::{Chore, Outcome, Secured, Security};
use crate::shelter::{Shelter, lost};
use crate::stage::{Acted, Pace, VIRTUAL};
use crate::store::Store;
use crate::tls;

/// How long a message travels.
const LATENCY: Duration = Duration::from_micros(500);

/// The port of CoAP over DTLS (RFC 7252 §6.2).
const COAPS: u16 = 5684;

enum Event {
    Datagram {
        to: usize,
        at: SocketAddr,
        from: SocketAddr,
        bytes: Vec<u8>,
        /// By whom, where it is recorded only as it arrives.
        arrives_from: Option<String>,
        /// It has come out of an association.
        opened: bool,
    },
    /// A datagram leaves a secured place after it was held back.
    Leave {
        at: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Persisted {
        place: usize,
        write: WriteId,
    },
    Request {
        to: usize,
        exchange: ExchangeId,
        request: Request,
    },
    Response {
        exchange: ExchangeId,
        outcome: Result<Response, Fault>,
    },
    Wake {
        place: usize,
    },
    /// The transport of a secured place is due.
    WakeSecured {
        at: SocketAddr,
    },
    /// Somebody says something who has shaken hands before, where this was shown.
    Says {
        place: usize,
        exchange: ExchangeId,
        request: Request,
        shown: Shown,
    },
}

/// What is shown over TLS.
type Shown = (Certificate, Arc<rustls::ServerConfig>);

struct Due {
    at: Time,
    order: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

struct Place {
    name: String,
    actor: Box<dyn Actor>,
    /// Only a hosted system has one; its traffic is recorded at the other end.
    resident: Option<Resident>,
    begun: Vec<u64>,
}

struct Resident {
    factory: Factory,
    store: Store,
    skew: Duration,
}

/// A request under way.
struct Flight {
    from: usize,
    exchange: ExchangeId,
    recorded: Option<u64>,
}

pub(crate) struct Simulated {
    recorder: Recorder,
    pace: Pace,
    now: Time,
    queue: BinaryHeap<Reverse<Due>>,
    scheduled: u64,
    places: Vec<Place>,
    doors: BTreeMap<String, String>,
    /// What is shown at some of them, over TLS, and an authority that everybody trusts.
    shown: BTreeMap<String, Shown>,
    authority: Option<Arc<Authority>>,
    sockets: BTreeMap<SocketAddr, String>,
    /// Places whose datagrams go over secured associations.
    secured: BTreeMap<SocketAddr, Secured>,
    /// Fresh ports of such places, by the place and the peer that knows the port; and back.
    fresh: BTreeMap<(SocketAddr, SocketAddr), SocketAddr>,
    stands_for: BTreeMap<SocketAddr, SocketAddr>,
    /// How many sockets there were.
    bound: u8,
    /// What lies in front of simulated parties.
    links: BTreeMap<String, Link>,
    /// What hides some of them.
    shelter: Shelter,
    exchanges: u64,
    flights: BTreeMap<ExchangeId, Flight>,
    /// The scene has ended: simulated parties only listen.
    struck: bool,
}

impl Simulated {
    pub(crate) fn new(recorder: Recorder, pace: Pace) -> Self {
        Self {
            recorder,
            pace,
            now: Time::ZERO,
            queue: BinaryHeap::new(),
            scheduled: 0,
            places: Vec::new(),
            doors: BTreeMap::new(),
            shown: BTreeMap::new(),
            authority: None,
            sockets: BTreeMap::new(),
            secured: BTreeMap::new(),
            fresh: BTreeMap::new(),
            stands_for: BTreeMap::new(),
            bound: 0,
            links: BTreeMap::new(),
            shelter: Shelter::default(),
            exchanges: 0,
            flights: BTreeMap::new(),
            struck: false,
        }
    }

    /// Ends the scene, and lets the clock run on for those who come late.
    pub(crate) fn strike(&mut self) {
        self.struck = true;
        let deadline = self.now + self.pace.settle * 2;
        while self.step(deadline) {}
    }

    pub(crate) fn hosts(&self, name: &str) -> bool {
        self.place_of(name)
            .is_some_and(|place| self.places[place].resident.is_some())
    }

    /// A hosted system's time, and what it has in its store.
    pub(crate) fn stored(&self, name: &str) -> Result<(Time, Records), String> {
        let place = self.place_of(name).map(|place| &self.places[place]);
        match place.and_then(|place| place.resident.as_ref()) {
            Some(resident) => match resident.store.records() {
                Ok(records) => Ok((self.now + resident.skew, records)),
                Err(error) => Err(error.to_string()),
            },
            None => Err(format!("{name} is not hosted here")),
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.now
    }

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn listen(&mut self, name: &str) -> Result<String, String> {
        let authority = format!("{}.test", name.replace(' ', "-"));
        self.recorder.name_authority(&authority, name);
        self.doors.insert(authority.clone(), name.to_owned());
        Ok(format!("http://{authority}"))
    }

    /// Makes a place where this is shown over TLS.
    pub(crate) async fn listen_shown(
        &mut self,
        name: &str,
        certificate: Certificate,
        tls: impl FnOnce(&str) -> Result<Arc<rustls::ServerConfig>, String>,
    ) -> Result<String, String> {
        let base = self.listen(name).await?;
        let authority = authority(&base).to_owned();
        let base = format!("https://{authority}");
        let tls = tls(&authority)?;
        self.shown.insert(authority, (certificate, tls));
        Ok(base)
    }

    /// From now on everybody here trusts this authority.
    pub(crate) fn trust_authority(&mut self, authority: Arc<Authority>) {
        self.authority = Some(authority);
    }

    /// Shakes hands with who shows something: why nothing is said to them, if so. Only what travels is not
    /// simulated: the certificates and who looks at them are those of the live stage.
    fn examine(&mut self, place: usize, target: usize, request: &Request) -> Result<(), Fault> {
        let host = authority(&request.url);
        let Some((_, server)) = self.shown.get(host) else {
            return Ok(());
        };
        let party = self.places[target].name.clone();
        let parties = (party.as_str(), self.places[place].name.as_str());
        let begun = Turn::Begun {
            ours: false,
            attempt: 1,
        };
        self.recorder.turn(self.now, parties, true, begun);
        if !request.url.starts_with("https://") {
            self.recorder
                .turn(self.now, parties, true, tls::in_the_clear());
            return Err(Fault::Broken("the other end speaks TLS".to_owned()));
        }
        let Some(known) = &self.authority else {
            return Err(Fault::NotSent("nobody is trusted".to_owned()));
        };
        let now = VIRTUAL + self.time_of(place).as_micros() / 1_000_000;
        let client = tls::examiner(known, rustls::RootCertStore::empty(), request.scrutiny, now);
        let shaken = client.and_then(|client| tls::shake_hands(client, Arc::clone(server), host));
        let shaken = shaken.map_err(Fault::NotSent)?;
        let turn = tls::turn(shaken.server.as_ref().copied().map_err(|e| e as _));
        self.recorder.turn(self.now, parties, true, turn);
        let refused = |error| Fault::Unreachable(tls::words(&error));
        shaken.client.map_err(refused)
    }

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn bind(&mut self, name: &str) -> Result<SocketAddr, String> {
        self.take_address(name, 5683)
    }

    fn take_address(&mut self, name: &str, port: u16) -> Result<SocketAddr, String> {
        self.bound = self.bound.checked_add(1).ok_or("no address left")?;
        let address = SocketAddr::from((Ipv4Addr::new(127, 1, 0, self.bound), port));
        self.sockets.insert(address, name.to_owned());
        Ok(address)
    }

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn bind_beside(
        &mut self,
        name: &str,
        place: SocketAddr,
    ) -> Result<SocketAddr, String> {
        self.take_port_beside(name, place)
    }

    fn take_port_beside(&mut self, name: &str, place: SocketAddr) -> Result<SocketAddr, String> {
        let ports = place.port() + 1..=u16::MAX;
        let mut places = ports.map(|port| SocketAddr::new(place.ip(), port));
        let free = places.find(|place| !self.sockets.contains_key(place));
        let address = free.ok_or("no port left")?;
        self.sockets.insert(address, name.to_owned());
        Ok(address)
    }

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn bind_secured(
        &mut self,
        name: &str,
        security: Security,
        seed: Seed,
    ) -> Result<SocketAddr, String> {
        let beside = security.at.filter(|at| at.port() == 0);
        let secured = Secured::new(name, security, Some(seed))?;
        let address = match beside {
            Some(place) => self.take_port_beside(name, SocketAddr::new(place.ip(), COAPS))?,
            None => self.take_address(name, COAPS)?,
        };
        self.secured.insert(address, secured);
        Ok(address)
    }

    /// Does something with the transport of a secured place.
    pub(crate) fn secure<T>(
        &mut self,
        at: SocketAddr,
        act: impl FnOnce(&mut Transport, Time) -> T,
    ) -> Option<T> {
        let now = self.now;
        let secured = self.secured.get_mut(&at)?;
        let done = act(secured.transport(), now);
        self.do_chores(at);
        Some(done)
    }

    /// Lets a secured place meet a peer with these credentials from now on, or in the clear.
    pub(crate) fn trust(&mut self, at: SocketAddr, peer: SocketAddr, own: Option<Credentials>) {
        if let Some(secured) = self.secured.get_mut(&at) {
            secured.trust(self.now, peer, own);
            self.do_chores(at);
        }
    }

    /// Secures a place that was secured otherwise before; nothing is left of its associations.
    pub(crate) fn secure_anew(
        &mut self,
        (name, at): (&str, SocketAddr),
        security: Security,
        seed: Seed,
    ) -> Result<(), String> {
        let secured = Secured::new(name, security, Some(seed))?;
        self.secured.insert(at, secured);
        Ok(())
    }

    /// Whether what is sent from one place to another goes over an association.
    fn seals(&self, at: SocketAddr, peer: SocketAddr) -> bool {
        let secured = self.secured.get(&at);
        secured.is_some_and(|secured| secured.seals_for(peer))
    }

    fn do_chores(&mut self, at: SocketAddr) {
        let now = self.now;
        let Some(secured) = self.secured.get_mut(&at) else {
            return;
        };
        let (places, sockets) = (&self.places, &self.sockets);
        let place = places.iter().position(|place| place.name == secured.name);
        let simulated = place.is_none_or(|place| places[place].resident.is_none());
        let name_of = |peer: SocketAddr| {
            let known = sockets.get(&peer);
            known.cloned().unwrap_or_else(|| peer.to_string())
        };
        let chores = secured.chores(now, simulated.then_some(&self.recorder), name_of);
        let name = secured.name.clone();
        for chore in chores {
            match chore {
                Chore::Transmit { to, datagram } => {
                    let from = self.fresh.get(&(at, to)).copied().unwrap_or(at);
                    self.travel(from, to, datagram, Duration::ZERO, None);
                }
                Chore::Associated { peer, identity } => {
                    if let Some(place) = self.place_of(&name) {
                        let identity = identity.as_deref();
                        self.stimulate(place, Stimulus::Associated { at, peer, identity });
                    }
                }
                Chore::Received { from, data } => self.arrive(&name, (from, at), &data),
                Chore::Renew { peer } => {
                    // Without a fresh port, the old one has to do.
                    if let Ok(fresh) = self.take_port_beside(&name, at) {
                        self.fresh.insert((at, peer), fresh);
                        self.stands_for.insert(fresh, at);
                    }
                    if let Some(secured) = self.secured.get_mut(&at) {
                        secured.transport().begin_anew(now, peer);
                    }
                    self.do_chores(at);
                }
            }
        }
        let due = self.secured.get(&at).and_then(Secured::next_deadline);
        if let Some(due) = due {
            self.schedule(due.since(self.now), Event::WakeSecured { at });
        }
    }

    /// What became of the handshake with a peer, if it comes to its end within `limit`.
    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn outcome(
        &mut self,
        at: SocketAddr,
        peer: SocketAddr,
        limit: Duration,
    ) -> Option<Outcome> {
        let deadline = self.now + limit;
        loop {
            if let Some(outcome) = self.secured.get(&at)?.outcome(peer) {
                return Some(outcome.clone());
            }
            if !self.step(deadline) {
                return None;
            }
        }
    }

    /// What became of a handshake with anybody, if one comes to its end within `limit`.
    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn any_outcome(&mut self, at: SocketAddr, limit: Duration) -> Option<Outcome> {
        let deadline = self.now + limit;
        loop {
            if let Some(outcome) = self.secured.get(&at)?.any_outcome() {
                return Some(outcome.clone());
            }
            if !self.step(deadline) {
                return None;
            }
        }
    }

    /// Data that came out of an association comes to whom a place belongs, over what lies in front of them.
    fn arrive(&mut self, name: &str, (from, at): (SocketAddr, SocketAddr), data: &[u8]) {
        let Some(to) = self.place_of(name) else {
            return;
        };
        let link = self.links.get_mut(name);
        let journeys = link.map_or_else(|| vec![Duration::ZERO], |link| link.carry(Way::In, data));
        let simulated = self.places[to].resident.is_none();
        let known = self.sockets.get(&from);
        let sender = known.cloned().unwrap_or_else(|| from.to_string());
        for journey in journeys {
            let datagram = Event::Datagram {
                to,
                at,
                from,
                bytes: data.to_vec(),
                arrives_from: simulated.then(|| sender.clone()),
                opened: true,
            };
            self.schedule(journey, datagram);
        }
    }

    /// A datagram is under way.
    fn travel(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
        journey: Duration,
        arrives_from: Option<String>,
    ) {
        let receiver = self.sockets.get(&to);
        let Some(place) = receiver.and_then(|name| self.place_of(name)) else {
            return;
        };
        let datagram = Event::Datagram {
            to: place,
            at: self.stands_for.get(&to).copied().unwrap_or(to),
            from,
            bytes,
            arrives_from,
            opened: false,
        };
        self.schedule(LATENCY + journey, datagram);
    }

    /// From now on nothing reaches anybody at this address.
    pub(crate) fn unbind(&mut self, address: SocketAddr) {
        self.sockets.remove(&address);
        self.secured.remove(&address);
    }

    /// Does something with what lies in front of simulated parties, by their names.
    pub(crate) fn with_links<T>(
        &mut self,
        act: impl FnOnce(&mut BTreeMap<String, Link>) -> T,
    ) -> T {
        act(&mut self.links)
    }

    /// The network that hides simulated parties.
    pub(crate) fn with_shelter<T>(&mut self, act: impl FnOnce(&mut Shelter) -> T) -> T {
        act(&mut self.shelter)
    }

    pub(crate) fn enter(&mut self, name: &str, actor: Box<dyn Actor>) -> usize {
        self.places.push(Place {
            name: name.to_owned(),
            actor,
            resident: None,
            begun: Vec::new(),
        });
        self.places.len() - 1
    }

    pub(crate) fn host(&mut self, name: &str, factory: Factory) -> usize {
        let resident = Resident {
            store: Store::Memory(Records::new()),
            skew: Duration::ZERO,
            factory,
        };
        let actor = (resident.factory)();
        self.places.push(Place {
            name: name.to_owned(),
            actor,
            resident: Some(resident),
            begun: Vec::new(),
        });
        self.places.len() - 1
    }

    pub(crate) fn hook(&mut self, name: &str, hook: Hook) -> Result<(), String> {
        let place = self
            .place_of(name)
            .ok_or_else(|| format!("{name} is not hosted here"))?;
        let Some(resident) = &mut self.places[place].resident else {
            return Err(format!("{name} is not hosted here"));
        };
        match hook {
            Hook::AdvanceClock(span) => {
                resident.skew += span;
                self.stimulate(place, Stimulus::Wake);
            }
            Hook::Restart => {
                let records = resident.store.records().map_err(|e| e.to_string())?;
                let actor = (resident.factory)();
                self.places[place].actor = actor;
                self.stimulate(place, Stimulus::Restored(&records));
            }
        }
        Ok(())
    }

    pub(crate) fn order<R>(&mut self, place: usize, call: CallId, order: R::Order)
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        let mut effects = Vec::new();
        self.places[place].begun.clear();
        let now = self.time_of(place);
        Seat::<R>::of(&mut *self.places[place].actor).order(now, call, order, &mut effects);
        self.apply(place, effects);
    }

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn answer<R>(
        &mut self,
        place: usize,
        call: CallId,
        patience: Duration,
    ) -> Option<Acted<R::Answer>>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        let deadline = self.now + patience;
        loop {
            if let Some(answer) = Seat::<R>::of(&mut *self.places[place].actor).take_answer(call) {
                return Some(Acted {
                    answer,
                    exchanges: self.places[place].begun.clone(),
                });
            }
            if !self.step(deadline) {
                return None;
            }
        }
    }

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn wait_for<R>(
        &mut self,
        place: usize,
        limit: Duration,
        come: &dyn Fn(&R) -> bool,
    ) -> bool
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        let deadline = self.now + limit;
        loop {
            if come(Seat::<R>::of(&mut *self.places[place].actor).role()) {
                return true;
            }
            if !self.step(deadline) {
                return false;
            }
        }
    }

    pub(crate) fn look<R, T>(&mut self, place: usize, look: impl FnOnce(&R) -> T) -> T
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        look(Seat::<R>::of(&mut *self.places[place].actor).role())
    }

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn rest(&mut self, span: Duration) {
        let deadline = self.now + span;
        while self.step(deadline) {}
    }

    /// Who enters under a name that another had, is who has it.
    fn place_of(&self, name: &str) -> Option<usize> {
        self.places.iter().rposition(|place| place.name == name)
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.scheduled += 1;
        self.queue.push(Reverse(Due {
            at: self.now + after,
            order: self.scheduled,
            event,
        }));
    }

    /// Does what is due next, if that is before `deadline`; else moves the clock there.
    fn step(&mut self, deadline: Time) -> bool {
        match self.queue.peek() {
            Some(Reverse(due)) if due.at <= deadline => {}
            _ => {
                self.now = self.now.max(deadline);
                return false;
            }
        }
        let Some(Reverse(due)) = self.queue.pop() else {
            return false;
        };
        self.now = self.now.max(due.at);
        match due.event {
            Event::Datagram {
                to,
                at,
                from,
                bytes,
                arrives_from,
                opened,
            } => {
                if !opened && self.seals(at, from) {
                    self.secure(at, |transport, now| transport.receive(now, from, &bytes));
                    return true;
                }
                if let Some(sender) = arrives_from {
                    let parties = (sender.as_str(), self.places[to].name.as_str());
                    self.recorder
                        .datagram(self.now, parties, &bytes, (true, opened));
                }
                self.stimulate(
                    to,
                    Stimulus::Datagram {
                        at,
                        from,
                        bytes: &bytes,
                    },
                );
            }
            Event::Leave { at, to, bytes } => {
                self.secure(at, |transport, now| transport.send(now, to, &bytes));
            }
            Event::WakeSecured { at } => {
                let due = self.secured.get(&at).and_then(Secured::next_deadline);
                if due.is_some_and(|due| due <= self.now) {
                    self.secure(at, |transport, now| transport.wake(now));
                }
            }
            Event::Says {
                place,
                exchange,
                request,
                shown,
            } => self.say_late(place, (exchange, request), shown),
            Event::Persisted { place, write } => self.stimulate(place, Stimulus::Persisted(write)),
            Event::Request {
                to,
                exchange,
                request,
            } => {
                self.stimulate(
                    to,
                    Stimulus::Request {
                        exchange,
                        request: &request,
                    },
                );
            }
            Event::Response { exchange, outcome } => {
                // A late answer or a late time-out meets nobody.
                if let Some(flight) = self.flights.remove(&exchange) {
                    if let Some(number) = flight.recorded {
                        self.recorder.outcome(self.now, number, outcome.as_ref());
                    }
                    let stimulus = Stimulus::Response {
                        exchange: flight.exchange,
                        outcome: outcome.as_ref(),
                    };
                    self.stimulate(flight.from, stimulus);
                }
            }
            Event::Wake { place } => {
                let now = self.time_of(place);
                if self.places[place]
                    .actor
                    .next_deadline()
                    .is_some_and(|deadline| deadline <= now)
                {
                    self.stimulate(place, Stimulus::Wake);
                }
            }
        }
        true
    }

    fn time_of(&self, place: usize) -> Time {
        let skew = self.places[place]
            .resident
            .as_ref()
            .map_or(Duration::ZERO, |resident| resident.skew);
        self.now + skew
    }

    fn stimulate(&mut self, place: usize, stimulus: Stimulus<'_>) {
        let mut effects = Vec::new();
        let now = self.time_of(place);
        self.places[place]
            .actor
            .stimulate(now, stimulus, &mut effects);
        self.apply(place, effects);
    }

    fn apply(&mut self, place: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Answered(_) => {}
                Effect::Datagram { at, to, bytes } => self.send_datagram(place, at, to, bytes),
                Effect::Persist { write, changes } => {
                    let stored = match &mut self.places[place].resident {
                        Some(resident) => resident.store.apply(changes).is_ok(),
                        None => true,
                    };
                    if stored {
                        self.schedule(Duration::ZERO, Event::Persisted { place, write });
                    }
                }
                Effect::Request { exchange, request } => {
                    self.send_request(place, exchange, request)
                }
                Effect::Trust { at, peer, own } => {
                    let own = own.map(|own| Credentials::psk(&own.identity, &own.key));
                    self.trust(at, peer, own);
                }
                Effect::Respond { exchange, response } => {
                    self.schedule(
                        LATENCY,
                        Event::Response {
                            exchange,
                            outcome: Ok(response),
                        },
                    );
                }
            }
        }
        let now = self.time_of(place);
        if let Some(deadline) = self.places[place].actor.next_deadline() {
            self.schedule(deadline.since(now), Event::Wake { place });
        }
    }

    fn send_datagram(&mut self, place: usize, at: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let simulated = self.places[place].resident.is_none();
        if self.struck && simulated {
            return;
        }
        if self.seals(at, to) {
            self.send_secured(place, at, to, bytes);
            return;
        }
        let receiver = self.sockets.get(&to).cloned();
        let target = receiver.as_deref().and_then(|name| self.place_of(name));
        // What is not sealed does not come through to a party that is secured.
        let comes = !self.seals(to, at);
        let party = target.is_some_and(|target| self.places[target].resident.is_none());
        let recorded = simulated || comes && party;
        let sender = self.places[place].name.clone();
        let (party, way) = match (simulated, &receiver) {
            (false, Some(receiver)) => (receiver, Way::In),
            (true, _) | (false, None) => (&sender, Way::Out),
        };
        let link = self.links.get_mut(party);
        let late = link.is_some() && !simulated;
        let journeys = link.map_or_else(|| vec![Duration::ZERO], |link| link.carry(way, &bytes));
        if recorded && !late {
            let to = receiver.unwrap_or_else(|| to.to_string());
            self.recorder
                .datagram(self.now, (&sender, &to), &bytes, (!simulated, false));
        }
        for journey in journeys {
            let arrives_from = (recorded && late).then(|| sender.clone());
            self.travel(at, to, bytes.clone(), journey, arrives_from);
        }
    }

    /// What is lost of what is secured is lost before it is sealed: no handshake suffers from our faults.
    fn send_secured(&mut self, place: usize, at: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let sender = &self.places[place];
        if sender.resident.is_none() {
            let receiver = self.sockets.get(&to);
            let receiver = receiver.cloned().unwrap_or_else(|| to.to_string());
            let parties = (sender.name.as_str(), receiver.as_str());
            self.recorder
                .datagram(self.now, parties, &bytes, (false, true));
        }
        let link = self.links.get_mut(&sender.name);
        let journeys =
            link.map_or_else(|| vec![Duration::ZERO], |link| link.carry(Way::Out, &bytes));
        for journey in journeys {
            let bytes = bytes.clone();
            self.schedule(journey, Event::Leave { at, to, bytes });
        }
    }

    /// Whether the network that hides simulated parties does not let a request through.
    fn turns_away(&mut self, place: usize, target: Option<usize>) -> bool {
        let simulated = |place: &usize| self.places[*place].resident.is_none();
        let Some(to) = target.filter(simulated).filter(|_| simulated(&place)) else {
            return false;
        };
        let (from, to) = (&self.places[place].name, &self.places[to].name);
        self.shelter.passes(self.now, from, to) == Some(false)
    }

    fn send_request(&mut self, place: usize, exchange: ExchangeId, request: Request) {
        let target = self.target_of(&request);
        if self.struck && self.places[place].resident.is_none() {
            return;
        }
        let refused = target.and_then(|to| self.examine(place, to, &request).err());
        let shown = self.shown.get(authority(&request.url)).cloned();
        let pause = request.scrutiny.pause;
        match (shown, refused) {
            (Some(shown), None) if !pause.is_zero() => {
                let says = Event::Says {
                    place,
                    exchange,
                    request,
                    shown,
                };
                self.schedule(pause, says);
            }
            (_, refused) => self.say(place, (exchange, request), (target, refused)),
        }
    }

    /// Somebody says something who shook hands where this was shown, unless something else is by now.
    fn say_late(&mut self, place: usize, (exchange, request): (ExchangeId, Request), shown: Shown) {
        let target = self.target_of(&request);
        let now = self.shown.get(authority(&request.url));
        match (target, now) {
            (Some(to), Some((_, now))) if !Arc::ptr_eq(now, &shown.1) => {
                let parties = (
                    self.places[to].name.as_str(),
                    self.places[place].name.as_str(),
                );
                let turn = tls::too_late(shown.0);
                self.recorder.turn(self.now, parties, true, turn);
                let fault = Fault::Broken("the other end shows something else".to_owned());
                let outcome = Err(&fault);
                self.stimulate(place, Stimulus::Response { exchange, outcome });
            }
            _ => self.say(place, (exchange, request), (target, None)),
        }
    }

    fn target_of(&self, request: &Request) -> Option<usize> {
        let name = self.doors.get(authority(&request.url))?;
        self.place_of(name)
    }

    fn say(
        &mut self,
        place: usize,
        (exchange, mut request): (ExchangeId, Request),
        (target, refused): (Option<usize>, Option<Fault>),
    ) {
        let inside = self.places[place].resident.is_some()
            && target.is_none_or(|target| self.places[target].resident.is_some());
        // What a system does not say is seen by nobody.
        let unsaid = refused.is_some() && self.places[place].resident.is_some();
        let recorded = (!inside && !unsaid).then(|| {
            let (name, length) = (&self.places[place].name, request.body.len() as u64);
            self.recorder
                .request(self.now, name, None, &request, length)
        });
        if let (Some(number), None) = (recorded, &self.places[place].resident) {
            self.places[place].begun.push(number);
        }
        self.exchanges += 1;
        let flight = ExchangeId(self.exchanges);
        self.flights.insert(
            flight,
            Flight {
                from: place,
                exchange,
                recorded,
            },
        );
        if self.turns_away(place, target) {
            let to = target.map_or("", |to| self.places[to].name.as_str());
            let outcome = Err(lost(to));
            self.schedule(
                LATENCY,
                Event::Response {
                    exchange: flight,
                    outcome,
                },
            );
            return;
        }
        if let Some(fault) = refused {
            let outcome = Err(fault);
            self.schedule(
                LATENCY,
                Event::Response {
                    exchange: flight,
                    outcome,
                },
            );
            return;
        }
        match target {
            Some(to) => {
                let host = authority(&request.url).to_owned();
                let start = request.url.find(&host).map_or(0, |at| at + host.len());
                request.url = request.url.split_off(start);
                request.headers.add("Host", host);
                self.schedule(
                    LATENCY,
                    Event::Request {
                        to,
                        exchange: flight,
                        request,
                    },
                );
                self.schedule(
                    self.pace.timeout,
                    Event::Response {
                        exchange: flight,
                        outcome: Err(Fault::TimedOut),
                    },
                );
            }
            None => {
                let why = format!("nothing listens at {}", authority(&request.url));
                let outcome = Err(Fault::Unreachable(why));
                self.schedule(
                    LATENCY,
                    Event::Response {
                        exchange: flight,
                        outcome,
                    },
                );
            }
        }
    }
}

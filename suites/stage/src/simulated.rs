//! The virtual stage: one event queue and one clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use twinproof_kernel::hook::Hook;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Link, Records, Role, Time, Way, WriteId};

use crate::actor::{Actor, Effect, Factory, Seat, Stimulus};
use crate::recorder::{Recorder, authority};
use crate::stage::{Acted, Pace};
use crate::store::Store;

/// How long a message travels.
const LATENCY: Duration = Duration::from_micros(500);

enum Event {
    Datagram {
        to: usize,
        at: SocketAddr,
        from: SocketAddr,
        bytes: Vec<u8>,
        /// By whom, where it is recorded only as it arrives.
        arrives_from: Option<String>,
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
}

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
    sockets: BTreeMap<SocketAddr, String>,
    /// How many sockets there were.
    bound: u8,
    /// What lies in front of simulated parties.
    links: BTreeMap<String, Link>,
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
            sockets: BTreeMap::new(),
            bound: 0,
            links: BTreeMap::new(),
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

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn bind(&mut self, name: &str) -> Result<SocketAddr, String> {
        self.bound = self.bound.checked_add(1).ok_or("no address left")?;
        let address = SocketAddr::from((Ipv4Addr::new(127, 1, 0, self.bound), 5683));
        self.sockets.insert(address, name.to_owned());
        Ok(address)
    }

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn bind_beside(
        &mut self,
        name: &str,
        place: SocketAddr,
    ) -> Result<SocketAddr, String> {
        let ports = place.port() + 1..=u16::MAX;
        let mut places = ports.map(|port| SocketAddr::new(place.ip(), port));
        let free = places.find(|place| !self.sockets.contains_key(place));
        let address = free.ok_or("no port left")?;
        self.sockets.insert(address, name.to_owned());
        Ok(address)
    }

    /// From now on nothing reaches anybody at this address.
    pub(crate) fn unbind(&mut self, address: SocketAddr) {
        self.sockets.remove(&address);
    }

    /// Does something with what lies in front of simulated parties, by their names.
    pub(crate) fn with_links<T>(
        &mut self,
        act: impl FnOnce(&mut BTreeMap<String, Link>) -> T,
    ) -> T {
        act(&mut self.links)
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

    fn place_of(&self, name: &str) -> Option<usize> {
        self.places.iter().position(|place| place.name == name)
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
            } => {
                if let Some(sender) = arrives_from {
                    let parties = (sender.as_str(), self.places[to].name.as_str());
                    self.recorder.datagram(self.now, parties, &bytes, true);
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
        let receiver = self.sockets.get(&to).cloned();
        let target = receiver.as_deref().and_then(|name| self.place_of(name));
        let recorded =
            simulated || target.is_some_and(|target| self.places[target].resident.is_none());
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
                .datagram(self.now, (&sender, &to), &bytes, !simulated);
        }
        let Some(to_place) = target else {
            return;
        };
        for journey in journeys {
            let datagram = Event::Datagram {
                to: to_place,
                at: to,
                from: at,
                bytes: bytes.clone(),
                arrives_from: (recorded && late).then(|| sender.clone()),
            };
            self.schedule(LATENCY + journey, datagram);
        }
    }

    fn send_request(&mut self, place: usize, exchange: ExchangeId, mut request: Request) {
        let target = self
            .doors
            .get(authority(&request.url))
            .and_then(|name| self.place_of(name));
        let inside = self.places[place].resident.is_some()
            && target.is_none_or(|target| self.places[target].resident.is_some());
        if self.struck && self.places[place].resident.is_none() {
            return;
        }
        let recorded = (!inside).then(|| {
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

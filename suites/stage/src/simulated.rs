//! The virtual stage: one event queue and one clock.

mod datagrams;
mod queue;
mod web;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_dtls::Credentials;
use twinproof_kernel::hook::Hook;
use twinproof_kernel::{CallId, ExchangeId, Link, Records, Role, Time};

use self::queue::{Due, Event};
use crate::actor::{Actor, Effect, Factory, Seat, Stimulus};
use crate::certificates::{Authority, Certificate};
use crate::recorder::Recorder;
use crate::secure::Secured;
use crate::shelter::Shelter;
use crate::stage::{Acted, Pace};
use crate::store::Store;

/// How long a message travels.
const LATENCY: Duration = Duration::from_micros(500);

/// What is shown over TLS.
type Shown = (Certificate, Arc<rustls::ServerConfig>);

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
}

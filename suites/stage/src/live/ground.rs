//! What lives on when a scene of the live stage has ended: its parties, who listens for them, and what
//! becomes of what they want.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use twinproof_dtls::Credentials;
use twinproof_evidence::record::Turn;
use twinproof_kernel::http::{Fault, Request, Response, Scrutiny};
use twinproof_kernel::{ExchangeId, Link, Time, Way};

use crate::actor::{Actor, Effect, Factory, Stimulus};
use crate::certificates::Authority;
use crate::network::Network;
use crate::recorder::{Recorder, authority};
use crate::secure::{Chore, Secured};
use crate::shelter::{Shelter, lost};
use crate::store::Store;

/// What lives on when a scene has ended: its parties, and who listens for them.
pub(crate) struct Ground {
    pub(super) recorder: Recorder,
    opened: Instant,
    network: Network,
    pub(super) changed: Notify,
    /// A socket was closed.
    pub(super) closed: Notify,
    state: Mutex<State>,
    /// None once the run is over.
    tasks: Mutex<Option<JoinSet<()>>>,
    /// The scene has ended: simulated parties only listen.
    pub(super) struck: AtomicBool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) places: Vec<Place>,
    pub(super) names: BTreeMap<String, usize>,
    pub(super) sockets: BTreeMap<SocketAddr, Arc<UdpSocket>>,
    pub(super) socket_names: BTreeMap<SocketAddr, String>,
    /// Places whose datagrams go over secured associations.
    pub(super) secured: BTreeMap<SocketAddr, Secured>,
    /// Fresh ports of such places, by the place and the peer that knows the port.
    pub(super) fresh: BTreeMap<(SocketAddr, SocketAddr), Arc<UdpSocket>>,
    pub(super) residents: Vec<String>,
    /// What those are called who send datagrams and are not known.
    pub(super) strangers: Option<String>,
    /// What lies in front of simulated parties.
    pub(super) links: BTreeMap<String, Link>,
    /// What hides some of them.
    pub(super) shelter: Shelter,
    pub(super) doors: Vec<String>,
    /// An authority that hosted systems trust, and what they send with by what they look at of a certificate.
    pub(super) authority: Option<Arc<Authority>>,
    pub(super) examiners: BTreeMap<Scrutiny, Result<reqwest::Client, String>>,
    pub(super) exchanges: u64,
    pub(super) waiting: BTreeMap<ExchangeId, (oneshot::Sender<Response>, Option<u64>)>,
    pub(super) broken_off: Option<String>,
}

pub(super) struct Place {
    pub(super) name: String,
    pub(super) actor: Box<dyn Actor>,
    pub(super) resident: Option<Resident>,
    pub(super) begun: Vec<u64>,
    pub(super) alarm: u64,
}

pub(super) struct Resident {
    pub(super) factory: Factory,
    pub(super) store: Store,
    pub(super) skew: Duration,
    /// Where the store is since the first restart.
    pub(super) files: Option<tempfile::TempDir>,
}

impl State {
    /// Whether what is sent from one place to another goes over an association.
    fn seals(&self, at: SocketAddr, peer: SocketAddr) -> bool {
        let secured = self.secured.get(&at);
        secured.is_some_and(|secured| secured.seals_for(peer))
    }

    pub(super) fn settle(
        &mut self,
        name: &str,
        actor: Box<dyn Actor>,
        resident: Option<Resident>,
    ) -> usize {
        let place = self.places.len();
        self.places.push(Place {
            name: name.to_owned(),
            actor,
            resident,
            begun: Vec::new(),
            alarm: 0,
        });
        self.names.insert(name.to_owned(), place);
        place
    }
}

impl Ground {
    pub(super) fn new(network: Network, recorder: Recorder) -> Self {
        Self {
            recorder,
            opened: Instant::now(),
            network,
            changed: Notify::new(),
            closed: Notify::new(),
            state: Mutex::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
            struck: AtomicBool::new(false),
        }
    }

    pub(crate) fn now(&self) -> Time {
        Time::ZERO + self.opened.elapsed()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Gives an actor a place under this name.
    pub(crate) fn seat(&self, name: &str, actor: Box<dyn Actor>) {
        self.state().settle(name, actor, None);
    }

    /// Whether a simulated party listens.
    pub(crate) fn has_doors(&self) -> bool {
        let state = self.state();
        let simulated = |name: &String| {
            let place = state.names.get(name).map(|place| &state.places[*place]);
            place.is_some_and(|place| place.resident.is_none())
        };
        state.doors.iter().any(simulated)
    }

    /// The path segment of an actor at a door that the run shares.
    pub(crate) fn segment(&self, name: &str) -> String {
        let scene = self.recorder.scene().map_or_else(String::new, |scene| {
            format!("{}.{}.", scene.scenario, scene.attempt)
        });
        let letter = |c: char| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        };
        format!("{scene}{name}").chars().map(letter).collect()
    }

    /// Somebody came to a server of ours over TLS.
    pub(crate) fn met(&self, name: &str, turn: Turn) {
        let state = self.state();
        let resident = state.residents.first().map(String::as_str);
        let parties = (name, resident.unwrap_or("sut"));
        self.recorder.turn(self.now(), parties, true, turn);
    }

    /// Runs a task until the run ends; after that, nothing is begun.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = tasks.as_mut() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    pub(super) fn take_tasks(&self) -> Option<JoinSet<()>> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.take()
    }

    /// Ends everything. When this returns, nothing is recorded any more.
    pub(crate) async fn end(&self) {
        self.state().names.clear();
        if let Some(mut tasks) = self.take_tasks() {
            tasks.shutdown().await;
        }
    }

    /// Hands a request to the actor of this name and waits for what it responds.
    pub(crate) async fn receive_request(
        self: &Arc<Self>,
        name: &str,
        base: &str,
        request: Request,
        length: u64,
    ) -> Response {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.state();
            if let Some(place) = state.names.get(name).copied() {
                state.exchanges += 1;
                let exchange = ExchangeId(state.exchanges);
                let recorded = state.places[place].resident.is_none().then(|| {
                    let resident = state.residents.first().map(String::as_str);
                    let absolute = Request {
                        url: format!("{base}{}", request.url),
                        ..request.clone()
                    };
                    self.recorder.request(
                        self.now(),
                        resident.unwrap_or("sut"),
                        Some(name),
                        &absolute,
                        length,
                    )
                });
                state.waiting.insert(exchange, (sender, recorded));
                self.stimulate(
                    &mut state,
                    place,
                    Stimulus::Request {
                        exchange,
                        request: &request,
                    },
                );
            }
        }
        receiver.await.unwrap_or_else(|_| Response::new(503))
    }

    pub(super) fn time_of(&self, place: &Place) -> Time {
        self.now()
            + place
                .resident
                .as_ref()
                .map_or(Duration::ZERO, |resident| resident.skew)
    }

    pub(super) fn stimulate(
        self: &Arc<Self>,
        state: &mut State,
        place: usize,
        stimulus: Stimulus<'_>,
    ) {
        let mut effects = Vec::new();
        let now = self.time_of(&state.places[place]);
        state.places[place]
            .actor
            .stimulate(now, stimulus, &mut effects);
        self.apply(state, place, effects);
    }

    pub(super) fn apply(self: &Arc<Self>, state: &mut State, place: usize, effects: Vec<Effect>) {
        let mut persisted = Vec::new();
        for effect in effects {
            match effect {
                Effect::Answered(_) => {}
                Effect::Datagram { at, to, bytes } => {
                    self.send_datagram(state, place, at, to, bytes)
                }
                Effect::Persist { write, changes } => {
                    let stored = match &mut state.places[place].resident {
                        Some(resident) => resident.store.apply(changes).is_ok(),
                        None => true,
                    };
                    if stored {
                        persisted.push(write);
                    }
                }
                Effect::Request { exchange, request } => {
                    self.send_request(state, place, exchange, request)
                }
                Effect::Trust { at, peer, own } => {
                    let own = own.map(|own| Credentials::psk(&own.identity, &own.key));
                    self.trust(state, (at, peer), own);
                }
                Effect::Respond { exchange, response } => {
                    if let Some((waiting, recorded)) = state.waiting.remove(&exchange) {
                        if let Some(number) = recorded {
                            self.recorder.outcome(self.now(), number, Ok(&response));
                        }
                        // The peer may have gone meanwhile; then nobody waits.
                        drop(waiting.send(response));
                    }
                }
            }
        }
        for write in persisted {
            self.stimulate(state, place, Stimulus::Persisted(write));
        }
        self.set_alarm(state, place);
        self.changed.notify_waiters();
    }

    fn set_alarm(self: &Arc<Self>, state: &mut State, place: usize) {
        let Some(deadline) = state.places[place].actor.next_deadline() else {
            return;
        };
        let due = deadline.since(self.time_of(&state.places[place]));
        state.places[place].alarm += 1;
        let alarm = state.places[place].alarm;
        let ground = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(due).await;
            let mut state = ground.state();
            if state.places[place].alarm == alarm {
                ground.stimulate(&mut state, place, Stimulus::Wake);
            }
        });
    }

    fn send_datagram(
        self: &Arc<Self>,
        state: &mut State,
        place: usize,
        at: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    ) {
        let simulated = state.places[place].resident.is_none();
        if simulated && self.struck.load(Ordering::Relaxed) {
            return;
        }
        let receiver = state.socket_names.get(&to).cloned();
        let secured = state.seals(at, to);
        if simulated {
            let (from, to) = (
                &state.places[place].name,
                receiver.unwrap_or_else(|| to.to_string()),
            );
            self.recorder
                .datagram(self.now(), (from, &to), &bytes, (false, secured));
        }
        // What is lost of what is secured is lost before it is sealed: no handshake suffers from our faults.
        let link = state.links.get_mut(&state.places[place].name);
        let journeys =
            link.map_or_else(|| vec![Duration::ZERO], |link| link.carry(Way::Out, &bytes));
        for journey in journeys {
            if journey.is_zero() {
                self.leave(state, at, to, &bytes);
                continue;
            }
            let (later, bytes) = (Arc::clone(self), bytes.clone());
            self.spawn(async move {
                tokio::time::sleep(journey).await;
                later.leave(&mut later.state(), at, to, &bytes);
            });
        }
    }

    /// A datagram leaves: over an association where the place is secured, else as it is.
    fn leave(self: &Arc<Self>, state: &mut State, at: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if state.seals(at, to) {
            let now = self.now();
            self.secure(state, at, |secured| {
                secured.transport().send(now, to, bytes)
            });
        } else if let Some(socket) = state.sockets.get(&at).cloned() {
            self.transmit(socket, to, bytes);
        }
    }

    fn transmit(&self, socket: Arc<UdpSocket>, to: SocketAddr, bytes: &[u8]) {
        // At once, so that what was sent first goes first.
        match socket.try_send_to(bytes, to) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                // A datagram that the kernel does not take is a datagram that was lost.
                let bytes = bytes.to_vec();
                self.spawn(async move { drop(socket.send_to(&bytes, to).await) });
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Lets a secured place meet a peer with these credentials from now on, or in the clear.
    pub(super) fn trust(
        self: &Arc<Self>,
        state: &mut State,
        (at, peer): (SocketAddr, SocketAddr),
        own: Option<Credentials>,
    ) {
        let now = self.now();
        self.secure(state, at, |secured| secured.trust(now, peer, own));
    }

    /// Does something with the transport of a secured place, and then what that leads to.
    pub(super) fn secure<T>(
        self: &Arc<Self>,
        state: &mut State,
        at: SocketAddr,
        act: impl FnOnce(&mut Secured) -> T,
    ) -> Option<T> {
        let done = act(state.secured.get_mut(&at)?);
        self.do_chores(state, at);
        Some(done)
    }

    fn do_chores(self: &Arc<Self>, state: &mut State, at: SocketAddr) {
        let State {
            secured,
            socket_names,
            names,
            places,
            ..
        } = state;
        let Some(secured) = secured.get_mut(&at) else {
            return;
        };
        let place = names.get(&secured.name).copied();
        let simulated = place.is_none_or(|place| places[place].resident.is_none());
        let name_of = |peer: SocketAddr| {
            let known = socket_names.get(&peer);
            known.cloned().unwrap_or_else(|| peer.to_string())
        };
        let now = self.now();
        let chores = secured.chores(now, simulated.then_some(&self.recorder), name_of);
        let name = secured.name.clone();
        for chore in chores {
            match chore {
                Chore::Transmit { to, datagram } => {
                    let fresh = state.fresh.get(&(at, to));
                    if let Some(socket) = fresh.or_else(|| state.sockets.get(&at)).cloned() {
                        self.transmit(socket, to, &datagram);
                    }
                }
                Chore::Associated { peer, identity } => {
                    if let Some(place) = state.names.get(&name).copied() {
                        let identity = identity.as_deref();
                        let said = Stimulus::Associated { at, peer, identity };
                        self.stimulate(state, place, said);
                    }
                }
                Chore::Received { from, data } => self.arrive(state, &name, (from, at), &data),
                Chore::Renew { peer } => {
                    if let Some(socket) = fresh_socket(at) {
                        if let Ok(fresh) = socket.local_addr() {
                            state.socket_names.insert(fresh, name.clone());
                        }
                        let socket = Arc::new(socket);
                        state.fresh.insert((at, peer), Arc::clone(&socket));
                        let (ground, name) = (Arc::clone(self), name.clone());
                        self.spawn(receive(ground, socket, at, name));
                    }
                    // Without a fresh port, the old one has to do.
                    if let Some(secured) = state.secured.get_mut(&at) {
                        secured.transport().begin_anew(now, peer);
                    }
                    self.do_chores(state, at);
                }
            }
        }
        self.set_transport_alarm(state, at);
        self.changed.notify_waiters();
    }

    fn set_transport_alarm(self: &Arc<Self>, state: &mut State, at: SocketAddr) {
        let Some(secured) = state.secured.get_mut(&at) else {
            return;
        };
        secured.alarm += 1;
        let (Some(deadline), alarm) = (secured.next_deadline(), secured.alarm) else {
            return;
        };
        let (due, ground) = (deadline.since(self.now()), Arc::clone(self));
        self.spawn(async move {
            tokio::time::sleep(due).await;
            let mut state = ground.state();
            let latest = state.secured.get(&at).map(|secured| secured.alarm);
            if latest == Some(alarm) {
                let now = ground.now();
                ground.secure(&mut state, at, |secured| secured.transport().wake(now));
            }
        });
    }

    /// A datagram comes to whom a place belongs, over what lies in front of them.
    fn arrive(
        self: &Arc<Self>,
        state: &mut State,
        name: &str,
        (from, at): (SocketAddr, SocketAddr),
        bytes: &[u8],
    ) {
        let Some(place) = state.names.get(name).copied() else {
            return;
        };
        let link = state.links.get_mut(name);
        let journeys = link.map_or_else(|| vec![Duration::ZERO], |link| link.carry(Way::In, bytes));
        for journey in journeys {
            if journey.is_zero() {
                self.deliver(state, place, (from, at), bytes);
                continue;
            }
            let (later, bytes) = (Arc::clone(self), bytes.to_vec());
            self.spawn(async move {
                tokio::time::sleep(journey).await;
                let mut state = later.state();
                later.deliver(&mut state, place, (from, at), &bytes);
            });
        }
    }

    /// Gives who is not known the name that strangers have.
    fn meet(&self, state: &mut State, from: SocketAddr) {
        if let (false, Some(name)) = (
            state.socket_names.contains_key(&from),
            state.strangers.clone(),
        ) {
            self.recorder.name_authority(&from.to_string(), &name);
            state.socket_names.insert(from, name);
        }
    }

    /// A datagram has come to a party: it is recorded if that is a simulated one and the sender is not.
    fn deliver(
        self: &Arc<Self>,
        state: &mut State,
        place: usize,
        (from, at): (SocketAddr, SocketAddr),
        bytes: &[u8],
    ) {
        self.meet(state, from);
        let secured = state.seals(at, from);
        let sender = state.socket_names.get(&from).cloned();
        let from_party = sender
            .as_ref()
            .and_then(|n| state.names.get(n))
            .is_some_and(|p| state.places[*p].resident.is_none());
        if state.places[place].resident.is_none() && !from_party {
            let from = sender.unwrap_or_else(|| from.to_string());
            let to = &state.places[place].name;
            self.recorder
                .datagram(self.now(), (&from, to), bytes, (true, secured));
        }
        self.stimulate(state, place, Stimulus::Datagram { at, from, bytes });
    }

    fn send_request(
        self: &Arc<Self>,
        state: &mut State,
        place: usize,
        exchange: ExchangeId,
        request: Request,
    ) {
        let simulated = state.places[place].resident.is_none();
        if simulated && self.struck.load(Ordering::Relaxed) {
            return;
        }
        let recorded = simulated.then(|| {
            let (name, length) = (&state.places[place].name, request.body.len() as u64);
            let number = self
                .recorder
                .request(self.now(), name, None, &request, length);
            state.places[place].begun.push(number);
            number
        });
        let ground = Arc::clone(self);
        let sheltered = simulated.then(|| self.sheltered(state, place, &request));
        if let Some((to, passes)) = sheltered.flatten() {
            self.spawn(async move {
                let outcome = match passes {
                    true => ground.hand_over(to, request).await,
                    false => Err(lost(&ground.state().places[to].name)),
                };
                ground.come_back(place, (exchange, recorded), outcome);
            });
            return;
        }
        if let (false, Some(authority)) = (simulated, state.authority.clone())
            && request.url.starts_with("https://")
        {
            let scrutiny = request.scrutiny;
            let examiner = state.examiners.entry(scrutiny);
            let client = examiner.or_insert_with(|| self.network.examiner(&authority, scrutiny));
            let client = client.clone();
            self.spawn(async move {
                let outcome = ground.network.fetch_examining(client, request).await;
                ground.come_back(place, (exchange, recorded), outcome);
            });
            return;
        }
        self.spawn(async move {
            let outcome = ground.network.fetch(request).await;
            ground.come_back(place, (exchange, recorded), outcome);
        });
    }

    /// Who is to get a request over the network that hides simulated parties, and whether that lets it through;
    /// none if it is not concerned.
    fn sheltered(
        &self,
        state: &mut State,
        place: usize,
        request: &Request,
    ) -> Option<(usize, bool)> {
        let to = self.recorder.name_of(authority(&request.url));
        let target = state.names.get(&to).copied()?;
        if state.places[target].resident.is_some() {
            return None;
        }
        let from = &state.places[place].name;
        let passes = state.shelter.passes(self.now(), from, &to)?;
        Some((target, passes))
    }

    /// Brings a request from one simulated party to another, and what that responds.
    async fn hand_over(
        self: &Arc<Self>,
        to: usize,
        mut request: Request,
    ) -> Result<Response, Fault> {
        let host = authority(&request.url).to_owned();
        let start = request.url.find(&host).map_or(0, |at| at + host.len());
        request.url = request.url.split_off(start);
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.state();
            state.exchanges += 1;
            let exchange = ExchangeId(state.exchanges);
            state.waiting.insert(exchange, (sender, None));
            let request = &request;
            self.stimulate(&mut state, to, Stimulus::Request { exchange, request });
        }
        let gone = |_| Fault::Broken("who was asked is gone".to_owned());
        receiver.await.map_err(gone)
    }

    /// What has come of a request.
    fn come_back(
        self: &Arc<Self>,
        place: usize,
        (exchange, recorded): (ExchangeId, Option<u64>),
        outcome: Result<Response, Fault>,
    ) {
        let mut state = self.state();
        if let (Some(1), Err(Fault::Unreachable(why) | Fault::Broken(why))) = (recorded, &outcome) {
            state.broken_off = Some(why.clone());
        }
        if let Some(number) = recorded {
            self.recorder.outcome(self.now(), number, outcome.as_ref());
        }
        let outcome = outcome.as_ref();
        self.stimulate(&mut state, place, Stimulus::Response { exchange, outcome });
    }
}

pub(super) async fn receive(
    ground: Arc<Ground>,
    socket: Arc<UdpSocket>,
    at: SocketAddr,
    name: String,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        let closed = ground.closed.notified();
        tokio::pin!(closed);
        closed.as_mut().enable();
        if !ground.state().sockets.contains_key(&at) {
            return;
        }
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = closed => continue,
        };
        let Ok((length, from)) = received else {
            continue;
        };
        let bytes = &buffer[..length];
        let mut state = ground.state();
        if !state.sockets.contains_key(&at) {
            continue;
        }
        if state.seals(at, from) {
            let now = ground.now();
            ground.meet(&mut state, from);
            ground.secure(&mut state, at, |secured| {
                secured.transport().receive(now, from, bytes)
            });
        } else {
            ground.arrive(&mut state, &name, (from, at), bytes);
        }
    }
}

/// A socket at another port of the same address.
fn fresh_socket(at: SocketAddr) -> Option<UdpSocket> {
    let socket = std::net::UdpSocket::bind((at.ip(), 0)).ok()?;
    socket.set_nonblocking(true).ok()?;
    UdpSocket::from_std(socket).ok()
}

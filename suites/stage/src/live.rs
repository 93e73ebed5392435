//! The live stage: sockets, HTTP and the clock on the wall.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};
use tokio::task::JoinSet;
use twinproof_evidence::record::{Body, What};
use twinproof_kernel::hook::Hook;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Records, Role, Time};

use crate::actor::{Actor, Effect, Factory, Seat, Stimulus};
use crate::hooks::{HookCall, pull};
use crate::network::Network;
use crate::recorder::Recorder;
use crate::stage::{Acted, Pace};
use crate::store::Store;

pub(crate) struct Live {
    ground: Arc<Ground>,
    pace: Pace,
    network: Network,
    /// Shared doors that this scene has for itself.
    turns: Vec<OwnedSemaphorePermit>,
}

/// What lives on when a scene has ended: its parties, and who listens for them.
pub(crate) struct Ground {
    recorder: Recorder,
    opened: Instant,
    network: Network,
    changed: Notify,
    state: Mutex<State>,
    /// None once the run is over.
    tasks: Mutex<Option<JoinSet<()>>>,
    /// The scene has ended: simulated parties only listen.
    struck: AtomicBool,
}

#[derive(Default)]
struct State {
    places: Vec<Place>,
    names: BTreeMap<String, usize>,
    sockets: BTreeMap<SocketAddr, Arc<UdpSocket>>,
    socket_names: BTreeMap<SocketAddr, String>,
    residents: Vec<String>,
    doors: Vec<String>,
    exchanges: u64,
    waiting: BTreeMap<ExchangeId, (oneshot::Sender<Response>, Option<u64>)>,
    broken_off: Option<String>,
}

struct Place {
    name: String,
    actor: Box<dyn Actor>,
    resident: Option<Resident>,
    begun: Vec<u64>,
    alarm: u64,
}

struct Resident {
    factory: Factory,
    store: Store,
    skew: Duration,
    /// Where the store is since the first restart.
    files: Option<tempfile::TempDir>,
}

impl Drop for Live {
    fn drop(&mut self) {
        // A scene that was struck stays with the network until the run ends.
        if !self.ground.struck.load(Ordering::Relaxed) {
            drop(self.ground.take_tasks());
        }
    }
}

impl Live {
    pub(crate) fn new(network: Network, recorder: Recorder, pace: Pace) -> Self {
        let ground = Ground {
            recorder,
            opened: Instant::now(),
            network: network.clone(),
            changed: Notify::new(),
            state: Mutex::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
            struck: AtomicBool::new(false),
        };
        Self {
            ground: Arc::new(ground),
            pace,
            network,
            turns: Vec::new(),
        }
    }

    /// Ends the scene but for its doors.
    pub(crate) fn strike(&mut self) {
        self.ground.struck.store(true, Ordering::Relaxed);
        self.network.keep(Arc::clone(&self.ground));
        self.turns.clear();
    }

    /// Why the very first exchange of the scene found nobody, if so.
    pub(crate) fn broken_off(&self) -> Option<String> {
        self.ground.state().broken_off.take()
    }

    /// Sends a request that is no actor's.
    pub(crate) async fn call(&self, from: &str, request: Request) -> Result<Response, Fault> {
        let recorder = &self.ground.recorder;
        let length = request.body.len() as u64;
        let number = recorder.request(self.now(), from, None, &request, length);
        let outcome = self.network.fetch(request).await;
        recorder.outcome(self.now(), number, outcome.as_ref());
        outcome
    }

    /// Pulls a hook of a system that runs elsewhere; after a restart, waits until it answers.
    pub(crate) async fn pull(
        &self,
        call: &HookCall,
        hook: Hook,
        alive: &str,
        patience: Duration,
    ) -> Result<(), String> {
        pull(&self.network, call, hook, alive, patience).await
    }

    pub(crate) fn now(&self) -> Time {
        self.ground.now()
    }

    pub(crate) async fn listen(&mut self, name: &str) -> Result<String, String> {
        let opened = self.network.doors().open(&self.ground, name).await?;
        self.ground.state().doors.push(name.to_owned());
        self.turns.extend(opened.turn);
        Ok(opened.base)
    }

    pub(crate) async fn bind(&mut self, name: &str) -> Result<SocketAddr, String> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(|e| e.to_string())?;
        let address = socket.local_addr().map_err(|e| e.to_string())?;
        let socket = Arc::new(socket);
        {
            let mut state = self.ground.state();
            state.sockets.insert(address, Arc::clone(&socket));
            state.socket_names.insert(address, name.to_owned());
        }
        self.ground.spawn(receive(
            Arc::clone(&self.ground),
            socket,
            address,
            name.to_owned(),
        ));
        Ok(address)
    }

    pub(crate) fn enter(&mut self, name: &str, actor: Box<dyn Actor>) -> usize {
        self.ground.state().settle(name, actor, None)
    }

    pub(crate) fn host(&mut self, name: &str, factory: Factory) {
        let resident = Resident {
            store: Store::Memory(Records::new()),
            skew: Duration::ZERO,
            factory,
            files: None,
        };
        let actor = (resident.factory)();
        let mut state = self.ground.state();
        state.residents.push(name.to_owned());
        state.settle(name, actor, Some(resident));
    }

    pub(crate) fn hosts(&self, name: &str) -> bool {
        self.ground.state().residents.iter().any(|n| n == name)
    }

    /// A hosted system's time, and what it has in its store.
    pub(crate) fn stored(&self, name: &str) -> Result<(Time, Records), String> {
        let state = self.ground.state();
        let place = state.names.get(name).map(|place| &state.places[*place]);
        match place.and_then(|place| place.resident.as_ref()) {
            Some(resident) => match resident.store.records() {
                Ok(records) => Ok((self.ground.now() + resident.skew, records)),
                Err(error) => Err(error.to_string()),
            },
            None => Err(format!("{name} is not hosted here")),
        }
    }

    pub(crate) fn hook(&mut self, name: &str, hook: Hook) -> Result<(), String> {
        let mut state = self.ground.state();
        let place = state
            .names
            .get(name)
            .copied()
            .ok_or_else(|| format!("{name} is not hosted here"))?;
        let Some(resident) = &mut state.places[place].resident else {
            return Err(format!("{name} is not hosted here"));
        };
        match hook {
            Hook::AdvanceClock(span) => {
                resident.skew += span;
                self.ground.stimulate(&mut state, place, Stimulus::Wake);
            }
            Hook::Restart => {
                let files = match resident.files.take() {
                    Some(files) => files,
                    None => tempfile::tempdir().map_err(|e| format!("no temporary file: {e}"))?,
                };
                let path = files.path().join("store.redb");
                resident.files = Some(files);
                let records = resident.store.restart(&path).map_err(|e| e.to_string())?;
                let actor = (resident.factory)();
                state.places[place].actor = actor;
                self.ground
                    .stimulate(&mut state, place, Stimulus::Restored(&records));
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
        let mut state = self.ground.state();
        state.places[place].begun.clear();
        let mut effects = Vec::new();
        let now = self.ground.now();
        Seat::<R>::of(&mut *state.places[place].actor).order(now, call, order, &mut effects);
        self.ground.apply(&mut state, place, effects);
    }

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
        self.until(patience, |state| {
            let answer = Seat::<R>::of(&mut *state.places[place].actor).take_answer(call)?;
            Some(Acted {
                answer,
                exchanges: state.places[place].begun.clone(),
            })
        })
        .await
    }

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
        self.until(limit, |state| {
            come(Seat::<R>::of(&mut *state.places[place].actor).role()).then_some(())
        })
        .await
        .is_some()
    }

    pub(crate) async fn rest(&mut self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    /// Asks again whenever something happened, at most for `limit`.
    async fn until<T>(
        &self,
        limit: Duration,
        mut ask: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let deadline = tokio::time::Instant::now() + limit.min(self.pace.timeout * 100);
        loop {
            let changed = self.ground.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(answer) = ask(&mut self.ground.state()) {
                return Some(answer);
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return ask(&mut self.ground.state());
            }
        }
    }
}

impl State {
    fn settle(&mut self, name: &str, actor: Box<dyn Actor>, resident: Option<Resident>) -> usize {
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
    fn now(&self) -> Time {
        Time::ZERO + self.opened.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
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

    /// Runs a task until the run ends; after that, nothing is begun.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = tasks.as_mut() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    fn take_tasks(&self) -> Option<JoinSet<()>> {
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

    fn time_of(&self, place: &Place) -> Time {
        self.now()
            + place
                .resident
                .as_ref()
                .map_or(Duration::ZERO, |resident| resident.skew)
    }

    fn stimulate(self: &Arc<Self>, state: &mut State, place: usize, stimulus: Stimulus<'_>) {
        let mut effects = Vec::new();
        let now = self.time_of(&state.places[place]);
        state.places[place]
            .actor
            .stimulate(now, stimulus, &mut effects);
        self.apply(state, place, effects);
    }

    fn apply(self: &Arc<Self>, state: &mut State, place: usize, effects: Vec<Effect>) {
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
        let receiver = state.socket_names.get(&to).cloned();
        if state.places[place].resident.is_none() {
            self.recorder.write(
                self.now(),
                What::Datagram {
                    from: state.places[place].name.clone(),
                    to: receiver.unwrap_or_else(|| to.to_string()),
                    bytes: Body::new(&bytes, bytes.len() as u64),
                },
            );
        }
        if let Some(socket) = state.sockets.get(&at).cloned() {
            // A datagram that the kernel does not take is a datagram that was lost.
            self.spawn(async move { drop(socket.send_to(&bytes, to).await) });
        }
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
        self.spawn(async move {
            let outcome = ground.network.fetch(request).await;
            let mut state = ground.state();
            if let (Some(1), Err(Fault::Unreachable(why) | Fault::Broken(why))) =
                (recorded, &outcome)
            {
                state.broken_off = Some(why.clone());
            }
            if let Some(number) = recorded {
                ground
                    .recorder
                    .outcome(ground.now(), number, outcome.as_ref());
            }
            ground.stimulate(
                &mut state,
                place,
                Stimulus::Response {
                    exchange,
                    outcome: outcome.as_ref(),
                },
            );
        });
    }
}

async fn receive(ground: Arc<Ground>, socket: Arc<UdpSocket>, at: SocketAddr, name: String) {
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let bytes = &buffer[..length];
        let mut state = ground.state();
        let Some(place) = state.names.get(&name).copied() else {
            continue;
        };
        let sender = state.socket_names.get(&from).cloned();
        let from_party = sender
            .as_ref()
            .and_then(|n| state.names.get(n))
            .is_some_and(|p| state.places[*p].resident.is_none());
        if state.places[place].resident.is_none() && !from_party {
            ground.recorder.write(
                ground.now(),
                What::Datagram {
                    from: sender.unwrap_or_else(|| from.to_string()),
                    to: name.clone(),
                    bytes: Body::new(bytes, bytes.len() as u64),
                },
            );
        }
        ground.stimulate(&mut state, place, Stimulus::Datagram { at, from, bytes });
    }
}

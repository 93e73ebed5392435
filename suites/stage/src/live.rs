//! The live stage: sockets, HTTP and the clock on the wall.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use twinproof_evidence::record::{Body, What};
use twinproof_kernel::hook::Hook;
use twinproof_kernel::http::{BODY_LIMIT, Fault, Headers, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Records, Role, Time};

use crate::actor::{Actor, Effect, Factory, Seat, Stimulus};
use crate::recorder::Recorder;
use crate::stage::{Acted, Pace};
use crate::store::Store;

/// How requests reach real systems. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Network {
    client: reqwest::Client,
}

impl Network {
    /// A network on which one exchange may take `timeout`.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub fn new(timeout: Duration) -> Result<Self, String> {
        // A second installation is refused and changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        // Redirects would let a system answer for another; a proxy would answer for the system.
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(timeout)
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { client })
    }
}

pub(crate) struct Live {
    ground: Arc<Ground>,
    pace: Pace,
}

struct Ground {
    recorder: Recorder,
    opened: Instant,
    client: reqwest::Client,
    changed: Notify,
    state: Mutex<State>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct State {
    places: Vec<Place>,
    names: BTreeMap<String, usize>,
    sockets: BTreeMap<SocketAddr, Arc<UdpSocket>>,
    socket_names: BTreeMap<SocketAddr, String>,
    residents: Vec<String>,
    exchanges: u64,
    waiting: BTreeMap<ExchangeId, (oneshot::Sender<Response>, Option<u64>)>,
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
    _files: tempfile::TempDir,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.ground
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }
}

impl Live {
    pub(crate) fn new(network: Network, recorder: Recorder, pace: Pace) -> Self {
        let ground = Ground {
            recorder,
            opened: Instant::now(),
            client: network.client,
            changed: Notify::new(),
            state: Mutex::default(),
            tasks: Mutex::default(),
        };
        Self {
            ground: Arc::new(ground),
            pace,
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.ground.now()
    }

    pub(crate) async fn listen(&mut self, name: &str) -> Result<String, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(|e| e.to_string())?;
        let authority = listener
            .local_addr()
            .map_err(|e| e.to_string())?
            .to_string();
        self.ground.recorder.name_authority(&authority, name);
        let (ground, name) = (Arc::clone(&self.ground), name.to_owned());
        let base = format!("http://{authority}");
        self.ground
            .spawn(accept(ground, listener, name, base.clone()));
        Ok(base)
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
        let files =
            tempfile::tempdir().expect("the system's temporary directory can be written to");
        let store =
            Store::open(&files.path().join("store.redb")).expect("a new database can be created");
        let resident = Resident {
            store,
            skew: Duration::ZERO,
            factory,
            _files: files,
        };
        let actor = (resident.factory)();
        let mut state = self.ground.state();
        state.residents.push(name.to_owned());
        state.settle(name, actor, Some(resident));
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
                let records: Records = resident.store.records().map_err(|e| e.to_string())?;
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
        seat::<R>(&mut state.places[place]).order(now, call, order, &mut effects);
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
            let answer = seat::<R>(&mut state.places[place]).take_answer(call)?;
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
            come(seat::<R>(&mut state.places[place]).role()).then_some(())
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

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
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
        let recorded = state.places[place].resident.is_none().then(|| {
            let number =
                self.recorder
                    .request(self.now(), &state.places[place].name, None, &request);
            state.places[place].begun.push(number);
            number
        });
        let ground = Arc::clone(self);
        self.spawn(async move {
            let outcome = fetch(&ground.client, request).await;
            let mut state = ground.state();
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

fn seat<R>(place: &mut Place) -> &mut Seat<R>
where
    R: Role + Send + 'static,
    R::Shared: Send + Sync,
    R::Order: 'static,
    R::Answer: Send,
{
    place
        .actor
        .as_any_mut()
        .downcast_mut()
        .expect("a handle is made with the seat that it names")
}

async fn fetch(client: &reqwest::Client, request: Request) -> Result<Response, Fault> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes())
        .map_err(|e| Fault::Unreachable(format!("method {:?}: {e}", request.method)))?;
    let mut building = client.request(method, &request.url);
    for (name, value) in request.headers.iter() {
        building = building.header(name, value);
    }
    if !request.body.is_empty() {
        building = building.body(request.body);
    }
    let mut received = building.send().await.map_err(fault)?;
    let mut response = Response::new(received.status().as_u16());
    response.headers = headers(received.headers());
    while let Some(chunk) = received.chunk().await.map_err(fault)? {
        response.length += chunk.len() as u64;
        let room = BODY_LIMIT - response.body.len();
        response
            .body
            .extend_from_slice(&chunk[..chunk.len().min(room)]);
        if response.length > BODY_LIMIT as u64 {
            let announced = received.content_length().unwrap_or(0);
            response.length = response.length.max(announced);
            break;
        }
    }
    Ok(response)
}

fn headers(map: &hyper::HeaderMap) -> Headers {
    map.iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

fn fault(error: reqwest::Error) -> Fault {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        why = inner.to_string();
        source = inner.source();
    }
    if error.is_timeout() {
        Fault::TimedOut
    } else if error.is_connect() {
        Fault::Unreachable(why)
    } else {
        Fault::Broken(why)
    }
}

async fn accept(ground: Arc<Ground>, listener: TcpListener, name: String, base: String) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (inner, name, base) = (Arc::clone(&ground), name.clone(), base.clone());
        ground.spawn(async move {
            let service = service_fn(move |request| {
                answer(Arc::clone(&inner), name.clone(), base.clone(), request)
            });
            // A peer that breaks off is what scenarios are about, not an error of ours.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn answer(
    ground: Arc<Ground>,
    name: String,
    base: String,
    incoming: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, hyper::Error> {
    let (head, mut body) = incoming.into_parts();
    let mut request = Request::new(
        head.method.as_str(),
        head.uri.path_and_query().map_or("/", |p| p.as_str()),
    );
    request.headers = headers(&head.headers);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            let room = BODY_LIMIT - request.body.len();
            request
                .body
                .extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    let (sender, receiver) = oneshot::channel();
    {
        let mut state = ground.state();
        if let Some(place) = state.names.get(&name).copied() {
            state.exchanges += 1;
            let exchange = ExchangeId(state.exchanges);
            let recorded = state.places[place].resident.is_none().then(|| {
                let from = state
                    .residents
                    .first()
                    .cloned()
                    .unwrap_or_else(|| "sut".to_owned());
                let absolute = Request {
                    url: format!("{base}{}", request.url),
                    ..request.clone()
                };
                ground
                    .recorder
                    .request(ground.now(), &from, Some(&name), &absolute)
            });
            state.waiting.insert(exchange, (sender, recorded));
            ground.stimulate(
                &mut state,
                place,
                Stimulus::Request {
                    exchange,
                    request: &request,
                },
            );
        }
    }
    let response = receiver.await.unwrap_or_else(|_| Response::new(503));
    let mut out = hyper::Response::builder().status(response.status);
    for (name, value) in response.headers.iter() {
        out = out.header(name, value);
    }
    let body = Full::new(Bytes::from(response.body));
    Ok(out
        .body(body)
        .unwrap_or_else(|_| hyper::Response::new(Full::new(Bytes::new()))))
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

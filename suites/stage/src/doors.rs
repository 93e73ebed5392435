//! Where requests of real systems arrive.
//!
//! An actor has a free loopback port of its own, or, where the profile fixes the address, a first
//! path segment at a door that the whole run shares: so a late callback finds the scene that it
//! belongs to. The peer operator's address is fixed at the system, and so are those of others that the profile
//! names: one scene at a time has such a one.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use twinproof_evidence::record::Turn;
use twinproof_kernel::http::{BODY_LIMIT, Request, Response};

use crate::certificates::{Certificate, Shows};
use crate::live::Ground;
use crate::network::{PEER, Place, headers};
use crate::recorder::authority;
use crate::tls;

/// How long a caller may take for its TLS handshake, so that nobody holds a door for good.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// All doors of a run.
pub(crate) struct Doors {
    callbacks: Option<Arc<Door>>,
    peer: Option<Arc<Door>>,
    tls: Option<TlsAcceptor>,
    ports: BTreeMap<String, SocketAddr>,
    /// The doors at those addresses that somebody has opened.
    fixed: Mutex<BTreeMap<String, Arc<Door>>>,
    tasks: Mutex<JoinSet<()>>,
}

/// A fixed address.
pub(crate) struct Door {
    listener: Mutex<Option<std::net::TcpListener>>,
    base: String,
    /// By first path segment; the peer's door has one under the empty name.
    guests: Mutex<BTreeMap<String, Guest>>,
    /// What is shown at it alone, whatever is shown at others.
    shown: Mutex<Option<Guard>>,
    /// Who wants the whole door for itself waits here.
    turn: Arc<Semaphore>,
}

/// An actor that requests reach.
#[derive(Clone)]
pub(crate) struct Guest {
    ground: Weak<Ground>,
    name: String,
    /// What stands in front of the path that the actor sees.
    base: String,
}

/// An open door. A shared one that was taken whole is given back when this is dropped.
pub(crate) struct Opened {
    pub(crate) base: String,
    pub(crate) turn: Option<OwnedSemaphorePermit>,
}

/// TLS at a door.
#[derive(Clone)]
struct Guard {
    tls: TlsAcceptor,
    /// Whoever is told of handshakes at it, and what it shows.
    watch: Option<(Guest, Certificate)>,
}

type Find = Arc<dyn Fn(&str) -> Option<(Guest, String)> + Send + Sync>;

/// Who answers at a door.
#[derive(Clone)]
enum Host {
    /// Actors, by what somebody asks for.
    Actors(Find),
    /// Whoever takes the visits, of which each may bring so many octets.
    Desk(mpsc::UnboundedSender<Visit>, usize),
}

/// A request that waits for its response.
#[derive(Debug)]
pub struct Visit {
    /// What somebody wants: its URL is a path.
    pub request: Request,
    response: oneshot::Sender<Response>,
}

impl Visit {
    /// Responds.
    pub fn respond(self, response: Response) {
        // Who has gone meanwhile wants nothing any more.
        drop(self.response.send(response));
    }
}

/// An address that is had and where nobody answers yet, for those who are no actors on a stage.
pub struct Entrance {
    listener: std::net::TcpListener,
    guard: Option<Guard>,
    base: String,
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance")
            .field("base", &self.base)
            .finish()
    }
}

impl Entrance {
    /// Its URL, without a path.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Begins to take visits, of which each may bring so many octets; what is more is cut off. Ends with the runtime that
    /// this is called on.
    ///
    /// # Errors
    ///
    /// The runtime does not take the socket.
    pub fn open(self, room: usize) -> Result<mpsc::UnboundedReceiver<Visit>, String> {
        let listener = TcpListener::from_std(self.listener).map_err(|e| e.to_string())?;
        let guards: Guards = Arc::new(move || self.guard.clone());
        let (desk, visits) = mpsc::unbounded_channel();
        tokio::spawn(accept(listener, guards, Host::Desk(desk, room)));
        Ok(visits)
    }
}

/// What is shown to whoever comes now.
type Guards = Arc<dyn Fn() -> Option<Guard> + Send + Sync>;

impl Door {
    /// Binds the address; nobody answers there yet.
    pub(crate) fn bind(place: &Place, secure: bool, key: &str) -> Result<Self, String> {
        let fail = |e: std::io::Error| {
            format!(
                "{key}: expected an address and a free port such as 127.0.0.1:8090, got {:?}: {e}",
                place.listen
            )
        };
        let listener = std::net::TcpListener::bind(&place.listen).map_err(fail)?;
        Self::at(listener, place.advertise.as_deref(), secure).map_err(fail)
    }

    fn at(
        listener: std::net::TcpListener,
        advertise: Option<&str>,
        secure: bool,
    ) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let scheme = if secure { "https" } else { "http" };
        let local = listener.local_addr()?;
        let base = advertise.map_or_else(|| format!("{scheme}://{local}"), str::to_owned);
        Ok(Self {
            listener: Mutex::new(Some(listener)),
            base: base.trim_end_matches('/').to_owned(),
            guests: Mutex::default(),
            shown: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    /// What stands in front of the paths that its actor sees.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// From now on something else is shown at a door that was opened for that.
    pub(crate) fn show(&self, (certificate, tls): (Certificate, Arc<rustls::ServerConfig>)) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guard) = &mut *shown {
            guard.tls = TlsAcceptor::from(tls);
            if let Some((_, now)) = &mut guard.watch {
                *now = certificate;
            }
        }
    }

    fn guard(&self) -> Option<Guard> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.clone()
    }

    fn admit(&self, segment: String, guest: Guest) {
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        guests.insert(segment, guest);
    }

    /// Who is meant by a path, and the path that it sees.
    fn find(&self, path: &str) -> Option<(Guest, String)> {
        let guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guest) = guests.get("") {
            return Some((guest.clone(), path.to_owned()));
        }
        let rest = path.strip_prefix('/')?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let guest = guests.get(&rest[..end])?;
        let inner = &rest[end..];
        let inner = if inner.starts_with('/') {
            inner.to_owned()
        } else {
            format!("/{inner}")
        };
        Some((guest.clone(), inner))
    }
}

impl Doors {
    pub(crate) fn new(
        callbacks: Option<Door>,
        peer: Option<Door>,
        tls: Option<Arc<rustls::ServerConfig>>,
        ports: BTreeMap<String, SocketAddr>,
    ) -> Self {
        Self {
            callbacks: callbacks.map(Arc::new),
            peer: peer.map(Arc::new),
            tls: tls.map(TlsAcceptor::from),
            ports,
            fixed: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    /// Opens a door for an actor.
    pub(crate) async fn open(&self, ground: &Arc<Ground>, name: &str) -> Result<Opened, String> {
        // An address that the profile has for this one alone goes before the one that all others share.
        if let Some(address) = self.ports.get(name) {
            let door = self.fixed(name, *address, None)?;
            return self.open_whole(ground, name, &door).await;
        }
        match (name, &self.peer, &self.callbacks) {
            (PEER, Some(door), _) => self.open_whole(ground, name, door).await,
            (_, _, Some(door)) => {
                let segment = ground.segment(name);
                let base = format!("{}/{segment}", door.base);
                let guest = Guest {
                    ground: Arc::downgrade(ground),
                    name: name.to_owned(),
                    base: base.clone(),
                };
                door.admit(segment, guest);
                self.attend(door)?;
                Ok(Opened { base, turn: None })
            }
            _ => self.open_own(ground, name).await,
        }
    }

    /// The door that the actor of this name has in each scene.
    fn fixed(
        &self,
        name: &str,
        address: SocketAddr,
        advertise: Option<&str>,
    ) -> Result<Arc<Door>, String> {
        let mut fixed = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(door) = fixed.get(name) {
            return Ok(Arc::clone(door));
        }
        let listener = std::net::TcpListener::bind(address);
        let door = listener.and_then(|listener| Door::at(listener, advertise, self.tls.is_some()));
        let door = Arc::new(door.map_err(|e| format!("{address}: {e}"))?);
        fixed.insert(name.to_owned(), Arc::clone(&door));
        Ok(door)
    }

    /// Opens a door for an actor that has all of it as long as its scene lasts.
    async fn open_whole(
        &self,
        ground: &Arc<Ground>,
        name: &str,
        door: &Arc<Door>,
    ) -> Result<Opened, String> {
        let turn = Arc::clone(&door.turn).acquire_owned().await;
        let guest = Guest {
            ground: Arc::downgrade(ground),
            name: name.to_owned(),
            base: door.base.clone(),
        };
        let recorder = ground.recorder();
        recorder.name_authority(authority(&door.base), name);
        door.admit(String::new(), guest);
        self.attend(door)?;
        Ok(Opened {
            base: door.base.clone(),
            turn: turn.ok(),
        })
    }

    async fn open_own(&self, ground: &Arc<Ground>, name: &str) -> Result<Opened, String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address)
            .await
            .map_err(|e| format!("{address}: {e}"))?;
        let authority = listener
            .local_addr()
            .map_err(|e| e.to_string())?
            .to_string();
        ground.recorder().name_authority(&authority, name);
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{authority}");
        self.welcome(ground, name, (listener, base.clone()), self.guard());
        Ok(Opened { base, turn: None })
    }

    /// Takes an address, or a free port of the loopback, for somebody who is no actor.
    pub(crate) fn entrance(&self, address: Option<SocketAddr>) -> Result<Entrance, String> {
        let address = address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let bound = std::net::TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let local = listener.local_addr()?;
            Ok((listener, local))
        });
        let (listener, local) = bound.map_err(|e| format!("{address}: {e}"))?;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(Entrance {
            listener,
            guard: self.guard(),
            base: format!("{scheme}://{local}"),
        })
    }

    fn guard(&self) -> Option<Guard> {
        let tls = self.tls.clone()?;
        Some(Guard { tls, watch: None })
    }

    /// Opens a door for an actor at which this is shown, whatever is shown at others: at its fixed address, if the
    /// profile has one.
    pub(crate) async fn open_shown(
        &self,
        ground: &Arc<Ground>,
        name: &str,
        (shows, certificate, tls): (&Shows, Certificate, Arc<rustls::ServerConfig>),
    ) -> Result<(Arc<Door>, Option<OwnedSemaphorePermit>), String> {
        let base = |port| match shows.host.contains(':') {
            true => format!("https://[{}]:{port}", shows.host),
            false => format!("https://{}:{port}", shows.host),
        };
        let fixed = self.ports.get(name);
        let (door, turn) = match fixed {
            Some(address) => {
                let door = self.fixed(name, *address, Some(&base(address.port())))?;
                let turn = Arc::clone(&door.turn).acquire_owned().await;
                (door, turn.ok())
            }
            None => {
                let address = SocketAddr::from((shows.listen, 0));
                let door = std::net::TcpListener::bind(address).and_then(|listener| {
                    let port = listener.local_addr()?.port();
                    Door::at(listener, Some(&base(port)), true)
                });
                (Arc::new(door.map_err(|e| format!("{address}: {e}"))?), None)
            }
        };
        ground
            .recorder()
            .name_authority(authority(&door.base), name);
        let guest = Guest {
            ground: Arc::downgrade(ground),
            name: name.to_owned(),
            base: door.base.clone(),
        };
        *door.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(Guard {
            tls: TlsAcceptor::from(tls),
            watch: Some((guest.clone(), certificate)),
        });
        door.admit(String::new(), guest);
        match fixed {
            Some(_) => self.attend(&door)?,
            None => {
                if let Some(attendance) = self.attendance(&door)? {
                    ground.spawn(attendance);
                }
            }
        }
        Ok((door, turn))
    }

    /// Lets in at an actor's own door whoever comes there.
    fn welcome(
        &self,
        ground: &Arc<Ground>,
        name: &str,
        (listener, base): (TcpListener, String),
        guard: Option<Guard>,
    ) {
        let guest = Guest {
            ground: Arc::downgrade(ground),
            name: name.to_owned(),
            base,
        };
        let find: Find = Arc::new(move |path| Some((guest.clone(), path.to_owned())));
        let guards: Guards = Arc::new(move || guard.clone());
        ground.spawn(accept(listener, guards, Host::Actors(find)));
    }

    /// Begins to answer at a fixed address, once.
    fn attend(&self, door: &Arc<Door>) -> Result<(), String> {
        if let Some(attendance) = self.attendance(door)? {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.spawn(attendance);
        }
        Ok(())
    }

    /// What answers at a door; none if something does already.
    fn attendance(
        &self,
        door: &Arc<Door>,
    ) -> Result<Option<impl Future<Output = ()> + Send + use<>>, String> {
        let listener = door.listener.lock();
        let Some(listener) = listener.unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(None);
        };
        let listener = TcpListener::from_std(listener).map_err(|e| e.to_string())?;
        let (here, usual) = (Arc::clone(door), self.guard());
        let guards: Guards = Arc::new(move || here.guard().or_else(|| usual.clone()));
        let door = Arc::clone(door);
        let find: Find = Arc::new(move |path| door.find(path));
        Ok(Some(accept(listener, guards, Host::Actors(find))))
    }
}

impl Guard {
    fn tells(&self, turn: impl FnOnce() -> Turn) {
        let Some((watch, _)) = &self.watch else {
            return;
        };
        if let Some(ground) = watch.ground.upgrade() {
            ground.met(&watch.name, turn());
        }
    }

    /// Whether something else is shown by now: then whoever is told of handshakes is told of that.
    fn is_late(&self, guards: &Guards) -> bool {
        let Some((_, shown)) = self.watch else {
            return false;
        };
        let same = guards().is_some_and(|now| Arc::ptr_eq(now.tls.config(), self.tls.config()));
        if !same {
            self.tells(|| tls::too_late(shown));
        }
        !same
    }
}

async fn accept(listener: TcpListener, guards: Guards, host: Host) {
    let mut callers = JoinSet::new();
    loop {
        while callers.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: give those that are there time to go.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (guard, guards, host) = (guards(), Arc::clone(&guards), host.clone());
        callers.spawn(async move {
            match guard {
                None => serve(stream, host, None).await,
                Some(guard) => guard.welcome(stream, host, guards).await,
            }
        });
    }
}

impl Guard {
    /// Shakes hands with a caller, and lets it in.
    async fn welcome(self, stream: TcpStream, host: Host, guards: Guards) {
        self.tells(|| Turn::Begun {
            ours: false,
            attempt: 1,
        });
        let shaken = async {
            match speaks_http(&stream).await {
                true => None,
                false => Some(self.tls.accept(stream).await),
            }
        };
        let shaken = tokio::time::timeout(HANDSHAKE, shaken).await;
        let Some(shaken) = shaken.unwrap_or_else(|late| Some(Err(late.into()))) else {
            self.tells(tls::in_the_clear);
            return;
        };
        self.tells(|| tls::turn(shaken.as_ref().map(drop).map_err(|e| e as _)));
        if let Ok(stream) = shaken {
            serve(stream, host, Some((Arc::new(self), guards))).await;
        }
    }
}

/// Whether a caller begins with the name of a method, where a record of TLS would be.
async fn speaks_http(stream: &TcpStream) -> bool {
    let mut first = [0];
    let peeked = stream.peek(&mut first).await;
    peeked.is_ok_and(|length| length == 1) && first[0].is_ascii_uppercase()
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: Host,
    guarded: Option<(Arc<Guard>, Guards)>,
) {
    // Who comes again is shown again what there is: another certificate, perhaps.
    let keeps = guarded
        .as_ref()
        .is_none_or(|(guard, _)| guard.watch.is_none());
    let service = service_fn(move |request| answer(host.clone(), guarded.clone(), request));
    // A peer that breaks off is what scenarios are about, not an error of ours.
    drop(
        hyper::server::conn::http1::Builder::new()
            .keep_alive(keeps)
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(
    host: Host,
    guarded: Option<(Arc<Guard>, Guards)>,
    incoming: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, hyper::Error> {
    let path = incoming.uri().path_and_query();
    let path = path.map_or("/", |p| p.as_str()).to_owned();
    let (find, desk, room) = match &host {
        Host::Actors(find) => (Some(find), None, BODY_LIMIT),
        Host::Desk(desk, room) => (None, Some(desk), *room),
    };
    let found = find.and_then(|find| {
        let (guest, path) = find(&path)?;
        Some((guest.ground.upgrade()?, guest, path))
    });
    let path = match (&found, desk) {
        (Some((_, _, path)), _) => path,
        (None, Some(_)) => &path,
        (None, None) => return Ok(plain(Response::new(404))),
    };
    let (request, length) = read(incoming, path, room).await?;
    if guarded.is_some_and(|(guard, guards)| guard.is_late(&guards)) {
        return Ok(plain(Response::new(503)));
    }
    let response = match (found, desk) {
        (Some((ground, guest, _)), _) => {
            let received = ground.receive_request(&guest.name, &guest.base, request, length);
            received.await
        }
        (None, Some(desk)) => {
            let (response, responded) = oneshot::channel();
            // Where nobody takes visits any more, nobody responds either.
            drop(desk.send(Visit { request, response }));
            let responded = responded.await;
            responded.unwrap_or_else(|_| Response::new(503))
        }
        (None, None) => Response::new(404),
    };
    Ok(plain(response))
}

/// Reads a request to a path, up to so many octets of its body; and how many there were.
async fn read(
    incoming: hyper::Request<Incoming>,
    path: &str,
    room: usize,
) -> Result<(Request, u64), hyper::Error> {
    let (head, mut body) = incoming.into_parts();
    let mut request = Request::new(head.method.as_str(), path);
    request.headers = headers(&head.headers);
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            length += data.len() as u64;
            let left = room - request.body.len();
            request
                .body
                .extend_from_slice(&data[..data.len().min(left)]);
        }
        if length > room as u64 {
            break;
        }
    }
    Ok((request, length))
}

fn plain(response: Response) -> hyper::Response<Full<Bytes>> {
    let mut out = hyper::Response::builder().status(response.status);
    for (name, value) in response.headers.iter() {
        out = out.header(name, value);
    }
    out.body(Full::new(Bytes::from(response.body)))
        .unwrap_or_else(|_| {
            let mut broken = hyper::Response::new(Full::new(Bytes::new()));
            *broken.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
            broken
        })
}

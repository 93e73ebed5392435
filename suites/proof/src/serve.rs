//! The built-in system alone, for whoever wants to talk to it, with hooks to pull over HTTP.
//!
//! | request to the control address | what it does |
//! |---|---|
//! | `POST /control/restart` | stops the system and starts it again |
//! | `POST /control/clock?seconds=N` | lets its clock jump forward |
//! | `GET /control/state` | counts what it holds that still has an effect, as JSON by kind |
//!
//! Several runs can judge it at the same time: each has subscribers and a partner operator of its own,
//! and a lock file keeps those apart that pull hooks.

mod api;
mod bootstrap;
mod dm;
mod gwmo;
mod lwm2m;
mod pairs;

pub use bootstrap::ServedBootstrap;
pub use dm::ServedDm;
pub use gwmo::ServedGwmo;
pub use lwm2m::ServedLwm2m;
pub use pairs::ServedPairs;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Mutex;
use twinproof_conformance::BuiltIn as _;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::profile::{Declared, HookSpec};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_kernel::hook::Hook;
use twinproof_stage::{Kind, Network, Options as NetworkOptions, Pace, Recorder, Stage};
use twinproof_twinning::enabler::census;
use twinproof_twinning::enabler::rules::Standard;

use crate::builtin::TwinningSystem;

/// How long somebody may take to say what is to be done.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the system listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// Where its hooks listen; port 0 is any free one.
    pub control: SocketAddr,
    /// Where it expects its first partner operator; the others are at the ports that follow, or at
    /// any free ones if the port is 0.
    pub peer: SocketAddr,
    /// How many runs can judge it at the same time, [`RUNS`] at most.
    pub runs: usize,
    /// The file at which those runs take turns.
    pub lock: Option<PathBuf>,
    /// What all chance comes from.
    pub seed: u64,
}

/// How many runs can judge one system at the same time.
pub const RUNS: usize = twinproof_reference::twinning::MAX_PARTNERS;

/// A system that answers as long as this lives.
pub struct Served {
    stage: Rc<Mutex<Stage>>,
    control: TcpListener,
    profiles: Vec<Declared>,
    /// Bound, so that nobody else is given these ports while no run is under way.
    _reserved: Vec<TcpSocket>,
}

impl Served {
    /// Starts the built-in system and its hooks. It takes whoever answers at a partner's address for
    /// that partner.
    ///
    /// # Errors
    ///
    /// An address cannot be had; the words name it.
    pub async fn start(options: &Options) -> Result<Self, String> {
        let control = TcpListener::bind(options.control)
            .await
            .map_err(|e| cannot_listen(options.control, &e))?;
        let hooks = control.local_addr().map_err(|e| e.to_string())?;
        let system = TwinningSystem::new(Arc::new(Standard));
        let pace = system.profile().profile.pace.clone();
        let pace = Pace {
            timeout: pace.timeout.duration(),
            settle: pace.settle.duration(),
        };
        let network = Network::open(&NetworkOptions {
            ports: BTreeMap::from([(SUT.to_owned(), options.listen)]),
            ..NetworkOptions::new(pace.timeout)
        })?;
        // Nobody is recorded: the system is a guest of its callers, not of a scenario.
        let recorder = Recorder::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
            Vec::new()
        });
        let mut stage = Stage::open(Kind::Live(network), recorder, pace);
        // The system calls its partners at fixed addresses; a run that judges it listens there.
        let mut peers = Vec::with_capacity(options.runs);
        let mut reserved = Vec::with_capacity(options.runs);
        for offset in (0..RUNS as u16).take(options.runs) {
            let mut address = options.peer;
            if address.port() != 0 {
                address.set_port(address.port().saturating_add(offset));
            }
            let (address, socket) = reserve(address).map_err(|e| cannot_listen(address, &e))?;
            peers.push(address);
            // Elsewhere than on Linux, what is bound cannot be bound by who is to listen.
            reserved.extend(cfg!(target_os = "linux").then_some(socket));
        }
        let origin = stage
            .listen(SUT)
            .await
            .map_err(|halted| halted.to_string())?;
        let partners: Vec<String> = peers.iter().map(|peer| format!("http://{peer}")).collect();
        let seed = Seed::new(options.seed);
        let mut profiles = system.host(&mut stage, seed, &origin, &partners);
        for (profile, peer) in profiles.iter_mut().zip(peers) {
            let harness = &mut profile.profile.harness;
            harness.peer_listen = Some(peer.to_string());
            harness.peer_advertise = None;
            harness.lock.clone_from(&options.lock);
            if let Some(twinning) = &mut profile.profile.twinning {
                let hook = |what: &str| {
                    Some(HookSpec::Http {
                        method: "POST".to_owned(),
                        url: format!("http://{hooks}/control/{what}"),
                        body: String::new(),
                    })
                };
                twinning.restart = hook("restart");
                twinning.advance_clock = hook("clock?seconds={seconds}");
            }
        }
        Ok(Self {
            stage: Rc::new(Mutex::new(stage)),
            control,
            profiles,
            _reserved: reserved,
        })
    }

    /// A profile for each run that is to judge the system where it is.
    pub fn profiles(&self) -> &[Declared] {
        &self.profiles
    }

    /// Answers at the control address until the future is dropped.
    pub async fn attend(&self) -> Infallible {
        attend(&self.control, |request| answer(&self.stage, request)).await
    }
}

/// Answers callers, with a status and a text for each, until the future is dropped.
async fn attend<F, A>(control: &TcpListener, answer: F) -> Infallible
where
    F: Fn(hyper::Request<Incoming>) -> A,
    A: Future<Output = (u16, String)>,
{
    let respond = &async |request| {
        let (status, text) = answer(request).await;
        let mut response = hyper::Response::new(Full::new(Bytes::from(text + "\n")));
        *response.status_mut() =
            hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        Ok::<_, Infallible>(response)
    };
    let mut callers = FuturesUnordered::new();
    loop {
        let accepted = tokio::select! {
            accepted = control.accept() => accepted,
            Some(()) = callers.next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            continue;
        };
        callers.push(async move {
            let serving = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service_fn(respond));
            // A caller that breaks off, or never says anything, wants nothing.
            drop(serving.await);
        });
    }
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> String {
    format!("cannot listen on {address}: {error}")
}

/// Binds an address at which somebody else is going to listen.
fn reserve(address: SocketAddr) -> std::io::Result<(SocketAddr, TcpSocket)> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok((socket.local_addr()?, socket))
}

/// The stage of a system that listens there. Nobody is recorded: the system is a guest of its callers, not of a
/// scenario.
///
/// # Errors
///
/// The address cannot be had; the words name it.
fn silent(listen: SocketAddr) -> Result<Stage, String> {
    let network = Network::open(&NetworkOptions {
        ports: [(SUT.to_owned(), listen)].into(),
        ..NetworkOptions::new(PATIENCE)
    })?;
    let pace = Pace {
        timeout: PATIENCE,
        settle: Duration::ZERO,
    };
    Ok(Stage::open(Kind::Live(network), Recorder::silent(), pace))
}

/// What somebody asks for at the control address.
enum Asked {
    Hook(Hook),
    State,
}

async fn answer(stage: &Mutex<Stage>, request: hyper::Request<Incoming>) -> (u16, String) {
    let mut stage = stage.lock().await;
    match asked(&request) {
        Ok(Asked::Hook(hook)) => match stage.hook(SUT, hook).await {
            Ok(()) => (200, format!("{hook}: done")),
            Err(halted) => (500, halted.to_string()),
        },
        Ok(Asked::State) => match stage.stored(SUT) {
            Ok((now, records)) => (200, serde_json::json!(census(&records, now)).to_string()),
            Err(why) => (500, why),
        },
        Err(refused) => refused,
    }
}

fn asked(request: &hyper::Request<Incoming>) -> Result<Asked, (u16, String)> {
    let (method, asked) = match request.uri().path() {
        "/control/restart" => ("POST", Asked::Hook(Hook::Restart)),
        "/control/clock" => {
            let query = request.uri().query().unwrap_or_default();
            let seconds = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("seconds="))
                .and_then(|seconds| seconds.parse().ok());
            let Some(seconds) = seconds else {
                let why = format!("expected /control/clock?seconds=N, got ?{query}");
                return Err((400, why));
            };
            let span = Duration::from_secs(seconds);
            ("POST", Asked::Hook(Hook::AdvanceClock(span)))
        }
        "/control/state" => ("GET", Asked::State),
        other => {
            let why =
                format!("expected /control/restart, /control/clock or /control/state, got {other}");
            return Err((404, why));
        }
    };
    if request.method() == method {
        Ok(asked)
    } else {
        Err((405, format!("expected {method}, got {}", request.method())))
    }
}

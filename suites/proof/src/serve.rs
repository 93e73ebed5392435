//! The built-in system alone, for whoever wants to talk to it, with hooks to pull over HTTP.
//!
//! | request to the control address | what it does |
//! |---|---|
//! | `POST /control/restart` | stops the system and starts it again |
//! | `POST /control/clock?seconds=N` | lets its clock jump forward |

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use twinproof_conformance::BuiltIn as _;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::profile::{Declared, HookSpec};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_kernel::hook::Hook;
use twinproof_stage::{Kind, Network, Options, Pace, Recorder, Stage};
use twinproof_twinning::enabler::rules::Standard;

use crate::builtin::TwinningSystem;

/// How long somebody may take to say what is to be done.
const PATIENCE: Duration = Duration::from_secs(10);

/// A system that answers as long as this lives.
pub struct Served {
    stage: Rc<Mutex<Stage>>,
    control: TcpListener,
    profile: Declared,
}

impl Served {
    /// Starts the built-in system at `listen` and its hooks at `control`; port 0 is any free one.
    /// It takes whoever answers at `peer` for its partner operator.
    ///
    /// # Errors
    ///
    /// An address cannot be had; the words name it.
    pub async fn start(
        listen: SocketAddr,
        control: SocketAddr,
        peer: SocketAddr,
        seed: u64,
    ) -> Result<Self, String> {
        let at = |address: SocketAddr| move |e| format!("cannot listen on {address}: {e}");
        let control = TcpListener::bind(control).await.map_err(at(control))?;
        let hooks = control.local_addr().map_err(|e| e.to_string())?;
        let system = TwinningSystem::new(Arc::new(Standard));
        let pace = system.profile().profile.pace.clone();
        let pace = Pace {
            timeout: pace.timeout.duration(),
            settle: pace.settle.duration(),
        };
        let network = Network::open(&Options {
            ports: BTreeMap::from([(SUT.to_owned(), listen)]),
            ..Options::new(pace.timeout)
        })?;
        // Nobody is recorded: the system is a guest of its callers, not of a scenario.
        let recorder = Recorder::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
            Vec::new()
        });
        let mut stage = Stage::open(Kind::Live(network), recorder, pace);
        // The system calls its partner at a fixed address; a run that judges it listens there.
        let peer = TcpListener::bind(peer)
            .await
            .and_then(|free| free.local_addr())
            .map_err(at(peer))?;
        let origin = stage
            .listen(SUT)
            .await
            .map_err(|halted| halted.to_string())?;
        let seed = Seed::new(seed);
        let mut profile = system.host(&mut stage, seed, &origin, &format!("http://{peer}"));
        profile.profile.harness.peer_listen = Some(peer.to_string());
        profile.profile.harness.peer_advertise = None;
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
        Ok(Self {
            stage: Rc::new(Mutex::new(stage)),
            control,
            profile,
        })
    }

    /// A profile with which the system can be judged where it is.
    pub const fn profile(&self) -> &Declared {
        &self.profile
    }

    /// Answers at the control address until the future is dropped.
    pub async fn attend(&self) -> Infallible {
        loop {
            let Ok((stream, _)) = self.control.accept().await else {
                continue;
            };
            let service = service_fn(|request| answer(Rc::clone(&self.stage), request));
            let serving = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // A caller that breaks off, or never says anything, wants nothing.
            drop(tokio::time::timeout(PATIENCE, serving).await);
        }
    }
}

async fn answer(
    stage: Rc<Mutex<Stage>>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let (status, text) = match hook(&request) {
        Ok(hook) => match stage.lock().await.hook(SUT, hook).await {
            Ok(()) => (200, format!("{hook}: done\n")),
            Err(halted) => (500, format!("{halted}\n")),
        },
        Err((status, why)) => (status, format!("{why}\n")),
    };
    let mut response = hyper::Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    Ok(response)
}

fn hook(request: &hyper::Request<Incoming>) -> Result<Hook, (u16, String)> {
    let hook = match request.uri().path() {
        "/control/restart" => Hook::Restart,
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
            Hook::AdvanceClock(Duration::from_secs(seconds))
        }
        other => {
            let why = format!("expected /control/restart or /control/clock, got {other}");
            return Err((404, why));
        }
    };
    if request.method() == hyper::Method::POST {
        Ok(hook)
    } else {
        Err((405, format!("expected POST, got {}", request.method())))
    }
}

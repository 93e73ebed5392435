//! The built-in gateway alone, and its hooks.
//!
//! | request to the control address | what it does |
//! |---|---|
//! | `POST /control/restart` | stops the gateway and starts it again |
//! | `POST /control/reset` | the same, and it knows nothing any more but its accounts and their nonces |
//! | `POST /control/clock?seconds=N` | lets its clock jump forward |

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Mutex;
use twinproof_conformance::BuiltIn as _;
use twinproof_gwmo::gateway::Mode;
use twinproof_judge::profile::{Declared, HookSpec};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_kernel::hook::Hook;
use twinproof_stage::{AuthorityFiles, Shows, Stage};

use super::{Asked, asked, attend, cannot_listen, reserve, silent};
use crate::gwmo::GatewaySystem;

/// How many devices a served gateway has where it is about many.
const MANY: usize = 30;

/// A gateway that answers as long as this lives.
pub struct ServedGwmo {
    stage: Rc<Mutex<Stage>>,
    set_back: Arc<AtomicBool>,
    control: TcpListener,
    profile: Declared,
    /// Bound, so that nobody else is given these ports while no run is under way.
    _reserved: Vec<TcpSocket>,
}

impl ServedGwmo {
    /// Starts the built-in gateway at `listen`, its hooks at `control`, and lets it expect its server at `peer`.
    ///
    /// # Errors
    ///
    /// An address cannot be had; the words name it.
    pub async fn start(
        places: (SocketAddr, SocketAddr, SocketAddr),
        seed: u64,
    ) -> Result<Self, String> {
        let system = GatewaySystem::standard().with_many(MANY);
        Self::start_as(&system, places, seed).await
    }

    /// The same with an authority that is kept in these files, which are made where neither is there: it trusts
    /// whom that signs, and so has an account that leads to HTTPS.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and a file cannot be read or written.
    pub async fn start_trusting(
        authority: &AuthorityFiles,
        places: (SocketAddr, SocketAddr, SocketAddr),
        seed: u64,
    ) -> Result<Self, String> {
        let system = GatewaySystem::standard().with_many(MANY);
        Self::begin(&system, places, seed, Some(authority)).await
    }

    /// Starts this gateway there.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_as(
        system: &GatewaySystem,
        places: (SocketAddr, SocketAddr, SocketAddr),
        seed: u64,
    ) -> Result<Self, String> {
        Self::begin(system, places, seed, None).await
    }

    async fn begin(
        system: &GatewaySystem,
        (listen, control, peer): (SocketAddr, SocketAddr, SocketAddr),
        seed: u64,
        authority: Option<&AuthorityFiles>,
    ) -> Result<Self, String> {
        let bound = TcpListener::bind(control).await;
        let control = bound.map_err(|error| cannot_listen(control, &error))?;
        let hooks = control.local_addr().map_err(|error| error.to_string())?;
        let mut declared = system.profile().clone();
        let (places, reserved) = reserve_places(&mut declared, peer, authority)?;
        let mut stage = silent(listen)?;
        if let Some(files) = authority {
            let host = peer.ip().to_string();
            stage.certify_by(Shows::of("gwmo.https", files, &host, peer.ip())?);
        }
        let set_back = Arc::<AtomicBool>::default();
        let beside = (places, Arc::clone(&set_back));
        let placed = system.host(&mut stage, Seed::new(seed), &mut declared, beside);
        placed.await.map_err(|halted| halted.to_string())?;
        if let Some(section) = &mut declared.profile.gwmo {
            let hook = |what: &str| {
                Some(HookSpec::Http {
                    method: "POST".to_owned(),
                    url: format!("http://{hooks}/control/{what}"),
                    body: String::new(),
                })
            };
            section.restart = hook("restart");
            section.reset = hook("reset");
            section.advance_clock = hook("clock?seconds={seconds}");
        }
        Ok(Self {
            stage: Rc::new(Mutex::new(stage)),
            set_back,
            control,
            profile: declared,
            _reserved: reserved,
        })
    }

    /// The profile of the gateway where it is.
    pub fn profile(&self) -> &Declared {
        &self.profile
    }

    /// Answers at the control address until the future is dropped.
    pub async fn attend(&self) -> Infallible {
        attend(&self.control, |request| self.answer(request)).await
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> (u16, String) {
        let resets = request.uri().path() == "/control/reset";
        let hook = match (resets, request.method() == hyper::Method::POST) {
            (true, true) => Hook::Restart,
            (true, false) => return (405, format!("expected POST, got {}", request.method())),
            (false, _) => match asked(&request) {
                Ok(Asked::Hook(hook)) => hook,
                Ok(Asked::State) => {
                    let why = "expected /control/restart, /control/reset or /control/clock";
                    return (404, format!("{why}, got /control/state"));
                }
                Err(refused) => return refused,
            },
        };
        let mut stage = self.stage.lock().await;
        self.set_back.store(resets, Ordering::Relaxed);
        match stage.hook(SUT, hook).await {
            Ok(()) if resets => (200, "reset: done".to_owned()),
            Ok(()) => (200, format!("{hook}: done")),
            Err(halted) => (500, halted.to_string()),
        }
    }
}

/// Takes an address for everybody whom a run plays, and writes all of them into the profile. Returns where devices
/// take notifications.
fn reserve_places(
    declared: &mut Declared,
    peer: SocketAddr,
    authority: Option<&AuthorityFiles>,
) -> Result<(Vec<String>, Vec<TcpSocket>), String> {
    let mut reserved = Vec::new();
    let mut take = |address: SocketAddr| {
        let (address, socket) = reserve(address).map_err(|e| cannot_listen(address, &e))?;
        // Elsewhere than on Linux, what is bound cannot be bound by who is to listen.
        reserved.extend(cfg!(target_os = "linux").then_some(socket));
        Ok::<_, String>(address.to_string())
    };
    let any = SocketAddr::new(peer.ip(), 0);
    let server = take(peer)?;
    let mut places = Vec::new();
    if let Some(section) = &mut declared.profile.gwmo {
        section.server = Some(format!("http://{server}/dm"));
        // Without files that both know, there is nobody whom both trust.
        section.https.take_if(|_| authority.is_none());
        if let (Some(https), Some(files)) = (&mut section.https, authority) {
            let at = take(any)?;
            https.server = Some(format!("https://{at}/dm"));
            https.listen = Some(at);
            https.host = peer.ip().to_string();
            https.authority = Some(files.certificate.clone());
            https.authority_key = Some(files.key.clone());
        }
        if let Some(other) = &mut section.other {
            let at = take(any)?;
            other.server = Some(format!("http://{at}/dm"));
            other.listen = Some(at);
        }
        for device in &mut section.devices {
            // A device of another protocol has a place of its own once it enters.
            if device.mode == Mode::Adaptation {
                places.push(String::new());
                continue;
            }
            let at = take(any)?;
            places.push(format!("http://{at}/push"));
            device.listen = Some(at);
        }
        if let Some(many) = &mut section.many {
            many.listen = Some(take(any)?);
        }
    }
    declared.profile.harness.peer_listen = Some(server);
    Ok((places, reserved))
}

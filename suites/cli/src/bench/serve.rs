//! The built-in systems, each in a process of its own: what `bench` loads where nobody says what.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use twinproof_evidence::ExitCode;
use twinproof_judge::profile::{Declared, Fleet};
use twinproof_load::Keyring;
use twinproof_load::rules::{Rules, Standard};
use twinproof_proof::dm::{DmServer, standard_rules};
use twinproof_proof::gwmo::{self, GatewaySystem};
use twinproof_proof::serve::{ServedDm, ServedGwmo, ServedPairs};
use twinproof_reference::mutants::{self, Mutant};
use twinproof_twinning::enabler::rules as enabler;

use crate::args::SEED;
use crate::args::bench::Serve;
use crate::problem::Problem;

/// Behind this line the built-in system of an enabler over HTTP is ready; before it stands its profile.
pub(super) const READY: &str = "# ready";

pub(super) fn serve(args: &Serve) -> Result<ExitCode, Problem> {
    let mutant = args.mutant.as_deref();
    match &*args.enabler {
        "dm" => serve_dm(args.devices, mutant),
        "gwmo" => serve_gwmo(args.devices, mutant),
        "lwm2m" => serve_lwm2m(args),
        "twinning" => serve_twinning(args.devices, mutant),
        other => Err(Problem::Usage(format!(
            "--enabler {other}: expected dm, gwmo, lwm2m or twinning"
        ))),
    }
}

/// The decisions of a broken system of this name, or what the standard wants.
fn rules<R: ?Sized + 'static>(
    name: Option<&str>,
    mut all: impl Iterator<Item = &'static Mutant<R>>,
    standard: Arc<R>,
) -> Result<Arc<R>, Problem> {
    let Some(name) = name else {
        return Ok(standard);
    };
    let unknown = || Problem::Usage(format!("no system of this kind is broken in {name:?}"));
    let found = all.find(|mutant| mutant.name == name);
    found.map(|mutant| (mutant.rules)()).ok_or_else(unknown)
}

fn serve_lwm2m(args: &Serve) -> Result<ExitCode, Problem> {
    let standard: Arc<dyn Rules> = Arc::new(Standard);
    let rules = rules(args.mutant.as_deref(), mutants::lwm2m(), standard)?;
    let socket = twinproof_load::open_built_in(args.v6)?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut out = std::io::stdout();
    let place = twinproof_load::address_of(&socket);
    let keyring = match args.dtls {
        true => {
            let fleet = keys(args.keys.as_deref())?;
            writeln!(out, "{}\n{READY}", secured_profile(place, &fleet)?)?;
            Some(Keyring::of(&fleet).map_err(Problem::Usage)?)
        }
        false => {
            writeln!(out, "serving {place}")?;
            None
        }
    };
    out.flush()?;
    let ended = Arc::clone(&stop);
    with_input(move || ended.store(true, Ordering::Relaxed));
    match keyring {
        Some(keyring) => {
            let guests = (&keyring, args.devices);
            twinproof_load::serve_built_in_secured(&socket, rules, guests, &stop)?;
        }
        None => twinproof_load::serve_built_in(&socket, rules, &stop)?,
    }
    Ok(ExitCode::Conformant)
}

/// The keys of devices that a profile says, or such as nobody has seen before.
fn keys(profile: Option<&Path>) -> Result<Fleet, Problem> {
    let Some(file) = profile else {
        return Ok(twinproof_load::fresh_keys());
    };
    let declared = crate::profile::read(file)?.declared;
    let fleet = declared.profile.lwm2m.and_then(|lwm2m| lwm2m.fleet);
    fleet.ok_or_else(|| Problem::Usage(format!("{}: expected [lwm2m.fleet]", file.display())))
}

/// The profile of the built-in server behind DTLS.
fn secured_profile(place: SocketAddr, fleet: &Fleet) -> Result<String, Problem> {
    let keys = toml::to_string(fleet)
        .map_err(|error| Problem::Ours(format!("the profile cannot be written: {error}")))?;
    Ok(format!(
        "[sut]\nname = \"built-in\"\nrole = \"lwm2m-server\"\n\n[lwm2m]\nserver = \"coaps://{place}\"\n\n[lwm2m.fleet]\n{keys}"
    ))
}

fn serve_dm(devices: u32, mutant: Option<&str>) -> Result<ExitCode, Problem> {
    let rules = rules(mutant, mutants::dm_server(), standard_rules())?;
    let server = DmServer::new(rules).with_devices(devices);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    serve_web(async {
        let served = ServedDm::start_as(&server, (any, any), SEED).await;
        let served = served.map_err(Problem::Ours)?;
        Ok((served.profile().clone(), async move {
            match served.attend().await {}
        }))
    })
}

/// With so many devices behind it, and one more, to be spared.
fn serve_gwmo(devices: u32, mutant: Option<&str>) -> Result<ExitCode, Problem> {
    let rules = rules(mutant, mutants::gateway(), gwmo::standard_rules())?;
    let system = GatewaySystem::crowded(devices as usize + 1, rules);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    serve_web(async {
        let served = ServedGwmo::start_as(&system, (any, any, any), SEED).await;
        let served = served.map_err(Problem::Ours)?;
        Ok((served.profile().clone(), async move {
            match served.attend().await {}
        }))
    })
}

/// For so many pairs.
fn serve_twinning(pairs: u32, mutant: Option<&str>) -> Result<ExitCode, Problem> {
    let standard: Arc<dyn enabler::Rules> = Arc::new(enabler::Standard);
    let rules = rules(mutant, mutants::twinning(), standard)?;
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    serve_web(async {
        let served = ServedPairs::start(rules, 2 * pairs as usize, any, SEED).await;
        let served = served.map_err(Problem::Ours)?;
        Ok((served.profile().clone(), async move {
            let _served = served;
            std::future::pending().await
        }))
    })
}

/// Says the profile of what was started, and lets it answer until the input of this process ends.
fn serve_web<A: Future<Output = ()>>(
    start: impl Future<Output = Result<(Declared, A), Problem>>,
) -> Result<ExitCode, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::Ours(format!("no threads can be had: {error}")))?;
    runtime.block_on(async {
        let (declared, answering) = start.await?;
        let profile = toml::to_string(&declared.profile)
            .map_err(|error| Problem::Ours(format!("the profile cannot be written: {error}")))?;
        let mut out = std::io::stdout();
        writeln!(out, "{profile}\n{READY}")?;
        out.flush()?;
        let (end, ended) = oneshot::channel::<()>();
        with_input(move || drop(end));
        tokio::select! {
            () = answering => {}
            _ = ended => {}
        }
        Ok(ExitCode::Conformant)
    })
}

/// Does something when the input of this process ends, however it does.
fn with_input(end: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        end();
    });
}

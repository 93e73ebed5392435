use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use twinproof_judge::profile::{Declared, HookSpec, Profile};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_stage::{Alias, Elsewhere, Halted, HookCall, Network, Options, Place, Stage, Trust};

use crate::turns::Turns;

/// A system that can be put on a stage, once for every scenario.
pub trait BuiltIn: Send + Sync {
    /// Its profile; addresses in it are replaced by those of the stage.
    fn profile(&self) -> &Declared;

    /// Lets that of it which has this enabler enter under the name of the system under test, and
    /// returns the profile with the addresses that it has there.
    fn enter<'a>(
        &'a self,
        stage: &'a mut Stage,
        seed: Seed,
        enabler: &'a str,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>>;
}

/// What is judged.
#[derive(Clone)]
pub enum Target {
    /// A system that is put on the stage.
    BuiltIn(Arc<dyn BuiltIn>),
    /// A system that runs elsewhere.
    External(Arc<Declared>),
}

impl Target {
    /// The profile.
    pub fn profile(&self) -> &Declared {
        match self {
            Self::BuiltIn(system) => system.profile(),
            Self::External(profile) => profile,
        }
    }
}

/// The network that a profile asks for.
///
/// # Errors
///
/// A certificate cannot be read, an address of the harness cannot be bound, or its lock file cannot
/// be had; the words name the key of the profile.
pub fn network(profile: &Profile) -> Result<Network, String> {
    let harness = &profile.harness;
    if let Some(lock) = &harness.lock {
        Turns::at(lock)?;
    }
    let place = |listen: &Option<String>, advertise: &Option<String>| {
        listen.clone().map(|listen| Place {
            listen,
            advertise: advertise.clone(),
        })
    };
    let certificate = match (&harness.certificate, &harness.key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        _ => return Err("harness.certificate and harness.key go together".to_owned()),
    };
    Network::open(&Options {
        rate: profile.pace.rate,
        trust: Trust {
            ca_file: profile.tls.ca_file.clone(),
            client_certificate: profile.tls.client_certificate.clone(),
            client_key: profile.tls.client_key.clone(),
        },
        alias: profile.tls.server_name.clone().and_then(|name| {
            let base_url = profile.twinning.as_ref()?.base_url.clone();
            Some(Alias { base_url, name })
        }),
        proxy: profile.network.proxy.clone(),
        callbacks: place(&harness.listen, &harness.advertise),
        peer: place(&harness.peer_listen, &harness.peer_advertise),
        certificate,
        ..Options::new(profile.pace.timeout.duration())
    })
}

/// The Twinning system that a profile speaks of, if it does.
pub fn elsewhere(profile: &Profile) -> Option<Elsewhere> {
    let twinning = profile.twinning.as_ref()?;
    Some(Elsewhere {
        name: SUT.to_owned(),
        base_url: twinning.base_url.clone(),
        section: "twinning",
        restart: twinning.restart.as_ref().map(hook_call),
        advance_clock: twinning.advance_clock.as_ref().map(hook_call),
        patience: profile.pace.hook.duration(),
    })
}

/// The LwM2M server that a profile speaks of, if it does, and its address.
///
/// # Errors
///
/// The address is none, or its name cannot be resolved.
pub(crate) async fn server_elsewhere(
    profile: &mut Profile,
) -> Result<Option<(Elsewhere, SocketAddr)>, String> {
    let patience = profile.pace.hook.duration();
    let Some(section) = &mut profile.lwm2m else {
        return Ok(None);
    };
    let wrong = |why: &str| {
        format!(
            "lwm2m.server: expected coap:// with a host and a port, got {:?}{why}",
            section.server
        )
    };
    let authority = section
        .server
        .strip_prefix("coap://")
        .ok_or_else(|| wrong(""))?;
    let authority = authority.trim_end_matches('/').to_owned();
    let found: Vec<SocketAddr> = tokio::net::lookup_host(authority)
        .await
        .map_err(|error| wrong(&format!(": {error}")))?
        .collect();
    // Of several the first, but for IPv4, which is what simulated devices have on every machine.
    let first = found
        .iter()
        .find(|address| address.is_ipv4())
        .or(found.first());
    let address = *first.ok_or_else(|| wrong(", which has no address"))?;
    section.server = format!("coap://{address}");
    let system = Elsewhere {
        name: SUT.to_owned(),
        base_url: section.server.clone(),
        section: "lwm2m",
        // That it is back after a restart is asked over HTTP, which it does not speak.
        restart: None,
        advance_clock: section.advance_clock.as_ref().map(hook_call),
        patience,
    };
    Ok(Some((system, address)))
}

fn hook_call(spec: &HookSpec) -> HookCall {
    match spec {
        HookSpec::Command(line) => HookCall::Command(line.clone()),
        HookSpec::Http { method, url, body } => HookCall::Http {
            method: method.clone(),
            url: url.clone(),
            body: body.clone(),
        },
    }
}

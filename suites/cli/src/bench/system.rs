//! Who is put under load: the system of a profile, or the built-in one in a process of its own.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, SocketAddrV4, ToSocketAddrs as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use twinproof_judge::profile::{Declared, Harness, Profile, Span};
use twinproof_load::{
    Aim, Enabler, Gateway, Keyring, Measures, NoRun, Phase, Place, Run, Shard, Site, Target,
    Workload, desk_of, fanout_patience,
};
use twinproof_stage::Network;

use super::gauge::Gauge;
use super::operator::Operator;
use super::serve::READY;
use crate::problem::Problem;
use crate::profile;

/// Who is loaded.
pub(super) struct System {
    at: At,
    process: Option<u32>,
    consent: Option<String>,
    /// Ends with this.
    _built_in: Option<BuiltIn>,
    /// Ends with this, too.
    _operator: Option<Operator>,
}

enum At {
    /// Devices of LwM2M speak to it in datagrams.
    Datagrams {
        address: SocketAddr,
        /// Where who makes it act is heard.
        operated_at: Option<SocketAddrV4>,
        /// With what devices shake hands with it, if they do.
        keyring: Option<Keyring>,
    },
    /// Others over HTTP.
    Web {
        place: Place,
        network: Network,
        /// How long an exchange may take, if members go there by themselves.
        straight: Option<Duration>,
    },
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Datagrams { address, .. } => address.fmt(f),
            At::Web { place, .. } => place.fmt(f),
        }
    }
}

impl System {
    /// The one that a profile describes, or the built-in one; with somebody who makes it act, if the workload needs that.
    /// Devices come over DTLS if the profile has no other way, or somebody wants that.
    pub(super) fn find(
        profile: Option<&Path>,
        dtls: bool,
        workload: &Workload,
    ) -> Result<Self, Problem> {
        if !workload.parts.is_empty() {
            return Err(Problem::Usage(format!(
                "{}: a workload of several parts is for `fleet` alone: expected one without [[parts]]",
                workload.name
            )));
        }
        match workload.enabler() {
            Enabler::Lwm2m => Self::find_lwm2m(profile, dtls, workload),
            enabler if dtls => Err(Problem::Usage(format!(
                "--dtls: expected operations of LwM2M, got some of {}, which go over HTTP",
                enabler.name()
            ))),
            enabler => Self::find_web(profile, enabler, workload.devices.count),
        }
    }

    fn find_lwm2m(
        profile: Option<&Path>,
        dtls: bool,
        workload: &Workload,
    ) -> Result<Self, Problem> {
        let operated = workload.needs_operator();
        let is_v6 = workload.devices.first.is_ipv6();
        let v6: &[&str] = if is_v6 { &["--v6"] } else { &[] };
        Ok(match profile {
            Some(file) => {
                let declared = profile::read(file)?.declared;
                let named = file.display().to_string();
                let place = server_of(&named, &declared, (dtls, is_v6))?;
                let operator = operated.then(|| Operator::start(file)).transpose()?;
                Self {
                    at: At::Datagrams {
                        address: place.address,
                        operated_at: operator.as_ref().map(|operator| operator.address),
                        keyring: place.keyring,
                    },
                    process: None,
                    consent: None,
                    _built_in: None,
                    _operator: operator,
                }
            }
            None if dtls => {
                let devices = workload.devices.count.to_string();
                let args = ["bench", "serve", "--dtls", "--devices", &devices];
                let (built_in, says) = BuiltIn::start(&[&args[..], v6].concat(), READY)?;
                let declared = Declared::parse(&says);
                let declared = declared.map_err(|error| does_not_start(&error.to_string()))?;
                let place = server_of("the built-in server", &declared, (true, is_v6))?;
                Self {
                    at: At::Datagrams {
                        address: place.address,
                        operated_at: Some(desk_of(place.address)),
                        keyring: place.keyring,
                    },
                    process: Some(built_in.child.id()),
                    consent: None,
                    _built_in: Some(built_in),
                    _operator: None,
                }
            }
            None => {
                let args = [&["bench", "serve"][..], v6].concat();
                let (built_in, says) = BuiltIn::start(&args, "serving ")?;
                let address = says.lines().last().and_then(|line| {
                    let address = line.trim().strip_prefix("serving ")?;
                    address.parse().ok()
                });
                let address: SocketAddr = address.ok_or_else(|| does_not_start(&says))?;
                Self {
                    at: At::Datagrams {
                        address,
                        operated_at: Some(desk_of(address)),
                        keyring: None,
                    },
                    process: Some(built_in.child.id()),
                    consent: None,
                    _built_in: Some(built_in),
                    _operator: None,
                }
            }
        })
    }

    fn find_web(file: Option<&Path>, enabler: Enabler, devices: u32) -> Result<Self, Problem> {
        let (profile, built_in) = match file {
            Some(file) => (profile::read(file)?.declared.profile, None),
            None => {
                let devices = devices.to_string();
                let args = [
                    "bench",
                    "serve",
                    "--enabler",
                    enabler.name(),
                    "--devices",
                    &devices,
                ];
                let (built_in, says) = BuiltIn::start(&args, READY)?;
                let declared = Declared::parse(&says);
                let declared = declared.map_err(|error| does_not_start(&error.to_string()))?;
                (declared.profile, Some(built_in))
            }
        };
        let shown = file.map_or_else(String::new, |file| format!("{}: ", file.display()));
        let place =
            place_of(&profile, enabler).map_err(|why| Problem::Usage(format!("{shown}{why}")))?;
        let mut reached = profile;
        // The pace of a run of scenarios is none of a load.
        reached.pace.rate = None;
        // Nobody calls back but a gateway, and not where actors are.
        reached.harness = match place {
            Place::Gwmo(_) => Harness {
                certificate: reached.harness.certificate,
                key: reached.harness.key,
                ..Harness::default()
            },
            Place::Dm(_) | Place::Twinning(_) => Harness::default(),
        };
        if built_in.is_some() && matches!(place, Place::Gwmo(_)) {
            // How long it takes for many devices is what is measured: nobody gives up on it before a fan-out would.
            let patience = fanout_patience(devices).as_secs();
            reached.pace.timeout = reached.pace.timeout.max(Span::from_secs(patience));
        }
        let timeout = reached.pace.timeout.duration();
        let straight = reached.network.proxy.is_none().then_some(timeout);
        let network = twinproof_conformance::network(&reached)
            .map_err(|error| Problem::Usage(format!("the network cannot be set up: {error}")))?;
        Ok(Self {
            at: At::Web {
                place,
                network,
                straight,
            },
            process: built_in.as_ref().map(|built_in| built_in.child.id()),
            consent: None,
            _built_in: built_in,
            _operator: None,
        })
    }

    /// Those of all parts of a workload, or of it alone if it has none: in one profile, or each in a process of its own.
    pub(super) fn find_each(
        profile: Option<&Path>,
        dtls: bool,
        workload: &Workload,
    ) -> Result<Vec<Self>, Problem> {
        let each = workload.each();
        let any = each.iter().any(|part| part.enabler() == Enabler::Lwm2m);
        let found = each.iter().map(|part| {
            // Where nobody speaks LwM2M, who hears of it says so.
            let secured = dtls && (!any || part.enabler() == Enabler::Lwm2m);
            Self::find(profile, secured, part)
        });
        found.collect()
    }

    /// It as a process of this machine, if somebody says which.
    pub(super) fn seen_as(self, process: Option<u32>) -> Result<Self, Problem> {
        let Some(id) = process else {
            return Ok(self);
        };
        is_there(id)?;
        Ok(Self {
            process: Some(id),
            ..self
        })
    }

    /// Looks at what it takes: as it tells itself at a URL, or as the process that it is, if that is known.
    pub(super) fn gauge(&self, scrape: Option<&str>) -> Result<Option<Gauge>, Problem> {
        match scrape {
            Some(url) => Gauge::of_url(url, self.consent.as_deref()).map(Some),
            None => Ok(self.process.map(Gauge::of_process)),
        }
    }

    /// It with the host of which somebody says that it agrees.
    pub(super) fn agreed(self, consent: Option<String>) -> Self {
        Self { consent, ..self }
    }

    /// Where devices of LwM2M find it.
    pub(super) fn target(&self) -> Result<Target<'_>, Problem> {
        match &self.at {
            At::Datagrams {
                address,
                operated_at,
                keyring,
            } => Ok(self.aimed((*address, keyring.as_ref()), *operated_at)),
            At::Web { .. } => Err(Problem::Usage(
                "what goes over HTTP cannot be steered while a run goes on: expected operations of LwM2M"
                    .to_owned(),
            )),
        }
    }

    fn aimed<'t>(
        &'t self,
        (address, keyring): (SocketAddr, Option<&'t Keyring>),
        operator: Option<SocketAddrV4>,
    ) -> Target<'t> {
        Target {
            address,
            process: self.process,
            consent: self.consent.as_deref(),
            operator,
            keyring,
        }
    }

    /// How it is loaded.
    pub(super) fn aim(&self) -> Aim<'_> {
        match &self.at {
            At::Datagrams {
                address,
                operated_at,
                keyring,
            } => Aim::Datagrams(self.aimed((*address, keyring.as_ref()), *operated_at)),
            At::Web {
                place,
                network,
                straight,
            } => Aim::Web(Site {
                place,
                network,
                straight: *straight,
                process: self.process,
                consent: self.consent.as_deref(),
            }),
        }
    }

    /// Carries out a workload, or a share of it, against it.
    pub(super) fn load(
        &self,
        workload: &Workload,
        shard: Option<Shard>,
        watch: &mut dyn FnMut(Phase, &Measures) -> ControlFlow<()>,
    ) -> Result<Run, NoRun> {
        match self.aim() {
            Aim::Datagrams(target) => twinproof_load::run_shard(workload, shard, target, watch),
            Aim::Web(site) => twinproof_load::run_web(workload, shard, site, watch),
        }
    }
}

/// Whether there is a process with this number.
pub(super) fn is_there(id: u32) -> Result<(), Problem> {
    match Path::new("/proc").join(id.to_string()).exists() {
        true => Ok(()),
        false => Err(Problem::Usage(format!(
            "--sut-pid {id}: expected the number of a process that runs on this machine"
        ))),
    }
}

/// What a profile says of the system of an enabler.
fn place_of(profile: &Profile, enabler: Enabler) -> Result<Place, String> {
    match enabler {
        Enabler::Dm => {
            let server = profile.dm.as_ref().and_then(|dm| dm.server.clone());
            let server = server.map(|server| Place::Dm(Box::new(server)));
            server
                .ok_or_else(|| "sessions are held with DM servers: expected [dm.server]".to_owned())
        }
        Enabler::Gwmo => {
            let section = profile.gwmo.clone();
            let gateway = section.map(|section| Gateway {
                section,
                harness: profile.harness.clone(),
            });
            let gateway = gateway.filter(|gateway| gateway.section.many.is_some());
            let place = gateway.map(|gateway| Place::Gwmo(Box::new(gateway)));
            place.ok_or_else(|| {
                "fan-outs are made at gateways that know many devices: expected [gwmo] and [gwmo.many]"
                    .to_owned()
            })
        }
        Enabler::Lwm2m => Err("LwM2M is not spoken over HTTP".to_owned()),
        Enabler::Twinning => {
            let enabler = profile.twinning.clone();
            let enabler = enabler.map(|enabler| Place::Twinning(Box::new(enabler)));
            enabler.ok_or_else(|| {
                "pairs are twinned at Twinning enablers: expected [twinning]".to_owned()
            })
        }
    }
}

fn does_not_start(why: &str) -> Problem {
    Problem::Ours(format!("the built-in system does not start: {why:?}"))
}

/// The built-in system in a process of its own, which ends with its input.
struct BuiltIn {
    child: Child,
    input: Option<ChildStdin>,
}

impl BuiltIn {
    /// Starts it; with what it says, up to the line that begins so.
    fn start(args: &[&str], ready: &str) -> Result<(Self, String), Problem> {
        let program =
            std::env::current_exe().map_err(|error| does_not_start(&error.to_string()))?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| does_not_start(&error.to_string()))?;
        let mut says = String::new();
        let output = child.stdout.take();
        let built_in = Self {
            input: child.stdin.take(),
            child,
        };
        let mut output = output.map(BufReader::new);
        let mut line = String::new();
        while let Some(output) = &mut output
            && output.read_line(&mut line)? > 0
        {
            says.push_str(&line);
            if line.starts_with(ready) {
                return Ok((built_in, says));
            }
            line.clear();
        }
        Err(does_not_start(&says))
    }
}

impl Drop for BuiltIn {
    fn drop(&mut self) {
        drop(self.input.take());
        // It ends by itself now; if it has ended before, that is as good.
        drop(self.child.wait());
    }
}

/// Where devices find a server, and how they show it who they are.
struct Found {
    address: SocketAddr,
    keyring: Option<Keyring>,
}

/// Where a profile, of which this is the name, says that its LwM2M server takes registrations, over DTLS if that is wanted, from
/// devices of IPv6 if they are of that.
fn server_of(
    named: &str,
    declared: &Declared,
    (dtls, is_v6): (bool, bool),
) -> Result<Found, Problem> {
    let usage = |why: &str| Problem::Usage(format!("{named}: {why}"));
    let lwm2m = declared.profile.lwm2m.as_ref();
    let lwm2m = lwm2m.filter(|lwm2m| lwm2m.server.is_some()).ok_or_else(|| {
        usage("the workload is for LwM2M servers: expected lwm2m.server, coap:// or coaps:// with a host and a port")
    })?;
    let is_secured = dtls || lwm2m.is_secured();
    let (url, scheme, port) = match is_secured {
        true => (lwm2m.secured_server(), "coaps://", 5684),
        false => (lwm2m.plain_server(), "coap://", 5683),
    };
    let url = url.ok_or_else(|| {
        usage("--dtls: expected coaps:// with a host and a port in lwm2m.server or lwm2m.security.server")
    })?;
    let keyring = is_secured.then(|| {
        let section = lwm2m.fleet.as_ref().ok_or_else(|| {
            usage(
                "the server is behind coaps://, and nobody knows the keys of devices: expected [lwm2m.fleet] with \
                 key, key_env or key_file, or with table",
            )
        })?;
        Keyring::of(section).map_err(|why| usage(&why))
    });
    let host = url.trim_start_matches(scheme).trim_end_matches('/');
    // An address of IPv6 has colons itself.
    let host = match host.rsplit_once(':') {
        Some((_, after)) if !after.contains(']') => host.to_owned(),
        _ => format!("{host}:{port}"),
    };
    let found = host
        .to_socket_addrs()
        .map_err(|error| usage(&format!("{url}: {error}")))?;
    let mut found = found.map(|at| SocketAddr::new(at.ip().to_canonical(), at.port()));
    let address = found.find(|at| at.is_ipv6() == is_v6).ok_or_else(|| {
        let (theirs, ours, first) = match is_v6 {
            true => (4, 6, "127.1.0.1"),
            false => (6, 4, "::1 and --ports 20000, or the first of a prefix that is routed to this machine"),
        };
        usage(&format!(
            "{url} has addresses of IPv{theirs} alone, and devices those of IPv{ours}: expected --first {first}, or \
             devices.first in the workload"
        ))
    })?;
    Ok(Found {
        address,
        keyring: keyring.transpose()?,
    })
}

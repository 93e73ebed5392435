//! Load over HTTP: members that speak to a system over connections that stay, and what comes of it.
//!
//! Times run from the moment at which an operation was meant to begin to the one at which all of its last answer was
//! read. No kernel stamps what comes over TCP, so that what the generator is late to read counts as the system's; how
//! late it was is looked at second by second.

mod carrier;
mod dm;
mod fanout;
mod floor;
mod play;
mod straight;
mod twinning;
mod witness;

use std::fmt;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use twinproof_judge::profile::{DmServer, Twinning};
use twinproof_sockets::cpu_of_process;
use twinproof_stage::Network;

use crate::generator::Phase;
use crate::measure::Measures;
use crate::report::{Report, System, hlog};
use crate::run::{NoRun, Run};
use crate::shard::Shard;
use crate::start::Start;
use crate::workload::{Enabler, Workload};
use dm::Sessions;
use fanout::Fanouts;
use play::{Played, play};
use twinning::Pairs;

pub use floor::{WebFloor, WebRound, floor_web};

pub use fanout::{Gateway, fanout_patience};

/// What is put under load over HTTP, as its profile describes it.
#[derive(Clone, Debug)]
pub enum Place {
    /// A DM server.
    Dm(Box<DmServer>),
    /// A gateway.
    Gwmo(Box<Gateway>),
    /// A Twinning enabler.
    Twinning(Box<Twinning>),
}

impl Place {
    /// Where it is.
    pub fn url(&self) -> &str {
        match self {
            Self::Dm(server) => &server.url,
            Self::Gwmo(gateway) => &gateway.section.devices_at,
            Self::Twinning(enabler) => &enabler.base_url,
        }
    }

    /// Whose devices load it.
    pub const fn enabler(&self) -> Enabler {
        match self {
            Self::Dm(_) => Enabler::Dm,
            Self::Gwmo(_) => Enabler::Gwmo,
            Self::Twinning(_) => Enabler::Twinning,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url())
    }
}

/// Who is loaded over HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Site<'s> {
    /// What it is.
    pub place: &'s Place,
    /// How it is reached.
    pub network: &'s Network,
    /// How long an exchange in the clear may take, if nothing (a proxy, a limit of requests) is to stand between members and the
    /// system.
    pub straight: Option<Duration>,
    /// The process that it is, if it is on this machine.
    pub process: Option<u32>,
    /// The host of which somebody says that it agrees.
    pub consent: Option<&'s str>,
}

impl Site<'_> {
    fn check(&self, workload: &Workload) -> Result<(), NoRun> {
        let url = self.place.url();
        let (wanted, there) = (workload.enabler(), self.place.enabler());
        if wanted != there {
            return Err(NoRun::Unasked(format!(
                "{url} is a system of {}, and the workload is for one of {}",
                there.name(),
                wanted.name()
            )));
        }
        if let Place::Gwmo(gateway) = self.place {
            agreed(&gateway.section.push, self.consent)?;
        }
        agreed(url, self.consent)
    }
}

/// Whether a URL leads to this machine, or somebody says that its host agrees.
fn agreed(url: &str, consent: Option<&str>) -> Result<(), NoRun> {
    let unusable = |why: String| NoRun::Unasked(format!("{url}: {why}"));
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| unusable("expected http:// or https:// and a host".to_owned()))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    };
    let port = if scheme == "https" { 443 } else { 80 };
    let bare = host.trim_matches(['[', ']']);
    let found = (bare, port).to_socket_addrs();
    let found = found.map_err(|error| unusable(format!("{host}: {error}")))?;
    for ip in found.map(|address| address.ip()) {
        let said = |name: &str| name == bare || name.parse() == Ok(ip);
        let is_here = match ip {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback(),
        };
        if !is_here && !consent.is_some_and(said) {
            return Err(NoRun::Unasked(format!(
                "{bare} is not on this machine: load can keep a system from its users; if its owner agrees, say \
                 --target-consent {bare}"
            )));
        }
    }
    Ok(())
}

/// Carries out a workload, or a share of it, against a system over HTTP. `watch` is shown what there is many times a
/// second and says whether to go on.
///
/// # Errors
///
/// When the system has not agreed, its profile knows fewer devices than take part, or this one takes threads or clocks
/// away.
pub fn run_web(
    workload: &Workload,
    shard: Option<Shard>,
    site: Site<'_>,
    watch: &mut dyn FnMut(Phase, &Measures) -> ControlFlow<()>,
) -> Result<Run, NoRun> {
    run_web_from(workload, (shard, None), site, watch)
}

/// As [`run_web`], from this start on.
pub(crate) fn run_web_from(
    workload: &Workload,
    (shard, start): (Option<Shard>, Option<&Start>),
    site: Site<'_>,
    watch: &mut dyn FnMut(Phase, &Measures) -> ControlFlow<()>,
) -> Result<Run, NoRun> {
    site.check(workload)?;
    let share = shard.unwrap_or(Shard::WHOLE);
    workload.check_shard(share).map_err(NoRun::Unasked)?;
    let (mut before, mut began, mut stopped) = (None, None, false);
    let cpu = || {
        site.process
            .and_then(|process| cpu_of_process(process).ok())
    };
    let mut watch = |phase, measures: &Measures| {
        if phase == Phase::Loading && began.is_none() {
            before = cpu();
            began = Some(SystemTime::now());
        }
        let flow = watch(phase, measures);
        stopped |= flow.is_break();
        flow
    };
    let way = (site.network, site.straight);
    let played = match site.place {
        Place::Dm(server) => {
            let sessions = Sessions::new(workload, share, server, way);
            let sessions = sessions.map_err(NoRun::Unasked)?;
            play(workload, (share, start), sessions, &mut watch)?
        }
        Place::Gwmo(gateway) => {
            let fanouts = Fanouts::new(workload, gateway, way);
            let fanouts = fanouts.map_err(NoRun::Unasked)?;
            play(workload, (share, start), fanouts, &mut watch)?
        }
        Place::Twinning(enabler) => {
            let pairs = Pairs::new(workload, share, enabler, way);
            let pairs = pairs.map_err(NoRun::Unasked)?;
            play(workload, (share, start), pairs, &mut watch)?
        }
    };
    let system = before.and_then(|before| Some(cpu()?.saturating_sub(before).as_secs_f64()));
    let Played {
        measures,
        counts,
        health,
        judgement,
    } = played;
    let since_1970 = began.and_then(|began| began.duration_since(SystemTime::UNIX_EPOCH).ok());
    let report = Report {
        began: since_1970.and_then(|since| u64::try_from(since.as_millis()).ok()),
        stopped,
        ..Report::new(
            workload,
            site.place.to_string(),
            (&measures, counts),
            health,
            system.map(|cpu| System {
                cpu,
                ..System::default()
            }),
        )
        .with(judgement)
    };
    Ok(Run {
        report: match shard {
            Some(shard) => report.of_shard(shard),
            None => report,
        },
        hlog: hlog(&measures, began.unwrap_or_else(SystemTime::now)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_loaded_who_has_not_agreed() {
        for (url, consent, agrees) in [
            ("http://127.0.0.1:8080/dm", None, true),
            ("http://[::1]:8080/dm", None, true),
            ("https://192.0.2.7/dm", None, false),
            ("https://192.0.2.7:8443/dm", Some("192.0.2.7"), true),
            ("https://192.0.2.7/dm", Some("192.0.2.8"), false),
            ("http://127.0.0.1@192.0.2.7/dm", None, false),
            ("nowhere", None, false),
        ] {
            assert_eq!(agreed(url, consent).is_ok(), agrees, "{url}");
        }
    }
}

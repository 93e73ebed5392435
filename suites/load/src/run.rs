//! A workload against a system at an address.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime};

use twinproof_dtls::{Limits, Rtc, Transport};
use twinproof_fleet::TooMany;
use twinproof_kernel::Seed;
use twinproof_lwm2m::server::rules::Rules;
use twinproof_lwm2m::server::{self, Server};
use twinproof_lwm2m::wire::Version;
use twinproof_sockets::{Socket, cpu_of_process};

use crate::crowd::Steer;
use crate::desk::Counter;
use crate::devices::{Devices, shared};
use crate::drive::drive_over;
use crate::generator::{Generator, Phase};
use crate::jury::Jury;
use crate::keyring::Keyring;
use crate::measure::Measures;
use crate::report::{Report, Steered, System, hlog};
use crate::serve::{DESK, serve_at, serve_behind};
use crate::sessions::Sessions;
use crate::shard::Shard;
use crate::start::Start;
use crate::workload::Workload;

/// How many events wait at the built-in server until its operator is told, which is after each datagram.
const REMEMBERED: usize = 64;

/// How many handshakes the built-in server has under way at most, and how long each may take.
const UNFINISHED: usize = 4_096;
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct Run {
    /// What is said of it.
    pub report: Report,
    /// Its histograms, second by second, as [`hlog`] writes them.
    pub hlog: Vec<u8>,
}

/// Why there was no run.
#[derive(Debug)]
pub enum NoRun {
    /// The system took the socket or the clocks away.
    Io(io::Error),
    /// There are not enough addresses.
    Room(TooMany),
    /// Nobody may be loaded who has not agreed.
    Unasked(String),
    /// Devices cannot come to the server in the way that is wanted, or cannot do what they are asked to.
    Unfit(String),
    /// Nobody makes the server do what the workload is about.
    Unoperated,
}

impl fmt::Display for NoRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the system took the socket away: {error}"),
            Self::Room(error) => error.fmt(f),
            Self::Unasked(why) | Self::Unfit(why) => f.write_str(why),
            Self::Unoperated => f.write_str(
                "the server has to be made to observe or read, and nobody does that: expected an upper tester of \
                 the kind http or command in its profile",
            ),
        }
    }
}

impl std::error::Error for NoRun {}

impl NoRun {
    /// It as the reason of one part of a workload.
    pub(crate) fn of_part(self, name: &str) -> Self {
        match self {
            Self::Io(error) => Self::Io(io::Error::new(error.kind(), format!("{name}: {error}"))),
            why @ (Self::Room(_) | Self::Unfit(_) | Self::Unoperated) => {
                Self::Unfit(format!("{name}: {why}"))
            }
            Self::Unasked(why) => Self::Unasked(format!("{name}: {why}")),
        }
    }
}

impl From<io::Error> for NoRun {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Who is loaded.
#[derive(Clone, Copy, Debug)]
pub struct Target<'t> {
    /// Where it is.
    pub address: SocketAddr,
    /// The process that it is, if it is on this machine.
    pub process: Option<u32>,
    /// The host of which somebody says that it agrees.
    pub consent: Option<&'t str>,
    /// Where its operator is heard, if it has one: see [`Ask`](crate::Ask).
    pub operator: Option<SocketAddrV4>,
    /// With what devices shake hands with it, if they come over DTLS.
    pub keyring: Option<&'t Keyring>,
}

impl Target<'_> {
    /// Whether it may be loaded by devices whose addresses begin there.
    ///
    /// # Errors
    ///
    /// When it is not on this machine and nobody says that it agrees, or devices could not hear it.
    pub fn check(&self, first: IpAddr) -> Result<(), NoRun> {
        let ip = self.address.ip();
        // A host of IPv6 may be written in many ways, with brackets as in URLs or without.
        let said = |host: &str| host.trim_matches(['[', ']']).parse() == Ok(ip);
        if !ip.is_loopback() && !self.consent.is_some_and(said) {
            return Err(NoRun::Unasked(format!(
                "{ip} is not on this machine: load can keep a system from its users; if its owner agrees, say \
                 --target-consent {ip}"
            )));
        }
        let reaches = match (first, ip) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => first.is_loopback() == ip.is_loopback(),
            // What is routed to this machine reaches its loopback.
            (IpAddr::V6(first), IpAddr::V6(ip)) => !first.is_loopback() || ip.is_loopback(),
            _ => false,
        };
        match reaches {
            true => Ok(()),
            false => Err(NoRun::Unasked(format!(
                "devices.first is {first}, from where {ip} cannot be reached: expected an address of loopback for \
                 loopback, else the first of a block that is routed to this machine, of IPv6 where the server's is"
            ))),
        }
    }
}

/// Carries out a workload. `watch` is shown what there is many times a second and says whether to go on.
///
/// # Errors
///
/// When the target has not agreed, there are not enough addresses, or the system takes the socket away.
pub fn run(
    workload: &Workload,
    target: Target<'_>,
    watch: &mut dyn FnMut(Phase, &Measures) -> ControlFlow<()>,
) -> Result<Run, NoRun> {
    run_shard(workload, None, target, watch)
}

/// As [`run`], of this share of the workload.
///
/// # Errors
///
/// As [`run`], and when the workload has less than a share needs.
pub fn run_shard(
    workload: &Workload,
    shard: Option<Shard>,
    target: Target<'_>,
    watch: &mut dyn FnMut(Phase, &Measures) -> ControlFlow<()>,
) -> Result<Run, NoRun> {
    run_from(workload, (shard, None), target, watch)
}

/// As [`run_shard`], from this start on.
pub(crate) fn run_from(
    workload: &Workload,
    (shard, start): (Option<Shard>, Option<&Start>),
    target: Target<'_>,
    watch: &mut dyn FnMut(Phase, &Measures) -> ControlFlow<()>,
) -> Result<Run, NoRun> {
    let mut watch =
        |generator: &Generator<'_, Devices>| watch(generator.phase(), generator.measures());
    carry_out(workload, shard, (None, start), target, &mut watch)
}

/// As [`run_shard`], of devices that take part, come and go as what comes through a channel says, until that says that it is
/// over, nobody can say anything any more, or the stages of the workload would be over. `watch` is shown the last time what
/// has come of it.
///
/// # Errors
///
/// As [`run_shard`], and when the arrivals of the workload are closed: then answers decide how much is done, and not who
/// steers.
pub fn run_steered(
    workload: &Workload,
    (shard, helm): (Option<Shard>, &Receiver<Steer>),
    target: Target<'_>,
    watch: &mut dyn FnMut(&Generator<'_, Devices>) -> ControlFlow<()>,
) -> Result<Run, NoRun> {
    if workload.is_closed() {
        return Err(NoRun::Unasked(
            "devices that come and go cannot have closed arrivals: expected even or poisson"
                .to_owned(),
        ));
    }
    if !workload.every.is_empty() {
        return Err(NoRun::Unasked(
            "who steers devices says how often they do something: expected a workload with a mix"
                .to_owned(),
        ));
    }
    carry_out(workload, shard, (Some(helm), None), target, watch)
}

fn carry_out(
    workload: &Workload,
    shard: Option<Shard>,
    (helm, start): (Option<&Receiver<Steer>>, Option<&Start>),
    target: Target<'_>,
    watch: &mut dyn FnMut(&Generator<'_, Devices>) -> ControlFlow<()>,
) -> Result<Run, NoRun> {
    target.check(workload.devices.first)?;
    if workload.needs_operator() && target.operator.is_none() {
        return Err(NoRun::Unoperated);
    }
    let share = shard.unwrap_or(Shard::WHOLE);
    workload.check_shard(share).map_err(NoRun::Unasked)?;
    if let (Some(operation), None) = (workload.needs_dtls(), target.keyring) {
        return Err(NoRun::Unfit(format!(
            "{operation}: only devices that come over DTLS shake hands; expected a server behind coaps:// and [lwm2m.fleet] in \
             its profile, or --dtls with the built-in one"
        )));
    }
    let members = share.members(workload.devices.count);
    let socket = workload.devices.open(&members, workload.needs_operator())?;
    let shared = shared(workload, target.address);
    let generator = Generator::of_shard(
        workload,
        share,
        socket.port(),
        Devices::of(workload),
        shared,
    );
    let generator = generator.map_err(NoRun::Room)?.in_run(&moment());
    let mut generator = generator.operated(target.operator);
    if helm.is_some() {
        generator = generator.steered();
    }
    if start.is_some() {
        generator = generator.held();
    }
    let mut stopped = false;
    let cpu = || {
        target
            .process
            .and_then(|process| cpu_of_process(process).ok())
    };
    let (mut before, mut began) = (None, None);
    let mut jury = Jury::new(workload);
    let place = (target.address, workload.devices.goodbye);
    let keyring = target.keyring.cloned();
    let sessions = keyring.map(|keyring| Sessions::new(place, keyring, generator.who()));
    let mut sessions = sessions.transpose().map_err(NoRun::Unfit)?;
    let health = drive_over(
        &mut generator,
        (&socket, sessions.as_mut()),
        (helm, start),
        &mut jury,
        &mut |generator| {
            if generator.phase() == Phase::Loading && began.is_none() {
                before = cpu();
                began = Some(SystemTime::now());
            }
            let flow = watch(generator);
            stopped |= flow.is_break();
            flow
        },
    )?;
    if helm.is_some() {
        // Who steers hears of the last ones, too.
        let _ = watch(&generator);
    }
    let steered = helm.map(|_| Steered {
        lasted: generator.measured_for().as_secs_f64(),
        steps: generator.steps().to_vec(),
    });
    let took = |before: Duration| Some(cpu()?.saturating_sub(before).as_secs_f64());
    let system = before.and_then(took).map(|cpu| System {
        cpu,
        ..System::default()
    });
    let measured = (generator.measures(), generator.counts());
    let address = target.address.to_string();
    let since_1970 = began.and_then(|began| began.duration_since(SystemTime::UNIX_EPOCH).ok());
    let millis = since_1970.and_then(|since| u64::try_from(since.as_millis()).ok());
    let report = Report {
        began: millis,
        stopped,
        steered,
        dtls: sessions.as_ref().map(Sessions::counts),
        ..Report::new(workload, address, measured, health, system).judged_by(&jury)
    };
    Ok(Run {
        report: match shard {
            Some(shard) => report.of_shard(shard),
            None => report,
        },
        hlog: hlog(generator.measures(), began.unwrap_or_else(SystemTime::now)),
    })
}

/// What tells a run from those before it, to servers that remember them.
pub(crate) fn moment() -> String {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |since| since.as_millis()).to_string()
}

/// A socket for the built-in LwM2M server and its operator, at a port that is free; of IPv6 if it is to be heard at that.
///
/// # Errors
///
/// When the system refuses it.
pub fn open_built_in(is_v6: bool) -> io::Result<Socket> {
    match is_v6 {
        true => Socket::open_v6_and(DESK),
        false => Socket::open(0),
    }
}

/// Where the built-in server is that has this socket.
pub fn address_of(socket: &Socket) -> SocketAddr {
    let ip = match socket.is_v6() {
        true => IpAddr::V6(Ipv6Addr::LOCALHOST),
        false => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    SocketAddr::new(ip, socket.port())
}

/// The built-in LwM2M server at a socket of its own, with these decisions, until `stop` is set. Its operator is heard at
/// [`desk_of`](crate::desk_of) its address; for any other application it remembers nothing.
///
/// # Errors
///
/// When the system takes the socket away.
pub fn serve_built_in(socket: &Socket, rules: Arc<dyn Rules>, stop: &AtomicBool) -> io::Result<()> {
    let (mut server, set_up) = built_in(socket, rules);
    let place = (socket, address_of(socket).ip());
    serve_at(&mut server, &set_up, place, &mut Counter::default(), stop)
}

/// The same behind DTLS, for so many devices with these keys.
///
/// # Errors
///
/// When the library cannot be set up, or the system takes the socket away.
pub fn serve_built_in_secured(
    socket: &Socket,
    rules: Arc<dyn Rules>,
    (keyring, devices): (&Keyring, u32),
    stop: &AtomicBool,
) -> io::Result<()> {
    let limits = Limits {
        unfinished: UNFINISHED,
        handshake: PATIENCE,
        ..Limits::default()
    };
    let backend = Rtc::limited(Some(keyring.guests(devices)), None, limits);
    let backend = backend.map_err(io::Error::other)?;
    let transport = Transport::new(Arc::new(backend), limits);
    let (mut server, mut set_up) = built_in(socket, rules);
    set_up.credentials = keyring.endpoints(devices).collect();
    let place = (socket, address_of(socket).ip());
    let desk = &mut Counter::default();
    serve_behind(&mut server, &set_up, (place, Some(transport)), desk, stop)
}

fn built_in(socket: &Socket, rules: Arc<dyn Rules>) -> (Server, server::Shared) {
    let at = address_of(socket);
    let set_up = server::Shared {
        remembers: REMEMBERED,
        waits: true,
        rules,
        ..server::Shared::new(Version::V1_1)
    };
    (Server::new(at, Seed::new(2)), set_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_loaded_who_has_not_agreed() {
        let ip = |ip: &str| ip.parse::<IpAddr>().unwrap();
        let there = ip("192.0.2.7");
        let check = |ip, consent, first| {
            let target = Target {
                address: SocketAddr::new(ip, 5683),
                process: None,
                consent,
                operator: None,
                keyring: None,
            };
            target.check(first).map_err(|why| why.to_string())
        };
        let here = ip("127.1.0.1");
        assert_eq!(check(ip("127.0.0.1"), None, here), Ok(()));
        let why = check(there, None, there).unwrap_err();
        assert!(why.contains("--target-consent 192.0.2.7"), "{why}");
        assert!(check(there, Some("192.0.2.8"), there).is_err());
        assert_eq!(check(there, Some("192.0.2.7"), there), Ok(()));
        let why = check(there, Some("192.0.2.7"), here).unwrap_err();
        assert!(why.contains("cannot be reached"), "{why}");
        let (there, here, prefix) = (ip("2001:db8::7"), ip("::1"), ip("fd00::1"));
        assert_eq!(check(here, None, here), Ok(()));
        assert_eq!(check(here, None, prefix), Ok(()));
        let why = check(there, None, prefix).unwrap_err();
        assert!(why.contains("--target-consent 2001:db8::7"), "{why}");
        assert!(check(there, Some("2001:db8::8"), prefix).is_err());
        for said in ["2001:db8::7", "2001:DB8:0:0:0:0:0:7", "[2001:db8::7]"] {
            assert_eq!(check(there, Some(said), prefix), Ok(()));
        }
        for (to, first) in [
            (there, here),
            (here, ip("127.1.0.1")),
            (ip("127.0.0.1"), here),
        ] {
            let why = check(to, Some("2001:db8::7"), first).unwrap_err();
            assert!(why.contains("cannot be reached"), "{why}");
        }
    }
}

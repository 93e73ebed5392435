//! What can be typed after `bench` and `fleet`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use twinproof_judge::profile::Span;
use twinproof_load::{Enabler, Operation, Shard, Threshold};

use super::whole;

pub(crate) const EXAMPLES: &str = "\
Examples:
  twinproof bench registration --devices 100000 --rate 5000/s --duration 60s
  twinproof bench update --sut my-server.toml --rate 200/s --threshold 'update.p99<50ms'
  twinproof bench send --closed 64 --report out
  twinproof bench notify --sut my-server.toml --rate 200/s --threshold 'notify.loss<0.1%'
  twinproof bench mixed --share update=4 --share notify=10 --share read=1
  twinproof bench registration --dtls --devices 10000 --rate 500/s
  twinproof bench handshake --sut my-coaps-server.toml --rate 100/s --threshold 'handshake.p99<500ms'
  twinproof bench dm-session --devices 1000 --rate 100/s
  twinproof bench twinning --devices 500 --rate 20/s
  twinproof bench fanout --devices 1000 --group 100 --rate 2/s --threshold 'fanout.p90<5s'
  twinproof bench plan --devices 2000000
  twinproof bench search update --sut my-server.toml --threshold 'update.p99<50ms'
  twinproof bench compare old.toml new.toml --operation update --closed 64
  twinproof bench update --sut my-server.toml --rate 9000/s --shard 0/2 --report part-0
  twinproof bench merge part-0 part-1 --report whole";

pub(crate) const FLEET_EXAMPLES: &str = "\
Examples:
  twinproof fleet reconnect-storm --devices 2000
  twinproof fleet town --devices 650 --for 2m
  twinproof fleet storm.toml --for 10m
  twinproof fleet storm.toml --sut my-server.toml --report out";

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Whether one server bears load otherwise than another: runs of both take turns
    Compare(Compare),
    /// Devices hold sessions with their DM server, each asked for something in it
    DmSession(Load),
    /// A server has a gateway fan commands out to groups of hidden devices, and waits for the report on all of them
    Fanout(Fanout),
    /// Devices lose their associations with the server and shake hands anew (--dtls, or a server behind coaps://)
    Handshake(Load),
    /// Devices register; all but the first time anew
    Registration(Load),
    /// What the generator itself costs on this machine, beside a bare loop that sends the same datagrams
    Floor(Floor),
    /// What all shards of a workload come to, as one run
    Merge(Merge),
    /// Devices do several things, as often as their shares say
    Mixed(Mixed),
    /// Devices that the server observes report new values, each of which has to be confirmed
    Notify(Load),
    /// What a number of devices needs of this machine, and what of it is missing
    Plan(Plan),
    /// The operator of the server reads values of registered devices
    Read(Load),
    /// The highest rate at which the thresholds hold
    Search(Search),
    /// Registered devices send a value unasked (LwM2M 1.1)
    Send(Load),
    /// The built-in server alone, until its input ends
    #[command(hide = true)]
    Serve(Serve),
    /// Pairs of a primary and a secondary device are twinned, switched off and on, and taken apart
    Twinning(Load),
    /// Registered devices update their registrations
    Update(Load),
}

impl Bench {
    /// What devices do, and how, if that is what is wanted.
    pub(crate) fn load(&self) -> Option<(Vec<Share>, &Load)> {
        let only = |operation, load| {
            Some((
                vec![Share {
                    operation,
                    share: 1,
                }],
                load,
            ))
        };
        match self {
            Self::Mixed(mixed) => Some((mixed.shares.clone(), &mixed.load)),
            Self::DmSession(load) => only(Operation::DmSession, load),
            Self::Fanout(fanout) => only(Operation::Fanout, &fanout.load),
            Self::Handshake(load) => only(Operation::Handshake, load),
            Self::Notify(load) => only(Operation::Notify, load),
            Self::Read(load) => only(Operation::Read, load),
            Self::Registration(load) => only(Operation::Register, load),
            Self::Send(load) => only(Operation::Send, load),
            Self::Twinning(load) => only(Operation::Twinning, load),
            Self::Update(load) => only(Operation::Update, load),
            _ => None,
        }
    }
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Serve {
    /// Of this enabler
    #[arg(long, value_name = "NAME", default_value = "lwm2m")]
    pub(crate) enabler: String,
    /// How many devices it knows, where it has to know them
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) devices: u32,
    /// Broken in this way
    #[arg(long, value_name = "NAME")]
    pub(crate) mutant: Option<String>,
    /// Heard at ::1 and not at 127.0.0.1, if it is of LwM2M
    #[arg(long)]
    pub(crate) v6: bool,
    /// Behind DTLS, for so many devices: its profile is said first
    #[arg(long, requires = "devices")]
    pub(crate) dtls: bool,
    /// With the keys that [lwm2m.fleet] of this profile says, and not with some of its own
    #[arg(long, value_name = "FILE", requires = "dtls")]
    pub(crate) keys: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Fanout {
    /// How many devices are in a group, each of which a fan-out is for; the last may have fewer
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = whole(1_u32, 10_000_000), allow_negative_numbers = true)]
    pub(crate) group: u32,
    #[command(flatten)]
    pub(crate) load: Load,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Mixed {
    /// How often devices do something, as a share of the sum: update=4; to be said for each thing that they do
    #[arg(long = "share", value_name = "NAME=N", required = true, value_parser = share)]
    pub(crate) shares: Vec<Share>,
    #[command(flatten)]
    pub(crate) load: Load,
}

/// How often devices do something beside other things.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Share {
    pub(crate) operation: Operation,
    pub(crate) share: u32,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) against: Against,
    #[command(flatten)]
    pub(crate) beside: Beside,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Pace {
    /// How many devices there are
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = whole(1_u32, 10_000_000), allow_negative_numbers = true)]
    pub(crate) devices: u32,
    /// The address of the first, of IPv4 or of IPv6; the others follow
    #[arg(long, value_name = "IP", default_value = "127.1.0.1")]
    pub(crate) first: IpAddr,
    /// Instead of an address of its own, each has a port of its own of that address, from this one on: 64512 at most
    #[arg(long, value_name = "PORT", value_parser = whole(1_u16, u16::MAX), allow_negative_numbers = true)]
    pub(crate) ports: Option<u16>,
    /// How many operations begin in a second, whether those before are answered or not [default: 1000/s; fan-outs 2/s]
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Instead: so many operations are under way at any time, each begun when one is answered
    #[arg(long, value_name = "N", conflicts_with = "rate", value_parser = whole(1_u32, 1_000_000), allow_negative_numbers = true)]
    pub(crate) closed: Option<u32>,
    /// Begin operations at random, as many do who know nothing of each other, and not at equal distances
    #[arg(long, conflicts_with = "closed")]
    pub(crate) poisson: bool,
    /// How long
    #[arg(long, value_name = "SPAN", default_value = "10s")]
    pub(crate) duration: Span,
    /// How much of it is not measured, at its beginning
    #[arg(long, value_name = "SPAN", default_value = "1s")]
    pub(crate) warm_up: Span,
    /// What has to hold: register.p99<50ms, update.rate>=990/s, send.loss<0.1%; exit code 1 if it does not
    #[arg(long = "threshold", value_name = "BOUND")]
    pub(crate) thresholds: Vec<Threshold>,
    /// What all random choices follow from
    #[arg(long, value_name = "N", default_value_t = super::SEED)]
    pub(crate) seed: u64,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Plan {
    /// How many devices there are to be
    #[arg(long, value_name = "N", value_parser = whole(1_u32, u32::MAX - 1), allow_negative_numbers = true)]
    pub(crate) devices: u32,
    /// The address of the first
    #[arg(long, value_name = "IP", default_value = "127.1.0.1")]
    pub(crate) first: IpAddr,
    /// Instead of an address of its own, each has a port of its own of that address, from this one on: 64512 at most
    #[arg(long, value_name = "PORT", value_parser = whole(1_u16, u16::MAX), allow_negative_numbers = true)]
    pub(crate) ports: Option<u16>,
    /// They come over DTLS, each with an association of its own
    #[arg(long)]
    pub(crate) dtls: bool,
    /// The life time of their registrations, which are renewed once in it
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    pub(crate) lifetime: Span,
    /// What they do
    #[arg(long, value_name = "NAME", default_value = "update", value_parser = own_operation)]
    pub(crate) operation: Operation,
    /// How often they do it in a second, beside renewing their registrations
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub(crate) rate: Option<f64>,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Search {
    /// What devices do
    #[arg(value_parser = operation)]
    pub(crate) operation: Operation,
    #[command(flatten)]
    pub(crate) against: Against,
    /// How many devices there are
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = whole(1_u32, 10_000_000), allow_negative_numbers = true)]
    pub(crate) devices: u32,
    /// The rate of the first trial
    #[arg(long, value_name = "N/s", default_value = "500/s", value_parser = rate)]
    pub(crate) from: f64,
    /// The highest rate that is tried
    #[arg(long, value_name = "N/s", default_value = "1000000/s", value_parser = rate)]
    pub(crate) most: f64,
    /// How near to each other what holds and what does not have to come, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = whole(1_u32, 50), allow_negative_numbers = true)]
    pub(crate) within: u32,
    /// How long a trial takes; longer by itself where a threshold needs more samples
    #[arg(long, value_name = "SPAN", default_value = "5s")]
    pub(crate) trial: Span,
    /// How much of it is not measured, at its beginning
    #[arg(long, value_name = "SPAN", default_value = "1s")]
    pub(crate) warm_up: Span,
    /// Begin operations at random, and not at equal distances
    #[arg(long)]
    pub(crate) poisson: bool,
    /// What has to hold; p99<50ms, loss<0.1% and refused<0.1% of the operation if nothing is said
    #[arg(long = "threshold", value_name = "BOUND")]
    pub(crate) thresholds: Vec<Threshold>,
    /// What all random choices follow from
    #[arg(long, value_name = "N", default_value_t = super::SEED)]
    pub(crate) seed: u64,
}

/// What stands for the built-in server where a profile is expected.
pub(crate) const BUILT_IN: &str = "built-in";

#[derive(ClapArgs, Debug)]
pub(crate) struct Compare {
    /// The profile of the server that is held against the other, or built-in; or the folder of its runs
    pub(crate) a: PathBuf,
    /// The profile of the other, or built-in; or the folder of its runs
    pub(crate) b: PathBuf,
    /// What devices do
    #[arg(long, value_name = "NAME", default_value = "update", value_parser = operation, conflicts_with = "workload")]
    pub(crate) operation: Operation,
    /// Instead: a workload that says what they do, as `fleet` reads it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["devices", "rate", "closed", "poisson", "duration", "warm_up", "seed", "thresholds"])]
    pub(crate) workload: Option<PathBuf>,
    /// How many runs of each there are
    #[arg(long, value_name = "N", default_value_t = twinproof_load::FEWEST, value_parser = whole(twinproof_load::FEWEST, twinproof_load::MOST), allow_negative_numbers = true)]
    pub(crate) runs: usize,
    #[command(flatten)]
    pub(crate) pace: Pace,
    /// The IP address of a server that is not on this machine, of which you say that its owner agrees
    #[arg(long, value_name = "HOST")]
    pub(crate) target_consent: Option<String>,
    /// Where compare.json and the reports of all runs go
    #[arg(long, value_name = "DIR", default_value = "twinproof-load")]
    pub(crate) report: PathBuf,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Floor {
    /// How many devices there are
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = whole(1_u32, 10_000_000), allow_negative_numbers = true)]
    pub(crate) devices: u32,
    /// What they do; twinning over HTTP, where a device lists its twinnings; mixed is register, update and notify in equal parts,
    /// by as many devices each
    #[arg(long, value_name = "NAME", default_value = "update", value_parser = floor_of)]
    pub(crate) operation: FloorOf,
    /// How many rounds there are, of which each has both
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = whole(1_u32, 1_000), allow_negative_numbers = true)]
    pub(crate) rounds: u32,
    /// How long a round takes
    #[arg(long, value_name = "SPAN", default_value = "1s")]
    pub(crate) round: Span,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Fleet {
    /// The workload, or the name of one that is shipped; --presets lists them
    #[arg(required_unless_present = "presets")]
    pub(crate) workload: Option<PathBuf>,
    /// List the workloads that are shipped
    #[arg(long, conflicts_with = "workload")]
    pub(crate) presets: bool,
    /// How many devices there are instead; rates go with them
    #[arg(long, value_name = "N", value_parser = whole(1_u32, 10_000_000), allow_negative_numbers = true)]
    pub(crate) devices: Option<u32>,
    /// How long it takes instead: the last stage goes on, or the last ones are left out
    #[arg(long = "for", value_name = "SPAN")]
    pub(crate) span: Option<Span>,
    #[command(flatten)]
    pub(crate) against: Against,
    #[command(flatten)]
    pub(crate) beside: Beside,
}

/// What goes on beside a run.
#[derive(ClapArgs, Debug)]
pub(crate) struct Beside {
    /// Only this share of it, of N that run at the same time, from 0/N to N-1/N; `bench merge` puts their reports together
    #[arg(long, value_name = "K/N", requires = "sut")]
    pub(crate) shard: Option<Shard>,
    /// Tell how the run goes while it does, as OpenMetrics, at /metrics of this address
    #[arg(long, value_name = "ADDR", value_parser = crate::bench::place)]
    pub(crate) metrics: Option<SocketAddr>,
    /// The IP address of this machine at which others may read that, too
    #[arg(long, value_name = "IP", requires = "metrics")]
    pub(crate) metrics_consent: Option<IpAddr>,
    /// Where the server itself tells what it takes, as Prometheus reads it, second by second: an http:// URL
    #[arg(long, value_name = "URL", requires = "sut", conflicts_with = "sut_pid")]
    pub(crate) scrape: Option<String>,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Merge {
    /// The report folders of all shards
    #[arg(required = true)]
    pub(crate) shards: Vec<PathBuf>,
    /// Where load.json, load.html, load.csv and load.hlog of the whole go; a folder that is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "twinproof-load")]
    pub(crate) report: PathBuf,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Against {
    /// The profile of the server; without one, the built-in server in a process of its own
    #[arg(long, value_name = "FILE")]
    pub(crate) sut: Option<PathBuf>,
    /// Have devices of LwM2M come over DTLS, each with a pre-shared key of its own: to the built-in server, or to the coaps:// of a
    /// profile that has coap://, too; [lwm2m.fleet] of a profile says with which keys
    #[arg(long)]
    pub(crate) dtls: bool,
    /// The IP address of a server that is not on this machine, of which you say that its owner agrees
    #[arg(long, value_name = "HOST")]
    pub(crate) target_consent: Option<String>,
    /// The process of a server that runs on this machine, whose processor time and memory are then reported
    #[arg(long, value_name = "PID", requires = "sut")]
    pub(crate) sut_pid: Option<u32>,
    /// Where load.json, load.html, load.csv and load.hlog go; a folder that is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "twinproof-load")]
    pub(crate) report: PathBuf,
}

pub(super) fn rate(typed: &str) -> Result<f64, String> {
    let number = typed.strip_suffix("/s").unwrap_or(typed).parse::<f64>();
    number
        .ok()
        .filter(|rate| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| "expected a number above 0 and /s, such as 5000/s".to_owned())
}

fn operation(typed: &str) -> Result<Operation, String> {
    let mut all = Operation::ALL.to_vec();
    all.retain(|one| !one.is_part());
    one_of(typed, &all)
}

/// What devices do without anybody who makes the server act.
fn own_operation(typed: &str) -> Result<Operation, String> {
    let mut own = Operation::ALL.to_vec();
    own.retain(|one| one.enabler() == Enabler::Lwm2m && !one.needs_operator() && !one.needs_dtls());
    one_of(typed, &own)
}

/// What a floor is measured of.
#[derive(Clone, Debug)]
pub(crate) struct FloorOf {
    pub(crate) name: String,
    pub(crate) operations: Vec<Operation>,
}

/// What fleets do most: what they are held against the floor by.
const MIXED: [Operation; 3] = [Operation::Register, Operation::Update, Operation::Notify];

/// What there is a bare loop for, too: notifications, as the server of a floor observes by itself, and what a twinned
/// device does.
fn floor_of(typed: &str) -> Result<FloorOf, String> {
    let name = typed.to_owned();
    if typed == "mixed" {
        let operations = MIXED.to_vec();
        return Ok(FloorOf { name, operations });
    }
    let known = one_of(typed, &[Operation::Notify, Operation::Twinning]);
    let operation = known.or_else(|_| {
        own_operation(typed).map_err(|expected| format!("{expected}, mixed, notify, twinning"))
    })?;
    let operations = vec![operation];
    Ok(FloorOf { name, operations })
}

fn one_of(typed: &str, known: &[Operation]) -> Result<Operation, String> {
    let found = known.iter().find(|known| known.name() == typed);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|one| one.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

pub(super) fn share(typed: &str) -> Result<Share, String> {
    let (name, number) = typed
        .split_once('=')
        .ok_or_else(|| "expected a name and a number, such as update=4".to_owned())?;
    let share = number
        .parse()
        .ok()
        .filter(|share| (1..=MOST_SHARE).contains(share));
    Ok(Share {
        operation: operation(name)?,
        share: share.ok_or_else(|| format!("expected a number from 1 to {MOST_SHARE}"))?,
    })
}

/// So great may a share be; the sum of all of them fits into what they are counted with.
const MOST_SHARE: u32 = 1_000_000;

//! What can be typed after `bench` and `fleet`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use twinproof_judge::profile::Span;
use twinproof_load::{Operation, Threshold};

use super::whole;

pub(crate) const EXAMPLES: &str = "\
Examples:
  twinproof bench registration --devices 100000 --rate 5000/s --duration 60s
  twinproof bench update --sut my-server.toml --rate 200/s --threshold 'update.p99<50ms'
  twinproof bench send --closed 64 --report out";

pub(crate) const FLEET_EXAMPLES: &str = "\
Examples:
  twinproof fleet storm.toml
  twinproof fleet storm.toml --sut my-server.toml --report out";

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Devices register; all but the first time anew
    Registration(Load),
    /// What the generator itself costs on this machine, beside a bare loop that sends the same datagrams
    Floor(Floor),
    /// Registered devices send a value unasked (LwM2M 1.1)
    Send(Load),
    /// The built-in server alone, until its input ends
    #[command(hide = true)]
    Serve,
    /// Registered devices update their registrations
    Update(Load),
}

impl Bench {
    /// What devices do, and how, if that is what is wanted.
    pub(crate) const fn load(&self) -> Option<(Operation, &Load)> {
        Some(match self {
            Self::Registration(load) => (Operation::Register, load),
            Self::Send(load) => (Operation::Send, load),
            Self::Floor(_) | Self::Serve => return None,
            Self::Update(load) => (Operation::Update, load),
        })
    }
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) against: Against,
    /// How many devices there are
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = whole(1_u32, 10_000_000), allow_negative_numbers = true)]
    pub(crate) devices: u32,
    /// How many operations begin in a second, whether those before are answered or not
    #[arg(long, value_name = "N/s", default_value = "1000/s", value_parser = rate)]
    pub(crate) rate: f64,
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
pub(crate) struct Floor {
    /// How many devices there are
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = whole(1_u32, 10_000_000), allow_negative_numbers = true)]
    pub(crate) devices: u32,
    /// What they do
    #[arg(long, value_name = "NAME", default_value = "update", value_parser = operation)]
    pub(crate) operation: Operation,
    /// How many rounds there are, of which each has both
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = whole(1_u32, 1_000), allow_negative_numbers = true)]
    pub(crate) rounds: u32,
    /// How long a round takes
    #[arg(long, value_name = "SPAN", default_value = "1s")]
    pub(crate) round: Span,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Fleet {
    /// The workload
    pub(crate) workload: PathBuf,
    #[command(flatten)]
    pub(crate) against: Against,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Against {
    /// The profile of the server; without one, the built-in server in a process of its own
    #[arg(long, value_name = "FILE")]
    pub(crate) sut: Option<PathBuf>,
    /// The IP address of a server that is not on this machine, of which you say that its owner agrees
    #[arg(long, value_name = "HOST")]
    pub(crate) target_consent: Option<String>,
    /// Where load.json, load.csv and load.hlog go; a folder that is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "twinproof-load")]
    pub(crate) report: PathBuf,
}

fn rate(typed: &str) -> Result<f64, String> {
    let number = typed.strip_suffix("/s").unwrap_or(typed).parse::<f64>();
    number
        .ok()
        .filter(|rate| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| "expected a number above 0 and /s, such as 5000/s".to_owned())
}

fn operation(typed: &str) -> Result<Operation, String> {
    let known = Operation::ALL
        .into_iter()
        .find(|known| known.name() == typed);
    known.ok_or_else(|| {
        let names = Operation::ALL.map(Operation::name);
        format!("expected one of {}", names.join(", "))
    })
}

//! What can be typed after `worker`.

use clap::Args as ClapArgs;
use twinproof_judge::profile::Span;
use twinproof_load::{Operation, Shard, Threshold};

use super::bench::{Against, Share, rate, share};
use super::whole;

pub(crate) const EXAMPLES: &str = "\
Examples:
  twinproof worker --locustfile > locustfile.py
  locust -f locustfile.py --master --headless --expect-workers 2 -u 1000 -r 100 -t 10m
  twinproof worker --locust master.example:5557 --sut my-server.toml
  twinproof worker --locust master.example:5557 --sut my-server.toml --shard 0/2 --report part-0";

#[derive(ClapArgs, Debug)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["locust", "locustfile"])))]
pub(crate) struct Worker {
    /// The Locust master: its host, and its port for workers
    #[arg(long, value_name = "HOST:PORT", requires = "sut")]
    pub(crate) locust: Option<String>,
    /// Print the locustfile that the master needs: one of its users is one device
    #[arg(long)]
    pub(crate) locustfile: bool,
    /// What devices do, and how often as a share of the sum; update if nothing is said
    #[arg(long = "share", value_name = "NAME=N", value_parser = share)]
    pub(crate) shares: Vec<Share>,
    /// How many devices all workers have together, whether they take part or not
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = whole(1_u32, 10_000_000), allow_negative_numbers = true)]
    pub(crate) devices: u32,
    /// Among how many workers they are shared; the master says which share is that of this one. A worker that comes anew
    /// takes a new share
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = whole(1_u32, 1_000), allow_negative_numbers = true)]
    pub(crate) workers: u32,
    /// Instead: the share of this worker, from 0/N to N-1/N; `bench merge` puts the reports of all shares together
    #[arg(long, value_name = "K/N", conflicts_with = "workers")]
    pub(crate) shard: Option<Shard>,
    /// How often each device that takes part does something
    #[arg(long, value_name = "N/s", default_value = "1/s", value_parser = rate)]
    pub(crate) each: f64,
    /// Begin operations at random, as many do who know nothing of each other, and not at equal distances
    #[arg(long)]
    pub(crate) poisson: bool,
    /// Devices that leave fall silent at once, and do not deregister
    #[arg(long)]
    pub(crate) silently: bool,
    /// How long a run may take, whatever the master says
    #[arg(long = "for", value_name = "SPAN", default_value = "1h")]
    pub(crate) span: Span,
    /// What has to hold of all shares together, as `bench merge` judges
    #[arg(long = "threshold", value_name = "BOUND")]
    pub(crate) thresholds: Vec<Threshold>,
    /// What all random choices follow from
    #[arg(long, value_name = "N", default_value_t = super::SEED)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) against: Against,
}

impl Worker {
    /// What devices do.
    pub(crate) fn shares(&self) -> Vec<Share> {
        match self.shares.is_empty() {
            true => vec![Share {
                operation: Operation::Update,
                share: 1,
            }],
            false => self.shares.clone(),
        }
    }
}

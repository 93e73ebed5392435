//! Load: what a system does when many want something of it.
//!
//! A [`Workload`] says who takes part and when they do what. Its [`Schedule`] does not wait for answers, and latency
//! runs from the moment at which an operation was meant to begin to the one at which the kernel received the answer: a
//! system that stalls cannot hide that by being asked less often. The devices are those that are judged.
#![forbid(unsafe_code)]

mod apart;
mod clocks;
mod compare;
mod crowd;
#[cfg(target_os = "linux")]
mod desk;
mod devices;
#[cfg(target_os = "linux")]
mod drive;
#[cfg(target_os = "linux")]
mod floor;
mod flow;
mod generator;
mod html;
mod jury;
mod keyring;
mod measure;
#[cfg(target_os = "linux")]
mod merge;
mod metrics;
mod operator;
mod parts;
mod payload;
#[cfg(target_os = "linux")]
mod plan;
mod presets;
mod report;
#[cfg(target_os = "linux")]
mod run;
mod schedule;
mod search;
#[cfg(target_os = "linux")]
mod serve;
mod sessions;
mod shard;
mod sleep;
#[cfg(target_os = "linux")]
mod start;
mod threshold;
#[cfg(target_os = "linux")]
mod together;
mod turns;
#[cfg(target_os = "linux")]
mod web;
pub mod words;
mod workload;

pub use clocks::{About, Every};
pub use compare::{ALPHA, Compared, FEWEST, Finding, MOST, compare};
pub use crowd::{Leaving, Steer, Step};
#[cfg(target_os = "linux")]
pub use desk::desk_of;
pub use devices::{Devices, shared};
#[cfg(target_os = "linux")]
pub use drive::{drive, drive_judged, drive_steered};
#[cfg(target_os = "linux")]
pub use floor::{Floor, Round, floor};
pub use generator::{Counts, Generator, Phase, Send, Traffic};
pub use html::html;
pub use jury::{Broken, Judgement, Jury, Rule};
pub use keyring::{Keyring, fresh_keys};
pub use measure::{BEYOND, Measures, Outcome, Second, Totals};
#[cfg(target_os = "linux")]
pub use merge::{Part, merge};
pub use metrics::{OPENMETRICS, openmetrics};
pub use operator::{Ask, Said};
pub use parts::Part as WorkloadPart;
pub use payload::{Format, Octets, Payload};
#[cfg(target_os = "linux")]
pub use plan::{Asked, Association, Costs, Machine, Plan, costs, machine, octets, plan};
pub use presets::{PRESETS, Preset};
pub use report::{
    Headroom, Health, Judged, Measured, PERCENTILES, Problem, ProblemKind, Report, Steered, System,
    Taken, Verdict, hlog,
};
#[cfg(target_os = "linux")]
pub use run::{
    NoRun, Run, Target, address_of, open_built_in, run, run_shard, run_steered, serve_built_in,
    serve_built_in_secured,
};
pub use schedule::Schedule;
pub use search::{Found, Limit, Search, Trial, trial};
#[cfg(target_os = "linux")]
pub use serve::serve;
pub use sessions::Sealed;
pub use shard::Shard;
pub use sleep::Queue;
pub use threshold::{Holds, Metric, Side, Threshold};
#[cfg(target_os = "linux")]
pub use together::{Aim, run_parts};
#[cfg(target_os = "linux")]
pub use twinproof_sockets::{Socket, cpu_of_process};
#[cfg(target_os = "linux")]
pub use web::{Gateway, Place, Site, WebFloor, WebRound, fanout_patience, floor_web, run_web};
pub use workload::{
    Arrivals, Devices as Fleet, Enabler, Limits, Operation, Stage, Unusable, WATCHED, Workload,
};

/// What operators ask of servers, and what they are told.
pub mod upper {
    pub use twinproof_lwm2m::upper::{Answer, Operation};
}

/// The decisions of the built-in server.
pub mod rules {
    pub use twinproof_lwm2m::server::rules::{Rules, Standard};
}

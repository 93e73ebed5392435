//! Performs scenarios on a stage and leaves a ledger.
//!
//! Given and When bring a situation about, Then probes and records which check is to look at it.
//! Nothing here judges: a verdict is what [`twinproof_judge::judge`] reads in the ledger.
#![forbid(unsafe_code)]

mod clean;
mod course;
mod lookup;
mod pool;
mod run;
mod steps;
pub mod suite;
mod target;
mod turns;
mod world;

pub use clean::{Leftover, clean as clean_on};
pub use pool::{devices_needed, subscribers_needed};
pub use run::{Outcome, Run, STARTED_ON_VIRTUAL, clean, perform};
pub use target::{
    BOOTSTRAP_SERVER, BuiltIn, Part, Places, SERVERS, Target, coap_authority, credentials_of,
    elsewhere, host_and_port, network, place_dm_server, place_gateway, place_servers,
};
pub use turns::{Turn, Turns};
pub use twinproof_kernel::Faults;
pub use twinproof_stage::KeyLog;

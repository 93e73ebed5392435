//! Performs scenarios on a stage and leaves a ledger.
//!
//! Given and When bring a situation about, Then probes and records which check is to look at it.
//! Nothing here judges: a verdict is what [`twinproof_judge::judge`] reads in the ledger.
#![forbid(unsafe_code)]

mod course;
mod run;
mod steps;
pub mod suite;
mod target;
mod world;

pub use run::{Outcome, Run, STARTED_ON_VIRTUAL, perform};
pub use target::{BuiltIn, Target};

//! What is said of a run: the [`ledger`] that is written while it happens, and the [`report`] that
//! is judged from it afterwards.
#![forbid(unsafe_code)]

pub mod baseline;
pub mod ledger;
pub mod manifest;
pub mod record;
pub mod report;
pub mod secrets;
mod verdict;

pub use verdict::{ExitCode, Verdict};

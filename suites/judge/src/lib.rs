//! Reads a ledger and says what it means.
//!
//! Pure: no sockets, no clock, no randomness. The same ledger, catalogue and checks give the same
//! report, whether the run has just ended or was archived a year ago.
#![forbid(unsafe_code)]

mod assumed;
pub mod baseline;
pub mod capabilities;
pub mod catalogue;
pub mod checks;
mod claimed;
pub mod compare;
pub mod condition;
mod contact;
mod datagram;
mod features;
mod judge;
mod observed;
pub mod profile;
pub mod proofs;
mod retell;
mod scenario;
pub mod scene;
pub mod sources;
pub mod waiting;

pub use features::Features;
pub use judge::{disclaimed, judge};
pub use retell::{Words, retell};

/// The features and requirement files that are built in.
pub static FEATURES: std::sync::LazyLock<Features> = std::sync::LazyLock::new(Features::built_in);

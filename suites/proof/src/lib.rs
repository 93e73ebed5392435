//! Proof of the verdicts.

pub mod builtin;
pub mod kill;
pub mod properties;
pub mod serve;

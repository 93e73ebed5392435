//! Proof of the verdicts.

mod bench;
pub mod builtin;
pub mod kill;
pub mod properties;
pub mod serve;
pub mod variants;

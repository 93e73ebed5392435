//! Proof of the verdicts.

pub mod builtin;

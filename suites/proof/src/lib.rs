//! Proof of the verdicts.

mod bench;
pub mod bootstrap;
pub mod builtin;
pub mod dm;
pub mod dm_bootstrap;
pub mod gwmo;
pub mod kill;
pub mod lwm2m;
pub mod properties;
pub mod serve;
pub mod variants;
pub mod whole;

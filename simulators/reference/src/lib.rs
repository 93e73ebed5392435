//! The built-in systems under test: roles composed, and what can be broken in them.
#![forbid(unsafe_code)]

pub mod dm;
pub mod gwmo;
pub mod lwm2m;
pub mod mutants;
pub mod twinning;
pub mod variants;

//! What every simulated party is made of.
//!
//! A party is a [`Role`]: a state machine that is handed an [`Input`] and the [`Time`] and leaves
//! its [`Output`]s in an [`Outbox`]. It owns no socket, no clock and no source of randomness, so the
//! same role runs over real sockets, on a virtual clock, or a million at a time.
#![forbid(unsafe_code)]

pub mod hash;
pub mod hook;
pub mod http;
mod link;
mod rest;
mod role;
mod rules;
mod seed;
mod time;

pub use link::{Faults, Link, Way};
pub use rest::{Identity, Rests};
pub use role::{
    CallId, Change, ExchangeId, Input, Outbox, Output, PreSharedKey, Records, Role, WriteId,
};
pub use seed::Seed;
pub use time::Time;

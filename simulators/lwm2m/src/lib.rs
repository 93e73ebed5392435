//! Lightweight M2M 1.0 to 1.2.
//!
//! [`wire`] turns payloads into values with paths and back, for every content format; [`model`] says
//! which objects and resources there are and what type each has. [`device`] and [`server`] are the
//! parties, [`bootstrap`] gives devices their accounts; [`upper`] is what an application asks of a
//! server.
#![forbid(unsafe_code)]

pub mod bootstrap;
pub mod device;
pub mod model;
pub mod server;
pub mod upper;
pub mod wire;

//! The RESTful Network API for Twinning devices.
//!
//! Representations ([`tree`], [`message`]), what the public texts leave open ([`knobs`]), and the
//! parties: [`device`], [`enabler`].
#![forbid(unsafe_code)]

pub mod address;
pub mod device;
pub mod enabler;
pub mod knobs;
pub mod message;
pub mod operator;
pub mod secrets;
pub mod tree;
pub mod url;

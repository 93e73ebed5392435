//! Lightweight M2M.
#![forbid(unsafe_code)]

pub mod device;
pub mod server;

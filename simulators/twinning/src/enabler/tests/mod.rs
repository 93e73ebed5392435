//! The core, driven without a stage.

mod bench;
mod channels;
mod life_cycle;
mod notifications;
mod partners;
mod restart;
mod tokens;

//! The core, driven without a stage.

mod bench;
mod life_cycle;
mod restart;
mod tokens;

//! What tests of a generator on a clock of our own have in common.

use std::net::SocketAddr;

use twinproof_load::{Devices, Generator, Health, Report};

/// Where the server is that devices speak to.
pub fn server() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5683))
}

/// What is said of a generator in which nothing was wrong.
pub fn report(generator: &Generator<'_, Devices>) -> Report {
    let measured = (generator.measures(), generator.counts());
    let (workload, target) = (generator.workload(), server().to_string());
    Report::new(workload, target, measured, Health::default(), None)
}

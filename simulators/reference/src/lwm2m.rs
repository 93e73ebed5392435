//! The built-in LwM2M system: a server and a client for LwM2M 1.1, which includes 1.0.

use std::net::SocketAddr;
use std::sync::Arc;

use twinproof_lwm2m::device;
use twinproof_lwm2m::server::Shared;
use twinproof_lwm2m::server::rules::Rules;
use twinproof_lwm2m::wire::Version;

use crate::variants::lwm2m::Shape;

/// The newest version of the enabler that it supports.
pub const VERSION: Version = Version::V1_1;

/// How a server of this shape is set up that decides by these rules.
pub fn set_up(shape: &Shape, rules: Arc<dyn Rules>) -> Shared {
    Shared {
        location: shape.location.iter().map(|&s| s.to_owned()).collect(),
        separate: shape.separate,
        parameters: shape.parameters.clone(),
        rules,
        ..Shared::new(shape.version)
    }
}

/// The life time of the built-in client's registrations, s.
const LIFETIME: u32 = 86_400;

/// How a client with these servers is set up that decides by these rules.
pub fn client(servers: &[SocketAddr], rules: Arc<dyn device::rules::Rules>) -> device::Shared {
    device::Shared {
        rules,
        ..device::Shared::new(VERSION, LIFETIME, servers)
    }
}

//! The built-in LwM2M system: a server for LwM2M 1.0.

use std::sync::Arc;

use twinproof_lwm2m::server::Shared;
use twinproof_lwm2m::server::rules::Rules;
use twinproof_lwm2m::wire::Version;

/// The newest version of the enabler that it supports.
pub const VERSION: Version = Version::V1_0;

/// How the server is set up that decides by these rules.
pub fn set_up(rules: Arc<dyn Rules>) -> Shared {
    Shared {
        rules,
        ..Shared::new(VERSION)
    }
}

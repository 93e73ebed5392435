//! The built-in gateway.

use std::sync::Arc;

use twinproof_dm::{client, store};
use twinproof_gwmo::gateway::{Shared, rules};

/// How a gateway is set up that decides by these rules.
pub fn gateway(rules: Arc<dyn rules::decide::Rules>) -> Shared {
    let sessions = Arc::new(client::rules::decide::Standard);
    let trees = Arc::new(store::rules::decide::Standard);
    Shared {
        rules,
        client: crate::dm::client(sessions, trees),
        ..Shared::default()
    }
}

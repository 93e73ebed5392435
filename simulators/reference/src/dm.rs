//! The built-in DM system: a client, a server and a bootstrap server for DM 1.2, which is the base of 1.3.

use std::sync::Arc;

use twinproof_dm::{bootstrap, client, server, store};

/// How a client is set up that decides by these rules in sessions, and by these about its tree.
pub fn client(
    rules: Arc<dyn client::rules::decide::Rules>,
    tree_rules: Arc<dyn store::rules::decide::Rules>,
) -> client::Shared {
    client::Shared {
        max_messages: 100,
        rules,
        tree_rules,
        ..client::Shared::default()
    }
}

/// How a server is set up that decides by these rules.
pub fn server(rules: Arc<dyn server::rules::decide::Rules>) -> server::Shared {
    server::Shared {
        rules,
        ..server::Shared::default()
    }
}

/// How a bootstrap server is set up that decides by these rules.
pub fn bootstrap_server(
    rules: Arc<dyn bootstrap::rules::decide::Rules>,
) -> bootstrap::server::Shared {
    bootstrap::server::Shared {
        rules,
        ..bootstrap::server::Shared::default()
    }
}

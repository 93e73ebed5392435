//! Access tokens: those that devices are provisioned with.

use super::rules::Scope;
use super::{Enabler, Turn};

/// All scopes of this API.
pub(super) const ALL: [Scope; 5] = [
    Scope::Activate,
    Scope::Read,
    Scope::Toggle,
    Scope::Deactivate,
    Scope::Subscription,
];

/// What the enabler knows of a presented token.
pub(super) struct Bearer {
    /// The address of the device that it was issued to.
    pub(super) address: String,
    pub(super) scopes: Vec<Scope>,
    pub(super) expired: bool,
    pub(super) revoked: bool,
}

impl Enabler {
    /// Whose token this is.
    pub(super) fn bearer(&self, turn: Turn<'_>, token: &str) -> Option<Bearer> {
        turn.config.subscribers.iter().find_map(|subscriber| {
            let (scopes, expired) = match token {
                t if t == subscriber.token => (ALL.to_vec(), false),
                t if t == subscriber.expired_token => (ALL.to_vec(), true),
                t if t == subscriber.unscoped_token => (Vec::new(), false),
                _ => return None,
            };
            Some(Bearer {
                address: subscriber.address.clone(),
                scopes,
                expired,
                revoked: false,
            })
        })
    }
}

/// What a scope is called (digest §9).
pub(super) fn scope_name(scope: Scope) -> String {
    let part = match scope {
        Scope::Activate => "activate",
        Scope::Deactivate => "deactivate",
        Scope::InterOperator => "intermno",
        Scope::Read => "read",
        Scope::Subscription => "subscription",
        Scope::Toggle => "toggle",
    };
    format!("oma_rest_twinning.{part}")
}

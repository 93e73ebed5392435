//! What an operator has provisioned.

use std::time::Duration;

use super::rules::Scope;
use crate::knobs::Knobs;

/// What an operator has provisioned.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the enabler is reached, without the API's own segments.
    pub base_url: String,
    /// The operator's identity (MCC-MNC).
    pub mno_id: String,
    /// How long an activation code lives.
    pub code_lifetime: Duration,
    /// How long an access token is good for.
    pub token_lifetime: Duration,
    /// How long an authorization code is good for.
    pub auth_code_lifetime: Duration,
    /// How long a poll of a notification channel waits for something to happen.
    pub poll_timeout: Duration,
    /// How long a client's request waits for a partner to answer; shorter than clients wait.
    pub partner_timeout: Duration,
    /// What the scopes of this API begin with.
    pub scope_prefix: String,
    /// The scope of tokens for the primary's network.
    pub network_scope: String,
    /// How many secondaries one primary may have.
    pub max_secondaries: usize,
    /// The operators with whom relationships may cross networks.
    pub partners: Vec<Partner>,
    /// The devices that may use the API.
    pub subscribers: Vec<Subscriber>,
    /// The interface's shapes.
    pub knobs: Knobs,
}

impl Config {
    /// The device with this address.
    pub fn subscriber(&self, address: &str) -> Option<&Subscriber> {
        self.subscribers.iter().find(|s| s.address == address)
    }

    /// The partner of this identity.
    pub fn partner(&self, mno_id: &str) -> Option<&Partner> {
        self.partners.iter().find(|p| p.mno_id == mno_id)
    }

    /// What a scope is called (digest §9); without one, that which stands for all of them.
    pub fn scope_name(&self, scope: Option<Scope>) -> String {
        let part = match scope {
            None => "all_v1",
            Some(Scope::Activate) => "activate",
            Some(Scope::Deactivate) => "deactivate",
            Some(Scope::InterOperator) => "intermno",
            Some(Scope::Read) => "read",
            Some(Scope::Subscription) => "subscription",
            Some(Scope::Toggle) => "toggle",
        };
        format!("{}.{part}", self.scope_prefix)
    }

    /// The path of the base URL: what stands in front of the API's own segments.
    pub fn base_path(&self) -> &str {
        let authority = self.base_url.find("://").map_or(0, |at| at + 3);
        self.base_url[authority..]
            .find('/')
            .map_or("", |at| &self.base_url[authority + at..])
    }
}

/// A provisioned device.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Its address.
    pub address: String,
    /// The access token that it starts with.
    pub token: String,
    /// A token of its own that has expired.
    pub expired_token: String,
    /// A token of its own without any scope of this API.
    pub unscoped_token: String,
    /// Its application's identity at the authorization server.
    pub client_id: String,
    /// Its application's secret there.
    pub client_secret: String,
    /// Its voice-mail retrieval address, if it has one.
    pub voice_mail: Option<String>,
}

/// A partner operator.
#[derive(Clone, Debug)]
pub struct Partner {
    /// Its identity.
    pub mno_id: String,
    /// Where its enabler is reached, without the API's own segments.
    pub base_url: String,
    /// The token that it presents.
    pub token: String,
    /// The token that it expects.
    pub expects_token: String,
    /// The identity of its devices' application at the authorization server.
    pub client_id: String,
    /// That application's secret there.
    pub client_secret: String,
}

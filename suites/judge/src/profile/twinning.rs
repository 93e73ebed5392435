//! The section on a Twinning enabler.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinproof_twinning::knobs::Knobs;

use super::{HookSpec, Span};

/// The authorization server of the system.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// Where tokens are requested.
    #[schemars(example = "https://enabler.example/oauth/token")]
    pub token_url: String,
    /// Where tokens are revoked, if that is offered.
    #[schemars(example = "https://enabler.example/oauth/revoke")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_url: Option<String>,
    /// A resource of the primary's network that takes the tokens which authorization codes are
    /// redeemed for; `{address}` stands for the primary's address as it stands in a URL.
    #[schemars(example = "https://enabler.example/api/messaging/v1/{address}/inbox")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_url: Option<String>,
    /// The scope that stands for everything.
    #[schemars(example = Authorization::default_scope())]
    #[serde(default = "Authorization::default_scope")]
    pub scope: String,
    /// How a secondary obtains its token for toggle, query and deactivation.
    #[serde(default)]
    pub secondary_token: SecondaryToken,
}

impl Authorization {
    fn default_scope() -> String {
        "oma_rest_twinning.all_v1".to_owned()
    }
}

/// How a secondary obtains its token for toggle, query and deactivation (HLF-SD-005).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondaryToken {
    /// With its client credentials at the token endpoint, once it is twinned.
    #[default]
    ClientCredentials,
    /// It keeps the token that it was provisioned with.
    Provisioned,
}

/// The operator that Twinproof plays.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its identity, as the system has it in its list of partners.
    #[schemars(example = "001-02")]
    pub mno_id: String,
    /// The token that it presents to the system.
    #[schemars(example = "its-token-at-the-system")]
    pub token: String,
    /// The token that the system presents to it.
    #[schemars(example = "the-token-of-the-system")]
    pub expects_token: String,
    /// The address of a device that it serves.
    #[serde(default = "Peer::default_address")]
    pub address: String,
    /// The identity of its devices' application at the system's authorization server.
    #[schemars(example = "peer-app")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// That application's secret there.
    #[schemars(example = "the-secret-of-peer-app")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

impl Peer {
    fn default_address() -> String {
        "tel:+12025550199".to_owned()
    }
}

/// A Twinning enabler.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Twinning {
    /// Where it is, without the API's own segments.
    pub base_url: String,
    /// The identity of its operator (MCC-MNC).
    #[schemars(example = "001-01")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mno_id: Option<String>,
    /// How long an activation code lives.
    #[serde(default = "Twinning::default_lifetime")]
    pub activation_code_lifetime: Span,
    /// How many secondary devices one primary may have, if there is a limit that a tester can reach.
    #[schemars(example = 4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_secondaries: Option<usize>,
    /// Stops the system and starts it again.
    #[schemars(example = "systemctl restart enabler")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<HookSpec>,
    /// Lets the system's clock jump forward.
    #[schemars(example = "./advance-clock {seconds}")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advance_clock: Option<HookSpec>,
    /// Its authorization server. Without it, what takes tokens or scopes is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// Base URL of its notification channel API, without the API's own segments.
    #[schemars(example = "https://enabler.example/api")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_channel: Option<String>,
    /// Whether its notification channels include web sockets.
    #[schemars(example = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub websocket_channel: Option<bool>,
    /// The operator that Twinproof plays towards it: a partner that is provisioned at the system.
    /// Without it, what happens between operators is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// The shapes of its interface.
    #[serde(default)]
    pub knobs: Knobs,
    /// Devices that are provisioned at the system. One scenario at a time has each of them.
    #[serde(default, rename = "subscriber")]
    pub subscribers: Vec<Subscriber>,
    /// Requirement label → whether the system offers it. What is not named is claimed if it binds.
    #[serde(default)]
    pub claims: BTreeMap<String, bool>,
}

impl Twinning {
    fn default_lifetime() -> Span {
        Span::from_secs(300)
    }
}

/// A provisioned device.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subscriber {
    /// Its address: a tel, sip or acr URI.
    pub address: String,
    /// Its access token.
    #[schemars(example = "its-token")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The environment variable that holds its access token.
    #[schemars(example = &"TOKEN_0100")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// A token of its own that has expired.
    #[schemars(example = "its-expired-token")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expired_token: Option<String>,
    /// A token of its own without the twinning scope.
    #[schemars(example = "its-token-for-something-else")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unscoped_token: Option<String>,
    /// Its application's identity at the authorization server.
    #[schemars(example = "app-0100")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Its application's secret there.
    #[schemars(example = "the-secret-of-app-0100")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The environment variable that holds that secret.
    #[schemars(example = &"SECRET_0100")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_env: Option<String>,
    /// Further addresses by which the system knows the same device, of this or of another kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Its voice-mail retrieval address, if it has one.
    #[schemars(example = "tel:+12025550190")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_mail: Option<String>,
}

impl Subscriber {
    /// Its access token, from the profile or the environment.
    ///
    /// # Errors
    ///
    /// Neither has it; the words name the variable.
    pub fn access_token(&self) -> Result<String, String> {
        self.credential("token", self.token.as_ref(), self.token_env.as_ref())
    }

    /// Its application's secret, from the profile or the environment.
    ///
    /// # Errors
    ///
    /// Neither has it; the words name the variable.
    pub fn secret(&self) -> Result<String, String> {
        let written = self.client_secret.as_ref();
        self.credential("client_secret", written, self.client_secret_env.as_ref())
    }

    /// Every secret that the profile or the environment has of it: kinds and values.
    pub fn secrets(&self) -> Vec<(&'static str, String)> {
        let written = |value: &Option<String>| value.clone();
        [
            ("token", self.access_token().ok()),
            ("token", written(&self.expired_token)),
            ("token", written(&self.unscoped_token)),
            ("secret", self.secret().ok()),
        ]
        .into_iter()
        .filter_map(|(kind, value)| Some((kind, value?)))
        .collect()
    }

    fn credential(
        &self,
        key: &str,
        written: Option<&String>,
        variable: Option<&String>,
    ) -> Result<String, String> {
        let named = match (written, variable) {
            (Some(value), _) => return Ok(value.clone()),
            (None, Some(variable)) => variable,
            (None, None) => {
                return Err(format!(
                    "subscriber {} has neither {key} nor {key}_env",
                    self.address
                ));
            }
        };
        let set = std::env::var(named)
            .ok()
            .filter(|value| !value.trim().is_empty());
        set.ok_or_else(|| {
            format!(
                "subscriber {} has no {key}, and ${named} is not set or empty",
                self.address
            )
        })
    }
}

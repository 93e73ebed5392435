//! The section on how a DM client is bootstrapped.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinproof_dm::bootstrap::Names;
use twinproof_dm::provisioning::protection::{KeyForm, Profile};

use super::HookSpec;
use super::dm_bootstrap::held;

/// How a DM client is bootstrapped, by the tester. What is pushed to it goes to `dm.client.push`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DmBootstrapped {
    /// Whether it takes client provisioning documents.
    pub provisioning: bool,
    /// Whether it takes messages of DM as bootstrap.
    pub message: bool,
    /// Whether a PIN and the identity of the subscriber together may protect a document, which is an option.
    pub userpin_networkid: bool,
    /// The identity of its subscriber in the network (IMSI, ESN).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id: Option<String>,
    /// The environment variable that holds it.
    #[schemars(example = &"NETWORK_ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id_env: Option<String>,
    /// The file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id_file: Option<String>,
    /// A secret that it shares with its network, which may stand in place of the identity (RD DM 1.3, SEC-001).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_secret: Option<String>,
    /// The environment variable that holds it.
    #[schemars(example = &"SHARED_SECRET")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_secret_env: Option<String>,
    /// The file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_secret_file: Option<String>,
    /// How it writes the identity of its subscriber into a key. Without it, one way is tried after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<DmIdentity>,
    /// Takes the client back to the accounts that this profile speaks of, before each scenario that bootstraps it.
    /// Without it, each of them leaves accounts behind, whose servers are never the same.
    #[schemars(example = "dmclient --forget-bootstrapped")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<HookSpec>,
    /// Enters what stands for `{pin}` where the client asks its user for a PIN. It succeeds as well where the client
    /// asks for none.
    #[schemars(example = "type-on-screen {pin}")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<HookSpec>,
    /// Has the client fetch its bootstrap from the address for which `{url}` stands.
    #[schemars(example = "dmclient --bootstrap-from {url}")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch: Option<HookSpec>,
    /// Announces what stands for `{url}` wherever the client looks for the address of its bootstrap server, and
    /// lets it look there.
    #[schemars(example = "announce-bootstrap {url} && dmclient --discover")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announce: Option<HookSpec>,
    /// Lets the client bootstrap itself from where it knows that there is a bootstrap server: by its object, or
    /// its card.
    #[schemars(example = "dmclient --bootstrap")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<HookSpec>,
    /// Puts a smart card into the client and switches it on: with the document in the file for which `{file}` stands,
    /// of the type for which `{type}` stands, and with the address for which `{url}` stands. What is empty is not
    /// on the card.
    #[schemars(example = "write-card --document {file} --url {url} && restart-client")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<HookSpec>,
    /// How it calls what no public text names.
    pub names: Names,
}

impl Default for DmBootstrapped {
    fn default() -> Self {
        Self {
            provisioning: true,
            message: false,
            userpin_networkid: false,
            network_id: None,
            network_id_env: None,
            network_id_file: None,
            shared_secret: None,
            shared_secret_env: None,
            shared_secret_file: None,
            identity: None,
            reset: None,
            pin: None,
            fetch: None,
            announce: None,
            call: None,
            card: None,
            names: Names::default(),
        }
    }
}

/// Ways of writing the identity of a subscriber into a key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DmIdentity {
    /// One octet for each digit.
    Digits,
    /// Two digits in an octet, as a SIM keeps it.
    SemiOctets,
}

impl DmBootstrapped {
    /// The identity of its subscriber.
    ///
    /// # Errors
    ///
    /// It is nowhere; the words say which key is missing.
    pub fn network_id(&self) -> Result<String, String> {
        let from = [
            &self.network_id,
            &self.network_id_env,
            &self.network_id_file,
        ];
        held("client under dm.client.bootstrap", "network_id", from)
    }

    /// The secret that it shares with its network.
    ///
    /// # Errors
    ///
    /// It is nowhere; the words say which key is missing.
    pub fn shared_secret(&self) -> Result<String, String> {
        let from = [
            &self.shared_secret,
            &self.shared_secret_env,
            &self.shared_secret_file,
        ];
        held("client under dm.client.bootstrap", "shared_secret", from)
    }

    /// The ways in which it may write the identity of its subscriber into the key of such a document, the likeliest
    /// first.
    pub fn forms(&self, profile: Profile) -> Vec<KeyForm> {
        match (self.identity, profile.key_form().0) {
            (Some(DmIdentity::Digits), _) => vec![KeyForm::Digits],
            (Some(DmIdentity::SemiOctets), _) => vec![KeyForm::SemiOctets],
            (None, KeyForm::Digits) => vec![KeyForm::Digits, KeyForm::SemiOctets],
            (None, KeyForm::SemiOctets) => vec![KeyForm::SemiOctets, KeyForm::Digits],
        }
    }

    /// The environment variables that it names where nothing is written, each with its key.
    pub fn variables(&self) -> Vec<(&'static str, &String)> {
        let all = [
            ("network_id_env", &self.network_id_env, &self.network_id),
            (
                "shared_secret_env",
                &self.shared_secret_env,
                &self.shared_secret,
            ),
        ];
        all.into_iter()
            .filter(|(_, _, written)| written.is_none())
            .filter_map(|(key, variable, _)| Some((key, variable.as_ref()?)))
            .collect()
    }
}

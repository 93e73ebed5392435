//! The section on a gateway.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::objects::Names;

use super::{DmAccount, Span};

/// A gateway. The tester plays its server, at `harness.peer_listen`, and the devices behind it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gwmo {
    /// Its account of the tester's server. `device` is what the gateway calls itself.
    pub account: DmAccount,
    /// Where that server is for the gateway. The run fills it in; what is written here is for readers.
    #[schemars(example = "http://127.0.0.1:8090/dm")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Where it takes notifications by HTTP Push: without that nothing can be asked of it.
    #[schemars(example = "http://127.0.0.1:8095/push")]
    pub push: String,
    /// Where its devices send their messages: an HTTP or HTTPS URL.
    #[schemars(example = "http://127.0.0.1:8095/dm")]
    pub devices_at: String,
    /// How long it may take for whatever is asked of it.
    #[serde(default = "Gwmo::default_patience")]
    pub patience: Span,
    /// What the header field `X-Oma-GwMO` of a push says for a device: `{device}` stands for what it calls itself.
    #[serde(default = "Gwmo::default_named")]
    pub named: String,
    /// What the nodes of its objects are called.
    #[serde(default)]
    pub names: Names,
    /// Its devices, which the tester plays: at least three in proxy mode, and one in transparent mode for
    /// what is said of that.
    #[serde(default, rename = "device", skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<GwmoDevice>,
    /// Label of a requirement → whether the gateway offers it. What is not named is claimed.
    #[serde(default)]
    pub claims: BTreeMap<String, bool>,
}

/// A device behind a gateway.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GwmoDevice {
    /// How the gateway works for it: proxy or transparent.
    pub mode: Mode,
    /// Where the tester lets it take notifications: an address that the gateway is set up with, as
    /// http:// and this address, with the path /push.
    #[schemars(example = "127.0.0.1:8101")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// What it calls itself, and its account of the gateway.
    pub account: DmAccount,
}

impl Gwmo {
    fn default_named() -> String {
        "{device}".to_owned()
    }

    fn default_patience() -> Span {
        Span::from_secs(60)
    }

    /// All accounts.
    pub fn accounts(&mut self) -> impl Iterator<Item = &mut DmAccount> {
        let devices = self.devices.iter_mut().map(|device| &mut device.account);
        std::iter::once(&mut self.account).chain(devices)
    }

    /// The devices of a mode.
    pub fn of_mode(&self, mode: Mode) -> Vec<&GwmoDevice> {
        let devices = self.devices.iter();
        devices.filter(|device| device.mode == mode).collect()
    }
}

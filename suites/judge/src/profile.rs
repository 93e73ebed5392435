//! The profile of a system under test: what it claims (ICS) and what a tester must know (IXIT).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::role_of;

mod bootstrap;
mod client;
mod dm;
mod dm_bootstrap;
mod dm_bootstrapped;
mod fleet;
mod gwmo;
mod hook;
mod https;
mod lwm2m;
mod security;
mod tester;
mod twinning;
mod upper;
mod written;

pub use bootstrap::{Bootstrap, Endpoint};
pub use client::{Client, ClientControl, CommandControl};
pub use dm::{
    Dm, DmAccount, DmClient, DmGateways, DmHook, DmOther, DmScheme, DmServer, DmTester, DmUser,
    made_of,
};
pub use dm_bootstrap::{DmBootstrap, DmBootstrapHook, DmBootstrapTester, DmNovice, DmProtection};
pub use dm_bootstrapped::{DmBootstrapped, DmIdentity};
pub use fleet::Fleet;
pub use gwmo::{Gwmo, GwmoDevice, GwmoForeign, GwmoFresh, GwmoHttps, GwmoMany, GwmoOther};
pub use hook::HookSpec;
pub use https::Https;
pub use lwm2m::{Lwm2m, Release};
pub use security::{ClientKey, ClientSecurity, Credential, Security};
pub use tester::{Dtls, Harness, Network, Pace, Tls};
pub use twinning::{Authorization, Peer, SecondaryToken, Subscriber, Twinning};
pub use upper::{
    CommandExchange, CommandTester, EventStream, HttpExchange, HttpTester, Login, ManualTester,
    OperationName, UpperTester, Webhook,
};
pub use written::{Pattern, Span};

/// A profile.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What the system is.
    pub sut: Sut,
    /// How patient the tester is.
    #[serde(default)]
    pub pace: Pace,
    /// How handshakes of DTLS are made.
    #[serde(default, skip_serializing_if = "Dtls::is_default")]
    pub dtls: Dtls,
    /// Where simulated parties that the system calls can be reached.
    #[serde(default)]
    pub harness: Harness,
    /// Whom to trust, and who to be, where the system is reached over TLS.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// How requests travel to the system.
    #[serde(default, skip_serializing_if = "Network::is_default")]
    pub network: Network,
    /// Its Twinning enabler, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twinning: Option<Twinning>,
    /// Its LwM2M server, bootstrap server and client, as far as it has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lwm2m: Option<Lwm2m>,
    /// Its DM client, server, or both, if it has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dm: Option<Dm>,
    /// Its gateway, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gwmo: Option<Gwmo>,
}

impl Profile {
    /// The roles that it describes.
    pub fn roles(&self) -> Vec<&str> {
        let twinning = self.twinning.iter().map(|_| "twinning-enabler");
        let lwm2m = self.lwm2m.as_ref();
        let server = lwm2m.and_then(|section| section.server.as_ref());
        let client = lwm2m.and_then(|section| section.client.as_ref());
        let bootstrap = lwm2m.and_then(|section| section.bootstrap.as_ref());
        let dm = self.dm.as_ref();
        let dm_client = dm.and_then(|section| section.client.as_ref());
        let dm_server = dm.and_then(|section| section.server.as_ref());
        let dm_bootstrap = dm.and_then(|section| section.bootstrap.as_ref());
        let named = std::iter::once(self.sut.role.as_str());
        named
            .chain(twinning)
            .chain(server.map(|_| "lwm2m-server"))
            .chain(client.map(|_| "lwm2m-client"))
            .chain(bootstrap.map(|_| "lwm2m-bootstrap-server"))
            .chain(dm_client.map(|_| "dm-client"))
            .chain(dm_server.map(|_| "dm-server"))
            .chain(dm_bootstrap.map(|_| "dm-bootstrap-server"))
            .chain(self.gwmo.iter().map(|_| "dm-gateway"))
            .collect()
    }

    /// The enablers that it describes.
    pub fn enablers(&self) -> Vec<&'static str> {
        let twinning = self.twinning.iter().map(|_| "twinning");
        let lwm2m = self.lwm2m.iter().map(|_| "lwm2m");
        let dm = self.dm.iter().map(|_| "dm");
        let server = self.dm.as_ref().and_then(|dm| dm.server.as_ref());
        let above = server.and_then(|server| server.gateways.as_ref());
        let gwmo = self.gwmo.is_some() || above.is_some();
        let gwmo = gwmo.then_some("gwmo");
        twinning.chain(lwm2m).chain(dm).chain(gwmo).collect()
    }

    /// What it says of requirements: label → whether the system offers it.
    pub fn claims(&self) -> impl Iterator<Item = (&str, bool)> {
        let twinning = self.twinning.iter().flat_map(|t| &t.claims);
        let lwm2m = self.lwm2m.iter().flat_map(|l| &l.claims);
        let dm = self.dm.iter().flat_map(|dm| &dm.claims);
        twinning
            .chain(lwm2m)
            .chain(dm)
            .chain(self.gwmo.iter().flat_map(|gwmo| &gwmo.claims))
            .map(|(label, is)| (label.as_str(), *is))
    }

    /// Whether a profile can have this dotted key, below a section.
    pub fn has_key(key: &str) -> bool {
        let schema = schemars::schema_for!(Self);
        let whole = schema.as_value();
        let mut here = Some(whole);
        for name in key.split('.') {
            here = here.and_then(|section| {
                let described = described(whole, section)?;
                described.get("properties")?.get(name)
            });
        }
        key.contains('.') && here.is_some()
    }

    /// What it says of one requirement.
    pub fn claim(&self, label: &str) -> Option<bool> {
        self.claims()
            .find_map(|(known, is)| (known == label).then_some(is))
    }

    /// Whether a scenario applies to the system, by its id, its tags and the requirements that it judges:
    /// the profile describes the role that it is about, and leaves nothing of what it judges unclaimed.
    pub fn applies(&self, scenario: &str, tags: &[String], requirements: &[String]) -> bool {
        let enabler = scenario.split('/').next().unwrap_or_default();
        let described =
            self.enablers().contains(&enabler) && self.roles().contains(&role_of(enabler, tags));
        let mut judged = requirements.iter();
        described && !judged.any(|id| self.claim(id) == Some(false))
    }

    /// How many scenarios judge each requirement that are about a role which it describes: none for one whose scenarios
    /// are all about others. A scenario is its id, its tags and what it judges.
    pub fn judged_by<'s>(
        &self,
        scenarios: impl Iterator<Item = (&'s str, &'s [String], &'s [String])>,
    ) -> BTreeMap<String, usize> {
        let roles = self.roles();
        let mut counted = BTreeMap::new();
        for (id, tags, requirements) in scenarios {
            let enabler = id.split('/').next().unwrap_or_default();
            let own = roles.contains(&role_of(enabler, tags));
            for requirement in requirements {
                *counted.entry(requirement.clone()).or_default() += usize::from(own);
            }
        }
        counted
    }

    /// The profile without its secrets, as it may be recorded.
    #[must_use]
    pub fn concealed(&self) -> Self {
        let mut concealed = self.clone();
        let hide =
            |secret: &mut Option<String>| *secret = secret.as_ref().map(|_| "‹secret›".to_owned());
        if let Some(twinning) = &mut concealed.twinning {
            for subscriber in &mut twinning.subscribers {
                hide(&mut subscriber.token);
                hide(&mut subscriber.expired_token);
                hide(&mut subscriber.unscoped_token);
                hide(&mut subscriber.client_secret);
            }
            if let Some(peer) = &mut twinning.peer {
                "‹secret›".clone_into(&mut peer.token);
                "‹secret›".clone_into(&mut peer.expects_token);
                hide(&mut peer.client_secret);
            }
        }
        if let Some(dm) = &mut concealed.dm {
            let client = dm.client.iter_mut().flat_map(DmClient::accounts);
            let server = dm.server.iter_mut().flat_map(|s| &mut s.accounts);
            for account in client.chain(server) {
                account.secrets().into_iter().for_each(hide);
            }
            for device in dm.bootstrap.iter_mut().flat_map(|b| &mut b.devices) {
                device.secrets().into_iter().for_each(hide);
            }
        }
        for account in concealed.gwmo.iter_mut().flat_map(Gwmo::accounts) {
            account.secrets().into_iter().for_each(hide);
        }
        let devices = concealed.gwmo.iter_mut().flat_map(|gwmo| &mut gwmo.devices);
        for device in devices {
            if let Some(fresh) = &mut device.fresh {
                "‹secret›".clone_into(&mut fresh.network_id);
                hide(&mut fresh.pin);
            }
            // A program may be told a secret.
            let foreign = device.foreign.iter_mut();
            for argument in foreign.flat_map(|foreign| foreign.command.iter_mut().skip(1)) {
                "‹secret›".clone_into(argument);
            }
        }
        if let Some(lwm2m) = &mut concealed.lwm2m {
            lwm2m.keys_mut().into_iter().for_each(hide);
        }
        concealed
    }
}

/// What the system is.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sut {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The role that is judged, for example `twinning-enabler`.
    pub role: String,
}

/// A profile, and which of its keys its author wrote.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The profile.
    pub profile: Profile,
    /// Dotted keys of all values that were written, in order.
    pub keys: Vec<String>,
}

impl Declared {
    /// Reads a profile.
    ///
    /// # Errors
    ///
    /// TOML's own errors, unknown keys and wrong types; the error knows where.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let profile = toml::from_str(text)?;
        let mut keys = Vec::new();
        collect_keys("", &toml::from_str::<toml::Table>(text)?, &mut keys);
        Ok(Self { profile, keys })
    }
}

fn collect_keys(prefix: &str, table: &toml::Table, keys: &mut Vec<String>) {
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            toml::Value::Table(inner) => collect_keys(&path, inner, keys),
            _ => keys.push(path),
        }
    }
}

/// What a part of a schema refers to, or the part itself.
fn described<'a>(
    whole: &'a serde_json::Value,
    part: &'a serde_json::Value,
) -> Option<&'a serde_json::Value> {
    let refers = part
        .get("$ref")
        .or_else(|| part.get("anyOf")?.get(0)?.get("$ref"));
    match refers.and_then(serde_json::Value::as_str) {
        Some(reference) => whole.pointer(reference.strip_prefix('#')?),
        None => Some(part),
    }
}

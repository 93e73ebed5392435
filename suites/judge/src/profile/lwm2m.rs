//! The section on an LwM2M system.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinproof_lwm2m::wire::Version;

use super::written::written_as_text;
use super::{Bootstrap, Client, Fleet, HookSpec, Security, Span, UpperTester};

/// An LwM2M system: a server, a bootstrap server, a client, or several of them.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lwm2m {
    /// Where its server takes registrations, if it is one: `coap://` with an IP address or a host name,
    /// and a port. Behind `coaps://`, all devices come over DTLS, with the credentials of
    /// `[[lwm2m.security.credential]]`.
    #[schemars(example = "coap://127.0.0.1:5683")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The newest version of the enabler that it supports.
    #[serde(default)]
    pub version: Release,
    /// How long after its end a registration may still be answered for.
    #[serde(default = "Lwm2m::default_grace")]
    pub grace: Span,
    /// Stops the system and starts it again.
    #[schemars(example = "systemctl restart lwm2m-server")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<HookSpec>,
    /// Lets the system's clock jump forward.
    #[schemars(example = "./advance-clock {seconds}")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advance_clock: Option<HookSpec>,
    /// Who makes it act. Without one, all that takes one is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_tester: Option<UpperTester>,
    /// Its bootstrap server, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<Bootstrap>,
    /// How devices come to its server over DTLS, if they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<Security>,
    /// How the devices of `fleet` and `bench` come to its server over DTLS, if they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<Fleet>,
    /// Its client, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    /// Label of a purpose or clause → whether the system offers it. What is not named is claimed.
    #[serde(default)]
    pub claims: BTreeMap<String, bool>,
    /// What the server can do, by the ids of the report's table → whether it claims to. What is not named
    /// is held against its other claims, and against what it asks for.
    #[schemars(example = serde_json::json!({ "send": true, "lwm2m-cbor": false }))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capabilities: BTreeMap<String, bool>,
}

impl Lwm2m {
    /// Whether devices come to its server over DTLS.
    pub fn is_secured(&self) -> bool {
        let server = self.server.as_deref();
        server.is_some_and(|server| server.starts_with("coaps://"))
    }

    /// Where its server takes secured registrations, if it does.
    pub fn secured_server(&self) -> Option<&str> {
        match self.is_secured() {
            true => self.server.as_deref(),
            false => self.security.as_ref()?.server.as_deref(),
        }
    }

    /// Where its server takes registrations in the clear, if that is known.
    pub fn plain_server(&self) -> Option<&str> {
        match self.is_secured() {
            true => self.security.as_ref()?.plain.as_deref(),
            false => self.server.as_deref(),
        }
    }

    /// All keys that stand in it.
    pub fn keys(&self) -> Vec<String> {
        let mut section = self.clone();
        let keys = section.keys_mut().into_iter();
        keys.filter_map(Option::take).collect()
    }

    /// Where keys may stand in it.
    pub(super) fn keys_mut(&mut self) -> Vec<&mut Option<String>> {
        let own = self.security.as_mut();
        let bootstrap = self.bootstrap.as_mut().and_then(|b| b.security.as_mut());
        let devices = own.into_iter().chain(bootstrap);
        let devices = devices.flat_map(|security| &mut security.credentials);
        let fleet = self.fleet.as_mut().map(|fleet| &mut fleet.key);
        let client = self.client.as_mut().and_then(|c| c.security.as_mut());
        let client = client.into_iter().flat_map(|security| {
            [
                &mut security.server,
                &mut security.other,
                &mut security.bootstrap,
            ]
        });
        devices
            .map(|device| &mut device.key)
            .chain(client.map(|own| &mut own.key))
            .chain(fleet)
            .collect()
    }

    fn default_grace() -> Span {
        Span::from_secs(10)
    }
}

/// A version of the enabler as the profile writes it: `1.0`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Release(pub Version);

impl Default for Release {
    fn default() -> Self {
        Self(Version::V1_0)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Release {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = text.parse().map(Self);
        read.map_err(|error| format!("{error}, got {text:?}"))
    }
}

written_as_text!(Release, "^[0-9]+\\.[0-9]+$");

#[cfg(test)]
mod tests {
    use twinproof_lwm2m::wire::Version;

    use crate::profile::Declared;

    fn read(rest: &str) -> Result<super::Lwm2m, String> {
        let text = format!(
            "[sut]\nname = \"s\"\nrole = \"lwm2m-server\"\n[lwm2m]\n\
             server = \"coap://127.0.0.1:5683\"\n{rest}"
        );
        let declared = Declared::parse(&text).map_err(|e| e.message().to_owned())?;
        Ok(declared.profile.lwm2m.unwrap())
    }

    #[test]
    fn a_short_section_is_enough() {
        let section = read("").unwrap();
        assert_eq!(section.version.0, Version::V1_0);
        assert_eq!(section.upper_tester, None);
        assert_eq!(read("version = \"1.1\"").unwrap().version.0, Version::V1_1);
    }

    #[test]
    fn what_is_no_version_is_told_what_is() {
        let words = read("version = \"one\"").unwrap_err();
        assert_eq!(words, "expected a version such as 1.0, got \"one\"");
    }
}

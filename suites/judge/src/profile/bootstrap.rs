//! The section on an LwM2M bootstrap server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Security;

/// An LwM2M bootstrap server.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Where it takes requests for bootstrap: `coap://` with an IP address or a host name, and a port. Behind
    /// `coaps://`, all devices come over DTLS, with the credentials of `[[lwm2m.bootstrap.security.credential]]`.
    #[schemars(example = "coap://127.0.0.1:5783")]
    pub server: String,
    /// Whether it provisions devices that it does not know by name. That strangers are refused does not apply
    /// to such a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// How devices come to it over DTLS, if they can: its credentials are those of the endpoints of the same
    /// names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<Security>,
    /// The devices that it is to know, each with accounts of its own. One scenario at a time has them.
    #[serde(default, rename = "endpoint", skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
}

impl Bootstrap {
    /// Whether devices come to it over DTLS.
    pub fn is_secured(&self) -> bool {
        self.server.starts_with("coaps://")
    }
}

/// A device that a bootstrap server knows.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its endpoint name.
    #[schemars(example = "twinproof-1")]
    pub name: String,
    /// The server to which it is led, as it stands in its account: `coap://` or `coaps://` with an IP address.
    /// Without it, nobody registers there.
    #[schemars(example = "coap://127.0.0.1:5683")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

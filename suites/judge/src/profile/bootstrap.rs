//! The section on an LwM2M bootstrap server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An LwM2M bootstrap server.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Where it takes requests for bootstrap: `coap://` with an IP address or a host name, and a port.
    #[schemars(example = "coap://127.0.0.1:5783")]
    pub server: String,
    /// Whether it provisions devices that it does not know by name. That strangers are refused does not apply
    /// to such a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// The devices that it is to know, each with accounts of its own. One scenario at a time has them.
    #[serde(default, rename = "endpoint", skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
}

/// A device that a bootstrap server knows.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its endpoint name.
    #[schemars(example = "twinproof-1")]
    pub name: String,
    /// The server to which it is led, as it stands in its account: `coap://` with an IP address. Without
    /// it, nobody registers there.
    #[schemars(example = "coap://127.0.0.1:5683")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

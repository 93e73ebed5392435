//! What is said of bootstrap in DM 1.3 and written in no public text: names, as data.

use serde::{Deserialize, Serialize};

/// How a client calls what a bootstrap of version 1.3 adds to that of 1.2. The identifier of the object with the
/// addresses is registered; all of this is [`Basis::Assumed`](crate::Basis::Assumed).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Names {
    /// The media type in which the address of a bootstrap server is pushed: the address is the body, SEC and MAC are
    /// parameters of the type, as those of a document.
    pub address_type: String,
    /// The leaf below `Ext` of an account whose value `true` demands a session once the bootstrap is done.
    pub connect: String,
    /// The address of the object with the addresses of bootstrap servers.
    pub object: String,
    /// The leaf of the object that says whether the client may discover an address by itself: `true` or `false`.
    pub discovery: String,
    /// The leaf of the object that says whether an address may be pushed: `true` or `false`.
    pub push: String,
    /// The interior node of the object below which each address has a node of its own.
    pub servers: String,
    /// The leaf below such a node that holds the address.
    pub url: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            address_type: "text/uri-list".to_owned(),
            connect: "Connect".to_owned(),
            object: "./BootConfig".to_owned(),
            discovery: "AutoDiscovery".to_owned(),
            push: "PushDelivery".to_owned(),
            servers: "Servers".to_owned(),
            url: "URL".to_owned(),
        }
    }
}

/// How the identifier of the object with the addresses of bootstrap servers starts, in whichever version.
pub const OBJECT: &str = "urn:oma:mo:oma-dm-bootstrapcfg:";

//! The section on servers of the tester's that show certificates.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a system that can speak HTTPS reaches servers of the tester's: each shows a certificate of its own, a good
/// one or one with a fault. Without this section, nothing about certificates applies to the system.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Https {
    /// The certificate of the authority that signs what these servers show (PEM). The system has to trust it, for
    /// as long as it is judged. Where neither this file nor its key is there, the run makes both.
    #[schemars(example = "twinproof-authority.pem")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<PathBuf>,
    /// The key of that authority (PEM). Whoever has it can play any server to the system.
    #[schemars(example = "twinproof-authority.key")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority_key: Option<PathBuf>,
    /// The name or address under which the system reaches these servers, at ports of their own. The good certificate
    /// is for it.
    pub host: String,
    /// The address at which they listen.
    pub listen: IpAddr,
}

impl Default for Https {
    fn default() -> Self {
        Self {
            authority: None,
            authority_key: None,
            host: Ipv4Addr::LOCALHOST.to_string(),
            listen: Ipv4Addr::LOCALHOST.into(),
        }
    }
}

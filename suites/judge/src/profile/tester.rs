//! What the tester has and does: its patience, its addresses, its trust, its way to the system.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

/// How patient the tester is.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    /// How long one exchange may take.
    pub timeout: Span,
    /// How long the system may take until both sides and all subscribers agree (T of the digest).
    pub settle: Span,
    /// How long a hook may take, and how long the system may need to answer again after a restart.
    pub hook: Span,
    /// How many requests per second all simulated parties together may begin, if not as many as
    /// they like.
    #[schemars(example = 50)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            timeout: Span::from_secs(5),
            settle: Span::from_secs(2),
            hook: Span::from_secs(30),
            rate: None,
        }
    }
}

/// How handshakes of DTLS are made. One of the tester's own that gets stuck is begun anew from another port,
/// and says nothing of the system.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dtls {
    /// How long a flight waits for its answer before it is sent again.
    pub flight: Span,
    /// How long a handshake may take.
    pub handshake: Span,
    /// How often a handshake of the tester's is begun in all before it is given up, at least once.
    #[schemars(range(min = 1))]
    pub attempts: u32,
}

impl Dtls {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Dtls {
    fn default() -> Self {
        Self {
            flight: Span::from_secs(1),
            handshake: Span::from_millis(4_500),
            attempts: 3,
        }
    }
}

/// Where simulated parties that the system calls can be reached.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Harness {
    /// The address to listen on for callbacks; loopback and a free port unless told.
    #[schemars(example = "127.0.0.1:8090")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// The base URL under which the system reaches that address, if it is another.
    #[schemars(example = "http://tester.example:8090")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertise: Option<String>,
    /// The same for the simulated peer operator.
    #[schemars(example = "127.0.0.1:8091")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_listen: Option<String>,
    /// The base URL under which the system reaches the simulated peer operator.
    #[schemars(example = "http://tester.example:8091")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_advertise: Option<String>,
    /// The certificate chain of these addresses (PEM); plain HTTP without it.
    #[schemars(example = "harness.pem")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The key of that certificate (PEM).
    #[schemars(example = "harness.key")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// A file that all runs name which judge this system at the same time: who restarts it or moves
    /// its clock has it for itself meanwhile.
    #[schemars(example = "enabler.lock")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<PathBuf>,
}

/// Whom to trust, and who to be, where the system is reached over TLS.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The certificates that the system's is signed by (PEM); the platform's own if it is left out.
    #[schemars(example = "ca.pem")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificate chain that simulated parties present (PEM).
    #[schemars(example = "client.pem")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<PathBuf>,
    /// The key of that certificate (PEM).
    #[schemars(example = "client.key")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<PathBuf>,
    /// The name that the system's certificate carries, if it is not the host of its base URL: that
    /// host is then asked for by this name (SNI). Not together with a proxy.
    #[schemars(example = "enabler.example")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

impl Tls {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How requests travel to the system.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// The URL of a proxy. None is used that is not named here, whatever the environment says.
    #[schemars(example = "http://proxy.example:3128")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

impl Network {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

//! The section on an LwM2M client, and what starts it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClientSecurity, ManualTester, Span};

/// An LwM2M client. The tester plays its servers.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The endpoint name under which it registers. Without one, every scenario makes up its own, which the
    /// control has to give to the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Where it is told to register: an IP address of this machine and a port, at which the tester
    /// listens. Without one, that is a free port of the loopback, another one in every scenario.
    #[schemars(example = "127.0.0.1:5683")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// The same for its second server, in scenarios that have two. The account of this server stands behind
    /// that of the first.
    #[schemars(example = "127.0.0.1:5693")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_other: Option<String>,
    /// Whether access control is laid down at it where it has two servers: each has all rights but to
    /// create to its own account, the first owns the device and has them there too, and the second may but
    /// read the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_control: Option<bool>,
    /// Whether it takes the attributes of notifications (least and greatest interval, limits, step), as it should.
    /// Where it says that it does not, what takes them does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<bool>,
    /// A resource that holds a number, which the control sets to any whole number from 0 to 100.
    #[schemars(example = "/3/0/9")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Whether the control can take it off its network and give the network back, and the client knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goes_offline: Option<bool>,
    /// Whether it can be bootstrapped by a smart card, which the control puts in and takes out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub card: bool,
    /// Whether it takes any octets for a package of firmware, as a client that was built for tests does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_package: bool,
    /// Whether it can be bootstrapped over the air: it asks a bootstrap server for accounts. What takes that
    /// does not apply to others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bootstraps: bool,
    /// The same as `listen` for its bootstrap server, in scenarios that have one.
    #[schemars(example = "127.0.0.1:5783")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_bootstrap: Option<String>,
    /// What it has for its servers, if it meets them over DTLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<ClientSecurity>,
    /// How long it may take until it registers once it is started, or is expected to.
    #[serde(default = "Client::default_patience")]
    pub patience: Span,
    /// Who starts it and does to it what its user would. Without one, the run waits for it, and all that
    /// takes more is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<ClientControl>,
}

impl Client {
    fn default_patience() -> Span {
        Span::from_secs(60)
    }
}

/// Who starts a client and does to it what its user would.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientControl {
    /// The system's own: the built-in one has it.
    Builtin,
    /// The client is a child process of the run.
    Command(Box<CommandControl>),
    /// A person at the terminal of this run.
    Manual(ManualTester),
}

/// A command line, as an example.
const COMMAND_LINE: [&str; 7] = [
    "lwm2mclient",
    "-n",
    "{endpoint}",
    "-h",
    "{host}",
    "-p",
    "{port}",
];

/// A client that is a child process of the run, which starts it anew in every scenario.
///
/// *Templates* hold `{endpoint}`, `{host}`, `{port}` and `{uri}` of the server, `{other_host}`,
/// `{other_port}` and `{other_uri}` of the second one, `{bootstrap_host}`, `{bootstrap_port}` and
/// `{bootstrap_uri}` of the bootstrap server; where the client meets them over DTLS, `{identity}`, `{key}` (in
/// hexadecimal digits), `{other_identity}`, `{other_key}`, `{bootstrap_identity}` and `{bootstrap_key}`; and, where
/// a value is set, `{path}` and `{value}`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CommandControl {
    /// The program and its arguments (templates).
    #[schemars(example = COMMAND_LINE)]
    pub start: Vec<String>,
    /// The same where it has two servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start_with_two: Vec<String>,
    /// The same where it has nothing but the account of a bootstrap server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start_without_accounts: Vec<String>,
    /// The same where it has the account of a server and that of a bootstrap server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start_with_both: Vec<String>,
    /// The pattern of what it says when it is ready to be typed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
    /// The lines that are typed once it is ready (templates).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<String>,
    /// The line that is typed to set a value (a template).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// The lines that are typed to take it off its network, and to give the network back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<String>,
    /// See `offline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<String>,
    /// The command that puts a smart card into it, emulated or real, on which there is the account of one
    /// server and nothing else, and ends when it is done (templates; `{card_uri}` and `{card_ssid}` say which
    /// server, `{card_identity}` and `{card_key}` what it has for it, if anything). It is run before the client is started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub insert_card: Vec<String>,
    /// The command that takes the card out, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_card: Vec<String>,
    /// What it is told before it is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quit: Option<String>,
}

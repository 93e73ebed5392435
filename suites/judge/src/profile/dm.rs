//! The section on a DM system.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinproof_dm::auth::{Key, Scheme};
use twinproof_dm::features::{Features, Priorities};
use twinproof_dm::notification::wanted::Codes;
use twinproof_dm::provisioning::{Account, Address, Auth, AuthLevel, AuthType};
use twinproof_dm::session::prove::Proof;
use twinproof_gwmo::aggregate::Results;
use twinproof_gwmo::gateway::NAMED;
use twinproof_gwmo::objects::Names;

use super::{DmBootstrap, DmBootstrapped, HookSpec, Https, Span};

/// A DM system: a client, a server, a bootstrap server, or several of them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dm {
    /// Its client, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<DmClient>,
    /// Its server, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<DmServer>,
    /// Its bootstrap server, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<DmBootstrap>,
    /// Label of a requirement or purpose → whether the system offers it. What is not named is claimed.
    #[serde(default)]
    pub claims: BTreeMap<String, bool>,
}

/// A DM client. The tester plays its server, at `harness.peer_listen`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DmClient {
    /// Its account of the tester's server.
    pub account: DmAccount,
    /// Where that server is for the client. The run fills it in; what is written here is for readers.
    #[schemars(example = "http://127.0.0.1:8090/dm")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Has the client begin a session with the account's server. Without it, the run waits for the client
    /// to begin sessions by itself. `{server}` stands for the server's identifier.
    #[schemars(example = "dmclient --begin-session {server}")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<HookSpec>,
    /// Has the client report something of its own to the account's server, in a session that it begins or has: a
    /// generic alert. Without it, what a report says is inconclusive. `{server}` stands for the server's identifier.
    #[schemars(example = "dmclient --report battery-low {server}")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<HookSpec>,
    /// Where it takes notifications by HTTP Push, if it does: without it, what a notification does is
    /// inconclusive.
    #[schemars(example = "http://127.0.0.1:8091/push")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<String>,
    /// Where it takes pushes as datagrams of a connectionless WSP session, if it does: an IP address and a port.
    #[schemars(example = "127.0.0.1:2948")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wsp: Option<String>,
    /// Where it takes pushes by SIP over UDP, if it does: an IP address and a port.
    #[schemars(example = "127.0.0.1:5060")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip: Option<String>,
    /// How it is bootstrapped. Without it, what a client makes of a bootstrap is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<Box<DmBootstrapped>>,
    /// How it reaches servers over HTTPS, if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<Https>,
    /// How long it may take from there to the end of the session.
    #[serde(default = "DmClient::default_patience")]
    pub patience: Span,
    /// A leaf that the account's server may read and nobody may remove: one that each client has, unless
    /// this names another.
    #[serde(default = "DmClient::default_leaf")]
    pub leaf: String,
    /// Whether it takes and sends values in parts (`./DevDetail/LrgObj`). Where this is not said, or no, nothing
    /// about large objects applies: clients need not have them.
    #[schemars(example = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_objects: Option<bool>,
    /// An interior node below which the account's server may add, replace and delete. Without one, all that
    /// takes one is inconclusive.
    #[schemars(example = "./Vendor")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// How it reads what a notification of version 1.3 asks for beside a session. No public text says it; what is
    /// not written here is assumed.
    #[serde(default)]
    pub options: Codes,
    /// Who sits in front of it. Without that, what the user is shown is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<DmUser>,
    /// A leaf that the account's server may read and that no first package has by itself.
    #[serde(default = "DmClient::default_detail")]
    pub detail: String,
    /// A leaf that is there and that the account's server may not read.
    #[schemars(example = "./DMAcc/1/AppAuth/1/AAuthSecret")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How it is asked where the instances of an object are: `{object}` stands for the identifier. No public text
    /// says it.
    #[serde(default = "DmClient::default_search")]
    pub search: String,
    /// Where it says which optional features it has. But for large objects no public text names the nodes; what is
    /// not written here is assumed.
    #[serde(default)]
    pub features: Features,
    /// How its servers are ranked. No public text says it; what is not written here is assumed.
    #[serde(default)]
    pub priorities: Priorities,
    /// The other servers that it has accounts of, which the tester plays: two for all that is said of several
    /// authorities.
    #[serde(default, rename = "other", skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<DmOther>,
}

/// Another server of a DM client.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DmOther {
    /// Where the tester lets it take messages: the client's account leads to http:// and this address, with the
    /// path /dm.
    #[schemars(example = "127.0.0.1:8092")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Where it is for the client. The run fills it in; what is written here is for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The client's account of it.
    pub account: DmAccount,
}

/// Somebody in front of a DM client.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DmUser {
    /// Succeeds if the client shows, or has shown, the text for which `{text}` stands.
    #[schemars(example = "screen-shows {text}")]
    pub sees: HookSpec,
    /// Says to the client what stands for `{reply}`: yes, no, cancel, a text, or the numbers of choices with
    /// a hyphen between.
    #[schemars(example = "press {reply}")]
    pub says: HookSpec,
}

impl DmClient {
    fn default_patience() -> Span {
        Span::from_secs(60)
    }

    fn default_search() -> String {
        ".?MOI={object}".to_owned()
    }

    /// Its account of each server.
    pub fn accounts(&mut self) -> impl Iterator<Item = &mut DmAccount> {
        let others = self.others.iter_mut().map(|other| &mut other.account);
        std::iter::once(&mut self.account).chain(others)
    }

    fn default_detail() -> String {
        "./DevDetail/FwV".to_owned()
    }

    fn default_leaf() -> String {
        "./DevInfo/DevId".to_owned()
    }
}

/// A DM server. The tester plays its devices.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DmServer {
    /// Where it takes messages: an HTTP or HTTPS URL.
    #[schemars(example = "http://127.0.0.1:8080/dm")]
    pub url: String,
    /// Where its pushes by SIP over UDP come from, if it sends any: an IP address and a port.
    #[schemars(example = "127.0.0.1:5060")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip: Option<String>,
    /// The devices that it knows, each with credentials of its own.
    #[serde(default, rename = "account", skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<DmAccount>,
    /// Who makes it act. Without one, all that takes one is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_tester: Option<DmTester>,
    /// How it writes what a notification of version 1.3 asks for beside a session. No public text says it; what is
    /// not written here is assumed.
    #[serde(default)]
    pub options: Codes,
    /// What it takes gateways to be like, if it manages any: its first device is one then, which the tester plays with
    /// devices behind it. Without it, what is said of servers above gateways does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateways: Option<DmGateways>,
}

/// The gateways that a DM server manages. Where a gateway has its objects, the server has to find out by their types:
/// they stand elsewhere in each run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DmGateways {
    /// Where the tester's gateway takes notifications by HTTP Push: an IP address and a port, to which the server
    /// pushes as http:// and this address, with the path /push. A free one if there is none.
    #[schemars(example = "127.0.0.1:8105")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// What the header field `X-Oma-GwMO` of a push says for a device: `{device}` stands for what it calls itself.
    #[serde(default = "DmGateways::default_named")]
    pub named: String,
    /// Where it takes the results of a fan-out from: reported (in the report that it has ended) or fetched (in the
    /// gateway's tree, at `names.results`).
    #[serde(default)]
    pub results: Results,
    /// How long the tester's gateway may take for whatever the server wants of it.
    #[serde(default = "DmGateways::default_patience")]
    pub patience: Span,
    /// How often it comes at most: a server may want one thing after the other, each in a session of its own.
    #[serde(default = "DmGateways::default_sessions")]
    pub sessions: usize,
    /// What the nodes of a gateway's objects are called.
    #[serde(default)]
    pub names: Names,
}

impl DmGateways {
    const fn default_patience() -> Span {
        Span::from_secs(60)
    }

    const fn default_sessions() -> usize {
        20
    }

    fn default_named() -> String {
        NAMED.to_owned()
    }
}

impl Default for DmGateways {
    fn default() -> Self {
        Self {
            listen: None,
            named: Self::default_named(),
            results: Results::default(),
            patience: Self::default_patience(),
            sessions: Self::default_sessions(),
            names: Names::default(),
        }
    }
}

/// Who makes a DM server act.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DmTester {
    /// The system's own: the built-in one has it.
    Builtin,
    /// An interface of the server's, or a program that knows one.
    Hook(Box<DmHook>),
}

/// How a DM server that runs elsewhere is told what its operator wants.
///
/// In its texts `{device}` stands for the device, `{command}` for the name of the command, `{uri}` for its target,
/// `{value}` for the value if it has one, `{xml}` for the command as it stands in a message, `{base64}` for the
/// same in base64. In a command line each is one word; in a body that is JSON it is the inside of a string; in
/// a URL it is percent-encoded.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DmHook {
    /// Has a device do something in its next session.
    ///
    /// If it says `{"refused": "why"}`, the server refused that, which is a word of its own; else what fails is
    /// inconclusive. What it says is what a command writes to its output, or the body of a response.
    #[schemars(example = "mdmctl queue --device {device} --command {base64}")]
    pub plan: HookSpec,
    /// Says what devices did, oldest first, as JSON: a list of `{"did": {"device", "outcome": {"statuses":
    /// [{"command", "code"}], "results": [{"uri", "value": {"text"}}]}}}`, one for each reading or writing that was
    /// planned. `{after}` is how many the run knows already; where it does not stand, all are said each time.
    /// Without this, what the operator is told is inconclusive.
    #[schemars(example = "mdmctl events --skip {after}")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<HookSpec>,
    /// Has the server notify a device by SIP at `{to}`, an IP address and a port; `{session}` is the session that is to
    /// be announced, in hexadecimal digits. Without this, what it sends by SIP is inconclusive.
    #[schemars(example = "mdmctl wake --device {device} --session {session} --sip {to}")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip: Option<HookSpec>,
    /// Has the server do something with devices behind the gateway `{gateway}`, in the next session of that. What,
    /// `{want}` says: `read` or `change` the node `{uri}` of `{devices}` (to `{value}`; of all devices that are there
    /// if none is named), `distribute` the image at `{value}` (the gateway gets it, and where that has it is written to
    /// the node `{uri}` of `{devices}`), `list` which devices it knows, say what it knows `about` the device, have a
    /// `group` called `{value}` of `{devices}` alone (no such group any more if none is named), `read-group` the node
    /// `{uri}` of the devices of the group `{value}`, `announce` new devices or `keep` images from now
    /// on (`{value}` is `true` or `false`), `wake` the device for the session `{session}`, by a push to the gateway at
    /// `{push}`. Several devices stand with commas between them. What came of a reading or a change it says by
    /// `hook.events`, as of a device that it reaches itself; what the gateway knows about a device, as what was read of
    /// that; which devices there are, as `{"listed": {"gateway", "device",
    /// "attached"}}`, each. Without this, what takes a gateway is inconclusive.
    #[schemars(
        example = "mdmctl gateway {gateway} {want} --devices {devices} --uri {uri} --value {value}"
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<HookSpec>,
    /// How long each may take.
    #[serde(default = "DmHook::default_patience")]
    pub patience: Span,
}

impl DmHook {
    fn default_patience() -> Span {
        Span::from_secs(30)
    }
}

/// A device and its server, and how each proves to the other who it is.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DmAccount {
    /// What the device calls itself in headers.
    #[schemars(example = "IMEI:493005100592800")]
    pub device: String,
    /// The server's identifier (`ServerID`).
    pub server_id: String,
    /// The scheme by which both sides prove who they are.
    #[serde(default)]
    pub scheme: DmScheme,
    /// The device's user name.
    pub name: String,
    /// The device's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The server's user name, where it is not the identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The server's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_password: Option<String>,
}

impl DmAccount {
    /// The server's user name.
    pub fn name_of_server(&self) -> &str {
        self.server_name.as_deref().unwrap_or(&self.server_id)
    }

    /// How the device proves who it is, if it does.
    pub fn proof_of_device(&self) -> Option<Proof> {
        self.proof(&self.name, self.password.as_ref())
    }

    /// How the server proves who it is, if it does.
    pub fn proof_of_server(&self) -> Option<Proof> {
        self.proof(self.name_of_server(), self.server_password.as_ref())
    }

    fn proof(&self, name: &str, password: Option<&String>) -> Option<Proof> {
        Some(Proof {
            scheme: self.scheme.of_proof(),
            name: name.to_owned(),
            secret: password?.clone().into_bytes(),
            nonce: Vec::new(),
        })
    }

    /// The account as a device has it, of a server at a URL.
    pub fn at(&self, url: &str) -> Account {
        let auth = |level, proof: Option<Proof>| {
            let proof = proof?;
            Some(Auth {
                level,
                auth_type: Some(match proof.scheme {
                    Scheme::Basic => AuthType::Basic,
                    Scheme::Md5 => AuthType::Digest,
                    Scheme::Mac => AuthType::Hmac,
                }),
                name: Some(proof.name),
                secret: String::from_utf8(proof.secret).ok(),
                data: None,
            })
        };
        let device = auth(AuthLevel::AppSrv, self.proof_of_device());
        let server = auth(AuthLevel::Client, self.proof_of_server());
        Account {
            server_id: self.server_id.clone(),
            addresses: vec![Address {
                addr: url.to_owned(),
                ..Address::default()
            }],
            auths: device.into_iter().chain(server).collect(),
            ..Account::default()
        }
    }

    /// Who proves what by it: the user name, and the password.
    pub fn logins(&self) -> Vec<(&str, &str)> {
        let both = [
            (&*self.name, &self.password),
            (self.name_of_server(), &self.server_password),
        ];
        let both = both.into_iter();
        both.filter_map(|(name, secret)| Some((name, secret.as_deref()?)))
            .collect()
    }

    /// Its secrets.
    pub fn secrets(&mut self) -> [&mut Option<String>; 2] {
        [&mut self.password, &mut self.server_password]
    }
}

/// What stands for a user's password wherever it is known, each in the forms of Base64 that there are: it itself, name
/// and password, and what all digests start from.
pub fn made_of(name: &str, password: &str) -> BTreeSet<String> {
    let both = format!("{name}:{password}");
    let key = Key::new(name, password.as_bytes());
    let each = [
        STANDARD.encode(password),
        STANDARD.encode(both),
        key.exposed().to_owned(),
    ];
    each.into_iter()
        .flat_map(|text| {
            let for_urls = text.replace('+', "-").replace('/', "_");
            let bare = [&text, &for_urls].map(|text| text.trim_end_matches('=').to_owned());
            bare.into_iter().chain([text, for_urls])
        })
        .collect()
}

/// How a side proves who it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DmScheme {
    /// User name and password, as they are.
    Basic,
    /// A digest of both and of a nonce.
    #[default]
    Md5,
    /// A digest over each message.
    Hmac,
}

impl DmScheme {
    /// The scheme as messages have it.
    pub const fn of_proof(self) -> Scheme {
        match self {
            Self::Basic => Scheme::Basic,
            Self::Md5 => Scheme::Md5,
            Self::Hmac => Scheme::Mac,
        }
    }
}

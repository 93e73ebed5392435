//! The profile of a system under test: what it claims (ICS) and what a tester must know (IXIT).

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use twinproof_twinning::knobs::Knobs;

mod lwm2m;

pub use lwm2m::{Lwm2m, Release, UpperTester};

/// A profile.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What the system is.
    pub sut: Sut,
    /// How patient the tester is.
    #[serde(default)]
    pub pace: Pace,
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
    /// Its LwM2M server, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lwm2m: Option<Lwm2m>,
}

impl Profile {
    /// The roles that it describes.
    pub fn roles(&self) -> Vec<&str> {
        let twinning = self.twinning.iter().map(|_| "twinning-enabler");
        let lwm2m = self.lwm2m.iter().map(|_| "lwm2m-server");
        let named = std::iter::once(self.sut.role.as_str());
        named.chain(twinning).chain(lwm2m).collect()
    }

    /// The enablers that it describes.
    pub fn enablers(&self) -> Vec<&'static str> {
        let twinning = self.twinning.iter().map(|_| "twinning");
        let lwm2m = self.lwm2m.iter().map(|_| "lwm2m");
        twinning.chain(lwm2m).collect()
    }

    /// What it says of requirements: label → whether the system offers it.
    pub fn claims(&self) -> impl Iterator<Item = (&str, bool)> {
        let twinning = self.twinning.iter().flat_map(|t| &t.claims);
        let lwm2m = self.lwm2m.iter().flat_map(|l| &l.claims);
        twinning
            .chain(lwm2m)
            .map(|(label, is)| (label.as_str(), *is))
    }

    /// What it says of one requirement.
    pub fn claim(&self, label: &str) -> Option<bool> {
        self.claims()
            .find_map(|(known, is)| (known == label).then_some(is))
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
        concealed
    }
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
    /// The name that the system's certificate carries, if it is not the host of its URLs.
    #[schemars(example = "enabler.example")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

impl Tls {
    fn is_default(&self) -> bool {
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
    fn is_default(&self) -> bool {
        *self == Self::default()
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

/// How a hook is pulled.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, untagged)]
pub enum HookSpec {
    /// A command line for the shell; `{seconds}` stands for the span of a clock hook.
    Command(String),
    /// An HTTP call.
    Http {
        /// The method.
        method: String,
        /// The URL; `{seconds}` stands for the span of a clock hook.
        url: String,
        /// The body.
        #[serde(default)]
        body: String,
    },
}

/// By hand, because serde's own words for an untagged enum name neither shape.
impl<'de> Deserialize<'de> for HookSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HookVisitor)
    }
}

struct HookVisitor;

impl<'de> Visitor<'de> for HookVisitor {
    type Value = HookSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a command line for the shell, or an HTTP call such as \
             { method = \"POST\", url = \"https://…\" }",
        )
    }

    fn visit_str<E: de::Error>(self, line: &str) -> Result<HookSpec, E> {
        if line.trim().is_empty() {
            return Err(E::invalid_value(de::Unexpected::Str(line), &self));
        }
        Ok(HookSpec::Command(line.to_owned()))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<HookSpec, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Call {
            method: String,
            url: String,
            #[serde(default)]
            body: String,
        }
        let Call { method, url, body } =
            Call::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(HookSpec::Http { method, url, body })
    }
}

/// The authorization server of the system.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// Where tokens are requested.
    pub token_url: String,
    /// Where tokens are revoked, if that is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_url: Option<String>,
    /// A resource of the primary's network that takes the tokens which authorization codes are
    /// redeemed for; `{address}` stands for the primary's address as it stands in a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_url: Option<String>,
    /// The scope that stands for everything.
    #[serde(default = "Authorization::default_scope")]
    pub scope: String,
    /// How a secondary obtains its token for toggle, query and deactivation.
    #[serde(default)]
    pub secondary_token: SecondaryToken,
}

impl Authorization {
    fn default_scope() -> String {
        "oma_rest_twinning.all_v1".to_owned()
    }
}

/// How a secondary obtains its token for toggle, query and deactivation (HLF-SD-005).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondaryToken {
    /// With its client credentials at the token endpoint, once it is twinned.
    #[default]
    ClientCredentials,
    /// It keeps the token that it was provisioned with.
    Provisioned,
}

/// The operator that Twinproof plays.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its identity, as the system has it in its list of partners.
    pub mno_id: String,
    /// The token that it presents to the system.
    pub token: String,
    /// The token that the system presents to it.
    pub expects_token: String,
    /// The address of a device that it serves.
    #[serde(default = "Peer::default_address")]
    pub address: String,
    /// The identity of its devices' application at the system's authorization server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// That application's secret there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

impl Peer {
    fn default_address() -> String {
        "tel:+12025550199".to_owned()
    }
}

/// A Twinning enabler.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Twinning {
    /// Where it is, without the API's own segments.
    pub base_url: String,
    /// The identity of its operator (MCC-MNC).
    #[schemars(example = "001-01")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mno_id: Option<String>,
    /// How long an activation code lives.
    #[serde(default = "Twinning::default_lifetime")]
    pub activation_code_lifetime: Span,
    /// Stops the system and starts it again.
    #[schemars(example = "systemctl restart enabler")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<HookSpec>,
    /// Lets the system's clock jump forward.
    #[schemars(example = "./advance-clock {seconds}")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advance_clock: Option<HookSpec>,
    /// Its authorization server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// Base URL of its notification channel API, without the API's own segments.
    #[schemars(example = "https://enabler.example/api")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_channel: Option<String>,
    /// The operator that Twinproof plays towards it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// The shapes of its interface.
    #[serde(default)]
    pub knobs: Knobs,
    /// Devices that are provisioned at the system. One scenario at a time has each of them.
    #[serde(default, rename = "subscriber")]
    pub subscribers: Vec<Subscriber>,
    /// Requirement label → whether the system offers it. What is not named is claimed if it binds.
    #[serde(default)]
    pub claims: BTreeMap<String, bool>,
}

impl Twinning {
    fn default_lifetime() -> Span {
        Span::from_secs(300)
    }
}

/// A provisioned device.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subscriber {
    /// Its address: a tel, sip or acr URI.
    pub address: String,
    /// Its access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The environment variable that holds its access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// A token of its own that has expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expired_token: Option<String>,
    /// A token of its own without the twinning scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unscoped_token: Option<String>,
    /// Its application's identity at the authorization server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Its application's secret there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The environment variable that holds that secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_env: Option<String>,
    /// Its voice-mail retrieval address, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_mail: Option<String>,
}

impl Subscriber {
    /// Its access token, from the profile or the environment.
    ///
    /// # Errors
    ///
    /// Neither has it; the words name the variable.
    pub fn access_token(&self) -> Result<String, String> {
        self.credential("token", self.token.as_ref(), self.token_env.as_ref())
    }

    /// Its application's secret, from the profile or the environment.
    ///
    /// # Errors
    ///
    /// Neither has it; the words name the variable.
    pub fn secret(&self) -> Result<String, String> {
        let written = self.client_secret.as_ref();
        self.credential("client_secret", written, self.client_secret_env.as_ref())
    }

    /// Every secret that the profile or the environment has of it: kinds and values.
    pub fn secrets(&self) -> Vec<(&'static str, String)> {
        let written = |value: &Option<String>| value.clone();
        [
            ("token", self.access_token().ok()),
            ("token", written(&self.expired_token)),
            ("token", written(&self.unscoped_token)),
            ("secret", self.secret().ok()),
        ]
        .into_iter()
        .filter_map(|(kind, value)| Some((kind, value?)))
        .collect()
    }

    fn credential(
        &self,
        key: &str,
        written: Option<&String>,
        variable: Option<&String>,
    ) -> Result<String, String> {
        let named = match (written, variable) {
            (Some(value), _) => return Ok(value.clone()),
            (None, Some(variable)) => variable,
            (None, None) => {
                return Err(format!(
                    "subscriber {} has neither {key} nor {key}_env",
                    self.address
                ));
            }
        };
        let set = std::env::var(named)
            .ok()
            .filter(|value| !value.trim().is_empty());
        set.ok_or_else(|| {
            format!(
                "subscriber {} has no {key}, and ${named} is not set or empty",
                self.address
            )
        })
    }
}

/// A span of time as people write it: `300ms`, `5s`, `5m`, `2h`.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct Span(Duration);

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

impl Span {
    /// That many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// As the standard library has it.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (unit, size) = UNITS
            .iter()
            .rev()
            .find(|(_, size)| millis % size == 0)
            .unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", millis / size)
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let size = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, size)| size);
        match (number.parse::<u64>(), size) {
            (Ok(number), Some(size)) => {
                Ok(Self(Duration::from_millis(number.saturating_mul(*size))))
            }
            _ => Err(format!(
                "expected a whole number with a unit such as 300ms, 5s, 5m or 2h, got {text:?}"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$" })
    }
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

#[cfg(test)]
mod tests {
    use super::{Declared, HookSpec, Span};

    fn restart(value: &str) -> Result<HookSpec, String> {
        let text = format!(
            "[sut]\nname = \"s\"\nrole = \"twinning-enabler\"\n[twinning]\n\
             base_url = \"http://127.0.0.1\"\nrestart = {value}\n"
        );
        let declared = Declared::parse(&text).map_err(|error| {
            let spot = &text[error.span().unwrap_or_default()];
            assert!(value.contains(spot) && !spot.is_empty(), "at {spot:?}");
            error.message().to_owned()
        })?;
        Ok(declared.profile.twinning.unwrap().restart.unwrap())
    }

    #[test]
    fn a_hook_is_a_command_or_a_call() {
        let call = HookSpec::Http {
            method: "POST".to_owned(),
            url: "http://127.0.0.1/restart".to_owned(),
            body: String::new(),
        };
        let written = r#"{ method = "POST", url = "http://127.0.0.1/restart" }"#;
        assert_eq!(restart(written).unwrap(), call);
        assert_eq!(
            restart("\"true\"").unwrap(),
            HookSpec::Command("true".to_owned())
        );
        // A ledger holds the profile as JSON.
        let recorded = serde_json::to_value(&call).unwrap();
        assert_eq!(serde_json::from_value::<HookSpec>(recorded).unwrap(), call);
    }

    #[test]
    fn a_wrong_hook_is_told_what_is_expected() {
        for (value, says) in [
            ("5", "a command line for the shell, or an HTTP call"),
            (
                "[\"true\"]",
                "a command line for the shell, or an HTTP call",
            ),
            ("\" \"", "a command line for the shell, or an HTTP call"),
            ("{ method = \"POST\" }", "missing field `url`"),
            (
                "{ method = \"POST\", uri = \"http://127.0.0.1\" }",
                "unknown field `uri`, expected one of `method`, `url`, `body`",
            ),
            (
                "{ method = 5, url = \"http://127.0.0.1\" }",
                "invalid type: integer `5`, expected a string",
            ),
        ] {
            let words = restart(value).unwrap_err();
            assert!(words.contains(says), "{value}: {words}");
        }
    }

    #[test]
    fn spans_are_written_as_people_write_them() {
        for text in ["300ms", "5s", "5m", "2h", "1500ms"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["5", "s", "", "-1s", "5 s", "1d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}

//! The section on a DM bootstrap server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinproof_dm::bootstrap::Known;
use twinproof_dm::provisioning::protection::Method;

use super::{HookSpec, Span};

/// A DM bootstrap server. The tester plays its devices.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DmBootstrap {
    /// Where a device fetches its bootstrap: an HTTP or HTTPS URL in which `{device}` stands for the device.
    #[schemars(example = "http://127.0.0.1:8085/bootstrap/{device}")]
    pub url: String,
    /// A device that it does not know.
    #[serde(default = "DmBootstrap::default_stranger")]
    pub stranger: String,
    /// The devices that it knows.
    #[serde(default, rename = "device", skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DmNovice>,
    /// Who makes it act. Without one, what takes one is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_tester: Option<DmBootstrapTester>,
    /// How long a bootstrap that it is to push may take to arrive.
    #[serde(default = "DmBootstrap::default_patience")]
    pub patience: Span,
}

impl DmBootstrap {
    fn default_stranger() -> String {
        "IMEI:000000000000000".to_owned()
    }

    fn default_patience() -> Span {
        Span::from_secs(30)
    }

    /// Where a device fetches its bootstrap.
    pub fn url_of(&self, device: &str) -> String {
        let octets = device.bytes().map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(octet).to_string()
            }
            octet => format!("%{octet:02X}"),
        });
        self.url.replace("{device}", &octets.collect::<String>())
    }
}

/// A device that a bootstrap server knows, and what the device knows.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DmNovice {
    /// The device, as its URL has it.
    #[schemars(example = "IMEI:493005100592801")]
    pub device: String,
    /// The identifier of the server (`ServerID`) of which it is to get an account.
    #[schemars(example = "com.example.manage")]
    pub server_id: String,
    /// How its bootstrap is protected.
    pub protection: DmProtection,
    /// The identity of its subscriber in the network (IMSI, ESN), for `networkid` and `userpin_networkid`; for
    /// `shared_secret` the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id: Option<String>,
    /// The environment variable that holds it.
    #[schemars(example = &"NETWORK_ID_1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id_env: Option<String>,
    /// The file that holds it.
    #[schemars(example = &"/run/secrets/network-id-1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id_file: Option<String>,
    /// The PIN of its user, for `userpin` and `userpin_networkid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// The environment variable that holds it.
    #[schemars(example = &"PIN_1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_env: Option<String>,
    /// The file that holds it.
    #[schemars(example = &"/run/secrets/pin-1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_file: Option<String>,
}

/// How a bootstrap is protected.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DmProtection {
    /// By the identity of the subscriber in the network.
    #[default]
    Networkid,
    /// In the same way, by a secret that device and network share (RD DM 1.3, SEC-001).
    SharedSecret,
    /// By a PIN that the user is told.
    Userpin,
    /// By both.
    UserpinNetworkid,
}

impl DmProtection {
    /// The method that the document names.
    pub fn method(self) -> Method {
        match self {
            Self::Networkid | Self::SharedSecret => Method::NetworkId,
            Self::Userpin => Method::UserPin,
            Self::UserpinNetworkid => Method::UserPinNetworkId,
        }
    }

    /// As the profile has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Networkid => "networkid",
            Self::SharedSecret => "shared_secret",
            Self::Userpin => "userpin",
            Self::UserpinNetworkid => "userpin_networkid",
        }
    }
}

impl DmNovice {
    /// What the device knows, from the profile, the environment or files.
    ///
    /// # Errors
    ///
    /// What its protection needs is nowhere; the words say whose, and never what.
    pub fn known(&self) -> Result<Known, String> {
        let method = self.protection.method();
        let network_id = [
            &self.network_id,
            &self.network_id_env,
            &self.network_id_file,
        ];
        let pin = [&self.pin, &self.pin_env, &self.pin_file];
        let wanted = |needed: bool, key: &str, from| match needed {
            true => held(&self.device, key, from).map(Some),
            false => Ok(None),
        };
        Ok(Known {
            network_id: wanted(method != Method::UserPin, "network_id", network_id)?,
            pin: wanted(method != Method::NetworkId, "pin", pin)?,
        })
    }

    /// What of it nobody may read.
    pub fn secrets(&mut self) -> [&mut Option<String>; 2] {
        [&mut self.network_id, &mut self.pin]
    }

    /// The environment variables that it names where nothing is written, each with its key.
    pub fn variables(&self) -> Vec<(&'static str, &String)> {
        let network_id = (
            "network_id_env",
            self.network_id_env.as_ref(),
            &self.network_id,
        );
        let pin = ("pin_env", self.pin_env.as_ref(), &self.pin);
        let all = [network_id, pin].into_iter();
        all.filter(|(_, _, written)| written.is_none())
            .filter_map(|(key, variable, _)| Some((key, variable?)))
            .collect()
    }
}

/// A secret of a device: from the profile, the environment, or a file.
pub(super) fn held(
    device: &str,
    key: &str,
    [value, variable, file]: [&Option<String>; 3],
) -> Result<String, String> {
    match (value, variable, file) {
        (Some(value), _, _) => Ok(value.clone()),
        (None, Some(variable), _) => std::env::var(variable)
            .map_err(|_| format!("the device {device} has no {key}, and ${variable} is not set")),
        (None, None, Some(file)) => {
            let text = std::fs::read_to_string(file);
            let text = text.map(|text| text.trim().to_owned());
            text.map_err(|error| {
                format!("the device {device} has no {key}, and {file} cannot be read: {error}")
            })
        }
        (None, None, None) => Err(format!(
            "the device {device} has neither {key} nor {key}_env nor {key}_file"
        )),
    }
}

/// Who makes a bootstrap server act.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DmBootstrapTester {
    /// The system's own: the built-in one has it.
    Builtin,
    /// An interface of the server's, or a program that knows one.
    Hook(Box<DmBootstrapHook>),
}

/// How a bootstrap server that runs elsewhere is told what its operator wants. In its texts `{device}` stands for
/// the device, and `{to}` for the URL at which it takes pushes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DmBootstrapHook {
    /// Changes what the bootstrap of a device says.
    #[schemars(example = "bootstrapctl rename --device {device}")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew: Option<HookSpec>,
    /// Pushes the bootstrap of a device to it.
    #[schemars(example = "bootstrapctl push --device {device} --to {to}")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<HookSpec>,
}

#[cfg(test)]
mod tests {
    use super::{DmNovice, DmProtection};

    #[test]
    fn a_secret_that_is_nowhere_is_named_by_its_key() {
        let device = DmNovice {
            device: "D".to_owned(),
            protection: DmProtection::UserpinNetworkid,
            network_id: Some("1".to_owned()),
            ..DmNovice::default()
        };
        let why = device.known().unwrap_err();
        assert_eq!(why, "the device D has neither pin nor pin_env nor pin_file");
        let known = DmNovice {
            protection: DmProtection::Networkid,
            ..device
        };
        let known = known.known().unwrap();
        assert_eq!((known.network_id.as_deref(), known.pin), (Some("1"), None));
    }

    #[test]
    fn a_secret_can_stand_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "1234\n").unwrap();
        let device = DmNovice {
            protection: DmProtection::Userpin,
            pin_file: Some(file.path().display().to_string()),
            ..DmNovice::default()
        };
        assert_eq!(device.known().unwrap().pin.as_deref(), Some("1234"));
    }
}

//! The sections on how simulated devices and servers meet LwM2M systems over secured associations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How simulated devices come to a server, or to a bootstrap server, over DTLS. What is secured is judged only
/// of one whose profile has this.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// Where the server takes secured registrations, if `lwm2m.server` is where it takes those in the
    /// clear: `coaps://` with an IP address or a host name, and a port.
    #[schemars(example = "coaps://127.0.0.1:5684")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Where it takes registrations in the clear, if `lwm2m.server` is where it takes secured ones: `coap://`.
    /// Without one, that it refuses them cannot be shown.
    #[schemars(example = "coap://127.0.0.1:5683")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain: Option<String>,
    /// The devices that have credentials at the server. One scenario at a time has each of them.
    #[serde(rename = "credential", skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<Credential>,
}

/// A device that a server knows by a pre-shared key.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Credential {
    /// Its endpoint name.
    pub endpoint: String,
    /// The identity under which the server has its key; its endpoint name if it is left out.
    #[schemars(example = "identity-1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The key, in hexadecimal digits.
    #[schemars(example = "000102030405060708090a0b0c0d0e0f")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The environment variable that holds the key, in hexadecimal digits.
    #[schemars(example = &"DEVICE_KEY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// The file that holds the key, in hexadecimal digits.
    #[schemars(example = &"/run/secrets/device-1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
}

/// A pre-shared key that a client has for one of its servers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientKey {
    /// The identity under which the client has it. Without one, every scenario makes up its own, which the
    /// control has to give to the client.
    #[schemars(example = "identity-1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The key, in hexadecimal digits. Without one here, in the environment or in a file, every scenario makes
    /// up its own.
    #[schemars(example = "000102030405060708090a0b0c0d0e0f")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The environment variable that holds the key, in hexadecimal digits.
    #[schemars(example = &"CLIENT_KEY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// The file that holds the key, in hexadecimal digits.
    #[schemars(example = &"/run/secrets/client")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
}

impl ClientKey {
    /// Whether the profile says where the key is.
    pub const fn is_known(&self) -> bool {
        self.key.is_some() || self.key_env.is_some() || self.key_file.is_some()
    }

    /// The octets of the key, from the profile, the environment or a file.
    ///
    /// # Errors
    ///
    /// As for [`Credential::octets`].
    pub fn octets(&self, whose: &str) -> Result<Vec<u8>, String> {
        octets(whose, [&self.key, &self.key_env, &self.key_file])
    }
}

/// How a client meets its servers over DTLS. With this, all servers that the tester plays for it are behind
/// `coaps://`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSecurity {
    /// What it has for its server.
    pub server: ClientKey,
    /// The same for its second server.
    pub other: ClientKey,
    /// The same for its bootstrap server.
    pub bootstrap: ClientKey,
}

impl Credential {
    /// The identity under which the server has its key.
    pub fn identity(&self) -> &str {
        self.identity.as_ref().unwrap_or(&self.endpoint)
    }

    /// The octets of its key, from the profile, the environment or a file.
    ///
    /// # Errors
    ///
    /// None of them has it, or it is not written in hexadecimal digits; the words say whose, and never what.
    pub fn octets(&self) -> Result<Vec<u8>, String> {
        let whose = format!("device {}", self.endpoint);
        octets(&whose, [&self.key, &self.key_env, &self.key_file])
    }
}

/// The octets of a key: from the profile, the environment, or a file.
pub(super) fn octets(
    whose: &str,
    [key, variable, file]: [&Option<String>; 3],
) -> Result<Vec<u8>, String> {
    let text = match (key, variable, file) {
        (Some(key), _, _) => key.clone(),
        (None, Some(variable), _) => std::env::var(variable)
            .map_err(|_| format!("the {whose} has no key, and ${variable} is not set"))?,
        (None, None, Some(file)) => std::fs::read_to_string(file).map_err(|error| {
            format!("the {whose} has no key, and {file} cannot be read: {error}")
        })?,
        (None, None, None) => {
            return Err(format!(
                "the {whose} has neither key nor key_env nor key_file"
            ));
        }
    };
    let digits = text.trim();
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        pair.bytes()
            .all(|digit| digit.is_ascii_hexdigit())
            .then_some(())?;
        u8::from_str_radix(pair, 16).ok()
    });
    let octets: Option<Vec<u8>> = pairs.collect();
    octets
        .filter(|octets| !octets.is_empty())
        .ok_or_else(|| format!("the key of the {whose}: expected pairs of hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::Credential;

    #[test]
    fn keys_are_pairs_of_digits_and_never_told() {
        let with = |key: &str| {
            let credential = Credential {
                endpoint: "x".to_owned(),
                key: Some(key.to_owned()),
                ..Credential::default()
            };
            credential.octets()
        };
        assert_eq!(with("00fF"), Ok(vec![0, 255]));
        for wrong in ["", "0", "zz", "+1", "secret"] {
            let words = with(wrong).unwrap_err();
            assert!(
                !words.contains("secret") && words.contains("device x"),
                "{words}"
            );
        }
        assert!(
            Credential::default()
                .octets()
                .unwrap_err()
                .contains("key_env")
        );
    }

    #[test]
    fn a_key_can_stand_in_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "0a0B\n").unwrap();
        let credential = |file: &std::path::Path| Credential {
            endpoint: "x".to_owned(),
            key_file: Some(file.display().to_string()),
            ..Credential::default()
        };
        assert_eq!(credential(&path).octets(), Ok(vec![10, 11]));
        let missing = dir.path().join("none");
        let words = credential(&missing).octets().unwrap_err();
        assert!(words.contains("none cannot be read"), "{words}");
    }
}

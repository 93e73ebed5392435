//! The section on how devices come to an LwM2M server over secured associations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How simulated devices come to a server over DTLS. What is secured is judged only of a server whose
/// profile has this.
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
}

impl Credential {
    /// The identity under which the server has its key.
    pub fn identity(&self) -> &str {
        self.identity.as_ref().unwrap_or(&self.endpoint)
    }

    /// The octets of its key, from the profile or the environment.
    ///
    /// # Errors
    ///
    /// Neither has it, or it is not written in hexadecimal digits; the words say whose, and never what.
    pub fn octets(&self) -> Result<Vec<u8>, String> {
        let whose = &self.endpoint;
        let text = match (&self.key, &self.key_env) {
            (Some(key), _) => key.clone(),
            (None, Some(variable)) => std::env::var(variable).map_err(|_| {
                format!("the device {whose} has no key, and ${variable} is not set")
            })?,
            (None, None) => return Err(format!("the device {whose} has neither key nor key_env")),
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
        octets.filter(|octets| !octets.is_empty()).ok_or_else(|| {
            format!("the key of the device {whose}: expected pairs of hexadecimal digits")
        })
    }
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
}

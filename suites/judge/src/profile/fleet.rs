//! The section on how devices in number show a server who they are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::security::octets;

/// An identity of a table, and its key.
pub type Line = (Vec<u8>, Vec<u8>);

/// How the devices of `fleet` and `bench` come to a server behind `coaps://`: each has a pre-shared key under an identity of
/// its own. Scenarios have the devices of `[[lwm2m.security.credential]]`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fleet {
    /// The identity of a device: `{endpoint}` stands for its endpoint name (`dev-0`, `dev-1` and so on), `{number}` for its
    /// number.
    #[schemars(example = "urn:{endpoint}")]
    pub identity: String,
    /// A key, in hexadecimal digits.
    #[schemars(example = "000102030405060708090a0b0c0d0e0f")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The environment variable that holds it.
    #[schemars(example = &"FLEET_KEY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// The file that holds it.
    #[schemars(example = &"/run/secrets/fleet")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// Whether the key of a device is the first 16 octets of HMAC-SHA-256 with that key over its identity; else that key is
    /// the key of all.
    pub derived: bool,
    /// Instead of all of this: a file with a line for each device, from the first on, of its identity, a colon, and its key
    /// in hexadecimal digits.
    #[schemars(example = &"/run/secrets/fleet.psk")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            identity: "{endpoint}".to_owned(),
            key: None,
            key_env: None,
            key_file: None,
            derived: false,
            table: None,
        }
    }
}

impl Fleet {
    /// The octets of the key, from the profile, the environment or a file.
    ///
    /// # Errors
    ///
    /// None of them has it, or it is not written in hexadecimal digits; the words never say what.
    pub fn octets(&self) -> Result<Vec<u8>, String> {
        octets(
            "devices of a fleet",
            [&self.key, &self.key_env, &self.key_file],
        )
    }

    /// The lines of the table, if there is one: identities and keys.
    ///
    /// # Errors
    ///
    /// It cannot be read, or a line is none; the words say which, and never what a key is.
    pub fn lines(&self) -> Result<Option<Vec<Line>>, String> {
        let Some(file) = &self.table else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("lwm2m.fleet.table: {file} cannot be read: {error}"))?;
        let lines = (1..).zip(text.lines());
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let read = lines.map(|(number, line)| {
            let (identity, key) = line.trim().rsplit_once(':').ok_or_else(|| {
                format!("{file}:{number}: expected an identity, a colon and a key")
            })?;
            let whose = format!("device in line {number} of {file}");
            let key = octets(&whose, [&Some(key.to_owned()), &None, &None])?;
            Ok((identity.as_bytes().to_vec(), key))
        });
        read.collect::<Result<_, String>>().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::Fleet;

    #[test]
    fn a_table_has_a_line_for_each_device() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let fleet = Fleet {
            table: Some(path.display().to_string()),
            ..Fleet::default()
        };
        std::fs::write(&path, "urn:dev:1:00ff\n\nb:0a\n").unwrap();
        let lines = fleet.lines().unwrap().unwrap();
        let expected = [
            (b"urn:dev:1".to_vec(), vec![0, 255]),
            (b"b".to_vec(), vec![10]),
        ];
        assert_eq!(lines, expected);
        for wrong in ["a:00\nsecret\n", "a:00\nb:secret\n"] {
            std::fs::write(&path, wrong).unwrap();
            let why = fleet.lines().unwrap_err();
            assert!(why.contains("2") && !why.contains("secret"), "{why}");
        }
        assert_eq!(Fleet::default().lines(), Ok(None));
        assert!(Fleet::default().octets().unwrap_err().contains("key_env"));
    }
}

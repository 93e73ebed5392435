//! Hooks: what restarts the system, or moves its clock.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

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

#[cfg(test)]
mod tests {
    use super::HookSpec;
    use crate::profile::Declared;

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
}

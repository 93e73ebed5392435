//! What comes back of a fan-out: an entry for each device, in one document.
//!
//! No public text says what it looks like. What any form has to hold is here as a type; the form in which
//! the built-in gateway writes it, and in which a gateway is understood, is one element per device.

use twinproof_dm::document::Element;
use twinproof_dm::{Limits, xml};

/// Where a gateway has the results of a fan-out.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    schemars::JsonSchema,
    serde::Deserialize,
    serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Results {
    /// In the report that the fan-out has ended.
    #[default]
    Reported,
    /// In its tree; the report says where.
    Fetched,
}

/// All entries of one fan-out.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Aggregate {
    /// An entry per device.
    pub entries: Vec<Entry>,
}

/// What became of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Entry {
    /// The device.
    pub device: String,
    /// One code for all.
    pub status: u16,
    /// What it said to each command, in their order; nothing if it said nothing.
    pub commands: Vec<Said>,
}

/// What a device said to one command.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Said {
    /// The code.
    pub status: u16,
    /// The values that it gave.
    pub values: Vec<String>,
}

impl Entry {
    /// Whether all went well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Aggregate {
    /// The document.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut root = Element::new("", "Aggregate");
        for entry in &self.entries {
            let mut device = Element::new("", "Device")
                .with_attribute("id", entry.device.clone())
                .with_attribute("status", entry.status.to_string());
            for (number, said) in (1..).zip(&entry.commands) {
                let mut command = Element::new("", "Cmd")
                    .with_attribute("ref", number.to_string())
                    .with_attribute("status", said.status.to_string());
                for value in &said.values {
                    command = command.with(Element::new("", "Value").with_text(value));
                }
                device = device.with(command);
            }
            root = root.with(device);
        }
        xml::fragment(&root).unwrap_or_default()
    }

    /// Reads such a document.
    ///
    /// # Errors
    ///
    /// It is none; the words say what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_within(text, &Limits::default())
    }

    /// The same for one of another size than messages commonly have.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_within(text: &str, limits: &Limits) -> Result<Self, String> {
        let root = xml::read(text.as_bytes(), limits).map_err(|e| e.to_string())?;
        if root.name != "Aggregate" {
            return Err(format!("expected Aggregate, got {}", root.name));
        }
        let number = |element: &Element, name: &str| {
            let text = element.attribute(name);
            let read = text.and_then(|text| text.parse().ok());
            read.ok_or_else(|| {
                format!(
                    "expected a number as {name} of {}, got {text:?}",
                    element.name
                )
            })
        };
        let entries = root.children().map(|device| {
            let id = device
                .attribute("id")
                .ok_or("expected an id of each device, got none")?;
            let commands = device.children().map(|command| {
                Ok::<_, String>(Said {
                    status: number(command, "status")?,
                    values: command.children().map(|v| v.text().into_owned()).collect(),
                })
            });
            Ok::<_, String>(Entry {
                device: id.to_owned(),
                status: number(device, "status")?,
                commands: commands.collect::<Result<_, _>>()?,
            })
        });
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Aggregate, Entry, Said};

    #[test]
    fn what_is_written_is_read_again() {
        let said = Said {
            status: 200,
            values: vec!["a < b".to_owned(), String::new()],
        };
        let entry = |device: &str, status, commands| Entry {
            device: device.to_owned(),
            status,
            commands,
        };
        let entries = vec![entry("d&1", 200, vec![said]), entry("d 2", 504, vec![])];
        let aggregate = Aggregate { entries };
        assert_eq!(Aggregate::parse(&aggregate.to_text()), Ok(aggregate));
        for text in [
            "",
            "<x/>",
            "<Aggregate><Device status='200'/></Aggregate>",
            "<Aggregate><Device id='a' status='x'/></Aggregate>",
        ] {
            assert!(Aggregate::parse(text).is_err(), "{text}");
        }
    }
}

//! A small management protocol that is none of OMA's: one object of JSON per datagram, ended by a line feed.
//!
//! It is there so that what a gateway adapts is not one protocol's special case. A device says [`Line::Hello`]
//! until it hears [`Line::Welcome`] or [`Line::Refused`], answers each [`Line::Ask`] by its number, and says
//! [`Line::Bye`] when it leaves. Who hears no answer asks again.

mod device;

use serde::{Deserialize, Serialize};

pub use device::{Answer, Order, Simple, Temper};

/// What is said.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "say", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Line {
    /// A device is there.
    Hello {
        /// What it calls itself.
        device: String,
        /// What shows that it is that.
        key: String,
        /// Who made it.
        maker: String,
        /// What it is.
        model: String,
    },
    /// The gateway knows it now.
    Welcome {},
    /// The gateway does not want it.
    Refused {},
    /// The device leaves.
    Bye {
        /// Who.
        device: String,
    },
    /// The gateway wants something of the device.
    Ask {
        /// What the answer names.
        number: u64,
        /// What.
        what: Ask,
    },
    /// The device has done what was asked.
    Did {
        /// Which.
        number: u64,
        /// What was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// The device has not.
    Failed {
        /// What it was asked.
        number: u64,
        /// Why.
        why: Why,
    },
}

/// What a device is asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// Start something.
    Do {
        /// What.
        of: String,
    },
    /// Say what something is.
    Get {
        /// What.
        of: String,
    },
    /// Make something this.
    Set {
        /// What.
        of: String,
        /// This.
        to: String,
    },
}

/// Why a device does not do something.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is broken.
    Broken,
    /// It may not.
    Forbidden,
    /// It does not have that.
    Unknown,
}

impl Line {
    /// The octets.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = serde_json::to_vec(self).unwrap_or_default();
        octets.push(b'\n');
        octets
    }

    /// Reads a line.
    ///
    /// # Errors
    ///
    /// It is none; the words say what was expected.
    pub fn parse(octets: &[u8]) -> Result<Self, String> {
        let line = octets
            .strip_suffix(b"\n")
            .ok_or("expected a line feed at the end, got none")?;
        serde_json::from_slice(line).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, Line, Why};

    #[test]
    fn what_is_written_is_read_again() {
        let hello = Line::Hello {
            device: "d\"1".to_owned(),
            key: String::new(),
            maker: "m".to_owned(),
            model: "\n".to_owned(),
        };
        let set = Ask::Set {
            of: "label".to_owned(),
            to: "ü".to_owned(),
        };
        let ask = Line::Ask {
            number: u64::MAX,
            what: set,
        };
        let failed = Line::Failed {
            number: 1,
            why: Why::Forbidden,
        };
        for line in [hello, ask, failed, Line::Welcome {}] {
            assert_eq!(Line::parse(&line.to_octets()), Ok(line));
        }
        assert_eq!(
            Line::Welcome {}.to_octets(),
            b"{\"say\":\"welcome\"}\n".to_vec()
        );
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for text in [
            "",
            "{\"say\":\"welcome\"}",
            "{}\n",
            "{\"say\":\"sing\"}\n",
            "{\"say\":\"bye\"}\n",
            "{\"say\":\"welcome\",\"x\":1}\n",
        ] {
            assert!(Line::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}

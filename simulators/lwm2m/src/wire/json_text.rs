//! JSON with places: what serde_json does not say, where in the text a value stands, it says of raw
//! values by way of their address.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar::Scalar;
use super::{Value, WireError, text};

/// A text and where in it things are.
#[derive(Clone, Copy)]
pub(super) struct Json<'a> {
    text: &'a str,
}

/// The members of an object in the order written, repeated names and all.
pub(super) struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Json<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Result<Self, WireError> {
        std::str::from_utf8(payload)
            .map(|text| Self { text })
            .map_err(|error| WireError::new(error.valid_up_to(), "UTF-8", "another byte"))
    }

    /// The elements of the array that the whole text is.
    pub(super) fn elements(self) -> Result<Vec<&'a RawValue>, WireError> {
        self.parse(self.text, "an array")
    }

    /// The members of the object that the whole text is.
    pub(super) fn members(self) -> Result<Members<'a>, WireError> {
        self.members_of(self.text)
    }

    /// The elements of the array that `raw` is.
    pub(super) fn elements_of(self, raw: &'a RawValue) -> Result<Vec<&'a RawValue>, WireError> {
        self.parse(raw.get(), "an array")
    }

    /// The members of the object that `raw` is, each name once.
    pub(super) fn members_of(self, raw: &'a str) -> Result<Members<'a>, WireError> {
        let members: Members<'a> = self.parse(raw, "an object")?;
        let mut seen = HashSet::new();
        if let Some((name, value)) = members.0.iter().find(|(name, _)| !seen.insert(name)) {
            let got = format!("`{name}` again");
            return Err(WireError::new(self.at(value.get()), "each name once", got));
        }
        Ok(members)
    }

    pub(super) fn string(self, raw: &'a RawValue) -> Result<String, WireError> {
        self.parse(raw.get(), "a string")
    }

    pub(super) fn boolean(self, raw: &'a RawValue) -> Result<bool, WireError> {
        self.parse(raw.get(), "true or false")
    }

    /// A number, whole if it has neither fraction nor exponent.
    pub(super) fn number(self, raw: &'a RawValue) -> Result<Scalar, WireError> {
        let digits = raw.get();
        if let Ok(whole) = digits.parse() {
            return Ok(Scalar::Whole(whole));
        }
        let wrong = || {
            WireError::new(
                self.at(digits),
                "a number",
                format!("`{}`", shorten(digits)),
            )
        };
        text::float(digits).map(Scalar::Float).ok_or_else(wrong)
    }

    /// A number of seconds.
    pub(super) fn seconds(self, raw: &'a RawValue) -> Result<f64, WireError> {
        Ok(match self.number(raw)? {
            Scalar::Whole(whole) => whole as f64,
            Scalar::Float(number) => number,
            _ => 0.0,
        })
    }

    /// Where a piece of the text is.
    pub(super) fn at(self, piece: &str) -> usize {
        (piece.as_ptr() as usize)
            .wrapping_sub(self.text.as_ptr() as usize)
            .min(self.text.len())
    }

    fn parse<T: Deserialize<'a>>(
        self,
        piece: &'a str,
        expected: &'static str,
    ) -> Result<T, WireError> {
        serde_json::from_str(piece).map_err(|error| {
            let line: usize = piece
                .split_inclusive('\n')
                .take(error.line().saturating_sub(1))
                .map(str::len)
                .sum();
            let within = (line + error.column().saturating_sub(1)).min(piece.len());
            // A wrong type is the fault of the whole piece, broken syntax of one place in it.
            let at = self.at(piece) + if error.is_data() { 0 } else { within };
            let got = if error.is_data() {
                format!("`{}`", shorten(piece))
            } else {
                error.to_string()
            };
            WireError::new(at, expected, got)
        })
    }
}

impl<'a> Members<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// The start of a piece of text, for messages.
fn shorten(text: &str) -> &str {
    match text.char_indices().nth(40) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// Appends `"name":"text"`.
pub(super) fn put_string(out: &mut String, name: &str, text: &str) {
    use fmt::Write;
    // Writing to a string cannot fail; serialising one neither.
    let _ = write!(out, "\"{name}\":{}", serde_json::Value::from(text));
}

/// Appends `"name":number`, or says that the number cannot be written.
pub(super) fn put_number(out: &mut String, name: &str, number: f64) -> bool {
    use fmt::Write;
    let _ = write!(out, "\"{name}\":{number:?}");
    number.is_finite()
}

/// Appends the value of a type that JSON has a number or a truth for, or says that it is another.
pub(super) fn put_plain(
    out: &mut String,
    numbers: &str,
    truths: &str,
    value: &Value,
) -> Option<bool> {
    use fmt::Write;
    let _ = match value {
        Value::Integer(number) | Value::Time(number) => write!(out, "\"{numbers}\":{number}"),
        Value::Unsigned(number) => write!(out, "\"{numbers}\":{number}"),
        Value::Boolean(truth) => write!(out, "\"{truths}\":{truth}"),
        Value::Float(number) => return Some(put_number(out, numbers, *number)),
        _ => return None,
    };
    Some(true)
}

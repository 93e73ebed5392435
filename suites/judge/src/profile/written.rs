//! Values that a profile writes as text.

use std::fmt;
use std::time::Duration;

use regex::Regex;

/// Lets a type be read and written as the text that its `FromStr` takes and its `Display` gives, and
/// describes that text by a pattern.
macro_rules! written_as_text {
    ($name:ident, $pattern:literal) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

pub(super) use written_as_text;

/// A span of time as people write it: `300ms`, `5s`, `5m`, `2h`.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct Span(Duration);

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

impl Span {
    /// That many seconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// So many seconds.
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

written_as_text!(Span, "^[0-9]+(ms|s|m|h)$");

/// A pattern of text: a regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// The expression, ready for use.
    pub const fn regex(&self) -> &Regex {
        &self.0
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a pattern, got nothing".to_owned());
        }
        let read = Regex::new(text).map(Self);
        read.map_err(|error| format!("expected a pattern: {error}"))
    }
}

written_as_text!(Pattern, ".+");

#[cfg(test)]
mod tests {
    use super::{Pattern, Span};

    #[test]
    fn a_pattern_is_read_once_and_written_as_it_was() {
        let pattern: Pattern = "END\n".parse().unwrap();
        assert!(pattern.regex().is_match("the END\n"));
        assert_eq!(pattern.to_string().parse::<Pattern>(), Ok(pattern));
        for text in ["(", ""] {
            let words = text.parse::<Pattern>().unwrap_err();
            assert!(words.starts_with("expected a pattern"), "{words}");
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

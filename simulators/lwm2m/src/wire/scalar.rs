//! Values as self-describing formats have them, and what the object model makes of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Kind, ObjectLink, Path, Value, WireError};

/// A value before the object model says what it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Boolean(bool),
    Whole(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// `object:instance` where the format has a place of its own for links.
    Link(String),
}

/// What text may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Links and bytes are text: the JSON of LwM2M 1.0 has Base64 in `sv`.
    Json,
    /// Every type has a place of its own.
    SenMl,
    /// Links are text.
    Cbor,
}

impl Dialect {
    /// The full name of a record of a pack without base name: in the JSON of LwM2M 1.0 a name that
    /// is not absolute is relative to the path of the request, in SenML every name is absolute.
    pub(super) fn without_base(self, base: Path, name: &str) -> String {
        if self != Self::Json || name.starts_with('/') {
            return name.to_owned();
        }
        match (base, name) {
            (base, "") => base.to_string(),
            (Path::ROOT, name) => format!("/{name}"),
            (base, name) => format!("{base}/{name}"),
        }
    }
}

impl Scalar {
    fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Whole(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Link(_) => "an object link",
        }
    }

    /// The value that the object model says this is; without its word, what it looks like.
    pub(super) fn typed(
        self,
        at: usize,
        kind: Option<Kind>,
        dialect: Dialect,
    ) -> Result<Value, WireError> {
        let Some(kind) = kind else {
            return self.untyped(at);
        };
        let description = self.describe();
        let wrong = || WireError::new(at, format!("a value of type {kind}"), description);
        let out_of_range =
            |number: i128| WireError::new(at, format!("an {kind} of 64 bits"), number.to_string());
        match (kind, self) {
            (Kind::String, Self::Text(text)) => Ok(Value::String(text)),
            (Kind::CoreLink, Self::Text(text)) => Ok(Value::CoreLink(text)),
            (Kind::Boolean, Self::Boolean(truth)) => Ok(Value::Boolean(truth)),
            (Kind::Opaque, Self::Bytes(bytes)) => Ok(Value::Opaque(bytes)),
            (Kind::Opaque, Self::Text(text)) if dialect == Dialect::Json => {
                base64(&text, at).map(Value::Opaque)
            }
            (Kind::Float, Self::Float(number)) => Ok(Value::Float(number)),
            (Kind::Float, Self::Whole(number)) => Ok(Value::Float(number as f64)),
            (Kind::Integer | Kind::Unsigned | Kind::Time, scalar) => {
                let number = scalar.whole().ok_or_else(wrong)?;
                match kind {
                    Kind::Integer => i64::try_from(number).map(Value::Integer),
                    Kind::Time => i64::try_from(number).map(Value::Time),
                    _ => u64::try_from(number).map(Value::Unsigned),
                }
                .map_err(|_| out_of_range(number))
            }
            (Kind::ObjectLink, Self::Link(text)) => link(&text, at),
            (Kind::ObjectLink, Self::Text(text)) if dialect == Dialect::Cbor => link(&text, at),
            _ => Err(wrong()),
        }
    }

    fn untyped(self, at: usize) -> Result<Value, WireError> {
        Ok(match self {
            Self::Null => return Err(WireError::new(at, "a value", "null")),
            Self::Boolean(truth) => Value::Boolean(truth),
            Self::Whole(number) => match (i64::try_from(number), u64::try_from(number)) {
                (Ok(number), _) => Value::Integer(number),
                (_, Ok(number)) => Value::Unsigned(number),
                _ => Value::Float(number as f64),
            },
            Self::Float(number) => Value::Float(number),
            Self::Text(text) => Value::String(text),
            Self::Bytes(bytes) => Value::Opaque(bytes),
            Self::Link(text) => link(&text, at)?,
        })
    }

    /// The number without a fraction that this is: `3` and `3.0` are the same number in JSON.
    fn whole(self) -> Option<i128> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Self::Whole(number) => Some(number),
            Self::Float(number) if number.fract() == 0.0 && number.abs() <= EXACT => {
                Some(number as i128)
            }
            _ => None,
        }
    }
}

pub(super) fn link(text: &str, at: usize) -> Result<Value, WireError> {
    let link: Result<ObjectLink, _> = text.parse();
    link.map(Value::ObjectLink)
        .map_err(|_| WireError::new(at, "an object link such as 3:0", format!("`{text}`")))
}

pub(super) fn base64(text: &str, at: usize) -> Result<Vec<u8>, WireError> {
    STANDARD
        .decode(text)
        .map_err(|error| WireError::new(at, "Base64 with padding", error.to_string()))
}

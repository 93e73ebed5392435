//! `text/plain` (0): one value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{
    EncodeError, Entry, Kind, Kinds, Path, Value, WireError, expect_single, scalar, single,
};

/// Reads the value of a resource or resource instance. Without a type it is a string.
///
/// # Errors
///
/// When the text is not UTF-8 or does not spell a value of the type, or `base` cannot have one value.
pub fn decode(base: Path, payload: &[u8], kinds: Kinds<'_>) -> Result<Vec<Entry>, WireError> {
    expect_single(base)?;
    let text = std::str::from_utf8(payload)
        .map_err(|error| WireError::new(error.valid_up_to(), "UTF-8", "another byte"))?;
    Ok(vec![Entry::new(
        base,
        parse(kinds(base).unwrap_or(Kind::String), text)?,
    )])
}

/// Writes the one value there is.
///
/// # Errors
///
/// When there is not exactly one value, at `base`.
pub fn encode(base: Path, entries: &[Entry]) -> Result<Vec<u8>, EncodeError> {
    Ok(match single(base, entries)? {
        Value::String(text) | Value::CoreLink(text) => text.clone(),
        Value::Integer(number) | Value::Time(number) => number.to_string(),
        Value::Unsigned(number) => number.to_string(),
        Value::Float(number) if !number.is_finite() => {
            return Err(EncodeError::new(base, "a number that is finite"));
        }
        Value::Float(number) => number.to_string(),
        Value::Boolean(truth) => u8::from(*truth).to_string(),
        Value::Opaque(bytes) => STANDARD.encode(bytes),
        Value::ObjectLink(link) => link.to_string(),
    }
    .into_bytes())
}

/// Reads the text of a value of type `kind`.
///
/// # Errors
///
/// When the text does not spell such a value.
pub fn parse(kind: Kind, text: &str) -> Result<Value, WireError> {
    let wrong = |expected: &'static str| WireError::new(0, expected, format!("`{text}`"));
    match kind {
        Kind::String => Ok(Value::String(text.to_owned())),
        Kind::CoreLink => Ok(Value::CoreLink(text.to_owned())),
        Kind::Integer => whole(text)
            .map(Value::Integer)
            .ok_or_else(|| wrong("a decimal integer")),
        Kind::Time => whole(text)
            .map(Value::Time)
            .ok_or_else(|| wrong("seconds since 1970")),
        Kind::Unsigned => whole(text)
            .map(Value::Unsigned)
            .ok_or_else(|| wrong("a decimal unsigned integer")),
        Kind::Float => float(text)
            .map(Value::Float)
            .ok_or_else(|| wrong("a decimal number")),
        Kind::Boolean => match text {
            "0" => Ok(Value::Boolean(false)),
            "1" => Ok(Value::Boolean(true)),
            _ => Err(wrong("0 or 1")),
        },
        Kind::Opaque => scalar::base64(text, 0).map(Value::Opaque),
        Kind::ObjectLink => scalar::link(text, 0),
    }
}

/// A decimal number without `+`, which Rust would accept.
fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Digits, perhaps a point and more digits, perhaps an exponent; Rust would accept `inf` and `.5`.
pub(super) fn float(text: &str) -> Option<f64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let well_formed = digits(whole)
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    well_formed
        .then(|| text.parse().ok())
        .flatten()
        .filter(|number: &f64| number.is_finite())
}

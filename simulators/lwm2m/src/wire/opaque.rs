//! `application/octet-stream` (42): the bytes of one opaque value.

use super::{EncodeError, Entry, Kind, Kinds, Path, Value, WireError, expect_single, single};

/// Takes the payload as the value of a resource or resource instance.
///
/// # Errors
///
/// When `base` cannot have one value, or its type is not opaque.
pub fn decode(base: Path, payload: &[u8], kinds: Kinds<'_>) -> Result<Vec<Entry>, WireError> {
    expect_single(base)?;
    match kinds(base) {
        None | Some(Kind::Opaque) => Ok(vec![Entry::new(base, Value::Opaque(payload.to_vec()))]),
        Some(kind) => Err(WireError::new(
            0,
            format!("a value of type {kind}"),
            "bytes",
        )),
    }
}

/// Writes the one value there is.
///
/// # Errors
///
/// When there is not exactly one opaque value, at `base`.
pub fn encode(base: Path, entries: &[Entry]) -> Result<Vec<u8>, EncodeError> {
    match single(base, entries)? {
        Value::Opaque(bytes) => Ok(bytes.clone()),
        _ => Err(EncodeError::new(base, "an opaque value")),
    }
}

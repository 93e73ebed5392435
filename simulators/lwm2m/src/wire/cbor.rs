//! `application/cbor` (60): one value.

use minicbor::Encoder;
use minicbor::data::IanaTag;

use super::cbor_item::{Items, put_value};
use super::scalar::Dialect;
use super::{EncodeError, Entry, Kinds, Path, Value, WireError, expect_single, single};

/// Reads the value of a resource or resource instance. Times may, but need not, have tag 1.
///
/// # Errors
///
/// When the payload is not one item, or not a value of the type that `kinds` says, or `base` cannot
/// have one value.
pub fn decode(base: Path, payload: &[u8], kinds: Kinds<'_>) -> Result<Vec<Entry>, WireError> {
    expect_single(base)?;
    let mut items = Items::new(payload);
    let value = items.scalar()?.typed(0, kinds(base), Dialect::Cbor)?;
    items.end()?;
    Ok(vec![Entry::new(base, value)])
}

/// Writes the one value there is; a time has tag 1.
///
/// # Errors
///
/// When there is not exactly one value, at `base`.
pub fn encode(base: Path, entries: &[Entry]) -> Result<Vec<u8>, EncodeError> {
    let value = single(base, entries)?;
    let mut encoder = Encoder::new(Vec::new());
    if matches!(value, Value::Time(_)) {
        // Encoding into a vector cannot fail.
        let _ = encoder.tag(IanaTag::Timestamp);
    }
    put_value(&mut encoder, value);
    Ok(encoder.into_writer())
}

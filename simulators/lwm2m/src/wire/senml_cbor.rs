//! `application/senml+cbor` (112, and 322 for composite requests).

use std::collections::HashSet;

use minicbor::Encoder;

use super::base::{Record, base_name, check, name_behind, resolve};
use super::cbor_item::{Items, Label, put_float, put_value};
use super::scalar::{Dialect, Scalar};
use super::{EncodeError, Entry, Kinds, Path, Value, WireError};

/// The labels of RFC 8428 §6, table 4, that LwM2M uses; object links have the label `vlo`.
mod label {
    pub(super) const BASE_SUM: i128 = -6;
    pub(super) const BASE_VALUE: i128 = -5;
    pub(super) const BASE_TIME: i128 = -3;
    pub(super) const BASE_NAME: i128 = -2;
    pub(super) const NAME: i128 = 0;
    pub(super) const VALUE: i128 = 2;
    pub(super) const STRING: i128 = 3;
    pub(super) const BOOLEAN: i128 = 4;
    pub(super) const SUM: i128 = 5;
    pub(super) const TIME: i128 = 6;
    pub(super) const DATA: i128 = 8;
    pub(super) const LINK: &str = "vlo";
}

/// Reads a pack. Labels are treated as in [`super::senml_json::decode`].
///
/// # Errors
///
/// When the payload is no pack, a record has two values, a path is not within `base`, or a value is
/// not one of the type that `kinds` says.
pub fn decode(base: Path, payload: &[u8], kinds: Kinds<'_>) -> Result<Vec<Entry>, WireError> {
    let mut items = Items::new(payload);
    let mut records = Vec::new();
    items.array(|items| {
        records.push(record(items)?);
        Ok(())
    })?;
    items.end()?;
    resolve(records, base, Dialect::SenMl, kinds)
}

fn record(items: &mut Items<'_>) -> Result<Record, WireError> {
    let mut record = Record {
        at: items.at(),
        ..Record::default()
    };
    let mut seen = HashSet::new();
    items.map(|items| {
        let label_at = items.at();
        let label = items.label()?;
        if let Label::Number(number) = label
            && !seen.insert(number)
        {
            let got = format!("label {number} again");
            return Err(WireError::new(label_at, "each label once", got));
        }
        let at = items.at();
        let value = match &label {
            Label::Number(label::BASE_NAME) => {
                record.base_name = Some(items.text()?);
                return Ok(());
            }
            Label::Number(label::BASE_TIME) => {
                record.base_time = Some(items.seconds()?);
                return Ok(());
            }
            Label::Number(label::NAME) => {
                record.name = Some(items.text()?);
                return Ok(());
            }
            Label::Number(label::TIME) => {
                record.time = Some(items.seconds()?);
                return Ok(());
            }
            Label::Number(
                number @ (label::VALUE | label::STRING | label::BOOLEAN | label::DATA),
            ) => {
                let (scalar, expected) = (items.scalar()?, *number);
                match (expected, scalar) {
                    (_, Scalar::Null) => Scalar::Null,
                    (label::VALUE, scalar @ (Scalar::Whole(_) | Scalar::Float(_))) => scalar,
                    (label::STRING, scalar @ Scalar::Text(_)) => scalar,
                    (label::BOOLEAN, scalar @ Scalar::Boolean(_)) => scalar,
                    (label::DATA, scalar @ Scalar::Bytes(_)) => scalar,
                    (label, _) => {
                        let expected = match label {
                            label::VALUE => "a number in label 2",
                            label::STRING => "text in label 3",
                            label::BOOLEAN => "true or false in label 4",
                            _ => "bytes in label 8",
                        };
                        return Err(WireError::new(at, expected, "another item"));
                    }
                }
            }
            Label::Text(name) if name == label::LINK => match items.scalar()? {
                Scalar::Text(text) => Scalar::Link(text),
                Scalar::Null => Scalar::Null,
                _ => return Err(WireError::new(at, "text in label vlo", "another item")),
            },
            Label::Number(number @ (label::BASE_VALUE | label::BASE_SUM | label::SUM)) => {
                let got = format!("label {number}");
                return Err(WireError::new(label_at, "a label of LwM2M", got));
            }
            Label::Text(name) if name.ends_with('_') => {
                let expected = "a label that we understand";
                return Err(WireError::new(label_at, expected, format!("`{name}`")));
            }
            _ => return items.skip(),
        };
        if record.value.replace((at, value)).is_some() {
            return Err(WireError::new(at, "one value", "another"));
        }
        Ok(())
    })?;
    Ok(record)
}

/// Writes entries of `base`, whose path becomes the base name. Without a base every record has its
/// full path as name, which is how composite requests list their paths.
///
/// # Errors
///
/// When an entry is not within `base`, or has a value where there is no resource.
pub fn encode(base: Option<Path>, entries: &[Entry]) -> Result<Vec<u8>, EncodeError> {
    check(entries)?;
    let base_name = base.map(|base| base_name(base, entries)).transpose()?;
    let mut encoder = Encoder::new(Vec::new());
    // Encoding into a vector cannot fail.
    let _ = encoder.array(entries.len() as u64);
    for (index, Entry { path, time, value }) in entries.iter().enumerate() {
        let base_name = base_name.as_deref();
        let name = match base_name {
            Some(base_name) => name_behind(base_name, *path),
            None => path.to_string(),
        };
        let first = base_name.filter(|_| index == 0);
        let count = [
            first.is_some(),
            !name.is_empty(),
            time.is_some(),
            value.is_some(),
        ];
        let _ = encoder.map(count.into_iter().filter(|there| *there).count() as u64);
        if let Some(base_name) = first {
            let _ = encoder
                .i8(label::BASE_NAME as i8)
                .and_then(|e| e.str(base_name));
        }
        if !name.is_empty() {
            let _ = encoder.i8(label::NAME as i8).and_then(|e| e.str(&name));
        }
        if let Some(time) = time {
            let _ = encoder.i8(label::TIME as i8);
            let _ = match time.fract() == 0.0 && time.abs() < 9e15 {
                true => encoder.i64(*time as i64).map(drop),
                false => put_float(&mut encoder, *time),
            };
        }
        if let Some(value) = value {
            let _ = match value {
                Value::String(_) | Value::CoreLink(_) => encoder.i8(label::STRING as i8),
                Value::Boolean(_) => encoder.i8(label::BOOLEAN as i8),
                Value::Opaque(_) => encoder.i8(label::DATA as i8),
                Value::ObjectLink(_) => encoder.str(label::LINK),
                Value::Integer(_) | Value::Unsigned(_) | Value::Float(_) | Value::Time(_) => {
                    encoder.i8(label::VALUE as i8)
                }
            };
            put_value(&mut encoder, value);
        }
    }
    Ok(encoder.into_writer())
}

//! `application/senml+json` (110, and 320 for composite requests).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::base::{Record, base_name, check, name_behind, resolve};
use super::json_text::{Json, put_number, put_plain, put_string};
use super::scalar::{Dialect, Scalar};
use super::{EncodeError, Entry, Kinds, Path, Value, WireError};

/// Reads a pack. Labels that RFC 8428 lets a reader ignore are ignored; those that would change a
/// value (`bv`, `bs`, `s`, and any that end in `_`) are errors, since LwM2M gives them no meaning.
///
/// # Errors
///
/// When the text is no pack, a record has two values, a path is not within `base`, or a value is not
/// one of the type that `kinds` says.
pub fn decode(base: Path, payload: &[u8], kinds: Kinds<'_>) -> Result<Vec<Entry>, WireError> {
    let json = Json::new(payload)?;
    let records = json.elements()?.into_iter().map(|raw| record(json, raw));
    resolve(
        records.collect::<Result<_, _>>()?,
        base,
        Dialect::SenMl,
        kinds,
    )
}

fn record(json: Json<'_>, raw: &serde_json::value::RawValue) -> Result<Record, WireError> {
    let mut record = Record {
        at: json.at(raw.get()),
        ..Record::default()
    };
    for (name, raw) in json.members_of(raw.get())?.iter() {
        let at = json.at(raw.get());
        let value = match name {
            "bn" => {
                record.base_name = Some(json.string(raw)?);
                continue;
            }
            "bt" => {
                record.base_time = Some(json.seconds(raw)?);
                continue;
            }
            "n" => {
                record.name = Some(json.string(raw)?);
                continue;
            }
            "t" => {
                record.time = Some(json.seconds(raw)?);
                continue;
            }
            "v" | "vs" | "vb" | "vd" | "vlo" if raw.get() == "null" => Scalar::Null,
            "v" => json.number(raw)?,
            "vs" => Scalar::Text(json.string(raw)?),
            "vb" => Scalar::Boolean(json.boolean(raw)?),
            "vd" => {
                let text = json.string(raw)?;
                let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| {
                    let expected = "Base64 for URLs without padding";
                    WireError::new(at, expected, error.to_string())
                })?;
                Scalar::Bytes(bytes)
            }
            "vlo" => Scalar::Link(json.string(raw)?),
            "bv" | "bs" | "s" => {
                return Err(WireError::new(at, "a label of LwM2M", format!("`{name}`")));
            }
            name if name.ends_with('_') => {
                return Err(WireError::new(
                    at,
                    "a label that we understand",
                    format!("`{name}`"),
                ));
            }
            _ => continue,
        };
        if record.value.replace((at, value)).is_some() {
            return Err(WireError::new(
                at,
                "one value",
                format!("another in `{name}`"),
            ));
        }
    }
    Ok(record)
}

/// Writes entries of `base`, whose path becomes the base name. Without a base every record has its
/// full path as name, which is how composite requests list their paths.
///
/// # Errors
///
/// When an entry is not within `base`, or a number is not finite.
pub fn encode(base: Option<Path>, entries: &[Entry]) -> Result<Vec<u8>, EncodeError> {
    check(entries)?;
    let base_name = base.map(|base| base_name(base, entries)).transpose()?;
    let mut out = String::from("[");
    for (index, Entry { path, time, value }) in entries.iter().enumerate() {
        out.push_str(if index == 0 { "{" } else { ",{" });
        let start = out.len();
        let comma = |out: &mut String| {
            if out.len() > start {
                out.push(',');
            }
        };
        if let Some(base_name) = base_name.as_ref().filter(|_| index == 0) {
            put_string(&mut out, "bn", base_name);
        }
        let name = match &base_name {
            Some(base_name) => name_behind(base_name, *path),
            None => path.to_string(),
        };
        if !name.is_empty() {
            comma(&mut out);
            put_string(&mut out, "n", &name);
        }
        let mut finite = true;
        if let Some(time) = time {
            comma(&mut out);
            finite = put_number(&mut out, "t", *time);
        }
        if let Some(value) = value {
            comma(&mut out);
            match value {
                Value::String(text) | Value::CoreLink(text) => put_string(&mut out, "vs", text),
                Value::Opaque(bytes) => put_string(&mut out, "vd", &URL_SAFE_NO_PAD.encode(bytes)),
                Value::ObjectLink(link) => put_string(&mut out, "vlo", &link.to_string()),
                plain => finite &= put_plain(&mut out, "v", "vb", plain) == Some(true),
            }
        }
        if !finite {
            return Err(EncodeError::new(*path, "a number that is finite"));
        }
        out.push('}');
    }
    out.push(']');
    Ok(out.into_bytes())
}

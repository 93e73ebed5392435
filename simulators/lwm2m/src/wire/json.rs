//! `application/vnd.oma.lwm2m+json` (11543): the JSON of LwM2M 1.0, deprecated since.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::base::{Record, base_name, check, name_behind, resolve};
use super::json_text::{Json, put_number, put_plain, put_string};
use super::scalar::{Dialect, Scalar};
use super::{EncodeError, Entry, Kinds, Path, Value, WireError};

/// Reads `{"bn":…,"bt":…,"e":[…]}`. Without `bn`, names are relative to `base` unless they begin
/// with a slash. Members of other names are passed over.
///
/// # Errors
///
/// When the text is no such JSON, an entry has two values, a path is not within `base`, or a value is
/// not one of the type that `kinds` says.
pub fn decode(base: Path, payload: &[u8], kinds: Kinds<'_>) -> Result<Vec<Entry>, WireError> {
    let json = Json::new(payload)?;
    let mut base_name = None;
    let mut base_time = None;
    let mut records = None;
    for (name, raw) in json.members()?.iter() {
        match name {
            "bn" => base_name = Some(json.string(raw)?).filter(|name| !name.is_empty()),
            "bt" => base_time = Some(json.seconds(raw)?),
            "e" => {
                let elements = json.elements_of(raw)?;
                let read = elements.into_iter().map(|raw| entry(json, raw));
                records = Some(read.collect::<Result<Vec<_>, _>>()?);
            }
            _ => {}
        }
    }
    let Some(mut records) = records else {
        return Err(WireError::new(payload.len(), "`e`", "the end"));
    };
    if let Some(first) = records.first_mut() {
        first.base_name = base_name;
        first.base_time = base_time;
    }
    resolve(records, base, Dialect::Json, kinds)
}

fn entry(json: Json<'_>, raw: &serde_json::value::RawValue) -> Result<Record, WireError> {
    let mut record = Record {
        at: json.at(raw.get()),
        ..Record::default()
    };
    for (name, raw) in json.members_of(raw.get())?.iter() {
        let value = match name {
            "n" => {
                record.name = Some(json.string(raw)?);
                continue;
            }
            "t" => {
                record.time = Some(json.seconds(raw)?);
                continue;
            }
            "v" => json.number(raw)?,
            "sv" => Scalar::Text(json.string(raw)?),
            "bv" => Scalar::Boolean(json.boolean(raw)?),
            "ov" => Scalar::Link(json.string(raw)?),
            _ => continue,
        };
        let at = json.at(raw.get());
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

/// Writes entries of `base`.
///
/// # Errors
///
/// When an entry is not within `base`, or a number is not finite.
pub fn encode(base: Path, entries: &[Entry]) -> Result<Vec<u8>, EncodeError> {
    check(entries)?;
    let base_name = base_name(base, entries)?;
    let mut out = String::from("{");
    put_string(&mut out, "bn", &base_name);
    out.push_str(",\"e\":[");
    for (index, Entry { path, time, value }) in entries.iter().enumerate() {
        out.push_str(if index == 0 { "{" } else { ",{" });
        let start = out.len();
        let name = name_behind(&base_name, *path);
        if !name.is_empty() {
            put_string(&mut out, "n", &name);
        }
        let comma = |out: &mut String| {
            if out.len() > start {
                out.push(',');
            }
        };
        let mut finite = true;
        if let Some(value) = value {
            comma(&mut out);
            match value {
                Value::String(text) | Value::CoreLink(text) => put_string(&mut out, "sv", text),
                Value::Opaque(bytes) => put_string(&mut out, "sv", &STANDARD.encode(bytes)),
                Value::ObjectLink(link) => put_string(&mut out, "ov", &link.to_string()),
                plain => finite = put_plain(&mut out, "v", "bv", plain) == Some(true),
            }
        }
        if let Some(time) = time {
            comma(&mut out);
            finite &= put_number(&mut out, "t", *time);
        }
        if !finite {
            return Err(EncodeError::new(*path, "a number that is finite"));
        }
        out.push('}');
    }
    out.push_str("]}");
    Ok(out.into_bytes())
}

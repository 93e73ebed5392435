//! Names and times of records that are relative to a base: SenML and the JSON of LwM2M 1.0.

use super::scalar::{Dialect, Scalar};
use super::{EncodeError, Entry, Kinds, Path, WireError, distinct};

/// A record before its base is applied.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Where it begins in the payload.
    pub(super) at: usize,
    pub(super) base_name: Option<String>,
    pub(super) base_time: Option<f64>,
    pub(super) name: Option<String>,
    pub(super) time: Option<f64>,
    /// Where the value is, and the value.
    pub(super) value: Option<(usize, Scalar)>,
}

/// Applies base names and base times from record to record (RFC 8428 §4.1), and checks that every
/// path is within `base`. A pack that names no base is relative to `base` if that is what its names
/// look like.
pub(super) fn resolve(
    records: Vec<Record>,
    base: Path,
    dialect: Dialect,
    kinds: Kinds<'_>,
) -> Result<Vec<Entry>, WireError> {
    let places: Vec<usize> = records.iter().map(|record| record.at).collect();
    let mut base_name: Option<String> = None;
    let mut base_time = None;
    let mut entries = Vec::with_capacity(records.len());
    for record in records {
        let at = record.at;
        base_name = record.base_name.or(base_name);
        base_time = record.base_time.or(base_time);
        let name = record.name.unwrap_or_default();
        let full = match &base_name {
            Some(base_name) => format!("{base_name}{name}"),
            None => dialect.without_base(base, &name),
        };
        let path: Path = full.parse().map_err(|error| {
            WireError::new(at, format!("a path ({error})"), format!("`{full}`"))
        })?;
        if !path.is_within(base) {
            return Err(WireError::new(
                at,
                format!("a path within {base}"),
                path.to_string(),
            ));
        }
        let time = match (base_time, record.time) {
            (None, None) => None,
            (base, own) => Some(base.unwrap_or(0.0) + own.unwrap_or(0.0)),
        };
        let value = match record.value {
            None | Some((_, Scalar::Null)) => None,
            Some((at, _)) if !path.has_value() => {
                let expected = "a resource, where values are";
                return Err(WireError::new(at, expected, format!("a value at {path}")));
            }
            Some((at, scalar)) => Some(scalar.typed(at, kinds(path), dialect)?),
        };
        entries.push(Entry { path, time, value });
    }
    distinct(entries, |index| places[index])
}

/// The base name for entries of `base`, and how much of each path it covers. A base that is itself
/// the path of an entry stands alone; any other ends in a slash.
pub(super) fn base_name(base: Path, entries: &[Entry]) -> Result<String, EncodeError> {
    if let Some(entry) = entries.iter().find(|entry| !entry.path.is_within(base)) {
        return Err(EncodeError::new(
            entry.path,
            "a path within that of the request",
        ));
    }
    let alone = entries.iter().any(|entry| entry.path == base);
    if base == Path::ROOT {
        return Ok("/".to_owned());
    }
    Ok(if alone {
        base.to_string()
    } else {
        format!("{base}/")
    })
}

/// The name of an entry behind a base name.
pub(super) fn name_behind(base_name: &str, path: Path) -> String {
    let full = path.to_string();
    full.strip_prefix(base_name)
        .map(str::to_owned)
        .unwrap_or_default()
}

/// Checks what SenML and JSON share: values only at resources.
pub(super) fn check(entries: &[Entry]) -> Result<(), EncodeError> {
    match entries
        .iter()
        .find(|entry| entry.value.is_some() && !entry.path.has_value())
    {
        Some(entry) => Err(EncodeError::new(entry.path, "a resource, where values are")),
        None => Ok(()),
    }
}

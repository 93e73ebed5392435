//! Payloads.
//!
//! Whatever the content format, a payload is a list of [`Entry`]s: a [`Path`] and a [`Value`] each.
//! [`decode`] and [`encode`] choose the format by its number; every format has a module with the same
//! two functions, for those who need to say more.
//!
//! Formats that do not say what type a value has (TLV says least) take it from the object model, by a
//! function from path to [`Kind`]. Where it knows no answer the value is read as what it looks like;
//! TLV values then are opaque.
//!
//! ```
//! use twinproof_coap::ContentFormat;
//! use twinproof_lwm2m::model::Registry;
//! use twinproof_lwm2m::wire::{self, Direction, Path, Value};
//!
//! let registry = Registry::builtin();
//! let kinds = |path| registry.kind(path);
//! let battery: Path = "/3/0/9".parse()?;
//! let entries = wire::decode(ContentFormat::LWM2M_TLV, Direction::Report, battery, &[0xc1, 9, 95], &kinds)?;
//! assert_eq!(entries[0].value, Some(Value::Integer(95)));
//!
//! let json = wire::encode(ContentFormat::SENML_JSON, Direction::Report, battery, &entries)?;
//! assert_eq!(json, br#"[{"bn":"/3/0/9","v":95}]"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::fmt;

use twinproof_coap::ContentFormat;

pub mod arguments;
pub mod attributes;
mod base;
pub mod cbor;
mod cbor_item;
pub mod json;
mod json_text;
pub mod links;
pub mod lwm2m_cbor;
pub mod opaque;
mod path;
mod scalar;
pub mod senml_cbor;
pub mod senml_json;
pub mod serial;
pub mod text;
pub mod tlv;
mod value;
mod version;

pub use path::{Path, PathError};
pub use value::{Kind, ObjectLink, Value};
pub use version::Version;

/// A value, or the lack of one, with its path.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Entry {
    /// The path: of a resource or resource instance if there is a value, of anything if there is none.
    pub path: Path,
    /// Seconds since 1970, or before now if below 2^28 (RFC 8428 §4.5.3); only SenML and the JSON of
    /// LwM2M 1.0 carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// The value. None stands for what has none: a path that a composite request asks for, an empty
    /// multiple resource, an empty object instance, a null.
    pub value: Option<Value>,
}

impl Entry {
    /// A value without a time.
    pub fn new(path: Path, value: Value) -> Self {
        Self {
            path,
            time: None,
            value: Some(value),
        }
    }

    /// A path without a value.
    pub fn bare(path: Path) -> Self {
        Self {
            path,
            time: None,
            value: None,
        }
    }
}

/// What type the object model gives a path.
pub type Kinds<'k> = &'k dyn Fn(Path) -> Option<Kind>;

/// Whether a payload is written to the path of the request, or reported from it. Only
/// `application/vnd.oma.lwm2m+cbor` cares: what is written is relative to the path, what is reported
/// begins at the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Write, Create, Write-Composite, Bootstrap-Write.
    Write,
    /// The answer to a Read, a notification, a Send.
    Report,
}

/// Why a payload is not what its content format, or the object model, says it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// The offset of the offending byte in the payload.
    pub at: usize,
    /// What should be there.
    pub expected: Cow<'static, str>,
    /// What is there.
    pub got: Cow<'static, str>,
}

impl WireError {
    pub(crate) fn new(
        at: usize,
        expected: impl Into<Cow<'static, str>>,
        got: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            at,
            expected: expected.into(),
            got: got.into(),
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at byte {}: expected {}, got {}",
            self.at, self.expected, self.got
        )
    }
}

impl std::error::Error for WireError {}

/// Why entries cannot be written in a content format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// The path of the entry that is in the way, or of the request.
    pub path: Path,
    /// What should be there.
    pub expected: &'static str,
}

impl EncodeError {
    pub(crate) const fn new(path: Path, expected: &'static str) -> Self {
        Self { path, expected }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot encode {}: expected {}", self.path, self.expected)
    }
}

impl std::error::Error for EncodeError {}

/// Why a payload gives no entries: the format is one we do not have, or the payload is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No data format of LwM2M has this number (4.15).
    Format(ContentFormat),
    /// The payload is wrong (4.00).
    Payload(WireError),
}

impl From<WireError> for DecodeError {
    fn from(error: WireError) -> Self {
        Self::Payload(error)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(format) => write!(
                f,
                "content format {} ({format}), expected one that carries LwM2M values",
                format.0
            ),
            Self::Payload(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Reads a payload of `format` that was written to, or read from, `base`. The provisional numbers of
/// 2013 (1541 to 1544) count as what became of them.
///
/// # Errors
///
/// When the format carries no values, or the payload is wrong.
pub fn decode(
    format: ContentFormat,
    direction: Direction,
    base: Path,
    payload: &[u8],
    kinds: Kinds<'_>,
) -> Result<Vec<Entry>, DecodeError> {
    Ok(match format.current() {
        ContentFormat::TEXT => text::decode(base, payload, kinds)?,
        ContentFormat::OCTET_STREAM => opaque::decode(base, payload, kinds)?,
        ContentFormat::CBOR => cbor::decode(base, payload, kinds)?,
        ContentFormat::SENML_JSON | ContentFormat::SENML_ETCH_JSON => {
            senml_json::decode(base, payload, kinds)?
        }
        ContentFormat::SENML_CBOR | ContentFormat::SENML_ETCH_CBOR => {
            senml_cbor::decode(base, payload, kinds)?
        }
        ContentFormat::LWM2M_TLV => tlv::decode(base, payload, kinds)?,
        ContentFormat::LWM2M_JSON => json::decode(base, payload, kinds)?,
        ContentFormat::LWM2M_CBOR => lwm2m_cbor::decode(direction, base, payload, kinds)?,
        _ => return Err(DecodeError::Format(format)),
    })
}

/// Writes entries of `base` in `format`.
///
/// # Errors
///
/// When the format carries no values, or cannot carry these: two values as text, a time in TLV, a
/// path that is not below `base`.
pub fn encode(
    format: ContentFormat,
    direction: Direction,
    base: Path,
    entries: &[Entry],
) -> Result<Vec<u8>, EncodeError> {
    match format.current() {
        ContentFormat::TEXT => text::encode(base, entries),
        ContentFormat::OCTET_STREAM => opaque::encode(base, entries),
        ContentFormat::CBOR => cbor::encode(base, entries),
        ContentFormat::SENML_JSON | ContentFormat::SENML_ETCH_JSON => {
            senml_json::encode(Some(base), entries)
        }
        ContentFormat::SENML_CBOR | ContentFormat::SENML_ETCH_CBOR => {
            senml_cbor::encode(Some(base), entries)
        }
        ContentFormat::LWM2M_TLV => tlv::encode(base, entries),
        ContentFormat::LWM2M_JSON => json::encode(base, entries),
        ContentFormat::LWM2M_CBOR => lwm2m_cbor::encode(direction, base, entries),
        _ => Err(EncodeError::new(
            base,
            "a content format that carries LwM2M values",
        )),
    }
}

/// The one value that formats of single values carry.
pub(crate) fn single(base: Path, entries: &[Entry]) -> Result<&Value, EncodeError> {
    match entries {
        [
            Entry {
                path,
                time: None,
                value: Some(value),
            },
        ] if *path == base && base.has_value() => Ok(value),
        [entry] => Err(EncodeError::new(
            entry.path,
            "one value at the path of the request",
        )),
        _ => Err(EncodeError::new(base, "exactly one value")),
    }
}

/// Checks that a single value is possible at `base`.
pub(crate) fn expect_single(base: Path) -> Result<(), WireError> {
    if base.has_value() {
        return Ok(());
    }
    let got = format!("a payload of one value for {base}");
    Err(WireError::new(0, "a format of many values", got))
}

/// Checks that no path occurs twice at the same time, and that nothing is both a resource and its
/// instances; gives the entries back.
pub(crate) fn distinct(
    entries: Vec<Entry>,
    at: impl Fn(usize) -> usize,
) -> Result<Vec<Entry>, WireError> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&index| (entries[index].path, entries[index].time.map(f64::to_bits)));
    for pair in order.windows(2) {
        let (one, other) = (&entries[pair[0]], &entries[pair[1]]);
        let got = || format!("{} beside {}", other.path, one.path);
        if (one.path, one.time.map(f64::to_bits)) == (other.path, other.time.map(f64::to_bits)) {
            return Err(WireError::new(at(pair[1]), "each path once", got()));
        }
        if one.value.is_some() && one.path != other.path && other.path.is_within(one.path) {
            return Err(WireError::new(
                at(pair[1]),
                "a resource or its instances, not both",
                got(),
            ));
        }
    }
    Ok(entries)
}

/// As [`distinct`], for formats in which an entry without a value says that something is empty: then
/// nothing may be within it.
pub(crate) fn distinct_and_empty(
    entries: Vec<Entry>,
    at: impl Fn(usize) -> usize,
) -> Result<Vec<Entry>, WireError> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&index| entries[index].path);
    for pair in order.windows(2) {
        let (one, other) = (&entries[pair[0]], &entries[pair[1]]);
        if one.value.is_none() && one.path != other.path && other.path.is_within(one.path) {
            let expected = format!("nothing in {}, which is empty", one.path);
            let place = at(pair[0]).max(at(pair[1]));
            return Err(WireError::new(place, expected, other.path.to_string()));
        }
    }
    distinct(entries, at)
}

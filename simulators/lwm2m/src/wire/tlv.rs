//! `application/vnd.oma.lwm2m+tlv` (11542): type, id, length, value.

use super::{
    EncodeError, Entry, Kind, Kinds, ObjectLink, Path, Value, WireError, distinct_and_empty,
};

/// What a TLV holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TlvKind {
    /// An object instance; the value is TLVs of resources.
    Instance = 0b00,
    /// An instance of a multiple resource; the value is a value.
    ResourceInstance = 0b01,
    /// A multiple resource; the value is TLVs of resource instances.
    Multiple = 0b10,
    /// A resource; the value is a value.
    Resource = 0b11,
}

impl TlvKind {
    fn describe(self) -> &'static str {
        match self {
            Self::Instance => "an object instance",
            Self::ResourceInstance => "a resource instance",
            Self::Multiple => "a multiple resource",
            Self::Resource => "a resource",
        }
    }
}

/// One TLV, whatever its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// What it holds.
    pub kind: TlvKind,
    /// The id of the instance or resource.
    pub id: u16,
    /// The value, at `value_at` in the payload.
    pub value: &'a [u8],
    /// The offset of the TLV in the payload.
    pub at: usize,
    /// The offset of the value in the payload.
    pub value_at: usize,
}

/// The TLVs in a run of bytes. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Tlvs<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tlvs<'a> {
    /// The TLVs of `bytes`, which begin at `at` in the payload.
    pub const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], WireError> {
        match self.bytes.split_at_checked(count) {
            Some((taken, rest)) => {
                self.bytes = rest;
                self.at += count;
                Ok(taken)
            }
            None => {
                let there = self.bytes.len();
                let end = self.at + there;
                let expected = format!("{count} bytes of {what}");
                Err(WireError::new(
                    end,
                    expected,
                    format!("the end after {there}"),
                ))
            }
        }
    }

    fn tlv(&mut self) -> Result<Tlv<'a>, WireError> {
        let at = self.at;
        let head = self.take(1, "type")?[0];
        let kind = match head >> 6 {
            0b00 => TlvKind::Instance,
            0b01 => TlvKind::ResourceInstance,
            0b10 => TlvKind::Multiple,
            _ => TlvKind::Resource,
        };
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte))
        };
        let id = number(self.take(1 + usize::from(head >> 5 & 1), "id")?) as u16;
        if id > Path::MAX_ID {
            return Err(WireError::new(
                at + 1,
                "an id from 0 to 65534",
                id.to_string(),
            ));
        }
        let length = match head >> 3 & 0b11 {
            0 => usize::from(head & 0b111),
            size => number(self.take(usize::from(size), "length")?),
        };
        let value_at = self.at;
        let value = self.take(length, "value")?;
        Ok(Tlv {
            kind,
            id,
            value,
            at,
            value_at,
        })
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let tlv = self.tlv();
        if tlv.is_err() {
            self.bytes = &[];
        }
        Some(tlv)
    }
}

/// The longest value of a TLV in bytes.
pub const MAX_LENGTH: usize = 0x00ff_ffff;

/// Appends one TLV in the fewest bytes; what is legal where is not its business. Of a value only the
/// first [`MAX_LENGTH`] bytes can be written.
pub fn write(out: &mut Vec<u8>, kind: TlvKind, id: u16, value: &[u8]) {
    let value = &value[..value.len().min(MAX_LENGTH)];
    let length = (value.len() as u32).to_be_bytes();
    let wide = id > 0xff;
    let (size, short) = match value.len() {
        0..8 => (0, value.len() as u8),
        8..0x100 => (1, 0),
        0x100..0x1_0000 => (2, 0),
        _ => (3, 0),
    };
    out.push((kind as u8) << 6 | u8::from(wide) << 5 | size << 3 | short);
    out.extend_from_slice(&id.to_be_bytes()[usize::from(!wide)..]);
    out.extend_from_slice(&length[4 - usize::from(size)..]);
    out.extend_from_slice(value);
}

/// Whether a payload for an object says which instances it holds. A Create may leave that to the
/// client and send bare resources; then the client chooses an instance and reads the payload as one
/// for that.
pub fn names_instances(payload: &[u8]) -> bool {
    matches!(
        Tlvs::new(payload, 0).next(),
        Some(Ok(Tlv {
            kind: TlvKind::Instance,
            ..
        }))
    )
}

/// Reads a payload of `base`: object instances for an object, resources (bare or within their
/// instance) for an instance, the resource for a resource, the resource instance (bare or within its
/// resource) for one of those.
///
/// # Errors
///
/// When the bytes are no TLVs, something stands where it must not, an id is not that of `base`, or a
/// value is not one of the type that `kinds` says.
pub fn decode(base: Path, payload: &[u8], kinds: Kinds<'_>) -> Result<Vec<Entry>, WireError> {
    if base.has_value() && payload.is_empty() {
        return Err(WireError::new(0, "a resource", "nothing"));
    }
    let mut reader = Reader {
        entries: Vec::new(),
        places: Vec::new(),
        kinds,
    };
    for tlv in Tlvs::new(payload, 0) {
        let tlv = tlv?;
        match (base.depth(), tlv.kind) {
            (1, TlvKind::Instance) => reader.instance(child(base, &tlv)?, &tlv)?,
            // An instance that is empty is told of by whoever is asked for the object.
            (2, TlvKind::Instance) if tlv.value.is_empty() => {
                own(base, &tlv)?;
            }
            (2, TlvKind::Instance) => reader.instance(own(base, &tlv)?, &tlv)?,
            (2, TlvKind::Resource | TlvKind::Multiple) => reader.resource(base, &tlv)?,
            (3, TlvKind::Resource | TlvKind::Multiple) => {
                own(base, &tlv)?;
                reader.resource(base.parent(), &tlv)?;
            }
            (4, TlvKind::ResourceInstance) => reader.value(own(base, &tlv)?, &tlv)?,
            (4, TlvKind::Multiple) => {
                own(base.parent(), &tlv)?;
                if tlv.value.is_empty() {
                    return Err(WireError::new(
                        tlv.value_at,
                        "a resource instance",
                        "nothing",
                    ));
                }
                for inner in Tlvs::new(tlv.value, tlv.value_at) {
                    let inner = inner?;
                    expect(&inner, TlvKind::ResourceInstance)?;
                    reader.value(own(base, &inner)?, &inner)?;
                }
            }
            (depth, kind) => {
                let expected = match depth {
                    0 => "a path that TLV can be for",
                    1 => "an object instance",
                    2 => "an object instance, a resource or a multiple resource",
                    3 => "a resource or a multiple resource",
                    _ => "a resource instance",
                };
                return Err(WireError::new(tlv.at, expected, kind.describe()));
            }
        }
    }
    let Reader {
        entries, places, ..
    } = reader;
    distinct_and_empty(entries, |index| places[index])
}

struct Reader<'k> {
    entries: Vec<Entry>,
    places: Vec<usize>,
    kinds: Kinds<'k>,
}

impl Reader<'_> {
    fn instance(&mut self, path: Path, tlv: &Tlv<'_>) -> Result<(), WireError> {
        if tlv.value.is_empty() {
            self.push(tlv.at, Entry::bare(path));
        }
        for inner in Tlvs::new(tlv.value, tlv.value_at) {
            self.resource(path, &inner?)?;
        }
        Ok(())
    }

    fn resource(&mut self, instance: Path, tlv: &Tlv<'_>) -> Result<(), WireError> {
        let path = child(instance, tlv)?;
        match tlv.kind {
            TlvKind::Resource => self.value(path, tlv),
            TlvKind::Multiple => {
                if tlv.value.is_empty() {
                    self.push(tlv.at, Entry::bare(path));
                }
                for inner in Tlvs::new(tlv.value, tlv.value_at) {
                    let inner = inner?;
                    expect(&inner, TlvKind::ResourceInstance)?;
                    self.value(child(path, &inner)?, &inner)?;
                }
                Ok(())
            }
            kind => {
                let expected = "a resource or a multiple resource";
                Err(WireError::new(tlv.at, expected, kind.describe()))
            }
        }
    }

    fn value(&mut self, path: Path, tlv: &Tlv<'_>) -> Result<(), WireError> {
        let kind = (self.kinds)(path).unwrap_or(Kind::Opaque);
        self.push(
            tlv.at,
            Entry::new(path, read(kind, tlv.value, tlv.value_at)?),
        );
        Ok(())
    }

    fn push(&mut self, at: usize, entry: Entry) {
        self.places.push(at);
        self.entries.push(entry);
    }
}

fn child(path: Path, tlv: &Tlv<'_>) -> Result<Path, WireError> {
    path.child(tlv.id).ok_or_else(|| {
        WireError::new(
            tlv.at,
            "at most four levels",
            format!("{} below {path}", tlv.id),
        )
    })
}

fn own(path: Path, tlv: &Tlv<'_>) -> Result<Path, WireError> {
    match path.ids().last() {
        Some(&id) if id == tlv.id => Ok(path),
        _ => {
            let got = format!("{} {}", tlv.kind.describe(), tlv.id);
            Err(WireError::new(tlv.at, format!("{path}"), got))
        }
    }
}

fn expect(tlv: &Tlv<'_>, kind: TlvKind) -> Result<(), WireError> {
    if tlv.kind == kind {
        return Ok(());
    }
    Err(WireError::new(tlv.at, kind.describe(), tlv.kind.describe()))
}

/// Reads the bytes of a value of type `kind`, which are at `at` in the payload.
///
/// # Errors
///
/// When the bytes are not such a value: an integer of 3, 5, 6 or 7 bytes, a boolean of 2, text that
/// is not UTF-8.
pub fn read(kind: Kind, bytes: &[u8], at: usize) -> Result<Value, WireError> {
    let wrong = |expected: &'static str| {
        WireError::new(
            at,
            format!("{kind} of {expected}"),
            format!("{} bytes", bytes.len()),
        )
    };
    let text = || {
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|error| {
                WireError::new(
                    at + error.valid_up_to(),
                    format!("{kind} in UTF-8"),
                    "another byte",
                )
            })
    };
    match kind {
        Kind::String => text().map(Value::String),
        Kind::CoreLink => text().map(Value::CoreLink),
        Kind::Opaque => Ok(Value::Opaque(bytes.to_vec())),
        Kind::Integer => signed(bytes)
            .map(Value::Integer)
            .ok_or_else(|| wrong("1, 2, 4 or 8 bytes")),
        Kind::Time => signed(bytes)
            .map(Value::Time)
            .ok_or_else(|| wrong("1, 2, 4 or 8 bytes")),
        Kind::Unsigned => match bytes.len() {
            1 | 2 | 4 | 8 => Ok(Value::Unsigned(
                bytes
                    .iter()
                    .fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
            )),
            _ => Err(wrong("1, 2, 4 or 8 bytes")),
        },
        Kind::Float => match *bytes {
            [a, b, c, d] => Ok(Value::Float(f32::from_be_bytes([a, b, c, d]).into())),
            [a, b, c, d, e, f, g, h] => {
                Ok(Value::Float(f64::from_be_bytes([a, b, c, d, e, f, g, h])))
            }
            _ => Err(wrong("4 or 8 bytes")),
        },
        Kind::Boolean => match *bytes {
            [0] => Ok(Value::Boolean(false)),
            [1] => Ok(Value::Boolean(true)),
            [byte] => Err(WireError::new(at, "Boolean 0 or 1", byte.to_string())),
            _ => Err(wrong("1 byte")),
        },
        Kind::ObjectLink => match *bytes {
            [a, b, c, d] => Ok(Value::ObjectLink(ObjectLink {
                object: u16::from_be_bytes([a, b]),
                instance: u16::from_be_bytes([c, d]),
            })),
            _ => Err(wrong("4 bytes")),
        },
    }
}

fn signed(bytes: &[u8]) -> Option<i64> {
    Some(match *bytes {
        [a] => i64::from(a as i8),
        [a, b] => i16::from_be_bytes([a, b]).into(),
        [a, b, c, d] => i32::from_be_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => i64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => return None,
    })
}

/// The bytes of a value: the shortest that hold it.
pub fn value_bytes(value: &Value) -> Vec<u8> {
    match *value {
        Value::String(ref text) | Value::CoreLink(ref text) => text.clone().into_bytes(),
        Value::Opaque(ref bytes) => bytes.clone(),
        Value::Integer(number) | Value::Time(number) => {
            let width = match number {
                -0x80..=0x7f => 1,
                -0x8000..=0x7fff => 2,
                -0x8000_0000..=0x7fff_ffff => 4,
                _ => 8,
            };
            number.to_be_bytes()[8 - width..].to_vec()
        }
        Value::Unsigned(number) => {
            let width = match number {
                0..=0xff => 1,
                0x100..=0xffff => 2,
                0x1_0000..=0xffff_ffff => 4,
                _ => 8,
            };
            number.to_be_bytes()[8 - width..].to_vec()
        }
        Value::Float(number) => match f64::from(number as f32).to_bits() == number.to_bits() {
            true => (number as f32).to_be_bytes().to_vec(),
            false => number.to_be_bytes().to_vec(),
        },
        Value::Boolean(truth) => vec![u8::from(truth)],
        Value::ObjectLink(link) => {
            [link.object.to_be_bytes(), link.instance.to_be_bytes()].concat()
        }
    }
}

/// Writes entries of `base`, in the order of their ids: object instances for an object, bare
/// resources for an instance, the one resource or resource instance otherwise. A resource whose
/// entries are at its instances is a multiple resource, even if there is only one.
///
/// # Errors
///
/// When an entry is not within `base`, has a time, or is both a resource and its instances.
pub fn encode(base: Path, entries: &[Entry]) -> Result<Vec<u8>, EncodeError> {
    if base == Path::ROOT {
        return Err(EncodeError::new(base, "a path that TLV can be for"));
    }
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.path);
    for pair in sorted.windows(2) {
        if pair[0].path == pair[1].path {
            return Err(EncodeError::new(pair[1].path, "each path once"));
        }
    }
    for entry in &sorted {
        if !entry.path.is_within(base) || entry.path.depth() < 2 {
            return Err(EncodeError::new(
                entry.path,
                "a path within that of the request",
            ));
        }
        if entry.time.is_some() {
            return Err(EncodeError::new(
                entry.path,
                "no time, which TLV does not carry",
            ));
        }
        if entry.value.is_some() && !entry.path.has_value() {
            return Err(EncodeError::new(entry.path, "a resource, where values are"));
        }
    }
    let mut out = Vec::new();
    match base.depth() {
        1 => {
            for instance in sorted.chunk_by(|a, b| a.path.instance() == b.path.instance()) {
                let body = resources(instance)?;
                put(
                    &mut out,
                    TlvKind::Instance,
                    instance[0].path.prefix(2),
                    &body,
                )?;
            }
        }
        2 | 3 => out = resources(&sorted)?,
        _ => {
            for entry in sorted {
                let value = entry
                    .value
                    .as_ref()
                    .ok_or(EncodeError::new(base, "a value"))?;
                put(
                    &mut out,
                    TlvKind::ResourceInstance,
                    base,
                    &value_bytes(value),
                )?;
            }
        }
    }
    Ok(out)
}

/// The TLVs of the resources of one instance.
fn resources(entries: &[&Entry]) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    for resource in entries.chunk_by(|a, b| a.path.resource() == b.path.resource()) {
        let path = resource[0].path.prefix(3);
        if path.depth() < 3 {
            continue;
        }
        let mut inner = Vec::new();
        for entry in resource {
            match (entry.path.depth(), &entry.value) {
                (3, Some(value)) if resource.len() == 1 => {
                    put(&mut out, TlvKind::Resource, path, &value_bytes(value))?;
                }
                (3, Some(_)) => {
                    return Err(EncodeError::new(
                        path,
                        "a resource or its instances, not both",
                    ));
                }
                (3, None) => {}
                (_, Some(value)) => {
                    let bytes = value_bytes(value);
                    put(&mut inner, TlvKind::ResourceInstance, entry.path, &bytes)?;
                }
                (_, None) => {
                    return Err(EncodeError::new(entry.path, "a value"));
                }
            }
        }
        let single = resource.len() == 1 && path == resource[0].path && resource[0].value.is_some();
        if !single {
            put(&mut out, TlvKind::Multiple, path, &inner)?;
        }
    }
    Ok(out)
}

/// Appends the TLV of `path`, whose last id it has.
fn put(out: &mut Vec<u8>, kind: TlvKind, path: Path, value: &[u8]) -> Result<(), EncodeError> {
    if value.len() > MAX_LENGTH {
        return Err(EncodeError::new(
            path,
            "at most 2^24 - 1 bytes, which is what TLV carries",
        ));
    }
    write(
        out,
        kind,
        path.ids().last().copied().unwrap_or_default(),
        value,
    );
    Ok(())
}

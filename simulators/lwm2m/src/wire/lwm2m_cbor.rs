//! `application/vnd.oma.lwm2m+cbor` (11544), from LwM2M 1.2 on: maps from id to map or value.

use minicbor::Encoder;

use super::cbor_item::{Items, put_value};
use super::scalar::{Dialect, Scalar};
use super::{Direction, EncodeError, Entry, Kinds, Path, WireError, distinct_and_empty};

/// Reads nested maps. A key is an id, or an array of ids that stands for as many maps within each
/// other; maps may be of definite or indefinite length. A null, or an empty map, is a path without a
/// value.
///
/// # Errors
///
/// When the payload is no such map, a path is not within `base`, or a value is not one of the type
/// that `kinds` says.
pub fn decode(
    direction: Direction,
    base: Path,
    payload: &[u8],
    kinds: Kinds<'_>,
) -> Result<Vec<Entry>, WireError> {
    let mut items = Items::new(payload);
    let mut reader = Reader {
        base,
        kinds,
        entries: Vec::new(),
        places: Vec::new(),
    };
    let top = match direction {
        Direction::Write => base,
        Direction::Report => Path::ROOT,
    };
    if items.is_map()? {
        reader.map(&mut items, top)?;
    } else {
        // What is written to a resource is a value, not a map.
        reader.leaf(&mut items, top)?;
    }
    items.end()?;
    let Reader {
        entries, places, ..
    } = reader;
    distinct_and_empty(entries, |index| places[index])
}

struct Reader<'k> {
    base: Path,
    kinds: Kinds<'k>,
    entries: Vec<Entry>,
    places: Vec<usize>,
}

impl Reader<'_> {
    fn map(&mut self, items: &mut Items<'_>, above: Path) -> Result<(), WireError> {
        let at = items.at();
        let mut empty = true;
        items.map(|items| {
            empty = false;
            let key_at = items.at();
            let path = key(items, above)?;
            if items.is_map()? {
                if path.depth() == 4 {
                    let expected = "a value, since nothing is below a resource instance";
                    return Err(WireError::new(items.at(), expected, "a map"));
                }
                return self.map(items, path);
            }
            if !path.has_value() {
                let got = "a single value";
                return Err(WireError::new(key_at, format!("a map at {path}"), got));
            }
            self.leaf(items, path)
        })?;
        if empty && above != self.base && above.is_within(self.base) {
            self.push(at, Entry::bare(above))?;
        }
        Ok(())
    }

    fn leaf(&mut self, items: &mut Items<'_>, path: Path) -> Result<(), WireError> {
        let at = items.at();
        if !path.has_value() {
            return Err(WireError::new(
                at,
                format!("a map for {path}"),
                "a single value",
            ));
        }
        match items.scalar()? {
            Scalar::Null => self.push(at, Entry::bare(path)),
            scalar => {
                let value = scalar.typed(at, (self.kinds)(path), Dialect::Cbor)?;
                self.push(at, Entry::new(path, value))
            }
        }
    }

    fn push(&mut self, at: usize, entry: Entry) -> Result<(), WireError> {
        if !entry.path.is_within(self.base) {
            let expected = format!("a path within {}", self.base);
            return Err(WireError::new(at, expected, entry.path.to_string()));
        }
        self.places.push(at);
        self.entries.push(entry);
        Ok(())
    }
}

/// Reads a key and appends its ids to the path above.
fn key(items: &mut Items<'_>, above: Path) -> Result<Path, WireError> {
    let at = items.at();
    let mut path = above;
    if items.is_array()? {
        items.array(|items| {
            path = id(items, path)?;
            Ok(())
        })?;
        if path == above {
            return Err(WireError::new(at, "an id", "an empty array"));
        }
        return Ok(path);
    }
    id(items, path)
}

fn id(items: &mut Items<'_>, above: Path) -> Result<Path, WireError> {
    let at = items.at();
    let child = match items.scalar()? {
        Scalar::Whole(number) => u16::try_from(number).ok().and_then(|id| above.child(id)),
        _ => None,
    };
    child.ok_or_else(|| WireError::new(at, "an id from 0 to 65534", format!("no child of {above}")))
}

/// Writes entries of `base` as nested maps of definite length, in the order of their paths.
///
/// # Errors
///
/// When an entry is not within `base`, has a time, or is both a resource and its instances.
pub fn encode(direction: Direction, base: Path, entries: &[Entry]) -> Result<Vec<u8>, EncodeError> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.path);
    for entry in &sorted {
        if !entry.path.is_within(base) {
            return Err(EncodeError::new(
                entry.path,
                "a path within that of the request",
            ));
        }
        if entry.time.is_some() {
            return Err(EncodeError::new(
                entry.path,
                "no time, which this format does not carry",
            ));
        }
        if entry.value.is_some() && !entry.path.has_value() {
            return Err(EncodeError::new(entry.path, "a resource, where values are"));
        }
    }
    let mut encoder = Encoder::new(Vec::new());
    let above = match direction {
        Direction::Write => base.depth(),
        Direction::Report => 0,
    };
    put(&mut encoder, above, &sorted)?;
    Ok(encoder.into_writer())
}

/// Appends what is below the first `depth` ids that all `entries` share. Encoding into a vector cannot
/// fail.
fn put(
    encoder: &mut Encoder<Vec<u8>>,
    depth: usize,
    entries: &[&Entry],
) -> Result<(), EncodeError> {
    if let [first, rest @ ..] = entries
        && first.path.depth() == depth
    {
        match (&first.value, rest.is_empty()) {
            (Some(value), true) => {
                put_value(encoder, value);
                return Ok(());
            }
            (Some(_), false) => {
                return Err(EncodeError::new(
                    first.path,
                    "a resource or its instances, not both",
                ));
            }
            // An empty object instance is an empty map; what else has no value is null.
            (None, true) if depth >= 3 => {
                let _ = encoder.null();
                return Ok(());
            }
            (None, _) => return put(encoder, depth, rest),
        }
    }
    if let Some(entry) = entries.iter().find(|entry| entry.path.depth() <= depth) {
        return Err(EncodeError::new(entry.path, "each path once"));
    }
    let groups = || entries.chunk_by(|a, b| a.path.ids()[depth] == b.path.ids()[depth]);
    let _ = encoder.map(groups().count() as u64);
    for group in groups() {
        let _ = encoder.u16(group[0].path.ids()[depth]);
        put(encoder, depth + 1, group)?;
    }
    Ok(())
}

//! Options in the body of a trigger, which DM 1.3 adds.
//!
//! The encoding of DM 1.3 is not public. Tags, meanings and layout (tag, length, value) are
//! [`Basis::Assumed`]; they are a table so that the real ones can take their place. What holds in
//! any case: a DM 1.2 client takes the body for the vendor's and accepts the trigger.

use crate::error::{Basis, Error, Fault};

/// One kind of option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// First octet.
    pub tag: u8,
    /// What it is for.
    pub name: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// How well we know.
    pub basis: Basis,
}

/// How the value of an option is written. Numbers are big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Two octets each.
    Numbers,
    /// One octet.
    Octet,
    /// Seconds since 1970 in UTC, four octets.
    Seconds,
    /// UTF-8.
    Text,
}

/// One option of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    /// Its tag in the table.
    pub tag: u8,
    /// Its value.
    pub value: Value,
}

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// For [`Kind::Numbers`].
    Numbers(Vec<u16>),
    /// For [`Kind::Octet`].
    Octet(u8),
    /// For [`Kind::Seconds`].
    Seconds(u32),
    /// For [`Kind::Text`].
    Text(String),
    /// For a tag that the table does not have.
    Unknown(Vec<u8>),
}

/// The table that we use until the text of DM 1.3 is at hand.
pub static ASSUMED: &[Row] = &[
    row(1, "expiration", Kind::Seconds),
    row(2, "reason code", Kind::Octet),
    row(3, "reason text", Kind::Text),
    row(4, "transport binding", Kind::Octet),
    row(5, "authentication type", Kind::Octet),
    row(6, "management objects", Kind::Numbers),
    row(7, "node address", Kind::Text),
    row(8, "protocol version", Kind::Text),
];

const fn row(tag: u8, name: &'static str, kind: Kind) -> Row {
    Row {
        tag,
        name,
        kind,
        basis: Basis::Assumed,
    }
}

/// Reads the options of a body.
///
/// # Errors
///
/// [`Fault::Truncated`] when a length runs past the end, [`Fault::Value`] when a value does not have
/// the form that the table gives its tag. Offsets count from the start of the body.
pub fn read(table: &[Row], body: &[u8]) -> Result<Vec<Opt>, Error> {
    let mut options = Vec::new();
    let mut rest = body;
    while let [tag, length, tail @ ..] = rest {
        let offset = body.len() - rest.len();
        let Some((value, after)) = tail.split_at_checked(usize::from(*length)) else {
            return Err(Error::new(
                Fault::Truncated,
                offset,
                format!("{length} octets of option {tag}"),
                format!("{}", tail.len()),
            ));
        };
        let kind = table.iter().find(|row| row.tag == *tag).map(|row| row.kind);
        options.push(Opt {
            tag: *tag,
            value: decoded(kind, value).ok_or_else(|| {
                Error::new(
                    Fault::Value,
                    offset,
                    format!("option {tag} as {kind:?}"),
                    format!("{length} octets that are not"),
                )
            })?,
        });
        rest = after;
    }
    if rest.is_empty() {
        Ok(options)
    } else {
        Err(Error::new(
            Fault::Truncated,
            body.len(),
            "the length of an option",
            "the end of the body",
        ))
    }
}

/// The value of an option of this kind; none if it is not written as that has it.
pub(super) fn decoded(kind: Option<Kind>, value: &[u8]) -> Option<Value> {
    Some(match kind {
        None => Value::Unknown(value.to_vec()),
        Some(Kind::Numbers) => {
            let (pairs, []) = value.as_chunks::<2>() else {
                return None;
            };
            Value::Numbers(pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect())
        }
        Some(Kind::Octet) => match value {
            [octet] => Value::Octet(*octet),
            _ => return None,
        },
        Some(Kind::Seconds) => Value::Seconds(u32::from_be_bytes(value.try_into().ok()?)),
        Some(Kind::Text) => Value::Text(String::from_utf8(value.to_vec()).ok()?),
    })
}

/// Writes options as a body.
///
/// # Errors
///
/// [`Fault::Value`] when a value is longer than 255 octets.
pub fn write(options: &[Opt]) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    for option in options {
        let value = match &option.value {
            Value::Numbers(numbers) => numbers.iter().flat_map(|n| n.to_be_bytes()).collect(),
            Value::Octet(octet) => vec![*octet],
            Value::Seconds(seconds) => seconds.to_be_bytes().to_vec(),
            Value::Text(text) => text.clone().into_bytes(),
            Value::Unknown(octets) => octets.clone(),
        };
        let length = u8::try_from(value.len()).map_err(|_| {
            Error::new(
                Fault::Value,
                body.len(),
                "an option of at most 255 octets",
                format!("{}", value.len()),
            )
        })?;
        body.extend([option.tag, length]);
        body.extend(value);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_written_and_read() {
        let options = [
            Opt {
                tag: 1,
                value: Value::Seconds(0x6000_0000),
            },
            Opt {
                tag: 3,
                value: Value::Text("firmware".into()),
            },
            Opt {
                tag: 6,
                value: Value::Numbers(vec![0x0E, 0x0B]),
            },
            Opt {
                tag: 99,
                value: Value::Unknown(vec![1, 2, 3]),
            },
        ];
        let body = write(&options).unwrap();
        assert_eq!(read(ASSUMED, &body).unwrap(), options);
        assert!(ASSUMED.iter().all(|row| row.basis == Basis::Assumed));
    }

    #[test]
    fn broken_options_are_refused_with_their_place() {
        for (body, fault, offset) in [
            (&[1][..], Fault::Truncated, 1),
            (&[2, 1, 0, 1, 4, 0], Fault::Truncated, 3),
            (&[1, 3, 0, 0, 0], Fault::Value, 0),
            (&[6, 1, 0], Fault::Value, 0),
            (&[3, 1, 0xFF], Fault::Value, 0),
        ] {
            let error = read(ASSUMED, body).unwrap_err();
            assert_eq!((error.fault, error.offset), (fault, offset), "{error}");
        }
    }
}

//! CBOR items with places.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::scalar::Scalar;
use super::{Value, WireError};

/// A reader of items that says where each is.
pub(super) struct Items<'b>(Decoder<'b>);

/// The label of a map entry.
pub(super) enum Label {
    Number(i128),
    Text(String),
}

impl<'b> Items<'b> {
    pub(super) fn new(payload: &'b [u8]) -> Self {
        Self(Decoder::new(payload))
    }

    pub(super) fn at(&self) -> usize {
        self.0.position()
    }

    pub(super) fn datatype(&self) -> Result<Type, WireError> {
        self.0
            .datatype()
            .map_err(|error| fault(&self.0, "an item", error))
    }

    /// Whether the next item is a map.
    pub(super) fn is_map(&self) -> Result<bool, WireError> {
        Ok(matches!(self.datatype()?, Type::Map | Type::MapIndef))
    }

    /// Whether the next item is an array.
    pub(super) fn is_array(&self) -> Result<bool, WireError> {
        Ok(matches!(self.datatype()?, Type::Array | Type::ArrayIndef))
    }

    /// Calls `item` for each item of an array.
    pub(super) fn array(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let count = self
            .0
            .array()
            .map_err(|error| fault(&self.0, "an array", error))?;
        self.each(count, &mut item)
    }

    /// Calls `entry` for each entry of a map, before its label is read.
    pub(super) fn map(
        &mut self,
        mut entry: impl FnMut(&mut Self) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let count = self
            .0
            .map()
            .map_err(|error| fault(&self.0, "a map", error))?;
        self.each(count, &mut entry)
    }

    fn each(
        &mut self,
        count: Option<u64>,
        item: &mut dyn FnMut(&mut Self) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        match count {
            Some(count) => (0..count).try_for_each(|_| item(self)),
            None => {
                while self.datatype()? != Type::Break {
                    item(self)?;
                }
                self.skip()
            }
        }
    }

    pub(super) fn label(&mut self) -> Result<Label, WireError> {
        let at = self.at();
        match self.scalar()? {
            Scalar::Whole(number) => Ok(Label::Number(number)),
            Scalar::Text(text) => Ok(Label::Text(text)),
            _ => Err(WireError::new(
                at,
                "a label that is a number or text",
                "another item",
            )),
        }
    }

    /// A string.
    pub(super) fn text(&mut self) -> Result<String, WireError> {
        let at = self.at();
        match self.scalar()? {
            Scalar::Text(text) => Ok(text),
            _ => Err(WireError::new(at, "text", "another item")),
        }
    }

    /// A number of seconds.
    pub(super) fn seconds(&mut self) -> Result<f64, WireError> {
        let at = self.at();
        match self.scalar()? {
            Scalar::Whole(number) => Ok(number as f64),
            Scalar::Float(number) if number.is_finite() => Ok(number),
            _ => Err(WireError::new(at, "a number of seconds", "another item")),
        }
    }

    /// Passes over an item, whatever it is.
    pub(super) fn skip(&mut self) -> Result<(), WireError> {
        self.0
            .skip()
            .map_err(|error| fault(&self.0, "an item", error))
    }

    /// An item that is not made of items: a number, text, bytes, a truth, null, a time (tag 1), a
    /// decimal fraction (tag 4).
    pub(super) fn scalar(&mut self) -> Result<Scalar, WireError> {
        let at = self.at();
        let datatype = self.datatype()?;
        let decoder = &mut self.0;
        let scalar = match datatype {
            Type::Bool => decoder.bool().map(Scalar::Boolean),
            Type::Null => decoder.null().map(|()| Scalar::Null),
            Type::F16 => decoder.f16().map(|number| Scalar::Float(number.into())),
            Type::F32 => decoder.f32().map(|number| Scalar::Float(number.into())),
            Type::F64 => decoder.f64().map(Scalar::Float),
            Type::String => decoder.str().map(|text| Scalar::Text(text.to_owned())),
            Type::StringIndef => {
                let chunks = decoder.str_iter().and_then(|mut chunks| {
                    chunks.try_fold(String::new(), |text, chunk| Ok(text + chunk?))
                });
                chunks.map(Scalar::Text)
            }
            Type::Bytes => decoder.bytes().map(|bytes| Scalar::Bytes(bytes.to_vec())),
            Type::BytesIndef => {
                let chunks = decoder.bytes_iter().and_then(|mut chunks| {
                    chunks.try_fold(Vec::new(), |mut bytes, chunk| {
                        bytes.extend_from_slice(chunk?);
                        Ok(bytes)
                    })
                });
                chunks.map(Scalar::Bytes)
            }
            Type::Tag => return self.tagged(at),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
                decoder.u64().map(|number| Scalar::Whole(number.into()))
            }
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
                decoder.int().map(|number| Scalar::Whole(number.into()))
            }
            other => {
                return Err(WireError::new(
                    at,
                    "a single value",
                    format!("CBOR {other}"),
                ));
            }
        };
        scalar.map_err(|error| fault(&self.0, "a value", error))
    }

    fn tagged(&mut self, at: usize) -> Result<Scalar, WireError> {
        let tag = self
            .0
            .tag()
            .map_err(|error| fault(&self.0, "a tag", error))?
            .as_u64();
        match (tag, self.datatype()?) {
            (1, Type::Tag) => Err(WireError::new(at, "a number behind tag 1", "another tag")),
            (1, _) => match self.scalar()? {
                number @ (Scalar::Whole(_) | Scalar::Float(_)) => Ok(number),
                _ => Err(WireError::new(at, "a number behind tag 1", "another item")),
            },
            (4, Type::Array) => {
                let mut parts = Vec::new();
                self.array(|items| {
                    let part_at = items.at();
                    match items.scalar()? {
                        Scalar::Whole(part) => parts.push(part),
                        _ => return Err(WireError::new(part_at, "a whole number", "another item")),
                    }
                    Ok(())
                })?;
                match parts[..] {
                    [exponent, mantissa] => {
                        Ok(Scalar::Float(text_float(mantissa, exponent).ok_or_else(
                            || WireError::new(at, "a decimal fraction", "too large a one"),
                        )?))
                    }
                    _ => Err(WireError::new(at, "exponent and mantissa", "another array")),
                }
            }
            (tag, _) => Err(WireError::new(
                at,
                "no tag, tag 1 or tag 4",
                format!("tag {tag}"),
            )),
        }
    }

    /// Checks that nothing follows.
    pub(super) fn end(&self) -> Result<(), WireError> {
        let rest = self.0.input().len() - self.at();
        if rest == 0 {
            return Ok(());
        }
        Err(WireError::new(
            self.at(),
            "the end",
            format!("{rest} more bytes"),
        ))
    }
}

/// `mantissa · 10^exponent`, rounded once.
fn text_float(mantissa: i128, exponent: i128) -> Option<f64> {
    format!("{mantissa}e{exponent}")
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

fn fault(
    decoder: &Decoder<'_>,
    expected: &'static str,
    error: minicbor::decode::Error,
) -> WireError {
    let at = error
        .position()
        .unwrap_or(decoder.position())
        .min(decoder.input().len());
    WireError::new(at, expected, error.to_string())
}

/// Appends a value; links are text. Numbers take the fewest bytes that hold them, but never 16 bits
/// of floating point, which few constrained devices read.
pub(super) fn put_value(encoder: &mut Encoder<Vec<u8>>, value: &Value) {
    // Encoding into a vector cannot fail.
    let _ = match value {
        Value::String(text) | Value::CoreLink(text) => encoder.str(text).map(drop),
        Value::Integer(number) | Value::Time(number) => encoder.i64(*number).map(drop),
        Value::Unsigned(number) => encoder.u64(*number).map(drop),
        Value::Float(number) => put_float(encoder, *number),
        Value::Boolean(truth) => encoder.bool(*truth).map(drop),
        Value::Opaque(bytes) => encoder.bytes(bytes).map(drop),
        Value::ObjectLink(link) => encoder.str(&link.to_string()).map(drop),
    };
}

/// Appends a number of 32 bits if they hold it, or of 64.
pub(super) fn put_float(
    encoder: &mut Encoder<Vec<u8>>,
    number: f64,
) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
    match f64::from(number as f32).to_bits() == number.to_bits() {
        true => encoder.f32(number as f32).map(drop),
        false => encoder.f64(number).map(drop),
    }
}

//! Connectionless WSP push, and the user data header of an SMS in front of it.
//!
//! ```text
//! TID | 0x06 | length of headers | content type | headers | data
//! ```
//!
//! Over UDP the datagram starts with the TID ([`Basis::Assumed`](crate::Basis::Assumed)); over SMS a
//! [`UserDataHeader`] comes first.

use crate::error::{Error, Fault};

/// Port of the push client.
pub const PORT: u16 = 2948;
/// Port of the secure push client; recalled, not looked up
/// ([`Basis::Assumed`](crate::Basis::Assumed)).
pub const SECURE_PORT: u16 = 2949;
/// Application identifier of the DM client, `x-wap-application:syncml.dm`.
pub const APPLICATION: u8 = 0x07;
/// Octets that WDP and WSP headers together may have in front of a trigger.
pub const HEADER_BUDGET: usize = 48;
/// Header field `X-Wap-Application-Id`.
pub const APPLICATION_ID: u8 = 0x2F;
/// Header field `X-Oma-GwMO`, which names the device behind a gateway. The number is registered;
/// that its value is the device's identity as text is [`Basis::Assumed`](crate::Basis::Assumed).
pub const GATEWAY: u8 = 0x50;

const PUSH_PDU: u8 = 0x06;

/// One push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Transaction identifier.
    pub transaction: u8,
    /// What the data is.
    pub content_type: Value,
    /// Headers, in order.
    pub headers: Vec<Header>,
    /// The data.
    pub data: Vec<u8>,
}

/// A header of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    /// A field with a number, 0x00 to 0x7F.
    Known(u8, Value),
    /// A field with a name. Its value is text.
    Named(String, String),
}

/// The value of a header, in the forms of WSP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A short integer, 0x00 to 0x7F.
    Number(u8),
    /// Octets behind their length, for instance a media type with parameters.
    Octets(Vec<u8>),
    /// Text that ends with NUL.
    Text(String),
}

impl Push {
    /// A push that carries package 0 to a DM client.
    #[must_use]
    pub fn trigger(transaction: u8, package: Vec<u8>) -> Self {
        Self {
            transaction,
            content_type: Value::Number(0x44),
            headers: vec![Header::Known(APPLICATION_ID, Value::Number(APPLICATION))],
            data: package,
        }
    }

    /// The same push for a device behind a gateway.
    #[must_use]
    pub fn through_gateway(mut self, device: impl Into<String>) -> Self {
        let device = Value::Text(device.into());
        self.headers.push(Header::Known(GATEWAY, device));
        self
    }

    /// The octets.
    ///
    /// # Errors
    ///
    /// [`Fault::Value`] for numbers above 0x7F, texts with NUL, names that no name can begin with,
    /// and lengths above 32 bits.
    pub fn to_octets(&self) -> Result<Vec<u8>, Error> {
        let mut headers = Vec::new();
        value(&mut headers, &self.content_type)?;
        for header in &self.headers {
            match header {
                Header::Known(field, content) => {
                    headers.push(number(*field)?);
                    value(&mut headers, content)?;
                }
                Header::Named(name, content) => {
                    if !name.starts_with(|c: char| c.is_ascii_graphic()) {
                        return Err(Error::new(
                            Fault::Value,
                            0,
                            "a header name",
                            crate::error::shown(name),
                        ));
                    }
                    text(&mut headers, name)?;
                    text(&mut headers, content)?;
                }
            }
        }
        let mut out = vec![self.transaction, PUSH_PDU];
        length(&mut out, headers.len())?;
        out.extend(headers);
        out.extend(&self.data);
        Ok(out)
    }

    /// Octets of everything before the data.
    ///
    /// # Errors
    ///
    /// As [`to_octets`](Self::to_octets).
    pub fn header_len(&self) -> Result<usize, Error> {
        Ok(self.to_octets()?.len() - self.data.len())
    }

    /// Reads a push.
    ///
    /// # Errors
    ///
    /// [`Fault::Truncated`] when something is cut off, [`Fault::Unsupported`] for another kind of
    /// PDU and for shifts of the header code page, [`Fault::Syntax`] for text that is not UTF-8.
    pub fn parse(octets: &[u8]) -> Result<Self, Error> {
        let mut source = Source { octets, at: 0 };
        let transaction = source.octet()?;
        let kind = source.octet()?;
        if kind != PUSH_PDU {
            return Err(Error::new(
                Fault::Unsupported,
                1,
                "a push PDU, 0x06",
                format!("0x{kind:02X}"),
            ));
        }
        let headers_len = source.length()?;
        let end = source.at.saturating_add(headers_len);
        if end > octets.len() {
            return Err(source.truncated(headers_len));
        }
        let mut source = Source {
            octets: &octets[..end],
            at: source.at,
        };
        let content_type = source.value()?;
        let mut headers = Vec::new();
        while source.at < end {
            let offset = source.at;
            headers.push(match source.octets[offset] {
                field @ 0x80.. => {
                    source.at += 1;
                    Header::Known(field & 0x7F, source.value()?)
                }
                0x20..=0x7E => Header::Named(source.text()?, source.text()?),
                shift => {
                    return Err(Error::new(
                        Fault::Unsupported,
                        offset,
                        "a header of the default code page",
                        format!("0x{shift:02X}"),
                    ));
                }
            });
        }
        Ok(Self {
            transaction,
            content_type,
            headers,
            data: octets[end..].to_vec(),
        })
    }
}

/// Ports in front of a push in an SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserDataHeader {
    /// Where the push goes.
    pub destination: u16,
    /// Where it comes from.
    pub source: u16,
}

impl UserDataHeader {
    /// The seven octets: one element, application ports of 16 bits.
    #[must_use]
    pub fn to_octets(self) -> [u8; 7] {
        let [d1, d0] = self.destination.to_be_bytes();
        let [s1, s0] = self.source.to_be_bytes();
        [0x06, 0x05, 0x04, d1, d0, s1, s0]
    }

    /// Reads the header, and gives what follows it.
    ///
    /// # Errors
    ///
    /// [`Fault::Truncated`] below seven octets, [`Fault::Unsupported`] for other elements.
    pub fn parse(octets: &[u8]) -> Result<(Self, &[u8]), Error> {
        let Some((header, rest)) = octets.split_first_chunk::<7>() else {
            return Err(Error::new(
                Fault::Truncated,
                octets.len(),
                "7 octets of user data header",
                format!("{}", octets.len()),
            ));
        };
        match *header {
            [0x06, 0x05, 0x04, d1, d0, s1, s0] => {
                let ports = Self {
                    destination: u16::from_be_bytes([d1, d0]),
                    source: u16::from_be_bytes([s1, s0]),
                };
                Ok((ports, rest))
            }
            _ => Err(Error::new(
                Fault::Unsupported,
                0,
                "06 05 04 and two ports",
                format!("{:02X?}", &header[..3]),
            )),
        }
    }
}

const QUOTE: u8 = 0x7F;
const LENGTH_QUOTE: u8 = 31;

fn value(out: &mut Vec<u8>, value: &Value) -> Result<(), Error> {
    match value {
        Value::Number(value) => out.push(number(*value)?),
        Value::Octets(octets) => {
            match u8::try_from(octets.len()) {
                Ok(short) if short < LENGTH_QUOTE => out.push(short),
                _ => {
                    out.push(LENGTH_QUOTE);
                    length(out, octets.len())?;
                }
            }
            out.extend(octets);
        }
        Value::Text(value) => text(out, value)?,
    }
    Ok(())
}

fn number(value: u8) -> Result<u8, Error> {
    if value < 0x80 {
        return Ok(value | 0x80);
    }
    Err(Error::new(
        Fault::Value,
        0,
        "a number up to 0x7F",
        format!("0x{value:02X}"),
    ))
}

/// Text and NUL. A first octet that would be taken for something else is quoted.
fn text(out: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    if text.contains('\0') {
        return Err(Error::new(
            Fault::Value,
            0,
            "text without NUL",
            crate::error::shown(text),
        ));
    }
    if !text.starts_with(|c: char| (' '..'\x7F').contains(&c)) {
        out.push(QUOTE);
    }
    out.extend(text.as_bytes());
    out.push(0);
    Ok(())
}

fn length(out: &mut Vec<u8>, value: usize) -> Result<(), Error> {
    let value = u32::try_from(value).map_err(|_| {
        Error::new(
            Fault::Value,
            0,
            "a length of 32 bits",
            format!("{value} octets"),
        )
    })?;
    for shift in [28, 21, 14, 7] {
        if value >> shift != 0 {
            out.push((value >> shift & 0x7F) as u8 | 0x80);
        }
    }
    out.push((value & 0x7F) as u8);
    Ok(())
}

struct Source<'i> {
    octets: &'i [u8],
    at: usize,
}

impl<'i> Source<'i> {
    fn octet(&mut self) -> Result<u8, Error> {
        let octet = self.octets.get(self.at).copied();
        let octet = octet.ok_or_else(|| self.truncated(1))?;
        self.at += 1;
        Ok(octet)
    }

    fn length(&mut self) -> Result<usize, Error> {
        let offset = self.at;
        let mut value = 0_u32;
        loop {
            let octet = self.octet()?;
            if value > u32::MAX >> 7 {
                return Err(Error::new(
                    Fault::Value,
                    offset,
                    "a length of 32 bits",
                    "a longer one",
                ));
            }
            value = value << 7 | u32::from(octet & 0x7F);
            if octet & 0x80 == 0 {
                return Ok(usize::try_from(value).unwrap_or(usize::MAX));
            }
        }
    }

    fn value(&mut self) -> Result<Value, Error> {
        let first = self.octets.get(self.at).copied();
        match first.ok_or_else(|| self.truncated(1))? {
            number @ 0x80.. => {
                self.at += 1;
                Ok(Value::Number(number & 0x7F))
            }
            short @ ..LENGTH_QUOTE => {
                self.at += 1;
                Ok(Value::Octets(self.take(usize::from(short))?.to_vec()))
            }
            LENGTH_QUOTE => {
                self.at += 1;
                let len = self.length()?;
                Ok(Value::Octets(self.take(len)?.to_vec()))
            }
            _ => self.text().map(Value::Text),
        }
    }

    fn text(&mut self) -> Result<String, Error> {
        let offset = self.at;
        let rest = &self.octets[offset..];
        let end = rest.iter().position(|&octet| octet == 0);
        let end = end.ok_or_else(|| {
            Error::new(
                Fault::Truncated,
                offset,
                "text that ends with NUL",
                "none within the headers",
            )
        })?;
        self.at += end + 1;
        let text = &rest[..end];
        let text = text.strip_prefix(&[QUOTE]).unwrap_or(text);
        String::from_utf8(text.to_vec())
            .map_err(|_| Error::new(Fault::Syntax, offset, "UTF-8", "octets that are not"))
    }

    fn take(&mut self, len: usize) -> Result<&'i [u8], Error> {
        let rest = &self.octets[self.at..];
        let taken = rest.get(..len).ok_or_else(|| self.truncated(len))?;
        self.at += len;
        Ok(taken)
    }

    fn truncated(&self, wanted: usize) -> Error {
        Error::new(
            Fault::Truncated,
            self.at,
            format!("{wanted} more octets"),
            format!("{}", self.octets.len().saturating_sub(self.at)),
        )
    }
}

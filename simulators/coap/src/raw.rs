//! Datagrams that need not be messages.

use crate::{OptionNumber, PAYLOAD_MARKER};

/// Any datagram, taken apart. Every field goes on the wire as it is, whether or not it fits the
/// others: `token_length` may differ from the length of `token`, an option may announce a value
/// that is not there.
///
/// The usual way to an illegal message is to take a legal one apart and break one thing:
///
/// ```
/// use twinproof_coap::{Packet, ParseFault, Raw};
///
/// let mut raw = Raw::dissect(&[0x41, 0x01, 0x01, 0x00, 0x01, 0xb1, b'3']);
/// raw.version = 2;
/// let error = Packet::parse(&raw.to_bytes()).unwrap_err();
/// assert_eq!(error.fault, ParseFault::Version { got: 2 });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// Two bits; 1 is legal.
    pub version: u8,
    /// Two bits: CON 0, NON 1, ACK 2, RST 3.
    pub ty: u8,
    /// Four bits; 9 to 15 are reserved.
    pub token_length: u8,
    /// Class and detail.
    pub code: u8,
    /// The message id.
    pub message_id: u16,
    /// The bytes after the header.
    pub token: Vec<u8>,
    /// The options, in the order of the wire.
    pub options: Vec<RawOption>,
    /// Whether there is a payload marker.
    pub marker: bool,
    /// The bytes after options and marker.
    pub payload: Vec<u8>,
    /// Where the datagram is cut off, in bytes from its start.
    pub cut: Option<usize>,
}

/// An option as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawOption {
    /// Four bits: the delta, or 13, 14 (extended), 15 (reserved).
    pub delta: u8,
    /// Four bits: the length, or 13, 14 (extended), 15 (reserved).
    pub length: u8,
    /// The extension bytes of the delta, if any.
    pub delta_extension: Vec<u8>,
    /// The extension bytes of the length, if any.
    pub length_extension: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

impl RawOption {
    /// A well-formed option `delta` numbers after the one before it. Values of more than 65804
    /// bytes announce 65804.
    pub fn new(delta: u16, value: &[u8]) -> Self {
        let (delta, delta_extension) = nibble(usize::from(delta));
        let (length, length_extension) = nibble(value.len());
        Self {
            delta,
            length,
            delta_extension,
            length_extension,
            value: value.to_vec(),
        }
    }

    /// How far this option's number is from the one before, as far as its bytes say so.
    fn distance(&self) -> u32 {
        let extension = self
            .delta_extension
            .iter()
            .take(2)
            .fold(0, |sum, &byte| sum << 8 | u32::from(byte));
        match self.delta {
            13 => 13 + extension,
            14 => 269 + extension,
            delta => u32::from(delta),
        }
    }
}

impl Raw {
    /// Takes `datagram` apart as far as it can be understood; the first byte of option that cannot
    /// be, and all that follows, is the payload. [`to_bytes`](Self::to_bytes) gives the same datagram
    /// back, whatever it was.
    pub fn dissect(datagram: &[u8]) -> Self {
        let mut header = [0; 4];
        let there = datagram.len().min(4);
        header[..there].copy_from_slice(&datagram[..there]);
        let mut raw = Self {
            version: header[0] >> 6,
            ty: header[0] >> 4 & 0b11,
            token_length: header[0] & 0x0f,
            code: header[1],
            message_id: u16::from_be_bytes([header[2], header[3]]),
            cut: (there < 4).then_some(there),
            ..Self::default()
        };
        let rest = &datagram[there..];
        let (token, mut rest) = rest.split_at(rest.len().min(usize::from(raw.token_length)));
        raw.token = token.to_vec();
        while let Some((option, after)) = dissect_option(rest) {
            raw.options.push(option);
            rest = after;
        }
        if let [PAYLOAD_MARKER, after @ ..] = rest {
            raw.marker = true;
            rest = after;
        }
        raw.payload = rest.to_vec();
        raw
    }

    /// Appends a well-formed option; its delta is counted from the option before, and wraps if that
    /// has the greater number.
    pub fn option(mut self, number: OptionNumber, value: &[u8]) -> Self {
        let last = self
            .options
            .iter()
            .fold(0_u32, |sum, option| sum.wrapping_add(option.distance()));
        self.options
            .push(RawOption::new(number.0.wrapping_sub(last as u16), value));
        self
    }

    /// The datagram.
    pub fn to_bytes(&self) -> Vec<u8> {
        let [high, low] = self.message_id.to_be_bytes();
        let first = (self.version & 0b11) << 6 | (self.ty & 0b11) << 4 | self.token_length & 0x0f;
        let mut bytes = vec![first, self.code, high, low];
        bytes.extend_from_slice(&self.token);
        for option in &self.options {
            bytes.push(option.delta << 4 | option.length & 0x0f);
            bytes.extend_from_slice(&option.delta_extension);
            bytes.extend_from_slice(&option.length_extension);
            bytes.extend_from_slice(&option.value);
        }
        if self.marker {
            bytes.push(PAYLOAD_MARKER);
        }
        bytes.extend_from_slice(&self.payload);
        if let Some(cut) = self.cut {
            bytes.truncate(cut);
        }
        bytes
    }
}

/// The nibble and the extension bytes of a number (RFC 7252 §3.1).
fn nibble(number: usize) -> (u8, Vec<u8>) {
    match number {
        0..13 => (number as u8, Vec::new()),
        13..269 => (13, vec![(number - 13) as u8]),
        _ => (
            14,
            ((number - 269).min(0xffff) as u16).to_be_bytes().to_vec(),
        ),
    }
}

fn dissect_option(bytes: &[u8]) -> Option<(RawOption, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let extension = |nibble| match nibble {
        13 => Some(1),
        14 => Some(2),
        15 => None,
        _ => Some(0),
    };
    let (delta_extension, rest) = rest.split_at_checked(extension(first >> 4)?)?;
    let (length_extension, rest) = rest.split_at_checked(extension(first & 0x0f)?)?;
    let more = length_extension
        .iter()
        .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    let length = match first & 0x0f {
        13 => 13 + more,
        14 => 269 + more,
        length => usize::from(length),
    };
    let (value, rest) = rest.split_at_checked(length)?;
    let option = RawOption {
        delta: first >> 4,
        length: first & 0x0f,
        delta_extension: delta_extension.to_vec(),
        length_extension: length_extension.to_vec(),
        value: value.to_vec(),
    };
    Some((option, rest))
}

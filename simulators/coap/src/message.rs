//! A message before the message layer has it: no type, id, token or block.

use std::ops::Range;

use crate::writer::{Sink, WriteError, Writer};
use crate::{Code, ContentFormat, OptionNumber, Packet, Type, option};

/// Code, options and a body of any length.
///
/// Options may be given in any order. What the message layer adds (Block1, Block2, Size1, Size2, and
/// Observe in notifications) is not for the caller to set.
///
/// ```
/// use twinproof_coap::{Code, ContentFormat, Message};
///
/// let register = Message::new(Code::POST)
///     .path("/rd")
///     .query("ep=x")
///     .query("lt=60")
///     .content_format(ContentFormat::LINK_FORMAT)
///     .payload("</1/0>,</3/0>");
/// # let _ = register;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    code: Code,
    options: Vec<(OptionNumber, Range<usize>)>,
    values: Vec<u8>,
    payload: Vec<u8>,
}

/// An option that the message layer adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extra {
    number: OptionNumber,
    value: [u8; 8],
    len: usize,
}

impl Extra {
    pub(crate) fn uint(number: OptionNumber, value: u32) -> Self {
        let skip = value.leading_zeros() as usize / 8;
        let mut extra = Self {
            number,
            value: [0; 8],
            len: 4 - skip,
        };
        extra.value[..extra.len].copy_from_slice(&value.to_be_bytes()[skip..]);
        extra
    }

    pub(crate) fn bytes(number: OptionNumber, value: [u8; 8]) -> Self {
        Self {
            number,
            value,
            len: 8,
        }
    }
}

impl Message {
    /// A message of that code, without options and body.
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            options: Vec::new(),
            values: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// The message that a packet carries: its code, its options as they are, and its payload.
    pub fn of(packet: &Packet<'_>) -> Self {
        packet
            .options()
            .fold(Self::new(packet.code()), |message, option| {
                message.option(option.number, option.value)
            })
            .payload(packet.payload())
    }

    /// Adds an option; behind those of the same number that are there already.
    pub fn option(mut self, number: OptionNumber, value: &[u8]) -> Self {
        let start = self.values.len();
        self.values.extend_from_slice(value);
        let place = self.options.partition_point(|(other, _)| *other <= number);
        self.options
            .insert(place, (number, start..self.values.len()));
        self
    }

    /// Adds an option that is a number.
    pub fn uint(self, number: OptionNumber, value: u32) -> Self {
        let bytes = value.to_be_bytes();
        self.option(number, &bytes[value.leading_zeros() as usize / 8..])
    }

    /// Adds one Uri-Path for each segment of `/a/b/c`. Slashes at the ends do not count.
    pub fn path(self, path: &str) -> Self {
        let path = path.trim_matches('/');
        if path.is_empty() {
            return self;
        }
        path.split('/').fold(self, |message, segment| {
            message.option(option::URI_PATH, segment.as_bytes())
        })
    }

    /// Adds one argument of the query.
    pub fn query(self, argument: &str) -> Self {
        self.option(option::URI_QUERY, argument.as_bytes())
    }

    /// Adds Content-Format.
    pub fn content_format(self, format: ContentFormat) -> Self {
        self.uint(option::CONTENT_FORMAT, u32::from(format.0))
    }

    /// Adds Accept.
    pub fn accept(self, format: ContentFormat) -> Self {
        self.uint(option::ACCEPT, u32::from(format.0))
    }

    /// Adds Observe to a request: 0 registers.
    pub fn observe(self) -> Self {
        self.uint(option::OBSERVE, 0)
    }

    /// Sets the body.
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.payload
    }

    /// The values of one option.
    pub fn values(&self, number: OptionNumber) -> impl Iterator<Item = &[u8]> {
        self.options
            .iter()
            .filter(move |(other, _)| *other == number)
            .map(|(_, range)| &self.values[range.clone()])
    }

    pub(crate) fn take_body(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.payload)
    }

    /// Writes a datagram: the options that `keep` keeps and the `extras`, and a piece of the body.
    pub(crate) fn write<S: Sink>(
        &self,
        sink: &mut S,
        (ty, message_id, token): (Type, u16, &[u8]),
        extras: &[Extra],
        keep: impl Fn(OptionNumber) -> bool,
        payload: &[u8],
    ) -> Result<usize, WriteError> {
        let mut writer = Writer::new(sink, ty, self.code, message_id, token);
        let mut extras = extras.iter().peekable();
        for (number, range) in self.options.iter().filter(|(number, _)| keep(*number)) {
            while let Some(extra) = extras.next_if(|extra| extra.number < *number) {
                writer = writer.option(extra.number, &extra.value[..extra.len]);
            }
            writer = writer.option(*number, &self.values[range.clone()]);
        }
        for extra in extras {
            writer = writer.option(extra.number, &extra.value[..extra.len]);
        }
        writer.payload(payload)
    }
}

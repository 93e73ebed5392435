//! A message as a view of the datagram that carried it.

use std::fmt;

use crate::option::{self, Format};
use crate::{Block, Class, Code, ContentFormat, OptionNumber, PAYLOAD_MARKER, Token, Type};

/// The four bytes that every message begins with. Can be read of a datagram that is otherwise
/// malformed, which is what it takes to answer one with a Reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// 1 in every message there is today; 0 to 3.
    pub version: u8,
    /// The message type.
    pub ty: Type,
    /// The token length as written, 0 to 15; legal up to 8.
    pub token_length: u8,
    /// The code.
    pub code: Code,
    /// The message id.
    pub message_id: u16,
}

impl Header {
    /// The header of `datagram`, or `None` if it has less than four bytes.
    pub const fn peek(datagram: &[u8]) -> Option<Self> {
        match *datagram {
            [first, code, high, low, ..] => Some(Self {
                version: first >> 6,
                ty: Type::from_bits(first >> 4),
                token_length: first & 0x0f,
                code: Code::from_byte(code),
                message_id: u16::from_be_bytes([high, low]),
            }),
            _ => None,
        }
    }
}

/// A CoAP message, borrowed from its datagram. `Copy`, two words and two offsets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    datagram: &'a [u8],
    options_end: usize,
    payload_start: usize,
}

/// Why a datagram is no CoAP message over UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The offset of the offending byte from the start of the datagram.
    pub at: usize,
    /// What is wrong there.
    pub fault: ParseFault,
}

/// What can be wrong with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseFault {
    /// Less than the four bytes of the header. Must be ignored.
    TooShort {
        /// The length of the datagram in bytes.
        got: usize,
    },
    /// Not version 1. Must be ignored (RFC 7252 §3).
    Version {
        /// The version.
        got: u8,
    },
    /// Token lengths 9 to 15 are reserved (RFC 7252 §3).
    TokenLength {
        /// The length as written.
        got: u8,
    },
    /// The datagram ends inside the token.
    TokenTruncated {
        /// Bytes announced.
        expected: usize,
        /// Bytes there.
        got: usize,
    },
    /// A code of class 1, 6 or 7: the first two are reserved, the last is not for UDP.
    ReservedClass {
        /// The code.
        got: Code,
    },
    /// A code that this type must not carry (RFC 7252 §4.2, §4.3).
    Combination {
        /// The type.
        ty: Type,
        /// The code.
        code: Code,
    },
    /// Code 0.00 with a token, options or payload behind the message id (RFC 7252 §4.1).
    EmptyWithExtras {
        /// Bytes after the header.
        got: usize,
    },
    /// Delta nibble 15 in a byte that is not the payload marker.
    ReservedDelta,
    /// Length nibble 15.
    ReservedLength {
        /// The option it belongs to.
        number: OptionNumber,
    },
    /// The datagram ends inside the extended delta or length.
    ExtensionTruncated {
        /// Bytes the nibble asks for.
        expected: usize,
        /// Bytes there.
        got: usize,
    },
    /// The deltas add up to more than 65535.
    NumberTooLarge {
        /// The sum.
        got: u32,
    },
    /// The datagram ends inside the value.
    ValueTruncated {
        /// The option.
        number: OptionNumber,
        /// Bytes announced.
        expected: usize,
        /// Bytes there.
        got: usize,
    },
    /// A payload marker with nothing behind it (RFC 7252 §3).
    MarkerWithoutPayload,
}

/// Why the value of an option cannot be read as what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// The option.
    pub number: OptionNumber,
    /// What is wrong with it.
    pub fault: ValueFault,
}

/// What can be wrong with the value of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueFault {
    /// More bytes than the option may have.
    Length {
        /// Largest length in bytes.
        expected: usize,
        /// The length in bytes.
        got: usize,
    },
    /// Not UTF-8 from this byte of the value on.
    Utf8 {
        /// Offset in the value.
        at: usize,
    },
    /// Not a block.
    Block(crate::BlockError),
}

impl<'a> Packet<'a> {
    /// Reads a datagram. Strict: what RFC 7252 does not allow on the wire is an error. The values
    /// of options are not looked at, since a bad one is answered like an unknown option rather
    /// than like a malformed message (§5.4.3).
    ///
    /// # Errors
    ///
    /// The first fault, with its offset. Whether it calls for a Reset or for silence is the message
    /// layer's decision; [`Header::peek`] has what a Reset needs.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let fail = |at, fault| Err(ParseError { at, fault });
        let Some(header) = Header::peek(datagram) else {
            return fail(
                datagram.len(),
                ParseFault::TooShort {
                    got: datagram.len(),
                },
            );
        };
        if header.version != 1 {
            return fail(
                0,
                ParseFault::Version {
                    got: header.version,
                },
            );
        }
        if header.token_length > 8 {
            return fail(
                0,
                ParseFault::TokenLength {
                    got: header.token_length,
                },
            );
        }
        if matches!(header.code.class(), Class::Reserved | Class::Signal) {
            return fail(1, ParseFault::ReservedClass { got: header.code });
        }
        if !header.ty.may_carry(header.code) {
            return fail(
                1,
                ParseFault::Combination {
                    ty: header.ty,
                    code: header.code,
                },
            );
        }
        if header.code == Code::EMPTY && (datagram.len() > 4 || header.token_length > 0) {
            return fail(
                4,
                ParseFault::EmptyWithExtras {
                    got: datagram.len() - 4,
                },
            );
        }
        let token_length = usize::from(header.token_length);
        if datagram.len() < 4 + token_length {
            return fail(
                datagram.len(),
                ParseFault::TokenTruncated {
                    expected: token_length,
                    got: datagram.len() - 4,
                },
            );
        }
        let mut at = 4 + token_length;
        let mut number = 0;
        while at < datagram.len() {
            if datagram[at] == PAYLOAD_MARKER {
                if at + 1 == datagram.len() {
                    return fail(at, ParseFault::MarkerWithoutPayload);
                }
                return Ok(Self {
                    datagram,
                    options_end: at,
                    payload_start: at + 1,
                });
            }
            let (option, next) = read_option(datagram, at, number)?;
            number = option.number.0;
            at = next;
        }
        Ok(Self {
            datagram,
            options_end: at,
            payload_start: at,
        })
    }

    /// The whole datagram.
    pub const fn datagram(&self) -> &'a [u8] {
        self.datagram
    }

    /// The message type.
    pub fn ty(&self) -> Type {
        Type::from_bits(self.datagram[0] >> 4)
    }

    /// The code.
    pub fn code(&self) -> Code {
        Code::from_byte(self.datagram[1])
    }

    /// The message id.
    pub fn message_id(&self) -> u16 {
        u16::from_be_bytes([self.datagram[2], self.datagram[3]])
    }

    /// The bytes of the token, 0 to 8.
    pub fn token_bytes(&self) -> &'a [u8] {
        &self.datagram[4..self.options_start()]
    }

    /// The token as a value.
    pub fn token(&self) -> Token {
        Token::new(self.token_bytes()).unwrap_or_default()
    }

    /// The payload; empty if there is none.
    pub fn payload(&self) -> &'a [u8] {
        &self.datagram[self.payload_start..]
    }

    /// The options in the order of the datagram, which is ascending.
    pub fn options(&self) -> Options<'a> {
        Options {
            bytes: &self.datagram[..self.options_end],
            at: self.options_start(),
            number: 0,
        }
    }

    /// The values of one option.
    pub fn values(&self, number: OptionNumber) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.options()
            .skip_while(move |option| option.number < number)
            .take_while(move |option| option.number == number)
            .map(|option| option.value)
    }

    /// The first value of one option.
    pub fn value(&self, number: OptionNumber) -> Option<&'a [u8]> {
        self.values(number).next()
    }

    /// The first value of an option as a number. Leading zero bytes are accepted, as §3.2 demands.
    ///
    /// # Errors
    ///
    /// When the value is longer than four bytes, or than the option may be.
    pub fn uint(&self, number: OptionNumber) -> Result<Option<u32>, ValueError> {
        let Some(value) = self.value(number) else {
            return Ok(None);
        };
        let expected = number
            .definition()
            .map_or(4, |definition| usize::from(definition.max).min(4));
        if value.len() > expected {
            let fault = ValueFault::Length {
                expected,
                got: value.len(),
            };
            return Err(ValueError { number, fault });
        }
        Ok(Some(
            value
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u32::from(byte)),
        ))
    }

    /// The values of an option as text.
    pub fn strings(
        &self,
        number: OptionNumber,
    ) -> impl Iterator<Item = Result<&'a str, ValueError>> + use<'a> {
        self.values(number).map(move |value| {
            std::str::from_utf8(value).map_err(|error| ValueError {
                number,
                fault: ValueFault::Utf8 {
                    at: error.valid_up_to(),
                },
            })
        })
    }

    /// The segments of the request path.
    pub fn path(&self) -> impl Iterator<Item = Result<&'a str, ValueError>> + use<'a> {
        self.strings(option::URI_PATH)
    }

    /// Whether the request path is exactly these segments. One empty segment, as some clients send
    /// for `/`, is the same as none.
    pub fn path_is(&self, segments: &[&str]) -> bool {
        let path = self.values(option::URI_PATH);
        if segments.is_empty() {
            path.take(2).eq([b""; 1]) || self.value(option::URI_PATH).is_none()
        } else {
            path.eq(segments.iter().map(|segment| segment.as_bytes()))
        }
    }

    /// The arguments of the query, as written (`lt=60`, `Q`).
    pub fn queries(&self) -> impl Iterator<Item = Result<&'a str, ValueError>> + use<'a> {
        self.strings(option::URI_QUERY)
    }

    /// The value of the first argument `name=value` of the query; empty for a bare `name`. Arguments
    /// that are not UTF-8 are passed over.
    pub fn query(&self, name: &str) -> Option<&'a str> {
        self.queries()
            .flatten()
            .find_map(|argument| match argument.split_once('=') {
                Some((key, value)) => (key == name).then_some(value),
                None => (argument == name).then_some(""),
            })
    }

    /// Content-Format, as written: provisional numbers are not replaced.
    ///
    /// # Errors
    ///
    /// When the value is longer than two bytes.
    pub fn content_format(&self) -> Result<Option<ContentFormat>, ValueError> {
        Ok(self
            .uint(option::CONTENT_FORMAT)?
            .map(|number| ContentFormat(number as u16)))
    }

    /// Accept, as written.
    ///
    /// # Errors
    ///
    /// When the value is longer than two bytes.
    pub fn accept(&self) -> Result<Option<ContentFormat>, ValueError> {
        Ok(self
            .uint(option::ACCEPT)?
            .map(|number| ContentFormat(number as u16)))
    }

    /// Observe: 0 and 1 in requests, a sequence number of 24 bits in notifications.
    ///
    /// # Errors
    ///
    /// When the value is longer than three bytes.
    pub fn observe(&self) -> Result<Option<u32>, ValueError> {
        self.uint(option::OBSERVE)
    }

    /// Block1 or Block2.
    ///
    /// # Errors
    ///
    /// When the value is longer than three bytes or its size is the reserved one.
    pub fn block(&self, number: OptionNumber) -> Result<Option<Block>, ValueError> {
        self.value(number)
            .map(Block::decode)
            .transpose()
            .map_err(|error| ValueError {
                number,
                fault: ValueFault::Block(error),
            })
    }

    /// The first critical option that must be answered with 4.02 (RFC 7252 §5.4.1): one that is not
    /// in `known`, one whose value is longer, shorter or otherwise coded than it may be, or one that
    /// is repeated though it may not be.
    pub fn bad_critical_option(&self, known: &[OptionNumber]) -> Option<OptionNumber> {
        let mut last = None;
        self.options()
            .find(|option| {
                let repeated = last.replace(option.number) == Some(option.number);
                option.number.is_critical()
                    && (!known.contains(&option.number) || !option.is_well_formed(repeated))
            })
            .map(|option| option.number)
    }

    fn options_start(&self) -> usize {
        4 + usize::from(self.datagram[0] & 0x0f)
    }
}

/// One option of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'a> {
    /// The number.
    pub number: OptionNumber,
    /// The value.
    pub value: &'a [u8],
}

impl Opt<'_> {
    /// Whether the value is as registered for the number; `repeated` says that the option before had
    /// the same number. Options that nobody registered are well-formed.
    fn is_well_formed(&self, repeated: bool) -> bool {
        let Some(definition) = self.number.definition() else {
            return true;
        };
        let length = usize::from(definition.min)..=usize::from(definition.max);
        length.contains(&self.value.len())
            && (definition.repeatable || !repeated)
            && (definition.format != Format::String || std::str::from_utf8(self.value).is_ok())
    }
}

/// The options of a message.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    bytes: &'a [u8],
    at: usize,
    number: u16,
}

impl<'a> Iterator for Options<'a> {
    type Item = Opt<'a>;

    fn next(&mut self) -> Option<Opt<'a>> {
        // Cannot fail: `Packet::parse` has read these bytes before.
        let (option, at) = read_option(self.bytes, self.at, self.number).ok()?;
        self.number = option.number.0;
        self.at = at;
        Some(option)
    }
}

/// Reads the option at `at` that follows the option `previous`, and says where the next begins.
fn read_option(bytes: &[u8], at: usize, previous: u16) -> Result<(Opt<'_>, usize), ParseError> {
    let truncated = |expected| ParseError {
        at: bytes.len(),
        fault: ParseFault::ExtensionTruncated { expected, got: 0 },
    };
    let first = *bytes.get(at).ok_or(truncated(1))?;
    let mut next = at + 1;
    let delta = match first >> 4 {
        15 => {
            return Err(ParseError {
                at,
                fault: ParseFault::ReservedDelta,
            });
        }
        nibble => extended(bytes, &mut next, nibble)?,
    };
    let sum = u32::from(previous) + delta;
    let number = match u16::try_from(sum) {
        Ok(number) => OptionNumber(number),
        Err(_) => {
            return Err(ParseError {
                at,
                fault: ParseFault::NumberTooLarge { got: sum },
            });
        }
    };
    let length = match first & 0x0f {
        15 => {
            return Err(ParseError {
                at,
                fault: ParseFault::ReservedLength { number },
            });
        }
        nibble => extended(bytes, &mut next, nibble)? as usize,
    };
    match bytes.get(next..next + length) {
        Some(value) => Ok((Opt { number, value }, next + length)),
        None => {
            let got = bytes.len() - next;
            let fault = ParseFault::ValueTruncated {
                number,
                expected: length,
                got,
            };
            Err(ParseError {
                at: bytes.len(),
                fault,
            })
        }
    }
}

/// The number behind a nibble below 15, with its extension bytes at `next` (RFC 7252 §3.1).
fn extended(bytes: &[u8], next: &mut usize, nibble: u8) -> Result<u32, ParseError> {
    let (count, base) = match nibble {
        13 => (1, 13),
        14 => (2, 269),
        _ => return Ok(u32::from(nibble)),
    };
    let Some(extension) = bytes.get(*next..*next + count) else {
        let fault = ParseFault::ExtensionTruncated {
            expected: count,
            got: bytes.len() - *next,
        };
        return Err(ParseError {
            at: bytes.len(),
            fault,
        });
    };
    *next += count;
    Ok(base
        + extension
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.at, self.fault)
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for ParseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { got } => write!(f, "datagram of {got} bytes, expected at least 4"),
            Self::Version { got } => write!(f, "version {got}, expected 1"),
            Self::TokenLength { got } => write!(f, "token length {got}, expected 0 to 8"),
            Self::TokenTruncated { expected, got } => {
                write!(f, "token of {expected} bytes ends after {got}")
            }
            Self::ReservedClass { got } => {
                write!(f, "code {got}, expected class 0, 2, 3, 4 or 5")
            }
            Self::Combination { ty, code } => write!(f, "{ty} must not carry code {code}"),
            Self::EmptyWithExtras { got } => {
                write!(
                    f,
                    "empty message with {got} more bytes, expected none and no token"
                )
            }
            Self::ReservedDelta => f.write_str("option delta 15 is reserved, expected 0 to 14"),
            Self::ReservedLength { number } => {
                write!(
                    f,
                    "length 15 of option {number} is reserved, expected 0 to 14"
                )
            }
            Self::ExtensionTruncated { expected, got } => {
                write!(f, "option header ends after {got} of {expected} more bytes")
            }
            Self::NumberTooLarge { got } => {
                write!(f, "option number {got}, expected at most 65535")
            }
            Self::ValueTruncated {
                number,
                expected,
                got,
            } => {
                write!(
                    f,
                    "value of option {number} has {expected} bytes but ends after {got}"
                )
            }
            Self::MarkerWithoutPayload => {
                f.write_str("payload marker, expected at least one byte of payload behind it")
            }
        }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match self.fault {
            ValueFault::Length { expected, got } => {
                write!(f, "{number} of {got} bytes, expected at most {expected}")
            }
            ValueFault::Utf8 { at } => write!(f, "{number} is not UTF-8 from its byte {at} on"),
            ValueFault::Block(error) => write!(f, "{number}: {error}"),
        }
    }
}

impl std::error::Error for ValueError {}

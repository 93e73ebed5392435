//! Messages onto the wire.

use std::fmt;

use crate::{
    Block, Class, Code, ContentFormat, MAX_DATAGRAM, OptionNumber, PAYLOAD_MARKER, Type, option,
};

/// Where a message is written to. Bytes are appended, so that one buffer can take many messages.
pub trait Sink {
    /// Bytes written so far.
    fn len(&self) -> usize;

    /// Whether nothing has been written.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends `bytes`; `false` if there is no room, in which case nothing has changed.
    fn put(&mut self, bytes: &[u8]) -> bool;

    /// Takes back everything after the first `len` bytes.
    fn truncate(&mut self, len: usize);
}

impl Sink for Vec<u8> {
    fn len(&self) -> usize {
        self.len()
    }

    fn put(&mut self, bytes: &[u8]) -> bool {
        self.extend_from_slice(bytes);
        true
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}

/// A buffer of fixed size as a [`Sink`].
#[derive(Debug)]
pub struct Slice<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> Slice<'b> {
    /// The whole of `buffer`, nothing written yet.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// What has been written.
    pub fn written(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Sink for Slice<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn put(&mut self, bytes: &[u8]) -> bool {
        match self.buffer.get_mut(self.len..self.len + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
                true
            }
            None => false,
        }
    }

    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

/// Why a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// A token has at most 8 bytes.
    TokenLength {
        /// The length in bytes.
        got: usize,
    },
    /// This type must not carry that code.
    Combination {
        /// The type.
        ty: Type,
        /// The code.
        code: Code,
    },
    /// Reserved classes and signalling are not for UDP.
    ReservedClass {
        /// The code.
        got: Code,
    },
    /// An empty message has no token, option or payload.
    EmptyWithExtras,
    /// Options go in ascending order.
    Order {
        /// The option written before.
        after: OptionNumber,
        /// The option that came too late.
        got: OptionNumber,
    },
    /// The value is shorter or longer than the option may be.
    ValueLength {
        /// The option.
        number: OptionNumber,
        /// Smallest length in bytes.
        min: usize,
        /// Largest length in bytes.
        max: usize,
        /// The length in bytes.
        got: usize,
    },
    /// The option may be there only once.
    Repeated {
        /// The option.
        number: OptionNumber,
    },
    /// `.` and `..` are no segments of a path (RFC 7252 §5.10.1).
    DotSegment {
        /// Uri-Path or Location-Path.
        number: OptionNumber,
    },
    /// The message does not fit: the sink is full, or the datagram would be too large.
    Full,
}

/// Writes one message. Options are given in ascending order; the first thing that is wrong is kept
/// and reported by [`finish`](Self::finish) or [`payload`](Self::payload), and then the sink is as
/// it was before. Nothing panics.
///
/// A writer that is dropped unfinished leaves a fragment in its sink.
#[derive(Debug)]
#[must_use = "a message is complete only after `finish` or `payload`"]
pub struct Writer<'s, S> {
    sink: &'s mut S,
    start: usize,
    limit: usize,
    number: OptionNumber,
    any: bool,
    empty: bool,
    error: Option<WriteError>,
}

impl<'s, S: Sink> Writer<'s, S> {
    /// Begins a message with its header and token.
    pub fn new(sink: &'s mut S, ty: Type, code: Code, message_id: u16, token: &[u8]) -> Self {
        let start = sink.len();
        let mut writer = Self {
            sink,
            start,
            limit: MAX_DATAGRAM,
            number: OptionNumber(0),
            any: false,
            empty: code == Code::EMPTY,
            error: None,
        };
        if token.len() > 8 {
            writer.error = Some(WriteError::TokenLength { got: token.len() });
        } else if matches!(code.class(), Class::Reserved | Class::Signal) {
            writer.error = Some(WriteError::ReservedClass { got: code });
        } else if !ty.may_carry(code) {
            writer.error = Some(WriteError::Combination { ty, code });
        } else if writer.empty && !token.is_empty() {
            writer.error = Some(WriteError::EmptyWithExtras);
        } else {
            let [high, low] = message_id.to_be_bytes();
            writer.put(&[
                0x40 | (ty as u8) << 4 | token.len() as u8,
                code.byte(),
                high,
                low,
            ]);
            writer.put(token);
        }
        writer
    }

    /// The largest message in bytes; [`MAX_DATAGRAM`] unless told.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Appends an option.
    pub fn option(mut self, number: OptionNumber, value: &[u8]) -> Self {
        if self.error.is_none() {
            match self.check(number, value) {
                Ok(()) => self.write_option(number, value),
                Err(error) => self.error = Some(error),
            }
        }
        self
    }

    /// Appends an option that is a number, in the fewest bytes.
    pub fn uint(self, number: OptionNumber, value: u32) -> Self {
        let bytes = value.to_be_bytes();
        self.option(number, &bytes[value.leading_zeros() as usize / 8..])
    }

    /// Appends an option that is text.
    pub fn text(self, number: OptionNumber, value: &str) -> Self {
        self.option(number, value.as_bytes())
    }

    /// Appends one Uri-Path for each segment of `/a/b/c`. Slashes at the ends do not count.
    pub fn path(self, path: &str) -> Self {
        let path = path.trim_matches('/');
        if path.is_empty() {
            self
        } else {
            self.segments(option::URI_PATH, path.split('/'))
        }
    }

    /// Appends one Uri-Path or Location-Path for each segment.
    pub fn segments<'v>(
        self,
        number: OptionNumber,
        segments: impl IntoIterator<Item = &'v str>,
    ) -> Self {
        segments
            .into_iter()
            .fold(self, |writer, segment| writer.text(number, segment))
    }

    /// Appends one argument of the query, `name=value` or `name`.
    pub fn query(self, argument: &str) -> Self {
        self.text(option::URI_QUERY, argument)
    }

    /// Appends Content-Format.
    pub fn content_format(self, format: ContentFormat) -> Self {
        self.uint(option::CONTENT_FORMAT, u32::from(format.0))
    }

    /// Appends Accept.
    pub fn accept(self, format: ContentFormat) -> Self {
        self.uint(option::ACCEPT, u32::from(format.0))
    }

    /// Appends Observe. Only the low 24 bits count, so that a counter may run on.
    pub fn observe(self, value: u32) -> Self {
        self.uint(option::OBSERVE, value & 0x00ff_ffff)
    }

    /// Appends Block1 or Block2.
    pub fn block(self, number: OptionNumber, block: Block) -> Self {
        self.uint(number, block.bits())
    }

    /// Ends the message with a payload; an empty one is the same as none.
    ///
    /// # Errors
    ///
    /// The first thing that was wrong with the message.
    pub fn payload(mut self, payload: &[u8]) -> Result<usize, WriteError> {
        if !payload.is_empty() {
            if self.empty && self.error.is_none() {
                self.error = Some(WriteError::EmptyWithExtras);
            }
            self.put(&[PAYLOAD_MARKER]);
            self.put(payload);
        }
        self.finish()
    }

    /// Ends the message. Returns its length in bytes.
    ///
    /// # Errors
    ///
    /// The first thing that was wrong with the message.
    pub fn finish(self) -> Result<usize, WriteError> {
        match self.error {
            Some(error) => {
                self.sink.truncate(self.start);
                Err(error)
            }
            None => Ok(self.sink.len() - self.start),
        }
    }

    fn check(&self, number: OptionNumber, value: &[u8]) -> Result<(), WriteError> {
        if self.empty {
            return Err(WriteError::EmptyWithExtras);
        }
        if number < self.number {
            return Err(WriteError::Order {
                after: self.number,
                got: number,
            });
        }
        let (min, max) = match number.definition() {
            Some(definition) => {
                if self.any && number == self.number && !definition.repeatable {
                    return Err(WriteError::Repeated { number });
                }
                (usize::from(definition.min), usize::from(definition.max))
            }
            None => (0, 269 + 0xffff),
        };
        if !(min..=max).contains(&value.len()) {
            return Err(WriteError::ValueLength {
                number,
                min,
                max,
                got: value.len(),
            });
        }
        if matches!(number, option::URI_PATH | option::LOCATION_PATH)
            && matches!(value, b"." | b"..")
        {
            return Err(WriteError::DotSegment { number });
        }
        Ok(())
    }

    fn write_option(&mut self, number: OptionNumber, value: &[u8]) {
        let delta = usize::from(number.0 - self.number.0);
        let mut head = [0; 5];
        let mut len = 1;
        for (shift, amount) in [(4, delta), (0, value.len())] {
            let nibble = match amount {
                0..13 => amount as u8,
                13..269 => {
                    head[len] = (amount - 13) as u8;
                    len += 1;
                    13
                }
                _ => {
                    head[len..len + 2].copy_from_slice(&((amount - 269) as u16).to_be_bytes());
                    len += 2;
                    14
                }
            };
            head[0] |= nibble << shift;
        }
        self.put(&head[..len]);
        self.put(value);
        self.number = number;
        self.any = true;
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        let fits = self.sink.len() - self.start + bytes.len() <= self.limit;
        if !fits || !self.sink.put(bytes) {
            self.error = Some(WriteError::Full);
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenLength { got } => write!(f, "token of {got} bytes, expected at most 8"),
            Self::Combination { ty, code } => write!(f, "{ty} must not carry code {code}"),
            Self::ReservedClass { got } => {
                write!(f, "code {got}, expected class 0, 2, 3, 4 or 5")
            }
            Self::EmptyWithExtras => {
                f.write_str("empty message, expected no token, option or payload")
            }
            Self::Order { after, got } => {
                write!(
                    f,
                    "{got} after {after}, expected options in ascending order"
                )
            }
            Self::ValueLength {
                number,
                min,
                max,
                got,
            } => {
                write!(f, "{number} of {got} bytes, expected {min} to {max}")
            }
            Self::Repeated { number } => write!(f, "{number} twice, expected it once"),
            Self::DotSegment { number } => write!(f, "{number} is a dot segment"),
            Self::Full => f.write_str("message does not fit in its buffer or in a datagram"),
        }
    }
}

impl std::error::Error for WriteError {}

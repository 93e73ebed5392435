//! Options (RFC 7252 §5.4, §12.2 and the registry that grew from it).

use std::fmt;

/// The number of an option. Its low bits say how to treat it when it is unknown (RFC 7252 §5.4.6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionNumber(pub u16);

/// How the value of an option is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// No value.
    Empty,
    /// Bytes.
    Opaque,
    /// Big-endian, leading zero bytes left out, zero is no byte at all.
    Uint,
    /// UTF-8.
    String,
}

/// What is registered for an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The number.
    pub number: OptionNumber,
    /// The registered name.
    pub name: &'static str,
    /// How the value is read.
    pub format: Format,
    /// Smallest length of the value in bytes.
    pub min: u16,
    /// Largest length of the value in bytes.
    pub max: u16,
    /// Whether a message may have it more than once.
    pub repeatable: bool,
}

macro_rules! options {
    ($($name:ident = $number:literal, $text:literal, $format:ident $min:literal..=$max:literal $(, $repeat:ident)?;)+) => {
        $(
            #[doc = concat!($text, " (", stringify!($number), ").")]
            pub const $name: OptionNumber = OptionNumber($number);
        )+

        /// Every option we know, in ascending order.
        pub const TABLE: &[Definition] = &[$(
            Definition {
                number: $name,
                name: $text,
                format: Format::$format,
                min: $min,
                max: $max,
                repeatable: options!(@repeat $($repeat)?),
            }
        ),+];
    };
    (@repeat) => { false };
    (@repeat repeatable) => { true };
}

options! {
    IF_MATCH = 1, "If-Match", Opaque 0..=8, repeatable;
    URI_HOST = 3, "Uri-Host", String 1..=255;
    ETAG = 4, "ETag", Opaque 1..=8, repeatable;
    IF_NONE_MATCH = 5, "If-None-Match", Empty 0..=0;
    OBSERVE = 6, "Observe", Uint 0..=3;
    URI_PORT = 7, "Uri-Port", Uint 0..=2;
    LOCATION_PATH = 8, "Location-Path", String 0..=255, repeatable;
    OSCORE = 9, "OSCORE", Opaque 0..=255;
    URI_PATH = 11, "Uri-Path", String 0..=255, repeatable;
    CONTENT_FORMAT = 12, "Content-Format", Uint 0..=2;
    MAX_AGE = 14, "Max-Age", Uint 0..=4;
    URI_QUERY = 15, "Uri-Query", String 0..=255, repeatable;
    HOP_LIMIT = 16, "Hop-Limit", Uint 1..=1;
    ACCEPT = 17, "Accept", Uint 0..=2;
    LOCATION_QUERY = 20, "Location-Query", String 0..=255, repeatable;
    BLOCK2 = 23, "Block2", Uint 0..=3;
    BLOCK1 = 27, "Block1", Uint 0..=3;
    SIZE2 = 28, "Size2", Uint 0..=4;
    PROXY_URI = 35, "Proxy-Uri", String 1..=1034;
    PROXY_SCHEME = 39, "Proxy-Scheme", String 1..=255;
    SIZE1 = 60, "Size1", Uint 0..=4;
    ECHO = 252, "Echo", Opaque 1..=40;
    NO_RESPONSE = 258, "No-Response", Uint 0..=1;
    REQUEST_TAG = 292, "Request-Tag", Opaque 0..=8, repeatable;
}

impl OptionNumber {
    /// Whether a message with this option, if it is not understood, must be refused.
    pub const fn is_critical(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether a proxy that does not understand it must not forward the message.
    pub const fn is_unsafe(self) -> bool {
        self.0 & 2 == 2
    }

    /// Whether the option is left out of the cache key. Means something for safe options only.
    pub const fn is_no_cache_key(self) -> bool {
        self.0 & 0x1e == 0x1c
    }

    /// What is registered for this number, if we know it.
    pub fn definition(self) -> Option<&'static Definition> {
        TABLE
            .binary_search_by_key(&self, |definition| definition.number)
            .ok()
            .map(|index| &TABLE[index])
    }
}

/// The registered name, or `Option-N`.
impl fmt::Display for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.definition() {
            Some(definition) => f.write_str(definition.name),
            None => write!(f, "Option-{}", self.0),
        }
    }
}

impl fmt::Debug for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_definitions_are_found() {
        assert!(TABLE.is_sorted_by_key(|definition| definition.number));
        for definition in TABLE {
            assert_eq!(definition.number.definition(), Some(definition));
            assert!(definition.min <= definition.max);
        }
    }

    #[test]
    fn the_number_says_critical_unsafe_and_no_cache_key() {
        let marks = |number: OptionNumber| {
            (
                number.is_critical(),
                number.is_unsafe(),
                number.is_no_cache_key(),
            )
        };
        assert_eq!(marks(URI_PATH), (true, true, false));
        assert_eq!(marks(MAX_AGE), (false, true, false));
        assert_eq!(marks(ACCEPT), (true, false, false));
        assert_eq!(marks(SIZE1), (false, false, true));
        assert_eq!(marks(SIZE2), (false, false, true));
        assert_eq!(marks(OBSERVE), (false, true, false));
        assert_eq!(marks(BLOCK1), (true, true, false));
        assert_eq!(marks(ECHO), (false, false, true));
        assert_eq!(OptionNumber(9999).to_string(), "Option-9999");
        assert!(OptionNumber(9999).is_critical());
    }
}

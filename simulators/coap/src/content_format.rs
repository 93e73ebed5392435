//! Content formats: one number for a media type (RFC 7252 §7.2.1, §12.3).

use std::fmt;

/// The number in Content-Format and Accept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentFormat(pub u16);

/// What is registered for a content format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The number.
    pub number: ContentFormat,
    /// A short name for people.
    pub label: &'static str,
    /// The media type.
    pub media_type: &'static str,
    /// Whether the payload is UTF-8 text.
    pub text: bool,
    /// The number that took its place, for the provisional numbers of 2013.
    pub replaced_by: Option<ContentFormat>,
}

macro_rules! formats {
    ($($name:ident = $number:literal, $label:literal, $media:literal, $text:literal $(, now $now:ident)?;)+) => {
        impl ContentFormat {
            $(
                #[doc = concat!("`", $media, "` (", stringify!($number), ").")]
                pub const $name: Self = Self($number);
            )+

            /// Every content format we know, in ascending order.
            pub const TABLE: &'static [Definition] = &[$(
                Definition {
                    number: Self::$name,
                    label: $label,
                    media_type: $media,
                    text: $text,
                    replaced_by: formats!(@now $($now)?),
                }
            ),+];
        }
    };
    (@now) => { None };
    (@now $now:ident) => { Some(Self::$now) };
}

formats! {
    TEXT = 0, "text", "text/plain; charset=utf-8", true;
    LINK_FORMAT = 40, "link-format", "application/link-format", true;
    XML = 41, "xml", "application/xml", true;
    OCTET_STREAM = 42, "opaque", "application/octet-stream", false;
    EXI = 47, "exi", "application/exi", false;
    JSON = 50, "json", "application/json", true;
    CBOR = 60, "cbor", "application/cbor", false;
    SENML_JSON = 110, "senml+json", "application/senml+json", true;
    SENML_CBOR = 112, "senml+cbor", "application/senml+cbor", false;
    SENML_ETCH_JSON = 320, "senml-etch+json", "application/senml-etch+json", true;
    SENML_ETCH_CBOR = 322, "senml-etch+cbor", "application/senml-etch+cbor", false;
    PROVISIONAL_TEXT = 1541, "text (1541)", "application/vnd.oma.lwm2m+text", true, now TEXT;
    PROVISIONAL_TLV = 1542, "tlv (1542)", "application/vnd.oma.lwm2m+tlv", false, now LWM2M_TLV;
    PROVISIONAL_JSON = 1543, "lwm2m+json (1543)", "application/vnd.oma.lwm2m+json", true, now LWM2M_JSON;
    PROVISIONAL_OPAQUE = 1544, "opaque (1544)", "application/vnd.oma.lwm2m+opaque", false, now OCTET_STREAM;
    LWM2M_TLV = 11542, "tlv", "application/vnd.oma.lwm2m+tlv", false;
    LWM2M_JSON = 11543, "lwm2m+json", "application/vnd.oma.lwm2m+json", true;
    LWM2M_CBOR = 11544, "lwm2m+cbor", "application/vnd.oma.lwm2m+cbor", false;
}

impl ContentFormat {
    /// What is registered for this number, if we know it.
    pub fn definition(self) -> Option<&'static Definition> {
        Self::TABLE
            .binary_search_by_key(&self, |definition| definition.number)
            .ok()
            .map(|index| &Self::TABLE[index])
    }

    /// The number that is used today: the provisional numbers 1541 to 1544 become those that IANA
    /// assigned later, every other number stays.
    pub fn current(self) -> Self {
        self.definition()
            .and_then(|definition| definition.replaced_by)
            .unwrap_or(self)
    }

    /// Whether the payload is known to be UTF-8 text.
    pub fn is_text(self) -> bool {
        self.definition().is_some_and(|definition| definition.text)
    }
}

/// The short name, or the number.
impl fmt::Display for ContentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.definition() {
            Some(definition) => f.write_str(definition.label),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for ContentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentFormat({} {self})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_definitions_are_found() {
        assert!(ContentFormat::TABLE.is_sorted_by_key(|definition| definition.number));
        for definition in ContentFormat::TABLE {
            assert_eq!(definition.number.definition(), Some(definition));
        }
    }

    #[test]
    fn provisional_numbers_become_the_current_ones() {
        let current: Vec<u16> = [0, 1541, 1542, 1543, 1544, 11542, 7]
            .map(|n| ContentFormat(n).current().0)
            .into();
        assert_eq!(current, [0, 0, 11542, 11543, 42, 11542, 7]);
    }
}

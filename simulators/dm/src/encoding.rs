//! XML or WBXML, as the media type of a message says.

use crate::document::{Element, Limits};
use crate::error::Error;
use crate::{media, wbxml, xml};

/// The two encodings of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/vnd.syncml.dm+wbxml`.
    Wbxml,
    /// `application/vnd.syncml.dm+xml`.
    Xml,
}

impl Encoding {
    /// The encoding that a `Content-Type` names. Parameters and case do not matter; a media type
    /// that is not exactly one of the two, such as the one without `.dm`, is none.
    #[must_use]
    pub fn from_content_type(text: &str) -> Option<Self> {
        let name = text.split(';').next().unwrap_or_default().trim();
        [Self::Wbxml, Self::Xml]
            .into_iter()
            .find(|encoding| encoding.media_type().eq_ignore_ascii_case(name))
    }

    /// The media type of a message.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Wbxml => media::DM_WBXML,
            Self::Xml => media::DM_XML,
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    ///
    /// Those of [`wbxml::read`] and [`xml::read`].
    pub fn read(self, octets: &[u8], limits: &Limits) -> Result<Element, Error> {
        match self {
            Self::Wbxml => Ok(wbxml::read(octets, Some(&wbxml::SYNCML), limits)?.root),
            Self::Xml => xml::read(octets, limits),
        }
    }

    /// Writes a message; `form` is for WBXML only.
    ///
    /// # Errors
    ///
    /// Those of [`wbxml::write`] and [`xml::write`].
    pub fn write(self, root: &Element, form: &wbxml::Form) -> Result<Vec<u8>, Error> {
        match self {
            Self::Wbxml => wbxml::write(root, form),
            Self::Xml => xml::write(root).map(String::into_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::namespace;
    use crate::wbxml::{Form, PublicId};

    #[test]
    fn only_the_exact_media_types_name_an_encoding() {
        for (text, encoding) in [
            ("application/vnd.syncml.dm+xml", Some(Encoding::Xml)),
            (
                "Application/Vnd.SyncML.DM+WBXML; charset=utf-8",
                Some(Encoding::Wbxml),
            ),
            ("application/vnd.syncml+xml", None),
            ("", None),
        ] {
            assert_eq!(Encoding::from_content_type(text), encoding, "{text}");
        }
    }

    #[test]
    fn the_media_type_is_enough_to_know_the_language() {
        let root = Element::new(namespace::SYNCML, "SyncML");
        let form = Form {
            public_id: PublicId::Unknown,
            ..Form::default()
        };
        for encoding in [Encoding::Wbxml, Encoding::Xml] {
            let octets = encoding.write(&root, &form).unwrap();
            assert_eq!(encoding.read(&octets, &Limits::default()).unwrap(), root);
        }
    }
}

//! Meta information (MetInf 1.2).

use crate::words::words;

/// What `Meta` says about a message, a command, an item, a credential or a challenge.
///
/// An absent `format` means `chr` and an absent `media_type` means `text/plain`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// `Format`: how the data is encoded.
    pub format: Option<Format>,
    /// `Type`: a media type, a credential scheme, the identifier of a management object or of an
    /// alert.
    pub media_type: Option<String>,
    /// `Mark`: how important a generic alert is.
    pub mark: Option<Mark>,
    /// `Size`: octets of a large object as it is encoded in the message, in its first chunk only.
    pub size: Option<u64>,
    /// `Anchor`: not used by management sessions, legal in the grammar.
    pub anchor: Option<Anchor>,
    /// `Version`.
    pub version: Option<String>,
    /// `NextNonce`: octets, whatever the encoding of the message.
    pub next_nonce: Option<Vec<u8>>,
    /// `MaxMsgSize`: octets of a message that the sender can take.
    pub max_msg_size: Option<u64>,
    /// `MaxObjSize`: octets of one object that the sender can take.
    pub max_obj_size: Option<u64>,
    /// `EMI`: experimental information.
    pub emi: Vec<String>,
    /// `Mem`.
    pub mem: Option<Mem>,
}

impl Meta {
    /// Only a format and a type.
    #[must_use]
    pub fn described(format: Format, media_type: impl Into<String>) -> Self {
        Self {
            format: Some(format),
            media_type: Some(media_type.into()),
            ..Self::default()
        }
    }
}

/// Synchronisation anchors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// `Last`.
    pub last: Option<String>,
    /// `Next`.
    pub next: String,
}

/// Memory of a data store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mem {
    /// `SharedMem`.
    pub shared: bool,
    /// `FreeMem`: octets.
    pub free_mem: u64,
    /// `FreeID`: items.
    pub free_id: u64,
}

words! {
    /// Formats of data and of nodes (DM TND 1.2).
    Format {
        /// Base64 text.
        B64 = "b64",
        /// Octets.
        Bin = "bin",
        /// `true` or `false`.
        Bool = "bool",
        /// Text; the default.
        Chr = "chr",
        /// A date of ISO 8601 with century.
        Date = "date",
        /// A single precision number of XML Schema.
        Float = "float",
        /// A signed number of 32 bits.
        Int = "int",
        /// An interior node.
        Node = "node",
        /// No value.
        Null = "null",
        /// A time of ISO 8601.
        Time = "time",
        /// A piece of XML.
        Xml = "xml",
    }
}

words! {
    /// How important a generic alert is, most important first (DM Protocol 1.2).
    Mark {
        /// Weightiest.
        Fatal = "fatal",
        /// Below fatal.
        Critical = "critical",
        /// Below critical.
        Minor = "minor",
        /// Below minor.
        Warning = "warning",
        /// The default.
        Informational = "informational",
        /// Below informational.
        Harmless = "harmless",
        /// Lightest.
        Indeterminate = "indeterminate",
    }
}

impl Default for Format {
    /// What data is that does not say: text.
    fn default() -> Self {
        Self::Chr
    }
}

//! WAP Binary XML 1.1 to 1.3 for SyncML 1.2 and client provisioning 1.0.
//!
//! Reads into and writes from the same [`Element`] tree as [`xml`](crate::xml), so the two forms of
//! one message are the same value. A serialised tree inside `Data` is read whether it is inlined
//! by a switch to code page 2 or nested as a complete document in an OPAQUE; which one a writer
//! uses is a field of [`Form`], because texts and implementations disagree.

use crate::document::{Element, namespace};

pub mod page;
mod read;
mod write;

pub use read::read;
pub use write::write;

/// A document type: its identifiers and its code pages.
#[derive(Debug)]
pub struct Language {
    /// The registered public identifier, if there is one.
    pub public_id: Option<u32>,
    /// The public identifier as text, for the string table.
    pub public_text: &'static str,
    /// Tag pages, lowest number first.
    pub pages: &'static [&'static page::CodePage],
    /// Attribute pages, lowest number first. Their state switches apart from that of the tags.
    pub attribute_pages: &'static [&'static page::AttributePage],
}

static MESSAGE_PAGES: [&page::CodePage; 3] =
    [&page::syncml::PAGE, &page::metinf::PAGE, &page::dmddf::PAGE];

/// SyncML 1.2 messages.
pub static SYNCML: Language = Language {
    public_id: Some(0x1201),
    public_text: "-//SYNCML//DTD SyncML 1.2//EN",
    pages: &MESSAGE_PAGES,
    attribute_pages: &[],
};

/// MetInf 1.2 as a document of its own.
pub static METINF: Language = Language {
    public_id: Some(0x1202),
    public_text: "-//SYNCML//DTD MetInf 1.2//EN",
    pages: &MESSAGE_PAGES,
    attribute_pages: &[],
};

/// Device descriptions and serialised trees, DM DDF 1.2. No number is registered for it.
pub static DMDDF: Language = Language {
    public_id: None,
    public_text: "-//OMA//DTD-DM-DDF 1.2//EN",
    pages: &MESSAGE_PAGES,
    attribute_pages: &[],
};

/// Client provisioning 1.0.
pub static PROV: Language = Language {
    public_id: Some(0x0B),
    public_text: "-//WAPFORUM//DTD PROV 1.0//EN",
    pages: &[&page::prov::PAGE_0, &page::prov::PAGE_1],
    attribute_pages: &[&page::prov::ATTRIBUTES_0, &page::prov::ATTRIBUTES_1],
};

static LANGUAGES: [&Language; 4] = [&SYNCML, &METINF, &DMDDF, &PROV];

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.public_text == other.public_text
    }
}

impl Eq for Language {}

/// A document as it was read.
#[derive(Clone, Debug)]
pub struct Document {
    /// First octet: major version minus one in the high four bits, minor in the low four.
    pub version: u8,
    /// IANA MIBenum of the character set; 106 is UTF-8.
    pub charset: u32,
    /// The language that the public identifier named, or that the caller assumed.
    pub language: &'static Language,
    /// The root element. Offsets inside a nested document count from the start of the outer one.
    pub root: Element,
    /// Where the writer chose one of several forms that mean the same.
    pub notes: Vec<Note>,
}

/// A choice of the writer that the tree does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which one.
    pub choice: Choice,
    /// Where, in octets from the start of the document.
    pub offset: usize,
}

/// Kinds of [`Note`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Choice {
    /// The root carries its namespace as the value of an attribute without a name. The attribute
    /// is left out of the tree.
    NamelessNamespace,
    /// A serialised tree is nested as a document of its own in an OPAQUE.
    NestedTree,
}

/// How to write what WBXML can say in several ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Version of WBXML.
    pub version: Version,
    /// How the header names the language.
    pub public_id: PublicId,
    /// Where repeated texts go.
    pub strings: Strings,
    /// What becomes of a `MgmtTree` in `Data`.
    pub trees: Trees,
}

impl Default for Form {
    /// What most implementations send: version 1.2, registered number, no string table.
    fn default() -> Self {
        Self {
            version: Version::V1_2,
            public_id: PublicId::Number,
            strings: Strings::Inline,
            trees: Trees::Inline,
        }
    }
}

/// Versions of WBXML that a DM implementation may produce (DM Protocol 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.1, first octet 0x01.
    V1_1,
    /// 1.2, first octet 0x02.
    V1_2,
    /// 1.3, first octet 0x03.
    V1_3,
}

/// Ways to name the language in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicId {
    /// The registered number, or the text where none is registered.
    Number,
    /// The text, as an entry of the string table.
    Text,
    /// "Unknown", number 1. The reader has to know the language from elsewhere.
    Unknown,
}

/// Ways to write character data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strings {
    /// Every text where it stands.
    Inline,
    /// Texts that occur more than once in the string table.
    Table,
}

/// Ways to write a serialised tree inside `Data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trees {
    /// By a switch to code page 2, as the DM text defines it.
    Inline,
    /// As a complete document in an OPAQUE, as libwbxml does it.
    Nested,
}

/// Tokens that mean the same on every page.
mod token {
    pub(super) const SWITCH_PAGE: u8 = 0x00;
    pub(super) const END: u8 = 0x01;
    pub(super) const ENTITY: u8 = 0x02;
    pub(super) const STR_I: u8 = 0x03;
    pub(super) const LITERAL: u8 = 0x04;
    pub(super) const STR_T: u8 = 0x83;
    pub(super) const OPAQUE: u8 = 0xC3;

    /// Bit of a tag that has attributes.
    pub(super) const ATTRIBUTES: u8 = 0x80;
    /// Bit of a tag that has content.
    pub(super) const CONTENT: u8 = 0x40;
}

const UTF_8: u32 = 106;

/// Whether a document nested in this element is a serialised tree.
fn holds_trees(element: &Element) -> bool {
    element.is(namespace::SYNCML, "Data")
}

fn is_tree(element: &Element) -> bool {
    element.is(namespace::DMDDF, "MgmtTree")
}

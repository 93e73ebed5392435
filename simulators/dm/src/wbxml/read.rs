//! From octets to the tree.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::page::{AttributePage, CodePage};
use super::{
    Choice, DMDDF, Document, LANGUAGES, Language, Note, UTF_8, holds_trees, is_tree, token,
};
use crate::document::{Attribute, Builder, Element, Limits, namespace};
use crate::error::{Error, Fault, shown};

/// Reads one WBXML document.
///
/// `assumed` is the language to take when the header says "unknown", as told by the media type; a
/// header that names a language wins.
///
/// # Errors
///
/// [`Fault::Limit`] when the input exceeds `limits`; [`Fault::Truncated`] when a length or a
/// string runs past the end; [`Fault::Unsupported`] for unknown languages, character sets, pages
/// and tokens; otherwise [`Fault::Syntax`].
pub fn read(
    octets: &[u8],
    assumed: Option<&'static Language>,
    limits: &Limits,
) -> Result<Document, Error> {
    if octets.len() > limits.octets {
        return Err(Error::new(
            Fault::Limit,
            0,
            format!("at most {} octets", limits.octets),
            format!("{}", octets.len()),
        ));
    }
    let (document, _) = Source::open(octets, assumed, limits)?.document(Nesting::Allowed)?;
    Ok(document)
}

#[derive(Clone, Copy, PartialEq)]
enum Nesting {
    Allowed,
    /// Already inside a nested document.
    Forbidden,
}

struct Source<'i> {
    octets: &'i [u8],
    at: usize,
    version: u8,
    charset: u32,
    language: &'static Language,
    /// The string table, and where it starts.
    table: &'i [u8],
    table_at: usize,
    page: &'static CodePage,
    attribute_page: Option<&'static AttributePage>,
    builder: Builder,
    notes: Vec<Note>,
}

impl<'i> Source<'i> {
    fn open(
        octets: &'i [u8],
        assumed: Option<&'static Language>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut cursor = Cursor { octets, at: 0 };
        let version = cursor.octet("a version")?;
        if version > 0x0F {
            return Err(Error::new(
                Fault::Unsupported,
                0,
                "WBXML 1.x",
                format!("version octet 0x{version:02X}"),
            ));
        }
        let public_id_at = cursor.at;
        let public_id = cursor.number()?;
        let public_text_index = match public_id {
            0 => Some(cursor.number()?),
            _ => None,
        };
        // WBXML 1.0 had no character set in its header.
        let charset = match version {
            0 => UTF_8,
            _ => cursor.number()?,
        };
        let table_len = cursor.number()?;
        let table_at = cursor.at;
        let table = cursor.take(table_len)?;
        let mut source = Self {
            octets,
            at: cursor.at,
            version,
            charset,
            language: assumed.unwrap_or(&super::SYNCML),
            table,
            table_at,
            page: super::SYNCML.pages[0],
            attribute_page: None,
            builder: Builder::new(limits),
            notes: Vec::new(),
        };
        source.language = match (public_text_index, public_id) {
            (Some(index), _) => {
                let text = source.table_text(index, public_id_at)?;
                let known = LANGUAGES.into_iter().find(|l| l.public_text == text);
                known.ok_or_else(|| unknown_language(public_id_at, shown(&text)))?
            }
            (None, 1) => {
                assumed.ok_or_else(|| unknown_language(public_id_at, "\"unknown\"".into()))?
            }
            (None, id) => LANGUAGES
                .into_iter()
                .find(|l| l.public_id == Some(id))
                .ok_or_else(|| unknown_language(public_id_at, format!("0x{id:X}")))?,
        };
        source.page = source.language.pages[0];
        source.attribute_page = source.language.attribute_pages.first().copied();
        Ok(source)
    }

    fn document(mut self, nesting: Nesting) -> Result<(Document, Limits), Error> {
        while !self.builder.is_complete() {
            let offset = self.at;
            match self.octet("a tag")? {
                token::SWITCH_PAGE => self.switch_page()?,
                token::END => self.builder.close(offset)?,
                token::ENTITY => {
                    let c = self.entity(offset)?;
                    self.builder.text(c.encode_utf8(&mut [0; 4]), offset)?;
                }
                token::STR_I => {
                    let text = self.inline_text()?;
                    self.builder.text(&text, offset)?;
                }
                token::STR_T => {
                    let text = self.quoted_text()?;
                    self.builder.text(&text, offset)?;
                }
                token::OPAQUE => self.opaque(offset, nesting)?,
                tag @ (0x40..=0x43 | 0x80..=0x82 | 0xC0..=0xC2) => {
                    return Err(unsupported_token(offset, tag));
                }
                tag => self.element(tag, offset)?,
            }
        }
        if self.at < self.octets.len() {
            return Err(Error::new(
                Fault::Syntax,
                self.at,
                "the end of the document",
                format!("{} more octets", self.octets.len() - self.at),
            ));
        }
        let (root, left) = self.builder.finish(self.at)?;
        let document = Document {
            version: self.version,
            charset: self.charset,
            language: self.language,
            root,
            notes: self.notes,
        };
        Ok((document, left))
    }

    fn element(&mut self, tag: u8, offset: usize) -> Result<(), Error> {
        let code = tag & !(token::ATTRIBUTES | token::CONTENT);
        let name: Cow<'static, str> = if code == token::LITERAL {
            let name = self.quoted_text()?;
            self.builder.weigh(name.len(), offset)?;
            Cow::Owned(name.into_owned())
        } else {
            let name = self.page.name(code).ok_or_else(|| {
                Error::new(
                    Fault::Unsupported,
                    offset,
                    format!("a tag of code page {}", self.page.number),
                    format!("0x{code:02X}"),
                )
            })?;
            Cow::Borrowed(name)
        };
        let is_root = self.builder.innermost().is_none();
        self.builder.open(Element {
            offset,
            ..Element::new(self.page.namespace, name)
        })?;
        if tag & token::ATTRIBUTES != 0 {
            self.attributes(is_root)?;
        }
        if tag & token::CONTENT == 0 {
            self.builder.close(offset)?;
        }
        Ok(())
    }

    fn attributes(&mut self, of_root: bool) -> Result<(), Error> {
        let mut open: Option<(Attribute, usize)> = None;
        let mut seen = BTreeSet::new();
        loop {
            let offset = self.at;
            let octet = self.octet("an attribute")?;
            let piece = match octet {
                token::SWITCH_PAGE => {
                    let number = self.octet("a code page")?;
                    let mut pages = self.language.attribute_pages.iter();
                    let page = pages.find(|page| page.number == number);
                    self.attribute_page =
                        Some(page.ok_or_else(|| unknown_page(offset, "attribute", number))?);
                    continue;
                }
                token::END => {
                    return self.attribute(open, of_root);
                }
                token::LITERAL => {
                    self.attribute(open.take(), of_root)?;
                    let name = self.literal_attribute_name()?;
                    self.builder.weigh(name.len(), offset)?;
                    once(&mut seen, &name, offset)?;
                    open = Some((attribute(Cow::Owned(name), ""), offset));
                    continue;
                }
                token::ENTITY => Cow::Owned(self.entity(offset)?.to_string()),
                token::STR_I => self.inline_text()?,
                token::STR_T => self.quoted_text()?,
                token::OPAQUE => {
                    let octets = self.counted()?;
                    self.text_of(octets, offset)?
                }
                0x40..=0x43 | 0x80..=0x82 | 0xC0..=0xC2 => {
                    return Err(unsupported_token(offset, octet));
                }
                start @ ..0x80 => {
                    self.attribute(open.take(), of_root)?;
                    let known = self.attribute_page.and_then(|page| page.start(start));
                    let (name, prefix) =
                        known.ok_or_else(|| self.unknown_attribute(offset, start))?;
                    once(&mut seen, name, offset)?;
                    open = Some((attribute(Cow::Borrowed(name), prefix), offset));
                    continue;
                }
                value => {
                    let known = self.attribute_page.and_then(|page| page.value(value));
                    Cow::Borrowed(known.ok_or_else(|| self.unknown_attribute(offset, value))?)
                }
            };
            let Some((attribute, _)) = open.as_mut() else {
                return Err(Error::new(
                    Fault::Syntax,
                    offset,
                    "the start of an attribute",
                    "a value",
                ));
            };
            self.builder.weigh(piece.len(), offset)?;
            attribute.value.push_str(&piece);
        }
    }

    fn attribute(&mut self, read: Option<(Attribute, usize)>, of_root: bool) -> Result<(), Error> {
        match read {
            None => Ok(()),
            Some((attribute, offset))
                if of_root
                    && attribute.name.is_empty()
                    && attribute.value == self.page.namespace =>
            {
                self.notes.push(Note {
                    choice: Choice::NamelessNamespace,
                    offset,
                });
                Ok(())
            }
            Some((attribute, offset)) => self.builder.attribute(attribute, offset),
        }
    }

    fn opaque(&mut self, offset: usize, nesting: Nesting) -> Result<(), Error> {
        let octets = self.counted()?;
        let start = self.at - octets.len();
        if nesting == Nesting::Allowed && self.builder.innermost().is_some_and(holds_trees) {
            let left = self.builder.left();
            let nested = Source::open(octets, Some(&DMDDF), &left)
                .and_then(|nested| nested.document(Nesting::Forbidden));
            match nested {
                Ok((nested, left)) if is_tree(&nested.root) => {
                    let mut root = nested.root;
                    shift(&mut root, start);
                    self.builder.adopt(root, &left);
                    self.notes.push(Note {
                        choice: Choice::NestedTree,
                        offset,
                    });
                    return Ok(());
                }
                Err(error) if error.fault == Fault::Limit => return Err(error.shifted(start)),
                // Any other octets are a value of their own.
                Ok(_) | Err(_) => {}
            }
        }
        self.builder.octets(octets, offset)
    }

    fn switch_page(&mut self) -> Result<(), Error> {
        let offset = self.at;
        let number = self.octet("a code page")?;
        let mut pages = self.language.pages.iter();
        self.page = pages
            .find(|page| page.number == number)
            .ok_or_else(|| unknown_page(offset, "tag", number))?;
        Ok(())
    }

    fn entity(&mut self, offset: usize) -> Result<char, Error> {
        let number = self.number()?;
        char::from_u32(number).ok_or_else(|| {
            Error::new(
                Fault::Value,
                offset,
                "a Unicode scalar value",
                format!("0x{number:X}"),
            )
        })
    }

    /// Text up to the next NUL.
    fn inline_text(&mut self) -> Result<Cow<'i, str>, Error> {
        let offset = self.at;
        let rest = &self.octets[offset..];
        let len = terminated(rest, offset)?;
        self.at += len + 1;
        self.text_of(&rest[..len], offset)
    }

    /// Text from the string table, quoted by its index.
    fn quoted_text(&mut self) -> Result<Cow<'i, str>, Error> {
        let offset = self.at;
        let index = self.number()?;
        self.table_text(index, offset)
    }

    /// The name of a literal attribute. Without any string table, index 0 is the empty name: some
    /// writers put the namespace of the root there.
    fn literal_attribute_name(&mut self) -> Result<String, Error> {
        let offset = self.at;
        let index = self.number()?;
        if index == 0 && self.table.is_empty() {
            return Ok(String::new());
        }
        Ok(self.table_text(index, offset)?.into_owned())
    }

    fn table_text(&self, index: u32, offset: usize) -> Result<Cow<'i, str>, Error> {
        let start = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(rest) = self.table.get(start..).filter(|rest| !rest.is_empty()) else {
            return Err(Error::new(
                Fault::Syntax,
                offset,
                format!("an index into {} octets of string table", self.table.len()),
                format!("{index}"),
            ));
        };
        let len = terminated(rest, self.table_at + start)?;
        self.text_of(&rest[..len], self.table_at + start)
    }

    fn text_of(&self, octets: &'i [u8], offset: usize) -> Result<Cow<'i, str>, Error> {
        const US_ASCII: u32 = 3;
        const LATIN_1: u32 = 4;
        const UNKNOWN: u32 = 0;
        match self.charset {
            UTF_8 | US_ASCII | UNKNOWN => str::from_utf8(octets).map(Cow::Borrowed).map_err(|e| {
                Error::new(
                    Fault::Syntax,
                    offset + e.valid_up_to(),
                    "UTF-8",
                    "octets that are not",
                )
            }),
            LATIN_1 => Ok(octets
                .iter()
                .copied()
                .map(char::from)
                .collect::<String>()
                .into()),
            other => Err(Error::new(
                Fault::Unsupported,
                offset,
                "character set UTF-8, US-ASCII or ISO 8859-1",
                format!("MIBenum {other}"),
            )),
        }
    }

    fn unknown_attribute(&self, offset: usize, token: u8) -> Error {
        let expected = match self.attribute_page {
            Some(page) => format!("a token of attribute page {}", page.number),
            None => "a literal attribute".to_owned(),
        };
        Error::new(
            Fault::Unsupported,
            offset,
            expected,
            format!("0x{token:02X}"),
        )
    }

    fn octet(&mut self, expected: &'static str) -> Result<u8, Error> {
        self.cursor(|cursor| cursor.octet(expected))
    }

    fn number(&mut self) -> Result<u32, Error> {
        self.cursor(Cursor::number)
    }

    /// Octets that follow their length.
    fn counted(&mut self) -> Result<&'i [u8], Error> {
        self.cursor(|cursor| {
            let len = cursor.number()?;
            cursor.take(len)
        })
    }

    fn cursor<T>(
        &mut self,
        read: impl FnOnce(&mut Cursor<'i>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut cursor = Cursor {
            octets: self.octets,
            at: self.at,
        };
        let value = read(&mut cursor)?;
        self.at = cursor.at;
        Ok(value)
    }
}

/// A position in the input; every step is checked against what is left.
struct Cursor<'i> {
    octets: &'i [u8],
    at: usize,
}

impl<'i> Cursor<'i> {
    fn octet(&mut self, expected: &'static str) -> Result<u8, Error> {
        let octet = self.octets.get(self.at).copied().ok_or_else(|| {
            Error::new(Fault::Truncated, self.at, expected, "the end of the input")
        })?;
        self.at += 1;
        Ok(octet)
    }

    /// A multi-octet integer: seven bits an octet, highest first.
    fn number(&mut self) -> Result<u32, Error> {
        let offset = self.at;
        let mut value = 0_u32;
        loop {
            let octet = self.octet("the rest of a number")?;
            if value > u32::MAX >> 7 {
                return Err(Error::new(
                    Fault::Value,
                    offset,
                    "a number of 32 bits",
                    "a longer one",
                ));
            }
            value = value << 7 | u32::from(octet & 0x7F);
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
    }

    fn take(&mut self, len: u32) -> Result<&'i [u8], Error> {
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let taken = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let taken = taken.ok_or_else(|| {
            Error::new(
                Fault::Truncated,
                self.at,
                format!("{len} octets"),
                format!("{}", rest.len()),
            )
        })?;
        self.at += taken.len();
        Ok(taken)
    }
}

fn terminated(octets: &[u8], offset: usize) -> Result<usize, Error> {
    octets.iter().position(|&octet| octet == 0).ok_or_else(|| {
        Error::new(
            Fault::Truncated,
            offset,
            "a string that ends with NUL",
            "none within its bounds",
        )
    })
}

/// An element has each attribute once, in binary as in text.
fn once(seen: &mut BTreeSet<String>, name: &str, offset: usize) -> Result<(), Error> {
    if seen.insert(name.to_owned()) {
        return Ok(());
    }
    let got = format!("{} twice", shown(name));
    Err(Error::new(
        Fault::Syntax,
        offset,
        "each attribute once",
        got,
    ))
}

fn attribute(name: Cow<'static, str>, value: &str) -> Attribute {
    Attribute {
        namespace: Cow::Borrowed(namespace::NONE),
        name,
        value: value.to_owned(),
    }
}

/// Makes the offsets of a nested document count from the start of the outer one.
fn shift(element: &mut Element, base: usize) {
    element.offset += base;
    for content in &mut element.content {
        if let crate::document::Content::Element(child) = content {
            shift(child, base);
        }
    }
}

fn unknown_language(offset: usize, got: String) -> Error {
    let known = LANGUAGES.map(|language| match language.public_id {
        Some(id) => format!("0x{id:X}"),
        None => shown(language.public_text),
    });
    let expected = format!("public identifier {}", known.join(", "));
    Error::new(Fault::Unsupported, offset, expected, got)
}

fn unknown_page(offset: usize, kind: &str, number: u8) -> Error {
    let expected = format!("a {kind} page of the language");
    Error::new(
        Fault::Unsupported,
        offset,
        expected,
        format!("page {number}"),
    )
}

fn unsupported_token(offset: usize, token: u8) -> Error {
    Error::new(
        Fault::Unsupported,
        offset,
        "a document without extension tokens and processing instructions",
        format!("0x{token:02X}"),
    )
}

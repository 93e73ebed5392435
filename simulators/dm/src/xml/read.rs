//! From octets to the tree.

use std::borrow::Cow;
use std::collections::BTreeSet;

use quick_xml::XmlVersion;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{NamespaceError, NamespaceResolver, ResolveResult};
use quick_xml::reader::Reader;

use super::{is_char, is_name};
use crate::document::{Attribute, Builder, Element, Limits, interned, namespace};
use crate::error::{Error, Fault, shown};
use crate::wbxml::page::{self, CodePage};

/// Namespace declarations that one element may have. Every name is looked up among those of all
/// open elements, so many of them cost time; real messages have one or two.
const DECLARATIONS: usize = 16;

/// Reads one XML document.
///
/// Comments, processing instructions, the XML declaration and a document type without declarations
/// of its own are passed over. White space between elements is dropped; in an element without children
/// it is kept.
///
/// # Errors
///
/// [`Fault::Limit`] when the input exceeds `limits`; [`Fault::Unsupported`] for another encoding
/// than UTF-8 and for entity declarations; otherwise [`Fault::Syntax`] or [`Fault::Truncated`] with
/// the offset of the place.
pub fn read(octets: &[u8], limits: &Limits) -> Result<Element, Error> {
    if octets.len() > limits.octets {
        return Err(Error::new(
            Fault::Limit,
            0,
            format!("at most {} octets", limits.octets),
            format!("{}", octets.len()),
        ));
    }
    let text = str::from_utf8(octets).map_err(|error| {
        Error::new(
            Fault::Unsupported,
            error.valid_up_to(),
            "UTF-8",
            "octets that are not",
        )
    })?;
    let body = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut resolver = NamespaceResolver::default();
    resolver.set_max_declarations_per_element(DECLARATIONS);
    Source {
        reader: Reader::from_str(body),
        resolver,
        last: (
            Cow::Borrowed(namespace::NONE),
            page::of_namespace(namespace::NONE),
        ),
        body,
        quiet: is_quiet(body),
        base: text.len() - body.len(),
        builder: Builder::new(limits),
    }
    .document()
}

struct Source<'i> {
    reader: Reader<&'i [u8]>,
    /// Beside the reader and not in it: elements without attributes, which are nearly all, need not be searched
    /// for declarations.
    resolver: NamespaceResolver,
    /// The namespace of the last element and its tags: most often those of the next one.
    last: (Cow<'static, str>, Option<&'static CodePage>),
    /// The text that the reader sees.
    body: &'i str,
    /// Whether no text in it needs to be looked at: see [`is_quiet`].
    quiet: bool,
    /// Octets before the text that the reader sees.
    base: usize,
    builder: Builder,
}

impl Source<'_> {
    fn document(mut self) -> Result<Element, Error> {
        loop {
            let offset = self.offset();
            let event = self.reader.read_event().map_err(|error| {
                let offset = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
                Error::new(
                    Fault::Syntax,
                    offset.saturating_add(self.base),
                    "well-formed XML",
                    error.to_string(),
                )
            })?;
            match event {
                Event::Start(start) => self.start(&start, offset)?,
                Event::Empty(start) => {
                    self.start(&start, offset)?;
                    self.end(offset)?;
                }
                Event::End(_) => self.end(offset)?,
                Event::Text(text) if self.quiet => {
                    let start = offset - self.base;
                    let text = &self.body[start..start + text.len()];
                    self.builder.text(text, offset)?;
                }
                Event::Text(text) => {
                    let text = text.xml10_content().map_err(|e| garbled(offset, &e))?;
                    // Hardly any text has a ">", and to look for that is much faster.
                    let ended = text.contains('>').then(|| text.find("]]>")).flatten();
                    if let Some(at) = ended {
                        return Err(Error::new(
                            Fault::Syntax,
                            offset + at,
                            "text without the end of a CDATA section",
                            "\"]]>\"",
                        ));
                    }
                    self.text(&text, offset)?;
                }
                Event::CData(data) => {
                    let data = data.xml10_content().map_err(|e| garbled(offset, &e))?;
                    self.text(&data, offset)?;
                }
                Event::GeneralRef(reference) => {
                    let c = character(&reference, offset)?;
                    self.text(c.encode_utf8(&mut [0; 4]), offset)?;
                }
                Event::Decl(declaration) => {
                    if let Some(Ok(encoding)) = declaration.encoding()
                        && !encoding.eq_ignore_ascii_case(b"utf-8")
                        && !encoding.eq_ignore_ascii_case(b"us-ascii")
                    {
                        let got = shown(&String::from_utf8_lossy(&encoding));
                        return Err(Error::new(Fault::Unsupported, offset, "UTF-8", got));
                    }
                }
                Event::DocType(doctype) => {
                    if declares(&doctype) {
                        return Err(Error::new(
                            Fault::Unsupported,
                            offset,
                            "a document type without declarations",
                            "an internal subset that declares something",
                        ));
                    }
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => {
                    let end = self.offset();
                    return Ok(self.builder.finish(end)?.0);
                }
            }
        }
    }

    fn offset(&self) -> usize {
        usize::try_from(self.reader.buffer_position())
            .unwrap_or(usize::MAX)
            .saturating_add(self.base)
    }

    fn start(&mut self, start: &BytesStart<'_>, offset: usize) -> Result<(), Error> {
        let bare = start.attributes_raw().is_empty();
        if bare {
            self.resolver.set_level(self.resolver.level() + 1);
        } else {
            let declared = self.resolver.push(start);
            declared.map_err(|error| undeclared(&error, offset))?;
        }
        let (resolved, local) = self.resolver.resolve_element(start.name());
        if !matches!(&resolved, ResolveResult::Bound(bound) if bound.as_ref() == self.last.0.as_bytes())
        {
            let namespace = namespace_of(&resolved, offset)?;
            let page = page::of_namespace(&namespace);
            self.last = (namespace, page);
        }
        let (namespace, page) = self.last.clone();
        let known = page.and_then(|page| page.known(local.as_ref()));
        let name = match known {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(local_name(local.as_ref(), offset)?.to_owned()),
        };
        self.weigh(&namespace, offset)?;
        self.builder.open(Element {
            offset,
            ..Element::new(namespace, name)
        })?;
        if bare {
            return Ok(());
        }

        let mut seen = BTreeSet::new();
        // The library's own check for repeated names compares each with each.
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|e| garbled(offset, &e))?;
            if attribute.value.contains(&b'<') {
                let expected = "an attribute without \"<\" in its value";
                return Err(Error::new(Fault::Syntax, offset, expected, "one"));
            }
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let (resolved, local) = self.resolver.resolve_attribute(attribute.key);
            let namespace = namespace_of(&resolved, offset)?;
            let name = local_name(local.as_ref(), offset)?;
            self.weigh(&namespace, offset)?;
            if !seen.insert((namespace.clone(), name.to_owned())) {
                return Err(Error::new(
                    Fault::Syntax,
                    offset,
                    "each attribute once",
                    format!("{} twice", shown(name)),
                ));
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|e| garbled(offset, &e))?;
            check_chars(&value, offset)?;
            self.builder.weigh(value.len(), offset)?;
            let attribute = Attribute {
                namespace,
                name: Cow::Owned(name.to_owned()),
                value: value.into_owned(),
            };
            self.builder.attribute(attribute, offset)?;
        }
        Ok(())
    }

    fn end(&mut self, offset: usize) -> Result<(), Error> {
        self.resolver.pop();
        self.builder.close(offset)
    }

    /// A long namespace is written once and copied to every element below.
    fn weigh(&mut self, namespace: &str, offset: usize) -> Result<(), Error> {
        if namespace::KNOWN.contains(&namespace) {
            return Ok(());
        }
        self.builder.weigh(namespace.len(), offset)
    }

    fn text(&mut self, text: &str, offset: usize) -> Result<(), Error> {
        check_chars(text, offset)?;
        self.builder.text(text, offset)
    }
}

fn undeclared(error: &NamespaceError, offset: usize) -> Error {
    if let NamespaceError::TooManyDeclarations(most) = error {
        let expected = format!("at most {most} namespace declarations in an element");
        return Error::new(Fault::Limit, offset, expected, "more");
    }
    garbled(offset, error)
}

/// Whether a document has only characters that XML allows, no line end to be normalised and no end of a CDATA
/// section: then its texts are what they look like. Found out once, since messages have many short texts.
fn is_quiet(body: &str) -> bool {
    // To go on to the end is what lets many octets be looked at in one step.
    let odd = |octet: u8| (octet < b' ') & (octet != b'\t') & (octet != b'\n') | (octet > 0x7F);
    let any = body.bytes().fold(false, |any, octet| any | odd(octet));
    !any && !body.contains("]]>")
}

/// Whether a document type has an internal subset with more than processing instructions, which is
/// what published device descriptions put there.
fn declares(doctype: &[u8]) -> bool {
    let subset = doctype.iter().position(|&octet| octet == b'[');
    subset.is_some_and(|start| {
        let subset = &doctype[start..];
        subset.contains(&b'%') || subset.windows(2).any(|pair| pair == b"<!")
    })
}

fn namespace_of(resolved: &ResolveResult<'_>, offset: usize) -> Result<Cow<'static, str>, Error> {
    match resolved {
        ResolveResult::Bound(bound) => {
            let known = namespace::KNOWN.iter();
            if let Some(known) = known.into_iter().find(|n| n.as_bytes() == bound.as_ref()) {
                return Ok(Cow::Borrowed(known));
            }
            let written = str::from_utf8(bound.as_ref()).map_err(|e| garbled(offset, &e))?;
            // The library gives the value of the declaration as it is written.
            let blanks = written.replace(['\t', '\n', '\r'], " ");
            let name = unescape(&blanks).map_err(|e| garbled(offset, &e))?;
            check_chars(&name, offset)?;
            Ok(interned(&name, &namespace::KNOWN))
        }
        ResolveResult::Unbound => Ok(Cow::Borrowed(namespace::NONE)),
        ResolveResult::Unknown(prefix) => Err(Error::new(
            Fault::Syntax,
            offset,
            "a declared namespace prefix",
            shown(&String::from_utf8_lossy(prefix)),
        )),
    }
}

fn local_name(octets: &[u8], offset: usize) -> Result<&str, Error> {
    let name = str::from_utf8(octets).map_err(|e| garbled(offset, &e))?;
    if is_name(name) {
        Ok(name)
    } else {
        Err(Error::new(
            Fault::Syntax,
            offset,
            "an XML name",
            shown(name),
        ))
    }
}

fn character(reference: &BytesRef<'_>, offset: usize) -> Result<char, Error> {
    if let Some(c) = reference
        .resolve_char_ref()
        .map_err(|e| garbled(offset, &e))?
    {
        return Ok(c);
    }
    let name = reference.decode().map_err(|e| garbled(offset, &e))?;
    match &*name {
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "gt" => Ok('>'),
        "lt" => Ok('<'),
        "quot" => Ok('"'),
        _ => Err(Error::new(
            Fault::Unsupported,
            offset,
            "one of the five predefined entities",
            shown(&name),
        )),
    }
}

fn check_chars(text: &str, offset: usize) -> Result<(), Error> {
    if text.bytes().all(|octet| matches!(octet, 0x20..=0x7F)) {
        return Ok(());
    }
    match text.chars().find(|&c| !is_char(c)) {
        None => Ok(()),
        Some(c) => Err(Error::new(
            Fault::Syntax,
            offset,
            "characters that XML 1.0 allows",
            format!("U+{:04X}", u32::from(c)),
        )),
    }
}

fn garbled(offset: usize, error: &dyn std::error::Error) -> Error {
    Error::new(Fault::Syntax, offset, "well-formed XML", error.to_string())
}

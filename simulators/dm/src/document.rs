//! The ordered tree that XML and WBXML are read into and written from.
//!
//! It knows nothing of the SyncML grammar: unknown elements, wrong order and mixed content are all
//! representable, because a tester has to see them and to send them.

use std::borrow::Cow;
use std::mem;

use crate::error::{Error, Fault};

/// Namespace names that DM messages use.
pub mod namespace {
    /// No namespace: what a document says that declares none, and all of client provisioning.
    pub const NONE: &str = "";
    /// Messages (SyncML Representation 1.2).
    pub const SYNCML: &str = "SYNCML:SYNCML1.2";
    /// Meta information, the children of `Meta` (MetInf 1.2).
    pub const METINF: &str = "syncml:metinf";
    /// Device descriptions and serialised trees (DM DDF 1.2, DM TNDS 1.2).
    pub const DMDDF: &str = "syncml:dmddf1.2";

    pub(crate) const KNOWN: [&str; 4] = [NONE, SYNCML, METINF, DMDDF];
}

/// One element with everything in it, in the order of the document.
///
/// Two elements are equal when they say the same; [`offset`](Self::offset) does not take part.
#[derive(Clone, Debug, Default)]
pub struct Element {
    /// Namespace name, resolved; empty when there is none.
    pub namespace: Cow<'static, str>,
    /// Local name.
    pub name: Cow<'static, str>,
    /// Attributes in document order, without namespace declarations.
    pub attributes: Vec<Attribute>,
    /// What is between the tags. Neighbouring texts are one.
    pub content: Vec<Content>,
    /// Where the element starts, in octets from the start of the input; zero for a built one.
    pub offset: usize,
}

/// One attribute of an [`Element`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Namespace name; empty for an attribute without prefix.
    pub namespace: Cow<'static, str>,
    /// Local name.
    pub name: Cow<'static, str>,
    /// Value after normalisation.
    pub value: String,
}

/// What an [`Element`] can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A child.
    Element(Element),
    /// Raw octets. Only WBXML can carry them, as OPAQUE.
    Octets(Vec<u8>),
    /// Character data, unescaped.
    Text(String),
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.namespace == other.namespace
            && self.attributes == other.attributes
            && self.content == other.content
    }
}

impl Eq for Element {}

impl Element {
    /// An empty element.
    pub fn new(
        namespace: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            ..Self::default()
        }
    }

    /// The element with one more child at the end.
    #[must_use]
    pub fn with(mut self, child: Element) -> Self {
        self.content.push(Content::Element(child));
        self
    }

    /// The element with an attribute that has no namespace.
    #[must_use]
    pub fn with_attribute(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.attributes.push(Attribute {
            namespace: Cow::Borrowed(namespace::NONE),
            name: name.into(),
            value: value.into(),
        });
        self
    }

    /// The element with character data at the end. Empty text adds nothing.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        match self.content.last_mut() {
            Some(Content::Text(last)) => last.push_str(&text),
            _ if text.is_empty() => {}
            _ => self.content.push(Content::Text(text)),
        }
        self
    }

    /// The element with raw octets at the end.
    #[must_use]
    pub fn with_octets(mut self, octets: impl Into<Vec<u8>>) -> Self {
        self.content.push(Content::Octets(octets.into()));
        self
    }

    /// Whether this is the element `name` of `namespace`.
    #[must_use]
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace == namespace
    }

    /// The child elements, in order.
    pub fn children(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|content| match content {
            Content::Element(element) => Some(element),
            Content::Octets(_) | Content::Text(_) => None,
        })
    }

    /// The child elements, in order, to be changed or taken.
    pub(crate) fn children_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.content.iter_mut().filter_map(|content| match content {
            Content::Element(element) => Some(element),
            Content::Octets(_) | Content::Text(_) => None,
        })
    }

    /// The first child with that local name, whatever its namespace.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children().find(|child| child.name == name)
    }

    /// The value of the attribute with that local name and no namespace.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.namespace.is_empty() && attribute.name == name)
            .map(|attribute| attribute.value.as_str())
    }

    /// All character data directly in this element, joined. Octets that are UTF-8 count as text,
    /// since some WBXML writers put long texts into OPAQUE; other octets are left out.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        let mut texts = self.content.iter().filter_map(|content| match content {
            Content::Element(_) => None,
            Content::Octets(octets) => str::from_utf8(octets).ok(),
            Content::Text(text) => Some(text.as_str()),
        });
        let first = texts.next().unwrap_or_default();
        match texts.next() {
            None => Cow::Borrowed(first),
            Some(second) => {
                let mut all = format!("{first}{second}");
                all.extend(texts);
                Cow::Owned(all)
            }
        }
    }

    /// What [`text`](Self::text) says, moved out where it is one piece.
    pub(crate) fn take_text(&mut self) -> String {
        match self.content.as_mut_slice() {
            [Content::Text(text)] => mem::take(text),
            _ => self.text().into_owned(),
        }
    }
}

/// How much a reader may take in. Each is checked before memory is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of input.
    pub octets: usize,
    /// Elements open at one time. The type bounds the stack that any later walk can need.
    pub depth: u8,
    /// Elements, attributes and pieces of content together.
    pub nodes: usize,
    /// Octets of all character data and opaque data after decoding. String tables make this
    /// different from the input: one entry can be quoted many times.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            octets: 1 << 20,
            depth: 64,
            nodes: 1 << 16,
            text: 1 << 22,
        }
    }
}

/// Grows one tree from a stream of events and enforces the limits that both formats share.
pub(crate) struct Builder {
    left: Limits,
    open: Vec<Element>,
    root: Option<Element>,
}

impl Builder {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            left: *limits,
            open: Vec::new(),
            root: None,
        }
    }

    /// What the limits still allow below the innermost open element.
    pub(crate) fn left(&self) -> Limits {
        let open = u8::try_from(self.open.len()).unwrap_or(u8::MAX);
        Limits {
            depth: self.left.depth.saturating_sub(open),
            ..self.left
        }
    }

    /// The innermost open element.
    pub(crate) fn innermost(&self) -> Option<&Element> {
        self.open.last()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.root.is_some()
    }

    pub(crate) fn open(&mut self, element: Element) -> Result<(), Error> {
        let offset = element.offset;
        if self.root.is_some() {
            return Err(Error::new(
                Fault::Syntax,
                offset,
                "the end of the document",
                format!("a second root <{}>", element.name),
            ));
        }
        if self.open.len() >= usize::from(self.left.depth) {
            return Err(Error::new(
                Fault::Limit,
                offset,
                format!("elements nested no deeper than {}", self.left.depth),
                "one more level",
            ));
        }
        self.count(offset)?;
        self.open.push(element);
        Ok(())
    }

    /// Adds an attribute to the innermost element. Its value has been weighed while it grew.
    pub(crate) fn attribute(&mut self, attribute: Attribute, offset: usize) -> Result<(), Error> {
        self.count(offset)?;
        if let Some(element) = self.open.last_mut() {
            element.attributes.push(attribute);
        }
        Ok(())
    }

    /// Adds character data. Outside the root only white space is allowed.
    pub(crate) fn text(&mut self, text: &str, offset: usize) -> Result<(), Error> {
        if text.is_empty() {
            return Ok(());
        }
        if self.open.is_empty() {
            return if is_blank(text) {
                Ok(())
            } else {
                Err(Error::new(
                    Fault::Syntax,
                    offset,
                    "an element",
                    "text outside the root",
                ))
            };
        }
        self.weigh(text.len(), offset)?;
        self.count(offset)?;
        if let Some(element) = self.open.last_mut() {
            match element.content.last_mut() {
                Some(Content::Text(last)) => last.push_str(text),
                _ => {
                    // Most elements hold a text and nothing else.
                    element.content.reserve_exact(1);
                    element.content.push(Content::Text(text.to_owned()));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn octets(&mut self, octets: &[u8], offset: usize) -> Result<(), Error> {
        self.weigh(octets.len(), offset)?;
        self.count(offset)?;
        match self.open.last_mut() {
            Some(element) => element.content.push(Content::Octets(octets.to_vec())),
            None => {
                return Err(Error::new(
                    Fault::Syntax,
                    offset,
                    "an element",
                    "opaque data outside the root",
                ));
            }
        }
        Ok(())
    }

    /// Takes over a tree that was read on the side under [`left`](Self::left); `left` is what that
    /// reader did not use up.
    pub(crate) fn adopt(&mut self, element: Element, left: &Limits) {
        self.left.nodes = left.nodes;
        self.left.text = left.text;
        if let Some(parent) = self.open.last_mut() {
            parent.content.push(Content::Element(element));
        }
    }

    pub(crate) fn close(&mut self, offset: usize) -> Result<(), Error> {
        let Some(mut element) = self.open.pop() else {
            return Err(Error::new(
                Fault::Syntax,
                offset,
                "a start of an element",
                "an end without a start",
            ));
        };
        // White space between elements is layout; alone in an element it is a value.
        if element.children().next().is_some() {
            element
                .content
                .retain(|content| !matches!(content, Content::Text(text) if is_blank(text)));
        }
        match self.open.last_mut() {
            Some(parent) => parent.content.push(Content::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    /// The finished tree and what of the limits is left over.
    pub(crate) fn finish(self, offset: usize) -> Result<(Element, Limits), Error> {
        match (self.open.last(), self.root) {
            (Some(open), _) => Err(Error::new(
                Fault::Truncated,
                offset,
                format!("the end of <{}>", open.name),
                "the end of the input",
            )),
            (None, Some(root)) => Ok((root, self.left)),
            (None, None) => Err(Error::new(
                Fault::Truncated,
                offset,
                "a root element",
                "the end of the input",
            )),
        }
    }

    fn count(&mut self, offset: usize) -> Result<(), Error> {
        match self.left.nodes.checked_sub(1) {
            Some(left) => {
                self.left.nodes = left;
                Ok(())
            }
            None => Err(Error::new(
                Fault::Limit,
                offset,
                "no more nodes than the limit allows",
                "one node more",
            )),
        }
    }

    /// Charges octets that are about to be copied into the tree.
    pub(crate) fn weigh(&mut self, octets: usize, offset: usize) -> Result<(), Error> {
        match self.left.text.checked_sub(octets) {
            Some(left) => {
                self.left.text = left;
                Ok(())
            }
            None => Err(Error::new(
                Fault::Limit,
                offset,
                format!("at most {} more octets of text", self.left.text),
                format!("{octets}"),
            )),
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
}

/// A string from the wire, without an allocation when it is one of `known`.
pub(crate) fn interned(text: &str, known: &[&'static str]) -> Cow<'static, str> {
    match known.iter().find(|&&name| name == text) {
        Some(&name) => Cow::Borrowed(name),
        None => Cow::Owned(text.to_owned()),
    }
}

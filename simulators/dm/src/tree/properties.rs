//! What a description or a serialised tree says about a node at run time.

use super::acl::Acl;
use crate::document::{Content, Element, namespace};
use crate::error::{Error, Fault, shown};
use crate::syncml::Format;

/// `RTProperties`. What is not given is the device's business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RtProperties {
    /// `ACL`.
    pub acl: Option<Acl>,
    /// `Format`.
    pub format: Option<Format>,
    /// `Name`.
    pub name: Option<String>,
    /// `Size`: octets of the value, not encoded.
    pub size: Option<u64>,
    /// `Title`.
    pub title: Option<String>,
    /// `TStamp`: `YYYYMMDDThhmmssZ`.
    pub tstamp: Option<String>,
    /// `Type`.
    pub node_type: Option<NodeType>,
    /// `VerNo`.
    pub ver_no: Option<u16>,
}

/// The type of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeType {
    /// `DDFName`: the identifier of a management object, for an interior node.
    Object(String),
    /// `MIME`: the media type of a leaf.
    Mime(String),
}

impl NodeType {
    /// The value of the property `Type`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Object(name) | Self::Mime(name) => name,
        }
    }
}

impl RtProperties {
    /// Reads `RTProperties`. The order is free and unknown elements are passed over.
    ///
    /// # Errors
    ///
    /// [`Fault::Syntax`] or [`Fault::Value`] for a list, a size or a version that is none; the
    /// offset is that of its element.
    pub(super) fn from_element(element: &Element) -> Result<Self, Error> {
        let text = |name| element.child(name).map(value);
        Ok(Self {
            acl: element.child("ACL").map(acl).transpose()?,
            format: element.child("Format").map(format),
            name: text("Name"),
            size: element.child("Size").map(number).transpose()?,
            title: text("Title"),
            tstamp: text("TStamp"),
            node_type: element.child("Type").and_then(node_type),
            ver_no: element.child("VerNo").map(number).transpose()?,
        })
    }

    /// The element, in the order of the DTD; none when there is nothing to say.
    pub(super) fn to_element(&self) -> Option<Element> {
        let given = [
            ("ACL", self.acl.as_ref().map(|acl| text(acl.to_string()))),
            ("Format", self.format.as_ref().map(choice)),
            ("Name", self.name.clone().map(text)),
            ("Size", self.size.map(|size| text(size.to_string()))),
            ("Title", self.title.clone().map(text)),
            ("TStamp", self.tstamp.clone().map(text)),
            ("Type", self.node_type.as_ref().map(typed)),
            ("VerNo", self.ver_no.map(|number| text(number.to_string()))),
        ];
        let mut out = ddf("RTProperties");
        for (name, content) in given {
            if let Some(content) = content {
                let mut child = ddf(name);
                child.content.extend(content);
                out = out.with(child);
            }
        }
        (!out.content.is_empty()).then_some(out)
    }
}

pub(super) fn ddf(name: &'static str) -> Element {
    Element::new(namespace::DMDDF, name)
}

/// The text of an element without the white space that layout puts around it.
pub(super) fn value(element: &Element) -> String {
    element.text().trim().to_owned()
}

/// `Format` and `DFFormat` name their value by an element; some writers put the word there instead.
pub(super) fn format(element: &Element) -> Format {
    match element.children().next() {
        Some(word) => Format::from(&*word.name),
        None => Format::from(element.text().trim()),
    }
}

/// `Type`: a `MIME`, a `DDFName`, or the bare name that some writers put there.
fn node_type(element: &Element) -> Option<NodeType> {
    let of = |name| {
        element
            .child(name)
            .map(value)
            .filter(|name| !name.is_empty())
    };
    let bare = || Some(value(element)).filter(|name| !name.is_empty());
    of("DDFName")
        .map(NodeType::Object)
        .or_else(|| of("MIME").or_else(bare).map(NodeType::Mime))
}

fn acl(element: &Element) -> Result<Acl, Error> {
    value(element).parse().map_err(|error: Error| Error {
        offset: element.offset,
        ..error
    })
}

pub(super) fn number<N: std::str::FromStr>(element: &Element) -> Result<N, Error> {
    let text = value(element);
    text.parse().map_err(|_| {
        Error::new(
            Fault::Value,
            element.offset,
            format!("a number in <{}>", element.name),
            shown(&text),
        )
    })
}

fn text(text: String) -> Option<Content> {
    (!text.is_empty()).then_some(Content::Text(text))
}

fn choice(format: &Format) -> Option<Content> {
    let word = Element::new(namespace::DMDDF, format.as_str().to_owned());
    Some(Content::Element(word))
}

fn typed(node_type: &NodeType) -> Option<Content> {
    let (element, name) = match node_type {
        NodeType::Object(name) => ("DDFName", name),
        NodeType::Mime(name) => ("MIME", name),
    };
    Some(Content::Element(ddf(element).with_text(name)))
}

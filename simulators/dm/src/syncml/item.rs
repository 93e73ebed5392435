//! What commands carry: addresses, data, credentials.

use std::borrow::Cow;
use std::mem;

use super::Meta;
use crate::document::{Content, Element};

/// `Target` or `Source`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// `LocURI`: a server's address, a device's identity, or a node address from the root.
    pub uri: String,
    /// `LocName`: in the `Source` of a header, the user name of the sender.
    pub name: Option<String>,
}

impl Location {
    /// An address without a name.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            name: None,
        }
    }
}

/// `Item`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// `Target`: what a server's command is about.
    pub target: Option<Location>,
    /// `Source`: what a client's data is about, and where a `Copy` comes from.
    pub source: Option<Location>,
    /// `Meta`: wins over the one of the command.
    pub meta: Option<Meta>,
    /// `Data`. An interior node has none; an empty value has an empty one.
    pub data: Option<Data>,
    /// `MoreData`: this is a chunk and not the last.
    pub more_data: bool,
}

impl Item {
    /// An item about a node, as a server writes it.
    pub fn at(target: impl Into<String>) -> Self {
        Self {
            target: Some(Location::new(target)),
            ..Self::default()
        }
    }

    /// An item from a node, as a client writes it.
    pub fn from(source: impl Into<String>) -> Self {
        Self {
            source: Some(Location::new(source)),
            ..Self::default()
        }
    }

    /// The item with a meta information.
    #[must_use]
    pub fn with_meta(mut self, meta: Meta) -> Self {
        self.meta = Some(meta);
        self
    }

    /// The item with text as its data.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.data = Some(Data::Text(text.into()));
        self
    }
}

/// `Data`, as it is on the wire: a text in base64 stays a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Elements, with text between them if there is any; a serialised tree is one `MgmtTree`.
    Markup(Vec<Content>),
    /// Raw octets, which only WBXML can carry.
    Octets(Vec<u8>),
    /// Text.
    Text(String),
}

impl Data {
    /// Octets as base64 text, for messages in XML and for format `b64`.
    #[must_use]
    pub fn base64(octets: &[u8]) -> Self {
        Self::Text(crate::base64::encode(octets))
    }

    /// One element.
    #[must_use]
    pub fn element(element: Element) -> Self {
        Self::Markup(vec![Content::Element(element)])
    }

    /// The text, also when it came as octets that are UTF-8; `None` for markup and other octets.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Markup(_) => None,
            Self::Octets(octets) => str::from_utf8(octets).ok(),
            Self::Text(text) => Some(text),
        }
    }

    /// The only element, if the data is markup and has just one.
    #[must_use]
    pub fn as_element(&self) -> Option<&Element> {
        match self {
            Self::Markup(content) => match content.as_slice() {
                [Content::Element(element)] => Some(element),
                _ => None,
            },
            Self::Octets(_) | Self::Text(_) => None,
        }
    }

    /// The octets that the data stands for when its format is `bin` or `b64`: raw ones as they are,
    /// text decoded. `None` for markup and for text that is not base64.
    #[must_use]
    pub fn to_octets(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Markup(_) => None,
            Self::Octets(octets) => Some(Cow::Borrowed(octets)),
            Self::Text(text) => crate::base64::decode(text).map(Cow::Owned),
        }
    }

    /// What is in an element that holds data, moved out of it.
    pub(crate) fn take(element: &mut Element) -> Self {
        let has = |wanted: fn(&Content) -> bool| element.content.iter().any(wanted);
        if has(|content| matches!(content, Content::Element(_))) {
            return Self::Markup(mem::take(&mut element.content));
        }
        if !has(|content| matches!(content, Content::Octets(_))) {
            return Self::Text(element.take_text());
        }
        let mut all = Vec::new();
        for content in &element.content {
            match content {
                Content::Element(_) => {}
                Content::Octets(octets) => all.extend(octets),
                Content::Text(text) => all.extend(text.as_bytes()),
            }
        }
        Self::Octets(all)
    }

    /// The element with the data in it.
    pub(crate) fn to_element_in(&self, element: Element) -> Element {
        match self {
            Self::Markup(content) => Element {
                content: content.clone(),
                ..element
            },
            Self::Octets(octets) => element.with_octets(octets.clone()),
            Self::Text(text) => element.with_text(text.clone()),
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Markup(content) => content.is_empty(),
            Self::Octets(octets) => octets.is_empty(),
            Self::Text(text) => text.is_empty(),
        }
    }
}

/// `Cred`: who the sender is. In DM only a header has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cred {
    /// `Meta`: its type is the scheme, its format `b64`.
    pub meta: Option<Meta>,
    /// `Data`: the credential.
    pub data: Data,
}

/// `Chal`: how the peer has to say who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chal {
    /// `Meta`: type, format and, for digests, the next nonce.
    pub meta: Meta,
}

//! Nodes and their values.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::syncml::{Data, Format};
use crate::tree::acl::{Acl, Kind};
use crate::tree::{NodeType, RtProperties, ddf};
use crate::{base64, xml};

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `ACL`; an empty one inherits.
    pub acl: Acl,
    /// `Format`; `node` for an interior node.
    pub format: Format,
    /// `Type`.
    pub node_type: Option<NodeType>,
    /// `Title`.
    pub title: Option<String>,
    /// `TStamp`.
    pub tstamp: Option<Arc<str>>,
    /// `VerNo`.
    pub ver_no: u16,
    /// Whether it is always there.
    pub permanent: bool,
    children: BTreeMap<String, Arc<Node>>,
    value: Vec<u8>,
}

impl Node {
    pub(super) fn interior(acl: Acl) -> Self {
        Self {
            acl,
            ..Self::leaf(Format::Node)
        }
    }

    pub(super) fn leaf(format: Format) -> Self {
        let text = format != Format::Node && !is_binary(&format);
        Self {
            acl: Acl::default(),
            node_type: text.then(|| NodeType::Mime("text/plain".to_owned())),
            format,
            title: None,
            tstamp: None,
            ver_no: 0,
            permanent: false,
            children: BTreeMap::new(),
            value: Vec::new(),
        }
    }

    /// Whether it has children, or could have, or a value.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.format {
            Format::Node => Kind::Interior,
            _ => Kind::Leaf,
        }
    }

    /// Whether it is the root of a management object.
    pub(super) fn is_object(&self) -> bool {
        matches!(self.node_type, Some(NodeType::Object(_)))
    }

    /// The value of a leaf: octets as they are, or text in UTF-8. Nothing for an interior node.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The children in the order of their names.
    pub fn children(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.children.iter().map(|(name, node)| (&**name, &**node))
    }

    /// The child of a name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Node> {
        self.children.get(name).map(|node| &**node)
    }

    pub(super) fn children_mut(&mut self) -> &mut BTreeMap<String, Arc<Node>> {
        &mut self.children
    }

    pub(super) fn set_value(&mut self, value: Vec<u8>) {
        self.value = value;
    }

    /// Takes over the properties that are given and can be set.
    pub(super) fn describe(&mut self, properties: &RtProperties) {
        if let Some(acl) = &properties.acl {
            self.acl = acl.clone();
        }
        if properties.node_type.is_some() {
            self.node_type.clone_from(&properties.node_type);
        }
        if properties.title.is_some() {
            self.title.clone_from(&properties.title);
        }
    }
}

/// Whether values of the format are octets and not text.
pub(super) fn is_binary(format: &Format) -> bool {
    matches!(format, Format::B64 | Format::Bin)
}

/// What a description says about the type of a node.
pub(super) fn default_type(described: &ddf::Node) -> Option<NodeType> {
    let mime = || described.mimes.first().cloned().map(NodeType::Mime);
    let object = described.object.clone().filter(|id| !id.is_empty());
    object.map(NodeType::Object).or_else(mime)
}

/// The value that data of a format stands for; none if it is not of that format.
pub(super) fn octets(data: &Data, format: &Format) -> Option<Vec<u8>> {
    match (format, data) {
        (Format::B64, Data::Octets(octets)) | (Format::Bin, Data::Octets(octets)) => {
            Some(octets.clone())
        }
        (Format::B64 | Format::Bin, data) => data.to_octets().map(|octets| octets.into_owned()),
        (Format::Xml | Format::Chr, Data::Markup(content)) => {
            let mut text = String::new();
            for content in content {
                match content {
                    crate::document::Content::Element(element) => {
                        text.push_str(&xml::fragment(element).ok()?);
                    }
                    crate::document::Content::Text(part) => text.push_str(part),
                    crate::document::Content::Octets(_) => return None,
                }
            }
            Some(text.into_bytes())
        }
        (format, data) => {
            let text = data.as_text()?;
            let valid = match format {
                Format::Bool => matches!(text, "true" | "false"),
                Format::Int => text.parse::<i32>().is_ok(),
                Format::Float => text.parse::<f32>().is_ok(),
                Format::Null => text.is_empty(),
                Format::Node => false,
                _ => true,
            };
            valid.then(|| text.as_bytes().to_vec())
        }
    }
}

/// Octets as they travel: raw where the encoding has octets, base64 text elsewhere.
pub(super) fn binary(octets: &[u8], raw: bool) -> (Format, Data) {
    match raw {
        true => (Format::Bin, Data::Octets(octets.to_vec())),
        false => (Format::B64, Data::Text(base64::encode(octets))),
    }
}

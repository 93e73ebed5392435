//! Reading: values, properties and structures.

use super::node::binary;
use super::rules::{Inherited, Listed};
use super::{Hand, Node, Tree};
use crate::document::Element;
use crate::syncml::{Data, Format, Item, Meta, StatusCode};
use crate::tree::acl::{Acls, Kind, Right};
use crate::tree::ddf::Access;
use crate::tree::tnds::{State, Tnds};
use crate::tree::{Address, NodeType, NodeUri, Property, Query, RtProperties, Selector};
use crate::{Encoding, media, xml};

/// What a `Get` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// 200, or 217 for a list that is inherited.
    pub code: StatusCode,
    /// One entry for each node that is told of.
    pub entries: Vec<Entry>,
}

/// What is told about one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The address, as it was asked for or as the tree has it.
    pub source: String,
    /// `Format`; none for a property, whose value travels without description.
    pub format: Option<Format>,
    /// `Type`.
    pub media_type: Option<String>,
    /// The value.
    pub told: Told,
}

/// A value on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// None: an interior node, or a leaf whose value was not asked for.
    Nothing,
    /// Octets.
    Octets(Vec<u8>),
    /// Text.
    Text(String),
    /// A serialised tree.
    Tree(Element),
}

impl Entry {
    /// The entry as an item. Octets are raw in WBXML and base64 in XML; a serialised tree is markup.
    #[must_use]
    pub fn to_item(&self, encoding: Encoding) -> Item {
        let raw = encoding == Encoding::Wbxml;
        let mut format = self.format.clone();
        let data = match &self.told {
            Told::Nothing => None,
            Told::Octets(octets) => {
                let (as_sent, data) = binary(octets, raw);
                format = Some(as_sent);
                Some(data)
            }
            Told::Text(text) => Some(Data::Text(text.clone())),
            Told::Tree(element) => Some(match xml::fragment(element) {
                Ok(text) if !raw => Data::Text(text),
                _ => Data::element(element.clone()),
            }),
        };
        let format = format.filter(|format| *format != Format::Chr);
        let plain = |media_type: &String| media_type != "text/plain";
        let media_type = self.media_type.clone().filter(plain);
        let described = format.is_some() || media_type.is_some();
        Item {
            meta: described.then(|| Meta {
                format,
                media_type,
                ..Meta::default()
            }),
            data,
            ..Item::from(&self.source)
        }
    }
}

impl Tree {
    /// Reads what an address names.
    ///
    /// # Errors
    ///
    /// The status that refuses it.
    pub fn get(&self, by: Hand<'_>, address: &Address) -> Result<Found, StatusCode> {
        let (uri, source) = (&address.node, address.to_string());
        refuse(by.rules.addressed(uri.check(&self.profile.limits).is_ok()))?;
        let facts = self.facts(by, uri, Right::Get, Access::Get);
        let mut code = StatusCode::OK;
        let entries = match &address.query {
            None => {
                refuse(by.rules.get(facts))?;
                let node = self.node(uri).ok_or(StatusCode::NOT_FOUND)?;
                vec![entry(source, node, true, true)]
            }
            Some(Query::Property(property)) => {
                let applies = *property != Property::Size || facts.kind != Some(Kind::Interior);
                let supported = property.is_mandatory()
                    || self.profile.properties.contains(property) && applies;
                refuse(by.rules.get_property(facts, supported))?;
                let node = self.node(uri).ok_or(StatusCode::NOT_FOUND)?;
                let inherits = *property == Property::Acl && node.acl.is_empty();
                let mut text = property_text(node, uri, *property);
                if inherits && by.rules.inherited_acl(self.profile.minor) == Inherited::Told {
                    text = self.effective(uri).to_string();
                    code = StatusCode::OK_INHERITED_ACL;
                }
                vec![Entry {
                    source,
                    format: None,
                    media_type: None,
                    told: Told::Text(text),
                }]
            }
            Some(list @ (Query::Struct | Query::StructData)) => {
                refuse(by.rules.list(facts, self.profile.lists))?;
                let values = *list == Query::StructData;
                self.listed(by, uri)
                    .into_iter()
                    .map(|(uri, node, shown)| entry(uri.to_string(), node, false, values && shown))
                    .collect()
            }
            Some(Query::Object(wanted)) => {
                refuse(by.rules.list(facts, self.profile.search))?;
                let nodes = self.uris(uri).into_iter();
                let nodes = nodes.filter(|uri| self.grants(by, uri, Right::Get));
                let nodes = nodes.filter_map(|uri| {
                    let node = self.node(&uri)?;
                    let Some(NodeType::Object(own)) = &node.node_type else {
                        return None;
                    };
                    let is_one = by.rules.is_instance(own.clone(), wanted.clone());
                    is_one.then(|| entry(uri.to_string(), node, false, false))
                });
                let found: Vec<Entry> = nodes.collect();
                // An answer has at least one place.
                match found.is_empty() {
                    true => return Err(StatusCode::NOT_FOUND),
                    false => found,
                }
            }
            Some(Query::Tnds(selector)) => {
                refuse(by.rules.list(facts, self.profile.tnds))?;
                vec![Entry {
                    source,
                    format: Some(Format::Xml),
                    media_type: Some(media::TNDS_XML.to_owned()),
                    told: Told::Tree(self.export(by, uri, selector).to_element()),
                }]
            }
        };
        Ok(Found { code, entries })
    }

    /// The part of the tree from `top` down that a server may read, as a serialised tree.
    #[must_use]
    pub fn export(&self, by: Hand<'_>, top: &NodeUri, selector: &Selector) -> Tnds {
        let states = self
            .listed(by, top)
            .into_iter()
            .map(|(uri, node, shown)| State {
                value: (node.kind() == Kind::Leaf && shown).then(|| {
                    match str::from_utf8(node.value()) {
                        Ok(text) if !super::node::is_binary(&node.format) => {
                            Data::Text(text.to_owned())
                        }
                        _ => Data::base64(node.value()),
                    }
                }),
                properties: RtProperties {
                    acl: Some(node.acl.clone()).filter(|acl| !acl.is_empty()),
                    format: Some(node.format.clone()),
                    name: None,
                    size: (node.kind() == Kind::Leaf).then_some(node.value().len() as u64),
                    title: node.title.clone(),
                    tstamp: node.tstamp.as_deref().map(str::to_owned),
                    node_type: node.node_type.clone(),
                    ver_no: Some(node.ver_no),
                },
                uri,
            });
        Tnds::of_states(top, &states.collect::<Vec<_>>(), selector)
    }

    /// The nodes from `top` down that a server may know of, and whether it may know their values.
    fn listed(&self, by: Hand<'_>, top: &NodeUri) -> Vec<(NodeUri, &Node, bool)> {
        let mut listed = Vec::new();
        for uri in self.uris(top) {
            let right = self.grants(by, &uri, Right::Get);
            match by.rules.listed(right, self.has_access(&uri, Access::Get)) {
                Listed::Hidden => {}
                how @ (Listed::Known | Listed::Shown) => {
                    if let Some(node) = self.node(&uri) {
                        listed.push((uri, node, how == Listed::Shown));
                    }
                }
            }
        }
        listed
    }
}

/// What is said of a node: of an interior one the names of its children, if they are asked for.
fn entry(source: String, node: &Node, names: bool, value: bool) -> Entry {
    let told = match (node.kind(), &node.format) {
        (Kind::Interior, _) if names => {
            let names: Vec<_> = node.children().map(|(name, _)| name).collect();
            Told::Text(names.join("/"))
        }
        (Kind::Interior, _) => Told::Nothing,
        (Kind::Leaf, _) if !value => Told::Nothing,
        (Kind::Leaf, format) if super::node::is_binary(format) => {
            Told::Octets(node.value().to_vec())
        }
        (Kind::Leaf, _) => Told::Text(String::from_utf8_lossy(node.value()).into_owned()),
    };
    Entry {
        source,
        format: Some(node.format.clone()),
        media_type: node.node_type.as_ref().map(|t| t.as_str().to_owned()),
        told,
    }
}

fn property_text(node: &Node, uri: &NodeUri, property: Property) -> String {
    match property {
        Property::Acl => node.acl.to_string(),
        Property::Format => node.format.as_str().to_owned(),
        Property::Name => uri.name().unwrap_or_default().to_owned(),
        Property::Size => node.value().len().to_string(),
        Property::Title => node.title.clone().unwrap_or_default(),
        Property::TStamp => node.tstamp.as_deref().unwrap_or_default().to_owned(),
        Property::Type => node
            .node_type
            .as_ref()
            .map_or("", NodeType::as_str)
            .to_owned(),
        Property::VerNo => node.ver_no.to_string(),
    }
}

pub(super) fn refuse(code: StatusCode) -> Result<(), StatusCode> {
    match code {
        StatusCode::OK => Ok(()),
        code => Err(code),
    }
}

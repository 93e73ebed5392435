//! Serialised trees: a part of a tree in one piece (DM TNDS 1.2).

use std::collections::BTreeMap;

use super::properties::{RtProperties, ddf, value};
use super::{NodeUri, Part, Property, Selector};
use crate::document::{Content, Element, Limits};
use crate::error::{Error, Fault, shown};
use crate::syncml::Data;
use crate::{wbxml, xml};

/// `MgmtTree` as a serialised tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tnds {
    /// `VerDTD`: `1.2`.
    pub ver_dtd: String,
    /// `Man`: who made the device that the tree is from.
    pub man: Option<String>,
    /// `Mod`: its model.
    pub model: Option<String>,
    /// The nodes at the top.
    pub nodes: Vec<Node>,
}

/// `Node` in a serialised tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// `NodeName`; none when it is empty or left out.
    pub name: Option<String>,
    /// `Path`: where the node goes, from the target of the command. None means below the node that
    /// it stands in.
    pub path: Option<NodeUri>,
    /// `RTProperties`.
    pub properties: RtProperties,
    /// The nodes below.
    pub children: Vec<Node>,
    /// `Value`.
    pub value: Option<Data>,
}

/// A node with its whole address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Where it is.
    pub uri: NodeUri,
    /// What is known about it.
    pub properties: RtProperties,
    /// Its value, if it is a leaf and the value is given.
    pub value: Option<Data>,
}

/// Where a node at the top goes that has a name and no path. One without a name takes the target
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placement {
    /// It is the target: its name has to be the last one of the target.
    At,
    /// It goes below the target, as in the example of the text.
    Below,
}

impl Tnds {
    /// Reads a serialised tree. Elements are known by their names; those that only descriptions have
    /// are passed over.
    ///
    /// # Errors
    ///
    /// [`Fault::Value`] when the root is another element, [`Fault::Missing`] without a node, and
    /// whatever is wrong with a path or a property.
    pub fn from_element(root: &Element) -> Result<Self, Error> {
        if root.name != "MgmtTree" {
            return Err(Error::new(
                Fault::Value,
                root.offset,
                "<MgmtTree>",
                format!("<{}>", root.name),
            ));
        }
        let nodes = nodes(root)?;
        let ver_dtd = root.child("VerDTD").map(value);
        let missing = |what| Error::new(Fault::Missing, root.offset, what, "none");
        if nodes.is_empty() {
            return Err(missing("<Node> in <MgmtTree>"));
        }
        Ok(Self {
            ver_dtd: ver_dtd.ok_or_else(|| missing("<VerDTD> in <MgmtTree>"))?,
            man: root.child("Man").map(value),
            model: root.child("Mod").map(value),
            nodes,
        })
    }

    /// Reads a serialised tree from the data of an item, in whichever form it came: as markup, as
    /// text in XML, or as octets in either encoding.
    ///
    /// # Errors
    ///
    /// Those of the readers and of [`from_element`](Self::from_element). Offsets are those of the
    /// message for markup and count from the start of the data otherwise.
    pub fn from_data(data: &Data, limits: &Limits) -> Result<Self, Error> {
        match data {
            Data::Markup(content) => {
                let root = content.iter().find_map(|content| match content {
                    Content::Element(element) => Some(element),
                    Content::Octets(_) | Content::Text(_) => None,
                });
                let missing = || Error::new(Fault::Missing, 0, "<MgmtTree>", "none");
                Self::from_element(root.ok_or_else(missing)?)
            }
            // The version of every WBXML in use is this low, and no XML document starts like that.
            Data::Octets(octets) if octets.first().is_some_and(|&octet| octet < b'\t') => {
                let document = wbxml::read(octets, Some(&wbxml::DMDDF), limits)?;
                Self::from_element(&document.root)
            }
            Data::Octets(octets) => Self::from_element(&xml::read(octets, limits)?),
            Data::Text(text) => Self::from_element(&xml::read(text.as_bytes(), limits)?),
        }
    }

    /// The tree as an element, in the order of the DTD.
    #[must_use]
    pub fn to_element(&self) -> Element {
        let mut out = ddf("MgmtTree").with(ddf("VerDTD").with_text(&self.ver_dtd));
        if let Some(man) = &self.man {
            out = out.with(ddf("Man").with_text(man));
        }
        if let Some(model) = &self.model {
            out = out.with(ddf("Mod").with_text(model));
        }
        self.nodes
            .iter()
            .map(Node::to_element)
            .fold(out, Element::with)
    }

    /// Every node with its address, parents first, as a command with this target means it.
    ///
    /// # Errors
    ///
    /// [`Fault::Value`] when a name at the top does not fit the placement, a node below has no name,
    /// or two nodes have one address.
    pub fn states(&self, target: &NodeUri, placement: Placement) -> Result<Vec<State>, Error> {
        let mut states = BTreeMap::new();
        for node in &self.nodes {
            let uri = match (&node.path, &node.name, placement) {
                (None, None, _) => target.clone(),
                (None, Some(name), Placement::Below) => target.child(name),
                (None, Some(name), Placement::At) if target.name() == Some(name) => target.clone(),
                (None, Some(name), Placement::At) => {
                    return Err(Error::new(
                        Fault::Value,
                        0,
                        format!("the name at the end of {target}"),
                        shown(name),
                    ));
                }
                (Some(path), None, _) => target.join(path),
                (Some(path), Some(name), _) => target.join(path).child(name),
            };
            node.collect(uri, target, &mut states)?;
        }
        Ok(states.into_values().collect())
    }

    /// The part of a tree from `top` down, without what the selector leaves out. A node whose parent
    /// is not among the states, because the requester may not see it, stands at the top with a path.
    ///
    /// [`states`](Self::states) with target `top` and [`Placement::At`] gives the states back.
    #[must_use]
    pub fn of_states(top: &NodeUri, states: &[State], selector: &Selector) -> Self {
        let within = states.iter().filter(|state| state.uri.is_within(top));
        let by_uri: BTreeMap<_, _> = within.map(|state| (&state.uri, state)).collect();
        let mut below: BTreeMap<NodeUri, Vec<&State>> = BTreeMap::new();
        let mut tops = Vec::new();
        for &state in by_uri.values() {
            match state.uri.parent().filter(|_| state.uri != *top) {
                Some(parent) if by_uri.contains_key(&parent) => {
                    below.entry(parent).or_default().push(state);
                }
                _ => tops.push(state),
            }
        }
        let nodes = tops.into_iter().map(|state| {
            let skipped = state.uri.names()[top.names().len()..].split_last();
            Node {
                path: skipped.map(|(_, skipped)| {
                    let root = NodeUri::root();
                    skipped.iter().fold(root, |path, name| path.child(name))
                }),
                ..exported(state, &below, selector)
            }
        });
        Self {
            ver_dtd: "1.2".to_owned(),
            man: None,
            model: None,
            nodes: nodes.collect(),
        }
    }
}

impl Node {
    fn from_element(element: &Element) -> Result<Self, Error> {
        let path = element.child("Path").map(|path| {
            value(path).parse().map_err(|error: Error| Error {
                offset: path.offset,
                ..error
            })
        });
        let properties = element.child("RTProperties");
        let name = element.child("NodeName").map(value);
        Ok(Self {
            name: name.filter(|name| !name.is_empty()),
            path: path.transpose()?,
            properties: properties
                .map(RtProperties::from_element)
                .transpose()?
                .unwrap_or_default(),
            children: nodes(element)?,
            value: element
                .child("Value")
                .map(|value| Data::take(&mut value.clone())),
        })
    }

    fn to_element(&self) -> Element {
        let name = self.name.as_deref().unwrap_or_default();
        let mut out = ddf("Node").with(ddf("NodeName").with_text(name));
        if let Some(path) = &self.path {
            out = out.with(ddf("Path").with_text(path.to_string()));
        }
        if let Some(properties) = self.properties.to_element() {
            out = out.with(properties);
        }
        for child in &self.children {
            out = out.with(child.to_element());
        }
        match &self.value {
            Some(value) => out.with(value.to_element_in(ddf("Value"))),
            None => out,
        }
    }

    fn collect(
        &self,
        uri: NodeUri,
        target: &NodeUri,
        states: &mut BTreeMap<NodeUri, State>,
    ) -> Result<(), Error> {
        let state = State {
            uri: uri.clone(),
            properties: self.properties.clone(),
            value: self.value.clone(),
        };
        if states.insert(uri.clone(), state).is_some() {
            return Err(Error::new(
                Fault::Value,
                0,
                "each node once",
                format!("{uri} twice"),
            ));
        }
        for child in &self.children {
            let name = child.name.as_ref().ok_or_else(|| {
                Error::new(
                    Fault::Value,
                    0,
                    format!("a name for each node below {uri}"),
                    "none",
                )
            })?;
            let parent = match &child.path {
                Some(path) => target.join(path),
                None => uri.clone(),
            };
            child.collect(parent.child(name), target, states)?;
        }
        Ok(())
    }
}

fn nodes(parent: &Element) -> Result<Vec<Node>, Error> {
    parent
        .children()
        .filter(|child| child.name == "Node")
        .map(Node::from_element)
        .collect()
}

fn exported(state: &State, below: &BTreeMap<NodeUri, Vec<&State>>, selector: &Selector) -> Node {
    let has = |property| selector.includes(Part::Property(property));
    let RtProperties {
        acl,
        format,
        name,
        size,
        title,
        tstamp,
        node_type,
        ver_no,
    } = state.properties.clone();
    let children = below.get(&state.uri).map(Vec::as_slice).unwrap_or_default();
    Node {
        name: state.uri.name().map(str::to_owned),
        path: None,
        properties: RtProperties {
            acl: acl.filter(|_| has(Property::Acl)),
            format: format.filter(|_| has(Property::Format)),
            name: name.filter(|_| has(Property::Name)),
            size: size.filter(|_| has(Property::Size)),
            title: title.filter(|_| has(Property::Title)),
            tstamp: tstamp.filter(|_| has(Property::TStamp)),
            node_type: node_type.filter(|_| has(Property::Type)),
            ver_no: ver_no.filter(|_| has(Property::VerNo)),
        },
        children: children
            .iter()
            .map(|child| exported(child, below, selector))
            .collect(),
        value: state
            .value
            .clone()
            .filter(|_| selector.includes(Part::Value)),
    }
}

//! Device descriptions: what nodes a device can have (DM DDF 1.2).
//!
//! Every profile of a tree that a simulated device has is written as such a description, so that
//! the published ones can be dropped in.

use super::properties::{RtProperties, format, number, value};
use crate::document::Element;
use crate::error::{Error, Fault, shown};
use crate::syncml::Format;

/// `MgmtTree` as a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// `VerDTD`.
    pub ver_dtd: String,
    /// `Man`: who made the device.
    pub man: Option<String>,
    /// `Mod`: its model.
    pub model: Option<String>,
    /// The described nodes, at least one.
    pub nodes: Vec<Node>,
}

/// `Node` in a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `NodeName`; none is a placeholder, whose name is given when a node is created.
    pub name: Option<String>,
    /// `Path`: where the node is, as it was written. Some writers end it with a slash.
    pub path: Option<String>,
    /// `RTProperties`: what the node starts with.
    pub properties: RtProperties,
    /// `AccessType`: the commands that the node takes.
    pub access: Vec<Access>,
    /// `DefaultValue`.
    pub default_value: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `DFFormat`.
    pub format: Format,
    /// `Occurrence`.
    pub occurrence: Occurrence,
    /// `Scope`.
    pub scope: Scope,
    /// `DFTitle`.
    pub title: Option<String>,
    /// `DFType`: the identifier of a management object.
    pub object: Option<String>,
    /// `DFType`: media types.
    pub mimes: Vec<String>,
    /// `CaseSense`: whether names below differ by case; none if it does not say.
    pub case_sensitive: Option<bool>,
    /// Nodes below.
    pub children: Vec<Node>,
    /// `Value`.
    pub value: Option<String>,
}

/// Commands that a node can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// `Add`.
    Add,
    /// `Copy`.
    Copy,
    /// `Delete`.
    Delete,
    /// `Exec`.
    Exec,
    /// `Get`.
    Get,
    /// `Replace`.
    Replace,
}

/// How many nodes there can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Occurrence {
    /// Exactly one.
    #[default]
    One,
    /// At least one.
    OneOrMore,
    /// One to N; N from 2 to 65536.
    OneOrN(u32),
    /// Any number.
    ZeroOrMore,
    /// Up to N; N from 2 to 65536.
    ZeroOrN(u32),
    /// One or none.
    ZeroOrOne,
}

impl Occurrence {
    /// Whether there must be one.
    #[must_use]
    pub fn is_mandatory(self) -> bool {
        matches!(self, Self::One | Self::OneOrMore | Self::OneOrN(_))
    }

    /// The most there can be; none means no limit.
    #[must_use]
    pub fn most(self) -> Option<u32> {
        match self {
            Self::One | Self::ZeroOrOne => Some(1),
            Self::OneOrMore | Self::ZeroOrMore => None,
            Self::OneOrN(most) | Self::ZeroOrN(most) => Some(most),
        }
    }
}

/// Whether a node comes and goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// It is created, by a server or by the device.
    #[default]
    Dynamic,
    /// It is always there; it cannot be removed or renamed.
    Permanent,
}

impl Description {
    /// Reads a description. Elements are known by their names, since published descriptions declare
    /// no namespace; elements of vendors are passed over.
    ///
    /// # Errors
    ///
    /// [`Fault::Value`] when the root is another element, an unknown word stands for an access or an
    /// occurrence, or a number is none; [`Fault::Missing`] when a mandatory element is not there.
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
        if nodes.is_empty() {
            return Err(missing(root, "Node"));
        }
        Ok(Self {
            ver_dtd: value(required(root, "VerDTD")?),
            man: root.child("Man").map(value),
            model: root.child("Mod").map(value),
            nodes,
        })
    }
}

impl Node {
    fn from_element(element: &Element) -> Result<Self, Error> {
        let name = value(required(element, "NodeName")?);
        let about = required(element, "DFProperties")?;
        let text = |name| about.child(name).map(value);
        let of_type = required(about, "DFType")?;
        let properties = element.child("RTProperties");
        Ok(Self {
            name: Some(name).filter(|name| !name.is_empty()),
            path: element.child("Path").map(value),
            properties: properties
                .map(RtProperties::from_element)
                .transpose()?
                .unwrap_or_default(),
            access: own_children(required(about, "AccessType")?)
                .map(access)
                .collect::<Result<_, _>>()?,
            default_value: text("DefaultValue"),
            description: text("Description"),
            format: format(required(about, "DFFormat")?),
            occurrence: about
                .child("Occurrence")
                .map(occurrence)
                .transpose()?
                .unwrap_or_default(),
            scope: match about
                .child("Scope")
                .and_then(|scope| scope.child("Permanent"))
            {
                Some(_) => Scope::Permanent,
                None => Scope::Dynamic,
            },
            title: text("DFTitle"),
            object: of_type.child("DDFName").map(value),
            mimes: of_type
                .children()
                .filter(|child| child.name == "MIME")
                .map(value)
                .filter(|mime| !mime.is_empty())
                .collect(),
            case_sensitive: about
                .child("CaseSense")
                .map(|case| case.child("CIS").is_none()),
            children: nodes(element)?,
            value: element.child("Value").map(value),
        })
    }

    /// The description of the node that these names lead to from here; the node itself for none. A
    /// name that is described goes before a placeholder.
    #[must_use]
    pub fn find(&self, names: &[String]) -> Option<&Node> {
        let Some((name, below)) = names.split_first() else {
            return Some(self);
        };
        let named = self.children.iter().find(|c| c.name.as_ref() == Some(name));
        let child = named.or_else(|| self.children.iter().find(|c| c.name.is_none()))?;
        child.find(below)
    }
}

fn nodes(parent: &Element) -> Result<Vec<Node>, Error> {
    parent
        .children()
        .filter(|child| child.name == "Node")
        .map(Node::from_element)
        .collect()
}

/// The children that are not a vendor's.
fn own_children(parent: &Element) -> impl Iterator<Item = &Element> {
    parent
        .children()
        .filter(|child| child.namespace == parent.namespace)
}

fn access(element: &Element) -> Result<Access, Error> {
    Ok(match &*element.name {
        "Add" => Access::Add,
        "Copy" => Access::Copy,
        "Delete" => Access::Delete,
        "Exec" => Access::Exec,
        "Get" => Access::Get,
        "Replace" => Access::Replace,
        other => return Err(unknown(element, "a command in <AccessType>", other)),
    })
}

fn occurrence(element: &Element) -> Result<Occurrence, Error> {
    let child = own_children(element).next();
    let child = child.ok_or_else(|| missing(element, "an occurrence"))?;
    let most = || -> Result<u32, Error> {
        let most = number(child)?;
        if (2..=65_536).contains(&most) {
            return Ok(most);
        }
        Err(Error::new(
            Fault::Value,
            child.offset,
            format!("2 to 65536 in <{}>", child.name),
            format!("{most}"),
        ))
    };
    Ok(match &*child.name {
        "One" => Occurrence::One,
        "OneOrMore" => Occurrence::OneOrMore,
        "OneOrN" => Occurrence::OneOrN(most()?),
        "ZeroOrMore" => Occurrence::ZeroOrMore,
        "ZeroOrN" => Occurrence::ZeroOrN(most()?),
        "ZeroOrOne" => Occurrence::ZeroOrOne,
        other => return Err(unknown(child, "an occurrence", other)),
    })
}

fn required<'e>(parent: &'e Element, name: &'static str) -> Result<&'e Element, Error> {
    parent.child(name).ok_or_else(|| missing(parent, name))
}

fn missing(parent: &Element, what: &str) -> Error {
    Error::new(
        Fault::Missing,
        parent.offset,
        format!("{what} in <{}>", parent.name),
        "none",
    )
}

fn unknown(element: &Element, expected: &'static str, got: &str) -> Error {
    Error::new(Fault::Value, element.offset, expected, shown(got))
}

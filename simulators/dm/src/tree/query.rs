//! Addresses with a query: properties and structures.

use std::fmt;
use std::str::FromStr;

use super::{NodeUri, Property};
use crate::error::{Error, Fault, shown};

/// What a command is about: a node, or something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The node.
    pub node: NodeUri,
    /// What about it; none means its value, or the names of its children.
    pub query: Option<Query>,
}

/// What is asked about a node (DM TND 1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// `?prop=`: one property.
    Property(Property),
    /// `?list=Struct`: names, formats and types of all nodes below.
    Struct,
    /// `?list=StructData`: the same with the values of leaves.
    StructData,
    /// `?list=TNDS`: a serialised tree.
    Tnds(Selector),
    /// `?MOI=`: where the instances of the object with this identifier are. The search of DM 1.3 is not public;
    /// this form is [assumed](crate::Basis::Assumed).
    Object(String),
}

/// Which parts of each node a serialised tree shall have. Lists are never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// As the device likes.
    Unspecified,
    /// `+`: these.
    Only(Vec<Part>),
    /// `-`: all but these.
    Without(Vec<Part>),
}

/// A part of a node that a selector can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A property.
    Property(Property),
    /// The value of a leaf.
    Value,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Property(property) => property.as_str(),
            Self::Value => "Value",
        }
    }
}

impl Selector {
    /// Whether a part belongs into the tree. What is unspecified includes everything.
    #[must_use]
    pub fn includes(&self, part: Part) -> bool {
        match self {
            Self::Unspecified => true,
            Self::Only(parts) => parts.contains(&part),
            Self::Without(parts) => !parts.contains(&part),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let Some(sign) = text.chars().next() else {
            return Some(Self::Unspecified);
        };
        let words = text.strip_prefix(['+', '-'])?.split(sign);
        let parts = words.map(|word| match word {
            "Value" => Some(Part::Value),
            word => Property::from_word(word).map(Part::Property),
        });
        let parts = parts.collect::<Option<_>>()?;
        Some(match sign {
            '+' => Self::Only(parts),
            _ => Self::Without(parts),
        })
    }
}

impl From<NodeUri> for Address {
    fn from(node: NodeUri) -> Self {
        Self { node, query: None }
    }
}

impl FromStr for Address {
    type Err = Error;

    /// Reads an address with or without a query.
    ///
    /// # Errors
    ///
    /// As for [`NodeUri`], and [`Fault::Unsupported`] for a query or a property that DM does not
    /// have; a device answers those with 406.
    fn from_str(text: &str) -> Result<Self, Error> {
        let Some((node, query)) = text.split_once('?') else {
            return text.parse().map(NodeUri::into);
        };
        let offset = node.len() + 1;
        let known = match query.split_once('=') {
            Some(("prop", word)) => Property::from_word(word).map(Query::Property),
            Some(("list", "Struct")) => Some(Query::Struct),
            Some(("list", "StructData")) => Some(Query::StructData),
            Some(("list", list)) => list
                .strip_prefix("TNDS")
                .and_then(Selector::parse)
                .map(Query::Tnds),
            Some(("MOI", object)) if !object.is_empty() => Some(Query::Object(object.to_owned())),
            _ => None,
        };
        let query = known.ok_or_else(|| {
            let expected = "prop= with a property, list= with Struct, StructData or TNDS, or MOI= with an object";
            Error::new(Fault::Unsupported, offset, expected, shown(query))
        })?;
        Ok(Self {
            node: node.parse()?,
            query: Some(query),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.node)?;
        match &self.query {
            None => Ok(()),
            Some(Query::Property(property)) => write!(f, "?prop={}", property.as_str()),
            Some(Query::Struct) => f.write_str("?list=Struct"),
            Some(Query::StructData) => f.write_str("?list=StructData"),
            Some(Query::Object(object)) => write!(f, "?MOI={object}"),
            Some(Query::Tnds(selector)) => {
                f.write_str("?list=TNDS")?;
                let (sign, parts) = match selector {
                    Selector::Unspecified => return Ok(()),
                    Selector::Only(parts) => ('+', parts),
                    Selector::Without(parts) => ('-', parts),
                };
                parts
                    .iter()
                    .try_for_each(|part| write!(f, "{sign}{}", part.as_str()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_and_written() {
        let acl = Part::Property(Property::Acl);
        for (text, query) in [
            ("./A", None),
            ("./A?prop=ACL", Some(Query::Property(Property::Acl))),
            ("./A?list=Struct", Some(Query::Struct)),
            ("./A?MOI=urn:x", Some(Query::Object("urn:x".to_owned()))),
            ("./A?list=StructData", Some(Query::StructData)),
            ("./A?list=TNDS", Some(Query::Tnds(Selector::Unspecified))),
            (
                "./A?list=TNDS+ACL+Value",
                Some(Query::Tnds(Selector::Only(vec![acl, Part::Value]))),
            ),
            (
                "./A?list=TNDS-Value",
                Some(Query::Tnds(Selector::Without(vec![Part::Value]))),
            ),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.query, query);
            assert_eq!(address.to_string(), text);
        }
        let without = Selector::Without(vec![Part::Value]);
        assert!(without.includes(acl) && !without.includes(Part::Value));
    }

    #[test]
    fn other_queries_are_not_supported() {
        for query in [
            "",
            "prop",
            "prop=",
            "prop=acl",
            "list=",
            "list=struct",
            "list=TNDS+",
            "list=TNDS+ACL-Value",
            "list=TNDSACL",
            "list=TNDS-Other",
            "MOI=",
        ] {
            let error = format!("./A?{query}").parse::<Address>().unwrap_err();
            assert_eq!(
                (error.fault, error.offset),
                (Fault::Unsupported, 4),
                "{query}"
            );
        }
        assert_eq!(
            "./?prop=ACL".parse::<Address>().unwrap_err().fault,
            Fault::Syntax
        );
    }
}

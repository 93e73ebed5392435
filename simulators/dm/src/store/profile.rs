//! What a device can have: descriptions, and what they leave open.

use std::collections::BTreeSet;

use crate::document::Limits;
use crate::error::Error;
use crate::features::Priorities;
use crate::tree::ddf::{Access, Description, Node};
use crate::tree::tnds::Placement;
use crate::tree::{NodeUri, Property, UriLimits};
use crate::{Basis, xml};

/// The descriptions that we bring: device information and details, accounts, inbox, and a place where
/// a server may put what it likes.
const BUILTIN: [&str; 5] = [
    include_str!("../../data/devinfo.xml"),
    include_str!("../../data/devdetail.xml"),
    include_str!("../../data/dmacc.xml"),
    include_str!("../../data/inbox.xml"),
    include_str!("../../data/open.xml"),
];

/// The descriptions of what DM 1.3 adds: where a device looks for its bootstrap, and which optional features it has.
const ADDED: [&str; 2] = [
    include_str!("../../data/bootconfig.xml"),
    include_str!("../../data/features.xml"),
];

/// What a kind of device can have in its tree, and how it treats what the texts leave open.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The described parts, each with the address of the node it starts at.
    parts: Vec<(NodeUri, Node)>,
    /// What it says about addresses.
    pub limits: UriLimits,
    /// The properties that it has beside the mandatory ones.
    pub properties: BTreeSet<Property>,
    /// Whether it answers `?list=Struct` and `?list=StructData`.
    pub lists: bool,
    /// Whether it says where the instances of an object are; DM 1.3 makes that mandatory.
    pub search: bool,
    /// Whether it takes and gives serialised trees; DM 1.3 makes that mandatory.
    pub tnds: bool,
    /// Where a node at the top of a serialised tree goes that has a name.
    pub placement: Placement,
    /// Whether it creates parents that are not there; the text lets it.
    pub implicit_parents: bool,
    /// Whether a node may be added below the root that no description knows.
    pub open: bool,
    /// The minor version of DM 1 that it follows.
    pub minor: u8,
    /// The interior node below which each of its servers that has a rank has a leaf with it, if it ranks them: the
    /// smallest number goes first.
    pub ranks: Option<NodeUri>,
}

impl Profile {
    /// How sure we are that `AccessType` with `Add` is about the node itself and not about what is
    /// below it. The right in the lists is that of the parent, which the text says.
    pub const ADD_ACCESS: Basis = Basis::Assumed;

    /// A device that has what we bring, and every option.
    #[must_use]
    pub fn builtin() -> Self {
        Self::read(&BUILTIN).expect("descriptions that we bring are tested")
    }

    /// The same, and it says where it looks for its bootstrap and which features it has, and ranks its servers.
    #[must_use]
    pub fn bootstrapped() -> Self {
        let all: Vec<&str> = BUILTIN.into_iter().chain(ADDED).collect();
        let profile = Self::read(&all).expect("descriptions that we bring are tested");
        Self {
            ranks: Priorities::RANKS.parse().ok(),
            ..profile
        }
    }

    /// A device with these descriptions, each the text of a `MgmtTree` in XML.
    ///
    /// # Errors
    ///
    /// Those of the XML reader and of [`Description::from_element`], and of an address in `Path`.
    pub fn read(descriptions: &[&str]) -> Result<Self, Error> {
        let mut profile = Self {
            parts: Vec::new(),
            limits: UriLimits::default(),
            properties: Property::ALL.into(),
            lists: true,
            search: true,
            tnds: true,
            placement: Placement::At,
            implicit_parents: true,
            open: true,
            minor: 2,
            ranks: None,
        };
        for text in descriptions {
            profile.add(&Description::from_element(&xml::read(
                text.as_bytes(),
                &Limits::default(),
            )?)?)?;
        }
        Ok(profile)
    }

    /// Adds what a description describes.
    ///
    /// # Errors
    ///
    /// That of an address in `Path`.
    pub fn add(&mut self, description: &Description) -> Result<(), Error> {
        for node in &description.nodes {
            let path = node.path.as_deref().unwrap_or(".").trim_end_matches('/');
            self.parts.push((path.parse()?, node.clone()));
        }
        Ok(())
    }

    /// The described parts and the addresses of what they stand in.
    pub fn parts(&self) -> impl Iterator<Item = (&NodeUri, &Node)> {
        self.parts.iter().map(|(at, node)| (at, node))
    }

    /// What is described for an address; a name goes before a placeholder.
    #[must_use]
    pub fn describe(&self, uri: &NodeUri) -> Option<&Node> {
        let names = uri.names();
        let within = |named: bool| {
            self.parts
                .iter()
                .filter(move |(at, node)| uri.is_within(at) && node.name.is_some() == named)
                .filter_map(|(at, node)| {
                    let (first, below) = names[at.names().len()..].split_first()?;
                    let fits = node.name.as_ref().is_none_or(|name| name == first);
                    fits.then(|| node.find(below)).flatten()
                })
        };
        within(true).chain(within(false)).next()
    }

    /// Whether a server may add a node there that no description knows: below one that takes `Add` and
    /// has no described children, and below what was put there.
    pub(super) fn is_open(&self, uri: &NodeUri) -> bool {
        let above = uri.ancestry().skip(1).find_map(|above| {
            let described = self.describe(&above)?;
            Some(described.children.is_empty() && described.access.contains(&Access::Add))
        });
        above.unwrap_or_else(|| self.open && !self.is_above(uri))
    }

    /// Whether a part is described below the address.
    pub(super) fn is_above(&self, uri: &NodeUri) -> bool {
        self.parts
            .iter()
            .any(|(at, _)| at != uri && at.is_within(uri))
    }
}

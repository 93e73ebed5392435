//! Changing: `Add`, `Replace`, `Delete`, `Copy`, and the question whether `Exec` may start.

use super::inquire::refuse;
use super::node::{default_type, is_binary, octets};
use super::rules::{AclChange, AddFacts, CopyFacts};
use super::{Given, Hand, Node, Refusal, Tree};
use crate::media;
use crate::syncml::{Format, StatusCode};
use crate::tree::acl::{Acl, Kind, Right};
use crate::tree::ddf::Access;
use crate::tree::{Address, NodeType, NodeUri, Property, Query};

/// Longest `Title`, in octets (DM TND 1.2).
const TITLE: usize = 255;

/// How the identifier of an account object starts, in whichever version.
const ACCOUNT: &str = "urn:oma:mo:oma-dm-dmacc:";

impl Tree {
    /// Creates a node, and its parents where the profile lets it.
    ///
    /// # Errors
    ///
    /// The status that refuses it, with the parent that could not be created. Nothing has changed then.
    pub fn add(
        &mut self,
        by: Hand<'_>,
        address: &Address,
        given: Given<'_>,
    ) -> Result<(), Refusal> {
        let uri = self.target(by, address)?;
        if is_tnds(given) {
            return self.import(by, uri, given, false);
        }
        self.add_with_parents(by, uri, given)
    }

    /// A copy of the tree to go back to would make each of many nodes side by side cost as much as all of them:
    /// what goes instead is the topmost node that was created.
    pub(super) fn add_with_parents(
        &mut self,
        by: Hand<'_>,
        uri: &NodeUri,
        given: Given<'_>,
    ) -> Result<(), Refusal> {
        let mut topmost = None;
        let added = self.add_below(by, uri, given, &mut topmost);
        if let Some(topmost) = topmost
            && by.rules.parents_go(added.is_err())
        {
            self.remove(&topmost);
        }
        added
    }

    fn add_below(
        &mut self,
        by: Hand<'_>,
        uri: &NodeUri,
        given: Given<'_>,
        topmost: &mut Option<NodeUri>,
    ) -> Result<(), Refusal> {
        if self.profile.implicit_parents {
            let mut above: Vec<_> = uri.ancestry().skip(1).collect();
            above.reverse();
            for parent in above {
                if self.node(&parent).is_none() {
                    let node = Given {
                        format: Some(&Format::Node),
                        ..Given::default()
                    };
                    self.add_one(by, &parent, node).map_err(|code| Refusal {
                        code,
                        node: Some(parent.clone()),
                    })?;
                    topmost.get_or_insert(parent);
                }
            }
        }
        Ok(self.add_one(by, uri, given)?)
    }

    fn add_one(&mut self, by: Hand<'_>, uri: &NodeUri, given: Given<'_>) -> Result<(), StatusCode> {
        let parent = uri.parent();
        let kind_of = |uri: &NodeUri| self.node(uri).map(Node::kind);
        let replaces_parent = |tree: &Self| {
            let parent = parent.as_ref();
            parent.is_some_and(|parent| tree.grants(by, parent, Right::Replace))
        };
        refuse(
            by.rules.add(AddFacts {
                exists: self.node(uri).is_some(),
                parent: parent.as_ref().and_then(kind_of),
                right: parent
                    .as_ref()
                    .is_some_and(|parent| self.grants(by, parent, Right::Add)),
                access: self.has_room(uri),
            }),
        )?;
        let kind = match given.format {
            Some(Format::Node) => Kind::Interior,
            _ => Kind::Leaf,
        };
        let mut node = self.fresh(by, uri, kind, given)?;
        if by.rules.owns_new_node(kind, replaces_parent(self)) {
            node.acl = format!("Add={0}&Delete={0}&Replace={0}", by.server)
                .parse()
                .unwrap_or_default();
        }
        self.plant(uri, |place| *place = node);
        Ok(())
    }

    /// The node that a server wants to have.
    fn fresh(
        &self,
        by: Hand<'_>,
        uri: &NodeUri,
        kind: Kind,
        given: Given<'_>,
    ) -> Result<Node, StatusCode> {
        let described = self.profile.describe(uri);
        let as_given = given.format.cloned().unwrap_or_default();
        let format = described.map_or_else(
            || match as_given {
                Format::B64 => Format::Bin,
                ref other => other.clone(),
            },
            |described| described.format.clone(),
        );
        let mut node = match kind {
            Kind::Interior => Node::interior(Acl::default()),
            Kind::Leaf => Node::leaf(format.clone()),
        };
        if kind == Kind::Leaf {
            node.set_value(value(by, &format, &as_given, given)?);
        } else {
            refuse(by.rules.takes(format == Format::Node, true))?;
        }
        let mime = |text: &str| match kind {
            Kind::Interior => NodeType::Object(text.to_owned()),
            Kind::Leaf => NodeType::Mime(text.to_owned()),
        };
        // Most peers describe an interior node as plain text, which says nothing about an object.
        let told = given
            .media_type
            .filter(|text| kind == Kind::Leaf || *text != "text/plain");
        if let Some(node_type) = told.map(mime).or_else(|| described.and_then(default_type)) {
            node.node_type = Some(node_type);
        }
        Ok(node)
    }

    /// Whether the description lets a node be added there, and there are not too many yet.
    fn has_room(&self, uri: &NodeUri) -> bool {
        let Some(described) = self.profile.describe(uri) else {
            return self.profile.is_open(uri);
        };
        let siblings = || {
            let parent = uri.parent()?;
            let alike = |name: &str| {
                let sibling = self.profile.describe(&parent.child(name));
                sibling.is_some_and(|sibling| std::ptr::eq(sibling, described))
            };
            let above = self.node(&parent)?;
            Some(above.children().filter(|(name, _)| alike(name)).count())
        };
        let most = described.occurrence.most();
        described.access.contains(&Access::Add)
            && most.is_none_or(|most| siblings().unwrap_or_default() < most as usize)
    }

    /// Overwrites a value or a property, or makes a part of the tree equal to a serialised one.
    ///
    /// # Errors
    ///
    /// The status that refuses it; nothing has changed then.
    pub fn replace(
        &mut self,
        by: Hand<'_>,
        address: &Address,
        given: Given<'_>,
    ) -> Result<(), Refusal> {
        let uri = &address.node;
        refuse(by.rules.addressed(uri.check(&self.profile.limits).is_ok()))?;
        match &address.query {
            Some(Query::Property(Property::Acl)) => Ok(self.replace_acl(by, uri, given)?),
            Some(Query::Property(property)) => {
                Ok(self.replace_property(by, uri, *property, given)?)
            }
            Some(_) => Err(StatusCode::COMMAND_NOT_ALLOWED.into()),
            None if is_tnds(given) => self.import(by, uri, given, true),
            None => Ok(self.replace_value(by, uri, given)?),
        }
    }

    pub(super) fn replace_value(
        &mut self,
        by: Hand<'_>,
        uri: &NodeUri,
        given: Given<'_>,
    ) -> Result<(), StatusCode> {
        refuse(
            by.rules
                .replace(self.facts(by, uri, Right::Replace, Access::Replace)),
        )?;
        let format = self
            .node(uri)
            .map(|node| node.format.clone())
            .unwrap_or_default();
        // A server that does not describe a value means the format that the node has.
        let as_given = given.format.cloned().unwrap_or_else(|| format.clone());
        let value = value(by, &format, &as_given, given)?;
        self.change(uri, |node| {
            node.set_value(value);
            if let Some(media_type) = given.media_type {
                node.node_type = Some(NodeType::Mime(media_type.to_owned()));
            }
        });
        Ok(())
    }

    fn replace_property(
        &mut self,
        by: Hand<'_>,
        uri: &NodeUri,
        property: Property,
        given: Given<'_>,
    ) -> Result<(), StatusCode> {
        let facts = self.facts(by, uri, Right::Replace, Access::Replace);
        let supported = property.is_mandatory() || self.profile.properties.contains(&property);
        refuse(by.rules.replace_property(facts, property, supported))?;
        let text = given
            .data
            .and_then(|data| data.as_text())
            .unwrap_or_default();
        match property {
            Property::Name => self.rename(uri, text),
            Property::Title if text.len() > TITLE => Err(StatusCode::ENTITY_TOO_LARGE),
            _ => {
                self.change(uri, |node| node.title = Some(text.to_owned()));
                Ok(())
            }
        }
    }

    fn rename(&mut self, uri: &NodeUri, name: &str) -> Result<(), StatusCode> {
        let legal = name
            .parse::<NodeUri>()
            .is_ok_and(|uri| uri.names() == [name]);
        let (Some(parent), Some(old)) = (uri.parent(), uri.name()) else {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        };
        if !legal {
            return Err(StatusCode::BAD_REQUEST);
        }
        let fresh = parent.child(name);
        if name != old && self.node(&fresh).is_some() {
            return Err(StatusCode::ALREADY_EXISTS);
        }
        refuse(match fresh.check(&self.profile.limits) {
            Ok(()) => StatusCode::OK,
            Err(_) => StatusCode::URI_TOO_LONG,
        })?;
        if let Some(parent) = self.node_mut(&parent)
            && let Some(node) = parent.children_mut().remove(old)
        {
            parent.children_mut().insert(name.to_owned(), node);
            let moved: Vec<NodeUri> = self.objects.iter().cloned().collect();
            for at in moved.into_iter().filter(|at| at.is_within(uri)) {
                let below = at.names()[uri.names().len()..].iter();
                let now = below.fold(fresh.clone(), |now, name| now.child(name.as_str()));
                self.note(&at, false);
                self.note(&now, true);
            }
        }
        self.change(&fresh, |_| {});
        Ok(())
    }

    pub(super) fn replace_acl(
        &mut self,
        by: Hand<'_>,
        uri: &NodeUri,
        given: Given<'_>,
    ) -> Result<(), StatusCode> {
        let kind = self
            .node(uri)
            .map(Node::kind)
            .ok_or(StatusCode::NOT_FOUND)?;
        let text = given.data.map_or(Some(""), |data| data.as_text());
        let list: Option<Acl> = text.and_then(|text| text.parse().ok());
        let parent = uri.parent();
        refuse(by.rules.replace_acl(AclChange {
            kind,
            on_node: self.grants(by, uri, Right::Replace),
            on_parent: parent.is_some_and(|parent| self.grants(by, &parent, Right::Replace)),
            legal: list.is_some(),
            empties_root: uri.is_root() && list.as_ref().is_some_and(Acl::is_empty),
        }))?;
        self.change(uri, |node| node.acl = list.unwrap_or_default());
        Ok(())
    }

    /// Removes a node and all below. With an account go the rights of its server.
    ///
    /// # Errors
    ///
    /// The status that refuses it.
    pub fn delete(&mut self, by: Hand<'_>, address: &Address) -> Result<(), Refusal> {
        let uri = self.target(by, address)?;
        refuse(
            by.rules
                .delete(self.facts(by, uri, Right::Delete, Access::Delete)),
        )?;
        self.forget(by, uri);
        Ok(())
    }

    /// Removes what may be removed, and what hangs on it.
    pub(super) fn forget(&mut self, by: Hand<'_>, uri: &NodeUri) {
        let accounts: Vec<_> = self
            .objects(ACCOUNT)
            .into_iter()
            .filter(|at| at.is_within(uri))
            .collect();
        let id_of = |at: &NodeUri| self.text(&at.child("ServerID")).map(str::to_owned);
        let servers: Vec<_> = accounts.iter().filter_map(id_of).collect();
        self.remove(uri);
        for server in servers {
            if by.rules.strips_rights(true) {
                self.strip(&server);
            }
        }
    }

    /// Removes a server from all lists.
    pub fn strip(&mut self, server: &str) {
        for uri in self.uris(&NodeUri::root()) {
            let Some(node) = self.node(&uri) else {
                continue;
            };
            let left = node.acl.without(server, uri.is_root());
            if left != node.acl {
                self.change(&uri, |node| node.acl = left);
            }
        }
    }

    /// Copies the value of one leaf to another, which is created if it is not there.
    ///
    /// # Errors
    ///
    /// The status that refuses it.
    pub fn copy(&mut self, by: Hand<'_>, from: &Address, to: &Address) -> Result<(), Refusal> {
        let (from, to) = (self.target(by, from)?, self.target(by, to)?);
        refuse(by.rules.copy(CopyFacts {
            source: self.facts(by, from, Right::Get, Access::Get),
            target: self.facts(by, to, Right::Replace, Access::Replace),
        }))?;
        let Some(source) = self.node(from).cloned() else {
            return Err(StatusCode::FORBIDDEN.into());
        };
        let data = crate::syncml::Data::Octets(source.value().to_vec());
        let given = Given {
            format: Some(&source.format),
            media_type: source.node_type.as_ref().map(NodeType::as_str),
            data: Some(&data),
        };
        match self.node(to) {
            Some(_) => Ok(self.replace_value(by, to, given)?),
            None => Ok(self.add_one(by, to, given)?),
        }
    }

    /// Whether a server may start the process of a node.
    ///
    /// # Errors
    ///
    /// The status that refuses it.
    pub fn may_exec(&self, by: Hand<'_>, address: &Address) -> Result<(), Refusal> {
        let uri = self.target(by, address)?;
        Ok(refuse(by.rules.exec(self.facts(
            by,
            uri,
            Right::Exec,
            Access::Exec,
        )))?)
    }

    /// The node that a command is about which takes no query.
    fn target<'a>(&self, by: Hand<'_>, address: &'a Address) -> Result<&'a NodeUri, StatusCode> {
        let uri = &address.node;
        refuse(by.rules.addressed(uri.check(&self.profile.limits).is_ok()))?;
        match &address.query {
            None => Ok(uri),
            Some(_) => Err(StatusCode::COMMAND_NOT_ALLOWED),
        }
    }
}

/// The value in what a server gave for a node of a format.
fn value(
    by: Hand<'_>,
    format: &Format,
    as_given: &Format,
    given: Given<'_>,
) -> Result<Vec<u8>, StatusCode> {
    let binary = is_binary(format) && is_binary(as_given);
    let known = !matches!(as_given, Format::Other(_));
    let value = match given.data {
        Some(data) => octets(data, as_given),
        None if *as_given == Format::Null => Some(Vec::new()),
        None => return Err(StatusCode::INCOMPLETE_COMMAND),
    };
    refuse(
        by.rules
            .takes(binary || known && format == as_given, value.is_some()),
    )?;
    Ok(value.unwrap_or_default())
}

fn is_tnds(given: Given<'_>) -> bool {
    let named = |name: &str| [media::TNDS_XML, media::TNDS_WBXML].contains(&name);
    given.media_type.is_some_and(named)
}

//! The management tree of a device: nodes, and what servers may do with them.
//!
//! A tree is cheap to keep and to copy: a copy shares all nodes with its original until one of them
//! changes. That makes a roll-back a matter of one assignment, and a fleet of devices that are alike a
//! matter of one tree.
//!
//! What a server does goes through a [`Hand`], which knows the server and the device's decisions. What
//! the device does itself ([`Tree::set`], [`Tree::install`], [`Tree::remove`]) asks nobody.

mod change;
mod import;
mod inquire;
mod node;
mod profile;
pub mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::provisioning::Account;
use crate::syncml::{Data, Format, Meta, StatusCode};
use crate::tree::acl::{Acl, Acls, Kind, Right, Who};
use crate::tree::ddf::{Access, Scope};
use crate::tree::tnds::State;
use crate::tree::{NodeType, NodeUri, RtProperties, ddf};
use rules::decide::Rules;
use rules::{AclFacts, NodeFacts};

pub use inquire::{Entry, Found, Told};
pub use node::Node;
pub use profile::Profile;

/// A management tree.
#[derive(Clone, Debug)]
pub struct Tree {
    profile: Arc<Profile>,
    root: Arc<Node>,
    /// Where the roots of management objects are: nobody has to look through all nodes for one.
    objects: Arc<BTreeSet<NodeUri>>,
    /// What `TStamp` of nodes that change is set to.
    stamp: Option<Arc<str>>,
}

impl PartialEq for Tree {
    /// Two trees are the same if their nodes are.
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

/// Whose command it is, and who decides about it.
#[derive(Clone, Copy)]
pub struct Hand<'a> {
    /// The server, by the identifier in its account.
    pub server: &'a str,
    /// The decisions of the device.
    pub rules: &'a dyn Rules,
}

/// What a server gives with an address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// The format of the data; text if it does not say.
    pub format: Option<&'a Format>,
    /// The type of the data; plain text if it does not say.
    pub media_type: Option<&'a str>,
    /// The data.
    pub data: Option<&'a Data>,
}

impl<'a> Given<'a> {
    /// What an item gives, with the meta information that holds for it.
    #[must_use]
    pub fn new(meta: Option<&'a Meta>, data: Option<&'a Data>) -> Self {
        Self {
            format: meta.and_then(|meta| meta.format.as_ref()),
            media_type: meta.and_then(|meta| meta.media_type.as_deref()),
            data,
        }
    }
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the status says.
    pub code: StatusCode,
    /// The node at fault, if it is not the one that the command addresses: a parent that could not be
    /// created, or a node in a serialised tree.
    pub node: Option<NodeUri>,
}

impl From<StatusCode> for Refusal {
    fn from(code: StatusCode) -> Self {
        Self { code, node: None }
    }
}

impl Tree {
    /// A tree with what every device of this profile has: described nodes that are mandatory and have
    /// a name, with their first values.
    #[must_use]
    pub fn new(profile: Arc<Profile>) -> Self {
        let mut root = Node::interior(Acl::of_root());
        root.permanent = true;
        let mut tree = Self {
            profile: Arc::clone(&profile),
            root: Arc::new(root),
            objects: Arc::default(),
            stamp: None,
        };
        for (at, node) in profile.parts() {
            if !at.is_root() && node.name.is_some() && tree.node(at).is_none() {
                tree.plant(at, |node| node.permanent = true);
            }
            tree.sprout(at, node);
        }
        tree
    }

    /// The tree of a device of this name as it leaves the factory: with these accounts, each of whose
    /// servers may do below the root what no description forbids.
    #[must_use]
    pub fn of_device(profile: Arc<Profile>, device: &str, accounts: &[Account]) -> Self {
        Self::new(profile).issued(device, accounts)
    }

    /// The tree of one device out of many that leave the factory with this one: see [`Tree::of_device`]. What
    /// they have in common is there once for all.
    #[must_use]
    pub fn issued(&self, device: &str, accounts: &[Account]) -> Self {
        let mut tree = self.clone();
        let servers: Vec<&str> = accounts.iter().map(|a| &*a.server_id).collect();
        let servers = servers.join("+");
        let rights = format!("Add=*&Get=*&Replace={servers}&Delete={servers}&Exec={servers}");
        if let Ok(rights) = rights.parse() {
            tree.install(&[State {
                uri: NodeUri::root(),
                properties: RtProperties {
                    acl: Some(rights),
                    ..RtProperties::default()
                },
                value: None,
            }]);
        }
        if let Ok(id) = "./DevInfo/DevId".parse() {
            tree.set(&id, device);
        }
        for (number, account) in (1..).zip(accounts) {
            if let Ok(at) = format!("./DMAcc/{number}").parse() {
                tree.install(&account.states(&at));
            }
        }
        tree
    }

    /// The profile that it follows.
    #[must_use]
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// Says what time it is: `YYYYMMDDThhmmssZ`, for `TStamp` of what changes from now on.
    pub fn set_stamp(&mut self, stamp: Option<Arc<str>>) {
        self.stamp = stamp;
    }

    /// A node, if it is there.
    #[must_use]
    pub fn node(&self, uri: &NodeUri) -> Option<&Node> {
        let mut node = &*self.root;
        for name in uri.names() {
            node = node.child(name)?;
        }
        Some(node)
    }

    /// The value of a leaf as text, if it is one.
    #[must_use]
    pub fn text(&self, uri: &NodeUri) -> Option<&str> {
        let node = self.node(uri).filter(|node| node.kind() == Kind::Leaf)?;
        str::from_utf8(node.value()).ok()
    }

    /// Gives a leaf a value; the device's own doing. What is not there is created as text.
    pub fn set(&mut self, uri: &NodeUri, value: impl Into<Vec<u8>>) {
        let format = self
            .profile
            .describe(uri)
            .map_or(Format::Chr, |described| described.format.clone());
        self.plant(uri, |node| {
            if node.kind() == Kind::Interior {
                *node = Node::leaf(format);
            }
            node.set_value(value.into());
        });
    }

    /// Puts nodes into the tree; the device's own doing, for instance what a bootstrap brings.
    pub fn install(&mut self, states: &[State]) {
        for state in states {
            let properties = &state.properties;
            let interior = match &properties.format {
                Some(format) => *format == Format::Node,
                None => state.value.is_none(),
            };
            self.plant(&state.uri, |node| {
                if !interior {
                    let format = properties.format.clone().unwrap_or_default();
                    let value = state.value.as_ref();
                    let octets = value.and_then(|value| node::octets(value, &format));
                    *node = Node::leaf(format);
                    node.set_value(octets.unwrap_or_default());
                }
                node.describe(properties);
            });
        }
    }

    /// Removes a node and all below; the device's own doing. Says whether it was there.
    pub fn remove(&mut self, uri: &NodeUri) -> bool {
        let (Some(parent), Some(name)) = (uri.parent(), uri.name()) else {
            return false;
        };
        let Some(parent) = self.node_mut(&parent) else {
            return false;
        };
        let removed = parent.children_mut().remove(name).is_some();
        if removed && self.objects.iter().any(|at| at.is_within(uri)) {
            Arc::make_mut(&mut self.objects).retain(|at| !at.is_within(uri));
        }
        removed
    }

    /// The addresses of all nodes from `top` down, parents first.
    #[must_use]
    pub fn uris(&self, top: &NodeUri) -> Vec<NodeUri> {
        let mut uris = Vec::new();
        if let Some(node) = self.node(top) {
            collect(node, top.clone(), &mut uris);
        }
        uris
    }

    /// The roots of management objects of a kind: interior nodes whose type starts with this. Parents first.
    #[must_use]
    pub fn objects(&self, identifier: &str) -> Vec<NodeUri> {
        let is_one = |at: &&NodeUri| {
            let own = self.node(at).and_then(|node| node.node_type.as_ref());
            matches!(own, Some(NodeType::Object(id)) if id.starts_with(identifier))
        };
        self.objects.iter().filter(is_one).cloned().collect()
    }

    /// Keeps in mind whether a node is the root of an object, now that it has changed.
    fn note(&mut self, uri: &NodeUri, is_object: bool) {
        if self.objects.contains(uri) == is_object {
            return;
        }
        let objects = Arc::make_mut(&mut self.objects);
        match is_object {
            true => objects.insert(uri.clone()),
            false => objects.remove(uri),
        };
    }

    /// The lists from the root down to a node, or to where it would be.
    fn lists(&self, uri: &NodeUri) -> Vec<&Acl> {
        let mut node = &*self.root;
        let mut lists = vec![&node.acl];
        for name in uri.names() {
            let Some(child) = node.child(name) else { break };
            lists.push(&child.acl);
            node = child;
        }
        lists
    }

    /// Whether the lists grant a right.
    #[must_use]
    pub fn grants(&self, by: Hand<'_>, uri: &NodeUri, right: Right) -> bool {
        by.rules.grants(AclFacts {
            lists: &self.lists(uri),
            right,
            server: by.server,
        })
    }

    fn facts(&self, by: Hand<'_>, uri: &NodeUri, right: Right, access: Access) -> NodeFacts {
        let node = self.node(uri);
        NodeFacts {
            kind: node.map(Node::kind),
            right: self.holds(by, uri, right),
            access: self.has_access(uri, access),
            permanent: node.is_some_and(|node| node.permanent),
            root: uri.is_root(),
        }
    }

    /// Whether the lists grant a right, and no other server goes first that has the right to change a node by name.
    fn holds(&self, by: Hand<'_>, uri: &NodeUri, right: Right) -> bool {
        let granted = self.grants(by, uri, right);
        let changes = matches!(right, Right::Delete | Right::Replace);
        let Some(ranks) = self.profile.ranks.as_ref().filter(|_| changes) else {
            return granted;
        };
        if uri.is_within(ranks) {
            return by.rules.ranks(granted);
        }
        granted && !(self.node(ranks).is_some() && self.is_outranked(by, uri, right, ranks))
    }

    fn is_outranked(&self, by: Hand<'_>, uri: &NodeUri, right: Right, ranks: &NodeUri) -> bool {
        let rank = |server: &str| self.text(&ranks.child(server))?.trim().parse().ok();
        let own = rank(by.server);
        let lists = self.lists(uri);
        let holding = lists.iter().rev().find(|list| !list.is_empty());
        let entries = holding.into_iter().flat_map(|list| list.entries());
        let named = entries
            .filter(|(granted, _)| *granted == right)
            .flat_map(|(_, who)| who);
        named
            .filter_map(|who| match who {
                Who::Server(id) if id != by.server => Some(id),
                _ => None,
            })
            .any(|other| by.rules.gives_way(own, rank(other)))
    }

    /// Whether `AccessType` has a command. What is not described takes everything but `Exec`; what
    /// only leads to described nodes can be read.
    fn has_access(&self, uri: &NodeUri, access: Access) -> bool {
        match self.profile.describe(uri) {
            Some(described) => described.access.contains(&access),
            None if self.profile.is_above(uri) => matches!(access, Access::Add | Access::Get),
            None => access != Access::Exec,
        }
    }

    /// Creates what a description says is always there.
    fn sprout(&mut self, at: &NodeUri, described: &ddf::Node) {
        let Some(name) = &described.name else { return };
        if !described.occurrence.is_mandatory() {
            return;
        }
        let uri = at.child(name);
        self.plant(&uri, |node| {
            if described.format != Format::Node {
                *node = Node::leaf(described.format.clone());
                let value = described
                    .value
                    .as_ref()
                    .or(described.default_value.as_ref());
                let data = value.map(|value| Data::Text(value.clone()));
                let octets = data.and_then(|data| node::octets(&data, &described.format));
                node.set_value(octets.unwrap_or_default());
            }
            node.node_type = node::default_type(described);
            node.describe(&described.properties);
            node.permanent = described.scope == Scope::Permanent;
        });
        for child in &described.children {
            self.sprout(&uri, child);
        }
    }

    /// Changes a node; it is created, and its parents with it, if it is not there.
    fn plant(&mut self, uri: &NodeUri, change: impl FnOnce(&mut Node)) {
        let mut node = Arc::make_mut(&mut self.root);
        for name in uri.names() {
            let child = node.children_mut().entry(name.clone());
            let fresh = || Arc::new(Node::interior(Acl::default()));
            node = Arc::make_mut(child.or_insert_with(fresh));
        }
        let was_object = node.is_object();
        change(node);
        node.tstamp.clone_from(&self.stamp);
        let is_object = node.is_object();
        if was_object || is_object {
            self.note(uri, is_object);
        }
    }

    fn node_mut(&mut self, uri: &NodeUri) -> Option<&mut Node> {
        let mut node = Arc::make_mut(&mut self.root);
        for name in uri.names() {
            node = Arc::make_mut(node.children_mut().get_mut(name)?);
        }
        Some(node)
    }

    /// Changes a node that is there, and counts that.
    fn change(&mut self, uri: &NodeUri, change: impl FnOnce(&mut Node)) {
        let stamp = self.stamp.clone();
        if let Some(node) = self.node_mut(uri) {
            let was_object = node.is_object();
            change(node);
            node.ver_no = node.ver_no.wrapping_add(1);
            node.tstamp = stamp;
            let is_object = node.is_object();
            if was_object || is_object {
                self.note(uri, is_object);
            }
        }
    }
}

impl Acls for Tree {
    fn own(&self, node: &NodeUri) -> Option<&Acl> {
        self.node(node).map(|node| &node.acl)
    }
}

fn collect(node: &Node, uri: NodeUri, uris: &mut Vec<NodeUri>) {
    let below: BTreeMap<_, _> = node
        .children()
        .map(|(name, child)| (uri.child(name), child))
        .collect();
    uris.push(uri);
    for (uri, child) in below {
        collect(child, uri, uris);
    }
}

//! What a device decides about its tree.

use crate::syncml::StatusCode;
use crate::tree::acl::{Acl, Kind, Right};

/// What a right follows from.
#[derive(Clone, Copy, Debug)]
pub struct AclFacts<'a> {
    /// The lists from the root down to the node; empty ones inherit.
    pub lists: &'a [&'a Acl],
    /// The right that is needed.
    pub right: Right,
    /// The server, by the identifier in its account.
    pub server: &'a str,
}

/// What is known about a node that a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// Whether it has a value or children; none if it is not there.
    pub kind: Option<Kind>,
    /// Whether the lists grant the right.
    pub right: bool,
    /// Whether the description has the command in `AccessType`.
    pub access: bool,
    /// Whether the node is always there.
    pub permanent: bool,
    /// Whether it is the root.
    pub root: bool,
}

/// What an addition follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddFacts {
    /// Whether the node is there already.
    pub exists: bool,
    /// What its parent is; none if it is not there.
    pub parent: Option<Kind>,
    /// Whether the lists grant the right to add below the parent.
    pub right: bool,
    /// Whether the description has room for the node and lets it be added.
    pub access: bool,
}

/// What a copy follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyFacts {
    /// What the source is, with the right to read it.
    pub source: NodeFacts,
    /// What the target is, with the right to replace it.
    pub target: NodeFacts,
}

/// What a change of a list follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AclChange {
    /// What the node is.
    pub kind: Kind,
    /// Whether the server may replace the node.
    pub on_node: bool,
    /// Whether the server may replace the parent; no for the root.
    pub on_parent: bool,
    /// Whether what it sent is a list.
    pub legal: bool,
    /// Whether the node is the root and the list is empty.
    pub empties_root: bool,
}

/// How a node's own, empty list is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// An empty value and 200 (DM 1.2).
    Empty,
    /// The list that holds and 217 (DM 1.3).
    Told,
}

/// How much of a node a structural query tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Nothing, not even that it is there.
    Hidden,
    /// What it is, but not its value.
    Known,
    /// Everything.
    Shown,
}

twinproof_kernel::rules! {
    /// The decisions of a device about its tree.
    pub mod decide {
        use super::AclChange;
        use super::AclFacts;
        use super::AddFacts;
        use super::CopyFacts;
        use super::Inherited;
        use super::Listed;
        use super::NodeFacts;
        use crate::syncml::StatusCode;
        use crate::tree::Property;
        use crate::tree::acl::Kind;

        /// Whether lists grant a right: the nearest one that is not empty decides alone (DM TND 1.2).
        fn grants(&self, facts: AclFacts<'_>) -> bool {
            super::nearest(facts.lists).is_some_and(|list| list.allows(facts.right, facts.server))
        }

        /// Whether a server may change the rank of one, where the lists grant it or not.
        fn ranks(&self, granted: bool) -> bool {
            granted
        }

        /// Whether a server of a rank gives way to one of another that has the same right: the smaller number goes
        /// first, and who has none comes last.
        fn gives_way(&self, own: Option<u32>, other: Option<u32>) -> bool {
            match (own, other) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(own), Some(other)) => other < own,
            }
        }

        /// The answer to an address within the device's limits, or not.
        fn addressed(&self, fits: bool) -> StatusCode {
            if fits { StatusCode::OK } else { StatusCode::URI_TOO_LONG }
        }

        /// The answer to `Get` of a value or of the names of children.
        fn get(&self, facts: NodeFacts) -> StatusCode {
            super::usual(facts)
        }

        /// The answer to `Get` of a property: `AccessType` is about values, lists are about both.
        fn get_property(&self, facts: NodeFacts, supported: bool) -> StatusCode {
            match (super::usual(NodeFacts { access: true, ..facts }), supported) {
                (StatusCode::OK, false) => StatusCode::FEATURE_NOT_SUPPORTED,
                (code, _) => code,
            }
        }

        /// How an empty list of a node is told.
        fn inherited_acl(&self, minor: u8) -> Inherited {
            if minor >= 3 { Inherited::Told } else { Inherited::Empty }
        }

        /// The answer to a structural query at its top.
        fn list(&self, facts: NodeFacts, supported: bool) -> StatusCode {
            match (super::usual(NodeFacts { access: true, ..facts }), supported) {
                (StatusCode::OK, false) => StatusCode::FEATURE_NOT_SUPPORTED,
                (code, _) => code,
            }
        }

        /// How much of a node below a structural query tells: `right` is `Get` in the lists, `access`
        /// is `Get` in `AccessType`.
        fn listed(&self, right: bool, access: bool) -> Listed {
            match (right, access) {
                (false, _) => Listed::Hidden,
                (true, false) => Listed::Known,
                (true, true) => Listed::Shown,
            }
        }

        /// Whether an object is one that is searched for, by their identifiers.
        fn is_instance(&self, own: String, wanted: String) -> bool {
            own == wanted
        }

        /// The answer to `Add`.
        fn add(&self, facts: AddFacts) -> StatusCode {
            match facts {
                AddFacts { exists: true, .. } => StatusCode::ALREADY_EXISTS,
                AddFacts { parent: None, .. } => StatusCode::NOT_FOUND,
                AddFacts { parent: Some(Kind::Leaf), .. } => StatusCode::COMMAND_NOT_ALLOWED,
                AddFacts { right: false, .. } => StatusCode::PERMISSION_DENIED,
                AddFacts { access: false, .. } => StatusCode::COMMAND_NOT_ALLOWED,
                _ => StatusCode::OK,
            }
        }

        /// The answer to `Replace` of a value. It never creates a node, and an interior node has no
        /// value.
        fn replace(&self, facts: NodeFacts) -> StatusCode {
            match super::usual(facts) {
                StatusCode::OK if facts.kind == Some(Kind::Interior) => StatusCode::COMMAND_NOT_ALLOWED,
                code => code,
            }
        }

        /// The answer to data: of the format that the node has, or not; a value of that format, or not.
        fn takes(&self, format: bool, value: bool) -> StatusCode {
            match format && value {
                true => StatusCode::OK,
                false => StatusCode::UNSUPPORTED_TYPE_OR_FORMAT,
            }
        }

        /// The answer to `Delete` of the node that a command addresses.
        fn delete(&self, facts: NodeFacts) -> StatusCode {
            match super::usual(NodeFacts { access: true, ..facts }) {
                StatusCode::NOT_FOUND => StatusCode::NOT_FOUND,
                _ if facts.root || facts.permanent => StatusCode::COMMAND_NOT_ALLOWED,
                StatusCode::OK if !facts.access => StatusCode::COMMAND_NOT_ALLOWED,
                code => code,
            }
        }

        /// The answer to `Copy`: from leaf to leaf. A target that is there is overwritten.
        fn copy(&self, facts: CopyFacts) -> StatusCode {
            match (facts.source.kind, facts.target.kind) {
                (None | Some(Kind::Interior), _) | (_, Some(Kind::Interior)) => StatusCode::FORBIDDEN,
                (_, None) => super::usual(facts.source),
                (_, Some(Kind::Leaf)) => match super::usual(facts.source) {
                    StatusCode::OK => super::usual(facts.target),
                    code => code,
                },
            }
        }

        /// The answer to `Exec`.
        fn exec(&self, facts: NodeFacts) -> StatusCode {
            super::usual(facts)
        }

        /// The answer to `Replace` of a property but the list.
        fn replace_property(&self, facts: NodeFacts, property: Property, supported: bool) -> StatusCode {
            match super::usual(NodeFacts { access: true, ..facts }) {
                StatusCode::OK if !supported => StatusCode::FEATURE_NOT_SUPPORTED,
                StatusCode::OK if !property.is_replaceable() => StatusCode::COMMAND_NOT_ALLOWED,
                StatusCode::OK if property == Property::Name && (facts.permanent || facts.root) => {
                    StatusCode::COMMAND_NOT_ALLOWED
                }
                code => code,
            }
        }

        /// The answer to `Replace` of a list: the right to replace a leaf does not reach its list.
        fn replace_acl(&self, facts: AclChange) -> StatusCode {
            let may = facts.on_parent || facts.kind == Kind::Interior && facts.on_node;
            match facts {
                _ if !may => StatusCode::PERMISSION_DENIED,
                AclChange { legal: false, .. } => StatusCode::BAD_REQUEST,
                AclChange { empties_root: true, .. } => StatusCode::COMMAND_NOT_ALLOWED,
                _ => StatusCode::OK,
            }
        }

        /// Whether a new node gets a list that lets its creator manage it: an interior node, where the
        /// creator may not replace the parent.
        fn owns_new_node(&self, kind: Kind, replaces_parent: bool) -> bool {
            kind == Kind::Interior && !replaces_parent
        }

        /// Whether the parents go that were created for a node which was not added then.
        fn parents_go(&self, failed: bool) -> bool {
            failed
        }

        /// Whether a serialised tree is taken, by a device that takes them or not.
        fn takes_documents(&self, has: bool) -> bool {
            has
        }

        /// Whether a serialised tree that fails at one node leaves no trace.
        fn import_is_undone(&self, failed: bool) -> bool {
            failed
        }

        /// Whether a node that a serialised tree does not name goes when it replaces a part that has
        /// one.
        fn import_removes(&self, named: bool) -> bool {
            !named
        }

        /// Whether rights of a server are stripped from all lists when its account goes.
        fn strips_rights(&self, account_goes: bool) -> bool {
            account_goes
        }
    }
}

/// The list that holds.
fn nearest<'a>(lists: &[&'a Acl]) -> Option<&'a Acl> {
    lists.iter().rev().find(|list| !list.is_empty()).copied()
}

/// The order in which most commands fail.
fn usual(facts: NodeFacts) -> StatusCode {
    match facts {
        NodeFacts { kind: None, .. } => StatusCode::NOT_FOUND,
        NodeFacts { right: false, .. } => StatusCode::PERMISSION_DENIED,
        NodeFacts { access: false, .. } => StatusCode::COMMAND_NOT_ALLOWED,
        _ => StatusCode::OK,
    }
}

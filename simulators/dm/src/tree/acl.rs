//! Access control lists: syntax, inheritance, and what they allow (DM TND 1.2).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::NodeUri;
use crate::error::{Error, Fault, shown};

/// The value of the property `ACL`. An empty one inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    /// Entries in order. A right may have several; they add up.
    entries: Vec<(Right, Vec<Who>)>,
}

/// Rights, one for each command that can be granted. `Copy` needs those of the commands that it
/// stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// To create children.
    Add,
    /// To remove the node.
    Delete,
    /// To start its process.
    Exec,
    /// To read value and properties.
    Get,
    /// To overwrite value and properties.
    Replace,
}

/// Who has a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// `*`.
    Everyone,
    /// A server, by the identifier in its account; not by its address.
    Server(String),
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Add,
        Self::Delete,
        Self::Exec,
        Self::Get,
        Self::Replace,
    ];

    /// The word in a list.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Delete => "Delete",
            Self::Exec => "Exec",
            Self::Get => "Get",
            Self::Replace => "Replace",
        }
    }
}

impl Acl {
    /// What the root has unless somebody changes it: `Add=*&Get=*`.
    #[must_use]
    pub fn of_root() -> Self {
        Self::granting(&[Right::Add, Right::Get], &Who::Everyone)
    }

    /// What the account has that a bootstrap creates: its own server may read, overwrite and remove
    /// it.
    #[must_use]
    pub fn of_bootstrapped_account(server: &str) -> Self {
        let server = Who::Server(server.to_owned());
        Self::granting(&[Right::Get, Right::Replace, Right::Delete], &server)
    }

    fn granting(rights: &[Right], who: &Who) -> Self {
        Self {
            entries: rights
                .iter()
                .map(|&right| (right, vec![who.clone()]))
                .collect(),
        }
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[(Right, Vec<Who>)] {
        &self.entries
    }

    /// Whether a server has a right.
    #[must_use]
    pub fn allows(&self, right: Right, server: &str) -> bool {
        self.entries
            .iter()
            .filter(|(granted, _)| *granted == right)
            .flat_map(|(_, who)| who)
            .any(|who| match who {
                Who::Everyone => true,
                Who::Server(id) => id == server,
            })
    }

    /// The list after the account of a server is gone. An entry that nobody is left in disappears;
    /// at the root it falls to everyone.
    #[must_use]
    pub fn without(&self, server: &str, at_root: bool) -> Self {
        let gone = |who: &Who| matches!(who, Who::Server(id) if id == server);
        let entries = self.entries.iter().filter_map(|(right, who)| {
            let left: Vec<_> = who.iter().filter(|who| !gone(who)).cloned().collect();
            match (left.is_empty(), at_root) {
                (false, _) => Some((*right, left)),
                (true, true) => Some((*right, vec![Who::Everyone])),
                (true, false) => None,
            }
        });
        Self {
            entries: entries.collect(),
        }
    }
}

impl FromStr for Acl {
    type Err = Error;

    /// Reads a list. Nothing at all is the empty list.
    ///
    /// # Errors
    ///
    /// [`Fault::Syntax`] with the offset of an entry that is not `Right=identifiers`, or of an
    /// identifier that is empty or has a character that none may have.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut entries = Vec::new();
        if text.is_empty() {
            return Ok(Self { entries });
        }
        let mut offset = 0;
        for entry in text.split('&') {
            let known = entry.split_once('=').and_then(|(word, who)| {
                let right = Right::ALL
                    .into_iter()
                    .find(|right| right.as_str() == word)?;
                Some((right, who))
            });
            let (right, who) = known.ok_or_else(|| {
                let words = Right::ALL.map(Right::as_str).join(", ");
                let expected = format!("an entry of {words}");
                Error::new(Fault::Syntax, offset, expected, shown(entry))
            })?;
            let mut id_offset = offset + entry.len() - who.len();
            let mut all = Vec::new();
            for id in who.split('+') {
                all.push(who_is(id).ok_or_else(|| {
                    let expected = "* or a server identifier";
                    Error::new(Fault::Syntax, id_offset, expected, shown(id))
                })?);
                id_offset += id.len() + 1;
            }
            entries.push((right, all));
            offset += entry.len() + 1;
        }
        Ok(Self { entries })
    }
}

fn who_is(id: &str) -> Option<Who> {
    let forbidden = |c: char| "=&*+".contains(c) || c.is_whitespace() || c.is_control();
    match id {
        "*" => Some(Who::Everyone),
        id if id.is_empty() || id.contains(forbidden) => None,
        id => Some(Who::Server(id.to_owned())),
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (right, who)) in self.entries.iter().enumerate() {
            let separator = if index == 0 { "" } else { "&" };
            write!(f, "{separator}{}=", right.as_str())?;
            for (index, who) in who.iter().enumerate() {
                let separator = if index == 0 { "" } else { "+" };
                let id = match who {
                    Who::Everyone => "*",
                    Who::Server(id) => id,
                };
                write!(f, "{separator}{id}")?;
            }
        }
        Ok(())
    }
}

/// Where lists are kept: a tree says which node has which.
pub trait Acls {
    /// The list of the node itself; none and empty are the same.
    fn own(&self, node: &NodeUri) -> Option<&Acl>;

    /// The list that holds for a node: its own, or that of the nearest ancestor that has one. Lists
    /// are never merged. A root without a list has [`Acl::of_root`].
    fn effective(&self, node: &NodeUri) -> Cow<'_, Acl> {
        node.ancestry()
            .find_map(|node| self.own(&node).filter(|acl| !acl.is_empty()))
            .map_or_else(|| Cow::Owned(Acl::of_root()), Cow::Borrowed)
    }

    /// Whether a server has a right on a node, its value and its properties but the list.
    fn allows(&self, node: &NodeUri, right: Right, server: &str) -> bool {
        self.effective(node).allows(right, server)
    }

    /// Whether a server may replace the list of a node. For a leaf it needs the right to replace the
    /// parent; for an interior node, the right to replace either.
    fn allows_acl_change(&self, node: &NodeUri, kind: Kind, server: &str) -> bool {
        let on_parent = node
            .parent()
            .is_some_and(|parent| self.allows(&parent, Right::Replace, server));
        on_parent || kind == Kind::Interior && self.allows(node, Right::Replace, server)
    }

    /// The list that a new node gets: none, unless a server without the right to replace the parent
    /// creates an interior node, which it could then not manage.
    fn of_new_node(&self, parent: &NodeUri, kind: Kind, server: &str) -> Acl {
        if kind == Kind::Leaf || self.allows(parent, Right::Replace, server) {
            return Acl::default();
        }
        let server = Who::Server(server.to_owned());
        Acl::granting(&[Right::Add, Right::Delete, Right::Replace], &server)
    }
}

impl Acls for BTreeMap<NodeUri, Acl> {
    fn own(&self, node: &NodeUri) -> Option<&Acl> {
        self.get(node)
    }
}

/// Kinds of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Has children, or could have.
    Interior,
    /// Has a value.
    Leaf,
}

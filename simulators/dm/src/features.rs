//! What DM 1.3 lets a server find out and set, and no public text names: which optional features a client has, and
//! how the servers of a client rank. Names, as data.

use serde::{Deserialize, Serialize};

use crate::store::Tree;

/// What a flag says of a feature that the client does not have.
const DENIED: &str = "false";

/// An optional feature of clients that a server can try.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// A place for objects whose own place the client finds.
    Inbox,
    /// Values that come in parts.
    LargeObjects,
    /// Structural queries.
    Lists,
    /// Parts of the tree as documents.
    Tnds,
    /// What a server tells and asks the user.
    UserInteraction,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Inbox,
        Self::LargeObjects,
        Self::Lists,
        Self::Tnds,
        Self::UserInteraction,
    ];
}

/// Where a client says whether it has a feature.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// The address of the leaf.
    pub node: String,
    /// The value by which it says yes, in whichever case; any other says no.
    #[serde(default = "Flag::default_value")]
    pub value: String,
}

impl Flag {
    fn default_value() -> String {
        "true".to_owned()
    }

    fn at(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            value: Self::default_value(),
        }
    }

    /// Whether this value of the leaf says yes.
    #[must_use]
    pub fn claims(&self, value: &str) -> bool {
        value.trim().eq_ignore_ascii_case(&self.value)
    }
}

/// Where a client says which optional features it has. For large objects a public text says it (DM Standardized
/// Objects 1.2); the rest is [`Basis::Assumed`](crate::Basis::Assumed).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// Whether it has an inbox.
    pub inbox: Flag,
    /// Whether values may come in parts.
    pub large_objects: Flag,
    /// Whether it answers structural queries.
    pub lists: Flag,
    /// Whether it takes parts of its tree as documents.
    pub tnds: Flag,
    /// Whether it tells and asks its user what a server wants it to.
    pub user_interaction: Flag,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            inbox: Flag::at("./DevDetail/OptFeatures/Inbox"),
            large_objects: Flag::at(Self::LARGE_OBJECTS),
            lists: Flag::at("./DevDetail/OptFeatures/StructuralQueries"),
            tnds: Flag::at("./DevDetail/OptFeatures/TNDS"),
            user_interaction: Flag::at("./DevDetail/OptFeatures/UserInteraction"),
        }
    }
}

impl Features {
    /// Where a client says whether values may come in parts (DM Standardized Objects 1.2).
    pub const LARGE_OBJECTS: &str = "./DevDetail/LrgObj";

    /// Where a client says whether it has a feature.
    #[must_use]
    pub const fn of(&self, feature: Feature) -> &Flag {
        match feature {
            Feature::Inbox => &self.inbox,
            Feature::LargeObjects => &self.large_objects,
            Feature::Lists => &self.lists,
            Feature::Tnds => &self.tnds,
            Feature::UserInteraction => &self.user_interaction,
        }
    }

    /// Writes into a device's tree which features it has. What has no address that is one is left out.
    pub fn write(&self, tree: &mut Tree, has: impl Fn(Feature) -> bool) {
        for feature in Feature::ALL {
            let flag = self.of(feature);
            if let Ok(at) = flag.node.parse() {
                let value = if has(feature) { &flag.value } else { DENIED };
                tree.set(&at, value);
            }
        }
    }
}

/// How the servers of a client are ranked. All of it is [`Basis::Assumed`](crate::Basis::Assumed).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Priorities {
    /// The address of the leaf with the rank of a server: `{server}` stands for its identifier.
    pub rank: String,
    /// What stands there for the one of two servers that goes first.
    pub higher: String,
    /// What stands there for the other.
    pub lower: String,
}

impl Default for Priorities {
    fn default() -> Self {
        Self {
            rank: format!("{}/{{server}}", Self::RANKS),
            higher: "1".to_owned(),
            lower: "2".to_owned(),
        }
    }
}

impl Priorities {
    /// Where the built-in client has the ranks of its servers.
    pub const RANKS: &str = "./Priorities";

    /// The address of the leaf with the rank of this server.
    #[must_use]
    pub fn rank_of(&self, server: &str) -> String {
        self.rank.replace("{server}", server)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Feature, Features, Flag};
    use crate::store::{Profile, Tree};

    #[test]
    fn a_tree_says_what_the_device_has() {
        let mut tree = Tree::of_device(Arc::new(Profile::bootstrapped()), "D", &[]);
        let features = Features {
            lists: Flag {
                node: "./Vendor/Lists".to_owned(),
                value: "yes".to_owned(),
            },
            ..Features::default()
        };
        features.write(&mut tree, |feature| feature != Feature::LargeObjects);
        for feature in Feature::ALL {
            let flag = features.of(feature);
            let value = tree.text(&flag.node.parse().unwrap()).unwrap();
            assert_eq!(
                flag.claims(value),
                feature != Feature::LargeObjects,
                "{flag:?}"
            );
        }
        assert!(features.lists.claims(" Yes"));
    }
}

//! Broken DM clients, in what they do with their trees.

use twinproof_dm::store::rules::decide::{Rules, Standard};
use twinproof_dm::store::rules::{AclChange, AclFacts, AddFacts, CopyFacts, Listed, NodeFacts};
use twinproof_dm::syncml::StatusCode;

use twinproof_dm::tree::Property;
use twinproof_dm::tree::acl::{Kind, Right};

use super::super::{Mutant, mutants};

/// All of them.
pub(in super::super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "dm-client-knows-nowhere" "does not say of a node that it is not there" breaks "DM-CLI-03"
    also breaks {
        "DM-HLF-012" because "an object that is nowhere is not there",
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-07", "DM-CLI-09", "DM-CLI-16", "DM-CLI-41", "DM-CLI-42",
        "DM-HLF-010" because "that nothing is there is shown by reading it",
    }
    caught by {
        "dm/tree/read-nothing" "dm/told",
        "dm/tree/replace-nothing" "dm/told",
        "dm/tree/atomic" "dm/told",
    }
    fn get(&self, facts: NodeFacts) -> StatusCode {
        match Standard.get(facts) {
            StatusCode::NOT_FOUND => StatusCode::COMMAND_NOT_ALLOWED,
            code => code,
        }
    }

    "dm-client-adds-nothing" "does not let anything be added" breaks "DM-CLI-04"
    also breaks {
        "DM-HLF-009" because "documents and values in parts are tried with values that are added",
        "DM-CLI-06", "DM-CLI-15", "DM-CLI-42", "DM-HLF-010"
        because "an Atomic, a Sequence, a large object and a document are tried with values that are added",
    }
    caught by { "dm/tree/add" "dm/told", "dm/tree/add" "dm/shows" }
    fn add(&self, facts: AddFacts) -> StatusCode {
        match Standard.add(facts) {
            StatusCode::OK => StatusCode::FORBIDDEN,
            code => code,
        }
    }

    "dm-client-forgets-what-is-there" "says of a node that is there that it cannot be added" breaks "DM-CLI-04"
    caught by { "dm/tree/add-twice" "dm/told" }
    fn add(&self, facts: AddFacts) -> StatusCode {
        match Standard.add(facts) {
            StatusCode::ALREADY_EXISTS => StatusCode::COMMAND_NOT_ALLOWED,
            code => code,
        }
    }

    "dm-client-replaces-nothing" "does not let anything be replaced" breaks "DM-CLI-05"
    also breaks {
        "DM-HLF-020" because "which server goes first shows in what it replaces",
        "DM-HLF-008", "DM-HLF-018", "DM-HLF-021", "DM-HLF-022", "DM-CLI-14" because "what a server may change is shown by changing it", "DM-CLI-15" because "a Sequence is tried with a value that is replaced" }
    caught by { "dm/tree/replace" "dm/told", "dm/tree/replace" "dm/shows" }
    fn replace(&self, facts: NodeFacts) -> StatusCode {
        match Standard.replace(facts) {
            StatusCode::OK => StatusCode::FORBIDDEN,
            code => code,
        }
    }

    "dm-client-replaces-otherwise" "does not say that there is nothing to replace" breaks "DM-CLI-05"
    also breaks { "DM-CLI-06" because "an Atomic is made to fail by what is not there" }
    caught by { "dm/tree/replace-nothing" "dm/told" }
    fn replace(&self, facts: NodeFacts) -> StatusCode {
        match Standard.replace(facts) {
            StatusCode::NOT_FOUND => StatusCode::COMMAND_NOT_ALLOWED,
            code => code,
        }
    }

    "dm-client-removes-nothing" "confirms that nothing can be removed" breaks "DM-CLI-09"
    also breaks { "DM-HLF-022" because "who has all rights may remove, too" }
    caught by { "dm/tree/remove" "dm/told", "dm/tree/remove" "dm/told" }
    fn delete(&self, facts: NodeFacts) -> StatusCode {
        match Standard.delete(facts) {
            StatusCode::OK => StatusCode::FORBIDDEN,
            code => code,
        }
    }

    "dm-client-removes-everything" "lets what is always there be removed" breaks "DM-CLI-09"
    also breaks { "DM-HLF-022" because "what is permanent no server removes" }
    caught by {
        "dm/tree/remove-permanent" "dm/told",
        "dm/tree/remove-permanent" "dm/shows",
    }
    fn delete(&self, facts: NodeFacts) -> StatusCode {
        Standard.delete(NodeFacts { permanent: false, access: true, ..facts })
    }

    "dm-client-adds-below-values" "says of a place below a value that it is not there" breaks "DM-CLI-04"
    caught by { "dm/tree/add-below-leaf" "dm/told" }
    fn add(&self, facts: AddFacts) -> StatusCode {
        match (facts.parent, Standard.add(facts)) {
            (Some(Kind::Leaf), StatusCode::COMMAND_NOT_ALLOWED) => StatusCode::NOT_FOUND,
            (_, code) => code,
        }
    }

    "dm-client-leaves-parents" "leaves what it created above a node that it did not add" breaks "DM-CLI-04"
    caught by { "dm/tree/none-above" "dm/told" }
    fn parents_go(&self, _failed: bool) -> bool { false }

    "dm-client-knows-no-rights" "lets every server do everything" breaks "DM-CLI-14"
    also breaks {
        "DM-HLF-020" because "the list of a rank says who may change it", "DM-HLF-018", "DM-HLF-019", "DM-HLF-021", "DM-HLF-023" because "what is one server's is not another's" }
    caught by { "dm/tree/rights" "dm/told" }
    fn grants(&self, _facts: AclFacts<'_>) -> bool { true }

    "dm-client-keeps-lists" "lets nobody change who has which right" breaks "DM-CLI-14"
    caught by { "dm/tree/rights" "dm/told" }
    fn replace_acl(&self, _facts: AclChange) -> StatusCode { StatusCode::FORBIDDEN }

    "dm-client-keeps-names" "gives no node another name" breaks "DM-CLI-16"
    caught by { "dm/tree/rename" "dm/told", "dm/tree/rename" "dm/shows" }
    fn replace_property(&self, _facts: NodeFacts, _property: Property, _supported: bool) -> StatusCode {
        StatusCode::COMMAND_NOT_ALLOWED
    }

    "dm-client-takes-any-length" "takes addresses that are longer than it says that it can" breaks "DM-CLI-54"
    caught by { "dm/tree/limits" "dm/too-long" }
    fn addressed(&self, _fits: bool) -> StatusCode { StatusCode::OK }

    "dm-client-takes-any-format" "takes values of formats that there are not" breaks "DM-CLI-04"
    caught by { "dm/tree/unknown-format" "dm/unknown-format" }
    fn takes(&self, _format: bool, value: bool) -> StatusCode { Standard.takes(true, value) }

    "dm-client-half-a-document" "keeps what it has taken of a document of which it refuses the rest" breaks "DM-HLF-010"
    caught by { "dm/document/bad" "dm/told" }
    fn import_is_undone(&self, _failed: bool) -> bool { false }

    "dm-client-takes-no-documents" "takes no node that comes in a document" breaks "DM-HLF-010"
    also breaks {
        "DM-HLF-009" because "documents and values in parts are tried with values that are added",
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-15", "DM-CLI-42" because "a node from a document is added like any other",
    }
    caught by { "dm/document/add" "dm/told", "dm/document/add" "dm/shows" }
    fn add(&self, facts: AddFacts) -> StatusCode {
        match Standard.add(facts) {
            StatusCode::OK => StatusCode::UNSUPPORTED_TYPE_OR_FORMAT,
            code => code,
        }
    }

    "dm-client-copies-nothing" "says of what is there that it is not there to be copied" breaks "DM-CLI-44"
    caught by { "dm/optional/copy" "dm/offered", "dm/optional/copy" "dm/shows" }
    fn copy(&self, _facts: CopyFacts) -> StatusCode { StatusCode::NOT_FOUND }

    "dm-client-starts-anything" "starts what is no process" breaks "DM-CLI-45"
    caught by {
        "dm/optional/start-nothing" "dm/told",
        "dm/optional/start-value" "dm/told",
    }
    fn exec(&self, _facts: NodeFacts) -> StatusCode { StatusCode::OK }

    "dm-client-hides-all" "has nothing in its lists" breaks "DM-CLI-46"
    also breaks {
        "DM-HLF-018" because "an authority sees in lists what is its own",
        "DM-HLF-010" because "a document is a list, too",
    }
    caught by { "dm/optional/list" "dm/lists" }
    fn listed(&self, _right: bool, _access: bool) -> Listed { Listed::Hidden }

    "dm-client-lists-nothing" "says of what is there that it is not there to be listed" breaks "DM-CLI-46"
    also breaks {
        "DM-HLF-009" because "lists are tried with what is there",
        "DM-HLF-010" because "a document is a list, too",
        "DM-HLF-012", "DM-HLF-018" because "objects are found, and those of others hidden, in lists",
    }
    caught by { "dm/optional/list" "dm/offered" }
    fn list(&self, _facts: NodeFacts, _supported: bool) -> StatusCode { StatusCode::NOT_FOUND }

    "dm-client-hides-properties" "has no properties" breaks "DM-CLI-10"
    also breaks { "DM-HLF-023" because "a list of rights is a property that is read" }
    caught by { "dm/tree/properties" "dm/told" }
    fn get_property(&self, facts: NodeFacts, _supported: bool) -> StatusCode {
        Standard.get_property(facts, false)
    }

    "dm-client-lists-everything" "lists nodes that a server may not see" breaks "DM-HLF-018"
    caught by { "dm/authorities/unseen" "dm/listed" }
    fn listed(&self, _right: bool, _access: bool) -> Listed { Listed::Shown }

    "dm-client-gives-rights-away" "lets a server change a list without the right to" breaks "DM-HLF-019"
    also breaks { "DM-CLI-14" because "a list of rights is a property that takes a right to change" }
    caught by { "dm/authorities/handed-on" "dm/told" }
    fn replace_acl(&self, facts: AclChange) -> StatusCode {
        Standard.replace_acl(AclChange { on_node: true, on_parent: true, ..facts })
    }

    "dm-client-adds-up-lists" "grants what any list from the root on grants" breaks "DM-HLF-021"
    also breaks {
        "DM-HLF-020" because "the list of a rank says who may change it",
        "DM-HLF-018", "DM-HLF-019", "DM-HLF-023", "DM-CLI-14" because "the list of a node decides alone",
    }
    caught by { "dm/authorities/part" "dm/told" }
    fn grants(&self, facts: AclFacts<'_>) -> bool {
        facts.lists.iter().any(|list| list.allows(facts.right, facts.server))
    }

    "dm-client-hands-over-half" "lets nobody remove what has a list of its own" breaks "DM-HLF-022"
    caught by { "dm/authorities/whole" "dm/told" }
    fn grants(&self, facts: AclFacts<'_>) -> bool {
        let own = facts.lists.iter().skip(1).any(|list| !list.is_empty());
        Standard.grants(facts) && !(own && facts.right == Right::Delete)
    }

    "dm-client-finds-the-similar" "takes versions of an object for the same" breaks "DM-HLF-012"
    caught by { "dm/search/all" "dm/places", "dm/search/unknown" "dm/places" }
    fn is_instance(&self, own: String, wanted: String) -> bool {
        let name = |id: &str| id.rsplit_once(':').map(|(name, _)| name.to_owned());
        name(&own) == name(&wanted)
    }

    "dm-client-finds-nothing" "says of every object that it is nowhere" breaks "DM-HLF-012"
    caught by { "dm/search/all" "dm/places" }
    fn is_instance(&self, _own: String, _wanted: String) -> bool { false }

    "dm-client-knows-no-ranks" "lets whoever comes last have its way" breaks "DM-HLF-020"
    caught by {
        "dm/authorities/goes-first" "dm/prevails",
        "dm/authorities/other-order" "dm/prevails",
        "dm/authorities/own-rank" "dm/prevails",
    }
    fn gives_way(&self, _own: Option<u32>, _other: Option<u32>) -> bool { false }

    "dm-client-turns-ranks-round" "lets the lower one go first" breaks "DM-HLF-020"
    caught by {
        "dm/authorities/goes-first" "dm/prevails",
        "dm/authorities/comes-later" "dm/prevails",
        "dm/authorities/other-order" "dm/prevails",
    }
    fn gives_way(&self, own: Option<u32>, other: Option<u32>) -> bool {
        own != other && !Standard.gives_way(own, other)
    }

    "dm-client-lets-ranks-be-taken" "lets every server change ranks" breaks "DM-HLF-020"
    caught by { "dm/authorities/own-rank" "dm/rank-kept" }
    fn ranks(&self, _granted: bool) -> bool { true }

    "dm-client-promises-lists" "says that it has lists, and has none" breaks "DM-HLF-009"
    also breaks {
        "DM-HLF-012" because "objects are found in lists",
        "DM-HLF-010" because "a document is a list, too",
    }
    caught by { "dm/features/lists" "dm/truthful" }
    fn list(&self, _facts: NodeFacts, _supported: bool) -> StatusCode { StatusCode::FEATURE_NOT_SUPPORTED }

    "dm-client-promises-an-inbox" "says that it has an inbox, and that it is nowhere" breaks "DM-HLF-009"
    caught by { "dm/features/inbox" "dm/truthful" }
    fn get(&self, facts: NodeFacts) -> StatusCode {
        match facts {
            NodeFacts { kind: Some(Kind::Interior), access: false, .. } => StatusCode::NOT_FOUND,
            _ => Standard.get(facts),
        }
    }

    "dm-client-promises-documents" "says that it takes documents, and takes none" breaks "DM-HLF-009"
    also breaks { "DM-HLF-010" because "clients of DM 1.3 take documents" }
    caught by { "dm/features/documents" "dm/truthful" }
    fn takes_documents(&self, _has: bool) -> bool { false }

    "dm-client-opens-its-inbox" "lets servers read what is in the inbox" breaks "DM-CLI-03"
    also breaks { "DM-HLF-015" because "what a client keeps for itself stands there, too" }
    caught by { "dm/tree/inbox" "dm/told" }
    fn get(&self, facts: NodeFacts) -> StatusCode {
        Standard.get(NodeFacts { access: true, ..facts })
    }

    "dm-client-has-no-empty-nodes" "says of a node with children that it is there, and of no other" breaks "DM-CLI-03"
    caught by { "dm/tree/no-names" "dm/names" }
    fn get(&self, facts: NodeFacts) -> StatusCode {
        match facts {
            NodeFacts { kind: Some(Kind::Interior), permanent: false, .. } => StatusCode::NOT_FOUND,
            _ => Standard.get(facts),
        }
    }
};

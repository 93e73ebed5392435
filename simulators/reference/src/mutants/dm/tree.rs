//! Broken DM clients, in what they do with their trees.

use twinproof_dm::store::rules::decide::{Rules, Standard};
use twinproof_dm::store::rules::{AclChange, AclFacts, AddFacts, NodeFacts};
use twinproof_dm::syncml::StatusCode;

use twinproof_dm::tree::Property;
use twinproof_dm::tree::acl::Kind;

use super::super::{Mutant, mutants};

/// All of them.
pub(in super::super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "dm-client-knows-nowhere" "does not say of a node that it is not there" breaks "DM-CLI-03"
    also breaks {
        "DM-CLI-05", "DM-CLI-06", "DM-CLI-07", "DM-CLI-09", "DM-CLI-16", "DM-HLF-010" because "that nothing is there is shown by reading it",
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
        "DM-CLI-06", "DM-CLI-15", "DM-HLF-010"
        because "an Atomic, a Sequence and a document are tried with values that are added",
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
    also breaks { "DM-CLI-15" because "a Sequence is tried with a value that is replaced" }
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
    caught by { "dm/tree/remove" "dm/told", "dm/tree/remove" "dm/told" }
    fn delete(&self, facts: NodeFacts) -> StatusCode {
        match Standard.delete(facts) {
            StatusCode::OK => StatusCode::FORBIDDEN,
            code => code,
        }
    }

    "dm-client-removes-everything" "lets what is always there be removed" breaks "DM-CLI-09"
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

    "dm-client-knows-no-rights" "lets every server do everything" breaks "DM-CLI-14"
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

    "dm-client-half-a-document" "keeps what it has taken of a document of which it refuses the rest" breaks "DM-HLF-010"
    caught by { "dm/document/bad" "dm/told" }
    fn import_is_undone(&self, _failed: bool) -> bool { false }

    "dm-client-takes-no-documents" "takes no node that comes in a document" breaks "DM-HLF-010"
    also breaks {
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-15" because "a node from a document is added like any other",
    }
    caught by { "dm/document/add" "dm/told", "dm/document/add" "dm/shows" }
    fn add(&self, facts: AddFacts) -> StatusCode {
        match Standard.add(facts) {
            StatusCode::OK => StatusCode::UNSUPPORTED_TYPE_OR_FORMAT,
            code => code,
        }
    }

    "dm-client-hides-properties" "has no properties" breaks "DM-CLI-10"
    caught by { "dm/tree/properties" "dm/told" }
    fn get_property(&self, facts: NodeFacts, _supported: bool) -> StatusCode {
        Standard.get_property(facts, false)
    }
};

//! The order of elements, in one table.

use crate::document::namespace;
use crate::error::Basis;

/// What may stand in an element, and in which order.
#[derive(Debug)]
pub struct Rule {
    /// Local name.
    pub element: &'static str,
    /// Namespace of the children.
    pub namespace: &'static str,
    /// Children in the order of the DTD.
    pub children: &'static [Slot],
    /// How well we know the order.
    pub basis: Basis,
}

/// One place in the order.
#[derive(Debug)]
pub struct Slot {
    /// The elements that may stand there; more than one is a choice.
    pub names: &'static [&'static str],
    /// How often.
    pub occurs: Occurs,
    /// Whether DM uses it.
    pub in_dm: bool,
}

/// How often an element may occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Occurs {
    /// Any number, also none.
    Any,
    /// At least once.
    Many,
    /// Exactly once.
    One,
    /// At most once.
    Optional,
}

const fn slot(names: &'static [&'static str], occurs: Occurs) -> Slot {
    Slot {
        names,
        occurs,
        in_dm: true,
    }
}

const fn unused(names: &'static [&'static str]) -> Slot {
    Slot {
        names,
        occurs: Occurs::Optional,
        in_dm: false,
    }
}

const fn rule(element: &'static str, children: &'static [Slot], basis: Basis) -> Rule {
    Rule {
        element,
        namespace: namespace::SYNCML,
        children,
        basis,
    }
}

const fn metinf(element: &'static str, children: &'static [Slot]) -> Rule {
    Rule {
        element,
        namespace: namespace::METINF,
        children,
        basis: Basis::Peer,
    }
}

use Basis::{Assumed, Peer};
use Occurs::{Any, Many, One, Optional};

/// Commands that a body, and with `Results` and `Status` left out a block, can hold.
const COMMANDS: &[&str] = &[
    "Alert", "Atomic", "Copy", "Exec", "Get", "Results", "Sequence", "Status", "Add", "Replace",
    "Delete",
];
const BLOCK_COMMANDS: &[&str] = &[
    "Alert", "Atomic", "Copy", "Exec", "Get", "Sequence", "Add", "Replace", "Delete",
];

const LOCATION: &[Slot] = &[slot(&["LocURI"], One), slot(&["LocName"], Optional)];

const EDIT: &[Slot] = &[
    slot(&["CmdID"], One),
    unused(&["NoResp"]),
    unused(&["Cred"]),
    slot(&["Meta"], Optional),
    slot(&["Item"], Many),
];

const DELETE: &[Slot] = &[
    slot(&["CmdID"], One),
    unused(&["NoResp"]),
    unused(&["Archive"]),
    unused(&["SftDel"]),
    unused(&["Cred"]),
    slot(&["Meta"], Optional),
    slot(&["Item"], Many),
];

const BLOCK: &[Slot] = &[
    slot(&["CmdID"], One),
    unused(&["NoResp"]),
    slot(&["Meta"], Optional),
    slot(BLOCK_COMMANDS, Many),
];

/// Every element that has children.
///
/// The DTD itself was not at hand. Independent implementations quote or follow it in this order;
/// for `Copy` none was found. A deviation is therefore at most a warning.
pub static RULES: &[Rule] = &[
    rule(
        "SyncML",
        &[slot(&["SyncHdr"], One), slot(&["SyncBody"], One)],
        Peer,
    ),
    rule(
        "SyncHdr",
        &[
            slot(&["VerDTD"], One),
            slot(&["VerProto"], One),
            slot(&["SessionID"], One),
            slot(&["MsgID"], One),
            slot(&["Target"], One),
            slot(&["Source"], One),
            slot(&["RespURI"], Optional),
            unused(&["NoResp"]),
            slot(&["Cred"], Optional),
            slot(&["Meta"], Optional),
        ],
        Peer,
    ),
    rule(
        "SyncBody",
        &[slot(COMMANDS, Many), slot(&["Final"], Optional)],
        Peer,
    ),
    rule("Target", LOCATION, Peer),
    rule("Source", LOCATION, Peer),
    rule(
        "Cred",
        &[slot(&["Meta"], Optional), slot(&["Data"], One)],
        Peer,
    ),
    rule("Chal", &[slot(&["Meta"], One)], Peer),
    rule(
        "Item",
        &[
            slot(&["Target"], Optional),
            slot(&["Source"], Optional),
            slot(&["Meta"], Optional),
            slot(&["Data"], Optional),
            slot(&["MoreData"], Optional),
        ],
        Peer,
    ),
    rule("Add", EDIT, Peer),
    rule("Replace", EDIT, Peer),
    rule("Copy", EDIT, Assumed),
    rule("Delete", DELETE, Peer),
    rule(
        "Get",
        &[
            slot(&["CmdID"], One),
            unused(&["NoResp"]),
            unused(&["Lang"]),
            unused(&["Cred"]),
            slot(&["Meta"], Optional),
            slot(&["Item"], Many),
        ],
        Peer,
    ),
    rule(
        "Exec",
        &[
            slot(&["CmdID"], One),
            unused(&["NoResp"]),
            unused(&["Cred"]),
            slot(&["Meta"], Optional),
            slot(&["Correlator"], Optional),
            slot(&["Item"], Many),
        ],
        Peer,
    ),
    rule(
        "Alert",
        &[
            slot(&["CmdID"], One),
            unused(&["NoResp"]),
            unused(&["Cred"]),
            slot(&["Data"], Optional),
            slot(&["Correlator"], Optional),
            slot(&["Item"], Any),
        ],
        Peer,
    ),
    rule("Atomic", BLOCK, Peer),
    rule("Sequence", BLOCK, Peer),
    rule(
        "Results",
        &[
            slot(&["CmdID"], One),
            slot(&["MsgRef"], Optional),
            slot(&["CmdRef"], One),
            slot(&["Meta"], Optional),
            slot(&["TargetRef"], Optional),
            slot(&["SourceRef"], Optional),
            slot(&["Item"], Many),
        ],
        Peer,
    ),
    rule(
        "Status",
        &[
            slot(&["CmdID"], One),
            slot(&["MsgRef"], One),
            slot(&["CmdRef"], One),
            slot(&["Cmd"], One),
            slot(&["TargetRef"], Any),
            slot(&["SourceRef"], Any),
            slot(&["Cred"], Optional),
            slot(&["Chal"], Optional),
            slot(&["Data"], One),
            slot(&["Item"], Any),
        ],
        Peer,
    ),
    metinf(
        "Meta",
        &[
            slot(&["Format"], Optional),
            slot(&["Type"], Optional),
            slot(&["Mark"], Optional),
            slot(&["Size"], Optional),
            slot(&["Anchor"], Optional),
            slot(&["Version"], Optional),
            slot(&["NextNonce"], Optional),
            slot(&["MaxMsgSize"], Optional),
            slot(&["MaxObjSize"], Optional),
            slot(&["EMI"], Any),
            slot(&["Mem"], Optional),
        ],
    ),
    metinf("Anchor", &[slot(&["Last"], Optional), slot(&["Next"], One)]),
    metinf(
        "Mem",
        &[
            slot(&["SharedMem"], Optional),
            slot(&["FreeMem"], One),
            slot(&["FreeID"], One),
        ],
    ),
];

impl Rule {
    /// The rule for an element.
    #[must_use]
    pub fn of(element: &str) -> Option<&'static Rule> {
        RULES.iter().find(|rule| rule.element == element)
    }

    /// The place of a child in the order.
    #[must_use]
    pub fn position(&self, child: &str) -> Option<usize> {
        self.position_near(child, 0)
    }

    /// The same, looked for first from the place `near` on: children mostly come in order.
    pub(super) fn position_near(&self, child: &str, near: usize) -> Option<usize> {
        let (before, from) = self.children.split_at(near.min(self.children.len()));
        let holds = |slot: &Slot| slot.names.contains(&child);
        let after = from.iter().position(holds).map(|place| near + place);
        after.or_else(|| before.iter().position(holds))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::wbxml::page;

    #[test]
    fn every_name_has_a_token_and_one_place() {
        for rule in RULES {
            let page = match rule.namespace {
                namespace::METINF => &page::metinf::PAGE,
                _ => &page::syncml::PAGE,
            };
            let mut seen = BTreeSet::new();
            for name in rule.children.iter().flat_map(|slot| slot.names) {
                assert!(page.token(name).is_some(), "{name}");
                assert!(seen.insert(name), "{name} twice in {}", rule.element);
            }
        }
        for command in COMMANDS {
            assert!(Rule::of(command).is_some(), "{command}");
        }
    }
}

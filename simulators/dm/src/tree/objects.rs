//! Identifiers of management objects.

use crate::error::Basis;

/// A row of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is called.
    pub name: &'static str,
    /// The value of `Type` of its root node.
    pub id: &'static str,
    /// Its number in the registry, where it has one. That triggers of DM 1.3 name objects by it is
    /// [`Basis::Assumed`].
    pub index: Option<u16>,
    /// How well we know the identifier.
    pub basis: Basis,
}

const fn row(name: &'static str, id: &'static str, index: Option<u16>) -> Object {
    Object {
        name,
        id,
        index,
        basis: Basis::Text,
    }
}

const fn assumed(name: &'static str, id: &'static str) -> Object {
    Object {
        name,
        id,
        index: None,
        basis: Basis::Assumed,
    }
}

/// The objects that are registered and of use here. A loaded description wins over this table.
pub static TABLE: &[Object] = &[
    row("DevInfo", "urn:oma:mo:oma-dm-devinfo:1.0", Some(0x0E)),
    row("DevInfo", "urn:oma:mo:oma-dm-devinfo:1.1", Some(0x0C)),
    row("DevInfo", "urn:oma:mo:oma-dm-devinfo:1.2", Some(0x71)),
    row("DevDetail", "urn:oma:mo:oma-dm-devdetail:1.0", Some(0x0F)),
    row("DevDetail", "urn:oma:mo:oma-dm-devdetail:1.1", Some(0x0B)),
    row("DMAcc", "urn:oma:mo:oma-dm-dmacc:1.0", Some(0x11)),
    row("DMAcc", "urn:oma:mo:oma-dm-dmacc:1.1", Some(0x0D)),
    row("DMAcc", "urn:oma:mo:oma-dm-dmacc:1.2", Some(0x70)),
    row("Inbox", "urn:oma:mo:oma-dm-inbox:1.0", None),
    row(
        "BootstrapConfig",
        "urn:oma:mo:oma-dm-bootstrapcfg:1.0",
        None,
    ),
    row("FUMO", "urn:oma:mo:oma-fumo:1.0", Some(0x27)),
    row("SCOMO", "urn:oma:mo:oma-scomo:1.0", Some(0x36)),
    row("SCOMO", "urn:oma:mo:oma-scomo:1.1", Some(0x3C)),
    row("ListMO", "urn:oma:mo:oma-listmo:1.0", Some(0x28)),
    row("Scheduling", "urn:oma:mo:oma-dm-scheduling:1.0", Some(0x34)),
    row("LAWMO", "urn:oma:mo:oma-lawmo:1.0", Some(0x09)),
    row("DACMO", "urn:oma:mo:oma-dm-dacmo:1.0", Some(0x72)),
    assumed("GwConfig", "urn:oma:mo:oma-gwmo-config:1.0"),
    row("GwConfig", "urn:oma:mo:oma-gwmo-config:1.1", Some(0x60)),
    assumed(
        "GwDeviceInventory",
        "urn:oma:mo:oma-gwmo-deviceinventory:1.0",
    ),
    row(
        "GwDeviceInventory",
        "urn:oma:mo:oma-gwmo-deviceinventory:1.1",
        Some(0x61),
    ),
    row(
        "GwEDTrigger",
        "urn:oma:mo:oma-gwmo-edtrigger:1.0",
        Some(0x62),
    ),
    row("GwFanout", "urn:oma:mo:oma-gwmo-fanout:1.0", Some(0x63)),
    row(
        "GwImageInventory",
        "urn:oma:mo:oma-gwmo-imageinventory:1.0",
        Some(0x64),
    ),
    row("ZigBee", "urn:oma:mo:oma-dm-zigbee:1.0", Some(0x65)),
];

/// The account of a server in DM 1.2.
pub const DMACC: &str = "urn:oma:mo:oma-dm-dmacc:1.0";

impl Object {
    /// The object with that identifier.
    #[must_use]
    pub fn by_id(id: &str) -> Option<&'static Self> {
        TABLE.iter().find(|object| object.id == id)
    }

    /// The object with that number.
    #[must_use]
    pub fn by_index(index: u16) -> Option<&'static Self> {
        TABLE.iter().find(|object| object.index == Some(index))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn identifiers_and_numbers_are_unique() {
        let ids: BTreeSet<_> = TABLE.iter().map(|object| object.id).collect();
        assert_eq!(ids.len(), TABLE.len());
        let numbered: Vec<_> = TABLE.iter().filter_map(|object| object.index).collect();
        let numbers: BTreeSet<_> = numbered.iter().collect();
        assert_eq!(numbers.len(), numbered.len());
        assert_eq!(Object::by_id(DMACC), Object::by_index(0x11));
    }
}

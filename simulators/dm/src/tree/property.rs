//! Properties of nodes.

/// A property that every server must understand (DM TND 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// Who may do what; see [`acl`](super::acl).
    Acl,
    /// How the value is encoded; `node` for an interior node.
    Format,
    /// The last name of the address. To replace it is to rename the node.
    Name,
    /// Octets of the value, not encoded. Leaves only.
    Size,
    /// A text for people, at most 255 octets.
    Title,
    /// When the node last changed, `YYYYMMDDThhmmssZ`.
    TStamp,
    /// A media type for a leaf, the identifier of a management object or nothing for an interior
    /// node.
    Type,
    /// A counter of changes, 16 bits, which wraps.
    VerNo,
}

/// What may be done with a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fact {
    property: Property,
    name: &'static str,
    replaceable: bool,
    mandatory: bool,
}

const TABLE: [Fact; 8] = [
    fact(Property::Acl, "ACL", true, true),
    fact(Property::Format, "Format", false, true),
    fact(Property::Name, "Name", true, true),
    fact(Property::Size, "Size", false, false),
    fact(Property::Title, "Title", true, false),
    fact(Property::TStamp, "TStamp", false, false),
    fact(Property::Type, "Type", false, true),
    fact(Property::VerNo, "VerNo", false, false),
];

const fn fact(property: Property, name: &'static str, replaceable: bool, mandatory: bool) -> Fact {
    Fact {
        property,
        name,
        replaceable,
        mandatory,
    }
}

impl Property {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Acl,
        Self::Format,
        Self::Name,
        Self::Size,
        Self::Title,
        Self::TStamp,
        Self::Type,
        Self::VerNo,
    ];

    /// The word in a query and in a serialised tree.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.fact().name
    }

    /// The property that a word names; case matters.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let fact = TABLE.iter().find(|fact| fact.name == word)?;
        Some(fact.property)
    }

    /// Whether a server may replace it. Every property may be read; a device answers any other
    /// command with 405.
    #[must_use]
    pub fn is_replaceable(self) -> bool {
        self.fact().replaceable
    }

    /// Whether every device has it. A device answers 406 about one that it does not have.
    #[must_use]
    pub fn is_mandatory(self) -> bool {
        self.fact().mandatory
    }

    fn fact(self) -> Fact {
        TABLE[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_property_is_in_its_row() {
        for property in Property::ALL {
            assert_eq!(property.fact().property, property);
            assert_eq!(Property::from_word(property.as_str()), Some(property));
        }
        assert_eq!(Property::from_word("acl"), None);
    }
}

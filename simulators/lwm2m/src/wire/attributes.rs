//! The attributes of notifications: `pmin`, `pmax`, `gt`, `lt`, `st` and those that came later.

use std::fmt;

use super::{Path, Version};

/// An attribute that Write-Attributes sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// Least time between notifications, s.
    Pmin,
    /// Greatest time between notifications, s; 0 is off.
    Pmax,
    /// Upper threshold.
    Gt,
    /// Lower threshold.
    Lt,
    /// Least change.
    St,
    /// Least time between evaluations, s.
    Epmin,
    /// Greatest time between evaluations, s.
    Epmax,
    /// Which edge of a boolean counts: 0 falling, 1 rising.
    Edge,
    /// Whether notifications are confirmable.
    Con,
    /// How many old readings are kept.
    Hqmax,
}

/// What values an attribute has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    /// A whole number of seconds or of things.
    Count,
    /// A number.
    Float,
    /// 0 or 1.
    Flag,
}

/// What is laid down for an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The attribute.
    pub attribute: Attribute,
    /// The name on the wire.
    pub name: &'static str,
    /// What values it has.
    pub value: AttributeType,
    /// The first version of the enabler that has it.
    pub since: Version,
    /// Whether objects and object instances can have it too, and not only resources and their
    /// instances.
    pub above_resources: bool,
}

/// Every attribute, in the order in which they are shown.
pub const TABLE: &[Definition] = {
    const fn row(
        attribute: Attribute,
        name: &'static str,
        value: AttributeType,
        since: Version,
        above_resources: bool,
    ) -> Definition {
        Definition {
            attribute,
            name,
            value,
            since,
            above_resources,
        }
    }
    use AttributeType::{Count, Flag, Float};
    &[
        row(Attribute::Pmin, "pmin", Count, Version::V1_0, true),
        row(Attribute::Pmax, "pmax", Count, Version::V1_0, true),
        row(Attribute::Gt, "gt", Float, Version::V1_0, false),
        row(Attribute::Lt, "lt", Float, Version::V1_0, false),
        row(Attribute::St, "st", Float, Version::V1_0, false),
        row(Attribute::Epmin, "epmin", Count, Version::V1_1, true),
        row(Attribute::Epmax, "epmax", Count, Version::V1_1, true),
        row(Attribute::Edge, "edge", Flag, Version::V1_2, false),
        row(Attribute::Con, "con", Flag, Version::V1_2, true),
        row(Attribute::Hqmax, "hqmax", Count, Version::V1_2, true),
    ]
};

/// The attributes attached to one path.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Attributes {
    values: [Option<f64>; TABLE.len()],
}

/// Why a query sets no attributes (4.00).
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeError {
    /// No attribute has this name.
    Unknown(String),
    /// The attribute cannot have this value.
    Value {
        /// The attribute.
        attribute: Attribute,
        /// The value.
        got: String,
    },
    /// The attribute is for resources, not for what is above them.
    Level {
        /// The attribute.
        attribute: Attribute,
        /// The path of the request.
        path: Path,
    },
    /// The same attribute twice in one query.
    Repeated(Attribute),
    /// What is set together contradicts itself.
    Contradiction(&'static str),
}

impl Attribute {
    /// What is laid down for this attribute.
    pub fn definition(self) -> &'static Definition {
        // The table is in the order of the variants; a test says so.
        &TABLE[self as usize]
    }

    /// The attribute of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.attribute)
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.definition().name)
    }
}

impl Attributes {
    /// No attributes.
    pub const NONE: Self = Self {
        values: [None; TABLE.len()],
    };

    /// The value of an attribute; flags are 0 or 1.
    pub fn value(&self, attribute: Attribute) -> Option<f64> {
        self.values[attribute as usize]
    }

    /// Attaches an attribute, or takes it away.
    pub fn set(&mut self, attribute: Attribute, value: Option<f64>) {
        self.values[attribute as usize] = value;
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// These attributes, completed by those of the level above: the lower level goes first.
    pub fn or(mut self, above: &Self) -> Self {
        for (own, inherited) in self.values.iter_mut().zip(above.values) {
            *own = own.or(inherited);
        }
        self
    }

    /// Applies the query of a Write-Attributes on `path`: `name=value` attaches, `name=` and `name`
    /// take away, what is not named stays. On an error nothing has changed.
    ///
    /// # Errors
    ///
    /// When a name is unknown or repeated, a value is not one of the attribute's, the attribute is not
    /// for this level, or what the query sets contradicts itself: `lt` not below `gt`, `lt` + 2 · `st`
    /// not below `gt`, `epmin` not below `epmax`.
    pub fn apply<'a>(
        &mut self,
        path: Path,
        query: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), AttributeError> {
        let mut changed = *self;
        let mut set = Self::NONE;
        let mut seen = Vec::new();
        for argument in query {
            let (name, text) = argument.split_once('=').unwrap_or((argument, ""));
            let attribute =
                Attribute::by_name(name).ok_or_else(|| AttributeError::Unknown(name.to_owned()))?;
            if seen.contains(&attribute) {
                return Err(AttributeError::Repeated(attribute));
            }
            seen.push(attribute);
            if !path.has_value() && !attribute.definition().above_resources {
                return Err(AttributeError::Level { attribute, path });
            }
            let value = match text {
                "" => None,
                text => Some(parse(attribute, text)?),
            };
            changed.set(attribute, value);
            set.set(attribute, value);
        }
        if let Some(contradiction) = set.contradiction() {
            return Err(AttributeError::Contradiction(contradiction));
        }
        *self = changed;
        Ok(())
    }

    /// What of these attributes cannot hold together, if anything. `pmax` below `pmin` can: it is
    /// ignored.
    pub fn contradiction(&self) -> Option<&'static str> {
        let value = |attribute| self.value(attribute);
        let (gt, lt) = (value(Attribute::Gt), value(Attribute::Lt));
        if let (Some(gt), Some(lt)) = (gt, lt) {
            if lt >= gt {
                return Some("lt below gt");
            }
            if lt + 2.0 * value(Attribute::St).unwrap_or(0.0) >= gt {
                return Some("lt + 2 · st below gt");
            }
        }
        match (value(Attribute::Epmin), value(Attribute::Epmax)) {
            (Some(least), Some(most)) if least >= most => Some("epmin below epmax"),
            _ => None,
        }
    }

    /// The attributes as `name=value`, in the order of [`TABLE`].
    pub fn arguments(&self) -> impl Iterator<Item = String> + '_ {
        TABLE.iter().filter_map(|row| {
            self.value(row.attribute)
                .map(|value| format!("{}={value}", row.name))
        })
    }
}

/// Reads the value of an attribute: whole seconds and counts, 0 or 1, or a decimal number.
///
/// # Errors
///
/// When the text is no such value.
pub fn parse(attribute: Attribute, text: &str) -> Result<f64, AttributeError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let value = match attribute.definition().value {
        AttributeType::Count if digits => text.parse::<u32>().ok().map(f64::from),
        AttributeType::Flag if matches!(text, "0" | "1") => text.parse().ok(),
        AttributeType::Float => super::text::float(text),
        AttributeType::Count | AttributeType::Flag => None,
    };
    value.ok_or_else(|| AttributeError::Value {
        attribute,
        got: text.to_owned(),
    })
}

/// `;pmin=5;pmax=15`, as in a Discover response.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.arguments()
            .try_for_each(|argument| write!(f, ";{argument}"))
    }
}

impl fmt::Display for AttributeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "`{name}`, expected the name of an attribute"),
            Self::Value { attribute, got } => {
                let expected = match attribute.definition().value {
                    AttributeType::Count => "a whole number",
                    AttributeType::Float => "a decimal number",
                    AttributeType::Flag => "0 or 1",
                };
                write!(f, "{attribute}=`{got}`, expected {expected}")
            }
            Self::Level { attribute, path } => {
                write!(
                    f,
                    "{attribute} at {path}, expected a resource or one of its instances"
                )
            }
            Self::Repeated(attribute) => write!(f, "{attribute} twice, expected it once"),
            Self::Contradiction(expected) => {
                write!(
                    f,
                    "attributes that contradict each other, expected {expected}"
                )
            }
        }
    }
}

impl std::error::Error for AttributeError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    #[test]
    fn the_table_is_in_the_order_of_the_attributes() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.attribute as usize, index);
            assert_eq!(row.attribute.definition(), row);
            assert_eq!(Attribute::by_name(row.name), Some(row.attribute));
        }
    }

    #[test]
    fn a_query_sets_replaces_and_takes_away() {
        let mut attributes = Attributes::NONE;
        attributes
            .apply(path("/3/0/7"), ["pmin=5", "pmax=15", "gt=45.5"])
            .unwrap();
        assert_eq!(attributes.to_string(), ";pmin=5;pmax=15;gt=45.5");
        attributes
            .apply(path("/3/0/7"), ["pmin=7", "pmax=", "gt"])
            .unwrap();
        assert_eq!(attributes.to_string(), ";pmin=7");
        attributes.apply(path("/3/0/7"), ["pmin"]).unwrap();
        assert!(attributes.is_empty());
    }

    #[test]
    fn a_refused_query_changes_nothing() {
        let mut attributes = Attributes::NONE;
        attributes.apply(path("/3/0"), ["pmin=5"]).unwrap();
        let before = attributes;
        for (at, query, error) in [
            (
                "/3/0",
                vec!["pmin=9", "xyz=1"],
                "`xyz`, expected the name of an attribute",
            ),
            (
                "/3/0",
                vec!["pmin=-1"],
                "pmin=`-1`, expected a whole number",
            ),
            (
                "/3/0",
                vec!["pmin=1.5"],
                "pmin=`1.5`, expected a whole number",
            ),
            ("/3/0/9", vec!["edge=2"], "edge=`2`, expected 0 or 1"),
            (
                "/3/0/9",
                vec!["st=inf"],
                "st=`inf`, expected a decimal number",
            ),
            (
                "/3/0",
                vec!["gt=1"],
                "gt at /3/0, expected a resource or one of its instances",
            ),
            (
                "/3/0",
                vec!["pmin=1", "pmin=2"],
                "pmin twice, expected it once",
            ),
            (
                "/3/0/9",
                vec!["lt=20", "gt=20"],
                "attributes that contradict each other, expected lt below gt",
            ),
            (
                "/3/0/9",
                vec!["lt=20", "gt=40", "st=10"],
                "attributes that contradict each other, expected lt + 2 · st below gt",
            ),
            (
                "/3/0",
                vec!["epmin=4", "epmax=4"],
                "attributes that contradict each other, expected epmin below epmax",
            ),
        ] {
            let got = attributes.apply(path(at), query).unwrap_err();
            assert_eq!(got.to_string(), error);
            assert_eq!(attributes, before);
        }
        // Set one by one they may come to contradict each other, and pmax may be below pmin.
        attributes.apply(path("/3/0/9"), ["lt=20"]).unwrap();
        attributes
            .apply(path("/3/0/9"), ["gt=10", "pmax=1"])
            .unwrap();
        assert_eq!(attributes.contradiction(), Some("lt below gt"));
    }

    #[test]
    fn the_lower_level_goes_first() {
        let attributes = |query: &[&str]| {
            let mut attributes = Attributes::NONE;
            attributes
                .apply(path("/3/0/9"), query.iter().copied())
                .unwrap();
            attributes
        };
        let resource = attributes(&["pmin=1", "st=2"]);
        let instance = attributes(&["pmin=5", "pmax=60"]);
        assert_eq!(resource.or(&instance).to_string(), ";pmin=1;pmax=60;st=2");
    }
}

use std::fmt;
use std::str::FromStr;

/// The type that an object definition gives a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// UTF-8 text.
    String,
    /// A signed number of up to 64 bits.
    Integer,
    /// An unsigned number of up to 64 bits, from LwM2M 1.1 on.
    Unsigned,
    /// A number of 32 or 64 bits.
    Float,
    /// True or false.
    Boolean,
    /// Bytes.
    Opaque,
    /// Seconds since 1970-01-01T00:00:00Z.
    Time,
    /// An object instance.
    ObjectLink,
    /// A list of links, from LwM2M 1.1 on.
    CoreLink,
}

impl Kind {
    /// Each type with its name in object definitions.
    pub const TABLE: &'static [(Self, &'static str)] = &[
        (Self::String, "String"),
        (Self::Integer, "Integer"),
        (Self::Unsigned, "Unsigned Integer"),
        (Self::Float, "Float"),
        (Self::Boolean, "Boolean"),
        (Self::Opaque, "Opaque"),
        (Self::Time, "Time"),
        (Self::ObjectLink, "Objlnk"),
        (Self::CoreLink, "Corelnk"),
    ];

    /// The name in object definitions.
    pub fn name(self) -> &'static str {
        Self::TABLE
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a resource, or an instance of one, holds.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Text.
    String(String),
    /// A signed number.
    Integer(i64),
    /// An unsigned number.
    Unsigned(u64),
    /// A number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// Bytes.
    Opaque(Vec<u8>),
    /// Seconds since 1970-01-01T00:00:00Z.
    Time(i64),
    /// An object instance.
    ObjectLink(ObjectLink),
    /// Links in link-format.
    CoreLink(String),
}

impl Value {
    /// The type of this value.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::Integer(_) => Kind::Integer,
            Self::Unsigned(_) => Kind::Unsigned,
            Self::Float(_) => Kind::Float,
            Self::Boolean(_) => Kind::Boolean,
            Self::Opaque(_) => Kind::Opaque,
            Self::Time(_) => Kind::Time,
            Self::ObjectLink(_) => Kind::ObjectLink,
            Self::CoreLink(_) => Kind::CoreLink,
        }
    }

    /// The value as a number, if it is one; what the thresholds of notifications compare.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Self::Integer(number) | Self::Time(number) => Some(number as f64),
            Self::Unsigned(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            _ => None,
        }
    }
}

/// The value as a person would read it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) | Self::CoreLink(text) => write!(f, "{text:?}"),
            Self::Integer(number) | Self::Time(number) => number.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Boolean(truth) => truth.fmt(f),
            Self::Opaque(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::ObjectLink(link) => link.fmt(f),
        }
    }
}

/// `object:instance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
pub struct ObjectLink {
    /// The object, or 65535.
    pub object: u16,
    /// The instance, or 65535.
    pub instance: u16,
}

impl ObjectLink {
    /// `65535:65535`, which links to nothing.
    pub const NULL: Self = Self {
        object: 65_535,
        instance: 65_535,
    };
}

impl fmt::Display for ObjectLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.object, self.instance)
    }
}

/// Why a text is no object link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectLinkError;

impl fmt::Display for ObjectLinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an object link such as 3:0")
    }
}

impl std::error::Error for ObjectLinkError {}

impl FromStr for ObjectLink {
    type Err = ObjectLinkError;

    fn from_str(text: &str) -> Result<Self, ObjectLinkError> {
        let id = |digits: &str| {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            plain
                .then(|| digits.parse().ok())
                .flatten()
                .ok_or(ObjectLinkError)
        };
        let (object, instance) = text.split_once(':').ok_or(ObjectLinkError)?;
        Ok(Self {
            object: id(object)?,
            instance: id(instance)?,
        })
    }
}

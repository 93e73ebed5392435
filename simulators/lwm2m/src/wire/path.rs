use std::fmt;
use std::str::FromStr;

/// `/object/instance/resource/resource-instance`, cut off anywhere: `/` is the root, `/3/0` the
/// device. Ids go from 0 to 65534; 65535 is reserved. A parent sorts before its children.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Path {
    ids: [u16; 4],
    len: u8,
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// The offset of the offending byte in the text.
    pub at: usize,
    /// What should be there.
    pub expected: &'static str,
}

impl Path {
    /// `/`.
    pub const ROOT: Self = Self {
        ids: [0; 4],
        len: 0,
    };

    /// The largest id; the one above is reserved.
    pub const MAX_ID: u16 = 65_534;

    /// The path of these ids, from the object down; `None` if there are more than four, or one is
    /// the reserved 65535.
    pub fn new(ids: &[u16]) -> Option<Self> {
        ids.iter().try_fold(Self::ROOT, |path, &id| path.child(id))
    }

    /// The path that the segments of a CoAP option or a URI spell. A single empty segment is the
    /// root.
    ///
    /// # Errors
    ///
    /// As for a text; the offset counts as if the segments were joined by slashes.
    pub fn from_segments<'a>(
        segments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, PathError> {
        let mut path = Self::ROOT;
        let mut at = 1;
        let mut segments = segments.into_iter().peekable();
        if segments.peek() == Some(&"") {
            segments.next();
            return match segments.next() {
                None => Ok(Self::ROOT),
                Some(_) => Err(PathError {
                    at,
                    expected: "an id",
                }),
            };
        }
        for segment in segments {
            let digits = segment.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 || digits < segment.len() {
                return Err(PathError {
                    at: at + digits,
                    expected: "a decimal digit",
                });
            }
            if digits > 1 && segment.starts_with('0') {
                return Err(PathError {
                    at,
                    expected: "an id without leading zeros",
                });
            }
            let id = segment.parse().ok().filter(|&id| id <= Self::MAX_ID);
            let id = id.ok_or(PathError {
                at,
                expected: "an id from 0 to 65534",
            })?;
            path = path.child(id).ok_or(PathError {
                at,
                expected: "at most four ids",
            })?;
            at += segment.len() + 1;
        }
        Ok(path)
    }

    /// This path with one more id; `None` if it has four already, or the id is reserved.
    pub fn child(mut self, id: u16) -> Option<Self> {
        if id > Self::MAX_ID {
            return None;
        }
        *self.ids.get_mut(usize::from(self.len))? = id;
        self.len += 1;
        Some(self)
    }

    /// This path without its last id; the root stays the root.
    pub fn parent(self) -> Self {
        self.prefix(usize::from(self.len).saturating_sub(1))
    }

    /// The first `len` ids of this path.
    pub fn prefix(self, len: usize) -> Self {
        let len = len.min(usize::from(self.len));
        let mut ids = [0; 4];
        ids[..len].copy_from_slice(&self.ids[..len]);
        Self {
            ids,
            len: len as u8,
        }
    }

    /// The ids.
    pub fn ids(&self) -> &[u16] {
        &self.ids[..usize::from(self.len)]
    }

    /// The object.
    pub fn object(&self) -> Option<u16> {
        self.ids().first().copied()
    }

    /// The object instance.
    pub fn instance(&self) -> Option<u16> {
        self.ids().get(1).copied()
    }

    /// The resource.
    pub fn resource(&self) -> Option<u16> {
        self.ids().get(2).copied()
    }

    /// The resource instance.
    pub fn resource_instance(&self) -> Option<u16> {
        self.ids().get(3).copied()
    }

    /// How many ids there are, 0 to 4.
    pub fn depth(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether a value can be here: at a resource or a resource instance.
    pub fn has_value(&self) -> bool {
        self.len >= 3
    }

    /// Whether `self` is `other` or below it.
    pub fn is_within(&self, other: Self) -> bool {
        self.ids().starts_with(other.ids())
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.ids().cmp(other.ids())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len == 0 {
            return f.write_str("/");
        }
        self.ids().iter().try_for_each(|id| write!(f, "/{id}"))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({self})")
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(PathError {
                at: 0,
                expected: "`/`",
            });
        };
        Self::from_segments(rest.split('/'))
    }
}

/// As text.
impl serde::Serialize for Path {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From text.
impl<'de> serde::Deserialize<'de> for Path {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at byte {} of the path: expected {}",
            self.at, self.expected
        )
    }
}

impl std::error::Error for PathError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_shown() {
        for text in [
            "/",
            "/3",
            "/3/0",
            "/3/0/6",
            "/3/0/6/1",
            "/65534/65534/65534/65534",
        ] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_path() {
        for (text, at, expected) in [
            ("", 0, "`/`"),
            ("3/0", 0, "`/`"),
            ("/3/", 3, "a decimal digit"),
            ("//3", 1, "an id"),
            ("/3/0x", 4, "a decimal digit"),
            ("/+3", 1, "a decimal digit"),
            ("/03", 1, "an id without leading zeros"),
            ("/3/65535", 3, "an id from 0 to 65534"),
            ("/3/99999999999", 3, "an id from 0 to 65534"),
            ("/1/2/3/4/5", 9, "at most four ids"),
        ] {
            assert_eq!(
                text.parse::<Path>(),
                Err(PathError { at, expected }),
                "{text}"
            );
        }
    }

    #[test]
    fn parents_sort_before_children_and_contain_them() {
        let path = |text: &str| text.parse::<Path>().unwrap();
        let mut paths = ["/3/0/6/0", "/3/1", "/", "/3/0/6", "/10", "/3"].map(path);
        paths.sort();
        assert_eq!(
            paths.map(|p| p.to_string()),
            ["/", "/3", "/3/0/6", "/3/0/6/0", "/3/1", "/10"]
        );
        assert!(path("/3/0").is_within(path("/3")));
        assert!(path("/3").is_within(Path::ROOT));
        assert!(!path("/3").is_within(path("/3/0")));
        assert!(!path("/30").is_within(path("/3")));
        assert_eq!(path("/3/0/6").parent(), path("/3/0"));
        assert_eq!(Path::new(&[3, 65_535]), None);
    }
}

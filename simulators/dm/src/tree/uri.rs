//! Node addresses.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Fault, shown};

/// The address of a node: names from the root down. The root has none.
///
/// `./A/B` and `A/B` are the same address. Names compare octet by octet: whether a device takes
/// case for a difference is a property of each node, and case must be kept in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeUri {
    names: Vec<String>,
}

/// What a device says about addresses under `./DevDetail/URI`; zero means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UriLimits {
    /// `MaxDepth`: names in an address.
    pub max_depth: usize,
    /// `MaxTotLen`: octets of a whole address.
    pub max_total_len: usize,
    /// `MaxSegLen`: octets of one name.
    pub max_segment_len: usize,
}

impl NodeUri {
    /// The root, `.`.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The address of a child. The name is as it is, not escaped. One with a slash has no legal
    /// address: it is written with an escape that reading refuses.
    #[must_use]
    pub fn child(&self, name: impl Into<String>) -> Self {
        let mut names = self.names.clone();
        names.push(name.into());
        Self { names }
    }

    /// This address followed by another one's names.
    #[must_use]
    pub fn join(&self, below: &NodeUri) -> Self {
        let mut names = self.names.clone();
        names.extend(below.names.iter().cloned());
        Self { names }
    }

    /// The address one level up; none for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, names) = self.names.split_last()?;
        Some(Self {
            names: names.to_vec(),
        })
    }

    /// The last name; none for the root.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.names.last().map(String::as_str)
    }

    /// The names from the root down, not escaped.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether it is `other` or below it.
    #[must_use]
    pub fn is_within(&self, other: &NodeUri) -> bool {
        self.names.starts_with(&other.names)
    }

    /// The address and those of all its ancestors, up to and with the root.
    pub fn ancestry(&self) -> impl Iterator<Item = NodeUri> {
        (0..=self.names.len()).rev().map(|len| Self {
            names: self.names[..len].to_vec(),
        })
    }

    /// Checks the limits of a device; a device answers 414 to what exceeds them.
    ///
    /// # Errors
    ///
    /// [`Fault::Limit`] with the limit and the excess.
    pub fn check(&self, limits: &UriLimits) -> Result<(), Error> {
        let longest = self.names.iter().map(|name| escaped(name).len()).max();
        for (what, allowed, got) in [
            ("names in an address", limits.max_depth, self.names.len()),
            (
                "octets in an address",
                limits.max_total_len,
                self.to_string().len(),
            ),
            (
                "octets in a name",
                limits.max_segment_len,
                longest.unwrap_or_default(),
            ),
        ] {
            if allowed > 0 && got > allowed {
                return Err(Error::new(
                    Fault::Limit,
                    0,
                    format!("at most {allowed} {what}"),
                    format!("{got}"),
                ));
            }
        }
        Ok(())
    }
}

impl FromStr for NodeUri {
    type Err = Error;

    /// Reads an address without a query.
    ///
    /// # Errors
    ///
    /// [`Fault::Syntax`] for an empty address or name, a slash at either end or in a name, `.` or
    /// `..` as a name, and broken escapes.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut names = Vec::new();
        let mut offset = 0;
        for (index, segment) in text.split('/').enumerate() {
            if index > 0 || segment != "." {
                let name = unescaped(segment).filter(|name| is_legal(name));
                names.push(name.ok_or_else(|| {
                    let expected = "a name, not \".\" or \"..\" and without slash";
                    Error::new(Fault::Syntax, offset, expected, shown(segment))
                })?);
            }
            offset += segment.len() + 1;
        }
        Ok(Self { names })
    }
}

impl fmt::Display for NodeUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(".")?;
        for name in &self.names {
            write!(f, "/{}", escaped(name))?;
        }
        Ok(())
    }
}

/// A slash joins the names of children in the answer to a `Get`, so no name may have one.
fn is_legal(name: &str) -> bool {
    !["", ".", ".."].contains(&name) && !name.contains('/')
}

/// A name as a segment of a URI.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for octet in name.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => out.push(char::from(octet)),
            _ if b"-._~!$&'()*+,;=:@".contains(&octet) => out.push(char::from(octet)),
            _ => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

/// The name in a segment; none when an escape is broken or the octets are not UTF-8.
fn unescaped(segment: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let [high, low, tail @ ..] = tail else {
                return None;
            };
            octets.push(crate::hex::octet(*high, *low)?);
            rest = tail;
        } else {
            octets.push(*first);
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uri(text: &str) -> NodeUri {
        text.parse().unwrap()
    }

    #[test]
    fn two_spellings_are_one_address() {
        assert_eq!(uri("./A/B"), uri("A/B"));
        assert_eq!(uri("A/B").to_string(), "./A/B");
        assert_eq!(uri("."), NodeUri::root());
        assert_eq!(uri("./A%3FB/%c3%a9").names(), ["A?B", "é"]);
        assert_ne!(uri("./a"), uri("./A"));
        assert_eq!(uri("./Wi-Fi/x:y@z").to_string(), "./Wi-Fi/x:y@z");
    }

    #[test]
    fn illegal_addresses_are_refused_with_their_place() {
        for (text, offset) in [
            ("", 0),
            ("/A", 0),
            ("./", 2),
            ("./A/", 4),
            ("A//B", 2),
            ("./A/../B", 4),
            ("A/./B", 2),
            ("./A/B%2FC", 4),
            ("./A/%4", 4),
            ("./A/%GG", 4),
            ("./A/%FF", 4),
        ] {
            let error = text.parse::<NodeUri>().unwrap_err();
            assert_eq!(
                (error.fault, error.offset),
                (Fault::Syntax, offset),
                "{text}"
            );
        }
    }

    #[test]
    fn relations_of_addresses() {
        let b = uri("./A/B");
        assert_eq!(b.parent(), Some(uri("./A")));
        assert_eq!(NodeUri::root().parent(), None);
        assert_eq!(b.name(), Some("B"));
        assert!(b.is_within(&uri("./A")) && b.is_within(&b));
        assert!(!uri("./AB").is_within(&uri("./A")));
        let ancestry: Vec<_> = b.ancestry().map(|uri| uri.to_string()).collect();
        assert_eq!(ancestry, ["./A/B", "./A", "."]);
        assert_eq!(uri("./A").join(&uri("B/C")), uri("./A/B/C"));
    }

    #[test]
    fn limits_of_a_device_are_checked() {
        let limits = |max_depth, max_total_len, max_segment_len| UriLimits {
            max_depth,
            max_total_len,
            max_segment_len,
        };
        let address = uri("./Abc/D");
        assert_eq!(address.check(&UriLimits::default()), Ok(()));
        assert_eq!(address.check(&limits(2, 7, 3)), Ok(()));
        for (limits, expected) in [
            (limits(1, 0, 0), "at most 1 names in an address"),
            (limits(0, 6, 0), "at most 6 octets in an address"),
            (limits(0, 0, 2), "at most 2 octets in a name"),
        ] {
            let error = address.check(&limits).unwrap_err();
            assert_eq!((error.fault, &*error.expected), (Fault::Limit, expected));
        }
    }

    proptest! {
        #[test]
        fn any_name_survives(names in proptest::collection::vec("\\PC{1,8}", 0..5)) {
            prop_assume!(names.iter().all(|name| is_legal(name)));
            let address = names.iter().fold(NodeUri::root(), |uri, name| uri.child(name));
            prop_assert_eq!(address.to_string().parse::<NodeUri>().unwrap(), address);
        }
    }
}

//! JSON, read into a tree without a form of its own in between.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use twinproof_kernel::http::BODY_LIMIT;

use super::{DEPTH_LIMIT, Document, Tree};

/// From how many members on an object has an index of their names.
const MANY: usize = 16;

/// What a member says.
enum Said {
    Once(Tree),
    /// An array: its name as often as it has values.
    Often(Vec<Tree>),
}

/// The members of an object, each name once.
#[derive(Default)]
struct Members {
    all: Vec<(String, Said)>,
    /// Where they are, once there are many.
    places: HashMap<String, usize>,
}

impl Members {
    /// Takes a member. If there is one of this name, it says this instead.
    fn take(&mut self, name: String, said: Said) {
        let known = match self.all.len() {
            0..MANY => self.all.iter().position(|(own, _)| *own == name),
            _ => {
                if self.places.is_empty() {
                    let places = self.all.iter().enumerate();
                    self.places = places.map(|(at, (own, _))| (own.clone(), at)).collect();
                }
                self.places.get(&name).copied()
            }
        };
        match known {
            Some(at) => self.all[at].1 = said,
            None => {
                if !self.places.is_empty() {
                    self.places.insert(name.clone(), self.all.len());
                }
                self.all.push((name, said));
            }
        }
    }

    /// A name stands once before all the elements of a list, and once with each of them here.
    fn into_entries<E: Error>(self) -> Result<Vec<(String, Tree)>, E> {
        let mut entries = Vec::with_capacity(self.all.len());
        let mut octets = 0;
        for (name, said) in self.all {
            match said {
                Said::Once(tree) => entries.push((name, tree)),
                Said::Often(trees) => {
                    octets += name.len() * trees.len();
                    if octets > BODY_LIMIT {
                        let why = format!("names of lists come to more than {BODY_LIMIT} octets");
                        return Err(E::custom(why));
                    }
                    entries.extend(trees.into_iter().map(|tree| (name.clone(), tree)));
                }
            }
        }
        Ok(entries)
    }
}

/// A value that is so deep below the root.
struct Below(usize);

impl<'de> DeserializeSeed<'de> for Below {
    type Value = Said;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Said, D::Error> {
        if self.0 > DEPTH_LIMIT {
            return Err(D::Error::custom(format!(
                "nested deeper than {DEPTH_LIMIT}"
            )));
        }
        value.deserialize_any(self)
    }
}

fn leaf<E>(text: impl Into<String>) -> Result<Said, E> {
    Ok(Said::Once(Tree::Leaf(text.into())))
}

impl<'de> Visitor<'de> for Below {
    type Value = Said;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value of JSON")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Said, E> {
        leaf(flag.to_string())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Said, E> {
        leaf(number.to_string())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Said, E> {
        leaf(number.to_string())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Said, E> {
        // JSON has no word for what is no number.
        let number = serde_json::Number::from_f64(number);
        leaf(number.map(|number| number.to_string()).unwrap_or_default())
    }

    fn visit_str<E>(self, text: &str) -> Result<Said, E> {
        leaf(text)
    }

    fn visit_string<E>(self, text: String) -> Result<Said, E> {
        leaf(text)
    }

    /// XML cannot tell an empty element from an empty text, so neither can the tree.
    fn visit_unit<E>(self) -> Result<Said, E> {
        leaf("")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Said, A::Error> {
        let mut all = Vec::new();
        while let Some(said) = values.next_element_seed(Self(self.0 + 1))? {
            match said {
                Said::Once(tree) => all.push(tree),
                Said::Often(trees) => all.extend(trees),
            }
        }
        Ok(Said::Often(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Said, A::Error> {
        let mut all = Members::default();
        while let Some(name) = members.next_key()? {
            all.take(name, members.next_value_seed(Self(self.0 + 1))?);
        }
        let entries = all.into_entries()?;
        if entries.is_empty() {
            return leaf("");
        }
        Ok(Said::Once(Tree::Branch(entries)))
    }
}

/// What stands at the top: an object with a member that is named after the root element.
struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one member named after the root element")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
        let mut all = Members::default();
        while let Some(name) = members.next_key()? {
            all.take(name, members.next_value_seed(Below(0))?);
        }
        Ok(all)
    }
}

/// Reads a body.
pub(super) fn read(body: &[u8]) -> Result<Document, String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = reader.deserialize_map(Top);
    let top = read.and_then(|top| reader.end().map(|()| top));
    let mut members = top.map_err(|why| why.to_string())?.all;
    let count = members.len();
    match (members.pop(), count) {
        (Some((root, Said::Once(tree))), 1) => Ok(Document::new(root, tree)),
        (Some((root, Said::Often(trees))), 1) => match <[_; 1]>::try_from(trees) {
            Ok([tree]) => Ok(Document::new(root, tree)),
            Err(_) => Err("the root member is an array".to_owned()),
        },
        _ => Err(format!(
            "expected exactly one top-level member, got {count}"
        )),
    }
}

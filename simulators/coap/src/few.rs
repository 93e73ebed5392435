//! A map for those who know few, and for those who know many.

use std::hash::Hash;

use twinproof_kernel::hash::HashMap;

/// Up to so many are looked through, which is faster than to compute a hash.
const FEW: usize = 8;

/// A map that is looked through while there is little in it, as in a device with its one server, and that finds by
/// hash once there was much, as in a server. What it has grown to it stays until it is cleared.
#[derive(Debug)]
pub(crate) enum Few<K, V> {
    Few(Vec<(K, V)>),
    Many(HashMap<K, V>),
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<K: Copy + Eq + Hash, V> Few<K, V> {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Few(few) => few.is_empty(),
            Self::Many(many) => many.is_empty(),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Self::Few(few) => {
                let found = few.iter().find(|(other, _)| other == key);
                found.map(|(_, value)| value)
            }
            Self::Many(many) => many.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Self::Few(few) => {
                let found = few.iter_mut().find(|(other, _)| other == key);
                found.map(|(_, value)| value)
            }
            Self::Many(many) => many.get_mut(key),
        }
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Adds a value, in the place of the one that was there under the key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if let Some(place) = self.get_mut(&key) {
            *place = value;
            return;
        }
        match self {
            Self::Few(few) if few.len() < FEW => {
                // There are many who know one.
                if few.len() == few.capacity() {
                    few.reserve_exact(few.len().max(1));
                }
                few.push((key, value));
            }
            Self::Few(few) => {
                let few = std::mem::take(few).into_iter();
                *self = Self::Many(few.chain([(key, value)]).collect());
            }
            Self::Many(many) => drop(many.insert(key, value)),
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::Few(few) => {
                let place = few.iter().position(|(other, _)| other == key)?;
                Some(few.swap_remove(place).1)
            }
            Self::Many(many) => many.remove(key),
        }
    }

    /// The values, in no order that is promised.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        let (few, many) = match self {
            Self::Few(few) => (Some(few), None),
            Self::Many(many) => (None, Some(many)),
        };
        let few = few.into_iter().flatten().map(|(_, value)| value);
        few.chain(many.into_iter().flat_map(HashMap::values))
    }

    /// The only entry, if there is but one and it does not hash.
    pub(crate) fn only(&self) -> Option<(&K, &V)> {
        match self {
            Self::Few(few) => match few.as_slice() {
                [(key, value)] => Some((key, value)),
                _ => None,
            },
            Self::Many(_) => None,
        }
    }

    /// Forgets everything, and keeps the memory of what it looks through.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::Few(few) => few.clear(),
            Self::Many(_) => *self = Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is done to it is what is done to any map.
        #[test]
        fn it_is_a_map(acts in prop::collection::vec((0..4_u8, 0..20_u16, any::<u8>()), 0..80)) {
            let (mut few, mut plain) = (Few::default(), BTreeMap::new());
            for (act, key, value) in acts {
                match act {
                    0 | 1 => {
                        few.insert(key, value);
                        plain.insert(key, value);
                    }
                    2 => prop_assert_eq!(few.remove(&key), plain.remove(&key)),
                    _ => {
                        few.get_mut(&key).into_iter().for_each(|place| *place ^= value);
                        plain.get_mut(&key).into_iter().for_each(|place| *place ^= value);
                    }
                }
                prop_assert_eq!(few.get(&key), plain.get(&key));
                prop_assert_eq!(few.is_empty(), plain.is_empty());
                let mut values: Vec<u8> = few.values().copied().collect();
                values.sort();
                let mut others: Vec<u8> = plain.values().copied().collect();
                others.sort();
                prop_assert_eq!(values, others);
            }
            few.clear();
            prop_assert!(few.is_empty() && few.only().is_none());
        }
    }
}

//! Values that are said at length: what a device holds is short, and what it says of it has as many octets as somebody wants.

use std::ops::RangeInclusive;

use crate::wire::Value;

/// What stands between what a device holds and what fills it up.
const BEHIND: u8 = b'.';

/// How a value is said at length: what the device holds, a full stop, and what fills it up. How long that is follows from what
/// it holds and from a seed, so that nobody has to remember it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Filling {
    least: usize,
    most: usize,
    seed: u64,
    opaque: bool,
}

impl Filling {
    /// Text of so many octets, which is drawn with this seed.
    pub fn text(octets: RangeInclusive<usize>, seed: u64) -> Self {
        Self {
            least: *octets.start(),
            most: *octets.end(),
            seed,
            opaque: false,
        }
    }

    /// Octets that are no text.
    pub fn opaque(octets: RangeInclusive<usize>, seed: u64) -> Self {
        Self {
            opaque: true,
            ..Self::text(octets, seed)
        }
    }

    /// What is said of a value that is held so.
    pub fn said(&self, held: &str) -> Value {
        let mut octets = vec![0; self.length(held)];
        self.write(held, &mut octets);
        match self.opaque {
            true => Value::Opaque(octets),
            // It was text before, and is filled up with letters.
            false => Value::String(String::from_utf8(octets).unwrap_or_default()),
        }
    }

    /// What a device holds that says this, as far as its beginning tells.
    pub fn held(said: &Value) -> Option<&str> {
        let octets = match said {
            Value::Opaque(octets) => octets.as_slice(),
            Value::String(text) => text.as_bytes(),
            _ => return None,
        };
        let end = octets.iter().position(|octet| *octet == BEHIND)?;
        std::str::from_utf8(&octets[..end]).ok()
    }

    /// Writes what is said into a buffer, and says how long it is; nothing if there is no room.
    pub(super) fn write(&self, held: &str, into: &mut [u8]) -> Option<usize> {
        let length = self.length(held);
        let (first, behind) = into.get_mut(..length)?.split_at_mut(held.len());
        first.copy_from_slice(held.as_bytes());
        // Octets that are no text are short where they are written as numbers.
        let (from, count) = match self.opaque {
            true => (0, 10),
            false => (b'a', 26),
        };
        behind[0] = BEHIND;
        for (octet, number) in behind[1..].iter_mut().zip((0..count).cycle()) {
            *octet = from + number;
        }
        Some(length)
    }

    fn length(&self, held: &str) -> usize {
        let span = self.most.saturating_sub(self.least) as u64 + 1;
        // FNV-1a, and the finaliser of SplitMix64 behind it.
        let hash = held
            .bytes()
            .fold(self.seed ^ 0xcbf2_9ce4_8422_2325, |hash, octet| {
                (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
            });
        let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (u128::from(hash ^ (hash >> 31)) * u128::from(span)) >> 64;
        (self.least + drawn as usize).max(held.len() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(value: &Value) -> usize {
        match value {
            Value::Opaque(octets) => octets.len(),
            Value::String(text) => text.len(),
            _ => 0,
        }
    }

    #[test]
    fn what_is_held_stands_before_as_much_as_is_missing() {
        let filling = Filling::text(12..=12, 0);
        assert_eq!(filling.said("42"), Value::String("42.abcdefghi".to_owned()));
        let octets = b"42.\x00\x01\x02\x03\x04\x05\x06\x07\x08".to_vec();
        let opaque = Filling::opaque(12..=12, 0).said("42");
        assert_eq!(opaque, Value::Opaque(octets));
        assert_eq!(Filling::held(&opaque), Some("42"));
        assert_eq!(Filling::held(&filling.said("dev-7")), Some("dev-7"));
        assert_eq!(Filling::held(&Value::Integer(42)), None);
        // Nothing of what is held is left out.
        let long = "a name without end";
        assert_eq!(Filling::held(&filling.said(long)), Some(long));
    }

    #[test]
    fn lengths_are_spread_over_all_that_is_wanted_and_follow_from_the_seed() {
        let lengths = |seed| {
            let filling = Filling::text(20..=119, seed);
            let all = (0..20_000).map(|number: u32| octets(&filling.said(&number.to_string())));
            all.collect::<Vec<usize>>()
        };
        let mut counts = [0_u32; 100];
        for length in lengths(3) {
            counts[length - 20] += 1;
        }
        // 200 each, with a deviation of 14.
        assert!(
            counts.iter().all(|count| (130..270).contains(count)),
            "{counts:?}"
        );
        assert_eq!(lengths(3), lengths(3));
        assert_ne!(lengths(3), lengths(4));
    }
}

/// A seed from which every random choice of one party follows.
///
/// Seeds are derived by name, never by position: a scenario draws the same numbers whether it runs
/// alone or among a thousand others.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Seed(u64);

impl Seed {
    /// The seed of a run.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed of the part of this one that is called `name`.
    #[must_use]
    pub fn derive(self, name: &str) -> Self {
        // FNV-1a over the name, then the SplitMix64 finaliser so that near names give far seeds.
        let mut hash = self.0 ^ 0xcbf2_9ce4_8422_2325;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(hash ^ (hash >> 31))
    }

    /// A generator that starts at this seed.
    pub fn rng(self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Seed;

    #[test]
    fn names_and_not_order_decide() {
        let run = Seed::new(7);
        assert_eq!(run.derive("a").derive("b"), run.derive("a").derive("b"));
        assert_ne!(run.derive("a").derive("b"), run.derive("b").derive("a"));
        assert_ne!(run.derive("a"), Seed::new(8).derive("a"));
    }
}

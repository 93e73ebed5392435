//! A hash of addresses, names and numbers, alike in every run so that one seed is one behaviour.

use std::hash::{BuildHasherDefault, Hasher};

/// A map with this hash.
pub type HashMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Folded>>;

/// Multiplies and folds the halves of the product. Fast on the few words that a key has; no defence
/// against a peer that chooses its addresses to collide.
#[derive(Debug, Default)]
pub struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        let product =
            u128::from(self.0 ^ number ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
        self.0 = (product as u64) ^ (product >> 64) as u64;
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;

    #[test]
    fn near_keys_spread() {
        let hasher = BuildHasherDefault::<Folded>::default();
        // Low bits choose the bucket, high bits tell entries apart; both have to vary.
        let (mut low, mut high) = (vec![0; 1 << 12], vec![0; 1 << 7]);
        for port in 0..2_u16 {
            for host in 0..512_u16 {
                for id in 0..64_u16 {
                    let [c, d] = host.to_be_bytes();
                    let address = SocketAddr::from((Ipv4Addr::new(10, 0, c, d), 5683 + port));
                    let hash = hasher.hash_one((address, id));
                    low[(hash & 0xfff) as usize] += 1;
                    high[(hash >> 57) as usize] += 1;
                }
            }
        }
        // 16 in each of the 4096, 512 in each of the 128, if chance were exactly fair.
        assert!(
            low.iter().all(|&count| count < 48),
            "{:?}",
            low.iter().max()
        );
        assert!(
            high.iter().all(|&count: &i32| (384..640).contains(&count)),
            "{high:?}"
        );
    }
}

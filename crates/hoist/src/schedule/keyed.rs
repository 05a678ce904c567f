use std::hash::{BuildHasher, Hasher, RandomState};

/// Hashes origins by a key: a secret one for a run; one that is told for a run that is to be repeated, as the
/// room that a map takes depends on its hashes.
///
/// Those that come from lists of strangers, which may be made to collide, are by themselves no more than a
/// hash with a secret key ([`Origin`](crate::item::Origin)). It only has to be spread, and an origin is
/// looked up ten times for each item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keyed(u64);

impl Keyed {
    pub(crate) fn secret() -> Self {
        Self(RandomState::new().hash_one(0))
    }

    pub(super) fn by(seed: u64) -> Self {
        Self(seed)
    }
}

impl BuildHasher for Keyed {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        Mixed(self.0)
    }
}

/// Words that are mixed one into the other.
#[derive(Debug)]
pub(crate) struct Mixed(u64);

/// 2^64 by the golden ratio: no multiple of it is near another.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for Mixed {
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
        let (low, high) = (product & u128::from(u64::MAX), product >> 64);
        #[expect(clippy::cast_possible_truncation, reason = "both are halves")]
        let folded = (low ^ high) as u64;
        self.0 = folded;
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write(&mut self, bytes: &[u8]) {
        for bytes in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_of_many_are_in_the_same_place_of_a_table() {
        // The lowest bits choose the place, the seven highest are compared there.
        for keyed in [Keyed::secret(), Keyed::by(0), Keyed::by(1), Keyed::by(u64::MAX)] {
            for step in [1_u64, 2, 8, 1 << 20, 1 << 32, 1 << 52, FACTOR] {
                let mut places = vec![0_u8; 1 << 12];
                let mut tags = [0_u16; 128];
                for n in 1..=1_u64 << 12 {
                    let hash = keyed.hash_one(n.wrapping_mul(step));
                    let (place, tag) = (hash & 0xFFF, hash >> 57);
                    places[usize::try_from(place).unwrap()] += 1;
                    tags[usize::try_from(tag).unwrap()] += 1;
                }
                let most = (places.iter().max().copied(), tags.iter().max().copied());
                assert!(most.0 <= Some(12) && most.1 <= Some(100), "{step}: {most:?}");
            }
        }
    }
}

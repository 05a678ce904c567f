//! The hash that every decision is drawn from. It must never change with the platform or the
//! standard library, since seeds are promised to mean the same thing everywhere, so it is our own.

const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The hash of `parts`, each told apart from its neighbours by its length.
pub(crate) fn hash(seed: u64, parts: &[&[u8]]) -> u64 {
    let mut state = mix(seed ^ PRIME);
    for part in parts {
        let (words, tail) = part.as_chunks::<8>();
        for word in words {
            state = mix(state ^ u64::from_le_bytes(*word)).wrapping_add(PRIME);
        }
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        state = mix(state ^ u64::from_le_bytes(last)).wrapping_add(PRIME);
        state = mix(state ^ part.len() as u64);
    }
    state
}

/// Independent draws from one hash (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn from(hash: u64) -> Self {
        Self(hash)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(PRIME);
        mix(self.0)
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(high) / 4_294_967_296.0
    }
}

/// Fills `out` with the bytes that stand at `offset` of the endless body every sized answer is cut
/// from, so that a test can tell a shifted or repeated byte from a right one.
pub fn body_bytes(offset: u64, out: &mut [u8]) {
    // From 1, since the mix of 0 is 0.
    let mut word = offset / 8 + 1;
    // Below 8, so the cast loses nothing.
    let mut skip = usize::try_from(offset % 8).unwrap_or(0);
    let mut rest = out;
    while !rest.is_empty() {
        let bytes = mix(word.wrapping_mul(PRIME)).to_le_bytes();
        let from = &bytes[skip..];
        let n = from.len().min(rest.len());
        rest[..n].copy_from_slice(&from[..n]);
        rest = &mut rest[n..];
        skip = 0;
        word += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hash(1, &[b"ab", b"c"]), hash(1, &[b"a", b"bc"]));
        assert_ne!(hash(1, &[b"a", b""]), hash(1, &[b"a"]));
        assert_ne!(hash(1, &[b"a"]), hash(2, &[b"a"]));
    }

    #[test]
    fn a_seed_means_the_same_for_ever() {
        // Change these and every seed anyone has noted down changes its meaning.
        assert_eq!(hash(7, &[b"GET", b"/flags/fr/fr.gif"]), 12_476_270_140_433_321_042);
        let mut body = [0; 4];
        body_bytes(13, &mut body);
        assert_eq!(body, [158, 120, 110, 79]);
        let mean = (0..10_000).map(|i| Draws::from(hash(i, &[b"x"])).unit()).sum::<f64>() / 1e4;
        assert!((0.48..0.52).contains(&mean), "{mean}");
    }

    #[test]
    fn body_bytes_are_one_stream() {
        let mut whole = [0; 100];
        body_bytes(0, &mut whole);
        for from in 0..40 {
            let mut part = [0; 33];
            body_bytes(from, &mut part);
            let at = usize::try_from(from).unwrap();
            assert_eq!(part, whole[at..at + 33]);
        }
    }
}

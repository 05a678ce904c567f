//! Which attempt at a thing this is. The number is not on the wire, so the server counts. Memory is
//! bounded: two generations, and what was asked in neither is forgotten (and starts again at 1).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Distinct requests a generation holds: the last so many are always remembered.
const GENERATION: usize = 1 << 18;

/// Keys are hashes already.
#[derive(Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

type Counts = HashMap<u64, u32, BuildHasherDefault<AsIs>>;

pub(crate) struct Attempts {
    young: Counts,
    old: Counts,
    generation: usize,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { young: Counts::default(), old: Counts::default(), generation: GENERATION }
    }

    /// Counts one more attempt at `key` and returns its number, from 1.
    pub(crate) fn count(&mut self, key: u64) -> u32 {
        if let Some(n) = self.young.get_mut(&key) {
            *n = n.saturating_add(1);
            return *n;
        }
        let n = self.old.remove(&key).unwrap_or(0).saturating_add(1);
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, n);
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_one_and_forgets_only_what_is_long_unasked() {
        let mut attempts = Attempts { generation: 4, ..Attempts::new() };
        assert_eq!([1, 1, 2, 1].map(|key| attempts.count(key)), [1, 2, 1, 3]);
        for key in 10..14 {
            attempts.count(key);
        }
        assert_eq!(attempts.count(1), 4, "asked within the last four");
        for key in 20..30 {
            attempts.count(key);
        }
        assert_eq!(attempts.count(2), 1, "forgotten");
        assert!(attempts.young.len() + attempts.old.len() <= 8);
    }
}

//! Which attempt at a thing this is. The number is not on the wire, so the server counts. Memory is
//! bounded: two generations, and what was asked in neither is forgotten (and starts again at 1).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Distinct requests a generation holds: the last so many are always remembered.
const GENERATION: usize = 1 << 18;

pub(crate) struct Attempts(Lately<u32>);

impl Attempts {
    pub(crate) fn new() -> Self {
        Self(Lately::new(GENERATION))
    }

    /// Counts one more attempt at `key` and returns its number, from 1.
    pub(crate) fn count(&mut self, key: u64) -> u32 {
        let n = self.0.of(key);
        *n = n.saturating_add(1);
        *n
    }
}

/// A map that always remembers the last `generation` keys asked for, and at most twice as many.
#[derive(Clone, Debug)]
pub(crate) struct Lately<V> {
    young: HashMap<u64, V, BuildHasherDefault<AsIs>>,
    old: HashMap<u64, V, BuildHasherDefault<AsIs>>,
    generation: usize,
}

impl<V: Default> Lately<V> {
    pub(crate) fn new(generation: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), generation }
    }

    /// What is remembered of `key`, a hash; the default when nothing is.
    pub(crate) fn of(&mut self, key: u64) -> &mut V {
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key).unwrap_or_default();
            if self.young.len() >= self.generation {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key, value);
        }
        self.young.entry(key).or_default()
    }
}

/// Keys are hashes already.
#[derive(Clone, Debug, Default)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_one_and_forgets_only_what_is_long_unasked() {
        let mut attempts = Attempts(Lately::new(4));
        assert_eq!([1, 1, 2, 1].map(|key| attempts.count(key)), [1, 2, 1, 3]);
        for key in 10..14 {
            attempts.count(key);
        }
        assert_eq!(attempts.count(1), 4, "asked within the last four");
        for key in 20..30 {
            attempts.count(key);
        }
        assert_eq!(attempts.count(2), 1, "forgotten");
        assert!(attempts.0.young.len() + attempts.0.old.len() <= 8);
    }
}

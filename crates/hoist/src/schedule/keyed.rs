use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};

/// Hashes origins by a key: a secret one for a run, as lists may be made to collide; one that is told for a
/// run that is to be repeated, as the room that a map takes depends on its hashes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keyed(u64);

impl Keyed {
    pub(super) fn secret() -> Self {
        Self(RandomState::new().hash_one(0))
    }

    pub(super) fn by(seed: u64) -> Self {
        Self(seed)
    }
}

impl BuildHasher for Keyed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

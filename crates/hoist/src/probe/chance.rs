use fastrand::Rng;

/// Where the ids of queries come from, and the choice of the sockets that they go out by.
///
/// Who can guess both can answer in a server's place, and what he says would be kept. So all 65,536
/// ids are drawn from, unpredictably (RFC 5452 §9.2): from the system's generator, in batches, since
/// each call into the system costs as much as a query. The ports are the system's choice
/// (`transport::udp::open`).
#[derive(Debug)]
pub(crate) enum Chance {
    System(Batch),
    /// The same numbers each time: for rehearsals alone.
    Seeded(Rng),
}

/// Bytes that were drawn together. None of them is used twice.
#[derive(Debug)]
pub(crate) struct Batch {
    bytes: Box<[u8; BATCH]>,
    used: usize,
}

/// Bytes of a batch: 256 queries.
const BATCH: usize = 1024;
/// Bytes of a draw.
const DRAW: usize = 4;

impl Chance {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        match seed {
            Some(seed) => Self::Seeded(Rng::with_seed(seed)),
            None => Self::System(Batch { bytes: Box::new([0; BATCH]), used: BATCH }),
        }
    }

    /// An id, and one of `count` places, which must be at least one and not more than 65,536. `None`
    /// where the system has no randomness to give: better no query than one that can be guessed.
    pub(crate) fn draw(&mut self, count: usize) -> Option<(u16, usize)> {
        let drawn = match self {
            Self::Seeded(rng) => rng.u32(..),
            Self::System(batch) => batch.draw()?,
        };
        let [a, b, c, d] = drawn.to_le_bytes();
        let share = usize::from(u16::from_le_bytes([c, d]));
        Some((u16::from_le_bytes([a, b]), (share * count) >> 16))
    }
}

impl Batch {
    fn draw(&mut self) -> Option<u32> {
        if self.used == BATCH {
            getrandom::fill(&mut self.bytes[..]).ok()?;
            self.used = 0;
        }
        let bytes = self.bytes[self.used..].first_chunk::<DRAW>()?;
        self.used += DRAW;
        Some(u32::from_le_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_draws_and_the_system_never_does() {
        let draws = |mut chance: Chance| -> Vec<_> {
            // Over the end of a batch.
            (0..300).map(|_| chance.draw(16).unwrap()).collect()
        };
        assert_eq!(draws(Chance::new(Some(7))), draws(Chance::new(Some(7))));
        assert_ne!(draws(Chance::new(Some(7))), draws(Chance::new(Some(8))));
        assert_ne!(draws(Chance::new(None)), draws(Chance::new(None)));
    }

    #[test]
    fn ids_and_places_are_spread_evenly() {
        let mut chance = Chance::new(None);
        let mut ids = HashSet::new();
        let mut places = [0; 3];
        let mut bits = [0; 16];
        for _ in 0..65_536 {
            let (id, place) = chance.draw(3).unwrap();
            ids.insert(id);
            places[place] += 1;
            for (bit, ones) in bits.iter_mut().enumerate() {
                *ones += i32::from(id >> bit & 1);
            }
        }
        // Of so many draws 1 - 1/e are different: 41,427, with a deviation of 101.
        assert!((40_400..42_400).contains(&ids.len()), "{}", ids.len());
        assert!(places.iter().all(|n| (20_700..23_000).contains(n)), "{places:?}");
        assert!(bits.iter().all(|n| (31_500..34_000).contains(n)), "{bits:?}");
    }
}

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

/// What a query is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) id: u16,
    pub(crate) place: usize,
    pub(crate) case: Case,
}

/// Which letters of a name are written large, from the first; after 32 letters again from the first.
///
/// A server repeats the name as it was asked for, so that whoever answers in its place has a bit more
/// to guess with each letter (draft-vixie-dnsext-dns0x20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Case(u32);

impl Case {
    /// All letters small.
    pub(crate) const SMALL: Self = Self(0);

    /// Writes the lowered wire form of a name.
    pub(crate) fn write(self, name: &[u8], buffer: &mut Vec<u8>) {
        let start = buffer.len();
        buffer.extend_from_slice(name);
        let mut bits = self.0;
        for byte in &mut buffer[start..] {
            let is_letter = byte.is_ascii_lowercase();
            let large = is_letter && bits & 1 == 1;
            *byte ^= u8::from(large) << 5;
            bits = bits.rotate_right(is_letter.into());
        }
    }

    /// Whether `written` is what `write` made of the name, and of the same length.
    pub(crate) fn is_of(self, name: &[u8], written: &[u8]) -> bool {
        let mut bits = self.0;
        name.len() == written.len()
            && name.iter().zip(written).fold(0, |differs, (byte, written)| {
                let is_letter = byte.is_ascii_lowercase();
                let large = u8::from(is_letter && bits & 1 == 1) << 5;
                bits = bits.rotate_right(is_letter.into());
                differs | byte ^ large ^ written
            }) == 0
    }
}

/// Bytes that were drawn together. None of them is used twice.
#[derive(Debug)]
pub(crate) struct Batch {
    bytes: Box<[u8; BATCH]>,
    used: usize,
}

/// Bytes of a batch: 256 queries.
const BATCH: usize = 2048;
/// Bytes of a draw.
const DRAW: usize = 8;

impl Chance {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        match seed {
            Some(seed) => Self::Seeded(Rng::with_seed(seed)),
            None => Self::System(Batch { bytes: Box::new([0; BATCH]), used: BATCH }),
        }
    }

    /// An id, and one of `count` places, which must be at least one and not more than 65,536. `None`
    /// where the system has no randomness to give: better no query than one that can be guessed.
    pub(crate) fn draw(&mut self, count: usize) -> Option<Drawn> {
        let drawn = match self {
            Self::Seeded(rng) => rng.u64(..),
            Self::System(batch) => batch.draw()?,
        };
        let [a, b, c, d, case @ ..] = drawn.to_le_bytes();
        let share = usize::from(u16::from_le_bytes([c, d]));
        let place = (share * count) >> 16;
        Some(Drawn { id: u16::from_le_bytes([a, b]), place, case: Case(u32::from_le_bytes(case)) })
    }
}

impl Batch {
    fn draw(&mut self) -> Option<u64> {
        if self.used == BATCH {
            getrandom::fill(&mut self.bytes[..]).ok()?;
            self.used = 0;
        }
        let bytes = self.bytes[self.used..].first_chunk::<DRAW>()?;
        self.used += DRAW;
        Some(u64::from_le_bytes(*bytes))
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
        let mut cases = [0; 32];
        for _ in 0..65_536 {
            let Drawn { id, place, case } = chance.draw(3).unwrap();
            ids.insert(id);
            places[place] += 1;
            for (bit, ones) in bits.iter_mut().enumerate() {
                *ones += i32::from(id >> bit & 1);
            }
            for (bit, ones) in cases.iter_mut().enumerate() {
                *ones += case.0 >> bit & 1;
            }
        }
        // Of so many draws 1 - 1/e are different: 41,427, with a deviation of 101.
        assert!((40_400..42_400).contains(&ids.len()), "{}", ids.len());
        assert!(places.iter().all(|n| (20_700..23_000).contains(n)), "{places:?}");
        assert!(bits.iter().all(|n| (31_500..34_000).contains(n)), "{bits:?}");
        assert!(cases.iter().all(|n| (31_500..34_000).contains(n)), "{cases:?}");
    }

    #[test]
    fn case_is_of_letters_alone() {
        let mut written = Vec::new();
        let name = b"\x03a-9\x02bc\x00";
        Case(0b101).write(name, &mut written);
        assert_eq!(written, b"\x03A-9\x02bC\x00");
        assert!(Case(0b101).is_of(name, &written));
        assert!(!Case(0b111).is_of(name, &written));
        assert!(!Case(0b101).is_of(name, &written[..7]));
        // With all letters used, it begins again.
        let long = [b'x'; 40];
        written.clear();
        Case(1).write(&long, &mut written);
        let large: Vec<_> = (0..40).filter(|at| written[*at] == b'X').collect();
        assert_eq!(large, [0, 32]);
    }
}

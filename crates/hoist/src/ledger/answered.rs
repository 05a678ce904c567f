use std::io;

use roaring::RoaringTreemap;

use super::fields::BEYOND;
use crate::item::Position;

/// The positions that need not be asked: those with an outcome, blank lines and comments.
///
/// A list is answered about in order, so a low-water mark says it of almost all; a bitmap holds
/// those above it, another those below that were opened again.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answered {
    /// All below are answered, but for the holes.
    below: u64,
    holes: RoaringTreemap,
    above: RoaringTreemap,
}

impl Answered {
    pub(crate) fn contains(&self, position: Position) -> bool {
        let n = position.0;
        if n < self.below { !self.holes.contains(n) } else { self.above.contains(n) }
    }

    /// Whether all of so many positions are answered.
    pub(crate) fn contains_all(&self, first: Position, count: u64) -> bool {
        let (start, end) = (first.0, first.0.saturating_add(count));
        let (low, high) = (end.min(self.below), start.max(self.below));
        let open_below =
            !self.holes.is_empty() && start < low && self.holes.range_cardinality(start..low) > 0;
        !open_below && (high >= end || self.above.contains_range(high..end))
    }

    /// False when it was answered before.
    pub(crate) fn insert(&mut self, position: Position) -> bool {
        let n = position.0;
        if n < self.below {
            return self.holes.remove(n);
        }
        if n > self.below {
            return self.above.insert(n);
        }
        self.below += 1;
        self.rise();
        true
    }

    pub(crate) fn insert_range(&mut self, first: Position, count: u64) {
        let (start, end) = (first.0, first.0.saturating_add(count));
        self.holes.remove_range(start..end.min(self.below).max(start));
        if end > self.below {
            if start <= self.below {
                self.above.remove_range(self.below..end);
                self.below = end;
                self.rise();
            } else {
                self.above.insert_range(start..end);
            }
        }
    }

    /// Those that are answered are to be asked again, and are noted in `reopened`: its memory
    /// follows what was answered, however long a run is said to be.
    pub(crate) fn reopen_range(
        &mut self,
        first: Position,
        count: u64,
        reopened: &mut RoaringTreemap,
    ) {
        let (start, end) = (first.0, first.0.saturating_add(count));
        reopened.insert_range(start..end.min(self.below).max(start));
        let mut above = self.above.iter();
        above.advance_to(start);
        for n in above.take_while(|n| *n < end) {
            reopened.insert(n);
        }
        self.remove_range(first, count);
    }

    /// They are to be asked again.
    pub(crate) fn remove_range(&mut self, first: Position, count: u64) {
        let (start, end) = (first.0, first.0.saturating_add(count));
        if start < self.below {
            self.holes.insert_range(start..end.min(self.below));
        }
        self.above.remove_range(start..end);
    }

    fn rise(&mut self) {
        while self.above.remove(self.below) {
            self.below += 1;
        }
    }

    pub(crate) fn serialize_into(&self, mut out: impl io::Write) -> io::Result<()> {
        out.write_all(&self.below.to_le_bytes())?;
        self.holes.serialize_into(&mut out)?;
        self.above.serialize_into(&mut out)
    }

    pub(crate) fn deserialize_from(mut bytes: impl io::Read) -> io::Result<Self> {
        let mut below = [0; 8];
        bytes.read_exact(&mut below)?;
        let below = u64::from_le_bytes(below);
        let holes = RoaringTreemap::deserialize_from(&mut bytes)?;
        let above = RoaringTreemap::deserialize_from(&mut bytes)?;
        let sound = below <= BEYOND
            && holes.max().is_none_or(|n| n < below)
            && above.min().is_none_or(|n| n > below)
            && above.max().is_none_or(|n| n < BEYOND);
        if sound {
            Ok(Self { below, holes, above })
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_answered_in_order_takes_no_memory() {
        let mut answered = Answered::default();
        for n in (0..100_000).filter(|n| n % 7 != 0) {
            assert!(answered.insert(Position(n)));
        }
        for n in (0..100_000).step_by(7) {
            assert!(answered.insert(Position(n)));
        }
        assert_eq!((answered.below, answered.above.len()), (100_000, 0));
        assert!(!answered.insert(Position(5)));
    }

    proptest! {
        #[test]
        fn it_is_a_set(steps in prop::collection::vec((0..5u8, 0..60u64, 0..20u64), 0..80)) {
            let (mut answered, mut model) = (Answered::default(), BTreeSet::new());
            for (step, n, count) in steps {
                match step {
                    0 | 1 => prop_assert_eq!(answered.insert(Position(n)), model.insert(n)),
                    2 => {
                        answered.remove_range(Position(n), 1);
                        model.remove(&n);
                    }
                    3 => {
                        answered.remove_range(Position(n), count);
                        model.retain(|had| !(n..n + count).contains(had));
                    }
                    _ => {
                        answered.insert_range(Position(n), count);
                        model.extend(n..n + count);
                    }
                }
                for n in 0..80 {
                    prop_assert_eq!(answered.contains(Position(n)), model.contains(&n));
                }
                let all = (n..n + count).all(|n| model.contains(&n));
                prop_assert_eq!(answered.contains_all(Position(n), count), all);
            }
            let mut bytes = Vec::new();
            answered.serialize_into(&mut bytes).unwrap();
            prop_assert_eq!(Answered::deserialize_from(&bytes[..]).unwrap(), answered);
        }
    }
}

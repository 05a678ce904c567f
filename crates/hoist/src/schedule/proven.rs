use std::hash::{BuildHasher, Hash};

use super::keyed::Keyed;

/// Bits of a generation: half a mebibyte.
const BITS: usize = 1 << 22;
/// Origins of a generation, so that of those that are not in it at most one in eight seems to be.
const MOST: usize = BITS / 8;

/// Which origins without items just now were proven when they were asked last: half a million to a million
/// of them, the latest.
///
/// Of a list with many origins nearly all are asked once in a while. Each is a bit, by its hash, so two may
/// be taken for one another: one that is not proven may go before others once, then it is known better.
#[derive(Debug)]
pub(super) struct Proven {
    keyed: Keyed,
    /// None before the first.
    young: Vec<u64>,
    old: Vec<u64>,
    /// Bits of the young.
    count: usize,
}

impl Proven {
    pub(super) fn new(keyed: Keyed) -> Self {
        Self { keyed, young: Vec::new(), old: Vec::new(), count: 0 }
    }

    /// An origin has no items any more, and is proven or not.
    pub(super) fn put<O: Hash>(&mut self, origin: &O, proven: bool) {
        if self.young.is_empty() && !proven {
            return;
        }
        let (word, bit) = self.place(origin);
        if !proven {
            for generation in [&mut self.young, &mut self.old] {
                if let Some(word) = generation.get_mut(word) {
                    *word &= !bit;
                }
            }
            return;
        }
        if self.count >= MOST {
            self.old = std::mem::take(&mut self.young);
            self.count = 0;
        }
        if self.young.is_empty() {
            self.young = vec![0; BITS / 64];
        }
        self.count += usize::from(self.young[word] & bit == 0);
        self.young[word] |= bit;
    }

    pub(super) fn has<O: Hash>(&self, origin: &O) -> bool {
        if self.young.is_empty() {
            return false;
        }
        let (word, bit) = self.place(origin);
        [&self.young, &self.old].iter().any(|of| of.get(word).is_some_and(|word| word & bit != 0))
    }

    fn place<O: Hash>(&self, origin: &O) -> (usize, u64) {
        let hash = self.keyed.hash_one(origin);
        #[expect(clippy::cast_possible_truncation, reason = "of the bits, as many as are needed")]
        let place = hash as usize % BITS;
        (place / 64, 1 << (place % 64))
    }

    /// In bytes.
    pub(super) fn memory(&self) -> usize {
        (self.young.capacity() + self.old.capacity()) * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::plan::Limits;
    use crate::schedule::{Backoff, Ended, Policy, Schedule, Sign};

    #[test]
    fn the_latest_are_known_and_most_others_are_not() {
        let mut proven = Proven::new(Keyed::by(7));
        assert!(!proven.has(&1_u64) && proven.memory() == 0);
        let all = 3 * MOST as u64;
        (0..all).for_each(|n| proven.put(&n, true));
        assert!((all - MOST as u64..all).all(|n| proven.has(&n)));
        let seem = (all..2 * all).filter(|n| proven.has(n)).count() as u64;
        assert!(seem < all / 4, "{seem} of {all}");
        assert!(proven.memory() <= 1 << 20);
        proven.put(&(all - 1), false);
        assert!(!proven.has(&(all - 1)));
    }

    #[test]
    fn an_origin_that_was_proven_still_is_with_its_next_item() {
        let limits = Limits { in_flight: NonZeroUsize::new(16).unwrap(), ..Limits::get() };
        let second = Duration::from_secs(1);
        let backoff = Backoff { first: second, longest: second };
        let policy = Policy { retries: 3, backoff, deadline: 60 * second, breaker: None };
        for sign in [Sign::Whole, Sign::Partial] {
            let (mut schedule, now) = (Schedule::new(limits.clone(), policy), Instant::now());
            let ticket = schedule.admit(7, 1);
            assert!(schedule.start(now).is_some());
            schedule.ended(ticket, now, Ended::Done, Duration::ZERO, sign.clone(), 0.5);
            schedule.discharge(ticket);
            assert!(schedule.is_forgotten());
            // Two that are not proven are more than a sixteenth.
            let others: Vec<_> = (10..15).map(|origin| schedule.admit(origin, 1)).collect();
            assert!(schedule.start(now).is_some() && schedule.start(now).is_some());
            let known = schedule.admit(7, 1);
            let next = schedule.start(now).map(|start| start.ticket);
            assert_eq!(next, Some(if sign == Sign::Whole { known } else { others[2] }));
        }
    }
}

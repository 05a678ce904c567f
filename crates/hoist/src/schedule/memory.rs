//! How much memory a schedule takes: the capacities of all that it keeps. What trees need beside their
//! entries, and smaller maps, is guessed.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use super::Schedule;
use super::lane::Lane;
use super::tuning::Tuning;

impl<O: Clone + Eq + Hash + Debug> Schedule<O> {
    /// In bytes; what origins own is not in it. It looks at every origin with items.
    pub(crate) fn memory(&self) -> usize {
        let lanes: usize = self.lanes.values().map(|lane| lane.memory()).sum();
        let lists = self.given_up.capacity() * (size_of::<O>() + 1)
            + self.lost.capacity() * size_of::<(O, usize)>()
            + tree::<O>(self.trials.len());
        let origins = self.turns.memory()
            + self.learned.memory()
            + self.remembered.memory()
            + self.proven.memory();
        let asked = self.rates.memory() + self.budgets.memory();
        let entries = map::<O, Box<Lane>>(self.lanes.capacity());
        self.own_memory()
            + entries
            + lanes
            + lists
            + origins
            + asked
            + self.pauses.memory()
            + self.silences.memory()
    }
}

/// A map: each entry has a byte of its own in the table, of which an eighth is free.
pub(super) fn map<K, V>(capacity: usize) -> usize {
    capacity * 8 / 7 * (size_of::<(K, V)>() + 1)
}

/// A tree by time: its nodes are about two thirds full.
pub(super) fn tree<V>(entries: usize) -> usize {
    entries * size_of::<((Instant, u64), V)>() * 3 / 2
}

/// Controllers, each in a box.
pub(super) fn tunings(count: usize) -> usize {
    count * size_of::<Tuning>()
}

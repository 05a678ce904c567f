use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use super::memory;
use super::tuning::Tuning;

/// Controllers of origins that have no item just now: the latest.
#[derive(Debug)]
pub(super) struct Learned<O> {
    tunings: HashMap<O, (u64, Box<Tuning>)>,
    /// In the order of their coming; those that left again stay behind until it is their turn.
    order: VecDeque<(u64, O)>,
    next: u64,
    most: usize,
}

impl<O: Clone + Eq + Hash> Learned<O> {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { tunings: HashMap::new(), order: VecDeque::new(), next: 0, most }
    }

    pub(super) fn put(&mut self, origin: O, tuning: Box<Tuning>) {
        while self.order.len() >= self.most {
            let Some((number, origin)) = self.order.pop_front() else { break };
            if self.tunings.get(&origin).is_some_and(|(of, _)| *of == number) {
                self.tunings.remove(&origin);
            }
        }
        self.next += 1;
        self.order.push_back((self.next, origin.clone()));
        self.tunings.insert(origin, (self.next, tuning));
    }

    pub(super) fn take(&mut self, origin: &O) -> Option<Box<Tuning>> {
        if self.tunings.is_empty() {
            return None;
        }
        self.tunings.remove(origin).map(|(_, tuning)| tuning)
    }

    /// In bytes.
    pub(super) fn memory(&self) -> usize {
        memory::map::<O, (u64, Box<Tuning>)>(self.tunings.len())
            + memory::tunings(self.tunings.len())
            + self.order.capacity() * size_of::<(u64, O)>()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&O, &Tuning)> {
        self.tunings.iter().map(|(origin, (_, tuning))| (origin, tuning.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn only_the_latest_are_kept() {
        let mut learned = Learned::new(3);
        for origin in 0..5 {
            learned.put(origin, Box::new(Tuning::new(Instant::now(), 2, 8)));
        }
        assert!(learned.take(&1).is_none() && learned.take(&2).is_some());
        for _ in 0..100 {
            learned.put(7, Box::new(Tuning::new(Instant::now(), 2, 8)));
            assert!(learned.take(&7).is_some());
        }
        assert!(learned.all().count() == 0 && learned.order.len() == 3);
    }
}

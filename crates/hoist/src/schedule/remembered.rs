use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::breaker::Trouble;
use super::memory;

/// An origin that is down and that nobody asks for is remembered for so long: then its next items
/// find out anew.
const KEPT: Duration = Duration::from_mins(5);

/// Origins that are down, and have no item just now.
#[derive(Debug)]
pub(super) struct Remembered<O> {
    troubles: HashMap<O, (u64, Trouble)>,
    /// In the order of their coming; those that left again stay behind until it is their turn.
    order: VecDeque<(Instant, u64, O)>,
    next: u64,
    most: usize,
    /// The time, as far as it was told.
    now: Option<Instant>,
}

impl<O: Clone + Eq + Hash> Remembered<O> {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { troubles: HashMap::new(), order: VecDeque::new(), next: 0, most, now: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.troubles.is_empty()
    }

    pub(super) fn put(&mut self, origin: O, trouble: Trouble) {
        let Some(now) = self.now else { return };
        while self.order.len() >= self.most {
            self.forget_first();
        }
        self.next += 1;
        self.order.push_back((now, self.next, origin.clone()));
        self.troubles.insert(origin, (self.next, trouble));
    }

    pub(super) fn take(&mut self, origin: &O) -> Option<Trouble> {
        self.troubles.remove(origin).map(|(_, trouble)| trouble)
    }

    /// Forgets those that have been here for long.
    pub(super) fn pass(&mut self, now: Instant) {
        self.now = Some(now);
        while self.order.front().is_some_and(|(since, ..)| *since + KEPT <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some((_, number, origin)) = self.order.pop_front() else { return };
        if self.troubles.get(&origin).is_some_and(|(of, _)| *of == number) {
            self.troubles.remove(&origin);
        }
    }

    /// In bytes.
    pub(super) fn memory(&self) -> usize {
        memory::map::<O, (u64, Trouble)>(self.troubles.len())
            + self.order.capacity() * size_of::<(Instant, u64, O)>()
    }

    #[cfg(test)]
    /// Entries.
    pub(super) fn size(&self) -> usize {
        self.troubles.len() + self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_forgotten_with_time_and_beyond_a_number() {
        let now = Instant::now();
        let mut remembered = Remembered::new(3);
        remembered.pass(now);
        for origin in 0..5 {
            remembered.put(origin, Trouble::new(now, false));
        }
        assert!(remembered.take(&1).is_none() && remembered.take(&2).is_some());
        remembered.put(2, Trouble::new(now, false));
        assert_eq!(remembered.size(), 6, "three, each with its place");
        remembered.pass(now + KEPT);
        assert!(remembered.is_empty() && remembered.size() == 0);
    }
}

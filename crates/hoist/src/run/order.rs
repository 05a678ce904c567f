use std::collections::{BTreeMap, VecDeque};

use crate::item::Position;

/// Puts what comes in any order back into the order of the list.
#[derive(Debug)]
pub(super) struct Order<T> {
    /// Positions of what has not come through, in order.
    expected: VecDeque<Position>,
    early: BTreeMap<Position, T>,
}

impl<T> Order<T> {
    pub(super) fn new() -> Self {
        Self { expected: VecDeque::new(), early: BTreeMap::new() }
    }

    /// Something will come for this position. Called in the order of the list.
    pub(super) fn expect(&mut self, position: Position) {
        self.expected.push_back(position);
    }

    pub(super) fn put(&mut self, position: Position, value: T) {
        self.early.insert(position, value);
    }

    /// What is next, once it has come.
    pub(super) fn next(&mut self) -> Option<(Position, T)> {
        let position = *self.expected.front()?;
        let value = self.early.remove(&position)?;
        self.expected.pop_front();
        Some((position, value))
    }

    /// What has come too early.
    pub(super) fn early(&self) -> impl Iterator<Item = &T> {
        self.early.values()
    }

    /// How much has come too early.
    pub(super) fn len(&self) -> usize {
        self.early.len()
    }
}

use tokio::sync::Notify;

use super::order::Order;
use crate::input::ListIdentity;
use crate::item::Position;
use crate::ledger::{Answered, Entry, Recorded, Recorder};

/// What a run with a ledger has besides.
pub(super) struct Record<'a, O> {
    pub(super) recorder: &'a mut Recorder<O>,
    /// Positions that need not be asked.
    pub(super) answered: Answered,
    /// Where outcomes go into the ledger in the order of the list.
    pub(super) order: Option<Order<Entry<O>>>,
    /// Bytes of the outcomes that wait for their turn.
    pub(super) early: usize,
    /// The list, until it is known to be the one that the ledger answers.
    pub(super) list: Option<ListIdentity>,
    /// Lines of this block that ask nothing.
    pub(super) skipped: Vec<(Position, u64)>,
}

impl<O: Recorded> Record<'_, O> {
    pub(super) fn put(&mut self, position: Position, entry: Entry<O>) {
        let Some(order) = &mut self.order else {
            self.recorder.put(entry);
            return;
        };
        self.early += entry.weight;
        order.put(position, entry);
        while let Some((_, entry)) = order.next() {
            self.early -= entry.weight;
            self.recorder.put(entry);
        }
    }

    /// Outcomes that are not committed, and their bytes.
    pub(super) fn load(&self) -> (usize, usize) {
        let early = self.order.as_ref().map_or(0, Order::len);
        (self.recorder.len() + early, self.recorder.weight() + self.early)
    }

    pub(super) fn list_known(&mut self) {
        if let Some(list) = self.list.take() {
            self.recorder.known(list);
        }
    }

    pub(super) fn skip(&mut self, position: Position) {
        match self.skipped.last_mut() {
            Some((first, count)) if first.0 + *count == position.0 => *count += 1,
            _ => self.skipped.push((position, 1)),
        }
    }

    pub(super) fn end_block(&mut self) {
        if !self.skipped.is_empty() {
            self.recorder.skip(std::mem::take(&mut self.skipped));
        }
    }
}

/// Ready when the ledger's thread has taken a task.
pub(super) async fn taken(room: Option<&Notify>) {
    match room {
        Some(room) => room.notified().await,
        None => std::future::pending().await,
    }
}

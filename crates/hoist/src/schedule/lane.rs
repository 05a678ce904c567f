use std::collections::VecDeque;

use super::Ticket;

/// What the schedule knows of an origin that has items.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// In their order; an entry whose epoch is not its item's has left.
    waiting: VecDeque<(Ticket, u64)>,
    /// How many of the entries have not left.
    live: usize,
    pub(super) in_flight: usize,
    /// The origin is in the schedule's queue of origins.
    pub(super) queued: bool,
}

impl Lane {
    pub(super) fn push_back(&mut self, ticket: Ticket, epoch: u64) {
        self.waiting.push_back((ticket, epoch));
        self.live += 1;
    }

    /// For items that have been asked before: their deadline is running.
    pub(super) fn push_front(&mut self, ticket: Ticket, epoch: u64) {
        self.waiting.push_front((ticket, epoch));
        self.live += 1;
    }

    pub(super) fn pop(&mut self, is_live: impl Fn(Ticket, u64) -> bool) -> Option<Ticket> {
        while let Some((ticket, epoch)) = self.waiting.pop_front() {
            if is_live(ticket, epoch) {
                self.live -= 1;
                return Some(ticket);
            }
        }
        None
    }

    /// An item leaves without having been popped. Its entry goes with the next sweep.
    pub(super) fn leave(&mut self, is_live: impl Fn(Ticket, u64) -> bool) {
        self.live -= 1;
        if self.waiting.len() > 2 * self.live + 64 {
            self.waiting.retain(|(ticket, epoch)| is_live(*ticket, *epoch));
        }
    }

    pub(super) fn has_waiting(&self) -> bool {
        self.live > 0
    }

    pub(super) fn is_idle(&self) -> bool {
        self.live == 0 && self.in_flight == 0 && !self.queued
    }
}

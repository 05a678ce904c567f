use std::collections::VecDeque;

use super::Ticket;

/// What the schedule knows of an origin that has items.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Items that were never asked, in their order.
    fresh: VecDeque<Ticket>,
    /// Items that were asked before, in their order: their deadline is running, so they go first.
    /// An entry whose epoch is not its item's has left.
    returning: VecDeque<(Ticket, u64)>,
    /// How many of the returning entries have not left.
    live: usize,
    pub(super) in_flight: usize,
    /// Items of this origin that were redirected and wait for a permit elsewhere.
    pub(super) away: usize,
    /// The origin is in the schedule's queue of origins.
    pub(super) queued: bool,
}

impl Lane {
    pub(super) fn push_fresh(&mut self, ticket: Ticket) {
        self.fresh.push_back(ticket);
    }

    pub(super) fn push_returning(&mut self, ticket: Ticket, epoch: u64) {
        self.returning.push_back((ticket, epoch));
        self.live += 1;
    }

    /// The next item: a returning one, else a fresh one if fewer than `max_away` are away.
    pub(super) fn pop(
        &mut self,
        max_away: usize,
        is_live: impl Fn(Ticket, u64) -> bool,
    ) -> Option<Ticket> {
        while let Some((ticket, epoch)) = self.returning.pop_front() {
            if is_live(ticket, epoch) {
                self.live -= 1;
                return Some(ticket);
            }
        }
        if self.away < max_away { self.fresh.pop_front() } else { None }
    }

    /// A returning item leaves without having been popped. Its entry goes with the next sweep.
    pub(super) fn leave(&mut self, is_live: impl Fn(Ticket, u64) -> bool) {
        self.live -= 1;
        if self.returning.len() > 2 * self.live + 64 {
            self.returning.retain(|(ticket, epoch)| is_live(*ticket, *epoch));
        }
    }

    /// Whether `pop` would give an item.
    pub(super) fn has_next(&self, max_away: usize) -> bool {
        self.live > 0 || (!self.fresh.is_empty() && self.away < max_away)
    }

    pub(super) fn is_idle(&self) -> bool {
        let waiting = self.live > 0 || !self.fresh.is_empty();
        !waiting && self.in_flight == 0 && self.away == 0 && !self.queued
    }
}

//! How much of the admission one origin may take, where what has no place can wait outside.
//!
//! An origin may have as many idle items admitted as there is room left (the dynamic thresholds of
//! Choudhury and Hahne, which are for the buffers of switches): one that is slow takes half, two a third
//! each, so there is always room for others, and nothing is set apart for origins that do not come.

use std::fmt::Debug;
use std::hash::Hash;

use super::lane::Lane;
use super::tuned;
use super::{Schedule, Ticket};

/// An origin is given lines again before it has fewer waiting: for a permit as many as ...
const WAITING_PER_PERMIT: usize = 8;
/// and at least so many.
const WAITING_LEAST: usize = 64;

/// While permits are free, lines are read on until so many origins could start at once.
const AT_HAND: usize = 32;

/// Bytes that an item may take which is not read yet, about.
const ITEM: usize = 2 << 10;

/// One that is given up may have so many times as much, as all of it ends with its next trial: else a list of
/// nothing else would take twice as many trials.
const SHARE_OF_LOST: usize = 7;

/// Lines at once of an origin that is given up.
const GIVEN_UP: usize = 1024;

impl<O: Clone + Eq + Hash + Debug> Schedule<O> {
    /// From now on it is known what share each origin has. Before the first item.
    pub(crate) fn share_admission(&mut self) {
        self.sharing = true;
    }

    /// Whether an item may be admitted beside so many that are on their way.
    pub(crate) fn has_room_beside(&self, coming: usize) -> bool {
        let (items, bytes) = self.free();
        items > coming && bytes > coming.saturating_mul(ITEM)
    }

    /// So many items and bytes more may be admitted.
    fn free(&self) -> (usize, usize) {
        (
            self.limits.admitted_items.get().saturating_sub(self.items.len()),
            self.limits.admitted_bytes.saturating_sub(self.bytes),
        )
    }

    /// Whether no origin can have more than its share. Quickly told.
    pub(crate) fn is_roomy(&self) -> bool {
        let (items, bytes) = self.free();
        items > self.items.len() && bytes > self.bytes
    }

    /// Whether this origin has its share of the admission already.
    pub(crate) fn crowds(&self, origin: &O) -> bool {
        !self.is_roomy() && self.lanes.get(origin).is_some_and(|lane| self.left(lane) == 0)
    }

    /// What is left of its share, in items.
    fn left(&self, lane: &Lane) -> usize {
        let (items, bytes) = self.free();
        let times = if lane.is_given_up() { SHARE_OF_LOST } else { 1 };
        let (items, bytes) = (items.saturating_mul(times), bytes.saturating_mul(times));
        let idle = lane.admitted.saturating_sub(lane.in_flight);
        // Those in flight take as much as others.
        let idle_bytes = lane.bytes / lane.admitted.max(1) * idle;
        let of_items = items.saturating_sub(idle);
        of_items.min(bytes.saturating_sub(idle_bytes).div_ceil(ITEM))
    }

    /// Whether permits stayed free when all had started that could, and few more can now.
    pub(crate) fn is_hungry(&self) -> bool {
        self.spare && self.turns.standing() < AT_HAND
    }

    /// How many items more this origin should be given of what waits outside; 0 while it has enough.
    /// Where it has none, or only such as are in flight, that is only for want of room.
    pub(crate) fn wants(&self, origin: &O) -> usize {
        let (items, bytes) = self.free();
        let Some(lane) = self.lanes.get(origin) else {
            return (2 * WAITING_LEAST).min(items).min(bytes.div_ceil(ITEM));
        };
        let enough = if lane.is_given_up() {
            // All that waits is given up with the next try: the more, the sooner the list ends.
            usize::MAX
        } else {
            let limit = tuned::limit(self.limits.per_origin, lane);
            limit.saturating_mul(WAITING_PER_PERMIT).max(WAITING_LEAST)
        };
        if lane.waiting() >= enough {
            return 0;
        }
        let more = enough.saturating_mul(2).saturating_sub(lane.waiting());
        let more = if lane.is_given_up() { more.min(GIVEN_UP) } else { more };
        more.min(self.left(lane)).min(items)
    }

    /// Lines of this origin wait outside. If it is given up, and another origin could go on, its items
    /// do not wait for its next trial.
    pub(crate) fn let_go(&mut self, origin: &O) {
        if self.lanes.len() <= self.down {
            return;
        }
        if let Some(lane) = self.lanes.get(origin)
            && lane.is_given_up()
            && lane.waiting() > lane.kept()
        {
            let kept = lane.kept();
            self.lost.push_back((origin.clone(), kept));
        }
    }

    /// Where an item was admitted.
    pub(crate) fn home(&self, ticket: Ticket) -> Option<&O> {
        self.items.get(ticket.0).map(|item| &item.home)
    }

    /// An item is its origin's no more: it has its outcome.
    pub(super) fn leave_share(&mut self, ticket: Ticket) {
        if !self.sharing {
            return;
        }
        let item = &self.items[ticket.0];
        let (home, bytes) = (item.home.clone(), item.bytes);
        if let Some(lane) = self.lanes.get_mut(&home) {
            lane.admitted -= 1;
            lane.bytes -= bytes;
            if lane.admitted == 0 {
                self.tend(&home);
            }
        }
    }
}

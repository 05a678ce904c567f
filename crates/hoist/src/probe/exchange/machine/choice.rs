//! Whom a question goes to.

use std::time::Instant;

use super::Exchange;

/// Servers with room that are compared: with many there is no need to look at all.
const COMPARED: usize = 8;

/// What is to be done with the question at the head of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// It goes to this server; its turn comes now.
    Ask(usize),
    /// Nobody listens at this one, nor at another.
    Closed(usize),
    /// All that could be asked have enough to do until then.
    Full(Instant),
}

impl Exchange {
    pub(super) fn choose(&mut self, now: Instant, index: u32) -> Choice {
        let pending = &self.pending[index as usize];
        let (last, stay) = (pending.server, pending.stay);
        if self.policy.spread && self.servers.len() > 1 {
            return self.choose_by_room(now, last, stay);
        }
        let at = self.choose_in_order(now, last, stay);
        if self.servers[at].closed_until(now).is_some() {
            return Choice::Closed(at);
        }
        match self.servers[at].full_until(now, true) {
            Some(until) => Choice::Full(until),
            None => Choice::Ask(at),
        }
    }

    /// The next server after the one asked last, the first that seems well.
    fn choose_in_order(&mut self, now: Instant, last: Option<usize>, stay: bool) -> usize {
        let count = self.servers.len();
        let first = match last {
            Some(last) if stay => return last,
            Some(last) => (last + 1) % count,
            None => 0,
        };
        let mut order = (0..count).map(|step| (first + step) % count);
        let servers = &self.servers;
        let well = |at: &usize| !servers[*at].rests(now) || servers[*at].is_to_be_tried(now);
        order.find(well).unwrap_or(first)
    }

    /// The one that has the most room for what it answers: so each gets as much as it delivers. A
    /// question that was asked goes to another than before, where one has room.
    fn choose_by_room(&mut self, now: Instant, last: Option<usize>, stay: bool) -> Choice {
        let count = self.servers.len();
        if let Some(at) = last.filter(|_| stay)
            && !self.servers[at].rests(now)
            && self.servers[at].full_until(now, false).is_none()
        {
            return Choice::Ask(at);
        }
        let mut best: Option<usize> = None;
        let mut compared = 0;
        let mut resting: Option<usize> = None;
        let mut room_from: Option<Instant> = None;
        for step in 0..count {
            let at = (self.turn + step) % count;
            let server = &mut self.servers[at];
            if server.closed_until(now).is_some() {
                continue;
            }
            let rests = server.rests(now);
            if let Some(until) = server.full_until(now, false) {
                if !rests {
                    room_from = Some(room_from.map_or(until, |from| from.min(until)));
                }
                continue;
            }
            if Some(at) == last {
                continue;
            }
            if server.is_to_be_tried(now) {
                self.turn = (at + 1) % count;
                return Choice::Ask(at);
            }
            if rests {
                resting = resting.or(Some(at));
                continue;
            }
            if best.is_none_or(|best| self.has_more_room(at, best)) {
                best = Some(at);
            }
            compared += 1;
            if compared == COMPARED {
                break;
            }
        }
        let again = last.filter(|at| self.servers[*at].closed_until(now).is_none());
        let again = again.filter(|at| self.servers[*at].full_until(now, false).is_none());
        let well = best.or(again.filter(|at| !self.servers[*at].rests(now)));
        // Those that rest only where no other is there at all.
        let found = well.or(if room_from.is_none() { resting.or(again) } else { None });
        match (found, room_from) {
            (Some(at), _) => {
                self.turn = (at + 1) % count;
                Choice::Ask(at)
            }
            (None, Some(until)) => Choice::Full(until),
            (None, None) => self.nobody_has_room(now),
        }
    }

    /// All are closed, or rest and have enough under way.
    fn nobody_has_room(&mut self, now: Instant) -> Choice {
        let soonest = |server: &mut super::Server| server.full_until(now, false);
        let open = self.servers.iter_mut().filter(|server| server.closed_until(now).is_none());
        match open.filter_map(soonest).min() {
            Some(until) => Choice::Full(until),
            None => Choice::Closed(self.turn % self.servers.len()),
        }
    }

    /// Whether a smaller part of its window is taken.
    fn has_more_room(&self, at: usize, than: usize) -> bool {
        let taken = |at: usize| self.servers[at].underway();
        let limit = |at: usize| self.servers[at].limit(false);
        // Both are bounded by what memory holds.
        taken(at).saturating_mul(limit(than)) < taken(than).saturating_mul(limit(at))
    }
}

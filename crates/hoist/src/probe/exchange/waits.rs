use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use super::pending::Stamped;

/// Who waits until when: a queue for each try, since all that wait equally long come up in the
/// order in which they began; a heap for the few whose wait is cut by their deadline or is a rest.
///
/// Entries are left behind when a query is answered. They are dropped when they come up, and
/// swept when they are more than the living.
#[derive(Debug)]
pub(super) struct Waits {
    tries: Vec<Try>,
    /// Waits that are shorter than that for the first try.
    quick: Vec<Try>,
    others: BinaryHeap<Reverse<(Instant, Stamped)>>,
}

#[derive(Debug)]
struct Try {
    timeout: Duration,
    queue: VecDeque<(Instant, Stamped)>,
}

/// The shortest of the quick waits; every second one is half as long again.
const QUICK_MIN: Duration = Duration::from_millis(20);
/// Entries below which a sweep is not worth it.
const SWEEP_MIN: usize = 256;

impl Waits {
    /// The first wait, then each half as long again as the one before, up to `max`.
    pub(super) fn new(first: Duration, max: Duration) -> Self {
        let mut tries = Vec::new();
        let mut timeout = first.max(Duration::from_millis(1));
        // From 1 ms to an hour there are 38 steps.
        while timeout < max && tries.len() < 64 {
            tries.push(Try { timeout, queue: VecDeque::new() });
            timeout = timeout * 3 / 2;
        }
        tries.push(Try { timeout: max.max(first), queue: VecDeque::new() });
        let mut quick = Vec::new();
        let mut timeout = QUICK_MIN;
        while timeout < first && quick.len() < 32 {
            quick.push(Try { timeout, queue: VecDeque::new() });
            timeout = if quick.len() % 2 == 1 { timeout * 6 / 5 } else { timeout * 5 / 4 };
        }
        Self { tries, quick, others: BinaryHeap::new() }
    }

    /// Waits for an answer that usually takes no longer than that; false if that is no less than the
    /// wait for the first try.
    pub(super) fn quick(
        &mut self,
        now: Instant,
        usual: Duration,
        deadline: Instant,
        who: Stamped,
    ) -> bool {
        let Some(wait) = self.quick.iter_mut().find(|wait| usual <= wait.timeout) else {
            return false;
        };
        let until = now + wait.timeout;
        if until > deadline {
            self.until(deadline, who);
        } else {
            wait.queue.push_back((until, who));
        }
        true
    }

    /// The waits for so many tries together.
    pub(super) fn total(&self, tries: u32) -> Duration {
        let longest = self.tries.last().map(|wait| wait.timeout).unwrap_or_default();
        let each = self.tries.iter().map(|wait| wait.timeout);
        let listed: Duration = each.take(tries as usize).sum();
        let more = tries.saturating_sub(u32::try_from(self.tries.len()).unwrap_or(u32::MAX));
        listed.saturating_add(longest.saturating_mul(more))
    }

    /// Waits for the answer to try number `attempt`, from 1; at most until the deadline.
    pub(super) fn answer(&mut self, now: Instant, attempt: u32, deadline: Instant, who: Stamped) {
        let at = (attempt as usize).saturating_sub(1).min(self.tries.len() - 1);
        let wait = &mut self.tries[at];
        let until = now + wait.timeout;
        if until > deadline {
            self.until(deadline, who);
        } else {
            wait.queue.push_back((until, who));
        }
    }

    /// Waits until a moment.
    pub(super) fn until(&mut self, until: Instant, who: Stamped) {
        self.others.push(Reverse((until, who)));
    }

    /// Who is due. It may be stale.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Stamped> {
        for wait in self.tries.iter_mut().chain(&mut self.quick) {
            if wait.queue.front().is_some_and(|(until, _)| *until <= now) {
                return wait.queue.pop_front().map(|(_, who)| who);
            }
        }
        if self.others.peek().is_some_and(|Reverse((until, _))| *until <= now) {
            return self.others.pop().map(|Reverse((_, who))| who);
        }
        None
    }

    /// When someone is due; stale ones in front are dropped.
    pub(super) fn next(&mut self, is_stale: impl Fn(Stamped) -> bool) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for wait in self.tries.iter_mut().chain(&mut self.quick) {
            while wait.queue.front().is_some_and(|(_, who)| is_stale(*who)) {
                wait.queue.pop_front();
            }
            if let Some((until, _)) = wait.queue.front() {
                next = Some(next.map_or(*until, |next| next.min(*until)));
            }
        }
        while self.others.peek().is_some_and(|Reverse((_, who))| is_stale(*who)) {
            self.others.pop();
        }
        if let Some(Reverse((until, _))) = self.others.peek() {
            next = Some(next.map_or(*until, |next| next.min(*until)));
        }
        next
    }

    /// Drops stale entries where they are more than the living, of whom there are `living`.
    pub(super) fn sweep(&mut self, living: usize, is_stale: impl Fn(Stamped) -> bool) {
        let bound = SWEEP_MIN.max(living * 2);
        for wait in self.tries.iter_mut().chain(&mut self.quick) {
            if wait.queue.len() > bound {
                wait.queue.retain(|(_, who)| !is_stale(*who));
                wait.queue.shrink_to(bound);
            }
        }
        if self.others.len() > bound {
            self.others.retain(|Reverse((_, who))| !is_stale(*who));
            self.others.shrink_to(bound);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let queues = self.tries.iter().chain(&self.quick);
        self.others.len() + queues.map(|wait| wait.queue.len()).sum::<usize>()
    }
}

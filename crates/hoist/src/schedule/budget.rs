//! How many of an origin's requests may be retries: each item's own tries would else make three or four
//! times as many requests of a server in trouble.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::keyed::Keyed;
use super::memory;
use crate::plan::RetryBudget;

/// What is over the budget looks for it again after this time.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Parts of a window that are counted by themselves. With the one under way there is one more.
const PARTS: usize = 5;

/// The origins that were asked again lately.
#[derive(Debug)]
pub(super) struct Budgets<O> {
    plan: Option<RetryBudget>,
    counts: HashMap<O, Counts, Keyed>,
    /// When to see whether an origin is to be forgotten.
    order: VecDeque<(Instant, O)>,
    /// Of these, at most; the oldest goes.
    most: usize,
}

/// Requests and retries of one origin, by parts of the window.
#[derive(Debug)]
struct Counts {
    parts: [(u32, u32); PARTS + 1],
    at: usize,
    /// Of the part under way.
    began: Instant,
}

impl Counts {
    fn new(now: Instant) -> Self {
        Self { parts: [(0, 0); PARTS + 1], at: 0, began: now }
    }

    fn pass(&mut self, window: Duration, now: Instant) {
        let part = (window / 5).max(Duration::from_nanos(1));
        let mut passed = 0;
        while now.saturating_duration_since(self.began) >= part && passed <= PARTS {
            self.at = (self.at + 1) % self.parts.len();
            self.parts[self.at] = (0, 0);
            self.began += part;
            passed += 1;
        }
        if passed > PARTS {
            self.began = now;
        }
    }

    fn retries(&self) -> u64 {
        self.parts.iter().map(|(_, retries)| u64::from(*retries)).sum()
    }

    /// Whether one more retry is within the budget.
    fn allow(&self, plan: RetryBudget) -> bool {
        let requests: u64 = self.parts.iter().map(|(requests, _)| u64::from(*requests)).sum();
        let earned = requests * u64::from(plan.percent) / 100;
        self.retries() < u64::from(plan.free) + earned
    }

    fn count(&mut self, retry: bool) {
        let (requests, retries) = &mut self.parts[self.at];
        *requests = requests.saturating_add(1);
        *retries = retries.saturating_add(u32::from(retry));
    }
}

impl<O: Clone + Eq + Hash> Budgets<O> {
    /// In bytes.
    pub(super) fn memory(&self) -> usize {
        memory::map::<O, Counts>(self.counts.capacity())
            + self.order.capacity() * size_of::<(Instant, O)>()
    }

    pub(super) fn new(most: usize, keyed: Keyed) -> Self {
        Self { plan: None, counts: HashMap::with_hasher(keyed), order: VecDeque::new(), most }
    }

    pub(super) fn set(&mut self, plan: Option<RetryBudget>) {
        self.plan = plan;
    }

    /// Whether an attempt may begin, which it then does: one that is no retry always may.
    pub(super) fn affords(&mut self, origin: &O, retry: bool, now: Instant) -> bool {
        let Some(plan) = self.plan else { return true };
        if retry && !self.counts.contains_key(origin) {
            self.put(origin, plan, now);
        }
        if self.counts.is_empty() {
            return true;
        }
        let Some(counts) = self.counts.get_mut(origin) else { return true };
        counts.pass(plan.window, now);
        if retry && !counts.allow(plan) {
            return false;
        }
        counts.count(retry);
        true
    }

    /// Whether a retry would be over the budget.
    pub(super) fn is_spent(&mut self, origin: &O, now: Instant) -> bool {
        let Some(plan) = self.plan else { return false };
        let Some(counts) = self.counts.get_mut(origin) else { return plan.free == 0 };
        counts.pass(plan.window, now);
        !counts.allow(plan)
    }

    fn put(&mut self, origin: &O, plan: RetryBudget, now: Instant) {
        if self.order.len() >= self.most
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        self.counts.insert(origin.clone(), Counts::new(now));
        self.order.push_back((now + plan.window, origin.clone()));
    }

    /// Forgets origins that were not asked again in a window.
    pub(super) fn pass(&mut self, now: Instant) {
        let Some(plan) = self.plan else { return };
        while self.order.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, origin)) = self.order.pop_front() else { return };
            let Some(counts) = self.counts.get_mut(&origin) else { continue };
            counts.pass(plan.window, now);
            if counts.retries() == 0 {
                self.counts.remove(&origin);
            } else {
                self.order.push_back((now + plan.window.max(LOOK), origin));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.counts.len() + self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan() -> RetryBudget {
        RetryBudget { percent: 10, free: 10, window: Duration::from_secs(10) }
    }

    #[test]
    fn ten_are_free_and_then_one_in_ten() {
        let mut now = Instant::now();
        let mut budgets = Budgets::new(8, Keyed::secret());
        budgets.set(Some(plan()));
        let retries = |budgets: &mut Budgets<u8>, now| {
            (0..1_000).take_while(|_| budgets.affords(&1, true, now)).count()
        };
        // Of ten and what they make themselves: the tenth of eleven is one.
        assert_eq!(retries(&mut budgets, now), 11);
        assert!(budgets.is_spent(&1, now) && !budgets.is_spent(&2, now));
        for _ in 0..1_000 {
            assert!(budgets.affords(&1, false, now));
        }
        assert_eq!(retries(&mut budgets, now), 111);
        now += Duration::from_secs(13);
        assert_eq!(retries(&mut budgets, now), 11, "another window");
        budgets.pass(now + Duration::from_secs(13));
        assert_eq!(budgets.size(), 0);
    }

    #[test]
    fn without_a_budget_all_are_free_and_origins_are_bounded() {
        let now = Instant::now();
        let mut budgets = Budgets::new(3, Keyed::secret());
        assert!((0..100).all(|_| budgets.affords(&1, true, now)) && budgets.size() == 0);
        budgets.set(Some(RetryBudget { free: 0, ..plan() }));
        assert!(!budgets.affords(&1, true, now) && budgets.is_spent(&2, now));
        for origin in 0..50 {
            budgets.affords(&origin, true, now);
        }
        assert_eq!(budgets.size(), 6);
    }

    proptest! {
        /// In no window are more retries than the plan says, of the requests in it and a fifth before it.
        #[test]
        fn no_window_has_more(
            steps in prop::collection::vec((any::<bool>(), 0..400_u64), 0..600),
            percent in 0..100_u32,
            free in 0..20_u32,
        ) {
            let plan = RetryBudget { percent, free, ..plan() };
            let mut budgets = Budgets::new(8, Keyed::secret());
            budgets.set(Some(plan));
            let mut now = Instant::now();
            let mut all: Vec<(Instant, bool)> = Vec::new();
            for (retry, passed) in steps {
                now += Duration::from_millis(passed);
                budgets.pass(now);
                if budgets.affords(&1, retry, now) {
                    all.push((now, retry));
                }
            }
            for (n, (at, _)) in all.iter().enumerate().filter(|(_, (_, retry))| *retry) {
                let within = |window: Duration| {
                    let from = all.iter().position(|(other, _)| *other + window >= *at);
                    &all[from.unwrap_or(n)..=n]
                };
                let retries = within(plan.window).iter().filter(|(_, retry)| *retry).count() as u64;
                let requests = within(plan.window * 6 / 5).len() as u64;
                let allowed = u64::from(free) + requests * u64::from(percent) / 100 + 1;
                prop_assert!(retries <= allowed, "{retries} of {requests}");
            }
        }
    }
}

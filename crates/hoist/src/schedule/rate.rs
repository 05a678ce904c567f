//! How often an origin is asked, at most: attempts begin evenly spread, as a generic cell rate algorithm
//! has it (ITU-T I.371, annex A). The moment at which an origin has its full rate again is all that is
//! kept of it, and longer than its lane is.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::keyed::Keyed;
use super::{Schedule, Ticket, memory, tuned};
use crate::plan::{Rate, defaults};

/// What a timer may be late does not lower the rate: attempts are made up for within this time.
const SLACK: Duration = Duration::from_millis(20);

/// The rates of all origins, where there is one.
#[derive(Debug)]
pub(super) struct Rates<O> {
    /// Between two attempts at an origin.
    every: Option<Duration>,
    /// Lanes that wait until their next attempt may begin.
    due: BTreeMap<(Instant, u64), O>,
    /// Origins without a lane, until they have their full rate again.
    kept: HashMap<O, (Instant, u64), Keyed>,
    order: BTreeMap<(Instant, u64), O>,
    next: u64,
    /// Of these, at most; the one that would be forgotten first goes.
    most: usize,
}

/// The rate of one origin.
#[derive(Debug)]
pub(super) struct Pacing {
    /// When it has its full rate again.
    full: Instant,
    /// When its next attempt may begin, where that is not yet: its key among the lanes that wait.
    alarm: Option<(Instant, u64)>,
}

impl Pacing {
    /// Its next attempt may not begin yet.
    pub(super) fn holds(&self) -> bool {
        self.alarm.is_some()
    }
}

impl<O: Clone + Eq + Hash> Rates<O> {
    pub(super) fn new(most: usize, keyed: Keyed) -> Self {
        Self {
            every: None,
            due: BTreeMap::new(),
            kept: HashMap::with_hasher(keyed),
            order: BTreeMap::new(),
            next: 0,
            most,
        }
    }

    /// In bytes.
    pub(super) fn memory(&self) -> usize {
        memory::map::<O, (Instant, u64)>(self.kept.capacity())
            + memory::tree::<O>(self.due.len() + self.order.len())
    }

    pub(super) fn is_set(&self) -> bool {
        self.every.is_some()
    }

    /// When the first lane may go on.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// One more attempt: it has its full rate again so much later.
    fn charge(&self, full: Option<Instant>, now: Instant) -> Instant {
        full.unwrap_or(now).max(now) + self.every.unwrap_or_default()
    }

    /// Notes when the next attempt may begin; none is held before `now`.
    fn hold(&mut self, origin: &O, pacing: &mut Pacing, now: Option<Instant>) {
        if let Some(alarm) = pacing.alarm.take() {
            self.due.remove(&alarm);
        }
        let at = pacing.full.checked_sub(SLACK).unwrap_or(pacing.full);
        if now.is_none_or(|now| at > now) {
            self.next += 1;
            pacing.alarm = Some((at, self.next));
            self.due.insert((at, self.next), origin.clone());
        }
    }

    /// The lane of an origin is forgotten; its rate is not.
    pub(super) fn put(&mut self, origin: &O, pacing: &Pacing) {
        if let Some(alarm) = &pacing.alarm {
            self.due.remove(alarm);
        }
        self.keep(origin, pacing.full);
    }

    fn keep(&mut self, origin: &O, full: Instant) {
        self.next += 1;
        if let Some(old) = self.kept.insert(origin.clone(), (full, self.next)) {
            self.order.remove(&old);
        }
        self.order.insert((full, self.next), origin.clone());
        if self.order.len() > self.most
            && let Some((_, gone)) = self.order.pop_first()
        {
            self.kept.remove(&gone);
        }
    }

    /// What is known of an origin that gets a lane.
    pub(super) fn take(&mut self, origin: &O) -> Option<Box<Pacing>> {
        if self.kept.is_empty() {
            return None;
        }
        let known = self.kept.remove(origin)?;
        self.order.remove(&known);
        let mut pacing = Pacing { full: known.0, alarm: None };
        self.hold(origin, &mut pacing, None);
        Some(Box::new(pacing))
    }

    /// A lane whose next attempt may begin. Who has the full rate again is forgotten.
    fn pop(&mut self, now: Instant) -> Option<O> {
        while let Some(entry) = self.order.first_entry()
            && entry.key().0 <= now
        {
            self.kept.remove(&entry.remove());
        }
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.due.len() + self.kept.len() + self.order.len()
    }
}

impl<O: Clone + Eq + Hash + Debug> Schedule<O> {
    /// Attempts that begin at each origin, at most.
    pub(crate) fn set_rate(&mut self, rate: Rate) {
        let every =
            (rate.per / rate.requests.get()).clamp(Duration::from_nanos(1), defaults::FOREVER);
        self.rates.every = Some(every);
    }

    /// A request has been sent to this origin beside those that the schedule began.
    pub(crate) fn asked(&mut self, origin: &O, now: Instant) {
        if !self.rates.is_set() {
            return;
        }
        if self.lanes.contains_key(origin) {
            self.count(origin, now);
        } else {
            let known = self.rates.kept.get(origin).map(|(full, _)| *full);
            let full = self.rates.charge(known, now);
            self.rates.keep(origin, full);
        }
    }

    /// How long an item in flight has to wait before it sends another request with its own permit; none:
    /// it is counted, and goes.
    pub(crate) fn turn(&mut self, ticket: Ticket, now: Instant) -> Duration {
        let Some(origin) = self.items.get(ticket.0).map(|item| item.origin.clone()) else {
            return Duration::ZERO;
        };
        let Some(lane) = self.lanes.get(&origin) else { return Duration::ZERO };
        let held = lane.pacing.as_ref().and_then(|pacing| pacing.alarm).map(|(at, _)| at);
        let until = lane.paused.max(held);
        let left = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if left.is_zero() {
            self.count(&origin, now);
        }
        left
    }

    /// Counts an attempt that begins at this origin.
    pub(super) fn count(&mut self, origin: &O, now: Instant) {
        if !self.rates.is_set() {
            return;
        }
        let Some(lane) = self.lanes.get_mut(origin) else { return };
        let known = lane.pacing.as_ref().map(|pacing| pacing.full);
        let full = self.rates.charge(known, now);
        let pacing = lane.pacing.get_or_insert_with(|| Box::new(Pacing { full, alarm: None }));
        pacing.full = full;
        self.rates.hold(origin, pacing, Some(now));
        let limit = tuned::limit(self.limits.per_origin, lane);
        if pacing_holds(lane.pacing.as_deref()) && lane.in_flight < limit && lane.waiting() > 0 {
            // It is we who want no more now: its pace says nothing of the origin.
            if let Some(tuning) = &mut lane.tuning {
                tuning.hinder();
            }
        }
    }

    /// Lets lanes go on whose next attempt may begin.
    pub(super) fn wake_rated(&mut self, now: Instant) {
        while let Some(origin) = self.rates.pop(now) {
            if let Some(pacing) = self.lanes.get_mut(&origin).and_then(|lane| lane.pacing.as_mut())
            {
                pacing.alarm = None;
            }
            self.tend(&origin);
        }
    }

    /// Whether the deadline of an item that waits moves on: it is the rate that it waits for. It then has
    /// half its time again.
    pub(super) fn spares(&mut self, ticket: Ticket, now: Instant) -> bool {
        if !self.rates.is_set() {
            return false;
        }
        let item = &mut self.items[ticket.0];
        let Some(lane) = self.lanes.get(&item.origin) else { return false };
        if lane.pacing.is_none() || lane.paused.is_some() || lane.is_down() {
            return false;
        }
        item.deadline = Some(now + self.policy.deadline / 2);
        true
    }
}

fn pacing_holds(pacing: Option<&Pacing>) -> bool {
    pacing.is_some_and(Pacing::holds)
}

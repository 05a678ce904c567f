//! Origins that asked to be left alone for a while. Where that is longer than an item may take, what
//! waits for them is put off: it ends as deferred, with the time that is left.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::machine::is_at;
use super::{Lapsed, Schedule, memory};
use crate::plan::defaults;

/// Until when each of them is left alone.
#[derive(Debug)]
pub(super) struct Pauses<O> {
    until: HashMap<O, (Instant, u64)>,
    order: BTreeMap<(Instant, u64), O>,
    next: u64,
    /// The most that are remembered; the pause that ends first ends early.
    most: usize,
    /// Of these the waiting items are put off now.
    put_off: VecDeque<O>,
}

impl<O: Clone + Eq + Hash> Pauses<O> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            until: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
            most,
            put_off: VecDeque::new(),
        }
    }

    /// Until when this origin is left alone.
    pub(super) fn of(&self, origin: &O) -> Option<Instant> {
        if self.until.is_empty() {
            return None;
        }
        self.until.get(origin).map(|(until, _)| *until)
    }

    /// When the first pause ends.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first_key_value().map(|((until, _), _)| *until)
    }

    /// Notes a pause, unless it is over before one that is there. The origin that is let go for it.
    fn put(&mut self, origin: &O, until: Instant) -> Option<O> {
        match self.until.get(origin) {
            Some((known, _)) if *known >= until => return None,
            Some(key) => {
                self.order.remove(key);
            }
            None => {}
        }
        let full = self.order.len() >= self.most;
        let gone = if full { self.order.pop_first().map(|(_, origin)| origin) } else { None };
        if let Some(gone) = &gone {
            self.until.remove(gone);
        }
        self.next += 1;
        self.until.insert(origin.clone(), (until, self.next));
        self.order.insert((until, self.next), origin.clone());
        gone
    }

    /// An origin whose pause is over.
    fn pop(&mut self, now: Instant) -> Option<O> {
        let entry = self.order.first_entry().filter(|entry| entry.key().0 <= now)?;
        let origin = entry.remove();
        self.until.remove(&origin);
        Some(origin)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// In bytes.
    pub(super) fn memory(&self) -> usize {
        memory::map::<O, (Instant, u64)>(self.until.len())
            + memory::tree::<O>(self.order.len())
            + self.put_off.capacity() * size_of::<O>()
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.until.len() + self.order.len() + self.put_off.len()
    }
}

impl<O: Clone + Eq + Hash + Debug> Schedule<O> {
    /// Begins no attempt at this origin for so long; those in flight go on.
    pub(super) fn pause(&mut self, origin: &O, now: Instant, time: Duration) {
        if time.is_zero() {
            return;
        }
        let until = now + time.min(defaults::FOREVER);
        if let Some(gone) = self.pauses.put(origin, until) {
            self.go_on(&gone);
        }
        let until = self.pauses.of(origin);
        if let Some(lane) = self.lanes.get_mut(origin) {
            lane.paused = until;
            self.put_off(origin);
        }
    }

    /// Notes that a paused origin may have an item to put off.
    pub(super) fn put_off(&mut self, origin: &O) {
        if let Some(lane) = self.lanes.get_mut(origin)
            && lane.paused.is_some()
            && lane.waiting() > 0
            && !std::mem::replace(&mut lane.put_off, true)
        {
            self.pauses.put_off.push_back(origin.clone());
        }
    }

    /// Ends pauses whose time has come, and gives out an item that is put off.
    pub(super) fn wake_paused(&mut self, now: Instant) -> Option<Lapsed> {
        while let Some(origin) = self.pauses.pop(now) {
            self.go_on(&origin);
        }
        let longest = self.policy.deadline;
        while let Some(origin) = self.pauses.put_off.pop_front() {
            let items = &self.items;
            let lane = self.lanes.get_mut(&origin);
            let lapsed = lane.and_then(|lane| {
                lane.put_off = false;
                let left = lane.paused?.saturating_duration_since(now);
                let is_live = |ticket, epoch| is_at(items, ticket, epoch);
                let ticket = if left > longest { lane.pop(usize::MAX, is_live) } else { None }?;
                Some(Lapsed { ticket, outage: None, paused: Some(left), spent: false })
            });
            if let Some(lapsed) = &lapsed {
                self.settle(lapsed.ticket);
                self.come_back(lapsed.ticket);
                self.put_off(&origin);
            }
            self.tend(&origin);
            if lapsed.is_some() {
                return lapsed;
            }
        }
        None
    }

    fn go_on(&mut self, origin: &O) {
        if let Some(lane) = self.lanes.get_mut(origin) {
            lane.paused = None;
            self.tend(origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::plan::Limits;
    use crate::schedule::{Backoff, Ended, Next, Policy, Retry, Sign, Ticket};

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn schedule() -> Schedule<char> {
        let at = |n| NonZeroUsize::new(n).unwrap();
        let limits = Limits { in_flight: at(8), per_origin: at(2).into(), ..Limits::get() };
        let backoff = Backoff { first: seconds(1), longest: seconds(1) };
        let policy = Policy { retries: 3, backoff, deadline: seconds(60), breaker: None };
        Schedule::new(limits, policy)
    }

    fn starts(schedule: &mut Schedule<char>, now: Instant) -> Vec<Ticket> {
        std::iter::from_fn(|| schedule.start(now)).map(|start| start.ticket).collect()
    }

    fn done(schedule: &mut Schedule<char>, ticket: Ticket, now: Instant) {
        schedule.ended(ticket, now, Ended::Done, Duration::ZERO, Sign::Whole, 0.5);
        schedule.discharge(ticket);
    }

    #[test]
    fn nothing_begins_while_an_origin_is_paused_and_all_goes_on_after() {
        let (mut schedule, now) = (schedule(), Instant::now());
        let tickets: Vec<_> = (0..4).map(|_| schedule.admit('a', 1)).collect();
        let other = schedule.admit('b', 1);
        assert_eq!(starts(&mut schedule, now), [tickets[0], other, tickets[1]]);
        schedule.pause(&'a', now, seconds(30));
        done(&mut schedule, tickets[0], now);
        done(&mut schedule, tickets[1], now);
        assert!(starts(&mut schedule, now).is_empty());
        assert!(!schedule.lease(other, now) || schedule.in_flight() == 2, "others may");
        assert_eq!(schedule.next_wake(), Some(now + seconds(30)));
        assert_eq!(schedule.wake(now + seconds(29)), None);
        assert!(starts(&mut schedule, now + seconds(29)).is_empty());
        assert_eq!(schedule.wake(now + seconds(30)), None);
        assert_eq!(starts(&mut schedule, now + seconds(30)), tickets[2..]);
    }

    #[test]
    fn the_longer_of_two_pauses_counts() {
        let (mut schedule, now) = (schedule(), Instant::now());
        schedule.admit('a', 1);
        schedule.pause(&'a', now, seconds(20));
        schedule.pause(&'a', now, seconds(10));
        schedule.pause(&'a', now, seconds(0));
        assert_eq!(schedule.next_wake(), Some(now + seconds(20)));
        schedule.pause(&'a', now, seconds(40));
        assert_eq!(schedule.next_wake(), Some(now + seconds(40)));
        assert_eq!(schedule.pauses.size(), 3, "one of them waits to be looked at");
    }

    #[test]
    fn an_origin_without_items_stays_paused() {
        let (mut schedule, now) = (schedule(), Instant::now());
        let first = schedule.admit('a', 1);
        assert_eq!(starts(&mut schedule, now), [first]);
        schedule.pause(&'a', now, seconds(30));
        done(&mut schedule, first, now);
        assert_eq!(schedule.wake(now), None);
        assert!(schedule.lanes.is_empty(), "forgotten");
        let second = schedule.admit('a', 1);
        assert!(starts(&mut schedule, now).is_empty());
        assert_eq!(schedule.wake(now + seconds(30)), None);
        assert_eq!(starts(&mut schedule, now + seconds(30)), [second]);
        done(&mut schedule, second, now + seconds(30));
        assert_eq!(schedule.size(), 0);
    }

    #[test]
    fn what_waits_for_longer_than_an_item_may_take_is_put_off() {
        let (mut schedule, now) = (schedule(), Instant::now());
        let tickets: Vec<_> = (0..5).map(|_| schedule.admit('a', 1)).collect();
        starts(&mut schedule, now);
        schedule.pause(&'a', now, seconds(3600));
        let lapsed: Vec<_> = std::iter::from_fn(|| schedule.wake(now)).collect();
        let told: Vec<_> = lapsed.iter().map(|lapsed| (lapsed.ticket, lapsed.paused)).collect();
        assert_eq!(told, [2, 3, 4].map(|n| (tickets[n], Some(seconds(3600)))));
        for Lapsed { ticket, .. } in &lapsed {
            schedule.discharge(*ticket);
        }
        // One that was in flight comes back, one is admitted later.
        let failed = Ended::Failed(Retry::Soon);
        let next = schedule.ended(tickets[0], now, failed, Duration::ZERO, Sign::Whole, 1.0);
        assert_eq!(next, Next::Again);
        let late = schedule.admit('a', 1);
        let soon = now + seconds(2);
        let lapsed: Vec<_> = std::iter::from_fn(|| schedule.wake(soon)).collect();
        let tickets_of: Vec<_> = lapsed.iter().map(|lapsed| lapsed.ticket).collect();
        assert_eq!(tickets_of.len(), 2, "{lapsed:?}");
        assert!(tickets_of.contains(&late) && tickets_of.contains(&tickets[0]));
        for ticket in &tickets_of {
            schedule.discharge(*ticket);
        }
        // Once the rest of the pause is short, it is waited for.
        let at = now + seconds(3550);
        let patient = schedule.admit('a', 1);
        assert_eq!(schedule.wake(at), None);
        done(&mut schedule, tickets[1], at);
        assert_eq!(schedule.wake(now + seconds(3600)), None);
        assert_eq!(starts(&mut schedule, now + seconds(3600)), [patient]);
        done(&mut schedule, patient, now + seconds(3600));
        assert!(schedule.is_forgotten() && schedule.size() <= 8, "{schedule:?}");
    }

    #[test]
    fn what_was_asked_and_is_out_of_time_before_the_pause_is_over_is_put_off_too() {
        let (mut schedule, now) = (schedule(), Instant::now());
        let tickets = [schedule.admit('a', 1), schedule.admit('a', 1)];
        starts(&mut schedule, now);
        let at = now + seconds(10);
        schedule.pause(&'a', at, seconds(55));
        let failed = Ended::Failed(Retry::Soon);
        let next = schedule.ended(tickets[0], at, failed, Duration::ZERO, Sign::Whole, 1.0);
        assert_eq!(next, Next::Again);
        assert_eq!(schedule.wake(now + seconds(59)), None);
        let lapsed = schedule.wake(now + seconds(60)).expect("its deadline has come");
        assert_eq!((lapsed.ticket, lapsed.paused), (tickets[0], Some(seconds(5))));
    }

    #[test]
    fn pauses_are_bounded() {
        let now = Instant::now();
        let mut pauses = Pauses::new(3);
        assert!((1..=3_u64).all(|n| pauses.put(&n, now + seconds(n)).is_none()));
        assert_eq!(pauses.put(&4, now + seconds(4)), Some(1), "the one that would end first");
        assert_eq!(pauses.put(&2, now + seconds(9)), None, "it was there");
        assert_eq!((pauses.of(&1), pauses.of(&2)), (None, Some(now + seconds(9))));
        assert_eq!(pauses.size(), 6);
        assert_eq!(
            [pauses.pop(now + seconds(5)), pauses.pop(now + seconds(5))],
            [Some(3), Some(4)]
        );
        assert_eq!((pauses.pop(now + seconds(5)), pauses.size()), (None, 2));
    }
}

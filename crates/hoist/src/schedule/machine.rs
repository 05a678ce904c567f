use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use slab::Slab;

use super::lane::Lane;
use super::{Backoff, Ticket};
use crate::plan::Limits;

/// A redirected item waits for about so many others before it is asked again.
pub(super) const AWAY_PER_PERMIT: usize = 8;

/// When to stop trying.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Tries after the first.
    pub(crate) retries: u32,
    pub(crate) backoff: Backoff,
    /// From an item's first attempt, over all of them.
    pub(crate) deadline: Duration,
}

/// An attempt that begins now, with its permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) ticket: Ticket,
    /// From 1. A redirect does not count.
    pub(crate) attempt: u32,
    pub(crate) deadline: Instant,
}

/// How an attempt ended. Its permits are free again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended<O> {
    /// For good, well or not.
    Done,
    /// It goes on at this origin, as part of the same attempt.
    Moved(O),
    /// It failed; another try can help.
    Failed(Retry),
}

/// When a failed item wants to be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// After a backoff.
    Soon,
    /// The server said so; it is obeyed in full.
    After(Duration),
}

/// What becomes of an item whose attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It has its outcome.
    Settled,
    /// It will start again by itself.
    Again,
    /// The server wants more patience than the deadline allows.
    Deferred(Duration),
}

/// The state of a run's admissions and permits. `O` stands for an origin.
#[derive(Debug)]
pub(crate) struct Schedule<O> {
    limits: Limits,
    policy: Policy,
    /// Of one origin, redirected items that may wait elsewhere before it sends more after them:
    /// else they would queue up faster than they are served, with their deadlines running.
    max_away: usize,
    items: Slab<Item<O>>,
    bytes: usize,
    in_flight: usize,
    /// Origins with an item or an attempt; an idle one is forgotten.
    lanes: HashMap<O, Lane>,
    /// Origins that have an item waiting and a permit free, in turn.
    ready: VecDeque<O>,
    wakes: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    next_epoch: u64,
}

#[derive(Debug)]
struct Item<O> {
    /// Where it was admitted, and where each attempt begins.
    home: O,
    /// Where it is asked now.
    origin: O,
    /// It was redirected, and waits for a permit elsewhere.
    away: bool,
    bytes: usize,
    state: State,
    attempts: u32,
    /// It waits in the middle of an attempt, having been redirected.
    moved: bool,
    /// Set with the first attempt.
    deadline: Option<Instant>,
    /// Changes with the state, so that entries of queues and heap can tell that they are stale.
    epoch: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    InFlight,
    /// Until a moment that is in the heap.
    Resting,
    Settled,
}

impl<O: Clone + Eq + Hash + Debug> Schedule<O> {
    pub(crate) fn new(limits: Limits, policy: Policy) -> Self {
        Self {
            max_away: limits.per_origin.get().saturating_mul(AWAY_PER_PERMIT),
            limits,
            policy,
            items: Slab::new(),
            bytes: 0,
            in_flight: 0,
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            wakes: BinaryHeap::new(),
            next_epoch: 0,
        }
    }

    /// Whether an item may be admitted.
    pub(crate) fn has_room(&self) -> bool {
        self.items.len() < self.limits.admitted_items.get()
            && self.bytes < self.limits.admitted_bytes
    }

    /// Whether no item is admitted.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Attempts in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes an item in, to be asked at this origin. It takes `bytes` of memory until its
    /// discharge.
    pub(crate) fn admit(&mut self, origin: O, bytes: usize) -> Ticket {
        let home = origin.clone();
        self.next_epoch += 1;
        self.bytes += bytes;
        let ticket = Ticket(self.items.insert(Item {
            home: origin.clone(),
            origin,
            away: false,
            bytes,
            state: State::Waiting,
            attempts: 0,
            moved: false,
            deadline: None,
            epoch: self.next_epoch,
        }));
        self.lanes.entry(home.clone()).or_default().push_fresh(ticket);
        self.tend(&home);
        ticket
    }

    /// The next attempt that may begin, if any may.
    pub(crate) fn start(&mut self, now: Instant) -> Option<Start> {
        while self.in_flight < self.limits.in_flight.get() {
            let origin = self.ready.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&origin) else { continue };
            lane.queued = false;
            let items = &self.items;
            let popped = lane.pop(self.max_away, |ticket, epoch| is_at(items, ticket, epoch));
            if popped.is_some() {
                lane.in_flight += 1;
                self.in_flight += 1;
            }
            self.tend(&origin);
            let Some(ticket) = popped else { continue };
            self.come_back(ticket);
            self.enter(ticket, State::InFlight);
            let longest = self.policy.deadline;
            let item = &mut self.items[ticket.0];
            item.attempts += u32::from(!std::mem::take(&mut item.moved));
            let deadline = *item.deadline.get_or_insert(now + longest);
            return Some(Start { ticket, attempt: item.attempts, deadline });
        }
        None
    }

    /// An attempt has ended: its permits are free. `earned` is added to the item's deadline;
    /// `random` is from 0 to 1.
    pub(crate) fn ended(
        &mut self,
        ticket: Ticket,
        now: Instant,
        ended: Ended<O>,
        earned: Duration,
        random: f64,
    ) -> Next {
        debug_assert_eq!(self.items[ticket.0].state, State::InFlight);
        let origin = self.items[ticket.0].origin.clone();
        self.in_flight -= 1;
        if let Some(lane) = self.lanes.get_mut(&origin) {
            lane.in_flight -= 1;
        }
        self.tend(&origin);
        let item = &mut self.items[ticket.0];
        let deadline = item.deadline.map_or(now, |deadline| deadline + earned);
        item.deadline = Some(deadline);
        match ended {
            Ended::Done => self.settle(ticket),
            Ended::Moved(origin) => {
                item.moved = true;
                item.away = origin != item.home;
                item.origin = origin;
                if item.away {
                    let home = item.home.clone();
                    self.lanes.entry(home).or_default().away += 1;
                }
                self.wait_again(ticket, deadline)
            }
            Ended::Failed(_) if item.attempts > self.policy.retries => self.settle(ticket),
            Ended::Failed(retry) => {
                item.origin = item.home.clone();
                let backoff = self.policy.backoff.wait(item.attempts, random);
                let rest = match retry {
                    Retry::Soon => backoff,
                    Retry::After(asked) => asked.saturating_add(backoff.min(asked / 8)),
                };
                if let Some(until) = now.checked_add(rest).filter(|until| *until < deadline) {
                    self.rest(ticket, until);
                    return Next::Again;
                }
                self.settle(ticket);
                match retry {
                    Retry::Soon => Next::Settled,
                    Retry::After(asked) => Next::Deferred(asked),
                }
            }
        }
    }

    /// Brings back an item that has rested long enough, or gives out one whose deadline has come
    /// while it waited for its turn: that one is settled. `None` when nothing is due.
    pub(crate) fn wake(&mut self, now: Instant) -> Option<Ticket> {
        while let Some(Reverse((at, ticket, epoch))) = self.wakes.peek().copied() {
            let ticket = Ticket(ticket);
            if !is_at(&self.items, ticket, epoch) {
                self.wakes.pop();
                continue;
            }
            if at > now {
                return None;
            }
            self.wakes.pop();
            let item = &self.items[ticket.0];
            let deadline = item.deadline.unwrap_or(at);
            if item.state == State::Resting && now < deadline {
                self.wait_again(ticket, deadline);
                continue;
            }
            if item.state == State::Waiting {
                let origin = item.origin.clone();
                self.settle(ticket);
                self.come_back(ticket);
                let items = &self.items;
                if let Some(lane) = self.lanes.get_mut(&origin) {
                    lane.leave(|ticket, epoch| is_at(items, ticket, epoch));
                }
                self.tend(&origin);
            } else {
                self.settle(ticket);
            }
            return Some(ticket);
        }
        None
    }

    /// When to call [`Schedule::wake`] next. It may be early, never late.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.wakes.peek().map(|Reverse((at, ..))| *at)
    }

    /// Lets a settled item go; its ticket may be given to another.
    pub(crate) fn discharge(&mut self, ticket: Ticket) {
        let item = self.items.remove(ticket.0);
        debug_assert_eq!(item.state, State::Settled);
        self.bytes -= item.bytes;
    }

    fn enter(&mut self, ticket: Ticket, state: State) -> u64 {
        self.next_epoch += 1;
        let item = &mut self.items[ticket.0];
        item.state = state;
        item.epoch = self.next_epoch;
        item.epoch
    }

    fn settle(&mut self, ticket: Ticket) -> Next {
        self.enter(ticket, State::Settled);
        Next::Settled
    }

    fn rest(&mut self, ticket: Ticket, until: Instant) {
        let epoch = self.enter(ticket, State::Resting);
        self.wake_at(until, ticket, epoch);
    }

    /// Back into the lane of its origin, before those that were never asked.
    fn wait_again(&mut self, ticket: Ticket, deadline: Instant) -> Next {
        let epoch = self.enter(ticket, State::Waiting);
        self.wake_at(deadline, ticket, epoch);
        let origin = self.items[ticket.0].origin.clone();
        self.lanes.entry(origin.clone()).or_default().push_returning(ticket, epoch);
        self.tend(&origin);
        Next::Again
    }

    /// The item waits elsewhere no longer.
    fn come_back(&mut self, ticket: Ticket) {
        let item = &mut self.items[ticket.0];
        if std::mem::take(&mut item.away) {
            let home = item.home.clone();
            if let Some(lane) = self.lanes.get_mut(&home) {
                lane.away -= 1;
            }
            self.tend(&home);
        }
    }

    fn wake_at(&mut self, at: Instant, ticket: Ticket, epoch: u64) {
        // Deadlines of items that have long been settled stay behind in the heap.
        if self.wakes.len() > 2 * self.items.len() + 1024 {
            let items = &self.items;
            self.wakes.retain(|Reverse((_, ticket, epoch))| is_at(items, Ticket(*ticket), *epoch));
        }
        self.wakes.push(Reverse((at, ticket.0, epoch)));
    }

    /// Puts an origin into the queue where it belongs there, and forgets an idle one.
    fn tend(&mut self, origin: &O) {
        let Some(lane) = self.lanes.get_mut(origin) else { return };
        let free = lane.in_flight < self.limits.per_origin.get();
        if free && lane.has_next(self.max_away) && !lane.queued {
            lane.queued = true;
            self.ready.push_back(origin.clone());
        } else if lane.is_idle() {
            self.lanes.remove(origin);
        }
    }
}

fn is_at<O>(items: &Slab<Item<O>>, ticket: Ticket, epoch: u64) -> bool {
    items.get(ticket.0).is_some_and(|item| item.epoch == epoch)
}

#[cfg(test)]
impl<O: Eq + Hash> Schedule<O> {
    /// Whether the item is asked where it was admitted.
    pub(super) fn is_home(&self, ticket: Ticket) -> bool {
        let item = &self.items[ticket.0];
        item.origin == item.home
    }

    /// Items of this origin that wait elsewhere.
    pub(super) fn away(&self, origin: &O) -> usize {
        self.lanes.get(origin).map_or(0, |lane| lane.away)
    }

    /// Entries in all queues and maps.
    pub(super) fn size(&self) -> usize {
        self.items.len() + self.lanes.len() + self.ready.len() + self.wakes.len()
    }

    /// Whether no origin is remembered.
    pub(super) fn is_forgotten(&self) -> bool {
        self.lanes.is_empty() && self.in_flight == 0 && self.bytes == 0
    }
}

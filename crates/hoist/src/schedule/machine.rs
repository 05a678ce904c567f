use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use slab::Slab;

use super::breaker::Trial;
use super::budget::{self, Budgets};
use super::keyed::Keyed;
use super::lane::Lane;
use super::learned::Learned;
use super::pause::Pauses;
use super::proven::Proven;
use super::rate::Rates;
use super::remembered::Remembered;
use super::silence::Silences;
use super::tuned;
use super::turns::{Turns, level};
use super::{Backoff, Breaker, Outage, Sign, Ticket};
use crate::plan::{Limits, PerOrigin, RetryBudget};

/// A redirected item waits for about so many others before it is asked again.
pub(super) const AWAY_PER_PERMIT: usize = 8;

/// One permit in so many may be held by origins that are not proven while one that is wants it: else
/// a few hundred servers that never answer would hold what the others could use.
const UNPROVEN_SHARE: usize = 16;

/// One in so many of the items that may be admitted may wait for the budget of its origin.
const OVER_BUDGET_SHARE: usize = 4;

/// When to stop trying.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Tries after the first.
    pub(crate) retries: u32,
    pub(crate) backoff: Backoff,
    /// From an item's first attempt, over all of them.
    pub(crate) deadline: Duration,
    /// When an origin is down. None: never.
    pub(crate) breaker: Option<Breaker>,
}

/// An attempt that begins now, with its permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) ticket: Ticket,
    /// From 1. A redirect does not count.
    pub(crate) attempt: u32,
    pub(crate) deadline: Instant,
    /// Other items of its origin wait.
    pub(crate) awaited: bool,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// It has its outcome.
    Settled,
    /// It will start again by itself.
    Again,
    /// The server wants more patience than the deadline allows.
    Deferred(Duration),
    /// Its origin is down and given up.
    Down(Outage),
}

/// An item was settled while it waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lapsed {
    pub(crate) ticket: Ticket,
    /// Because its origin is down.
    pub(crate) outage: Option<Outage>,
    /// Because its origin is paused for so long; without either, its deadline has come.
    pub(crate) paused: Option<Duration>,
    /// Because its origin has had as many retries as it may.
    pub(crate) spent: bool,
}

/// The state of a run's admissions and permits. `O` stands for an origin.
#[derive(Debug)]
pub(crate) struct Schedule<O> {
    pub(super) limits: Limits,
    pub(super) policy: Policy,
    pub(super) items: Slab<Item<O>>,
    pub(super) bytes: usize,
    /// Items that were never asked.
    fresh: usize,
    pub(super) in_flight: usize,
    /// Those of them at origins that are not proven.
    pub(super) unproven: usize,
    /// Origins with an item or an attempt; an idle one is forgotten.
    pub(super) lanes: HashMap<O, Box<Lane>, Keyed>,
    pub(super) turns: Turns<O>,
    wakes: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    next_epoch: u64,
    /// Lanes whose origin is down.
    pub(super) down: usize,
    /// When lanes whose origin is down have their trial.
    pub(super) trials: BTreeMap<(Instant, u64), O>,
    pub(super) next_alarm: u64,
    /// What was found of origins that have no item just now.
    pub(super) learned: Learned<O>,
    pub(super) proven: Proven,
    /// Origins that are given up and have got items since; when room is wanted, these go.
    pub(super) given_up: HashSet<O, Keyed>,
    /// Origins of which the waiting items are settled now, all but so many.
    pub(super) lost: VecDeque<(O, usize)>,
    pub(super) remembered: Remembered<O>,
    pub(super) pauses: Pauses<O>,
    pub(super) silences: Silences<O>,
    /// What each origin has of the admission is counted.
    pub(super) sharing: bool,
    /// Permits stayed free when all had started that could.
    pub(super) spare: bool,
    pub(super) rates: Rates<O>,
    pub(super) budgets: Budgets<O>,
    /// Items that wait for the budget of their origin.
    over_budget: usize,
    /// How many at once earlier runs found of origins that have no controller yet.
    pub(super) hints: HashMap<O, usize>,
    /// When a ceiling on the bytes of all origins was last reached.
    pub(super) hindered: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Item<O> {
    /// Where it was admitted, and where each attempt begins.
    pub(super) home: O,
    /// Where it is asked now.
    pub(super) origin: O,
    /// It was redirected, and waits for a permit elsewhere.
    away: bool,
    pub(super) bytes: usize,
    state: State,
    attempts: u32,
    /// It waits in the middle of an attempt, having been redirected.
    moved: bool,
    /// Its server has said when to ask again.
    invited: bool,
    /// Set with the first attempt.
    pub(super) deadline: Option<Instant>,
    /// Signs of life that its origin had shown when its attempt began.
    began: u32,
    /// Attempts that failed.
    failures: u32,
    /// Changes with the state, so that entries of queues and heap can tell that they are stale.
    epoch: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    InFlight,
    /// Until a moment that is in the heap.
    Resting,
    /// The same, as a retry would be over the budget of its origin.
    OverBudget,
    Settled,
}

impl<O: Clone + Eq + Hash + Debug> Schedule<O> {
    pub(crate) fn new(limits: Limits, policy: Policy) -> Self {
        Self::keyed(limits, policy, Keyed::secret())
    }

    /// One that takes the same room in each run.
    pub(crate) fn seeded(limits: Limits, policy: Policy, seed: u64) -> Self {
        Self::keyed(limits, policy, Keyed::by(seed))
    }

    fn keyed(limits: Limits, policy: Policy, keyed: Keyed) -> Self {
        Self {
            remembered: Remembered::new(limits.admitted_items.get()),
            pauses: Pauses::new(limits.admitted_items.get()),
            silences: Silences::new(limits.admitted_items.get()),
            rates: Rates::new(limits.admitted_items.get(), keyed),
            budgets: Budgets::new(limits.admitted_items.get(), keyed),
            limits,
            policy,
            items: Slab::new(),
            bytes: 0,
            fresh: 0,
            in_flight: 0,
            unproven: 0,
            lanes: HashMap::with_hasher(keyed),
            turns: Turns::new(),
            wakes: BinaryHeap::new(),
            next_epoch: 0,
            down: 0,
            trials: BTreeMap::new(),
            next_alarm: 0,
            learned: Learned::new(tuned::KEPT),
            proven: Proven::new(keyed),
            given_up: HashSet::with_hasher(keyed),
            lost: VecDeque::new(),
            sharing: false,
            spare: true,
            hindered: None,
            hints: HashMap::new(),
            over_budget: 0,
        }
    }

    /// How many of each origin's attempts may be retries.
    pub(crate) fn set_retries(&mut self, budget: Option<RetryBudget>) {
        self.budgets.set(budget);
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

    /// Items that were never asked, and still may be.
    pub(crate) fn fresh(&self) -> usize {
        self.fresh
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
        self.fresh += 1;
        let ticket = Ticket(self.items.insert(Item {
            home: origin.clone(),
            origin,
            away: false,
            bytes,
            state: State::Waiting,
            attempts: 0,
            moved: false,
            invited: false,
            deadline: None,
            began: 0,
            failures: 0,
            epoch: self.next_epoch,
        }));
        let sharing = self.sharing;
        let lane = self.lane(&home);
        lane.push_fresh(ticket);
        if sharing {
            lane.admitted += 1;
            lane.bytes += bytes;
        }
        if lane.is_given_up() {
            self.list(&home);
        }
        self.put_off(&home);
        self.tend(&home);
        ticket
    }

    /// The next attempt that may begin, if any may.
    pub(crate) fn start(&mut self, now: Instant) -> Option<Start> {
        while self.in_flight < self.limits.in_flight.get() {
            let crowded = self.unproven > self.limits.in_flight.get() / UNPROVEN_SHARE;
            let Some((turn, origin)) = self.turns.pop(crowded) else {
                self.spare = true;
                return None;
            };
            let Some(lane) = self.lanes.get_mut(&origin) else { continue };
            if lane.turn != Some(turn) {
                continue;
            }
            lane.turn = None;
            self.turns.taken();
            let items = &self.items;
            let is_live = |ticket, epoch| is_at(items, ticket, epoch);
            let max_away = max_away(self.limits.per_origin, lane);
            let popped = if lane.may_start() { lane.pop(max_away, is_live) } else { None };
            if let Some(ticket) = popped {
                let counts = self.items[ticket.0].is_retry() && !lane.is_down();
                if !self.budgets.affords(&origin, counts, now) {
                    // Where too many wait, it is settled as soon as that is looked at.
                    let look = if self.may_wait() { budget::LOOK } else { Duration::ZERO };
                    self.wait_for_budget(ticket, now + look);
                    self.tend(&origin);
                    continue;
                }
            }
            if let Some(ticket) = popped {
                if let Some(tuning) = &mut lane.tuning {
                    tuning.held(now, lane.in_flight);
                }
                lane.in_flight += 1;
                lane.asked.get_or_insert(now);
                self.in_flight += 1;
                self.unproven += usize::from(!lane.proven);
                if let Some(trouble) = &mut lane.trouble {
                    trouble.set_trial(Trial::Running(ticket));
                }
            }
            let (awaited, lives) = (lane.waiting() > 0, lane.lives);
            if popped.is_some() {
                self.count(&origin, now);
                self.watch(&origin, now);
            }
            self.tend(&origin);
            let Some(ticket) = popped else { continue };
            self.come_back(ticket);
            self.enter(ticket, State::InFlight);
            let longest = self.policy.deadline;
            let item = &mut self.items[ticket.0];
            item.began = lives;
            self.fresh -= usize::from(item.deadline.is_none());
            item.attempts += u32::from(!std::mem::take(&mut item.moved));
            let deadline = item.deadline.get_or_insert(now + longest);
            if self.rates.is_set() {
                // It waited for the rate, and that is not its doing.
                *deadline = (*deadline).max(now + longest / 2);
            }
            let deadline = *deadline;
            return Some(Start { ticket, attempt: item.attempts, deadline, awaited });
        }
        self.spare = false;
        None
    }

    /// Gives an item in flight permits for one attempt more, if they are free and nobody at its origin
    /// waits for them. They are given back before its own attempt ends.
    pub(crate) fn lease(&mut self, ticket: Ticket, now: Instant) -> bool {
        let Some(Item { state: State::InFlight, origin, .. }) = self.items.get(ticket.0) else {
            return false;
        };
        let Some(lane) = self.lanes.get_mut(origin) else { return false };
        let per_origin = self.limits.per_origin;
        let free = lane.in_flight < tuned::leases(per_origin, lane)
            && self.in_flight < self.limits.in_flight.get();
        if !free || !lane.may_start() || lane.has_next(max_away(per_origin, lane)) {
            return false;
        }
        lane.in_flight += 1;
        self.in_flight += 1;
        self.unproven += usize::from(!lane.proven);
        let origin = origin.clone();
        self.count(&origin, now);
        true
    }

    /// Permits on lease are free again.
    pub(crate) fn give_back(&mut self, ticket: Ticket) {
        let origin = self.items[ticket.0].origin.clone();
        self.in_flight -= 1;
        if let Some(lane) = self.lanes.get_mut(&origin) {
            lane.in_flight -= 1;
            self.unproven -= usize::from(!lane.proven);
        }
        self.tend(&origin);
    }

    /// An attempt has ended: its permits are free. `earned` is added to the item's deadline; the
    /// sign is of the origin that was asked; `random` is from 0 to 1.
    pub(crate) fn ended(
        &mut self,
        ticket: Ticket,
        now: Instant,
        ended: Ended<O>,
        earned: Duration,
        sign: Sign,
        random: f64,
    ) -> Next {
        debug_assert_eq!(self.items[ticket.0].state, State::InFlight);
        let origin = self.items[ticket.0].origin.clone();
        self.in_flight -= 1;
        let outage = self.heed(&origin, ticket, now, sign, random);
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
                    self.lane(&home).away += 1;
                }
                self.wait_again(ticket, deadline)
            }
            Ended::Failed(_) if item.attempts > self.policy.retries => self.settle(ticket),
            Ended::Failed(retry) => {
                if let Some(outage) = outage {
                    self.settle(ticket);
                    return Next::Down(outage);
                }
                item.origin = item.home.clone();
                item.invited = matches!(retry, Retry::After(_));
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

    /// Brings back what has rested long enough, or gives out an item that is settled while it
    /// waited for its turn: its deadline has come, or its origin is given up. `None` when nothing is
    /// due.
    pub(crate) fn wake(&mut self, now: Instant) -> Option<Lapsed> {
        if let Some(lost) = self.wake_origins(now) {
            return Some(lost);
        }
        self.wake_rated(now);
        self.budgets.pass(now);
        while let Some(Reverse((at, ticket, epoch))) = self.wakes.peek().copied() {
            let ticket = Ticket(ticket);
            if !is_at(&self.items, ticket, epoch) {
                self.wakes.pop();
                continue;
            }
            if at > now {
                break;
            }
            self.wakes.pop();
            let item = &self.items[ticket.0];
            let deadline = item.deadline.unwrap_or(at);
            let outage = self.outage(&item.origin, now);
            let given_up = self.lanes.get(&item.origin).is_some_and(|lane| lane.is_given_up());
            let rests = matches!(item.state, State::Resting | State::OverBudget);
            let spent = rests && outage.is_none() && self.is_spent(ticket, now);
            self.over_budget -= usize::from(self.items[ticket.0].state == State::OverBudget);
            if rests && now < deadline && !given_up {
                if !spent {
                    self.wait_again(ticket, deadline);
                    continue;
                }
                if self.may_wait() {
                    self.wait_for_budget(ticket, now + budget::LOOK);
                    continue;
                }
            }
            let item = &self.items[ticket.0];
            let mut paused = None;
            if item.state == State::Waiting && self.spares(ticket, now) {
                self.wake_at(now + self.policy.deadline / 2, ticket, epoch);
                continue;
            }
            let item = &self.items[ticket.0];
            if item.state == State::Waiting {
                let origin = item.origin.clone();
                self.settle(ticket);
                self.come_back(ticket);
                let items = &self.items;
                if let Some(lane) = self.lanes.get_mut(&origin) {
                    lane.leave(|ticket, epoch| is_at(items, ticket, epoch));
                    paused = lane.paused.and_then(|until| until.checked_duration_since(now));
                }
                self.tend(&origin);
            } else {
                self.settle(ticket);
            }
            let paused = paused.filter(|left| !left.is_zero());
            return Some(Lapsed { ticket, outage, paused, spent });
        }
        self.wake_paused(now)
    }

    /// When to call [`Schedule::wake`] next. It may be early, never late.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let item = self.wakes.peek().map(|Reverse((at, ..))| *at);
        let trial = self.trials.first_key_value().map(|((at, _), _)| *at);
        let others = self.pauses.next().into_iter().chain(self.rates.next());
        item.into_iter().chain(trial).chain(others).chain(self.silences.next()).min()
    }

    /// Lets a settled item go; its ticket may be given to another.
    pub(crate) fn discharge(&mut self, ticket: Ticket) {
        let item = self.items.remove(ticket.0);
        debug_assert_eq!(item.state, State::Settled);
        self.bytes -= item.bytes;
    }

    /// What items and wake-up times take, in bytes.
    pub(super) fn own_memory(&self) -> usize {
        self.items.capacity() * (size_of::<Item<O>>() + size_of::<usize>())
            + self.wakes.capacity() * size_of::<Reverse<(Instant, usize, u64)>>()
    }

    fn enter(&mut self, ticket: Ticket, state: State) -> u64 {
        self.next_epoch += 1;
        let item = &mut self.items[ticket.0];
        item.state = state;
        item.epoch = self.next_epoch;
        item.epoch
    }

    pub(super) fn settle(&mut self, ticket: Ticket) -> Next {
        self.enter(ticket, State::Settled);
        self.fresh -= usize::from(self.items[ticket.0].deadline.is_none());
        self.leave_share(ticket);
        Next::Settled
    }

    /// Whether it is a retry for which its origin has no budget.
    fn is_spent(&mut self, ticket: Ticket, now: Instant) -> bool {
        let item = &self.items[ticket.0];
        item.is_retry() && self.budgets.is_spent(&item.origin, now)
    }

    /// Whether one more item may wait for a budget: all of them together leave room for others.
    fn may_wait(&self) -> bool {
        let bytes = self.bytes < self.limits.admitted_bytes;
        self.over_budget < self.limits.admitted_items.get().div_ceil(OVER_BUDGET_SHARE)
            && (bytes || self.over_budget < self.items.len() / OVER_BUDGET_SHARE)
    }

    /// It looks for its origin's budget again at this moment; at its deadline at the latest.
    fn wait_for_budget(&mut self, ticket: Ticket, at: Instant) {
        let epoch = self.enter(ticket, State::OverBudget);
        self.over_budget += 1;
        let deadline = self.items[ticket.0].deadline.unwrap_or(at);
        self.wake_at(deadline.min(at), ticket, epoch);
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
        self.lane(&origin).push_returning(ticket, epoch);
        self.put_off(&origin);
        self.tend(&origin);
        Next::Again
    }

    /// The item waits elsewhere no longer.
    pub(super) fn come_back(&mut self, ticket: Ticket) {
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

    /// The lane of an origin that gets an item.
    fn lane(&mut self, origin: &O) -> &mut Lane {
        if !self.remembered.is_empty() {
            self.recall(origin);
        }
        let paused = self.pauses.of(origin);
        let (learned, rates, proven) = (&mut self.learned, &mut self.rates, &self.proven);
        let lane = self.lanes.entry(origin.clone()).or_insert_with(|| {
            let lane = Lane::new(learned.take(origin), rates.take(origin), proven.has(origin));
            Box::new(lane)
        });
        lane.paused = paused;
        lane
    }

    /// Puts an origin into the queue where it belongs there, and forgets an idle one.
    pub(super) fn tend(&mut self, origin: &O) {
        let Some(lane) = self.lanes.get_mut(origin) else { return };
        let per_origin = self.limits.per_origin;
        if lane.turn.is_some() {
            // It has given permits back, and so may come sooner.
            if level(lane.in_flight) < lane.level {
                self.move_turn(origin);
            }
            return;
        }
        let free = lane.in_flight < tuned::limit(per_origin, lane) && lane.may_start();
        if free && lane.has_next(max_away(per_origin, lane)) {
            lane.level = level(lane.in_flight);
            lane.turn = Some(self.turns.push(origin.clone(), lane.proven, lane.level));
        } else if lane.is_idle() && !(lane.counts_refusals() && self.pauses.len() <= tuned::KEPT) {
            self.forget(origin);
        }
    }

    /// Another place for an origin that has a turn.
    pub(super) fn move_turn(&mut self, origin: &O) {
        let Some(lane) = self.lanes.get_mut(origin) else { return };
        lane.level = level(lane.in_flight);
        lane.turn = Some(self.turns.push_again(origin.clone(), lane.proven, lane.level));
        let lanes = &self.lanes;
        let turn_of = |origin: &O| lanes.get(origin).and_then(|lane| lane.turn);
        self.turns.sweep(lanes.len(), |turn, origin| turn_of(origin) == Some(turn));
    }
}

impl<O> Item<O> {
    /// Its attempt failed. Whether that says something of its origin, which has shown so many signs of life: not
    /// if one came since the attempt began, and not if it is one URL over and over.
    pub(super) fn fails(&mut self, lives: u32) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.began == lives && self.failures == 1
    }

    /// Whether an attempt before this one failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// Whether its next attempt is one more, of our own accord.
    fn is_retry(&self) -> bool {
        self.attempts > 0 && !self.moved && !self.invited
    }
}

/// Of one origin, redirected items that may wait elsewhere before it sends more after them: else they
/// would queue up faster than they are served, with their deadlines running.
fn max_away(per_origin: PerOrigin, lane: &Lane) -> usize {
    tuned::limit(per_origin, lane).saturating_mul(AWAY_PER_PERMIT)
}

pub(super) fn is_at<O>(items: &Slab<Item<O>>, ticket: Ticket, epoch: u64) -> bool {
    items.get(ticket.0).is_some_and(|item| item.epoch == epoch)
}

#[cfg(test)]
impl<O: Clone + Eq + Hash> Schedule<O> {
    /// Whether the item is asked where it was admitted.
    pub(super) fn is_home(&self, ticket: Ticket) -> bool {
        let item = &self.items[ticket.0];
        item.origin == item.home
    }

    /// Items that wait for the budget of their origin.
    pub(super) fn over_budget(&self) -> usize {
        self.over_budget
    }

    /// Items of this origin that wait elsewhere.
    pub(super) fn away(&self, origin: &O) -> usize {
        self.lanes.get(origin).map_or(0, |lane| lane.away)
    }

    /// Entries in all queues and maps.
    pub(super) fn size(&self) -> usize {
        let origins = self.lanes.len() + self.turns.size() + self.remembered.size();
        let down = self.trials.len() + self.given_up.len() + self.lost.len();
        self.items.len()
            + self.wakes.len()
            + origins
            + down
            + self.pauses.size()
            + self.silences.size()
            + self.rates.size()
            + self.budgets.size()
    }

    /// Whether no origin is remembered.
    pub(super) fn is_forgotten(&self) -> bool {
        let down = self.down + self.trials.len() + self.lost.len();
        let in_flight = self.in_flight + self.unproven + self.fresh + self.over_budget;
        self.lanes.is_empty() && in_flight + self.bytes + down == 0
    }
}

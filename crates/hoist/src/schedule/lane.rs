use std::time::Instant;

use super::Ticket;
use super::breaker::{Trial, Trouble};
use super::memory;
use super::queue::Queue;
use super::rate::Pacing;
use super::refusals::Refusals;
use super::silence::Silence;
use super::tuning::Tuning;

/// What the schedule knows of an origin that has items. There may be as many as there are items: what few
/// of them have is in a box.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Items that were never asked, in their order.
    fresh: Queue<Ticket>,
    /// Items that were asked before: their deadline is running, so they go first.
    returning: Option<Box<Returning>>,
    pub(super) in_flight: usize,
    /// Items that were admitted here and have no outcome yet, where that is counted,
    pub(super) admitted: usize,
    /// and their bytes.
    pub(super) bytes: usize,
    /// Items of this origin that were redirected and wait for a permit elsewhere.
    pub(super) away: usize,
    /// The origin's turn in the schedule's queue of origins.
    pub(super) turn: Option<u64>,
    /// The round in which it has it.
    pub(super) level: u8,
    /// Its latest attempt brought a whole answer.
    pub(super) proven: bool,
    /// It has been asked since then, without a sign of life.
    pub(super) asked: Option<Instant>,
    /// Whether anything came of it.
    pub(super) silence: Silence,
    /// Signs of life so far.
    pub(super) lives: u32,
    /// Its latest attempts failed.
    pub(super) trouble: Option<Box<Trouble>>,
    /// When it has its trial: its key among the schedule's.
    pub(super) alarm: Option<Box<(Instant, u64)>>,
    /// It is in the schedule's list of those that got items though they are given up.
    pub(super) listed: bool,
    /// The origin is left alone until then.
    pub(super) paused: Option<Instant>,
    /// It is in the schedule's list of those whose waiting items are put off.
    pub(super) put_off: bool,
    /// Answers so far, as far as it is told, until there is a controller.
    pub(super) answers: u8,
    /// Finds out how many attempts at once it gets, where that is worth it.
    pub(super) tuning: Option<Box<Tuning>>,
    /// It refused lately, without an answer since.
    pub(super) refusals: Option<Box<Refusals>>,
    /// When its next attempt may begin, where there is a rate.
    pub(super) pacing: Option<Box<Pacing>>,
}

#[derive(Debug, Default)]
struct Returning {
    /// In their order. An entry whose epoch is not its item's has left.
    entries: Queue<(Ticket, u64)>,
    /// How many have not.
    live: usize,
}

impl Lane {
    /// A new one, with what was learned of its origin before.
    pub(super) fn new(
        tuning: Option<Box<Tuning>>,
        pacing: Option<Box<Pacing>>,
        proven: bool,
    ) -> Self {
        Self { proven, tuning, pacing, ..Self::default() }
    }

    pub(super) fn push_fresh(&mut self, ticket: Ticket) {
        self.fresh.push_back(ticket);
    }

    pub(super) fn push_returning(&mut self, ticket: Ticket, epoch: u64) {
        let returning = self.returning.get_or_insert_default();
        returning.entries.push_back((ticket, epoch));
        returning.live += 1;
    }

    /// The next item: a returning one, else a fresh one if fewer than `max_away` are away. Where the latest
    /// attempts failed, a fresh one tells more: what failed before may fail anywhere.
    pub(super) fn pop(
        &mut self,
        max_away: usize,
        is_live: impl Fn(Ticket, u64) -> bool,
    ) -> Option<Ticket> {
        let fresh = self.away < max_away;
        if fresh
            && self.trouble.is_some()
            && let Some(ticket) = self.fresh.pop_front()
        {
            return Some(ticket);
        }
        if let Some(returning) = &mut self.returning {
            while let Some((ticket, epoch)) = returning.entries.pop_front() {
                if is_live(ticket, epoch) {
                    returning.live -= 1;
                    return Some(ticket);
                }
            }
        }
        if fresh { self.fresh.pop_front() } else { None }
    }

    /// A returning item leaves without having been popped. Its entry goes with the next sweep.
    pub(super) fn leave(&mut self, is_live: impl Fn(Ticket, u64) -> bool) {
        let Some(returning) = &mut self.returning else { return };
        returning.live -= 1;
        if returning.entries.len() > 2 * returning.live + 64 {
            returning.entries.retain(|(ticket, epoch)| is_live(*ticket, *epoch));
        }
    }

    /// Whether `pop` would give an item.
    pub(super) fn has_next(&self, max_away: usize) -> bool {
        self.live() > 0 || (!self.fresh.is_empty() && self.away < max_away)
    }

    /// How many items wait.
    pub(super) fn waiting(&self) -> usize {
        self.live() + self.fresh.len()
    }

    /// How many returning items wait.
    fn live(&self) -> usize {
        self.returning.as_ref().map_or(0, |returning| returning.live)
    }

    /// When the origin is tried, where it is down.
    pub(super) fn trial(&self) -> Option<Trial> {
        self.trouble.as_ref().and_then(|trouble| trouble.trial())
    }

    /// Whether another attempt may be made at all.
    pub(super) fn may_start(&self) -> bool {
        self.paused.is_none()
            && !self.pacing.as_ref().is_some_and(|pacing| pacing.holds())
            && self.trial().is_none_or(|trial| trial == Trial::Due)
            && !self.decides()
    }

    /// Nothing has come of it yet, attempts failed, and those in flight will tell whether it is down.
    fn decides(&self) -> bool {
        matches!(self.silence, Silence::Tried(_)) && self.trouble.is_some() && self.in_flight > 0
    }

    /// Whether it is worth keeping through a pause without items: the next one would be longer.
    pub(super) fn counts_refusals(&self) -> bool {
        self.paused.is_some() && self.refusals.is_some()
    }

    pub(super) fn is_down(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.is_down())
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.is_given_up())
    }

    /// Of the items that are given up, so many wait for its next trial.
    pub(super) fn kept(&self) -> usize {
        usize::from(!matches!(self.trial(), Some(Trial::Running(_))))
    }

    /// What it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        let returning = |of: &Returning| size_of::<Returning>() + of.entries.memory();
        size_of::<Self>()
            + self.fresh.memory()
            + self.returning.as_deref().map_or(0, returning)
            + self.alarm.as_deref().map_or(0, size_of_val)
            + self.trouble.as_ref().map_or(0, |_| size_of::<Trouble>())
            + self.refusals.as_ref().map_or(0, |_| size_of::<Refusals>())
            + memory::tunings(usize::from(self.tuning.is_some()))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting() == 0
            && self.in_flight == 0
            && self.away == 0
            && self.admitted == 0
            && self.turn.is_none()
            && !self.put_off
    }
}

//! How many attempts at once an origin gets: found out while it is asked.
//!
//! The count is doubled while that pays, brought back to what it bought, and then tried a little
//! higher and a little lower, every few seconds, for as long as there is work. What pays is decided
//! by the elasticity: by how many percent the goodput grows where the count grows by one percent. At
//! one, the origin serves more at no cost to anyone; at zero, items only wait there instead of
//! here. By Little's law the time of an item grows by what is missing, so at a half what is bought no
//! longer outweighs how much slower everything becomes. For clients that share a server, the
//! elasticity of each is the share that the others have: so the larger one gives way, and two that
//! are equal stay so.

mod ban;
mod gain;
#[cfg(any(test, feature = "bench"))]
#[cfg_attr(not(feature = "bench"), expect(unreachable_pub, reason = "it is for the bench"))]
pub mod models;
mod recent;
mod search;
mod window;

use std::time::{Duration, Instant};

use self::ban::Free;
use self::gain::{Linear, Measure, rounded};
use self::recent::{Recent, Sizes};
use self::window::Window;

/// What a refusal leaves of the count, at once; for later it stays one twentieth below
/// what was refused, and tries one twentieth above it.
const BRAKE: f64 = 0.7;
const BELOW: usize = 20;
/// A count that was refused is tried again after this time; one that was punished, after that.
const REFUSED_FOR: Duration = Duration::from_secs(30);
const PUNISHED_FOR: Duration = Duration::from_mins(2);

/// This share of refusals among the answers, of about the last so many, is no reason to brake.
const SELDOM: f64 = 0.02;
const REMEMBERED: u32 = 512;

/// Who refuses one at a time as well, as far as so many answers tell, does so for another reason than their
/// number: twice that share is no reason to brake then, up to this one. A 429 is always about the number.
const ONE_BY_ONE: u32 = 32;
const FLAKY: f64 = 0.5;

/// On the way to a count that an earlier run found: so many times as long as before is later, and so many of
/// these are enough.
const LATER: f64 = 2.0;
const LATE: u32 = 4;

/// A round of a window takes this time at least: the loop of a run takes what came in batches.
const ROUND_TIME: Duration = Duration::from_millis(5);
/// The same where bytes are measured, which are told about so often.
const ROUND_TIME_LARGE: Duration = Duration::from_millis(100);

/// What came of an attempt, as far as its origin's controller is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// An answer, whatever it said, with so many bytes of body that were not told before.
    Answer(u64),
    /// The origin says that this is too much, with this status (429, 503).
    Refusal(u16),
    /// It refused the connection, or broke it off.
    Broken,
    /// Nothing that tells.
    Nothing,
}

/// What a controller found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Attempts at once.
    pub(crate) count: usize,
    /// What more of them led to.
    pub(crate) above: Option<Above>,
    /// Answers that this rests on.
    pub(crate) answers: u64,
}

/// What more than the count that was found led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Above {
    /// Refusals with this status.
    Status(u16),
    /// Connections that were refused or broken off.
    Broken,
    /// Answers much slower than before.
    Slower,
}

/// The controller of one origin.
#[derive(Debug)]
pub(super) struct Tuning {
    /// Permits now, and where they are led to: one more with each answer.
    limit: usize,
    target: usize,
    /// Never more.
    most: usize,
    phase: Phase,
    window: Window,
    /// While each permit still bought as much as the one before.
    linear: Linear,
    /// Units a second that a permit ever brought: what it brings while it need not share.
    alone: f64,
    /// How far the next trial goes.
    step: f64,
    rest: Duration,
    direction: Direction,
    ceiling: Option<Ceiling>,
    /// What the same count brought before.
    usual: Option<Measure>,
    /// The last brake. What was begun before it tells nothing new.
    braked: Option<Instant>,
    /// Since when nothing was so much that the origin wanted to be left alone for long.
    free: Free,
    sizes: Sizes,
    recent: Recent,
    /// The count before the doubling has been measured twice.
    verified: bool,
    searched: bool,
    /// What an earlier run found, until it is tried.
    hint: Option<usize>,
    /// The count is on its way there.
    leap: Option<Leap>,
    /// A ceiling of ours had its part in what this window is to tell.
    hindered: bool,
    answers: u64,
    /// Answers and refusals of late.
    answered: u32,
    refusals: u32,
    /// The share of them that is no reason to brake.
    seldom: f64,
    /// Answers, and refusals, while there was one permit.
    one_by_one: (u32, u32),
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Each count twice the last.
    Doubling(Option<Measure>),
    /// A doubling bought too little: the count before is measured anew, as luck may have chosen it.
    Verifying(Measure),
    /// At the count that was found, until the next trial.
    Resting(Instant),
    /// Another count is compared with what was measured before.
    Trying(Measure),
    /// A raise did harm: does going back mend it?
    Mending(Measure),
    /// After a refusal: a window without one, then back to just below it.
    Recovering,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// The way from the first count to half of what an earlier run found.
#[derive(Debug, Clone, Copy)]
struct Leap {
    /// Seconds that an item took before.
    took: f64,
    /// How many more took much longer than did not.
    late: u32,
}

/// A count that was too much.
#[derive(Debug, Clone, Copy)]
struct Ceiling {
    at: usize,
    since: Instant,
    led_to: Above,
    /// It holds it against us: nothing is tried above for long.
    punished: bool,
}

impl Tuning {
    /// A controller that begins at `prior` permits, and never gives more than `most`.
    pub(super) fn new(now: Instant, prior: usize, most: usize) -> Self {
        let limit = prior.clamp(1, most);
        Self {
            limit,
            target: limit,
            most,
            phase: Phase::Doubling(None),
            window: Window::new(now, 0, limit, ROUND_TIME),
            linear: Linear::default(),
            alone: 0.0,
            step: search::STEP,
            rest: search::REST,
            direction: Direction::Up,
            ceiling: None,
            usual: None,
            braked: None,
            free: Free { since: now, answers: 0 },
            sizes: Sizes::default(),
            recent: Recent::new(now),
            verified: false,
            searched: false,
            hint: None,
            leap: None,
            hindered: false,
            answers: 0,
            answered: 0,
            refusals: 0,
            seldom: SELDOM,
            one_by_one: (0, 0),
        }
    }

    /// The same, where an earlier run found this count.
    pub(super) fn hinted(self, hint: Option<usize>) -> Self {
        Self { hint, ..self }
    }

    /// Permits that the origin may have now.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// What was found, once something was searched.
    pub(super) fn found(&self) -> Option<Found> {
        let above = self.ceiling.map(|ceiling| ceiling.led_to);
        self.searched.then_some(Found { count: self.target, above, answers: self.answers })
    }

    /// It is not the origin, but a ceiling of ours that more is not asked for, or not read: what is
    /// measured now tells nothing.
    pub(super) fn hinder(&mut self) {
        self.hindered = true;
    }

    /// The number of permits in use is about to change: until now it was this.
    pub(super) fn held(&mut self, now: Instant, in_flight: usize) {
        self.window.held(now, in_flight);
    }

    /// An attempt has ended that took this long; `in_flight` counts it.
    pub(super) fn ended(&mut self, now: Instant, in_flight: usize, came: Came, took: Duration) {
        self.held(now, in_flight);
        match came {
            Came::Answer(bytes) => {
                self.sizes.bodies += 1;
                self.recent.note(now);
                self.answers += 1;
                self.answered += 1;
                self.one_by_one.0 += u32::from(self.limit == 1);
                if self.answered >= REMEMBERED {
                    self.answered /= 2;
                    self.refusals /= 2;
                }
                if self.is_leap_over(took) {
                    self.target = self.limit;
                    self.open(now, 0);
                }
                self.take(now, in_flight, 1.0, bytes);
            }
            Came::Refusal(status) => self.refused(now, in_flight, took, Above::Status(status)),
            Came::Broken => self.refused(now, in_flight, took, Above::Broken),
            Came::Nothing => {}
        }
    }

    /// Some bytes of a body have come.
    pub(super) fn received(&mut self, now: Instant, in_flight: usize, bytes: u64) {
        self.held(now, in_flight);
        if self.sizes.large {
            return self.take(now, in_flight, 0.0, bytes);
        }
        self.sizes.bytes += bytes;
        if self.choose_unit(now) {
            self.open(now, 0);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes of one message")]
    fn take(&mut self, now: Instant, in_flight: usize, items: f64, bytes: u64) {
        self.sizes.bytes += bytes;
        if self.limit < self.target {
            self.limit += 1;
            if self.limit == self.target {
                // What is in flight was begun while the count rose: with doublings that does for
                // a first look.
                let skip = match self.phase {
                    Phase::Doubling(_) => 0,
                    _ => in_flight,
                };
                self.open(now, skip);
            }
            return;
        }
        let units = if self.sizes.large { bytes as f64 } else { items };
        if self.window.event(now, units) {
            self.judge(now, in_flight);
        }
    }

    fn open(&mut self, now: Instant, skip: usize) {
        let time = if self.sizes.large { ROUND_TIME_LARGE } else { ROUND_TIME };
        self.window = Window::new(now, skip, self.limit, time);
    }

    /// The unit of the goodput follows the sizes. What was measured in the other one is void.
    fn choose_unit(&mut self, now: Instant) -> bool {
        let changed = self.sizes.choose();
        if changed {
            self.linear = Linear::default();
            self.alone = 0.0;
            self.phase = match self.phase {
                Phase::Doubling(_) => Phase::Doubling(None),
                _ => Phase::Resting(now),
            };
        }
        changed
    }

    /// Leads the permits to this number.
    fn lead(&mut self, now: Instant, in_flight: usize, to: usize) {
        self.usual = None;
        self.target = to.clamp(1, self.most);
        if self.target <= self.limit {
            self.limit = self.target;
            self.open(now, in_flight);
        }
    }

    /// The highest count that may be tried.
    fn top(&self, now: Instant) -> usize {
        let Some(Ceiling { at, since, punished, .. }) = self.ceiling else { return self.most };
        let age = now.saturating_duration_since(since);
        let top = match (punished, age) {
            (true, age) if age < PUNISHED_FOR => at,
            (false, age) if age < REFUSED_FOR => at - at / BELOW,
            _ => at + (at / BELOW).max(1),
        };
        top.clamp(1, self.most)
    }

    /// The origin refuses. One that does so now and then, however many there are, is as it is.
    fn refused(&mut self, now: Instant, in_flight: usize, took: Duration, how: Above) {
        self.refusals += 1;
        if self.limit == 1 && how != Above::Status(429) {
            self.one_by_one.1 += 1;
            if self.is_flaky() {
                self.ceiling = None;
                self.direction = Direction::Up;
                self.rest_now(now);
                return self.open(now, 0);
            }
        }
        if f64::from(self.refusals) >= self.seldom * f64::from(self.answered) {
            self.brake(now, in_flight, took, how);
        }
    }

    /// Whether it refuses one at a time as often as several. Once for each such finding.
    fn is_flaky(&mut self) -> bool {
        let (answers, refusals) = self.one_by_one;
        if answers < ONE_BY_ONE {
            return false;
        }
        self.one_by_one = (0, 0);
        let share = f64::from(refusals) / f64::from(answers + refusals);
        let seldom = (2.0 * share).min(FLAKY);
        if seldom <= self.seldom {
            return false;
        }
        self.seldom = seldom;
        // As if it had been so all along: the next few say little.
        self.answered = REMEMBERED / 2;
        self.refusals = self.answered * refusals / (answers + refusals);
        true
    }

    /// Whether the way to a hinted count ends here: items take longer than they did, one after the other.
    fn is_leap_over(&mut self, took: Duration) -> bool {
        if self.limit >= self.target {
            self.leap = None;
        }
        let Some(leap) = &mut self.leap else { return false };
        let late = took.as_secs_f64() > LATER * leap.took;
        leap.late = if late { leap.late + 1 } else { leap.late.saturating_sub(1) };
        leap.late >= LATE
    }

    /// Fewer, at most once for what is in flight.
    #[expect(clippy::cast_precision_loss, reason = "counts of permits are small")]
    fn brake(&mut self, now: Instant, in_flight: usize, took: Duration, how: Above) {
        if self.braked.is_some_and(|braked| now.checked_sub(took).is_none_or(|at| at <= braked)) {
            return;
        }
        self.searched = true;
        (self.hint, self.leap) = (None, None);
        self.braked = Some(now);
        let at = in_flight.saturating_sub(1).max(1);
        self.ceiling = Some(Ceiling { at, since: now, led_to: how, punished: false });
        self.phase = Phase::Recovering;
        self.limit = self.limit.min(in_flight);
        self.lead(now, in_flight, rounded((in_flight as f64 * BRAKE).floor()));
    }
}

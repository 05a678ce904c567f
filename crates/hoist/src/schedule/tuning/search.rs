//! The search: what is tried next, and what is kept.

use std::time::{Duration, Instant};

use super::gain::{CROWDED, Gain, Kept, Linear, Measure, is_less, rounded};
use super::{Above, BRAKE, Ceiling, Direction, Leap, Phase, Tuning};

/// A doubling is gone on from where it bought as much as this.
const DOUBLING: f64 = 0.5;
/// The same where an item takes next to no time: less than this, in seconds, nobody waits for long.
/// It is then the turns of our own loop that more of them fill.
const DOUBLING_SWIFT: f64 = 0.1;
const SWIFT: f64 = 0.002;
/// Without a second look.
const CLEARLY: f64 = 0.75;
/// What is beyond so many standard errors is no luck.
const LUCK: f64 = 2.5;
/// What is within so many of them may be. Where few answers have come yet, going on costs little.
const SURE: f64 = 1.5;

/// The smallest step of a trial: it tells 5 % of goodput from none.
pub(super) const STEP: f64 = 1.125;
/// The first one.
const STRIDE: f64 = 1.5;
/// The largest.
const LEAP: f64 = 2.0;

/// What is measured is good enough to be compared once its standard error is less than this share of the step,
const PRECISE: f64 = 0.13;
/// or after this time: servers so slow, or so erratic, get larger steps.
const LONG: Duration = Duration::from_secs(3);

/// The pause between two trials grows from one to the other while nothing changes.
pub(super) const REST: Duration = Duration::from_secs(1);
pub(super) const LONG_REST: Duration = Duration::from_secs(4);
/// It is so many times as long as a trial that failed, at least.
const TRIAL_SHARE: u32 = 6;

/// Less than this of the goodput after a raise is not a plateau, but harm;
const HARM: f64 = 0.85;
/// and that is a punishment where less than this comes back once the raise is taken back.
const PUNISHED: f64 = 0.5;
/// With this share, all is as before.
const MENDED: f64 = 0.8;

/// Share of the permits that must have been in use for a window to count.
const IN_USE: f64 = 0.85;

impl Tuning {
    pub(super) fn judge(&mut self, now: Instant, in_flight: usize) {
        let measure = self.window.measure(now);
        #[expect(clippy::cast_precision_loss, reason = "counts of permits are small")]
        let in_use = measure.count >= IN_USE * self.limit as f64;
        let hindered = std::mem::take(&mut self.hindered);
        if self.choose_unit(now) || !in_use || hindered {
            return self.open(now, 0);
        }
        match self.phase {
            Phase::Doubling(before) => self.judge_doubling(now, in_flight, measure, before),
            Phase::Resting(until) => {
                if self.is_punished(measure) {
                    self.punished(now, in_flight, measure.count);
                } else if self.is_precise(now, measure) && now >= until {
                    self.attempt(now, in_flight, measure);
                } else if self.window.time(now) > LONG {
                    self.usual = Some(measure);
                    self.open(now, 0);
                }
            }
            Phase::Trying(before) => self.judge_trial(now, in_flight, measure, before),
            Phase::Verifying(after) => self.judge_verifying(now, in_flight, measure, after),
            Phase::Mending(before) => self.judge_mending(now, in_flight, measure, before),
            Phase::Recovering => {
                let top = self.top(now);
                self.rest_now(now);
                self.lead(now, in_flight, top);
            }
        }
    }

    /// How much longer everything takes now than it did alone.
    fn inflation(&self, measure: Measure) -> f64 {
        let alone = if self.sizes.large { self.alone } else { self.alone.min(1.0 / SWIFT) };
        alone * measure.count / measure.rate
    }

    /// Whether an item takes next to no time.
    fn is_swift(&self, measure: Measure) -> bool {
        !self.sizes.large && measure.count / measure.rate < SWIFT
    }

    /// What a doubling must have bought.
    fn asked(&self, measure: Measure) -> f64 {
        if self.is_swift(measure) { DOUBLING_SWIFT } else { DOUBLING }
    }

    fn is_precise(&self, now: Instant, measure: Measure) -> bool {
        let rounds = self.window.rounds();
        rounds >= 4 && (measure.error <= PRECISE * self.step.ln() || self.window.time(now) >= LONG)
    }

    fn judge_doubling(
        &mut self,
        now: Instant,
        in_flight: usize,
        measure: Measure,
        before: Option<Measure>,
    ) {
        let (rounds, events) = (self.window.rounds(), self.window.events());
        let Some(before) = before else {
            return self.double(now, in_flight, measure);
        };
        // What one permit brings is known from all that was clear so far.
        let before = self.linear.at(before.count);
        let gain = Gain::of(before, measure);
        let enough = rounds >= 2 && events >= 16;
        if gain.elasticity >= CLEARLY {
            return self.double(now, in_flight, measure);
        }
        if !enough {
            return;
        }
        if is_less(HARM, before, measure) {
            self.harmed(now, in_flight, before);
        } else if gain.elasticity + SURE * gain.doubt >= self.asked(measure)
            && self.inflation(measure) < CROWDED * (SURE * gain.luck).exp()
            && self.limit < self.top(now)
        {
            // Not clear, so far: twice as many will make it so.
            self.phase = Phase::Doubling(Some(before));
            self.lead(now, in_flight, (2 * self.limit).min(self.top(now)));
        } else if self.verified {
            self.settle(now, in_flight, before, measure);
        } else {
            self.phase = Phase::Verifying(measure);
            self.lead(now, in_flight, rounded(before.count));
        }
    }

    fn judge_verifying(
        &mut self,
        now: Instant,
        in_flight: usize,
        measure: Measure,
        after: Measure,
    ) {
        let time = self.window.time(now);
        if self.window.rounds() < 4 || (measure.events < 64 && time < LONG) {
            return;
        }
        self.verified = true;
        // Less than before by more than luck is the doing of others.
        let by_luck = (-LUCK * self.linear.doubt()).exp();
        self.alone = (measure.rate / measure.count).max(self.alone * by_luck);
        self.linear = Linear::default();
        self.linear.add(measure);
        let gain = Gain::of(measure, after);
        let to = (2 * self.limit).min(self.top(now));
        let pays = gain.elasticity >= self.asked(after) && self.inflation(after) < CROWDED;
        if pays && to > self.limit {
            self.phase = Phase::Doubling(Some(measure));
            self.lead(now, in_flight, to);
        } else {
            self.settle(now, in_flight, measure, after);
        }
    }

    /// Ends the doubling: as many as one after the other would have brought what all brought.
    fn settle(&mut self, now: Instant, in_flight: usize, before: Measure, after: Measure) {
        let worth = 1.05 * after.count / self.inflation(after);
        let to = rounded(worth.clamp(before.count, after.count.max(before.count)));
        self.rest_now(now);
        self.lead(now, in_flight, to);
    }

    fn double(&mut self, now: Instant, in_flight: usize, measure: Measure) {
        self.linear.add(measure);
        self.alone =
            if self.verified { self.alone.max(self.linear.each()) } else { self.linear.each() };
        let twice = 2 * self.limit;
        // Half of what was found once is tried at once, and what it brings is measured like any other
        // step: the server may have become another.
        let hinted = self.hint.take().map_or(0, |hint| hint / 2);
        if hinted > twice {
            self.leap = Some(Leap { took: measure.count / measure.rate, late: 0 });
        }
        let to = twice.max(hinted).min(self.top(now));
        if to <= self.limit {
            self.rest_now(now);
            self.usual = Some(measure);
            return self.open(now, 0);
        }
        self.searched = true;
        self.verified = false;
        self.phase = Phase::Doubling(Some(measure));
        self.lead(now, in_flight, to);
    }

    pub(super) fn rest_now(&mut self, now: Instant) {
        self.phase = Phase::Resting(now);
        self.rest = REST;
        self.step = STRIDE;
    }

    /// Begins a trial of another count.
    #[expect(clippy::cast_precision_loss, reason = "counts of permits are small")]
    fn attempt(&mut self, now: Instant, in_flight: usize, before: Measure) {
        let step = self.step.max(1.0 + 6.0 * before.error.min(0.1));
        let count = self.limit as f64;
        // What has come to wait there in numbers goes in one step.
        let excess = (self.inflation(before) / CROWDED).min(LEAP);
        let step = if self.direction == Direction::Down { step.max(excess) } else { step };
        let up = rounded(count * step).max(self.limit + 1).min(self.top(now));
        let down = rounded(count / step).min(self.limit - 1).max(1);
        if self.direction == Direction::Up && up <= self.limit {
            self.direction = Direction::Down;
        }
        if self.direction == Direction::Down && down >= self.limit {
            self.direction = Direction::Up;
        }
        let to = match self.direction {
            Direction::Up => up,
            Direction::Down => down,
        };
        if to == self.limit {
            self.phase = Phase::Resting(now + self.rest);
            self.usual = Some(before);
            return self.open(now, 0);
        }
        self.phase = Phase::Trying(before);
        self.lead(now, in_flight, to);
    }

    fn judge_trial(&mut self, now: Instant, in_flight: usize, measure: Measure, before: Measure) {
        if self.direction == Direction::Up && is_less(HARM, before, measure) {
            return self.harmed(now, in_flight, before);
        }
        let precise = self.is_precise(now, measure);
        let gain = Gain::of(before, measure);
        let inflation = self.inflation(measure).max(self.inflation(before));
        let bounds = Kept::of(inflation, self.is_swift(measure));
        let certain = self.window.rounds() >= 2 && gain.is_certain(self.direction, bounds);
        if !(precise || certain) {
            return;
        }
        if precise {
            self.alone = self.alone.max(measure.rate / measure.count);
        }
        let kept = match self.direction {
            Direction::Up => gain.elasticity >= bounds.higher,
            Direction::Down => gain.elasticity + (gain.error - 0.1).max(0.0) <= bounds.lower,
        };
        if kept {
            // Further on the same way, with longer strides.
            self.step = (self.step * self.step).min(LEAP);
            self.rest = REST;
            return self.attempt(now, in_flight, measure);
        }
        self.step = STEP;
        let was = self.direction;
        self.direction = match was {
            Direction::Up => Direction::Down,
            Direction::Down => Direction::Up,
        };
        self.phase = Phase::Resting(now + self.rest.max(TRIAL_SHARE * self.window.time(now)));
        self.rest = (self.rest * 2).min(LONG_REST);
        // What it bought is kept, as after a doubling.
        let bought = measure.rate / before.rate;
        if was == Direction::Up && bought > STEP && inflation < CROWDED {
            self.lead(now, in_flight, rounded(before.count * bought));
        } else {
            self.lead(now, in_flight, rounded(before.count));
            self.usual = Some(before);
        }
    }

    /// A raise did harm.
    fn harmed(&mut self, now: Instant, in_flight: usize, before: Measure) {
        self.ceiling =
            Some(Ceiling { at: self.limit, since: now, led_to: Above::Slower, punished: false });
        self.phase = Phase::Mending(before);
        self.lead(now, in_flight, rounded(before.count));
    }

    fn judge_mending(&mut self, now: Instant, in_flight: usize, measure: Measure, before: Measure) {
        let rounds = self.window.rounds();
        let scaled = (measure.count / before.count).min(1.0);
        let whole = Measure { rate: before.rate * scaled, ..before };
        if rounds >= 4 && self.window.events() >= 32 && is_less(PUNISHED, whole, measure) {
            self.punished(now, in_flight, before.count);
        } else if measure.rate >= MENDED * whole.rate
            || (rounds >= 4 && self.window.time(now) >= LONG)
        {
            // Not so far again for a while, and not so soon.
            self.step = self.step.sqrt().max(STEP);
            self.phase = Phase::Resting(now + self.rest);
            self.rest = (self.rest * 2).min(LONG_REST);
            self.direction = Direction::Down;
            self.open(now, 0);
        }
    }

    /// It holds against us what we did, and will for a while. What it allows is likely a number in a second.
    fn punished(&mut self, now: Instant, in_flight: usize, count: f64) {
        let allowed = f64::from(self.recent.peak);
        let each = if self.sizes.large { f64::NAN } else { self.alone };
        let at = rounded(BRAKE * count.min(allowed / each));
        self.ceiling = Some(Ceiling { at, since: now, led_to: Above::Slower, punished: true });
        self.usual = None;
        self.phase = Phase::Resting(now + LONG_REST);
        self.lead(now, in_flight, at);
    }

    /// Whether much less comes than did from the same count.
    fn is_punished(&self, measure: Measure) -> bool {
        self.window.rounds() >= 2
            && measure.events >= 32
            && self.usual.is_some_and(|usual| is_less(PUNISHED, usual, measure))
            && !self.ceiling.is_some_and(|ceiling| ceiling.punished)
    }
}

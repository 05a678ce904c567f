//! How much an origin yields at a number of permits: what is measured between two decisions.

use std::time::{Duration, Instant};

use super::gain::Measure;

/// Events of a round, at least: fewer say nothing of a pace.
const ROUND: usize = 4;
/// What is supposed of a window's error counts as much as so many rounds.
const PRIOR: f64 = 2.0;

/// A window, in rounds: of each as many events as there are permits, so that answers which come in
/// bursts, all permits' together, make even rounds. How much these differ says how sure the rate is.
#[derive(Debug)]
pub(super) struct Window {
    /// Events to pass over before it opens: what was begun under another number of permits.
    skip: usize,
    opened: Instant,
    /// Of the latest change in flight.
    seen: Instant,
    /// Permits in use, times seconds.
    area: f64,
    units: f64,
    events: usize,
    /// Events of a round, and its time at least.
    round: usize,
    round_time: Duration,
    /// Of the round under way.
    round_began: Instant,
    round_events: usize,
    round_units: f64,
    rounds: u32,
    /// Of the paces of the rounds, and of their squares.
    sum: f64,
    squares: f64,
}

impl Window {
    /// A window that opens after `skip` events.
    pub(super) fn new(now: Instant, skip: usize, permits: usize, round_time: Duration) -> Self {
        Self {
            skip,
            opened: now,
            seen: now,
            area: 0.0,
            units: 0.0,
            events: 0,
            round: permits.max(ROUND),
            round_time,
            round_began: now,
            round_events: 0,
            round_units: 0.0,
            rounds: 0,
            sum: 0.0,
            squares: 0.0,
        }
    }

    /// Until now, so many permits were in use.
    #[expect(clippy::cast_precision_loss, reason = "counts of permits are small")]
    pub(super) fn held(&mut self, now: Instant, in_flight: usize) {
        if self.skip == 0 {
            self.area += in_flight as f64 * now.saturating_duration_since(self.seen).as_secs_f64();
        }
        self.seen = now;
    }

    /// Something came: an item, or some bytes. Whether a round is complete.
    pub(super) fn event(&mut self, now: Instant, units: f64) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            if self.skip == 0 {
                (self.opened, self.round_began, self.seen) = (now, now, now);
            }
            return false;
        }
        self.events += 1;
        self.units += units;
        self.round_events += 1;
        self.round_units += units;
        let took = now.saturating_duration_since(self.round_began);
        if self.round_events < self.round || took < self.round_time || took.is_zero() {
            return false;
        }
        let pace = self.round_units / took.as_secs_f64();
        self.rounds += 1;
        self.sum += pace;
        self.squares += pace * pace;
        self.round_began = now;
        self.round_events = 0;
        self.round_units = 0.0;
        true
    }

    pub(super) fn rounds(&self) -> u32 {
        self.rounds
    }

    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// Since it opened.
    pub(super) fn time(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opened)
    }

    /// What it comes to now, where a round has just ended.
    #[expect(clippy::cast_precision_loss, reason = "counts of events are small")]
    pub(super) fn measure(&self, now: Instant) -> Measure {
        let time = self.time(now).as_secs_f64();
        let rounds = f64::from(self.rounds);
        let mean = self.sum / rounds;
        let spread = if self.rounds > 1 {
            (self.squares / rounds / (mean * mean) - 1.0).max(0.0) / (rounds - 1.0)
        } else {
            0.0
        };
        // What few rounds say of their spread is little: before they do, chance has a say.
        let chance = 1.0 / self.events as f64;
        let error = ((spread * rounds + chance * PRIOR) / (rounds + PRIOR)).sqrt();
        Measure {
            count: self.area / time,
            rate: self.units / time,
            error,
            events: self.events,
            time,
        }
    }
}

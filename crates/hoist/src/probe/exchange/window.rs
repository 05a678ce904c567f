//! How many queries may be under way to one server, found out from what it answers.
//!
//! The measure is the answers per second, counted over whole turns: from the sending of a query to its
//! answer, and from the next sending on, so that what goes and comes in bursts is counted in whole
//! bursts. Times in which there was less to send than the window allows say nothing about it.
//!
//! - At the start the window grows by one with each answer, which doubles it in each turn, until that
//!   brings no more answers.
//! - From then on a window half as large again is tried now and then, and kept if it brings more.
//! - Where queries are lost, half the window is tried, and kept if as many answers come: the others stood
//!   in a queue, which may have overflowed. Where loss is chance and there is no queue, the answers become
//!   fewer with the window: then all is as before, and it is not tried again soon.
//! - Datagrams that our own sockets dropped cut it at once.

use std::time::{Duration, Instant};

use super::pace::Bursts;
use super::underway::{SLICE, Underway};
use super::usual::Usual;

/// Bounds of all windows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowPolicy {
    /// Where each one begins.
    pub(crate) start: usize,
    /// What none exceeds.
    pub(crate) max: usize,
    /// It stays as it is, unless our own sockets drop datagrams.
    pub(crate) fixed: bool,
    /// Until an answer time is usual, and where it is longer, a query is overdue after this.
    pub(crate) timeout: Duration,
}

/// The least that a window is cut to: a server that does not even take this many is very slow anyway.
const LEAST: usize = 16;
/// And where nothing is answered at all: enough to notice soon that it answers again.
const LEAST_SILENT: usize = 250;
/// A query is overdue after so many times what nearly all answers take: few come later.
const OVERDUE: u32 = 2;
/// But not before this: a machine that is busy with something else for a moment says nothing.
const OVERDUE_MIN: Duration = Duration::from_millis(20);
/// It leaves the count after three quarters of that: hardly more than nearly all take. Places that are
/// held by what is lost throttle the others, and one too many under way does no harm.
const LEAVES: (u32, u32) = (3, 4);
/// A measure takes this long at least.
const MEASURE_MIN: Duration = Duration::from_millis(10);
/// And where it is to be held against another.
const TRIAL_MIN: Duration = Duration::from_millis(50);
/// The first pause between two tests of the same kind; it doubles while they fail, up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(16);
/// It is this many times as long as a measure, at least.
const RARE: u32 = 30;
/// And after our own sockets dropped something.
const AFTER_DROPS: Duration = Duration::from_secs(5);
/// Answers per second of a test by those before: a larger window must bring more than this, a
/// smaller one not less.
const MORE: f64 = 1.05;
const AS_MANY: f64 = 0.95;
/// A test that brings less than this is ended at once.
const FAR_FEWER: f64 = 0.8;
/// What is left of the most answers per second from one measure to the next.
const FADES: f64 = 0.9;
/// Losses by answers of a test by those before: below this, most of what was lost was no chance.
const HALF: f64 = 0.5;
/// Losses among a hundred queries that are worth a test.
const LOSS_PERCENT: u32 = 1;
/// And how many there must be at least.
const LOSSES: u32 = 8;
/// A doubling that brings less than this many times the answers is the end of the start.
const START_MORE: f64 = 1.25;
/// Measures in a row without it.
const START_STALLED: u32 = 3;

/// The window of one server.
#[derive(Debug)]
pub(super) struct Window {
    policy: WindowPolicy,
    limit: usize,
    underway: Underway,
    usual: Usual,
    pub(super) bursts: Bursts,
    phase: Phase,
    meter: Meter,
    /// The most answers per second of late, which tests are held against: a measure may have fallen into
    /// a bad moment, and a window that does no better than that is none that is as good.
    best: f64,
    /// The last sending or answer.
    last: Option<Instant>,
    growing: Turns,
    shrinking: Turns,
    /// What was dropped until then was sent before the last cut.
    cut_until: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Start {
        best: f64,
        best_limit: usize,
        stalled: u32,
    },
    Steady,
    /// More are tried than `from`, which brought so many answers per second.
    Growing {
        from: usize,
        rate: f64,
    },
    /// Fewer are tried, and these were the losses per second.
    Shrinking {
        from: usize,
        rate: f64,
        lost: f64,
    },
}

/// When a kind of test comes next.
#[derive(Debug)]
struct Turns {
    next: Option<Instant>,
    pause: Duration,
}

impl Turns {
    fn new() -> Self {
        Self { next: None, pause: PAUSE }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    fn failed(&mut self, now: Instant, took: Duration) {
        let rare = took * RARE;
        let pause = self.pause.max(rare);
        self.next = Some(now + pause);
        self.pause = (pause * 2).min(PAUSE_MAX.max(rare));
    }

    fn succeeded(&mut self) {
        *self = Self::new();
    }
}

/// What is counted of one measure.
#[derive(Debug, Default)]
struct Meter {
    began: Option<Instant>,
    /// What is counted before the effect of a change shows is thrown away.
    settled: bool,
    /// An answer to what was sent after this ends a turn.
    turn: Option<Instant>,
    turns: u32,
    limit: usize,
    answers: u32,
    lost: u32,
    sent: u32,
    /// Queries under way after each sending, summed up.
    underway: u64,
    peak: usize,
    full: bool,
}

/// A measure.
#[derive(Debug, Clone, Copy)]
struct Measured {
    took: Duration,
    rate: f64,
    lost: f64,
    /// Enough of them to do something about it.
    is_lossy: bool,
    /// The window was what held queries back.
    is_limited: bool,
    peak: usize,
    /// The window at the beginning.
    limit: usize,
}

impl Window {
    pub(super) fn new(policy: WindowPolicy) -> Self {
        let phase = if policy.fixed {
            Phase::Steady
        } else {
            Phase::Start { best: 0.0, best_limit: policy.start, stalled: 0 }
        };
        Self {
            policy,
            limit: policy.start,
            underway: Underway::default(),
            usual: Usual::new(),
            bursts: Bursts::default(),
            phase,
            meter: Meter { settled: true, ..Meter::default() },
            best: 0.0,
            last: None,
            growing: Turns::new(),
            shrinking: Turns::new(),
            cut_until: None,
        }
    }

    /// What may be under way at once.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// What is, without what is likely lost.
    pub(super) fn underway(&self) -> usize {
        self.underway.count()
    }

    /// After this time without an answer a query is overdue.
    pub(super) fn overdue(&self) -> Duration {
        let usual = self.usual.nearly_all().map(|time| (time * OVERDUE).max(OVERDUE_MIN));
        usual.map_or(self.policy.timeout, |usual| usual.min(self.policy.timeout))
    }

    /// How long it is counted.
    fn leaves(&self) -> Duration {
        let usual = self.usual.nearly_all().map(|time| time * OVERDUE * LEAVES.0 / LEAVES.1);
        let usual = usual.map(|time| time.max(OVERDUE_MIN));
        usual.map_or(self.policy.timeout, |usual| usual.min(self.policy.timeout))
    }

    /// Drops from the count what will hardly be answered.
    pub(super) fn tick(&mut self, now: Instant) {
        self.underway.drop_older(now, self.leaves());
        self.measure(now);
    }

    /// When there will be room, if nothing is answered until then.
    pub(super) fn next_room(&self) -> Option<Instant> {
        self.underway.next_drop(self.leaves())
    }

    /// A query went out.
    pub(super) fn sent(&mut self, now: Instant) {
        let pause = self.last.map(|last| now.saturating_duration_since(last));
        if self.underway.count() == 0 && pause > Some(self.overdue() * 2) {
            // There was nothing to send: what was counted says nothing.
            self.meter = Meter { settled: self.meter.settled, ..Meter::default() };
        }
        self.last = Some(now);
        self.bursts.sent();
        self.underway.sent(now);
        let count = self.underway.count();
        let meter = &mut self.meter;
        if meter.began.is_none() {
            (meter.began, meter.limit) = (Some(now), self.limit);
        }
        meter.turn.get_or_insert(now);
        meter.sent += 1;
        meter.underway += count as u64;
        meter.peak = meter.peak.max(count);
        meter.full |= count >= self.limit;
    }

    /// A query that was sent then got an answer, be it late.
    pub(super) fn answered(&mut self, now: Instant, sent: Instant) {
        self.usual.took(now.saturating_duration_since(sent));
        self.last = Some(now);
        let meter = &mut self.meter;
        meter.answers += 1;
        if meter.turn.is_some_and(|turn| turn <= sent) {
            meter.turns += 1;
            // From the next query on.
            meter.turn = None;
        }
        if matches!(self.phase, Phase::Start { stalled: 0, .. }) && meter.full {
            self.limit = (self.limit + 1).min(self.policy.max);
        }
        self.measure(now);
    }

    /// A query that was sent then is not waited for any more.
    pub(super) fn ended(&mut self, sent: Instant) {
        self.underway.ended(sent);
    }

    /// A query was not answered in time.
    pub(super) fn lost(&mut self, now: Instant) {
        self.meter.lost += 1;
        self.measure(now);
    }

    /// Our own sockets dropped answers of this server, so many.
    pub(super) fn dropped(&mut self, now: Instant, count: u32) {
        if count == 0 || self.cut_until.is_some_and(|until| now < until) {
            return;
        }
        let from = match self.phase {
            Phase::Growing { from, .. } => from,
            _ => self.limit.min(self.meter.peak.max(self.underway.count())),
        };
        self.limit = (from * 7 / 10).max(LEAST).min(self.policy.max);
        self.cut_until = Some(now + self.overdue());
        self.growing.next = Some(now + AFTER_DROPS);
        self.enter(Phase::Steady);
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.meter = Meter { settled: matches!(phase, Phase::Start { .. }), ..Meter::default() };
    }

    /// The time after which a change of the window shows, in losses too.
    fn effect(&self) -> Duration {
        self.overdue() + 2 * SLICE
    }

    /// Ends the measure when it has lasted long enough.
    fn measure(&mut self, now: Instant) {
        let Some(began) = self.meter.began else { return };
        let took = now.saturating_duration_since(began);
        let (turns, least) = if let Phase::Start { .. } = self.phase {
            (1, self.usual.mean().max(MEASURE_MIN))
        } else {
            let least = self.effect().max(2 * self.usual.mean());
            (2, if self.meter.settled { least.max(TRIAL_MIN) } else { least })
        };
        let is_silent = self.meter.answers == 0;
        let seconds = took.as_secs_f64();
        let rate = f64::from(self.meter.answers) / seconds;
        let fails = match self.phase {
            Phase::Shrinking { rate: before, .. } if self.meter.settled && !is_silent => {
                took >= MEASURE_MIN.max(2 * self.usual.mean()) && rate < before * FAR_FEWER
            }
            _ => false,
        };
        let least = if fails { MEASURE_MIN } else { least };
        if took < least || (self.meter.turns < turns && took < 4 * least) {
            return;
        }
        if !self.meter.settled {
            self.meter = Meter { settled: true, ..Meter::default() };
            return;
        }
        let meter = std::mem::take(&mut self.meter);
        self.meter.settled = true;
        let mean = meter.underway / u64::from(meter.sent.max(1));
        let measured = Measured {
            took,
            rate,
            lost: f64::from(meter.lost) / seconds,
            is_lossy: meter.lost >= LOSSES
                && u64::from(meter.lost) * 100
                    > u64::from(LOSS_PERCENT) * u64::from(meter.answers.saturating_add(meter.lost)),
            is_limited: meter.full && mean * 2 >= meter.limit.min(self.limit) as u64,
            peak: meter.peak,
            limit: meter.limit,
        };
        if self.policy.fixed {
            // What was cut comes back step by step.
            if self.growing.is_due(now) {
                self.limit = (self.limit + self.limit / 4 + 1).min(self.policy.max);
            }
        } else if is_silent {
            self.silent(measured);
        } else {
            self.judge(now, measured);
        }
    }

    /// Not one answer.
    fn silent(&mut self, measured: Measured) {
        let least = LEAST_SILENT.min(self.limit);
        self.limit = (self.limit.min(measured.peak.max(1)) / 2).max(least);
        self.enter(Phase::Start { best: 0.0, best_limit: self.limit, stalled: 0 });
    }

    fn judge(&mut self, now: Instant, measured: Measured) {
        self.best = measured.rate.max(self.best * FADES);
        match self.phase {
            Phase::Start { best, best_limit, stalled } => {
                self.start(measured, (best, best_limit, stalled));
            }
            Phase::Steady => self.test(now, measured),
            Phase::Growing { from, rate } => {
                if measured.rate >= rate * MORE {
                    self.growing.succeeded();
                    self.enter(Phase::Steady);
                } else {
                    if measured.is_limited {
                        self.growing.failed(now, measured.took);
                    }
                    self.limit = from;
                    self.enter(Phase::Steady);
                }
            }
            Phase::Shrinking { from, rate, lost } => {
                let as_many = measured.rate >= rate * AS_MANY;
                if as_many {
                    self.shrinking.succeeded();
                    // What was too much is not tried again at once.
                    self.growing.next = Some(now + PAUSE.max(measured.took * RARE));
                    if measured.is_lossy && self.limit > LEAST {
                        self.shrink(measured);
                    } else {
                        self.enter(Phase::Steady);
                    }
                } else if measured.lost / measured.rate <= lost / rate * HALF
                    && usize::midpoint(self.limit, from) < from - from / 8
                {
                    // It was too little, or the answers were held up, yet there was a queue.
                    self.limit = usize::midpoint(self.limit, from);
                    self.enter(Phase::Shrinking { from, rate, lost });
                } else {
                    self.shrinking.failed(now, measured.took);
                    self.limit = from;
                    self.enter(Phase::Steady);
                }
            }
        }
    }

    fn start(&mut self, measured: Measured, (best, best_limit, stalled): (f64, usize, u32)) {
        // Where it is not what bounds the queries, they may yet be too many.
        if !measured.is_limited && !measured.is_lossy {
            return;
        }
        if measured.is_limited && measured.rate >= best * START_MORE {
            let best_limit = measured.limit;
            self.phase = Phase::Start { best: measured.rate, best_limit, stalled: 0 };
        } else if stalled + 1 < START_STALLED && !measured.is_lossy {
            self.phase = Phase::Start { best, best_limit, stalled: stalled + 1 };
        } else {
            // As much more than the best as it brought more.
            let more = (measured.rate / best.max(1.0)).clamp(1.0, START_MORE);
            let most = self.limit.min(if measured.is_limited { self.limit } else { measured.peak });
            self.limit = scaled(best_limit, more).min(most).max(LEAST.min(self.limit));
            self.enter(Phase::Steady);
        }
    }

    fn test(&mut self, now: Instant, measured: Measured) {
        if measured.is_lossy && self.limit > LEAST && self.shrinking.is_due(now) {
            self.shrink(measured);
        } else if measured.is_limited && self.limit < self.policy.max && self.growing.is_due(now) {
            let from = self.limit;
            self.limit = (from + from / 2 + 1).min(self.policy.max);
            self.enter(Phase::Growing { from, rate: self.best });
        }
    }

    fn shrink(&mut self, measured: Measured) {
        // Those that were answered were so many at once (Little's law): the others only stood in line for
        // a place, if it was a place that they lacked.
        let answered = scaled(1, measured.rate * self.usual.mean().as_secs_f64());
        let from = self.limit;
        let most = from.min(measured.peak);
        self.limit = (answered - answered / 10).clamp(most / 16, most / 2).max(LEAST).min(from);
        self.enter(Phase::Shrinking { from, rate: self.best, lost: measured.lost });
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
#[expect(clippy::cast_precision_loss, reason = "rough")]
fn scaled(limit: usize, by: f64) -> usize {
    (limit as f64 * by) as usize
}

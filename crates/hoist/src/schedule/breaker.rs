use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{Backoff, Ticket};
use crate::plan::defaults;

/// Failures in a row that are evidence enough where they took the whole patience: each of them was a
/// long silence. Two times as many as an origin of which nothing is known has at once.
pub(super) const FEW: u32 = 4;

/// An origin that has lived is given up after so many trials, at the least: many URLs of one that does
/// live may be bad.
const TRIALS: u32 = 3;

/// When an origin counts as down, and how it is tried then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Breaker {
    /// Failures in a row after which an origin is down.
    pub(crate) failures: NonZeroU32,
    /// The pauses between trials of an origin that is down.
    pub(crate) pause: Backoff,
    /// An origin that gave no sign of life for so long is given up: whatever waits for it when a try
    /// at it fails is not asked any more.
    pub(crate) patience: Duration,
}

/// What an attempt tells of its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It answered, and the whole answer came.
    Whole,
    /// It answered, and then it did not go on.
    Partial,
    /// It did not answer at all, for this reason.
    Failed(Rc<str>),
    /// Nothing.
    Nothing,
}

/// An origin is down, and an item that waited for it is not asked any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outage {
    /// In a row.
    pub(crate) failures: u32,
    /// Without a sign of life.
    pub(crate) lasted: Duration,
    /// Why the last of them failed.
    pub(crate) last: Rc<str>,
}

/// What is known of an origin whose latest attempts failed.
#[derive(Debug)]
pub(super) struct Trouble {
    failures: u32,
    /// No sign of life since.
    since: Instant,
    /// It had shown one before.
    lived: bool,
    last: Rc<str>,
    down: Option<Down>,
}

/// An origin is down.
#[derive(Debug)]
struct Down {
    trials: u32,
    trial: Trial,
    given_up: bool,
}

/// The one attempt that an origin which is down is asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    /// At this time.
    At(Instant),
    /// With the next item.
    Due,
    /// It is under way.
    Running(Ticket),
}

impl Trouble {
    /// The first failure of an origin that was asked since then.
    pub(super) fn new(since: Instant, lived: bool) -> Self {
        Self { failures: 0, since, lived, last: Rc::from(""), down: None }
    }

    /// An attempt failed. Whether what waits for the origin is to be given up now. `few` failures are
    /// enough where they took the whole patience.
    pub(super) fn failed(
        &mut self,
        breaker: &Breaker,
        ticket: Ticket,
        now: Instant,
        random: f64,
        why: Rc<str>,
        few: u32,
    ) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.last = why;
        let overdue = now.saturating_duration_since(self.since) >= breaker.patience;
        let lived = self.lived;
        let Some(down) = &mut self.down else {
            let enough = breaker.failures.get();
            // Who asks for more than the default means it.
            let all = lived || enough > defaults::BREAKER_FAILURES;
            let few = if all { enough } else { few.min(enough) };
            if self.failures < enough && !(overdue && self.failures >= few) {
                return false;
            }
            let given_up = overdue && !lived;
            let trial = Trial::At(self.trial_at(breaker, 1, now, random));
            self.down = Some(Down { trials: 0, trial, given_up });
            return given_up;
        };
        let is_trial = down.trial == Trial::Running(ticket);
        down.trials = down.trials.saturating_add(u32::from(is_trial));
        // One that has lived is not given up for what was on its way when it fell silent.
        let given_up = overdue && (!lived || (is_trial && down.trials >= TRIALS));
        down.given_up |= given_up;
        if is_trial {
            let trials = down.trials;
            let at = self.trial_at(breaker, trials + 1, now, random);
            self.set_trial(Trial::At(at));
        }
        given_up
    }

    /// A trial ended without telling anything: another one is needed.
    pub(super) fn untold(&mut self, breaker: &Breaker, ticket: Ticket, now: Instant, random: f64) {
        let trials = self.down.as_ref().map_or(0, |down| down.trials);
        if self.trial() == Some(Trial::Running(ticket)) {
            let at = self.trial_at(breaker, trials + 1, now, random);
            self.set_trial(Trial::At(at));
        }
    }

    /// Trials do not come together with those of other origins that went down together; the one that
    /// decides whether the origin is given up is not late.
    fn trial_at(&self, breaker: &Breaker, trial: u32, now: Instant, random: f64) -> Instant {
        let at = now + breaker.pause.wait(trial, 0.5 + random / 2.0);
        let decides = self.since + breaker.patience;
        if now < decides { at.min(decides) } else { at }
    }

    pub(super) fn set_trial(&mut self, trial: Trial) {
        if let Some(down) = &mut self.down {
            down.trial = trial;
        }
    }

    /// The trial of an origin that is down.
    pub(super) fn trial(&self) -> Option<Trial> {
        self.down.as_ref().map(|down| down.trial)
    }

    pub(super) fn is_down(&self) -> bool {
        self.down.is_some()
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.down.as_ref().is_some_and(|down| down.given_up)
    }

    pub(super) fn outage(&self, now: Instant) -> Outage {
        Outage {
            failures: self.failures,
            lasted: now.saturating_duration_since(self.since),
            last: Rc::clone(&self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn breaker(failures: u32) -> Breaker {
        Breaker {
            failures: NonZeroU32::new(failures).unwrap(),
            pause: Backoff { first: seconds(1), longest: seconds(30) },
            patience: seconds(30),
        }
    }

    #[test]
    fn trials_come_at_growing_intervals_and_the_one_that_decides_is_not_late() {
        let (breaker, start) = (breaker(10), Instant::now());
        let mut trouble = Trouble::new(start, false);
        for n in 1..=10 {
            assert!(!trouble.failed(&breaker, Ticket(0), start, 1.0, "x".into(), FEW));
            assert_eq!(trouble.is_down(), n == 10);
        }
        let mut times = Vec::new();
        let mut given_up = Vec::new();
        for _ in 0..8 {
            let Some(Trial::At(at)) = trouble.trial() else { panic!("{trouble:?}") };
            times.push(at.duration_since(start).as_secs());
            trouble.set_trial(Trial::Running(Ticket(7)));
            given_up.push(trouble.failed(&breaker, Ticket(7), at, 1.0, "x".into(), FEW));
        }
        assert_eq!(times, [1, 3, 7, 15, 30, 60, 90, 120]);
        assert_eq!(given_up, [false, false, false, false, true, true, true, true]);
        let outage = trouble.outage(start + seconds(120));
        assert_eq!((outage.failures, outage.lasted), (18, seconds(120)));
    }

    #[test]
    fn others_that_fail_meanwhile_do_not_put_the_trial_off() {
        let (breaker, start) = (breaker(1), Instant::now());
        let mut trouble = Trouble::new(start, false);
        trouble.failed(&breaker, Ticket(0), start, 1.0, "x".into(), FEW);
        let trial = trouble.trial();
        trouble.failed(&breaker, Ticket(1), start + seconds(1), 1.0, "x".into(), FEW);
        assert_eq!(trouble.trial(), trial);
    }

    #[test]
    fn who_has_lived_is_given_up_by_trials_alone() {
        let (breaker, start) = (breaker(10), Instant::now());
        let mut trouble = Trouble::new(start, true);
        let at = start + seconds(30);
        for n in 1..=20 {
            assert!(!trouble.failed(&breaker, Ticket(0), at, 1.0, "x".into(), FEW));
            assert_eq!((trouble.is_down(), trouble.is_given_up()), (n >= 10, false));
        }
        for n in 1..=4 {
            trouble.set_trial(Trial::Running(Ticket(7)));
            let given_up = trouble.failed(&breaker, Ticket(7), at, 1.0, "x".into(), FEW);
            assert_eq!(given_up, n >= TRIALS);
        }
    }

    #[test]
    fn more_failures_than_the_default_are_waited_for() {
        let (breaker, start) = (breaker(100), Instant::now());
        let mut trouble = Trouble::new(start, false);
        for n in 1..=100 {
            let at = start + seconds(30);
            assert_eq!(trouble.failed(&breaker, Ticket(0), at, 1.0, "x".into(), FEW), n == 100);
        }
    }

    #[test]
    fn a_few_long_silences_are_enough() {
        let (breaker, start) = (breaker(10), Instant::now());
        let mut trouble = Trouble::new(start, false);
        for n in 1..=4 {
            let given_up =
                trouble.failed(&breaker, Ticket(0), start + seconds(30), 1.0, "x".into(), FEW);
            assert_eq!((given_up, trouble.is_down()), (n == 4, n == 4));
        }
    }
}

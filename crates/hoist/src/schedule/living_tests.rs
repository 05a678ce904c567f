//! Servers that live, of which many URLs are bad.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use super::*;
use crate::plan::{Limits, PerOrigin, RetryBudget};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Url {
    Good,
    Silent,
    Reset,
}

fn schedule(per_origin: PerOrigin) -> Schedule<u32> {
    let count = |n| NonZeroUsize::new(n).unwrap();
    let limits = Limits {
        in_flight: count(64),
        per_origin,
        admitted_items: count(1_000),
        admitted_bytes: usize::MAX,
    };
    let policy = Policy {
        retries: 3,
        backoff: Backoff { first: Duration::from_millis(500), longest: PATIENCE },
        deadline: Duration::from_mins(5),
        breaker: Some(Breaker {
            failures: NonZeroU32::new(10).unwrap(),
            pause: Backoff { first: Duration::from_secs(1), longest: PATIENCE },
            patience: PATIENCE,
        }),
    };
    let mut schedule = Schedule::seeded(limits, policy, 7);
    schedule.set_retries(Some(RetryBudget::default()));
    schedule
}

/// A run of so many items at one origin. How many of those that are good were answered, and how many
/// were given up; when all was over.
struct Ran {
    well: usize,
    lost: usize,
    took: Duration,
}

/// `url` says what an item is, asked so long after the start.
fn run(per_origin: PerOrigin, items: usize, url: impl Fn(usize, Duration) -> Url) -> Ran {
    let mut schedule = schedule(per_origin);
    let start = Instant::now();
    let mut now = start;
    let mut random = fastrand::Rng::with_seed(3);
    let mut flying = BinaryHeap::new();
    let mut numbers = Vec::new();
    let mut ran = Ran { well: 0, lost: 0, took: Duration::ZERO };
    let mut came = 0;
    while came < items || !schedule.is_empty() {
        while came < items && schedule.has_room() {
            let ticket = schedule.admit(7, 1);
            numbers.resize(numbers.len().max(ticket.0 + 1), 0);
            numbers[ticket.0] = came;
            came += 1;
        }
        while let Some(Lapsed { ticket, outage, .. }) = schedule.wake(now) {
            let good = url(numbers[ticket.0], now - start) == Url::Good;
            ran.lost += usize::from(good && outage.is_some());
            schedule.discharge(ticket);
        }
        while let Some(Start { ticket, deadline, .. }) = schedule.start(now) {
            let which = url(numbers[ticket.0], now - start);
            let end = match which {
                Url::Good => now + Duration::from_millis(50),
                Url::Silent => deadline.min(now + PATIENCE),
                Url::Reset => now + Duration::from_millis(5),
            };
            flying.push(Reverse((end, ticket.0, which == Url::Good)));
        }
        if came < items && schedule.has_room() {
            continue;
        }
        let due = flying.peek().map(|Reverse((at, ..))| *at);
        let next = due.into_iter().chain(schedule.next_wake()).min();
        now = now.max(next.unwrap_or(now));
        while flying.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, ticket, good))) = flying.pop() else { break };
            let ticket = Ticket(ticket);
            let (ended, sign) = if good {
                (Ended::Done, Sign::Whole)
            } else {
                (Ended::Failed(Retry::Soon), Sign::Failed("nothing".into()))
            };
            let random = random.f64();
            let next = schedule.ended(ticket, now, ended, Duration::ZERO, sign, random);
            if next != Next::Again {
                ran.well += usize::from(good);
                ran.took = now - start;
                schedule.discharge(ticket);
            }
        }
    }
    ran
}

#[test]
fn nothing_good_is_given_up_of_a_server_that_lives() {
    let fixed = |n| PerOrigin::Fixed(NonZeroUsize::new(n).unwrap());
    for which in [Url::Silent, Url::Reset] {
        for percent in [1, 5, 20, 35] {
            for per_origin in [fixed(1), fixed(4), fixed(16), fixed(64), PerOrigin::Auto] {
                let mut chosen = fastrand::Rng::with_seed(percent);
                let bad: Vec<_> = (0..3_000).map(|_| chosen.u64(0..100) < percent).collect();
                let url = |item: usize, _| if bad[item] { which } else { Url::Good };
                let good = bad.iter().filter(|bad| !**bad).count();
                let ran = run(per_origin, bad.len(), url);
                assert_eq!(
                    (ran.well, ran.lost),
                    (good, 0),
                    "{percent} % {which:?} of {per_origin:?}"
                );
            }
        }
    }
}

#[test]
fn a_server_that_falls_silent_is_given_up_and_the_run_ends() {
    let url = |_, at| if at < Duration::from_secs(10) { Url::Good } else { Url::Silent };
    let sixteen = PerOrigin::Fixed(NonZeroUsize::new(16).unwrap());
    let ran = run(sixteen, 10_000, url);
    assert!(ran.well > 2_000, "{}", ran.well);
    // What was in flight fails after the patience, and so do three trials one after another; and then each
    // of what is admitted meanwhile has one.
    assert!(ran.took < 20 * PATIENCE, "{:?}", ran.took);
}

#[test]
fn a_server_whose_connections_died_is_found_again() {
    // What was asked in the first second after the failover never ends.
    let seconds = Duration::from_secs_f64;
    let url = |_, at| if at > seconds(9.9) && at < seconds(10.0) { Url::Silent } else { Url::Good };
    let ran = run(PerOrigin::Fixed(NonZeroUsize::new(16).unwrap()), 10_000, url);
    assert_eq!((ran.well, ran.lost), (10_000, 0));
}

fn end(schedule: &mut Schedule<u32>, ticket: Ticket, now: Instant, well: bool) -> Next {
    let (ended, sign) = if well {
        (Ended::Done, Sign::Whole)
    } else {
        (Ended::Failed(Retry::Soon), Sign::Failed("nothing".into()))
    };
    schedule.ended(ticket, now, ended, Duration::ZERO, sign, 0.5)
}

#[test]
fn a_url_that_fails_over_and_over_tells_of_itself_alone() {
    let mut schedule = schedule(PerOrigin::Fixed(NonZeroUsize::new(2).unwrap()));
    schedule.sharing = true;
    schedule.policy.retries = 20;
    schedule.policy.backoff.longest = Duration::from_secs(1);
    schedule.set_retries(None);
    let mut now = Instant::now();
    let bad = [schedule.admit(7, 1), schedule.admit(7, 1)];
    for _ in 0..12 {
        for _ in bad {
            let started = schedule.start(now).unwrap();
            assert_eq!(end(&mut schedule, started.ticket, now, false), Next::Again);
        }
        now += PATIENCE / 2;
        assert_eq!(schedule.wake(now), None);
    }
    let good = schedule.admit(7, 1);
    let started: Vec<_> = std::iter::from_fn(|| schedule.start(now)).collect();
    assert_eq!(started.len(), 2, "it is not down: both permits are in use");
    assert_eq!(started[0].ticket, good);
}

#[test]
fn a_trial_is_made_with_a_url_that_was_never_asked() {
    let mut schedule = schedule(PerOrigin::Fixed(NonZeroUsize::new(10).unwrap()));
    let now = Instant::now();
    for _ in 0..11 {
        schedule.admit(7, 1);
    }
    let started: Vec<_> = std::iter::from_fn(|| schedule.start(now)).collect();
    assert_eq!(started.len(), 10);
    for started in started {
        assert_eq!(end(&mut schedule, started.ticket, now, false), Next::Again);
    }
    assert_eq!(schedule.start(now), None, "it is down");
    // The others have come back by then.
    let later = now + Duration::from_secs(1);
    assert_eq!(schedule.wake(later), None);
    assert_eq!(schedule.start(later).unwrap().ticket, Ticket(10));
    assert_eq!(schedule.start(later), None);
    assert_eq!(end(&mut schedule, Ticket(10), later, true), Next::Settled);
    assert!(schedule.start(later).is_some(), "it is as before");
}

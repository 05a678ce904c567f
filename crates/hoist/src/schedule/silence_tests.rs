use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use super::*;
use crate::plan::{Limits, PerOrigin};

const PATIENCE: Duration = Duration::from_secs(30);

fn schedule(per_origin: PerOrigin) -> Schedule<u32> {
    let count = |n| NonZeroUsize::new(n).unwrap();
    let limits = Limits {
        in_flight: count(100),
        per_origin,
        admitted_items: count(1000),
        admitted_bytes: usize::MAX,
    };
    let policy = Policy {
        retries: 3,
        backoff: Backoff { first: Duration::from_millis(500), longest: PATIENCE },
        deadline: PATIENCE,
        breaker: Some(Breaker {
            failures: NonZeroU32::new(10).unwrap(),
            pause: Backoff { first: Duration::from_secs(1), longest: PATIENCE },
            patience: PATIENCE,
        }),
    };
    Schedule::new(limits, policy)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Well,
    Silent,
    Down,
}

/// What became of the items, and when; how many were in flight at most.
struct Ran {
    ends: Vec<(usize, Duration, How)>,
    most: usize,
}

impl Ran {
    fn count(&self, how: How) -> usize {
        self.ends.iter().filter(|(.., how_it_ended)| *how_it_ended == how).count()
    }

    fn last(&self) -> Duration {
        self.ends.iter().map(|(_, at, _)| *at).max().unwrap()
    }
}

/// A second after each other.
fn run(per_origin: PerOrigin, answers: impl Fn(usize) -> Option<Duration>) -> Ran {
    run_at(per_origin, |item| item, answers)
}

/// Ten items of one origin, that come after so many seconds; each is answered after so long, or never.
fn run_at(
    per_origin: PerOrigin,
    comes: impl Fn(u64) -> u64,
    answers: impl Fn(usize) -> Option<Duration>,
) -> Ran {
    let mut schedule = schedule(per_origin);
    let start = Instant::now();
    let mut now = start;
    let mut flying = BinaryHeap::new();
    let mut ran = Ran { ends: Vec::new(), most: 0 };
    let mut came = 0;
    for _ in 0..1_000 {
        while came < 10 && now >= start + Duration::from_secs(comes(came)) {
            assert_eq!(u64::try_from(schedule.admit(7, 1).0), Ok(came));
            came += 1;
        }
        // None is discharged, so a ticket is an item's number.
        while let Some(Lapsed { ticket, outage, .. }) = schedule.wake(now) {
            assert!(outage.is_some());
            ran.ends.push((ticket.0, now - start, How::Down));
        }
        while let Some(started) = schedule.start(now) {
            let takes = answers(started.ticket.0);
            let end = takes.map_or(started.deadline, |takes| now + takes);
            flying.push(Reverse((end, started.ticket.0, takes.is_some())));
            ran.most = ran.most.max(flying.len());
        }
        let due = flying.peek().map(|Reverse((at, ..))| *at);
        let line = (came < 10).then(|| start + Duration::from_secs(comes(came)));
        let Some(next) = due.into_iter().chain(line).chain(schedule.next_wake()).min() else {
            break;
        };
        now = now.max(next);
        while flying.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, ticket, well))) = flying.pop() else { break };
            let (ended, sign, how) = if well {
                (Ended::Done, Sign::Whole, How::Well)
            } else {
                (Ended::Failed(Retry::Soon), Sign::Failed("silent".into()), How::Silent)
            };
            let ticket = Ticket(ticket);
            let next = schedule.ended(ticket, now, ended, Duration::ZERO, sign, 0.5);
            let how = if let Next::Down(_) = next { How::Down } else { how };
            ran.ends.push((ticket.0, now - start, how));
        }
    }
    assert_eq!(ran.ends.len(), 10, "{:?}", ran.ends);
    for ticket in 0..10 {
        schedule.discharge(Ticket(ticket));
    }
    assert!(schedule.is_empty() && schedule.silences.size() <= 1);
    ran
}

#[test]
fn an_origin_that_is_silent_is_given_up_after_one_patience() {
    let ran = run(PerOrigin::Auto, |_| None);
    assert_eq!((ran.count(How::Well), ran.most), (0, 3));
    // The second item came a second after the first, the third was tried at six.
    assert!(ran.last() <= PATIENCE + Duration::from_secs(7), "{:?}", ran.ends);
    assert!(ran.count(How::Down) >= 8, "{:?}", ran.ends);
}

#[test]
fn the_second_try_may_be_late() {
    let ran = run_at(PerOrigin::Auto, |item| if item == 0 { 0 } else { 12 }, |_| None);
    assert_eq!((ran.count(How::Well), ran.most), (0, 3));
    assert!(ran.last() <= PATIENCE + Duration::from_secs(12), "{:?}", ran.ends);
    assert_eq!(ran.count(How::Down), 10, "{:?}", ran.ends);
}

#[test]
fn an_origin_of_which_two_urls_are_slow_is_not_given_up() {
    let quick = Some(Duration::from_millis(100));
    for slow in [[0, 1], [0, 2], [1, 3]] {
        let ran = run(PerOrigin::Auto, |item| if slow.contains(&item) { None } else { quick });
        assert_eq!((ran.count(How::Well), ran.count(How::Silent)), (8, 2), "{:?}", ran.ends);
        assert!(ran.last() <= PATIENCE + Duration::from_secs(7), "{:?}", ran.ends);
    }
}

#[test]
fn a_slow_origin_has_its_permits_and_no_more_once_it_answered() {
    let ran = run(PerOrigin::Auto, |_| Some(Duration::from_secs(12)));
    assert_eq!((ran.count(How::Well), ran.most), (10, 3));
    let ran = run(PerOrigin::Auto, |_| Some(Duration::from_secs(2)));
    assert_eq!((ran.count(How::Well), ran.most), (10, 2));
}

#[test]
fn a_number_that_was_given_is_kept_to() {
    let two = PerOrigin::Fixed(NonZeroUsize::new(2).unwrap());
    let ran = run(two, |_| None);
    assert_eq!((ran.count(How::Well), ran.most), (0, 2));
    assert!(ran.last() > PATIENCE * 2, "{:?}", ran.ends);
}

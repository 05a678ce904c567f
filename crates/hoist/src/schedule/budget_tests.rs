use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use super::*;
use crate::plan::{Limits, RetryBudget};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn schedule(admitted: usize) -> Schedule<u32> {
    let count = |n| NonZeroUsize::new(n).unwrap();
    let limits = Limits {
        in_flight: count(64),
        per_origin: count(4).into(),
        admitted_items: count(admitted),
        admitted_bytes: usize::MAX,
    };
    let policy = Policy {
        retries: 3,
        backoff: Backoff { first: seconds(1), longest: seconds(4) },
        deadline: seconds(100),
        breaker: None,
    };
    let mut schedule = Schedule::new(limits, policy);
    schedule.set_retries(Some(RetryBudget::default()));
    schedule
}

/// Runs until nothing is left: what `answer` says of each attempt, after a tenth of a second. How many
/// attempts there were, how many retries, how many lapsed as spent, and how long it took.
fn run(
    schedule: &mut Schedule<u32>,
    mut answer: impl FnMut(Ticket, u32, Duration) -> (Ended<u32>, Sign),
) -> (usize, usize, usize, Duration) {
    let origin = Instant::now();
    let mut now = origin;
    let mut flying = std::collections::VecDeque::new();
    let (mut begun, mut retries, mut spent) = (0, 0, 0);
    while !schedule.is_empty() {
        while let Some(lapsed) = schedule.wake(now) {
            spent += usize::from(lapsed.spent);
            schedule.discharge(lapsed.ticket);
        }
        while let Some(start) = schedule.start(now) {
            begun += 1;
            retries += usize::from(start.attempt > 1);
            flying.push_back((now + Duration::from_millis(100), start));
        }
        let next = flying.front().map(|(at, _)| *at);
        let Some(next) = next.into_iter().chain(schedule.next_wake()).min() else { break };
        now = next.max(now);
        while flying.front().is_some_and(|(at, _)| *at <= now) {
            let (_, start) = flying.pop_front().unwrap();
            let (ended, sign) = answer(start.ticket, start.attempt, now - origin);
            let next = schedule.ended(start.ticket, now, ended, Duration::ZERO, sign, 0.5);
            if next != Next::Again {
                schedule.discharge(start.ticket);
            }
        }
    }
    (begun, retries, spent, now - origin)
}

#[test]
fn a_retry_over_the_budget_waits_for_it_and_is_not_lost() {
    let mut schedule = schedule(1_000);
    for _ in 0..60 {
        schedule.admit(7, 1);
    }
    // Every first try fails.
    let (begun, retries, spent, took) = run(&mut schedule, |_, attempt, _| {
        (if attempt == 1 { Ended::Failed(Retry::Soon) } else { Ended::Done }, Sign::Whole)
    });
    assert_eq!((begun, retries, spent), (120, 60, 0));
    assert!(took > seconds(20) && took < seconds(70), "{took:?}");
    assert!(schedule.is_forgotten());
}

#[test]
fn what_never_gets_a_budget_ends_with_its_deadline_and_says_so() {
    let mut schedule = schedule(1_000);
    for _ in 0..400 {
        schedule.admit(7, 1);
    }
    let (begun, retries, spent, took) =
        run(&mut schedule, |_, _, _| (Ended::Failed(Retry::Soon), Sign::Whole));
    assert!(retries < 10 * 12 + begun / 9 && spent > 250, "{retries} of {begun}, {spent}");
    assert!(took <= seconds(115), "{took:?}");
}

/// A long list keeps admission full: a quarter of it may wait.
#[test]
fn where_admission_is_full_a_quarter_of_it_may_wait() {
    let mut schedule = schedule(200);
    for _ in 0..200 {
        schedule.admit(7, 1);
    }
    let origin = Instant::now();
    let (mut now, mut most, mut spent) = (origin, 0, 0);
    while now < origin + seconds(60) {
        while let Some(lapsed) = schedule.wake(now) {
            spent += usize::from(lapsed.spent);
            schedule.discharge(lapsed.ticket);
        }
        most = most.max(schedule.over_budget());
        while schedule.has_room() {
            schedule.admit(7, 1);
        }
        while let Some(start) = schedule.start(now) {
            let failed = Ended::Failed(Retry::Soon);
            let next = schedule.ended(start.ticket, now, failed, Duration::ZERO, Sign::Whole, 1.0);
            if next != Next::Again {
                schedule.discharge(start.ticket);
            }
        }
        now += Duration::from_millis(250);
    }
    assert!((40..=51).contains(&most), "{most}");
    assert!(spent > 1_000, "others have their turn: {spent}");
}

#[test]
fn what_the_server_asks_for_itself_is_no_retry_of_ours() {
    let mut schedule = schedule(1_000);
    for _ in 0..60 {
        schedule.admit(7, 1);
    }
    let (begun, retries, spent, took) = run(&mut schedule, |_, attempt, _| {
        let again = Ended::Failed(Retry::After(seconds(2)));
        (if attempt == 1 { again } else { Ended::Done }, Sign::Whole)
    });
    assert_eq!((begun, retries, spent), (120, 60, 0));
    assert!(took < seconds(6), "{took:?}");
}

#[test]
fn an_origin_that_is_down_does_not_eat_its_budget_through_trials() {
    let mut schedule = schedule(1_000);
    schedule.policy.deadline = seconds(1_000);
    schedule.policy.breaker = Some(Breaker {
        failures: NonZeroU32::new(3).unwrap(),
        pause: Backoff { first: seconds(1), longest: seconds(1) },
        patience: seconds(900),
    });
    schedule.policy.retries = 1_000;
    for _ in 0..8 {
        schedule.admit(7, 1);
    }
    // For a minute nothing answers: some sixty trials, each of them a retry.
    let mut trials = 0;
    let (_, retries, spent, took) = run(&mut schedule, |_, _, at| {
        if at < seconds(60) {
            trials += 1;
            (Ended::Failed(Retry::Soon), Sign::Failed("silence".into()))
        } else {
            (Ended::Done, Sign::Whole)
        }
    });
    assert!(trials > 40 && retries > 40 && spent == 0, "{trials}, {retries}");
    assert!(took < seconds(64), "well again, all are served at once: {took:?}");
}

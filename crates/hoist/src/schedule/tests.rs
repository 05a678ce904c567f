use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::machine::AWAY_PER_PERMIT;
use super::*;
use crate::plan::{Limits, PerOrigin};

fn schedule(in_flight: usize, per_origin: usize, retries: u32) -> Schedule<u32> {
    let count = |n| NonZeroUsize::new(n).unwrap();
    let limits = Limits {
        in_flight: count(in_flight),
        per_origin: PerOrigin::Fixed(count(per_origin)),
        admitted_items: count(1_000),
        admitted_bytes: 1_000,
    };
    let policy = Policy {
        retries,
        backoff: Backoff { first: seconds(1), longest: seconds(30) },
        deadline: seconds(100),
        breaker: None,
    };
    Schedule::new(limits, policy)
}

/// The same with a breaker that trips soon.
fn breaking(in_flight: usize, per_origin: usize, retries: u32) -> Schedule<u32> {
    let mut schedule = schedule(in_flight, per_origin, retries);
    schedule.policy.breaker = Some(Breaker {
        failures: NonZeroU32::new(3).unwrap(),
        pause: Backoff { first: seconds(1), longest: seconds(30) },
        patience: seconds(30),
    });
    schedule
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn started(schedule: &mut Schedule<u32>, now: Instant) -> Vec<usize> {
    std::iter::from_fn(|| schedule.start(now)).map(|start| start.ticket.0).collect()
}

#[test]
fn origins_take_turns_within_their_permits() {
    let now = Instant::now();
    let mut schedule = schedule(5, 2, 0);
    for origin in [7, 7, 7, 7, 8, 9] {
        schedule.admit(origin, 1);
    }
    assert_eq!(started(&mut schedule, now), [0, 4, 5, 1]);
    assert_eq!(schedule.in_flight(), 4);
    schedule.ended(Ticket(4), now, Ended::Done, Duration::ZERO, Sign::Whole, 0.0);
    assert!(started(&mut schedule, now).is_empty(), "origin 7 has both its permits in use");
    schedule.ended(Ticket(0), now, Ended::Done, Duration::ZERO, Sign::Whole, 0.0);
    assert_eq!(started(&mut schedule, now), [2]);
}

#[test]
fn a_failed_item_rests_without_a_permit_and_comes_back_first() {
    let now = Instant::now();
    let mut schedule = schedule(1, 1, 2);
    schedule.admit(7, 1);
    schedule.admit(7, 1);
    assert_eq!(schedule.start(now).unwrap().attempt, 1);
    let next = schedule.ended(
        Ticket(0),
        now,
        Ended::Failed(Retry::Soon),
        Duration::ZERO,
        Sign::Whole,
        1.0,
    );
    assert_eq!(next, Next::Again);
    assert_eq!(schedule.start(now).unwrap().ticket, Ticket(1), "nobody waits for a resting item");
    assert_eq!(schedule.next_wake(), Some(now + seconds(1)));
    assert_eq!(schedule.wake(now + seconds(1)), None);
    schedule.admit(7, 1);
    schedule.ended(Ticket(1), now, Ended::Done, Duration::ZERO, Sign::Whole, 0.0);
    let start = schedule.start(now + seconds(1)).unwrap();
    assert_eq!((start.ticket, start.attempt), (Ticket(0), 2));
    assert_eq!(start.deadline, now + seconds(100), "the deadline runs from the first attempt");
}

#[test]
fn retry_after_is_obeyed_in_full_or_the_item_is_deferred() {
    let now = Instant::now();
    let mut schedule = schedule(2, 2, 3);
    schedule.admit(7, 1);
    schedule.start(now).unwrap();
    let failed = |asked| Ended::Failed(Retry::After(seconds(asked)));
    assert_eq!(
        schedule.ended(Ticket(0), now, failed(60), Duration::ZERO, Sign::Whole, 0.0),
        Next::Again
    );
    assert_eq!(schedule.next_wake(), Some(now + seconds(60)));
    let now = now + seconds(60);
    assert_eq!(schedule.wake(now), None);
    schedule.start(now).unwrap();
    assert_eq!(
        schedule.ended(Ticket(0), now, failed(60), Duration::ZERO, Sign::Whole, 0.0),
        Next::Deferred(seconds(60))
    );
    let absurd = Ended::Failed(Retry::After(Duration::MAX));
    schedule.admit(8, 1);
    schedule.start(now).unwrap();
    let next = schedule.ended(Ticket(1), now, absurd, Duration::ZERO, Sign::Whole, 1.0);
    assert_eq!(next, Next::Deferred(Duration::MAX));
}

#[test]
fn a_redirect_keeps_the_attempt_and_takes_the_permit_of_where_it_leads() {
    let now = Instant::now();
    let mut schedule = schedule(2, 1, 0);
    schedule.admit(7, 1);
    schedule.admit(8, 1);
    started(&mut schedule, now);
    assert_eq!(
        schedule.ended(Ticket(0), now, Ended::Moved(8), Duration::ZERO, Sign::Whole, 0.0),
        Next::Again
    );
    assert_eq!(schedule.start(now), None, "origin 8 has its one permit in use");
    schedule.ended(Ticket(1), now, Ended::Done, Duration::ZERO, Sign::Whole, 0.0);
    assert_eq!(schedule.start(now).unwrap().attempt, 1);
}

#[test]
fn redirected_items_are_served_in_turn_and_not_outrun() {
    let now = Instant::now();
    let mut schedule = schedule(100, 1, 0);
    for _ in 0..100 {
        schedule.admit(7, 1);
    }
    // All of origin 7 leads to origin 8, which serves one at a time and slowly.
    let mut served = Vec::new();
    let mut at_eight = None;
    for _ in 0..2_000 {
        while let Some(start) = schedule.start(now) {
            let redirects = schedule.is_home(start.ticket);
            if redirects {
                schedule.ended(
                    start.ticket,
                    now,
                    Ended::Moved(8),
                    Duration::ZERO,
                    Sign::Whole,
                    0.0,
                );
            } else {
                at_eight = Some(start.ticket);
            }
        }
        assert!(schedule.away(&7) <= AWAY_PER_PERMIT, "{}", schedule.away(&7));
        let Some(ticket) = at_eight.take() else { break };
        served.push(ticket.0);
        schedule.ended(ticket, now, Ended::Done, Duration::ZERO, Sign::Whole, 0.0);
        schedule.discharge(ticket);
    }
    assert_eq!(served, (0..100).collect::<Vec<_>>());
    assert!(schedule.is_empty() && schedule.is_forgotten());
}

#[test]
fn another_try_begins_at_home() {
    let now = Instant::now();
    let mut schedule = schedule(2, 1, 1);
    schedule.admit(7, 1);
    schedule.start(now).unwrap();
    schedule.ended(Ticket(0), now, Ended::Moved(8), Duration::ZERO, Sign::Whole, 0.0);
    schedule.start(now).unwrap();
    schedule.ended(Ticket(0), now, Ended::Failed(Retry::Soon), Duration::ZERO, Sign::Whole, 0.0);
    assert_eq!(schedule.wake(now), None);
    schedule.admit(7, 1);
    assert_eq!(schedule.start(now).unwrap().ticket, Ticket(0));
    assert_eq!(schedule.start(now), None, "it took the permit of origin 7");
}

#[test]
fn the_deadline_ends_items_that_wait_for_their_turn() {
    let now = Instant::now();
    let mut schedule = schedule(1, 1, 1);
    schedule.admit(7, 1);
    schedule.admit(7, 1);
    schedule.start(now).unwrap();
    schedule.ended(Ticket(0), now, Ended::Moved(7), seconds(5), Sign::Whole, 0.0);
    // The moved item is first in turn; let the other take the permit by moving again.
    let start = schedule.start(now).unwrap();
    assert_eq!(start.deadline, now + seconds(105), "bytes received earn time");
    schedule.ended(Ticket(0), now, Ended::Failed(Retry::Soon), Duration::ZERO, Sign::Whole, 1.0);
    assert_eq!(schedule.start(now).unwrap().ticket, Ticket(1));
    assert_eq!(schedule.wake(now + seconds(2)), None, "rested, and waiting for the permit");
    assert_eq!(schedule.wake(now + seconds(104)), None);
    assert_eq!(
        schedule.wake(now + seconds(105)),
        Some(Lapsed { ticket: Ticket(0), outage: None, paused: None, spent: false })
    );
    schedule.discharge(Ticket(0));
    schedule.ended(Ticket(1), now, Ended::Done, Duration::ZERO, Sign::Whole, 0.0);
    assert_eq!(schedule.start(now + seconds(105)), None, "it is not started after its end");
}

#[test]
fn admission_is_bounded_in_items_and_bytes() {
    let mut schedule = schedule(1, 1, 0);
    for _ in 0..2 {
        assert!(schedule.has_room());
        schedule.admit(1, 500);
    }
    assert!(!schedule.has_room());
    let now = Instant::now();
    schedule.start(now).unwrap();
    schedule.ended(Ticket(0), now, Ended::Done, Duration::ZERO, Sign::Whole, 0.0);
    assert!(!schedule.has_room(), "until the outcome is handed over");
    schedule.discharge(Ticket(0));
    assert!(schedule.has_room());
}

#[derive(Debug, Clone)]
enum Step {
    Admit(u32),
    End(usize, Ended<u32>, Sign, u8),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let ended = prop_oneof![
        Just(Ended::Done),
        (0..5u32).prop_map(Ended::Moved),
        Just(Ended::Failed(Retry::Soon)),
        (0..300u64).prop_map(|s| Ended::Failed(Retry::After(seconds(s)))),
    ];
    let sign = prop_oneof![
        3 => Just(Sign::Failed("no answer".into())),
        1 => Just(Sign::Whole),
        1 => Just(Sign::Partial),
        1 => Just(Sign::Nothing),
    ];
    prop_oneof![
        (0..5u32).prop_map(Step::Admit),
        (any::<usize>(), ended, sign, any::<u8>()).prop_map(|(n, e, s, r)| Step::End(n, e, s, r)),
        any::<u16>().prop_map(Step::Pass),
    ]
}

proptest! {
    /// Whatever happens: permits are kept to, every item is settled once, and nothing is left.
    #[test]
    fn permits_hold_and_every_item_is_settled_once(steps in prop::collection::vec(step(), 0..400)) {
        let mut now = Instant::now();
        let mut schedule = breaking(4, 2, 2);
        let mut flying: Vec<(Ticket, u32)> = Vec::new();
        let mut origins: HashMap<Ticket, u32> = HashMap::new();
        let mut homes: HashMap<Ticket, u32> = HashMap::new();
        let mut settled = 0;
        let mut admitted = 0;
        let mut run = |schedule: &mut Schedule<u32>, now: Instant,
                       flying: &mut Vec<(Ticket, u32)>, origins: &mut HashMap<Ticket, u32>| {
            while let Some(Lapsed { ticket, .. }) = schedule.wake(now) {
                prop_assert!(origins.remove(&ticket).is_some());
                schedule.discharge(ticket);
                settled += 1;
            }
            while let Some(start) = schedule.start(now) {
                prop_assert!(start.attempt <= 3);
                flying.push((start.ticket, origins[&start.ticket]));
            }
            prop_assert!(flying.len() <= 4);
            for origin in 0..5 {
                prop_assert!(flying.iter().filter(|(_, o)| *o == origin).count() <= 2);
            }
            Ok(())
        };
        let mut ended_by_hand = 0;
        let everything_ends = std::iter::repeat_n(Step::End(0, Ended::Done, Sign::Whole, 0), 5_000);
        for step in steps.into_iter().chain(everything_ends) {
            match step {
                Step::Admit(origin) => {
                    let ticket = schedule.admit(origin, 1);
                    prop_assert!(origins.insert(ticket, origin).is_none(), "a ticket in use");
                    homes.insert(ticket, origin);
                    admitted += 1;
                }
                Step::End(n, ended, sign, random) if !flying.is_empty() => {
                    let (ticket, _) = flying.swap_remove(n % flying.len());
                    match &ended {
                        Ended::Moved(origin) => drop(origins.insert(ticket, *origin)),
                        Ended::Failed(_) => drop(origins.insert(ticket, homes[&ticket])),
                        Ended::Done => {}
                    }
                    let random = f64::from(random) / 255.0;
                    match schedule.ended(ticket, now, ended, Duration::ZERO, sign, random) {
                        Next::Again => {}
                        Next::Settled | Next::Deferred(_) | Next::Down(_) => {
                            origins.remove(&ticket);
                            schedule.discharge(ticket);
                            ended_by_hand += 1;
                        }
                    }
                }
                Step::End(..) => now = schedule.next_wake().map_or(now, |at| now.max(at)),
                Step::Pass(ms) => now += Duration::from_millis(ms.into()),
            }
            run(&mut schedule, now, &mut flying, &mut origins)?;
        }
        prop_assert_eq!(settled + ended_by_hand, admitted);
        prop_assert!(schedule.is_empty() && origins.is_empty());
        prop_assert!(schedule.is_forgotten());
    }
}

/// A million items of ten thousand origins in virtual time: what the schedule keeps follows what
/// is admitted, not what was seen.
#[test]
fn nothing_is_kept_of_what_has_passed() {
    let mut now = Instant::now();
    let mut schedule = schedule(50, 2, 1);
    let mut flying: std::collections::VecDeque<Ticket> = std::collections::VecDeque::new();
    let mut left = 200_000_u32;
    while left > 0 || !schedule.is_empty() {
        while left > 0 && schedule.has_room() {
            left -= 1;
            schedule.admit(left % 10_000, 1);
        }
        while let Some(Lapsed { ticket, .. }) = schedule.wake(now) {
            schedule.discharge(ticket);
        }
        while let Some(start) = schedule.start(now) {
            flying.push_back(start.ticket);
        }
        let Some(ticket) = flying.pop_front() else {
            now = schedule.next_wake().unwrap();
            continue;
        };
        now += Duration::from_millis(1);
        let ended = if ticket.0 % 3 == 0 { Ended::Failed(Retry::Soon) } else { Ended::Done };
        if schedule.ended(ticket, now, ended, Duration::ZERO, Sign::Whole, 0.1) == Next::Settled {
            schedule.discharge(ticket);
        }
        assert!(schedule.size() < 10_000, "{}", schedule.size());
    }
    assert!(schedule.is_forgotten());
}

#[test]
fn a_permit_is_leased_only_where_nobody_waits_for_it() {
    let now = Instant::now();
    let mut schedule = schedule(4, 3, 0);
    schedule.admit(7, 1);
    assert!(!schedule.lease(Ticket(0), now), "it is not in flight");
    assert_eq!(started(&mut schedule, now), [0]);
    assert!(schedule.lease(Ticket(0), now) && schedule.lease(Ticket(0), now));
    assert!(!schedule.lease(Ticket(0), now), "the origin has no more");
    assert_eq!(schedule.in_flight(), 3);
    // Another item of the origin waits: it is next, and nothing is leased before it has started.
    schedule.admit(7, 1);
    assert!(started(&mut schedule, now).is_empty());
    schedule.give_back(Ticket(0));
    assert!(!schedule.lease(Ticket(0), now));
    assert_eq!(started(&mut schedule, now), [1]);
    // Another origin takes the run's last permit.
    schedule.admit(8, 1);
    assert_eq!(started(&mut schedule, now), [2]);
    assert!(!schedule.lease(Ticket(2), now));
    schedule.give_back(Ticket(0));
    assert!(schedule.lease(Ticket(2), now));
    schedule.give_back(Ticket(2));
    for ticket in 0..3 {
        schedule.ended(Ticket(ticket), now, Ended::Done, Duration::ZERO, Sign::Whole, 0.0);
        schedule.discharge(Ticket(ticket));
    }
    assert!(schedule.is_forgotten());
}

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::plan::{Limits, PerOrigin, Rate};

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn rate(requests: u32, per: Duration) -> Rate {
    Rate { requests: NonZeroU32::new(requests).unwrap(), per }
}

fn schedule(per_origin: PerOrigin, rate: Rate) -> Schedule<u32> {
    let count = |n| NonZeroUsize::new(n).unwrap();
    let limits = Limits {
        in_flight: count(16),
        per_origin,
        admitted_items: count(1_000),
        admitted_bytes: usize::MAX,
    };
    let policy = Policy {
        retries: 3,
        backoff: Backoff { first: millis(1), longest: millis(1) },
        deadline: Duration::from_secs(100),
        breaker: None,
    };
    let mut schedule = Schedule::new(limits, policy);
    schedule.set_rate(rate);
    schedule
}

fn four() -> PerOrigin {
    PerOrigin::Fixed(NonZeroUsize::new(4).unwrap())
}

fn done(schedule: &mut Schedule<u32>, ticket: Ticket, now: Instant) {
    schedule.ended(ticket, now, Ended::Done, Duration::ZERO, Sign::Whole, 0.5);
    schedule.discharge(ticket);
}

/// When attempts begin that are over at once, in milliseconds.
fn begun(schedule: &mut Schedule<u32>, mut now: Instant, until: usize) -> Vec<u128> {
    let (origin, mut begun) = (now, Vec::new());
    while begun.len() < until {
        assert_eq!(schedule.wake(now), None);
        if let Some(start) = schedule.start(now) {
            begun.push(now.duration_since(origin).as_millis());
            done(schedule, start.ticket, now);
        } else {
            now = schedule.next_wake().expect("whoever waits is woken").max(now);
        }
    }
    begun
}

#[test]
fn attempts_begin_evenly_spread_at_each_origin() {
    let now = Instant::now();
    let mut schedule = schedule(four(), rate(10, Duration::from_secs(1)));
    for origin in [7, 7, 7, 8, 7] {
        schedule.admit(origin, 1);
    }
    // Twenty milliseconds early they may be, once.
    assert_eq!(begun(&mut schedule, now, 5), [0, 0, 80, 180, 280]);
    // The rate outlives the lane.
    assert!(schedule.is_forgotten());
    schedule.admit(7, 1);
    let later = now + millis(280);
    assert_eq!(begun(&mut schedule, later, 1), [100]);
    assert_eq!(schedule.wake(now + Duration::from_secs(9)), None);
    assert_eq!(schedule.size(), 0, "and is forgotten once it is whole");
}

#[test]
fn what_is_asked_beside_counts_too() {
    let now = Instant::now();
    let mut schedule = schedule(four(), rate(10, Duration::from_secs(1)));
    let tickets: Vec<_> = (0..3).map(|_| schedule.admit(7, 1)).collect();
    assert_eq!(schedule.start(now).unwrap().ticket, tickets[0]);
    schedule.asked(&7, now);
    schedule.asked(&9, now);
    assert!(schedule.turn(tickets[0], now) == millis(180) && !schedule.lease(tickets[0], now));
    assert_eq!(schedule.next_wake(), Some(now + millis(180)));
    schedule.admit(9, 1);
    assert_eq!(begun(&mut schedule, now, 3), [80, 180, 280]);
    let at = now + millis(380);
    assert_eq!(schedule.wake(at), None);
    assert!(schedule.turn(tickets[0], at).is_zero());
    assert_eq!(schedule.turn(tickets[0], at), millis(100));
    assert_eq!(schedule.wake(at + millis(100)), None);
    assert!(schedule.lease(tickets[0], at + millis(100)));
    schedule.give_back(tickets[0]);
    assert!(!schedule.lease(tickets[0], at + millis(100)));
    done(&mut schedule, tickets[0], at);
}

#[test]
fn a_turn_heeds_a_pause() {
    let now = Instant::now();
    let mut schedule = schedule(four(), rate(1_000_000, Duration::from_secs(1)));
    let ticket = schedule.admit(7, 1);
    schedule.start(now).unwrap();
    schedule.pause(&7, now, millis(500));
    assert_eq!(schedule.turn(ticket, now + millis(100)), millis(400));
    assert_eq!(schedule.wake(now + millis(500)), None);
    assert!(schedule.turn(ticket, now + millis(500)).is_zero());
}

/// One a minute, and a hundred seconds for an item: each has its turn all the same.
#[test]
fn no_item_runs_out_of_time_for_the_rate() {
    let mut now = Instant::now();
    let mut schedule = schedule(four(), rate(1, Duration::from_mins(1)));
    let tickets: Vec<_> = (0..6).map(|_| schedule.admit(7, 1)).collect();
    let (mut left, mut moved) = (tickets.len(), 0);
    while left > 0 {
        assert_eq!(schedule.wake(now), None, "none lapses");
        let Some(start) = schedule.start(now) else {
            now = schedule.next_wake().unwrap().max(now);
            continue;
        };
        assert!(start.deadline >= now + Duration::from_secs(50));
        if moved < 4 {
            moved += 1;
            let ended = Ended::Moved(9);
            schedule.ended(start.ticket, now, ended, Duration::ZERO, Sign::Whole, 0.5);
        } else {
            done(&mut schedule, start.ticket, now);
            left -= 1;
        }
    }
    assert!(schedule.is_empty());
}

/// A server that could take more than the rate allows: the controller does not take that for its limit.
#[test]
fn the_rate_is_not_taken_for_the_limit_of_the_server() {
    let origin = Instant::now();
    let mut schedule = schedule(PerOrigin::Auto, rate(100, Duration::from_secs(1)));
    for _ in 0..900 {
        schedule.admit(7, 1);
    }
    let mut flying = std::collections::VecDeque::new();
    let mut now = origin;
    while !schedule.is_empty() {
        assert_eq!(schedule.wake(now), None);
        while let Some(start) = schedule.start(now) {
            flying.push_back((now + millis(100), start.ticket));
        }
        let next = flying.front().map(|(at, _)| *at);
        now = next.into_iter().chain(schedule.next_wake()).min().unwrap().max(now);
        while flying.front().is_some_and(|(at, _)| *at <= now) {
            let (_, ticket) = flying.pop_front().unwrap();
            let told = Told { came: Came::Answer(100), took: millis(100), pause: None };
            schedule.tell(ticket, now, told, 0.5);
            done(&mut schedule, ticket, now);
        }
    }
    let took = now - origin;
    assert!(took < Duration::from_millis(10_500), "about as fast as the rate allows: {took:?}");
    for (_, found) in schedule.found(1) {
        assert!(found.above.is_none() && found.count >= 10, "{found:?}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Admit(u32),
    End(usize, Ended<u32>),
    Asked(u32),
    Turn(usize),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let ended = prop_oneof![
        Just(Ended::Done),
        (0..3u32).prop_map(Ended::Moved),
        Just(Ended::Failed(Retry::Soon)),
    ];
    prop_oneof![
        3 => (0..3u32).prop_map(Step::Admit),
        3 => (any::<usize>(), ended).prop_map(|(n, ended)| Step::End(n, ended)),
        1 => (0..4u32).prop_map(Step::Asked),
        1 => any::<usize>().prop_map(Step::Turn),
        2 => (0..300u16).prop_map(Step::Pass),
    ]
}

proptest! {
    /// Over any window no origin is asked more often than the rate and the burst say; whoever waits is woken.
    #[test]
    fn no_window_has_more_than_the_rate(
        steps in prop::collection::vec(step(), 0..300),
        requests in 1..200u32,
    ) {
        let rate = rate(requests, Duration::from_secs(1));
        let every = rate.per / requests;
        let mut schedule = schedule(four(), rate);
        let mut now = Instant::now();
        let mut flying: Vec<Ticket> = Vec::new();
        let mut begun: [Vec<Instant>; 4] = Default::default();
        // Those that the schedule could only be told of: they are made up for, not held back.
        let mut beside = [0_u32; 4];
        let all_end = std::iter::repeat_n(Step::End(0, Ended::Done), 2_000);
        for step in steps.into_iter().chain(all_end) {
            match step {
                Step::Admit(origin) => {
                    schedule.admit(origin, 1);
                }
                Step::End(n, ended) if !flying.is_empty() => {
                    let ticket = flying.swap_remove(n % flying.len());
                    let next =
                        schedule.ended(ticket, now, ended, Duration::ZERO, Sign::Whole, 0.5);
                    if next != Next::Again {
                        schedule.discharge(ticket);
                    }
                }
                Step::Asked(origin) => {
                    schedule.asked(&origin, now);
                    beside[origin as usize] += 1;
                    begun[origin as usize].push(now);
                }
                Step::Turn(n) if !flying.is_empty() => {
                    let ticket = flying[n % flying.len()];
                    let at = schedule.items[ticket.0].origin as usize;
                    if schedule.turn(ticket, now).is_zero() {
                        begun[at].push(now);
                    }
                }
                Step::Pass(ms) => now += millis(ms.into()),
                Step::End(..) | Step::Turn(_) => {
                    now = schedule.next_wake().map_or(now, |at| now.max(at));
                }
            }
            while let Some(Lapsed { ticket, .. }) = schedule.wake(now) {
                schedule.discharge(ticket);
            }
            while let Some(start) = schedule.start(now) {
                begun[schedule.items[start.ticket.0].origin as usize].push(now);
                flying.push(start.ticket);
            }
            prop_assert!(flying.len() <= 16);
            prop_assert!(schedule.is_empty() || !flying.is_empty() || schedule.next_wake().is_some());
            prop_assert!(schedule.rates.size() <= 3 * 4);
        }
        prop_assert!(schedule.is_empty() && flying.is_empty());
        for (times, beside) in begun.iter().zip(beside) {
            for (n, first) in times.iter().enumerate() {
                for (more, last) in times[n..].iter().enumerate() {
                    let allowed = (*last - *first + millis(20)).as_nanos() / every.as_nanos() + 1;
                    let allowed = allowed + u128::from(beside);
                    prop_assert!((more as u128) < allowed, "{} in {:?}", more + 1, *last - *first);
                }
            }
        }
    }
}

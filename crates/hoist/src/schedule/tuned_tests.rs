use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::plan::{Limits, PerOrigin, defaults};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn schedule(in_flight: usize, per_origin: PerOrigin, retries: u32) -> Schedule<u32> {
    let count = |n| NonZeroUsize::new(n).unwrap();
    let limits = Limits {
        in_flight: count(in_flight),
        per_origin,
        admitted_items: count(10_000),
        admitted_bytes: usize::MAX,
    };
    let policy = Policy {
        retries,
        backoff: Backoff { first: seconds(1), longest: seconds(30) },
        deadline: seconds(300),
        breaker: None,
    };
    Schedule::new(limits, policy)
}

fn told(came: Came, took: Duration) -> Told {
    Told { came, took, pause: None }
}

/// A refusal that says for how long.
fn asks(pause: Duration) -> Told {
    Told { came: Came::Refusal(503), took: millis(5), pause: Some(pause) }
}

fn ended(told: Told) -> Ended<u32> {
    match (told.came, told.pause) {
        (Came::Answer(_), _) => Ended::Done,
        (_, Some(asked)) => Ended::Failed(Retry::After(asked)),
        _ => Ended::Failed(Retry::Soon),
    }
}

/// Ends an attempt.
fn end(schedule: &mut Schedule<u32>, ticket: Ticket, now: Instant, told: Told) -> Next {
    let ended = ended(told);
    schedule.tell(ticket, now, told, 0.5);
    let next = schedule.ended(ticket, now, ended, Duration::ZERO, Sign::Whole, 0.5);
    if next == Next::Settled {
        schedule.discharge(ticket);
    }
    next
}

#[test]
fn an_origin_with_few_items_keeps_the_prior_and_costs_next_to_nothing() {
    let mut now = Instant::now();
    let mut schedule = schedule(64, PerOrigin::Auto, 0);
    for _ in 0..15 {
        for origin in 0..100 {
            schedule.admit(origin, 1);
        }
    }
    while !schedule.is_empty() {
        let started: Vec<_> = std::iter::from_fn(|| schedule.start(now)).collect();
        now += millis(50);
        for start in started {
            end(&mut schedule, start.ticket, now, told(Came::Answer(10), millis(50)));
        }
        assert!(schedule.lanes.values().all(|lane| lane.tuning.is_none()));
        assert!(schedule.lanes.values().all(|lane| lane.in_flight <= defaults::GET_PRIOR.get()));
    }
    assert!(schedule.is_forgotten() && schedule.found(5).is_empty());
    assert!(size_of::<lane::Lane>() <= 216, "{}", size_of::<lane::Lane>());
}

/// Answers take 50 ms; beyond `most` in flight, 429.
fn serve(schedule: &mut Schedule<u32>, items: usize, most: usize) -> (usize, usize) {
    let mut now = Instant::now();
    let mut left = items;
    let mut flying: Vec<(Instant, Instant, Ticket, bool)> = Vec::new();
    let (mut highest, mut refused) = (0, 0);
    while left > 0 || !schedule.is_empty() {
        while left > 0 && schedule.has_room() {
            left -= 1;
            schedule.admit(7, 1);
        }
        while schedule.wake(now).is_some() {}
        while let Some(start) = schedule.start(now) {
            let well = flying.len() < most;
            let takes = if well { 50 } else { 5 };
            refused += usize::from(!well);
            flying.push((now + millis(takes), now, start.ticket, well));
            highest = highest.max(flying.len());
        }
        let first = flying.iter().enumerate().min_by_key(|(_, (at, ..))| *at).map(|(n, _)| n);
        let next =
            first.map(|n| flying[n].0).into_iter().chain(schedule.next_wake()).min().unwrap();
        now = now.max(next);
        if let Some((at, began, ticket, well)) = first.map(|n| flying[n])
            && at <= now
        {
            flying.swap_remove(first.unwrap());
            let came = if well { Came::Answer(10) } else { Came::Refusal(429) };
            end(schedule, ticket, now, told(came, now - began));
        }
    }
    (highest, refused)
}

/// Answers take 15 ms. Who asks more than `rate` in a second, beside what one second brings, gets 429 for 30 s.
/// How often that was.
fn serve_the_greedy(items: usize, rate: f64) -> usize {
    let mut schedule = schedule(512, PerOrigin::Auto, 20);
    let mut now = Instant::now();
    let (mut filled, mut tokens, mut until) = (now, rate, now);
    let mut left = items;
    let mut flying = std::collections::VecDeque::new();
    let mut penalties = 0;
    while left > 0 || !schedule.is_empty() {
        while left > 0 && schedule.has_room() {
            left -= 1;
            schedule.admit(7, 1);
        }
        while let Some(lapsed) = schedule.wake(now) {
            schedule.discharge(lapsed.ticket);
        }
        while let Some(start) = schedule.start(now) {
            tokens = rate.min(tokens + (now - filled).as_secs_f64() * rate) - 1.0;
            filled = now;
            if tokens < 0.0 && now >= until {
                (penalties, until) = (penalties + 1, now + seconds(30));
            }
            flying.push_back((now + millis(15), start.ticket, (until - now).as_secs()));
        }
        let due = flying.front().map(|(at, ..)| *at);
        now = due.into_iter().chain(schedule.next_wake()).min().unwrap().max(now);
        while flying.front().is_some_and(|(at, ..)| *at <= now) {
            let (_, ticket, pause) = flying.pop_front().unwrap();
            let (came, pause) = match pause {
                0 => (Came::Answer(10), None),
                pause => (Came::Refusal(429), Some(seconds(pause))),
            };
            end(&mut schedule, ticket, now, Told { came, took: millis(15), pause });
        }
    }
    penalties
}

#[test]
fn who_bans_for_long_does_so_once() {
    // One at a time is 66 a second.
    for rate in [100.0, 243.0, 500.0, 1_500.0] {
        let penalties = serve_the_greedy(6_000, rate);
        assert!(penalties <= 1, "{rate}: {penalties}");
    }
}

#[test]
fn the_count_is_found_kept_and_told() {
    let mut tuned = schedule(512, PerOrigin::Auto, 20);
    let (highest, refused) = serve(&mut tuned, 20_000, 48);
    assert!((49..100).contains(&highest), "{highest}");
    assert!(refused < 200, "{refused}");
    let found = tuned.found(5);
    let [(7, Found { count, above: Some(Above::Status(429)), answers: 19_900.. })] = found[..]
    else {
        panic!("{found:?}");
    };
    assert!((40..=48).contains(&count), "{count}");
    assert!(tuned.is_empty() && tuned.is_forgotten());
    // Its next items begin there.
    for _ in 0..100 {
        tuned.admit(7, 1);
    }
    let started = std::iter::from_fn(|| tuned.start(Instant::now())).count();
    assert_eq!(started, count);

    let mut fixed = schedule(512, PerOrigin::Fixed(NonZeroUsize::new(6).unwrap()), 20);
    assert_eq!(serve(&mut fixed, 2_000, 48), (6, 0));
    assert!(fixed.found(5).is_empty());
    let mut few = schedule(20, PerOrigin::Auto, 20);
    assert_eq!(serve(&mut few, 2_000, 48).0, 20, "no more than the run has");
}

#[test]
fn a_refusal_pauses_its_origin_and_not_only_its_item() {
    let now = Instant::now();
    for per_origin in [PerOrigin::Auto, PerOrigin::Fixed(NonZeroUsize::MIN)] {
        let mut schedule = schedule(8, per_origin, 3);
        for origin in [7, 7, 7, 7, 8] {
            schedule.admit(origin, 1);
        }
        let first = schedule.start(now).unwrap().ticket;
        assert_eq!(end(&mut schedule, first, now, asks(seconds(20))), Next::Again);
        let started: Vec<_> =
            std::iter::from_fn(|| schedule.start(now)).map(|start| start.ticket.0).collect();
        assert_eq!(started, [4], "the other origin goes on");
        assert_eq!(schedule.next_wake(), Some(now + seconds(20)));
        assert_eq!(schedule.wake(now + seconds(20)), None);
        assert_eq!(schedule.start(now + seconds(20)).unwrap().ticket, Ticket(1));
        // More patience than an item has: all that wait are put off.
        let again = now + seconds(20);
        let next = end(&mut schedule, Ticket(1), again, asks(seconds(86_400)));
        assert_eq!(next, Next::Deferred(seconds(86_400)));
        assert_eq!(schedule.start(again), None);
        let lapsed = std::iter::from_fn(|| schedule.wake(again));
        assert!(lapsed.map(|lapsed| lapsed.paused).eq([Some(seconds(86_400)); 2]));
    }
}

#[test]
fn refusals_in_a_row_pause_the_origin_longer_and_longer() {
    let mut now = Instant::now();
    let mut schedule = schedule(1, PerOrigin::Auto, 0);
    for _ in 0..6 {
        schedule.admit(7, 1);
    }
    let origin = now;
    let mut begun = Vec::new();
    while !schedule.is_empty() {
        while schedule.wake(now).is_some() {}
        let Some(start) = schedule.start(now) else {
            now = schedule.next_wake().unwrap();
            continue;
        };
        begun.push(now.duration_since(origin).as_millis());
        now += millis(10);
        schedule.tell(start.ticket, now, told(Came::Refusal(429), millis(10)), 1.0);
        schedule.ended(start.ticket, now, Ended::Done, Duration::ZERO, Sign::Whole, 1.0);
        schedule.discharge(start.ticket);
    }
    assert_eq!(begun, [0, 10, 1_020, 3_030, 7_040, 15_050]);
}

#[test]
fn who_refuses_all_does_not_hold_the_end_of_a_run() {
    for asked in [None, Some(seconds(1))] {
        let mut now = Instant::now();
        let (began, deadline) = (now, seconds(50));
        let mut schedule = schedule(8, PerOrigin::Auto, 3);
        schedule.policy.deadline = deadline;
        let items = 1_000;
        for _ in 0..items {
            schedule.admit(7, 1);
        }
        let (mut put_off, mut settled, mut took) = (0, 0, Duration::ZERO);
        while !schedule.is_empty() {
            while let Some(lapsed) = schedule.wake(now) {
                put_off += usize::from(lapsed.paused.is_some());
                settled += 1;
                took = now - began;
                schedule.discharge(lapsed.ticket);
            }
            let Some(start) = schedule.start(now) else {
                now = schedule.next_wake().unwrap_or(now);
                continue;
            };
            now += millis(10);
            let told = Told { came: Came::Refusal(429), took: millis(10), pause: asked };
            schedule.tell(start.ticket, now, told, 1.0);
            let outcome = ended(told);
            let next = schedule.ended(start.ticket, now, outcome, Duration::ZERO, Sign::Whole, 1.0);
            if next != Next::Again {
                settled += 1;
                took = now - began;
                schedule.discharge(start.ticket);
            }
        }
        assert_eq!(settled, items);
        assert!(put_off > items / 2, "{asked:?}: {put_off}");
        assert!(took < deadline + seconds(3), "{asked:?}: {took:?}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Admit(u32, u8),
    End(usize, Came, Option<Duration>, bool),
    Arrive(usize, u64),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let came = prop_oneof![
        12 => (0..1_000_000u64).prop_map(Came::Answer),
        2 => Just(Came::Refusal(429)),
        1 => Just(Came::Broken),
        1 => Just(Came::Nothing),
    ];
    let pause = prop::option::weighted(0.05, (0..400u64).prop_map(seconds));
    prop_oneof![
        2 => (0..4u32, any::<u8>()).prop_map(|(origin, n)| Step::Admit(origin, n)),
        8 => (any::<usize>(), came, pause, any::<bool>())
            .prop_map(|(n, came, pause, moved)| Step::End(n, came, pause, moved)),
        1 => (any::<usize>(), 0..10_000_000u64).prop_map(|(n, bytes)| Step::Arrive(n, bytes)),
        3 => any::<u16>().prop_map(Step::Pass),
    ]
}

proptest! {
    /// Whatever happens: permits are kept to, no origin starves, whoever waits is woken, nothing is left.
    #[test]
    fn permits_hold_and_nobody_starves(steps in prop::collection::vec(step(), 0..600)) {
        const MOST: usize = 24;
        let mut now = Instant::now();
        let mut schedule = schedule(MOST, PerOrigin::Auto, 2);
        let mut flying: Vec<(Ticket, Instant)> = Vec::new();
        let mut left = 0;
        let everything_ends = std::iter::repeat_n(Step::End(0, Came::Answer(9), None, false), 60_000);
        for step in steps.into_iter().chain(everything_ends) {
            match step {
                Step::Admit(origin, n) => {
                    for _ in 0..n {
                        schedule.admit(origin, 1);
                        left += 1;
                    }
                }
                Step::Arrive(n, bytes) if !flying.is_empty() => {
                    schedule.received(flying[n % flying.len()].0, now, bytes);
                }
                Step::End(n, came, pause, moved) if !flying.is_empty() => {
                    let (ticket, began) = flying.swap_remove(n % flying.len());
                    let told = Told { came, took: now - began, pause };
                    let ended = match ended(told) {
                        _ if moved => Ended::Moved(u32::try_from(n % 4).unwrap()),
                        ended => ended,
                    };
                    schedule.tell(ticket, now, told, 0.5);
                    let next =
                        schedule.ended(ticket, now, ended, Duration::ZERO, Sign::Whole, 0.5);
                    if next != Next::Again {
                        schedule.discharge(ticket);
                        left -= 1;
                    }
                }
                Step::Pass(ms) => now += millis(ms.into()),
                Step::End(..) | Step::Arrive(..) => {
                    now = schedule.next_wake().map_or(now, |at| now.max(at));
                }
            }
            while let Some(Lapsed { ticket, .. }) = schedule.wake(now) {
                schedule.discharge(ticket);
                left -= 1;
            }
            while let Some(start) = schedule.start(now) {
                flying.push((start.ticket, now));
            }
            prop_assert!(flying.len() <= MOST && schedule.in_flight() == flying.len());
            for lane in schedule.lanes.values() {
                prop_assert!(tuned::limit(PerOrigin::Auto, lane) >= 1);
                prop_assert!(tuned::limit(PerOrigin::Auto, lane) <= MOST);
                // Who waits while the run has permits has some in flight, or will be woken.
                let starves = lane.waiting() > 0
                    && lane.in_flight == 0
                    && lane.away == 0
                    && flying.len() < MOST
                    && lane.paused.is_none();
                prop_assert!(!starves, "{lane:?}");
            }
            prop_assert!(flying.len() == MOST || left == flying.len() || !flying.is_empty()
                || schedule.next_wake().is_some());
            prop_assert!(schedule.pauses.len() <= 4);
            if left == 0 && flying.is_empty() {
                break;
            }
        }
        prop_assert!(schedule.is_empty());
        // What is paused, and has no item, stays until it is over.
        while let Some(at) = schedule.next_wake() {
            now = now.max(at);
            prop_assert!(schedule.wake(now).is_none());
        }
        prop_assert!(flying.is_empty() && schedule.is_forgotten());
    }
}

use std::collections::{HashMap, HashSet};
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::plan::{Limits, PerOrigin};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn schedule(in_flight: usize, per_origin: usize, admitted: usize) -> Schedule<u32> {
    let count = |n| NonZeroUsize::new(n).unwrap();
    let limits = Limits {
        in_flight: count(in_flight),
        per_origin: PerOrigin::Fixed(count(per_origin)),
        admitted_items: count(admitted),
        admitted_bytes: usize::MAX,
    };
    let policy = Policy {
        retries: 2,
        backoff: Backoff { first: seconds(1), longest: seconds(30) },
        deadline: seconds(100),
        breaker: Some(Breaker {
            failures: NonZeroU32::new(3).unwrap(),
            pause: Backoff { first: seconds(1), longest: seconds(30) },
            patience: seconds(30),
        }),
    };
    let mut schedule = Schedule::new(limits, policy);
    schedule.share_admission();
    schedule
}

fn done(schedule: &mut Schedule<u32>, ticket: Ticket, now: Instant) {
    schedule.ended(ticket, now, Ended::Done, Duration::ZERO, Sign::Whole, 0.5);
    schedule.discharge(ticket);
}

#[test]
fn an_origin_may_have_as_many_idle_items_as_there_is_room_left() {
    let mut tight = schedule(4, 4, 90);
    let admit_all = |schedule: &mut Schedule<u32>, origin| {
        let mut count = 0;
        while schedule.has_room() && !schedule.crowds(&origin) {
            schedule.admit(origin, 1);
            count += 1;
        }
        count
    };
    assert_eq!([1, 2, 3].map(|origin| admit_all(&mut tight, origin)), [45, 23, 11]);
    assert!(tight.has_room() && !tight.crowds(&4), "there is room for others");
    // What is in flight is no burden: it has its permit.
    let (mut wide, now) = (schedule(80, 80, 90), Instant::now());
    admit_all(&mut wide, 1);
    while wide.start(now).is_some() {}
    assert!(!wide.crowds(&1));
    assert_eq!(admit_all(&mut wide, 1), 23);
}

#[test]
fn permits_are_shared_by_how_many_are_held() {
    // A slow origin and a fast one want all permits: each has half of them, however long each answer takes.
    let (mut schedule, mut now) = (schedule(64, 64, 1_000), Instant::now());
    let mut origins = HashMap::new();
    for n in 0..600 {
        origins.insert(schedule.admit(n % 2, 1), n % 2);
    }
    let (mut slow, mut fast) = (HashSet::new(), Vec::new());
    for _ in 0..200 {
        while let Some(start) = schedule.start(now) {
            if origins[&start.ticket] == 0 {
                slow.insert(start.ticket);
            } else {
                fast.push(start.ticket);
            }
        }
        assert_eq!(schedule.in_flight(), 64);
        // Levels are powers of two: within one, origins take turns.
        assert!(slow.len() <= 48, "{}", slow.len());
        now += Duration::from_millis(10);
        let ticket = fast.pop().unwrap();
        done(&mut schedule, ticket, now);
    }
}

#[test]
fn lines_are_wanted_where_few_wait_and_as_far_as_there_is_room() {
    let mut schedule = schedule(8, 2, 1_000);
    assert_eq!(schedule.wants(&7), 128, "an origin without items");
    for _ in 0..63 {
        schedule.admit(7, 1);
    }
    assert_eq!(schedule.wants(&7), 65);
    schedule.admit(7, 1);
    assert_eq!(schedule.wants(&7), 0, "it has enough");
    for n in 0..920 {
        schedule.admit(n, 1);
    }
    assert_eq!(schedule.wants(&10_000), 16, "as there is room");
    assert!(!schedule.has_room_beside(16) && schedule.has_room_beside(15));
}

#[test]
fn items_of_an_origin_that_is_given_up_do_not_wait_while_others_could_go_on() {
    let (mut schedule, mut now) = (schedule(8, 2, 1_000), Instant::now());
    for _ in 0..200 {
        schedule.admit(7, 1);
    }
    let failed = || Sign::Failed("no answer".into());
    for _ in 0..40 {
        while schedule.wake(now).is_some() {}
        while let Some(start) = schedule.start(now) {
            schedule.ended(start.ticket, now, Ended::Done, Duration::ZERO, failed(), 0.5);
            schedule.discharge(start.ticket);
        }
        now = now.max(schedule.next_wake().unwrap());
        if schedule.lanes[&7].is_given_up() {
            break;
        }
    }
    while schedule.wake(now).is_some() {}
    for _ in 0..100 {
        schedule.admit(7, 1);
    }
    schedule.let_go(&7);
    assert_eq!(schedule.wake(now), None, "there is no other");
    schedule.admit(8, 1);
    schedule.let_go(&7);
    let lapsed = std::iter::from_fn(|| schedule.wake(now));
    assert!(lapsed.filter(|lapsed| lapsed.outage.is_some()).count() >= 99);
    assert!(schedule.wants(&7) > 100, "and more can come");
}

#[derive(Debug, Clone)]
enum Step {
    Admit(u32),
    End(usize, Ended<u32>, Sign, u8),
    Pause(u32, u8),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let ended = prop_oneof![
        3 => Just(Ended::Done),
        1 => (0..5u32).prop_map(Ended::Moved),
        2 => Just(Ended::Failed(Retry::Soon)),
        1 => (0..300u64).prop_map(|s| Ended::Failed(Retry::After(seconds(s)))),
    ];
    let sign = prop_oneof![
        2 => Just(Sign::Failed("no answer".into())),
        2 => Just(Sign::Whole),
        1 => Just(Sign::Nothing),
    ];
    prop_oneof![
        3 => (0..5u32).prop_map(Step::Admit),
        3 => (any::<usize>(), ended, sign, any::<u8>()).prop_map(|(n, e, s, r)| Step::End(n, e, s, r)),
        1 => (0..5u32, 0..200u8).prop_map(|(origin, time)| Step::Pause(origin, time)),
        1 => any::<u16>().prop_map(Step::Pass),
    ]
}

proptest! {
    /// Whatever happens: permits are kept to, what is counted of shares is what is there, whoever waits has a
    /// permit to wait for or a time to wake up, an origin at its share leaves room, and nothing is left.
    #[test]
    fn shares_are_kept_to_and_whoever_waits_wakes_up(
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let mut now = Instant::now();
        let mut schedule = schedule(4, 2, 40);
        let mut flying: Vec<Ticket> = Vec::new();
        let mut homes: HashMap<Ticket, u32> = HashMap::new();
        let everything_ends = std::iter::repeat_n(Step::End(0, Ended::Done, Sign::Whole, 0), 2_000);
        for step in steps.into_iter().chain(everything_ends) {
            match step {
                Step::Admit(origin) => {
                    if schedule.has_room() && !schedule.crowds(&origin) {
                        homes.insert(schedule.admit(origin, 1), origin);
                    }
                }
                Step::End(n, ended, sign, random) if !flying.is_empty() => {
                    let ticket = flying.swap_remove(n % flying.len());
                    let random = f64::from(random) / 255.0;
                    let next = schedule.ended(ticket, now, ended, Duration::ZERO, sign, random);
                    if next != Next::Again {
                        homes.remove(&ticket);
                        schedule.discharge(ticket);
                    }
                }
                Step::End(..) => now = schedule.next_wake().map_or(now, |at| now.max(at)),
                Step::Pause(origin, time) => schedule.pause(&origin, now, seconds(time.into())),
                Step::Pass(ms) => now += Duration::from_millis(ms.into()),
            }
            while let Some(Lapsed { ticket, .. }) = schedule.wake(now) {
                prop_assert!(homes.remove(&ticket).is_some());
                schedule.discharge(ticket);
            }
            while let Some(start) = schedule.start(now) {
                flying.push(start.ticket);
            }
            prop_assert!(flying.len() <= 4 && schedule.in_flight() == flying.len());
            for origin in 0..5 {
                let there = homes.values().filter(|home| **home == origin).count();
                let counted = schedule.lanes.get(&origin).map_or((0, 0), |l| (l.admitted, l.bytes));
                prop_assert_eq!(counted, (there, there));
            }
            prop_assert!(!flying.is_empty() || homes.is_empty() || schedule.next_wake().is_some());
            prop_assert_eq!(schedule.turns.standing(), schedule.lanes.values().filter(|l| l.turn.is_some()).count());
            prop_assert!(schedule.size() <= 2 * (40 + 5 * 12) + 1024 + 256, "{}", schedule.size());
        }
        prop_assert!(schedule.is_empty() && homes.is_empty());
    }

    /// While there is work for all permits, each origin is served within a few rounds, however many items the
    /// others have, how long theirs take, and whatever ends first.
    #[test]
    fn no_origin_starves(
        weights in prop::collection::vec(1..30u32, 2..12),
        choices in prop::collection::vec(any::<u16>(), 600),
    ) {
        let now = Instant::now();
        let mut schedule = schedule(3, 2, 10_000);
        let mut origins = HashMap::new();
        let admit = |schedule: &mut Schedule<u32>, origins: &mut HashMap<Ticket, u32>, origin| {
            let ticket = schedule.admit(origin, 1);
            origins.insert(ticket, origin);
        };
        for (origin, weight) in (0..).zip(&weights) {
            for _ in 0..*weight {
                admit(&mut schedule, &mut origins, origin);
            }
        }
        let (mut flying, mut waited) = (Vec::new(), vec![0; weights.len()]);
        for (n, choice) in choices.into_iter().enumerate() {
            while let Some(start) = schedule.start(now) {
                waited[origins[&start.ticket] as usize] = 0;
                flying.push(start.ticket);
            }
            // Any, but each ends some time.
            let which = if n % 2 == 0 { 0 } else { usize::from(choice) % flying.len() };
            let ticket: Ticket = flying.remove(which);
            let origin = origins[&ticket];
            done(&mut schedule, ticket, now);
            admit(&mut schedule, &mut origins, origin);
            for (origin, waited) in (0..).zip(&mut waited) {
                // One that holds a permit is served, however long that takes.
                let holds = flying.iter().any(|ticket| origins[ticket] == origin);
                *waited = if holds { 0 } else { *waited + 1 };
                prop_assert!(*waited <= 8 * weights.len() + 20, "origin {} waits", origin);
            }
        }
    }
}

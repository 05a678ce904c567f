use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::FailureKind;
use crate::plan::{PerOrigin, SimulatePlan};
use crate::report::Report;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn fixed(n: u64) -> Distribution<Duration> {
    Distribution::Fixed(ms(n))
}

/// So many items over so many origins that answer after this time, by a client that is infinitely fast.
fn plan(items: u64, origins: u32, latency: u64) -> SimulatePlan {
    let others = Server { latency: fixed(latency), ..Server::default() };
    let client = Client { cpu: Duration::ZERO, bandwidth: None };
    let origins = NonZeroU32::new(origins).unwrap();
    SimulatePlan::new(Model { items, origins, others, client, ..Model::default() })
}

fn at_once(plan: &mut SimulatePlan, all: usize, per_origin: usize) {
    let count = |n| NonZeroUsize::new(n).unwrap();
    plan.limits.in_flight = count(all);
    plan.limits.per_origin = PerOrigin::Fixed(count(per_origin));
}

fn run(plan: SimulatePlan) -> SimulationReport {
    plan.run(&Report::default()).unwrap()
}

fn is_about(time: Duration, expected: Duration, by: f64) {
    let ratio = time.as_secs_f64() / expected.as_secs_f64();
    assert!((ratio - 1.0).abs() < by, "{time:?}, not {expected:?}");
}

#[test]
fn littles_law_holds() {
    for (permits, per_origin, origins) in [(1, 1, 1), (10, 10, 1), (64, 3, 50)] {
        let mut plan = plan(3_000, origins, 100);
        at_once(&mut plan, permits, per_origin);
        let result = run(plan);
        assert_eq!((result.ok, result.attempts, result.in_flight), (3_000, 3_000, permits));
        // N items take N L / m, all permits in use to the end.
        is_about(result.duration, ms(100) * 3_000 / u32::try_from(permits).unwrap(), 0.02);
        assert_eq!((result.longest, result.bytes), (ms(100), 6_000_000));
        is_about(result.tail + ms(100), result.duration / 100 + ms(150), 0.5);
    }
}

#[test]
fn connections_are_made_once_and_bodies_share_the_line() {
    let mut plan = plan(100, 1, 10);
    at_once(&mut plan, 4, 4);
    plan.model.others.connect = fixed(500);
    // 100 bodies of 100,000 bytes at a million a second.
    plan.model.others.size = Distribution::Fixed(100_000);
    plan.model.others.bandwidth = Some(Distribution::Fixed(1_000_000));
    let line = run(plan.clone());
    is_about(line.duration, Duration::from_secs(10) + ms(510), 0.01);
    plan.model.others.bandwidth = None;
    plan.model.others.connection = Some(Distribution::Fixed(1_000_000));
    is_about(run(plan.clone()).duration, ms(500) + ms(110) * 25, 0.01);
    plan.model.others.connection = None;
    plan.model.client.bandwidth = Some(500_000);
    is_about(run(plan.clone()).duration, Duration::from_secs(20) + ms(510), 0.01);
    plan.model.client = Client { cpu: ms(400), bandwidth: None };
    is_about(run(plan).duration, Duration::from_secs(40), 0.02);
}

#[test]
fn what_a_dead_origin_has_is_given_up_and_the_rest_goes_on() {
    for (dead, kind) in
        [(Dead::Silent, FailureKind::ConnectTimeout), (Dead::Refused, FailureKind::ConnectRefused)]
    {
        let mut plan = plan(20_000, 100, 50);
        let gone = Server { dead: Some(dead), ..plan.model.others.clone() };
        plan.model.groups = vec![(0.05, gone)];
        let result = run(plan);
        // Each origin has 200; which are dead is drawn.
        assert!(result.failed > 0 && result.failed.is_multiple_of(200), "{result:?}");
        assert_eq!(result.ok + result.failed, 20_000);
        let kinds: Vec<_> = result.kinds.iter().map(|(kind, _)| *kind).collect();
        assert!(kinds.contains(&FailureKind::OriginDown) || kinds == [kind], "{kinds:?}");
        assert!(result.attempts < 20_000 + 40 * (result.failed / 200), "{result:?}");
        assert!(result.duration < Duration::from_mins(2), "{result:?}");
    }
}

#[test]
fn a_cliff_refuses_few_and_none_are_lost() {
    let mut plan = plan(50_000, 1, 5);
    plan.model.others.load = Some("cliff?at=20&takes=20ms".parse().unwrap());
    let tuned = run(plan.clone());
    assert_eq!(tuned.ok, 50_000, "{tuned:?}");
    assert!(tuned.refusals > 0 && tuned.refusals < 500, "{tuned:?}");
    assert_eq!(tuned.other_refusals, 0);
    assert!(tuned.tuned[0].count <= 20 && tuned.tuned[0].count > 10, "{tuned:?}");
    at_once(&mut plan, 40, 40);
    let fixed = run(plan);
    assert!(fixed.refusals > tuned.refusals, "{fixed:?}");
}

#[test]
fn a_knee_is_found() {
    let mut plan = plan(50_000, 1, 1);
    plan.model.others.load = Some("knee?at=16&takes=20ms".parse().unwrap());
    let result = run(plan);
    // 800 a second at best.
    is_about(result.duration, Duration::from_millis(62_500), 0.1);
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
fn mishaps_end_as_a_get_ends_them() {
    let mut plan = plan(20_000, 100, 10);
    plan.patience.retries = 2;
    let shares = vec![
        (Mishap::Status(404), 0.1),
        (Mishap::Status(500), 0.05),
        (Mishap::Status(403), 0.02),
        (Mishap::Reset, 0.01),
        (Mishap::Deferred, 0.001),
    ];
    plan.model.others.errors = Mishaps { shares, retry_after: None };
    let result = run(plan.clone());
    let share = |n: u64| n as f64 / 20_000.0;
    assert!((share(result.not_found) - 0.1).abs() < 0.03, "{result:?}");
    let failed: u64 = result.kinds.iter().map(|(_, n)| n).sum();
    assert_eq!(failed, result.failed);
    assert!(result.deferred > 0, "{result:?}");
    // Those of 500 and reset were tried three times, those of 403 and 404 once.
    assert!((1_600..4_000).contains(&result.retries), "{result:?}");
    plan.model.others.errors = Mishaps::default();
    plan.model.others.hiccups =
        Mishaps { shares: vec![(Mishap::Status(500), 0.1)], retry_after: None };
    let result = run(plan);
    // Three tries fail with 0.001.
    assert!(result.failed < 60 && (1_800..2_600).contains(&result.retries), "{result:?}");
}

#[test]
fn whoever_takes_too_long_is_given_up() {
    let mut plan = plan(50, 50, 40_000);
    let result = run(plan.clone());
    assert_eq!(result.kinds, [(FailureKind::Timeout, 50)]);
    assert_eq!(result.attempts, 200);
    plan.patience.deadline = Duration::from_secs(20);
    let result = run(plan.clone());
    assert_eq!((result.kinds, result.longest), (vec![(FailureKind::Deadline, 50)], ms(20_000)));
    // A body that comes too slowly for the item's time, and one that earns it.
    plan.model.others.latency = fixed(10);
    plan.model.others.size = Distribution::Fixed(10 << 20);
    plan.model.others.connection = Some(Distribution::Fixed(400_000));
    plan.patience.deadline_per_mib = Duration::ZERO;
    assert_eq!(run(plan.clone()).kinds, [(FailureKind::Deadline, 50)]);
    plan.patience.deadline_per_mib = Duration::from_secs(2);
    assert_eq!(run(plan).ok, 50);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let mut plan = plan(30_000, 300, 100);
    plan.model.population.spread = Spread::Zipf(1.0);
    plan.model.others.latency = Distribution::Lognormal { median: ms(50), sigma: 1.0 };
    plan.model.others.hiccups = Mishaps {
        shares: vec![(Mishap::Status(503), 0.02), (Mishap::Reset, 0.02)],
        retry_after: None,
    };
    let gone = Server { dead: Some(Dead::Silent), ..plan.model.others.clone() };
    plan.model.groups = vec![(0.1, gone)];
    plan.limits.admitted_items = NonZeroUsize::new(500).unwrap();
    let told = |plan: &SimulatePlan| {
        let mut result = run(plan.clone());
        result.took = Duration::ZERO;
        format!("{result:?}")
    };
    assert_eq!(told(&plan), told(&plan));
    let other = SimulatePlan { seed: 1, ..plan.clone() };
    assert_ne!(told(&plan), told(&other));
}

#[test]
fn memory_does_not_grow_with_the_list() {
    let memory = |items| {
        let mut plan = plan(items, 500, 1);
        plan.limits.admitted_items = NonZeroUsize::new(2_000).unwrap();
        run(plan).schedule_memory
    };
    // Queues of origins grow with the longest that they ever were.
    let (small, large) = (memory(20_000), memory(160_000));
    assert!(small > 1 << 17 && large < small * 2, "{small} {large}");
}

fn mishaps() -> impl Strategy<Value = Mishaps> {
    let mishap = prop_oneof![
        prop::sample::select(vec![404, 410, 403, 408, 429, 500, 503]).prop_map(Mishap::Status),
        Just(Mishap::Reset),
        Just(Mishap::Timeout),
        Just(Mishap::Deferred),
    ];
    let after = prop::option::of((0_u64..400).prop_map(Duration::from_secs));
    (prop::collection::vec((mishap, 0.0..0.2), 0..4), after)
        .prop_map(|(shares, retry_after)| Mishaps { shares, retry_after })
}

fn server() -> impl Strategy<Value = Server> {
    let load = prop::option::of(prop::sample::select(vec![
        "cliff?at=2&takes=1s",
        "cliff?at=3&retry-after=5&code=503",
        "knee?at=2&takes=3s",
        "collapse?at=2",
        "greedy?rate=2&then=refuse",
        "greedy?rate=5",
        "bandwidth?rate=5K",
    ]));
    let dead =
        prop::sample::select(vec![None, None, None, Some(Dead::Silent), Some(Dead::Refused)]);
    let rate = prop::option::of(100_u64..1_000_000);
    (0_u64..20_000, 0.0..2.0, 0_u64..200_000, rate, load, mishaps(), mishaps(), dead).prop_map(
        |(latency, sigma, size, rate, load, errors, hiccups, dead)| Server {
            latency: Distribution::Lognormal { median: ms(latency), sigma },
            jitter: Distribution::Pareto { least: ms(10), shape: 1.1 },
            connect: Distribution::Uniform(ms(0), ms(12_000)),
            size: Distribution::Lognormal { median: size, sigma: 1.0 },
            connection: rate.map(Distribution::Fixed),
            bandwidth: None,
            load: load.map(|load| load.parse().unwrap()),
            errors,
            hiccups,
            dead,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Every item has exactly one outcome, whatever origins are like.
    #[test]
    fn every_item_is_counted_once(
        items in 0_u64..600,
        origins in 1_u32..40,
        others in server(),
        group in server(),
        share in 0.0..1.0,
        order in prop::sample::select(vec![Order::Shuffled, Order::Sorted, Order::SlowFirst(50, ms(4_000))]),
        (all, per_origin) in (1_usize..40, 0_usize..8),
        (retries, deadline) in (0_u32..4, 1_u64..400),
        (admitted, breaker, seed) in (1_usize..200, any::<bool>(), any::<u64>()),
    ) {
        let mut plan = plan(items, origins, 1);
        plan.model.population = Population { spread: Spread::Zipf(1.0), order };
        plan.model.others = others;
        plan.model.groups = vec![(share, group)];
        plan.limits.in_flight = NonZeroUsize::new(all).unwrap();
        plan.limits.per_origin =
            NonZeroUsize::new(per_origin).map_or(PerOrigin::Auto, PerOrigin::Fixed);
        plan.limits.admitted_items = NonZeroUsize::new(admitted).unwrap();
        plan.patience.retries = retries;
        plan.patience.deadline = Duration::from_secs(deadline);
        if !breaker {
            plan.giving_up.breaker = None;
        }
        plan.seed = seed;
        let result = run(plan);
        prop_assert_eq!(result.done(), items);
        prop_assert_eq!(result.kinds.iter().map(|(_, n)| n).sum::<u64>(), result.failed);
        prop_assert!(result.in_flight <= all);
        prop_assert!(result.attempts - result.retries <= items);
        prop_assert!(result.longest <= result.duration);
    }
}

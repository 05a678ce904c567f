use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use super::*;
use crate::plan::{Limits, PerOrigin};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
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
        retries: 3,
        backoff: Backoff { first: millis(500), longest: seconds(30) },
        deadline: seconds(300),
        breaker: Some(Breaker {
            failures: NonZeroU32::new(10).unwrap(),
            pause: Backoff { first: seconds(1), longest: seconds(30) },
            patience: seconds(30),
        }),
    };
    Schedule::new(limits, policy)
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Went {
    Well,
    Badly,
    /// The answer came in part.
    Partly,
}

/// Items and servers in virtual time.
struct World<F> {
    schedule: Schedule<u32>,
    now: Instant,
    start: Instant,
    flying: BinaryHeap<Reverse<(Instant, usize, Went)>>,
    /// What an attempt at this origin does, begun at this time.
    serve: F,
    random: fastrand::Rng,
    /// By ticket.
    origins: Vec<u32>,
    ends: Vec<End>,
    most: usize,
}

#[derive(Debug)]
struct End {
    origin: u32,
    at: Duration,
    how: How,
    started: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Well,
    Failed,
    Down,
    Overdue,
}

impl<F: FnMut(u32, Duration, &mut fastrand::Rng) -> (Duration, Went)> World<F> {
    fn new(schedule: Schedule<u32>, serve: F) -> Self {
        let now = Instant::now();
        Self {
            schedule,
            now,
            start: now,
            flying: BinaryHeap::new(),
            serve,
            random: fastrand::Rng::with_seed(7),
            origins: Vec::new(),
            ends: Vec::new(),
            most: 0,
        }
    }

    fn admit(&mut self, origin: u32) {
        let ticket = self.schedule.admit(origin, 0);
        if self.origins.len() <= ticket.0 {
            self.origins.resize(ticket.0 + 1, 0);
        }
        self.origins[ticket.0] = origin;
    }

    fn end(&mut self, ticket: Ticket, how: How, started: bool) {
        let (origin, at) = (self.origins[ticket.0], self.now.duration_since(self.start));
        self.ends.push(End { origin, at, how, started });
        self.schedule.discharge(ticket);
    }

    /// Does what can be done now.
    fn settle(&mut self) {
        while let Some(Lapsed { ticket, outage, .. }) = self.schedule.wake(self.now) {
            let how = if outage.is_some() { How::Down } else { How::Overdue };
            self.end(ticket, how, false);
        }
        while let Some(start) = self.schedule.start(self.now) {
            let since = self.now.duration_since(self.start);
            let origin = self.origins[start.ticket.0];
            let (takes, went) = (self.serve)(origin, since, &mut self.random);
            self.flying.push(Reverse((self.now + takes, start.ticket.0, went)));
        }
        self.most = self.most.max(self.schedule.size());
    }

    /// Goes on to what comes next. False when nothing does.
    fn step(&mut self) -> bool {
        let landing = self.flying.peek().map(|Reverse((at, ..))| *at);
        let wake = self.schedule.next_wake();
        let Some(next) = landing.into_iter().chain(wake).min() else { return false };
        self.now = self.now.max(next);
        if landing.is_some_and(|at| at <= self.now)
            && let Some(Reverse((_, ticket, went))) = self.flying.pop()
        {
            let ticket = Ticket(ticket);
            let (ended, sign) = match went {
                Went::Well => (Ended::Done, Sign::Whole),
                Went::Partly => (Ended::Failed(Retry::Soon), Sign::Partial),
                Went::Badly => (Ended::Failed(Retry::Soon), Sign::Failed("no answer".into())),
            };
            let random = self.random.f64();
            let done = ended == Ended::Done;
            match self.schedule.ended(ticket, self.now, ended, Duration::ZERO, sign, random) {
                Next::Again => {}
                Next::Settled => self.end(ticket, if done { How::Well } else { How::Failed }, true),
                Next::Down(_) => self.end(ticket, How::Down, true),
                Next::Deferred(_) => panic!("nobody asked for that"),
            }
        }
        true
    }

    /// Runs a list to its end, and takes lines in turns as the loop of a run does.
    fn run(mut self, list: impl IntoIterator<Item = u32>) -> Self {
        let mut list = list.into_iter().peekable();
        loop {
            let mut taken = 0;
            while taken < 256
                && self.schedule.has_room()
                && let Some(origin) = list.next()
            {
                self.admit(origin);
                taken += 1;
            }
            self.settle();
            if taken == 0 && !self.step() && list.peek().is_none() {
                assert!(self.schedule.is_empty() && self.schedule.is_forgotten());
                return self;
            }
        }
    }

    fn count(&self, how: How) -> usize {
        self.ends.iter().filter(|end| end.how == how).count()
    }

    fn last(&self, of: impl Fn(&End) -> bool) -> Duration {
        self.ends.iter().filter(|end| of(end)).map(|end| end.at).max().unwrap_or_default()
    }
}

#[test]
fn an_origin_that_is_down_is_tried_now_and_then_and_then_given_up() {
    let tries = RefCell::new(Vec::new());
    let world = World::new(schedule(100, 6, 10_000), |origin, now: Duration, _: &mut _| {
        if origin == 1 {
            return (millis(10), Went::Well);
        }
        tries.borrow_mut().push(now.as_secs());
        (Duration::ZERO, Went::Badly)
    })
    .run((0..2_000).map(|n| n % 2));
    assert_eq!(world.count(How::Well), 1_000);
    assert_eq!(world.count(How::Down), 1_000);
    // Not asked by the thousand: ten times, and then at growing intervals.
    assert!((14..25).contains(&tries.borrow().len()), "{tries:?}");
    assert!(world.last(|_| true) <= seconds(31), "{:?}", world.last(|_| true));
    let unasked = world.ends.iter().filter(|end| end.how == How::Down && !end.started).count();
    assert!(unasked > 980, "{unasked}");
}

#[test]
fn a_server_that_restarts_costs_nobody_anything() {
    let world = World::new(schedule(100, 6, 10_000), |_, now, _: &mut _| {
        let away = now > seconds(5) && now < seconds(25);
        if away { (Duration::ZERO, Went::Badly) } else { (millis(100), Went::Well) }
    })
    .run(std::iter::repeat_n(0, 5_000));
    assert_eq!(world.count(How::Well), 5_000);
}

#[test]
fn what_comes_late_for_an_origin_that_is_given_up_waits_for_one_trial() {
    let mut world = World::new(schedule(100, 6, 10_000), |_, now, _: &mut _| {
        if now < seconds(500) { (seconds(1), Went::Badly) } else { (seconds(1), Went::Well) }
    });
    for _ in 0..100 {
        world.admit(0);
    }
    world.settle();
    while !world.schedule.is_empty() {
        world.step();
        world.settle();
    }
    for n in 0..10 {
        let before = world.now;
        for _ in 0..100 {
            world.admit(0);
        }
        world.settle();
        while !world.schedule.is_empty() {
            world.step();
            world.settle();
        }
        let took = world.now.duration_since(before);
        assert!(took <= seconds(31), "{n}: {took:?}");
        // It is remembered meanwhile, and found again once it is there.
        world.now += seconds(100);
    }
    let good = world.ends.iter().position(|end| end.how == How::Well).unwrap();
    assert!((500..800).contains(&good), "{good}");
    assert_eq!(world.count(How::Well), 1_100 - good);
}

/// Of a server that fails every second time nothing is lost, and it is hardly slower.
#[test]
fn a_flaky_origin_does_not_go_down() {
    for (chance, most) in [(0.25, 1.02), (0.5, 1.5)] {
        let run = |breaker: bool| {
            let mut schedule = schedule(100, 6, 10_000);
            schedule.policy.retries = 40;
            if !breaker {
                schedule.policy.breaker = None;
            }
            let serve = |_, _, random: &mut fastrand::Rng| {
                let went = if random.f64() < chance { Went::Badly } else { Went::Well };
                (millis(50), went)
            };
            World::new(schedule, serve).run(std::iter::repeat_n(0, 20_000))
        };
        let (with, without) = (run(true), run(false));
        assert_eq!((with.count(How::Well), with.count(How::Down)), (20_000, 0));
        let ratio = with.last(|_| true).as_secs_f64() / without.last(|_| true).as_secs_f64();
        assert!(ratio < most, "{chance}: {ratio}");
    }
}

/// Where items of a dead origin fill the admission, those of others do not wait for its trials.
#[test]
fn a_dead_origin_does_not_hold_the_admission() {
    let origin = |n: u32| u32::from(n.is_multiple_of(2)) * (1 + n % 20);
    let serve = |origin, _, _: &mut _| match origin {
        0 => (Duration::ZERO, Went::Badly),
        _ => (millis(10), Went::Well),
    };
    let world = World::new(schedule(100, 6, 1_000), serve).run((0..100_000).map(origin));
    assert_eq!((world.count(How::Well), world.count(How::Down)), (50_000, 50_000));
    // 10 origins with 6 at once for 10 ms each: 8.4 s without the dead one, which is given up
    // after 30 s.
    let last = world.last(|_| true);
    assert!(last < seconds(80), "{last:?}");
}

/// With the whole network down, no more is lost than was admitted.
#[test]
fn a_list_is_not_burnt_while_everything_is_down() {
    let world = World::new(schedule(100, 6, 1_000), |_, now, _: &mut _| {
        if now < seconds(100) { (Duration::ZERO, Went::Badly) } else { (millis(10), Went::Well) }
    })
    .run((0..100_000).map(|n| n % 3));
    let lost = world.count(How::Down);
    assert!((1_000..=8_000).contains(&lost), "{lost}");
}

/// One in a hundred URLs is a black hole, a drip or endless, each at an origin of its own: 500 of
/// them, and 1,000 permits. The good ones do not wait for them.
#[test]
fn servers_that_hold_permits_do_not_hold_up_the_others() {
    let deadline = seconds(20);
    let run = |bad: bool| {
        let mut schedule = schedule(1_000, 1_000, 65_536);
        schedule.policy.deadline = deadline;
        let serve = |origin, _, _: &mut _| match origin {
            0..10 => (millis(1_000), Went::Well),
            _ if origin % 3 == 0 => (deadline, Went::Partly),
            _ => (deadline, Went::Badly),
        };
        let list = (0..50_000).map(|n| if n % 100 == 99 { 10 + n } else { n % 10 });
        World::new(schedule, serve).run(list.filter(|origin| bad || *origin < 10))
    };
    let good = |end: &End| end.origin < 10;
    let time = |world: &World<_>| {
        let mut times: Vec<_> = world.ends.iter().filter(|e| good(e)).map(|e| e.at).collect();
        times.sort();
        times[times.len() * 99 / 100].as_secs_f64()
    };
    let (with, without) = (run(true), run(false));
    assert_eq!(with.count(How::Well), 49_500);
    let ratio = time(&with) / time(&without);
    assert!(ratio < 1.1, "{ratio}");
    let (last, last_good) = (with.last(|_| true), with.last(good));
    assert!(last <= last_good + deadline + seconds(1), "{last:?} {last_good:?}");
}

/// A million items of a thousand origins, of which every tenth is down: it ends, and what is kept
/// follows what is admitted.
#[test]
fn a_million_items_of_which_a_tenth_is_down_end() {
    let admitted = 10_000;
    let world =
        World::new(schedule(1_000, 6, admitted), |origin, _, random: &mut fastrand::Rng| {
            if origin % 10 == 0 {
                (seconds(10), Went::Badly)
            } else {
                (millis(random.u64(20..200)), Went::Well)
            }
        })
        .run((0..1_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761) % 1_000));
    assert_eq!(world.ends.len(), 1_000_000);
    assert_eq!(
        world.count(How::Well) + world.count(How::Down) + world.count(How::Failed),
        1_000_000
    );
    assert!(world.count(How::Well) >= 899_000, "{}", world.count(How::Well));
    assert!(world.most < 4 * admitted, "{}", world.most);
    // 900 x 6 permits are more than 1,000: at 110 ms each, 99 s without those that are down.
    let last = world.last(|_| true);
    assert!(last < seconds(240), "{last:?}");
}

//! Windows against servers that are simulated, in virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

use super::window::{Window, WindowPolicy};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A server, the way to it, and our own end.
struct World {
    /// Queries a second that it answers.
    capacity: f64,
    /// Queries that wait there; others are dropped.
    queue: usize,
    /// On the way, both directions together.
    latency: Range<f64>,
    /// The share of queries that are lost by chance.
    loss: f64,
    /// Answers a second that we take, and how many fit in our sockets' buffers.
    ours: Option<(f64, usize)>,
    /// Names at once.
    names: usize,

    now: Instant,
    random: fastrand::Rng,
    window: Window,
    events: BinaryHeap<Reverse<(Instant, u64, What)>>,
    serial: u64,
    room_at: Option<Instant>,
    served_until: Instant,
    waiting: VecDeque<Instant>,
    read_until: Instant,
    unread: VecDeque<Instant>,
    in_flight: usize,
    done: Vec<bool>,
    sent: usize,
    answers: usize,
    overflown: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Answer { query: usize, sent: Instant },
    Late { query: usize },
}

fn policy(max: usize) -> WindowPolicy {
    WindowPolicy { start: max.min(1000), max, fixed: false, timeout: SECOND }
}

impl World {
    fn new(policy: WindowPolicy, capacity: f64, queue: usize, latency: Range<f64>) -> Self {
        let now = Instant::now();
        Self {
            capacity,
            queue,
            latency,
            loss: 0.0,
            ours: None,
            names: policy.max,
            now,
            random: fastrand::Rng::with_seed(7),
            window: Window::new(policy),
            events: BinaryHeap::new(),
            serial: 0,
            room_at: None,
            served_until: now,
            waiting: VecDeque::new(),
            read_until: now,
            unread: VecDeque::new(),
            in_flight: 0,
            done: Vec::new(),
            sent: 0,
            answers: 0,
            overflown: 0,
        }
    }

    fn at(&mut self, at: Instant, what: What) {
        self.serial += 1;
        self.events.push(Reverse((at, self.serial, what)));
    }

    /// Sends all that may be sent now.
    fn send(&mut self) {
        while self.in_flight < self.names {
            let full = self.window.underway() >= self.window.limit();
            let until = match self.window.bursts.blocked_until(self.now) {
                Some(until) => until,
                None if full => {
                    self.window.tick(self.now);
                    if self.window.underway() < self.window.limit() {
                        continue;
                    }
                    self.window.next_room().unwrap()
                }
                None => {
                    self.query();
                    continue;
                }
            };
            self.room_at = Some(until);
            return;
        }
    }

    fn query(&mut self) {
        let now = self.now;
        self.window.sent(now);
        self.sent += 1;
        self.in_flight += 1;
        let query = self.done.len();
        self.done.push(false);
        self.at(now + self.window.overdue(), What::Late { query });
        if self.random.f64() < self.loss {
            return;
        }
        while self.waiting.front().is_some_and(|done| *done <= now) {
            self.waiting.pop_front();
        }
        if self.waiting.len() >= self.queue {
            self.overflown += 1;
            return;
        }
        let service = Duration::from_secs_f64(1.0 / self.capacity);
        self.served_until = self.served_until.max(now) + service;
        self.waiting.push_back(self.served_until);
        let Range { start, end } = self.latency;
        let latency = Duration::from_secs_f64(start + (end - start) * self.random.f64());
        let mut at = self.served_until + latency;
        if let Some((rate, fit)) = self.ours {
            while self.unread.front().is_some_and(|read| *read <= at) {
                self.unread.pop_front();
            }
            if self.unread.len() >= fit {
                self.overflown += 1;
                self.window.dropped(now, 1);
                return;
            }
            self.read_until = self.read_until.max(at) + Duration::from_secs_f64(1.0 / rate);
            self.unread.push_back(self.read_until);
            at = self.read_until;
        }
        self.at(at, What::Answer { query, sent: now });
    }

    /// Answers a second, and the share of queries that found no room, in this time.
    fn run(&mut self, time: Duration) -> (f64, f64) {
        let end = self.now + time;
        let before = (self.answers, self.sent, self.overflown);
        self.send();
        loop {
            let next = self.events.peek().map(|Reverse((at, _, _))| *at);
            let at = [next, self.room_at].into_iter().flatten().min().unwrap_or(end);
            if at >= end {
                break;
            }
            self.now = self.now.max(at);
            let due = self.room_at != Some(at);
            self.room_at = None;
            let what = if due { self.events.pop().map(|Reverse((_, _, what))| what) } else { None };
            match what {
                Some(What::Answer { query, sent }) => {
                    self.window.answered(self.now, sent);
                    self.window.ended(sent);
                    self.answers += 1;
                    if !std::mem::replace(&mut self.done[query], true) {
                        self.in_flight -= 1;
                    }
                }
                Some(What::Late { query }) if !self.done[query] => {
                    // The name is asked again.
                    self.done[query] = true;
                    self.window.lost(self.now);
                    self.in_flight -= 1;
                }
                Some(What::Late { .. }) | None => {}
            }
            self.send();
        }
        self.now = end;
        #[expect(clippy::cast_precision_loss, reason = "counts")]
        let share = |n: usize, of: f64| n as f64 / of;
        let sent = share(self.sent - before.1, 1.0);
        (share(self.answers - before.0, time.as_secs_f64()), share(self.overflown - before.2, sent))
    }
}

const LOSSES: [f64; 4] = [0.0, 0.01, 0.05, 0.2];
/// On the way to a server nearby, in seconds.
const NEAR: Range<f64> = 0.000_1..0.000_3;

#[test]
fn a_server_that_is_busy_drops_little_and_is_never_idle() {
    for loss in LOSSES {
        let mut world = World::new(policy(4096), 40_000.0, 270, NEAR);
        world.loss = loss;
        world.run(4 * SECOND);
        let (rate, overflown) = world.run(2 * SECOND);
        assert!(rate > 36_000.0, "at {loss}: {rate} a second");
        assert!(overflown < 0.02 + loss / 2.0, "at {loss}: {overflown}");
        assert!(world.window.limit() < 2000, "at {loss}: {}", world.window.limit());
    }
}

#[test]
fn a_slow_server_far_away_is_found_out() {
    let mut world = World::new(policy(4096), 5_000.0, 100, 0.02..0.03);
    world.run(5 * SECOND);
    let (rate, overflown) = world.run(2 * SECOND);
    assert!(rate > 4_500.0 && overflown < 0.02, "{rate} a second, {overflown}");
}

#[test]
fn chance_does_not_make_it_smaller() {
    for loss in LOSSES {
        let mut world = World::new(policy(4096), 1e9, 1 << 20, 0.05..0.5);
        world.loss = loss;
        world.run(4 * SECOND);
        let (rate, _) = world.run(20 * SECOND);
        // A name whose query is lost holds its place for a second, others for 275 ms on average.
        let best = 4096.0 / (0.275 * (1.0 - loss) + loss) * (1.0 - loss);
        assert!(rate > 0.85 * best, "at {loss}: {rate} of {best} a second");
    }
}

#[test]
fn it_grows_to_what_is_needed() {
    let start = WindowPolicy { start: 50, ..policy(4096) };
    let mut world = World::new(start, 1e9, 1 << 20, 0.1..0.101);
    world.run(2 * SECOND);
    let (rate, _) = world.run(2 * SECOND);
    assert!(rate > 36_000.0, "{rate} of 40,960 a second");
    assert!(world.window.limit() <= 4096);
}

#[test]
fn what_our_own_sockets_drop_cuts_it() {
    let fixed = WindowPolicy { start: 2000, max: 2000, fixed: true, timeout: SECOND };
    for policy in [policy(4096), fixed] {
        let mut world = World::new(policy, 1e9, 1 << 20, NEAR);
        world.ours = Some((20_000.0, 270));
        world.run(SECOND);
        let (rate, dropped) = world.run(2 * SECOND);
        assert!(rate > 18_000.0 && dropped < 0.001, "{rate} a second, {dropped}");
        assert!(world.window.limit() < 270);
    }
}

#[test]
fn a_fixed_one_is_sent_at_once() {
    let fixed = WindowPolicy { start: 10_000, max: 10_000, fixed: true, timeout: SECOND };
    let mut world = World::new(fixed, 1e9, 1 << 20, 0.05..0.5);
    world.run(40 * MS);
    assert_eq!(world.sent, 10_000, "250 each millisecond");
    world.loss = 0.2;
    world.run(4 * SECOND);
    assert_eq!(world.window.limit(), 10_000);
}

#[test]
fn little_to_send_says_nothing() {
    let mut world = World::new(policy(4096), 1e9, 1 << 20, NEAR);
    world.names = 50;
    world.run(SECOND);
    assert_eq!(world.window.limit(), 1000);
}

#[test]
fn what_overflows_is_noticed_below_the_window_too() {
    let large = WindowPolicy { start: 3000, ..policy(8192) };
    let mut world = World::new(large, 40_000.0, 270, NEAR);
    world.names = 2000;
    world.run(3 * SECOND);
    let (rate, overflown) = world.run(3 * SECOND);
    // Else it would be half of them.
    assert!(rate > 36_000.0 && overflown < 0.03, "{rate} a second, {overflown}");
}

#[test]
fn after_a_silence_it_is_soon_as_before() {
    let mut world = World::new(policy(4096), 1e9, 1 << 20, 0.1..0.101);
    world.run(2 * SECOND);
    world.loss = 1.0;
    world.run(10 * SECOND);
    assert_eq!(world.window.limit(), 250, "a burst is left");
    world.loss = 0.0;
    world.run(2 * SECOND);
    let (rate, _) = world.run(SECOND);
    assert!(rate > 36_000.0, "{rate} of 40,960 a second");
}

#[test]
fn bad_moments_do_not_make_it_smaller() {
    let mut world = World::new(policy(4096), 10_000.0, 1 << 20, 0.075..0.076);
    world.loss = 0.05;
    // The server's machine, or ours, has other work now and then.
    for _ in 0..80 {
        world.capacity = 3_000.0;
        world.run(400 * MS);
        world.capacity = 10_000.0;
        world.run(600 * MS);
        eprintln!("{}", world.window.limit());
    }
    let (rate, _) = world.run(SECOND);
    assert!(rate > 8_500.0, "{rate} of 10,000 a second");
}

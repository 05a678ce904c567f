//! Servers as a few lines each, and the controller against them in virtual time, beside fixed numbers and
//! other ways to find one. What the servers are like is drawn from a seed, so that nothing can be fitted
//! to them.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts and times of a simulation are small and positive"
)]

mod client;
#[cfg(test)]
mod flaky_tests;
#[cfg(test)]
mod hint_tests;
mod rivals;
mod table;

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::rc::Rc;

pub use self::table::{Entry, Row, Two, two, whole_table};

/// What a server does. Times are seconds of virtual time.
trait Model {
    /// A request comes while others are in flight: when it is answered, and whether that is a refusal.
    fn begin(&mut self, now: f64, others: usize, random: &mut fastrand::Rng) -> (f64, bool);

    /// That of its refusals.
    fn status(&self) -> u16 {
        429
    }
}

/// Service times around a mean.
#[derive(Debug, Clone, Copy)]
struct Service {
    mean: f64,
    /// The coefficient of variation, up to one: that of an exponential time.
    spread: f64,
}

impl Service {
    /// A constant part, and an exponential one.
    fn draw(self, random: &mut fastrand::Rng) -> f64 {
        self.mean * (1.0 - self.spread - self.spread * (1.0 - random.f64()).ln())
    }
}

/// Every answer takes the same time, however many there are.
struct Fixed(Service);

impl Model for Fixed {
    fn begin(&mut self, now: f64, _: usize, random: &mut fastrand::Rng) -> (f64, bool) {
        (now + self.0.draw(random), false)
    }
}

/// So many are served at once, the others queue; behind a delay, there and back. With one, it is a link that
/// carries so many bytes and no more.
struct Knee {
    service: Service,
    delay: f64,
    free: BinaryHeap<Reverse<Moment>>,
}

impl Knee {
    fn new(at_once: usize, service: Service, delay: f64) -> Self {
        Self { service, delay, free: (0..at_once).map(|_| Reverse(Moment(0.0))).collect() }
    }
}

impl Model for Knee {
    fn begin(&mut self, now: f64, _: usize, random: &mut fastrand::Rng) -> (f64, bool) {
        let free = self.free.pop().map_or(now, |Reverse(Moment(free))| free);
        let done = (now + self.delay / 2.0).max(free) + self.service.draw(random);
        self.free.push(Reverse(Moment(done)));
        (done + self.delay / 2.0, false)
    }
}

/// Beyond so many in flight, 429, which comes sooner.
struct Cliff {
    at_once: usize,
    service: Service,
    refusal: f64,
}

impl Model for Cliff {
    fn begin(&mut self, now: f64, others: usize, random: &mut fastrand::Rng) -> (f64, bool) {
        if others >= self.at_once {
            return (now + self.refusal, true);
        }
        (now + self.service.draw(random), false)
    }
}

/// Beyond so many in flight, throughput falls.
struct Collapse {
    at_once: usize,
    service: Service,
    exponent: f64,
}

impl Model for Collapse {
    fn begin(&mut self, now: f64, others: usize, random: &mut fastrand::Rng) -> (f64, bool) {
        let over = ((others + 1) as f64 / self.at_once as f64).max(1.0);
        (now + self.service.draw(random) * over.powf(1.0 + self.exponent), false)
    }
}

/// Who asks for more than so many a second is served one by one for 30 s, and fewer than that.
struct Greedy {
    a_second: usize,
    service: Service,
    slower: f64,
    begun: VecDeque<f64>,
    until: f64,
    free: f64,
    entered: Rc<Cell<usize>>,
}

impl Model for Greedy {
    fn begin(&mut self, now: f64, _: usize, random: &mut fastrand::Rng) -> (f64, bool) {
        while self.begun.front().is_some_and(|at| *at + 1.0 <= now) {
            self.begun.pop_front();
        }
        self.begun.push_back(now);
        if self.begun.len() > self.a_second && now >= self.until {
            self.until = now + 30.0;
            self.entered.set(self.entered.get() + 1);
        }
        let done = now + self.service.draw(random);
        if now >= self.until {
            return (done, false);
        }
        self.free = self.free.max(now) + self.slower / self.a_second as f64;
        (self.free.max(done), false)
    }
}

/// A time that can be compared.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moment(f64);

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A kind of server, with what was drawn for it.
struct Drawn {
    kind: &'static str,
    told: String,
    make: Box<dyn Fn() -> Box<dyn Model>>,
    pieces: usize,
    entered: Rc<Cell<usize>>,
}

/// One of each kind. Noisy: all times are exponential.
fn drawn(seed: u64, noisy: bool) -> Vec<Drawn> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut between = |a: f64, b: f64| (a.ln() + random.f64() * (b.ln() - a.ln())).exp();
    let spread = if noisy { 1.0 } else { between(0.01, 0.5) };
    let service = move |mean: f64| Service { mean, spread };
    let mut all = Vec::new();
    let mut add = |kind, told, pieces, make: Box<dyn Fn() -> Box<dyn Model>>| {
        all.push(Drawn { kind, told, make, pieces, entered: Rc::default() });
    };
    let ms = |seconds: f64| format!("{:.0} ms", seconds * 1e3);

    let takes = between(0.02, 0.2);
    add("latency", ms(takes), 1, Box::new(move || Box::new(Fixed(service(takes)))));

    let (takes, k, delay) =
        (between(0.01, 0.2), between(3.0, 300.0) as usize, between(0.001, 0.05));
    let told = format!("{k} of {} behind {}", ms(takes), ms(delay));
    add("knee", told, 1, Box::new(move || Box::new(Knee::new(k, service(takes), delay))));

    for (kind, pieces) in [("link", 1), ("bodies", 40)] {
        let (k, delay) = (between(4.0, 200.0), between(0.01, 0.1));
        let told = format!("{k:.0} fill {}", ms(delay));
        let link = move || -> Box<dyn Model> { Box::new(Knee::new(1, service(delay / k), delay)) };
        add(kind, told, pieces, Box::new(link));
    }

    let (takes, at_once) = (between(0.01, 0.2), between(3.0, 300.0) as usize);
    let refusal = between(0.001, 0.02);
    let told = format!("{at_once} of {}, refuses in {}", ms(takes), ms(refusal));
    let cliff =
        move || -> Box<dyn Model> { Box::new(Cliff { at_once, service: service(takes), refusal }) };
    add("cliff", told, 1, Box::new(cliff));

    let (takes, at_once) = (between(0.01, 0.2), between(3.0, 300.0) as usize);
    let exponent = between(0.3, 1.5);
    let told = format!("{at_once} of {}, exponent {exponent:.1}", ms(takes));
    let collapse = move || -> Box<dyn Model> {
        Box::new(Collapse { at_once, service: service(takes), exponent })
    };
    add("collapse", told, 1, Box::new(collapse));

    let (takes, a_second) = (between(0.02, 0.2), between(250.0, 2_500.0) as usize);
    let slower = between(2.0, 10.0);
    let told = format!("{a_second}/s of {}, then 1/{slower:.1}", ms(takes));
    let entered = Rc::<Cell<usize>>::default();
    let counts = Rc::clone(&entered);
    let greedy = move || -> Box<dyn Model> {
        counts.set(0);
        let (begun, entered) = (VecDeque::new(), Rc::clone(&counts));
        let (service, until, free) = (service(takes), 0.0, 0.0);
        Box::new(Greedy { a_second, service, slower, begun, until, free, entered })
    };
    all.push(Drawn { kind: "greedy", told, make: Box::new(greedy), pieces: 1, entered });
    all
}

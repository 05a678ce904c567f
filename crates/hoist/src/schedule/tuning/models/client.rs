//! Who asks a modelled server, and how that goes on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::rivals::{Aimd, Vegas};
use super::{Model, Moment};
use crate::schedule::tuning::{Came, Tuning};

/// How many attempts at once a client makes.
pub(super) enum Limit {
    Auto(Box<Tuning>),
    Fixed(usize),
    Aimd(Aimd),
    Vegas(Vegas),
}

/// No client makes more.
pub(super) const MOST: usize = 512;

pub(super) struct Client {
    limit: Limit,
    /// It asks from then on.
    pub(super) from: f64,
    in_flight: usize,
    pub(super) good: usize,
    pub(super) refused: usize,
    /// Of the good ones, those that came after `late`.
    pub(super) late: usize,
    /// In flight after `late`, times seconds.
    pub(super) held: f64,
    seen: f64,
}

impl Client {
    pub(super) fn new(limit: Limit) -> Self {
        let (from, seen, held) = (0.0, 0.0, 0.0);
        Self { limit, from, in_flight: 0, good: 0, refused: 0, late: 0, held, seen }
    }

    pub(super) fn auto() -> Self {
        Self::new(Limit::Auto(Box::new(Tuning::new(Instant::now(), 2, MOST))))
    }

    fn limit(&self) -> usize {
        match &self.limit {
            Limit::Auto(tuning) => tuning.limit(),
            Limit::Fixed(n) => *n,
            Limit::Aimd(aimd) => aimd.limit(),
            Limit::Vegas(vegas) => vegas.limit(),
        }
    }

    fn hold(&mut self, now: f64, late: f64) {
        self.held += self.in_flight as f64 * (now - self.seen.max(late)).max(0.0);
        self.seen = now;
    }
}

/// A run against one server, in which there is always work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Ends then, or once the first client has so many good answers.
    pub(super) seconds: f64,
    pub(super) items: usize,
    pub(super) late: f64,
    pub(super) seed: u64,
    /// Pieces of a body of half a MiB, each asked for once the one before has come. The good answers that
    /// are counted are pieces.
    pub(super) pieces: usize,
}

/// An answer on its way.
type Flying = (Moment, usize, bool, Moment, usize);

impl Run {
    /// The clients, when it is over, and the time.
    pub(super) fn of(&self, model: &mut dyn Model, clients: &mut [Client]) -> f64 {
        let start = Instant::now();
        let at = |time: f64| start + Duration::from_secs_f64(time);
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut flying: BinaryHeap<Reverse<Flying>> = BinaryHeap::new();
        let mut now = 0.0_f64;
        loop {
            for (n, client) in clients.iter_mut().enumerate() {
                while now >= client.from && client.in_flight < client.limit() {
                    let (done, refused) = model.begin(now, flying.len(), &mut random);
                    let (done, now_at) = (Moment(done), Moment(now));
                    flying.push(Reverse((done, n, refused, now_at, self.pieces)));
                    client.hold(now, self.late);
                    if let Limit::Auto(tuning) = &mut client.limit {
                        tuning.held(at(now), client.in_flight);
                    }
                    client.in_flight += 1;
                }
            }
            let next = flying.peek().map_or(f64::INFINITY, |Reverse((done, ..))| done.0);
            let begins = clients.iter().map(|client| client.from).filter(|from| *from > now);
            let begins = begins.fold(f64::INFINITY, f64::min);
            if begins < next {
                now = begins;
                continue;
            }
            let Some(Reverse((_, n, refused, began, pieces))) = flying.pop() else { return now };
            now = next;
            if now > self.seconds {
                return self.seconds;
            }
            let client = &mut clients[n];
            client.hold(now, self.late);
            client.refused += usize::from(refused);
            client.good += usize::from(!refused);
            client.late += usize::from(!refused && now > self.late);
            let bytes = if self.pieces == 1 { 2_000 } else { 512 << 10 };
            if pieces > 1 && !refused {
                if let Limit::Auto(tuning) = &mut client.limit {
                    tuning.received(at(now), client.in_flight, bytes);
                }
                let (done, refused) = model.begin(now, flying.len(), &mut random);
                flying.push(Reverse((Moment(done), n, refused, began, pieces - 1)));
            } else {
                let took = (now - began.0).max(0.0);
                match &mut client.limit {
                    Limit::Auto(tuning) => {
                        let refusal = Came::Refusal(model.status());
                        let came = if refused { refusal } else { Came::Answer(bytes) };
                        tuning.ended(at(now), client.in_flight, came, at(now) - at(began.0));
                    }
                    Limit::Fixed(_) => {}
                    Limit::Aimd(aimd) => aimd.ended(now, took, refused),
                    Limit::Vegas(vegas) => vegas.ended(client.in_flight, took, refused),
                }
                client.in_flight -= 1;
            }
            if clients[0].good >= self.items {
                return now;
            }
        }
    }
}

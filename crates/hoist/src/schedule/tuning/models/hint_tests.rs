//! Hints against servers that are what they were, or are not.

use std::time::Instant;

use super::client::{Client, Limit, MOST, Run};
use super::{Cliff, Fixed, Knee, Model, Service};
use crate::schedule::tuning::Tuning;

impl Client {
    /// One of which an earlier run found so many at once.
    fn hinted(count: usize) -> Self {
        let tuning = Tuning::new(Instant::now(), 2, MOST).hinted(Some(count));
        Self::new(Limit::Auto(Box::new(tuning)))
    }
}

/// A server that can take no more than it did is where it was sooner.
#[test]
fn a_hint_that_is_right_saves_most_of_the_search() {
    let service = Service { mean: 0.1, spread: 0.3 };
    let of = |client: Client| {
        let run = Run { seconds: 2.0, items: usize::MAX, late: 0.0, seed: 3, pieces: 1 };
        let mut clients = [client];
        run.of(&mut Fixed(service), &mut clients);
        clients[0].good
    };
    let (with, without) = (of(Client::hinted(256)), of(Client::auto()));
    assert!(with * 2 > without * 3, "{with} and {without} answers in the first two seconds");
}

/// A stale hint: the server can take four at once, where it once took four hundred.
#[test]
fn a_hint_that_is_stale_floods_nobody() {
    for seed in 0..20 {
        for spread in [0.05, 1.0] {
            let service = Service { mean: 0.05, spread };
            let run = Run { seconds: 20.0, items: usize::MAX, late: 10.0, seed, pieces: 1 };
            // One that refuses is refused by no more than would be found out without a hint.
            let mut clients = [Client::hinted(400)];
            run.of(&mut Cliff { at_once: 4, service, refusal: 0.005 }, &mut clients);
            assert!(clients[0].refused < 12, "{seed}: {}", clients[0].refused);
            // One that queues what is too much has a short queue.
            let mut most = Most { of: Knee::new(4, service, 0.002), in_flight: 0 };
            let mut clients = [Client::hinted(400)];
            run.of(&mut most, &mut clients);
            assert!(most.in_flight < 40, "{seed}: {} in flight", most.in_flight);
            let held = clients[0].held / 10.0;
            assert!(held < 16.0, "{seed}: {held} in the end");
        }
    }
}

/// Counts how many there were at once.
struct Most<M> {
    of: M,
    in_flight: usize,
}

impl<M: Model> Model for Most<M> {
    fn begin(&mut self, now: f64, others: usize, random: &mut fastrand::Rng) -> (f64, bool) {
        self.in_flight = self.in_flight.max(others + 1);
        self.of.begin(now, others, random)
    }
}

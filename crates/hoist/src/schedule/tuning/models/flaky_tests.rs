//! Servers that fail now and then, however few ask.

use super::client::{Client, Run};
use super::{Knee, Model, Service};

/// A knee, of which a share of the answers are 503s, whoever asks.
struct Flaky(Knee, f64);

impl Model for Flaky {
    fn begin(&mut self, now: f64, others: usize, random: &mut fastrand::Rng) -> (f64, bool) {
        let (done, _) = self.0.begin(now, others, random);
        (done, random.f64() < self.1)
    }

    fn status(&self) -> u16 {
        503
    }
}

#[test]
fn who_fails_one_at_a_time_as_well_is_not_asked_one_at_a_time_for_ever() {
    for (seed, share) in [(1, 0.04), (2, 0.08), (3, 0.04), (4, 0.08), (5, 0.2)] {
        let service = Service { mean: 0.05, spread: 0.5 };
        let run = Run { seconds: 60.0, items: usize::MAX, late: 30.0, seed, pieces: 1 };
        let mut clients = [Client::auto()];
        run.of(&mut Flaky(Knee::new(24, service, 0.01), share), &mut clients);
        let pace = f64::from(u32::try_from(clients[0].late).unwrap()) / 30.0;
        let best = (1.0 - share) * 24.0 / 0.05;
        assert!(pace > 0.5 * best, "{share}: {pace:.0} a second of {best:.0}");
    }
}

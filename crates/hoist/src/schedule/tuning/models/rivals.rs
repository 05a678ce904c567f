//! Other ways to find how many attempts at once a server takes.

use super::client::MOST;

/// Plain AIMD, as of TCP (RFC 5681, section 3.1): twice as many with each round until the first refusal, from
/// then on one more with each, and half as many after a refusal, once a round.
#[derive(Debug)]
pub(super) struct Aimd {
    limit: f64,
    /// It rises by one with each answer below this.
    threshold: f64,
    /// Of the last cut: what began before it tells nothing new.
    cut: f64,
}

impl Aimd {
    pub(super) fn new() -> Self {
        Self { limit: 2.0, threshold: f64::INFINITY, cut: -1.0 }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit as usize
    }

    pub(super) fn ended(&mut self, now: f64, took: f64, refused: bool) {
        if !refused {
            let more = if self.limit < self.threshold { 1.0 } else { 1.0 / self.limit };
            self.limit = (self.limit + more).min(MOST as f64);
        } else if now - took > self.cut {
            self.limit = (self.limit / 2.0).max(1.0);
            self.threshold = self.limit;
            self.cut = now;
        }
    }
}

/// Vegas as limiters of concurrency do it (Netflix's concurrency-limits, with its defaults): what waits at the
/// server is told by how much slower answers are than the fastest of late.
#[derive(Debug)]
pub(super) struct Vegas {
    limit: f64,
    fastest: f64,
    answers: usize,
}

impl Vegas {
    /// The fastest is looked for anew after so many answers for each that may be in flight.
    const PROBE: f64 = 30.0;

    pub(super) fn new() -> Self {
        Self { limit: 20.0, fastest: f64::INFINITY, answers: 0 }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit as usize
    }

    pub(super) fn ended(&mut self, in_flight: usize, took: f64, refused: bool) {
        self.answers += 1;
        if self.answers as f64 >= Self::PROBE * self.limit {
            (self.answers, self.fastest) = (0, took);
            return;
        }
        if took < self.fastest {
            self.fastest = took;
            return;
        }
        let step = self.limit.log10().floor().max(1.0);
        let (least, most) = (3.0 * step, 6.0 * step);
        let waiting = (self.limit * (1.0 - self.fastest / took)).ceil();
        if refused {
            self.limit -= step;
        } else if (in_flight as f64) * 2.0 < self.limit {
            return;
        } else if waiting <= step {
            self.limit += most;
        } else if waiting < least {
            self.limit += step;
        } else if waiting > most {
            self.limit -= step;
        }
        self.limit = self.limit.clamp(1.0, MOST as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additive_increase_multiplicative_decrease() {
        let mut aimd = Aimd::new();
        (0..30).for_each(|n| aimd.ended(f64::from(n), 0.5, false));
        assert_eq!(aimd.limit(), 32);
        // All of what began before the cut counts once.
        (0..5).for_each(|_| aimd.ended(40.0, 0.5, true));
        assert_eq!(aimd.limit(), 16);
        (0..17).for_each(|_| aimd.ended(41.0, 0.5, false));
        assert_eq!(aimd.limit(), 17);
        aimd.ended(42.0, 0.5, true);
        assert_eq!(aimd.limit(), 8);
    }

    #[test]
    fn vegas_rises_while_answers_are_as_fast_as_the_fastest_and_falls_where_they_are_not() {
        let mut vegas = Vegas::new();
        (0..50).for_each(|_| vegas.ended(vegas.limit(), 0.1, false));
        let high = vegas.limit();
        assert!(high > 100, "{high}");
        (0..50).for_each(|_| vegas.ended(vegas.limit(), 0.4, false));
        assert!(vegas.limit() < high, "{}", vegas.limit());
        let before = vegas.limit();
        vegas.ended(before, 0.1001, true);
        assert!(vegas.limit() < before);
    }
}

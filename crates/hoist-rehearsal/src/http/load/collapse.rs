//! Up to so many in flight, each request takes the same time. Beyond, all take longer, by the square of
//! the excess: the more are in flight, the fewer are done in a second.

use std::time::Duration;

use super::model::{Arrival, Fate};
use crate::spec::LONGEST;

#[derive(Clone, Debug)]
pub(super) struct Collapse {
    pub(super) at: u64,
    pub(super) takes: Duration,
}

impl Collapse {
    pub(super) fn meet(&self, Arrival { in_flight, .. }: Arrival) -> Fate {
        let (at, n) = (u128::from(self.at), u128::from(in_flight.max(self.at)));
        let nanos = self.takes.as_nanos().saturating_mul(n * n) / (at * at);
        let wait = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(LONGEST);
        Fate::queued(self.takes, wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::load::model::tests::{arrival, ms};

    #[test]
    fn takes_longer_by_the_square_of_the_excess() {
        let collapse = Collapse { at: 10, takes: ms(20) };
        let wait = |in_flight| collapse.meet(arrival(0, in_flight)).wait;
        assert_eq!([1, 10, 20, 100].map(wait), [20, 20, 80, 2000].map(ms));
        assert_eq!(wait(u64::MAX), LONGEST);
        // In a second: 500 at the best, then ever fewer.
        let done = |n: u32| f64::from(n) / wait(u64::from(n)).as_secs_f64();
        assert!(done(5) < done(10) && done(11) < done(10) && done(200) < done(20) / 5.0);
    }
}

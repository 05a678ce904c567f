//! Beyond so many in flight, a request is refused at once.

use std::time::Duration;

use super::model::{Arrival, Fate, Verdict};

#[derive(Clone, Debug)]
pub(super) struct Cliff {
    pub(super) at: u64,
    pub(super) takes: Duration,
    pub(super) status: u16,
    /// Retry-After.
    pub(super) again: Option<Duration>,
}

impl Cliff {
    pub(super) fn meet(&self, Arrival { in_flight, .. }: Arrival) -> Fate {
        if in_flight <= self.at {
            return Fate::served(self.takes);
        }
        let refusal = Some((self.status, self.again));
        Fate { verdict: Verdict::Refused, wait: Duration::ZERO, refusal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::load::model::tests::{arrival, ms};

    #[test]
    fn refuses_beyond_k_and_not_before() {
        let cliff = Cliff { at: 3, takes: ms(20), status: 429, again: Some(ms(2000)) };
        for in_flight in 1..=3 {
            assert_eq!(cliff.meet(arrival(0, in_flight)), Fate::served(ms(20)));
        }
        let refused = cliff.meet(arrival(0, 4));
        assert_eq!((refused.verdict, refused.wait), (Verdict::Refused, Duration::ZERO));
        assert_eq!(refused.refusal, Some((429, Some(ms(2000)))));
    }
}

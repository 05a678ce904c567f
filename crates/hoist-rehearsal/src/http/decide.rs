//! What happens to a request for content: how long it waits, and whether it then fails. Pure.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::hash::{Draws, hash};

/// What a rehearsal does to its content.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The wait before an answer is drawn from this range, uniformly.
    pub delay: RangeInclusive<Duration>,
    /// The share of answers, 0 to 1, that are 418 instead.
    pub error_rate: f64,
}

/// What was drawn for one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The wait before the answer.
    pub delay: Duration,
    /// The status instead of the content; none lets the content decide (200 or 404).
    pub status: Option<u16>,
}

/// The decision for one attempt (from 1) at a path with its query. The host is left out on purpose:
/// the same list against another name or port meets the same fate.
pub fn decide(
    seed: u64,
    method: &str,
    path_and_query: &str,
    attempt: u32,
    plan: &Plan,
) -> Decision {
    let parts = [method.as_bytes(), path_and_query.as_bytes(), &attempt.to_le_bytes()];
    let mut draws = Draws::from(hash(seed, &parts));
    Decision {
        delay: within(&plan.delay, draws.unit()),
        status: (draws.unit() < plan.error_rate).then_some(418),
    }
}

/// The point of `range` at `share` (0 to 1) of its length.
pub(crate) fn within(range: &RangeInclusive<Duration>, share: f64) -> Duration {
    let span = range.end().saturating_sub(*range.start());
    *range.start() + span.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan { delay: Duration::from_millis(500)..=Duration::from_secs(5), error_rate: 0.25 }
    }

    #[test]
    fn the_same_for_the_same_and_only_then() {
        let base = decide(1, "GET", "/flags/fr/fr.gif", 1, &plan());
        assert_eq!(base, decide(1, "GET", "/flags/fr/fr.gif", 1, &plan()));
        for other in [
            decide(2, "GET", "/flags/fr/fr.gif", 1, &plan()),
            decide(1, "HEAD", "/flags/fr/fr.gif", 1, &plan()),
            decide(1, "GET", "/flags/de/de.gif", 1, &plan()),
            decide(1, "GET", "/flags/fr/fr.gif", 2, &plan()),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn delays_are_uniform_and_errors_as_frequent_as_asked() {
        let plan = plan();
        let all: Vec<_> = (0..20_000).map(|i| decide(i, "GET", "/x", 1, &plan)).collect();
        assert!(all.iter().all(|d| plan.delay.contains(&d.delay)));
        let share = |n: usize| f64::from(u32::try_from(n).unwrap()) / 20_000.0;
        let early = share(all.iter().filter(|d| d.delay < Duration::from_millis(3100)).count());
        assert!((0.56..0.60).contains(&early), "{early} of 0.578");
        let errors = share(all.iter().filter(|d| d.status == Some(418)).count());
        assert!((0.235..0.265).contains(&errors), "{errors}");
        let both = share(
            all.iter()
                .filter(|d| d.status == Some(418) && d.delay < Duration::from_millis(3100))
                .count(),
        );
        assert!((0.13..0.16).contains(&both), "{both}: delay and error are independent");
    }

    #[test]
    fn no_delay_and_no_errors_means_none_and_all_means_all() {
        let none = Plan { delay: Duration::ZERO..=Duration::ZERO, error_rate: 0.0 };
        let all = Plan { error_rate: 1.0, ..none.clone() };
        for attempt in 1..1000 {
            let d = decide(3, "GET", "/x", attempt, &none);
            assert_eq!(d, Decision { delay: Duration::ZERO, status: None });
            assert_eq!(decide(3, "GET", "/x", attempt, &all).status, Some(418));
        }
    }
}

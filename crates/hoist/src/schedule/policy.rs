use std::num::NonZeroU32;

use super::{Backoff, Breaker, Policy};
use crate::plan::{GivingUp, Patience, defaults};

impl Policy {
    /// That of a get.
    pub(crate) fn of(patience: &Patience, giving_up: &GivingUp) -> Self {
        Self {
            retries: patience.retries,
            backoff: Backoff { first: patience.backoff, longest: patience.backoff_max },
            deadline: patience.deadline,
            breaker: giving_up.breaker.as_ref().map(|breaker| Breaker {
                failures: NonZeroU32::new(breaker.failures).unwrap_or(NonZeroU32::MIN),
                pause: Backoff {
                    first: defaults::BREAKER_PAUSE,
                    longest: defaults::BREAKER_PAUSE_MAX,
                },
                patience: breaker.patience.min(patience.deadline),
            }),
        }
    }
}

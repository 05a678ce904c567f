use std::time::Duration;

use super::defaults;

/// When to give up on a server that is slow or does not answer.
#[derive(Debug, Clone)]
pub struct GivingUp {
    /// From a request sent to the first byte of its answer. None: as long as without any byte,
    /// [`Patience::progress`](super::Patience::progress).
    pub first_byte: Option<Duration>,
    /// Bytes a second that an answer has to come with, over a window. 0: any.
    pub min_rate: u64,
    /// The window. Time in which it is the disk that is waited for does not count.
    pub min_rate_window: Duration,
    /// When an origin is down. None: never, each item is tried by itself.
    pub breaker: Option<BreakerPlan>,
}

impl Default for GivingUp {
    fn default() -> Self {
        Self {
            first_byte: None,
            min_rate: defaults::MIN_RATE,
            min_rate_window: defaults::MIN_RATE_WINDOW,
            breaker: Some(BreakerPlan::default()),
        }
    }
}

impl GivingUp {
    /// The same, nothing in it beyond [`defaults::FOREVER`].
    pub(crate) fn bounded(self) -> Self {
        Self {
            first_byte: self.first_byte.map(|time| time.min(defaults::FOREVER)),
            min_rate_window: self.min_rate_window.min(defaults::FOREVER),
            ..self
        }
    }
}

/// When an origin counts as down: it then gets one attempt at growing intervals, and what has waited
/// for it too long ends as `origin_down`.
#[derive(Debug, Clone)]
pub struct BreakerPlan {
    /// Attempts in a row that brought no byte of an answer. 0 means 1.
    pub failures: u32,
    /// Without a sign of life; an item's deadline, where that is shorter.
    pub patience: Duration,
}

impl Default for BreakerPlan {
    fn default() -> Self {
        Self { failures: defaults::BREAKER_FAILURES, patience: defaults::BREAKER_PATIENCE }
    }
}

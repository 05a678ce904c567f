use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::defaults;

/// What a run does not go beyond, whatever its servers could take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CeilingsPlan {
    /// Requests that begin at one origin: retries, redirects that lead there, its robots.txt and ranges of
    /// bodies count. None: as many as come.
    pub rate: Option<Rate>,
    /// Bytes a second that are read from all connections together: heads and bodies, TLS not. None: as
    /// many as come. Time in which an answer is not read for it counts neither for its deadline nor
    /// as the server's.
    pub bandwidth: Option<NonZeroU64>,
    /// Retries at one origin. None: as many as [`Patience`](super::Patience) allows each item.
    pub retries: Option<RetryBudget>,
}

impl Default for CeilingsPlan {
    fn default() -> Self {
        Self { rate: None, bandwidth: None, retries: Some(RetryBudget::default()) }
    }
}

/// So many requests in a time, evenly spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: NonZeroU32,
    /// In which time. Zero means the shortest there is.
    pub per: Duration,
}

/// How many of an origin's requests may be retries. One that is over the budget waits for it, within
/// its item's deadline; where a quarter of those that may be admitted wait so, or the deadline comes, its
/// last failure is its outcome.
/// What a server asks for itself (Retry-After) and the trials of an origin that is down do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// Retries in a hundred of its requests in the window.
    pub percent: u32,
    /// In each window beside that.
    pub free: u32,
    /// The time that is looked at.
    pub window: Duration,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self {
            percent: defaults::RETRY_PERCENT,
            free: defaults::RETRIES_FREE,
            window: defaults::RETRY_WINDOW,
        }
    }
}

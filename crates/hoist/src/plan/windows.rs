use std::num::{NonZeroU32, NonZeroUsize};

/// How much is asked of DNS servers at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Windows {
    /// Queries under way to one server. None: as many as it answers best, found out while they are
    /// asked; it begins with [`super::defaults::DNS_WINDOW`].
    pub window: Option<NonZeroUsize>,
    /// Queries per second over all servers, at most. None: no bound.
    pub rate: Option<NonZeroU32>,
}

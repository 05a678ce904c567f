use std::num::NonZeroUsize;

use super::defaults;

/// How many attempts are in flight at one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PerOrigin {
    /// As many as pay: that is found out while the run goes on, for each origin that has enough items.
    /// [`defaults::GET_PRIOR`] at first.
    #[default]
    Auto,
    /// So many.
    Fixed(NonZeroUsize),
}

impl From<NonZeroUsize> for PerOrigin {
    fn from(n: NonZeroUsize) -> Self {
        Self::Fixed(n)
    }
}

/// How much may happen at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Attempts in flight over all origins.
    pub in_flight: NonZeroUsize,
    /// Attempts in flight at one origin.
    pub per_origin: PerOrigin,
    /// Items admitted at once.
    pub admitted_items: NonZeroUsize,
    /// Bytes of text of the admitted items.
    pub admitted_bytes: usize,
}

impl Limits {
    /// The limits of `hoist get`.
    pub fn get() -> Self {
        Self {
            in_flight: defaults::GET_IN_FLIGHT,
            per_origin: PerOrigin::Auto,
            admitted_items: defaults::ADMITTED_ITEMS,
            admitted_bytes: defaults::ADMITTED_BYTES,
        }
    }

    /// The limits of `hoist probe`: names in flight are the only bound on them.
    pub fn probe() -> Self {
        Self {
            in_flight: defaults::PROBE_IN_FLIGHT,
            per_origin: PerOrigin::Fixed(NonZeroUsize::MAX),
            admitted_items: defaults::ADMITTED_ITEMS,
            admitted_bytes: defaults::ADMITTED_BYTES,
        }
    }
}

use std::num::NonZeroUsize;

use super::defaults;

/// How much may happen at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Attempts in flight over all origins.
    pub in_flight: NonZeroUsize,
    /// Attempts in flight at one origin.
    pub per_origin: NonZeroUsize,
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
            per_origin: defaults::GET_PER_ORIGIN,
            admitted_items: defaults::ADMITTED_ITEMS,
            admitted_bytes: defaults::ADMITTED_BYTES,
        }
    }

    /// The limits of `hoist probe`: names in flight are the only bound on them.
    pub fn probe() -> Self {
        Self {
            in_flight: defaults::PROBE_IN_FLIGHT,
            per_origin: NonZeroUsize::MAX,
            admitted_items: defaults::ADMITTED_ITEMS,
            admitted_bytes: defaults::ADMITTED_BYTES,
        }
    }
}

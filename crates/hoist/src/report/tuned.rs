use crate::schedule::{Above, Found};

/// How many requests at once an origin gets, as was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tuned {
    /// Scheme, host and port.
    pub origin: String,
    /// Requests at once.
    pub count: usize,
    /// What more led to, where that was seen of late.
    pub above: Option<TunedAbove>,
}

/// What more requests at once than an origin gets led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TunedAbove {
    /// It answered with this status: 429 or 503.
    Status(u16),
    /// It refused connections, or broke them off.
    Broken,
    /// Everything went much slower.
    Slower,
}

impl Tuned {
    pub(crate) fn of(origin: String, found: Found) -> Self {
        let above = found.above.map(|above| match above {
            Above::Status(status) => TunedAbove::Status(status),
            Above::Broken => TunedAbove::Broken,
            Above::Slower => TunedAbove::Slower,
        });
        Self { origin, count: found.count, above }
    }
}

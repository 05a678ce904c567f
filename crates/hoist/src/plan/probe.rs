use std::time::Duration;

use super::{DnsPlan, Limits, defaults};

/// The validated settings of a probe.
#[derive(Debug, Clone)]
pub struct ProbePlan {
    /// How much at once.
    pub limits: Limits,
    /// What makes a name "found".
    pub question: Question,
    /// How names are looked up.
    pub dns: DnsPlan,
    /// For all queries about one name together.
    pub deadline: Duration,
    /// Seeds ids, ports and jitter. None: from the system's randomness.
    pub seed: Option<u64>,
}

impl Default for ProbePlan {
    fn default() -> Self {
        Self {
            limits: Limits::probe(),
            question: Question::Address,
            dns: DnsPlan::default(),
            deadline: defaults::PROBE_DEADLINE,
            seed: None,
        }
    }
}

/// What is asked of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Question {
    /// Has it an address? A first; NXDOMAIN decides; no data asks AAAA.
    #[default]
    Address,
    /// Has it an IPv4 address (A)?
    A,
    /// Has it an IPv6 address (AAAA)?
    Aaaa,
    /// A and AAAA, both asked in any case.
    Both,
}

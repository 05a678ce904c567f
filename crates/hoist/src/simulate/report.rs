use std::time::Duration;

use crate::outcome::FailureKind;
use crate::report::Tuned;

/// What a simulated run came to. Times are those of the run, in virtual time, but for one.
#[derive(Debug, Clone, Default)]
pub struct SimulationReport {
    /// Items of the list.
    pub items: u64,
    /// Origins that they are spread over.
    pub origins: u32,
    /// Outcomes `ok`.
    pub ok: u64,
    /// Outcomes `not_found`.
    pub not_found: u64,
    /// Outcomes `failed`.
    pub failed: u64,
    /// Outcomes `deferred`.
    pub deferred: u64,
    /// The kinds of those that failed, and how many, the most first.
    pub kinds: Vec<(FailureKind, u64)>,
    /// Bytes of bodies that are ok.
    pub bytes: u64,
    /// Attempts, those at down origins included.
    pub attempts: u64,
    /// Attempts after an item's first.
    pub retries: u64,
    /// Attempts that were answered with 429 or 503 for the load that they came upon.
    pub refusals: u64,
    /// Attempts that were answered so for another reason.
    pub other_refusals: u64,
    /// The most attempts that were in flight at once.
    pub in_flight: usize,
    /// From the start to the last outcome.
    pub duration: Duration,
    /// From the outcome of which 99 % had theirs to the last.
    pub tail: Duration,
    /// The longest that an item took, from its first attempt to its outcome.
    pub longest: Duration,
    /// The position of that item.
    pub longest_position: u64,
    /// The most memory that the schedule took, in bytes: the capacities of all that it keeps, looked at
    /// from time to time. Text of items is not in it, as there is none.
    pub schedule_memory: usize,
    /// What was found of how much origins can take, where most was asked.
    pub tuned: Vec<Tuned>,
    /// What it took to simulate it.
    pub took: Duration,
}

impl SimulationReport {
    /// Items that have their outcome.
    pub fn done(&self) -> u64 {
        self.ok + self.not_found + self.failed + self.deferred
    }
}

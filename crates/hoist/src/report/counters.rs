use std::sync::atomic::{AtomicU64, Ordering};

/// What a run counts while it goes on. Written on the I/O thread, read by anyone.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) admitted: AtomicU64,
    pub(crate) earlier: AtomicU64,
    pub(crate) input_bytes: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) ok: AtomicU64,
    pub(crate) not_found: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) deferred: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) set_aside: AtomicU64,
}

impl Counters {
    /// All of them at about one moment.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            admitted: read(&self.admitted),
            earlier: read(&self.earlier),
            input_bytes: read(&self.input_bytes),
            in_flight: read(&self.in_flight),
            ok: read(&self.ok),
            not_found: read(&self.not_found),
            failed: read(&self.failed),
            deferred: read(&self.deferred),
            received: read(&self.received),
            retries: read(&self.retries),
            set_aside: read(&self.set_aside),
        }
    }
}

/// Adds without ordering: counters are read as a whole only by people.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// The counters of a run at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Items admitted so far, and lines passed over as earlier runs have answered them.
    pub admitted: u64,
    /// Items that had their outcome from earlier runs of the list; they are among the outcomes
    /// below.
    pub earlier: u64,
    /// Bytes of the list that the admitted items, blank lines and comments took.
    pub input_bytes: u64,
    /// Attempts in flight.
    pub in_flight: u64,
    /// Outcomes `ok` of a get, `found` of a probe.
    pub ok: u64,
    /// Outcomes `not_found`.
    pub not_found: u64,
    /// Outcomes `failed` of a get, `unknown` of a probe.
    pub failed: u64,
    /// Outcomes `deferred`.
    pub deferred: u64,
    /// Bytes of bodies received, those of attempts that failed included.
    pub received: u64,
    /// Tries after an item's first.
    pub retries: u64,
    /// Lines that this run has set aside on disk, since their origin had its share of what may be admitted;
    /// they are among the admitted.
    pub set_aside: u64,
}

impl Snapshot {
    /// Items that have their outcome.
    pub fn done(&self) -> u64 {
        self.ok + self.not_found + self.failed + self.deferred
    }
}

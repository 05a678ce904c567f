use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::counters::{Counters, Snapshot, add};
use super::totals::{Class, Failures, Tallied, Totals};
use super::tuned::Tuned;
use crate::outcome::FailureKind;

/// What a run has done so far. Cheap to clone, readable from any thread, during the run and
/// after it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    counters: Counters,
    tally: Mutex<Tally>,
}

/// What is too large for a counter.
#[derive(Debug, Default)]
struct Tally {
    started: Option<Instant>,
    ended: Option<Instant>,
    failures: Failures,
    earlier: Option<Earlier>,
    tuned: Vec<Tuned>,
    not_set_aside: Option<String>,
}

impl Report {
    /// The counters at this moment.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.counters.snapshot()
    }

    /// How many requests at once origins get, where that was found out: see [`Summary::tuned`].
    pub fn tuned(&self) -> Vec<Tuned> {
        self.tally().tuned.clone()
    }

    /// The whole report at this moment.
    pub fn summary(&self) -> Summary {
        let tally = self.tally();
        let until = tally.ended.unwrap_or_else(Instant::now);
        Summary {
            counts: self.snapshot(),
            kinds: tally.failures.kinds.iter().map(|(kind, n)| (*kind, *n)).collect(),
            statuses: tally.failures.statuses.iter().map(|(status, n)| (*status, *n)).collect(),
            worst_origins: tally.failures.worst.top(5),
            elapsed: tally.started.map_or(Duration::ZERO, |at| until.duration_since(at)),
            earlier: tally.earlier,
            tuned: tally.tuned.clone(),
            not_set_aside: tally.not_set_aside.clone(),
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    pub(crate) fn start(&self) {
        self.tally().started = Some(Instant::now());
    }

    pub(crate) fn end(&self) {
        self.tally().ended = Some(Instant::now());
    }

    pub(crate) fn set_in_flight(&self, n: usize) {
        self.counters().in_flight.store(n as u64, Ordering::Relaxed);
    }

    pub(crate) fn set_tuned(&self, tuned: Vec<Tuned>) {
        self.tally().tuned = tuned;
    }

    /// Lines can't be set aside any more, and why.
    pub(crate) fn set_not_set_aside(&self, why: String) {
        self.tally().not_set_aside = Some(why);
    }

    pub(crate) fn count(&self, entry: Tallied<'_>) {
        let counters = self.counters();
        let counter = match entry.class {
            Class::Ok => &counters.ok,
            Class::NotFound => &counters.not_found,
            Class::Failed => &counters.failed,
            Class::Deferred => &counters.deferred,
        };
        add(counter, 1);
        if entry.kind.is_some() {
            self.tally().failures.count(entry);
        }
    }

    /// Takes over what earlier runs of the list have done.
    pub(crate) fn restore(
        &self,
        totals: &Totals,
        elapsed: Duration,
        deferred_until: Option<SystemTime>,
    ) {
        let counters = self.counters();
        for (counter, n) in [
            (&counters.ok, totals.ok),
            (&counters.not_found, totals.not_found),
            (&counters.failed, totals.failed),
            (&counters.deferred, totals.deferred),
            (&counters.earlier, totals.done()),
        ] {
            counter.store(n, Ordering::Relaxed);
        }
        let mut tally = self.tally();
        tally.failures = totals.failures.clone();
        let (received, retries) = (totals.received, totals.retries);
        tally.earlier = Some(Earlier { received, retries, elapsed, deferred_until });
    }

    /// Says how long it took, for a report that is made of records.
    pub(crate) fn took(&self, elapsed: Duration) {
        let now = Instant::now();
        let mut tally = self.tally();
        tally.started = now.checked_sub(elapsed);
        tally.ended = Some(now);
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        // Counting can't leave a tally half done, so a poisoned one is as good as any.
        self.shared.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The report of a run at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Summary {
    /// The counters.
    pub counts: Snapshot,
    /// Failures and deferrals by kind, in the order of [`FailureKind::ALL`].
    pub kinds: Vec<(FailureKind, u64)>,
    /// Failures of kind `status`, by status.
    pub statuses: Vec<(u16, u64)>,
    /// The five origins with the most failures, worst first. Past 256 failing origins the counts
    /// are upper bounds.
    pub worst_origins: Vec<(String, u64)>,
    /// From the start to the end, or to now.
    pub elapsed: Duration,
    /// How many requests at once origins get, where that was found out: of the five with the most
    /// answers, the most first.
    pub tuned: Vec<Tuned>,
    /// Why lines of slow origins could not be set aside on disk from some moment on, so that others may have
    /// waited for them.
    pub not_set_aside: Option<String>,
    /// What earlier runs of the list have done, where there were any. Their outcomes are among the
    /// counts.
    pub earlier: Option<Earlier>,
}

/// What earlier runs of a list have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Earlier {
    /// Bytes of the bodies that the outcomes tell of.
    pub received: u64,
    /// Tries after an item's first.
    pub retries: u64,
    /// The time of all these runs together.
    pub elapsed: Duration,
    /// When the first of their deferred items may be asked again that this run does not ask. None: there
    /// is none, or the report is made of records.
    pub deferred_until: Option<SystemTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_holds_what_was_counted() {
        let report = Report::default();
        report.start();
        let ok = Tallied {
            class: Class::Ok,
            kind: None,
            status: None,
            origin: Some("a"),
            bytes: 5,
            attempts: 1,
        };
        report.count(ok);
        for status in [503, 503, 418] {
            report.count(Tallied {
                class: Class::Failed,
                kind: Some(FailureKind::Status),
                status: Some(status),
                origin: Some("http://a"),
                ..ok
            });
        }
        report.count(Tallied {
            class: Class::Failed,
            kind: Some(FailureKind::Truncated),
            status: Some(200),
            origin: Some("http://b"),
            ..ok
        });
        report.end();
        let summary = report.summary();
        assert_eq!((summary.counts.ok, summary.counts.failed, summary.counts.done()), (1, 4, 5));
        assert_eq!(summary.kinds, [(FailureKind::Truncated, 1), (FailureKind::Status, 3)]);
        assert_eq!(summary.statuses, [(418, 1), (503, 2)]);
        assert_eq!(summary.worst_origins, [("http://a".into(), 3), ("http://b".into(), 1)]);
    }
}

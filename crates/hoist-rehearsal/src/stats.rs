//! What a rehearsal has seen so far, for tests that ask whether a client kept its limits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A snapshot of a server's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// TCP connections accepted since the start.
    pub connections: u64,
    /// TCP connections open now.
    pub open_connections: u64,
    /// The most TCP connections ever open at once.
    pub max_connections: u64,
    /// Requests (DNS: queries) read since the start.
    pub requests: u64,
    /// Requests read and not answered to the end yet.
    pub in_flight: u64,
    /// The most requests ever in flight at once.
    pub max_in_flight: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Gauge {
    total: AtomicU64,
    now: AtomicU64,
    max: AtomicU64,
}

impl Gauge {
    /// Counts one in until the guard is dropped.
    pub(crate) fn enter(&self) -> Inside<'_> {
        self.begin();
        Inside(self)
    }

    pub(crate) fn begin(&self) {
        self.begin_with(1);
    }

    /// Counts one in that ends when so many things have ended.
    pub(crate) fn begin_with(&self, things: u64) {
        self.total.fetch_add(1, Relaxed);
        let now = self.now.fetch_add(things, Relaxed) + things;
        self.max.fetch_max(now, Relaxed);
    }

    pub(crate) fn end(&self) {
        self.now.fetch_sub(1, std::sync::atomic::Ordering::Release);
    }
}

pub(crate) struct Inside<'a>(&'a Gauge);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: Gauge,
    pub(crate) requests: Gauge,
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Stats {
        let (c, r) = (&self.connections, &self.requests);
        Stats {
            connections: c.total.load(Relaxed),
            open_connections: c.now.load(Relaxed),
            max_connections: c.max.load(Relaxed),
            requests: r.total.load(Relaxed),
            in_flight: r.now.load(std::sync::atomic::Ordering::Acquire),
            max_in_flight: r.max.load(Relaxed),
        }
    }
}

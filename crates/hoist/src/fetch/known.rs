use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::outcome::Failure;
use crate::plan::defaults;

/// What is known of an origin that may speak HTTP/2. All who are connected to it, or connect, share it;
/// with the last of them it is forgotten.
#[derive(Debug)]
pub(super) struct Known {
    version: Cell<Version>,
    /// Connections that are being made, until it is known what they can carry.
    under_way: Cell<usize>,
    /// When the latest of them was begun.
    latest: Cell<Instant>,
    /// Attempts that wait for one of them.
    waiting: Cell<usize>,
    /// Streams that a connection can carry at once, as far as is known.
    at_once: Cell<usize>,
    /// Streams that a connection can carry in all: servers end connections after so many.
    in_all: Cell<usize>,
    /// Why the last connection could not be made.
    failure: RefCell<Option<Failure>>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Unknown,
    /// The server chose it when it was offered both.
    Http1,
    /// The server said that it won't do over HTTP/2 (RFC 9113 §7, `HTTP_1_1_REQUIRED`).
    Http1Required,
    Http2,
}

/// A connection that is being made.
#[derive(Debug)]
pub(super) struct UnderWay(Rc<Known>);

impl Known {
    pub(super) fn new() -> Self {
        Self {
            version: Cell::new(Version::Unknown),
            under_way: Cell::new(0),
            latest: Cell::new(Instant::now()),
            waiting: Cell::new(0),
            at_once: Cell::new(usize::MAX),
            in_all: Cell::new(usize::MAX),
            failure: RefCell::default(),
            changed: Notify::new(),
        }
    }

    /// Every attempt has a connection of its own.
    pub(super) fn is_http1(&self) -> bool {
        matches!(self.version.get(), Version::Http1 | Version::Http1Required)
    }

    /// HTTP/2 must not be offered.
    pub(super) fn requires_http1(&self) -> bool {
        self.version.get() == Version::Http1Required
    }

    /// The server wants to be asked over HTTP/1.1.
    pub(super) fn require_http1(&self) {
        self.version.set(Version::Http1Required);
        self.changed.notify_waiters();
    }

    /// A connection was made.
    pub(super) fn connected(&self, http2: bool) {
        self.failure.take();
        if !self.requires_http1() {
            self.version.set(if http2 { Version::Http2 } else { Version::Http1 });
        }
    }

    /// A connection could not be made.
    pub(super) fn failed(&self, failure: &Failure) {
        self.failure.replace(Some(failure.clone()));
    }

    pub(super) fn last_failure(&self) -> Option<Failure> {
        self.failure.borrow().clone()
    }

    /// What the server said that a connection can carry at once.
    pub(super) fn set_at_once(&self, streams: usize) {
        self.at_once.set(streams);
    }

    /// Streams that a new connection is given in all.
    pub(super) fn in_all(&self) -> usize {
        self.in_all.get()
    }

    /// The server ended a connection after so many streams.
    pub(super) fn ended_after(&self, streams: usize) {
        self.in_all.set(self.in_all.get().min(streams.max(1)));
    }

    /// A connection has carried so many, and goes on.
    pub(super) fn carries(&self, streams: usize) {
        self.in_all.set(self.in_all.get().max(streams));
    }

    /// One who wants a stream, beside those who wait, may make a connection: the first goes alone, and
    /// more only when those under way can't carry all, or take long.
    pub(super) fn begin(self: &Rc<Self>, alone: Duration, now: Instant) -> Option<UnderWay> {
        let under_way = self.under_way.get();
        let carried = under_way.saturating_mul(self.at_once.get().min(self.in_all.get()).max(1));
        let wanted = under_way + self.waiting.get() + 1;
        if under_way > 0 && wanted <= carried && now < self.latest.get() + alone {
            return None;
        }
        self.under_way.set(under_way + 1);
        self.latest.set(now);
        Some(UnderWay(Rc::clone(self)))
    }

    /// Waits for news of the connections under way, or for a stream that is free again, until it is
    /// time to make one more.
    pub(super) async fn wait(&self, alone: Duration, until: Instant) {
        let until = until.min(self.latest.get() + alone);
        self.waiting.set(self.waiting.get() + 1);
        let waiting = Waiting(self);
        let _ = tokio::time::timeout_at(until.into(), self.changed.notified()).await;
        drop(waiting);
    }

    /// A stream is free.
    pub(super) fn stream_ended(&self) {
        if self.waiting.get() > 0 {
            self.changed.notify_one();
        }
    }
}

/// How long a connection goes alone.
pub(super) fn alone(allowed: Duration) -> Duration {
    (allowed / 4).min(defaults::FIRST_ALONE)
}

struct Waiting<'a>(&'a Known);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

impl UnderWay {
    pub(super) fn known(&self) -> &Rc<Known> {
        &self.0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Duration = Duration::from_secs(2);

    #[test]
    fn the_first_goes_alone_for_a_while() {
        let known = Rc::new(Known::new());
        let start = Instant::now();
        let first = known.begin(ALONE, start);
        assert!(first.is_some());
        assert!(known.begin(ALONE, start).is_none());
        assert!(known.begin(ALONE, start + ALONE / 2).is_none());
        let second = known.begin(ALONE, start + ALONE);
        assert!(second.is_some(), "the first is slow");
        assert!(known.begin(ALONE, start + ALONE).is_none(), "the second has its time too");
        drop((first, second));
        assert!(known.begin(ALONE, start + ALONE).is_some(), "both failed");
    }

    #[test]
    fn connections_are_made_for_those_who_wait() {
        let known = Rc::new(Known::new());
        known.connected(true);
        known.set_at_once(3);
        let now = Instant::now();
        let first = known.begin(ALONE, now);
        assert!(first.is_some());
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                assert!(known.begin(ALONE, now).is_none());
                known.waiting.set(known.waiting.get() + 1);
                Waiting(&known)
            })
            .collect();
        let second = known.begin(ALONE, now);
        assert!(second.is_some(), "the first carries itself and two more");
        drop((waiting, second));
        known.ended_after(1);
        assert!(known.begin(ALONE, now).is_some(), "it won't carry more than one");
        assert_eq!(known.in_all(), 1);
        known.carries(2);
        assert_eq!(known.in_all(), 2);
    }

    #[test]
    fn what_a_server_requires_is_not_overruled() {
        let known = Known::new();
        assert!(!known.is_http1());
        known.connected(false);
        assert!(known.is_http1() && !known.requires_http1());
        known.connected(true);
        assert!(!known.is_http1());
        known.require_http1();
        known.connected(true);
        assert!(known.is_http1() && known.requires_http1());
    }
}

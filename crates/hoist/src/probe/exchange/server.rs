use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::again::Again;
use super::case::Keeping;
use super::places::Places;
use super::window::{Window, WindowPolicy};

/// A socket that is connected to one server, by the number under which the machine knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SocketId(pub(crate) u32);

/// Sockets in use at once for one server: each has a port that a forger must guess, and a buffer
/// for answers.
const POOL_MAX: usize = 16;
/// Queries under way on a socket from which one more is opened. The kernel's default buffer of
/// 212,992 bytes takes some 270 small answers at once.
const CROWDED: usize = 128;
/// Sockets of one server with those that only wait for late answers.
const SOCKETS_MAX: usize = 64;
/// How long a server is left alone after its machine said that nobody listens there, and sockets
/// after one could not be opened.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause is 1.6 s.
const PAUSE_DOUBLINGS: u32 = 4;
/// Queries in a row without an answer that is of use, after which a server rests, where there are
/// others.
const SILENT: u32 = 16;
/// For so long; then it gets one query to show that it is back, and rests twice as long if it is not.
const REST: Duration = Duration::from_secs(2);
/// The longest rest is 64 s.
const REST_DOUBLINGS: u32 = 5;
/// Queries under way at once, where there are others, to one that has not said a word yet.
const UNTRIED: usize = 64;

/// TCP connections to one server at once (RFC 7766 §6.2.2 wants few).
pub(crate) const CONNECTIONS: usize = 2;
/// Questions on one of them that have no answer yet.
pub(crate) const PIPELINED: usize = 128;

/// A server, as its answers make it look.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// Sockets that queries are sent from.
    pub(super) pool: Vec<SocketId>,
    /// With those that were replaced and wait for late answers.
    pub(super) sockets: usize,
    /// Queries that may still be answered.
    pub(super) live: usize,
    /// A socket of the pool was used often enough.
    pub(super) worn: Option<SocketId>,
    /// The shell has been told to open one, or is about to be.
    pub(super) wanting: bool,
    /// None are opened before.
    pub(super) no_sockets_until: Option<Instant>,
    /// EDNS broke this one.
    pub(super) plain: bool,
    pub(super) keeping: Keeping,
    /// The socket of what goes out at this moment.
    pub(super) chosen: Option<(Instant, SocketId)>,
    pub(super) last_reply: Option<Instant>,
    /// Times in a row that nobody listened there.
    pub(super) refusals: u32,
    /// Why it can't be reached, where it is not that nobody listens.
    pub(super) trouble: Option<String>,
    refused_until: Option<Instant>,
    /// In a row.
    failures: u32,
    resting_until: Option<Instant>,
    rests: u32,
    pub(super) window: Window,
    pub(super) again: Again,
    pub(super) places: Places,
}

impl Server {
    pub(super) fn new(address: SocketAddr, window: WindowPolicy) -> Self {
        Self {
            address,
            pool: Vec::new(),
            sockets: 0,
            live: 0,
            worn: None,
            wanting: false,
            no_sockets_until: None,
            plain: false,
            keeping: Keeping::Unknown(0),
            chosen: None,
            last_reply: None,
            refusals: 0,
            trouble: None,
            refused_until: None,
            failures: 0,
            resting_until: None,
            rests: 0,
            window: Window::new(window),
            again: Again::default(),
            places: Places::new(),
        }
    }

    /// Whether one more socket would do good.
    pub(super) fn wants_socket(&self) -> bool {
        let crowded = self.pool.len() < POOL_MAX && self.live >= self.pool.len() * CROWDED;
        !self.wanting && self.sockets < SOCKETS_MAX && (crowded || self.worn.is_some())
    }

    /// It said something, whatever it was.
    pub(super) fn replied(&mut self, now: Instant) {
        self.last_reply = Some(now);
        self.refusals = 0;
        self.refused_until = None;
    }

    /// It said something that is of use.
    pub(super) fn was_of_use(&mut self) {
        self.failures = 0;
        self.resting_until = None;
        self.rests = 0;
    }

    /// A query that was sent then was not answered in time.
    pub(super) fn timed_out(&mut self, now: Instant, sent: Option<Instant>) {
        self.window.lost(now);
        // What was lost before its last word says nothing about what it does since.
        if self.last_reply.is_none() || sent > self.last_reply {
            self.failed(now);
        }
    }

    /// It had nothing to say that is of use.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= SILENT && self.resting_until.is_none() {
            self.rest(now);
        }
    }

    fn rest(&mut self, now: Instant) {
        self.resting_until = Some(now + REST * (1 << self.rests.min(REST_DOUBLINGS)));
        self.rests = self.rests.saturating_add(1);
    }

    /// Nobody listens, or it can't be reached for a reason. False if that is known already. It is
    /// left alone for `PAUSE`, and longer each time.
    pub(super) fn refused(&mut self, now: Instant, reason: Option<String>) -> bool {
        if self.refused_until.is_some_and(|until| now < until) {
            return false;
        }
        self.refused_until = Some(now + PAUSE * (1 << self.refusals.min(PAUSE_DOUBLINGS)));
        self.refusals = self.refusals.saturating_add(1);
        self.trouble = reason;
        true
    }

    /// Until when nothing is sent to it at all.
    pub(super) fn closed_until(&self, now: Instant) -> Option<Instant> {
        self.refused_until.filter(|until| now < *until)
    }

    /// Whether another is to be preferred.
    pub(super) fn rests(&self, now: Instant) -> bool {
        self.resting_until.is_some() || self.closed_until(now).is_some()
    }

    /// Whether its rest is over: then one query goes there. More only if that is answered.
    pub(super) fn is_to_be_tried(&self, now: Instant) -> bool {
        self.resting_until.is_some_and(|until| until <= now) && self.closed_until(now).is_none()
    }

    /// That query is on its way.
    pub(super) fn is_tried(&mut self, now: Instant) {
        self.rest(now);
    }

    /// When the next query may go there; `None`: now. `alone`: there is no other server.
    pub(super) fn full_until(&mut self, now: Instant, alone: bool) -> Option<Instant> {
        if let Some(until) = self.window.bursts.blocked_until(now) {
            return Some(until);
        }
        let limit = self.limit(alone);
        if self.has_room(limit) {
            return None;
        }
        self.tick(now);
        if self.has_room(limit) { None } else { Some(self.next_room(now)) }
    }

    /// When there is room for one more question over TCP; `None`: now.
    pub(super) fn tcp_full_until(&mut self, now: Instant) -> Option<Instant> {
        self.tick(now);
        let window = self.window.limit();
        let has_room = self.underway() < window && self.places.is_free(window);
        if has_room { None } else { Some(self.next_room(now)) }
    }

    fn tick(&mut self, now: Instant) {
        self.window.tick(now);
        self.places.tick(now);
    }

    /// Whether one more may go over UDP. What waits for TCP is older, and goes first.
    fn has_room(&self, limit: usize) -> bool {
        self.underway() + usize::from(self.places.is_wanted(self.window.limit())) < limit
    }

    fn next_room(&self, now: Instant) -> Instant {
        let next = [self.window.next_room(), self.places.next_free()];
        next.into_iter().flatten().min().unwrap_or(now + PAUSE)
    }

    /// Queries that take a place in the window.
    pub(super) fn underway(&self) -> usize {
        self.window.underway() + self.places.taken()
    }

    /// Queries under way at once, at most.
    pub(super) fn limit(&self, alone: bool) -> usize {
        let limit = self.window.limit();
        if alone || self.last_reply.is_some() { limit } else { limit.min(UNTRIED) }
    }
}

/// A socket, as the machine sees it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) server: usize,
    /// Queries that may still be answered.
    pub(super) live: usize,
    pub(super) used: u32,
    /// After so many queries it is replaced.
    pub(super) worn_at: u32,
    /// It only waits for late answers.
    pub(super) retired: bool,
}

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::case::Keeping;

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
/// Queries in a row without an answer after which a server rests, where there are others.
const SILENT: u32 = 16;
/// For so long; then it gets one query to show that it is back.
const REST: Duration = Duration::from_secs(2);

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
    timeouts: u32,
    resting_until: Option<Instant>,
    /// Connections over TCP under way.
    pub(super) tcp: usize,
}

impl Server {
    pub(super) fn new(address: SocketAddr) -> Self {
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
            timeouts: 0,
            resting_until: None,
            tcp: 0,
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
        self.timeouts = 0;
        self.resting_until = None;
    }

    /// A query was not answered in time.
    pub(super) fn timed_out(&mut self, now: Instant) {
        self.timeouts = self.timeouts.saturating_add(1);
        if self.timeouts >= SILENT && self.resting_until.is_none() {
            self.resting_until = Some(now + REST);
        }
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
    pub(super) fn rests(&mut self, now: Instant) -> bool {
        if self.closed_until(now).is_some() {
            return true;
        }
        match self.resting_until {
            Some(until) if now < until => true,
            Some(_) => {
                // One query goes there now; more only if it is answered.
                self.resting_until = Some(now + REST);
                false
            }
            None => false,
        }
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

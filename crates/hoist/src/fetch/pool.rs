use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::SendRequest;

use super::meter::Meter;
use crate::item::Origin;

/// A connection that can carry a request.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sender: SendRequest<Empty<Bytes>>,
    pub(super) meter: Rc<Meter>,
    /// It has carried a request before.
    pub(super) reused: bool,
    _open: Open,
}

impl Connection {
    pub(super) fn new(sender: SendRequest<Empty<Bytes>>, meter: Rc<Meter>, open: Open) -> Self {
        Self { sender, meter, reused: false, _open: open }
    }
}

/// Counts a connection as open while it lives.
#[derive(Debug)]
pub(super) struct Open(Rc<Cell<usize>>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Idle connections by origin. Who has a permit of an origin takes an idle connection before
/// opening one, and puts it back with the permit: so an origin has no more connections than
/// permits. All connections together keep to a budget of descriptors.
#[derive(Debug)]
pub(super) struct Pool {
    idle: HashMap<Origin, Vec<Idle>>,
    /// Idle connections, least recently used first.
    by_age: BTreeMap<u64, Origin>,
    next: u64,
    open: Rc<Cell<usize>>,
    budget: usize,
    max_idle: usize,
    idle_timeout: Duration,
}

#[derive(Debug)]
struct Idle {
    number: u64,
    since: Instant,
    connection: Connection,
}

impl Pool {
    /// `budget` is how many connections may be open, idle and busy ones together; `max_idle`, how
    /// many of them idle.
    pub(super) fn new(budget: usize, max_idle: usize, idle_timeout: Duration) -> Self {
        Self {
            idle: HashMap::new(),
            by_age: BTreeMap::new(),
            next: 0,
            open: Rc::default(),
            budget,
            max_idle,
            idle_timeout,
        }
    }

    /// The connection of this origin that was used last: it is the likeliest to be alive.
    pub(super) fn take(&mut self, origin: &Origin) -> Option<Connection> {
        let idle = self.idle.get_mut(origin)?;
        let taken = idle.pop();
        if idle.is_empty() {
            self.idle.remove(origin);
        }
        let Idle { number, mut connection, .. } = taken?;
        self.by_age.remove(&number);
        connection.reused = true;
        Some(connection)
    }

    pub(super) fn put(&mut self, origin: Origin, connection: Connection, now: Instant) {
        self.close_old(now);
        while self.by_age.len() >= self.max_idle && self.close_oldest() {}
        let number = self.next;
        self.next += 1;
        self.by_age.insert(number, origin.clone());
        self.idle.entry(origin).or_default().push(Idle { number, since: now, connection });
    }

    /// Counts a connection that is about to be opened; an idle one makes room for it.
    pub(super) fn open(&mut self) -> Open {
        while self.open.get() >= self.budget && self.close_oldest() {}
        self.open.set(self.open.get() + 1);
        Open(Rc::clone(&self.open))
    }

    /// Closes the connection that has been idle for longest. False when none is idle.
    pub(super) fn close_oldest(&mut self) -> bool {
        let Some((number, origin)) = self.by_age.pop_first() else { return false };
        if let Some(idle) = self.idle.get_mut(&origin) {
            idle.retain(|idle| idle.number != number);
            if idle.is_empty() {
                self.idle.remove(&origin);
            }
        }
        true
    }

    fn close_old(&mut self, now: Instant) {
        while let Some((number, origin)) = self.by_age.first_key_value() {
            let since = self
                .idle
                .get(origin)
                .and_then(|idle| idle.iter().find(|idle| idle.number == *number))
                .map(|idle| idle.since);
            if since.is_some_and(|since| now.duration_since(since) < self.idle_timeout) {
                return;
            }
            self.close_oldest();
        }
    }
}

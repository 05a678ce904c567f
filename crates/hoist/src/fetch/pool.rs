use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use super::http2::{Http2, Stream};
use super::known::Known;
use super::meter::Meter;
use super::transport::Transport;
use crate::item::Origin;
use crate::plan::defaults;
use crate::schedule::Keyed;

/// A connection that can carry a request.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) transport: Transport,
    /// Of a stream of HTTP/2, for itself.
    pub(super) meter: Rc<Meter>,
    /// It has carried a request before.
    pub(super) reused: bool,
}

impl Connection {
    pub(super) fn new(transport: Transport, meter: Rc<Meter>) -> Self {
        Self { transport, meter, reused: false }
    }
}

impl From<Stream> for Connection {
    fn from(stream: Stream) -> Self {
        let reused = stream.is_reused();
        let meter = Rc::new(Meter::new(stream.hold()));
        Self { transport: Transport::Http2(stream), meter, reused }
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
/// permits. A connection of HTTP/2 stays here, and whose streams are all unused is idle. All
/// connections together keep to a budget of descriptors.
#[derive(Debug)]
pub(super) struct Pool {
    idle: HashMap<Origin, Vec<Idle>, Keyed>,
    /// Connections of HTTP/2, in use or idle.
    shared: HashMap<Origin, Vec<Shared>, Keyed>,
    known: HashMap<Origin, Weak<Known>, Keyed>,
    /// What nobody knows any longer is swept out when `known` has grown to this.
    sweep_at: usize,
    /// Idle connections, least recently used first, and since when they are idle.
    by_age: BTreeMap<u64, (Instant, Origin)>,
    /// Those of them that nobody waited for.
    unawaited: BTreeSet<u64>,
    next: u64,
    open: Rc<Cell<usize>>,
    budget: usize,
    max_idle: usize,
    idle_timeout: Duration,
}

#[derive(Debug)]
struct Idle {
    number: u64,
    connection: Connection,
}

#[derive(Debug)]
struct Shared {
    http2: Rc<Http2>,
    /// Its number among the idle.
    idle: Option<u64>,
}

/// Origins known before the first sweep.
const SWEEP_FROM: usize = 64;

impl Pool {
    /// `budget` is how many connections may be open, idle and busy ones together; `max_idle`, how
    /// many of them idle.
    pub(super) fn new(budget: usize, max_idle: usize, idle_timeout: Duration) -> Self {
        let keyed = Keyed::secret();
        Self {
            idle: HashMap::with_hasher(keyed),
            shared: HashMap::with_hasher(keyed),
            known: HashMap::with_hasher(keyed),
            sweep_at: SWEEP_FROM,
            by_age: BTreeMap::new(),
            unawaited: BTreeSet::new(),
            next: 0,
            open: Rc::default(),
            budget,
            max_idle,
            idle_timeout,
        }
    }

    /// The connection of this origin that was used last: it is the likeliest to be alive.
    /// Or a stream of one that is shared.
    pub(super) fn take(&mut self, origin: &Origin) -> Option<Connection> {
        let Some(idle) = self.idle.get_mut(origin) else {
            return self.stream(origin).map(Connection::from);
        };
        let taken = idle.pop();
        if idle.is_empty() {
            self.idle.remove(origin);
        }
        let Idle { number, mut connection, .. } = taken?;
        self.by_age.remove(&number);
        self.unawaited.remove(&number);
        connection.reused = true;
        Some(connection)
    }

    /// A stream of a connection that has room.
    pub(super) fn stream(&mut self, origin: &Origin) -> Option<Stream> {
        let shared = self.shared.get_mut(origin)?;
        let (at, stream) = shared
            .iter()
            .enumerate()
            .find_map(|(at, shared)| Some((at, shared.http2.stream()?)))?;
        if let Some(number) = shared[at].idle.take() {
            self.by_age.remove(&number);
        }
        Some(stream)
    }

    /// A connection of HTTP/2 was made.
    pub(super) fn share(&mut self, http2: Rc<Http2>) {
        let origin = http2.origin().clone();
        self.shared.entry(origin).or_default().push(Shared { http2, idle: None });
    }

    /// All streams of a connection have ended.
    pub(super) fn unused(&mut self, http2: &Rc<Http2>) {
        let now = Instant::now();
        self.close_old(now);
        if http2.is_open() {
            while self.by_age.len() >= self.max_idle && self.close_oldest() {}
        }
        let Some(shared) = self.shared.get_mut(http2.origin()) else { return };
        let Some(at) = shared.iter().position(|of| Rc::ptr_eq(&of.http2, http2)) else { return };
        if http2.is_open() {
            let number = self.next;
            self.next += 1;
            shared[at].idle = Some(number);
            self.by_age.insert(number, (now, http2.origin().clone()));
        } else {
            shared.swap_remove(at);
            if shared.is_empty() {
                self.shared.remove(http2.origin());
            }
        }
    }

    /// What is known of an origin.
    pub(super) fn known(&mut self, origin: &Origin) -> Rc<Known> {
        if let Some(known) = self.known.get(origin).and_then(Weak::upgrade) {
            return known;
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|_, known| known.strong_count() > 0);
            self.sweep_at = (2 * self.known.len()).max(SWEEP_FROM);
        }
        let known = Rc::new(Known::new());
        self.known.insert(origin.clone(), Rc::downgrade(&known));
        known
    }

    /// A connection becomes idle. `awaited`: another item of its origin waits, and so it is of use soon.
    pub(super) fn put(
        &mut self,
        origin: Origin,
        connection: Connection,
        awaited: bool,
        now: Instant,
    ) {
        self.close_old(now);
        while self.by_age.len() >= self.max_idle && self.close_oldest() {}
        let number = self.next;
        self.next += 1;
        if !awaited {
            if self.unawaited.len() >= defaults::IDLE_UNAWAITED
                && let Some(oldest) = self.unawaited.first().copied()
            {
                self.close(oldest);
            }
            self.unawaited.insert(number);
        }
        self.by_age.insert(number, (now, origin.clone()));
        self.idle.entry(origin).or_default().push(Idle { number, connection });
    }

    /// Counts a connection that is about to be opened; an idle one makes room for it.
    pub(super) fn open(&mut self) -> Open {
        while self.open.get() >= self.budget && self.close_oldest() {}
        self.open.set(self.open.get() + 1);
        Open(Rc::clone(&self.open))
    }

    /// Closes the connection that has been idle for longest. False when none is idle.
    pub(super) fn close_oldest(&mut self) -> bool {
        let oldest = self.by_age.first_key_value().map(|(number, _)| *number);
        oldest.is_some_and(|number| self.close(number))
    }

    /// Closes an idle connection. False when there is none of this number.
    fn close(&mut self, number: u64) -> bool {
        self.unawaited.remove(&number);
        let Some((_, origin)) = self.by_age.remove(&number) else { return false };
        if let Some(idle) = self.idle.get_mut(&origin) {
            idle.retain(|idle| idle.number != number);
            if idle.is_empty() {
                self.idle.remove(&origin);
            }
        }
        if let Some(shared) = self.shared.get_mut(&origin) {
            shared.retain(|shared| shared.idle != Some(number));
            if shared.is_empty() {
                self.shared.remove(&origin);
            }
        }
        true
    }

    fn close_old(&mut self, now: Instant) {
        while let Some((_, (since, _))) = self.by_age.first_key_value()
            && now.duration_since(*since) >= self.idle_timeout
        {
            self.close_oldest();
        }
    }
}

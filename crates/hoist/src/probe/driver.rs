//! The shell around `exchange`: opens sockets, sends, sleeps until the next timeout.
//!
//! While few queries are under way each socket is watched, and an answer is read as soon as it comes.
//! While many are, each is looked at every millisecond and not watched: to wake the thread for each
//! answer costs more than to read it.

use std::cell::Cell;
use std::net::UdpSocket;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use super::exchange::{Exchange, SocketId, Tcp, TcpEnd, Transmit};
use super::inquiries::{Shared, Source};
use super::transport::tcp::{Connections, Ended};
use super::transport::udp::{self, Arrival, NoSocket, Rest, SendEnd};
use crate::polls::{Task, timed};
use crate::sys::Alarm;
use crate::sys::datagrams::{Departures, TOGETHER};

/// Between two looks at the sockets while many queries are under way.
const LOOK: Duration = Duration::from_millis(1);
/// So many queries are many.
const MANY: usize = 256;
/// And so many for each socket, as a look costs a system call.
const MANY_EACH: usize = 8;

/// Runs until nobody is left to ask.
pub(super) async fn drive(shared: Rc<Shared>, tasks: TaskTracker) {
    let connections = Connections::new(tasks.clone(), over_tcp(&shared));
    let mut shell = Shell {
        shared: Rc::clone(&shared),
        tasks,
        sockets: Vec::new(),
        open: 0,
        departures: Departures::new(),
        together: TOGETHER,
        buffer: Vec::with_capacity(512),
        next_look: None,
        connections,
    };
    let mut alarm = Alarm::new();
    while !shared.closed.get() {
        shared.woken.set(false);
        match shell.turn() {
            None => shared.wake.notified().await,
            Some(until) => tokio::select! {
                biased;
                () = shared.wake.notified() => {}
                () = alarm.at(until) => {}
            },
        }
    }
}

struct Shell<E> {
    shared: Rc<Shared>,
    tasks: TaskTracker,
    /// By their ids.
    sockets: Vec<Option<Open>>,
    /// How many there are.
    open: usize,
    /// All from one socket.
    departures: Departures<Transmit>,
    /// So many of them may go as one parcel.
    together: usize,
    buffer: Vec<u8>,
    /// At all sockets, none of which is watched.
    next_look: Option<Instant>,
    connections: Connections<E>,
}

struct Open {
    socket: Rc<UdpSocket>,
    watcher: Option<AbortHandle>,
    /// Datagrams that have found no room since it was opened.
    dropped: Rc<Cell<u32>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.unwatch();
    }
}

impl Open {
    fn unwatch(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            watcher.abort();
        }
    }
}

impl<E: Ended> Shell<E> {
    /// Does all there is to do now; returns when there will be more.
    fn turn(&mut self) -> Option<Instant> {
        let shared = Rc::clone(&self.shared);
        self.look(Instant::now());
        loop {
            let now = Instant::now();
            let (next, live) = {
                let mut state = shared.state.borrow_mut();
                let Source::Dns { exchange, .. } = &mut state.source else { return None };
                exchange.handle_timeout(now);
                self.send(exchange, now);
                while let Some(tcp) = exchange.poll_tcp(now, &mut self.buffer) {
                    self.connections.ask(tcp, &self.buffer);
                }
                while let Some(id) = exchange.poll_close() {
                    self.open -= 1;
                    self.sockets[id.0 as usize] = None;
                }
                (exchange.next_timeout(), exchange.live())
            };
            if !shared.hand_on(now) {
                self.choose(now, live);
                return next.into_iter().chain(self.next_look).min();
            }
        }
    }

    /// Looks at the sockets, where they are not watched and it is time.
    fn look(&mut self, now: Instant) {
        if self.next_look.is_none_or(|at| now < at) {
            return;
        }
        let mut state = self.shared.state.borrow_mut();
        let Source::Dns { exchange, arrivals, .. } = &mut state.source else { return };
        for (id, open) in (0..).map(SocketId).zip(&self.sockets) {
            let Some(open) = open else { continue };
            udp::receive(&open.socket, arrivals, |arrival| {
                take(exchange, now, id, &open.dropped, arrival);
            });
        }
        drop(state);
        self.shared.hand_on(now);
        self.next_look = Some(now + LOOK);
    }

    /// Whether sockets are watched from now on, or looked at.
    fn choose(&mut self, now: Instant, live: usize) {
        let many = MANY.max(self.open * MANY_EACH);
        if self.next_look.is_none() && live >= many {
            self.sockets.iter_mut().flatten().for_each(Open::unwatch);
            self.next_look = Some(now + LOOK);
        } else if self.next_look.is_some() && live < many / 4 {
            self.next_look = None;
            for at in 0..self.sockets.len() {
                self.watch(at);
            }
        }
    }

    fn send(&mut self, exchange: &mut Exchange, now: Instant) {
        loop {
            while let Some(wanted) = exchange.poll_socket() {
                match udp::open(wanted.address) {
                    Ok(socket) => {
                        let id = exchange.socket_opened(wanted);
                        self.add(id, socket);
                    }
                    Err(NoSocket::Shortage) => exchange.socket_failed(now, wanted, None),
                    Err(NoSocket::Unreachable(why)) => {
                        exchange.socket_failed(now, wanted, Some(why));
                    }
                }
            }
            let mut from = None;
            while let Some(transmit) = exchange.poll_transmit(now, &mut self.buffer) {
                if from.is_some_and(|id| id != transmit.socket) {
                    self.depart(exchange, now, from);
                }
                from = Some(transmit.socket);
                self.departures.push(&self.buffer, transmit);
            }
            self.depart(exchange, now, from);
            if !exchange.wants_socket() {
                return;
            }
        }
    }

    /// Sends all that waits. What does not go is told.
    fn depart(&mut self, exchange: &mut Exchange, now: Instant, from: Option<SocketId>) {
        let Some(id) = from else { return };
        let open = self.sockets.get(id.0 as usize).and_then(Option::as_ref);
        let out = &mut self.departures;
        let mut gone = 0;
        while gone < out.len() {
            let end = open
                .map_or(SendEnd::Later, |open| udp::send(&open.socket, out, gone, self.together));
            match end {
                SendEnd::Sent(sent) => gone += sent,
                SendEnd::OneByOne => self.together = 1,
                SendEnd::Later => {
                    out.tags(gone).for_each(|transmit| exchange.not_sent(now, transmit));
                    break;
                }
                SendEnd::Gone(why) => {
                    let parcel = out.together(gone, self.together);
                    for transmit in out.tags(gone).take(parcel) {
                        exchange.not_sent(now, transmit);
                    }
                    exchange.refused(now, id, why);
                    gone += parcel;
                }
            }
        }
        out.clear();
    }

    fn add(&mut self, id: SocketId, socket: UdpSocket) {
        let at = id.0 as usize;
        if self.sockets.len() <= at {
            self.sockets.resize_with(at + 1, || None);
        }
        self.open += 1;
        self.sockets[at] =
            Some(Open { socket: Rc::new(socket), watcher: None, dropped: Rc::default() });
        if self.next_look.is_none() {
            self.watch(at);
        }
    }

    fn watch(&mut self, at: usize) {
        let Some(Some(open)) = self.sockets.get_mut(at) else { return };
        let id = SocketId(u32::try_from(at).unwrap_or(u32::MAX));
        let shared = Rc::clone(&self.shared);
        let dropped = Rc::clone(&open.dropped);
        let read = move |socket: &UdpSocket| {
            let now = Instant::now();
            let mut rest = Rest::Nothing;
            if let Source::Dns { exchange, arrivals, .. } = &mut shared.state.borrow_mut().source {
                rest = udp::receive(socket, arrivals, |arrival| {
                    take(exchange, now, id, &dropped, arrival);
                });
            }
            shared.hand_on(now);
            shared.wake_driver();
            rest
        };
        let watch = udp::watch(Rc::clone(&open.socket), read);
        let watcher = self.tasks.spawn_local(timed(Task::Lookups, watch));
        open.watcher = Some(watcher.abort_handle());
    }
}

/// Hands in how queries over TCP ended.
fn over_tcp(shared: &Rc<Shared>) -> impl Ended + use<> {
    let shared = Rc::clone(shared);
    move |tcp: Tcp, end: TcpEnd<'_>| {
        let now = Instant::now();
        if let Source::Dns { exchange, .. } = &mut shared.state.borrow_mut().source {
            exchange.tcp_ended(now, tcp, end);
        }
        shared.hand_on(now);
        shared.wake_driver();
    }
}

fn take(
    exchange: &mut Exchange,
    now: Instant,
    id: SocketId,
    dropped: &Cell<u32>,
    arrival: Arrival<'_>,
) {
    match arrival {
        Arrival::Datagram(bytes) => exchange.receive(now, id, bytes),
        Arrival::Gone(why) => exchange.refused(now, id, why),
        Arrival::Dropped(so_far) => {
            let before = dropped.replace(so_far);
            exchange.dropped(now, id, so_far.wrapping_sub(before));
        }
    }
}

//! The shell around `exchange`: opens sockets, sends, sleeps until the next timeout.

use std::rc::Rc;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::exchange::{Exchange, SocketId, Tcp};
use super::inquiries::{Shared, Source};
use super::transport::tcp;
use super::transport::udp::{self, Arrival, NoSocket, SendEnd};

/// Runs until nobody is left to ask.
pub(super) async fn drive(shared: Rc<Shared>, tasks: TaskTracker) {
    let mut shell = Shell {
        shared: Rc::clone(&shared),
        tasks,
        sockets: Vec::new(),
        buffer: Vec::with_capacity(512),
        over: CancellationToken::new(),
    };
    let sleep = tokio::time::sleep_until(Instant::now().into());
    tokio::pin!(sleep);
    while !shared.closed.get() {
        shared.woken.set(false);
        match shell.turn() {
            None => shared.wake.notified().await,
            Some(until) => {
                let until = until.into();
                if sleep.deadline() != until {
                    sleep.as_mut().reset(until);
                }
                tokio::select! {
                    biased;
                    () = shared.wake.notified() => {}
                    () = &mut sleep => {}
                }
            }
        }
    }
}

struct Shell {
    shared: Rc<Shared>,
    tasks: TaskTracker,
    /// By their ids.
    sockets: Vec<Option<Open>>,
    buffer: Vec<u8>,
    /// Ends the TCP exchanges with the shell.
    over: CancellationToken,
}

struct Open {
    socket: Rc<UdpSocket>,
    reader: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl Shell {
    /// Does all there is to do now; returns when there will be more.
    fn turn(&mut self) -> Option<Instant> {
        let shared = Rc::clone(&self.shared);
        loop {
            let now = Instant::now();
            let next = {
                let mut state = shared.state.borrow_mut();
                let Source::Dns { exchange, .. } = &mut state.source else { return None };
                exchange.handle_timeout(now);
                self.send(exchange, now);
                while let Some(tcp) = exchange.poll_tcp(now, &mut self.buffer) {
                    self.ask_over_tcp(tcp);
                }
                while let Some(id) = exchange.poll_close() {
                    self.sockets[id.0 as usize] = None;
                }
                exchange.next_timeout()
            };
            if !shared.hand_on(now) {
                return next;
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
            while let Some(transmit) = exchange.poll_transmit(now, &mut self.buffer) {
                let open = self.sockets.get(transmit.socket.0 as usize).and_then(Option::as_ref);
                let end = open.map_or(SendEnd::Later, |open| udp::send(&open.socket, &self.buffer));
                match end {
                    SendEnd::Sent => {}
                    SendEnd::Later => exchange.not_sent(now, transmit),
                    SendEnd::Gone(why) => {
                        exchange.not_sent(now, transmit);
                        exchange.refused(now, transmit.socket, why);
                    }
                }
            }
            if !exchange.wants_socket() {
                return;
            }
        }
    }

    fn add(&mut self, id: SocketId, socket: UdpSocket) {
        let socket = Rc::new(socket);
        let reader = self.tasks.spawn_local(read(Rc::clone(&self.shared), id, Rc::clone(&socket)));
        let open = Open { socket, reader: reader.abort_handle() };
        let at = id.0 as usize;
        if self.sockets.len() <= at {
            self.sockets.resize_with(at + 1, || None);
        }
        self.sockets[at] = Some(open);
    }

    fn ask_over_tcp(&self, tcp: Tcp) {
        let shared = Rc::clone(&self.shared);
        let query = self.buffer.clone();
        let over = self.over.clone();
        self.tasks.spawn_local(async move {
            let asked = tcp::ask(tcp.address, &query, tcp.deadline);
            let Some(answer) = over.run_until_cancelled(asked).await else { return };
            let now = Instant::now();
            if let Source::Dns { exchange, .. } = &mut shared.state.borrow_mut().source {
                exchange.tcp_ended(now, tcp, answer.as_deref());
            }
            shared.hand_on(now);
            shared.wake_driver();
        });
    }
}

/// Hands in all that comes by one socket.
async fn read(shared: Rc<Shared>, id: SocketId, socket: Rc<UdpSocket>) {
    let each = |arrival: Arrival<'_>| {
        let now = Instant::now();
        if let Source::Dns { exchange, .. } = &mut shared.state.borrow_mut().source {
            match arrival {
                Arrival::Datagram(bytes) => exchange.receive(now, id, bytes),
                Arrival::Gone(why) => exchange.refused(now, id, why),
            }
        }
    };
    let rest = || {
        shared.hand_on(Instant::now());
        shared.wake_driver();
    };
    udp::read(&socket, each, rest).await;
}

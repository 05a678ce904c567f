//! The sockets that queries go out by: how many, which one, and for how long.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Exchange, PAUSE, key, narrow};
use crate::probe::chance::Drawn;
use crate::probe::exchange::server::{Socket, SocketId};

/// Queries after which a socket is replaced, so that its port does not stay a fixed target; half
/// as many more by chance.
const WORN: u32 = 4096;

/// A server that one more socket is wanted for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) address: SocketAddr,
    server: usize,
}

impl Exchange {
    /// Whether `poll_socket` has something.
    pub(crate) fn wants_socket(&self) -> bool {
        !self.wanting.is_empty()
    }

    /// A server for which a socket is wanted. Tell `socket_opened` or `socket_failed`.
    pub(crate) fn poll_socket(&mut self) -> Option<Wanted> {
        let server = self.wanting.pop_front()?;
        Some(Wanted { address: self.servers[server].address, server })
    }

    /// The socket is there and connected; this is its number.
    pub(crate) fn socket_opened(&mut self, wanted: Wanted) -> SocketId {
        let more = self.chance.draw(1).map_or(0, |drawn| u32::from(drawn.id));
        let worn_at = WORN + more % (WORN / 2);
        let socket = Socket { server: wanted.server, live: 0, used: 0, worn_at, retired: false };
        let id = SocketId(narrow(self.sockets.insert(socket)));
        let server = &mut self.servers[wanted.server];
        server.wanting = false;
        server.sockets += 1;
        server.pool.push(id);
        self.blocked_until = None;
        if let Some(worn) = server.worn.take() {
            server.pool.retain(|other| *other != worn);
            if let Some(socket) = self.sockets.get_mut(worn.0 as usize) {
                socket.retired = true;
                if socket.live == 0 {
                    self.close(worn);
                }
            }
        }
        id
    }

    /// There is no socket to be had; with a reason if it is because of the server's address, and
    /// without when descriptors are out, which only takes waiting.
    pub(crate) fn socket_failed(&mut self, now: Instant, wanted: Wanted, reason: Option<String>) {
        let server = &mut self.servers[wanted.server];
        server.wanting = false;
        if let Some(reason) = reason {
            self.blocked_until = None;
            self.not_there(now, wanted.server, Some(reason));
        } else {
            server.no_sockets_until = Some(now + PAUSE);
        }
    }

    /// A socket that nothing is expected from any more.
    pub(crate) fn poll_close(&mut self) -> Option<SocketId> {
        let id = self.closing.pop()?;
        // Not before: its number must not pass to another while the shell still has it.
        self.sockets.remove(id.0 as usize);
        Some(id)
    }

    pub(super) fn close(&mut self, id: SocketId) {
        let server = self.sockets[id.0 as usize].server;
        self.servers[server].sockets -= 1;
        self.closing.push(id);
    }

    pub(super) fn want_socket(&mut self, now: Instant, at: usize) {
        let server = &mut self.servers[at];
        if server.wants_socket() && server.no_sockets_until.is_none_or(|until| until <= now) {
            server.wanting = true;
            server.no_sockets_until = None;
            self.wanting.push_back(at);
        }
    }

    /// A socket and an id that no other query has. What goes out at the same moment goes by the same
    /// socket, as far as it is the same server's: the kernel then takes it together.
    pub(super) fn draw(&mut self, now: Instant, at: usize) -> Option<(SocketId, Drawn)> {
        let socket = self.choose_socket(now, at)?;
        (0..16)
            .map_while(|_| self.chance.draw(1))
            .map(|drawn| (socket, drawn))
            .find(|(socket, drawn)| !self.ids.contains_key(&key(*socket, drawn.id)))
    }

    fn choose_socket(&mut self, now: Instant, at: usize) -> Option<SocketId> {
        let server = &mut self.servers[at];
        let pool = &server.pool;
        if let Some((moment, socket)) = server.chosen
            && moment == now
            && pool.contains(&socket)
        {
            return Some(socket);
        }
        if pool.is_empty() {
            return None;
        }
        // The one of two that less is expected from, so that no buffer runs over beside empty ones.
        let mut draw = || self.chance.draw(pool.len()).map(|drawn| pool[drawn.place]);
        let two = [draw()?, draw()?];
        let socket = two.into_iter().min_by_key(|socket| self.sockets[socket.0 as usize].live)?;
        server.chosen = Some((now, socket));
        Some(socket)
    }
}

mod replies;
mod sockets;
mod strangers;

#[cfg(feature = "exchange")]
pub(super) use sockets::Wanted;

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use domain::base::iana::Rtype;
use slab::Slab;

use super::case::Keeping;
use super::keys::{Mix, key};
use super::pending::{About, Handle, Pending, Sent, SentList, Settled, Stamped, State};
use super::reasons;
use super::server::{PAUSE, Server, Socket, SocketId};
use super::waits::Waits;
use crate::item::WireName;
use crate::probe::chance::{Case, Chance, Drawn};
use crate::probe::message;
use strangers::Strangers;

/// How long to wait, and how often to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// For the answer to the first query; each next one is given half as much again.
    pub(crate) timeout: Duration,
    /// The longest wait for one query; also for an answer over TCP.
    pub(crate) timeout_max: Duration,
    /// Queries after the first.
    pub(crate) retries: u32,
    /// Names take the servers in turn. Else all ask the first one first, as resolv.conf(5) has it.
    pub(crate) spread: bool,
}

/// A query that is in the buffer and goes out by this socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transmit {
    pub(crate) socket: SocketId,
    handle: Handle,
}

/// A query that is in the buffer and goes out over TCP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tcp {
    pub(crate) address: SocketAddr,
    /// Nobody waits for the answer after this.
    pub(crate) deadline: Instant,
    server: usize,
    who: Stamped,
}

/// Queries sent in one go: a default socket buffer takes about as many answers. Until there is a
/// window for each server, this alone keeps thousands of names from overrunning buffers at the
/// start of a run.
const BURST: u32 = 250;
/// From one burst to the next.
const PACE: Duration = Duration::from_millis(1);
/// TCP connections to one server at once.
const TCP_MAX: usize = 8;

/// The state of all questions under way. See the module.
#[derive(Debug)]
pub(crate) struct Exchange {
    policy: Policy,
    chance: Chance,
    pending: Slab<Pending>,
    /// Socket and id of every query that may be answered, to the index of its question.
    ids: HashMap<u64, u32, BuildHasherDefault<Mix>>,
    servers: Vec<Server>,
    sockets: Slab<Socket>,
    queue: VecDeque<Stamped>,
    tcp_queue: VecDeque<Stamped>,
    waits: Waits,
    wanting: VecDeque<usize>,
    closing: Vec<SocketId>,
    settled: VecDeque<Settled>,
    stamps: u64,
    turn: usize,
    burst_end: Option<Instant>,
    burst_left: u32,
    /// There is no socket to send from before.
    blocked_until: Option<Instant>,
    /// Looks for what a datagram without a right id may have been meant for.
    strangers: Strangers,
}

impl Exchange {
    /// Nothing is asked yet. There must be a server.
    pub(crate) fn new(policy: Policy, servers: &[SocketAddr], chance: Chance) -> Self {
        debug_assert!(!servers.is_empty());
        Self {
            policy,
            chance,
            pending: Slab::new(),
            ids: HashMap::default(),
            servers: servers.iter().copied().map(Server::new).collect(),
            sockets: Slab::new(),
            queue: VecDeque::new(),
            tcp_queue: VecDeque::new(),
            waits: Waits::new(policy.timeout, policy.timeout_max),
            wanting: VecDeque::new(),
            closing: Vec::new(),
            settled: VecDeque::new(),
            stamps: 0,
            turn: 0,
            burst_end: None,
            burst_left: BURST,
            blocked_until: None,
            strangers: Strangers::default(),
        }
    }

    /// Asks for the records of a name. The answer bears `owner`.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        owner: usize,
        name: WireName,
        rtype: Rtype,
        deadline: Instant,
    ) -> Handle {
        let serial = self.next_stamp();
        let index = self.pending.insert(Pending {
            owner,
            name,
            rtype,
            asked_at: now,
            deadline,
            serial,
            stamp: serial,
            state: State::Queued,
            server: None,
            stay: false,
            tries: 0,
            queries: 0,
            useless: 0,
            refused: 0,
            aliases: 0,
            ttl: u32::MAX,
            plain: false,
            tcp_id: 0,
            complaint: None,
            sent: SentList::default(),
        });
        let index = narrow(index);
        self.queue.push_back(Stamped { index, stamp: serial });
        Handle { index, serial }
    }

    /// The answer is not wanted any more. Nothing happens if it is there already.
    pub(crate) fn cancel(&mut self, handle: Handle) {
        if self.is_current(handle) {
            self.take_out(handle.index);
        }
    }

    /// The next answer.
    pub(crate) fn poll_settled(&mut self) -> Option<Settled> {
        self.settled.pop_front()
    }

    /// Questions that it is of use to have at once: those in the windows of the servers, and as many
    /// as go out with the next burst.
    pub(crate) fn useful(&self) -> usize {
        usize::MAX
    }

    /// Queries over UDP that may still be answered.
    pub(crate) fn live(&self) -> usize {
        self.ids.len()
    }

    /// Questions without an answer.
    #[cfg(any(test, feature = "bench"))]
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether no query is left behind by what is settled.
    #[cfg(any(test, feature = "bench"))]
    pub(super) fn is_clean(&self) -> bool {
        self.pending.is_empty()
            && self.ids.is_empty()
            && self.sockets.iter().all(|(_, socket)| socket.live == 0)
            && self.servers.iter().all(|server| server.live == 0)
    }

    /// Waits that are kept, with the stale ones.
    #[cfg(test)]
    pub(super) fn waits(&self) -> usize {
        self.waits.len()
    }

    /// The next query to send now, written into the buffer.
    pub(crate) fn poll_transmit(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Transmit> {
        loop {
            let who = *self.queue.front()?;
            if self.is_stale(who) {
                self.queue.pop_front();
                continue;
            }
            if self.blocked_until.is_some() || !self.burst_has_room(now) {
                return None;
            }
            let pending = &self.pending[who.index as usize];
            if pending.deadline <= now {
                self.queue.pop_front();
                self.overdue(now, who.index);
                continue;
            }
            let at = self.pick_server(now, who.index);
            if let Some(until) = self.servers[at].closed_until(now) {
                self.queue.pop_front();
                self.pending[who.index as usize].server = Some(at);
                if self.nobody_listens() {
                    self.give_up(who.index, reasons::refused);
                } else {
                    self.rest(who.index, until);
                }
                continue;
            }
            let drawn = self.draw(now, at);
            self.want_socket(now, at);
            let Some((socket, drawn)) = drawn else {
                // Until the shell opens a socket, or for a look at the deadlines.
                self.blocked_until = Some(self.servers[at].no_sockets_until.unwrap_or(now + PAUSE));
                return None;
            };
            self.queue.pop_front();
            return Some(self.transmit(now, who.index, at, socket, drawn, buffer));
        }
    }

    /// The query could not be sent: the socket or the system has no room. It goes first, in a
    /// little while.
    pub(crate) fn not_sent(&mut self, now: Instant, transmit: Transmit) {
        self.burst_end = Some(now + PACE);
        self.burst_left = 0;
        if !self.is_current(transmit.handle) {
            return;
        }
        let index = transmit.handle.index;
        let pending = &mut self.pending[index as usize];
        pending.tries = pending.tries.saturating_sub(1);
        pending.queries = pending.queries.saturating_sub(1);
        if let Some(sent) = pending.sent.last() {
            self.forget(index, sent);
        }
        let who = self.enter(index, State::Queued);
        self.queue.push_front(who);
    }

    /// A query that is to go over TCP now, written into the buffer. Tell `tcp_ended`.
    pub(crate) fn poll_tcp(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Tcp> {
        // A server whose places are taken must not hold up the others.
        for _ in 0..self.tcp_queue.len() {
            let who = self.tcp_queue.pop_front()?;
            if self.is_stale(who) {
                continue;
            }
            let pending = &mut self.pending[who.index as usize];
            let server = pending.server.unwrap_or_default();
            if self.servers[server].tcp >= TCP_MAX {
                self.tcp_queue.push_back(who);
                continue;
            }
            let Some(Drawn { id, .. }) = self.chance.draw(1) else {
                self.tcp_queue.push_back(who);
                continue;
            };
            self.servers[server].tcp += 1;
            pending.queries += 1;
            pending.tcp_id = id;
            let edns = !pending.plain && !self.servers[server].plain;
            message::write_query(buffer, id, &pending.name, Case::SMALL, pending.rtype, edns);
            let deadline = pending.deadline.min(now + self.policy.timeout_max);
            let who = self.enter(who.index, State::Tcp);
            self.waits.until(deadline, who);
            return Some(Tcp { address: self.servers[server].address, deadline, server, who });
        }
        None
    }

    /// When to call `handle_timeout` and look for something to send.
    pub(crate) fn next_timeout(&mut self) -> Option<Instant> {
        let pending = &self.pending;
        let wait = self.waits.next(|who| is_stale(pending, who));
        let queue = match self.blocked_until {
            _ if self.queue.is_empty() => None,
            None => self.burst_end,
            blocked => blocked,
        };
        match (wait, queue) {
            (Some(wait), Some(queue)) => Some(wait.min(queue)),
            (wait, queue) => wait.or(queue),
        }
    }

    /// Time has passed: tries again or gives up what waits in vain.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.blocked_until.is_some_and(|until| until <= now) {
            self.blocked_until = None;
            // The queue stands still, deadlines do not.
            for _ in 0..self.queue.len() {
                let Some(who) = self.queue.pop_front() else { break };
                match self.pending.get(who.index as usize) {
                    Some(pending) if pending.stamp == who.stamp && pending.deadline <= now => {
                        self.overdue(now, who.index);
                    }
                    _ => self.queue.push_back(who),
                }
            }
        }
        while let Some(who) = self.waits.pop_due(now) {
            if self.is_stale(who) {
                continue;
            }
            let pending = &self.pending[who.index as usize];
            let (state, server) = (pending.state, pending.server.unwrap_or_default());
            if state == State::Sent {
                self.servers[server].timed_out(now);
            }
            if pending.deadline <= now {
                self.overdue(now, who.index);
                continue;
            }
            match state {
                State::Sent if pending.tries > self.policy.retries => {
                    self.give_up(who.index, |pending, servers| {
                        reasons::tries_out(now, pending, servers)
                    });
                }
                State::Sent | State::Resting | State::Queued => self.enqueue(who.index),
                State::Tcp => self.complain(now, who.index, server, About::Tcp),
            }
        }
        let pending = &self.pending;
        self.waits.sweep(pending.len(), |who| is_stale(pending, who));
    }

    fn transmit(
        &mut self,
        now: Instant,
        index: u32,
        at: usize,
        socket: SocketId,
        drawn: Drawn,
        buffer: &mut Vec<u8>,
    ) -> Transmit {
        let Drawn { id, case, .. } = drawn;
        self.burst_left -= 1;
        self.ids.insert(key(socket, id), index);
        let server = &mut self.servers[at];
        server.live += 1;
        let state = &mut self.sockets[socket.0 as usize];
        state.live += 1;
        state.used += 1;
        if state.used >= state.worn_at {
            server.worn = Some(socket);
        }
        let who = self.enter(index, State::Sent);
        let pending = &mut self.pending[index as usize];
        let plain = pending.plain || self.servers[at].plain;
        pending.server = Some(at);
        pending.stay = false;
        pending.tries += 1;
        pending.queries += 1;
        let breaks_case = self.servers[at].keeping == Keeping::Broken;
        let case = if breaks_case { Case::SMALL } else { case };
        pending.sent.push(Sent { socket, id, case, plain });
        message::write_query(buffer, id, &pending.name, case, pending.rtype, !plain);
        self.waits.answer(now, pending.tries, pending.deadline, who);
        Transmit { socket, handle: Handle { index, serial: pending.serial } }
    }

    fn enqueue(&mut self, index: u32) {
        let who = self.enter(index, State::Queued);
        self.queue.push_back(who);
    }

    fn rest(&mut self, index: u32, until: Instant) {
        let who = self.enter(index, State::Resting);
        let until = until.min(self.pending[index as usize].deadline);
        self.waits.until(until, who);
    }

    /// Enters a state; whatever waits for the end of the old one is stale.
    fn enter(&mut self, index: u32, state: State) -> Stamped {
        let stamp = self.next_stamp();
        let pending = &mut self.pending[index as usize];
        pending.state = state;
        pending.stamp = stamp;
        Stamped { index, stamp }
    }

    fn next_stamp(&mut self) -> u64 {
        self.stamps += 1;
        self.stamps
    }

    fn is_current(&self, handle: Handle) -> bool {
        self.pending.get(handle.index as usize).is_some_and(|p| p.serial == handle.serial)
    }

    fn is_stale(&self, who: Stamped) -> bool {
        is_stale(&self.pending, who)
    }

    fn burst_has_room(&mut self, now: Instant) -> bool {
        if self.burst_end.is_none_or(|end| end <= now) {
            self.burst_end = Some(now + PACE);
            self.burst_left = BURST;
        }
        self.burst_left > 0
    }

    /// The next server after the one asked last, the first that seems well.
    fn pick_server(&mut self, now: Instant, index: u32) -> usize {
        let count = self.servers.len();
        let pending = &self.pending[index as usize];
        let first = match pending.server {
            Some(last) if pending.stay => return last,
            Some(last) => (last + 1) % count,
            None if self.policy.spread => {
                self.turn = (self.turn + 1) % count;
                self.turn
            }
            None => 0,
        };
        if count == 1 {
            return first;
        }
        (0..count)
            .map(|step| (first + step) % count)
            .find(|at| !self.servers[*at].rests(now))
            .unwrap_or(first)
    }
}

fn is_stale(pending: &Slab<Pending>, who: Stamped) -> bool {
    pending.get(who.index as usize).is_none_or(|pending| pending.stamp != who.stamp)
}

/// Indexes are of questions and sockets in memory, which are far fewer.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

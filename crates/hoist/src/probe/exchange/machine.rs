use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use domain::base::iana::{Rcode, Rtype};
use fastrand::Rng;
use slab::Slab;

use super::pending::{
    About, Complaint, Handle, Pending, Resolved, Sent, SentList, Settled, Stamped, State,
};
use super::reasons;
use super::server::{PAUSE, Server, Socket, SocketId};
use super::waits::Waits;
use crate::item::WireName;
use crate::outcome::Failure;
use crate::probe::message::{self, Reply};

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

/// A server that one more socket is wanted for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) address: SocketAddr,
    server: usize,
}

/// Queries sent in one go: a default socket buffer takes about as many answers. Until there is a
/// window for each server, this alone keeps thousands of names from overrunning buffers at the
/// start of a run.
const BURST: u32 = 250;
/// From one burst to the next.
const PACE: Duration = Duration::from_millis(1);
/// Useless replies to a question, at least, before it is given up.
const USELESS_MAX: usize = 3;
/// Times that nobody listens at a server that never said a word, before it is given up.
const REFUSALS_MAX: u32 = 3;
/// Aliases that are asked on for, one by one.
const ALIASES_MAX: u32 = 8;
/// TCP connections to one server at once.
const TCP_MAX: usize = 8;
/// Queries after which a socket is replaced, so that its port does not stay a fixed target; half
/// as many more by chance.
const WORN: u32 = 4096;

/// The state of all questions under way. See the module.
#[derive(Debug)]
pub(crate) struct Exchange {
    policy: Policy,
    rng: Rng,
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
}

impl Exchange {
    /// Nothing is asked yet. There must be a server.
    pub(crate) fn new(policy: Policy, servers: &[SocketAddr], seed: u64) -> Self {
        debug_assert!(!servers.is_empty());
        Self {
            policy,
            rng: Rng::with_seed(seed),
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

    /// Questions without an answer.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether no query is left behind by what is settled.
    #[cfg(test)]
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
        let worn_at = WORN + self.rng.u32(..WORN / 2);
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
            let drawn = self.draw(at);
            self.want_socket(now, at);
            let Some((socket, id)) = drawn else {
                // Until the shell opens a socket, or for a look at the deadlines.
                self.blocked_until = Some(self.servers[at].no_sockets_until.unwrap_or(now + PAUSE));
                return None;
            };
            self.queue.pop_front();
            return Some(self.transmit(now, who.index, at, socket, id, buffer));
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

    /// Nobody listens at the other end of the socket: the machine there said so, or the network,
    /// with a reason.
    pub(crate) fn refused(&mut self, now: Instant, socket: SocketId, reason: Option<String>) {
        if let Some(socket) = self.sockets.get(socket.0 as usize) {
            let at = socket.server;
            self.not_there(now, at, reason);
        }
    }

    /// A datagram has come in. What answers no query of this socket, by id and question, is as if
    /// it had not come.
    pub(crate) fn receive(&mut self, now: Instant, socket: SocketId, bytes: &[u8]) {
        let Some(id) = message::id_of(bytes) else { return };
        let Some(&index) = self.ids.get(&key(socket, id)) else { return };
        let pending = &self.pending[index as usize];
        let Some(sent) = pending.sent.find(socket, id) else { return };
        let Some(reply) = message::read_reply(bytes, &pending.name, pending.rtype) else { return };
        let at = self.sockets[socket.0 as usize].server;
        self.servers[at].replied(now);
        if sent.plain && !matches!(reply, Reply::Useless(_)) {
            self.servers[at].plain = true;
        }
        match reply {
            Reply::Cut if pending.state == State::Tcp => {}
            Reply::Cut => {
                let deadline = pending.deadline;
                self.pending[index as usize].server = Some(at);
                let who = self.enter(index, State::Tcp);
                self.tcp_queue.push_back(who);
                self.waits.until(deadline, who);
            }
            Reply::Useless(problem) => {
                let is_last = pending.state == State::Sent && pending.sent.last() == Some(sent);
                self.forget(index, sent);
                let pending = &mut self.pending[index as usize];
                let about = About::Reply(problem);
                if !is_last {
                    // Another query is under way, or about to be, that may fare better.
                    pending.complaint = Some(Complaint { server: at, about });
                } else if problem.may_be_edns() && !sent.plain {
                    pending.plain = true;
                    pending.stay = true;
                    pending.tries = pending.tries.saturating_sub(1);
                    self.enqueue(index);
                } else {
                    self.complain(now, index, at, about);
                }
            }
            decisive => self.decide(index, at, decisive),
        }
    }

    /// A query that is to go over TCP now, written into the buffer. Tell `tcp_ended`.
    pub(crate) fn poll_tcp(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Tcp> {
        // A server whose places are taken must not hold up the others.
        for _ in 0..self.tcp_queue.len() {
            let who = self.tcp_queue.pop_front()?;
            if self.is_stale(who) {
                continue;
            }
            let id = self.rng.u16(..);
            let pending = &mut self.pending[who.index as usize];
            let server = pending.server.unwrap_or_default();
            if self.servers[server].tcp >= TCP_MAX {
                self.tcp_queue.push_back(who);
                continue;
            }
            self.servers[server].tcp += 1;
            pending.queries += 1;
            pending.tcp_id = id;
            let edns = !pending.plain && !self.servers[server].plain;
            message::write_query(buffer, id, &pending.name, pending.rtype, edns);
            let deadline = pending.deadline.min(now + self.policy.timeout_max);
            let who = self.enter(who.index, State::Tcp);
            self.waits.until(deadline, who);
            return Some(Tcp { address: self.servers[server].address, deadline, server, who });
        }
        None
    }

    /// The connection is over: with an answer or without.
    pub(crate) fn tcp_ended(&mut self, now: Instant, tcp: Tcp, answer: Option<&[u8]>) {
        let server = &mut self.servers[tcp.server];
        server.tcp = server.tcp.saturating_sub(1);
        if self.is_stale(tcp.who) {
            return;
        }
        let index = tcp.who.index;
        let pending = &self.pending[index as usize];
        let reply = answer
            .filter(|bytes| message::id_of(bytes) == Some(pending.tcp_id))
            .and_then(|bytes| message::read_reply(bytes, &pending.name, pending.rtype));
        match reply {
            None | Some(Reply::Cut) => self.complain(now, index, tcp.server, About::Tcp),
            Some(Reply::Useless(problem)) => {
                self.complain(now, index, tcp.server, About::Reply(problem));
            }
            Some(decisive) => self.decide(index, tcp.server, decisive),
        }
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
        id: u16,
        buffer: &mut Vec<u8>,
    ) -> Transmit {
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
        pending.sent.push(Sent { socket, id, plain });
        message::write_query(buffer, id, &pending.name, pending.rtype, !plain);
        self.waits.answer(now, pending.tries, pending.deadline, who);
        Transmit { socket, handle: Handle { index, serial: pending.serial } }
    }

    /// A reply that brings the question further.
    fn decide(&mut self, index: u32, at: usize, reply: Reply) {
        let ttl_so_far = self.pending[index as usize].ttl;
        let (resolved, rcode) = match reply {
            Reply::Addresses { addresses, ttl } => {
                (Resolved::Addresses { addresses, ttl: ttl.min(ttl_so_far) }, Rcode::NOERROR)
            }
            Reply::NoData => (Resolved::NoData, Rcode::NOERROR),
            Reply::NxDomain => (Resolved::NxDomain, Rcode::NXDOMAIN),
            Reply::Alias { target, ttl } => return self.follow(index, target, ttl),
            // Handled where they arrive.
            Reply::Cut | Reply::Useless(_) => return,
        };
        let pending = self.take_out(index);
        self.settled.push_back(Settled {
            owner: pending.owner,
            rtype: pending.rtype,
            resolved,
            server: Some(self.servers[at].address),
            rcode: Some(rcode.to_int().into()),
            queries: pending.queries,
        });
    }

    /// Asks on for the name that this one is an alias of.
    fn follow(&mut self, index: u32, target: WireName, ttl: u32) {
        while let Some(sent) = self.pending[index as usize].sent.last() {
            self.forget(index, sent);
        }
        let pending = &mut self.pending[index as usize];
        pending.name = target;
        pending.aliases += 1;
        pending.ttl = pending.ttl.min(ttl);
        pending.tries = 0;
        pending.useless = 0;
        pending.complaint = None;
        pending.stay = true;
        if pending.aliases > ALIASES_MAX {
            self.give_up(index, |pending, _| reasons::aliases(pending));
        } else {
            self.enqueue(index);
        }
    }

    /// A reply of no use: another server is asked, or the same one after a pause.
    fn complain(&mut self, now: Instant, index: u32, at: usize, about: About) {
        let servers = self.servers.len();
        let pending = &mut self.pending[index as usize];
        pending.complaint = Some(Complaint { server: at, about });
        pending.useless += 1;
        let useless = pending.useless as usize;
        if useless >= USELESS_MAX.max(servers) || pending.tries > self.policy.retries {
            self.give_up(index, reasons::useless);
        } else if useless < servers {
            self.enqueue(index);
        } else {
            let doublings = u32::try_from(useless - servers).unwrap_or(u32::MAX).min(5);
            self.rest(index, now + PAUSE * (1 << doublings));
        }
    }

    /// Nobody listens at a server: all that wait for it go elsewhere, or wait until it is tried
    /// again. The queries reached nobody, so they are no tries.
    fn not_there(&mut self, now: Instant, at: usize, reason: Option<String>) {
        if !self.servers[at].refused(now, reason) {
            return;
        }
        let nobody = self.nobody_listens();
        let never = self.never_replied();
        let waiting: Vec<u32> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.state == State::Sent && pending.server == Some(at))
            .map(|(index, _)| narrow(index))
            .collect();
        for index in waiting {
            let pending = &mut self.pending[index as usize];
            pending.refused += 1;
            pending.tries = pending.tries.saturating_sub(1);
            let all = self.servers.iter().all(|server| server.refusals > 0);
            if nobody || never && all && pending.refused >= REFUSALS_MAX {
                self.give_up(index, reasons::refused);
            } else {
                self.enqueue(index);
            }
        }
    }

    /// Whether it is plain that there is no server at all. A server that has answered once in
    /// this run is thought to come back.
    fn nobody_listens(&self) -> bool {
        self.never_replied() && self.servers.iter().all(|server| server.refusals >= REFUSALS_MAX)
    }

    fn never_replied(&self) -> bool {
        self.servers.iter().all(|server| server.last_reply.is_none())
    }

    fn overdue(&mut self, now: Instant, index: u32) {
        self.give_up(index, |pending, servers| reasons::deadline(now, pending, servers));
    }

    fn give_up(&mut self, index: u32, reason: impl FnOnce(&Pending, &[Server]) -> Failure) {
        let pending = self.take_out(index);
        let failure = reason(&pending, &self.servers);
        let complaint = pending.complaint;
        self.settled.push_back(Settled {
            owner: pending.owner,
            rtype: pending.rtype,
            resolved: Resolved::Unknown(failure),
            server: complaint.map(|complaint| self.servers[complaint.server].address),
            rcode: complaint.and_then(|complaint| match complaint.about {
                About::Reply(problem) => problem.rcode(),
                About::Tcp => None,
            }),
            queries: pending.queries,
        });
    }

    /// Forgets a question and the ids of its queries.
    fn take_out(&mut self, index: u32) -> Pending {
        while let Some(sent) = self.pending[index as usize].sent.last() {
            self.forget(index, sent);
        }
        self.pending.remove(index as usize)
    }

    /// No answer to this query counts any more.
    fn forget(&mut self, index: u32, sent: Sent) {
        self.pending[index as usize].sent.remove(sent);
        self.ids.remove(&key(sent.socket, sent.id));
        let Some(socket) = self.sockets.get_mut(sent.socket.0 as usize) else { return };
        socket.live -= 1;
        self.servers[socket.server].live -= 1;
        if socket.retired && socket.live == 0 {
            self.close(sent.socket);
        }
    }

    fn close(&mut self, id: SocketId) {
        let server = self.sockets[id.0 as usize].server;
        self.servers[server].sockets -= 1;
        self.closing.push(id);
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

    fn want_socket(&mut self, now: Instant, at: usize) {
        let server = &mut self.servers[at];
        if server.wants_socket() && server.no_sockets_until.is_none_or(|until| until <= now) {
            server.wanting = true;
            server.no_sockets_until = None;
            self.wanting.push_back(at);
        }
    }

    /// A socket and an id that no other query has.
    fn draw(&mut self, at: usize) -> Option<(SocketId, u16)> {
        let pool = &self.servers[at].pool;
        if pool.is_empty() {
            return None;
        }
        (0..16)
            .map(|_| (pool[self.rng.usize(..pool.len())], self.rng.u16(..)))
            .find(|(socket, id)| !self.ids.contains_key(&key(*socket, *id)))
    }
}

fn is_stale(pending: &Slab<Pending>, who: Stamped) -> bool {
    pending.get(who.index as usize).is_none_or(|pending| pending.stamp != who.stamp)
}

fn key(socket: SocketId, id: u16) -> u64 {
    u64::from(socket.0) << 16 | u64::from(id)
}

/// Indexes are of questions and sockets in memory, which are far fewer.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Hashes the keys of queries. Their ids and the order of sockets are our own choice, so nobody
/// outside can make them collide.
#[derive(Debug, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

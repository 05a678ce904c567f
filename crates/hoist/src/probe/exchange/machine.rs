mod choice;
mod over_tcp;
mod over_udp;
mod replies;
mod sockets;
mod strangers;

#[cfg(feature = "exchange")]
pub(super) use sockets::Wanted;

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use domain::base::iana::Rtype;
use slab::Slab;

pub(crate) use self::over_tcp::{Tcp, TcpEnd};
pub(crate) use self::over_udp::Transmit;
use self::strangers::Strangers;
use super::keys::{Mix, key};
use super::pace::Rate;
use super::pending::{About, Handle, Pending, SentList, Settled, Stamped, State};
use super::reasons;
use super::server::{PAUSE, Server, Socket, SocketId};
use super::waits::Waits;
use super::window::WindowPolicy;
use crate::item::WireName;
use crate::probe::chance::Chance;

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
    /// Where it is known how long answers usually take, the first tries wait no longer than that. A
    /// name is given up no earlier.
    pub(crate) quick: bool,
    /// Of each server.
    pub(crate) window: WindowPolicy,
    /// Queries per second over all servers.
    pub(crate) rate: Option<NonZeroU32>,
}

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
    /// Servers at which questions wait for a place among their TCP connections.
    tcp_servers: VecDeque<usize>,
    waits: Waits,
    wanting: VecDeque<usize>,
    closing: Vec<SocketId>,
    settled: VecDeque<Settled>,
    stamps: u64,
    turn: usize,
    rate: Option<Rate>,
    /// The head of the queue can go no earlier.
    send_at: Option<Instant>,
    /// Nothing over TCP can go earlier.
    tcp_at: Option<Instant>,
    /// What goes over TCP has waited for the rate, and goes before what goes over UDP.
    tcp_due: bool,
    /// Questions in the queue, at most, when more are to be asked.
    waiting_max: usize,
    /// When the deadlines of the queue are looked at next.
    look_at: Option<Instant>,
    /// There is no socket to send from before.
    blocked_until: Option<Instant>,
    /// Looks for what a datagram without a right id may have been meant for.
    strangers: Strangers,
}

impl Exchange {
    /// Nothing is asked yet. There must be a server.
    pub(crate) fn new(policy: Policy, servers: &[SocketAddr], chance: Chance) -> Self {
        debug_assert!(!servers.is_empty());
        let mut exchange = Self {
            policy,
            chance,
            pending: Slab::new(),
            ids: HashMap::default(),
            servers: servers.iter().map(|at| Server::new(*at, policy.window)).collect(),
            sockets: Slab::new(),
            queue: VecDeque::new(),
            tcp_servers: VecDeque::new(),
            waits: Waits::new(policy.timeout, policy.timeout_max),
            wanting: VecDeque::new(),
            closing: Vec::new(),
            settled: VecDeque::new(),
            stamps: 0,
            turn: 0,
            rate: policy.rate.map(Rate::new),
            send_at: None,
            tcp_at: None,
            tcp_due: false,
            waiting_max: 1,
            look_at: None,
            blocked_until: None,
            strangers: Strangers::default(),
        };
        exchange.update_room();
        exchange
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
        self.look_at.get_or_insert(now + PAUSE);
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
            quick: 0,
            queries: 0,
            useless: 0,
            refused: 0,
            aliases: 0,
            ttl: u32::MAX,
            plain: false,
            tcp_id: 0,
            tcp_breaks: 0,
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
            && self.servers.iter().all(|server| server.live == 0 && server.places.is_clean())
    }

    /// Waits that are kept, with the stale ones.
    #[cfg(test)]
    pub(super) fn waits(&self) -> usize {
        self.waits.len()
    }

    /// When to call `handle_timeout` and look for something to send.
    pub(crate) fn next_timeout(&mut self) -> Option<Instant> {
        let pending = &self.pending;
        let wait = self.waits.next(|who| is_stale(pending, who));
        let queue = match self.blocked_until {
            _ if self.queue.is_empty() => None,
            // The queue stands still, deadlines do not.
            None => [self.send_at, self.look_at].into_iter().flatten().min(),
            blocked => blocked,
        };
        let tcp = self.tcp_at.filter(|_| !self.tcp_servers.is_empty());
        [wait, queue, tcp].into_iter().flatten().min()
    }

    /// Time has passed: tries again or gives up what waits in vain.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.blocked_until.is_some_and(|until| until <= now) {
            self.blocked_until = None;
            self.look_at = None;
        }
        self.tcp_at = None;
        self.update_room();
        if self.look_at.is_none_or(|at| at <= now) {
            self.look_at = Some(now + PAUSE);
            self.end_overdue(now);
        }
        while let Some(who) = self.waits.pop_due(now) {
            if self.is_stale(who) {
                continue;
            }
            let pending = &self.pending[who.index as usize];
            let (state, server) = (pending.state, pending.server.unwrap_or_default());
            if state == State::Sent {
                let sent = pending.sent.last().map(|sent| sent.at);
                self.servers[server].timed_out(now, sent);
                if pending.was_asked_again_soon() {
                    self.servers[server].again.counts(false);
                }
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
                State::Place => self.no_place(now, who, server),
                State::Tcp => self.complain(now, who.index, server, About::Tcp),
            }
        }
        let pending = &self.pending;
        self.waits.sweep(pending.len(), |who| is_stale(pending, who));
    }

    /// Gives up what waits in the queue for longer than it may.
    fn end_overdue(&mut self, now: Instant) {
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

    /// Our own sockets dropped answers that came by this one, so many since it was last told.
    pub(crate) fn dropped(&mut self, now: Instant, socket: SocketId, count: u32) {
        if let Some(socket) = self.sockets.get(socket.0 as usize) {
            self.servers[socket.server].window.dropped(now, count);
        }
    }

    /// Whether more may be asked: what waits here for its turn has its deadline running.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < self.waiting_max
    }

    /// As many as can be sent within a moment.
    fn update_room(&mut self) {
        let limits = self.servers.iter().map(|server| server.window.limit());
        let limits = limits.fold(0_usize, usize::saturating_add);
        // Half a second's worth of the rate.
        let rate = self.policy.rate.map_or(usize::MAX, |rate| rate.get() as usize / 2 + 1);
        self.waiting_max = limits.min(rate);
    }
}

fn is_stale(pending: &Slab<Pending>, who: Stamped) -> bool {
    pending.get(who.index as usize).is_none_or(|pending| pending.stamp != who.stamp)
}

/// Indexes are of questions and sockets in memory, which are far fewer.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

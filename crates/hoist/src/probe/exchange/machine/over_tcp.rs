//! Questions whose answers are cut: they go over a few connections, many on each.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Exchange, Stamped, State, is_stale};
use crate::probe::chance::{Case, Drawn};
use crate::probe::exchange::pending::{About, Complaint, Pending};
use crate::probe::message::{self, Reply};

/// A query that is in the buffer and goes out over TCP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tcp {
    pub(crate) address: SocketAddr,
    asked: Instant,
    /// Nobody waits for the answer after this.
    pub(crate) deadline: Instant,
    /// A connection that brings nothing at all for so long is of no use.
    pub(crate) patience: Duration,
    server: usize,
    who: Stamped,
}

#[cfg(test)]
impl Tcp {
    /// For a shell without a machine.
    pub(crate) fn of(nth: u16, address: SocketAddr, asked: Instant, patience: Duration) -> Self {
        let who = Stamped { index: nth.into(), stamp: 0 };
        Self { address, asked, deadline: asked + patience, patience, server: 0, who }
    }

    pub(crate) fn nth(&self) -> u16 {
        u16::try_from(self.who.index).unwrap()
    }
}

/// How a query over TCP ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TcpEnd<'a> {
    Answer(&'a [u8]),
    /// No connection, or no answer in time.
    Silence,
    /// The connection broke after so many answers to others, while so many waited; none, if it was ours
    /// that ended it.
    Broken {
        answered: usize,
        waiting: usize,
    },
}

impl<'a> From<Option<&'a [u8]>> for TcpEnd<'a> {
    fn from(answer: Option<&'a [u8]>) -> Self {
        answer.map_or(Self::Silence, Self::Answer)
    }
}

/// The shortest wait for an answer over TCP, which takes a handshake, and often a server's own questions
/// to others.
const PATIENCE_MIN: Duration = Duration::from_secs(1);
/// Connections that may break before the answer to a question, until that was a try; and as how many
/// those count that it had for itself.
const BREAKS_MAX: u8 = 8;
const ALONE: u8 = 4;
/// Entries of a server's queue below which a sweep is not worth it.
const SWEEP_MIN: usize = 256;

impl Exchange {
    /// The question goes over TCP from now on, and to the server `at`.
    pub(super) fn ask_over_tcp(&mut self, now: Instant, index: u32, at: usize) {
        let pending = &mut self.pending[index as usize];
        pending.server = Some(at);
        let who = self.enter(index, State::Place);
        let questions = &self.pending;
        let queue = &mut self.servers[at].places.queue;
        if queue.is_empty() {
            self.tcp_servers.push_back(at);
        } else if queue.len() > SWEEP_MIN.max(2 * questions.len()) {
            queue.retain(|who| !is_stale(questions, *who));
        }
        queue.push_back(who);
        self.wait_for_place(now, who);
    }

    /// For as long as for an answer.
    fn wait_for_place(&mut self, now: Instant, who: Stamped) {
        let pending = &self.pending[who.index as usize];
        let until = pending.deadline.min(now + self.patience(pending));
        self.waits.until(until, who);
    }

    /// For an answer over TCP: twice that of the first try over UDP, and half as much more with each
    /// useless reply.
    fn patience(&self, pending: &Pending) -> Duration {
        let first = (2 * self.policy.timeout).max(PATIENCE_MIN);
        (first + first * pending.useless / 2).min(self.policy.timeout_max)
    }

    /// There was no place for a question in all that time. Where the server has answered others, it has
    /// a great deal to do: whoever is alone with it waits on. Else it says nothing, to this one either.
    pub(super) fn no_place(&mut self, now: Instant, who: Stamped, at: usize) {
        let patience = self.patience(&self.pending[who.index as usize]);
        if !self.servers[at].places.has_answered(now, patience) {
            return self.complain(now, who.index, at, About::Tcp);
        }
        let complaint = Complaint { server: at, about: About::Place };
        self.pending[who.index as usize].complaint = Some(complaint);
        if self.servers.len() > 1 {
            self.enqueue(who.index);
        } else {
            self.wait_for_place(now, who);
        }
    }

    /// A query that is to go over TCP now, written into the buffer. Tell `tcp_ended`.
    pub(crate) fn poll_tcp(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Tcp> {
        self.tcp_due = false;
        // A server whose places are taken must not hold up the others.
        for _ in 0..self.tcp_servers.len() {
            let at = self.tcp_servers.pop_front()?;
            let Some(who) = self.first_for_tcp(now, at) else { continue };
            self.tcp_servers.push_back(at);
            if let Some(until) = self.servers[at].tcp_full_until(now) {
                self.tcp_at = Some(self.tcp_at.map_or(until, |at| at.min(until)));
                continue;
            }
            if let Some(until) = self.rate.as_ref().and_then(|rate| rate.blocked_until(now)) {
                self.tcp_at = Some(until);
                self.tcp_due = true;
                return None;
            }
            let Some(Drawn { id, .. }) = self.chance.draw(1) else { continue };
            return Some(self.transmit_over_tcp(now, who, at, id, buffer));
        }
        None
    }

    /// Who waits longest for a place there. None: the server is out of the queue.
    fn first_for_tcp(&mut self, now: Instant, at: usize) -> Option<Stamped> {
        loop {
            let Some(&who) = self.servers[at].places.queue.front() else {
                // The place that was kept is free.
                self.send_at = self.send_at.map(|at| at.min(now));
                return None;
            };
            if !self.is_stale(who) {
                return Some(who);
            }
            self.servers[at].places.queue.pop_front();
        }
    }

    fn transmit_over_tcp(
        &mut self,
        now: Instant,
        who: Stamped,
        at: usize,
        id: u16,
        buffer: &mut Vec<u8>,
    ) -> Tcp {
        let patience = self.patience(&self.pending[who.index as usize]);
        let server = &mut self.servers[at];
        server.places.queue.pop_front();
        server.places.asked(now);
        server.window.bursts.sent();
        if let Some(rate) = &mut self.rate {
            rate.sent(now);
        }
        let pending = &mut self.pending[who.index as usize];
        pending.queries += 1;
        pending.tcp_id = id;
        let edns = !pending.plain && !server.plain;
        let address = server.address;
        message::write_query(buffer, id, &pending.name, Case::SMALL, pending.rtype, edns);
        let deadline = pending.deadline.min(now + patience);
        let who = self.enter(who.index, State::Tcp);
        self.waits.until(deadline, who);
        Tcp { address, asked: now, deadline, patience, server: at, who }
    }

    /// The query has an answer, or will have none.
    pub(crate) fn tcp_ended(&mut self, now: Instant, tcp: Tcp, end: TcpEnd<'_>) {
        let places = &mut self.servers[tcp.server].places;
        places.ended(tcp.asked);
        match end {
            TcpEnd::Answer(_) => places.answered(now, tcp.asked),
            TcpEnd::Broken { answered, waiting } => places.broke(answered, waiting),
            TcpEnd::Silence => {}
        }
        if self.is_stale(tcp.who) {
            return;
        }
        let index = tcp.who.index;
        let pending = &mut self.pending[index as usize];
        let answer = match end {
            TcpEnd::Answer(bytes) => Some(bytes),
            // A server may close whenever it likes (RFC 7766 §6.2.4), or because of another question.
            TcpEnd::Broken { answered, waiting } => {
                let alone = answered == 0 && waiting <= 1;
                pending.tcp_breaks += if alone { ALONE } else { 1 };
                if pending.tcp_breaks < BREAKS_MAX {
                    return self.ask_over_tcp(now, index, tcp.server);
                }
                pending.tcp_breaks = 0;
                None
            }
            TcpEnd::Silence => None,
        };
        let reply = answer
            .filter(|bytes| message::id_of(bytes) == Some(pending.tcp_id))
            .and_then(|bytes| message::read_reply(bytes, &pending.name, pending.rtype));
        match reply {
            None | Some(Reply::Cut) => self.complain(now, index, tcp.server, About::Tcp),
            Some(Reply::Useless(problem)) => {
                self.complain(now, index, tcp.server, About::Reply(problem));
            }
            Some(decisive) => {
                self.servers[tcp.server].was_of_use();
                self.decide(index, tcp.server, decisive);
            }
        }
    }
}

//! Questions whose answers are cut: they go over a few connections, many on each.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Exchange, Stamped, State};
use crate::probe::chance::{Case, Drawn};
use crate::probe::exchange::pending::About;
use crate::probe::message::{self, Reply};

/// A query that is in the buffer and goes out over TCP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tcp {
    pub(crate) address: SocketAddr,
    /// Nobody waits for the answer after this.
    pub(crate) deadline: Instant,
    server: usize,
    who: Stamped,
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

impl Exchange {
    /// A query that is to go over TCP now, written into the buffer. Tell `tcp_ended`.
    pub(crate) fn poll_tcp(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Tcp> {
        // A server whose places are taken must not hold up the others.
        for _ in 0..self.tcp_queue.len() {
            if let Some(until) = self.rate.as_ref().and_then(|rate| rate.blocked_until(now)) {
                self.tcp_at = Some(until);
                return None;
            }
            let who = self.tcp_queue.pop_front()?;
            if self.is_stale(who) {
                continue;
            }
            let pending = &mut self.pending[who.index as usize];
            let at = pending.server.unwrap_or_default();
            let server = &mut self.servers[at];
            if server.tcp >= server.tcp_max() {
                self.tcp_queue.push_back(who);
                continue;
            }
            if let Some(until) = server.full_until(now, true) {
                self.tcp_at = Some(self.tcp_at.map_or(until, |at| at.min(until)));
                self.tcp_queue.push_back(who);
                continue;
            }
            let Some(Drawn { id, .. }) = self.chance.draw(1) else {
                self.tcp_queue.push_back(who);
                continue;
            };
            server.tcp += 1;
            server.window.bursts.sent();
            if let Some(rate) = &mut self.rate {
                rate.sent(now);
            }
            pending.queries += 1;
            pending.tcp_id = id;
            let edns = !pending.plain && !server.plain;
            let address = server.address;
            message::write_query(buffer, id, &pending.name, Case::SMALL, pending.rtype, edns);
            let deadline = pending.deadline.min(now + self.policy.timeout_max);
            let who = self.enter(who.index, State::Tcp);
            self.waits.until(deadline, who);
            return Some(Tcp { address, deadline, server: at, who });
        }
        None
    }

    /// The query has an answer, or will have none.
    pub(crate) fn tcp_ended(&mut self, now: Instant, tcp: Tcp, end: TcpEnd<'_>) {
        let server = &mut self.servers[tcp.server];
        server.tcp = server.tcp.saturating_sub(1);
        match end {
            TcpEnd::Answer(_) => server.answered_over_tcp(),
            // It takes only so many on one connection, or one of them breaks it.
            TcpEnd::Broken { answered, waiting } if waiting > answered => {
                server.tcp_at_once = server.tcp_at_once.min(answered.max(1));
            }
            TcpEnd::Broken { .. } | TcpEnd::Silence => {}
        }
        if self.is_stale(tcp.who) {
            return;
        }
        let index = tcp.who.index;
        let pending = &mut self.pending[index as usize];
        let answer = match end {
            TcpEnd::Answer(bytes) => Some(bytes),
            // A server may close whenever it likes (RFC 7766 §6.2.4), or because of another question;
            // one that was alone with this one, and gave no answer, has one more chance.
            TcpEnd::Broken { answered, waiting }
                if answered > 0 || waiting > 1 || !pending.tcp_broke =>
            {
                pending.tcp_broke |= answered == 0 && waiting <= 1;
                return self.ask_over_tcp(now, index, tcp.server);
            }
            TcpEnd::Broken { .. } | TcpEnd::Silence => None,
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

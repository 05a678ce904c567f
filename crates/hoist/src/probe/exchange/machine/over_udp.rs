//! What goes out over UDP: which question is next, to whom, and how long its answer is waited for.

use std::time::Instant;

use super::choice::Choice;
use super::{Exchange, PAUSE, key};
use crate::probe::chance::{Case, Drawn};
use crate::probe::exchange::case::Keeping;
use crate::probe::exchange::pending::{Handle, Sent, Stamped, State};
use crate::probe::exchange::reasons;
use crate::probe::exchange::server::SocketId;
use crate::probe::message;

/// A query that is in the buffer and goes out by this socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transmit {
    pub(crate) socket: SocketId,
    handle: Handle,
}

/// Tries that may wait only as long as answers usually take, whatever became of others: of two in a row,
/// chance seldom takes both.
const QUICK: u32 = 2;

impl Exchange {
    /// The next query to send now, written into the buffer.
    pub(crate) fn poll_transmit(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Transmit> {
        loop {
            let who = *self.queue.front()?;
            if self.is_stale(who) {
                self.queue.pop_front();
                continue;
            }
            if self.blocked_until.is_some() {
                return None;
            }
            if let Some(until) = self.rate.as_ref().and_then(|rate| rate.blocked_until(now)) {
                self.send_at = Some(until);
                return None;
            }
            if self.tcp_due {
                self.send_at = Some(now);
                return None;
            }
            let pending = &self.pending[who.index as usize];
            if pending.deadline <= now {
                self.queue.pop_front();
                self.overdue(now, who.index);
                continue;
            }
            let at = match self.choose(now, who.index) {
                Choice::Ask(at) => at,
                Choice::Full(until) => {
                    self.send_at = Some(until);
                    return None;
                }
                Choice::Closed(at) => {
                    self.queue.pop_front();
                    self.pending[who.index as usize].server = Some(at);
                    match self.servers[at].closed_until(now) {
                        Some(until) if !self.nobody_listens() => self.rest(who.index, until),
                        _ => self.give_up(who.index, reasons::refused),
                    }
                    continue;
                }
            };
            let drawn = self.draw(now, at);
            self.want_socket(now, at);
            let Some((socket, drawn)) = drawn else {
                // Until the shell opens a socket, or for a look at the deadlines.
                self.blocked_until = Some(self.servers[at].no_sockets_until.unwrap_or(now + PAUSE));
                return None;
            };
            self.queue.pop_front();
            self.send_at = None;
            return Some(self.transmit(now, who.index, at, socket, drawn, buffer));
        }
    }

    /// The query could not be sent: the socket or the system has no room. It goes first, in a
    /// little while.
    pub(crate) fn not_sent(&mut self, now: Instant, transmit: Transmit) {
        if let Some(socket) = self.sockets.get(transmit.socket.0 as usize) {
            self.servers[socket.server].window.bursts.pause(now);
        }
        if !self.is_current(transmit.handle) {
            return;
        }
        let index = transmit.handle.index;
        let pending = &mut self.pending[index as usize];
        pending.takes_back_a_try();
        pending.queries = pending.queries.saturating_sub(1);
        if let Some(sent) = pending.sent.last() {
            self.forget(index, sent);
        }
        let who = self.enter(index, State::Queued);
        self.queue.push_front(who);
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
        self.ids.insert(key(socket, id), index);
        if let Some(rate) = &mut self.rate {
            rate.sent(now);
        }
        let server = &mut self.servers[at];
        if server.is_to_be_tried(now) {
            server.is_tried(now);
        }
        server.window.sent(now);
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
        pending.sent.push(Sent { socket, id, case, plain, replied: false, at: now });
        message::write_query(buffer, id, &pending.name, case, pending.rtype, !plain);
        let handle = Handle { index, serial: pending.serial };
        self.wait_for_answer(now, who, at);
        Transmit { socket, handle }
    }

    /// Until the next try. The first ones wait as long as answers usually take, where that is known, and
    /// each half as long again; the last one makes up for it.
    fn wait_for_answer(&mut self, now: Instant, who: Stamped, at: usize) {
        let retries = self.policy.retries;
        let pending = &mut self.pending[who.index as usize];
        let is_last = pending.tries > retries;
        let deadline = pending.deadline;
        let server = &self.servers[at];
        // While it helps, and as far as many tries are left for a server that says nothing for long.
        let is_quick = self.policy.quick
            && !is_last
            && pending.tries == pending.quick + 1
            && (pending.tries <= QUICK
                || server.again.pays() && pending.tries <= retries.saturating_add(1) / 2);
        if is_quick {
            let longer = pending.quick.min(16);
            let usual = server.window.overdue() * 3_u32.pow(longer) / 2_u32.pow(longer);
            // Together no longer than the first try may take.
            let first = pending.sent.iter().next().map_or(now, |sent| sent.at);
            if now + usual <= first + self.policy.timeout
                && self.waits.quick(now, usual, deadline, who)
            {
                pending.quick += 1;
                return;
            }
        }
        if is_last && pending.quick > 0 {
            let all = pending.asked_at + self.waits.total(retries.saturating_add(1));
            let least = now + self.waits.total(1);
            self.waits.until(all.max(least).min(deadline), who);
        } else {
            self.waits.answer(now, pending.tries.saturating_sub(pending.quick), deadline, who);
        }
    }
}

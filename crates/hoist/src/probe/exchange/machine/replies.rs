//! What comes in, and what it means for a question.

use std::time::Instant;

use domain::base::iana::Rcode;

use super::{Exchange, PAUSE, key, narrow};
use crate::item::WireName;
use crate::outcome::Failure;
use crate::probe::chance::Case;
use crate::probe::exchange::pending::{About, Complaint, Pending, Resolved, Sent, Settled, State};
use crate::probe::exchange::reasons;
use crate::probe::exchange::server::{Server, SocketId};
use crate::probe::message::{self, Reply};

/// Useless replies to a question, at least, before it is given up.
const USELESS_MAX: usize = 3;
/// Times that nobody listens at a server that never said a word, before it is given up.
const REFUSALS_MAX: u32 = 3;
/// Aliases that are asked on for, one by one.
const ALIASES_MAX: u32 = 8;

impl Exchange {
    /// Nobody listens at the other end of the socket: the machine there said so, or the network,
    /// with a reason.
    pub(crate) fn refused(&mut self, now: Instant, socket: SocketId, reason: Option<String>) {
        if let Some(socket) = self.sockets.get(socket.0 as usize) {
            let at = socket.server;
            self.not_there(now, at, reason);
        }
    }

    /// A datagram has come in. What has no question of this socket is as if it had not come; a right
    /// question with a wrong id, or with letters that were not written so, is a guess: see
    /// `strangers`.
    pub(crate) fn receive(&mut self, now: Instant, socket: SocketId, bytes: &[u8]) {
        let Some(id) = message::id_of(bytes) else { return };
        let Some(&index) = self.ids.get(&key(socket, id)) else {
            return self.receive_stranger(now, socket, bytes);
        };
        let pending = &self.pending[index as usize];
        let Some(sent) = pending.sent.find(socket, id) else { return };
        let Some(reply) = message::read_reply(bytes, &pending.name, pending.rtype) else { return };
        let at = self.sockets[socket.0 as usize].server;
        let server = &mut self.servers[at];
        server.replied(now);
        server.window.answered(now, sent.at);
        if !self.is_as_asked(at, index, sent, bytes) {
            return self.distrust(now, index, at);
        }
        let server = &mut self.servers[at];
        match &reply {
            Reply::Useless(problem) if problem.may_be_edns() && !sent.plain => {}
            Reply::Useless(_) => server.failed(now),
            _ => server.was_of_use(),
        }
        let pending = &self.pending[index as usize];
        if pending.was_asked_again_soon() {
            server.again.counts(pending.sent.last() == Some(sent));
        }
        if sent.plain && !matches!(reply, Reply::Useless(_)) {
            self.servers[at].plain = true;
        }
        match reply {
            Reply::Cut => {
                let is_over_tcp = pending.state.is_over_tcp();
                self.take_place_back(index, sent);
                if !is_over_tcp {
                    self.ask_over_tcp(now, index, at);
                }
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
                    pending.takes_back_a_try();
                    self.enqueue(index);
                } else {
                    self.complain(now, index, at, about);
                }
            }
            decisive => self.decide(index, at, decisive),
        }
    }

    /// Whether the name in a reply has its letters as they were written, or the server is known not
    /// to care. A reply without a question can't say.
    fn is_as_asked(&mut self, at: usize, index: u32, sent: Sent, bytes: &[u8]) -> bool {
        let name = &self.pending[index as usize].name;
        if sent.case == Case::SMALL || message::has_no_question(bytes) {
            return true;
        }
        let same = sent.case.is_of(name.as_wire(), message::name_of(bytes, name));
        self.servers[at].keeping.answered(same)
    }

    /// A reply that brings the question further.
    pub(super) fn decide(&mut self, index: u32, at: usize, reply: Reply) {
        let ttl_so_far = self.pending[index as usize].ttl;
        let (resolved, ttl, rcode) = match reply {
            Reply::Addresses { addresses, ttl } => {
                (Resolved::Addresses { addresses, ttl: ttl.min(ttl_so_far) }, None, Rcode::NOERROR)
            }
            Reply::Records { records, ttl } => {
                (Resolved::Records { records, ttl: ttl.min(ttl_so_far) }, None, Rcode::NOERROR)
            }
            Reply::NoData { ttl } => (Resolved::NoData, ttl, Rcode::NOERROR),
            Reply::NxDomain { ttl } => (Resolved::NxDomain, ttl, Rcode::NXDOMAIN),
            Reply::Alias { target, ttl } => return self.follow(index, target, ttl),
            // Handled where they arrive.
            Reply::Cut | Reply::Useless(_) => return,
        };
        let pending = self.take_out(index);
        self.settled.push_back(Settled {
            owner: pending.owner,
            rtype: pending.rtype,
            resolved,
            negative_ttl: ttl.map(|ttl| ttl.min(ttl_so_far)),
            server: Some(self.servers[at].address),
            rcode: Some(rcode.to_int().into()),
            queries: pending.queries,
        });
    }

    /// Asks on for the name that this one is an alias of.
    fn follow(&mut self, index: u32, target: WireName, ttl: u32) {
        self.forget_all(index);
        let pending = &mut self.pending[index as usize];
        pending.name = target;
        pending.aliases += 1;
        pending.ttl = pending.ttl.min(ttl);
        pending.tries = 0;
        pending.quick = 0;
        pending.useless = 0;
        pending.tcp_breaks = 0;
        pending.complaint = None;
        pending.stay = true;
        if pending.aliases > ALIASES_MAX {
            self.give_up(index, |pending, _| reasons::aliases(pending));
        } else {
            self.enqueue(index);
        }
    }

    /// A reply of no use: another server is asked, or the same one after a pause.
    pub(super) fn complain(&mut self, now: Instant, index: u32, at: usize, about: About) {
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
    pub(super) fn not_there(&mut self, now: Instant, at: usize, reason: Option<String>) {
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
            pending.takes_back_a_try();
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
    pub(super) fn nobody_listens(&self) -> bool {
        self.never_replied() && self.servers.iter().all(|server| server.refusals >= REFUSALS_MAX)
    }

    fn never_replied(&self) -> bool {
        self.last_reply().is_none()
    }

    /// When a server last said something over UDP, whatever it was.
    pub(crate) fn last_reply(&self) -> Option<Instant> {
        self.servers.iter().filter_map(|server| server.last_reply).max()
    }

    pub(super) fn overdue(&mut self, now: Instant, index: u32) {
        self.give_up(index, |pending, servers| reasons::deadline(now, pending, servers));
    }

    pub(super) fn give_up(
        &mut self,
        index: u32,
        reason: impl FnOnce(&Pending, &[Server]) -> Failure,
    ) {
        let pending = self.take_out(index);
        let failure = reason(&pending, &self.servers);
        let complaint = pending.complaint;
        self.settled.push_back(Settled {
            owner: pending.owner,
            rtype: pending.rtype,
            resolved: Resolved::Unknown(failure),
            negative_ttl: None,
            server: complaint.map(|complaint| self.servers[complaint.server].address),
            rcode: complaint.and_then(|complaint| match complaint.about {
                About::Reply(problem) => problem.rcode(),
                About::Tcp | About::Place => None,
            }),
            queries: pending.queries,
        });
    }

    /// Forgets a question and the ids of its queries.
    pub(super) fn take_out(&mut self, index: u32) -> Pending {
        self.forget_all(index);
        self.pending.remove(index as usize)
    }

    /// The query has had a reply, and may have another: its id stays valid, its place in the window is
    /// free.
    fn take_place_back(&mut self, index: u32, sent: Sent) {
        if !sent.replied
            && let Some(socket) = self.sockets.get(sent.socket.0 as usize)
        {
            self.servers[socket.server].window.ended(sent.at);
            self.pending[index as usize].sent.set_replied(sent);
        }
    }

    /// No answer counts any more to what was asked so far.
    pub(super) fn forget_all(&mut self, index: u32) {
        while let Some(sent) = self.pending[index as usize].sent.last() {
            self.forget(index, sent);
        }
    }

    /// No answer to this query counts any more.
    pub(super) fn forget(&mut self, index: u32, sent: Sent) {
        self.pending[index as usize].sent.remove(sent);
        self.ids.remove(&key(sent.socket, sent.id));
        let Some(socket) = self.sockets.get_mut(sent.socket.0 as usize) else { return };
        socket.live -= 1;
        let server = &mut self.servers[socket.server];
        server.live -= 1;
        if !sent.replied {
            server.window.ended(sent.at);
        }
        if socket.retired && socket.live == 0 {
            self.close(sent.socket);
        }
    }
}

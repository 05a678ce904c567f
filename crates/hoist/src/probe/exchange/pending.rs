use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use domain::base::iana::Rtype;

use super::server::SocketId;
use crate::item::WireName;
use crate::outcome::Failure;
use crate::probe::chance::Case;
use crate::probe::message::Problem;

/// A question under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(super) index: u32,
    pub(super) serial: u64,
}

/// A question in one state of its life: stale as soon as the state changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamped {
    pub(super) index: u32,
    pub(super) stamp: u64,
}

/// What became of a question. There is exactly one for each that was asked and not cancelled.
#[derive(Debug)]
pub(crate) struct Settled {
    /// What `ask` was given.
    pub(crate) owner: usize,
    pub(crate) rtype: Rtype,
    pub(crate) resolved: Resolved,
    /// For how many seconds that there are none may be kept.
    pub(crate) negative_ttl: Option<u32>,
    /// Who gave the answer, or the last useless reply.
    pub(crate) server: Option<SocketAddr>,
    /// The response code of that.
    pub(crate) rcode: Option<u16>,
    /// Queries sent.
    pub(crate) queries: u32,
}

/// What is known of a name and a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolved {
    Addresses {
        addresses: Vec<IpAddr>,
        ttl: u32,
    },
    /// Of another type, in presentation form.
    Records {
        records: Box<[Box<str>]>,
        ttl: u32,
    },
    NoData,
    NxDomain,
    Unknown(Failure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// For its turn to be sent.
    Queued,
    /// For the answer to its last query.
    Sent,
    /// Before the next query.
    Resting,
    /// For a place among the TCP connections.
    Place,
    /// For an answer over one of them.
    Tcp,
}

impl State {
    pub(super) fn is_over_tcp(self) -> bool {
        matches!(self, Self::Place | Self::Tcp)
    }
}

/// A question that has no answer yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) owner: usize,
    /// The name asked for, or the last of its aliases.
    pub(super) name: WireName,
    pub(super) rtype: Rtype,
    pub(super) asked_at: Instant,
    pub(super) deadline: Instant,
    pub(super) serial: u64,
    pub(super) stamp: u64,
    pub(super) state: State,
    /// The one asked last. None before the first query.
    pub(super) server: Option<usize>,
    /// Go to the same server again.
    pub(super) stay: bool,
    /// Queries about `name` that count as tries.
    pub(super) tries: u32,
    /// Those of them that were given only what is usual for an answer.
    pub(super) quick: u32,
    /// Queries in all.
    pub(super) queries: u32,
    /// Useless replies to `name`.
    pub(super) useless: u32,
    /// Times that a server was not there.
    pub(super) refused: u32,
    /// Aliases asked on for.
    pub(super) aliases: u32,
    /// The smallest on the way through these.
    pub(super) ttl: u32,
    /// Ask without EDNS.
    pub(super) plain: bool,
    /// The id of the query over TCP.
    pub(super) tcp_id: u16,
    /// Connections that broke before its answer. One that it had for itself counts for half of those
    /// that are borne.
    pub(super) tcp_breaks: u8,
    pub(super) complaint: Option<Complaint>,
    pub(super) sent: SentList,
}

impl Pending {
    /// Its last query is none: it was not sent, or reached nobody.
    pub(super) fn takes_back_a_try(&mut self) {
        self.tries = self.tries.saturating_sub(1);
        self.quick = self.quick.min(self.tries);
    }

    /// Whether its last query went out because the one before had no answer as soon as is usual, and is
    /// waited for no longer than that either.
    pub(super) fn was_asked_again_soon(&self) -> bool {
        self.state == State::Sent && self.quick >= 2 && self.quick == self.tries
    }
}

/// The last useless reply.
#[derive(Debug, Clone, Copy)]
pub(super) struct Complaint {
    pub(super) server: usize,
    pub(super) about: About,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum About {
    Reply(Problem),
    /// The answer was cut, and TCP brought none.
    Tcp,
    /// The answer was cut, and there was no place among the TCP connections.
    Place,
}

/// A query on its way: it may be answered until its question is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) socket: SocketId,
    pub(super) id: u16,
    pub(super) case: Case,
    pub(super) plain: bool,
    /// It has had a reply that does not settle the question, and takes no place in the window.
    pub(super) replied: bool,
    pub(super) at: Instant,
}

/// Queries on their way; the first without an allocation, for most questions need no second.
#[derive(Debug, Default)]
pub(super) struct SentList {
    first: Option<Sent>,
    more: Vec<Sent>,
}

impl SentList {
    pub(super) fn push(&mut self, sent: Sent) {
        if self.first.is_none() && self.more.is_empty() {
            self.first = Some(sent);
        } else {
            self.more.push(sent);
        }
    }

    pub(super) fn last(&self) -> Option<Sent> {
        self.more.last().copied().or(self.first)
    }

    pub(super) fn find(&self, socket: SocketId, id: u16) -> Option<Sent> {
        self.iter().find(|sent| sent.socket == socket && sent.id == id)
    }

    pub(super) fn set_replied(&mut self, sent: Sent) {
        if let Some(first) = self.first.as_mut().filter(|first| **first == sent) {
            first.replied = true;
        } else if let Some(other) = self.more.iter_mut().find(|other| **other == sent) {
            other.replied = true;
        }
    }

    pub(super) fn remove(&mut self, sent: Sent) {
        if self.first == Some(sent) {
            self.first = None;
        } else {
            self.more.retain(|other| *other != sent);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Sent> {
        self.first.into_iter().chain(self.more.iter().copied())
    }
}

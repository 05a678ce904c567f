//! The machine under `hoist probe`, for a shell of one's own: questions to DNS servers, without I/O,
//! clock or runtime.
//!
//! **Not stable**: it may change in any version. It is here to show, and to keep true, that what is
//! asked and what an answer means depends on no runtime; `examples/blocking_probe.rs` is a shell of
//! blocking sockets and threads.
//!
//! A shell goes in a circle:
//!
//! 1. [`Exchange::poll_socket`]: open a UDP socket on a random port, connected to the server; say
//!    [`Exchange::socket_opened`] or [`Exchange::socket_failed`].
//! 2. [`Exchange::poll_transmit`]: send what is in the buffer by that socket; say
//!    [`Exchange::not_sent`] where it did not go out.
//! 3. [`Exchange::poll_tcp`]: ask that over TCP (RFC 7766); say [`Exchange::tcp_ended`].
//! 4. [`Exchange::poll_close`]: close these sockets.
//! 5. [`Exchange::poll_settled`]: the answers.
//! 6. Wait for datagrams, but not beyond [`Exchange::next_timeout`]; [`Exchange::receive`] them, then
//!    [`Exchange::handle_timeout`].

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use domain::base::iana::Rtype;

use super::window::WindowPolicy;
use super::{machine, pending, server};
use crate::item::DomainName;
use crate::outcome::{Failure, FailureKind};
use crate::plan::defaults;
use crate::probe::chance::Chance;

/// How long to wait, and how often to ask.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// For the answer to the first query; each next one is given half as much again.
    pub timeout: Duration,
    /// The longest wait for one query; also for an answer over TCP.
    pub timeout_max: Duration,
    /// Queries after the first.
    pub retries: u32,
    /// Names take the servers in turn. Else all ask the first one first, as resolv.conf(5) has it.
    pub spread: bool,
}

/// The records asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// IPv4 addresses (RFC 1035 §3.4.1).
    A,
    /// IPv6 addresses (RFC 3596).
    Aaaa,
}

/// What is known of a name and a type of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// At least one.
    Addresses(Vec<IpAddr>),
    /// The name exists and has no such record (RFC 2308 §2.2).
    NoData,
    /// The name does not exist (RFC 2308 §2.1).
    NoSuchName,
    /// No server told; why.
    Unknown(Failure),
}

/// What became of a question. There is exactly one for each that was asked and not cancelled.
#[derive(Debug)]
pub struct Settled {
    /// What [`Exchange::ask`] was given.
    pub owner: usize,
    /// What is known.
    pub answer: Answer,
    /// Queries sent, over UDP and TCP.
    pub queries: u32,
}

/// A question under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle(pending::Handle);

/// A socket, under the number that the machine knows it by. Numbers are used again once
/// [`Exchange::poll_close`] has told them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId(server::SocketId);

/// A server that one more socket is wanted for.
#[derive(Debug)]
pub struct Wanted(machine::Wanted);

impl Wanted {
    /// What to connect to.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }
}

/// A query that goes out by a socket.
#[derive(Debug)]
pub struct Transmit(machine::Transmit);

impl Transmit {
    /// By which.
    pub fn socket(&self) -> SocketId {
        SocketId(self.0.socket)
    }
}

/// A query that goes out over TCP.
#[derive(Debug)]
pub struct Tcp(machine::Tcp);

impl Tcp {
    /// What to connect to.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Nobody waits for the answer after this.
    pub fn deadline(&self) -> Instant {
        self.0.deadline
    }
}

/// All questions under way.
#[derive(Debug)]
pub struct Exchange(machine::Exchange);

#[expect(clippy::needless_pass_by_value, reason = "what was told of is told of once")]
impl Exchange {
    /// Nothing is asked yet. A seed gives the same ids and ports in each run, which is for rehearsals
    /// alone: who can guess them can forge answers (RFC 5452 §9.2). `None`: there is no server.
    pub fn new(policy: Policy, servers: &[SocketAddr], seed: Option<u64>) -> Option<Self> {
        let Policy { timeout, timeout_max, retries, spread } = policy;
        let window = WindowPolicy {
            start: defaults::DNS_WINDOW.get(),
            max: defaults::PROBE_IN_FLIGHT.get(),
            fixed: false,
            timeout,
        };
        let policy = machine::Policy {
            timeout,
            timeout_max,
            retries,
            spread,
            quick: true,
            window,
            rate: None,
        };
        (!servers.is_empty())
            .then(|| Self(machine::Exchange::new(policy, servers, Chance::new(seed))))
    }

    /// Asks for the records of a name; the answer bears `owner`, and comes by the deadline.
    ///
    /// # Errors
    ///
    /// [`FailureKind::BadName`] where it is none, or is an address: that is its outcome.
    pub fn ask(
        &mut self,
        now: Instant,
        owner: usize,
        name: &str,
        record: Record,
        deadline: Instant,
    ) -> Result<Handle, Failure> {
        let rtype = match record {
            Record::A => Rtype::A,
            Record::Aaaa => Rtype::AAAA,
        };
        match DomainName::parse(name)? {
            DomainName::Name(name) => Ok(Handle(self.0.ask(now, owner, name, rtype, deadline))),
            DomainName::Literal(address) => {
                let reason = format!("{address} is an address; no server is asked for it");
                Err(Failure::new(FailureKind::BadName, reason))
            }
        }
    }

    /// The answer is not wanted any more. Nothing happens if it is there already.
    pub fn cancel(&mut self, handle: Handle) {
        self.0.cancel(handle.0);
    }

    /// The next answer.
    pub fn poll_settled(&mut self) -> Option<Settled> {
        let settled = self.0.poll_settled()?;
        let answer = match settled.resolved {
            pending::Resolved::Addresses { addresses, .. } => Answer::Addresses(addresses),
            // Of no type that can be asked for here.
            pending::Resolved::Records { .. } => {
                Answer::Unknown(Failure::new(FailureKind::DnsFailed, "records of another type"))
            }
            pending::Resolved::NoData => Answer::NoData,
            pending::Resolved::NxDomain => Answer::NoSuchName,
            pending::Resolved::Unknown(failure) => Answer::Unknown(failure),
        };
        Some(Settled { owner: settled.owner, answer, queries: settled.queries })
    }

    /// A server that a socket is wanted for. [`Exchange::poll_transmit`] may want another, so go on
    /// until neither has anything.
    pub fn poll_socket(&mut self) -> Option<Wanted> {
        self.0.poll_socket().map(Wanted)
    }

    /// The socket is there and connected; this is its number.
    pub fn socket_opened(&mut self, wanted: Wanted) -> SocketId {
        SocketId(self.0.socket_opened(wanted.0))
    }

    /// There is no socket to be had; with a reason if it is because of the server's address, and
    /// without when descriptors are out, which only takes waiting.
    pub fn socket_failed(&mut self, now: Instant, wanted: Wanted, reason: Option<String>) {
        self.0.socket_failed(now, wanted.0, reason);
    }

    /// A socket that nothing is expected from any more.
    pub fn poll_close(&mut self) -> Option<SocketId> {
        self.0.poll_close().map(SocketId)
    }

    /// The next query to send now, written into the buffer.
    pub fn poll_transmit(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Transmit> {
        self.0.poll_transmit(now, buffer).map(Transmit)
    }

    /// The query could not be sent: the socket or the system has no room. It goes first, in a
    /// little while.
    pub fn not_sent(&mut self, now: Instant, transmit: Transmit) {
        self.0.not_sent(now, transmit.0);
    }

    /// A datagram has come in. What answers no query of this socket is as if it had not
    /// come, but a right question with a wrong id: that one is asked over TCP from then on.
    pub fn receive(&mut self, now: Instant, socket: SocketId, bytes: &[u8]) {
        self.0.receive(now, socket.0, bytes);
    }

    /// Nobody listens at the other end of the socket: the machine there said so, or the network,
    /// with a reason.
    pub fn refused(&mut self, now: Instant, socket: SocketId, reason: Option<String>) {
        self.0.refused(now, socket.0, reason);
    }

    /// A query to send over TCP now, written into the buffer without its length.
    pub fn poll_tcp(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Tcp> {
        self.0.poll_tcp(now, buffer).map(Tcp)
    }

    /// The connection is over: with an answer, without its length, or with none.
    pub fn tcp_ended(&mut self, now: Instant, tcp: Tcp, answer: Option<&[u8]>) {
        self.0.tcp_ended(now, tcp.0, answer.into());
    }

    /// When to call `handle_timeout` and look for something to send. `None`: nothing is under way.
    pub fn next_timeout(&mut self) -> Option<Instant> {
        self.0.next_timeout()
    }

    /// Time has passed: tries again or gives up what waits in vain.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }
}

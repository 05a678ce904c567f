use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio_util::task::TaskTracker;

use super::exchange::{Exchange, Policy};
use super::flight::Flight;
use super::hosts::Hosts;
use super::inquiries::{Shared, Source, Who};
use super::system::SystemPool;
use super::verdict::Lookup;
use super::{driver, servers, system};
use crate::error::Error;
use crate::item::{DomainName, WireName};
use crate::outcome::{Failure, FailureKind, ProbeVerdict};
use crate::plan::{DnsPlan, Family, Question, Via, defaults};

/// How long the second family may take once the first has addresses (RFC 8305 §3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// Looks names up. Cheap to clone; lives on the I/O thread. When the last clone is dropped, so is
/// all that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    guard: Rc<Guard>,
}

impl Resolver {
    /// Reads what the plan names: blocking, so before the loop starts. Sockets and threads come
    /// with the first question. Must be called inside a `LocalSet`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a hosts or resolv.conf file that is there but can't be read.
    pub(crate) fn start(
        plan: &DnsPlan,
        in_flight: usize,
        seed: u64,
        tasks: &TaskTracker,
    ) -> Result<Self, Error> {
        let source = match &plan.via {
            Via::System => {
                let threads = in_flight.clamp(1, defaults::SYSTEM_THREADS_MAX);
                let (pool, results) = SystemPool::new(threads);
                (Source::System(pool), Some(results))
            }
            Via::Dns { resolv_conf, servers: named } => {
                let servers = servers::chosen(named, resolv_conf.as_deref())?;
                let hosts = plan.hosts.as_deref().map(Hosts::read).transpose()?;
                let policy = Policy {
                    timeout: plan.timeout.min(defaults::FOREVER),
                    timeout_max: defaults::DNS_TIMEOUT_MAX.max(plan.timeout.min(defaults::FOREVER)),
                    retries: plan.retries,
                    spread: !named.is_empty(),
                };
                let exchange = Exchange::new(policy, &servers, seed);
                let hosts = hosts.unwrap_or_default();
                (Source::Dns { exchange: Box::new(exchange), hosts }, None)
            }
        };
        let (source, results) = source;
        let shared = Rc::new(Shared::new(source));
        match results {
            None => tasks.spawn_local(driver::drive(Rc::clone(&shared), tasks.clone())),
            Some(results) => tasks.spawn_local(system::drive(Rc::clone(&shared), results)),
        };
        Ok(Self { guard: Rc::new(Guard { shared }) })
    }

    /// Asks; the answer comes out of `answered`, with the token, by the deadline at the latest.
    pub(crate) fn ask(
        &self,
        token: usize,
        name: &DomainName,
        question: Question,
        eager: bool,
        deadline: Instant,
    ) {
        let shared = &self.guard.shared;
        let mut state = shared.state.borrow_mut();
        let who = Who::Probe(token);
        match name {
            DomainName::Literal(address) => {
                let fits = match question {
                    Question::Address | Question::Both => true,
                    Question::A => address.is_ipv4(),
                    Question::Aaaa => address.is_ipv6(),
                };
                let lookup = if fits { Lookup::found(vec![*address]) } else { Lookup::not_found() };
                state.answered.push_back((token, lookup));
            }
            DomainName::Name(name) => {
                state.begin(Instant::now(), who, name, question, eager, deadline);
            }
        }
        let has_answer = !state.answered.is_empty();
        drop(state);
        if has_answer {
            shared.wake_asker();
        }
        shared.wake_driver();
    }

    /// The next finished lookup of those that `ask` began; waits where there is none. Dropping
    /// the future loses nothing. One task at a time may wait.
    #[cfg_attr(not(test), expect(dead_code, reason = "the run polls; tests await"))]
    pub(crate) async fn answered(&self) -> (usize, Lookup) {
        poll_fn(|cx| self.poll_answered(cx)).await
    }

    /// As `answered`.
    pub(crate) fn poll_answered(&self, cx: &mut Context<'_>) -> Poll<(usize, Lookup)> {
        let shared = &self.guard.shared;
        if let Some(answer) = shared.state.borrow_mut().answered.pop_front() {
            return Poll::Ready(answer);
        }
        let mut waker = shared.waker.borrow_mut();
        match &mut *waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// The addresses of a host, IPv6 first. IPv6 and IPv4 are asked for together; once one family
    /// has addresses, the other is waited for 50 ms at most (RFC 8305 §3). All who ask for a name
    /// at the same time share one lookup. The future may be dropped at any time.
    ///
    /// # Errors
    ///
    /// A failure of the kind `no_such_host`, `dns_failed`, `bad_name` or `deadline`.
    pub(crate) async fn addresses(
        &self,
        host: &str,
        family: Family,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, Failure> {
        // URLs write IPv6 addresses in brackets.
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = match DomainName::parse(bare)? {
            DomainName::Literal(address) if fits(family, &address) => return Ok(vec![address]),
            DomainName::Literal(address) => return Err(no_address(&address, family)),
            DomainName::Name(name) => name,
        };
        let waiter = self.board(name, family);
        let flight = &waiter.flight;
        loop {
            let changed = flight.changed.notified();
            if let Some(lookup) = flight.landed() {
                return landed(lookup, &flight.name, family, Instant::now() < deadline);
            }
            let until =
                flight.first_at().map_or(deadline, |at| deadline.min(at + RESOLUTION_DELAY));
            if until <= Instant::now() {
                let addresses = flight.first_addresses();
                if !addresses.is_empty() {
                    return Ok(addresses);
                }
                let reason = format!("{} was not resolved in time", flight.name);
                return Err(Failure::new(FailureKind::Deadline, reason));
            }
            // Which of the two it was shows in the next round.
            let _ = tokio::time::timeout_at(until.into(), changed).await;
        }
    }

    /// Joins the flight of a name, or begins one.
    fn board(&self, name: WireName, family: Family) -> Waiter {
        let shared = Rc::clone(&self.guard.shared);
        let mut state = shared.state.borrow_mut();
        let flight = Flight::new(name, family);
        let key = flight.key();
        let flight = if let Some(flight) = state.flights.get(&key) {
            Rc::clone(flight)
        } else {
            let flight = Rc::new(flight);
            let question = match family {
                Family::Any => Question::Both,
                Family::V4 => Question::A,
                Family::V6 => Question::Aaaa,
            };
            // Those who share it may have different deadlines, and keep them by themselves.
            let now = Instant::now();
            let deadline = now + defaults::PROBE_DEADLINE;
            let who = Who::Flight(Rc::clone(&flight));
            if let Some(index) = state.begin(now, who, &key.0, question, true, deadline) {
                flight.index.set(index);
                state.flights.insert(key, Rc::clone(&flight));
            }
            flight
        };
        flight.waiters.set(flight.waiters.get() + 1);
        drop(state);
        shared.wake_driver();
        Waiter { shared, flight }
    }
}

fn fits(family: Family, address: &IpAddr) -> bool {
    match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    }
}

fn no_address(name: &dyn fmt::Display, family: Family) -> Failure {
    let kind = match family {
        Family::Any => "",
        Family::V4 => "IPv4 ",
        Family::V6 => "IPv6 ",
    };
    Failure::new(FailureKind::NoSuchHost, format!("{name} has no {kind}address"))
}

fn landed(
    lookup: Lookup,
    name: &WireName,
    family: Family,
    in_time: bool,
) -> Result<Vec<IpAddr>, Failure> {
    match (lookup.verdict, lookup.failure) {
        (ProbeVerdict::Found, _) => {
            let mut addresses = lookup.addresses;
            addresses.sort_by_key(IpAddr::is_ipv4);
            Ok(addresses)
        }
        (ProbeVerdict::NotFound, _) if lookup.rcode == Some(3) => {
            Err(Failure::new(FailureKind::NoSuchHost, format!("the DNS knows no {name}")))
        }
        (ProbeVerdict::NotFound, _) => Err(no_address(name, family)),
        // The flight's deadline is not the caller's.
        (ProbeVerdict::Unknown, Some(failure)) if in_time => {
            Err(Failure::new(FailureKind::DnsFailed, failure.reason))
        }
        (ProbeVerdict::Unknown, Some(failure)) => Err(failure),
        (ProbeVerdict::Unknown, None) => {
            Err(Failure::new(FailureKind::DnsFailed, format!("{name} could not be resolved")))
        }
    }
}

/// Ends the driver with the last `Resolver`.
#[derive(Debug)]
struct Guard {
    shared: Rc<Shared>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.closed.set(true);
        self.shared.wake.notify_one();
    }
}

/// One who waits for a flight; the last to leave calls it off.
struct Waiter {
    shared: Rc<Shared>,
    flight: Rc<Flight>,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let left = self.flight.waiters.get().saturating_sub(1);
        self.flight.waiters.set(left);
        if left == 0 && !self.flight.is_done() {
            self.shared.state.borrow_mut().call_off(&self.flight);
        }
    }
}

//! The addresses of a host, for `fetch`.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::flight::{Flight, Host};
use super::inquiries::{Shared, Source, Who};
use super::resolver::Resolver;
use super::search::Absence;
use super::verdict::Lookup;
use crate::item::{DomainName, WireName};
use crate::outcome::classify::seconds;
use crate::outcome::{Failure, FailureKind, ProbeVerdict};
use crate::plan::{Family, defaults};

/// How long the second family may take once the first has addresses (RFC 8305 §3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// Lookups that go on for the second family alone when nobody waits for it any more, at most: the
/// next one who connects to the host then knows it.
const LEFT_MAX: usize = 1024;
/// The response code of a server that failed (RFC 1035 §4.1.1).
const SERVFAIL: u16 = 2;
const NXDOMAIN: u16 = 3;

impl Resolver {
    /// The addresses of a host, IPv6 first. What is known from before is not asked for again, as long
    /// as it may be kept; all who ask for a name at the same time share one lookup. IPv6 and IPv4 are
    /// asked for together; once one family has addresses, the other is waited for 50 ms at most (RFC
    /// 8305 §3). A short name is completed by the search list; one with a dot at its end is not. The
    /// future may be dropped at any time.
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
        let absolute = bare.ends_with('.');
        let by_system = match &self.guard.shared.state.borrow().source {
            Source::System(_) => true,
            Source::Dns { hosts, .. } => {
                if let Some(addresses) = hosts.find(&name, family.question()) {
                    return Ok(six_first(addresses));
                }
                if let Some(failure) = never_asked(&name) {
                    return Err(failure);
                }
                false
            }
        };
        if by_system {
            let found = self.look_up(Host { name, absolute }, family, deadline).await;
            return found.map_err(|(_, failure)| failure);
        }
        let mut walk = self.guard.search.walk(name, absolute);
        while let Some(name) = walk.next_name() {
            match self.look_up(Host { name, absolute: true }, family, deadline).await {
                Ok(addresses) => return Ok(addresses),
                // What is left of the list can't be asked in time.
                Err((_, failure)) if failure.kind == FailureKind::Deadline => return Err(failure),
                Err((absence, failure)) => walk.learn(absence, failure),
            }
        }
        Err(walk.into_failure())
    }

    /// The addresses of one name.
    async fn look_up(
        &self,
        host: Host,
        family: Family,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, (Absence, Failure)> {
        let waiter = self.board(host, family);
        let flight = &waiter.flight;
        loop {
            let changed = flight.changed.notified();
            if let Some(lookup) = flight.landed() {
                return landed(lookup, &flight.host.name, family);
            }
            let until = match flight.first_at() {
                Some(at) => deadline.min(at + RESOLUTION_DELAY),
                None if self.guard.shared.state.borrow().is_silent() => {
                    deadline.min(flight.began + self.guard.timeout)
                }
                None => deadline,
            };
            let now = Instant::now();
            if until <= now {
                let addresses = flight.first_addresses();
                if !addresses.is_empty() {
                    return Ok(addresses);
                }
                return Err((Absence::Doubt, self.give_up(flight, now, deadline)));
            }
            // Which of the two it was shows in the next round.
            let _ = tokio::time::timeout_at(until.into(), changed).await;
        }
    }

    /// Nobody answered in time.
    fn give_up(&self, flight: &Flight, now: Instant, deadline: Instant) -> Failure {
        let waited = now.saturating_duration_since(flight.began);
        let name = &flight.host.name;
        let reason = format!("{name} was not resolved in {}", seconds(waited));
        // Before the first answer is overdue, that there is none says nothing to others.
        if waited >= self.guard.timeout {
            let failure = Failure::new(FailureKind::DnsFailed, reason.as_str());
            self.guard.shared.state.borrow_mut().gave_up(now, flight, &failure);
        }
        if now < deadline {
            let reason = format!("{reason}: no DNS server says anything");
            return Failure::new(FailureKind::DnsFailed, reason);
        }
        Failure::new(FailureKind::Deadline, reason)
    }

    /// Joins the flight of a name, or begins one.
    fn board(&self, host: Host, family: Family) -> Waiter {
        let shared = Rc::clone(&self.guard.shared);
        let mut state = shared.state.borrow_mut();
        let now = Instant::now();
        let flight = Flight::new(now, host, family);
        let key = flight.key();
        let flight = if let Some(flight) = state.under_way(now, &key) {
            flight
        } else {
            let flight = Rc::new(flight);
            // Those who share it may have different deadlines, and keep them by themselves.
            let deadline = now + defaults::PROBE_DEADLINE;
            let who = Who::Flight(Rc::clone(&flight));
            let begun = state.begin(now, who, &key.0.name, flight.question(), true, deadline);
            if let Some(index) = begun {
                flight.index.set(index);
                state.flights.insert(key, Rc::clone(&flight));
                shared.wake_driver();
            }
            flight
        };
        flight.waiters.set(flight.waiters.get() + 1);
        drop(state);
        Waiter { shared, flight }
    }
}

/// Names that are for other purposes, and that no server is told of: `invalid` (RFC 6761 §6.4) and
/// `onion` (RFC 7686 §2). A system that knows what to do with them is asked.
fn never_asked(name: &WireName) -> Option<Failure> {
    let reason = match name.labels().last()? {
        b"invalid" => format!("{name} can't exist (RFC 6761)"),
        b"onion" => format!("{name} is a name of Tor, which the DNS does not know (RFC 7686)"),
        _ => return None,
    };
    Some(Failure::new(FailureKind::NoSuchHost, reason))
}

fn fits(family: Family, address: &IpAddr) -> bool {
    match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    }
}

fn six_first(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.sort_by_key(IpAddr::is_ipv4);
    addresses
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
) -> Result<Vec<IpAddr>, (Absence, Failure)> {
    let failed = |reason| Failure::new(FailureKind::DnsFailed, reason);
    Err(match (lookup.verdict, lookup.failure) {
        (ProbeVerdict::Found, _) => return Ok(six_first(lookup.addresses)),
        (ProbeVerdict::NotFound, _) if lookup.rcode == Some(NXDOMAIN) => {
            let reason = format!("the DNS knows no {name}");
            (Absence::NoName, Failure::new(FailureKind::NoSuchHost, reason))
        }
        (ProbeVerdict::NotFound, _) => (Absence::NoData, no_address(name, family)),
        (ProbeVerdict::Unknown, Some(failure)) if lookup.rcode == Some(SERVFAIL) => {
            (Absence::ServFail, failed(failure.reason))
        }
        // The flight's deadline is not the caller's.
        (ProbeVerdict::Unknown, Some(failure)) => (Absence::Doubt, failed(failure.reason)),
        (ProbeVerdict::Unknown, None) => {
            (Absence::Doubt, failed(format!("{name} could not be resolved")))
        }
    })
}

/// One who waits for a flight; the last to leave calls it off, unless it goes on for the second family.
struct Waiter {
    shared: Rc<Shared>,
    flight: Rc<Flight>,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let left = self.flight.waiters.get().saturating_sub(1);
        self.flight.waiters.set(left);
        if left > 0 || self.flight.is_done() {
            return;
        }
        let mut state = self.shared.state.borrow_mut();
        if self.flight.first_at().is_none() || state.flights.len() > LEFT_MAX {
            state.call_off(&self.flight);
        }
    }
}

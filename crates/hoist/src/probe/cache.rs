use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use domain::base::iana::Rtype;

use super::exchange::{Resolved, Settled};
use super::flight::Host;
use super::verdict::Lookup;
use crate::outcome::{Failure, ProbeVerdict};
use crate::plan::defaults;

/// What is known of the hosts of a run, for as long as it may be: addresses by the least time to live
/// on the way to them (RFC 1035 §3.2.1), that there are none as RFC 2308 §5 has it, that nobody knows
/// for a moment (RFC 9520). Each type is known by itself.
///
/// Bounded in names and bytes. A name that is one too many takes the place of another ("second
/// chance"): of the oldest that was not used since it was last looked at for this. What has expired
/// goes first, and two of the oldest are looked at for that whenever a name comes.
#[derive(Debug)]
pub(super) struct Cache {
    names: HashMap<Host, Box<Entry>>,
    /// Each of these names once.
    oldest: VecDeque<Host>,
    bytes: usize,
    names_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Entry {
    a: Option<Known>,
    aaaa: Option<Known>,
    /// Since it was last looked at for its place.
    used: bool,
}

/// What a name has of one type.
#[derive(Debug)]
struct Known {
    until: Instant,
    resolved: Resolved,
    rcode: Option<u16>,
}

/// Bytes that a name takes beside its text and what is known of it: its places in the table and in the
/// queue, the entry, and what the allocator adds to all of these.
const NAME: usize = 2 * size_of::<Host>() + size_of::<Entry>() + 176;

impl Cache {
    pub(super) fn new(names_max: usize, bytes_max: usize) -> Self {
        Self { names: HashMap::new(), oldest: VecDeque::new(), bytes: 0, names_max, bytes_max }
    }

    /// What is known of a name and a type, as if it had just been answered.
    pub(super) fn find(&mut self, now: Instant, host: &Host, rtype: Rtype) -> Option<Settled> {
        let entry = self.names.get_mut(host)?;
        let known = entry.part(rtype).as_ref().filter(|known| now < known.until)?;
        let settled = Settled {
            owner: 0,
            rtype,
            resolved: known.resolved.clone(),
            negative_ttl: None,
            server: None,
            rcode: known.rcode,
            queries: 0,
        };
        entry.used = true;
        Some(settled)
    }

    /// Keeps an answer for as long as it says.
    pub(super) fn keep(&mut self, now: Instant, host: &Host, settled: &Settled) {
        let life = match settled.resolved {
            Resolved::Addresses { ttl, .. } | Resolved::Records { ttl, .. } => {
                lifetime(ttl).min(defaults::DNS_TTL_MAX)
            }
            Resolved::NoData | Resolved::NxDomain => {
                let ttl = settled.negative_ttl.unwrap_or_default();
                lifetime(ttl).min(defaults::DNS_NEGATIVE_TTL_MAX)
            }
            Resolved::Unknown(_) => defaults::DNS_FAILURE_KEPT,
        };
        let known =
            Known { until: now + life, resolved: settled.resolved.clone(), rcode: settled.rcode };
        self.insert(now, host, settled.rtype, known);
    }

    /// Keeps that a lookup of these types failed, as far as they are not known.
    pub(super) fn fail(&mut self, now: Instant, host: &Host, types: &[Rtype], failure: &Failure) {
        for rtype in types.iter().copied() {
            if self.find(now, host, rtype).is_none() {
                let resolved = Resolved::Unknown(failure.clone());
                let until = now + defaults::DNS_FAILURE_KEPT;
                self.insert(now, host, rtype, Known { until, resolved, rcode: None });
            }
        }
    }

    /// Keeps what getaddrinfo found of these types.
    pub(super) fn keep_system(
        &mut self,
        now: Instant,
        host: &Host,
        types: &[Rtype],
        lookup: &Lookup,
    ) {
        for rtype in types.iter().copied() {
            let is_wanted = |address: &&IpAddr| address.is_ipv4() == (rtype == Rtype::A);
            let addresses: Vec<_> = lookup.addresses.iter().filter(is_wanted).copied().collect();
            let (life, resolved) = match (lookup.verdict, &lookup.failure) {
                (ProbeVerdict::Found, _) if addresses.is_empty() => {
                    (defaults::SYSTEM_KEPT, Resolved::NoData)
                }
                (ProbeVerdict::Found, _) => {
                    (defaults::SYSTEM_KEPT, Resolved::Addresses { addresses, ttl: 0 })
                }
                (ProbeVerdict::Unknown, Some(failure)) => {
                    (defaults::DNS_FAILURE_KEPT, Resolved::Unknown(failure.clone()))
                }
                // Which of the two it is, the system does not tell.
                _ => (defaults::SYSTEM_NEGATIVE_KEPT, Resolved::NoData),
            };
            let known = Known { until: now + life, resolved, rcode: lookup.rcode };
            self.insert(now, host, rtype, known);
        }
    }

    fn insert(&mut self, now: Instant, host: &Host, rtype: Rtype, known: Known) {
        // With a time to live of zero it is for those alone who wait for it; what was known is not.
        if known.until <= now {
            if let Some(old) = self.names.get_mut(host).and_then(|entry| entry.part(rtype).take()) {
                self.bytes -= old.bytes();
            }
            return;
        }
        let bytes = known.bytes();
        if !self.names.contains_key(host) {
            for _ in 0..2 {
                self.drop_oldest(|entry| entry.has_expired(now));
            }
            // Before it is there, or it would be the one to go where all others are in use.
            let own = NAME + host.name.as_wire().len();
            self.make_room(now, 1, own + bytes);
            self.names.insert(host.clone(), Box::default());
            self.oldest.push_back(host.clone());
            self.bytes += own;
        }
        if let Some(entry) = self.names.get_mut(host) {
            let part = entry.part(rtype);
            self.bytes -= part.as_ref().map_or(0, Known::bytes);
            self.bytes += bytes;
            *part = Some(known);
        }
        self.make_room(now, 0, 0);
    }

    fn make_room(&mut self, now: Instant, names: usize, bytes: usize) {
        while self.names.len() + names > self.names_max || self.bytes + bytes > self.bytes_max {
            let dropped = self
                .drop_oldest(|entry| !std::mem::take(&mut entry.used) || entry.has_expired(now));
            if dropped {
                continue;
            }
            let Some(spared) = self.oldest.pop_front() else { return };
            self.oldest.push_back(spared);
        }
    }

    /// Drops the oldest name if it may go.
    fn drop_oldest(&mut self, may_go: impl FnOnce(&mut Entry) -> bool) -> bool {
        let Some(oldest) = self.oldest.front() else { return false };
        if !self.names.get_mut(oldest).is_none_or(|entry| may_go(entry)) {
            return false;
        }
        if let Some(entry) = self.names.remove(oldest) {
            let parts = [&entry.a, &entry.aaaa].into_iter().flatten();
            let known: usize = parts.map(Known::bytes).sum();
            self.bytes -= NAME + oldest.name.as_wire().len() + known;
        }
        self.oldest.pop_front();
        true
    }
}

impl Entry {
    fn part(&mut self, rtype: Rtype) -> &mut Option<Known> {
        if rtype == Rtype::AAAA { &mut self.aaaa } else { &mut self.a }
    }

    fn has_expired(&self, now: Instant) -> bool {
        [&self.a, &self.aaaa].into_iter().flatten().all(|known| known.until <= now)
    }
}

impl Known {
    /// On the heap.
    fn bytes(&self) -> usize {
        match &self.resolved {
            Resolved::Addresses { addresses, .. } => 16 + addresses.len() * size_of::<IpAddr>(),
            Resolved::Records { records, .. } => {
                records.iter().map(|record| 32 + record.len()).sum()
            }
            Resolved::Unknown(failure) => 16 + failure.reason.len(),
            Resolved::NoData | Resolved::NxDomain => 0,
        }
    }
}

/// One with its first bit set means zero (RFC 2181 §8).
fn lifetime(ttl: u32) -> Duration {
    let seconds = if ttl > u32::MAX >> 1 { 0 } else { ttl };
    Duration::from_secs(seconds.into())
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;

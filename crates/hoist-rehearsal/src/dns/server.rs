//! Starting the server: one port for UDP and TCP, on every address.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::answer::Desk;
use super::decide::DnsPlan;
use super::name::Name;
use super::rates::Rates;
use super::rule::QueryRule;
use super::zone::{self, DnsZone, NameTruth};
use super::{tcp, udp};
use crate::attempts::Attempts;
use crate::bind;
use crate::running::{Running, launch, pass_on_panic};
use crate::stats::Counters;
use crate::truth::Truth;

/// A DNS rehearsal: its zones and what it does to the answers.
#[derive(Clone, Debug)]
pub struct DnsRehearsal {
    /// The zones it answers for; the closest one around a name does. All else is REFUSED.
    pub zones: Vec<DnsZone>,
    /// Faults for queries, by rules.
    pub rules: Vec<QueryRule>,
    /// The wait before each answer, drawn uniformly.
    pub delay: RangeInclusive<Duration>,
    /// The share of UDP queries, 0 to 1, that are lost.
    pub loss: f64,
    /// The share of queries, 0 to 1, answered SERVFAIL.
    pub servfail: f64,
    /// How long answers may be kept, in whole seconds; denials no longer than a minute.
    pub ttl: Duration,
    /// Same seed, same decisions, and the same names exist.
    pub seed: u64,
    /// Where the records go.
    pub truth: Truth,
}

impl DnsRehearsal {
    /// Answers for `zones` at once, without loss; no truth log.
    pub fn new(zones: impl Into<Vec<DnsZone>>) -> Self {
        Self {
            zones: zones.into(),
            rules: Vec::new(),
            delay: Duration::ZERO..=Duration::ZERO,
            loss: 0.0,
            servfail: 0.0,
            ttl: Duration::from_mins(5),
            seed: 0,
            truth: Truth::none(),
        }
    }

    /// The part of it that [`decide`](crate::dns::decide) needs.
    pub fn plan(&self) -> DnsPlan {
        DnsPlan { delay: self.delay.clone(), loss: self.loss, servfail: self.servfail }
    }

    /// What is true of a name, whatever the plan does to its answers. Case and a last dot do not
    /// matter.
    pub fn truth(&self, name: &str) -> NameTruth {
        Name::parse(name).map(|name| zone::truth(&self.zones, self.seed, &name)).unwrap_or_default()
    }

    /// Listens on every address, UDP and TCP, and serves on a thread of its own. With port 0 a free
    /// port is chosen, the same for all. An address of a family that this machine lacks is skipped, as
    /// long as one is left.
    ///
    /// # Errors
    /// What listening met.
    pub fn spawn(self, addrs: &[SocketAddr]) -> io::Result<Running> {
        let plan = self.plan();
        let bound = bind::all(addrs, |addr| {
            let listener = bind::tcp(addr)?;
            let at = listener.local_addr()?;
            Ok((at, (listener, bind::udp(at)?, elsewhere(at)?)))
        })?;
        let (addrs, sockets): (Vec<_>, Vec<_>) = bound.into_iter().unzip();
        let counters = Arc::new(Counters::default());
        let ttl = u32::try_from(self.ttl.as_secs()).unwrap_or(u32::MAX);
        let (zones, rules, seed, truth) = (self.zones, self.rules, self.seed, self.truth);
        let (log, counts) = (truth.clone(), Arc::clone(&counters));
        launch("rehearsal-dns", addrs, truth, counters, move || {
            let desk = Arc::new(Desk {
                zones,
                rates: Rates::new(rules.len()),
                rules,
                arrivals: AtomicU64::new(0),
                plan,
                ttl,
                seed,
                truth: log,
                attempts: Mutex::new(Attempts::new()),
                started: Instant::now(),
            });
            let mut tasks = JoinSet::new();
            for (listener, datagrams, elsewhere) in sockets {
                let listener = TcpListener::from_std(listener)?;
                let datagrams = (UdpSocket::from_std(datagrams)?, UdpSocket::from_std(elsewhere)?);
                tasks.spawn(udp::serve(datagrams, Arc::clone(&desk), Arc::clone(&counts)));
                tasks.spawn(tcp::serve(listener, Arc::clone(&desk), Arc::clone(&counts)));
            }
            Ok(async move {
                while let Some(ended) = tasks.join_next().await {
                    pass_on_panic(ended);
                }
            })
        })
    }

    /// A listed zone for names given in full, each with one address: the shortest way to send a
    /// client to a server on loopback.
    pub fn hosts<'a>(hosts: impl IntoIterator<Item = (&'a str, IpAddr)>) -> Self {
        let hosts: Vec<_> = hosts.into_iter().map(|(name, at)| (name, vec![at])).collect();
        Self::new(DnsZone::listed(".", hosts).into_iter().collect::<Vec<_>>())
    }
}

/// A socket of another port, and where the family has one to spare of another loopback address.
fn elsewhere(at: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let mut other = at;
    other.set_port(0);
    if let IpAddr::V4(four) = at.ip()
        && four.is_loopback()
    {
        let [a, b, c, d] = four.octets();
        let mut neighbour = other;
        neighbour.set_ip([a, b, c, if d == 254 { 1 } else { d.wrapping_add(1).max(1) }].into());
        // Not every system has all of 127.0.0.0/8.
        if let Ok(socket) = bind::udp(neighbour) {
            return Ok(socket);
        }
    }
    bind::udp(other)
}

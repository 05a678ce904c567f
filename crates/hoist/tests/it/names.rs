//! Names of hosts: asked once, remembered, given up in time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hoist::outcome::{FailureKind, Phase};
use hoist::{GetOutcome, GetPlan, GetVerdict};
use hoist_rehearsal::{DnsRehearsal, HttpRehearsal, Running, Scenario, Truth};
use tempfile::TempDir;

use crate::support::{ANY_PORT, dns_at, get_all, http, plan, spawn};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn names(rehearsal: DnsRehearsal) -> Running {
    let rehearsal = DnsRehearsal { truth: Truth::memory(), ..rehearsal };
    rehearsal.spawn(&[ANY_PORT.parse().unwrap()]).unwrap()
}

/// How often each name was asked for, of either type.
fn asked(dns: &Running) -> BTreeMap<(String, String), usize> {
    let mut asked = BTreeMap::new();
    for record in dns.truth().dns() {
        *asked.entry((record.name.to_ascii_lowercase(), record.kind)).or_default() += 1;
    }
    asked
}

fn failed_so(outcomes: &[GetOutcome]) -> BTreeMap<FailureKind, usize> {
    let mut kinds = BTreeMap::new();
    for outcome in outcomes {
        let kind = outcome.failure.as_ref().map(|failure| failure.kind);
        *kinds.entry(kind.expect("it can't be had")).or_default() += 1;
    }
    kinds
}

#[test]
fn each_name_is_asked_for_once() {
    let root = TempDir::new().unwrap();
    let hosts: Vec<String> = (0..50).map(|n| format!("h{n}.example")).collect();
    let server = http();
    let dns = names(DnsRehearsal::hosts(hosts.iter().map(|host| (host.as_str(), HERE))));
    let plan = GetPlan { dns: dns_at(dns.addr()), ..plan(root.path()) };
    let port = server.addr().port();
    let urls = (0..5000).map(|n| format!("http://{}:{port}/bytes/{}", hosts[n % 50], n % 100));
    let outcomes = get_all(plan, urls);
    assert!(outcomes.iter().all(|outcome| outcome.verdict == GetVerdict::Ok));
    let asked = asked(&dns);
    assert_eq!(asked.len(), 100);
    assert!(asked.values().all(|times| *times == 1), "{asked:?}");
}

#[test]
fn a_name_that_does_not_exist_is_asked_for_once() {
    let root = TempDir::new().unwrap();
    let dns = names(DnsRehearsal::hosts([("there.example", HERE)]));
    let plan = GetPlan { dns: dns_at(dns.addr()), ..plan(root.path()) };
    let outcomes = get_all(plan, (0..1000).map(|n| format!("http://not.example/{n}")));
    assert_eq!(failed_so(&outcomes), [(FailureKind::NoSuchHost, 1000)].into());
    assert_eq!(asked(&dns).values().copied().collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_name_with_an_ipv6_address_alone_is_reached() {
    let root = TempDir::new().unwrap();
    let at: SocketAddr = (Ipv6Addr::LOCALHOST, 0).into();
    let server = HttpRehearsal::local().spawn(&[at]).unwrap();
    let dns = names(DnsRehearsal::hosts([("six.example", Ipv6Addr::LOCALHOST.into())]));
    let plan = GetPlan { dns: dns_at(dns.addr()), ..plan(root.path()) };
    let url = |n| format!("http://six.example:{}/bytes/{n}", server.addr().port());
    let outcomes = get_all(plan, (0..100).map(url));
    assert!(outcomes.iter().all(|outcome| outcome.verdict == GetVerdict::Ok));
    assert_eq!(dns.truth().dns().len(), 2);
}

#[test]
fn alone_what_is_known_takes_no_time() {
    let root = TempDir::new().unwrap();
    let server = http();
    let delay = Duration::from_millis(100)..=Duration::from_millis(100);
    let dns = names(DnsRehearsal { delay, ..DnsRehearsal::hosts([("h.example", HERE)]) });
    let mut plan = GetPlan { dns: dns_at(dns.addr()), ..plan(root.path()) };
    plan.limits.per_origin = NonZeroUsize::MIN.into();
    // The connection ends with each body.
    let url = |n| format!("http://h.example:{}/unframed?of=10&id={n}", server.addr().port());
    let outcomes = get_all(plan, (0..20).map(url));
    let dns_times: Vec<Duration> =
        outcomes.iter().map(|outcome| outcome.timing.of(Phase::Dns).unwrap()).collect();
    assert_eq!(dns_times.iter().filter(|time| time.as_millis() >= 100).count(), 1, "{dns_times:?}");
    assert_eq!(dns_times.iter().filter(|time| time.as_millis() < 10).count(), 19, "{dns_times:?}");
    assert_eq!(dns.truth().dns().len(), 2);
}

#[test]
fn alone_a_name_is_asked_for_again_when_its_time_is_over() {
    let root = TempDir::new().unwrap();
    let slowly = "[[request]]\npath = \"*\"\nchain = [\"delay?for=300ms\", \"unframed?of=10\"]\n";
    let scenario = Scenario::parse(slowly, Path::new("")).unwrap();
    let server = spawn(HttpRehearsal { scenario, ..HttpRehearsal::local() });
    let ttl = Duration::from_secs(1);
    let dns = names(DnsRehearsal { ttl, ..DnsRehearsal::hosts([("h.example", HERE)]) });
    let mut plan = GetPlan { dns: dns_at(dns.addr()), ..plan(root.path()) };
    plan.limits.per_origin = NonZeroUsize::MIN.into();
    // Ten connections, one after another, each 0.3 s: it is asked for at 0, 1.2 and 2.4 s.
    let url = |n| format!("http://h.example:{}/{n}", server.addr().port());
    let outcomes = get_all(plan, (0..10).map(url));
    assert!(outcomes.iter().all(|outcome| outcome.verdict == GetVerdict::Ok));
    let times: Vec<usize> = asked(&dns).into_values().collect();
    // On a machine that is busy it takes longer, and once more.
    assert!(times == [3, 3] || times == [4, 4], "{times:?}");
}

/// A DNS server that takes queries and answers none.
struct Silent {
    address: SocketAddr,
    queries: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
}

impl Silent {
    fn start() -> Self {
        let socket = UdpSocket::bind(ANY_PORT).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let (queries, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, stopped) = (Arc::clone(&queries), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if socket.recv(&mut [0; 512]).is_ok() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { address, queries, stop }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn alone_ten_thousand_urls_of_one_name_ask_a_dead_server_little() {
    let root = TempDir::new().unwrap();
    let dns = Silent::start();
    let mut plan = GetPlan { dns: dns_at(dns.address), ..plan(root.path()) };
    plan.patience.connect = Duration::from_secs(2);
    plan.patience.backoff = Duration::from_millis(500);
    let began = Instant::now();
    let outcomes = get_all(plan, (0..10_000).map(|n| format!("http://h.example/{n}")));
    // The first say why; the others may be given up with the origin.
    let failed = failed_so(&outcomes);
    let of = |kind| failed.get(&kind).copied().unwrap_or_default();
    assert_eq!(of(FailureKind::DnsFailed) + of(FailureKind::OriginDown), 10_000, "{failed:?}");
    let (queries, took) = (dns.queries.load(Ordering::Relaxed), began.elapsed());
    // Two for each type before a lookup is given up; and it was asked again after that.
    // On a machine that is busy fewer URLs fail in the second that a failure is remembered.
    assert!((8..=200).contains(&queries), "{queries} queries");
    assert!(took < Duration::from_mins(2), "{took:?}");
    assert!(outcomes.iter().all(|outcome| outcome.attempts <= 4));
}

#[test]
fn alone_ten_thousand_names_of_a_dead_server_end_in_time() {
    let root = TempDir::new().unwrap();
    let dns = Silent::start();
    let mut plan = GetPlan { dns: dns_at(dns.address), ..plan(root.path()) };
    plan.limits.in_flight = NonZeroUsize::new(1000).unwrap();
    plan.patience.deadline = Duration::from_secs(4);
    plan.dns.timeout = Duration::from_millis(250);
    let began = Instant::now();
    let outcomes = get_all(plan, (0..10_000).map(|n| format!("http://h{n}.example/")));
    let took = began.elapsed();
    let kinds = failed_so(&outcomes);
    let known = [FailureKind::DnsFailed, FailureKind::Deadline];
    assert!(kinds.keys().all(|kind| known.contains(kind)), "{kinds:?}");
    // Ten times a thousand would wait 40 s for their deadlines.
    assert!(took < Duration::from_secs(30), "{took:?}");
    let late = outcomes.iter().find(|outcome| outcome.elapsed > Duration::from_secs(8));
    assert!(late.is_none(), "{late:?}");
}

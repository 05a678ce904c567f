//! The resolver against real sockets.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use domain::base::iana::{Rcode, Rtype};
use tokio::task::LocalSet;
use tokio_util::task::TaskTracker;

use super::answers::{Answer, question_of};
use super::{Lookup, Resolver};
use crate::item::DomainName;
use crate::outcome::{FailureKind, ProbeVerdict};
use crate::plan::{DnsPlan, Question, Via};

/// A server on a thread; it ends when dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    queries: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Answers over UDP with what `answer` gives, and over TCP with what `over_tcp` gives.
    pub(super) fn start(
        answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
        over_tcp: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let queries = Arc::new(AtomicU32::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        udp.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (counted, stopped) = (Arc::clone(&queries), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, from)) = udp.recv_from(&mut buffer) else { continue };
                counted.fetch_add(1, Ordering::Relaxed);
                for bytes in answer(&buffer[..length]) {
                    let _ = udp.send_to(&bytes, from);
                }
            }
        });
        std::thread::spawn(move || {
            // Ends with the test's process if nobody connects.
            for stream in tcp.incoming().flatten() {
                let mut stream = stream;
                let mut length = [0; 2];
                if stream.read_exact(&mut length).is_err() {
                    continue;
                }
                let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut query).unwrap();
                let answer = over_tcp(&query);
                let mut framed = u16::try_from(answer.len()).unwrap().to_be_bytes().to_vec();
                framed.extend(answer);
                stream.write_all(&framed).unwrap();
            }
        });
        Self { address, queries, stop }
    }

    pub(super) fn udp(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        Self::start(answer, <[u8]>::to_vec)
    }

    pub(super) fn queries(&self) -> u32 {
        self.queries.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// One address each, but none for names that begin with "no".
pub(super) fn usual(query: &[u8]) -> Vec<Vec<u8>> {
    let (name, rtype) = question_of(query);
    let answer = Answer::to(query);
    vec![match rtype {
        _ if name.starts_with("no") => answer.rcode(Rcode::NXDOMAIN).soa("example", 60, 60).bytes(),
        Rtype::A if !name.starts_with("six") => answer.a(&name, [192, 0, 2, 1]).bytes(),
        Rtype::AAAA if !name.starts_with("four") => answer.aaaa(&name, "2001:db8::1").bytes(),
        _ => answer.soa("example", 60, 60).bytes(),
    }]
}

pub(super) fn plan(servers: &[SocketAddr]) -> DnsPlan {
    DnsPlan {
        via: Via::Dns { resolv_conf: None, servers: servers.to_vec() },
        hosts: None,
        timeout: Duration::from_millis(200),
        ..DnsPlan::default()
    }
}

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

pub(super) fn run<F: Future>(work: impl FnOnce(TaskTracker) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = LocalSet::new();
    let tasks = TaskTracker::new();
    let output = local.block_on(&runtime, async { work(tasks.clone()).await });
    // Without a resolver nothing is left.
    tasks.close();
    let ended = async { tokio::time::timeout(Duration::from_secs(5), tasks.wait()).await };
    local.block_on(&runtime, ended).unwrap();
    output
}

fn look_up(plan: &DnsPlan, names: &[&str], question: Question) -> Vec<Lookup> {
    run(|tasks| async move {
        let resolver = Resolver::start(plan, None, names.len(), Some(7), &tasks).unwrap();
        for (token, name) in names.iter().enumerate() {
            resolver.ask(
                token,
                &DomainName::parse(name).unwrap(),
                question,
                token % 2 == 0,
                soon(),
            );
        }
        let mut lookups: Vec<Option<Lookup>> = names.iter().map(|_| None).collect();
        for _ in names {
            let (token, lookup) = resolver.answered().await;
            assert!(lookups[token].replace(lookup).is_none());
        }
        lookups.into_iter().flatten().collect()
    })
}

#[test]
fn names_are_looked_up() {
    let server = Server::udp(usual);
    let names =
        ["a.example", "b.example", "none.example", "nor.example", "six.example", "six2.example"];
    let lookups = look_up(&plan(&[server.address]), &names, Question::Address);
    for lookup in &lookups[..2] {
        assert_eq!(lookup.verdict, ProbeVerdict::Found);
        assert_eq!(lookup.addresses, [IpAddr::from([192, 0, 2, 1])]);
        assert_eq!((lookup.ttl, lookup.rcode, lookup.attempts), (Some(60), Some(0), 1));
        assert_eq!(lookup.server, Some(server.address));
    }
    for lookup in &lookups[2..4] {
        assert_eq!((lookup.verdict, lookup.rcode), (ProbeVerdict::NotFound, Some(3)));
    }
    for lookup in &lookups[4..] {
        assert_eq!(lookup.verdict, ProbeVerdict::Found);
        assert!(lookup.addresses[0].is_ipv6());
    }
}

#[test]
fn many_names_at_once_lose_none() {
    let server = Server::udp(usual);
    let names: Vec<String> = (0..5000).map(|n| format!("n{n}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let lookups = look_up(&plan(&[server.address]), &names, Question::A);
    assert!(lookups.iter().all(|lookup| lookup.verdict == ProbeVerdict::Found));
    assert!(server.queries() >= 5000);
}

#[test]
fn what_is_cut_is_had_over_tcp() {
    let server = Server::start(
        |query| vec![Answer::to(query).cut().bytes()],
        |query| {
            let (name, _) = question_of(query);
            (0..200).fold(Answer::to(query), |answer, n| answer.a(&name, [10, 0, 0, n])).bytes()
        },
    );
    let names: Vec<String> = (0..30).map(|n| format!("n{n}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for lookup in look_up(&plan(&[server.address]), &names, Question::A) {
        assert_eq!((lookup.verdict, lookup.addresses.len()), (ProbeVerdict::Found, 200));
    }
}

#[test]
fn tcp_that_brings_nothing_ends_as_unknown() {
    let server = Server::start(|query| vec![Answer::to(query).cut().bytes()], |_| vec![1, 2, 3]);
    let lookups = look_up(&plan(&[server.address]), &["a.example"], Question::A);
    assert_eq!(lookups[0].verdict, ProbeVerdict::Unknown);
    let failure = lookups[0].failure.as_ref().unwrap();
    assert_eq!(failure.kind, FailureKind::DnsFailed);
    assert!(failure.reason.contains("TCP"), "{failure}");
}

#[test]
fn a_dead_resolver_is_noticed_at_once() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let names: Vec<String> = (0..1000).map(|n| format!("n{n}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let began = Instant::now();
    let lookups = look_up(&plan(&[nobody]), &names, Question::Address);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    for lookup in lookups {
        assert_eq!(lookup.verdict, ProbeVerdict::Unknown);
        let reason = lookup.failure.unwrap().reason;
        assert_eq!(reason, format!("{nobody} refuses: no DNS server there"));
    }
}

#[test]
fn a_dead_server_is_no_matter_beside_a_live_one() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::udp(usual);
    let names = ["a.example", "none.example", "c.example"];
    let lookups = look_up(&plan(&[nobody, server.address]), &names, Question::Address);
    let verdicts: Vec<_> = lookups.iter().map(|lookup| lookup.verdict.name()).collect();
    assert_eq!(verdicts, ["found", "not_found", "found"]);
}

#[test]
fn a_silent_server_ends_at_the_deadline_or_with_the_tries() {
    let server = Server::udp(|_| Vec::new());
    let plan = DnsPlan { retries: 1, ..plan(&[server.address]) };
    let lookup = look_up(&plan, &["a.example"], Question::A).remove(0);
    let reason = lookup.failure.unwrap().reason;
    let expected = format!("no answer from {} to 2 queries in 0.5 s", server.address);
    assert_eq!((reason, lookup.attempts), (expected, 2));
}

#[test]
fn addresses_and_localhost_need_no_server() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lookups = look_up(
        &plan(&[nobody]),
        &["192.0.2.9", "2001:db8::9", "www.localhost"],
        Question::Address,
    );
    assert!(lookups.iter().all(|lookup| lookup.verdict == ProbeVerdict::Found));
    assert!(lookups.iter().all(|lookup| lookup.attempts == 0 && lookup.server.is_none()));
    let lookup = look_up(&plan(&[nobody]), &["192.0.2.9"], Question::Aaaa).remove(0);
    assert_eq!(lookup.verdict, ProbeVerdict::NotFound);
}

#[test]
fn the_system_is_asked_on_threads() {
    let plan = DnsPlan { via: Via::System, ..DnsPlan::default() };
    let lookups = look_up(&plan, &["localhost", "192.0.2.1", "nothing.invalid"], Question::Address);
    assert_eq!(lookups[0].verdict, ProbeVerdict::Found);
    assert!(lookups[0].addresses.iter().all(IpAddr::is_loopback));
    assert_eq!(lookups[1].verdict, ProbeVerdict::Found);
    assert_ne!(lookups[2].verdict, ProbeVerdict::Found);
    assert_eq!(lookups[2].failure.is_some(), lookups[2].verdict == ProbeVerdict::Unknown);
}

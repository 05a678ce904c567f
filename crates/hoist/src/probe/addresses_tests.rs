//! The addresses of hosts, from a server on a real socket.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::base::iana::{Rcode, Rtype};
use tokio_util::task::TaskTracker;

use super::Resolver;
use super::answers::{Answer, question_of};
use super::tests::{Server, plan, run, soon, usual};
use crate::outcome::{Failure, FailureKind};
use crate::plan::{DnsPlan, Family, NamesPlan, Via};

fn resolver(plan: &DnsPlan, tasks: &TaskTracker) -> Resolver {
    Resolver::start(plan, Some(&NamesPlan::default()), 10, Some(7), tasks).unwrap()
}

async fn any(resolver: &Resolver, host: &str) -> Result<Vec<IpAddr>, Failure> {
    resolver.addresses(host, Family::Any, soon()).await
}

fn text<T: ToString>(addresses: &[T]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

/// An A record with this time to live for every name, and no AAAA.
fn lasting(query: &[u8], ttl: u32) -> Vec<Vec<u8>> {
    let (name, rtype) = question_of(query);
    let answer = Answer::to(query);
    vec![match rtype {
        Rtype::A => answer.record(6, &name, Rtype::A, ttl, &[192, 0, 2, 1]).bytes(),
        _ => answer.soa("example", 60, ttl).bytes(),
    }]
}

async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

#[test]
fn fetch_gets_both_families_from_one_flight() {
    let server = Server::udp(usual);
    let plan = plan(&[server.address]);
    run(|tasks| async move {
        let resolver =
            Resolver::start(&plan, Some(&NamesPlan::default()), 10, Some(7), &tasks).unwrap();
        let (one, two) = tokio::join!(
            resolver.addresses("a.example", Family::Any, soon()),
            resolver.addresses("A.example.", Family::Any, soon()),
        );
        assert_eq!(one, two);
        let shown: Vec<String> = one.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["2001:db8::1", "192.0.2.1"]);
        assert_eq!(server.queries(), 2);
        let four = resolver.addresses("a.example", Family::V4, soon()).await.unwrap();
        assert_eq!(four, [IpAddr::from([192, 0, 2, 1])]);
        let kind = |found: Result<Vec<IpAddr>, crate::outcome::Failure>| found.unwrap_err().kind;
        let none = resolver.addresses("none.example", Family::Any, soon()).await;
        assert_eq!(kind(none), FailureKind::NoSuchHost);
        let none = resolver.addresses("four.example", Family::V6, soon()).await;
        assert_eq!(kind(none), FailureKind::NoSuchHost);
        let bad = resolver.addresses("a..example", Family::Any, soon()).await;
        assert_eq!(kind(bad), FailureKind::BadName);
        let literal = resolver.addresses("[::1]", Family::Any, soon()).await.unwrap();
        assert_eq!(literal, ["::1".parse::<IpAddr>().unwrap()]);
    });
}

#[test]
fn fetch_does_not_wait_for_the_slower_family() {
    let server = Server::udp(|query| match question_of(query).1 {
        Rtype::A => usual(query),
        _ => Vec::new(),
    });
    let plan = plan(&[server.address]);
    run(|tasks| async move {
        let resolver =
            Resolver::start(&plan, Some(&NamesPlan::default()), 10, Some(7), &tasks).unwrap();
        let began = Instant::now();
        let found = resolver.addresses("a.example", Family::Any, soon()).await.unwrap();
        assert_eq!(found, [IpAddr::from([192, 0, 2, 1])]);
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(50) && took < Duration::from_millis(190), "{took:?}");
        let late = Instant::now() + Duration::from_millis(30);
        let failure = resolver.addresses("b.example", Family::V6, late).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Deadline);
    });
}

#[test]
fn what_is_known_is_not_asked_again() {
    let server = Server::udp(usual);
    let plan = plan(&[server.address]);
    run(|tasks| async move {
        let resolver = resolver(&plan, &tasks);
        let first = any(&resolver, "a.example").await.unwrap();
        let began = Instant::now();
        for _ in 0..1000 {
            assert_eq!(any(&resolver, "A.example.").await.unwrap(), first);
        }
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
        assert_eq!(server.queries(), 2);
        // A name of one family alone, and one that is not there: both types are known.
        for _ in 0..3 {
            assert_eq!(text(&any(&resolver, "six.example").await.unwrap()), ["2001:db8::1"]);
            let none = any(&resolver, "none.example").await.unwrap_err();
            assert_eq!(none.to_string(), "no_such_host: the DNS knows no none.example");
        }
        assert_eq!(server.queries(), 6);
    });
}

#[test]
fn alone_addresses_expire() {
    let server = Server::udp(|query| lasting(query, 1));
    let plan = plan(&[server.address]);
    run(|tasks| async move {
        let resolver = resolver(&plan, &tasks);
        for queries in [2, 2, 4, 4, 6] {
            any(&resolver, "a.example").await.unwrap();
            assert_eq!(server.queries(), queries);
            wait(Duration::from_millis(550)).await;
        }
    });
}

#[test]
fn without_a_time_to_live_an_answer_is_for_those_who_wait() {
    let server = Server::udp(|query| lasting(query, 0));
    let plan = plan(&[server.address]);
    run(|tasks| async move {
        let resolver = resolver(&plan, &tasks);
        for queries in [2, 4] {
            let (one, two) = tokio::join!(any(&resolver, "a.example"), any(&resolver, "a.example"));
            assert_eq!(one, two);
            assert_eq!(server.queries(), queries);
        }
    });
}

#[test]
fn a_denial_without_a_zone_is_not_kept() {
    let server = Server::udp(|query| vec![Answer::to(query).rcode(Rcode::NXDOMAIN).bytes()]);
    let plan = plan(&[server.address]);
    run(|tasks| async move {
        let resolver = resolver(&plan, &tasks);
        for queries in [2, 4] {
            let kind = any(&resolver, "a.example").await.unwrap_err().kind;
            assert_eq!((kind, server.queries()), (FailureKind::NoSuchHost, queries));
        }
    });
}

#[test]
fn alone_a_failure_is_known_for_a_moment() {
    let server = Server::udp(|query| vec![Answer::to(query).rcode(Rcode::SERVFAIL).bytes()]);
    let plan = plan(&[server.address]);
    run(|tasks| async move {
        let resolver = resolver(&plan, &tasks);
        let first = any(&resolver, "a.example").await.unwrap_err();
        assert_eq!(first.kind, FailureKind::DnsFailed);
        let queries = server.queries();
        for _ in 0..100 {
            assert_eq!(any(&resolver, "a.example").await.unwrap_err(), first);
        }
        assert_eq!(server.queries(), queries);
        wait(Duration::from_millis(1050)).await;
        any(&resolver, "a.example").await.unwrap_err();
        assert_eq!(server.queries(), 2 * queries);
    });
}

#[test]
fn who_began_may_leave_and_who_came_late_may_not_wait() {
    let slow = Arc::new(Mutex::new(Vec::<Vec<u8>>::new()));
    let held = Arc::clone(&slow);
    // Each type is answered when it is asked for the second time.
    let server = Server::udp(move |query| {
        let mut held = held.lock().unwrap();
        if held.iter().any(|earlier| question_of(earlier) == question_of(query)) {
            return usual(query);
        }
        held.push(query.to_vec());
        Vec::new()
    });
    let plan = plan(&[server.address]);
    run(|tasks| async move {
        let resolver = resolver(&plan, &tasks);
        let hundred = async {
            let mut all = Vec::new();
            for _ in 0..100 {
                all.push(Box::pin(any(&resolver, "a.example")));
            }
            for one in all {
                assert_eq!(one.await.unwrap().len(), 2);
            }
        };
        let starter = async {
            let soon = Duration::from_millis(50);
            tokio::time::timeout(soon, any(&resolver, "a.example")).await.unwrap_err();
        };
        let hasty = async {
            let deadline = Instant::now() + Duration::from_millis(60);
            let failure = resolver.addresses("a.example", Family::Any, deadline).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Deadline);
        };
        tokio::join!(starter, hasty, hundred);
        assert_eq!(server.queries(), 4);
    });
}

#[test]
fn the_slower_family_costs_its_delay_once() {
    let server = Server::udp(|query| match question_of(query).1 {
        Rtype::A => usual(query),
        _ => Vec::new(),
    });
    let plan = plan(&[server.address]);
    run(|tasks| async move {
        let resolver = resolver(&plan, &tasks);
        assert_eq!(text(&any(&resolver, "a.example").await.unwrap()), ["192.0.2.1"]);
        let began = Instant::now();
        for _ in 0..100 {
            any(&resolver, "a.example").await.unwrap();
        }
        assert!(began.elapsed() < Duration::from_millis(40), "{:?}", began.elapsed());
        assert_eq!(server.queries(), 2);
    });
}

/// Lookups that ask this server, with this text as their resolv.conf.
fn searching(server: &Server, folder: &Path, text: &str) -> DnsPlan {
    let file = folder.join("resolv.conf");
    std::fs::write(&file, text).unwrap();
    let via = Via::Dns { resolv_conf: Some(file), servers: vec![server.address] };
    DnsPlan { via, ..plan(&[]) }
}

/// Addresses for what ends so; no other name exists.
fn below(query: &[u8], ending: &str) -> Vec<Vec<u8>> {
    let (name, rtype) = question_of(query);
    let answer = Answer::to(query);
    vec![match rtype {
        _ if !name.ends_with(ending) => answer.rcode(Rcode::NXDOMAIN).soa(".", 60, 60).bytes(),
        Rtype::A => answer.a(&name, [192, 0, 2, 1]).bytes(),
        _ => answer.soa("example", 60, 60).bytes(),
    }]
}

#[test]
fn short_names_are_completed_and_absolute_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let server = Server::udp(move |query| {
        let (name, rtype) = question_of(query);
        if rtype == Rtype::A {
            log.lock().unwrap().push(name);
        }
        below(query, "example")
    });
    let plan = searching(&server, folder.path(), "search corp.test example\n");
    run(|tasks| async move {
        let resolver = resolver(&plan, &tasks);
        let asked = || std::mem::take(&mut *asked.lock().unwrap());
        any(&resolver, "www").await.unwrap();
        assert_eq!(asked(), ["www.corp.test", "www.example"]);
        any(&resolver, "www").await.unwrap();
        any(&resolver, "www.example").await.unwrap();
        assert_eq!(asked(), [""; 0]);
        assert_eq!(any(&resolver, "www.").await.unwrap_err().reason, "the DNS knows no www");
        assert_eq!(asked(), ["www"]);
        // As it stands first, for it has a dot.
        any(&resolver, "www.test").await.unwrap();
        assert_eq!(asked(), ["www.test", "www.test.corp.test", "www.test.example"]);
    });
}

#[test]
fn special_names_are_never_asked() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::udp(usual);
    let mut plan = searching(&server, folder.path(), "search example\n");
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "192.0.2.7 box.example box\n2001:db8::7 box\n").unwrap();
    plan.hosts = Some(hosts);
    run(|tasks| async move {
        let resolver = resolver(&plan, &tasks);
        for host in ["localhost", "a.localhost", "localhost."] {
            assert_eq!(text(&any(&resolver, host).await.unwrap()), ["::1", "127.0.0.1"]);
        }
        assert_eq!(text(&any(&resolver, "box").await.unwrap()), ["2001:db8::7", "192.0.2.7"]);
        assert_eq!(text(&any(&resolver, "box.example").await.unwrap()), ["192.0.2.7"]);
        for host in ["x.invalid", "invalid", "x.onion."] {
            let failure = any(&resolver, host).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::NoSuchHost, "{failure}");
        }
        assert_eq!(server.queries(), 0);
    });
}

#[test]
fn alone_where_all_are_silent_a_name_waits_for_one_answer_only() {
    let answers = Arc::new(Mutex::new(false));
    let when = Arc::clone(&answers);
    let server =
        Server::udp(move |query| if *when.lock().unwrap() { usual(query) } else { Vec::new() });
    let plan = plan(&[server.address]);
    run(|tasks| async move {
        let resolver = resolver(&plan, &tasks);
        let within = |name: String, limit: u64| {
            let resolver = resolver.clone();
            async move {
                let began = Instant::now();
                let deadline = began + Duration::from_millis(limit);
                let found = resolver.addresses(&name, Family::Any, deadline).await;
                (found.map_err(|failure| failure.kind), began.elapsed())
            }
        };
        let mut first = tokio::task::JoinSet::new();
        for n in 0..16 {
            first.spawn_local(within(format!("n{n}.example"), 600));
        }
        while let Some(ended) = first.join_next().await {
            assert_eq!(ended.unwrap().0, Err(FailureKind::Deadline));
        }
        let (found, took) = within("m.example".to_owned(), 5000).await;
        assert_eq!(found, Err(FailureKind::DnsFailed));
        assert!((200..400).contains(&took.as_millis()), "{took:?}");
        *answers.lock().unwrap() = true;
        assert!(within("o.example".to_owned(), 5000).await.0.is_ok());
        *answers.lock().unwrap() = false;
        // There was a reply: this one has all its time again.
        let (found, took) = within("p.example".to_owned(), 600).await;
        assert_eq!(found, Err(FailureKind::Deadline));
        assert!(took.as_millis() >= 600, "{took:?}");
    });
}

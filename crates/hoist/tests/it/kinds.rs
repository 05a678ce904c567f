//! Every failure kind is provoked once, by a real server where there is one to blame.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use hoist::plan::BreakerPlan;
use hoist::{FailureKind, GetOutcome, GetPlan, GetVerdict};
use hoist_rehearsal::tls::{Authority, Certificate};
use hoist_rehearsal::{DnsRehearsal, DnsZone, HttpRehearsal, Scenario};
use tempfile::TempDir;

use crate::support::{
    ANY_PORT, closed_port, dns_at, files, get_all, get_one, http, in_own_network, plan, spawn,
};

/// A test for each kind.
fn provoke(kind: FailureKind) -> GetOutcome {
    let root = TempDir::new().unwrap();
    let mut plan = plan(root.path());
    plan.patience.retries = 0;
    let server = http();
    let at = format!("http://{}", server.addr());
    let outcome = match kind {
        FailureKind::BadInput => get_one(plan, "ftp://127.0.0.1/x"),
        FailureKind::BadName => get_one(plan, format!("http://{}.example/", "x".repeat(64))),
        FailureKind::NoSuchHost => get_by_name(plan, "nx-one.example"),
        FailureKind::DnsFailed => get_by_name(plan, "servfail-one.example"),
        FailureKind::ConnectRefused => get_one(plan, format!("http://{}/", closed_port())),
        FailureKind::ConnectTimeout => get_from_full_backlog(plan),
        FailureKind::ConnectFailed => get_without_route(plan),
        FailureKind::Tls => get_with_expired_certificate(plan),
        FailureKind::Reset => get_one(plan, format!("{at}/fault/reset")),
        FailureKind::Timeout => {
            plan.patience.progress = Duration::from_millis(200);
            get_one(plan, format!("{at}/fault/silent"))
        }
        FailureKind::Stalled => {
            plan.patience.progress = Duration::from_millis(200);
            get_one(plan, format!("{at}/fault/stall?of=1000&send=10"))
        }
        FailureKind::Deadline => {
            plan.patience.deadline = Duration::from_millis(400);
            get_one(plan, format!("{at}/drip?rate=20&of=1000"))
        }
        FailureKind::Truncated => get_one(plan, format!("{at}/fault/short?of=1000&send=10")),
        FailureKind::Malformed => get_one(plan, format!("{at}/fault/garbage")),
        FailureKind::TooLarge => {
            plan.request.max_body = 999;
            get_one(plan, format!("{at}/bytes/1000"))
        }
        FailureKind::RedirectLoop => get_one(plan, format!("{at}/redirect/loop")),
        FailureKind::TooManyRedirects => get_one(plan, format!("{at}/redirect/11")),
        FailureKind::RedirectRefused => {
            get_one(plan, format!("{at}/redirect/to?url=ftp%3A%2F%2F127.0.0.1%2F"))
        }
        FailureKind::Status => get_one(plan, format!("{at}/status/418")),
        FailureKind::NotAcceptable => {
            plan.request.accept = vec!["image/*".parse().unwrap()];
            get_one(plan, format!("{at}/bytes/1000"))
        }
        FailureKind::HashMismatch => {
            get_one(plan, format!("{at}/bytes/1000\t\tmd5:{}", "0".repeat(32)))
        }
        FailureKind::OriginDown => {
            plan.giving_up.breaker = Some(BreakerPlan { failures: 1, patience: Duration::ZERO });
            let closed = closed_port();
            get_all(plan, (0..20).map(|n| format!("http://{closed}/{n}"))).pop().unwrap()
        }
        FailureKind::Disallowed => {
            plan.manners.polite = true;
            let scenario = "[[request]]\npath = \"/robots.txt\"\nfault = \"status?code=500\"";
            let scenario = Scenario::parse(scenario, root.path()).unwrap();
            let server = spawn(HttpRehearsal { scenario, ..HttpRehearsal::local() });
            get_one(plan, format!("http://{}/bytes/1", server.addr()))
        }
        other => panic!("no scenario for {other}"),
    };
    assert!(files(root.path()).is_empty(), "{kind} left {:?}", files(root.path()));
    outcome
}

#[test]
fn every_kind_is_provoked() {
    for kind in FailureKind::ALL {
        let outcome = provoke(kind);
        let failure = outcome.failure.unwrap_or_else(|| panic!("{kind} did not fail"));
        assert_eq!(failure.kind, kind, "{failure}");
        assert_eq!(outcome.verdict, GetVerdict::Failed);
        assert!(failure.reason.len() > 10 && !failure.reason.ends_with('.'), "{failure}");
    }
}

fn get_by_name(mut plan: GetPlan, host: &str) -> GetOutcome {
    let zone = DnsZone::generated("example", 1.0).unwrap();
    let dns = DnsRehearsal::new([zone]).spawn(&[ANY_PORT.parse().unwrap()]).unwrap();
    plan.dns = dns_at(dns.addr());
    get_one(plan, format!("http://{host}/"))
}

/// A listener that accepts nobody, its queue full: the next SYN is dropped.
fn get_from_full_backlog(mut plan: GetPlan) -> GetOutcome {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&ANY_PORT.parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut queue = Vec::new();
    // The kernel takes one more than the backlog says; then connecting takes its time.
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        queue.push(stream);
        assert!(queue.len() < 16, "the backlog is never full");
    }
    plan.patience.connect = Duration::from_millis(300);
    get_one(plan, format!("http://{address}/"))
}

/// A network of its own, with its loopback interface down: nothing is reachable.
fn get_without_route(plan: GetPlan) -> GetOutcome {
    in_own_network(|| get_one(plan, "http://127.0.0.1/"))
}

fn get_with_expired_certificate(plan: GetPlan) -> GetOutcome {
    let authority = Authority::new().unwrap();
    let identity = authority.identity(Certificate::Expired).unwrap();
    let server = spawn(HttpRehearsal { tls: Some(identity), ..HttpRehearsal::local() });
    let plan = crate::tls::trusting(plan, &authority);
    get_one(plan, format!("https://{}/bytes/1", server.addr()))
}

//! Where the time of an attempt went.

use std::time::Duration;

use hoist::GetOutcome;
use hoist::outcome::Phase;
use hoist_rehearsal::tls::{Authority, Certificate};
use hoist_rehearsal::{DnsRehearsal, DnsZone, HttpRehearsal};
use tempfile::TempDir;

use crate::support::{ANY_PORT, closed_port, dns_at, get_all, get_one, http, plan, spawn};

/// Milliseconds of a phase that came to pass.
fn ms(outcome: &GetOutcome, phase: Phase) -> u128 {
    let time = outcome.timing.of(phase);
    time.unwrap_or_else(|| panic!("no {phase:?} in {outcome:?}")).as_millis()
}

/// The phases that came to pass.
fn phases(outcome: &GetOutcome) -> Vec<&'static str> {
    let there = |phase: &Phase| outcome.timing.of(*phase).is_some();
    Phase::ALL.into_iter().filter(there).map(Phase::name).collect()
}

#[test]
fn alone_the_time_goes_where_it_is_said_to_go() {
    use Phase::{Body, FirstByte, Queue};
    let root = TempDir::new().unwrap();
    let server = http();
    let mut plan = plan(root.path());
    plan.limits.in_flight = 1.try_into().unwrap();
    let url = |path: &str| format!("http://{}{path}", server.addr());
    let paths = ["/slow?delay=0.4", "/drip?rate=1000&of=400", "/bytes/10", "/redirect/2"];
    let all = get_all(plan.clone(), paths.map(url));
    let [slow, dripping, short, moved] = &all[..] else { panic!("{all:?}") };

    assert_eq!(phases(slow), ["queue", "connect", "first_byte", "body"]);
    assert!(ms(slow, FirstByte) >= 400 && ms(slow, Body) < 300, "{slow:?}");
    for reused in [dripping, short, moved] {
        assert_eq!(phases(reused), ["queue", "first_byte", "body"]);
    }
    assert!(ms(dripping, Queue) >= 400, "it waited for the first: {dripping:?}");
    assert!(ms(dripping, Body) >= 300 && ms(dripping, FirstByte) < 300, "{dripping:?}");
    assert!(ms(short, Queue) >= 700, "{short:?}");
    for outcome in [slow, dripping, moved] {
        let busy = Phase::ALL.into_iter().skip(1).filter_map(|phase| outcome.timing.of(phase));
        assert!(busy.sum::<Duration>() <= outcome.elapsed, "{outcome:?}");
    }

    // Of the last attempt, and the rest before it.
    let again = get_one(plan.clone(), url("/flaky?fail=1&status=429&retry-after=1"));
    assert!(ms(&again, Queue) >= 1_000 && ms(&again, FirstByte) < 900, "{again:?}");
    plan.patience.retries = 0;
    let refused = get_one(plan.clone(), format!("http://{}/", closed_port()));
    assert_eq!(phases(&refused), ["queue", "connect"]);
    plan.patience.progress = Duration::from_millis(200);
    let silent = get_one(plan.clone(), url("/fault/silent"));
    assert_eq!(phases(&silent), ["queue", "connect", "first_byte"]);
    assert!(ms(&silent, FirstByte) >= 200, "{silent:?}");
    let stalled = get_one(plan, url("/fault/stall?of=1000&send=10"));
    assert!(ms(&stalled, Body) >= 200, "{stalled:?}");
}

#[test]
fn names_and_handshakes_take_their_time_too() {
    let root = TempDir::new().unwrap();
    let zone = DnsZone::generated("example", 1.0).unwrap();
    let delay = Duration::from_millis(100)..=Duration::from_millis(100);
    let dns = DnsRehearsal { delay, ..DnsRehearsal::new([zone]) };
    let dns = dns.spawn(&[ANY_PORT.parse().unwrap()]).unwrap();
    let mut plan = plan(root.path());
    plan.dns = dns_at(dns.addr());
    let named = get_one(plan, "http://nx-one.example/");
    assert_eq!(phases(&named), ["queue", "dns"]);
    assert!(ms(&named, Phase::Dns) >= 100, "{named:?}");

    let authority = Authority::new().unwrap();
    let identity = authority.identity(Certificate::Good).unwrap();
    let server = spawn(HttpRehearsal { tls: Some(identity), ..HttpRehearsal::local() });
    let plan = crate::tls::trusting(self::plan(root.path()), &authority);
    let secure = get_one(plan, format!("https://{}/bytes/100", server.addr()));
    assert_eq!(phases(&secure), ["queue", "connect", "tls", "first_byte", "body"]);
}

//! A run ends, whatever its servers do: limits on slow answers, origins that are down, dead networks.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hoist::plan::SinkPlan;
use hoist::{FailureKind, GetOutcome, GetPlan, GetVerdict, Source};
use hoist_rehearsal::HttpRehearsal;
use tempfile::TempDir;

use crate::support::{
    block_on, closed_port, files, get_all, get_one, http, in_own_network, plan, run_to_end, spawn,
};

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The failures of outcomes that are not ok, how many of each kind.
fn kinds(outcomes: &[GetOutcome]) -> Vec<(FailureKind, usize)> {
    let failures = outcomes.iter().filter_map(|outcome| outcome.failure.as_ref());
    let mut kinds: Vec<_> = failures.map(|failure| failure.kind).collect();
    kinds.sort();
    kinds.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect()
}

fn ok(outcomes: &[GetOutcome]) -> usize {
    outcomes.iter().filter(|outcome| outcome.verdict == GetVerdict::Ok).count()
}

/// A server that takes connections, and never says anything.
fn black_hole(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn alone_the_first_byte_has_a_limit_of_its_own() {
    let root = TempDir::new().unwrap();
    let server = http();
    let mut plan = plan(root.path());
    plan.patience.retries = 0;
    plan.giving_up.first_byte = Some(millis(300));
    let at = |path: &str| format!("http://{}{path}", server.addr());
    let began = Instant::now();
    let silent = get_one(plan.clone(), at("/fault/silent"));
    assert!(began.elapsed() < millis(2_000), "{:?}", began.elapsed());
    let failure = silent.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert_eq!(failure.reason, "no answer within 0.3 s");
    // What has begun may take longer, and what is asked over the same connection begins anew.
    let slow = ["/fault/head-drip?rate=150&of=10", "/drip?rate=100&of=100", "/slow?delay=0.1"];
    let all = get_all(plan.clone(), slow.map(at));
    assert_eq!(ok(&all), 3, "{all:?}");
    let late = get_one(plan, at("/slow?delay=1"));
    assert_eq!(late.failure.map(|failure| failure.kind), Some(FailureKind::Timeout));
}

#[test]
fn alone_a_drip_is_stalled_and_what_is_fast_enough_is_not() {
    let root = TempDir::new().unwrap();
    let server = http();
    let mut plan = plan(root.path());
    plan.patience.retries = 0;
    plan.giving_up.min_rate = 500;
    plan.giving_up.min_rate_window = millis(800);
    let at = |path: &str| format!("http://{}{path}", server.addr());
    let began = Instant::now();
    let drip = get_one(plan.clone(), at("/drip?rate=100&of=10000"));
    let took = began.elapsed();
    assert!(took > millis(700) && took < millis(3_000), "{took:?}");
    let failure = drip.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Stalled);
    assert!(failure.reason.starts_with("only ") && failure.reason.contains(" in 0.8 s after "));
    // A head can drip, too.
    let head = get_one(plan.clone(), at("/fault/head-drip?rate=20&of=10"));
    let failure = head.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
    assert!(failure.reason.ends_with("in the middle of the answer's head"), "{failure}");
    let enough = get_one(plan.clone(), at("/drip?rate=2000&of=5000"));
    assert_eq!(enough.verdict, GetVerdict::Ok, "{enough:?}");
    // It was fast before, and over the same connection.
    plan.giving_up.min_rate = 100_000;
    let all = get_all(plan, ["/bytes/5000000", "/slow?delay=1.5"].map(at));
    assert_eq!(ok(&all), 2, "{all:?}");
}

/// Takes a rest once.
struct Sleepy(Option<Duration>);

impl Write for Sleepy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(rest) = self.0.take() {
            let until = Instant::now() + rest;
            while Instant::now() < until {
                std::thread::park_timeout(millis(10));
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn alone_a_slow_disk_is_not_the_servers_fault() {
    let server = http();
    let root = TempDir::new().unwrap();
    let mut plan = plan(root.path());
    plan.sink = SinkPlan::Writer(Arc::new(Mutex::new(Sleepy(Some(millis(3_000))))));
    plan.patience.retries = 0;
    plan.patience.progress = millis(1_500);
    // Also not by the deadline: 40 MB take a second, the rest on top of it.
    plan.patience.deadline = millis(2_500);
    plan.patience.deadline_per_mib = Duration::ZERO;
    plan.giving_up.min_rate = 100_000;
    plan.giving_up.min_rate_window = millis(1_000);
    let outcome = get_one(plan, format!("http://{}/bytes/40000000", server.addr()));
    assert_eq!(outcome.verdict, GetVerdict::Ok, "{outcome:?}");
    assert!(outcome.elapsed > millis(2_900), "{outcome:?}");
}

/// A plan whose times are a sixtieth of the defaults.
fn hurried(root: &TempDir) -> GetPlan {
    let mut plan = plan(root.path());
    plan.patience.connect = millis(200);
    plan.patience.progress = millis(500);
    plan.patience.deadline = Duration::from_secs(5);
    plan
}

/// Gets 5,000 URLs of each of two servers in turn, and says how long that took.
fn get_half_of_it(plan: GetPlan, bad: &str) -> (Vec<GetOutcome>, Duration) {
    let server = http();
    let lines = (0..10_000).map(|n| match n % 2 {
        0 => format!("http://{}/flags/va/va.gif?n={n}", server.addr()),
        _ => format!("{bad}/{n}"),
    });
    let began = Instant::now();
    (get_all(plan, lines), began.elapsed())
}

#[test]
fn alone_a_black_hole_among_good_ones_is_over_within_two_deadlines() {
    let (_listener, address) = black_hole("127.0.0.1:0");
    let root = TempDir::new().unwrap();
    let plan = hurried(&root);
    let (all, took) = get_half_of_it(plan, &format!("http://{address}"));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(ok(&all), 5_000);
    let kinds = kinds(&all);
    let down = kinds.iter().find(|(kind, _)| *kind == FailureKind::OriginDown);
    assert!(down.is_some_and(|(_, count)| *count > 4_950), "{kinds:?}");
    let unasked = all.iter().rfind(|outcome| outcome.attempts == 0).unwrap();
    let failure = unasked.failure.as_ref().unwrap();
    assert!(failure.reason.contains("the last try: timeout: no answer within"), "{failure}");
    assert!(failure.reason.contains("no sign of life for"), "{failure}");
}

/// The same where only the deadline ends an attempt.
#[test]
fn alone_a_black_hole_ends_with_its_first_deadlines() {
    let (_listener, address) = black_hole("127.0.0.1:0");
    let root = TempDir::new().unwrap();
    let mut plan = plan(root.path());
    plan.patience.deadline = Duration::from_secs(4);
    let (all, took) = get_half_of_it(plan, &format!("http://{address}"));
    assert!(took < Duration::from_secs(8) + millis(500), "{took:?}");
    assert_eq!(ok(&all), 5_000);
    let kinds = kinds(&all);
    assert!(
        kinds
            .iter()
            .all(|(kind, _)| { matches!(kind, FailureKind::OriginDown | FailureKind::Deadline) }),
        "{kinds:?}"
    );
}

#[test]
fn an_origin_that_comes_back_is_asked_again() {
    let address = closed_port();
    let root = TempDir::new().unwrap();
    let mut plan = plan(root.path());
    plan.giving_up.breaker.as_mut().unwrap().failures = 3;
    let lines: Vec<_> =
        (0..500).map(|n| format!("http://{address}/flags/va/va.gif?n={n}")).collect();
    let outcomes = plan.run(Source::items(lines));
    let server = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                std::thread::park_timeout(millis(1_500));
                HttpRehearsal::local().spawn(&[address]).unwrap()
            })
            .join()
            .unwrap()
    });
    let (all, error, _) = run_to_end(outcomes);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(ok(&all), 500, "{:?}", kinds(&all));
    server.stop();
}

#[test]
fn without_a_breaker_each_is_tried_by_itself() {
    let root = TempDir::new().unwrap();
    let mut plan = plan(root.path());
    plan.giving_up.breaker = None;
    let lines = (0..100).map(|n| format!("http://{}/{n}", closed_port()));
    assert_eq!(kinds(&get_all(plan, lines)), [(FailureKind::ConnectRefused, 100)]);
}

#[test]
fn statuses_do_not_make_an_origin_down() {
    let root = TempDir::new().unwrap();
    let server = http();
    let mut plan = plan(root.path());
    plan.patience.retries = 0;
    plan.giving_up.breaker.as_mut().unwrap().failures = 1;
    let paths = ["/status/500", "/status/404", "/fault/short?of=100&send=7"];
    let lines = (0..99).map(|n| format!("http://{}{}", server.addr(), paths[n % 3]));
    let all = get_all(plan, lines);
    assert!(kinds(&all).iter().all(|(kind, _)| *kind != FailureKind::OriginDown), "{all:?}");
}

/// With a network of its own, whose loopback interface is down: nothing is reachable, no name is
/// found.
#[test]
fn a_dead_network_ends_soon() {
    for breaker in [true, false] {
        let root = TempDir::new().unwrap();
        let mut plan = hurried(&root);
        if !breaker {
            plan.giving_up.breaker = None;
        }
        let origins = (0..1_000).flat_map(|n| {
            [format!("http://127.0.0.{}/{n}", n % 3 + 1), format!("http://host-{n}.example/")]
        });
        let began = Instant::now();
        let all = in_own_network(|| get_all(plan, origins.collect::<Vec<_>>()));
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert_eq!(ok(&all), 0);
        for (kind, _) in kinds(&all) {
            let expected =
                [FailureKind::ConnectFailed, FailureKind::DnsFailed, FailureKind::OriginDown];
            assert!(expected.contains(&kind), "{kind}");
        }
        assert!(files(root.path()).is_empty());
    }
}

/// Gets lines, and gives the times of the outcomes that are ok, in order, and of the last one.
fn times(plan: GetPlan, lines: Vec<String>) -> (Vec<Duration>, Duration) {
    let began = Instant::now();
    let expected = lines.len();
    let mut outcomes = plan.run(Source::items(lines));
    block_on(async {
        let (mut good, mut all) = (Vec::new(), 0);
        while let Some(outcome) = outcomes.next().await {
            all += 1;
            if outcome.unwrap().verdict == GetVerdict::Ok {
                good.push(began.elapsed());
            }
        }
        assert_eq!(all, expected);
        (good, began.elapsed())
    })
}

/// Of 2,000 URLs 4 % are black holes, drips and endless bodies, each at an origin of its own, with
/// 100 permits: the good ones hardly notice, and the end is within a deadline.
#[test]
fn alone_servers_that_hold_permits_do_not_hold_up_the_others() {
    let deadline = Duration::from_secs(8);
    let delay = millis(200)..=millis(200);
    let server = spawn(HttpRehearsal { delay, ..HttpRehearsal::local() });
    let addresses: Vec<_> = (1..=80).map(|n| SocketAddr::from(([127, 9, 0, n], 0))).collect();
    let bad: Vec<_> = addresses
        .iter()
        .map(|address| HttpRehearsal::local().spawn(&[*address]).unwrap())
        .collect();
    let faults = ["silent", "drip?rate=1&of=1000", "endless?rate=1000"];
    let run = |with_bad: bool| {
        let root = TempDir::new().unwrap();
        let mut plan = plan(root.path());
        plan.patience.deadline = deadline;
        plan.patience.deadline_per_mib = Duration::ZERO;
        plan.limits.in_flight = NonZeroUsize::new(100).unwrap();
        plan.limits.per_origin = NonZeroUsize::new(100).unwrap().into();
        let lines = (0..2_000_usize).filter_map(|n| match n % 25 {
            24 if with_bad => {
                let (bad, fault) = (&bad[n / 25], faults[n / 25 % 3]);
                Some(format!("http://{}/fault/{fault}", bad.addr()))
            }
            24 => None,
            _ => Some(format!("http://{}/flags/va/va.gif?n={n}", server.addr())),
        });
        let (good, last) = times(plan, lines.collect());
        assert_eq!(good.len(), 1_920);
        (good[good.len() * 99 / 100], *good.last().unwrap(), last)
    };
    let (without, ..) = run(false);
    let (with, last_good, last) = run(true);
    // They may hold 7 of 100 permits; without that limit it is 1.6.
    assert!(with.as_secs_f64() < 1.25 * without.as_secs_f64(), "{with:?} beside {without:?}");
    assert!(last < last_good + deadline + millis(1_500), "{last:?} after {last_good:?}");
}

//! What a run does not go beyond: requests in a time, bytes in a time, retries.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::{Duration, Instant};

use hoist::plan::{Rate, RetryBudget};
use hoist::{FailureKind, GetPlan, GetVerdict};
use hoist_rehearsal::{HttpRehearsal, Running};
use tempfile::TempDir;

use crate::support::{get_all, http, plan, spawn};

const LONG: Duration = Duration::from_secs(30);

fn at_rate(root: &TempDir, requests: u32, per: Duration) -> GetPlan {
    let mut plan = plan(root.path());
    plan.ceilings.rate = Some(Rate { requests: NonZeroU32::new(requests).unwrap(), per });
    plan
}

/// When requests came, in order.
fn times(server: &Running) -> Vec<Duration> {
    assert!(server.settle(LONG));
    let mut times: Vec<_> = server.truth().http().iter().map(|record| record.at).collect();
    times.sort();
    times
}

#[test]
fn retries_redirects_and_all_else_keep_to_the_rate() {
    let (server, other, root) = (http(), http(), TempDir::new().unwrap());
    let at = |server: &Running, path: &str| format!("http://{}{path}", server.addr());
    let mut lines = Vec::new();
    for n in 0..5 {
        lines.push(at(&server, &format!("/flags/fr/fr.gif?{n}")));
        lines.push(at(&server, &format!("/flaky?fail=1&id={n}")));
        lines.push(at(&server, &format!("/redirect/2?id={n}")));
        lines.push(at(&other, &format!("/flags/fr/fr.gif?{n}")));
    }
    let began = Instant::now();
    let all = get_all(at_rate(&root, 20, Duration::from_secs(1)), lines);
    assert!(all.iter().all(|outcome| outcome.verdict == GetVerdict::Ok), "{all:?}");
    let took = began.elapsed();
    let times = times(&server);
    assert_eq!(times.len(), 5 + 10 + 15);
    // Twenty milliseconds early once, and what the network delays.
    let span = times[29].checked_sub(times[0]).unwrap();
    assert!(span >= Duration::from_millis(29 * 50 - 120), "{span:?}: {times:?}");
    // Each origin has its own.
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_robots_txt_and_its_page_are_two_requests() {
    let (server, root) = (http(), TempDir::new().unwrap());
    let mut plan = at_rate(&root, 4, Duration::from_secs(1));
    plan.manners.polite = true;
    let lines = (0..3).map(|n| format!("http://{}/flags/fr/fr.gif?{n}", server.addr()));
    let all = get_all(plan, lines);
    assert!(all.iter().all(|outcome| outcome.verdict == GetVerdict::Ok), "{all:?}");
    assert!(all.iter().all(|outcome| outcome.attempts == 1), "{all:?}");
    let times = times(&server);
    assert_eq!(times.len(), 4);
    for pair in times.windows(2) {
        assert!(pair[1].checked_sub(pair[0]).unwrap() >= Duration::from_millis(150), "{times:?}");
    }
}

/// Sixteen bodies of 20 KB at 100 KB a second: each connection has a turn but now and then, which is no
/// stall, no slow server, and no lost time.
#[test]
fn a_bandwidth_is_kept_and_is_nobodys_fault() {
    for http2 in [false, true] {
        let server = spawn(HttpRehearsal { http2, ..HttpRehearsal::local() });
        let root = TempDir::new().unwrap();
        let mut plan = plan(root.path());
        plan.ceilings.bandwidth = NonZeroU64::new(100_000);
        plan.limits.per_origin = NonZeroUsize::new(16).unwrap().into();
        plan.patience.retries = 0;
        plan.patience.progress = Duration::from_millis(600);
        plan.patience.deadline = Duration::from_millis(1_500);
        plan.giving_up.min_rate = 10_000;
        plan.giving_up.min_rate_window = Duration::from_millis(800);
        if http2 {
            plan.http = hoist::plan::HttpVersions::Http2PriorKnowledge;
        }
        let lines = (0..16).map(|n| format!("http://{}/bytes/20000?id={n}", server.addr()));
        let began = Instant::now();
        let all = get_all(plan, lines);
        let took = began.elapsed();
        assert!(all.iter().all(|outcome| outcome.verdict == GetVerdict::Ok), "{http2}: {all:?}");
        // 320 KB, 10 of them at once.
        assert!(took >= Duration::from_secs(3), "{http2}: {took:?}");
        assert!(took < Duration::from_secs(6), "{http2}: {took:?}");
    }
}

/// What stalls is found out all the same.
#[test]
fn a_server_that_stalls_is_told_from_a_ceiling() {
    let (server, root) = (http(), TempDir::new().unwrap());
    let mut plan = plan(root.path());
    plan.ceilings.bandwidth = NonZeroU64::new(50_000);
    plan.patience.retries = 0;
    plan.patience.progress = Duration::from_millis(500);
    let lines = ["/bytes/60000".to_owned(), "/fault/stall?send=100".to_owned()];
    let all = get_all(plan, lines.map(|path| format!("http://{}{path}", server.addr())));
    assert_eq!(all[0].verdict, GetVerdict::Ok, "{all:?}");
    let failure = all[1].failure.as_ref().expect("a failure");
    assert_eq!(failure.kind, FailureKind::Stalled, "{failure:?}");
}

fn budget(window: Duration) -> RetryBudget {
    RetryBudget { percent: 10, free: 10, window }
}

#[test]
fn retries_beyond_the_budget_wait_for_it() {
    let (server, root) = (http(), TempDir::new().unwrap());
    let mut plan = plan(root.path());
    plan.ceilings.retries = Some(budget(Duration::from_secs(1)));
    let lines = (0..40).map(|n| format!("http://{}/flaky?fail=1&id={n}", server.addr()));
    let began = Instant::now();
    let all = get_all(plan, lines);
    assert!(all.iter().all(|outcome| outcome.verdict == GetVerdict::Ok), "{all:?}");
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1), "ten, and a tenth of fifty, at first: {took:?}");
}

#[test]
fn what_is_not_tried_again_says_what_failed_and_why_that_was_all() {
    let (server, root) = (http(), TempDir::new().unwrap());
    let mut plan = plan(root.path());
    plan.ceilings.retries = Some(budget(LONG));
    plan.patience.deadline = Duration::from_secs(3);
    let lines = (0..40).map(|n| format!("http://{}/status/500?id={n}", server.addr()));
    let all = get_all(plan, lines);
    let mut waited = 0;
    for outcome in &all {
        let failure = outcome.failure.as_ref().expect("a failure");
        assert_eq!((failure.kind, outcome.status), (FailureKind::Status, Some(500)));
        let spent = "; not tried again: its origin has had as many retries as it may";
        waited += usize::from(failure.reason.ends_with(spent));
        assert!(failure.reason.starts_with("HTTP 500"), "{failure:?}");
    }
    assert!(waited >= 30, "{waited}");
    let times = times(&server);
    assert!(times.len() <= 40 + 10 + 6, "{}", times.len());
}

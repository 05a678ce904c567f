//! Bodies come whole or not at all; what another try can help is tried again.

use std::time::{Duration, Instant, SystemTime};

use hoist::{FailureKind, GetVerdict};
use hoist_rehearsal::HttpRehearsal;
use hoist_rehearsal::http::decide;
use tempfile::TempDir;

use crate::support::{files, get_all, get_one, http, plan, spawn};

#[test]
fn nothing_is_not_a_failure_of_the_network() {
    let root = TempDir::new().unwrap();
    let server = http();
    for (status, verdict, requests) in [
        (404, GetVerdict::NotFound, 1),
        (410, GetVerdict::NotFound, 1),
        (403, GetVerdict::Failed, 1),
        (503, GetVerdict::Failed, 4),
    ] {
        let before = server.stats().requests;
        let outcome =
            get_one(plan(root.path()), format!("http://{}/status/{status}", server.addr()));
        assert_eq!((outcome.verdict, outcome.status), (verdict, Some(status)));
        assert_eq!(server.stats().requests - before, requests, "{status}");
        assert_eq!(u64::from(outcome.attempts), requests);
    }
    assert!(files(root.path()).is_empty());
}

#[test]
fn what_passes_is_tried_again() {
    let root = TempDir::new().unwrap();
    let server = http();
    let get = |path: &str| get_one(plan(root.path()), format!("http://{}{path}", server.addr()));
    let outcome = get("/flaky?fail=3");
    assert_eq!((outcome.verdict, outcome.attempts), (GetVerdict::Ok, 4));
    let outcome = get("/flaky?fail=4&id=2");
    assert_eq!((outcome.verdict, outcome.attempts), (GetVerdict::Failed, 4));
    assert_eq!(outcome.failure.unwrap().kind, FailureKind::Status);
}

#[test]
fn retry_after_is_obeyed() {
    let root = TempDir::new().unwrap();
    let server = http();
    let url = format!("http://{}/flaky?fail=1&status=429&retry-after=1", server.addr());
    let begun = Instant::now();
    let outcome = get_one(plan(root.path()), url);
    assert_eq!((outcome.verdict, outcome.attempts), (GetVerdict::Ok, 2));
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_wait_beyond_the_deadline_is_deferred() {
    let root = TempDir::new().unwrap();
    let server = http();
    let url = format!("http://{}/status/503?retry-after=3600", server.addr());
    let outcome = get_one(plan(root.path()), url);
    assert_eq!((outcome.verdict, outcome.attempts), (GetVerdict::Deferred, 1));
    assert_eq!(outcome.failure.unwrap().kind, FailureKind::Status);
    let wait = outcome.retry_at.unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(wait > Duration::from_secs(3500) && wait <= Duration::from_hours(1), "{wait:?}");
}

#[test]
fn a_body_that_is_not_whole_leaves_no_file() {
    let server = http();
    for (path, kind) in [
        ("/fault/short?of=200000&send=150000", FailureKind::Truncated),
        ("/fault/reset?after=150000", FailureKind::Truncated),
        ("/chunked?of=200000&cut=150000", FailureKind::Truncated),
        ("/fault/lengths", FailureKind::Malformed),
        ("/fault/length-and-chunked", FailureKind::Malformed),
        ("/interim?n=9", FailureKind::Malformed),
    ] {
        let root = TempDir::new().unwrap();
        let outcome = get_one(plan(root.path()), format!("http://{}{path}", server.addr()));
        let failure = outcome.failure.unwrap_or_else(|| panic!("{path} came"));
        assert_eq!((outcome.verdict, failure.kind), (GetVerdict::Failed, kind), "{path} {failure}");
        assert!(files(root.path()).is_empty(), "{path} left {:?}", files(root.path()).keys());
        let tries = if kind == FailureKind::Truncated { 4 } else { 1 };
        assert_eq!(outcome.attempts, tries, "{path}: what was cut may come whole next time");
    }
}

#[test]
fn bodies_of_all_framings_come_whole() {
    let server = http();
    for (path, length, unframed) in [
        ("/bytes/0", 0, false),
        ("/bytes/300000", 300_000, false),
        ("/chunked?of=300000", 300_000, false),
        ("/unframed?of=300000", 300_000, true),
        ("/fault/long?of=1000&send=2000", 1_000, false),
        ("/interim?n=8", 2, false),
        ("/status/204", 0, false),
    ] {
        let root = TempDir::new().unwrap();
        let outcome = get_one(plan(root.path()), format!("http://{}{path}", server.addr()));
        assert_eq!(outcome.verdict, GetVerdict::Ok, "{path}: {:?}", outcome.failure);
        assert_eq!(outcome.unframed, unframed, "{path}");
        let (_, body) = files(root.path()).pop_first().unwrap();
        assert_eq!(body.len() as u64, outcome.bytes);
        if path.starts_with("/interim") {
            continue;
        }
        let mut expected = vec![0; length];
        hoist_rehearsal::body_bytes(0, &mut expected);
        assert_eq!(body, expected, "{path}");
    }
}

#[test]
fn the_deadline_covers_all_tries() {
    let root = TempDir::new().unwrap();
    let server = http();
    let mut plan = plan(root.path());
    plan.patience.retries = 1_000_000;
    plan.patience.deadline = Duration::from_secs(1);
    let begun = Instant::now();
    let urls = ["/status/503", "/fault/silent", "/fault/stall", "/drip?rate=1", "/slow?delay=60"];
    let outcomes = get_all(plan, urls.map(|path| format!("http://{}{path}", server.addr())));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(outcomes.iter().all(|outcome| outcome.verdict == GetVerdict::Failed));
}

/// Times beyond what a clock can tell are no reason to fall over.
#[test]
fn endless_patience_is_patience() {
    let root = TempDir::new().unwrap();
    let server = http();
    let mut plan = plan(root.path());
    for time in [
        &mut plan.patience.connect,
        &mut plan.patience.progress,
        &mut plan.patience.deadline,
        &mut plan.patience.deadline_per_mib,
        &mut plan.dns.timeout,
    ] {
        *time = Duration::MAX;
    }
    let urls = ["/bytes/3000000", "/flaky?fail=1"];
    let urls = urls.map(|path| format!("http://{}{path}", server.addr()));
    for outcome in get_all(plan, urls) {
        assert_eq!(outcome.verdict, GetVerdict::Ok);
    }
}

/// Delays and timeout of the chapter's ERROR server, one to ten: what is counted is what the
/// server decided, item by item.
#[test]
fn alone_the_faulty_server_is_counted_right() {
    let timeout = Duration::from_millis(310);
    // Drawn before the clock runs.
    for cc in hoist_rehearsal::flags::COUNTRY_CODES {
        assert!(hoist_rehearsal::flags::flag_gif(cc).is_some());
    }
    let mut timed_out = 0;
    let mut total = 0;
    let mut judged = 0;
    for seed in 0..20 {
        let root = TempDir::new().unwrap();
        let delay = Duration::from_millis(50)..=Duration::from_millis(500);
        let rehearsal = HttpRehearsal { delay, seed, ..HttpRehearsal::error() };
        let decisions = rehearsal.plan();
        let server = spawn(rehearsal);
        let mut plan = plan(root.path());
        plan.limits.in_flight = 100.try_into().unwrap();
        plan.limits.per_origin = hoist::plan::PerOrigin::Fixed(100.try_into().unwrap());
        plan.patience.retries = 0;
        plan.patience.deadline = timeout;
        plan.patience.deadline_per_mib = Duration::ZERO;
        let paths: Vec<String> = hoist_rehearsal::flags::COUNTRY_CODES[..100]
            .iter()
            .map(|cc| cc.to_ascii_lowercase())
            .map(|cc| format!("/flags/{cc}/{cc}.gif"))
            .collect();
        let urls = paths.iter().map(|path| format!("http://{}{path}", server.addr()));
        let outcomes = get_all(plan, urls);
        // What connecting a hundred times at once takes of the timeout, on this machine and now.
        let overhead = paths.iter().zip(&outcomes).filter_map(|(path, outcome)| {
            let delay = decide(seed, "GET", path, 1, &decisions).delay;
            outcome.status.map(|_| outcome.elapsed.saturating_sub(delay))
        });
        let margin = Duration::from_millis(25).max(overhead.max().unwrap_or_default() * 3 / 2);
        for (path, outcome) in paths.iter().zip(outcomes) {
            let decision = decide(seed, "GET", path, 1, &decisions);
            total += 1;
            timed_out += u32::from(decision.delay > timeout);
            if decision.delay.abs_diff(timeout) < margin {
                continue;
            }
            judged += 1;
            let kind = outcome.failure.as_ref().map(|failure| failure.kind);
            let expected = match decision.status {
                _ if decision.delay > timeout => Some(FailureKind::Deadline),
                Some(_) => Some(FailureKind::Status),
                None => None,
            };
            assert_eq!(kind, expected, "seed {seed}: {path} {decision:?} {outcome:?}");
        }
    }
    assert!(judged > total / 3, "the machine is too busy to tell");
    let share = f64::from(timed_out) / f64::from(total);
    assert!((0.36..0.48).contains(&share), "{share} time out");
}

//! What servers ask of robots, and quotas that are told: heeded, on the wire.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use hoist::{FailureKind, GetOutcome, GetPlan, GetVerdict};
use hoist_rehearsal::{Content, HttpRecord, HttpRehearsal, Running, Scenario};
use tempfile::TempDir;

use crate::support::{closed_port, get_all, get_one, http, plan, spawn};

const LONG: Duration = Duration::from_secs(30);

/// Serves these files, under a scenario.
fn site(root: &Path, files: &[(&str, &str)], rules: &str) -> Running {
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let scenario = Scenario::parse(rules, root).unwrap();
    spawn(HttpRehearsal { content: Content::Dir(root.into()), scenario, ..HttpRehearsal::local() })
}

fn polite(root: &Path) -> GetPlan {
    let mut plan = plan(root);
    plan.manners.polite = true;
    plan
}

fn urls(server: &Running, paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| format!("http://{}{path}", server.addr())).collect()
}

fn log(server: &Running) -> Vec<HttpRecord> {
    assert!(server.settle(LONG));
    server.truth().http()
}

fn asked<'a>(log: &'a [HttpRecord], path: &str) -> Vec<&'a HttpRecord> {
    log.iter().filter(|record| record.path == path).collect()
}

fn verdicts(outcomes: &[GetOutcome]) -> Vec<GetVerdict> {
    outcomes.iter().map(|outcome| outcome.verdict).collect()
}

fn failure(outcome: &GetOutcome) -> (FailureKind, &str) {
    let failure = outcome.failure.as_ref().expect("a failure");
    (failure.kind, &failure.reason)
}

const RULES: &str = "User-agent: *\nDisallow: /\n\nUser-agent: hoist\nDisallow: /private\n\
                     Allow: /private/door\n";
const OK: GetVerdict = GetVerdict::Ok;
const FAILED: GetVerdict = GetVerdict::Failed;

#[test]
fn what_robots_txt_disallows_is_not_asked_for_and_the_rest_is_one_by_one() {
    let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let files = [
        ("robots.txt", RULES),
        ("a", "a"),
        ("private/b", "b"),
        ("private/door", "d"),
        ("private.html", "p"),
    ];
    let server = site(root.path(), &files, "");
    let paths = ["/a", "/private/b?q", "/private/door", "/private.html", "/robots.txt", "/a?2"];
    let all = get_all(polite(out.path()), urls(&server, &paths));
    assert_eq!(verdicts(&all), [OK, FAILED, OK, FAILED, OK, OK]);
    let reason = format!("robots.txt of http://{}, line 5: Disallow: /private", server.addr());
    assert_eq!(failure(&all[1]), (FailureKind::Disallowed, reason.as_str()));
    let log = log(&server);
    assert_eq!(asked(&log, "/robots.txt").len(), 2, "for all of them, and as one of them: {log:?}");
    assert!(asked(&log, "/private/b?q").is_empty() && asked(&log, "/private.html").is_empty());
    let stats = server.stats();
    assert_eq!((stats.max_in_flight, stats.connections), (1, 1));
}

#[test]
fn by_default_robots_txt_is_not_asked_for() {
    let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server =
        site(root.path(), &[("robots.txt", "User-agent: *\nDisallow: /\n"), ("a", "a")], "");
    assert_eq!(verdicts(&get_all(plan(out.path()), urls(&server, &["/a"]))), [OK]);
    assert!(asked(&log(&server), "/robots.txt").is_empty());
}

#[test]
fn without_a_robots_txt_all_is_allowed() {
    for rules in [
        "",
        "[[request]]\npath = \"/robots.txt\"\nfault = \"status?code=403\"",
        "[[request]]\npath = \"/robots.txt\"\nfault = \"redirect-loop\"",
        "[[request]]\npath = \"/robots.txt\"\nfault = \"redirect-to?url=ftp:%2f%2fa.example/\"",
    ] {
        let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let server = site(root.path(), &[("a", "a"), ("b", "b")], rules);
        let all = get_all(polite(out.path()), urls(&server, &["/a", "/b"]));
        assert_eq!(verdicts(&all), [OK, OK], "{rules}");
        assert!(!log(&server).is_empty());
    }
}

#[test]
fn a_robots_txt_that_asks_for_patience_has_it() {
    for code in [429, 503] {
        let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let rule = format!(
            "[[request]]\npath = \"/robots.txt\"\nfault = \"status?code={code}&retry-after=3600\""
        );
        let server = site(root.path(), &[("a", "a"), ("b", "b"), ("c", "c")], &rule);
        let all = get_all(polite(out.path()), urls(&server, &["/a", "/b", "/c"]));
        assert_eq!(verdicts(&all), [GetVerdict::Deferred; 3], "{code}: {all:?}");
        let log = log(&server);
        assert_eq!(log.len(), 1, "{code}: {log:?}");
    }
}

#[test]
fn a_robots_txt_that_cannot_be_read_allows_nothing() {
    let out = TempDir::new().unwrap();
    let rule = |fault: &str| format!("[[request]]\npath = \"/robots.txt\"\nfault = \"{fault}\"");
    for (fault, kind, told) in [
        ("status?code=500", FailureKind::Disallowed, "robots.txt can't be read (HTTP 500), so"),
        ("short?send=3", FailureKind::Truncated, "robots.txt: "),
        ("reset", FailureKind::Reset, "robots.txt: "),
    ] {
        let root = TempDir::new().unwrap();
        let server = site(root.path(), &[("robots.txt", RULES), ("a", "a")], &rule(fault));
        let outcome = get_one(polite(out.path()), urls(&server, &["/a"]).remove(0));
        let (found, reason) = failure(&outcome);
        assert_eq!((found, outcome.attempts), (kind, 4), "{fault}: {reason}");
        assert!(reason.starts_with(told), "{fault}: {reason}");
        assert!(asked(&log(&server), "/a").is_empty());
    }
    let url = format!("http://{}/a", closed_port());
    let outcome = get_one(polite(out.path()), url);
    let (kind, reason) = failure(&outcome);
    assert_eq!(kind, FailureKind::ConnectRefused);
    assert!(reason.starts_with("robots.txt: "), "{reason}");
}

#[test]
fn one_that_can_be_read_later_is_heeded_then() {
    let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let rules = "[[request]]\npath = \"/robots.txt\"\nattempt = 1\n\
                 fault = \"status?code=503&retry-after=1\"";
    let server = site(root.path(), &[("robots.txt", RULES), ("a", "a"), ("private/b", "b")], rules);
    let all = get_all(polite(out.path()), urls(&server, &["/a", "/private/b"]));
    assert_eq!(verdicts(&all), [OK, FAILED], "{all:?}");
    assert_eq!(asked(&log(&server), "/robots.txt").len(), 2);
}

#[test]
fn redirects_to_it_are_followed_across_origins_five_times() {
    let elsewhere = TempDir::new().unwrap();
    let rules: String = (1..=5).fold(String::new(), |rules, n| {
        let rule =
            format!("[[request]]\npath = \"/{n}\"\nfault = \"redirect-to?url=/{}\"\n", n + 1);
        rules + &rule
    });
    let files = [("6", "User-agent: *\nDisallow: /b\n")];
    let other = site(elsewhere.path(), &files, &rules);
    // From /2 on these are five redirects, from /1 on six.
    for (first, second) in [(2, FAILED), (1, OK)] {
        let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let rule = format!(
            "[[request]]\npath = \"/robots.txt\"\nfault = \"redirect-to?url=http://{}/{first}\"",
            other.addr()
        );
        let server = site(root.path(), &[("a", "a"), ("b", "b")], &rule);
        let all = get_all(polite(out.path()), urls(&server, &["/a", "/b"]));
        assert_eq!(verdicts(&all), [OK, second], "{first}: {all:?}");
    }
}

#[test]
fn of_a_long_one_500_kib_are_heeded() {
    let comment = "# a comment of a line that has a hundred bytes, with its end, so that it is easy to count them\n";
    let times = (500 << 10) / comment.len();
    for (times, second) in [(times - 1, FAILED), (times + 1, OK)] {
        let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let text = format!(
            "User-agent: *\n{}Disallow: /b\n{}",
            comment.repeat(times),
            comment.repeat(9_000)
        );
        let server = site(root.path(), &[("robots.txt", &text), ("a", "a"), ("b", "b")], "");
        let all = get_all(polite(out.path()), urls(&server, &["/a", "/b"]));
        assert_eq!(verdicts(&all), [OK, second], "{times}");
    }
}

#[test]
fn a_crawl_delay_is_kept() {
    let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let files = [("robots.txt", "User-agent: *\nCrawl-delay: 0.3\n"), ("a", "a")];
    let server = site(root.path(), &files, "");
    let all = get_all(polite(out.path()), urls(&server, &["/a", "/a?1", "/a?2"]));
    assert_eq!(verdicts(&all), [OK; 3]);
    let log = log(&server);
    let times: Vec<_> =
        log.iter().filter(|r| r.path.starts_with("/a")).map(|record| record.at).collect();
    assert_eq!(times.len(), 3);
    assert!(
        times.windows(2).all(|pair| pair[1] >= pair[0] + Duration::from_millis(300)),
        "{times:?}"
    );
}

#[test]
fn a_delay_that_no_run_can_keep_defers() {
    let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let files = [("robots.txt", "User-agent: *\nCrawl-delay: 86400\n"), ("a", "a")];
    let server = site(root.path(), &files, "");
    let all = get_all(polite(out.path()), urls(&server, &["/a", "/a?1", "/a?2"]));
    assert_eq!(verdicts(&all), [OK, GetVerdict::Deferred, GetVerdict::Deferred]);
    assert!(all[1].retry_at.is_some() && all[1].attempts == 0);
    assert!(failure(&all[1]).1.starts_with("not asked: its origin is left alone for "), "{all:?}");
}

#[test]
fn a_quota_that_is_told_is_never_exceeded() {
    for form in ["item", "fields"] {
        let (server, out) = (http(), TempDir::new().unwrap());
        let mut plan = plan(out.path());
        plan.limits.per_origin = NonZeroUsize::MIN.into();
        let target = format!("/fault/rate-limit?limit=3&window=1s&form={form}&x");
        let lines = (0..8).map(|n| format!("http://{}{target}{n}", server.addr()));
        let began = Instant::now();
        let all = get_all(plan, lines);
        assert_eq!(verdicts(&all), [OK; 8]);
        assert!(began.elapsed() >= Duration::from_secs(2), "three windows");
        let log = log(&server);
        assert!(log.iter().all(|record| record.status == Some(200)), "{log:?}");
    }
}

#[test]
fn a_quota_that_is_used_up_for_long_defers_the_rest() {
    let (server, out) = (http(), TempDir::new().unwrap());
    let mut plan = plan(out.path());
    plan.limits.per_origin = NonZeroUsize::MIN.into();
    let at = server.addr();
    let lines = (0..50).map(|n| format!("http://{at}/fault/rate-limit?limit=2&window=10m&x{n}"));
    let all = get_all(plan, lines);
    let deferred = all.iter().filter(|outcome| outcome.verdict == GetVerdict::Deferred).count();
    assert_eq!(deferred, 48);
    assert_eq!(log(&server).len(), 2);
}

#[test]
fn a_429_with_retry_after_pauses_its_origin_and_no_other() {
    let out = TempDir::new().unwrap();
    let rules = "[[request]]\nnumber = 2\nfault = \"status?code=429&retry-after=1\"";
    let scenario = Scenario::parse(rules, Path::new("")).unwrap();
    let (server, other) = (spawn(HttpRehearsal { scenario, ..HttpRehearsal::local() }), http());
    let mut plan = plan(out.path());
    plan.limits.per_origin = NonZeroUsize::MIN.into();
    let lines = (0..4).flat_map(|n| [(&server, n), (&other, n)]);
    let all =
        get_all(plan, lines.map(|(of, n)| format!("http://{}/flags/fr/fr.gif?{n}", of.addr())));
    assert!(all.iter().all(|outcome| outcome.verdict == OK), "{all:?}");
    let log_of_it = log(&server);
    let refused = log_of_it.iter().find(|record| record.status == Some(429)).unwrap().at;
    let after = log_of_it.iter().filter(|record| record.at > refused);
    assert!(after.clone().count() == 3, "{log_of_it:?}");
    assert!(after.clone().all(|record| record.at >= refused + Duration::from_secs(1)));
    let of_other: Vec<_> = log(&other).iter().map(|record| record.at).collect();
    assert!(of_other[3] < of_other[0] + Duration::from_secs(1), "{of_other:?}");
}

#[test]
fn a_quota_told_with_a_robots_txt_holds_its_page_back() {
    let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let rules = "[[request]]\npath = \"/robots.txt\"\nfault = \"rate-limit?limit=1&window=1s\"";
    let server = site(root.path(), &[("robots.txt", RULES), ("a", "a")], rules);
    let all = get_all(polite(out.path()), urls(&server, &["/a"]));
    assert_eq!((verdicts(&all), all[0].attempts), (vec![OK], 1), "{all:?}");
    let log = log(&server);
    let (told, page) = (asked(&log, "/robots.txt"), asked(&log, "/a"));
    assert_eq!((told.len(), page.len()), (1, 1), "{log:?}");
    // The window began a moment before the answer was sent.
    assert!(page[0].at >= told[0].at + Duration::from_millis(900), "{log:?}");
}

#[test]
fn one_that_breaks_off_is_not_asked_for_again_by_each_url() {
    let (root, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let rules = "[[request]]\npath = \"/robots.txt\"\nfault = \"stall?send=3\"";
    let server = site(root.path(), &[("robots.txt", RULES), ("a", "a")], rules);
    let mut plan = polite(out.path());
    plan.patience.progress = Duration::from_secs(2);
    plan.patience.retries = 0;
    let paths: Vec<_> = (0..8).map(|n| format!("/a?{n}")).collect();
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    let began = Instant::now();
    let all = get_all(plan, urls(&server, &paths));
    for outcome in &all {
        let (kind, reason) = failure(outcome);
        assert_eq!(kind, FailureKind::Stalled, "{reason}");
        assert!(reason.starts_with("robots.txt: "), "{reason}");
    }
    assert_eq!(log(&server).len(), 1, "for all of them");
    assert!(began.elapsed() < Duration::from_secs(10));
}

//! Clients that are wrong in one way each, and what the judge says of them.

use std::time::{Duration, Instant};

use hoist_rehearsal::Family;
use hoist_rehearsal::check::{Check, CheckError, Exit, Judged, Kind, Stop, Verdict};

use crate::client::{Client, LONG, local};

const LIMIT: Duration = Duration::from_secs(20);

/// A client as a line for `sh`, which finds `$url`, `$out` and `$dir`.
fn check(only: Family, line: &str) -> Check {
    let script = format!("url='{{url}}' out='{{out}}' dir='{{dir}}'; {line}");
    let command = ["sh", "-c", &script].map(str::to_owned).to_vec();
    Check { command, only: Some(only), limit: LIMIT, at_once: 4 }
}

fn judge(check: &Check) -> Vec<Judged> {
    let mut told = 0;
    let judged = check.run(&Stop::default(), |_| told += 1).unwrap();
    assert_eq!((told, judged.len()), (check.cases(), check.cases()));
    judged
}

/// A client that gets what nothing is wrong with, and does something else with all the rest.
fn but_first(line: &str) -> String {
    format!("case $url in *x=first*) curl -sfo $out $url; exit;; esac; {line}")
}

fn find<'a>(judged: &'a [Judged], target: &str) -> &'a Judged {
    judged.iter().find(|judged| judged.target == target).unwrap()
}

fn wrong(judged: &Judged) -> Option<Kind> {
    match judged.verdict {
        Verdict::Wrong(kind) => Some(kind),
        Verdict::Whole | Verdict::Failed => None,
    }
}

#[test]
fn a_careful_client_is_right() {
    let judged = judge(&check(Family::Pace, "curl -sfo $out --max-time 3 $url"));
    for judged in &judged {
        assert!(judged.is_right(), "{judged:?}");
    }
    let stall = find(&judged, "/fault/stall");
    assert_eq!((stall.verdict, stall.exit), (Verdict::Failed, Exit::Code(28)));
    assert_eq!((stall.length, stall.requests), (Some(500), 1));
    assert_eq!(find(&judged, "/slow?delay=0.5").verdict, Verdict::Whole);
}

#[test]
fn a_fault_of_http2_is_not_met_over_http_1_1() {
    let old = check(Family::Http2, "curl -sfLo $out --http1.1 --max-time 8 $url");
    for judged in judge(&old) {
        // Nothing is wrong with what they serve, but for what is the same over both.
        assert!(judged.is_right() && !judged.met, "{judged:?}");
        let same = ["/status/", "/fault/silent", "/fault/stall", "/fault/close", "/fault/reset"];
        let fails = same.iter().any(|part| judged.target.contains(part));
        assert_eq!(judged.verdict == Verdict::Failed, fails, "{judged:?}");
    }
    let line =
        but_first("case $url in *h2-rst\\?*|*h2?of*) curl -sfo $out --max-time 8 $url;; esac");
    let judged = judge(&check(Family::Http2, &line));
    let large = find(&judged, "http2: /fault/h2?of=3000000");
    assert_eq!((large.verdict, large.met), (Verdict::Whole, true), "{large:?}");
    let reset = find(&judged, "http2: /fault/h2-rst?code=cancel&after=500");
    assert_eq!((reset.verdict, reset.met), (Verdict::Failed, true), "{reset:?}");
    let never = find(&judged, "http2: /fault/h2-refused");
    assert_eq!((wrong(never), never.met), (Some(Kind::NoFile), false), "{never:?}");
}

#[test]
fn without_a_place_for_it_standard_output_is_the_file() {
    let command = ["curl", "-sf", "{url}"].map(str::to_owned).to_vec();
    let judged = judge(&Check { command, only: Some(Family::Body), limit: LIMIT / 4, at_once: 8 });
    assert_eq!(find(&judged, "/bytes/3000000").verdict, Verdict::Whole);
    assert_eq!(find(&judged, "/bytes/0").verdict, Verdict::Whole);
    assert_eq!(find(&judged, "/fault/short").verdict, Verdict::Failed);
    let endless = find(&judged, "/fault/endless");
    assert_eq!((wrong(endless), endless.exit), (Some(Kind::Hang), Exit::Hung));
}

#[test]
fn a_part_and_a_page_are_no_file() {
    let careless = "curl -so $out --max-time 3 $url; true";
    let body = judge(&check(Family::Body, careless));
    assert_eq!(wrong(find(&body, "/fault/short")), Some(Kind::Truncated));
    assert_eq!(wrong(find(&body, "/fault/reset?after=1000")), Some(Kind::Truncated));
    assert_eq!(wrong(find(&body, "/chunked?cut=1000")), Some(Kind::Accepted));
    assert_eq!(wrong(find(&body, "/fault/reset")), Some(Kind::NoFile));
    assert_eq!(find(&body, "/chunked?of=100000").verdict, Verdict::Whole);
    let policy = judge(&check(Family::Policy, careless));
    assert_eq!(wrong(find(&policy, "/status/404")), Some(Kind::ErrorPage));
    let redirect = judge(&check(Family::Redirect, careless));
    assert_eq!(wrong(find(&redirect, "/redirect/3")), Some(Kind::ErrorPage));
}

#[test]
fn other_bytes_and_giving_up() {
    let judged = judge(&check(Family::Pace, &but_first("echo other > $out")));
    assert_eq!(wrong(find(&judged, "/slow?delay=0.5")), Some(Kind::WrongBytes));
    let judged = judge(&check(Family::Pace, &but_first("echo one; echo no luck >&2; exit 4")));
    let slow = find(&judged, "/slow?delay=0.5");
    assert_eq!((wrong(slow), slow.exit), (Some(Kind::GaveUp), Exit::Code(4)));
    assert_eq!((slow.last_line(), slow.length, slow.requests), ("no luck", None, 0));
}

#[test]
fn crashes() {
    for (line, exit) in [
        ("kill -SEGV $$", Exit::Signal(11)),
        ("(exit 139)", Exit::Code(139)),
        ("exit 101", Exit::Code(101)),
    ] {
        let judged = judge(&check(Family::Policy, &but_first(line)));
        assert!(
            judged.iter().all(|j| wrong(j) == Some(Kind::Crash) && j.exit == exit),
            "{judged:?}"
        );
    }
}

#[test]
fn a_loop_is_seen_by_its_requests() {
    let line = "curl -sfLo $out --max-redirs -1 --max-time 5 $url";
    let judged = judge(&check(Family::Redirect, line));
    let long = find(&judged, "/redirect/1000");
    assert_eq!(wrong(long), Some(Kind::Loop), "{long:?}");
    assert_eq!(wrong(find(&judged, "/redirect/loop")), Some(Kind::Loop));
    assert_eq!(find(&judged, "/redirect/3").verdict, Verdict::Whole);
}

#[test]
fn credentials_that_reach_another_origin_are_seen() {
    let target = "/redirect/to?url={other}/bytes/1000";
    let judged = judge(&check(Family::Redirect, "curl -sfLo $out --location-trusted $url"));
    assert_eq!(wrong(find(&judged, target)), Some(Kind::Leaked));
    let with = "curl -sfLo $out -H 'Cookie: a=b' -H 'Authorization: c' $url";
    let judged = judge(&check(Family::Redirect, with));
    assert_eq!(find(&judged, target).verdict, Verdict::Whole);
    // Its first request has no cookie, so a server may have set it.
    let without = but_first("curl -so $dir/page $url; curl -sfo $out -b a=b `cut -c 4- $dir/page`");
    let judged = judge(&check(Family::Redirect, &without));
    assert_eq!(find(&judged, target).verdict, Verdict::Whole);
}

/// Whether the client ended by itself and said that it failed, be it right or wrong.
fn failed(judged: &Judged) -> bool {
    judged.is_right() || wrong(judged) == Some(Kind::GaveUp)
}

/// Whether a process is there; one that has ended and waits to be reaped is not.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

fn gone(pid: &str) {
    let until = Instant::now() + LIMIT;
    while lives(pid) {
        assert!(Instant::now() < until, "{pid} lives on");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn a_hanging_client_dies_with_its_children() {
    let pids = tempfile::NamedTempFile::new().unwrap();
    let path = pids.path().display();
    let line = but_first(&format!("sleep 1000 & echo $! $$ >> {path}; trap '' TERM; wait"));
    let judged = judge(&Check { limit: LIMIT / 5, ..check(Family::Pace, &line) });
    assert!(judged.iter().all(|j| wrong(j) == Some(Kind::Hang) && j.took < LIMIT), "{judged:?}");
    let pids = std::fs::read_to_string(path.to_string()).unwrap();
    assert_eq!(pids.split_whitespace().count(), 2 * judged.len());
    pids.split_whitespace().for_each(gone);
}

#[test]
fn children_that_are_left_behind_die() {
    let pids = tempfile::NamedTempFile::new().unwrap();
    let path = pids.path().display();
    let line = but_first(&format!("sleep 1000 & echo $! >> {path}; exit 1"));
    let judged = judge(&check(Family::Policy, &line));
    assert!(judged.iter().all(failed), "{judged:?}");
    let pids = std::fs::read_to_string(path.to_string()).unwrap();
    assert_eq!(pids.split_whitespace().count(), judged.len());
    pids.split_whitespace().for_each(gone);
}

#[test]
fn stopping_ends_all_clients_at_once() {
    let pids = tempfile::NamedTempFile::new().unwrap();
    let path = pids.path().to_owned();
    let line = but_first(&format!("echo $$ >> {}; exec sleep 1000", path.display()));
    let check = Check { limit: Duration::from_mins(15), ..check(Family::Policy, &line) };
    let stop = Stop::default();
    let stopper = {
        let (stop, path) = (stop.clone(), path.clone());
        std::thread::spawn(move || {
            let until = Instant::now() + LIMIT;
            while std::fs::read_to_string(&path).unwrap().lines().count() < 2 {
                assert!(Instant::now() < until, "nobody came");
                std::thread::park_timeout(Duration::from_millis(2));
            }
            stop.stop();
        })
    };
    let judged = check.run(&stop, |_| {}).unwrap();
    stopper.join().unwrap();
    assert!(judged.is_empty(), "{judged:?}");
    std::fs::read_to_string(&path).unwrap().lines().for_each(gone);
}

#[test]
fn much_output_keeps_nobody_waiting() {
    let line = but_first("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 1");
    let judged = judge(&check(Family::Policy, &line));
    assert!(judged.iter().all(failed), "{judged:?}");
    assert!(judged.iter().all(|judged| judged.said.len() < 10_000));
}

#[test]
fn what_cannot_be_judged() {
    let stop = Stop::default();
    let run = |words: &[&str]| {
        let command = words.iter().map(|word| (*word).to_owned()).collect();
        let check = Check { command, only: None, limit: LIMIT, at_once: 2 };
        check.run(&stop, |_| {}).unwrap_err()
    };
    assert!(matches!(run(&["curl"]), CheckError::NoUrl));
    assert!(matches!(run(&[]), CheckError::NoUrl));
    let error = run(&["/nowhere/client", "{url}"]);
    assert!(matches!(error, CheckError::Client(..)), "{error:?}");
    assert!(error.to_string().starts_with("/nowhere/client could not be started: "), "{error}");
    let CheckError::Plain(judged) = run(&["sh", "-c", "echo oh >&2; exit 2", "{url}"]) else {
        panic!("it was judged")
    };
    assert_eq!((wrong(&judged), judged.said.as_str()), (Some(Kind::GaveUp), "oh"));
    let dns =
        Check { command: vec!["{url}".into()], only: Some(Family::Dns), limit: LIMIT, at_once: 1 };
    assert!(matches!(dns.run(&stop, |_| {}), Err(CheckError::NoCases(Family::Dns))));
}

#[test]
fn proxies_are_not_asked_and_the_authority_is_trusted() {
    let line = "test -z \"$http_proxy$HTTPS_PROXY\" && test \"$NO_PROXY\" = '*' && \
        test \"$(pwd -P)\" = \"$(cd $dir && pwd -P)\" && curl -sfo $out --max-time 2 $url";
    let judged = judge(&check(Family::Tls, line));
    assert_eq!(find(&judged, "https: /bytes/70000").verdict, Verdict::Whole);
    for bad in ["expired", "wrong-host", "self-signed"] {
        let case = find(&judged, &format!("certificate {bad}"));
        assert_eq!(case.verdict, Verdict::Failed, "{bad}");
    }
}

#[test]
fn the_truth_log_says_what_the_judge_needs() {
    let server = local();
    let ask = |target: &str, headers: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        Client::to(server.addr()).send(request.as_bytes()).answer();
        assert!(server.settle(LONG));
        let record = server.truth().http().pop().unwrap();
        let said = (record.authorization, record.cookie);
        (said, record.retry_after, record.whole)
    };
    let plain = (false, false);
    assert_eq!(
        ask("/bytes/7", "X-Cookie: a\r\nCookies: authorization:\r\n"),
        (plain, None, Some(7))
    );
    assert_eq!(ask("/bytes/7", "AUTHORIZATION: a\r\n"), ((true, false), None, Some(7)));
    assert_eq!(ask("/bytes/7", "Proxy-Authorization:a\r\n"), ((true, false), None, Some(7)));
    assert_eq!(ask("/headers", "cookie: a=b\r\n"), ((false, true), None, None));
    assert_eq!(ask("/status/503?retry-after=2", ""), (plain, Some("2".into()), None));
    assert_eq!(ask("/status/204", ""), (plain, None, None));
    assert_eq!(ask("/flags/fr/fr.gif", "").2.map(|whole| whole > 100), Some(true));
}

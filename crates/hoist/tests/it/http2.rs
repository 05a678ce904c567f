//! HTTP/2: one connection for all permits of an origin, and what becomes of streams that fail.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hoist::outcome::Phase;
use hoist::plan::HttpVersions;
use hoist::{FailureKind, GetOutcome, GetPlan, GetVerdict};
use hoist_rehearsal::HttpRehearsal;
use hoist_rehearsal::tls::{Authority, Certificate};
use tempfile::TempDir;

use crate::http2_server::{
    BODY, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, HTTP_1_1_REQUIRED,
    Http2Server, INTERNAL_ERROR, NO_ERROR, Peer, REFUSED_STREAM, Secure, count, literal,
};
use crate::support::{files, get_all, get_one, plan, spawn};

fn limited(mut plan: GetPlan, per_origin: usize) -> GetPlan {
    plan.limits.per_origin = NonZeroUsize::new(per_origin).unwrap().into();
    plan
}

/// Answers all requests, at most so many at once.
async fn answer_all(peer: &mut Peer, at_once: Option<u32>) -> Option<()> {
    peer.settle(at_once).await?;
    loop {
        let stream = peer.request().await?;
        peer.answer(stream).await?;
    }
}

#[track_caller]
fn all_ok(outcomes: &[GetOutcome]) {
    for outcome in outcomes {
        assert_eq!(outcome.verdict, GetVerdict::Ok, "{outcome:?}");
        assert_eq!(std::fs::read(outcome.path.as_ref().unwrap()).unwrap(), BODY);
    }
}

#[track_caller]
fn failed(outcome: &GetOutcome, kind: FailureKind, part: &str) {
    let failure = outcome.failure.as_ref().unwrap_or_else(|| panic!("{outcome:?}"));
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.reason.contains(part), "{failure}");
}

#[test]
fn alone_a_hundred_urls_share_one_connection() {
    let root = TempDir::new().unwrap();
    let server =
        Http2Server::start(Some(Secure::default()), async |peer| answer_all(peer, Some(100)).await);
    let plan = limited(server.plan(plan(root.path())), 32);
    let outcomes = get_all(plan, server.urls(100));
    all_ok(&outcomes);
    assert_eq!(count(&server.seen.connections), 1);
    assert_eq!(count(&server.seen.requests), 100);
    let made = outcomes.iter().filter(|o| o.timing.of(Phase::Tls).is_some()).count();
    assert_eq!(made, 1, "one attempt made the connection");
}

/// Thirty at once, of which one asks what the server speaks.
#[test]
fn alone_the_first_connection_goes_alone() {
    let root = TempDir::new().unwrap();
    let server =
        Http2Server::start(Some(Secure::default()), async |peer| answer_all(peer, None).await);
    let outcomes = get_all(limited(server.plan(plan(root.path())), 30), server.urls(30));
    all_ok(&outcomes);
    assert_eq!(count(&server.seen.connections), 1);
    let waited = outcomes.iter().filter(|o| o.timing.of(Phase::Connect).is_some()).count();
    assert!(waited > 1, "who waits for a connection is connecting");

    let authority = Authority::new().unwrap();
    let identity = authority.identity(Certificate::Good).unwrap();
    let delay = Duration::from_millis(5)..=Duration::from_millis(20);
    let server = spawn(HttpRehearsal { tls: Some(identity), delay, ..HttpRehearsal::local() });
    let plan = crate::tls::trusting(limited(plan(root.path()), 4), &authority);
    let urls = (0..30).map(|n| format!("https://{}/bytes/{n}", server.addr()));
    for outcome in get_all(plan, urls) {
        assert_eq!(outcome.verdict, GetVerdict::Ok, "{outcome:?}");
    }
    let stats = server.stats();
    assert!((2..=4).contains(&stats.max_connections), "{stats:?}");
}

#[test]
fn alone_versions_are_as_the_plan_says() {
    let root = TempDir::new().unwrap();
    let server =
        Http2Server::start(Some(Secure::default()), async |peer| answer_all(peer, None).await);
    let mut plan = server.plan(limited(plan(root.path()), 3));
    plan.http = HttpVersions::Http1;
    all_ok(&get_all(plan.clone(), server.urls(20)));
    assert_eq!(count(&server.seen.http1), count(&server.seen.connections));
    assert!(count(&server.seen.connections) <= 3);
    plan.http = HttpVersions::Http2PriorKnowledge;
    all_ok(&get_all(plan, server.urls(20)));
    assert_eq!(count(&server.seen.connections) - count(&server.seen.http1), 1);
}

#[test]
fn alone_a_server_of_few_streams_gets_more_connections() {
    for (at_once, per_origin, connections) in [(1, 6, 6), (2, 6, 3), (6, 6, 1)] {
        let root = TempDir::new().unwrap();
        let server = Http2Server::start(Some(Secure::default()), async move |peer| {
            peer.settle(Some(at_once)).await?;
            let mut open = Vec::new();
            loop {
                // As many as may be, before any is answered.
                let wait = Duration::from_millis(50);
                match tokio::time::timeout(wait, peer.request()).await {
                    Ok(stream) => open.push(stream?),
                    Err(_) => {
                        for stream in open.drain(..) {
                            peer.answer(stream).await?;
                        }
                    }
                }
                assert!(open.len() <= at_once as usize);
            }
        });
        let plan = server.plan(limited(plan(root.path()), per_origin));
        let outcomes = get_all(plan, server.urls(40));
        all_ok(&outcomes);
        assert!(outcomes.iter().all(|outcome| outcome.attempts == 1));
        let most = count(&server.seen.most_at_once);
        assert!(most <= per_origin && most * 2 > per_origin, "{most} of {per_origin}");
        let made = count(&server.seen.connections);
        assert!(made <= connections, "{made} connections of {at_once}");
    }
}

#[test]
fn connections_that_end_after_a_few_streams_cost_no_outcome() {
    let root = TempDir::new().unwrap();
    let server = Http2Server::start(Some(Secure::default()), async |peer| {
        peer.settle(None).await?;
        for _ in 0..2 {
            let stream = peer.request().await?;
            peer.answer(stream).await?;
        }
        let last = peer.request().await?;
        peer.go_away(last, NO_ERROR).await?;
        peer.answer(last).await?;
        // What it does not process is counted here alone.
        while peer.request().await.is_some() {
            peer.ended();
        }
        None
    });
    let outcomes = get_all(server.plan(limited(plan(root.path()), 32)), server.urls(100));
    all_ok(&outcomes);
    assert!(outcomes.iter().all(|outcome| outcome.attempts <= 2));
    let sent = count(&server.seen.requests);
    assert!(sent < 200, "{sent} requests for 100");
}

#[test]
fn what_was_not_processed_is_sent_again_for_free() {
    for how in 0..3 {
        let root = TempDir::new().unwrap();
        let server = Http2Server::start(None, async move |peer| {
            peer.settle(None).await?;
            if peer.connection == 0 {
                let first = peer.request().await?;
                peer.answer(first).await?;
                let second = peer.request().await?;
                match how {
                    0 => peer.reset(second, REFUSED_STREAM).await?,
                    1 => peer.go_away(first, NO_ERROR).await?,
                    _ => return None,
                }
            }
            loop {
                let stream = peer.request().await?;
                peer.answer(stream).await?;
            }
        });
        let outcomes = get_all(server.plan(limited(plan(root.path()), 1)), server.urls(3));
        all_ok(&outcomes);
        assert!(outcomes.iter().all(|outcome| outcome.attempts == 1), "{how}: {outcomes:?}");
        assert_eq!(count(&server.seen.requests), 4, "{how}");
        assert_eq!(count(&server.seen.connections), if how == 0 { 1 } else { 2 });
    }
}

#[test]
fn a_free_retry_is_given_once() {
    let root = TempDir::new().unwrap();
    let server = Http2Server::start(None, async |peer| {
        peer.settle(None).await?;
        loop {
            let stream = peer.request().await?;
            peer.reset(stream, REFUSED_STREAM).await?;
        }
    });
    let mut plan = server.plan(plan(root.path()));
    plan.patience.retries = 1;
    let outcome = get_one(plan, server.url("/"));
    failed(&outcome, FailureKind::Reset, "REFUSED_STREAM");
    assert_eq!((outcome.attempts, count(&server.seen.requests)), (2, 4));
}

/// What a server can do to one stream.
#[derive(Clone, Copy)]
enum Fault {
    Reset(u32),
    ResetInBody(u32),
    EndInBody,
    Short,
    Long,
    LongHead,
    Interim(usize),
    Push,
    UpperCase,
}

async fn spoil(peer: &mut Peer, fault: Fault) -> Option<()> {
    peer.settle(None).await?;
    loop {
        let stream = peer.request().await?;
        match fault {
            Fault::Reset(code) => peer.reset(stream, code).await?,
            Fault::ResetInBody(code) => {
                peer.head(stream, "200", None).await?;
                peer.data(stream, BODY).await?;
                peer.reset(stream, code).await?;
            }
            Fault::EndInBody => {
                peer.head(stream, "200", Some(100)).await?;
                peer.data(stream, BODY).await?;
                return None;
            }
            Fault::Short => {
                peer.head(stream, "200", Some(BODY.len() + 1)).await?;
                peer.send(DATA, END_STREAM, stream, BODY).await?;
            }
            Fault::Long => {
                peer.head(stream, "200", Some(BODY.len() - 1)).await?;
                peer.send(DATA, END_STREAM, stream, BODY).await?;
            }
            Fault::LongHead => {
                let mut block = vec![0x88];
                for _ in 0..700 {
                    block.extend(literal(&[&[0x00, 1], &b"x"[..]].concat(), &"y".repeat(100)));
                }
                for (n, part) in block.chunks(16_000).enumerate() {
                    let (kind, last) =
                        (if n == 0 { HEADERS } else { 9 }, block.len() <= 16_000 * (n + 1));
                    peer.send(kind, if last { END_HEADERS } else { 0 }, stream, part).await?;
                }
            }
            Fault::Interim(n) => {
                for _ in 0..n {
                    peer.head(stream, "103", None).await?;
                }
                peer.answer(stream).await?;
            }
            Fault::Push => peer.send(5, END_HEADERS, stream, &[0, 0, 0, 2, 0x82]).await?,
            Fault::UpperCase => {
                let block = [&[0x88][..], &literal(&[0x00, 1, b'X'], "y")].concat();
                peer.send(HEADERS, END_HEADERS, stream, &block).await?;
            }
        }
    }
}

#[test]
fn a_stream_that_fails_says_how() {
    let cases = [
        (Fault::Reset(INTERNAL_ERROR), FailureKind::Reset, "INTERNAL_ERROR"),
        (Fault::Reset(NO_ERROR), FailureKind::Reset, "NO_ERROR"),
        (Fault::Reset(ENHANCE_YOUR_CALM), FailureKind::Reset, "ENHANCE_YOUR_CALM"),
        (Fault::Reset(99), FailureKind::Reset, "before any answer"),
        (Fault::ResetInBody(INTERNAL_ERROR), FailureKind::Truncated, "INTERNAL_ERROR"),
        (Fault::ResetInBody(NO_ERROR), FailureKind::Truncated, "after 18 bytes"),
        (Fault::ResetInBody(HTTP_1_1_REQUIRED), FailureKind::Truncated, "HTTP_1_1"),
        (Fault::EndInBody, FailureKind::Truncated, "after 18 of 100"),
        (Fault::Short, FailureKind::Truncated, "the 19 bytes"),
        (Fault::Long, FailureKind::Truncated, "the 17 bytes"),
        (Fault::LongHead, FailureKind::Malformed, "not HTTP/2"),
        (Fault::Interim(9), FailureKind::Malformed, "interim"),
        (Fault::Push, FailureKind::Malformed, "not HTTP/2"),
        (Fault::UpperCase, FailureKind::Malformed, "not HTTP/2"),
    ];
    for (fault, kind, part) in cases {
        let root = TempDir::new().unwrap();
        let server = Http2Server::start(None, async move |peer| spoil(peer, fault).await);
        let mut plan = server.plan(plan(root.path()));
        plan.patience.retries = 1;
        let outcome = get_one(plan, server.url("/"));
        failed(&outcome, kind, part);
        let tries = if kind == FailureKind::Malformed { 1 } else { 2 };
        assert_eq!(outcome.attempts, tries, "{outcome:?}");
        assert_eq!(files(root.path()).len(), 0, "{outcome:?}");
    }
    let root = TempDir::new().unwrap();
    let server = Http2Server::start(None, async |peer| spoil(peer, Fault::Interim(8)).await);
    all_ok(&[get_one(server.plan(plan(root.path())), server.url("/"))]);
}

#[test]
fn who_breaks_a_connection_does_not_end_its_neighbours() {
    let root = TempDir::new().unwrap();
    let server = Http2Server::start(None, async |peer| {
        peer.settle(None).await?;
        if peer.connection == 0 {
            for _ in 0..6 {
                peer.request().await?;
            }
            for _ in 0..6 {
                peer.ended();
            }
            // A frame of data for no stream.
            peer.data(0, BODY).await?;
        }
        loop {
            let stream = peer.request().await?;
            peer.answer(stream).await?;
        }
    });
    let outcomes = get_all(server.plan(limited(plan(root.path()), 6)), server.urls(6));
    all_ok(&outcomes);
    assert!(outcomes.iter().all(|outcome| outcome.attempts == 2), "{outcomes:?}");
}

#[test]
fn http1_is_gone_back_to_for_free() {
    let root = TempDir::new().unwrap();
    let server = Http2Server::start(Some(Secure::default()), async |peer| {
        spoil(peer, Fault::Reset(HTTP_1_1_REQUIRED)).await
    });
    let outcomes = get_all(server.plan(limited(plan(root.path()), 4)), server.urls(40));
    all_ok(&outcomes);
    assert!(outcomes.iter().all(|outcome| outcome.attempts == 1));
    let over_http2 = count(&server.seen.requests) - 40;
    assert!((1..=4).contains(&over_http2), "{over_http2} were asked over HTTP/2");
    assert!(count(&server.seen.http1) <= 4);
}

#[test]
fn a_server_that_asks_for_rest_is_asked_later() {
    let root = TempDir::new().unwrap();
    let server = Http2Server::start(None, async |peer| {
        peer.settle(None).await?;
        if peer.connection == 0 {
            peer.request().await?;
            peer.ended();
            peer.go_away(0, ENHANCE_YOUR_CALM).await?;
            return None;
        }
        let stream = peer.request().await?;
        peer.answer(stream).await?;
        // One that closes with something unread would reset what it has answered.
        peer.wait_for_end().await;
        None
    });
    let outcome = get_one(server.plan(plan(root.path())), server.url("/"));
    assert_eq!((outcome.verdict, outcome.attempts), (GetVerdict::Ok, 2), "{outcome:?}");
}

mod alone {
    use super::*;

    /// Other streams are busy all the time.
    #[test]
    fn a_silent_stream_times_out_beside_busy_ones() {
        let root = TempDir::new().unwrap();
        let server = Http2Server::start(None, async |peer| {
            peer.settle(None).await?;
            let silent = peer.request().await?;
            let stalled = peer.request().await?;
            peer.head(stalled, "200", None).await?;
            peer.data(stalled, BODY).await?;
            let busy = peer.request().await?;
            peer.head(busy, "200", None).await?;
            for _ in 0..40 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                peer.data(busy, BODY).await?;
            }
            peer.send(DATA, END_STREAM, busy, BODY).await?;
            assert_eq!((silent, stalled), (1, 3));
            peer.wait_for_end().await;
            None
        });
        let mut plan = server.plan(limited(plan(root.path()), 3));
        plan.patience.progress = Duration::from_millis(500);
        plan.patience.retries = 0;
        let mut outcomes = get_all(plan, server.urls(3));
        outcomes.sort_by_key(|outcome| outcome.failure.as_ref().map(|failure| failure.kind));
        assert_eq!(outcomes[0].bytes, 41 * BODY.len() as u64, "{outcomes:?}");
        failed(&outcomes[1], FailureKind::Timeout, "0.5 s");
        failed(&outcomes[2], FailureKind::Stalled, "after 18 bytes");
        assert_eq!(count(&server.seen.connections), 1);
    }

    #[test]
    fn a_dead_connection_is_not_used_again() {
        let root = TempDir::new().unwrap();
        let server = Http2Server::start(None, async |peer| {
            peer.settle(None).await?;
            loop {
                let stream = peer.request().await?;
                if peer.connection == 0 && stream > 1 {
                    peer.ended();
                    continue;
                }
                peer.answer(stream).await?;
            }
        });
        let mut plan = server.plan(limited(plan(root.path()), 2));
        plan.patience.progress = Duration::from_millis(600);
        let outcomes = get_all(plan, server.urls(20));
        all_ok(&outcomes);
        assert_eq!(count(&server.seen.connections), 2);
        let again = outcomes.iter().filter(|outcome| outcome.attempts > 1).count();
        assert!((1..=2).contains(&again), "{again} waited for the dead connection");
    }

    /// Its handshake is never answered: the others don't wait for it.
    #[test]
    fn a_slow_first_connection_does_not_hold_the_others() {
        let root = TempDir::new().unwrap();
        let secure = Secure { silent: 1, ..Secure::default() };
        let server = Http2Server::start(Some(secure), async |peer| answer_all(peer, None).await);
        let mut plan = server.plan(plan(root.path()));
        plan.patience.connect = Duration::from_secs(4);
        let began = Instant::now();
        let outcomes = get_all(plan, server.urls(6));
        all_ok(&outcomes);
        let late = outcomes.iter().filter(|outcome| outcome.attempts > 1).count();
        assert_eq!(late, 1, "{outcomes:?}");
        assert!(began.elapsed() < Duration::from_secs(6));
        assert!(count(&server.seen.connections) <= 3);
        let quick: Vec<_> = outcomes.iter().filter(|o| o.attempts == 1).collect();
        assert!(quick.iter().all(|o| o.elapsed < Duration::from_secs(3)), "{quick:?}");
    }

    /// No handshake is ever answered: all give up in their own time.
    #[test]
    fn nobody_hangs_where_no_connection_is_made() {
        let root = TempDir::new().unwrap();
        let secure = Secure { silent: usize::MAX, ..Secure::default() };
        let server = Http2Server::start(Some(secure), async |peer| answer_all(peer, None).await);
        let mut plan = server.plan(plan(root.path()));
        plan.patience.connect = Duration::from_millis(500);
        plan.patience.retries = 0;
        let began = Instant::now();
        for outcome in get_all(plan, server.urls(6)) {
            failed(&outcome, FailureKind::ConnectTimeout, "0.");
        }
        assert!(began.elapsed() < Duration::from_secs(2));
        assert!(count(&server.seen.connections) <= 6);
    }
}

/// More than the windows hold, from a server that keeps to them.
#[test]
fn alone_large_bodies_flow_side_by_side() {
    const LARGE: usize = 3 * hoist::plan::defaults::HTTP2_CONNECTION_WINDOW as usize;
    let root = TempDir::new().unwrap();
    let server = crate::http2_server::keeping(None, async |_, mut respond| {
        let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
        let mut left = LARGE;
        while left > 0 {
            stream.reserve_capacity(left.min(64 << 10));
            let allowed = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
            let Some(Ok(allowed)) = allowed else { return };
            let n = allowed.min(left);
            left -= n;
            if stream.send_data(vec![b'x'; n].into(), left == 0).is_err() {
                return;
            }
        }
    });
    let plan = server.plan(plan(root.path()));
    for outcome in get_all(plan, server.urls(6)) {
        assert_eq!((outcome.verdict, outcome.bytes), (GetVerdict::Ok, LARGE as u64));
    }
    assert_eq!(server.seen.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn sessions_are_resumed() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let root = TempDir::new().unwrap();
        let secure = Secure { versions: vec![version], ..Secure::default() };
        // Each connection ends after one answer.
        let server = Http2Server::start(Some(secure), async |peer| {
            peer.settle(None).await?;
            let stream = peer.request().await?;
            peer.answer(stream).await?;
            peer.go_away(stream, NO_ERROR).await
        });
        all_ok(&get_all(server.plan(limited(plan(root.path()), 1)), server.urls(5)));
        let made = count(&server.seen.connections);
        assert!(made >= 5);
        assert_eq!(count(&server.seen.resumed), made - 1, "{version:?}");
    }
}

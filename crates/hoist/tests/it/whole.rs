//! What is brought back is what was wanted: its hash, its type, its size.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hoist::item::{Hash, HashAlgorithm, MediaRange};
use hoist::outcome::Timing;
use hoist::plan::{LedgerPlan, SinkPlan};
use hoist::{FailureKind, GetOutcome, GetPlan, GetVerdict, History, Source};
use hoist_rehearsal::{Content, HttpRehearsal};
use tempfile::TempDir;

use crate::support::{ANY_PORT, files, get_all, get_one, http, plan, run_to_end, spawn};

/// What coreutils make of a body.
fn coreutils(algorithm: &str, body: &[u8]) -> String {
    let mut child = Command::new(format!("{algorithm}sum"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    let digits = String::from_utf8(output.stdout).unwrap();
    format!("{algorithm}:{}", digits.split(' ').next().unwrap())
}

/// BLAKE3's own test vectors, whose input counts from 0 to 250 again and again.
const BLAKE3: [(usize, &str); 4] = [
    (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
    (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
    (102_400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"),
];

fn made(length: usize) -> Vec<u8> {
    let mut body = vec![0; length];
    hoist_rehearsal::body_bytes(0, &mut body);
    body
}

/// The same hash, but for one digit.
fn wrong(hash: &str) -> String {
    let last = if hash.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &hash[..hash.len() - 1])
}

fn with_ledger(root: &Path) -> GetPlan {
    GetPlan { ledger: Some(LedgerPlan::default()), ..plan(root) }
}

/// All that there is, without the ledger itself.
fn left(root: &Path) -> Vec<String> {
    let kept = |name: &String| !name.starts_with(".hoist/ledger/") && name != ".hoist/hints";
    files(root).into_keys().filter(kept).collect()
}

fn kind(outcome: &GetOutcome) -> Option<FailureKind> {
    outcome.failure.as_ref().map(|failure| failure.kind)
}

#[test]
fn a_promised_hash_is_kept_or_nothing_is() {
    let server = http();
    for (path, length, attempts) in [
        ("/bytes/0", 0, 1),
        ("/bytes/2000", 2_000, 1),
        ("/bytes/300000", 300_000, 1),
        ("/chunked?of=300000", 300_000, 1),
        ("/unframed?of=2000", 2_000, 1),
        ("/redirect/2", 1_000, 1),
        ("/flaky?fail=2", 1_000, 3),
    ] {
        let body = made(length);
        for (n, algorithm) in ["sha256", "md5"].into_iter().enumerate() {
            let hash = coreutils(algorithm, &body);
            let mark = if path.contains('?') { '&' } else { '?' };
            let url = format!("http://{}{path}{mark}id={n}", server.addr());
            for ledger in [false, true] {
                let root = TempDir::new().unwrap();
                let plan = || if ledger { with_ledger(root.path()) } else { plan(root.path()) };
                let url = format!("{url}{ledger}");
                let line = format!("{url}-wrong\t\t{}", wrong(&hash));
                let outcome = get_one(plan(), line);
                assert_eq!(kind(&outcome), Some(FailureKind::HashMismatch), "{path} {outcome:?}");
                assert_eq!((outcome.verdict, outcome.hash), (GetVerdict::Failed, None));
                assert_eq!((outcome.attempts, outcome.bytes), (attempts, length as u64), "{path}");
                let reason = outcome.failure.unwrap().reason;
                assert!(reason.contains(&hash) && reason.contains(&wrong(&hash)), "{reason}");
                assert!(left(root.path()).is_empty(), "{path} left {:?}", left(root.path()));

                let root = TempDir::new().unwrap();
                let plan = if ledger { with_ledger(root.path()) } else { self::plan(root.path()) };
                let outcome = get_one(plan, format!("{url}\tx\t{}", hash.to_ascii_uppercase()));
                assert_eq!(outcome.verdict, GetVerdict::Ok, "{path} {outcome:?}");
                assert_eq!(outcome.hash.unwrap().to_string(), hash);
                assert_eq!(left(root.path()), ["x"]);
                assert!(files(root.path())["x"] == body, "{path}");
                if ledger {
                    let history = History::open(root.path()).unwrap();
                    let kept = history.outcomes().unwrap().next().unwrap().unwrap();
                    let kept = serde_json::to_value(kept).unwrap();
                    assert_eq!(kept, serde_json::to_value(&outcome).unwrap());
                    assert_eq!(kept["hash"], hash);
                }
            }
        }
    }
}

#[test]
fn hashes_are_told_where_they_are_asked_for() {
    let site = TempDir::new().unwrap();
    for (length, _) in BLAKE3 {
        let body: Vec<u8> = (0..=250).cycle().take(length).collect();
        std::fs::write(site.path().join(length.to_string()), body).unwrap();
    }
    let server = spawn(HttpRehearsal {
        content: Content::Dir(site.path().to_owned()),
        ..HttpRehearsal::local()
    });
    for (length, digits) in BLAKE3 {
        let root = TempDir::new().unwrap();
        let plan = GetPlan { hash: Some(HashAlgorithm::Blake3), ..plan(root.path()) };
        let url = format!("http://{}/{length}", server.addr());
        let blake3 = format!("blake3:{digits}");
        let body = std::fs::read(site.path().join(length.to_string())).unwrap();
        // What the line promises by another algorithm is verified beside it.
        let sha256 = coreutils("sha256", &body);
        let lines = [
            url.clone(),
            format!("{url}\t\t{blake3}"),
            format!("{url}\t\t{sha256}"),
            format!("{url}\t\t{}", wrong(&blake3)),
            format!("{url}\t\t{}", wrong(&sha256)),
        ];
        for (n, outcome) in get_all(plan, lines).into_iter().enumerate() {
            if n < 3 {
                assert_eq!(outcome.hash.map(|hash| hash.to_string()), Some(blake3.clone()));
            } else {
                assert_eq!(kind(&outcome), Some(FailureKind::HashMismatch));
            }
        }
        assert_eq!(files(root.path()).len(), 3);
    }
}

#[test]
fn a_list_may_promise_in_several_ways_and_each_line_is_told_apart() {
    let root = TempDir::new().unwrap();
    let server = http();
    let url = format!("http://{}/bytes/50", server.addr());
    let (sha256, md5) = (coreutils("sha256", &made(50)), coreutils("md5", &made(50)));
    let lines = [
        format!("{url}\ta\t{sha256}"),
        format!("{url}\tb\t{md5}"),
        format!("{{\"url\": \"{url}\", \"hash\": \"{md5}\", \"name\": \"c\"}}"),
        format!("{url}\td"),
        format!("{url}\te\tsha512:00"),
        format!("{url}\tf\tsha256:00"),
        format!("{url}\t{md5}"),
        format!("{url}\tg\t{}", &md5[4..]),
    ];
    let outcomes = get_all(plan(root.path()), lines);
    let hashes = outcomes.iter().map(|outcome| outcome.hash.map(|hash| hash.to_string()));
    let expected = [Some(sha256), Some(md5.clone()), Some(md5), None, None, None, None, None];
    assert!(hashes.eq(expected), "{outcomes:?}");
    for outcome in &outcomes[4..] {
        assert_eq!(kind(outcome), Some(FailureKind::BadInput), "{outcome:?}");
        assert_eq!((outcome.attempts, outcome.url.as_str()), (0, url.as_str()));
        assert_eq!(outcome.timing, Timing::default());
    }
    assert!(left(root.path()).into_iter().eq(["a", "b", "c", "d"]));
}

#[test]
fn a_wrong_body_that_is_short_is_not_streamed_out() {
    let root = TempDir::new().unwrap();
    let server = http();
    for (length, most) in [(1_000, 0), (300_000, 299_999)] {
        let out = Arc::new(Mutex::new(Vec::new()));
        let plan = GetPlan { sink: SinkPlan::Writer(out.clone()), ..plan(root.path()) };
        let hash = wrong(&coreutils("sha256", &made(length)));
        let line = format!("http://{}/bytes/{length}\t\t{hash}", server.addr());
        let outcome = get_one(plan, line);
        assert_eq!(kind(&outcome), Some(FailureKind::HashMismatch));
        assert!(out.lock().unwrap().len() <= most);
    }
}

/// Answers every request with this head, framed by its own length, and this body.
fn scripted(head: &'static str, body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut piece = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(n) if n > 0 => request.extend_from_slice(&piece[..n]),
                    _ => return,
                }
            }
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

fn ranges(texts: &[&str]) -> Vec<MediaRange> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn what_comes_as_another_type_is_no_file() {
    for (head, accept, taken) in [
        ("Content-Type: text/HTML; charset=x\r\n", &["text/html"][..], true),
        ("Content-Type: text/html;charset=\"a;b\"\r\n", &["image/*", "text/*"], true),
        ("content-type:IMAGE/Gif\r\n", &["image/gif"], true),
        ("Content-Type: text/plain\r\n", &["text/html", "image/*"], false),
        ("Content-Type: text/plain\r\n", &["*/*"], true),
        ("Content-Type: text\r\n", &["text/*"], false),
        ("Content-Type: \r\n", &["text/*"], false),
        ("Content-Type: text/html\r\nContent-Type: image/gif\r\n", &["text/html"], false),
        ("", &["text/*", "image/*"], false),
        ("", &["*/*"], true),
        ("", &["application/*"], true),
    ] {
        let root = TempDir::new().unwrap();
        let address = scripted(head, "<p>");
        let mut plan = with_ledger(root.path());
        plan.request.accept = ranges(accept);
        let outcome = get_one(plan, format!("http://{address}/\tx"));
        if taken {
            assert_eq!(outcome.verdict, GetVerdict::Ok, "{head:?} {accept:?} {outcome:?}");
            assert_eq!(left(root.path()), ["x"]);
            continue;
        }
        assert_eq!(kind(&outcome), Some(FailureKind::NotAcceptable), "{head:?} {accept:?}");
        assert_eq!((outcome.status, outcome.bytes, outcome.attempts), (Some(200), 0, 1));
        assert!(left(root.path()).is_empty());
        let reason = outcome.failure.unwrap().reason;
        assert!(reason.contains(&accept.join(" or ")), "{reason}");
    }
}

#[test]
fn what_is_not_wanted_is_not_waited_for() {
    let root = TempDir::new().unwrap();
    let server = http();
    let mut plan = plan(root.path());
    plan.request.accept = ranges(&["image/*"]);
    plan.limits.in_flight = 1.try_into().unwrap();
    let get = |path: &str| format!("http://{}{path}", server.addr());
    // The first three are short: the connection is kept.
    let short = get_all(plan.clone(), ["/bytes/1", "/bytes/2", "/flags/br/br.gif"].map(get));
    assert_eq!(server.stats().connections, 1);
    assert_eq!(short[2].verdict, GetVerdict::Ok);
    let begun = std::time::Instant::now();
    let long =
        ["/bytes/1000000000", "/fault/endless?rate=1000", "/fault/stall?of=1000000", "/status/404"];
    let outcomes = get_all(plan, long.map(get));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for outcome in short[..2].iter().chain(&outcomes[..3]) {
        assert_eq!(kind(outcome), Some(FailureKind::NotAcceptable), "{outcome:?}");
        assert_eq!((outcome.bytes, outcome.attempts), (0, 1));
    }
    assert_eq!(outcomes[3].verdict, GetVerdict::NotFound, "its page has no say");
    assert_eq!(files(root.path()).len(), 1);
}

#[test]
fn the_accept_field_goes_to_every_origin() {
    let root = TempDir::new().unwrap();
    let (server, other) = (http(), http());
    let mut plan = plan(root.path());
    plan.request.accept = ranges(&["Text/*", "image/gif"]);
    let elsewhere = format!("http%3A%2F%2F{}%2Fheaders", other.addr());
    let lines = [
        format!("http://{}/headers\ta", server.addr()),
        format!("http://{}/redirect/to?url={elsewhere}\tb", server.addr()),
    ];
    get_all(plan, lines);
    for (name, sent) in files(root.path()) {
        let sent = String::from_utf8(sent).unwrap().to_ascii_lowercase();
        assert!(sent.contains("accept: text/*, image/gif\r\n"), "{name}: {sent}");
    }
}

#[test]
fn sizes_have_borders_in_every_framing() {
    use FailureKind::{NotAcceptable, TooLarge};
    let server = http();
    for (path, min, max, expected) in [
        ("/bytes/1000", 1_000, 1_000, None),
        ("/bytes/1000", 1_001, 2_000, Some(NotAcceptable)),
        ("/bytes/1000", 0, 999, Some(TooLarge)),
        ("/chunked?of=1000", 1_000, 1_000, None),
        ("/chunked?of=1000", 1_001, 2_000, Some(NotAcceptable)),
        ("/chunked?of=1000", 0, 999, Some(TooLarge)),
        ("/unframed?of=1000", 1_000, 1_000, None),
        ("/unframed?of=1000", 1_001, 2_000, Some(NotAcceptable)),
        ("/unframed?of=1000", 0, 999, Some(TooLarge)),
        // Some of these has been written when it shows.
        ("/chunked?of=300000", 300_001, 400_000, Some(NotAcceptable)),
        ("/chunked?of=300000", 0, 200_000, Some(TooLarge)),
        ("/fault/endless?rate=10000000", 0, 200_000, Some(TooLarge)),
        ("/bytes/0", 0, 0, None),
        ("/bytes/0", 1, 10, Some(NotAcceptable)),
        ("/chunked?of=0", 1, 10, Some(NotAcceptable)),
        ("/status/204", 1, 10, Some(NotAcceptable)),
        ("/status/204", 0, 0, None),
        // What was cut may be larger next time.
        ("/short?of=1000&send=10", 500, 2_000, Some(FailureKind::Truncated)),
    ] {
        for ledger in [false, true] {
            let root = TempDir::new().unwrap();
            let mut plan = if ledger { with_ledger(root.path()) } else { plan(root.path()) };
            (plan.request.min_body, plan.request.max_body) = (min, max);
            let path = if path.contains("short") { format!("/fault{path}") } else { path.into() };
            let outcome = get_one(plan, format!("http://{}{path}\tx", server.addr()));
            assert_eq!(kind(&outcome), expected, "{path} {min} {max} {outcome:?}");
            let expected_files: &[&str] = if expected.is_none() { &["x"] } else { &[] };
            assert_eq!(left(root.path()), expected_files, "{path} {min} {max}");
            if expected != Some(FailureKind::Truncated) {
                assert_eq!(outcome.attempts, 1, "{path}");
            }
        }
    }
}

/// Of a run: every line has one outcome, however many of them are no files.
#[test]
fn a_mixed_list_is_answered_once_a_line_and_resumed_without_a_question() {
    let root = TempDir::new().unwrap();
    let server = http();
    let hash = coreutils("sha256", &made(5_000));
    let lines: Vec<String> = (0..400)
        .map(|n| {
            let url = format!("http://{}", server.addr());
            match n % 4 {
                0 => format!("{url}/bytes/5000?id={n}\t\t{hash}"),
                1 => format!("{url}/bytes/5000?id={n}\t\t{}", wrong(&hash)),
                2 => format!("{url}/bytes/100?id={n}"),
                _ => format!("{url}/headers?id={n}"),
            }
        })
        .collect();
    let mut plan = with_ledger(root.path());
    plan.hash = Some(HashAlgorithm::Md5);
    plan.request.accept = ranges(&["application/octet-stream"]);
    plan.request.min_body = 1_000;
    let outcomes = get_all(plan.clone(), lines.clone());
    for (n, outcome) in outcomes.iter().enumerate() {
        let expected = match n % 4 {
            0 => None,
            1 => Some(FailureKind::HashMismatch),
            _ => Some(FailureKind::NotAcceptable),
        };
        assert_eq!(kind(outcome), expected, "{n} {outcome:?}");
        assert_eq!(outcome.hash.is_some(), expected.is_none());
    }
    assert_eq!(left(root.path()).len(), 100);
    let asked = server.stats().requests;
    let (again, error, summary) = run_to_end(plan.run(Source::items(lines)));
    assert!(error.is_none() && again.is_empty(), "{error:?}");
    assert_eq!((summary.counts.ok, summary.counts.failed), (100, 300));
    assert_eq!(server.stats().requests, asked);
}

#[test]
fn a_hash_is_read_as_it_is_written() {
    let text = coreutils("sha256", b"");
    let hash: Hash = text.parse().unwrap();
    assert_eq!((hash.to_string(), hash.algorithm()), (text, HashAlgorithm::Sha256));
}

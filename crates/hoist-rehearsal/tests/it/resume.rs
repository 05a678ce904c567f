//! What a client meets that goes on where a body broke off.

use hoist_rehearsal::{End, HttpRecord, Running, body_bytes};

use crate::client::{Answer, Client, LONG, Left, all, body, get, local};

const NEW: u64 = 1 << 41;

/// One answer to a request with these header lines, up to the server's close.
fn ask(server: &Running, target: &str, lines: &str) -> (Answer, Left) {
    let mut client = Client::to(server.addr());
    let head =
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
    let (bytes, left) = client.send(head.as_bytes()).rest();
    (Answer::split(&bytes), left)
}

fn records(server: &Running) -> Vec<HttpRecord> {
    assert!(server.settle(LONG));
    server.truth().http()
}

fn code(answer: &Answer) -> &str {
    &answer.line[9..12]
}

/// The first answer to `target`, which breaks off after `cut` bytes; it looks as if it would be kept.
fn broken(server: &Running, target: &str, cut: usize) -> Answer {
    let (bytes, left) = all(server, target);
    let answer = Answer::split(&bytes);
    assert_eq!((code(&answer), &left), ("200", &Left::Closed), "{target}");
    assert_eq!(answer.header("Accept-Ranges"), Some("bytes"));
    assert_eq!(answer.header("Connection"), None);
    assert!(answer.body == body(cut), "{target}");
    answer
}

/// What a later request for the bytes from 4 of 10 meets.
fn later(target: &str, lines: &str) -> (Answer, Left) {
    let server = local();
    broken(&server, target, 5);
    ask(&server, target, &format!("Range: bytes=4-\r\n{lines}"))
}

fn new(from: u64, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    body_bytes(NEW + from, &mut bytes);
    bytes
}

#[test]
fn the_first_answer_breaks_off_and_later_ones_do_not() {
    let server = local();
    let target = "/fault/range?of=3000000&cut=1000000";
    let first = broken(&server, target, 1_000_000);
    assert_eq!(first.header("Content-Length"), Some("3000000"));
    assert_eq!(first.header("ETag"), Some("\"one\""));
    assert_eq!(first.header("Last-Modified"), Some("Thu, 01 Jan 2026 00:00:00 GMT"));

    let (rest, _) = ask(&server, target, "Range: bytes=1000000-\r\nIf-Range: \"one\"\r\n");
    assert_eq!((code(&rest), rest.header("ETag")), ("206", Some("\"one\"")));
    assert_eq!(rest.header("Content-Range"), Some("bytes 1000000-2999999/3000000"));
    assert_eq!(rest.header("Content-Length"), Some("2000000"));
    assert!(rest.body == body(3_000_000)[1_000_000..]);
    assert!(get(&server, target).body == body(3_000_000));

    let logged: Vec<_> = records(&server)
        .iter()
        .map(|r| (r.decision, r.attempt, r.status, r.body_promised, r.body_sent, r.end))
        .collect();
    assert_eq!(
        logged,
        [
            ("range", 1, Some(200), Some(3_000_000), 1_000_000, End::Close),
            ("range", 2, Some(206), Some(2_000_000), 2_000_000, End::Close),
            ("range", 3, Some(200), Some(3_000_000), 3_000_000, End::Keep),
        ]
    );
}

#[test]
fn it_breaks_before_its_last_byte_whatever_is_asked() {
    let server = local();
    for (query, sent) in
        [("", 500), ("cut=0", 0), ("cut=1000", 999), ("cut=1099511627776", 999), ("of=1", 0)]
    {
        let target = format!("/fault/range?{query}");
        broken(&server, &target, sent);
        assert!(get(&server, &target).body.len() > sent);
    }
    let (bytes, left) = all(&server, "/fault/range?of=100&how=reset");
    assert_eq!((Answer::split(&bytes).body, left), (body(50), Left::Reset));
    assert_eq!(records(&server).pop().unwrap().end, End::Reset);
    let empty = get(&server, "/fault/range?of=0");
    assert_eq!((code(&empty), empty.header("Content-Length")), ("200", Some("0")));
    // A part that is asked for first breaks too.
    let (part, _) = ask(&server, "/fault/range?x", "Range: bytes=900-\r\n");
    assert_eq!(part.header("Content-Range"), Some("bytes 900-999/1000"));
    assert_eq!(part.body, body(950)[900..]);
}

#[test]
fn ranges_and_conditions_are_obeyed_rightly() {
    let server = local();
    let target = "/fault/range?of=10";
    broken(&server, target, 5);
    for (lines, status, range, from, to) in [
        ("Range: bytes=2-4", "206", Some("bytes 2-4/10"), 2, 5),
        ("Range: bytes=-3", "206", Some("bytes 7-9/10"), 7, 10),
        ("Range: bytes=0-", "206", Some("bytes 0-9/10"), 0, 10),
        ("Range: bytes=2-3,5-6", "200", None, 0, 10),
        ("Range: lines=2-3", "200", None, 0, 10),
        ("range: bytes=4-\r\nif-range: \"one\"", "206", Some("bytes 4-9/10"), 4, 10),
        ("Range: bytes=4-\r\nIf-Range: \"two\"", "200", None, 0, 10),
        ("Range: bytes=4-\r\nIf-Range: W/\"one\"", "200", None, 0, 10),
        (
            "Range: bytes=4-\r\nIf-Range: Thu, 01 Jan 2026 00:00:00 GMT",
            "206",
            Some("bytes 4-9/10"),
            4,
            10,
        ),
        ("Range: bytes=4-\r\nIf-Range: Fri, 02 Jan 2026 00:00:00 GMT", "200", None, 0, 10),
        ("Range: bytes=4-\r\nIf-Match: \"x\", \"one\"", "206", Some("bytes 4-9/10"), 4, 10),
        (
            "Range: bytes=4-\r\nIf-Unmodified-Since: Thu, 01 Jan 2026 00:00:00 GMT",
            "206",
            Some("bytes 4-9/10"),
            4,
            10,
        ),
    ] {
        let (answer, _) = ask(&server, target, &format!("{lines}\r\n"));
        assert_eq!((code(&answer), answer.header("Content-Range")), (status, range), "{lines}");
        assert_eq!(answer.body, body(10)[from..to], "{lines}");
    }
    for (lines, status, range) in [
        ("Range: bytes=10-", "416", Some("bytes */10")),
        ("If-Match: \"two\"", "412", None),
        ("If-Match: W/\"one\"", "412", None),
        ("If-Unmodified-Since: Wed, 31 Dec 2025 00:00:00 GMT", "412", None),
    ] {
        let (answer, _) = ask(&server, target, &format!("{lines}\r\n"));
        assert_eq!((code(&answer), answer.header("Content-Range")), (status, range), "{lines}");
    }
}

#[test]
fn parts_asked_for_side_by_side_fit_together() {
    let server = local();
    let target = "/fault/range?of=100000";
    broken(&server, target, 50_000);
    let mut clients: Vec<_> = (0..8).map(|_| Client::to(server.addr())).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        let (first, last) = (n * 12_500, n * 12_500 + 12_499);
        let lines = format!("Host: localhost\r\nRange: bytes={first}-{last}\r\n");
        client.send(format!("GET {target} HTTP/1.1\r\n{lines}\r\n").as_bytes());
    }
    let parts: Vec<_> = clients.iter_mut().flat_map(|client| client.answer().body).collect();
    assert!(parts == body(100_000));
}

#[test]
fn a_range_is_ignored() {
    let (answer, left) = later("/fault/range-ignored?of=10", "");
    assert_eq!((code(&answer), answer.header("Content-Range"), left), ("200", None, Left::Closed));
    assert_eq!(answer.body, body(10));
}

#[test]
fn a_range_begins_elsewhere() {
    for (by, range, from) in [
        ("1", "bytes 5-9/10", 5),
        ("-3", "bytes 1-9/10", 1),
        ("-1099511627776", "bytes 0-9/10", 0),
        ("1099511627776", "bytes 9-9/10", 9),
    ] {
        let (answer, _) = later(&format!("/fault/range-wrong?of=10&by={by}"), "");
        assert_eq!((code(&answer), answer.header("Content-Range")), ("206", Some(range)));
        assert_eq!(answer.body, body(10)[from..]);
    }
}

#[test]
fn a_range_is_invalid_or_unsaid() {
    for (query, range) in [("", None), ("&is=bytes%20*/10", Some("bytes */10"))] {
        let (answer, _) = later(&format!("/fault/range-invalid?of=10{query}"), "");
        assert_eq!((code(&answer), answer.header("Content-Range")), ("206", range));
        assert_eq!(answer.body, body(6), "the first bytes, as many as were asked for");
    }
}

#[test]
fn content_changes_and_its_etag_tells() {
    let target = "/fault/range-changed?of=10";
    let (blind, _) = later(target, "");
    assert_eq!((code(&blind), blind.header("ETag")), ("206", Some("\"two\"")));
    assert_eq!(blind.header("Last-Modified"), Some("Fri, 02 Jan 2026 00:00:00 GMT"));
    assert_eq!(blind.header("Content-Range"), Some("bytes 4-9/10"));
    assert_eq!(blind.body, new(4, 6));
    for condition in ["If-Range: \"one\"\r\n", "If-Range: Thu, 01 Jan 2026 00:00:00 GMT\r\n"] {
        let (whole, _) = later(target, condition);
        assert_eq!((code(&whole), whole.header("ETag")), ("200", Some("\"two\"")));
        assert_eq!(whole.body, new(0, 10));
    }
    for condition in
        ["If-Match: \"one\"\r\n", "If-Unmodified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n"]
    {
        assert_eq!(code(&later(target, condition).0), "412");
    }
}

#[test]
fn content_changes_and_only_its_length_tells() {
    for (by, of) in [("1", 11), ("-1", 9)] {
        let server = local();
        let target = format!("/fault/range-total?of=10&by={by}");
        let first = broken(&server, &target, 5);
        assert_eq!((first.header("ETag"), first.header("Last-Modified")), (None, None));
        let (part, _) = ask(&server, &target, "Range: bytes=4-\r\n");
        let expected = format!("bytes 4-{}/{of}", of - 1);
        assert_eq!((part.header("ETag"), part.header("Last-Modified")), (None, None));
        assert_eq!(part.header("Content-Range"), Some(expected.as_str()));
        assert_eq!(part.body, new(4, of - 4));
        assert_eq!(get(&server, &target).body, new(0, of));
    }
    let (gone, _) = later("/fault/range-total?of=10&by=-1099511627776", "");
    assert_eq!((code(&gone), gone.header("Content-Range")), ("416", Some("bytes */0")));
}

#[test]
fn a_range_is_refused() {
    for (query, total) in [("", "bytes */10"), ("&total=4", "bytes */4")] {
        let (answer, _) = later(&format!("/fault/range-416?of=10{query}"), "");
        assert_eq!((code(&answer), answer.header("Content-Range")), ("416", Some(total)));
    }
    let server = local();
    broken(&server, "/fault/range-416", 500);
    assert_eq!(get(&server, "/fault/range-416").body, body(1000), "but not without a Range");
}

#[test]
fn a_range_is_short() {
    let (answer, left) = later("/fault/range-short?of=10", "");
    assert_eq!((code(&answer), answer.header("Content-Range")), ("206", Some("bytes 4-9/10")));
    assert_eq!((answer.header("Content-Length"), left), (Some("6"), Left::Closed));
    assert_eq!(answer.body, body(7)[4..]);
}

#[test]
fn a_range_is_multipart() {
    let server = local();
    let target = "/fault/range-multipart?of=10";
    broken(&server, target, 5);
    let mut client = Client::to(server.addr());
    let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=4-\r\n\r\n");
    let answer = client.send(head.as_bytes()).answer();
    assert_eq!(code(&answer), "206");
    assert_eq!(
        answer.header("Content-Type"),
        Some("multipart/byteranges; boundary=rehearsal-boundary")
    );
    let before = "\r\n--rehearsal-boundary\r\nContent-Type: application/octet-stream\r\n\
                  Content-Range: bytes 4-9/10\r\n\r\n";
    let expected = [before.as_bytes(), &body(10)[4..], b"\r\n--rehearsal-boundary--\r\n"].concat();
    assert_eq!(answer.body, expected);
    assert_eq!(client.ask("/bytes/3").answer().body, body(3), "its length was right");
}

#[test]
fn parts_that_nobody_asked_for() {
    let server = local();
    let mut client = Client::to(server.addr());
    for (target, range, n) in [
        ("/fault/range-206-for-all?of=10", Some("bytes 0-9/10"), 10),
        ("/fault/partial-unasked?of=10", Some("bytes 0-4/10"), 5),
        ("/fault/partial-unasked?of=10&range=unsaid", None, 5),
    ] {
        let answer = client.ask(target).answer();
        assert_eq!((code(&answer), answer.header("Content-Range")), ("206", range), "{target}");
        assert_eq!(answer.body, body(n), "{target}");
        let (rest, _) = ask(&server, target, "Range: bytes=5-\r\n");
        assert_eq!((code(&rest), rest.header("Content-Range")), ("206", Some("bytes 5-9/10")));
        assert_eq!(rest.body, body(10)[5..], "a range is obeyed");
    }
    for target in ["/fault/range-206-for-all?of=0", "/fault/partial-unasked?of=1"] {
        assert_eq!(code(&client.ask(target).answer()), "200", "no part can be said of it");
    }
}

#[test]
fn the_largest_numbers_are_survived() {
    let server = local();
    let most = 1_u64 << 40;
    for (name, last) in [
        ("range?", most),
        ("range-wrong?by=1099511627776&", most),
        ("range-invalid?", 1),
        ("range-total?by=1099511627776&", NEW + 2 * most),
        ("range-changed?", NEW + most),
        ("range-short?", 0),
    ] {
        let target = format!("/fault/{name}of=1099511627776&cut=0");
        broken(&server, &target, 0);
        let (answer, _) = ask(&server, &target, "Range: bytes=-1\r\n");
        let mut byte = vec![0; usize::from(last > 0)];
        body_bytes(last.saturating_sub(1), &mut byte);
        assert_eq!((code(&answer), &answer.body), ("206", &byte), "{target}");
    }
}

#[test]
fn heads_break_nothing() {
    let server = local();
    for name in ["range", "range-416", "range-changed", "range-206-for-all", "partial-unasked"] {
        let mut client = Client::to(server.addr());
        let head = format!("HEAD /fault/{name} HTTP/1.1\r\nHost: a\r\nRange: bytes=5-\r\n\r\n");
        for _ in 0..2 {
            client.send(head.as_bytes());
        }
        client.send(b"HEAD /fault/close HTTP/1.1\r\nHost: a\r\n\r\n");
        let (bytes, _) = client.rest();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{name}: {text}");
        assert_eq!(text.matches("Content-Length: 1000\r\n").count(), 2, "{name}");
        assert!(text.ends_with("\r\n\r\n"), "{name}");
    }
}

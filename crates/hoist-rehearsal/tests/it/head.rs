//! Broken heads and interim answers, byte for byte.

use std::io::Read as _;
use std::time::{Duration, Instant};

use hoist_rehearsal::End;

use crate::client::{Client, LONG, Left, all, body, get, last, local};

/// What a head is with these lines after the status line and the server's name.
fn head(status: &str, odd: &[u8]) -> Vec<u8> {
    let first = format!("{status}\r\nServer: hoist-rehearsal\r\n");
    let last = "Content-Type: application/octet-stream\r\nContent-Length: 30\r\n\
                Connection: close\r\n\r\n";
    [first.as_bytes(), odd, last.as_bytes()].concat()
}

#[test]
fn one_odd_line_in_a_right_head() {
    let server = local();
    for (name, odd) in [
        ("head-nul", b"X-Nul: a\0b\r\n" as &[u8]),
        ("head-bare-cr", b"X-Cr: a\rContent-Length: 10\r\n"),
        ("head-fold", b"X-Fold: a\r\n Content-Length: 10\r\n"),
        ("head-space", b"X-Space : a\r\n"),
        ("head-no-colon", b"this is no header\r\n"),
        ("head-name", b": empty\r\nX(Y): a\r\nX\x01: b\r\n"),
        ("head-bytes", b"X-Bytes: \xff\xfe\x80\r\n"),
    ] {
        let (bytes, left) = all(&server, &format!("/fault/{name}?of=30"));
        assert_eq!(bytes, [head("HTTP/1.1 200 OK", odd), body(30)].concat(), "{name}");
        assert_eq!(left, Left::Closed);
        let record = last(&server);
        assert_eq!((record.decision, record.status, record.body_sent), (name, Some(200), 30));
    }
}

#[test]
fn status_lines_of_any_text() {
    let server = local();
    for text in ["HTTP/1.1 2x0 OK", "ICY 200 OK", "HTTP/9.9 200 OK", "HTTP/1.1 200", "nothing", ""]
    {
        let target = format!("/fault/status-line?of=30&is={}", text.replace(' ', "%20"));
        let (bytes, left) = all(&server, &target);
        let right = String::from_utf8(head(text, b"")).unwrap();
        let right = right.replace("Server: hoist-rehearsal\r\n", "");
        assert_eq!(bytes, [right.as_bytes(), &body(30)].concat(), "{text}");
        assert_eq!(left, Left::Closed);
    }
    assert_eq!((last(&server).decision, last(&server).status), ("status-line", None));
    assert_eq!(get(&server, "/fault/status-line?is=a%0db").line, "HTTP/1.1 400 Bad Request");
}

#[test]
fn no_head_and_half_a_head() {
    let server = local();
    assert_eq!(all(&server, "/fault/http09?of=30"), (body(30), Left::Closed));
    assert_eq!((last(&server).decision, last(&server).status), ("http09", None));
    let (bytes, left) = all(&server, "/fault/head-cut");
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n") && bytes.ends_with(b"\r\nX-Cut: he"));
    assert_eq!((left, last(&server).end), (Left::Closed, End::Close));
    let (_, left) = all(&server, "/fault/head-cut?end=reset");
    assert_eq!((left, last(&server).end), (Left::Reset, End::Reset));
    let (bytes, left) = all(&server, "/fault/garbage");
    assert!(!bytes.starts_with(b"HTTP/"));
    assert_eq!((left, last(&server).decision), (Left::Closed, "garbage"));
}

#[test]
fn lines_that_end_in_lf_alone() {
    let server = local();
    let (bytes, _) = all(&server, "/fault/head-bare-lf?of=30");
    let right = "HTTP/1.1 200 OK\nServer: hoist-rehearsal\nContent-Length: 30\n\
                 Connection: close\n\n";
    assert_eq!(bytes, [right.as_bytes(), &body(30)].concat());
}

#[test]
fn large_heads_and_many_headers() {
    let server = local();
    let mut client = Client::to(server.addr());
    let large = client.ask("/fault/head-large?size=300000").answer();
    assert_eq!(large.header("X-Large").map(str::len), Some(300_000));
    assert_eq!(large.body, body(1000));
    let many = client.ask("/fault/head-many?n=2500").answer();
    assert_eq!((many.header("X-0"), many.header("X-2499")), (Some("0"), Some("2499")));
    assert_eq!(many.body, body(1000));
    assert_eq!(last(&server).body_sent, 1000, "the head is not counted as body");
}

#[test]
fn heads_that_come_slowly_or_never_end() {
    let server = local();
    let began = Instant::now();
    assert_eq!(get(&server, "/fault/head-drip?rate=400").body, body(1000));
    assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
    let mut client = Client::to(server.addr());
    client.ask("/fault/head-endless?rate=1000000");
    let mut bytes = vec![0; 200_000];
    client.0.read_exact(&mut bytes).unwrap();
    assert!(!bytes.windows(4).any(|w| w == b"\r\n\r\n"), "it never ends");
    assert!(bytes.windows(20).any(|w| w == b"\r\nX-100: and so on\r\n"));
    drop(client);
    assert!(server.settle(LONG));
    assert_eq!(last(&server).body_sent, 0);
}

#[test]
fn interim_answers_of_every_kind() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.ask("/interim?n=2&status=102");
    assert_eq!(client.answer().line, "HTTP/1.1 102 Processing");
    assert_eq!(client.answer().line, "HTTP/1.1 102 Processing");
    assert_eq!(client.answer().body, body(1000));
    client.ask("/fault/interim-endless?rate=100000");
    for _ in 0..100 {
        assert_eq!(client.answer().line, "HTTP/1.1 103 Early Hints");
    }
    drop(client);
    let (bytes, left) = all(&server, "/fault/switch");
    assert!(bytes.starts_with(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: rehearsal\r\n"));
    assert!(bytes.ends_with(b"\r\n\r\n\x81\x05hello"));
    assert_eq!((left, last(&server).decision), (Left::Closed, "switch"));
}

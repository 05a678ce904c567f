//! Heads that should not be, byte by byte, and what the log says of them.

use std::io::Read;
use std::time::{Duration, Instant};

use hoist_rehearsal::{End, HttpRecord, Running};

use crate::client::{Client, LONG, Left, body, local};

/// What every right head begins and ends with.
const OK: &str = "HTTP/1.1 200 OK\r\nServer: hoist-rehearsal\r\n";
const KIND: &str = "Content-Type: application/octet-stream\r\n";
const CLOSE: &str = "Connection: close\r\n\r\n";

fn last(server: &Running) -> HttpRecord {
    assert!(server.settle(LONG));
    server.truth().http().pop().unwrap()
}

/// All that comes of a request that is the last of its connection.
fn all(server: &Running, target: &str) -> (Vec<u8>, Left) {
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    Client::to(server.addr()).send(head.as_bytes()).rest()
}

/// That all bytes are these and then those of a body, closed in order; and what the log has.
#[track_caller]
fn shows(server: &Running, target: &str, head: impl AsRef<[u8]>, n: usize) -> HttpRecord {
    let (bytes, left) = all(server, target);
    let head = head.as_ref();
    let whole = [head, &body(n)].concat();
    assert!(
        bytes == whole,
        "{target}:\n{}\nand not\n{}",
        bytes[..bytes.len().min(2 * head.len())].escape_ascii(),
        head.escape_ascii()
    );
    assert_eq!(left, Left::Closed, "{target}");
    let record = last(server);
    let name = target.trim_start_matches("/fault/").trim_start_matches('/');
    assert_eq!(record.decision, name.split('?').next().unwrap());
    assert_eq!((record.rule, record.end), (None, End::Close));
    assert_eq!(record.body_sent, n as u64, "{target}: no byte of a head is body");
    record
}

#[test]
fn interim_answers_come_before_and_may_lie() {
    let server = local();
    let right = format!("{OK}{KIND}Content-Length: 9\r\n{CLOSE}");
    let early = |line: &str, header: &str| format!("HTTP/1.1 {line}\r\n{header}\r\n\r\n");
    let hint = "Link: </style.css>; rel=preload; as=style";
    let hints = early("103 Early Hints", hint);
    for (query, interim) in [
        ("n=0", String::new()),
        ("n=3", hints.repeat(3)),
        ("n=100", hints.repeat(100)),
        ("status=100", early("100 Continue", hint)),
        ("status=102", early("102 Processing", hint)),
        ("status=199", early("199 ", hint)),
        ("with=length", early("103 Early Hints", "Content-Length: 5")),
        ("with=chunked&n=2", early("103 Early Hints", "Transfer-Encoding: chunked").repeat(2)),
    ] {
        let record = shows(&server, &format!("/interim?of=9&{query}"), interim + &right, 9);
        assert_eq!((record.status, record.body_promised), (Some(200), Some(9)));
    }
}

#[test]
fn interim_answers_alone_are_no_answer() {
    let server = local();
    let hint = "\r\nLink: </style.css>; rel=preload; as=style\r\n\r\n";
    for (query, head) in [
        ("n=2", format!("HTTP/1.1 103 Early Hints{hint}").repeat(2)),
        ("status=100", format!("HTTP/1.1 100 Continue{hint}")),
        ("n=0", String::new()),
    ] {
        let record = shows(&server, &format!("/fault/interim-only?{query}"), head, 0);
        assert_eq!((record.status, record.body_promised), (None, None));
    }
}

#[test]
fn a_switch_nobody_asked_for() {
    let server = local();
    let switch = "HTTP/1.1 101 Switching Protocols\r\n";
    let to = "Upgrade: rehearsal/1\r\nConnection: Upgrade\r\n\r\n";
    let bytes = b"\x00\x01another protocol\x00\xff";
    let head = [switch.as_bytes(), b"Server: hoist-rehearsal\r\n", to.as_bytes(), bytes].concat();
    let record = shows(&server, "/fault/switch", head, 0);
    assert_eq!((record.status, record.body_promised), (Some(101), None));
    let head = format!("{switch}{to}{OK}{KIND}Content-Length: 9\r\n{CLOSE}");
    let record = shows(&server, "/fault/switch?then=answer&of=9", head, 9);
    assert_eq!(record.status, Some(200));
}

#[test]
fn any_text_for_a_status_line() {
    let server = local();
    let after = format!("Server: hoist-rehearsal\r\n{KIND}Content-Length: 9\r\n{CLOSE}");
    for (is, line, status) in [
        ("HTTP/1.1%202x0%20OK", "HTTP/1.1 2x0 OK", None),
        ("HTTP/1.1%20%20200%20OK", "HTTP/1.1  200 OK", Some(200)),
        ("ICY%20200%20OK", "ICY 200 OK", Some(200)),
        ("HTTP/1.1%201000%20X", "HTTP/1.1 1000 X", None),
        ("HTTP/1.1%20200%20%C3%A9", "HTTP/1.1 200 \u{e9}", Some(200)),
        ("", "", None),
    ] {
        let target = format!("/fault/status-line?of=9&is={is}");
        let record = shows(&server, &target, format!("{line}\r\n{after}"), 9);
        assert_eq!((record.status, record.body_promised), (status, Some(9)), "{line}");
    }
    let refused = all(&server, "/fault/status-line?is=a%0d%0ab").0;
    assert!(refused.starts_with(b"HTTP/1.1 400 "), "one line and no more");
}

#[test]
fn empty_lines_and_older_versions() {
    let server = local();
    let right = format!("{OK}{KIND}Content-Length: 9\r\n{CLOSE}");
    shows(&server, "/fault/head-blank?n=3&of=9", format!("\r\n\r\n\r\n{right}"), 9);
    let many = "\r\n".repeat(50_000) + &right;
    shows(&server, "/fault/head-blank?n=50000&of=9", many, 9);

    let record = shows(&server, "/fault/http09?of=70000", "", 70_000);
    assert_eq!((record.status, record.body_promised), (None, None));

    let ten = OK.replace("1.1", "1.0") + KIND;
    shows(&server, "/fault/http10?of=9", format!("{ten}Content-Length: 9\r\n{CLOSE}"), 9);
    shows(&server, "/fault/http10?of=9&with=unframed", format!("{ten}{CLOSE}"), 9);
    let (bytes, _) = all(&server, "/fault/http10?of=9&with=chunked");
    let head = format!("{ten}Transfer-Encoding: chunked\r\n{CLOSE}");
    assert_eq!(bytes, [head.as_bytes(), b"9\r\n", &body(9), b"\r\n0\r\n\r\n"].concat());
    assert_eq!(last(&server).body_sent, 9);
}

#[test]
fn heads_that_break_off() {
    let server = local();
    let head = format!("{OK}{KIND}Content-Length: 9\r\n{CLOSE}");
    for (query, length) in [
        ("of=9", head.len() / 2),
        ("of=9&after=0", 0),
        ("of=9&after=12", 12),
        ("of=9&after=1099511627776", head.len() - 1),
    ] {
        let head = &head.as_bytes()[..length];
        let record = shows(&server, &format!("/fault/early-close?{query}"), head, 0);
        assert_eq!(record.body_promised, None, "what never ended promised nothing");
        let (bytes, left) = all(&server, &format!("/fault/early-reset?{query}"));
        assert_eq!((bytes.as_slice(), left), (head, Left::Reset));
        let record = last(&server);
        assert_eq!((record.decision, record.end), ("early-reset", End::Reset));
    }
    let mut client = Client::to(server.addr());
    client.ask("/fault/early-stall?after=12");
    let mut bytes = [0; 12];
    client.0.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"HTTP/1.1 200");
    client.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(client.rest(), (Vec::new(), Left::Open));
    assert_eq!(server.stats().in_flight, 1);
    drop(client);
    let record = last(&server);
    assert_eq!((record.decision, record.body_sent, record.end), ("early-stall", 0, End::Close));
}

#[test]
fn a_head_comes_drop_by_drop() {
    let server = local();
    let head = format!("{OK}{KIND}Content-Length: 70000\r\n{CLOSE}");
    let began = Instant::now();
    let record = shows(&server, "/fault/head-drip?rate=1000&of=70000", &head, 70_000);
    let least = Duration::from_millis(head.len() as u64 - 2);
    assert!(began.elapsed() >= least, "{:?}", began.elapsed());
    assert_eq!(record.body_promised, Some(70_000));
    shows(&server, "/fault/head-drip?rate=1099511627776&of=70000", &head, 70_000);
}

#[test]
fn alone_a_slow_head_comes_byte_by_byte() {
    let server = local();
    let mut client = Client::to(server.addr());
    let began = Instant::now();
    client.ask("/fault/head-drip?rate=4");
    for (n, byte) in (1..=4).zip(b"HTTP") {
        let mut bytes = [0; 9];
        assert_eq!((client.0.read(&mut bytes).unwrap(), bytes[0]), (1, *byte));
        let due = Duration::from_millis(250) * n;
        assert!(began.elapsed() >= due && began.elapsed() < due * 2, "{:?}", began.elapsed());
    }
    drop(client);
    let record = last(&server);
    assert_eq!((record.decision, record.body_sent, record.end), ("head-drip", 0, End::Close));
}

#[test]
fn heads_without_end_last_as_long_as_the_client_does() {
    let server = local();
    for (target, line) in [
        ("/fault/interim-endless?rate=", "HTTP/1.1 103 Early Hints\r\n"),
        ("/fault/head-endless?rate=", "X-Endless: "),
    ] {
        for (rate, least) in [("100", 3), ("100000", 1000), ("1099511627776", 1000)] {
            let mut client = Client::to(server.addr());
            client.ask(&format!("{target}{rate}"));
            let mut bytes = Vec::new();
            let mut piece = vec![0; 1 << 16];
            let lines =
                |bytes: &[u8]| bytes.windows(line.len()).filter(|w| *w == line.as_bytes()).count();
            while lines(&bytes) < least {
                let n = client.0.read(&mut piece).unwrap();
                assert!(n > 0, "{target}{rate} ended");
                bytes.extend_from_slice(&piece[..n]);
            }
            drop(client);
            let record = last(&server);
            assert_eq!((record.body_sent, record.body_promised), (0, None), "{target}{rate}");
            assert_eq!(record.end, End::Close, "{target}{rate}");
        }
    }
}

#[test]
fn large_heads() {
    let server = local();
    let after = format!("Content-Length: 9\r\n{CLOSE}");
    for size in [0, 1, 65_536, 200_000] {
        let x = "x".repeat(size);
        let shows = |at: &str, head: String| {
            let target = format!("/fault/head-large?of=9&size={size}&at={at}");
            let record = shows(&server, &target, head, 9);
            assert_eq!((record.status, record.body_promised), (Some(200), Some(9)));
        };
        shows("value", format!("{OK}{KIND}X-Large: {x}\r\n{after}"));
        shows("name", format!("{OK}{KIND}{x}: y\r\n{after}"));
        let line = format!("HTTP/1.1 200 {x}\r\nServer: hoist-rehearsal\r\n");
        shows("reason", format!("{line}{KIND}{after}"));
    }
    let many: Vec<_> = (0..10_000).map(|n| format!("X-Many-{n}: {n}\r\n")).collect();
    let many = many.concat();
    shows(&server, "/fault/head-many?of=9", format!("{OK}{KIND}{many}{after}"), 9);

    // However large it is to be, it is not kept.
    for target in ["/fault/head-large?size=1099511627776", "/fault/head-many?n=1099511627776"] {
        let mut client = Client::to(server.addr());
        client.ask(target);
        let mut bytes = vec![0; 1 << 20];
        client.0.read_exact(&mut bytes).unwrap();
        drop(client);
        assert_eq!(last(&server).body_sent, 0);
    }
}

#[test]
fn odd_lines() {
    let server = local();
    let framed = |line: &str| format!("{OK}{KIND}Content-Length: 100\r\n{line}\r\n{CLOSE}");
    let bare = |line: &str| format!("{OK}{KIND}{line}\r\n{CLOSE}");
    for (fault, head, n) in [
        ("head-nul?", framed("X-Odd: a\0b"), 100),
        ("head-nul?in=length", bare("Content-Length: 100\x000"), 100),
        ("head-bare-cr?", framed("X-Odd: a\rb"), 100),
        ("head-bare-cr?before=length", bare("X-Odd: a\rContent-Length: 50"), 100),
        ("head-bare-cr?before=second", framed("X-Odd: a\rContent-Length: 50"), 100),
        ("head-bare-cr?before=nothing", framed("\r"), 100),
        ("head-bare-lf?in=value", framed("X-Odd: a\nContent-Length: 50"), 100),
        ("head-bare-lf?", framed("X").replace("X\r\n", "").replace('\r', ""), 100),
        ("head-fold?", framed("X-Odd: a\r\n b\r\n\tc"), 100),
        ("head-fold?what=hidden", bare("X-Odd: a\r\n Content-Length: 50"), 100),
        ("head-fold?what=length", bare("Content-Length:\r\n 100"), 200),
        ("head-space?", framed("X-Odd : a"), 100),
        ("head-space?what=second", framed("Content-Length : 50"), 100),
        ("head-no-colon?", framed("This line is no header"), 100),
        ("head-name?", framed(": a"), 100),
        ("head-name?has=control", framed("X-\x01Odd: a"), 100),
        ("head-name?has=space", framed("X Odd: a"), 100),
        ("head-name?has=bytes", framed("X-\u{e9}: a"), 100),
    ] {
        let record = shows(&server, &format!("/fault/{fault}&of=100"), &head, n);
        let promised = head.contains("\nContent-Length: 100\r\n") || !head.contains('\r');
        assert_eq!(record.body_promised, promised.then_some(100), "{fault}");
        assert_eq!(record.status, Some(200));
    }
    let head = OK.replace("\r\nS", "\r\n Content-Length: 50\r\nS") + KIND + CLOSE;
    shows(&server, "/fault/head-fold?what=first&of=100", head, 100);
    let head = [framed("X-Odd: cafe").trim_end().as_bytes(), b""].concat();
    let at = head.windows(4).position(|w| w == b"cafe").unwrap() + 4;
    let (before, after) = head.split_at(at);
    let head = [before, b"\xe9 \x80\xff", after, b"\r\n\r\n"].concat();
    shows(&server, "/fault/head-bytes?of=100", head, 100);
    let head = "HTTP/1.1 200 \r\ncONTENT-lENGTH:9\t \r\nX-Empty:\r\nX-EMPTY: \t \r\n\
                !#$%&'*+-.^_`|~0: \t:\" ,;=\r\n";
    let record = shows(&server, "/fault/head-unusual?of=9", format!("{head}{CLOSE}"), 9);
    assert_eq!((record.status, record.body_promised), (Some(200), Some(9)));
    let record = shows(&server, "/fault/head-unusual?has=nothing", "HTTP/1.1 200 OK\r\n\r\n", 1000);
    assert_eq!((record.status, record.body_promised), (Some(200), None));
}

#[test]
fn framed_answers_leave_the_connection_to_the_next() {
    let server = local();
    let mut client = Client::to(server.addr());
    for target in [
        "/interim?n=2",
        "/fault/head-drip?rate=100000",
        "/fault/head-large?size=100",
        "/fault/head-many?n=3",
        "/fault/head-bytes",
        "/fault/head-nul",
        "/fault/head-name",
    ] {
        client.ask(target);
        let mut bytes = Vec::new();
        while !bytes.ends_with(&body(1000)) {
            let mut byte = [0];
            client.0.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
        }
        assert_eq!(last(&server).end, End::Keep, "{target}");
    }
    assert_eq!(client.ask("/bytes/3").answer().body, body(3));
    assert!(server.truth().http().iter().all(|record| record.conn == 1));
}

#[test]
fn a_head_request_gets_no_body() {
    let server = local();
    for target in [
        "/interim?",
        "/fault/switch?then=answer",
        "/fault/switch?",
        "/fault/head-blank?",
        "/fault/status-line?",
        "/fault/http09?",
        "/fault/http10?",
        "/fault/http10?with=chunked",
        "/fault/head-drip?rate=10000",
        "/fault/head-large?size=100",
        "/fault/head-many?n=3",
        "/fault/head-bare-lf?",
        "/fault/head-fold?what=length",
        "/fault/head-unusual?",
        "/fault/no-close-notify?",
        "/fault/no-close-notify?framed=chunked",
    ] {
        let mut client = Client::to(server.addr());
        let head =
            format!("HEAD {target}&of=70000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (bytes, left) = client.send(head.as_bytes()).rest();
        assert_eq!(left, Left::Closed, "{target}");
        let ends = [b"\r\n\r\n".as_slice(), b"\n\n"];
        let ended = ends.iter().any(|end| bytes.ends_with(end));
        assert!(ended || bytes.is_empty() && target.contains("http09"), "{target}");
        assert_eq!(last(&server).body_sent, 0, "{target}");
    }
}

#[test]
fn no_parameter_is_too_large() {
    let server = local();
    let most = 1_u64 << 40;
    for target in [
        format!("/fault/http10?of={most}"),
        format!("/fault/http10?with=chunked&of={most}"),
        format!("/fault/http09?of={most}"),
        format!("/fault/head-fold?what=length&of={most}"),
        format!("/fault/head-nul?in=length&of={most}"),
        format!("/fault/head-blank?n={most}"),
        format!("/fault/head-drip?rate={most}&of={most}"),
        format!("/interim?n={most}&of={most}"),
        format!("/fault/no-close-notify?of={most}"),
        format!("/fault/no-close-notify?framed=chunked&of={most}"),
    ] {
        let mut client = Client::to(server.addr());
        client.ask(&target);
        let mut bytes = vec![0; 1 << 20];
        client.0.read_exact(&mut bytes).unwrap();
        drop(client);
        assert_eq!(last(&server).end, End::Close, "{target}");
    }
}

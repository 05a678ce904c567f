//! HTTP/2 as it should be: over TLS and without, streams side by side, windows, and the client's errors.

use std::time::{Duration, Instant};

use hoist_rehearsal::tls::{Authority, Certificate};
use hoist_rehearsal::{End, HttpRehearsal, Running};

use crate::client::{Client, LONG, Left, body, get, last, local, spawn};
use crate::frames::{
    CONTINUATION, DATA, GOAWAY, HEADERS, PING, RST, SETTINGS, Two, WINDOW, block, frame, literal,
    server, settings,
};

#[test]
fn an_answer_is_a_head_and_data() {
    let server = server();
    let mut two = Two::to(&server);
    let greeting = two.next().unwrap();
    assert_eq!((greeting.kind, greeting.flags, greeting.stream), (SETTINGS, 0, 0));
    let id = two.ask("/bytes/20000");
    let ack = two.next().unwrap();
    assert_eq!((ack.kind, ack.flags, ack.payload.len()), (SETTINGS, 1, 0));
    let head = two.next().unwrap();
    assert_eq!((head.kind, head.flags, head.stream), (HEADERS, 4, id));
    let data = [two.next().unwrap(), two.next().unwrap()];
    assert_eq!(data.each_ref().map(|frame| (frame.kind, frame.flags)), [(DATA, 0), (DATA, 1)]);
    assert_eq!(data[0].payload.len(), 16_384, "the longest that everybody takes");
    assert_eq!(data.map(|frame| frame.payload).concat(), body(20_000));
    let record = last(&server);
    assert_eq!((record.http, record.stream, record.rst_stream), (Some(2), Some(1), None));
    assert_eq!((record.host.as_str(), record.path.as_str()), ("localhost", "/bytes/20000"));
    assert_eq!(
        (record.status, record.body_promised, record.body_sent),
        (Some(200), Some(20_000), 20_000)
    );
    assert_eq!((record.decision, record.end, record.conn), ("bytes", End::Keep, 1));
}

#[test]
fn what_is_not_about_bytes_is_the_same() {
    let server = server();
    let mut two = Two::to(&server);
    let mut reply = |target: &str| {
        let id = two.ask(target);
        two.answer(id)
    };
    let flag = reply("/flags/fr/fr.gif");
    assert_eq!(flag.body, get(&server, "/flags/fr/fr.gif").body);
    assert_eq!(flag.field("content-type"), Some("image/gif"));
    assert_eq!(reply("/nowhere").status(), Some("404"));
    let busy = reply("/status/503?retry-after=2");
    assert_eq!((busy.status(), busy.field("retry-after")), (Some("503"), Some("2")));
    assert_eq!(reply("/redirect/to?url=/x").field("location"), Some("/x"));
    assert_eq!(reply("/fault/short?of=x").status(), Some("400"));
    assert_eq!(reply("/status/204").body, b"");
    assert_eq!(reply("/bytes/0").body, b"");
    assert_eq!(reply("/drip?rate=10000&of=100").body, body(100));
    let id = two.ask_with(&block("HEAD", "/bytes/1000"));
    let reply = two.answer(id);
    assert_eq!((reply.field("content-length"), reply.body.len()), (Some("1000"), 0));
    let id = two.ask_with(&block("POST", "/bytes/1000"));
    let reply = two.answer(id);
    assert_eq!((reply.status(), reply.field("allow")), (Some("405"), Some("GET, HEAD")));
    assert!(reply.field("connection").is_none());
}

#[test]
fn what_is_about_the_bytes_of_http_1_1_needs_it() {
    let server = server();
    let mut two = Two::to(&server);
    for target in
        ["/fault/short", "/chunked", "/fault/garbage", "/interim", "/unframed", "/fault/stale"]
    {
        let id = two.ask(target);
        let reply = two.answer(id);
        assert_eq!((reply.reset, reply.status()), (Some(13), None), "{target}");
        assert_eq!((last(&server).rst_stream, last(&server).end), (Some(13), End::Keep));
    }
    let id = two.ask("/bytes/3");
    assert_eq!(two.answer(id).body, body(3), "the connection goes on");
}

#[test]
fn streams_do_not_wait_for_each_other() {
    let server = server();
    let mut two = Two::to(&server);
    let began = Instant::now();
    let slow: Vec<_> = (0..50).map(|n| two.ask(&format!("/slow?delay=0.3&x={n}"))).collect();
    let quick = two.ask("/bytes/7");
    assert_eq!(two.answer(quick).body, body(7));
    let (mut ends, mut bytes) = (Vec::new(), 0);
    while ends.len() < slow.len() {
        let frame = two.next().unwrap();
        if frame.kind == DATA {
            bytes += frame.payload.len();
            ends.extend((frame.flags == 1).then_some(frame.stream));
        }
    }
    assert!(began.elapsed() < LONG / 3, "one after the other takes 15 s");
    ends.sort_unstable();
    assert_eq!((ends, bytes), (slow, 50_000));
    assert_eq!(server.stats().max_in_flight, 51);
}

#[test]
fn one_stream_too_many_is_refused() {
    let server = server();
    let mut two = Two::to(&server);
    for _ in 0..100 {
        two.ask("/fault/silent");
    }
    let refused = two.ask("/bytes/7");
    assert_eq!(two.answer(refused).reset, Some(7));
    two.send(&frame(RST, 0, 1, &[0, 0, 0, 8]));
    // Which is seen a moment later.
    let until = Instant::now() + LONG;
    let reply = loop {
        let again = two.ask("/bytes/7");
        let reply = two.answer(again);
        if reply.reset.is_none() || Instant::now() > until {
            break reply;
        }
    };
    assert_eq!(reply.body, body(7));
}

#[test]
fn windows_are_kept_to_the_byte() {
    let server = server();
    let mut two = Two::greet(&server, &[(4, 10)]);
    let id = two.ask("/bytes/100");
    let data = |frames: Vec<crate::frames::Frame>| {
        let data = frames.into_iter().filter(|frame| frame.kind == DATA);
        data.map(|frame| frame.payload).collect::<Vec<_>>().concat()
    };
    let mut seen = data(two.soon().0);
    assert_eq!(seen, body(10), "the stream's window is full");
    two.send(&frame(WINDOW, 0, id, &25_u32.to_be_bytes()));
    seen.extend(data(two.soon().0));
    assert_eq!(seen, body(35));
    two.send(&settings(&[(4, 30)]));
    seen.extend(data(two.soon().0));
    assert_eq!(seen, body(55), "streams that are open grow with the setting");
    two.send(&settings(&[(4, 0)])).send(&frame(WINDOW, 0, id, &30_u32.to_be_bytes()));
    assert_eq!(data(two.soon().0), b"", "a window may be below nothing");
    two.send(&frame(WINDOW, 0, id, &100_u32.to_be_bytes()));
    seen.extend(data(two.soon().0));
    assert_eq!(seen, body(100));
    assert_eq!(last(&server).body_sent, 100);

    let mut two = Two::greet(&server, &[(4, 1 << 20), (5, 1 << 20)]);
    two.ask("/bytes/70000");
    let first = data(two.soon().0);
    assert_eq!(first.len(), 65_535, "the connection's window is full");
    two.send(&frame(WINDOW, 0, 0, &10_000_u32.to_be_bytes()));
    assert_eq!([first, data(two.soon().0)].concat(), body(70_000));
}

#[test]
fn pings_bodies_and_resets_of_the_client() {
    let server = server();
    let mut two = Two::to(&server);
    two.next().unwrap();
    two.next().unwrap();
    two.send(&frame(PING, 0, 0, b"12345678"));
    let pong = two.next().unwrap();
    assert_eq!((pong.kind, pong.flags, &pong.payload[..]), (PING, 1, &b"12345678"[..]));
    let begun = two.ask("/fault/silent");
    read_one(&server);
    two.send(&frame(RST, 0, begun, &[0, 0, 0, 8]));
    assert!(server.settle(LONG));
    let record = last(&server);
    assert_eq!((record.decision, record.end, record.rst_stream), ("silent", End::Keep, None));
    // A request's body is read and ignored, and room is made for more.
    two.send(&frame(HEADERS, 4, 99, &block("POST", "/x")));
    two.send(&frame(DATA, 1, 99, &[7; 1000]));
    let frames = [two.next().unwrap(), two.next().unwrap(), two.next().unwrap()];
    assert!(frames.iter().any(|f| f.kind == WINDOW && f.number(0) == 1000), "{frames:?}");
}

#[test]
fn what_a_client_does_wrong_ends_the_connection_or_the_stream() {
    let server = server();
    for (bytes, code) in [
        (frame(PING, 0, 0, b"seven b"), 6),
        (frame(DATA, 0, 1, b""), 1),
        (frame(HEADERS, 4, 1, b"\x80"), 9),
        (settings(&[(4, 1 << 31)]), 3),
        (frame(CONTINUATION, 4, 1, b""), 1),
        (frame(WINDOW, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), 3),
        ([0, 0x40, 1, 0, 0, 0, 0, 0, 1].to_vec(), 6),
    ] {
        let mut two = Two::to(&server);
        let (frames, left) = two.send(&bytes).rest();
        let goaway = frames.last().unwrap();
        assert_eq!(
            (goaway.kind, goaway.number(4), left),
            (GOAWAY, code, Left::Closed),
            "{bytes:?}"
        );
    }
    let mut two = Two::to(&server);
    for spoilt in [
        [block("GET", "/"), literal("connection", "close")].concat(),
        [block("GET", "/"), literal("Upper", "1")].concat(),
        [block("GET", "/ x")].concat(),
        literal(":method", "GET"),
    ] {
        let id = two.ask_with(&spoilt);
        assert_eq!(two.answer(id).reset, Some(1), "malformed");
        assert_eq!(last(&server).decision, "refused");
    }
    let id = two.ask("/bytes/3");
    assert_eq!(two.answer(id).body, body(3));
}

#[test]
fn it_is_spoken_where_it_is_agreed_on_and_nowhere_else() {
    let authority = Authority::new().unwrap();
    let tls = || Some(authority.identity(Certificate::Good).unwrap());
    let with = |http2| spawn(HttpRehearsal { tls: tls(), http2, ..HttpRehearsal::local() });
    let (new, old) = (with(true), with(false));
    let mut stream = crate::tls::connect_with(&new, &authority, &["h2", "http/1.1"]);
    let mut two = Two::over(&mut stream, &[]);
    let id = two.ask("/bytes/70");
    assert_eq!(two.answer(id).body, body(70));
    drop(two);
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    for (server, protocols) in [(&new, &["http/1.1"][..]), (&new, &[]), (&old, &["http/1.1"])] {
        let mut stream = crate::tls::connect_with(server, &authority, protocols);
        let (bytes, error) = crate::tls::ask(&mut stream, "/fault/h2-rst?of=70");
        assert!(bytes.ends_with(&body(70)) && error.is_none(), "{protocols:?}");
        assert_eq!((last(server).http, last(server).stream), (Some(1), None));
    }
    // Without being asked to, the server takes the preface for a request that is wrong.
    let plain = local();
    let (bytes, left) = Client::to(plain.addr()).send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").rest();
    assert!(bytes.starts_with(b"HTTP/1.1 400 "), "{bytes:?}");
    assert_eq!(left, Left::Closed);
    // And one that is asked to speaks HTTP/1.1 to others.
    assert_eq!(get(&server(), "/bytes/3").body, body(3));
}

#[test]
fn connections_end_as_they_are_asked_to() {
    let server = server();
    let mut two = Two::to(&server);
    let other = two.ask("/fault/silent");
    let id = two.ask("/fault/close?after=100");
    let (frames, left) = two.rest();
    let sent: usize = frames.iter().filter(|f| f.kind == DATA).map(|f| f.payload.len()).sum();
    assert_eq!((sent, left), (100, Left::Closed));
    assert!(frames.iter().all(|f| f.flags & 1 == 0 && f.stream == id && f.stream != other));
    assert!(server.settle(LONG));
    assert!(server.truth().http().iter().all(|record| record.end == End::Close));
    let mut two = Two::to(&server);
    two.ask("/fault/reset?after=100");
    assert_eq!(two.rest().1, Left::Reset);
    assert!(server.settle(LONG));
    assert_eq!(server.truth().http().pop().unwrap().end, End::Reset);
    let mut two = Two::to(&server);
    let id = two.ask("/status/408");
    assert_eq!(two.answer(id).status(), Some("408"));
    let (frames, left) = two.rest();
    assert_eq!((frames[0].kind, frames[0].number(0), left), (GOAWAY, id, Left::Closed));
}

#[test]
fn a_delay_ends_when_the_client_leaves() {
    let server = server();
    let mut two = Two::to(&server);
    two.ask("/slow?delay=5m");
    read_one(&server);
    drop(two);
    assert!(server.settle(LONG));
    assert_eq!((last(&server).status, last(&server).end), (None, End::Close));
}

/// Waits until a request has been read.
fn read_one(server: &Running) {
    let until = Instant::now() + LONG;
    while server.stats().requests == 0 && Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

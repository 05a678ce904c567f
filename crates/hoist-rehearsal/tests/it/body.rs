//! Where bodies end: each fault of the family on the wire, byte for byte.

use hoist_rehearsal::End;

use crate::client::{Answer, Client, LONG, Left, all, body, get, last, local};

#[test]
fn closing_and_resetting_after_so_many_bytes() {
    let server = local();
    for (fault, end) in [("close", Left::Closed), ("reset", Left::Reset)] {
        let (bytes, left) = all(&server, &format!("/fault/{fault}"));
        assert_eq!((bytes.len(), &left), (0, &end), "{fault} before any byte");
        assert_eq!((last(&server).decision, last(&server).status), (fault, None));

        let (bytes, left) = all(&server, &format!("/fault/{fault}?after=500"));
        assert_eq!(left, end);
        // A reset may overtake what was sent before it.
        if end == Left::Closed || !bytes.is_empty() {
            let answer = Answer::split(&bytes);
            let promised: usize = answer.header("Content-Length").unwrap().parse().unwrap();
            assert!(promised > 500, "{fault}: never looks whole");
            assert_eq!(answer.header("Connection"), None, "it looks like any answer");
            assert!(body(500).starts_with(&answer.body), "{fault}");
        }
        let record = last(&server);
        assert_eq!((record.decision, record.body_sent), (fault, 500));
        assert_eq!(record.end, if end == Left::Reset { End::Reset } else { End::Close });
    }
}

#[test]
fn a_reset_after_the_last_byte() {
    let server = local();
    let mut client = Client::to(server.addr());
    let answer = client.ask("/fault/reset-at-end?of=700").answer();
    assert_eq!(answer.body, body(700));
    assert_eq!(client.rest(), (Vec::new(), Left::Reset));
    assert_eq!(last(&server).end, End::Reset);
}

#[test]
fn lengths_of_any_text() {
    let server = local();
    for is in ["-5", "many", "99999999999999999999999", "1000, 999"] {
        let target = format!("/fault/length-value?of=10&is={}", is.replace(' ', "%20"));
        let (bytes, left) = all(&server, &target);
        let answer = Answer::split(&bytes);
        assert_eq!((answer.header("Content-Length"), left), (Some(is), Left::Closed));
        assert_eq!(answer.body, body(10));
    }
    assert_eq!(last(&server).decision, "length-value");
    let answer = get(&server, "/fault/length-value?is=1%0d%0aX:y");
    assert_eq!(answer.line, "HTTP/1.1 400 Bad Request");
}

#[test]
fn chunk_sizes_of_any_text() {
    let server = local();
    let (bytes, left) = all(&server, "/fault/chunk-size?of=3&is=zz");
    let answer = Answer::split(&bytes);
    assert_eq!((answer.header("Transfer-Encoding"), left), (Some("chunked"), Left::Closed));
    assert_eq!(answer.body, [b"zz\r\n", body(3).as_slice(), b"\r\n0\r\n\r\n"].concat());
    assert_eq!(last(&server).decision, "chunk-size");
}

#[test]
fn chunks_with_extensions_and_trailers() {
    let server = local();
    let asked = |target: &str| {
        let mut client = Client::to(server.addr());
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        client.send(head.as_bytes());
        Answer::split(&client.rest().0)
    };
    let b = body(3);
    let extended = asked("/chunked?of=3&with=extension");
    let chunk = |i: usize| [b"1;name=value\r\n", &b[i..=i], b"\r\n"].concat();
    assert_eq!(extended.body, [&chunk(0), &chunk(1), &chunk(2), b"0\r\n\r\n".as_slice()].concat());
    let trailed = asked("/chunked?of=1&with=trailer");
    assert_eq!(trailed.header("Trailer"), Some("X-Trailer"));
    assert_eq!(trailed.body, [b"1\r\n", &b[..1], b"\r\n0\r\nX-Trailer: here\r\n\r\n"].concat());
}

#[test]
fn an_unframed_body_may_end_in_a_reset() {
    let server = local();
    let (bytes, left) = all(&server, "/unframed?of=300&end=reset");
    assert_eq!(left, Left::Reset);
    assert_eq!(Answer::split(&bytes).body, body(300), "and all of it came before");
    assert_eq!(last(&server).end, End::Reset);
}

#[test]
fn an_endless_body_goes_on_until_the_client_leaves() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.ask("/fault/endless?rate=1000000");
    let mut bytes = vec![0; 300_000];
    std::io::Read::read_exact(&mut client.0, &mut bytes).unwrap();
    let answer = Answer::split(&bytes);
    assert_eq!(answer.header("Transfer-Encoding"), Some("chunked"));
    drop(client);
    assert!(server.settle(LONG), "then it ends");
    let record = last(&server);
    assert_eq!((record.decision, record.body_promised), ("endless", None));
    assert!(record.body_sent >= 290_000, "{record:?}");
}

#[test]
fn heads_alone_are_sent_to_head_requests() {
    let server = local();
    for target in [
        "/bytes/70000",
        "/fault/short",
        "/fault/long",
        "/chunked",
        "/chunked?with=trailer",
        "/unframed",
        "/fault/endless",
        "/fault/reset-at-end",
        "/fault/length-and-chunked",
        "/fault/lengths",
        "/drip",
        "/fault/slow-error",
    ] {
        let mut client = Client::to(server.addr());
        let head = format!("HEAD {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (bytes, _) = client.send(head.as_bytes()).rest();
        assert!(bytes.ends_with(b"\r\n\r\n"), "{target}");
        assert_eq!(last(&server).body_sent, 0, "{target}");
    }
}

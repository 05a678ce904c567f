//! The faults of HTTP/2, frame by frame as a client sees them.

use hoist_rehearsal::{End, Family, HttpRehearsal, Scenario, catalogue};

use crate::client::{LONG, Left, body, get, last, spawn};
use crate::frames::{
    CONTINUATION, DATA, Frame, GOAWAY, HEADERS, PING, PRIORITY, PUSH, RST, SETTINGS, Two, WINDOW,
    fields, frame, server,
};

/// What comes of a request on a connection of its own, until it ends or is quiet.
fn seen(target: &str) -> (Vec<Frame>, Left) {
    let server = server();
    let mut two = Two::to(&server);
    two.ask(target);
    two.soon()
}

/// The kinds of frames, with their flags and streams.
fn kinds(frames: &[Frame]) -> Vec<(u8, u8, u32)> {
    frames.iter().map(|frame| (frame.kind, frame.flags, frame.stream)).collect()
}

fn data(frames: &[Frame]) -> Vec<u8> {
    let data = frames.iter().filter(|frame| frame.kind == DATA);
    data.flat_map(|frame| frame.payload.clone()).collect()
}

const HEAD: (u8, u8, u32) = (HEADERS, 4, 1);

#[test]
fn over_http_1_1_nothing_is_wrong_with_any() {
    let server = server();
    let mut n = 0;
    for (_, about) in catalogue().filter(|(family, _)| *family == Family::Http2) {
        if ["h2-alpn-lie", "h2-no-settings", "h2-no-ack", "h2-goaway-first", "h2-max-streams"]
            .contains(&about.name)
        {
            continue;
        }
        let answer = get(&server, &format!("/fault/{}", about.name));
        assert_eq!(answer.line, "HTTP/1.1 200 OK", "{}", about.name);
        let length = if about.name == "h2-window" { 3_000_000 } else { 1000 };
        assert_eq!(answer.body, body(length), "{}", about.name);
        assert_eq!(last(&server).decision, about.name);
        n += 1;
    }
    assert!(n > 20, "{n}");
    assert_eq!(get(&server, "/fault/h2-close?to=/x").header("Location"), Some("/x"));
}

#[test]
fn goaway() {
    let goaway = |last: u32, code: u32| (last, code);
    let of = |frames: &[Frame]| -> Vec<(u32, u32)> {
        let all = frames.iter().filter(|frame| frame.kind == GOAWAY);
        all.map(|frame| (frame.number(0), frame.number(4))).collect()
    };
    let top = (1 << 31) - 1;
    for (how, kinds_of, said, whole, left) in [
        ("before", vec![GOAWAY, HEADERS, DATA], vec![goaway(1, 0)], true, Left::Open),
        (
            "shutdown",
            vec![GOAWAY, PING, HEADERS, DATA, GOAWAY],
            vec![goaway(top, 0), goaway(1, 0)],
            true,
            Left::Open,
        ),
        ("after", vec![HEADERS, DATA, GOAWAY], vec![goaway(1, 0)], true, Left::Open),
        ("amid", vec![HEADERS, DATA, GOAWAY, DATA], vec![goaway(1, 0)], true, Left::Open),
        ("error", vec![HEADERS, DATA, GOAWAY], vec![goaway(1, 2)], false, Left::Closed),
    ] {
        let (frames, ended) = seen(&format!("/fault/h2-goaway?how={how}"));
        assert_eq!(frames.iter().map(|f| f.kind).collect::<Vec<_>>(), kinds_of, "{how}");
        assert_eq!((of(&frames), ended), (said, left), "{how}");
        assert_eq!(data(&frames), body(if whole { 1000 } else { 500 }), "{how}");
        let ends = frames.iter().any(|frame| frame.kind == DATA && frame.flags == 1);
        assert_eq!(ends, whole, "{how}");
    }
    let server = server();
    let (frames, left) = {
        let mut two = Two::to(&server);
        two.ask("/fault/h2-unprocessed");
        two.rest()
    };
    assert_eq!((kinds(&frames), left), (vec![(GOAWAY, 0, 0)], Left::Closed));
    assert_eq!(frames[0].payload, [0; 8], "nothing was processed");
    let mut two = Two::to(&server);
    let id = two.ask("/fault/h2-unprocessed");
    assert_eq!(two.answer(id).body, body(1000), "the second time");
}

#[test]
fn streams_that_are_reset() {
    let server = server();
    let mut two = Two::to(&server);
    for (target, code, bytes, status) in [
        ("h2-rst?code=cancel", 8, 0, None),
        ("h2-rst?code=no-error&after=0", 0, 0, Some("200")),
        ("h2-rst?code=internal-error&after=500", 2, 500, Some("200")),
        ("h2-rst?code=57005&after=1000&length=no", 0xdead, 1000, Some("200")),
        ("h2-refused", 7, 0, None),
        ("h2-needs-http11", 13, 0, None),
    ] {
        let id = two.ask(&format!("/fault/{target}"));
        let reply = two.answer(id);
        assert_eq!((reply.reset, reply.status()), (Some(code), status), "{target}");
        assert_eq!(reply.body, body(bytes), "{target}");
        let record = last(&server);
        assert_eq!((record.rst_stream, record.end), (Some(code), End::Keep), "{target}");
        assert_eq!(record.body_sent, bytes as u64);
    }
    let id = two.ask("/fault/h2-refused");
    assert_eq!(two.answer(id).body, body(1000), "the second time");
    let (frames, _) = seen("/fault/h2-rst-at-end");
    assert_eq!(kinds(&frames), [HEAD, (DATA, 1, 1), (RST, 0, 1)]);
    let (frames, left) = seen("/fault/h2-close");
    assert_eq!((kinds(&frames), left), (vec![HEAD, (DATA, 1, 1)], Left::Closed));
    let (frames, left) = seen("/fault/h2-close?to=/x");
    assert_eq!((kinds(&frames), left), (vec![(HEADERS, 5, 1)], Left::Closed));
}

#[test]
fn lengths_and_ends() {
    let (frames, left) = seen("/fault/h2-length?says=999");
    assert_eq!((data(&frames), left), (body(1000), Left::Open));
    assert!(fields(&frames[0].payload).contains(&("content-length".into(), "999".into())));
    assert_eq!(frames.last().unwrap().flags, 1);
    let (frames, _) = seen("/fault/h2-length?says=1000&with=no-body");
    assert_eq!(kinds(&frames), [(HEADERS, 5, 1)]);
    for (query, sent, left) in [
        ("after=500", 500, Left::Closed),
        ("after=1000&length=no", 1000, Left::Closed),
        ("after=0&end=reset", 0, Left::Reset),
    ] {
        let (frames, ended) = seen(&format!("/fault/h2-cut?{query}"));
        assert_eq!((data(&frames), ended), (body(sent), left), "{query}");
        assert!(frames.iter().all(|frame| frame.flags & 1 == 0), "{query}");
        let length = fields(&frames[0].payload).iter().any(|(name, _)| name == "content-length");
        assert_eq!(length, !query.contains("length=no"));
    }
    let (frames, left) = seen("/fault/h2-cut?end=goaway");
    assert_eq!(kinds(&frames)[2..], [(GOAWAY, 0, 0)]);
    assert_eq!(left, Left::Closed);
    let (frames, _) = seen("/fault/h2-after-end");
    assert_eq!(kinds(&frames), [HEAD, (DATA, 1, 1), (DATA, 1, 1)]);
    assert_eq!(data(&frames), body(1100));
}

#[test]
fn a_connection_that_freezes() {
    let server = server();
    let mut two = Two::to(&server);
    two.ask("/fault/h2-freeze?after=10");
    assert_eq!(data(&two.soon().0), body(10));
    two.send(&frame(PING, 0, 0, b"12345678"));
    two.ask("/bytes/1");
    assert_eq!(two.soon(), (vec![], Left::Open));
    drop(two);
    assert!(server.settle(LONG));
}

#[test]
fn windows_and_frames_that_are_too_small() {
    let server = server();
    let mut two = Two::greet(&server, &[(4, 10)]);
    two.ask("/fault/h2-window?of=200000");
    let (frames, _) = two.soon();
    assert_eq!(data(&frames), body(200_000), "whatever the windows are");
    let (frames, _) = seen("/fault/h2-frame-size?of=20000");
    let lengths: Vec<_> =
        frames.iter().filter(|f| f.kind == DATA).map(|frame| frame.payload.len()).collect();
    assert_eq!((lengths, data(&frames)), (vec![16_385, 3615, 0], body(20_000)));
    let mut two = Two::greet(&server, &[(5, 17_000)]);
    two.ask("/fault/h2-frame-size?of=20000&by=2");
    assert_eq!(two.soon().0[1].payload.len(), 17_002, "of what this client takes");
}

#[test]
fn what_is_unusual_and_right() {
    for (with, like) in [
        ("unknown-frames", (0xfa, 0xff, 0)),
        ("undefined-flags", (DATA, 0xd6, 1)),
        ("reserved-bit", (HEADERS, 4, (1 << 31) | 1)),
        ("padding", (DATA, 8, 1)),
        ("padded-head", (HEADERS, 12, 1)),
        ("priority", (PRIORITY, 0, 1)),
        ("empty-data", (DATA, 0, 1)),
        ("tiny-data", (DATA, 0, 1)),
        ("pieces", (CONTINUATION, 4, 1)),
        ("extensions", (0xa, 0, 1)),
        ("pings", (PING, 0, 0)),
        ("windows", (WINDOW, 0, 1)),
    ] {
        let (frames, left) = seen(&format!("/fault/h2-unusual?with={with}"));
        assert!(kinds(&frames).contains(&like), "{with}: {:?}", kinds(&frames));
        let end = frames.iter().rfind(|frame| frame.stream == 1).unwrap();
        assert_eq!((end.kind, end.flags & 1, left), (DATA, 1, Left::Open), "{with}");
        let unpadded: Vec<u8> = frames
            .iter()
            .filter(|frame| frame.kind == DATA)
            .flat_map(|frame| match frame.flags & 8 {
                0 => frame.payload.clone(),
                _ => frame.payload[1..frame.payload.len() - usize::from(frame.payload[0])].to_vec(),
            })
            .collect();
        assert_eq!(unpadded, body(1000), "{with}");
    }
    let (frames, _) = seen("/fault/h2-unusual?with=tiny-data");
    assert_eq!(frames.iter().filter(|frame| frame.kind == DATA).count(), 1001);
    for (is, pair) in [("push", [0, 2, 0, 0, 0, 1]), ("no-streams", [0, 3, 0, 0, 0, 0])] {
        let (frames, _) = seen(&format!("/fault/h2-setting?is={is}"));
        assert_eq!((frames[0].kind, &frames[0].payload[..]), (SETTINGS, &pair[..]));
        assert_eq!(data(&frames), body(1000));
    }
}

#[test]
fn fields_that_no_message_has() {
    let head = |target: &str| {
        let (frames, _) = seen(target);
        (fields(&frames[0].payload), data(&frames))
    };
    for (is, name, value) in [
        ("uppercase", "X-Upper", "1"),
        ("connection", "connection", "close"),
        ("transfer-encoding", "transfer-encoding", "chunked"),
        ("line-feed", "x", "a\nb: c"),
        ("no-name", "", "1"),
    ] {
        let (fields, sent) = head(&format!("/fault/h2-field?is={is}"));
        assert_eq!(fields.last().unwrap(), &(name.to_owned(), value.to_owned()));
        assert_eq!((fields[0].0.as_str(), sent), (":status", body(1000)), "{is}");
    }
    let names = |is: &str| -> Vec<String> {
        let (fields, sent) = head(&format!("/fault/h2-pseudo?is={is}"));
        assert_eq!(sent, body(1000), "{is}");
        fields.into_iter().filter(|(name, _)| name.starts_with(':')).map(|(name, _)| name).collect()
    };
    assert_eq!(names("missing"), [""; 0]);
    assert_eq!(names("twice"), [":status", ":status"]);
    assert_eq!(names("unknown"), [":status", ":fault"]);
    assert_eq!(head("/fault/h2-pseudo?is=late").0.last().unwrap().0, ":status");
    assert_eq!(head("/fault/h2-pseudo?is=four").0[0].1, "2000");

    let (frames, _) = seen("/fault/h2-interim?n=2&is=101");
    assert_eq!(kinds(&frames), [HEAD, HEAD, HEAD, (DATA, 1, 1)]);
    assert_eq!(fields(&frames[0].payload)[0].1, "101");
    let (frames, _) = seen("/fault/h2-interim?end=yes");
    assert_eq!(kinds(&frames)[..2], [(HEADERS, 5, 1), HEAD]);
    let (frames, _) = seen("/fault/h2-trailers?are=pseudo");
    assert_eq!(kinds(&frames), [HEAD, (DATA, 0, 1), (HEADERS, 5, 1)]);
    assert_eq!(fields(&frames[2].payload), [(":status".to_owned(), "200".to_owned())]);
    let (frames, _) = seen("/fault/h2-trailers?are=unended");
    assert_eq!(kinds(&frames), [HEAD, (DATA, 0, 1), HEAD, (DATA, 1, 1)]);
    let (frames, _) = seen("/fault/h2-head-size?bytes=65536");
    let size: usize = frames.iter().filter(|f| f.kind != DATA).map(|f| f.payload.len()).sum();
    assert!((65_000..70_000).contains(&size), "{size}");
    assert_eq!(kinds(&frames)[..2], [(HEADERS, 0, 1), (CONTINUATION, 0, 1)]);
}

#[test]
fn blocks_that_mean_nothing() {
    for (is, tail) in [
        ("index", &[0xff, 0x81, 0xff, 0xff, 0x3f][..]),
        ("index-zero", &[0x80]),
        ("late-size", &[0x20]),
        ("huffman", &[0x81, 0x18]),
        ("eos", &[0x84, 0xff, 0xff, 0xff, 0xff]),
        ("cut", b"\x64ten bytes."),
    ] {
        let (frames, _) = seen(&format!("/fault/h2-hpack?is={is}"));
        assert!(frames[0].payload.ends_with(tail), "{is}: {:?}", frames[0].payload);
        assert_eq!((kinds(&frames)[0], data(&frames)), (HEAD, body(1000)), "{is}");
    }
    let (frames, _) = seen("/fault/h2-hpack?is=table-size");
    assert_eq!(frames[0].payload[..6], [0x3f, 0xe0, 0xff, 0xff, 0xff, 0x07]);
}

#[test]
fn frames_that_break_the_protocol() {
    for (which, first, length) in [
        ("ping-size", (PING, 0, 0), 7),
        ("ping-stream", (PING, 0, 1), 8),
        ("settings-size", (SETTINGS, 0, 0), 5),
        ("settings-stream", (SETTINGS, 0, 1), 6),
        ("rst-size", (RST, 0, 1), 3),
        ("rst-idle", (RST, 0, 1001), 4),
        ("window-size", (WINDOW, 0, 0), 3),
        ("window-zero", (WINDOW, 0, 0), 4),
        ("window-top", (WINDOW, 0, 0), 4),
        ("window-idle", (WINDOW, 0, 1001), 4),
        ("goaway-size", (GOAWAY, 0, 0), 5),
        ("data-zero", (DATA, 0, 0), 8),
        ("data-idle", (DATA, 0, 1001), 8),
        ("data-first", (DATA, 0, 1), 1000),
        ("headers-zero", (HEADERS, 4, 0), 19),
        ("headers-idle", (HEADERS, 4, 1001), 19),
        ("headers-even", (HEADERS, 4, 2), 19),
        ("continuation-alone", (CONTINUATION, 4, 1), 19),
        ("push", (PUSH, 4, 1), 18),
    ] {
        let (frames, left) = seen(&format!("/fault/h2-broken?frame={which}"));
        assert_eq!((kinds(&frames)[0], frames[0].payload.len()), (first, length), "{which}");
        let own = frames.iter().skip(1).filter(|frame| frame.stream == 1);
        let own: Vec<_> = own.cloned().collect();
        assert_eq!((data(&own), left), (body(1000), Left::Open), "{which}");
    }
    let (frames, _) = seen("/fault/h2-broken?frame=unfinished");
    assert_eq!(kinds(&frames)[..2], [(HEADERS, 0, 1), (DATA, 1, 1)]);
    let (frames, _) = seen("/fault/h2-broken?frame=other-continuation");
    assert_eq!(kinds(&frames)[..2], [(HEADERS, 0, 1), (CONTINUATION, 4, 3)]);
    let (frames, _) = seen("/fault/h2-broken?frame=padding");
    assert_eq!((kinds(&frames)[1], &frames[1].payload[..]), ((DATA, 8, 1), &[200, 0, 0, 0][..]));
}

#[test]
fn floods_are_as_long_as_they_say() {
    for (target, kind, n) in [
        ("h2-ping?n=1234", PING, 1234),
        ("h2-settings?n=1234", SETTINGS, 1234),
        ("h2-noise?n=50", 0xfa, 50),
        ("h2-noise?n=50&is=window", WINDOW, 50),
        ("h2-empty?n=50", DATA, 53),
    ] {
        let server = server();
        let mut two = Two::to(&server);
        two.ask(&format!("/fault/{target}"));
        let (mut count, mut greetings) = (0, 0);
        let mut sent = Vec::new();
        loop {
            let frame = two.next().unwrap();
            // The greeting looks like one of the flood, and so does the ACK of ours.
            if frame.kind == SETTINGS && (frame.flags == 1 || greetings == 0) {
                greetings += u32::from(frame.flags == 0);
                continue;
            }
            count += u32::from(frame.kind == kind);
            if frame.kind == DATA {
                sent.extend_from_slice(&frame.payload);
                if frame.flags == 1 {
                    break;
                }
            }
        }
        assert_eq!((count, sent), (n, body(1000)), "{target}");
    }
}

/// Nobody can be made to send, or to keep, more than a bound.
#[test]
fn a_head_without_end_has_one() {
    let server = server();
    let mut two = Two::to(&server);
    two.ask("/fault/h2-continuation");
    let (mut frames, mut bytes) = (0, 0);
    loop {
        match two.next() {
            Ok(frame) if frame.kind == CONTINUATION => {
                assert_eq!((frame.flags, frame.payload.len()), (0, 16_384));
                (frames, bytes) = (frames + 1, bytes + frame.payload.len());
                if bytes > 60 << 20 {
                    break;
                }
            }
            Ok(frame) => assert!(frame.kind == SETTINGS || frame.kind == HEADERS),
            Err(left) => panic!("{left:?} after {frames}"),
        }
    }
    let (rest, left) = two.soon();
    let more: usize = rest.iter().map(|frame| frame.payload.len()).sum();
    assert_eq!(left, Left::Open, "then nothing");
    assert!(bytes + more <= 64 << 20);
    drop(two);
    assert!(server.settle(LONG));
}

fn meeting(fault: &str) -> hoist_rehearsal::Running {
    let scenario = Scenario::default().meeting(fault).unwrap();
    spawn(HttpRehearsal { scenario, http2: true, ..HttpRehearsal::local() })
}

#[test]
fn beginnings_that_are_wrong() {
    let server = meeting("h2-no-settings");
    let mut two = Two::to(&server);
    assert_eq!(two.next().unwrap().kind, PING);
    let id = two.ask("/bytes/3");
    assert_eq!(two.answer(id).body, body(3));
    let met = &server.truth().http()[0];
    assert_eq!((met.decision, met.http, met.end), ("h2-no-settings", Some(2), End::Keep));
    assert_eq!(get(&server, "/bytes/3").body, body(3), "HTTP/1.1 does not meet it");
    assert!(server.settle(LONG));
    assert_eq!(server.truth().http().len(), 3);

    let server = meeting("h2-no-ack");
    let mut two = Two::to(&server);
    let id = two.ask("/bytes/3");
    assert_eq!(two.answer(id).body, body(3));
    two.send(&frame(PING, 0, 0, b"12345678"));
    assert_eq!(two.next().unwrap().kind, PING, "no SETTINGS before it");

    let server = meeting("h2-goaway-first?code=enhance-your-calm");
    let (frames, left) = Two::to(&server).rest();
    assert_eq!((kinds(&frames), left), (vec![(GOAWAY, 0, 0)], Left::Closed));
    assert_eq!((frames[0].number(0), frames[0].number(4)), (0, 11));

    let server = meeting("h2-max-streams?n=0&for=200ms");
    let mut two = Two::to(&server);
    assert_eq!(two.next().unwrap().payload, [0, 3, 0, 0, 0, 0]);
    let id = two.ask("/bytes/3");
    assert_eq!(two.answer(id).reset, Some(7));
    while two.next().unwrap().payload != [0, 3, 0, 0, 0, 100] {}
    let id = two.ask("/bytes/3");
    assert_eq!(two.answer(id).body, body(3));

    let server = meeting("h2-alpn-lie");
    let mut stream = std::net::TcpStream::connect(server.addr()).unwrap();
    std::io::Write::write_all(&mut stream, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut bytes).unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n") && bytes.ends_with(&body(1000)));
}

#[test]
fn a_scenario_asks_for_http2_and_its_faults() {
    let text = "http2 = true\n[[request]]\npath = \"/flags/*\"\nattempt = 1\nfault = \"h2-refused?times=9\"\n\
        [[request]]\npath = \"/slow\"\nchain = [\"delay?for=50ms\", \"h2-rst?code=cancel\"]";
    let scenario = Scenario::parse(text, std::path::Path::new(".")).unwrap();
    assert!(scenario.http2() && !Scenario::default().http2());
    let server = spawn(HttpRehearsal { scenario, http2: true, ..HttpRehearsal::local() });
    let mut two = Two::to(&server);
    let id = two.ask("/flags/fr/fr.gif");
    assert_eq!(two.answer(id).reset, Some(7));
    assert_eq!(last(&server).rule, Some(1));
    let id = two.ask("/flags/fr/fr.gif");
    assert_eq!(two.answer(id).status(), Some("200"));
    let lines = HttpRehearsal::local().explain("GET", "h", "/fault/h2-refused", 1);
    assert!(lines[0].contains("h2-refused, RST_STREAM with REFUSED_STREAM"), "{lines:?}");
}

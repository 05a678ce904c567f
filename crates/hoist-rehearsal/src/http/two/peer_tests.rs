use super::super::frame::{USUAL, frame, headers, settings};
use super::super::hpack::literal;
use super::super::link::Link;
use super::*;
use crate::hash::Draws;

fn block() -> Vec<u8> {
    let mut block = Vec::new();
    let start = [(":method", "GET"), (":scheme", "https"), (":path", "/x"), (":authority", "h")];
    for (name, value) in start {
        literal(&mut block, name.as_bytes(), value.as_bytes());
    }
    block
}

/// What a client that greets, and then says this, is heard to ask for.
fn heard(frames: &[u8]) -> Result<Vec<Asks>, Code> {
    hear(&mut Peer::new(), &[settings(&[]), frames.to_vec()].concat())
}

fn hear(peer: &mut Peer, mut bytes: &[u8]) -> Result<Vec<Asks>, Code> {
    let mut all = Vec::new();
    while let Some((frame, length)) = Frame::parse(bytes, USUAL)? {
        all.push(peer.hear(frame)?);
        bytes = &bytes[length..];
    }
    Ok(all)
}

#[test]
fn a_request_in_one_frame_or_several_padded_or_not() {
    let block = block();
    let padded = [&[3, 0, 0, 0, 0, 7][..], &block, &[0; 3]].concat();
    let flags = flag::PADDED | flag::PRIORITY | flag::END_HEADERS;
    for frames in [
        headers(1, flag::END_STREAM, &block, USUAL),
        headers(1, flag::END_STREAM, &block, 3),
        frame(kind::HEADERS, flags, 1, &padded),
    ] {
        let all = heard(&frames).unwrap();
        let Some(Asks::Request(1, fields)) = all.last() else { panic!("{all:?}") };
        assert_eq!(fields[2], (b":path".to_vec(), b"/x".to_vec()));
    }
}

#[test]
fn what_is_asked_for() {
    let end = |asks: &[u8]| heard(asks).map(|mut all| all.pop().unwrap());
    let ping = *b"12345678";
    assert_eq!(end(&frame(kind::PING, 0, 0, &ping)), Ok(Asks::Pong(ping)));
    assert_eq!(end(&frame(kind::PING, flag::ACK, 0, &ping)), Ok(Asks::Nothing));
    assert_eq!(end(&frame(kind::UNKNOWN, 0xff, 9, &ping)), Ok(Asks::Nothing));
    let more = 7_u32.to_be_bytes();
    assert_eq!(end(&frame(kind::WINDOW_UPDATE, 0, 0, &more)), Ok(Asks::Window(0, 7)));
    assert_eq!(end(&settings(&[(4, 1), (99, 2)])), Ok(Asks::Settings(vec![(4, 1), (99, 2)])));
    let request = headers(1, 0, &block(), USUAL);
    let then = |frame: Vec<u8>| end(&[request.clone(), frame].concat());
    assert_eq!(then(frame(kind::DATA, 0, 1, b"abc")), Ok(Asks::Data(1, 3, true)));
    assert_eq!(then(frame(kind::RST_STREAM, 0, 1, &more)), Ok(Asks::Reset(1)));
    assert_eq!(then(headers(1, flag::END_STREAM, b"", USUAL)), Ok(Asks::Nothing), "trailers");
    let zero = frame(kind::WINDOW_UPDATE, 0, 1, &[0; 4]);
    assert_eq!(then(zero), Ok(Asks::Refuse(1, Code::PROTOCOL_ERROR)));
}

#[test]
fn what_a_client_must_not_send() {
    let four = [0, 0, 0, 1];
    for (frames, code) in [
        (frame(kind::PING, 0, 0, b"seven b"), Code::FRAME_SIZE_ERROR),
        (frame(kind::PING, 0, 1, b"12345678"), Code::PROTOCOL_ERROR),
        (frame(kind::SETTINGS, 0, 0, b"seven b"), Code::FRAME_SIZE_ERROR),
        (settings(&[(2, 2)]), Code::PROTOCOL_ERROR),
        (settings(&[(4, 1 << 31)]), Code::FLOW_CONTROL_ERROR),
        (settings(&[(5, 1)]), Code::PROTOCOL_ERROR),
        (frame(kind::DATA, 0, 1, b""), Code::PROTOCOL_ERROR),
        (frame(kind::RST_STREAM, 0, 1, &four), Code::PROTOCOL_ERROR),
        (frame(kind::WINDOW_UPDATE, 0, 3, &four), Code::PROTOCOL_ERROR),
        (frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4]), Code::PROTOCOL_ERROR),
        (frame(kind::PUSH_PROMISE, 0, 1, &four), Code::PROTOCOL_ERROR),
        (frame(kind::CONTINUATION, 0, 1, b""), Code::PROTOCOL_ERROR),
        (headers(2, 0, &block(), USUAL), Code::PROTOCOL_ERROR),
        (headers(0, 0, &block(), USUAL), Code::PROTOCOL_ERROR),
        (headers(1, 0, b"\x80", USUAL), Code::COMPRESSION_ERROR),
        (frame(kind::HEADERS, flag::PADDED, 1, &[9, 0]), Code::PROTOCOL_ERROR),
        (frame(kind::HEADERS, flag::PRIORITY, 1, &four), Code::FRAME_SIZE_ERROR),
        (frame(kind::HEADERS, 0, 1, b"").repeat(2), Code::PROTOCOL_ERROR),
        (headers(1, 0, &[0x82; 1000], 1), Code::ENHANCE_YOUR_CALM),
        (headers(1, 0, &vec![0x82; 200_000], USUAL), Code::ENHANCE_YOUR_CALM),
        (frame(kind::DATA, 0, 1, &vec![0; USUAL + 1]), Code::FRAME_SIZE_ERROR),
    ] {
        let at = &frames[..frames.len().min(20)];
        assert_eq!(heard(&frames), Err(code), "{at:?}");
    }
    let early = frame(kind::PING, 0, 0, b"12345678");
    assert_eq!(hear(&mut Peer::new(), &early), Err(Code::PROTOCOL_ERROR), "SETTINGS come first");
}

/// Nothing that a client says makes the server panic, or keep more than it should.
#[test]
fn any_bytes_are_heard_without_a_panic() {
    let block = block();
    let more = 1_u32.to_be_bytes();
    let good = [
        settings(&[(3, 100), (4, 65_535), (5, 16_384)]),
        headers(1, flag::END_STREAM, &block, 9),
        frame(kind::PING, 0, 0, b"12345678"),
        headers(3, 0, b"\x82\x87\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", 99),
        frame(kind::DATA, flag::PADDED, 3, &[2, 1, 2, 3, 4, 5]),
        frame(kind::WINDOW_UPDATE, 0, 3, &more),
        frame(kind::RST_STREAM, 0, 3, &more),
        frame(kind::PRIORITY, 0, 5, &[0; 5]),
        frame(kind::GOAWAY, 0, 0, &[0; 8]),
        frame(kind::WINDOW_UPDATE, 0, 0, &more),
    ]
    .concat();
    let (mut draws, mut right, mut requests) = (Draws::from(7), 0, 0);
    let mut below = |n: usize| usize::try_from(draws.next() % n as u64).unwrap();
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..below(6) {
            let at = below(bytes.len());
            match below(4) {
                0 => bytes[at] ^= 1 << below(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)],
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, u8::try_from(below(256)).unwrap()),
            }
        }
        bytes.truncate(bytes.len() - below(4) * below(20));
        let (mut peer, link) = (Peer::new(), Link::new(100));
        let mut rest = &bytes[..];
        let heard = loop {
            let frame = match Frame::parse(rest, USUAL) {
                Ok(Some((frame, length))) => {
                    rest = &rest[length..];
                    frame
                }
                Ok(None) => break Ok(()),
                Err(code) => break Err(code),
            };
            let done = peer.hear(frame).and_then(|asks| match asks {
                Asks::Request(id, fields) => {
                    requests += 1;
                    link.open(id);
                    if let Ok(head) = crate::http::two::head::request(&fields) {
                        let _ = crate::http::request::Request::parse(&head);
                    }
                    Ok(())
                }
                Asks::Settings(settings) => link.set(&settings),
                Asks::Window(id, more) => link.widen(id, more).map(drop),
                Asks::Reset(id) | Asks::Refuse(id, _) => {
                    link.reset(id);
                    Ok(())
                }
                Asks::Pong(_) | Asks::Data(..) | Asks::Nothing => Ok(()),
            });
            if done.is_err() {
                break done;
            }
        };
        right += u32::from(heard.is_ok());
    }
    assert!((3000..19_000).contains(&right), "{right} of 20000 went through");
    assert!(requests > 10_000, "{requests}");
}

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::block::{Found, Status, Table};
use super::follower::{Follower, LARGEST, Passed, flag, kind};
use super::fuzzing::{frame, frames, marks, read};

const DATA: u8 = 0;
const END_STREAM: u8 = 1;

/// What is read, whatever the pieces.
#[track_caller]
fn read_in_pieces(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let all = read(bytes, bytes.len(), 1 << 17).map_err(|(_, why)| why);
    for piece in (1..bytes.len()).filter(|n| *n < 40 || n % 97 == 0) {
        for room in [1, 7, 9, 1 << 17] {
            let parts = read(bytes, piece, room).map_err(|(_, why)| why);
            assert!(parts == all, "{piece} {room}");
        }
    }
    all
}

fn settings(payload: &[u8]) -> Vec<u8> {
    frame(kind::SETTINGS, 0, 0, payload)
}

/// A block of one frame, of this stream.
fn headers(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS, stream, block)
}

/// How many of these frames are marked; the others are read as they are.
#[track_caller]
fn marked(frames: &[Vec<u8>]) -> usize {
    let bytes = [&settings(&[])[..], &frames.concat()].concat();
    marks(&bytes, &read_in_pieces(&bytes).unwrap())
}

const OK: &[u8] = &[0x88];

#[test]
fn a_server_begins_with_its_settings() {
    let data = frame(DATA, 0, 1, &[4; 40]);
    let right = settings(&[0, 3, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0]);
    let ack = frame(kind::SETTINGS, flag::ACK, 0, &[]);
    for right in [[&right[..], &data, &ack].concat(), [&settings(&[])[..], &ack, &data].concat()] {
        assert_eq!(read_in_pieces(&right), Ok(right));
    }
    for wrong in [[&data[..], &right].concat(), [&ack[..], &right].concat()] {
        assert!(read_in_pieces(&wrong).unwrap_err().contains("3.4"));
    }
}

#[test]
fn no_server_allows_pushes() {
    let begin = settings(&[0, 3, 0, 0, 0, 1]);
    for value in [[0, 0, 0, 1], [1, 0, 0, 0]] {
        let push = settings(&[&[0, 4, 0, 0, 0, 9, 0, 2][..], &value].concat());
        assert!(
            read_in_pieces(&[&begin[..], &frame(DATA, 0, 1, &[2; 7]), &push].concat()).is_err()
        );
    }
    // What is not whole is for h2 to refuse.
    let cut = settings(&[0, 2, 0, 0, 0]);
    assert_eq!(read_in_pieces(&cut), Ok(cut));
}

#[test]
fn pseudo_fields_of_requests_are_in_no_answer() {
    for (bad, what) in [
        (&[0x88, 0x84][..], "an index of the static table"),
        (b"\x88\x01\x01a", "a name of the static table"),
        (b"\x88\x00\x05:path\x01/", "a name"),
        (b"\x88\x10\x05:path\x01/", "a name that is never kept"),
        (b"\x88\x00\x09:protocol\x01x", "a name that is in no table"),
        (b"\x88\x00\x06:fault\x011", "a name that is nowhere"),
        (b"\x88\x00\x07:Status\x03200", "a name in upper case"),
        (b"\x88\x00\x09:statuses\x03200", "a longer name"),
        // :path in Huffman code.
        (b"\x88\x00\x84\xb9\x58\xd3\x3f\x01/", "a name in Huffman code"),
    ] {
        let whole = |of| [headers(of, OK), frame(DATA, END_STREAM, of, b"whole")].concat();
        assert_eq!(marked(&[headers(1, bad), whole(3)]), 1, "{what}");
        assert_eq!(marked(&[whole(5), headers(1, bad), whole(3)]), 1, "{what}");
    }
    for good in [
        OK,
        b"\x08\x03418",
        b"\x48\x03418",
        b"\x08\x82\x64\x02",
        b"\x88\x00\x07:status\x03200",
        // :status in Huffman code.
        b"\x00\x85\xb8\x84\x8d\x36\xa3\x82\x64\x02",
        b"\x88\x0f\x0d\x015\x00\x01x\x05:path",
        b"\x88\x00\x06x:path\x01y",
        b"\x88\x00\x00\x00",
    ] {
        assert_eq!(marked(&[headers(1, good)]), 0, "{good:?}");
    }
}

#[test]
fn trailers_have_no_pseudo_fields() {
    let data = frame(DATA, 0, 1, b"body");
    let trailer: &[u8] = b"\x00\x01x\x01y";
    let early: &[u8] = b"\x08\x03103";
    let continues = b"\x08\x82\x08\x01";
    assert_eq!(marked(&[headers(1, OK), data.clone(), headers(1, trailer)]), 0);
    assert_eq!(marked(&[headers(1, early), headers(1, continues), headers(1, OK)]), 0);
    for late in [OK, early, continues, b"\x00\x01x\x01y\x88", b"\x48\x03418"] {
        assert_eq!(marked(&[headers(1, OK), data.clone(), headers(1, late)]), 1, "{late:?}");
        assert_eq!(marked(&[headers(1, early), headers(1, OK), headers(1, late)]), 1, "{late:?}");
        // Another stream has not been answered.
        assert_eq!(marked(&[headers(1, OK), data.clone(), headers(3, late)]), 0, "{late:?}");
    }
}

#[test]
fn padding_priority_and_many_frames_hide_nothing() {
    let bad = b"\x88\x00\x05:path\x01/";
    let padded = [&[3][..], bad, &[0; 3]].concat();
    let urgent = [&[0, 0, 0, 5, 16][..], bad].concat();
    let both = [&[2, 0x80, 0, 0, 5, 16][..], bad, &[0; 2]].concat();
    for (flags, payload) in
        [(flag::PADDED, padded), (flag::PRIORITY, urgent), (flag::PADDED | flag::PRIORITY, both)]
    {
        assert_eq!(marked(&[frame(kind::HEADERS, flags | flag::END_HEADERS, 1, &payload)]), 1);
    }
    for cut in 0..=bad.len() {
        let begin = frame(kind::HEADERS, END_STREAM, 1, &bad[..cut]);
        let end = frame(kind::CONTINUATION, flag::END_HEADERS, 1, &bad[cut..]);
        let none = frame(kind::CONTINUATION, 0, 1, &[]);
        assert_eq!(marked(&[begin.clone(), end.clone(), headers(3, OK)]), 1);
        assert_eq!(marked(&[begin.clone(), none.clone(), end, none]), 1);
        // Of another stream, or not behind it: h2 ends the connection.
        let other = frame(kind::CONTINUATION, flag::END_HEADERS, 3, &bad[cut..]);
        assert_eq!(marked(&[begin.clone(), other, headers(3, bad)]), 0);
        assert_eq!(marked(&[begin, headers(3, bad)]), 0);
    }
}

#[test]
fn the_table_is_followed() {
    // Kept: `:path: /`, and before it `x: y`. Then each by its index, and `:path: z` by that name.
    let keeps = headers(1, b"\x88\x40\x05:path\x01/\x40\x01x\x01y");
    let path = headers(5, &[0x88, 0x80 + 63]);
    assert_eq!(marked(&[keeps.clone(), headers(3, &[0x88, 0x80 + 62]), path.clone()]), 2);
    assert_eq!(marked(&[keeps.clone(), headers(3, b"\x88\x0f\x30\x01z")]), 2);
    // What is not there is no field.
    assert_eq!(marked(&[keeps.clone(), headers(3, &[0x88, 0x80 + 64]), path.clone()]), 1);
    // A size update takes all out, and one of 0x10 in another block brings nothing back.
    assert_eq!(marked(&[keeps, headers(3, &[0x20, 0x88]), path]), 1);
}

#[test]
fn what_h2_ends_the_connection_for_is_read_as_it_is() {
    let bad = headers(3, &[0x88, 0x84]);
    for (wrong, what) in [
        (frame(kind::HEADERS, flag::END_HEADERS | flag::PADDED, 1, &[9, 0x88]), "padding"),
        (frame(kind::HEADERS, flag::END_HEADERS | flag::PADDED, 1, &[]), "no padding"),
        (frame(kind::HEADERS, flag::END_HEADERS | flag::PRIORITY, 1, &[0; 4]), "priority"),
        (frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &[0, 0, 0, 2, 0x82]), "a push"),
        (frame(kind::CONTINUATION, flag::END_HEADERS, 1, OK), "a continuation of nothing"),
        (headers(1, &[0x80]), "no index"),
        (headers(1, b"\x88\x00\x09x"), "a field that is cut"),
        (headers(1, &[0x88, 0x3f, 0xff, 0xff, 0x03]), "too large a table"),
        (headers(1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), "too long an integer"),
    ] {
        assert_eq!(marked(&[wrong, bad.clone()]), 0, "{what}");
    }
    let large = frame(kind::HEADERS, flag::END_HEADERS, 1, &vec![0x88; LARGEST + 1]);
    let sent = [settings(&[]), large, bad].concat();
    assert_eq!(read(&sent, 1 << 14, 1 << 14).as_ref(), Ok(&sent));
}

#[test]
fn a_stream_that_depends_on_itself_is_not_read() {
    // h2 resets it before it reads its block: so what that keeps is in no table.
    let keeps = b"\0\0\0\x01\x10\x88\x40\x05:path\x01/";
    let itself = frame(kind::HEADERS, flag::END_HEADERS | flag::PRIORITY, 1, keeps);
    let bad = headers(3, &[0x88, 0x84]);
    assert_eq!(marked(&[itself.clone(), bad.clone()]), 1);
    assert_eq!(marked(&[itself, headers(3, &[0x88, 0x80 + 62]), bad]), 0);
}

#[test]
fn a_bad_frame_without_room_for_one_more_field_ends_the_connection() {
    let long = |bytes: usize| {
        // Many fields more, of which each is an index.
        let mut block = vec![0x88, 0x84];
        block.resize(bytes, 0x99);
        [settings(&[]), headers(1, &block)].concat()
    };
    let (fits, none) = (long(LARGEST - 14), long(LARGEST - 13));
    assert_eq!(marks(&fits, &read(&fits, 9_000, 9_000).unwrap()), 1);
    assert!(read(&none, 9_000, 9_000).unwrap_err().1.contains("8.3"));
}

#[test]
fn a_frame_that_never_ends_is_read_as_far_as_it_came() {
    let whole = [settings(&[]), headers(1, &[0x88, 0x84])].concat();
    for end in 0..whole.len() {
        let cut = &whole[..end];
        assert_eq!(read(cut, end.max(1), 5).as_deref(), Ok(cut), "{end}");
    }
}

/// A frame of any kind, mostly of those that are looked at, with bytes that are mostly fields.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        4 => (8..15_u8).prop_map(|index| vec![0x80 | index]),
        2 => (0..70_u8).prop_map(|index| vec![0x80 | index]),
        2 => (0..3_u8, "[:a-z]{0,3}", "[ -~]{0,4}").prop_map(|(how, name, value)| {
            let length = |text: &str| u8::try_from(text.len()).unwrap();
            let how = [0, 0x10, 0x40][usize::from(how)];
            [&[how, length(&name)], name.as_bytes(), &[length(&value)], value.as_bytes()].concat()
        }),
        1 => vec(any::<u8>(), 0..4),
        1 => (0..32_u8).prop_map(|size| vec![0x20 | size]),
    ];
    let kinds = prop_oneof![4 => Just(1_u8), 2 => Just(9), 2 => Just(0), 1 => 0..12_u8];
    let flags = prop_oneof![3 => Just(4_u8), 1 => any::<u8>()];
    (kinds, flags, 0..4_u32, vec(field, 0..6)).prop_map(|(kind, flags, stream, fields)| {
        frame(kind, flags, 2 * stream + 1, &fields.concat())
    })
}

proptest! {
    #[test]
    fn pieces_do_not_matter_and_frames_are_whole(
        frames in vec(any_frame(), 0..8),
        end in vec(any::<u8>(), 0..12),
        piece in 1..40_usize,
        room in 1..40_usize,
    ) {
        let sent = [settings(&[]), frames.concat(), end].concat();
        let whole = read(&sent, sent.len(), 1 << 16);
        let parts = read(&sent, piece, room);
        prop_assert_eq!(
            whole.as_ref().map_err(|(_, why)| why),
            parts.as_ref().map_err(|(_, why)| why)
        );
        let (Ok(bytes) | Err((bytes, _))) = whole;
        marks(&sent, &bytes);
    }

    #[test]
    fn any_bytes_are_followed(bytes in vec(any::<u8>(), 0..300)) {
        frames(&bytes);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a server says with a table of fields, and is right, is read as it is, and its blocks are
    /// understood: else a status in trailers would be found where there is none, or none where there is.
    #[test]
    fn what_a_real_server_says_is_followed(
        answers in vec(
            (vec(field(), 0..12), vec(field(), 0..4), 200..600_u16),
            1..12,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let sent = runtime.block_on(said(&answers));
        for piece in [1, 9, 50, 1 << 14] {
            let read = read(&sent, piece, 1 << 14);
            prop_assert_eq!(read.as_ref(), Ok(&sent));
        }
        let status = |found: &Found| (found.status, found.other);
        let found = blocks(&sent);
        let mut all = found.iter().map(status);
        for (_, trailers, _) in &answers {
            prop_assert_eq!(all.next(), Some((Some(Status::Final), false)));
            if !trailers.is_empty() {
                prop_assert_eq!(all.next(), Some((None, false)));
            }
        }
        prop_assert_eq!(all.next(), None);
    }
}

type Pair = (String, String);

/// Fields that come again, so that the server keeps them, some of them large.
fn field() -> impl Strategy<Value = Pair> {
    let name = prop_oneof![
        "x-[a-d]",
        Just("server".to_owned()),
        Just("date".to_owned()),
        Just("etag".to_owned()),
        Just("content-type".to_owned()),
    ];
    let value = prop_oneof![4 => "[a-c]{0,2}", 1 => "[ -~]{0,20}", 1 => "[x!#]{300,2000}"];
    (name, value.prop_map(|value| value.trim().to_owned()))
}

/// All that a server of h2 sends for such answers, one after the other: heads, bodies, trailers.
async fn said(answers: &[(Vec<Pair>, Vec<Pair>, u16)]) -> Vec<u8> {
    let map = |fields: &[Pair]| -> http::HeaderMap {
        let field = |(name, value): &Pair| {
            (name.parse::<http::HeaderName>().unwrap(), value.parse::<http::HeaderValue>().unwrap())
        };
        fields.iter().map(field).collect()
    };
    let (ours, theirs) = tokio::io::duplex(1 << 22);
    let mut requests = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    requests.extend(settings(&[]));
    for nth in 0..u32::try_from(answers.len()).unwrap() {
        let block = b"\x82\x86\x84\x01\x01a";
        let flags = flag::END_HEADERS | END_STREAM;
        requests.extend(frame(kind::HEADERS, flags, 2 * nth + 1, block));
    }
    let (mut reading, mut writing) = tokio::io::split(ours);
    writing.write_all(&requests).await.unwrap();
    let mut server = h2::server::handshake(theirs).await.unwrap();
    for (head, trailers, status) in answers {
        let (_, mut respond) = server.accept().await.unwrap().unwrap();
        let mut response = http::Response::new(());
        *response.status_mut() = http::StatusCode::from_u16(*status).unwrap();
        *response.headers_mut() = map(head);
        let mut stream = respond.send_response(response, false).unwrap();
        stream.send_data(Bytes::from_static(b"some"), trailers.is_empty()).unwrap();
        if !trailers.is_empty() {
            stream.send_trailers(map(trailers)).unwrap();
        }
    }
    server.graceful_shutdown();
    let read = async {
        // What ends the connection is asked for by a ping.
        let mut sent = Vec::new();
        let mut answered = false;
        loop {
            let mut some = vec![0; 1 << 16];
            let came = reading.read(&mut some).await.unwrap();
            if came == 0 {
                return sent;
            }
            sent.extend_from_slice(&some[..came]);
            let ping = sent.windows(9).position(|head| head.starts_with(&[0, 0, 8, 6, 0]));
            if let Some(at) = ping.filter(|at| !answered && sent.len() >= at + 17) {
                let answer = frame(6, flag::ACK, 0, &sent[at + 9..at + 17]);
                writing.write_all(&answer).await.unwrap();
                answered = true;
            }
        }
    };
    let end = async {
        while server.accept().await.is_some() {}
        drop(server);
    };
    let (sent, ()) = tokio::join!(read, end);
    sent
}

/// What is found in the blocks of a server.
fn blocks(sent: &[u8]) -> Vec<Found> {
    let mut table = Table::new(4096);
    let (mut rest, mut block, mut all) = (sent, Vec::new(), Vec::new());
    while !rest.is_empty() {
        let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
        let (frame, behind) = rest.split_at(9 + length);
        if [kind::HEADERS, kind::CONTINUATION].contains(&frame[3]) {
            block.extend_from_slice(&frame[9..]);
            if frame[4] & flag::END_HEADERS != 0 {
                all.push(table.read(&block).expect("a block"));
                block.clear();
            }
        }
        rest = behind;
    }
    all
}

#[test]
fn the_payload_of_other_frames_is_not_looked_at() {
    let mut follower = Follower::default();
    let data = frame(DATA, 0, 1, &[kind::HEADERS; 5_000]);
    let sent = [settings(&[]), data, headers(1, OK)].concat();
    for piece in sent[..5_018].chunks(700) {
        assert_eq!(follower.follow(piece), Ok(Passed { bytes: piece.len(), stop: None }));
    }
}

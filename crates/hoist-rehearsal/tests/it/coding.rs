//! Coded bodies, right and wrong, as a client sees them.

use std::io::Read;

use hoist_rehearsal::{End, HttpRecord, Running};

use crate::client::{Answer, Client, LONG, body, get, local};

fn ask(server: &Running, target: &str, accept: &str) -> Answer {
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {accept}\r\n\r\n");
    Client::to(server.addr()).send(head.as_bytes()).answer()
}

fn last(server: &Running) -> HttpRecord {
    assert!(server.settle(LONG));
    server.truth().http().pop().unwrap()
}

/// By decoders of others.
fn decode(coding: &str, coded: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    match coding {
        "gzip" => flate2::bufread::MultiGzDecoder::new(coded).read_to_end(&mut plain)?,
        "deflate" => flate2::bufread::ZlibDecoder::new(coded).read_to_end(&mut plain)?,
        "br" => brotli_decompressor::Decompressor::new(coded, 4096).read_to_end(&mut plain)?,
        "zstd" => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(coded);
            let mut decoder = decoder.map_err(|e| std::io::Error::other(e.to_string()))?;
            decoder.read_to_end(&mut plain)?
        }
        other => panic!("{other}"),
    };
    Ok(plain)
}

const CODINGS: [&str; 4] = ["gzip", "br", "zstd", "deflate"];

#[test]
fn a_body_is_coded_for_those_who_ask() {
    let server = local();
    for coding in CODINGS {
        for of in [0, 1000, 300_000] {
            let target = format!("/fault/coding?as={coding}&of={of}");
            let coded = ask(&server, &target, &format!("identity, {coding};q=0.5"));
            assert_eq!(coded.line, "HTTP/1.1 200 OK");
            assert_eq!(coded.header("Content-Encoding"), Some(coding));
            assert_eq!(coded.header("Vary"), Some("Accept-Encoding"));
            assert!(decode(coding, &coded.body).unwrap() == body(of), "{target}");
            let record = last(&server);
            assert_eq!((record.decision, record.end), ("coding", End::Keep));
            assert_eq!(record.body_promised, Some(record.body_sent));
            assert_eq!(record.body_sent, coded.body.len() as u64);
        }
        for accept in ["identity", "*;q=0", &format!("{coding};q=0, *")] {
            let plain = ask(&server, &format!("/fault/coding?as={coding}"), accept);
            assert_eq!(plain.header("Content-Encoding"), None, "{accept}");
            assert_eq!(plain.header("Vary"), Some("Accept-Encoding"));
            assert_eq!(plain.body, body(1000));
        }
    }
    assert_eq!(get(&server, "/fault/coding").body, body(1000), "not asked for");
}

#[test]
fn the_same_bytes_are_coded_the_same_way() {
    let server = local();
    for coding in CODINGS {
        let target = format!("/fault/coding-unasked?as={coding}");
        assert_eq!(get(&server, &target).body, get(&server, &target).body);
    }
}

#[test]
fn chunks_are_around_the_coding() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.send(
        b"GET /fault/coding-chunked HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\
          Connection: close\r\n\r\n",
    );
    let answer = Answer::split(&client.rest().0);
    assert_eq!(answer.header("Content-Encoding"), Some("gzip"));
    assert_eq!(answer.header("Content-Length"), None);
    assert!(answer.body.starts_with(b"1\r\n\x1f\r\n"), "one byte of the magic number comes alone");
    let (mut coded, mut rest) = (Vec::new(), answer.body.as_slice());
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n").unwrap();
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            assert_eq!(&rest[line..], b"\r\n\r\n");
            break;
        }
        coded.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
    assert_eq!(decode("gzip", &coded).unwrap(), body(1000));
    let record = last(&server);
    assert_eq!((record.body_promised, record.body_sent), (None, coded.len() as u64));

    let mut client = Client::to(server.addr());
    client.send(b"GET /fault/coding-chunked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = Answer::split(&client.rest().0);
    assert_eq!(answer.header("Content-Encoding"), None);
    assert_eq!(answer.header("Transfer-Encoding"), Some("chunked"));
}

#[test]
fn who_did_not_ask_gets_it_coded() {
    let server = local();
    for coding in CODINGS {
        let answer = get(&server, &format!("/fault/coding-unasked?as={coding}"));
        assert_eq!(answer.header("Content-Encoding"), Some(coding));
        assert_eq!(decode(coding, &answer.body).unwrap(), body(1000));
    }
    let named = get(&server, "/fault/coding-unasked?as=gzip&is=x-GZIP");
    assert_eq!(named.header("Content-Encoding"), Some("x-GZIP"));
}

#[test]
fn labels_lie() {
    let server = local();
    for coding in CODINGS {
        let answer = get(&server, &format!("/fault/coding-wrong?says={coding}"));
        assert_eq!(answer.header("Content-Encoding"), Some(coding));
        assert_eq!(answer.body, body(1000));
        assert!(decode(coding, &answer.body).is_err(), "{coding}");
    }
    for (target, label) in [
        ("/fault/coding-unknown", "x-unknown"),
        ("/fault/coding-unknown?is=utf-8", "utf-8"),
        ("/fault/coding-unknown?is=", ""),
    ] {
        let answer = get(&server, target);
        assert_eq!(answer.header("Content-Encoding"), Some(label));
        assert_eq!(answer.body, body(1000));
    }
    assert_eq!(last(&server).decision, "coding-unknown");
}

#[test]
fn a_cut_stream_is_whole_to_the_framing() {
    let server = local();
    for coding in CODINGS {
        let whole = get(&server, &format!("/fault/coding-unasked?as={coding}")).body;
        let half = get(&server, &format!("/fault/coding-cut?as={coding}"));
        assert_eq!(half.header("Content-Encoding"), Some(coding));
        assert_eq!(half.body, whole[..whole.len() / 2]);
        let record = last(&server);
        assert_eq!((record.decision, record.end), ("coding-cut", End::Keep));
        assert_eq!(record.body_promised, Some(record.body_sent));
        let got = decode(coding, &half.body);
        assert!(got.is_err() || got.unwrap().len() < 1000, "{coding}");
        for (send, length) in [(7, 7), (0, 0), (1_u64 << 40, whole.len())] {
            let cut = get(&server, &format!("/fault/coding-cut?as={coding}&send={send}")).body;
            assert_eq!(cut, whole[..length]);
        }
    }
}

#[test]
fn cases_cut_where_a_block_has_ended() {
    let server = local();
    for (coding, of, send, block) in [
        ("gzip", 100_000, 65_550, 65_535),
        ("br", 100_000, 65_540, 65_536),
        ("zstd", 200_000, 131_089, 131_072),
    ] {
        let target = format!("/fault/coding-cut?as={coding}&of={of}&send={send}");
        assert!(get(&server, &target).body.ends_with(&body(block)[block - 100..]), "{target}");
    }
}

#[test]
fn a_changed_byte_and_an_unknown_block_are_errors() {
    let server = local();
    for coding in ["gzip", "deflate", "zstd"] {
        let right = get(&server, &format!("/fault/coding-unasked?as={coding}")).body;
        let wrong = get(&server, &format!("/fault/coding-corrupt?as={coding}")).body;
        let changed: Vec<_> = (0..right.len()).filter(|&at| right[at] != wrong[at]).collect();
        assert_eq!((right.len(), changed.len()), (wrong.len(), 1));
        assert_eq!(right[changed[0]] ^ wrong[changed[0]], 1);
        if coding != "zstd" {
            assert!(decode(coding, &wrong).is_err(), "{coding}");
        }
    }
    let no = get(&server, "/fault/coding-corrupt?as=br");
    assert_eq!(no.text(), "as is one of gzip, zstd, deflate, not br\n");
    for coding in CODINGS {
        let invalid = get(&server, &format!("/fault/coding-invalid?as={coding}")).body;
        assert!(invalid.windows(500).any(|part| part == &body(1000)[..500]));
        assert!(decode(coding, &invalid).is_err(), "{coding}");
    }
}

#[test]
fn more_follows_the_end() {
    let server = local();
    for coding in CODINGS {
        let whole = get(&server, &format!("/fault/coding-unasked?as={coding}")).body;
        let more = get(&server, &format!("/fault/coding-trailing?as={coding}")).body;
        assert_eq!(more, [whole.as_slice(), b"this is behind the end\n"].concat());
    }
    let members = get(&server, "/fault/coding-members?as=gzip").body;
    assert_eq!(decode("gzip", &members).unwrap(), body(1000));
    let mut first = Vec::new();
    flate2::bufread::GzDecoder::new(members.as_slice()).read_to_end(&mut first).unwrap();
    assert_eq!(first, body(500));
    let frames = get(&server, "/fault/coding-members?as=zstd").body;
    assert_eq!(decode("zstd", &frames).unwrap(), body(500), "this oracle reads one frame");
    let second = frames.windows(4).rposition(|w| w == b"\x28\xb5\x2f\xfd").unwrap();
    assert_eq!(decode("zstd", &frames[second..]).unwrap(), body(1000)[500..]);
}

#[test]
fn twice_is_said_in_the_order_of_coding() {
    let server = local();
    for (target, labels) in [
        ("/fault/coding-twice", vec!["gzip, gzip"]),
        ("/fault/coding-twice?as=gzip&over=br", vec!["br, gzip"]),
        ("/fault/coding-twice?as=zstd&over=deflate&in=lines", vec!["deflate", "zstd"]),
    ] {
        let answer = get(&server, target);
        assert_eq!(answer.headers("Content-Encoding"), labels);
        let labels = labels.join(", ");
        let (inner, outer) = labels.split_once(", ").unwrap();
        let once = decode(outer, &answer.body).unwrap();
        assert_eq!(decode(inner, &once).unwrap(), body(1000));
    }
}

#[test]
fn nothing_can_be_coded() {
    let answer = get(&local(), "/fault/coding-empty?as=gzip");
    assert_eq!(answer.header("Content-Encoding"), Some("gzip"));
    assert_eq!((answer.header("Content-Length"), answer.body.len()), (Some("0"), 0));
}

#[test]
fn a_bomb_is_small_and_decodes_to_zeros() {
    let server = local();
    for (coding, most) in [("gzip", 70_000), ("deflate", 70_000), ("br", 20_000), ("zstd", 3000)] {
        let of = 64 << 20;
        let bomb = get(&server, &format!("/fault/coding-bomb?as={coding}&of={of}"));
        assert_eq!(bomb.header("Content-Encoding"), Some(coding));
        assert!(bomb.body.len() < most, "{coding}: {}", bomb.body.len());
        let zeros = decode(coding, &bomb.body).unwrap();
        assert!(zeros.len() == of && zeros.iter().all(|byte| *byte == 0), "{coding}");
    }
    assert!(get(&server, "/fault/coding-bomb").body.len() < 270_000);
}

#[test]
fn the_largest_bomb_is_promised_and_streamed() {
    let server = local();
    for coding in CODINGS {
        let target = format!("/fault/coding-bomb?as={coding}&of=1099511627776");
        let mut client = Client::to(server.addr());
        client.ask(&target);
        let mut some = vec![0; 1 << 20];
        client.0.read_exact(&mut some[..4096]).unwrap();
        drop(client);
        let record = last(&server);
        let promised = record.body_promised.unwrap();
        assert!((900_000..1_200_000_000).contains(&promised), "{coding}: {promised}");
    }
}

#[test]
fn more_than_fits_is_refused_and_heads_have_no_body() {
    let server = local();
    let answer = ask(&server, "/fault/coding?of=4194305", "gzip");
    assert_eq!(answer.text(), "at most 4194304 bytes can be coded, not 4194305\n");
    assert_eq!(last(&server).decision, "refused");
    for target in ["/fault/coding-unasked", "/fault/coding-bomb", "/fault/coding-wrong"] {
        let mut client = Client::to(server.addr());
        let request = format!("HEAD {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = Answer::split(&client.send(request.as_bytes()).rest().0);
        assert_eq!(answer.header("Content-Encoding"), Some("gzip"), "{target}");
        assert!(answer.header("Content-Length").is_some_and(|length| length != "0"));
        assert_eq!(answer.body, b"");
    }
}

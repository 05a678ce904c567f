//! Codings on the wire: what is said of them, and what comes out of a decoder.

use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};
use hoist_rehearsal::{Running, flags};

use crate::client::{Answer, Client, body, get, last, local};

fn ask(server: &Running, target: &str, accept: &str) -> Answer {
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {accept}\r\n\r\n");
    Client::to(server.addr()).send(head.as_bytes()).answer()
}

fn decoded(coding: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    match coding {
        "gzip" => GzDecoder::new(bytes).read_to_end(&mut out)?,
        "deflate" => ZlibDecoder::new(bytes).read_to_end(&mut out)?,
        "br" => brotli_decompressor::Decompressor::new(bytes, 4096).read_to_end(&mut out)?,
        _ => ruzstd::decoding::StreamingDecoder::new(bytes).unwrap().read_to_end(&mut out)?,
    };
    Ok(out)
}

const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

#[test]
fn a_coding_is_given_to_those_who_ask_for_it() {
    let server = local();
    for coding in CODINGS {
        let target = format!("/fault/coding?as={coding}");
        let asked = ask(&server, &target, &format!("identity;q=0.5, {coding}"));
        assert_eq!(asked.header("Content-Encoding"), Some(coding));
        assert_eq!(asked.header("Vary"), Some("Accept-Encoding"));
        assert_eq!(decoded(coding, &asked.body).unwrap(), body(1000), "{coding}");
        for accept in ["identity".to_owned(), format!("{coding};q=0"), String::new()] {
            let plain = ask(&server, &target, &accept);
            assert_eq!(plain.header("Content-Encoding"), None, "{accept}");
            assert_eq!(plain.body, body(1000));
        }
        let unasked = get(&server, &format!("/fault/coding-unasked?as={coding}&of=70000"));
        assert_eq!(unasked.header("Content-Encoding"), Some(coding));
        assert!(decoded(coding, &unasked.body).unwrap() == body(70_000));
    }
    let chunked = ask(&server, "/fault/coding?as=gzip&framing=chunked", "gzip");
    assert_eq!(chunked.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(last(&server).decision, "coding");
}

#[test]
fn labels_that_are_wrong() {
    let server = local();
    for (target, label) in [
        ("/fault/coding-wrong", "gzip"),
        ("/fault/coding-wrong?says=br", "br"),
        ("/fault/coding-unknown", "x-rehearsal"),
    ] {
        let answer = get(&server, target);
        assert_eq!(answer.header("Content-Encoding"), Some(label));
        assert_eq!(answer.body, body(1000), "as it is");
    }
    let empty = get(&server, "/fault/coding-empty?as=br");
    assert_eq!((empty.header("Content-Encoding"), empty.body.len()), (Some("br"), 0));
}

#[test]
fn spoilt_bytes_do_not_decode() {
    let server = local();
    for coding in ["gzip", "br", "zstd"] {
        let cut = get(&server, &format!("/fault/coding-cut?as={coding}"));
        assert_eq!(cut.header("Content-Length"), Some(cut.body.len().to_string().as_str()));
        assert!(decoded(coding, &cut.body).is_err(), "{coding}");
    }
    for coding in ["gzip", "deflate"] {
        let wrong = get(&server, &format!("/fault/coding-checksum?as={coding}"));
        assert!(decoded(coding, &wrong.body).is_err(), "{coding}");
    }
    let trailing = get(&server, "/fault/coding-trailing?as=gzip");
    assert!(trailing.body.ends_with(b"and this is not of it"));
    assert_eq!(decoded("gzip", &trailing.body).unwrap(), body(1000));
    let line = get(&server, "/fault/coding-checksum?as=br").line;
    assert_eq!(line, "HTTP/1.1 400 Bad Request", "it has no checksum");
}

#[test]
fn coded_twice_and_bombs() {
    let server = local();
    let twice = get(&server, "/fault/coding-twice?as=br");
    assert_eq!(twice.header("Content-Encoding"), Some("gzip, br"));
    let once = decoded("br", &twice.body).unwrap();
    assert_eq!(decoded("gzip", &once).unwrap(), body(1000));
    for (coding, of) in [("gzip", 3_000_000), ("zstd", 3_000_000), ("br", 64 << 20)] {
        let bomb = get(&server, &format!("/fault/coding-bomb?as={coding}&of={of}"));
        assert!(bomb.body.len() < 20_000, "{coding}: {}", bomb.body.len());
        let zeros = decoded(coding, &bomb.body).unwrap();
        assert!(zeros.len() == of && zeros.iter().all(|byte| *byte == 0), "{coding}");
    }
    for target in ["/fault/coding-bomb?as=br&of=5", "/fault/coding-bomb?of=1099511627776"] {
        assert_eq!(get(&server, target).line, "HTTP/1.1 400 Bad Request", "{target}");
    }
}

#[test]
fn what_stands_at_the_url_is_coded() {
    use hoist_rehearsal::{HttpRehearsal, Scenario};
    let text = "[[request]]\nfault = \"coding-unasked?as=zstd\"";
    let scenario = Scenario::parse(text, std::path::Path::new("")).unwrap();
    let server = crate::client::spawn(HttpRehearsal { scenario, ..HttpRehearsal::local() });
    let answer = get(&server, "/flags/fr/fr.gif");
    assert_eq!(answer.header("Content-Type"), Some("image/gif"));
    assert_eq!(decoded("zstd", &answer.body).unwrap(), flags::flag_gif("fr").unwrap());
}

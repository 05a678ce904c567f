//! Flags and files.

use std::fs;

use hoist_rehearsal::{Content, End, HttpRehearsal, flags};

use crate::client::{Client, LONG, get, local, spawn};

#[test]
fn every_code_has_its_flag_and_its_country() {
    let server = local();
    let mut client = Client::to(server.addr());
    for cc in flags::COUNTRY_CODES {
        let lower = cc.to_ascii_lowercase();
        let gif = client.ask(&format!("/flags/{lower}/{lower}.gif")).answer();
        assert_eq!(gif.line, "HTTP/1.1 200 OK");
        assert_eq!(gif.header("Content-Type"), Some("image/gif"));
        assert_eq!(Some(gif.body.as_slice()), flags::flag_gif(cc), "{cc}");
        let metadata = client.ask(&format!("/flags/{lower}/metadata.json")).answer();
        let json: serde_json::Value = serde_json::from_slice(&metadata.body).unwrap();
        assert_eq!(json["cc"], *lower);
        assert_eq!(json["country"], flags::flag(cc).unwrap().country);
    }
}

#[test]
fn what_is_no_flag_is_not_found() {
    let server = local();
    for target in [
        "/flags/xx/xx.gif",
        "/flags/FR/FR.gif",
        "/flags/fr/de.gif",
        "/flags/fr/fr.png",
        "/flags/fr",
        "/flags/fr/",
        "/flags/fr/fr.gif/",
        "/fr/fr.gif",
        "/etc/passwd",
    ] {
        assert_eq!(get(&server, target).line, "HTTP/1.1 404 Not Found", "{target}");
    }
}

#[test]
fn a_connection_serves_many_requests_even_sent_at_once() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.ask("/bytes/3").ask("/flags/fr/fr.gif").ask("/bytes/4");
    assert_eq!(client.answer().body.len(), 3);
    assert_eq!(client.answer().body, flags::flag_gif("FR").unwrap());
    assert_eq!(client.answer().body.len(), 4);
    assert!(server.settle(LONG));
    let records = server.truth().http();
    assert!(records.iter().all(|r| r.conn == 1 && r.end == End::Keep), "{records:?}");
    assert_eq!((server.stats().connections, server.stats().requests), (1, 3));
}

#[test]
fn head_has_the_head_only() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.send(b"HEAD /flags/fr/fr.gif HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (bytes, _) = client.rest();
    let answer = crate::client::Answer::split(&bytes);
    let length = flags::flag_gif("FR").unwrap().len().to_string();
    assert_eq!(answer.header("Content-Length"), Some(length.as_str()));
    assert!(answer.body.is_empty());
}

#[test]
fn a_folder_is_folder_and_nothing_outside_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("sub/a b.txt"), "hello").unwrap();
    fs::write(folder.join("index.html"), "<p>").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink(dir.path().join("secret"), folder.join("link")).unwrap();
    std::os::unix::fs::symlink(dir.path(), folder.join("up")).unwrap();
    let big: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(folder.join("big.bin"), &big).unwrap();

    let server = spawn(HttpRehearsal { content: Content::Dir(folder), ..HttpRehearsal::local() });
    let mut client = Client::to(server.addr());
    let answer = client.ask("/sub/a%20b.txt?x").answer();
    assert_eq!((answer.line.as_str(), answer.text()), ("HTTP/1.1 200 OK", "hello"));
    assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(client.ask("/").answer().text(), "<p>");
    assert!(client.ask("/empty").answer().body.is_empty());
    assert!(client.ask("/big.bin").answer().body == big);
    for target in [
        "/sub",
        "/none",
        "/link",
        "/up/secret",
        "/../secret",
        "/sub/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "//secret",
        "/flags/fr/fr.gif",
    ] {
        assert_eq!(client.ask(target).answer().line, "HTTP/1.1 404 Not Found", "{target}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let content = Content::Dir("/nonexistent/folder".into());
    let rehearsal = HttpRehearsal { content, ..HttpRehearsal::local() };
    assert!(rehearsal.spawn(&["127.0.0.1:0".parse().unwrap()]).is_err());
}

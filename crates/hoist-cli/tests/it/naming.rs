//! How files are named: by templates, as curl names them, as servers name them, in folders by hash.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener};
use std::process::Command;
use std::time::Duration;

use crate::harness::{Here, files, folder, objects, run};
use crate::killed::kill_after;

/// A server that answers each request with this field, and a short body that is the path asked for.
fn naming_server(field: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else { continue };
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let path = first.split(' ').nth(1).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n{field}\r\n\r\n{path}",
                path.len()
            );
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    base
}

fn sha256(file: &std::path::Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

#[test]
fn files_can_be_named_after_what_is_in_them() {
    let here = Here::new();
    here.write(&["/bytes/100", "/bytes/200000?id=a", "/bytes/200000?id=b", "/status/404"]);
    let template = ["--name", "{sha256:2}/{sha256}{ext}"];
    let said = here.get(&template);
    assert_eq!(said.code, Some(1), "{said:?}");
    let saved = here.files();
    assert_eq!(saved.len(), 3);
    let mut copies = 0;
    for name in &saved {
        let hash = sha256(&here.path("out").join(name));
        let plain = format!("{}/{hash}", &hash[..2]);
        // Who has the same bytes comes second and gives way.
        copies += usize::from(*name == format!("{plain}~1") || *name == format!("{plain}~2"));
        assert!(name.starts_with(&plain), "{name}");
    }
    assert_eq!(copies, 1, "{saved:?}");
    let names: BTreeSet<_> =
        here.record().values().filter_map(|o| Some(o["path"].as_str()?.to_owned())).collect();
    assert_eq!(names.len(), 3);
    let said = here.get(&template);
    assert!(said.err.starts_with("all done before: "), "{}", said.err);
    assert_eq!(here.files(), saved);

    let dir = folder();
    let url = format!("{}/bytes/300000", here.base);
    let line = ["get", "--name", "{sha256}", "--hash", "md5", "--format", "jsonl", &url];
    let told = objects(&run(dir.path(), &line).out);
    assert!(told[0]["hash"].as_str().unwrap().starts_with("md5:"));
    assert_eq!(files(dir.path()), [sha256(&dir.path().join(&files(dir.path())[0]))]);
}

#[test]
fn a_killed_run_names_by_content_what_the_next_one_finishes() {
    let here = Here::new();
    let mut text = String::new();
    for n in 0..400 {
        writeln!(text, "{}/bytes/{}", here.base, 1000 + n * 37).unwrap();
    }
    fs::write(here.path("list"), text).unwrap();
    let line = ["get", "-o", "out", "-i", "list", "--per-origin", "4", "--name", "{sha256}"];
    let mut killed = 0;
    for ms in [20, 60, 90, 40] {
        killed += usize::from(kill_after(here.dir.path(), &line, Duration::from_millis(ms)).1);
    }
    assert!(killed > 0);
    assert_eq!(run(here.dir.path(), &line).code, Some(0));
    let saved = here.files();
    assert_eq!(saved.len(), 400);
    for name in saved {
        assert_eq!(sha256(&here.path("out").join(&name)), name);
    }
}

#[test]
fn names_can_be_the_hash_of_the_url() {
    let here = Here::new();
    here.write(&["/bytes/5?id=a", "/bytes/5?id=b"]);
    let said = here.get(&["--name", "{url_hash:2}/{url_hash}-{index:04}"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for (position, outcome) in here.record() {
        fs::write(here.path("url"), outcome["url"].as_str().unwrap()).unwrap();
        let hash = sha256(&here.path("url"));
        let name = format!("{}/{}-{position:04}", &hash[..2], &hash[..32]);
        let path = here.path("out").join(&name);
        assert_eq!(outcome["path"], path.to_str().unwrap());
        assert!(path.is_file());
    }
}

#[test]
fn fanned_out_files_are_below_256_folders() {
    let here = Here::new();
    let lines: Vec<String> = (0..300).map(|n| format!("/bytes/{n}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    here.write(&lines);
    let said = here.get(&["-O", "--fan-out", "1"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let folders: BTreeSet<_> = here.files().iter().map(|name| name[..3].to_owned()).collect();
    assert_eq!(here.files().len(), 300);
    assert!(folders.len() > 100 && folders.iter().all(|name| name.ends_with('/')), "{folders:?}");
}

/// The same files as curl's, where curl is there.
#[test]
fn remote_names_are_those_of_curl() {
    let base = naming_server("Content-Disposition: attachment; filename=\"../a cat.jpg\"");
    let url = format!("{base}/x/y%20z.gif?q=1");
    for letters in ["-O", "-OJ"] {
        let (ours, theirs) = (folder(), folder());
        assert_eq!(run(ours.path(), &["get", letters, &url]).code, Some(0));
        let expected = if letters == "-O" { "y%20z.gif" } else { "a cat.jpg" };
        assert_eq!(files(ours.path()), [expected]);
        let curl = Command::new("curl").args(["-s", letters, &url]).current_dir(&theirs).status();
        if curl.is_ok_and(|status| status.success()) {
            assert_eq!(files(theirs.path()), files(ours.path()), "{letters}");
        }
    }
    // The server's choice replaces nothing.
    let dir = folder();
    fs::write(dir.path().join("a cat.jpg"), "mine").unwrap();
    assert_eq!(run(dir.path(), &["get", "-OJ", &url]).code, Some(0));
    assert_eq!(files(dir.path()), ["a cat.jpg", "a cat.jpg~0"]);
    assert_eq!(fs::read(dir.path().join("a cat.jpg")).unwrap(), b"mine");
    // One that is typed does, as with curl.
    fs::write(dir.path().join("y%20z.gif"), "mine").unwrap();
    assert_eq!(run(dir.path(), &["get", "-O", &url]).code, Some(0));
    assert_eq!(fs::read(dir.path().join("y%20z.gif")).unwrap(), b"/x/y%20z.gif?q=1");
}

#[test]
fn a_server_cannot_choose_the_folder() {
    for (field, name) in [
        ("Content-Disposition: attachment; filename*=UTF-8''..%2F..%2Fx%20y.sh", "x y.sh"),
        ("Content-Disposition: attachment; filename=\".bashrc\"", "%2Ebashrc"),
        ("Content-Disposition: attachment; filename=\".hoist\"", "%2Ehoist"),
        ("Content-Disposition: attachment; filename=\"..\"", "y.gif"),
        ("X-Nothing: here", "y.gif"),
    ] {
        let base = naming_server(field);
        let dir = folder();
        let line = ["get", "-o", "out", "-J", "--name", "{basename}{ext}"];
        let said = run(dir.path(), &[&line[..], &[&format!("{base}/x/y.gif")]].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(files(dir.path()), [format!("out/{name}")], "{field}");
    }
}

#[test]
fn names_that_make_no_sense_are_refused() {
    let dir = folder();
    for (options, word) in [
        (&["-O", "--name", "{index}"][..], "cannot be used with"),
        (&["--fan-out", "1", "--name", "{index}"], "cannot be used with"),
        (&["--fan-out", "5"], "write a number from 1 to 4"),
        (&["--name", "{sha512}"], "{sha256}"),
        (&["-J", "--name", "{index}"], "{basename}"),
        (&["-o", "-", "-O"], "-o - writes none"),
        (&["--to", "tar:{shard}.tar", "-O"], "-O names files"),
        (&["--to", "tar:{shard}.tar", "--name", "{sha256}"], "--hash sha256"),
    ] {
        let said = run(dir.path(), &[&["get", "http://127.0.0.1:1/x"], options].concat());
        assert_eq!(said.code, Some(2), "{options:?}: {said:?}");
        assert!(said.err.contains(word), "{options:?}: {}", said.err);
    }
    assert!(files(dir.path()).is_empty());
}

//! Lists that are compressed, and lists in aria2's form: answered, gone on with, and never taken for
//! whole when they are not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{GET, Here, Said, asked, assert_refused, end, hoist, run};
use crate::killed::{chance, kill_after, moments, too_many};

/// What a program makes of bytes on its standard input.
fn through(program: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new(program[0])
        .args(&program[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    Some(output.stdout)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    through(&["gzip", "-c"], bytes).expect("gzip is installed")
}

/// The same list in each form that can be made here.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let middle = text.len() / 2;
    let (first, second) = text.as_bytes().split_at(middle);
    let mut forms =
        vec![("gzip", gzip(text.as_bytes())), ("members", [gzip(first), gzip(second)].concat())];
    forms.extend(through(&["zstd", "-c"], text.as_bytes()).map(|bytes| ("zstd", bytes)));
    forms.extend(through(&["zstd", "-c", "-19"], text.as_bytes()).map(|bytes| ("zstd -19", bytes)));
    forms
}

fn pipe_bytes(here: &Here, bytes: &[u8], options: &[&str]) -> Said {
    let line = [&GET[..], options].concat();
    let mut child = hoist(here.dir.path(), &line).stdin(Stdio::piped()).spawn().unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    end(child)
}

/// What became of each position.
fn outcomes(here: &Here) -> BTreeMap<u64, (String, Value)> {
    let told = |o: &Value| (o["outcome"].as_str().unwrap().to_owned(), o["url"].clone());
    here.record().iter().map(|(position, outcome)| (*position, told(outcome))).collect()
}

#[test]
fn compressed_lists_are_answered_and_known_again() {
    let many: Vec<String> = (0..500).map(|n| format!("/bytes/{n}?id=x")).collect();
    let mut lines = vec!["/status/404", "", "# comment", "no URL", "/bytes/7\tseven"];
    lines.extend(many.iter().map(String::as_str));
    let here = Here::new();
    let text = here.text(&lines);
    for (name, bytes) in forms(&text) {
        let _ = fs::remove_dir_all(here.path("out"));
        // By what is in it, not by its name.
        fs::write(here.path("list"), &bytes).unwrap();
        let said = here.get(&[]);
        assert!(said.err.contains("501 ok, 1 not found, 1 failed of 503 URLs"), "{name}: {said:?}");
        let all = outcomes(&here);
        assert_eq!(all.keys().copied().take(4).collect::<Vec<_>>(), [0, 3, 4, 5], "{name}");
        let before = asked(&here.server);
        let said = here.get(&[]);
        assert!(said.err.starts_with("all done before: "), "{name}: {}", said.err);
        // It has another time now, and is read again; then it is plain.
        fs::write(here.path("list"), &bytes).unwrap();
        assert!(here.get(&[]).err.starts_with("all done before: "), "{name}");
        fs::write(here.path("list"), &text).unwrap();
        assert!(here.get(&[]).err.starts_with("all done before: "), "{name}");
        assert!(pipe_bytes(&here, &bytes, &[]).err.starts_with("all done before: "), "{name}");
        assert_eq!(here.asked_since(&before), [""; 0], "{name}");
        // Another list, compressed, is another list.
        let other = text.replacen("bytes/0", "bytes/9", 1);
        fs::write(here.path("list"), gzip(other.as_bytes())).unwrap();
        assert_refused(&here.get(&[]), "somewhere in lines 1 to ", "--fresh");
    }
}

#[test]
fn a_compressed_list_comes_through_a_pipe() {
    let here = Here::new();
    let text = here.text(&["/bytes/1", "/bytes/2", "/status/404"]);
    for (name, bytes) in forms(&text) {
        let _ = fs::remove_dir_all(here.path("out"));
        let said = pipe_bytes(&here, &bytes, &[]);
        assert!(said.err.contains("2 ok, 1 not found of 3 URLs"), "{name}: {said:?}");
        // Given again it may be cut: its copy is there.
        let said = pipe_bytes(&here, b"", &[]);
        assert!(said.err.starts_with("all done before: "), "{name}: {}", said.err);
    }
    fs::write(here.path("list.gz"), gzip(text.as_bytes())).unwrap();
    let url = format!("{}/bytes/3", here.base);
    let said = run(here.dir.path(), &["get", "-o", "both", "-i", "list.gz", &url]);
    assert!(said.err.contains("3 ok, 1 not found of 4 URLs"), "{said:?}");
}

#[test]
fn a_torn_list_is_answered_as_far_as_it_goes_and_said_to_be_torn() {
    let here = Here::new();
    let mut text = String::new();
    for n in 0..3_000 {
        writeln!(text, "{}/status/404?id={}", here.base, n * 7_919_u64).unwrap();
    }
    for (name, bytes) in forms(&text) {
        let _ = fs::remove_dir_all(here.path("out"));
        fs::write(here.path("list"), &bytes[..bytes.len() * 2 / 3]).unwrap();
        let said = here.get(&["-m", "16"]);
        let why = "the list could not be read after line ";
        assert_refused(&said, why, "cut off: it ends before its end");
        let (_, behind) = said.err.split_once(why).unwrap();
        let after: u64 = behind.split(':').next().unwrap().parse().unwrap();
        // All before has its outcome, and nothing behind.
        let all = outcomes(&here);
        assert_eq!(all.len() as u64, after, "{name}");
        assert!(all.keys().copied().eq(0..after), "{name}");
        if name.starts_with("gzip") {
            assert!((1_000..3_000).contains(&after), "{name}: {after}");
        }
        // The same again says the same; with the whole list it is gone on with.
        assert_refused(&here.get(&[]), why, "cut off");
        let before = asked(&here.server);
        fs::write(here.path("list"), &bytes).unwrap();
        let said = here.get(&[]);
        assert!(
            said.err.contains("3000 not found of 3,000 URLs")
                || said.err.contains("3000 not found of 3000 URLs"),
            "{name}: {said:?}"
        );
        assert_eq!(here.asked_since(&before).len() as u64, 3_000 - after, "{name}");
    }
    let mut damaged = gzip(text.as_bytes());
    let at = damaged.len() / 2;
    damaged[at] ^= 0xff;
    fs::write(here.path("list"), damaged).unwrap();
    let said = run(here.dir.path(), &["get", "-o", "other", "-i", "list", "--retries", "0"]);
    assert_refused(&said, "after line ", "damaged");
}

#[test]
fn a_window_that_is_too_large_is_refused_with_a_remedy() {
    let here = Here::new();
    let text = here.text(&["/bytes/1"]);
    let Some(bytes) = through(&["zstd", "-c", "--long=27"], text.as_bytes()) else { return };
    fs::write(here.path("list"), bytes).unwrap();
    assert_refused(&here.get(&[]), "after line 0: the zstd file needs a window", "zstd -dc");
}

/// A list that takes longer than all the runs together, and what it must come to.
fn killed_again_and_again(form: &[&str], write: impl Fn(&str, u64) -> (String, Vec<u8>)) {
    let here = Here::new();
    let mut random = chance();
    let moments = &moments(&mut random)[..8];
    let items = too_many(moments, 1_500);
    let (text, bytes) = write(&here.base, items);
    fs::write(here.path("list"), &bytes).unwrap();
    let line = [&["get", "-o", "out", "-i", "list", "--format", "jsonl"], form].concat();
    let mut told = BTreeMap::new();
    for moment in moments {
        for (_, line) in kill_after(here.dir.path(), &line, *moment).0 {
            let outcome: Value = serde_json::from_str(&line).unwrap();
            let position = outcome["index"].as_u64().unwrap();
            assert!(told.insert(position, outcome).is_none(), "{position} was told twice");
        }
    }
    let said = run(here.dir.path(), &line);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let all = here.record();
    assert_eq!(all.len() as u64, items);
    let lines: Vec<&str> = text.lines().collect();
    for (position, outcome) in &all {
        let url = outcome["url"].as_str().unwrap();
        let index = usize::try_from(*position).unwrap();
        assert_eq!(lines[index].split('\t').next(), Some(url), "at {position}");
        assert_eq!(outcome["outcome"], "ok");
        if !form.is_empty() {
            let id = url.rsplit('=').next().unwrap();
            assert!(outcome["path"].as_str().unwrap().ends_with(&format!("/named/{id}.bin")));
        }
    }
    assert_eq!(here.files().len() as u64, items);
}

#[test]
fn a_killed_run_of_a_compressed_list_loses_nothing() {
    killed_again_and_again(&[], |base, items| {
        let mut text = String::new();
        for n in 0..items {
            writeln!(text, "{base}/bytes/{}?id={n}", n % 900).unwrap();
        }
        let bytes = gzip(text.as_bytes());
        (text, bytes)
    });
}

/// Options may be in another block than their URI.
#[test]
fn a_killed_run_of_an_aria2_list_loses_nothing() {
    killed_again_and_again(&["--input-format", "aria2"], |base, items| {
        let mut text = String::new();
        for n in 0..items {
            writeln!(text, "{base}/bytes/{}?id={n}\thttp://127.0.0.1:1/\n  out={n}.bin", n % 900)
                .unwrap();
            text.push_str("# a comment\n  split=5\n  dir=named\n");
        }
        let bytes = text.clone().into_bytes();
        (text, bytes)
    });
}

#[test]
fn a_list_of_aria2_is_answered() {
    let here = Here::new();
    let md5 = |digits: &str| format!("  checksum=md5={digits}");
    let good = {
        fs::write(here.path("body"), crate::harness::body(5)).unwrap();
        let output = Command::new("md5sum").arg(here.path("body")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()[..32].to_owned()
    };
    let (good, bad) = (md5(&good), md5(&"0".repeat(32)));
    here.write(&[
        "/bytes/5",
        "  out=five.bin",
        &good,
        "  max-connection-per-server=16",
        "/bytes/5?id=b",
        "\tout=other.bin",
        &bad,
        "# no",
        "/bytes/6\thttp://127.0.0.1:1/mirror",
        "  dir=sub/folder",
        "/bytes/7",
        "  header=X: y",
        "/bytes/8",
    ]);
    let said = here.get(&["--input-format", "aria2", "-O"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("3 ok, 2 failed of 5 URLs"), "{}", said.err);
    assert!(said.err.contains("bytes/7: bad_input: line 12: header=: "), "{}", said.err);
    assert!(said.err.contains("hash_mismatch"), "{}", said.err);
    assert_eq!(here.files(), ["8", "five.bin", "sub/folder/6"]);
    let positions: Vec<_> = here.record().into_keys().collect();
    assert_eq!(positions, [0, 4, 8, 10, 12]);
    let said = here.get(&["--input-format", "aria2", "-O"]);
    assert!(said.err.starts_with("all done before: "), "{}", said.err);
    // Compressed it is the same list.
    let list = fs::read(here.path("list")).unwrap();
    fs::write(here.path("list"), gzip(&list)).unwrap();
    let said = here.get(&["--input-format", "aria2", "-O"]);
    assert!(said.err.starts_with("all done before: "), "{}", said.err);
    // As lines it is another.
    assert_refused(&here.get(&[]), "--input-format aria2", "--fresh");

    let said = run(here.dir.path(), &["get", "--input-format", "aria2", "http://127.0.0.1:1/"]);
    assert_eq!(said.code, Some(2), "{said:?}");
}

//! What is brought back is verified, or no file; and the record knows what it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{GET, Here, asked, body, end, folder, hoist, listen, objects, run};

/// What coreutils make of the first bytes of the rehearsal's body.
fn coreutils(algorithm: &str, length: usize) -> String {
    let mut child = Command::new(format!("{algorithm}sum"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&body(length)).unwrap();
    let digits = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    format!("{algorithm}:{}", digits.split(' ').next().unwrap())
}

fn no_parts(here: &Here) {
    let parts: Vec<_> = fs::read_dir(here.path("out/.hoist/parts")).unwrap().collect();
    assert!(parts.is_empty(), "{parts:?}");
}

/// Whether the record says what was told; of the path it knows the folder by its full name.
fn is_on(record: &BTreeMap<u64, Value>, outcome: &Value) -> bool {
    let mut recorded = record[&outcome["index"].as_u64().unwrap()].clone();
    let path = recorded["path"].take();
    let mut outcome = outcome.clone();
    let told = outcome["path"].take();
    recorded == outcome
        && path.as_str().unwrap_or_default().ends_with(told.as_str().unwrap_or_default())
}

#[test]
fn a_hash_in_the_list_is_verified_told_and_on_record() {
    let here = Here::new();
    let (sha256, md5) = (coreutils("sha256", 1_000), coreutils("md5", 200_000));
    let wrong = format!("sha256:{}", "0".repeat(64));
    here.write(&[
        &format!("/bytes/1000\tright\t{}", sha256.to_ascii_uppercase()),
        &format!("/bytes/1000?id=2\twrong\t{wrong}"),
        &format!("/bytes/200000\t\t{md5}"),
        "/bytes/1000\tshort\tsha256:00",
        &format!("/bytes/1000\t{sha256}"),
        "/bytes/5\tunhashed",
    ]);
    let said = here.get(&["--format", "jsonl", "--ordered"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let told = objects(&said.out);
    let field = |name: &str| told.iter().map(|o| o[name].as_str()).collect::<Vec<_>>();
    let bad = Some("bad_input");
    assert_eq!(field("kind"), [None, Some("hash_mismatch"), None, bad, bad, None]);
    assert_eq!(field("hash"), [Some(&*sha256), None, Some(&*md5), None, None, None]);
    let reason = told[1]["reason"].as_str().unwrap();
    assert_eq!(reason, format!("the body has {sha256}; {wrong} was promised"));
    let host = here.base.trim_start_matches("http://").replace(':', "_");
    assert_eq!(here.files(), [format!("{host}/bytes/200000").as_str(), "right", "unhashed"]);
    no_parts(&here);
    let record = here.record();
    assert!(record.len() == told.len() && told.iter().all(|outcome| is_on(&record, outcome)));

    // What is on record is a list that can be verified.
    let dir = here.dir.path();
    let record = run(dir, &["outcomes", "out", "--only", "ok"]);
    fs::write(here.path("again.jsonl"), record.out).unwrap();
    let again = run(dir, &["get", "-i", "again.jsonl", "-o", "again"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    let csv = run(dir, &["outcomes", "out", "--format", "csv", "--only", "ok"]).out;
    assert!(csv.lines().next().unwrap().contains(",crc32c,member,hash,timing.queue,"), "{csv}");
    assert!(csv.contains(&sha256) && csv.contains(&md5), "{csv}");
}

#[test]
fn a_mismatch_is_asked_again_where_it_is_wanted_and_not_otherwise() {
    let here = Here::new();
    let line = format!("/bytes/1000\tx\tmd5:{}", "0".repeat(32));
    here.write(&[&line]);
    let said = here.get_patiently(&[]);
    assert!(said.err.contains("/bytes/1000: hash_mismatch: the body has md5:"), "{}", said.err);
    assert!(said.err.contains("failures: 1 hash_mismatch"), "{}", said.err);
    assert_eq!(asked(&here.server)["/bytes/1000"], 1, "another try can't help");
    here.get_patiently(&[]);
    assert_eq!(asked(&here.server)["/bytes/1000"], 1);
    here.get_patiently(&["--again", "hash_mismatch"]);
    assert_eq!(asked(&here.server)["/bytes/1000"], 2);
    assert!(here.files().is_empty());
    no_parts(&here);
}

#[test]
fn every_body_is_hashed_where_that_is_asked_for() {
    let here = Here::new();
    here.write(&["/bytes/0\tempty", "/bytes/100000\tlarge", "/status/404"]);
    for algorithm in ["sha256", "md5"] {
        let said = here.get(&["--hash", algorithm, "--fresh", "--format", "jsonl", "--ordered"]);
        let hashes: Vec<_> = objects(&said.out).iter().map(|o| o["hash"].clone()).collect();
        let hash = |length| Value::from(coreutils(algorithm, length));
        assert_eq!(hashes, [hash(0), hash(100_000), Value::Null], "{said:?}");
    }
    let url = format!("{}/bytes/7", here.base);
    let line = ["get", &url, "--hash", "MD5", "--format", "jsonl", "-o", "typed"];
    let said = run(here.dir.path(), &line);
    assert_eq!(objects(&said.out)[0]["hash"], coreutils("md5", 7), "{said:?}");
}

#[test]
fn a_wrong_body_on_standard_output_is_told_by_the_exit_code() {
    let (dir, here) = (folder(), Here::new());
    let get = |hash: &str| {
        let item = format!("{}/bytes/9\t\t{hash}", here.base);
        let output = hoist(dir.path(), &["get", "-o", "-", &item]).output().unwrap();
        (output.status.code(), output.stdout)
    };
    assert_eq!(get(&coreutils("sha256", 9)), (Some(0), body(9)));
    assert_eq!(get(&coreutils("sha256", 8)), (Some(1), Vec::new()));
}

#[test]
fn other_types_and_sizes_are_outcomes_and_no_files() {
    let here = Here::new();
    here.write(&["/flags/br/br.gif\tflag", "/headers\ttext", "/bytes/10\tbytes", "/status/404"]);
    let accept = ["--accept", "image/GIF,text/*", "--accept", "audio/*", "--format", "jsonl"];
    let said = here.get(&[&accept[..], &["--ordered", "--min-size", "1K"]].concat());
    let kinds: Vec<_> = objects(&said.out).iter().map(|o| o["kind"].clone()).collect();
    let not_acceptable = Value::from("not_acceptable");
    let expected = [&Value::Null, &not_acceptable, &not_acceptable, &Value::Null];
    assert!(kinds.iter().eq(expected), "{said:?}");
    assert_eq!(here.files(), ["flag"]);
    no_parts(&here);

    // -H says what is sent, --accept what is taken.
    let line = ["get", "-o", "-", "--accept", "text/*", "-H", "Accept: text/plain;q=0.3"];
    let headers = format!("{}/headers", here.base);
    let sent = run(here.dir.path(), &[&line[..], &[&headers]].concat()).out.to_lowercase();
    assert!(sent.contains("accept: text/plain;q=0.3\r\n"), "{sent}");
    let sent = run(here.dir.path(), &[&line[..5], &[&headers]].concat()).out.to_lowercase();
    assert!(sent.contains("accept: text/*\r\n"), "{sent}");
}

/// Killed again and again among right and wrong bodies, most of them in flight.
#[test]
fn killed_at_any_moment_no_wrong_body_is_left() {
    let here = Here::new();
    let lengths = [0, 700, 70_000, 300_000];
    let hashes = lengths.map(|length| [coreutils("sha256", length), coreutils("md5", length)]);
    let mut text = String::new();
    for n in 0..800 {
        let (kind, right) = (n % lengths.len(), n % 3 > 0);
        let (length, hash) = (lengths[kind], &hashes[kind][n % 2]);
        let other = &hashes[(kind + 1) % lengths.len()][n % 2];
        let hash = if right { hash } else { other };
        let path = if n % 5 == 0 { "chunked?of=" } else { "bytes/" };
        let mark = if n % 5 == 0 { '&' } else { '?' };
        writeln!(text, "{}/{path}{length}{mark}id={n}\t{n}\t{hash}", here.base).unwrap();
    }
    fs::write(here.path("list"), text).unwrap();
    let line = [&GET[..], &["-i", "list", "--format", "jsonl", "--hash", "sha256"]].concat();
    let mut told = BTreeMap::new();
    for run in 0.. {
        let until = Instant::now() + Duration::from_millis(20 + 25 * run);
        let mut child = hoist(here.dir.path(), &line).spawn().unwrap();
        let lines = listen(&mut child);
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let _ = child.kill();
        let killed = end(child).code.is_none();
        for (_, line) in lines.join().unwrap() {
            let outcome: Value = serde_json::from_str(&line).unwrap();
            let again = told.insert(outcome["index"].as_u64().unwrap(), outcome);
            assert!(again.is_none(), "told twice: {line}");
        }
        if !killed {
            assert!(run > 2, "it was hardly killed");
            break;
        }
    }
    let record = here.record();
    assert!(record.keys().copied().eq(0..800), "an outcome is missing");
    assert!(told.values().all(|outcome| is_on(&record, outcome)));
    let mut expected = Vec::new();
    for (position, outcome) in &record {
        let n = usize::try_from(*position).unwrap();
        if n % 3 == 0 {
            assert_eq!(outcome["kind"], "hash_mismatch", "{outcome}");
            assert_eq!(outcome.get("hash"), None);
            continue;
        }
        assert_eq!(outcome["hash"], hashes[n % 4][0], "{outcome}");
        let saved = fs::read(Path::new(&here.path("out")).join(n.to_string())).unwrap();
        assert!(saved == body(lengths[n % 4]), "{outcome}");
        expected.push(n.to_string());
    }
    expected.sort();
    assert_eq!(here.files(), expected);
    no_parts(&here);
}

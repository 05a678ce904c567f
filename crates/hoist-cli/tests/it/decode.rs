//! `--decode`: what is saved is what was coded, whole, or nothing.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::harness::{Here, body, folder, hoist, objects, run, unpacked};

/// What becomes of each case of the rehearsal's codings: that many bytes of its body, or one of
/// these failures.
fn expected(fault: &str, target: &str) -> Result<usize, &'static [&'static str]> {
    let of = target.split(['?', '&']).find_map(|part| part.strip_prefix("of="));
    let length = of.map_or(1000, |of| of.parse().unwrap());
    match fault {
        "coding" | "coding-chunked" | "coding-unasked" | "coding-members" | "coding-twice" => {
            Ok(length)
        }
        "coding-unknown" if target.ends_with("is=identity") || target.ends_with("is=") => {
            Ok(length)
        }
        "coding-unknown" => Err(&["not_acceptable"]),
        "coding-empty" => Ok(0),
        "coding-bomb" => Err(&["too_large"]),
        "coding-cut" => Err(&["truncated"]),
        // Without a header of its own, what is no coding may look like one that is cut.
        "coding-wrong" if target.ends_with("deflate") || target.ends_with("br") => {
            Err(&["malformed", "truncated"])
        }
        "coding-wrong" | "coding-corrupt" | "coding-invalid" | "coding-trailing" => {
            Err(&["malformed"])
        }
        other => unreachable!("it is to be said here what becomes of {other}"),
    }
}

#[test]
fn every_coding_of_the_rehearsal_is_undone_or_a_failure() {
    // The judge knows all cases; to it, bytes as they are sent would be right too.
    let check =
        ["rehearse", "--check", "--only", "coding", "--json", "--limit", "40s", "--jobs", "4"];
    let client = [env!("CARGO_BIN_EXE_hoist"), "get", "--decode", "--retries", "0"];
    let place = ["-o", "{dir}", "--name", "{name}", "{url}"];
    let line = [&check[..], &["--"], &client, &place].concat();
    let judged = run(folder().path(), &line);
    assert_eq!((judged.code, judged.err.as_str()), (Some(0), ""), "{judged:?}");
    let cases = objects(&judged.out);
    assert!(cases.len() > 40, "{judged:?}");

    let here = Here::new();
    let target = |case: &Value| case["target"].as_str().unwrap().to_owned();
    let lines: Vec<_> =
        cases.iter().enumerate().map(|(n, case)| format!("{}\t{n}", target(case))).collect();
    here.write(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let said = here.get(&["--decode", "--format", "jsonl", "--ordered"]);
    let told = objects(&said.out);
    assert_eq!(told.len(), cases.len(), "{said:?}");
    for (n, (case, outcome)) in cases.iter().zip(&told).enumerate() {
        let saved = fs::read(here.path("out").join(n.to_string()));
        match expected(case["fault"].as_str().unwrap(), &target(case)) {
            Ok(length) => {
                assert_eq!(outcome["outcome"], "ok", "{outcome}");
                assert_eq!(outcome["bytes"], length, "{outcome}");
                assert!(saved.unwrap() == body(length), "{outcome}");
            }
            Err(kinds) => {
                assert!(kinds.contains(&outcome["kind"].as_str().unwrap_or_default()), "{outcome}");
                assert!(saved.is_err(), "{outcome}");
            }
        }
    }
    let parts: Vec<_> = fs::read_dir(here.path("out/.hoist/parts")).unwrap().collect();
    assert!(parts.is_empty(), "{parts:?}");
    // What is on record is what was told.
    let recorded: BTreeMap<_, _> = here.record();
    let field = |name: &str, outcome: &Value| outcome[name].clone();
    for name in ["outcome", "kind", "bytes", "crc32c"] {
        let both = |outcome: &Value| field(name, outcome);
        assert!(told.iter().map(both).eq(recorded.values().map(both)), "{name}");
    }
}

#[test]
fn without_it_bodies_are_saved_as_they_are_sent() {
    let here = Here::new();
    here.write(&["/fault/coding-unasked?as=gzip\tcoded", "/fault/coding?as=gzip\tplain"]);
    let said = here.get(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let coded = fs::read(here.path("out/coded")).unwrap();
    assert!(coded.starts_with(b"\x1f\x8b") && coded != body(1000));
    assert!(fs::read(here.path("out/plain")).unwrap() == body(1000));
}

#[test]
fn codings_are_asked_for_where_they_are_undone() {
    let here = Here::new();
    let headers = format!("{}/headers", here.base);
    let sent = |options: &[&str]| {
        let line = [&["get", "-o", "-"], options, &[&headers]].concat();
        let said = run(here.dir.path(), &line);
        assert_eq!(said.code, Some(0), "{said:?}");
        let lower = said.out.to_lowercase();
        let asked = lower.lines().find_map(|line| line.strip_prefix("accept-encoding: "));
        asked.map(str::to_owned)
    };
    assert_eq!(sent(&[]), None);
    assert_eq!(sent(&["--decode"]).as_deref(), Some("gzip, deflate, zstd, br"));
    assert_eq!(sent(&["--decode", "-H", "Accept-Encoding: br"]).as_deref(), Some("br"));
}

#[test]
fn sizes_and_hashes_are_those_of_what_is_saved() {
    let here = Here::new();
    let dir = here.dir.path();
    // What is saved is on record with its hash, and is so verified.
    here.write(&["/bytes/300000"]);
    let plain = objects(&here.get(&["--hash", "sha256", "--format", "jsonl"]).out);
    let hash = plain[0]["hash"].as_str().unwrap();
    for coding in ["gzip", "deflate", "zstd", "br"] {
        let url = format!("{}/fault/coding?as={coding}&of=300000", here.base);
        let get = |options: &[&str], item: &str| {
            let line = ["get", "--decode", "-o", coding, "--format", "jsonl"];
            let said = run(dir, &[&line, options, &[item]].concat());
            objects(&said.out).remove(0)
        };
        let right = get(&["--hash", "sha256"], &format!("{url}\tright\t{hash}"));
        assert_eq!(
            (&right["outcome"], &right["bytes"]),
            (&"ok".into(), &300_000.into()),
            "{right}"
        );
        assert_eq!(right["hash"], hash);
        let wrong = get(&[], &format!("{url}\twrong\tsha256:{}", "0".repeat(64)));
        assert_eq!(wrong["kind"], "hash_mismatch", "{wrong}");
        for (options, kind) in [
            (["--min-size", "300001"], "not_acceptable"),
            (["--max-size", "299999"], "too_large"),
            (["--max-size", "1000"], "too_large"),
        ] {
            let refused = get(&options, &format!("{url}\trefused"));
            assert_eq!(refused["kind"], kind, "{refused}");
        }
        let saved: Vec<_> =
            fs::read_dir(dir.join(coding)).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(saved, ["right"]);
    }
}

#[test]
fn a_body_that_is_wrong_from_the_start_is_not_received_to_its_end() {
    let here = Here::new();
    here.write(&["/fault/coding-wrong?says=gzip&of=2000000000\tx"]);
    let said = here.get(&["--decode", "--format", "jsonl"]);
    let outcome = objects(&said.out).remove(0);
    assert_eq!(outcome["kind"], "malformed", "{outcome}");
    assert!(outcome["bytes"].as_u64().unwrap() < 100_000_000, "{outcome}");
    assert!(here.files().is_empty());
}

#[test]
fn long_bodies_take_turns_for_memory() {
    let here = Here::new();
    let of = |n: usize| 600_000 + n;
    let coding = |n: usize| ["br", "zstd", "gzip"][n % 3];
    let lines: Vec<_> =
        (0..90).map(|n| format!("/fault/coding?as={}&of={}\t{n}", coding(n), of(n))).collect();
    here.write(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let said = here.get(&["--decode", "--per-origin", "90", "-m", "90"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for n in 0..90 {
        assert!(fs::read(here.path("out").join(n.to_string())).unwrap() == body(of(n)), "{n}");
    }
}

#[test]
fn shards_hold_what_was_decoded() {
    let here = Here::new();
    let lengths = [0, 1000, 100_000, 3_000_000];
    let lines: Vec<_> = ["gzip", "br", "zstd", "deflate"]
        .iter()
        .flat_map(|coding| lengths.map(|n| format!("/fault/coding?as={coding}&of={n}")))
        .chain(["/fault/coding-cut?as=zstd".to_owned()])
        .collect();
    here.write(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let said = here.get(&["--decode", "--to", "tar:{shard:03}.tar"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let members = unpacked(&here.path("out/000.tar"));
    assert_eq!(members.len(), 32);
    for pair in members.chunks(2) {
        let key = pair[0].0.split('.').next().unwrap();
        let length = lengths[key.parse::<usize>().unwrap() % 4];
        assert!(pair[0].1 == body(length), "{key}");
        let outcome: Value = serde_json::from_slice(&pair[1].1).unwrap();
        assert_eq!(outcome["bytes"], length);
    }
}

#[test]
fn standard_output_gets_what_is_whole_or_an_exit_code() {
    let (dir, here) = (folder(), Here::new());
    let get = |target: &str| {
        let url = format!("{}/fault/{target}", here.base);
        let output = hoist(dir.path(), &["get", "--decode", "-o", "-", &url]).output().unwrap();
        (output.status.code(), output.stdout)
    };
    assert!(get("coding-twice?as=gzip&over=br") == (Some(0), body(1000)));
    assert!(get("coding?as=br&of=3000000") == (Some(0), body(3_000_000)));
    assert_eq!(get("coding-corrupt?as=gzip"), (Some(1), Vec::new()));
    let (code, begun) = get("coding-cut?as=gzip&of=3000000");
    assert!(code == Some(1) && body(3_000_000).starts_with(&begun));
}

#[test]
fn who_wants_a_bomb_gets_it() {
    let here = Here::new();
    here.write(&["/fault/coding-bomb?as=gzip&of=20000000\tzeros"]);
    let said = here.get(&["--decode"]);
    assert!(said.err.contains(" decode to 8"), "{said:?}");
    assert!(said.err.contains("; --max-expansion allows more"), "{said:?}");
    let said = here.get(&["--decode", "--max-expansion", "2000", "--again", "too_large"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(fs::read(here.path("out/zeros")).unwrap() == vec![0; 20_000_000]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let dir = folder();
    for (options, why) in [
        (&["--max-expansion", "10"][..], "--decode"),
        (&["--decode", "--max-expansion", "0"], "--max-expansion"),
        (&["--decode", "--max-expansion", "1e3"], "--max-expansion"),
    ] {
        let said = run(dir.path(), &[&["get", "http://127.0.0.1:1/"], options].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.starts_with("error: ") && said.err.contains(why), "{said:?}");
    }
}

//! `--to tar:`: what is in the shards, which of them there are, and how it goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{
    Here, assert_refused, begun, body, end, hoist, interrupt, objects, run, unpacked, wait,
    wait_until,
};

const TO: [&str; 2] = ["--to", "tar:set/{shard:03}.tar"];

impl Here {
    fn shards(&self, options: &[&str]) -> crate::harness::Said {
        self.get(&[&TO[..], options].concat())
    }

    /// The samples of a shard, by the name of the body: the body, and the outcome beside it.
    fn samples(&self, shard: &str) -> Vec<(String, Vec<u8>, Value)> {
        let members = unpacked(&self.path("out").join(shard));
        let sample = |pair: &[(String, Vec<u8>)]| {
            let [(name, body), (sidecar, json)] = pair else {
                unreachable!("a sample has two files")
            };
            let key = |name: &str| {
                let file = name.rfind('/').map_or(0, |at| at + 1);
                name[..file + name[file..].find('.').unwrap()].to_owned()
            };
            assert_eq!(*sidecar, format!("{}.json", key(name)));
            (name.clone(), body.clone(), serde_json::from_slice(json).unwrap())
        };
        members.chunks(2).map(sample).collect()
    }
}

#[test]
fn a_sample_is_the_body_and_its_outcome() {
    let here = Here::new();
    let sizes = [0, 1, 511, 512, 513, 1_023, 1_024, 1_025, 2_000_000];
    let mut lines: Vec<String> = sizes.iter().map(|n| format!("/bytes/{n}")).collect();
    let long = format!("{}/x.bin", ["d".repeat(150), "e".repeat(150)].join("/"));
    for name in ["named.bin", "named.bin", "ü/ö.v2.BIN", &long, "data.json"] {
        lines.push(format!("/bytes/77\t{name}"));
    }
    lines.extend(["/flags/br/br.gif", "/status/404", "# none", "no URL"].map(str::to_owned));
    here.write(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let said = here.shards(&["--format", "jsonl", "--ordered"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let by_index = |text: &str| -> BTreeMap<_, _> {
        objects(text).into_iter().map(|o| (o["index"].as_u64().unwrap(), o)).collect()
    };
    let told = by_index(&said.out);
    let record = run(here.dir.path(), &["outcomes", "out"]).out;
    assert!(told == by_index(&record), "{record}");
    assert_eq!(here.files(), ["set/000.tar"]);

    let samples = here.samples("set/000.tar");
    let names: Vec<_> = samples.iter().map(|(name, ..)| name.as_str()).collect();
    let long = format!("{}~12.bin", long.strip_suffix(".bin").unwrap());
    let given = ["named~9.bin", "named~10.bin", "ü/ö_v2~11.bin", &long, "data~13.body.json"];
    let by_position: Vec<_> = (0..9).map(|n| format!("{n:012}.bin")).collect();
    let by_position = by_position.iter().map(String::as_str);
    let expected: Vec<_> = by_position.chain(given).chain(["000000000014.gif"]).collect();
    assert_eq!(names, expected, "in the order of the list");
    for (n, (name, bytes, outcome)) in samples.iter().enumerate() {
        let told = &told[&(n as u64)];
        assert_eq!(told, outcome);
        assert_eq!((&told["member"], &told["outcome"]), (&name.as_str().into(), &"ok".into()));
        assert_eq!(told["path"], "out/set/000.tar");
        assert_eq!(told["bytes"], bytes.len());
        if let Some(size) = sizes.get(n) {
            assert!(*bytes == body(*size), "{size}");
        }
    }
}

#[test]
fn a_shard_ends_by_count_or_by_size() {
    for (option, limit, samples) in [
        ("--shard-count", "4", vec![4, 4, 2]),
        // Each takes 512 and 3,072 of its own, and 512 and 512 for the sidecar; the end 1,024.
        ("--shard-size", "19456", vec![4, 4, 2]),
        ("--shard-size", "19455", vec![3, 3, 3, 1]),
        ("--shard-size", "1", vec![1; 10]),
    ] {
        let here = Here::new();
        here.write(&["/bytes/3000"; 10]);
        assert_eq!(here.shards(&[option, limit]).code, Some(0));
        let there = here.files();
        let counts: Vec<_> = there.iter().map(|shard| here.samples(shard).len()).collect();
        assert_eq!(counts, samples, "{option} {limit}");
        if let (4, Ok(limit)) = (samples[0], limit.parse::<usize>()) {
            assert!(there.iter().all(|shard| here.length(shard) <= limit.max(19_456)));
        }
    }
}

#[test]
fn a_complete_run_is_gone_on_with_in_a_new_shard() {
    let here = Here::new();
    fs::create_dir_all(here.path("out/set")).unwrap();
    fs::write(here.path("out/set/001.tar"), "of others").unwrap();
    here.write(&["/bytes/1", "/bytes/2"]);
    assert_eq!(here.shards(&[]).code, Some(0));
    assert_eq!(here.files(), ["set/000.tar", "set/001.tar"]);
    // It may have gone to where it is needed.
    fs::remove_file(here.path("out/set/000.tar")).unwrap();
    assert_eq!(here.shards(&[]).code, Some(0));
    here.write(&["/bytes/1", "/bytes/2", "/bytes/3"]);
    let said = here.shards(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(here.files(), ["set/001.tar", "set/002.tar"]);
    assert_eq!(here.length("set/001.tar"), 9);
    let samples = here.samples("set/002.tar");
    assert_eq!((samples.len(), samples[0].1.len()), (1, 3));
    assert_eq!(fs::read_dir(here.path("out/.hoist/parts")).unwrap().count(), 0);

    // Over again, it replaces what is its own.
    let said = here.shards(&["--fresh", "--shard-count", "1"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let shards = ["set/000.tar", "set/001.tar", "set/002.tar", "set/003.tar"];
    assert_eq!(here.files(), shards);
    assert_eq!(here.length("set/001.tar"), 9);
    for shard in ["set/000.tar", "set/002.tar", "set/003.tar"] {
        assert_eq!(here.samples(shard).len(), 1);
    }
}

#[test]
fn an_interrupted_run_goes_on_in_the_same_shard() {
    let here = Here::new();
    let quick = ["/bytes/10"; 20];
    let slow: Vec<_> = (0..6).map(|n| format!("/slow?delay=30&id={n}")).collect();
    here.write(&[&quick[..], &slow.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    let line = [&["get", "-o", "out", "-i", "list", "--shard-count", "21"], &TO[..]].concat();
    let mut child = hoist(here.dir.path(), &line).spawn().unwrap();
    let parts = here.path("out/.hoist/parts");
    wait_until("the quick ones are in", || {
        parts.is_dir() && begun(&here.path("out")).len() == 2 * quick.len()
    });
    interrupt(&child);
    assert_eq!(wait(&mut child, Duration::from_secs(20)).unwrap().code(), Some(130));
    assert_eq!(here.files(), Vec::<String>::new(), "it has no name yet");
    assert_eq!(here.record().len(), quick.len());

    let slow = here.server.addr();
    let rest = [&line[..], &["--deadline", "500ms", "--retries", "0"]].concat();
    let said = end(hoist(here.dir.path(), &rest).spawn().unwrap());
    assert!(said.err.contains("20 ok, 6 failed of 26 URLs, 20 of them before"), "{slow} {said:?}");
    assert_eq!(here.samples("set/000.tar").len(), quick.len());
}

#[test]
fn what_is_missing_or_in_the_way_is_told() {
    let here = Here::new();
    here.write(&["/bytes/10", "/slow?delay=30"]);
    let line = [&["get", "-o", "out", "-i", "list"], &TO[..]].concat();
    let mut child = hoist(here.dir.path(), &line).spawn().unwrap();
    let part = here.path("out/.hoist/parts/0.tar");
    wait_until("it is begun", || part.is_file() && begun(&here.path("out")).len() == 2);
    interrupt(&child);
    wait(&mut child, Duration::from_secs(20)).unwrap();
    let kept = fs::read(&part).unwrap();

    fs::remove_file(&part).unwrap();
    let said = here.shards(&["--deadline", "1s"]);
    assert_refused(&said, "0.tar: the shard that is written has 0 bytes", "--fresh");
    fs::write(&part, kept).unwrap();
    fs::create_dir_all(here.path("out/set")).unwrap();
    fs::write(here.path("out/set/000.tar"), "of others").unwrap();
    let said = here.shards(&["--deadline", "1s"]);
    assert_refused(&said, "set/000.tar: another file has come", "move that file away");
    fs::remove_file(here.path("out/set/000.tar")).unwrap();
    assert_eq!(here.shards(&[]).code, Some(1));
    assert_eq!(here.samples("set/000.tar").len(), 1);
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let here = Here::new();
    here.write(&["/bytes/5"]);
    for (options, why) in [
        (&["--to", "dir"][..], "write it as tar:shards/{shard:06}.tar"),
        (&["--to", "tar:set.tar"], "it has no {shard}; write it as tar:shards/{shard:06}.tar"),
        (&["--to", "tar:/set/{shard}.tar"], "below the output folder"),
        (&["--shard-count", "5"], "--to"),
        (&[TO[0], TO[1], "--shard-count", "0"], "--shard-count"),
    ] {
        let said = here.get(options);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(why), "{why}: {}", said.err);
    }
    let url = format!("{}/bytes/5", here.base);
    let typed = run(here.dir.path(), &["get", TO[0], TO[1], &url]);
    assert_eq!(typed.code, Some(2), "{typed:?}");
    assert!(typed.err.contains("name it with -i"), "{}", typed.err);
    assert!(!here.path("out").exists(), "nothing was begun");

    assert_eq!(here.shards(&[]).code, Some(0));
    let files =
        "it was begun with --to tar:set/{shard:03}.tar, and now it is one file for each URL";
    assert_refused(&here.get(&[]), files, "--fresh");
    assert_refused(
        &here.get(&["--to", "tar:{shard}.tar"]),
        "now it is --to tar:{shard}.tar",
        "as before",
    );
    assert_eq!(here.get(&["--fresh"]).code, Some(0));
    assert_refused(&here.shards(&[]), "it was begun with one file for each URL", "--fresh");
}

/// As its users read it, where they have it installed.
#[test]
fn webdataset_reads_it() {
    let here = Here::new();
    here.write(&["/bytes/10\ta/b.c.bin", "/bytes/11", "/bytes/12\tx.json", "/status/404"]);
    assert_eq!(here.shards(&["--ordered", "--shard-count", "2"]).code, Some(1));
    let script = "
import sys
try:
    import webdataset
except ImportError:
    sys.exit(77)
for sample in webdataset.WebDataset(sys.argv[1:], shardshuffle=False):
    fields = sorted(name for name in sample if not name.startswith('__'))
    print(sample['__key__'], *(f'{name}:{len(sample[name])}' for name in fields if name != 'json'))
    assert b'\"outcome\":\"ok\"' in sample['json']
";
    let shards = ["out/set/000.tar", "out/set/001.tar"].map(|shard| here.path(shard));
    let python = Command::new("python3").args(["-c", script]).args(shards).output();
    let Ok(read) = python else { return };
    if read.status.code() == Some(77) {
        return;
    }
    let expected = "a/b_c~0 bin:10\n000000000001 bin:11\nx~2 body.json:12\n";
    let errors = String::from_utf8(read.stderr).unwrap();
    assert_eq!(String::from_utf8(read.stdout).unwrap(), expected, "{errors}");
}

#[test]
fn shards_can_be_told_apart_from_other_outputs() {
    let here = Here::new();
    here.write(&["/bytes/5"]);
    assert_eq!(here.shards(&["--name", "{basename}-x"]).code, Some(0));
    assert_eq!(here.samples("set/000.tar")[0].0, "5-x~0.bin");
    let csv = run(here.dir.path(), &["outcomes", "out", "--format", "csv"]).out;
    assert!(csv.contains(",5-x~0.bin,"), "{csv}");
    assert!(Path::new(&here.path("out/set/000.tar")).is_file());
}

//! Large files are gone on with, in the same run and after a kill; and never put together from two.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hoist_rehearsal::{HttpRecord, HttpRehearsal, Running};

use crate::harness::{
    Here, Said, SmallDisk, body, end, files, folder, hoist, interrupt, objects, run, serve,
    wait_until,
};
use crate::killed::chance;

/// Every file below `.hoist`, other than the ledger's own.
fn parts(out: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for name in ["kept", "parts", "tmp"] {
        let folder = out.join(".hoist").join(name);
        if folder.exists() {
            found.extend(files(&folder));
        }
    }
    found
}

/// Bytes of bodies that the server has sent.
fn sent(server: &Running) -> u64 {
    assert!(server.settle(Duration::from_mins(1)));
    server.truth().http().iter().map(|record| record.body_sent).sum()
}

fn requests(server: &Running) -> Vec<HttpRecord> {
    assert!(server.settle(Duration::from_mins(1)));
    server.truth().http()
}

fn get(dir: &Path, url: &str, options: &[&str]) -> Said {
    run(dir, &[&["get", "-c", "-o", "out", "--name", "file", url], options].concat())
}

#[test]
fn what_breaks_off_is_gone_on_with_in_the_same_run() {
    let here = Here::new();
    for (n, cut) in [500, 999, 100_000, 2_000_000].into_iter().enumerate() {
        let of = if cut < 1000 { 1000 } else { 3_000_000 };
        let how = if n % 2 == 0 { "close" } else { "reset" };
        let url = format!("{}/fault/range?of={of}&cut={cut}&how={how}", here.base);
        let options = ["--format", "jsonl", "--hash", "sha256"];
        let said = get(here.dir.path(), &url, &options);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(fs::read(here.path("out/file")).unwrap() == body(of), "{url}");
        let told = &objects(&said.out)[0];
        assert_eq!((&told["bytes"], &told["attempts"]), (&of.into(), &2.into()), "{told}");
        let sum = run(
            here.dir.path(),
            &[
                "get",
                "-c",
                "-o",
                "again",
                "--format",
                "jsonl",
                "--hash",
                "sha256",
                &format!("{}/bytes/{of}", here.base),
            ],
        );
        assert_eq!(told["hash"], objects(&sum.out)[0]["hash"], "{url}");
        assert_eq!(told["content_type"], "application/octet-stream");
        assert_eq!(parts(&here.path("out")), [""; 0]);
        let all = requests(&here.server);
        let of_this: Vec<_> = all.iter().filter(|record| url.ends_with(&record.path)).collect();
        assert_eq!(of_this.len(), 2);
        assert_eq!(of_this[1].status, Some(206));
        assert_eq!(of_this[1].body_promised, Some((of - cut) as u64));
    }
    assert_eq!(files(&here.path("out")), ["file"]);
    assert!(!here.path("out/.hoist").exists(), "nothing private stays");
}

/// Whatever a server does with ranges and connections: the file is whole, or there is none.
#[test]
fn the_judge_finds_nothing_wrong_with_it() {
    let patience = ["--timeout", "2s", "--deadline", "8s", "--retries", "2"];
    let place = ["-o", "{dir}", "--name", "{name}", "{url}"];
    let client = [&[env!("CARGO_BIN_EXE_hoist"), "get", "-c"], &patience[..], &place].concat();
    for (family, whole) in [("resume", 20), ("pool", 1), ("body", 1)] {
        let options = ["rehearse", "--check", "--json", "--limit", "40s", "--only", family, "--"];
        let said = run(folder().path(), &[&options[..], &client].concat());
        let judged = objects(&said.out);
        let wrong: Vec<_> = judged.iter().filter(|case| case["verdict"] != "right").collect();
        assert!(said.code == Some(0) && wrong.is_empty(), "{family}: {wrong:?}");
        assert!(judged.iter().filter(|case| case["kind"] == "whole").count() >= whole, "{family}");
    }
}

#[test]
fn without_the_option_all_is_asked_for_again() {
    let here = Here::new();
    let url = format!("{}/fault/range?of=3000000&cut=2000000", here.base);
    let said = run(here.dir.path(), &["get", "-o", "out", "--name", "file", &url]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(fs::read(here.path("out/file")).unwrap() == body(3_000_000));
    assert_eq!(sent(&here.server), 5_000_000);
}

#[test]
fn a_list_is_gone_on_with_by_position() {
    let here = Here::new();
    let path = "/fault/range?of=3000000&cut=2000000";
    here.write(&["# nothing", path, "/bytes/100"]);
    let said = here.get(&["-c"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(parts(&here.path("out")), ["1.part", "1.side"]);
    let said = here.get(&["-c", "--again", "failed"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(sent(&here.server), 3_000_100);
    assert_eq!(parts(&here.path("out")), [""; 0]);
    let record = here.record();
    assert_eq!((&record[&1]["bytes"], &record[&1]["outcome"]), (&3_000_000.into(), &"ok".into()));
    let path = record[&1]["path"].as_str().unwrap();
    assert!(fs::read(here.dir.path().join(path)).unwrap() == body(3_000_000));
}

#[test]
fn what_has_changed_meanwhile_starts_over() {
    let here = Here::new();
    let url = format!("{}/fault/range-changed?of=3000000&cut=2000000", here.base);
    let said = get(here.dir.path(), &url, &["--retries", "0"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(parts(&here.path("out")).len(), 2);
    let said = get(here.dir.path(), &url, &["--retries", "0"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let found = fs::read(here.path("out/file")).unwrap();
    assert_eq!(found.len(), 3_000_000);
    let old = body(3_000_000);
    assert!(found[..1_000] != old[..1_000] && found[2_500_000..] != old[2_500_000..]);
    assert!(!here.path("out/.hoist").exists());
}

#[test]
fn another_line_at_the_same_place_is_not_gone_on_with() {
    let here = Here::new();
    here.write(&["/fault/range?of=3000000&cut=2000000"]);
    assert_eq!(here.get(&["-c"]).code, Some(1));
    here.write(&["/fault/range?of=3000000&cut=2000000&how=close"]);
    // The list is another one.
    let said = run(here.dir.path(), &["get", "-c", "-o", "out", "-i", "list", "--fresh"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(sent(&here.server), 5_000_000);
    assert_eq!(parts(&here.path("out")), [""; 0]);
}

#[test]
fn a_part_that_was_changed_or_torn_is_not_trusted() {
    for spoil in ["part", "side", "longer", "gone", "alone"] {
        let here = Here::new();
        let url = format!("{}/fault/range?of=3000000&cut=2000000", here.base);
        assert_eq!(get(here.dir.path(), &url, &["--retries", "0"]).code, Some(1));
        let all = parts(&here.path("out"));
        let at = |ending: &str| {
            let name = all.iter().find(|name| name.ends_with(ending)).unwrap();
            here.path("out/.hoist/kept").join(name)
        };
        match spoil {
            "part" => {
                let mut bytes = fs::read(at("part")).unwrap();
                bytes[1_000_000] ^= 1;
                fs::write(at("part"), bytes).unwrap();
            }
            "side" => {
                let text = fs::read(at("side")).unwrap();
                fs::write(at("side"), &text[..text.len() / 2]).unwrap();
            }
            "longer" => fs::write(at("part"), body(3_000_001)).unwrap(),
            "gone" => fs::remove_file(at("part")).unwrap(),
            _ => fs::remove_file(at("side")).unwrap(),
        }
        let said = get(here.dir.path(), &url, &[]);
        assert_eq!(said.code, Some(0), "{spoil}: {said:?}");
        assert!(fs::read(here.path("out/file")).unwrap() == body(3_000_000), "{spoil}");
        assert_eq!(sent(&here.server), 5_000_000, "{spoil}");
        assert!(!here.path("out/.hoist").exists(), "{spoil}");
    }
}

/// As a file that was whole when its run died.
#[test]
fn one_that_is_whole_is_asked_for_its_last_byte() {
    let here = Here::new();
    let url = format!("{}/fault/range?of=3000000&cut=2999999", here.base);
    assert_eq!(get(here.dir.path(), &url, &["--retries", "0"]).code, Some(1));
    let name = parts(&here.path("out")).into_iter().find(|name| name.ends_with("part")).unwrap();
    fs::write(here.path("out/.hoist/kept").join(name), body(3_000_000)).unwrap();
    let said = get(here.dir.path(), &url, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(fs::read(here.path("out/file")).unwrap() == body(3_000_000));
    assert_eq!(sent(&here.server), 3_000_000);
}

#[test]
fn what_is_wanted_of_a_body_is_wanted_of_all_of_it() {
    let here = Here::new();
    let wrong = format!("md5:{}", "0".repeat(32));
    for (options, line, kind) in [
        (&["--min-size", "2900000"][..], "\t", None),
        (&["--max-size", "2900000"], "\t", Some("too_large")),
        (&["--accept", "image/*"], "\t", Some("not_acceptable")),
        (&[], &format!("\t\t{wrong}"), Some("hash_mismatch")),
    ] {
        let here_too = Here::new();
        let url = format!("{}/fault/range?of=3000000&cut=2000000{line}", here_too.base);
        fs::write(here_too.path("list"), format!("{url}\n")).unwrap();
        // The part is there already when that is wanted.
        assert_eq!(here_too.get(&["-c"]).code, Some(1));
        let said = here_too.get(&[&["-c", "--again", "failed"], options].concat());
        assert_eq!(said.code, Some(i32::from(kind.is_some())), "{options:?}: {said:?}");
        let record = here_too.record();
        assert_eq!(record[&0]["kind"].as_str(), kind, "{}", record[&0]);
        assert_eq!(parts(&here_too.path("out")), [""; 0], "{options:?}");
    }
    drop(here);
}

#[test]
fn small_bodies_that_fail_leave_nothing() {
    let here = Here::new();
    here.write(&["/fault/range?of=300000&cut=200000", "/fault/short?of=3000&send=10"]);
    assert_eq!(here.get(&["-c"]).code, Some(1));
    assert_eq!(parts(&here.path("out")), [""; 0]);
}

#[test]
fn where_it_can_not_be_had_it_is_refused() {
    let dir = folder();
    for line in [
        &["get", "-c", "-o", "-", "http://127.0.0.1:9/"][..],
        &["get", "-c", "-i", "list", "--to", "tar:{shard}.tar"],
        &["get", "--split", "4", "-o", "-", "http://127.0.0.1:9/"],
    ] {
        let said = run(dir.path(), line);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(" is for files, and "), "{}", said.err);
    }
}

#[test]
fn an_interrupt_leaves_what_there_is() {
    let here = Here::new();
    let url = format!("{}/fault/range?of=30000000&cut=29999999&rate=20000000", here.base);
    let line = ["get", "-c", "-o", "out", "--name", "file", &url];
    let child = hoist(here.dir.path(), &line).spawn().unwrap();
    wait_until("it is on its way", || parts(&here.path("out")).len() == 2);
    interrupt(&child);
    assert_eq!(end(child).code, Some(130));
    assert_eq!(parts(&here.path("out")).len(), 2);
    let said = get(here.dir.path(), &url, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(fs::read(here.path("out/file")).unwrap() == body(30_000_000));
}

/// Two runs that get the same at the same time don't get in each other's way.
#[test]
fn a_part_is_of_one_run_alone() {
    let here = Here::new();
    let url = format!("{}/fault/range?of=6000000&cut=5999999&rate=6000000", here.base);
    let line = ["get", "-c", "-o", "out", "--name", "file", &url];
    let both = [(); 2].map(|()| hoist(here.dir.path(), &line).spawn().unwrap());
    for child in both {
        let said = end(child);
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    assert!(fs::read(here.path("out/file")).unwrap() == body(6_000_000));
    assert!(!here.path("out/.hoist").exists());
}

#[test]
fn a_full_disk_ends_the_run_and_another_goes_on() {
    let here = Here::new();
    let out = here.path("out");
    fs::create_dir(&out).unwrap();
    let Some(disk) = SmallDisk::mount(&out, "4M") else { return };
    // So slow that it is full before the answer breaks off.
    here.write(&["/fault/range?of=6000000&cut=5999999&rate=6000000"]);
    let said = here.get(&["-c"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!(parts(&out), ["0.part", "0.side"]);
    let kept = fs::metadata(out.join(".hoist/parts/0.part")).unwrap().len();
    assert!(kept > 2_000_000, "{kept}");
    disk.resize("16M");
    let before = sent(&here.server);
    let said = here.get(&["-c"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(sent(&here.server) - before, 6_000_000 - kept);
    let name = files(&out).pop().unwrap();
    assert!(fs::read(out.join(name)).unwrap() == body(6_000_000));
}

fn kills() -> usize {
    std::env::var("HOIST_KILLS").map_or(6, |kills| kills.parse().unwrap())
}

/// A large file, killed (SIGKILL) again and again: with a list or without.
#[test]
fn alone_killed_again_and_again_it_sends_little_twice() {
    const OF: usize = 64 << 20;
    let whole = body(OF);
    let mut random = chance();
    for list in [true, false] {
        let server = serve(HttpRehearsal::local());
        let dir = folder();
        let out = dir.path().join("out");
        // Less of it in each run than would have it whole before the last: nothing is left to go on with
        // then, and the file is got anew.
        let url = format!(
            "http://{}/fault/range?of={OF}&cut={}&rate={}",
            server.addr(),
            OF - 1,
            OF / kills() * 9 / 10
        );
        fs::write(dir.path().join("list"), format!("{url}\tfile\n")).unwrap();
        let from = if list { ["-i", "list"] } else { ["--name", "file"] };
        let mut line = [&["get", "-c", "-o", "out", "--retries", "1"], &from[..]].concat();
        if !list {
            line.push(&url);
        }
        let mut killed = 0;
        for _ in 0..kills() {
            let mut child = hoist(dir.path(), &line).spawn().unwrap();
            let until = Instant::now() + Duration::from_secs_f64(random.f64());
            while Instant::now() < until {
                std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
            }
            child.kill().unwrap();
            killed += usize::from(child.wait().unwrap().code().is_none());
        }
        assert!(killed >= kills() / 2, "{killed}");
        let said = run(dir.path(), &line);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(fs::read(out.join("file")).unwrap() == whole);
        // What is on its way when the run is killed is sent for nothing.
        let sent = sent(&server);
        assert!(sent < 2 * OF as u64, "{sent} bytes were sent of {OF}");
        assert!(killed < 3 || sent > OF as u64);
        assert_eq!(parts(&out), [""; 0]);
    }
}

//! Large files in several ranges at once.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hoist_rehearsal::{HttpRehearsal, Running, Scenario};

use crate::harness::{Here, Said, body, files, folder, hoist, objects, run, serve};
use crate::killed::chance;

const OF: usize = 64 << 20;

/// A URL of `OF` bytes with ranges and a validator, at so many bytes a second for each answer. The
/// answer to the first request breaks off before its last byte.
fn url(server: &Running, rate: usize) -> String {
    format!("http://{}/fault/range?of={OF}&cut={}&rate={rate}", server.addr(), OF - 1)
}

fn sent(server: &Running) -> u64 {
    assert!(server.settle(Duration::from_mins(1)));
    server.truth().http().iter().map(|record| record.body_sent).sum()
}

fn get(here: &Here, url: &str, options: &[&str]) -> Said {
    let line = ["get", "-o", "out", "--name", "file", "--format", "jsonl", url];
    run(here.dir.path(), &[&line[..], options].concat())
}

#[test]
fn alone_four_ranges_are_faster_than_one() {
    let here = Here::new();
    let url = url(&here.server, 16 << 20);
    let before = Instant::now();
    let said = get(&here, &url, &["--split", "4", "--hash", "sha256"]);
    let took = before.elapsed();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(fs::read(here.path("out/file")).unwrap() == body(OF));
    let told = &objects(&said.out)[0];
    assert_eq!((&told["bytes"], &told["attempts"]), (&OF.into(), &1.into()), "{told}");
    let plain = get(&here, &format!("{}/bytes/{OF}", here.base), &["--hash", "sha256"]);
    assert_eq!(told["hash"], objects(&plain.out)[0]["hash"]);
    // Four seconds in one stream.
    assert!(took < Duration::from_secs(3), "{took:?}");
    let all = here.server.truth().http();
    let parts = all.iter().filter(|record| record.status == Some(206)).count();
    assert_eq!(parts, 3, "{all:?}");
    assert!(!here.path("out/.hoist").exists(), "nothing private stays");
}

#[test]
fn permits_are_kept_and_others_come_first() {
    let here = Here::new();
    let url = url(&here.server, 24 << 20);
    let mut lines: Vec<String> =
        (0..30).map(|n| format!("/drip?of=3000&rate=10000&id={n}")).collect();
    lines.insert(1, url);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    here.write(&lines);
    let line = ["get", "-o", "out", "-i", "list", "--split", "8", "--per-origin", "3"];
    let said = run(here.dir.path(), &line);
    assert_eq!(said.code, Some(0), "{said:?}");
    let stats = here.server.stats();
    assert!(stats.max_in_flight <= 3 && stats.max_connections <= 3, "{stats:?}");
    let name = here.record()[&1]["path"].as_str().unwrap().to_owned();
    assert!(fs::read(here.dir.path().join(name)).unwrap() == body(OF));
}

#[test]
fn a_server_without_ranges_sends_one_stream() {
    let here = Here::new();
    // It says that it has them.
    let url = format!("{}/fault/range-ignored?of={OF}&cut={}", here.base, OF - 1);
    let said = get(&here, &url, &["--split", "4"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(fs::read(here.path("out/file")).unwrap() == body(OF));
    // It has none, and says so.
    let said = get(&here, &format!("{}/bytes/{OF}", here.base), &["--split", "4"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(fs::read(here.path("out/file")).unwrap() == body(OF));
}

/// Whatever a server does with ranges: the file is whole, or there is none.
#[test]
fn pieces_are_never_of_two_versions() {
    for fault in [
        "range-changed",
        "range-wrong?by=1",
        "range-wrong?by=-100",
        "range-invalid",
        "range-total?by=1",
        "range-416",
        "range-short",
        "range-multipart",
    ] {
        let here = Here::new();
        let and = if fault.contains('?') { '&' } else { '?' };
        let url = format!("{}/fault/{fault}{and}of={OF}&cut={}&rate=100000000", here.base, OF / 2);
        let said = get(&here, &url, &["--split", "3", "--deadline", "20s"]);
        let old = body(OF);
        match said.code {
            Some(0) => {
                let found = fs::read(here.path("out/file")).unwrap();
                let is_new = matches!(fault, "range-changed" | "range-total?by=1");
                // What is new has nothing of what was there before.
                let same = found.chunks(4096).zip(old.chunks(4096)).filter(|(a, b)| a == b).count();
                let chunks = OF / 4096;
                assert!(same == if is_new { 0 } else { chunks }, "{fault}: {same}");
            }
            _ => assert_eq!(files(&here.path("out")), [""; 0], "{fault}: {said:?}"),
        }
    }
}

#[test]
fn alone_killed_again_and_again_pieces_are_gone_on_with() {
    let whole = body(OF);
    let mut random = chance();
    for list in [true, false] {
        let server = serve(HttpRehearsal::local());
        let dir = folder();
        // So slow that it is not whole before the last run.
        let url = url(&server, 2 << 20);
        fs::write(dir.path().join("list"), format!("{url}\tfile\n")).unwrap();
        let from = if list { ["-i", "list"] } else { ["--name", "file"] };
        let line = [&["get", "--split", "4", "-o", "out", "--retries", "3"], &from[..]].concat();
        let line = if list { line } else { [&line[..], &[url.as_str()]].concat() };
        let mut killed = 0;
        for _ in 0..5 {
            let mut child = hoist(dir.path(), &line).spawn().unwrap();
            std::thread::park_timeout(Duration::from_secs_f64(0.3 + random.f64()));
            child.kill().unwrap();
            killed += usize::from(child.wait().unwrap().code().is_none());
        }
        assert_eq!(killed, 5);
        let said = run(dir.path(), &line);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(fs::read(dir.path().join("out/file")).unwrap() == whole);
        let sent = sent(&server);
        assert!(sent < 2 * OF as u64, "{sent} bytes were sent of {OF}");
    }
}

/// Ranges that are refused make the whole file wait, not fail.
#[test]
fn a_pause_of_the_origin_holds_pieces_back_too() {
    // It refuses the third at once.
    let rules = "load = \"cliff?at=2&takes=1ms&retry-after=2\"";
    let scenario = Scenario::parse(rules, Path::new("")).unwrap();
    let server = serve(HttpRehearsal { scenario, ..HttpRehearsal::local() });
    let base = format!("http://{}", server.addr());
    let here = Here { dir: folder(), server, base };
    let url = url(&here.server, 24 << 20);
    let said = get(&here, &url, &["--split", "4", "--per-origin", "4"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(fs::read(here.path("out/file")).unwrap() == body(OF));
    assert!(here.server.settle(Duration::from_mins(1)));
    let all = here.server.truth().http();
    let refused = all.iter().find(|record| record.status == Some(429)).expect("a refusal").at;
    let within = all.iter().filter(|record| {
        record.at > refused + Duration::from_millis(100)
            && record.at < refused + Duration::from_secs(2)
    });
    assert_eq!(within.count(), 0, "{all:?}");
}

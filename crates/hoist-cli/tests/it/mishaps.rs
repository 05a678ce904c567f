//! What can befall a run or its ledger: what was answered stays so, or is not believed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hoist::History;
use serde_json::Value;

use crate::harness::{
    GET, Here, Said, SmallDisk, asked, assert_refused, body, end, files, folder, listen, objects,
    on_record, run, terminate, wait, wait_until,
};

#[test]
fn what_was_answered_before_sigterm_is_on_record() {
    let here = Here::new();
    let mut lines = vec!["/status/404"; 20];
    let urls: Vec<_> = (0..500).map(|n| format!("/bytes/100?id={n}")).collect();
    lines.extend(urls.iter().map(String::as_str));
    lines.extend(["/fault/silent"; 4]);
    here.write(&lines);
    let mut child = here.start();
    let told = listen(&mut child);
    wait_until("it is under way", || here.server.stats().requests > 100);
    terminate(&child);
    let said = end(child);
    assert_eq!(said.code, Some(130), "{said:?}");
    let record = here.record();
    let told = told.join().unwrap();
    for (_, line) in &told {
        assert!(record.contains_key(&objects(line)[0]["index"].as_u64().unwrap()), "{line}");
    }
    let of = |n: usize| if n == 1 { " of 1 URL".to_owned() } else { format!(" of {n} URLs") };
    assert!(said.err.starts_with("interrupted: "), "{}", said.err);
    assert!(said.err.contains(&of(record.len())), "{} on record: {}", record.len(), said.err);
    let known: BTreeSet<_> = record.values().map(|o| o["url"].as_str().unwrap()).collect();

    let before = asked(&here.server);
    let said = here.get(&["--timeout", "100ms"]);
    assert!(said.err.contains("500 ok, 20 not found, 4 failed of 524 URLs"), "{}", said.err);
    for path in here.asked_since(&before).iter().filter(|path| path.contains("id=")) {
        assert!(!known.contains(format!("{}{path}", here.base).as_str()), "{path} was on record");
    }
}

#[test]
fn after_a_full_disk_it_goes_on_where_there_is_room_again() {
    let (here, disk) = (Here::new(), folder());
    let Some(mounted) = SmallDisk::mount(disk.path(), "512k") else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let urls: Vec<_> = (0..100).map(|n| format!("/bytes/20000?id={n}\tfile{n}")).collect();
    here.write(&urls.iter().map(String::as_str).collect::<Vec<_>>());
    let out = disk.path().to_str().unwrap();
    let line = ["get", "-i", "list", "-o", out, "--retries", "0"];
    // A full disk does not make it worse.
    for _ in 0..3 {
        let said = run(here.dir.path(), &line);
        assert_refused(&said, "No space left on device", "make room there");
    }
    let known = on_record(disk.path()).len();
    assert!(known > 0);
    let before = asked(&here.server);
    mounted.resize("16m");
    let said = run(here.dir.path(), &line);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(here.asked_since(&before).len(), 100 - known);
    assert_eq!((files(disk.path()).len(), on_record(disk.path()).len()), (100, 100));
    for name in files(disk.path()) {
        assert!(fs::read(disk.path().join(&name)).unwrap() == body(20_000), "{name}");
    }
}

#[test]
fn an_output_that_is_taken_away_ends_the_run() {
    let here = Here::new();
    let urls: Vec<_> = (0..200).map(|n| format!("/drip?rate=10000&of=200&id={n}")).collect();
    here.write(&urls.iter().map(String::as_str).collect::<Vec<_>>());
    let mut child = here.start();
    let told = listen(&mut child);
    wait_until("it is under way", || here.server.stats().requests > 20);
    // While it is being removed the run may still add to it.
    wait_until("the output is gone", || {
        let _ = fs::remove_dir_all(here.path("out"));
        !here.path("out").exists()
    });
    let status = wait(&mut child, Duration::from_mins(1)).expect("it hangs");
    assert_eq!(status.code(), Some(3), "{}", end(child).err);
    told.join().unwrap();
    let said = here.get(&[]);
    assert!(said.err.starts_with("200 ok of 200 URLs in "), "{}", said.err);
    assert_eq!((said.code, here.files().len(), here.record().len()), (Some(0), 200, 200));
}

/// The folder of the ledger, whole.
fn ledger(here: &Here) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = fs::read_dir(here.path("out/.hoist/ledger")).unwrap();
    folder
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn a_damaged_ledger_is_refused_and_never_believed() {
    let here = Here::new();
    let mut lines = Vec::new();
    for n in 0..10 {
        lines.push(format!("/bytes/{n}?id={n}\tf{n}"));
        lines.push(format!("/status/404?id={n}"));
    }
    here.write(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    // Several groups, each with a durable mark behind it.
    for n in [5, 12, 20] {
        let lines: Vec<_> = lines.iter().take(n).map(String::as_str).collect();
        here.write(&lines);
        assert_eq!(here.get(&[]).code, Some(1));
    }
    let (whole, record, before) = (ledger(&here), here.record(), asked(&here.server));
    let log = here.path("out/.hoist/ledger/00000000.log");
    let bytes = &whole[&log];
    let first = bytes.windows(6).position(|bytes| bytes == b"bytes/").unwrap();
    let second_last = bytes.windows(3).rposition(|bytes| bytes == b"404").unwrap();
    for at in [first, bytes.len() / 2, second_last] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        fs::write(&log, &flipped).unwrap();
        for _ in 0..2 {
            assert_refused(&here.get(&[]), "00000000.log: damaged at byte ", "--fresh");
        }
        assert_eq!(fs::read(&log).unwrap(), flipped, "what can't be understood is not changed");
        assert!(
            History::open(&here.path("out"))
                .and_then(|h| h.outcomes()?.collect::<Result<Vec<_>, _>>())
                .is_err()
        );
    }
    assert_eq!(asked(&here.server), before);
    fs::write(&log, bytes).unwrap();
    assert_eq!(here.record(), record);
    let mut flipped = bytes.clone();
    flipped[first] ^= 1;
    fs::write(&log, &flipped).unwrap();
    let said = here.get(&["--fresh"]);
    assert!(said.err.contains("\n10 ok, 10 not found of 20 URLs in "), "{said:?}");
}

#[test]
fn a_write_that_was_cut_short_is_cut_off() {
    let here = Here::new();
    let mut lines = vec!["/bytes/7\ta", "/status/404"];
    here.write(&lines);
    assert_eq!(here.get(&[]).code, Some(1));
    let log = here.path("out/.hoist/ledger/00000000.log");
    for (cut, line) in [(1, "/bytes/8\tb"), (5, "/bytes/9\tc"), (9, "/bytes/10\td")] {
        let before = asked(&here.server);
        let bytes = fs::read(&log).unwrap();
        fs::write(&log, &bytes[..bytes.len() - cut]).unwrap();
        lines.push(line);
        here.write(&lines);
        assert_eq!(here.get(&[]).code, Some(1));
        assert_eq!(here.asked_since(&before).len(), 1, "only {line} is new");
    }
    let said = here.get(&[]);
    assert!(said.err.starts_with("all done before: 4 ok, 1 not found of 5 URLs in "), "{said:?}");
    assert_eq!((here.record().len(), here.files().join(" ").as_str()), (5, "a b c d"));
}

/// Any bit, wherever it is: an error, or the same outcomes as before.
#[test]
fn no_flipped_bit_makes_an_outcome() {
    let here = Here::new();
    here.write(&["/bytes/7\ta", "/status/404", "/fault/short?of=5&send=1", "nonsense", "# end"]);
    assert_eq!(here.get(&[]).code, Some(1));
    let same = |record: &BTreeMap<u64, Value>| -> Vec<_> {
        let field = |outcome: &Value, name| outcome[name].clone();
        record
            .values()
            .map(|o| ["index", "url", "outcome", "kind", "bytes"].map(|f| field(o, f)))
            .collect()
    };
    let (whole, record) = (ledger(&here), same(&here.record()));
    let mut answered = 0;
    for (file, bytes) in &whole {
        for at in (0..bytes.len()).step_by(bytes.len().div_ceil(25).max(1)) {
            for (path, bytes) in &whole {
                fs::write(path, bytes).unwrap();
            }
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(file, flipped).unwrap();
            let said = here.get(&[]);
            let place = format!("byte {at} of {}", file.display());
            match said.code {
                Some(3) => assert!(said.err.contains("00000000."), "{place}: {}", said.err),
                Some(1) => {
                    answered += 1;
                    assert_eq!(same(&here.record()), record, "{place}");
                }
                _ => panic!("{place}: {said:?}"),
            }
            assert_eq!(fs::read(here.path("out/a")).unwrap(), body(7), "{place}");
        }
    }
    assert!(answered > 0);
}

#[test]
fn a_ledger_of_a_newer_version_is_refused() {
    let here = Here::new();
    here.write(&["/bytes/7\ta"]);
    assert_eq!(here.get(&[]).code, Some(0));
    let log = here.path("out/.hoist/ledger/00000000.log");
    let mut bytes = fs::read(&log).unwrap();
    bytes[8] += 1;
    fs::write(&log, &bytes).unwrap();
    for options in [&[][..], &["--again", "failed"], &["--fresh"]] {
        let said = here.get(options);
        assert_refused(&said, "00000000.log: a newer hoist wrote it (version 2 ", "use that one");
        assert_eq!(fs::read(&log).unwrap(), bytes);
    }
}

#[test]
fn a_clock_that_is_set_back_does_no_harm() {
    let here = Here::new();
    let later = "/flaky?fail=1&retry-after=100";
    let first = ["/bytes/1\ta", "/status/404", later];
    here.write(&first);
    assert_eq!(here.get_patiently(&[]).code, Some(1));
    let (before, record) = (asked(&here.server), here.record());
    let at = |time: &str| {
        let mut command = Command::new("faketime");
        command.args(["-f", time, env!("CARGO_BIN_EXE_hoist")]);
        command.args(GET).args(["-i", "list"]).current_dir(here.dir.path());
        let output = command.output().expect("this test needs faketime (Debian: faketime)");
        let err = String::from_utf8(output.stderr).unwrap();
        Said { out: String::new(), err, code: output.status.code() }
    };
    let said = at("@2020-01-01 00:00:00");
    let done = "all done before: 1 ok, 1 not found, 1 deferred of 3 URLs in ";
    assert!(said.err.starts_with(done), "{said:?}");
    assert_eq!((asked(&here.server), here.record()), (before.clone(), record));
    here.write(&[&first[..], &["/bytes/2\tb"]].concat());
    let said = at("@2020-01-01 00:00:00");
    assert!(said.err.contains("2 ok, 1 not found, 1 deferred of 4 URLs, 3 of them"), "{said:?}");
    assert_eq!(here.asked_since(&before), ["/bytes/2"]);
    // Back in the present all is as it was; in the future the deferred one's time has come.
    let said = here.get_patiently(&[]);
    assert!(
        said.err.starts_with("all done before: 2 ok, 1 not found, 1 deferred of 4 "),
        "{said:?}"
    );
    let said = at("+10m");
    assert!(said.err.contains("3 ok, 1 not found of 4 URLs, 3 of them before"), "{said:?}");
    assert_eq!(here.asked_since(&before), ["/bytes/2", later]);
}

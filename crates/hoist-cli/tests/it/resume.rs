//! A run that is started again: what it asks, what it leaves alone, what it refuses.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use hoist_rehearsal::{DnsRehearsal, DnsZone, Running, Truth};

use crate::harness::{
    ANYWHERE, GET, Here, asked, assert_refused, body, folder, hoist, objects, run, wait_until,
};

#[test]
fn a_finished_run_says_so_and_ends_as_it_did() {
    let here = Here::new();
    here.write(&["/bytes/5\tfive", "", "# all", "/status/404"]);
    let first = here.get(&[]);
    assert_eq!(first.code, Some(1), "{first:?}");
    let before = asked(&here.server);
    for _ in 0..2 {
        let again = here.get(&["--format", "jsonl"]);
        assert_eq!((again.code, again.out.as_str()), (Some(1), ""), "{again:?}");
        let told = "all done before: 1 ok, 1 not found of 2 URLs in ";
        assert!(again.err.starts_with(told), "{}", again.err);
        assert!(again.err.contains("--fresh starts over"), "{}", again.err);
    }
    assert_eq!(asked(&here.server), before);
    assert_eq!(here.files(), ["five"]);

    here.write(&["/bytes/5\tfive"]);
    for _ in 0..2 {
        assert_eq!(run(here.dir.path(), &["get", "-i", "list", "-o", "good"]).code, Some(0));
    }
}

#[test]
fn lines_that_were_appended_are_asked_and_no_others() {
    let here = Here::new();
    let write = |text: &str| {
        let mut list = File::options().append(true).create(true).open(here.path("list")).unwrap();
        list.write_all(text.replace('/', &format!("{}/", here.base)).as_bytes()).unwrap();
        here.get(&[])
    };
    assert_eq!(write("/headers\n/bytes@1").code, Some(1), "bytes@1 is nothing that is served");
    for (appended, news) in [
        // The last line had no end.
        ("\n/interim", vec!["/interim"]),
        ("\n", vec![]),
        ("# nothing\n\n", vec![]),
        ("/chunked\n/unframed\n", vec!["/chunked", "/unframed"]),
    ] {
        let before = asked(&here.server);
        let said = write(appended);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert_eq!(here.asked_since(&before), news, "{appended:?}");
    }
    assert!(here.record().into_keys().eq([0, 1, 2, 5, 6]));
    let said = here.get(&[]);
    assert!(said.err.starts_with("all done before: 4 ok, 1 not found of 5 URLs in "), "{said:?}");

    // A line that had no end, and goes on, is another line.
    write("/late");
    let said = write("r\n");
    assert_refused(&said, "the list has changed since out/.hoist/ledger began", "--fresh");
    assert!(said.err.contains("line 8 had no line end, and has grown"), "{}", said.err);
}

#[test]
fn another_list_is_refused_however_often_it_is_tried() {
    let here = Here::new();
    let list = ["/bytes/1\ta", "/bytes/2\tb", "/bytes/3\tc"];
    here.write(&list);
    assert_eq!(here.get(&[]).code, Some(0));
    let (before, record) = (asked(&here.server), here.record());
    here.write(&["/bytes/1\ta", "/bytes/9\tb", "/bytes/3\tc"]);
    for _ in 0..3 {
        let said = here.get(&[]);
        assert_refused(&said, "the list has changed since ", "start over with --fresh");
        assert!(said.err.contains("answer it: somewhere in lines 1 to 3\n"), "{}", said.err);
        assert!(said.err.contains("choose another place with -o"), "{}", said.err);
    }
    // The right one is gone on with, also when it is not as old any more.
    here.write(&list);
    File::open(here.path("list")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let said = here.get(&[]);
    assert!(said.err.starts_with("all done before: 3 ok of 3 URLs in "), "{said:?}");
    assert_eq!((asked(&here.server), here.record()), (before, record));
}

#[test]
fn a_list_that_was_cut_is_refused() {
    let here = Here::new();
    here.write(&["/bytes/1\ta", "/bytes/2\tb", "/bytes/3\tc"]);
    assert_eq!(here.get(&[]).code, Some(0));
    here.write(&["/bytes/1\ta", "/bytes/2\tb"]);
    for _ in 0..2 {
        let said = here.get(&[]);
        assert_refused(&said, "it: it ends after line 2; 3 lines are on record\n", "--fresh");
    }
    here.write(&[]);
    assert_refused(&here.get(&[]), "it: it is empty; 3 lines are on record\n", "--fresh");
}

#[test]
fn two_runs_do_not_write_to_one_output() {
    let here = Here::new();
    here.write(&["/fault/silent"]);
    let mut first = here.start();
    wait_until("the first has asked", || here.server.stats().requests > 0);
    let second = here.get(&[]);
    assert_refused(
        &second,
        "another run is writing to out",
        "wait for it, or choose another place",
    );
    assert_eq!(here.server.stats().requests, 1);
    // What a dead run has locked is free.
    first.kill().unwrap();
    first.wait().unwrap();
    let third = here.get(&["--timeout", "100ms"]);
    assert_eq!(third.code, Some(1), "{third:?}");
    assert_eq!(asked(&here.server)["/fault/silent"], 2);
}

#[test]
fn those_that_ended_so_are_asked_again_and_only_those() {
    let here = Here::new();
    let (gone, short) = ("/status/404", "/fault/short?of=9&send=1");
    let flaky = "/flaky?fail=2&status=500";
    here.write(&["/bytes/5\tfive", gone, "nonsense", short, &format!("{flaky}\tflaky")]);
    assert_eq!(here.get(&[]).code, Some(1));
    let before = here.record();
    assert_eq!((&before[&4]["outcome"], &before[&4]["kind"]), (&"failed".into(), &"status".into()));
    for (again, expected) in [
        ("truncated", vec![short]),
        ("not_found", vec![gone]),
        // The second try of the flaky one fails, too.
        ("status", vec![flaky]),
        ("deferred", vec![]),
        ("failed", vec![short, flaky]),
        ("failed,not_found", vec![short, gone]),
    ] {
        let before = asked(&here.server);
        let said = here.get(&["--again", again, "--format", "jsonl"]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert_eq!(here.asked_since(&before), expected, "--again {again}");
        let told: BTreeMap<_, _> =
            objects(&said.out).into_iter().map(|o| (o["index"].as_u64().unwrap(), o)).collect();
        let record = here.record();
        assert_eq!(record.len(), 5);
        for (position, outcome) in told {
            assert_eq!(
                record[&position]["ms"], outcome["ms"],
                "--again {again}: an old one is left"
            );
        }
    }
    let record = here.record();
    assert_eq!(record[&4]["outcome"], "ok");
    assert_eq!(here.files(), ["five", "flaky"]);
    let said = here.get(&[]);
    let counts = "all done before: 2 ok, 1 not found, 2 failed of 5 URLs in ";
    assert!(said.err.starts_with(counts), "{}", said.err);
    assert!(said.err.contains("failures: 1 bad_input, 1 truncated\n"), "{}", said.err);
}

/// What was whole stays whole, and what is half there is nobody's file.
#[test]
fn killed_while_an_ok_one_is_asked_again_it_leaves_no_half_file() {
    let here = Here::new();
    here.write(&["/drip?rate=600000&of=300000\tdripped"]);
    assert_eq!(here.get(&[]).code, Some(0));
    let line = [&GET[..], &["-i", "list", "--again", "ok"]].concat();
    let mut child = hoist(here.dir.path(), &line).spawn().unwrap();
    let part = here.path("out/.hoist/parts/0");
    wait_until("a part of it is there", || fs::metadata(&part).is_ok_and(|part| part.len() > 0));
    child.kill().unwrap();
    child.wait().unwrap();
    let said = here.get(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for name in here.files() {
        assert!(fs::read(here.path("out").join(&name)).unwrap() == body(300_000), "half: {name}");
    }
    let record = here.record();
    assert_eq!((&record[&0]["outcome"], &record[&0]["bytes"]), (&"ok".into(), &300_000.into()));
    assert_eq!(asked(&here.server).into_values().collect::<Vec<_>>(), [3]);
    assert!(here.path("out").join(Path::new(record[&0]["path"].as_str().unwrap())).is_file());
}

#[test]
fn deferred_ones_are_asked_again_once_their_time_has_come() {
    let here = Here::new();
    let (soon, late) = ("/flaky?fail=1&retry-after=1", "/flaky?fail=1&status=429&retry-after=3600");
    here.write(&[soon, late]);
    let said = here.get_patiently(&[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("0 ok, 2 deferred of 2 URLs"), "{}", said.err);
    let at = |n| Duration::from_secs(here.record()[&n]["retry_at"].as_u64().unwrap());
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let left = at(1).saturating_sub(now()).as_secs();
    assert!((3_000..=3_601).contains(&left), "{left}");

    let due = at(0);
    wait_until("it is time for the first", || now() >= due);
    let before = asked(&here.server);
    let said = here.get_patiently(&[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("1 ok, 1 deferred of 2 URLs, 1 of them before"), "{}", said.err);
    assert_eq!(here.asked_since(&before), [soon]);
    let said = here.get_patiently(&[]);
    assert!(said.err.starts_with("all done before: 1 ok, 1 deferred of 2 "), "{said:?}");
    let told = "the first deferred URL may be asked again at 20";
    let [_, told] = said.err.split(told).collect::<Vec<_>>()[..] else { panic!("{}", said.err) };
    assert!(told.contains(" UTC (in 5") || told.contains(" UTC (in 1:00:00"), "{told}");
    assert!(said.err.contains("--again deferred asks them at once, --fresh"), "{}", said.err);
    assert_eq!(here.asked_since(&before), [soon]);
    // Whoever does not want to wait says so.
    assert_eq!(here.get_patiently(&["--again", "deferred"]).code, Some(0));
    assert_eq!(here.asked_since(&before), [soon, late]);
}

#[test]
fn a_pipe_that_comes_again_is_gone_on_with() {
    let here = Here::new();
    let text = here.text(&["/bytes/1\ta", "", "/bytes/2\tb", "/fault/silent", "/bytes/3\tc"]);
    let begin = || {
        let line = [&GET[..], &["--format", "jsonl"]].concat();
        let mut child = hoist(here.dir.path(), &line).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child
    };
    let mut child = begin();
    wait_until("three are done", || here.path("out").is_dir() && here.files().len() == 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = asked(&here.server);

    let other = text.replace("bytes/2", "bytes/9");
    assert_refused(&here.pipe(&other, &[]), "the list has changed since ", "--fresh");
    assert_refused(&here.pipe("nonsense\n", &[]), "the list has changed since ", "--fresh");
    let longer = text.clone() + &here.text(&["/bytes/4\td"]);
    let quick = ["--timeout", "100ms"];
    let said = here.pipe(&longer, &quick);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(here.asked_since(&before), ["/bytes/4", "/fault/silent"]);
    assert!(said.err.contains("4 ok, 1 failed of 5 URLs, 3 of them before"), "{}", said.err);
    assert_eq!(here.files(), ["a", "b", "c", "d"]);
    // What was refused is not what is known from now on.
    for _ in 0..2 {
        assert_refused(&here.pipe(&other, &[]), "the list has changed since ", "--fresh");
    }
    let said = here.pipe(&longer, &[]);
    assert!(said.err.starts_with("all done before: 4 ok, 1 failed of 5 URLs in "), "{said:?}");
}

/// Who piped it once need not have it any more.
#[test]
fn a_pipe_that_does_not_come_again_is_gone_on_with_from_its_copy() {
    let here = Here::new();
    let text = here.text(&["/bytes/1\ta", "# b", "/fault/silent", "/bytes/3\tc"]);
    let line = [&GET[..], &["--format", "jsonl"]].concat();
    let mut child = hoist(here.dir.path(), &line).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    wait_until("two are done", || here.path("out").is_dir() && here.files().len() == 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let half = &text[..text.len() / 2];
    for (n, (came, options)) in
        [("", &[][..]), (half, &[]), ("", &["-i", "-"])].into_iter().enumerate()
    {
        let before = asked(&here.server);
        let options = [options, &["--timeout", "100ms", "--again", "failed"]].concat();
        let said = here.pipe(came, &options);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert_eq!(here.asked_since(&before), ["/fault/silent"], "the pipe of try {n}");
        assert!(said.err.contains("2 ok, 1 failed of 3 URLs"), "{}", said.err);
    }
    // Nothing at all is an empty pipe, too, where standard input is asked for.
    let said = run(here.dir.path(), &[&GET[..], &["-i", "-"]].concat());
    assert!(said.err.starts_with("all done before: 2 ok, 1 failed of 3 URLs in "), "{said:?}");
}

#[test]
fn what_is_typed_keeps_no_record() {
    let here = Here::new();
    let url = format!("{}/bytes/3\tthree", here.base);
    assert_eq!(run(here.dir.path(), &["get", "-o", "out", &url]).code, Some(0));
    assert!(!here.path("out/.hoist").exists());
    assert_eq!(here.files(), ["three"]);
    let (_server, via) = names();
    let line = ["probe", "--via", &via, "-o", "answers", "both-1.dev"];
    assert_eq!(run(here.dir.path(), &line).code, Some(0));
    assert!(here.path("answers").is_file() && !here.path("answers.hoist").exists());
    // What is on record stays so when something is typed.
    here.write(&["/bytes/1\tone"]);
    assert_eq!(here.get(&[]).code, Some(0));
    assert_eq!(run(here.dir.path(), &["get", "-o", "out", &url]).code, Some(0));
    assert_eq!(here.record().len(), 1);
}

fn names() -> (Running, String) {
    let truth = Truth::memory();
    let zone = DnsZone::generated("dev", 0.5).unwrap();
    let server = DnsRehearsal { truth, ..DnsRehearsal::new([zone]) }.spawn(&ANYWHERE).unwrap();
    let via = format!("dns://{}", server.addr());
    (server, via)
}

#[test]
fn a_file_of_answers_is_what_the_record_says_or_refused() {
    let (dir, (server, via)) = (folder(), names());
    let list = "both-1.dev\nnx-2.dev\n";
    fs::write(dir.path().join("list"), list).unwrap();
    let probe = |options: &[&str]| {
        let line = ["probe", "-i", "list", "-o", "answers", "--ordered", "--via", &via];
        run(dir.path(), &[&line[..], options].concat())
    };
    let file = dir.path().join("answers");
    let answers = || fs::read_to_string(&file).unwrap();
    assert_eq!(probe(&[]).code, Some(0));
    let expected = "+ both-1.dev\n  nx-2.dev\n";
    assert_eq!(answers(), expected);
    let before = server.truth().dns().len();

    // Something behind the end is what a dead run left, or nobody knows what.
    fs::write(&file, format!("{expected}garbage")).unwrap();
    assert_eq!(probe(&[]).code, Some(0));
    assert_eq!(answers(), expected);
    for options in [&["--format", "jsonl"][..], &["--format", "columns"], &["-t", "A"]] {
        assert_refused(&probe(options), "it was begun with ", "start over with --fresh");
        assert_eq!(answers(), expected);
    }
    fs::write(&file, &expected[..5]).unwrap();
    for _ in 0..2 {
        let said = probe(&[]);
        assert_refused(&said, "answers: it has 5 bytes, but its ledger has recorded 24", "--fresh");
        assert_eq!(answers(), expected[..5]);
    }
    fs::remove_file(&file).unwrap();
    assert_refused(&probe(&[]), "it has 0 bytes", "--fresh");
    assert_eq!(server.truth().dns().len(), before, "nobody was asked");

    assert_eq!(probe(&["--fresh", "--format", "columns"]).code, Some(0));
    let columns = "FOUND\t\tNOT FOUND\n=====\t\t=========\nboth-1.dev\n\t\tnx-2.dev\n";
    assert_eq!(answers(), columns);
    let mut text = list.to_owned();
    writeln!(text, "v4only-3.dev").unwrap();
    fs::write(dir.path().join("list"), text).unwrap();
    assert_eq!(probe(&["--format", "columns"]).code, Some(0));
    assert_eq!(answers(), format!("{columns}v4only-3.dev\n"));
}

/// The same through a link: the file's own folder holds the ledger, and the link stays one.
#[test]
fn a_file_that_no_ledger_knows_is_replaced_only_by_a_fresh_start() {
    let (dir, (_server, via)) = (folder(), names());
    fs::write(dir.path().join("list"), "both-1.dev\n").unwrap();
    fs::create_dir(dir.path().join("elsewhere")).unwrap();
    let file = dir.path().join("elsewhere/answers");
    fs::write(&file, "somebody's own\n").unwrap();
    std::os::unix::fs::symlink("elsewhere/answers", dir.path().join("link")).unwrap();
    let probe = |options: &[&str]| {
        let line = ["probe", "-i", "list", "-o", "link", "--via", &via];
        run(dir.path(), &[&line[..], options].concat())
    };
    for _ in 0..2 {
        assert_refused(&probe(&[]), "it is there already", "--fresh");
        assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's own\n");
    }
    for options in [&["--fresh"][..], &[]] {
        assert_eq!(probe(options).code, Some(0));
        assert_eq!(fs::read_to_string(&file).unwrap(), "+ both-1.dev\n");
    }
    assert!(dir.path().join("elsewhere/answers.hoist").is_dir());
    assert!(dir.path().join("link").is_symlink() && !dir.path().join("link.hoist").exists());
}

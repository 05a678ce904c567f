use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;

use hoist::{AnyOutcome, History};
use hoist_rehearsal::{DnsRehearsal, DnsZone, HttpRehearsal, Running};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{ANYWHERE, end, folder, hoist, objects, run, run_with_stdin, serve};

fn server() -> (Running, String) {
    let server = serve(HttpRehearsal::local());
    let base = format!("http://{}", server.addr());
    (server, base)
}

/// Lines of all sorts, answered into a folder.
struct Answered {
    dir: TempDir,
    server: Running,
    base: String,
    /// It asks for more patience than anybody has.
    busy: Running,
    /// What the run told.
    told: String,
}

const GET: [&str; 9] = ["get", "-i", "list", "-o", "out", "--retries", "1", "--format", "jsonl"];

fn answered() -> Answered {
    let (dir, (server, base), (busy, busy_base)) = (folder(), server(), server());
    let list = format!(
        "{base}/bytes/1000\n\n# a comment\n{base}/status/404\n{base}/fault/short?of=100&send=7\n\
         {base}/bytes/5\tfive.bin\nno, \"URL\"\n{base}/redirect/1\n\
         {{\"url\": \"{base}/status/\\n501\"}}\n{busy_base}/status/503?retry-after=99999\n"
    );
    fs::write(dir.path().join("list"), list).unwrap();
    let said = run(dir.path(), &GET);
    assert_eq!(said.code, Some(1), "{said:?}");
    Answered { dir, server, base, busy, told: said.out }
}

/// Names, answered into the file `answers`.
fn probed() -> (TempDir, String) {
    let addresses = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    let zone = DnsZone::listed("dev", [("with", addresses), ("none", vec![])]).unwrap();
    let server = DnsRehearsal::new([zone]).spawn(&ANYWHERE).unwrap();
    let dir = folder();
    let names = "with.dev\n\nnone.dev\nelse.dev\na..b\na.org\n";
    fs::write(dir.path().join("names"), names).unwrap();
    let via = format!("dns://{}", server.addr());
    let line = ["probe", "--via", &via, "-i", "names", "-o", "answers", "--format", "jsonl"];
    let line = [&line[..], &["-t", "A,AAAA"]].concat();
    let said = run(dir.path(), &line);
    assert_eq!(said.code, Some(1), "{said:?}");
    let told = fs::read_to_string(dir.path().join("answers")).unwrap();
    (dir, told)
}

fn outcomes(dir: &Path, line: &[&str]) -> String {
    let said = run(dir, &[&["outcomes"], line].concat());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{line:?}: {said:?}");
    said.out
}

/// The lines, which are all different.
fn lines(text: &str) -> BTreeSet<&str> {
    let lines: BTreeSet<_> = text.lines().collect();
    assert_eq!(lines.len(), text.lines().count(), "{text}");
    lines
}

fn indexes(text: &str) -> Vec<u64> {
    let mut indexes: Vec<_> =
        objects(text).iter().map(|outcome| outcome["index"].as_u64().unwrap()).collect();
    indexes.sort_unstable();
    indexes
}

#[test]
fn what_the_run_told_is_on_record() {
    let Answered { dir, told, .. } = &answered();
    let on_record = outcomes(dir.path(), &["out"]);
    assert_eq!(lines(&on_record), lines(told));
    assert_eq!(indexes(&on_record), [0, 3, 4, 5, 6, 7, 8, 9]);
    assert!(told.contains("\"crc32c\":") && told.contains("\"retry_at\":"), "{told}");
}

#[test]
fn an_item_that_was_asked_again_has_one_outcome() {
    let Answered { dir, server, told, .. } = &answered();
    let before = server.stats().requests;
    let again = run(dir.path(), &[&GET[..], &["--again", "truncated,not_found"]].concat());
    assert_eq!(server.stats().requests - before, 3, "{again:?}");
    assert_eq!(indexes(&again.out), [3, 4]);
    let on_record = outcomes(dir.path(), &["out"]);
    assert_eq!(indexes(&on_record), indexes(told));
    assert!(lines(&on_record).is_superset(&lines(&again.out)), "{on_record}");
}

#[test]
fn only_what_is_asked_for_is_printed() {
    let Answered { dir, .. } = &answered();
    for (only, expected) in [
        (&["--only", "ok"][..], &[0, 5, 7][..]),
        (&["--only", "found"], &[0, 5, 7]),
        (&["--only", "failed"], &[4, 6, 8]),
        (&["--only", "truncated"], &[4]),
        (&["--only", "status"], &[8, 9]),
        (&["--only", "deferred,not_found"], &[3, 9]),
        (&["--only", "deferred", "--only", "bad_input,truncated"], &[4, 6, 9]),
        (&["--only", "tls"], &[]),
    ] {
        let printed = outcomes(dir.path(), &[&["out"], only].concat());
        assert_eq!(indexes(&printed), expected, "{only:?}: {printed}");
    }
    let urls = outcomes(dir.path(), &["out", "--only", "tls", "--format", "urls"]);
    assert_eq!(urls, "");
    let csv = outcomes(dir.path(), &["out", "--only", "tls", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 1, "the header line");
}

/// Every field of the table is the field of the JSON object; behind a dot, of an object in it.
fn same_as_json(csv: &str, json: &str, columns: &str) {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names = reader.headers().unwrap().clone();
    assert_eq!(names.iter().collect::<Vec<_>>().join(","), columns);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), json.lines().count());
    for (row, object) in rows.iter().zip(objects(json)) {
        for (name, field) in names.iter().zip(row) {
            let value = name.split('.').fold(&object, |value, name| &value[name]);
            let expected = match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                Value::Array(all) => {
                    all.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join(" ")
                }
                other => other.to_string(),
            };
            assert_eq!(field, expected, "{name} of {object}");
        }
    }
}

#[test]
fn a_table_says_what_the_json_says() {
    let Answered { dir, .. } = &answered();
    let csv = outcomes(dir.path(), &["out", "--format", "csv"]);
    let columns = "index,url,final_url,outcome,kind,reason,status,bytes,path,content_type,attempts,\
                   ms,retry_at,crc32c,member,hash,timing.queue,timing.dns,timing.connect,timing.tls,\
                   timing.first_byte,timing.body";
    assert!(csv.starts_with(&format!("{columns}\r\n")), "{csv}");
    assert!(csv.contains(",\"no, \"\"URL\"\"\","), "{csv}");
    same_as_json(&csv, &outcomes(dir.path(), &["out"]), columns);
}

#[test]
fn items_on_record_are_a_list_for_another_run() {
    let Answered { dir, server, base, .. } = &answered();
    let urls = outcomes(dir.path(), &["out", "--only", "failed", "--format", "urls"]);
    let short = format!("{base}/fault/short?of=100&send=7");
    let odd = format!("{{\"url\":\"{base}/status/\\n501\"}}");
    assert_eq!(lines(&urls), BTreeSet::from([short.as_str(), "no, \"URL\"", &odd]));
    let before = server.stats().requests;
    let line = ["get", "-i", "-", "-o", "other", "--retries", "0", "--format", "jsonl"];
    let said = run_with_stdin(dir.path(), &line, &urls);
    assert_eq!(server.stats().requests - before, 2, "{said:?}");
    assert_eq!(indexes(&said.out), [0, 1, 2]);
    let names = |text: &str| {
        objects(text).iter().map(|outcome| outcome["url"].to_string()).collect::<BTreeSet<_>>()
    };
    let first = outcomes(dir.path(), &["out", "--only", "failed"]);
    assert_eq!(names(&said.out), names(&first));
}

#[test]
fn all_runs_are_told_in_figures() {
    let Answered { dir, base, busy, .. } = &answered();
    let busy = format!("http://{}", busy.addr());
    let stats = outcomes(dir.path(), &["out", "--stats"]);
    let mut told = stats.lines();
    let first = told.next().unwrap();
    let counts = "3 ok, 1 not found, 3 failed, 1 deferred of 8 URLs in ";
    assert!(first.starts_with(counts) && first.ends_with(" s, all runs together"), "{stats}");
    let rest: Vec<_> = told.collect();
    let worst = format!("most failures: {base} 2, {busy} 1");
    let received = "2.0 KiB received in last tries, 1 retry";
    let failures = "failures: 2 status (501: 1, 503: 1), 1 bad_input, 1 truncated";
    assert_eq!(rest, [received, failures, &worst]);
}

#[test]
fn a_probe_is_on_record_beside_its_file() {
    let (dir, told) = probed();
    let on_record = outcomes(dir.path(), &["answers"]);
    assert_eq!(lines(&on_record), lines(&told));
    assert_eq!(indexes(&on_record), [0, 2, 3, 4, 5]);
    let csv = outcomes(dir.path(), &["answers", "--format", "csv"]);
    assert!(csv.contains(",192.0.2.1 2001:db8::1,"), "{csv}");
    let columns =
        "index,name,verdict,kind,reason,addresses,ttl,rcode,server,attempts,ms,records,wildcard";
    same_as_json(&csv, &on_record, columns);
    let names = |only| outcomes(dir.path(), &["answers", "--only", only, "--format", "urls"]);
    assert_eq!(names("found"), "with.dev\n");
    assert_eq!(names("bad_name"), "a..b\n");
    assert_eq!(lines(&names("unknown")), BTreeSet::from(["a..b", "a.org"]));
    assert_eq!(lines(&names("not_found")), BTreeSet::from(["none.dev", "else.dev"]));
    let stats = outcomes(dir.path(), &["answers", "--stats"]);
    assert!(stats.starts_with("1 found, 2 not found, 2 unknown of 5 names in "), "{stats}");
    assert!(stats.contains("\nunknown: 1 bad_name, 1 dns_failed\n"), "{stats}");
    assert!(!stats.contains("received") && !stats.contains("most failures"), "{stats}");
}

/// What is told is on record already.
#[test]
fn a_run_that_is_on_can_be_looked_at() {
    let (dir, (_server, base)) = (folder(), server());
    let line = ["get", "-o", "out", "--format", "jsonl", "-q"];
    let mut child = hoist(dir.path(), &line).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    for n in 0..3 {
        writeln!(stdin, "{base}/bytes/{n}").unwrap();
        out.read_line(&mut told).unwrap();
        assert_eq!(outcomes(dir.path(), &["out"]), told);
    }
    assert!(outcomes(dir.path(), &["out", "--stats"]).starts_with("3 ok, "));
    drop(stdin);
    assert_eq!(end(child).code, Some(0));
    assert_eq!(outcomes(dir.path(), &["out"]), told);
}

/// What goes on record while one looks can't make two of one.
#[test]
fn a_look_is_at_one_moment() {
    let Answered { dir, told, .. } = &answered();
    let history = History::open(&dir.path().join("out")).unwrap();
    let mut seen = history.outcomes().unwrap();
    let again = run(dir.path(), &[&GET[..], &["--again", "failed,not_found"]].concat());
    assert_eq!(indexes(&again.out), [3, 4, 6, 8]);
    let position = |outcome| match outcome {
        Ok(AnyOutcome::Get(outcome)) => outcome.position.0,
        other => panic!("{other:?}"),
    };
    let mut positions: Vec<_> = seen.by_ref().map(position).collect();
    positions.sort_unstable();
    assert_eq!(positions, indexes(told));
}

#[test]
fn a_record_that_is_not_there_or_damaged_is_told_with_exit_code_3() {
    let Answered { dir, .. } = &answered();
    fs::create_dir(dir.path().join("empty")).unwrap();
    for (out, more) in [("empty", "jsonl"), ("nowhere", "csv"), ("list", "urls")] {
        let said = run(dir.path(), &["outcomes", out, "--format", more]);
        assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{said:?}");
        let expected = format!("hoist: {out}: there is no ledger; get keeps one for a list (-i)");
        assert!(said.err.starts_with(&expected), "{}", said.err);
        assert_eq!(run(dir.path(), &["outcomes", out, "--stats"]).code, Some(3));
    }
    let segment = dir.path().join("out/.hoist/ledger/00000000.log");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[20] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let said = run(dir.path(), &["outcomes", "out"]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{said:?}");
    assert!(said.err.contains("00000000.log: its beginning is damaged"), "{}", said.err);
}

#[test]
fn a_closed_pipe_ends_quietly_and_a_full_device_is_told() {
    let dir = folder();
    fs::write(dir.path().join("list"), "nonsense\n".repeat(5_000)).unwrap();
    let line = ["get", "-i", "list", "-o", "out", "-q", "--durable", "none"];
    assert_eq!(run(dir.path(), &line).code, Some(1));
    for format in ["jsonl", "csv"] {
        let line = ["outcomes", "out", "--format", format];
        let mut child = hoist(dir.path(), &line).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.fill_buf().unwrap();
        drop(out);
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!((errors.as_str(), child.wait().unwrap().code()), ("", Some(3)), "{format}");
    }
    for more in [&["--format", "urls"][..], &["--stats"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let line = [&["outcomes", "out"], more].concat();
        let output = hoist(dir.path(), &line).stdout(full).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{errors}");
        assert!(errors.contains("the output could not be written: No space left"), "{errors}");
    }
}

#[test]
fn what_makes_no_sense_of_a_record_is_told_with_exit_code_2() {
    let dir = folder();
    for (line, message) in [
        (&["outcomes"][..], "<OUT>"),
        (&["outcomes", "out", "--only", "toast"], "\"toast\" is neither an outcome"),
        (&["outcomes", "out", "--only", "ok,"], "\"\" is neither an outcome"),
        (&["outcomes", "out", "--stats", "--only", "ok"], "cannot be used with"),
        (&["outcomes", "out", "--stats", "--format", "csv"], "cannot be used with"),
        (&["outcomes", "out", "--format", "text"], "invalid value 'text'"),
    ] {
        let said = run(dir.path(), line);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{line:?}: {said:?}");
        assert!(said.err.contains(message), "{line:?}: {}", said.err);
        assert!(said.err.contains("--help"), "{line:?}: {}", said.err);
    }
    let help = run(dir.path(), &["outcomes", "--help"]);
    assert!(help.out.contains("Examples:") && help.code == Some(0), "{help:?}");
    assert!(run(dir.path(), &["--help"]).out.contains("  outcomes "), "it is listed");
}

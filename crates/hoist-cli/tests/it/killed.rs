//! Killed (SIGKILL) at any moment and started again, a run loses nothing and does nothing twice.
//!
//! `HOIST_KILLS=200` kills more often than the 20 times of every day (with `cargo test`: nextest ends
//! a test after three minutes); `HOIST_SEED` makes the same list and the same moments once more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hoist_rehearsal::{DnsRehearsal, DnsZone, HttpRehearsal, Running, Truth};
use serde_json::Value;

use crate::harness::{
    ANYWHERE, Told, body, end, files, folder, hoist, listen, objects, on_record, serve,
};

fn kills() -> usize {
    std::env::var("HOIST_KILLS").map_or(20, |kills| kills.parse().unwrap())
}

/// Chance that can be had again.
#[expect(clippy::print_stderr, reason = "shown when the test fails")]
pub(crate) fn chance() -> fastrand::Rng {
    let seed = std::env::var("HOIST_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("HOIST_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// When to kill each of some runs: from 3 ms to 1 s after its start. As many are below 55 ms as
/// above: the start is where most is to be put right.
pub(crate) fn moments(random: &mut fastrand::Rng) -> Vec<Duration> {
    let mut moment = || Duration::from_secs_f64(0.003 * 333_f64.powf(random.f64()));
    (0..kills()).map(|_| moment()).collect()
}

/// So many items that they take longer than all these runs together, at a rate that no run exceeds.
pub(crate) fn too_many(moments: &[Duration], per_second: u128) -> u64 {
    let together: Duration = moments.iter().sum();
    u64::try_from(together.as_millis() * per_second * 3 / 2 / 1000).unwrap()
}

/// Starts the command and kills it after a while. What it told until then, and whether it was still
/// at work.
pub(crate) fn kill_after(dir: &Path, line: &[&str], time: Duration) -> (Told, bool) {
    let until = Instant::now() + time;
    let mut child = hoist(dir, line).spawn().unwrap();
    let told = listen(&mut child);
    while Instant::now() < until {
        std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    let killed = status.signal() == Some(9);
    assert!(killed || matches!(status.code(), Some(0 | 1)), "{status}: {errors}");
    (told.join().unwrap(), killed)
}

/// What must become of a line.
#[derive(Debug)]
pub(crate) enum Due {
    /// A body of this length; in a file of this name, or a copy of it, where it is asked for.
    Ok(usize, Option<String>),
    NotFound,
    Failed(&'static str),
}

/// A list of everything: by position, what is asked and what must become of it.
pub(crate) fn list(
    base: &str,
    lines: u64,
    random: &mut fastrand::Rng,
) -> (String, BTreeMap<u64, (String, Due)>) {
    let (mut text, mut dues) = (String::new(), BTreeMap::new());
    for n in 0..lines {
        // Most bodies are short.
        let length = random.usize(0..100_000);
        let mut length = random.usize(0..=length);
        let mut name = None;
        let (path, due) = match random.u32(0..100) {
            0 | 1 => {
                text.push_str("  \n");
                continue;
            }
            2 | 3 => {
                writeln!(text, "# comment {n}").unwrap();
                continue;
            }
            4..=6 => {
                let line = format!("no URL {n}");
                writeln!(text, "{line}").unwrap();
                dues.insert(n, (line, Due::Failed("bad_input")));
                continue;
            }
            7..=20 => (format!("status/404?id={n}"), Due::NotFound),
            21..=28 => (format!("fault/short?of=3000&send=10&id={n}"), Due::Failed("truncated")),
            29..=39 => (format!("chunked?of={length}&id={n}"), Due::Ok(length, None)),
            // Many of these are in flight whenever it is killed.
            40..=49 => (format!("drip?rate=5000&of=500&id={n}"), Due::Ok(500, None)),
            other => {
                if other < 60 {
                    name = Some(format!("named/{n}.bin"));
                } else if other < 68 {
                    // Of another length each, so that one can't pass for another.
                    length = 1_000 + usize::try_from(n).unwrap();
                    name = Some(format!("shared/{}", n % 23));
                } else if n % (lines / 16 + 1) == 0 {
                    length = 1_000_000;
                }
                (format!("bytes/{length}?id={n}"), Due::Ok(length, name.clone()))
            }
        };
        let url = format!("{base}/{path}");
        match name {
            Some(name) => writeln!(text, "{url}\t{name}").unwrap(),
            None => writeln!(text, "{url}").unwrap(),
        }
        dues.insert(n, (url, due));
    }
    (text, dues)
}

/// Checks an outcome but for its file, whose path below `out` is returned.
fn checked(outcome: &Value, (url, due): &(String, Due), out: &Path) -> Option<String> {
    assert_eq!(outcome["url"], *url);
    let class = match due {
        Due::Ok(..) => "ok",
        Due::NotFound => "not_found",
        Due::Failed(_) => "failed",
    };
    assert_eq!(outcome["outcome"], class, "{outcome}");
    match due {
        Due::Ok(length, wanted) => {
            assert_eq!(outcome["bytes"], *length, "{outcome}");
            let path = outcome["path"].as_str().unwrap();
            let path = Path::new(path).strip_prefix(out).unwrap().to_str().unwrap();
            if let Some(wanted) = wanted {
                let copy = format!("{wanted}~{}", outcome["index"]);
                assert!(path == wanted || path == copy, "{outcome}");
            }
            Some(path.to_owned())
        }
        Due::NotFound => None,
        Due::Failed(kind) => {
            assert_eq!(outcome["kind"], *kind, "{outcome}");
            None
        }
    }
}

/// A get that is killed again and again.
struct Killed<'a> {
    dues: &'a BTreeMap<u64, (String, Due)>,
    out: PathBuf,
    /// What was told, and when at the latest.
    told: BTreeMap<u64, (Instant, Value)>,
    /// When it was seen to be on record.
    seen: BTreeMap<u64, Instant>,
}

impl Killed<'_> {
    fn hear(&mut self, told: Told) {
        for (at, line) in told {
            let outcome = objects(&line).remove(0);
            let position = outcome["index"].as_u64().unwrap();
            checked(&outcome, &self.dues[&position], &self.out);
            let first = self.told.insert(position, (at, outcome));
            assert_eq!(first, None, "told twice");
        }
    }

    /// Whatever the moment was: what was told is on record as it was told, and in its file; there is
    /// no file but of what is on record, and each has its length.
    fn check_record(&mut self) -> BTreeMap<u64, Value> {
        let saved = if self.out.is_dir() { files(&self.out) } else { Vec::new() };
        if self.told.is_empty() && saved.is_empty() {
            // It may have been killed before there was a ledger.
            return BTreeMap::new();
        }
        let now = Instant::now();
        let record = on_record(&self.out);
        let mut lengths = BTreeMap::new();
        for (position, outcome) in &record {
            if let Some(path) = checked(outcome, &self.dues[position], &self.out) {
                let twice = lengths.insert(path, outcome["bytes"].as_u64().unwrap());
                assert_eq!(twice, None, "another item has that file, too: {outcome}");
            }
        }
        for (position, (_, outcome)) in &self.told {
            assert_eq!(record.get(position), Some(outcome), "not as it was told");
        }
        for position in self.seen.keys() {
            assert!(record.contains_key(position), "{position} was on record, and is no more");
        }
        let on_disk: BTreeMap<_, _> = saved
            .into_iter()
            .map(|name| {
                let length = fs::metadata(self.out.join(&name)).unwrap().len();
                (name, length)
            })
            .collect();
        assert!(on_disk == lengths, "the files are not those on record");
        for position in record.keys() {
            self.seen.entry(*position).or_insert(now);
        }
        record
    }

    /// At the end: every item once, every file whole.
    fn check_end(&mut self) {
        let record = self.check_record();
        assert!(record.keys().eq(self.dues.keys()), "an outcome is missing");
        let (whole, mut sharers) = (body(1_000_000), BTreeMap::<_, usize>::new());
        for (position, (url, due)) in self.dues {
            let Due::Ok(length, name) = due else { continue };
            let path = Path::new(record[position]["path"].as_str().unwrap());
            assert!(fs::read(path).unwrap() == whole[..*length], "{url}: {}", path.display());
            if let Some(name) = name {
                let first = path == self.out.join(name);
                *sharers.entry(name).or_default() += usize::from(first);
            }
        }
        assert!(sharers.values().all(|n| *n == 1), "{sharers:?}");
        let parts: Vec<_> = fs::read_dir(self.out.join(".hoist/parts")).unwrap().collect();
        assert!(parts.is_empty(), "{parts:?}");
    }

    /// Nothing was asked of the server once its outcome was told, or seen on record. `begun` is
    /// from before the server's clock began.
    fn check_requests(&self, server: &Running, begun: Instant) {
        assert!(server.settle(Duration::from_mins(1)));
        let mut asked = BTreeSet::new();
        for request in server.truth().http() {
            let (_, position) = request.path.split_once("id=").unwrap();
            let position = position.parse().unwrap();
            asked.insert(position);
            // It may have come later than this, not earlier.
            let at = begun + request.at;
            let told = self.told.get(&position).map(|(at, _)| *at);
            let seen = self.seen.get(&position).copied();
            for known in [told, seen].into_iter().flatten() {
                assert!(at < known, "{} came {:?} too late", request.path, at - known);
            }
        }
        let due = self.dues.iter().filter(|(_, (url, _))| url.contains("id="));
        assert!(due.map(|(position, _)| *position).eq(asked), "not all were asked");
    }
}

fn a_get_loses_and_doubles_nothing(durable: &str) {
    let mut random = chance();
    let begun = Instant::now();
    let (dir, server) = (folder(), serve(HttpRehearsal::local()));
    let base = format!("http://{}", server.addr());
    let moments = moments(&mut random);
    // A tenth of the lines takes 100 ms each, 8 at once.
    let (text, dues) = list(&base, too_many(&moments, 800), &mut random);
    fs::write(dir.path().join("list"), text).unwrap();
    let out = dir.path().join("out");
    let line = ["get", "-i", "list", "-o", out.to_str().unwrap(), "--format", "jsonl"];
    let line = [&line[..], &["--retries", "0", "--per-origin", "8", "--durable", durable]].concat();

    let (told, seen) = (BTreeMap::new(), BTreeMap::new());
    let mut killed = Killed { dues: &dues, out: out.clone(), told, seen };
    for moment in moments {
        let (told, was_at_work) = kill_after(dir.path(), &line, moment);
        assert!(was_at_work, "the list is too short");
        killed.hear(told);
        killed.check_record();
    }

    let mut child = hoist(dir.path(), &line).spawn().unwrap();
    let (before, told) = (killed.told.len(), listen(&mut child));
    let said = end(child);
    killed.hear(told.join().unwrap());
    assert_eq!(said.code, Some(1), "{said:?}");
    let count = |is: fn(&Due) -> bool| dues.values().filter(|(_, due)| is(due)).count();
    let ok = count(|due| matches!(due, Due::Ok(..)));
    let not_found = count(|due| matches!(due, Due::NotFound));
    let failed = count(|due| matches!(due, Due::Failed(_)));
    let counts = format!("{ok} ok, {not_found} not found, {failed} failed of {} URLs", dues.len());
    assert!(said.err.contains(&counts), "{counts}: {}", said.err);
    if killed.told.len() > before {
        let earlier = dues.len() - (killed.told.len() - before);
        assert!(said.err.contains(&format!(", {earlier} of them before, in ")), "{}", said.err);
    }
    killed.check_end();
    killed.check_requests(&server, begun);
}

#[test]
fn killed_at_random_moments_a_get_loses_and_doubles_nothing() {
    a_get_loses_and_doubles_nothing("group");
}

/// A kill is not a power cut: what the system has been given survives it.
#[test]
fn killed_at_random_moments_a_get_without_syncs_loses_and_doubles_nothing() {
    a_get_loses_and_doubles_nothing("none");
}

/// Names that exist and names that do not, and what is no name. The last is unknown.
fn names(count: u64, random: &mut fastrand::Rng) -> Vec<String> {
    let shapes = ["", "v4only-", "v6only-", "both-", "noaddr-", "nx-", "cname-both-", "many-5-"];
    let name = |n| match random.u32(0..20) {
        0 => format!("a..b{n}"),
        shape => format!("{}n{n}.dev", shapes[shape as usize % shapes.len()]),
    };
    (0..count).map(name).collect()
}

const VERDICTS: [&str; 3] = ["found", "not_found", "unknown"];

fn verdict(name: &str, rehearsal: &DnsRehearsal) -> &'static str {
    match rehearsal.truth(name) {
        _ if name.contains("..") => "unknown",
        truth if truth.has_address() => "found",
        _ => "not_found",
    }
}

fn a_probe_loses_and_doubles_nothing(options: &[&str]) {
    let mut random = chance();
    let begun = Instant::now();
    let (delay, truth) = (Duration::ZERO..=Duration::from_millis(30), Truth::memory());
    let zone = DnsZone::generated("dev", 0.5).unwrap();
    let rehearsal = DnsRehearsal { delay, truth, ..DnsRehearsal::new([zone]) };
    let server = rehearsal.clone().spawn(&ANYWHERE).unwrap();
    let via = format!("dns://{}", server.addr());
    let (dir, moments) = (folder(), moments(&mut random));
    // Each takes 15 ms on average, 64 at once.
    let names = names(too_many(&moments, 4267), &mut random);
    fs::write(dir.path().join("list"), names.join("\n")).unwrap();
    let file = dir.path().join("answers");
    let line = ["probe", "-i", "list", "-o", "answers", "--format", "jsonl", "--via", &via];
    let line = [&line[..], &["-m", "64"], options].concat();

    // When a name was seen to be on record.
    let mut seen = BTreeMap::new();
    for moment in moments {
        let (told, was_at_work) = kill_after(dir.path(), &line, moment);
        assert!(was_at_work && told.is_empty(), "{told:?}");
        let now = Instant::now();
        if fs::metadata(&file).is_ok_and(|file| file.len() > 0) {
            let record = on_record(&file);
            assert!(seen.keys().all(|n| record.contains_key(n)), "some are on record no more");
            for position in record.into_keys() {
                seen.entry(position).or_insert(now);
            }
        }
    }
    let said = end(hoist(dir.path(), &line).spawn().unwrap());
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");

    let answers = objects(&fs::read_to_string(&file).unwrap());
    let mut positions: Vec<_> = answers.iter().map(|o| o["index"].as_u64().unwrap()).collect();
    if !options.contains(&"--ordered") {
        positions.sort_unstable();
    }
    let only = options.iter().position(|option| *option == "--only").map(|at| options[at + 1]);
    let due = (0..names.len() as u64).filter(|n| {
        only.is_none_or(|only| only == verdict(&names[usize::try_from(*n).unwrap()], &rehearsal))
    });
    assert!(positions.into_iter().eq(due), "not each name has one line");
    let recorded = on_record(&file);
    assert!(recorded.keys().copied().eq(0..names.len() as u64), "not each name is on record");
    let mut counts = [0; 3];
    for (answer, name) in recorded.values().zip(&names) {
        let verdict = verdict(name, &rehearsal);
        counts[VERDICTS.iter().position(|known| *known == verdict).unwrap()] += 1;
        assert_eq!((&answer["name"], &answer["verdict"]), (&name.as_str().into(), &verdict.into()));
    }
    let [found, not_found, unknown] = counts;
    let told =
        format!("{found} found, {not_found} not found, {unknown} unknown of {}", names.len());
    assert!(said.err.contains(&told), "{told}: {said:?}");
    for answer in &answers {
        let recorded = &recorded[&answer["index"].as_u64().unwrap()];
        assert_eq!(answer, recorded, "the file does not say what is on record");
    }

    for query in server.truth().dns() {
        let name = query.name.to_ascii_lowercase();
        let label = name.split('.').next().unwrap();
        let position = label.rsplit('n').next().unwrap().parse().unwrap();
        let Some(known) = seen.get(&position) else { continue };
        assert!(begun + query.at < *known, "{} was asked for again", query.name);
    }
}

#[test]
fn killed_at_random_moments_a_probe_loses_and_doubles_nothing() {
    a_probe_loses_and_doubles_nothing(&[]);
}

#[test]
fn killed_at_random_moments_a_probe_keeps_its_order() {
    a_probe_loses_and_doubles_nothing(&["--ordered", "--durable", "none"]);
}

/// Names whose lines are left out are on record all the same, and not asked again.
#[test]
fn killed_at_random_moments_a_probe_leaves_out_what_it_is_told_to() {
    for only in ["unknown", "found"] {
        a_probe_loses_and_doubles_nothing(&["--only", only]);
    }
}

/// Less time than a group may take: what counts is that records are soon with the system.
#[test]
fn alone_killed_every_300_ms_it_still_gets_on() {
    let (dir, server) = (folder(), serve(HttpRehearsal::local()));
    let base = format!("http://{}", server.addr());
    // Of what has no file it can be seen at once that it is on record.
    let mut text = String::new();
    for n in 0..1_000 {
        writeln!(text, "{base}/bytes/1000?id={n}\n{base}/status/404?id={n}").unwrap();
        if n % 5 == 0 {
            writeln!(text, "{base}/slow?delay=0.05&id={n}").unwrap();
        }
    }
    fs::write(dir.path().join("list"), text).unwrap();
    let line = ["get", "-i", "list", "-o", "out", "--format", "jsonl", "--per-origin", "8"];
    let out = dir.path().join("out");
    let mut answered = 0;
    let mut runs = 0;
    while kill_after(dir.path(), &line, Duration::from_millis(300)).1 {
        runs += 1;
        let now = on_record(&out).len();
        assert!(now > answered, "run {runs} got no further than {answered}");
        answered = now;
        assert!(runs < 100);
    }
    assert!(runs > 2, "{runs} is too few to see anything");
    assert_eq!(on_record(&out).len(), 2_200);
    assert_eq!(files(&out).len(), 1_200);
}

//! Every write, sync and rename of a run is made to fail, or the machine to stop there; then the
//! run is started again. Whatever happened: each item has one outcome, what was told stays told and
//! is not asked again, what is under a name is whole, and nothing else is there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::committer::{Committer, Entry, Step};
use super::home::Home;
use super::latest::Latest;
use super::list::BlockNote;
use super::record::Recorded;
use super::recorder::Recorder;
use super::recovery::{Opened, Wish, open};
use super::segment::Place;
use super::survey::Survey;
use crate::error::Error;
use crate::item::{FileName, Hash, HashAlgorithm, Position};
use crate::outcome::{Failure, FailureKind, GetOutcome, GetVerdict, Outcome, Selector, Timing};
use crate::plan::{ShardLimits, defaults};
use crate::sink::{
    Files, Finished, Gathering, HashWish, Left, Lines, Shards, Sink, Spot, Staging, Unit, Wanted,
    tar,
};
use crate::sys::{Fault, Fs, Memory};

const ITEMS: u64 = 14;

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Files,
    Lines,
    Shards,
}

/// What a run wants besides.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Want {
    Nothing,
    Fresh,
    AgainFailed,
}

struct World {
    fs: Memory,
    form: Form,
    durable: bool,
    /// Of a file of lines.
    heading: &'static str,
    boot: u8,
    /// Told since the list was begun (anew).
    told: BTreeSet<Position>,
    /// Items asked so far.
    asked: u64,
    /// Files that a list before left: they may stay, as they are.
    old: BTreeMap<String, Vec<u8>>,
    random: fastrand::Rng,
}

fn body(position: u64) -> Vec<u8> {
    (0..=position % 5).flat_map(|_| format!("body of {position}, ").into_bytes()).collect()
}

/// Some items want the same name, some a name below another's.
fn name(position: u64) -> FileName {
    FileName::from_text(&match position {
        3 | 4 | 9 => "same".to_owned(),
        5 => "same/below".to_owned(),
        _ => format!("folder/{position}"),
    })
}

fn sample_name(position: u64) -> FileName {
    let url = url::Url::parse("http://a.example/").unwrap();
    FileName::of_sample(Some(name(position)), Position(position), &url, None)
}

fn fails(position: u64) -> bool {
    position % 6 == 2
}

/// Others are on record alone.
fn has_line(position: u64) -> bool {
    !position.is_multiple_of(3)
}

fn outcome(position: u64, failed: bool, bytes: usize) -> GetOutcome {
    GetOutcome {
        position: Position(position),
        url: format!("http://a.example/{position}"),
        final_url: None,
        verdict: if failed { GetVerdict::Failed } else { GetVerdict::Ok },
        failure: failed.then(|| Failure::new(FailureKind::Truncated, "cut")),
        status: Some(200),
        bytes: bytes as u64,
        path: None,
        content_type: None,
        unframed: false,
        attempts: 1,
        elapsed: Duration::ZERO,
        retry_at: None,
        crc32c: None,
        member: None,
        hash: Hash::new(HashAlgorithm::Sha256, &[7; 32]),
        timing: Timing::default(),
    }
}

const OUT: &str = "/out";
const FILE: &str = "/file";

impl World {
    fn new(form: Form, durable: bool, seed: u64) -> Self {
        let fs = Memory::new(seed);
        if form == Form::Files {
            // It was there before: nobody replaces it.
            fs.put("/out/folder/6", b"foreign");
        }
        if form == Form::Shards {
            fs.put("/out/set/1.tar", b"foreign");
        }
        Self {
            fs,
            form,
            durable,
            heading: "head\n",
            boot: 1,
            told: BTreeSet::new(),
            asked: 0,
            old: BTreeMap::new(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    fn home(&self) -> Home {
        match self.form {
            Form::Files | Form::Shards => Home::of_folder(Path::new(OUT)),
            Form::Lines => Home::of_file(Path::new(FILE)),
        }
    }

    fn open(&self, want: Want) -> Result<Opened<GetOutcome>, Error> {
        let fs: Arc<dyn Fs> = Arc::new(self.fs.clone());
        let home = self.home();
        home.make(&*fs)?;
        let unit = |ours| -> Box<dyn Unit> {
            match self.form {
                Form::Files => {
                    Box::new(Files::new(fs.clone(), OUT.into(), home.parts.clone(), ours))
                }
                Form::Lines => Box::new(Lines::new(fs.clone(), FILE.into(), self.heading.into())),
                Form::Shards => {
                    // One that has three samples is full, and some before.
                    let limits =
                        ShardLimits { samples: 3.try_into().unwrap(), bytes: (5 << 10) + 512 };
                    let form = ("set/{shard}.tar".parse().unwrap(), limits);
                    let parts = home.parts.clone();
                    Box::new(Shards::new(fs.clone(), OUT.into(), parts, form, ours))
                }
            }
        };
        let line = |outcome: &GetOutcome, line: &mut Vec<u8>| {
            if has_line(outcome.position.0) {
                line.extend_from_slice(format!("line {}\n", outcome.position).as_bytes());
            }
        };
        let wish = Wish {
            durable: self.durable,
            again: if want == Want::AgainFailed { vec![Selector::Failed] } else { Vec::new() },
            fresh: want == Want::Fresh,
            keep_list: false,
            list: None,
            about: "test".to_owned(),
            line: (self.form == Form::Lines).then(|| Arc::new(line) as _),
            boot: [self.boot; 16],
            now: SystemTime::UNIX_EPOCH,
            random: 5,
            // So short that several are sealed on the way.
            segment_limit: 700,
        };
        open(fs.clone(), &home, unit, wish)
    }

    /// Runs until the end, or until something fails.
    fn run(&mut self, want: Want) -> Result<(), Error> {
        match want {
            Want::Nothing => {}
            Want::AgainFailed => self.told.retain(|position| !fails(position.0)),
            Want::Fresh => self.told.clear(),
        }
        let Opened { mut committer, recall, .. } = self.open(want)?;
        let lines = u32::try_from(ITEMS).unwrap();
        let note = BlockNote { lines, ..BlockNote::default() };
        if committer.list.totals.lines == 0 {
            committer.note(note, &[])?;
        }
        let mut order: Vec<u64> = (0..ITEMS).collect();
        self.random.shuffle(&mut order);
        let (fs, parts): (Arc<dyn Fs>, _) = (Arc::new(self.fs.clone()), self.home().parts);
        let mut staging = Staging { fs: Arc::clone(&fs), parts: parts.clone() };
        // Some bodies are too long for memory.
        let mut gathering = Gathering::new(fs, parts).holding(40);
        for n in order {
            let position = Position(n);
            if recall.answered.contains(position) {
                continue;
            }
            if n == 11 {
                committer.skip(&[(position, 1)]);
                continue;
            }
            assert!(!self.told.contains(&position), "{n} is asked after it was told");
            self.asked += 1;
            let left = match self.form {
                Form::Files if !fails(n) => staged(&mut staging, n, name(n))?,
                Form::Shards if !fails(n) => staged(&mut gathering, n, sample_name(n))?,
                _ => Left::Nothing,
            };
            let length = if fails(n) { 0 } else { body(n).len() };
            let outcome = outcome(n, fails(n), length);
            let entry = Entry { outcome, ticket: None, weight: 1, left };
            committer.take(entry, SystemTime::UNIX_EPOCH)?;
            if self.random.u8(..) < 100 {
                committer.write()?;
            }
            if self.random.u8(..) < 80 {
                let step = committer.close(Duration::ZERO)?;
                self.commit(&mut committer, step)?;
            }
        }
        let step = committer.close(Duration::ZERO)?;
        self.commit(&mut committer, step)?;
        committer.write()?;
        committer.complete()
    }

    fn commit(
        &mut self,
        committer: &mut Committer<GetOutcome>,
        mut step: Step<GetOutcome>,
    ) -> Result<(), Error> {
        loop {
            step = match step {
                Step::Nothing => return Ok(()),
                Step::Sync(sync) => {
                    sync.run(&self.fs)?;
                    committer.synced(Duration::ZERO)?
                }
                Step::Done(done) => {
                    for committed in done {
                        let fresh = self.told.insert(committed.outcome.position());
                        assert!(fresh, "{} is told twice", committed.outcome.position());
                    }
                    return Ok(());
                }
            };
        }
    }

    /// The machine stops, or the process.
    fn stop(&mut self, cut: bool) {
        if cut {
            self.fs.power_cut();
            self.boot += 1;
            if !self.durable {
                // Nothing was promised: what is gone is asked again.
                self.told.clear();
            }
        } else {
            self.fs.restart();
        }
        if self.form == Form::Shards {
            self.check_told();
        }
    }

    /// Whenever the machine stopped: a shard under its name is whole, and what was told is in one, or
    /// in the one that was written.
    fn check_told(&self) {
        let mut bodies = BTreeSet::new();
        for (path, bytes) in self.fs.files() {
            if path.starts_with("/out/set/") && bytes != b"foreign" {
                bodies.extend(tar::members(&bytes).into_iter().map(|(_, body)| body));
            } else if path.starts_with("/out/.hoist/parts/") {
                // Its end may be anything.
                for n in self.told.iter().filter(|n| !fails(n.0)) {
                    let body = body(n.0);
                    if bytes.windows(body.len()).any(|window| window == body) {
                        bodies.insert(body);
                    }
                }
            }
        }
        for n in self.told.iter().filter(|n| !fails(n.0)) {
            assert!(bodies.contains(&body(n.0)), "{n} was told, and is gone");
        }
    }

    /// All that must hold when a run has come to its end.
    fn check(&self) {
        let fs: Arc<dyn Fs> = Arc::new(self.fs.clone());
        let survey = Survey::take(&fs, &self.home().ledger).unwrap().unwrap();
        let mut latest = Latest::new(&survey, Place::MAX).unwrap();
        let mut spots: BTreeMap<u64, Spot> = BTreeMap::new();
        while let Some((_, seen)) = latest.next().unwrap() {
            assert_eq!(seen.kind.is_some(), fails(seen.position.0));
            let earlier = spots.insert(seen.position.0, seen.spot());
            assert!(earlier.is_none(), "{} has two outcomes", seen.position);
        }
        let expected: Vec<u64> = (0..ITEMS).filter(|n| *n != 11).collect();
        assert_eq!(spots.keys().copied().collect::<Vec<_>>(), expected);
        match self.form {
            Form::Files => self.check_files(&spots),
            Form::Lines => self.check_lines(),
            Form::Shards => self.check_shards(&spots),
        }
    }

    fn check_files(&self, spots: &BTreeMap<u64, Spot>) {
        let mut files = self.fs.files();
        assert_eq!(files.remove("/out/folder/6").unwrap(), b"foreign");
        for (n, spot) in spots.iter().filter(|(n, _)| !fails(**n)) {
            let name = format!("/out/{}", spot.name.as_ref().unwrap());
            assert_eq!(files.remove(&name), Some(body(*n)), "{name}");
        }
        files.retain(|name, body| {
            !name.starts_with("/out/.hoist/ledger/") && self.old.get(name) != Some(body)
        });
        // Without syncs a power cut leaves names whose records are lost.
        if self.durable || self.boot == 1 {
            assert!(files.is_empty(), "{files:?} is nobody's");
        }
    }

    /// Each sample is where its record says, and nothing else is anywhere.
    fn check_shards(&self, spots: &BTreeMap<u64, Spot>) {
        let mut files = self.fs.files();
        assert_eq!(files.remove("/out/set/1.tar").unwrap(), b"foreign");
        let mut shards: BTreeMap<String, BTreeMap<u64, (u64, &Spot)>> = BTreeMap::new();
        for (n, spot) in spots.iter().filter(|(n, _)| !fails(**n)) {
            let name = format!("/out/{}", spot.name.as_ref().unwrap());
            let sample = spot.sample.as_ref().unwrap();
            let twice = shards.entry(name).or_default().insert(sample.from, (*n, spot));
            assert_eq!(twice, None);
        }
        for (name, samples) in &shards {
            let tar = files.remove(name).unwrap_or_else(|| panic!("no {name}"));
            let mut members = tar::members(&tar).into_iter();
            let (mut at, mut nth) = (0, 0);
            for (n, spot) in samples.values() {
                let sample = spot.sample.as_ref().unwrap();
                nth += 1;
                assert_eq!((sample.from, sample.nth), (at, nth), "{n} in {name}");
                at = sample.end;
                assert_eq!(members.next(), Some((sample.member.clone(), body(*n))));
                let (sidecar, json) = members.next().unwrap();
                assert_eq!(
                    Some(&*sidecar),
                    sample.member.strip_suffix(".bin").map(|key| format!("{key}.json")).as_deref()
                );
                let told: serde_json::Value = serde_json::from_slice(&json).unwrap();
                assert_eq!(
                    (told["index"].as_u64(), told["path"].as_str()),
                    (Some(*n), Some(&**name))
                );
                assert_eq!(told["member"], sample.member);
            }
            assert_eq!(members.next(), None);
            assert!(samples.len() <= 3 && tar.len() as u64 == at + 1_024);
        }
        files.retain(|name, bytes| {
            !name.starts_with("/out/.hoist/ledger/") && self.old.get(name) != Some(bytes)
        });
        assert!(files.is_empty(), "{:?} is nobody's", files.keys());
    }

    fn check_lines(&self) {
        let text = String::from_utf8(self.fs.files()[FILE].clone()).unwrap();
        let text = text.strip_prefix(self.heading).expect("it begins with its heading");
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        let mut expected: Vec<String> =
            (0..ITEMS).filter(|n| *n != 11 && has_line(*n)).map(|n| format!("line {n}")).collect();
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }

    /// Once more from the ledger alone: nothing is left to ask, and the totals are right.
    fn check_finished(&mut self) {
        self.asked = 0;
        self.run(Want::Nothing).unwrap();
        assert_eq!(self.asked, 0);
        let opened = self.open(Want::Nothing).unwrap();
        let totals = &opened.committer.state().totals;
        let failed = (0..ITEMS).filter(|n| fails(*n)).count() as u64;
        assert_eq!((totals.done(), totals.failed), (ITEMS - 1, failed));
        assert_eq!(totals.failures.kinds.values().sum::<u64>(), failed);
    }
}

/// A body is whole, and waits for its record.
fn staged<S: Sink>(sink: &mut S, n: u64, name: FileName) -> Result<Left, Error> {
    let hash = HashWish::default();
    let wanted =
        Wanted { position: Position(n), name, late: None, hash, coded: None, source: None };
    let mut part = sink.begin(wanted)?;
    for piece in body(n).chunks(20) {
        sink.write(&mut part, piece)?;
    }
    let Finished::Left(left) = sink.finish(part)? else { panic!("it waits") };
    Ok(left)
}

/// Where nothing fails, all is well.
fn try_none(mut world: World, want: Want) {
    world.run(want).unwrap();
    world.check();
    world.check_finished();
}

/// Every step fails in turn, in every way; then the run is started again.
fn try_all(world: impl Fn(u64) -> World, want: Want) {
    try_none(world(0), want);
    let faults = [
        Fault::Error(ErrorKind::Other),
        Fault::Error(ErrorKind::StorageFull),
        Fault::Full,
        Fault::Short,
        Fault::Kill,
        Fault::KillAfter,
    ];
    for fault in faults {
        for cut in [false, true] {
            let mut clean = 0;
            for step in 0.. {
                let mut world = world(step);
                world.fs.fail_at(step, fault);
                let failed = world.run(want).is_err();
                let reached = world.fs.steps() > step;
                world.stop(cut);
                // What of --fresh and --again had been decided is in the ledger; a user who sees
                // the run end at once says it again.
                let again = if world.told.is_empty() || want == Want::Nothing {
                    want
                } else {
                    Want::Nothing
                };
                world.run(again).unwrap_or_else(|error| panic!("{fault:?} {step} {cut}: {error}"));
                world.check();
                world.check_finished();
                clean = if failed || reached { 0 } else { clean + 1 };
                if clean > 1 {
                    assert!(step > 12, "{step} steps");
                    break;
                }
            }
        }
    }
}

#[test]
fn files_survive_every_failure() {
    try_all(|seed| World::new(Form::Files, true, seed), Want::Nothing);
}

#[test]
fn files_survive_every_failure_without_syncs() {
    try_all(|seed| World::new(Form::Files, false, seed), Want::Nothing);
}

#[test]
fn shards_survive_every_failure() {
    try_all(|seed| World::new(Form::Shards, true, seed), Want::Nothing);
}

#[test]
fn shards_survive_every_failure_without_syncs() {
    try_all(|seed| World::new(Form::Shards, false, seed), Want::Nothing);
}

#[test]
fn a_fresh_start_with_shards_survives_every_failure() {
    let world = |seed| {
        let mut world = World::new(Form::Shards, true, seed);
        world.run(Want::Nothing).unwrap();
        world.old = world.fs.files();
        world
    };
    try_all(world, Want::Fresh);
}

#[test]
fn lines_survive_every_failure() {
    for durable in [true, false] {
        for heading in ["head\n", ""] {
            let world = |seed| World { heading, ..World::new(Form::Lines, durable, seed) };
            try_all(world, Want::Nothing);
        }
    }
}

#[test]
fn what_is_asked_again_survives_every_failure() {
    let world = |seed| {
        let mut world = World::new(Form::Files, true, seed);
        world.run(Want::Nothing).unwrap();
        world
    };
    try_all(world, Want::AgainFailed);
}

#[test]
fn a_fresh_start_survives_every_failure() {
    let world = |seed| {
        let mut world = World::new(Form::Files, true, seed);
        world.run(Want::Nothing).unwrap();
        world.old = world.fs.files();
        world
    };
    try_all(world, Want::Fresh);
}

/// Runs that fail one after the other, each somewhere else and in another way. `HOIST_FAILURES` says
/// how many such stories are tried.
#[test]
fn failure_upon_failure_loses_nothing() {
    let stories = std::env::var("HOIST_FAILURES").ok().and_then(|n| n.parse().ok());
    for seed in 0..stories.unwrap_or(1_500) {
        let form = [Form::Lines, Form::Files, Form::Shards, Form::Files, Form::Shards];
        let form = form[usize::try_from(seed % 5).unwrap()];
        let mut world = World::new(form, seed % 4 != 0, seed);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..random.usize(1..6) {
            let faults = [
                Fault::Error(ErrorKind::Other),
                Fault::Full,
                Fault::Short,
                Fault::Kill,
                Fault::KillAfter,
            ];
            world.fs.fail_at(random.u64(0..80), *random.choice(&faults).unwrap());
            let want = if random.u8(..) < 40 { Want::AgainFailed } else { Want::Nothing };
            // Lines of what is asked again stay in the file.
            let want = if form == Form::Lines { Want::Nothing } else { want };
            let _ = world.run(want);
            world.stop(random.bool());
        }
        world.run(Want::Nothing).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        world.check();
        world.check_finished();
    }
}

/// A ledger of several segments that is complete, and the paths of its segments.
fn complete() -> (World, Vec<String>) {
    let mut world = World::new(Form::Files, true, 3);
    world.run(Want::Nothing).unwrap();
    world.fs.sync_below(Path::new("/"), &mut std::iter::empty()).unwrap();
    let paths: Vec<String> = world
        .fs
        .files()
        .into_keys()
        .filter(|path| Path::new(path).extension().is_some_and(|e| e == "log"))
        .collect();
    assert!(paths.len() > 1, "{paths:?}");
    (world, paths)
}

/// What can be read is what was written; all outcomes that a run takes as answered are.
fn invents_nothing(world: &World) {
    let fs: Arc<dyn Fs> = Arc::new(world.fs.clone());
    if let Ok(Some(survey)) = Survey::take(&fs, &world.home().ledger)
        && let Ok(mut latest) = Latest::new(&survey, Place::MAX)
    {
        while let Ok(Some((_, seen))) = latest.next() {
            let read = GetOutcome::read(seen.body).unwrap();
            let n = read.position.0;
            assert!(n < ITEMS && n != 11);
            assert_eq!(read.url, format!("http://a.example/{n}"));
            assert_eq!(read.verdict == GetVerdict::Failed, fails(n));
        }
    }
    if let Ok(opened) = world.open(Want::Nothing) {
        let totals = &opened.committer.state().totals;
        assert!(totals.done() < ITEMS, "{totals:?}");
        let answered = (0..200).filter(|n| opened.recall.answered.contains(Position(*n)));
        let answered: Vec<u64> = answered.filter(|n| *n != 11).collect();
        assert!(answered.iter().all(|n| *n < ITEMS), "{answered:?}");
        assert_eq!(answered.len() as u64, totals.done());
    }
}

#[test]
fn a_flipped_bit_invents_no_outcome_and_a_sealed_segment_is_not_passed_over() {
    let (world, paths) = complete();
    let lengths: Vec<u64> =
        paths.iter().map(|path| world.fs.len(Path::new(path)).unwrap()).collect();
    for (path, length) in paths.iter().zip(&lengths) {
        for bit in (0..length * 8).step_by(3) {
            let (world, _) = complete();
            world.fs.corrupt(path, bit);
            invents_nothing(&world);
            let fs: Arc<dyn Fs> = Arc::new(world.fs.clone());
            if path != paths.last().unwrap() {
                let told = Survey::take(&fs, &world.home().ledger).and_then(|survey| {
                    let survey = survey.unwrap();
                    let mut latest = Latest::new(&survey, Place::MAX)?;
                    while latest.next()?.is_some() {}
                    Ok(())
                });
                let error = told.expect_err("it is damaged").to_string();
                assert!(error.contains(".log: "), "{error}");
            }
        }
    }
}

#[test]
fn a_segment_cut_anywhere_invents_no_outcome() {
    let (world, paths) = complete();
    for path in paths {
        for length in 0..world.fs.len(Path::new(&path)).unwrap() {
            let (world, _) = complete();
            world.fs.set_len(Path::new(&path), length).unwrap();
            invents_nothing(&world);
        }
    }
}

#[test]
fn a_damaged_segment_is_told_with_what_it_covers() {
    let (world, paths) = complete();
    world.fs.corrupt(&paths[0], 8 * 300);
    let fs: Arc<dyn Fs> = Arc::new(world.fs.clone());
    let survey = Survey::take(&fs, &world.home().ledger).unwrap().unwrap();
    let read = Latest::new(&survey, Place::MAX).and_then(|mut latest| {
        while latest.next()?.is_some() {}
        Ok(())
    });
    let error = read.expect_err("it is damaged").to_string();
    assert!(error.contains("00000000.log: damaged at byte"), "{error}");
    assert!(error.contains(" outcomes, of lines "), "{error}");
}

/// More tasks than the thread has room for, and nothing else that would wake who hands them over.
#[test]
fn a_recorder_that_is_behind_catches_up() {
    let world = World::new(Form::Lines, true, 1);
    let opened = world.open(Want::Nothing).unwrap();
    let mut recorder = Recorder::start(opened.committer).unwrap();
    for _ in 0..5_000 {
        recorder.note(BlockNote { lines: 1, ..BlockNote::default() }, Vec::new());
    }
    assert!(!recorder.has_room());
    recorder.put(Entry {
        outcome: outcome(0, false, 0),
        ticket: None,
        weight: 7,
        left: Left::Nothing,
    });
    let work = async {
        let room = recorder.room();
        loop {
            recorder.send(true, Instant::now());
            let behind = recorder.is_behind();
            let committed = std::future::poll_fn(|cx| recorder.poll_committed(cx));
            tokio::select! {
                done = committed => return done.unwrap().len(),
                () = room.notified(), if behind => {}
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let done =
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), work).await });
    assert_eq!(done, Ok(1));
    assert_eq!((recorder.len(), recorder.weight()), (0, 0));
    assert!(recorder.finish(true).unwrap().is_empty());
}

#[test]
fn outcomes_wait_a_moment_for_others_unless_nothing_more_comes() {
    let world = World::new(Form::Lines, false, 1);
    let opened = world.open(Want::Nothing).unwrap();
    let mut recorder = Recorder::start(opened.committer).unwrap();
    let put = |recorder: &mut Recorder<_>, position| {
        let outcome = outcome(position, false, 0);
        recorder.put(Entry { outcome, ticket: None, weight: 7, left: Left::Nothing });
    };
    put(&mut recorder, 0);
    let again = recorder.send(false, Instant::now()).unwrap();
    assert!(again <= Instant::now() + defaults::RECORD_GATHER);
    put(&mut recorder, 1);
    assert_eq!(
        recorder.send(false, again.checked_sub(Duration::from_nanos(1)).unwrap()),
        Some(again),
        "by the first"
    );
    assert_eq!(recorder.send(false, again), None);
    put(&mut recorder, 2);
    assert_eq!(recorder.send(true, Instant::now()), None);
    assert_eq!(recorder.finish(true).unwrap().len(), 3);
}

/// The system tells of a failed sync once: the end of a run must not take the next one's word.
#[test]
fn a_sync_that_failed_is_not_forgotten_at_the_end() {
    let world = World::new(Form::Lines, true, 1);
    let opened = world.open(Want::Nothing).unwrap();
    let mut recorder = Recorder::start(opened.committer).unwrap();
    recorder.put(Entry {
        outcome: outcome(0, false, 0),
        ticket: None,
        weight: 7,
        left: Left::Nothing,
    });
    // Lines and records are written, then all is synced: that one fails.
    world.fs.fail_at(2, Fault::Error(ErrorKind::Other));
    recorder.send(true, Instant::now());
    assert!(recorder.finish(true).is_err());
}

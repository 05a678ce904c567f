//! What every sink keeps, as functions over the trait; and what the directory keeps beside it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::{
    Directory, Files, Finished, Gathering, HashWish, Left, Ours, Reach, Shards, Sink, Spot,
    Staging, Stream, Unit, Wanted, tar,
};
use crate::error::Error;
use crate::item::{FileName, Position};
use crate::plan::{Existing, ShardLimits};
use crate::sys::{Disk, Fault, Fs, Memory};

fn wanted(position: u64, name: &str) -> Wanted {
    let hash = HashWish::default();
    let name = FileName::from_text(name);
    Wanted { position: Position(position), name, late: None, hash, coded: None, source: None }
}

/// Saves a body in three pieces.
fn save<S: Sink>(sink: &mut S, wanted: Wanted, body: &str) -> Result<Option<PathBuf>, Error> {
    let mut part = sink.begin(wanted)?;
    let third = body.len() / 3;
    for piece in [&body[..third], &body[third..third], &body[third..]] {
        sink.write(&mut part, piece.as_bytes())?;
    }
    match sink.finish(part)? {
        Finished::At(path) => Ok(path),
        Finished::Left(left) => panic!("{left:?}"),
    }
}

/// The contract. `kept` tells all bytes that a sink has let go, by name where there are names.
fn keeps_the_contract<S: Sink>(mut sink: S, kept: impl Fn() -> BTreeMap<String, Vec<u8>>) {
    assert!(kept().is_empty());
    let part = sink.begin(wanted(0, "given-up")).unwrap();
    sink.discard(part).unwrap();
    assert!(kept().is_empty(), "what is discarded leaves nothing");
    let mut sizes = 0;
    for (position, body) in [(1, ""), (2, "one"), (3, "a longer body")] {
        save(&mut sink, wanted(position, &format!("folder/{position}")), body).unwrap();
        sizes += body.len();
        let all: usize = kept().values().map(Vec::len).sum();
        assert_eq!(all, sizes, "what is finished is whole");
    }
    sink.close().unwrap();
    assert_eq!(kept().values().map(Vec::len).sum::<usize>(), sizes);
}

/// All files below a folder, by relative path.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

fn names(root: &Path) -> Vec<String> {
    files(root).into_keys().collect()
}

fn directory(root: &Path, existing: Existing) -> Directory {
    Directory::open(root.to_owned(), existing, 7).unwrap()
}

#[test]
fn directories_keep_the_contract() {
    for existing in [Existing::Keep, Existing::Replace] {
        let root = TempDir::new().unwrap();
        let root = root.path().join("made/on/the/way");
        keeps_the_contract(directory(&root, existing), || files(&root));
        assert_eq!(names(&root), ["folder/1", "folder/2", "folder/3"]);
        assert!(!root.join(".hoist").exists(), "nothing private stays");
    }
}

#[test]
fn streams_keep_the_contract() {
    let out = Arc::new(Mutex::new(Vec::new()));
    let sink = Stream::new(out.clone());
    keeps_the_contract(sink, || {
        let bytes = out.lock().unwrap().clone();
        if bytes.is_empty() { BTreeMap::new() } else { BTreeMap::from([(String::new(), bytes)]) }
    });
    assert_eq!(*out.lock().unwrap(), b"onea longer body");
}

/// A sink with its unit of commit, as a ledger has them: what is finished is published at once.
struct Committed<S, U> {
    sink: S,
    unit: U,
}

struct CommittedPart<P>(Position, P);

impl<S: Sink, U: Unit + Send> Sink for Committed<S, U> {
    type Part = CommittedPart<S::Part>;

    fn begin(&mut self, wanted: Wanted) -> Result<Self::Part, Error> {
        Ok(CommittedPart(wanted.position, self.sink.begin(wanted)?))
    }

    fn write(&mut self, part: &mut Self::Part, bytes: &[u8]) -> Result<(), Error> {
        self.sink.write(&mut part.1, bytes)
    }

    fn rename(&mut self, part: &mut Self::Part, name: FileName) {
        self.sink.rename(&mut part.1, name);
    }

    fn finish(&mut self, CommittedPart(position, part): Self::Part) -> Result<Finished, Error> {
        let Finished::Left(left) = self.sink.finish(part)? else { panic!("it waits") };
        assert!(!matches!(left, Left::Nothing));
        let spot = self.unit.stage(position, left, &mut |path, _, out| {
            assert!(path.is_some());
            out.extend_from_slice(b"{}");
            Ok(())
        })?;
        self.unit.flush()?;
        self.unit.recorded()?;
        assert!(self.unit.holds(position, &spot, reach(&spot))?);
        assert_eq!(self.unit.publish(position, &spot)?, None);
        Ok(Finished::At(self.unit.path(&spot)))
    }

    fn discard(&mut self, part: Self::Part) -> Result<(), Error> {
        self.sink.discard(part.1)
    }

    fn close(&mut self) -> Result<(), Error> {
        self.sink.close()?;
        self.unit.complete()
    }
}

/// What was there before.
fn reach(spot: &Spot) -> Reach {
    spot.sample.as_ref().map_or(Reach::default(), |sample| Reach {
        shard: sample.shard,
        shard_end: sample.from,
        ..Reach::default()
    })
}

/// The folder of a ledger's own, with the one of its temporary files.
fn parts(root: &Path) -> PathBuf {
    let parts = root.join(".hoist/parts");
    std::fs::create_dir_all(&parts).unwrap();
    parts
}

#[test]
fn directories_with_a_ledger_keep_the_contract() {
    let root = TempDir::new().unwrap();
    let (fs, parts): (Arc<dyn Fs>, _) = (Arc::new(Disk), parts(root.path()));
    let sink = Staging { fs: Arc::clone(&fs), parts: parts.clone() };
    let unit = Files::new(fs, root.path().to_owned(), parts, None);
    keeps_the_contract(Committed { sink, unit }, || files(root.path()));
    assert_eq!(names(root.path()), ["folder/1", "folder/2", "folder/3"]);
}

fn shards(root: &Path, most: u64, ours: Option<Ours>) -> Committed<Gathering, Shards> {
    let (fs, parts): (Arc<dyn Fs>, _) = (Arc::new(Disk), parts(root));
    let sink = Gathering::new(Arc::clone(&fs), parts.clone()).holding(5);
    let limits = ShardLimits { samples: most.try_into().unwrap(), ..ShardLimits::default() };
    let form = ("set/{shard:03}.tar".parse().unwrap(), limits);
    let unit = Shards::new(fs, root.to_owned(), parts, form, ours);
    Committed { sink, unit }
}

/// The bodies in all shards, those without a name included.
fn bodies(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut bodies = BTreeMap::new();
    for (name, tar) in files(root) {
        let begun = name.starts_with(".hoist");
        let members = if begun { tar::members_before_end(&tar) } else { tar::members(&tar) };
        for (name, bytes) in members {
            let is_sidecar = Path::new(&name).extension().is_some_and(|end| end == "json");
            assert_eq!(is_sidecar, bytes == b"{}\n");
            let twice = if is_sidecar { None } else { bodies.insert(name, bytes) };
            assert_eq!(twice, None);
        }
    }
    bodies
}

#[test]
fn shards_keep_the_contract() {
    for most in 1..5 {
        let root = TempDir::new().unwrap();
        keeps_the_contract(shards(root.path(), most, None), || bodies(root.path()));
        assert_eq!(
            bodies(root.path()).keys().collect::<Vec<_>>(),
            ["folder/1", "folder/2", "folder/3"]
        );
        let count = 3_usize.div_ceil(usize::try_from(most).unwrap());
        let expected = ["set/000.tar", "set/001.tar", "set/002.tar"];
        assert_eq!(names(root.path()), expected[..count], "{most} in each");
    }
}

#[test]
fn two_items_never_share_a_file() {
    for existing in [Existing::Keep, Existing::Replace] {
        let root = TempDir::new().unwrap();
        let mut sink = directory(root.path(), existing);
        for position in [3, 4, 5] {
            save(&mut sink, wanted(position, "x.gif"), &format!("body {position}")).unwrap();
        }
        let kept = files(root.path());
        for (name, body) in [("x.gif", "body 3"), ("x.gif~4", "body 4"), ("x.gif~5", "body 5")] {
            assert_eq!(kept[name], body.as_bytes(), "{name}");
        }
    }
}

#[test]
fn files_that_were_there_are_kept_or_replaced() {
    for (existing, old, new) in [(Existing::Keep, "x", "x~0"), (Existing::Replace, "other", "x")] {
        let root = TempDir::new().unwrap();
        std::fs::write(root.path().join(old), "old").unwrap();
        std::fs::write(root.path().join("x"), "old").unwrap();
        let path = save(&mut directory(root.path(), existing), wanted(0, "x"), "new").unwrap();
        assert_eq!(path, Some(root.path().join(new)));
        assert_eq!(files(root.path())[old], b"old");
        assert_eq!(files(root.path())[new], b"new");
    }
}

#[test]
fn a_name_that_is_file_and_folder_gives_both() {
    for existing in [Existing::Keep, Existing::Replace] {
        let root = TempDir::new().unwrap();
        let mut sink = directory(root.path(), existing);
        for (position, name) in [(0, "a"), (1, "a/b"), (2, "c/d"), (3, "c"), (4, "a/b/e")] {
            let path = save(&mut sink, wanted(position, name), name).unwrap().unwrap();
            assert_eq!(std::fs::read_to_string(path).unwrap(), name);
        }
        assert_eq!(names(root.path()), ["a", "a~/b", "a~/b~/e", "c/d", "c~"]);
    }
}

#[test]
fn what_a_dead_run_left_is_cleared_and_a_living_one_is_let_be() {
    let root = TempDir::new().unwrap();
    let dead = root.path().join(".hoist/tmp/000000000000dead");
    std::fs::create_dir_all(&dead).unwrap();
    std::fs::write(dead.join("12"), "half").unwrap();
    let mut living = directory(root.path(), Existing::Keep);
    assert!(!dead.exists());
    let part = living.begin(wanted(0, "x")).unwrap();
    let mut other = Directory::open(root.path().to_owned(), Existing::Keep, 8).unwrap();
    other.close().unwrap();
    let finished = living.finish(part).unwrap();
    assert!(matches!(finished, Finished::At(Some(path)) if path == root.path().join("x")));
    living.close().unwrap();
    assert_eq!(names(root.path()), ["x"]);
}

#[test]
fn a_root_that_cannot_be_is_an_error_at_once() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    for bad in [file.clone(), file.join("below")] {
        let error = Directory::open(bad.clone(), Existing::Keep, 7).unwrap_err();
        assert!(matches!(&error, Error::Output { path, .. } if *path == bad), "{error}");
    }
}

/// Whatever fails, and when: what is under a final name is whole, an error says which file, and
/// nothing half-written stays.
#[test]
fn no_failure_leaves_half_a_file() {
    let mut failures = 0;
    for (steps, fault) in (0..30)
        .flat_map(|n| [(n, Fault::Full), (n, Fault::Error(ErrorKind::Other)), (n, Fault::Short)])
    {
        let fs = Memory::new(steps);
        fs.fail_at(steps, fault);
        // The lock is the machine's: its folder must be there too.
        let root = TempDir::new().unwrap();
        std::fs::create_dir_all(root.path().join(".hoist/tmp/0000000000000007")).unwrap();
        let root = root.path().to_owned();
        let Ok(mut sink) =
            Directory::open_on(Arc::new(fs.clone()), root.clone(), Existing::Keep, 7)
        else {
            continue;
        };
        for position in 0..3 {
            let name = format!("folder/{position}");
            match save(&mut sink, wanted(position, &name), "whole body") {
                Ok(path) => assert_eq!(path, Some(root.join(name))),
                Err(Error::Output { .. }) => failures += 1,
                Err(other) => panic!("{other}"),
            }
        }
        for (name, body) in fs.files() {
            if !name.contains(".hoist") {
                assert_eq!(body, b"whole body", "{name} after {steps} steps");
            }
        }
    }
    assert!(failures > 20, "{failures}");
}

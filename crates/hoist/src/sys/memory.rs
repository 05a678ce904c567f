//! A file system in memory that can be made to fail, be killed and lose power.
//!
//! It is as unkind as a journaling file system with delayed allocation may be: changes of names
//! become durable in the order they were made, contents in none.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use fastrand::Rng;

use super::{Fs, Lock, WriteAt};

/// The file system. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    state: Arc<Mutex<State>>,
}

/// What befalls an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Nothing is done. Later operations work again.
    Error(ErrorKind),
    /// From here on nothing grows, until a restart or power cut. A write that is hit may still write
    /// a part.
    Full,
    /// A write writes a part, as it may. Anything else is done as always.
    Short,
    /// The process is dead before it is done. A write may be done in part.
    Kill,
    /// The process is dead once it is done, and does not learn that it was.
    KillAfter,
}

impl Memory {
    /// An empty root folder. The same seed and the same calls give the same mishaps.
    pub(crate) fn new(seed: u64) -> Self {
        let names = BTreeMap::from([(PathBuf::from("/"), Node::Folder)]);
        let state = State {
            random: Rng::with_seed(seed),
            durable_names: names.clone(),
            names,
            log: Vec::new(),
            contents: BTreeMap::new(),
            made: 0,
            steps: 0,
            fault: None,
            full: false,
            dead: false,
            boots: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Lets a fault befall an operation that changes or syncs something: the `step`-th from now on,
    /// the first being 0. It replaces a fault still to come.
    pub(crate) fn fail_at(&self, step: u64, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((step, fault));
        state.steps = 0;
    }

    /// How many operations have tried to change or sync something, since the last `fail_at`.
    pub(crate) fn steps(&self) -> u64 {
        self.state().steps
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// The process begins anew. The system went on: all that was done is there, durable or not.
    pub(crate) fn restart(&self) {
        self.state().boot();
    }

    /// The machine begins anew, with what was durable and some of what was not.
    pub(crate) fn power_cut(&self) {
        let mut state = self.state();
        state.lose_power();
        state.boot();
    }

    /// Every file by its path. Works on the dead, too.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let file = |(path, node): (&PathBuf, &Node)| match node {
            Node::Folder => None,
            Node::File(id) => Some((path.to_str().unwrap().into(), state.contents[id].now.clone())),
        };
        state.names.iter().filter_map(file).collect()
    }

    /// Places a durable file and the folders above it. Not a step; no fault befalls it. As the log of
    /// names has one order, the names changed before become durable with it.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let (mut state, path) = (self.state(), Path::new(path));
        let full = std::mem::take(&mut state.full);
        let above: Vec<_> = path.ancestors().skip(1).collect();
        for folder in above.into_iter().rev() {
            if !matches!(state.find(folder), Ok(Node::Folder)) {
                state.make_dir(folder).unwrap();
            }
        }
        let id = state.file(path).or_else(|_| state.create(path)).unwrap();
        let content = state.content(id);
        content.now = bytes.to_vec();
        content.sync();
        state.commit_names(usize::MAX);
        state.full = full;
    }

    /// Flips a bit of a file, on the disk as in the cache. Bit 8 is the lowest of the second byte.
    pub(crate) fn corrupt(&self, path: &str, bit: u64) {
        let mut state = self.state();
        let id = state.file(Path::new(path)).unwrap();
        let Content { now, durable, .. } = state.content(id);
        let (at, mask) = (to_usize(bit / 8), 1 << (bit % 8));
        now[at] ^= mask;
        if let Some(byte) = durable.get_mut(at) {
            *byte ^= mask;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Does what changes something and is no write, or lets it fail.
    fn change<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        if let Some(Fault::Kill) = state.step()? {
            return Err(dead());
        }
        let done = work(&mut state);
        state.alive().and(done)
    }

    fn writer(&self, state: &State, id: Id, at: Option<usize>) -> Box<dyn Write + Send> {
        Box::new(Writer { memory: self.clone(), boots: state.boots, id, at })
    }
}

impl Fs for Memory {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        self.change(|state| {
            let id = state.create(path)?;
            Ok(self.writer(state, id, Some(0)))
        })
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        self.change(|state| {
            let id = match state.file(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => state.create(path)?,
                other => other?,
            };
            Ok(self.writer(state, id, None))
        })
    }

    fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn Read + Send>> {
        let state = self.state();
        state.alive()?;
        let (id, at) = (state.file(path)?, to_usize(from));
        Ok(Box::new(Reader { memory: self.clone(), boots: state.boots, id, at }))
    }

    fn read_at(&self, path: &Path, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        state.alive()?;
        let id = state.file(path)?;
        let range = to_usize(at)..to_usize(at).saturating_add(bytes.len());
        let found = state.content(id).now.get(range).ok_or(ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        // It goes on after a short write.
        let fault = state.step()?.filter(|fault| !matches!(fault, Fault::Short));
        let id = state.file(path).or_else(|error| state.alive().and(Err(error)))?;
        let at = to_usize(at);
        let grows = at + bytes.len() > state.content(id).now.len();
        match state.write(id, at, bytes, grows, fault)? {
            part if part < bytes.len() => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn open_at(&self, path: &Path) -> io::Result<Box<dyn WriteAt + Send>> {
        let state = self.state();
        state.alive()?;
        let id = state.file(path)?;
        Ok(Box::new(Writer { memory: self.clone(), boots: state.boots, id, at: None }))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let mut state = self.state();
        state.alive()?;
        let id = state.file(path)?;
        Ok(state.content(id).now.len() as u64)
    }

    fn set_len(&self, path: &Path, len: u64) -> io::Result<()> {
        self.change(|state| {
            let id = state.file(path)?;
            state.content(id).set_len(to_usize(len));
            Ok(())
        })
    }

    /// In no order, as anywhere.
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let mut state = self.state();
        state.alive()?;
        if let Node::File(_) = state.find(path)? {
            return Err(ErrorKind::NotADirectory.into());
        }
        let mut names: Vec<_> =
            state.names_in(path).filter_map(|path| Some(path.file_name()?.to_owned())).collect();
        state.random.shuffle(&mut names);
        Ok(names)
    }

    fn is_dir(&self, path: &Path) -> bool {
        let state = self.state();
        !state.dead && matches!(state.find(path), Ok(Node::Folder))
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.change(|state| state.make_dir(path))
    }

    /// Of files only.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            state.file(from)?;
            match state.file(to) {
                Err(error) if error.kind() == ErrorKind::NotFound => state.free(to)?,
                other => drop(other?),
            }
            // POSIX: a file given the name it has keeps it.
            if from != to {
                state.record(Change::Rename(from.into(), to.into()));
            }
            Ok(())
        })
    }

    /// Of files only.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            state.file(from)?;
            state.free(to)?;
            state.record(Change::Rename(from.into(), to.into()));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            state.file(path)?;
            state.record(Change::Remove(path.into()));
            Ok(())
        })
    }

    /// Here is only one process.
    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let state = self.state();
        state.alive()?;
        Ok(state.file(path).ok().map(|_| Lock { _file: None }))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            if let Node::File(_) = state.find(path)? {
                return Err(ErrorKind::NotADirectory.into());
            }
            if state.names_in(path).next().is_some() {
                return Err(ErrorKind::DirectoryNotEmpty.into());
            }
            if path.parent().is_none() {
                return Err(ErrorKind::ResourceBusy.into());
            }
            state.record(Change::Remove(path.into()));
            Ok(())
        })
    }

    /// The content, and the changes of names up to the making of the file: ext4 commits more, but
    /// nobody may count on it.
    fn sync(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            let id = state.file(path)?;
            state.content(id).sync();
            let made = |change: &Change| matches!(change, Change::Create(_, made) if *made == id);
            if let Some(at) = state.log.iter().position(made) {
                state.commit_names(at + 1);
            }
            Ok(())
        })
    }

    /// Everything, as `syncfs` does.
    fn sync_below(&self, folder: &Path, _: &mut dyn Iterator<Item = PathBuf>) -> io::Result<()> {
        self.change(|state| {
            state.find(folder)?;
            state.contents.values_mut().for_each(Content::sync);
            state.commit_names(usize::MAX);
            Ok(())
        })
    }
}

/// An open file. It stays with its content, whatever becomes of the name.
struct Writer {
    memory: Memory,
    /// It dies with the process that opened it.
    boots: u64,
    id: Id,
    /// `None`: always at the end.
    at: Option<usize>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.memory.state();
        state.booted(self.boots)?;
        let fault = state.step()?;
        let at = self.at.unwrap_or_else(|| state.content(self.id).now.len());
        let part = state.write(self.id, at, bytes, true, fault)?;
        self.at = self.at.map(|at| at + part);
        Ok(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.memory.state().booted(self.boots)
    }
}

impl WriteAt for Writer {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.memory.state();
        state.booted(self.boots)?;
        // It goes on after a short write.
        let fault = state.step()?.filter(|fault| !matches!(fault, Fault::Short));
        let at = to_usize(at);
        let grows = at + bytes.len() > state.content(self.id).now.len();
        match state.write(self.id, at, bytes, grows, fault)? {
            part if part < bytes.len() => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

struct Reader {
    memory: Memory,
    boots: u64,
    id: Id,
    at: usize,
}

impl Read for Reader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut state = self.memory.state();
        state.booted(self.boots)?;
        let mut rest = state.content(self.id).now.get(self.at..).unwrap_or_default();
        let read = rest.read(bytes)?;
        self.at += read;
        Ok(read)
    }
}

/// Of an inode. None is used twice.
type Id = u64;

#[derive(Debug, Clone, Copy)]
enum Node {
    Folder,
    File(Id),
}

/// Component by component, so what is below a folder comes right after it.
type Names = BTreeMap<PathBuf, Node>;

/// A change of names.
#[derive(Debug, Clone)]
enum Change {
    Create(PathBuf, Id),
    MakeDir(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Change {
    fn apply(self, names: &mut Names) {
        match self {
            Self::Create(path, id) => drop(names.insert(path, Node::File(id))),
            Self::MakeDir(path) => drop(names.insert(path, Node::Folder)),
            Self::Rename(from, to) => {
                let node = names.remove(&from).unwrap();
                names.insert(to, node);
            }
            Self::Remove(path) => drop(names.remove(&path)),
        }
    }
}

#[derive(Debug)]
struct State {
    random: Rng,
    names: Names,
    /// `names` without the changes in the log.
    durable_names: Names,
    /// Changes not yet durable, in order. A sync shortens it.
    log: Vec<Change>,
    /// Those without a name stay, as a file may be open or its removal not durable; a power cut
    /// forgets them.
    contents: BTreeMap<Id, Content>,
    made: Id,
    steps: u64,
    fault: Option<(u64, Fault)>,
    full: bool,
    dead: bool,
    boots: u64,
}

impl State {
    /// Counts an operation that changes or syncs something. Gives what befalls it, if it may be
    /// begun.
    fn step(&mut self) -> io::Result<Option<Fault>> {
        self.alive()?;
        let now = self.steps;
        self.steps += 1;
        let fault = self.fault.filter(|(step, _)| *step == now).map(|(_, fault)| fault);
        match fault {
            Some(Fault::Error(kind)) => return Err(kind.into()),
            Some(Fault::Full) => self.full = true,
            Some(Fault::Kill | Fault::KillAfter) => self.dead = true,
            Some(Fault::Short) | None => {}
        }
        Ok(fault)
    }

    fn alive(&self) -> io::Result<()> {
        if self.dead { Err(dead()) } else { Ok(()) }
    }

    /// Whether what was opened after so many boots can still be used.
    fn booted(&self, boots: u64) -> io::Result<()> {
        if self.boots == boots { self.alive() } else { Err(dead()) }
    }

    fn room(&self) -> io::Result<()> {
        if self.full { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn boot(&mut self) {
        (self.dead, self.full, self.fault) = (false, false, None);
        self.boots += 1;
    }

    fn find(&self, path: &Path) -> io::Result<Node> {
        assert!(path.is_absolute(), "not absolute: {}", path.display());
        let mut above = path.ancestors().filter_map(|path| Some((path, *self.names.get(path)?)));
        match above.next() {
            Some((found, node)) if found == path => Ok(node),
            Some((_, Node::File(_))) => Err(ErrorKind::NotADirectory.into()),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    fn file(&self, path: &Path) -> io::Result<Id> {
        match self.find(path)? {
            Node::File(id) => Ok(id),
            Node::Folder => Err(ErrorKind::IsADirectory.into()),
        }
    }

    /// Whether a path can be made.
    fn free(&self, path: &Path) -> io::Result<()> {
        match self.find(path) {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                path.parent().map_or(Ok(()), |parent| self.find(parent).map(drop))
            }
            Err(error) => Err(error),
        }
    }

    fn names_in(&self, folder: &Path) -> impl Iterator<Item = &Path> {
        let paths = self.names.range(folder.to_owned()..).map(|(path, _)| path.as_path());
        paths
            .take_while(move |path| path.starts_with(folder))
            .filter(move |path| path.parent() == Some(folder))
    }

    fn content(&mut self, id: Id) -> &mut Content {
        self.contents.get_mut(&id).unwrap()
    }

    fn create(&mut self, path: &Path) -> io::Result<Id> {
        self.free(path)?;
        self.room()?;
        self.made += 1;
        self.contents.insert(self.made, Content::default());
        self.record(Change::Create(path.into(), self.made));
        Ok(self.made)
    }

    fn make_dir(&mut self, path: &Path) -> io::Result<()> {
        self.free(path)?;
        self.room()?;
        self.record(Change::MakeDir(path.into()));
        Ok(())
    }

    /// Writes as much as a fault allows.
    fn write(
        &mut self,
        id: Id,
        at: usize,
        bytes: &[u8],
        grows: bool,
        fault: Option<Fault>,
    ) -> io::Result<usize> {
        let len = bytes.len();
        let (part, told) = match fault {
            Some(Fault::Kill) => (self.random.usize(0..len.max(1)), self.alive()),
            Some(Fault::Short) if len > 1 => (self.random.usize(1..len), Ok(())),
            Some(Fault::Full) if grows && len > 1 && self.random.bool() => {
                (self.random.usize(1..len), Ok(()))
            }
            _ if grows && len > 0 && self.full => (0, self.room()),
            _ => (len, self.alive()),
        };
        self.content(id).write(at, &bytes[..part]);
        told.map(|()| part)
    }

    fn record(&mut self, change: Change) {
        change.clone().apply(&mut self.names);
        self.log.push(change);
    }

    /// Makes the first so many changes of names durable.
    fn commit_names(&mut self, count: usize) {
        for change in self.log.drain(..count.min(self.log.len())) {
            change.apply(&mut self.durable_names);
        }
    }

    fn lose_power(&mut self) {
        // All and nothing are where most is to be found, and rare among many.
        let survive = match self.random.u8(0..4) {
            0 => 0,
            1 => self.log.len(),
            _ => self.random.usize(0..=self.log.len()),
        };
        self.commit_names(survive);
        self.log.clear();
        self.names.clone_from(&self.durable_names);
        let named = self.names.values().filter_map(|node| match node {
            Node::File(id) => Some(*id),
            Node::Folder => None,
        });
        let named: BTreeSet<Id> = named.collect();
        self.contents.retain(|id, _| named.contains(id));
        for content in self.contents.values_mut() {
            content.lose_power(&mut self.random);
        }
    }
}

#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// The bytes from the start that were never cut off since the last sync. Their blocks are on the
    /// disk; those behind are not, and may read as zeros.
    kept: usize,
}

impl Content {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = at + bytes.len();
        self.now.resize(self.now.len().max(end), 0);
        self.now[at..end].copy_from_slice(bytes);
    }

    fn set_len(&mut self, len: usize) {
        self.now.resize(len, 0);
        self.kept = self.kept.min(len);
    }

    fn sync(&mut self) {
        self.durable.clone_from(&self.now);
        self.kept = self.now.len();
    }

    /// What was overwritten and what is behind it reach the disk independently.
    fn lose_power(&mut self, random: &mut Rng) {
        let (old, old_end) = self.durable.split_at(self.kept);
        let (new, new_end) = self.now.split_at(self.kept);
        let cut = random.usize(0..=new_end.len());
        let mut left = torn(old, new, random);
        match random.u8(0..5) {
            0 => left.extend(old_end),
            1 => left.resize(self.now.len(), 0),
            2 => {
                left.extend(&new_end[..cut]);
                left.resize(self.now.len(), 0);
            }
            3 => left.extend(&new_end[..cut]),
            _ => left.extend(new_end),
        }
        self.now = left;
        self.sync();
    }
}

/// What is left of bytes overwritten in place: each is the old or the new, never a third.
fn torn(old: &[u8], new: &[u8], random: &mut Rng) -> Vec<u8> {
    let differs = |at: &usize| old[*at] != new[*at];
    let Some(first) = (0..new.len()).find(differs) else { return new.to_vec() };
    let last = (0..new.len()).rfind(differs).unwrap_or(first);
    let cut = random.usize(first..=last + 1);
    match random.u8(0..4) {
        0 => old.to_vec(),
        1 => new.to_vec(),
        2 => [&old[..cut], &new[cut..]].concat(),
        _ => [&new[..cut], &old[cut..]].concat(),
    }
}

fn dead() -> io::Error {
    io::Error::other("dead")
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

#[cfg(test)]
mod tests {
    use super::super::{Disk, make_dirs};
    use super::*;

    fn write(fs: &dyn Fs, path: &str, bytes: &[u8]) -> io::Result<()> {
        fs.append(Path::new(path))?.write_all(bytes)
    }

    fn rename(fs: &dyn Fs, from: &str, to: &str) -> io::Result<()> {
        fs.rename(Path::new(from), Path::new(to))
    }

    fn sync(fs: &dyn Fs, path: &str) {
        fs.sync(Path::new(path)).unwrap();
    }

    fn sync_all(fs: &dyn Fs) {
        fs.sync_below(Path::new("/"), &mut std::iter::empty()).unwrap();
    }

    fn read(fs: &dyn Fs, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs.read(path, 1)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind())
    }

    /// What can be left of the file `/f`, of many seeds.
    fn ends(run: impl Fn(&Memory)) -> BTreeSet<Option<Vec<u8>>> {
        let end = |seed| {
            let memory = Memory::new(seed);
            run(&memory);
            memory.power_cut();
            memory.files().remove("/f")
        };
        (0..2_000).map(end).collect()
    }

    #[test]
    fn without_faults_it_is_as_the_disk_is() {
        let dir = tempfile::TempDir::new().unwrap();
        let memory = Memory::new(0);
        make_dirs(&memory, dir.path()).unwrap();
        let mut random = Rng::with_seed(1);
        for step in 0..4_000 {
            let [one, two] = [(); 2]
                .map(|()| dir.path().join(random.choice(["a", "b", "a/a", "a/b/c"]).unwrap()));
            let (op, at, bytes) = (random.u8(0..13), random.u64(0..6), [random.u8(1..); 3]);
            // Where several errors fit, or a folder is renamed, they may differ.
            let below = one.starts_with(&two) && one != two;
            if matches!(op, 6..8) && (memory.file(&one).is_none() || below) {
                continue;
            }
            let work = |fs: &dyn Fs| match op {
                0 => kind(fs.create(&one).and_then(|mut file| file.write_all(&bytes))),
                1 => kind(fs.append(&one).and_then(|mut file| file.write_all(&bytes))),
                2 => kind(fs.write_at(&one, at, &bytes)),
                3 => kind(fs.set_len(&one, at)),
                4 | 5 => kind(fs.make_dir(&one)),
                6 => kind(fs.rename(&one, &two)),
                7 => kind(fs.rename_new(&one, &two)),
                8 | 9 => kind(fs.remove(&one)),
                10 => kind(fs.remove_dir(&one)),
                11 => kind(fs.read_at(&one, at, &mut [0; 2])),
                _ => kind(fs.list(&one)),
            };
            assert_eq!(work(&memory), work(&Disk), "step {step}, {op}: {one:?}, {two:?}");
            assert_eq!(memory.is_dir(&one), Disk.is_dir(&one));
            if let Some(len) = memory.file(&one) {
                assert_eq!(len, Disk.len(&one).unwrap(), "step {step}");
                assert_eq!(read(&memory, &one).unwrap(), read(&Disk, &one).unwrap());
            }
            let names = |fs: &dyn Fs| fs.list(dir.path()).unwrap().into_iter().collect();
            let [here, there]: [BTreeSet<OsString>; 2] = [names(&memory), names(&Disk)];
            assert_eq!(here, there, "step {step}");
        }
    }

    impl Memory {
        fn file(&self, path: &Path) -> Option<u64> {
            self.len(path).ok()
        }
    }

    #[test]
    fn names_are_refused_as_posix_does() {
        use ErrorKind::{AlreadyExists, IsADirectory, NotADirectory, NotFound};
        let memory = Memory::new(0);
        memory.put("/d/f", b"f");
        memory.put("/g", b"g");
        let at = Path::new;
        assert_eq!(kind(memory.len(at("/none"))), Some(NotFound));
        assert_eq!(kind(memory.read(at("/none"), 0)), Some(NotFound));
        assert_eq!(kind(memory.len(at("/g/f"))), Some(NotADirectory));
        assert_eq!(kind(memory.create(at("/none/f"))), Some(NotFound));
        assert_eq!(kind(memory.create(at("/g"))), Some(AlreadyExists));
        assert_eq!(kind(memory.make_dir(at("/g"))), Some(AlreadyExists));
        assert_eq!(kind(memory.make_dir(at("/d"))), Some(AlreadyExists));
        assert_eq!(kind(memory.rename_new(at("/g"), at("/d/f"))), Some(AlreadyExists));
        assert_eq!(kind(memory.rename_new(at("/g"), at("/g"))), Some(AlreadyExists));
        assert_eq!(kind(rename(&memory, "/g", "/d")), Some(IsADirectory));
        assert_eq!(kind(rename(&memory, "/g", "/d/f/x")), Some(NotADirectory));
        assert_eq!(kind(memory.remove(at("/d"))), Some(IsADirectory));
        assert_eq!(kind(memory.remove_dir(at("/d"))), Some(ErrorKind::DirectoryNotEmpty));
        assert_eq!(kind(memory.sync(at("/none"))), Some(NotFound));
        rename(&memory, "/g", "/d/f").unwrap();
        assert_eq!(memory.files(), BTreeMap::from([("/d/f".into(), b"g".to_vec())]));
    }

    #[test]
    fn an_open_file_stays_with_its_content_and_dies_with_its_process() {
        let memory = Memory::new(0);
        memory.put("/g", b"g");
        let mut file = memory.create(Path::new("/f")).unwrap();
        file.write_all(b"1").unwrap();
        rename(&memory, "/f", "/g").unwrap();
        write(&memory, "/f", b"other").unwrap();
        file.write_all(b"2").unwrap();
        assert_eq!(memory.files()["/g"], b"12");
        assert_eq!(memory.files()["/f"], b"other");
        for begin_anew in [Memory::restart, Memory::power_cut] {
            memory.put("/f", b"f");
            let mut file = memory.append(Path::new("/f")).unwrap();
            let mut reader = memory.read(Path::new("/f"), 0).unwrap();
            begin_anew(&memory);
            assert_eq!(kind(file.write(b"3")), Some(ErrorKind::Other));
            assert_eq!(kind(reader.read(&mut [0])), Some(ErrorKind::Other));
            assert_eq!(memory.files()["/f"], b"f");
        }
    }

    #[test]
    fn an_error_befalls_one_step_only() {
        let memory = Memory::new(0);
        memory.put("/f", b"");
        // Opens and writes: two steps each.
        for (step, opened) in [(0, false), (1, true), (2, true)] {
            memory.fail_at(step, Fault::Error(ErrorKind::TimedOut));
            let file = memory.append(Path::new("/f"));
            assert_eq!(file.is_ok(), opened);
            let written = file.and_then(|mut file| file.write(b"x"));
            assert_eq!(kind(written), (step < 2).then_some(ErrorKind::TimedOut));
            assert_eq!(memory.steps(), 1 + u64::from(opened));
        }
        assert_eq!(memory.files()["/f"], b"x");
        memory.fail_at(0, Fault::Error(ErrorKind::TimedOut));
        assert!(memory.len(Path::new("/f")).is_ok(), "a look is no step");
        assert!(memory.write_at(Path::new("/f"), 0, b"y").is_err());
        assert_eq!(memory.files()["/f"], b"x");
    }

    #[test]
    fn on_a_full_disk_nothing_grows_until_a_restart() {
        let mut parts = BTreeSet::new();
        for seed in 0..100 {
            let memory = Memory::new(seed);
            memory.put("/f", b"");
            let mut file = memory.append(Path::new("/f")).unwrap();
            memory.fail_at(0, Fault::Full);
            let full = Some(ErrorKind::StorageFull);
            assert_eq!(kind(file.write_all(b"abc")), full);
            let written = memory.files().remove("/f").unwrap();
            assert!(b"abc".starts_with(&written));
            parts.insert(written.len());
            assert_eq!(kind(file.write(b"x")), full);
            assert_eq!(kind(memory.create(Path::new("/g"))), full);
            assert_eq!(kind(memory.append(Path::new("/g"))), full);
            assert_eq!(kind(memory.make_dir(Path::new("/g"))), full);
            assert_eq!(kind(memory.write_at(Path::new("/f"), 0, b"abcd")), full);
            memory.put("/h", b"h");
            assert_eq!(kind(memory.create(Path::new("/g"))), full, "placing makes no room");
            memory.write_at(Path::new("/h"), 0, b"i").unwrap();
            assert!(memory.append(Path::new("/f")).is_ok());
            rename(&memory, "/f", "/h").unwrap();
            memory.restart();
            write(&memory, "/g", b"x").unwrap();
        }
        assert_eq!(parts, BTreeSet::from([0, 1, 2]));
    }

    #[test]
    fn a_short_write_is_a_part_and_no_error() {
        let memory = Memory::new(0);
        let mut file = memory.create(Path::new("/f")).unwrap();
        memory.fail_at(0, Fault::Short);
        let part = file.write(b"abc").unwrap();
        assert!((1..3).contains(&part));
        file.write_all(&b"abc"[part..]).unwrap();
        for step in 0..2 {
            memory.fail_at(step, Fault::Short);
            memory.write_at(Path::new("/f"), 1, b"BC").unwrap();
            rename(&memory, "/f", "/f").unwrap();
        }
        assert_eq!(memory.files()["/f"], b"aBC");
    }

    #[test]
    fn a_killed_process_does_nothing_more_and_the_next_finds_what_it_did() {
        let mut parts = BTreeSet::new();
        for (seed, fault) in
            (0..100).flat_map(|seed| [(seed, Fault::Kill), (seed, Fault::KillAfter)])
        {
            let after = matches!(fault, Fault::KillAfter);
            let memory = Memory::new(seed);
            memory.put("/f", b"");
            memory.fail_at(1, fault);
            assert_eq!(kind(write(&memory, "/f", b"abc")), Some(ErrorKind::Other));
            assert!(memory.is_dead());
            assert!(memory.len(Path::new("/f")).is_err());
            assert!(memory.list(Path::new("/")).is_err());
            assert!(!memory.is_dir(Path::new("/")));
            assert!(rename(&memory, "/f", "/g").is_err());
            memory.restart();
            assert!(!memory.is_dead());
            let written = memory.files().remove("/f").unwrap();
            assert!(b"abc".starts_with(&written));
            assert!(!after || written == b"abc");
            parts.insert(written.len());
            memory.fail_at(0, fault);
            assert_eq!(kind(rename(&memory, "/f", "/g")), Some(ErrorKind::Other));
            assert_eq!(memory.files().contains_key("/g"), after);
        }
        assert_eq!(parts, BTreeSet::from([0, 1, 2, 3]));
    }

    #[test]
    fn what_was_renamed_and_not_synced_can_be_lost() {
        let ends = ends(|memory| {
            memory.put("/f", b"old");
            write(memory, "/new", b"new!").unwrap();
            rename(memory, "/new", "/f").unwrap();
        });
        let all: [&[u8]; _] = [
            b"old",
            b"",
            b"n",
            b"ne",
            b"new",
            b"new!",
            b"\0\0\0\0",
            b"n\0\0\0",
            b"ne\0\0",
            b"new\0",
        ];
        assert_eq!(ends, all.into_iter().map(|end| Some(end.to_vec())).collect());
    }

    #[test]
    fn a_sync_saves_content_and_name_as_made_but_no_later_name() {
        let ends = ends(|memory| {
            write(memory, "/before", b"").unwrap();
            write(memory, "/new", b"new").unwrap();
            rename(memory, "/new", "/f").unwrap();
            sync(memory, "/f");
            let State { durable_names, log, .. } = &*memory.state();
            assert!(durable_names.contains_key(Path::new("/before")));
            assert!(durable_names.contains_key(Path::new("/new")));
            assert!(matches!(log[..], [Change::Rename(..)]));
        });
        assert_eq!(ends, BTreeSet::from([None, Some(b"new".to_vec())]));
    }

    #[test]
    fn what_is_appended_to_durable_bytes_does_not_harm_them() {
        let ends = ends(|memory| {
            write(memory, "/f", b"ab").unwrap();
            sync(memory, "/f");
            write(memory, "/f", b"cd").unwrap();
        });
        let all: [&[u8]; _] = [b"ab", b"abc", b"abcd", b"abc\0", b"ab\0\0"];
        assert_eq!(ends, all.into_iter().map(|end| Some(end.to_vec())).collect());
    }

    #[test]
    fn what_is_overwritten_is_old_or_new_and_what_is_cut_may_come_back() {
        let over = ends(|memory| {
            memory.put("/f", b"abcd");
            memory.write_at(Path::new("/f"), 1, b"BC").unwrap();
        });
        let all: [&[u8]; _] = [b"abcd", b"aBcd", b"abCd", b"aBCd"];
        assert_eq!(over, all.into_iter().map(|end| Some(end.to_vec())).collect());
        let cut = ends(|memory| {
            memory.put("/f", b"abc");
            memory.set_len(Path::new("/f"), 1).unwrap();
            write(memory, "/f", b"X").unwrap();
        });
        let all: [&[u8]; _] = [b"abc", b"a", b"aX", b"a\0"];
        assert_eq!(cut, all.into_iter().map(|end| Some(end.to_vec())).collect());
    }

    #[test]
    fn names_survive_in_the_order_they_were_changed() {
        let mut lengths = BTreeSet::new();
        for seed in 0..500 {
            let memory = Memory::new(seed);
            memory.put("/f", b"");
            let mut stages = vec![memory.state().names.clone()];
            let at = |name: &str| PathBuf::from(name);
            let mut changed = |result: io::Result<()>| {
                result.unwrap();
                stages.push(memory.state().names.clone());
            };
            changed(memory.make_dir(&at("/d")));
            changed(memory.create(&at("/d/a")).map(drop));
            changed(memory.create(&at("/d/b")).map(drop));
            changed(memory.rename(&at("/d/a"), &at("/d/b")));
            changed(memory.rename_new(&at("/d/b"), &at("/c")));
            changed(memory.remove_dir(&at("/d")));
            changed(memory.remove(&at("/f")));
            changed(memory.remove(&at("/c")));
            changed(memory.make_dir(&at("/c")));
            let stages: Vec<_> = stages.iter().map(|names| format!("{names:?}")).collect();
            memory.power_cut();
            let left = format!("{:?}", memory.state().names);
            lengths.insert(stages.iter().position(|stage| *stage == left).unwrap());
        }
        assert_eq!(lengths, (0..=9).collect());
    }

    #[test]
    fn after_all_is_synced_nothing_is_lost() {
        for seed in 0..200 {
            let memory = Memory::new(seed);
            memory.put("/f", b"old");
            memory.put("/gone", b"");
            memory.make_dir(Path::new("/d")).unwrap();
            write(&memory, "/d/new", b"new").unwrap();
            write(&memory, "/d/more", b"more").unwrap();
            rename(&memory, "/d/new", "/f").unwrap();
            memory.remove(Path::new("/gone")).unwrap();
            memory.set_len(Path::new("/d/more"), 2).unwrap();
            sync_all(&memory);
            let before = memory.files();
            memory.power_cut();
            assert_eq!(memory.files(), before);
            // What a power cut left is durable.
            write(&memory, "/f", b"lost?").unwrap();
            memory.power_cut();
            let left = memory.files();
            memory.power_cut();
            assert_eq!(memory.files(), left);
        }
    }

    #[test]
    fn a_restart_loses_nothing_and_makes_nothing_durable() {
        let ends = ends(|memory| {
            write(memory, "/f", b"x").unwrap();
            memory.restart();
            assert_eq!(memory.files()["/f"], b"x");
        });
        assert!(ends.contains(&None) && ends.contains(&Some(Vec::new())));
    }

    #[test]
    fn what_is_placed_is_durable_and_so_is_its_corruption() {
        let ends = ends(|memory| {
            memory.fail_at(0, Fault::Kill);
            memory.put("/f", b"x");
            memory.put("/f", b"abc");
            assert_eq!(memory.steps(), 0);
            memory.corrupt("/f", 9);
        });
        assert_eq!(ends, BTreeSet::from([Some(b"a`c".to_vec())]));
    }
}

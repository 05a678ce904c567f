//! Bodies that another try, or another run, can go on with.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::runs::Runs;
use super::sidecar::{self, Sidecar, Source};
use super::{Asked, Finished, Kept, See, Sink, Wanted};
use crate::error::Error;
use crate::item::{FileName, Position};
use crate::plan::defaults;
use crate::sys::{Fs, Lock, WriteAt};

/// Keeps what was received of a body that can be asked for from a place in it on ([`Source`]): in a
/// `.part`, which another try goes on with. Once it is large there is a sidecar beside it, and another
/// run can, too. Other bodies go to the sink beneath, which also gives names to those that are whole.
pub(crate) struct Parts<S: Beneath> {
    beneath: S,
    fs: Arc<dyn Fs>,
    /// The folder of the parts.
    folder: PathBuf,
    boot: [u8; 16],
    /// Data is synced before a sidecar says so.
    durable: bool,
    pace: Pace,
    /// Parts that wait for another try of their item: at most one for each that is admitted.
    waiting: HashMap<Position, Waiting>,
    /// Parts that were there, and are of no use as things are now.
    stale: HashMap<Position, PathBuf>,
}

/// A sink of temporary files that can take over a part.
pub(crate) trait Beneath: Sink {
    /// What the part of a body is called, less its ending.
    fn key(&self, wanted: &Wanted, url: &str) -> String;
    /// Whether other runs may have the same parts at the same time.
    fn shared(&self) -> bool;
    /// The part is whole.
    fn adopt(
        &mut self,
        part: &Path,
        wanted: Wanted,
        bytes: u64,
        crc: u32,
    ) -> Result<Finished, Error>;
}

/// A body being received.
pub(crate) enum Part<P> {
    /// It can't be gone on with.
    Plain(P),
    Kept(Box<KeptPart>),
}

/// A body that can be gone on with.
pub(crate) struct KeptPart {
    /// At its end.
    file: Box<dyn Write + Send>,
    /// For one that is scattered.
    places: Option<Box<dyn WriteAt + Send>>,
    wanted: Wanted,
    waiting: Waiting,
    /// Where to look next whether a sidecar is due.
    look: u64,
    /// Something could not be written: what is there is less than what is counted.
    broken: bool,
}

/// What is known of a part.
struct Waiting {
    path: PathBuf,
    source: Source,
    /// What is there of it.
    runs: Runs,
    /// It is written in several places.
    scattered: bool,
    /// No other run looks for it: it never has a sidecar.
    private: bool,
    /// A sidecar is beside it.
    sidecar: bool,
    /// What was synced, as the sidecar says.
    synced: Runs,
    /// When that was.
    at: Instant,
    /// When a sidecar was written.
    noted: Instant,
    /// Held as long as the part is known.
    _lock: Option<Lock>,
}

/// The file of a part.
struct Created {
    path: PathBuf,
    file: Box<dyn Write + Send>,
    lock: Option<Lock>,
    private: bool,
}

/// Runs that may get the same at the same time: more would be a fault.
const RUNS: u32 = 100;

/// When sidecars are written.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The first one after so many bytes; and bytes between two looks at whether another is due.
    look: u64,
    /// Bytes that are synced together.
    sync: u64,
    /// Between two of a scattered part.
    note: Duration,
}

impl<S: Beneath> Parts<S> {
    pub(crate) fn new(
        beneath: S,
        fs: Arc<dyn Fs>,
        folder: PathBuf,
        boot: [u8; 16],
        durable: bool,
    ) -> Self {
        let pace = Pace {
            look: defaults::PART_BYTES,
            sync: defaults::PART_SYNC_BYTES,
            note: defaults::PART_NOTE,
        };
        let (waiting, stale) = (HashMap::new(), HashMap::new());
        Self { beneath, fs, folder, boot, durable, pace, waiting, stale }
    }

    /// Removes what runs left that died before there was a sidecar, and sidecars whose part is gone.
    /// The positions of the parts that are there, where they are named so.
    pub(crate) fn sweep(&self) -> Result<HashSet<Position>, Error> {
        let swept = sweep(&*self.fs, &self.folder, self.beneath.shared());
        swept.map_err(|source| Error::Output { path: self.folder.clone(), source })
    }

    fn path(&self, wanted: &Wanted, url: &str) -> PathBuf {
        self.folder.join(self.beneath.key(wanted, url) + PART)
    }

    /// An empty file for a part. Where another run is at it, one of another name: that one can be
    /// gone on with by this run alone.
    fn create(&self, path: &Path) -> io::Result<Created> {
        if !self.beneath.shared() {
            let file = self.create_anew(path)?;
            return Ok(Created { path: path.to_owned(), file, lock: None, private: false });
        }
        let key = path.file_stem().unwrap_or_default().to_string_lossy();
        for n in 0..RUNS {
            let path =
                if n == 0 { path.to_owned() } else { self.folder.join(format!("{key}-{n}{PART}")) };
            // A lock that can't be had on a file that is there: that of another run.
            let there = self.fs.lock(&path)?;
            if there.is_none() && self.fs.len(&path).is_ok() {
                continue;
            }
            let file = match self.create_anew(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                other => other?,
            };
            drop(there);
            let Some(lock) = self.fs.lock(&path)? else { continue };
            // One whose part is gone.
            gone(self.fs.remove(&sidecar::path(&path)))?;
            return Ok(Created { path, file, lock: Some(lock), private: n > 0 });
        }
        Err(io::Error::other("too many runs are getting it at the same time"))
    }

    /// Removes what is there of another version, or of a run whose death left no sidecar.
    fn create_anew(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        match self.fs.create(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Another run tidied up.
                crate::sys::make_dirs(&*self.fs, &self.folder)?;
                self.fs.create(path)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                remove(&*self.fs, path)?;
                self.fs.create(path)
            }
            other => other,
        }
    }

    /// What an earlier run left of a body, as far as it is sure. `each` sees all of its bytes.
    fn find(&self, path: &Path, asked: &Asked, each: &mut See<'_>) -> Option<Waiting> {
        let lock = if self.beneath.shared() { Some(self.fs.lock(path).ok()??) } else { None };
        let Sidecar { source, boot, mut synced, scattered } = Sidecar::read(&*self.fs, path)?;
        let same_boot = boot == self.boot && boot != [0; 16];
        let (is_scattered, written) = (scattered.is_some(), scattered.filter(|_| same_boot));
        let mut runs = written.unwrap_or_else(|| synced.clone());
        let length = self.fs.len(path).ok()?;
        let longest = source.length.unwrap_or(u64::MAX);
        if !asked.fits(&source) || runs.end() > length || length > longest {
            return None;
        }
        let others = !asked.scattered && runs.cut();
        if is_scattered && !others && runs.start().0 != runs.end() {
            for run in runs.iter() {
                let found = self.sum(path, run.from, run.to, &mut |_| {}).ok()?;
                if found != run.crc {
                    return None;
                }
            }
        } else {
            let (start, crc) = runs.start();
            let sure = if same_boot && !is_scattered { length } else { start };
            // One that is whole already is asked for its last byte: its server has the last word.
            let sure = sure.min(longest.saturating_sub(1));
            let [all, of_start] = self.sums(path, [sure, start], each).ok()?;
            if sure == 0 || of_start != crc {
                return None;
            }
            // What was synced of it is synced once more.
            (runs, synced) = (Runs::first(sure, all), Runs::default());
        }
        let scattered = is_scattered && asked.scattered;
        let (path, at) = (path.to_owned(), Instant::now());
        let mut found = Waiting {
            path,
            source,
            runs,
            scattered,
            private: false,
            sidecar: true,
            synced,
            at,
            noted: at,
            _lock: lock,
        };
        if others {
            // Before other bytes are where it says that those are; and a sidecar that says nothing of
            // places must find no holes.
            self.fs.set_len(&found.path, found.runs.end()).ok()?;
            found.sidecar = false;
            self.note(&mut found, true).ok()?;
        }
        Some(found)
    }

    /// CRC32C of some bytes of a part.
    fn sum(&self, path: &Path, from: u64, to: u64, each: &mut See<'_>) -> io::Result<u32> {
        let mut input = self.fs.read(path, from)?.take(to - from);
        let mut buffer = vec![0; REREAD];
        let (mut at, mut crc) = (from, 0);
        while at < to {
            match input.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    crc = crc32c::crc32c_append(crc, &buffer[..read]);
                    each(&buffer[..read]);
                    at += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(crc)
    }

    /// CRC32C of the first `sure` and the first `synced` bytes of a part. `each` sees the sure ones.
    fn sums(
        &self,
        path: &Path,
        [sure, synced]: [u64; 2],
        each: &mut See<'_>,
    ) -> io::Result<[u32; 2]> {
        let border = sure.min(synced);
        let of_both = self.sum(path, 0, border, each)?;
        let mut ignored = |_: &[u8]| {};
        let each = if sure > synced { each } else { &mut ignored };
        let rest = self.sum(path, border, sure.max(synced), each)?;
        let length =
            usize::try_from(sure.max(synced) - border).map_err(|_| ErrorKind::FileTooLarge)?;
        let longer = crc32c::crc32c_combine(of_both, rest, length);
        Ok(if sure > synced { [longer, of_both] } else { [of_both, longer] })
    }

    /// Says in the sidecar whose the bytes are, which is all that a kill needs; with `sync` also how
    /// many a power cut leaves.
    fn note(&self, part: &mut Waiting, sync: bool) -> Result<(), Error> {
        let sync = sync && self.durable;
        part.noted = Instant::now();
        if part.private || part.sidecar && !sync && !part.scattered {
            return Ok(());
        }
        let noted = self.try_note(part, sync);
        noted.map_err(|source| Error::Output { path: sidecar::path(&part.path), source })
    }

    fn try_note(&self, part: &mut Waiting, sync: bool) -> io::Result<()> {
        if sync {
            self.fs.sync(&part.path)?;
            part.synced.clone_from(&part.runs);
            part.at = part.noted;
        }
        let scattered = part.scattered.then(|| part.runs.clone());
        let (source, synced) = (part.source.clone(), part.synced.clone());
        let sidecar = Sidecar { source, boot: self.boot, synced, scattered };
        sidecar.write(&*self.fs, &part.path, sync)?;
        part.sidecar = true;
        Ok(())
    }

    fn note_where_due(&self, part: &mut KeptPart) -> Result<(), Error> {
        let bytes = part.waiting.runs.bytes();
        let waiting = &mut part.waiting;
        if bytes < part.look {
            return Ok(());
        }
        part.look = bytes + self.pace.look;
        let sync = bytes.saturating_sub(waiting.synced.bytes()) >= self.pace.sync
            || waiting.at.elapsed() >= defaults::PART_SYNC;
        let due = sync || waiting.scattered && waiting.noted.elapsed() >= self.pace.note;
        if due || !waiting.sidecar { self.note(waiting, sync && waiting.sidecar) } else { Ok(()) }
    }

    fn is_ours(&self, path: &Path) -> Result<bool, Error> {
        if !self.beneath.shared() {
            return Ok(true);
        }
        let locked = self.fs.lock(path);
        let locked = locked.map_err(|source| Error::Output { path: path.to_owned(), source })?;
        Ok(locked.is_some())
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        let removed = remove(&*self.fs, path);
        removed.map_err(|source| Error::Output { path: path.to_owned(), source })
    }
}

/// What the names of parts end with.
const PART: &str = ".part";

/// Bytes of a part that are read at once when it is gone on with.
const REREAD: usize = 256 << 10;

impl<S: Beneath> Sink for Parts<S> {
    type Part = Part<S::Part>;

    fn begin(&mut self, mut wanted: Wanted) -> Result<Self::Part, Error> {
        // What another try left is of another version now.
        self.forget(wanted.position, true)?;
        let Some(source) = wanted.source.take() else {
            return self.beneath.begin(wanted).map(Part::Plain);
        };
        let path = self.path(&wanted, &source.url);
        let created = self
            .create(&path)
            .map_err(|error| Error::Output { path: path.clone(), source: error })?;
        let Created { path, file, lock, private } = created;
        let waiting = Waiting {
            path,
            source: *source,
            runs: Runs::default(),
            scattered: false,
            private,
            sidecar: false,
            synced: Runs::default(),
            at: Instant::now(),
            noted: Instant::now(),
            _lock: lock,
        };
        let (look, places) = (self.pace.look, None);
        let kept = KeptPart { file, places, wanted, waiting, look, broken: false };
        Ok(Part::Kept(Box::new(kept)))
    }

    fn open(
        &mut self,
        wanted: &Wanted,
        asked: &Asked,
        each: Option<&mut See<'_>>,
    ) -> Result<Option<(Self::Part, Kept)>, Error> {
        let path = self.path(wanted, &asked.url);
        let waiting = match self.waiting.remove(&wanted.position) {
            Some(waiting) if !asked.fits(&waiting.source) => {
                self.waiting.insert(wanted.position, waiting);
                None
            }
            // There is no rest of it to ask for.
            Some(Waiting { source, runs, .. })
                if runs.bytes() == 0 || source.length == Some(runs.bytes()) =>
            {
                None
            }
            Some(waiting) if waiting.scattered => Some(waiting),
            // What this run wrote is as it was written.
            Some(waiting) => match each {
                None => Some(waiting),
                Some(each) => {
                    let (bytes, crc) = waiting.runs.start();
                    let found = self.sum(&waiting.path, 0, bytes, each);
                    found.is_ok_and(|found| found == crc).then_some(waiting)
                }
            },
            None => self.find(&path, asked, each.unwrap_or(&mut |_| {})),
        };
        let Some(waiting) = waiting else {
            if !self.waiting.contains_key(&wanted.position) {
                self.stale.insert(wanted.position, path);
            }
            return Ok(None);
        };
        self.stale.remove(&wanted.position);
        let path = waiting.path.clone();
        let (bytes, all) = (waiting.runs.start().0, waiting.runs.bytes());
        let opened = if waiting.scattered { Ok(()) } else { self.fs.set_len(&path, bytes) };
        let opened = opened.and_then(|()| self.fs.append(&path));
        let file = opened.map_err(|source| Error::Output { path, source })?;
        let runs = waiting.runs.iter().map(|run| (run.from, run.to)).collect();
        let kept = Kept { bytes, runs, source: waiting.source.clone() };
        let (look, places) = (all + self.pace.look, None);
        let wanted = wanted.named();
        let part = KeptPart { file, places, wanted, waiting, look, broken: false };
        Ok(Some((Part::Kept(Box::new(part)), kept)))
    }

    fn rename(&mut self, part: &mut Self::Part, name: FileName) {
        match part {
            Part::Plain(part) => self.beneath.rename(part, name),
            Part::Kept(part) => part.wanted.name = name,
        }
    }

    fn write(&mut self, part: &mut Self::Part, bytes: &[u8]) -> Result<(), Error> {
        let part = match part {
            Part::Plain(part) => return self.beneath.write(part, bytes),
            Part::Kept(part) => &mut **part,
        };
        if part.waiting.scattered {
            // Its end is not where it goes on.
            return Err(Error::Stopped);
        }
        if let Err(source) = part.file.write_all(bytes) {
            part.broken = true;
            return Err(Error::Output { path: part.waiting.path.clone(), source });
        }
        part.waiting.runs.add(part.waiting.runs.start().0, bytes);
        self.note_where_due(part)
    }

    fn write_at(&mut self, part: &mut Self::Part, at: u64, bytes: &[u8]) -> Result<(), Error> {
        let Part::Kept(part) = part else { return Err(Error::Stopped) };
        if !part.waiting.scattered {
            part.waiting.scattered = true;
            // One that says nothing of it would be read as if all up to the end were there.
            if part.waiting.sidecar {
                self.note(&mut part.waiting, true)?;
            }
        }
        let written = match &mut part.places {
            Some(places) => places.write_at(at, bytes),
            none => self
                .fs
                .open_at(&part.waiting.path)
                .and_then(|places| none.insert(places).write_at(at, bytes)),
        };
        if let Err(source) = written {
            part.broken = true;
            return Err(Error::Output { path: part.waiting.path.clone(), source });
        }
        part.waiting.runs.add(at, bytes);
        self.note_where_due(part)
    }

    fn reread(&self, part: &Self::Part, each: &mut See<'_>) -> Result<(), Error> {
        let Part::Kept(part) = part else { return Err(Error::Stopped) };
        let Waiting { path, runs, .. } = &part.waiting;
        let read = self.sum(path, 0, runs.start().0, each);
        read.map(drop).map_err(|source| Error::Output { path: path.clone(), source })
    }

    fn finish(&mut self, part: Self::Part) -> Result<Finished, Error> {
        match part {
            Part::Plain(part) => self.beneath.finish(part),
            Part::Kept(part) => {
                let KeptPart { file, wanted, waiting, .. } = *part;
                drop(file);
                let Waiting { path, runs, .. } = &waiting;
                let (bytes, crc) = runs.start();
                if runs.end() != bytes {
                    // Nobody says that it is whole before all is there.
                    return Err(Error::Stopped);
                }
                let adopted = self.beneath.adopt(path, wanted, bytes, crc)?;
                if waiting.sidecar {
                    let sidecar = sidecar::path(path);
                    gone(self.fs.remove(&sidecar))
                        .map_err(|source| Error::Output { path: sidecar, source })?;
                }
                Ok(adopted)
            }
        }
    }

    fn discard(&mut self, part: Self::Part) -> Result<(), Error> {
        match part {
            Part::Plain(part) => self.beneath.discard(part),
            Part::Kept(part) => {
                drop(part.file);
                self.remove(&part.waiting.path)
            }
        }
    }

    fn suspend(&mut self, part: Self::Part) -> Result<(), Error> {
        let mut part = match part {
            Part::Plain(part) => return self.beneath.discard(part),
            Part::Kept(part) => part,
        };
        if part.broken {
            // The sidecar that is there holds: what comes after it is in order as far as it goes.
            return if part.waiting.sidecar { Ok(()) } else { self.discard(Part::Kept(part)) };
        }
        let bytes = part.waiting.runs.bytes();
        if bytes >= self.pace.look && bytes > part.waiting.synced.bytes() {
            self.note(&mut part.waiting, true)?;
        }
        self.waiting.insert(part.wanted.position, part.waiting);
        Ok(())
    }

    fn forget(&mut self, position: Position, remove: bool) -> Result<(), Error> {
        match self.waiting.remove(&position) {
            Some(waiting) if remove || !waiting.sidecar => self.remove(&waiting.path)?,
            _ => {}
        }
        match self.stale.remove(&position) {
            // Another run may be at it.
            Some(path) if remove && self.is_ours(&path)? => self.remove(&path),
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        let waiting = std::mem::take(&mut self.waiting);
        let removed = waiting.into_values().filter(|waiting| !waiting.sidecar);
        let removed = removed.map(|waiting| self.remove(&waiting.path)).fold(Ok(()), Result::and);
        if self.beneath.shared() {
            // Where there is nothing more to go on with.
            let _ = self.fs.remove_dir(&self.folder);
        }
        self.beneath.close().and(removed)
    }
}

/// Removes a part, its sidecar first: it must never stand beside other bytes.
fn remove(fs: &dyn Fs, part: &Path) -> io::Result<()> {
    gone(fs.remove(&sidecar::path(part)))?;
    gone(fs.remove(part))
}

/// What is not there need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn sweep(fs: &dyn Fs, folder: &Path, shared: bool) -> io::Result<HashSet<Position>> {
    let names = match fs.list(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashSet::new()),
        other => other?,
    };
    let mut positions = HashSet::new();
    let is = |path: &Path, ending: &str| path.extension().is_some_and(|is| is == ending);
    let there: HashSet<PathBuf> = names.into_iter().map(|name| folder.join(name)).collect();
    for path in &there {
        if is(path, "part") {
            if there.contains(&sidecar::path(path)) {
                let key = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
                positions.extend(key.map(Position));
            } else if !shared || fs.lock(path)?.is_some() {
                remove(fs, path)?;
            }
        } else if is(path, "side") || is(path, "side-new") {
            let part = path.with_extension("part");
            // One that is being written is written anew in any case.
            if !there.contains(&part) || (is(path, "side-new") && !shared) {
                gone(fs.remove(path))?;
            }
        }
    }
    Ok(positions)
}

#[cfg(test)]
mod tests;

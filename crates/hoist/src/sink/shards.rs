use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::checksum;
use super::gathering::BODY;
use super::ours::Ours;
use super::place::Placer;
use super::shard::{Open, Shard, failed, length};
use super::tar::{self, END};
use super::unit::{Left, Reach, Sample, Spot, Tell, Unit};
use crate::error::Error;
use crate::item::Position;
use crate::plan::{ShardLimits, ShardTemplate};
use crate::sys::Fs;

/// Commits samples at the end of a tar shard. The shard that is written has a name of ours; it gets its
/// own once it is full and all its records are durable. What a dead run left behind the last sample
/// with a record is cut off.
pub(crate) struct Shards {
    placer: Placer,
    /// The folder of the shard that is written, and of temporary files.
    parts: PathBuf,
    template: ShardTemplate,
    most: ShardLimits,
    /// The names that an earlier ledger gave, where one was started over.
    ours: Option<Ours>,
    open: Option<Open>,
    /// Ended, but with samples that are not published. In order.
    ended: VecDeque<Shard>,
    /// The number of the next shard.
    next: u64,
    named: Option<u64>,
}

/// What the name of an open shard ends with; its number is before it.
const PART: &str = ".tar";

impl Shards {
    pub(crate) fn new(
        fs: Arc<dyn Fs>,
        root: PathBuf,
        parts: PathBuf,
        (template, most): (ShardTemplate, ShardLimits),
        ours: Option<Ours>,
    ) -> Self {
        let placer = Placer { fs, root };
        let (open, ended) = (None, VecDeque::new());
        Self { placer, parts, template, most, ours, open, ended, next: 0, named: None }
    }

    fn fs(&self) -> &dyn Fs {
        &*self.placer.fs
    }

    fn shard(&self, number: u64) -> Shard {
        let name = self.template.fill(number);
        let path = self.placer.path(&name);
        Shard { number, name, path, part: self.part(number), unpublished: 0 }
    }

    fn part(&self, number: u64) -> PathBuf {
        self.parts.join(format!("{number}{PART}"))
    }

    /// The numbers of the shards without a name, in order.
    fn parts(&self) -> Result<Vec<u64>, Error> {
        let names = self.fs().list(&self.parts).map_err(failed(&self.parts))?;
        let number = |name: &std::ffi::OsString| name.to_str()?.strip_suffix(PART)?.parse().ok();
        let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn is_ours(&self, name: &str) -> Result<bool, Error> {
        self.ours.as_ref().map_or(Ok(false), |ours| ours.contains(name))
    }

    /// Begins a shard, of the next number whose name is free.
    fn begin_shard(&mut self) -> Result<Open, Error> {
        let shard = loop {
            let shard = self.shard(self.next);
            self.next += 1;
            let taken = length(self.fs(), &shard.path)?.is_some() || self.fs().is_dir(&shard.path);
            if !taken || self.is_ours(&shard.name)? {
                break shard;
            }
        };
        let file = self.fs().create(&shard.part).map_err(failed(&shard.part))?;
        Ok(Open { shard, file, buffer: Vec::new(), end: 0, samples: 0, crc: 0 })
    }

    /// Ends a shard: nothing more comes into it.
    fn end_shard(&mut self, mut open: Open) -> Result<(), Error> {
        open.append(&END)?;
        open.flush()?;
        self.ended.push_back(open.shard);
        self.name_ended()
    }

    /// Gives those shards their names that have ended and are published.
    fn name_ended(&mut self) -> Result<(), Error> {
        while let Some(shard) = self.ended.pop_front_if(|shard| shard.unpublished == 0) {
            self.name(&shard)?;
        }
        Ok(())
    }

    /// Gives a shard its name. All of it, and the records of its samples, are made durable before,
    /// also where syncs are not wanted: it is once in a shard, and what has a name is whole.
    fn name(&mut self, shard: &Shard) -> Result<(), Error> {
        let mut files = std::iter::once(shard.part.clone());
        self.fs().sync_below(&self.placer.root, &mut files).map_err(failed(&self.placer.root))?;
        let replaces = self.is_ours(&shard.name)?;
        let fs = &self.placer.fs;
        let rename = |from: &Path, to: &Path| {
            if replaces { fs.rename(from, to) } else { fs.rename_new(from, to) }
        };
        let placed = self.placer.place(&shard.part, &shard.name, rename);
        if placed.map_err(failed(&shard.path))?.is_some() {
            let reason = format!(
                "another file has come under the name of this shard, which waits in {}; move that \
                 file away, and run again",
                shard.part.display()
            );
            return Err(Error::Ledger { path: shard.path.clone(), reason });
        }
        self.named = Some(shard.number);
        Ok(())
    }

    /// The sidecar's bytes, with what is around them in a tar.
    fn sidecar(open: &Open, spot: &Spot, tell: &mut Tell<'_>) -> Result<Vec<u8>, Error> {
        let mut json = Vec::new();
        let told = tell(Some(open.shard.path.clone()), spot, &mut json);
        told.map_err(failed(&open.shard.part))?;
        json.push(b'\n');
        let member = spot.sample.as_ref().map_or("", |sample| &sample.member);
        let bytes = json.len() as u64;
        let mut all = Vec::with_capacity(json.len() + 1_024);
        tar::head(&mut all, &sidecar_name(member), bytes);
        all.append(&mut json);
        tar::pad(&mut all, bytes);
        Ok(all)
    }

    /// Where the bytes of a shard are now.
    fn whereabouts(&self, number: u64, name: &str) -> Result<PathBuf, Error> {
        let part = self.part(number);
        Ok(if length(self.fs(), &part)?.is_some() { part } else { self.placer.path(name) })
    }

    /// Whether a shard was ended behind its last sample.
    fn has_ended(&self, number: u64, end: u64) -> Result<bool, Error> {
        let path = self.whereabouts(number, &self.template.fill(number))?;
        let whole = end.checked_add(END.len() as u64);
        if length(self.fs(), &path)? != whole {
            return Ok(false);
        }
        let mut last = [1; END.len()];
        self.fs().read_at(&path, end, &mut last).map_err(failed(&path))?;
        Ok(last == END)
    }

    /// Whether a sample in a new shard follows on what goes as far as `before`: the shard before is
    /// whole, and there is none in between.
    fn follows(&self, shard: u64, before: Reach) -> Result<bool, Error> {
        let whole = before.shard_end == 0 || self.has_ended(before.shard, before.shard_end)?;
        let between = before.shard + u64::from(before.shard_end > 0)..shard;
        Ok(whole && !self.parts()?.iter().any(|number| between.contains(number)))
    }
}

/// The files of a sample have its key in common: all up to the first dot of the last part.
fn sidecar_name(member: &str) -> String {
    let file = member.rfind('/').map_or(0, |at| at + 1);
    let key = member[file..].find('.').map_or(member, |at| &member[..file + at]);
    format!("{key}.json")
}

impl Unit for Shards {
    fn stage(&mut self, _: Position, left: Left, tell: &mut Tell<'_>) -> Result<Spot, Error> {
        let Left::Member { name, body, bytes, crc } = left else { return Ok(Spot::default()) };
        let mut head = Vec::with_capacity(1_536);
        tar::head(&mut head, &name, bytes);
        let sample = Sample { member: name, ..Sample::default() };
        let mut spot = Spot { bytes, crc: Some(crc), sample: Some(sample), ..Spot::default() };
        let (mut open, sidecar) = loop {
            let open = match self.open.take() {
                Some(open) => open,
                None => self.begin_shard()?,
            };
            spot.name = Some(open.shard.name.clone());
            let sidecar = Self::sidecar(&open, &spot, tell)?;
            let more = (head.len() + sidecar.len() + END.len()) as u64 + tar::padded(bytes);
            let full = open.samples >= self.most.samples.get()
                || open.end.saturating_add(more) > self.most.bytes;
            // One that is too long for any has one of its own.
            if !full || open.samples == 0 {
                break (open, sidecar);
            }
            self.end_shard(open)?;
        };
        let from = open.end;
        open.crc = 0;
        open.append(&head)?;
        open.append_body(self.fs(), body, bytes)?;
        open.append(&sidecar)?;
        open.samples += 1;
        open.shard.unpublished += 1;
        if let Some(sample) = &mut spot.sample {
            (sample.shard, sample.nth) = (open.shard.number, open.samples);
            (sample.from, sample.end, sample.crc) = (from, open.end, open.crc);
        }
        self.open = Some(open);
        Ok(spot)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.open.as_mut().map_or(Ok(()), Open::flush)
    }

    fn recorded(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn replayed(&mut self, _: &Spot) -> Result<(), Error> {
        Ok(())
    }

    fn publish(&mut self, _: Position, spot: &Spot) -> Result<Option<Spot>, Error> {
        if let Some(Sample { shard: number, .. }) = &spot.sample {
            let open = self.open.as_mut().map(|open| &mut open.shard);
            let shard = self.ended.iter_mut().chain(open).find(|shard| shard.number == *number);
            if let Some(shard) = shard {
                shard.unpublished = shard.unpublished.saturating_sub(1);
            }
            self.name_ended()?;
        }
        Ok(None)
    }

    fn holds(&self, _: Position, spot: &Spot, before: Reach) -> Result<bool, Error> {
        let (Some(sample), Some(name)) = (&spot.sample, &spot.name) else { return Ok(true) };
        let Sample { shard, from, end, crc, .. } = *sample;
        let follows = if shard == before.shard {
            from == before.shard_end
        } else {
            shard > before.shard && from == 0 && self.follows(shard, before)?
        };
        if !follows || end < from {
            return Ok(false);
        }
        let path = self.whereabouts(shard, name)?;
        if length(self.fs(), &path)?.is_none_or(|length| length < end) {
            return Ok(false);
        }
        let file = self.fs().read(&path, from);
        let found = file.and_then(|file| checksum(file.take(end - from)));
        Ok(found.map_err(failed(&path))? == crc)
    }

    fn begin(&self) -> Result<(), Error> {
        // Files that are there keep their names.
        Ok(())
    }

    fn resume(&mut self, reach: Reach) -> Result<(), Error> {
        let names = self.fs().list(&self.parts).map_err(failed(&self.parts))?;
        for name in names.iter().filter(|name| name.to_string_lossy().ends_with(BODY)) {
            let path = self.parts.join(name);
            self.fs().remove(&path).map_err(failed(&path))?;
        }
        let Reach { shard: number, shard_end: end, samples, .. } = reach;
        for part in self.parts()? {
            if part < number {
                // All its records are there.
                self.name(&self.shard(part))?;
            } else if part > number || end == 0 {
                let path = self.part(part);
                self.fs().remove(&path).map_err(failed(&path))?;
            }
        }
        self.next = number;
        if end == 0 {
            return Ok(());
        }
        self.next += 1;
        let shard = self.shard(number);
        match length(self.fs(), &shard.part)? {
            Some(there) if there >= end => {
                if there > end {
                    self.fs().set_len(&shard.part, end).map_err(failed(&shard.part))?;
                }
                let file = self.fs().append(&shard.part).map_err(failed(&shard.part))?;
                let buffer = Vec::new();
                self.open = Some(Open { shard, file, buffer, end, samples, crc: 0 });
                Ok(())
            }
            None if self.has_ended(number, end)? => {
                self.named = Some(number);
                Ok(())
            }
            there => {
                let there = there.unwrap_or_default();
                let reason = format!(
                    "the shard that is written has {there} bytes, but its ledger has recorded \
                     {end}: it was cut or removed; put it back, or start over with --fresh"
                );
                Err(Error::Ledger { path: shard.part, reason })
            }
        }
    }

    fn named_shard(&mut self) -> Option<u64> {
        self.named.take()
    }

    fn complete(&mut self) -> Result<(), Error> {
        match self.open.take() {
            Some(open) => self.end_shard(open),
            None => Ok(()),
        }
    }

    fn staged(&self) -> Result<Vec<Position>, Error> {
        Ok(Vec::new())
    }

    fn unstage(&mut self, _: Position) -> Result<(), Error> {
        Ok(())
    }

    fn path(&self, spot: &Spot) -> Option<PathBuf> {
        spot.name.as_ref().map(|name| self.placer.path(name))
    }

    fn folder(&self) -> &Path {
        &self.placer.root
    }

    fn files(&self, _: &[Position]) -> Vec<PathBuf> {
        let open = self.open.iter().map(|open| &open.shard);
        self.ended.iter().chain(open).map(|shard| shard.part.clone()).collect()
    }
}

impl std::fmt::Debug for Shards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shards").field("parts", &self.parts).finish_non_exhaustive()
    }
}

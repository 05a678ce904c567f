use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use roaring::RoaringTreemap;

use super::answered::Answered;
use super::fields::{self, BEYOND, Fields, Parser};
use super::frame::{self, Frames, kind};
use super::record::Seen;
use crate::input::ListIdentity;
use crate::item::Position;
use crate::outcome::FailureKind;
use crate::report::Totals;
use crate::sink::Reach;
use crate::sys::Fs;

/// All that a ledger says, but for the records themselves: what a run needs to go on. It follows
/// from the frames, one by one; a snapshot of it is written whenever a segment is sealed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) answered: Answered,
    pub(crate) totals: Totals,
    /// The last run that wrote here.
    pub(crate) session: Session,
    /// Of the runs before the last.
    pub(crate) elapsed_before: Duration,
    /// Of the last run, as far as it is known.
    pub(crate) elapsed: Duration,
    /// How far the files go that the sink appends to.
    pub(crate) reach: Reach,
    /// Positions without an answer of which there are records that are history.
    pub(crate) reopened: RoaringTreemap,
    /// Positions to be opened again, once the totals without them are read.
    opening: Vec<(Position, u64)>,
}

/// What a run says of itself as it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) boot: [u8; 16],
    /// Its marks are durable.
    pub(crate) durable: bool,
    /// The list, where it is a file, and known to be the one that the ledger answers.
    pub(crate) list: Option<ListIdentity>,
    /// What must be the same for the run to go on: the form of its output, the question.
    pub(crate) about: String,
    /// In milliseconds since 1970.
    pub(crate) began: u64,
}

mod tag {
    pub(super) const BOOT: u32 = 1;
    pub(super) const DURABLE: u32 = 2;
    pub(super) const LIST_SIZE: u32 = 3;
    pub(super) const LIST_MODIFIED: u32 = 4;
    pub(super) const ABOUT: u32 = 5;
    pub(super) const BEGAN: u32 = 6;
    /// The version of hoist, for people who look at a ledger.
    pub(super) const VERSION: u32 = 7;

    pub(super) const OK: u32 = 1;
    pub(super) const NOT_FOUND: u32 = 2;
    pub(super) const FAILED: u32 = 3;
    pub(super) const DEFERRED: u32 = 4;
    pub(super) const RECEIVED: u32 = 5;
    pub(super) const RETRIES: u32 = 6;
    pub(super) const KIND: u32 = 7;
    pub(super) const STATUS: u32 = 8;
    pub(super) const ORIGIN: u32 = 9;
    pub(super) const LINE_END: u32 = 10;
    pub(super) const ELAPSED_BEFORE: u32 = 11;
    pub(super) const ELAPSED: u32 = 12;
    pub(super) const SHARD: u32 = 20;
    pub(super) const SHARD_END: u32 = 21;
    pub(super) const SAMPLES: u32 = 22;

    pub(super) const RUNS: u32 = 1;

    pub(super) const MARK_SEGMENT: u32 = 1;
    pub(super) const MARK_AT: u32 = 2;
    pub(super) const MARK_DURABLE: u32 = 3;
    pub(super) const MARK_ELAPSED: u32 = 4;

    pub(super) const NAMED_SHARD: u32 = 1;
}

impl Session {
    pub(crate) fn write(&self, fields: &mut Fields<'_>) {
        fields.bytes(tag::BOOT, &self.boot);
        fields.number(tag::DURABLE, self.durable.into());
        if let Some(list) = self.list {
            write_list(fields, list);
        }
        fields.text(tag::ABOUT, &self.about);
        fields.number(tag::BEGAN, self.began);
        fields.text(tag::VERSION, env!("CARGO_PKG_VERSION"));
    }

    fn read(body: &[u8]) -> Self {
        let mut session = Self::default();
        let (mut size, mut modified) = (None, None);
        for (tag, value) in Parser(body) {
            match tag {
                tag::BOOT => {
                    let boot = value.bytes().and_then(|bytes| bytes.try_into().ok());
                    session.boot = boot.unwrap_or_default();
                }
                tag::DURABLE => session.durable = value.number() == Some(1),
                tag::LIST_SIZE => size = value.number(),
                tag::LIST_MODIFIED => modified = value.number(),
                tag::ABOUT => session.about = value.string().unwrap_or_default(),
                tag::BEGAN => session.began = value.number().unwrap_or_default(),
                _ => {}
            }
        }
        session.list = size.zip(modified).map(|(size, modified)| ListIdentity { size, modified });
        session
    }
}

/// The size and time of a list.
pub(crate) fn write_list(fields: &mut Fields<'_>, list: ListIdentity) {
    fields.number(tag::LIST_SIZE, list.size);
    fields.number(tag::LIST_MODIFIED, list.modified);
}

/// Says that what is before a place is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) to: super::segment::Place,
    /// It was synced, and the bytes of its records with it.
    pub(crate) durable: bool,
    /// Since its session began.
    pub(crate) elapsed: Duration,
}

impl Mark {
    pub(crate) fn write(&self, fields: &mut Fields<'_>) {
        fields.number(tag::MARK_SEGMENT, self.to.segment);
        fields.number(tag::MARK_AT, self.to.at);
        fields.number(tag::MARK_DURABLE, self.durable.into());
        fields.number(tag::MARK_ELAPSED, milliseconds(self.elapsed));
    }

    pub(crate) fn read(body: &[u8]) -> Self {
        let mut mark =
            Self { to: super::segment::Place::default(), durable: false, elapsed: Duration::ZERO };
        for (tag, value) in Parser(body) {
            let number = value.number().unwrap_or_default();
            match tag {
                tag::MARK_SEGMENT => mark.to.segment = number,
                tag::MARK_AT => mark.to.at = number,
                tag::MARK_DURABLE => mark.durable = number == 1,
                tag::MARK_ELAPSED => mark.elapsed = Duration::from_millis(number),
                _ => {}
            }
        }
        mark
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A block of the list is 128 KiB at most, so it has no more lines, and runs of skipped lines end
/// with it. A longer run is damage: it is ignored, and the lines are looked at again.
const BLOCK_LINES: u64 = 128 << 10;

/// Counters are not believed beyond: what a run adds must not overflow them.
const MOST: u64 = 1 << 60;

/// This shard has its name, and those before it.
pub(crate) fn write_named_shard(fields: &mut Fields<'_>, shard: u64) {
    fields.number(tag::NAMED_SHARD, shard);
}

/// Runs of positions, in order, each the distance from the one before and its length.
pub(crate) fn write_runs(fields: &mut Fields<'_>, runs: &[(Position, u64)]) {
    let mut packed = Vec::new();
    let mut last = 0;
    for (first, count) in runs {
        fields::put(&mut packed, first.0 - last);
        fields::put(&mut packed, *count);
        last = first.0 + count;
    }
    fields.bytes(tag::RUNS, &packed);
}

fn runs(body: &[u8]) -> impl Iterator<Item = (Position, u64)> {
    let packed = Parser(body).find(|(tag, _)| *tag == tag::RUNS);
    let mut packed = packed.and_then(|(_, value)| value.bytes()).unwrap_or_default();
    let mut last = 0_u64;
    std::iter::from_fn(move || {
        let first = last.checked_add(fields::take(&mut packed)?)?;
        let count = fields::take(&mut packed)?;
        last = first.checked_add(count).filter(|end| *end <= BEYOND)?;
        Some((Position(first), count))
    })
}

impl State {
    /// Takes in a record that counts.
    pub(crate) fn record(&mut self, seen: &Seen<'_>) {
        // An amended record of an item says the same but for its file's name.
        if self.answered.insert(seen.position) {
            self.totals.count(seen.tally());
            self.reopened.remove(seen.position.0);
        }
        self.reach.extend(seen.line_end, seen.sample.as_ref());
    }

    /// Takes in any frame but a record.
    pub(crate) fn frame(&mut self, frame_kind: u8, body: &[u8]) {
        match frame_kind {
            kind::MARK => self.elapsed = Mark::read(body).elapsed,
            kind::SESSION => {
                self.elapsed_before = self.elapsed_total();
                self.elapsed = Duration::ZERO;
                self.session = Session::read(body);
            }
            kind::LIST => self.session.list = Session::read(body).list,
            kind::SHARD => {
                let named = Parser(body).find(|(tag, _)| *tag == tag::NAMED_SHARD);
                if let Some(shard) = named.and_then(|(_, value)| value.number()) {
                    self.reach.close(shard.min(BEYOND));
                }
            }
            kind::SKIPPED => {
                for (first, count) in runs(body).filter(|(_, count)| *count <= BLOCK_LINES) {
                    self.answered.insert_range(first, count);
                }
            }
            kind::REOPENED => {
                let before = self.opening.len();
                self.opening.extend(runs(body));
                // None: what a dead run was about to open, and had no totals for, is void.
                if self.opening.len() == before {
                    self.opening.clear();
                }
            }
            kind::TOTALS => {
                self.read_totals(body);
                for (first, count) in self.opening.drain(..) {
                    self.answered.reopen_range(first, count, &mut self.reopened);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn write_totals(&self, fields: &mut Fields<'_>) {
        let totals = &self.totals;
        for (tag, n) in [
            (tag::OK, totals.ok),
            (tag::NOT_FOUND, totals.not_found),
            (tag::FAILED, totals.failed),
            (tag::DEFERRED, totals.deferred),
            (tag::RECEIVED, totals.received),
            (tag::RETRIES, totals.retries),
            (tag::LINE_END, self.reach.line_end),
            (tag::SHARD, self.reach.shard),
            (tag::SHARD_END, self.reach.shard_end),
            (tag::SAMPLES, self.reach.samples),
            (tag::ELAPSED_BEFORE, milliseconds(self.elapsed_before)),
            (tag::ELAPSED, milliseconds(self.elapsed)),
        ] {
            fields.number(tag, n);
        }
        let mut counted = Vec::new();
        let mut count = |tag, what: &[u8], n| {
            counted.clear();
            fields::put(&mut counted, n);
            counted.extend_from_slice(what);
            fields.bytes(tag, &counted);
        };
        for (kind, n) in &totals.failures.kinds {
            count(tag::KIND, kind.name().as_bytes(), *n);
        }
        for (status, n) in &totals.failures.statuses {
            count(tag::STATUS, &status.to_le_bytes(), *n);
        }
        for (origin, n) in totals.failures.worst.all() {
            count(tag::ORIGIN, origin.as_bytes(), n);
        }
    }

    fn read_totals(&mut self, body: &[u8]) {
        let mut totals = Totals::default();
        for (tag, value) in Parser(body) {
            let number = value.number().unwrap_or_default().min(MOST);
            let mut what = value.bytes().unwrap_or_default();
            match tag {
                tag::OK => totals.ok = number,
                tag::NOT_FOUND => totals.not_found = number,
                tag::FAILED => totals.failed = number,
                tag::DEFERRED => totals.deferred = number,
                tag::RECEIVED => totals.received = number,
                tag::RETRIES => totals.retries = number,
                tag::LINE_END => self.reach.line_end = number,
                tag::SHARD => self.reach.shard = number,
                tag::SHARD_END => self.reach.shard_end = number,
                tag::SAMPLES => self.reach.samples = number,
                tag::ELAPSED_BEFORE => self.elapsed_before = Duration::from_millis(number),
                tag::ELAPSED => self.elapsed = Duration::from_millis(number),
                tag::KIND | tag::STATUS | tag::ORIGIN => {
                    let Some(n) = fields::take(&mut what) else { continue };
                    let n = n.min(MOST);
                    let text = std::str::from_utf8(what);
                    let failures = &mut totals.failures;
                    if tag == tag::STATUS {
                        if let Ok(status) = what.try_into() {
                            failures.statuses.insert(u16::from_le_bytes(status), n);
                        }
                    } else if let Ok(text) = text {
                        if tag == tag::ORIGIN {
                            failures.worst.restore(text, n);
                        } else if let Ok(kind) = text.parse::<FailureKind>() {
                            failures.kinds.insert(kind, n);
                        }
                    }
                }
                _ => {}
            }
        }
        self.totals = totals;
    }

    /// Of all runs together.
    pub(crate) fn elapsed_total(&self) -> Duration {
        self.elapsed_before.saturating_add(self.elapsed)
    }
}

/// The path of the snapshot that goes with a sealed segment.
pub(crate) fn snapshot_path(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:08}.snap"))
}

/// Bytes of bitmap in one frame of a snapshot.
const PIECE: usize = 512 << 10;

/// Writes a snapshot, in frames; not yet under its name, not yet synced.
pub(crate) fn write_snapshot(state: &State, salt: u32, fs: &dyn Fs, path: &Path) -> io::Result<()> {
    let mut out = Vec::new();
    let mut append = |kind, fill: &mut dyn FnMut(&mut Fields<'_>)| {
        let at = out.len() as u64;
        frame::append(&mut out, salt, at, kind, |fields| fill(fields));
    };
    append(kind::SESSION, &mut |fields| state.session.write(fields));
    append(kind::TOTALS, &mut |fields| state.write_totals(fields));
    let mut bitmap = Vec::new();
    state.answered.serialize_into(&mut bitmap)?;
    state.reopened.serialize_into(&mut bitmap)?;
    for piece in bitmap.chunks(PIECE) {
        append(kind::SKIPPED, &mut |fields| fields.0.extend_from_slice(piece));
    }
    // An end, so that a snapshot that was cut between two frames is none.
    append(kind::HEADER, &mut |_| {});
    fs.create(path)?.write_all(&out)
}

/// Reads a snapshot. None where there is none, or none that is whole.
pub(crate) fn read_snapshot(fs: &dyn Fs, path: &Path, salt: u32) -> Option<State> {
    let mut frames = Frames::new(fs.read(path, 0).ok()?, salt, 0);
    let mut state = State::default();
    let mut bitmap = Vec::new();
    loop {
        let frame = frames.next().ok()??;
        match frame.kind {
            kind::SKIPPED => bitmap.extend_from_slice(frame.body),
            kind::SESSION => state.session = Session::read(frame.body),
            kind::HEADER => break,
            other => state.frame(other, frame.body),
        }
    }
    let mut bytes = &bitmap[..];
    state.answered = Answered::deserialize_from(bytes.by_ref()).ok()?;
    state.reopened = RoaringTreemap::deserialize_from(bytes.by_ref()).ok()?;
    bytes.is_empty().then_some(state)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::report::{Class, Tallied};
    use crate::sys::Disk;

    fn state() -> State {
        let mut state = State::default();
        for n in (0..3_000_000).step_by(3) {
            state.answered.insert(Position(n));
        }
        for status in [503, 418, 503] {
            state.totals.count(Tallied {
                class: Class::Failed,
                kind: Some(FailureKind::Status),
                status: Some(status),
                origin: Some("http://a.example"),
                bytes: 7,
                attempts: 3,
            });
        }
        state.session = Session {
            boot: [7; 16],
            durable: true,
            list: Some(ListIdentity { size: 5, modified: u64::MAX }),
            about: "jsonl".to_owned(),
            began: 77,
        };
        state.elapsed_before = Duration::from_secs(5);
        state.elapsed = Duration::from_millis(7);
        state.reach = Reach { line_end: 1 << 50, shard: 3, shard_end: 1 << 40, samples: 7 };
        state.reopened.insert(7);
        state
    }

    #[test]
    fn a_snapshot_is_read_whole_or_not_at_all() {
        let dir = TempDir::new().unwrap();
        let path = snapshot_path(dir.path(), 3);
        write_snapshot(&state(), 7, &Disk, &path).unwrap();
        assert_eq!(read_snapshot(&Disk, &path, 7), Some(state()));
        assert_eq!(read_snapshot(&Disk, &path, 8), None);
        let length = Disk.len(&path).unwrap();
        for cut in [length - 1, length - 9, length / 2, 0] {
            Disk.set_len(&path, cut).unwrap();
            assert_eq!(read_snapshot(&Disk, &path, 7), None, "{cut} of {length}");
        }
        assert_eq!(read_snapshot(&Disk, &dir.path().join("none"), 7), None);
    }

    fn with_runs(state: &mut State, kind: u8, runs: &[(Position, u64)]) {
        let mut body = Vec::new();
        write_runs(&mut Fields(&mut body), runs);
        state.frame(kind, &body);
    }

    #[test]
    fn only_what_is_answered_is_reopened_however_long_the_run() {
        let mut state = State::default();
        with_runs(&mut state, kind::SKIPPED, &[(Position(0), 3), (Position(7), BLOCK_LINES + 1)]);
        state.answered.insert(Position(BEYOND - 2));
        with_runs(&mut state, kind::REOPENED, &[(Position(1), BEYOND - 1)]);
        state.frame(kind::TOTALS, &[]);
        assert_eq!(state.reopened.iter().collect::<Vec<_>>(), [1, 2, BEYOND - 2]);
        assert!(state.answered.contains(Position(0)) && !state.answered.contains(Position(2)));
    }

    #[test]
    fn what_was_about_to_be_opened_can_be_made_void() {
        let mut state = State::default();
        with_runs(&mut state, kind::SKIPPED, &[(Position(0), 3)]);
        with_runs(&mut state, kind::REOPENED, &[(Position(1), 1)]);
        with_runs(&mut state, kind::REOPENED, &[]);
        with_runs(&mut state, kind::REOPENED, &[(Position(2), 1)]);
        state.frame(kind::TOTALS, &[]);
        assert_eq!(state.reopened.iter().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn runs_come_back() {
        let all = [(Position(3), 2), (Position(9), 1), (Position(1 << 40), 7)];
        let mut body = Vec::new();
        write_runs(&mut Fields(&mut body), &all);
        assert_eq!(runs(&body).collect::<Vec<_>>(), all);
    }
}

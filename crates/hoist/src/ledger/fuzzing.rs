//! What a fuzzer feeds to the readers of a ledger. Checksums would keep it out: they are made right
//! here, so that behind them anything may stand. Whatever comes: nothing panics, memory follows the
//! bytes that were read, and what was read and is written again reads the same.
//!
//! The first byte says what the others are; `fuzz/README.md` says how to run it.

use std::fmt::Debug;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::fields::{Fields, Parser};
use super::frame::{self, Frames, Tail, kind};
use super::home::Home;
use super::latest::Latest;
use super::list::{BlockNote, ENTRY, ListFiles};
use super::record::{self, Recorded, Seen};
use super::recovery::{Opened, Wish, open};
use super::segment::{self, Extent, Header, LedgerKind, PREFIX, Place};
use super::state::{self, Mark, State};
use super::survey::Survey;
use crate::error::Error;
use crate::item::Position;
use crate::outcome::{GetOutcome, ProbeOutcome, Selector};
use crate::plan::{ShardLimits, ShardTemplate};
use crate::sink::{Files, Ours, Shards, Unit};
use crate::sys::{Fs, Memory};

/// Reads any bytes as what their first one says.
pub(crate) fn ledger(bytes: &[u8]) {
    let Some((way, rest)) = bytes.split_first() else { return };
    match way % 8 {
        0 => raw(rest),
        1 => fields(rest),
        2 => outcome(rest),
        3 => header(rest),
        4 => list(rest),
        5 => replay(rest),
        6 => snapshot(rest),
        _ => whole(rest),
    }
}

/// Bytes as they are, in the place of each file.
fn raw(bytes: &[u8]) {
    let mut frames = Frames::new(bytes, SALT, 0);
    while frames.next().expect("bytes can be read").is_some() {}
    assert!(frames.end() <= bytes.len() as u64);
    assert_eq!(frames.tail() == Tail::Clean, frames.end() == bytes.len() as u64);
    assert!(frame::found(bytes, SALT, 0).count() <= bytes.len());

    let fs = Memory::new(0);
    for ending in ["log", "snap", "list", "list.gz", "ours"] {
        fs.put(&format!("/out/.hoist/ledger/00000000.{ending}"), bytes);
    }
    walk(&fs);
    let snapshot = Path::new("/out/.hoist/ledger/00000000.snap");
    assert_eq!(state::read_snapshot(&fs, snapshot, SALT), None);
    let _ = resume::<GetOutcome>(&fs, false, false);
    let _ = resume::<GetOutcome>(&fs, false, true);
}

/// The body of a frame of any kind.
fn fields(body: &[u8]) {
    let read: Vec<_> = Parser(body).collect();
    assert!(read.len() <= body.len());
    let mark = Mark::read(body);
    let written = body_of(|fields| mark.write(fields));
    assert_eq!(Mark::read(&written), mark);
    for kind in kind::HEADER..=kind::SHARD + 1 {
        let mut state = State::default();
        state.frame(kind, body);
        state.frame(kind::TOTALS, body);
        comes_back(&state);
    }
}

/// The body of a record.
fn outcome(body: &[u8]) {
    if let Some(seen) = Seen::parse(body) {
        let written = body_of(|fields| seen.rewrite(fields, &seen.spot()));
        let again = Seen::parse(&written).expect("it was read before");
        assert_eq!(again, Seen { supersedes: true, body: &written, ..seen.clone() });
        let name = Path::new(seen.name.unwrap_or_default());
        assert!(name.components().all(|part| matches!(part, std::path::Component::Normal(_))));
    }
    outcome_of::<GetOutcome>(body);
    outcome_of::<ProbeOutcome>(body);
}

fn outcome_of<O: Recorded + Serialize>(body: &[u8]) {
    let Some(outcome) = O::read(body) else { return };
    let seen = Seen::parse(body).expect("it is an outcome");
    let now = SystemTime::UNIX_EPOCH;
    let written = body_of(|fields| record::write(fields, &outcome, &seen.spot(), false, now));
    let again = O::read(&written).expect("it was read before");
    assert_eq!(json(&again), json(&outcome));
}

/// The body of a header.
fn header(body: &[u8]) {
    let Some(header) = Header::decode(body) else { return };
    let _ = header.before.covers();
    let bytes = header.encode();
    let mut frames = Frames::new(&bytes[PREFIX..], 0, PREFIX as u64);
    let frame = frames.next().expect("bytes can be read").expect("it is whole");
    assert_eq!(Header::decode(frame.body), Some(header));
}

/// What is known of the list, and its copy.
fn list(bytes: &[u8]) {
    let mut notes = Vec::new();
    let mut entries = bytes.chunks_exact(ENTRY);
    for entry in &mut entries {
        let mut entry = <[u8; ENTRY]>::try_from(entry).expect("a chunk of this length");
        let sum = crc32c::crc32c(&entry[..ENTRY - 4]);
        entry[ENTRY - 4..].copy_from_slice(&sum.to_le_bytes());
        if let Some(note) = BlockNote::decode(&entry) {
            assert_eq!(BlockNote::decode(&note.encode()), Some(note));
        }
        notes.extend_from_slice(&entry);
    }
    let fs = Memory::new(0);
    fs.put("/00000000.list", &notes);
    fs.put("/00000000.list.gz", bytes);
    let files = ListFiles::of(Path::new("/"), 0);
    let totals = files.open(&fs).expect("it can be read").totals;
    let mut at = 0;
    for note in files.notes(&fs).expect("it can be read") {
        let note = note.expect("it can be read");
        let _ = files.kept(&fs, at, &note);
        at += u64::from(note.kept);
    }
    assert!(at <= bytes.len() as u64);
    assert_eq!(files.open(&fs).expect("it was opened before").totals, totals);
}

/// Frames, as a run replays them.
fn replay(bytes: &[u8]) {
    let mut state = State::default();
    for (kind, body) in pieces(bytes) {
        take(&mut state, kind, body);
    }
    comes_back(&state);
}

/// Frames, as those of a snapshot.
fn snapshot(bytes: &[u8]) {
    let mut file = Vec::new();
    for (kind, body) in pieces(bytes) {
        append(&mut file, SALT, kind, body);
    }
    append(&mut file, SALT, kind::HEADER, &[]);
    let fs = Memory::new(0);
    let path = state::snapshot_path(Path::new("/"), 0);
    fs.put("/00000000.snap", &file);
    if let Some(state) = state::read_snapshot(&fs, &path, SALT) {
        comes_back(&state);
    }
}

/// Frames, as those of segments. One of kind 255 ends a segment, one of kind 254 is torn.
fn whole(bytes: &[u8]) {
    let Some((flags, bytes)) = bytes.split_first() else { return };
    let kind = if flags & 1 == 0 { LedgerKind::Get } else { LedgerKind::Probe };
    let fs = Memory::new(0);
    let mut header = Header { id: 7, number: 0, first: 0, kind, before: Extent::default() };
    let mut file = header.encode();
    let mut extent = Extent::default();
    let store = |header: &Header, file: &[u8]| {
        fs.put(&format!("/out/.hoist/ledger/{:08}.log", header.number), file);
    };
    for (kind, body) in pieces(bytes) {
        match kind {
            u8::MAX => {
                store(&header, &file);
                let before = Extent { bytes: file.len() as u64, ..std::mem::take(&mut extent) };
                header = Header { number: header.number + 1, before, ..header };
                file = header.encode();
            }
            254 => file.extend_from_slice(body),
            _ => {
                append(&mut file, header.salt(), kind, body);
                if let Some(seen) = Seen::parse(body).filter(|_| kind == kind::RECORD) {
                    extent.add(seen.position, seen.supersedes);
                }
            }
        }
    }
    store(&header, &file);
    fs.put("/out/.hoist/parts/0", b"body");
    fs.put("/out/.hoist/parts/1", b"");
    fs.put("/out/.hoist/parts/0.tar", &[0; 2_000]);
    fs.put("/out/.hoist/parts/2.tar", b"");
    walk(&fs);
    let (rebooted, shards) = (flags & 2 != 0, flags & 4 != 0);
    match kind {
        LedgerKind::Get => goes_on::<GetOutcome>(&fs, rebooted, shards),
        LedgerKind::Probe => goes_on::<ProbeOutcome>(&fs, rebooted, shards),
    }
}

/// Reads a ledger as those do who look at it.
fn walk(fs: &Memory) {
    let fs: Arc<dyn Fs> = Arc::new(fs.clone());
    let Ok(Some(survey)) = Survey::take(&fs, &home().ledger) else { return };
    let _ = survey.sealed_records();
    let mut state = State::default();
    let mut walk = survey.walk(0, Place::MAX);
    while let Ok(Some((_, frame))) = walk.next() {
        take(&mut state, frame.kind, frame.body);
    }
    comes_back(&state);
    if let Ok(mut latest) = Latest::new(&survey, Place::MAX) {
        while let Ok(Some(_)) = latest.next() {}
    }
}

/// A ledger that a run can go on with is one that the next run can go on with, and knows as much.
fn goes_on<O: Recorded>(fs: &Memory, rebooted: bool, shards: bool) {
    let Ok(first) = resume::<O>(fs, rebooted, shards) else { return };
    match resume::<O>(fs, false, shards) {
        Ok(second) => {
            let answered = |state: &State| {
                // A ledger can say of a line that is to be asked again that it is blank.
                let is =
                    |n: &u64| state.answered.contains(Position(*n)) && !state.reopened.contains(*n);
                (0..LOOKED_AT).filter(is).collect::<Vec<_>>()
            };
            assert_eq!(answered(&first), answered(&second));
            let reopened = |state: &State| state.reopened.iter().take(1000).collect::<Vec<_>>();
            assert_eq!(reopened(&first), reopened(&second));
        }
        Err(error) => unreachable!("what was put right is damaged: {error}"),
    }
}

/// Positions that are compared one by one.
const LOOKED_AT: u64 = 300;

fn resume<O: Recorded>(fs: &Memory, rebooted: bool, shards: bool) -> Result<State, Error> {
    let fs: Arc<dyn Fs> = Arc::new(fs.clone());
    let home = home();
    let unit = |ours: Option<Ours>| -> Box<dyn Unit> {
        let (fs, root, parts) = (Arc::clone(&fs), "/out".into(), home.parts.clone());
        if shards {
            let template = ShardTemplate::from_str("{shard}.tar").expect("it is one");
            Box::new(Shards::new(fs, root, parts, (template, ShardLimits::default()), ours))
        } else {
            Box::new(Files::new(fs, root, parts, ours))
        }
    };
    let wish: Wish<O> = Wish {
        durable: true,
        again: vec![Selector::Failed],
        fresh: false,
        keep_list: false,
        list: None,
        about: String::new(),
        line: None,
        boot: [u8::from(!rebooted); 16],
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(100),
        random: 7,
        segment_limit: segment::SEGMENT,
    };
    let Opened { committer, .. } = open(Arc::clone(&fs), &home, unit, wish)?;
    Ok(committer.state().clone())
}

fn home() -> Home {
    Home::of_folder(Path::new("/out"))
}

/// What a state says is what its snapshot says, as far as it can be believed.
fn comes_back(state: &State) {
    let fs = Memory::new(0);
    let read = |state: &State, number| {
        let path = state::snapshot_path(Path::new("/"), number);
        state::write_snapshot(state, SALT, &fs, &path).expect("there is room");
        state::read_snapshot(&fs, &path, SALT).expect("it is whole")
    };
    let again = read(state, 0);
    let all =
        |state: &State| (state.answered.clone(), state.reopened.clone(), state.session.clone());
    assert_same(&all(&again), &all(state));
    assert_same(&read(&again, 1), &again);
}

fn assert_same<T: PartialEq + Debug>(again: &T, before: &T) {
    assert!(again == before, "written:  {before:?}\nand read: {again:?}");
}

fn take(state: &mut State, kind: u8, body: &[u8]) {
    match Seen::parse(body).filter(|_| kind == kind::RECORD) {
        Some(seen) => state.record(&seen),
        None => state.frame(kind, body),
    }
}

const SALT: u32 = 7;

/// A kind, a length in two bytes and as many bytes, again and again.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_le_bytes([head[1], head[2]]));
        let (body, rest) = rest.split_at(length.min(rest.len()));
        bytes = rest;
        Some((head[0], body))
    })
}

/// Appends a frame to a file that has this salt.
fn append(file: &mut Vec<u8>, salt: u32, kind: u8, body: &[u8]) {
    let at = file.len() as u64;
    frame::append(file, salt, at, kind, |fields| fields.0.extend_from_slice(body));
}

fn body_of(fill: impl FnOnce(&mut Fields<'_>)) -> Vec<u8> {
    let mut body = Vec::new();
    fill(&mut Fields(&mut body));
    body
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("an outcome can be told")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fields::{BEYOND, put};
    use super::*;
    use crate::corpus::seeds;

    /// By these the fuzzer begins, too.
    #[test]
    fn seeds_are_read() {
        let seeds = seeds("ledger");
        assert!(seeds.len() >= 8, "{} seeds", seeds.len());
        for mut bytes in seeds {
            for way in 0..8 {
                bytes[0] = way;
                ledger(&bytes);
            }
        }
    }

    /// A piece whose body is fields that are not all strange.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let number = prop_oneof![0..9_u64, any::<u64>(), Just(u64::MAX), Just(BEYOND - 1)];
        let bytes = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..12),
            prop::collection::vec(number.clone(), 0..6).prop_map(|numbers| {
                let mut packed = Vec::new();
                for n in numbers {
                    put(&mut packed, n);
                }
                packed
            }),
            Just(b"truncated".to_vec()),
        ];
        let field = (prop_oneof![4 => 1..47_u32, 1 => 90..94_u32], prop::option::of(bytes), number);
        (prop_oneof![0..14_u8, 253..=255_u8], prop::collection::vec(field, 0..8)).prop_map(
            |(kind, all)| {
                let mut piece = vec![kind, 0, 0];
                let mut fields = Fields(&mut piece);
                if kind == kind::RECORD {
                    fields.number(1, 5);
                    fields.number(2, 2);
                }
                for (tag, bytes, number) in all {
                    match bytes {
                        Some(bytes) => fields.bytes(tag, &bytes),
                        None => fields.number(tag, number),
                    }
                }
                let length = u16::try_from(piece.len() - 3).unwrap();
                piece[1..3].copy_from_slice(&length.to_le_bytes());
                piece
            },
        )
    }

    proptest! {
        #[test]
        fn anything_is_read(
            way in 0..8_u8,
            flags in 0..8_u8,
            pieces in prop::collection::vec(piece(), 0..8),
            headless: bool,
        ) {
            let pieces = pieces.concat();
            // Where one body is read, that of the first piece.
            let from = if headless { 3.min(pieces.len()) } else { 0 };
            let mut bytes = vec![way];
            bytes.extend((way == 7).then_some(flags));
            bytes.extend_from_slice(&pieces[from..]);
            ledger(&bytes);
        }
    }
}

//! Lists that are read again, with what a ledger knows of them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::blocks::Blocks;
use super::reader::{Delivery, Reader};
use super::recall::Recall;
use super::{Line, MAX_LINE, Source};
use crate::error::Error;
use crate::item::Position;
use crate::ledger::{Answered, ListFiles};
use crate::sys::Disk;

/// A ledger, and how it is gone on with.
struct Ledger {
    folder: TempDir,
    answered: Answered,
    unchanged: bool,
    keep: bool,
}

/// What a reading brought.
#[derive(Debug, Default, PartialEq)]
struct Brought {
    /// The lines that were not answered before.
    lines: Vec<(u64, Line)>,
    /// Lines that were passed over.
    passed: u64,
    /// Lines of blocks that the ledger knew, answered or not.
    known: u64,
}

impl Ledger {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { folder, answered: Answered::default(), unchanged: false, keep: false }
    }

    fn files(&self) -> ListFiles {
        ListFiles::below(self.folder.path())
    }

    fn recall(&self) -> Recall {
        Recall {
            fs: Arc::new(Disk),
            files: self.files(),
            answered: self.answered.clone(),
            unchanged: self.unchanged,
            keep: self.keep,
            ledger: "the ledger".into(),
        }
    }

    /// Reads the list, notes what is to be noted, and stops when so many lines are answered.
    fn answer(&mut self, source: Source, stop: usize) -> Result<Brought, Error> {
        let mut writer = self.files().open(&Disk).unwrap();
        let mut blocks = Blocks::open(source.into_list(), Some(self.recall()))?;
        let mut brought = Brought::default();
        while brought.lines.len() < stop {
            let (block, note) = match blocks.next_delivery(|| false)? {
                None => break,
                Some(Delivery::Lines { block, note }) => (block, note),
                Some(Delivery::Passed { lines, .. }) => {
                    brought.passed += lines;
                    brought.known += lines;
                    continue;
                }
            };
            let new = note.is_some();
            if let Some((note, copy)) = note {
                writer.note(&Disk, note, &copy).unwrap();
            }
            for entry in block {
                brought.known += u64::from(!new);
                if brought.lines.len() < stop && self.answered.insert(entry.position) {
                    brought.lines.push((entry.position.0, entry.line));
                }
            }
        }
        Ok(brought)
    }

    fn answer_all(&mut self, source: Source) -> Result<Brought, Error> {
        self.answer(source, usize::MAX)
    }

    fn refuses(&mut self, source: Source) -> (u64, String) {
        match self.answer_all(source) {
            Err(Error::ListChanged { line, reason, ledger }) => {
                assert_eq!(ledger, Path::new("the ledger"));
                (line, reason)
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A pipe whose reads bring a certain number of bytes, in turn.
struct Pipe {
    text: io::Cursor<Vec<u8>>,
    reads: Vec<usize>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.reads[0].min(buffer.len());
        self.reads.rotate_left(1);
        self.text.read(&mut buffer[..most])
    }
}

fn pipe(text: impl AsRef<[u8]>, reads: &[usize]) -> Source {
    let text = io::Cursor::new(text.as_ref().to_vec());
    Source::lines(Pipe { text, reads: reads.to_vec() })
}

/// Each line is a block.
fn slow(text: &str) -> Source {
    let reads: Vec<_> = text.split_inclusive('\n').map(str::len).chain([1]).collect();
    pipe(text, &reads)
}

fn whole(text: impl AsRef<[u8]>) -> Source {
    pipe(text, &[usize::MAX])
}

fn file(text: impl AsRef<[u8]>) -> Source {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_ref()).unwrap();
    file.rewind().unwrap();
    Source::file(file)
}

fn asked<const N: usize>(lines: [(u64, &str); N]) -> Vec<(u64, Line)> {
    lines.into_iter().map(|(position, line)| (position, Line::Asked(line.to_owned()))).collect()
}

#[test]
fn the_same_list_goes_on_where_it_stopped() {
    for again in [whole, file] {
        let mut ledger = Ledger::new();
        assert_eq!(ledger.answer(slow("a\nb\nc\nd\n"), 2).unwrap().lines.len(), 2);
        // What is open lies before and behind; the third line has not been noted.
        ledger.answered.remove_range(Position(0), 1);
        let brought = ledger.answer_all(again("a\nb\nc\nd\n")).unwrap();
        assert_eq!(brought.lines, asked([(0, "a"), (2, "c"), (3, "d")]));
        assert_eq!((brought.passed, brought.known), (1, 2));
        let brought = ledger.answer_all(again("a\nb\nc\nd\n")).unwrap();
        assert_eq!(brought, Brought { lines: vec![], passed: 4, known: 4 });
    }
}

#[test]
fn only_a_file_that_looks_the_same_is_passed_over_unread() {
    let mut ledger = Ledger::new();
    ledger.answer_all(slow("a\nb\nc\nd\n")).unwrap();
    ledger.answered.remove_range(Position(2), 1);
    ledger.unchanged = true;
    let brought = ledger.answer_all(file("X\nY\nc\nZ\ne\n")).unwrap();
    assert_eq!(brought, Brought { lines: asked([(2, "c"), (4, "e")]), passed: 3, known: 4 });
    // What is asked again is read again, and it is not the same.
    ledger.answered.remove_range(Position(1), 1);
    assert_eq!(ledger.refuses(file("X\nY\nc\nZ\ne\n")), (2, "line 2 is not what it was".into()));
    // A pipe can't be passed over.
    assert_eq!(ledger.refuses(whole("X\nb\nc\nd\n")).0, 1);
    ledger.unchanged = false;
    assert_eq!(ledger.refuses(file("a\nb\nc\nZ\ne\n")).0, 4);
}

#[test]
fn a_file_begins_where_it_stands() {
    let mut ledger = Ledger { unchanged: true, ..Ledger::new() };
    for lines in [asked([(0, "a"), (1, "b")]), vec![]] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"head\na\nb\n").unwrap();
        file.seek(SeekFrom::Start(5)).unwrap();
        let source = Source::file(file);
        assert_eq!(source.identity().unwrap().size, 4);
        assert_eq!(ledger.answer_all(source).unwrap().lines, lines);
    }
}

#[test]
fn a_file_is_the_same_at_a_glance_until_it_changes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("list");
    std::fs::write(&path, "a\n").unwrap();
    let open = || Source::file(File::open(&path).unwrap());
    let identity = open().identity().unwrap();
    assert_eq!(open().identity(), Some(identity));
    let time = File::options().append(true).open(&path).unwrap();
    let later = time.metadata().unwrap().modified().unwrap() + Duration::from_micros(1);
    time.set_modified(later).unwrap();
    let touched = open().identity().unwrap();
    assert_eq!((touched.size, touched.modified), (2, identity.modified + 1000));
    for other in [whole("a\n"), Source::items(["a"])] {
        assert_eq!(other.identity(), None);
    }
    assert_eq!(Source::file(File::open("/dev/null").unwrap()).identity(), None);
}

#[test]
fn a_changed_list_is_refused_at_its_line() {
    let mut ledger = Ledger::new();
    // Two blocks, of two lines and of three.
    ledger.answer(pipe("a\nb\nc\nd\ne\n", &[4, 6]), 2).unwrap();
    assert_eq!(ledger.answer_all(whole("a\nb\nc\nd\ne\n")).unwrap().lines.len(), 3);
    for (text, line, reason) in [
        ("a\nX\nc\nd\ne\n", 1, "somewhere in lines 1 to 2"),
        ("a\nb\nc\nd\nX\n", 3, "somewhere in lines 3 to 5"),
        ("a\nb\nc\nd\neX\n", 3, "somewhere in lines 3 to 5"),
        // As many lines, of fewer bytes.
        ("a\nb\nc\n\ne\n", 3, "somewhere in lines 3 to 5"),
        ("a\nb\nc\nd\ne", 3, "somewhere in lines 3 to 5"),
        ("a\nb\n\n\n\n", 3, "somewhere in lines 3 to 5"),
        ("a\nb\nc\nd\n", 3, "it ends after line 4; 5 lines are on record"),
        ("a\nb\nc\nd", 3, "it ends in line 4; 5 lines are on record"),
        ("a\n", 1, "it ends after line 1; 5 lines are on record"),
        ("", 1, "it is empty; 5 lines are on record"),
    ] {
        for source in [file(text), slow(text)] {
            assert_eq!(ledger.refuses(source), (line, reason.to_owned()), "{text:?}");
        }
    }
    // None of this has spoiled the ledger, and more may follow.
    let brought = ledger.answer_all(file("a\nb\nc\nd\ne\nf\n")).unwrap();
    assert_eq!(brought, Brought { lines: asked([(5, "f")]), passed: 5, known: 5 });
}

#[test]
fn a_last_line_may_get_its_end_and_nothing_else() {
    for end in ["\n", "\r\n"] {
        for open in ["b".to_owned(), "y".repeat(MAX_LINE + 9)] {
            let mut ledger = Ledger { keep: true, ..Ledger::new() };
            let text = format!("a\n{open}");
            ledger.answer_all(whole(&text)).unwrap();
            assert_eq!(ledger.answer_all(slow(&text)).unwrap().passed, 2);
            for grown in ["X", "\rX", "\r"] {
                let refused = ledger.refuses(whole(format!("{text}{grown}")));
                assert_eq!(
                    refused,
                    (2, "line 2 had no line end, and has grown".into()),
                    "{grown:?}"
                );
            }
            let longer = format!("{text}{end}c\n");
            let brought = ledger.answer_all(pipe(&longer, &[1])).unwrap();
            assert_eq!(brought, Brought { lines: asked([(2, "c")]), passed: 2, known: 2 });
            ledger.answered.remove_range(Position(1), 1);
            let brought = ledger.answer_all(file(format!("{longer}d\n"))).unwrap();
            assert_eq!(brought.lines.iter().map(|line| line.0).collect::<Vec<_>>(), [1, 3]);
            assert_eq!(brought.passed, 2);
            // The whole list once more, from its copy.
            assert_eq!(ledger.answer_all(whole("")).unwrap().passed, 4);
            ledger.keep = false;
            let text = format!("{text}X{end}");
            assert_eq!(
                ledger.refuses(whole(text)),
                (2, "the end of line 2 is not what it was".into())
            );
        }
    }
}

#[test]
fn a_line_end_that_is_gone_again_changes_nothing() {
    let mut ledger = Ledger::new();
    for text in ["a\nb", "a\nb\n"] {
        ledger.answer_all(whole(text)).unwrap();
    }
    for text in ["a\nb", "a\nb\n"] {
        assert_eq!(ledger.answer_all(file(text)).unwrap().passed, 2);
    }
}

#[test]
fn the_copy_stands_in_for_a_list_that_does_not_come_again() {
    let long = "y".repeat(MAX_LINE + 9);
    let text = format!("a\nb\n{long}\nc\nd");
    for (cut, _) in text.char_indices().step_by(997).chain([(1, 'a'), (2, 'b'), (4, 'y')]) {
        let mut ledger = Ledger { keep: true, ..Ledger::new() };
        ledger.answer_all(pipe(&text, &[4, 40_000, 40_000])).unwrap();
        for n in [1, 2, 4] {
            ledger.answered.remove_range(Position(n), 1);
        }
        let all = ledger.answer_all(whole(&text)).unwrap();
        for n in [1, 2, 4] {
            ledger.answered.remove_range(Position(n), 1);
        }
        assert_eq!(ledger.answer_all(whole(&text[..cut])).unwrap().lines, all.lines, "{cut}");
        assert_eq!(all.lines.len(), 3);
        // What did come must be the same.
        if cut > 0 {
            let other = format!("{}X", &text[..cut - 1]);
            let line = if cut <= 4 { 1 } else { 3 };
            if cut <= 200 {
                assert_eq!(ledger.refuses(whole(other)).0, line, "{cut}");
            }
            let other = format!("{}\n", &text[..cut - 1]);
            if cut > 5 && cut < long.len() {
                assert_eq!(ledger.refuses(whole(other)).0, 3, "{cut}");
            }
        }
    }
}

#[test]
fn a_copy_that_is_lost_or_damaged_ends_the_run() {
    let text = "a\nb\n";
    let mut ledger = Ledger { keep: true, ..Ledger::new() };
    ledger.answer_all(slow(text)).unwrap();
    ledger.answered.remove_range(Position(1), 1);
    let path = ledger.files().paths()[1].to_owned();
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes.copy_within(..half, half);
    std::fs::write(&path, bytes).unwrap();
    let error = ledger.answer_all(whole("a\n")).unwrap_err();
    let said = "the list could not be read after line 1: its copy in the ledger is damaged";
    assert_eq!(error.to_string(), said);
    let mut blocks = Blocks::open(whole("a\n").into_list(), Some(ledger.recall())).unwrap();
    std::fs::remove_file(path).unwrap();
    assert!(matches!(blocks.next_delivery(|| true), Ok(Some(Delivery::Passed { .. }))));
    let error = blocks.next_delivery(|| true).unwrap_err();
    assert!(
        matches!(&error, Error::Input { line: 1, source } if source.kind() == io::ErrorKind::NotFound),
        "{error}"
    );
}

#[test]
fn a_list_known_in_part_without_a_copy_is_not_made_up() {
    let mut ledger = Ledger { keep: true, ..Ledger::new() };
    ledger.answer_all(slow("a\n")).unwrap();
    ledger.keep = false;
    ledger.answer_all(whole("a\nb\n")).unwrap();
    ledger.keep = true;
    let reason = "it has ended, and the copy of it ends after line 1";
    assert_eq!(ledger.refuses(whole("")), (2, reason.to_owned()));
    let reason = "it ends after line 1; 2 lines are on record";
    assert_eq!(ledger.refuses(whole("a\n")), (2, reason.to_owned()));
}

#[test]
fn a_too_long_line_is_known_to_its_last_byte() {
    let line = "y".repeat(5 * MAX_LINE);
    let mut ledger = Ledger::new();
    let text = format!("{line}\nb\n");
    let first = ledger.answer(pipe(&text, &[70_000]), 1).unwrap();
    ledger.answered.remove_range(Position(0), 1);
    let again = ledger.answer_all(pipe(&text, &[333])).unwrap();
    assert_eq!(again.lines[..1], first.lines);
    assert_eq!((again.lines.len(), again.known), (2, 1));
    let mut other = text.clone().into_bytes();
    other[line.len() - 1] = b'z';
    assert_eq!(ledger.refuses(whole(other)), (1, "line 1 is not what it was".into()));
    let reason = "it ends in line 1; 2 lines are on record";
    assert_eq!(ledger.refuses(file(&line)), (1, reason.into()));
}

#[test]
fn items_are_recognized_too() {
    let mut ledger = Ledger { keep: true, unchanged: true, ..Ledger::new() };
    let list = ["a", "#b", "two\nlines", "", "c"];
    ledger.answer(Source::items(list), 2).unwrap();
    let brought = ledger.answer_all(Source::items(list)).unwrap();
    assert_eq!(brought.lines, asked([(2, "two\nlines"), (3, ""), (4, "c")]));
    assert_eq!(brought.known, 5);
    let more = list.into_iter().chain(["d"]);
    assert_eq!(ledger.answer_all(Source::items(more)).unwrap().lines, asked([(5, "d")]));
    let reason = "it ends after line 4; 6 lines are on record";
    assert_eq!(ledger.refuses(Source::items(list.into_iter().take(4))), (1, reason.into()));
    let other = ["a", "#b", "two\nlines", "", "C", "d"];
    assert_eq!(ledger.refuses(Source::items(other)).1, "somewhere in lines 1 to 5");
}

#[test]
fn no_copy_stands_in_for_items() {
    let mut ledger = Ledger { keep: true, ..Ledger::new() };
    ledger.answer_all(slow("a\nb\n")).unwrap();
    let reason = "it ends after line 1; 2 lines are on record";
    assert_eq!(ledger.refuses(Source::items(["a"])), (2, reason.into()));
}

/// Hands out one after the other. A terminal would wait again after its end; this one panics.
struct Terminal(Vec<&'static str>);

impl Read for Terminal {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let said = self.0.remove(0).as_bytes();
        buffer[..said.len()].copy_from_slice(said);
        Ok(said.len())
    }
}

#[test]
fn nothing_is_read_after_the_end_was_seen() {
    for (list, again) in [("a\nb\n", "a\n"), ("a\nb", "a\n"), ("a\nb", "a\nb")] {
        let mut ledger = Ledger { keep: true, ..Ledger::new() };
        ledger.answer_all(slow(list)).unwrap();
        let terminal = Source::lines(Terminal(vec![again, ""]));
        let brought = ledger.answer_all(terminal).unwrap();
        assert_eq!(brought, Brought { lines: vec![], passed: 2, known: 2 }, "{list:?}");
    }
    let mut ledger = Ledger::new();
    ledger.answer_all(slow("a\nb")).unwrap();
    ledger.answer_all(slow("a\nb\n")).unwrap();
    let terminal = Source::lines(Terminal(vec!["a\nb", ""]));
    assert_eq!(ledger.answer_all(terminal).unwrap().passed, 2);
}

#[tokio::test]
async fn an_error_is_the_last_that_the_reader_gives() {
    let mut ledger = Ledger::new();
    ledger.answer_all(slow("a\nb\nc\n")).unwrap();
    let mut reader = Reader::start(slow("a\nX\nc\n"), Some(ledger.recall())).unwrap();
    assert!(matches!(reader.next().await, Some(Ok(Delivery::Passed { lines: 1, bytes: 2 }))));
    assert!(matches!(reader.next().await, Some(Err(Error::ListChanged { line: 2, .. }))));
    assert!(reader.next().await.is_none());
}

fn line() -> impl Strategy<Value = String> {
    let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n")];
    let text = prop_oneof![
        20 => "[ab# \r]{0,6}",
        1 => (MAX_LINE - 1..MAX_LINE + 3).prop_map(|n| "x".repeat(n)),
        1 => (2 * MAX_LINE..4 * MAX_LINE).prop_map(|n| "y".repeat(n)),
    ];
    (text, end).prop_map(|(text, end)| text + end)
}

/// A list, with a line end at its end or without.
fn list() -> impl Strategy<Value = String> {
    (prop::collection::vec(line(), 0..30), "[ab]{0,3}").prop_map(|(lines, last)| {
        let mut text = lines.concat();
        text.push_str(&last);
        text
    })
}

fn reads() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        prop::collection::vec(1..12usize, 1..5),
        prop::collection::vec(1..200_000usize, 1..5),
    ]
}

fn uninterrupted(text: &str) -> Vec<(u64, Line)> {
    Ledger::new().answer_all(whole(text)).unwrap().lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_resumed_reading_is_as_one_that_was_not_interrupted(
        text in list(),
        first in reads(),
        second in reads(),
        stops in (0..40usize, 0..40usize),
        as_file: bool,
        unchanged: bool,
        keep: bool,
    ) {
        let mut ledger = Ledger { unchanged, keep, ..Ledger::new() };
        let all = uninterrupted(&text);
        let mut lines = ledger.answer(pipe(&text, &first), stops.0).unwrap().lines;
        // Some of them are to be asked again.
        let again: Vec<_> = lines.extract_if(.., |(position, _)| *position % 5 == 1).collect();
        for (position, _) in again {
            ledger.answered.remove_range(Position(position), 1);
        }
        let source = || if as_file { file(&text) } else { pipe(&text, &second) };
        lines.extend(ledger.answer(source(), stops.1).unwrap().lines);
        lines.extend(ledger.answer_all(source()).unwrap().lines);
        lines.sort_by_key(|(position, _)| *position);
        prop_assert!(lines == all);
        let brought = ledger.answer_all(source()).unwrap();
        let count = all.len() as u64;
        prop_assert_eq!(brought, Brought { lines: vec![], passed: count, known: count });
    }

    #[test]
    fn what_was_known_comes_from_the_copy(
        text in list(),
        first in reads(),
        second in reads(),
        stop in 0..40usize,
        cut in 0.0..1.0,
    ) {
        let mut ledger = Ledger { keep: true, ..Ledger::new() };
        let mut lines = ledger.answer(pipe(&text, &first), stop).unwrap().lines;
        let known = ledger.files().open(&Disk).unwrap().totals;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let cut = &text[..(text.len() as f64 * cut) as usize];
        lines.extend(ledger.answer_all(pipe(cut, &second)).unwrap().lines);
        let expected = if (cut.len() as u64) < known.bytes {
            let all = uninterrupted(&text);
            all.into_iter().filter(|(position, _)| *position < known.lines).collect()
        } else {
            uninterrupted(cut)
        };
        prop_assert!(lines == expected);
    }
}

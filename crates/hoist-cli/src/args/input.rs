//! Where items come from: arguments, a file, standard input, or words under top levels. Lists are
//! opened here and read by the engine, as it goes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hoist::{Decoded, ListForm, Position, Source};
use rustix::fs::FileType;

use super::said::Refused;

/// Where items come from.
#[derive(Debug)]
pub(crate) struct Input {
    /// What the engine reads.
    pub(crate) source: Source,
    /// What is known of its length beforehand.
    pub(crate) extent: Extent,
    /// Standard input is part of it: whether anything has come from there yet.
    pub(crate) stdin: Option<Arrived>,
    /// It is a list, not arguments alone: a run of it can be gone on with.
    pub(crate) is_list: bool,
    /// Which items are lines of that list.
    pub(crate) lines: ListLines,
}

/// Which line of a list an item is, for people: it may stand behind others, or be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ListLines {
    /// Lines before its first; None: there is no list, or words are made into one.
    before: Option<u64>,
}

impl ListLines {
    fn behind(lines: u64) -> Self {
        Self { before: Some(lines) }
    }

    /// The number of its line, as an editor shows it.
    pub(crate) fn number(self, position: Position) -> Option<u64> {
        position.0.checked_sub(self.before?).map(|n| n + 1)
    }
}

/// How much there is to do, as far as it is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// So many items.
    Items(u64),
    /// So many bytes of lines.
    Bytes(u64),
    /// Nobody knows.
    Unknown,
}

/// Whether anything has come from standard input yet, its end included.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrived(Arc<AtomicBool>);

impl Arrived {
    /// Something has come.
    pub(crate) fn yet(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the options say about items.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) arguments: Vec<String>,
    pub(super) list: Option<PathBuf>,
    pub(super) words: Option<Words>,
    /// Of a list that stands alone.
    pub(super) form: ListForm,
}

impl Given {
    pub(super) fn words(words: Words) -> Self {
        Self { words: Some(words), ..Self::default() }
    }

    /// Opens what was given; standard input when nothing was and it is a pipe or a file. None:
    /// there is nothing at all.
    pub(super) fn open(self) -> Result<Option<Input>, Refused> {
        let Self { arguments, list, words, form } = self;
        if list.is_none() && words.is_none() {
            if !arguments.is_empty() {
                let extent = Extent::Items(arguments.len() as u64);
                let (source, lines) = (Source::items(arguments), ListLines::default());
                return Ok(Some(Input { source, extent, stdin: None, is_list: false, lines }));
            }
            let lines = ListLines::behind(0);
            return Ok(stdin_holds_a_list().then(|| List::stdin().into_input(form, lines)));
        }
        // A file alone can be passed over where it is answered already.
        if let (true, None, Some(path)) = (arguments.is_empty(), &words, &list)
            && path.as_os_str() != "-"
        {
            let file = open(path)?;
            let bytes = regular_bytes(&file);
            let source = Source::file(file);
            // The lines of another form have other bytes.
            let bytes = bytes.filter(|_| form == ListForm::Lines && !source.is_compressed());
            let extent = bytes.map_or(Extent::Unknown, Extent::Bytes);
            let source = source.in_form(form);
            let lines = ListLines::behind(0);
            return Ok(Some(Input { source, extent, stdin: None, is_list: true, lines }));
        }
        let mut lists = Vec::new();
        let mut lines = ListLines::default();
        if list.is_some() && words.is_none() {
            lines = ListLines::behind(arguments.iter().map(|argument| lines_of(argument)).sum());
        }
        if !arguments.is_empty() {
            let text = arguments.join("\n") + "\n";
            let bytes = Some(text.len() as u64);
            lists.push(List { reader: Box::new(Cursor::new(text)), bytes, stdin: None });
        }
        match list {
            Some(path) if path.as_os_str() == "-" => lists.push(List::stdin()),
            Some(path) => lists.push(List::file(&path)?),
            None => {}
        }
        if let Some(words) = words {
            lists.push(words.open()?);
        }
        Ok(lists.into_iter().reduce(List::then).map(|list| list.into_input(form, lines)))
    }
}

/// Lines, and what is known of them.
struct List {
    reader: Box<dyn Read + Send>,
    bytes: Option<u64>,
    stdin: Option<Arrived>,
}

impl List {
    fn file(path: &Path) -> Result<Self, Refused> {
        let file = open(path)?;
        let bytes = regular_bytes(&file);
        let source = Source::file(file.try_clone().map_err(|error| unreadable(path, &error))?);
        let bytes = bytes.filter(|_| !source.is_compressed());
        // Behind other lines its beginning is not that of the text.
        Ok(Self { reader: Box::new(Decoded::new(file)), bytes, stdin: None })
    }

    fn stdin() -> Self {
        let arrived = Arrived::default();
        let reader = Watched { stdin: io::stdin(), arrived: arrived.clone() };
        let reader = Box::new(Decoded::new(reader));
        Self { reader, bytes: stdin_bytes(), stdin: Some(arrived) }
    }

    /// These lines, then those.
    fn then(self, next: Self) -> Self {
        Self {
            reader: Box::new(self.reader.chain(next.reader)),
            bytes: self.bytes.zip(next.bytes).map(|(a, b)| a + b),
            stdin: self.stdin.or(next.stdin),
        }
    }

    fn into_input(self, form: ListForm, lines: ListLines) -> Input {
        let bytes = self.bytes.filter(|_| form == ListForm::Lines);
        let extent = bytes.map_or(Extent::Unknown, Extent::Bytes);
        let source = Source::lines(self.reader).in_form(form);
        Input { source, extent, stdin: self.stdin, is_list: true, lines }
    }
}

fn open(path: &Path) -> Result<File, Refused> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        let message = format!("{} can't be read: it is a folder; name a file", path.display());
        return Err(Refused::Unusable(message));
    }
    Ok(file)
}

/// Lines that an argument takes before a list.
fn lines_of(argument: &str) -> u64 {
    argument.matches('\n').count() as u64 + 1
}

fn unreadable(path: &Path, error: &io::Error) -> Refused {
    Refused::Unusable(format!("{} can't be read: {error}", path.display()))
}

fn regular_bytes(file: &File) -> Option<u64> {
    file.metadata().ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len())
}

/// A pipe, a file or a socket; no terminal, and not what is left when it was closed.
fn stdin_holds_a_list() -> bool {
    rustix::fs::fstat(rustix::stdio::stdin()).is_ok_and(|stat| {
        matches!(
            FileType::from_raw_mode(stat.st_mode),
            FileType::Fifo | FileType::RegularFile | FileType::Socket
        )
    })
}

/// What is left to read of standard input, where it is a file.
fn stdin_bytes() -> Option<u64> {
    let stdin = rustix::stdio::stdin();
    let stat = rustix::fs::fstat(stdin).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let at = rustix::fs::tell(stdin).ok()?;
    let list = stdin.try_clone_to_owned().ok()?;
    if Source::file(File::from(list)).is_compressed() {
        return None;
    }
    u64::try_from(stat.st_size).ok()?.checked_sub(at)
}

/// Standard input that says when something has come.
struct Watched {
    stdin: io::Stdin,
    arrived: Arrived,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stdin.read(buffer);
        self.arrived.0.store(true, Ordering::Relaxed);
        read
    }
}

/// Python's keywords, in its own order (`keyword.kwlist`).
const KEYWORDS: &str = "False None True and as assert async await break class continue def del \
                        elif else except finally for from global if import in is lambda nonlocal \
                        not or pass raise return try while with yield";

/// The length of the keywords that are short.
const SHORT: usize = 4;

/// Words under top levels.
#[derive(Debug)]
pub(super) struct Words {
    /// None: Python's keywords.
    file: Option<PathBuf>,
    max_len: usize,
    tlds: Vec<String>,
}

impl Words {
    /// None when no option speaks of words.
    pub(super) fn new(
        words: Option<PathBuf>,
        max_len: Option<usize>,
        mut tlds: Vec<String>,
    ) -> Option<Self> {
        if words.is_none() && max_len.is_none() && tlds.is_empty() {
            return None;
        }
        let file = words.filter(|path| path.as_os_str() != "python");
        let max_len = max_len.unwrap_or(if file.is_none() { SHORT } else { usize::MAX });
        if tlds.is_empty() {
            tlds.push("dev".to_owned());
        }
        Some(Self { file, max_len, tlds })
    }

    /// The keywords of at most four letters, under `.dev`.
    pub(super) fn short_keywords() -> Self {
        Self { file: None, max_len: SHORT, tlds: vec!["dev".to_owned()] }
    }

    fn open(self) -> Result<List, Refused> {
        let (words, known): (Box<dyn BufRead + Send>, bool) = match &self.file {
            None => (Box::new(Cursor::new(KEYWORDS.replace(' ', "\n"))), true),
            Some(path) => (Box::new(BufReader::new(open(path)?)), false),
        };
        let endings =
            self.tlds.iter().map(|tld| format!(".{}\n", tld.trim_matches('.').to_lowercase()));
        let names = Names {
            words,
            max_len: self.max_len,
            endings: endings.collect(),
            line: 0,
            text: Vec::new(),
            taken: 0,
        };
        if !known {
            return Ok(List { reader: Box::new(names), bytes: None, stdin: None });
        }
        let mut text = String::new();
        io::BufReader::new(names)
            .read_to_string(&mut text)
            .map_err(|error| Refused::Unusable(error.to_string()))?;
        let bytes = Some(text.len() as u64);
        Ok(List { reader: Box::new(Cursor::new(text)), bytes, stdin: None })
    }
}

/// The names that words and endings make, a line each, made as they are read.
struct Names {
    words: Box<dyn BufRead + Send>,
    max_len: usize,
    /// With the dot before and the line feed after.
    endings: Vec<String>,
    /// Of the words.
    line: u64,
    text: Vec<u8>,
    taken: usize,
}

/// The longest line of a file of words, in bytes.
const MAX_WORD: u64 = 64 << 10;

impl Names {
    /// Makes the names of the next word; false at the end.
    fn make(&mut self) -> io::Result<bool> {
        self.text.clear();
        self.taken = 0;
        let mut line = Vec::new();
        while self.text.is_empty() {
            line.clear();
            self.line += 1;
            if self.words.by_ref().take(MAX_WORD).read_until(b'\n', &mut line)? == 0 {
                return Ok(false);
            }
            if line.len() as u64 == MAX_WORD && !line.ends_with(b"\n") {
                let error = format!("line {} of the words is longer than 64 KiB", self.line);
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
            let word = String::from_utf8_lossy(&line);
            let word = word.trim_start_matches('\u{FEFF}').trim().trim_end_matches('.');
            if word.is_empty() || word.starts_with('#') || word.chars().count() > self.max_len {
                continue;
            }
            let word = word.to_lowercase();
            for ending in &self.endings {
                self.text.extend_from_slice(word.as_bytes());
                self.text.extend_from_slice(ending.as_bytes());
            }
        }
        Ok(true)
    }
}

impl Read for Names {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.text.len() && !self.make()? {
            return Ok(0);
        }
        let n = buffer.len().min(self.text.len() - self.taken);
        buffer[..n].copy_from_slice(&self.text[self.taken..self.taken + n]);
        self.taken += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(words: Words) -> Vec<String> {
        let mut text = String::new();
        words.open().unwrap().reader.read_to_string(&mut text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_short_keywords_are_eighteen() {
        let all = names(Words::short_keywords());
        assert_eq!(all.len(), 18);
        assert_eq!((all[0].as_str(), all[17].as_str()), ("none.dev", "with.dev"));
        assert!(!all.contains(&"false.dev".to_owned()));
    }

    #[test]
    fn words_of_a_file_go_under_every_top_level() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"\xEF\xBB\xBFAlpha\r\n\n# no\nb\nlonger\n").unwrap();
        let tlds = vec![".com".to_owned(), "CO.UK".to_owned()];
        let words = Words::new(Some(file.path().into()), Some(5), tlds).unwrap();
        assert_eq!(names(words), ["alpha.com", "alpha.co.uk", "b.com", "b.co.uk"]);
        let all = Words::new(Some(file.path().into()), None, Vec::new()).unwrap();
        assert_eq!(names(all), ["alpha.dev", "b.dev", "longer.dev"]);
        assert!(Words::new(None, None, Vec::new()).is_none());
    }

    #[test]
    fn arguments_come_before_a_list() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"b\n").unwrap();
        let given = Given {
            arguments: vec!["a".to_owned()],
            list: Some(file.path().into()),
            ..Given::default()
        };
        let input = given.open().unwrap().unwrap();
        assert_eq!(input.extent, Extent::Bytes(4));
        assert_eq!([0, 1, 2].map(|n| input.lines.number(Position(n))), [None, Some(1), Some(2)]);
        let missing = Given { list: Some("/nowhere/at/all".into()), ..Given::default() };
        assert!(matches!(missing.open(), Err(Refused::Unusable(_))));
    }
}

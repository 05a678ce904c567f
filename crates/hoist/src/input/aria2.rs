//! aria2's form of a list (aria2c(1), "Input File"): a line of URIs, then indented lines of options
//! that belong to it.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read};

use super::MAX_LINE;
use super::text::BLOCK;
use crate::item::{Hash, refused_line};

/// Rewrites such a list, as it is read, into lines that stand for themselves: an item is one JSON
/// object where its URIs stood, and its option lines are blank. So each line keeps its position, and
/// all that is known of lines (blocks, their checksums, the copy of a pipe) holds for the result.
pub(super) struct Aria2<R> {
    lines: BufReader<R>,
    /// Of the line that is read next, from 1.
    number: u64,
    item: Option<Item>,
    /// A line of URIs that is too long is going through as it is.
    in_long: bool,
    ended: bool,
    /// To be told once all before it is read.
    failed: Option<io::Error>,
    text: Vec<u8>,
    taken: usize,
}

/// Lines that an item may have behind its own: each is a line end in memory until the item is done.
const MAX_BEHIND: u64 = 64 << 10;

/// An item of which more options may come.
#[derive(Default)]
struct Item {
    uri: String,
    dir: Option<String>,
    out: Option<String>,
    hash: Option<Hash>,
    /// Why it can't be asked: the first reason.
    refused: Option<String>,
    /// Lines behind its own: options and comments.
    more: u64,
}

impl<R: Read> Aria2<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            lines: BufReader::with_capacity(BLOCK, reader),
            number: 1,
            item: None,
            in_long: false,
            ended: false,
            failed: None,
            text: Vec::new(),
            taken: 0,
        }
    }

    /// Reads one line, and makes text of what it ends.
    fn step(&mut self) -> io::Result<()> {
        let mut line = Vec::new();
        let most = MAX_LINE as u64 + 2;
        self.lines.by_ref().take(most).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            self.ended = true;
            self.put_item();
            return Ok(());
        }
        let whole = line.ends_with(b"\n");
        if self.in_long {
            self.in_long = !whole;
            self.text.append(&mut line);
            return Ok(());
        }
        let number = self.number;
        self.number += 1;
        let is_option = line.starts_with(b" ") || line.starts_with(b"\t");
        if line.len() as u64 == most && !whole {
            if is_option {
                self.option(number, Err("the line is too long"));
                return self.pass_line();
            }
            self.put_item();
            self.in_long = true;
            self.text.append(&mut line);
            return Ok(());
        }
        let mut bytes = line.trim_ascii_end();
        if number == 1 {
            bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        }
        let text = std::str::from_utf8(bytes);
        if bytes.trim_ascii().is_empty() || bytes.trim_ascii_start().starts_with(b"#") {
            self.skip();
        } else if is_option {
            self.option(number, text.map(str::trim_ascii).map_err(|_| "the line is not UTF-8"));
        } else {
            self.put_item();
            match text {
                Ok(uris) => self.item = Some(Item { uri: first_uri(uris), ..Item::default() }),
                // What is read after us says so.
                Err(_) => self.text.append(&mut line),
            }
        }
        Ok(())
    }

    /// The rest of a line that is of no use.
    fn pass_line(&mut self) -> io::Result<()> {
        loop {
            let piece = self.lines.fill_buf()?;
            let (length, ended) = match memchr::memchr(b'\n', piece) {
                Some(at) => (at + 1, true),
                None => (piece.len(), piece.is_empty()),
            };
            self.lines.consume(length);
            if ended {
                return Ok(());
            }
        }
    }

    fn skip(&mut self) {
        self.end_long_item();
        match &mut self.item {
            Some(item) => item.more += 1,
            None => self.text.push(b'\n'),
        }
    }

    /// No item has so many options; what follows are comments, or blank lines.
    fn end_long_item(&mut self) {
        if self.item.as_ref().is_some_and(|item| item.more >= MAX_BEHIND) {
            self.put_item();
        }
    }

    fn option(&mut self, number: u64, option: Result<&str, &str>) {
        self.end_long_item();
        let Some(item) = &mut self.item else {
            let reason = format!("line {number}: options come behind the URI that they are of");
            let shown = option.unwrap_or_default();
            self.text.extend_from_slice(refused_line(shown, &reason).as_bytes());
            self.text.push(b'\n');
            return;
        };
        item.more += 1;
        if let Err(reason) = option.map_err(str::to_owned).and_then(|option| item.take(option)) {
            item.refused.get_or_insert_with(|| format!("line {number}: {reason}"));
        }
    }

    fn put_item(&mut self) {
        let Some(item) = self.item.take() else { return };
        self.text.extend_from_slice(item.line().as_bytes());
        let lines = usize::try_from(item.more).unwrap_or(usize::MAX).saturating_add(1);
        self.text.resize(self.text.len().saturating_add(lines), b'\n');
    }
}

impl<R: Read> Read for Aria2<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() {
            if let Some(error) = self.failed.take() {
                self.ended = true;
                return Err(error);
            }
            if self.ended || buffer.is_empty() {
                return Ok(0);
            }
            self.text.clear();
            self.taken = 0;
            // As much as there is without waiting.
            loop {
                self.failed = self.step().err();
                let more = !self.lines.buffer().is_empty() && self.text.len() < BLOCK;
                if !more || self.ended || self.failed.is_some() {
                    break;
                }
            }
        }
        let n = buffer.len().min(self.text.len() - self.taken);
        buffer[..n].copy_from_slice(&self.text[self.taken..self.taken + n]);
        self.taken += n;
        Ok(n)
    }
}

/// The first of some mirrors that can be got.
fn first_uri(uris: &str) -> String {
    let mut all = uris.split('\t').map(str::trim_ascii);
    let web = |uri: &&str| {
        let scheme = uri.split(':').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    };
    let first = all.clone().find(web).or_else(|| all.next());
    first.unwrap_or_default().to_owned()
}

impl Item {
    fn take(&mut self, option: &str) -> Result<(), String> {
        let (name, value) =
            option.split_once('=').ok_or("options are written as name=value, as out=file")?;
        let value = value.trim_ascii();
        match name.trim_ascii_end() {
            "out" => self.out = Some(value.to_owned()),
            "dir" if value.starts_with('/') => {
                return Err("dir= is a folder below -o DIR; write it without the first /".into());
            }
            "dir" => self.dir = Some(value.to_owned()),
            "checksum" => self.hash = Some(checksum(value)?),
            name if HARMLESS.contains(&name) => {}
            name if HARMLESS_KINDS.iter().any(|kind| name.starts_with(kind)) => {}
            name => {
                let known = ELSEWHERE.iter().find(|(names, _)| names.contains(&name));
                let remedy = known.map_or("hoist has no such option: take it out", |(_, of)| of);
                return Err(format!("{name}=: {remedy}"));
            }
        }
        Ok(())
    }

    /// The item in one line.
    fn line(&self) -> String {
        if let Some(reason) = &self.refused {
            return refused_line(&self.uri, reason);
        }
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let mut line = format!("{{\"url\":{}", text(&self.uri));
        // Writing to a string does not fail.
        if let Some(name) = self.name() {
            let _ = write!(line, ",\"name\":{}", text(&name));
        }
        if let Some(hash) = &self.hash {
            let _ = write!(line, ",\"hash\":\"{hash}\"");
        }
        line.push('}');
        line
    }

    /// What the options say of it.
    fn name(&self) -> Option<String> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        match (given(&self.dir), given(&self.out)) {
            (None, out) => out,
            (Some(dir), Some(out)) => Some(format!("{dir}/{out}")),
            (Some(dir), None) => {
                let path = self.uri.split(['?', '#']).next().unwrap_or_default();
                let path = path.split_once("://").map_or(path, |(_, rest)| rest);
                let file = path.split_once('/').map_or("", |(_, path)| path);
                let file = file.rsplit('/').next().filter(|file| !file.is_empty());
                let file = file.unwrap_or("index.html");
                let decoded = percent_encoding::percent_decode_str(file).decode_utf8();
                Some(format!(
                    "{dir}/{}",
                    decoded.map_or(file.into(), |file| file.replace('/', "%2F"))
                ))
            }
        }
    }
}

fn checksum(value: &str) -> Result<Hash, String> {
    let (algorithm, digits) =
        value.split_once('=').ok_or("a checksum is written as checksum=sha-256=DIGITS")?;
    let algorithm = match algorithm.to_ascii_lowercase().as_str() {
        "sha-256" => "sha256",
        "md5" => "md5",
        other => {
            return Err(format!(
                "checksum={other}=: sha-256 and md5 can be verified; take it out to get the file \
                 unverified"
            ));
        }
    };
    format!("{algorithm}:{digits}").parse::<Hash>().map_err(|error| format!("checksum=: {error}"))
}

/// Options that say how aria2 is to go about it, not what is to come of it.
const HARMLESS: [&str; 44] = [
    "allow-overwrite",
    "allow-piece-length-change",
    "always-resume",
    "async-dns",
    "auto-file-renaming",
    "check-certificate",
    "check-integrity",
    "connect-timeout",
    "continue",
    "enable-async-dns6",
    "enable-http-keep-alive",
    "enable-http-pipelining",
    "enable-mmap",
    "file-allocation",
    "force-save",
    "gid",
    "http-accept-gzip",
    "http-no-cache",
    "lowest-speed-limit",
    "max-connection-per-server",
    "max-file-not-found",
    "max-mmap-limit",
    "max-resume-failure-tries",
    "max-tries",
    "max-upload-limit",
    "min-split-size",
    "no-file-allocation-limit",
    "no-netrc",
    "pause",
    "pause-metadata",
    "piece-length",
    "realtime-chunk-checksum",
    "remote-time",
    "remove-control-file",
    "retry-wait",
    "reuse-uri",
    "rpc-save-upload-metadata",
    "save-not-found",
    "server-stat-timeout",
    "split",
    "stream-piece-selector",
    "timeout",
    "uri-selector",
    "use-head",
];
/// The same of what is for other protocols.
const HARMLESS_KINDS: [&str; 6] = ["bt-", "follow-", "ftp-", "metalink-", "seed-", "ssh-"];
/// Options that must not be passed over, and what to do.
const ELSEWHERE: [(&[&str], &str); 8] = [
    (&["header"], "headers are the same for all URLs of a run: take it out and use -H"),
    (&["user-agent"], "it is the same for all URLs of a run: take it out and use -A"),
    (
        &["referer"],
        "headers are the same for all URLs of a run: take it out and use -H 'Referer: ..'",
    ),
    (&["http-user", "http-passwd"], "write it into the URL, as http://user:password@host/"),
    (
        &["load-cookies", "all-proxy", "http-proxy", "https-proxy", "no-proxy", "interface"],
        "it is the same for all URLs of a run: take it out of the list",
    ),
    (&["parameterized-uri"], "URIs are taken as they are: write out what {..} and [..] stand for"),
    (&["dry-run", "hash-check-only", "conditional-get"], "every file is got: take it out"),
    (&["max-download-limit"], "there is no such limit: take it out, and see --per-origin"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::item::Target;

    fn rewrite(list: &[u8]) -> String {
        let mut text = String::new();
        Aria2::new(list).read_to_string(&mut text).unwrap();
        text
    }

    fn target(list: &str) -> Target {
        let text = rewrite(list.as_bytes());
        Target::parse(text.lines().next().unwrap()).unwrap()
    }

    fn reason(list: &str) -> String {
        let text = rewrite(list.as_bytes());
        let line = text.lines().find(|line| !line.is_empty()).unwrap();
        Target::parse(line).unwrap_err().0.reason
    }

    #[test]
    fn lines_keep_their_positions() {
        let list = "http://a/1\n  out=one\n# no\n\tsplit=5\n\nhttp://a/2\r\nhttp://a/3\n dir=x\n";
        let text = rewrite(list.as_bytes());
        let expected = "{\"url\":\"http://a/1\",\"name\":\"one\"}\n\n\n\n\n{\"url\":\"http://a/2\"}\n\
                        {\"url\":\"http://a/3\",\"name\":\"x/3\"}\n\n";
        assert_eq!(text, expected);
        assert_eq!(rewrite(list.trim_end().as_bytes()), expected);
        assert_eq!(rewrite(b"\n#\nhttp://a/1"), "\n\n{\"url\":\"http://a/1\"}\n");
        assert_eq!(rewrite(b"\xEF\xBB\xBFhttp://a/1\n"), "{\"url\":\"http://a/1\"}\n");
    }

    #[test]
    fn options_say_where_a_file_goes_and_what_it_is() {
        let named = |list: &str| target(list).name.map(|name| name.to_string());
        assert_eq!(named("http://a/x\n out=a b.gif\n").as_deref(), Some("a b.gif"));
        assert_eq!(named("http://a/x\n dir=d/e\n out=f\n").as_deref(), Some("d/e/f"));
        assert_eq!(named("http://a/x/y%20z%2f.gif?q/r\n dir=d\n").as_deref(), Some("d/y z%2F.gif"));
        assert_eq!(named("http://a\n dir=d\n").as_deref(), Some("d/index.html"));
        assert_eq!(named("http://a/x\n out=\n"), None);
        let hash = "d41d8cd98f00b204e9800998ecf8427e";
        let with = target(&format!("http://a/x\n checksum=md5={hash}\n split=16\n bt-x=y\n"));
        assert_eq!(with.hash.unwrap().to_string(), format!("md5:{hash}"));
        let sha = format!("http://a/x\n checksum=SHA-256={}\n", "0".repeat(64));
        assert!(target(&sha).hash.is_some());
        // Of mirrors the first that can be got.
        assert_eq!(target("ftp://a/x\thttps://b/x\thttp://c/x\n").url.as_str(), "https://b/x");
    }

    #[test]
    fn what_cannot_be_done_is_said_with_its_line() {
        for (options, word) in [
            (" out=x\n header=Accept: y\n", "line 3: header=: "),
            (" frobnicate=1\n", "line 2: frobnicate=: hoist has no such option"),
            (" out\n", "line 2: options are written as name=value"),
            (" dir=/etc\n", "line 2: dir= is a folder below"),
            (" checksum=sha-1=00\n", "line 2: checksum=sha-1=: sha-256 and md5"),
            (" checksum=md5=00\n", "line 2: checksum=: md5 has 32"),
            (" checksum=x\n", "line 2: a checksum is written"),
        ] {
            let said = reason(&format!("http://u:secret@a/x\n{options}"));
            assert!(said.contains(word), "{said}");
        }
        assert!(reason("\n  out=x\nhttp://a/x\n").contains("line 2: options come behind"));
        assert!(reason("ftp://a/x\n").contains("ftp:"));
        let (_, shown) = Target::parse(rewrite(b"http://u:secret@a/x\n x=1\n").trim()).unwrap_err();
        assert_eq!(shown, "http://a/x");
        assert!(rewrite(b"http://a/x\n out=\xff\n").contains("line 2: the line is not UTF-8"));
    }

    #[test]
    fn long_lines_take_no_memory() {
        let long = "x".repeat(3 * MAX_LINE);
        let list = format!("http://a/{long}\nhttp://a/1\n out={long}\nhttp://a/2\n");
        let text = rewrite(list.as_bytes());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0].len(), long.len() + "http://a/".len());
        assert!(lines[1].contains("line 3: the line is too long") && lines[2].is_empty());
        assert_eq!(lines[3], "{\"url\":\"http://a/2\"}");
        // Nor do many lines behind an item.
        let list = format!("http://a/1\n{}http://a/2", "#\n".repeat(200_000));
        let mut reader = Aria2::new(list.as_bytes());
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        assert_eq!(memchr::memchr_iter(b'\n', &text).count(), 200_002);
        assert!(reader.text.capacity() < 1 << 20, "{}", reader.text.capacity());
    }

    proptest! {
        #[test]
        fn each_line_stays_one_line(
            lines in prop::collection::vec(
                r#"( |\t)?(http://a/|out=|dir=|checksum=|split=|#|\{|"|\\|é|x|\t){0,5}"#, 0..12
            ),
        ) {
            let list = lines.join("\n") + if lines.is_empty() { "" } else { "\n" };
            let text = rewrite(list.as_bytes());
            prop_assert_eq!(text.lines().count(), lines.len());
            for (line, made) in lines.iter().zip(text.lines()) {
                let blank = line.trim().is_empty() || line.trim_start().starts_with('#');
                prop_assert!(!blank || made.is_empty());
            }
        }
    }
}

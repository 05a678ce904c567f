use std::borrow::Cow;
use std::fmt::Write;
use std::path::PathBuf;

use url::{Position, Url};

/// The name of a file below the root of a directory sink: parts that are safe as names of files
/// and folders. It can't leave its root.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FileName {
    /// The parts with slashes between them.
    text: String,
}

/// Bytes of a part, at most; what is longer is cut and told apart by a hash. It leaves room for
/// `~POSITION` below the 255 of most file systems.
const MAX_PART: usize = 200;
/// Bytes of a name, at most: a path of the system may have 4,096 with its root.
const MAX_NAME: usize = 1024;

impl FileName {
    /// The name that a URL gives: the host (with `_PORT` when it is not the default), the path,
    /// percent-decoded where that is safe, `index.html` for a trailing slash, the query after `@`.
    pub(crate) fn from_url(url: &Url) -> Self {
        let anyhow = || Self::from_raw(Self::raw_parts(url).iter().map(Cow::as_ref));
        Self::from_plain_url(url).unwrap_or_else(anyhow)
    }

    /// The same where host and path can stay as they are, as most can: in one pass.
    fn from_plain_url(url: &Url) -> Option<Self> {
        let (host, path) = (url.host_str()?, url.path());
        let port = &url[Position::BeforePort..Position::AfterPort];
        let mut text = String::with_capacity(host.len() + 1 + port.len() + path.len());
        text.push_str(host);
        if !port.is_empty() {
            text.push('_');
            text.push_str(port);
        }
        text.push_str(path);
        let plain = url.query().is_none()
            && text.len() <= MAX_PART
            && !text.starts_with('.')
            && text.as_bytes().split(|byte| *byte == b'/').all(stays);
        plain.then_some(Self { text })
    }

    /// The parts of that name, not yet safe; the last one is the file.
    pub(super) fn raw_parts(url: &Url) -> Vec<Cow<'_, str>> {
        let mut host = Cow::Borrowed(url.host_str().unwrap_or_default());
        if let Some(port) = url.port() {
            host = Cow::Owned(format!("{host}_{port}"));
        }
        let mut raw = vec![host];
        raw.extend(url.path().split('/').skip(1).map(decode));
        let last = raw.len() - 1;
        if last == 0 || raw[last].is_empty() {
            raw[last.max(1)..].fill(Cow::Borrowed("index.html"));
            if last == 0 {
                raw.push(Cow::Borrowed("index.html"));
            }
        }
        if let (Some(query), Some(file)) = (url.query(), raw.last_mut()) {
            *file = Cow::Owned(format!("{file}@{}", decode(query)));
        }
        raw
    }

    /// The name that the user gives, as a path below the root.
    pub(crate) fn from_text(text: &str) -> Self {
        Self::from_raw(text.split('/'))
    }

    pub(super) fn from_raw<'a>(raw: impl Iterator<Item = &'a str>) -> Self {
        let mut parts: Vec<String> = raw.filter(|part| !part.is_empty()).map(safe).collect();
        match parts.first_mut() {
            None => parts.push("index.html".to_owned()),
            // The sink's own folder is not to be written into.
            Some(first) if first.eq_ignore_ascii_case(".hoist") => {
                first.replace_range(..1, "%2E");
            }
            Some(_) => {}
        }
        let length: usize = parts.iter().map(|part| part.len() + 1).sum();
        if length > MAX_NAME {
            let whole = parts.join("/");
            let last = parts.pop().unwrap_or_default();
            let mut kept = last.len() + 20;
            parts.retain(|part| {
                kept += part.len() + 1;
                kept <= MAX_NAME
            });
            parts.push(format!("~{:016x}", hash(&whole)));
            parts.push(last);
        }
        Self { text: parts.join("/") }
    }

    /// The name `file` in the folder of this one.
    pub(super) fn with_file(mut self, file: &str) -> Self {
        self.text.truncate(self.text.len() - self.file().len());
        self.text.push_str(file);
        self
    }

    /// One without a folder.
    pub(super) fn of_file(file: String) -> Self {
        Self { text: file }
    }

    /// The last part.
    pub(super) fn file(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn to_path(&self) -> PathBuf {
        self.text.split('/').collect()
    }

    /// The parts with slashes between them, as a ledger writes them.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// The same.
    pub(crate) fn to_text(&self) -> String {
        self.text.clone()
    }
}

/// Decodes what is text; the rest stays as it is.
pub(super) fn decode(raw: &str) -> Cow<'_, str> {
    // A slash or NUL that was encoded is no separator or end: `safe` encodes it again.
    percent_encoding::percent_decode_str(raw).decode_utf8().unwrap_or(Cow::Borrowed(raw))
}

/// Whether a byte stays as it is, wherever it is in a part.
fn is_plain(byte: u8) -> bool {
    PLAIN[usize::from(byte)]
}

/// By byte: to look it up takes less than to compare.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        plain[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@' | b'=' | b'&' | b'+' | b',');
        byte += 1;
    }
    plain
};

/// Whether a part is safe as it is. On doubt it is not.
fn stays(part: &[u8]) -> bool {
    // Of a device it has at most four bytes.
    let dot = part.iter().take(5).position(|byte| *byte == b'.');
    let stem = &part[..dot.unwrap_or(part.len())];
    let plain = part.iter().all(|byte| is_plain(*byte));
    part.last().is_some_and(|last| *last != b'.') && plain && !is_device(stem)
}

/// A part that every common file system takes: reserved and control characters, dot segments and
/// the names of devices escaped as `%XX`, cut to `MAX_PART`.
fn safe(raw: &str) -> String {
    let mut part = String::with_capacity(raw.len());
    // Most parts are plain from end to end.
    if raw.bytes().all(is_plain) {
        part.push_str(raw);
    } else {
        for c in raw.chars() {
            match c {
                '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => escape(&mut part, c),
                c if c.is_control() => escape(&mut part, c),
                c => part.push(c),
            }
        }
    }
    if part.bytes().all(|byte| byte == b'.') && part.len() <= 2 {
        part = part.replace('.', "%2E");
    }
    if let Some(last @ (' ' | '.')) = part.chars().last() {
        part.pop();
        escape(&mut part, last);
    }
    let stem = part.split('.').next().unwrap_or_default();
    if is_device(stem.as_bytes()) {
        let first = part.remove(0);
        let mut escaped = String::new();
        escape(&mut escaped, first);
        part.insert_str(0, &escaped);
    }
    if part.len() > MAX_PART {
        let mark = format!("~{:016x}", hash(&part));
        let ext = part.rfind('.').filter(|at| part.len() - at <= 10).unwrap_or(part.len());
        let ext = part.split_off(ext);
        let mut end = MAX_PART - mark.len() - ext.len();
        while !part.is_char_boundary(end) {
            end -= 1;
        }
        part.truncate(end);
        part.push_str(&mark);
        part.push_str(&ext);
    }
    part
}

fn escape(part: &mut String, c: char) {
    let mut utf8 = [0; 4];
    for byte in c.encode_utf8(&mut utf8).bytes() {
        // Writing to a string can't fail.
        let _ = write!(part, "%{byte:02X}");
    }
}

/// Names that Windows keeps for devices, with any ending.
fn is_device(stem: &[u8]) -> bool {
    let is = |name: &[u8; 3]| stem.eq_ignore_ascii_case(name);
    match stem {
        [_, _, _] => [b"CON", b"PRN", b"AUX", b"NUL"].into_iter().any(is),
        [port @ .., number] if number.is_ascii_digit() => {
            port.eq_ignore_ascii_case(b"COM") || port.eq_ignore_ascii_case(b"LPT")
        }
        _ => false,
    }
}

/// FNV-1a, 64 bits: names must stay the same from one version to the next.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(url: &str) -> String {
        FileName::from_url(&Url::parse(url).unwrap()).to_path().to_str().unwrap().to_owned()
    }

    #[test]
    fn urls_give_readable_names() {
        for (url, expected) in [
            ("http://a.example/x/y.gif", "a.example/x/y.gif"),
            ("http://a.example", "a.example/index.html"),
            ("http://a.example:8000/x/", "a.example_8000/x/index.html"),
            ("https://a.example:443/x", "a.example/x"),
            ("http://a.example/a%20b/%C3%A9.txt", "a.example/a b/é.txt"),
            ("http://a.example/x?q=1&r=2", "a.example/x@q=1&r=2"),
            ("http://a.example/?q=a/b", "a.example/index.html@q=a%2Fb"),
            ("http://a.example/a%2Fb", "a.example/a%2Fb"),
            ("http://a.example/%FF", "a.example/%FF"),
            ("http://a.example//x", "a.example/x"),
            ("http://[::1]:8000/x", "[%3A%3A1]_8000/x"),
            ("http://a.example/con.txt", "a.example/%63on.txt"),
            ("http://a.example/com9", "a.example/%63om9"),
            ("http://a.example/x.", "a.example/x%2E"),
        ] {
            assert_eq!(name(url), expected, "{url}");
        }
    }

    #[test]
    fn names_of_users_stay_below_the_root() {
        for (text, expected) in [
            ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
            ("/etc/passwd", "etc/passwd"),
            ("a/./b", "a/%2E/b"),
            (".hoist/ledger", "%2Ehoist/ledger"),
            ("", "index.html"),
            ("a\0b\n", "a%00b%0A"),
        ] {
            assert_eq!(FileName::from_text(text).to_path().to_str(), Some(expected), "{text}");
        }
    }

    #[test]
    fn long_parts_are_cut_and_told_apart() {
        let a = name(&format!("http://a.example/{}1.jpeg", "x".repeat(500)));
        let b = name(&format!("http://a.example/{}2.jpeg", "x".repeat(500)));
        assert_ne!(a, b);
        assert!(a.len() < 220 && a.split('.').next_back() == Some("jpeg"), "{a}");
        let deep = name(&format!("http://a.example/{}", "d/".repeat(20_000)));
        assert!(deep.len() <= 1100 && deep.starts_with("a.example/d/"), "{}", deep.len());
    }

    proptest! {
        #[test]
        fn plain_urls_give_the_same_name_in_one_pass(
            host in "a|con|\\.hoist|\\.a|x\\.example|127\\.0\\.0\\.1|\\[::1\\]",
            rest in "(:80|:8000|)(/|//|\\.|con|a|b\\.c|%41|é|x{150}|\\?){0,6}",
        ) {
            let Ok(url) = Url::parse(&format!("http://{host}{rest}")) else { return Ok(()) };
            let anyhow = FileName::from_raw(FileName::raw_parts(&url).iter().map(Cow::as_ref));
            prop_assert_eq!(FileName::from_url(&url), anyhow, "{}", url);
        }

        #[test]
        fn no_text_leaves_the_root(text in "(\\.\\.|[./\\\\~%\\x00-\\x20]|con|a){0,30}") {
            let text = FileName::from_text(&text).to_text();
            for part in text.split('/') {
                prop_assert!(!part.is_empty() && part != "." && part != ".." && part.len() <= 200);
                prop_assert!(!part.contains(['/', '\0']));
            }
        }
    }
}

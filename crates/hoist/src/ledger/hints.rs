//! What earlier runs found of how many requests at once each origin can take. A hint and no more: a run does
//! well without it, so what is damaged, too old or of another version is passed over, and nothing that goes
//! wrong with it ends a run.
//!
//! `.hoist/hints` is text, newest first, and ends with a CRC32C of all before:
//!
//! ```text
//! hoist hints 1
//! 48 1764054321 http://localhost:8003      requests at once, when that was found (since 1970), where
//! end 1c291ca3
//! ```

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Home;
use crate::sys::Fs;

const HEADING: &str = "hoist hints 1\n";
const END: &str = "end ";

/// Origins that are kept, at most: the newest.
const ORIGINS: usize = 4_096;
/// Bytes that are read, at most.
const BYTES: u64 = 2 << 20;
/// Bytes of an origin's name, at most: a host has 253.
const NAME: usize = 300;
/// Servers change: what is older is no hint.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Clocks of machines differ: what is from further ahead is absurd.
const AHEAD: u64 = 24 * 3_600;
/// More than any run has in flight.
const MOST: usize = 65_536;

/// The hints of a folder.
#[derive(Debug)]
pub(crate) struct Hints {
    fs: Arc<dyn Fs>,
    path: PathBuf,
    /// How many at once, and when that was found.
    known: HashMap<String, (usize, u64)>,
}

impl Hints {
    /// Those that are there.
    pub(crate) fn load(fs: Arc<dyn Fs>, home: &Home, now: SystemTime) -> Self {
        let path = home.ledger.with_file_name("hints");
        let text = read(&*fs, &path).unwrap_or_default();
        let known = parse(&text, since_1970(now)).unwrap_or_default();
        Self { fs, path, known }
    }

    /// Each origin, and how many at once.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, usize)> {
        self.known.iter().map(|(origin, (count, _))| (origin.as_str(), *count))
    }

    /// Takes in what a run found, and writes all to disk, in one step.
    pub(crate) fn save(&mut self, found: Vec<(String, usize)>, now: SystemTime) -> io::Result<()> {
        let now = since_1970(now);
        for (origin, count) in found {
            if origin.len() <= NAME && (1..=MOST).contains(&count) {
                self.known.insert(origin, (count, now));
            }
        }
        if self.known.is_empty() {
            return Ok(());
        }
        let text = self.text();
        let new = self.path.with_file_name("hints.new");
        match self.fs.remove(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.fs.create(&new)?.write_all(text.as_bytes())?;
        self.fs.rename(&new, &self.path)
    }

    /// As it is written; what is too much is forgotten.
    fn text(&mut self) -> String {
        let mut newest: Vec<_> =
            self.known.drain().map(|(origin, (count, at))| (at, origin, count)).collect();
        newest.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        newest.truncate(ORIGINS);
        let mut text = HEADING.to_owned();
        for (at, origin, count) in newest {
            // It goes to memory, which does not fail.
            let _ = writeln!(text, "{count} {at} {origin}");
            self.known.insert(origin, (count, at));
        }
        let sum = crc32c::crc32c(text.as_bytes());
        let _ = writeln!(text, "{END}{sum:08x}");
        text
    }
}

fn read(fs: &dyn Fs, path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs.read(path, 0)?.take(BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// None where it is not what was written; what is old or absurd in it is left out.
fn parse(text: &str, now: u64) -> Option<HashMap<String, (usize, u64)>> {
    let body = text.strip_suffix('\n')?;
    let (body, sum) = body.split_at(body.rfind('\n')? + 1);
    let sum = u32::from_str_radix(sum.strip_prefix(END)?, 16).ok()?;
    if crc32c::crc32c(body.as_bytes()) != sum {
        return None;
    }
    let line = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let count = words.next()?.parse().ok().filter(|count| (1..=MOST).contains(count))?;
        let at: u64 = words.next()?.parse().ok()?;
        let origin = words.next().filter(|origin| origin.len() <= NAME)?;
        let fits = at <= now.saturating_add(AHEAD) && now.saturating_sub(at) <= KEPT.as_secs();
        fits.then(|| (origin.to_owned(), (count, at)))
    };
    let lines = body.strip_prefix(HEADING)?.lines();
    Some(lines.take(ORIGINS).filter_map(line).collect())
}

fn since_1970(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::sys::Disk;

    const DAY: Duration = Duration::from_hours(24);

    fn hints(root: &Path, now: SystemTime) -> Hints {
        Hints::load(Arc::new(Disk), &Home::of_folder(root), now)
    }

    fn told(hints: &Hints) -> Vec<(String, usize)> {
        let mut all: Vec<_> = hints.all().map(|(origin, n)| (origin.to_owned(), n)).collect();
        all.sort();
        all
    }

    fn found(of: &[(&str, usize)]) -> Vec<(String, usize)> {
        of.iter().map(|(origin, count)| ((*origin).to_owned(), *count)).collect()
    }

    #[test]
    fn what_was_found_is_there_again_until_it_is_old() {
        let root = TempDir::new().unwrap();
        std::fs::create_dir(root.path().join(".hoist")).unwrap();
        let now = SystemTime::now();
        let mut first = hints(root.path(), now);
        assert!(told(&first).is_empty());
        first.save(Vec::new(), now).unwrap();
        assert!(!root.path().join(".hoist/hints").exists(), "nothing to say, no file");
        first.save(found(&[("http://a", 48), ("http://b", 2), ("http://c", 0)]), now).unwrap();
        // What a killed run left in the way is no harm.
        std::fs::write(root.path().join(".hoist/hints.new"), "x").unwrap();
        let later = now + 20 * DAY;
        let mut second = hints(root.path(), later);
        assert_eq!(told(&second), found(&[("http://a", 48), ("http://b", 2)]));
        second.save(found(&[("http://a", 6)]), later).unwrap();
        assert_eq!(told(&hints(root.path(), later)), found(&[("http://a", 6), ("http://b", 2)]));
        assert_eq!(told(&hints(root.path(), now + 40 * DAY)), found(&[("http://a", 6)]));
        assert!(told(&hints(root.path(), now - 60 * DAY)).is_empty(), "from the future");
        assert!(!root.path().join(".hoist/hints.new").exists());
    }

    #[test]
    fn only_the_newest_are_kept() {
        let root = TempDir::new().unwrap();
        std::fs::create_dir(root.path().join(".hoist")).unwrap();
        let now = SystemTime::now();
        let mut all = hints(root.path(), now);
        let names =
            |from: usize| (from..from + 4_000).map(|n| (format!("http://{n}"), 5)).collect();
        all.save(names(0), now).unwrap();
        all.save(names(4_000), now + DAY).unwrap();
        let again = hints(root.path(), now + DAY);
        assert_eq!((again.known.len(), all.known.len()), (ORIGINS, ORIGINS));
        assert!((4_000..8_000).all(|n| again.known.contains_key(&format!("http://{n}"))));
    }

    proptest! {
        #[test]
        fn what_is_damaged_is_passed_over(at in any::<usize>(), flip in 1..=255_u8, cut in any::<usize>()) {
            let mut text = format!("{HEADING}48 1000 http://a\n6 2000 http://b:8003\n");
            let sum = crc32c::crc32c(text.as_bytes());
            writeln!(text, "{END}{sum:08x}").unwrap();
            prop_assert_eq!(parse(&text, 3_000).unwrap().len(), 2);
            prop_assert!(parse(&text[..cut % text.len()], 3_000).is_none());
            let mut bytes = text.into_bytes();
            let at = at % (bytes.len() - 10);
            bytes[at] ^= flip;
            prop_assert!(parse(&String::from_utf8_lossy(&bytes), 3_000).is_none());
        }

        #[test]
        fn any_text_is_read(text in ".{0,200}", lines in "([0-9]{0,20} [0-9]{0,20} [a-z:/]{0,9}\n){0,9}") {
            let _ = parse(&text, 3_000);
            let mut text = format!("{HEADING}{lines}");
            let sum = crc32c::crc32c(text.as_bytes());
            writeln!(text, "{END}{sum:08x}").unwrap();
            for (_, (count, at)) in parse(&text, 3_000).unwrap() {
                prop_assert!((1..=MOST).contains(&count) && at <= 3_000 + AHEAD);
            }
        }
    }
}

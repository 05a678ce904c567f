use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::runs::Runs;
use crate::sys::Fs;

/// What a body is a part of: enough to ask for the rest of it, and of nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    /// The item's URL.
    pub(crate) url: String,
    /// Where redirects had led: scheme, host, port and path. The query is left out, as those who
    /// redirect sign it anew each time.
    pub(crate) from: String,
    pub(crate) validator: Validator,
    /// Of the whole body, in bytes, where it was said.
    pub(crate) length: Option<u64>,
    /// Its Content-Type: an answer with the rest need not say it.
    pub(crate) content_type: Option<String>,
    /// Its Content-Encoding: ranges are of the coded bytes (RFC 9110 §14.2).
    pub(crate) coding: Option<String>,
}

/// A strong validator (RFC 9110 §8.8.1): as long as it is the same, so is each byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Validator {
    Etag(String),
    /// A Last-Modified that is strong by §8.8.2.2.
    Modified(String),
}

/// What stands beside a `.part`, so that another run can go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sidecar {
    pub(super) source: Source,
    /// The boot of the machine in which it was written. All that was written is there in the same
    /// boot; in a later one only what was synced is sure.
    pub(super) boot: [u8; 16],
    /// The bytes that were synced before this was written.
    pub(super) synced: Runs,
    /// It was written in several places at once: these bytes are there, and nothing else is sure.
    pub(super) scattered: Option<Runs>,
}

/// Bytes of a sidecar, at most. A line of a list may have 64 KiB, and most of it may be quoted.
const LONGEST: u64 = 256 << 10;

impl Sidecar {
    /// Writes it in one step: the old one stays until the new one is there.
    pub(super) fn write(&self, fs: &dyn Fs, part: &Path, durable: bool) -> io::Result<()> {
        let mut text = serde_json::to_vec(self)?;
        let crc = crc32c::crc32c(&text);
        text.extend_from_slice(format!("\n{crc:08x}\n").as_bytes());
        if text.len() as u64 > LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        let new = new_path(part);
        let mut file = match fs.create(&new) {
            // One that was being written when its run died.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                fs.remove(&new)?;
                fs.create(&new)?
            }
            other => other?,
        };
        file.write_all(&text)?;
        drop(file);
        if durable {
            fs.sync(&new)?;
        }
        fs.rename(&new, &path(part))
    }

    /// The one beside a part. None where there is none, or where it is torn, or no sidecar at all:
    /// then nothing is known of the part.
    pub(super) fn read(fs: &dyn Fs, part: &Path) -> Option<Self> {
        let mut text = Vec::new();
        fs.read(&path(part), 0).ok()?.take(LONGEST + 1).read_to_end(&mut text).ok()?;
        Self::parse(&text)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        if text.len() as u64 > LONGEST {
            return None;
        }
        let text = text.strip_suffix(b"\n")?;
        let (json, crc) = text.split_at_checked(text.len().checked_sub(9)?)?;
        let crc = std::str::from_utf8(crc.strip_prefix(b"\n")?).ok()?;
        if u32::from_str_radix(crc, 16).ok()? != crc32c::crc32c(json) {
            return None;
        }
        let read: Self = serde_json::from_slice(json).ok()?;
        let scattered = read.scattered.as_ref().is_none_or(Runs::are_in_order);
        (scattered && read.synced.are_in_order()).then_some(read)
    }
}

/// The sidecar of a part.
pub(super) fn path(part: &Path) -> PathBuf {
    part.with_extension("side")
}

/// One that is being written.
pub(super) fn new_path(part: &Path) -> PathBuf {
    part.with_extension("side-new")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Memory;

    fn sidecar() -> Sidecar {
        let source = Source {
            url: "http://a.example/\"x\"".to_owned(),
            from: "http://b.example/x".to_owned(),
            validator: Validator::Etag("\"one\"".to_owned()),
            length: Some(9_000_000),
            content_type: None,
            coding: None,
        };
        Sidecar { source, boot: [7; 16], synced: Runs::first(1_000, 3), scattered: None }
    }

    #[test]
    fn what_is_written_is_read() {
        let fs = Memory::new(0);
        fs.put("/1.part", b"");
        let part = Path::new("/1.part");
        assert_eq!(Sidecar::read(&fs, part), None);
        for scattered in [None, Some(Runs::first(2_000, 4))] {
            let written = Sidecar { scattered, ..sidecar() };
            written.write(&fs, part, written.scattered.is_some()).unwrap();
            assert_eq!(Sidecar::read(&fs, part), Some(written));
        }
        assert_eq!(fs.files().into_keys().collect::<Vec<_>>(), ["/1.part", "/1.side"]);
    }

    #[test]
    fn what_is_torn_or_changed_is_none() {
        let fs = Memory::new(0);
        fs.put("/1.part", b"");
        sidecar().write(&fs, Path::new("/1.part"), true).unwrap();
        let text = &fs.files()["/1.side"];
        assert_eq!(Sidecar::parse(text), Some(sidecar()));
        for length in 0..text.len() {
            assert_eq!(Sidecar::parse(&text[..length]), None, "{length}");
        }
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            // A digit of the checksum may be written in upper case.
            let read = Sidecar::parse(&changed);
            assert!(read.is_none() || read == Some(sidecar()), "{bit}");
        }
        let longer = [text, &b"\n"[..]].concat();
        assert_eq!(Sidecar::parse(&longer), None);
        let endless = vec![b' '; usize::try_from(LONGEST).unwrap() + 1];
        assert_eq!(Sidecar::parse(&endless), None);
    }
}

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};

/// Bytes read at once.
pub(super) const BLOCK: usize = 64 << 10;
/// How much of a line that is too long is shown.
const SHOWN: usize = 200;

/// The bytes of a list, in order. Reading `BLOCK` bytes or more copies nothing in between, and
/// brings what the system has.
pub(super) struct Text(BufReader<Medium>);

enum Medium {
    Stream(Box<dyn Read + Send>),
    File(File),
    /// What is made of a regular file: decoded, or rewritten.
    Made(Box<dyn Read + Send>),
}

/// A line that is too long, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct LongLine {
    pub(super) beginning: Vec<u8>,
    pub(super) length: u64,
    /// CRC32C of all of it; kept only where somebody wants it.
    pub(super) crc: u32,
    /// Line ends in it; at most one, the last byte, but in a list that is not what it was.
    pub(super) ends: u64,
}

impl Text {
    pub(super) fn stream(reader: Box<dyn Read + Send>) -> Self {
        Self(BufReader::with_capacity(BLOCK, Medium::Stream(reader)))
    }

    pub(super) fn file(file: File) -> Self {
        Self(BufReader::with_capacity(BLOCK, Medium::File(file)))
    }

    /// `reader` makes it of a regular file.
    pub(super) fn made(reader: Box<dyn Read + Send>) -> Self {
        Self(BufReader::with_capacity(BLOCK, Medium::Made(reader)))
    }

    /// Whether bytes can be passed over, as they are those of a file.
    pub(super) fn can_pass(&self) -> bool {
        !matches!(self.0.get_ref(), Medium::Stream(_))
    }

    pub(super) fn pass(&mut self, bytes: u64) -> io::Result<()> {
        if matches!(self.0.get_ref(), Medium::Made(_)) {
            io::copy(&mut self.0.by_ref().take(bytes), &mut io::sink())?;
            return Ok(());
        }
        self.0.seek_relative(i64::try_from(bytes).map_err(|_| ErrorKind::InvalidData)?)
    }

    /// The next bytes: so many, or fewer where the text ends before.
    pub(super) fn take(&mut self, bytes: u64) -> io::Result<Vec<u8>> {
        let likely = usize::try_from(bytes).unwrap_or(usize::MAX).min(2 * BLOCK);
        let mut taken = Vec::with_capacity(likely);
        self.0.by_ref().take(bytes).read_to_end(&mut taken)?;
        Ok(taken)
    }

    /// The same, of any number: they are not kept, but for the beginning.
    pub(super) fn take_long(&mut self, bytes: u64) -> io::Result<LongLine> {
        let mut line = LongLine::default();
        let mut rest = self.0.by_ref().take(bytes);
        loop {
            let piece = match rest.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            };
            if piece.is_empty() {
                return Ok(line);
            }
            line.push(piece);
            line.sum(piece);
            let read = piece.len();
            rest.consume(read);
        }
    }

    /// The next byte, and when it is a carriage return, the one after it. Empty at the end.
    pub(super) fn take_line_end(&mut self) -> io::Result<Vec<u8>> {
        let mut taken = self.take(1)?;
        if taken == b"\r" {
            taken.append(&mut self.take(1)?);
        }
        Ok(taken)
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Read for Medium {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stream(reader) | Self::Made(reader) => reader.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}

impl Seek for Medium {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Stream(_) | Self::Made(_) => Err(ErrorKind::NotSeekable.into()),
            Self::File(file) => file.seek(to),
        }
    }
}

impl LongLine {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let shown = bytes.len().min(SHOWN - self.beginning.len());
        self.beginning.extend_from_slice(&bytes[..shown]);
        self.length += bytes.len() as u64;
        self.ends += memchr::memchr_iter(b'\n', bytes).count() as u64;
    }

    pub(super) fn sum(&mut self, bytes: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
    }
}

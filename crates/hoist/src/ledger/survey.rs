//! Reading a ledger from its files: which segments there are, and the frames in them.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame::{self, Frame, Frames, Tail, kind};
use super::segment::{self, BadHeader, Header, Place};
use super::state::Mark;
use crate::error::Error;
use crate::sys::Fs;

/// The segments of a ledger that count, in order.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) folder: PathBuf,
    /// At least one.
    pub(crate) headers: Vec<Header>,
    /// Segments that are of no use: of a run that was started over, or never begun.
    pub(crate) obsolete: Vec<u64>,
}

impl Survey {
    /// Looks at the headers. None where there is no ledger.
    pub(crate) fn take(fs: &Arc<dyn Fs>, folder: &Path) -> Result<Option<Self>, Error> {
        let failed = |source| Error::Config { path: folder.to_owned(), source };
        let mut numbers = match segment::numbered(&**fs, folder, ".log") {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed)?,
        };
        let mut obsolete = Vec::new();
        let last = loop {
            let Some(number) = numbers.last().copied() else { return Ok(None) };
            match header(&**fs, folder, number) {
                Ok(header) => break header,
                // The run died while it began this one.
                Err(BadHeader::Unborn) => obsolete.extend(numbers.pop()),
                Err(bad) => return Err(unreadable(folder, number, bad)),
            }
        };
        obsolete.extend(numbers.iter().filter(|number| **number < last.first));
        numbers.retain(|number| *number >= last.first);
        let mut headers = Vec::new();
        for (number, wanted) in numbers.iter().copied().zip(last.first..) {
            if number != wanted {
                return Err(missing(folder, wanted));
            }
            let header = header(&**fs, folder, number);
            headers.push(header.map_err(|bad| unreadable(folder, number, bad))?);
        }
        if headers.len() as u64 != last.number - last.first + 1 {
            return Err(missing(folder, last.first));
        }
        let (fs, folder) = (Arc::clone(fs), folder.to_owned());
        Ok(Some(Self { fs, folder, headers, obsolete }))
    }

    pub(crate) fn last(&self) -> &Header {
        &self.headers[self.headers.len() - 1]
    }

    /// Outcomes in all segments but the last, old ones of a position included.
    pub(crate) fn sealed_records(&self) -> u64 {
        self.headers[1..].iter().map(|header| header.before.records).sum()
    }

    /// Whether a sealed segment has the length that the next one says.
    pub(crate) fn check_length(&self, index: usize) -> Result<(), Error> {
        let path = segment::path(&self.folder, self.headers[index].number);
        let length = self.fs.len(&path).map_err(|source| Error::Config { path, source })?;
        if length == self.headers[index + 1].before.bytes {
            Ok(())
        } else {
            Err(self.damage(Torn { index, at: length.min(self.headers[index + 1].before.bytes) }))
        }
    }

    /// Reads all frames from the segment of this index on, up to a place.
    pub(crate) fn walk(&self, index: usize, until: Place) -> Walk<'_> {
        Walk { survey: self, index, until, frames: None }
    }

    /// Looks behind bytes that are no frame. The rest of the segment is read into memory: 64 MiB at
    /// most, and seldom more than a batch.
    pub(crate) fn behind(&self, torn: Torn) -> Result<Behind, Error> {
        let header = &self.headers[torn.index];
        let path = segment::path(&self.folder, header.number);
        let mut bytes = Vec::new();
        let read = self.fs.read(&path, torn.at);
        let read = read.and_then(|mut file| file.read_to_end(&mut bytes));
        read.map_err(|source| Error::Config { path, source })?;
        let mut behind = Behind::default();
        for frame in frame::found(&bytes, header.salt(), torn.at) {
            behind.frames = true;
            if frame.kind == kind::MARK {
                let mark = Mark::read(frame.body);
                if mark.durable {
                    behind.durable = behind.durable.max(mark.to);
                }
            }
        }
        Ok(behind)
    }

    /// Why a walk could not go on, for people.
    pub(crate) fn told(&self, stopped: Stopped) -> Error {
        match stopped {
            Stopped::Failed(error) => error,
            Stopped::Torn(torn) => self.damage(torn),
        }
    }

    pub(crate) fn damage(&self, torn: Torn) -> Error {
        let path = segment::path(&self.folder, self.headers[torn.index].number);
        let covers = match self.headers.get(torn.index + 1) {
            Some(next) => next.before.covers(),
            None => "it is the newest".to_owned(),
        };
        let reason = format!("damaged at byte {}; {covers}; --fresh starts over", torn.at);
        Error::Ledger { path, reason }
    }
}

fn header(fs: &dyn Fs, folder: &Path, number: u64) -> Result<Header, BadHeader> {
    let (header, _) = segment::open(fs, &segment::path(folder, number))?;
    if header.number == number { Ok(header) } else { Err(BadHeader::Damaged) }
}

fn unreadable(folder: &Path, number: u64, bad: BadHeader) -> Error {
    let path = segment::path(folder, number);
    let reason = match bad {
        BadHeader::Io(source) => return Error::Config { path, source },
        BadHeader::Unborn | BadHeader::Damaged => {
            "its beginning is damaged; it is a segment of a ledger".to_owned()
        }
        BadHeader::Newer(version) => {
            format!("a newer hoist wrote it (version {version} of the ledger); use that one")
        }
    };
    Error::Ledger { path, reason }
}

fn missing(folder: &Path, number: u64) -> Error {
    let path = segment::path(folder, number);
    Error::Ledger { path, reason: "the ledger has lost this segment".to_owned() }
}

/// Bytes that are no frame, where one should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Torn {
    /// Of the segment, among those that count.
    pub(crate) index: usize,
    pub(crate) at: u64,
}

/// What is behind bytes that are no frame, in the same segment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Behind {
    /// There are frames.
    pub(crate) frames: bool,
    /// What is before was made durable, as marks among them say.
    pub(crate) durable: Place,
}

/// Why a walk could not go on.
#[derive(Debug)]
pub(crate) enum Stopped {
    Failed(Error),
    /// Before the end of a segment that is not the last.
    Torn(Torn),
}

/// Frames of a ledger, one after the other.
pub(crate) struct Walk<'a> {
    survey: &'a Survey,
    index: usize,
    until: Place,
    frames: Option<Frames<Box<dyn Read + Send>>>,
}

impl Walk<'_> {
    /// The next frame and its place; None at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(Place, Frame<'_>)>, Stopped> {
        loop {
            let Some(header) = self.survey.headers.get(self.index) else { return Ok(None) };
            let path = || segment::path(&self.survey.folder, header.number);
            let failed = |source| Stopped::Failed(Error::Config { path: path(), source });
            if self.frames.is_none() {
                let opened = segment::open(&*self.survey.fs, &path());
                let opened =
                    opened.map_err(|bad| unreadable(&self.survey.folder, header.number, bad));
                self.frames = Some(opened.map_err(Stopped::Failed)?.1);
            }
            let at = Place { segment: header.number, at: self.end().at };
            if at >= self.until {
                return Ok(None);
            }
            // Borrowed anew below: the borrow checker can't see that a returned frame ends here.
            let ended = match &mut self.frames {
                Some(frames) => frames.peek().map_err(failed)?,
                None => true,
            };
            if !ended {
                let frame = self.frames.as_mut().and_then(Frames::take);
                return Ok(frame.map(|frame| (at, frame)));
            }
            if let Some(next) = self.survey.headers.get(self.index + 1) {
                let end = self.end().at;
                if end != next.before.bytes || self.tail() != Tail::Clean {
                    return Err(Stopped::Torn(Torn { index: self.index, at: end }));
                }
            } else {
                return Ok(None);
            }
            self.skip_segment();
        }
    }

    /// The body of the frame that was given last.
    pub(crate) fn current(&self) -> Option<&[u8]> {
        self.frames.as_ref().and_then(Frames::current)
    }

    /// Goes on with the next segment.
    pub(crate) fn skip_segment(&mut self) {
        self.index += 1;
        self.frames = None;
    }

    /// Behind the last frame.
    pub(crate) fn end(&self) -> Place {
        let last = self.survey.headers.len() - 1;
        Place {
            segment: self.survey.headers[self.index.min(last)].number,
            at: self.frames.as_ref().map_or(0, Frames::end),
        }
    }

    /// What was made durable is missing at the end, if so.
    pub(crate) fn lost(&self) -> Result<Option<Torn>, Error> {
        if self.tail() != Tail::Torn {
            return Ok(None);
        }
        let torn = Torn { index: self.index, at: self.end().at };
        Ok((self.survey.behind(torn)?.durable > self.end()).then_some(torn))
    }

    /// What is behind it.
    pub(crate) fn tail(&self) -> Tail {
        self.frames.as_ref().map_or(Tail::Unseen, Frames::tail)
    }
}

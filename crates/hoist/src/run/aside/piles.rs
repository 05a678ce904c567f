use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use slab::Slab;

use super::store::{self, pack, packed, unpack};
use super::thread::{Done, ORDERS, Order, Thread};
use crate::error::Error;
use crate::input::MAX_LINE;
use crate::item::Position;
use crate::schedule::{Keyed, Schedule};
use crate::sys::{Disk, Fs};

/// Bytes of lines that go to the thread at once,
const BATCH: usize = 64 << 10;
/// so many times before the first is done.
const PUTS: usize = 8;
/// Piles of which lines are on their way back, at most.
const TAKES: usize = ORDERS - 2 * PUTS;
/// Lines of one pile that come back at once, and their bytes.
const LINES: usize = 512;
const BYTES: usize = 256 << 10;

/// Whose lines wait outside the admission. On the I/O thread; files are another's business.
#[derive(Debug)]
pub(in crate::run) struct Aside<O> {
    /// None: nothing is set aside.
    folder: Option<PathBuf>,
    thread: Option<Thread>,
    piles: Slab<Pile<O>>,
    numbers: HashMap<O, usize, Keyed>,
    /// Piles at once, at most.
    most: usize,
    /// Piles of which the origin may need lines.
    hungry: VecDeque<usize>,
    /// Lines on their way to the thread, and how many bytes in a row are of which pile.
    batch: Vec<u8>,
    runs: Vec<(usize, usize)>,
    puts: usize,
    takes: usize,
    /// Lines on their way back, at most.
    coming: usize,
    /// There are as many bytes on disk as may be.
    full: bool,
    /// Nothing can be set aside any more.
    shut: bool,
    /// How the URL begins that was set aside last, and its pile.
    latest: Option<(String, usize)>,
}

#[derive(Debug)]
struct Pile<O> {
    origin: O,
    lines: usize,
    /// Lines on their way back, at most.
    coming: usize,
    is_hungry: bool,
}

/// What comes of what was ordered.
#[derive(Debug)]
pub(in crate::run) enum Back<O> {
    /// Lines of an origin, in their order.
    Lines(O, Vec<(Position, String)>),
    /// There is room for more.
    Room,
    /// From now on nothing can be set aside.
    Shut(std::io::Error),
    /// Lines can't be read again: the run can't go on.
    Failed(Error),
}

/// Removes what a dead run left. Its lock is held.
pub(in crate::run) fn sweep(folder: &Path) {
    store::clear(&Disk, folder);
}

impl<O: Clone + Eq + Hash + Debug> Aside<O> {
    /// In this folder; without one nothing is set aside.
    pub(in crate::run) fn new(folder: Option<PathBuf>, most: usize) -> Self {
        Self {
            folder,
            thread: None,
            piles: Slab::new(),
            numbers: HashMap::with_hasher(Keyed::secret()),
            most,
            hungry: VecDeque::new(),
            batch: Vec::new(),
            runs: Vec::new(),
            puts: 0,
            takes: 0,
            coming: 0,
            full: false,
            shut: false,
            latest: None,
        }
    }

    /// Whether anything may be set aside in this run.
    pub(in crate::run) fn is_on(&self) -> bool {
        self.folder.is_some()
    }

    /// Whether no line waits here.
    pub(in crate::run) fn is_empty(&self) -> bool {
        self.piles.is_empty()
    }

    /// Whether lines of this origin wait here.
    pub(in crate::run) fn holds(&self, origin: &O) -> bool {
        !self.is_empty() && self.numbers.contains_key(origin)
    }

    /// Whether a line could be put here now.
    pub(in crate::run) fn accepts(&self, text: &str) -> bool {
        self.is_on()
            && !self.shut
            && !self.full
            && self.puts < PUTS
            && self.piles.len() < self.most
            && text.len() <= MAX_LINE
    }

    /// Whether nothing will be put here any more.
    pub(in crate::run) fn is_shut(&self) -> bool {
        self.shut
    }

    /// Lines on their way back, at most.
    pub(in crate::run) fn coming(&self) -> usize {
        self.coming
    }

    /// Whether lines would come back if there were room.
    pub(in crate::run) fn wants_room(&self) -> bool {
        !self.hungry.is_empty()
    }

    /// Whether something was ordered.
    pub(in crate::run) fn is_busy(&self) -> bool {
        self.puts + self.takes > 0
    }

    /// Puts a line behind those of its origin. False: that can't be done.
    pub(in crate::run) fn put(&mut self, origin: &O, position: Position, text: &str) -> bool {
        if !self.start() {
            return false;
        }
        let known = self.numbers.get(origin).copied();
        let pile = known.unwrap_or_else(|| {
            let (named, coming, is_hungry) = (origin.clone(), 0, false);
            let pile = self.piles.insert(Pile { origin: named, lines: 0, coming, is_hungry });
            self.numbers.insert(origin.clone(), pile);
            pile
        });
        self.put_on(pile, position, text);
        if let Some(start) = start_of_url(text) {
            self.latest = Some((start.to_owned(), pile));
        }
        true
    }

    /// Puts a line behind those of its origin, if that is plainly the origin of the one before: to see it
    /// costs nothing beside reading a URL. False: it is not.
    pub(in crate::run) fn put_like_latest(&mut self, position: Position, text: &str) -> bool {
        let Some((start, pile)) = &self.latest else { return false };
        let pile = *pile;
        let same = start_of_url(text) == Some(start.as_str());
        if same {
            self.put_on(pile, position, text);
        }
        same
    }

    fn put_on(&mut self, pile: usize, position: Position, text: &str) {
        self.piles[pile].lines += 1;
        pack(&mut self.batch, position, text);
        match self.runs.last_mut() {
            Some((last, length)) if *last == pile => *length += packed(text),
            _ => self.runs.push((pile, packed(text))),
        }
        if self.batch.len() >= BATCH {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let (lines, runs) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.runs));
        if self.give(Order::Put { lines, runs }) {
            self.puts += 1;
        }
    }

    /// Starts the thread with the first line.
    fn start(&mut self) -> bool {
        if let (None, Some(folder)) = (&self.thread, &self.folder) {
            match Thread::start(Arc::new(Disk) as Arc<dyn Fs>, folder.clone()) {
                Ok(thread) => self.thread = Some(thread),
                Err(_) => self.shut = true,
            }
        }
        self.thread.is_some()
    }

    fn give(&mut self, order: Order) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.give(order))
    }

    /// Something has changed with an origin: perhaps it needs lines.
    pub(in crate::run) fn look(&mut self, origin: &O) {
        let Some(number) = self.numbers.get(origin) else { return };
        let pile = &mut self.piles[*number];
        if pile.coming == 0 && !std::mem::replace(&mut pile.is_hungry, true) {
            self.hungry.push_back(*number);
        }
    }

    /// Orders lines of origins that have few at hand, as far as there is room.
    pub(in crate::run) fn feed(&mut self, schedule: &mut Schedule<O>) {
        while self.takes < TAKES
            && schedule.has_room_beside(self.coming)
            && let Some(number) = self.hungry.pop_front()
        {
            let Some(pile) = self.piles.get_mut(number) else { continue };
            pile.is_hungry = false;
            schedule.let_go(&pile.origin);
            let lines = schedule.wants(&pile.origin).min(LINES).min(pile.lines);
            if lines == 0 {
                // It has some: with the next that starts or ends, there is another look.
                continue;
            }
            pile.coming = lines;
            self.hand_over();
            if self.give(Order::Take { pile: number, lines, bytes: BYTES }) {
                self.takes += 1;
                self.coming += lines;
            }
        }
    }

    /// What has been done.
    pub(in crate::run) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Back<O>> {
        let Some(thread) = &mut self.thread else { return Poll::Pending };
        match ready!(thread.done().poll_recv(cx)) {
            Some(Done::Put { full, broken }) => {
                self.puts -= 1;
                self.full = full;
                Poll::Ready(match broken {
                    None => Back::Room,
                    Some(error) => {
                        self.shut = true;
                        Back::Shut(error)
                    }
                })
            }
            Some(Done::Taken { pile, lines, full }) => {
                self.full = full;
                Poll::Ready(self.take_back(pile, &lines))
            }
            Some(Done::Failed(error)) => Poll::Ready(Back::Failed(error)),
            // It ends only with the run, or by a fault of ours.
            None => Poll::Ready(Back::Failed(Error::Stopped)),
        }
    }

    /// The same, without waiting.
    pub(in crate::run) fn next(&mut self) -> Option<Back<O>> {
        if !self.is_busy() {
            return None;
        }
        match self.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(back) => Some(back),
            Poll::Pending => None,
        }
    }

    fn take_back(&mut self, number: usize, bytes: &[u8]) -> Back<O> {
        let pile = &mut self.piles[number];
        self.takes -= 1;
        self.coming -= std::mem::take(&mut pile.coming);
        let mut lines = Vec::new();
        let mut rest = bytes;
        while let Some((position, text, after)) = unpack(rest) {
            let Ok(text) = std::str::from_utf8(text) else {
                let path = self.folder.clone().unwrap_or_default();
                let source = std::io::Error::other("a line is not text, as it was");
                return Back::Failed(Error::Output { path, source });
            };
            lines.push((position, text.to_owned()));
            rest = after;
        }
        let origin = pile.origin.clone();
        pile.lines = pile.lines.saturating_sub(lines.len());
        if lines.is_empty() {
            // Else it would be asked for again and again.
            return Back::Failed(Error::Stopped);
        }
        if pile.lines == 0 {
            self.remove(number);
        }
        Back::Lines(origin, lines)
    }

    fn remove(&mut self, number: usize) {
        if self.latest.as_ref().is_some_and(|(_, pile)| *pile == number) {
            self.latest = None;
        }
        let Pile { origin, is_hungry, .. } = self.piles.remove(number);
        self.numbers.remove(&origin);
        if is_hungry {
            self.hungry.retain(|hungry| *hungry != number);
        }
        if self.piles.is_empty() {
            // Many at one time are not many for ever.
            self.numbers = HashMap::with_hasher(Keyed::secret());
            self.piles = Slab::new();
            self.hungry = VecDeque::new();
        }
    }
}

/// Scheme and authority of a URL, as it is written; for URLs that have both and a slash behind.
fn start_of_url(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let authority = ["http://", "https://"].iter().find(|s| text.starts_with(**s))?.len();
    let end = memchr::memchr3(b'/', b'\\', b'\t', &bytes[authority..])?;
    text.get(..=authority + end).filter(|start| start.ends_with('/') && !start.contains(['?', '#']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_begin_alike_only_where_their_origin_is_the_same() {
        let start = start_of_url;
        assert_eq!(start("http://a.example:80/x/y?z"), Some("http://a.example:80/"));
        assert_eq!(start("https://[::1]/"), Some("https://[::1]/"));
        for other in [
            "http://a",
            "http://a?x=/",
            "http://a#/",
            "http://a\\b/",
            "HTTP://a/",
            "/x",
            "ftp://a/",
        ] {
            assert_eq!(start(other), None, "{other}");
        }
        assert_eq!(start("http://a\tb/"), None, "what is behind is a name");
    }
}

//! What the streams of a connection share: the frames to be written, the client's windows, its settings,
//! and how the connection ends. Everything here is bounded; who finds no room waits.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::frame::{Code, TOP, USUAL, WINDOW, goaway, setting};
use crate::http::exchange::PATIENCE;
use crate::truth::End;

/// A stream that finds more than this in the queue waits until it has been written.
const FULL: usize = 64 << 10;
/// Answers to a client's own frames may fill the queue up to here; then the connection ends.
const FLOODED: usize = 1 << 20;

pub(crate) struct Link {
    state: Mutex<State>,
    /// Something has changed that a stream may wait for.
    streams: Notify,
    /// There is something to be written.
    writer: Notify,
}

struct State {
    queue: Vec<u8>,
    /// Bytes that ever came into the queue, and that the system has taken.
    pushed: u64,
    written: u64,
    /// What the client takes: of the connection, of a new stream, in one frame.
    window: i64,
    initial: i64,
    longest: usize,
    open: HashMap<u32, Open>,
    /// The streams that may be open at once.
    limit: usize,
    /// The highest stream that was begun.
    last: u32,
    ending: Option<End>,
    /// Nothing is written any more, and nobody is told.
    frozen: bool,
    over: bool,
}

/// A stream, as far as the client says.
struct Open {
    window: i64,
    reset: bool,
}

/// What the writer is to do.
pub(super) enum Work {
    /// Write these bytes.
    Write(Vec<u8>),
    /// End the connection.
    End(End),
}

impl Link {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::new(State {
                queue: Vec::new(),
                pushed: 0,
                written: 0,
                window: i64::from(WINDOW),
                initial: i64::from(WINDOW),
                longest: USUAL,
                open: HashMap::new(),
                limit,
                last: 0,
                ending: None,
                frozen: false,
                over: false,
            }),
            streams: Notify::new(),
            writer: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is an answer.
    async fn until<T>(&self, mut answer: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let mut changed = pin!(self.streams.notified());
            changed.as_mut().enable();
            if let Some(answer) = answer(&mut self.state()) {
                return answer;
            }
            changed.await;
        }
    }

    /// Puts frames into the queue without waiting: what answers a client's own.
    pub(crate) fn say(&self, frames: &[u8]) {
        let mut state = self.state();
        state.push(frames);
        if state.queue.len() > FLOODED && !state.frozen {
            state.ending = Some(End::Close);
        }
        drop(state);
        self.writer.notify_one();
    }

    /// Hands frames to the system, as they are.
    pub(crate) async fn send(&self, frames: &[u8]) -> io::Result<()> {
        let room = |state: &mut State| {
            if state.is_over() {
                return Some(Err(gone()));
            }
            (state.queue.len() < FULL).then(|| Ok(state.push(frames)))
        };
        let mark = timeout(PATIENCE, self.until(room)).await??;
        self.writer.notify_one();
        let written = |state: &mut State| match state.written >= mark {
            true => Some(Ok(())),
            false if state.is_over() => Some(Err(gone())),
            false => None,
        };
        timeout(PATIENCE, self.until(written)).await?
    }

    /// Waits for room in the windows of a stream and the connection, and takes up to `most` bytes of it,
    /// no more than a frame may have.
    pub(crate) async fn window(&self, stream: u32, most: usize) -> io::Result<usize> {
        let room = |state: &mut State| {
            let State { window, longest, open, .. } = state;
            let Some(open) = open.get_mut(&stream).filter(|open| !open.reset) else {
                return Some(Err(gone()));
            };
            let room = usize::try_from(open.window.min(*window)).unwrap_or(0);
            let room = room.min(most).min(*longest);
            if room == 0 && most > 0 {
                return state.is_over().then(|| Err(gone()));
            }
            let used = i64::try_from(room).unwrap_or(0);
            open.window -= used;
            *window -= used;
            Some(Ok(room))
        };
        timeout(PATIENCE, self.until(room)).await?
    }

    /// Waits until the client is gone, or wants no more of a stream.
    pub(crate) async fn gone(&self, stream: u32) -> io::Error {
        self.until(|state| {
            let reset = state.open.get(&stream).is_none_or(|open| open.reset);
            (reset || state.is_over()).then(gone)
        })
        .await
    }

    /// Whether the connection is over, or about to be.
    pub(crate) fn is_over(&self) -> bool {
        self.state().is_over()
    }

    /// Whether the client waits for a stream.
    pub(crate) fn wants(&self, stream: u32) -> bool {
        self.state().open.get(&stream).is_some_and(|open| !open.reset)
    }

    /// The longest frame that the client takes.
    pub(crate) fn longest(&self) -> usize {
        self.state().longest
    }

    /// The highest stream that the client has begun.
    pub(crate) fn last(&self) -> u32 {
        self.state().last
    }

    /// Ends the connection once what was said has been written.
    pub(crate) fn end(&self, end: End) {
        self.state().ending = Some(end);
        self.writer.notify_one();
        self.streams.notify_waiters();
    }

    /// Writes nothing more, and does not end either.
    pub(crate) fn freeze(&self) {
        self.state().frozen = true;
    }

    /// An error of the client's: GOAWAY, then the end.
    pub(super) fn fail(&self, code: Code) {
        let last = self.last();
        self.say(&goaway(last, code));
        self.end(End::Close);
    }

    /// The connection is over; whoever waits is told.
    pub(super) fn over(&self) {
        self.state().over = true;
        self.streams.notify_waiters();
    }

    /// Opens a stream; false when there are too many.
    pub(super) fn open(&self, stream: u32) -> bool {
        let mut state = self.state();
        state.last = state.last.max(stream);
        let fits = state.open.len() < state.limit;
        let window = state.initial;
        state.open.insert(stream, Open { window, reset: false });
        fits
    }

    pub(super) fn closed(&self, stream: u32) {
        self.state().open.remove(&stream);
    }

    /// The client may have so many streams open at once.
    pub(super) fn allow(&self, streams: usize) {
        self.state().limit = streams;
    }

    pub(super) fn reset(&self, stream: u32) {
        if let Some(open) = self.state().open.get_mut(&stream) {
            open.reset = true;
        }
        self.streams.notify_waiters();
    }

    /// A window is larger. The error ends the connection, unless it is of a stream.
    pub(super) fn widen(&self, stream: u32, more: u32) -> Result<bool, Code> {
        let mut state = self.state();
        let more = i64::from(more);
        let fits = if stream == 0 {
            state.window += more;
            if state.window > i64::from(TOP) {
                return Err(Code::FLOW_CONTROL_ERROR);
            }
            true
        } else {
            // One that is over does not matter any more (section 5.1).
            state.open.get_mut(&stream).is_none_or(|open| {
                open.window = (open.window + more).min(i64::from(TOP) + 1);
                open.window <= i64::from(TOP)
            })
        };
        drop(state);
        self.streams.notify_waiters();
        Ok(fits)
    }

    /// The client's settings (section 6.5.3).
    pub(super) fn set(&self, settings: &[(u16, u32)]) -> Result<(), Code> {
        let mut state = self.state();
        for (id, value) in settings {
            match *id {
                setting::INITIAL_WINDOW_SIZE => {
                    let by = i64::from(*value) - state.initial;
                    state.initial = i64::from(*value);
                    for open in state.open.values_mut() {
                        open.window += by;
                        if open.window > i64::from(TOP) {
                            return Err(Code::FLOW_CONTROL_ERROR);
                        }
                    }
                }
                setting::MAX_FRAME_SIZE => {
                    state.longest = usize::try_from(*value).unwrap_or(USUAL);
                }
                _ => {}
            }
        }
        drop(state);
        self.streams.notify_waiters();
        Ok(())
    }

    /// Waits for something to write. `done` bytes have been written since.
    pub(super) async fn work(&self, done: usize) -> Work {
        self.state().written += done as u64;
        self.streams.notify_waiters();
        loop {
            {
                let mut state = self.state();
                if state.frozen {
                    state.queue.clear();
                }
                if !state.queue.is_empty() {
                    return Work::Write(std::mem::take(&mut state.queue));
                } else if let Some(end) = state.ending {
                    return Work::End(end);
                }
            }
            self.writer.notified().await;
        }
    }
}

impl State {
    /// Puts bytes into the queue, and says what will have been written then.
    fn push(&mut self, bytes: &[u8]) -> u64 {
        self.queue.extend_from_slice(bytes);
        self.pushed += bytes.len() as u64;
        self.pushed
    }

    fn is_over(&self) -> bool {
        self.over || self.ending.is_some()
    }
}

fn gone() -> io::Error {
    ErrorKind::UnexpectedEof.into()
}

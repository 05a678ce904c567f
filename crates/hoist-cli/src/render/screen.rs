//! Standard error: single lines, and the progress that is drawn under them.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hoist::report::Report;

use super::progress::Progress;
use super::{terminal, tqdm};
use crate::args::Extent;

/// Says something on standard error, as the command itself.
pub(crate) fn note(what: impl Display) {
    // Where nobody can hear it there is nobody to tell.
    let _ = writeln!(io::stderr(), "hoist: {what}");
}

/// Between two drawings of the progress.
const TICK: Duration = Duration::from_millis(100);

/// Between two drawings in any case: lines above the progress gather so long.
const MIN_TICK: Duration = Duration::from_millis(34);

/// Runs that end sooner show no progress.
const PATIENCE: Duration = Duration::from_millis(500);

/// Lines that wait for the terminal; then whoever has more waits too.
const LINES: usize = 1024;

/// Lines written in one go.
const BATCH: usize = 512;

/// What the progress looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Face {
    /// tqdm's line over so many items, from the start, and it stays.
    Tqdm(u64),
    /// Counts, rates and the time left; it appears late and goes at the end.
    /// The word is what an item that ended badly is called.
    Counts(Extent, &'static str),
}

/// Standard error during a run.
#[derive(Debug)]
pub(crate) struct Screen {
    /// None: lines are simply written.
    drawn: Option<(SyncSender<String>, JoinHandle<()>)>,
}

impl Screen {
    /// Lines alone.
    pub(crate) fn plain() -> Self {
        Self { drawn: None }
    }

    /// Lines, and progress under them where standard error is a terminal. It is drawn on a thread
    /// of its own, so that a slow terminal does not slow the run.
    pub(crate) fn with_progress(report: Report, face: Face) -> Self {
        if !terminal::draws() {
            return Self::plain();
        }
        let (sender, receiver) = sync_channel(LINES);
        let draw = move || Drawing::new(report, face).run(&receiver);
        let thread = thread::Builder::new().name("hoist-screen".to_owned()).spawn(draw);
        Self { drawn: thread.ok().map(|thread| (sender, thread)) }
    }

    /// Writes a line, above the progress.
    pub(crate) fn line(&self, line: String) {
        match &self.drawn {
            Some((sender, _)) => {
                // The thread ends only after the sender.
                let _ = sender.send(line);
            }
            None => {
                write(&(line + "\n"));
            }
        }
    }

    /// Draws the last state, and leaves the terminal to others.
    pub(crate) fn finish(self) {
        if let Some((sender, thread)) = self.drawn {
            drop(sender);
            // What a panic there had to say has been said.
            let _ = thread.join();
        }
    }
}

/// The thread that draws.
struct Drawing {
    report: Report,
    picture: Picture,
    started: Instant,
    drawn: Instant,
}

enum Picture {
    Tqdm(tqdm::Bar),
    /// The counts, and whether a line of theirs stands on the terminal.
    Counts(Progress, bool),
}

impl Drawing {
    fn new(report: Report, face: Face) -> Self {
        let picture = match face {
            Face::Tqdm(total) => Picture::Tqdm(tqdm::Bar::new(total)),
            Face::Counts(extent, bad) => Picture::Counts(Progress::new(extent, bad), false),
        };
        let now = Instant::now();
        Self { report, picture, started: now, drawn: now }
    }

    fn run(mut self, lines: &Receiver<String>) {
        let mut waiting = Vec::new();
        self.draw(&mut waiting);
        while self.gather(lines, &mut waiting) {
            self.draw(&mut waiting);
        }
        self.finish(&mut waiting);
    }

    /// Takes lines until it is time to draw; false when there will be no more.
    fn gather(&self, lines: &Receiver<String>, waiting: &mut Vec<String>) -> bool {
        while waiting.len() < BATCH {
            let pause = if waiting.is_empty() { TICK } else { MIN_TICK };
            let left = pause.saturating_sub(self.drawn.elapsed());
            match lines.recv_timeout(left) {
                Ok(line) => waiting.push(line),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    /// Writes the lines that wait, and the progress under them.
    fn draw(&mut self, lines: &mut Vec<String>) {
        self.drawn = Instant::now();
        let snapshot = self.report.snapshot();
        match &mut self.picture {
            Picture::Tqdm(bar) => {
                bar.above(&joined(lines));
                bar.draw(snapshot.done());
            }
            Picture::Counts(counts, shown) => {
                let elapsed = self.started.elapsed();
                counts.see(&snapshot, elapsed);
                counts.tell(self.report.tuned().into_iter().next());
                let mut text = joined(lines);
                if elapsed >= PATIENCE {
                    text += &counts.line(&snapshot, elapsed, terminal::width());
                    text += CLEAR_TO_END;
                }
                if *shown {
                    text.insert_str(0, CLEAR_LINE);
                }
                *shown = elapsed >= PATIENCE;
                write(&text);
            }
        }
    }

    fn finish(self, lines: &mut Vec<String>) {
        match self.picture {
            Picture::Tqdm(bar) => {
                bar.above(&joined(lines));
                bar.finish(self.report.snapshot().done());
            }
            Picture::Counts(_, shown) => {
                let clear = if shown { CLEAR_LINE } else { "" };
                write(&(clear.to_owned() + &joined(lines)));
            }
        }
    }
}

/// Clears the line that the cursor stands in (ECMA-48 §8.3.41).
const CLEAR_LINE: &str = "\r\x1b[K";

/// Clears what is right of the cursor.
const CLEAR_TO_END: &str = "\x1b[K";

/// The lines as one text; none are left.
fn joined(lines: &mut Vec<String>) -> String {
    let mut text = String::new();
    for line in lines.drain(..) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Writes to standard error in one piece, so that nothing of others comes between.
fn write(text: &str) {
    if !text.is_empty() {
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

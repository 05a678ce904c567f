//! Standard error: single lines, and the progress that is drawn under them.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hoist::report::Report;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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
    Counts(Extent),
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
        if !terminal::stderr_is_terminal() {
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
                let _ = io::stderr().write_all((line + "\n").as_bytes());
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

struct Drawing {
    report: Report,
    bar: ProgressBar,
    /// None: tqdm's.
    counts: Option<Progress>,
    started: Instant,
    drawn: Instant,
}

impl Drawing {
    fn new(report: Report, face: Face) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(30);
        let (bar, counts) = match face {
            Face::Tqdm(total) => {
                let bar = ProgressBar::with_draw_target(Some(total), target);
                (bar.with_style(tqdm::style()), None)
            }
            Face::Counts(extent) => {
                let bar = ProgressBar::with_draw_target(None, target);
                let style = ProgressStyle::with_template("{msg}").expect("it is well formed");
                (bar.with_style(style), Some(Progress::new(extent)))
            }
        };
        let now = Instant::now();
        Self { report, bar, counts, started: now, drawn: now }
    }

    fn run(mut self, lines: &Receiver<String>) {
        self.draw();
        let mut waiting = Vec::new();
        loop {
            let pause = if waiting.is_empty() { TICK } else { MIN_TICK };
            match lines.recv_timeout(pause.saturating_sub(self.drawn.elapsed())) {
                Ok(line) => {
                    waiting.push(line);
                    if waiting.len() < BATCH && self.drawn.elapsed() < MIN_TICK {
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.write(&mut waiting);
            self.draw();
        }
        self.write(&mut waiting);
        self.finish();
    }

    fn write(&mut self, lines: &mut Vec<String>) {
        if lines.is_empty() {
            return;
        }
        lines.push(String::new());
        let text = lines.join("\n");
        lines.clear();
        self.bar.suspend(|| {
            let _ = io::stderr().write_all(text.as_bytes());
        });
    }

    fn draw(&mut self) {
        self.drawn = Instant::now();
        let snapshot = self.report.snapshot();
        match &mut self.counts {
            None => {
                self.bar.set_position(snapshot.done());
                self.bar.tick();
            }
            Some(counts) => {
                let elapsed = self.started.elapsed();
                counts.see(&snapshot, elapsed);
                if elapsed >= PATIENCE {
                    self.bar.set_message(counts.line(&snapshot, elapsed, terminal::width()));
                    self.bar.tick();
                }
            }
        }
    }

    fn finish(self) {
        if self.counts.is_some() {
            self.bar.finish_and_clear();
        } else {
            self.bar.set_position(self.report.snapshot().done());
            self.bar.abandon();
        }
    }
}

//! Keeps what a run finds of its origins as hints for the next one, on a thread of its own: files block.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::ledger::Hints;

/// Between two times that it is written.
const EVERY: Duration = Duration::from_mins(1);

/// Origins that are told of at once.
pub(super) const TOLD: usize = 4_096;

/// What was found, on its way to the thread.
type Found = Vec<(String, usize)>;

/// The thread that writes.
#[derive(Debug)]
pub(super) struct Hinting {
    found: SyncSender<Found>,
    thread: JoinHandle<()>,
}

/// The loop's end of it.
#[derive(Debug)]
pub(super) struct Teller {
    found: SyncSender<Found>,
    next: Instant,
}

impl Hinting {
    /// None where there can be no thread: a run does without.
    pub(super) fn start(mut hints: Hints) -> Option<Self> {
        let (found, told) = sync_channel::<Found>(1);
        let write = move || {
            while let Ok(found) = told.recv() {
                // A hint that can't be kept is none.
                let _ = hints.save(found, SystemTime::now());
            }
        };
        let thread = thread::Builder::new().name("hoist-hints".to_owned()).spawn(write).ok()?;
        Some(Self { found, thread })
    }

    pub(super) fn teller(&self) -> Teller {
        Teller { found: self.found.clone(), next: Instant::now() + EVERY }
    }

    /// The run is over: what was told is written.
    pub(super) fn finish(self) {
        drop(self.found);
        let _ = self.thread.join();
    }
}

impl Teller {
    /// Whether it is time to tell again.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + EVERY;
        }
        due
    }

    /// Tells what was found so far. While the disk is slow, it is told later.
    pub(super) fn tell(&self, found: Found) {
        let _ = self.found.try_send(found);
    }

    /// Tells it at the end of a run, which may wait for the disk.
    pub(super) fn tell_last(&self, found: Found) {
        let _ = self.found.send(found);
    }
}

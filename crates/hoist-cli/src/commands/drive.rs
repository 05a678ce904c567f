//! The loop that all runs share: outcome after outcome, until the end or Ctrl-C.

use std::future::ready;
use std::io;
use std::time::Duration;

use hoist::Outcomes;
use hoist::report::Summary;
use tokio::time::{sleep, timeout};

use super::Ending;
use super::interrupts::Interrupts;
use crate::args::Arrived;
use crate::render::{Output, note};

/// Standard input that has been silent for so long is told about.
const SILENCE: Duration = Duration::from_secs(1);

/// For the engine to let go of everything: the report comes within a second of Ctrl-C.
const LETTING_GO: Duration = Duration::from_millis(800);

/// What is said of an interrupted run that is on record.
pub(super) const GOES_ON: &str = "the list is not done; the same command goes on where it stopped";

/// How a run ended.
#[derive(Debug)]
pub(super) enum Driven {
    /// Every item has its outcome.
    Completed,
    /// Ctrl-C.
    Interrupted,
    /// The run could not go on.
    Stopped(hoist::Error),
    /// The output could not be written.
    Unwritable(io::Error),
}

impl Driven {
    /// Says what went wrong, where something did and anybody can hear it, and how the command
    /// ends. `clean` says whether every item ended well.
    pub(super) fn conclude(self, clean: bool) -> Ending {
        match self {
            Self::Completed if clean => Ending::Clean,
            Self::Completed => Ending::Partly,
            Self::Interrupted => Ending::Interrupted,
            Self::Stopped(error) => {
                stopped(&error);
                Ending::Stopped
            }
            Self::Unwritable(error) => {
                unwritable(&error);
                Ending::Stopped
            }
        }
    }

    /// Whether it could not begin: there is nothing to sum up then.
    pub(super) fn came_to_nothing(&self, summary: &Summary) -> bool {
        matches!(self, Self::Stopped(_)) && summary.counts.done() == summary.counts.earlier
    }

    /// Whether whoever read the output has gone: then there is nothing more to say.
    pub(super) fn is_unheard(&self) -> bool {
        match self {
            Self::Unwritable(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Stopped(error) => is_closed_pipe(error),
            _ => false,
        }
    }
}

fn is_closed_pipe(error: &hoist::Error) -> bool {
    matches!(error, hoist::Error::Output { source, .. }
        if source.kind() == io::ErrorKind::BrokenPipe)
}

/// Says why output could not be written; a closed pipe ends quietly.
pub(super) fn unwritable(error: &io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe {
        note(format_args!("the output could not be written: {error}"));
    }
}

fn stopped(error: &hoist::Error) {
    if is_closed_pipe(error) {
        return;
    }
    note(error);
    let remedy = match error {
        hoist::Error::Output { source, .. } => match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room there, or choose another place with -o"
            }
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists => "choose another place with -o",
            _ => return,
        },
        hoist::Error::ListChanged { .. } => {
            "choose another place with -o for another list, or start over with --fresh"
        }
        hoist::Error::Locked { .. } => "wait for it, or choose another place with -o",
        _ => return,
    };
    note(remedy);
}

/// Hands every outcome to `each`, until the end, an error, or Ctrl-C; then waits, for a moment,
/// until nothing of the run is left. `silent` is the standard input that may keep us waiting.
pub(super) fn drive<O: 'static>(
    outcomes: Outcomes<O>,
    silent: Option<&Arrived>,
    out: &mut Output,
    each: impl FnMut(O, &mut Output) -> io::Result<()>,
) -> Driven {
    let begun = Interrupts::listen().and_then(|interrupts| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok((interrupts, runtime))
    });
    match begun {
        Ok((interrupts, runtime)) => {
            runtime.block_on(follow(outcomes, interrupts, silent, out, each))
        }
        Err(source) => Driven::Stopped(hoist::Error::System { what: "the signals", source }),
    }
}

async fn follow<O: 'static>(
    mut outcomes: Outcomes<O>,
    mut interrupts: Interrupts,
    mut silent: Option<&Arrived>,
    out: &mut Output,
    mut each: impl FnMut(O, &mut Output) -> io::Result<()>,
) -> Driven {
    let mut interrupted = std::pin::pin!(interrupts.first());
    let mut silence = std::pin::pin!(sleep(SILENCE));
    let driven = loop {
        tokio::select! {
            biased;
            () = &mut interrupted => break Driven::Interrupted,
            next = outcomes.next() => match next {
                Some(Ok(outcome)) => {
                    let mut written = each(outcome, out);
                    while let (Ok(()), Some(outcome)) = (&written, outcomes.take_ready()) {
                        written = each(outcome, out);
                    }
                    if let Err(error) = written {
                        break Driven::Unwritable(error);
                    }
                }
                Some(Err(error)) => break Driven::Stopped(error),
                None => break Driven::Completed,
            },
            () = &mut silence, if silent.is_some() => {
                if silent.take().is_some_and(|arrived| !arrived.yet()) {
                    note("reading the list from standard input");
                }
            }
            // No outcome for the moment: what has gathered is handed on.
            () = ready(()), if out.is_dirty() => {
                if let Err(error) = out.flush() {
                    break Driven::Unwritable(error);
                }
            }
        }
    };
    let _ = timeout(LETTING_GO, outcomes.shutdown()).await;
    match (driven, out.flush()) {
        (Driven::Completed | Driven::Interrupted, Err(error)) => Driven::Unwritable(error),
        (driven, _) => driven,
    }
}

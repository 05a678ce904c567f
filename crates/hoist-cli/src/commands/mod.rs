//! What each subcommand does: it starts a run, hands every outcome to `render`, and says how the
//! run ended.

mod check;
mod completions;
mod drive;
mod flags;
mod get;
mod interrupts;
mod outcomes;
mod probe;
mod rehearse;
mod simulate;

use std::process::ExitCode;

use crate::args::Command;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every item ended well.
    Clean,
    /// The run completed; some items did not end well.
    Partly,
    /// The command line makes no sense.
    Usage,
    /// The run could not go on.
    Stopped,
    /// The user, or the system, asked for the end.
    Interrupted,
}

impl Ending {
    fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Partly => 1,
            Self::Usage => 2,
            Self::Stopped => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending.code())
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Ending {
    match command {
        Command::Flags(job) => flags::run(&job),
        Command::Probe(job) => probe::run(*job),
        Command::Get(job) => get::run(*job),
        Command::Outcomes(job) => outcomes::run(&job),
        Command::Rehearse(job) => rehearse::run(&job),
        Command::Simulate(job) => simulate::run(*job),
        Command::Completions(shell) => completions::run(shell),
        Command::Man(folder) => completions::man(&folder),
    }
}

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use clap::error::ErrorKind;

use crate::commands::Ending;

/// Why the options can't be run, as their own module knows it.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The options of this subcommand contradict each other.
    Usage(&'static str, String),
    /// The same, said as the downloader that `hoist flags` stands for says it.
    Flags(String),
    /// Something that the options name can't be had.
    Unusable(String),
}

impl Refused {
    /// A file can't be used: what is wrong with it begins with the line, or all of it is wrong, and
    /// `remedy` helps.
    pub(super) fn file(path: &Path, wrong: impl fmt::Display, remedy: &str) -> Self {
        let wrong = wrong.to_string();
        Self::Unusable(if wrong.starts_with("line ") {
            format!("{}, {wrong}", path.display())
        } else {
            format!("{}: {wrong}; {remedy}", path.display())
        })
    }

    /// The same, with the option that named the file.
    pub(super) fn of(self, option: &str) -> Self {
        match self {
            Self::Unusable(message) => Self::Unusable(format!("{option} {message}")),
            other => other,
        }
    }
}

/// What is said in place of running.
#[derive(Debug)]
pub(crate) enum Said {
    /// Help, the version, or a usage error.
    Clap(clap::Error),
    /// A usage error of `hoist flags`, with the usage under it.
    Usage(String),
    /// The run can't start.
    Unusable(String),
}

impl Said {
    /// Prints it: help where output goes, errors where errors go.
    pub(crate) fn print(self) -> Ending {
        match self {
            Self::Clap(error) => {
                // A closed pipe is nobody's loss here.
                let _ = error.print();
                if error.use_stderr() { Ending::Usage } else { Ending::Clean }
            }
            Self::Usage(text) => {
                let _ = writeln!(io::stderr(), "{text}");
                Ending::Usage
            }
            Self::Unusable(text) => {
                let _ = writeln!(io::stderr(), "hoist: {text}");
                Ending::Stopped
            }
        }
    }
}

/// Puts a refusal into the words of the command it belongs to.
pub(super) fn say(refused: Refused, command: &mut clap::Command) -> Said {
    // Subcommands learn their full names when the command is built.
    command.build();
    match refused {
        Refused::Usage(subcommand, message) => Said::Clap(
            subcommand_of(command, subcommand).error(ErrorKind::ValueValidation, message),
        ),
        Refused::Flags(message) => {
            let usage = subcommand_of(command, "flags").render_usage();
            Said::Usage(format!("*** Usage error: {message}\n{usage}"))
        }
        Refused::Unusable(message) => Said::Unusable(message),
    }
}

fn subcommand_of<'a>(command: &'a mut clap::Command, name: &str) -> &'a mut clap::Command {
    command.find_subcommand_mut(name).expect("a refusal names its own subcommand")
}

//! What was typed. Each subcommand's options stand in a file of their own, as typed; `to_plan`
//! turns them into the engine's plans, and everything that can be refused is refused here, before
//! anything starts.
//!
//! Nothing here runs anything, and only help and usage errors are printed.

mod answers;
mod ceilings;
mod check;
mod completions;
mod cookie_file;
mod countries;
mod decode;
mod exit;
mod flags;
mod get;
mod giving_up;
mod header_file;
mod input;
mod large;
mod ledger;
mod list;
mod manners;
mod model_file;
mod names;
mod naming;
mod netrc;
mod network;
mod outcomes;
mod probe;
mod rehearse;
mod roots;
mod said;
mod servers;
mod simulate;
mod to_plan;
mod tuning;
mod values;
mod versions;
mod wildcards;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use answers::Only;
pub(crate) use check::{CheckFormat, CheckJob};
pub(crate) use countries::ALL as COUNTRIES;
pub(crate) use exit::Allowance;
pub(crate) use flags::FlagsJob;
pub(crate) use get::{GetFormat, GetJob, Saving};
pub(crate) use input::{Arrived, Extent, ListLines};
pub(crate) use outcomes::{OutcomesFormat, OutcomesJob, OutcomesPrint};
pub(crate) use probe::{ProbeFormat, ProbeJob};
pub(crate) use rehearse::{RehearseJob, ServeJob, Server, TruthLog};
pub(crate) use said::Said;
pub(crate) use simulate::SimulateJob;

const EXAMPLES: &str = "\
Examples:
  hoist flags --all                       194 flags from a server of its own
  hoist probe example.com example.org     does each name resolve?
  hoist probe -i names.txt --format jsonl -o answers.jsonl
  hoist get -i urls.txt -o pages -m 64    each URL of a list into a folder
  hoist outcomes pages --only failed      what is on record of a list
  hoist rehearse ERROR --delay 0.1s..1s   a slow server that fails on purpose
  hoist simulate model.toml               how a get of a million would go

Exit codes: 0 every item ok or answered, 1 the run completed but not so, 2
usage, 3 the run could not go on, 130 interrupted.";

/// Columns of a help: what is wider is broken where nobody meant it to be.
const WIDTH: usize = 80;

/// hoist answers lists: of every name, does it resolve; of every URL, here it is. Twenty lines or
/// a billion, each gets exactly one answer, and no server is pushed past what it can take.
#[derive(Debug, Parser)]
#[command(name = "hoist", version, arg_required_else_help = true, after_help = EXAMPLES)]
#[command(max_term_width = WIDTH)]
struct Typed {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    Flags(flags::FlagsArgs),
    Probe(probe::ProbeArgs),
    Get(Box<get::GetArgs>),
    Outcomes(outcomes::OutcomesArgs),
    Rehearse(rehearse::RehearseArgs),
    Simulate(simulate::SimulateArgs),
    Completions(completions::CompletionsArgs),
    #[command(hide = true)]
    Man(completions::ManArgs),
}

/// A command that can be run.
#[derive(Debug)]
pub(crate) enum Command {
    /// `hoist flags`
    Flags(FlagsJob),
    /// `hoist probe`
    Probe(Box<ProbeJob>),
    /// `hoist get`
    Get(Box<GetJob>),
    /// `hoist outcomes`
    Outcomes(OutcomesJob),
    /// `hoist rehearse`
    Rehearse(RehearseJob),
    /// `hoist simulate`
    Simulate(Box<SimulateJob>),
    /// `hoist completions`
    Completions(Shell),
    /// `hoist man`
    Man(PathBuf),
}

/// All that can be typed.
pub(crate) fn typed() -> clap::Command {
    Typed::command()
}

/// Reads the command line. The error is whatever is to be said instead of running: help, a
/// version, a usage error, a file that can't be read.
pub(crate) fn parse<I>(line: I) -> Result<Command, Said>
where
    I: IntoIterator<Item = OsString>,
{
    let typed = Typed::try_parse_from(line).map_err(Said::Clap)?;
    let command = match typed.command {
        Subcommands::Flags(args) => args.into_job().map(Command::Flags),
        Subcommands::Probe(args) => args.into_job().map(Box::new).map(Command::Probe),
        Subcommands::Get(args) => args.into_job().map(Box::new).map(Command::Get),
        Subcommands::Outcomes(args) => Ok(Command::Outcomes(args.into_job())),
        Subcommands::Rehearse(args) => args.into_job().map(Command::Rehearse),
        Subcommands::Simulate(args) => args.into_job().map(Box::new).map(Command::Simulate),
        Subcommands::Completions(args) => Ok(Command::Completions(args.shell)),
        Subcommands::Man(args) => Ok(Command::Man(args.folder)),
    };
    command.map_err(|refused| said::say(refused, &mut Typed::command()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Typed::command().debug_assert();
    }

    #[test]
    fn what_stands_behind_the_options_is_not_broken_anew() {
        let mut all = Typed::command();
        all.build();
        let commands = all.get_subcommands().chain([&all]);
        for (command, text) in commands.filter_map(|of| Some((of, of.get_after_help()?))) {
            for line in text.to_string().lines() {
                assert!(line.chars().count() <= WIDTH, "{}: {line}", command.get_name());
            }
        }
    }
}

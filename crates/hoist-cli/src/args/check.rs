use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use hoist_rehearsal::Family;
use hoist_rehearsal::check::Check;

use super::said::Refused;
use super::values;

/// Judge a client: each case of the catalogue is tried on a command
#[derive(Debug, Args)]
#[command(next_help_heading = "Judging a client")]
pub(super) struct CheckArgs {
    /// Try a client, the COMMAND behind --, on every case, and tell which it gets wrong
    #[arg(long, requires = "command")]
    #[arg(conflicts_with_all = ["servers", "port", "bind", "delay", "error_rate", "seed", "dir"])]
    #[arg(conflicts_with_all = ["zones", "loss", "servfail_rate", "log", "scenario", "connection"])]
    #[arg(conflicts_with_all = ["tls", "http2", "ca_file", "list", "explain"])]
    check: bool,
    /// Only the cases of this family: connect, tls, head, body, pace ...
    #[arg(long, value_name = "FAMILY", requires = "check", value_parser = family)]
    only: Option<Family>,
    /// The longest that the client may take over one case
    #[arg(long, value_name = "D", requires = "check", value_parser = values::some_time)]
    #[arg(default_value = "20s")]
    limit: Duration,
    /// Cases at once
    #[arg(long, value_name = "N", requires = "check", default_value = "8")]
    #[arg(value_parser = values::some::<NonZeroUsize>)]
    jobs: NonZeroUsize,
    /// Show every case, also those that it gets right
    #[arg(long, requires = "check")]
    all: bool,
    /// Print one JSON object a case in place of the table
    #[arg(long, requires = "check", conflicts_with = "all")]
    json: bool,
    /// The client: {url} stands for the URL, {out} for the file to save (else it is standard
    /// output), {dir} for its folder, {name} for its name there, {ca} for the certificate to trust
    #[arg(last = true, value_name = "COMMAND", requires = "check")]
    command: Vec<String>,
}

/// A client to be judged.
#[derive(Debug)]
pub(crate) struct CheckJob {
    /// The client and its limits.
    pub(crate) check: Check,
    /// How it is told.
    pub(crate) format: CheckFormat,
}

/// How verdicts are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckFormat {
    /// A table, with the wrong ones in detail.
    Wrong,
    /// A table with every case.
    All,
    /// One JSON object a case.
    Json,
}

impl CheckArgs {
    /// None: it is not a check that was asked for.
    pub(super) fn take_job(&mut self) -> Result<Option<CheckJob>, Refused> {
        if !self.check {
            // clap excuses what is required where something else rules it out.
            if !self.command.is_empty() || self.only.is_some() || self.all || self.json {
                return refuse("a COMMAND behind --, --only, --all and --json go with --check");
            }
            return Ok(None);
        }
        if !self.command.iter().any(|word| word.contains("{url}")) {
            return refuse(
                "the command does not say where the URL goes, as in: \
                 hoist rehearse --check -- curl -L --fail --max-time 5 -o {out} {url}",
            );
        }
        let check = Check {
            command: std::mem::take(&mut self.command),
            only: self.only,
            limit: self.limit,
            at_once: self.jobs.get(),
        };
        if check.cases() == 0 {
            let family = check.only.map_or("this", Family::name);
            return refuse(&format!("{family} has no case that clients are judged by"));
        }
        let format = match (self.json, self.all) {
            (true, _) => CheckFormat::Json,
            (false, true) => CheckFormat::All,
            (false, false) => CheckFormat::Wrong,
        };
        Ok(Some(CheckJob { check, format }))
    }
}

fn family(word: &str) -> Result<Family, String> {
    let found = Family::ALL.into_iter().find(|family| family.name().eq_ignore_ascii_case(word));
    found.ok_or_else(|| format!("the families are {}", Family::ALL.map(Family::name).join(", ")))
}

fn refuse<T>(message: &str) -> Result<T, Refused> {
    Err(Refused::Usage("rehearse", message.to_owned()))
}

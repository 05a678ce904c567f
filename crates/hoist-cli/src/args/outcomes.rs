use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hoist::outcome::Selector;

const EXAMPLES: &str = "\
Examples:
  hoist outcomes pages                         every outcome, as the run told it
  hoist outcomes pages --only failed,deferred  what may be worth another try
  hoist outcomes pages --only truncated --format csv > truncated.csv
  hoist outcomes pages --only failed --format urls | hoist get -i - -o other
  hoist outcomes answers.txt --stats           what all runs of a probe came to

Outcomes are ok (found), not_found, failed (unknown) and deferred; kinds are
those of the field \"kind\", such as timeout or status. Each item has one outcome,
the latest; they come in the order in which they went on record, also while a
run is on.

urls prints URLs and names alone: file names and passwords that the list gave
are not in it.
To ask again there: 'hoist get' with the same list and --again failed.

Exit codes: 0 all is printed, whatever the outcomes are, 2 usage, 3 there is no
record, it is damaged, or the output could not be written.";

/// Print what is on record of a list: the outcome of each of its items
///
/// 'hoist get' keeps a record of a list in its folder, 'hoist probe' beside the FILE of its -o.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct OutcomesArgs {
    /// The folder of a get, or the FILE of a probe: what was given with -o
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Print only those that ended so; repeatable
    #[arg(long, value_name = "OUTCOME|KIND[,..]", value_delimiter = ',')]
    only: Vec<Selector>,
    /// jsonl: as the run tells them; csv: with a header line; urls: the items alone
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    #[arg(value_name = "jsonl|csv|urls")]
    format: OutcomesFormat,
    /// Print in place of outcomes what they add up to
    #[arg(long, conflicts_with_all = ["only", "format"])]
    stats: bool,
}

/// How outcomes on record are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum OutcomesFormat {
    /// One JSON object a line.
    #[default]
    Jsonl,
    /// A header line, then one row each.
    Csv,
    /// The URL, or the name, a line.
    Urls,
}

/// A look at a record.
#[derive(Debug)]
pub(crate) struct OutcomesJob {
    /// The folder of a get, or the file of a probe.
    pub(crate) output: PathBuf,
    /// What of it is printed.
    pub(crate) print: OutcomesPrint,
}

/// What of a record is printed.
#[derive(Debug)]
pub(crate) enum OutcomesPrint {
    /// Outcomes that one of these selects; all where there is none.
    Outcomes(Vec<Selector>, OutcomesFormat),
    /// What all of them add up to.
    Stats,
}

impl OutcomesArgs {
    pub(super) fn into_job(self) -> OutcomesJob {
        let print = if self.stats {
            OutcomesPrint::Stats
        } else {
            OutcomesPrint::Outcomes(self.only, self.format)
        };
        OutcomesJob { output: self.output, print }
    }
}

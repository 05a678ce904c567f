use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hoist::ProbePlan;
use hoist::plan::{LedgerPlan, defaults};

use super::answers::{AnswersArgs, Only};
use super::exit::{Allowance, ExitArgs};
use super::input::Input;
use super::ledger::LedgerArgs;
use super::servers::ServersArgs;
use super::values;
use super::wildcards::WildcardArgs;

const EXAMPLES: &str = "\
Examples:
  hoist probe                                 Python's short keywords under .dev
  hoist probe --tld com --tld org             the same under two others
  hoist probe example.com example.org --format jsonl
  hoist probe -i names.txt --via dns://9.9.9.9 --via dns://[2620:fe::fe]
  hoist probe -i names.txt -r resolvers.txt --rate 5000 -o answers.txt
  cut -d, -f1 table.csv | hoist probe -t AAAA --format jsonl
  hoist probe -i domains.txt -t MX --only found --format jsonl -o mx.jsonl
  hoist probe -t PTR 192.0.2.1 2001:db8::1 --format csv

A list with -o FILE is on record in FILE.hoist: the same command again goes on
where it stopped, however it stopped.

Text output: + found (it has an address, or a record of the type asked for), two
blanks not found, ? unknown; with --wildcards mark * found, and so would be any
other name beside it. That costs a query for each domain with a found name, and
up to 40 where there is a wildcard.
Records are told by jsonl and csv, in the form of zone files (10 mail.example.).
In csv addresses have blanks between, records a semicolon; one within a record
is written \\059.
What --only leaves out is asked, counted and on record all the same.
Durations: 30s, 500ms, 2m; a bare number is in seconds.

Exit codes: 0 every name answered (not found is an answer), 1 some are unknown,
2 usage, 3 the run could not go on, 130 interrupted.";

/// Say of each name whether it resolves: it has an address, it has none, or nobody knows
///
/// Names come from the command line, from a file, or from standard input when it is a pipe or a
/// file. With none of these: Python's keywords of at most four letters under .dev.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ProbeArgs {
    /// Names to probe
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// Read names from FILE, one a line (- is standard input)
    #[arg(short, long, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// Make names of these words: Python's keywords, or the lines of FILE
    #[arg(long, value_name = "python|FILE")]
    pub(super) words: Option<PathBuf>,
    /// Leave out words with more letters [default: 4 for python, no limit for a FILE]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = values::number::<usize>)]
    pub(super) max_len: Option<usize>,
    /// Make names under this top level; repeatable [default: dev]
    #[arg(long = "tld", value_name = "TLD")]
    pub(super) tlds: Vec<String>,
    /// Names at once, at most [default: 4096, or as many as --window]
    #[arg(short = 'm', long, value_name = "N")]
    #[arg(value_parser = values::some::<NonZeroUsize>)]
    pub(super) max: Option<NonZeroUsize>,
    /// Whom to ask: the servers of resolv.conf, the system, or a server; repeatable
    /// [default: resolv-conf]
    #[arg(long, value_name = "resolv-conf|system|dns://IP:PORT")]
    pub(super) via: Vec<ViaArg>,
    #[command(flatten)]
    pub(super) servers: ServersArgs,
    #[command(flatten)]
    pub(super) answers: AnswersArgs,
    /// For the answer to the first query; later ones are given more
    #[arg(long, value_name = "D", value_parser = values::some_time, default_value = "1s")]
    pub(super) timeout: Duration,
    /// Queries after the first one
    #[arg(long, value_name = "N", default_value_t = defaults::PROBE_RETRIES)]
    #[arg(value_parser = values::number::<u32>)]
    pub(super) retries: u32,
    /// For all queries about a name together
    #[arg(long, value_name = "D", value_parser = values::some_time, default_value = "30s")]
    pub(super) deadline: Duration,
    /// How outcomes are printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    #[arg(value_name = "text|columns|jsonl|csv")]
    pub(super) format: ProbeFormat,
    /// Print in the order of the list, not as answers come
    #[arg(long)]
    pub(super) ordered: bool,
    /// Write outcomes to FILE in place of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) wildcards: WildcardArgs,
    #[command(flatten)]
    pub(super) ledger: LedgerArgs,
    #[command(flatten)]
    pub(super) exit: ExitArgs,
}

/// How the outcomes of a probe are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProbeFormat {
    /// A mark and the name.
    #[default]
    Text,
    /// Found names at the margin, others two tabs in.
    Columns,
    /// One JSON object a line.
    Jsonl,
    /// A header line, then one row each.
    Csv,
}

/// Whom to ask, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ViaArg {
    ResolvConf,
    System,
    Server(std::net::SocketAddr),
}

impl FromStr for ViaArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "it is resolv-conf, system, or a server as dns://192.0.2.1:53 or \
                            dns://[2001:db8::1]; port 53 unless given";
        match text {
            "resolv-conf" => return Ok(Self::ResolvConf),
            "system" => return Ok(Self::System),
            _ => {}
        }
        let server = text.strip_prefix("dns://").ok_or(FORM)?;
        if let Ok(address) = server.parse::<std::net::SocketAddr>() {
            // Nobody listens at port 0.
            return if address.port() > 0 {
                Ok(Self::Server(address))
            } else {
                Err(FORM.to_owned())
            };
        }
        let bare = server.strip_prefix('[').and_then(|s| s.strip_suffix(']')).unwrap_or(server);
        let ip: std::net::IpAddr = bare.parse().map_err(|_| FORM)?;
        Ok(Self::Server((ip, 53).into()))
    }
}

/// A probe, ready to run.
#[derive(Debug)]
pub(crate) struct ProbeJob {
    /// The engine's settings.
    pub(crate) plan: ProbePlan,
    /// The names.
    pub(crate) input: Input,
    /// How outcomes are printed.
    pub(crate) format: ProbeFormat,
    /// Which outcomes are printed.
    pub(crate) only: Only,
    /// In the order of the list.
    pub(crate) ordered: bool,
    /// Where outcomes go. None: standard output.
    pub(crate) output: Option<PathBuf>,
    /// The ledger that is kept beside that file.
    pub(crate) ledger: Option<LedgerPlan>,
    /// The share that may be unknown.
    pub(crate) allowed: Option<Allowance>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_addresses_with_or_without_a_port() {
        for (text, expected) in [
            ("dns://192.0.2.1", "192.0.2.1:53"),
            ("dns://192.0.2.1:5300", "192.0.2.1:5300"),
            ("dns://[::1]:5300", "[::1]:5300"),
            ("dns://[::1]", "[::1]:53"),
            ("dns://::1", "[::1]:53"),
        ] {
            assert_eq!(text.parse(), Ok(ViaArg::Server(expected.parse().unwrap())), "{text}");
        }
        for text in [
            "dns://",
            "dns://name",
            "192.0.2.1",
            "System",
            "dns://192.0.2.1:99999",
            "dns://[::1]:0",
        ] {
            assert!(text.parse::<ViaArg>().unwrap_err().contains("dns://192.0.2.1:53"), "{text}");
        }
    }
}

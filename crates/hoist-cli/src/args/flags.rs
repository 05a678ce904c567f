use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;

use super::rehearse::Server;
use super::said::Refused;
use super::{countries, values};

const EXAMPLES: &str = "\
Examples:
  hoist flags                    the 20 most populous countries, 5 at once
  hoist flags BR CN B            Brazil, China, and all codes from BA to BZ
  hoist flags -s ERROR -al 100 -m 100

Flags are saved as downloaded/CC.gif; files that are there already are
overwritten. Each request may take 3.1 seconds. Where nothing listens on the
port of LOCAL (8000), DELAY (8001) or ERROR (8002), that server runs inside this
command until it ends.

Exit codes: 0 no errors (not found is none), 1 some errors, 2 usage, 3 the run
could not go on, 130 interrupted.";

/// At once, unless told otherwise.
const AT_ONCE: i64 = 5;

/// At once, whatever is asked for.
const AT_ONCE_MAX: usize = 1_000;

/// Download flags of countries: those named, or of the 20 most populous
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct FlagsArgs {
    /// Country code or first letter (B is BA to BZ)
    #[arg(value_name = "CC")]
    codes: Vec<String>,
    /// Get all available flags (AD to ZW)
    #[arg(short, long)]
    all: bool,
    /// Get flags for every possible code (AA to ZZ)
    #[arg(short, long)]
    every: bool,
    /// Limit to the N first codes
    #[arg(short, long, value_name = "N", allow_hyphen_values = true, value_parser = whole_number)]
    limit: Option<i64>,
    /// Requests at once, at most
    #[arg(short, long = "max_req", alias = "max-req", value_name = "N", default_value_t = AT_ONCE)]
    #[arg(allow_hyphen_values = true, value_parser = whole_number)]
    max_req: i64,
    /// Server to hit: LOCAL, DELAY, ERROR or REMOTE
    #[arg(short, long, value_name = "LABEL", default_value = "LOCAL")]
    server: String,
    /// Say of each code what became of it, in place of the bar
    #[arg(short, long)]
    verbose: bool,
    /// For tests: another port on localhost in place of the label's own
    #[arg(long, value_name = "PORT", hide = true)]
    port: Option<u16>,
    /// For tests: the time a request may take, in place of the 3.1 s of the chapter
    #[arg(long, value_name = "DURATION", hide = true, value_parser = values::some_time)]
    #[arg(default_value = "3.1s")]
    patience: Duration,
}

/// A download of flags, ready to run.
#[derive(Debug)]
pub(crate) struct FlagsJob {
    /// Where from.
    pub(crate) site: Site,
    /// What, sorted.
    pub(crate) codes: Vec<String>,
    /// How many at once.
    pub(crate) at_once: usize,
    /// For one request.
    pub(crate) patience: Duration,
    /// A line for each code, and no bar.
    pub(crate) verbose: bool,
}

/// Where flags come from.
#[derive(Debug)]
pub(crate) struct Site {
    /// As the user calls it, in upper case.
    pub(crate) label: &'static str,
    /// What the paths of the flags are added to.
    pub(crate) base_url: String,
    /// The rehearsal that stands in when nothing listens there, and its port.
    pub(crate) rehearsal: Option<(Server, u16)>,
}

impl FlagsArgs {
    pub(super) fn into_job(self) -> Result<FlagsJob, Refused> {
        if self.max_req < 1 {
            return Err(Refused::Flags("--max_req N must be >= 1".to_owned()));
        }
        if self.limit.is_some_and(|limit| limit < 1) {
            return Err(Refused::Flags("--limit N must be >= 1".to_owned()));
        }
        let site = site(&self.server, self.port)?;
        let mut codes = expand(self.every, self.all, &self.codes)?;
        if let Some(limit) = self.limit {
            codes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        let asked = usize::try_from(self.max_req).unwrap_or(usize::MAX);
        let at_once = asked.min(AT_ONCE_MAX).min(codes.len());
        Ok(FlagsJob { site, codes, at_once, patience: self.patience, verbose: self.verbose })
    }
}

fn whole_number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "it is a whole number, 1 or more".to_owned())
}

fn site(label: &str, port: Option<u16>) -> Result<Site, Refused> {
    let (label, server) = match label.to_ascii_uppercase().as_str() {
        "LOCAL" => ("LOCAL", Server::Local),
        "DELAY" => ("DELAY", Server::Delay),
        "ERROR" => ("ERROR", Server::Error),
        "REMOTE" => {
            return Ok(Site {
                label: "REMOTE",
                base_url: "https://www.fluentpython.com/data/flags".to_owned(),
                rehearsal: None,
            });
        }
        _ => {
            let message = "--server LABEL must be one of LOCAL, DELAY, ERROR, REMOTE";
            return Err(Refused::Flags(message.to_owned()));
        }
    };
    let port = port.unwrap_or(server.port());
    let base_url = format!("http://localhost:{port}/flags");
    Ok(Site { label, base_url, rehearsal: Some((server, port)) })
}

/// The codes that are meant, sorted, each once.
fn expand(every: bool, all: bool, typed: &[String]) -> Result<Vec<String>, Refused> {
    let mut codes = BTreeSet::new();
    if every {
        codes.extend(countries::every());
    } else if all {
        codes.extend(countries::ALL.split(' ').map(str::to_owned));
    } else if typed.is_empty() {
        codes.extend(countries::POPULOUS.split(' ').map(str::to_owned));
    } else {
        for code in typed {
            let code = code.to_ascii_uppercase();
            match *code.as_bytes() {
                [first @ b'A'..=b'Z'] => codes.extend(countries::starting_with(first.into())),
                [b'A'..=b'Z', b'A'..=b'Z'] => _ = codes.insert(code),
                _ => {
                    let message = "each CC argument must be A to Z or AA to ZZ.";
                    return Err(Refused::Flags(message.to_owned()));
                }
            }
        }
    }
    Ok(codes.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(typed: &[&str]) -> Vec<String> {
        let typed: Vec<_> = typed.iter().map(ToString::to_string).collect();
        expand(false, false, &typed).unwrap()
    }

    #[test]
    fn codes_are_sorted_and_each_is_there_once() {
        assert_eq!(codes(&["us", "BR", "Br"]), ["BR", "US"]);
        let b = codes(&["b", "BR"]);
        assert_eq!((b.len(), b[0].as_str(), b[25].as_str()), (26, "BA", "BZ"));
        let populous = codes(&[]);
        assert_eq!((populous[0].as_str(), populous[19].as_str()), ("BD", "VN"));
    }

    #[test]
    fn every_beats_all_beats_codes() {
        let typed = ["nonsense".to_owned()];
        assert_eq!(expand(true, true, &typed).unwrap().len(), 676);
        assert_eq!(expand(false, true, &typed).unwrap().len(), 194);
        assert!(expand(false, false, &typed).is_err());
        for bad in ["", "1", "B1", "ÄÖ", "ß"] {
            assert!(expand(false, false, &[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}

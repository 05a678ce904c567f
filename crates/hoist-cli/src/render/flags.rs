use std::fmt::{self, Display};
use std::io;
use std::time::Duration;

use hoist::{FailureKind, GetOutcome, GetVerdict};
use http::StatusCode;

use super::output::Output;
use super::text::shown;

/// More codes than these are told by the first and the last.
const LISTED: usize = 10;

/// What is said before a download of flags.
pub(crate) fn flags_initial(
    out: &mut Output,
    label: &str,
    base_url: &str,
    codes: &[String],
    at_once: usize,
) -> io::Result<()> {
    out.line(format_args!("{label} site: {base_url}"))?;
    let noun = if codes.len() == 1 { "flag" } else { "flags" };
    let which = match codes {
        [first, .., last] if codes.len() > LISTED => format!("from {first} to {last}"),
        _ => codes.join(", "),
    };
    out.line(format_args!("Searching for {} {noun}: {which}", codes.len()))?;
    if at_once == 1 {
        out.line("1 connection will be used.")?;
    } else {
        out.line(format_args!("{at_once} concurrent connections will be used."))?;
    }
    out.flush()
}

/// How many flags ended how.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FlagsCounts {
    pub(crate) ok: u64,
    pub(crate) not_found: u64,
    pub(crate) errors: u64,
}

/// What is said after it.
pub(crate) fn flags_final(
    out: &mut Output,
    counts: FlagsCounts,
    elapsed: Duration,
) -> io::Result<()> {
    let FlagsCounts { ok, not_found, errors } = counts;
    out.line("-".repeat(20))?;
    out.line(format_args!("{ok:3} flag{} downloaded.", if ok == 1 { "" } else { "s" }))?;
    if not_found > 0 {
        out.line(format_args!("{not_found:3} not found."))?;
    }
    if errors > 0 {
        out.line(format_args!("{errors:3} error{}.", if errors == 1 { "" } else { "s" }))?;
    }
    out.line(format_args!("Elapsed time: {:.2}s", elapsed.as_secs_f64()))?;
    out.flush()
}

/// What `-v` says of a code.
pub(crate) fn flags_line<'a>(code: &'a str, outcome: &'a GetOutcome) -> impl Display + 'a {
    fmt::from_fn(move |f| match (outcome.verdict, &outcome.failure) {
        (GetVerdict::Ok, _) => write!(f, "{code} OK"),
        (GetVerdict::NotFound, _) => {
            let url = outcome.final_url.as_ref().unwrap_or(&outcome.url);
            write!(f, "{code} not found: {}", shown(url))
        }
        (_, Some(failure)) if failure.kind != FailureKind::Status => {
            write!(f, "{code} error: {}", shown(&failure.reason))
        }
        _ => {
            let status = outcome.status.unwrap_or_default();
            write!(f, "{code} error: HTTP error {status}")?;
            let status = StatusCode::from_u16(status).ok();
            match status.and_then(|status| status.canonical_reason()) {
                Some(reason) => write!(f, " - {reason}"),
                None => Ok(()),
            }
        }
    })
}

use std::fmt::{self, Display, Write};

use hoist::outcome::{Failure, Wildcard};
use hoist::{FailureKind, GetOutcome, GetVerdict, ProbeOutcome, ProbeVerdict};

use crate::args::ListLines;

/// A text from outside, fit for a terminal: control characters, which could move its cursor or
/// recolour it, and those that turn the direction of writing are spelled out.
pub(super) fn shown(text: &str) -> impl Display {
    fmt::from_fn(move |f| {
        for c in text.chars() {
            let turns = matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
                | '\u{2066}'..='\u{2069}');
            if c.is_control() || turns {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    })
}

/// `+ name`, `  name`, `? name`; `* name` where a wildcard answers.
pub(crate) fn probe_line(outcome: &ProbeOutcome) -> impl Display {
    let mark = match outcome.verdict {
        ProbeVerdict::Found if outcome.wildcard == Some(Wildcard::Yes) => '*',
        ProbeVerdict::Found => '+',
        ProbeVerdict::NotFound => ' ',
        ProbeVerdict::Unknown => '?',
    };
    fmt::from_fn(move |f| write!(f, "{mark} {}", shown(&outcome.name)))
}

/// Why an item failed; where it is its line in the list that is wrong, with the number of that.
pub(super) fn reason(failure: &Failure, line: Option<u64>) -> String {
    let reason = shown(&failure.reason);
    let of_line = matches!(failure.kind, FailureKind::BadInput | FailureKind::BadName);
    match line {
        // Some reasons name it themselves.
        Some(line) if of_line && !failure.reason.starts_with("line ") => {
            format!("line {line}: {reason}")
        }
        _ => reason.to_string(),
    }
}

/// What is said of a URL that is not ok: its end, its name, and why. None: it is.
pub(crate) fn get_failure(outcome: &GetOutcome, lines: ListLines) -> Option<String> {
    let word = match outcome.verdict {
        GetVerdict::Ok => return None,
        GetVerdict::NotFound => "not found",
        GetVerdict::Failed => "failed",
        GetVerdict::Deferred => "deferred",
    };
    let mut line = format!("{word}: {}", shown(&outcome.url));
    if let Some(end) = outcome.final_url.as_deref().filter(|end| *end != outcome.url) {
        // Writing to a string does not fail, here and below.
        let _ = write!(line, " -> {}", shown(end));
    }
    match (&outcome.failure, outcome.status) {
        (Some(failure), _) => {
            let reason = reason(failure, lines.number(outcome.position));
            let _ = write!(line, ": {}: {reason}", failure.kind);
        }
        (None, Some(status)) => {
            let _ = write!(line, ": status {status}");
        }
        (None, None) => {}
    }
    if outcome.attempts > 1 {
        let _ = write!(line, " ({} tries)", outcome.attempts);
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_cannot_drive_the_terminal() {
        assert_eq!(shown("a\x1b[2Jb\u{9b}\u{202e}ü").to_string(), "a\\u{1b}[2Jb\\u{9b}\\u{202e}ü");
    }
}

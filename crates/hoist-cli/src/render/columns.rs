use std::fmt::{self, Display};

use hoist::outcome::Wildcard;
use hoist::{ProbeOutcome, ProbeVerdict};

use super::text::shown;

/// The two lines above the columns.
pub(crate) fn columns_heading() -> [&'static str; 2] {
    ["FOUND\t\tNOT FOUND", "=====\t\t========="]
}

/// A found name stands at the margin, any other two tabs in; `?` marks those nobody knows of, and `*`
/// those that a wildcard answers for.
pub(crate) fn columns_line(outcome: &ProbeOutcome) -> impl Display {
    let indent = match outcome.verdict {
        ProbeVerdict::Found if outcome.wildcard == Some(Wildcard::Yes) => "* ",
        ProbeVerdict::Found => "",
        ProbeVerdict::NotFound => "\t\t",
        ProbeVerdict::Unknown => "\t\t? ",
    };
    fmt::from_fn(move |f| write!(f, "{indent}{}", shown(&outcome.name)))
}

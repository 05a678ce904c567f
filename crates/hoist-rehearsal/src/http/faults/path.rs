//! Faults by URL: `/fault/NAME?key=value`, and the short paths of those asked for most.

use super::entry::Fault;
use crate::spec::{Params, Wrong};

/// The fault that a path names; none when it is content's.
pub(crate) fn named_by(path: &str, query: &str) -> Option<Result<Fault, Wrong>> {
    let (first, rest) = path.strip_prefix('/')?.split_once('/').unwrap_or((&path[1..], ""));
    let params = Params::of(query);
    let (name, params) = match (first, rest) {
        ("fault", name) => (name, params),
        ("status", code) => ("status", params.with("code", code)),
        ("bytes", of) => ("bytes", params.with("of", of)),
        ("redirect", "loop") => ("redirect-loop", params),
        ("redirect", "to") => ("redirect-to", params),
        ("redirect", n) => ("redirect", params.with("n", n)),
        ("slow", "") => ("delay", params.renamed("delay", "for")),
        ("flaky" | "interim" | "headers" | "chunked" | "unframed" | "drip", "") => (first, params),
        _ => return None,
    };
    Some(Fault::read(name, params))
}

use std::fmt::Write;

use hoist::report::{Tuned, TunedAbove};

use super::text;

/// `localhost:8003: 48 at once; 429 above`
pub(super) fn told(tuned: &Tuned) -> String {
    let origin = tuned.origin.split_once("://").map_or(tuned.origin.as_str(), |(_, rest)| rest);
    let mut told = format!("{}: {} at once", text::shown(origin), tuned.count);
    // Writing to a string does not fail.
    let _ = match tuned.above {
        Some(TunedAbove::Status(status)) => write!(told, "; {status} above"),
        Some(TunedAbove::Broken) => write!(told, "; connections refused above"),
        Some(TunedAbove::Slower) => write!(told, "; slower above"),
        _ => Ok(()),
    };
    told
}

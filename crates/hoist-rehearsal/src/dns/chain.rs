//! Faults of queries one after the other: a wait, forged answers, then the truth.

use std::fmt;

use super::fault::{Fault, Place, parse};
use crate::spec::Wrong;

/// What happens to one query, in order. `delay`, `rate` and `forged` stand before what is said; if
/// nothing is said after them, the truth follows. Everything else says something of its own, and the
/// truth only if `answer` follows; `drop` ends it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chain {
    faults: Vec<(&'static str, Fault)>,
    written: Vec<String>,
}

impl Chain {
    pub(crate) fn parse(specs: &[impl AsRef<str>]) -> Result<Self, Wrong> {
        let faults = specs.iter().map(|spec| parse(spec.as_ref()));
        let faults: Vec<_> = faults.collect::<Result<_, _>>()?;
        let Some((_, leading)) = faults.split_last() else {
            return Err(Wrong::new("a chain needs a fault"));
        };
        if leading.iter().any(|(_, fault)| fault.place() == Place::Ends) {
            return Err(Wrong::new("drop ends it, so nothing can follow it"));
        }
        let written = specs.iter().map(|spec| spec.as_ref().to_owned()).collect();
        Ok(Self { faults, written })
    }

    /// One fault that a name asks for.
    pub(crate) fn one(name: &'static str, fault: Fault) -> Self {
        Self { faults: vec![(name, fault)], written: vec![name.to_owned()] }
    }

    pub(crate) fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().map(|(_, fault)| fault)
    }

    /// As the truth log calls it: by what it ends in.
    pub(crate) fn name(&self) -> &'static str {
        self.faults.last().map_or("answer", |(name, _)| name)
    }

    /// Whether the truth follows although nobody said so.
    pub(crate) fn ends_in_truth(&self) -> bool {
        self.faults().all(|fault| fault.place() == Place::Before)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written.join(", then "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_follow_what() {
        let chain = |specs: &[&str]| Chain::parse(specs).map_err(|wrong| wrong.0);
        assert!(chain(&["delay?for=1s", "forged"]).unwrap().ends_in_truth());
        assert!(!chain(&["delay?for=1s", "wrong-id"]).unwrap().ends_in_truth());
        let both = chain(&["wrong-id", "answer"]).unwrap();
        assert_eq!((both.name(), both.to_string().as_str()), ("answer", "wrong-id, then answer"));
        assert_eq!(
            chain(&["drop", "answer"]).unwrap_err(),
            "drop ends it, so nothing can follow it"
        );
        assert_eq!(chain(&[]).unwrap_err(), "a chain needs a fault");
    }
}

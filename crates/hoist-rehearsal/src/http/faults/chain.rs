//! Faults one after the other: a wait, 3,000 bytes, a reset.

use std::fmt;
use std::time::Duration;

use super::act::Place;
use super::entry::Fault;
use crate::http::exchange::{Answered, Exchange, draw};
use crate::spec::Wrong;

/// What happens to one answer: any number of `delay` and `send`, then one more fault or none. Without
/// one, the rest of the content follows as it should.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chain {
    faults: Vec<Fault>,
    /// As it was written, for showing.
    written: Vec<String>,
}

impl Chain {
    pub(crate) fn parse(specs: &[impl AsRef<str>]) -> Result<Self, Wrong> {
        let faults = specs.iter().map(|spec| Fault::parse(spec.as_ref()));
        let chain = Self::of(faults.collect::<Result<_, _>>()?)?;
        Ok(Self { written: specs.iter().map(|spec| spec.as_ref().to_owned()).collect(), ..chain })
    }

    pub(crate) fn one(fault: Fault) -> Self {
        Self { written: Vec::new(), faults: vec![fault] }
    }

    fn of(faults: Vec<Fault>) -> Result<Self, Wrong> {
        let Some((last, leading)) = faults.split_last() else {
            return Err(Wrong::new("a chain needs a fault"));
        };
        let mut begun = false;
        for fault in leading {
            match fault.act.place() {
                Place::Wait => {}
                Place::Part => begun = true,
                Place::Cut | Place::Whole => {
                    let name = fault.about.name;
                    return Err(Wrong(format!("{name} ends the answer, so nothing can follow it")));
                }
            }
        }
        if begun && last.act.place() == Place::Whole {
            let name = last.about.name;
            return Err(Wrong(format!("{name} begins an answer, so it can't follow a send")));
        }
        Ok(Self { faults, written: Vec::new() })
    }

    /// As the truth log calls it: by what it ends in.
    pub(crate) fn name(&self) -> &'static str {
        self.faults.last().map_or("content", |fault| fault.about.name)
    }

    /// The waits that are drawn for an attempt, one after the other.
    pub(crate) fn waits(
        &self,
        seed: u64,
        method: &str,
        target: &str,
        attempt: u32,
    ) -> Vec<Duration> {
        let share = draw(seed, method, target, attempt, b"delay");
        self.faults.iter().filter_map(|fault| fault.act.wait(share)).collect()
    }

    pub(crate) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        for fault in &self.faults {
            fault.act.act(ex).await?;
        }
        match self.faults.last().map(|last| last.act.place()) {
            Some(Place::Cut | Place::Whole) => Ok(()),
            Some(Place::Wait | Place::Part) | None => ex.rest().await,
        }
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
        for good in [
            &["reset"] as &[&str],
            &["delay?for=2s", "send?bytes=3000", "reset"],
            &["delay?for=1", "status?code=503"],
            &["send?bytes=1", "delay?for=1", "send?bytes=1", "stall"],
            &["send?bytes=1", "close"],
            &["send?bytes=1"],
        ] {
            assert!(Chain::parse(good).is_ok(), "{good:?}");
        }
        for (bad, why) in [
            (&[] as &[&str], "a chain needs a fault"),
            (&["reset", "delay?for=1"], "reset ends the answer, so nothing can follow it"),
            (
                &["send?bytes=1", "status?code=503"],
                "status begins an answer, so it can't follow a send",
            ),
        ] {
            assert_eq!(Chain::parse(bad).unwrap_err().0, why);
        }
    }
}

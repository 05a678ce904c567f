use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::Args;
use hoist::plan::{Limits, PerOrigin};

/// How many requests at once an origin gets.
#[derive(Debug, Args)]
pub(super) struct TuningArgs {
    /// Requests at once to one origin (scheme, host and port); auto: as many as pay
    #[arg(long, value_name = "auto|N", default_value = "auto")]
    per_origin: PerOriginArg,
}

impl TuningArgs {
    pub(super) fn limits(&self, in_flight: NonZeroUsize) -> Limits {
        Limits { in_flight, per_origin: self.per_origin.0, ..Limits::get() }
    }
}

/// A number of requests, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PerOriginArg(PerOrigin);

impl FromStr for PerOriginArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(PerOrigin::Auto));
        }
        let n = text.parse().map_err(|_| "write auto, or a number from 1 on")?;
        Ok(Self(PerOrigin::Fixed(n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_fixed() {
        assert_eq!("auto".parse(), Ok(PerOriginArg(PerOrigin::Auto)));
        let six = PerOrigin::Fixed(6.try_into().unwrap());
        assert_eq!("6".parse(), Ok(PerOriginArg(six)));
        for bad in ["0", "-1", "", "Auto", "6.5", "99999999999999999999"] {
            assert!(bad.parse::<PerOriginArg>().is_err(), "{bad}");
        }
    }
}

use std::time::Duration;

use clap::Args;
use hoist::plan::{BreakerPlan, GivingUp, defaults};

use super::values;

/// When to give up on servers that are slow or do not answer.
#[derive(Debug, Args)]
pub(super) struct GivingUpArgs {
    /// Give up a try when no answer begins in this time after it was asked for [default: --timeout]
    #[arg(long, value_name = "D", value_parser = values::some_time)]
    first_byte: Option<Duration>,
    /// Give up a try when its answer comes slower, per second (curl's --speed-limit); 0: never
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    #[arg(default_value_t = defaults::MIN_RATE)]
    min_rate: u64,
    /// The time over which that is measured (curl's --speed-time)
    #[arg(long, value_name = "D", value_parser = values::some_time, default_value = "30s")]
    min_rate_window: Duration,
    /// URLs in a row without an answer after which an origin is down; 0: it never is
    #[arg(long, value_name = "N", default_value_t = defaults::BREAKER_FAILURES)]
    #[arg(value_parser = values::number::<u32>)]
    breaker: u32,
}

impl GivingUpArgs {
    pub(super) fn plan(&self) -> GivingUp {
        let breaker = BreakerPlan { failures: self.breaker, ..BreakerPlan::default() };
        GivingUp {
            first_byte: self.first_byte,
            min_rate: self.min_rate,
            min_rate_window: self.min_rate_window,
            breaker: (self.breaker > 0).then_some(breaker),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        args: GivingUpArgs,
    }

    fn plan(line: &[&str]) -> Result<GivingUp, String> {
        let typed = Typed::try_parse_from([&["get"], line].concat());
        typed.map(|typed| typed.args.plan()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_in_the_library() {
        let plan = plan(&[]).unwrap();
        assert_eq!(format!("{plan:?}"), format!("{:?}", GivingUp::default()));
    }

    #[test]
    fn zero_turns_off_what_can_be_turned_off() {
        let plan = |line: &str| plan(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(plan("--min-rate 0").unwrap().min_rate, 0);
        assert!(plan("--breaker 0").unwrap().breaker.is_none());
        assert_eq!(plan("--breaker 3").unwrap().breaker.map(|breaker| breaker.failures), Some(3));
        let error = plan("--first-byte 0").err().unwrap();
        assert!(error.contains("--first-byte") && error.contains("more than 0"), "{error}");
        assert!(plan("--min-rate-window 0").is_err() && plan("--min-rate 1X").is_err());
    }
}

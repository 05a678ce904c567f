use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use hoist::plan::{CeilingsPlan, Rate, RetryBudget, defaults};

use super::values;

/// What is not gone beyond, whatever servers could take.
#[derive(Debug, Args)]
pub(super) struct CeilingArgs {
    /// Requests to each origin at most, evenly spread: 50/s, 10/m, 100/h (retries, redirects and
    /// ranges count)
    #[arg(long, value_name = "N/UNIT")]
    rate: Option<RateArg>,
    /// Bytes a second at most, over all connections: 10M
    #[arg(long, value_name = "BYTES", value_parser = some_bytes)]
    bandwidth: Option<NonZeroU64>,
    /// Retries in a hundred requests to an origin, beside 10 free ones in 10 s; none: any number
    #[arg(long, value_name = "N|none", default_value = "10")]
    retry_budget: BudgetArg,
}

impl CeilingArgs {
    pub(super) fn plan(&self) -> CeilingsPlan {
        let Self { rate, bandwidth, retry_budget } = self;
        let retries =
            retry_budget.0.map(|percent| RetryBudget { percent, ..RetryBudget::default() });
        CeilingsPlan { rate: rate.map(|rate| rate.0), bandwidth: *bandwidth, retries }
    }
}

fn some_bytes(text: &str) -> Result<NonZeroU64, String> {
    let text = text.strip_suffix("/s").unwrap_or(text);
    NonZeroU64::new(values::bytes(text)?).ok_or_else(|| "it must be more than 0".into())
}

/// `50/s`, `10/m`, `5/10s`, as curl has it; a bare number is for each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RateArg(Rate);

impl FromStr for RateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str =
            "write it as 50/s, 10/m, 100/h or 5/10s: a whole number from 1 on, and a time";
        let (requests, unit) = text.split_once('/').unwrap_or((text, "s"));
        let requests = requests.trim();
        let whole = !requests.is_empty() && requests.bytes().all(|byte| byte.is_ascii_digit());
        let whole = whole && requests.bytes().any(|byte| byte != b'0');
        if !whole {
            return Err(FORM.to_owned());
        }
        let requests: NonZeroU32 = values::some(requests)?;
        let unit = unit.trim();
        let bare = unit.starts_with(|first: char| first.is_ascii_alphabetic());
        let per = values::some_time(&format!("{}{unit}", if bare { "1" } else { "" }));
        let per = per.map_err(|why| if why == values::TOO_LONG { why } else { FORM.to_owned() })?;
        if per > defaults::FOREVER {
            let days = defaults::FOREVER.as_secs() / 86_400;
            return Err(format!("{}: at most {days} days", values::TOO_LONG));
        }
        Ok(Self(Rate { requests, per: per.max(Duration::from_nanos(1)) }))
    }
}

/// A share of retries, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BudgetArg(Option<u32>);

impl FromStr for BudgetArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let percent = text.strip_suffix('%').unwrap_or(text);
        let percent = percent.parse().map_err(|_| "write a whole number of percent, or none")?;
        Ok(Self(Some(percent)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        args: CeilingArgs,
    }

    fn plan(line: &[&str]) -> Result<CeilingsPlan, String> {
        let typed = Typed::try_parse_from([&["get"], line].concat());
        typed.map(|typed| typed.args.plan()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_in_the_library() {
        assert_eq!(plan(&[]), Ok(CeilingsPlan::default()));
    }

    #[test]
    fn rates_are_numbers_in_a_time() {
        let of = |text: &str| text.parse().map(|RateArg(rate)| (rate.requests.get(), rate.per));
        let seconds = Duration::from_secs;
        for (text, rate) in [
            ("50/s", (50, seconds(1))),
            ("50", (50, seconds(1))),
            ("10/m", (10, Duration::from_mins(1))),
            ("10/min", (10, Duration::from_mins(1))),
            ("100 / h", (100, Duration::from_hours(1))),
            ("1/d", (1, Duration::from_hours(24))),
            ("5/10s", (5, seconds(10))),
            ("3/500ms", (3, Duration::from_millis(500))),
        ] {
            assert_eq!(of(text), Ok(rate), "{text}");
        }
        for text in
            ["", "0", "0/s", "-1/s", "1.5/s", "5/", "5/0s", "5/x", "s", "5/s/s", "99999999999/s"]
        {
            assert!(of(text).is_err(), "{text}");
        }
        // The form is right.
        for (text, why) in [
            ("99999999999/s", "it is too large: at most 4294967295"),
            ("1/1000000d", "it is too long a time: at most 3650 days"),
            ("1/99999999999999999999d", "it is too long a time"),
        ] {
            assert_eq!(of(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn bytes_and_budgets_are_checked() {
        let of = |line: &[&str]| plan(line).unwrap();
        assert_eq!(of(&["--bandwidth", "10M"]).bandwidth, NonZeroU64::new(10 << 20));
        assert_eq!(of(&["--bandwidth", "500KB/s"]).bandwidth, NonZeroU64::new(500_000));
        assert_eq!(of(&["--retry-budget", "none"]).retries, None);
        assert_eq!(of(&["--retry-budget", "25%"]).retries.unwrap().percent, 25);
        for line in [["--bandwidth", "0"], ["--bandwidth", "fast"], ["--retry-budget", "-1"]] {
            assert!(plan(&line).is_err(), "{line:?}");
        }
    }
}

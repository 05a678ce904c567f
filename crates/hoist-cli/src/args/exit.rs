use std::fmt;
use std::str::FromStr;

use clap::Args;

/// What the exit code says.
#[derive(Debug, Args)]
pub(super) struct ExitArgs {
    /// End with 0 as long as no more than this share is not ok, as 1% or 0.01
    #[arg(long, value_name = "RATE")]
    pub(super) fail_above: Option<Allowance>,
}

/// The share of items that may end badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Exactly: 29 of 100 are 29 %.
    billionths: u64,
}

const WHOLE: u64 = 1_000_000_000;

impl Allowance {
    /// Whether so many of all are no more than that.
    pub(crate) fn allows(self, bad: u64, all: u64) -> bool {
        u128::from(bad) * u128::from(WHOLE) <= u128::from(self.billionths) * u128::from(all)
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = WHOLE / 100;
        let (whole, rest) = (self.billionths / percent, self.billionths % percent);
        let rest = format!(".{rest:07}");
        write!(f, "{whole}{} %", rest.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl FromStr for Allowance {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write it as a share of all, from 0% to 100%, or from 0 to 1, as 0.01";
        let (number, places) = match text.strip_suffix('%') {
            Some(number) => (number.trim_end(), 7),
            None => (text, 9),
        };
        let (whole, rest) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && rest.is_empty() || !digits(whole) || !digits(rest) {
            return Err(FORM);
        }
        if rest.len() > places {
            return Err("it has more decimals than count");
        }
        let zeros = "0".repeat(places - rest.len());
        let billionths = format!("0{whole}{rest}{zeros}").parse().map_err(|_| FORM)?;
        if billionths > WHOLE { Err(FORM) } else { Ok(Self { billionths }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact() {
        for (text, shown) in [
            ("1%", "1 %"),
            ("0.01", "1 %"),
            ("0", "0 %"),
            ("100%", "100 %"),
            (".5 %", "0.5 %"),
            ("0.0005", "0.05 %"),
        ] {
            assert_eq!(text.parse::<Allowance>().unwrap().to_string(), shown, "{text}");
        }
        for percent in 0..=100 {
            let allowed: Allowance = format!("{percent}%").parse().unwrap();
            assert!(allowed.allows(percent, 100) && !allowed.allows(percent + 1, 100));
            assert_eq!(allowed, format!("{}.{:02}", percent / 100, percent % 100).parse().unwrap());
        }
        assert!("0%".parse::<Allowance>().unwrap().allows(0, 0));
        for bad in ["", "%", ".", "-1%", "101%", "1.1", "1e-2", "x", "0.0000000001"] {
            assert!(bad.parse::<Allowance>().is_err(), "{bad}");
        }
    }
}

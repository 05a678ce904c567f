use std::fmt;
use std::str::FromStr;

use super::FailureKind;
use crate::report::Class;

/// Says which outcomes are meant: by outcome, or by failure kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    /// `ok` of a get, `found` of a probe.
    Ok,
    /// `not_found`
    NotFound,
    /// `failed` of a get, `unknown` of a probe.
    Failed,
    /// `deferred`
    Deferred,
    /// Failures and deferrals of this kind.
    Kind(FailureKind),
}

impl Selector {
    pub(crate) fn selects(self, class: Class, kind: Option<FailureKind>) -> bool {
        match self {
            Self::Ok => class == Class::Ok,
            Self::NotFound => class == Class::NotFound,
            Self::Failed => class == Class::Failed,
            Self::Deferred => class == Class::Deferred,
            Self::Kind(wanted) => kind == Some(wanted),
        }
    }
}

/// The word is neither an outcome nor a failure kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSelector(String);

impl fmt::Display for UnknownSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is neither an outcome (ok, found, not_found, failed, unknown, deferred) nor a \
             failure kind (",
            self.0
        )?;
        for (n, kind) in FailureKind::ALL.into_iter().enumerate() {
            write!(f, "{}{kind}", if n > 0 { ", " } else { "" })?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for UnknownSelector {}

impl FromStr for Selector {
    type Err = UnknownSelector;

    fn from_str(word: &str) -> Result<Self, UnknownSelector> {
        Ok(match word {
            "ok" | "found" => Self::Ok,
            "not_found" => Self::NotFound,
            "failed" | "unknown" => Self::Failed,
            "deferred" => Self::Deferred,
            other => Self::Kind(other.parse().map_err(|_| UnknownSelector(other.to_owned()))?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_and_kinds_are_selected_by_their_names() {
        let selector = |word: &str| word.parse::<Selector>().unwrap();
        assert_eq!(selector("found"), selector("ok"));
        assert!(selector("unknown").selects(Class::Failed, Some(FailureKind::Timeout)));
        assert!(selector("timeout").selects(Class::Deferred, Some(FailureKind::Timeout)));
        assert!(!selector("timeout").selects(Class::Failed, Some(FailureKind::Stalled)));
        let error = "toast".parse::<Selector>().unwrap_err().to_string();
        assert!(error.contains("\"toast\"") && error.contains("origin_down"), "{error}");
    }
}

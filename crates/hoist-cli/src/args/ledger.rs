use clap::{Args, ValueEnum};
use hoist::outcome::Selector;
use hoist::plan::{Durable, LedgerPlan};

/// How a list is gone on with: the same for all commands that keep a ledger.
#[derive(Debug, Args)]
pub(super) struct LedgerArgs {
    /// Ask again what ended so
    #[arg(long, value_name = "OUTCOME|KIND[,..]", value_delimiter = ',')]
    #[arg(help = "Ask those again that ended so: failed, not_found, deferred, or failure kinds")]
    pub(super) again: Vec<Selector>,
    /// Start over: forget what earlier runs have answered
    #[arg(long, conflicts_with = "again")]
    pub(super) fresh: bool,
    /// What an outcome survives: group (a power cut), none (only a kill; saves the syncs)
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    #[arg(value_name = "group|none")]
    pub(super) durable: DurableArg,
}

/// What an outcome survives, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum DurableArg {
    #[default]
    Group,
    None,
}

impl LedgerArgs {
    /// `keep_list`: the list comes from a pipe, and can't be read a second time.
    pub(super) fn plan(&self, keep_list: bool) -> LedgerPlan {
        LedgerPlan {
            durable: match self.durable {
                DurableArg::Group => Durable::Group,
                DurableArg::None => Durable::None,
            },
            again: self.again.clone(),
            fresh: self.fresh,
            keep_list,
        }
    }

    /// The option that makes no sense without a ledger, if one is given.
    pub(super) fn needless(&self) -> Option<&'static str> {
        match self {
            Self { fresh: true, .. } => Some("--fresh"),
            Self { again, .. } if !again.is_empty() => Some("--again"),
            _ => None,
        }
    }
}

use clap::{Args, ValueEnum};
use hoist::plan::Wildcards;

/// What becomes of names that a wildcard answers for, as typed.
#[derive(Debug, Args)]
pub(super) struct WildcardArgs {
    /// Names under a wildcard resolve whatever they are: keep them found, mark or drop them
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    #[arg(value_name = "keep|mark|drop")]
    wildcards: WildcardsArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum WildcardsArg {
    #[default]
    Keep,
    Mark,
    Drop,
}

impl WildcardArgs {
    pub(super) fn plan(&self) -> Wildcards {
        match self.wildcards {
            WildcardsArg::Keep => Wildcards::Keep,
            WildcardsArg::Mark => Wildcards::Mark,
            WildcardsArg::Drop => Wildcards::Drop,
        }
    }
}

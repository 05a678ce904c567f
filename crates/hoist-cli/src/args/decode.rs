use std::num::NonZeroU32;

use clap::Args;
use hoist::plan::{DecodePlan, defaults};

use super::values;

/// Whether content codings are taken off, as typed.
#[derive(Debug, Args)]
pub(super) struct DecodeArgs {
    /// Ask for gzip, deflate, zstd and br, and save what such bodies decode to
    #[arg(long)]
    decode: bool,
    /// Decoded bytes for each one received, beyond the first 8 MiB
    #[arg(long, value_name = "RATIO", requires = "decode")]
    #[arg(help = format!(
        "Decoded bytes for each one received, beyond the first {} MiB [default: {}]",
        defaults::FREE_EXPANSION >> 20,
        defaults::MAX_EXPANSION
    ))]
    #[arg(value_parser = values::some::<NonZeroU32>)]
    max_expansion: Option<NonZeroU32>,
}

impl DecodeArgs {
    pub(super) fn plan(&self) -> Option<DecodePlan> {
        let default = DecodePlan::default();
        let max_expansion = self.max_expansion.unwrap_or(default.max_expansion);
        self.decode.then_some(DecodePlan { max_expansion })
    }
}

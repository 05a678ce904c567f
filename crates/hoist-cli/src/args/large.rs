use std::num::NonZeroUsize;

use clap::Args;
use hoist::plan::{LargePlan, NamingPlan, SinkPlan};

/// How large files are brought back.
#[derive(Debug, Args)]
pub(super) struct LargeArgs {
    /// Go on with files that broke off, in this run or an earlier one, where the server can
    #[arg(short = 'c', long = "continue")]
    pub(super) continues: bool,
    /// Get large files in up to N ranges at once, within --per-origin; goes on with them, too
    #[arg(long, value_name = "N", value_parser = split)]
    pub(super) split: Option<NonZeroUsize>,
}

/// Ranges at once, as typed.
fn split(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().filter(|n: &NonZeroUsize| n.get() <= MOST);
    number.ok_or_else(|| format!("a number from 1 to {MOST}"))
}

/// More would be turned away by most servers.
const MOST: usize = 64;

impl LargeArgs {
    /// Or why it can't be had with such a sink.
    pub(super) fn plan(
        &self,
        sink: &SinkPlan,
        naming: &NamingPlan,
        decodes: bool,
    ) -> Result<LargePlan, String> {
        let other = match sink {
            // A part is of what is sent, and has its name before that comes.
            SinkPlan::Directory { .. } if decodes => Some("--decode changes what is sent"),
            SinkPlan::Directory { .. } if naming.from_header => Some("-J names them late"),
            SinkPlan::Directory { template: Some(template), .. } if template.needs_body() => {
                Some("{sha256} names them late")
            }
            SinkPlan::Directory { .. } => None,
            SinkPlan::Tar { .. } => Some("--to tar: puts them into shards"),
            SinkPlan::Writer(_) => Some("-o - has none"),
        };
        let option = match (self.continues, self.split) {
            (true, _) => Some("--continue"),
            (false, Some(_)) => Some("--split"),
            (false, None) => None,
        };
        if let (Some(option), Some(other)) = (option, other) {
            return Err(format!("{option} is for files, and {other}; leave one of them out"));
        }
        let mut plan = LargePlan { continues: self.continues, ..LargePlan::default() };
        plan.split = self.split.unwrap_or(plan.split);
        Ok(plan)
    }
}

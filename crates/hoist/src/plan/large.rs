use std::num::{NonZeroU64, NonZeroUsize};

use super::defaults;

/// How large bodies are brought back.
#[derive(Debug, Clone)]
pub struct LargePlan {
    /// A body that breaks off is gone on with where it broke, by the next try and by the next run, as
    /// far as its server has ranges and a strong validator (RFC 9110 §14, §8.8). What is there of it
    /// is below the folder of a [`SinkPlan::Directory`](super::SinkPlan::Directory), in `.hoist`;
    /// other sinks start over, as all do without this.
    pub continues: bool,
    /// Ranges of one body that are asked for at once, at most, where that can be had; it is gone on
    /// with then, too. Each holds a permit of its origin, and takes only those that nobody waits for.
    pub split: NonZeroUsize,
    /// Bytes of such a range, at least. A body of less than two is not split.
    pub piece: NonZeroU64,
}

impl Default for LargePlan {
    fn default() -> Self {
        Self { continues: false, split: NonZeroUsize::MIN, piece: defaults::PIECE_BYTES }
    }
}

impl LargePlan {
    /// Whether what is there of a body is kept.
    pub(crate) fn keeps(&self) -> bool {
        self.continues || self.split > NonZeroUsize::MIN
    }
}

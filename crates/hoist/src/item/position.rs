use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an item stands in its list: the number of its physical line, from 0, blank lines and
/// comments counted. A position is the identity of an item.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The number of the line as an editor counts it, from 1.
    pub fn line_number(self) -> u64 {
        self.0 + 1
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

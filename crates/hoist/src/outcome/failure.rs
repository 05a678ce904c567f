use std::fmt;

use super::FailureKind;

/// Why an item failed: the kind for programs, the reason for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One of the closed list.
    pub kind: FailureKind,
    /// A sentence without a full stop, with the figures that explain it. It holds no secrets.
    pub reason: String,
}

/// Characters of a reason, at most.
const MAX_REASON: usize = 1_000;

impl Failure {
    /// A failure of this kind, for this reason.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        // Servers have a say in some reasons: URLs, certificates.
        if let Some((end, _)) = reason.char_indices().nth(MAX_REASON) {
            reason.truncate(end);
            reason.push_str("...");
        }
        Self { kind, reason }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.reason)
    }
}

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

impl Failure {
    /// A failure of this kind, for this reason.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.reason)
    }
}

/// What becomes of names that resolve only because a wildcard above them does (RFC 4592): "found"
/// says nothing of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wildcards {
    /// They are found like others, and nothing is tested.
    #[default]
    Keep,
    /// Found names are tested, and their outcomes say what came of it.
    Mark,
    /// As `Mark`, and those that a wildcard answers for are not found.
    Drop,
}

impl Wildcards {
    /// As it is written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Mark => "mark",
            Self::Drop => "drop",
        }
    }
}

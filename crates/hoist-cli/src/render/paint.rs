use std::fmt::{self, Display};

use super::terminal;

/// Puts colours on an output, or leaves them away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    /// As standard error and `NO_COLOR` have it.
    pub(super) fn stderr() -> Self {
        Self { on: terminal::colours() }
    }

    /// As standard output and `NO_COLOR` have it.
    pub(super) fn stdout() -> Self {
        Self { on: terminal::stdout_colours() }
    }

    /// Without colours.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self { on: false }
    }

    pub(super) fn good(self, what: impl Display) -> impl Display {
        self.with("32", what)
    }

    pub(super) fn bad(self, what: impl Display) -> impl Display {
        self.with("31", what)
    }

    pub(super) fn odd(self, what: impl Display) -> impl Display {
        self.with("33", what)
    }

    fn with(self, code: &'static str, what: impl Display) -> impl Display {
        fmt::from_fn(
            move |f| {
                if self.on { write!(f, "\x1b[{code}m{what}\x1b[0m") } else { what.fmt(f) }
            },
        )
    }
}

use std::io::IsTerminal;
use std::os::fd::BorrowedFd;

/// What a terminal that does not tell its width is taken for.
const USUAL_WIDTH: usize = 80;

/// Whether people read standard output as it is written.
pub(crate) fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether people read standard error as it is written.
pub(crate) fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// The columns of the terminal behind standard error, at this moment.
pub(super) fn width() -> usize {
    width_of(rustix::stdio::stderr())
}

/// The columns of the terminal behind standard output, at this moment.
pub(super) fn stdout_width() -> usize {
    width_of(rustix::stdio::stdout())
}

fn width_of(output: BorrowedFd<'_>) -> usize {
    match rustix::termios::tcgetwinsize(output) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => USUAL_WIDTH,
    }
}

/// Whether standard error can be drawn on: a terminal that knows how to clear a line.
pub(super) fn draws() -> bool {
    stderr_is_terminal() && !is_dumb()
}

/// Whether standard error takes colours: a terminal that can, and nobody who said no
/// (<https://no-color.org>).
pub(super) fn colours() -> bool {
    draws() && !said_no()
}

/// The same of standard output.
pub(super) fn stdout_colours() -> bool {
    stdout_is_terminal() && !is_dumb() && !said_no()
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

fn said_no() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

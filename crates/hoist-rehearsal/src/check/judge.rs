//! The verdict: what a client did, held against what is right. Nothing else is looked at here.

use std::fmt;

use super::saved::{Fit, Saved};
use crate::http::Right;

/// More requests than this in one case are a loop: the longest chain of redirects that a client
/// follows is far shorter.
const MANY: usize = 200;
/// What a Rust program exits with when it panics.
const PANIC: i32 = 101;
/// Shells give 128 and a signal's number for a program that it killed.
const KILLED: std::ops::RangeInclusive<i32> = 129..=192;

/// How a client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It did not, within its limit.
    Hung,
}

/// What a client's doings come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Right: the file is there, whole.
    Whole,
    /// Right: it reported a failure.
    Failed,
    /// Wrong, in this way.
    Wrong(Kind),
}

/// The ways to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It was killed by a signal, or panicked.
    Crash,
    /// It sent more than 200 requests.
    Loop,
    /// Credentials for one origin reached another.
    Leaked,
    /// It did not end within its limit.
    Hang,
    /// A part was passed off as the whole.
    Truncated,
    /// The page of a redirect or an error was passed off as the file.
    ErrorPage,
    /// A broken answer was passed off as a good one.
    Accepted,
    /// Success, with other bytes than the right ones.
    WrongBytes,
    /// Success, and no file.
    NoFile,
    /// Failure, where the file could be had.
    GaveUp,
    /// It came again before the time that Retry-After named.
    TooSoon,
}

/// What a client did in one case.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) exit: Exit,
    pub(super) saved: Saved,
    /// Requests, and connections that met a fault before one.
    pub(super) requests: usize,
    /// That of the last final answer.
    pub(super) status: Option<u16>,
    /// How long the body of the last answer would have been, whole.
    pub(super) whole: Option<u64>,
    pub(super) leaked: bool,
    pub(super) too_soon: bool,
}

/// The worst comes first: a client that loops and is cut short by its limit loops.
pub(super) fn judge(seen: &Seen, right: &[Right]) -> Verdict {
    let hung = match seen.exit {
        Exit::Signal(_) => return Verdict::Wrong(Kind::Crash),
        Exit::Code(code) if code == PANIC || KILLED.contains(&code) => {
            return Verdict::Wrong(Kind::Crash);
        }
        Exit::Code(_) => false,
        Exit::Hung => true,
    };
    if seen.requests > MANY {
        return Verdict::Wrong(Kind::Loop);
    }
    if seen.leaked {
        return Verdict::Wrong(Kind::Leaked);
    }
    if hung {
        return Verdict::Wrong(Kind::Hang);
    }
    let verdict = if seen.exit == Exit::Code(0) { saved(seen, right) } else { failed(right) };
    match verdict {
        Verdict::Whole | Verdict::Failed if seen.too_soon => Verdict::Wrong(Kind::TooSoon),
        verdict => verdict,
    }
}

fn failed(right: &[Right]) -> Verdict {
    let fail = right.iter().any(|right| matches!(right, Right::Fail));
    if fail { Verdict::Failed } else { Verdict::Wrong(Kind::GaveUp) }
}

/// It says that all is well.
fn saved(seen: &Seen, right: &[Right]) -> Verdict {
    let Saved { length, exists, fits, made } = &seen.saved;
    if fits.contains(&Fit::Whole) {
        return Verdict::Whole;
    }
    let bytes_can_be_right = right.iter().any(|right| !matches!(right, Right::Fail));
    Verdict::Wrong(if !exists {
        Kind::NoFile
    } else if seen.status.is_some_and(|status| status >= 300) {
        Kind::ErrorPage
    } else if fits.contains(&Fit::Part) || *made && seen.whole.is_some_and(|whole| *length < whole)
    {
        Kind::Truncated
    } else if bytes_can_be_right {
        Kind::WrongBytes
    } else if *made && seen.whole.is_none() {
        Kind::Truncated
    } else {
        Kind::Accepted
    })
}

impl Kind {
    /// All of them, the worst first.
    pub const ALL: [Self; 11] = [
        Self::Crash,
        Self::Loop,
        Self::Leaked,
        Self::Hang,
        Self::Truncated,
        Self::ErrorPage,
        Self::Accepted,
        Self::WrongBytes,
        Self::NoFile,
        Self::GaveUp,
        Self::TooSoon,
    ];

    /// In two words at most.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Loop => "loop",
            Self::Leaked => "leaked",
            Self::Hang => "hang",
            Self::Truncated => "truncated",
            Self::ErrorPage => "error page",
            Self::Accepted => "accepted",
            Self::WrongBytes => "wrong bytes",
            Self::NoFile => "no file",
            Self::GaveUp => "gave up",
            Self::TooSoon => "too soon",
        }
    }

    /// What it means, in one line.
    pub fn means(self) -> &'static str {
        match self {
            Self::Crash => "it was killed by a signal, or panicked",
            Self::Loop => "it sent more than 200 requests",
            Self::Leaked => "credentials for one origin reached another",
            Self::Hang => "it did not end within its limit",
            Self::Truncated => "a part was passed off as the whole",
            Self::ErrorPage => "an error's or redirect's page was passed off as the file",
            Self::Accepted => "a broken answer was passed off as a good one",
            Self::WrongBytes => "success, with other bytes than the right ones",
            Self::NoFile => "success, and no file",
            Self::GaveUp => "failure, where the file could be had",
            Self::TooSoon => "it came again before Retry-After allowed it",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAIL: &[Right] = &[Right::Fail];
    const MADE: &[Right] = &[Right::Made(1000)];
    const EITHER: &[Right] = &[Right::Made(1000), Right::Fail];

    fn seen(exit: Exit, length: u64, fit: Fit) -> Seen {
        Seen {
            exit,
            saved: Saved { length, exists: true, fits: vec![fit], made: true },
            requests: 1,
            status: Some(200),
            whole: Some(1000),
            leaked: false,
            too_soon: false,
        }
    }

    fn done(length: u64, fit: Fit) -> Seen {
        seen(Exit::Code(0), length, fit)
    }

    fn wrong(seen: &Seen, right: &[Right]) -> Kind {
        match judge(seen, right) {
            Verdict::Wrong(kind) => kind,
            verdict => panic!("{verdict:?}: {seen:?}"),
        }
    }

    #[test]
    fn what_is_right() {
        assert_eq!(judge(&done(1000, Fit::Whole), MADE), Verdict::Whole);
        let failed = seen(Exit::Code(22), 500, Fit::Other);
        assert_eq!(judge(&failed, FAIL), Verdict::Failed);
        assert_eq!(judge(&failed, EITHER), Verdict::Failed);
        assert_eq!(judge(&done(1000, Fit::Whole), EITHER), Verdict::Whole);
        // Some programs exit so on any error.
        assert_eq!(judge(&seen(Exit::Code(255), 0, Fit::Other), FAIL), Verdict::Failed);
        assert_eq!(judge(&seen(Exit::Code(128), 0, Fit::Other), FAIL), Verdict::Failed);
    }

    #[test]
    fn no_file_is_right_where_it_is_to_be_empty() {
        let mut none = done(0, Fit::Whole);
        none.saved.exists = false;
        assert_eq!(judge(&none, &[Right::Made(0)]), Verdict::Whole);
        none.saved.fits = vec![Fit::Part];
        assert_eq!(wrong(&none, MADE), Kind::NoFile);
    }

    #[test]
    fn a_part_is_not_the_whole() {
        assert_eq!(wrong(&done(999, Fit::Part), MADE), Kind::Truncated);
        assert_eq!(wrong(&done(0, Fit::Part), MADE), Kind::Truncated);
        assert_eq!(wrong(&done(500, Fit::Other), FAIL), Kind::Truncated);
        let mut garbage = done(0, Fit::Other);
        (garbage.status, garbage.whole) = (None, None);
        assert_eq!(wrong(&garbage, FAIL), Kind::Truncated);
    }

    #[test]
    fn all_of_a_broken_answer_is_accepted() {
        assert_eq!(wrong(&done(1000, Fit::Other), FAIL), Kind::Accepted);
        let mut other = done(20, Fit::Other);
        other.saved.made = false;
        assert_eq!(wrong(&other, FAIL), Kind::Accepted);
    }

    #[test]
    fn pages_and_other_bytes() {
        let mut page = done(20, Fit::Other);
        page.saved.made = false;
        assert_eq!(wrong(&page, MADE), Kind::WrongBytes);
        page.status = Some(302);
        assert_eq!(wrong(&page, MADE), Kind::ErrorPage);
        page.status = Some(404);
        assert_eq!(wrong(&page, FAIL), Kind::ErrorPage);
        (page.saved.length, page.saved.made) = (0, true);
        assert_eq!(wrong(&page, FAIL), Kind::ErrorPage);
        page.saved.exists = false;
        assert_eq!(wrong(&page, FAIL), Kind::NoFile);
    }

    #[test]
    fn failure_where_only_the_whole_is_right() {
        assert_eq!(wrong(&seen(Exit::Code(1), 1000, Fit::Whole), MADE), Kind::GaveUp);
    }

    #[test]
    fn what_no_result_makes_good() {
        assert_eq!(wrong(&seen(Exit::Signal(9), 1000, Fit::Whole), MADE), Kind::Crash);
        assert_eq!(wrong(&seen(Exit::Code(139), 0, Fit::Other), FAIL), Kind::Crash);
        assert_eq!(wrong(&seen(Exit::Code(101), 0, Fit::Other), FAIL), Kind::Crash);
        assert_eq!(wrong(&seen(Exit::Hung, 0, Fit::Other), FAIL), Kind::Hang);
        let mut much = seen(Exit::Hung, 0, Fit::Other);
        much.requests = 201;
        assert_eq!(wrong(&much, FAIL), Kind::Loop);
        let mut good = done(1000, Fit::Whole);
        good.leaked = true;
        assert_eq!(wrong(&good, MADE), Kind::Leaked);
        (good.leaked, good.too_soon) = (false, true);
        assert_eq!(wrong(&good, MADE), Kind::TooSoon);
        good.saved = done(500, Fit::Part).saved;
        assert_eq!(wrong(&good, MADE), Kind::Truncated);
    }

    #[test]
    fn kinds_are_all_there_and_in_order() {
        assert!(Kind::ALL.is_sorted());
        assert!(Kind::ALL.iter().all(|kind| kind.name().len() <= 11 && kind.means().len() <= 60));
    }
}

//! The faults a URL can name, one file a family. To add one: a function in its family's file, a
//! variant with its name and path here, a line in the table of [`crate::http`], a test.

mod framing;
mod pace;
mod redirect;
mod sever;
mod status;

use super::exchange::{Answered, Exchange, Trouble};
use super::request::decode;

/// A fault with the part of its path that is a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault<'a> {
    Status(&'a str),
    Flaky,
    Interim,
    Headers,
    Bytes(&'a str),
    Chunked,
    Unframed,
    Slow,
    Drip,
    Redirect(&'a str),
    RedirectLoop,
    RedirectTo,
    Reset,
    Short,
    Long,
    Stall,
    Silent,
    Garbage,
    Lengths,
    LengthAndChunked,
}

pub(crate) fn find(path: &str) -> Option<Fault<'_>> {
    let path = path.strip_prefix('/')?;
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    Some(match (first, rest) {
        ("status", code) => Fault::Status(code),
        ("flaky", "") => Fault::Flaky,
        ("interim", "") => Fault::Interim,
        ("headers", "") => Fault::Headers,
        ("bytes", n) => Fault::Bytes(n),
        ("chunked", "") => Fault::Chunked,
        ("unframed", "") => Fault::Unframed,
        ("slow", "") => Fault::Slow,
        ("drip", "") => Fault::Drip,
        ("redirect", "loop") => Fault::RedirectLoop,
        ("redirect", "to") => Fault::RedirectTo,
        ("redirect", n) => Fault::Redirect(n),
        ("fault", "reset") => Fault::Reset,
        ("fault", "short") => Fault::Short,
        ("fault", "long") => Fault::Long,
        ("fault", "stall") => Fault::Stall,
        ("fault", "silent") => Fault::Silent,
        ("fault", "garbage") => Fault::Garbage,
        ("fault", "lengths") => Fault::Lengths,
        ("fault", "length-and-chunked") => Fault::LengthAndChunked,
        _ => return None,
    })
}

impl Fault<'_> {
    /// As the truth log calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Flaky => "flaky",
            Self::Interim => "interim",
            Self::Headers => "headers",
            Self::Bytes(_) => "bytes",
            Self::Chunked => "chunked",
            Self::Unframed => "unframed",
            Self::Slow => "slow",
            Self::Drip => "drip",
            Self::Redirect(_) => "redirect",
            Self::RedirectLoop => "redirect-loop",
            Self::RedirectTo => "redirect-to",
            Self::Reset => "reset",
            Self::Short => "short",
            Self::Long => "long",
            Self::Stall => "stall",
            Self::Silent => "silent",
            Self::Garbage => "garbage",
            Self::Lengths => "lengths",
            Self::LengthAndChunked => "length-and-chunked",
        }
    }

    pub(crate) async fn answer(self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Status(code) => status::status(ex, code).await,
            Self::Flaky => status::flaky(ex).await,
            Self::Interim => status::interim(ex).await,
            Self::Headers => status::headers(ex).await,
            Self::Bytes(n) => framing::bytes(ex, n).await,
            Self::Chunked => framing::chunked(ex).await,
            Self::Unframed => framing::unframed(ex).await,
            Self::Lengths => framing::lengths(ex).await,
            Self::LengthAndChunked => framing::length_and_chunked(ex).await,
            Self::Short => framing::short(ex).await,
            Self::Long => framing::long(ex).await,
            Self::Slow => pace::slow(ex).await,
            Self::Drip => pace::drip(ex).await,
            Self::Stall => pace::stall(ex).await,
            Self::Silent => pace::silent(ex).await,
            Self::Redirect(n) => redirect::chain(ex, n).await,
            Self::RedirectLoop => redirect::round(ex).await,
            Self::RedirectTo => redirect::to(ex).await,
            Self::Reset => sever::reset(ex).await,
            Self::Garbage => sever::garbage(ex).await,
        }
    }
}

/// The longest body anyone may ask for.
const LONGEST: u64 = 1 << 40;

/// The parameters of a query, each asked for once; then `done` refuses what nobody asked for, so
/// that a mistyped parameter is not a quiet default. Parameters that start with `x` or are called
/// `id` only make URLs differ, and are let through.
struct Params<'a> {
    all: Vec<(&'a str, &'a str)>,
}

impl<'a> Params<'a> {
    fn of(ex: &Exchange<'a>) -> Self {
        Self { all: ex.request.params().collect() }
    }

    fn text(&mut self, name: &str) -> Option<&'a str> {
        let at = self.all.iter().position(|(n, _)| *n == name)?;
        Some(self.all.remove(at).1)
    }

    fn number(&mut self, name: &str, or: u64) -> Result<u64, Trouble> {
        self.text(name).map_or(Ok(or), number)
    }

    fn status(&mut self, or: u16) -> Result<u16, Trouble> {
        self.text("status").map_or(Ok(or), status_code)
    }

    fn done(self) -> Result<(), Trouble> {
        if self.all.iter().all(|(name, _)| *name == "id" || name.starts_with('x')) {
            Ok(())
        } else {
            Err(Trouble::BadRequest("an unknown parameter"))
        }
    }
}

fn number(text: &str) -> Result<u64, Trouble> {
    text.parse()
        .ok()
        .filter(|n| *n <= LONGEST)
        .ok_or(Trouble::BadRequest("a parameter that is no number up to 2^40"))
}

fn status_code(text: &str) -> Result<u16, Trouble> {
    text.parse()
        .ok()
        .filter(|code| (200..=999).contains(code))
        .ok_or(Trouble::BadRequest("a status is 200 to 999"))
}

fn decoded(text: &str) -> Result<String, Trouble> {
    decode(text).map(std::borrow::Cow::into_owned).map_err(Trouble::BadRequest)
}

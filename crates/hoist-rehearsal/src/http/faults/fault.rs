//! Which fault a path names, and who answers it.

use super::{framing, pace, redirect, sever, status};
use crate::http::exchange::{Answered, Exchange};

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

//! Bodies, and lies about their length (RFC 9112, section 6).

use super::params::{Params, number};
use crate::http::exchange::{Answered, Exchange};
use crate::truth::End;

const BINARY: &str = "application/octet-stream";
/// Body length where none is asked for.
const USUAL: u64 = 1000;
/// The longest chunk of a chunked body.
const CHUNK: u64 = 16 << 10;

pub(super) async fn bytes(ex: &mut Exchange<'_>, n: &str) -> Answered {
    let n = number(n)?;
    Params::of(ex).done()?;
    ex.head(200).header("Content-Type", BINARY).length(n).end_head();
    ex.made_body(0, n).await?;
    ex.flush().await
}

pub(super) async fn short(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let of = params.number("of", USUAL)?;
    let send = params.number("send", of / 2)?.min(of);
    params.done()?;
    sized(ex, of, send).await
}

pub(super) async fn long(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let of = params.number("of", USUAL)?;
    let send = params.number("send", of * 2)?.max(of);
    params.done()?;
    sized(ex, of, send).await
}

/// Promises `of`, sends `send`. It looks like any answer on a connection to be kept.
async fn sized(ex: &mut Exchange<'_>, of: u64, send: u64) -> Answered {
    ex.head(200).header("Content-Type", BINARY).length(of).end_head();
    ex.end = End::Close;
    ex.made_body(0, send).await?;
    ex.flush().await
}

pub(super) async fn chunked(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let of = params.number("of", USUAL)?;
    let cut = params.text("cut").map(number).transpose()?;
    params.done()?;
    let until = cut.unwrap_or(of).min(of);
    ex.head(200).header("Content-Type", BINARY).header("Transfer-Encoding", "chunked").end_head();
    // At least a few chunks even of a small body.
    let size = (of / 3).clamp(1, CHUNK);
    let mut at = 0;
    while at < until {
        let to = until.min(at + size);
        ex.made_chunk(at, to).await?;
        at = to;
    }
    if cut.is_some() {
        ex.end = End::Close;
    } else if !ex.request.is_head() {
        ex.raw(b"0\r\n\r\n");
    }
    ex.flush().await
}

pub(super) async fn unframed(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let of = params.number("of", USUAL)?;
    params.done()?;
    ex.end = End::Close;
    ex.head(200).header("Content-Type", BINARY).end_head();
    ex.made_body(0, of).await?;
    ex.flush().await
}

pub(super) async fn lengths(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let a = params.number("a", 5)?;
    let b = params.number("b", 6)?;
    params.done()?;
    if a != b {
        ex.end = End::Close;
    }
    ex.head(200).header("Content-Type", BINARY).length(a).length(b).end_head();
    ex.made_body(0, a.max(b)).await?;
    ex.flush().await
}

pub(super) async fn length_and_chunked(ex: &mut Exchange<'_>) -> Answered {
    Params::of(ex).done()?;
    ex.end = End::Close;
    ex.head(200).header("Content-Type", BINARY).length(5);
    ex.header("Transfer-Encoding", "chunked").end_head();
    ex.made_chunk(0, 5).await?;
    if !ex.request.is_head() {
        ex.raw(b"0\r\n\r\n");
    }
    ex.flush().await
}

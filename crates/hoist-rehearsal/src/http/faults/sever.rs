//! Connections that break, and answers that are none.

use super::params::{Params, number};
use crate::http::exchange::{Answered, Exchange};
use crate::truth::End;

/// Promised beyond what is sent before the reset.
const MORE: u64 = 1000;

/// Bytes that the client has not received when the reset comes may be lost on the way, so it sees
/// at most `after`.
pub(super) async fn reset(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let after = params.text("after").map(number).transpose()?;
    params.done()?;
    if let Some(after) = after.filter(|n| *n > 0) {
        ex.head(200).header("Content-Type", "application/octet-stream");
        ex.length(after + MORE).end_head();
        ex.made_body(0, after).await?;
    }
    ex.reset().await
}

pub(super) async fn garbage(ex: &mut Exchange<'_>) -> Answered {
    Params::of(ex).done()?;
    ex.end = End::Close;
    ex.raw(b"\x16\x00This is no HTTP.\r\n\xff\xfe: ?\r\n\r\n").flush().await
}

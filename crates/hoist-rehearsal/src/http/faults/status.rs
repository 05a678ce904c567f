//! Whole answers with the status asked for.

use super::params::{Params, decoded, status_code};
use crate::http::exchange::{Answered, Exchange, Trouble};
use crate::http::reason;

/// The most interim answers given.
const INTERIM_LIMIT: u64 = 1000;

pub(super) async fn status(ex: &mut Exchange<'_>, code: &str) -> Answered {
    let code = status_code(code)?;
    let mut params = Params::of(ex);
    let retry_after = params.text("retry-after").map(decoded).transpose()?;
    params.done()?;
    give(ex, code, retry_after).await
}

pub(super) async fn flaky(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let fail = params.number("fail", 1)?;
    let code = params.status(503)?;
    let retry_after = params.text("retry-after").map(decoded).transpose()?;
    params.done()?;
    if u64::from(ex.attempt) <= fail {
        give(ex, code, retry_after).await
    } else {
        ex.text(200, &format!("right at attempt {}", ex.attempt)).await
    }
}

async fn give(ex: &mut Exchange<'_>, code: u16, retry_after: Option<String>) -> Answered {
    // Any value goes, since a client must survive any; but it must stay one header.
    if retry_after.as_ref().is_some_and(|value| value.contains(|c: char| c.is_control())) {
        return Err(Trouble::BadRequest("control characters in retry-after"));
    }
    ex.head(code);
    if let Some(value) = retry_after {
        ex.header("Retry-After", value);
    }
    match code {
        401 => drop(ex.header("WWW-Authenticate", "Basic realm=\"rehearsal\"")),
        407 => drop(ex.header("Proxy-Authenticate", "Basic realm=\"rehearsal\"")),
        _ => {}
    }
    ex.end_text(&format!("{code} {}", reason(code))).await
}

pub(super) async fn interim(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let n = params.number("n", 1)?.min(INTERIM_LIMIT);
    params.done()?;
    for _ in 0..n {
        ex.interim(103, "Link: </style.css>; rel=preload; as=style").flush().await?;
    }
    ex.text(200, &format!("after {n} interim answers")).await
}

pub(super) async fn headers(ex: &mut Exchange<'_>) -> Answered {
    let lines = ex.request.headers;
    ex.head(200).header("Content-Type", "text/plain").length(lines.len() as u64).end_head();
    ex.body(lines).await?;
    ex.flush().await
}

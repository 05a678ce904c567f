//! Answers that come late, slowly, or never.

use std::time::Duration;

use super::params::Params;
use crate::http::exchange::{Answered, Exchange, PATIENCE, Trouble};

const BINARY: &str = "application/octet-stream";
/// Dripped bytes gather for this long at most rates, so that a fast drip is not a packet a byte.
const TICK: Duration = Duration::from_millis(10);

pub(super) async fn slow(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let delay = params.text("delay").unwrap_or("1").parse().ok();
    let delay = delay.and_then(|s| Duration::try_from_secs_f64(s).ok()).filter(|d| *d <= PATIENCE);
    params.done()?;
    ex.delay = delay.ok_or(Trouble::BadRequest("a delay is 0 to 600 seconds"))?;
    ex.wait(ex.delay).await?;
    ex.text(200, "at last").await
}

pub(super) async fn drip(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let rate = params.number("rate", 100)?.max(1);
    let of = params.number("of", 1000)?;
    params.done()?;
    ex.head(200).header("Content-Type", BINARY).length(of).end_head();
    ex.flush().await?;
    if ex.request.is_head() {
        return Ok(());
    }
    let began = ex.arrived.elapsed();
    let (mut at, mut due) = (0, Duration::ZERO);
    while at < of {
        due += TICK;
        // The time at which the next byte has become due.
        let next = Duration::from_nanos((at + 1).saturating_mul(1_000_000_000).div_ceil(rate));
        due = due.max(next);
        ex.wait(began + due).await?;
        let to = (due.as_nanos() * u128::from(rate) / 1_000_000_000).min(u128::from(of));
        let to = u64::try_from(to).unwrap_or(of).max(at);
        ex.made_body(at, to).await?;
        at = to;
    }
    Ok(())
}

pub(super) async fn stall(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let of = params.number("of", 1000)?;
    let send = params.number("send", of / 2)?.min(of);
    params.done()?;
    ex.head(200).header("Content-Type", BINARY).length(of).end_head();
    ex.made_body(0, send).await?;
    ex.flush().await?;
    ex.outlast().await
}

pub(super) async fn silent(ex: &mut Exchange<'_>) -> Answered {
    Params::of(ex).done()?;
    ex.outlast().await
}

//! Redirects: chains, loops, and to anywhere.

use super::params::{Params, decoded, number};
use crate::http::exchange::{Answered, Exchange, Trouble};

pub(super) async fn chain(ex: &mut Exchange<'_>, n: &str) -> Answered {
    match number(n)? {
        0 => ex.text(200, "arrived").await,
        n => {
            let query = ex.request.query;
            let mark = if query.is_empty() { "" } else { "?" };
            to_location(ex, 302, &format!("/redirect/{}{mark}{query}", n - 1)).await
        }
    }
}

pub(super) async fn round(ex: &mut Exchange<'_>) -> Answered {
    let target = ex.request.target;
    to_location(ex, 302, target).await
}

pub(super) async fn to(ex: &mut Exchange<'_>) -> Answered {
    let mut params = Params::of(ex);
    let url = params.text("url").ok_or(Trouble::BadRequest("a redirect needs url"))?;
    let url = decoded(url)?;
    let status = params.status(302)?;
    params.done()?;
    if url.contains(|c: char| c.is_control()) {
        return Err(Trouble::BadRequest("control characters in url"));
    }
    to_location(ex, status, &url).await
}

async fn to_location(ex: &mut Exchange<'_>, status: u16, location: &str) -> Answered {
    ex.head(status).header("Location", location);
    ex.end_text(&format!("to {location}")).await
}

//! Answers that lead elsewhere.

use super::{Form, Redirect, TARGET};
use crate::http::exchange::{Answered, Exchange};
use crate::truth::End;

/// The longest Location.
const LONGEST: u64 = 1 << 20;
/// As many as are counted; then it begins again.
const COUNTED: u64 = 1 << 40;

impl Redirect {
    pub(in crate::http::faults) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Chain { n: 0, .. } => ex.rest().await,
            Self::Chain { n, code } => {
                let query = ex.request.query;
                // Below /fault/ the count stands in the query.
                let next = if ex.request.path.starts_with("/redirect/") {
                    let mark = if query.is_empty() { "" } else { "?" };
                    format!("/redirect/{}{mark}{query}", n - 1)
                } else {
                    format!("/redirect/{}?status={code}", n - 1)
                };
                to_location(ex, *code, &next).await
            }
            Self::Loop { code } => {
                let target = ex.request.target;
                to_location(ex, *code, target).await
            }
            Self::Circle { n, at } => {
                let next = (at + 1) % n;
                to_location(ex, 302, &format!("/fault/redirect-circle?n={n}&at={next}")).await
            }
            Self::Endless { at } => {
                let next = (at + 1) % COUNTED;
                to_location(ex, 302, &format!("/fault/redirect-endless?at={next}")).await
            }
            Self::Once if ex.attempt > 1 => ex.rest().await,
            Self::Once => {
                let target = ex.request.target;
                to_location(ex, 302, target).await
            }
            Self::To { url, code } => to_location(ex, *code, url).await,
            Self::Raw { is } => to_location(ex, 302, is).await,
            Self::None { code } => ex.text(*code, "to nowhere").await,
            Self::Twice { a, b } => {
                ex.head(302).header("Location", format_args!("/bytes/{a}"));
                ex.header("Location", format_args!("/bytes/{b}"));
                ex.end_text("to either").await
            }
            Self::Body { of, send } => page(ex, *of, *send).await,
            Self::Relative { form } => relative(ex, *form).await,
            Self::Not { header } => {
                let length = ex.content.length();
                ex.ok().header(header, "/bytes/500").length(length).end_head();
                ex.part(0, length).await?;
                ex.flush().await
            }
            Self::UserInfo => {
                let url = format!("{}://name:password@{}{TARGET}", scheme(ex), ex.request.host);
                to_location(ex, 302, &url).await
            }
            Self::Case => {
                let scheme = scheme(ex).to_ascii_uppercase();
                let host = ex.request.host;
                ex.head(302).header("LoCaTiOn", format_args!("{scheme}://{host}{TARGET}"));
                ex.end_text("to there").await
            }
            Self::Long { of } => {
                let so_far = format!("{TARGET}?x=");
                let more = of.min(&LONGEST).saturating_sub(so_far.len() as u64);
                let more = "y".repeat(usize::try_from(more).unwrap_or_default());
                ex.head(302).header("Location", format_args!("{so_far}{more}"));
                ex.end_text("to far away").await
            }
        }
    }
}

async fn to_location(ex: &mut Exchange<'_>, status: u16, location: &str) -> Answered {
    ex.head(status).header("Location", location);
    ex.end_text(&format!("to {location}")).await
}

async fn page(ex: &mut Exchange<'_>, of: u64, send: Option<u64>) -> Answered {
    ex.resize(Some(of));
    ex.head(302).header("Location", TARGET).header("Content-Type", "text/html");
    ex.length(of).end_head();
    let until = send.unwrap_or(of).min(of);
    if until < of {
        ex.end = End::Close;
    }
    ex.part(0, until).await?;
    ex.flush().await
}

async fn relative(ex: &mut Exchange<'_>, form: Form) -> Answered {
    let path = ex.request.path;
    // What comes by a reference to here.
    if ex.request.query.split('&').any(|pair| pair == "x=there") {
        return ex.rest().await;
    }
    let here = path.rsplit('/').next().unwrap_or_default();
    let up = "../".repeat(path.matches('/').count().saturating_sub(1));
    let to = TARGET.trim_start_matches('/');
    let reference = match form {
        Form::Path => TARGET.to_owned(),
        Form::Parent => format!("{up}{to}"),
        Form::Dots => format!("/a/./b/../../{to}"),
        Form::Above => format!("../../{up}{to}"),
        Form::Sibling => format!("./{here}?x=there"),
        Form::Query => "?x=there".to_owned(),
        Form::Network => format!("//{}{TARGET}", ex.request.host),
    };
    to_location(ex, 302, &reference).await
}

/// How the request came.
fn scheme(ex: &Exchange<'_>) -> &'static str {
    if ex.is_secure() { "https" } else { "http" }
}

//! Redirects: chains, loops, and to anywhere (RFC 9110, section 15.4).

use super::act::Act;
use super::{Case, Door, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange};
use crate::spec::{Params, Wrong};
use crate::tls::Certificate;

/// The longest Location made.
const LONGEST: u64 = 16 << 20;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Redirect {
    Chain {
        n: u64,
        code: u16,
    },
    Loop,
    Circle {
        n: u64,
        at: u64,
    },
    Endless {
        at: u64,
    },
    To {
        url: String,
        code: u16,
    },
    /// A Location of this text.
    Bad {
        is: String,
    },
    None {
        code: u16,
    },
    Twice {
        a: String,
        b: String,
    },
    Long {
        size: u64,
    },
    Body {
        to: String,
        of: u64,
    },
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "redirect",
            does: "so many redirects one after the other (302), then the body",
            example: "redirect?n=3&status=308",
            verdict: "whole; or failure when there are more than the client follows",
            counts: false,
        },
        make: |p| {
            let (n, code) = (p.number_or("n", 1)?, p.status_or("status", 302)?);
            Ok(Act::Redirect(Redirect::Chain { n, code }))
        },
        cases: &[
            Case::new("/redirect/1?status=301", &[Right::Made(1000)]),
            Case::new("/redirect/3", &[Right::Made(1000)]),
            Case::new("/redirect/1?status=303", &[Right::Made(1000)]),
            Case::new("/redirect/1?status=307", &[Right::Made(1000)]),
            Case::new("/redirect/1?status=308", &[Right::Made(1000)]),
            Case::new("/redirect/1000", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "redirect-loop",
            does: "a redirect to itself",
            example: "redirect-loop",
            verdict: "failure: a client should detect loops (RFC 9110, section 15.4)",
            counts: false,
        },
        make: |_| Ok(Act::Redirect(Redirect::Loop)),
        cases: &[Case::new("/redirect/loop", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "redirect-circle",
            does: "redirects round a circle of so many URLs (3)",
            example: "redirect-circle?n=3",
            verdict: "failure: a client should detect loops (RFC 9110, section 15.4)",
            counts: false,
        },
        make: |p| {
            let (n, at) = (p.number_or("n", 3)?.max(1), p.number_or("at", 0)?);
            Ok(Act::Redirect(Redirect::Circle { n, at }))
        },
        cases: &[Case::new("/fault/redirect-circle", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "redirect-endless",
            does: "redirects without end, each to another URL, so that only a count can end them",
            example: "redirect-endless",
            verdict: "failure, when the client's limit is reached (RFC 9110, section 15.4)",
            counts: false,
        },
        make: |p| Ok(Act::Redirect(Redirect::Endless { at: p.number_or("at", 0)? })),
        cases: &[Case::new("/fault/redirect-endless", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "redirect-to",
            does: "a redirect to this percent-encoded URL",
            example: "redirect-to?url=http://localhost:8001/flags/fr/fr.gif&status=302",
            verdict: "whatever stands there; another origin is told no credentials (section 15.4)",
            counts: false,
        },
        make: |p| {
            let url = p.line("url")?.ok_or(Wrong::new("redirect-to needs url"))?.into_owned();
            Ok(Act::Redirect(Redirect::To { url, code: p.status_or("status", 302)? }))
        },
        cases: &[
            Case::new("/redirect/to?url={other}/bytes/1000", &[Right::Made(1000)])
                .with_credentials(),
            Case::new("/redirect/to?url=/bytes/1000", &[Right::Made(1000)]).with_credentials(),
            // From https to http: followed or not, both are defensible; secrets are not told.
            Case::new("/redirect/to?url={other}/bytes/1000", WHOLE_OR_FAIL)
                .behind(Door::Tls(Certificate::Good))
                .with_credentials(),
            Case::new("/redirect/to?url={secure}/bytes/1000", &[Right::Made(1000)]),
            // References are resolved against the URL (RFC 3986, section 5.2).
            Case::new("/redirect/to?url=../bytes/1000", &[Right::Made(1000)]),
            Case::new("/redirect/to?url=/a/b/../../bytes/./1000", &[Right::Made(1000)]),
            // The fragment is not sent (RFC 9110, section 7.1); the server refuses one.
            Case::new("/redirect/to?url=/bytes/1000%23part", &[Right::Made(1000)]),
            Case::new("/redirect/to?url=/bytes/1000?x=%C3%A9", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-scheme",
            does: "a redirect to a URL of another scheme (file:///etc/passwd)",
            example: "redirect-scheme?url=ftp://127.0.0.1:1/x",
            verdict: "failure; what a file: URL names is not the server's to give",
            counts: false,
        },
        make: |p| bad(p, "url", "file:///etc/passwd"),
        cases: &[
            Case::new("/fault/redirect-scheme", &[Right::Fail]),
            Case::new("/fault/redirect-scheme?url=file://localhost/etc/passwd", &[Right::Fail]),
            Case::new("/fault/redirect-scheme?url=ftp://127.0.0.1:1/x", &[Right::Fail]),
            Case::new("/fault/redirect-scheme?url=gopher://127.0.0.1:1/x", &[Right::Fail]),
            Case::new("/fault/redirect-scheme?url=data:text/plain,hello", &[Right::Fail]),
            Case::new("/fault/redirect-scheme?url=javascript:1", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "redirect-bad",
            does: "a redirect whose Location is this text, which is no URL",
            example: "redirect-bad?is=http://[",
            verdict: "failure; its page is not what was asked for",
            counts: false,
        },
        make: |p| bad(p, "is", "http://["),
        cases: &[
            Case::new("/fault/redirect-bad", &[Right::Fail]),
            Case::new("/fault/redirect-bad?is=http://", &[Right::Fail]),
            Case::new("/fault/redirect-bad?is=http://a%20b/", &[Right::Fail]),
            Case::new("/fault/redirect-bad?is=http://127.0.0.1:99999/", &[Right::Fail]),
            Case::new("/fault/redirect-bad?is=http:///bytes/1000", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "redirect-none",
            does: "a redirect (302) without a Location",
            example: "redirect-none?status=302",
            verdict: "failure; its page is not what was asked for (RFC 9110, section 15.4)",
            counts: false,
        },
        make: |p| Ok(Act::Redirect(Redirect::None { code: p.status_or("status", 302)? })),
        cases: &[
            Case::new("/fault/redirect-none", &[Right::Fail]),
            Case::new("/fault/redirect-none?status=301", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "redirect-twice",
            does: "a redirect with two Location headers, to /bytes/1000 and to /bytes/999",
            example: "redirect-twice",
            verdict: "failure, or either of them (RFC 9110, section 5.3: it is no list)",
            counts: false,
        },
        make: |_| {
            let (a, b) = ("/bytes/1000".to_owned(), "/bytes/999".to_owned());
            Ok(Act::Redirect(Redirect::Twice { a, b }))
        },
        cases: &[Case::new(
            "/fault/redirect-twice",
            &[Right::Made(1000), Right::Made(999), Right::Fail],
        )],
    },
    Entry {
        about: About {
            name: "redirect-long",
            does: "a redirect to /bytes/1000 with a query of so many bytes (60000)",
            example: "redirect-long?size=60000",
            verdict: "whole, or failure where it is longer than the client takes",
            counts: false,
        },
        make: |p| {
            Ok(Act::Redirect(Redirect::Long { size: p.number_or("size", 60_000)?.min(LONGEST) }))
        },
        cases: &[
            Case::new("/fault/redirect-long?size=2000", &[Right::Made(1000)]),
            Case::new("/fault/redirect-long", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-body",
            does: "a redirect to /bytes/1000 whose own page has so many bytes (3000000)",
            example: "redirect-body?of=3000000",
            verdict: "whole, of the target; never the page of the redirect",
            counts: false,
        },
        make: |p| {
            let to = p.line("to")?.unwrap_or("/bytes/1000".into()).into_owned();
            Ok(Act::Redirect(Redirect::Body { to, of: p.number_or("of", 3_000_000)? }))
        },
        cases: &[Case::new("/fault/redirect-body", &[Right::Made(1000)])],
    },
];

/// Whole, or a failure.
const WHOLE_OR_FAIL: &[Right] = &[Right::Made(1000), Right::Fail];

fn bad(p: &mut Params<'_>, name: &str, usual: &str) -> Result<Act, Wrong> {
    let is = p.line(name)?.unwrap_or(usual.into()).into_owned();
    Ok(Act::Redirect(Redirect::Bad { is }))
}

impl Redirect {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
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
            Self::Loop => {
                let target = ex.request.target;
                to_location(ex, 302, target).await
            }
            Self::Circle { n, at } => {
                let next = at.saturating_add(1) % n;
                to_location(ex, 302, &format!("/fault/redirect-circle?n={n}&at={next}")).await
            }
            Self::Endless { at } => {
                let next = at.saturating_add(1);
                to_location(ex, 302, &format!("/fault/redirect-endless?at={next}")).await
            }
            Self::To { url, code } => to_location(ex, *code, url).await,
            Self::Bad { is } => to_location(ex, 302, is).await,
            Self::None { code } => ex.text(*code, "to nowhere").await,
            Self::Twice { a, b } => {
                ex.head(302).header("Location", a).header("Location", b);
                ex.end_text("to two places").await
            }
            Self::Long { size } => {
                let query = "x".repeat(usize::try_from(*size).unwrap_or_default());
                ex.head(302).header("Location", format_args!("/bytes/1000?{query}"));
                ex.end_text("to a long URL").await
            }
            Self::Body { to, of } => {
                ex.resize(Some(*of));
                let length = ex.content.length();
                ex.head(302).header("Location", to).header("Content-Type", "text/html");
                ex.length(length).end_head();
                ex.part(0, length).await?;
                ex.flush().await
            }
        }
    }
}

async fn to_location(ex: &mut Exchange<'_>, status: u16, location: &str) -> Answered {
    ex.head(status).header("Location", location);
    ex.end_text(&format!("to {location}")).await
}

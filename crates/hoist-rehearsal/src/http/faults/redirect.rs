//! Redirects: chains, loops, and to anywhere (RFC 9110, section 15.4).

mod answer;

use super::act::Act;
use super::{Case, Door, Entry, Right};
use crate::catalogue::About;
use crate::spec::{Params, Wrong};
use crate::tls::Certificate;

/// Where redirects lead that have nowhere else to lead.
const TARGET: &str = "/bytes/1000";

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Redirect {
    Chain {
        n: u64,
        code: u16,
    },
    Loop {
        code: u16,
    },
    Circle {
        n: u64,
        at: u64,
    },
    Endless {
        at: u64,
    },
    Once,
    To {
        url: String,
        code: u16,
    },
    /// Location, exactly so.
    Raw {
        is: String,
    },
    None {
        code: u16,
    },
    Twice {
        a: u64,
        b: u64,
    },
    Body {
        of: u64,
        send: Option<u64>,
    },
    Relative {
        form: Form,
    },
    Not {
        header: &'static str,
    },
    UserInfo,
    Case,
    Long {
        of: u64,
    },
}

/// How a reference is written (RFC 3986, sections 4.2 and 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Path,
    Parent,
    Dots,
    Above,
    Sibling,
    Query,
    Network,
}

const FORMS: &[(&str, Form)] = &[
    ("path", Form::Path),
    ("parent", Form::Parent),
    ("dots", Form::Dots),
    ("above", Form::Above),
    ("sibling", Form::Sibling),
    ("query", Form::Query),
    ("network", Form::Network),
];

/// What no redirect may lead to. Something is behind the first, and nothing behind the others.
const SCHEMES: &[(&str, &str)] = &[
    ("file", "file:///etc/hostname"),
    ("ftp", "ftp://127.0.0.1:1/x"),
    ("javascript", "javascript:0"),
    ("data", "data:text/plain,this"),
    ("gopher", "gopher://127.0.0.1:1/x"),
    ("dict", "dict://127.0.0.1:1/x"),
    ("ws", "ws://127.0.0.1:1/x"),
    ("mailto", "mailto:a@b.invalid"),
    ("about", "about:blank"),
    ("unknown", "x-unknown://127.0.0.1:1/x"),
    ("https", "https://127.0.0.1:1/x"),
];

const ONLY_WHOLE: &[Right] = &[Right::Made(1000)];
const WHOLE_OR_FAIL: &[Right] = &[Right::Made(1000), Right::Fail];
const ONLY_FAIL: &[Right] = &[Right::Fail];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "redirect",
            does: "so many redirects one after the other, then the body",
            example: "redirect?n=3&status=302",
            verdict: "whole, or failure when there are more than the client follows",
            counts: false,
        },
        make: |p| {
            let (n, code) = (p.number_or("n", 1)?, p.status_or("status", 302)?);
            Ok(Act::Redirect(Redirect::Chain { n, code }))
        },
        cases: &[
            Case::new("/redirect/3", ONLY_WHOLE),
            Case::new("/redirect/3?status=301", ONLY_WHOLE),
            Case::new("/redirect/3?status=303", ONLY_WHOLE),
            Case::new("/redirect/3?status=307", ONLY_WHOLE),
            Case::new("/redirect/3?status=308", ONLY_WHOLE),
            // Location is only the preferred choice here, which may be taken (section 15.4.1).
            Case::new("/redirect/1?status=300", WHOLE_OR_FAIL),
            // Nothing was asked that could be unmodified; an empty file is the mistake.
            Case::new("/redirect/1?status=304", WHOLE_OR_FAIL),
            // Not known: as 300 (section 15).
            Case::new("/redirect/1?status=399", WHOLE_OR_FAIL),
            Case::new("/redirect/1000", ONLY_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-loop",
            does: "a redirect to itself",
            example: "redirect-loop?status=302",
            verdict: "failure: a client should detect loops (RFC 9110, section 15.4)",
            counts: false,
        },
        make: |p| Ok(Act::Redirect(Redirect::Loop { code: p.status_or("status", 302)? })),
        cases: &[
            Case::new("/redirect/loop", ONLY_FAIL),
            Case::new("/redirect/loop?status=308", ONLY_FAIL),
        ],
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
        cases: &[Case::new("/fault/redirect-circle?n=3", ONLY_FAIL)],
    },
    Entry {
        about: About {
            name: "redirect-endless",
            does: "redirects without end, each to a URL that was not there before",
            example: "redirect-endless",
            verdict: "failure: only a limit ends it (RFC 9110, section 15.4)",
            counts: false,
        },
        make: |p| Ok(Act::Redirect(Redirect::Endless { at: p.number_or("at", 0)? })),
        cases: &[Case::new("/fault/redirect-endless", ONLY_FAIL)],
    },
    Entry {
        about: About {
            name: "redirect-once",
            does: "the first request is redirected to itself, later ones get the body",
            example: "redirect-once",
            verdict: "whole, or failure when any return counts as a loop (RFC 9110, section 15.4)",
            counts: true,
        },
        make: |_| Ok(Act::Redirect(Redirect::Once)),
        cases: &[Case::new("/fault/redirect-once", WHOLE_OR_FAIL)],
    },
    Entry {
        about: About {
            name: "redirect-to",
            does: "a redirect to this percent-encoded URL",
            example: "redirect-to?url=http://localhost:8001/flags/fr/fr.gif&status=302",
            verdict: "whatever stands there; credentials stay behind when it is another origin",
            counts: false,
        },
        make: |p| {
            let url = p.line("url")?.ok_or(Wrong::new("redirect-to needs url"))?.into_owned();
            Ok(Act::Redirect(Redirect::To { url, code: p.status_or("status", 302)? }))
        },
        cases: &[
            Case::new("/redirect/to?url={other}/bytes/1000", ONLY_WHOLE).with_credentials(),
            Case::new("/redirect/to?url={other}/bytes/1000&status=307", ONLY_WHOLE)
                .with_credentials(),
            // There and on from there.
            Case::new("/redirect/to?url={other}/redirect/2", ONLY_WHOLE).with_credentials(),
            Case::new("/redirect/to?url={secure}/bytes/1000", ONLY_WHOLE),
            // From https to http: nothing forbids it, and a client may.
            Case::new("/redirect/to?url={other}/bytes/1000", WHOLE_OR_FAIL)
                .behind(Door::Tls(Certificate::Good))
                .with_credentials(),
            // To what is not there: its page is not what was asked for.
            Case::new("/redirect/to?url={other}/status/404", ONLY_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-scheme",
            does: "a redirect to a URL of another scheme (file)",
            example: "redirect-scheme?to=file",
            verdict: "failure: only https could be followed, and there nobody answers",
            counts: false,
        },
        make: |p| {
            let is = p.one_of("to", SCHEMES)?.to_owned();
            Ok(Act::Redirect(Redirect::Raw { is }))
        },
        cases: &[
            Case::new("/fault/redirect-scheme?to=file", ONLY_FAIL),
            Case::new("/fault/redirect-scheme?to=ftp", ONLY_FAIL),
            Case::new("/fault/redirect-scheme?to=javascript", ONLY_FAIL),
            Case::new("/fault/redirect-scheme?to=data", ONLY_FAIL),
            Case::new("/fault/redirect-scheme?to=gopher", ONLY_FAIL),
            Case::new("/fault/redirect-scheme?to=unknown", ONLY_FAIL),
            Case::new("/fault/redirect-scheme?to=https", ONLY_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-bad",
            does: "a redirect whose Location is this, which is no URL (http://[)",
            example: "redirect-bad?is=http://%5B",
            verdict: "failure: it leads nowhere (RFC 9110, section 10.2.2)",
            counts: false,
        },
        make: |p| {
            let is = any_line(p, "is")?.unwrap_or_else(|| "http://[".to_owned());
            Ok(Act::Redirect(Redirect::Raw { is }))
        },
        cases: &[
            Case::new("/fault/redirect-bad?is=http://%5B", ONLY_FAIL),
            Case::new("/fault/redirect-bad?is=http://%5B::1/bytes/1000", ONLY_FAIL),
            Case::new("/fault/redirect-bad?is=http://127.0.0.1:1%20/x", ONLY_FAIL),
            Case::new("/fault/redirect-bad?is=http://127.0.0.1:99999/bytes/1000", ONLY_FAIL),
            Case::new("/fault/redirect-bad?is=http://127.0.0.1:x/bytes/1000", ONLY_FAIL),
            Case::new("/fault/redirect-bad?is=http://:1/bytes/1000", ONLY_FAIL),
            Case::new("/fault/redirect-bad?is=//", ONLY_FAIL),
            Case::new("/fault/redirect-bad?is=://", ONLY_FAIL),
            // The reference to itself: a loop.
            Case::new("/fault/redirect-bad?is=", ONLY_FAIL),
            // Not to be cut at the zero byte (RFC 9110, section 5.5).
            Case::new("/fault/redirect-bad?is=/bytes/10%0000", ONLY_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-none",
            does: "a redirect (302) without Location",
            example: "redirect-none?status=302",
            verdict: "failure: its page is not what was asked for (RFC 9110, section 15.4)",
            counts: false,
        },
        make: |p| Ok(Act::Redirect(Redirect::None { code: p.status_or("status", 302)? })),
        cases: &[
            Case::new("/fault/redirect-none", ONLY_FAIL),
            Case::new("/fault/redirect-none?status=300", ONLY_FAIL),
            Case::new("/fault/redirect-none?status=301", ONLY_FAIL),
            Case::new("/fault/redirect-none?status=308", ONLY_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-not",
            does: "a 200 with the body, and a Location or Content-Location of another URL",
            example: "redirect-not?by=location",
            verdict: "whole: only 3xx redirects (RFC 9110, sections 8.7 and 10.2.2)",
            counts: false,
        },
        make: |p| {
            let headers = &[("location", "Location"), ("content-location", "Content-Location")];
            Ok(Act::Redirect(Redirect::Not { header: p.one_of("by", headers)? }))
        },
        cases: &[
            Case::new("/fault/redirect-not?by=location", ONLY_WHOLE),
            Case::new("/fault/redirect-not?by=content-location", ONLY_WHOLE),
        ],
    },
    Entry {
        about: About {
            name: "redirect-fragment",
            does: "a redirect to a URL with a fragment, which must not be sent",
            example: "redirect-fragment",
            verdict: "whole: a fragment is no part of a request (RFC 9112, section 3.2.1)",
            counts: false,
        },
        make: |_| Ok(Act::Redirect(Redirect::Raw { is: format!("{TARGET}#part/of?it") })),
        cases: &[Case::new("/fault/redirect-fragment", ONLY_WHOLE)],
    },
    Entry {
        about: About {
            name: "redirect-relative",
            does: "a redirect to a relative reference, such as ../bytes/1000",
            example: "redirect-relative?as=parent",
            verdict: "whole (RFC 3986, section 5.2)",
            counts: false,
        },
        make: |p| Ok(Act::Redirect(Redirect::Relative { form: p.one_of("as", FORMS)? })),
        cases: &[
            Case::new("/fault/redirect-relative?as=path", ONLY_WHOLE),
            Case::new("/fault/redirect-relative?as=parent", ONLY_WHOLE),
            Case::new("/fault/redirect-relative?as=dots", ONLY_WHOLE),
            Case::new("/fault/redirect-relative?as=above", ONLY_WHOLE),
            Case::new("/fault/redirect-relative?as=sibling", ONLY_WHOLE),
            Case::new("/fault/redirect-relative?as=query", ONLY_WHOLE),
            Case::new("/fault/redirect-relative?as=network", ONLY_WHOLE),
        ],
    },
    Entry {
        about: About {
            name: "redirect-twice",
            does: "two Location headers, to so many bytes each (1000 and 500)",
            example: "redirect-twice?a=1000&b=500",
            verdict: "failure, or either target; not the redirect's page (RFC 9110, section 5.3)",
            counts: false,
        },
        make: |p| {
            let (a, b) = (p.number_or("a", 1000)?, p.number_or("b", 500)?);
            Ok(Act::Redirect(Redirect::Twice { a, b }))
        },
        cases: &[
            Case::new("/fault/redirect-twice", &[Right::Fail, Right::Made(1000), Right::Made(500)]),
            Case::new("/fault/redirect-twice?a=1000&b=1000", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-body",
            does: "a redirect with a long page (1 MiB); with send it is cut after so many bytes",
            example: "redirect-body?of=1048576&send=1000",
            verdict: "whole: the target's body, none of the page; or failure when the page is cut",
            counts: false,
        },
        make: |p| {
            let (of, send) = (p.number_or("of", 1 << 20)?, p.number("send")?);
            Ok(Act::Redirect(Redirect::Body { of, send }))
        },
        cases: &[
            Case::new("/fault/redirect-body", ONLY_WHOLE),
            Case::new("/fault/redirect-body?of=2000&send=1000", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-userinfo",
            does: "a redirect to here by a URL with name and password",
            example: "redirect-userinfo",
            verdict: "whole, or failure: such a URL may be refused (RFC 9110, section 4.2.4)",
            counts: false,
        },
        make: |_| Ok(Act::Redirect(Redirect::UserInfo)),
        cases: &[Case::new("/fault/redirect-userinfo", WHOLE_OR_FAIL)],
    },
    Entry {
        about: About {
            name: "redirect-raw",
            does: "a redirect to a URL with this in its query, not percent-encoded (\u{e9})",
            example: "redirect-raw?with=%C3%A9",
            verdict: "whole once it is encoded, or failure (RFC 3986, section 2)",
            counts: false,
        },
        make: |p| {
            let with = any_line(p, "with")?.unwrap_or_else(|| "\u{e9}".to_owned());
            Ok(Act::Redirect(Redirect::Raw { is: format!("{TARGET}?x={with}") }))
        },
        cases: &[
            Case::new("/fault/redirect-raw", WHOLE_OR_FAIL),
            Case::new("/fault/redirect-raw?with=a%20b", WHOLE_OR_FAIL),
            Case::new("/fault/redirect-raw?with=%22%3C%3E%5C%7C", WHOLE_OR_FAIL),
            Case::new("/fault/redirect-raw?with=a%09b", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-long",
            does: "a redirect to a URL of so many bytes (61440, at most 1 MiB)",
            example: "redirect-long?of=61440",
            verdict: "whole, or failure when it is longer than the client takes",
            counts: false,
        },
        make: |p| Ok(Act::Redirect(Redirect::Long { of: p.number_or("of", 60 << 10)? })),
        cases: &[
            // All should take 8000 bytes with scheme and host (RFC 9110, section 4.1).
            Case::new("/fault/redirect-long?of=7900", ONLY_WHOLE),
            Case::new("/fault/redirect-long", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "redirect-case",
            does: "a redirect by a header called LoCaTiOn to a URL that begins with HTTP://",
            example: "redirect-case",
            verdict: "whole: case does not count (RFC 9110, section 5.1; RFC 3986, section 3.1)",
            counts: false,
        },
        make: |_| Ok(Act::Redirect(Redirect::Case)),
        cases: &[Case::new("/fault/redirect-case", ONLY_WHOLE)],
    },
];

/// A text with any character but those that end a line.
fn any_line(p: &mut Params<'_>, name: &str) -> Result<Option<String>, Wrong> {
    match p.text(name)? {
        Some(text) if text.contains(['\r', '\n']) => Err(Wrong(format!("{name}: line ends"))),
        text => Ok(text.map(Into::into)),
    }
}

#[cfg(test)]
mod tests {
    use crate::http::faults::entry::Fault;

    #[test]
    fn what_a_location_may_be() {
        for good in ["redirect-bad?is=", "redirect-bad?is=%00%7f", "redirect-raw?with=%09"] {
            assert!(Fault::parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("redirect-bad?is=%0a", "is: line ends"),
            ("redirect-raw?with=a%0db", "with: line ends"),
            ("redirect-to", "redirect-to needs url"),
            ("redirect-to?url=%01", "url: control characters"),
        ] {
            assert_eq!(Fault::parse(bad).unwrap_err().0, why, "{bad}");
        }
    }
}

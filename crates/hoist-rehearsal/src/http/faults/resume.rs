//! Ranges: going on where a body broke off (RFC 9110, section 14). The first answer breaks off, so that
//! a client may go on; what it then meets is the fault. A range that is obeyed is obeyed rightly, so
//! clients may also ask for several parts at once.

use super::act::Act;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::hash::body_bytes;
use crate::http::exchange::{Answered, Exchange};
use crate::http::range::{Asked, asked};
use crate::http::representation::Representation;
use crate::http::version::Version;
use crate::spec::{Params, Wrong};

/// Where in the endless body new content begins: far behind any old content.
const NEW: u64 = 1 << 41;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resume {
    of: Option<u64>,
    /// Bytes a second.
    rate: Option<u64>,
    first: First,
    then: Then,
}

/// What becomes of the first answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Whole,
    /// It ends after so many bytes (half).
    Cut {
        after: Option<u64>,
        reset: bool,
    },
}

/// What a request for a range meets.
#[derive(Clone, Debug, PartialEq)]
enum Then {
    Obeyed,
    Ignored,
    /// It begins so many bytes later than asked.
    Elsewhere(i64),
    /// This is its Content-Range, and its bytes are the first.
    Invalid(Option<String>),
    /// There is other content now, so many bytes longer, and no validators tell.
    Total(i64),
    /// There is other content now.
    Changed,
    /// 416, and this is the whole length it says.
    Refused(Option<u64>),
    Short,
    Multipart,
    /// It is obeyed, and requests without a range get 206 too.
    Always,
    /// It is obeyed, and requests without a range get the first half as 206, said so or not.
    Half {
        said: bool,
    },
}

const WHOLE_OR_FAIL: &[Right] = &[Right::Made(1000), Right::Fail];
const MUCH_OR_FAIL: &[Right] = &[Right::Made(3_000_000), Right::Fail];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "range",
            does: "the first answer breaks off (at half); later ones obey Range, If-Range and If-Match; at a rate",
            example: "range?of=3000000&cut=1000000&how=reset&rate=1000000",
            verdict: "whole after going on or starting anew, or failure (RFC 9110, section 14.2)",
            counts: true,
        },
        make: |p| broken(p, |_| Ok(Then::Obeyed)),
        cases: &[
            Case::new("/fault/range?of=3000000&cut=1000000", MUCH_OR_FAIL),
            Case::new("/fault/range?of=3000000&cut=1000000&how=reset", MUCH_OR_FAIL),
            Case::new("/fault/range?cut=0", WHOLE_OR_FAIL),
            Case::new("/fault/range?cut=999", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "range-ignored",
            does: "the first answer breaks off; a later Range gets 200 and all of it",
            example: "range-ignored?of=3000000&cut=1000000",
            verdict: "whole, from the beginning; or failure; never appended (RFC 9110, section 14.2)",
            counts: true,
        },
        make: |p| broken(p, |_| Ok(Then::Ignored)),
        cases: &[
            Case::new("/fault/range-ignored", WHOLE_OR_FAIL),
            Case::new("/fault/range-ignored?of=3000000&cut=1000000", MUCH_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "range-wrong",
            does: "the first answer breaks off; a later Range gets bytes from elsewhere (by=1), as it says",
            example: "range-wrong?by=-100",
            verdict: "failure, or whole with each byte where Content-Range says (RFC 9110, section 14.4)",
            counts: true,
        },
        make: |p| broken(p, |p| Ok(Then::Elsewhere(p.signed("by")?.unwrap_or(1)))),
        cases: &[
            Case::new("/fault/range-wrong", WHOLE_OR_FAIL),
            Case::new("/fault/range-wrong?by=-1", WHOLE_OR_FAIL),
            Case::new("/fault/range-wrong?by=-1000000&of=3000000&cut=1000000", MUCH_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "range-invalid",
            does: "the first answer breaks off; a later Range gets the first bytes, Content-Range a text or none",
            example: "range-invalid?is=bytes%20900-999/500",
            verdict: "failure, or whole after starting anew: no combining (RFC 9110, section 14.4)",
            counts: true,
        },
        make: |p| broken(p, |p| Ok(Then::Invalid(p.line("is")?.map(Into::into)))),
        cases: &[
            Case::new("/fault/range-invalid", WHOLE_OR_FAIL),
            Case::new("/fault/range-invalid?is=bytes%20500-999/999", WHOLE_OR_FAIL),
            Case::new("/fault/range-invalid?is=bytes%20999-500/1000", WHOLE_OR_FAIL),
            Case::new("/fault/range-invalid?is=bytes%20*/1000", WHOLE_OR_FAIL),
            Case::new("/fault/range-invalid?is=500-999", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "range-total",
            does: "the first answer breaks off; later content is other and longer (by=1), without validators",
            example: "range-total?of=3000000&cut=1000000&by=1",
            verdict: "failure, or the new content whole; never old and new (RFC 9110, section 15.3.7.3)",
            counts: true,
        },
        make: |p| broken(p, |p| Ok(Then::Total(p.signed("by")?.unwrap_or(1)))),
        cases: &[
            Case::new("/fault/range-total", &[Right::Bytes(|| new(1001)), Right::Fail]),
            Case::new("/fault/range-total?by=-1", &[Right::Bytes(|| new(999)), Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "range-changed",
            does: "the first answer breaks off; later content is other, as long, and so is its ETag",
            example: "range-changed?of=3000000&cut=1000000",
            verdict: "failure, or the new content whole; never old and new (RFC 9110, section 15.3.7.3)",
            counts: true,
        },
        make: |p| broken(p, |_| Ok(Then::Changed)),
        cases: &[
            Case::new("/fault/range-changed", &[Right::Bytes(|| new(1000)), Right::Fail]),
            Case::new(
                "/fault/range-changed?of=3000000&cut=1000000",
                &[Right::Bytes(|| new(3_000_000)), Right::Fail],
            ),
        ],
    },
    Entry {
        about: About {
            name: "range-416",
            does: "the first answer breaks off; a later Range gets 416, saying a total length (the true one)",
            example: "range-416?of=3000000&cut=1000000&total=1000000",
            verdict: "failure, or whole after starting anew (RFC 9110, section 15.5.17)",
            counts: true,
        },
        make: |p| broken(p, |p| Ok(Then::Refused(p.number("total")?))),
        cases: &[
            Case::new("/fault/range-416", WHOLE_OR_FAIL),
            // As if there were no more than the client has.
            Case::new("/fault/range-416?total=500", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "range-short",
            does: "the first answer breaks off; a later Range promises the rest and sends half of it",
            example: "range-short?of=3000000&cut=1000000",
            verdict: "failure, or whole after starting anew (RFC 9112, section 8)",
            counts: true,
        },
        make: |p| broken(p, |_| Ok(Then::Short)),
        cases: &[Case::new("/fault/range-short", WHOLE_OR_FAIL)],
    },
    Entry {
        about: About {
            name: "range-multipart",
            does: "the first answer breaks off; a later single Range gets multipart/byteranges",
            example: "range-multipart",
            verdict: "failure, or whole without the multipart's own lines (RFC 9110, section 15.3.7.2)",
            counts: true,
        },
        make: |p| broken(p, |_| Ok(Then::Multipart)),
        cases: &[Case::new("/fault/range-multipart", WHOLE_OR_FAIL)],
    },
    Entry {
        about: About {
            name: "range-206-for-all",
            does: "206 and all of it also to a request without Range",
            example: "range-206-for-all?of=1000",
            verdict: "whole, since Content-Range says so; or failure (RFC 9110, section 15.3.7)",
            counts: false,
        },
        make: |p| unbroken(p, Then::Always),
        cases: &[Case::new("/fault/range-206-for-all", WHOLE_OR_FAIL)],
    },
    Entry {
        about: About {
            name: "partial-unasked",
            does: "206 and the first half to a request without Range; range=unsaid: without Content-Range",
            example: "partial-unasked?of=1000&range=unsaid",
            verdict: "failure, or whole after asking for the rest (RFC 9110, section 15.3.7)",
            counts: false,
        },
        make: |p| {
            let said = p.one_of("range", &[("said", true), ("unsaid", false)])?;
            unbroken(p, Then::Half { said })
        },
        cases: &[
            Case::new("/fault/partial-unasked", WHOLE_OR_FAIL),
            Case::new("/fault/partial-unasked?range=unsaid", WHOLE_OR_FAIL),
        ],
    },
];

fn broken(
    p: &mut Params<'_>,
    then: fn(&mut Params<'_>) -> Result<Then, Wrong>,
) -> Result<Act, Wrong> {
    let (of, after) = (p.number("of")?, p.number("cut")?);
    let reset = p.one_of("how", &[("close", false), ("reset", true)])?;
    let rate = p.number("rate")?.map(|rate| rate.max(1));
    Ok(Act::Resume(Resume { of, rate, first: First::Cut { after, reset }, then: then(p)? }))
}

fn unbroken(p: &mut Params<'_>, then: Then) -> Result<Act, Wrong> {
    Ok(Act::Resume(Resume { of: p.number("of")?, rate: None, first: First::Whole, then }))
}

/// So many bytes of the new content.
fn new(of: usize) -> Vec<u8> {
    let mut bytes = vec![0; of];
    body_bytes(NEW, &mut bytes);
    bytes
}

impl Resume {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        ex.resize(self.of);
        let cut = match self.first {
            First::Cut { after, reset } if ex.attempt == 1 => Some((after, reset)),
            First::Cut { .. } | First::Whole => None,
        };
        let version = self.version(ex, cut.is_some());
        if version.fails(&ex.request) {
            version.head(ex, 412);
            return ex.end_text("the precondition failed").await;
        }
        let range = ex.request.header("Range").filter(|_| version.may_go_on(&ex.request));
        let range = if ex.request.is_head() { None } else { range };
        let asked = asked(range, version.of);
        let span = match asked {
            Asked::All => (0, version.of),
            Asked::Part { from, to } => (from, to),
            Asked::Beyond => return version.refuse(ex, version.of).await,
        };
        let status = if asked == Asked::All { 200 } else { 206 };
        if let Some((after, reset)) = cut {
            return version.cut(ex, status, span, after, reset).await;
        }
        if status == 206 {
            return self.then(ex, &version, span).await;
        }
        match self.then {
            _ if ex.request.is_head() => version.give(ex, 200, span).await,
            Then::Always if version.of > 0 => version.give(ex, 206, span).await,
            Then::Half { said: true } if version.of > 1 => {
                version.give(ex, 206, (0, version.of / 2)).await
            }
            Then::Half { said: false } => {
                version.head(ex, 206).length(version.of / 2).end_head();
                version.bytes(ex, (0, version.of / 2)).await
            }
            _ => version.give(ex, 200, span).await,
        }
    }

    /// What stands there now.
    fn version(&self, ex: &mut Exchange<'_>, first: bool) -> Version {
        let of = ex.content.length();
        let later = match self.then {
            Then::Changed => Some(of),
            Then::Total(by) => Some(of.saturating_add_signed(by)),
            _ => None,
        };
        let mut version = match later {
            Some(of) if !first => {
                ex.content = Representation::made(NEW + of);
                let date = "Fri, 02 Jan 2026 00:00:00 GMT";
                Version { start: NEW, of, tag: "\"two\"", date, rate: self.rate }
            }
            _ => {
                let date = "Thu, 01 Jan 2026 00:00:00 GMT";
                Version { start: 0, of, tag: "\"one\"", date, rate: self.rate }
            }
        };
        if matches!(self.then, Then::Total(_)) {
            (version.tag, version.date) = ("", "");
        }
        version
    }

    /// What a range meets after the first answer.
    async fn then(&self, ex: &mut Exchange<'_>, it: &Version, (from, to): (u64, u64)) -> Answered {
        match &self.then {
            Then::Ignored => it.give(ex, 200, (0, it.of)).await,
            Then::Elsewhere(by) => {
                let start = from.saturating_add_signed(*by).min(to - 1);
                it.give(ex, 206, (start, to)).await
            }
            Then::Invalid(is) => {
                it.head(ex, 206);
                if let Some(is) = is {
                    ex.header("Content-Range", is);
                }
                ex.length(to - from).end_head();
                it.bytes(ex, (0, to - from)).await
            }
            Then::Refused(total) => it.refuse(ex, total.unwrap_or(it.of)).await,
            Then::Short => it.cut(ex, 206, (from, to), None, false).await,
            Then::Multipart => it.multipart(ex, (from, to)).await,
            Then::Obeyed | Then::Total(_) | Then::Changed | Then::Always | Then::Half { .. } => {
                it.give(ex, 206, (from, to)).await
            }
        }
    }
}

//! Header lines that should not be: their bytes and their ends (RFC 9112, section 5). Where
//! readers of a line could differ, a line hides a Content-Length of half the body: who takes it for
//! one has saved the wrong bytes.

use super::act::Act;
use super::head::WHOLE_OR_NOT;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange};
use crate::spec::{Params, Wrong};
use crate::truth::End;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    of: Option<u64>,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// All line ends are LF.
    Bare,
    Unusual,
    /// No header at all.
    Nothing,
    Odd(Odd),
}

/// A line of a head that should not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Odd {
    Nul,
    NulInLength,
    Cr,
    CrHidesLength,
    CrHidesSecondLength,
    CrAlone,
    LfHidesSecondLength,
    Fold,
    FoldedLength,
    FoldHidesLength,
    FoldComesFirst,
    Space,
    SpaceHidesSecondLength,
    NoColon,
    NoName,
    ControlInName,
    SpaceInName,
    NotAsciiInName,
    NotUtf8,
}

/// What frames the body beside an odd line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    /// Its true length, in a line before.
    Length,
    /// Nothing but the close.
    Close,
    /// Nothing; and twice the body is sent, then closed.
    Twice,
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "head-unusual",
            does: "a right head that looks odd: any case, tabs, no space, empty values; or no header at all",
            example: "head-unusual?has=fields",
            verdict: "whole (RFC 9112, section 5; RFC 9110, section 5.1)",
            counts: false,
        },
        make: |p| {
            let how = p.one_of("has", &[("fields", How::Unusual), ("nothing", How::Nothing)])?;
            on(how, p)
        },
        cases: &[
            Case::new("/fault/head-unusual", &[Right::Made(1000)]),
            Case::new("/fault/head-unusual?has=nothing", &[Right::Made(1000)]),
        ],
    },
    Entry {
        about: About {
            name: "head-bytes",
            does: "a header value with bytes that are no UTF-8, which it may have",
            example: "head-bytes",
            verdict: "whole: they are opaque data (RFC 9110, section 5.5)",
            counts: false,
        },
        make: |p| on(How::Odd(Odd::NotUtf8), p),
        cases: &[Case::new("/fault/head-bytes", &[Right::Made(1000)])],
    },
    Entry {
        about: About {
            name: "head-nul",
            does: "a NUL in a header value, or among the digits of Content-Length, where length ends then",
            example: "head-nul?in=value",
            verdict: "failure, or whole with a space in its place; in a length that is no number, so \
                      failure (RFC 9110, section 5.5)",
            counts: false,
        },
        make: |p| {
            let odd = p.one_of("in", &[("value", Odd::Nul), ("length", Odd::NulInLength)])?;
            on(How::Odd(odd), p)
        },
        cases: &[
            Case::new("/fault/head-nul", WHOLE_OR_NOT),
            Case::new("/fault/head-nul?in=length", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "head-bare-cr",
            does: "a CR alone in a value; before a false length, first or second; or as a line's only byte",
            example: "head-bare-cr?before=length",
            verdict: "failure, or whole with a space in its place; never a line's end (RFC 9112, \
                      section 2.2)",
            counts: false,
        },
        make: |p| {
            let before = [
                ("text", Odd::Cr),
                ("length", Odd::CrHidesLength),
                ("second", Odd::CrHidesSecondLength),
                ("nothing", Odd::CrAlone),
            ];
            let odd = p.one_of("before", &before)?;
            on(How::Odd(odd), p)
        },
        cases: &[
            Case::new("/fault/head-bare-cr", WHOLE_OR_NOT),
            Case::new("/fault/head-bare-cr?before=length", WHOLE_OR_NOT),
            Case::new("/fault/head-bare-cr?before=second", WHOLE_OR_NOT),
            Case::new("/fault/head-bare-cr?before=nothing", WHOLE_OR_NOT),
        ],
    },
    Entry {
        about: About {
            name: "head-bare-lf",
            does: "LF for every line end of the head; or one LF in a value, before a second, false length",
            example: "head-bare-lf?in=ends",
            verdict: "whole or failure: LF may be taken for a line's end (RFC 9112, section 2.2); a \
                      second length that differs is then failure (section 6.3)",
            counts: false,
        },
        make: |p| {
            let within = [("ends", How::Bare), ("value", How::Odd(Odd::LfHidesSecondLength))];
            let how = p.one_of("in", &within)?;
            on(how, p)
        },
        cases: &[
            Case::new("/fault/head-bare-lf", WHOLE_OR_NOT),
            Case::new("/fault/head-bare-lf?in=value", WHOLE_OR_NOT),
        ],
    },
    Entry {
        about: About {
            name: "head-fold",
            does: "a value on several lines; one that hides a false length; Content-Length's; before all",
            example: "head-fold?of=1000&what=value",
            verdict: "whole: each fold is a space (RFC 9112, section 5.2), a first line with a space no \
                      header (section 2.2); or failure, since no sender may fold",
            counts: false,
        },
        make: |p| {
            let what = [
                ("value", Odd::Fold),
                ("hidden", Odd::FoldHidesLength),
                ("length", Odd::FoldedLength),
                ("first", Odd::FoldComesFirst),
            ];
            let odd = p.one_of("what", &what)?;
            on(How::Odd(odd), p)
        },
        cases: &[
            Case::new("/fault/head-fold", WHOLE_OR_NOT),
            Case::new("/fault/head-fold?what=hidden", WHOLE_OR_NOT),
            Case::new("/fault/head-fold?what=length", WHOLE_OR_NOT),
            Case::new("/fault/head-fold?what=first", WHOLE_OR_NOT),
        ],
    },
    Entry {
        about: About {
            name: "head-space",
            does: "a space between name and colon, of a harmless header, or of a second, false length",
            example: "head-space?of=1000&what=text",
            verdict: "whole without that space (RFC 9112, section 5.1), or failure; two lengths that \
                      differ are failure (section 6.3)",
            counts: false,
        },
        make: |p| {
            let what = [("text", Odd::Space), ("second", Odd::SpaceHidesSecondLength)];
            let odd = p.one_of("what", &what)?;
            on(How::Odd(odd), p)
        },
        cases: &[
            Case::new("/fault/head-space", WHOLE_OR_NOT),
            Case::new("/fault/head-space?what=second", WHOLE_OR_NOT),
        ],
    },
    Entry {
        about: About {
            name: "head-no-colon",
            does: "a line among the headers that is none",
            example: "head-no-colon",
            verdict: "whole or failure: nobody says what to make of it (RFC 9112, section 5)",
            counts: false,
        },
        make: |p| on(How::Odd(Odd::NoColon), p),
        cases: &[Case::new("/fault/head-no-colon", WHOLE_OR_NOT)],
    },
    Entry {
        about: About {
            name: "head-name",
            does: "a header whose name is empty, or has a control character, a space, or more than ASCII",
            example: "head-name?has=nothing",
            verdict: "whole or failure: a name is a token (RFC 9110, section 5.1)",
            counts: false,
        },
        make: |p| {
            let has = [
                ("nothing", Odd::NoName),
                ("control", Odd::ControlInName),
                ("space", Odd::SpaceInName),
                ("bytes", Odd::NotAsciiInName),
            ];
            let odd = p.one_of("has", &has)?;
            on(How::Odd(odd), p)
        },
        cases: &[
            Case::new("/fault/head-name", WHOLE_OR_NOT),
            Case::new("/fault/head-name?has=control", WHOLE_OR_NOT),
            Case::new("/fault/head-name?has=space", WHOLE_OR_NOT),
            Case::new("/fault/head-name?has=bytes", WHOLE_OR_NOT),
        ],
    },
];

/// With `of`, on so many made bytes.
fn on(how: How, p: &mut Params<'_>) -> Result<Act, Wrong> {
    Ok(Act::Field(Field { of: p.number("of")?, how }))
}

impl Field {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        ex.resize(self.of);
        let of = ex.content.length();
        match self.how {
            How::Bare => {
                ex.ok().length(of).end_head();
                ex.said().retain(|byte| *byte != b'\r');
                ex.flush_head().await?;
            }
            How::Unusual => {
                ex.begin(format_args!("HTTP/1.1 200 "), Some(200)).length(of);
                let head = format!(
                    "HTTP/1.1 200 \r\ncONTENT-lENGTH:{of}\t \r\nX-Empty:\r\nX-EMPTY: \t \r\n\
                     !#$%&'*+-.^_`|~0: \t:\" ,;=\r\n"
                );
                ex.said().clear();
                ex.raw(head.as_bytes()).end_head();
            }
            How::Nothing => {
                ex.end = End::Close;
                ex.head(200).said().truncate(RIGHT_LINE.len());
                ex.raw(b"\r\n").flush_head().await?;
            }
            How::Odd(odd) => return odd.act(ex).await,
        }
        ex.part(0, of).await?;
        ex.flush().await
    }
}

impl Odd {
    async fn act(self, ex: &mut Exchange<'_>) -> Answered {
        let (kind, of) = (ex.content.kind, ex.content.length());
        let (lines, beside) = self.lines(of);
        if beside != Beside::Length {
            ex.end = End::Close;
        }
        ex.head(200);
        if self == Self::FoldComesFirst {
            ex.said().splice(RIGHT_LINE.len()..RIGHT_LINE.len(), lines.iter().copied());
        }
        ex.header("Content-Type", kind);
        if beside == Beside::Length {
            ex.length(of);
        }
        if self != Self::FoldComesFirst {
            ex.raw(&lines);
        }
        ex.end_head();
        let sent = if beside == Beside::Twice { of.saturating_mul(2) } else { of };
        ex.part(0, sent).await?;
        ex.flush().await
    }

    /// The lines for a body of `of` bytes.
    fn lines(self, of: u64) -> (Vec<u8>, Beside) {
        let half = of / 2;
        let (lines, beside) = match self {
            Self::Nul => ("X-Odd: a\0b\r\n".into(), Beside::Length),
            Self::NulInLength => (format!("Content-Length: {of}\x000\r\n"), Beside::Close),
            Self::Cr => ("X-Odd: a\rb\r\n".into(), Beside::Length),
            Self::CrHidesLength => (format!("X-Odd: a\rContent-Length: {half}\r\n"), Beside::Close),
            Self::CrHidesSecondLength => {
                (format!("X-Odd: a\rContent-Length: {half}\r\n"), Beside::Length)
            }
            // Who takes it for the end of the head takes the true end for the body's beginning.
            Self::CrAlone => ("\r\r\n".into(), Beside::Length),
            Self::LfHidesSecondLength => {
                (format!("X-Odd: a\nContent-Length: {half}\r\n"), Beside::Length)
            }
            Self::Fold => ("X-Odd: a\r\n b\r\n\tc\r\n".into(), Beside::Length),
            Self::FoldedLength => (format!("Content-Length:\r\n {of}\r\n"), Beside::Twice),
            Self::FoldHidesLength => {
                (format!("X-Odd: a\r\n Content-Length: {half}\r\n"), Beside::Close)
            }
            Self::FoldComesFirst => (format!(" Content-Length: {half}\r\n"), Beside::Close),
            Self::Space => ("X-Odd : a\r\n".into(), Beside::Length),
            Self::SpaceHidesSecondLength => {
                (format!("Content-Length : {half}\r\n"), Beside::Length)
            }
            Self::NoColon => ("This line is no header\r\n".into(), Beside::Length),
            Self::NoName => (": a\r\n".into(), Beside::Length),
            Self::ControlInName => ("X-\x01Odd: a\r\n".into(), Beside::Length),
            Self::SpaceInName => ("X Odd: a\r\n".into(), Beside::Length),
            Self::NotAsciiInName => ("X-\u{e9}: a\r\n".into(), Beside::Length),
            Self::NotUtf8 => return (b"X-Odd: cafe\xe9 \x80\xff\r\n".to_vec(), Beside::Length),
        };
        (lines.into_bytes(), beside)
    }
}

/// What every right answer begins with.
const RIGHT_LINE: &[u8] = b"HTTP/1.1 200 OK\r\n";

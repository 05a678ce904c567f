//! Connections that are used again (RFC 9112, section 9.3). With `to`, the answer is a redirect there,
//! so that a client with one URL also has reason to use its connection again.

use std::time::Duration;

use super::act::Act;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange};
use crate::spec::{Params, Wrong};
use crate::truth::End;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pool {
    of: Option<u64>,
    to: Option<String>,
    habit: Habit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    Stale(Stale),
    IdleClose(Duration),
    IdleTimeout(Duration),
    CloseUnsaid,
    CloseKept,
    Surplus,
    KeepShort { timeout: u64, max: u64 },
}

/// What a second request on a connection meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stale {
    Close,
    Reset,
    Cut,
    Silent,
}

const WHOLE: &[Right] = &[Right::Made(1000)];
const WHOLE_OR_FAIL: &[Right] = &[Right::Made(1000), Right::Fail];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "stale",
            does: "a connection's first request is answered; later ones meet close, reset, cut or silent",
            example: "stale?how=reset",
            verdict: "whole on a new connection, or failure (RFC 9112, section 9.3.1)",
            counts: true,
        },
        make: |p| {
            let how = p.one_of(
                "how",
                &[
                    ("close", Stale::Close),
                    ("reset", Stale::Reset),
                    ("cut", Stale::Cut),
                    ("silent", Stale::Silent),
                ],
            )?;
            pool(p, Habit::Stale(how))
        },
        cases: &[
            Case::new("/redirect/to?url=/fault/stale", WHOLE_OR_FAIL),
            Case::new("/redirect/to?url=/fault/stale?how=reset", WHOLE_OR_FAIL),
            Case::new("/redirect/to?url=/fault/stale?how=cut", WHOLE_OR_FAIL),
            Case::new("/redirect/to?url=/fault/stale?how=silent", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "idle-close",
            does: "answers, and closes the connection when it has been quiet for so long (100ms)",
            example: "idle-close?after=100ms&to=/bytes/1000",
            verdict: "whole, on a new connection if need be; or failure (RFC 9112, section 9.5)",
            counts: false,
        },
        make: |p| {
            let after = p.time_or("after", Duration::from_millis(100))?;
            pool(p, Habit::IdleClose(after))
        },
        cases: &[
            Case::new("/fault/idle-close", WHOLE),
            Case::new("/fault/idle-close?after=0&to=/bytes/1000", WHOLE_OR_FAIL),
            Case::new("/fault/idle-close?after=1ms&to=/bytes/1000", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "idle-408",
            does: "answers; when it has been quiet for so long (100ms), says 408 unasked and closes",
            example: "idle-408?after=100ms&to=/bytes/1000",
            verdict: "whole; or failure, where the 408 crossed a request (RFC 9110, section 15.5.9)",
            counts: false,
        },
        make: |p| {
            let after = p.time_or("after", Duration::from_millis(100))?;
            pool(p, Habit::IdleTimeout(after))
        },
        cases: &[
            Case::new("/fault/idle-408?after=0", WHOLE),
            Case::new("/fault/idle-408?after=0&to=/bytes/1000", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "close-unsaid",
            does: "answers as if the connection were kept, and closes it at once",
            example: "close-unsaid?to=/bytes/1000",
            verdict: "whole, on a new connection if need be; or failure (RFC 9112, section 9.6)",
            counts: false,
        },
        make: |p| pool(p, Habit::CloseUnsaid),
        cases: &[
            Case::new("/fault/close-unsaid", WHOLE),
            Case::new("/fault/close-unsaid?to=/bytes/1000", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "close-kept",
            does: "answers with Connection: close, never closes, and never answers on it again",
            example: "close-kept?to=/bytes/1000",
            verdict: "whole: the length is known, and no request may follow (RFC 9112, section 9.6)",
            counts: false,
        },
        make: |p| pool(p, Habit::CloseKept),
        cases: &[
            Case::new("/fault/close-kept", WHOLE),
            Case::new("/fault/close-kept?to=/bytes/1000", WHOLE),
        ],
    },
    Entry {
        about: About {
            name: "surplus",
            does: "answers, then a forged answer nobody asked for, on a connection that is kept",
            example: "surplus?to=/bytes/1000",
            verdict: "whole, or failure; never the forged bytes (RFC 9112, section 9.2)",
            counts: false,
        },
        make: |p| pool(p, Habit::Surplus),
        cases: &[
            Case::new("/fault/surplus", WHOLE_OR_FAIL),
            Case::new("/fault/surplus?to=/bytes/1000", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "keep-short",
            does: "says Keep-Alive: timeout=0, max=1 (or others), and keeps the connection all the same",
            example: "keep-short?timeout=0&max=1&to=/bytes/1000",
            verdict: "whole, on whichever connection",
            counts: false,
        },
        make: |p| {
            let (timeout, max) = (p.number_or("timeout", 0)?, p.number_or("max", 1)?);
            pool(p, Habit::KeepShort { timeout, max })
        },
        cases: &[
            Case::new("/fault/keep-short", WHOLE),
            Case::new("/fault/keep-short?to=/bytes/1000", WHOLE),
        ],
    },
];

/// Said to a connection that was quiet too long.
const TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nServer: hoist-rehearsal\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\nConnection: close\r\n\r\n\
    408 Request Timeout\n";
/// As long as the usual body, so that only the bytes tell it from the true answer.
const FORGED: usize = 1000;
/// The last bytes of an answer, which go out together with a forged one.
const TAIL: u64 = 1000;

fn pool(p: &mut Params<'_>, habit: Habit) -> Result<Act, Wrong> {
    let (of, to) = (p.number("of")?, p.line("to")?.map(Into::into));
    Ok(Act::Pool(Pool { of, to, habit }))
}

impl Pool {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        ex.resize(self.of);
        match self.habit {
            Habit::Stale(stale) if ex.nth > 1 => return stale.act(ex).await,
            Habit::Stale(_) => {}
            Habit::IdleClose(after) => ex.idle = after,
            Habit::IdleTimeout(after) => (ex.idle, ex.farewell) = (after, TIMEOUT),
            Habit::CloseUnsaid => {
                self.head(ex).end_head();
                ex.end = End::Close;
                return self.body(ex, b"").await;
            }
            Habit::CloseKept => {
                ex.end = End::Close;
                self.head(ex).end_head();
                self.body(ex, b"").await?;
                return ex.outlast().await;
            }
            Habit::Surplus => {
                self.head(ex).end_head();
                return self.body(ex, &forged()).await;
            }
            Habit::KeepShort { timeout, max } => {
                self.head(ex);
                if ex.end == End::Keep {
                    ex.header("Keep-Alive", format_args!("timeout={timeout}, max={max}"));
                    ex.header("Connection", "keep-alive");
                }
                ex.end_head();
                return self.body(ex, b"").await;
            }
        }
        self.head(ex).end_head();
        self.body(ex, b"").await
    }

    /// The head of the content, or of a redirect.
    fn head<'a, 'b>(&self, ex: &'a mut Exchange<'b>) -> &'a mut Exchange<'b> {
        match &self.to {
            None => {
                let of = ex.content.length();
                ex.ok().length(of)
            }
            Some(to) => ex.head(302).header("Location", to).length(0),
        }
    }

    /// The content, unless it is a redirect, and behind it bytes that are none of it.
    async fn body(&self, ex: &mut Exchange<'_>, surplus: &[u8]) -> Answered {
        if !ex.request.is_head() {
            if self.to.is_none() {
                let of = ex.content.length();
                let last = of.saturating_sub(TAIL);
                ex.part(0, last).await?;
                let mut tail = Vec::new();
                ex.content.read(last, of, &mut tail).await?;
                ex.body(&tail).await?;
            }
            ex.body(surplus).await?;
        }
        ex.flush().await
    }
}

impl Stale {
    async fn act(self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Close => {
                ex.end = End::Close;
                Ok(())
            }
            Self::Reset => ex.reset().await,
            Self::Cut => {
                ex.end = End::Close;
                ex.raw(b"HTTP/1.1 20").flush().await
            }
            Self::Silent => ex.outlast().await,
        }
    }
}

fn forged() -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: hoist-rehearsal\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {FORGED}\r\n\r\n"
    );
    [head.as_bytes(), &b"forged ".repeat(FORGED.div_ceil(7))[..FORGED]].concat()
}

//! What can go wrong where HTTP/2 begins. Connections that speak HTTP/1.1 never meet it.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::super::connection::{ConnectionEntry, ConnectionFault};
use super::{About, Case, Code, Door, FAIL, Right, WHOLE, WHOLE_OR_FAIL, code};
use crate::body_bytes;
use crate::catalogue::Family;
use crate::http::two::{PREFACE, Start};
use crate::http::wire::Wire;
use crate::spec::LONGEST;

/// How a connection of HTTP/2 begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    /// HTTP/2 was agreed on, and HTTP/1.1 is spoken.
    Lie,
    As(Start),
}

const fn case(spec: &'static str, right: &'static [Right]) -> Case {
    Case::new("/bytes/1000", right).behind(Door::Http2Connection(spec)).unmet(WHOLE)
}

pub(in crate::http::faults) const CONNECTIONS: &[ConnectionEntry] = &[
    ConnectionEntry {
        about: About {
            name: "h2-alpn-lie",
            does: "agrees on HTTP/2, and answers in HTTP/1.1 (200, the made bytes)",
            example: "h2-alpn-lie",
            verdict: "failure: the server's preface must come first (RFC 9113, section 3.4)",
            counts: false,
        },
        family: Family::Http2,
        make: |_| Ok(ConnectionFault::Two(Begins::Lie)),
        cases: &[case("h2-alpn-lie", FAIL)],
    },
    ConnectionEntry {
        about: About {
            name: "h2-no-settings",
            does: "begins with a PING in the place of SETTINGS, then answers",
            example: "h2-no-settings",
            verdict: "failure: SETTINGS must be the first frame (RFC 9113, section 3.4)",
            counts: false,
        },
        family: Family::Http2,
        make: |_| Ok(ConnectionFault::Two(Begins::As(Start::NoSettings))),
        cases: &[case("h2-no-settings", FAIL)],
    },
    ConnectionEntry {
        about: About {
            name: "h2-no-ack",
            does: "never acknowledges the client's SETTINGS",
            example: "h2-no-ack",
            verdict: "whole; or failure, when the client waits for it (RFC 9113, section 6.5.3)",
            counts: false,
        },
        family: Family::Http2,
        make: |_| Ok(ConnectionFault::Two(Begins::As(Start::NoAck))),
        cases: &[case("h2-no-ack", WHOLE_OR_FAIL)],
    },
    ConnectionEntry {
        about: About {
            name: "h2-goaway-first",
            does: "begins with SETTINGS and GOAWAY of this code (no-error), and closes",
            example: "h2-goaway-first?code=enhance-your-calm",
            verdict: "failure: nothing was processed, and never is (RFC 9113, section 6.8)",
            counts: false,
        },
        family: Family::Http2,
        make: |p| Ok(ConnectionFault::Two(Begins::As(Start::Goaway(code(p, Code::NO_ERROR)?)))),
        cases: &[
            case("h2-goaway-first", FAIL),
            case("h2-goaway-first?code=enhance-your-calm", FAIL),
        ],
    },
    ConnectionEntry {
        about: About {
            name: "h2-max-streams",
            does: "allows so many streams at once (1); with for, the usual number (100) after that time",
            example: "h2-max-streams?n=0&for=500ms",
            verdict: "whole; with none allowed, also failure (RFC 9113, section 5.1.2)",
            counts: false,
        },
        family: Family::Http2,
        make: |p| {
            let n = u32::try_from(p.number_or("n", 1)?).unwrap_or(u32::MAX);
            let after = p.time("for")?;
            Ok(ConnectionFault::Two(Begins::As(Start::Streams { n, after })))
        },
        cases: &[
            case("h2-max-streams?n=1", WHOLE),
            case("h2-max-streams?n=0&for=500ms", WHOLE_OR_FAIL),
            case("h2-max-streams?n=0", FAIL),
        ],
    },
];

impl Begins {
    /// As the truth log calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lie => "h2-alpn-lie",
            Self::As(Start::Right) => "h2",
            Self::As(Start::NoSettings) => "h2-no-settings",
            Self::As(Start::NoAck) => "h2-no-ack",
            Self::As(Start::Goaway(_)) => "h2-goaway-first",
            Self::As(Start::Streams { .. }) => "h2-max-streams",
        }
    }

    /// Does it to a connection; says how it is to be served, unless it is over.
    pub(crate) async fn act(self, wire: &mut Wire, inbox: &mut Vec<u8>) -> Option<Start> {
        match self {
            Self::As(start) => Some(start),
            Self::Lie => {
                // The client may leave while it happens; that is its right.
                let _ = timeout(LONGEST, lie(wire, inbox)).await;
                None
            }
        }
    }
}

async fn lie(wire: &mut Wire, inbox: &mut Vec<u8>) -> io::Result<()> {
    while inbox.len() < PREFACE.len() && wire.read_buf(inbox).await? > 0 {}
    // So that what the client sends first is read, not met by a reset.
    let _ = timeout(Duration::from_millis(50), wire.read_buf(inbox)).await;
    let mut answer = b"HTTP/1.1 200 OK\r\nServer: hoist-rehearsal\r\nContent-Length: 1000\r\n\
        Connection: close\r\n\r\n"
        .to_vec();
    let head = answer.len();
    answer.resize(head + 1000, 0);
    body_bytes(0, &mut answer[head..]);
    wire.write_all(&answer).await?;
    wire.flush().await
}

//! What can go wrong before the first request: in accepting, and in the TLS handshake. These are for
//! connections, so no URL can name them; scenarios and `--connection` do.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest, Ready};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{Begins, Case, Door, Right, two};
use crate::catalogue::{About, Family};
use crate::http::reason;
use crate::http::wire::reset_on_close;
use crate::spec::{LONGEST, Params, Wrong, split};
use crate::truth::End;

/// What happens to a connection before its first request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConnectionFault {
    /// The port is taken and nobody listens: only for all connections of a server.
    Refuse,
    /// The system's queue is full, and TCP's handshake is never answered: only for a whole server too.
    Unanswered,
    Silent,
    Reset,
    Close,
    Slow(Duration),
    /// Another protocol, in which the server speaks first.
    Banner,
    /// An answer that nobody asked for.
    Unasked(u16),
    /// TLS's first answer begins, and stays at its beginning.
    StallHandshake,
    /// Something that is no TLS answers the first message.
    GarbageHandshake,
    /// Plain HTTP answers it.
    PlainHandshake,
    /// An alert with this code does.
    Alert(u8),
    CloseHandshake,
    ResetHandshake,
    /// How HTTP/2 begins, where that is spoken.
    Two(Begins),
}

/// A connection fault as the table has it.
#[derive(Debug)]
pub(crate) struct ConnectionEntry {
    pub(crate) about: About,
    pub(crate) family: Family,
    pub(super) make: fn(&mut Params<'_>) -> Result<ConnectionFault, Wrong>,
    pub(crate) cases: &'static [Case],
}

const CONNECTIONS: &[ConnectionEntry] = &[
    ConnectionEntry {
        about: About {
            name: "refuse",
            does: "nobody listens at the port; for a whole server",
            example: "refuse",
            verdict: "failure",
            counts: false,
        },
        family: Family::Connect,
        make: |_| Ok(ConnectionFault::Refuse),
        cases: &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Connection("refuse"))],
    },
    ConnectionEntry {
        about: About {
            name: "unanswered",
            does: "nobody answers TCP's handshake: the queue is full; for a whole server",
            example: "unanswered",
            verdict: "failure, when the client's limit for connecting is reached",
            counts: false,
        },
        family: Family::Connect,
        make: |_| Ok(ConnectionFault::Unanswered),
        cases: &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Connection("unanswered"))],
    },
    ConnectionEntry {
        about: About {
            name: "accept-silent",
            does: "accepts and never says anything",
            example: "accept-silent",
            verdict: "failure, when the client's limit is reached",
            counts: false,
        },
        family: Family::Connect,
        make: |_| Ok(ConnectionFault::Silent),
        cases: &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Connection("accept-silent"))],
    },
    ConnectionEntry {
        about: About {
            name: "accept-reset",
            does: "accepts and resets",
            example: "accept-reset",
            verdict: "failure",
            counts: false,
        },
        family: Family::Connect,
        make: |_| Ok(ConnectionFault::Reset),
        cases: &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Connection("accept-reset"))],
    },
    ConnectionEntry {
        about: About {
            name: "accept-close",
            does: "accepts and closes in order",
            example: "accept-close",
            verdict: "failure: no answer came (RFC 9112, section 9.6)",
            counts: false,
        },
        family: Family::Connect,
        make: |_| Ok(ConnectionFault::Close),
        cases: &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Connection("accept-close"))],
    },
    ConnectionEntry {
        about: About {
            name: "accept-slow",
            does: "accepts and begins to serve this much later",
            example: "accept-slow?for=2s",
            verdict: "whole, unless the client's own limit is shorter",
            counts: false,
        },
        family: Family::Connect,
        make: |p| Ok(ConnectionFault::Slow(p.time_or("for", Duration::from_secs(1))?)),
        cases: &[Case::new("/bytes/1000", &[Right::Made(1000)])
            .behind(Door::Connection("accept-slow?for=0.5s"))],
    },
    ConnectionEntry {
        about: About {
            name: "accept-banner",
            does: "greets as a mail server does, before anything is asked, and waits",
            example: "accept-banner",
            verdict: "failure: no status line (RFC 9112, section 4)",
            counts: false,
        },
        family: Family::Connect,
        make: |_| Ok(ConnectionFault::Banner),
        cases: &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Connection("accept-banner"))],
    },
    ConnectionEntry {
        about: About {
            name: "accept-talk",
            does: "says a whole answer (408) before a request was read, and closes in order",
            example: "accept-talk?status=408",
            verdict: "failure: it answers nothing (RFC 9112, section 9.2), and is an error if it did",
            counts: false,
        },
        family: Family::Connect,
        make: |p| Ok(ConnectionFault::Unasked(p.status_or("status", 408)?)),
        cases: &[
            Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Connection("accept-talk")),
            Case::new("/bytes/1000", &[Right::Fail])
                .behind(Door::Connection("accept-talk?status=503")),
        ],
    },
    ConnectionEntry {
        about: About {
            name: "tls-stall",
            does: "answers the TLS handshake's first message with the first bytes of an answer, then nothing",
            example: "tls-stall",
            verdict: "failure, when the client's limit is reached",
            counts: false,
        },
        family: Family::Tls,
        make: |_| Ok(ConnectionFault::StallHandshake),
        cases: &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::TlsConnection("tls-stall"))],
    },
    ConnectionEntry {
        about: About {
            name: "tls-garbage",
            does: "answers the TLS handshake's first message with something that is no TLS",
            example: "tls-garbage",
            verdict: "failure (RFC 8446, section 6.2)",
            counts: false,
        },
        family: Family::Tls,
        make: |_| Ok(ConnectionFault::GarbageHandshake),
        cases: &[
            Case::new("/bytes/1000", &[Right::Fail]).behind(Door::TlsConnection("tls-garbage"))
        ],
    },
    ConnectionEntry {
        about: About {
            name: "tls-plain",
            does: "answers the TLS handshake's first message with a whole HTTP answer (200), plain",
            example: "tls-plain",
            verdict: "failure: what is not TLS is nobody's answer (RFC 8446, section 5.1)",
            counts: false,
        },
        family: Family::Tls,
        make: |_| Ok(ConnectionFault::PlainHandshake),
        cases: &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::TlsConnection("tls-plain"))],
    },
    ConnectionEntry {
        about: About {
            name: "tls-alert",
            does: "answers the TLS handshake's first message with an alert (40, handshake_failure)",
            example: "tls-alert?code=40",
            verdict: "failure (RFC 8446, section 6.2); also for close_notify (0), which ends nothing whole",
            counts: false,
        },
        family: Family::Tls,
        make: |p| {
            let code = u8::try_from(p.number_or("code", 40)?);
            code.map(ConnectionFault::Alert).map_err(|_| Wrong::new("code is a number up to 255"))
        },
        cases: &[
            Case::new("/bytes/1000", &[Right::Fail]).behind(Door::TlsConnection("tls-alert")),
            Case::new("/bytes/1000", &[Right::Fail])
                .behind(Door::TlsConnection("tls-alert?code=70")),
            Case::new("/bytes/1000", &[Right::Fail])
                .behind(Door::TlsConnection("tls-alert?code=0")),
        ],
    },
    ConnectionEntry {
        about: About {
            name: "tls-close",
            does: "closes in order after the TLS handshake's first message",
            example: "tls-close",
            verdict: "failure (RFC 8446, section 6.1)",
            counts: false,
        },
        family: Family::Tls,
        make: |_| Ok(ConnectionFault::CloseHandshake),
        cases: &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::TlsConnection("tls-close"))],
    },
    ConnectionEntry {
        about: About {
            name: "tls-reset",
            does: "resets after the TLS handshake's first message",
            example: "tls-reset",
            verdict: "failure",
            counts: false,
        },
        family: Family::Tls,
        make: |_| Ok(ConnectionFault::ResetHandshake),
        cases: &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::TlsConnection("tls-reset"))],
    },
];

/// Every fault of connections.
pub(crate) fn connections() -> impl Iterator<Item = &'static ConnectionEntry> {
    CONNECTIONS.iter().chain(two::CONNECTIONS)
}

impl ConnectionFault {
    /// From `name?key=value`.
    pub(crate) fn parse(spec: &str) -> Result<Self, Wrong> {
        let (name, mut params) = split(spec);
        let entry = connections().find(|entry| entry.about.name == name);
        let Some(entry) = entry else {
            return Err(Wrong(format!(
                "no connection fault is called {name}; hoist rehearse --list shows them"
            )));
        };
        let fault = (entry.make)(&mut params)?;
        params.done()?;
        Ok(fault)
    }

    /// As the truth log calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Unanswered => "unanswered",
            Self::Silent => "accept-silent",
            Self::Reset => "accept-reset",
            Self::Close => "accept-close",
            Self::Slow(_) => "accept-slow",
            Self::Banner => "accept-banner",
            Self::Unasked(_) => "accept-talk",
            Self::StallHandshake => "tls-stall",
            Self::GarbageHandshake => "tls-garbage",
            Self::PlainHandshake => "tls-plain",
            Self::Alert(_) => "tls-alert",
            Self::CloseHandshake => "tls-close",
            Self::ResetHandshake => "tls-reset",
            Self::Two(begins) => begins.name(),
        }
    }

    pub(crate) fn delay(&self) -> Duration {
        match self {
            Self::Slow(time) => *time,
            _ => Duration::ZERO,
        }
    }

    /// How it leaves a connection that it does not give back.
    pub(crate) fn end(&self) -> End {
        match self {
            Self::Refuse | Self::Unanswered | Self::Reset | Self::ResetHandshake => End::Reset,
            _ => End::Close,
        }
    }

    /// Whether it is one of a whole server, which then never accepts.
    pub(crate) fn is_of_server(&self) -> bool {
        matches!(self, Self::Refuse | Self::Unanswered)
    }

    /// Takes an address so that nobody can connect to it, for as long as the sockets are kept.
    pub(crate) fn shut(&self, addr: SocketAddr) -> io::Result<(SocketAddr, Vec<Socket>)> {
        let socket = crate::bind::closed(addr)?;
        // Or others that may take ports again could listen at this one.
        socket.set_reuse_address(false)?;
        let at = socket.local_addr()?.as_socket().unwrap_or(addr);
        let mut sockets = vec![socket];
        if *self == Self::Unanswered {
            fill_queue(at, &mut sockets)?;
        }
        Ok((at, sockets))
    }

    /// Does it to a connection; gives it back when it is to be served after all.
    pub(crate) async fn act(&self, mut tcp: TcpStream) -> io::Result<Option<TcpStream>> {
        match self {
            Self::Slow(time) => return Ok(wait(&tcp, *time).await.then_some(tcp)),
            // It waits until HTTP/2 is spoken.
            Self::Two(_) => return Ok(Some(tcp)),
            // Where they are of some connections only, these come too late, and reset is nearest.
            Self::Refuse | Self::Unanswered | Self::Reset => reset_on_close(&tcp)?,
            Self::Close => finish(&mut tcp).await?,
            Self::Silent => until_gone(&mut tcp).await,
            Self::Banner => {
                tcp.write_all(b"220 mail.example ESMTP\r\n").await?;
                until_gone(&mut tcp).await;
            }
            Self::Unasked(status) => {
                tcp.write_all(page(*status, "nobody asked").as_bytes()).await?;
                finish(&mut tcp).await?;
            }
            Self::StallHandshake => {
                hear(&mut tcp).await?;
                // The head of a handshake record, and of a ServerHello in it (RFC 8446, section 4.1.3).
                tcp.write_all(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03").await?;
                until_gone(&mut tcp).await;
            }
            Self::GarbageHandshake => {
                hear(&mut tcp).await?;
                tcp.write_all(b"220 this is no TLS\r\n").await?;
                finish(&mut tcp).await?;
            }
            Self::PlainHandshake => {
                hear(&mut tcp).await?;
                tcp.write_all(page(200, "plain").as_bytes()).await?;
                finish(&mut tcp).await?;
            }
            Self::Alert(code) => {
                hear(&mut tcp).await?;
                // All but close_notify and user_canceled are fatal (RFC 8446, section 6).
                let level = if matches!(code, 0 | 90) { 1 } else { 2 };
                tcp.write_all(&[21, 3, 3, 0, 2, level, *code]).await?;
                finish(&mut tcp).await?;
            }
            Self::CloseHandshake => {
                hear(&mut tcp).await?;
                finish(&mut tcp).await?;
            }
            Self::ResetHandshake => {
                hear(&mut tcp).await?;
                reset_on_close(&tcp)?;
            }
        }
        Ok(None)
    }
}

/// A small answer, whole.
fn page(status: u16, text: &str) -> String {
    let (phrase, length) = (reason(status), text.len());
    format!(
        "HTTP/1.1 {status} {phrase}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    )
}

/// Lets our own connections fill the queue of those not yet accepted, which holds one more than asked
/// for; Linux then drops what else comes to connect.
fn fill_queue(at: SocketAddr, sockets: &mut Vec<Socket>) -> io::Result<()> {
    /// Those that find no place any more only wait, as clients will.
    const ENOUGH: usize = 4;
    sockets[0].listen(0)?;
    for _ in 0..ENOUGH {
        let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        match socket.connect(&at.into()) {
            Err(error) if error.raw_os_error() == Some(EINPROGRESS) => {}
            connected => connected?,
        }
        sockets.push(socket);
    }
    Ok(())
}

/// "Begun, not done", which has no kind of its own in std.
const EINPROGRESS: i32 = 115;

/// Waits; false when the client leaves before. What it sends stays unread.
async fn wait(tcp: &TcpStream, time: Duration) -> bool {
    /// While something unread is there, its leaving can only be looked for.
    const LOOK: Duration = Duration::from_millis(20);
    let leaves = async {
        while !tcp.ready(Interest::READABLE).await.is_ok_and(Ready::is_read_closed) {
            sleep(LOOK).await;
        }
    };
    timeout(time, leaves).await.is_err()
}

/// Closes in order. What the client sends is read first, or the close would be a reset.
async fn finish(tcp: &mut TcpStream) -> io::Result<()> {
    tcp.shutdown().await?;
    until_gone(tcp).await;
    Ok(())
}

/// Something from the client, whatever it is.
async fn hear(tcp: &mut TcpStream) -> io::Result<()> {
    let mut scrap = [0; 4096];
    timeout(LONGEST, tcp.read(&mut scrap)).await??;
    Ok(())
}

/// Waits for the client to leave, within our patience.
async fn until_gone(tcp: &mut TcpStream) {
    let gone = async {
        let mut scrap = [0; 4096];
        while tcp.read(&mut scrap).await.is_ok_and(|n| n > 0) {}
    };
    let _ = timeout(LONGEST, gone).await;
}

#[cfg(test)]
mod tests;

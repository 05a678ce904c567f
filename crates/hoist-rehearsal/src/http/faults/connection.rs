//! What can go wrong before the first request: in accepting, and in the TLS handshake. These are for
//! connections, so no URL can name them; scenarios and `--connection` do.

use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Case, Door, Right};
use crate::catalogue::{About, Family};
use crate::http::wire::reset_on_close;
use crate::spec::{LONGEST, Params, Wrong, split};
use crate::tls::Certificate;
use crate::truth::End;

/// What happens to a connection before its first request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConnectionFault {
    /// The port is taken and nobody listens: only for all connections of a server.
    Refuse,
    Silent,
    Reset,
    Close,
    Slow(Duration),
    /// TLS's first answer begins, and stays at its beginning.
    StallHandshake,
    /// Something that is no TLS answers the first message.
    GarbageHandshake,
}

/// A connection fault as the table has it.
#[derive(Debug)]
pub(crate) struct ConnectionEntry {
    pub(crate) about: About,
    pub(crate) family: Family,
    make: fn(&mut Params<'_>) -> Result<ConnectionFault, Wrong>,
    pub(crate) cases: &'static [Case],
}

pub(crate) const CONNECTIONS: &[ConnectionEntry] = &[
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
];

/// The certificates that a server can have, for the list and for judging clients.
pub(crate) const CERTIFICATES: &[(Certificate, About, &[Case])] = &[
    (
        Certificate::Good,
        About {
            name: "good",
            does: "a certificate for localhost, 127.0.0.1 and ::1, signed by the rehearsal's authority",
            example: "--tls good",
            verdict: "whole",
            counts: false,
        },
        &[Case::new("/bytes/70000", &[Right::Made(70_000)]).behind(Door::Tls(Certificate::Good))],
    ),
    (
        Certificate::Expired,
        About {
            name: "expired",
            does: "a certificate that was good until 2001",
            example: "--tls expired",
            verdict: "failure (RFC 5280, section 6.1.3)",
            counts: false,
        },
        &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Tls(Certificate::Expired))],
    ),
    (
        Certificate::WrongHost,
        About {
            name: "wrong-host",
            does: "a certificate for elsewhere.invalid",
            example: "--tls wrong-host",
            verdict: "failure (RFC 9110, section 4.3.4)",
            counts: false,
        },
        &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Tls(Certificate::WrongHost))],
    ),
    (
        Certificate::SelfSigned,
        About {
            name: "self-signed",
            does: "a certificate that no authority signed",
            example: "--tls self-signed",
            verdict: "failure (RFC 5280, section 6.1)",
            counts: false,
        },
        &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Tls(Certificate::SelfSigned))],
    ),
];

impl ConnectionFault {
    /// From `name?key=value`.
    pub(crate) fn parse(spec: &str) -> Result<Self, Wrong> {
        let (name, mut params) = split(spec);
        let entry = CONNECTIONS.iter().find(|entry| entry.about.name == name);
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
            Self::Silent => "accept-silent",
            Self::Reset => "accept-reset",
            Self::Close => "accept-close",
            Self::Slow(_) => "accept-slow",
            Self::StallHandshake => "tls-stall",
            Self::GarbageHandshake => "tls-garbage",
        }
    }

    pub(crate) fn delay(&self) -> Duration {
        match self {
            Self::Slow(time) => *time,
            _ => Duration::ZERO,
        }
    }

    /// How it leaves the connection.
    pub(crate) fn end(&self) -> End {
        match self {
            Self::Slow(_) => End::Keep,
            Self::Refuse | Self::Reset => End::Reset,
            _ => End::Close,
        }
    }

    /// Does it to a connection; gives it back when it is to be served after all.
    pub(crate) async fn act(&self, mut tcp: TcpStream) -> io::Result<Option<TcpStream>> {
        match self {
            Self::Slow(time) => {
                tokio::time::sleep(*time).await;
                return Ok(Some(tcp));
            }
            // Connections that came before the port was given up are as good as refused.
            Self::Refuse | Self::Reset => reset_on_close(&tcp)?,
            Self::Close => {}
            Self::Silent => until_gone(&mut tcp).await,
            Self::StallHandshake => {
                hear(&mut tcp).await?;
                // The head of a handshake record, and of a ServerHello in it (RFC 8446, section 4.1.3).
                tcp.write_all(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03").await?;
                until_gone(&mut tcp).await;
            }
            Self::GarbageHandshake => {
                hear(&mut tcp).await?;
                tcp.write_all(b"220 this is no TLS\r\n").await?;
                tcp.shutdown().await?;
                until_gone(&mut tcp).await;
            }
        }
        Ok(None)
    }
}

impl FromStr for Certificate {
    type Err = Wrong;

    fn from_str(word: &str) -> Result<Self, Wrong> {
        let found = CERTIFICATES.iter().find(|(_, about, _)| about.name == word);
        found.map(|(certificate, _, _)| *certificate).ok_or_else(|| {
            let words: Vec<_> = CERTIFICATES.iter().map(|(_, about, _)| about.name).collect();
            Wrong(format!("a certificate is one of {}, not {word}", words.join(", ")))
        })
    }
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

/// An address that takes connections from nobody.
pub(crate) fn refuse(addr: SocketAddr) -> io::Result<(SocketAddr, socket2::Socket)> {
    let socket = crate::bind::closed(addr)?;
    let at = socket.local_addr()?.as_socket().unwrap_or(addr);
    Ok((at, socket))
}

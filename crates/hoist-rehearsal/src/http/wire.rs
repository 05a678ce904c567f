//! A connection's bytes, with TLS or without.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TcpStream),
    /// The flag says that it ends without TLS's `close_notify`.
    Tls(Box<TlsStream<TcpStream>>, bool),
}

impl Wire {
    pub(crate) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self::Tls(Box::new(stream), false)
    }

    /// Makes an orderly close one of TCP alone. Without TLS there is no other.
    pub(crate) fn close_without_notify(&mut self) {
        if let Self::Tls(_, unsaid) = self {
            *unsaid = true;
        }
    }

    /// Bytes beneath TLS, as they are; without TLS there is no beneath.
    pub(crate) async fn write_beneath(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls, _) => tls.get_mut().0.write_all(bytes).await,
        }
    }

    /// Makes closing this connection a reset: what the system has not sent yet is thrown away, and
    /// no TLS close is said.
    pub(crate) fn reset_on_close(&self) -> io::Result<()> {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls, _) => tls.get_ref().0,
        };
        reset_on_close(tcp)
    }
}

/// Makes closing this connection a reset.
pub(crate) fn reset_on_close(tcp: &TcpStream) -> io::Result<()> {
    SockRef::from(tcp).set_linger(Some(Duration::ZERO))
}

macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Self::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Self::Tls(stream, _) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self::Tls(tls, true) = self.as_mut().get_mut() {
            return Pin::new(tls.get_mut().0).poll_shutdown(cx);
        }
        either!(self, stream => stream.poll_shutdown(cx))
    }
}

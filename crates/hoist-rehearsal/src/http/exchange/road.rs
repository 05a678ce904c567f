//! How an exchange's bytes go: a connection of HTTP/1.1, or a stream of HTTP/2.

use std::io::{self, ErrorKind};

use tokio::io::AsyncReadExt;

use crate::http::request::HEAD_LIMIT;
use crate::http::two::Stream;
use crate::http::wire::Wire;

/// The way an exchange's bytes go.
pub(crate) enum Road<'a> {
    /// HTTP/1.1: the connection, and what the client sent after this request.
    One { wire: &'a mut Wire, inbox: &'a mut Vec<u8> },
    /// A stream of HTTP/2.
    Two(Stream),
}

impl Road<'_> {
    /// Waits until the client has left, or wants no answer any more.
    pub(super) async fn gone(&mut self) -> io::Error {
        match self {
            Self::One { wire, inbox } => until_gone(wire, inbox).await,
            Self::Two(stream) => stream.link.gone(stream.id).await,
        }
    }
}

/// Reads on, so that a client's leaving is seen; what it sends meanwhile is kept for later.
pub(super) async fn until_gone(wire: &mut Wire, inbox: &mut Vec<u8>) -> io::Error {
    loop {
        if inbox.len() >= HEAD_LIMIT {
            return std::future::pending().await;
        }
        match wire.read_buf(inbox).await {
            Ok(0) => return ErrorKind::UnexpectedEof.into(),
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

//! What an attempt needs of a connection, whichever version of HTTP it speaks.
//!
//! An enum: there are two, both known here, and their futures need no box.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1::SendRequest;

use super::http2::{Http2Body, Stream};
use super::known::Known;
use super::meter::Meter;
use super::pool::Open;
use crate::outcome::Failure;
use crate::outcome::classify::{self, Remedy, Seen};

/// A connection of HTTP/1.1, or a stream of one of HTTP/2.
#[derive(Debug)]
pub(super) enum Transport {
    Http1 {
        sender: SendRequest<Empty<Bytes>>,
        /// Where HTTP/2 was possible: kept while this lives.
        _known: Option<Rc<Known>>,
        _open: Open,
    },
    Http2(Stream),
}

impl Transport {
    /// It can carry a request now.
    pub(super) async fn ready(&mut self) -> bool {
        match self {
            Self::Http1 { sender, .. } => sender.ready().await.is_ok(),
            Self::Http2(_) => true,
        }
    }

    /// Sends a request; `meter` is told what comes.
    pub(super) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
        meter: &Rc<Meter>,
    ) -> Result<Response<Arriving>, Lost> {
        match self {
            Self::Http1 { sender, .. } => {
                let answer = sender.send_request(request).await;
                answer.map(|answer| answer.map(Arriving::Http1)).map_err(Lost::Http1)
            }
            Self::Http2(stream) => {
                let answer = stream.send(request, meter).await;
                answer.map(|answer| answer.map(Arriving::Http2))
            }
        }
    }

    /// It may be kept for another request as it is. A stream is not: its connection is.
    pub(super) fn is_reusable(&self) -> bool {
        match self {
            Self::Http1 { sender, .. } => !sender.is_closed(),
            Self::Http2(_) => false,
        }
    }

    /// Nothing came for so long.
    pub(super) fn suspect(&self, silence: Duration) {
        if let Self::Http2(stream) = self {
            stream.suspect(silence);
        }
    }

    /// What is known of an origin with which this speaks HTTP/2.
    pub(super) fn known_http2(&self) -> Option<&Rc<Known>> {
        match self {
            Self::Http1 { .. } => None,
            Self::Http2(stream) => Some(stream.known()),
        }
    }
}

/// The body of an answer, as it comes.
#[derive(Debug)]
pub(super) enum Arriving {
    Http1(Incoming),
    Http2(Http2Body),
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Lost;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        match self.get_mut() {
            Self::Http1(body) => Pin::new(body).poll_frame(cx).map_err(Lost::Http1),
            Self::Http2(body) => {
                let data = ready!(body.poll_data(cx));
                Poll::Ready(data.map(|data| data.map(Frame::data)))
            }
        }
    }
}

/// An exchange that failed.
#[derive(Debug)]
pub(super) enum Lost {
    Http1(hyper::Error),
    Http2 {
        error: h2::Error,
        /// It had the connection for itself.
        alone: bool,
    },
}

impl Lost {
    pub(super) fn failure(&self, meter: &Meter, seen: Seen) -> Failure {
        match self {
            Self::Http1(error) => classify::http(error, meter.error(), seen),
            Self::Http2 { error, alone } => classify::http2(error, *alone, seen),
        }
    }

    /// What may be done where no byte of an answer was seen.
    pub(super) fn remedy(&self, reused: bool) -> Remedy {
        let remedy = match self {
            // The server may have closed an idle connection just as it was used again.
            Self::Http1(_) => Remedy::FreeIfReused,
            Self::Http2 { error, .. } => classify::http2_remedy(error),
        };
        match remedy {
            Remedy::FreeIfReused if reused => Remedy::Free,
            Remedy::FreeIfReused => Remedy::None,
            remedy => remedy,
        }
    }
}

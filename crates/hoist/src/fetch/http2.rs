//! Connections of HTTP/2: each is shared by the attempts that have permits of its origin.

use std::cell::{Cell, OnceCell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::client::{Builder, SendRequest};
use h2::{Reason, RecvStream};
use http::header::{CONNECTION, HOST, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::bandwidth::Hold;
use super::frames::Checked;
use super::known::{Known, UnderWay};
use super::meter::{Meter, Metered};
use super::pool::{Open, Pool};

use super::transport::Lost;
use crate::item::Origin;
use crate::outcome::classify::{self, Remedy};
use crate::plan::defaults;
use crate::polls::{Task, timed};

/// Stands for "not said yet", and is nothing that a server could say.
const UNSAID: usize = usize::MAX - 1;

/// Fields that are of a connection, which HTTP/2 does not have (RFC 9113 §8.2.2).
const OF_CONNECTION: [HeaderName; 6] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    TE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A connection that carries many requests at once.
#[derive(Debug)]
pub(super) struct Http2 {
    origin: Origin,
    sender: RefCell<SendRequest<Bytes>>,
    meter: Rc<Meter>,
    known: Rc<Known>,
    state: Rc<State>,
    /// Streams in use.
    in_use: Cell<usize>,
    /// Streams begun since it was made.
    begun: Cell<usize>,
    /// Streams that it is given in all; more, once it has carried so many.
    in_all: Cell<usize>,
    /// Nothing at all came from the server while an answer was waited for.
    silent: Cell<bool>,
    /// Whether there was one stream when the connection was ended over what the server sent.
    alone: OnceCell<bool>,
    pool: Weak<RefCell<Pool>>,
    _open: Open,
    /// Ends the task that drives it.
    _closing: oneshot::Sender<Infallible>,
}

/// What its task says of a connection.
#[derive(Debug)]
struct State {
    /// Streams at once that the server allows.
    at_once: Cell<usize>,
    ended: Cell<bool>,
}

/// The right to one stream, and the stream.
#[derive(Debug)]
pub(super) struct Stream {
    http2: Rc<Http2>,
    /// Its place among the streams of its connection, from 1.
    number: usize,
}

/// What a connection was made for.
pub(super) struct Whose {
    pub(super) origin: Origin,
    pub(super) under_way: UnderWay,
    pub(super) pool: Weak<RefCell<Pool>>,
    pub(super) open: Open,
    /// How long the connection is not read for a ceiling.
    pub(super) hold: Option<Rc<Hold>>,
}

impl Http2 {
    /// Begins HTTP/2 on a connection. The server is not waited for.
    pub(super) async fn start<T>(io: T, whose: Whose, tasks: &TaskTracker) -> Result<Rc<Self>, Lost>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let Whose { origin, under_way, pool, open, hold } = whose;
        let meter = Rc::new(Meter::new(hold));
        let io = Checked::new(Metered::new(io, Rc::clone(&meter)));
        let made = Builder::new()
            .enable_push(false)
            .initial_window_size(defaults::HTTP2_STREAM_WINDOW)
            .initial_connection_window_size(defaults::HTTP2_CONNECTION_WINDOW)
            .max_frame_size(defaults::HTTP2_FRAME)
            .header_table_size(defaults::HTTP2_HEADER_TABLE)
            .max_header_list_size(u32::try_from(defaults::MAX_HEAD).unwrap_or(u32::MAX))
            .initial_max_send_streams(UNSAID)
            .handshake(io)
            .await;
        let (sender, mut connection) = made.map_err(|error| Lost::Http2 { error, alone: true })?;
        let known = Rc::clone(under_way.known());
        let state = Rc::new(State { at_once: Cell::new(1), ended: Cell::new(false) });
        let (closing, mut closed) = oneshot::channel::<Infallible>();
        let (of_task, known_too) = (Rc::clone(&state), Rc::clone(&known));
        let mut under_way = Some(under_way);
        let connected = poll_fn(move |cx| {
            if Pin::new(&mut closed).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            // Its errors reach the streams.
            let ended = Pin::new(&mut connection).poll(cx).is_ready();
            let at_once = connection.max_concurrent_send_streams();
            if at_once != UNSAID {
                of_task.at_once.set(at_once);
                if under_way.is_some() {
                    known_too.set_at_once(at_once);
                    under_way = None;
                }
            }
            if ended {
                of_task.ended.set(true);
                under_way = None;
                return Poll::Ready(());
            }
            Poll::Pending
        });
        tasks.spawn_local(timed(Task::Connection, connected));
        Ok(Rc::new(Self {
            origin,
            sender: RefCell::new(sender),
            meter,
            in_all: Cell::new(known.in_all()),
            known,
            state,
            in_use: Cell::new(0),
            begun: Cell::new(0),
            silent: Cell::new(false),
            alone: OnceCell::new(),
            pool,
            _open: open,
            _closing: closing,
        }))
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// One stream more, where there is room. One that can't tell yet what it carries takes one.
    pub(super) fn stream(self: &Rc<Self>) -> Option<Stream> {
        let room = self.in_use.get() < self.state.at_once.get()
            && self.begun.get() < self.in_all.get()
            && !self.known.requires_http1();
        (room && self.is_open()).then(|| self.first_stream())
    }

    /// The same without asking: a connection was made to be used.
    pub(super) fn first_stream(self: &Rc<Self>) -> Stream {
        self.in_use.set(self.in_use.get() + 1);
        self.begun.set(self.begun.get() + 1);
        Stream { http2: Rc::clone(self), number: self.begun.get() }
    }

    pub(super) fn is_unused(&self) -> bool {
        self.in_use.get() == 0
    }

    /// It takes new streams: not ended, nor about to (GOAWAY).
    pub(super) fn is_open(&self) -> bool {
        if self.state.ended.get() || self.silent.get() {
            return false;
        }
        let mut cx = Context::from_waker(Waker::noop());
        matches!(self.sender.borrow_mut().poll_ready(&mut cx), Poll::Ready(Ok(())))
    }

    fn lost(&self, error: h2::Error) -> Lost {
        // Its task may hear of it later than the next attempt asks for a stream.
        if error.is_go_away() || error.is_io() {
            self.state.ended.set(true);
        }
        let alone = *self.alone.get_or_init(|| self.in_use.get() <= 1);
        Lost::Http2 { error, alone }
    }
}

impl Stream {
    /// Others have used the connection before.
    pub(super) fn is_reused(&self) -> bool {
        self.number > 1
    }

    pub(super) fn known(&self) -> &Rc<Known> {
        &self.http2.known
    }

    /// Nothing came for this stream in so long: if nothing came at all, the connection is dead. Half
    /// of the time is enough: an answer to another may have come at its beginning. Where it is not
    /// dead after all, that costs one more connection.
    pub(super) fn suspect(&self, silence: Duration) {
        if self.http2.meter.last_received().elapsed() >= silence / 2 {
            self.http2.silent.set(true);
        }
    }

    /// How long its connection is not read for a ceiling.
    pub(super) fn hold(&self) -> Option<Rc<Hold>> {
        self.http2.meter.hold()
    }

    /// Sends a request as HTTP/1.1 has it. `meter` is told what comes for it.
    pub(super) async fn send<B>(
        &self,
        request: Request<B>,
        meter: &Rc<Meter>,
    ) -> Result<Response<Http2Body>, Lost> {
        let http2 = &self.http2;
        let request = to_http2(request, http2.origin.secure);
        // A sender whose stream waits to be opened takes no other.
        let mut sender = http2.sender.borrow().clone();
        let sent = sender.send_request(request, true);
        let mut answer = match sent {
            Ok((answer, _)) => answer,
            Err(error) => return Err(self.lost(error)),
        };
        let head = poll_fn(|cx| {
            while let Poll::Ready(Some(Ok(interim))) = answer.poll_informational(cx) {
                meter.note_interim();
                // There is no switching of protocols in HTTP/2 (RFC 9113 §8.6).
                let switches = interim.status() == StatusCode::SWITCHING_PROTOCOLS;
                if switches || meter.too_many_interim() {
                    return Poll::Ready(Err(Reason::PROTOCOL_ERROR.into()));
                }
            }
            Pin::new(&mut answer).poll(cx)
        });
        match head.await {
            Ok(answer) => {
                meter.note_head();
                Ok(answer.map(|stream| Http2Body {
                    stream,
                    end: None,
                    http2: Rc::clone(http2),
                    meter: Rc::clone(meter),
                }))
            }
            Err(error) => Err(self.lost(error)),
        }
    }

    fn lost(&self, error: h2::Error) -> Lost {
        if error.is_go_away() && classify::http2_remedy(&error) == Remedy::Free {
            self.http2.known.ended_after(self.number - 1);
        }
        self.http2.lost(error)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let http2 = &self.http2;
        http2.in_use.set(http2.in_use.get() - 1);
        if http2.is_unused() {
            let begun = http2.begun.get();
            if begun >= http2.in_all.get() && http2.is_open() {
                http2.in_all.set(begun.saturating_mul(2));
                http2.known.carries(http2.in_all.get());
            }
            if let Some(pool) = http2.pool.upgrade() {
                pool.borrow_mut().unused(http2);
            }
        }
        http2.known.stream_ended();
    }
}

/// The origin goes into the URI, and what is of the connection is left out.
fn to_http2<B>(request: Request<B>, secure: bool) -> Request<()> {
    let (mut head, _) = request.into_parts();
    for name in OF_CONNECTION {
        head.headers.remove(name);
    }
    let host = head.headers.remove(HOST);
    let mut uri = Parts::default();
    uri.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let path = head.uri.path_and_query().cloned();
    uri.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    // Without an authority it can't be, and is refused when it is sent.
    head.uri = Uri::from_parts(uri).unwrap_or(head.uri);
    head.version = http::Version::HTTP_2;
    Request::from_parts(head, ())
}

/// Bytes that are given on at once, where so many are there: frames are often smaller than is good for
/// a writer.
const AT_ONCE: usize = 64 << 10;

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Http2Body {
    stream: RecvStream,
    /// What came behind the bytes that were given on.
    end: Option<Result<(), h2::Error>>,
    http2: Rc<Http2>,
    meter: Rc<Meter>,
}

impl Http2Body {
    /// The next bytes; none once the server has said that it was all (`END_STREAM`). That it gave the
    /// stream up without an error says no such thing.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Lost>>> {
        // One frame is given on as it is, more are put together.
        let mut one = Bytes::new();
        let mut many = BytesMut::new();
        while self.end.is_none() && one.len().max(many.len()) < AT_ONCE {
            match self.stream.poll_data(cx) {
                Poll::Ready(Some(Ok(data))) if one.is_empty() => one = data,
                Poll::Ready(Some(Ok(data))) => {
                    if many.is_empty() {
                        many.reserve(AT_ONCE + data.len());
                        many.extend_from_slice(&one);
                    }
                    many.extend_from_slice(&data);
                }
                Poll::Ready(Some(Err(error))) => self.end = Some(Err(error)),
                Poll::Ready(None) => self.end = Some(Ok(())),
                Poll::Pending if one.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        let data = if many.is_empty() { one } else { many.freeze() };
        if !data.is_empty() {
            // Whoever reads has taken it: the server may send as much again.
            let _ = self.stream.flow_control().release_capacity(data.len());
            self.meter.note_received(data.len());
            return Poll::Ready(Some(Ok(data)));
        }
        if let Some(Err(error)) = self.end.take() {
            return Poll::Ready(Some(Err(self.http2.lost(error))));
        }
        self.end = Some(Ok(()));
        // Trailer fields: nobody asked for them, but they can be wrong.
        match ready!(self.stream.poll_trailers(cx)) {
            Ok(_) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(self.http2.lost(error)))),
        }
    }
}

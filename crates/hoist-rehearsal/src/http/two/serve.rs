//! A connection of HTTP/2: its beginning, its streams, its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::frame::{Code, Frame, USUAL, flag, frame, goaway, kind, rst_stream, setting, settings};
use super::head;
use super::hpack::Field;
use super::link::{Link, Work};
use super::peer::{Asks, Peer};
use super::stream::Stream;
use crate::http::connection::{self, IDLE};
use crate::http::exchange::{Exchange, PATIENCE, Road, Trouble};
use crate::http::request::Request;
use crate::http::server::{Conn, Shared};
use crate::http::wire::Wire;
use crate::running::pass_on_panic;
use crate::truth::End;

/// What a client says first (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Streams that a client may have open at once.
const STREAMS: u32 = 100;
/// The time that streams get to end when their connection has.
const ENDING: Duration = Duration::from_secs(1);

/// How the server begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// As it should.
    Right,
    /// With a frame that is not SETTINGS.
    NoSettings,
    /// With SETTINGS, and never acknowledges the client's.
    NoAck,
    /// With SETTINGS and GOAWAY of this code, and the end.
    Goaway(Code),
    /// With so many streams allowed at once, the usual number after this time.
    Streams { n: u32, after: Option<Duration> },
}

impl Start {
    fn frames(self) -> Vec<u8> {
        let n = match self {
            Self::Streams { n, .. } => n,
            _ => STREAMS,
        };
        match self {
            Self::NoSettings => frame(kind::PING, 0, 0, b"settings"),
            _ => settings(&[(setting::MAX_CONCURRENT_STREAMS, n)]),
        }
    }
}

/// What every stream of a connection needs.
#[derive(Clone)]
struct Common {
    shared: Arc<Shared>,
    link: Arc<Link>,
    conn: Conn,
    secure: bool,
}

/// Serves a connection on which HTTP/2 was agreed, or begun. `inbox` is what the client has said.
pub(crate) async fn serve(
    wire: Wire,
    mut inbox: Vec<u8>,
    conn: Conn,
    shared: &Arc<Shared>,
    start: Start,
) {
    let limit = match start {
        Start::Streams { n, .. } => n,
        _ => STREAMS,
    };
    let link = Arc::new(Link::new(usize::try_from(limit).unwrap_or(usize::MAX)));
    let secure = matches!(wire, Wire::Tls(..));
    let common = Common { shared: Arc::clone(shared), link: Arc::clone(&link), conn, secure };
    let (mut from, mut to) = split(wire);
    let mut streams = JoinSet::new();
    link.say(&start.frames());
    if let Start::Goaway(code) = start {
        link.say(&goaway(0, code));
        link.end(End::Close);
    }
    let end = tokio::select! {
        biased;
        end = write(&mut to, &link) => end,
        () = hear(&mut from, &mut inbox, &common, start, &mut streams) => End::Close,
    };
    link.over();
    let ended = async {
        while let Some(ended) = streams.join_next().await {
            pass_on_panic(ended);
        }
    };
    // One that computes still is given up.
    let _ = timeout(ENDING, ended).await;
    drop(streams);
    let wire = from.unsplit(to);
    if end == End::Reset {
        // Without it the client sees an orderly close, and its test fails: good.
        let _ = wire.reset_on_close();
    } else {
        connection::close(wire).await;
    }
}

/// Writes what comes into the queue, until the connection is to end.
async fn write(to: &mut WriteHalf<Wire>, link: &Link) -> End {
    let mut done = 0;
    loop {
        let bytes = match link.work(done).await {
            Work::Write(bytes) => bytes,
            Work::End(end) => return end,
        };
        let writing = async {
            to.write_all(&bytes).await?;
            to.flush().await
        };
        match timeout(PATIENCE, writing).await {
            Ok(Ok(())) => done = bytes.len(),
            _ => return End::Close,
        }
    }
}

/// Hears the client until it leaves.
async fn hear(
    from: &mut ReadHalf<Wire>,
    inbox: &mut Vec<u8>,
    common: &Common,
    start: Start,
    streams: &mut JoinSet<()>,
) {
    let link = &common.link;
    let (mut peer, mut greeted, mut nth) = (Peer::new(), false, 0);
    let (mut quiet_until, mut failed) = (Instant::now() + IDLE, false);
    let mut raise = match start {
        Start::Streams { after: Some(after), .. } => Some(Instant::now() + after),
        _ => None,
    };
    loop {
        if failed {
            inbox.clear();
        } else if let Err(code) = hear_all(inbox, &mut greeted, &mut peer, |asks| {
            act(asks, common, start, &mut nth, streams)
        }) {
            link.fail(code);
            failed = true;
        }
        tokio::select! {
            biased;
            Some(ended) = streams.join_next() => {
                pass_on_panic(ended);
                quiet_until = Instant::now() + IDLE;
            }
            read = from.read_buf(inbox) => {
                if !read.is_ok_and(|n| n > 0) {
                    return;
                }
                quiet_until = Instant::now() + IDLE;
            }
            () = sleep_until(raise.unwrap_or(quiet_until)), if raise.is_some() => {
                raise = None;
                link.allow(usize::try_from(STREAMS).unwrap_or(usize::MAX));
                link.say(&settings(&[(setting::MAX_CONCURRENT_STREAMS, STREAMS)]));
            }
            () = sleep_until(quiet_until), if streams.is_empty() && !failed => {
                link.fail(Code::NO_ERROR);
                failed = true;
            }
        }
    }
}

/// Hears every whole frame of the inbox, behind the preface.
fn hear_all(
    inbox: &mut Vec<u8>,
    greeted: &mut bool,
    peer: &mut Peer,
    mut act: impl FnMut(Asks) -> Result<(), Code>,
) -> Result<(), Code> {
    if !*greeted {
        let n = inbox.len().min(PREFACE.len());
        if inbox[..n] != PREFACE[..n] {
            return Err(Code::PROTOCOL_ERROR);
        }
        if n < PREFACE.len() {
            return Ok(());
        }
        inbox.drain(..n);
        *greeted = true;
    }
    let mut at = 0;
    while let Some((frame, length)) = Frame::parse(&inbox[at..], USUAL)? {
        act(peer.hear(frame)?)?;
        at += length;
    }
    inbox.drain(..at);
    Ok(())
}

/// Does what a frame asks for.
fn act(
    asks: Asks,
    common: &Common,
    start: Start,
    nth: &mut u64,
    streams: &mut JoinSet<()>,
) -> Result<(), Code> {
    let link = &common.link;
    match asks {
        Asks::Nothing => {}
        Asks::Request(id, fields) => {
            let fits = link.open(id);
            *nth += 1;
            streams.spawn(answer(common.clone(), id, *nth, fields, fits));
        }
        Asks::Settings(values) => {
            link.set(&values)?;
            if start != Start::NoAck {
                link.say(&frame(kind::SETTINGS, flag::ACK, 0, b""));
            }
        }
        Asks::Pong(data) => link.say(&frame(kind::PING, flag::ACK, 0, &data)),
        Asks::Data(id, used, more) => {
            // Nobody reads bodies here, so there is always room for more.
            if used > 0 {
                let update = |stream| frame(kind::WINDOW_UPDATE, 0, stream, &used.to_be_bytes());
                link.say(&update(0));
                if more {
                    link.say(&update(id));
                }
            }
        }
        Asks::Window(id, more) => {
            if !link.widen(id, more)? {
                refuse(link, id, Code::FLOW_CONTROL_ERROR);
            }
        }
        Asks::Reset(id) => link.reset(id),
        Asks::Refuse(id, code) => refuse(link, id, code),
    }
    Ok(())
}

fn refuse(link: &Link, id: u32, code: Code) {
    link.say(&rst_stream(id, code));
    link.reset(id);
}

/// Answers one request. One too many is refused without being looked at (section 5.1.2).
async fn answer(common: Common, id: u32, nth: u64, fields: Vec<Field>, fits: bool) {
    let Common { shared, link, conn, secure } = common;
    let _in_flight = shared.counters.requests.enter();
    let head = head::request(&fields);
    let parsed = head.as_deref().map_err(|why| *why).and_then(Request::parse);
    let wrong = parsed.is_err();
    // What is wrong with one stream is nothing to the others.
    let request = Request { keep: true, ..parsed.unwrap_or(Request::unreadable()) };
    let attempt = if wrong || !fits { 1 } else { connection::count(&shared, &request) };
    let mut out = Vec::new();
    let road = Road::Two(Stream::new(id, Arc::clone(&link), secure));
    let mut exchange = Exchange::new(request, &shared, (conn, nth), attempt, road, &mut out);
    let answered = if !fits {
        exchange.rst(Code::REFUSED_STREAM).await
    } else if wrong {
        // Malformed (section 8.1.1).
        exchange.rst(Code::PROTOCOL_ERROR).await
    } else {
        connection::respond(&mut exchange).await
    };
    let answered = match answered {
        Err(Trouble::NeedsHttp11) => exchange.rst(Code::HTTP_1_1_REQUIRED).await,
        answered => answered,
    };
    exchange.finish(answered).await;
    drop(exchange);
    link.closed(id);
}

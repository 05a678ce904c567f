//! Request after request on one connection, and its end.

use std::io;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::exchange::{Answered, Exchange, Road, Trouble};
use super::load;
use super::request::{HEAD_LIMIT, Request, head_end};
use super::route;
use super::server::{Conn, Shared};
use super::wire::Wire;
use crate::hash::hash;
use crate::truth::End;

/// The longest that a connection may be quiet between requests, or take over one head.
pub(crate) const IDLE: Duration = Duration::from_mins(1);
/// A request body up to this long is read and ignored; a longer one ends the connection.
const BODY_LIMIT: u64 = 1 << 20;
/// After our last byte the client gets this long to close its side, so that what it still had under
/// way does not turn our close into a reset.
const LINGER: Duration = Duration::from_secs(2);
/// Buffers above this size are given back after the request that needed them.
const BUFFER_KEPT: usize = 16 << 10;

enum Head {
    /// A head of so many bytes stands at the front of the buffer.
    Whole(usize),
    /// More than we take. The flag says that even the request line is too long.
    TooLong(bool),
    /// Nothing came for as long as may be.
    Quiet,
    /// Nothing more comes.
    Ended,
}

/// `inbox` is what the client has said already.
pub(crate) async fn serve(mut wire: Wire, mut inbox: Vec<u8>, conn: Conn, shared: &Shared) {
    let (mut head, mut out) = (Vec::new(), Vec::new());
    let (mut nth, mut idle, mut farewell) = (0, IDLE, b"".as_slice());
    loop {
        let whole = match read_head(&mut wire, &mut inbox, idle).await {
            Ok(Head::Whole(length)) => {
                head.clear();
                head.extend(inbox.drain(..length));
                true
            }
            Ok(Head::TooLong(line)) => {
                head.clear();
                head.extend_from_slice(if line { b"414" } else { b"431" });
                false
            }
            Ok(Head::Quiet) if !farewell.is_empty() => {
                // Whether the client still hears it or not, the connection is over.
                let _ = timeout(LINGER, wire.write_all(farewell)).await;
                return close(wire).await;
            }
            Ok(Head::Quiet | Head::Ended) | Err(_) => return,
        };
        nth += 1;
        let end;
        (end, idle, farewell) = {
            let _in_flight = shared.counters.requests.enter();
            one(&mut wire, (conn, nth), shared, (&mut inbox, &head, &mut out), whole).await
        };
        match end {
            End::Keep => {}
            End::Close => return close(wire).await,
            End::Reset => {
                // Without it the client sees an orderly close, and its test fails: good.
                let _ = wire.reset_on_close();
                return;
            }
        }
        for buffer in [&mut inbox, &mut head, &mut out] {
            buffer.shrink_to(BUFFER_KEPT);
        }
    }
}

/// Answers one request; says how the connection goes on, how long it may then be quiet, and what is
/// said when it has been.
async fn one(
    wire: &mut Wire,
    conn: (Conn, u64),
    shared: &Shared,
    (inbox, head, out): (&mut Vec<u8>, &[u8], &mut Vec<u8>),
    whole: bool,
) -> (End, Duration, &'static [u8]) {
    let parsed = if whole { Request::parse(head) } else { Err("the request head is too long") };
    let (request, attempt, wrong) = match parsed {
        Ok(request) => (request, count(shared, &request), None),
        Err(why) => (Request::unreadable(), 1, Some(why)),
    };
    let road = Road::One { wire, inbox };
    let mut exchange = Exchange::new(request, shared, conn, attempt, road, out);
    let answered = if let Some(why) = wrong {
        exchange.text(if whole { 400 } else { status_of(head) }, why).await
    } else if let Err(error) = exchange.skip_body(BODY_LIMIT).await {
        Err(error.into())
    } else {
        respond(&mut exchange).await
    };
    exchange.done = answered.is_ok();
    if !exchange.done && exchange.end == End::Keep {
        exchange.end = End::Close;
    }
    (exchange.end, exchange.idle, exchange.farewell)
}

/// The answer to a request that could be read.
pub(crate) async fn respond(exchange: &mut Exchange<'_>) -> Answered {
    if !matches!(exchange.request.method, "GET" | "HEAD") {
        exchange.head(405).header("Allow", "GET, HEAD");
        return exchange.end_text("only GET and HEAD").await;
    }
    if let Some(gate) = &exchange.shared.gate
        && load::meet(exchange, gate).await?
    {
        return Ok(());
    }
    match route::answer(exchange).await {
        Err(Trouble::BadRequest(why)) => exchange.refuse(&why.0).await,
        answered => answered,
    }
}

fn status_of(code: &[u8]) -> u16 {
    if code == b"414" { 414 } else { 431 }
}

/// Which attempt at a request this is.
pub(crate) fn count(shared: &Shared, request: &Request<'_>) -> u32 {
    let host = request.host.to_ascii_lowercase();
    let parts = [request.method.as_bytes(), host.as_bytes(), request.target.as_bytes()];
    let key = hash(0, &parts);
    shared.attempts.lock().unwrap_or_else(PoisonError::into_inner).count(key)
}

/// `idle` is how long the wait for its first byte may be.
async fn read_head(wire: &mut Wire, inbox: &mut Vec<u8>, idle: Duration) -> io::Result<Head> {
    let mut deadline = Instant::now() + idle;
    let mut seen = 0;
    loop {
        // Empty lines before a request line are to be ignored (RFC 9112, section 2.2).
        while inbox.starts_with(b"\r\n") {
            inbox.drain(..2);
            seen = 0;
        }
        if let Some(length) = head_end(inbox, seen) {
            return Ok(Head::Whole(length));
        }
        if inbox.len() >= HEAD_LIMIT {
            return Ok(Head::TooLong(!inbox.windows(2).any(|w| w == b"\r\n")));
        }
        seen = inbox.len();
        match timeout_at(deadline, wire.read_buf(inbox)).await {
            Ok(Ok(0)) => return Ok(Head::Ended),
            Err(_) => return Ok(if seen == 0 { Head::Quiet } else { Head::Ended }),
            Ok(read) => read?,
        };
        if seen == 0 {
            deadline = deadline.max(Instant::now() + IDLE);
        }
    }
}

/// Closes our side, then waits for the client to close its own, reading what it still sends.
pub(crate) async fn close(mut wire: Wire) {
    let finish = async {
        wire.shutdown().await?;
        let mut scrap = vec![0; 4096];
        let mut left = BODY_LIMIT;
        loop {
            let n = wire.read(&mut scrap).await? as u64;
            if n == 0 || n > left {
                return io::Result::Ok(());
            }
            left -= n;
        }
    };
    // Whether it went well or not, the connection is over.
    let _ = timeout(LINGER, finish).await;
}

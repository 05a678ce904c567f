//! One request and its answer on the wire: the words in which faults are written. It keeps the
//! record of what was promised and sent, and logs it when dropped, whatever ended it.

mod content;
mod road;
mod two;

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

use self::road::until_gone;
use super::connection::IDLE;
use super::load::Place;
use super::representation::Representation;
use super::request::Request;
use super::server::{Conn, Shared};
use super::status::reason;
use super::wire::Wire;
use crate::hash::{Draws, hash};
use crate::spec::{LONGEST, Wrong};
use crate::truth::{End, HttpRecord, Loaded};

pub(crate) use road::Road;

/// The longest that a fault waits for a client to give up, and that a write waits for it to read.
pub(crate) const PATIENCE: Duration = LONGEST;
/// Body bytes made and written at once.
pub(crate) const PIECE: u64 = 64 << 10;

/// Why an answer could not be given as meant.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The client left, or the connection broke.
    Gone(#[expect(dead_code, reason = "shown by Debug")] io::Error),
    /// The request cannot be served; nothing has been written yet.
    BadRequest(Wrong),
    /// HTTP/2 has no words for the answer.
    NeedsHttp11,
}

impl From<Wrong> for Trouble {
    fn from(wrong: Wrong) -> Self {
        Self::BadRequest(wrong)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

pub(crate) type Answered = Result<(), Trouble>;

pub(crate) struct Exchange<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) shared: &'a Shared,
    pub(crate) arrived: Instant,
    pub(crate) attempt: u32,
    pub(crate) decision: &'static str,
    /// The rule of the scenario that decided, from 1.
    pub(crate) rule: Option<usize>,
    pub(crate) delay: Duration,
    /// What the answer's body is cut from.
    pub(crate) content: Representation,
    pub(crate) end: End,
    /// How long the connection may be quiet after this exchange.
    pub(crate) idle: Duration,
    /// What is said unasked when it has been quiet for so long.
    pub(crate) farewell: &'static [u8],
    /// The number of this request on its connection, from 1.
    pub(crate) nth: u64,
    /// Whether the answer was given as meant; if not, the connection is not used again.
    pub(crate) done: bool,
    conn: Conn,
    /// What the server's load model said.
    pub(crate) load: Option<Loaded>,
    /// Its place in flight.
    pub(crate) place: Option<Place<'a>>,
    /// Whether the content's head has been begun.
    begun: bool,
    status: Option<u16>,
    /// Retry-After, as said.
    again: Option<String>,
    /// Whether the body is cut from the content.
    cut: bool,
    promised: Option<u64>,
    sent: u64,
    /// How far into the content body bytes were said.
    told: u64,
    road: Road<'a>,
    out: &'a mut Vec<u8>,
    /// Where in `out` the body begins.
    body_from: usize,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(
        request: Request<'a>,
        shared: &'a Shared,
        (conn, nth): (Conn, u64),
        attempt: u32,
        road: Road<'a>,
        out: &'a mut Vec<u8>,
    ) -> Self {
        out.clear();
        Self {
            end: if request.keep { End::Keep } else { End::Close },
            request,
            shared,
            arrived: Instant::now(),
            attempt,
            decision: "refused",
            rule: None,
            delay: Duration::ZERO,
            content: Representation::default(),
            idle: IDLE,
            farewell: b"",
            nth,
            done: false,
            conn,
            load: None,
            place: None,
            begun: false,
            status: None,
            again: None,
            cut: false,
            promised: None,
            sent: 0,
            told: 0,
            road,
            out,
            body_from: 0,
        }
    }

    /// Reads and ignores the request's body, so that the next request begins where it ends. One too
    /// long for that, or of a length not known, ends the connection with this exchange.
    pub(crate) async fn skip_body(&mut self, limit: u64) -> io::Result<()> {
        let Some(mut left) = self.request.body.filter(|length| *length <= limit) else {
            self.end = End::Close;
            return Ok(());
        };
        // Of HTTP/2, the connection does it.
        let Road::One { wire, inbox } = &mut self.road else { return Ok(()) };
        while left > 0 {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(inbox.len());
            inbox.drain(..here);
            left -= here as u64;
            if left > 0 && timeout(IDLE, wire.read_buf(*inbox)).await?? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Begins the head of an answer, dropping what was not written of another.
    pub(crate) fn head(&mut self, status: u16) -> &mut Self {
        self.begin(format_args!("HTTP/1.1 {status} {}", reason(status)), Some(status))
    }

    /// Begins the head of an answer with any status line; `status` is what of it goes to the log.
    pub(crate) fn begin(
        &mut self,
        line: std::fmt::Arguments<'_>,
        status: Option<u16>,
    ) -> &mut Self {
        self.out.clear();
        self.body_from = 0;
        self.status = status;
        (self.again, self.cut) = (None, false);
        self.line(line);
        self.header("Server", "hoist-rehearsal")
    }

    /// What was said and not handed to the system yet, to be spoilt.
    pub(crate) fn said(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Hands a part of a head to the system, or one that is no answer's; no byte of it is body.
    pub(crate) async fn flush_head(&mut self) -> Answered {
        self.body_from = self.out.len();
        self.flush().await
    }

    pub(crate) fn header(&mut self, name: &str, value: impl Display) -> &mut Self {
        if name == "Retry-After" {
            self.again = Some(value.to_string());
        }
        self.line(format_args!("{name}: {value}"))
    }

    /// Promises a body of `length` bytes.
    pub(crate) fn length(&mut self, length: u64) -> &mut Self {
        self.promised = Some(length);
        self.header("Content-Length", length)
    }

    /// Ends the head, saying `Connection: close` if this exchange ends so.
    pub(crate) fn end_head(&mut self) -> &mut Self {
        if self.end != End::Keep {
            self.header("Connection", "close");
        }
        self.out.extend_from_slice(b"\r\n");
        self.body_from = self.out.len();
        self
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) -> &mut Self {
        let before = self.out.len();
        // Writing to memory does not fail.
        let _ = self.out.write_fmt(line);
        self.out.extend_from_slice(b"\r\n");
        self.no_body_since(before)
    }

    /// What was said since the output had this length is no body.
    fn no_body_since(&mut self, before: usize) -> &mut Self {
        if self.body_from == before {
            self.body_from = self.out.len();
        }
        self
    }

    /// A whole interim answer (1xx), not written yet.
    pub(crate) fn interim(&mut self, status: u16, header: &str) -> &mut Self {
        self.line(format_args!("HTTP/1.1 {status} {}\r\n{header}\r\n", reason(status)));
        self
    }

    /// An answer with a small text body, ending in a line end.
    pub(crate) async fn text(&mut self, status: u16, text: &str) -> Answered {
        self.head(status);
        self.end_text(text).await
    }

    /// The rest of an answer whose head has been begun: its framing and a small text body.
    pub(crate) async fn end_text(&mut self, text: &str) -> Answered {
        let text = format!("{text}\n");
        // No body may follow these (RFC 9110, section 6.4.1).
        if matches!(self.status, Some(204 | 205 | 304 | 100..=199)) {
            if self.status == Some(205) {
                self.length(0);
            }
            self.end_head();
        } else {
            self.header("Content-Type", "text/plain; charset=utf-8");
            self.length(text.len() as u64).end_head();
            self.body(text.as_bytes()).await?;
        }
        self.flush().await
    }

    /// Body bytes, as they are on the wire; none are sent to a HEAD request.
    pub(crate) async fn body(&mut self, bytes: &[u8]) -> Answered {
        if self.request.is_head() {
            return Ok(());
        }
        self.out.extend_from_slice(bytes);
        if self.out.len() as u64 >= PIECE {
            self.flush().await?;
        }
        Ok(())
    }

    /// Bytes on the wire that are no body: chunk framing, garbage.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        let before = self.out.len();
        self.out.extend_from_slice(bytes);
        if let Road::Two(stream) = &mut self.road {
            stream.bare = true;
        }
        self.no_body_since(before)
    }

    /// A number in `[0, 1)` that is the same for the same seed, request and attempt.
    pub(crate) fn draw(&self, what: &[u8]) -> f64 {
        let Request { method, target, .. } = self.request;
        draw(self.shared.seed, method, target, self.attempt, what)
    }

    /// Who sent it.
    pub(crate) fn client(&self) -> IpAddr {
        self.conn.client
    }

    /// How long the server's load model made it wait.
    pub(crate) fn held(&self) -> Duration {
        self.load.map_or(Duration::ZERO, |load| load.wait)
    }

    /// Whether it came over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        match &self.road {
            Road::One { wire, .. } => matches!(wire, Wire::Tls(..)),
            Road::Two(stream) => stream.secure,
        }
    }

    /// Hands all that was said to the system, counting body bytes as they go.
    pub(crate) async fn flush(&mut self) -> Answered {
        let shared = self.shared;
        let Road::One { wire, inbox } = &mut self.road else {
            return Box::pin(self.flush_two()).await;
        };
        let (mut written, mut may) = (0, 0);
        while written < self.out.len() {
            if may == written {
                may += turn(shared, self.out.len() - written, until_gone(wire, inbox)).await?;
            }
            let n = match timeout(PATIENCE, wire.write(&self.out[written..may])).await {
                Ok(Ok(n)) if n > 0 => n,
                Ok(Ok(_)) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(Err(error)) => return Err(error.into()),
                Err(late) => return Err(io::Error::from(late).into()),
            };
            let before = written.max(self.body_from);
            written += n;
            self.sent += written.saturating_sub(before) as u64;
        }
        self.out.clear();
        self.body_from = 0;
        wire.flush().await?;
        Ok(())
    }

    /// Waits for `time` from now, or until the client leaves.
    pub(crate) async fn pause(&mut self, time: Duration) -> Answered {
        self.wait(self.arrived.elapsed() + time).await
    }

    /// Waits until `time` after the request arrived, or until the client leaves.
    pub(crate) async fn wait(&mut self, time: Duration) -> Answered {
        let until = self.arrived + time;
        if time.is_zero() || until <= Instant::now() {
            return Ok(());
        }
        tokio::select! {
            biased;
            gone = self.road.gone() => Err(gone.into()),
            () = sleep_until(until) => Ok(()),
        }
    }

    /// Waits for the client to leave. No answer ever follows.
    pub(crate) async fn outlast(&mut self) -> Answered {
        self.end = End::Close;
        match timeout(PATIENCE, self.road.gone()).await {
            Ok(gone) => Err(gone.into()),
            Err(_) => Ok(()),
        }
    }

    /// Will close in order after this exchange, but under TLS without saying so.
    pub(crate) fn close_without_notify(&mut self) {
        self.end = End::Close;
        if let Road::One { wire, .. } = &mut self.road {
            wire.close_without_notify();
        }
    }

    /// Everything said so far, then a TLS record that was never sealed with its keys.
    pub(crate) async fn bad_record(&mut self) -> Answered {
        self.flush().await?;
        let Road::One { wire, .. } = &mut self.road else { return Err(Trouble::NeedsHttp11) };
        let record = [b"\x17\x03\x03\x00\x20".as_slice(), &[0x55; 32]].concat();
        timeout(PATIENCE, wire.write_beneath(&record)).await.map_err(io::Error::from)??;
        Ok(())
    }

    /// Everything said so far, then a reset.
    pub(crate) async fn reset(&mut self) -> Answered {
        self.end = End::Reset;
        self.flush().await
    }

    /// Refuses a request that cannot be served.
    pub(crate) async fn refuse(&mut self, why: &str) -> Answered {
        self.decision = "refused";
        self.text(400, why).await
    }

    fn log(&mut self) {
        let truth = &self.shared.truth;
        if truth.is_none() {
            return;
        }
        let (http, stream, rst_stream) = match &self.road {
            Road::One { .. } => (1, None, None),
            Road::Two(stream) => (2, Some(stream.id), stream.reset.map(|code| code.0)),
        };
        truth.add_http(HttpRecord {
            at: self.arrived.duration_since(self.shared.started),
            conn: self.conn.number,
            method: self.request.method.to_owned(),
            host: self.request.host.to_ascii_lowercase(),
            path: self.request.target.to_owned(),
            authorization: self.request.carries("authorization")
                || self.request.carries("proxy-authorization"),
            cookie: self.request.carries("cookie"),
            attempt: self.attempt,
            decision: self.decision,
            rule: self.rule,
            delay: self.delay,
            status: self.status,
            retry_after: self.again.take(),
            whole: (self.cut && self.status.is_none_or(|status| (200..300).contains(&status)))
                .then(|| self.content.length()),
            body_promised: self.promised,
            body_sent: self.sent,
            end: self.end,
            http: Some(http),
            stream,
            rst_stream,
            load: self.load,
        });
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if !self.done && self.end == End::Keep {
            self.end = End::Close;
        }
        self.log();
    }
}

/// How many of so many bytes may go; waits for their turn, or until the client is `gone`.
async fn turn(
    shared: &Shared,
    bytes: usize,
    gone: impl Future<Output = io::Error>,
) -> io::Result<usize> {
    let Some(gate) = shared.gate.as_ref().filter(|gate| gate.paces) else { return Ok(bytes) };
    tokio::select! {
        biased;
        gone = gone => Err(gone),
        turn = gate.turn(bytes, shared.started) => Ok(turn),
    }
}

/// A number in `[0, 1)`, one for each seed, request, attempt and purpose.
pub(crate) fn draw(seed: u64, method: &str, target: &str, attempt: u32, what: &[u8]) -> f64 {
    let parts = [method.as_bytes(), target.as_bytes(), &attempt.to_le_bytes(), what];
    Draws::from(hash(seed, &parts)).unit()
}

//! Connections: queries may be sent at once, and answers come in the order of their times (RFC 7766).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::answer::Desk;
use super::due::{Due, Waiting};
use super::play::Packet;
use crate::http::reset_on_close;
use crate::running::pass_on_panic;
use crate::stats::Counters;
use crate::truth::Proto;

/// A connection this long without a query, and with no answer due, is closed.
const IDLE: Duration = Duration::from_secs(30);
/// Connections served at once; more wait in the system's queue.
const CONNECTIONS: usize = 10_000;
/// Answers that wait on one connection before no more queries are read from it.
const WAITING: usize = 1000;
/// The wait after an accept failed, say for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(crate) async fn serve(listener: TcpListener, desk: Arc<Desk>, counters: Arc<Counters>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(ended) = connections.join_next() => pass_on_panic(ended),
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, from)) => {
                    connections.spawn(open(stream, from, Arc::clone(&desk), Arc::clone(&counters)));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

async fn open(stream: TcpStream, from: SocketAddr, desk: Arc<Desk>, counters: Arc<Counters>) {
    let _open = counters.connections.enter();
    let mut pending = Pending { waiting: Waiting::default(), counters: &counters };
    // However it ended, the connection is over.
    let _ = converse(stream, from, &desk, &mut pending).await;
}

struct Pending<'a> {
    waiting: Waiting,
    counters: &'a Counters,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        for _ in 0..self.waiting.len() {
            self.counters.requests.end();
        }
    }
}

async fn converse(
    mut stream: TcpStream,
    from: SocketAddr,
    desk: &Desk,
    pending: &mut Pending<'_>,
) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    let mut inbox = Vec::new();
    let mut ended = false;
    loop {
        let mut used = 0;
        while pending.waiting.len() < WAITING {
            let Some((message, length)) = frame(&inbox[used..]) else { break };
            if let Some(reply) = desk.reply(message, Proto::Tcp, from, true) {
                pending.counters.requests.begin_with(reply.packets.len().max(1) as u64);
                if reply.packets.is_empty() {
                    pending.counters.requests.end();
                }
                for Packet { after, bytes, elsewhere } in reply.packets {
                    let at = Instant::now() + after;
                    pending.waiting.push(Due { at, to: from, bytes, elsewhere });
                }
                if reply.reset {
                    return reset_on_close(&stream);
                }
            }
            used += length;
        }
        inbox.drain(..used);
        let mut out = Vec::new();
        let now = Instant::now();
        let mut due = 0_usize;
        while let Some(answer) = pending.waiting.pop(now) {
            let length = u16::try_from(answer.bytes.len()).unwrap_or_default();
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&answer.bytes);
            due += 1;
        }
        if !out.is_empty() {
            let written = timeout(IDLE, stream.write_all(&out)).await;
            for _ in 0..due {
                pending.counters.requests.end();
            }
            written??;
            continue;
        }
        let full = pending.waiting.len() >= WAITING;
        let quiet = pending.waiting.len() == 0;
        if ended && quiet {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = pending.waiting.next() => {}
            read = stream.read_buf(&mut inbox), if !full && !ended => ended = read? == 0,
            () = sleep(IDLE), if quiet => return Ok(()),
        }
    }
}

/// The message at the start, and its length with its prefix.
fn frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (prefix, rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*prefix));
    Some((rest.get(..length)?, length + 2))
}

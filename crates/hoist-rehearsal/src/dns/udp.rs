//! Datagrams: all that have come are answered before any waiting for more.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::answer::Desk;
use super::due::{Due, Waiting};
use super::play::Packet;
use crate::stats::Counters;
use crate::truth::Proto;

/// The most answers that wait for their time; queries beyond are logged as `overflow` and lost.
const WAITING: usize = 100_000;
/// Datagrams taken before answers that have become due are sent.
const BURST: usize = 64;
/// Longer queries than this are none.
const QUERY: usize = 4096;

/// `elsewhere` is a socket of another address, for answers that come from where nobody asked.
pub(crate) async fn serve(
    (socket, elsewhere): (UdpSocket, UdpSocket),
    desk: Arc<Desk>,
    counters: Arc<Counters>,
) {
    let mut waiting = Waiting::default();
    let mut buffer = vec![0; QUERY];
    loop {
        let now = Instant::now();
        while let Some(due) = waiting.pop(now) {
            let from = if due.elsewhere { &elsewhere } else { &socket };
            send(from, &due.bytes, due.to).await;
            counters.requests.end();
        }
        tokio::select! {
            biased;
            () = waiting.next() => {}
            ready = socket.readable() => {
                if ready.is_err() {
                    return;
                }
                let mut answers = Vec::new();
                for _ in 0..BURST {
                    // Errors of earlier sends surface here too; they are none of ours.
                    let (n, from) = match socket.try_recv_from(&mut buffer) {
                        Ok(received) => received,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        Err(_) => continue,
                    };
                    let room = waiting.len() < WAITING;
                    let Some(reply) = desk.reply(&buffer[..n], Proto::Udp, from, room) else {
                        continue;
                    };
                    // In flight until its last answer is sent.
                    counters.requests.begin_with(reply.packets.len().max(1) as u64);
                    if reply.packets.is_empty() {
                        counters.requests.end();
                    }
                    for Packet { after, bytes, elsewhere } in reply.packets {
                        if after.is_zero() {
                            answers.push((bytes, from, elsewhere));
                        } else {
                            let at = Instant::now() + after;
                            waiting.push(Due { at, to: from, bytes, elsewhere });
                        }
                    }
                }
                for (bytes, to, from_elsewhere) in answers {
                    let from = if from_elsewhere { &elsewhere } else { &socket };
                    send(from, &bytes, to).await;
                    counters.requests.end();
                }
                // Others on this thread get their turn even under a flood.
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) {
    let sent = socket.try_send_to(bytes, to);
    if sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
        // An answer that can't be sent is lost, as answers may be.
        let _ = socket.send_to(bytes, to).await;
    }
}

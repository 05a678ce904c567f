//! Datagrams that have the right port and the right question, and an id that was never sent: someone
//! guesses. The next guess may be right, so that name is asked for over TCP.

use std::time::{Duration, Instant};

use super::{Exchange, narrow};
use crate::probe::exchange::server::SocketId;
use crate::probe::message;

/// Bounds what whoever sends them can make us do: each look is at all questions.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    since: Option<Instant>,
    looked_at: usize,
}

/// Questions that are looked at in each such time.
const LOOKS: usize = 1 << 18;
const EACH: Duration = Duration::from_millis(10);

impl Strangers {
    fn may_look(&mut self, now: Instant, questions: usize) -> bool {
        if self.since.is_none_or(|since| since + EACH <= now) {
            *self = Self { since: Some(now), looked_at: 0 };
        }
        self.looked_at = self.looked_at.saturating_add(questions);
        self.looked_at <= LOOKS
    }
}

impl Exchange {
    /// A datagram that has the id of no query that may be answered.
    pub(super) fn receive_stranger(&mut self, now: Instant, socket: SocketId, bytes: &[u8]) {
        if message::has_no_question(bytes) || !self.strangers.may_look(now, self.pending.len()) {
            return;
        }
        let Some(at) = self.sockets.get(socket.0 as usize).map(|socket| socket.server) else {
            return;
        };
        let meant: Vec<u32> = self
            .pending
            .iter()
            .filter(|(_, pending)| {
                pending.sent.iter().any(|sent| sent.socket == socket)
                    && message::asks(bytes, &pending.name, pending.rtype)
            })
            .map(|(index, _)| narrow(index))
            .collect();
        for index in meant {
            self.distrust(now, index, at);
        }
    }

    /// Someone may be guessing: none of the ids that he may yet hit counts any more. Where the question
    /// is being asked over TCP, it goes on so.
    pub(super) fn distrust(&mut self, now: Instant, index: u32, at: usize) {
        self.forget_all(index);
        if !self.pending[index as usize].state.is_over_tcp() {
            self.ask_over_tcp(now, index, at);
        }
    }
}

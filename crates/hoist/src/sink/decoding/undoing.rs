use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::Coded;
use super::chain::{Decoding, PIECE, Stop};
use crate::error::Error;
use crate::item::LateName;
use crate::outcome::Failure;
use crate::schedule::Ticket;
use crate::sink::hashing::Hashing;
use crate::sink::{Sink, Wanted, Written};

/// The coded bodies of one writer thread. They are decoded as they are written: what is hashed,
/// counted and saved is what they decode to.
pub(in crate::sink) struct Undoing<S: Sink> {
    bodies: HashMap<Ticket, Body<S>>,
    /// Shared by all bodies: nothing stays in them between two pieces of one.
    buffers: Vec<Vec<u8>>,
    /// Decoded bytes on their way to the sink.
    out: Vec<u8>,
}

struct Body<S: Sink> {
    state: State<S>,
    spoiled: Arc<OnceLock<Failure>>,
    /// Given back with the decoder.
    _memory: Option<OwnedSemaphorePermit>,
}

enum State<S: Sink> {
    Good(Box<Good<S>>),
    /// It was found wrong, and nothing of it is left. The rest of it may still come.
    Spoiled,
}

struct Good<S: Sink> {
    decoding: Decoding,
    saving: Saving<S>,
}

/// Where the decoded bytes go.
struct Saving<S: Sink> {
    /// Until the sink knows of it.
    wanted: Option<Box<Wanted>>,
    part: Option<S::Part>,
    hashing: Option<Box<Hashing>>,
    /// What it is to be called once it is whole.
    late: Option<Box<LateName>>,
}

impl<S: Sink> Undoing<S> {
    pub(in crate::sink) fn new() -> Self {
        Self { bodies: HashMap::new(), buffers: Vec::new(), out: Vec::new() }
    }

    /// Whether a body of which more comes is one of these.
    pub(in crate::sink) fn has(&self, ticket: Ticket) -> bool {
        self.bodies.contains_key(&ticket)
    }

    /// A body begins.
    pub(in crate::sink) fn begin(&mut self, ticket: Ticket, coded: Coded, mut wanted: Box<Wanted>) {
        let Coded { codings, limits, spoiled, memory } = coded;
        let decoding = Decoding::new(&codings, limits);
        let hashing = Hashing::new(wanted.hash).map(Box::new);
        let late = wanted.late.take();
        let saving = Saving { wanted: Some(wanted), part: None, hashing, late };
        let state = State::Good(Box::new(Good { decoding, saving }));
        self.bodies.insert(ticket, Body { state, spoiled, _memory: memory });
    }

    /// What became of the body, once it is finished; `Ok(None)` before.
    pub(in crate::sink) fn write(
        &mut self,
        sink: &mut S,
        ticket: Ticket,
        chunks: &[Bytes],
        finish: bool,
    ) -> Result<Option<Written>, Error> {
        let Some(mut body) = self.bodies.remove(&ticket) else { return Ok(None) };
        let State::Good(mut good) = body.state else {
            return Ok(self.spoiled(ticket, body, finish));
        };
        self.out.clear();
        let done = self.decode(sink, &mut good, chunks, finish);
        match done {
            Ok(()) if finish => {
                let bytes = good.decoding.made();
                good.saving.finish(sink, &self.out, bytes).map(Some)
            }
            Ok(()) => {
                body.state = State::Good(good);
                self.bodies.insert(ticket, body);
                Ok(None)
            }
            Err(Stop::Wrong(failure)) => {
                good.saving.discard(sink)?;
                body.state = State::Spoiled;
                // It is set once: what is spoiled is decoded no more.
                let _ = body.spoiled.set(failure);
                Ok(self.spoiled(ticket, body, finish))
            }
            Err(Stop::Fatal(error)) => {
                let _ = good.saving.discard(sink);
                Err(error)
            }
        }
    }

    /// Gives up a body.
    pub(in crate::sink) fn discard(&mut self, sink: &mut S, ticket: Ticket) -> Result<(), Error> {
        match self.bodies.remove(&ticket) {
            Some(Body { state: State::Good(good), .. }) => good.saving.discard(sink),
            _ => Ok(()),
        }
    }

    /// Gives up all of them.
    pub(in crate::sink) fn close(&mut self, sink: &mut S) {
        for (_, body) in self.bodies.drain() {
            if let State::Good(good) = body.state {
                let _ = good.saving.discard(sink);
            }
        }
    }

    fn spoiled(&mut self, ticket: Ticket, body: Body<S>, finish: bool) -> Option<Written> {
        if finish {
            return body.spoiled.get().cloned().map(Written::Refused);
        }
        self.bodies.insert(ticket, Body { _memory: None, ..body });
        None
    }

    /// Of the last piece, as much stays in `out` as fits there: it is hashed before it is written,
    /// so that a short body that is a wrong one is not written at all.
    fn decode(
        &mut self,
        sink: &mut S,
        good: &mut Good<S>,
        chunks: &[Bytes],
        finish: bool,
    ) -> Result<(), Stop> {
        let Good { decoding, saving } = good;
        let needed = decoding.buffers().max(self.buffers.len());
        self.buffers.resize_with(needed, || vec![0; PIECE]);
        let out = &mut self.out;
        let mut take = |mut decoded: &[u8]| {
            while !decoded.is_empty() {
                let (some, rest) = decoded.split_at(decoded.len().min(PIECE - out.len()));
                out.extend_from_slice(some);
                decoded = rest;
                if out.len() == PIECE {
                    saving.write(sink, out).map_err(Stop::Fatal)?;
                    out.clear();
                }
            }
            Ok(())
        };
        decoding.receive(chunks.iter().map(Bytes::len).sum());
        for chunk in chunks {
            decoding.feed(chunk, &mut self.buffers, &mut take)?;
        }
        if finish {
            decoding.end().map_err(Stop::Wrong)
        } else {
            saving.write(sink, out).map_err(Stop::Fatal)
        }
    }
}

impl<S: Sink> Saving<S> {
    fn write(&mut self, sink: &mut S, bytes: &[u8]) -> Result<(), Error> {
        if let Some(hashing) = &mut self.hashing {
            hashing.update(bytes);
        }
        if let Some(wanted) = self.wanted.take() {
            self.part = Some(sink.begin(*wanted)?);
        }
        self.part.as_mut().map_or(Ok(()), |part| sink.write(part, bytes))
    }

    /// Writes the last bytes, once the hash is known to be right. `bytes` are all.
    fn finish(mut self, sink: &mut S, last: &[u8], bytes: u64) -> Result<Written, Error> {
        if let Some(hashing) = &mut self.hashing {
            hashing.update(last);
        }
        let hash = match self.hashing.take().map(|hashing| hashing.finish()).transpose() {
            Ok(found) => found.unwrap_or_default(),
            Err(mismatch) => {
                self.discard(sink)?;
                return Ok(Written::Mismatched(mismatch));
            }
        };
        if let Err(error) = self.write(sink, last) {
            let _ = self.discard(sink);
            return Err(error);
        }
        // The sink has been told of it above.
        let Some(mut part) = self.part else { return Err(Error::Stopped) };
        if let (Some(late), Some(sha256)) = (self.late, &hash.sha256) {
            sink.rename(&mut part, late.of_body(sha256));
        }
        Ok(Written::Decoded(sink.finish(part)?, hash.told, bytes))
    }

    fn discard(self, sink: &mut S) -> Result<(), Error> {
        self.part.map_or(Ok(()), |part| sink.discard(part))
    }
}
